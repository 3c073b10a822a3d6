/*
 * Pipes and fifos, pipe(7): bytes in a ring of pages that are allocated when
 * bytes come and freed when they have been read, so that an idle pipe costs
 * only its structure.
 *
 * With O_DIRECT each write of up to PIPE_BUF bytes is a packet. It has a page to itself, which notes where it ends;
 * the rest of that page, and of one of bytes before it, is jumped over.
 *
 * A write of up to PIPE_BUF bytes is never split; readers and writers sleep
 * apart, each woken with the events that pollers ask for. Called by pipe2,
 * by open of a fifo, as file operations, and by splice.c, which moves bytes
 * between pipes and files that may block: it claims the reader's end or
 * reserves room for that time, so that no lock is held over it.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/init.h"
#include "fs/pipe.h"
#include "fs/poll_events.h"
#include "fs/tmpfs.h"
#include "fs/vnode.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "sched/signal.h"
#include "sched/user.h"

#define FIRST_PAGES	16u		/* 64 KiB, pipe(7) */
#define LEAST_PAGES	2u
#define NO_DELAY	(O_NONBLOCK)
#define PACKET		(1u << 16)	/* in a page's note, beside the offset where its bytes end; a note of 0: at its end */
#define ONE_PACKET	0		/* bytes that a writer waits for room for */

struct pipe {
	struct mutex lock;		/* all of it */
	u64 head, tail;			/* bytes ever written and read, and jumped over */
	u64 tail_mask;			/* of what the room is counted from: whole pages while pages have notes */
	u64 reserved;			/* room that a splice into it will fill */
	bool claimed;			/* a splice out of it is on: other readers wait */
	u32 page_count;			/* a power of two */
	u32 uid;			/* whom they count for [S] */
	struct page **pages;		/* by (position / PAGE_SIZE) % page_count; NULL: none yet */
	struct page *spare;		/* one page kept from the last read */
	u32 readers, writers;		/* opens of each end */
	u32 reader_opens, writer_opens;	/* ever, so that an opener sees one that came and went */
	struct wait_queue read_wait, write_wait;
	struct vnode *fifo;		/* whose pipe it is, or NULL [S], but see pipe_path */
	struct path again;		/* a nameless pipe's own fifo, once it was opened by /proc; NULLs */
	struct page *first_pages[FIRST_PAGES];
};

static const struct file_ops pipe_ops;
static struct slab_cache *cache;

u32 pipe_max_size = 1u << 20;
u32 pipe_user_pages = 16384;

/* How many pages the current thread's user may have in pipes. */
static u64 pages_limit(void)
{
	return current_capable(CAP_SYS_RESOURCE) || current_capable(CAP_SYS_ADMIN) || !READ_ONCE(pipe_user_pages) ? ~0ull :
		READ_ONCE(pipe_user_pages);
}

void pipe_init(void)
{
	cache = slab_cache_create("pipe", sizeof(struct pipe), 0);
}

static struct pipe *pipe_new(void)
{
	struct pipe *p = slab_zalloc(cache);

	if (!p)
		return NULL;
	mutex_init(&p->lock, "pipe");
	wait_queue_init(&p->read_wait, "pipe readers");
	wait_queue_init(&p->write_wait, "pipe writers");
	p->uid = current()->cred ? current()->cred->uid : 0;
	p->page_count = FIRST_PAGES;
	if (!user_charge(p->uid, USER_PIPE_PAGES, FIRST_PAGES, pages_limit())) {
		p->page_count = LEAST_PAGES;
		if (!user_charge(p->uid, USER_PIPE_PAGES, LEAST_PAGES, ~0ull)) {
			slab_free(cache, p);
			return NULL;
		}
	}
	p->pages = p->first_pages;
	p->tail_mask = ~0ull;
	return p;
}

static void pipe_free(struct pipe *p)
{
	user_release(p->uid, USER_PIPE_PAGES, p->page_count);
	for (u32 i = 0; i < p->page_count; i++)
		if (p->pages[i])
			page_put(p->pages[i]);
	if (p->spare)
		page_put(p->spare);
	if (p->pages != p->first_pages)
		kfree(p->pages);
	if (p->again.dentry)
		path_put(&p->again);
	slab_free(cache, p);
}

