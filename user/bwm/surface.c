/*
 * wl_compositor and wl_surface: a client gathers what is to be new of a surface, and commit makes it so all at once.
 *
 * State goes from `pending`, by way of `cached` for a synchronised subsurface, to the surface itself. There a buffer
 * and what is damaged of it wait until a frame takes the pixels (contents.c), so a client that commits more often than
 * the display shows costs no upload for what nobody saw.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "shell.h"

enum { COMPOSITOR_VERSION = 4, SCALE_MOST = 16, FARTHEST = 1 << 20 };

/* ---- states -------------------------------------------------------------------- */

static void state_buffer_gone(struct wl_listener *listener, void *data)
{
	struct surface_state *state = wl_container_of(listener, state, buffer_gone);

	wl_list_remove(&state->buffer_gone.link);
	wl_list_init(&state->buffer_gone.link);
	state->buffer = NULL;
}

void state_set_buffer(struct surface_state *state, struct wl_resource *buffer)
{
	wl_list_remove(&state->buffer_gone.link);
	wl_list_init(&state->buffer_gone.link);
	state->buffer = buffer;
	if (buffer)
		wl_resource_add_destroy_listener(buffer, &state->buffer_gone);
}

static void state_init(struct surface_state *state)
{
	*state = (struct surface_state) { .scale = 1 };
	state->buffer_gone.notify = state_buffer_gone;
	wl_list_init(&state->buffer_gone.link);
	wl_list_init(&state->frames);
}

static void state_finish(struct surface_state *state)
{
	struct wl_resource *frame, *next;

	state_set_buffer(state, NULL);
	region_free(state->input);
	wl_resource_for_each_safe(frame, next, &state->frames)
		wl_resource_destroy(frame);
}

static void move_frames(struct wl_list *into, struct wl_list *from)
{
	wl_list_insert_list(into->prev, from);
	wl_list_init(from);
}

static void join_all(struct damage *into, struct damage *from)
{
	for (int i = 0; i < from->count; i++)
		damage_join(into, from->parts[i]);
	from->count = 0;
}

/* A buffer that is replaced before it was shown is the client's again. */
static void merge_buffer(struct surface_state *into, struct surface_state *from)
{
	if (!from->attached)
		return;
	if (into->buffer && into->buffer != from->buffer)
		wl_buffer_send_release(into->buffer);
	state_set_buffer(into, from->buffer);
	into->attached = true;
	state_set_buffer(from, NULL);
	from->attached = false;
}

void state_merge(struct surface_state *into, struct surface_state *from)
{
	merge_buffer(into, from);
	into->dx += from->dx;
	into->dy += from->dy;
	from->dx = from->dy = 0;
	into->scale = from->scale;
	into->transform = from->transform;
	into->opaque = from->opaque;
	into->viewport = from->viewport;
	join_all(&into->damage, &from->damage);
	join_all(&into->buffer_damage, &from->buffer_damage);
	if (from->input_set) {
		region_free(into->input);
		into->input = from->input;
		into->input_set = true;
		from->input = NULL;
		from->input_set = false;
	}
	move_frames(&into->frames, &from->frames);
}

/* ---- commit --------------------------------------------------------------------- */

/* What is no window's, a cursor or an icon, is always above all. */
static bool surface_seen(struct surface *s)
{
	const struct window *w = window_of(s);

	return !w || window_seen(w);
}

void surface_damage(struct surface *s, rect part)
{
	int x, y;

	if (!surface_seen(s) || !surface_place(s, &x, &y))
		return;
	part = rect_meet(part, (rect) { 0, 0, s->width, s->height });
	if (rect_empty(part))
		return;
	part.x += x;
	part.y += y;
	damage_add(s->server, part);
}

/*
 * The size in surface coordinates, which the buffer's must be a multiple of by the scale. False: the client was told.
 */
static bool surface_measure(struct surface *s)
{
	bool turned = s->transform & 1;
	int width = turned ? s->buffer_height : s->buffer_width, height = turned ? s->buffer_width : s->buffer_height;

	return viewport_measure(s, width / s->scale, height / s->scale);
}

