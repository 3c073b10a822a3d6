/*
 * Drag and drop: from a button pressed on a surface until it is let go, the pointer is the drag's, and the surface
 * below it hears by its wl_data_device where it is, what is brought, and that it is dropped.
 */
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "seat_parts.h"

struct drag {
	struct seat_grab    grab;
	struct seat        *seat;
	struct source      *source;     /* NULL: within the client alone */
	struct wl_client   *client;
	struct wl_listener  client_gone;
	struct focus        focus;      /* the surface below the pointer */
	struct offer       *offer;      /* what it was told of; NULL: nothing, or it has destroyed that */
	struct wl_listener  offer_gone;
	struct focus        icon;
};

#define for_each_device(device, drag) \
	wl_resource_for_each(device, &(drag)->seat->clipboard.devices) \
		if ((drag)->focus.surface && wl_resource_get_client(device) == wl_resource_get_client((drag)->focus.surface))

static void offer_forget(struct drag *drag)
{
	wl_list_remove(&drag->offer_gone.link);
	wl_list_init(&drag->offer_gone.link);
	drag->offer = NULL;
}

static void offer_gone(struct wl_listener *listener, void *data)
{
	struct drag *drag = wl_container_of(listener, drag, offer_gone);

	offer_forget(drag);
}

/* ---- actions ------------------------------------------------------------------------- */

/* What the receiver likes best, if the source does that; else the first of both. */
static uint32_t common_action(const struct offer *offer)
{
	uint32_t both = offer->actions & offer->source->actions;

	return offer->preferred & both ? offer->preferred : both & -both;
}

void drag_agree(struct offer *offer)
{
	uint32_t action;

	if (!offer->source)
		return;
	action = common_action(offer);
	if (action == offer->action)
		return;
	offer->action = action;
	if (wl_resource_get_version(offer->source->resource) >= WL_DATA_SOURCE_ACTION_SINCE_VERSION)
		wl_data_source_send_action(offer->source->resource, action);
	if (wl_resource_get_version(offer->resource) >= WL_DATA_OFFER_ACTION_SINCE_VERSION)
		wl_data_offer_send_action(offer->resource, action);
}

/* ---- the surface below ----------------------------------------------------------------- */

static void leave(struct drag *drag)
{
	struct wl_resource *device;

	for_each_device(device, drag)
		wl_data_device_send_leave(device);
	if (drag->source && drag->offer) {
		wl_data_source_send_target(drag->source->resource, NULL);
		/* What was left cannot be taken from any more. */
		drag->offer->source = NULL;
		wl_list_remove(&drag->offer->link);
		wl_list_init(&drag->offer->link);
	}
	offer_forget(drag);
	focus_set(&drag->focus, NULL);
}

/* Each device of a client has an object of the offer; the last one's counts. */
static void enter_device(struct drag *drag, struct wl_resource *device, uint32_t serial, double sx, double sy)
{
	struct offer *offer = drag->source ? offer_create(drag->source, device) : NULL;

	if (drag->source && !offer)
		return;
	if (offer) {
		offer->dragged = true;
		if (wl_resource_get_version(offer->resource) >= WL_DATA_OFFER_SOURCE_ACTIONS_SINCE_VERSION)
			wl_data_offer_send_source_actions(offer->resource, drag->source->actions);
		offer_forget(drag);
		drag->offer = offer;
		wl_resource_add_destroy_listener(offer->resource, &drag->offer_gone);
	}
	wl_data_device_send_enter(device, serial, drag->focus.surface, wl_fixed_from_double(sx), wl_fixed_from_double(sy),
		offer ? offer->resource : NULL);
}

static void enter(struct drag *drag, struct wl_resource *surface, double sx, double sy)
{
	uint32_t serial = wl_display_next_serial(drag->seat->display);
	struct wl_resource *device;

	/* What has no source is for nobody else. */
	if (surface && !drag->source && wl_resource_get_client(surface) != drag->client)
		surface = NULL;
	if (surface == drag->focus.surface)
		return;
	leave(drag);
	focus_set(&drag->focus, surface);
	for_each_device(device, drag)
		enter_device(drag, device, serial, sx, sy);
}

/* ---- the pointer ------------------------------------------------------------------------- */

