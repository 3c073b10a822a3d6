/*
 * What a program says about pages that it has mapped: madvise, mlock, mincore,
 * and bringing pages in ahead of their use. Called by sys_mm.c.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "sched/pid.h"
#include "vm/internal.h"

static int discard_region(struct vm_space *s, struct vm_region *r, u64 how)
{
	if ((r->flags & VM_LOCKED) && !(how & VM_DISCARD_LOCKED))
		return -EINVAL;
	if ((how & VM_DISCARD_ANONYMOUS) && r->object)
		return -EINVAL;
	vm_clear_range(s, r->start, r->end, true);
	return 0;
}

int vm_discard(struct vm_space *s, u64 address, u64 length, u32 how)
{
	int err = vm_range_check(address, &length);

	if (err || !length)
		return err;
	mutex_lock(&s->lock);
	err = vm_each_region(s, address, address + length, discard_region, how, false);
	vm_unlock(s);
	return err;
}

int vm_punch(struct vm_space *s, u64 address, u64 length)
{
	int err = vm_range_check(address, &length);
	u64 end = address + length;
	bool hole = false;

	while (!err && address < end) {
		struct vm_region *r;
		struct vm_object *o = NULL;
		u64 from = 0, size = 0;

		mutex_lock(&s->lock);
		r = vm_region_next(s, address);
		if (!r || r->start >= end) {
			hole = true;
			address = end;
		} else {
			hole = hole || r->start > address;
			address = MAX(address, r->start);
			o = r->object;
			if (!o || (r->flags & VM_LOCKED) || !o->ops || !o->ops->punch)
				err = -EINVAL;
			else if ((r->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
				err = -EACCES;
			else
				vm_object_get(o);
			from = r->offset + (address - r->start);
			size = MIN(end, r->end) - address;
			address += size;
		}
		mutex_unlock(&s->lock);
		/* The object's locks come before a space's. */
		if (o && !err) {
			err = o->ops->punch(o, from, size);
			vm_object_put(o);
		}
	}
	return err ? err : hole ? -ENOMEM : 0;
}

/* arg: bits to set in the upper half, to clear in the lower. */
static int change_region(struct vm_space *s, struct vm_region *r, u64 arg)
{
	if ((arg >> 32 & VM_WIPEONFORK) && (r->object || (r->flags & VM_SHARED)))
		return -EINVAL;
	vm_count_region(s, r, -1);
	r->flags = (r->flags | arg >> 32) & ~(u32)arg;
	vm_count_region(s, r, 1);
	return 0;
}

int vm_flags_change(struct vm_space *s, u64 address, u64 length, u32 set, u32 clear)
{
	int err = vm_range_check(address, &length);

	if (err || !length)
		return err;
	mutex_lock(&s->lock);
	err = vm_each_region(s, address, address + length, change_region, (u64)set << 32 | clear, false);
	vm_unlock(s);
	return err;
}

int vm_lock_all(struct vm_space *s, u32 set)
{
	int err = 0;

	mutex_lock(&s->lock);
	for (struct rb_node *n = rb_first(&s->regions); n && !err; n = rb_next(n))
		err = change_region(s, rb_entry(n, struct vm_region, node),
				    (u64)set << 32 | (VM_LOCK_BITS & ~set));
	vm_unlock(s);
	return err;
}

bool vm_reap(struct vm_space *s)
{
	if (!mutex_trylock(&s->lock))
		return false;
	for (struct rb_node *n = rb_first(&s->regions); n; n = rb_next(n)) {
		struct vm_region *r = rb_entry(n, struct vm_region, node);

		if ((r->flags & VM_SHARED) || (r->object && !(r->flags & VM_ANON)))
			continue;
		vm_clear_range(s, r->start, r->end, true);
		vm_count_region(s, r, -1);
		r->flags &= ~PROT_BITS;
		vm_count_region(s, r, 1);
	}
	WRITE_ONCE(s->reaped, true);
	mutex_unlock(&s->lock);
	return true;
}

u64 vm_locked_in(struct vm_space *s, u64 address, u64 length)
{
	u64 end = address + length, pages = 0;
	struct vm_region *r;

	mutex_lock(&s->lock);
	for (u64 at = address; (r = vm_region_next(s, at)) && r->start < end; at = r->end)
		if (r->flags & VM_LOCKED)
			pages += (MIN(end, r->end) - MAX(address, r->start)) >> PAGE_SHIFT;
	mutex_unlock(&s->lock);
	return pages;
}

int vm_populate(struct vm_space *s, u64 address, u64 length, enum vm_populate how)
{
	u64 end = address + length;
	int err = 0;

	mutex_lock(&s->lock);
	for (u64 a = address; a < end && !err; a += PAGE_SIZE) {
		struct vm_region *r = vm_region_find(s, a);
		bool write;
		u64 *pte;

		if (unlikely(current()->process && READ_ONCE(signal_of(current()->process)->group_exit))) {
			err = -EINTR;
			break;
		}
		if (!r) {
			err = -ENOMEM;
			break;
		}
		if (how == VM_POPULATE_READ ? !(r->flags & PROT_BITS) : how == VM_POPULATE_WRITE && !(r->flags & VM_WRITE)) {
			err = -EINVAL;
			break;
		}
		/* As the first use is most likely to be: private memory gets frames of its own at once. */
		write = how == VM_POPULATE_WRITE ||
			(how == VM_POPULATE_USE && (r->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE);
		pte = vm_pte_find(s, a);
		if (!pte || !pte_valid(*pte) || (write && !pte_writable(*pte)))
			err = vm_fault_region(s, r, a, write ? FAULT_WRITE : 0);
	}
	mutex_unlock(&s->lock);
	return err;
}

int vm_resident(struct vm_space *s, u64 address, u64 pages, u8 *vec)
{
	u64 end = address + pages * PAGE_SIZE;
	struct vm_leaf leaf;
	struct vm_region *r;
	int err = 0;

	memset(vec, 0, pages);
	mutex_lock(&s->lock);
	for (u64 a = address; a < end; a = r->end) {
		struct vm_object *o;

		r = vm_region_find(s, a);
		if (!r) {
			err = -ENOMEM;
			break;
		}
		/* What the object has at hand counts, whether it was touched here or not. */
		o = r->object;
		for (u64 at = a; o && o->ops && o->ops->peek_pages && at < MIN(r->end, end); at += PAGE_SIZE) {
			struct page *p;

			o->ops->peek_pages(o, (r->offset + (at - r->start)) >> PAGE_SHIFT, 1, &p);
			if (p) {
				vec[(at - address) >> PAGE_SHIFT] = 1;
				page_put(p);
			}
		}
	}
	for (u64 a = address; !err && vm_leaf_next(s, a, end, &leaf); a = leaf.end)
		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++)
			vec[(va - address) >> PAGE_SHIFT] |= *pte != 0;
	mutex_unlock(&s->lock);
	return err;
}
