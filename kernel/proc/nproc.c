/*
 * The counts of nproc.h: a record for each user id that has anything running, found by a hash.
 */
#include "proc/nproc.h"
#include "mm/slab.h"

struct user {
	struct user *next;
	u32 uid, count;
};

static struct user *users[64];		/* [pids_lock] */

/* Where the record of uid is linked, or would be. */
static struct user **find(u32 uid)
{
	struct user **u = &users[uid % ARRAY_SIZE(users)];

	while (*u && (*u)->uid != uid)
		u = &(*u)->next;
	return u;
}

bool nproc_reached_locked(u32 uid, u64 limit)
{
	struct user *u = *find(uid);

	return (u ? u->count : 0) >= limit;
}

bool nproc_add_locked(u32 uid, u64 limit)
{
	struct user **at = find(uid);

	if (nproc_reached_locked(uid, limit))
		return false;
	if (!*at) {
		*at = kzalloc(sizeof(**at));
		if (!*at)
			return false;
		(*at)->uid = uid;
	}
	(*at)->count++;
	return true;
}

void nproc_drop_locked(u32 uid)
{
	struct user **at = find(uid), *u = *at;

	if (--u->count)
		return;
	*at = u->next;
	kfree(u);
}
