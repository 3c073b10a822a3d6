/* Signals: who hears what, how often, and what a handler is told. */
#include "bcheck.h"
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t calls, inside, deepest, order[8];
static siginfo_t told;
static void *volatile frame;

static void count(int sig)
{
	if (++inside > deepest)
		deepest = inside;
	if (calls < 8)
		order[calls] = sig;
	calls++;
	if (sig == SIGUSR1 && calls == 1)
		raise(SIGUSR1);
	inside--;
}

static void tell(int sig, siginfo_t *info, void *context)
{
	int local;

	(void)sig;
	(void)context;
	told = *info;
	frame = &local;
	calls++;
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	SAME(sigaction(sig, &action, NULL), 0);
	calls = inside = deepest = 0;
}

static void handle_told(int sig, int flags)
{
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = flags | SA_SIGINFO };

	SAME(sigaction(sig, &action, NULL), 0);
	calls = 0;
}

static sigset_t block(int sig)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, sig);
	SAME(sigprocmask(SIG_BLOCK, &set, &old), 0);
	return old;
}

/* A signal waits while its handler runs, unless that does not want it so. */
static void nesting(void)
{
	struct sigaction action;

	handle(SIGUSR1, count, 0);
	SAME(raise(SIGUSR1), 0);
	SAME(calls, 2);
	SAME(deepest, 1);
	handle(SIGUSR1, count, SA_NODEFER);
	SAME(raise(SIGUSR1), 0);
	SAME(calls, 2);
	SAME(deepest, 2);
	handle(SIGUSR2, count, SA_RESETHAND);
	SAME(raise(SIGUSR2), 0);
	SAME(sigaction(SIGUSR2, NULL, &action), 0);
	EXPECT(action.sa_handler == SIG_DFL);
}

/* While blocked, an ordinary signal is kept once, a real-time one each time and in order. */
static void pending(void)
{
	sigset_t old = block(SIGUSR2), set;
	union sigval value;
	siginfo_t info;
	struct timespec none = { 0, 0 };

	handle(SIGUSR2, count, 0);
	for (int i = 0; i < 3; i++)
		SAME(kill(getpid(), SIGUSR2), 0);
	SAME(calls, 0);
	SAME(sigpending(&set), 0);
	SAME(sigismember(&set, SIGUSR2), 1);
	SAME(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	SAME(calls, 1);

	old = block(SIGRTMIN + 1);
	for (int i = 0; i < 3; i++) {
		value.sival_int = 100 + i;
		SAME(sigqueue(getpid(), SIGRTMIN + 1, value), 0);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	for (int i = 0; i < 3; i++) {
		SAME(sigwaitinfo(&set, &info), SIGRTMIN + 1);
		SAME(info.si_code, SI_QUEUE);
		SAME(info.si_value.sival_int, 100 + i);
		SAME(info.si_pid, getpid());
	}
	FAILS(sigtimedwait(&set, &info, &none), EAGAIN);
	SAME(sigprocmask(SIG_SETMASK, &old, NULL), 0);

	/* Ignoring throws away what waits. */
	old = block(SIGUSR2);
	SAME(raise(SIGUSR2), 0);
	signal(SIGUSR2, SIG_IGN);
	SAME(sigpending(&set), 0);
	SAME(sigismember(&set, SIGUSR2), 0);
	SAME(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

static void information(void)
{
	static char alternate[32768];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, off = { .ss_flags = SS_DISABLE };
	pid_t child;

	handle_told(SIGUSR1, 0);
	SAME(kill(getpid(), SIGUSR1), 0);
	SAME(calls, 1);
	SAME(told.si_signo, SIGUSR1);
	SAME(told.si_code, SI_USER);
	SAME(told.si_pid, getpid());
	SAME(told.si_uid, getuid());

	SAME(sigaltstack(&stack, NULL), 0);
	handle_told(SIGUSR1, SA_ONSTACK);
	SAME(raise(SIGUSR1), 0);
	EXPECT((char *)frame >= alternate && (char *)frame < alternate + sizeof(alternate));
	SAME(told.si_code, SI_TKILL);
	SAME(sigaltstack(&off, NULL), 0);
	stack.ss_size = 100;
	FAILS(sigaltstack(&stack, NULL), ENOMEM);

	handle_told(SIGCHLD, SA_RESTART);
	child = fork();
	if (child == 0)
		_exit(5);
	SAME(waitpid(child, NULL, 0), child);
	SAME(calls, 1);
	SAME(told.si_code, CLD_EXITED);
	SAME(told.si_pid, child);
	SAME(told.si_status, 5);
	signal(SIGCHLD, SIG_DFL);
}

/* A call that waits ends with EINTR, or goes on: then the byte that another process sends comes. */
static void interruption(void)
{
	int ends[2];
	char c;
	pid_t child;

	for (int restart = 0; restart < 2; restart++) {
		SAME(pipe(ends), 0);
		handle(SIGALRM, count, restart ? SA_RESTART : 0);
		/* It rings again and again: one that came before the read is not the last. */
		struct itimerval ring = { { 0, 5000 }, { 0, 5000 } }, quiet = { { 0, 0 }, { 0, 0 } };

		child = fork();
		if (child == 0) {
			if (restart) {
				struct timespec pause = { 0, 30000000 };

				while (nanosleep(&pause, &pause) < 0)
					;
				SAME(write(ends[1], "x", 1), 1);
			}
			_exit(0);
		}
		SAME(setitimer(ITIMER_REAL, &ring, NULL), 0);
		if (restart)
			SAME(read(ends[0], &c, 1), 1);
		else
			FAILS(read(ends[0], &c, 1), EINTR);
		SAME(setitimer(ITIMER_REAL, &quiet, NULL), 0);
		EXPECT(calls > 0);
		while (waitpid(child, NULL, 0) < 0)
			SAME(errno, EINTR);
		close(ends[0]);
		close(ends[1]);
	}
}

/* The mask and the wait change as one. */
static void suspending(void)
{
	sigset_t old = block(SIGUSR2), now;

	handle(SIGUSR2, count, 0);
	SAME(raise(SIGUSR2), 0);
	SAME(calls, 0);
	FAILS(sigsuspend(&old), EINTR);
	SAME(calls, 1);
	SAME(sigprocmask(SIG_SETMASK, &old, &now), 0);
	SAME(sigismember(&now, SIGUSR2), 1);
}

static void refused(void)
{
	struct sigaction action = { .sa_handler = count };
	pid_t child;

	FAILS(sigaction(SIGKILL, &action, NULL), EINVAL);
	FAILS(sigaction(SIGSTOP, &action, NULL), EINVAL);
	FAILS(sigaction(65, &action, NULL), EINVAL);
	FAILS(kill(getpid(), 65), EINVAL);
	FAILS(kill(0x3fffffff, SIGTERM), ESRCH);
	SAME(kill(getpid(), 0), 0);
	FAILS(syscall(SYS_rt_sigaction, SIGUSR1, nowhere, NULL, 8), EFAULT);
	FAILS(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
	FAILS(syscall(SYS_rt_sigprocmask, 9, &(uint64_t){ 0 }, NULL, 8), EINVAL);
	child = fork();
	if (child == 0) {
		be_nobody();
		if (getppid() != 1 && geteuid() == NOBODY)
			FAILS(kill(1, 0), EPERM);
		raise(SIGTERM);
		_exit(0);
	}
	child_dies(child, SIGTERM);
}

CHECK(signal_handler)
{
	nesting();
	pending();
	information();
	interruption();
	suspending();
	refused();
}
