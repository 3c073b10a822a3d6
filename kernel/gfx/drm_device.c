/*
 * DRM devices: /dev/dri/cardN, by which a display is set up and shown on, and
 * renderDN, by which anybody who may open it draws. Each open file has its
 * handles, its context in the host and its framebuffers; all of them go with
 * its last close, so a program that dies leaves nothing behind.
 *
 * The ioctls are in tables, a file's own in that file. As Linux does: by their
 * number alone, structures that grew are filled up with zeros, and what the
 * call wrote goes back to the program even if it failed.
 *
 * Source: Linux's Documentation/gpu/drm-uapi.rst; <drm/drm.h>.
 */
#include <linux/fcntl.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/devfs.h"
#include "fs/poll_events.h"
#include "gfx/drm.h"
#include "mm/slab.h"
#include "net/netlink.h"
#include "sched/cred.h"

#define EVENT_SPACE	4096u		/* bytes of events that nobody has read yet, as on Linux */
#define DEVICES_MAX	64u		/* minors of cards, and as many of render nodes: Linux's */
#define ARGUMENT_MAX	192u		/* the largest structure of an ioctl here is 104 */
#define EVENT_SIZE	sizeof(struct drm_event_vblank)

struct drm_event_entry {
	struct list_node node;		/* [e] */
	struct drm_event_vblank event;
};

/* ---- numbers ---------------------------------------------------------------------------------------- */

u32 drm_ids_add(struct drm_ids *ids, void *what)
{
	u32 at = ids->from, size = ids->size;

	while (at < size && ids->slot[at])
		at++;
	if (at == size) {
		void **more = krealloc(ids->slot, size * sizeof(*more), MAX(2 * size, 16u) * sizeof(*more));

		if (!more)
			return 0;
		ids->slot = more;
		ids->size = MAX(2 * size, 16u);
		memset(more + size, 0, (ids->size - size) * sizeof(*more));
	}
	ids->slot[at] = what;
	ids->from = at + 1;
	return at + 1;
}

void *drm_ids_remove(struct drm_ids *ids, u32 id)
{
	void *what = drm_ids_get(ids, id);

	if (what) {
		ids->slot[id - 1] = NULL;
		ids->from = MIN(ids->from, id - 1);
	}
	return what;
}

void drm_ids_free(struct drm_ids *ids)
{
	kfree(ids->slot);
	*ids = (struct drm_ids){ 0 };
}

/* ---- events ----------------------------------------------------------------------------------------- */

struct drm_event_entry *drm_event_new(struct drm_file *f)
{
	struct drm_event_entry *e = kmalloc(sizeof(*e));
	bool fits;

	if (!e)
		return NULL;
	spin_lock(&f->event_lock);
	fits = f->event_space >= EVENT_SIZE;
	if (fits)
		f->event_space -= EVENT_SIZE;
	spin_unlock(&f->event_lock);
	if (fits)
		return e;
	kfree(e);
	return NULL;
}

void drm_event_cancel(struct drm_file *f, struct drm_event_entry *e)
{
	if (!e)
		return;
	spin_lock(&f->event_lock);
	f->event_space += EVENT_SIZE;
	spin_unlock(&f->event_lock);
	kfree(e);
}

void drm_event_send(struct drm_file *f, struct drm_event_entry *e, u64 user_data, u32 crtc)
{
	u64 now = clock_ns();

	e->event = (struct drm_event_vblank){
		.base = { DRM_EVENT_FLIP_COMPLETE, EVENT_SIZE }, .user_data = user_data, .tv_sec = now / NSEC_PER_SEC,
		.tv_usec = now % NSEC_PER_SEC / NSEC_PER_USEC, .crtc_id = crtc,
	};
	spin_lock(&f->event_lock);
	list_push_back(&f->events, &e->node);
	spin_unlock(&f->event_lock);
	wait_wake_events(&f->wait, EPOLLIN | EPOLLRDNORM, true);
}

static struct drm_event_entry *event_take(struct drm_file *f, size_t room)
{
	struct drm_event_entry *e = NULL;

