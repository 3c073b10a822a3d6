/*
 * Rings: commands and transfers that the controller is given, events that it gives. The interrupt handler calls
 * xhci_events; the thread gives commands and control transfers and waits for their event.
 *
 * One command and one transfer an endpoint are under way at a time, so that an event either speaks of the TRBs that lie
 * between two known places, or of nothing. All that an event says is checked against that.
 *
 * Source: xHCI 1.2, 4.9 (rings), 4.11 (TRBs), 6.4.
 */
#include "base/errno.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"

void xhci_ring_init(struct xhci_ring *r, struct xhci_trb *trbs)
{
	*r = (struct xhci_ring){ .trbs = trbs, .cycle = 1 };
	trbs[XHCI_RING - 1].parameter = cpu_to_le64(dma_addr(trbs));
}

/*
 * The next TRB, of which the controller knows as soon as its cycle bit is right: those behind the first of a transfer
 * are, the first is not until ring_show. Its place. [h]
 */
static u32 ring_put(struct xhci_ring *r, u64 parameter, u32 status, u32 control, bool first)
{
	struct xhci_trb *t = &r->trbs[r->at];
	u32 at = r->at;

	t->parameter = cpu_to_le64(parameter);
	t->status = cpu_to_le32(status);
	t->control = cpu_to_le32(control | (first ? !r->cycle : r->cycle));
	if (++r->at == XHCI_RING - 1) {
		dma_wmb();	/* the link leads on only behind what lies before it */
		r->trbs[r->at].control = cpu_to_le32(TRB_TYPE(TRB_LINK) | TRB_LINK_TOGGLE | r->cycle);
		r->at = 0;
		r->cycle ^= 1;
	}
	return at;
}

/* The TRB there is the controller's, with those put behind it, and it is told. [h] */
static void ring_show(struct xhci *h, struct xhci_ring *r, u32 at, u32 slot, u32 target)
{
	dma_wmb();		/* what belongs to it is there before its cycle bit says so */
	r->trbs[at].control ^= cpu_to_le32(TRB_CYCLE);
	mmio_wmb();
	mmio_write32(&h->doorbells[slot], target);
}

/* ---- commands --------------------------------------------------------------------------------------- */

int xhci_command(struct xhci *h, u64 parameter, u32 control, u32 *slot)
{
	u64 flags;
	u32 at;

	if (atomic_load(&h->dead))
		return -ENODEV;
	flags = spin_lock_irqsave(&h->lock);
	at = ring_put(&h->commands, parameter, 0, control, true);
	atomic_store(&h->command.trb, dma_addr(&h->commands.trbs[at]));
	ring_show(h, &h->commands, at, 0, 0);
	spin_unlock_irqrestore(&h->lock, flags);
	if (xhci_wait(h, !atomic_load(&h->command.trb), XHCI_COMMAND_NS) == -ETIMEDOUT)
		xhci_die(h, "no answer to a command of type", TRB_TYPE_OF(control));
	if (atomic_load(&h->dead))
		return -ENODEV;
	if (slot)
		*slot = h->command.slot;
	return h->command.code;
}

int xhci_command_ok(struct xhci *h, u64 parameter, u32 control)
{
	int code = xhci_command(h, parameter, control, NULL);

	switch (code) {
	case CODE_SUCCESS: return 0;
	case CODE_NO_RESOURCES: return -ENOMEM;
	case CODE_NO_BANDWIDTH: return -ENOSPC;
	default: return code < 0 ? code : -EIO;
	}
}

/* [h] */
static void command_event(struct xhci *h, const struct xhci_trb *e)
{
	if (!h->command.trb || e->parameter != h->command.trb) {
		xhci_die(h, "an answer to no command, TRB", e->parameter);
		return;
	}
	h->command.code = e->status >> 24;
	h->command.slot = e->control >> 24;
	atomic_store(&h->command.trb, 0);
	xhci_wake(h);
}

/* ---- transfers -------------------------------------------------------------------------------------- */

/* [h] */
static void pipe_start(struct usb_pipe *p, u32 length)
{
	p->busy = true;
	p->length = length;
	p->actual = 0;
	p->status = 0;
}

/* Three stages, 4.11.2.2. A short one says so, and the last always. */
void xhci_control_start(struct usb_device *dev, const u8 setup[8], u32 length)
{
	struct usb_pipe *p = dev->pipes[1];
	bool in = setup[0] & USB_IN;
	u64 flags = spin_lock_irqsave(&dev->hc->lock);

	pipe_start(p, length);
	p->first = ring_put(&p->ring, get_unaligned_le64(setup), 8, TRB_TYPE(TRB_SETUP) | TRB_IMMEDIATE |
			    (length ? (in ? 3u : 2u) << 16 : 0), true);
	if (length)
		ring_put(&p->ring, dma_addr(p->buffer), length, TRB_TYPE(TRB_DATA) | TRB_ON_SHORT |
			 (in ? TRB_DIRECTION_IN : 0), false);
	p->last = ring_put(&p->ring, 0, 0, TRB_TYPE(TRB_STATUS) | TRB_ON_COMPLETION |
			   (length && in ? 0 : TRB_DIRECTION_IN), false);
	p->actual = length;		/* unless an event says less */
	ring_show(dev->hc, &p->ring, p->first, dev->slot, p->id);
	spin_unlock_irqrestore(&dev->hc->lock, flags);
}

