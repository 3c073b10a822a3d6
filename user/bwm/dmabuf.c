/*
 * zwp_linux_dmabuf_v1: buffers of the GPU that clients draw into. They come as files and become textures of our own
 * context; no pixel of them passes through here. Without a GPU that draws there is no such global.
 *
 * Until version 3 a client is told the formats here; since then it asks, for feedback (feedback.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bwm.h"
#include "dmabuf.h"
#include "linux-dmabuf-unstable-v1-server-protocol.h"

enum {
	DMABUF_VERSION = 4,
	PIXEL_BYTES = 4,        /* of each format below */
};

/* What win_import() knows; virtio-gpu's buffers have no tiling that a guest sees. */
const uint32_t dmabuf_formats[DMABUF_FORMATS] = {
	DRM_FORMAT_ARGB8888, DRM_FORMAT_XRGB8888, DRM_FORMAT_ABGR8888, DRM_FORMAT_XBGR8888,
};

const uint64_t dmabuf_modifiers[DMABUF_MODIFIERS] = { DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_INVALID };

/* What a client says of a buffer that is to be: one plane, for there are no formats of more. */
struct params {
	struct client *client;
	int            fd;          /* -1: none yet */
	uint32_t       offset, stride;
	uint64_t       modifier;
	bool           used;
};

/* ---- buffers ---------------------------------------------------------------------- */

static void dmabuf_drop(struct dmabuf *buffer)
{
	if (--buffer->users > 0)
		return;
	win_destroy(buffer->image);
	client_give(buffer->client, &buffer->client->buffers);
	free(buffer);
}

void dmabuf_show(struct dmabuf *buffer)
{
	buffer->users++;
	buffer->shown++;
}

void dmabuf_hide(struct dmabuf *buffer)
{
	if (--buffer->shown == 0 && buffer->resource)
		wl_buffer_send_release(buffer->resource);
	dmabuf_drop(buffer);
}

static void buffer_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer_implementation = { .destroy = buffer_destroy };

static void buffer_destroyed(struct wl_resource *resource)
{
	struct dmabuf *buffer = wl_resource_get_user_data(resource);

	buffer->resource = NULL;
	dmabuf_drop(buffer);
}

struct dmabuf *dmabuf_of(struct wl_resource *resource)
{
	if (!wl_resource_instance_of(resource, &wl_buffer_interface, &buffer_implementation))
		return NULL;
	return wl_resource_get_user_data(resource);
}

/* The texture, and the client's name for it: 0 lets the server choose one. NULL: it is no buffer that can be shown. */
static struct dmabuf *buffer_create(struct params *p, int32_t width, int32_t height, uint32_t format, uint32_t id)
{
	struct client *client = p->client;
	struct dmabuf *buffer;

	if (!client_take(client, &client->buffers, CLIENT_BUFFERS))
		return NULL;
	buffer = calloc(1, sizeof *buffer);
	if (!buffer || win_import(client->server->device, p->fd, width, height, format, &buffer->image))
		goto fail;
	buffer->resource = wl_resource_create(client->client, &wl_buffer_interface, 1, id);
	if (!buffer->resource) {
		win_destroy(buffer->image);
		goto fail;
	}
	buffer->client = client;
	buffer->width = width;
	buffer->height = height;
	buffer->opaque = format == DRM_FORMAT_XRGB8888 || format == DRM_FORMAT_XBGR8888;
	buffer->users = 1;
	wl_resource_set_implementation(buffer->resource, &buffer_implementation, buffer, buffer_destroyed);
	return buffer;
fail:
	free(buffer);
	client_give(client, &client->buffers);
	return NULL;
}

/* ---- what clients say of a buffer ---------------------------------------------------- */

static void params_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void params_destroyed(struct wl_resource *resource)
{
	struct params *p = wl_resource_get_user_data(resource);

	if (p->fd >= 0)
		close(p->fd);
	client_give(p->client, &p->client->objects);
	free(p);
}

static void params_add(struct wl_client *by, struct wl_resource *resource, int32_t fd, uint32_t plane, uint32_t offset,
		       uint32_t stride, uint32_t modifier_high, uint32_t modifier_low)
{
	struct params *p = wl_resource_get_user_data(resource);

	if (p->used)
		wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED, "it was used");
	else if (plane > 0)
		wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_IDX, "plane %u", plane);
	else if (p->fd >= 0)
		wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_SET, "plane 0 was added");
	else {
		p->fd = fd;
		p->offset = offset;
		p->stride = stride;
		p->modifier = (uint64_t)modifier_high << 32 | modifier_low;
		return;
	}
	close(fd);
}

static bool format_known(uint32_t format)
{
	for (int i = 0; i < DMABUF_FORMATS; i++)
		if (dmabuf_formats[i] == format)
			return true;
	return false;
}

/* The picture's rows do not overlap, and all of them lie in the file, where that tells its size. */
static bool within_file(const struct params *p, int32_t width, int32_t height)
{
	off_t size = lseek(p->fd, 0, SEEK_END);
	uint64_t end = p->offset + (uint64_t)p->stride * (uint32_t)height;

	return p->stride / PIXEL_BYTES >= (uint32_t)width && end <= (size < 0 ? UINT32_MAX : (uint64_t)size);
}

