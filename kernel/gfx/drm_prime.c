/*
 * Buffer objects as file descriptors, to be passed to other programs (PRIME;
 * Linux's Documentation/driver-api/dma-buf.rst). Such a file is another
 * reference to the object; who opens it in a DRM file of its own gets a
 * handle, and its context may then touch what others have drawn.
 */
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "fs/fdtable.h"
#include "fs/poll_events.h"
#include "fs/text.h"
#include "gfx/drm.h"

#define WAIT_LIMIT	(15 * NSEC_PER_SEC)

static struct vm_object *buf_mmap(struct file *file, u64 offset, u64 len, u32 prot, bool shared)
{
	struct gpu_object *o = file->priv;

	if (!shared || len > o->size || offset > o->size - len)
		return err_ptr(-EINVAL);
	gpu_object_get(o);
	return &o->vm;
}

/* How large it is, and nothing else. */
static s64 buf_seek(struct file *file, s64 offset, int whence)
{
	struct gpu_object *o = file->priv;

	if (offset || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;
	return whence == SEEK_END ? (s64)o->size : 0;
}

static u32 buf_poll(struct file *file, struct poll_table *t)
{
	struct gpu_object *o = file->priv;
	u64 fence = READ_ONCE(o->fence);

	if (t && !gpu_fence_is_done(o->dev, fence)) {
		poll_wait(t, &o->dev->fence_wait);
		o->dev->ops->fence_want(o->dev, fence);
	}
	return gpu_fence_is_done(o->dev, fence) ? EPOLLIN | EPOLLOUT : 0;
}

/* What is to be done with it before others may, as a sync file. */
static long fence_export(struct gpu_object *o, u64 arg)
{
	struct dma_buf_export_sync_file s;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.flags & ~(u32)DMA_BUF_SYNC_RW || !s.flags)
		return -EINVAL;
	s.fd = drm_sync_install(o->dev, READ_ONCE(o->fence));
	if (s.fd < 0)
		return s.fd;
	if (!copy_to_user(arg, &s, sizeof(s)))
		return 0;
	fd_close(s.fd);
	return -EFAULT;
}

static long fence_import(struct gpu_object *o, u64 arg)
{
	struct dma_buf_import_sync_file s;
	u64 fence;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.flags & ~(u32)DMA_BUF_SYNC_RW || !s.flags || drm_sync_fence(o->dev, s.fd, &fence))
		return -EINVAL;
	gpu_object_fence(o, fence);
	return 0;
}

/* Before the CPU reads what was drawn, it must have been drawn; memory is coherent. */
static long buf_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct gpu_object *o = file->priv;
	struct dma_buf_sync s;
	int err;

	if (cmd == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
		return fence_export(o, arg);
	if (cmd == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
		return fence_import(o, arg);
	if (cmd != DMA_BUF_IOCTL_SYNC)
		return -ENOTTY;
	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.flags & ~(u64)DMA_BUF_SYNC_VALID_FLAGS_MASK || !(s.flags & DMA_BUF_SYNC_RW))
		return -EINVAL;
	if (s.flags & DMA_BUF_SYNC_END)
		return 0;
	err = gpu_fence_wait(o->dev, READ_ONCE(o->fence), clock_ns() + WAIT_LIMIT);
	return err == -ETIMEDOUT ? -EBUSY : err;
}

static void buf_show(struct file *file, struct text_out *t)
{
	struct gpu_object *o = file->priv;

	text_printf(t, "size:\t%llu\nexp_name:\tdrm\n", (unsigned long long)o->size);
}

static void buf_release(struct file *file)
{
	gpu_object_put(file->priv);
}

static const struct file_ops buf_ops = {
	.poll = buf_poll,
	.ioctl = buf_ioctl,
	.seek = buf_seek,
	.mmap = buf_mmap,
	.show = buf_show,
	.release = buf_release,
	.kind = "/dmabuf:",
};

static long handle_to_fd(struct drm_file *f, void *arg)
{
	struct drm_prime_handle *p = arg;
	struct gpu_object *o;
	struct file *file;
	int fd;

	if (p->flags & ~(u32)(DRM_CLOEXEC | DRM_RDWR))
		return -EINVAL;
	o = drm_object_get(f, p->handle);
	if (!o)
		return -ENOENT;
	file = file_new_anonymous(&buf_ops, o, p->flags & DRM_RDWR ? O_RDWR : O_RDONLY);
	if (!file) {
		gpu_object_put(o);
		return file_none();
	}
	fd = fd_install(file, 0, p->flags & DRM_CLOEXEC);
	if (fd < 0) {
		file_put(file);
		return fd;
	}
	p->fd = fd;
	return 0;
}

static long fd_to_handle(struct drm_file *f, void *arg)
{
	struct drm_prime_handle *p = arg;
	struct fd_ref r = fd_borrow(p->fd);
	struct gpu_object *o = r.file && r.file->ops == &buf_ops ? r.file->priv : NULL;
	int err;

	if (!r.file)
		return -EBADF;
	if (o && o->dev == f->dev->gpu)
		gpu_object_get(o);
	else
		o = NULL;
	fd_return(r);
	if (!o)
		return -EINVAL;
	err = drm_object_import(f, o, &p->handle);
	f->dev->gpu->ops->kick(f->dev->gpu);
	return err;
}

const struct drm_ioctl drm_prime_ioctls[] = {
	DRM_IOCTL_DEF(PRIME_HANDLE_TO_FD, DRM_RENDER_ALLOW, handle_to_fd),
	DRM_IOCTL_DEF(PRIME_FD_TO_HANDLE, DRM_RENDER_ALLOW, fd_to_handle),
	{ 0 }
};
