/*
 * The trace buffer (trace.h): one ring for all CPUs, whose places are given
 * out by an atomic counter, so that the order of records is the order of
 * events. A record is marked whole last; a reader skips what is being written.
 */
#include "core/trace.h"
#include "base/atomic.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/param.h"
#include "core/percpu.h"

#define RECORDS 512u		/* a power of two; 20 KiB */

struct trace_entry {
	u64 sequence;		/* place in the order + 1, stored last (release); 0 while written */
	u64 ns, a, b;
	u32 event, cpu;
};

static struct trace_entry ring[RECORDS];
static u64 next_place;		/* [a] */
u32 trace_mask;

static const struct { const char *name, *format; } events[TRACE_EVENTS] = {
	[TRACE_IRQ] = { "irq", "enter=%llu from_user=%llu" },
	[TRACE_NAPI] = { "napi", "took %llu of %llu" },
	[TRACE_SWITCH] = { "switch", "from %llu to %llu" },
	[TRACE_SYSCALL] = { "syscall", "%llu(%#llx)" },
	[TRACE_FAULT] = { "fault", "%#llx flags %llu" },
};

void trace_record(enum trace_event e, u64 a, u64 b)
{
	u64 place = atomic_add_relaxed(&next_place, 1ull) - 1;
	struct trace_entry *r = &ring[place % RECORDS];

	atomic_store(&r->sequence, 0ull);
	atomic_fence();
	r->ns = clock_ns();
	r->a = a;
	r->b = b;
	r->event = e;
	r->cpu = cpu_id();
	/* Pairs with the acquire in trace_format. */
	atomic_store(&r->sequence, place + 1);
}

size_t trace_format(u64 i, char *buf, size_t size)
{
	u64 end = atomic_load(&next_place), first = end > RECORDS ? end - RECORDS : 0;
	struct trace_entry *r, copy;
	size_t n;

	if (first + i >= end)
		return 0;
	r = &ring[(first + i) % RECORDS];
	if (atomic_load(&r->sequence) != first + i + 1)
		return scnprintf(buf, size, "(overwritten)\n");
	copy = *r;
	n = scnprintf(buf, size, "%5llu.%09llu cpu%u %s ", (unsigned long long)(copy.ns / NSEC_PER_SEC),
		      (unsigned long long)(copy.ns % NSEC_PER_SEC), copy.cpu, events[copy.event].name);
	n += scnprintf(buf + n, size - n, events[copy.event].format, (unsigned long long)copy.a,
		(unsigned long long)copy.b);
	n += scnprintf(buf + n, size - n, "\n");
	return n;
}

size_t trace_format_events(char *buf, size_t size)
{
	size_t n = scnprintf(buf, size, "#");

	for (u32 e = 0; e < TRACE_EVENTS; e++)
		n += scnprintf(buf + n, size - n, " %s=%u", events[e].name, trace_mask >> e & 1);
	return n + scnprintf(buf + n, size - n, "\n");
}

int trace_select(const char *words)
{
	u32 mask = 0;

	while (*words) {
		size_t n = 0;
		u32 e;

		while (words[n] && words[n] != ',' && words[n] != ' ')
			n++;
		for (e = 0; e < TRACE_EVENTS; e++)
			if (strlen(events[e].name) == n && !strncmp(words, events[e].name, n))
				break;
		if (e < TRACE_EVENTS)
			mask |= 1u << e;
		else if (n == 3 && !strncmp(words, "all", 3))
			mask = (1u << TRACE_EVENTS) - 1;
		else if (n && !(n == 4 && !strncmp(words, "none", 4)))
			return -EINVAL;
		words += n + (words[n] != 0);
	}
	atomic_store(&trace_mask, mask);
	return 0;
}
PARAM("trace", trace_select);
