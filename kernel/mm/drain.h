/*
 * What is kept only to be quick: per-CPU lists of pages and objects, stacks, and what keepers on other floors hold.
 * It all goes back to the free pages when memory is short (proc/oom.c) or somebody asks (drop_caches).
 */
#pragma once
#include "base/defs.h"

struct memory_keeper {
	void (*drain)(void);		/* what this CPU keeps. Interrupts masked */
	struct memory_keeper *next;
};

struct drain_ops {
	/* irq: run fn(arg) on every CPU, interrupts masked, and wait for all. Process context. */
	void (*on_each_cpu)(void (*fn)(void *), void *arg);
};
extern struct drain_ops drain_ops;

/* A driver whose device has borrowed pages (drivers/misc): asked before somebody is ended. */
struct memory_loan_ops {
	u64 (*call_back)(void);		/* how many pages came back. Process context, may sleep for a second */
};
extern struct memory_loan_ops memory_loan_ops;

/* page_is_short, and nothing comes back that is borrowed. Process context. */
bool memory_is_short(void);

/* At boot; k stays. */
void memory_keeper_add(struct memory_keeper *k);
/* How many pages are free now that were not. Process context. */
u64 memory_drain(void);
