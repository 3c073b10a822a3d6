/*
 * Signals: handlers and their frames, masks, what they interrupt, timers, stacks.
 * tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t seen, seen_code, seen_pid, seen_value, depth, deepest, raised;
static void *volatile seen_sp;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)context;
	seen_sp = __builtin_frame_address(0);
	seen = sig;
	seen_code = info->si_code;
	seen_pid = info->si_pid;
	seen_value = info->si_value.sival_int;
}

static void on(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	SAME(sigaction(sig, &a, NULL), 0);
}

static sigset_t set_of(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

CHECK(handler_is_told_who_sent_it)
{
	union sigval v = { .sival_int = 77 };

	on(SIGUSR1, note, 0);
	SAME(kill(getpid(), SIGUSR1), 0);
	EXPECT(seen == SIGUSR1 && seen_code == SI_USER && seen_pid == getpid());
	on(SIGRTMIN + 3, note, 0);
	SAME(sigqueue(getpid(), SIGRTMIN + 3, v), 0);
	EXPECT(seen == SIGRTMIN + 3 && seen_code == SI_QUEUE && seen_value == 77);
}

CHECK(registers_survive_a_handler)
{
	/* Every register that a handler is free to use, through a signal sent from right here. */
	unsigned long bad;

	on(SIGUSR1, note, 0);
	asm volatile(
		"mov x8, #172\n svc #0\n"			/* getpid */
		"mov x1, %1\n mov x8, #129\n"
		"mov x2, #102\n mov x3, #103\n mov x4, #104\n mov x5, #105\n mov x6, #106\n mov x7, #107\n"
		"mov x9, #109\n mov x10, #110\n mov x11, #111\n mov x12, #112\n mov x13, #113\n mov x14, #114\n"
		"mov x15, #115\n mov x16, #116\n mov x17, #117\n"
		"cmp xzr, xzr\n"				/* Z and C set */
		"svc #0\n"					/* kill(getpid(), SIGUSR1) */
		"cset x18, ne\n orr %0, x0, x18\n"
		"sub x2, x2, #102\n orr %0, %0, x2\n sub x3, x3, #103\n orr %0, %0, x3\n"
		"sub x4, x4, #104\n orr %0, %0, x4\n sub x5, x5, #105\n orr %0, %0, x5\n"
		"sub x6, x6, #106\n orr %0, %0, x6\n sub x7, x7, #107\n orr %0, %0, x7\n"
		"sub x9, x9, #109\n orr %0, %0, x9\n sub x10, x10, #110\n orr %0, %0, x10\n"
		"sub x11, x11, #111\n orr %0, %0, x11\n sub x12, x12, #112\n orr %0, %0, x12\n"
		"sub x13, x13, #113\n orr %0, %0, x13\n sub x14, x14, #114\n orr %0, %0, x14\n"
		"sub x15, x15, #115\n orr %0, %0, x15\n sub x16, x16, #116\n orr %0, %0, x16\n"
		"sub x17, x17, #117\n orr %0, %0, x17\n"
		: "=&r"(bad) : "r"((long)SIGUSR1)
		: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		  "x16", "x17", "x18", "cc", "memory");
	SAME(bad, 0);
	SAME(seen, SIGUSR1);
}

static void skip_instruction(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)info;
	seen = sig;
	u->uc_mcontext.pc += 4;
	u->uc_mcontext.regs[0] = 1234;
}

CHECK(handler_may_change_the_registers)
{
	register long x0 asm("x0") = 1;

	on(SIGILL, skip_instruction, 0);
	asm volatile("udf #0" : "+r"(x0) : : "memory");
	SAME(x0, 1234);
	SAME(seen, SIGILL);
}

static void deepen(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	if (++depth > deepest)
		deepest = depth;
	if (++raised < 3)
		raise(sig);
	depth--;
}

CHECK(own_signal_waits_for_its_handler_to_end)
{
	on(SIGUSR1, deepen, 0);
	raise(SIGUSR1);
	SAME(deepest, 1);
	SAME(raised, 3);
}

CHECK(nodefer_nests)
{
	on(SIGUSR1, deepen, SA_NODEFER);
	raise(SIGUSR1);
	SAME(deepest, 3);
	SAME(depth, 0);
}

CHECK(blocked_signals_wait)
{
	sigset_t set = set_of(SIGUSR1), old, pending;

	on(SIGUSR1, note, 0);
	SAME(sigprocmask(SIG_BLOCK, &set, &old), 0);
	raise(SIGUSR1);
	SAME(seen, 0);
	SAME(sigpending(&pending), 0);
	EXPECT(sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGUSR2) == 0);
	SAME(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	SAME(seen, SIGUSR1);
}

