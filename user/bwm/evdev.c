/*
 * The devices of evdev.h. Source: Documentation/input/event-codes.rst and <linux/input.h>.
 *
 * A device's events are gathered until its SYN_REPORT, so that a mouse that goes aslant moves once. A reader that was
 * too slow gets SYN_DROPPED: the rest of that report is of no use, and keys are asked for instead (EVIOCGKEY).
 *
 * Devices are read together, and what they say is taken by the times that it has: a button that was pressed while a key
 * of another device was down is so here, too, however late it is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/input.h>

#include "evdev.h"

#define INPUT_FOLDER "/dev/input"

enum {
	BITS_A_WORD = 8 * sizeof(unsigned long),
	KEY_WORDS = (KEY_CNT + BITS_A_WORD - 1) / BITS_A_WORD,
	EVENTS_A_READ = 64,
	NOTICES = 4096,         /* bytes of inotify's news that are read at once */
};

struct device {
	struct wl_list          link;           /* evdev's devices */
	struct evdev           *evdev;
	struct wl_event_source *source;
	int                     fd;
	char                    name[32];       /* in the folder */
	unsigned long           keys[KEY_WORDS];        /* those that are down, as the handler knows */
	bool                    absolute, leds;
	struct input_absinfo    x, y;           /* of an absolute device: what its numbers mean */
	bool                    dropped;        /* the rest of this report is lost */
	int                     dx, dy, wheel, tilt;    /* of this report */
	bool                    placed_x, placed_y;
	int                     at_x, at_y;
	struct input_event      events[EVENTS_A_READ];  /* that were read, and those from next on not yet taken */
	size_t                  next, count;
};

struct evdev {
	struct wl_event_loop   *loop;
	struct wl_event_source *source;
	struct evdev_handler    handler;
	struct wl_list          devices;
	int                     notify;
	int                     folder;         /* inotify's name of INPUT_FOLDER, or -1 while that is not there */
	uint32_t                lit;
};

static bool bit_is_set(const unsigned long *words, unsigned int bit)
{
	return words[bit / BITS_A_WORD] >> bit % BITS_A_WORD & 1;
}

static uint32_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

/* ---- what a device says ------------------------------------------------------ */

static void key_told(struct device *d, uint32_t time, unsigned int code, bool pressed)
{
	unsigned long bit = 1ul << code % BITS_A_WORD;

	if (code > KEY_MAX || bit_is_set(d->keys, code) == pressed)
		return;
	d->keys[code / BITS_A_WORD] ^= bit;
	d->evdev->handler.key(d->evdev->handler.data, time, code, pressed);
}

/* Where in its range a number lies, 0 to 1. */
static double part(const struct input_absinfo *range, int value)
{
	double p = ((double)value - range->minimum) / ((double)range->maximum - range->minimum);

	return p < 0 ? 0 : p > 1 ? 1 : p;
}

/* A report is whole. */
static void report(struct device *d, uint32_t time)
{
	const struct evdev_handler *h = &d->evdev->handler;

	if (d->dx || d->dy)
		h->moved(h->data, time, d->dx, d->dy);
	if (d->placed_x || d->placed_y)
		h->placed(h->data, time, d->placed_x ? part(&d->x, d->at_x) : -1, d->placed_y ? part(&d->y, d->at_y) : -1);
	if (d->wheel)
		h->wheel(h->data, time, false, -d->wheel);
	if (d->tilt)
		h->wheel(h->data, time, true, d->tilt);
	h->frame(h->data);
	d->dx = d->dy = d->wheel = d->tilt = 0;
	d->placed_x = d->placed_y = false;
}

/* Tell of the keys that differ from those that are down now: keys NULL is none. */
static void keys_are(struct device *d, const unsigned long *keys)
{
	for (unsigned int code = 0; code <= KEY_MAX; code++)
		key_told(d, now(), code, keys && bit_is_set(keys, code));
	d->evdev->handler.frame(d->evdev->handler.data);
}

static void resync(struct device *d)
{
	unsigned long keys[KEY_WORDS] = { 0 };

	d->dropped = false;
	if (ioctl(d->fd, EVIOCGKEY(sizeof keys), keys) >= 0)
		keys_are(d, keys);
}

static void relative(struct device *d, unsigned int axis, int value)
{
	if (axis == REL_X)
		d->dx += value;
	else if (axis == REL_Y)
		d->dy += value;
	else if (axis == REL_WHEEL)
		d->wheel += value;
	else if (axis == REL_HWHEEL)
		d->tilt += value;
}

