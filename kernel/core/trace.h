/*
 * Trace points: what happened, in which order, on which CPU. Off by default:
 * one load and one branch each. trace=WORD,... on the command line, or words
 * written to /proc/trace, switch them on; /proc/trace reads the records.
 */
#pragma once
#include "base/defs.h"

enum trace_event {
	TRACE_IRQ,		/* interrupt entry (1) and exit (0) */
	TRACE_NAPI,		/* a poll's end: packets taken */
	TRACE_SWITCH,		/* context switch: from and to, thread ids */
	TRACE_SYSCALL,		/* number, first argument */
	TRACE_FAULT,		/* page fault: address, FAULT_* flags */
	TRACE_EVENTS
};

extern u32 trace_mask;		/* [a] bits of enum trace_event */

/* Any context. */
void trace_record(enum trace_event e, u64 a, u64 b);

static always_inline void trace(enum trace_event e, u64 a, u64 b)
{
	if (unlikely(trace_mask & 1u << e))
		trace_record(e, a, b);
}

/* Comma- or blank-separated names; "all", "none"; the whole set is replaced. 0, or -EINVAL (unchanged). */
int trace_select(const char *words);
/* The i-th oldest record of all CPUs as a line of text; bytes, 0 past the last. Start with i = 0; any context. */
size_t trace_format(u64 i, char *buf, size_t size);
/* The names and whether each is on. */
size_t trace_format_events(char *buf, size_t size);
