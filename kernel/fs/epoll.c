/*
 * epoll(7). An epoll keeps an item for each file that it watches, with a
 * waiter on the file's wait queues; a wake-up there puts the item on the ready
 * list, any context. epoll_wait walks that list alone, asks each file what is
 * ready now, and leaves level-triggered items on it: they leave it when they
 * are found not ready. So a wait costs what is ready, not what is watched.
 *
 * Locks: ep->lock (mutex) items and the walk; ready_lock (irq kind) the ready
 * list; links_lock (global mutex) the lists at the files, and nesting. Order:
 * ep->lock, links_lock; a source's queue lock, ready_lock.
 *
 * An item doesn't keep its file: closing the last reference of a file takes
 * its items away (epoll_file_closed) before the file's own release.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/rbtree.h"
#include "fs/epoll.h"
#include "fs/init.h"
#include "fs/poll_events.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "sched/user.h"

#define NEST_MAX	4u		/* epolls in epolls */
#define ALWAYS		(EPOLLERR | EPOLLHUP)
#define OPTIONS		(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)
#define EXCLUSIVE_OK	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define BATCH		16u

struct epoll {
	u32 refs;			/* the file, and closers at work [a] */
	struct mutex lock;		/* [e] */
	struct spinlock ready_lock;	/* [r] */
	struct list_node ready;		/* item.ready_node, first come first [r] */
	struct wait_queue wait;		/* epoll_wait sleeps here, pollers queue here */
	struct rb_root items;		/* by file and descriptor [e] */
	struct file *file;		/* our own [S] */
	u32 uid;			/* whom its items count for [S] */
	u32 height;			/* epolls below us, deepest [links_lock] */
};

struct source {
	struct waiter waiter;		/* [queue's lock] */
	struct wait_queue *queue;
	struct item *item;
	struct source *next;		/* [e] */
};

struct item {
	struct rb_node node;		/* [e] */
	struct list_node ready_node;	/* [r] */
	bool queued;			/* on the ready list [r] */
	u32 fd;				/* [S] */
	u32 events;			/* asked for, with options [e]; wake reads it without */
	u64 data;			/* [e] */
	struct file *file;		/* [S]; alive while we are on its list */
	struct epoll *ep;		/* [S] */
	struct list_node file_node;	/* file.epolls [links_lock] */
	struct source first;		/* nearly every file has one queue */
};

static const struct file_ops epoll_ops;
static struct mutex links_lock = MUTEX_INIT(links_lock, "epoll links");
static struct slab_cache *item_cache;
u32 epoll_user_watches;

void epoll_init(void)
{
	struct page_counts c;

	item_cache = slab_cache_create("epoll_item", sizeof(struct item), 0);
	page_counts_get(&c);
	epoll_user_watches = c.managed * PAGE_SIZE / 25 / sizeof(struct item);	/* of memory, as on Linux */
}

static void item_free(struct item *it)
{
	user_release(it->ep->uid, USER_WATCHES, 1);
	slab_free(item_cache, it);
}

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_ops;
}

static void epoll_put(struct epoll *ep)
{
	if (ref_put(&ep->refs))
		kfree(ep);
}

