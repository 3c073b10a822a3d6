/*
 * The driver of VMware's paravirtual card with its poll context, between a card of the test's own, known by its
 * registers and its shared page alone, and a stack that only notes what it is given.
 *
 * sources: drivers/net/vmxnet3_ring.c drivers/net/nic.c
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
#include "drivers/net/vmxnet3.c"

struct platform platform = { .cpu_count = 1 };

#include "drivers/net/vmxnet3_model.h"

static const enum pci_irq_type kinds[] = { PCI_IRQ_MSIX, PCI_IRQ_MSI, PCI_IRQ_INTX };

/* ---- receiving and the ladder ---------------------------------------------------------------------------- */

TEST(a_frame_goes_up)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		u64 before;
		u8 f[1514];

		begin(kinds[k]);
		before = irq_count(irqs[0]);
		for (int i = 0; i < 2000; i++) {
			u32 n = 14 + unit_random_below(1501);

			make_frame(f, n, i);
			EXPECT(card_receive(f, n));
			host_run();
			expect_received(i, n);
		}
		EXPECT_EQ(irq_count(irqs[0]) - before, 2000ull);
		EXPECT_EQ(card.rx_doorbells, 2u);	/* at the start; it does not want to be told */
		end();
	}
}

TEST(a_card_that_wants_to_know_its_buffers)
{
	u8 f[60] = { 0 };

	begin(PCI_IRQ_MSIX);
	memory()->rxq.update_prod = 1;
	for (int i = 0; i < 256; i++) {
		EXPECT(card_receive(f, 60));
		host_run();
	}
	EXPECT_GE(card.rx_doorbells, 2 + 256 / VMXNET3_RX_BATCH - 1);
	EXPECT_LE(card.rx_doorbells, 2 + 256 / VMXNET3_RX_BATCH);
	end();
}

TEST(vectors_that_do_not_mask_themselves)
{
	u64 before;
	u8 f[60];

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		prepare(kinds[k]);
		card.mask_mode = 1;
		EXPECT_EQ(vmxnet3_probe(&pci), 0);
		EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
		host_run();
		EXPECT(!card.shared->auto_mask);
		before = irq_count(irqs[0]);
		for (int i = 0; i < 20; i++) {
			make_frame(f, 60, i);
			EXPECT(card_receive_quiet(f, 60, COMP_NO_CSUM, 0));
		}
		card_raise(rx_vector());
		host_run();
		for (int i = 0; i < 20; i++)
			expect_received(i, 60);
		EXPECT_EQ(irq_count(irqs[0]), before + 1);
		card_link(false);
		host_run();
		EXPECT(!stack.carrier);
		end();
	}
}

TEST(polling_from_a_timer)
{
	struct napi_stats before, after;
	u8 f[60];

	napi_stats_get(&before);
	begin(PCI_IRQ_NONE);
	for (int i = 0; i < 300; i++) {
		make_frame(f, 60, i);
		EXPECT(card_receive(f, 60));
		host_clock_advance(10 * NSEC_PER_MSEC);
		expect_received(i, 60);
	}
	EXPECT(card.masked[0]);
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
	prepare(PCI_IRQ_MSIX);
	bus.count = 2;
	EXPECT_EQ(vmxnet3_probe(&pci), 0);
	EXPECT(driver()->nic.timer_polled);
	end();
}

TEST(nothing_is_heard_before_it_is_up)
{
	u8 f[60];

	make_frame(f, 60, 9);
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin_closed(kinds[k]);
		EXPECT(!card.active);
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
			host_run();
			EXPECT(open_lines[0]);
			for (int j = 0; j < 300; j++) {
				EXPECT(card_receive(f, 60));
				host_run();
				expect_received(9, 60);
			}
			stack.nif->ops->stop(stack.nif);
			EXPECT(!open_lines[0]);
			EXPECT(!card.active);
			EXPECT(card.masked[0]);
		}
		EXPECT_EQ(card.activations, 3u);
		end();
	}
}

