/*
 * There is one CPU here: what it is told by others is counted.
 */
#include "../host.h"
#include "irq/internal.h"

u32 host_ipis[16];

void ipi_handle(u32 number)
{
	host_ipis[number]++;
}

size_t ipi_format(u32 number, char *buf, size_t size)
{
	return 0;
}

void cpu_call_all(void (*fn)(void *), void *arg)
{
	u64 flags = irq_save();

	fn(arg);
	irq_restore(flags);
}
