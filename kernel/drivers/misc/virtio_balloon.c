/*
 * virtio-balloon: memory that the host wants for a while. A thread of the driver's own takes pages from the allocator
 * and tells the host which, or gets some back, until it has as many as the host's configuration says. When memory runs
 * out, pages are taken back before a program is ended, if the host allows that, and it is told later. While there is
 * not enough memory for what the host wants, another try is made each second.
 *
 * The host also learns how memory is used, each time it asks, and which large blocks are free, some time after they
 * came to be: it drops what is in them, and brings a page back when it is used. While the host looks at a block that is
 * nobody's.
 *
 * Source: Virtio 1.2, 5.5. MUST_TELL_HOST is not agreed to: pages that are taken back serve before the host knows.
 */
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "drivers/virtio/virtio.h"
#include "fs/tmpfs.h"
#include "mm/dma.h"
#include "mm/drain.h"
#include "mm/slab.h"
#include "sched/core_event.h"
#include "sched/thread.h"
#include "vm/vm_space.h"

#define VIRTIO_ID_BALLOON	5
#define BALLOON_F_STATS		(1ull << 1)
#define BALLOON_F_DEFLATE_ON_OOM (1ull << 2)
#define BALLOON_F_FREE_PAGE_HINT (1ull << 3)
#define BALLOON_F_REPORTING	(1ull << 5)
#define CONFIG_PAGES		0	/* le32: how many the host wants */
#define CONFIG_ACTUAL		4	/* le32: how many it has */
#define AT_ONCE			256u	/* pages in one message */
#define BLOCKS_AT_ONCE		16u
#define TRY_AGAIN_NS		NSEC_PER_SEC
#define REPORT_DELAY_NS		(2 * NSEC_PER_SEC)	/* most of what was just let go is soon wanted again */
#define LOAN_LIMIT_NS		NSEC_PER_SEC		/* a host that takes longer is not waited for */

enum { INFLATE, DEFLATE, STATS, REPORT, QUEUES };
enum {
	STAT_SWAP_IN, STAT_SWAP_OUT, STAT_MAJOR, STAT_MINOR, STAT_FREE, STAT_TOTAL, STAT_AVAILABLE, STAT_CACHES, STAT_COUNT
};
struct stat { le16 tag; le64 value; } packed;

struct balloon {
	struct virtio_device *device;	/* NULL: there is none any more [lock] */
	struct spinlock lock;		/* irq kind */
	struct virtqueue queues[QUEUES];	/* [lock] */
	bool answered;			/* the device has taken the message [lock] */
	bool stats_wanted;		/* [lock] */
	struct page *pages;		/* those that are in it, linked by owner [lock] */
	u32 count;			/* of them [lock] */
	u32 lent;			/* that were taken back and the host does not know of yet [lock] */
	bool host_is_slow;		/* it did not take one message in time [lock] */
	le32 lent_frames[AT_ONCE];	/* [lock] */
	u32 look;			/* there is something for the thread to look at [a] */
	u32 leaving, ended;		/* the thread is to end; it has [a] */
	u32 freed;			/* a large block has become free [a] */
	struct wait_queue wait;		/* the thread, who takes its end down */
	struct wait_queue told;		/* who takes pages back while the host does not know of the last */
	struct waiter freed_waiter;
	u64 report_at;			/* [the thread's], as what follows is */
	struct page *unsure;		/* the host was told of them and gave no answer: not ours till it is reset */
	struct page *blocks[BLOCKS_AT_ONCE];	/* with the host */
	u32 block_count;
	le32 message[AT_ONCE];		/* frames; with the device while the thread waits */
	struct stat stats[STAT_COUNT];	/* with the device but while the thread fills it */
};

/* The first device's. It stays when that goes, for who is short of memory may be about to look at it. Set once. */
static struct balloon *balloon;

/* ---- lists of pages ----------------------------------------------------------------------------------------- */

static void push(struct page **list, struct page *p)
{
	p->owner = *list;
	*list = p;
}

