/*
 * Memory: mmap and its kin. Flags and rights are checked here; vm/ does the
 * work.
 */
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/membarrier.h>
#include <linux/resource.h>
#include "arch/arm64/ucopy.h"
#include "core/percpu.h"
#include "fs/fdtable.h"
#include "fs/path.h"
#include "fs/tmpfs.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "sys/sys.h"
#include "vm/vm_space.h"

#define PROT_KNOWN	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define MINCORE_STEP	4096u		/* pages looked at in one go */

static u32 prot_flags(u32 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0);
}

/* ---- mmap ---- */

/* May this open file be mapped so? The VM_* flags it allows, or -errno. */
static s64 file_flags(struct file *f, u32 prot, bool shared)
{
	if (!file_readable(f))
		return -EACCES;
	if (shared && (prot & PROT_WRITE) && !file_writable(f))
		return -EACCES;
	if (!f->ops->mmap)
		return -ENODEV;
	if (f->path && (f->path->mount->flags & MNT_NOEXEC) && (prot & PROT_EXEC))
		return -EPERM;
	return !shared || file_writable(f) ? VM_MAYWRITE : 0;
}

struct map_request { u64 address, length, offset; u32 prot, flags; bool fixed, noreplace, shared; };

static s64 map_file(const struct map_request *m, u32 fd)
{
	struct fd_ref r = fd_borrow(fd);
	struct vm_object *object;
	s64 at;

	if (!r.file)
		return -EBADF;
	at = file_flags(r.file, m->prot, m->shared);
	if (at < 0)
		goto out;
	object = r.file->ops->mmap(r.file, m->offset, m->length, m->prot, m->shared);
	if (is_err(object)) {
		at = ptr_err(object);
		goto out;
	}
	at = vm_map(current()->space, m->address, m->length, m->flags | at, m->fixed, m->noreplace, object, m->offset, r.file);
	vm_object_put(object);
out:
	fd_return(r);
	return at;
}

static s64 map_anonymous(const struct map_request *m)
{
	struct vm_object *object = NULL;
	s64 at;

	if (m->shared) {
		struct page_counts c;

		page_counts_get(&c);
		if (vm_overcommit_mode != 1 && m->length > c.managed * PAGE_SIZE)
			return -ENOMEM;
		object = tmpfs_object_new(m->length);
		if (is_err(object))
			return ptr_err(object);
	}
	at = vm_map(current()->space, m->address, m->length, m->flags | VM_MAYWRITE, m->fixed, m->noreplace, object, 0, NULL);
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
		.shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE,
	};
	s64 at;

	if (m.offset & PAGE_MASK || (m.prot & ~(PROT_KNOWN | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)))
		return -EINVAL;
	if ((!m.shared && type != MAP_PRIVATE) || !m.length)
		return -EINVAL;
	if (m.length > USER_TOP)
		return -ENOMEM;
	if (flags & MAP_HUGETLB)
		return -ENOMEM;		/* no such pages are set aside */
	m.length = ALIGN_UP(m.length, PAGE_SIZE);
	if (m.offset + m.length < m.offset)
		return -EOVERFLOW;
	if (m.shared)
		m.flags |= VM_SHARED;
	if ((flags & MAP_NORESERVE) && vm_overcommit_mode != 2)
		m.flags |= VM_NORESERVE;
	if (flags & MAP_LOCKED)
		m.flags |= VM_LOCKED;
	if ((flags & (MAP_GROWSDOWN | MAP_ANONYMOUS)) == (MAP_GROWSDOWN | MAP_ANONYMOUS) && !m.shared)
		m.flags |= VM_GROWSDOWN;
	at = flags & MAP_ANONYMOUS ? map_anonymous(&m) : map_file(&m, a[4]);
	if (at >= 0 && (flags & (MAP_POPULATE | MAP_LOCKED)) && !(flags & MAP_NONBLOCK))
		(void)vm_populate(current()->space, at, m.length);	/* what can't be had now comes, or fails, when it is touched */
	return at;
}

SYSCALL(munmap)
{
	return vm_unmap(current()->space, a[0], a[1]);
}

SYSCALL(mprotect)
{
	if (a[2] & ~(u64)(PROT_KNOWN | PROT_SEM))
		return -EINVAL;
	return vm_protect(current()->space, a[0], a[1], prot_flags(a[2]));
}