static void moved(struct seat_grab *grab, uint32_t time, double x, double y)
{
	struct drag *drag = wl_container_of(grab, drag, grab);
	const struct seat_desktop *d = &drag->seat->desktop;
	struct wl_resource *device, *before = drag->focus.surface;
	double sx = 0, sy = 0;

	enter(drag, d->surface_at(d->data, x, y, &sx, &sy), sx, sy);
	if (drag->focus.surface == before)
		for_each_device(device, drag)
			wl_data_device_send_motion(device, time, wl_fixed_from_double(sx), wl_fixed_from_double(sy));
}

/* It is dropped on who has accepted it, and agrees on what is done with it where it can. */
static bool drop(struct drag *drag)
{
	struct offer *offer = drag->offer;
	struct wl_resource *device;
	bool agrees = offer && (wl_resource_get_version(offer->resource) < WL_DATA_OFFER_ACTION_SINCE_VERSION ||
		!drag->source->actions_set || offer->action);

	if (!drag->focus.surface || (drag->source && (!offer || !offer->accepted || !agrees)))
		return false;
	for_each_device(device, drag)
		wl_data_device_send_drop(device);
	if (offer) {
		offer->dropped = wl_resource_get_version(offer->resource) >= WL_DATA_OFFER_FINISH_SINCE_VERSION;
		if (wl_resource_get_version(drag->source->resource) >= WL_DATA_SOURCE_DND_DROP_PERFORMED_SINCE_VERSION)
			wl_data_source_send_dnd_drop_performed(drag->source->resource);
		offer_forget(drag);     /* it stays the receiver's */
	}
	return true;
}

static void button(struct seat_grab *grab, uint32_t time, uint32_t code, bool pressed)
{
	struct drag *drag = wl_container_of(grab, drag, grab);
	struct seat *seat = drag->seat;

	if (!pressed && seat->pointer.taken == 0) {
		if (drop(drag))
			drag->source = NULL;
		drag_end(seat);
	}
}

/* ---- begin and end ------------------------------------------------------------------------ */

/* Of a source that is still the drag's nothing was taken. */
void drag_end(struct seat *seat)
{
	struct drag *drag = seat->drag;
	struct source *source;

	if (!drag)
		return;
	seat->drag = NULL;
	source = drag->source;
	leave(drag);
	if (source)
		source->kind->cancelled(source->resource);
	wl_list_remove(&drag->client_gone.link);
	focus_set(&drag->icon, NULL);
	seat->desktop.drag_icon(seat->desktop.data, NULL, NULL);
	seat_grab_end(seat, &drag->grab);
	free(drag);
}

static void cancel(struct seat_grab *grab)
{
	struct drag *drag = wl_container_of(grab, drag, grab);

	drag_end(drag->seat);
}

static void client_gone(struct wl_listener *listener, void *data)
{
	struct drag *drag = wl_container_of(listener, drag, client_gone);

	drag->source = NULL;
	drag_end(drag->seat);
}

static void surface_gone(struct wl_listener *listener, void *data)
{
	struct drag *drag = wl_container_of(listener, drag, focus.destroyed);

	focus_set(&drag->focus, NULL);
	offer_forget(drag);
}

static void icon_gone(struct wl_listener *listener, void *data)
{
	struct drag *drag = wl_container_of(listener, drag, icon.destroyed);

	focus_set(&drag->icon, NULL);
	drag->seat->desktop.drag_icon(drag->seat->desktop.data, NULL, NULL);
}

void drag_source_gone(struct seat *seat, struct source *source)
{
	if (seat->drag && seat->drag->source == source) {
		seat->drag->source = NULL;
		offer_forget(seat->drag);
		drag_end(seat);
	}
}

void drag_start(struct seat *seat, struct wl_client *client, struct source *source, struct wl_resource *icon)
{
	struct drag *drag = calloc(1, sizeof *drag);

	if (!drag) {
		wl_client_post_no_memory(client);
		return;
	}
	if (source)
		source->used = true;
	*drag = (struct drag) {
		.grab = { .moved = moved, .button = button, .cancel = cancel }, .seat = seat, .source = source,
		.client = client, .client_gone.notify = client_gone, .offer_gone.notify = offer_gone,
	};
	focus_init(&drag->focus, surface_gone);
	focus_init(&drag->icon, icon_gone);
	focus_set(&drag->icon, icon);
	wl_list_init(&drag->offer_gone.link);
	wl_client_add_destroy_listener(client, &drag->client_gone);
	seat_grab_begin(seat, &drag->grab);     /* which ends another drag */
	seat->drag = drag;
	moved(&drag->grab, 0, seat->pointer.x, seat->pointer.y);
}