/* On the ready list, and wake who waits. Any context. True if somebody was there to be woken. */
static bool item_ready(struct item *it)
{
	struct epoll *ep = it->ep;
	u64 flags = spin_lock_irqsave(&ep->ready_lock);
	bool fresh = !it->queued;

	if (fresh) {
		it->queued = true;
		list_push_back(&ep->ready, &it->ready_node);
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	if (!fresh)
		return false;
	atomic_fence();		/* the list before the look for sleepers: pairs with wait_prepare */
	if (!wait_queue_active(&ep->wait))
		return false;
	wait_wake_events(&ep->wait, EPOLLIN | EPOLLRDNORM, false);
	return true;
}

/* A watched file's queue is woken. Its lock is held; any context. */
static bool source_wake(struct waiter *w, u32 events)
{
	struct item *it = container_of(w, struct source, waiter)->item;
	u32 wanted = READ_ONCE(it->events);

	if (events && !(events & wanted))
		return false;
	if (!(wanted & ~(u32)OPTIONS))
		return false;		/* a one-shot that has fired */
	return item_ready(it);
}

struct item_table {
	struct poll_table table;
	struct item *item;
	bool failed;
};

static void source_queue(struct poll_table *t, struct wait_queue *q)
{
	struct item_table *it = container_of(t, struct item_table, table);
	struct source *s = &it->item->first;

	if (s->queue) {
		s = kmalloc(sizeof(*s));
		if (!s) {
			it->failed = true;
			return;
		}
		s->next = it->item->first.next;
		it->item->first.next = s;
	}
	s->item = it->item;
	s->queue = q;
	s->waiter = (struct waiter){ .wake = source_wake, .exclusive = it->item->events & EPOLLEXCLUSIVE };
	list_init(&s->waiter.node);
	waiter_add(q, &s->waiter);
}

static inline int item_order(const struct file *file, u32 fd, const struct item *it)
{
	if (file != it->file)
		return file < it->file ? -1 : 1;
	return fd < it->fd ? -1 : fd > it->fd;
}

/* [e] */
static struct item *item_find(struct epoll *ep, const struct file *file, u32 fd)
{
	struct rb_node *n = ep->items.node;

	while (n) {
		struct item *it = rb_entry(n, struct item, node);
		int c = item_order(file, fd, it);

		if (!c)
			return it;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

static void item_insert(struct epoll *ep, struct item *it)
{
	struct rb_node **link = &ep->items.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item_order(it->file, it->fd, rb_entry(parent, struct item, node)) < 0 ?
			&parent->left : &parent->right;
	}
	rb_insert_at(&ep->items, &it->node, parent, link);
}

/*
 * Forget an item. Off the queues first: once it is off the file's list the
 * file may go. [e]
 */
static void item_remove(struct item *it)
{
	struct epoll *ep = it->ep;
	struct source *s;
	u64 flags;

	if (it->first.queue)
		waiter_remove(it->first.queue, &it->first.waiter);
	while ((s = it->first.next)) {
		it->first.next = s->next;
		waiter_remove(s->queue, &s->waiter);
		kfree(s);
	}
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_remove(&it->ready_node);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	rb_remove(&ep->items, &it->node);
	mutex_lock(&links_lock);
	list_remove(&it->file_node);
	mutex_unlock(&links_lock);
	item_free(it);
}

void epoll_file_closed(struct file *f)
{
	for (;;) {
		struct item *it = NULL;
		struct epoll *ep;
		u32 fd;

		mutex_lock(&links_lock);
		if (list_empty(&f->epolls)) {
			mutex_unlock(&links_lock);
			return;
		}
		it = list_first(&f->epolls, struct item, file_node);
		ep = it->ep;
		fd = it->fd;
		ref_get(&ep->refs);	/* an epoll goes after the last of its items */
		mutex_unlock(&links_lock);

		mutex_lock(&ep->lock);
		it = item_find(ep, f, fd);
		if (it)
			item_remove(it);
		mutex_unlock(&ep->lock);
		epoll_put(ep);
	}
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;
	struct rb_node *n;

	mutex_lock(&ep->lock);
	while ((n = ep->items.node))
		item_remove(rb_entry(n, struct item, node));
	mutex_unlock(&ep->lock);
	epoll_put(ep);
}

/* What the item's file has now of what is asked for. [e] */
static inline u32 item_events(struct item *it)
{
	return file_poll(it->file, NULL) & it->events & ~(u32)OPTIONS;
}

/* Asked of an epoll that is watched itself: an item that is no longer ready leaves the list here as in a wait. */
static u32 epoll_poll(struct file *f, struct poll_table *t)
{
	struct epoll *ep = f->priv;
	u32 events = 0;

	poll_wait(t, &ep->wait);
	if (list_empty(&ep->ready))
		return 0;
	/* Somebody who walks the list is about to take what is ready; then the list itself is the answer. */
	if (!mutex_trylock(&ep->lock))
		return EPOLLIN | EPOLLRDNORM;
	while (!events) {
		u64 flags = spin_lock_irqsave(&ep->ready_lock);
		struct item *it = NULL;

		if (!list_empty(&ep->ready)) {
			it = list_first(&ep->ready, struct item, ready_node);
			list_remove(&it->ready_node);
			it->queued = false;
		}
		spin_unlock_irqrestore(&ep->ready_lock, flags);
		if (!it)
			break;
		if (item_events(it)) {
			events = EPOLLIN | EPOLLRDNORM;
			flags = spin_lock_irqsave(&ep->ready_lock);
			if (!it->queued) {
				it->queued = true;
				list_push_front(&ep->ready, &it->ready_node);
			}
			spin_unlock_irqrestore(&ep->ready_lock, flags);
		}
	}
	mutex_unlock(&ep->lock);
	return events;
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.kind = "anon_inode:[eventpoll]",
};

struct file *epoll_new(void)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	struct file *f;

	if (!ep)
		return NULL;
	ep->refs = 1;
	ep->uid = current()->cred->uid;
	mutex_init(&ep->lock, "epoll");
	spin_init(&ep->ready_lock, "epoll ready");
	list_init(&ep->ready);
	wait_queue_init(&ep->wait, "epoll wait");
	f = file_new_anonymous(&epoll_ops, ep, 2 /* O_RDWR */);
	if (f)
		ep->file = f;
	else
		kfree(ep);
	return f;
}

/*
 * How many epolls are above ep (those that watch it, and so on), at most
 * limit + 1; limit + 1 also when target is among them. [links_lock]
 */
static u32 nesting_above(const struct epoll *ep, const struct epoll *target, u32 limit)
{
	struct item *it;
	u32 most = 0;

	if (ep == target)
		return limit + 1;
	list_for_each(it, &ep->file->epolls, file_node) {
		u32 n = limit ? 1 + nesting_above(it->ep, target, limit - 1) : 1;

		if (n > limit)
			return limit + 1;
		most = MAX(most, n);
	}
	return most;
}

/* The wait queue of an epoll is woken under that of one below it: to the lock checker a class for each height. */
static void wait_class_set(struct epoll *ep, u32 height)
{
#ifdef CONFIG_LOCKCHECK
	static struct lock_class classes[NEST_MAX + 1] = { [0 ... NEST_MAX] = { .name = "epoll wait, nested" } };

	ep->wait.lock.class = &classes[height];
#endif
}

static void height_raise(struct epoll *ep, u32 height)
{
	struct item *it;

	if (ep->height >= height)
		return;
	ep->height = height;
	wait_class_set(ep, height);
	list_for_each(it, &ep->file->epolls, file_node)
		height_raise(it->ep, height + 1);
}

/* Link a new item to its file, unless that would make a circle or too deep a nest. [e] */
static int item_link(struct item *it)
{
	struct epoll *below = file_is_epoll(it->file) ? it->file->priv : NULL;
	int err = 0;

	mutex_lock(&links_lock);
	if (below) {
		if (nesting_above(it->ep, below, NEST_MAX) + 1 + below->height > NEST_MAX)
			err = -ELOOP;
		else
			height_raise(it->ep, below->height + 1);
	}
	if (!err)
		list_push_back(&it->file->epolls, &it->file_node);
	mutex_unlock(&links_lock);
	return err;
}

/* [e] */
static int item_add(struct epoll *ep, struct file *file, u32 fd, const struct epoll_event *ev)
{
	struct item_table t = { .table.queue = source_queue };
	u32 limit = READ_ONCE(epoll_user_watches), now;
	struct item *it;
	int err;

	if (!user_charge(ep->uid, USER_WATCHES, 1, limit))
		return user_has(ep->uid, USER_WATCHES) >= limit ? -ENOSPC : -ENOMEM;
	it = slab_zalloc(item_cache);
	if (!it) {
		user_release(ep->uid, USER_WATCHES, 1);
		return -ENOMEM;
	}
	it->fd = fd;
	it->file = file;
	it->ep = ep;
	it->events = ev->events | ALWAYS;
	it->data = ev->data;
	list_init(&it->ready_node);
	list_init(&it->file_node);
	err = item_link(it);
	if (err) {
		item_free(it);
		return err;
	}
	item_insert(ep, it);
	t.item = it;
	now = file_poll(file, &t.table) & it->events & ~(u32)OPTIONS;
	if (t.failed) {
		item_remove(it);
		return -ENOMEM;
	}
	if (now)
		item_ready(it);
	return 0;
}

int epoll_control(struct file *ep_file, int op, struct file *target, u32 fd, const struct epoll_event *ev)
{
	struct epoll *ep = ep_file->priv;
	struct item *it;
	int err = 0;

	if (!file_is_epoll(ep_file) || ep_file == target)
		return -EINVAL;
	if (!target->ops->poll)
		return -EPERM;
	if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || file_is_epoll(target) || (ev->events & ~(u32)EXCLUSIVE_OK)))
		return -EINVAL;
	mutex_lock(&ep->lock);
	it = item_find(ep, target, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		err = it ? -EEXIST : item_add(ep, target, fd, ev);
		break;
	case EPOLL_CTL_DEL:
		if (it)
			item_remove(it);
		else
			err = -ENOENT;
		break;
	case EPOLL_CTL_MOD:
		if (!it) {
			err = -ENOENT;
		} else if (it->events & EPOLLEXCLUSIVE) {
			err = -EINVAL;
		} else {
			WRITE_ONCE(it->events, ev->events | ALWAYS);
			it->data = ev->data;
			/* The new wish before the look: a wake-up meanwhile uses the one or is seen by the other. */
			atomic_fence();
			if (item_events(it))
				item_ready(it);
		}
		break;
	default:
		err = -EINVAL;
	}
	mutex_unlock(&ep->lock);
	return err;
}

