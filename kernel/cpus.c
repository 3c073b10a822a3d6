/*
 * Bringing up the other CPUs. The boot CPU makes everything one needs (its
 * variables, its idle thread, its softirq thread), starts it, and waits until
 * it says that it runs; numbers are given in that order, so that they have no
 * gaps. main.c calls in once threads run, before the floors above prepare
 * themselves for each CPU there is.
 *
 * All that firmware lists are used, unless maxcpus= says less.
 *
 * A CPU that does not come in time is left out, with what was made for it: it
 * may still come, and then turns itself off. So is one that firmware starts in no way that is known here, which are
 * PSCI and a release address ("spin-table").
 */
#include "cpus.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/psci.h"
#include "arch/arm64/smp.h"
#include "arch/arm64/upcall.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/param.h"
#include "core/percpu.h"
#include "fw/platform.h"
#include "irq/irq.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define START_NS	(5 * NSEC_PER_SEC)

extern char _percpu_start[], _percpu_end[];

/* Who of the two decided first: the CPU that it is there or can't be, or the boot CPU that it waits no longer. */
enum cpu_state { CPU_AWAITED, CPU_RUNS, CPU_DEAF, CPU_GIVEN_UP };

struct cpu {
	struct smp_start start;
	u32 number;
	u32 state;			/* enum cpu_state [a] */
};

static u32 limit = MAX_CPUS;		/* maxcpus= */
static struct wait_queue came = WAIT_QUEUE_INIT(came, "cpus");

static int set_maxcpus(const char *value)
{
	u64 n;

	if (parse_u64(value, NULL, 10, &n))
		return -EINVAL;
	limit = MAX(MIN(n, (u64)MAX_CPUS), 1ull);
	return 0;
}
PARAM("maxcpus", set_maxcpus);

noreturn void secondary_entry(void *arg)
{
	struct cpu *c = arg;
	bool deaf;

	timers_start_cpu();
	deaf = irq_cpu_init() != 0;
	if (!atomic_cas(&c->state, (u32)CPU_AWAITED, (u32)(deaf ? CPU_DEAF : CPU_RUNS)))
		psci_cpu_off();
	if (deaf) {
		wait_wake_all(&came);
		psci_cpu_off();
	}
	/* Release: whoever counts us finds all of this CPU prepared. */
	atomic_store(&cpus_present, c->number + 1);
	wait_wake_all(&came);
	sched_idle();
}

/* A copy of the per-CPU variables for this number: all zero but for what says otherwise. -ENOMEM. */
static int percpu_make(u32 cpu)
{
	u64 size = _percpu_end - _percpu_start;
	struct page *p;
	u32 order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	p = page_alloc(order, PA_ZERO);
	if (!p)
		return -ENOMEM;
	percpu_offsets[cpu] = (u64)page_to_virt(p) - (u64)_percpu_start;
	*per_cpu(cpu_number, cpu) = cpu;
	timers_init_cpu(cpu);
	return 0;
}

static struct cpu *cpu_make(u32 number)
{
	struct cpu *c = kzalloc(sizeof(*c));

	if (!c || percpu_make(number))
		return NULL;
	c->number = number;
	c->start.idle = thread_new_idle(number);
	if (!c->start.idle || softirq_thread_new(number))
		return NULL;
	c->start.stack = c->start.idle->context.sp;
	c->start.percpu = percpu_offsets[number];
	c->start.arg = c;
	return c;
}

/* The word that a CPU looks at, in memory that firmware keeps for it or in none of ours. NULL: there can't be one. */
static u64 *release_map(u64 phys, const char *name)
{
	if (!phys || phys % sizeof(u64))
		return NULL;
	if (!page_is_ram(phys >> PAGE_SHIFT))
		return mmio_map_found(phys, sizeof(u64), 0, name);
	return phys_to_page(phys)->state == PAGE_RESERVED ? phys_to_virt(phys) : NULL;
}

