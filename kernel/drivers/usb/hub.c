/*
 * External hubs: each has a port's worth of news in its status endpoint's reports, which the interrupt keeps and the
 * thread asks about and acknowledges. What is plugged in is reset and becomes a device; what is pulled out ends one.
 *
 * Source: USB 2.0, 11.12 (status endpoint), 11.24 (requests); USB 3.2, 10.16.
 */
#include "base/errno.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"
#include "mm/slab.h"

#define PORTS_MAX	255u

/* A port's status and what changed of it, table 11-21 and 11-22; USB 3 has its own from bit 5 on, table 10-14. */
#define PORT_OVER_CURRENT	BIT(3)
#define PORT_LOW_SPEED		BIT(9)
#define PORT_HIGH_SPEED		BIT(10)
#define CHANGE_CONNECTION	BIT(0)
#define CHANGE_RESET		BIT(4)

enum { FEATURE_RESET = 4, FEATURE_POWER = 8 };
/* The feature that is cleared to acknowledge each bit of a change. */
static const u8 change_features[] = { 16, 17, 18, 19, 20, 29, 25, 26 };

#define DEBOUNCE_NS	(100 * NSEC_PER_MSEC)
#define RESET_NS	(1 * NSEC_PER_SEC)
#define RECOVERY_NS	(10 * NSEC_PER_MSEC)
#define TRIES		3u
#define IN_TO(what)	(USB_IN | USB_CLASS | (what))
#define OUT_TO(what)	(USB_CLASS | (what))

struct hub {
	u32 ports;
	BITMAP_DECLARE(changed, PORTS_MAX + 1);	/* bit 0: the hub itself [h] */
	BITMAP_DECLARE(given_up, PORTS_MAX + 1);	/* what is plugged in cannot be used [T] */
};

static bool hub_super(const struct usb_function *f) { return f->dev->speed >= USB_SUPER; }

/* Take a port's bit. */
static bool news_take(struct usb_function *f, u32 port)
{
	struct hub *hub = f->data;
	u64 flags = spin_lock_irqsave(&f->dev->hc->lock);
	bool any = bitmap_test(hub->changed, port);

	bitmap_clear(hub->changed, port);
	spin_unlock_irqrestore(&f->dev->hc->lock, flags);
	return any;
}

/* A port's status, or the hub's for port 0, with the changes that are hereby acknowledged above bit 16. -errno */
static s64 status_take(struct usb_function *f, u32 port)
{
	u8 to = port ? USB_TO_OTHER : 0;
	le16 status[2];
	int n = usb_control(f->dev, IN_TO(to), GET_STATUS, 0, port, status, sizeof(status));

	if (n < (int)sizeof(status))
		return n < 0 ? n : -EPROTO;
	for (u32 i = 0; i < ARRAY_SIZE(change_features) && n >= 0; i++)
		if (le16_to_cpu(status[1]) & BIT(i) && (port || i < 2))
			n = usb_control(f->dev, OUT_TO(to), CLEAR_FEATURE, port ? change_features[i] : i, port, NULL,
					0);
	return n < 0 ? n : (s64)le16_to_cpu(status[1]) << 16 | le16_to_cpu(status[0]);
}

/* Reset what is there: its speed, or -errno. */
static int port_reset(struct usb_function *f, u32 port)
{
	u64 deadline = clock_ns() + RESET_NS;
	s64 v = usb_control(f->dev, OUT_TO(USB_TO_OTHER), SET_FEATURE, FEATURE_RESET, port, NULL, 0);

	while (v >= 0) {
		u64 now = clock_ns();
		int err = xhci_wait(f->dev->hc, news_take(f, port), now < deadline ? deadline - now : 0);

		if (err)
			return err;
		v = status_take(f, port);
		if (v >= 0 && !(v & PORT_CONNECTED))
			return -ENOENT;
		if (v >= 0 && v >> 16 & CHANGE_RESET)
			break;
	}
	if (v < 0)
		return v;
	xhci_pause(RECOVERY_NS);
	if (!(v & PORT_ENABLED))
		return -EPROTO;
	return hub_super(f) ? USB_SUPER : v & PORT_LOW_SPEED ? USB_LOW : v & PORT_HIGH_SPEED ? USB_HIGH : USB_FULL;
}

