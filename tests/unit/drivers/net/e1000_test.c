/*
 * The driver of Intel's gigabit cards with its poll context, between a card of the test's own, known by its registers
 * alone, and a stack that only notes what it is given.
 *
 * sources: drivers/net/e1000_ring.c drivers/net/nic.c
 * sources: net/napi.c net/pkt.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c core/trace.c
 */
#include <errno.h>
#include <string.h>
#include "unit.h"
#include "host.h"
#include "base/cksum.h"
#include "fw/platform.h"
#include "net/napi_internal.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/net/e1000.c"

struct platform platform = { .cpu_count = 1 };

#include "drivers/net/e1000_model.h"

static const struct { u16 device; enum pci_irq_type type; } kinds[] = {
	{ E1000_82574L, PCI_IRQ_MSIX }, { E1000_82574L, PCI_IRQ_MSI }, { E1000_82574L, PCI_IRQ_INTX },
	{ E1000_82540EM, PCI_IRQ_INTX }, { E1000_82545EM, PCI_IRQ_INTX },
};

/* ---- receiving and the ladder ---------------------------------------------------------------------------- */

TEST(a_frame_goes_up)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		u64 before;
		u8 f[1514];

		begin(kinds[k].device, kinds[k].type);
		before = irq_count(irqs[0]);
		for (int i = 0; i < 1000; i++) {
			u32 n = 14 + unit_random_below(1501);

			make_frame(f, n, i);
			EXPECT(card_receive(f, n));
			host_run();
			expect_received(i, n);
		}
		EXPECT_EQ(irq_count(irqs[0]) - before, 1000ull);
		EXPECT_LE(card.rx_doorbells, 2 + 1000 / E1000_RX_BATCH);
		end();
	}
}

TEST(polling_from_a_timer)
{
	struct napi_stats before, after;
	u8 f[60];

	napi_stats_get(&before);
	begin(E1000_82540EM, PCI_IRQ_NONE);
	for (int i = 0; i < 300; i++) {
		make_frame(f, 60, i);
		EXPECT(card_receive(f, 60));
		host_clock_advance(10 * NSEC_PER_MSEC);
		expect_received(i, 60);
	}
	EXPECT_EQ(*reg(E1000_IMS), 0u);
	card_link(false);
	host_clock_advance(10 * NSEC_PER_MSEC);
	EXPECT(!stack.carrier);
	napi_stats_get(&after);
	EXPECT_GE(after.timer_polls - before.timer_polls, 300ull);
	stack.nif->ops->stop(stack.nif);
	EXPECT_EQ(host_timer_next(), ~0ull);
	end();
}

/* With fewer messages than MSI-X needs here, the next step serves. */
TEST(too_few_messages)
{
	u8 f[60];

	prepare(E1000_82574L, PCI_IRQ_MSIX);
	bus.count = 2;
	EXPECT_EQ(e1000_probe(&pci), 0);
	EXPECT(driver()->nic.timer_polled);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	make_frame(f, 60, 1);
	host_run();
	EXPECT(card_receive(f, 60));
	host_clock_advance(10 * NSEC_PER_MSEC);
	expect_received(1, 60);
	end();
}

TEST(nothing_is_heard_before_it_is_up)
{
	u8 f[60];

	make_frame(f, 60, 9);
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin_closed(kinds[k].device, kinds[k].type);
		EXPECT(!(*reg(E1000_RCTL) & RCTL_EN));
		EXPECT(!open_lines[0]);
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
			host_run();
			EXPECT(open_lines[0]);
			EXPECT(card_receive(f, 60));
			host_run();
			expect_received(9, 60);
			stack.nif->ops->stop(stack.nif);
			EXPECT(!open_lines[0]);
			EXPECT(!(*reg(E1000_RCTL) & RCTL_EN));
			EXPECT_EQ(*reg(E1000_IMS), 0u);
		}
		end();
	}
}