SYSCALL(mremap)
{
	u32 flags = a[3], how = 0;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && a[1] != a[2])
		return -EINVAL;
	how |= flags & MREMAP_MAYMOVE ? VM_REMAP_MOVE : 0;
	how |= flags & MREMAP_FIXED ? VM_REMAP_FIXED : 0;
	how |= flags & MREMAP_DONTUNMAP ? VM_REMAP_KEEP : 0;
	return vm_remap(current()->space, a[0], a[1], a[2], how, a[4]);
}

SYSCALL(brk)
{
	return vm_brk(current()->space, a[0]);
}

/* ---- advice and locking ---- */

SYSCALL(madvise)
{
	struct vm_space *s = current()->space;

	if (a[0] & PAGE_MASK)
		return -EINVAL;
	switch ((u32)a[2]) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE:			/* pages are kept: allowed, as if memory were never short */
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return vm_flags_change(s, a[0], a[1], 0, 0);
	case MADV_DONTNEED:
		return vm_discard(s, a[0], a[1]);
	case MADV_DONTFORK:
		return vm_flags_change(s, a[0], a[1], VM_DONTFORK, 0);
	case MADV_DOFORK:
		return vm_flags_change(s, a[0], a[1], 0, VM_DONTFORK);
	case MADV_WIPEONFORK:
		return vm_flags_change(s, a[0], a[1], VM_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return vm_flags_change(s, a[0], a[1], 0, VM_WIPEONFORK);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return vm_populate(s, a[0], ALIGN_UP(a[1], PAGE_SIZE));
	default:
		return -EINVAL;
	}
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
static s64 lock_range(u64 address, u64 length, bool now)
{
	struct vm_space *s = current()->space;
	u64 start = ALIGN_DOWN(address, PAGE_SIZE), limit = process_rlimit(process_current(), RLIMIT_MEMLOCK);
	s64 err;

	length = ALIGN_UP(length + (address - start), PAGE_SIZE);
	if (!length)
		return 0;
	if (!user_range_ok(start, length))
		return -ENOMEM;
	if (!cred_privileged(current()->cred) && length / PAGE_SIZE + READ_ONCE(s->pages_locked) > limit / PAGE_SIZE)
		return limit ? -ENOMEM : -EPERM;
	err = vm_flags_change(s, start, length, VM_LOCKED, 0);
	if (!err && now)
		err = vm_populate(s, start, length);
	return err == -EFAULT || err == -EACCES ? -ENOMEM : err;
}

SYSCALL(mlock)
{
	return lock_range(a[0], a[1], true);
}

SYSCALL(mlock2)
{
	return a[2] & ~(u64)MLOCK_ONFAULT ? -EINVAL : lock_range(a[0], a[1], !(a[2] & MLOCK_ONFAULT));
}

SYSCALL(munlock)
{
	u64 start = ALIGN_DOWN(a[0], PAGE_SIZE);

	return vm_flags_change(current()->space, start, a[1] + (a[0] - start), 0, VM_LOCKED);
}

SYSCALL(munlockall)
{
	struct vm_space *s = current()->space;
	u64 at = 0;

	for (;;) {
		struct vm_region *r;
		u64 start = 0, end = 0;

		mutex_lock(&s->lock);
		r = vm_region_next(s, at);
		if (r) {
			start = r->start;
			end = r->end;
		}
		mutex_unlock(&s->lock);
		if (!end)
			return 0;
		(void)vm_flags_change(s, start, end - start, 0, VM_LOCKED);
		at = end;
	}
}

SYSCALL(msync)
{
	struct vm_space *s = current()->space;
	u32 flags = a[2];
	u64 end = a[0] + ALIGN_UP(a[1], PAGE_SIZE);
	s64 err = 0;

	if ((a[0] & PAGE_MASK) || (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE)) || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	for (u64 at = a[0]; at < end && !err; ) {
		struct vm_region *r;
		struct file *f = NULL;

		mutex_lock(&s->lock);
		r = vm_region_find(s, at);
		if (!r) {
			err = -ENOMEM;
		} else {
			if ((r->flags & VM_SHARED) && r->file && (flags & MS_SYNC)) {
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
	return err;
}

/* One CPU sees its own memory in order, and a system call is a barrier on the others' part once there are others. */
SYSCALL(membarrier)
{
	const u32 known = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
			  MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;

	if (a[1])
		return -EINVAL;
	if ((u32)a[0] == MEMBARRIER_CMD_QUERY)
		return known;
	if (!((u32)a[0] & known) || ((u32)a[0] & ((u32)a[0] - 1)))
		return -EINVAL;
	if (cpus_present > 1)
		return -ENOSYS;
	atomic_fence();
	return 0;
}
