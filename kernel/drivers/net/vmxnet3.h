/*
 * VMware's paravirtual card. The parts share this: vmxnet3.c (probe, up and down, filters, link, statistics),
 * vmxnet3_ring.c (interrupts, poll, frames).
 *
 * Driver and card share a page that describes all: what the driver is, its queues, its filters; a few registers carry
 * commands and doorbells. Names of fields are those of the published interface.
 *
 * Sources: vmxnet3_defs.h and upt1_defs.h, VMware's published description of the card; QEMU's model of it.
 */
#pragma once
#include "drivers/net/nic.h"

/* Registers of BAR 0; one a vector or a queue, 8 bytes apart */
#define VMXNET3_IMR		0x000	/* 1: masked */
#define VMXNET3_TXPROD		0x600
#define VMXNET3_RXPROD		0x800	/* of ring 0 ... */
#define VMXNET3_RXPROD_STEP	0x200	/* ... and so much further, of ring 1 */
/* and of BAR 1 */
#define VMXNET3_VRRS		0x00	/* revisions of the card */
#define VMXNET3_UVRS		0x08	/* and of the shared page */
#define VMXNET3_DSAL		0x10	/* where that is */
#define VMXNET3_DSAH		0x18
#define VMXNET3_CMD		0x20
#define VMXNET3_MACL		0x28
#define VMXNET3_MACH		0x30
#define VMXNET3_ICR		0x38	/* a wire: is it ours? Cleared by reading */
#define VMXNET3_ECR		0x40	/* events that were seen */
#define VMXNET3_REGISTERS	0x1000	/* bytes of each BAR */

#define CMD_ACTIVATE		0xcafe0000u
#define CMD_QUIESCE		0xcafe0001u
#define CMD_RESET		0xcafe0002u
#define CMD_UPDATE_RX_MODE	0xcafe0003u
#define CMD_UPDATE_MAC_FILTERS	0xcafe0004u
#define CMD_GET_STATS		0xf00d0001u
#define CMD_GET_LINK		0xf00d0002u
#define CMD_GET_PERM_MAC_LO	0xf00d0003u
#define CMD_GET_PERM_MAC_HI	0xf00d0004u
#define CMD_GET_CONF_INTR	0xf00d0008u
#define  INTR_MASK_MODE(v)	((v) >> 2 & 3)	/* 0: a vector masks itself when it is raised; 1: we have to */

#define EVENT_RQ_ERROR		1u
#define EVENT_TQ_ERROR		2u
#define EVENT_LINK		4u

/* The shared page */
struct vmxnet3_shared {
	le32 magic, pad;
	/* who we are */
	le32 version, guest, revision, upt_version;
	le64 features, driver_data, queues;
	le32 driver_data_len, queues_len, mtu;
	le16 rx_sg_max;
	u8 tx_queues, rx_queues;
	le32 reserved[4];
	/* interrupts */
	u8 auto_mask, vectors, event_vector, moderation[25];
	le32 intr_control, reserved_intr[2];
	/* what is received */
	le32 rx_mode;
	le16 groups_len, pad_groups;
	le64 groups;
	le32 vlans[128];
	struct { le32 version, len; le64 addr; } rss, power, plugin;
	le32 events, reserved_end[5];
};
#define VMXNET3_MAGIC		0xbabefee1u
#define VMXNET3_GUEST		(2u | 1u << 2)	/* 64 bits, and frames may lie in several buffers as Linux takes them */
#define VMXNET3_F_RXCSUM	1u
#define VMXNET3_F_LRO		8u	/* TCP segments may be joined */
#define INTR_DISABLE_ALL	1u
#define RXM_UCAST		1u
#define RXM_MCAST		2u
#define RXM_BCAST		4u
#define RXM_ALL_MULTI		8u
#define RXM_PROMISC		16u

/* A queue of either kind; behind the page that describes all, the transmit queue first. */
struct vmxnet3_txq {
	le32 deferred, threshold;
	le64 reserved;
	le64 ring, data_ring, comp_ring, driver_data, reserved_conf;
	le32 ring_size, data_ring_size, comp_size, driver_data_len;
	u8 vector, pad[7];
	u8 stopped, pad_status[3];
	le32 error;
	le64 counts[8], errors, discards;
	u8 reserved_end[88];
};
struct vmxnet3_rxq {
	u8 update_prod, pad_ctrl[7];	/* wants to be told what it was given */
	le64 reserved;
	le64 ring[2], comp_ring, driver_data, reserved_conf;
	le32 ring_size[2], comp_size, driver_data_len;
	u8 vector, pad[7];
	u8 stopped, pad_status[3];
	le32 error;
	le64 counts[8], no_buffers, errors;
	u8 reserved_end[88];
};
_Static_assert(sizeof(struct vmxnet3_shared) == 720, "layout of the shared page");
_Static_assert(sizeof(struct vmxnet3_txq) == 256 && sizeof(struct vmxnet3_rxq) == 256, "layout of a queue");

/*
 * Rings. Whose an entry is says its generation bit, which each side writes as 1 in its first lap, 0 in its second, and
 * so on: the card takes a descriptor, and we a completion, that has the bit of the lap that it is in.
 */
