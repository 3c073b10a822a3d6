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
#include "dev/device.h"
#include "fs/flock.h"
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "mm/slab.h"
#include "sched/pid.h"

#define DEADLOCK_STEPS	64u

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
	struct vnode *vnode;		/* whose they are [S] */
	struct list_node node;		/* of all_locks [lock] */
};

/* Who sleeps for a lock; on its stack. */
struct lock_sleeper {
	struct lock_sleeper *next;	/* [lock] */
	struct lock wanted;
	const struct vnode_locks *in;
	const void *holder;		/* whose lock is in its way [lock] */
	const struct lock *blocker;	/* that lock; NULL: it may be no more, and we are woken [lock] */
};

static struct mutex lock = MUTEX_INIT(lock, "file locks");
static u64 changes;			/* locks that went, ever: what waiters look at [a] */
static struct list_node all_locks = LIST_INIT(all_locks);	/* vnodes that have, or had, locks [lock] */
static struct lock_sleeper *sleepers;		/* [lock] */

/* The vnode's list, made at the first lock. [lock]; NULL: no memory */
static struct vnode_locks *locks_of(struct vnode *v)
{
	struct vnode_locks *l = v->locks;

	if (!l) {
		l = kzalloc(sizeof(*l));
		if (!l)
			return NULL;
		wait_queue_init(&l->wait, "file locks wait");
		l->vnode = v;
		list_push_back(&all_locks, &l->node);
		atomic_store(&v->locks, (void *)l);
	}
	return l;
}

void flock_vnode_gone(struct vnode *v)
{
	struct vnode_locks *l = v->locks;

	if (!l)
		return;
	mutex_lock(&lock);
	list_remove(&l->node);
	mutex_unlock(&lock);
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
	for (struct lock_sleeper *s = sleepers; s; s = s->next)
		if (s->in == l)
			s->blocker = NULL;
	atomic_add(&changes, 1);
	wait_wake_all(&l->wait);
}

/* Take the owner's locks out of [start, end]: those inside go, those across are cut. spare: for one cut in two.
 * [lock] */
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

/* Locks of a process go round in circles; those of an open file it may well share with itself. */
static bool is_of_process(const struct lock *k)
{
	return !k->whole && k->pid != -1;
}

/*
 * Would an owner that sleeps for holder's lock wait for itself, through others that sleep (EDEADLK, fcntl(2))? Each
 * waits for one; of an owner whose threads wait for several, one is followed, and only so far. [lock]
 */
static bool is_deadlock(const void *owner, const void *holder)
{
	for (u32 steps = 0; holder != owner; steps++) {
		const struct lock_sleeper *w = sleepers;

		while (w && (w->wanted.owner != holder || !is_of_process(&w->wanted)))
			w = w->next;
		if (!w || steps == DEADLOCK_STEPS)
			return false;
		holder = w->holder;
	}
	return true;
}

static void sleeper_remove(struct lock_sleeper *me)
{
	struct lock_sleeper **link = &sleepers;

	while (*link != me)
		link = &(*link)->next;
	*link = me->next;
}

/* Sleep until a lock of l goes, for k is in the way. [lock], dropped meanwhile. 0, -ERESTARTSYS, -EDEADLK. */
static int lock_wait(struct vnode_locks *l, const struct lock *wanted, const struct lock *k)
{
	struct lock_sleeper me = { sleepers, *wanted, l, k->owner, k };
	u64 seen = atomic_load(&changes);
	int err;

	if (is_of_process(wanted) && is_deadlock(wanted->owner, k->owner))
		return -EDEADLK;
	sleepers = &me;
	mutex_unlock(&lock);
	err = wait_event_interruptible(&l->wait, atomic_load(&changes) != seen);
	mutex_lock(&lock);
	sleeper_remove(&me);
	return err;
}

static int lock_set(struct file *f, const void *owner, bool whole, const struct flock_range *r, bool wait)
{
	const struct lock wanted = { NULL, owner, whole, r->type == F_WRLCK, r->pid, r->start, r->end };
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
	while (l && !err && r->type != F_UNLCK) {
		const struct lock *k = conflict(l, owner, whole, wanted.exclusive, r->start, r->end);

		if (!k)
			break;
		err = wait ? lock_wait(l, &wanted, k) : -EAGAIN;
	}
	if (!l)
		err = -ENOLCK;
	if (!err) {
		range_clear(l, owner, whole, r->start, r->end, &spare);
		if (fresh) {
			*fresh = wanted;
			fresh->next = l->first;
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

/* ---- /proc/locks, proc(5) ---- */

static void lock_show(struct text_out *t, const struct vnode_locks *l, const struct lock *k, u32 n, const char *arrow)
{
	text_printf(t, "%u: %s%s  ADVISORY  %s %d 00:%02x:%llu %llu ", n, arrow,
		    k->whole ? "FLOCK" : k->pid == -1 ? "OFDLCK" : "POSIX", k->exclusive ? "WRITE" : "READ ",
		    k->pid, l->vnode->sb->dev, (unsigned long long)l->vnode->ino, (unsigned long long)k->start);
	if (k->end >= INT64_MAX)
		text_printf(t, "EOF\n");
	else
		text_printf(t, "%llu\n", (unsigned long long)k->end);
}

/* Each lock, and under it who waits for it. */
static void locks_show(struct text_out *t)
{
	struct vnode_locks *l;
	u32 n = 0;

	mutex_lock(&lock);
	list_for_each(l, &all_locks, node)
		for (const struct lock *k = l->first; k; k = k->next) {
			lock_show(t, l, k, ++n, "");
			for (const struct lock_sleeper *s = sleepers; s; s = s->next)
				if (s->blocker == k)
					lock_show(t, l, &s->wanted, n, "-> ");
		}
	mutex_unlock(&lock);
}

static int locks_init(void)
{
	return proc_register_file("locks", locks_show);
}
INIT(locks, INIT_PROC, locks_init);
