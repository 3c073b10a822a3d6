/*
 * The virtio network driver with its poll context, between a card of the test's own and a stack that
 * only notes what it is given. The card reads and writes the rings as a device does and raises its
 * vectors when the driver asked for that.
 *
 * sources: drivers/net/virtio_net_rx.c drivers/net/virtio_net_tx.c drivers/net/virtio_net_ctrl.c
 * sources: drivers/net/virtio_net_pairs.c drivers/net/nic.c drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 * sources: net/napi.c net/pkt.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c core/trace.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fw/platform.h"
#include "net/napi_internal.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/net/virtio_net.c"

struct platform platform = { .cpu_count = 1 };
void netif_txqs_use(struct netif *nif, u32 count) { nif->txq_count = count; }

#include "drivers/net/virtio_net_model.h"

/* ---- receiving ------------------------------------------------------------------------------------------- */

TEST(a_frame_goes_up)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u8 f[1514];

	for (int i = 0; i < 1000; i++) {
		u32 n = 14 + unit_random_below(1501);

		make_frame(f, n, i);
		EXPECT(card_receive(f, n));
		host_run();
		expect_received(i, n);
	}
	EXPECT_EQ(irq_count(irqs[VECTOR_RX]), 1000ull);
	EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
	end(v);
}

/* Old devices: a shorter header; and in a descriptor of its own, unless they say that it need not be. */
TEST(a_frame_goes_up_from_old_devices)
{
	static const struct { u64 features; u32 buffers; } kinds[] = {
		{ VIRTIO_NET_F_MAC, RING / 2 },
		{ VIRTIO_NET_F_MAC | VIRTIO_F_ANY_LAYOUT, RING },
		{ VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF, RING },
	};

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct virtio_net *v = begin(kinds[k].features);
		u32 id;
		u8 f[1514];

		EXPECT_EQ(v->queues->rx.in_flight, kinds[k].buffers);
		for (int i = 0; i < 100; i++) {
			u32 n = 14 + unit_random_below(1501);

			make_frame(f, n, i);
			EXPECT(card_receive(f, n));
			host_run();
			expect_received(i, n);
			EXPECT_EQ(v->queues->rx.in_flight, kinds[k].buffers);
		}
		/* Sent: the header's descriptor holds nothing else, if it may not. */
		EXPECT_EQ(send(make_pkt(60, 1, PKT_HEADROOM)), 0);
		EXPECT_EQ(card.vq[1]->desc[0].len, k == 1 ? v->hdr_len + 60u : v->hdr_len);
		expect_transmitted(1, 60, v->hdr_len, &id);
		card_sent(id);
		end(v);
	}
}

TEST(nothing_is_heard_before_it_is_up)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_MSIX, 3, 0);
	u8 f[60];

	for (u32 i = 0; i < 3; i++)
		EXPECT(!open_lines[i]);
	EXPECT_EQ(v->queues->rx.in_flight, 0);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	for (u32 i = 0; i < 3; i++)
		EXPECT(open_lines[i]);
	EXPECT_EQ(v->queues->rx.in_flight, RING);
	stack.nif->ops->stop(stack.nif);
	for (u32 i = 0; i < 3; i++)
		EXPECT(!open_lines[i]);
	/* What comes while it is down is seen when it is up again. */
	make_frame(f, 60, 9);
	EXPECT(card_receive(f, 60));
	host_run();
	EXPECT_EQ(stack.received.count, 0u);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	expect_received(9, 60);
	end(v);
}

TEST(a_burst_costs_one_interrupt_and_one_doorbell)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u32 kicks = card.kicks[0];
	u8 f[60];

	for (int i = 0; i < 12; i++) {
		struct virtio_net_hdr h = { 0 };

		make_frame(f, 60, i);
		EXPECT(card_receive_quiet(&h, f, 60));
	}
	/* The device wants to be told as soon as there is a buffer. */
	*(u16 *)&card.vq[0]->used->ring[RING] = card.vq[0]->avail->idx;
	card_signal(0);
	host_run();
	for (int i = 0; i < 12; i++)
		expect_received(i, 60);
	EXPECT_EQ(irq_count(irqs[VECTOR_RX]), 1ull);
	EXPECT_EQ(card.kicks[0], kicks + 1);
	EXPECT_EQ(v->queues->rx.in_flight, RING);
	end(v);
}

