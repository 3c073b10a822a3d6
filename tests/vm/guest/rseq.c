/*
 * Restartable sequences, rseq(2): who registers, what the kernel writes, and what throws a thread out of its critical
 * section. tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define SIGNATURE 0xd428bc00u

/*
 * long spin(struct rseq *area, struct rseq_cs *cs, long *rounds): counts in a section that ends in its abort handler alone,
 * or, with cs for the instructions after it, in no section at all until the count is negative. 1: aborted; 0: not.
 */
extern long spin(volatile struct rseq *area, const struct rseq_cs *cs, volatile long *rounds);
extern char spin_start[], spin_end[], spin_abort[], spin_unsigned[];
asm("	.text\n"
    "	.globl spin, spin_start, spin_end, spin_abort, spin_unsigned\n"
    "spin:\n"
    "	str x1, [x0, #8]\n"
    "spin_start:\n"
    "1:	ldr x3, [x2]\n"
    "	tbnz x3, #63, 2f\n"
    "	add x3, x3, #1\n"
    "	str x3, [x2]\n"
    "	b 1b\n"
    "spin_end:\n"
    "2:	mov x0, #0\n"
    "	ret\n"
    "	.inst 0xd428bc00\n"
    "spin_abort:\n"
    "	mov x0, #1\n"
    "spin_unsigned:\n"
    "	ret\n");

static volatile struct rseq area;
static struct rseq_cs section;

static struct rseq_cs whole(void)
{
	return (struct rseq_cs){ .start_ip = (uint64_t)spin_start, .post_commit_offset = spin_end - spin_start,
				 .abort_ip = (uint64_t)spin_abort };
}

static long sys_rseq(volatile void *at, unsigned length, int flags, unsigned signature)
{
	return syscall(SYS_rseq, at, length, flags, signature);
}

static void registered(void)
{
	section = whole();
	SAME(sys_rseq(&area, sizeof(area), 0, SIGNATURE), 0);
}

CHECK(registration)
{
	area.cpu_id = RSEQ_CPU_ID_UNINITIALIZED;
	FAILS(sys_rseq(&area, sizeof(area), 2, SIGNATURE), EINVAL);
	FAILS(sys_rseq(&area, sizeof(area) - 4, 0, SIGNATURE), EINVAL);
	FAILS(sys_rseq((char *)&area + 8, sizeof(area), 0, SIGNATURE), EINVAL);
	FAILS(sys_rseq((void *)(1ul << 60), sizeof(area), 0, SIGNATURE), EFAULT);
	FAILS(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER, SIGNATURE), EINVAL);
	SAME(area.cpu_id, (__u32)RSEQ_CPU_ID_UNINITIALIZED);
	registered();
	SAME(area.cpu_id, sched_getcpu());
	SAME(area.cpu_id_start, sched_getcpu());
	FAILS(sys_rseq(&area, sizeof(area), 0, SIGNATURE), EBUSY);
	FAILS(sys_rseq(&area, sizeof(area), 0, SIGNATURE + 1), EPERM);
	FAILS(sys_rseq(&area + 1, sizeof(area), 0, SIGNATURE), EINVAL);
	FAILS(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER, SIGNATURE + 1), EPERM);
	FAILS(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER | 2, SIGNATURE), EINVAL);
	FAILS(sys_rseq(&area, 0, RSEQ_FLAG_UNREGISTER, SIGNATURE), EINVAL);
	SAME(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER, SIGNATURE), 0);
	SAME(area.cpu_id, (__u32)RSEQ_CPU_ID_UNINITIALIZED);
	SAME(area.cpu_id_start, 0);
	FAILS(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER, SIGNATURE), EINVAL);
	registered();
}

CHECK(the_number_follows_the_thread)
{
	cpu_set_t all, one;

	registered();
	SAME(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int round = 0; round < 20; round++)
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			SAME(sched_setaffinity(0, sizeof(one), &one), 0);
			SAME(area.cpu_id, cpu);
			SAME(area.cpu_id_start, cpu);
		}
}

/* ---- what throws out of a section --------------------------------------------- */

static void disturbed_by_another(void)
{
	volatile long rounds = 0;
	cpu_set_t one;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	SAME(sched_setaffinity(0, sizeof(one), &one), 0);
	pid = fork();
	if (!pid)
		for (;;)
			;
	for (int i = 0; i < 10; i++) {
		SAME(spin(&area, &section, &rounds), 1);
		SAME(area.rseq_cs, 0);
		EXPECT(rounds > 0);
	}
	kill(pid, SIGKILL);
	SAME(waitpid(pid, NULL, 0), pid);
}

CHECK(another_program_s_turn)
{
	registered();
	disturbed_by_another();
}

static volatile uint64_t pc_seen, field_seen;
static volatile long rounds_done;

static void alarmed(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	if (rounds_done < 0)
		return;		/* one more, while what the last one saw is looked at */
	pc_seen = ((ucontext_t *)context)->uc_mcontext.pc;
	field_seen = area.rseq_cs;
	/* It may come before spin() has begun: then the next one will do. */
	if (pc_seen >= (uint64_t)spin_start && pc_seen <= (uint64_t)spin_unsigned)
		rounds_done = -1;
}

