/*
 * The input layer's middle: what a device reports changes its state here, and
 * what is news goes to the open files of /dev/input/eventN. Drivers come in
 * by input.h, programs by evdev.c.
 *
 * A device's events are handled under its own lock, an irq lock: reports come
 * from interrupts, key repeat from a softirq, LEDs from programs.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "fs/devfs.h"
#include "input/internal.h"
#include "mm/slab.h"

/* Linux's, Documentation/input/input-programming.rst; a person may set others (EVIOCSREP). */
#define REPEAT_DELAY_MS		250
#define REPEAT_PERIOD_MS	33
#define TRACKING_ID_MAX		0xffff

struct mutex input_mutex = MUTEX_INIT(input_mutex, "input devices");
struct list_node input_devices = LIST_INIT(input_devices);
static u32 next_serial;			/* [M] */

/* ---- bits ------------------------------------------------------------------------------------------- */

/* The types with codes, in the order in which their bits lie. */
static const struct { u16 type, count; } kinds[] = {
	{ EV_SYN, EV_CNT }, { EV_KEY, KEY_CNT }, { EV_REL, REL_CNT }, { EV_ABS, ABS_CNT }, { EV_MSC, MSC_CNT },
	{ EV_SW, SW_CNT }, { EV_LED, LED_CNT }, { EV_SND, SND_CNT }, { EV_FF, FF_CNT },
};

u32 input_codes(u32 type)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return kinds[i].count;
	return 0;
}

u64 *input_bits(u64 *table, u32 type)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type == type)
			return table;
		table += BITMAP_WORDS(kinds[i].count);
	}
	return NULL;
}

/* ---- events ----------------------------------------------------------------------------------------- */

/* To whoever reads. All events of a packet have the time of its first. [l] */
static void deliver(struct input_device *dev, u32 type, u32 code, s32 value)
{
	struct evdev_client *c;
	bool end = type == EV_SYN && code == SYN_REPORT;

	if (end && !dev->time)
		return;			/* the end of nothing */
	if (!dev->time) {
		dev->time = clock_ns();
		dev->real_time = clock_realtime_ns();
	}
	if (dev->grab)
		evdev_deliver(dev->grab, type, code, value);
	else
		list_for_each(c, &dev->clients, node)
			evdev_deliver(c, type, code, value);
	if (end)
		dev->time = 0;
}

/* Do its keys go to the screen's console, too? Those of a keyboard, unless a program wants it for itself. [l] */
static bool console_hears(struct input_device *dev)
{
	return !dev->grab && input_has(dev, EV_KEY, KEY_A) && input_has(dev, EV_KEY, KEY_ENTER);
}

/* A key went down or up: the last that went down repeats, until any comes up. [l] */
static void repeat_set(struct input_device *dev, u32 key, bool down)
{
	timer_cancel(&dev->repeat_timer);
	if (!down || !bitmap_test(dev->can, EV_REP) || !dev->repeat[REP_DELAY] || !dev->repeat[REP_PERIOD])
		return;
	dev->repeat_key = key;
	timer_set(&dev->repeat_timer, clock_ns() + (u64)dev->repeat[REP_DELAY] * NSEC_PER_MSEC);
}

static void repeat(struct timer *t)
{
	struct input_device *dev = container_of(t, struct input_device, repeat_timer);
	u64 flags = spin_lock_irqsave(&dev->lock);

	/* Set anew or cancelled while this was on its way: then it is not this one's turn. */
	if (!dev->gone && !timer_armed(t) && bitmap_test(input_bits(dev->on, EV_KEY), dev->repeat_key)) {
		deliver(dev, EV_KEY, dev->repeat_key, 2);
		deliver(dev, EV_SYN, SYN_REPORT, 1);
		if (console_hears(dev))
			keyboard_key(dev->repeat_key, 2);
		if (dev->repeat[REP_PERIOD])
			timer_set(t, clock_ns() + (u64)dev->repeat[REP_PERIOD] * NSEC_PER_MSEC);
	}
	spin_unlock_irqrestore(&dev->lock, flags);
}

/* Note whether a key, a switch, an LED or a sound is on: true if that is news. [l] */
static bool turned(struct input_device *dev, u32 type, u32 code, bool on)
{
	u64 *bits = input_bits(dev->on, type);

	if (bitmap_test(bits, code) == on)
		return false;
	if (on)
		bitmap_set(bits, code);
	else
		bitmap_clear(bits, code);
	return true;
}

/* An axis that trembles within its fuzz: near what it was it stays, further off it follows half-heartedly. */
static s32 steady(s64 value, s64 old, s64 fuzz)
{
	s64 off = value > old ? value - old : old - value;

	if (fuzz <= 0 || off >= 2 * fuzz)
		return value;
	if (off < fuzz / 2)
		return old;
	return off < fuzz ? (old * 3 + value) / 4 : (old + value) / 2;
}

