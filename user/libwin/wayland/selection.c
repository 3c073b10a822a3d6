/*
 * Copy and paste: text of the clipboard and of the primary selection, which are two protocols of the same shape.
 *
 * Who pastes gives the compositor a pipe, into which the owner of the text writes. Both ends are in the desktop's
 * epoll, so neither a text of many megabytes nor an owner that never writes holds the program up, and a program may
 * paste what it copied itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "desktop.h"

#include "primary-selection-unstable-v1-client-protocol.h"

enum {
	PASTE_MOST = 64 << 20,      /* bytes: an owner that writes for ever fills no memory */
	PASTE_FIRST = 4096,
	SENDS_MOST = 16,            /* readers at a time; the one that waits longest loses */
};

/* What text is called, the best first. */
static const char *const kinds[] = { "text/plain;charset=utf-8", "UTF8_STRING", "text/plain" };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Text that is somebody's: an offer of the compositor's. */
struct offer {
	struct wl_data_offer                 *clipboard;    /* one of these */
	struct zwp_primary_selection_offer_v1 *primary;
	int                                   kind;         /* of kinds, KINDS: it is no text */
};

struct selection {
	struct desktop       *desktop;
	enum window_selection which;
	struct wl_data_device *clipboard;                   /* one of these */
	struct zwp_primary_selection_device_v1 *primary;
	struct offer         *offer;                        /* that was made last; NULL: nothing to paste */

	struct wl_data_source *source;                      /* our own: one of these, or none */
	struct zwp_primary_selection_source_v1 *primary_source;
	char                 *bytes;
	size_t                count;

	struct watch          paste;                        /* that is under way, if there is a window for it */
	struct window        *window;
	char                 *got;
	size_t                got_count, got_room;
};

/* Our text on its way to somebody. */
struct send {
	struct wl_list  link;       /* desktop.sends, the youngest first */
	struct desktop *desktop;
	struct watch    watch;
	size_t          sent, count;
	char            bytes[];
};

/* ---- what others offer ------------------------------------------------------------------ */

static void offer_destroy(struct offer *o)
{
	if (!o)
		return;
	if (o->clipboard)
		wl_data_offer_destroy(o->clipboard);
	if (o->primary)
		zwp_primary_selection_offer_v1_destroy(o->primary);
	free(o);
}

static void offer_kind(struct offer *o, const char *name)
{
	for (int i = 0; o && i < o->kind; i++)
		if (!strcmp(name, kinds[i]))
			o->kind = i;
}

static void clipboard_kind(void *data, struct wl_data_offer *proxy, const char *name)
{
	offer_kind(data, name);
}

static void offer_actions(void *data, struct wl_data_offer *proxy, uint32_t actions)
{
}

static void primary_kind(void *data, struct zwp_primary_selection_offer_v1 *proxy, const char *name)
{
	offer_kind(data, name);
}

static const struct wl_data_offer_listener clipboard_offer_listener = {
	.offer = clipboard_kind, .source_actions = offer_actions, .action = offer_actions,
};
static const struct zwp_primary_selection_offer_v1_listener primary_offer_listener = { .offer = primary_kind };

static void clipboard_offered(void *data, struct wl_data_device *device, struct wl_data_offer *proxy)
{
	struct offer *o = calloc(1, sizeof *o);

	if (!o) {
		wl_data_offer_destroy(proxy);
		return;
	}
	*o = (struct offer) { .clipboard = proxy, .kind = KINDS };
	wl_data_offer_add_listener(proxy, &clipboard_offer_listener, o);
}

static void primary_offered(void *data, struct zwp_primary_selection_device_v1 *device,
			    struct zwp_primary_selection_offer_v1 *proxy)
{
	struct offer *o = calloc(1, sizeof *o);

	if (!o) {
		zwp_primary_selection_offer_v1_destroy(proxy);
		return;
	}
	*o = (struct offer) { .primary = proxy, .kind = KINDS };
	zwp_primary_selection_offer_v1_add_listener(proxy, &primary_offer_listener, o);
}

static void set_offer(struct selection *s, struct offer *o)
{
	offer_destroy(s->offer);
	s->offer = o;
}

static void clipboard_changed(void *data, struct wl_data_device *device, struct wl_data_offer *proxy)
{
	set_offer(data, proxy ? wl_data_offer_get_user_data(proxy) : NULL);
}

static void primary_changed(void *data, struct zwp_primary_selection_device_v1 *device,
			    struct zwp_primary_selection_offer_v1 *proxy)
{
	set_offer(data, proxy ? zwp_primary_selection_offer_v1_get_user_data(proxy) : NULL);
}

/* Nothing can be dropped on a window: what is dragged over it is let go at once. */
static void drag_enter(void *data, struct wl_data_device *device, uint32_t serial, struct wl_surface *surface,
		       wl_fixed_t x, wl_fixed_t y, struct wl_data_offer *proxy)
{
	if (proxy)
		offer_destroy(wl_data_offer_get_user_data(proxy));
}

