/*
 * zwp_primary_selection_device_manager_v1: what is marked is what the middle button pastes.
 */
#include <wayland-server-protocol.h>

#include "primary-selection-unstable-v1-server-protocol.h"

#include "seat_parts.h"

static const struct zwp_primary_selection_offer_v1_interface offer_implementation = {
	.receive = offer_receive, .destroy = source_or_offer_destroy,
};

static const struct selection_kind kind = {
	.offer_interface = &zwp_primary_selection_offer_v1_interface, .offer_implementation = &offer_implementation,
	.data_offer = zwp_primary_selection_device_v1_send_data_offer, .offer = zwp_primary_selection_offer_v1_send_offer,
	.selection = zwp_primary_selection_device_v1_send_selection, .send = zwp_primary_selection_source_v1_send_send,
	.cancelled = zwp_primary_selection_source_v1_send_cancelled,
};

static const struct zwp_primary_selection_source_v1_interface source_implementation = {
	.offer = source_offer, .destroy = source_or_offer_destroy,
};

static void set_selection(struct wl_client *client, struct wl_resource *resource, struct wl_resource *source,
	uint32_t serial)
{
	selection_set(wl_resource_get_user_data(resource), client, source);
}

static const struct zwp_primary_selection_device_v1_interface device_implementation = {
	.set_selection = set_selection, .destroy = source_or_offer_destroy,
};

static void create_source(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	source_create(wl_resource_get_user_data(resource), client, &zwp_primary_selection_source_v1_interface,
		&source_implementation, &kind, 1, id);
}

static void get_device(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *of)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	struct wl_resource *device = wl_resource_create(client, &zwp_primary_selection_device_v1_interface, 1, id);

	if (device)
		selection_device(&seat->primary, device, &device_implementation);
	else
		wl_client_post_no_memory(client);
}

static const struct zwp_primary_selection_device_manager_v1_interface manager = {
	.create_source = create_source, .get_device = get_device, .destroy = source_or_offer_destroy,
};

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &zwp_primary_selection_device_manager_v1_interface, (int)version, id);

	if (resource)
		wl_resource_set_implementation(resource, &manager, data, NULL);
	else
		wl_client_post_no_memory(client);
}

struct wl_global *primary_create_global(struct seat *seat)
{
	seat->primary.kind = &kind;
	return wl_global_create(seat->display, &zwp_primary_selection_device_manager_v1_interface, 1, seat, bind);
}
