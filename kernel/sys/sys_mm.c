/*
 * Memory: mmap and its kin. Flags and rights are checked here; vm/ does the
 * work.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/membarrier.h>
#include <linux/resource.h>
#include "arch/arm64/ucopy.h"
#include "core/percpu.h"
#include "fs/fdtable.h"
#include "fs/path.h"
#include "fs/tmpfs.h"
#include "irq/irq.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/rseq.h"
#include "sys/sys.h"
#include "vm/vm_space.h"

#define PROT_KNOWN	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define MINCORE_STEP	4096u		/* pages looked at in one go */
/* What MAP_SHARED_VALIDATE lets pass: all that MAP_SHARED has ever known (mmap(2)). */
#define MAP_VALIDATED	(MAP_TYPE | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
			 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | \
			 MAP_STACK | MAP_HUGETLB | 31u << MAP_HUGE_SHIFT)

static u32 prot_flags(u32 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0);
}

/* ---- mmap ---- */

/* May this open file be mapped so? The VM_* flags it allows, or -errno. */
static s64 file_flags(struct file *f, u32 prot, bool shared)
{
	s64 flags = !shared || file_writable(f) ? VM_MAYWRITE : 0;

	if (!file_readable(f))
		return -EACCES;
	if (shared && (prot & PROT_WRITE) && !file_writable(f))
		return -EACCES;
	if (!f->ops->mmap)
		return -ENODEV;
	if (f->path && (f->path->mount->flags & MNT_NOEXEC)) {
		if (prot & PROT_EXEC)
			return -EPERM;
		flags |= VM_NOEXEC;
	}
	return flags;
}

/* Have vm/ see what the caller may lock now. */
static void lock_limit_update(struct vm_space *s)
{
	s->lock_limit = current_capable(CAP_IPC_LOCK) ? ~0ull : process_rlimit(process_current(), RLIMIT_MEMLOCK);
}

struct map_request { u64 address, length, offset; u32 prot, flags; bool fixed, noreplace, shared, grows; };

static s64 map_file(const struct map_request *m, u32 fd)
{
	struct fd_ref r = fd_borrow(fd);
	struct vnode *v = m->shared && r.file ? r.file->vnode : NULL;
	struct vm_object *object;
	s64 at;

	if (!r.file)
		return -EBADF;
	if ((s64)(m->offset + m->length) < 0) {
		at = -EOVERFLOW;
		goto out;
	}
	at = file_flags(r.file, m->prot, m->shared);
	if (at >= 0 && m->grows)
		at = -EINVAL;
	if (at < 0)
		goto out;
	/* A seal against writing comes before this mapping, or finds it (F_ADD_SEALS). */
	if (v)
		mutex_lock(&v->lock);
	object = r.file->ops->mmap(r.file, m->offset, m->length, m->prot, m->shared);
	if (is_err(object)) {
		at = ptr_err(object);
		goto out_lock;
	}
	if (v && tmpfs_is_write_sealed(r.file))
		at &= ~(s64)VM_MAYWRITE;
	at = vm_map(current()->space, m->address, m->length, m->flags | at, m->fixed, m->noreplace, object, m->offset,
		r.file);
	vm_object_put(object);
out_lock:
	if (v)
		mutex_unlock(&v->lock);
out:
	fd_return(r);
	return at;
}

static s64 map_anonymous(const struct map_request *m)
{
	struct vm_object *object = NULL;
	s64 at;

	if (m->shared) {
		u64 pages = m->flags & VM_NORESERVE ? 0 : m->length >> PAGE_SHIFT;

		if (pages && vm_commit(pages))
			return -ENOMEM;
		object = tmpfs_object_new(m->length);
		if (is_err(object)) {
			vm_uncommit(pages);
			return ptr_err(object);
		}
		object->committed = pages;
	}
	at = vm_map(current()->space, m->address, m->length, m->flags | VM_MAYWRITE, m->fixed, m->noreplace, object, 0,
		NULL);
	if (object)
		vm_object_put(object);
	return at;
}

