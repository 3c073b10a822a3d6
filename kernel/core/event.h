/*
 * What this floor announces to those above: they wait for it, and waiting is sched's. Filled by sched at boot
 * (docs/floors.md); NULL before: nobody can wait yet.
 */
#pragma once
#include "base/defs.h"

enum core_event {
	CORE_EVENT_LOG,		/* a line was logged */
	CORE_EVENT_SEEDED,	/* the random generator has its first full seed */
	CORE_EVENT_CLOCK_SET,	/* CLOCK_REALTIME was set */
	CORE_EVENT_BLOCK_FREE,	/* a block of pages of the largest order became free: mm/page.h */
	CORE_EVENTS
};

struct core_event_ops {
	void (*announce)(enum core_event);	/* any context, under any lock */
};
extern struct core_event_ops core_event_ops;

static inline void core_event(enum core_event e)
{
	if (core_event_ops.announce)
		core_event_ops.announce(e);
}
