/*
 * Changing what a space maps: mmap, munmap, mremap and brk of sys_mm.c and
 * exec end here; vm_protect.c has the calls that leave the mappings in place.
 *
 * Each takes the space's lock for its whole length. Regions that continue one
 * another are joined, so that a heap built of a thousand pieces is one region.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "vm/internal.h"

#define MAP_LOWEST	MAX(ALIGN_UP((u64)vm_mmap_min, PAGE_SIZE), PAGE_SIZE)	/* never the null pointer's page */

u32 vm_overcommit_mode;
u32 vm_overcommit_ratio = 50;
u32 vm_overcommit_kib;
u32 vm_mmap_min = 0x8000;
u32 vm_regions_max = 65530;
static u64 committed;			/* pages promised [a] */

/* ---- overcommit ---- */

u64 vm_committed_pages(void)
{
	return atomic_load_relaxed(&committed);
}

u64 vm_commit_limit(void)
{
	struct page_counts c;

	if (!vm_overcommit_ratio)
		return vm_overcommit_kib / (PAGE_SIZE / 1024);
	page_counts_get(&c);
	return c.managed * vm_overcommit_ratio / 100;
}

int vm_commit(u64 pages)
{
	struct page_counts c;

	if (vm_overcommit_mode != 1 && pages > 1024) {
		page_counts_get(&c);
		if (pages > c.managed)
			return -ENOMEM;
	}
	if (vm_overcommit_mode == 2 && atomic_load_relaxed(&committed) + pages > vm_commit_limit())
		return -ENOMEM;
	atomic_add_relaxed(&committed, pages);
	return 0;
}

void vm_uncommit(u64 pages)
{
	if (pages)
		atomic_add_relaxed(&committed, -pages);
}

static bool flags_accountable(u32 flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_NORESERVE)) == VM_WRITE;
}

/* ---- unmapping ---- */

int vm_region_cut(struct vm_space *s, u64 address)
{
	struct vm_region *r = vm_region_find(s, address);

	return r && r->start < address ? vm_region_split(s, r, address) : 0;
}

#define SPAN (512 * PAGE_SIZE)		/* of a table of the last level */

/* [start, end) is empty: tables that no other region needs go. after: the first region above, or NULL. */
static void tables_unneeded(struct vm_space *s, u64 start, u64 end, struct vm_region *after)
{
	u64 floor, ceiling = after ? after->start : USER_TOP, last = MIN(ALIGN_UP(end, SPAN), ALIGN_DOWN(ceiling, SPAN));
	struct rb_node *n;

	if (last <= ALIGN_DOWN(start, SPAN))
		return;
	n = after ? rb_prev(&after->node) : rb_last(&s->regions);
	floor = n ? rb_entry(n, struct vm_region, node)->end : 0;
	if (MAX(ALIGN_DOWN(start, SPAN), ALIGN_UP(floor, SPAN)) < last)
		vm_tables_prune(s, start, end, floor, ceiling);
}

static int unmap_locked(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *r;
	int err;

	r = vm_region_next(s, start);
	if (!r || r->start >= end)
		return 0;
	err = vm_region_cut(s, start);
	if (!err)
		err = vm_region_cut(s, end);
	if (err)
		return err;
	while ((r = vm_region_next(s, start)) && r->start < end) {
		vm_region_unlink(s, r);
		vm_count_region(s, r, -1);
		if (r->flags & VM_ACCOUNT)
			vm_uncommit((r->end - r->start) >> PAGE_SHIFT);
		vm_clear_range(s, r->start, r->end, true);
		vm_region_doom(s, r);
	}
	tables_unneeded(s, start, end, r);
	return 0;
}

int vm_unmap(struct vm_space *s, u64 address, u64 length)
{
	int err;

	length = ALIGN_UP(length, PAGE_SIZE);
	if (!length || !IS_ALIGNED(address, PAGE_SIZE) || !user_range_ok(address, length))
		return -EINVAL;
	mutex_lock(&s->lock);
	err = unmap_locked(s, address, address + length);
	vm_unlock(s);
	return err;
}

/* ---- mapping ---- */

