/*
 * Interrupt lines over a controller that is a table of bits: masking, sharing, dispatch, what
 * /proc/interrupts shows.
 *
 * sources: irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "arch/arm64/upcall.h"
#include "fw/platform.h"
#include "irq/domain.h"
#include "irq/msi.h"
#include "sched/softirq.h"

struct platform platform = { .cpu_count = 1 };

#define LINES 8

static struct line {
	struct irq *irq;
	bool open, pending;
	enum irq_trigger type;
	u32 cpu;
} lines[LINES];
static u32 eois;

static void table_mask(struct irq *irq) { lines[irq->hwirq].open = false; }
static void table_unmask(struct irq *irq) { lines[irq->hwirq].open = true; }

static int table_set_type(struct irq *irq, enum irq_trigger type)
{
	if (irq->hwirq == 7)
		return -EINVAL;		/* a line that can't be set */
	lines[irq->hwirq].type = type;
	return 0;
}

static int table_set_affinity(struct irq *irq, u32 cpu)
{
	lines[irq->hwirq].cpu = cpu;
	return 0;
}

static int table_bind(struct irq *irq, bool on)
{
	if (irq->hwirq >= LINES)
		return -EINVAL;
	if (on && lines[irq->hwirq].irq)
		return -EBUSY;
	lines[irq->hwirq].irq = on ? irq : NULL;
	return 0;
}

static const struct irq_domain_ops table_ops = {
	.mask = table_mask, .unmask = table_unmask, .set_type = table_set_type, .set_affinity = table_set_affinity,
	.bind = table_bind,
};
static struct irq_domain table = { .name = "TABLE", .ops = &table_ops };

/* What the controller has, until nothing is left, as a GIC is read until spurious. */
static void table_dispatch(void)
{
	for (u32 i = 0; i < LINES; i++)
		if (lines[i].pending && lines[i].open) {
			lines[i].pending = false;
			irq_handle(lines[i].irq);
			eois++;
			i = -1;
		}
}

static const struct irq_root table_root = { .dispatch = table_dispatch };

/* The line is raised while a kernel thread runs. */
static void raise(u32 hwirq)
{
	struct trap_frame frame = { .pstate = 5 };

	lines[hwirq].pending = true;
	if (host_irqs_masked)
		return;
	host_irqs_masked = true;
	irq_dispatch(&frame);
	host_irqs_masked = false;
}

static void begin(void)
{
	static bool once;

	if (!once) {
		irq_root_register(&table_root);
		irq_domain_register(&table);
		irq_root_domain_set(&table);
		once = true;
	}
	eois = 0;
}

struct device {
	u32 hits;
	bool mine;
	u32 raise_next;		/* raise this line from the handler, once */
};

static enum irq_result device_irq(void *arg)
{
	struct device *d = arg;

	EXPECT(in_hardirq());
	d->hits++;
	if (d->raise_next) {
		lines[d->raise_next].pending = true;
		d->raise_next = 0;
	}
	return d->mine ? IRQ_HANDLED : IRQ_NONE;
}

TEST(a_line_stays_masked_until_it_is_opened)
{
	struct device d = { .mine = true };
	struct irq *irq;

	begin();
	irq = irq_from_firmware(3, IRQ_EDGE_RISING);
	REQUIRE(!is_err(irq));
	EXPECT_EQ(lines[3].type, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_attach(irq, device_irq, &d, "dev"), 0);
	raise(3);
	EXPECT_EQ(d.hits, 0u);
	irq_unmask(irq);
	raise(3);
	EXPECT_EQ(d.hits, 1u);
	irq_mask(irq);
	irq_mask(irq);
	irq_unmask(irq);
	raise(3);
	EXPECT_EQ(d.hits, 1u);
	irq_unmask(irq);
	raise(3);
	EXPECT_EQ(d.hits, 2u);
	EXPECT_EQ(irq_count(irq), 2u);
	irq_detach(irq, &d);
	EXPECT(!lines[3].open);
	irq_destroy(irq);
	EXPECT_EQ(lines[3].irq, (struct irq *)NULL);
}

