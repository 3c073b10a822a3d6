/*
 * What the machine holds: free pages of /proc/meminfo, and for each cache of /proc/slabinfo its objects in use and its
 * pages, after drop_caches. A test that takes counts, does something any number of times and calls counts_same() shows
 * that nothing stays behind: not a page, not an object. What is made once and kept is there after a first
 * round, so do one before counting.
 *
 * Only Dunlin's counts are exact; elsewhere counts_same() finds everything in order.
 */
#pragma once
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <time.h>

#define CACHES_MAX 128
#define SETTLE_TRIES 400		/* of 50 ms: timers and other programs' ends may be on their way */

struct counts {
	long free_kb;
	int caches;
	struct { char name[32]; long used, pages; } cache[CACHES_MAX];
};

/* Open all the time: a file that is open only while something is counted would be counted. */
static int counts_drop = -1, counts_slabs = -1, counts_memory = -1;

static inline void counts_text(int fd, char *buf, size_t size)
{
	size_t at = 0;
	ssize_t n;

	SAME(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, buf + at, size - 1 - at)) > 0)
		at += n;
	buf[at] = '\0';
}

static inline void counts_take(struct counts *c)
{
	static char text[1 << 15];
	char *line;

	if (counts_drop < 0) {
		counts_drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
		counts_slabs = open("/proc/slabinfo", O_RDONLY);
		counts_memory = open("/proc/meminfo", O_RDONLY);
		EXPECT(counts_drop >= 0 && counts_slabs >= 0 && counts_memory >= 0);
		/* All its pages, now: with more digits in it the text may need one more some time. */
		memset(text, 1, sizeof(text));
	}
	SAME(write(counts_drop, "3\n", 2), 2);
	memset(c, 0, sizeof(*c));
	/* The slabs first: what reading them takes is given back before the pages are counted. */
	counts_text(counts_slabs, text, sizeof(text));
	line = strchr(strchr(text, '\n') + 1, '\n') + 1;
	for (; *line && c->caches < CACHES_MAX; line = strchr(line, '\n') + 1) {
		int i = c->caches++;

		SAME(sscanf(line, "%31s %ld %*d %*d %*d %*d : tunables %*d %*d %*d : slabdata %ld",
			    c->cache[i].name, &c->cache[i].used, &c->cache[i].pages), 3);
	}
	SAME(write(counts_drop, "3\n", 2), 2);
	counts_text(counts_memory, text, sizeof(text));
	line = strstr(text, "MemFree:");
	EXPECT(line);
	c->free_kb = atol(line + 8);
}

static inline int counts_exact(void)
{
	struct utsname u;

	return !uname(&u) && strstr(u.release, "dunlin");
}

/* Pages that are free or hold objects; and how many objects: the same number may lie in more pages or in fewer. */
static inline int counts_differ(const struct counts *a, const struct counts *b)
{
	long kb = a->free_kb - b->free_kb;

	for (int i = 0; i < a->caches; i++) {
		if (a->cache[i].used != b->cache[i].used)
			return 1;
		kb += (a->cache[i].pages - b->cache[i].pages) * 4;
	}
	return kb || a->caches != b->caches;
}

static inline int counts_differ_in_pages(const struct counts *a, const struct counts *b)
{
	return a->free_kb != b->free_kb || a->caches != b->caches || memcmp(a->cache, b->cache, sizeof(a->cache));
}

static inline void counts_show(const struct counts *a, const struct counts *b)
{
	printf("  free: %ld KiB before, %ld after (%+ld)\n", a->free_kb, b->free_kb, b->free_kb - a->free_kb);
	for (int i = 0; i < b->caches; i++)
		if (memcmp(&a->cache[i], &b->cache[i], sizeof(a->cache[i])))
			printf("  %s: %ld objects in %ld pages before, %ld in %ld after\n", b->cache[i].name, a->cache[i].used,
			       a->cache[i].pages, b->cache[i].used, b->cache[i].pages);
}

static inline pid_t fork_or_end(void)
{
	pid_t pid = fork();

	EXPECT(pid >= 0);
	return pid;
}

/* As many processes at once as there will ever be: the kernel keeps the addresses of their stacks for the next ones. */
static inline void crowd(int n)
{
	int p[2];
	char c;

	EXPECT(pipe(p) == 0);
	for (int i = 0; i < n; i++)
		if (!fork_or_end()) {
			close(p[1]);
			_exit(read(p[0], &c, 1));
		}
	close(p[0]);
	close(p[1]);
	for (int i = 0; i < n; i++)
		EXPECT(waitpid(-1, NULL, 0) > 0);
}

static struct counts counts_before, counts_now;

/* A stack deep enough for all that comes: how near its end lies to a page's is chance. */
static __attribute__((noinline)) void counts_stack(void)
{
	volatile char deep[1 << 14];

	for (size_t i = 0; i < sizeof(deep); i += 1024)
		deep[i] = 1;
}

static inline long counts_used(const struct counts *c, const char *name)
{
	for (int i = 0; i < c->caches; i++)
		if (!strcmp(c->cache[i].name, name))
			return c->cache[i].used;
	return 0;
}

static inline int counts_entries(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	if (d)
		closedir(d);
	return n;
}

/* Threads of programs that can still be seen. */
static inline int counts_tasks(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char path[300];
	int n = 0;

	EXPECT(d);
	while ((e = readdir(d)))
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9') {
			snprintf(path, sizeof(path), "/proc/%s/task", e->d_name);
			n += counts_entries(path);
		}
	closedir(d);
	return n;
}

/*
 * Where counting begins: when nothing is ending any more. A thread that was waited for may still have to leave its CPU
 * for the last time, and holds its registers until then; a packet may lie in the queue of the loopback interface.
 */
static inline void counts_begin(void)
{
	counts_stack();
	for (int i = 0; i < SETTLE_TRIES; i++) {
		/* Before the counts: what it takes of this program's memory is in them. */
		int tasks = counts_tasks();

		/* Several times: the first ones make pages of this program present. */
		for (int j = 0; j < 3; j++) {
			counts_take(&counts_now);
			counts_take(&counts_before);
		}
		if (!counts_exact() || (counts_used(&counts_before, "fp_state") == tasks && !counts_used(&counts_before, "pkt")))
			return;
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	counts_show(&counts_now, &counts_before);
	EXPECT(!"nothing is ending");
}

/* Is everything as it was? What ends by itself may take its time to end. */
static inline int counts_come_back(int (*differ)(const struct counts *a, const struct counts *b))
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		counts_take(&counts_now);
		if (!differ(&counts_before, &counts_now) || !counts_exact())
			return 1;
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	return 0;
}

static inline void counts_same(int (*differ)(const struct counts *a, const struct counts *b))
{
	if (counts_come_back(differ))
		return;
	counts_show(&counts_before, &counts_now);
	EXPECT(!"the counts are as they were");
}