static inline u64 pipe_used(const struct pipe *p) { return READ_ONCE(p->head) - READ_ONCE(p->tail); }
static inline u64 pipe_capacity(const struct pipe *p) { return (u64)READ_ONCE(p->page_count) * PAGE_SIZE; }
static inline u64 pipe_room(const struct pipe *p)
{
	return pipe_capacity(p) - (READ_ONCE(p->head) - (READ_ONCE(p->tail) & READ_ONCE(p->tail_mask))) -
		READ_ONCE(p->reserved);
}

/* Room for want bytes, or for ONE_PACKET? */
static bool pipe_fits(const struct pipe *p, u64 want)
{
	if (want != ONE_PACKET)
		return pipe_room(p) >= want;
	return ALIGN_UP(READ_ONCE(p->head), PAGE_SIZE) + PAGE_SIZE + READ_ONCE(p->reserved) <=
	       ALIGN_DOWN(READ_ONCE(p->tail), PAGE_SIZE) + pipe_capacity(p);
}

static struct page **pipe_slot(struct pipe *p, u64 position)
{
	return &p->pages[position / PAGE_SIZE & (p->page_count - 1)];
}

static bool can_read(struct pipe *p)
{
	return !READ_ONCE(p->claimed) && (pipe_used(p) || !READ_ONCE(p->writers));
}

/*
 * Wait until there are bytes for a reader: 1; 0: none, and no writer, either;
 * or -errno. [lock] held on entry and return.
 */
static int read_wait(struct pipe *p, bool no_delay)
{
	int err;

	while (!pipe_used(p) || unlikely(p->claimed)) {
		if (!p->claimed && !p->writers)
			return 0;
		if (no_delay)
			return -EAGAIN;
		mutex_unlock(&p->lock);
		err = wait_event_interruptible(&p->read_wait, can_read(p));
		mutex_lock(&p->lock);
		if (err)
			return err;
	}
	return 1;
}

/* The bytes at a position that lie in one piece; *packet: they are (the rest of) one. */
static size_t front(struct pipe *p, u64 position, char **data, bool *packet)
{
	u64 offset = position & PAGE_MASK;
	struct page *page = *pipe_slot(p, position);
	u64 note = (u64)page->owner;

	*data = (char *)page_to_virt(page) + offset;
	*packet = note & PACKET;
	return unlikely(note) ? (note & ~(u64)PACKET) - offset : MIN(PAGE_SIZE - offset, p->head - position);
}

/*
 * n bytes of the first page have been read. The page is done with when the
 * pipe is empty (the next byte then begins a page), or when it is read to its
 * end, unless the writer has come round to its beginning already.
 */
static void consume(struct pipe *p, size_t n)
{
	struct page **slot = pipe_slot(p, p->tail);

	p->tail += n;
	if (unlikely((*slot)->owner) && !(((u64)(*slot)->owner ^ p->tail) & PAGE_MASK))
		p->tail = ALIGN_UP(p->tail, PAGE_SIZE);
	if (p->tail == p->head || (!(p->tail & PAGE_MASK) && p->head - (p->tail - PAGE_SIZE) <= pipe_capacity(p))) {
		if (p->tail == p->head) {
			p->head = p->tail = ALIGN_UP(p->tail, PAGE_SIZE);
			p->tail_mask = ~0ull;
		}
		if (p->spare)
			page_put(*slot);
		else
			p->spare = *slot;
		*slot = NULL;
	}
}

static void writers_wake(struct pipe *p)
{
	atomic_fence();		/* room before the look for sleepers: pairs with the queueing in wait_prepare */
	if (wait_queue_active(&p->write_wait))
		wait_wake_events(&p->write_wait, EPOLLOUT | EPOLLWRNORM, false);
}

static void readers_wake(struct pipe *p)
{
	atomic_fence();		/* bytes before the look for sleepers, likewise */
	if (wait_queue_active(&p->read_wait))
		wait_wake_events(&p->read_wait, EPOLLIN | EPOLLRDNORM, false);
}

