/*
 * Poll contexts. An interrupt schedules one; the network softirq polls it, up to NAPI_WEIGHT packets a turn
 * and RUN_BUDGET a run. What is left then is the softirq thread's, which shares the CPU with programs like any
 * other thread. Drivers and loopback call in; it calls their poll functions.
 *
 * Overload. When most of a turn was thrown away because the programs' queues are full, taking more only
 * burns the time that the programs need to empty them. Such a context is parked: it stays scheduled (its
 * interrupt stays off, so the card drops for us, at no cost) until a reader has made room (net_receiver_relief)
 * or PARK_NS have passed, so that traffic for others keeps flowing. (Mogul and Ramakrishnan, 1997: feedback from
 * full queues.)
 *
 * Lock keys: [c] the CPU itself, interrupts masked; [s] the CPU itself, softirqs off; [P] park_lock.
 */
#include "core/clock.h"
#include "core/panic.h"
#include "core/trace.h"
#include "irq/irq.h"
#include "mm/slab.h"
#include "net/napi.h"
#include "net/napi_internal.h"
#include "sched/mutex.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define RUN_BUDGET	300		/* packets a softirq run may take */
#define KICK_BUDGET	128		/* after so many, what they caused is sent though there are more: ACKs, answers */
#define PARK_NS		(1 * NSEC_PER_MSEC)
#define TIMER_POLL_NS	(NSEC_PER_SEC / 100)

struct net_cpu {
	struct list_node scheduled;	/* struct napi.node [c] */
	struct net_deferred *deferred;	/* [s] */
	struct net_deferred **deferred_tail; /* [s] */
	u32 batch;			/* depth of open batches [s] */
	u32 receiver_full;		/* packets dropped for a full queue [s] */
	struct napi_stats stats;	/* [s] */
};

static DEFINE_PERCPU(struct net_cpu, net_cpu);

static struct spinlock park_lock = SPINLOCK_INIT("net.park");	/* irq kind */
static struct list_node parked = LIST_INIT(parked);		/* struct napi.node [P] */
static u32 parked_count;					/* [P]; read without */
static struct timer park_timer;

static struct wait_queue idle_wait = WAIT_QUEUE_INIT(idle_wait, "napi.idle");

/* The last step of the ladder: a timer in an interrupt's place. */
struct poll_timer {
	struct list_node node;		/* [T] */
	struct timer timer;
	struct napi *napi;
};
static struct spinlock poll_timers_lock = SPINLOCK_INIT("napi.timers");	/* bh kind [T] */
static struct list_node poll_timers = LIST_INIT(poll_timers);

void napi_init(struct napi *n, int (*poll)(struct napi *, int), struct irq *irq)
{
	n->poll = poll;
	n->state = 0;
	n->cpu = 0;
	list_init(&n->node);
	n->irq = irq;
	n->irq_masked = false;
}

/* n's scheduled bit is ours: onto this CPU's list. */
static void napi_enlist(struct napi *n)
{
	u64 flags = irq_save();

	n->cpu = cpu_id();
	list_push_back(&this_cpu(net_cpu)->scheduled, &n->node);
	softirq_raise(SOFTIRQ_NET);
	irq_restore(flags);
}