TEST(a_burst_costs_one_interrupt)
{
	u64 before;
	u8 f[60];

	begin(PCI_IRQ_MSIX);
	before = irq_count(irqs[VECTOR_RX]);
	for (int i = 0; i < 200; i++) {
		make_frame(f, 60, i);
		EXPECT(card_receive_quiet(f, 60, COMP_NO_CSUM, 0));
	}
	card_raise(VECTOR_RX);
	host_run();
	for (int i = 0; i < 200; i++)
		expect_received(i, 60);
	EXPECT_EQ(irq_count(irqs[VECTOR_RX]), before + 1);
	end();
}

static void slip_in(void)
{
	u8 f[60];

	make_frame(f, 60, 77);
	EXPECT(card_receive(f, 60));	/* its vector is masked now */
}

/* Between the poll's last look and the unmasking a frame comes: the card keeps it in mind. */
TEST(a_frame_that_slips_in_is_not_left_lying)
{
	u8 f[60];

	make_frame(f, 60, 5);
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
		card.on_unmask = slip_in;
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

TEST(somebody_else_s_interrupt)
{
	struct vmxnet3 *c = begin(PCI_IRQ_INTX);

	EXPECT_EQ(vmxnet3_line_irq(c), IRQ_NONE);
	end();
}

TEST(large_frames_come_in_pieces)
{
	u8 f[9018];

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
		EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 9000), 0);
		EXPECT_EQ(card.shared->mtu, 9000u);
		for (int round = 0; round < 20; round++)
			for (u32 n = 1000; n <= sizeof(f); n += 401) {
				make_frame(f, n, n);
				EXPECT(card_receive(f, n));
				host_run();
				expect_received(n, n);
			}
		EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 1500), 0);
		make_frame(f, 1514, 1);
		EXPECT(card_receive(f, 1514));
		host_run();
		expect_received(1, 1514);
		end();
	}
}

TEST(segments_that_the_card_has_joined)
{
	u8 f[65000];

	begin(PCI_IRQ_MSIX);
	EXPECT_EQ(card.shared->features & VMXNET3_F_LRO, (u64)VMXNET3_F_LRO);
	for (u32 n = 1514; n <= sizeof(f); n += 3000) {
		make_frame(f, n, n);
		EXPECT(card_receive(f, n));
		host_run();
		EXPECT_EQ(stack.received.head->flags & PKT_GSO_TCP4, n > 1514 ? PKT_GSO_TCP4 : 0);
		EXPECT_EQ(stack.received.head->gso_size, n > 1514 ? 1460 : 0);
		expect_received(n, n);
	}
	end();
}

TEST(checksum_flags)
{
	static const struct { u32 what, how; u16 flags; } cases[] = {
		{ 0, COMP_L4_OK | COMP_IP_OK, PKT_CSUM_VALID }, { COMP_NO_CSUM, COMP_L4_OK | COMP_IP_OK, 0 }, { 0, COMP_L4_OK, 0 },
		{ 0, COMP_IP_OK, 0 }, { 0, 0, 0 }, { 0, COMP_L4_OK | COMP_IP_OK | COMP_FRAGMENT, 0 },
	};
	u8 f[60] = { 0 };

	begin(PCI_IRQ_MSIX);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pkt *p;

		EXPECT(card_receive_quiet(f, 60, cases[i].what, cases[i].how));
		card_raise(VECTOR_RX);
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
	static const u32 lengths[] = { NIC_RX_ROOM + 1, 2048, 16383 };

	for (u32 i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		begin(PCI_IRQ_MSIX);
		card_complete(0 | COMP_SOP | (i & 1 ? COMP_EOP : 0), lengths[i / 2], 0);
		card_complete(1 | COMP_SOP | COMP_EOP, 60, 0);	/* is not looked at any more */
		card_raise(VECTOR_RX);
		expect_out_of_service();
		EXPECT_EQ(stack.nif->stats->rx_length_errors, 1ull);
		end();
	}
}