/*
 * Whether a pixel of the buffer, or a square of them, is one of the surface, so that places of one are some of the
 * other.
 */
static bool pixels_meet(const struct surface *s)
{
	const struct viewport *v = &s->viewport;

	return !s->transform && !v->to_width && v->x == floor(v->x) && v->y == floor(v->y);
}

/* What of the display shows the parts of the buffer and of the surface that are damaged. */
static void damage_display(struct surface *s, const struct surface_state *state)
{
	for (int i = 0; i < state->damage.count; i++)
		surface_damage(s, state->damage.parts[i]);
	for (int i = 0; i < state->buffer_damage.count; i++) {
		rect part = state->buffer_damage.parts[i];
		if (pixels_meet(s))
			part = (rect) {
				part.x / s->scale - (int)s->viewport.x, part.y / s->scale - (int)s->viewport.y,
				part.width / s->scale + 2, part.height / s->scale + 2,
			};
		else
			part = (rect) { 0, 0, s->width, s->height };
		surface_damage(s, part);
	}
}

/* A new buffer gives the surface its size at once, its pixels come later. False: the client was told of an error. */
static bool apply_size(struct surface *s, struct surface_state *state)
{
	if (state->attached) {
		s->buffer_width = s->buffer_height = 0;
		if (state->buffer && !contents_buffer_size(s, state->buffer, &s->buffer_width, &s->buffer_height))
			return false;
	}
	return surface_measure(s);
}

static bool same_view(const struct viewport *a, const struct viewport *b)
{
	return a->cropped == b->cropped && a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height &&
		a->to_width == b->to_width && a->to_height == b->to_height;
}

/* Damage of the surface as damage of its buffer, where it waits for the pixels to be taken. */
static void keep_damage(struct surface *s, struct surface_state *state)
{
	rect all = { 0, 0, INT_MAX / 2, INT_MAX / 2 };

	for (int i = 0; i < state->damage.count; i++) {
		rect part = rect_meet(state->damage.parts[i], (rect) { 0, 0, FARTHEST, FARTHEST });
		part.x += (int)s->viewport.x;
		part.y += (int)s->viewport.y;
		part = (rect) { part.x * s->scale, part.y * s->scale, part.width * s->scale, part.height * s->scale };
		damage_join(&s->waiting.buffer_damage, pixels_meet(s) ? part : all);
	}
	state->damage.count = 0;
	join_all(&s->waiting.buffer_damage, &state->buffer_damage);
}

void surface_apply(struct surface *s, struct surface_state *state)
{
	int old_width = s->width, old_height = s->height;
	bool another_view = s->transform != state->transform || !same_view(&s->viewport, &state->viewport);

	s->scale = state->scale;
	s->transform = state->transform;
	s->opaque = state->opaque;
	s->viewport = state->viewport;
	s->dx += state->dx;
	s->dy += state->dy;
	state->dx = state->dy = 0;
	if (state->input_set) {
		region_free(s->input);
		s->input = state->input;
		state->input = NULL;
		state->input_set = false;
	}
	if (!apply_size(s, state))
		return;
	/* Where it was, while it is still known there. */
	if (s->width != old_width || s->height != old_height || another_view) {
		int width = s->width, height = s->height;
		s->width = old_width, s->height = old_height;
		surface_damage(s, (rect) { 0, 0, old_width, old_height });
		s->width = width, s->height = height;
		damage_join(&state->damage, (rect) { 0, 0, width, height });
	}
	move_frames(&s->frames, &state->frames);
	merge_buffer(&s->waiting, state);
	if (s->role && s->role->committed)
		s->role->committed(s);
	damage_display(s, state);
	keep_damage(s, state);
	contents_attach(s);
	if (!wl_list_empty(&s->frames) && surface_seen(s))
		output_schedule(&s->server->output);
	subsurfaces_commit(s);
}

static void surface_commit(struct wl_client *by, struct wl_resource *resource)
{
	struct surface *s = surface_of(resource);

	if (s->subsurface && subsurface_waits(s)) {
		state_merge(&s->cached, &s->pending);
		s->has_cached = true;
	} else if (s->has_cached) {
		state_merge(&s->cached, &s->pending);
		s->has_cached = false;
		surface_apply(s, &s->cached);
	} else {
		surface_apply(s, &s->pending);
	}
}

