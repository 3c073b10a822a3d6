/*
 * The model around the virtio network driver: the card (rings, vectors, link) and the transport as the
 * driver calls it. One card at a time: begin() makes and opens it, end() takes it away and leaves nothing allocated.
 */
#pragma once
#include "drivers/net/nic_model.h"

#define NOTIFY 0x7f0000002000ull
#define RING 16
#define QUEUES 17
/* Rings are split: what a packed one does is virtqueue_test.c's. */
#define ALL_FEATURES ((VIRTIO_F_COMMON & ~VIRTIO_F_RING_PACKED) | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | \
		      VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_GUEST_TSO4 | \
		      VIRTIO_NET_F_HOST_TSO4)

/* ---- the card --------------------------------------------------------------------------------------- */

static struct card {
	u64 offered;
	bool link, announce;
	u8 isr;
	u32 pairs_said;			/* in its configuration; 0: one, and it says nothing */
	u32 queues;			/* that there really are */
	u16 rss_table;
	u32 rss_types, begun;		/* begun: how often it was reset and started once more */
	u32 pair;			/* that receives */
	u32 ctrl;			/* the control queue */
	struct virtqueue *vq[QUEUES];
	u16 vector[QUEUES], config_vector;
	u16 seen[QUEUES], used[QUEUES], signalled[QUEUES];
	u32 kicks[QUEUES];
	enum { ANSWER_OK, ANSWER_REFUSE, ANSWER_NEVER, ANSWER_LONG } answer; /* to commands */
	u8 commands[16][2000];		/* that came: class, command, data */
	u32 command_count, command_len;
	void (*on_kick)(void);	/* once, at the next doorbell */
	bool live;
} card;
static struct card next;	/* what begin() is to make, of the fields that a test may choose */
static struct virtio_device device;

static void card_command(void);

static void card_kicked(void *arg, u64 offset, unsigned width, u64 value)
{
	void (*hook)(void) = card.on_kick;

	card.kicks[value % QUEUES]++;
	card.on_kick = NULL;
	if (hook)
		hook();
	if (value == card.ctrl)
		card_command();
}
static struct host_mmio notify_region = { .base = NOTIFY, .size = 4, .write = card_kicked };

static int card_take(u32 q)
{
	struct virtq_avail *a = card.vq[q]->avail;

	return a->idx == card.seen[q] ? -1 : a->ring[card.seen[q]++ % card.vq[q]->size];
}

static void card_put(u32 q, u32 id, u32 len)
{
	card.vq[q]->used->ring[card.used[q] % card.vq[q]->size] = (struct virtq_used_elem){ id, len };
	__atomic_store_n(&card.vq[q]->used->idx, ++card.used[q], __ATOMIC_SEQ_CST);
}

static void card_signal(u32 q)
{
	struct virtqueue *vq = card.vq[q];
	u16 event = vq->avail->ring[vq->size], old = card.signalled[q];

	card.signalled[q] = card.used[q];
	if (vq->event_index ? (u16)(card.used[q] - event - 1) < (u16)(card.used[q] - old) :
	    !(vq->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT)) {
		card.isr |= VIRTIO_ISR_QUEUE;
		line_raise(bus.type == PCI_IRQ_MSIX ? card.vector[q] : 0);
	}
}

/* Write bytes into the next receive buffer: how many fit, or -1 when the ring is empty. */
static long card_fill(const void *bytes, u32 n, u32 *id)
{
	struct virtqueue *vq = card.vq[2 * card.pair];
	int head = card_take(2 * card.pair);
	struct virtq_desc *d = head < 0 ? NULL : &vq->desc[head];
	u32 done = 0;

	if (!d)
		return -1;
	*id = head;
	for (;; d = &vq->desc[d->next]) {
		u32 part = MIN(n - done, d->len);

		memcpy((void *)d->addr, (const u8 *)bytes + done, part);
		done += part;
		if (!(d->flags & VIRTQ_DESC_NEXT))
			return done;
	}
}

