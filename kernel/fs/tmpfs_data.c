/*
 * The bytes of files in memory: pages by index, which reads and writes copy
 * to and from and which mappings show, so that both see the same. A page that
 * was never written is a hole and reads as zeros.
 *
 * Writes and truncation hold the vnode's mutex; a fault of a mapping takes
 * the page lock alone, since it may come out of a write's own copy.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/file_internal.h"
#include "fs/mount.h"
#include "fs/tmpfs_node.h"
#include "mm/drain.h"
#include "sched/signal.h"

#define SIZE_LIMIT	0x7fffffffffffffffull
#define LOOK_MAX	1024u		/* pages looked at in one go */
#define SEALS_WRITE	(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SEALS_ALL	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE)

static u64 all_pages;		/* [a] */
static const struct vm_object_ops object_ops;

u64 tmpfs_pages(void)
{
	return atomic_load_relaxed(&all_pages);
}

void tmpfs_data_init(struct tmpfs_node *n)
{
	spin_init(&n->lock, "tmpfs pages");
	n->pages = (struct page_tree){ 0 };
	vm_object_init(&n->object, &object_ops);
	n->seals = F_SEAL_SEAL;
}

void tmpfs_pages_give(struct superblock *sb, u64 count)
{
	if (count) {
		atomic_sub(&tmpfs_sb_of(sb)->used_pages, count);
		atomic_sub(&all_pages, count);
	}
}

int tmpfs_pages_take(struct superblock *sb, u64 count)
{
	struct tmpfs_sb *ts = tmpfs_sb_of(sb);

	if (atomic_add_relaxed(&ts->used_pages, count) > ts->max_pages) {
		atomic_sub(&ts->used_pages, count);
		return -ENOSPC;
	}
	atomic_add_relaxed(&all_pages, count);
	return 0;
}

static void pages_uncount(struct tmpfs_node *n, u64 count)
{
	tmpfs_pages_give(n->v.sb, count);
}

void tmpfs_data_free(struct tmpfs_node *n)
{
	pages_uncount(n, page_tree_cut(&n->pages, 0));
}

/* The page at index, referenced; NULL: a hole. */
static struct page *page_find(struct tmpfs_node *n, u64 index)
{
	struct page *p;

	spin_lock(&n->lock);
	p = page_tree_find(&n->pages, index);
	if (p)
		page_get(p);
	spin_unlock(&n->lock);
	return p;
}

/*
 * Put a fresh page at index (its reference goes to the tree); if another came
 * first, that one stays and the fresh one is dropped. Returns the page in
 * place, referenced for the caller, or err_ptr. limit: no page at or past
 * that size (~0: none), which truncation may have lowered meanwhile.
 */
static struct page *page_place(struct tmpfs_node *n, u64 index, struct page *fresh, bool within_size)
{
	struct page *p;
	int err;

	/*
	 * Who fills memory by mappings that go with him can be found and ended. Who writes, or fills what outlives him,
	 * can't: the last of it is for programs.
	 */
	err = (!within_size || n->v.nlink) && memory_is_short() ? -ENOSPC : tmpfs_pages_take(n->v.sb, 1);
	if (err) {
		page_put(fresh);
		return err_ptr(err);
	}
	spin_lock(&n->lock);
	p = page_tree_find(&n->pages, index);
	if (!p) {
		if (within_size && index >= DIV_ROUND_UP(n->v.size, PAGE_SIZE))
			err = -EFAULT;
		else
			err = page_tree_insert(&n->pages, index, fresh);
		if (!err) {
			p = fresh;
			fresh = NULL;
		}
	}
	if (p)
		page_get(p);
	spin_unlock(&n->lock);
	if (fresh) {
		page_put(fresh);
		pages_uncount(n, 1);
	}
	return p ? p : err_ptr(err);
}