/* Of buffers that it has not, in rings that there are not. */
TEST(completions_of_nothing)
{
	static const u32 what[] = { 511, 512, 4095, 511 | 1 << 16, 2 << 16, 0x3ff << 16, ~0u };

	for (u32 i = 0; i < ARRAY_SIZE(what); i++) {
		begin(PCI_IRQ_MSIX);
		card_complete(what[i] | COMP_SOP | COMP_EOP, 60, 0);
		card_raise(VECTOR_RX);
		expect_out_of_service();
		end();
	}
}

/* A card may leave buffers out; the ring goes on, and one that it names twice is one that it has not. */
TEST(buffers_that_are_skipped)
{
	u8 f[60] = { 0 };

	begin(PCI_IRQ_MSIX);
	card.rx_next[0] = 100;
	for (int i = 0; i < 1000; i++) {
		EXPECT(card_receive(f, 60));
		host_run();
	}
	EXPECT_EQ(stack.received.count, 1000u);
	pkt_queue_purge(&stack.received);
	card_complete((card.rx_next[0] - 1) % 512 | COMP_SOP | COMP_EOP, 60, 0);
	card_raise(VECTOR_RX);
	expect_out_of_service();
	end();
}

/* Pieces that never end, that are too small, that are more than any frame has, that have no beginning or two. */
TEST(pieces_that_are_no_frame)
{
	u8 f[60] = { 0 };

	begin(PCI_IRQ_INTX);
	for (u32 kind = 0; kind < 5; kind++) {
		u32 part = kind == 0 ? 0 : kind == 1 ? 100 : NIC_RX_ROOM;
		u64 live = 0, errors = stack.nif->stats->rx_errors;
		u32 at, room;

		for (int i = 0; i < 2000; i++) {
			u32 sop = kind == 4 || (i == 0 && kind != 3) ? COMP_SOP : 0;

			EXPECT(card_buffer(0, &at, &room));
			card_complete(at | sop, part, 0);
			card_raise(0);
			host_run();
			if (i == 100)
				live = host_alloc_live();
			if (i > 100)
				EXPECT_LE(host_alloc_live(), live + 64);
		}
		EXPECT(card_buffer(0, &at, &room));
		card_complete(at | COMP_EOP, 60, 0);
		card_raise(0);
		host_run();
		EXPECT_EQ(stack.received.count, 0u);
		EXPECT_EQ(stack.nif->stats->rx_errors, errors + 1);
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
	u32 at, room;

	begin(PCI_IRQ_INTX);
	for (u32 n = 0; n < 14; n++)
		EXPECT(card_receive_quiet(f, n, 0, 0));
	EXPECT(card_buffer(0, &at, &room));
	card_complete(at | COMP_SOP | COMP_EOP, 60 | COMP_ERROR, 0);
	card_raise(0);
	host_run();
	EXPECT_EQ(stack.nif->stats->rx_length_errors, 14ull);
	EXPECT_EQ(stack.nif->stats->rx_errors, 15ull);
	EXPECT_EQ(stack.received.count, 0u);
	end();
}

TEST(transmit_completions_of_nothing)
{
	for (u32 i = 0; i < 3; i++) {
		struct pkt *p;
		u8 out[100];

		begin(PCI_IRQ_MSIX);
		if (i) {
			EXPECT_EQ(send(make_pkt(60, 1, PKT_HEADROOM)), 0);
			EXPECT_EQ(card_transmit(out), 60l);
		}
		card_sent(i == 2 ? 4095 : i);	/* nothing is out; the next one's; none of any ring */
		p = make_pkt(60, 2, PKT_HEADROOM);
		stack.nif->ops->tx_reclaim(stack.nif, 0);
		pkt_free(p);
		expect_out_of_service();
		end();
	}
}

TEST(a_card_that_is_gone)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
		card.gone = true;
		bus.level = NULL;
		driver()->m->shared.events = EVENT_LINK;
		line_raise(kinds[k] == PCI_IRQ_MSIX ? VECTOR_EVENT : 0);
		expect_out_of_service();
		card.gone = false;
		end();
	}
}

