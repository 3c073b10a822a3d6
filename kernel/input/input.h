/*
 * Input devices: keyboards, mice, tablets, touch screens. A driver makes one,
 * says what it can do, registers it and reports what happens; input.c keeps
 * its state, repeats keys and gives the events to the programs that have
 * /dev/input/eventN open (evdev.c, evdev_ioctl.c). sysfs.c shows it in /sys
 * and /proc.
 *
 * Types, codes and values are Linux's: <linux/input-event-codes.h>,
 * Documentation/input/event-codes.rst and multi-touch-protocol.rst (type B).
 *
 * Lock keys: [S] set before the device is registered, then fixed; [l] lock;
 * [M] input_mutex; [a] atomic.
 */
#pragma once
#include <linux/input.h>
#include "base/bitmap.h"
#include "base/list.h"
#include "core/spinlock.h"
#include "sched/timer.h"

#define INPUT_MT_FIRST	ABS_MT_TOUCH_MAJOR	/* the axes that each contact has a value of */
#define INPUT_MT_LAST	ABS_MT_TOOL_Y
#define INPUT_MT_AXES	(INPUT_MT_LAST - INPUT_MT_FIRST + 1)
#define INPUT_SLOTS_MAX	1024u			/* contacts at a time; Linux's limit, too */

/* A bit for each code of each type, one type behind the other: input_bits says where. */
#define INPUT_BITS_WORDS (BITMAP_WORDS(EV_CNT) + BITMAP_WORDS(KEY_CNT) + BITMAP_WORDS(REL_CNT) + \
	BITMAP_WORDS(ABS_CNT) + BITMAP_WORDS(MSC_CNT) + BITMAP_WORDS(SW_CNT) + BITMAP_WORDS(LED_CNT) + \
	BITMAP_WORDS(SND_CNT) + BITMAP_WORDS(FF_CNT))

struct evdev_client;

struct input_device {
	struct input_id id;				/* [S] */
	char *name, *phys, *uniq;			/* kmalloc'ed, the device's own; NULL: it has none [S] */
	u64 props[BITMAP_WORDS(INPUT_PROP_CNT)];	/* INPUT_PROP_* [S] */
	u64 can[INPUT_BITS_WORDS];			/* which events it has, of type EV_SYN: which types [S] */
	/* Send the device an event (EV_LED, EV_SND ...). Called with [l] held, in any context. NULL: it takes none [S] */
	void (*event)(struct input_device *dev, u32 type, u32 code, s32 value);
	void *driver_data;				/* [S] */

	/* The layer's own. */
	struct spinlock lock;				/* irq kind */
	u32 refs;					/* the layer's, and one for each open file [a] */
	u32 number;					/* of event%u [S] */
	u32 serial;					/* of input%u, never used again [S] */
	bool gone;					/* unregistered: event is not called any more [l] */
	u64 on[INPUT_BITS_WORDS];			/* keys that are down, LEDs, sounds, switches that are on [l] */
	struct input_absinfo abs[ABS_CNT];		/* the driver fills the ranges before it registers [l] */
	s32 (*slots)[INPUT_MT_AXES];			/* what each contact's axes last were; NULL: not of type B [l] */
	u32 slot_count;					/* [S] */
	u32 slot;					/* which one the device speaks of; abs[ABS_MT_SLOT]: readers, too [l] */
	s32 repeat[REP_CNT];				/* ms: the delay and the period [l] */
	struct timer repeat_timer;			/* of repeat_key [l] */
	u32 repeat_key;					/* [l] */
	u64 time, real_time;				/* of the packet that is being reported, 0: none is [l] */
	struct list_node clients;			/* struct evdev_client.node [l] */
	struct evdev_client *grab;			/* the only one that gets events; NULL: all do [l] */
	struct list_node node;				/* [M] */
};

/* Bits of a type in a table such as can, and how many codes it has; NULL and 0 for a type that has none. Any
 * context. */
u64 *input_bits(u64 *table, u32 type);
u32 input_codes(u32 type);
static inline void input_can(struct input_device *dev, u32 type, u32 code)
{
	bitmap_set(input_bits(dev->can, type), code);
}
/* Does it have events of that type and code? A code past the type's last: no. */
static inline bool input_has(struct input_device *dev, u32 type, u32 code)
{
	return code < input_codes(type) && bitmap_test(input_bits(dev->can, type), code);
}

/* A device with nothing; freed by input_free as long as it is not registered. NULL: no memory. */
struct input_device *input_new(void);
void input_free(struct input_device *dev);
/*
 * Programs may open it. -EINVAL: it claims more contacts than can be; -ENOMEM, and what registering names fails with.
 * Process context.
 */
must_check int input_register(struct input_device *dev);
/* It is gone: readers get ENODEV. The caller reports no more and loses dev. Process context. */
void input_unregister(struct input_device *dev);

/*
 * The device reports an event; EV_SYN SYN_REPORT ends what happened at one time. Events that it said it hasn't are
 * ignored, and so are those that change nothing. Any context.
 */
void input_event(struct input_device *dev, u32 type, u32 code, s32 value);