static struct page *object_get_page(struct vm_object *o, u64 index, bool write, int *err)
{
	struct tmpfs_node *n = container_of(o, struct tmpfs_node, object);
	struct page *p;

	if (index >= DIV_ROUND_UP(READ_ONCE(n->v.size), PAGE_SIZE)) {
		*err = -EFAULT;
		return NULL;
	}
	p = page_find(n, index);
	if (p)
		return p;
	p = page_alloc(0, PA_RECLAIM | PA_ZERO);
	if (!p) {
		*err = -ENOMEM;
		return NULL;
	}
	p = page_place(n, index, p, true);
	if (is_err(p)) {
		/* A mapping has no way to hear of a full file system but SIGBUS. */
		*err = ptr_err(p) == -ENOSPC ? -EFAULT : ptr_err(p);
		return NULL;
	}
	return p;
}

static void object_peek_pages(struct vm_object *o, u64 index, u32 count, struct page **pages)
{
	struct tmpfs_node *n = container_of(o, struct tmpfs_node, object);

	spin_lock(&n->lock);
	page_tree_peek(&n->pages, index, count, pages);
	for (u32 i = 0; i < count; i++)
		if (pages[i])
			page_get(pages[i]);
	spin_unlock(&n->lock);
}

static void object_release(struct vm_object *o)
{
	vnode_put(&container_of(o, struct tmpfs_node, object)->v);
}

static int object_punch(struct vm_object *o, u64 offset, u64 length)
{
	struct tmpfs_node *n = container_of(o, struct tmpfs_node, object);

	int err = -EPERM;

	mutex_lock(&n->v.lock);
	if (!(n->seals & SEALS_WRITE)) {
		tmpfs_data_punch(n, offset, length);
		err = 0;
	}
	mutex_unlock(&n->v.lock);
	return err;
}

static const struct vm_object_ops object_ops = {
	.get_page = object_get_page,
	.release = object_release,
	.peek_pages = object_peek_pages,
	.punch = object_punch,
};

/* The references of the object together hold one of the vnode: the first takes it, the last (object_release) drops
 * it. */
static struct vm_object *object_ref(struct tmpfs_node *n)
{
	if (atomic_add(&n->object.refs, 1) == 1)
		vnode_get(&n->v);
	return &n->object;
}

static struct vm_object *tmpfs_mmap(struct file *f, u64 offset, u64 len, u32 prot, bool shared)
{
	struct tmpfs_node *n = tmpfs_node_of(f->vnode);

	if (shared && (prot & PROT_WRITE) && (n->seals & SEALS_WRITE))
		return err_ptr(-EPERM);
	return object_ref(n);
}

s64 tmpfs_seals_get(struct file *f)
{
	return f->ops == &tmpfs_file_ops ? (s64)READ_ONCE(tmpfs_node_of(f->vnode)->seals) : -EINVAL;
}

bool tmpfs_is_write_sealed(struct file *f)
{
	return f->ops == &tmpfs_file_ops && (tmpfs_node_of(f->vnode)->seals & SEALS_WRITE);
}

s64 tmpfs_seals_add(struct file *f, u32 add)
{
	struct tmpfs_node *n = tmpfs_node_of(f->vnode);
	s64 r = 0;

	if (!file_writable(f))
		return -EPERM;
	if (f->ops != &tmpfs_file_ops || (add & ~(u32)SEALS_ALL))
		return -EINVAL;
	mutex_lock(&n->v.lock);
	if (n->seals & F_SEAL_SEAL)
		r = -EPERM;
	else if ((add & ~n->seals & F_SEAL_WRITE) && vm_object_is_writable(&n->object))
		r = -EBUSY;
	else
		n->seals |= add;
	mutex_unlock(&n->v.lock);
	return r;
}

u64 tmpfs_blocks(struct vnode *v)
{
	return READ_ONCE(tmpfs_node_of(v)->pages.count) * (PAGE_SIZE / 512);
}

