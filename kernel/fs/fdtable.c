/*
 * Descriptor tables. A table that one thread alone uses, the common case, is
 * read without a lock and without references: nobody else can close a
 * descriptor under a system call of its only user. Every change takes the lock,
 * since readers of /proc/PID/fd look into tables of others.
 *
 * Called by all system calls with a descriptor, by fork, exec and exit.
 */
#include "base/bitmap.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "fs/flock.h"
#include "fs/init.h"
#include "fs/vnode.h"
#include "mm/slab.h"

#define FIRST_SIZE	64u
#define DEFAULT_LIMIT	1024u
#define SIZE_MAX_FDS	(1u << 18)	/* the arrays are one allocation, of at most 4 MiB */

struct fd_table {
	u32 refs;			/* threads, and readers in /proc [a] */
	u32 limit;			/* RLIMIT_NOFILE [lock]; read anywhere */
	struct spinlock lock;		/* thread kind; all below */
	u32 size;			/* places, a multiple of 64 */
	u32 used;			/* one past the highest ever used; entries behind are not initialised */
	u32 lowest;			/* nothing is free below */
	struct file **files;		/* NULL: free or reserved */
	u64 *taken, *cloexec;		/* a bit a descriptor */
	u64 first_taken, first_cloexec;
	struct file *first_files[FIRST_SIZE];
};

static struct slab_cache *cache;

void fd_table_init(void)
{
	cache = slab_cache_create("fd_table", sizeof(struct fd_table), 0);
}

static struct fd_table *table_alloc(void)
{
	struct fd_table *t = slab_alloc(cache);

	if (!t)
		return NULL;
	t->refs = 1;
	t->limit = DEFAULT_LIMIT;
	spin_init(&t->lock, "fd table");
	t->size = FIRST_SIZE;
	t->used = t->lowest = 0;
	t->files = t->first_files;
	t->taken = &t->first_taken;
	t->cloexec = &t->first_cloexec;
	t->first_taken = t->first_cloexec = 0;
	return t;
}

struct fd_table *fd_table_new(void)
{
	return table_alloc();
}

void fd_table_get(struct fd_table *t)
{
	ref_get(&t->refs);
}

bool fd_table_is_shared(struct fd_table *t)
{
	return atomic_load(&t->refs) > 1;
}

/* Arrays for size descriptors in one piece: pointers, then both bitmaps. */
static struct file **arrays_alloc(u32 size)
{
	return kmalloc(size * sizeof(struct file *) + 2 * (size / 8));
}

static void arrays_set(struct fd_table *t, struct file **files, u32 size)
{
	t->files = files;
	t->taken = (u64 *)(files + size);
	t->cloexec = t->taken + size / 64;
	t->size = size;
}

/* Room for descriptor fd. Drops and takes the lock. 0, -ENOMEM. */
static int table_grow(struct fd_table *t, u32 fd)
{
	while (fd >= t->size) {
		u32 size = t->size, bigger = size;
		struct file **files, **old = t->files;
		u64 *old_taken, *old_cloexec;

		while (bigger <= fd)
			bigger *= 2;
		spin_unlock(&t->lock);
		files = arrays_alloc(bigger);
		spin_lock(&t->lock);
		if (!files)
			return -ENOMEM;
		if (t->size != size) {		/* another thread was quicker */
			kfree(files);
			continue;
		}
		old_taken = t->taken;
		old_cloexec = t->cloexec;
		arrays_set(t, files, bigger);
		memcpy(t->files, old, t->used * sizeof(*files));
		memset(t->taken, 0, bigger / 4);
		memcpy(t->taken, old_taken, size / 8);
		memcpy(t->cloexec, old_cloexec, size / 8);
		if (old != t->first_files)
			kfree(old);
	}
	return 0;
}

/* Mark fd free. [lock] */
static void number_free(struct fd_table *t, u32 fd)
{
	bitmap_clear(t->taken, fd);
	bitmap_clear(t->cloexec, fd);
	if (fd < t->lowest)
		t->lowest = fd;
}

struct fd_table *fd_table_copy(struct fd_table *from)
{
	struct fd_table *t = table_alloc();