SYSCALL(mmap)
{
	u32 flags = a[3], type = flags & MAP_TYPE;
	struct map_request m = {
		.address = a[0], .length = a[1], .offset = a[5], .prot = a[2], .flags = prot_flags(a[2]),
		.fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE), .noreplace = flags & MAP_FIXED_NOREPLACE,
		.shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE, .grows = flags & MAP_GROWSDOWN,
	};
	struct vm_space *s = current()->space;
	s64 at;

	/* Unlike mprotect, mmap takes any bits for rights. */
	if (m.offset & PAGE_MASK)
		return -EINVAL;
	if ((!m.shared && type != MAP_PRIVATE) || !m.length)
		return -EINVAL;
	if (m.length > USER_TOP)
		return -ENOMEM;
	if (flags & MAP_HUGETLB)	/* no such pages are set aside, nor has any file some */
		return flags & MAP_ANONYMOUS ? -ENOMEM : -EINVAL;
	m.length = ALIGN_UP(m.length, PAGE_SIZE);
	if (m.offset + m.length < m.offset)
		return -EOVERFLOW;
	if (type == MAP_SHARED_VALIDATE && (flags & MAP_ANONYMOUS))
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & ~(u32)MAP_VALIDATED))
		return -EOPNOTSUPP;
	if (m.shared)
		m.flags |= VM_SHARED;
	if ((flags & MAP_NORESERVE) && vm_overcommit_mode != 2)
		m.flags |= VM_NORESERVE;
	if ((flags & MAP_LOCKED) || READ_ONCE(s->lock_future)) {
		lock_limit_update(s);
		if ((flags & MAP_LOCKED) && !s->lock_limit)
			return -EPERM;
		m.flags |= flags & MAP_LOCKED ? VM_LOCKED : 0;
	}
	if (m.grows && (flags & MAP_ANONYMOUS)) {
		if (m.shared)
			return -EINVAL;
		m.flags |= VM_GROWSDOWN;
	}
	at = flags & MAP_ANONYMOUS ? map_anonymous(&m) : map_file(&m, a[4]);
	/* What can't be had now comes, or fails, when it is touched. */
	if (at >= 0 && ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE || (m.flags & VM_LOCKED) ||
			READ_ONCE(s->lock_future) == VM_LOCKED))
		(void)vm_populate(s, at, m.length, VM_POPULATE_USE);
	return at;
}

SYSCALL(munmap)
{
	return vm_unmap(current()->space, a[0], a[1]);
}

SYSCALL(mprotect)
{
	/* No region here grows upwards. */
	if (a[2] & ~(u64)(PROT_KNOWN | PROT_SEM | PROT_GROWSDOWN))
		return -EINVAL;
	return vm_protect(current()->space, a[0], a[1], prot_flags(a[2]) | (a[2] & PROT_GROWSDOWN ? VM_GROWSDOWN : 0));
}

SYSCALL(mremap)
{
	struct vm_space *s = current()->space;
	u32 flags = a[3], how = 0;
	s64 at;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && a[1] != a[2])
		return -EINVAL;
	how |= flags & MREMAP_MAYMOVE ? VM_REMAP_MOVE : 0;
	how |= flags & MREMAP_FIXED ? VM_REMAP_FIXED : 0;
	how |= flags & MREMAP_DONTUNMAP ? VM_REMAP_KEEP : 0;
	lock_limit_update(s);
	at = vm_remap(s, a[0], a[1], a[2], how, a[4]);
	if (at >= 0 && a[2] > a[1] && vm_locked_in(s, at, PAGE_SIZE))
		(void)vm_populate(s, at + ALIGN_DOWN(a[1], PAGE_SIZE), ALIGN_UP(a[2], PAGE_SIZE) - ALIGN_DOWN(a[1], PAGE_SIZE),
				  VM_POPULATE_USE);
	return at;
}

SYSCALL(brk)
{
	struct vm_space *s = current()->space;
	u64 old, now;

	if (likely(!READ_ONCE(s->lock_future)))
		return vm_brk(s, a[0]);
	lock_limit_update(s);
	old = ALIGN_UP(READ_ONCE(s->brk), PAGE_SIZE);
	now = vm_brk(s, a[0]);
	if (now > old && s->lock_future == VM_LOCKED)
		(void)vm_populate(s, old, ALIGN_UP(now, PAGE_SIZE) - old, VM_POPULATE_USE);
	return now;
}

/* ---- advice and locking ---- */

