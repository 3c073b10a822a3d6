/*
 * virtio-console: ports between programs of the guest and of the host. A port is a console (/dev/hvcN) or a channel
 * with a name (/dev/vportNpM). A device that is older or small has one port, a console; else control messages say which
 * ports there are, also while the machine runs.
 *
 * Each port has a few buffers in either direction. What came stays in its buffer until it is read, and only then the
 * device has that again: a slow reader stops the host. Likewise nothing is sent that the host has not made room for.
 *
 * Source: Virtio 1.2, 5.3.
 */
#include "drivers/console/virtio_console.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "sched/wait.h"

#define VIRTIO_ID_CONSOLE	3
#define VIRTIO_CONSOLE_F_SIZE	(1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT (1ull << 1)
#define CONFIG_COLUMNS		0
#define CONFIG_ROWS		2
#define CONFIG_PORTS		4
#define PORTS_MAX		512u	/* of a device that lies about them, as many as are believed */
#define PORT_MESSAGES	8u		/* that it is there, a console, its name, its size, open */
#define CONTROL_LIMIT_NS	(10 * NSEC_PER_SEC)

enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
struct control { le32 id; le16 event, value; };

static void console_put(struct virtio_console *v)
{
	if (!ref_put(&v->refs))
		return;
	kfree(v->queues);
	kfree(v->at);
	kfree(v);
}

void port_put(struct port *p)
{
	if (!ref_put(&p->refs))
		return;
	console_put(p->v);
	kfree(p->name);
	kfree(p->console.tty);
	kfree((void *)p->console.name);
	kfree(p);
}

/* ---- the queues of a port ---------------------------------------------------------------------------------- */

/* An empty buffer to the device. [q] */
static void buffer_offer(struct virtqueue *vq, struct port_buffer *b)
{
	b->used = b->taken = 0;
	(void)!virtqueue_add_in(vq, dma_addr(b->data), PORT_BUFFER, b);
}

/* What the device filled, to list. [q] */
static bool buffers_take(struct virtqueue *vq, struct list_node *list)
{
	struct port_buffer *b;
	bool any = false;
	u32 n;

	do {
		while ((b = virtqueue_get(vq, &n))) {
			if (!n) {
				buffer_offer(vq, b);
				continue;
			}
			b->used = n;
			list_push_back(list, &b->node);
			any = true;
		}
	} while (!vq->broken && virtqueue_enable_cb(vq));
	virtqueue_kick(vq);		/* those that came empty */
	return any;
}

size_t port_peek(struct port *p, void *bytes, size_t n)
{
	u64 flags = spin_lock_irqsave(&p->v->lock);
	struct list_node *came = &p->q->came;
	struct port_buffer *b = p->gone || list_empty(came) ? NULL : list_first(came, struct port_buffer, node);

	n = b ? MIN(n, (size_t)b->used - b->taken) : 0;
	if (n)
		memcpy(bytes, b->data + b->taken, n);
	spin_unlock_irqrestore(&p->v->lock, flags);
	return n;
}

void port_consume(struct port *p, size_t n)
{
	struct virtqueue *vq = &p->q->in;
	u64 flags = spin_lock_irqsave(&p->v->lock);
	struct port_buffer *b;

	if (!p->gone) {		/* else what came may be the next port's already */
		b = list_first(&p->q->came, struct port_buffer, node);
		b->taken += n;
		if (b->taken == b->used) {
			list_remove(&b->node);
			buffer_offer(vq, b);
			virtqueue_kick(vq);
		}
	}
	spin_unlock_irqrestore(&p->v->lock, flags);
}

size_t port_send(struct port *p, const void *bytes, size_t n)
{
	struct virtqueue *vq = &p->q->out;
	u64 flags = spin_lock_irqsave(&p->v->lock);
	size_t done = 0;

	while (done < n && !p->gone && !list_empty(&p->q->free)) {
		struct port_buffer *b = list_first(&p->q->free, struct port_buffer, node);

		b->used = MIN(n - done, (size_t)PORT_BUFFER);
		memcpy(b->data, (const u8 *)bytes + done, b->used);
		if (virtqueue_add_out(vq, dma_addr(b->data), b->used, b)) {
			p->gone = true;		/* there is a place for each buffer: the queue broke */
			break;
		}
		list_remove(&b->node);
		p->q->free_count--;
		done += b->used;
	}
	if (!p->gone)
		virtqueue_kick(vq);
	spin_unlock_irqrestore(&p->v->lock, flags);
	return done;
}

