/*
 * The virtio-gpu driver, with a device of the test's own that does what it is told, says what went wrong, lies, or says
 * nothing at all.
 *
 * sources: drivers/gpu/queue.c drivers/gpu/commands.c gfx/object.c drivers/virtio/virtqueue.c
 * sources: drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "core/clock.h"
#include "mm/slab.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/gpu/virtio_gpu.c"

#define NOTIFY 0x7f0000003000ull
#define RING 16
#define CAPSET_SIZE 100

enum lie { NONE, SHORT, SHORT_REPLY, TYPE, FENCE, NO_FENCE, ERROR, USED_ID, SILENT };

static struct model {
	enum lie lie;
	u32 lie_about;			/* commands of this type; 0: all */
	u32 scanouts;
	struct virtqueue *vq[2];
	u16 seen[2], used[2];
	irq_handler handler[VECTORS];
	void *arg;
	u32 types[512], count;		/* what was asked, in order */
	u32 events;
	u32 registered, changed;
	bool wire;			/* there are no messages */
	u8 isr;
} model;
static struct pci_device pci;
static struct virtio_device device;

/* ---- what stands around the driver ------------------------------------------------------------------ */

void gpu_init(struct gpu_device *gpu)
{
	gpu->refs = 1;
	mutex_init(&gpu->display_lock, "gpu displays");
	wait_queue_init(&gpu->fence_wait, "gpu fences");
}

int gpu_register(struct gpu_device *gpu) { return model.registered++, 0; }
void gpu_unregister(struct gpu_device *gpu) { }
void gpu_free(struct gpu_device *gpu) { }
void gpu_displays_changed(struct gpu_device *gpu) { model.changed++; }
u32 gpu_edid_length(const u8 *edid, u32 size) { return size; }
int drm_object_number(struct gpu_object *o) { return o->id = 7, 0; }
void drm_object_gone(struct gpu_object *o) { }

void virtio_config_read(struct virtio_device *d, u32 at, void *to, u32 n)
{
	*(le32 *)to = at == CONFIG_EVENTS_READ ? model.events : at == CONFIG_SCANOUTS ? model.scanouts : 1;
}

static void config_write32(struct virtio_device *d, u32 at, u32 value) { model.events &= ~value; }
static bool set_config_vector(struct virtio_device *d, u16 vector) { return true; }
static u8 isr(struct virtio_device *d) { return model.isr; }
static const struct virtio_transport transport = {
	.isr = isr,
	.config_write32 = config_write32,
	.set_config_vector = set_config_vector,
};

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	d->features = wanted & (VIRTIO_GPU_F_VIRGL | VIRTIO_GPU_F_EDID);
	return 0;
}

void virtio_ready(struct virtio_device *d) { }

int virtio_reset(struct virtio_device *d)
{
	model.vq[0] = model.vq[1] = NULL;
	return 0;
}

void virtio_stop(struct virtio_device *d) { virtio_reset(d); }

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	EXPECT(!model.handler[0]);	/* its queues are looked at only when they are there */
	model.vq[index] = vq;
	return virtqueue_create(vq, index, RING, 0, indirect_max, d->name) ?: (vq->notify = (void *)NOTIFY, 0);
}

static void kicked(void *arg, u64 offset, unsigned width, u64 value) { }
static struct host_mmio notify = { .base = NOTIFY, .size = 4, .write = kicked };

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	if (model.wire && !(types & PCI_IRQ_INTX))
		return -ENXIO;
	d->irq_type = model.wire ? PCI_IRQ_INTX : PCI_IRQ_MSIX;
	return d->irq_count = max;
}

void pci_irq_free(struct pci_device *d) { d->irq_count = 0; }
void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { model.handler[i] = NULL; }
void pci_irq_enable(struct pci_device *d, u32 i) { }
void pci_irq_describe(struct pci_device *d, char *buf, size_t size) { *buf = '\0'; }
size_t bus_device_path(const struct bus_device *d, char *path, size_t size) { return *path = '\0', 0; }

static void interrupt(void *vector);

/* On a wire that others share the handler is called as soon as it is there. */
int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	model.handler[i] = handler;
	model.arg = arg;
	host_interrupt(interrupt, (void *)(uintptr_t)i);
	return 0;
}

/* ---- the device ------------------------------------------------------------------------------------- */

static void interrupt(void *vector)
{
	if (model.handler[(uintptr_t)vector])
		model.handler[(uintptr_t)vector](model.arg);
}

