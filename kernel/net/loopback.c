/*
 * The loopback interface. What is sent is queued for this CPU's backlog and taken up by a poll context, so
 * that a sender's stack never holds the receiver's too. netif_xmit calls it; it calls ip_input.
 *
 * No checksum is computed or checked on the way: PKT_CSUM_PARTIAL is as good as valid, the data never left memory.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "net/ether.h"
#include "net/ip_internal.h"
#include "net/napi.h"
#include "net/net.h"
#include "net/packet_tap.h"

#define BACKLOG_MAX	1000		/* packets */

struct backlog {
	struct napi napi;
	struct pkt_queue queue;		/* [its CPU, softirqs off] */
};

static DEFINE_PERCPU(struct backlog, backlog);
static struct netif lo;

/* A packet that somebody else holds too (a retransmission queue) can't be pulled apart by the receiver. */
static struct pkt *own_copy(struct pkt *p)
{
	struct pkt *copy = pkt_copy(p, 0);

	pkt_free(p);
	return copy;
}

/* Behind what waits already; takes the pkt. What was sent, rather than copied for ourselves, counts.
 * -ENOBUFS: too much waits. */
static int backlog_add(struct pkt *p, bool sent)
{
	struct netif_stats *stats;
	struct backlog *b;
	int err = 0;

	local_bh_disable();
	b = this_cpu(backlog);
	stats = netif_count(&lo);
	if (likely(b->queue.count < BACKLOG_MAX)) {
		stats->tx_packets += sent;
		stats->tx_bytes += sent ? p->len : 0;
		pkt_queue_push(&b->queue, p);
		napi_schedule(&b->napi);
	} else {
		stats->tx_dropped += sent;
		err = -ENOBUFS;
	}
	local_bh_enable();
	if (err)
		pkt_free(p);
	return err;
}

void loopback_deliver(struct netif *nif, struct pkt *p, u16 flags)
{
	p->flags = (p->flags & PKT_CSUM_PARTIAL) | PKT_LOOPED | PKT_CSUM_VALID | flags;
	p->netif = nif;
	backlog_add(p, false);
}

static int loopback_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	if (!(nif->flags & NETIF_UP)) {
		pkt_free(p);
		return -ENETDOWN;
	}
	if (pkt_shared(p)) {
		p = own_copy(p);
		if (!p)
			return -ENOBUFS;
	}
	/* The sender's account ends here: the receiver's buffer space is the receiver's. */
	if (p->release) {
		p->release(p);
		p->release = NULL;
	}
	p->timestamp = unlikely(READ_ONCE(net_timestamp_users)) ? clock_ns() : 0;
	p->flags = (p->flags & (PKT_CSUM_PARTIAL | PKT_BROADCAST | PKT_MULTICAST)) | PKT_LOOPED | PKT_CSUM_VALID;
	p->netif = nif;
	return backlog_add(p, true);
}

static int backlog_poll(struct napi *n, int budget)
{
	struct backlog *b = container_of(n, struct backlog, napi);
	struct netif_stats *stats = netif_count(&lo);
	int taken;

	for (taken = 0; taken < budget; taken++) {
		struct pkt *p = pkt_queue_pop(&b->queue);

		if (!p)
			break;
		p->link_offset = p->data - p->buf;
		p->protocol = htons(ETHERTYPE_IPV4);
		if (p->netif == &lo) {
			stats->rx_packets++;
			stats->rx_bytes += p->len;
			if (unlikely(packet_taps))
				packet_tap_in(&lo, p);
		}
		ip_input(p);
	}
	if (taken < budget)
		napi_complete(n);
	return taken;
}

static const struct netif_ops loopback_ops = { .xmit = loopback_xmit };

void loopback_init(void)
{
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		struct backlog *b = per_cpu(backlog, cpu);

		pkt_queue_init(&b->queue);
		napi_init(&b->napi, backlog_poll, NULL);
	}
	strlcpy(lo.name, "lo", sizeof(lo.name));
	lo.ops = &loopback_ops;
	lo.features = NETIF_F_LOOPBACK | NETIF_F_CSUM | NETIF_F_RXCSUM | NETIF_F_SG;
	lo.flags = NETIF_RUNNING | NETIF_NOARP;
	lo.mtu = lo.max_mtu = 65536;
	BUG_ON(netif_register(&lo));
	loopback_netif = &lo;
}
