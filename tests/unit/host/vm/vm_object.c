/*
 * Objects that nothing maps: what fs/ asks of vm/vm_object.c.
 */
#include "vm/vm_object.h"

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops)
{
	*o = (struct vm_object){ .ops = ops };
}

void vm_object_put(struct vm_object *o)
{
	if (ref_put(&o->refs))
		o->ops->release(o);
}

void vm_object_unmap(struct vm_object *o, u64 first, u64 last, bool copies)
{
}

bool vm_object_is_writable(struct vm_object *o)
{
	return false;
}
