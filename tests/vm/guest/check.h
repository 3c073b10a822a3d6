/*
 * What the check programs of this folder are written with. A check is
 *
 *	CHECK(name) { EXPECT(condition); ... }
 *
 * Each runs in a process of its own with a deadline, so that one that dies or hangs is
 * told from the others. A line a check, the last line is the sum, `N passed, N failed`. The programs
 * run on Linux as well: a check that fails there is wrong.
 */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_LIMIT 300		/* seconds that a check may take */
#define CHECKS_MAX 64

#define EXPECT(c) do { if (!(c)) check_failed(__FILE__, __LINE__, #c); } while (0)
/* Two numbers that must be the same; both are shown. */
#define SAME(a, b) do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) { printf("  %s is %lld, not %lld\n", #a, a_, b_); check_failed(__FILE__, __LINE__, #a " == " #b); } \
	} while (0)
/* A call that fails with this error. */
#define FAILS(call, error) do { errno = 0; SAME(call, -1); SAME(errno, error); } while (0)

#define CHECK(name) \
	static void name(void); \
	__attribute__((constructor)) static void register_##name(void) { check_add(#name, name); } \
	static void name(void)

/* An address where nothing is; volatile, so that the compiler does not see that. */
static char *volatile nowhere __attribute__((unused)) = (char *)16;

static struct { const char *name; void (*fn)(void); } check_list[CHECKS_MAX];
static int check_count;

static inline void check_add(const char *name, void (*fn)(void))
{
	if (check_count == CHECKS_MAX)
		abort();
	check_list[check_count].name = name;
	check_list[check_count++].fn = fn;
}

/* From a check, or from a process that it made: that process ends with 99, which child_ok() looks for. */
static inline _Noreturn void check_failed(const char *file, int line, const char *what)
{
	int error = errno;

	printf("  %s:%d: %s (errno %d: %s)\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what, error, strerror(error));
	fflush(stdout);
	_exit(99);
}

/* Wait for a child of the check that must end with status 0. */
static inline void child_ok(pid_t pid)
{
	int status;

	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

/* Until a process sleeps. One that has said that it will, and has nothing else to wait for, does so there. */
static inline void wait_asleep(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'S') {
		FILE *f = fopen(path, "r");

		EXPECT(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
		fclose(f);
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	for (int i = 0; i < check_count; i++) {
		int status = 0;
		pid_t pid;

		for (int j = 1; j < argc; j++)
			status |= !strcmp(argv[j], check_list[i].name);
		if (argc > 1 && !status)
			continue;
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			alarm(CHECK_LIMIT);
			check_list[i].fn();
			fflush(stdout);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			printf("FAIL %s: no process: %s\n", check_list[i].name, strerror(errno));
			failed++;
		} else if (status) {
			printf("FAIL %s: %s %d\n", check_list[i].name, WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			failed++;
		} else {
			printf("ok %s\n", check_list[i].name);
			passed++;
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
