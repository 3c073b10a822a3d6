/*
 * Open files: made by open and by the makers of pipes, sockets and the like,
 * shared by descriptors, ended with the last reference. read and write as the
 * system calls see them: access mode, and the position with its lock.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include "fs/poll_events.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/async.h"
#include "fs/epoll.h"
#include "fs/file_internal.h"
#include "fs/flock.h"
#include "fs/inotify.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/cred.h"

/* A path beside each file saves the second allocation of every open. */
struct file_slot {
	struct file file;
	struct path path;
};

static struct slab_cache *file_cache;
static u64 next_anon_id = 1;		/* [a] */
static u32 file_count;			/* [a] */
u32 file_max;				/* [a] */

void file_init(void)
{
	struct page_counts c;

	file_cache = slab_cache_create("file", sizeof(struct file_slot), 0);
	page_counts_get(&c);
	/* As on Linux: a tenth of memory, at a KiB each with what belongs to it. */
	file_max = MAX(c.managed * (PAGE_SIZE / 1024) / 10, 8192ull);
}

int file_none(void)
{
	return atomic_load_relaxed(&file_count) >= READ_ONCE(file_max) ? -ENFILE : -ENOMEM;
}

/* One more, in any case; false: beyond the limit, where only who has to put things right goes. */
static bool file_charge(void)
{
	return atomic_add_relaxed(&file_count, 1) <= READ_ONCE(file_max) || current_capable(CRED_SYS_ADMIN);
}

static struct file_slot *slot_new(const struct file_ops *ops, void *priv, u32 flags)
{
	struct file_slot *s = file_charge() ? slab_alloc(file_cache) : NULL;
	struct file *f = &s->file;
	const struct cred *c = current()->cred;

	if (!s) {
		atomic_sub(&file_count, 1);
		return NULL;
	}
	f->refs = 1;
	f->flags = flags;
	f->ops = ops;
	f->priv = priv;
	f->vnode = NULL;
	f->path = NULL;
	f->pos = 0;
	mutex_init(&f->pos_lock, "file position");
	f->cred = cred_get(c ? c : &cred_root);
	list_init(&f->epolls);
	f->async = NULL;
	f->locks_owner = NULL;
	f->anon_id = 0;
	f->open_flags = flags;
	f->writer = false;
	return s;
}

struct file *file_new_anonymous(const struct file_ops *ops, void *priv, u32 flags)
{
	struct file_slot *s = slot_new(ops, priv, flags);

	return s ? &s->file : NULL;
}

struct file *file_new_on_path(const struct path *p, u32 flags)
{
	struct file_slot *s = slot_new(NULL, NULL, flags);

	if (!s)
		return NULL;
	path_get(p);
	s->path = *p;
	s->file.path = &s->path;
	s->file.vnode = p->dentry->vnode;	/* kept alive by the path */
	return &s->file;
}

void file_put(struct file *f)
{
	if (!ref_put(&f->refs))
		return;
	if (!(f->flags & O_PATH))
		inotify_file(f, file_writable(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (!list_empty(&f->epolls))
		epoll_file_closed(f);
	if (unlikely(f->async))
		file_async_closed(f);
	if (f->vnode && atomic_load_relaxed(&f->vnode->locks))
		flock_file_closed(f);
	if (f->ops->release)
		f->ops->release(f);
	if (f->path) {
		file_writer_end(f);
		path_put(f->path);
	}
	cred_put(f->cred);
	atomic_sub(&file_count, 1);
	slab_free(file_cache, container_of(f, struct file_slot, file));
}

bool file_readable(const struct file *f)
{
	u32 mode = f->flags & (O_ACCMODE | O_PATH);

	return mode == O_RDONLY || mode == O_RDWR;
}

bool file_writable(const struct file *f)
{
	u32 mode = f->flags & (O_ACCMODE | O_PATH);

	return mode == O_WRONLY || mode == O_RDWR;
}

/*
 * The file's own position: alone on the file, nobody can move it meanwhile
 * (a second thread or process would hold a reference).
 */
static s64 transfer(struct file *f, struct uio *u, u64 *pos,
		    s64 (*op)(struct file *, struct uio *, u64 *))
{
	bool lock;
	s64 n;

	if (pos)
		return f->ops->seek ? op(f, u, pos) : -ESPIPE;
	if (!f->ops->seek)
		return op(f, u, &f->pos);
	lock = atomic_load_relaxed(&f->refs) > 1;
	if (lock)
		mutex_lock(&f->pos_lock);
	n = op(f, u, &f->pos);
	if (lock)
		mutex_unlock(&f->pos_lock);
	return n;
}

s64 file_read(struct file *f, struct uio *u, u64 *pos)
{
	s64 n;

	if (!file_readable(f))
		return -EBADF;
	if (!f->ops->read)
		return f->ops->readdir ? -EISDIR : -EINVAL;
	n = transfer(f, u, pos, f->ops->read);
	if (n > 0)
		inotify_file(f, IN_ACCESS);
	return n;
}

s64 file_write(struct file *f, struct uio *u, u64 *pos)
{
	s64 n;

	if (!file_writable(f))
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	n = transfer(f, u, pos, f->ops->write);
	if (n > 0)
		inotify_file(f, IN_MODIFY);
	return n;
}

u32 file_poll(struct file *f, struct poll_table *t)
{
	if (!f->ops->poll)
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	return f->ops->poll(f, t);
}

void file_accessed(struct file *f)
{
	if (f->path)
		path_accessed(f->path, f->flags);
}

u64 file_anon_id(struct file *f)
{
	if (!atomic_load_relaxed(&f->anon_id))
		(void)atomic_cas(&f->anon_id, 0, atomic_add_relaxed(&next_anon_id, 1));
	return f->anon_id;
}

s64 file_seek_sized(struct file *f, s64 offset, int whence, u64 size)
{
	bool lock = atomic_load_relaxed(&f->refs) > 1;
	s64 to = -EINVAL;

	if (lock)
		mutex_lock(&f->pos_lock);
	switch (whence) {
	case SEEK_SET:
		to = offset;
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow((s64)f->pos, offset, &to))
			to = -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow((s64)size, offset, &to))
			to = -EOVERFLOW;
		break;
	case SEEK_DATA:
		to = offset < 0 || (u64)offset >= size ? -ENXIO : offset;
		break;
	case SEEK_HOLE:
		to = offset < 0 || (u64)offset >= size ? -ENXIO : (s64)size;
		break;
	}
	if (to < 0 && whence <= SEEK_END && to != -EOVERFLOW)
		to = -EINVAL;
	if (to >= 0)
		f->pos = to;
	if (lock)
		mutex_unlock(&f->pos_lock);
	return to;
}

s64 file_seek_vnode(struct file *f, s64 offset, int whence)
{
	return file_seek_sized(f, offset, whence, READ_ONCE(f->vnode->size));
}