TEST(a_queue_that_the_card_stops)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
		memory()->txq.stopped = 1;
		memory()->txq.error = 0x80000002;
		card_event(EVENT_TQ_ERROR);
		expect_out_of_service();
		EXPECT(host_log_has("0x80000002"));
		end();
	}
}

/* ---- no memory ------------------------------------------------------------------------------------------- */

TEST(an_empty_ring_starts_again_when_there_is_memory)
{
	struct vmxnet3 *c = begin(PCI_IRQ_MSIX);
	u8 f[60];

	make_frame(f, 60, 1);
	while (c->rx[0].given != c->rx[0].taken) {
		pkt_drain_caches();
		host_alloc_fail(1);
		EXPECT(card_receive(f, 60));
		host_run();
	}
	EXPECT(!card_receive(f, 60));
	host_alloc_fail(0);
	host_clock_advance(20 * NSEC_PER_MSEC);
	EXPECT_EQ(c->rx[0].given - c->rx[0].taken, VMXNET3_RX_RING - 1);
	pkt_queue_purge(&stack.received);
	EXPECT(card_receive(f, 60));
	host_run();
	expect_received(1, 60);
	/* What the card had to drop is counted by it, also when it begins to count anew. */
	EXPECT_EQ(netif_stats_of(stack.nif).rx_missed_errors, 1ull);
	stack.nif->ops->stop(stack.nif);
	EXPECT_EQ(netif_stats_of(stack.nif).rx_missed_errors, 1ull);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	card.no_buffers = 5;
	EXPECT_EQ(netif_stats_of(stack.nif).rx_missed_errors, 6ull);
	end();
}

TEST(no_memory_leaves_nothing_behind)
{
	u64 live;

	begin_closed(PCI_IRQ_MSIX);
	end();
	live = host_alloc_live();
	for (u32 nth = 1; nth <= 12; nth++) {
		int err;

		prepare(PCI_IRQ_MSIX);
		host_alloc_fail(nth);
		err = vmxnet3_probe(&pci);
		host_alloc_fail(0);
		end();
		if (!err)
			break;
		EXPECT_EQ(host_alloc_live(), live);
		EXPECT(nth == 1 || !(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	}
	/* Nor when it goes up. */
	begin_closed(PCI_IRQ_MSIX);
	pkt_drain_caches();
	host_alloc_fail(1);
	EXPECT(stack.nif->ops->open(stack.nif) < 0);
	host_alloc_fail(0);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	end();
}

TEST(a_card_that_does_not_start)
{
	begin_closed(PCI_IRQ_MSIX);
	card.stuck = true;
	EXPECT_EQ(stack.nif->ops->open(stack.nif), -EIO);
	EXPECT(host_log_has("does not start"));
	card.stuck = false;
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	/* In the middle of a change of the MTU: out of service, and stays so. */
	card.stuck = true;
	EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 4000), -EIO);
	host_run();
	EXPECT(host_log_has("out of service"));
	EXPECT(!stack.carrier);
	end();
}

/* ---- transmitting ---------------------------------------------------------------------------------------- */

TEST(frames_go_out_as_they_are)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
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
			EXPECT(!(card.tx_how & TXD_CSUM));
			card_sent(card.tx_last);
			if (shared)
				pkt_free(shared);
		}
		if (kinds[k] == PCI_IRQ_MSIX)
			EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
		end();
	}
}

static struct pkt *partial(u32 start, u32 offset)
{
	struct pkt *p = make_pkt(1400, 0, PKT_HEADROOM);

	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = start;
	p->csum_offset = offset;
	return p;
}

