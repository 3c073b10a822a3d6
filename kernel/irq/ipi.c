/*
 * Interrupts from CPU to CPU: look at your run queue, call a function, stop.
 * The controller (drivers/intc) sends a number and hands it to ipi_handle on
 * the other side; what it stands for is known here alone.
 *
 * A call is on its maker's stack, in the list of each CPU that has not made it
 * yet, and its maker waits for all: calls are for what is seldom, such as
 * giving memory back.
 */
#include "irq/irq.h"
#include "arch/arm64/cpu.h"
#include "base/printf.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "irq/internal.h"
#include "mm/drain.h"
#include "sched/mutex.h"
#include "sched/sched.h"

static DEFINE_PERCPU(u32 [IPI_COUNT], ipi_counts);	/* [own CPU] */

/* One call at a time: a CPU that waits here for another can be called itself, its interrupts are open. */
static struct mutex call_mutex = MUTEX_INIT(call_mutex, "cpu call");
static void (*call_fn)(void *);		/* [call_mutex] */
static void *call_arg;			/* [call_mutex] */
static u32 call_left;			/* CPUs that have not made it yet [a] */

static void kick_cpu(u32 cpu)
{
	ipi_send(cpu, IPI_KICK);
}

void ipi_send(u32 cpu, enum ipi number)
{
	u64 flags = irq_save();

	irq_root_get()->send_ipi(cpu, number);
	irq_restore(flags);
}

void ipi_handle(u32 number)
{
	if (number >= IPI_COUNT)
		return;
	(*this_cpu(ipi_counts))[number]++;
	switch (number) {
	case IPI_KICK:
		sched_kicked();
		break;
	case IPI_CALL:
		call_fn(call_arg);
		/* Release: the caller sees what was done here. */
		atomic_sub(&call_left, 1u);
		break;
	case IPI_STOP:
		for (;;)
			cpu_wait_irq();
	}
}

void cpu_call_all(void (*fn)(void *), void *arg)
{
	u64 flags;
	u32 self;

	mutex_lock(&call_mutex);
	preempt_disable();
	self = cpu_id();
	call_fn = fn;
	call_arg = arg;
	atomic_store(&call_left, cpus_present - 1);
	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		if (cpu != self)
			ipi_send(cpu, IPI_CALL);
	flags = irq_save();
	fn(arg);
	irq_restore(flags);
	while (atomic_load(&call_left))
		cpu_relax();
	preempt_enable();
	mutex_unlock(&call_mutex);
}

/* A panic is one CPU's alone. */
static void stop_others(void)
{
	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		if (cpu != cpu_id())
			ipi_send(cpu, IPI_STOP);
}

size_t ipi_format(u32 number, char *buf, size_t size)
{
	static const char *const what[IPI_COUNT] = { "Rescheduling interrupts", "Function call interrupts",
		"CPU stop interrupts" };
	size_t n = scnprintf(buf, size, "IPI%u:", number);

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		n += scnprintf(buf + n, size - n, "%10u ", READ_ONCE((*per_cpu(ipi_counts, cpu))[number]));
	return n + scnprintf(buf + n, size - n, "      %s\n", what[number]);
}

void ipi_init(void)
{
	sched_ops.kick_cpu = kick_cpu;
	drain_ops.on_each_cpu = cpu_call_all;
	machine_ops.stop_others = stop_others;
}