struct vm_object *tmpfs_object_new(u64 size)
{
	struct tmpfs_node *n = tmpfs_node_unnamed();

	if (is_err(n))
		return err_ptr(ptr_err(n));
	n->v.size = ALIGN_UP(size, PAGE_SIZE);
	n->object.refs = 1;	/* takes over the only reference of the vnode */
	return &n->object;
}

static s64 tmpfs_read(struct file *f, struct uio *u, u64 *pos)
{
	struct vnode *v = f->vnode;
	struct tmpfs_node *n = tmpfs_node_of(v);
	s64 done = 0;

	while (u->left) {
		u64 size = READ_ONCE(v->size), offset = *pos & PAGE_MASK;
		size_t want, left = u->left;
		struct page *p;
		int err;

		if (*pos >= size)
			break;
		want = MIN(MIN(u->left, PAGE_SIZE - offset), size - *pos);
		p = page_find(n, *pos >> PAGE_SHIFT);
		err = p ? uio_put(u, (char *)page_to_virt(p) + offset, want) : uio_zero(u, want);
		if (p)
			page_put(p);
		*pos += left - u->left;
		done += left - u->left;
		if (err)
			return done ? done : err;
	}
	file_accessed(f);
	return done;
}

/* One page's share of a write at pos: bytes copied, or -errno. [v] held. */
/* Up to want bytes into a page: how many came, or -EFAULT when none did. */
static s64 page_fill(struct uio *u, char *to, size_t want)
{
	size_t before = u->left;
	int err = uio_get(u, to, want);

	return err && u->left == before ? err : (s64)(before - u->left);
}

static s64 write_page(struct tmpfs_node *n, struct uio *u, u64 pos)
{
	u64 offset = pos & PAGE_MASK, index = pos >> PAGE_SHIFT;
	size_t want = MIN(u->left, PAGE_SIZE - offset);
	struct page *p = page_find(n, index), *fresh;
	s64 got;

	if (p) {
		got = page_fill(u, (char *)page_to_virt(p) + offset, want);
		p->state &= ~PAGE_CODE;
		page_put(p);
		return got;
	}
	fresh = page_alloc(0, PA_RECLAIM | (want < PAGE_SIZE ? PA_ZERO : 0));
	if (!fresh)
		return -ENOMEM;
	got = page_fill(u, (char *)page_to_virt(fresh) + offset, want);
	if (got < 0) {
		page_put(fresh);
		return got;
	}
	memset((char *)page_to_virt(fresh) + offset + got, 0, want - got);
	page_get(fresh);
	p = page_place(n, index, fresh, false);
	if (is_err(p)) {
		page_put(fresh);
		return ptr_err(p);
	}
	/* A fault put a zero page there while the bytes came in. */
	if (p != fresh)
		memcpy((char *)page_to_virt(p) + offset, (char *)page_to_virt(fresh) + offset, got);
	page_put(p);
	page_put(fresh);
	return got;
}

static void size_set(struct tmpfs_node *n, u64 size)
{
	spin_lock(&n->lock);
	WRITE_ONCE(n->v.size, size);
	spin_unlock(&n->lock);
}

static s64 tmpfs_write(struct file *f, struct uio *u, u64 *pos)
{
	struct vnode *v = f->vnode;
	struct tmpfs_node *n = tmpfs_node_of(v);
	s64 done = 0, r;
	u64 at, end;

	if (!u->left)
		return 0;
	mutex_lock(&v->lock);
	at = u->append || (f->flags & O_APPEND) ? v->size : *pos;
	end = at + u->left;
	r = vnode_size_check(at, &end);
	if (r)
		goto out;
	u->left = end - at;
	if (at >= SIZE_LIMIT || (n->seals & SEALS_WRITE)) {
		r = at >= SIZE_LIMIT ? -EFBIG : -EPERM;
		goto out;
	}
	while (u->left && at < SIZE_LIMIT) {
		/* A page that would make the file grow is refused as a whole. */
		if ((n->seals & F_SEAL_GROW) && at + MIN(u->left, PAGE_SIZE - (at & PAGE_MASK)) > v->size) {
			r = -EPERM;
			break;
		}
		r = write_page(n, u, at);
		if (r < 0)
			break;
		at += r;
		done += r;
		if (at > v->size)
			size_set(n, at);
	}
	if (done) {
		*pos = at;
		v->mtime = v->ctime = vnode_now();
		vnode_privilege_drop(v);
	}
out:
	mutex_unlock(&v->lock);
	return done ? done : r;
}