	spin_lock(&f->event_lock);
	if (room >= EVENT_SIZE && !list_empty(&f->events)) {
		e = list_entry(list_pop_front(&f->events), struct drm_event_entry, node);
		f->event_space += EVENT_SIZE;
	}
	spin_unlock(&f->event_lock);
	return e;
}

/* Whole events, as many as fit. */
static s64 drm_read(struct file *file, struct uio *u, u64 *pos)
{
	struct drm_file *f = file->priv;
	s64 done = 0;

	while (list_empty(&f->events)) {
		int err = -EAGAIN;

		if (READ_ONCE(f->dev->gpu->gone))
			return -ENODEV;
		if (!(file->flags & O_NONBLOCK))
			err = wait_event_interruptible(&f->wait, !list_empty(&f->events) || READ_ONCE(f->dev->gpu->gone));
		if (err)
			return err;
	}
	for (struct drm_event_entry *e; (e = event_take(f, u->left)); done += EVENT_SIZE) {
		int err = uio_put(u, &e->event, EVENT_SIZE);

		kfree(e);
		if (err)
			return done ? done : err;
	}
	return done;
}

static u32 drm_poll(struct file *file, struct poll_table *t)
{
	struct drm_file *f = file->priv;

	poll_wait(t, &f->wait);
	return (list_empty(&f->events) ? 0 : EPOLLIN | EPOLLRDNORM) | (f->dev->gpu->gone ? EPOLLHUP | EPOLLERR : 0);
}

/* ---- ioctls ----------------------------------------------------------------------------------------- */

int drm_put_list(u64 to, u32 *room, const void *from, u32 count, size_t size)
{
	u32 n = MIN(*room, count);

	*room = count;
	return n && to ? copy_to_user(to, from, n * size) : 0;
}

static const struct drm_ioctl *const tables[] = {
	drm_virtgpu_ioctls, drm_scanout_ioctls, drm_gem_ioctls, drm_kms_ioctls, drm_fb_ioctls, drm_core_ioctls,
	drm_prime_ioctls,
};

static const struct drm_ioctl *ioctl_find(u32 nr)
{
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct drm_ioctl *d = tables[i]; d->fn; d++)
			if (d->nr == nr)
				return d;
	return NULL;
}

static int ioctl_permit(const struct drm_file *f, u32 flags)
{
	if (f->render)
		return flags & DRM_RENDER_ALLOW ? 0 : -EACCES;
	if ((flags & DRM_AUTH) && !READ_ONCE(f->authenticated))
		return -EACCES;
	return (flags & DRM_MASTER) && READ_ONCE(f->dev->master) != f ? -EACCES : 0;
}

static long drm_ioctl_call(struct file *file, u32 cmd, u64 to)
{
	const struct drm_ioctl *d = ioctl_find(_IOC_NR(cmd));
	struct drm_file *f = file->priv;
	u64 arg[ARGUMENT_MAX / sizeof(u64)] = { 0 };
	u32 size;
	long r;

	if (_IOC_TYPE(cmd) != DRM_IOCTL_BASE)
		return -ENOTTY;
	if (READ_ONCE(f->dev->gpu->gone))
		return -ENODEV;
	if (!d)
		return -EINVAL;
	r = ioctl_permit(f, d->flags);
	if (r)
		return r;
	size = MIN(_IOC_SIZE(cmd), d->size);
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && size && copy_from_user(arg, to, size))
		return -EFAULT;
	r = d->fn(f, arg);
	if ((_IOC_DIR(cmd) & _IOC_READ) && size && copy_to_user(to, arg, size))
		return -EFAULT;
	return r;
}

/* ---- open files ------------------------------------------------------------------------------------- */

static struct vm_object *drm_file_mmap(struct file *file, u64 offset, u64 len, u32 prot, bool shared)
{
	struct drm_file *f = file->priv;

	return READ_ONCE(f->dev->gpu->gone) ? err_ptr(-ENODEV) : drm_mmap(f, offset, len, shared);
}