static void alarms_soon(void)
{
	struct itimerval soon = { { 0, 5000 }, { 0, 5000 } };
	struct sigaction a = { .sa_sigaction = alarmed, .sa_flags = SA_SIGINFO };

	rounds_done = 0;
	field_seen = 1;
	SAME(sigaction(SIGALRM, &a, NULL), 0);
	SAME(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

CHECK(a_signal)
{
	registered();
	alarms_soon();
	/* The handler returns into the abort handler. Another program's turn may come first. */
	do
		SAME(spin(&area, &section, &rounds_done), 1);
	while (rounds_done >= 0);
	EXPECT(pc_seen == (uint64_t)spin_abort || pc_seen == (uint64_t)spin_unsigned);
	SAME(field_seen, 0);
}

CHECK(who_is_outside_is_left_alone)
{
	registered();
	section.start_ip = (uint64_t)spin_end;
	section.post_commit_offset = 4;
	alarms_soon();
	SAME(spin(&area, &section, &rounds_done), 0);
	SAME(field_seen, 0);		/* and found outside, it need not be asked again */
	EXPECT(pc_seen >= (uint64_t)spin_start && pc_seen < (uint64_t)spin_end);
}

CHECK(system_calls_are_no_disturbance)
{
	volatile long rounds = -1;

	registered();
	for (int i = 0; i < 1000; i++) {
		/* A section that is not entered and not left either: it stays named until somebody looks. */
		SAME(spin(&area, &section, &rounds), 0);
		SAME(getppid() > 0, 1);
	}
}

static atomic_int inside, out;

static void *stays_inside(void *unused)
{
	static volatile struct rseq mine;
	static volatile long rounds;

	(void)unused;
	SAME(sys_rseq(&mine, sizeof(mine), 0, SIGNATURE), 0);
	atomic_store(&inside, 1);
	SAME(spin(&mine, &section, &rounds), 1);
	atomic_store(&out, 1);
	return NULL;
}

CHECK(a_barrier)
{
	pthread_t t;

	section = whole();
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), EPERM);
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0), EINVAL);
	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0), EINVAL);
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0), EINVAL);
	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 4096), 0);
	SAME(pthread_create(&t, NULL, stays_inside, NULL), 0);
	while (!atomic_load(&inside))
		sched_yield();
	while (!atomic_load(&out))
		SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	SAME(pthread_join(t, NULL), 0);
}

/* ---- what is wrong with a section ends the program ------------------------------- */

/* A child that spins in this section, until its alarm: the signal that ends it. */
static int end_of(const struct rseq_cs *cs, unsigned flags)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		registered();
		area.flags = flags;
		alarms_soon();
		_exit(spin(&area, cs, &rounds_done));
	}
	SAME(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

CHECK(bad_sections)
{
	struct rseq_cs cs = whole();

	SAME(end_of(&cs, 0), -1);
	cs.abort_ip += 4;
	SAME(end_of(&cs, 0), SIGSEGV);		/* no signature there */
	cs = whole();
	cs.version = 1;
	SAME(end_of(&cs, 0), SIGSEGV);
	cs = whole();
	cs.flags = 8;
	SAME(end_of(&cs, 0), SIGSEGV);
	cs = whole();
	SAME(end_of(&cs, 8), SIGSEGV);
	cs.abort_ip = cs.start_ip + 4;
	SAME(end_of(&cs, 0), SIGSEGV);
	cs = whole();
	cs.post_commit_offset = -8;
	SAME(end_of(&cs, 0), SIGSEGV);
	cs = whole();
	cs.start_ip |= 1ul << 60;
	SAME(end_of(&cs, 0), SIGSEGV);
	SAME(end_of((void *)nowhere, 0), SIGSEGV);
	SAME(end_of((void *)(1ul << 60), 0), SIGSEGV);
}

CHECK(a_bad_section_and_a_handler_for_it)
{
	/* The handler's own frame meets the bad section too: no second chance. */
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct sigaction a = { .sa_sigaction = alarmed, .sa_flags = SA_SIGINFO };

		registered();
		sigaction(SIGSEGV, &a, NULL);
		section.version = 1;
		alarms_soon();
		_exit(spin(&area, &section, &rounds_done));
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

CHECK(an_area_that_is_gone)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		SAME(sys_rseq(m, sizeof(area), 0, SIGNATURE), 0);
		SAME(munmap(m, 4096), 0);
		alarms_soon();
		while (rounds_done >= 0)
			;
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- who has it after fork, clone and exec --------------------------------------- */

CHECK(a_new_program)
{
	registered();
	SAME(sys_rseq(&area, sizeof(area), RSEQ_FLAG_UNREGISTER, SIGNATURE), 0);
}

static void *registers_its_own(void *unused)
{
	static volatile struct rseq mine;

	(void)unused;
	SAME(sys_rseq(&mine, sizeof(mine), 0, SIGNATURE), 0);
	SAME(mine.cpu_id, sched_getcpu());
	return NULL;
}

CHECK(heirs)
{
	pthread_t t;
	pid_t pid;

	registered();
	pid = fork();
	if (!pid) {
		FAILS(sys_rseq(&area, sizeof(area), 0, SIGNATURE), EBUSY);
		disturbed_by_another();
		_exit(0);
	}
	child_ok(pid);
	SAME(pthread_create(&t, NULL, registers_its_own, NULL), 0);
	SAME(pthread_join(t, NULL), 0);
	SAME(execl("/proc/self/exe", "rseq", "a_new_program", NULL), 0);
}