CHECK(kill_and_stop_cannot_be_caught)
{
	struct sigaction a = { .sa_handler = SIG_IGN };

	FAILS(sigaction(SIGKILL, &a, NULL), EINVAL);
	FAILS(sigaction(SIGSTOP, &a, NULL), EINVAL);
	FAILS(kill(getpid(), 65), EINVAL);
	FAILS(kill(999999, 0), ESRCH);
	SAME(kill(getpid(), 0), 0);
}

CHECK(reset_after_the_first)
{
	struct sigaction now;

	on(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	SAME(seen, SIGUSR1);
	SAME(sigaction(SIGUSR1, NULL, &now), 0);
	EXPECT(now.sa_handler == SIG_DFL);
}

CHECK(suspend_swaps_the_mask)
{
	sigset_t all, none;
	pid_t pid, parent = getpid();

	sigfillset(&all);
	sigemptyset(&none);
	SAME(sigprocmask(SIG_BLOCK, &all, NULL), 0);
	on(SIGUSR1, note, 0);
	pid = fork();
	if (pid == 0) {
		kill(parent, SIGUSR1);
		_exit(0);
	}
	sigdelset(&all, SIGUSR1);
	FAILS(sigsuspend(&all), EINTR);
	EXPECT(seen == SIGUSR1 && seen_pid == pid);
	/* The mask is back: SIGUSR1 waits again. */
	seen = 0;
	raise(SIGUSR1);
	SAME(seen, 0);
	child_ok(pid);
}

CHECK(wait_for_a_signal_without_a_handler)
{
	sigset_t set = set_of(SIGUSR1);
	struct timespec no_time = { 0, 0 };
	siginfo_t info;

	sigprocmask(SIG_BLOCK, &set, NULL);
	FAILS(sigtimedwait(&set, &info, &no_time), EAGAIN);
	raise(SIGUSR1);
	SAME(sigtimedwait(&set, &info, &no_time), SIGUSR1);
	SAME(info.si_pid, getpid());
}

/* A child that signals this process until it is killed: so that no signal can come too early. */
static pid_t pester(int sig)
{
	pid_t parent = getpid(), pid = fork();

	EXPECT(pid >= 0);
	while (pid == 0) {
		kill(parent, sig);
		usleep(2000);
	}
	return pid;
}

static void pester_end(pid_t pid)
{
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
}

CHECK(signals_interrupt_what_waits)
{
	struct pollfd p;
	struct timespec hour = { 3600, 0 };
	int fds[2];
	pid_t pid;
	char c;

	EXPECT(pipe(fds) == 0);
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	on(SIGUSR1, note, 0);
	pid = pester(SIGUSR1);
	FAILS(read(fds[0], &c, 1), EINTR);
	FAILS(nanosleep(&hour, &hour), EINTR);
	EXPECT(hour.tv_sec <= 3600 && hour.tv_sec > 3000);
	FAILS(waitpid(pid, NULL, 0), EINTR);
	/* poll and pause are never restarted, whatever the flag says. */
	on(SIGUSR1, note, SA_RESTART);
	FAILS(poll(&p, 1, -1), EINTR);
	FAILS(pause(), EINTR);
	FAILS(select(fds[0] + 1, &(fd_set){ 0 }, NULL, NULL, NULL), EINTR);
	pester_end(pid);
}

static volatile int *shared;	/* set by the handler, for another process to see */

static void note_and_tell(int sig, siginfo_t *info, void *context)
{
	note(sig, info, context);
	*shared = 1;
}

CHECK(restarted_calls_go_on)
{
	int fds[2];
	pid_t pid, writer;
	char c;

	EXPECT(pipe(fds) == 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(shared != MAP_FAILED);
	on(SIGUSR1, note_and_tell, SA_RESTART);
	pid = pester(SIGUSR1);
	writer = fork();
	if (writer == 0) {
		while (!*shared)
			usleep(1000);
		usleep(20000);
		_exit(write(fds[1], "x", 1) != 1);
	}
	SAME(read(fds[0], &c, 1), 1);
	SAME(seen, SIGUSR1);
	pester_end(pid);
	child_ok(writer);
}

CHECK(poll_with_a_mask)
{
	sigset_t set = set_of(SIGUSR1), none;
	struct timespec hour = { 3600, 0 };

	sigemptyset(&none);
	on(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	SAME(seen, 0);
	FAILS(ppoll(NULL, 0, &hour, &none), EINTR);
	SAME(seen, SIGUSR1);
}

CHECK(timers_ring)
{
	struct itimerval t = { { 0, 5000 }, { 0, 5000 } }, left;
	sigset_t set = set_of(SIGALRM);

	sigprocmask(SIG_BLOCK, &set, NULL);
	SAME(setitimer(ITIMER_REAL, &t, NULL), 0);
	for (int i = 0; i < 3; i++)
		SAME(sigwaitinfo(&set, NULL), SIGALRM);
	SAME(getitimer(ITIMER_REAL, &left), 0);
	SAME(left.it_interval.tv_usec, 5000);
	alarm(3600);
	EXPECT(alarm(CHECK_LIMIT) >= 3500);
}

CHECK(alternate_stack)
{
	size_t size = 64 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t ss = { .ss_sp = stack, .ss_size = size }, old;

	SAME(sigaltstack(&ss, NULL), 0);
	on(SIGUSR1, note, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT((char *)seen_sp > stack && (char *)seen_sp < stack + size);
	SAME(sigaltstack(NULL, &old), 0);
	EXPECT(old.ss_sp == stack && !(old.ss_flags & SS_ONSTACK));
}

static sigjmp_buf back;

static void jump(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	siglongjmp(back, sig);
}

static volatile int endless = 1;

static int recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = *above;
	return endless ? recurse(here) + here[0] : 0;
}

CHECK(stack_overflow_is_a_signal)
{
	size_t size = 64 << 10;
	stack_t ss = { .ss_sp = malloc(size), .ss_size = size };
	volatile char first = 0;

	SAME(sigaltstack(&ss, NULL), 0);
	on(SIGSEGV, jump, SA_ONSTACK);
	if (sigsetjmp(back, 1) == 0)
		recurse(&first);
	/* And without a stack for the handler the program dies of it, nobody else. */
	signal(SIGSEGV, SIG_DFL);
	pid_t pid = fork();
	int status;

	if (pid == 0)
		recurse(&first);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(WTERMSIG(status), SIGSEGV);
}

CHECK(groups_are_signalled_together)
{
	int status, ready[2];
	pid_t a, b;
	char c;

	EXPECT(pipe(ready) == 0);
	a = fork();
	if (a == 0) {
		setpgid(0, 0);
		EXPECT(write(ready[1], "a", 1) == 1);
		for (;;)
			pause();
	}
	SAME(read(ready[0], &c, 1), 1);
	b = fork();
	if (b == 0) {
		setpgid(0, a);
		EXPECT(write(ready[1], "b", 1) == 1);
		for (;;)
			pause();
	}
	SAME(read(ready[0], &c, 1), 1);
	SAME(kill(-a, SIGTERM), 0);
	for (int i = 0; i < 2; i++) {
		pid_t dead = wait(&status);

		EXPECT(dead == a || dead == b);
		SAME(status, SIGTERM);
	}
	FAILS(kill(-a, SIGTERM), ESRCH);
}

CHECK(broken_pipe)
{
	int fds[2], status;
	pid_t pid;

	EXPECT(pipe(fds) == 0);
	close(fds[0]);
	pid = fork();
	if (pid == 0)
		_exit(write(fds[1], "x", 1));
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(fds[1], "x", 1), EPIPE);
}

CHECK(child_signal_tells_how_it_ended)
{
	sigset_t set = set_of(SIGCHLD);
	siginfo_t info;
	pid_t pid;

	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0)
		_exit(9);
	SAME(sigwaitinfo(&set, &info), SIGCHLD);
	EXPECT(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 9);
	SAME(waitpid(pid, NULL, 0), pid);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGTERM);
	SAME(sigwaitinfo(&set, &info), SIGCHLD);
	EXPECT(info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	SAME(waitpid(pid, NULL, 0), pid);
}

static void *thread(void *arg)
{
	sigset_t set = set_of(SIGUSR2);
	int sig;

	(void)arg;
	sigwait(&set, &sig);
	return (void *)(long)sig;
}

CHECK(a_thread_is_signalled_alone)
{
	sigset_t set = set_of(SIGUSR2);
	void *result;
	pthread_t t;

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	SAME(pthread_create(&t, NULL, thread, NULL), 0);
	SAME(pthread_kill(t, SIGUSR2), 0);
	SAME(pthread_join(t, &result), 0);
	SAME((long)result, SIGUSR2);
}

CHECK(a_false_frame_kills)
{
	/* sigreturn to a context made up by the program: the kernel's state must not follow. */
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char junk[8192] __attribute__((aligned(16)));

		memset(junk, 0x55, sizeof(junk));
		asm volatile("mov sp, %0\n mov x8, #139\n svc #0\n" : : "r"(junk) : "x8", "memory");
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status));
}
