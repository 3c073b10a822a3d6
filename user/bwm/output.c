/*
 * The display: its picture, its wl_output, when a frame is due, and what happens when its size changes or it goes.
 *
 * A virtio-gpu has no vertical blank, so frames are paced by a timer of the display's refresh rate: the first thing
 * that changes after a rest is drawn at once, what follows on the beat (pace.h). Without a change the timer is not set,
 * and nothing wakes this program.
 */
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "shell.h"

enum {
	OUTPUT_VERSION = 3,
	REFRESH_UNKNOWN = 60000,    /* of a display that does not tell: what most have */
	UEVENTS = 1,                /* the kernel's own group of NETLINK_KOBJECT_UEVENT */
};

/* ---- rectangles -------------------------------------------------------------------- */

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

/* x + width without overflow: such a rectangle reaches as far as numbers do. */
static int right_of(int x, int width)
{
	return x > INT_MAX - width ? INT_MAX : x + width;
}

rect rect_meet(rect a, rect b)
{
	int left = most(a.x, b.x), top = most(a.y, b.y);
	int right = least(right_of(a.x, a.width), right_of(b.x, b.width));
	int bottom = least(right_of(a.y, a.height), right_of(b.y, b.height));

	return right > left && bottom > top ? (rect) { left, top, right - left, bottom - top } : (rect) { 0 };
}

rect rect_join(rect a, rect b)
{
	int left = least(a.x, b.x), top = least(a.y, b.y);

	if (rect_empty(a) || rect_empty(b))
		return rect_empty(a) ? b : a;
	return (rect) {
		left, top, most(right_of(a.x, a.width), right_of(b.x, b.width)) - left,
		most(right_of(a.y, a.height), right_of(b.y, b.height)) - top,
	};
}

static long long area(rect r)
{
	return (long long)r.width * r.height;
}

/* Join two of the parts: those with which the least is added that was not damaged. */
static void damage_squeeze(struct damage *d)
{
	int a = 0, b = 1;
	long long best = LLONG_MAX;

	for (int i = 0; i < d->count; i++)
		for (int j = i + 1; j < d->count; j++) {
			long long more = area(rect_join(d->parts[i], d->parts[j])) - area(d->parts[i]) - area(d->parts[j]);
			if (more < best)
				best = more, a = i, b = j;
		}
	d->parts[a] = rect_join(d->parts[a], d->parts[b]);
	d->parts[b] = d->parts[--d->count];
}

/* Parts that meet are one, so that nothing is drawn twice. */
void damage_join(struct damage *d, rect part)
{
	if (rect_empty(part))
		return;
	for (int i = 0; i < d->count; i++) {
		if (rect_empty(rect_meet(d->parts[i], part)))
			continue;
		part = rect_join(part, d->parts[i]);
		d->parts[i] = d->parts[--d->count];
		i = -1;
	}
	if (d->count == DAMAGE_PARTS) {
		damage_squeeze(d);
		damage_join(d, part);
		return;
	}
	d->parts[d->count++] = part;
}

/* ---- when a frame is due -------------------------------------------------------------- */

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void output_schedule(struct output *o)
{
	uint64_t due = pace_due(&o->pace);
	struct itimerspec when = { .it_value = { (time_t)(due / 1000000000u), (long)(due % 1000000000u) } };

	if (o->armed || !o->screen)
		return;
	/* A time that is over is due at once, and not before the events that are there now are handled. */
	timerfd_settime(o->timer, TFD_TIMER_ABSTIME, &when, NULL);
	o->armed = true;
}

void damage_add(struct server *server, rect part)
{
	struct output *o = &server->output;

	part = rect_meet(part, (rect) { 0, 0, o->width, o->height });
	if (rect_empty(part))
		return;
	damage_join(&o->damage, part);
	output_schedule(o);
}

void damage_all(struct server *server)
{
	damage_add(server, (rect) { 0, 0, server->output.width, server->output.height });
}

static int timer_due(int fd, uint32_t mask, void *data)
{
	struct output *o = data;
	uint64_t times;

	if (read(fd, &times, sizeof times) == sizeof times) {
		o->armed = false;
		pace_frame(&o->pace, now_ns());
		compose_frame(o);
	}
	return 0;
}

/* ---- wl_output ---------------------------------------------------------------------------- */

static void send_mode(const struct output *o, struct wl_resource *resource)
{
	wl_output_send_geometry(resource, 0, 0, 0, 0, WL_OUTPUT_SUBPIXEL_UNKNOWN, "virtio", "display",
		WL_OUTPUT_TRANSFORM_NORMAL);
	wl_output_send_mode(resource, WL_OUTPUT_MODE_CURRENT | WL_OUTPUT_MODE_PREFERRED, o->width, o->height, o->refresh);
	if (wl_resource_get_version(resource) >= WL_OUTPUT_SCALE_SINCE_VERSION)
		wl_output_send_scale(resource, 1);
	if (wl_resource_get_version(resource) >= WL_OUTPUT_DONE_SINCE_VERSION)
		wl_output_send_done(resource);
}

