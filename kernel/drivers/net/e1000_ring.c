/*
 * Intel gigabit cards: interrupts, the poll, receiving and transmitting. e1000.c sets all of it up.
 *
 * A ring belongs to the card from its head to its tail register; we write the tail. What is done has DD in its
 * descriptor, so that no register is read on the way of a packet.
 *
 * Causes of interrupts are latched in ICR while IMS masks them: what comes between the poll's last look and the
 * unmasking raises its interrupt then, so nothing can be missed but by whoever clears ICR. With MSI-X a message clears
 * and masks just its own cause (EIAC, IAM) and no register is touched in a handler. A line's handler has to read ICR,
 * which clears all causes, also one that is masked for the poll and came too late for it: the poll therefore looks
 * again when it has armed.
 *
 * What was sent is taken back as nic_tx.h tells.
 *
 * Order against the card:
 *   write, then tell	descriptors and frames before the tail register: mmio_wmb
 *   look, then take	DD before the frame: dma_rmb
 */
#include "drivers/net/e1000.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "drivers/net/nic_tx.h"
#include "mm/dma.h"

#define SLOT(i)		((i) % E1000_RING)

/* ---- interrupts ---------------------------------------------------------------------------------- */

enum irq_result e1000_queue_irq(void *arg)
{
	struct e1000 *c = arg;

	napi_schedule(&c->queue.napi);
	return IRQ_HANDLED;
}

/* Its cause is masked now; the work unmasks it when it has looked. */
enum irq_result e1000_other_irq(void *arg)
{
	struct e1000 *c = arg;

	work_queue(&c->nic.link);
	return IRQ_HANDLED;
}

enum irq_result e1000_line_irq(void *arg)
{
	struct e1000 *c = arg;
	u32 cause = e1000_read(c, E1000_ICR), queues = c->rx_cause | c->tx_cause;