/* A frame arrives, without a signal. False: no buffer. */
static bool card_receive_quiet(const struct virtio_net_hdr *h, const u8 *frame, u32 n)
{
	u8 bytes[70000];
	u32 hdr_len = card.offered & (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10, ids[64], lens[64], count = 0;
	struct virtio_net_hdr *first = NULL;

	memcpy(bytes, h, hdr_len);
	memcpy(bytes + hdr_len, frame, n);
	n += hdr_len;
	for (u32 at = 0; at < n; count++) {
		long took = card_fill(bytes + at, n - at, &ids[count]);

		if (took < 0)
			return false;
		if (!first)
			first = (struct virtio_net_hdr *)card.vq[2 * card.pair]->desc[ids[0]].addr;
		lens[count] = took;
		at += took;
	}
	if (hdr_len == 12 && !first->num_buffers)
		first->num_buffers = count;
	for (u32 i = 0; i < count; i++)
		card_put(2 * card.pair, ids[i], lens[i]);
	return true;
}

static bool card_receive(const u8 *frame, u32 n)
{
	struct virtio_net_hdr h = { 0 };
	bool ok = card_receive_quiet(&h, frame, n);

	card_signal(2 * card.pair);
	return ok;
}

/* The next frame that the driver sends, header in front; its length, or -1. It stays the driver's until card_sent. */
static long card_transmit(u8 *out, u32 *id)
{
	int head = card_take(1);
	struct virtq_desc *table = card.vq[1]->desc, *d;
	long n = 0;

	if (head < 0)
		return -1;
	*id = head;
	d = &table[head];
	if (d->flags & VIRTQ_DESC_INDIRECT) {
		table = (struct virtq_desc *)d->addr;
		d = table;
	}
	for (;; d = &table[d->next]) {
		memcpy(out + n, (void *)d->addr, d->len);
		n += d->len;
		if (!(d->flags & VIRTQ_DESC_NEXT))
			return n;
	}
}

static void card_sent(u32 id)
{
	card_put(1, id, 0);
	card_signal(1);
}

/* A command came: noted, and answered as the test wants. */
static void card_command(void)
{
	u8 *to = card.commands[card.command_count++ % 16];
	struct virtqueue *vq = card.vq[card.ctrl];
	int head = card_take(card.ctrl);
	struct virtq_desc *d = &vq->desc[head];

	*(u16 *)&vq->used->ring[RING] = card.seen[card.ctrl];	/* the next is to be told, too */
	card.command_len = 0;
	for (; !(d->flags & VIRTQ_DESC_WRITE); d = &vq->desc[d->next]) {
		memcpy(to + card.command_len, (void *)d->addr, d->len);
		card.command_len += d->len;
	}
	EXPECT_EQ(d->len, 1u);
	EXPECT(!(d->flags & VIRTQ_DESC_NEXT));
	if (card.answer == ANSWER_NEVER)
		return;
	*(u8 *)d->addr = card.answer == ANSWER_REFUSE;
	card_put(card.ctrl, head, card.answer == ANSWER_LONG ? 2 : 1);
	card_signal(card.ctrl);
}

/* ---- the transport ------------------------------------------------------------------------------- */

static u8 card_isr(struct virtio_device *d)
{
	u8 v = card.isr;

	card.isr = 0;
	return v;
}

static bool card_config_vector(struct virtio_device *d, u16 vector)
{
	card.config_vector = vector;
	return true;
}

static u64 card_features(struct virtio_device *d) { return card.offered; }

static const struct virtio_transport card_transport = { .features = card_features, .isr = card_isr,
							.set_config_vector = card_config_vector };

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	d->features = card.offered & wanted;
	card.ctrl = d->features & VIRTIO_NET_F_MQ ? 2 * card.pairs_said : 2;
	return 0;
}

void virtio_config_read(struct virtio_device *d, u32 at, void *dst, u32 n)
{
	static const u8 mac[] = { 0x52, 0x54, 0, 1, 2, 3 };
	u16 status = card.link | (card.announce ? VIRTIO_NET_S_ANNOUNCE : 0);

	switch (at) {
	case VIRTIO_NET_CONFIG_MAC:
		memcpy(dst, mac, n);
		break;
	case VIRTIO_NET_CONFIG_STATUS:
		memcpy(dst, &status, n);
		break;
	case VIRTIO_NET_CONFIG_PAIRS:
		memcpy(dst, &card.pairs_said, n);
		break;
	case VIRTIO_NET_CONFIG_RSS_TABLE:
		memcpy(dst, &card.rss_table, n);
		break;
	case VIRTIO_NET_CONFIG_RSS_TYPES:
		memcpy(dst, &card.rss_types, n);
		break;
	}
}

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	int err;

	if (index >= card.queues)
		return -ENOENT;
	err = virtqueue_create(vq, index, RING, d->features, indirect_max, d->name);
	vq->notify = (void *)NOTIFY;
	card.vq[index] = vq;
	card.vector[index] = vector;
	return err;
}

void virtio_ready(struct virtio_device *d) { card.live = true; }
void virtio_stop(struct virtio_device *d) { card.live = false; }

int virtio_begin(struct virtio_device *d)
{
	card.begun++;
	memset(card.vq, 0, sizeof(card.vq));
	virtio_stop(d);
	return 0;
}

static struct { u32 count; u8 mac[500][ETH_ALEN]; } groups;

void multicast_for_each(struct netif *nif, void (*fn)(void *arg, const u8 mac[ETH_ALEN]), void *arg)
{
	for (u32 i = 0; i < groups.count; i++)
		fn(arg, groups.mac[i]);
}

static u32 announcements;
void netif_announce(struct netif *nif) { announcements++; }

/* ---- setting up ------------------------------------------------------------------------------------------ */

static struct virtio_net *begin_with(u64 features, enum pci_irq_type type, u32 vectors, u32 irq_flags)
{
	int err;

	card = (struct card){ .offered = features, .link = true, .queues = QUEUES, .pairs_said = next.pairs_said,
			      .rss_table = next.rss_table, .rss_types = next.rss_types, .answer = next.answer };
	card.queues = next.queues ? next.queues : QUEUES;
	next = (struct card){ .pairs_said = 0 };
	device = (struct virtio_device){ .transport = &card_transport, .pci = &pci, .name = "virtio0",
					 .modern = features & VIRTIO_F_VERSION_1 };
	lines_begin(type, vectors, irq_flags);
	stack_begin();
	host_mmio_add(&notify_region);
	err = virtio_net_probe(&device);
	EXPECT_EQ(err, 0);
	if (err)
		exit(1);
	return device.driver_data;
}

static struct virtio_net *begin(u64 features)
{
	struct virtio_net *v = begin_with(features, PCI_IRQ_MSIX, 3, 0);

	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	return v;
}

static void end(struct virtio_net *v)
{
	host_run();
	stack_end();
	virtio_net_remove(&device);
	host_mmio_remove(&notify_region);
	pkt_drain_caches();
}

static void expect_transmitted(u8 seed, u32 n, u32 hdr_len, u32 *id)
{
	u8 want[70000], got[70000];

	make_frame(want, n, seed);
	EXPECT_EQ(card_transmit(got, id), (long)(hdr_len + n));
	EXPECT_MEM(got + hdr_len, want, n);
	for (u32 i = 0; i < hdr_len; i++)
		EXPECT_EQ(got[i], 0);
}
