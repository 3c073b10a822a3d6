/*
 * A device from its reset to its end: a slot and an address, its descriptors, the configuration, drivers for its
 * interfaces; and the transfers that the thread makes for all that.
 *
 * Source: USB 2.0, 9.1.2 (enumeration), 9.4 (requests).
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"
#include "mm/slab.h"

#define CONTROL_NS	(5 * NSEC_PER_SEC)	/* 9.2.6.1 */
#define ADDRESS_NS	(2 * NSEC_PER_MSEC)	/* 9.2.6.3: until it listens to its new address */
#define FAILURES_MAX	3u			/* of an interrupt endpoint in a row */
#define LANGUAGE	0x0409			/* as all others ask for first */
#define CONFIG_MAX	PAGE_SIZE		/* of the default pipe's buffer */

static const struct usb_driver *const drivers[] = { &usb_hid_driver, &usb_hub_driver };

/* ---- transfers -------------------------------------------------------------------------------------- */

int usb_control(struct usb_device *dev, u8 type, u8 request, u16 value, u16 index, void *data, u32 n)
{
	struct usb_pipe *p = dev->pipes[1];
	u8 setup[8] = { type, request, value, value >> 8, index, index >> 8, n, n >> 8 };
	int err;

	if (n > p->room || atomic_load(&dev->hc->dead))
		return n > p->room ? -EINVAL : -ENODEV;
	if (!(type & USB_IN) && n)
		memcpy(p->buffer, data, n);
	xhci_control_start(dev, setup, n);
	err = xhci_wait(dev->hc, !atomic_load(&p->busy) || xhci_port_lost(dev), CONTROL_NS);
	if (err || atomic_load(&p->busy)) {
		/* What comes too late is of no transfer any more. */
		xhci_pipe_reset(dev, p);
		return err ?: -ENODEV;
	}
	if (p->status) {
		err = xhci_pipe_reset(dev, p);
		return err ?: p->status;
	}
	dma_rmb();		/* the event, then the bytes */
	if (type & USB_IN && n)
		memcpy(data, p->buffer, p->actual);
	return p->actual;
}

static int descriptor(struct usb_device *dev, u8 type, u8 index, void *to, u32 n)
{
	return usb_control(dev, USB_IN, GET_DESCRIPTOR, type << 8 | index, type == DT_STRING ? LANGUAGE : 0, to, n);
}

int usb_listen(struct usb_function *f, u32 n)
{
	u64 flags;

	if (n > f->in->room)
		return -EMSGSIZE;
	flags = spin_lock_irqsave(&f->dev->hc->lock);
	f->in->listen = n;
	xhci_listen_start(f->dev, f->in);
	spin_unlock_irqrestore(&f->dev->hc->lock, flags);
	return 0;
}

void usb_work(struct usb_function *f, u32 bits)
{
	atomic_fetch_or(&f->due, bits);
	xhci_wake(f->dev->hc);
}

/* ---- functions -------------------------------------------------------------------------------------- */

/* Its driver hears no more of it; the pipe goes with the slot. */
static void function_end(struct usb_function *f, bool bound)
{
	struct xhci *h = f->dev->hc;
	u64 flags = spin_lock_irqsave(&h->lock);

	if (f->in)
		f->in->listen = 0;
	spin_unlock_irqrestore(&h->lock, flags);
	if (bound)
		f->driver->unbind(f);
	flags = spin_lock_irqsave(&h->lock);
	if (f->in)
		f->in->function = NULL;
	spin_unlock_irqrestore(&h->lock, flags);
	list_remove(&f->node);
	kfree(f);
}

/* A transfer failed: the endpoint begins anew, unless that helps no more. */
static int pipe_mend(struct usb_function *f)
{
	struct usb_device *dev = f->dev;
	int status = f->in->status, err;

	if (f->errors > FAILURES_MAX)
		return status;
	err = xhci_pipe_reset(dev, f->in);
	if (!err && status == -EPIPE)
		err = usb_control(dev, USB_TO_ENDPOINT, CLEAR_FEATURE, FEATURE_ENDPOINT_HALT, f->interface.in, NULL, 0);
	return err < 0 ? err : usb_listen(f, f->in->listen);
}

static void function_work(struct usb_function *f, u32 due)
{
	int err = due & DUE_PIPE ? pipe_mend(f) : 0;

	if (!err && due & ~DUE_PIPE)
		err = f->driver->work(f, due & ~DUE_PIPE);
	if (!err)
		return;
	if (!xhci_port_lost(f->dev) && !atomic_load(&f->dev->hc->dead)) {
		log_err("usb %s: interface %u is ended: it %s", f->dev->name, f->interface.number,
			err == -EPIPE ? "stalls" : err == -EOVERFLOW ? "babbles" : "fails");
		xhci_pipe_reset(f->dev, f->in);
	}
	function_end(f, true);
}

