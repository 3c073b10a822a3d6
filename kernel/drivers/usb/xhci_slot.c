/*
 * What the controller knows of a device: a slot, its contexts, its endpoints. The thread fills the one input context,
 * gives a command that points to it, and the controller writes what it made of it into the device's own context, which
 * is only read to see in which state an endpoint is.
 *
 * Source: xHCI 1.2, 4.3 (enumeration), 4.6 (commands), 4.8 (endpoints), 6.2 (contexts).
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"
#include "mm/slab.h"

/* Words of a slot context, 6.2.2 */
#define SLOT_SPEED(s)		((u32)(s) << 20)
#define SLOT_HUB		BIT(26)
#define SLOT_ENTRIES(n)		((u32)(n) << 27)

/* Of an endpoint context, 6.2.3 */
#define EP_STATE		0x7u
enum { EP_RUNNING = 1, EP_HALTED = 2 };
#define EP_INTERVAL(n)		((u32)(n) << 16)
#define EP_ERRORS_3		(3u << 1)
#define EP_CONTROL		(4u << 3)
#define EP_INTERRUPT_IN		(7u << 3)
#define EP_BURST(n)		((u32)(n) << 8)
#define EP_PACKET_MAX(n)	((u32)(n) << 16)

/* The n-th context of the input, of which the first says what the rest is about, or of the device's own. */
static le32 *input_context(struct xhci *h, u32 n) { return (le32 *)((u8 *)h->input + n * h->context_size); }
static le32 *device_context(struct usb_device *dev, u32 n)
{
	return (le32 *)((u8 *)dev->context + n * dev->hc->context_size);
}

/* An input about these contexts, a bit each. */
static void input_begin(struct xhci *h, u32 adds)
{
	memset(h->input, 0, PAGE_SIZE);
	input_context(h, 0)[1] = cpu_to_le32(adds);
}

static int input_command(struct usb_device *dev, u32 type)
{
	dma_wmb();
	return xhci_command_ok(dev->hc, dma_addr(dev->hc->input), TRB_TYPE(type) | TRB_SLOT(dev->slot));
}

/* Where the device is. `last`: the highest of its contexts in use. */
static void slot_fill(struct usb_device *dev, u32 last)
{
	le32 *slot = input_context(dev->hc, 1);

	slot[0] = cpu_to_le32(dev->route | SLOT_SPEED(dev->speed) | SLOT_ENTRIES(last));
	slot[1] = cpu_to_le32((u32)dev->root_port << 16);
	slot[2] = cpu_to_le32(dev->tt_slot | (u32)dev->tt_port << 8);
}

/* ---- pipes ------------------------------------------------------------------------------------------ */

static struct usb_pipe *pipe_new(struct usb_device *dev, u32 id, struct usb_function *f)
{
	struct usb_pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->id = id;
	p->function = f;
	/* The default pipe's buffer has a page of its own: longer answers are asked for there. */
	p->memory_size = f ? PAGE_SIZE : 2 * PAGE_SIZE;
	p->memory = xhci_alloc(dev->hc, p->memory_size);
	if (!p->memory) {
		kfree(p);
		return NULL;
	}
	xhci_ring_init(&p->ring, p->memory);
	p->buffer = (u8 *)p->memory + (f ? PIPE_BUFFER_AT : PAGE_SIZE);
	p->room = p->memory_size - (p->buffer - (u8 *)p->memory);
	return p;
}

static void pipe_free(struct usb_pipe *p)
{
	dma_free(p->memory, p->memory_size);
	kfree(p);
}

static void pipe_set(struct usb_device *dev, u32 id, struct usb_pipe *p)
{
	u64 flags = spin_lock_irqsave(&dev->hc->lock);

	dev->pipes[id] = p;
	spin_unlock_irqrestore(&dev->hc->lock, flags);
}

/* 6.2.3.6: in 125 us, as an exponent. */
static u32 interval_exponent(const struct usb_device *dev, u32 interval)
{
	u32 units = MAX(interval, 1u) * 8;

	if (dev->speed >= USB_HIGH)
		return MIN(MAX(interval, 1u), 16u) - 1;
	return MIN(31u - __builtin_clz(units), 10u);
}

static void endpoint_fill(struct usb_device *dev, struct usb_pipe *p, u32 type, u32 packet_max, u32 burst, u32 interval)
{
	le32 *ep = input_context(dev->hc, p->id + 1u);
	u64 ring = dma_addr(p->ring.trbs) | TRB_CYCLE;
	u32 payload = type == EP_INTERRUPT_IN ? packet_max * (burst + 1) : 8;

	ep[0] = cpu_to_le32(EP_INTERVAL(interval));
	ep[1] = cpu_to_le32(EP_ERRORS_3 | type | EP_BURST(burst) | EP_PACKET_MAX(packet_max));
	ep[2] = cpu_to_le32(ring);
	ep[3] = cpu_to_le32(ring >> 32);
	ep[4] = cpu_to_le32(payload | (type == EP_INTERRUPT_IN ? payload << 16 : 0));
}

/* The controller is done with what was under way, 4.6.8 and 4.6.9: whichever state the endpoint was in, and comes into
 * while we look. */
static int endpoint_still(struct usb_device *dev, struct usb_pipe *p)
{
	u32 target = TRB_SLOT(dev->slot) | TRB_ENDPOINT(p->id);

	for (u32 i = 0; i < 3; i++) {
		u32 state = le32_to_cpu(READ_ONCE(device_context(dev, p->id)[0])) & EP_STATE;
		u32 type = state == EP_HALTED ? TRB_RESET_ENDPOINT : TRB_STOP_ENDPOINT;
		int code;

		if (state != EP_RUNNING && state != EP_HALTED)
			return 0;
		code = xhci_command(dev->hc, 0, TRB_TYPE(type) | target, NULL);
		if (code != CODE_CONTEXT_STATE)
			return code == CODE_SUCCESS ? 0 : code < 0 ? code : -EIO;
	}
	return -EIO;
}