bool napi_schedule(struct napi *n)
{
	u32 v = atomic_load_relaxed(&n->state);

	do {
		if (v & (NAPI_SCHEDULED | NAPI_DISABLED))
			return false;
	} while (!__atomic_compare_exchange_n(&n->state, &v, v | NAPI_SCHEDULED, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	if (n->irq && irq_masks_while_polling(n->irq)) {
		irq_mask(n->irq);
		n->irq_masked = true;
	}
	napi_enlist(n);
	return true;
}

void napi_complete(struct napi *n)
{
	bool masked = n->irq_masked;

	n->irq_masked = false;
	/* Release: the next owner, on whatever CPU, sees what this poll did to the queue. */
	if (unlikely(atomic_fetch_and(&n->state, ~NAPI_SCHEDULED) & NAPI_DISABLED))
		wait_wake_all(&idle_wait);
	if (masked)
		irq_unmask(n->irq);
}

void napi_note_rearm_race(void)
{
	this_cpu(net_cpu)->stats.rearm_races++;
}

void napi_disable(struct napi *n)
{
	atomic_fetch_or(&n->state, NAPI_DISABLED);
	net_receiver_relief();		/* a parked one completes only when it is run */
	wait_event(&idle_wait, !(atomic_load(&n->state) & NAPI_SCHEDULED));
}

void napi_enable(struct napi *n)
{
	atomic_fetch_and(&n->state, ~NAPI_DISABLED);
}

/* ---- overload ------------------------------------------------------------- */

void net_receiver_full(void)
{
	this_cpu(net_cpu)->receiver_full++;
}

static void napi_park(struct napi *n)
{
	u64 flags = spin_lock_irqsave(&park_lock);

	list_push_back(&parked, &n->node);
	WRITE_ONCE(parked_count, parked_count + 1);
	spin_unlock_irqrestore(&park_lock, flags);
	if (!timer_armed(&park_timer))
		timer_set(&park_timer, clock_ns() + PARK_NS);
}

static void parked_go_on(void)
{
	u64 flags;

	local_bh_disable();
	flags = spin_lock_irqsave(&park_lock);
	while (!list_empty(&parked)) {
		struct napi *n = list_first(&parked, struct napi, node);

		list_remove(&n->node);
		WRITE_ONCE(parked_count, parked_count - 1);
		napi_enlist(n);
	}
	spin_unlock_irqrestore(&park_lock, flags);
	local_bh_enable();		/* polls, in a reader's own context */
}

void net_receiver_relief(void)
{
	if (READ_ONCE(parked_count))
		parked_go_on();
}

/* With the lock, whatever the count seems to be: who parks sets the timer unless he finds it armed, behind the lock. */
static void park_timeout(struct timer *t)
{
	parked_go_on();
}

/* ---- the softirq ---------------------------------------------------------- */

static void deferred_run(struct net_cpu *c)
{
	struct net_deferred *d;

	while ((d = c->deferred)) {
		c->deferred = d->next;
		if (!c->deferred)
			c->deferred_tail = &c->deferred;
		/* Release: its link is read before another CPU queues it again. */
		atomic_store(&d->queued, false);
		d->fn(d);
	}
}

/* One turn of one context; true if it goes on the list again. */
static bool napi_turn(struct net_cpu *c, struct napi *n, int *budget)
{
	u32 full = c->receiver_full;
	int took;

	if (unlikely(atomic_load_relaxed(&n->state) & NAPI_DISABLED)) {
		napi_complete(n);
		return false;
	}
	took = n->poll(n, NAPI_WEIGHT);
	trace(TRACE_NAPI, took, NAPI_WEIGHT);
	c->stats.polls++;
	c->stats.packets += took;
	*budget -= took;
	if (likely(took < NAPI_WEIGHT))
		return false;		/* it called napi_complete itself */
	if (c->receiver_full - full > NAPI_WEIGHT / 2) {
		napi_park(n);
		return false;
	}
	return true;
}

/* The next context whose turn it is, off the list. What an interrupt adds after the look has raised the softirq
 * again. */
static inline struct napi *napi_next(struct net_cpu *c)
{
	struct list_node *n;

	if (READ_ONCE(c->scheduled.next) == &c->scheduled)
		return NULL;
	irq_disable();
	n = list_pop_front(&c->scheduled);
	irq_enable();
	return list_entry(n, struct napi, node);
}

static bool net_softirq(void)
{
	struct net_cpu *c = this_cpu(net_cpu);
	int budget = RUN_BUDGET, kick_at = RUN_BUDGET - KICK_BUDGET;
	struct napi *n;

	c->batch++;
	while (budget > 0) {
		n = napi_next(c);
		if (!n) {
			/* A deferred kick or ACK may schedule again (loopback): look once more. */
			if (!c->deferred)
				break;
			deferred_run(c);
		} else if (unlikely(napi_turn(c, n, &budget))) {
			irq_disable();
			list_push_back(&c->scheduled, &n->node);
			irq_enable();
			if (budget <= kick_at) {
				deferred_run(c);
				kick_at = budget - KICK_BUDGET;
			}
		}
	}
	if (unlikely(c->deferred))
		deferred_run(c);
	c->batch--;
	return unlikely(budget <= 0) && !list_empty(&c->scheduled);
}

bool net_defer(struct net_deferred *d)
{
	struct net_cpu *c = this_cpu(net_cpu);

	if (!c->batch)
		return false;
	if (!READ_ONCE(d->queued)) {
		d->queued = true;
		d->next = NULL;
		*c->deferred_tail = d;
		c->deferred_tail = &d->next;
	}
	return true;
}

void net_batch_begin(void)
{
	this_cpu(net_cpu)->batch++;
}

void net_batch_end(void)
{
	struct net_cpu *c = this_cpu(net_cpu);

	if (c->batch == 1)
		deferred_run(c);
	c->batch--;
}

/* ---- polling without interrupts ------------------------------------------- */

static void poll_timer_fire(struct timer *t)
{
	struct poll_timer *p = container_of(t, struct poll_timer, timer);

	if (napi_schedule(p->napi))
		this_cpu(net_cpu)->stats.timer_polls++;
	/* From its own deadline, not from now: the rate holds however late a tick is. Ticks missed altogether are not made
	 * up. */
	timer_set(t, MAX(t->deadline + TIMER_POLL_NS, clock_ns()));
}

void napi_poll_by_timer(struct napi *n, bool on)
{
	struct poll_timer *p, *found = NULL;

	spin_lock_bh(&poll_timers_lock);
	list_for_each(p, &poll_timers, node)
		if (p->napi == n)
			found = p;
	if (found && !on)
		list_remove(&found->node);
	spin_unlock_bh(&poll_timers_lock);

	if (found && !on) {
		/* Its function re-arms: cancel until none is left. */
		do
			timer_cancel_sync(&found->timer);
		while (timer_armed(&found->timer));
		kfree(found);
	}
	if (found || !on)
		return;
	p = kmalloc(sizeof(*p));
	BUG_ON(!p);			/* at probe: a machine without this much memory does not boot */
	p->napi = n;
	timer_init(&p->timer, poll_timer_fire);
	spin_lock_bh(&poll_timers_lock);
	list_push_back(&poll_timers, &p->node);
	spin_unlock_bh(&poll_timers_lock);
	timer_set(&p->timer, clock_ns() + TIMER_POLL_NS);
}

/* ---- waiting for them all --------------------------------------------------- */

/*
 * A poll on each CPU that has nothing to poll, and behind it a deferred call: softirqs of a CPU run one after the
 * other, so that what was at work there before has ended.
 */
struct marker {
	struct napi napi;
	struct net_deferred last;
};
static DEFINE_PERCPU(struct marker, marker);	/* [quiesce_lock] */
static struct mutex quiesce_lock = MUTEX_INIT(quiesce_lock, "net.quiesce");
static u32 markers_left;			/* on their way; each CPU's is added before cpu_call_all returns [a] */
static struct wait_queue quiesce_wait = WAIT_QUEUE_INIT(quiesce_wait, "net.quiesce wait");

static void marker_end(struct net_deferred *d)
{
	atomic_sub(&markers_left, 1);
	wait_wake_all(&quiesce_wait);
}

static int marker_poll(struct napi *n, int budget)
{
	napi_complete(n);
	net_defer(&container_of(n, struct marker, napi)->last);		/* a softirq is a batch */
	return 0;
}

static void marker_start(void *unused)
{
	struct marker *m = this_cpu(marker);

	napi_init(&m->napi, marker_poll, NULL);
	m->last.fn = marker_end;
	atomic_add(&markers_left, 1);
	napi_schedule(&m->napi);
}

void net_quiesce(void)
{
	mutex_lock(&quiesce_lock);
	cpu_call_all(marker_start, NULL);
	wait_event(&quiesce_wait, !atomic_load(&markers_left));
	mutex_unlock(&quiesce_lock);
}

void napi_stats_get(struct napi_stats *s)
{
	*s = (struct napi_stats){ 0 };
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		const struct napi_stats *c = &per_cpu(net_cpu, cpu)->stats;

		s->polls += c->polls;
		s->timer_polls += c->timer_polls;
		s->packets += c->packets;
		s->rearm_races += c->rearm_races;
	}
}

void napi_init_cpu(u32 cpu)
{
	struct net_cpu *c = per_cpu(net_cpu, cpu);

	list_init(&c->scheduled);
	c->deferred_tail = &c->deferred;
}

void napi_init_all(void)
{
	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		napi_init_cpu(cpu);
	timer_init(&park_timer, park_timeout);
	softirq_register(SOFTIRQ_NET, net_softirq);
}
