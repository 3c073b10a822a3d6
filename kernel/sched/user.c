/*
 * The counts of user.h: a record for each user id that has anything, found by a hash.
 */
#include "sched/user.h"
#include "core/spinlock.h"
#include "mm/slab.h"

struct user {
	struct user *next;
	u32 uid;
	u64 count[USER_COUNTS];
};

static struct spinlock users_lock = SPINLOCK_INIT("users");	/* irq kind */
static struct user *users[64];		/* [users_lock] */

/* Where the record of uid is linked, or would be. */
static struct user **find(u32 uid)
{
	struct user **u = &users[uid % ARRAY_SIZE(users)];

	while (*u && (*u)->uid != uid)
		u = &(*u)->next;
	return u;
}

u64 user_has(u32 uid, enum user_count which)
{
	u64 flags = spin_lock_irqsave(&users_lock);
	struct user *u = *find(uid);
	u64 n = u ? u->count[which] : 0;

	spin_unlock_irqrestore(&users_lock, flags);
	return n;
}

bool user_charge(u32 uid, enum user_count which, u64 n, u64 limit)
{
	u64 flags = spin_lock_irqsave(&users_lock);
	struct user **at = find(uid), *u = *at;

	if (!u && limit) {
		*at = u = kzalloc(sizeof(*u));
		if (u)
			u->uid = uid;
	}
	if (u && u->count[which] >= limit)
		u = NULL;
	if (u)
		u->count[which] += n;
	spin_unlock_irqrestore(&users_lock, flags);
	return u;
}

void user_release(u32 uid, enum user_count which, u64 n)
{
	u64 flags = spin_lock_irqsave(&users_lock);
	struct user **at = find(uid), *u = *at;
	u64 left = 0;

	u->count[which] -= n;
	for (u32 i = 0; i < USER_COUNTS; i++)
		left |= u->count[i];
	if (!left)
		*at = u->next;
	spin_unlock_irqrestore(&users_lock, flags);
	if (!left)
		kfree(u);
}
