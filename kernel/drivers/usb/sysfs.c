/*
 * USB under /sys as lsusb and people read it: a directory for each of a controller's buses, in it those of the devices
 * that are plugged in, hubs' devices in theirs; a link to each from bus/usb/devices. Names and texts are Linux's. What
 * the files say is fixed when they are made.
 */
#include "base/printf.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"
#include "fs/sysfs.h"

#define PATH_SIZE	256

struct writer { char dir[PATH_SIZE]; int err; };

static void printf_like(3, 4) line_add(struct writer *w, const char *name, const char *fmt, ...)
{
	char path[PATH_SIZE + 32], line[192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	if (!w->err)
		w->err = sysfs_register_text(path, line);
}

static void link_add(struct writer *w, const char *name)
{
	char from[USB_NAME + 32], to[PATH_SIZE + 16];

	snprintf(from, sizeof(from), "bus/usb/devices/%s", name);
	snprintf(to, sizeof(to), "../../../%s", w->dir);
	if (!w->err)
		w->err = sysfs_register_link(from, to);
}

static void link_remove(const char *name)
{
	char from[USB_NAME + 32];

	snprintf(from, sizeof(from), "bus/usb/devices/%s", name);
	sysfs_unregister(from);
}

static u32 bus_of(const struct usb_device *dev)
{
	return dev->hc->bus[dev->hc->ports[dev->root_port].major >= 3];
}

static size_t bus_path(struct xhci *h, u32 bus, char *path, size_t size)
{
	size_t n = bus_device_path(&h->pci->dev, path, size);

	return n + scnprintf(path + n, size - n, "/usb%u", bus);
}

/* The hubs on the way are directories, too. Each name begins with the one before it. */
static void device_path(const struct usb_device *dev, char *path, size_t size)
{
	size_t n = bus_path(dev->hc, bus_of(dev), path, size);

	for (u32 level = 0; level <= dev->level; level++) {
		const struct usb_device *at = dev;

		for (u32 up = level; up < dev->level; up++)
			at = at->hub;
		n += scnprintf(path + n, size - n, "/%s", at->name);
	}
}

static const char *speed_text(u32 speed)
{
	switch (speed) {
	case USB_LOW: return "1.5";
	case USB_FULL: return "12";
	case USB_HIGH: return "480";
	case USB_SUPER: return "5000";
	default: return "10000";
	}
}

static void identity_add(struct writer *w, const struct usb_device_descriptor *d, u32 bus, u32 number, u32 speed)
{
	u32 version = le16_to_cpu(d->version), vendor = le16_to_cpu(d->vendor), product = le16_to_cpu(d->product);

	line_add(w, "idVendor", "%04x", vendor);
	line_add(w, "idProduct", "%04x", product);
	line_add(w, "bcdDevice", "%04x", le16_to_cpu(d->release));
	line_add(w, "bDeviceClass", "%02x", d->class);
	line_add(w, "bDeviceSubClass", "%02x", d->subclass);
	line_add(w, "bDeviceProtocol", "%02x", d->protocol);
	line_add(w, "bMaxPacketSize0", "%u", d->packet_max0);
	line_add(w, "bNumConfigurations", "%u", d->configs);
	line_add(w, "version", "%2x.%02x", version >> 8, version & 0xff);
	line_add(w, "busnum", "%u", bus);
	line_add(w, "devnum", "%u", number);
	line_add(w, "speed", "%s", speed_text(speed));
	line_add(w, "uevent", "MAJOR=189\nMINOR=%u\nDEVNAME=bus/usb/%03u/%03u\nDEVTYPE=usb_device\nDRIVER=usb\n"
		 "PRODUCT=%x/%x/%x\nTYPE=%u/%u/%u\nBUSNUM=%03u\nDEVNUM=%03u", (bus - 1) * 128 + number - 1, bus, number,
		 vendor, product, le16_to_cpu(d->release), d->class, d->subclass, d->protocol, bus, number);
}

static void text_add(struct writer *w, const char *name, const char *text)
{
	if (text)
		line_add(w, name, "%s", text);
}

static void interface_add(struct writer *w, const struct usb_function *f)
{
	const struct usb_device_descriptor *d = &f->dev->descriptor;
	const struct usb_interface *i = &f->interface;

	line_add(w, "bInterfaceNumber", "%02x", i->number);
	line_add(w, "bAlternateSetting", "%2u", 0);
	line_add(w, "bNumEndpoints", "%02x", i->endpoints);
	line_add(w, "bInterfaceClass", "%02x", i->class);
	line_add(w, "bInterfaceSubClass", "%02x", i->subclass);
	line_add(w, "bInterfaceProtocol", "%02x", i->protocol);
	line_add(w, "modalias", "usb:v%04Xp%04Xd%04Xdc%02Xdsc%02Xdp%02Xic%02Xisc%02Xip%02Xin%02X",
		 le16_to_cpu(d->vendor), le16_to_cpu(d->product), le16_to_cpu(d->release), d->class, d->subclass,
		 d->protocol, i->class, i->subclass, i->protocol, i->number);
}

static void interface_name(const struct usb_function *f, char *name, size_t size)
{
	snprintf(name, size, "%s:%u.%u", f->dev->name, f->dev->config[5], f->interface.number);
}

void usb_sysfs_add(struct usb_device *dev)
{
	const struct usb_config_descriptor *c = (void *)dev->config;
	struct writer w = { .err = 0 };
	struct usb_function *f;
	char name[USB_NAME + 16];

	device_path(dev, w.dir, sizeof(w.dir));
	identity_add(&w, &dev->descriptor, bus_of(dev), dev->number, dev->speed);
	text_add(&w, "manufacturer", dev->manufacturer);
	text_add(&w, "product", dev->product);
	text_add(&w, "serial", dev->serial);
	line_add(&w, "devpath", "%s", dev->name + scnprintf(name, sizeof(name), "%u-", bus_of(dev)));
	line_add(&w, "bNumInterfaces", "%2u", c->interfaces);
	line_add(&w, "bConfigurationValue", "%u", c->value);
	line_add(&w, "bmAttributes", "%02x", c->attributes);
	line_add(&w, "bMaxPower", "%umA", c->power * (dev->speed >= USB_SUPER ? 8 : 2));
	link_add(&w, dev->name);
	list_for_each(f, &dev->functions, node) {
		struct writer below = { .err = w.err };

		interface_name(f, name, sizeof(name));
		snprintf(below.dir, sizeof(below.dir), "%s/%s", w.dir, name);
		interface_add(&below, f);
		link_add(&below, name);
		w.err = below.err;
	}
	if (w.err)
		log_warn("usb %s: not shown in /sys: error %d", dev->name, -w.err);
}

void usb_sysfs_remove(struct usb_device *dev)
{
	char path[PATH_SIZE], name[USB_NAME + 16];
	struct usb_interface i;
	u32 at = 0;

	/* As many as were there at first: their drivers are gone by now. */
	while (usb_config_next(dev->config, dev->config_length, &at, &i)) {
		snprintf(name, sizeof(name), "%s:%u.%u", dev->name, dev->config[5], i.number);
		link_remove(name);
	}
	link_remove(dev->name);
	device_path(dev, path, sizeof(path));
	sysfs_unregister(path);
}

void usb_sysfs_host(struct xhci *h, bool there)
{
	for (u32 i = 0; i < ARRAY_SIZE(h->bus); i++) {
		struct usb_device_descriptor d = {
			.version = cpu_to_le16(i ? 0x300 : 0x200), .class = CLASS_HUB, .protocol = i ? 3 : 1,
			.packet_max0 = i ? 9 : 64, .vendor = cpu_to_le16(0x1d6b), .product = cpu_to_le16(2 + i),
			.configs = 1,
		};
		struct writer w = { .err = 0 };
		u32 ports = 0;
		char name[16];

		for (u32 p = 1; p <= h->ports_max; p++)
			ports += (h->ports[p].major >= 3) == i;
		bus_path(h, h->bus[i], w.dir, sizeof(w.dir));
		snprintf(name, sizeof(name), "usb%u", h->bus[i]);
		if (!there) {
			link_remove(name);
			sysfs_unregister(w.dir);
			continue;
		}
		identity_add(&w, &d, h->bus[i], 1, i ? USB_SUPER : USB_HIGH);
		line_add(&w, "product", "xHCI Host Controller");
		line_add(&w, "serial", "%s", h->pci->dev.name);
		line_add(&w, "maxchild", "%u", ports);
		line_add(&w, "devpath", "0");
		link_add(&w, name);
		if (w.err)
			log_warn("usb: bus %u is not shown in /sys: error %d", h->bus[i], -w.err);
	}
}
