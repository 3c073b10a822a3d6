/*
 * VMware's paravirtual card: interrupts, the poll, receiving and transmitting. vmxnet3.c sets all of it up.
 *
 * What the card is done with it reports in rings of completions of its own, in the order of the descriptors. A vector
 * is masked by being raised; what happens then is kept and raises it once more when it is unmasked, so that nothing can
 * be missed between the poll's last look and the unmasking. A wire's cause is cleared by reading it, before the poll
 * looks.
 *
 * A frame begins in a buffer of the first receive ring and, if that is too small for it, goes on in buffers of the
 * second: a large one, or TCP segments that the card has joined (LRO).
 *
 * Order against the card:
 *   write, then give	a descriptor before its generation bit, the first of a frame last: dma_wmb
 *   give, then tell	descriptors and frames before the doorbell: mmio_wmb
 *   look, then take	a completion's generation bit before the rest of it and the frame: dma_rmb
 */
#include "drivers/net/vmxnet3.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "drivers/net/nic_tx.h"
#include "mm/dma.h"

#define IP_TCP_HEADERS	40u

#define TX_SLOT(i)	((i) % VMXNET3_TX_RING)
#define RX_SLOT(i)	((i) % VMXNET3_RX_RING)
#define RX_COMPS	(VMXNET3_RX_RINGS * VMXNET3_RX_RING)

/* Is this the bit of entry i's lap, in a ring of this size? */
static inline bool first_lap(u32 i, u32 size) { return !(i / size & 1); }

/* ---- interrupts ---------------------------------------------------------------------------------- */

static enum irq_result vmxnet3_queue_irq(struct vmxnet3 *c, u32 vector)
{
	if (unlikely(c->masks))
		vmxnet3_mask(c, vector, true);
	napi_schedule(&c->queue.napi);
	return IRQ_HANDLED;
}

enum irq_result vmxnet3_rx_irq(void *arg) { return vmxnet3_queue_irq(arg, VECTOR_RX); }
enum irq_result vmxnet3_tx_irq(void *arg) { return vmxnet3_queue_irq(arg, VECTOR_TX); }

/* The work unmasks it when it has looked. */
enum irq_result vmxnet3_event_irq(void *arg)
{
	struct vmxnet3 *c = arg;

	if (unlikely(c->masks))
		vmxnet3_mask(c, VECTOR_EVENT, true);
	work_queue(&c->nic.link);
	return IRQ_HANDLED;
}

enum irq_result vmxnet3_line_irq(void *arg)
{
	struct vmxnet3 *c = arg;

	if (c->nic.pci->irq_type == PCI_IRQ_INTX && !mmio_read32(c->control + VMXNET3_ICR))
		return IRQ_NONE;
	if (READ_ONCE(c->m->shared.events))
		work_queue(&c->nic.link);
	return vmxnet3_queue_irq(c, 0);
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static inline bool vmxnet3_rx_waits(const struct vmxnet3 *c)
{
	return !!(READ_ONCE(c->m->rx_comp[c->rx_comp_next % RX_COMPS].how) & COMP_GEN) ==
	       first_lap(c->rx_comp_next, RX_COMPS) && !c->nic.broken;
}

/* The buffer that a completion names; those in front of it in its ring were skipped. NULL: there is no such. */
static struct pkt *vmxnet3_rx_take(struct vmxnet3 *c, u32 what)
{
	u32 queue = COMP_QUEUE(what), at = what & COMP_INDEX;
	struct vmxnet3_rx_ring *r = &c->rx[queue % VMXNET3_RX_RINGS];

