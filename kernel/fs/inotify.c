/*
 * inotify(7). An instance is a file with a queue of events and a list of
 * watches; a watch hangs on its vnode too, where events find it. A watch keeps
 * the vnode's memory, not the thing: when the last name and the last use are
 * gone, dentry_put says so, and the watch ends.
 *
 * One lock guards all watches and queues: it is taken only when there are
 * watches at all. Called by the system calls and by everything that happens to
 * files (file.c, open.c, names.c).
 */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "fs/poll_events.h"
#include "fs/text.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define KEPT_BITS	(IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)

struct event {
	struct list_node node;
	struct inotify_event head;	/* as the program reads it; len with padding */
	char name[];			/* zeros up to len */
};

struct watch {
	struct watch *next;		/* on the vnode, or among the dead [lock] */
	struct list_node node;		/* in the instance [lock] */
	struct inotify *owner;
	struct vnode *v;		/* referenced */
	s32 wd;
	u32 mask;			/* KEPT_BITS and IN_UNMOUNT [lock] */
};

struct inotify {
	struct list_node node;		/* all instances [lock] */
	struct list_node events, watches;	/* [lock] */
	u32 event_count, watch_count;	/* [lock] */
	u32 bytes;			/* of the events as they are read [lock] */
	s32 last_wd;			/* [lock] */
	u32 uid;			/* whose it is, for the limits [S] */
	struct event *overflow;		/* set aside for when the queue is full; NULL: it is queued [lock] */
	struct wait_queue wait;
};

u32 inotify_watches;
u32 inotify_max_events = 16384, inotify_max_instances = 128, inotify_max_watches = 65536;

static struct spinlock lock = SPINLOCK_INIT("inotify");		/* thread kind */
static struct list_node instances = LIST_INIT(instances);	/* [lock] */
static u32 last_cookie;						/* [a] */

u32 inotify_cookie(void)
{
	return atomic_add_relaxed(&last_cookie, 1);
}

static void enqueue(struct inotify *i, struct event *e)
{
	list_push_back(&i->events, &e->node);
	i->event_count++;
	i->bytes += sizeof(e->head) + e->head.len;
	wait_wake_events(&i->wait, EPOLLIN | EPOLLRDNORM, false);
}

static struct event *event_new(s32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
	u32 padded = len ? ALIGN_UP(len + 1, (u32)sizeof(struct inotify_event)) : 0;
	struct event *e = kzalloc(sizeof(*e) + padded);

	if (e) {
		e->head.wd = wd;
		e->head.mask = mask;
		e->head.cookie = cookie;
		e->head.len = padded;
		memcpy(e->name, name, len);
	}
	return e;
}

/* Does the event say what the last one in the queue says already? [lock] held. */
static bool is_repeated(const struct inotify *i, s32 wd, u32 mask, const char *name, u32 len)
{
	const struct event *e;

	if (list_empty(&i->events) || (mask & IN_IGNORED))
		return false;
	e = list_entry(i->events.prev, struct event, node);
	return e->head.wd == wd && e->head.mask == mask && !e->head.len == !len &&
		(!len || (!memcmp(e->name, name, len) && !e->name[len]));
}

/* [lock] held. */
static void queue_event(struct inotify *i, s32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
	struct event *e;

	if (i->event_count < READ_ONCE(inotify_max_events)) {
		if (is_repeated(i, wd, mask, name, len))
			return;
		e = event_new(wd, mask, cookie, name, len);
	} else {
		e = NULL;
	}
	if (!e) {
		/* An event is lost: that is told once. */
		e = i->overflow;
		i->overflow = NULL;
	}
	if (e)
		enqueue(i, e);
}

/* Off its vnode and its instance, with the event that says so; onto *dead. [lock] held. */
static void watch_end(struct watch *w, struct watch **dead)
{
	struct watch **link = (struct watch **)&w->v->watches;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	list_remove(&w->node);
	w->owner->watch_count--;
	atomic_sub(&inotify_watches, 1);
	queue_event(w->owner, w->wd, IN_IGNORED, 0, NULL, 0);
	w->next = *dead;
	*dead = w;
}

/* No lock held: the last reference of a vnode may go. */
static void bury(struct watch *dead)
{
	while (dead) {
		struct watch *next = dead->next;

		vnode_put(dead->v);
		kfree(dead);
		dead = next;
	}
}

