/*
 * The ioctls of /dev/input/eventN, as <linux/input.h> describes them: what a
 * device is and can do, its state, and what this open of it wants. Many carry
 * a length in their number and copy that much at most.
 */
#include <linux/time.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "input/internal.h"
#include "mm/slab.h"

/* The number without its length. */
#define WITHOUT_SIZE(cmd) ((cmd) & ~((u32)_IOC_SIZEMASK << _IOC_SIZESHIFT))

/* n bytes, but no more than there is room for: how many, or -EFAULT. */
static long put_part(u64 arg, const void *from, size_t n, size_t room)
{
	n = MIN(n, room);
	return copy_to_user(arg, from, n) ? -EFAULT : (long)n;
}

static long bits_put(u64 arg, const u64 *bits, u32 count, size_t room)
{
	return put_part(arg, bits, BITMAP_WORDS(count) * sizeof(u64), room);
}

static long string_put(u64 arg, const char *s, size_t room)
{
	return s ? put_part(arg, s, strlen(s) + 1, room) : -ENOENT;
}

/* ---- state ------------------------------------------------------------------------------------------ */

/* A reader that asks for the state needs not read how it came about: events of the type go out of the ring. [l] */
static void forget(struct evdev_client *c, u32 type)
{
	u32 to = c->tail, mask = c->size - 1, in_packet = 1;	/* a SYN_REPORT that comes first stays */

	c->packet = to;
	for (u32 at = c->tail; at != c->head; at++) {
		struct evdev_event e = c->ring[at & mask];
		bool end = e.type == EV_SYN && e.code == SYN_REPORT;

		if (e.type == type || (end && !in_packet))
			continue;
		c->ring[to++ & mask] = e;
		in_packet++;
		if (end) {
			in_packet = 0;
			c->packet = to;
		}
	}
	c->head = to;
}

static long state_get(struct evdev_client *c, u32 type, u64 arg, size_t room)
{
	struct input_device *dev = c->dev;
	u64 bits[BITMAP_WORDS(KEY_CNT)];
	u32 count = input_codes(type);
	u64 flags = spin_lock_irqsave(&dev->lock);
	long n;

	memcpy(bits, input_bits(dev->on, type), BITMAP_WORDS(count) * sizeof(u64));
	forget(c, type);
	spin_unlock_irqrestore(&dev->lock, flags);
	n = bits_put(arg, bits, count, room);
	if (n < 0) {
		flags = spin_lock_irqsave(&dev->lock);
		evdev_drop(c);
		spin_unlock_irqrestore(&dev->lock, flags);
	}
	return n;
}

static long axis_get(struct input_device *dev, u32 axis, u64 arg, size_t room)
{
	struct input_absinfo a;
	u64 flags;

	if (!bitmap_test(dev->can, EV_ABS))
		return -EINVAL;
	flags = spin_lock_irqsave(&dev->lock);
	a = dev->abs[axis];
	spin_unlock_irqrestore(&dev->lock, flags);
	return put_part(arg, &a, sizeof(a), room) < 0 ? -EFAULT : 0;
}

static long axis_set(struct input_device *dev, u32 axis, u64 arg, size_t size)
{
	struct input_absinfo a = { 0 };
	u64 flags;

	if (!bitmap_test(dev->can, EV_ABS))
		return -EINVAL;
	if (copy_from_user(&a, arg, MIN(size, sizeof(a))))
		return -EFAULT;
	if (size < sizeof(a))
		a.resolution = 0;
	if (axis == ABS_MT_SLOT)
		return -EINVAL;			/* how many contacts there are is the device's */
	flags = spin_lock_irqsave(&dev->lock);
	dev->abs[axis] = a;
	spin_unlock_irqrestore(&dev->lock, flags);
	return 0;
}

