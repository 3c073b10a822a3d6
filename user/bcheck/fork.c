/* fork: two processes of one, what they share and what they do not. */
#include "bcheck.h"
#include <sched.h>
#include <sys/resource.h>

static volatile int variable = 1;

static void identity(void)
{
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		EXPECT(getpid() != self);
		SAME(getppid(), self);
		SAME(getpgrp(), getpgid(self));
		SAME(getsid(0), getsid(self));
		SAME(variable, 1);
		variable = 2;
		_exit(0);
	}
	EXPECT(child > 0);
	SAME(getpid(), self);
	child_ok(child);
	SAME(variable, 1);
	FAILS(kill(child, 0), ESRCH);
}

/* The descriptors are copies, the open files are not. */
static void descriptors(void)
{
	int fd = pattern_file("file", 100);
	pid_t child = fork();

	if (child == 0) {
		SAME(lseek(fd, 10, SEEK_SET), 10);
		close(fd);
		_exit(0);
	}
	child_ok(child);
	SAME(lseek(fd, 0, SEEK_CUR), 10);
	close(fd);
}

/* The mask and the handlers go along, what is pending and the alarm do not. */
static void signals(void)
{
	sigset_t set, old;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SAME(sigprocmask(SIG_BLOCK, &set, &old), 0);
	signal(SIGUSR2, SIG_IGN);
	SAME(raise(SIGUSR1), 0);
	alarm(1000);
	child = fork();
	if (child == 0) {
		struct sigaction action;

		SAME(sigpending(&set), 0);
		SAME(sigismember(&set, SIGUSR1), 0);
		SAME(sigprocmask(SIG_BLOCK, NULL, &set), 0);
		SAME(sigismember(&set, SIGUSR1), 1);
		SAME(sigaction(SIGUSR2, NULL, &action), 0);
		EXPECT(action.sa_handler == SIG_IGN);
		SAME(alarm(0), 0);
		_exit(0);
	}
	child_ok(child);
	EXPECT(alarm(0) > 0);
	SAME(sigpending(&set), 0);
	SAME(sigismember(&set, SIGUSR1), 1);
	signal(SIGUSR1, SIG_IGN);
	SAME(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

/* Many alive at once, each with a number and a status of its own. */
static void many(void)
{
	enum { CHILDREN = 40 };
	pid_t children[CHILDREN];
	int gate[2];
	char c;

	SAME(pipe(gate), 0);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		EXPECT(children[i] >= 0);
		if (children[i] == 0) {
			close(gate[1]);
			SAME(read(gate[0], &c, 1), 0);
			_exit(i);
		}
		for (int j = 0; j < i; j++)
			EXPECT(children[j] != children[i]);
	}
	close(gate[1]);
	for (int i = CHILDREN - 1; i >= 0; i--) {
		int status;

		SAME(waitpid(children[i], &status, 0), children[i]);
		SAME(status, i << 8);
	}
	close(gate[0]);
}

static void limit(void)
{
	struct rlimit limit = { 0, 0 };

	be_nobody();
	SAME(setrlimit(RLIMIT_NPROC, &limit), 0);
	FAILS(fork(), EAGAIN);
	_exit(0);
}

static int borrow(void *order)
{
	*(volatile int *)order = 1;
	_exit(7);
}

/* As vfork, which the C library does not let us see: the child has its parent's memory, who waits for its end. */
static void lending(void)
{
	static _Alignas(16) char stack[16384];
	volatile int order = 0;
	int status;
	pid_t child = clone(borrow, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&order);

	SAME(order, 1);
	SAME(waitpid(child, &status, 0), child);
	SAME(status, 7 << 8);
}

CHECK(fork)
{
	pid_t child;

	identity();
	descriptors();
	signals();
	many();
	lending();
	child = fork();
	if (child == 0)
		limit();
	child_ok(child);
}