TEST(level_lines_are_shared_edge_lines_are_not)
{
	struct device a = { .mine = true }, b = { .mine = true };
	struct irq *level, *same, *edge;

	begin();
	level = irq_create(&table, 1, IRQ_LEVEL_HIGH);
	same = irq_create(&table, 1, IRQ_LEVEL_HIGH);
	EXPECT_EQ(level, same);
	EXPECT_EQ(ptr_err(irq_create(&table, 1, IRQ_EDGE_RISING)), -EINVAL);
	EXPECT_EQ(irq_attach(level, device_irq, &a, "a"), 0);
	EXPECT_EQ(irq_attach(level, device_irq, &b, "b"), 0);
	irq_unmask(level);
	raise(1);
	EXPECT_EQ(a.hits, 1u);
	EXPECT_EQ(b.hits, 1u);
	irq_detach(level, &a);
	EXPECT(lines[1].open);
	raise(1);
	EXPECT_EQ(a.hits, 1u);
	EXPECT_EQ(b.hits, 2u);
	irq_detach(level, &b);
	EXPECT(!lines[1].open);
	irq_destroy(same);
	EXPECT_EQ(lines[1].irq, level);
	irq_destroy(level);
	EXPECT_EQ(lines[1].irq, (struct irq *)NULL);

	edge = irq_create(&table, 2, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_attach(edge, device_irq, &a, "a"), 0);
	EXPECT_EQ(irq_attach(edge, device_irq, &b, "b"), -EBUSY);
	irq_detach(edge, &a);
	irq_destroy(edge);
}

TEST(creation_that_fails_leaves_nothing)
{
	u64 live;

	begin();
	live = host_alloc_live();
	EXPECT_EQ(ptr_err(irq_create(&table, LINES, IRQ_EDGE_RISING)), -EINVAL);
	EXPECT_EQ(ptr_err(irq_create(&table, 7, IRQ_EDGE_RISING)), -EINVAL);
	EXPECT_EQ(lines[7].irq, (struct irq *)NULL);
	for (u32 nth = 1; nth <= 2; nth++) {
		host_alloc_fail(nth);
		EXPECT_EQ(ptr_err(irq_create(&table, 0, IRQ_EDGE_RISING)), -ENOMEM);
	}
	EXPECT_EQ(host_alloc_live(), live);
	EXPECT_EQ(lines[0].irq, (struct irq *)NULL);
}

static u32 softirqs;

static bool softirq_note(void)
{
	EXPECT(!in_hardirq());
	softirqs++;
	return false;
}

static enum irq_result raise_softirq(void *arg)
{
	softirq_raise(SOFTIRQ_TASK);
	return IRQ_HANDLED;
}

TEST(dispatch_drains_the_controller_then_runs_softirqs)
{
	struct device a = { .mine = true, .raise_next = 5 };
	struct irq *first, *second;

	begin();
	softirq_register(SOFTIRQ_TASK, softirq_note);
	first = irq_create(&table, 4, IRQ_EDGE_RISING);
	second = irq_create(&table, 5, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_attach(first, device_irq, &a, "a"), 0);
	EXPECT_EQ(irq_attach(second, raise_softirq, &a, "b"), 0);
	irq_unmask(first);
	irq_unmask(second);
	raise(4);
	EXPECT_EQ(eois, 2u);
	EXPECT_EQ(softirqs, 1u);
	local_bh_disable();
	raise(5);
	EXPECT_EQ(softirqs, 1u);
	local_bh_enable();
	EXPECT_EQ(softirqs, 2u);
	irq_detach(first, &a);
	irq_detach(second, &a);
	irq_destroy(first);
	irq_destroy(second);
}

