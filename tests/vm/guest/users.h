/*
 * Two users without privileges, and what the check programs about them do alike. Runs as root.
 */
#pragma once
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/capability.h>

enum { ALICE = 1001, BOB = 1002 };

#define BIT(n) (1ull << (n))
#define ALL_CAPS (BIT(CAP_LAST_CAP + 1) - 1)

static inline void caps_set(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, 0 }, { effective >> 32, permitted >> 32, 0 },
	};

	SAME(syscall(SYS_capset, &h, d), 0);
}

/* The calling process becomes that user's, in no other group than one by the same number. */
static inline void become(unsigned uid)
{
	SAME(setgroups(0, NULL), 0);
	SAME(setresgid(uid, uid, uid), 0);
	SAME(setresuid(uid, uid, uid), 0);
	/* As a program that this user started. */
	SAME(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* The same with these capabilities and no others. */
static inline void become_with(unsigned uid, uint64_t caps)
{
	SAME(prctl(PR_SET_KEEPCAPS, 1), 0);
	become(uid);
	caps_set(caps, caps);
}

/* Run the following statement in a process of that user; it must not fail. */
#define AS(uid, ...) do { \
		fflush(stdout); \
		pid_t pid_ = fork(); \
		if (pid_ == 0) { become(uid); __VA_ARGS__; fflush(stdout); _exit(0); } \
		child_ok(pid_); \
	} while (0)

/* A process that waits to be killed, once prepare() has run in it as that user. */
static inline pid_t waiter(unsigned uid, void (*prepare)(void))
{
	int p[2];
	pid_t pid;
	char c;

	SAME(pipe(p), 0);
	pid = fork();
	if (!pid) {
		alarm(CHECK_LIMIT);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uid)
			become(uid);
		if (prepare)
			prepare();
		SAME(write(p[1], "", 1), 1);
		for (;;)
			pause();
	}
	close(p[1]);
	SAME(read(p[0], &c, 1), 1);
	close(p[0]);
	return pid;
}

static inline int died_of(pid_t pid)
{
	int status;

	SAME(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static inline void end(pid_t pid)
{
	SAME(kill(pid, SIGKILL), 0);
	SAME(died_of(pid), SIGKILL);
}

/* A folder for everybody, without the sticky bit unless it is in mode. */
static inline const char *folder(const char *name, unsigned mode)
{
	SAME(mkdir(name, 0700), 0);
	SAME(chmod(name, mode), 0);
	return name;
}

static inline void file_of(const char *name, unsigned uid, unsigned mode)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	EXPECT(fd >= 0);
	SAME(write(fd, "text\n", 5), 5);
	SAME(fchown(fd, uid, uid), 0);
	SAME(fchmod(fd, mode), 0);
	close(fd);
}

static inline unsigned mode_of(const char *name)
{
	struct stat st;

	SAME(lstat(name, &st), 0);
	return st.st_mode & 07777;
}