static void absolute(struct device *d, unsigned int axis, int value)
{
	if (!d->absolute)
		return;
	if (axis == ABS_X) {
		d->at_x = value;
		d->placed_x = true;
	} else if (axis == ABS_Y) {
		d->at_y = value;
		d->placed_y = true;
	}
}

/* Where the pointer is comes before what is pressed there: a report of both has the button last, or it waits for it. */
static void take(struct device *d, const struct input_event *e)
{
	uint32_t time = (uint32_t)((uint64_t)e->input_event_sec * 1000 + (uint64_t)e->input_event_usec / 1000);

	if (e->type == EV_SYN && e->code == SYN_DROPPED) {
		d->dropped = true;
	} else if (d->dropped) {
		if (e->type == EV_SYN && e->code == SYN_REPORT)
			resync(d);
	} else if (e->type == EV_SYN && e->code == SYN_REPORT) {
		report(d, time);
	} else if (e->type == EV_KEY && e->value != 2) {    /* 2 is the kernel's repeat: clients have their own */
		if (d->dx || d->dy || d->placed_x || d->placed_y)
			report(d, time);
		key_told(d, time, e->code, e->value);
	} else if (e->type == EV_REL) {
		relative(d, e->code, e->value);
	} else if (e->type == EV_ABS) {
		absolute(d, e->code, e->value);
	}
}

/* ---- devices that come and go ------------------------------------------------- */

static void device_remove(struct device *d)
{
	keys_are(d, NULL);
	wl_event_source_remove(d->source);
	wl_list_remove(&d->link);
	close(d->fd);
	free(d);
}

static bool has_events(const struct device *d)
{
	return d->next < d->count;
}

/* Fill its buffer, which is empty; false: it has gone. */
static bool device_read(struct device *d)
{
	ssize_t got = read(d->fd, d->events, sizeof d->events);

	d->next = d->count = 0;
	if (got < (ssize_t)sizeof *d->events)   /* ENODEV, or an end: it was pulled out */
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	d->count = (size_t)got / sizeof *d->events;
	return true;
}

static bool is_earlier(const struct input_event *a, const struct input_event *b)
{
	return a->input_event_sec != b->input_event_sec ? a->input_event_sec < b->input_event_sec :
		a->input_event_usec < b->input_event_usec;
}

/* The device whose next event is the earliest; of several the one that is listed first, to its report's end. */
static struct device *earliest(struct evdev *evdev)
{
	struct device *d, *first = NULL;

	wl_list_for_each(d, &evdev->devices, link)
		if (has_events(d) && (!first || is_earlier(&d->events[d->next], &first->events[first->next])))
			first = d;
	return first;
}

/*
 * Some device has something: take what all have. One that filled its buffer has more, perhaps, before the others' next.
 */
static int readable(int fd, uint32_t mask, void *data)
{
	struct evdev *evdev = data;
	struct device *d, *next;

	wl_list_for_each_safe(d, next, &evdev->devices, link)
		if (!device_read(d))
			device_remove(d);
	while ((d = earliest(evdev))) {
		take(d, &d->events[d->next++]);
		if (d->next == EVENTS_A_READ && !device_read(d))
			device_remove(d);
	}
	return 0;
}

/* Whether it has keys or moves a pointer, and how; a power button is init's. */
static bool device_is_used(struct device *d)
{
	unsigned long types[1] = { 0 }, keys[KEY_WORDS] = { 0 }, rel[1] = { 0 }, abs[1] = { 0 };

	if (ioctl(d->fd, EVIOCGBIT(0, sizeof types), types) < 0)
		return false;
	ioctl(d->fd, EVIOCGBIT(EV_KEY, sizeof keys), keys);
	ioctl(d->fd, EVIOCGBIT(EV_REL, sizeof rel), rel);
	ioctl(d->fd, EVIOCGBIT(EV_ABS, sizeof abs), abs);
	d->leds = bit_is_set(types, EV_LED);
	d->absolute = bit_is_set(abs, ABS_X) && bit_is_set(abs, ABS_Y) && ioctl(d->fd, EVIOCGABS(ABS_X), &d->x) >= 0 &&
		ioctl(d->fd, EVIOCGABS(ABS_Y), &d->y) >= 0 && d->x.maximum > d->x.minimum && d->y.maximum > d->y.minimum;
	return d->absolute || bit_is_set(rel, REL_X) || bit_is_set(keys, KEY_SPACE) || bit_is_set(keys, BTN_LEFT);
}