static void slip_in(void)
{
	struct virtio_net_hdr h = { 0 };
	u8 f[60];

	make_frame(f, 60, 77);
	EXPECT(card_receive_quiet(&h, f, 60));
	card_signal(0);		/* the driver has its interrupt off: none is raised */
}

/* Between the poll's last look and the arming a frame comes, and the card raises nothing for it. */
TEST(a_frame_that_slips_in_is_not_left_lying)
{
	for (int event = 0; event < 2; event++) {
		u64 features = event ? ALL_FEATURES : ALL_FEATURES & ~VIRTIO_F_EVENT_IDX;
		struct virtio_net *v = begin_with(features, PCI_IRQ_MSIX, 3, IRQ_MASK_WHILE_POLLING);
		struct napi_stats before, after;
		u8 f[60];

		EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
		host_run();
		napi_stats_get(&before);
		/* The doorbell for fresh buffers is the last that a poll does before it arms. */
		*(u16 *)&card.vq[0]->used->ring[RING] = card.vq[0]->avail->idx;
		card.on_kick = slip_in;
		make_frame(f, 60, 5);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		expect_received(77, 60);
		napi_stats_get(&after);
		EXPECT_EQ(after.rearm_races - before.rearm_races, 1ull);
		EXPECT_EQ(irq_count(irqs[VECTOR_RX]), 1ull);
		EXPECT_EQ(after.timer_polls, before.timer_polls);
		/* And the next one interrupts as ever. */
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(5, 60);
		end(v);
	}
}

TEST(the_line_is_masked_while_polling_if_its_controller_wants)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_MSIX, 3, IRQ_MASK_WHILE_POLLING);
	u8 f[60];

	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	make_frame(f, 60, 1);
	irq_disable();
	EXPECT(card_receive(f, 60));
	irq_enable();		/* the handler runs here, and the poll behind it */
	host_run();
	expect_received(1, 60);
	EXPECT(open_lines[VECTOR_RX]);
	EXPECT(!irqs[VECTOR_RX]->mask_depth);
	end(v);
}

TEST(a_frame_in_several_buffers)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u8 f[9000];

	for (u32 n = 1800; n <= 9000; n += 450) {
		make_frame(f, n, n);
		EXPECT(card_receive(f, n));
		host_run();
		expect_received(n, n);
		EXPECT_EQ(v->queues->rx.in_flight, RING);
	}
	end(v);
}

TEST(a_number_of_buffers_that_is_not_there)
{
	static const u16 lies[] = { 0, 2, 17, 65535 };

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		struct virtio_net *v = begin(ALL_FEATURES);
		u8 bytes[72] = { 0 };
		u32 id;
		long n;

		bytes[10] = lies[i];
		bytes[11] = lies[i] >> 8;
		n = card_fill(bytes, sizeof(bytes), &id);
		card_put(0, id, n);
		card_signal(0);
		host_run();
		EXPECT_EQ(stack.received.count, 0u);
		EXPECT(v->queues->rx.broken);
		EXPECT(host_log_has("out of service"));
		EXPECT(!stack.carrier);
		EXPECT_EQ(stack.nif->stats->rx_errors, 1ull);
		end(v);
	}
}

TEST(frames_too_short_are_counted_and_dropped)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u8 f[60];
	u32 id;

	for (u32 n = 0; n < 12 + 14; n++) {
		u8 bytes[32] = { [10] = 1 };

		card_put(0, (card_fill(bytes, n, &id), id), n);
		card_signal(0);
		host_run();
	}
	EXPECT_EQ(stack.received.count, 0u);
	EXPECT_EQ(stack.nif->stats->rx_length_errors, 26ull);
	make_frame(f, 60, 3);
	EXPECT(card_receive(f, 60));
	host_run();
	expect_received(3, 60);
	end(v);
}

