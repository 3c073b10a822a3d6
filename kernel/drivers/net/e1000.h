/*
 * Intel's gigabit cards of the 8254x family and the 82574, which differ in little that a driver sees. The parts
 * share this: e1000.c (probe, up and down, filters, link, statistics), e1000_ring.c (interrupts, poll, frames).
 *
 * Sources: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (8254x), chapters 3 and 13;
 * 82574 GbE Controller Family Datasheet, chapters 7 and 10.
 */
#pragma once
#include "drivers/net/nic.h"

/* Registers, by their offset in BAR 0 */
#define E1000_CTRL	0x0000
#define  CTRL_SLU	(1u << 6)	/* set link up */
#define  CTRL_ILOS	(1u << 7)
#define  CTRL_FRCSPD	(1u << 11)
#define  CTRL_FRCDPX	(1u << 12)
#define  CTRL_RST	(1u << 26)
#define  CTRL_VME	(1u << 30)
#define E1000_STATUS	0x0008
#define  STATUS_LU	(1u << 1)
#define E1000_EERD	0x0014
#define E1000_CTRL_EXT	0x0018
#define  CTRL_EXT_EIAME	(1u << 24)	/* a message masks its causes by IAM */
#define  CTRL_EXT_DRV	(1u << 28)	/* a driver is loaded */
#define  CTRL_EXT_PBA	(1u << 31)	/* unmasking clears the pending bit of its vector: set with MSI-X alone */
#define E1000_ICR	0x00c0
#define E1000_ITR	0x00c4
#define E1000_IMS	0x00d0
#define E1000_IMC	0x00d8
#define E1000_EIAC	0x00dc		/* 82574: causes that their message clears */
#define E1000_IAM	0x00e0
#define E1000_IVAR	0x00e4		/* 82574: vector of a cause, four bits each, the highest says that it is one */
#define E1000_EITR	0x00e8		/* 82574: of each vector */
#define E1000_RCTL	0x0100
#define  RCTL_EN	(1u << 1)
#define  RCTL_UPE	(1u << 3)	/* all unicast */
#define  RCTL_MPE	(1u << 4)	/* all multicast */
#define  RCTL_LPE	(1u << 5)	/* frames over 1522 bytes */
#define  RCTL_BAM	(1u << 15)	/* broadcasts */
#define  RCTL_1024	(1u << 16)	/* bytes a buffer; 2048 else */
#define  RCTL_SECRC	(1u << 26)	/* no CRC in memory */
#define E1000_TCTL	0x0400
#define E1000_TIPG	0x0410
#define E1000_RDBAL	0x2800
#define E1000_RDBAH	0x2804
#define E1000_RDLEN	0x2808
#define E1000_RDH	0x2810
#define E1000_RDT	0x2818
#define E1000_RDTR	0x2820
#define E1000_RADV	0x282c
#define E1000_TDBAL	0x3800
#define E1000_TDBAH	0x3804
#define E1000_TDLEN	0x3808
#define E1000_TDH	0x3810
#define E1000_TDT	0x3818
#define E1000_TIDV	0x3820
#define E1000_TXDCTL	0x3828
#define E1000_TADV	0x382c
/* Counters, cleared by reading */
#define E1000_CRCERRS	0x4000
#define E1000_ALGNERRC	0x4004
#define E1000_RXERRC	0x400c
#define E1000_MPC	0x4010		/* missed: no buffer */
#define E1000_ROC	0x40ac		/* oversize */
#define E1000_RXCSUM	0x5000
#define E1000_RFCTL	0x5008		/* 82574 */
#define E1000_MTA	0x5200
#define E1000_RAL	0x5400
#define E1000_RAH	0x5404
#define  RAH_AV		(1u << 31)
#define E1000_REGISTERS	0x6000		/* bytes of BAR 0 that we use */

/* Causes of interrupts: ICR, IMS, IMC, EIAC */
#define CAUSE_TXDW	(1u << 0)
#define CAUSE_LSC	(1u << 2)
#define CAUSE_RXT0	(1u << 7)
#define CAUSE_RXQ0	(1u << 20)	/* with MSI-X in place of RXT0 */
#define CAUSE_TXQ0	(1u << 22)
#define CAUSE_OTHER	(1u << 24)
#define CAUSES_OTHER	(CAUSE_OTHER | CAUSE_LSC | 1u << 6 | 1u << 9 | 1u << 16 | 1u << 17 | 1u << 18)