/* A true answer to the request: its length. */
static u32 answer(const struct gpu_header *h, void *to, u32 room)
{
	struct gpu_header *a = to;
	u32 n = sizeof(*a);

	memset(to, 0, room);
	a->type = RESP_OK_NODATA;
	a->flags = h->flags;
	a->fence = h->fence;
	switch (h->type) {
	case CMD_GET_DISPLAY_INFO:
		a->type = RESP_OK_DISPLAY_INFO;
		((struct gpu_resp_displays *)to)->modes[0].r = (struct gpu_le_rect){ 0, 0, 640, 480 };
		((struct gpu_resp_displays *)to)->modes[0].enabled = 1;
		return sizeof(struct gpu_resp_displays);
	case CMD_GET_EDID:
		a->type = RESP_OK_EDID;
		((struct gpu_resp_edid *)to)->size = 1u << 30;	/* more than there is */
		return sizeof(struct gpu_resp_edid);
	case CMD_GET_CAPSET_INFO:
		a->type = RESP_OK_CAPSET_INFO;
		((struct gpu_resp_capset_info *)to)->id = 1;
		((struct gpu_resp_capset_info *)to)->size = CAPSET_SIZE;
		return sizeof(struct gpu_resp_capset_info);
	case CMD_GET_CAPSET:
		a->type = RESP_OK_CAPSET;
		memset(a + 1, 0x5a, CAPSET_SIZE);
		return sizeof(*a) + CAPSET_SIZE;
	}
	return n;
}

static u32 lie(const struct gpu_header *h, struct gpu_header *a, u32 n)
{
	if (model.lie_about && model.lie_about != h->type)
		return n;
	switch (model.lie) {
	case SHORT: return 8;
	case SHORT_REPLY: return n - 1;
	case TYPE: a->type = 0x1234; break;
	case FENCE: a->fence += 1; break;
	case NO_FENCE: a->flags = 0; break;
	case ERROR: a->type = RESP_ERR_INVALID_PARAMETER; return sizeof(*a);
	default: break;
	}
	return n;
}

