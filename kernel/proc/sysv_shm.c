/*
 * Shared memory of System V (shmget(2)): a segment is a file of memory without a name, and an attachment a mapping of
 * it. Its regions are counted as they come and go (fork, munmap, exit): a removed segment goes with the last.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "dev/device.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "fs/tmpfs.h"
#include "proc/process.h"
#include "proc/sysv.h"
#include "proc/sysv_ctl.h"
#include "vm/vm_space.h"

struct segment {
	struct sysv_object o;
	struct file *file;		/* its one reference that is no mapping's [S] */
	struct vm_object *memory;	/* [S] */
	u64 bytes, pages;		/* as asked for; whole ones [S] */
	u64 promised;			/* pages of the commit limit [S] */
	u64 attached;			/* regions [I] */
	u64 attach_time, detach_time;	/* seconds [I] */
	s32 maker, last;		/* processes [I] */
};

static u64 bytes_most = ~0ull - (1 << 24), pages_all_most = ~0ull - (1 << 24), segments_most = 4096;
static u64 pages_all;			/* of all segments [I] */

static struct segment *segment_of(struct sysv_object *o)
{
	return container_of(o, struct segment, o);
}

const struct file_ops shm_file_ops = { .kind = "shm" };

static int segment_create(struct sysv_object *o, u64 size, u32 flags)
{
	struct segment *s = segment_of(o);
	char name[16];
	struct path p;
	int err;

	s->bytes = size;
	s->pages = DIV_ROUND_UP(size, PAGE_SIZE);
	s->promised = flags & SHM_NORESERVE && vm_overcommit_mode != 2 ? 0 : s->pages;
	if (!size || size > bytes_most || s->pages << PAGE_SHIFT < size)
		return -EINVAL;
	if (pages_all + s->pages < s->pages || pages_all + s->pages > pages_all_most)
		return -ENOSPC;
	if (flags & SHM_HUGETLB)	/* no such pages are set aside */
		return -ENOMEM;
	if (s->promised && vm_commit(s->promised))
		return -ENOMEM;
	snprintf(name, sizeof(name), "SYSV%08x", (u32)o->perm.key);
	err = tmpfs_unnamed(name, S_IFREG | (flags & 0777), F_SEAL_SEAL, &p);
	if (err)
		goto uncommit;
	p.dentry->vnode->ino = o->id;
	p.dentry->vnode->nlink = 1;	/* it outlives those who fill it */
	p.dentry->vnode->size = s->pages << PAGE_SHIFT;
	err = path_open_found(&p, O_RDWR | O_LARGEFILE, &s->file);
	path_put(&p);
	if (err)
		goto uncommit;
	s->memory = s->file->ops->mmap(s->file, 0, s->pages << PAGE_SHIFT, 0, true);
	if (is_err(s->memory)) {
		err = ptr_err(s->memory);
		goto put;
	}
	file_writer_end(s->file);
	s->file->ops = &shm_file_ops;
	s->file->priv = s;
	s->maker = process_current()->pid;
	pages_all += s->pages;
	return 0;
put:
	file_put(s->file);
uncommit:
	vm_uncommit(s->promised);
	return err;
}

static int segment_check(struct sysv_object *o, u64 size)
{
	return size > segment_of(o)->bytes ? -EINVAL : 0;
}

static void segment_destroy(struct sysv_object *o)
{
	struct segment *s = segment_of(o);

	pages_all -= s->pages;
	vm_object_put(s->memory);
	file_put(s->file);
	vm_uncommit(s->promised);
}

/* ---- attaching ---- */

void shm_mapped(struct file *f)
{
	struct segment *s = f->priv;

	mutex_lock(&sysv_lock);
	s->attached++;
	s->attach_time = sysv_now();
	s->last = process_current() ? process_current()->pid : 0;
	mutex_unlock(&sysv_lock);
}

/* [I]. A removed segment whose last user this was goes. */
static void segment_left(struct segment *s)
{
	s->detach_time = sysv_now();
	if (!--s->attached && (s->o.perm.mode & SHM_DEST))
		sysv_remove(&s->o);
}