TEST(a_storm_that_nobody_knows_is_shut_off)
{
	struct device d = { .mine = false };
	struct irq *irq;

	begin();
	irq = irq_create(&table, 6, IRQ_LEVEL_HIGH);
	EXPECT_EQ(irq_attach(irq, device_irq, &d, "quiet"), 0);
	irq_unmask(irq);
	for (u32 i = 0; i < 1000000 && lines[6].open; i++)
		raise(6);
	EXPECT(!lines[6].open);
	EXPECT(host_log_has("that no driver knew; TABLE 6 (quiet) is masked and polled at 100 Hz"));
	irq_detach(irq, &d);
	irq_destroy(irq);
}

/* A device that nobody drives holds a line that another one shares, whose own interrupts are among the storm's. */
TEST(a_storm_shuts_the_line_and_its_users_go_on)
{
	struct device card = { .mine = true }, other = { .mine = false };
	struct irq *irq;
	u32 raised = 0;
	u32 hits;

	begin();
	irq = irq_create(&table, 6, IRQ_LEVEL_HIGH);
	EXPECT_EQ(irq_attach(irq, device_irq, &card, "card"), 0);
	EXPECT_EQ(irq_attach(irq, device_irq, &other, "other"), 0);
	irq_unmask(irq);
	/* One in a thousand is the card's: it takes the line for a while yet. */
	for (; raised < 300000 && lines[6].open; raised++) {
		card.mine = raised % 500 == 0;
		raise(6);
	}
	EXPECT(lines[6].open);
	for (raised = 0; raised < 300000 && lines[6].open; raised++) {
		card.mine = raised % 2000 == 0;
		raise(6);
	}
	EXPECT(!lines[6].open);
	EXPECT(raised <= 200000);
	EXPECT(host_log_has("TABLE 6 (card and others) is masked and polled"));

	/* A hundred times a second, as long as the card wants them; nothing opens the line again. */
	hits = card.hits;
	host_clock_advance(1000000000);
	EXPECT(card.hits - hits >= 99 && card.hits - hits <= 101);
	irq_mask(irq);
	hits = card.hits;
	host_clock_advance(1000000000);
	EXPECT_EQ(card.hits, hits);
	irq_unmask(irq);
	EXPECT(!lines[6].open);
	host_clock_advance(1000000000);
	EXPECT(card.hits - hits >= 99);

	/* The last one goes, and somebody comes who can silence the line. */
	irq_detach(irq, &other);
	hits = card.hits;
	host_clock_advance(100000000);
	EXPECT(card.hits > hits);
	irq_detach(irq, &card);
	EXPECT_EQ(host_timer_next(), ~0ull);
	EXPECT_EQ(irq_attach(irq, device_irq, &card, "card"), 0);
	irq_unmask(irq);
	EXPECT(lines[6].open);
	irq_detach(irq, &card);
	irq_destroy(irq);
}

TEST(interrupts_that_are_known_are_never_too_many)
{
	struct device d = { .mine = true };
	struct irq *irq;

	begin();
	irq = irq_create(&table, 6, IRQ_LEVEL_HIGH);
	EXPECT_EQ(irq_attach(irq, device_irq, &d, "busy"), 0);
	irq_unmask(irq);
	for (u32 i = 0; i < 500000; i++)
		raise(6);
	/* Some that are not, among many that are. */
	for (u32 i = 0; i < 500000; i++) {
		d.mine = i % 3;
		raise(6);
	}
	EXPECT(lines[6].open);
	irq_detach(irq, &d);
	irq_destroy(irq);
}

