/*
 * What the files of the input layer know of one another.
 */
#pragma once
#include "fs/file.h"
#include "input/input.h"
#include "sched/mutex.h"

#define EVDEV_MAJOR	13		/* Linux, admin-guide/devices.txt */

struct evdev_event {
	u64 time;			/* ns, by the client's clock */
	u16 type, code;
	s32 value;
};

/*
 * One open of a device. Its ring holds whole packets up to `packet`, and behind that one which has not ended; a reader
 * sees only whole ones. Key: [l] the device's lock.
 */
struct evdev_client {
	struct list_node node;		/* [l] */
	struct input_device *dev;	/* referenced [S] */
	struct wait_queue wait;
	u32 tail, packet, head;		/* read, readable and written up to here; they count on past the ring's end [l] */
	u32 size;			/* of the ring, a power of two [S] */
	u32 clock;			/* CLOCK_* of the time stamps [l] */
	bool revoked;			/* EVIOCREVOKE: as if the device were gone [l] */
	u64 mask[INPUT_BITS_WORDS];	/* EVIOCSMASK: which events it wants [l] */
	struct evdev_event ring[];	/* [l] */
};

/* ---- input.c ---- */
extern struct mutex input_mutex;
extern struct list_node input_devices;	/* by number [M] */
/* A reference to the device with that event number, or NULL. Process context. */
struct input_device *input_find(u32 number);
void input_put(struct input_device *dev);
/* An event from a program, whoever has grabbed the device. -ENODEV. Process context. */
int input_inject(struct evdev_client *c, u32 type, u32 code, s32 value);

/* ---- evdev.c ---- */
/* The device number of /dev/input/event<number>. */
u64 evdev_number(u32 number);
/* Events, as many as a packet of this device may have. */
u32 evdev_packet(struct input_device *dev);
/* Put an event into the ring if it is wanted. [l] */
void evdev_deliver(struct evdev_client *c, u32 type, u32 code, s32 value);
/* Something was lost: SYN_DROPPED says so, to be read with the packet that ends next. [l] */
void evdev_drop(struct evdev_client *c);
/* No event comes any more: readers wake and find out. Any context. */
void evdev_hangup(struct evdev_client *c);
/* [l] */
static inline bool evdev_dead(const struct evdev_client *c) { return READ_ONCE(c->dev->gone) || READ_ONCE(c->revoked); }

/* ---- evdev_ioctl.c ---- */
long evdev_ioctl(struct file *f, u32 cmd, u64 arg);

/* ---- keyboard.c ---- */
/* A key of a keyboard went down (1), is held (2) or came up (0), for the screen's console. Is caps lock on? Any
 * context. */
bool keyboard_key(u32 code, s32 value);

/* ---- sysfs.c ---- */
/* Files of a registered device in /sys; -errno. [M] */
int input_sysfs_add(struct input_device *dev);
void input_sysfs_remove(struct input_device *dev);