/* Take the first item off the ready list, unless it is the one that this walk put there. */
static struct item *ready_take(struct epoll *ep, const struct item *stop)
{
	u64 flags = spin_lock_irqsave(&ep->ready_lock);
	struct item *it = NULL;

	if (!list_empty(&ep->ready)) {
		it = list_first(&ep->ready, struct item, ready_node);
		if (it == stop) {
			it = NULL;
		} else {
			list_remove(&it->ready_node);
			it->queued = false;
		}
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return it;
}

/* Back at the end of the list; false if a wake-up put it there already. */
static bool ready_again(struct epoll *ep, struct item *it)
{
	u64 flags = spin_lock_irqsave(&ep->ready_lock);
	bool fresh = !it->queued;

	if (fresh) {
		it->queued = true;
		list_push_back(&ep->ready, &it->ready_node);
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return fresh;
}

/* One walk over what is ready: events copied out, or -EFAULT. */
static s64 events_take(struct epoll *ep, u64 to, u32 max)
{
	struct epoll_event batch[BATCH];
	struct item *it, *stop = NULL;
	u32 n = 0, done = 0;
	s64 err = 0;

	mutex_lock(&ep->lock);
	while (done + n < max && (it = ready_take(ep, stop))) {
		u32 now = item_events(it);

		if (!now)
			continue;
		batch[n].events = now;
		batch[n].data = it->data;
		n++;
		if (it->events & EPOLLONESHOT)
			WRITE_ONCE(it->events, it->events & OPTIONS);
		else if (!(it->events & EPOLLET) && ready_again(ep, it) && !stop)
			stop = it;
		if (n == BATCH) {
			if (copy_to_user(to + done * sizeof(batch[0]), batch, sizeof(batch))) {
				err = -EFAULT;
				n = 0;
				break;
			}
			done += n;
			n = 0;
		}
	}
	if (n) {
		if (copy_to_user(to + done * sizeof(batch[0]), batch, n * sizeof(batch[0])))
			err = -EFAULT;
		else
			done += n;
	}
	mutex_unlock(&ep->lock);
	return done ? done : err;
}

s64 epoll_wait(struct file *f, u64 events, u32 max, u64 deadline)
{
	struct epoll *ep = f->priv;
	s64 n;
	int err;

	for (;;) {
		if (!list_empty(&ep->ready)) {
			n = events_take(ep, events, max);
			if (n) {
				/* More than this waiter took: the next one's turn. */
				if (!list_empty(&ep->ready) && wait_queue_active(&ep->wait))
					wait_wake_events(&ep->wait, EPOLLIN | EPOLLRDNORM, false);
				return n;
			}
		}
		if (!deadline)
			return 0;
		err = wait_event_exclusive(&ep->wait, !list_empty(&ep->ready), deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err == -ERESTARTSYS ? -EINTR : err;
	}
}