	if (!t)
		return NULL;
	spin_lock(&from->lock);
	while (from->used > t->size) {
		u32 want = from->size;
		struct file **files;

		spin_unlock(&from->lock);
		files = arrays_alloc(want);
		if (!files) {
			slab_free(cache, t);
			return NULL;
		}
		if (t->files != t->first_files)
			kfree(t->files);
		arrays_set(t, files, want);
		memset(t->taken, 0, want / 4);
		spin_lock(&from->lock);
	}
	t->limit = from->limit;
	t->used = from->used;
	t->lowest = from->lowest;
	for (u32 i = 0; i < DIV_ROUND_UP(from->used, 64); i++) {
		t->taken[i] = from->taken[i];
		t->cloexec[i] = from->cloexec[i];
	}
	for (u32 i = 0; i < from->used; i++) {
		struct file *f = from->files[i];

		t->files[i] = f;
		if (f)
			file_get(f);
		else if (bitmap_test(t->taken, i))
			number_free(t, i);	/* reserved by another thread's open: not ours */
	}
	spin_unlock(&from->lock);
	return t;
}

static void file_close(struct fd_table *t, struct file *f)
{
	if (unlikely(f->vnode && atomic_load_relaxed(&f->vnode->locks)))
		flock_owner_closed(f, t);
	if (unlikely(f->ops->closed))
		f->ops->closed(f);
	file_put(f);
}

void fd_table_put(struct fd_table *t)
{
	if (!t || !ref_put(&t->refs))
		return;
	for (u32 i = 0; i < t->used; i++)
		if (t->files[i])
			file_close(t, t->files[i]);
	if (t->files != t->first_files)
		kfree(t->files);
	slab_free(cache, t);
}

void fd_table_close_on_exec(struct fd_table *t)
{
	u32 words = DIV_ROUND_UP(t->used, 64);

	for (u32 w = 0; w < words; w++) {
		while (t->cloexec[w] & t->taken[w]) {
			u32 fd = w * 64 + __builtin_ctzll(t->cloexec[w] & t->taken[w]);
			struct file *f;

			spin_lock(&t->lock);
			f = t->files[fd];
			t->files[fd] = NULL;
			number_free(t, fd);
			spin_unlock(&t->lock);
			if (f)
				file_close(t, f);
		}
	}
}

static inline struct file *entry(const struct fd_table *t, u32 fd)
{
	return likely(fd < t->used) ? t->files[fd] : NULL;
}

struct file *fd_get(u32 fd)
{
	struct fd_table *t = current()->files;
	struct file *f;

	if (likely(atomic_load_relaxed(&t->refs) == 1)) {
		f = entry(t, fd);
		if (f)
			file_get(f);
		return f;
	}
	spin_lock(&t->lock);
	f = entry(t, fd);
	if (f)
		file_get(f);
	spin_unlock(&t->lock);
	return f;
}

struct fd_ref fd_borrow(u32 fd)
{
	struct fd_table *t = current()->files;
	struct file *f;

	if (likely(atomic_load_relaxed(&t->refs) == 1))
		return (struct fd_ref){ entry(t, fd), false };
	f = fd_get(fd);
	return (struct fd_ref){ f, f != NULL };
}

/* Lowest free number >= min, marked taken. [lock], which growing drops. */
static int number_take(struct fd_table *t, u32 min, bool cloexec)
{
	u32 from = MAX(min, t->lowest), fd;
	int err;

	for (;;) {
		fd = bitmap_find_next_zero(t->taken, t->size, from);
		if (fd < from)
			fd = from;
		if (fd >= t->limit || fd >= SIZE_MAX_FDS)
			return -EMFILE;
		if (fd < t->size)
			break;
		err = table_grow(t, fd);
		if (err)
			return err;
	}
	bitmap_set(t->taken, fd);
	if (cloexec)
		bitmap_set(t->cloexec, fd);
	else
		bitmap_clear(t->cloexec, fd);
	while (t->used <= fd)
		t->files[t->used++] = NULL;
	t->files[fd] = NULL;
	if (min <= t->lowest)
		t->lowest = fd + 1;
	return fd;
}