/* ---- requests ----------------------------------------------------------------------- */

static void surface_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void surface_attach(struct wl_client *by, struct wl_resource *resource, struct wl_resource *buffer, int32_t dx,
			   int32_t dy)
{
	struct surface *s = surface_of(resource);

	state_set_buffer(&s->pending, buffer);
	s->pending.attached = true;
	s->pending.dx = dx;
	s->pending.dy = dy;
}

/* Far beyond any display, so that sums of places never overflow. */
static rect sane(int32_t x, int32_t y, int32_t w, int32_t h)
{
	int64_t right = (int64_t)x + w, bottom = (int64_t)y + h;
	int left = x < 0 ? 0 : x > FARTHEST ? FARTHEST : x, top = y < 0 ? 0 : y > FARTHEST ? FARTHEST : y;

	right = right > FARTHEST ? FARTHEST : right;
	bottom = bottom > FARTHEST ? FARTHEST : bottom;
	return (rect) { left, top, (int)(right - left < 0 ? 0 : right - left), (int)(bottom - top < 0 ? 0 : bottom - top) };
}

static void surface_note_damage(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y, int32_t w,
				int32_t h)
{
	damage_join(&surface_of(resource)->pending.damage, sane(x, y, w, h));
}

static void surface_note_buffer_damage(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y,
				       int32_t w, int32_t h)
{
	damage_join(&surface_of(resource)->pending.buffer_damage, sane(x, y, w, h));
}

static void frame_destroyed(struct wl_resource *resource)
{
	struct client *client = wl_resource_get_user_data(resource);

	wl_list_remove(wl_resource_get_link(resource));
	client_give(client, &client->objects);
}

static void surface_frame(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct surface *s = surface_of(resource);
	struct wl_resource *frame;

	if (!client_take(s->client, &s->client->objects, CLIENT_OBJECTS))
		return;
	frame = wl_resource_create(by, &wl_callback_interface, 1, id);
	if (!frame) {
		client_give(s->client, &s->client->objects);
		wl_client_post_no_memory(by);
		return;
	}
	wl_resource_set_implementation(frame, NULL, s->client, frame_destroyed);
	wl_list_insert(s->pending.frames.prev, wl_resource_get_link(frame));
}

static void surface_set_opaque(struct wl_client *by, struct wl_resource *resource, struct wl_resource *region)
{
	surface_of(resource)->pending.opaque = region ? region_inner(region_of(region)) : (rect) { 0 };
}

static void surface_set_input(struct wl_client *by, struct wl_resource *resource, struct wl_resource *region)
{
	struct surface *s = surface_of(resource);
	struct region *copy = region ? region_copy(region_of(region)) : NULL;

	if (region && !copy) {
		wl_resource_post_no_memory(resource);
		return;
	}
	region_free(s->pending.input);
	s->pending.input = copy;
	s->pending.input_set = true;
}

static void surface_set_transform(struct wl_client *by, struct wl_resource *resource, int32_t transform)
{
	if (transform < WL_OUTPUT_TRANSFORM_NORMAL || transform > WL_OUTPUT_TRANSFORM_FLIPPED_270)
		wl_resource_post_error(resource, WL_SURFACE_ERROR_INVALID_TRANSFORM, "no transform %d", transform);
	else
		surface_of(resource)->pending.transform = transform;
}

static void surface_set_scale(struct wl_client *by, struct wl_resource *resource, int32_t scale)
{
	if (scale < 1 || scale > SCALE_MOST)
		wl_resource_post_error(resource, WL_SURFACE_ERROR_INVALID_SCALE, "no scale %d", scale);
	else
		surface_of(resource)->pending.scale = scale;
}

static const struct wl_surface_interface implementation = {
	.destroy = surface_destroy, .attach = surface_attach, .damage = surface_note_damage, .frame = surface_frame,
	.set_opaque_region = surface_set_opaque, .set_input_region = surface_set_input, .commit = surface_commit,
	.set_buffer_transform = surface_set_transform, .set_buffer_scale = surface_set_scale,
	.damage_buffer = surface_note_buffer_damage,
};

