/*
 * virtio-input: keyboards, mice, tablets and touch screens of the host, whose
 * events are Linux's as they are. What the device is and can do is asked for
 * piece by piece in its configuration and goes to the input layer; its event
 * queue brings events, its status queue takes those that programs send (LEDs).
 *
 * A configuration that cannot be is refused; a queue that lies takes the
 * device away, which its readers see as if it had been unplugged.
 *
 * Lock keys: [e] events, taken outside the input layer's lock; [s] status, inside it.
 *
 * Source: Virtio 1.2, 5.8.
 */
#include "base/endian.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/virtio/virtio.h"
#include "input/input.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "sched/softirq.h"

#define VIRTIO_ID_INPUT		18

/* Configuration, 5.8.4: what is selected, and how long the answer is */
#define CONFIG_SELECT		0
#define CONFIG_SUBSEL		1
#define CONFIG_SIZE		2
#define CONFIG_DATA		8
#define CONFIG_DATA_SIZE	128
enum { ID_NAME = 1, ID_SERIAL = 2, ID_DEVIDS = 3, PROP_BITS = 0x10, EV_BITS = 0x11, ABS_INFO = 0x12 };

enum { QUEUE_EVENTS, QUEUE_STATUS };
/* So often may the queue have filled again while an interrupt emptied it: thousands of events, more than anything has
 * that a person moves. */
#define ROUNDS_MAX		64u

struct virtio_input_event { le16 type, code; le32 value; };	/* 5.8.6 */
struct virtio_input_absinfo { le32 minimum, maximum, fuzz, flat, resolution; };

struct virtio_input {
	struct virtio_device *device;
	struct input_device *input;
	struct work end;		/* a queue lied */
	bool ending;			/* end was queued, or needs not be [a] */
	bool ended;			/* nothing is left but the memory [end's; who has cancelled it] */
	struct spinlock events;		/* irq kind */
	struct spinlock status;		/* irq kind */
	struct virtqueue queues[2];	/* [e], [s] */
	/* What the queues' descriptors show: the device's while it holds them. An entry for each place of the queue. */
	struct virtio_input_event *in;	/* [e] */
	struct virtio_input_event *out;	/* [s] */
	u32 out_used;			/* entries of out that were ever given to the device [s] */
	bool refused;			/* the device's queue was full and that was said [s] */
};

/* ---- configuration ---------------------------------------------------------------------------------- */

/* An answer's first n bytes, the rest zeros: how many it has, 0: the device knows nothing of it; -EINVAL: it lies. */
static int ask(struct virtio_device *d, u8 select, u8 subsel, void *to, u32 n)
{
	u32 size;

	d->transport->config_write8(d, CONFIG_SELECT, select);
	d->transport->config_write8(d, CONFIG_SUBSEL, subsel);
	size = d->transport->config_read8(d, CONFIG_SIZE);
	if (size > CONFIG_DATA_SIZE) {
		log_err("%s: the device answers question %#x/%u with %u bytes, where %u fit", d->name, select, subsel, size,
			CONFIG_DATA_SIZE);
		return -EINVAL;
	}
	memset(to, 0, n);
	virtio_config_read(d, CONFIG_DATA, to, MIN(size, n));
	return size;
}

/* A text of the device's, which others will print; empty if it has none. */
static int ask_text(struct virtio_device *d, u8 select, char **to)
{
	char text[CONFIG_DATA_SIZE + 1] = "";
	int n = ask(d, select, 0, text, CONFIG_DATA_SIZE);

	if (n < 0)
		return n;
	for (char *s = text; *s; s++)
		if ((u8)*s < ' ' || *s == 0x7f)
			*s = '?';
	*to = kstrdup(text);
	return *to ? 0 : -ENOMEM;
}

/* Which codes of the type it has. Those beyond the type's last are nothing that anybody could be told of. */
static int ask_codes(struct virtio_device *d, struct input_device *input, u32 type)
{
	u64 bits[CONFIG_DATA_SIZE / sizeof(u64)];
	u32 words = BITMAP_WORDS(input_codes(type)), over = input_codes(type) % 64;
	int n = ask(d, EV_BITS, type, bits, sizeof(bits));
	u64 *to = input_bits(input->can, type);

	if (n <= 0)
		return n;
	memcpy(to, bits, words * sizeof(u64));
	if (over)
		to[words - 1] &= BIT(over) - 1;
	input_can(input, EV_SYN, type);
	return 0;
}

static int ask_axis(struct virtio_device *d, struct input_device *input, u32 axis)
{
	struct virtio_input_absinfo a;
	int n = ask(d, ABS_INFO, axis, &a, sizeof(a));

	if (n < 0)
		return n;
	if (n < (int)sizeof(a)) {
		log_err("%s: the device has axis %u and says of it %d bytes", d->name, axis, n);
		return -EINVAL;
	}
	input->abs[axis] = (struct input_absinfo){
		.minimum = le32_to_cpu(a.minimum), .maximum = le32_to_cpu(a.maximum), .fuzz = le32_to_cpu(a.fuzz),
		.flat = le32_to_cpu(a.flat), .resolution = le32_to_cpu(a.resolution),
	};
	return 0;
}