int fd_install(struct file *f, u32 min, bool cloexec)
{
	struct fd_table *t = current()->files;
	int fd;

	spin_lock(&t->lock);
	fd = number_take(t, min, cloexec);
	if (fd >= 0)
		t->files[fd] = f;
	spin_unlock(&t->lock);
	return fd;
}

int fd_reserve(u32 min, bool cloexec)
{
	struct fd_table *t = current()->files;
	int fd;

	spin_lock(&t->lock);
	fd = number_take(t, min, cloexec);
	spin_unlock(&t->lock);
	return fd;
}

void fd_fill(int fd, struct file *f)
{
	struct fd_table *t = current()->files;

	spin_lock(&t->lock);
	t->files[fd] = f;
	spin_unlock(&t->lock);
}

void fd_unreserve(int fd)
{
	struct fd_table *t = current()->files;

	spin_lock(&t->lock);
	number_free(t, fd);
	spin_unlock(&t->lock);
}

int fd_close(u32 fd)
{
	struct fd_table *t = current()->files;
	struct file *f;

	spin_lock(&t->lock);
	f = entry(t, fd);
	if (f) {
		t->files[fd] = NULL;
		number_free(t, fd);
	}
	spin_unlock(&t->lock);
	if (!f)
		return -EBADF;
	file_close(t, f);
	return 0;
}

int fd_replace(u32 fd, struct file *f, bool cloexec)
{
	struct fd_table *t = current()->files;
	struct file *old;
	int err;

	if (fd >= READ_ONCE(t->limit) || fd >= SIZE_MAX_FDS)
		return -EBADF;
	spin_lock(&t->lock);
	err = table_grow(t, fd);
	if (err) {
		spin_unlock(&t->lock);
		return err;
	}
	while (t->used <= fd)
		t->files[t->used++] = NULL;
	old = t->files[fd];
	/* A number that another thread's open is about to fill: dup(2) says EBUSY. */
	if (!old && bitmap_test(t->taken, fd)) {
		spin_unlock(&t->lock);
		return -EBUSY;
	}
	t->files[fd] = f;
	bitmap_set(t->taken, fd);
	if (cloexec)
		bitmap_set(t->cloexec, fd);
	else
		bitmap_clear(t->cloexec, fd);
	spin_unlock(&t->lock);
	if (old)
		file_close(t, old);
	return fd;
}

int fd_get_cloexec(u32 fd)
{
	struct fd_table *t = current()->files;
	int r = -EBADF;

	spin_lock(&t->lock);
	if (entry(t, fd))
		r = bitmap_test(t->cloexec, fd);
	spin_unlock(&t->lock);
	return r;
}

int fd_set_cloexec(u32 fd, bool on)
{
	struct fd_table *t = current()->files;
	int r = -EBADF;

	spin_lock(&t->lock);
	if (entry(t, fd)) {
		if (on)
			bitmap_set(t->cloexec, fd);
		else
			bitmap_clear(t->cloexec, fd);
		r = 0;
	}
	spin_unlock(&t->lock);
	return r;
}

int fd_next(struct fd_table *t, u32 from, struct file **out)
{
	int fd = -1;

	spin_lock(&t->lock);
	for (u32 i = from; i < t->used; i++) {
		if (t->files[i]) {
			file_get(t->files[i]);
			*out = t->files[i];
			fd = i;
			break;
		}
	}
	spin_unlock(&t->lock);
	return fd;
}

bool fd_is_cloexec(struct fd_table *t, u32 fd)
{
	bool r;

	spin_lock(&t->lock);
	r = fd < t->used && bitmap_test(t->cloexec, fd);
	spin_unlock(&t->lock);
	return r;
}

int fd_close_range(u32 first, u32 last, bool cloexec_only)
{
	struct fd_table *t = current()->files;

	for (u32 fd = first; fd <= last && fd < READ_ONCE(t->used); fd++) {
		if (cloexec_only)
			(void)fd_set_cloexec(fd, true);
		else
			(void)fd_close(fd);
	}
	return 0;
}

void fd_set_limit(struct fd_table *t, u32 limit)
{
	WRITE_ONCE(t->limit, limit);
}

u32 fd_limit(void)
{
	return READ_ONCE(current()->files->limit);
}

u32 fd_table_used(const struct fd_table *t)
{
	return READ_ONCE(t->used);
}
