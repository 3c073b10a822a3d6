/*
 * Files that lose pages while they are mapped, and page tables that are no longer needed.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static siginfo_t fault;

static void jump_back(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault = *info;
	siglongjmp(back, sig);
}

/* The signal that reading p gives; 0: none. What it said is in fault. */
static int touch(volatile char *p)
{
	struct sigaction sa = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO };
	int sig;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sig = sigsetjmp(back, 1);
	if (!sig)
		(void)*p;
	return sig;
}

static void gone(char *p)
{
	SAME(touch(p), SIGBUS);
	SAME(fault.si_code, BUS_ADRERR);
	EXPECT(fault.si_addr == p);
}

static int file_of(size_t pages)
{
	int fd = syscall(SYS_memfd_create, "file", 0);
	char page[PAGE];

	EXPECT(fd >= 0);
	for (size_t i = 0; i < pages; i++) {
		memset(page, 'a' + i, PAGE);
		SAME(pwrite(fd, page, PAGE, i * PAGE), PAGE);
	}
	return fd;
}

static char *map(int fd, size_t pages, int flags)
{
	char *m = mmap(NULL, pages * PAGE, RW, flags, fd, 0);

	EXPECT(m != MAP_FAILED);
	return m;
}

CHECK(pages_beyond_the_end_go_at_once)
{
	int fd = file_of(4);
	char *m = map(fd, 4, MAP_SHARED);

	EXPECT(m[0] == 'a' && m[PAGE] == 'b' && m[3 * PAGE] == 'd');
	SAME(ftruncate(fd, PAGE + 10), 0);
	gone(m + 2 * PAGE);
	gone(m + 3 * PAGE + 123);
	SAME(touch(m + PAGE + 100), 0);
	/* The rest of the last page reads as zeros, and stays so when the file grows again. */
	EXPECT(m[PAGE + 9] == 'b' && m[PAGE + 10] == 0 && m[2 * PAGE - 1] == 0);
	SAME(ftruncate(fd, 4 * PAGE), 0);
	EXPECT(m[PAGE + 10] == 0 && m[2 * PAGE] == 0 && m[4 * PAGE - 1] == 0);
	m[3 * PAGE] = 'x';
	EXPECT(pread(fd, m, 1, 3 * PAGE) == 1 && m[0] == 'x');
	SAME(ftruncate(fd, 0), 0);
	gone(m);
}

CHECK(private_copies_beyond_the_end_go_too)
{
	int fd = file_of(4);
	char *m = map(fd, 4, MAP_PRIVATE);

	m[PAGE] = 'B';
	m[2 * PAGE] = 'C';
	EXPECT(m[3 * PAGE] == 'd');
	SAME(ftruncate(fd, PAGE + 1), 0);
	EXPECT(m[PAGE] == 'B' && m[PAGE + 100] == 'b');
	gone(m + 2 * PAGE);
	gone(m + 3 * PAGE);
	SAME(ftruncate(fd, 4 * PAGE), 0);
	EXPECT(m[2 * PAGE] == 0 && m[3 * PAGE] == 0);
}

/* The kernel meets the end as the program does. */
CHECK(system_calls_fail_beyond_the_end)
{
	int fd = file_of(2), pipes[2];
	char *m = map(fd, 2, MAP_SHARED);

	SAME(pipe(pipes), 0);
	EXPECT(m[PAGE] == 'b');
	SAME(ftruncate(fd, PAGE), 0);
	FAILS(write(pipes[1], m + PAGE, 1), EFAULT);
	SAME(write(pipes[1], m + PAGE - 1, 1), 1);
}

