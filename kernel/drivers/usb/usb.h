/*
 * USB, of one kind of controller, the xHC, and as far as people's hands go: hubs, keyboards, mice, tablets.
 *
 *   xhci.c        a controller's life, its thread        xhci_ring.c  commands, transfers, events
 *   xhci_slot.c   what the controller knows of a device  port.c       its own ports: connect, reset
 *   device.c      enumeration, control transfers, ends   config.c     descriptors, read with distrust
 *   hub.c         external hubs                          sysfs.c      /sys/bus/usb/devices
 *   hid.c         keyboards, mice, tablets               hid_report.c, hid_usage.c: what their reports say
 *
 * All that sleeps is done by the controller's thread, so that its devices have one owner and need no lock. Interrupts
 * bring it news: a bit that is set, then a wake-up. What a device sends by itself (reports of a keyboard, changed ports
 * of a hub) is handled in the interrupt, under the controller's lock.
 *
 * A device is not trusted. One that fails is ended with a message; a controller that lies goes with all its devices.
 *
 * Lock keys: [h] the controller's lock (class xhci), outside the input layer's; [T] its thread only; [a] atomic; [S]
 * set before anybody else sees it.
 *
 * Source: USB 2.0 chapters 9 and 11, USB 3.2 chapters 9 and 10.
 */
#pragma once
#include "base/defs.h"
#include "base/endian.h"
#include "base/list.h"

struct xhci;

/* As the controller numbers them, xHCI 7.2.2.1.1. */
enum usb_speed { USB_FULL = 1, USB_LOW, USB_HIGH, USB_SUPER, USB_SUPER_PLUS };

/* Requests, table 9-4, and their type, 9.3.1 */
enum { GET_STATUS = 0, CLEAR_FEATURE = 1, SET_FEATURE = 3, GET_DESCRIPTOR = 6, SET_CONFIGURATION = 9,
       SET_HUB_DEPTH = 12 };
#define USB_IN			0x80
#define USB_CLASS		0x20
#define USB_TO_INTERFACE	0x01
#define USB_TO_ENDPOINT		0x02
#define USB_TO_OTHER		0x03
#define FEATURE_ENDPOINT_HALT	0

/* Descriptors, table 9-5 */
enum { DT_DEVICE = 1, DT_CONFIG = 2, DT_STRING = 3, DT_INTERFACE = 4, DT_ENDPOINT = 5, DT_HID = 0x21, DT_REPORT = 0x22,
       DT_HUB = 0x29, DT_HUB_SUPER = 0x2a, DT_COMPANION = 0x30 };
#define CLASS_HID	3
#define CLASS_HUB	9

struct usb_device_descriptor {		/* 9.6.1 */
	u8 length, type;
	le16 version;
	u8 class, subclass, protocol, packet_max0;
	le16 vendor, product, release;
	u8 manufacturer_text, product_text, serial_text, configs;
} packed;

struct usb_config_descriptor {		/* 9.6.3 */
	u8 length, type;
	le16 total;
	u8 interfaces, value, text, attributes, power;
} packed;

/* An interface, setting 0, as far as anybody here drives one: config.c. */
struct usb_interface {
	u8 number, class, subclass, protocol, endpoints;
	u8 in;				/* address of its first interrupt IN endpoint; 0: none */
	u8 interval;			/* as in the descriptor */
	u8 burst;			/* packets of one service, less one */
	u16 packet_max;			/* 1..1024 */
	u16 hid_version, report_size;	/* HID 1.11, 6.2.1; 0: no such descriptor */
};
/* The interface at or behind *at, which moves on; false: there is none any more. What breaks the rules is left out. */
bool usb_config_next(const u8 *config, u32 length, u32 *at, struct usb_interface *out);

struct usb_pipe;