TEST(a_burst_costs_one_interrupt)
{
	u64 before;
	u8 f[60];

	begin(E1000_82574L, PCI_IRQ_MSIX);
	before = irq_count(irqs[VECTOR_RX]);
	for (int i = 0; i < 200; i++) {
		make_frame(f, 60, i);
		EXPECT(card_receive_quiet(f, 60));
	}
	card.rx_doorbells = 0;
	card_cause(CAUSE_RXQ0);
	host_run();
	for (int i = 0; i < 200; i++)
		expect_received(i, 60);
	EXPECT_EQ(irq_count(irqs[VECTOR_RX]), before + 1);
	EXPECT_LE(card.rx_doorbells, 4u);
	end();
}

static void slip_in(void)
{
	u8 f[60];

	make_frame(f, 60, 77);
	EXPECT(card_receive(f, 60));	/* its cause is masked now */
}

/* Between the poll's last look and the arming a frame comes: its cause is latched. */
TEST(a_frame_that_slips_in_is_not_left_lying)
{
	u8 f[60];

	make_frame(f, 60, 5);
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k].device, kinds[k].type);
		card.on_arm = slip_in;
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		expect_received(77, 60);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		end();
	}
}

static void slip_in_and_be_forgotten(struct pkt *sent)
{
	slip_in();
	line_raise(0);			/* whoever shares the line, or the link */
	EXPECT_EQ(*reg(E1000_ICR), 0u);
}

/*
 * The same, while the poll goes on still; and then the line's handler reads the causes for another reason, which clears
 * the one of the frame.
 */
TEST(a_frame_whose_cause_is_cleared_is_not_left_lying)
{
	struct napi_stats before, after;
	struct pkt *p;
	u8 f[60];

	make_frame(f, 60, 5);
	for (u32 k = 1; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k].device, kinds[k].type);
		/* Behind the look for frames the poll takes back what was sent: that is when it happens. */
		p = make_pkt(60, 1, PKT_HEADROOM);
		p->release = slip_in_and_be_forgotten;
		EXPECT_EQ(send(p), 0);
		expect_transmitted(1, 60);
		card_sent(card.tx_last);
		napi_stats_get(&before);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		expect_received(77, 60);
		napi_stats_get(&after);
		EXPECT_EQ(after.rearm_races - before.rearm_races, 1ull);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		end();
	}
}

TEST(somebody_else_s_interrupt)
{
	struct e1000 *c = begin(E1000_82540EM, PCI_IRQ_INTX);

	EXPECT_EQ(e1000_line_irq(c), IRQ_NONE);
	end();
}

TEST(large_frames_come_in_pieces)
{
	u8 f[9018];

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k].device, kinds[k].type);
		EXPECT(!(*reg(E1000_RCTL) & (RCTL_LPE | RCTL_1024)));
		EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 9000), 0);
		EXPECT_EQ(*reg(E1000_RCTL) & (RCTL_EN | RCTL_LPE | RCTL_1024), RCTL_EN | RCTL_LPE | RCTL_1024);
		for (u32 n = 1000; n <= sizeof(f); n += 401) {
			make_frame(f, n, n);
			EXPECT(card_receive(f, n));
			host_run();
			expect_received(n, n);
		}
		EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 1500), 0);
		EXPECT(!(*reg(E1000_RCTL) & (RCTL_LPE | RCTL_1024)));
		make_frame(f, 1514, 1);
		EXPECT(card_receive(f, 1514));
		host_run();
		expect_received(1, 1514);
		end();
	}
}

TEST(checksum_flags)
{
	static const struct { u64 said; u16 flags; } cases[] = {
		{ 0, 0 }, { RX_TCPCS, PKT_CSUM_VALID }, { RX_TCPCS | RX_IXSM, 0 }, { RX_TCPCS | RX_TCPE, 0 },
		{ RX_TCPCS | RX_IPE, 0 }, { RX_IXSM, 0 },
	};
	u8 f[60] = { 0 };

	begin(E1000_82574L, PCI_IRQ_MSIX);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pkt *p;

		EXPECT(card_fill(f, 60, 60 | RX_EOP | cases[i].said));
		card_cause(CAUSE_RXQ0);
		host_run();
		p = pkt_queue_pop(&stack.received);
		EXPECT(p);
		EXPECT_EQ(p->flags, cases[i].flags);
		pkt_free(p);
	}
	EXPECT_EQ(stack.nif->stats->rx_errors, 0ull);
	end();
}

