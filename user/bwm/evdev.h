/*
 * Input devices: /dev/input/event*, those that are there and those that come, as one stream of what a person does.
 *
 * All functions belong to the thread of the event loop; handlers are called from it.
 */
#ifndef BWM_EVDEV_H
#define BWM_EVDEV_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-server-core.h>

struct evdev;

/* What is done with any of the devices. time: milliseconds of the monotonic clock. */
struct evdev_handler {
	/* A key or button, by the number that <linux/input-event-codes.h> has for it. */
	void (*key)(void *data, uint32_t time, uint32_t code, bool pressed);
	/* A mouse by so many of its steps; a tablet at this part of its width and height, 0 to 1, negative: as it was. */
	void (*moved)(void *data, uint32_t time, double dx, double dy);
	void (*placed)(void *data, uint32_t time, double x, double y);
	/* A wheel by so many notches: down and to the right are positive. */
	void (*wheel)(void *data, uint32_t time, bool horizontal, int notches);
	/* All that happened at one moment has been told. */
	void (*frame)(void *data);
	void *data;
};

/*
 * Take all devices, alone, so that keys do not reach the console, too. NULL with errno. Devices that come later are
 * found by inotify; one that goes lets go of its keys.
 */
struct evdev *evdev_create(struct wl_event_loop *loop, const struct evdev_handler *handler);
void evdev_destroy(struct evdev *evdev);

/* Light these on all keyboards that have them: bit n is LED n of <linux/input-event-codes.h>. */
void evdev_leds(struct evdev *evdev, uint32_t lit);

#endif
