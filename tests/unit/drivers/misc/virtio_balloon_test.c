/*
 * The virtio-balloon driver, with a device of the test's own that takes what it is told, wants what cannot be, lies, or
 * says nothing at all.
 *
 * sources: drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "core/clock.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/misc/virtio_balloon.c"

#define NOTIFY 0x7f0000004000ull
#define RING 16
#define MEMORY 2000u		/* pages that the balloon can have */
#define BLOCKS 20u

enum lie { NONE, USED_ID, TWICE, SILENT };

static struct model {
	enum lie lie;
	u32 wants, actual;		/* the configuration */
	u64 offered;
	struct virtqueue *vq[QUEUES + 1];
	u16 seen[QUEUES + 1], used[QUEUES + 1];
	irq_handler handler;
	void *arg;
	u32 in, out, reported;		/* pages, blocks that it was told of */
	u32 last_index;			/* the largest number of a queue */
	u16 stats_head;			/* what it keeps till it asks again */
	bool stats_held;
	struct stat stats[STAT_COUNT];
	s64 managed;
	bool is_short;
	u32 blocks, blocks_known;	/* the allocator's: free ones that the host knows not, and knows */
} model;
static struct pci_device pci;
static struct virtio_device device;

/* ---- what stands around the driver ------------------------------------------------------------------ */

struct memory_loan_ops memory_loan_ops;
struct wait_queue core_event_wait[CORE_EVENTS];

u64 tmpfs_pages(void) { return 7; }
void vm_stats_get(struct vm_stats *st) { *st = (struct vm_stats){ .faults = 30, .faults_major = 10 }; }
bool page_is_short(void) { return model.is_short || (balloon && balloon->count + AT_ONCE > MEMORY); }
void page_managed_adjust(s64 pages) { model.managed += pages; }

u32 page_report_take(struct page **blocks, u32 n)
{
	n = MIN(n, model.blocks);
	for (u32 i = 0; i < n; i++)
		blocks[i] = pfn_to_page((1 + i) << PAGE_MAX_ORDER);
	model.blocks -= n;
	return n;
}

void page_report_give(struct page **blocks, u32 n, bool reported)
{
	*(reported ? &model.blocks_known : &model.blocks) += n;
}

void virtio_config_read(struct virtio_device *d, u32 at, void *to, u32 n)
{
	EXPECT_EQ(at, (u32)CONFIG_PAGES);
	*(le32 *)to = model.wants;
}

static u64 features(struct virtio_device *d) { return model.offered; }

static void config_write32(struct virtio_device *d, u32 at, u32 value)
{
	EXPECT_EQ(at, (u32)CONFIG_ACTUAL);
	model.actual = value;
}

static bool set_config_vector(struct virtio_device *d, u16 vector) { return true; }
static const struct virtio_transport transport = {
	.features = features, .config_write32 = config_write32, .set_config_vector = set_config_vector,
};

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	d->features = wanted & model.offered;
	return 0;
}

void virtio_ready(struct virtio_device *d) { }
void virtio_stop(struct virtio_device *d) { memset(model.vq, 0, sizeof(model.vq)); }

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	EXPECT(!model.handler);		/* its queues are looked at only when they are there */
	model.vq[vq - balloon->queues] = vq;
	model.last_index = MAX(model.last_index, index);
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

static void interrupt(void *arg);

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	model.handler = handler;
	model.arg = arg;
	host_interrupt(interrupt, NULL);
	return 0;
}

/* ---- the device ------------------------------------------------------------------------------------- */

static void interrupt(void *arg)
{
	if (model.handler)
		model.handler(model.arg);
}

static void use(u32 q, u32 head)
{
	struct virtqueue *vq = model.vq[q];

	for (u32 n = model.lie == TWICE ? 2 : 1; n; n--)
		vq->used->ring[model.used[q]++ % RING] =
			(struct virtq_used_elem){ model.lie == USED_ID ? RING + 5 : head, 0 };
	__atomic_store_n(&vq->used->idx, model.used[q], __ATOMIC_SEQ_CST);
}