TEST(checksum_flags)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct virtio_net_hdr valid = { .flags = VIRTIO_NET_HDR_DATA_VALID };
	struct virtio_net_hdr partial = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	struct virtio_net_hdr outside = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 60, .csum_offset = 16 };
	struct virtio_net_hdr wraps = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 };
	struct pkt *p;
	u8 f[60] = { 0 };

	card_receive_quiet(&valid, f, 60);
	card_receive_quiet(&partial, f, 60);
	card_receive_quiet(&outside, f, 60);
	card_receive_quiet(&wraps, f, 60);
	card_signal(0);
	host_run();
	EXPECT_EQ(stack.received.count, 2u);
	EXPECT_EQ(stack.nif->stats->rx_errors, 2ull);
	p = pkt_queue_pop(&stack.received);
	EXPECT_EQ(p->flags, PKT_CSUM_VALID);
	pkt_free(p);
	p = pkt_queue_pop(&stack.received);
	EXPECT_EQ(p->flags, PKT_CSUM_VALID | PKT_CSUM_PARTIAL);
	EXPECT_EQ(p->csum_start, 34);
	EXPECT_EQ(p->csum_offset, 16);
	pkt_free(p);
	end(v);
}

/* Memory runs out until the ring is empty; the card drops; then there is memory, and nobody else to start it again. */
TEST(an_empty_ring_starts_again_when_there_is_memory)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u8 f[60];

	make_frame(f, 60, 1);
	pkt_drain_caches();
	for (int i = 0; i < RING; i++) {
		host_alloc_fail(1);
		EXPECT(card_receive(f, 60));
		host_run();
		pkt_drain_caches();
	}
	EXPECT_EQ(stack.received.count, (u32)RING);
	while (v->queues->rx.in_flight) {	/* what a failing allocation let through */
		host_alloc_fail(1);
		EXPECT(card_receive(f, 60));
		host_run();
		pkt_drain_caches();
	}
	EXPECT(!card_receive(f, 60));
	host_alloc_fail(0);
	host_clock_advance(20 * NSEC_PER_MSEC);
	EXPECT_EQ(v->queues->rx.in_flight, RING);
	pkt_queue_purge(&stack.received);
	EXPECT(card_receive(f, 60));
	host_run();
	expect_received(1, 60);
	end(v);
}

/* ---- the rest of the ladder ------------------------------------------------------------------------------ */

static void serves_traffic(struct virtio_net *v, u64 wait)
{
	u8 f[60];
	u32 id;

	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	for (int i = 0; i < 100; i++) {
		make_frame(f, 60, i);
		EXPECT(card_receive(f, 60));
		host_clock_advance(wait);
		expect_received(i, 60);
		EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
		expect_transmitted(i, 60, v->hdr_len, &id);
		card_sent(id);
	}
	card.link = false;
	card.isr |= VIRTIO_ISR_CONFIG;
	line_raise(bus.type == PCI_IRQ_MSIX ? card.config_vector : 0);
	host_clock_advance(wait);
	EXPECT(!stack.carrier);
}

TEST(two_vectors)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_MSIX, 2, 0);

	serves_traffic(v, 0);
	EXPECT_EQ(irq_count(irqs[0]), 1ull);
	end(v);
}

TEST(one_vector)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_MSIX, 1, 0);

	serves_traffic(v, 0);
	end(v);
}

TEST(plain_msi)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_MSI, 1, 0);

	serves_traffic(v, 0);
	end(v);
}

TEST(a_shared_wire)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_INTX, 1, 0);

	serves_traffic(v, 0);
	EXPECT_EQ(virtio_net_wire_irq(v), IRQ_NONE);	/* somebody else's interrupt */
	end(v);
}

TEST(polling_from_a_timer)
{
	struct virtio_net *v = begin_with(ALL_FEATURES, PCI_IRQ_NONE, 0, 0);
	struct napi_stats before, after;

	napi_stats_get(&before);
	serves_traffic(v, 10 * NSEC_PER_MSEC);
	napi_stats_get(&after);
	EXPECT_GE(after.timer_polls - before.timer_polls, 100ull);
	stack.nif->ops->stop(stack.nif);
	EXPECT_EQ(host_timer_next(), ~0ull);		/* no timer while it is down */
	end(v);
}