	if (unlikely(queue >= VMXNET3_RX_RINGS || at >= VMXNET3_RX_RING || RX_SLOT(at - r->taken) >= r->given - r->taken)) {
		nic_break(&c->nic, "a completion of", what);
		return NULL;
	}
	while (unlikely(RX_SLOT(r->taken) != at))
		pkt_free(r->pkts[RX_SLOT(r->taken++)]);
	return r->pkts[RX_SLOT(r->taken++)];
}

/* A buffer came back, and its completion said this: the frame up the stack. */
static always_inline void vmxnet3_frame(struct vmxnet3 *c, struct pkt *p, u32 what, u32 said, u32 how)
{
	u32 len = said & COMP_LENGTH;

	if (unlikely(len > NIC_RX_ROOM)) {
		nic_rx_bad(&c->nic, p, true);
		nic_break(&c->nic, "a frame of a length of", len);
		return;
	}
	p->tail = p->data + len;
	p->len = len;
	if (!(what & (COMP_SOP | COMP_EOP)) &&
	    nic_join_inner(&c->rx_chain, p, VMXNET3_PIECE_MIN, VMXNET3_FRAME_MAX))
		return;
	if (unlikely((what & (COMP_SOP | COMP_EOP)) != (COMP_SOP | COMP_EOP) || c->rx_chain.first)) {
		/* A beginning inside of a frame, or none in front of it: dropped at its end. */
		bool misplaced = !!(what & COMP_SOP) == !!c->rx_chain.first;

		p = nic_join(&c->nic, &c->rx_chain, p, what & COMP_EOP, VMXNET3_PIECE_MIN, VMXNET3_FRAME_MAX);
		if (misplaced) {
			c->rx_chain.bad = true;
			said |= COMP_ERROR;
		}
		if (!p)
			return;
		if (p->len > c->mtu + ETH_HLEN) {	/* joined */
			p->flags = PKT_GSO_TCP4;
			p->gso_size = c->mtu - IP_TCP_HEADERS;
		}
	}
	if (unlikely(said & COMP_ERROR || p->len < ETH_HLEN)) {
		nic_rx_bad(&c->nic, p, p->len < ETH_HLEN);
		return;
	}
	/* A wrong sum is the transport's to find and count. */
	if (!(what & COMP_NO_CSUM) && (how & (COMP_L4_OK | COMP_IP_OK | COMP_FRAGMENT)) == (COMP_L4_OK | COMP_IP_OK))
		p->flags |= PKT_CSUM_VALID;
	netif_rx(&c->nic.nif, p);
}

static int vmxnet3_receive(struct vmxnet3 *c, int budget)
{
	int done = 0;

	for (; done < budget && vmxnet3_rx_waits(c); done++) {
		const struct vmxnet3_comp *at = &c->m->rx_comp[c->rx_comp_next % RX_COMPS];
		u32 what, len, how;
		struct pkt *p;

		dma_rmb();		/* look, then take */
		what = READ_ONCE(at->what);
		len = READ_ONCE(at->len);
		how = READ_ONCE(at->how);
		p = vmxnet3_rx_take(c, what);
		if (unlikely(!p))
			break;
		c->rx_comp_next++;
		vmxnet3_frame(c, p, what, len, how);
	}
	return done;
}

/* One place stays free: a ring that is all the card's has looked empty to some. */
static void vmxnet3_fill(struct vmxnet3 *c, u32 which)
{
	u32 kind = which == VMXNET3_BODY ? RXD_BODY : 0, before = c->rx[which].given;
	struct vmxnet3_rx_ring *r = &c->rx[which];

	while (r->given - r->taken < VMXNET3_RX_RING - 1) {
		struct vmxnet3_rx_desc *d = &c->m->rx[which][RX_SLOT(r->given)];
		struct pkt *p = pkt_alloc(NIC_IP_AT - ETH_HLEN);

		if (unlikely(!p))
			break;
		d->addr = dma_addr(p->data);
		dma_wmb();		/* write, then give */
		WRITE_ONCE(d->what, NIC_RX_ROOM | kind | (first_lap(r->given, VMXNET3_RX_RING) ? RXD_GEN : 0));
		r->pkts[RX_SLOT(r->given)] = p;
		r->given++;
	}
	if (r->given != before && unlikely(READ_ONCE(c->m->rxq.update_prod)) && c->active) {
		mmio_wmb();		/* give, then tell */
		mmio_write32(c->regs + VMXNET3_RXPROD + which * VMXNET3_RXPROD_STEP, RX_SLOT(r->given));
	}
}

static inline bool vmxnet3_rx_low(const struct vmxnet3_rx_ring *r)
{
	return r->given - r->taken < VMXNET3_RX_RING - VMXNET3_RX_BATCH;
}

void vmxnet3_refill(struct vmxnet3 *c)
{
	const struct vmxnet3_rx_ring *head = &c->rx[VMXNET3_HEAD];

	vmxnet3_fill(c, VMXNET3_HEAD);
	vmxnet3_fill(c, VMXNET3_BODY);
	/* With a buffer left in the ring the next frame brings us back here; with none nothing would. */
	if (unlikely(head->given == head->taken) && c->nic.up)
		timer_set(&c->queue.refill, clock_ns() + NIC_REFILL_NS);
}

/* ---- transmitting -------------------------------------------------------------------------------- */

static inline bool vmxnet3_tx_waits(const struct nic_queue *q)
{
	const struct vmxnet3 *c = vmxnet3_of(q);
	u32 next = READ_ONCE(c->tx_comp_next);

	return !!(READ_ONCE(c->m->tx_comp[TX_SLOT(next)].how) & COMP_GEN) == first_lap(next, VMXNET3_TX_RING) &&
	       !c->nic.broken;
}

static void vmxnet3_collect(struct nic_queue *q)
{
	struct vmxnet3 *c = vmxnet3_of(q);

	while (vmxnet3_tx_waits(q)) {
		struct vmxnet3_tx_slot *s = &c->tx_slots[TX_SLOT(c->tx_done)];
		struct pkt *p = s->pkt;
		u32 what;

		dma_rmb();		/* look, then take */
		what = READ_ONCE(c->m->tx_comp[TX_SLOT(c->tx_comp_next)].what);
		/* Of the last descriptor of the oldest frame. */
		if (unlikely(!p || (what & COMP_INDEX) != TX_SLOT(c->tx_done + s->count - 1))) {
			nic_break(&c->nic, "a transmit completion of", what);
			return;
		}
		c->tx_comp_next++;
		c->tx_done += s->count;
		s->pkt = NULL;
		pkt_free(p);
	}
}

static int vmxnet3_add(struct nic_queue *q, struct pkt *p)
{
	struct vmxnet3 *c = vmxnet3_of(q);
	u32 parts = 0, at = c->tx_next, how = 0, sum_at = 0, first = 0;
	struct vmxnet3_tx_desc *d;

	for (struct pkt *part = p; part; part = part->frag)
		parts += pkt_linear(part) != 0;
	if (unlikely(!parts || parts > NIC_TX_PARTS))
		return -EMSGSIZE;
	if (unlikely(c->nic.broken))
		return -EIO;
	if (unlikely(!c->active || at - c->tx_done + parts >= VMXNET3_TX_RING))
		return -ENOSPC;
	if (p->flags & PKT_CSUM_PARTIAL) {
		if (unlikely(p->csum_start > TXD_START_MAX)) {
			pkt_csum_finish(p);
		} else if (p->flags & PKT_GSO_TCP4) {
			how = TXD_TSO | nic_tso_headers(p);
			sum_at = (u32)p->gso_size << TXD_AT_SHIFT;
		} else {
			how = TXD_CSUM | p->csum_start;
			sum_at = (u32)(p->csum_start + p->csum_offset) << TXD_AT_SHIFT;
		}
	}
	c->tx_slots[TX_SLOT(at)] = (struct vmxnet3_tx_slot){ p, parts };
	for (struct pkt *part = p; part; part = part->frag) {
		u32 what, len = pkt_linear(part);

		if (!len)
			continue;
		what = len | sum_at | (first_lap(at, VMXNET3_TX_RING) ? TXD_GEN : 0);
		d = &c->m->tx[TX_SLOT(at)];
		d->addr = dma_addr(part->data);
		d->how = how | (--parts ? 0 : TXD_EOP | TXD_CQ);
		if (at == c->tx_next)
			first = what;
		else
			d->what = what;
		at++;
	}
	dma_wmb();			/* write, then give */
	WRITE_ONCE(c->m->tx[TX_SLOT(c->tx_next)].what, first);
	c->tx_next = at;
	return 0;
}

static void vmxnet3_tx_tell(struct nic_queue *q)
{
	struct vmxnet3 *c = vmxnet3_of(q);

	if (c->tx_told == c->tx_next || unlikely(c->nic.broken))
		return;
	mmio_wmb();			/* give, then tell */
	mmio_write32(c->regs + VMXNET3_TXPROD, TX_SLOT(c->tx_next));
	c->tx_told = c->tx_next;
}

static inline u32 vmxnet3_tx_used(const struct nic_queue *q)
{
	const struct vmxnet3 *c = vmxnet3_of(q);

	return c->tx_next - c->tx_done;
}

/* With one vector for all it comes anyway. */
static void vmxnet3_tx_on(struct nic_queue *q)
{
	if (q->nic->pci->irq_type == PCI_IRQ_MSIX)
		vmxnet3_mask(vmxnet3_of(q), VECTOR_TX, false);
}

static const struct nic_tx_ops vmxnet3_tx = {
	.size = VMXNET3_TX_RING,
	.used = vmxnet3_tx_used,
	.add = vmxnet3_add,
	.tell = vmxnet3_tx_tell,
	.waits = vmxnet3_tx_waits,
	.collect = vmxnet3_collect,
	.arm = vmxnet3_tx_on,
};

int vmxnet3_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	struct vmxnet3 *c = nif->priv;