/* What the host has read is free again. [q] */
static bool sent_reclaim(struct port_queues *q)
{
	struct virtqueue *vq = &q->out;
	struct port_buffer *b;
	bool any = false;
	u32 n;

	do {
		while ((b = virtqueue_get(vq, &n))) {
			list_push_back(&q->free, &b->node);
			q->free_count++;
			any = true;
		}
	} while (!vq->broken && virtqueue_enable_cb(vq));
	return any;
}

/* Did anything happen to this port? Its queues are all there are of it. [q] */
static bool port_look(struct port *p)
{
	struct port_queues *q = p->q;
	bool news = buffers_take(&q->in, &q->came);

	news |= sent_reclaim(q);
	p->gone = q->in.broken || q->out.broken;
	return news || p->gone;
}

static enum irq_result console_irq(void *arg)
{
	struct virtio_console *v = arg;
	struct virtio_device *d = v->device;
	bool ours = d->pci->irq_type != PCI_IRQ_INTX || d->transport->isr(d);
	u32 n;

	for (u32 i = 0; i < v->port_count; i++) {
		u64 flags = spin_lock_irqsave(&v->lock);
		struct port *p = v->at[i];
		bool news = p && !p->gone && port_look(p);

		if (news)
			ref_get(&p->refs);
		spin_unlock_irqrestore(&v->lock, flags);
		if (news) {
			port_news(p);
			port_put(p);
		}
	}
	if (v->multiport) {
		u64 flags = spin_lock_irqsave(&v->lock);

		do
			while (virtqueue_get(&v->control_out, &n))
				v->control_done = true;
		while (!v->control_out.broken && virtqueue_enable_cb(&v->control_out));
		if (buffers_take(&v->control_in, &v->control_came))
			work_queue(&v->control_work);
		spin_unlock_irqrestore(&v->lock, flags);
		wait_wake_all(&v->control_wait);
	}
	return ours ? IRQ_HANDLED : IRQ_NONE;
}

/* ---- control messages --------------------------------------------------------------------------------------- */

/* Say it, and wait until the device has taken it: what it answers is there then. [c] */
static void control_send(struct virtio_console *v, u32 id, u16 event, u16 value)
{
	struct port_buffer *b = v->control_buffers + CONTROL_BUFFERS;
	struct control c = { .id = cpu_to_le32(id), .event = cpu_to_le16(event), .value = cpu_to_le16(value) };
	u64 flags = spin_lock_irqsave(&v->lock);
	bool sent;

	memcpy(b->data, &c, sizeof(c));
	v->control_done = false;
	sent = !v->control_out.broken && !virtqueue_add_out(&v->control_out, dma_addr(b->data), sizeof(c), b);
	if (sent)
		virtqueue_kick(&v->control_out);
	spin_unlock_irqrestore(&v->lock, flags);
	if (sent && wait_event_uninterruptible(&v->control_wait,
					       READ_ONCE(v->control_done) || READ_ONCE(v->control_out.broken),
					       clock_ns() + CONTROL_LIMIT_NS)) {
		flags = spin_lock_irqsave(&v->lock);
		virtqueue_break(&v->control_out, "no answer to control message", event);
		spin_unlock_irqrestore(&v->lock, flags);
	}
}

void port_tell_open(struct port *p, bool open)
{
	if (!p->v->multiport)
		return;
	mutex_lock(&p->v->control);
	if (!READ_ONCE(p->gone))
		control_send(p->v, p->id, PORT_OPEN, open);
	mutex_unlock(&p->v->control);
}