/* Zeros from offset to the end of its page, if the page exists. */
static void page_tail_zero(struct tmpfs_node *n, u64 from, u64 to)
{
	struct page *p = page_find(n, from >> PAGE_SHIFT);

	if (p) {
		memset((char *)page_to_virt(p) + (from & PAGE_MASK), 0, to - from);
		page_put(p);
	}
}

int tmpfs_data_resize(struct tmpfs_node *n, u64 size)
{
	u64 dropped = 0, limit = size;

	if (size > SIZE_LIMIT)
		return -EFBIG;
	if (size > n->v.size && vnode_size_check(size, &limit))
		return -EFBIG;
	if (n->seals & (size < n->v.size ? F_SEAL_SHRINK : size > n->v.size ? F_SEAL_GROW : 0))
		return -EPERM;
	spin_lock(&n->lock);
	if (size < n->v.size) {
		WRITE_ONCE(n->v.size, size);
		dropped = page_tree_cut(&n->pages, DIV_ROUND_UP(size, PAGE_SIZE));
	} else {
		WRITE_ONCE(n->v.size, size);
	}
	spin_unlock(&n->lock);
	pages_uncount(n, dropped);
	vm_object_unmap(&n->object, DIV_ROUND_UP(size, PAGE_SIZE), ~0ull, true);
	if (size & PAGE_MASK)
		page_tail_zero(n, size, ALIGN_UP(size, PAGE_SIZE));
	return 0;
}

void tmpfs_data_punch(struct tmpfs_node *n, u64 offset, u64 length)
{
	u64 end = offset + length, first = DIV_ROUND_UP(offset, PAGE_SIZE), last = end >> PAGE_SHIFT;

	if (first > last) {	/* within one page */
		page_tail_zero(n, offset, end);
		return;
	}
	if (offset & PAGE_MASK)
		page_tail_zero(n, offset, ALIGN_UP(offset, PAGE_SIZE));
	if (end & PAGE_MASK)
		page_tail_zero(n, ALIGN_DOWN(end, PAGE_SIZE), end);
	if (first < last) {
		u64 dropped;

		spin_lock(&n->lock);
		dropped = n->pages.count ? page_tree_punch(&n->pages, first, last - 1) : 0;
		spin_unlock(&n->lock);
		pages_uncount(n, dropped);
		vm_object_unmap(&n->object, first, last - 1, false);
	}
}

/* Pages where there are none in [first, last]: 0, -ENOSPC, -ENOMEM, -EINTR; what came until then stays. [v] held. */
static int pages_fill(struct tmpfs_node *n, u64 first, u64 last)
{
	struct tmpfs_sb *ts = tmpfs_sb_of(n->v.sb);
	u64 used = atomic_load_relaxed(&ts->used_pages);

	if (last - first + 1 > n->pages.count + ts->max_pages - MIN(used, ts->max_pages))
		return -ENOSPC;
	for (u64 index = first; index <= last; index++) {
		struct page *p = page_find(n, index);

		if (!p) {
			p = page_alloc(0, PA_RECLAIM | PA_ZERO);
			p = p ? page_place(n, index, p, false) : err_ptr(-ENOMEM);
		}
		if (is_err(p))
			return ptr_err(p);
		page_put(p);
		if (signal_pending())
			return -EINTR;
	}
	return 0;
}

