/*
 * What is kept only to be quick: per-CPU lists of pages and objects, stacks, and what keepers on other floors hold.
 * It all goes back to the free pages when memory is short (proc/oom.c) or somebody asks (drop_caches).
 */
#pragma once
#include "base/defs.h"

struct memory_keeper {
	void (*drain)(void);		/* process context */
	struct memory_keeper *next;
};

/* At boot; k stays. */
void memory_keeper_add(struct memory_keeper *k);
/* How many pages are free now that were not. Process context. */
u64 memory_drain(void);