/* A legacy receive descriptor. The second word is read in one piece: what it says, it says of one moment. */
struct e1000_rx_desc { le64 addr, done; };
#define RX_LENGTH	0xffffu
#define RX_DD		(1ull << 32)	/* done */
#define RX_EOP		(1ull << 33)	/* end of packet */
#define RX_IXSM		(1ull << 34)	/* no word on checksums */
#define RX_TCPCS	(1ull << 37)	/* the transport checksum was looked at ... */
#define RX_TCPE		(1ull << 45)	/* ... and is wrong */
#define RX_IPE		(1ull << 46)
#define RX_ERRORS	(0x97ull << 40)	/* CE, SE, SEQ, CXE, RXE */

/* A transmit descriptor: legacy, data or context, told apart by the command. */
struct e1000_tx_desc { le64 addr; le32 command, status; };
#define TX_EOP		(1u << 24)
#define TX_IFCS		(1u << 25)
#define TX_RS		(1u << 27)	/* report when it is done */
#define TX_DEXT		(1u << 29)	/* not legacy */
#define TX_DATA		(1u << 20)	/* data, not context */
#define TX_DD		1u		/* status: done */
#define TX_TSE		(1u << 26)	/* cut: of data and of the context */
#define TX_CTX_TCP4	(3u << 24)	/* of the context: it is TCP over IPv4 */
#define TX_IXSM		(1u << 8)	/* status of data: insert the IP header's checksum */
#define TX_TXSM		(1u << 9)	/* of data: insert the checksum that the context describes */

#define E1000_RING	256u		/* descriptors, a page of them */
#define E1000_RX_BATCH	32u		/* buffers given back at once: a doorbell is an exit to the hypervisor */
#define E1000_RX_LARGE	1024u		/* bytes of it that the card may use for large frames, which come in pieces */
#define E1000_FRAME_MAX	16128u

struct e1000 {
	struct nic nic;
	struct nic_queue queue;
	u8 *regs;
	u32 rx_cause, tx_cause;		/* that unmask the queues' interrupts; 0 without interrupts */
	bool is_82574;
	bool large;			/* frames over 1522 bytes are taken, in pieces [config mutex] */

	/* Indices count on; their low bits are the place in the ring. Only the rings lie where the card sees them. */
	struct e1000_rx_desc *rx;	/* [owner of the scheduled bit; process context while not up] */
	u32 rx_taken, rx_given, rx_told; /* taken back, given, given and told the card [as rx] */
	struct nic_chain rx_chain;	/* [as rx] */
	struct pkt *rx_pkts[E1000_RING]; /* [as rx] */

	struct e1000_tx_desc *tx;	/* [the transmit queue's lock] */
	u32 tx_done, tx_next, tx_told;	/* taken back, filled, told the card [tx_lock] */
	u32 tx_context;			/* the checksum context that the card has, 0: none [tx_lock] */
	struct e1000_tx_slot {		/* at a frame's first descriptor: how many it has [tx_lock] */
		struct pkt *pkt;
		u32 count;
	} tx_slots[E1000_RING];

	u32 rctl, mta[128];		/* as the registers are [nic.lock] */
};

static inline u32 e1000_read(struct e1000 *c, u32 at) { return mmio_read32(c->regs + at); }
static inline void e1000_write(struct e1000 *c, u32 at, u32 v) { mmio_write32(c->regs + at, v); }
static inline struct e1000 *e1000_of(const struct nic_queue *q) { return container_of(q, struct e1000, queue); }

/* e1000_ring.c */
int e1000_poll(struct napi *n, int budget);
enum irq_result e1000_queue_irq(void *arg);	/* MSI-X: a queue's */
enum irq_result e1000_other_irq(void *arg);	/* MSI-X: the link's */
enum irq_result e1000_line_irq(void *arg);	/* MSI, or a wire: everything */
int e1000_xmit(struct netif *nif, u32 queue, struct pkt *p);
void e1000_tx_kick(struct net_deferred *d);
void e1000_tx_reclaim(struct netif *nif, u32 queue);
void e1000_refill(struct e1000 *c);		/* from poll, or process context before the interface is up */
void e1000_rings_free(struct e1000 *c);		/* all packets back; the card has no access any more */
