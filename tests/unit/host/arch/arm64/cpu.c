/*
 * Interrupts and device registers of the host machine. An interrupt runs like the kernel's: in hard
 * interrupt context with further ones masked, then softirqs with them open.
 */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "arch/arm64/cpu.h"
#include "core/panic.h"
#include "core/preempt.h"

bool host_irqs_masked;
u64 host_hole, host_hole_size;
void (*host_cache_cleaned)(const void *p, size_t n);

struct raised {
	struct raised *next;
	void (*fn)(void *arg);
	void *arg;
};
static struct raised *raised, **raised_tail = &raised;

static void interrupts_deliver(void)
{
	struct raised *r;

	while (!host_irqs_masked && !in_hardirq() && (r = raised)) {
		raised = r->next;
		if (!raised)
			raised_tail = &raised;
		host_irqs_masked = true;
		preempt_current()->count += HARDIRQ_ONE;
		r->fn(r->arg);
		preempt_current()->count -= HARDIRQ_ONE;
		free(r);
		if (!in_softirq())
			host_softirqs_run();
		host_irqs_masked = false;
	}
}

void host_interrupt(void (*fn)(void *arg), void *arg)
{
	struct raised *r = malloc(sizeof(*r));

	*r = (struct raised){ NULL, fn, arg };
	*raised_tail = r;
	raised_tail = &r->next;
	interrupts_deliver();
}

void irq_enable(void)
{
	host_irqs_masked = false;
	interrupts_deliver();
}

void cpu_wait_irq(void)
{
	panic("the idle instruction has no use on the host");
}

/* A test with a model of some of them defines it itself. */
__attribute__((weak)) u64 *host_sysreg(const char *name)
{
	static struct { const char *name; u64 value; } registers[64];
	size_t i = 0;

	while (registers[i].name && strcmp(registers[i].name, name))
		if (++i == ARRAY_SIZE(registers))
			panic("too many system registers");
	registers[i].name = name;
	return &registers[i].value;
}

static struct host_mmio *regions;

void host_mmio_add(struct host_mmio *region)
{
	region->next = regions;
	regions = region;
}

void host_mmio_remove(struct host_mmio *region)
{
	struct host_mmio **r = &regions;

	while (*r && *r != region)
		r = &(*r)->next;
	if (*r)
		*r = region->next;
}

static struct host_mmio *region_find(u64 a)
{
	struct host_mmio *r = regions;

	while (r && a - r->base >= r->size)
		r = r->next;
	return r;
}

u64 host_mmio_read(const volatile void *a, unsigned width)
{
	struct host_mmio *r = region_find((u64)a);
	u64 v = 0;

	if ((u64)a % width)
		panic("a %u-byte register is read at %p", width, (void *)a);
	if (r)
		return r->read(r->arg, (u64)a - r->base, width);
	memcpy(&v, (const void *)a, width);
	return v;
}

void host_mmio_write(volatile void *a, unsigned width, u64 v)
{
	struct host_mmio *r = region_find((u64)a);

	if ((u64)a % width)
		panic("a %u-byte register is written at %p", width, (void *)a);
	if (r)
		r->write(r->arg, (u64)a - r->base, width, v);
	else
		memcpy((void *)a, &v, width);
}
