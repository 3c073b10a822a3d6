/*
 * Which of a card's transmit queues a packet takes, and how many of them are in use. netif_xmit calls in for cards with
 * more than one.
 *
 * A queue belongs to a CPU, or to a few CPUs next to each other, as its card's interrupts do: what a CPU sends is
 * locked, sent and taken back there. But a program moves between CPUs, and what it has sent through one queue is to
 * stay in front of what it sends through another: a flow (by addresses, protocol and ports) goes on through the queue
 * that its last packet took until that packet is sent. What its last packet was is noted in a table by hash; flows that
 * share an entry share a queue at worst.
 *
 * Lock keys: [config] as net.h tells.
 */
#include "base/errno.h"
#include "mm/slab.h"
#include "net/ether.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "net/netif.h"

#define TX_FLOWS	256u		/* entries: a power of two */
#define IP_AT		sizeof(struct ether_header)
#define PORTS_AT	(IP_AT + sizeof(struct ip_header))

/* An entry: the queue, and the number of the last packet in it. 0: none, for numbers begin with 1. */
#define FLOW(queue, number)	((u64)(queue) << 32 | (number))

int netif_txqs_make(struct netif *nif)
{
	nif->txq_max = MAX(nif->txq_max, 1u);
	if (!nif->txq_count)
		nif->txq_count = nif->txq_max;
	nif->txqs = kcalloc(nif->txq_max, sizeof(*nif->txqs));
	if (nif->txq_max > 1)
		nif->tx_flows = kcalloc(TX_FLOWS, sizeof(*nif->tx_flows));
	if (!nif->txqs || (nif->txq_max > 1 && !nif->tx_flows)) {
		netif_txqs_free(nif);
		return -ENOMEM;
	}
	for (u32 i = 0; i < nif->txq_max; i++) {
		spin_init(&nif->txqs[i].lock, "netif.tx");
		pkt_queue_init(&nif->txqs[i].waiting);
		nif->txqs[i].off = i >= nif->txq_count;
	}
	return 0;
}

void netif_txqs_free(struct netif *nif)
{
	kfree(nif->tx_flows);
	kfree(nif->txqs);
}

/* The entry of p's flow. Fragments have no ports; all that is not IPv4 is one flow. */
static u64 *flow_of(struct netif *nif, const struct pkt *p)
{
	const struct ip_header *ip = (const struct ip_header *)(p->data + IP_AT);
	u32 hash = 0;

	if (pkt_linear(p) >= PORTS_AT + 4 && ((const struct ether_header *)p->data)->type == htons(ETHERTYPE_IPV4)) {
		hash = get_unaligned_le32(&ip->source) * 3 + get_unaligned_le32(&ip->destination) + ip->protocol;
		if (!(ip->fragment & htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) && ip->version_ihl == 0x45)
			hash ^= get_unaligned_le32(p->data + PORTS_AT);
		hash *= 0x9e3779b1u;
	}
	return &nif->tx_flows[hash / (~0u / TX_FLOWS + 1)];
}

/* Is the queue past this packet? */
static bool txq_is_past(struct netif *nif, u32 queue, u32 number)
{
	struct netif_txq *t = &nif->txqs[queue];
	u32 sent;

	spin_lock_bh(&t->lock);
	sent = t->given - nif->ops->tx_pending(nif, queue);
	spin_unlock_bh(&t->lock);
	return (s32)(sent - number) >= 0;
}

struct netif_txq *netif_txq_lock(struct netif *nif, const struct pkt *p)
{
	u64 *flow = flow_of(nif, p);

	for (;;) {
		u32 count = READ_ONCE(nif->txq_count), queue = netif_cpu_queue(cpu_id(), count);
		u64 last = READ_ONCE(*flow);
		u32 before = last >> 32;
		struct netif_txq *t;

		if (last && before != queue && before < count && !txq_is_past(nif, before, last))
			queue = before;
		t = &nif->txqs[queue];
		spin_lock_bh(&t->lock);
		if (likely(!t->off)) {
			WRITE_ONCE(*flow, FLOW(queue, t->given + t->waiting.count + 1));
			return t;
		}
		/* The number of queues was changed meanwhile. */
		spin_unlock_bh(&t->lock);
	}
}

void netif_txqs_use(struct netif *nif, u32 count)
{
	if (count < nif->txq_count)
		WRITE_ONCE(nif->txq_count, count);
	for (u32 i = 0; i < nif->txq_max; i++) {
		spin_lock_bh(&nif->txqs[i].lock);
		nif->txqs[i].off = i >= count;
		spin_unlock_bh(&nif->txqs[i].lock);
	}
	WRITE_ONCE(nif->txq_count, count);
}

int netif_set_channels(struct netif *nif, u32 count)
{
	int err;

	if (nif->gone)
		return -ENODEV;
	if (!nif->ops->set_channels)
		return -EOPNOTSUPP;
	if (!count || count > nif->txq_max)
		return -EINVAL;
	if (count == nif->txq_count)
		return 0;
	err = nif->ops->set_channels(nif, count);
	net_sysfs_queues(nif);
	return err;
}
