/*
 * The connection to the compositor: what it offers, and its events on their way to the program.
 *
 * All files that something may come from, the socket, the timer of repeated keys and the pipes of copy and paste, are
 * in one epoll, so that a program has one file to poll. desktop_next() takes what is there, lets libwayland make calls
 * of it, which queue events, and gives these one by one; when none is left it looks which windows can be drawn, sends
 * what is to be sent and tells the program to poll. Nothing wakes up without a reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "desktop.h"

#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "primary-selection-unstable-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* Versions whose events libwin knows. */
enum {
	COMPOSITOR_VERSION = 4,     /* wl_surface.damage_buffer */
	SHELL_VERSION = 3,
	DMABUF_VERSION = 3,         /* tells its formats without tables */
	SEAT_VERSION = 7,           /* whole notches of a wheel */
	DATA_VERSION = 3,
};

/* ---- the queue --------------------------------------------------------------------- */

void desktop_event(struct desktop *d, const struct window_event *event)
{
	if (d->count == d->room) {
		size_t room = d->room ? 2 * d->room : 32;
		struct window_event *events = realloc(d->events, room * sizeof *events);
		if (!events) {
			d->error = -ENOMEM;
			return;
		}
		d->events = events;
		d->room = room;
	}
	d->events[d->count++] = *event;
}

struct window_event *desktop_last_event(struct desktop *d, const struct window *w, enum window_event_type type)
{
	struct window_event *last = d->count > d->next ? &d->events[d->count - 1] : NULL;

	return last && last->window == w && last->type == type ? last : NULL;
}

void desktop_forget(struct desktop *d, const struct window *w)
{
	size_t kept = d->next;

	for (size_t i = d->next; i < d->count; i++) {
		if (d->events[i].window == w)
			free((char *)d->events[i].bytes);
		else
			d->events[kept++] = d->events[i];
	}
	d->count = kept;
	if (d->focus == w)
		d->focus = NULL;
	if (d->under == w)
		d->under = NULL;
	selections_forget(d, w);
}

static bool take_event(struct desktop *d, struct window_event *event)
{
	free(d->pasted);
	d->pasted = NULL;
	if (d->next == d->count) {
		d->next = d->count = 0;
		return false;
	}
	*event = d->events[d->next++];
	d->pasted = (char *)event->bytes;
	return true;
}

/* ---- files ------------------------------------------------------------------------- */

