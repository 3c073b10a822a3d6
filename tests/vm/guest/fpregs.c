/*
 * The SIMD registers of a program are its own: across preemption by others that use them, across
 * system calls, signal handlers, fork and interrupts. tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

struct regs { uint64_t v[32][2]; uint64_t fpcr, fpsr; };

#define PAIR(op, a, b, at) op " q" #a ", q" #b ", [%0, #" #at "]\n"
#define ALL(op) \
	PAIR(op, 0, 1, 0) PAIR(op, 2, 3, 32) PAIR(op, 4, 5, 64) PAIR(op, 6, 7, 96) PAIR(op, 8, 9, 128) PAIR(op, 10, 11, 160) \
	PAIR(op, 12, 13, 192) PAIR(op, 14, 15, 224) PAIR(op, 16, 17, 256) PAIR(op, 18, 19, 288) PAIR(op, 20, 21, 320) \
	PAIR(op, 22, 23, 352) PAIR(op, 24, 25, 384) PAIR(op, 26, 27, 416) PAIR(op, 28, 29, 448) PAIR(op, 30, 31, 480)
#define CLOBBERS "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", \
	"v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"

static void regs_fill(struct regs *r, uint64_t seed)
{
	for (int i = 0; i < 32; i++) {
		r->v[i][0] = seed * 0x9e3779b97f4a7c15 + i;
		r->v[i][1] = ~r->v[i][0] ^ seed;
	}
	r->fpcr = (seed & 3) << 22;		/* the rounding mode */
	r->fpsr = seed & 0x1f;			/* the cumulative flags */
}

/* Load them all, go round count times (or make the system call nr count times), store them all. */
static void regs_hold(const struct regs *in, struct regs *out, uint64_t count, uint64_t nr)
{
	asm volatile(
		ALL("ldp")
		"ldr x9, [%0, #512]\n msr fpcr, x9\n ldr x9, [%0, #520]\n msr fpsr, x9\n"
		"mov x10, %2\n mov x8, %3\n"
		"1: cbz x8, 2f\n mov x0, #0\n svc #0\n"
		"2: subs x10, x10, #1\n b.ne 1b\n"
		"mov x12, %1\n"
		: : "r"(in), "r"(out), "r"(count), "r"(nr) : "x0", "x8", "x9", "x10", "x12", "cc", CLOBBERS);
	asm volatile(ALL("stp") "mrs x9, fpcr\n str x9, [%0, #512]\n mrs x9, fpsr\n str x9, [%0, #520]\n msr fpcr, xzr\n"
		     : : "r"(out) : "x9", CLOBBERS);
}

static void expect_kept(uint64_t seed, uint64_t count, uint64_t nr)
{
	struct regs in, out;

	regs_fill(&in, seed);
	memset(&out, 0xee, sizeof(out));
	regs_hold(&in, &out, count, nr);
	for (int i = 0; i < 32; i++)
		if (memcmp(in.v[i], out.v[i], 16)) {
			printf("  v%d: %016llx%016llx became %016llx%016llx\n", i, (unsigned long long)in.v[i][1],
			       (unsigned long long)in.v[i][0], (unsigned long long)out.v[i][1], (unsigned long long)out.v[i][0]);
			check_failed(__FILE__, __LINE__, "registers kept");
		}
	SAME(out.fpcr, in.fpcr);
	SAME(out.fpsr & 0x1f, in.fpsr);
}

CHECK(across_system_calls)
{
	expect_kept(11, 1000, 172);	/* getpid */
	expect_kept(12, 200, 124);	/* sched_yield */
}

CHECK(across_preemption)
{
	/* Each holds them for many time slices, all at once. */
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			for (int j = 0; j < 6; j++)
				expect_kept(i * 1000 + j + 1, 10 * 1000 * 1000, 0);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		child_ok(pid[i]);
}

static volatile int handled;

static void clobber(int sig)
{
	struct regs in, out;

	(void)sig;
	regs_fill(&in, 0xdead0000 + handled);
	regs_hold(&in, &out, 1, 0);
	handled++;
}

CHECK(across_signal_handlers)
{
	struct itimerval t = { { 0, 3000 }, { 0, 3000 } };

	signal(SIGALRM, clobber);
	SAME(setitimer(ITIMER_REAL, &t, NULL), 0);
	while (handled < 20)
		expect_kept(77 + handled, 3 * 1000 * 1000, 0);
}

static void change(int sig, siginfo_t *info, void *context)
{
	/* The frame's record of the registers is what comes back: find it and change v7. */
	struct { uint32_t magic, size; } *head = (void *)((ucontext_t *)context)->uc_mcontext.__reserved;

	(void)sig, (void)info;
	while (head->magic && head->magic != 0x46508001)
		head = (void *)((char *)head + head->size);
	if (head->magic)
		((uint64_t *)((char *)head + 16))[7 * 2] = 0x1122334455667788;
	handled++;
}

CHECK(handler_may_change_them)
{
	struct sigaction a = { .sa_sigaction = change, .sa_flags = SA_SIGINFO };
	struct regs in, out;

	regs_fill(&in, 5);
	SAME(sigaction(SIGALRM, &a, NULL), 0);
	SAME(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 5000 } }, NULL), 0);
	while (!handled)
		regs_hold(&in, &out, 20 * 1000 * 1000, 0);
	SAME(out.v[7][0], 0x1122334455667788);
	SAME(out.v[7][1], in.v[7][1]);
	SAME(out.v[6][0], in.v[6][0]);
}

CHECK(fork_copies_them)
{
	struct regs in, out;
	long pid;

	regs_fill(&in, 9);
	/* clone(SIGCHLD) with the registers full: the child has them too. */
	asm volatile(
		ALL("ldp")
		"mov x9, %1\n"
		"mov x0, #17\n mov x1, #0\n mov x2, #0\n mov x3, #0\n mov x4, #0\n mov x8, #220\n svc #0\n"
		"str x0, [x9]\n"
		: : "r"(&in), "r"(&pid) : "x0", "x1", "x2", "x3", "x4", "x8", "x9", CLOBBERS);
	asm volatile(ALL("stp") : : "r"(&out) : CLOBBERS);
	EXPECT(pid >= 0);
	EXPECT(!memcmp(in.v, out.v, sizeof(in.v)));
	if (pid == 0)
		_exit(0);
	child_ok(pid);
}