static bool range_free(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *r = vm_region_next(s, start);

	return !r || end <= r->start - (r->flags & VM_GROWSDOWN ? MIN(STACK_GAP, r->start) : 0);
}

static u64 pages_mapped(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *r;
	u64 pages = 0;

	for (u64 at = start; at < end && (r = vm_region_next(s, at)) && r->start < end; at = r->end)
		pages += (MIN(end, r->end) - MAX(start, r->start)) >> PAGE_SHIFT;
	return pages;
}

/* The highest free range of that length below mmap_base, or anywhere above if there is none; 0: no room. */
static u64 gap_find(struct vm_space *s, u64 length)
{
	u64 top = s->mmap_base;
	struct vm_region *r = vm_region_next(s, top ? top - 1 : 0);
	struct rb_node *n;

	/* r contains top - 1 or lies above; walk downwards from it. */
	n = r ? &r->node : rb_last(&s->regions);
	for (; n; n = rb_prev(n)) {
		r = rb_entry(n, struct vm_region, node);
		if (r->end <= top && top - r->end >= length)
			return top - length;
		if (r->start < top)
			top = r->start - (r->flags & VM_GROWSDOWN ? MIN(STACK_GAP, r->start) : 0);
	}
	if (top >= MAP_LOWEST && top - MAP_LOWEST >= length)
		return top - length;

	for (top = s->mmap_base; top + length < USER_TOP; top = r->end) {
		r = vm_region_next(s, top);
		if (!r || top + length + STACK_GAP <= r->start)
			return top;
	}
	return 0;
}

/* May so many pages more with these flags come in? 0, -ENOMEM, -EAGAIN (RLIMIT_MEMLOCK). */
static int limits_check(struct vm_space *s, u64 pages, u32 flags)
{
	if (s->pages_total + pages > s->as_limit >> PAGE_SHIFT)
		return -ENOMEM;
	if (vm_region_is_data(flags) && s->pages_data + pages > s->data_limit >> PAGE_SHIFT)
		return -ENOMEM;
	if (unlikely(flags & VM_LOCKED) && s->pages_locked + pages > s->lock_limit >> PAGE_SHIFT)
		return -EAGAIN;
	return 0;
}

/* A new region, or its neighbour made longer. [lock] held, the range is free. Takes references of its own. from: whose
 * entries will be moved to it, or NULL. */
static int region_add(struct vm_space *s, u64 start, u64 end, u32 flags, struct vm_object *object, u64 offset,
		      struct file *file, struct vm_region *from)
{
	struct vm_region *r;
	u64 pages = (end - start) >> PAGE_SHIFT;

	if (s->region_count >= vm_regions_max)
		return -ENOMEM;
	if (flags_accountable(flags)) {
		if (vm_commit(pages))
			return -ENOMEM;
		flags |= VM_ACCOUNT;
	}
	r = vm_region_new();
	if (!r) {
		if (flags & VM_ACCOUNT)
			vm_uncommit(pages);
		return -ENOMEM;
	}
	r->start = start;
	r->end = end;
	r->flags = flags;
	r->object = object;
	r->offset = offset;
	r->file = file;
	if (object)
		vm_object_get(object);
	if (file)
		vm_file_ops.get(file);
	vm_count_region(s, r, 1);
	vm_region_insert(s, r, from);
	vm_region_merge(s, r);
	return 0;
}

s64 vm_map(struct vm_space *s, u64 address, u64 length, u32 flags, bool fixed, bool noreplace,
	   struct vm_object *object, u64 offset, struct file *file)
{
	s64 err;