int desktop_watch(struct desktop *d, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(d->fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void desktop_unwatch(struct desktop *d, struct watch *watch)
{
	epoll_ctl(d->fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

static void fail(struct desktop *d)
{
	int error = wl_display_get_error(d->display);

	if (!d->error)
		d->error = error == EPROTO || error == EINVAL ? -EPROTO : -EPIPE;
}

/* Send what is to be sent; what does not fit goes when the socket has room again. */
static void flush(struct desktop *d)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &d->wire };
	bool unsent = wl_display_flush(d->display) < 0;

	if (unsent && errno != EAGAIN) {
		/* What the compositor said last, why it hung up, may still be there to read. */
		if (errno != EPIPE)
			fail(d);
		unsent = false;
	}
	if (unsent != d->unsent) {
		event.events = unsent ? EPOLLIN | EPOLLOUT : EPOLLIN;
		epoll_ctl(d->fd, EPOLL_CTL_MOD, d->wire.fd, &event);
		d->unsent = unsent;
	}
}

static void wire_ready(struct watch *watch, uint32_t events)
{
	struct desktop *d = wl_container_of(watch, d, wire);

	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	while (wl_display_prepare_read(d->display))
		if (wl_display_dispatch_pending(d->display) < 0) {
			fail(d);
			return;
		}
	if (wl_display_read_events(d->display) < 0 || wl_display_dispatch_pending(d->display) < 0)
		fail(d);
}

/* Look at the files; whether one had something. One at a time: what is done for it may end another. */
static bool look(struct desktop *d)
{
	struct epoll_event event;
	struct watch *watch;

	if (epoll_wait(d->fd, &event, 1, 0) <= 0)
		return false;
	watch = event.data.ptr;
	watch->ready(watch, event.events);
	return true;
}

int desktop_next(struct desktop *d, struct window_event *event)
{
	bool more = true;

	while (!take_event(d, event)) {
		if (d->error)
			return d->error;
		if (!more)
			return 0;
		if (wl_display_dispatch_pending(d->display) < 0)
			fail(d);
		if (d->count > 0)
			continue;
		flush(d);
		more = look(d);
		if (!more) {
			windows_draw(d);
			flush(d);
		}
	}
	return 1;
}

int desktop_fd(const struct desktop *d)
{
	return d->fd;
}

/* ---- what the compositor offers ------------------------------------------------------ */

static void *bind(struct desktop *d, uint32_t name, const struct wl_interface *interface, uint32_t offered,
		  uint32_t known)
{
	return wl_registry_bind(d->registry, name, interface, offered < known ? offered : known);
}

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	struct desktop *d = data;

	if (!strcmp(interface, wl_compositor_interface.name) && !d->compositor && version >= COMPOSITOR_VERSION) {
		d->compositor = bind(d, name, &wl_compositor_interface, version, COMPOSITOR_VERSION);
	} else if (!strcmp(interface, wl_shm_interface.name) && !d->shm) {
		d->shm = bind(d, name, &wl_shm_interface, version, 1);
	} else if (!strcmp(interface, xdg_wm_base_interface.name) && !d->wm_base) {
		d->wm_base = bind(d, name, &xdg_wm_base_interface, version, SHELL_VERSION);
		window_shell_listen(d);
	} else if (!strcmp(interface, zwp_linux_dmabuf_v1_interface.name) && !d->dmabuf && version >= DMABUF_VERSION) {
		d->dmabuf = bind(d, name, &zwp_linux_dmabuf_v1_interface, version, DMABUF_VERSION);
		buffers_listen(d);
	} else if (!strcmp(interface, zxdg_decoration_manager_v1_interface.name) && !d->decorations) {
		d->decorations = bind(d, name, &zxdg_decoration_manager_v1_interface, version, 1);
	} else if (!strcmp(interface, wp_viewporter_interface.name) && !d->viewporter) {
		d->viewporter = bind(d, name, &wp_viewporter_interface, version, 1);
	} else if (!strcmp(interface, wl_data_device_manager_interface.name) && !d->clipboards) {
		d->clipboards = bind(d, name, &wl_data_device_manager_interface, version, DATA_VERSION);
	} else if (!strcmp(interface, zwp_primary_selection_device_manager_v1_interface.name) && !d->primaries) {
		d->primaries = bind(d, name, &zwp_primary_selection_device_manager_v1_interface, version, 1);
	} else if (!strcmp(interface, wl_seat_interface.name) && !d->seat) {
		d->seat = bind(d, name, &wl_seat_interface, version, SEAT_VERSION);
		d->seat_name = name;
		seat_listen(d);
	}
}

static void global_gone(void *data, struct wl_registry *registry, uint32_t name)
{
	struct desktop *d = data;

	if (d->seat && name == d->seat_name)
		seat_gone(d);
}

static const struct wl_registry_listener registry_listener = { .global = global, .global_remove = global_gone };

/* ---- open and close ------------------------------------------------------------------ */

static int connect_to(struct desktop *d, const char *name)
{
	int error;

	d->display = wl_display_connect(name);
	if (!d->display)
		return errno ? -errno : -ENOENT;
	d->wire = (struct watch) { wl_display_get_fd(d->display), wire_ready };
	error = desktop_watch(d, &d->wire, EPOLLIN);
	if (error)
		return error;
	d->registry = wl_display_get_registry(d->display);
	if (!d->registry)
		return -ENOMEM;
	wl_registry_add_listener(d->registry, &registry_listener, d);
	/* The second brings what the globals tell of themselves. */
	if (wl_display_roundtrip(d->display) < 0 || wl_display_roundtrip(d->display) < 0)
		return -EPIPE;
	return d->compositor && d->shm && d->wm_base ? 0 : -EPROTONOSUPPORT;
}

int desktop_open(struct desktop **result, const char *name, enum win_drawing how)
{
	struct desktop *d = calloc(1, sizeof *d);
	int error;

	if (!d)
		return -ENOMEM;
	wl_list_init(&d->windows);
	wl_list_init(&d->sends);
	d->repeat.fd = -1;
	d->fd = epoll_create1(EPOLL_CLOEXEC);
	error = d->fd < 0 ? -errno : seat_open(d);
	if (!error)
		error = connect_to(d, name);
	if (!error)
		error = selections_open(d);
	if (!error)
		error = buffers_open(d, how);
	if (error) {
		desktop_close(d);
		return error;
	}
	*result = d;
	return 0;
}

static void destroy_globals(struct desktop *d)
{
	if (d->primaries)
		zwp_primary_selection_device_manager_v1_destroy(d->primaries);
	if (d->clipboards)
		wl_data_device_manager_destroy(d->clipboards);
	if (d->viewporter)
		wp_viewporter_destroy(d->viewporter);
	if (d->decorations)
		zxdg_decoration_manager_v1_destroy(d->decorations);
	if (d->dmabuf)
		zwp_linux_dmabuf_v1_destroy(d->dmabuf);
	if (d->wm_base)
		xdg_wm_base_destroy(d->wm_base);
	if (d->shm)
		wl_shm_destroy(d->shm);
	if (d->compositor)
		wl_compositor_destroy(d->compositor);
	if (d->registry)
		wl_registry_destroy(d->registry);
}

void desktop_close(struct desktop *d)
{
	struct window *w, *after;

	wl_list_for_each_safe(w, after, &d->windows, link)
		window_destroy(w);
	buffers_close(d);
	selections_close(d);
	seat_close(d);
	destroy_globals(d);
	if (d->display) {
		wl_display_flush(d->display);
		wl_display_disconnect(d->display);
	}
	if (d->device)
		win_close(d->device);
	if (d->fd >= 0)
		close(d->fd);
	free(d->pasted);
	free(d->events);
	free(d);
}

struct win_device *desktop_device(struct desktop *d)
{
	return d->device;
}