TEST(lines_whose_controller_is_lost_are_polled)
{
	struct device a = { .mine = true }, b = { .mine = true };
	struct irq *one, *two, *unused;

	begin();
	one = irq_create(&table, 2, IRQ_EDGE_RISING);
	two = irq_create(&table, 3, IRQ_EDGE_RISING);
	unused = irq_create(&table, 4, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_attach(one, device_irq, &a, "a"), 0);
	EXPECT_EQ(irq_attach(two, device_irq, &b, "b"), 0);
	irq_unmask(one);
	irq_domain_lost(&table);
	EXPECT(host_log_has("TABLE: its 3 lines are polled at 100 Hz from now on"));
	host_clock_advance(100000000);
	EXPECT(a.hits >= 9 && !b.hits);
	irq_unmask(two);
	host_clock_advance(100000000);
	EXPECT(b.hits >= 9);
	irq_detach(one, &a);
	irq_detach(two, &b);
	irq_destroy(one);
	irq_destroy(two);
	irq_destroy(unused);
	EXPECT_EQ(host_timer_next(), ~0ull);
}

TEST(interrupts_are_listed_as_on_linux)
{
	struct device d = { .mine = true };
	struct irq *level, *edge, *unused;
	char buf[200], all[600] = "";
	u64 total, net;
	bool more;

	begin();
	total = irq_total();
	net = irq_msi_net_total();
	level = irq_create(&table, 1, IRQ_LEVEL_HIGH);
	unused = irq_create(&table, 0, IRQ_EDGE_RISING);
	edge = irq_create(&table, 2, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_attach(level, device_irq, &d, "uart"), 0);
	EXPECT_EQ(irq_attach(level, device_irq, &level, "rtc"), 0);
	EXPECT_EQ(irq_attach(edge, device_irq, &d, "virtio0-input.0"), 0);
	edge->msi_address = 0x8020040;
	irq_count_as_net(edge);
	irq_unmask(edge);
	raise(2);
	raise(2);
	irq_format_header(buf, sizeof(buf));
	EXPECT_STR(buf, "           CPU0       \n");
	for (u32 i = 0; irq_format(i, buf, sizeof(buf), &more), more; i++)
		if (irq_format(i, buf, sizeof(buf), &more))
			strcat(all, buf);
	EXPECT_STR(all,
		   " 16:          0     TABLE   1 Level     uart, rtc\n"
		   " 18:          2     TABLE   2 Edge      virtio0-input.0\n");
	EXPECT_EQ(irq_total(), total + 2);
	EXPECT_EQ(irq_msi_net_total(), net + 2);
	irq_detach(level, &d);
	irq_detach(level, &level);
	irq_detach(edge, &d);
	irq_destroy(level);
	irq_destroy(unused);
	irq_destroy(edge);
}

TEST(a_line_moves_to_a_cpu_that_runs)
{
	struct irq *irq;

	begin();
	irq = irq_create(&table, 2, IRQ_EDGE_RISING);
	EXPECT_EQ(irq_set_affinity(irq, 1), 0);
	EXPECT_EQ(irq_set_affinity(irq, ~0ull), 0);
	EXPECT_EQ(irq_set_affinity(irq, 2), -EINVAL);
	irq_destroy(irq);
}

TEST(message_controllers_are_found_by_their_reference)
{
	static struct msi_controller a = { .name = "a", .phandle_or_base = 0x10 }, b = { .name = "b", .phandle_or_base = 0x20 };

	EXPECT_EQ(msi_controller_find(0), (struct msi_controller *)NULL);
	msi_controller_register(&a);
	EXPECT_EQ(msi_controller_find(0), &a);
	EXPECT_EQ(msi_controller_find(0x20), (struct msi_controller *)NULL);
	msi_controller_register(&b);
	EXPECT_EQ(msi_controller_find(0x20), &b);
	EXPECT_EQ(msi_controller_find(0x10), &a);
	EXPECT_EQ(msi_controller_find(0), (struct msi_controller *)NULL);	/* which would be a guess */
	b.anyones = true;
	EXPECT_EQ(msi_controller_find(0), &b);
	a.anyones = true;
	EXPECT_EQ(msi_controller_find(0), &a);
}
