/*
 * Calls that leave mappings where they are: mprotect, and looking into a space
 * from outside (/proc/PID/cmdline, process_vm_readv, futex keys). Called by
 * sys_mm.c, proc/futex.c and procfs; vm_advise.c has madvise and its kin.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "vm/internal.h"

/* The entry e of a region with these flags; whether a private page may be written is found out by a fault. */
static u64 entry_for(u64 e, u32 flags, bool dirty_tracked)
{
	u32 prot = vm_pte_prot(flags) & ~(e & PTE_AP_RO && (!(flags & VM_SHARED) || dirty_tracked) ? PTE_WRITE : 0);
	u64 fresh = pte_make(pte_pa(e), prot);

	if (!(flags & PROT_BITS))
		fresh &= ~PTE_VALID;
	/* The memory type and the notes on what stands behind it stay. */
	return (fresh & ~PTE_ATTR(7)) | (e & (PTE_ATTR(7) | PTE_NOPAGE | PTE_OWN));
}

static void protect_entries(struct vm_space *s, struct vm_region *r, u32 old_flags)
{
	bool tracked = r->object && r->object->ops && r->object->ops->dirty;
	bool new_exec = (r->flags & VM_EXEC) && !(old_flags & VM_EXEC);
	u64 start = r->start, changed = 0, first = 0;
	struct vm_leaf leaf;

	while (vm_leaf_next(s, start, r->end, &leaf)) {
		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++) {
			u64 e = *pte, fresh;

			if (!e)
				continue;
			fresh = entry_for(e, r->flags, tracked);
			if (fresh == e)
				continue;
			if (new_exec && !(e & PTE_NOPAGE))
				icache_sync(phys_to_virt(pte_pa(e)), PAGE_SIZE);
			pte_set_quick(pte, fresh);
			if (!changed++)
				first = va;
		}
		start = leaf.end;
	}
	if (changed == 1)
		vm_flush_page(s, first);
	else if (changed)
		vm_flush_space(s);
}

static int protect_region(struct vm_space *s, struct vm_region *r, u64 flags)
{
	u32 old = r->flags, fresh = (old & ~PROT_BITS) | flags;

	if (((flags & VM_WRITE) && !(old & VM_MAYWRITE)) || ((flags & VM_EXEC) && (old & VM_NOEXEC)))
		return -EACCES;
	if (vm_region_is_data(fresh) && !vm_region_is_data(old) &&
	    s->pages_data + ((r->end - r->start) >> PAGE_SHIFT) > s->data_limit >> PAGE_SHIFT)
		return -ENOMEM;
	if ((fresh & (VM_WRITE | VM_SHARED | VM_NORESERVE | VM_ACCOUNT)) == VM_WRITE) {
		if (vm_commit((r->end - r->start) >> PAGE_SHIFT))
			return -ENOMEM;
		fresh |= VM_ACCOUNT;
	}
	vm_count_region(s, r, -1);
	r->flags = fresh;
	vm_count_region(s, r, 1);
	protect_entries(s, r, old);
	return 0;
}

int vm_each_region(struct vm_space *s, u64 address, u64 end, int (*fn)(struct vm_space *, struct vm_region *, u64 arg),
		   u64 arg, bool stop_at_hole)
{
	bool hole = false;
	int err = vm_region_cut(s, address);

	if (!err)
		err = vm_region_cut(s, end);
	while (!err && address < end) {
		struct vm_region *r = vm_region_next(s, address);

		if (!r || r->start > address) {
			hole = true;
			if (stop_at_hole || !r || r->start >= end)
				break;
		}
		err = fn(s, r, arg);
		address = r->end;
		vm_region_merge(s, r);
	}
	if (!err && end > address)
		hole = true;
	/* What was cut at the end may belong together after all. */
	if (address >= end) {
		struct vm_region *r = vm_region_find(s, end);

		if (r)
			vm_region_merge(s, r);
	}
	return err ? err : hole ? -ENOMEM : 0;
}

int vm_range_check(u64 address, u64 *length)
{
	if (!IS_ALIGNED(address, PAGE_SIZE))
		return -EINVAL;
	if (*length > USER_TOP || !user_range_ok(address, ALIGN_UP(*length, PAGE_SIZE)))
		return -ENOMEM;
	*length = ALIGN_UP(*length, PAGE_SIZE);
	return 0;
}

