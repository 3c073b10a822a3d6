/*
 * The controller's own ports: what is plugged in is reset and becomes a device, what is pulled out ends one. An event
 * says that a port has news; what they are is read here, by the thread.
 *
 * Source: xHCI 1.2, 4.15 (suspend, not used), 4.19 (ports), 5.4.8; USB 2.0, 7.1.7.3 (debounce, reset).
 */
#include "base/errno.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"

#define DEBOUNCE_NS	(100 * NSEC_PER_MSEC)	/* 7.1.7.3: so long does a plug that is being pushed in tremble */
#define RESET_NS	(1 * NSEC_PER_SEC)	/* many times what a reset may take */
#define RECOVERY_NS	(10 * NSEC_PER_MSEC)	/* 7.1.7.5: after a reset a device may be deaf */
#define TRIES		3u

/* Acknowledge these changes, and do more if wanted: bits that are not named keep their meaning when written so. */
static void port_change(struct xhci *h, u32 port, u32 bits)
{
	port_write(h, port, (port_read(h, port) & PORT_KEEP) | bits);
}

bool xhci_port_lost(struct usb_device *dev)
{
	struct xhci *h = dev->hc;
	u32 v;

	if (atomic_load(&h->stopping))
		return true;
	if (!atomic_load(&h->ports[dev->root_port].changed))
		return false;
	v = port_read(h, dev->root_port);
	return !(v & PORT_CONNECTED) || v & PORT_CONNECT_CHANGE;
}

/* The speed at which it came out of the reset; -errno: nothing usable did. USB 3 links get there by themselves. */
static int port_reset(struct xhci *h, u32 port)
{
	bool super = h->ports[port].major >= 3;
	u32 v = port_read(h, port), speed;
	int err = 0;

	if (!super || !(v & PORT_ENABLED)) {
		bool warm = super && (PORT_LINK(v) == LINK_INACTIVE || PORT_LINK(v) == LINK_COMPLIANCE);

		atomic_store(&h->ports[port].changed, false);
		port_change(h, port, warm ? PORT_WARM_RESET : PORT_RESET);
		err = xhci_wait(h, atomic_load(&h->ports[port].changed) &&
				!(port_read(h, port) & (PORT_RESET | PORT_WARM_RESET)), RESET_NS);
		v = port_read(h, port);
		port_change(h, port, v & PORT_CHANGES & ~PORT_CONNECT_CHANGE);
		xhci_pause(RECOVERY_NS);
	}
	speed = PORT_SPEED(v);
	if (err)
		return err;
	if (!(v & PORT_CONNECTED) || !(v & PORT_ENABLED))
		return -ENODEV;
	return speed >= USB_FULL && speed <= USB_SUPER_PLUS ? (int)speed : -EPROTO;
}

static void port_connect(struct xhci *h, u32 port)
{
	int err = 0;

	xhci_pause(DEBOUNCE_NS);
	for (u32 i = 0; i < TRIES; i++) {
		u32 v = port_read(h, port);

		if (!(v & PORT_CONNECTED) || v & PORT_CONNECT_CHANGE) {
			/* Out again. That is news of its own; no second event tells of it. */
			atomic_store(&h->ports[port].changed, true);
			xhci_wake(h);
			return;
		}
		err = port_reset(h, port);
		if (err > 0)
			err = usb_device_add(h, NULL, port, err);
		if (!err || atomic_load(&h->dead) || atomic_load(&h->stopping))
			return;
	}
	h->ports[port].given_up = true;
	log_err("xhci %s: what is plugged into port %u cannot be used: error %d", h->pci->dev.name, port, -err);
}

static void port_work(struct xhci *h, u32 port)
{
	u32 v = port_read(h, port);
	struct usb_device *dev = usb_device_at(h, NULL, port);

	port_change(h, port, v & PORT_CHANGES);
	if (v & PORT_OVERCURRENT)
		log_warn("xhci %s: too much current is drawn from port %u", h->pci->dev.name, port);
	if (!(v & PORT_POWER)) {
		port_change(h, port, PORT_POWER);
		return;				/* what is plugged in shows up now */
	}
	if (dev && (!(v & PORT_CONNECTED) || v & PORT_CONNECT_CHANGE || !(v & PORT_ENABLED))) {
		usb_device_remove(dev);
		dev = NULL;
	}
	if (!(v & PORT_CONNECTED) || v & PORT_CONNECT_CHANGE)
		h->ports[port].given_up = false;
	if (!dev && v & PORT_CONNECTED && !h->ports[port].given_up)
		port_connect(h, port);
}

void xhci_ports_work(struct xhci *h)
{
	for (u32 port = 1; port <= h->ports_max && !atomic_load(&h->dead) && !atomic_load(&h->stopping); port++)
		if (atomic_xchg(&h->ports[port].changed, false))
			port_work(h, port);
}