static void output_release(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_output_interface implementation = { .release = output_release };

static void output_unbind(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void output_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct output *o = data;
	struct wl_resource *resource = wl_resource_create(by, &wl_output_interface, (int)version, id);

	if (!resource) {
		wl_client_post_no_memory(by);
		return;
	}
	wl_resource_set_implementation(resource, &implementation, o, output_unbind);
	wl_list_insert(&o->resources, wl_resource_get_link(resource));
	send_mode(o, resource);
}

/* ---- displays that come, go and change ------------------------------------------------------ */

/* The display's picture as it is connected now. The size stays what it was while there is none. */
static int screen_open(struct output *o)
{
	int error = win_create_screen(o->server->device, &o->screen);

	if (error) {
		o->screen = NULL;
		return error;
	}
	o->width = win_width(o->screen);
	o->height = win_height(o->screen);
	o->refresh = o->server->rate ? o->server->rate * 1000 : win_screen_refresh(o->screen);
	if (o->refresh < 1)
		o->refresh = REFRESH_UNKNOWN;
	o->pace.period = 1000000000000u / (uint64_t)o->refresh;
	return 0;
}

static void screen_changed(struct output *o)
{
	struct wl_resource *resource;
	int width = o->width, height = o->height;

	if (o->screen && win_screen_current(o->screen))
		return;
	if (o->screen)
		win_destroy(o->screen);
	o->damage.count = 0;
	if (screen_open(o))
		return;         /* it is drawn again when there is one */
	o->armed = false;
	if (o->width != width || o->height != height) {
		wl_resource_for_each(resource, &o->resources)
			send_mode(o, resource);
		windows_fit(o->server);
		shell_output_changed(o->server);
	}
	damage_all(o->server);
}

/* What the kernel says of devices: "change@/devices/...", then NAME=VALUE each, all ended by zeros. */
static bool is_hotplug(const char *text, size_t length)
{
	for (const char *at = text; at < text + length; at += strlen(at) + 1)
		if (!strcmp(at, "HOTPLUG=1"))
			return true;
	return false;
}

static int hotplug_heard(int fd, uint32_t mask, void *data)
{
	char text[4096 + 1];
	struct sockaddr_nl from;
	socklen_t size = sizeof from;
	ssize_t length;
	bool look = false;

	for (;;) {
		size = sizeof from;
		length = recvfrom(fd, text, sizeof text - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (length < 0 && errno == ENOBUFS)
			look = true;    /* some were lost */
		else if (length < 0)
			break;
		text[length > 0 ? length : 0] = '\0';
		if (length > 0 && from.nl_pid == 0 && is_hotplug(text, (size_t)length))
			look = true;
	}
	if (look)
		screen_changed(data);
	return 0;
}

/* Without it the display is what it was at the start: no reason to end. */
static void hotplug_listen(struct output *o)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = UEVENTS };

	o->hotplug = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (o->hotplug < 0)
		return;
	if (!bind(o->hotplug, (struct sockaddr *)&address, sizeof address))
		o->hotplug_source = wl_event_loop_add_fd(o->server->loop, o->hotplug, WL_EVENT_READABLE, hotplug_heard, o);
	if (!o->hotplug_source) {
		close(o->hotplug);
		o->hotplug = -1;
	}
}

/* The card's file hangs up when it is taken away. */
static int card_gone(int fd, uint32_t mask, void *data)
{
	struct server *server = data;

	server->gone = true;
	wl_display_terminate(server->display);
	return 0;
}

int output_create(struct server *server)
{
	struct output *o = &server->output;
	int error;

	o->server = server;
	o->hotplug = -1;
	wl_list_init(&o->resources);
	error = screen_open(o);
	if (error)
		return error;
	o->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (o->timer < 0)
		return -errno;
	o->timer_source = wl_event_loop_add_fd(server->loop, o->timer, WL_EVENT_READABLE, timer_due, o);
	o->global = wl_global_create(server->display, &wl_output_interface, OUTPUT_VERSION, o, output_bind);
	if (!o->timer_source || !o->global)
		return -ENOMEM;
	hotplug_listen(o);
	/* Without it, of a file that does not tell, nothing is shown from then on. */
	o->card_source = wl_event_loop_add_fd(server->loop, win_device_fd(server->device), 0, card_gone, server);
	damage_all(server);
	return 0;
}

void output_destroy(struct output *o)
{
	if (o->card_source)
		wl_event_source_remove(o->card_source);
	if (o->hotplug_source)
		wl_event_source_remove(o->hotplug_source);
	if (o->hotplug >= 0)
		close(o->hotplug);
	if (o->timer_source)
		wl_event_source_remove(o->timer_source);
	if (o->timer > 0)
		close(o->timer);
	if (o->screen)
		win_destroy(o->screen);
}
