/*
 * Objects and the regions that map them. An object that loses pages (a file
 * that is truncated, a hole that is punched) takes them out of every space
 * through the list of its regions.
 *
 * Regions come and go under their space's lock, which is taken before the
 * object's; a walk over the list needs them the other way round. So it looks
 * at one region at a time: it finds the next under the object's lock, pins
 * the space, lets go, locks the space, and looks whether the region is still
 * the next. A cursor in the list marks how far it is, and each region knows
 * the last walk that has been there. Whoever comes in front of the cursor
 * can't have a page that must go:
 *
 *   a new region      starts empty, and its faults find what the object is now
 *   one that takes    entries over from another (cut off, moved, forked) comes
 *   entries over      right behind that one: it is visited if the other is
 *   a joined region   goes to the end if one of its parts was not visited yet
 */
#include "vm/internal.h"

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops)
{
	*o = (struct vm_object){ .ops = ops };
	spin_init(&o->lock, "vm_object");
	list_init(&o->regions);
}

void vm_object_put(struct vm_object *o)
{
	u64 committed = o->committed;

	if (ref_put(&o->refs)) {
		vm_uncommit(committed);
		o->ops->release(o);
	}
}

void vm_region_list(struct vm_region *r, struct vm_region *from)
{
	struct vm_object *o = r->object;

	spin_lock(&o->lock);
	r->seen = from ? from->seen : o->walk;
	list_push_front(from ? &from->object_node : &o->regions, &r->object_node);
	spin_unlock(&o->lock);
}

void vm_region_unlist(struct vm_region *r)
{
	spin_lock(&r->object->lock);
	list_remove(&r->object_node);
	spin_unlock(&r->object->lock);
}

void vm_region_list_join(struct vm_region *low, struct vm_region *high)
{
	struct vm_object *o = low->object;

	spin_lock(&o->lock);
	list_remove(&high->object_node);
	if (low->seen != o->walk || high->seen != o->walk) {
		low->seen = o->walk - 1;
		list_remove(&low->object_node);
		list_push_back(&o->regions, &low->object_node);
	}
	spin_unlock(&o->lock);
}

/* What r maps of the pages first to last. Its space's lock is held. */
static void region_unmap(struct vm_region *r, u64 first, u64 last, bool copies)
{
	u64 low = r->offset >> PAGE_SHIFT, high = low + ((r->end - r->start) >> PAGE_SHIFT), from, to;

	if (first >= high || last < low)
		return;
	from = r->start + ((MAX(first, low) - low) << PAGE_SHIFT);
	to = r->start + ((MIN(last, high - 1) + 1 - low) << PAGE_SHIFT);
	if (copies)
		vm_clear_range(r->space, from, to, true);
	else
		vm_clear_uncopied(r->space, from, to);
}

void vm_object_unmap(struct vm_object *o, u64 first, u64 last, bool copies)
{
	struct list_node cursor;

	spin_lock(&o->lock);
	if (list_empty(&o->regions)) {
		spin_unlock(&o->lock);
		return;
	}
	o->walk++;
	list_push_front(&o->regions, &cursor);
	while (cursor.next != &o->regions) {
		struct vm_region *r = list_entry(cursor.next, struct vm_region, object_node);
		struct vm_space *s = r->space;

		vm_space_pin(s);
		spin_unlock(&o->lock);
		mutex_lock(&s->lock);
		spin_lock(&o->lock);
		/* Another region of that memory would be as good: only its space's lock matters. */
		if (cursor.next == &r->object_node && r->space == s) {
			r->seen = o->walk;
			list_remove(&cursor);
			list_push_front(&r->object_node, &cursor);
			spin_unlock(&o->lock);
			region_unmap(r, first, last, copies);
		} else {
			spin_unlock(&o->lock);
		}
		mutex_unlock(&s->lock);
		vm_space_unpin(s);
		spin_lock(&o->lock);
	}
	list_remove(&cursor);
	spin_unlock(&o->lock);
}

bool vm_object_is_writable(struct vm_object *o)
{
	bool found = false;
	struct vm_region *r;

	spin_lock(&o->lock);
	list_for_each(r, &o->regions, object_node)
		found |= (r->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
	spin_unlock(&o->lock);
	return found;
}