/* packets: the reader gets one at most, and what it has no room for is gone. */
static s64 read_common(struct pipe *p, struct uio *u, bool no_delay, bool packets)
{
	bool packet = false;
	s64 done;
	int err;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	done = read_wait(p, no_delay);
	if (done <= 0) {
		mutex_unlock(&p->lock);
		return done;
	}
	done = 0;
	while (u->left && pipe_used(p) && !packet) {
		char *data;
		size_t have = front(p, p->tail, &data, &packet), n = MIN(have, u->left);

		packet &= packets;
		err = uio_put(u, data, n);
		if (err) {
			if (!done)
				done = err;
			break;
		}
		consume(p, unlikely(packet) ? have : n);
		done += n;
	}
	mutex_unlock(&p->lock);
	if (done > 0)
		writers_wake(p);
	return done;
}

s64 pipe_take(struct file *f, struct uio *u, bool no_delay)
{
	return read_common(f->priv, u, no_delay, false);
}

static s64 pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	return read_common(f->priv, u, f->flags & NO_DELAY, true);
}

/* A page for the slot that position lies in. 0, -ENOMEM. */
static int page_provide(struct pipe *p, u64 position)
{
	struct page **slot = pipe_slot(p, position);

	if (*slot)
		return 0;
	if (p->spare) {
		*slot = p->spare;
		p->spare = NULL;
	} else {
		*slot = page_alloc(0, PA_RECLAIM);
		if (!*slot)
			return -ENOMEM;
	}
	(*slot)->owner = NULL;
	return 0;
}

static bool can_write(struct pipe *p, u64 want)
{
	return pipe_fits(p, want) || !READ_ONCE(p->readers);
}

/* Bytes behind the last one, as many as u has and room is for: how many; *err says why no more. [lock] held. */
static s64 append(struct pipe *p, struct uio *u, u64 room, s64 *err)
{
	s64 done = 0;

	while (u->left && room) {
		u64 offset = p->head & PAGE_MASK;
		size_t n = MIN(MIN(u->left, PAGE_SIZE - offset), room);

		*err = page_provide(p, p->head);
		if (!*err)
			*err = uio_get(u, (char *)page_to_virt(*pipe_slot(p, p->head)) + offset, n);
		if (*err)
			break;
		p->head += n;
		done += n;
		room -= n;
	}
	return done;
}

/* Packets, as many as u has bytes and there is room for: bytes. [lock] held. */
static s64 append_packets(struct pipe *p, struct uio *u, s64 *err)
{
	s64 done = 0;

	while (u->left && pipe_fits(p, ONE_PACKET)) {
		u64 at = ALIGN_UP(p->head, PAGE_SIZE), n = MIN(u->left, (u64)PIPE_BUF);

		*err = page_provide(p, at);
		if (!*err)
			*err = uio_get(u, page_to_virt(*pipe_slot(p, at)), n);
		if (*err)
			break;
		if (at != p->head)
			(*pipe_slot(p, p->head))->owner = (void *)(p->head & PAGE_MASK);
		(*pipe_slot(p, at))->owner = (void *)(n | PACKET);
		p->tail_mask = ~PAGE_MASK;
		p->head = at + PAGE_SIZE;
		done += n;
	}
	return done;
}

/*
 * once: be content with some of the bytes; otherwise all are written, up to PIPE_BUF of them in one piece.
 * packets: in pieces that are read as such.
 */
