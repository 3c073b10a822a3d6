/*
 * The virtio-input driver under the input layer, with a device of the test's own that answers questions, fills the
 * event queue and takes LEDs, or lies.
 *
 * sources: input/keyboard.c input/input.c input/evdev.c input/evdev_ioctl.c drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fs/devfs.h"
#include "input/internal.h"
/* The file under test: its probe is found through a section of the kernel's image, which a host program has not. */
#include "drivers/input/virtio_input.c"
#include "tty/vt.h"

void vt_type(const char *s, size_t n) { }
bool vt_application_keys(void) { return false; }

#define NOTIFY 0x7f0000002000ull
#define RING 16

int devfs_node_add(const char *name, u32 mode, u64 rdev) { return 0; }
void devfs_node_remove(const char *name, u64 rdev) { }
int input_sysfs_add(struct input_device *dev) { return 0; }
void input_sysfs_remove(struct input_device *dev) { }
int chardev_register(struct chardev *d) { return 0; }

/* ---- the device ------------------------------------------------------------------------------------- */

static struct model {
	u8 select, subsel;
	u8 lie_select, lie_subsel, lie_size;	/* the answer to this question has that size */
	s32 slots;				/* contacts; 0: none */
	struct virtqueue *vq[2];
	u16 seen[2], used[2];
	irq_handler handler;
	void *arg;
	u32 queues_fail;			/* queue_setup of this number fails, counted from 1 */
	u32 kicks;
	bool ready;
	bool early_lie;			/* it uses buffers before it was given one */
	void (*on_kick)(void);	/* at each doorbell */
} model;
static struct pci_device pci;
static struct virtio_device device;

/* What the device says to the question at hand. */
static u32 answer(u8 data[CONFIG_DATA_SIZE])
{
	static const char name[] = "A\nmodel";
	le32 range[5] = { 0, model.subsel == ABS_MT_SLOT ? model.slots - 1 : 1000 };

	memset(data, 0, CONFIG_DATA_SIZE);
	switch (model.select << 8 | model.subsel) {
	case ID_NAME << 8:
		memcpy(data, name, sizeof(name) - 1);
		return sizeof(name) - 1;
	case EV_BITS << 8 | EV_KEY:
		memset(data, 0xff, CONFIG_DATA_SIZE);	/* more keys than there are numbers */
		return CONFIG_DATA_SIZE;
	case EV_BITS << 8 | EV_ABS:
		data[0] = BIT(ABS_X);
		data[ABS_MT_SLOT / 8] |= model.slots ? 1 << ABS_MT_SLOT % 8 : 0;
		return 8;
	case EV_BITS << 8 | EV_LED:
		data[0] = BIT(LED_CAPSL);
		return 1;
	}
	if (model.select != ABS_INFO)
		return 0;
	memcpy(data, range, sizeof(range));
	return sizeof(range);
}

static u8 model_read(struct virtio_device *d, u32 at)
{
	u8 data[CONFIG_DATA_SIZE];
	u32 size = answer(data);

	if (at >= CONFIG_DATA)
		return data[at - CONFIG_DATA];
	return model.lie_select == model.select && model.lie_subsel == model.subsel ? model.lie_size : size;
}

static void model_write(struct virtio_device *d, u32 at, u8 value)
{
	*(at == CONFIG_SELECT ? &model.select : &model.subsel) = value;
}

static const struct virtio_transport transport = { .config_read8 = model_read, .config_write8 = model_write };

void virtio_config_read(struct virtio_device *d, u32 at, void *to, u32 n)
{
	for (u32 i = 0; i < n; i++)
		((u8 *)to)[i] = model_read(d, at + i);
}

int virtio_negotiate(struct virtio_device *d, u64 wanted) { return 0; }
void virtio_ready(struct virtio_device *d) { model.ready = true; }
void virtio_stop(struct virtio_device *d) { }

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	EXPECT(!model.handler);		/* its queues are looked at only when they are there */
	if (model.queues_fail == index + 1u)
		return -ENOENT;
	model.vq[index] = vq;
	return virtqueue_create(vq, index, RING, 0, indirect_max, d->name) ?: (vq->notify = (void *)NOTIFY, 0);
}