static int ask_identity(struct virtio_device *d, struct input_device *input)
{
	char phys[32];
	le16 id[4];
	int err = ask_text(d, ID_NAME, &input->name);

	if (!err)
		err = ask_text(d, ID_SERIAL, &input->uniq);
	if (err)
		return err;
	snprintf(phys, sizeof(phys), "%s/input0", d->name);
	input->phys = kstrdup(phys);
	if (!input->phys)
		return -ENOMEM;
	input->id.bustype = BUS_VIRTUAL;
	err = ask(d, ID_DEVIDS, 0, id, sizeof(id));
	if (err >= (int)sizeof(id))
		input->id = (struct input_id){ le16_to_cpu(id[0]), le16_to_cpu(id[1]), le16_to_cpu(id[2]), le16_to_cpu(id[3]) };
	return MIN(err, 0);
}

static int ask_all(struct virtio_device *d, struct input_device *input)
{
	static const u8 types[] = { EV_KEY, EV_REL, EV_ABS, EV_MSC, EV_SW, EV_LED, EV_SND };
	u8 none[1];
	int err = ask_identity(d, input);

	if (!err)
		err = MIN(ask(d, PROP_BITS, 0, input->props, sizeof(input->props)), 0);
	for (u32 i = 0; !err && i < ARRAY_SIZE(types); i++)
		err = ask_codes(d, input, types[i]);
	for (u32 axis = 0; !err && axis < ABS_CNT; axis++)
		if (input_has(input, EV_ABS, axis))
			err = ask_axis(d, input, axis);
	if (!err) {
		err = ask(d, EV_BITS, EV_REP, none, 0);
		if (err > 0)
			input_can(input, EV_SYN, EV_REP);
	}
	return MIN(err, 0);
}

/* ---- queues ----------------------------------------------------------------------------------------- */

/* [e] */
static void event_give(struct virtio_input *v, struct virtio_input_event *e)
{
	if (virtqueue_add_in(&v->queues[QUEUE_EVENTS], dma_addr(e), sizeof(*e), e))
		return;			/* broken, or fewer places than entries: never */
}

/* Report what has come. [e] */
static void events_take(struct virtio_input *v)
{
	struct virtqueue *vq = &v->queues[QUEUE_EVENTS];
	struct virtio_input_event *e;
	u32 n;

	for (u32 round = 0; round < ROUNDS_MAX; round++) {
		while ((e = virtqueue_get(vq, &n))) {
			if (n != sizeof(*e)) {
				virtqueue_break(vq, "an event's length", n);
				return;
			}
			input_event(v->input, le16_to_cpu(e->type), le16_to_cpu(e->code), le32_to_cpu(e->value));
			event_give(v, e);
		}
		virtqueue_kick(vq);
		if (!virtqueue_enable_cb(vq))
			return;
	}
	virtqueue_break(vq, "events without end, rounds", ROUNDS_MAX);
}

static enum irq_result input_irq(void *arg)
{
	struct virtio_input *v = arg;
	struct virtio_device *d = v->device;
	bool ours = d->pci->irq_type != PCI_IRQ_INTX || d->transport->isr(d);
	u64 flags = spin_lock_irqsave(&v->events);

	events_take(v);
	spin_unlock_irqrestore(&v->events, flags);
	return ours ? IRQ_HANDLED : IRQ_NONE;
}

/* An entry for an event to the device: one that it is done with, or a fresh one; NULL: it holds all. [s] */
static struct virtio_input_event *status_entry(struct virtio_input *v)
{
	struct virtqueue *vq = &v->queues[QUEUE_STATUS];
	u32 n;
	struct virtio_input_event *e = virtqueue_get(vq, &n);

	if (!e && v->out_used < vq->size)
		e = &v->out[v->out_used++];
	return vq->broken ? NULL : e;
}

/* The input layer's: an LED, a sound. Its lock is held. */
static void status_send(struct input_device *input, u32 type, u32 code, s32 value)
{
	struct virtio_input *v = input->driver_data;
	struct virtqueue *vq = &v->queues[QUEUE_STATUS];
	u64 flags = spin_lock_irqsave(&v->status);
	struct virtio_input_event *e = status_entry(v);

	if (e) {
		*e = (struct virtio_input_event){ cpu_to_le16(type), cpu_to_le16(code), cpu_to_le32(value) };
		if (!virtqueue_add_out(vq, dma_addr(e), sizeof(*e), e))
			virtqueue_kick(vq);
	} else if (!vq->broken && !v->refused) {
		v->refused = true;
		log_warn("%s: the device takes no events: they are lost", v->device->name);
	}
	spin_unlock_irqrestore(&v->status, flags);
}