static s64 write_common(struct pipe *p, struct uio *u, bool no_delay, bool once, bool packets)
{
	u64 whole = packets ? ONE_PACKET : !once && u->left <= PIPE_BUF ? u->left : 1;
	s64 done = 0, err = 0;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		bool was_empty = !pipe_used(p);
		s64 n = 0;

		if (!p->readers) {
			err = -EPIPE;
			break;
		}
		if (unlikely(packets))
			done += n = append_packets(p, u, &err);
		else if (pipe_room(p) >= whole)
			done += n = append(p, u, pipe_room(p), &err);
		if (err || !u->left || (once && done))
			break;
		if (no_delay) {
			err = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		if (n && was_empty)
			wait_wake_events(&p->read_wait, EPOLLIN | EPOLLRDNORM, false);
		err = wait_event_interruptible(&p->write_wait, can_write(p, whole));
		mutex_lock(&p->lock);
		if (err)
			break;
	}
	mutex_unlock(&p->lock);
	if (done)
		readers_wake(p);
	if (err == -EPIPE)
		signal_send_self(SIGPIPE);
	return done ? done : err;
}

static s64 pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	return write_common(f->priv, u, f->flags & NO_DELAY, false, f->flags & O_DIRECT);
}

s64 pipe_put(struct file *f, struct uio *u, bool no_delay, bool packets)
{
	return write_common(f->priv, u, no_delay, true, packets);
}

s64 pipe_reserve(struct file *f, size_t want, bool no_delay)
{
	struct pipe *p = f->priv;
	s64 n = 0;

	mutex_lock(&p->lock);
	while (!n) {
		if (!p->readers) {
			n = -EPIPE;
		} else if (pipe_room(p)) {
			n = MIN(want, pipe_room(p));
			p->reserved += n;
		} else if (no_delay) {
			n = -EAGAIN;
		} else {
			mutex_unlock(&p->lock);
			n = wait_event_interruptible(&p->write_wait, can_write(p, 1));
			mutex_lock(&p->lock);
		}
	}
	mutex_unlock(&p->lock);
	if (n == -EPIPE)
		signal_send_self(SIGPIPE);
	return n;
}

s64 pipe_fill(struct file *f, const void *data, size_t n, size_t reserved)
{
	struct pipe *p = f->priv;
	s64 done, err = 0;
	struct uio u;

	uio_kernel(&u, (void *)data, n);
	mutex_lock(&p->lock);
	p->reserved -= reserved;
	done = append(p, &u, n, &err);
	mutex_unlock(&p->lock);
	if (done)
		readers_wake(p);
	if (reserved > n)
		writers_wake(p);
	return done ? done : err;
}

s64 pipe_claim(struct file *f, bool no_delay)
{
	struct pipe *p = f->priv;
	s64 r;

	mutex_lock(&p->lock);
	r = read_wait(p, no_delay);
	if (r > 0)
		p->claimed = true;
	mutex_unlock(&p->lock);
	return r;
}

/* The piece that holds the byte at an offset from the reader's end, from there on. 0: none. [lock] held. */
static size_t piece_at(struct pipe *p, u64 offset, char **data, bool *packet)
{
	size_t n;

	for (u64 at = p->tail; at < p->head; at = ALIGN_UP(at + 1, PAGE_SIZE)) {
		n = front(p, at, data, packet);
		if (offset < n) {
			*data += offset;
			return n - offset;
		}
		offset -= n;
	}
	return 0;
}

size_t pipe_front(struct file *f, u64 offset, char **data, bool *packet)
{
	struct pipe *p = f->priv;
	size_t n;

	mutex_lock(&p->lock);
	n = piece_at(p, offset, data, packet);
	mutex_unlock(&p->lock);
	return n;
}

/* How many bytes a reader could get. */
static u64 pipe_bytes(struct pipe *p)
{
	u64 sum = 0, n;
	bool packet;
	char *data;

	if (READ_ONCE(p->tail_mask) == ~0ull)
		return pipe_used(p);
	mutex_lock(&p->lock);
	while ((n = piece_at(p, sum, &data, &packet)))
		sum += n;
	mutex_unlock(&p->lock);
	return sum;
}

void pipe_consume(struct file *f, size_t n)
{
	struct pipe *p = f->priv;

	mutex_lock(&p->lock);
	consume(p, n);
	mutex_unlock(&p->lock);
	writers_wake(p);
}

void pipe_unclaim(struct file *f)
{
	struct pipe *p = f->priv;

	mutex_lock(&p->lock);
	p->claimed = false;
	mutex_unlock(&p->lock);
	wait_wake_events(&p->read_wait, EPOLLIN | EPOLLRDNORM, true);
}