/* The next function with something to do. */
static struct usb_function *function_due(struct xhci *h, u32 *due)
{
	struct usb_device *dev;
	struct usb_function *f;

	list_for_each(dev, &h->devices, node)
		list_for_each(f, &dev->functions, node) {
			*due = atomic_xchg(&f->due, 0);
			if (*due)
				return f;
		}
	return NULL;
}

void usb_devices_work(struct xhci *h)
{
	struct usb_function *f;
	u32 due;

	/* From the start after each: a hub's work takes devices off the list. And the ports: they say who is gone. */
	while (!atomic_load(&h->dead) && !atomic_load(&h->stopping) && (f = function_due(h, &due))) {
		function_work(f, due);
		xhci_ports_work(h);
	}
}

/* A function for each interface that somebody here drives. */
static int functions_make(struct usb_device *dev)
{
	struct usb_interface i;
	u32 at = 0;

	while (usb_config_next(dev->config, dev->config_length, &at, &i)) {
		for (u32 n = 0; n < ARRAY_SIZE(drivers); n++) {
			struct usb_function *f;

			if (drivers[n]->class != i.class || !i.in)
				continue;
			f = kzalloc(sizeof(*f));
			if (!f)
				return -ENOMEM;
			f->dev = dev;
			f->interface = i;
			f->driver = drivers[n];
			list_push_back(&dev->functions, &f->node);
		}
	}
	return 0;
}

static void functions_bind(struct usb_device *dev)
{
	struct list_node *at = dev->functions.next;

	while (at != &dev->functions) {
		struct usb_function *f = list_entry(at, struct usb_function, node);
		int err = f->driver->bind(f);

		at = at->next;
		if (!err)
			continue;
		if (err != -ENODEV)
			log_err("usb %s: interface %u cannot be used: error %d", dev->name, f->interface.number, -err);
		function_end(f, false);
	}
}

/* ---- enumeration ------------------------------------------------------------------------------------ */

/* The size of the default endpoint's packets, which the first eight bytes of its descriptor end with. */
static int packet_max0_find(struct usb_device *dev)
{
	struct usb_device_descriptor *d = &dev->descriptor;
	int n = descriptor(dev, DT_DEVICE, 0, d, 8);
	u32 max = d->packet_max0;

	if (n < 0)
		return n;
	if (n < 8 || d->type != DT_DEVICE)
		return -EPROTO;
	if (dev->speed != USB_FULL)
		return 0;		/* the other speeds have no choice */
	if (max != 8 && max != 16 && max != 32 && max != 64)
		return -EPROTO;
	return max == 8 ? 0 : xhci_slot_packet_max0(dev, max);
}

static int descriptors_read(struct usb_device *dev)
{
	struct usb_device_descriptor *d = &dev->descriptor;
	struct usb_config_descriptor c;
	u32 total;
	int n = packet_max0_find(dev);

	if (n < 0)
		return n;
	n = descriptor(dev, DT_DEVICE, 0, d, sizeof(*d));
	if (n < 0)
		return n;
	if (n < (int)sizeof(*d) || d->type != DT_DEVICE)
		return -EPROTO;
	n = descriptor(dev, DT_CONFIG, 0, &c, sizeof(c));
	if (n < 0)
		return n;
	total = le16_to_cpu(c.total);
	if (n < (int)sizeof(c) || c.type != DT_CONFIG || total < sizeof(c) || total > CONFIG_MAX)
		return -EPROTO;
	dev->config = kzalloc(total);
	if (!dev->config)
		return -ENOMEM;
	n = descriptor(dev, DT_CONFIG, 0, dev->config, total);
	dev->config_length = MAX(n, 0);
	/* Asked a second time it may say something else. */
	if (n >= 0 && (n < (int)sizeof(c) || memcmp(dev->config, &c, sizeof(c))))
		n = -EPROTO;
	return MIN(n, 0);
}

/* A text, for others to print: of UTF-16 what is ASCII. NULL: it has none, or does not say. */
static char *text_read(struct usb_device *dev, u8 index)
{
	u8 raw[255];
	char text[128];
	int n = index ? descriptor(dev, DT_STRING, index, raw, sizeof(raw)) : 0;
	u32 length = 0;

	if (n < 2 || raw[1] != DT_STRING)
		return NULL;
	for (u32 i = 2; i + 1 < MIN((u32)n, raw[0]); i += 2)
		text[length++] = raw[i + 1] || raw[i] < ' ' || raw[i] > '~' ? '?' : raw[i];
	text[length] = '\0';
	return length ? kstrdup(text) : NULL;
}

