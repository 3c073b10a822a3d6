/*
 * Several pairs of queues: what the virtio network driver makes of what a card says that it has, and what it tells it.
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
#include "drivers/net/virtio_net.c"

struct platform platform = { .cpu_count = 1 };

#include "drivers/net/virtio_net_model.h"

#define SEVERAL (ALL_FEATURES | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ)

void netif_txqs_use(struct netif *nif, u32 count) { nif->txq_count = count; }

/* A card that says so many pairs, on a machine of four CPUs. */
static struct virtio_net *begin_pairs(u32 said, u64 features, u32 vectors)
{
	struct virtio_net *v;

	cpus_present = 4;
	next.pairs_said = said;
	v = begin_with(features, PCI_IRQ_MSIX, vectors, 0);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	return v;
}

static void end_pairs(struct virtio_net *v)
{
	end(v);
	cpus_present = 1;
}

static void expect_one_pair(struct virtio_net *v)
{
	u8 f[60];

	EXPECT_EQ(v->pairs, 1u);
	EXPECT_EQ(stack.nif->txq_max, 1u);
	make_frame(f, 60, 1);
	EXPECT(card_receive(f, 60));
	host_run();
	expect_received(1, 60);
}

/* Without the feature nothing is asked. */
TEST(a_card_of_one_pair)
{
	struct virtio_net *v = begin(ALL_FEATURES | VIRTIO_NET_F_CTRL_VQ);
	u32 id;

	EXPECT_EQ(card.command_count, 0u);
	EXPECT_EQ(card.ctrl, 2u);
	expect_one_pair(v);
	EXPECT_EQ(send(make_pkt(60, 1, PKT_HEADROOM)), 0);
	expect_transmitted(1, 60, v->hdr_len, &id);
	card_sent(id);
	end(v);
}

TEST(each_pair_has_its_vectors_and_its_cpu)
{
	struct virtio_net *v = begin_pairs(4, SEVERAL, 9);
	u8 f[60], out[100];
	u32 id;

	EXPECT_EQ(v->pairs, 4u);
	EXPECT_EQ(stack.nif->txq_max, 4u);
	EXPECT_EQ(card.ctrl, 8u);
	EXPECT_MEM(card.commands[0], "\4\0\4\0", 4);
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQ(line_cpus[1 + 2 * i], i);
		EXPECT_EQ(line_cpus[2 + 2 * i], i);
		make_frame(f, 60, i);
		card.pair = i;
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(i, 60);
		EXPECT_EQ(irq_count(irqs[1 + 2 * i]), 1ull);
		EXPECT_EQ(send_by(i, make_pkt(60, i, PKT_HEADROOM)), 0);
		id = card.vq[2 * i + 1]->avail->ring[0];
		memcpy(out, (void *)card.vq[2 * i + 1]->desc[id].addr, 72);
		make_frame(f, 60, i);
		EXPECT_MEM(out + 12, f, 60);
		card_take(2 * i + 1);
		card_put(2 * i + 1, id, 0);
		EXPECT_EQ(stack.nif->ops->tx_pending(stack.nif, i), 0u);
	}
	end_pairs(v);
}

TEST(as_many_pairs_as_cpus_and_vectors)
{
	static const struct { u32 said, vectors, pairs; } cases[] = {
		{ 2, 9, 2 }, { 8, 9, 4 }, { 4, 8, 3 }, { 4, 5, 2 }, { 4, 4, 1 }, { 4, 3, 1 }, { 4, 2, 1 }, { 4, 1, 1 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net *v = begin_pairs(cases[i].said, SEVERAL, cases[i].vectors);

		EXPECT_EQ(v->pairs, cases[i].pairs);
		EXPECT_EQ(stack.nif->txq_max, cases[i].pairs);
		end_pairs(v);
	}
}

TEST(a_number_of_pairs_that_cannot_be)
{
	static const u32 lies[] = { 0, 0x8001, 0xffff };

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		struct virtio_net *v = begin_pairs(lies[i], SEVERAL | VIRTIO_NET_F_RSS, 9);

		EXPECT(host_log_has("pairs of queues: one is used"));
		EXPECT(!(device.features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)));
		expect_one_pair(v);
		end_pairs(v);
	}
}