static u32 pipe_poll(struct file *f, struct poll_table *t)
{
	struct pipe *p = f->priv;
	u32 events = 0;

	/* Queued first, looked afterwards: a change in between wakes. */
	if (file_readable(f)) {
		poll_wait(t, &p->read_wait);
		if (pipe_used(p))
			events |= EPOLLIN | EPOLLRDNORM;
		if (!READ_ONCE(p->writers) && READ_ONCE(p->writer_opens))
			events |= EPOLLHUP;
	}
	if (file_writable(f)) {
		poll_wait(t, &p->write_wait);
		if (pipe_fits(p, f->flags & O_DIRECT ? ONE_PACKET : PIPE_BUF))
			events |= EPOLLOUT | EPOLLWRNORM;
		if (!READ_ONCE(p->readers))
			events |= EPOLLERR;
	}
	return events;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (cmd == FIONREAD)
		return put_user_u32(arg, pipe_bytes(f->priv));
	return -ENOTTY;
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	struct vnode *fifo;
	bool last;

	/* It may have become a fifo meanwhile; no two releases can both be the last. */
	fifo = atomic_load(&p->fifo);
	if (fifo)
		mutex_lock(&fifo->lock);
	mutex_lock(&p->lock);
	if (file_readable(f))
		p->readers--;
	if (file_writable(f))
		p->writers--;
	last = !p->readers && !p->writers;
	if (last && fifo)
		fifo->pipe = NULL;
	if (!last) {
		if (!p->readers)
			wait_wake_events(&p->write_wait, EPOLLOUT | EPOLLERR, true);
		if (!p->writers)
			wait_wake_events(&p->read_wait, EPOLLIN | EPOLLHUP, true);
	}
	mutex_unlock(&p->lock);
	if (fifo)
		mutex_unlock(&fifo->lock);
	if (last)
		pipe_free(p);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
	.async = true,
	.kind = "pipe",
};

int pipe_make(struct file *ends[2], u32 flags)
{
	struct pipe *p = pipe_new();

	if (!p)
		return -ENOMEM;
	p->readers = p->writers = p->reader_opens = p->writer_opens = 1;
	ends[0] = file_new_anonymous(&pipe_ops, p, O_RDONLY | (flags & NO_DELAY));
	if (!ends[0]) {
		pipe_free(p);
		return file_none();
	}
	ends[1] = file_new_anonymous(&pipe_ops, p, O_WRONLY | (flags & (NO_DELAY | O_DIRECT)));
	if (!ends[1]) {
		p->writers = 0;
		file_put(ends[0]);
		return file_none();
	}
	return 0;
}

/* Wait at the open of a fifo until the other end was opened. [lock] held on entry and return. */
static int fifo_wait(struct pipe *p, struct wait_queue *q, const u32 *opens)
{
	u32 before = *opens;
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(q, READ_ONCE(*opens) != before);
	mutex_lock(&p->lock);
	return err;
}

int pipe_open_fifo(struct vnode *v, struct file *f)
{
	bool reads = file_readable(f), writes = file_writable(f), wait = !(f->flags & NO_DELAY), last = false, meets;
	struct pipe *p;
	int err = 0;

	if (!reads && !writes)
		return -EINVAL;
	mutex_lock(&v->lock);
	if (!v->pipe) {
		p = pipe_new();
		if (!p) {
			mutex_unlock(&v->lock);
			return -ENOMEM;
		}
		p->fifo = v;
		v->pipe = p;
	}
	p = v->pipe;
	mutex_lock(&p->lock);
	meets = !p->again.dentry;	/* opening a pipe once more waits for nobody, and may find nobody */
	if (meets && writes && !reads && !wait && !p->readers) {
		last = !p->writers;
		err = -ENXIO;
		goto out;
	}
	p->readers += reads;
	p->writers += writes;
	mutex_unlock(&v->lock);
	if (reads) {
		p->reader_opens++;
		wait_wake_all(&p->write_wait);
	}
	if (writes) {
		p->writer_opens++;
		wait_wake_all(&p->read_wait);
	}
	if (meets && wait && reads && !writes && !p->writers)
		err = fifo_wait(p, &p->read_wait, &p->writer_opens);
	else if (meets && wait && writes && !reads && !p->readers)
		err = fifo_wait(p, &p->write_wait, &p->reader_opens);
	mutex_unlock(&p->lock);
	if (!err) {
		f->ops = &pipe_ops;
		f->priv = p;
		return 0;
	}
	mutex_lock(&v->lock);
	mutex_lock(&p->lock);
	p->readers -= reads;
	p->writers -= writes;
	last = !p->readers && !p->writers;
	wait_wake_all(&p->read_wait);
	wait_wake_all(&p->write_wait);
out:
	if (last)
		v->pipe = NULL;
	mutex_unlock(&p->lock);
	mutex_unlock(&v->lock);
	if (last)
		pipe_free(p);
	return err;
}