static void port_connect(struct usb_function *f, u32 port)
{
	int err = 0;

	xhci_pause(DEBOUNCE_NS);
	for (u32 i = 0; i < TRIES; i++) {
		err = port_reset(f, port);
		if (err == -ENOENT)
			return;		/* out again, as the next report says if it comes back */
		if (err > 0)
			err = usb_device_add(f->dev->hc, f->dev, port, err);
		if (!err || xhci_port_lost(f->dev) || atomic_load(&f->dev->hc->dead))
			return;
	}
	bitmap_set(((struct hub *)f->data)->given_up, port);
	log_err("usb %s: what is plugged into port %u cannot be used: error %d", f->dev->name, port, -err);
}

static int port_work(struct usb_function *f, u32 port)
{
	s64 v = status_take(f, port);
	struct usb_device *dev = usb_device_at(f->dev->hc, f->dev, port);
	struct hub *hub = f->data;

	if (v < 0)
		return v;
	if (v & PORT_OVER_CURRENT)
		log_warn("usb %s: too much current is drawn from port %u", f->dev->name, port);
	if (dev && (!(v & PORT_CONNECTED) || !(v & PORT_ENABLED) || v >> 16 & CHANGE_CONNECTION)) {
		usb_device_remove(dev);
		dev = NULL;
	}
	if (!(v & PORT_CONNECTED) || v >> 16 & CHANGE_CONNECTION)
		bitmap_clear(hub->given_up, port);
	if (!dev && v & PORT_CONNECTED && !bitmap_test(hub->given_up, port))
		port_connect(f, port);
	return 0;
}

static int hub_work(struct usb_function *f, u32 due)
{
	struct hub *hub = f->data;
	s64 err = news_take(f, 0) ? status_take(f, 0) : 0;

	for (u32 port = 1; port <= hub->ports && err >= 0; port++)
		if (news_take(f, port))
			err = port_work(f, port);
	return MIN(err, 0);
}

static void hub_report(struct usb_function *f, const u8 *data, u32 n)
{
	struct hub *hub = f->data;

	for (u32 bit = 0; bit <= hub->ports && bit / 8 < n; bit++)
		if (data[bit / 8] & BIT(bit % 8))
			bitmap_set(hub->changed, bit);
	usb_work(f, DUE_DRIVER);
}

/* Its ports have power, and each is looked at once. */
static int ports_start(struct usb_function *f, u32 power_ns)
{
	struct hub *hub = f->data;

	for (u32 port = 1; port <= hub->ports; port++) {
		int err = usb_control(f->dev, OUT_TO(USB_TO_OTHER), SET_FEATURE, FEATURE_POWER, port, NULL, 0);

		if (err < 0)
			return err;
		bitmap_set(hub->changed, port);
	}
	xhci_pause(power_ns);
	usb_work(f, DUE_DRIVER);
	return usb_listen(f, f->interface.packet_max);
}

static int hub_bind(struct usb_function *f)
{
	u8 d[12], type = hub_super(f) ? DT_HUB_SUPER : DT_HUB;
	int err = usb_control(f->dev, IN_TO(0), GET_DESCRIPTOR, type << 8, 0, d, sizeof(d));
	struct hub *hub;

	if (err < 7 || d[1] != type || !d[2])
		return err < 0 ? err : -EPROTO;
	if (f->dev->level == USB_LEVELS)
		return -ENOSPC;
	hub = f->data = kzalloc(sizeof(*hub));
	if (!hub)
		return -ENOMEM;
	hub->ports = d[2];
	err = hub_super(f) ? usb_control(f->dev, OUT_TO(0), SET_HUB_DEPTH, f->dev->level, 0, NULL, 0) : 0;
	if (err >= 0)
		err = xhci_slot_hub(f->dev, hub->ports, d[3] >> 5 & 3);
	if (err >= 0)
		err = ports_start(f, d[5] * 2 * NSEC_PER_MSEC);
	if (err < 0)
		kfree(hub);
	return MIN(err, 0);
}

static void hub_unbind(struct usb_function *f)
{
	struct hub *hub = f->data;

	for (u32 port = 1; port <= hub->ports; port++) {
		struct usb_device *dev = usb_device_at(f->dev->hc, f->dev, port);

		if (dev)
			usb_device_remove(dev);
	}
	kfree(hub);
}

const struct usb_driver usb_hub_driver = {
	.name = "hub", .class = CLASS_HUB, .bind = hub_bind, .report = hub_report, .work = hub_work,
	.unbind = hub_unbind,
};
