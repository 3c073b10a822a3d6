/*
 * Poll contexts (NAPI). A receive interrupt schedules; the poll runs in
 * softirq context with a budget. The scheduled bit owns the queue: whoever
 * sets it runs the poll, on the CPU that set it, so that poll needs no lock.
 */
#pragma once
#include "base/list.h"
#include "core/percpu.h"

#define NAPI_WEIGHT	64		/* packets one poll may take in a turn */

struct irq;
struct napi {
	/* Take up to budget packets; under budget, the queue is empty: return what was taken, having called
	 * napi_complete and re-armed. At the budget: return it; the poll stays scheduled. Softirq context. */
	int (*poll)(struct napi *n, int budget);
	u32 state;			/* NAPI_* bits [a] */
	u32 cpu;			/* whose list it is on, while scheduled */
	struct list_node node;		/* that CPU's poll list [owner of the scheduled bit] */
	struct irq *irq;		/* masked while scheduled if irq_masks_while_polling; NULL: none */
	bool irq_masked;		/* [owner of the scheduled bit] */
};
#define NAPI_SCHEDULED	1u
#define NAPI_DISABLED	2u

void napi_init(struct napi *n, int (*poll)(struct napi *, int), struct irq *irq);
/* From the queue's interrupt or from anybody who found work. true if this call scheduled it. Any context. */
bool napi_schedule(struct napi *n);
/* poll is done: give the scheduled bit back (and unmask the line). The caller then re-arms the device and, if that says
 * work slipped in, calls napi_schedule again. Softirq context. */
void napi_complete(struct napi *n);
/* Count a re-arm that found work (net_rx_rearm_races). */
void napi_note_rearm_race(void);
/* Keep poll from running; waits for a running one. Process context. */
void napi_disable(struct napi *n);
void napi_enable(struct napi *n);
/* Call fn(arg) at the end of this CPU's current batch: after the polls of this softirq, or at net_batch_end. Kicks and
 * ACKs. */
struct net_deferred { struct net_deferred *next; void (*fn)(struct net_deferred *); bool queued; };
/* true: deferred; false: no batch is open here, the caller does it at once. bh disabled. */
bool net_defer(struct net_deferred *d);
/* A sender of many packets brackets them, so that the device is kicked once. bh disabled between. */
void net_batch_begin(void);
void net_batch_end(void);

/* Wait until every poll, batch and deferred call that was at work when this began has ended, on each CPU. Process
 * context. */
void net_quiesce(void);

struct napi_stats { u64 polls, timer_polls, packets, rearm_races; };
void napi_stats_get(struct napi_stats *s);
/* The last step of the ladder: poll this context from a 100 Hz timer while it is enabled. */
void napi_poll_by_timer(struct napi *n, bool on);
