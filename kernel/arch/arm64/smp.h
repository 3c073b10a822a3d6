/*
 * Starting the other CPUs (smp.c).
 */
#pragma once
#include "base/defs.h"

struct thread;

/* What a CPU finds when it starts, with the MMU off: start.S reads it. Layout: asm.h. */
struct smp_start {
	u64 kernel_root, idmap_root;	/* physical */
	u64 stack;			/* top of its idle thread's */
	struct thread *idle;
	u64 percpu;			/* distance of its per-CPU variables */
	void *arg;			/* for secondary_entry */
	u64 mpidr;			/* who is meant, for who comes by a release address */
};

/* Have the CPU with this affinity begin in secondary_entry(s->arg); s stays until it does. 0 or a negative PSCI error:
 * it does not start. The other fields of s but the roots and mpidr are the caller's. Process context. */
s64 smp_start_cpu(u64 mpidr, struct smp_start *s);

/* The same for a CPU that waits until the word at `release` is an address (Devicetree Specification 3.8.1,
 * "spin-table"); others may wait for the same word. s stays for good: it may come at any time. Process context. */
void smp_release_cpu(u64 mpidr, u64 *release, struct smp_start *s);