static void drag_motion(void *data, struct wl_data_device *device, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
}

static void drag_end(void *data, struct wl_data_device *device)
{
}

static const struct wl_data_device_listener clipboard_listener = {
	.data_offer = clipboard_offered, .enter = drag_enter, .leave = drag_end, .motion = drag_motion, .drop = drag_end,
	.selection = clipboard_changed,
};
static const struct zwp_primary_selection_device_v1_listener primary_listener = {
	.data_offer = primary_offered, .selection = primary_changed,
};

/* ---- paste ------------------------------------------------------------------------------- */

static void paste_stop(struct selection *s)
{
	if (!s->window)
		return;
	desktop_unwatch(s->desktop, &s->paste);
	close(s->paste.fd);
	free(s->got);
	s->got = NULL;
	s->window = NULL;
}

/* Give the program what came, or nothing if it is not whole. */
static void paste_end(struct selection *s, bool whole)
{
	struct window_event event = { .type = WINDOW_PASTE, .window = s->window, .which = s->which, .bytes = s->got };

	if (whole)
		event.count = s->got_count;
	s->got[event.count] = 0;
	s->got = NULL;
	paste_stop(s);
	desktop_event(s->desktop, &event);
}

static void paste_ready(struct watch *watch, uint32_t events)
{
	struct selection *s = wl_container_of(watch, s, paste);
	size_t room = s->got_room - s->got_count - 1;
	ssize_t got;

	if (room == 0) {
		char *more = s->got_room < PASTE_MOST ? realloc(s->got, 2 * s->got_room) : NULL;
		if (!more) {
			paste_end(s, false);
			return;
		}
		s->got = more;
		s->got_room *= 2;
		room = s->got_room - s->got_count - 1;
	}
	got = read(watch->fd, s->got + s->got_count, room);
	if (got > 0)
		s->got_count += (size_t)got;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		paste_end(s, got == 0);
}

/* Have the offer's owner write into the pipe. */
static void receive(const struct offer *o, int fd)
{
	if (o->clipboard)
		wl_data_offer_receive(o->clipboard, kinds[o->kind], fd);
	else
		zwp_primary_selection_offer_v1_receive(o->primary, kinds[o->kind], fd);
}

int window_paste(struct window *w, enum window_selection which)
{
	struct selection *s = w->desktop->selections[which];
	int ends[2], error;

	if (!s)
		return -EOPNOTSUPP;
	if (!w->focused || s->window || !s->offer || s->offer->kind == KINDS)
		return -EAGAIN;
	s->got = malloc(PASTE_FIRST);
	if (!s->got)
		return -ENOMEM;
	s->got_room = PASTE_FIRST;
	s->got_count = 0;
	error = pipe2(ends, O_CLOEXEC) ? -errno : 0;
	if (!error) {
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		s->paste = (struct watch) { ends[0], paste_ready };
		error = desktop_watch(w->desktop, &s->paste, EPOLLIN);
		if (error)
			close(ends[0]);
		else
			receive(s->offer, ends[1]);
		close(ends[1]);
	}
	if (error) {
		free(s->got);
		s->got = NULL;
		return error;
	}
	s->window = w;
	return 0;
}

/* ---- copy -------------------------------------------------------------------------------- */

static void send_end(struct send *send)
{
	desktop_unwatch(send->desktop, &send->watch);
	close(send->watch.fd);
	wl_list_remove(&send->link);
	free(send);
}

/* write(), without a signal if the reader is gone: signals are the program's. */
static ssize_t write_quietly(int fd, const char *bytes, size_t count)
{
	sigset_t pipe_signal, before, pending;
	ssize_t sent;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	sent = write(fd, bytes, count);
	if (sent < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE)) {
		sigtimedwait(&pipe_signal, NULL, &(struct timespec) { 0 });
		errno = EPIPE;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return sent;
}

static void send_ready(struct watch *watch, uint32_t events)
{
	struct send *send = wl_container_of(watch, send, watch);
	ssize_t sent = write_quietly(watch->fd, send->bytes + send->sent, send->count - send->sent);

	if (sent > 0)
		send->sent += (size_t)sent;
	if (send->sent == send->count || (sent < 0 && errno != EAGAIN && errno != EINTR))
		send_end(send);
}

/* Somebody wants the text, into this file, which is ours. */
static void send_to(struct selection *s, int fd)
{
	struct desktop *d = s->desktop;
	struct send *send = s->count > 0 ? malloc(sizeof *send + s->count) : NULL;

	if (!send) {
		close(fd);
		return;
	}
	if (wl_list_length(&d->sends) >= SENDS_MOST) {
		struct send *oldest = wl_container_of(d->sends.prev, oldest, link);
		send_end(oldest);
	}
	*send = (struct send) { .desktop = d, .watch = { fd, send_ready }, .count = s->count };
	memcpy(send->bytes, s->bytes, s->count);
	wl_list_insert(&d->sends, &send->link);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	/* What is no pipe or socket, as a file, cannot be waited for and need not. */
	if (desktop_watch(d, &send->watch, EPOLLOUT)) {
		while (send->sent < send->count) {
			ssize_t sent = write_quietly(fd, send->bytes + send->sent, send->count - send->sent);
			if (sent <= 0)
				break;
			send->sent += (size_t)sent;
		}
		send_end(send);
	}
}

