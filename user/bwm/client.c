/*
 * What each client has, counted, so that one that asks without end is told no_memory and ended, and nobody else.
 */
#include <stdlib.h>

#include "bwm.h"

static void release(struct client *client)
{
	if (client->gone && client->surfaces == 0 && client->buffers == 0 && client->objects == 0)
		free(client);
}

/* libwayland tells this before it destroys the client's objects. */
static void client_destroyed(struct wl_listener *listener, void *data)
{
	struct client *client = wl_container_of(listener, client, destroy);

	client->gone = true;
	release(client);
}

struct client *client_of(struct server *server, struct wl_client *by)
{
	struct wl_listener *listener = wl_client_get_destroy_listener(by, client_destroyed);
	struct client *client;

	if (listener)
		return wl_container_of(listener, client, destroy);
	client = calloc(1, sizeof *client);
	if (!client) {
		wl_client_post_no_memory(by);
		return NULL;
	}
	client->server = server;
	client->client = by;
	client->destroy.notify = client_destroyed;
	wl_client_add_destroy_listener(by, &client->destroy);
	return client;
}

bool client_take(struct client *client, int *count, int limit)
{
	if (*count >= limit) {
		wl_client_post_no_memory(client->client);
		return false;
	}
	++*count;
	return true;
}

void client_give(struct client *client, int *count)
{
	--*count;
	release(client);
}
