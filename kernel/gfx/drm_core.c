/*
 * Who speaks for the display, and what the device can do: DRM's version,
 * capabilities, and master. The first to open the card is its master and sets
 * modes; others draw, and are let in by the master if they show it their magic
 * (GET_MAGIC, AUTH_MAGIC).
 *
 * Capabilities and errors are those of Linux's virtio_gpu, without atomic
 * modesetting: programs then use the older calls.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "sched/cred.h"

/* ---- what it is ------------------------------------------------------------------------------------- */

static int put_text(char *to, __kernel_size_t *room, const char *text)
{
	size_t len = strlen(text), n = MIN(*room, len);

	*room = len;
	return n && to ? copy_to_user((u64)to, text, n) : 0;
}

static long version(struct drm_file *f, void *arg)
{
	struct drm_version *v = arg;

	v->version_major = 0;
	v->version_minor = 1;
	v->version_patchlevel = 0;
	if (put_text(v->name, &v->name_len, "virtio_gpu") || put_text(v->date, &v->date_len, "0") ||
	    put_text(v->desc, &v->desc_len, "virtio GPU"))
		return -EFAULT;
	return 0;
}

static long get_cap(struct drm_file *f, void *arg)
{
	struct drm_get_cap *c = arg;

	c->value = 0;
	switch (c->capability) {
	case DRM_CAP_DUMB_BUFFER:
	case DRM_CAP_VBLANK_HIGH_CRTC:
	case DRM_CAP_TIMESTAMP_MONOTONIC:
	case DRM_CAP_CRTC_IN_VBLANK_EVENT:
		c->value = 1;
		return 0;
	case DRM_CAP_PRIME:
		c->value = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
		return 0;
	case DRM_CAP_CURSOR_WIDTH:
	case DRM_CAP_CURSOR_HEIGHT:
		c->value = DRM_CURSOR_SIZE;
		return 0;
	case DRM_CAP_DUMB_PREFERRED_DEPTH:
	case DRM_CAP_DUMB_PREFER_SHADOW:
	case DRM_CAP_ASYNC_PAGE_FLIP:
	case DRM_CAP_ADDFB2_MODIFIERS:
	case DRM_CAP_PAGE_FLIP_TARGET:
	case DRM_CAP_SYNCOBJ:
	case DRM_CAP_SYNCOBJ_TIMELINE:
		return 0;
	}
	return -EINVAL;
}

