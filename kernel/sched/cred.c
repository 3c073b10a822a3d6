/*
 * Credentials: made by copying, changed before they are published, shared from
 * then on. sys_cred.c makes changes, every permission check reads.
 */
#include "sched/cred.h"
#include "base/string.h"
#include "mm/slab.h"

struct cred cred_root = { .refs = 1, .cap_effective = CRED_CAPS_ALL, .cap_permitted = CRED_CAPS_ALL,
	.cap_bounding = CRED_CAPS_ALL };

void cred_put(const struct cred *c)
{
	struct cred *own = (struct cred *)c;

	if (!c || !ref_put(&own->refs))
		return;
	kfree(own->groups);
	kfree(own);
}

struct cred *cred_copy(const struct cred *c)
{
	struct cred *n = kmalloc(sizeof(*n));

	if (!n)
		return NULL;
	*n = *c;
	n->refs = 1;
	if (c->group_count) {
		n->groups = kmalloc(c->group_count * sizeof(u32));
		if (!n->groups) {
			kfree(n);
			return NULL;
		}
		memcpy(n->groups, c->groups, c->group_count * sizeof(u32));
	}
	return n;
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	u32 low = 0, high = c->group_count;

	if (c->fsgid == gid)
		return true;
	while (low < high) {
		u32 mid = (low + high) / 2;

		if (c->groups[mid] == gid)
			return true;
		if (c->groups[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