static struct port *port_new(struct virtio_console *v, u32 id)
{
	struct port *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	ref_get(&v->refs);
	p->v = v;
	p->id = id;
	p->q = &v->queues[id];
	p->host_open = !v->multiport;
	mutex_init(&p->reader, "virtio port reader");
	wait_queue_init(&p->wait, "virtio port");
	snprintf(p->node_name, sizeof(p->node_name), "vport%up%u", v->device->number, id);
	return p;
}

/* Buffers for a port's queues, the first time; later those that the device had done with, read or not, are as new.
 * [c] */
static bool buffers_ready(struct virtio_console *v, struct port_queues *q)
{
	bool first = !q->buffers;
	u64 flags;

	if (first)
		q->buffers = dma_alloc(2 * PORT_BUFFERS * sizeof(*q->buffers));
	if (!q->buffers)
		return false;
	flags = spin_lock_irqsave(&v->lock);
	if (first) {
		list_init(&q->came);
		list_init(&q->free);
		for (u32 i = 0; i < PORT_BUFFERS; i++) {
			buffer_offer(&q->in, q->buffers + i);
			list_push_back(&q->free, &q->buffers[PORT_BUFFERS + i].node);
		}
		q->free_count = PORT_BUFFERS;
	}
	(void)buffers_take(&q->in, &q->came);
	(void)sent_reclaim(q);
	while (!list_empty(&q->came)) {
		struct port_buffer *b = list_first(&q->came, struct port_buffer, node);

		list_remove(&b->node);
		buffer_offer(&q->in, b);
	}
	virtqueue_kick(&q->in);
	spin_unlock_irqrestore(&v->lock, flags);
	return true;
}

/* The device may use it from now on; told of twice, it is the one that it was. [c] */
static int port_add(struct virtio_console *v, u32 id)
{
	struct port_queues *q = &v->queues[id];
	struct port *p;
	u64 flags;
	int err;

	if (v->at[id])
		return 0;
	if (!q->ready)
		return -ENXIO;
	p = port_new(v, id);
	if (!p)
		return -ENOMEM;
	err = buffers_ready(v, q) ? v->multiport ? port_show(p) : 0 : -ENOMEM;
	if (err) {
		port_put(p);
		return err;
	}
	flags = spin_lock_irqsave(&v->lock);
	v->at[id] = p;
	spin_unlock_irqrestore(&v->lock, flags);
	return 0;
}

/* The host took it away, or the device goes. [c] */
static void port_remove(struct virtio_console *v, struct port *p)
{
	u64 flags = spin_lock_irqsave(&v->lock);

	p->gone = true;
	v->at[p->id] = NULL;
	spin_unlock_irqrestore(&v->lock, flags);
	port_hide(p);
	port_gone(p);
	port_put(p);
}

static void port_named(struct port *p, const struct port_buffer *b)
{
	size_t n = b->used - sizeof(struct control);
	char *name = kmalloc(n + 1);

	if (!name || p->name) {
		kfree(name);
		return;
	}
	memcpy(name, b->data + sizeof(struct control), n);
	name[n] = '\0';
	p->name = name;
	port_hide(p);
	if (port_show(p))
		log_warn("%s: no name", p->node_name);
}

static void port_event(struct virtio_console *v, struct port *p, u16 event, u16 value, const struct port_buffer *b)
{
	u16 size[2];
	u64 flags;

	switch (event) {
	case PORT_REMOVE:
		port_remove(v, p);
		break;
	case CONSOLE_PORT:
		if (value && !p->is_console) {
			p->is_console = true;
			port_console_start(p);
			control_send(v, p->id, PORT_OPEN, 1);
		}
		break;
	case RESIZE:
		if (b->used >= sizeof(struct control) + sizeof(size)) {
			memcpy(size, b->data + sizeof(struct control), sizeof(size));
			port_resize(p, le16_to_cpu(size[0]), le16_to_cpu(size[1]));
		}
		break;
	case PORT_OPEN:
		flags = spin_lock_irqsave(&v->lock);
		p->host_open = value;
		spin_unlock_irqrestore(&v->lock, flags);
		wait_wake_events(&p->wait, 0, true);
		break;
	case PORT_NAME:
		port_named(p, b);
		break;
	}
}

