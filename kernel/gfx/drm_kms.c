/*
 * What there is to show on, as KMS tells it: for each scanout of the device a
 * connector, an encoder, a CRTC, a primary and a cursor plane, and their
 * properties. Names and values are those of Linux's virtio_gpu.
 */
#include <drm/drm_fourcc.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "mm/slab.h"

enum { CONNECTED = 1, DISCONNECTED = 2 };	/* drm_mode_get_connector.connection */
enum { PLANE_PRIMARY = 1, PLANE_CURSOR = 2 };	/* the values of the property type */

static struct gpu_device *gpu_of(const struct drm_file *f) { return f->dev->gpu; }

/* ---- properties ------------------------------------------------------------------------------------- */

enum { PROP_EDID = 1, PROP_DPMS, PROP_LINK_STATUS, PROP_NON_DESKTOP, PROP_TYPE, PROP_LAST };

struct enum_name { u64 value; const char *name; };
static const struct enum_name dpms_names[] = { { 0, "On" }, { 1, "Standby" }, { 2, "Suspend" }, { 3, "Off" } };
static const struct enum_name link_names[] = { { 0, "Good" }, { 1, "Bad" } };
static const struct enum_name type_names[] = {
	{ 0, "Overlay" }, { PLANE_PRIMARY, "Primary" }, { PLANE_CURSOR, "Cursor" },
};

static const struct { const char *name; u32 flags; const struct enum_name *names; u32 count; } properties[PROP_LAST] = {
	[PROP_EDID] = { "EDID", DRM_MODE_PROP_BLOB | DRM_MODE_PROP_IMMUTABLE },
	[PROP_DPMS] = { "DPMS", DRM_MODE_PROP_ENUM, dpms_names, ARRAY_SIZE(dpms_names) },
	[PROP_LINK_STATUS] = { "link-status", DRM_MODE_PROP_ENUM, link_names, ARRAY_SIZE(link_names) },
	[PROP_NON_DESKTOP] = { "non-desktop", DRM_MODE_PROP_RANGE | DRM_MODE_PROP_IMMUTABLE },
	[PROP_TYPE] = { "type", DRM_MODE_PROP_ENUM | DRM_MODE_PROP_IMMUTABLE, type_names, ARRAY_SIZE(type_names) },
};

struct property_list { u32 ids[PROP_LAST], count; u64 values[PROP_LAST]; };

static void list_add(struct property_list *l, u32 id, u64 value)
{
	l->ids[l->count] = id;
	l->values[l->count++] = value;
}

static bool is_any(u32 type, u32 wanted) { return type == wanted || type == DRM_MODE_OBJECT_ANY; }

/* What the thing of that number has: 0, or -ENOENT. */
static int properties_of(struct drm_device *dev, u32 id, u32 type, struct property_list *l)
{
	int n = drm_part_find(dev, id, DRM_CONNECTOR);

	l->count = 0;
	if (is_any(type, DRM_MODE_OBJECT_CONNECTOR) && n >= 0) {
		list_add(l, PROP_EDID, dev->gpu->displays[n].edid_size ? drm_part_id(n, DRM_EDID) : 0);
		list_add(l, PROP_DPMS, READ_ONCE(dev->crtcs[n].dpms));
		list_add(l, PROP_LINK_STATUS, 0);
		list_add(l, PROP_NON_DESKTOP, 0);
		return 0;
	}
	if (is_any(type, DRM_MODE_OBJECT_PLANE)) {
		if (drm_part_find(dev, id, DRM_PRIMARY) >= 0 || drm_part_find(dev, id, DRM_CURSOR) >= 0) {
			list_add(l, PROP_TYPE, drm_part_find(dev, id, DRM_PRIMARY) >= 0 ? PLANE_PRIMARY : PLANE_CURSOR);
			return 0;
		}
	}
	return is_any(type, DRM_MODE_OBJECT_CRTC) && drm_part_find(dev, id, DRM_CRTC) >= 0 ? 0 : -ENOENT;
}