int vm_protect(struct vm_space *s, u64 address, u64 length, u32 flags)
{
	int err = vm_range_check(address, &length);
	u64 end = address + length;

	if (err || !length)
		return err;
	mutex_lock(&s->lock);
	if (flags & VM_GROWSDOWN) {
		struct vm_region *r = vm_region_next(s, address);

		if (!r || r->start >= end)
			err = -ENOMEM;
		else if (!(r->flags & VM_GROWSDOWN))
			err = -EINVAL;
		else
			address = r->start;
	}
	if (!err)
		err = vm_each_region(s, address, end, protect_region, flags & PROT_BITS, true);
	vm_unlock(s);
	return err;
}

/* The kernel's address of the page at a user address, brought in; NULL and *err. [lock] held. */
static void *page_in(struct vm_space *s, u64 address, u32 flags, int *err)
{
	struct vm_region *r = vm_fault_find(s, address);
	u64 *pte;

	*err = -EFAULT;
	if (!r)
		return NULL;
	pte = vm_pte_find(s, address);
	if (!pte || !pte_valid(*pte) || ((flags & FAULT_WRITE) && !pte_writable(*pte))) {
		*err = vm_fault_region(s, r, address, flags);
		if (*err)
			return NULL;
		pte = vm_pte_find(s, address);
		*err = -EFAULT;
	}
	if (!pte || !pte_valid(*pte) || (*pte & PTE_NOPAGE))
		return NULL;
	*err = 0;
	return phys_to_virt(pte_pa(*pte) + (address & PAGE_MASK));
}

static size_t copy_remote(struct vm_space *s, u64 address, char *buf, size_t n, bool write)
{
	size_t done = 0;
	int err;

	if (!user_range_ok(address, n))
		return 0;
	mutex_lock(&s->lock);
	while (done < n) {
		size_t step = MIN(n - done, PAGE_SIZE - ((address + done) & PAGE_MASK));
		void *p = page_in(s, address + done, write ? FAULT_WRITE : 0, &err);

		if (!p)
			break;
		memcpy(write ? p : buf + done, write ? buf + done : p, step);
		done += step;
	}
	mutex_unlock(&s->lock);
	return done;
}

size_t vm_read_remote(struct vm_space *s, u64 address, void *dst, size_t n)
{
	return copy_remote(s, address, dst, n, false);
}

size_t vm_write_remote(struct vm_space *s, u64 address, const void *src, size_t n)
{
	return copy_remote(s, address, (char *)src, n, true);
}

/* src NULL: zeros. */
static int write_new(struct vm_space *s, u64 address, const void *src, size_t n)
{
	int err = 0;

	mutex_lock(&s->lock);
	while (n) {
		size_t step = MIN(n, PAGE_SIZE - (address & PAGE_MASK));
		void *p = page_in(s, address, FAULT_WRITE, &err);

		if (!p)
			break;
		if (src) {
			memcpy(p, src, step);
			src = (const char *)src + step;
		} else {
			memset(p, 0, step);
		}
		address += step;
		n -= step;
	}
	mutex_unlock(&s->lock);
	return err;
}

int vm_write_new(struct vm_space *s, u64 address, const void *src, size_t n)
{
	return write_new(s, address, src, n);
}

int vm_zero_new(struct vm_space *s, u64 address, size_t n)
{
	return write_new(s, address, NULL, n);
}

int vm_futex_key(struct vm_space *s, u64 address, struct vm_object **object, u64 *offset)
{
	struct vm_region *r;
	int err = 0;

	mutex_lock(&s->lock);
	r = vm_region_find(s, address);
	*object = NULL;
	*offset = address;
	if (!r || !(r->flags & PROT_BITS) || !(r->object || (r->flags & VM_WRITE))) {
		err = -EFAULT;
	} else if ((r->flags & VM_SHARED) && r->object) {
		*object = r->object;
		vm_object_get(r->object);
		*offset = r->offset + (address - r->start);
	}
	mutex_unlock(&s->lock);
	return err;
}