static void model_kicked(void *arg, u64 offset, unsigned width, u64 value)
{
	EXPECT(model.ready);
	model.kicks++;
	if (model.on_kick)
		model.on_kick();
}

static struct host_mmio notify = { .base = NOTIFY, .size = 4, .write = model_kicked };

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
	if (model.early_lie)
		model.vq[QUEUE_EVENTS]->used->idx = 3;
	host_interrupt(interrupt, NULL);
	return 0;
}

static void interrupt(void *arg)
{
	if (model.handler)
		model.handler(model.arg);
}

/* The next buffer of the queue: its descriptor, NULL: none. */
static struct virtq_desc *take(u32 q)
{
	struct virtq_avail *a = model.vq[q]->avail;

	return a->idx == model.seen[q] ? NULL : &model.vq[q]->desc[a->ring[model.seen[q]++ % RING]];
}

static void give_back(u32 q, struct virtq_desc *d, u32 len)
{
	struct virtq_used *u = model.vq[q]->used;

	u->ring[model.used[q] % RING] = (struct virtq_used_elem){ d - model.vq[q]->desc, len };
	__atomic_store_n(&u->idx, ++model.used[q], __ATOMIC_SEQ_CST);
}

static void report(u32 type, u32 code, s32 value, u32 len)
{
	struct virtq_desc *d = take(QUEUE_EVENTS);

	EXPECT(d);
	if (!d)
		return;
	*(struct virtio_input_event *)d->addr = (struct virtio_input_event){ type, code, value };
	give_back(QUEUE_EVENTS, d, len);
	host_interrupt(interrupt, NULL);
	host_run();
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static int probe(void)
{
	device = (struct virtio_device){ .transport = &transport, .pci = &pci, .name = "virtio0", .modern = true };
	host_mmio_add(&notify);
	return input_probe(&device);
}

static struct input_device *begin(void)
{
	model = (struct model){ .slots = 4 };
	EXPECT_EQ(probe(), 0);
	return ((struct virtio_input *)device.driver_data)->input;
}

static void end(void)
{
	input_remove(&device);
	host_mmio_remove(&notify);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

static bool down(struct input_device *dev, u32 key) { return bitmap_test(input_bits(dev->on, EV_KEY), key); }

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(a_device_is_asked_what_it_can)
{
	struct input_device *dev = begin();

	EXPECT_STR(dev->name, "A?model");	/* no line of its own in what lists it */
	EXPECT_STR(dev->uniq, "");
	EXPECT_STR(dev->phys, "virtio0/input0");
	EXPECT(input_has(dev, EV_KEY, KEY_MAX) && !input_has(dev, EV_KEY, KEY_CNT));
	EXPECT(!bitmap_test(dev->can, EV_REL) && !bitmap_test(dev->can, EV_REP));
	EXPECT_EQ(dev->abs[ABS_X].maximum, 1000);
	EXPECT_EQ(dev->slot_count, 4u);
	end();
}

TEST(events_are_reported)
{
	struct input_device *dev = begin();

	for (u32 i = 0; i < 100; i++) {
		report(EV_KEY, KEY_A, 1, 8);
		EXPECT(down(dev, KEY_A));
		report(EV_KEY, KEY_A, 0, 8);
		EXPECT(!down(dev, KEY_A));
	}
	report(0xffff, 0xffff, -1, 8);
	report(EV_KEY, 0xffff, 1, 8);
	report(EV_ABS, 0xffff, 1, 8);
	report(EV_ABS, ABS_X, 0x7fffffff, 8);
	EXPECT_EQ(dev->abs[ABS_X].value, 0x7fffffff);
	end();
}

TEST(leds_go_to_the_device)
{
	struct input_device *dev = begin();
	u32 got = 0;

	for (u32 i = 1; i <= 100; i++) {
		struct virtq_desc *d;

		input_event(dev, EV_LED, LED_CAPSL, i % 2);
		while ((d = take(QUEUE_STATUS))) {
			struct virtio_input_event *e = (void *)d->addr;

			EXPECT_EQ(e->type, EV_LED);
			EXPECT_EQ(e->value, i % 2);
			EXPECT_EQ(d->flags & VIRTQ_DESC_WRITE, 0);
			give_back(QUEUE_STATUS, d, 0);
			got++;
		}
	}
	EXPECT_EQ(got, 100u);
	/* One that takes none: said once, and nobody waits. */
	for (u32 i = 1; i <= 100; i++)
		input_event(dev, EV_LED, LED_CAPSL, i % 2);
	EXPECT(host_log_has("takes no events"));
	EXPECT(!dev->gone);
	end();
}

/* A length or an identifier that cannot be: the device is gone, and what has it open lives on. */
static void expect_gone(struct input_device *dev)
{
	host_run();
	EXPECT(dev->gone);
	EXPECT(!model.handler);
	input_remove(&device);		/* all that is left to its driver */
	input_put(dev);
	host_mmio_remove(&notify);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

TEST(a_lie_about_events_ends_the_device)
{
	for (u32 len = 0; len < 8; len += 7) {
		struct input_device *dev = begin();

		ref_get(&dev->refs);
		report(EV_KEY, KEY_A, 1, len);
		expect_gone(dev);
	}
}

/* It ends when it has begun: whether there is memory for that, or not. */
TEST(a_lie_before_it_starts)
{
	struct input_device *dev;
	int err = -ENOMEM;

	for (u32 nth = 1; err; nth++) {
		model = (struct model){ .slots = 4, .early_lie = true };
		host_alloc_fail(nth);
		err = probe();
		host_alloc_fail(0);
		if (err) {
			host_run();
			host_mmio_remove(&notify);
			EXPECT_EQ(host_alloc_live(), 0ull);
		}
	}
	EXPECT(host_log_has("used index 3"));
	dev = ((struct virtio_input *)device.driver_data)->input;
	ref_get(&dev->refs);
	expect_gone(dev);
}

static void all_again(void)
{
	struct virtq_desc *d;

	while ((d = take(QUEUE_EVENTS)))
		give_back(QUEUE_EVENTS, d, 8);
}

/* Whatever it is given comes back at once, so that its interrupt would never end. */
TEST(a_device_that_never_stops_is_ended)
{
	struct input_device *dev = begin();

	ref_get(&dev->refs);
	model.on_kick = all_again;
	report(EV_KEY, KEY_A, 1, 8);
	EXPECT(host_log_has("events without end"));
	model.on_kick = NULL;
	expect_gone(dev);
}

TEST(a_lie_about_leds_ends_the_device)
{
	struct input_device *dev = begin();

	ref_get(&dev->refs);
	input_event(dev, EV_LED, LED_CAPSL, 1);
	give_back(QUEUE_STATUS, model.vq[QUEUE_STATUS]->desc + 7, 0);
	input_event(dev, EV_LED, LED_CAPSL, 0);
	expect_gone(dev);
}

TEST(a_configuration_that_cannot_be_is_refused)
{
#define LIE(select, subsel, size) { .lie_select = (select), .lie_subsel = (subsel), .lie_size = (size) }
	static const struct model lies[] = {
		LIE(ID_NAME, 0, 129), LIE(ID_SERIAL, 0, 255), LIE(ID_DEVIDS, 0, 200), LIE(PROP_BITS, 0, 130),
		LIE(EV_BITS, EV_KEY, 255), LIE(EV_BITS, EV_REP, 255), LIE(ABS_INFO, ABS_X, 19), LIE(ABS_INFO, ABS_X, 0),
		{ .slots = 100000 }, { .slots = -5 }, { .queues_fail = 1 }, { .queues_fail = 2 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		model = lies[i];
		EXPECT_EQ(probe(), lies[i].queues_fail ? -ENOENT : -EINVAL);
		host_mmio_remove(&notify);
		EXPECT_EQ(host_alloc_live(), 0ull);
	}
	/* Short answers to what may be short, and long ones. */
	model = (struct model){ .lie_select = ID_DEVIDS, .lie_size = 3 };
	EXPECT_EQ(probe(), 0);
	end();
}

TEST(no_memory)
{
	int err = -ENOMEM;

	for (u32 nth = 1; err; nth++) {
		model = (struct model){ .slots = 4 };
		host_alloc_fail(nth);
		err = probe();
		host_alloc_fail(0);
		EXPECT(!err || err == -ENOMEM);
		if (err) {
			host_mmio_remove(&notify);
			EXPECT_EQ(host_alloc_live(), 0ull);
		}
	}
	end();
}
