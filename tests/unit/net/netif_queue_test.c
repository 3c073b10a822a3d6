/*
 * Which transmit queue a packet takes: its CPU's, unless packets of its flow wait in another.
 *
 * sources: net/netif_queue.c net/pkt.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "net/ether.h"
#include "net/net.h"
#include "net/netif.h"

static u32 pending[4], told;

void net_sysfs_queues(struct netif *nif) { }
static u32 card_pending(struct netif *nif, u32 queue) { return pending[queue]; }

static int card_channels(struct netif *nif, u32 count)
{
	told = count;
	netif_txqs_use(nif, count);
	return 0;
}

static const struct netif_ops ops = { .tx_pending = card_pending, .set_channels = card_channels };
static struct netif nif = { .ops = &ops, .txq_max = 4 };

static void begin(void)
{
	static bool ready;

	if (!ready)
		pkt_init();
	ready = true;
	cpus_present = 4;
	memset(pending, 0, sizeof(pending));
	nif.txq_count = 0;
	EXPECT_EQ(netif_txqs_make(&nif), 0);
	EXPECT_EQ(nif.txq_count, 4u);
}

static void end(void)
{
	netif_txqs_free(&nif);
	nif.tx_flows = NULL;
	pkt_drain_caches();
	cpus_present = 1;
	*this_cpu(cpu_number) = 0;
}

/* A datagram from this port is sent by this CPU: the queue that it takes. The card holds it until told otherwise. */
static u32 send(u32 cpu, u16 port, u16 fragment)
{
	struct pkt *p = pkt_alloc(64);
	u8 *f = pkt_put(p, 60);
	struct netif_txq *t;

	memset(f, 0, 60);
	put_unaligned_be16(ETHERTYPE_IPV4, f + 12);
	f[14] = 0x45;
	put_unaligned_be16(fragment, f + 20);
	f[23] = 17;
	put_unaligned_be16(port, f + 34);
	*this_cpu(cpu_number) = cpu;
	t = netif_txq_lock(&nif, p);
	t->given++;
	pending[t - nif.txqs]++;
	spin_unlock_bh(&t->lock);
	pkt_free(p);
	return t - nif.txqs;
}

TEST(each_cpu_has_its_queue)
{
	begin();
	for (u32 cpu = 0; cpu < 4; cpu++)
		EXPECT_EQ(send(cpu, 1000 + cpu, 0), cpu);
	end();
}

TEST(a_flow_stays_until_it_is_sent)
{
	begin();
	EXPECT_EQ(send(0, 7, 0), 0u);
	EXPECT_EQ(send(1, 7, 0), 0u);
	EXPECT_EQ(send(1, 8, 0), 1u);
	/* The first is sent, then the other: it moves, and its position is that in the new queue. */
	pending[0] = 1;
	EXPECT_EQ(send(2, 7, 0), 0u);
	pending[0] = 0;
	EXPECT_EQ(send(2, 7, 0), 2u);
	EXPECT_EQ(send(0, 7, 0), 2u);
	/* What others sent behind it does not keep it. */
	EXPECT_EQ(send(2, 9, 0), 2u);
	pending[2] = 1;
	EXPECT_EQ(send(0, 7, 0), 0u);
	end();
}

TEST(what_waits_for_room_counts)
{
	begin();
	/* Three wait in front of it: it is the fourth. */
	nif.txqs[0].waiting.count = 3;
	EXPECT_EQ(send(0, 7, 0), 0u);
	nif.txqs[0].waiting.count = 0;
	nif.txqs[0].given = 3;
	pending[0] = 0;
	EXPECT_EQ(send(1, 7, 0), 0u);
	end();
}

TEST(fragments_have_no_ports)
{
	begin();
	EXPECT_EQ(send(0, 7, 0x2000), 0u);
	EXPECT_EQ(send(1, 8, 0x00b9), 0u);
	EXPECT_EQ(send(1, 7, 0), 1u);
	end();
}

TEST(the_number_of_queues_changes)
{
	begin();
	EXPECT_EQ(send(3, 7, 0), 3u);
	EXPECT_EQ(netif_set_channels(&nif, 5), -EINVAL);
	EXPECT_EQ(netif_set_channels(&nif, 0), -EINVAL);
	EXPECT_EQ(netif_set_channels(&nif, 2), 0);
	EXPECT_EQ(told, 2u);
	EXPECT_EQ(send(3, 7, 0), 1u);
	EXPECT_EQ(send(2, 9, 0), 1u);
	EXPECT_EQ(send(1, 10, 0), 0u);
	EXPECT_EQ(netif_set_channels(&nif, 4), 0);
	EXPECT_EQ(send(2, 11, 0), 2u);
	end();
}