/* The code, and behind it what each contact's axis of that code is. */
static long slots_get(struct input_device *dev, u64 arg, size_t size)
{
	u32 code, n = size < sizeof(u32) ? 0 : size / sizeof(u32) - 1;

	if (get_user_u32(&code, arg))
		return -EFAULT;
	if (!dev->slots || code < INPUT_MT_FIRST || code > INPUT_MT_LAST)
		return -EINVAL;
	for (u32 i = 0; i < MIN(n, dev->slot_count); i++)
		if (put_user_u32(arg + (1 + i) * sizeof(u32), READ_ONCE(dev->slots[i][code - INPUT_MT_FIRST])))
			return -EFAULT;
	return 0;
}

static long repeat_get(struct input_device *dev, u64 arg)
{
	if (!bitmap_test(dev->can, EV_REP))
		return -ENOSYS;
	return copy_to_user(arg, dev->repeat, sizeof(dev->repeat));
}

static long repeat_set(struct evdev_client *c, u64 arg)
{
	s32 to[REP_CNT];

	if (!bitmap_test(c->dev->can, EV_REP))
		return -ENOSYS;
	if (copy_from_user(to, arg, sizeof(to)))
		return -EFAULT;
	input_inject(c, EV_REP, REP_DELAY, to[REP_DELAY]);
	input_inject(c, EV_REP, REP_PERIOD, to[REP_PERIOD]);
	return 0;
}

/* ---- this open of it -------------------------------------------------------------------------------- */

static long grab(struct evdev_client *c, bool on)
{
	u64 flags = spin_lock_irqsave(&c->dev->lock);
	long err = 0;

	if (on && c->dev->grab)
		err = -EBUSY;
	else if (!on && c->dev->grab != c)
		err = -EINVAL;
	else
		c->dev->grab = on ? c : NULL;
	spin_unlock_irqrestore(&c->dev->lock, flags);
	return err;
}

static long revoke(struct evdev_client *c)
{
	u64 flags = spin_lock_irqsave(&c->dev->lock);

	WRITE_ONCE(c->revoked, true);
	if (c->dev->grab == c)
		c->dev->grab = NULL;
	evdev_hangup(c);
	spin_unlock_irqrestore(&c->dev->lock, flags);
	return 0;
}

static long clock_set(struct evdev_client *c, u64 arg)
{
	u64 flags;
	u32 to;

	if (get_user_u32(&to, arg))
		return -EFAULT;
	if (to != CLOCK_REALTIME && to != CLOCK_MONOTONIC && to != CLOCK_BOOTTIME)
		return -EINVAL;
	flags = spin_lock_irqsave(&c->dev->lock);
	if (to != c->clock) {
		c->clock = to;
		if (c->head != c->tail) {	/* times of two clocks would not be in order */
			c->tail = c->packet = c->head;
			evdev_drop(c);
		}
	}
	spin_unlock_irqrestore(&c->dev->lock, flags);
	return 0;
}

static long mask_get(struct evdev_client *c, u64 arg)
{
	u64 bits[BITMAP_WORDS(KEY_CNT)], flags;
	struct input_mask m;
	size_t n;

	if (copy_from_user(&m, arg, sizeof(m)))
		return -EFAULT;
	n = MIN((size_t)m.codes_size, BITMAP_WORDS(input_codes(m.type)) * sizeof(u64));
	flags = spin_lock_irqsave(&c->dev->lock);
	if (n)
		memcpy(bits, input_bits(c->mask, m.type), n);
	spin_unlock_irqrestore(&c->dev->lock, flags);
	if (copy_to_user(m.codes_ptr, bits, n) || clear_user(m.codes_ptr + n, m.codes_size - n))
		return -EFAULT;
	return 0;
}

/* Codes past what is given are not wanted; types and codes that nobody knows are not looked at. */
static long mask_set(struct evdev_client *c, u64 arg)
{
	u64 bits[BITMAP_WORDS(KEY_CNT)] = { 0 }, flags;
	struct input_mask m;
	size_t n;

	if (copy_from_user(&m, arg, sizeof(m)))
		return -EFAULT;
	n = BITMAP_WORDS(input_codes(m.type)) * sizeof(u64);
	if (!n)
		return 0;
	if (m.codes_size % sizeof(u64))
		return -EINVAL;
	if (copy_from_user(bits, m.codes_ptr, MIN((size_t)m.codes_size, n)))
		return -EFAULT;
	flags = spin_lock_irqsave(&c->dev->lock);
	memcpy(input_bits(c->mask, m.type), bits, n);
	spin_unlock_irqrestore(&c->dev->lock, flags);
	return 0;
}