/* Where it is: its name, the way of packets to it, who translates for it. -ENOSPC: too many in a row. */
static int place(struct usb_device *dev)
{
	struct xhci *h = dev->hc;
	struct usb_device *hub = dev->hub;
	struct xhci_port *root = &h->ports[hub ? hub->root_port : dev->port];
	u64 *numbers = h->numbers[root->major >= 3];
	u32 number = bitmap_find_next_zero(numbers, 128, 2);	/* 1 is the bus itself */

	if (number == 128)
		return -ENOSPC;
	if (!hub) {
		dev->root_port = dev->port;
		snprintf(dev->name, sizeof(dev->name), "%u-%u", h->bus[root->major >= 3], root->number);
	} else {
		if (hub->level == USB_LEVELS)
			return -ENOSPC;
		dev->level = hub->level + 1;
		dev->root_port = hub->root_port;
		dev->route = hub->route | MIN((u32)dev->port, 15u) << 4 * hub->level;
		snprintf(dev->name, sizeof(dev->name), "%s.%u", hub->name, dev->port);
		if (dev->speed < USB_HIGH && hub->speed == USB_HIGH) {
			dev->tt_slot = hub->slot;
			dev->tt_port = dev->port;
		} else if (dev->speed < USB_HIGH) {
			dev->tt_slot = hub->tt_slot;
			dev->tt_port = hub->tt_port;
		}
	}
	bitmap_set(numbers, number);
	dev->number = number;
	return 0;
}

static int enumerate(struct usb_device *dev)
{
	int err = xhci_slot_enable(dev);

	if (!err)
		err = xhci_slot_address(dev);
	if (err)
		return err;
	xhci_pause(ADDRESS_NS);
	err = descriptors_read(dev);
	if (err)
		return err;
	dev->manufacturer = text_read(dev, dev->descriptor.manufacturer_text);
	dev->product = text_read(dev, dev->descriptor.product_text);
	dev->serial = text_read(dev, dev->descriptor.serial_text);
	err = functions_make(dev);
	if (!err)
		err = xhci_slot_configure(dev);
	if (!err)
		err = usb_control(dev, 0, SET_CONFIGURATION, ((struct usb_config_descriptor *)dev->config)->value, 0,
				  NULL, 0);
	return MIN(err, 0);
}

static void release(struct usb_device *dev)
{
	while (!list_empty(&dev->functions))
		function_end(list_first(&dev->functions, struct usb_function, node), false);
	xhci_slot_disable(dev);
	if (dev->number)
		bitmap_clear(dev->hc->numbers[dev->hc->ports[dev->root_port].major >= 3], dev->number);
	kfree(dev->config);
	kfree(dev->manufacturer);
	kfree(dev->product);
	kfree(dev->serial);
	kfree(dev);
}

int usb_device_add(struct xhci *h, struct usb_device *hub, u8 port, u8 speed)
{
	struct usb_device *dev = kzalloc(sizeof(*dev));
	int err;

	if (!dev)
		return -ENOMEM;
	dev->hc = h;
	dev->hub = hub;
	dev->port = port;
	dev->speed = speed;
	list_init(&dev->functions);
	err = place(dev);
	if (!err)
		err = enumerate(dev);
	if (err) {
		release(dev);
		return err;
	}
	log_info("usb %s: %04x:%04x %s %s", dev->name, le16_to_cpu(dev->descriptor.vendor),
		 le16_to_cpu(dev->descriptor.product), dev->manufacturer ?: "", dev->product ?: "");
	list_push_back(&h->devices, &dev->node);
	usb_sysfs_add(dev);
	functions_bind(dev);
	return 0;
}

struct usb_device *usb_device_at(struct xhci *h, struct usb_device *hub, u8 port)
{
	struct usb_device *dev;

	list_for_each(dev, &h->devices, node)
		if (dev->hub == hub && dev->port == port)
			return dev;
	return NULL;
}

/* One that is plugged into dev; NULL: none is. */
static struct usb_device *child(struct usb_device *dev)
{
	struct usb_device *d;

	list_for_each(d, &dev->hc->devices, node)
		if (d->hub == dev)
			return d;
	return NULL;
}

void usb_device_remove(struct usb_device *dev)
{
	struct usb_device *at = dev;

	/* From the ends of the tree inwards. */
	for (;;) {
		struct usb_device *below = child(at), *hub = at->hub;

		if (below) {
			at = below;
			continue;
		}
		while (!list_empty(&at->functions))
			function_end(list_first(&at->functions, struct usb_function, node), true);
		usb_sysfs_remove(at);
		log_info("usb %s: gone", at->name);
		list_remove(&at->node);
		release(at);
		if (at == dev)
			return;
		at = hub;
	}
}