/* Bring pages in: what a fault could not do is told as it would be to the program. */
static s64 populate(struct vm_space *s, u64 address, u64 length, enum vm_populate how)
{
	int err = user_range_ok(address, ALIGN_UP(length, PAGE_SIZE)) ?
		vm_populate(s, address, ALIGN_UP(length, PAGE_SIZE), how) : -ENOMEM;

	return err == -EACCES ? -EINVAL : err;
}

SYSCALL(madvise)
{
	struct vm_space *s = current()->space;
	u64 address = a[0], length = a[1];
	u32 set = 0, clear = 0;

	if ((address & PAGE_MASK) || ALIGN_UP(length, PAGE_SIZE) < length || address + length < address)
		return -EINVAL;
	switch ((u32)a[2]) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_COLD:
	case MADV_PAGEOUT:
		break;
	case MADV_FREE:			/* at once: what is written later comes back anyway */
		return vm_discard(s, address, length, VM_DISCARD_ANONYMOUS);
	case MADV_DONTNEED:
		return vm_discard(s, address, length, 0);
	case MADV_DONTNEED_LOCKED:
		return vm_discard(s, address, length, VM_DISCARD_LOCKED);
	case MADV_REMOVE:
		return vm_punch(s, address, length);
	case MADV_DONTFORK:
		set = VM_DONTFORK;
		break;
	case MADV_DOFORK:
		clear = VM_DONTFORK;
		break;
	case MADV_DONTDUMP:
		set = VM_DONTDUMP;
		break;
	case MADV_DODUMP:
		clear = VM_DONTDUMP;
		break;
	case MADV_WIPEONFORK:
		set = VM_WIPEONFORK;
		break;
	case MADV_KEEPONFORK:
		clear = VM_WIPEONFORK;
		break;
	case MADV_POPULATE_READ:
		return populate(s, address, length, VM_POPULATE_READ);
	case MADV_POPULATE_WRITE:
		return populate(s, address, length, VM_POPULATE_WRITE);
	default:
		return -EINVAL;
	}
	return vm_flags_change(s, address, length, set, clear);
}

SYSCALL(mincore)
{
	u64 address = a[0], pages = DIV_ROUND_UP(a[1], PAGE_SIZE), vec = a[2];
	u8 *seen;
	s64 err = 0;

	if (address & PAGE_MASK)
		return -EINVAL;
	if (!user_range_ok(address, a[1]))
		return -ENOMEM;
	seen = kmalloc(MINCORE_STEP);
	if (!seen)
		return -EAGAIN;
	while (pages && !err) {
		u64 n = MIN(pages, (u64)MINCORE_STEP);

		err = vm_resident(current()->space, address, n, seen);
		if (!err)
			err = copy_to_user(vec, seen, n);
		address += n * PAGE_SIZE;
		vec += n;
		pages -= n;
	}
	kfree(seen);
	return err;
}

/* Nothing is ever paged out, so a locked page is one that is there. */
static s64 lock_range(u64 address, u64 length, u32 bits)
{
	struct vm_space *s = current()->space;
	u64 start = ALIGN_DOWN(address, PAGE_SIZE), pages, limit;
	s64 err;

	length = ALIGN_UP(length + (address - start), PAGE_SIZE);
	lock_limit_update(s);
	if (!s->lock_limit)
		return -EPERM;
	if (!length)
		return 0;
	if (start + length < start)
		return -EINVAL;
	if (!user_range_ok(start, length))
		return -ENOMEM;
	pages = length >> PAGE_SHIFT;
	limit = s->lock_limit >> PAGE_SHIFT;
	if (pages + READ_ONCE(s->pages_locked) > limit &&
	    pages + READ_ONCE(s->pages_locked) - vm_locked_in(s, start, length) > limit)
		return -ENOMEM;
	err = vm_flags_change(s, start, length, bits, VM_LOCK_BITS & ~bits);
	if (!err && !(bits & VM_LOCKONFAULT))
		err = vm_populate(s, start, length, VM_POPULATE_USE);
	return err == -EFAULT || err == -EACCES ? -ENOMEM : err;
}

SYSCALL(mlock)
{
	return lock_range(a[0], a[1], VM_LOCKED);
}