/* ---- a card that lies ------------------------------------------------------------------------------------ */

static void expect_out_of_service(void)
{
	struct pkt *p = make_pkt(60, 2, PKT_HEADROOM);

	host_run();
	EXPECT(driver()->nic.broken);
	EXPECT(host_log_has("out of service"));
	EXPECT(!stack.carrier);
	EXPECT_EQ(send(p), -EIO);
	pkt_free(p);
	EXPECT_EQ(stack.received.count, 0u);
}

TEST(a_length_beyond_the_buffer)
{
	static const u32 lengths[] = { NIC_RX_ROOM + 1, 2048, 16384, 65535 };
	u8 f[60] = { 0 };

	for (u32 i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		begin(E1000_82574L, PCI_IRQ_MSIX);
		EXPECT(card_fill(f, 60, lengths[i / 2] | (i & 1 ? RX_EOP : 0)));
		EXPECT(card_receive_quiet(f, 60));	/* is not looked at any more */
		card_cause(CAUSE_RXQ0);
		expect_out_of_service();
		EXPECT_EQ(stack.nif->stats->rx_length_errors, 1ull);
		end();
	}
}

/* Pieces that never end, that are not full, that are more than any frame has: dropped, and the next frame is whole. */
TEST(pieces_that_are_no_frame)
{
	u8 f[1024] = { 0 };

	begin(E1000_82540EM, PCI_IRQ_INTX);
	EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 9000), 0);
	for (u32 kind = 0; kind < 3; kind++) {
		u32 part = kind == 0 ? 0 : kind == 1 ? 100 : 1024;
		u64 live = 0;

		for (int i = 0; i < 2000; i++) {
			EXPECT(card_fill(f, part, part));
			card_cause(CAUSE_RXT0);
			host_run();
			if (i == 100)
				live = host_alloc_live();
			if (i > 100)
				EXPECT_LE(host_alloc_live(), live + 64);
		}
		EXPECT(card_fill(f, 60, 60 | RX_EOP));
		card_cause(CAUSE_RXT0);
		host_run();
		EXPECT_EQ(stack.received.count, 0u);
		EXPECT_EQ(stack.nif->stats->rx_length_errors, kind + 1ull);
		make_frame(f, 60, 3);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(3, 60);
	}
	EXPECT(!driver()->nic.broken);
	end();
}

TEST(bad_frames_are_counted_and_dropped)
{
	u8 f[60] = { 0 };

	begin(E1000_82540EM, PCI_IRQ_INTX);
	for (u32 n = 0; n < 14; n++)
		EXPECT(card_fill(f, n, n | RX_EOP));
	for (u32 bit = 40; bit < 48; bit++)
		EXPECT(card_fill(f, 60, 60 | RX_EOP | 1ull << bit));
	card_cause(CAUSE_RXT0);
	host_run();
	EXPECT_EQ(stack.nif->stats->rx_length_errors, 14ull);
	/* All but the two of checksums, and a bit that says nothing. */
	EXPECT_EQ(stack.nif->stats->rx_errors, 14 + 5ull);
	EXPECT_EQ(stack.received.count, 3u);
	end();
}

TEST(a_card_that_is_gone)
{
	for (u32 k = 1; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k].device, kinds[k].type);
		card.gone = true;
		bus.level = NULL;
		line_raise(0);
		expect_out_of_service();
		card.gone = false;
		end();
	}
	/* With MSI-X no register is read but for the link and the statistics. */
	begin(E1000_82574L, PCI_IRQ_MSIX);
	card.gone = true;
	netif_stats_of(stack.nif);
	expect_out_of_service();
	end();
}

TEST(a_ring_that_is_all_done_at_once)
{
	begin(E1000_82574L, PCI_IRQ_MSIX);
	for (u32 i = 0; i < E1000_RING; i++)
		driver()->rx[i].done = 60 | RX_EOP | RX_DD;
	card_cause(CAUSE_RXQ0);
	host_run();
	EXPECT_GE(stack.received.count, E1000_RING - 1);
	EXPECT_EQ(driver()->rx_given - driver()->rx_taken, E1000_RING - 1);
	end();
}