/* No device here has a map from its own codes to keys that a program could change. */
static long keycode(u64 arg, size_t size)
{
	struct input_keymap_entry e;

	return copy_from_user(&e, arg, size) ? -EFAULT : -EINVAL;
}

/* ---- which one -------------------------------------------------------------------------------------- */

/* Those whose number says their length: bytes given, or -errno; -EINVAL also for those that are none of them. */
static long sized_ioctl(struct evdev_client *c, u32 cmd, u64 arg)
{
	struct input_device *dev = c->dev;
	u32 size = _IOC_SIZE(cmd), nr = _IOC_NR(cmd), type;

	switch (WITHOUT_SIZE(cmd)) {
	case EVIOCGPROP(0):
		return bits_put(arg, dev->props, INPUT_PROP_CNT, size);
	case EVIOCGMTSLOTS(0):
		return slots_get(dev, arg, size);
	case EVIOCGKEY(0):
		return state_get(c, EV_KEY, arg, size);
	case EVIOCGLED(0):
		return state_get(c, EV_LED, arg, size);
	case EVIOCGSND(0):
		return state_get(c, EV_SND, arg, size);
	case EVIOCGSW(0):
		return state_get(c, EV_SW, arg, size);
	case EVIOCGNAME(0):
		return string_put(arg, dev->name, size);
	case EVIOCGPHYS(0):
		return string_put(arg, dev->phys, size);
	case EVIOCGUNIQ(0):
		return string_put(arg, dev->uniq, size);
	}
	if (_IOC_TYPE(cmd) != 'E')
		return -EINVAL;
	if (_IOC_DIR(cmd) == _IOC_READ && (nr & ~EV_MAX) == _IOC_NR(EVIOCGBIT(0, 0))) {
		type = nr & EV_MAX;
		return input_codes(type) ? bits_put(arg, input_bits(dev->can, type), input_codes(type), size) : -EINVAL;
	}
	if (_IOC_DIR(cmd) == _IOC_READ && (nr & ~ABS_MAX) == _IOC_NR(EVIOCGABS(0)))
		return axis_get(dev, nr & ABS_MAX, arg, size);
	if (_IOC_DIR(cmd) == _IOC_WRITE && (nr & ~ABS_MAX) == _IOC_NR(EVIOCSABS(0)))
		return axis_set(dev, nr & ABS_MAX, arg, size);
	return -EINVAL;
}

long evdev_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct evdev_client *c = f->priv;

	if (evdev_dead(c))
		return -ENODEV;
	switch (cmd) {
	case EVIOCGVERSION:
		return put_user_u32(arg, EV_VERSION);
	case EVIOCGID:
		return copy_to_user(arg, &c->dev->id, sizeof(c->dev->id));
	case EVIOCGREP:
		return repeat_get(c->dev, arg);
	case EVIOCSREP:
		return repeat_set(c, arg);
	case EVIOCRMFF:
		return -ENOSYS;			/* no device here has force feedback */
	case EVIOCGEFFECTS:
		return put_user_u32(arg, 0);
	case EVIOCGRAB:
		return grab(c, arg);
	case EVIOCREVOKE:
		return arg ? -EINVAL : revoke(c);
	case EVIOCGMASK:
		return mask_get(c, arg);
	case EVIOCSMASK:
		return mask_set(c, arg);
	case EVIOCSCLOCKID:
		return clock_set(c, arg);
	case EVIOCGKEYCODE:
	case EVIOCGKEYCODE_V2:
	case EVIOCSKEYCODE:
	case EVIOCSKEYCODE_V2:
		return keycode(arg, _IOC_SIZE(cmd));
	}
	return sized_ioctl(c, cmd, arg);
}