/* [lock] held. unlinked: what it happened to has lost its name. */
static void tell_watches(struct vnode *v, u32 mask, u32 cookie, const char *name, u32 len, bool unlinked,
			 struct watch **dead)
{
	struct watch *w, *next;

	for (w = v->watches; w; w = next) {
		next = w->next;
		if (!(mask & w->mask & (IN_ALL_EVENTS | IN_UNMOUNT)) || (unlinked && (w->mask & IN_EXCL_UNLINK)))
			continue;
		queue_event(w->owner, w->wd, mask, cookie, name, len);
		if (w->mask & IN_ONESHOT)
			watch_end(w, dead);
	}
}

void inotify_tell(struct dentry *d, u32 event)
{
	struct vnode *v = d->vnode, *dir = NULL;
	char name[NAME_MAX_LEN + 1];
	struct watch *dead = NULL;
	bool unlinked;
	u32 len = 0;

	if (S_ISDIR(v->mode))
		event |= IN_ISDIR;
	spin_lock(&dentry_lock);
	unlinked = d->flags & DENTRY_DEAD;
	if (d->parent != d && d->parent->vnode->watches) {
		dir = d->parent->vnode;
		vnode_get(dir);
		len = d->name_len;
		memcpy(name, d->name, len);
	}
	spin_unlock(&dentry_lock);
	spin_lock(&lock);
	if (dir)
		tell_watches(dir, event, 0, name, len, unlinked, &dead);
	tell_watches(v, event, 0, NULL, 0, unlinked, &dead);
	spin_unlock(&lock);
	bury(dead);
	vnode_put(dir);
}

void inotify_tell_name(struct vnode *dir, const struct path_last *name, u32 event, u32 cookie)
{
	struct watch *dead = NULL;

	spin_lock(&lock);
	tell_watches(dir, event, cookie, name->name, name->len, false, &dead);
	spin_unlock(&lock);
	bury(dead);
}

void inotify_tell_self(struct vnode *v, u32 event)
{
	struct watch *dead = NULL;

	spin_lock(&lock);
	tell_watches(v, event, 0, NULL, 0, false, &dead);
	spin_unlock(&lock);
	bury(dead);
}

void inotify_dentry_gone(struct dentry *d)
{
	struct vnode *v = d->vnode;
	struct watch *dead = NULL;
	u32 event = !v->nlink ? IN_DELETE_SELF :
		!atomic_load(&d->sb->refs) ? IN_UNMOUNT | (S_ISDIR(v->mode) ? IN_ISDIR : 0) : 0;

	if (!event)
		return;
	spin_lock(&lock);
	tell_watches(v, event, 0, NULL, 0, false, &dead);
	while (v->watches)
		watch_end(v->watches, &dead);
	spin_unlock(&lock);
	bury(dead);
}

/* ---- watches ---- */

/* How many instances (watches: how many watches) a user has. [lock] held. */
static u32 user_count(u32 uid, bool watches)
{
	struct inotify *i;
	u32 n = 0;

	list_for_each(i, &instances, node)
		if (i->uid == uid)
			n += watches ? i->watch_count : 1;
	return n;
}

s64 inotify_add(struct file *f, const struct path *p, u32 mask)
{
	struct watch *fresh = kzalloc(sizeof(*fresh)), *w;
	u32 bits = IN_UNMOUNT | (mask & KEPT_BITS);
	struct vnode *v = p->dentry->vnode;
	struct inotify *i = f->priv;
	s64 r;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&lock);
	for (w = v->watches; w && w->owner != i; w = w->next)
		;
	if (w && (mask & IN_MASK_CREATE)) {
		r = -EEXIST;
	} else if (w) {
		w->mask = mask & IN_MASK_ADD ? w->mask | bits : bits;
		r = w->wd;
	} else if (user_count(i->uid, true) >= READ_ONCE(inotify_max_watches) || i->last_wd == 0x7fffffff) {
		r = -ENOSPC;
	} else {
		vnode_get(v);
		*fresh = (struct watch){ .next = v->watches, .owner = i, .v = v, .wd = ++i->last_wd, .mask = bits };
		v->watches = fresh;
		list_push_back(&i->watches, &fresh->node);
		i->watch_count++;
		atomic_add(&inotify_watches, 1);
		r = fresh->wd;
		fresh = NULL;
	}
	spin_unlock(&lock);
	kfree(fresh);
	return r;
}