/* ---- no memory ------------------------------------------------------------------------------------------- */

TEST(an_empty_ring_starts_again_when_there_is_memory)
{
	struct e1000 *c = begin(E1000_82574L, PCI_IRQ_MSIX);
	u8 f[60];

	make_frame(f, 60, 1);
	while (c->rx_given != c->rx_taken) {
		pkt_drain_caches();
		host_alloc_fail(1);
		EXPECT(card_receive(f, 60));
		host_run();
	}
	EXPECT(!card_receive(f, 60));
	/* A descriptor that it was not given is none, done or not. */
	pkt_queue_purge(&stack.received);
	c->rx[*reg(E1000_RDT)].done = 60 | RX_EOP | RX_DD;
	card_cause(CAUSE_RXQ0);
	host_run();
	EXPECT_EQ(stack.received.count, 0u);
	host_alloc_fail(0);
	host_clock_advance(20 * NSEC_PER_MSEC);
	EXPECT_EQ(c->rx_given - c->rx_taken, E1000_RING - 1);
	pkt_queue_purge(&stack.received);
	EXPECT(card_receive(f, 60));
	host_run();
	expect_received(1, 60);
	/* What the card had to drop is counted by it. */
	EXPECT_EQ(netif_stats_of(stack.nif).rx_missed_errors, 1ull);
	end();
}

TEST(no_memory_at_probe_leaves_nothing_behind)
{
	u64 live;

	begin_closed(E1000_82574L, PCI_IRQ_MSIX);
	end();
	live = host_alloc_live();
	for (u32 nth = 1; nth <= 12; nth++) {
		int err;

		prepare(E1000_82574L, PCI_IRQ_MSIX);
		host_alloc_fail(nth);
		err = e1000_probe(&pci);
		host_alloc_fail(0);
		end();
		if (!err)
			break;
		EXPECT_EQ(host_alloc_live(), live);
		EXPECT(nth == 1 || !(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	}
}

/* ---- transmitting ---------------------------------------------------------------------------------------- */

TEST(frames_go_out_as_they_are)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		u64 before;

		begin(kinds[k].device, kinds[k].type);
		before = irq_count(irqs[0]);
		for (int i = 0; i < 600; i++) {
			u32 n = 14 + unit_random_below(1501);
			struct pkt *p = make_pkt(n, i, PKT_HEADROOM), *shared = i % 3 == 1 ? p : NULL;

			if (shared)
				pkt_get(shared);
			if (i % 3 == 2) {	/* a chain */
				u8 more[4000];

				make_frame(more, 4000, i + n * 7);
				EXPECT_EQ(pkt_append(p, more, 4000), 0);
				n += 4000;
			}
			EXPECT_EQ(send(p), 0);
			expect_transmitted(i, n);
			EXPECT(!card.tx_sum);
			card_sent(card.tx_last);
			if (shared)
				pkt_free(shared);
		}
		EXPECT_EQ(irq_count(irqs[0]), before);
		EXPECT_EQ(card.contexts, 0u);
		end();
	}
}

static struct pkt *partial(u32 start, u32 offset)
{
	struct pkt *p = make_pkt(600, 0, PKT_HEADROOM);

	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = start;
	p->csum_offset = offset;
	return p;
}

