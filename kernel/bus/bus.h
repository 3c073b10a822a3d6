/*
 * Buses: the devices that are found on one, the drivers that the kernel has for it, and which has which. A bus (PCI,
 * USB) says what devices there are as they come and go; here they get their drivers, lose them, and are shown below
 * /sys/bus, where a person binds and unbinds them by hand, as on Linux. docs/devices.md tells the life of a device.
 *
 * Lock keys: [S] set before the device is added, then fixed; [b] bus.lock; [a] atomic.
 */
#pragma once
#include "base/list.h"
#include "fs/text.h"
#include "sched/mutex.h"

/* A bus's own kind of driver begins with this; there from the start, never changed. */
struct bus_driver { const char *name; };

struct bus_device {
	struct bus_type *bus;			/* [S] */
	char name[24];				/* on its bus: "0000:00:01.0" [S] */
	/* What it hangs off, on this bus or on another one: NULL for a root. Referenced. [S] */
	struct bus_device *parent;
	char root[16];				/* a directory between /sys/devices and it, if it has no parent: "pci0000:00" [S] */
	const struct bus_driver *driver;	/* NULL: nobody's [b] */
	bool gone;				/* no longer on its bus [b] */
	u32 refs;				/* the bus's, its children's, those of open files below /sys [a] */
	struct list_node node;			/* [b] */
};

/* A file of a device below /sys. Its functions are called with the bus's lock held and the device not gone. */
struct bus_attribute {
	const char *name;
	void (*show)(struct text_out *t, struct bus_device *d);	/* NULL: it is not read, or by read */
	int (*store)(const char *text, struct bus_device *d);	/* NULL: read-only; 0 or -errno */
	s64 (*read)(struct bus_device *d, u64 offset, void *buf, size_t n);	/* of raw bytes: how many, or -errno */
	u64 size;						/* of these */
};

struct bus_type {
	const char *name;			/* "pci" */
	struct mutex lock;			/* over all that comes, goes, is bound and unbound; class "NAME bus" */
	struct list_node devices;		/* in the order in which they came [b] */
	const struct bus_attribute *attributes;	/* of each device, up to one without a name; NULL: none */
	/* The driver behind this one, the first behind NULL; NULL: no more. */
	const struct bus_driver *(*driver_next)(const struct bus_driver *d);
	/* Give the device to the driver: 0; -ENODEV: not for this one; other errors. Lock held. */
	int (*probe)(struct bus_device *d, const struct bus_driver *driver);
	/*
	 * Take it back: no handler, timer or thread of the driver's is about when this returns, and all that it had is
	 * given back; the device may be there or not. Lock held.
	 */
	void (*remove)(struct bus_device *d);
	/* Nobody knows of it any more. Any context that may sleep. */
	void (*release)(struct bus_device *d);
};
#define BUS_INIT(b, nm) .name = nm, .lock = MUTEX_INIT((b).lock, nm " bus"), .devices = LIST_INIT((b).devices)

/* Once a bus, before its first device: its directories below /sys/bus. 0 or -errno. Process context. */
int bus_register(struct bus_type *b);

/*
 * All of these in process context with the bus's lock held. Where a device of one bus is the parent of another bus (the
 * controller of a USB bus), the parent's lock comes first.
 */
/* d is on its bus from now on, and shown; the caller's reference is the bus's. It cannot fail: at worst it is not
 * shown. */
void bus_device_add(struct bus_device *d);
/* Offer it to the drivers, unless it has one. */
void bus_device_probe(struct bus_device *d);
/* Take it from its driver; nothing, if it has none. */
void bus_device_unbind(struct bus_device *d);
/* It is no longer there: unbound, hidden, and forgotten. Its children went before. */
void bus_device_remove(struct bus_device *d);

/* References keep the memory, not the device. Any context that may sleep. */
static inline void bus_device_get(struct bus_device *d) { ref_get(&d->refs); }
void bus_device_put(struct bus_device *d);
/* "devices/pci0000:00/0000:00:01.0" in buf: where below /sys it is. Its length. Any context. */
size_t bus_device_path(const struct bus_device *d, char *buf, size_t size);