/* A position. Those of contacts are remembered for each, and readers are told first which one it is. [l] */
static void axis(struct input_device *dev, u32 code, s32 value)
{
	bool contact = code >= INPUT_MT_FIRST && code <= INPUT_MT_LAST;
	s32 *old = &dev->abs[code].value;

	if (code == ABS_MT_SLOT) {
		if (value >= 0 && (u32)value < dev->slot_count)
			dev->slot = value;
		return;
	}
	if (contact)
		old = dev->slots ? &dev->slots[dev->slot][code - INPUT_MT_FIRST] : NULL;
	if (old) {
		value = steady(value, *old, dev->abs[code].fuzz);
		if (value == *old)
			return;
		*old = value;
	}
	if (contact && dev->slots && dev->abs[ABS_MT_SLOT].value != (s32)dev->slot) {
		dev->abs[ABS_MT_SLOT].value = dev->slot;
		deliver(dev, EV_ABS, ABS_MT_SLOT, dev->slot);
	}
	deliver(dev, EV_ABS, code, value);
}

/* Was it news? [l] */
static bool key(struct input_device *dev, u32 code, s32 value)
{
	if (value != 2) {		/* the device's own repeat says nothing new */
		if (!turned(dev, EV_KEY, code, value))
			return false;
		repeat_set(dev, code, value);
	}
	deliver(dev, EV_KEY, code, value);
	return true;
}

/* To readers and to the device. [l] */
static void deliver_both(struct input_device *dev, u32 type, u32 code, s32 value)
{
	if (dev->event)
		dev->event(dev, type, code, value);
	deliver(dev, type, code, value);
}

/* [l] */
static void console_key(struct input_device *dev, u32 code, s32 value)
{
	bool caps = keyboard_key(code, value);

	if (input_has(dev, EV_LED, LED_CAPSL) && turned(dev, EV_LED, LED_CAPSL, caps))
		deliver_both(dev, EV_LED, LED_CAPSL, caps);
}

/* One event that the device has the type of: what it changes, and whom it concerns. [l] */
static void handle(struct input_device *dev, u32 type, u32 code, s32 value)
{
	if (type != EV_SYN && input_codes(type) && type != EV_FF && !input_has(dev, type, code))
		return;
	switch (type) {
	case EV_SYN:
		if (code == SYN_REPORT || code == SYN_MT_REPORT)
			deliver(dev, type, code, value);
		else if (code == SYN_CONFIG)
			deliver_both(dev, type, code, value);
		break;
	case EV_KEY:
		if (key(dev, code, value) && console_hears(dev))
			console_key(dev, code, value);
		break;
	case EV_SW:
		if (turned(dev, type, code, value))
			deliver(dev, type, code, value);
		break;
	case EV_ABS:
		axis(dev, code, value);
		break;
	case EV_REL:
		if (value)
			deliver(dev, type, code, value);
		break;
	case EV_LED:
		if (turned(dev, type, code, value))
			deliver_both(dev, type, code, value);
		break;
	case EV_SND:
		turned(dev, type, code, value);
		deliver_both(dev, type, code, value);
		break;
	case EV_REP:
		if (code > REP_MAX || value < 0 || dev->repeat[code] == value)
			break;
		dev->repeat[code] = value;
		deliver_both(dev, type, code, value);
		break;
	case EV_FF:
		if (value < 0)
			break;
		/* fall through */
	case EV_MSC:
	case EV_PWR:
		deliver_both(dev, type, code, value);
		break;
	}
}

void input_event(struct input_device *dev, u32 type, u32 code, s32 value)
{
	u64 flags;

	if (type > EV_MAX || !bitmap_test(dev->can, type))
		return;
	flags = spin_lock_irqsave(&dev->lock);
	handle(dev, type, code, value);
	spin_unlock_irqrestore(&dev->lock, flags);
}

int input_inject(struct evdev_client *c, u32 type, u32 code, s32 value)
{
	struct input_device *dev = c->dev;
	u64 flags = spin_lock_irqsave(&dev->lock);
	bool dead = evdev_dead(c);

	if (!dead && type <= EV_MAX && bitmap_test(dev->can, type))
		handle(dev, type, code, value);
	spin_unlock_irqrestore(&dev->lock, flags);
	return dead ? -ENODEV : 0;
}

/* ---- devices ---------------------------------------------------------------------------------------- */

struct input_device *input_new(void)
{
	struct input_device *dev = kzalloc(sizeof(*dev));