TEST(link_down_and_up)
{
	struct virtio_net *v = begin(ALL_FEATURES);

	EXPECT(stack.carrier);
	card.link = false;
	line_raise(card.config_vector);
	host_run();
	EXPECT(!stack.carrier);
	card.link = true;
	line_raise(card.config_vector);
	host_run();
	EXPECT(stack.carrier);
	EXPECT_EQ(stack.carrier_changes, 3u);
	end(v);
}

/* ---- transmitting ------------------------------------------------------------------------------------------ */

TEST(frames_go_out_as_they_are)
{
	static const u64 kinds[] = { ALL_FEATURES, VIRTIO_NET_F_MAC, VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF,
				     ALL_FEATURES & ~VIRTIO_F_INDIRECT_DESC };

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct virtio_net *v = begin(kinds[k]);
		u32 hdr_len = k == 1 ? 10 : 12, id;
		struct pkt *p, *shared;

		EXPECT_EQ(v->hdr_len, hdr_len);
		for (int i = 0; i < 200; i++) {
			u32 n = 14 + unit_random_below(1501);

			/* plain; without room in front; held by another; a chain */
			p = make_pkt(n, i, i % 4 == 1 ? 4 : PKT_HEADROOM);
			shared = i % 4 == 2 ? p : NULL;
			if (shared)
				pkt_get(shared);
			if (i % 4 == 3) {
				u8 more[1000];

				make_frame(more, 1000, i + n * 7);
				EXPECT_EQ(pkt_append(p, more, 1000), 0);
				n += 1000;
			}
			EXPECT_EQ(send(p), 0);
			expect_transmitted(i, n, hdr_len, &id);
			if (shared) {
				EXPECT_EQ(shared->refs, 2u);	/* the ring's, and ours */
				EXPECT_EQ(pkt_headroom(shared), (u32)PKT_HEADROOM);
			}
			card_sent(id);
			if (shared) {
				virtio_net_tx_poll(v->queues);
				EXPECT_EQ(shared->refs, 1u);
				pkt_free(shared);
			}
		}
		EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
		end(v);
	}
}

TEST(a_checksum_to_finish_is_told)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *p = make_pkt(60, 0, PKT_HEADROOM);
	u8 out[100];
	u32 id;

	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = 34;
	p->csum_offset = 6;
	EXPECT_EQ(send(p), 0);
	EXPECT_EQ(card_transmit(out, &id), 72l);
	EXPECT_EQ(out[0], VIRTIO_NET_HDR_NEEDS_CSUM);
	EXPECT_EQ(out[6] | out[7] << 8, 34);
	EXPECT_EQ(out[8] | out[9] << 8, 6);
	end(v);
}

TEST(a_batch_rings_once)
{
	struct virtio_net *v = begin(ALL_FEATURES);

	local_bh_disable();
	net_batch_begin();
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
	EXPECT_EQ(card.kicks[1], 0u);
	net_batch_end();
	local_bh_enable();
	EXPECT_EQ(card.kicks[1], 1u);
	end(v);
}

TEST(a_full_ring_wakes_when_there_is_room)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	u32 ids[RING], id, n = 0;
	u8 out[100];
	struct pkt *p;

	while (n < 2 * RING) {
		p = make_pkt(60, n, PKT_HEADROOM);
		if (send(p))
			break;
		n++;
	}
	EXPECT_EQ(n, (u32)RING);
	EXPECT_EQ(p->refs, 1u);		/* still ours */
	stack.waiting = p;
	for (u32 i = 0; i < RING; i++)
		EXPECT(card_transmit(out, &ids[i]) > 0);
	/* Not an interrupt a packet: one when most is sent. */
	for (u32 i = 0; i < RING; i++) {
		card_sent(ids[i]);
		host_run();
		if (i < RING / 2)
			EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
	}
	EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 1ull);
	EXPECT_GE(stack.wakes, 1u);
	EXPECT(!stack.waiting);
	expect_transmitted(n, 60, 12, &id);
	card_sent(id);
	host_run();
	/* Nobody waits any more: the interrupt is off again, or goes off with this one. */
	n = irq_count(irqs[VECTOR_TX]);
	for (int i = 0; i < 50; i++) {
		EXPECT_EQ(send(make_pkt(60, i, PKT_HEADROOM)), 0);
		expect_transmitted(i, 60, 12, &id);
		card_sent(id);
		host_run();
	}
	EXPECT_LE(irq_count(irqs[VECTOR_TX]), n + 1ull);
	end(v);
}