/* A message. What makes no sense is passed over. [c] */
static void control_handle(struct virtio_console *v, const struct port_buffer *b)
{
	struct control c;
	u32 id;

	if (b->used < sizeof(c))
		return;
	memcpy(&c, b->data, sizeof(c));
	id = le32_to_cpu(c.id);
	if (id >= v->port_count)
		return;
	if (le16_to_cpu(c.event) == PORT_ADD)
		control_send(v, id, PORT_READY, !port_add(v, id));
	else if (v->at[id])
		port_event(v, v->at[id], le16_to_cpu(c.event), le16_to_cpu(c.value), b);
}

/* What came, but no more in a turn than a device says of itself at its start: others wait for the lock. */
static void control_run(struct virtio_console *v)
{
	struct port_buffer *b;
	u64 flags;

	mutex_lock(&v->control);
	for (u32 left = PORT_MESSAGES * v->port_count; ; left--) {
		if (!left) {
			work_queue(&v->control_work);
			break;
		}
		flags = spin_lock_irqsave(&v->lock);
		b = list_empty(&v->control_came) ? NULL : list_first(&v->control_came, struct port_buffer, node);
		if (b)
			list_remove(&b->node);
		spin_unlock_irqrestore(&v->lock, flags);
		if (!b)
			break;
		control_handle(v, b);
		flags = spin_lock_irqsave(&v->lock);
		buffer_offer(&v->control_in, b);
		virtqueue_kick(&v->control_in);
		spin_unlock_irqrestore(&v->lock, flags);
	}
	mutex_unlock(&v->control);
}

static void control_work(struct work *w)
{
	control_run(container_of(w, struct virtio_console, control_work));
}

/* ---- the device --------------------------------------------------------------------------------------------- */

/* Queue numbers: those of port 0 come first, then the control queues, then the other ports'. */
static u16 queue_of(u32 port) { return port ? 2 * port + 2 : 0; }

static int queues_make(struct virtio_console *v)
{
	struct virtio_device *d = v->device;
	u16 vector = d->pci->irq_type == PCI_IRQ_MSIX ? 0 : VIRTIO_NO_VECTOR;
	int err = 0;

	for (u32 i = 0; i < v->port_count && !err; i++) {
		struct port_queues *q = &v->queues[i];

		err = virtio_queue_setup(d, &q->in, queue_of(i), vector, 0);
		if (!err)
			err = virtio_queue_setup(d, &q->out, queue_of(i) + 1, vector, 0);
		q->ready = !err && q->in.size >= PORT_BUFFERS && q->out.size >= PORT_BUFFERS;
	}
	if (!err && v->multiport) {
		err = virtio_queue_setup(d, &v->control_in, 2, vector, 0);
		if (!err)
			err = virtio_queue_setup(d, &v->control_out, 3, vector, 0);
	}
	return err;
}

/* Only after a reset, and before there are ports. */
static void queues_drop(struct virtio_console *v)
{
	for (u32 i = 0; i < v->port_count; i++) {
		if (v->queues[i].in.memory)
			virtqueue_destroy(&v->queues[i].in);
		if (v->queues[i].out.memory)
			virtqueue_destroy(&v->queues[i].out);
	}
	if (v->control_in.memory)
		virtqueue_destroy(&v->control_in);
	if (v->control_out.memory)
		virtqueue_destroy(&v->control_out);
}