/*
 * A pipe without a name gets a fifo of its own, which nobody finds but by the
 * descriptors that lead to it. The pipe keeps it; the file in hand keeps the pipe.
 */
int pipe_path(struct file *f, struct path *out)
{
	struct pipe *p = f->priv;
	struct path fresh;
	char name[32];
	int err = 0;

	if (f->ops != &pipe_ops)
		return -ENXIO;
	if (!atomic_load(&p->fifo)) {
		snprintf(name, sizeof(name), "pipe:[%llu]", (unsigned long long)file_anon_id(f));
		err = tmpfs_unnamed(name, S_IFIFO | 0600, 0, &fresh);
		if (err)
			return err;
		mutex_lock(&p->lock);
		if (!p->fifo) {
			p->again = fresh;
			fresh.dentry->vnode->pipe = p;
			atomic_store(&p->fifo, fresh.dentry->vnode);
			fresh.dentry = NULL;
		}
		mutex_unlock(&p->lock);
		if (fresh.dentry)
			path_put(&fresh);
	}
	*out = p->again;
	path_get(out);
	return 0;
}

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_ops;
}

s64 pipe_size(struct file *f)
{
	return file_is_pipe(f) ? (s64)pipe_capacity(f->priv) : -EBADF;
}

s64 pipe_set_size(struct file *f, u64 size)
{
	struct pipe *p = f->priv;
	struct page **pages, **old;
	u32 count = 1;
	u64 span;
	s64 r;

	if (!file_is_pipe(f))
		return -EBADF;
	if (size > 1u << 31)
		return -EINVAL;
	while ((u64)count * PAGE_SIZE < size)
		count *= 2;
	if ((u64)count * PAGE_SIZE > MAX(pipe_capacity(p), READ_ONCE(pipe_max_size)) && !current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	pages = kcalloc(count, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	mutex_lock(&p->lock);
	r = -EBUSY;
	/* A writer that has come round shares a page with the reader: not now. */
	span = ALIGN_UP(p->head + p->reserved, PAGE_SIZE) - ALIGN_DOWN(p->tail, PAGE_SIZE);
	if (span > (u64)count * PAGE_SIZE || span > pipe_capacity(p)) {
		;
	} else if (count > p->page_count && !user_charge(p->uid, USER_PIPE_PAGES, count - p->page_count, pages_limit())) {
		r = -EPERM;
	} else {
		if (count < p->page_count)
			user_release(p->uid, USER_PIPE_PAGES, p->page_count - count);
		for (u64 at = ALIGN_DOWN(p->tail, PAGE_SIZE); at < p->head; at += PAGE_SIZE) {
			pages[at / PAGE_SIZE & (count - 1)] = *pipe_slot(p, at);
			*pipe_slot(p, at) = NULL;
		}
		old = p->pages;
		p->pages = pages;
		p->page_count = count;
		pages = old;
		r = (s64)count * PAGE_SIZE;
	}
	mutex_unlock(&p->lock);
	if (pages != p->first_pages)
		kfree(pages);
	wait_wake_events(&p->write_wait, EPOLLOUT | EPOLLWRNORM, true);
	return r;
}