/* Post what is wrong, as the protocol has it, and be false. */
static bool params_check(struct wl_resource *resource, int32_t width, int32_t height, uint32_t format)
{
	struct params *p = wl_resource_get_user_data(resource);
	uint32_t error = 0;
	const char *text = NULL;

	if (p->used)
		error = ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED, text = "it was used";
	else if (p->fd < 0)
		error = ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INCOMPLETE, text = "no plane was added";
	else if (!format_known(format))
		error = ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_FORMAT, text = "this format was not offered";
	else if (width < 1 || height < 1)
		error = ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_DIMENSIONS, text = "no size";
	else if (!within_file(p, width, height))
		error = ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS, text = "rows overlap or lie beyond the buffer's end";
	p->used = true;
	if (text)
		wl_resource_post_error(resource, error, "%s", text);
	return !text;
}

/*
 * What the host's texture is like is not told by its file: it must begin at 0, and its rows follow each other, from the
 * top or, as OpenGL draws, from the bottom.
 */
static struct dmabuf *params_import(struct wl_resource *resource, int32_t width, int32_t height, uint32_t format,
				    uint32_t flags, uint32_t id)
{
	struct params *p = wl_resource_get_user_data(resource);
	bool linear = p->modifier == DRM_FORMAT_MOD_LINEAR || p->modifier == DRM_FORMAT_MOD_INVALID;
	struct dmabuf *buffer;

	if (p->offset != 0 || (flags & ~(uint32_t)ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT) || !linear)
		return NULL;
	buffer = buffer_create(p, width, height, format, id);
	if (buffer)
		buffer->inverted = flags & ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT;
	return buffer;
}

static void params_create(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height,
			  uint32_t format, uint32_t flags)
{
	struct dmabuf *buffer;

	if (!params_check(resource, width, height, format))
		return;
	buffer = params_import(resource, width, height, format, flags, 0);
	if (buffer)
		zwp_linux_buffer_params_v1_send_created(resource, buffer->resource);
	else
		zwp_linux_buffer_params_v1_send_failed(resource);
}

static void params_create_immed(struct wl_client *by, struct wl_resource *resource, uint32_t id, int32_t width,
				int32_t height, uint32_t format, uint32_t flags)
{
	if (params_check(resource, width, height, format) &&
	    !params_import(resource, width, height, format, flags, id))
		wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER,
			"it is no buffer of this card that can be shown");
}

static const struct zwp_linux_buffer_params_v1_interface params_implementation = {
	.destroy = params_destroy, .add = params_add, .create = params_create, .create_immed = params_create_immed,
};

static void dmabuf_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void dmabuf_create_params(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct client *client = client_of(wl_resource_get_user_data(resource), by);
	struct params *p;

	if (!client || !client_take(client, &client->objects, CLIENT_OBJECTS))
		return;
	p = calloc(1, sizeof *p);
	resource = p ? wl_resource_create(by, &zwp_linux_buffer_params_v1_interface, wl_resource_get_version(resource),
		id) : NULL;
	if (!resource) {
		free(p);
		client_give(client, &client->objects);
		wl_client_post_no_memory(by);
		return;
	}
	p->client = client;
	p->fd = -1;
	wl_resource_set_implementation(resource, &params_implementation, p, params_destroyed);
}

/* ---- the global ------------------------------------------------------------------------ */

static void get_default_feedback(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	feedback_create(wl_resource_get_user_data(resource), by, resource, id);
}

static void get_surface_feedback(struct wl_client *by, struct wl_resource *resource, uint32_t id,
				 struct wl_resource *surface)
{
	feedback_create(wl_resource_get_user_data(resource), by, resource, id);
}

static const struct zwp_linux_dmabuf_v1_interface implementation = {
	.destroy = dmabuf_destroy, .create_params = dmabuf_create_params,
	.get_default_feedback = get_default_feedback, .get_surface_feedback = get_surface_feedback,
};

static void tell_format(struct wl_resource *resource, uint32_t format)
{
	zwp_linux_dmabuf_v1_send_format(resource, format);
	if (wl_resource_get_version(resource) < ZWP_LINUX_DMABUF_V1_MODIFIER_SINCE_VERSION)
		return;
	for (int i = 0; i < DMABUF_MODIFIERS; i++)
		zwp_linux_dmabuf_v1_send_modifier(resource, format, (uint32_t)(dmabuf_modifiers[i] >> 32),
			(uint32_t)dmabuf_modifiers[i]);
}

static void dmabuf_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(by, &zwp_linux_dmabuf_v1_interface, (int)version, id);

	if (!resource) {
		wl_client_post_no_memory(by);
		return;
	}
	wl_resource_set_implementation(resource, &implementation, data, NULL);
	for (int i = 0; i < DMABUF_FORMATS && version < ZWP_LINUX_DMABUF_V1_GET_DEFAULT_FEEDBACK_SINCE_VERSION; i++)
		tell_format(resource, dmabuf_formats[i]);
}

int dmabuf_create_global(struct server *server)
{
	int error;

	if (!win_on_gpu(server->device))
		return 0;
	error = feedback_create_table(server);
	if (error)
		return error;
	return wl_global_create(server->display, &zwp_linux_dmabuf_v1_interface, DMABUF_VERSION, server, dmabuf_bind) ?
		0 : -ENOMEM;
}

void dmabuf_destroy_global(struct server *server)
{
	if (server->formats_fd >= 0)
		close(server->formats_fd);
}