static long set_client_cap(struct drm_file *f, void *arg)
{
	const struct drm_set_client_cap *c = arg;

	switch (c->capability) {
	case DRM_CLIENT_CAP_UNIVERSAL_PLANES:
		if (c->value > 1)
			return -EINVAL;
		WRITE_ONCE(f->universal_planes, c->value);
		return 0;
	case DRM_CLIENT_CAP_STEREO_3D:		/* no mode here has a picture for each eye, nor an aspect of its own */
	case DRM_CLIENT_CAP_ASPECT_RATIO:
		return c->value > 1 ? -EINVAL : 0;
	case DRM_CLIENT_CAP_ATOMIC:
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* ---- master ----------------------------------------------------------------------------------------- */

void drm_master_open(struct drm_file *f)
{
	mutex_lock(&f->dev->lock);
	if (!f->dev->master) {
		f->dev->master = f;
		f->was_master = f->authenticated = true;
	}
	mutex_unlock(&f->dev->lock);
}

void drm_master_release(struct drm_file *f)
{
	if (f->dev->master == f)
		WRITE_ONCE(f->dev->master, NULL);
	drm_ids_remove(&f->dev->magics, f->magic);
}

/* Taking it up and putting it down again is for who had it before, and for root. */
static bool may_change(const struct drm_file *f)
{
	return (f->was_master && f->opener == current()->process) || current_capable(CRED_SYS_ADMIN);
}

static long set_master(struct drm_file *f, void *arg)
{
	struct drm_device *dev = f->dev;
	long err = 0;

	mutex_lock(&dev->lock);
	if (!may_change(f))
		err = -EACCES;
	else if (dev->master && dev->master != f)
		err = -EBUSY;
	else {
		WRITE_ONCE(dev->master, f);
		f->was_master = f->authenticated = true;
	}
	mutex_unlock(&dev->lock);
	return err;
}

static long drop_master(struct drm_file *f, void *arg)
{
	struct drm_device *dev = f->dev;
	long err = 0;

	mutex_lock(&dev->lock);
	if (!may_change(f))
		err = -EACCES;
	else if (dev->master != f)
		err = -EINVAL;
	else
		WRITE_ONCE(dev->master, NULL);
	mutex_unlock(&dev->lock);
	return err;
}

static long get_magic(struct drm_file *f, void *arg)
{
	struct drm_auth *a = arg;

	mutex_lock(&f->dev->lock);
	if (!f->magic)
		f->magic = drm_ids_add(&f->dev->magics, f);
	a->magic = f->magic;
	mutex_unlock(&f->dev->lock);
	return a->magic ? 0 : -ENOMEM;
}

static long auth_magic(struct drm_file *f, void *arg)
{
	const struct drm_auth *a = arg;
	struct drm_file *who;

	mutex_lock(&f->dev->lock);
	who = drm_ids_get(&f->dev->magics, a->magic);
	if (who)
		who->authenticated = true;
	mutex_unlock(&f->dev->lock);
	return who ? 0 : -EINVAL;
}

/* There is no interrupt for a vertical blank to wait for, and no sync object: as Linux says for this device. Atomic
 * modesetting and leases of parts of the display it has: programs that hear that they are not there do without. */
static long unsupported(struct drm_file *f, void *arg) { return -EOPNOTSUPP; }

/* No table of colours either. */
static long no_gamma(struct drm_file *f, void *arg)
{
	const struct drm_mode_crtc_lut *l = arg;

	return drm_part_find(f->dev, l->crtc_id, DRM_CRTC) < 0 ? -ENOENT : -ENOSYS;
}

const struct drm_ioctl drm_core_ioctls[] = {
	DRM_IOCTL_DEF(VERSION, DRM_RENDER_ALLOW, version),
	DRM_IOCTL_DEF(GET_CAP, DRM_RENDER_ALLOW, get_cap),
	DRM_IOCTL_DEF(SET_CLIENT_CAP, 0, set_client_cap),
	DRM_IOCTL_DEF(SET_MASTER, 0, set_master),
	DRM_IOCTL_DEF(DROP_MASTER, 0, drop_master),
	DRM_IOCTL_DEF(GET_MAGIC, 0, get_magic),
	DRM_IOCTL_DEF(AUTH_MAGIC, DRM_MASTER, auth_magic),
	DRM_IOCTL_DEF(WAIT_VBLANK, 0, unsupported),
	DRM_IOCTL_DEF(CRTC_GET_SEQUENCE, 0, unsupported),
	DRM_IOCTL_DEF(CRTC_QUEUE_SEQUENCE, 0, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_CREATE, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_DESTROY, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_HANDLE_TO_FD, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_FD_TO_HANDLE, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_WAIT, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_RESET, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_SIGNAL, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_TIMELINE_WAIT, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_QUERY, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_TRANSFER, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(SYNCOBJ_TIMELINE_SIGNAL, DRM_RENDER_ALLOW, unsupported),
	DRM_IOCTL_DEF(MODE_GETGAMMA, 0, no_gamma),
	DRM_IOCTL_DEF(MODE_SETGAMMA, DRM_MASTER, no_gamma),
	DRM_IOCTL_DEF(MODE_ATOMIC, DRM_MASTER, unsupported),
	DRM_IOCTL_DEF(MODE_CREATE_LEASE, DRM_MASTER, unsupported),
	DRM_IOCTL_DEF(MODE_LIST_LESSEES, DRM_MASTER, unsupported),
	DRM_IOCTL_DEF(MODE_GET_LEASE, DRM_MASTER, unsupported),
	DRM_IOCTL_DEF(MODE_REVOKE_LEASE, DRM_MASTER, unsupported),
	{ 0 }
};