static void drm_release(struct file *file)
{
	struct drm_file *f = file->priv;
	struct drm_device *dev = f->dev;
	struct drm_event_entry *e, *next;

	mutex_lock(&dev->lock);
	list_remove(&f->node);
	drm_master_release(f);
	drm_fb_release(f);
	drm_cursor_release(f);
	mutex_unlock(&dev->lock);
	drm_handles_release(f);
	list_for_each_safe(e, next, &f->events, node)
		kfree(e);
	kfree(f);
	gpu_put(dev->gpu);
}

static const struct file_ops drm_ops = {
	.read = drm_read,
	.poll = drm_poll,
	.ioctl = drm_ioctl_call,
	.mmap = drm_file_mmap,
	.release = drm_release,
	.async = true,
};

/* ---- devices by number ------------------------------------------------------------------------------ */

static struct mutex numbers_lock = MUTEX_INIT(numbers_lock, "drm numbers");
static struct drm_ids numbers;		/* struct drm_device, by its number + 1 [numbers_lock] */

/* The one with that number, its GPU referenced; NULL. */
static struct drm_device *device_get(u32 number)
{
	struct drm_device *dev;

	mutex_lock(&numbers_lock);
	dev = drm_ids_get(&numbers, number + 1);
	if (dev)
		gpu_get(dev->gpu);
	mutex_unlock(&numbers_lock);
	return dev;
}

static int drm_open(struct file *file, struct chardev *nodes)
{
	struct drm_device *dev = device_get(dev_minor(file->vnode->rdev) - nodes->minor);
	struct drm_file *f = dev ? kzalloc(sizeof(*f)) : NULL;

	if (!f) {
		if (dev)
			gpu_put(dev->gpu);
		return dev ? -ENOMEM : -ENODEV;
	}
	f->dev = dev;
	f->render = nodes->minor == DRM_RENDER_MINOR;
	f->authenticated = current_capable(CRED_SYS_ADMIN);
	f->opener = current()->process;
	mutex_init(&f->lock, "drm file");
	spin_init(&f->event_lock, "drm events");
	wait_queue_init(&f->wait, "drm events.waiters");
	list_init(&f->events);
	f->event_space = EVENT_SPACE;
	file->priv = f;
	mutex_lock(&dev->lock);
	list_push_back(&dev->files, &f->node);
	mutex_unlock(&dev->lock);
	if (!f->render)
		drm_master_open(f);
	return 0;
}

/* With the first device come all numbers that there can be. [numbers_lock] */
static int chardevs_add(void)
{
	static struct chardev all[] = {
		{ .major = DRM_MAJOR, .count = DEVICES_MAX, .ops = &drm_ops, .open = drm_open },
		{ .major = DRM_MAJOR, .minor = DRM_RENDER_MINOR, .count = DEVICES_MAX, .ops = &drm_ops, .open = drm_open },
	};
	static u32 there;		/* of these [numbers_lock] */
	int err = 0;

	while (!err && there < ARRAY_SIZE(all)) {
		err = chardev_register(&all[there]);
		there += !err;
	}
	return err;
}

/* ---- registering ------------------------------------------------------------------------------------ */

static const char *node_name(const struct drm_device *dev, bool render, char name[24])
{
	snprintf(name, 24, render ? "dri/renderD%u" : "dri/card%u", dev->number + (render ? DRM_RENDER_MINOR : 0));
	return name;
}

static u64 node_number(const struct drm_device *dev, bool render)
{
	return dev_make(DRM_MAJOR, dev->number + (render ? DRM_RENDER_MINOR : 0));
}

static int nodes_add(struct drm_device *dev)
{
	char name[24];
	int err = devfs_node_add(node_name(dev, false, name), 0660, node_number(dev, false));

	return err ? err : devfs_node_add(node_name(dev, true, name), 0666, node_number(dev, true));
}