CHECK(every_space_loses_them)
{
	int fd = file_of(3), go[2], done[2], status;
	char *m = map(fd, 3, MAP_SHARED), *n = map(fd, 3, MAP_PRIVATE), c;
	pid_t pid;

	SAME(pipe(go), 0);
	SAME(pipe(done), 0);
	m[PAGE] = 'm';
	n[2 * PAGE] = 'n';
	/* Cut and moved regions are found as well. */
	SAME(mprotect(m + PAGE, PAGE, PROT_READ), 0);
	n = mremap(n, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
	EXPECT(n != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		EXPECT(m[PAGE] == 'm' && n[2 * PAGE] == 'n');
		SAME(write(done[1], "", 1), 1);
		SAME(read(go[0], &c, 1), 1);
		gone(m + PAGE);
		gone(m + 2 * PAGE);
		gone(n + 2 * PAGE);
		EXPECT(m[0] == 'a' && n[0] == 'a');
		_exit(0);
	}
	SAME(read(done[0], &c, 1), 1);
	SAME(ftruncate(fd, PAGE), 0);
	gone(m + PAGE);
	gone(n + 2 * PAGE);
	SAME(write(go[1], "", 1), 1);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(holes_are_made_where_it_is_mapped)
{
	int fd = file_of(4);
	char *m = map(fd, 4, MAP_SHARED), *n = map(fd, 4, MAP_PRIVATE);

	n[PAGE] = 'N';
	EXPECT(m[2 * PAGE] == 'c' && n[2 * PAGE] == 'c');
	SAME(madvise(m + PAGE, 2 * PAGE, MADV_REMOVE), 0);
	EXPECT(m[0] == 'a' && m[PAGE] == 0 && m[2 * PAGE] == 0 && m[3 * PAGE] == 'd');
	/* A private copy is nobody else's to take. */
	EXPECT(n[PAGE] == 'N' && n[2 * PAGE] == 0 && n[3 * PAGE] == 'd');
	m[PAGE] = 'y';
	SAME(pread(fd, n, 1, PAGE), 1);
	SAME(n[0], 'y');
	FAILS(madvise(n, PAGE, MADV_REMOVE), EACCES);
	FAILS(madvise(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE, MADV_REMOVE), EINVAL);
	m = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(m, 1, 2 * PAGE);
	SAME(madvise(m, PAGE, MADV_REMOVE), 0);
	EXPECT(m[0] == 0 && m[PAGE] == 1);
}

/* Write what a reader can check, through a mapping that comes and goes; what is beyond the end is jumped over. */
static void storm_writer(int fd, int turns)
{
	struct sigaction sa = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &sa, NULL);
	for (volatile int i = 0; i < turns; i++) {
		char *m = map(fd, 16, i & 1 ? MAP_SHARED : MAP_PRIVATE);
		char *volatile at = m;

		if (!sigsetjmp(back, 1)) {
			for (size_t p = 0; p < 16; p++)
				at[p * PAGE + 8] = 1;
			SAME(mprotect(m + 4 * PAGE, 3 * PAGE, PROT_READ), 0);
			SAME(mprotect(m + 4 * PAGE, 3 * PAGE, RW), 0);
			at = mremap(m, 16 * PAGE, 17 * PAGE, MREMAP_MAYMOVE);
			EXPECT(at != MAP_FAILED);
			for (size_t p = 0; p < 16; p++)
				at[p * PAGE + 8] = 2;
			SAME(munmap(at, 17 * PAGE), 0);
		} else {
			munmap(at, at == m ? 16 * PAGE : 17 * PAGE);
		}
	}
	_exit(0);
}

CHECK(truncation_races_with_faults)
{
	int fd = file_of(16), status, left = 3;
	char page[PAGE];

	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			storm_writer(fd, 300);
	while (left) {
		for (int i = 0; i < 20; i++) {
			SAME(ftruncate(fd, (i % 16) * PAGE + 5), 0);
			SAME(ftruncate(fd, 16 * PAGE), 0);
		}
		while (left && waitpid(-1, &status, WNOHANG) > 0) {
			SAME(status, 0);
			left--;
		}
	}
	/* Nobody kept a page that the file no longer has. */
	SAME(ftruncate(fd, 0), 0);
	SAME(ftruncate(fd, 16 * PAGE), 0);
	for (int i = 0; i < 16; i++) {
		SAME(pread(fd, page, PAGE, i * PAGE), PAGE);
		for (size_t k = 0; k < PAGE; k++)
			SAME(page[k], 0);
	}
}

/* KiB of a line of /proc/self/status. */
static long status_of(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long n = -1;

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return n;
}

CHECK(empty_tables_are_given_back)
{
	size_t step = 4ul << 20, span = 64 * step;
	char *m = mmap(NULL, span, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *n;
	long before = status_of("VmPTE"), full;

	EXPECT(m != MAP_FAILED && before > 0);
	for (size_t i = 0; i < span; i += step)
		m[i] = 1;
	full = status_of("VmPTE");
	EXPECT(full >= before + 60 * 4);
	/* Moved elsewhere and gone from here. */
	n = mremap(m, span / 2, span / 2 + PAGE, MREMAP_MAYMOVE);
	EXPECT(n != MAP_FAILED && n != m && n[span / 2 - step] == 1);
	EXPECT(status_of("VmPTE") <= full + 36 * 4);
	SAME(munmap(n, span / 2 + PAGE), 0);
	EXPECT(status_of("VmPTE") <= full - 30 * 4);
	/* In the middle, table by table. */
	for (size_t i = span / 2; i < span; i += step)
		SAME(munmap(m + i, step), 0);
	EXPECT(status_of("VmPTE") <= before + 12);
	/* What is left works. */
	m = mmap(m, span, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(m != MAP_FAILED);
	for (size_t i = 0; i < span; i += step)
		EXPECT(m[i] == 0);
}

/* Map, fill, look, move and unmap at sizes that begin and end anywhere in a table. */
static void *maps_and_unmaps(void *arg)
{
	unsigned state = (uintptr_t)arg;

	for (int i = 0; i < 60; i++) {
		state = state * 1103515245 + 12345;
		size_t pages = 1 + (state >> 8) % 1500, step = 1 + (state >> 20) % 97;
		char *m = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		EXPECT(m != MAP_FAILED);
		for (size_t p = 0; p < pages; p += step)
			m[p * PAGE] = 1 + p % 100;
		if (pages > 10) {
			SAME(munmap(m + 3 * PAGE, 4 * PAGE), 0);
			SAME(munmap(m, 3 * PAGE), 0);
			m = mremap(m + 7 * PAGE, (pages - 7) * PAGE, (pages + 600) * PAGE, MREMAP_MAYMOVE);
			EXPECT(m != MAP_FAILED);
			for (size_t p = 7; p < pages; p++)
				SAME(m[(p - 7) * PAGE], p % step ? 0 : 1 + p % 100);
			SAME(munmap(m, (pages + 600) * PAGE), 0);
		} else {
			SAME(munmap(m, pages * PAGE), 0);
		}
	}
	return NULL;
}

CHECK(threads_map_and_unmap)
{
	long before = status_of("VmPTE");
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		SAME(pthread_create(&t[i], NULL, maps_and_unmaps, (void *)(uintptr_t)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		SAME(pthread_join(t[i], NULL), 0);
	EXPECT(status_of("VmPTE") <= before + 120);
}