TEST(a_checksum_to_finish_is_told)
{
	struct pkt *far;
	u8 out[600];

	begin(E1000_82574L, PCI_IRQ_MSIX);
	for (int i = 0; i < 600; i++) {
		EXPECT_EQ(send(partial(34, i < 300 ? 6 : 16)), 0);
		EXPECT_EQ(card_transmit(out), 600l);
		EXPECT(card.tx_sum);
		EXPECT_EQ(card.tx_context, 34u | (i < 300 ? 40u : 50u) << 8);
		EXPECT_EQ(out[40], (u8)(40 * 7));	/* not touched */
		card_sent(card.tx_last);
		/* A frame in between that wants none. */
		EXPECT_EQ(send(make_pkt(60, 0, PKT_HEADROOM)), 0);
		EXPECT_EQ(card_transmit(out), 60l);
		EXPECT(!card.tx_sum);
		card_sent(card.tx_last);
	}
	/* The card keeps a context. */
	EXPECT_EQ(card.contexts, 2u);
	/* Further back than a context can say: done in software. */
	far = partial(240, 16);
	memset(far->data + 256, 0, 2);
	EXPECT_EQ(send(far), 0);
	EXPECT_EQ(card_transmit(out), 600l);
	EXPECT(!card.tx_sum);
	EXPECT_EQ(cksum_fold(cksum_add(0, out + 240, 360)), 0);
	card_sent(card.tx_last);
	end();
}

TEST(segments_go_out_as_one)
{
	static const be32 from = 0x0100000a, to = 0x0200000a;
	struct pkt *p, *more;
	u8 out[3000];
	u16 sum;

	begin(E1000_82574L, PCI_IRQ_MSIX);
	EXPECT_GE(stack.nif->tso_parts, 2u);
	for (u32 len = 1001; len < 1100; len++) {
		p = make_pkt(54 + 1000, 0, PKT_HEADROOM);
		more = make_pkt(len, 0, PKT_HEADROOM);
		p->frag = more;
		p->len += len;
		p->data[34 + 12] = 5 << 4;	/* the TCP header is 20 bytes long */
		sum = ~cksum_fold(cksum_pseudo(from, to, 6, p->len - 34));
		memcpy(p->data + 50, &sum, 2);
		p->flags = PKT_GSO_TCP4 | PKT_CSUM_PARTIAL;
		p->gso_size = 1000;
		p->csum_start = 34;
		p->csum_offset = 16;
		EXPECT_EQ(send(p), 0);
		EXPECT_EQ(card_transmit(out), 54 + 1000 + len);
		EXPECT(card.tx_sum);
		EXPECT_EQ(card.tx_tso.command, TX_DEXT | TX_TSE | TX_CTX_TCP4 | (1000 + len));
		EXPECT_EQ(card.tx_tso.status, 1000u << 16 | 54 << 8);
		EXPECT_EQ(card.tx_tso.addr, 34ull << 32 | 50ull << 40 | 33 << 16 | 24 << 8 | 14);
		memcpy(&sum, out + 50, 2);
		EXPECT_EQ(sum, (u16)~cksum_fold(cksum_pseudo(from, to, 6, 0)));
		EXPECT_EQ(out[24] | out[25], 0);
		card_sent(card.tx_last);
		/* An ordinary one behind it has a context of its own. */
		EXPECT_EQ(send(partial(34, 16)), 0);
		EXPECT_EQ(card_transmit(out), 600l);
		EXPECT_EQ(card.tx_context, 34u | 50u << 8);
		EXPECT_EQ(card.tx_tso.command, 0u);
		card_sent(card.tx_last);
	}
	EXPECT_EQ(card.contexts, 2 * 99u);
	end();
}

TEST(a_batch_rings_once)
{
	begin(E1000_82574L, PCI_IRQ_MSIX);
	local_bh_disable();
	net_batch_begin();
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
	EXPECT_EQ(card.tx_doorbells, 1u);	/* at probe */
	net_batch_end();
	local_bh_enable();
	EXPECT_EQ(card.tx_doorbells, 2u);
	end();
}