static u32 released;
static void note_release(struct pkt *p) { released++; }

TEST(a_sender_that_waits_for_space_gets_it_without_further_traffic)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *p = make_pkt(60, 1, PKT_HEADROOM);
	u32 id;

	released = 0;
	p->release = note_release;
	EXPECT_EQ(send(p), 0);
	expect_transmitted(1, 60, 12, &id);
	stack.nif->ops->tx_reclaim(stack.nif, 0);
	EXPECT_EQ(released, 0u);
	card_sent(id);
	host_run();
	EXPECT_EQ(released, 1u);
	EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 1ull);
	end(v);
}

TEST(what_was_sent_goes_back_on_the_way_of_a_poll)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *p = make_pkt(60, 1, PKT_HEADROOM);
	u8 f[60];
	u32 id;

	released = 0;
	p->release = note_release;
	EXPECT_EQ(send(p), 0);
	expect_transmitted(1, 60, 12, &id);
	card_sent(id);
	host_run();
	EXPECT_EQ(released, 0u);
	make_frame(f, 60, 2);
	EXPECT(card_receive(f, 60));
	host_run();
	EXPECT_EQ(released, 1u);
	EXPECT_EQ(irq_count(irqs[VECTOR_TX]), 0ull);
	end(v);
}

/* A card that lies about what it sent: out of service, and the sender is told. */
TEST(a_transmit_queue_that_lies)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *p;

	EXPECT_EQ(send(make_pkt(60, 1, PKT_HEADROOM)), 0);
	card_put(1, 99, 0);
	local_bh_disable();
	virtio_net_tx_poll(v->queues);
	local_bh_enable();
	host_run();
	EXPECT(v->queues->tx.broken);
	EXPECT(!stack.carrier);
	p = make_pkt(60, 2, PKT_HEADROOM);
	EXPECT_EQ(send(p), -EIO);
	pkt_free(p);
	end(v);
}

/* ---- making ------------------------------------------------------------------------------------------------- */

