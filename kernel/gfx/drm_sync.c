/*
 * Fences as file descriptors (sync files): what EXECBUFFER gives out and takes
 * in. A device's fences are done in their order, so a number says all, and two
 * merged are the later one.
 *
 * Source: Linux's Documentation/driver-api/sync_file.rst; <linux/sync_file.h>.
 */
#include <linux/fcntl.h>
#include <linux/sync_file.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "fs/poll_events.h"
#include "gfx/drm.h"
#include "mm/slab.h"

struct sync {
	struct gpu_device *gpu;		/* [S] */
	u64 fence;			/* [S] */
	char name[32];			/* [S] */
};

static const struct file_ops sync_ops;

static u32 sync_poll(struct file *file, struct poll_table *t)
{
	struct sync *s = file->priv;

	if (t && !gpu_fence_is_done(s->gpu, s->fence)) {
		poll_wait(t, &s->gpu->fence_wait);
		s->gpu->ops->fence_want(s->gpu, s->fence);
	}
	return gpu_fence_is_done(s->gpu, s->fence) ? EPOLLIN : 0;
}

static int sync_new(struct gpu_device *gpu, u64 fence, const char *name)
{
	struct sync *s = kzalloc(sizeof(*s));
	struct file *f;
	int fd;

	if (!s)
		return -ENOMEM;
	s->gpu = gpu;
	s->fence = fence;
	strlcpy(s->name, name, sizeof(s->name));
	f = file_new_anonymous(&sync_ops, s, O_RDONLY);
	if (f) {
		gpu_get(gpu);
	} else {
		kfree(s);
		return file_none();
	}
	fd = fd_install(f, 0, true);
	if (fd < 0)
		file_put(f);
	return fd;
}

int drm_sync_install(struct gpu_device *gpu, u64 fence)
{
	return sync_new(gpu, fence, "virtio_gpu");
}

int drm_sync_fence(struct gpu_device *gpu, s32 fd, u64 *fence)
{
	struct fd_ref r = fd_borrow(fd);
	struct sync *s = r.file && r.file->ops == &sync_ops ? r.file->priv : NULL;
	bool fits = s && s->gpu == gpu;

	if (fits)
		*fence = s->fence;
	if (r.file)
		fd_return(r);
	return fits ? 0 : -EINVAL;
}

int drm_sync_check(struct gpu_device *gpu, s32 fd)
{
	u64 fence;

	return drm_sync_fence(gpu, fd, &fence);
}

static s32 status_of(const struct sync *s)
{
	return READ_ONCE(s->gpu->gone) ? -ENODEV : gpu_fence_is_done(s->gpu, s->fence);
}

static long sync_merge(struct sync *s, u64 arg)
{
	struct sync_merge_data d;
	u64 fence;

	if (copy_from_user(&d, arg, sizeof(d)))
		return -EFAULT;
	if (d.flags || d.pad)
		return -EINVAL;
	if (drm_sync_fence(s->gpu, d.fd2, &fence))
		return -ENOENT;
	d.name[sizeof(d.name) - 1] = '\0';
	d.fence = sync_new(s->gpu, MAX(fence, s->fence), d.name);
	if (d.fence < 0)
		return d.fence;
	if (!copy_to_user(arg, &d, sizeof(d)))
		return 0;
	fd_close(d.fence);
	return -EFAULT;
}

static long sync_info(struct sync *s, u64 arg)
{
	struct sync_file_info i;
	struct sync_fence_info one = { .obj_name = "virtio_gpu", .driver_name = "virtio_gpu", .status = status_of(s) };

	if (copy_from_user(&i, arg, sizeof(i)))
		return -EFAULT;
	if (i.flags || i.pad)
		return -EINVAL;
	if (one.status)
		one.timestamp_ns = clock_ns();
	if (i.num_fences && copy_to_user(i.sync_fence_info, &one, sizeof(one)))
		return -EFAULT;
	strlcpy(i.name, s->name, sizeof(i.name));
	i.status = one.status;
	i.num_fences = 1;
	return copy_to_user(arg, &i, sizeof(i)) ? -EFAULT : 0;
}

static long sync_ioctl(struct file *file, u32 cmd, u64 arg)
{
	if (cmd == SYNC_IOC_MERGE)
		return sync_merge(file->priv, arg);
	return cmd == SYNC_IOC_FILE_INFO ? sync_info(file->priv, arg) : -ENOTTY;
}

static void sync_release(struct file *file)
{
	struct sync *s = file->priv;

	gpu_put(s->gpu);
	kfree(s);
}

static const struct file_ops sync_ops = {
	.poll = sync_poll,
	.ioctl = sync_ioctl,
	.release = sync_release,
	.kind = "anon_inode:sync_file",
};