int xhci_pipe_reset(struct usb_device *dev, struct usb_pipe *p)
{
	struct xhci *h = dev->hc;
	u64 flags = spin_lock_irqsave(&h->lock), place;
	int err;

	p->busy = false;
	spin_unlock_irqrestore(&h->lock, flags);
	err = endpoint_still(dev, p);
	if (err)
		return err;
	place = dma_addr(&p->ring.trbs[p->ring.at]) | p->ring.cycle;
	return xhci_command_ok(h, place, TRB_TYPE(TRB_SET_DEQUEUE) | TRB_SLOT(dev->slot) | TRB_ENDPOINT(p->id));
}

/* ---- slots ------------------------------------------------------------------------------------------ */

static u32 packet_max0_first(u32 speed)
{
	return speed >= USB_SUPER ? 512 : speed == USB_HIGH ? 64 : 8;
}

int xhci_slot_enable(struct usb_device *dev)
{
	struct xhci *h = dev->hc;
	struct usb_pipe *p;
	u64 flags;
	u32 slot;
	int code = xhci_command(h, 0, TRB_TYPE(TRB_ENABLE_SLOT), &slot);

	if (code != CODE_SUCCESS)
		return code < 0 ? code : code == CODE_NO_SLOTS ? -ENOSPC : -EIO;
	if (!slot || slot > h->slots_max || h->slots[slot]) {
		xhci_die(h, "it gives out a slot that cannot be, number", slot);
		return -ENODEV;
	}
	dev->slot = slot;
	dev->context = xhci_alloc(h, PAGE_SIZE);
	p = dev->context ? pipe_new(dev, 1, NULL) : NULL;
	if (!p)
		return -ENOMEM;		/* the caller disables what is there */
	h->dcbaa[slot] = cpu_to_le64(dma_addr(dev->context));
	flags = spin_lock_irqsave(&h->lock);
	dev->pipes[1] = p;
	h->slots[slot] = dev;
	spin_unlock_irqrestore(&h->lock, flags);
	return 0;
}

int xhci_slot_address(struct usb_device *dev)
{
	input_begin(dev->hc, BIT(0) | BIT(1));
	slot_fill(dev, 1);
	endpoint_fill(dev, dev->pipes[1], EP_CONTROL, packet_max0_first(dev->speed), 0, 0);
	return input_command(dev, TRB_ADDRESS_DEVICE);
}

void xhci_slot_disable(struct usb_device *dev)
{
	struct xhci *h = dev->hc;
	bool let_go = true;
	u64 flags;

	if (!dev->slot)
		return;
	/* Once it is dead it is kept off the bus: then memory may be given back as well. */
	if (xhci_command(h, 0, TRB_TYPE(TRB_DISABLE_SLOT) | TRB_SLOT(dev->slot), NULL) > CODE_SUCCESS) {
		xhci_die(h, "it does not let go of slot", dev->slot);
		let_go = false;
	}
	flags = spin_lock_irqsave(&h->lock);
	h->slots[dev->slot] = NULL;
	spin_unlock_irqrestore(&h->lock, flags);
	for (u32 i = 0; i < USB_PIPES; i++) {
		struct usb_pipe *p = dev->pipes[i];

		if (!p)
			continue;
		pipe_set(dev, i, NULL);
		if (let_go)
			pipe_free(p);
	}
	h->dcbaa[dev->slot] = 0;
	if (dev->context && let_go)
		dma_free(dev->context, PAGE_SIZE);
	dev->slot = 0;
}

int xhci_slot_packet_max0(struct usb_device *dev, u32 packet_max)
{
	input_begin(dev->hc, BIT(1));
	endpoint_fill(dev, dev->pipes[1], EP_CONTROL, packet_max, 0, 0);
	return input_command(dev, TRB_EVALUATE);
}

int xhci_slot_configure(struct usb_device *dev)
{
	u32 adds = BIT(0), last = 1;
	struct usb_function *f;

	list_for_each(f, &dev->functions, node) {
		u32 id = (f->interface.in & 0xf) * 2u + 1;

		if (dev->pipes[id])
			return -EINVAL;		/* two interfaces say that it is theirs */
		f->in = pipe_new(dev, id, f);
		if (!f->in)
			return -ENOMEM;
		pipe_set(dev, id, f->in);
		adds |= BIT(id);
		last = MAX(last, id);
	}
	if (last == 1)
		return 0;
	input_begin(dev->hc, adds);
	slot_fill(dev, last);
	list_for_each(f, &dev->functions, node)
		endpoint_fill(dev, f->in, EP_INTERRUPT_IN, f->interface.packet_max, f->interface.burst,
			      interval_exponent(dev, f->interface.interval));
	return input_command(dev, TRB_CONFIGURE);
}

int xhci_slot_hub(struct usb_device *dev, u32 ports, u32 think)
{
	u32 last = 1;
	le32 *slot = input_context(dev->hc, 1);

	for (u32 i = 1; i < USB_PIPES; i++)
		if (dev->pipes[i])
			last = i;
	input_begin(dev->hc, BIT(0));
	slot_fill(dev, last);
	slot[0] |= cpu_to_le32(SLOT_HUB);
	slot[1] |= cpu_to_le32(ports << 24);
	slot[2] |= cpu_to_le32(think << 16);
	return input_command(dev, TRB_CONFIGURE);
}