static void take(u32 q, u32 head)
{
	struct virtq_desc *d = &model.vq[q]->desc[head];
	u32 pieces = 1;

	if (q == STATS) {
		EXPECT_EQ(d->len, (u32)sizeof(model.stats));
		memcpy(model.stats, (void *)d->addr, sizeof(model.stats));
		model.stats_head = head;
		model.stats_held = true;
		return;
	}
	if (q == INFLATE || q == DEFLATE) {
		EXPECT(!(d->flags & VIRTQ_DESC_WRITE));
		*(q == INFLATE ? &model.in : &model.out) += d->len / sizeof(le32);
	} else {
		for (; d->flags & VIRTQ_DESC_NEXT; d = &model.vq[q]->desc[d->next])
			pieces++;
		EXPECT_EQ(d->len, (u32)PAGE_SIZE << PAGE_MAX_ORDER);
		model.reported += pieces;
	}
	use(q, head);
}

/* All that the queues hold for the device. */
static bool serve(void)
{
	bool any = false;

	for (u32 q = 0; q < QUEUES && model.lie != SILENT; q++)
		while (model.vq[q] && model.vq[q]->avail->idx != model.seen[q]) {
			take(q, model.vq[q]->avail->ring[model.seen[q]++ % RING]);
			any = true;
		}
	if (any)
		host_interrupt(interrupt, NULL);
	return any;
}

