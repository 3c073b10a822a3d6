/*
 * Address spaces and their regions: made, copied at fork, ended. proc/ makes
 * and drops them, vm_map.c and vm_fault.c work on them, asid.c puts them
 * in front of a CPU.
 *
 * A fork copies the regions and those entries that are present; both sides
 * then read the same frames, and the first write copies (vm_fault.c). A file's
 * pages that nobody changed are left out where there are many: the child finds
 * them in the object again.
 */
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "vm/internal.h"

#define FORK_COPY_MAX	(4ul << 20)	/* bytes of an object's mapping whose entries are worth copying */

struct vm_file_ops vm_file_ops;
struct page *vm_zero_page;
static struct slab_cache *region_cache;

void vm_init(void)
{
	region_cache = slab_cache_create("vm_region", sizeof(struct vm_region), 0);
	vm_zero_page = page_alloc(0, PA_ZERO);
	asid_init();
}

/* ---- regions ---- */

struct vm_region *vm_region_new(void)
{
	return slab_zalloc(region_cache);
}

void vm_region_free(struct vm_region *r)
{
	if (r->object)
		vm_object_put(r->object);
	if (r->file)
		vm_file_ops.put(r->file);
	slab_free(region_cache, r);
}

void vm_region_insert(struct vm_space *s, struct vm_region *r, struct vm_region *from)
{
	struct rb_node **link = &s->regions.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = r->start < rb_entry(parent, struct vm_region, node)->start ? &parent->left : &parent->right;
	}
	rb_insert_at(&s->regions, &r->node, parent, link);
	s->region_count++;
	r->space = s;
	if (r->object)
		vm_region_list(r, from);
}

void vm_region_unlink(struct vm_space *s, struct vm_region *r)
{
	if (s->last == r)
		s->last = NULL;
	rb_remove(&s->regions, &r->node);
	s->region_count--;
}

void vm_region_doom(struct vm_space *s, struct vm_region *r)
{
	if (r->object)
		vm_region_unlist(r);
	r->next_doomed = s->doomed;
	s->doomed = r;
}

void vm_regions_free(struct vm_region *r)
{
	while (r) {
		struct vm_region *next = r->next_doomed;

		vm_region_free(r);
		r = next;
	}
}

struct vm_region *vm_region_next(struct vm_space *s, u64 address)
{
	struct vm_region *best = s->last;
	struct rb_node *n = s->regions.node;