TEST(a_checksum_to_finish_is_told)
{
	struct pkt *far;
	u8 out[1400];

	begin(PCI_IRQ_MSIX);
	EXPECT_EQ(send(partial(34, 16)), 0);
	EXPECT_EQ(card_transmit(out), 1400l);
	EXPECT_EQ(card.tx_how & 0xfff, TXD_CSUM | 34);
	EXPECT_EQ(card.tx_what >> TXD_AT_SHIFT, 50u);
	EXPECT_EQ(out[50], (u8)(50 * 7));	/* not touched */
	card_sent(card.tx_last);
	/* Further back than a descriptor can say: done in software. */
	far = partial(1200, 16);
	memset(far->data + 1216, 0, 2);
	EXPECT_EQ(send(far), 0);
	EXPECT_EQ(card_transmit(out), 1400l);
	EXPECT(!(card.tx_how & TXD_CSUM));
	EXPECT_EQ(cksum_fold(cksum_add(0, out + 1200, 200)), 0);
	card_sent(card.tx_last);
	end();
}

/* The checksum that is to be finished is then the pseudo-header's without the length. */
TEST(segments_go_out_as_one)
{
	static const be32 from = 0x0100000a, to = 0x0200000a;
	struct pkt *p, *more;
	u8 out[3000];
	u16 sum;

	begin(PCI_IRQ_MSIX);
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
		EXPECT_EQ(card.tx_how & 0xfff, TXD_TSO | 54);
		EXPECT_EQ(card.tx_what >> TXD_AT_SHIFT, 1000u);
		memcpy(&sum, out + 50, 2);
		EXPECT_EQ(sum, (u16)~cksum_fold(cksum_pseudo(from, to, 6, 0)));
		card_sent(card.tx_last);
	}
	end();
}

TEST(a_batch_rings_once)
{
	begin(PCI_IRQ_MSIX);
	local_bh_disable();
	net_batch_begin();
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
	EXPECT_EQ(card.tx_doorbells, 0u);
	net_batch_end();
	local_bh_enable();
	EXPECT_EQ(card.tx_doorbells, 1u);
	end();
}

TEST(a_full_ring_wakes_when_there_is_room)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		u32 lasts[VMXNET3_TX_RING], n = 0;
		struct pkt *p;
		u8 out[100];

		begin(kinds[k]);
		while (send(p = make_pkt(60, n, PKT_HEADROOM)) == 0)
			n++;
		EXPECT_EQ(n, VMXNET3_TX_RING - 1);
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
		expect_transmitted(n, 60);
		card_sent(card.tx_last);
		host_run();
		if (kinds[k] == PCI_IRQ_MSIX) {
			/* Nobody waits any more: the interrupt is off again, or goes off with this one. */
			u64 before = irq_count(irqs[VECTOR_TX]);

			EXPECT_GE(before, 1ull);
			for (int i = 0; i < 50; i++) {
				EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
				expect_transmitted(i, 60);
				card_sent(card.tx_last);
				host_run();
			}
			EXPECT_LE(irq_count(irqs[VECTOR_TX]), before + 1);
		}
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

			begin(kinds[k]);
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

/* What the rings hold goes back when it goes down; a frame for a card that is not up is not taken. */
TEST(frames_in_flight_when_it_goes_down)
{
	u8 more[3000] = { 0 };
	struct pkt *p;

	begin(PCI_IRQ_MSIX);
	released = 0;
	for (int i = 0; i < 20; i++) {
		p = i % 2 ? partial(34, i) : make_pkt(60, i, PKT_HEADROOM);
		EXPECT_EQ(pkt_append(p, more, sizeof(more)), 0);
		p->release = note_release;
		EXPECT_EQ(send(p), 0);
	}
	stack.nif->ops->stop(stack.nif);
	EXPECT_EQ(released, 20u);
	p = make_pkt(60, 1, PKT_HEADROOM);
	EXPECT_EQ(send(p), -ENOBUFS);
	pkt_free(p);
	stack.nif->txqs->stopped = false;
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	EXPECT_EQ(send(make_pkt(60, 1, PKT_HEADROOM)), 0);
	expect_transmitted(1, 60);
	end();
}