static void queue_broken(struct virtqueue *vq)
{
	struct virtio_input *v = container_of(vq - vq->index, struct virtio_input, queues[0]);

	if (!atomic_xchg(&v->ending, true))
		work_queue(&v->end);
}

/* ---- the device's life ------------------------------------------------------------------------------ */

static void input_release(struct virtio_input *v)
{
	kfree(v->in);
	kfree(v->out);
	kfree(v);
}

static void interrupt_end(struct virtio_input *v)
{
	pci_irq_detach(v->device->pci, 0, v);
	pci_irq_free(v->device->pci);
}

/* The device touches nothing any more, then the memory goes. */
static void input_stop(struct virtio_input *v)
{
	virtio_stop(v->device);
	for (u32 i = 0; i < ARRAY_SIZE(v->queues); i++)
		if (v->queues[i].memory)
			virtqueue_destroy(&v->queues[i]);
	input_release(v);
}

/* First the handler is out of here, then, behind input_unregister, all programs. */
static void input_end(struct virtio_input *v)
{
	if (v->ended)
		return;
	v->ended = true;
	interrupt_end(v);
	input_unregister(v->input);
}

/* A queue lied: the device is silenced, and its driver waits for it to go. */
static void input_end_work(struct work *w)
{
	struct virtio_input *v = container_of(w, struct virtio_input, end);

	input_end(v);
	virtio_stop(v->device);
}

static void input_remove(struct virtio_device *d)
{
	struct virtio_input *v = d->driver_data;

	atomic_store(&v->ending, true);
	work_cancel(&v->end);
	input_end(v);
	input_stop(v);
}

static int queues_setup(struct virtio_input *v)
{
	struct virtio_device *d = v->device;
	struct virtqueue *events = &v->queues[QUEUE_EVENTS], *status = &v->queues[QUEUE_STATUS];
	int err = virtio_queue_setup(d, events, QUEUE_EVENTS, d->pci->irq_type == PCI_IRQ_MSIX ? 0 : VIRTIO_NO_VECTOR, 0);

	if (!err)
		err = virtio_queue_setup(d, status, QUEUE_STATUS, VIRTIO_NO_VECTOR, 0);
	if (err)
		return err;
	v->in = kcalloc(events->size, sizeof(*v->in));
	v->out = kcalloc(status->size, sizeof(*v->out));
	if (!v->in || !v->out)
		return -ENOMEM;
	virtqueue_disable_cb(status);	/* what it is done with is taken back with the next */
	events->on_broken = status->on_broken = queue_broken;
	return 0;
}

/* All its places are the device's to write events to. */
static void events_start(struct virtio_input *v)
{
	struct virtqueue *vq = &v->queues[QUEUE_EVENTS];
	u64 flags = spin_lock_irqsave(&v->events);

	for (u32 i = 0; i < vq->size; i++)
		event_give(v, &v->in[i]);
	events_take(v);
	spin_unlock_irqrestore(&v->events, flags);
	pci_irq_enable(v->device->pci, 0);
}

static int input_start(struct virtio_input *v)
{
	struct virtio_device *d = v->device;
	int err = virtio_negotiate(d, VIRTIO_F_COMMON);

	if (!err)
		err = ask_all(d, v->input);
	if (!err)
		err = MIN(pci_irq_alloc(d->pci, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), 0);
	if (err)
		return err;
	err = queues_setup(v);
	if (!err)	/* a line that is shared may call at once */
		err = pci_irq_attach(d->pci, 0, input_irq, v, d->name);
	if (!err) {
		virtio_ready(d);	/* programs that see it may light its LEDs at once */
		err = input_register(v->input);
	}
	if (err)
		interrupt_end(v);
	return err;
}

/* A lie takes the device away from here on: also one that it told before, or that a quick program brought about. */
static void lies_watch(struct virtio_input *v)
{
	/* Ordered against queue_broken's own exchange: that sees false, or broken is seen here. */
	(void)atomic_xchg(&v->ending, false);
	for (u32 i = 0; i < ARRAY_SIZE(v->queues); i++)
		if (READ_ONCE(v->queues[i].broken))
			queue_broken(&v->queues[i]);
}

static int input_probe(struct virtio_device *d)
{
	struct virtio_input *v;
	int err;

	if (!d->modern)
		return -ENODEV;		/* this kind is younger than the legacy interface */
	v = kzalloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->device = d;
	v->end.fn = input_end_work;
	v->ending = true;
	spin_init(&v->events, "virtio_input.events");
	spin_init(&v->status, "virtio_input.status");
	v->input = input_new();
	if (!v->input) {
		kfree(v);
		return -ENOMEM;
	}
	v->input->event = status_send;
	v->input->driver_data = v;
	err = input_start(v);
	if (err) {
		input_free(v->input);
		input_stop(v);
		return err;
	}
	d->driver_data = v;
	events_start(v);
	lies_watch(v);
	return 0;
}

VIRTIO_DRIVER(input, .id = VIRTIO_ID_INPUT, .name = "virtio-input", .probe = input_probe, .remove = input_remove);
