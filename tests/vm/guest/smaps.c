/*
 * What /proc says of a program's mappings: smaps and smaps_rollup.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

/* A number of the region at an address: its KiB in that line; -1: not there. flags gets the last line. */
static long value_of(const char *file, const void *address, const char *name, char *flags)
{
	FILE *f = fopen(file, "r");
	char line[512];
	unsigned long start, end;
	int here = !address;
	long value = -1;

	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < strchr(line, ' '))
			here = !address || ((unsigned long)address >= start && (unsigned long)address < end);
		else if (here && !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = (value < 0 || address ? 0 : value) + atol(line + strlen(name) + 1);
		else if (here && flags && !strncmp(line, "VmFlags: ", 9))
			strcpy(flags, line + 8);
	}
	fclose(f);
	return value;
}

static long of(const void *address, const char *name)
{
	return value_of("/proc/self/smaps", address, name, NULL);
}

/* A hole on both sides keeps it from being joined with others. */
static char *lone(size_t pages, int flags)
{
	char *m = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(m != MAP_FAILED);
	EXPECT(mmap(m + PAGE, pages * PAGE, RW, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + PAGE);
	return m + PAGE;
}

CHECK(pages_are_counted)
{
	char *m = lone(8, MAP_PRIVATE), flags[256];

	m[0] = m[PAGE] = m[5 * PAGE] = 1;
	SAME(of(m, "Size"), 32);
	SAME(of(m, "KernelPageSize"), 4);
	SAME(of(m, "MMUPageSize"), 4);
	SAME(of(m, "Rss"), 12);
	SAME(of(m, "Pss"), 12);
	SAME(of(m, "Private_Dirty"), 12);
	SAME(of(m, "Private_Clean"), 0);
	SAME(of(m, "Shared_Dirty"), 0);
	SAME(of(m, "Anonymous"), 12);
	SAME(of(m, "Swap"), 0);
	SAME(of(m, "Locked"), 0);
	value_of("/proc/self/smaps", m, "Rss", flags);
	EXPECT(!strncmp(flags, " rd wr mr mw me ", 16) && strstr(flags, " ac "));
}

CHECK(sharers_divide_it)
{
	char *m = lone(4, MAP_PRIVATE), *s = lone(4, MAP_SHARED), flags[256];

	memset(m, 1, 4 * PAGE);
	memset(s, 1, 2 * PAGE);
	if (fork() == 0) {
		(void)*(volatile char *)s;
		s[PAGE] = 2;
		SAME(of(m, "Rss"), 16);
		SAME(of(m, "Pss"), 8);
		SAME(of(m, "Shared_Dirty"), 16);
		m[PAGE] = 2;
		SAME(of(m, "Pss"), 10);
		SAME(of(m, "Private_Dirty"), 4);
		SAME(of(m, "Shared_Dirty"), 12);
		SAME(of(s, "Rss"), 8);
		SAME(of(s, "Pss"), 4);
		SAME(of(s, "Shared_Dirty"), 8);
		SAME(of(s, "Anonymous"), 0);
		value_of("/proc/self/smaps", s, "Rss", flags);
		EXPECT(strstr(flags, " sh ") && strstr(flags, " ms "));
		_exit(0);
	}
	int status;
	EXPECT(wait(&status) > 0);
	SAME(status, 0);
	SAME(of(m, "Pss"), 16);
	SAME(of(s, "Pss"), 8);
	SAME(of(s, "Private_Dirty"), 8);
}

CHECK(advice_is_seen)
{
	char *m = lone(2, MAP_PRIVATE), flags[256];

	SAME(mlock(m, 2 * PAGE), 0);
	SAME(madvise(m, 2 * PAGE, MADV_DONTFORK), 0);
	SAME(of(m, "Locked"), 8);
	value_of("/proc/self/smaps", m, "Rss", flags);
	EXPECT(strstr(flags, " lo ") && strstr(flags, " dc "));
	SAME(munlock(m, 2 * PAGE), 0);
	SAME(madvise(m, 2 * PAGE, MADV_DOFORK), 0);
	SAME(madvise(m, 2 * PAGE, 18), 0);	/* MADV_WIPEONFORK */
	value_of("/proc/self/smaps", m, "Rss", flags);
	EXPECT(!strstr(flags, " lo ") && !strstr(flags, " dc ") && strstr(flags, " wf "));
}

CHECK(all_together)
{
	char smaps[64], rollup[64], c;
	int pipes[2];
	pid_t pid;
	FILE *f;

	SAME(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		memset(lone(16, MAP_PRIVATE), 1, 16 * PAGE);
		SAME(write(pipes[1], "", 1), 1);
		pause();
	}
	SAME(read(pipes[0], &c, 1), 1);
	wait_asleep(pid);		/* until then there come pages */
	sprintf(smaps, "/proc/%d/smaps", pid);
	sprintf(rollup, "/proc/%d/smaps_rollup", pid);
	f = fopen(rollup, "r");
	EXPECT(f && fgets(smaps + 32, 32, f));
	fclose(f);
	SAME(value_of(rollup, NULL, "Rss", NULL), value_of(smaps, NULL, "Rss", NULL));
	SAME(value_of(rollup, NULL, "Private_Dirty", NULL), value_of(smaps, NULL, "Private_Dirty", NULL));
	SAME(value_of(rollup, NULL, "Anonymous", NULL), value_of(smaps, NULL, "Anonymous", NULL));
	/* Parts of KiB are lost in each region's line. */
	EXPECT(value_of(rollup, NULL, "Pss", NULL) >= value_of(smaps, NULL, "Pss", NULL));
	EXPECT(value_of(rollup, NULL, "Pss_Anon", NULL) >= 64);
	/* Others' are not to be looked at. */
	if (fork() == 0) {
		SAME(setuid(1000), 0);
		FAILS(open(smaps, O_RDONLY), EACCES);
		FAILS(open(rollup, O_RDONLY), EACCES);
		_exit(0);
	}
	wait(NULL);
	kill(pid, SIGKILL);
}