TEST(no_memory_at_probe_leaves_nothing_behind)
{
	u64 live;

	end(begin(ALL_FEATURES));
	live = host_alloc_live();
	for (u32 nth = 1; nth <= 12; nth++) {
		card = (struct card){ .offered = ALL_FEATURES, .link = true };
		lines_begin(PCI_IRQ_MSIX, 0, 0);
		device = (struct virtio_device){ .transport = &card_transport, .pci = &pci, .name = "virtio0", .modern = true };
		host_alloc_fail(nth);
		if (virtio_net_probe(&device) == 0) {
			virtio_net_remove(&device);
			break;
		}
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
}

/* ---- large packets ------------------------------------------------------------------------------------------ */

/* Three packets of TCP text that have another holder, with headers in front of the first, as one. */
static struct pkt *gather(struct pkt *parts[3], u32 each)
{
	for (u32 i = 0; i < 3; i++) {
		parts[i] = make_pkt(each, i, PKT_HEADROOM);
		pkt_get(parts[i]);
	}
	memset(pkt_push(parts[0], 54), 0, 54);
	parts[0]->data[14 + 20 + 12] = 5 << 4;	/* the TCP header is 20 bytes long */
	parts[0]->len += 2 * each;
	parts[0]->frag = parts[1];
	parts[1]->frag = parts[2];
	parts[0]->flags = PKT_GSO_TCP4 | PKT_GATHER | PKT_CSUM_PARTIAL | PKT_OWN_HEADROOM;
	parts[0]->gso_size = each;
	parts[0]->csum_start = 34;
	parts[0]->csum_offset = 16;
	return parts[0];
}

TEST(segments_go_out_as_one)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *parts[3];
	u8 out[5000], want[1000];
	u32 id;

	EXPECT_GE(stack.nif->tso_parts, 3u);
	for (int round = 0; round < 100; round++) {
		struct virtio_net_hdr *h = (struct virtio_net_hdr *)out;

		EXPECT_EQ(send(gather(parts, 1000)), 0);
		EXPECT_EQ(card_transmit(out, &id), 12 + 54 + 3000l);
		EXPECT_EQ(h->flags, VIRTIO_NET_HDR_NEEDS_CSUM);
		EXPECT_EQ(h->gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
		EXPECT_EQ(h->gso_size, 1000);
		EXPECT_EQ(h->hdr_len, 54);
		EXPECT_EQ(h->csum_start, 34);
		EXPECT_EQ(h->csum_offset, 16);
		for (u32 i = 0; i < 3; i++) {
			make_frame(want, 1000, i);
			EXPECT_MEM(out + 12 + 54 + i * 1000, want, 1000);
			EXPECT_EQ(parts[i]->refs, 2u);
		}
		/* Who keeps them may drop one while the card has it still; or use one when the card is done. */
		pkt_drop(parts[round % 3]);
		card_sent(id);
		stack.nif->ops->tx_reclaim(stack.nif, 0);
		for (u32 i = 0; i < 3; i++) {
			if (i == round % 3)
				continue;
			EXPECT_EQ(parts[i]->refs, 1u);
			EXPECT(!parts[i]->frag);
			EXPECT(!(parts[i]->flags & PKT_GATHER));
			pkt_drop(parts[i]);
		}
	}
	end(v);
}

/* What the ring holds at the end, and what it refuses, goes back to its keeper. */
TEST(segments_in_flight_at_the_end)
{
	struct virtio_net *v = begin(ALL_FEATURES);
	struct pkt *parts[3], *more[3];

	EXPECT_EQ(send(gather(parts, 500)), 0);
	pkt_free(gather(more, 500));
	end(v);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(parts[i]->refs, 1u);
		EXPECT_EQ(more[i]->refs, 1u);
		pkt_drop(parts[i]);
		pkt_drop(more[i]);
	}
	pkt_drain_caches();
}

TEST(joined_segments_come_in)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448,
				    .csum_start = 34, .csum_offset = 16 };
	struct virtio_net *v = begin(ALL_FEATURES);
	u8 f[20000];
	struct pkt *p;

	make_frame(f, sizeof(f), 3);
	EXPECT(card_receive_quiet(&h, f, sizeof(f)));
	card_signal(0);
	host_run();
	p = stack.received.head;
	EXPECT(p);
	EXPECT_EQ(p->flags, PKT_GSO_TCP4 | PKT_CSUM_PARTIAL | PKT_CSUM_VALID);
	EXPECT_EQ(p->gso_size, 1448);
	expect_received(3, sizeof(f));
	end(v);
}