static struct page *pop(struct page **list)
{
	struct page *p = *list;

	if (p)
		*list = p->owner;
	return p;
}

static void free_all(struct page *list)
{
	struct page *p;

	while ((p = pop(&list)))
		page_free(p, 0);
}

/* Up to n pages out of the balloon, their frames noted: how many. [lock] */
static u32 take_out(struct balloon *b, struct page **list, le32 *frames, u32 n)
{
	u32 got = 0;
	struct page *p;

	while (got < n && (p = pop(&b->pages))) {
		frames[got++] = cpu_to_le32(page_to_pfn(p));
		push(list, p);
	}
	b->count -= got;
	return got;
}

/* MemTotal is without what is in it, unless it can be had back at any time: as on Linux. */
static void count_managed(struct balloon *b, s64 pages)
{
	if (!virtio_has(b->device, BALLOON_F_DEFLATE_ON_OOM))
		page_managed_adjust(pages);
}

/* ---- the device --------------------------------------------------------------------------------------------- */

static void look(struct balloon *b)
{
	atomic_store(&b->look, 1);
	wait_wake_all(&b->wait);
}

static enum irq_result balloon_irq(void *arg)
{
	struct balloon *b = arg;
	struct virtio_device *d = b->device;
	bool ours = d->pci->irq_type != PCI_IRQ_INTX || d->transport->isr(d);
	u64 flags = spin_lock_irqsave(&b->lock);
	u32 n;

	for (u32 i = 0; i < QUEUES; i++) {
		struct virtqueue *vq = &b->queues[i];

		if (!vq->memory)
			continue;
		do
			while (virtqueue_get(vq, &n))
				*(i == STATS ? &b->stats_wanted : &b->answered) = true;
		while (!vq->broken && virtqueue_enable_cb(vq));
	}
	spin_unlock_irqrestore(&b->lock, flags);
	look(b);
	return ours ? IRQ_HANDLED : IRQ_NONE;
}

static bool out_of_service(struct balloon *b)
{
	return atomic_load(&b->leaving) || READ_ONCE(b->queues[INFLATE].broken) || READ_ONCE(b->queues[DEFLATE].broken);
}

/*
 * A message to the host, and wait until it has taken it. -EIO: the device is out of service or goes, and may have seen
 * it. -EAGAIN: not said, for pages were taken back meanwhile that may be among these; the host hears of those first.
 */
static int tell(struct balloon *b, u32 queue, const struct virtq_seg *segs, u32 out, u32 in)
{
	struct virtqueue *vq = &b->queues[queue];
	u64 flags = spin_lock_irqsave(&b->lock);

	if (queue == INFLATE && b->lent) {
		spin_unlock_irqrestore(&b->lock, flags);
		return -EAGAIN;
	}
	b->answered = false;
	if (!virtqueue_add(vq, segs, out, in, b))
		virtqueue_kick(vq);
	spin_unlock_irqrestore(&b->lock, flags);
	(void)!wait_event_interruptible(&b->wait, READ_ONCE(b->answered) || READ_ONCE(vq->broken) ||
					atomic_load(&b->leaving));
	return READ_ONCE(b->answered) ? 0 : -EIO;
}

static int tell_frames(struct balloon *b, u32 queue, u32 n)
{
	return tell(b, queue, &(struct virtq_seg){ dma_addr(b->message), n * sizeof(*b->message) }, 1, 0);
}

static void actual_write(struct balloon *b)
{
	b->device->transport->config_write32(b->device, CONFIG_ACTUAL, READ_ONCE(b->count));
}

static u32 pages_wanted(struct balloon *b)
{
	le32 n;

	virtio_config_read(b->device, CONFIG_PAGES, &n, sizeof(n));
	return le32_to_cpu(n);
}

/* ---- in and out --------------------------------------------------------------------------------------------- */