/* ---- address, filters, link, statistics ------------------------------------------------------------------ */

TEST(the_address)
{
	static const u8 other[] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };

	begin(PCI_IRQ_MSIX);
	EXPECT_MEM(stack.nif->mac, card.perm_mac, ETH_ALEN);
	EXPECT_MEM(stack.nif->perm_mac, card.perm_mac, ETH_ALEN);
	EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, other), 0);
	EXPECT_MEM(card.mac, other, ETH_ALEN);
	/* It forgets it when it starts anew; we do not. */
	memcpy(stack.nif->mac, other, ETH_ALEN);
	EXPECT_EQ(stack.nif->ops->set_mtu(stack.nif, 4000), 0);
	EXPECT_MEM(card.mac, other, ETH_ALEN);
	end();
}

static void expect_refused(int err)
{
	EXPECT_EQ(vmxnet3_probe(&pci), err);
	EXPECT(!stack.nif);
	EXPECT(!(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	end();
}

TEST(cards_that_are_refused)
{
	prepare(PCI_IRQ_MSIX);
	card.perm_mac[0] |= 1;				/* a group's address */
	expect_refused(-EINVAL);
	prepare(PCI_IRQ_MSIX);
	memset(card.perm_mac, 0, sizeof(card.perm_mac));	/* nobody's */
	expect_refused(-EINVAL);
	prepare(PCI_IRQ_MSIX);
	card.revisions = 2;
	expect_refused(-ENODEV);
	prepare(PCI_IRQ_MSIX);
	card.gone = true;
	expect_refused(-ENODEV);
}

TEST(filters)
{
	static const u8 group[] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };

	begin(PCI_IRQ_INTX);
	EXPECT_EQ(card.shared->rx_mode, RXM_UCAST | RXM_MCAST | RXM_BCAST);
	for (u32 i = 0; i < 400; i++)
		memcpy(groups.mac[i], group, ETH_ALEN);
	groups.count = 2;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(card.shared->groups_len, 12);
	EXPECT_MEM((void *)card.shared->groups, group, ETH_ALEN);
	EXPECT_EQ(card.shared->rx_mode, RXM_UCAST | RXM_MCAST | RXM_BCAST);
	EXPECT_EQ(card.last_command, CMD_UPDATE_RX_MODE);
	/* More than the table holds: all. */
	groups.count = 400;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(card.shared->rx_mode, RXM_UCAST | RXM_MCAST | RXM_BCAST | RXM_ALL_MULTI);
	EXPECT_LE(card.shared->groups_len, sizeof(memory()->groups));
	groups.count = 0;
	stack.nif->flags |= NETIF_ALLMULTI;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(card.shared->rx_mode, RXM_UCAST | RXM_MCAST | RXM_BCAST | RXM_ALL_MULTI);
	stack.nif->flags = NETIF_PROMISC;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT(card.shared->rx_mode & RXM_PROMISC);
	stack.nif->flags = 0;
	stack.nif->ops->set_rx_mode(stack.nif);
	EXPECT_EQ(card.shared->rx_mode, RXM_UCAST | RXM_MCAST | RXM_BCAST);
	end();
}

TEST(link_down_and_up)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(kinds[k]);
		EXPECT(stack.carrier);
		for (int i = 0; i < 3; i++) {
			card_link(false);
			host_run();
			EXPECT(!stack.carrier);
			card_link(true);
			host_run();
			EXPECT(stack.carrier);
		}
		EXPECT_EQ(card.shared->events, 0u);
		EXPECT_EQ(stack.carrier_changes, 7u);
		end();
	}
}