/* Large packets are not asked for without what they need. */
TEST(features_that_build_on_others)
{
	static const struct { u64 without, then; } cases[] = {
		{ VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4 }, { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4 },
		{ VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_GUEST_TSO4 }, { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO4 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net *v = begin(ALL_FEATURES & ~cases[i].without);

		EXPECT(!(device.features & (cases[i].without | cases[i].then)));
		EXPECT_EQ(!stack.nif->tso_parts, !(device.features & VIRTIO_NET_F_HOST_TSO4));
		end(v);
	}
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

#define CTRL_FEATURES (ALL_FEATURES | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC_ADDR | \
		       VIRTIO_NET_F_GUEST_ANNOUNCE)

static void expect_command(u32 i, const void *bytes, u32 n)
{
	EXPECT_GT(card.command_count, i);
	EXPECT_MEM(card.commands[i], bytes, n);
}

TEST(what_is_received_is_told)
{
	struct virtio_net *v = begin(CTRL_FEATURES);
	u8 table[] = { 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 94, 1, 2, 3, 1, 0, 94, 4, 5, 6 };

	/* When it goes up: no groups, not all of them, not everything. */
	EXPECT_EQ(card.command_count, 3u);
	expect_command(0, "\1\0\0\0\0\0\0\0\0\0", 10);
	expect_command(1, "\0\1\0", 3);
	expect_command(2, "\0\0\0", 3);

	memcpy(groups.mac[0], table + 10, 6);
	memcpy(groups.mac[1], table + 16, 6);
	groups.count = 2;
	card.command_count = 0;
	stack.nif->ops->set_rx_mode(stack.nif);
	expect_command(0, table, sizeof(table));
	/* More than one command can say: all. */
	groups.count = 400;
	card.command_count = 0;
	stack.nif->ops->set_rx_mode(stack.nif);
	expect_command(0, "\0\1\1", 3);
	groups.count = 0;
	stack.nif->flags = NETIF_PROMISC;
	card.command_count = 0;
	stack.nif->ops->set_rx_mode(stack.nif);
	expect_command(0, "\0\1\1", 3);
	expect_command(1, "\0\0\1", 3);
	stack.nif->flags = 0;
	end(v);
}

TEST(another_address)
{
	static const u8 mac[] = { 2, 1, 2, 3, 4, 5 };

	for (u32 vectors = 0; vectors <= 3; vectors++) {
		struct virtio_net *v = begin_with(CTRL_FEATURES, vectors ? PCI_IRQ_MSIX : PCI_IRQ_NONE, vectors, 0);

		/* Before it is up, and then. */
		for (u32 up = 0; up < 2; up++) {
			card.command_count = 0;
			EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, mac), 0);
			EXPECT_EQ(card.command_count, 1u);
			expect_command(0, "\1\1\2\1\2\3\4\5", 8);
			card.answer = ANSWER_REFUSE;
			EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, mac), -EINVAL);
			card.answer = ANSWER_OK;
			if (!up)
				EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
			host_run();
		}
		end(v);
	}
}

TEST(a_card_without_commands)
{
	static const u8 mac[] = { 2, 1, 2, 3, 4, 5 };
	struct virtio_net *v = begin(CTRL_FEATURES & ~VIRTIO_NET_F_CTRL_VQ);

	EXPECT_EQ(device.features & CTRL_FEATURES & ~ALL_FEATURES, 0ull);
	EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, mac), -EOPNOTSUPP);
	stack.nif->ops->set_rx_mode(stack.nif);
	end(v);
}

/* No answer, or one that cannot be: the commands are out of service, and frames go on. */
TEST(answers_that_do_not_come)
{
	static const u8 mac[] = { 2, 1, 2, 3, 4, 5 };
	u8 f[60];

	make_frame(f, 60, 1);
	for (u32 kind = ANSWER_NEVER; kind <= ANSWER_LONG; kind++) {
		struct virtio_net *v = begin(CTRL_FEATURES);

		card.answer = kind;
		EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, mac), -EIO);
		EXPECT(host_log_has("out of service"));
		card.answer = ANSWER_OK;
		EXPECT_EQ(stack.nif->ops->set_mac(stack.nif, mac), -EIO);
		stack.nif->ops->set_rx_mode(stack.nif);
		EXPECT(stack.carrier);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(1, 60);
		end(v);
	}
}

TEST(an_announcement_is_made_and_told)
{
	struct virtio_net *v = begin(CTRL_FEATURES);
	u32 before = announcements;

	card.command_count = 0;
	card.announce = true;
	line_raise(0);
	host_run();
	EXPECT_EQ(announcements, before + 1);
	EXPECT_EQ(card.command_count, 1u);
	expect_command(0, "\3\0", 2);
	EXPECT(stack.carrier);
	/* It should have taken its wish back; the next is one if it did. */
	card.announce = false;
	line_raise(0);
	host_run();
	card.announce = true;
	line_raise(0);
	host_run();
	EXPECT_EQ(announcements, before + 2);
	end(v);
}