static long obj_get_properties(struct drm_file *f, void *arg)
{
	struct drm_mode_obj_get_properties *r = arg;
	struct property_list l;
	u32 room = r->count_props;
	int err = properties_of(f->dev, r->obj_id, r->obj_type, &l);

	if (err)
		return err;
	if (drm_put_list(r->props_ptr, &room, l.ids, l.count, sizeof(l.ids[0])) ||
	    drm_put_list(r->prop_values_ptr, &r->count_props, l.values, l.count, sizeof(l.values[0])))
		return -EFAULT;
	return 0;
}

static long get_property(struct drm_file *f, void *arg)
{
	struct drm_mode_get_property *r = arg;
	u32 id = r->prop_id, room = r->count_enum_blobs;
	u64 range[2] = { 0, 1 };

	if (!id || id >= PROP_LAST)
		return -ENOENT;
	r->flags = properties[id].flags;
	strlcpy(r->name, properties[id].name, sizeof(r->name));
	if (r->flags & DRM_MODE_PROP_RANGE) {
		r->count_enum_blobs = 0;
		return drm_put_list(r->values_ptr, &r->count_values, range, 2, sizeof(range[0])) ? -EFAULT : 0;
	}
	r->count_values = r->count_enum_blobs = properties[id].count;
	for (u32 i = 0; i < MIN(room, properties[id].count); i++) {
		struct drm_mode_property_enum e = { .value = properties[id].names[i].value };

		strlcpy(e.name, properties[id].names[i].name, sizeof(e.name));
		if (copy_to_user(r->enum_blob_ptr + i * sizeof(e), &e, sizeof(e)) ||
		    (r->values_ptr && put_user_u64(r->values_ptr + i * sizeof(u64), e.value)))
			return -EFAULT;
	}
	return 0;
}

static long property_set(struct drm_file *f, u32 id, u32 type, u32 prop, u64 value)
{
	int n = drm_part_find(f->dev, id, DRM_CONNECTOR), err;
	struct property_list l;
	bool has = false;

	err = properties_of(f->dev, id, type, &l);
	if (err)
		return err;
	for (u32 i = 0; i < l.count; i++)
		has |= l.ids[i] == prop;
	if (!has)
		return -ENOENT;
	if (prop == PROP_LINK_STATUS)
		return value > 1 ? -EINVAL : 0;	/* good is what it always is; only a driver makes it bad */
	if (prop != PROP_DPMS)
		return -EINVAL;
	mutex_lock(&f->dev->lock);
	err = drm_dpms_set(f->dev, n, value);
	mutex_unlock(&f->dev->lock);
	gpu_of(f)->ops->kick(gpu_of(f));
	return err;
}

static long obj_set_property(struct drm_file *f, void *arg)
{
	const struct drm_mode_obj_set_property *r = arg;

	return property_set(f, r->obj_id, r->obj_type, r->prop_id, r->value);
}

static long set_property(struct drm_file *f, void *arg)
{
	const struct drm_mode_connector_set_property *r = arg;

	return property_set(f, r->connector_id, DRM_MODE_OBJECT_CONNECTOR, r->prop_id, r->value);
}

/* The display's state now, on the heap: it is large. NULL: no memory. */
static struct gpu_display *display_copy(struct gpu_device *gpu, u32 n)
{
	struct gpu_display *d = kmalloc(sizeof(*d));

	if (d) {
		mutex_lock(&gpu->display_lock);
		*d = gpu->displays[n];
		mutex_unlock(&gpu->display_lock);
	}
	return d;
}

static long get_prop_blob(struct drm_file *f, void *arg)
{
	struct drm_mode_get_blob *r = arg;
	int n = drm_part_find(f->dev, r->blob_id, DRM_EDID);
	struct gpu_display *d;
	long err = 0;

	if (n < 0)
		return -ENOENT;
	d = display_copy(gpu_of(f), n);
	if (!d)
		return -ENOMEM;
	if (!d->edid_size)
		err = -ENOENT;
	else if (r->length == d->edid_size && copy_to_user(r->data, d->edid, d->edid_size))
		err = -EFAULT;
	r->length = d->edid_size;
	kfree(d);
	return err;
}

/* ---- resources -------------------------------------------------------------------------------------- */