/* A number, by which it can be opened from now on. */
static int number_take(struct drm_device *dev)
{
	u32 id;
	int err;

	mutex_lock(&numbers_lock);
	err = chardevs_add();
	id = err ? 0 : drm_ids_add(&numbers, dev);
	dev->number = id - 1;
	if (id > DEVICES_MAX)
		drm_ids_remove(&numbers, id);
	mutex_unlock(&numbers_lock);
	return err ? err : !id ? -ENOMEM : id > DEVICES_MAX ? -ENOSPC : 0;
}

int gpu_register(struct gpu_device *gpu)
{
	struct drm_device *dev = kzalloc(sizeof(*dev) + gpu->scanout_count * sizeof(dev->crtcs[0]));
	int err;

	if (!dev)
		return -ENOMEM;
	dev->gpu = gpu;
	mutex_init(&dev->lock, "drm");
	list_init(&dev->files);
	gpu->drm = dev;
	err = number_take(dev);
	if (err) {
		gpu->drm = NULL;
		kfree(dev);
		return err;
	}
	err = drm_sysfs_add(dev);
	return err ? err : nodes_add(dev);
}

/* First nobody finds it, then who has it hears of it. */
void gpu_unregister(struct gpu_device *gpu)
{
	struct drm_device *dev = gpu->drm;
	struct drm_file *f;
	char name[24];

	if (!dev)
		return;
	for (u32 render = 0; render < 2; render++)
		devfs_node_remove(node_name(dev, render, name), node_number(dev, render));
	drm_sysfs_remove(dev);
	mutex_lock(&numbers_lock);
	drm_ids_remove(&numbers, dev->number + 1);
	mutex_unlock(&numbers_lock);
	mutex_lock(&dev->lock);
	list_for_each(f, &dev->files, node)
		wait_wake_all(&f->wait);
	for (u32 n = 0; n < gpu->scanout_count; n++) {
		if (dev->crtcs[n].cursor)
			gpu_object_put(dev->crtcs[n].cursor);
		dev->crtcs[n].cursor = NULL;
	}
	mutex_unlock(&dev->lock);
}

void gpu_free(struct gpu_device *gpu)
{
	struct drm_device *dev = gpu->drm;

	if (!dev)
		return;
	drm_ids_free(&dev->objects);
	drm_ids_free(&dev->framebuffers);
	drm_ids_free(&dev->contexts);
	drm_ids_free(&dev->magics);
	drm_ids_free(&dev->names);
	kfree(dev);
}

void gpu_init(struct gpu_device *gpu)
{
	gpu->refs = 1;
	mutex_init(&gpu->display_lock, "gpu displays");
	wait_queue_init(&gpu->fence_wait, "gpu fences");
}

int gpu_fence_wait(struct gpu_device *gpu, u64 fence, u64 deadline)
{
	int err;

	if (gpu_fence_is_done(gpu, fence))
		return 0;
	gpu_count(gpu, GPU_FENCES_WAITED, 1);
	gpu->ops->fence_want(gpu, fence);
	err = wait_event_deadline(&gpu->fence_wait, gpu_fence_is_done(gpu, fence), deadline);
	return READ_ONCE(gpu->gone) ? -ENODEV : err;
}

/* As udev hears of it: a word each, with its NUL. */
void gpu_displays_changed(struct gpu_device *gpu)
{
	static u32 count;		/* [a] */
	struct drm_device *dev = gpu->drm;
	char text[512];
	u32 n, number = atomic_add(&count, 1);

	if (!dev)
		return;			/* it is being registered: nobody could listen */
	atomic_add(&dev->changes, 1);
	n = scnprintf(text, sizeof(text), "change@/%s/drm/card%u\nACTION=change\nDEVPATH=/%s/drm/card%u\n"
		      "SUBSYSTEM=drm\nHOTPLUG=1\nMAJOR=%u\nMINOR=%u\nDEVNAME=dri/card%u\nDEVTYPE=drm_minor\nSEQNUM=%u\n",
		      gpu->sysfs,
		      dev->number, gpu->sysfs, dev->number, DRM_MAJOR, dev->number, dev->number, number);
	for (u32 i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	netlink_uevent(text, n);
}
