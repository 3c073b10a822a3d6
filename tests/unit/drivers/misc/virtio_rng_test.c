/*
 * The virtio-rng driver, with a device of the test's own that gives little, nothing, too much, or no answer.
 *
 * sources: drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/misc/virtio_rng.c"

#define NOTIFY 0x7f0000008000ull
#define RING 8

static struct model {
	bool silent, no_line;
	u32 gives, says;		/* bytes; and how many it says they are */
	struct virtqueue *vq;
	u16 seen, used;
	irq_handler handler;
	u32 seeds, bits, answers;
	u8 last;			/* what the last answer was made of */
} model;
static struct pci_device pci;
static struct virtio_device device;

/* ---- what stands around the driver ------------------------------------------------------------------ */

const struct random_source *random_source;

void random_seed(const void *data, size_t n, u32 bits)
{
	model.seeds++;
	model.bits += bits;
	EXPECT_LE(n, (size_t)PIECE);
	EXPECT_EQ(*(const u8 *)data, model.last);
}

int virtio_negotiate(struct virtio_device *d, u64 wanted) { return 0; }
void virtio_ready(struct virtio_device *d) { }
void virtio_stop(struct virtio_device *d) { model.vq = NULL; }

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	EXPECT(!model.handler);		/* its queue is looked at only when it is there */
	model.vq = vq;
	return virtqueue_create(vq, index, RING, 0, indirect_max, d->name) ?: (vq->notify = (void *)NOTIFY, 0);
}

static void kicked(void *arg, u64 offset, unsigned width, u64 value) { }
static struct host_mmio notify = { .base = NOTIFY, .size = 4, .write = kicked };

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	d->irq_type = PCI_IRQ_MSIX;
	return 1;
}

void pci_irq_free(struct pci_device *d) { }
void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { model.handler = NULL; }
void pci_irq_enable(struct pci_device *d, u32 i) { }

static void first_call(void *e) { model.handler(e); }

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	if (model.no_line)
		return -EBUSY;
	model.handler = handler;
	host_interrupt(first_call, arg);
	return 0;
}

/* ---- the device ------------------------------------------------------------------------------------- */

static void interrupt(void *arg)
{
	if (model.handler)
		EXPECT_EQ(model.handler(source), IRQ_HANDLED);
}

static bool serve(void)
{
	struct virtqueue *vq = model.vq;
	u32 head;

	if (model.silent || !vq || vq->avail->idx == model.seen)
		return false;
	head = vq->avail->ring[model.seen++ % RING];
	EXPECT_EQ(vq->desc[head].len, PIECE);
	EXPECT(vq->desc[head].flags & VIRTQ_DESC_WRITE);
	model.last = ++model.answers;
	memset((void *)vq->desc[head].addr, model.last, model.gives);
	vq->used->ring[model.used++ % RING] = (struct virtq_used_elem){ head, model.says };
	__atomic_store_n(&vq->used->idx, model.used, __ATOMIC_SEQ_CST);
	host_interrupt(interrupt, NULL);
	return true;
}

static int probe(void)
{
	device = (struct virtio_device){ .pci = &pci, .name = "virtio0", .modern = true };
	model.gives = MIN(model.says, PIECE);
	host_idle_hook = serve;
	host_mmio_add(&notify);
	return entropy_probe(&device);
}

static void begin(u32 says)
{
	model = (struct model){ .says = says };
	EXPECT_EQ(probe(), 0);
	host_run();
}

static void end(void)
{
	u8 got[PIECE];

	entropy_remove(&device);
	EXPECT_EQ(entropy_read(got, true), (s64)-ENODEV);
	host_mmio_remove(&notify);
	host_idle_hook = NULL;
	EXPECT_EQ(host_alloc_live(), 1ull);	/* the structure itself stays */
}

/* A reader's bytes: as many as it gives, of one answer that nobody else had. */
static void expect_read(u32 n)
{
	u8 got[PIECE];

	memset(got, 0, sizeof(got));
	EXPECT_EQ(entropy_read(got, true), (s64)n);
	EXPECT_EQ(got[0], model.last);
	EXPECT_EQ(got[n - 1], model.last);
	EXPECT_EQ(source->piece[0], 0);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(a_seed_and_readers)
{
	begin(PIECE);
	EXPECT_EQ(model.seeds, 1u);
	EXPECT_EQ(model.bits, 8 * PIECE);
	for (u32 i = 0; i < 100; i++)
		expect_read(PIECE);
	EXPECT_EQ(model.seeds, 1u);
	random_source->seed();
	host_run();
	EXPECT_EQ(model.seeds, 2u);
	end();
}

TEST(little)
{
	begin(1);
	EXPECT_EQ(model.bits, 8u);
	for (u32 i = 0; i < 100; i++)
		expect_read(1);
	end();
}

/* More than it was given room for, or nothing at all: it is out of service, and readers are told. */
static void expect_broken(u32 says)
{
	u8 got[PIECE];

	begin(says);
	EXPECT(source->vq.broken);
	EXPECT_EQ(model.seeds, 0u);
	EXPECT_EQ(entropy_read(got, true), (s64)-EIO);
	EXPECT_EQ(entropy_read(got, false), (s64)-EIO);
	random_source->seed();
	EXPECT_EQ(model.answers, 1u);
	end();

	begin(PIECE);			/* while a reader waits */
	model.says = says;
	EXPECT_EQ(entropy_read(got, true), (s64)-EIO);
	EXPECT_EQ(entropy_read(got, true), (s64)-EIO);
	EXPECT_EQ(model.seeds, 1u);
	end();
}

TEST(lengths_that_cannot_be)
{
	expect_broken(0);
	expect_broken(PIECE + 1);
	expect_broken(0x80000000);
	expect_broken(~0u);
}

TEST(silence)
{
	u8 got[PIECE];

	model = (struct model){ .says = PIECE, .silent = true };
	EXPECT_EQ(probe(), 0);		/* the machine's start goes on */
	host_run();
	EXPECT_EQ(entropy_read(got, false), (s64)-EAGAIN);
	interrupt(NULL);		/* about nothing */
	random_source->seed();
	EXPECT_EQ(entropy_read(got, false), (s64)-EAGAIN);
	model.silent = false;
	host_run();
	EXPECT_EQ(model.seeds, 1u);
	expect_read(PIECE);
	EXPECT_EQ(model.answers, 2u);
	host_run();
	EXPECT_EQ(model.seeds, 2u);	/* what was asked for meanwhile */
	end();
}

TEST(it_cannot_start)
{
	for (u32 i = 0; i < 3; i++) {
		model = (struct model){ .says = PIECE, .no_line = true };
		EXPECT_EQ(probe(), -EBUSY);
		host_mmio_remove(&notify);
		EXPECT_EQ(host_alloc_live(), 1ull);
	}
	begin(PIECE);
	expect_read(PIECE);
	end();
}
