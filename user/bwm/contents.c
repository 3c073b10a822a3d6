/*
 * What a surface shows: a buffer of the GPU, which is sampled where it is, or the surface's own texture, into which the
 * damaged parts of shared memory are uploaded.
 *
 * The GPU's buffers are taken when they are committed: the card runs all programs' commands in one order, so what the
 * client drew is done before our next frame looks at it, and the buffer before, which is given back at once, was looked
 * at by frames before anything new is drawn into it. Shared memory is read when a frame needs it (contents_take()).
 */
#include "bwm.h"

static void drop_image(struct surface *s)
{
	struct contents *c = &s->contents;

	if (c->dmabuf) {
		dmabuf_hide(c->dmabuf);
	} else if (c->image) {
		win_destroy(c->image);
		s->client->pixels -= (long long)c->width * c->height;
	}
	*c = (struct contents) { 0 };
}

void contents_clear(struct surface *s)
{
	drop_image(s);
	s->waiting.buffer_damage.count = 0;
}

bool contents_buffer_size(struct surface *s, struct wl_resource *buffer, int *width, int *height)
{
	struct wl_shm_buffer *shm = wl_shm_buffer_get(buffer);
	struct dmabuf *dmabuf = shm ? NULL : dmabuf_of(buffer);

	*width = shm ? wl_shm_buffer_get_width(shm) : dmabuf ? dmabuf->width : 0;
	*height = shm ? wl_shm_buffer_get_height(shm) : dmabuf ? dmabuf->height : 0;
	if (*width >= 1 && *height >= 1 && *width <= LONGEST_SIDE && *height <= LONGEST_SIDE)
		return true;
	wl_resource_post_error(s->resource, WL_DISPLAY_ERROR_IMPLEMENTATION, "a buffer of %d x %d cannot be shown", *width,
		*height);
	return false;
}

void contents_attach(struct surface *s)
{
	struct wl_resource *buffer = s->waiting.buffer;
	struct dmabuf *dmabuf = buffer ? dmabuf_of(buffer) : NULL;

	if (!s->waiting.attached || (buffer && !dmabuf))
		return;
	s->waiting.attached = false;
	state_set_buffer(&s->waiting, NULL);
	if (dmabuf)
		dmabuf_show(dmabuf);    /* before the old one goes: it may be the same */
	contents_clear(s);
	if (dmabuf)
		s->contents = (struct contents) {
			.image = dmabuf->image, .dmabuf = dmabuf, .width = dmabuf->width, .height = dmabuf->height,
			.opaque = dmabuf->opaque,
		};
}

/* The surface's own texture for a buffer of this kind: the one it has, or another one that is wholly damaged. */
static bool have_image(struct surface *s, int width, int height, bool opaque)
{
	struct contents *c = &s->contents;

	if (c->image && !c->dmabuf && c->width == width && c->height == height && c->opaque == opaque)
		return true;
	drop_image(s);
	if (s->client->pixels + (long long)width * height > CLIENT_PIXELS ||
	    win_create_image(s->server->device, width, height, opaque, &c->image)) {
		c->image = NULL;
		wl_client_post_no_memory(s->client->client);
		return false;
	}
	s->client->pixels += (long long)width * height;
	c->width = width;
	c->height = height;
	c->opaque = opaque;
	s->waiting.buffer_damage.count = 0;
	damage_join(&s->waiting.buffer_damage, (rect) { 0, 0, width, height });
	return true;
}

/*
 * The damage stays until all of it is uploaded: false if the card is not done with the texture, or has an error.
 * The pages may be gone from the client's file meanwhile: libwayland then shows zeros and ends the client.
 */
static bool upload(struct surface *s, struct wl_shm_buffer *shm)
{
	struct damage *damage = &s->waiting.buffer_damage;
	rect all = { 0, 0, s->contents.width, s->contents.height };
	int stride = wl_shm_buffer_get_stride(shm), error = 0;

	wl_shm_buffer_begin_access(shm);
	for (int i = 0; i < damage->count && !error; i++) {
		rect part = rect_meet(damage->parts[i], all);
		const char *pixels = wl_shm_buffer_get_data(shm);
		if (!rect_empty(part))
			error = win_upload(s->contents.image, part, pixels + (ptrdiff_t)part.y * stride + (ptrdiff_t)part.x * 4,
				stride);
	}
	wl_shm_buffer_end_access(shm);
	if (!error)
		damage->count = 0;
	return !error;
}

void contents_take(struct surface *s)
{
	struct wl_resource *buffer = s->waiting.buffer;
	struct wl_shm_buffer *shm = buffer ? wl_shm_buffer_get(buffer) : NULL;

	if (!s->waiting.attached || !shm)
		return;
	if (have_image(s, wl_shm_buffer_get_width(shm), wl_shm_buffer_get_height(shm),
	    wl_shm_buffer_get_format(shm) == WL_SHM_FORMAT_XRGB8888)) {
		bool again = s->contents.late;
		s->contents.late = !upload(s, shm);
		if (s->contents.late) {
			output_schedule(&s->server->output);    /* as a frame that could not be drawn, with the next one */
			return;
		}
		if (again)
			surface_damage(s, (rect) { 0, 0, s->width, s->height });
	}
	s->waiting.attached = false;
	wl_buffer_send_release(buffer);
	state_set_buffer(&s->waiting, NULL);
}
