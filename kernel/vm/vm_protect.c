/*
 * Calls that leave mappings where they are: mprotect, madvise, mincore, and
 * looking into a space from outside (/proc/PID/cmdline, futex keys). Called by
 * sys_mm.c, proc/futex.c and procfs.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "vm/internal.h"

#define PROT_BITS	(VM_READ | VM_WRITE | VM_EXEC)

/* The entry e of a region with these flags; whether a private page may be written is found out by a fault. */
static u64 entry_for(u64 e, u32 flags, bool dirty_tracked)
{
	u32 prot = vm_pte_prot(flags) & ~(e & PTE_AP_RO && (!(flags & VM_SHARED) || dirty_tracked) ? PTE_WRITE : 0);
	u64 fresh = pte_make(pte_pa(e), prot);

	if (!(flags & PROT_BITS))
		fresh &= ~PTE_VALID;
	/* The memory type and the note that no page stands behind it stay. */
	return (fresh & ~PTE_ATTR(7)) | (e & (PTE_ATTR(7) | PTE_NOPAGE));
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

static int protect_region(struct vm_space *s, struct vm_region *r, u32 flags)
{
	u32 old = r->flags, fresh = (old & ~PROT_BITS) | flags;

	if ((flags & VM_WRITE) && !(old & VM_MAYWRITE))
		return -EACCES;
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

/* Call fn on the regions of [address, end), cut at the borders and joined again; -ENOMEM after a hole. [lock] held. */
static int each_region(struct vm_space *s, u64 address, u64 end, int (*fn)(struct vm_space *, struct vm_region *, u32 arg),
		       u32 arg, bool stop_at_hole)
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

static int range_check(u64 address, u64 *length)
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
	int err = range_check(address, &length);

	if (err || !length)
		return err;
	mutex_lock(&s->lock);
	err = each_region(s, address, address + length, protect_region, flags & PROT_BITS, true);
	mutex_unlock(&s->lock);
	return err;
}

static int discard_region(struct vm_space *s, struct vm_region *r, u32 arg)
{
	if (r->flags & VM_LOCKED)
		return -EINVAL;
	vm_clear_range(s, r->start, r->end, true);
	return 0;
}

int vm_discard(struct vm_space *s, u64 address, u64 length)
{
	int err = range_check(address, &length);

	if (err || !length)
		return err == -ENOMEM ? -EINVAL : err;
	mutex_lock(&s->lock);
	err = each_region(s, address, address + length, discard_region, 0, false);
	mutex_unlock(&s->lock);
	return err;
}

/* arg: bits to set in the upper half, to clear in the lower. */
static int change_region(struct vm_space *s, struct vm_region *r, u32 arg)
{
	vm_count_region(s, r, -1);
	r->flags = (r->flags | arg >> 16) & ~(arg & 0xffff);
	vm_count_region(s, r, 1);
	return 0;
}

int vm_flags_change(struct vm_space *s, u64 address, u64 length, u32 set, u32 clear)
{
	int err = range_check(address, &length);

	if (err || !length)
		return err;
	mutex_lock(&s->lock);
	err = each_region(s, address, address + length, change_region, set << 16 | clear, false);
	mutex_unlock(&s->lock);
	return err;
}

int vm_resident(struct vm_space *s, u64 address, u64 pages, u8 *vec)
{
	u64 end = address + pages * PAGE_SIZE;
	struct vm_leaf leaf;
	int err = 0;

	memset(vec, 0, pages);
	mutex_lock(&s->lock);
	for (u64 a = address; a < end; ) {
		struct vm_region *r = vm_region_find(s, a);

		if (!r) {
			err = -ENOMEM;
			break;
		}
		a = r->end;
	}
	for (u64 a = address; !err && vm_leaf_next(s, a, end, &leaf); a = leaf.end)
		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++)
			vec[(va - address) >> PAGE_SHIFT] = *pte != 0;
	mutex_unlock(&s->lock);
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

size_t vm_read_remote(struct vm_space *s, u64 address, void *dst, size_t n)
{
	size_t done = 0;
	int err;

	if (!user_range_ok(address, n))
		return 0;
	mutex_lock(&s->lock);
	while (done < n) {
		size_t step = MIN(n - done, PAGE_SIZE - ((address + done) & PAGE_MASK));
		const void *p = page_in(s, address + done, 0, &err);

		if (!p)
			break;
		memcpy((char *)dst + done, p, step);
		done += step;
	}
	mutex_unlock(&s->lock);
	return done;
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

int vm_populate(struct vm_space *s, u64 address, u64 length)
{
	int err = 0;

	mutex_lock(&s->lock);
	for (u64 a = address; a < address + length && !err; a += PAGE_SIZE) {
		struct vm_region *r = vm_region_find(s, a);
		u64 *pte = vm_pte_find(s, a);

		if (!r)
			err = -ENOMEM;
		else if ((r->flags & PROT_BITS) && !(pte && *pte))
			err = vm_fault_region(s, r, a, r->flags & VM_WRITE ? FAULT_WRITE : 0);
	}
	mutex_unlock(&s->lock);
	return err;
}

int vm_futex_key(struct vm_space *s, u64 address, struct vm_object **object, u64 *offset)
{
	struct vm_region *r;
	int err = 0;

	mutex_lock(&s->lock);
	r = vm_region_find(s, address);
	*object = NULL;
	*offset = address;
	if (!r) {
		err = -EFAULT;
	} else if ((r->flags & VM_SHARED) && r->object) {
		*object = r->object;
		vm_object_get(r->object);
		*offset = r->offset + (address - r->start);
	}
	mutex_unlock(&s->lock);
	return err;
}
