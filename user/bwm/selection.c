/*
 * What is selected: sources of data, offers of them, and the two selections, the clipboard and what is marked.
 *
 * Data goes from client to client by a pipe that the receiver made; nothing of it passes here. The client that has the
 * keyboard is told of the selection, and it alone may set it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wayland-server-protocol.h>

#include "seat_parts.h"

enum {
	TYPES = 256,            /* of one source: programs offer a dozen */
	TYPE_LENGTH = 256,      /* RFC 6838, 4.2: two names of 127 characters each */
};

/* ---- sources ------------------------------------------------------------------------ */

static void selection_tell(struct selection *s);

static void source_destroyed(struct wl_resource *resource)
{
	struct source *source = wl_resource_get_user_data(resource);
	struct selection *selections[] = { &source->seat->clipboard, &source->seat->primary };
	struct offer *offer, *next;
	char **type;

	wl_list_for_each_safe(offer, next, &source->offers, link) {
		offer->source = NULL;
		wl_list_remove(&offer->link);
		wl_list_init(&offer->link);
	}
	drag_source_gone(source->seat, source);
	for (size_t i = 0; i < 2; i++)
		if (selections[i]->source == source) {
			selections[i]->source = NULL;
			selection_tell(selections[i]);
		}
	wl_array_for_each(type, &source->types)
		free(*type);
	wl_array_release(&source->types);
	free(source);
}

void source_create(struct seat *seat, struct wl_client *client, const struct wl_interface *interface,
	const void *implementation, const struct selection_kind *kind, uint32_t version, uint32_t id)
{
	struct source *source = calloc(1, sizeof *source);
	struct wl_resource *resource = source ? wl_resource_create(client, interface, (int)version, id) : NULL;

	if (!resource) {
		free(source);
		wl_client_post_no_memory(client);
		return;
	}
	*source = (struct source) { .resource = resource, .kind = kind, .seat = seat };
	wl_array_init(&source->types);
	wl_list_init(&source->offers);
	wl_resource_set_implementation(resource, implementation, source, source_destroyed);
}

void source_offer(struct wl_client *client, struct wl_resource *resource, const char *type)
{
	struct source *source = wl_resource_get_user_data(resource);
	char **place = NULL, *copy = NULL;

	if (source->types.size < TYPES * sizeof copy && strlen(type) < TYPE_LENGTH)
		copy = strdup(type);
	if (copy)
		place = wl_array_add(&source->types, sizeof copy);
	if (place) {
		*place = copy;
	} else {
		free(copy);
		wl_client_post_no_memory(client);
	}
}

void source_or_offer_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- offers ------------------------------------------------------------------------- */

static void offer_destroyed(struct wl_resource *resource)
{
	struct offer *offer = wl_resource_get_user_data(resource);

	/* One who dropped something and then says nothing more of it, did not take it. */
	if (offer->source && offer->dropped)
		offer->source->kind->cancelled(offer->source->resource);
	wl_list_remove(&offer->link);
	free(offer);
}

struct offer *offer_create(struct source *source, struct wl_resource *device)
{
	struct wl_client *client = wl_resource_get_client(device);
	struct offer *offer = calloc(1, sizeof *offer);
	struct wl_resource *resource = NULL;
	char **type;

	if (offer)
		resource = wl_resource_create(client, source->kind->offer_interface, wl_resource_get_version(device), 0);
	if (!resource) {
		free(offer);
		wl_client_post_no_memory(client);
		return NULL;
	}
	offer->resource = resource;
	offer->source = source;
	wl_list_insert(&source->offers, &offer->link);
	wl_resource_set_implementation(resource, source->kind->offer_implementation, offer, offer_destroyed);
	source->kind->data_offer(device, resource);
	wl_array_for_each(type, &source->types)
		source->kind->offer(resource, *type);
	return offer;
}

/* The source writes into the pipe; of one that is gone its reader sees the end at once. */
void offer_receive(struct wl_client *client, struct wl_resource *resource, const char *type, int32_t fd)
{
	struct offer *offer = wl_resource_get_user_data(resource);

	if (offer->source)
		offer->source->kind->send(offer->source->resource, type, fd);
	close(fd);
}

/* ---- selections ------------------------------------------------------------------------ */

static void tell_device(struct selection *s, struct wl_resource *device)
{
	struct offer *offer = s->source ? offer_create(s->source, device) : NULL;

	if (offer || !s->source)
		s->kind->selection(device, offer ? offer->resource : NULL);
}

static bool has_keyboard(const struct selection *s, struct wl_client *client)
{
	struct wl_resource *surface = s->seat->keyboard.focus.surface;

	return surface && wl_resource_get_client(surface) == client;
}

/* The client that has the keyboard hears what is selected. */
static void selection_tell(struct selection *s)
{
	struct wl_resource *device;

	wl_resource_for_each(device, &s->devices)
		if (has_keyboard(s, wl_resource_get_client(device)))
			tell_device(s, device);
}

void selection_set(struct selection *s, struct wl_client *client, struct wl_resource *resource)
{
	struct source *source = resource ? wl_resource_get_user_data(resource) : NULL, *before = s->source;

	if (!has_keyboard(s, client) || source == before) {
		if (source && source != before)
			source->kind->cancelled(resource);
		return;
	}
	s->source = source;
	if (source)
		source->used = true;
	if (before)
		before->kind->cancelled(before->resource);
	selection_tell(s);
}

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

void selection_device(struct selection *s, struct wl_resource *device, const void *implementation)
{
	wl_resource_set_implementation(device, implementation, s, unlink_resource);
	wl_list_insert(&s->devices, wl_resource_get_link(device));
	if (has_keyboard(s, wl_resource_get_client(device)))
		tell_device(s, device);
}

/* Another client has the keyboard now; who had it before and still has it knows already. */
void selection_focus(struct seat *seat, struct wl_resource *surface)
{
	if (!surface)
		return;
	selection_tell(&seat->clipboard);
	selection_tell(&seat->primary);
}

int selection_start(struct seat *seat)
{
	seat->clipboard.seat = seat->primary.seat = seat;
	wl_list_init(&seat->clipboard.devices);
	wl_list_init(&seat->primary.devices);
	seat->data_global = data_create_global(seat);
	seat->primary_global = seat->data_global ? primary_create_global(seat) : NULL;
	if (seat->primary_global)
		return 0;
	selection_end(seat);
	errno = ENOMEM;
	return -1;
}

void selection_end(struct seat *seat)
{
	if (seat->data_global)
		wl_global_destroy(seat->data_global);
	if (seat->primary_global)
		wl_global_destroy(seat->primary_global);
	seat->data_global = seat->primary_global = NULL;
}