/* 0: it was told to start, or an error with a message. */
static int cpu_release(const struct platform_cpu *p, struct smp_start *s)
{
	char name[24];
	u64 *release;

	snprintf(name, sizeof(name), "CPU %llx", (unsigned long long)p->mpidr);
	release = release_map(p->release_addr, name);
	if (!release) {
		log_err("%s: its release address %#llx cannot be one; the machine goes on without it", name,
			(unsigned long long)p->release_addr);
		return -EINVAL;
	}
	smp_release_cpu(p->mpidr, release, s);
	if (!page_is_ram(p->release_addr >> PAGE_SHIFT))
		mmio_unmap(release, sizeof(u64));
	return 0;
}

static int cpu_psci(const struct platform_cpu *p, struct smp_start *s)
{
	s64 err = smp_start_cpu(p->mpidr, s);

	if (err)
		log_err("CPU %llx: firmware does not start it (PSCI error %lld)", (unsigned long long)p->mpidr, (long long)err);
	return err ? -EINVAL : 0;
}

static const struct start_method {
	const char *name;
	int (*start)(const struct platform_cpu *p, struct smp_start *s);
} methods[] = { { "psci", cpu_psci }, { "spin-table", cpu_release } };

/* How firmware starts it. NULL with a message: in no way that is known. */
static const struct start_method *cpu_method(const struct platform_cpu *p)
{
	for (u32 i = 0; p->enable_method && i < ARRAY_SIZE(methods); i++) {
		if (strcmp(p->enable_method, methods[i].name) != 0)
			continue;
		if (methods[i].start != cpu_psci || psci_present())
			return &methods[i];
		log_err("CPU %llx: firmware offers no PSCI to start it; the machine goes on without it",
			(unsigned long long)p->mpidr);
		return NULL;
	}
	log_err("CPU %llx: firmware starts it by \"%s\", which is not known; the machine goes on without it",
		(unsigned long long)p->mpidr, p->enable_method ? p->enable_method : "");
	return NULL;
}

/* True: it runs, as the next number. */
static bool cpu_start(const struct platform_cpu *p)
{
	const struct start_method *method = cpu_method(p);
	u32 number = cpus_present;
	u64 mpidr = p->mpidr;
	struct cpu *c;

	if (!method)
		return false;
	c = cpu_make(number);
	if (!c) {
		log_err("CPU %llx: no memory for it", (unsigned long long)mpidr);
		return false;
	}
	if (method->start(p, &c->start))
		return false;
	wait_event_deadline(&came, atomic_load(&c->state) != CPU_AWAITED, clock_ns() + START_NS);
	if (atomic_cas(&c->state, (u32)CPU_AWAITED, (u32)CPU_GIVEN_UP)) {
		log_err("CPU %llx: it did not come up; the machine goes on without it", (unsigned long long)mpidr);
		return false;
	}
	if (atomic_load(&c->state) == CPU_DEAF) {
		log_err("CPU %llx: interrupts do not reach it; the machine goes on without it", (unsigned long long)mpidr);
		return false;
	}
	/* It is on its way to say so. */
	wait_event(&came, atomic_load(&cpus_present) > number);
	softirq_thread_run(number);
	return true;
}

void cpus_start(void)
{
	u64 self = cpu_affinity();
	u32 listed = MIN(platform.cpu_count, limit);

	if (listed < 2)
		return;
	if (platform.cpu_count > MAX_CPUS && limit == MAX_CPUS)
		log_warn("%u CPUs, of which %u can be used", platform.cpu_count, MAX_CPUS);
	if (slab_cpus_prepare(listed)) {
		log_err("no memory for more CPUs than one");
		return;
	}
	for (u32 i = 0; i < platform.cpu_count && cpus_present < listed; i++)
		if (platform.cpus[i].mpidr != self)
			cpu_start(&platform.cpus[i]);
	log_info("%u CPUs", cpus_present);
}