static void wants(u32 pages)
{
	model.wants = pages;
	host_interrupt(interrupt, NULL);
	host_run();
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static void begin(u64 offered)
{
	model = (struct model){ .offered = offered, .blocks = BLOCKS };
	for (u32 e = 0; e < CORE_EVENTS; e++)
		wait_queue_init(&core_event_wait[e], "core events");
	device = (struct virtio_device){ .transport = &transport, .pci = &pci, .name = "virtio0", .modern = true };
	host_idle_hook = serve;
	host_mmio_add(&notify);
	model.actual = 5;		/* left by another driver */
	EXPECT_EQ(balloon_probe(&device), 0);
	host_run();
	EXPECT_EQ(model.actual, 0u);
}

static void end(void)
{
	balloon_remove(&device);
	host_run();
	host_mmio_remove(&notify);
	host_idle_hook = NULL;
	EXPECT_EQ(host_alloc_live(), 1ull);	/* the structure itself stays */
	EXPECT_EQ(model.actual, 0u);
	EXPECT_EQ(model.managed, 0ll);
	EXPECT_EQ(model.blocks + model.blocks_known, BLOCKS);
	EXPECT_EQ(call_back(), 0ull);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(it_goes_where_the_host_wants)
{
	begin(BALLOON_F_STATS);
	EXPECT_EQ(model.actual, 0u);
	wants(1000);
	EXPECT_EQ(model.actual, 1000u);
	EXPECT_EQ(model.in, 1000u);
	EXPECT_EQ(model.managed, -1000ll);
	wants(10);
	EXPECT_EQ(model.actual, 10u);
	EXPECT_EQ(model.out, 990u);
	EXPECT_EQ(model.managed, -10ll);
	EXPECT_EQ(call_back(), 0ull);		/* the host did not allow that */
	end();
}

TEST(more_than_there_is)
{
	begin(0);
	wants(~0u);
	EXPECT(model.actual > MEMORY - 2 * AT_ONCE && model.actual <= MEMORY);
	host_clock_advance(3 * NSEC_PER_SEC);
	EXPECT_LE(model.actual, MEMORY);
	wants(0);
	EXPECT_EQ(model.actual, 0u);
	end();
}

TEST(pages_come_back_when_memory_is_gone)
{
	begin(BALLOON_F_DEFLATE_ON_OOM);
	wants(600);
	EXPECT_EQ(model.managed, 0ll);
	model.is_short = true;
	EXPECT_EQ(call_back(), (u64)AT_ONCE);
	EXPECT_EQ(call_back(), (u64)AT_ONCE);	/* once the host knew of the first */
	EXPECT_EQ(call_back(), 600ull - 2 * AT_ONCE);
	EXPECT_EQ(call_back(), 0ull);
	host_run();
	EXPECT_EQ(model.out, 600u);
	EXPECT_EQ(model.actual, 0u);
	model.is_short = false;			/* what the host wants still holds */
	host_clock_advance(2 * NSEC_PER_SEC);
	EXPECT_EQ(model.actual, 600u);
	end();
}

TEST(a_silent_host_stops_nobody)
{
	u64 before;

	begin(BALLOON_F_DEFLATE_ON_OOM | BALLOON_F_REPORTING);
	wants(600);
	model.lie = SILENT;
	before = clock_ns();
	EXPECT_EQ(call_back(), (u64)AT_ONCE);
	EXPECT_EQ(clock_ns(), before);
	host_run();				/* the thread waits for the host now, and takes no more */
	EXPECT_EQ(call_back(), (u64)AT_ONCE);
	EXPECT_EQ(call_back(), 0ull);
	EXPECT_EQ(clock_ns() - before, (u64)LOAN_LIMIT_NS);
	EXPECT_EQ(call_back(), 0ull);
	EXPECT_EQ(clock_ns() - before, (u64)LOAN_LIMIT_NS);
	end();
}

TEST(a_host_that_uses_what_it_was_not_given)
{
	begin(0);
	wants(100);
	model.lie = USED_ID;
	wants(300);
	EXPECT(balloon->queues[INFLATE].broken);
	EXPECT_EQ(model.actual, 100u);
	wants(0);				/* out of service */
	EXPECT_EQ(model.actual, 100u);
	end();

	begin(0);
	model.lie = TWICE;
	wants(300);
	EXPECT(balloon->queues[INFLATE].broken);
	end();
}

TEST(statistics_when_the_host_asks)
{
	begin(BALLOON_F_STATS);
	EXPECT(model.stats_held);
	EXPECT_EQ(model.stats[STAT_MAJOR].value, 10ull);
	EXPECT_EQ(model.stats[STAT_MINOR].value, 20ull);
	EXPECT_EQ(model.stats[STAT_CACHES].value, 7 * PAGE_SIZE);
	model.stats_held = false;
	use(STATS, model.stats_head);
	host_interrupt(interrupt, NULL);
	host_run();
	EXPECT(model.stats_held);
	end();
}

TEST(free_blocks_are_told_once)
{
	begin(BALLOON_F_STATS | BALLOON_F_FREE_PAGE_HINT | BALLOON_F_REPORTING);
	EXPECT_EQ(model.last_index, 4u);
	EXPECT_EQ(model.reported, 0u);
	host_clock_advance(3 * NSEC_PER_SEC);
	EXPECT_EQ(model.reported, BLOCKS);
	EXPECT_EQ(model.blocks_known, BLOCKS);
	EXPECT_EQ(host_timer_next(), ~0ull);	/* it sleeps till there is another */
	model.blocks_known--;
	model.blocks++;
	wait_wake_all(&core_event_wait[CORE_EVENT_BLOCK_FREE]);
	host_run();
	EXPECT_EQ(model.reported, BLOCKS);
	host_clock_advance(3 * NSEC_PER_SEC);
	EXPECT_EQ(model.reported, BLOCKS + 1);
	end();

	begin(BALLOON_F_REPORTING);		/* numbers count what the device offers */
	EXPECT_EQ(model.last_index, 2u);
	model.lie = SILENT;
	host_clock_advance(3 * NSEC_PER_SEC);
	EXPECT(model.blocks < BLOCKS);
	end();					/* and back they are */
}