static void lights(struct device *d)
{
	struct input_event events[LED_SCROLLL + 2] = { 0 };

	if (!d->leds)
		return;
	for (unsigned int led = 0; led <= LED_SCROLLL; led++) {
		events[led].type = EV_LED;
		events[led].code = (uint16_t)led;
		events[led].value = (int)(d->evdev->lit >> led & 1);
	}
	if (write(d->fd, events, sizeof events) < 0)    /* it goes, and its readers are told */
		d->leds = false;
}

/* That a device cannot be had harms nobody: it may be gone already, or be somebody else's. */
static void device_add(struct evdev *evdev, const char *name)
{
	struct device *d;
	char path[64];
	int clock = CLOCK_MONOTONIC;

	if (strncmp(name, "event", 5) || strlen(name) >= sizeof d->name)
		return;
	wl_list_for_each(d, &evdev->devices, link)
		if (!strcmp(d->name, name))
			return;
	d = calloc(1, sizeof *d);
	if (!d)
		return;
	d->evdev = evdev;
	snprintf(d->name, sizeof d->name, "%s", name);
	snprintf(path, sizeof path, INPUT_FOLDER "/%s", name);
	d->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0)
		d->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0)
		goto fail;
	if (!device_is_used(d) || ioctl(d->fd, EVIOCGRAB, 1) || ioctl(d->fd, EVIOCSCLOCKID, &clock))
		goto fail;
	d->source = wl_event_loop_add_fd(evdev->loop, d->fd, WL_EVENT_READABLE, readable, evdev);
	if (!d->source)
		goto fail;
	wl_list_insert(&evdev->devices, &d->link);
	lights(d);
	return;
fail:
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

/* Watch the folder, and take what is in it already. */
static void folder_open(struct evdev *evdev)
{
	DIR *dir;

	/* IN_ATTRIB: whoever gives a device its owner and mode does so after it is made. */
	evdev->folder = inotify_add_watch(evdev->notify, INPUT_FOLDER, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
	dir = opendir(INPUT_FOLDER);
	if (!dir)
		return;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		device_add(evdev, e->d_name);
	closedir(dir);
}

static int noticed(int fd, uint32_t mask, void *data)
{
	struct evdev *evdev = data;
	char buffer[NOTICES] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t got = read(fd, buffer, sizeof buffer);

	for (char *p = buffer; got > 0 && p < buffer + got; ) {
		const struct inotify_event *e = (const void *)p;
		if (e->wd == evdev->folder && e->mask & IN_IGNORED)
			evdev->folder = -1;
		else if (e->wd == evdev->folder && e->len)
			device_add(evdev, e->name);
		else if (e->mask & IN_Q_OVERFLOW || (e->len && !strcmp(e->name, "input")))
			folder_open(evdev);
		p += sizeof *e + e->len;
	}
	return 0;
}

struct evdev *evdev_create(struct wl_event_loop *loop, const struct evdev_handler *handler)
{
	struct evdev *evdev = calloc(1, sizeof *evdev);

	if (!evdev)
		return NULL;
	evdev->loop = loop;
	evdev->handler = *handler;
	wl_list_init(&evdev->devices);
	evdev->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (evdev->notify < 0) {
		free(evdev);
		return NULL;
	}
	/* The folder is there only while some device is. */
	inotify_add_watch(evdev->notify, "/dev", IN_CREATE | IN_ONLYDIR);
	folder_open(evdev);
	evdev->source = wl_event_loop_add_fd(loop, evdev->notify, WL_EVENT_READABLE, noticed, evdev);
	if (!evdev->source) {
		evdev_destroy(evdev);
		errno = ENOMEM;
		return NULL;
	}
	return evdev;
}

void evdev_destroy(struct evdev *evdev)
{
	struct device *d, *next;

	wl_list_for_each_safe(d, next, &evdev->devices, link)
		device_remove(d);
	if (evdev->source)
		wl_event_source_remove(evdev->source);
	close(evdev->notify);
	free(evdev);
}

void evdev_leds(struct evdev *evdev, uint32_t lit)
{
	struct device *d;

	evdev->lit = lit;
	wl_list_for_each(d, &evdev->devices, link)
		lights(d);
}
