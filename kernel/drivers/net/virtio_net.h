/*
 * The parts of the virtio network driver share this: virtio_net.c (probe, up
 * and down, interrupts, link), virtio_net_rx.c, virtio_net_tx.c and virtio_net_ctrl.c.
 *
 * Source: Virtio 1.2, 5.1.
 */
#pragma once
#include "drivers/net/nic.h"
#include "drivers/virtio/virtio.h"
#include "sched/mutex.h"
#include "sched/wait.h"

/* Feature bits, 5.1.3 */
#define VIRTIO_NET_F_CSUM	(1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM	(1ull << 1)
#define VIRTIO_NET_F_MTU	(1ull << 3)
#define VIRTIO_NET_F_MAC	(1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4	(1ull << 7)
#define VIRTIO_NET_F_HOST_TSO4	(1ull << 11)
#define VIRTIO_NET_F_MRG_RXBUF	(1ull << 15)
#define VIRTIO_NET_F_STATUS	(1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ	(1ull << 17)
#define VIRTIO_NET_F_CTRL_RX	(1ull << 18)
#define VIRTIO_NET_F_GUEST_ANNOUNCE (1ull << 21)
#define VIRTIO_NET_F_MQ		(1ull << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (1ull << 23)
#define VIRTIO_NET_F_RSS	(1ull << 60)

/* Queues, 5.1.2: of each pair, from 0, and behind them the control queue */
#define QUEUE_RX(pair)		(2 * (pair))
#define QUEUE_TX(pair)		(2 * (pair) + 1)

/* Configuration, 5.1.4 */
#define VIRTIO_NET_CONFIG_MAC	0
#define VIRTIO_NET_CONFIG_STATUS 6
#define  VIRTIO_NET_S_LINK_UP	1
#define  VIRTIO_NET_S_ANNOUNCE	2
#define VIRTIO_NET_CONFIG_PAIRS	8
#define VIRTIO_NET_CONFIG_MTU	10
#define VIRTIO_NET_CONFIG_RSS_TABLE 18
#define VIRTIO_NET_CONFIG_RSS_TYPES 20

/* In front of every frame, 5.1.6. num_buffers is there with MRG_RXBUF or VERSION_1. */
struct virtio_net_hdr {
	u8 flags, gso_type;
	le16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
#define VIRTIO_NET_HDR_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_DATA_VALID 2
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define HDR_LEN_LEGACY		10

#define TX_SEGS		48	/* pieces of a frame at most; more are not made by the stack, and refused */
#define TX_INDIRECT		4	/* pieces of a frame that share a descriptor */
#define TX_HEADER	16	/* a header that lies apart: at the end of so many bytes */

/* Vectors: the configuration's, and two a pair; with fewer than three they are shared */
enum { VECTOR_CONFIG, VECTOR_RX, VECTOR_TX, VECTORS };

/* A pair, with what is its own. In cache lines of its own: the next one is another CPU's. */
struct virtio_net_queue {
	struct nic_queue base;
	struct virtqueue rx;		/* [owner of the scheduled bit; process context while not up] */
	struct virtqueue tx;		/* [its transmit lock] */
	u8 *tx_headers;			/* TX_HEADER bytes a descriptor, for frames without room in front [tx's lock] */
} aligned(128);

struct virtio_net {
	struct nic nic;
	struct virtio_device *device;
	u8 hdr_len;			/* 12, or 10 */
	u8 rx_headroom;			/* of a receive buffer: the IP header of its frame is then aligned */
	bool mergeable;
	bool rx_header_apart;		/* an old device: its header needs a descriptor of its own (5.1.6.6) */
	u32 tx_inline_room;		/* headroom from which on the header is put there; ~0: never, for the same reason */

	struct virtio_net_queue *queues; /* the pairs */
	u32 pairs;			/* that we have; nic.nif.txq_count of them are in use */
	u32 max_pairs;			/* that the card has */
	u32 rss_types, rss_table;	/* what it can hash (0: it spreads in its own way), entries that its table can have
					 * [config; rss_types read anywhere] */

	struct mutex ctrl_mutex;	/* held over commands, and where nic.up changes */
	struct virtqueue ctrl;		/* size 0: there is none [ctrl_mutex] */
	struct virtio_net_command *command; /* the one that the card has [ctrl_mutex] */
	struct wait_queue ctrl_wait;	/* until it has answered */
	bool announced;			/* as the card asks for, and has been told [the link's work] */
};

static inline struct virtio_net *virtio_net_of(const struct virtio_net_queue *q)
{
	return container_of(q->base.nic, struct virtio_net, nic);
}

/* virtio_net_ctrl.c: process context; vector is the configuration's. */
int virtio_net_ctrl_setup(struct virtio_net *v, u16 index, u16 vector);
void virtio_net_ctrl_free(struct virtio_net *v);		/* after a reset */
bool virtio_net_ctrl_answered(const struct virtio_net *v);	/* any context */
void virtio_net_set_rx_mode(struct netif *nif);
int virtio_net_set_mac(struct netif *nif, const u8 mac[ETH_ALEN]);
void virtio_net_announced(struct virtio_net *v);		/* as the card asked us to */

/* Carry a command out, from begin (data to be filled in) to end: 0, -EINVAL (the card refuses), -EIO. */
u8 *virtio_net_command_begin(struct virtio_net *v);
int virtio_net_command(struct virtio_net *v, u8 class, u8 cmd, u32 n);
void virtio_net_command_end(struct virtio_net *v);

/* virtio_net.c: the vector of each purpose, of a pair if it is not the configuration; 0 is the first. */
u32 virtio_net_vector(const struct virtio_net *v, u32 purpose, u32 pair);

/* virtio_net_pairs.c: process context. How many pairs a card has that offers this, before it is agreed to. */
u32 virtio_net_pairs_offered(struct virtio_device *d, u64 offered);
void virtio_net_pairs_begin(struct virtio_net *v);		/* the device is live; before it is registered */
int virtio_net_set_channels(struct netif *nif, u32 count);

/* virtio_net_rx.c: from poll, or process context before the interface is up. */
int virtio_net_receive(struct virtio_net_queue *q, int budget);	/* frames taken, at most the budget */
void virtio_net_refill(struct virtio_net_queue *q);
void virtio_net_rx_free(struct virtio_net_queue *q);		/* after a reset: all buffers back */

/* virtio_net_tx.c */
int virtio_net_xmit(struct netif *nif, u32 queue, struct pkt *p);
void virtio_net_tx_reclaim(struct netif *nif, u32 queue);
void virtio_net_tx_poll(struct virtio_net_queue *q);		/* completions, on the way of a poll */
u32 virtio_net_tx_pending(struct netif *nif, u32 queue);
bool virtio_net_tx_rearm(struct virtio_net_queue *q);		/* end of a poll: true if work slipped in */
void virtio_net_tx_free(struct virtio_net_queue *q);		/* after a reset */
void virtio_net_tx_kick(struct net_deferred *d);