	return nic_xmit(&c->queue, &vmxnet3_tx, p);
}

void vmxnet3_tx_kick(struct net_deferred *d)
{
	nic_tx_kick(container_of(d, struct nic_queue, tx_kick), &vmxnet3_tx);
}

void vmxnet3_tx_reclaim(struct netif *nif, u32 queue)
{
	struct vmxnet3 *c = nif->priv;

	nic_tx_reclaim(&c->queue, &vmxnet3_tx);
}

/* ---- the poll ------------------------------------------------------------------------------------ */

int vmxnet3_poll(struct napi *n, int budget)
{
	struct vmxnet3 *c = container_of(n, struct vmxnet3, queue.napi);
	int done = vmxnet3_receive(c, budget);
	bool armed = nic_tx_poll(&c->queue, &vmxnet3_tx);

	if ((vmxnet3_rx_low(&c->rx[VMXNET3_HEAD]) || vmxnet3_rx_low(&c->rx[VMXNET3_BODY])) && likely(!c->nic.broken))
		vmxnet3_refill(c);
	if (done == budget)
		return done;		/* there may be more: we stay scheduled */
	napi_complete(n);
	if (unlikely(c->nic.timer_polled)) {
		if (READ_ONCE(c->m->shared.events))
			work_queue(&c->nic.link);
		return done;
	}
	if (unlikely(c->nic.broken))
		return done;
	vmxnet3_mask(c, VECTOR_RX, false);
	if (armed)
		vmxnet3_tx_on(&c->queue);
	return done;
}

void vmxnet3_rings_empty(struct vmxnet3 *c)
{
	for (u32 k = 0; k < VMXNET3_RX_RINGS; k++) {
		struct vmxnet3_rx_ring *r = &c->rx[k];

		while (r->taken != r->given)
			pkt_free(r->pkts[RX_SLOT(r->taken++)]);
		r->taken = r->given = 0;
	}
	if (c->rx_chain.first)
		pkt_free(c->rx_chain.first);
	c->rx_chain.first = NULL;
	for (u32 i = c->tx_done; i != c->tx_next; i += c->tx_slots[TX_SLOT(i)].count)
		pkt_free(c->tx_slots[TX_SLOT(i)].pkt);
	memset(c->tx_slots, 0, sizeof(c->tx_slots));
	memset(c->m, 0, offsetof(struct vmxnet3_memory, shared));
	c->tx_done = c->tx_next = c->tx_told = c->tx_comp_next = c->rx_comp_next = 0;
}