static int tmpfs_fallocate(struct file *f, u32 mode, u64 offset, u64 length)
{
	struct tmpfs_node *n = tmpfs_node_of(f->vnode);
	bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && offset + length > n->v.size;
	bool zeros = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
	u64 end = offset + length;
	int err = 0;

	mutex_lock(&n->v.lock);
	if (grows && vnode_size_check(end, &end))
		err = -EFBIG;
	else if ((zeros && (n->seals & SEALS_WRITE)) || (grows && (n->seals & F_SEAL_GROW)))
		err = -EPERM;
	else if (zeros)
		tmpfs_data_punch(n, offset, length);
	else
		err = pages_fill(n, offset >> PAGE_SHIFT, (offset + length - 1) >> PAGE_SHIFT);
	if (!err) {
		if (grows && offset + length > n->v.size)
			size_set(n, offset + length);
		n->v.ctime = vnode_now();
		if (zeros)
			n->v.mtime = n->v.ctime;
		vnode_privilege_drop(&n->v);
	}
	mutex_unlock(&n->v.lock);
	return err;
}

/* The first byte at or after offset that is in a page, or in a hole; the file's end is a hole. */
static u64 extent_find(struct tmpfs_node *n, u64 offset, u64 size, bool hole)
{
	u64 index = offset >> PAGE_SHIFT;
	bool more = hole;

	spin_lock(&n->lock);
	if (!hole)
		index = page_tree_next(&n->pages, index);
	while (more) {
		for (u32 i = 0; i < LOOK_MAX && (more = page_tree_find(&n->pages, index) != NULL); i++)
			index++;
		/* A long file is no reason to keep others off the processor. */
		spin_unlock(&n->lock);
		spin_lock(&n->lock);
	}
	spin_unlock(&n->lock);
	if (index >= DIV_ROUND_UP(size, PAGE_SIZE))
		return size;
	return MAX(offset, index << PAGE_SHIFT);
}

static s64 tmpfs_seek(struct file *f, s64 offset, int whence)
{
	u64 size = READ_ONCE(f->vnode->size);

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (offset < 0 || (u64)offset >= size)
			return -ENXIO;
		offset = extent_find(tmpfs_node_of(f->vnode), offset, size, whence == SEEK_HOLE);
		if (whence == SEEK_DATA && (u64)offset == size)
			return -ENXIO;
		whence = SEEK_SET;
	}
	return file_seek_sized(f, offset, whence, size);
}

int tmpfs_append(struct vnode *v, const void *data, size_t len)
{
	struct tmpfs_node *n = tmpfs_node_of(v);
	const char *from = data;
	struct page *p;
	int err = 0;

	mutex_lock(&v->lock);
	while (len && !err) {
		u64 offset = v->size & PAGE_MASK, index = v->size >> PAGE_SHIFT;
		size_t want = MIN(len, PAGE_SIZE - offset);

		if (offset) {
			p = page_find(n, index);
		} else {
			p = page_alloc(0, PA_NOWAIT);
			if (p)
				p = page_place(n, index, p, false);
		}
		if (!p || is_err(p)) {
			err = p ? ptr_err(p) : -ENOMEM;
			break;
		}
		memcpy((char *)page_to_virt(p) + offset, from, want);
		if (!offset && want < PAGE_SIZE)
			memset((char *)page_to_virt(p) + want, 0, PAGE_SIZE - want);
		page_put(p);
		from += want;
		len -= want;
		size_set(n, v->size + want);
	}
	mutex_unlock(&v->lock);
	return err;
}

static int tmpfs_fsync(struct file *f, bool data_only)
{
	return 0;	/* memory is all there is */
}

const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read,
	.write = tmpfs_write,
	.seek = tmpfs_seek,
	.mmap = tmpfs_mmap,
	.fallocate = tmpfs_fallocate,
	.fsync = tmpfs_fsync,
};