	if (cause & CAUSE_LSC)		/* also of ~0: the work sees that nobody is there */
		work_queue(&c->nic.link);
	if (cause & queues) {
		e1000_write(c, E1000_IMC, queues);
		napi_schedule(&c->queue.napi);
	}
	/* A message is nobody else's, even if its cause has gone meanwhile. */
	return cause & (queues | CAUSE_LSC) || c->nic.pci->irq_type == PCI_IRQ_MSI ? IRQ_HANDLED : IRQ_NONE;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static inline bool e1000_rx_waits(const struct e1000 *c)
{
	return c->rx_taken != c->rx_given && READ_ONCE(c->rx[SLOT(c->rx_taken)].done) & RX_DD && !c->nic.broken;
}

/* A buffer came back, and its descriptor said this: the frame up the stack. */
static always_inline void e1000_frame(struct e1000 *c, struct pkt *p, u64 done)
{
	u32 len = done & RX_LENGTH;

	if (unlikely(len > NIC_RX_ROOM)) {
		nic_rx_bad(&c->nic, p, true);
		nic_break(&c->nic, "a frame of a length of", len);
		return;
	}
	p->tail = p->data + len;
	p->len = len;
	if (unlikely(!(done & RX_EOP) || c->rx_chain.first)) {
		p = nic_join(&c->nic, &c->rx_chain, p, done & RX_EOP, E1000_RX_LARGE, E1000_FRAME_MAX);
		if (!p)
			return;
	}
	if (unlikely(done & RX_ERRORS || p->len < ETH_HLEN)) {
		nic_rx_bad(&c->nic, p, p->len < ETH_HLEN);
		return;
	}
	/* A wrong sum is the transport's to find and count. */
	if ((done & (RX_IXSM | RX_TCPCS | RX_TCPE | RX_IPE)) == RX_TCPCS)
		p->flags = PKT_CSUM_VALID;
	netif_rx(&c->nic.nif, p);
}

static int e1000_receive(struct e1000 *c, int budget)
{
	int done = 0;

	for (; done < budget && e1000_rx_waits(c); done++) {
		u32 at = SLOT(c->rx_taken);
		u64 said = READ_ONCE(c->rx[at].done);

		dma_rmb();		/* look, then take */
		c->rx_taken++;
		e1000_frame(c, c->rx_pkts[at], said);
	}
	return done;
}

void e1000_refill(struct e1000 *c)
{
	/* A full ring would look like an empty one: one place stays free. */
	while (c->rx_given - c->rx_taken < E1000_RING - 1) {
		struct pkt *p = pkt_alloc(NIC_IP_AT - ETH_HLEN);
		u32 at = SLOT(c->rx_given);

		if (unlikely(!p))
			break;
		c->rx[at] = (struct e1000_rx_desc){ .addr = dma_addr(p->data) };
		c->rx_pkts[at] = p;
		c->rx_given++;
	}
	if (c->rx_told != c->rx_given) {
		mmio_wmb();		/* write, then tell */
		e1000_write(c, E1000_RDT, SLOT(c->rx_given));
		c->rx_told = c->rx_given;
	}
	/* With a buffer left in the ring the next frame brings us back here; with none nothing would. */
	if (unlikely(c->rx_given == c->rx_taken) && c->nic.up)
		timer_set(&c->queue.refill, clock_ns() + NIC_REFILL_NS);
}

/* ---- transmitting -------------------------------------------------------------------------------- */

/* The oldest frame's last descriptor says whether it is sent. */
static inline bool e1000_tx_waits(const struct nic_queue *q)
{
	const struct e1000 *c = e1000_of(q);
	u32 oldest = READ_ONCE(c->tx_done);

	return oldest != READ_ONCE(c->tx_next) &&
	       READ_ONCE(c->tx[SLOT(oldest + c->tx_slots[SLOT(oldest)].count - 1)].status) & TX_DD;
}

static void e1000_collect(struct nic_queue *q)
{
	struct e1000 *c = e1000_of(q);

	while (e1000_tx_waits(q)) {
		struct e1000_tx_slot *s = &c->tx_slots[SLOT(c->tx_done)];
		struct pkt *p = s->pkt;

		s->pkt = NULL;
		c->tx_done += s->count;
		pkt_free(p);
	}
}

/* [tx_lock] */
static void e1000_tx_put(struct e1000 *c, struct e1000_tx_desc d)
{
	c->tx[SLOT(c->tx_next++)] = d;
}

/*
 * The context for the checksum that p wants: where it starts and where it goes, to the end of the frame. The card keeps
 * the last one. 0: it has no place in a context.
 */
static u32 e1000_context(const struct pkt *p)
{
	u32 at = p->csum_start + p->csum_offset;

	return at > 0xff ? 0 : p->csum_start | at << 8;
}

/* The context of a packet of several TCP segments: where the headers are that each gets, and their text's length. */
static noinline struct e1000_tx_desc e1000_tso(struct pkt *p, u32 context)
{
	u32 headers = nic_tso_headers(p), ip_sum = ETH_HLEN + 10;

	memset(p->data + ip_sum, 0, 2);		/* the card adds to what is there */
	return (struct e1000_tx_desc){
		.addr = (u64)context << 32 | (p->csum_start - 1) << 16 | ip_sum << 8 | ETH_HLEN,
		.command = TX_DEXT | TX_TSE | TX_CTX_TCP4 | (p->len - headers),
		.status = (u32)p->gso_size << 16 | headers << 8,
	};
}

static int e1000_add(struct nic_queue *q, struct pkt *p)
{
	struct e1000 *c = e1000_of(q);
	struct e1000_tx_slot *slot = &c->tx_slots[SLOT(c->tx_next)];
	u32 command = TX_IFCS, status = 0, context = 0, parts = 0, n;
	bool gso = p->flags & PKT_GSO_TCP4;

	if (p->flags & PKT_CSUM_PARTIAL) {
		context = e1000_context(p);
		if (context) {
			command |= TX_DEXT | TX_DATA;
			status = TX_TXSM;
		} else {
			pkt_csum_finish(p);
		}
	}
	for (struct pkt *part = p; part; part = part->frag)
		parts += pkt_linear(part) != 0;
	n = parts + (context && (gso || context != c->tx_context));
	if (unlikely(!parts || parts > NIC_TX_PARTS || (gso && !context)))
		return -EMSGSIZE;
	if (unlikely(c->tx_next - c->tx_done + n >= E1000_RING))
		return -ENOSPC;
	if (unlikely(c->nic.broken))
		return -EIO;
	if (unlikely(gso)) {
		e1000_tx_put(c, e1000_tso(p, context));
		c->tx_context = 0;		/* for the next there is no more than that */
		command |= TX_TSE;
		status |= TX_IXSM;
	} else if (n > parts) {
		e1000_tx_put(c, (struct e1000_tx_desc){ .addr = (u64)context << 32, .command = TX_DEXT });
		c->tx_context = context;
	}
	for (struct pkt *part = p; part; part = part->frag) {
		if (!pkt_linear(part))
			continue;
		parts--;
		e1000_tx_put(c, (struct e1000_tx_desc){
			.addr = dma_addr(part->data),
			.command = command | pkt_linear(part) | (parts ? 0 : TX_EOP | TX_RS),
			.status = status,
		});
	}
	*slot = (struct e1000_tx_slot){ p, n };
	return 0;
}

static void e1000_tx_tell(struct nic_queue *q)
{
	struct e1000 *c = e1000_of(q);

	if (c->tx_told == c->tx_next || unlikely(c->nic.broken))
		return;
	mmio_wmb();		/* write, then tell */
	e1000_write(c, E1000_TDT, SLOT(c->tx_next));
	c->tx_told = c->tx_next;
}

static inline void e1000_tx_on(struct nic_queue *q) { e1000_write(e1000_of(q), E1000_IMS, e1000_of(q)->tx_cause); }

static inline u32 e1000_tx_used(const struct nic_queue *q)
{
	const struct e1000 *c = e1000_of(q);

	return c->tx_next - c->tx_done;
}

static const struct nic_tx_ops e1000_tx = {
	.size = E1000_RING,
	.used = e1000_tx_used,
	.add = e1000_add,
	.tell = e1000_tx_tell,
	.waits = e1000_tx_waits,
	.collect = e1000_collect,
	.arm = e1000_tx_on,
};

int e1000_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	struct e1000 *c = nif->priv;

