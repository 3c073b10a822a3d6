/*
 * Input devices as text: /sys/devices/virtual/input/inputN with its eventN,
 * links to both under /sys/class/input and by number under /sys/dev/char, and
 * /proc/bus/input/devices. Names and layout are Linux's. What the files say is
 * fixed when a device is registered, so it is written then.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/devfs.h"
#include "fs/procfs.h"
#include "fs/sysfs.h"
#include "input/internal.h"
#include "mm/slab.h"

static const struct { u16 type; const char *file, *label; } bitmaps[] = {
	{ EV_SYN, "ev", "EV" }, { EV_KEY, "key", "KEY" }, { EV_REL, "rel", "REL" }, { EV_ABS, "abs", "ABS" },
	{ EV_MSC, "msc", "MSC" }, { EV_LED, "led", "LED" }, { EV_SND, "snd", "SND" }, { EV_FF, "ff", "FF" },
	{ EV_SW, "sw", "SW" },
};

/* Words in hexadecimal, the highest first and none that is zero before it. */
static void bits_show(struct text_out *t, const u64 *bits, u32 count)
{
	u32 n = BITMAP_WORDS(count);

	while (n > 1 && !bits[n - 1])
		n--;
	while (n--)
		text_printf(t, n ? "%llx " : "%llx", (unsigned long long)bits[n]);
}

static const char *text_of(const char *s) { return s ? s : ""; }

static void identity_show(struct text_out *t, struct input_device *dev)
{
	text_printf(t, "PRODUCT=%x/%x/%x/%x\nNAME=\"%s\"\nPHYS=\"%s\"\n", dev->id.bustype, dev->id.vendor, dev->id.product,
		    dev->id.version, text_of(dev->name), text_of(dev->phys));
	if (dev->uniq)
		text_printf(t, "UNIQ=\"%s\"\n", dev->uniq);
}

/* KEY=... of each type that it has, a line each behind prefix. */
static void abilities_show(struct text_out *t, struct input_device *dev, const char *prefix)
{
	text_printf(t, "%sPROP=", prefix);
	bits_show(t, dev->props, INPUT_PROP_CNT);
	for (u32 i = 0; i < ARRAY_SIZE(bitmaps); i++) {
		if (!bitmap_test(dev->can, bitmaps[i].type))
			continue;
		text_printf(t, "\n%s%s=", prefix, bitmaps[i].label);
		bits_show(t, input_bits(dev->can, bitmaps[i].type), input_codes(bitmaps[i].type));
	}
}

/* ---- /proc ------------------------------------------------------------------------------------------ */

static void devices_show(struct text_out *t)
{
	struct input_device *dev;

	mutex_lock(&input_mutex);
	list_for_each(dev, &input_devices, node) {
		text_printf(t, "I: Bus=%04x Vendor=%04x Product=%04x Version=%04x\n", dev->id.bustype, dev->id.vendor,
			    dev->id.product, dev->id.version);
		text_printf(t, "N: Name=\"%s\"\nP: Phys=%s\n", text_of(dev->name), text_of(dev->phys));
		text_printf(t, "S: Sysfs=/devices/virtual/input/input%u\nU: Uniq=%s\n", dev->serial, text_of(dev->uniq));
		text_printf(t, "H: Handlers=event%u \n", dev->number);
		abilities_show(t, dev, "B: ");
		text_printf(t, "\n\n");
	}
	mutex_unlock(&input_mutex);
}

static int input_proc_init(void)
{
	return proc_register_file("bus/input/devices", devices_show);
}
INIT(input_proc, INIT_LATE, input_proc_init);

/* ---- /sys ------------------------------------------------------------------------------------------- */

/* A device's files are written one after the other; the first that fails is the last. */
struct writer {
	struct input_device *dev;
	char dir[64];
	int err;
};

/* A file with the text, which this frees; sysfs ends it with a newline. */
static void file_add(struct writer *w, const char *name, struct text_out *t)
{
	char path[112];

	text_char(t, '\0');
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	if (!w->err)
		w->err = t->failed ? -ENOMEM : sysfs_register_text(path, t->buf);
	kfree(t->buf);
}

