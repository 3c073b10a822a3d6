/*
 * wp_viewporter: a surface shows a part of its buffer, or shows it larger or smaller than it is. libwin's windows crop,
 * so that a window may have another size and keep its buffers.
 *
 * What is wrong with a part shows at the commit, when the buffer is known: viewport_measure() is surface.c's question
 * for the surface's size.
 */
#include <errno.h>
#include <math.h>

#include "bwm.h"
#include "viewporter-server-protocol.h"

/* The surface, or NULL after a protocol error: it is gone. */
static struct surface *alive(struct wl_resource *resource)
{
	struct surface *s = wl_resource_get_user_data(resource);

	if (!s)
		wl_resource_post_error(resource, WP_VIEWPORT_ERROR_NO_SURFACE, "its surface is gone");
	return s;
}

static void viewport_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* All -1: the whole buffer again. */
static void set_source(struct wl_client *by, struct wl_resource *resource, wl_fixed_t x, wl_fixed_t y, wl_fixed_t width,
	wl_fixed_t height)
{
	struct surface *s = alive(resource);
	wl_fixed_t none = wl_fixed_from_int(-1);

	if (!s)
		return;
	if (x == none && y == none && width == none && height == none) {
		s->pending.viewport.cropped = false;
	} else if (x < 0 || y < 0 || width <= 0 || height <= 0) {
		wl_resource_post_error(resource, WP_VIEWPORT_ERROR_BAD_VALUE, "there is no such part");
	} else {
		s->pending.viewport.cropped = true;
		s->pending.viewport.x = wl_fixed_to_double(x);
		s->pending.viewport.y = wl_fixed_to_double(y);
		s->pending.viewport.width = wl_fixed_to_double(width);
		s->pending.viewport.height = wl_fixed_to_double(height);
	}
}

/* Both -1: the size of what is shown of the buffer. */
static void set_destination(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height)
{
	struct surface *s = alive(resource);
	bool none = width == -1 && height == -1;

	if (!s)
		return;
	if (!none && (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)) {
		wl_resource_post_error(resource, WP_VIEWPORT_ERROR_BAD_VALUE, "%d x %d is no size", width, height);
		return;
	}
	s->pending.viewport.to_width = none ? 0 : width;
	s->pending.viewport.to_height = none ? 0 : height;
}

static const struct wp_viewport_interface viewport_implementation = {
	.destroy = viewport_destroy, .set_source = set_source, .set_destination = set_destination,
};

/* The surface is as without one from its next commit on. */
static void viewport_destroyed(struct wl_resource *resource)
{
	struct surface *s = wl_resource_get_user_data(resource);

	if (!s)
		return;
	s->viewport_resource = NULL;
	s->pending.viewport = (struct viewport) { 0 };
}

void viewport_orphan(struct surface *s)
{
	if (s->viewport_resource)
		wl_resource_set_user_data(s->viewport_resource, NULL);
}

bool viewport_measure(struct surface *s, int width, int height)
{
	const struct viewport *v = &s->viewport;
	double shown_width = v->cropped ? v->width : width, shown_height = v->cropped ? v->height : height;
	const char *wrong = NULL;
	uint32_t error = WP_VIEWPORT_ERROR_OUT_OF_BUFFER;

	if (width > 0 && v->cropped && (v->x + v->width > width || v->y + v->height > height))
		wrong = "the part lies beyond the buffer";
	else if (!v->to_width && (shown_width != floor(shown_width) || shown_height != floor(shown_height)))
		wrong = "a size in fractions of a pixel", error = WP_VIEWPORT_ERROR_BAD_SIZE;
	if (wrong && s->viewport_resource) {
		wl_resource_post_error(s->viewport_resource, error, "%s", wrong);
		return false;
	}
	s->width = width < 1 ? 0 : v->to_width ? v->to_width : (int)shown_width;
	s->height = width < 1 ? 0 : v->to_height ? v->to_height : (int)shown_height;
	return true;
}

/* ---- the global ------------------------------------------------------------------------ */

static void viewporter_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void get_viewport(struct wl_client *by, struct wl_resource *resource, uint32_t id, struct wl_resource *of)
{
	struct surface *s = surface_of(of);

	if (s->viewport_resource) {
		wl_resource_post_error(resource, WP_VIEWPORTER_ERROR_VIEWPORT_EXISTS, "surface %u has one",
			wl_resource_get_id(of));
		return;
	}
	s->viewport_resource = wl_resource_create(by, &wp_viewport_interface, wl_resource_get_version(resource), id);
	if (s->viewport_resource)
		wl_resource_set_implementation(s->viewport_resource, &viewport_implementation, s, viewport_destroyed);
	else
		wl_client_post_no_memory(by);
}

static const struct wp_viewporter_interface viewporter = {
	.destroy = viewporter_destroy, .get_viewport = get_viewport,
};

static void viewporter_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(by, &wp_viewporter_interface, (int)version, id);

	if (resource)
		wl_resource_set_implementation(resource, &viewporter, data, NULL);
	else
		wl_client_post_no_memory(by);
}

int viewporter_create_global(struct server *server)
{
	return wl_global_create(server->display, &wp_viewporter_interface, 1, server, viewporter_bind) ? 0 : -ENOMEM;
}
