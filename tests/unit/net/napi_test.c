/*
 * Poll contexts: who polls when, the budget, giving back and taking again without a loss, parking under overload,
 * deferred work, polling by timer.
 *
 * sources: net/napi.c core/trace.c
 */
#include "unit.h"
#include "host.h"
#include "core/clock.h"
#include "irq/irq.h"
#include "net/napi.h"
#include "net/napi_internal.h"
#include "sched/softirq.h"

static struct napi n;
static u32 available, polls, taken, masks, unmasks;
static bool masking, everything_dropped;

bool irq_masks_while_polling(struct irq *irq) { return masking; }
void irq_mask(struct irq *irq) { masks++; }
void irq_unmask(struct irq *irq) { unmasks++; }

static int poll(struct napi *self, int budget)
{
	int took = MIN(available, (u32)budget);

	EXPECT_EQ(budget, NAPI_WEIGHT);
	polls++;
	available -= took;
	taken += took;
	for (int i = 0; everything_dropped && i < took; i++)
		net_receiver_full();
	if (took < budget)
		napi_complete(self);
	return took;
}

static void begin(void)
{
	static bool started;
	static struct irq irq;

	if (!started)
		napi_init_all();
	started = true;
	napi_init(&n, poll, &irq);
	available = polls = taken = masks = unmasks = 0;
	masking = everything_dropped = false;
}

static void interrupt(void *arg)
{
	napi_schedule(&n);
}

TEST(an_interrupt_polls_once)
{
	begin();
	available = 5;
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(polls, 1u);
	EXPECT_EQ(taken, 5u);
	EXPECT_EQ(atomic_load(&n.state), 0u);
	host_run();
	EXPECT_EQ(polls, 1u);
}

TEST(scheduled_twice_runs_once)
{
	begin();
	local_bh_disable();
	EXPECT(napi_schedule(&n));
	EXPECT(!napi_schedule(&n));
	local_bh_enable();
	host_run();
	EXPECT_EQ(polls, 1u);
}

TEST(the_line_is_masked_while_polling_if_its_controller_wants_it)
{
	begin();
	masking = true;
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(masks, 1u);
	EXPECT_EQ(unmasks, 1u);
	masking = false;
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(masks, 1u);
	EXPECT_EQ(unmasks, 1u);
}

TEST(past_the_budget_the_thread_goes_on)
{
	begin();
	available = 10000;
	host_interrupt(interrupt, NULL);
	EXPECT_GE(taken, 256u);
	EXPECT_LE(taken, 300u * 10 + 64);	/* what a softirq may do on the way out of an interrupt */
	host_run();
	EXPECT_EQ(taken, 10000u);
	EXPECT_EQ(atomic_load(&n.state), 0u);
}

TEST(what_nobody_can_take_is_left_to_the_card)
{
	begin();
	available = 100000;
	everything_dropped = true;
	host_interrupt(interrupt, NULL);
	host_run();
	EXPECT_EQ(taken, (u32)NAPI_WEIGHT);		/* one turn, then parked */
	EXPECT_EQ(atomic_load(&n.state), NAPI_SCHEDULED);
	/* Interrupts don't wake it; time does, for the sake of other receivers. */
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(taken, (u32)NAPI_WEIGHT);
	host_clock_advance(NSEC_PER_MSEC);
	EXPECT_EQ(taken, 2u * NAPI_WEIGHT);
	/* A reader that made room polls at once. */
	everything_dropped = false;
	net_receiver_relief();
	host_run();
	EXPECT_EQ(taken, 100000u);
	EXPECT_EQ(atomic_load(&n.state), 0u);
}

TEST(disabled_it_does_not_run)
{
	begin();
	napi_disable(&n);
	EXPECT(!napi_schedule(&n));
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(polls, 0u);
	napi_enable(&n);
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(polls, 1u);
	/* Also while it is parked. */
	available = 1000;
	everything_dropped = true;
	host_interrupt(interrupt, NULL);
	host_run();
	napi_disable(&n);
	EXPECT_EQ(atomic_load(&n.state), NAPI_DISABLED);
	napi_enable(&n);
	host_clock_advance(10 * NSEC_PER_MSEC);
}

static u32 deferred_runs;

static void deferred_count(struct net_deferred *d)
{
	deferred_runs++;
}

static struct net_deferred work = { .fn = deferred_count };
static u32 runs_inside;

static int poll_and_defer(struct napi *self, int budget)
{
	EXPECT(net_defer(&work));
	EXPECT(net_defer(&work));
	runs_inside = deferred_runs;
	napi_complete(self);
	return 1;
}

TEST(deferred_work_runs_once_at_the_end_of_the_polls)
{
	begin();
	napi_init(&n, poll_and_defer, NULL);
	deferred_runs = 0;
	host_interrupt(interrupt, NULL);
	EXPECT_EQ(runs_inside, 0u);
	EXPECT_EQ(deferred_runs, 1u);
	local_bh_disable();
	EXPECT(!net_defer(&work));
	net_batch_begin();
	net_batch_begin();
	EXPECT(net_defer(&work));
	net_batch_end();
	EXPECT_EQ(deferred_runs, 1u);
	net_batch_end();
	EXPECT_EQ(deferred_runs, 2u);
	local_bh_enable();
}

TEST(a_timer_polls_where_no_interrupt_comes)
{
	struct napi_stats before, after;

	begin();
	napi_stats_get(&before);
	napi_poll_by_timer(&n, true);
	host_clock_advance(NSEC_PER_SEC);
	EXPECT_GE(polls, 99u);
	EXPECT_LE(polls, 101u);
	napi_poll_by_timer(&n, false);
	napi_stats_get(&after);
	EXPECT_EQ(after.timer_polls - before.timer_polls, polls);
	host_clock_advance(NSEC_PER_SEC);
	EXPECT_LE(polls, 101u);
	EXPECT_EQ(host_timer_next(), ~0ull);
}

TEST(counters_count_what_happened)
{
	struct napi_stats before, after;

	begin();
	napi_stats_get(&before);
	available = 7;
	host_interrupt(interrupt, NULL);
	local_bh_disable();
	napi_note_rearm_race();
	local_bh_enable();
	napi_stats_get(&after);
	EXPECT_EQ(after.polls - before.polls, 1u);
	EXPECT_EQ(after.packets - before.packets, 7u);
	EXPECT_EQ(after.rearm_races - before.rearm_races, 1u);
	EXPECT_EQ(after.timer_polls, before.timer_polls);
}
