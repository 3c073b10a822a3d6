/*
 * Bringing up the other CPUs, over firmware that starts them, refuses to, or says that it did: who is left out, what is
 * said, and that the machine goes on.
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "core/percpu.h"

/* A CPU's copy of the variables has nothing here that is looked at but its number. */
static u32 cpu_number_of[MAX_CPUS];
#undef per_cpu
#define per_cpu(name, cpu) (&name##_of[cpu])
char _percpu_start[8192];
__asm__(".globl _percpu_end\n.set _percpu_end, _percpu_start + 8192\n");

#include "top/cpus.c"

struct platform platform;

/* What was made for a CPU stays, whether it comes or not. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:cpu_make\nleak:percpu_make\n"; }

/* ---- firmware, and the CPUs ---- */

enum fate { COMES, REFUSED, NEVER_COMES, COMES_LATE, DEAF };
static struct { enum fate fate; struct smp_start *start; } fates[80];
static u32 turned_off, idle_threads, running;
static bool psci_there, deaf_now;
static jmp_buf left;			/* where a CPU's code ends up that does not return */

bool psci_present(void) { return psci_there; }
noreturn void psci_cpu_off(void) { turned_off++; longjmp(left, 1); }
noreturn void sched_idle(void) { longjmp(left, 1); }
int irq_cpu_init(void) { return deaf_now ? -ENODEV : 0; }
void timers_start_cpu(void) { }
void timers_init_cpu(u32 cpu) { }
int softirq_thread_new(u32 cpu) { return 0; }
void softirq_thread_run(u32 cpu) { running++; }
int slab_cpus_prepare(u32 count) { return 0; }

struct thread *thread_new_idle(u32 cpu)
{
	static struct thread idle;

	idle_threads++;
	return &idle;
}

/* The CPU's own code, as if on it. */
static void arrive(struct smp_start *s)
{
	if (!setjmp(left))
		secondary_entry(s->arg);
}

static bool someone_comes(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(fates); i++) {
		struct smp_start *s = fates[i].start;

		if (!s || (fates[i].fate != COMES && fates[i].fate != DEAF))
			continue;
		fates[i].start = NULL;
		deaf_now = fates[i].fate == DEAF;
		arrive(s);
		return true;
	}
	return false;
}

s64 smp_start_cpu(u64 mpidr, struct smp_start *s)
{
	if (fates[mpidr].fate == REFUSED)
		return -2;			/* INVALID_PARAMETERS */
	fates[mpidr].start = s;
	return 0;
}

/* The word that the CPUs of this machine wait at, if they do. */
static u64 release_word;

void smp_release_cpu(u64 mpidr, u64 *release, struct smp_start *s)
{
	EXPECT(release == &release_word);
	fates[mpidr].start = s;
}

static void machine(u32 count)
{
	static struct platform_cpu cpus[80];

	for (u32 i = 0; i < ARRAY_SIZE(cpus); i++) {
		cpus[i] = (struct platform_cpu){ .mpidr = i, .enable_method = "psci" };
		fates[i].fate = COMES;
		fates[i].start = NULL;
	}
	platform.cpus = cpus;
	platform.cpu_count = count;
	cpus_present = 1;
	psci_there = true;
	limit = MAX_CPUS;
	turned_off = running = 0;
	host_idle_hook = someone_comes;
}

TEST(all_come)
{
	machine(8);
	cpus_start();
	EXPECT_EQ(cpus_present, 8u);
	EXPECT_EQ(running, 7u);
	EXPECT_EQ(cpu_number_of[7], 7u);
	EXPECT(host_log_has("8 CPUs"));
}

TEST(those_that_do_not_are_named_and_left_out)
{
	u64 before = host_clock;

	machine(6);
	fates[1].fate = REFUSED;
	fates[3].fate = NEVER_COMES;
	fates[4].fate = DEAF;
	cpus_start();
	EXPECT_EQ(cpus_present, 3u);		/* 0, 2, 5: their numbers have no gaps */
	EXPECT(host_log_has("CPU 1: firmware does not start it (PSCI error -2)"));
	EXPECT(host_log_has("CPU 3: it did not come up; the machine goes on without it"));
	EXPECT(host_log_has("CPU 4: interrupts do not reach it; the machine goes on without it"));
	EXPECT(host_log_has("3 CPUs"));
	EXPECT(host_clock - before <= 2 * START_NS);
	EXPECT_EQ(turned_off, 1u);
}

TEST(one_that_comes_too_late_turns_itself_off)
{
	machine(3);
	fates[1].fate = COMES_LATE;
	cpus_start();
	EXPECT_EQ(cpus_present, 2u);
	deaf_now = false;
	arrive(fates[1].start);
	EXPECT_EQ(turned_off, 1u);
	EXPECT_EQ(cpus_present, 2u);
}

TEST(fewer_are_asked_for)
{
	static const struct { const char *word; u32 then; } words[] = { { "3", 3 }, { "1", 1 }, { "0", 1 }, { "1000", 8 } };

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		machine(8);
		EXPECT_EQ(set_maxcpus(words[i].word), 0);
		cpus_start();
		EXPECT_EQ(cpus_present, words[i].then);
	}
	EXPECT_EQ(set_maxcpus("x"), -EINVAL);
}

TEST(one_that_does_not_come_makes_room_for_the_next)
{
	machine(8);
	fates[1].fate = REFUSED;
	EXPECT_EQ(set_maxcpus("4"), 0);
	cpus_start();
	EXPECT_EQ(cpus_present, 4u);
}

TEST(more_than_there_is_room_for)
{
	machine(80);
	cpus_start();
	EXPECT_EQ(cpus_present, MAX_CPUS);
	EXPECT(host_log_has("80 CPUs, of which 64 can be used"));
	cpus_present = 1;
}

TEST(firmware_without_psci)
{
	machine(4);
	psci_there = false;
	cpus_start();
	EXPECT_EQ(cpus_present, 1u);
	EXPECT(host_log_has("CPU 1: firmware offers no PSCI to start it; the machine goes on without it"));
	EXPECT(host_log_has("CPU 3: firmware offers no PSCI to start it; the machine goes on without it"));
}

TEST(by_a_release_address)
{
	machine(4);
	psci_there = false;
	for (u32 i = 1; i < 4; i++) {
		platform.cpus[i].enable_method = "spin-table";
		platform.cpus[i].release_addr = (u64)&release_word;
	}
	fates[2].fate = NEVER_COMES;
	cpus_start();
	EXPECT_EQ(cpus_present, 3u);
	EXPECT(host_log_has("CPU 2: it did not come up; the machine goes on without it"));
}

TEST(in_no_way_that_is_known)
{
	machine(6);
	platform.cpus[1].enable_method = "parking-protocol";
	platform.cpus[2].enable_method = NULL;
	platform.cpus[3].enable_method = platform.cpus[4].enable_method = "spin-table";
	platform.cpus[4].release_addr = (u64)&release_word + 4;
	cpus_start();
	EXPECT_EQ(cpus_present, 2u);
	EXPECT(host_log_has("CPU 1: firmware starts it by \"parking-protocol\", which is not known; the machine goes on without it"));
	EXPECT(host_log_has("CPU 2: firmware starts it by \"\", which is not known"));
	EXPECT(host_log_has("CPU 3: its release address 0 cannot be one"));
	EXPECT(host_log_has("CPU 4: its release address 0x"));
}
