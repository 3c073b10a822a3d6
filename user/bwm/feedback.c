/*
 * zwp_linux_dmabuf_feedback_v1: on which card clients are to draw, and in which formats. It is how Mesa finds the card;
 * who does not hear of one draws by the CPU. There is one card, and what is sampled on it is never shown as it is by
 * the display, so all clients and all surfaces are told the same, once.
 */
#include <sys/stat.h>

#include "bwm.h"
#include "dmabuf.h"
#include "linux-dmabuf-unstable-v1-server-protocol.h"

enum { PAIRS = DMABUF_FORMATS * DMABUF_MODIFIERS };

/* A row of the table, as the protocol has it. */
struct pair {
	uint32_t format, padding;
	uint64_t modifier;
};

int feedback_create_table(struct server *server)
{
	struct pair pairs[PAIRS];

	for (int i = 0; i < PAIRS; i++)
		pairs[i] = (struct pair) {
			.format = dmabuf_formats[i / DMABUF_MODIFIERS], .modifier = dmabuf_modifiers[i % DMABUF_MODIFIERS],
		};
	server->formats_fd = sealed_file("formats", pairs, sizeof pairs);
	return server->formats_fd < 0 ? server->formats_fd : 0;
}

/* All of it: the card, and the one set of formats for it. */
static void tell(struct server *server, struct wl_resource *resource, dev_t card)
{
	uint16_t indices[PAIRS];
	struct wl_array device = { .size = sizeof card, .data = &card };
	struct wl_array all = { .size = sizeof indices, .data = indices };

	for (uint16_t i = 0; i < PAIRS; i++)
		indices[i] = i;
	zwp_linux_dmabuf_feedback_v1_send_format_table(resource, server->formats_fd, PAIRS * sizeof(struct pair));
	zwp_linux_dmabuf_feedback_v1_send_main_device(resource, &device);
	zwp_linux_dmabuf_feedback_v1_send_tranche_target_device(resource, &device);
	zwp_linux_dmabuf_feedback_v1_send_tranche_flags(resource, 0);
	zwp_linux_dmabuf_feedback_v1_send_tranche_formats(resource, &all);
	zwp_linux_dmabuf_feedback_v1_send_tranche_done(resource);
	zwp_linux_dmabuf_feedback_v1_send_done(resource);
}

static void feedback_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct zwp_linux_dmabuf_feedback_v1_interface implementation = { .destroy = feedback_destroy };

static void feedback_destroyed(struct wl_resource *resource)
{
	struct client *client = wl_resource_get_user_data(resource);

	client_give(client, &client->objects);
}

void feedback_create(struct server *server, struct wl_client *by, struct wl_resource *dmabuf, uint32_t id)
{
	struct client *client = client_of(server, by);
	struct wl_resource *resource;
	struct stat card;

	if (!client || !client_take(client, &client->objects, CLIENT_OBJECTS))
		return;
	resource = fstat(win_device_fd(server->device), &card) ? NULL :
		wl_resource_create(by, &zwp_linux_dmabuf_feedback_v1_interface, wl_resource_get_version(dmabuf), id);
	if (!resource) {
		client_give(client, &client->objects);
		wl_client_post_no_memory(by);
		return;
	}
	wl_resource_set_implementation(resource, &implementation, client, feedback_destroyed);
	tell(server, resource, card.st_rdev);
}
