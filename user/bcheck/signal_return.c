/*
 * Back from a handler: everything as it was, or as the handler has changed it in
 * the frame.
 */
#include "bcheck.h"
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t calls;
static sigjmp_buf place;
static void *volatile fault_address;
static volatile int fault_code;

static void ring(int sig)
{
	/* Registers of all kinds are used, so that one that is not put back shows. */
	double v = sig;

	for (int i = 0; i < 10; i++)
		v = v * 1.5 + i;
	__asm__ volatile("movi v8.16b, #0xff\n movi v16.16b, #0xee\n movi v31.16b, #0xdd\n mov x9, #-1\n"
			 "cmp xzr, xzr" : : "w"(v) : "v8", "v16", "v31", "x9", "cc");
	errno = EDOM;
	calls++;
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	SAME(sigaction(sig, &action, NULL), 0);
}

/* A program that never calls the system is interrupted by a timer: no register may change. */
static void registers_kept(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	long bad = 0;

	signal(SIGALRM, ring);
	calls = 0;
	SAME(setitimer(ITIMER_REAL, &often, NULL), 0);
	while (calls < 5) {
		__asm__ volatile(
			"mov x1, #1001\n mov x2, #1002\n mov x7, #1007\n mov x9, #1009\n mov x15, #1015\n mov x17, #1017\n"
			"mov x19, #1019\n mov x27, #1027\n"
			"dup v0.2d, x1\n dup v8.2d, x2\n dup v16.2d, x7\n dup v31.2d, x9\n"
			"mov x3, #20000\n"
			"cmp x1, x2\n"			/* less: N, no C */
			"1: sub x3, x3, #1\n b.ge 2f\n b.cs 2f\n cbnz x3, 1b\n"
			"mov x4, #0\n"
			"sub x5, x1, #1001\n orr x4, x4, x5\n sub x5, x2, #1002\n orr x4, x4, x5\n"
			"sub x5, x7, #1007\n orr x4, x4, x5\n sub x5, x9, #1009\n orr x4, x4, x5\n"
			"sub x5, x15, #1015\n orr x4, x4, x5\n sub x5, x17, #1017\n orr x4, x4, x5\n"
			"sub x5, x19, #1019\n orr x4, x4, x5\n sub x5, x27, #1027\n orr x4, x4, x5\n"
			"mov x5, v0.d[1]\n eor x5, x5, x1\n orr x4, x4, x5\n"
			"mov x5, v8.d[1]\n eor x5, x5, x2\n orr x4, x4, x5\n"
			"mov x5, v16.d[0]\n eor x5, x5, x7\n orr x4, x4, x5\n"
			"mov x5, v31.d[1]\n eor x5, x5, x9\n orr x4, x4, x5\n"
			"orr %0, %0, x4\n b 3f\n"
			"2: mov %0, #-1\n"
			"3:\n"
			: "+r"(bad) : : "x1", "x2", "x3", "x4", "x5", "x7", "x9", "x15", "x17", "x19", "x27",
			"v0", "v8", "v16", "v31", "cc", "memory");
		SAME(bad, 0);
	}
	SAME(setitimer(ITIMER_REAL, &never, NULL), 0);
	signal(SIGALRM, SIG_DFL);
}

/* The handler looks at what faulted and goes on behind it. */
static void skip(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	c->uc_mcontext.pc += 4;
	c->uc_mcontext.regs[0] = 4321;
	calls++;
}

static void faults_skipped(void)
{
	long loaded;

	handle(SIGSEGV, skip, 0);
	handle(SIGILL, skip, 0);
	calls = 0;
	__asm__ volatile("mov x0, %1\n ldr x0, [x0]\n mov %0, x0" : "=r"(loaded) : "r"(nowhere) : "x0", "memory");
	SAME(loaded, 4321);
	SAME(calls, 1);
	EXPECT(fault_address == nowhere);
	SAME(fault_code, SEGV_MAPERR);
	__asm__ volatile("mov x0, #0\n udf #0\n mov %0, x0" : "=r"(loaded) : : "x0", "memory");
	SAME(loaded, 4321);
	SAME(calls, 2);
	SAME(fault_code, ILL_ILLOPC);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGILL, SIG_DFL);
}

/* The mask of the frame is the mask afterwards. */
static void block_more(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)info;
	sigaddset(&c->uc_sigmask, SIGUSR2);
}

static void mask_taken(void)
{
	sigset_t old, now;

	SAME(sigprocmask(SIG_BLOCK, NULL, &old), 0);
	handle(SIGUSR1, block_more, 0);
	SAME(raise(SIGUSR1), 0);
	SAME(sigprocmask(SIG_SETMASK, &old, &now), 0);
	SAME(sigismember(&now, SIGUSR2), 1);
	SAME(sigismember(&now, SIGUSR1), 0);
}

static void leave(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	siglongjmp(place, sig);
}

/* Out of a handler by a jump: the signal is open again, as often as one likes. */
static void jumped_out(void)
{
	static volatile int times;

	handle(SIGSEGV, leave, 0);
	times = 0;
	if (sigsetjmp(place, 1))
		times++;
	if (times < 100)
		*nowhere = 1;
	SAME(times, 100);
	signal(SIGSEGV, SIG_DFL);
}

/* A frame that was made up ends the program, not the system. */
static void forged(void)
{
	pid_t child = fork();

	if (child == 0) {
		__asm__ volatile("mov sp, %0\n mov x8, %1\n svc #0" : : "r"(0x1000L), "r"((long)SYS_rt_sigreturn) : "x8");
		_exit(0);
	}
	child_dies(child, SIGSEGV);
}

/* A frame whose processor state would be the kernel's. */
static void become_kernel(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)info;
	c->uc_mcontext.pstate |= 5;	/* EL1h */
}

static void privileged(void)
{
	pid_t child = fork();

	if (child == 0) {
		handle(SIGUSR1, become_kernel, 0);
		raise(SIGUSR1);
		_exit(0);
	}
	child_dies(child, SIGSEGV);
}

CHECK(signal_return)
{
	registers_kept();
	faults_skipped();
	mask_taken();
	jumped_out();
	forged();
	privileged();
}
