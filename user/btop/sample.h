/*
 * What the machine has done so far and in the last moment, from /proc.
 */
#ifndef BTOP_SAMPLE_H
#define BTOP_SAMPLE_H

#include <stdint.h>

enum { SAMPLE_NAME = 32 };

struct cpu {
	uint64_t busy, all;             /* ticks since the start */
	double   load;                  /* 0 to 1, between the last two samples; as all below */
};

struct netif {
	char     name[SAMPLE_NAME];
	uint64_t received, sent;        /* bytes */
	double   receiving, sending;    /* bytes a second */
};

/* A count, and how fast it grows. */
struct counter {
	uint64_t count;
	double   rate;                  /* a second */
};

struct sample {
	double          when;           /* seconds of the monotonic clock; 0: there was none before */
	struct cpu     *cpus;           /* the first is all of them together */
	int             cpu_count;
	double          memory_used, memory_all;    /* bytes */
	struct netif   *netifs;
	int             netif_count;
	struct counter  interrupts, net_interrupts, frames, submits;
	int             gpu;            /* whether frames and submits are told */
};

/* Look again. 0, or a negative errno: -ENOMEM, or what reading /proc gave; rates are 0 the first time. */
int sample_take(struct sample *s);
void sample_free(struct sample *s);

#endif