struct vmxnet3_tx_desc { le64 addr; le32 what, how; };
#define TXD_GEN		(1u << 14)	/* below it: length, 14 bits */
#define TXD_AT_SHIFT	18		/* where a checksum goes, or the size of segments */
#define TXD_START_MAX	1023u		/* how: where it starts, or the headers' length, 10 bits */
#define TXD_CSUM	(2u << 10)
#define TXD_TSO		(3u << 10)	/* cut, and finish the checksums of all of it */
#define TXD_EOP		(1u << 12)
#define TXD_CQ		(1u << 13)	/* tell when it is done */

struct vmxnet3_rx_desc { le64 addr; le32 what, reserved; };
#define RXD_BODY	(1u << 14)	/* not for the beginning of a frame; below it: length */
#define RXD_GEN		(1u << 31)

struct vmxnet3_comp { le32 what, hash, len, how; };
#define COMP_INDEX	0xfffu		/* what: of the descriptor */
#define COMP_EOP	(1u << 14)
#define COMP_SOP	(1u << 15)
#define COMP_QUEUE(w)	((w) >> 16 & 0x3ff)	/* of receiving: the ring */
#define COMP_NO_CSUM	(1u << 30)	/* no word on checksums */
#define COMP_LENGTH	0x3fffu		/* len */
#define COMP_ERROR	(1u << 14)
#define COMP_L4_OK	(1u << 16)	/* how */
#define COMP_IP_OK	(1u << 19)
#define COMP_FRAGMENT	(1u << 22)
#define COMP_GEN	(1u << 31)

#define VMXNET3_TX_RING	256u		/* descriptors */
/* of each of the two: what comes while they are empty is lost on virtual machines too */
#define VMXNET3_RX_RING	512u
#define VMXNET3_RX_BATCH 32u		/* buffers given back at once */
#define VMXNET3_MTU_MAX	9000u
#define VMXNET3_FRAME_MAX (65535u + ETH_HLEN + 4)	/* of segments that the card has joined */
#define VMXNET3_PIECE_MIN 128u			/* of a frame in several buffers, but for the last */

enum { VMXNET3_HEAD, VMXNET3_BODY, VMXNET3_RX_RINGS };

/* What the card is given, in one piece, page by page. */
struct vmxnet3_memory {
	struct vmxnet3_tx_desc tx[VMXNET3_TX_RING];
	struct vmxnet3_comp tx_comp[VMXNET3_TX_RING];
	struct vmxnet3_rx_desc rx[VMXNET3_RX_RINGS][VMXNET3_RX_RING];
	struct vmxnet3_comp rx_comp[VMXNET3_RX_RINGS * VMXNET3_RX_RING];
	struct vmxnet3_shared shared aligned(512);
	struct vmxnet3_txq txq aligned(128);
	struct vmxnet3_rxq rxq;
	u8 groups[2048];
};

struct vmxnet3 {
	struct nic nic;
	struct nic_queue queue;
	u8 *regs, *control;		/* BAR 0 and 1 */
	struct vmxnet3_memory *m;	/* [as its rings; the rest nic.lock] */
	bool active;			/* the card has the rings [the transmit queue's lock, and by who opens and stops] */
	bool masks;			/* vectors do not mask themselves: we do */
	u32 mtu;			/* that it is set up for [config mutex] */

	/* Indices count on; their low bits are the place in the ring. */
	struct vmxnet3_rx_ring {	/* [owner of the scheduled bit; process context while not up] */
		u32 taken, given;
		struct pkt *pkts[VMXNET3_RX_RING];
	} rx[VMXNET3_RX_RINGS];
	u32 rx_comp_next;		/* [as rx] */
	struct nic_chain rx_chain;	/* [as rx] */

	u32 tx_done, tx_next, tx_told;	/* taken back, filled, told the card [the transmit queue's lock] */
	u32 tx_comp_next;		/* [tx_lock] */
	struct vmxnet3_tx_slot {	/* at a frame's first descriptor: how many it has [tx_lock] */
		struct pkt *pkt;
		u32 count;
	} tx_slots[VMXNET3_TX_RING];
};

enum { VECTOR_RX, VECTOR_TX, VECTOR_EVENT, VECTORS };

static inline struct vmxnet3 *vmxnet3_of(const struct nic_queue *q) { return container_of(q, struct vmxnet3, queue); }
static inline void vmxnet3_mask(struct vmxnet3 *c, u32 vector, bool masked)
{
	mmio_write32(c->regs + VMXNET3_IMR + 8 * vector, masked);
}

/* vmxnet3_ring.c */
int vmxnet3_poll(struct napi *n, int budget);
enum irq_result vmxnet3_rx_irq(void *arg);	/* MSI-X: a queue's */
enum irq_result vmxnet3_tx_irq(void *arg);
enum irq_result vmxnet3_event_irq(void *arg);	/* MSI-X: the link's */
enum irq_result vmxnet3_line_irq(void *arg);	/* MSI, or a wire: everything */
int vmxnet3_xmit(struct netif *nif, u32 queue, struct pkt *p);
void vmxnet3_tx_kick(struct net_deferred *d);
void vmxnet3_tx_reclaim(struct netif *nif, u32 queue);
void vmxnet3_refill(struct vmxnet3 *c);		/* from poll, or process context before the interface is up */
void vmxnet3_rings_empty(struct vmxnet3 *c);	/* all packets back, all as at the start; the card has none */