/* ---- the life of a surface -------------------------------------------------------------- */

static void surface_destroyed(struct wl_resource *resource)
{
	struct surface *s = surface_of(resource);
	struct wl_resource *frame, *next;

	surface_damage(s, (rect) { 0, 0, s->width, s->height });
	wl_signal_emit(&s->gone, s);
	if (s->role && s->role->destroyed)
		s->role->destroyed(s);
	subsurfaces_orphan(s);
	viewport_orphan(s);
	contents_clear(s);
	state_finish(&s->pending);
	state_finish(&s->cached);
	state_finish(&s->waiting);
	region_free(s->input);
	wl_resource_for_each_safe(frame, next, &s->frames)
		wl_resource_destroy(frame);
	client_give(s->client, &s->client->surfaces);
	free(s);
}

/* What waits for its pixels to be taken: a buffer that is destroyed first is taken now. */
static void waiting_buffer_gone(struct wl_listener *listener, void *data)
{
	struct surface_state *state = wl_container_of(listener, state, buffer_gone);
	struct surface *s = wl_container_of(state, s, waiting);

	contents_take(s);
	state_buffer_gone(listener, data);
}

static void compositor_create_surface(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct client *client = client_of(wl_resource_get_user_data(resource), by);
	struct surface *s;

	if (!client || !client_take(client, &client->surfaces, CLIENT_SURFACES))
		return;
	s = calloc(1, sizeof *s);
	if (s)
		s->resource = wl_resource_create(by, &wl_surface_interface, wl_resource_get_version(resource), id);
	if (!s || !s->resource) {
		free(s);
		client_give(client, &client->surfaces);
		wl_client_post_no_memory(by);
		return;
	}
	s->server = client->server;
	s->client = client;
	s->scale = 1;
	state_init(&s->pending);
	state_init(&s->cached);
	state_init(&s->waiting);
	s->waiting.buffer_gone.notify = waiting_buffer_gone;
	wl_list_init(&s->frames);
	wl_list_init(&s->below);
	wl_list_init(&s->above);
	wl_list_init(&s->pending_below);
	wl_list_init(&s->pending_above);
	wl_signal_init(&s->gone);
	wl_resource_set_implementation(s->resource, &implementation, s, surface_destroyed);
}

static void compositor_create_region(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct client *client = client_of(wl_resource_get_user_data(resource), by);

	if (client)
		region_create(client, (uint32_t)wl_resource_get_version(resource), id);
}

static const struct wl_compositor_interface compositor = {
	.create_surface = compositor_create_surface, .create_region = compositor_create_region,
};

static void compositor_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(by, &wl_compositor_interface, (int)version, id);

	if (!resource)
		wl_client_post_no_memory(by);
	else
		wl_resource_set_implementation(resource, &compositor, data, NULL);
}

int surface_create_global(struct server *server)
{
	return wl_global_create(server->display, &wl_compositor_interface, COMPOSITOR_VERSION, server, compositor_bind) ?
		0 : -ENOMEM;
}

struct surface *surface_of(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

rect surface_opaque(const struct surface *s)
{
	rect all = { 0, 0, s->width, s->height };

	return !s->contents.image ? (rect) { 0 } : s->contents.opaque ? all : rect_meet(all, s->opaque);
}

bool surface_set_role(struct surface *s, const struct surface_role *role, void *object, struct wl_resource *by,
		      uint32_t error)
{
	if ((s->role && s->role != role) || (s->role_object && s->role_object != object)) {
		wl_resource_post_error(by, error, "surface %u is a %s", wl_resource_get_id(s->resource), s->role->name);
		return false;
	}
	s->role = role;
	s->role_object = object;
	return true;
}

void surface_frame_done(struct surface *s, uint32_t time)
{
	struct wl_resource *frame, *next;

	wl_resource_for_each_safe(frame, next, &s->frames) {
		wl_callback_send_done(frame, time);
		wl_resource_destroy(frame);
	}
}