TEST(a_full_ring_wakes_when_there_is_room)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		u32 lasts[E1000_RING], n = 0, vector = kinds[k].type == PCI_IRQ_MSIX ? VECTOR_TX : 0;
		struct pkt *p;
		u8 out[100];
		u64 before;

		begin(kinds[k].device, kinds[k].type);
		before = irq_count(irqs[vector]);
		while (send(p = make_pkt(60, n, PKT_HEADROOM)) == 0)
			n++;
		EXPECT_EQ(n, E1000_RING - 1);
		EXPECT_EQ(p->refs, 1u);		/* still ours */
		stack.waiting = p;
		for (u32 i = 0; i < n; i++) {
			EXPECT(card_transmit(out) > 0);
			lasts[i] = card.tx_last;
		}
		EXPECT_EQ(card_transmit(out), -1l);
		for (u32 i = 0; i < n; i++) {
			card_sent(lasts[i]);
			host_run();
		}
		EXPECT(!stack.waiting);
		EXPECT_GE(irq_count(irqs[vector]), before + 1);
		expect_transmitted(n, 60);
		card_sent(card.tx_last);
		host_run();
		/* Nobody waits any more: the interrupt is off again, or goes off with this one. */
		before = irq_count(irqs[vector]);
		for (int i = 0; i < 50; i++) {
			EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
			expect_transmitted(i, 60);
			card_sent(card.tx_last);
			host_run();
		}
		EXPECT_LE(irq_count(irqs[vector]), before + 1);
		end();
	}
}

static u32 released;
static void note_release(struct pkt *p) { released++; }

TEST(a_sender_that_waits_for_space_gets_it_without_further_traffic)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++)
		for (int late = 0; late < 2; late++) {
			struct pkt *p = make_pkt(60, 1, PKT_HEADROOM);
			u8 more[3000] = { 0 }, out[4000];

			begin(kinds[k].device, kinds[k].type);
			released = 0;
			p->release = note_release;
			EXPECT_EQ(pkt_append(p, more, sizeof(more)), 0);
			EXPECT_EQ(send(p), 0);
			EXPECT_EQ(card_transmit(out), 3060l);
			if (!late)
				card_sent(card.tx_last);	/* before it is asked for */
			stack.nif->ops->tx_reclaim(stack.nif, 0);
			EXPECT_EQ(released, late ? 0u : 1u);
			if (late)
				card_sent(card.tx_last);
			host_run();
			EXPECT_EQ(released, 1u);
			end();
		}
}

TEST(what_was_sent_goes_back_on_the_way_of_a_poll)
{
	struct pkt *p = make_pkt(60, 1, PKT_HEADROOM);
	u8 f[60];

	begin(E1000_82574L, PCI_IRQ_MSIX);
	released = 0;
	p->release = note_release;
	EXPECT_EQ(send(p), 0);
	expect_transmitted(1, 60);
	card_sent(card.tx_last);
	host_run();
	EXPECT_EQ(released, 0u);
	make_frame(f, 60, 2);
	EXPECT(card_receive(f, 60));
	host_run();
	EXPECT_EQ(released, 1u);
	EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
	end();
}

TEST(what_was_sent_goes_back_when_it_goes_down)
{
	struct pkt *p = make_pkt(60, 1, PKT_HEADROOM);

	begin(E1000_82540EM, PCI_IRQ_INTX);
	released = 0;
	p->release = note_release;
	EXPECT_EQ(send(p), 0);
	expect_transmitted(1, 60);
	card_sent(card.tx_last);
	stack.nif->ops->stop(stack.nif);
	EXPECT_EQ(released, 1u);
	end();
}

/* What the ring holds when the card goes is given back. */
TEST(frames_in_flight_at_the_end)
{
	u8 more[3000] = { 0 };

	begin(E1000_82574L, PCI_IRQ_MSIX);
	for (int i = 0; i < 20; i++) {
		struct pkt *p = i % 2 ? partial(34, i) : make_pkt(60, i, PKT_HEADROOM);

		EXPECT_EQ(pkt_append(p, more, sizeof(more)), 0);
		EXPECT_EQ(send(p), 0);
	}
	end();
}

/* ---- address, filters, link, statistics ------------------------------------------------------------------ */