	if (!length)
		return -EINVAL;
	if (length > USER_TOP)
		return -ENOMEM;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (!IS_ALIGNED(address, PAGE_SIZE)) {
		if (fixed)
			return -EINVAL;
		address = ALIGN_DOWN(address, PAGE_SIZE);
	}
	if (fixed) {
		if (!user_range_ok(address, length))
			return -ENOMEM;
		if (address < MAP_LOWEST)
			return -EPERM;
	}
	mutex_lock(&s->lock);
	flags |= s->lock_future;
	if (fixed) {
		u64 replaced = pages_mapped(s, address, address + length);

		/* What is to be replaced stays if the new can't come. */
		err = noreplace && replaced ? -EEXIST : limits_check(s, (length >> PAGE_SHIFT) - replaced, flags);
		if (!err)
			err = unmap_locked(s, address, address + length);
		if (err)
			goto out;
	} else if (address < MAP_LOWEST || !user_range_ok(address, length + PAGE_SIZE) ||
		   !range_free(s, address, address + length)) {
		err = -ENOMEM;
		address = gap_find(s, length);
		if (!address)
			goto out;
	}
	err = fixed ? 0 : limits_check(s, length >> PAGE_SHIFT, flags);
	if (!err)
		err = region_add(s, address, address + length, flags, object, offset, file, NULL);
	if (!err)
		err = address;
out:
	vm_unlock(s);
	return err;
}

/* ---- brk ---- */

u64 vm_brk(struct vm_space *s, u64 brk)
{
	u64 old_end, new_end, now;
	struct vm_region *r;
	u32 flags;

	mutex_lock(&s->lock);
	flags = VM_READ | VM_WRITE | VM_MAYWRITE | VM_HEAP | s->lock_future;
	if (brk < s->brk_start || !user_range_ok(brk, PAGE_SIZE) || brk - s->brk_start > s->data_limit)
		goto out;
	old_end = ALIGN_UP(s->brk, PAGE_SIZE);
	new_end = ALIGN_UP(brk, PAGE_SIZE);
	if (new_end < old_end) {
		if (unmap_locked(s, new_end, old_end))
			goto out;
	} else if (new_end > old_end) {
		r = vm_region_next(s, old_end);
		if (r && new_end + PAGE_SIZE > r->start - (r->flags & VM_GROWSDOWN ? MIN(STACK_GAP, r->start) : 0))
			goto out;
		if (limits_check(s, (new_end - old_end) >> PAGE_SHIFT, flags) ||
		    region_add(s, old_end, new_end, flags, NULL, 0, NULL, NULL))
			goto out;
	}
	s->brk = brk;
out:
	now = s->brk;
	vm_unlock(s);
	return now;
}

/* ---- mremap ---- */

/* Move the entries of [from, from+length) to [to, ...): the tables first, so that nothing fails half way. */
static int entries_move(struct vm_space *s, u64 from, u64 to, u64 length)
{
	struct vm_leaf leaf;
	u64 va = from;

	while (vm_leaf_next(s, va, from + length, &leaf)) {
		/* The entries of one table may land in two. */
		if (!vm_pte_make(s, leaf.va - from + to) || !vm_pte_make(s, leaf.end - PAGE_SIZE - from + to))
			return -ENOMEM;
		va = leaf.end;
	}
	va = from;
	while (vm_leaf_next(s, va, from + length, &leaf)) {
		for (u64 a = leaf.va, *pte = leaf.pte; a < leaf.end; a += PAGE_SIZE, pte++) {
			u64 e = *pte;

			if (!e)
				continue;
			pte_set_quick(pte, 0);
			pte_set_quick(vm_pte_find(s, a - from + to), e);
		}
		va = leaf.end;
	}
	vm_flush_space(s);
	return 0;
}

static s64 remap_move(struct vm_space *s, struct vm_region *r, u64 address, u64 old_length, u64 new_length, bool keep,
		      u64 to)
{
	u32 flags = r->flags & ~(VM_ACCOUNT | VM_GROWSDOWN);
	struct vm_object *object = r->object;
	struct file *file = r->file;
	u64 offset = r->offset + (address - r->start);
	s64 err;

	/* A shared mapping that is doubled (old_length 0) stays whole. */
	err = old_length ? vm_region_cut(s, address) : 0;
	if (!err && old_length)
		err = vm_region_cut(s, address + old_length);
	if (!err) {
		/* What moves counts once for RLIMIT_AS and RLIMIT_DATA. */
		u64 goes = keep ? 0 : old_length >> PAGE_SHIFT, data = vm_region_is_data(flags) ? goes : 0;

		s->pages_total -= goes;
		s->pages_data -= data;
		err = region_add(s, to, to + new_length, flags, object, offset, file, vm_region_find(s, address));
		s->pages_total += goes;
		s->pages_data += data;
	}
	if (err)
		return err;
	err = entries_move(s, address, to, MIN(old_length, new_length));
	if (err) {
		unmap_locked(s, to, to + new_length);
		return err;
	}
	if (!keep && old_length) {
		unmap_locked(s, address, address + old_length);
	} else if (keep && (r = vm_region_find(s, address))) {
		vm_count_region(s, r, -1);	/* what is left there is empty, and not locked */
		r->flags &= ~VM_LOCK_BITS;
		vm_count_region(s, r, 1);
	}
	return to;
}