static void printf_like(3, 4) line_add(struct writer *w, const char *name, const char *fmt, ...)
{
	struct text_out t = { 0 };
	char line[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	text_write(&t, line, strlen(line));
	file_add(w, name, &t);
}

static void printf_like(3, 4) link_add(struct writer *w, const char *target, const char *fmt, ...)
{
	char path[112];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!w->err)
		w->err = sysfs_register_link(path, target);
}

static void input_add(struct writer *w)
{
	struct input_device *dev = w->dev;
	struct text_out t = { 0 };
	char name[32];

	line_add(w, "name", "%s", text_of(dev->name));
	line_add(w, "phys", "%s", text_of(dev->phys));
	line_add(w, "uniq", "%s", text_of(dev->uniq));
	line_add(w, "id/bustype", "%04x", dev->id.bustype);
	line_add(w, "id/vendor", "%04x", dev->id.vendor);
	line_add(w, "id/product", "%04x", dev->id.product);
	line_add(w, "id/version", "%04x", dev->id.version);
	bits_show(&t, dev->props, INPUT_PROP_CNT);
	file_add(w, "properties", &t);
	for (u32 i = 0; i < ARRAY_SIZE(bitmaps); i++) {
		t = (struct text_out){ 0 };
		bits_show(&t, input_bits(dev->can, bitmaps[i].type), input_codes(bitmaps[i].type));
		snprintf(name, sizeof(name), "capabilities/%s", bitmaps[i].file);
		file_add(w, name, &t);
	}
	t = (struct text_out){ 0 };
	identity_show(&t, dev);
	abilities_show(&t, dev, "");
	file_add(w, "uevent", &t);
}

static void event_add(struct writer *w)
{
	u32 number = w->dev->number, major = EVDEV_MAJOR, minor = dev_minor(evdev_number(number));
	char name[32];

	snprintf(name, sizeof(name), "event%u/dev", number);
	line_add(w, name, "%u:%u", major, minor);
	snprintf(name, sizeof(name), "event%u/uevent", number);
	line_add(w, name, "MAJOR=%u\nMINOR=%u\nDEVNAME=input/event%u", major, minor, number);
}

static void links_add(struct writer *w)
{
	u32 number = w->dev->number, serial = w->dev->serial;
	char target[112];

	link_add(w, "../../../../class/input", "%s/subsystem", w->dir);
	link_add(w, "../../../../../class/input", "%s/event%u/subsystem", w->dir, number);
	snprintf(target, sizeof(target), "../../input%u", serial);
	link_add(w, target, "%s/event%u/device", w->dir, number);
	snprintf(target, sizeof(target), "../../%s", w->dir);
	link_add(w, target, "class/input/input%u", serial);
	snprintf(target, sizeof(target), "../../%s/event%u", w->dir, number);
	link_add(w, target, "class/input/event%u", number);
	link_add(w, target, "dev/char/%u:%u", EVDEV_MAJOR, dev_minor(evdev_number(number)));
}

int input_sysfs_add(struct input_device *dev)
{
	struct writer w = { .dev = dev };

	snprintf(w.dir, sizeof(w.dir), "devices/virtual/input/input%u", dev->serial);
	input_add(&w);
	event_add(&w);
	links_add(&w);
	return w.err;
}

void input_sysfs_remove(struct input_device *dev)
{
	char path[64];

	snprintf(path, sizeof(path), "dev/char/%u:%u", EVDEV_MAJOR, dev_minor(evdev_number(dev->number)));
	sysfs_unregister(path);
	snprintf(path, sizeof(path), "class/input/event%u", dev->number);
	sysfs_unregister(path);
	snprintf(path, sizeof(path), "class/input/input%u", dev->serial);
	sysfs_unregister(path);
	snprintf(path, sizeof(path), "devices/virtual/input/input%u", dev->serial);
	sysfs_unregister(path);
}