/* The numbers of a part of each scanout. */
static int put_parts(struct drm_file *f, u64 to, u32 *room, enum drm_part part)
{
	u32 ids[GPU_SCANOUTS_MAX];

	for (u32 i = 0; i < gpu_of(f)->scanout_count; i++)
		ids[i] = drm_part_id(i, part);
	return drm_put_list(to, room, ids, gpu_of(f)->scanout_count, sizeof(ids[0]));
}

/* The file's own framebuffers. */
static int put_framebuffers(struct drm_file *f, u64 to, u32 *room)
{
	struct drm_device *dev = f->dev;
	u32 *ids, count = 0, size;
	int err;

	mutex_lock(&dev->lock);
	size = dev->framebuffers.size;
	ids = kcalloc(MAX(size, 1u), sizeof(*ids));
	for (u32 i = 0; ids && i < size; i++) {
		struct drm_framebuffer *fb = dev->framebuffers.slot[i];

		if (fb && fb->file == f)
			ids[count++] = fb->id;
	}
	mutex_unlock(&dev->lock);
	if (!ids)
		return -ENOMEM;
	err = drm_put_list(to, room, ids, count, sizeof(*ids));
	kfree(ids);
	return err;
}

static long get_resources(struct drm_file *f, void *arg)
{
	struct drm_mode_card_res *r = arg;
	int err = put_framebuffers(f, r->fb_id_ptr, &r->count_fbs);

	r->min_width = r->min_height = DRM_SIZE_MIN;
	r->max_width = r->max_height = DRM_SIZE_MAX;
	if (!err)
		err = put_parts(f, r->crtc_id_ptr, &r->count_crtcs, DRM_CRTC);
	if (!err)
		err = put_parts(f, r->connector_id_ptr, &r->count_connectors, DRM_CONNECTOR);
	if (!err)
		err = put_parts(f, r->encoder_id_ptr, &r->count_encoders, DRM_ENCODER);
	return err;
}

static long get_connector(struct drm_file *f, void *arg)
{
	struct drm_mode_get_connector *r = arg;
	int n = drm_part_find(f->dev, r->connector_id, DRM_CONNECTOR);
	struct drm_mode_modeinfo *modes;
	struct gpu_display *d;
	struct property_list l;
	u32 count, room, encoder;
	long err = 0;

	if (n < 0)
		return -ENOENT;
	modes = kmalloc(DRM_MODES_MAX * sizeof(*modes));
	d = display_copy(gpu_of(f), n);
	if (!modes || !d) {
		err = -ENOMEM;
		goto out;
	}
	count = d->enabled ? drm_modes(d, modes) : 0;
	if (r->count_modes < count)
		r->count_modes = count;		/* all or none */
	else
		err = drm_put_list(r->modes_ptr, &r->count_modes, modes, count, sizeof(*modes));
	encoder = drm_part_id(n, DRM_ENCODER);
	if (!err)
		err = drm_put_list(r->encoders_ptr, &r->count_encoders, &encoder, 1, sizeof(encoder));
	properties_of(f->dev, r->connector_id, DRM_MODE_OBJECT_CONNECTOR, &l);
	room = r->count_props;
	if (!err)
		err = drm_put_list(r->props_ptr, &room, l.ids, l.count, sizeof(l.ids[0]));
	if (!err)
		err = drm_put_list(r->prop_values_ptr, &r->count_props, l.values, l.count, sizeof(l.values[0]));
	r->encoder_id = READ_ONCE(f->dev->crtcs[n].fb) ? encoder : 0;
	r->connector_type = DRM_MODE_CONNECTOR_VIRTUAL;
	r->connector_type_id = n + 1;
	r->connection = d->enabled ? CONNECTED : DISCONNECTED;
	drm_size_mm(d, &r->mm_width, &r->mm_height);
	r->subpixel = 0;			/* unknown */
out:
	kfree(modes);
	kfree(d);
	return err;
}

static long get_encoder(struct drm_file *f, void *arg)
{
	struct drm_mode_get_encoder *r = arg;
	int n = drm_part_find(f->dev, r->encoder_id, DRM_ENCODER);

	if (n < 0)
		return -ENOENT;
	r->encoder_type = DRM_MODE_ENCODER_VIRTUAL;
	r->crtc_id = READ_ONCE(f->dev->crtcs[n].fb) ? drm_part_id(n, DRM_CRTC) : 0;
	r->possible_crtcs = BIT(n);
	r->possible_clones = BIT(n);
	return 0;
}

