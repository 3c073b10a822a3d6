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

static inline void counts_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t at = 0;
	ssize_t n;

	EXPECT(fd >= 0);
	while ((n = read(fd, buf + at, size - 1 - at)) > 0)
		at += n;
	close(fd);
	buf[at] = '\0';
}

static inline void counts_take(struct counts *c)
{
	static char text[1 << 15];
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	char *line;

	EXPECT(fd >= 0);
	SAME(write(fd, "3\n", 2), 2);
	close(fd);
	memset(c, 0, sizeof(*c));
	/* The slabs first: what reading them takes is given back before the pages are counted. */
	counts_text("/proc/slabinfo", text, sizeof(text));
	line = strchr(strchr(text, '\n') + 1, '\n') + 1;
	for (; *line && c->caches < CACHES_MAX; line = strchr(line, '\n') + 1) {
		int i = c->caches++;

		SAME(sscanf(line, "%31s %ld %*d %*d %*d %*d : tunables %*d %*d %*d : slabdata %ld",
			    c->cache[i].name, &c->cache[i].used, &c->cache[i].pages), 3);
	}
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	SAME(write(fd, "3\n", 2), 2);
	close(fd);
	counts_text("/proc/meminfo", text, sizeof(text));
	line = strstr(text, "MemFree:");
	EXPECT(line);
	c->free_kb = atol(line + 8);
}

static inline int counts_exact(void)
{
	struct utsname u;

	return !uname(&u) && strstr(u.release, "dunlin");
}

static inline int counts_differ(const struct counts *a, const struct counts *b)
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

static struct counts counts_before, counts_now;

/* Where counting begins. */
static inline void counts_begin(void)
{
	/* Three times: the first ones make pages of this program present. */
	for (int i = 0; i < 3; i++) {
		counts_take(&counts_now);
		counts_take(&counts_before);
	}
}

/* Everything is as it was; what ends by itself may take its time to end. */
static inline void counts_same(void)
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		counts_take(&counts_now);
		if (!counts_differ(&counts_before, &counts_now) || !counts_exact())
			return;
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	counts_show(&counts_before, &counts_now);
	EXPECT(!"the counts are as they were");
}
