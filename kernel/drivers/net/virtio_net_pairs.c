/*
 * virtio-net, several pairs of queues: how many there are and are in use, which CPU each is for, and what the card is
 * told of it by the control queue. virtio_net.c calls in at probe, ethtool's setting comes by the interface.
 *
 * There are as many pairs as the card and the CPUs and the vectors allow; all of them have their rings and poll
 * contexts, for the number in use can change while the interface is up. The card spreads what it receives by a hash of
 * addresses and ports that we set up (RSS), or in its own way.
 *
 * Source: Virtio 1.2, 5.1.6.5.5 to 5.1.6.5.7.
 */
#include "drivers/net/virtio_net.h"
#include "base/errno.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"

#define CLASS_MQ	4
#define  VQ_PAIRS_SET	0
#define  RSS_CONFIG	1

#define PAIRS_MAX	0x8000u		/* a card may not say more */
#define HASH_TYPES	7u		/* IPv4, and with ports TCP and UDP over it */
#define RSS_TABLE	128u		/* entries: a power of two; cards may have less */
#define RSS_KEY		40u		/* bytes that each card takes */
#define DRAIN_NS	(5 * NSEC_PER_SEC)

/* RSS_CONFIG's data, in front of the table and behind it. */
struct rss_head { le32 types; le16 table_mask, unclassified; le16 table[]; };
struct rss_tail { le16 tx_pairs; u8 key_len, key[RSS_KEY]; };	/* unaligned */

u32 virtio_net_pairs_offered(struct virtio_device *d, u64 offered)
{
	u16 pairs;

	if (~offered & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ))
		return 1;
	virtio_config_read(d, VIRTIO_NET_CONFIG_PAIRS, &pairs, sizeof(pairs));
	if (pairs && pairs <= PAIRS_MAX)
		return pairs;
	log_warn("%s: the device says that it has %u pairs of queues: one is used", d->name, pairs);
	return 1;
}

/* ---- what the card is told ------------------------------------------------------------------------ */

/* The hash's key, and a table that spreads its values over the first pairs: bytes of data. [ctrl_mutex] */
static u32 rss_fill(struct virtio_net *v, u8 *data, u32 pairs)
{
	struct rss_head *h = (struct rss_head *)data;
	struct rss_tail *t;
	u32 entries = RSS_TABLE;

	while (entries > v->rss_table)
		entries /= 2;
	*h = (struct rss_head){ .types = v->rss_types, .table_mask = entries - 1 };
	for (u32 i = 0; i < entries; i++)
		h->table[i] = i % pairs;
	t = (struct rss_tail *)&h->table[entries];
	put_unaligned_le16(pairs, &t->tx_pairs);
	t->key_len = RSS_KEY;
	random_bytes(t->key, RSS_KEY);
	return t->key + RSS_KEY - data;
}

/* The card is to use so many pairs: 0, -EINVAL (it refuses), -EIO. */
static int pairs_tell(struct virtio_net *v, u32 pairs)
{
	u8 *data = virtio_net_command_begin(v);
	int err = -EINVAL;

	if (v->rss_types) {
		err = virtio_net_command(v, CLASS_MQ, RSS_CONFIG, rss_fill(v, data, pairs));
		if (err) {
			log_warn("%s: the device does not spread as it is told: it does it in its own way", v->device->name);
			v->rss_types = 0;
		}
	}
	if (err == -EINVAL) {
		put_unaligned_le16(pairs, data);
		err = virtio_net_command(v, CLASS_MQ, VQ_PAIRS_SET, sizeof(u16));
	}
	virtio_net_command_end(v);
	return err;
}

/* ---- which CPU ------------------------------------------------------------------------------------ */

/* A pair's interrupts go to the CPUs that send by it; those of pairs that are not in use stay where they were. */
static void pairs_spread(struct virtio_net *v, u32 pairs)
{
	for (u32 i = 0; i < pairs && v->nic.vectors >= VECTORS; i++) {
		u64 cpus = 0;

		for (u32 cpu = 0; cpu < cpus_present; cpu++)
			if (netif_cpu_queue(cpu, pairs) == i)
				cpus |= 1ull << cpu;
		if (irq_set_affinity(pci_irq(v->nic.pci, virtio_net_vector(v, VECTOR_RX, i)), cpus) ||
		    irq_set_affinity(pci_irq(v->nic.pci, virtio_net_vector(v, VECTOR_TX, i)), cpus))
			log_warn("%s: the interrupts of pair %u stay where they are", v->device->name, i);
	}
}

/* ---- their number --------------------------------------------------------------------------------- */

/* Has the card sent all that the pairs from this one on were given? */
static bool is_drained(struct virtio_net *v, u32 from)
{
	for (u32 i = from; i < v->pairs; i++)
		if (READ_ONCE(v->queues[i].tx.in_flight) || READ_ONCE(v->nic.nif.txqs[i].stopped))
			return false;
	return true;
}

/* A pair that is off sends nothing more: what it has goes first. 0 or -EBUSY. */
static int pairs_drain(struct virtio_net *v, u32 from)
{
	for (u32 i = from; i < v->pairs; i++)
		virtio_net_tx_reclaim(&v->nic.nif, i);
	if (!v->nic.up)
		return 0;
	return wait_event_uninterruptible(&v->ctrl_wait, is_drained(v, from), clock_ns() + DRAIN_NS) ? -EBUSY : 0;
}

int virtio_net_set_channels(struct netif *nif, u32 count)
{
	struct virtio_net *v = nif->priv;
	u32 before = nif->txq_count;
	int err = 0;

	if (count < before) {
		netif_txqs_use(nif, count);
		err = pairs_drain(v, count);
	}
	if (!err)
		err = pairs_tell(v, count);
	if (err) {
		netif_txqs_use(nif, before);
		return err;
	}
	netif_txqs_use(nif, count);
	pairs_spread(v, count);
	return 0;
}

void virtio_net_pairs_begin(struct virtio_net *v)
{
	struct virtio_device *d = v->device;
	u32 count = v->pairs;
	u16 table;
	int err;

	v->nic.nif.txq_max = v->pairs;
	if (v->pairs == 1)
		return;			/* as it begins by itself */
	if (virtio_has(d, VIRTIO_NET_F_RSS)) {
		virtio_config_read(d, VIRTIO_NET_CONFIG_RSS_TABLE, &table, sizeof(table));
		virtio_config_read(d, VIRTIO_NET_CONFIG_RSS_TYPES, &v->rss_types, sizeof(v->rss_types));
		v->rss_table = table;
		v->rss_types = table ? v->rss_types & HASH_TYPES : 0;
	}
	err = pairs_tell(v, count);
	if (err) {
		log_warn("%s: the device refuses to use %u pairs of queues: error %d", d->name, count, -err);
		count = 1;
	}
	v->nic.nif.txq_count = count;
	pairs_spread(v, count);
}
