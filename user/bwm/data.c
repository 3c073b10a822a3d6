/*
 * wl_data_device_manager: the clipboard, and what a drag needs of sources, offers and devices (drag.c).
 */
#include <wayland-server-protocol.h>

#include "seat_parts.h"

enum {
	VERSION = 3,
	ACTIONS = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY | WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE |
		WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK,
};

/* ---- offers --------------------------------------------------------------------------- */

static void offer_accept(struct wl_client *client, struct wl_resource *resource, uint32_t serial, const char *type)
{
	struct offer *offer = wl_resource_get_user_data(resource);

	if (offer->source && offer->dragged && !offer->dropped) {
		offer->accepted = type != NULL;
		wl_data_source_send_target(offer->source->resource, type);
	}
}

static void offer_finish(struct wl_client *client, struct wl_resource *resource)
{
	struct offer *offer = wl_resource_get_user_data(resource);

	if (!offer->dropped) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_FINISH, "nothing was dropped");
		return;
	}
	if (offer->source && wl_resource_get_version(offer->source->resource) >= WL_DATA_SOURCE_DND_FINISHED_SINCE_VERSION)
		wl_data_source_send_dnd_finished(offer->source->resource);
	offer->source = NULL;
	wl_list_remove(&offer->link);
	wl_list_init(&offer->link);
}

static void offer_set_actions(struct wl_client *client, struct wl_resource *resource, uint32_t actions,
	uint32_t preferred)
{
	struct offer *offer = wl_resource_get_user_data(resource);

	if (actions & ~(uint32_t)ACTIONS) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_ACTION_MASK, "actions %#x", actions);
	} else if (preferred && (!(preferred & actions) || preferred & (preferred - 1))) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_ACTION, "action %#x of %#x", preferred, actions);
	} else if (!offer->dragged) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_OFFER, "this is no drag's offer");
	} else {
		offer->actions = actions;
		offer->preferred = preferred;
		drag_agree(offer);
	}
}

static const struct wl_data_offer_interface offer_implementation = {
	.accept = offer_accept, .receive = offer_receive, .destroy = source_or_offer_destroy, .finish = offer_finish,
	.set_actions = offer_set_actions,
};

static const struct selection_kind kind = {
	.offer_interface = &wl_data_offer_interface, .offer_implementation = &offer_implementation,
	.data_offer = wl_data_device_send_data_offer, .offer = wl_data_offer_send_offer,
	.selection = wl_data_device_send_selection, .send = wl_data_source_send_send,
	.cancelled = wl_data_source_send_cancelled,
};

/* ---- sources --------------------------------------------------------------------------- */

static void source_set_actions(struct wl_client *client, struct wl_resource *resource, uint32_t actions)
{
	struct source *source = wl_resource_get_user_data(resource);

	if (actions & ~(uint32_t)ACTIONS) {
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_ACTION_MASK, "actions %#x", actions);
	} else if (source->actions_set || source->used) {
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_SOURCE, "too late to set actions");
	} else {
		source->actions = actions;
		source->actions_set = true;
	}
}

static const struct wl_data_source_interface source_implementation = {
	.offer = source_offer, .destroy = source_or_offer_destroy, .set_actions = source_set_actions,
};

/* ---- devices ---------------------------------------------------------------------------- */

static void start_drag(struct wl_client *client, struct wl_resource *resource, struct wl_resource *source,
	struct wl_resource *origin, struct wl_resource *icon, uint32_t serial)
{
	struct selection *s = wl_resource_get_user_data(resource);
	struct source *what = source ? wl_resource_get_user_data(source) : NULL;

	if (!seat_may_grab(s->seat, client, serial) || s->seat->pointer.focus.surface != origin || (what && what->used)) {
		if (what)
			what->kind->cancelled(source);
	} else if (s->seat->desktop.drag_icon(s->seat->desktop.data, resource, icon)) {
		drag_start(s->seat, client, what, icon);
	}
}

static void set_selection(struct wl_client *client, struct wl_resource *resource, struct wl_resource *source,
	uint32_t serial)
{
	struct source *what = source ? wl_resource_get_user_data(source) : NULL;

	if (what && what->actions_set)
		wl_resource_post_error(source, WL_DATA_SOURCE_ERROR_INVALID_SOURCE, "the source is for a drag");
	else
		selection_set(wl_resource_get_user_data(resource), client, source);
}

static const struct wl_data_device_interface device_implementation = {
	.start_drag = start_drag, .set_selection = set_selection, .release = source_or_offer_destroy,
};

/* ---- the manager ------------------------------------------------------------------------- */

static void create_data_source(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	source_create(wl_resource_get_user_data(resource), client, &wl_data_source_interface, &source_implementation, &kind,
		(uint32_t)wl_resource_get_version(resource), id);
}

static void get_data_device(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *of)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	struct wl_resource *device =
		wl_resource_create(client, &wl_data_device_interface, wl_resource_get_version(resource), id);

	if (device)
		selection_device(&seat->clipboard, device, &device_implementation);
	else
		wl_client_post_no_memory(client);
}

static const struct wl_data_device_manager_interface manager = {
	.create_data_source = create_data_source, .get_data_device = get_data_device,
};

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(client, &wl_data_device_manager_interface, (int)version, id);

	if (resource)
		wl_resource_set_implementation(resource, &manager, data, NULL);
	else
		wl_client_post_no_memory(client);
}

struct wl_global *data_create_global(struct seat *seat)
{
	seat->clipboard.kind = &kind;
	return wl_global_create(seat->display, &wl_data_device_manager_interface, VERSION, seat, bind);
}