void shm_unmapped(struct file *f)
{
	struct segment *s = f->priv;

	mutex_lock(&sysv_lock);
	s->last = process_current() ? process_current()->pid : s->last;
	segment_left(s);
	mutex_unlock(&sysv_lock);
}

s64 shm_attach(s32 id, u64 address, u32 flags)
{
	u32 mode = flags & SHM_RDONLY ? 0444 : 0666, vm = VM_READ | VM_SHARED;
	struct sysv_object *o;
	struct segment *s;
	s64 at;

	if (id < 0 || (!address && (flags & SHM_REMAP)))
		return -EINVAL;
	if (address & (PAGE_SIZE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		address = ALIGN_DOWN(address, PAGE_SIZE);
		if (!address && (flags & SHM_REMAP))
			return -EINVAL;
	}
	if (!(flags & SHM_RDONLY))
		vm |= VM_WRITE | VM_MAYWRITE;
	if (flags & SHM_EXEC) {
		vm |= VM_EXEC;
		mode |= 0111;
	}
	mutex_lock(&sysv_lock);
	o = sysv_find_for(SYSV_SHM, id, false, mode);
	if (is_err(o)) {
		mutex_unlock(&sysv_lock);
		return ptr_err(o);
	}
	s = segment_of(o);
	s->attached++;			/* ours, until the mapping has its own */
	mutex_unlock(&sysv_lock);
	at = vm_map(current()->space, address, s->pages << PAGE_SHIFT, vm | VM_NORESERVE, address != 0,
		    !(flags & SHM_REMAP), s->memory, 0, s->file);
	mutex_lock(&sysv_lock);
	if (at < 0)
		segment_left(s);
	else
		s->attached--;
	mutex_unlock(&sysv_lock);
	return at == -EEXIST ? -EINVAL : at;
}

/*
 * The next region of an attachment that begins at `base`: of segment *of, or of whichever is there, which then counts
 * one user more, so that it stays while the rest is looked for.
 */
static bool attachment_next(struct vm_space *space, u64 base, struct segment **of, u64 *start, u64 *end)
{
	u64 limit = *of ? base + ((*of)->pages << PAGE_SHIFT) : ~0ull;
	struct vm_region *r;
	bool found = false;

	mutex_lock(&space->lock);
	for (u64 at = base; !found && (r = vm_region_next(space, at)) && r->start < limit; at = r->end) {
		if (!r->file || r->file->ops != &shm_file_ops || r->start - r->offset != base || (*of && *of != r->file->priv))
			continue;
		found = true;
		*start = r->start;
		*end = r->end;
		if (*of)
			continue;
		*of = r->file->priv;
		mutex_lock(&sysv_lock);
		(*of)->attached++;
		mutex_unlock(&sysv_lock);
	}
	mutex_unlock(&space->lock);
	return found;
}

int shm_detach(u64 address)
{
	struct vm_space *space = current()->space;
	struct segment *s = NULL;
	u64 start, end;
	int err = 0;

	if (address & (PAGE_SIZE - 1))
		return -EINVAL;
	while (!err && attachment_next(space, address, &s, &start, &end))
		err = vm_unmap(space, start, end - start);
	if (!s)
		return -EINVAL;
	mutex_lock(&sysv_lock);
	segment_left(s);
	mutex_unlock(&sysv_lock);
	return err;
}

/* ---- what is told ---- */

/* Pages that are there. */
static u64 resident(const struct segment *s)
{
	return s->file->vnode->ops->blocks(s->file->vnode) / (PAGE_SIZE / 512);
}

static void segment_stat(const struct segment *s, struct shmid64_ds *ds)
{
	*ds = (struct shmid64_ds){
		.shm_perm = s->o.perm, .shm_segsz = s->bytes, .shm_atime = s->attach_time, .shm_dtime = s->detach_time,
		.shm_ctime = s->o.changed, .shm_cpid = s->maker, .shm_lpid = s->last, .shm_nattch = s->attached,
	};
}

static void use_add(struct sysv_object *o, void *use)
{
	struct shm_info *u = use;

	u->shm_tot += segment_of(o)->pages;
	u->shm_rss += resident(segment_of(o));
}

static int segment_lock(struct segment *s, bool lock)
{
	if (!current_capable(CAP_IPC_LOCK) &&
	    (sysv_ownership(&s->o) || (lock && !process_rlimit(process_current(), RLIMIT_MEMLOCK))))
		return -EPERM;
	/* Nothing is ever swapped: a mark is all it takes. */
	s->o.perm.mode = lock ? s->o.perm.mode | SHM_LOCKED : s->o.perm.mode & ~SHM_LOCKED;
	return 0;
}

static s64 segment_change(struct segment *s, u32 cmd, const struct shmid64_ds *ds)
{
	int err;

	if (cmd == SHM_LOCK || cmd == SHM_UNLOCK)
		return segment_lock(s, cmd == SHM_LOCK);
	err = sysv_ownership(&s->o);
	if (err)
		return err;
	if (cmd == IPC_SET) {
		sysv_perm_set(&s->o, &ds->shm_perm);
	} else if (s->attached) {
		s->o.perm.mode |= SHM_DEST;	/* by its number it can still be had */
		s->o.perm.key = IPC_PRIVATE;
	} else {
		sysv_remove(&s->o);
	}
	return 0;
}

s64 shm_ctl(s32 id, u32 cmd, union shm_ctl_buf *buf)
{
	bool index = cmd == SHM_STAT || cmd == SHM_STAT_ANY;
	struct sysv_object *o;
	s64 r;

	mutex_lock(&sysv_lock);
	switch (cmd) {
	case IPC_INFO:
		buf->limits = (struct shminfo64){ bytes_most, 1, segments_most, segments_most, pages_all_most, 0, 0, 0, 0 };
		r = sysv_last_index(SYSV_SHM);
		break;
	case SHM_INFO:
		buf->use = (struct shm_info){ .used_ids = sysv_count(SYSV_SHM) };
		sysv_for_each(SYSV_SHM, use_add, &buf->use);
		r = sysv_last_index(SYSV_SHM);
		break;
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		o = sysv_find_for(SYSV_SHM, id, index, cmd == SHM_STAT_ANY ? 0 : 0444);
		r = is_err(o) ? ptr_err(o) : index ? o->id : 0;
		if (!is_err(o))
			segment_stat(segment_of(o), &buf->ds);
		break;
	case IPC_SET:
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		o = sysv_find(SYSV_SHM, id, false);
		r = is_err(o) ? ptr_err(o) : segment_change(segment_of(o), cmd, &buf->ds);
		break;
	default:
		r = -EINVAL;
	}
	mutex_unlock(&sysv_lock);
	return r;
}

static void segment_show(struct text_out *t, struct sysv_object *o)
{
	const struct segment *s = segment_of(o);

#define LL(x) ((unsigned long long)(x))
	text_printf(t, "%21llu %5d %5d  %5llu %5u %5u %5u %5u %10llu %10llu %10llu %21llu %21u\n", LL(s->bytes), s->maker,
		    s->last, LL(s->attached), o->perm.uid, o->perm.gid, o->perm.cuid, o->perm.cgid, LL(s->attach_time),
		    LL(s->detach_time), LL(o->changed), LL(resident(s) << PAGE_SHIFT), 0);
#undef LL
}

static int shm_start(void)
{
	static const struct sysv_type type = {
		.create = segment_create, .check = segment_check, .destroy = segment_destroy, .show = segment_show,
		.size = sizeof(struct segment), .path = "sysvipc/shm", .most = &segments_most,
		.title = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      "
			"atime      dtime      ctime                   rss                  swap",
	};
	static const struct sysv_limit limits[] = {
		{ "sys/kernel/shmmax", &bytes_most, ~0ull, 1 }, { "sys/kernel/shmall", &pages_all_most, ~0ull, 1 },
		{ "sys/kernel/shmmni", &segments_most, 32768, 1 },
	};

	sysv_register(SYSV_SHM, &type);
	sysv_limits_register(limits, ARRAY_SIZE(limits));
	return 0;
}
INIT(shm, INIT_PROC, shm_start);