static void drop_source(struct selection *s)
{
	if (s->source)
		wl_data_source_destroy(s->source);
	if (s->primary_source)
		zwp_primary_selection_source_v1_destroy(s->primary_source);
	s->source = NULL;
	s->primary_source = NULL;
	free(s->bytes);
	s->bytes = NULL;
	s->count = 0;
}

static void clipboard_target(void *data, struct wl_data_source *source, const char *kind)
{
}

static void clipboard_send(void *data, struct wl_data_source *source, const char *kind, int fd)
{
	send_to(data, fd);
}

static void clipboard_cancelled(void *data, struct wl_data_source *source)
{
	drop_source(data);
}

static void primary_send(void *data, struct zwp_primary_selection_source_v1 *source, const char *kind, int fd)
{
	send_to(data, fd);
}

static void primary_cancelled(void *data, struct zwp_primary_selection_source_v1 *source)
{
	drop_source(data);
}

static const struct wl_data_source_listener source_listener = {
	.target = clipboard_target, .send = clipboard_send, .cancelled = clipboard_cancelled,
};
static const struct zwp_primary_selection_source_v1_listener primary_source_listener = {
	.send = primary_send, .cancelled = primary_cancelled,
};

static bool offer_clipboard(struct selection *s)
{
	struct desktop *d = s->desktop;

	s->source = wl_data_device_manager_create_data_source(d->clipboards);
	if (!s->source)
		return false;
	wl_data_source_add_listener(s->source, &source_listener, s);
	for (int i = 0; i < KINDS; i++)
		wl_data_source_offer(s->source, kinds[i]);
	wl_data_device_set_selection(s->clipboard, s->source, d->serial);
	return true;
}

static bool offer_primary(struct selection *s)
{
	struct desktop *d = s->desktop;

	s->primary_source = zwp_primary_selection_device_manager_v1_create_source(d->primaries);
	if (!s->primary_source)
		return false;
	zwp_primary_selection_source_v1_add_listener(s->primary_source, &primary_source_listener, s);
	for (int i = 0; i < KINDS; i++)
		zwp_primary_selection_source_v1_offer(s->primary_source, kinds[i]);
	zwp_primary_selection_device_v1_set_selection(s->primary, s->primary_source, d->serial);
	return true;
}

int window_copy(struct window *w, enum window_selection which, const char *bytes, size_t count)
{
	struct selection *s = w->desktop->selections[which];
	char *copy;

	if (!s)
		return -EOPNOTSUPP;
	if (!w->focused || !w->desktop->serial)
		return -EAGAIN;
	copy = malloc(count + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, count);
	drop_source(s);
	s->bytes = copy;
	s->count = count;
	if (which == WINDOW_CLIPBOARD ? offer_clipboard(s) : offer_primary(s))
		return 0;
	drop_source(s);
	return -ENOMEM;
}

/* ---- open and close ------------------------------------------------------------------------ */

static int selection_open(struct desktop *d, enum window_selection which)
{
	struct selection *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->desktop = d;
	s->which = which;
	d->selections[which] = s;
	if (which == WINDOW_CLIPBOARD) {
		s->clipboard = wl_data_device_manager_get_data_device(d->clipboards, d->seat);
		if (s->clipboard)
			wl_data_device_add_listener(s->clipboard, &clipboard_listener, s);
	} else {
		s->primary = zwp_primary_selection_device_manager_v1_get_device(d->primaries, d->seat);
		if (s->primary)
			zwp_primary_selection_device_v1_add_listener(s->primary, &primary_listener, s);
	}
	return s->clipboard || s->primary ? 0 : -ENOMEM;
}

int selections_open(struct desktop *d)
{
	int error = d->seat && d->clipboards ? selection_open(d, WINDOW_CLIPBOARD) : 0;

	if (!error && d->seat && d->primaries)
		error = selection_open(d, WINDOW_PRIMARY);
	return error;
}

void selections_forget(struct desktop *d, const struct window *w)
{
	for (int i = 0; i < WINDOW_SELECTIONS; i++)
		if (d->selections[i] && d->selections[i]->window == w)
			paste_stop(d->selections[i]);
}

void selections_close(struct desktop *d)
{
	struct send *send, *after;

	wl_list_for_each_safe(send, after, &d->sends, link)
		send_end(send);
	for (int i = 0; i < WINDOW_SELECTIONS; i++) {
		struct selection *s = d->selections[i];
		if (!s)
			continue;
		paste_stop(s);
		drop_source(s);
		set_offer(s, NULL);
		if (s->clipboard)
			wl_data_device_destroy(s->clipboard);
		if (s->primary)
			zwp_primary_selection_device_v1_destroy(s->primary);
		free(s);
	}
}
