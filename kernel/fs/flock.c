/*
 * Advisory locks, flock(2) and fcntl(2). The locks of a file hang on its vnode
 * (on the open file for things without one nobody else can find: there they
 * are refused). Whole-file locks belong to an open file; record locks to a
 * process, which is its descriptor table, or to an open file (OFD).
 *
 * One mutex guards all lock lists: they are short and changed seldom.
 */
#include <linux/fcntl.h>
#include "base/errno.h"
#include "fs/flock.h"
#include "fs/vnode.h"
#include "mm/slab.h"
#include "sched/pid.h"

struct lock {
	struct lock *next;
	const void *owner;		/* struct file or struct fd_table */
	bool whole, exclusive;		/* flock(2), or a record lock; a write lock */
	s32 pid;
	u64 start, end;			/* of record locks, inclusive */
};

struct vnode_locks {
	struct lock *first;		/* [lock] */
	struct wait_queue wait;		/* for a lock to go */
};

static struct mutex lock = MUTEX_INIT(lock, "file locks");
static u64 changes;			/* locks that went, ever: what waiters look at [a] */

/* The vnode's list, made at the first lock. [lock]; NULL: no memory */
static struct vnode_locks *locks_of(struct vnode *v)
{
	struct vnode_locks *l = v->locks;

	if (!l) {
		l = kzalloc(sizeof(*l));
		if (!l)
			return NULL;
		wait_queue_init(&l->wait, "file locks wait");
		atomic_store(&v->locks, (void *)l);
	}
	return l;
}

void flock_vnode_gone(struct vnode *v)
{
	struct vnode_locks *l = v->locks;

	if (!l)
		return;
	while (l->first) {
		struct lock *k = l->first;

		l->first = k->next;
		kfree(k);
	}
	kfree(l);
	v->locks = NULL;
}

/* Somebody else's lock in the way. [lock] */
static struct lock *conflict(struct vnode_locks *l, const void *owner, bool whole, bool exclusive, u64 start, u64 end)
{
	struct lock *k;

	for (k = l->first; k; k = k->next)
		if (k->whole == whole && k->owner != owner && (exclusive || k->exclusive) &&
		    k->start <= end && start <= k->end)
			return k;
	return NULL;
}

static void locks_changed(struct vnode_locks *l)
{
	atomic_add(&changes, 1);
	wait_wake_all(&l->wait);
}

/* Take the owner's locks out of [start, end]: those inside go, those across are cut. spare: for one cut in two. [lock] */
static void range_clear(struct vnode_locks *l, const void *owner, bool whole, u64 start, u64 end, struct lock **spare)
{
	struct lock **link = &l->first, *k;

	while ((k = *link)) {
		if (k->owner != owner || k->whole != whole || k->start > end || k->end < start) {
			link = &k->next;
		} else if (k->start < start && k->end > end && *spare) {
			**spare = *k;
			(*spare)->start = end + 1;
			k->end = start - 1;
			k->next = *spare;
			*spare = NULL;
			return;
		} else if (k->start < start) {
			k->end = start - 1;
			link = &k->next;
		} else if (k->end > end) {
			k->start = end + 1;
			link = &k->next;
		} else {
			*link = k->next;
			kfree(k);
		}
	}
}

static int lock_set(struct file *f, const void *owner, bool whole, const struct flock_range *r, bool wait)
{
	struct lock *fresh = NULL, *spare = NULL;
	struct vnode_locks *l;
	int err = 0;

	if (!f->vnode)
		return -EINVAL;
	if (r->type != F_UNLCK) {
		fresh = kmalloc(sizeof(*fresh));
		if (!fresh)
			return -ENOLCK;
	}
	spare = kmalloc(sizeof(*spare));
	if (!spare) {
		kfree(fresh);
		return -ENOLCK;
	}
	mutex_lock(&lock);
	l = locks_of(f->vnode);
	while (l && r->type != F_UNLCK && conflict(l, owner, whole, r->type == F_WRLCK, r->start, r->end)) {
		u64 seen = atomic_load(&changes);

		if (!wait) {
			err = -EAGAIN;
			break;
		}
		mutex_unlock(&lock);
		err = wait_event_interruptible(&l->wait, atomic_load(&changes) != seen);
		mutex_lock(&lock);
		if (err)
			break;
	}
	if (!l)
		err = -ENOLCK;
	if (!err) {
		range_clear(l, owner, whole, r->start, r->end, &spare);
		if (fresh) {
			*fresh = (struct lock){ l->first, owner, whole, r->type == F_WRLCK, r->pid, r->start, r->end };
			l->first = fresh;
			fresh = NULL;
		}
		locks_changed(l);
	}
	mutex_unlock(&lock);
	kfree(fresh);
	kfree(spare);
	return err;
}

int flock_whole(struct file *f, int op)
{
	struct flock_range r = { .end = ~0ull, .pid = pid_current() };
	int err;

	switch (op & ~LOCK_NB) {
	case LOCK_SH: r.type = F_RDLCK; break;
	case LOCK_EX: r.type = F_WRLCK; break;
	case LOCK_UN: r.type = F_UNLCK; break;
	default: return -EINVAL;
	}
	err = lock_set(f, f, true, &r, !(op & LOCK_NB));
	return err == -EAGAIN ? -EWOULDBLOCK : err;
}

int flock_range_set(struct file *f, const void *owner, const struct flock_range *r, bool wait)
{
	if ((r->type == F_RDLCK && !file_readable(f)) || (r->type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	return lock_set(f, owner, false, r, wait);
}

void flock_range_test(struct file *f, const void *owner, struct flock_range *r)
{
	struct vnode_locks *l;
	struct lock *k = NULL;

	mutex_lock(&lock);
	l = f->vnode ? f->vnode->locks : NULL;
	if (l)
		k = conflict(l, owner, false, r->type == F_WRLCK, r->start, r->end);
	if (k)
		*r = (struct flock_range){ k->exclusive ? F_WRLCK : F_RDLCK, k->start, k->end, k->pid };
	else
		r->type = F_UNLCK;
	mutex_unlock(&lock);
}

static void owner_clear(struct vnode *v, const void *owner, bool both)
{
	struct vnode_locks *l;
	struct lock *none = NULL;

	mutex_lock(&lock);
	l = v->locks;
	if (l && l->first) {
		range_clear(l, owner, false, 0, ~0ull, &none);
		if (both)
			range_clear(l, owner, true, 0, ~0ull, &none);
		locks_changed(l);
	}
	mutex_unlock(&lock);
}

void flock_owner_closed(struct file *f, const void *owner)
{
	owner_clear(f->vnode, owner, false);
}

void flock_file_closed(struct file *f)
{
	owner_clear(f->vnode, f, true);
}