/* Up to n more pages into it. False: there is no memory for that. */
static bool inflate(struct balloon *b, u32 n)
{
	struct page *list = NULL, *p;
	u32 got = 0;
	u64 flags;
	int err;

	n = MIN(n, AT_ONCE);
	while (got < n && !page_is_short() && (p = page_alloc(0, PA_NOWAIT))) {
		b->message[got++] = cpu_to_le32(page_to_pfn(p));
		push(&list, p);
	}
	if (!got)
		return false;
	err = tell_frames(b, INFLATE, got);
	if (err == -EAGAIN) {
		free_all(list);
		return true;
	}
	if (!err)
		count_managed(b, -(s64)got);
	flags = spin_lock_irqsave(&b->lock);
	while ((p = pop(&list)))
		push(err ? &b->unsure : &b->pages, p);
	if (!err)
		b->count += got;
	spin_unlock_irqrestore(&b->lock, flags);
	return true;
}

/* Up to n pages out of it; the host's word is not needed for them to serve. */
static void deflate(struct balloon *b, u32 n)
{
	struct page *list = NULL;
	u64 flags = spin_lock_irqsave(&b->lock);
	u32 got = take_out(b, &list, b->message, MIN(n, AT_ONCE));

	spin_unlock_irqrestore(&b->lock, flags);
	count_managed(b, got);
	if (got)
		tell_frames(b, DEFLATE, got);
	free_all(list);
}

/* Memory has run out: some pages serve at once, and the host is told later. How many. Process context. */
static u64 call_back(void)
{
	struct balloon *b = balloon;
	struct page *list = NULL;
	u64 flags;
	u32 n;

	if (READ_ONCE(b->lent) == AT_ONCE && !READ_ONCE(b->host_is_slow) && !in_atomic() &&
	    wait_event_uninterruptible(&b->told, READ_ONCE(b->lent) < AT_ONCE || out_of_service(b),
				       clock_ns() + LOAN_LIMIT_NS))
		WRITE_ONCE(b->host_is_slow, true);
	flags = spin_lock_irqsave(&b->lock);
	n = b->device && virtio_has(b->device, BALLOON_F_DEFLATE_ON_OOM) ?
		take_out(b, &list, b->lent_frames + b->lent, AT_ONCE - b->lent) : 0;
	b->lent += n;
	spin_unlock_irqrestore(&b->lock, flags);
	free_all(list);
	if (n)
		look(b);
	return n;
}

static void lent_tell(struct balloon *b)
{
	u64 flags = spin_lock_irqsave(&b->lock);
	u32 n = b->lent;

	memcpy(b->message, b->lent_frames, n * sizeof(*b->message));
	b->lent = 0;
	spin_unlock_irqrestore(&b->lock, flags);
	if (!n)
		return;
	wait_wake_all(&b->told);
	if (!tell_frames(b, DEFLATE, n))
		WRITE_ONCE(b->host_is_slow, false);
	actual_write(b);
}