static int console_setup(struct virtio_console *v)
{
	struct virtio_device *d = v->device;
	le32 ports = cpu_to_le32(1);
	int err = virtio_negotiate(d, VIRTIO_F_COMMON | VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT);

	if (err)
		return err;
	err = pci_irq_alloc(d->pci, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (err < 0)
		return err;
	v->multiport = virtio_has(d, VIRTIO_CONSOLE_F_MULTIPORT);
	if (v->multiport)
		virtio_config_read(d, CONFIG_PORTS, &ports, sizeof(ports));
	v->port_count = MAX(1u, MIN(le32_to_cpu(ports), PORTS_MAX));
	v->queues = kcalloc(v->port_count, sizeof(*v->queues));
	v->at = kcalloc(v->port_count, sizeof(*v->at));
	v->control_buffers = dma_alloc((CONTROL_BUFFERS + 1) * sizeof(*v->control_buffers));
	if (!v->queues || !v->at || !v->control_buffers) {
		pci_irq_free(d->pci);
		return -ENOMEM;
	}
	err = queues_make(v);
	if (!err)	/* a line that is shared may call at once */
		err = pci_irq_attach(d->pci, 0, console_irq, v, d->name);
	if (err) {
		virtio_stop(d);
		queues_drop(v);
		pci_irq_free(d->pci);
	}
	return err;
}

/* Ask which ports there are; those that are there from the start are known when this returns. */
static void control_start(struct virtio_console *v)
{
	u64 flags = spin_lock_irqsave(&v->lock);

	for (u32 i = 0; i < CONTROL_BUFFERS; i++)
		buffer_offer(&v->control_in, v->control_buffers + i);
	virtqueue_arm(&v->control_in);
	virtqueue_arm(&v->control_out);
	virtqueue_kick(&v->control_in);
	spin_unlock_irqrestore(&v->lock, flags);
	mutex_lock(&v->control);
	control_send(v, ~0u, DEVICE_READY, 1);
	mutex_unlock(&v->control);
	control_run(v);
}

/* The one port of a device that has no messages. */
static void single_start(struct virtio_console *v)
{
	u16 size[2];

	mutex_lock(&v->control);
	if (!port_add(v, 0)) {
		v->at[0]->is_console = true;
		port_console_start(v->at[0]);
		if (virtio_has(v->device, VIRTIO_CONSOLE_F_SIZE)) {
			virtio_config_read(v->device, CONFIG_COLUMNS, size, sizeof(size));
			port_resize(v->at[0], le16_to_cpu(size[0]), le16_to_cpu(size[1]));
		}
	}
	mutex_unlock(&v->control);
}

static void control_buffers_free(struct virtio_console *v)
{
	if (v->control_buffers)
		dma_free(v->control_buffers, (CONTROL_BUFFERS + 1) * sizeof(*v->control_buffers));
}

static int console_probe(struct virtio_device *d)
{
	struct virtio_console *v = kzalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->device = d;
	v->refs = 1;
	v->control_work.fn = control_work;
	list_init(&v->control_came);
	spin_init(&v->lock, "virtio_console");
	mutex_init(&v->control, "virtio_console.control");
	wait_queue_init(&v->control_wait, "virtio_console");
	err = console_setup(v);
	if (err) {
		control_buffers_free(v);
		console_put(v);
		return err;
	}
	d->driver_data = v;
	virtio_ready(d);
	pci_irq_enable(d->pci, 0);
	if (v->multiport)
		control_start(v);
	else
		single_start(v);
	return 0;
}

/*
 * Who waits for an answer of the device is let go first; then each port goes as if the host had taken it, and after
 * that nobody touches a queue. Files that are open keep their port, and it keeps v.
 */
static void console_remove(struct virtio_device *d)
{
	struct virtio_console *v = d->driver_data;
	u64 flags;

	pci_irq_detach(d->pci, 0, v);
	flags = spin_lock_irqsave(&v->lock);
	v->control_out.broken = true;
	spin_unlock_irqrestore(&v->lock, flags);
	wait_wake_all(&v->control_wait);
	work_cancel(&v->control_work);
	mutex_lock(&v->control);
	for (u32 i = 0; i < v->port_count; i++)
		if (v->at[i])
			port_remove(v, v->at[i]);
	mutex_unlock(&v->control);
	virtio_stop(d);
	pci_irq_free(d->pci);
	queues_drop(v);
	for (u32 i = 0; i < v->port_count; i++)
		if (v->queues[i].buffers)
			dma_free(v->queues[i].buffers, 2 * PORT_BUFFERS * sizeof(*v->queues[i].buffers));
	control_buffers_free(v);
	console_put(v);
}

VIRTIO_DRIVER(console, .id = VIRTIO_ID_CONSOLE, .name = "virtio-console", .probe = console_probe,
	      .remove = console_remove);
