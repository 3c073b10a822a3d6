/*
 * virtio-rng: the host's entropy. What it gives seeds core/random, once at
 * boot and again each time the generator has handed out much since; programs
 * read the device itself as /dev/hwrng (fs/memdev.c), as on Linux.
 *
 * One piece is with the device at a time, for the generator or for a reader:
 * what one has seen is never used for the other.
 *
 * Source: Virtio 1.2, 5.4.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "core/random.h"
#include "drivers/virtio/virtio.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "sched/wait.h"

#define VIRTIO_ID_ENTROPY	4
#define PIECE			RANDOM_SOURCE_BYTES

enum use { USE_NONE, USE_SEED, USE_READER };

struct entropy {
	struct virtio_device *device;	/* NULL: there is none any more [lock] */
	struct spinlock lock;		/* irq kind */
	struct virtqueue vq;		/* [lock] */
	u32 use;			/* enum use: for whom the device fills the piece [lock] */
	u32 came;			/* bytes in the piece that are for a reader [lock] */
	bool seed_wanted;		/* the generator asked while a reader waited [lock] */
	struct wait_queue answered;
	u8 piece[PIECE];		/* the device's while use says so [lock] */
};

/* The first device's. It stays when that goes, for the generator and readers may be about to look at it. Set once. */
static struct entropy *source;

/* The piece to the device. False: it is out of service, or gone. [lock], use is USE_NONE */
static bool ask(struct entropy *e, enum use use)
{
	if (!e->device || virtqueue_add_in(&e->vq, dma_addr(e->piece), PIECE, e))
		return false;
	e->use = use;
	e->came = 0;
	virtqueue_arm(&e->vq);		/* nothing is in flight that could slip in */
	virtqueue_kick(&e->vq);
	return true;
}

/* core/random's wish. */
static void seed_ask(void)
{
	u64 flags = spin_lock_irqsave(&source->lock);

	source->seed_wanted = source->use != USE_NONE || !ask(source, USE_SEED);
	spin_unlock_irqrestore(&source->lock, flags);
}

/* The device gave n bytes. [lock] */
static void answer(struct entropy *e, u32 n)
{
	u32 use = e->use;

	e->use = USE_NONE;
	if (use == USE_READER) {
		e->came = n;
		return;
	}
	random_seed(e->piece, n, 8 * n);
	memset(e->piece, 0, PIECE);
}

static enum irq_result entropy_irq(void *arg)
{
	struct entropy *e = arg;
	struct virtio_device *d = e->device;
	bool ours = d->pci->irq_type != PCI_IRQ_INTX || d->transport->isr(d);
	u64 flags = spin_lock_irqsave(&e->lock);
	u32 n;

	if (virtqueue_get(&e->vq, &n)) {
		if (n)
			answer(e, n);
		else
			virtqueue_break(&e->vq, "used length", n);
	}
	spin_unlock_irqrestore(&e->lock, flags);
	wait_wake_all(&e->answered);
	return ours ? IRQ_HANDLED : IRQ_NONE;
}

static bool settled(struct entropy *e)
{
	return READ_ONCE(e->use) == USE_NONE || READ_ONCE(e->vq.broken) || !READ_ONCE(e->device);
}

/* A reader's turn with the device's answer: its bytes, 0 if they are still to come, -EIO, -ENODEV. [lock] */
static s64 take(struct entropy *e, u8 *to)
{
	u32 n = e->came;

	if (!e->device)
		return -ENODEV;
	if (e->use != USE_NONE)
		return e->vq.broken ? -EIO : 0;
	if (!n)
		return ask(e, USE_READER) ? 0 : -EIO;
	memcpy(to, e->piece, n);
	memset(e->piece, 0, PIECE);
	e->came = 0;
	if (e->seed_wanted)
		e->seed_wanted = !ask(e, USE_SEED);
	return n;
}

/* One reader at a time: the caller's lock. */
static s64 entropy_read(u8 *to, bool wait)
{
	struct entropy *e = source;
	s64 r;

	for (;;) {
		u64 flags = spin_lock_irqsave(&e->lock);

		r = take(e, to);
		spin_unlock_irqrestore(&e->lock, flags);
		if (r || !wait)
			return r ? r : -EAGAIN;
		r = wait_event_interruptible(&e->answered, settled(e));
		if (r)
			return r;
	}
}

static const struct random_source entropy_source = { .seed = seed_ask, .read = entropy_read };

static void entropy_broken(struct virtqueue *vq)
{
	wait_wake_all(&container_of(vq, struct entropy, vq)->answered);
}

static int entropy_start(struct entropy *e)
{
	struct virtio_device *d = e->device;
	int err = virtio_negotiate(d, VIRTIO_F_COMMON);

	if (err)
		return err;
	err = pci_irq_alloc(d->pci, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (err < 0)
		return err;
	err = virtio_queue_setup(d, &e->vq, 0, d->pci->irq_type == PCI_IRQ_MSIX ? 0 : VIRTIO_NO_VECTOR, 0);
	if (err)
		goto free_irq;
	e->vq.on_broken = entropy_broken;
	err = pci_irq_attach(d->pci, 0, entropy_irq, e, d->name);	/* a line that is shared may call at once */
	if (err)
		goto drop;
	virtio_ready(d);
	pci_irq_enable(d->pci, 0);
	return 0;

drop:
	virtio_stop(d);
	virtqueue_destroy(&e->vq);
free_irq:
	pci_irq_free(d->pci);
	return err;
}

static int entropy_probe(struct virtio_device *d)
{
	struct entropy *e = source;
	int err;

	if (e && e->device)
		return -ENODEV;		/* one is enough: they all drink from the same host */
	if (!e) {
		e = kzalloc(sizeof(*e));
		if (!e)
			return -ENOMEM;
		spin_init(&e->lock, "virtio_rng");
		wait_queue_init(&e->answered, "virtio_rng");
	}
	e->device = d;
	err = entropy_start(e);
	if (err) {
		virtio_stop(d);
		e->device = NULL;
		if (!source)
			kfree(e);
		return err;
	}
	source = e;
	random_source = &entropy_source;
	seed_ask();
	return 0;
}

/* The handler is done with it, then whoever asks and waits, then the device; then the queue goes. */
static void entropy_remove(struct virtio_device *d)
{
	struct entropy *e = source;
	u64 flags;

	pci_irq_detach(d->pci, 0, e);
	flags = spin_lock_irqsave(&e->lock);
	e->device = NULL;
	e->use = USE_NONE;
	e->came = 0;
	spin_unlock_irqrestore(&e->lock, flags);
	wait_wake_all(&e->answered);
	virtio_stop(d);
	pci_irq_free(d->pci);
	virtqueue_destroy(&e->vq);
	memset(e->piece, 0, PIECE);
}

VIRTIO_DRIVER(rng, .id = VIRTIO_ID_ENTROPY, .name = "virtio-rng", .probe = entropy_probe, .remove = entropy_remove);