static void stats_send(struct balloon *b)
{
	struct page_counts pages;
	struct vm_stats vm;
	u64 flags;

	if (!READ_ONCE(b->stats_wanted))
		return;
	page_counts_get(&pages);
	vm_stats_get(&vm);
	const u64 values[STAT_COUNT] = {
		[STAT_MAJOR] = vm.faults_major,
		[STAT_MINOR] = vm.faults - vm.faults_major,
		[STAT_FREE] = pages.free * PAGE_SIZE,
		[STAT_TOTAL] = pages.managed * PAGE_SIZE,
		[STAT_AVAILABLE] = pages.free * PAGE_SIZE,
		[STAT_CACHES] = tmpfs_pages() * PAGE_SIZE,
	};
	for (u32 i = 0; i < STAT_COUNT; i++)
		b->stats[i] = (struct stat){ cpu_to_le16(i), cpu_to_le64(values[i]) };
	flags = spin_lock_irqsave(&b->lock);
	b->stats_wanted = false;
	if (!virtqueue_add_out(&b->queues[STATS], dma_addr(b->stats), sizeof(b->stats), b))
		virtqueue_kick(&b->queues[STATS]);
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Up or down to what the host wants: when to look again. */
static u64 resize(struct balloon *b)
{
	for (;;) {
		u32 want, have;

		lent_tell(b);
		stats_send(b);
		want = pages_wanted(b);
		have = READ_ONCE(b->count);
		if (want == have || out_of_service(b))
			return WAIT_FOREVER;
		if (want < have)
			deflate(b, have - want);
		else if (!inflate(b, want - have))
			return clock_ns() + TRY_AGAIN_NS;
		actual_write(b);
	}
}

/* ---- free blocks -------------------------------------------------------------------------------------------- */

/* A block became free. Any context. */
static bool block_freed(struct waiter *w, u32 events)
{
	struct balloon *b = container_of(w, struct balloon, freed_waiter);

	atomic_store(&b->freed, 1);
	look(b);
	return false;
}

/* Some of the blocks that the host has not heard of: when to go on. */
static u64 report(struct balloon *b)
{
	struct virtq_seg segs[BLOCKS_AT_ONCE];

	if (atomic_xchg(&b->freed, 0u) && b->report_at == WAIT_FOREVER)
		b->report_at = clock_ns() + REPORT_DELAY_NS;
	if (clock_ns() < b->report_at)
		return b->report_at;
	b->block_count = page_report_take(b->blocks, MIN(BLOCKS_AT_ONCE, (u32)b->queues[REPORT].size));
	if (!b->block_count) {
		b->report_at = WAIT_FOREVER;
		return WAIT_FOREVER;
	}
	for (u32 i = 0; i < b->block_count; i++)
		segs[i] = (struct virtq_seg){ page_to_phys(b->blocks[i]), PAGE_SIZE << PAGE_MAX_ORDER };
	if (tell(b, REPORT, segs, 0, b->block_count)) {
		b->report_at = WAIT_FOREVER;	/* they stay with the host until it is reset */
		return WAIT_FOREVER;
	}
	page_report_give(b->blocks, b->block_count, true);
	b->block_count = 0;
	return b->report_at;
}

static void balloon_thread(void *arg)
{
	struct balloon *b = arg;

	actual_write(b);		/* what it says is of the driver before us */
	while (!atomic_load(&b->leaving)) {
		u64 again;

		atomic_store(&b->look, 0);
		again = resize(b);
		if (b->queues[REPORT].memory && !b->queues[REPORT].broken)
			again = MIN(again, report(b));
		(void)!wait_event_deadline(&b->wait, atomic_load(&b->look) || atomic_load(&b->leaving), again);
	}
	atomic_store(&b->ended, 1);
	wait_wake_all(&b->wait);
}

/* ---- its life ----------------------------------------------------------------------------------------------- */

/* A queue is there if its feature is offered, agreed to or not: QEMU numbers them so. */
static int queues_make(struct balloon *b)
{
	struct virtio_device *d = b->device;
	u64 offered = d->transport->features(d);
	u16 vector = d->pci->irq_type == PCI_IRQ_MSIX ? 0 : VIRTIO_NO_VECTOR, index = STATS;
	int err = 0;

	if (vector != VIRTIO_NO_VECTOR && !d->transport->set_config_vector(d, vector))
		return -ENOSPC;
	for (u32 i = INFLATE; i <= DEFLATE && !err; i++)
		err = virtio_queue_setup(d, &b->queues[i], i, vector, 0);
	if (!err && virtio_has(d, BALLOON_F_STATS))
		err = virtio_queue_setup(d, &b->queues[STATS], index, vector, 0);
	index += !!(offered & BALLOON_F_STATS) + !!(offered & BALLOON_F_FREE_PAGE_HINT);
	if (!err && virtio_has(d, BALLOON_F_REPORTING))
		err = virtio_queue_setup(d, &b->queues[REPORT], index, vector, BLOCKS_AT_ONCE);
	return err;
}

static void wake_thread(struct virtqueue *vq)
{
	wait_wake_all(&balloon->wait);
	wait_wake_all(&balloon->told);
}

/* The device is reset: all that it had is ours again. */
static void balloon_empty(struct balloon *b)
{
	for (u32 i = 0; i < QUEUES; i++)
		if (b->queues[i].memory)
			virtqueue_destroy(&b->queues[i]);
	count_managed(b, b->count);
	free_all(b->pages);
	free_all(b->unsure);
	page_report_give(b->blocks, b->block_count, false);
	b->pages = b->unsure = NULL;
	b->count = b->lent = b->block_count = 0;
}

static int balloon_start(struct balloon *b)
{
	struct virtio_device *d = b->device;
	int err = virtio_negotiate(d, VIRTIO_F_COMMON | BALLOON_F_STATS | BALLOON_F_DEFLATE_ON_OOM | BALLOON_F_REPORTING);

	if (err)
		return err;
	err = pci_irq_alloc(d->pci, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (err < 0)
		return err;
	err = queues_make(b);
	if (err)
		goto drop;
	b->stats_wanted = virtio_has(d, BALLOON_F_STATS);
	b->freed = 1;			/* all that is free at boot */
	b->report_at = WAIT_FOREVER;
	b->leaving = b->ended = b->host_is_slow = 0;
	for (u32 i = 0; i < QUEUES; i++)
		if (b->queues[i].memory) {
			b->queues[i].on_broken = wake_thread;
			virtqueue_arm(&b->queues[i]);
		}
	err = pci_irq_attach(d->pci, 0, balloon_irq, b, d->name);	/* a line that is shared may call at once */
	if (err)
		goto drop;
	virtio_ready(d);
	err = thread_create("balloon", balloon_thread, b) ? 0 : -ENOMEM;
	if (err)
		goto detach;
	pci_irq_enable(d->pci, 0);
	if (virtio_has(d, BALLOON_F_REPORTING))
		waiter_add(&core_event_wait[CORE_EVENT_BLOCK_FREE], &b->freed_waiter);
	return 0;

detach:
	pci_irq_detach(d->pci, 0, b);
drop:
	virtio_stop(d);
	balloon_empty(b);
	pci_irq_free(d->pci);
	return err;
}

static struct balloon *balloon_new(void)
{
	struct balloon *b = kzalloc(sizeof(*b));

	if (!b)
		return NULL;
	spin_init(&b->lock, "virtio_balloon");
	wait_queue_init(&b->wait, "virtio_balloon.wait");
	wait_queue_init(&b->told, "virtio_balloon.told");
	b->freed_waiter.wake = block_freed;
	list_init(&b->freed_waiter.node);
	return b;
}

static int balloon_probe(struct virtio_device *d)
{
	int err;

	if (balloon && balloon->device)
		return -ENODEV;		/* one is as much as a host has use for */
	if (!balloon) {
		struct balloon *b = balloon_new();

		if (!b)
			return -ENOMEM;
		balloon = b;
		memory_loan_ops.call_back = call_back;
	}
	balloon->device = d;
	err = balloon_start(balloon);
	if (err)
		balloon->device = NULL;
	return err;
}

/* The handler is done with it, then the thread and who is short of memory, then the device; then pages come back. */
static void balloon_remove(struct virtio_device *d)
{
	struct balloon *b = balloon;
	u64 flags;

	waiter_remove(&core_event_wait[CORE_EVENT_BLOCK_FREE], &b->freed_waiter);
	pci_irq_detach(d->pci, 0, b);
	atomic_store(&b->leaving, 1);
	wait_wake_all(&b->wait);
	wait_wake_all(&b->told);
	wait_event(&b->wait, atomic_load(&b->ended));
	d->transport->config_write32(d, CONFIG_ACTUAL, 0);
	virtio_stop(d);
	pci_irq_free(d->pci);
	balloon_empty(b);
	flags = spin_lock_irqsave(&b->lock);
	b->device = NULL;
	spin_unlock_irqrestore(&b->lock, flags);
}

VIRTIO_DRIVER(balloon, .id = VIRTIO_ID_BALLOON, .name = "virtio-balloon", .probe = balloon_probe,
	      .remove = balloon_remove);