SYSCALL(mlock2)
{
	if (a[2] & ~(u64)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(a[0], a[1], a[2] ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED);
}

SYSCALL(munlock)
{
	u64 start = ALIGN_DOWN(a[0], PAGE_SIZE), length = a[1] + (a[0] - start);

	return start + ALIGN_UP(length, PAGE_SIZE) < start ? -EINVAL :
		vm_flags_change(current()->space, start, length, 0, VM_LOCK_BITS);
}

/* Every region that is there, as far as its pages can be had. */
static void populate_all(struct vm_space *s)
{
	u64 start, end = 0;

	do {
		struct vm_region *r;

		mutex_lock(&s->lock);
		r = vm_region_next(s, end);
		start = r ? r->start : 0;
		end = r ? r->end : 0;
		mutex_unlock(&s->lock);
		(void)vm_populate(s, start, end - start, VM_POPULATE_USE);
	} while (end && !signal_pending());
}

SYSCALL(mlockall)
{
	struct vm_space *s = current()->space;
	u64 flags = a[0];
	u32 bits = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);

	if ((flags & ~(u64)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || !(flags & (MCL_CURRENT | MCL_FUTURE)))
		return -EINVAL;
	lock_limit_update(s);
	if (!s->lock_limit)
		return -EPERM;
	if ((flags & MCL_CURRENT) && s->pages_total > s->lock_limit >> PAGE_SHIFT)
		return -ENOMEM;
	WRITE_ONCE(s->lock_future, flags & MCL_FUTURE ? bits : 0);
	if (flags & MCL_CURRENT) {
		vm_lock_all(s, bits);
		if (!(flags & MCL_ONFAULT))
			populate_all(s);
	}
	return 0;
}

SYSCALL(munlockall)
{
	struct vm_space *s = current()->space;

	WRITE_ONCE(s->lock_future, 0);
	return vm_lock_all(s, 0);
}

SYSCALL(msync)
{
	struct vm_space *s = current()->space;
	u32 flags = a[2];
	u64 end = a[0] + ALIGN_UP(a[1], PAGE_SIZE);
	bool hole = false;
	s64 err = 0;

	if ((a[0] & PAGE_MASK) || (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE)) ||
		(flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < a[0])
		return -ENOMEM;
	for (u64 at = a[0]; at < end && !err; ) {
		struct vm_region *r;
		struct file *f = NULL;

		mutex_lock(&s->lock);
		r = vm_region_next(s, at);
		hole = hole || !r || r->start > at;
		if (!r || r->start >= end) {
			at = end;
		} else {
			if ((flags & MS_INVALIDATE) && (r->flags & VM_LOCKED)) {
				err = -EBUSY;
			} else if ((r->flags & VM_SHARED) && r->file && (flags & MS_SYNC)) {
				f = r->file;
				file_get(f);
			}
			at = r->end;
		}
		mutex_unlock(&s->lock);
		if (f) {
			if (f->ops->fsync)
				err = f->ops->fsync(f, false);
			file_put(f);
		}
	}
	return err ? err : hole ? -ENOMEM : 0;
}

/* An exception synchronises the instruction stream as well. */
static void see_memory(void *arg)
{
	atomic_fence();
}

/*
 * One CPU sees its own memory in order; the others are interrupted, whatever they run. The private commands are for
 * those who said before that they would use them.
 */
SYSCALL(membarrier)
{
	const u32 private = MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
			    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
	const u32 registers = MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
			      MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
			      MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
	const u32 known = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | private | registers;
	struct vm_space *s = current()->space;
	u32 command = a[0], flags = a[1];

	/* One CPU alone may be named: it is among all. */
	if (flags && (flags != MEMBARRIER_CMD_FLAG_CPU || command != MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ))
		return -EINVAL;
	if (command == MEMBARRIER_CMD_QUERY)
		return known;
	if (!(command & known) || (command & (command - 1)))
		return -EINVAL;
	if (command & registers)
		atomic_fetch_or(&s->membarriers, command >> 1);	/* each stands one bit above what it registers for */
	else if ((command & private) && !(atomic_load_relaxed(&s->membarriers) & command))
		return -EPERM;
	if (cpus_present > 1 && !(command & registers))
		cpu_call_all(command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? rseq_disturb : see_memory, s);
	else
		atomic_fence();
	return 0;
}