s64 inotify_remove(struct file *f, s32 wd)
{
	struct inotify *i = f->priv;
	struct watch *w, *dead = NULL;

	spin_lock(&lock);
	list_for_each(w, &i->watches, node) {
		if (w->wd == wd) {
			watch_end(w, &dead);
			break;
		}
	}
	spin_unlock(&lock);
	if (!dead)
		return -EINVAL;
	bury(dead);
	return 0;
}

/* ---- the instance as a file ---- */

/* The first event, off the queue, if it fits; NULL otherwise, *some: there is one. */
static struct event *event_take(struct inotify *i, size_t room, bool *some)
{
	struct event *e = NULL;

	spin_lock(&lock);
	*some = !list_empty(&i->events);
	if (*some) {
		e = list_first(&i->events, struct event, node);
		if (sizeof(e->head) + e->head.len <= room) {
			list_remove(&e->node);
			i->event_count--;
			i->bytes -= sizeof(e->head) + e->head.len;
		} else {
			e = NULL;
		}
	}
	spin_unlock(&lock);
	return e;
}

/* What was read: freed, or set aside again. */
static void event_done(struct inotify *i, struct event *e)
{
	if (e->head.mask & IN_Q_OVERFLOW) {
		spin_lock(&lock);
		i->overflow = e;
		spin_unlock(&lock);
	} else {
		kfree(e);
	}
}

static s64 inotify_read(struct file *f, struct uio *u, u64 *pos)
{
	struct inotify *i = f->priv;
	struct event *e;
	s64 done = 0;
	bool some;
	int err;

	for (;;) {
		e = event_take(i, u->left, &some);
		if (e) {
			err = uio_put(u, &e->head, sizeof(e->head) + e->head.len);
			done += sizeof(e->head) + e->head.len;
			event_done(i, e);
			if (err)
				return err;
			continue;
		}
		if (done || some)
			return done ? done : -EINVAL;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&i->wait, READ_ONCE(i->event_count));
		if (err)
			return err;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *t)
{
	struct inotify *i = f->priv;

	poll_wait(t, &i->wait);
	return READ_ONCE(i->event_count) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	return cmd == FIONREAD ? put_user_u32(arg, READ_ONCE(((struct inotify *)f->priv)->bytes)) : -ENOTTY;
}

static void inotify_show(struct file *f, struct text_out *t)
{
	struct inotify *i = f->priv;
	struct watch *w;

	spin_lock(&lock);
	list_for_each(w, &i->watches, node)
		text_printf(t, "inotify wd:%x ino:%llx sdev:%x mask:%x ignored_mask:0\n", w->wd,
			    (unsigned long long)w->v->ino, w->v->sb->dev, w->mask & KEPT_BITS);
	spin_unlock(&lock);
}

static void inotify_release(struct file *f)
{
	struct inotify *i = f->priv;
	struct watch *dead = NULL;
	struct list_node *n;

	spin_lock(&lock);
	while (!list_empty(&i->watches))
		watch_end(list_first(&i->watches, struct watch, node), &dead);
	list_remove(&i->node);
	spin_unlock(&lock);
	bury(dead);
	while ((n = list_pop_front(&i->events)))
		kfree(list_entry(n, struct event, node));
	kfree(i->overflow);
	kfree(i);
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show = inotify_show,
	.kind = "anon_inode:inotify",
};

bool inotify_is(const struct file *f)
{
	return f->ops == &inotify_ops;
}

struct file *inotify_new(u32 flags)
{
	struct inotify *i = kzalloc(sizeof(*i));
	struct file *f = NULL;
	bool too_many;

	if (i)
		i->overflow = event_new(-1, IN_Q_OVERFLOW, 0, NULL, 0);
	if (i && i->overflow)
		f = file_new_anonymous(&inotify_ops, i, O_RDONLY | flags);
	if (!f) {
		if (i)
			kfree(i->overflow);
		kfree(i);
		return err_ptr(file_none());
	}
	list_init(&i->events);
	list_init(&i->watches);
	wait_queue_init(&i->wait, "inotify");
	i->uid = current()->cred->uid;
	spin_lock(&lock);
	too_many = user_count(i->uid, false) >= READ_ONCE(inotify_max_instances);
	list_push_back(&instances, &i->node);
	spin_unlock(&lock);
	if (!too_many)
		return f;
	file_put(f);
	return err_ptr(-EMFILE);
}