/* One interface of a device and who drives it. */
struct usb_function {
	struct usb_device *dev;		/* [S] */
	struct usb_interface interface;	/* [S] */
	const struct usb_driver *driver;/* [S] */
	void *data;			/* the driver's [S] */
	struct usb_pipe *in;		/* of its interrupt endpoint [S] */
	u32 due;			/* DUE_* and the driver's own bits: its thread's work is to be called [a] */
	u32 errors;			/* transfers that failed in a row [h] */
	struct list_node node;		/* [T] */
};
#define DUE_PIPE	1u		/* a transfer failed */
#define DUE_DRIVER	2u		/* the first bit that a driver has for itself */

struct usb_driver {
	const char *name;
	u8 class;
	/* The endpoint is there and still. -ENODEV: not for this driver after all; other errors are logged. [T] */
	int (*bind)(struct usb_function *f);
	/* What came by the interrupt endpoint. Hard interrupt, [h]. */
	void (*report)(struct usb_function *f, const u8 *data, u32 n);
	/* There is something to do; -errno: it cannot go on, and is ended. [T] */
	int (*work)(struct usb_function *f, u32 due);
	/* The endpoint is still for good; maybe the device is gone. [T] */
	void (*unbind)(struct usb_function *f);
};
extern const struct usb_driver usb_hid_driver, usb_hub_driver;

#define USB_PIPES	32		/* by xHCI's number of an endpoint: 1 the default one, 2n + in the others */
#define USB_LEVELS	5u		/* hubs in a row, USB 2.0 4.1.1 */
#define USB_NAME	32

struct usb_device {
	struct xhci *hc;		/* [S] */
	struct usb_device *hub;		/* that it is plugged into; NULL: one of the controller's own ports [S] */
	u8 port;			/* of that, from 1 [S] */
	u8 root_port;			/* where its way begins [S] */
	u8 level;			/* hubs on the way [S] */
	u8 speed;			/* enum usb_speed [S] */
	u8 slot;			/* the controller's number of it, 0: none [T] */
	u32 route;			/* four bits a hub, USB 3.2 8.9 [S] */
	u8 tt_slot, tt_port;		/* the hub that splits transfers for it, and where [S] */
	u32 number;			/* on its bus, as Linux counts [S] */
	char name[USB_NAME];		/* "1-4.2" [S] */
	struct usb_device_descriptor descriptor;	/* [T] */
	u8 *config;			/* the whole configuration that was chosen [T] */
	u32 config_length;		/* [T] */
	char *manufacturer, *product, *serial;		/* printable; NULL: it has none [T] */
	void *context;			/* the controller's, in memory [T] */
	struct usb_pipe *pipes[USB_PIPES];		/* [h] */
	struct list_node functions;	/* [T] */
	struct list_node node;		/* all of the controller's [T] */
};

/* ---- device.c: [T] unless it says otherwise ----------------------------------------------------------- */

/* Something was plugged in there: enumerate it and find drivers. -errno: it stays unused, reset and try again. */
int usb_device_add(struct xhci *h, struct usb_device *hub, u8 port, u8 speed);
/* It is gone, and all that is plugged into it. */
void usb_device_remove(struct usb_device *dev);
/* What is plugged in there; NULL: nothing. */
struct usb_device *usb_device_at(struct xhci *h, struct usb_device *hub, u8 port);
/* A transfer by the default endpoint: bytes moved, or -EPIPE (it stalled), -EPROTO, -EOVERFLOW, -ETIMEDOUT, -ENODEV. */
int usb_control(struct usb_device *dev, u8 type, u8 request, u16 value, u16 index, void *data, u32 n);
/* Ask for what the interrupt endpoint sends, pieces of at most n bytes, from now on. */
must_check int usb_listen(struct usb_function *f, u32 n);
/* There is work for f's thread. Any context. */
void usb_work(struct usb_function *f, u32 bits);
/* All devices' work that is due. */
void usb_devices_work(struct xhci *h);

/* ---- sysfs.c: [T] ------------------------------------------------------------------------------------- */

void usb_sysfs_add(struct usb_device *dev);
void usb_sysfs_remove(struct usb_device *dev);
/* The controller's buses, as root hubs. */
void usb_sysfs_host(struct xhci *h, bool there);