	if (best && address >= best->start && address < best->end)
		return best;
	best = NULL;
	while (n) {
		struct vm_region *r = rb_entry(n, struct vm_region, node);

		if (address < r->end) {
			best = r;
			if (address >= r->start) {
				s->last = r;
				break;
			}
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct vm_region *vm_region_find(struct vm_space *s, u64 address)
{
	struct vm_region *r = vm_region_next(s, address);

	return r && r->start <= address ? r : NULL;
}

struct vm_region *vm_region_after(struct vm_region *r)
{
	struct rb_node *n = rb_next(&r->node);

	return n ? rb_entry(n, struct vm_region, node) : NULL;
}

struct vm_region *vm_region_before(struct vm_region *r)
{
	struct rb_node *n = rb_prev(&r->node);

	return n ? rb_entry(n, struct vm_region, node) : NULL;
}

int vm_region_split(struct vm_space *s, struct vm_region *r, u64 address)
{
	struct vm_region *high = s->region_count < vm_regions_max ? vm_region_new() : NULL;

	if (!high)
		return -ENOMEM;
	high->start = address;
	high->end = r->end;
	high->flags = r->flags;
	high->object = r->object;
	high->offset = r->offset + (address - r->start);
	high->file = r->file;
	if (high->object)
		vm_object_get(high->object);
	if (high->file)
		vm_file_ops.get(high->file);
	r->end = address;
	vm_region_insert(s, high, r);
	return 0;
}

static bool region_continues(const struct vm_region *low, const struct vm_region *high)
{
	return low->end == high->start && !((low->flags ^ high->flags) & ~VM_ANON) && low->object == high->object &&
	       low->file == high->file && !(low->flags & VM_GROWSDOWN) &&
	       (!low->object || low->offset + (low->end - low->start) == high->offset);
}

/* high becomes a part of low. */
static void region_join(struct vm_space *s, struct vm_region *low, struct vm_region *high)
{
	if (low->object)
		vm_region_list_join(low, high);
	vm_region_unlink(s, high);
	low->end = high->end;
	low->flags |= high->flags & VM_ANON;
	vm_region_free(high);	/* not the last user of its object and file */
}

struct vm_region *vm_region_merge(struct vm_space *s, struct vm_region *r)
{
	struct vm_region *other = vm_region_before(r);

	if (other && region_continues(other, r)) {
		region_join(s, other, r);
		r = other;
	}
	other = vm_region_after(r);
	if (other && region_continues(r, other))
		region_join(s, r, other);
	return r;
}

/* Keep the sums of /proc/PID/status. */
void vm_count_region(struct vm_space *s, struct vm_region *r, s64 sign)
{
	s64 pages = sign * (s64)((r->end - r->start) >> PAGE_SHIFT);

	s->pages_total += pages;
	if (r->flags & VM_STACK)
		s->pages_stack += pages;
	else if (r->flags & VM_EXEC)
		s->pages_exec += pages;
	else if ((r->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		s->pages_data += pages;
	if (r->flags & VM_LOCKED)
		s->pages_locked += pages;
	if (r->flags & VM_ACCOUNT)
		s->pages_committed += pages;
}

/* ---- spaces ---- */

struct vm_space *vm_space_new(void)
{
	struct vm_space *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	if (!vm_tables_start(s)) {
		kfree(s);
		return NULL;
	}
	s->refs = 1;
	s->pins = 1;
	mutex_init(&s->lock, "vm_space");
	s->stack_limit = s->data_limit = s->as_limit = s->lock_limit = ~0ull;
	return s;
}

void vm_space_get(struct vm_space *s)
{
	ref_get(&s->refs);
}

void vm_space_put(struct vm_space *s)
{
	struct rb_node *n;

	if (!ref_put(&s->refs))
		return;
	/*
	 * Nobody runs on it any more and its identifier is not used again before a flush: no TLB work. The lock is for a
	 * truncation that finds the space through an object.
	 */
	mutex_lock(&s->lock);
	while ((n = s->regions.node)) {
		struct vm_region *r = rb_entry(n, struct vm_region, node);

		vm_clear_range(s, r->start, r->end, false);
		rb_remove(&s->regions, n);
		vm_region_doom(s, r);
	}
	vm_uncommit(s->pages_committed);
	vm_tables_free(s);
	vm_unlock(s);
	vm_space_unpin(s);
}

/* Share the present pages of r with the child, read-only on both sides when they are private. 1 if an entry of `from`
 * changed. */
static int fork_copy_entries(struct vm_space *from, struct vm_space *to, struct vm_region *r)
{
	bool changed = false, private_map = !(r->flags & VM_SHARED);
	u64 start = r->start;
	struct vm_leaf leaf;

	while (vm_leaf_next(from, start, r->end, &leaf)) {
		u64 *dst = NULL;

		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++) {
			u64 e = *pte;

			if (!e)
				continue;
			if (!dst) {
				dst = vm_pte_make(to, leaf.va);
				if (!dst)
					return -ENOMEM;
			}
			if (private_map && pte_writable(e)) {
				e |= PTE_AP_RO;
				pte_set_quick(pte, e);
				changed = true;
			}
			if (!(e & PTE_NOPAGE))
				page_get(phys_to_page(pte_pa(e)));
			pte_set_quick(dst + (pte - leaf.pte), e);
			to->pages_rss++;
		}
		start = leaf.end;
	}
	return changed;
}

static int fork_region(struct vm_space *from, struct vm_space *to, struct vm_region *r)
{
	struct vm_region *c;

	if (r->flags & VM_DONTFORK)
		return 0;
	if ((r->flags & VM_ACCOUNT) && vm_commit((r->end - r->start) >> PAGE_SHIFT))
		return -ENOMEM;
	c = vm_region_new();
	if (!c) {
		if (r->flags & VM_ACCOUNT)
			vm_uncommit((r->end - r->start) >> PAGE_SHIFT);
		return -ENOMEM;
	}
	c->start = r->start;
	c->end = r->end;
	c->flags = r->flags & ~VM_LOCK_BITS;
	c->object = r->object;
	c->offset = r->offset;
	c->file = r->file;
	if (c->object)
		vm_object_get(c->object);
	if (c->file)
		vm_file_ops.get(c->file);
	vm_region_insert(to, c, r);
	vm_count_region(to, c, 1);
	if (r->flags & VM_WIPEONFORK)
		return 0;
	if (r->object && !(r->flags & VM_ANON) && r->end - r->start > FORK_COPY_MAX)
		return 0;
	return fork_copy_entries(from, to, r);
}

struct vm_space *vm_space_fork(struct vm_space *from)
{
	struct vm_space *to = vm_space_new();
	bool flush = false;
	int r = 0;

	if (!to)
		return NULL;
	mutex_lock(&from->lock);
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->mmap_base = from->mmap_base;
	to->stack_top = from->stack_top;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	memcpy(to->auxv, from->auxv, from->auxv_count * sizeof(to->auxv[0]));
	to->auxv_count = from->auxv_count;
	to->stack_limit = from->stack_limit;
	to->data_limit = from->data_limit;
	to->as_limit = from->as_limit;
	to->vdso = from->vdso;
	for (struct rb_node *n = rb_first(&from->regions); n && r >= 0; n = rb_next(n)) {
		r = fork_region(from, to, rb_entry(n, struct vm_region, node));
		flush |= r == 1;
	}
	if (flush)
		vm_flush_space(from);
	mutex_unlock(&from->lock);
	pte_sync();	/* the child's entries are seen by the CPU that runs it */
	to->rss_peak = to->pages_rss;
	if (r < 0) {
		vm_space_put(to);
		return NULL;
	}
	return to;
}