/* All that the queue holds for the device. */
static bool serve(void)
{
	struct virtqueue *vq = model.vq[QUEUE_CONTROL];
	bool any = false;

	while (vq && model.lie != SILENT && vq->avail->idx != model.seen[0]) {
		u32 head = vq->avail->ring[model.seen[0]++ % RING];
		struct virtq_desc *d = &vq->desc[head];
		const struct gpu_header *h = (void *)d->addr;
		u32 n;

		while (d->flags & VIRTQ_DESC_NEXT)
			d = &vq->desc[d->next];
		if (model.count < ARRAY_SIZE(model.types))
			model.types[model.count++] = h->type;
		n = lie(h, (void *)d->addr, answer(h, (void *)d->addr, d->len));
		vq->used->ring[model.used[0] % RING] =
			(struct virtq_used_elem){ model.lie == USED_ID ? RING + 5 : head, n };
		__atomic_store_n(&vq->used->idx, ++model.used[0], __ATOMIC_SEQ_CST);
		any = true;
		if (!(vq->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT))
			host_interrupt(interrupt, (void *)(uintptr_t)(model.wire ? 0 : VECTOR_CONTROL));
		vq = model.vq[QUEUE_CONTROL];
	}
	return any;
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static struct gpu_device *gpu(void) { return &((struct virtio_gpu *)device.driver_data)->dev; }

static int probe(void)
{
	device = (struct virtio_device){ .transport = &transport, .pci = &pci, .name = "virtio0", .modern = true };
	host_idle_hook = serve;
	host_mmio_add(&notify);
	return gpu_probe(&device);
}

static void begin(void)
{
	model = (struct model){ .scanouts = 1 };
	EXPECT_EQ(probe(), 0);
}

static void done(void)
{
	host_run();
	host_mmio_remove(&notify);
	host_idle_hook = NULL;
	EXPECT_EQ(host_alloc_live(), 0ull);
}

static void end(void)
{
	gpu_remove(&device);
	done();
}

static int submit(u64 *fence)
{
	return gpu()->ops->submit(gpu(), 1, kmalloc(64), 64, fence);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(a_device_is_asked_what_it_has)
{
	begin();
	EXPECT_EQ(model.registered, 1u);
	EXPECT(gpu()->virgl);
	EXPECT_EQ(gpu()->capset_count, 1u);
	EXPECT_EQ(gpu()->capsets[0].size, CAPSET_SIZE);
	EXPECT_EQ(gpu()->displays[0].width, 640u);
	EXPECT_EQ(gpu()->displays[0].edid_size, GPU_EDID_SIZE);
	end();
}

/* The register says of work that there is none of yet: what is to be looked at is there. */
TEST(a_wire_that_says_too_much)
{
	model = (struct model){ .scanouts = 1, .wire = true, .isr = VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG };
	EXPECT_EQ(probe(), 0);
	EXPECT(model.handler[0] == shared_irq);
	EXPECT_EQ(shared_irq(model.arg), IRQ_HANDLED);
	model.isr = 0;
	EXPECT_EQ(shared_irq(model.arg), IRQ_NONE);
	end();
}

TEST(a_change_of_the_display_is_read)
{
	begin();
	host_interrupt(interrupt, (void *)(uintptr_t)VECTOR_CONFIG);
	host_run();
	EXPECT_EQ(model.changed, 0u);		/* no event: something else of the configuration */
	model.events = EVENT_DISPLAY;
	host_interrupt(interrupt, (void *)(uintptr_t)VECTOR_CONFIG);
	host_run();
	EXPECT_EQ(model.changed, 1u);
	EXPECT_EQ(model.events, 0u);
	end();
}

TEST(more_scanouts_than_can_be)
{
	model = (struct model){ .scanouts = 17 };
	EXPECT_EQ(probe(), -EINVAL);
	done();
}

TEST(an_object_lives_until_the_device_lets_go)
{
	struct gpu_shape shape = { .format = 2, .width = 64, .height = 64 };
	struct gpu_object *o;
	u64 before;

	begin();
	before = gpu_object_bytes();
	o = gpu_object_new(gpu(), 64 * 64 * 4, &shape);
	EXPECT(!is_err(o));
	EXPECT_EQ(gpu_object_bytes(), before + 64 * 64 * 4);
	model.lie = SILENT;
	gpu_object_put(o);
	host_run();
	EXPECT_EQ(gpu_object_bytes(), before + 64 * 64 * 4);
	model.lie = NONE;
	serve();
	host_run();
	EXPECT_EQ(gpu_object_bytes(), before);
	EXPECT_EQ(model.types[model.count - 3], CMD_RESOURCE_CREATE_2D);
	EXPECT_EQ(model.types[model.count - 2], CMD_RESOURCE_ATTACH_BACKING);
	EXPECT_EQ(model.types[model.count - 1], CMD_RESOURCE_UNREF);
	end();
}

TEST(objects_that_cannot_be)
{
	struct gpu_shape shape = { .format = 2, .width = 64, .height = 64 };

	begin();
	EXPECT_EQ(ptr_err(gpu_object_new(gpu(), 0, &shape)), -EINVAL);
	EXPECT_EQ(ptr_err(gpu_object_new(gpu(), ~0ull, &shape)), -ENOMEM);
	EXPECT_EQ(ptr_err(gpu_object_new(gpu(), 1ull << 40, &shape)), -ENOMEM);
	EXPECT_EQ(gpu_object_bytes(), 0ull);
	end();
}

TEST(an_error_is_an_answer)
{
	u8 caps[CAPSET_SIZE];

	begin();
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), 0);
	EXPECT_EQ(caps[CAPSET_SIZE - 1], 0x5a);
	model.lie = ERROR;
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), -EINVAL);
	EXPECT_EQ(gpu()->counts[GPU_ERRORS], 1ull);
	EXPECT(!gpu()->gone);
	model.lie = NONE;
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), 0);
	end();
}

TEST(silence_ends_the_call_and_not_the_machine)
{
	u8 caps[CAPSET_SIZE];
	u64 before;

	begin();
	model.lie = SILENT;
	before = clock_ns();
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), -ETIMEDOUT);
	EXPECT(clock_ns() - before >= 5 * NSEC_PER_SEC);
	EXPECT(!gpu()->gone);
	/* The late answer finds its memory. */
	model.lie = NONE;
	serve();
	host_run();
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), 0);
	end();
}