TEST(the_address)
{
	static const u8 ours[] = { 0x52, 0x54, 0x00, 0x01, 0x02, 0x03 };
	static const u8 other[] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };

	for (int loaded = 0; loaded < 2; loaded++)
		for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
			prepare(kinds[k].device, kinds[k].type);
			card.no_address = !loaded;
			EXPECT_EQ(e1000_probe(&pci), 0);
			EXPECT_MEM(stack.nif->mac, ours, ETH_ALEN);
			EXPECT_MEM(stack.nif->perm_mac, ours, ETH_ALEN);
			EXPECT_EQ(*reg(E1000_RAL), 0x01005452u);
			EXPECT_EQ(*reg(E1000_RAH), 0x0302u | RAH_AV);
			EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, other), 0);
			EXPECT_EQ(*reg(E1000_RAL), 0x33221102u);
			EXPECT_EQ(*reg(E1000_RAH), 0x5544u | RAH_AV);
			end();
		}
}

static void expect_refused(int err)
{
	EXPECT_EQ(e1000_probe(&pci), err);
	EXPECT(!stack.nif);
	EXPECT(!(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	end();
}

TEST(cards_that_are_refused)
{
	prepare(E1000_82574L, PCI_IRQ_MSIX);
	card.eeprom[0] |= 1;				/* a group's address */
	expect_refused(-EINVAL);
	prepare(E1000_82574L, PCI_IRQ_MSIX);
	memset(card.eeprom, 0, sizeof(card.eeprom));	/* nobody's */
	expect_refused(-EINVAL);
	prepare(E1000_82540EM, PCI_IRQ_INTX);
	card.no_address = card.no_eeprom = true;
	expect_refused(-ETIMEDOUT);
	prepare(E1000_82540EM, PCI_IRQ_INTX);
	card.stuck = true;
	expect_refused(-ETIMEDOUT);
	prepare(E1000_82574L, PCI_IRQ_MSIX);
	card.gone = true;
	expect_refused(-ETIMEDOUT);
}

TEST(filters)
{
	static const u8 group[] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };
	u32 hash = (2 >> 4 | 3 << 4) & 0xfff;	/* bits 47:36 */

	begin(E1000_82540EM, PCI_IRQ_INTX);
	EXPECT_EQ(*reg(E1000_RCTL) & (RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_EN), RCTL_BAM | RCTL_EN);
	memcpy(groups.mac[0], group, ETH_ALEN);
	groups.count = 1;
	stack.nif->ops->set_rx_mode(stack.nif);
	for (u32 i = 0; i < 128; i++)
		EXPECT_EQ(*reg(E1000_MTA + 4 * i), i == hash >> 5 ? 1u << (hash & 31) : 0u);
	groups.count = 0;
	stack.nif->flags |= NETIF_ALLMULTI;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(*reg(E1000_MTA + 4 * (hash >> 5)), 0u);
	EXPECT_EQ(*reg(E1000_RCTL) & (RCTL_UPE | RCTL_MPE), RCTL_MPE);
	stack.nif->flags |= NETIF_PROMISC;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(*reg(E1000_RCTL) & (RCTL_UPE | RCTL_MPE), RCTL_UPE | RCTL_MPE);
	stack.nif->flags = 0;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(*reg(E1000_RCTL) & (RCTL_UPE | RCTL_MPE), 0u);
	end();
}

TEST(link_down_and_up)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k].device, kinds[k].type);
		EXPECT(stack.carrier);
		for (int i = 0; i < 3; i++) {
			card_link(false);
			host_run();
			EXPECT(!stack.carrier);
			card_link(true);
			host_run();
			EXPECT(stack.carrier);
		}
		EXPECT_EQ(stack.carrier_changes, 7u);
		end();
	}
}

TEST(what_the_card_counts)
{
	struct netif_stats s;

	begin(E1000_82574L, PCI_IRQ_MSIX);
	for (int i = 1; i <= 3; i++) {
		*reg(E1000_CRCERRS) = 1;
		*reg(E1000_ALGNERRC) = 2;
		*reg(E1000_RXERRC) = 3;
		*reg(E1000_MPC) = 4;
		*reg(E1000_ROC) = 5;
		s = netif_stats_of(stack.nif);
		EXPECT_EQ(s.rx_crc_errors, 1ull * i);
		EXPECT_EQ(s.rx_errors, 11ull * i);
		EXPECT_EQ(s.rx_length_errors, 5ull * i);
		EXPECT_EQ(s.rx_missed_errors, 4ull * i);
	}
	end();
}