void xhci_listen_start(struct usb_device *dev, struct usb_pipe *p)
{
	pipe_start(p, p->listen);
	p->first = p->last = ring_put(&p->ring, dma_addr(p->buffer), p->length,
				      TRB_TYPE(TRB_NORMAL) | TRB_ON_COMPLETION | TRB_ON_SHORT, true);
	ring_show(dev->hc, &p->ring, p->first, dev->slot, p->id);
}

static int code_errno(u32 code)
{
	switch (code) {
	case CODE_SUCCESS: case CODE_SHORT: return 0;
	case CODE_STALL: return -EPIPE;
	case CODE_BABBLE: return -EOVERFLOW;
	default: return -EPROTO;
	}
}

/* What came goes to the driver, and the next is asked for; an error is the thread's to mend. [h] */
static void listen_event(struct usb_device *dev, struct usb_pipe *p)
{
	struct usb_function *f = p->function;

	if (!p->listen)
		return;
	if (p->status) {
		f->errors++;
		usb_work(f, DUE_PIPE);
		return;
	}
	f->errors = 0;
	dma_rmb();		/* the event, then the bytes that it speaks of */
	f->driver->report(f, p->buffer, p->actual);
	xhci_listen_start(dev, p);
}

/* Where in the ring an address lies, if among the TRBs that are under way: else -1. [h] */
static int pipe_place(const struct usb_pipe *p, u64 address)
{
	u64 off = address - dma_addr(p->ring.trbs);
	u32 size = XHCI_RING - 1, at = off / sizeof(struct xhci_trb);

	if (!p->busy || off % sizeof(struct xhci_trb) || off >= size * sizeof(struct xhci_trb))
		return -1;
	return (at + size - p->first) % size <= (p->last + size - p->first) % size ? (int)at : -1;
}

/* An event of nothing that is under way. What a stopped endpoint says is late; else one such is told of. [h] */
static void stray(struct xhci *h, const struct usb_device *dev, u32 code, u64 trb)
{
	if (h->strayed || (code >= CODE_STOPPED && code <= CODE_STOPPED_SHORT))
		return;
	h->strayed = true;
	log_warn("usb %s: an event of code %u speaks of no transfer, TRB %#llx: left aside, and all like it", dev->name,
		 code, (unsigned long long)trb);
}

/* [h] */
static void transfer_event(struct xhci *h, const struct xhci_trb *e)
{
	u32 slot = e->control >> 24, id = e->control >> 16 & 0x1f, code = e->status >> 24, left = e->status & 0xffffff;
	struct usb_device *dev = slot && slot <= h->slots_max ? h->slots[slot] : NULL;
	struct usb_pipe *p = dev ? dev->pipes[id] : NULL;
	int at;

	if (!p) {
		xhci_die(h, "an event of an endpoint that is not there, slot and endpoint", slot << 8 | id);
		return;
	}
	at = pipe_place(p, e->parameter);
	if (at < 0 || code == 0 || (code >= CODE_STOPPED && code <= CODE_STOPPED_SHORT)) {
		stray(h, dev, code, e->parameter);
		return;
	}
	p->status = code_errno(code);
	if (!p->status && id == 1 && (u32)at != p->last) {
		/* The data stage was short; the last stage is to come. */
		p->actual = left < p->length ? p->length - left : 0;
		return;
	}
	if (id != 1)
		p->actual = left <= p->length ? p->length - left : 0;
	atomic_store(&p->busy, false);
	if (p->function)
		listen_event(dev, p);
	else
		xhci_wake(h);
}

/* ---- events ----------------------------------------------------------------------------------------- */

/* [h] */
static void port_event(struct xhci *h, const struct xhci_trb *e)
{
	u32 port = e->parameter >> 24 & 0xff;

	if (!port || port > h->ports_max) {
		xhci_die(h, "news of a port that is not there", port);
		return;
	}
	atomic_store(&h->ports[port].changed, true);
	xhci_wake(h);
}

/* The next event, out of the controller's reach: false: there is none. [h] */
static bool event_take(struct xhci *h, struct xhci_trb *e)
{
	struct xhci_trb *t = &h->events[h->event_at];
	u32 control = le32_to_cpu(READ_ONCE(t->control));

	if ((control & TRB_CYCLE) != h->event_cycle)
		return false;
	dma_rmb();		/* its cycle bit, then the rest */
	e->control = control;
	e->status = le32_to_cpu(READ_ONCE(t->status));
	e->parameter = le64_to_cpu(READ_ONCE(t->parameter));
	if (++h->event_at == XHCI_EVENTS) {
		h->event_at = 0;
		h->event_cycle ^= 1;
	}
	return true;
}

void xhci_events(struct xhci *h)
{
	u64 flags = spin_lock_irqsave(&h->lock), place;
	struct xhci_trb e;
	u32 n = 0;

	while (!atomic_load(&h->dead) && event_take(h, &e)) {
		switch (TRB_TYPE_OF(e.control)) {
		case TRB_TRANSFER_EVENT: transfer_event(h, &e); break;
		case TRB_COMMAND_EVENT: command_event(h, &e); break;
		case TRB_PORT_EVENT: port_event(h, &e); break;
		}
		/* Nothing that a person moves fills the ring again and again while it is emptied. */
		if (++n > 4 * XHCI_EVENTS)
			xhci_die(h, "events without end", n);
	}
	/* Told how far we are, it interrupts again if there is more by then. */
	place = dma_addr(&h->events[h->event_at]) | DEQUEUE_BUSY;
	mmio_write32(h->runtime + IR_DEQUEUE, place);
	mmio_write32(h->runtime + IR_DEQUEUE + 4, place >> 32);
	spin_unlock_irqrestore(&h->lock, flags);
}