static long get_crtc(struct drm_file *f, void *arg)
{
	struct drm_mode_crtc *r = arg;
	int n = drm_part_find(f->dev, r->crtc_id, DRM_CRTC);
	struct drm_crtc *c;

	if (n < 0)
		return -ENOENT;
	c = &f->dev->crtcs[n];
	mutex_lock(&f->dev->lock);
	r->fb_id = c->fb ? c->fb->id : 0;
	r->x = c->fb ? c->x : 0;
	r->y = c->fb ? c->y : 0;
	r->mode_valid = c->fb != NULL;
	memset(&r->mode, 0, sizeof(r->mode));
	if (c->fb)
		r->mode = c->mode;
	mutex_unlock(&f->dev->lock);
	r->gamma_size = 0;
	return 0;
}

/* ---- planes ----------------------------------------------------------------------------------------- */

/* Primary and cursor planes are for who knows of them; there are no others. */
static long get_plane_resources(struct drm_file *f, void *arg)
{
	struct drm_mode_get_plane_res *r = arg;
	u32 ids[2 * GPU_SCANOUTS_MAX], count = 0;

	for (u32 i = 0; f->universal_planes && i < gpu_of(f)->scanout_count; i++) {
		ids[count++] = drm_part_id(i, DRM_PRIMARY);
		ids[count++] = drm_part_id(i, DRM_CURSOR);
	}
	return drm_put_list(r->plane_id_ptr, &r->count_planes, ids, count, sizeof(ids[0])) ? -EFAULT : 0;
}

static long get_plane(struct drm_file *f, void *arg)
{
	struct drm_mode_get_plane *r = arg;
	int n = drm_part_find(f->dev, r->plane_id, DRM_PRIMARY);
	int cursor = drm_part_find(f->dev, r->plane_id, DRM_CURSOR);
	u32 format = n < 0 ? DRM_FORMAT_ARGB8888 : DRM_FORMAT_XRGB8888;
	struct drm_crtc *c;
	bool shown;

	if (n < 0 && cursor < 0)
		return -ENOENT;
	c = &f->dev->crtcs[n < 0 ? cursor : n];
	mutex_lock(&f->dev->lock);
	shown = n < 0 ? c->cursor != NULL : c->fb != NULL;
	r->fb_id = n >= 0 && c->fb ? c->fb->id : 0;
	mutex_unlock(&f->dev->lock);
	r->crtc_id = shown ? drm_part_id(n < 0 ? cursor : n, DRM_CRTC) : 0;
	r->possible_crtcs = BIT(n < 0 ? cursor : n);
	r->gamma_size = 0;
	return drm_put_list(r->format_type_ptr, &r->count_format_types, &format, 1, sizeof(format)) ? -EFAULT : 0;
}

const struct drm_ioctl drm_kms_ioctls[] = {
	DRM_IOCTL_DEF(MODE_GETRESOURCES, 0, get_resources),
	DRM_IOCTL_DEF(MODE_GETCONNECTOR, 0, get_connector),
	DRM_IOCTL_DEF(MODE_GETENCODER, 0, get_encoder),
	DRM_IOCTL_DEF(MODE_GETCRTC, 0, get_crtc),
	DRM_IOCTL_DEF(MODE_GETPLANERESOURCES, 0, get_plane_resources),
	DRM_IOCTL_DEF(MODE_GETPLANE, 0, get_plane),
	DRM_IOCTL_DEF(MODE_OBJ_GETPROPERTIES, 0, obj_get_properties),
	DRM_IOCTL_DEF(MODE_OBJ_SETPROPERTY, DRM_MASTER, obj_set_property),
	DRM_IOCTL_DEF(MODE_SETPROPERTY, DRM_MASTER, set_property),
	DRM_IOCTL_DEF(MODE_GETPROPERTY, 0, get_property),
	DRM_IOCTL_DEF(MODE_GETPROPBLOB, 0, get_prop_blob),
	{ 0 }
};