TEST(a_full_ring_is_waited_for)
{
	u64 fence = 0, last = 0;
	int err = 0, sent = 0;

	begin();
	model.lie = SILENT;
	model.count = 0;
	while (!(err = submit(&fence))) {
		EXPECT(fence > last);
		last = fence;
		sent++;
	}
	EXPECT_EQ(err, -EBUSY);
	EXPECT(sent >= RING / 3);
	EXPECT(gpu()->fence_done < last);
	/* It comes to life: all is done, in order, and there is room again. */
	model.lie = NONE;
	gpu()->ops->kick(gpu());
	serve();
	gpu()->ops->fence_want(gpu(), last);
	serve();
	host_run();
	EXPECT_EQ(gpu()->fence_done, last);
	EXPECT_EQ(model.count, (u32)sent);
	EXPECT_EQ(submit(&fence), 0);
	end();
}

TEST(nobody_waits_nobody_is_interrupted)
{
	u64 fence, before;

	begin();
	before = gpu()->counts[GPU_INTERRUPTS];
	for (u32 i = 0; i < 100; i++) {
		EXPECT_EQ(submit(&fence), 0);
		gpu()->ops->kick(gpu());
		serve();
	}
	EXPECT_EQ(gpu()->counts[GPU_INTERRUPTS], before);
	EXPECT_EQ(submit(&fence), 0);
	gpu()->ops->fence_want(gpu(), fence);
	gpu()->ops->kick(gpu());
	serve();
	EXPECT_EQ(gpu()->fence_done, fence);
	EXPECT_EQ(gpu()->counts[GPU_INTERRUPTS], before + 1);
	end();
}

TEST(a_lie_ends_the_device)
{
	static const struct { enum lie lie; u32 about; } lies[] = {
		{ SHORT, 0 }, { TYPE, 0 }, { FENCE, 0 }, { NO_FENCE, 0 }, { USED_ID, 0 },
	};
	u64 fence;

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		begin();
		model.lie = lies[i].lie;
		EXPECT_EQ(submit(&fence), 0);
		EXPECT_EQ(submit(&fence), 0);
		gpu()->ops->fence_want(gpu(), fence);
		gpu()->ops->kick(gpu());
		serve();
		host_run();
		EXPECT(gpu()->gone);
		EXPECT(gpu_fence_is_done(gpu(), fence));
		EXPECT(!model.handler[VECTOR_CONTROL]);
		EXPECT_EQ(submit(&fence), -ENODEV);
		end();
	}
}

TEST(a_lie_at_the_start_is_refused)
{
	static const u32 abouts[] = { CMD_GET_CAPSET_INFO, CMD_GET_DISPLAY_INFO };

	for (u32 i = 0; i < ARRAY_SIZE(abouts); i++) {
		model = (struct model){ .scanouts = 1, .lie = ERROR, .lie_about = abouts[i] };
		EXPECT_EQ(probe(), -EINVAL);
		EXPECT_EQ(model.registered, 0u);
		done();
	}
}

TEST(a_short_reply_ends_the_device)
{
	u8 caps[CAPSET_SIZE];

	begin();
	model.lie = SHORT_REPLY;
	EXPECT_EQ(gpu()->ops->capset(gpu(), 0, 1, caps, sizeof(caps)), -EIO);
	host_run();
	EXPECT(gpu()->gone);
	end();
}

TEST(what_programs_hold_outlives_the_device)
{
	struct gpu_shape shape = { .format = 2, .width = 64, .height = 64 };
	struct gpu_device *dev;
	struct gpu_object *o;
	u64 fence;

	begin();
	dev = gpu();
	o = gpu_object_new(dev, 64 * 64 * 4, &shape);
	EXPECT(!is_err(o));
	model.lie = SILENT;
	EXPECT_EQ(submit(&fence), 0);
	gpu_get(dev);		/* an open file's */
	gpu_remove(&device);
	EXPECT(dev->gone);
	EXPECT(gpu_fence_is_done(dev, fence));
	EXPECT_EQ(dev->ops->submit(dev, 1, kmalloc(64), 64, &fence), -ENODEV);
	EXPECT_EQ(dev->ops->flush(dev, o, &(struct gpu_rect){ 0, 0, 1, 1 }), -ENODEV);
	EXPECT_EQ(dev->ops->cursor(dev, 0, 1, 1, false, NULL, 0, 0), -ENODEV);
	dev->ops->fence_want(dev, fence + 1);
	dev->ops->context_destroy(dev, 1);
	dev->ops->kick(dev);
	gpu_put(dev);
	host_run();
	EXPECT_EQ(gpu_object_bytes(), 64ull * 64 * 4);
	gpu_object_put(o);
	done();
	EXPECT_EQ(gpu_object_bytes(), 0ull);
}