	return nic_xmit(&c->queue, &e1000_tx, p);
}

void e1000_tx_kick(struct net_deferred *d)
{
	nic_tx_kick(container_of(d, struct nic_queue, tx_kick), &e1000_tx);
}

void e1000_tx_reclaim(struct netif *nif, u32 queue)
{
	struct e1000 *c = nif->priv;

	nic_tx_reclaim(&c->queue, &e1000_tx);
}

/* ---- the poll ------------------------------------------------------------------------------------ */

int e1000_poll(struct napi *n, int budget)
{
	struct e1000 *c = container_of(n, struct e1000, queue.napi);
	int done = e1000_receive(c, budget);
	bool armed = nic_tx_poll(&c->queue, &e1000_tx);

	if (c->rx_given - c->rx_taken < E1000_RING - E1000_RX_BATCH && likely(!c->nic.broken))
		e1000_refill(c);
	if (done == budget)
		return done;		/* there may be more: we stay scheduled */
	napi_complete(n);
	if (unlikely(c->nic.timer_polled)) {
		if (e1000_read(c, E1000_ICR) & CAUSE_LSC)
			work_queue(&c->nic.link);
		return done;
	}
	if (unlikely(c->nic.broken))
		return done;
	e1000_write(c, E1000_IMS, c->rx_cause | (armed ? c->tx_cause : 0));
	/* Armed, then look. */
	if (unlikely(e1000_rx_waits(c) || (armed && e1000_tx_waits(&c->queue))) && napi_schedule(n)) {
		e1000_write(c, E1000_IMC, c->rx_cause | c->tx_cause);
		napi_note_rearm_race();
	}
	return done;
}

void e1000_rings_free(struct e1000 *c)
{
	for (u32 i = c->rx_taken; i != c->rx_given; i++)
		pkt_free(c->rx_pkts[SLOT(i)]);
	for (u32 i = c->tx_done; i != c->tx_next; i += c->tx_slots[SLOT(i)].count)
		pkt_free(c->tx_slots[SLOT(i)].pkt);
	if (c->rx_chain.first)
		pkt_free(c->rx_chain.first);
}