/* The place asked for, emptied: 0, -errno. */
static int remap_target(struct vm_space *s, u64 address, u64 old_length, u64 new_length, u64 to)
{
	if (!IS_ALIGNED(to, PAGE_SIZE) || !user_range_ok(to, new_length) ||
	    (to < address + old_length && address < to + new_length))
		return -EINVAL;
	return to < MAP_LOWEST ? -EPERM : unmap_locked(s, to, to + new_length);
}

/* Room behind r: make it longer there. The address, or -errno; -EEXIST: no room. */
static s64 remap_grow(struct vm_space *s, struct vm_region *r, u64 address, u64 new_length)
{
	struct vm_region *after = vm_region_after(r);
	int err;

	if (!user_range_ok(address, new_length + PAGE_SIZE) || (r->flags & VM_GROWSDOWN) ||
	    (after && !range_free(s, r->end, address + new_length)))
		return -EEXIST;
	err = region_add(s, r->end, address + new_length, r->flags & ~VM_ACCOUNT, r->object,
			 r->offset + (r->end - r->start), r->file, NULL);
	return err ? err : (s64)address;
}

static s64 remap_locked(struct vm_space *s, u64 address, u64 old_length, u64 new_length, u32 how, u64 new_address)
{
	bool moves = how & (VM_REMAP_FIXED | VM_REMAP_KEEP);
	u64 more = new_length > old_length ? new_length - old_length : 0;
	struct vm_region *r;
	s64 err;

	if (how & VM_REMAP_FIXED) {
		err = remap_target(s, address, old_length, new_length, new_address);
		if (err)
			return err;
		/* What will not be moved goes first, so that limits see the least. */
		if (new_length < old_length) {
			err = unmap_locked(s, address + new_length, address + old_length);
			if (err)
				return err;
			old_length = new_length;
		}
	}
	r = vm_region_find(s, address);
	if (!r)
		return -EFAULT;
	if (!old_length && !(r->flags & VM_SHARED))
		return -EINVAL;
	if (!moves && new_length <= old_length) {
		err = new_length < old_length ? unmap_locked(s, address + new_length, address + old_length) : 0;
		return err ? err : (s64)address;
	}
	if (r->end < address + old_length)
		return -EFAULT;
	err = limits_check(s, (how & VM_REMAP_KEEP ? new_length : more) >> PAGE_SHIFT, r->flags);
	if (err)
		return err;
	if (!moves && old_length && r->end == address + old_length) {
		err = remap_grow(s, r, address, new_length);
		if (err != -EEXIST)
			return err;
	}
	if (!(how & (VM_REMAP_MOVE | VM_REMAP_FIXED)))
		return -ENOMEM;
	if (!(how & VM_REMAP_FIXED)) {
		new_address = gap_find(s, new_length);
		if (!new_address)
			return -ENOMEM;
	}
	return remap_move(s, r, address, old_length, new_length, how & VM_REMAP_KEEP, new_address);
}

s64 vm_remap(struct vm_space *s, u64 address, u64 old_length, u64 new_length, u32 remap_flags, u64 new_address)
{
	s64 r;

	if (!IS_ALIGNED(address, PAGE_SIZE) || !new_length || new_length > USER_TOP ||
	    !user_range_ok(address, ALIGN_UP(MIN(old_length, USER_TOP), PAGE_SIZE)))
		return -EINVAL;
	mutex_lock(&s->lock);
	r = remap_locked(s, address, ALIGN_UP(old_length, PAGE_SIZE), ALIGN_UP(new_length, PAGE_SIZE), remap_flags,
		new_address);
	vm_unlock(s);
	return r;
}
