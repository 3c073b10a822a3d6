/*
 * poll(2) and select(2): one thread queued on the wait queues of several
 * files. The waiters for a few files are on the caller's stack; more come
 * from the heap. System calls build the items (sys/sys_poll.c).
 */
#include "base/errno.h"
#include "fs/poll_events.h"
#include "fs/poll_set.h"
#include "mm/slab.h"

#define STACK_ENTRIES	9u
#define CHUNK_ENTRIES	((PAGE_SIZE_HINT - sizeof(void *)) / sizeof(struct entry))
#define PAGE_SIZE_HINT	4096u

struct poller;

struct entry {
	struct waiter waiter;
	struct wait_queue *queue;
	struct poller *poller;
	u32 wanted;
};

struct chunk {
	struct chunk *next;
	struct entry entries[];
};

struct poller {
	struct poll_table table;
	u32 wanted;			/* of the item that is asked now */
	bool failed;
	u32 woken;			/* [a] */
	u32 used;			/* of the newest block */
	struct chunk *chunks;		/* newest first; NULL: first is in use */
	struct entry first[STACK_ENTRIES];
	u32 first_used;
	struct thread *thread;
};

static bool poller_wake(struct waiter *w, u32 events)
{
	struct entry *e = container_of(w, struct entry, waiter);

	if (events && !(events & e->wanted))
		return false;
	atomic_store(&e->poller->woken, 1u);
	return thread_wake(e->poller->thread);
}

static struct entry *entry_new(struct poller *p)
{
	struct chunk *c;

	if (p->first_used < STACK_ENTRIES)
		return &p->first[p->first_used++];
	if (!p->chunks || p->used == CHUNK_ENTRIES) {
		c = kmalloc(PAGE_SIZE_HINT);
		if (!c)
			return NULL;
		c->next = p->chunks;
		p->chunks = c;
		p->used = 0;
	}
	return &p->chunks->entries[p->used++];
}

static void poller_queue(struct poll_table *t, struct wait_queue *q)
{
	struct poller *p = container_of(t, struct poller, table);
	struct entry *e = entry_new(p);

	if (!e) {
		p->failed = true;
		return;
	}
	e->waiter = (struct waiter){ .thread = p->thread, .wake = poller_wake };
	list_init(&e->waiter.node);
	e->queue = q;
	e->poller = p;
	e->wanted = p->wanted;
	waiter_add(q, &e->waiter);
}

static void poller_end(struct poller *p)
{
	struct chunk *c;

	for (u32 i = 0; i < p->first_used; i++)
		waiter_remove(p->first[i].queue, &p->first[i].waiter);
	while ((c = p->chunks)) {
		for (u32 i = 0; i < p->used; i++)
			waiter_remove(c->entries[i].queue, &c->entries[i].waiter);
		p->chunks = c->next;
		p->used = CHUNK_ENTRIES;
		kfree(c);
	}
}

static u32 items_ask(struct poll_item *items, u32 n, struct poller *p)
{
	u32 count = 0;

	for (u32 i = 0; i < n; i++) {
		struct poll_item *it = &items[i];
		u32 wanted = it->wanted | EPOLLERR | EPOLLHUP;

		if (!it->ref.file) {
			count += it->ready != 0;	/* POLLNVAL, set by the caller */
			continue;
		}
		p->wanted = wanted;
		it->ready = file_poll(it->ref.file, p->table.queue ? &p->table : NULL) & wanted;
		if (it->ready) {
			count++;
			p->table.queue = NULL;	/* nobody will sleep: no need to queue on the rest */
		}
	}
	return count;
}

int poll_items(struct poll_item *items, u32 n, u64 deadline)
{
	struct poller p;
	int r;

	p.table.queue = deadline ? poller_queue : NULL;
	p.failed = false;
	p.woken = 0;
	p.used = p.first_used = 0;
	p.chunks = NULL;
	p.thread = current();
	for (;;) {
		r = items_ask(items, n, &p);
		if (p.failed && !r)
			r = -ENOMEM;
		if (r || !deadline)
			break;
		p.table.queue = NULL;
		thread_set_state(THREAD_SLEEPING);
		/* Set by a waker before it wakes: a wake-up since the asking is seen here or ends the sleep. */
		r = atomic_xchg(&p.woken, 0u) ? 0 : wait_sleep(THREAD_SLEEPING, deadline);
		thread_set_state(THREAD_RUNNABLE);
		if (r == -ETIMEDOUT) {
			deadline = 0;	/* one more look: what came at the last moment counts */
			r = 0;
		} else if (r) {
			r = items_ask(items, n, &p);
			if (!r)
				r = -ERESTARTNOHAND;
			break;
		}
	}
	poller_end(&p);
	return r;
}