/* Queues that are not there, up to the control queue behind them: from the start, with one pair. */
TEST(more_pairs_than_there_are)
{
	for (u32 queues = 3; queues < 9; queues++) {
		struct virtio_net *v;

		next.queues = queues;
		v = begin_pairs(4, SEVERAL, 9);
		EXPECT(host_log_has("several pairs of queues end with error"));
		EXPECT_EQ(card.begun, 1u);
		EXPECT(!(device.features & VIRTIO_NET_F_MQ));
		EXPECT_EQ(card.ctrl, 2u);
		expect_one_pair(v);
		end_pairs(v);
	}
}

TEST(a_card_that_refuses_to_use_them)
{
	for (u32 kind = ANSWER_REFUSE; kind <= ANSWER_NEVER; kind++) {
		struct virtio_net *v;
		u8 f[60];

		next.answer = kind;
		v = begin_pairs(4, SEVERAL, 9);
		EXPECT(host_log_has("refuses to use 4 pairs"));
		EXPECT_EQ(stack.nif->txq_count, 1u);
		EXPECT_EQ(stack.nif->ops->set_channels(stack.nif, 2), kind == ANSWER_REFUSE ? -EINVAL : -EIO);
		EXPECT_EQ(stack.nif->txq_count, 1u);
		make_frame(f, 60, 1);
		EXPECT(card_receive(f, 60));
		host_run();
		expect_received(1, 60);
		end_pairs(v);
	}
}

TEST(their_number_is_changed)
{
	struct virtio_net *v = begin_pairs(4, SEVERAL, 9);

	card.command_count = 0;
	EXPECT_EQ(stack.nif->ops->set_channels(stack.nif, 2), 0);
	EXPECT_MEM(card.commands[0], "\4\0\2\0", 4);
	EXPECT_EQ(stack.nif->txq_count, 2u);
	EXPECT_EQ(line_cpus[1], 0u);
	EXPECT_EQ(line_cpus[3], 2u);
	EXPECT_EQ(stack.nif->ops->set_channels(stack.nif, 4), 0);
	EXPECT_MEM(card.commands[1], "\4\0\4\0", 4);
	EXPECT_EQ(stack.nif->txq_count, 4u);
	EXPECT_EQ(line_cpus[7], 3u);
	/* The card holds a frame of a pair that is to go: not before it is sent. */
	EXPECT_EQ(send_by(3, make_pkt(60, 1, PKT_HEADROOM)), 0);
	EXPECT_EQ(stack.nif->ops->set_channels(stack.nif, 2), -EBUSY);
	EXPECT_EQ(stack.nif->txq_count, 4u);
	EXPECT_EQ(card.command_count, 2u);
	card_put(7, card_take(7), 0);
	EXPECT_EQ(stack.nif->ops->set_channels(stack.nif, 2), 0);
	EXPECT_EQ(stack.nif->txq_count, 2u);
	end_pairs(v);
}

TEST(the_card_spreads_as_it_is_told)
{
	static const struct { u16 table, entries; } cases[] = { { 128, 128 }, { 512, 128 }, { 100, 64 }, { 1, 1 } };

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net *v;
		u8 *said;

		next.rss_table = cases[i].table;
		next.rss_types = 0x1ff;
		v = begin_pairs(4, SEVERAL | VIRTIO_NET_F_RSS, 9);
		said = card.commands[0];
		EXPECT_EQ(card.command_count, 1u);
		EXPECT_MEM(said, "\4\1\7\0\0\0", 6);
		EXPECT_EQ(said[6] | said[7] << 8, cases[i].entries - 1);
		for (u32 k = 0; k < cases[i].entries; k++)
			EXPECT_EQ(said[10 + 2 * k], k % 4);
		said += 10 + 2 * cases[i].entries;
		EXPECT_MEM(said, "\4\0\50", 3);
		EXPECT_EQ(card.command_len, 10u + 2 * cases[i].entries + 3 + 40);
		end_pairs(v);
	}
}

/* A card that offers RSS but can't: it is asked for the pairs alone, and says which way by its answer. */
TEST(the_card_spreads_in_its_own_way)
{
	struct virtio_net *v = begin_pairs(4, SEVERAL | VIRTIO_NET_F_RSS, 9);

	EXPECT_EQ(card.command_count, 1u);
	EXPECT_MEM(card.commands[0], "\4\0\4\0", 4);
	end_pairs(v);
	next.rss_table = 128;
	next.rss_types = 7;
	next.answer = ANSWER_REFUSE;
	v = begin_pairs(4, SEVERAL | VIRTIO_NET_F_RSS, 9);
	EXPECT_EQ(card.command_count, 2u);
	EXPECT_MEM(card.commands[1], "\4\0\4\0", 4);
	EXPECT(host_log_has("in its own way"));
	end_pairs(v);
}