	if (!dev)
		return NULL;
	dev->refs = 1;
	spin_init(&dev->lock, "input");
	timer_init(&dev->repeat_timer, repeat);
	list_init(&dev->clients);
	bitmap_set(dev->can, EV_SYN);
	return dev;
}

void input_free(struct input_device *dev)
{
	kfree(dev->name);
	kfree(dev->phys);
	kfree(dev->uniq);
	kfree(dev->slots);
	kfree(dev);
}

void input_put(struct input_device *dev)
{
	if (ref_put(&dev->refs))
		input_free(dev);
}

struct input_device *input_find(u32 number)
{
	struct input_device *dev, *found = NULL;

	mutex_lock(&input_mutex);
	list_for_each(dev, &input_devices, node)
		if (dev->number == number)
			found = dev;
	if (found)
		ref_get(&found->refs);
	mutex_unlock(&input_mutex);
	return found;
}

/* Memory for the contacts of a device that reports them by slot. */
static int slots_make(struct input_device *dev)
{
	s32 last = dev->abs[ABS_MT_SLOT].maximum;

	if (!input_has(dev, EV_ABS, ABS_MT_SLOT))
		return 0;
	if (last < 0 || (u32)last >= INPUT_SLOTS_MAX) {
		log_err("input: %s: contacts 0 to %d cannot be", dev->name ? dev->name : "?", last);
		return -EINVAL;
	}
	dev->slots = kcalloc(last + 1, sizeof(*dev->slots));
	if (!dev->slots)
		return -ENOMEM;
	dev->slot_count = last + 1;
	for (u32 i = 0; i < dev->slot_count; i++)
		dev->slots[i][ABS_MT_TRACKING_ID - INPUT_MT_FIRST] = -1;	/* no contact */
	dev->abs[ABS_MT_SLOT] = (struct input_absinfo){ .maximum = last };
	input_can(dev, EV_ABS, ABS_MT_TRACKING_ID);
	dev->abs[ABS_MT_TRACKING_ID] = (struct input_absinfo){ .maximum = TRACKING_ID_MAX };
	return 0;
}

/* What it has of types that it hasn't is nothing. */
static void tidy(struct input_device *dev)
{
	for (u32 i = 1; i < ARRAY_SIZE(kinds); i++)
		if (!bitmap_test(dev->can, kinds[i].type))
			memset(input_bits(dev->can, kinds[i].type), 0, BITMAP_WORDS(kinds[i].count) * sizeof(u64));
	bitmap_clear(input_bits(dev->can, EV_KEY), KEY_RESERVED);
	if (!dev->repeat[REP_DELAY] && !dev->repeat[REP_PERIOD]) {
		dev->repeat[REP_DELAY] = REPEAT_DELAY_MS;
		dev->repeat[REP_PERIOD] = REPEAT_PERIOD_MS;
	}
}

static void node_name(const struct input_device *dev, char name[32])
{
	snprintf(name, 32, "input/event%u", dev->number);
}

/* The lowest number that is free, and its place in the list. [M] */
static struct list_node *number_take(struct input_device *dev)
{
	struct input_device *at;
	u32 n = 0;

	list_for_each(at, &input_devices, node) {
		if (at->number != n)
			break;
		n++;
	}
	dev->number = n;
	dev->serial = next_serial++;
	return &at->node;		/* the first behind the gap, or the list's head */
}

int input_register(struct input_device *dev)
{
	struct list_node *behind;
	char name[32];
	int err;

	tidy(dev);
	err = slots_make(dev);
	if (err)
		return err;
	mutex_lock(&input_mutex);
	behind = number_take(dev);
	node_name(dev, name);
	err = input_sysfs_add(dev);
	if (!err)
		err = devfs_node_add(name, 0600, evdev_number(dev->number));
	if (!err)
		list_insert(&dev->node, behind->prev, behind);
	else
		input_sysfs_remove(dev);
	mutex_unlock(&input_mutex);
	if (!err)
		log_info("input: %s is /dev/%s", dev->name ? dev->name : "a device without a name", name);
	return err;
}

void input_unregister(struct input_device *dev)
{
	struct evdev_client *c;
	char name[32];
	u64 flags;

	mutex_lock(&input_mutex);
	list_remove(&dev->node);
	node_name(dev, name);
	devfs_node_remove(name, evdev_number(dev->number));
	input_sysfs_remove(dev);
	mutex_unlock(&input_mutex);
	flags = spin_lock_irqsave(&dev->lock);
	dev->gone = true;
	list_for_each(c, &dev->clients, node)
		evdev_hangup(c);
	spin_unlock_irqrestore(&dev->lock, flags);
	timer_cancel_sync(&dev->repeat_timer);
	input_put(dev);
}
