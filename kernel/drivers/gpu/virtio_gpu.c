/*
 * virtio-gpu: the host's display, and its GPU where it lets guests draw with
 * it (VirGL). This file brings the device up, hands its interrupts to the
 * queues, and reads again what monitors there are when the host says that they
 * have changed. Programs see it through gfx/.
 *
 * A device that lies (queue.c) is reset and stays out of service: what was in
 * flight fails, and every later call, too. So it is with one that is taken
 * away: what programs have of it refers to the structure, which goes last.
 *
 * Source: Virtio 1.2, 5.7.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "drivers/gpu/virtio_gpu.h"
#include "mm/slab.h"

#define VIRTIO_ID_GPU		16

/* Configuration, 5.7.4 */
#define CONFIG_EVENTS_READ	0
#define CONFIG_EVENTS_CLEAR	4
#define CONFIG_SCANOUTS		8
#define CONFIG_CAPSETS		12
#define EVENT_DISPLAY		1u

enum { QUEUE_CONTROL, QUEUE_CURSOR };

/* ---- interrupts ------------------------------------------------------------------------------------- */

static enum irq_result control_irq(void *arg)
{
	struct virtio_gpu *g = arg;

	gpu_count(&g->dev, GPU_INTERRUPTS, 1);
	gpu_control_take(g);
	return IRQ_HANDLED;
}

static enum irq_result cursor_irq(void *arg)
{
	struct virtio_gpu *g = arg;

	gpu_count(&g->dev, GPU_INTERRUPTS, 1);
	gpu_cursor_take(g);
	return IRQ_HANDLED;
}

static enum irq_result config_irq(void *arg)
{
	struct virtio_gpu *g = arg;

	work_queue(&g->change);
	return IRQ_HANDLED;
}

/* One interrupt for all: a wire, or fewer messages than there are reasons. */
static enum irq_result shared_irq(void *arg)
{
	struct virtio_gpu *g = arg;
	struct virtio_device *d = g->device;
	u8 isr = d->pci->irq_type == PCI_IRQ_INTX ? d->transport->isr(d) : VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG;

	if (!isr)
		return IRQ_NONE;
	if (isr & VIRTIO_ISR_CONFIG)
		work_queue(&g->change);
	gpu_cursor_take(g);
	return control_irq(arg);
}

static const struct { irq_handler handler; const char *name; } vectors[VECTORS] = {
	{ config_irq, "config" }, { control_irq, "control" }, { cursor_irq, "cursor" },
};

static int interrupts_alloc(struct virtio_gpu *g)
{
	int n = pci_irq_alloc(g->device->pci, VECTORS, VECTORS, PCI_IRQ_MSIX);

	if (n < 0)
		n = pci_irq_alloc(g->device->pci, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	return MIN(n, 0);
}

/* The queues are there: a line that is shared may call at once. */
static int interrupts_attach(struct virtio_gpu *g)
{
	struct pci_device *pci = g->device->pci;
	bool own = pci->irq_count == VECTORS;
	int err = 0;

	for (u32 i = 0; i < pci->irq_count && !err; i++) {
		snprintf(g->irq_name[i], sizeof(g->irq_name[i]), own ? "%s-%s" : "%s", g->name, vectors[i].name);
		err = pci_irq_attach(pci, i, own ? vectors[i].handler : shared_irq, g, g->irq_name[i]);
	}
	return err;
}

/* Handlers are through, if there were any. */
static void interrupts_detach(struct virtio_gpu *g)
{
	for (u32 i = 0; i < g->device->pci->irq_count; i++)
		pci_irq_detach(g->device->pci, i, g);
}

/* ---- what the host shows ---------------------------------------------------------------------------- */

static u32 config32(struct virtio_gpu *g, u32 at)
{
	le32 v = 0;

	virtio_config_read(g->device, at, &v, sizeof(v));
	return le32_to_cpu(v);
}

static void display_changed(struct work *w)
{
	struct virtio_gpu *g = container_of(w, struct virtio_gpu, change);
	u32 events = config32(g, CONFIG_EVENTS_READ);

	if (!(events & EVENT_DISPLAY) || READ_ONCE(g->dev.gone))
		return;
	g->device->transport->config_write32(g->device, CONFIG_EVENTS_CLEAR, EVENT_DISPLAY);
	if (!gpu_displays_read(g))
		gpu_displays_changed(&g->dev);
}

/* ---- the device's life ------------------------------------------------------------------------------ */

/* Either queue lied. */
static void queue_broken(struct virtqueue *vq)
{
	struct virtio_gpu *g = vq->index == QUEUE_CONTROL ? container_of(vq, struct virtio_gpu, control) :
							    container_of(vq, struct virtio_gpu, cursor);

	WRITE_ONCE(g->dev.gone, true);
	if (!atomic_xchg(&g->failing, true))
		work_queue(&g->fail);
}

static void device_fail(struct work *w)
{
	struct virtio_gpu *g = container_of(w, struct virtio_gpu, fail);

	interrupts_detach(g);
	virtio_stop(g->device);
	gpu_queue_fail(g);
}

static int queues_setup(struct virtio_gpu *g)
{
	struct virtio_device *d = g->device;
	bool msix = d->pci->irq_type == PCI_IRQ_MSIX, own = d->pci->irq_count == VECTORS;
	u16 control = !msix ? VIRTIO_NO_VECTOR : own ? VECTOR_CONTROL : 0;
	u16 cursor = !msix ? VIRTIO_NO_VECTOR : own ? VECTOR_CURSOR : 0;
	int err = virtio_queue_setup(d, &g->control, QUEUE_CONTROL, control, 0);

	if (!err)
		err = virtio_queue_setup(d, &g->cursor, QUEUE_CURSOR, cursor, 0);
	if (err)
		return err;
	if (msix && !d->transport->set_config_vector(d, VECTOR_CONFIG))
		log_warn("%s: no vector for changes of the display", d->name);
	g->cursors = kcalloc(g->cursor.size, sizeof(*g->cursors));
	if (!g->cursors)
		return -ENOMEM;
	virtqueue_disable_cb(&g->control);
	virtqueue_disable_cb(&g->cursor);
	g->control.on_broken = g->cursor.on_broken = queue_broken;
	return 0;
}

/* The last reference is gone: what may have been queued for objects comes before this. */
static void device_over(struct work *w)
{
	struct virtio_gpu *g = container_of(w, struct virtio_gpu, over);

	gpu_free(&g->dev);
	kfree(g->cursors);
	kfree(g->dev.displays);
	kfree(g->dev.capsets);
	kfree(g);
}

void gpu_release(struct gpu_device *dev)
{
	work_queue(&gpu_of(dev)->over);
}

/*
 * Calls fail, handlers are through, the device is silent; then who waits for it is sent on, and with that the work that
 * asks it, and programs that are in a call. Only then the queues can go.
 */
static void device_end(struct virtio_gpu *g)
{
	u64 flags;

	WRITE_ONCE(g->dev.gone, true);
	atomic_store(&g->failing, true);
	work_cancel(&g->fail);
	interrupts_detach(g);
	virtio_stop(g->device);
	pci_irq_free(g->device->pci);
	if (g->control.memory)
		gpu_queue_fail(g);
	work_cancel(&g->change);
	gpu_unregister(&g->dev);
	flags = spin_lock_irqsave(&g->cursor_lock);	/* who has not seen gone is through */
	spin_unlock_irqrestore(&g->cursor_lock, flags);
	if (g->control.memory)
		virtqueue_destroy(&g->control);
	if (g->cursor.memory)
		virtqueue_destroy(&g->cursor);
	gpu_put(&g->dev);
}

static void gpu_remove(struct virtio_device *d)
{
	device_end(d->driver_data);
}

/* What it is, before it runs. */
static int config_read(struct virtio_gpu *g)
{
	u32 n = config32(g, CONFIG_SCANOUTS);

	if (n > GPU_SCANOUTS_MAX) {
		log_err("%s: %u scanouts, where %u can be", g->device->name, n, GPU_SCANOUTS_MAX);
		return -EINVAL;
	}
	g->dev.scanout_count = n;
	g->dev.displays = kcalloc(MAX(n, 1u), sizeof(*g->dev.displays));
	return g->dev.displays ? 0 : -ENOMEM;
}

static void announce(struct virtio_gpu *g)
{
	char how[128];

	pci_irq_describe(g->device->pci, how, sizeof(how));
	log_info("virtio-gpu-pci: %s", how);
	log_info("%s: %s, %u scanout%s, %ux%u", g->dev.name, g->dev.virgl ? "VirGL" : "2D", g->dev.scanout_count,
		 g->dev.scanout_count == 1 ? "" : "s", g->dev.displays->width, g->dev.displays->height);
}

/* It answers, so that its first questions can be asked. */
static int device_start(struct virtio_gpu *g)
{
	struct virtio_device *d = g->device;
	int err = virtio_negotiate(d, VIRTIO_F_COMMON | VIRTIO_GPU_F_VIRGL | VIRTIO_GPU_F_EDID);

	if (!err)
		err = config_read(g);
	if (!err)
		err = interrupts_alloc(g);
	if (!err)
		err = queues_setup(g);
	if (!err)
		err = interrupts_attach(g);
	if (err)
		return err;
	g->dev.virgl = virtio_has(d, VIRTIO_GPU_F_VIRGL);
	virtio_ready(d);
	for (u32 i = 0; i < d->pci->irq_count; i++)
		pci_irq_enable(d->pci, i);
	if (g->dev.virgl)
		err = gpu_capsets_read(g, config32(g, CONFIG_CAPSETS));
	if (!err)
		err = gpu_displays_read(g);
	if (!err)
		err = gpu_register(&g->dev);
	if (err)
		log_err("%s: the device does not answer: error %d", g->dev.name, -err);
	return err;
}

static int gpu_probe(struct virtio_device *d)
{
	struct virtio_gpu *g;
	size_t at;
	int err;

	if (!d->modern)
		return -ENODEV;		/* this kind is younger than the legacy interface */
	gpu_queue_init();
	g = kzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->device = d;
	g->dev.ops = &virtio_gpu_ops;
	strlcpy(g->name, d->name, sizeof(g->name));
	g->dev.name = g->name;
	gpu_init(&g->dev);
	at = bus_device_path(&d->pci->dev, g->dev.sysfs, sizeof(g->dev.sysfs));
	snprintf(g->dev.sysfs + at, sizeof(g->dev.sysfs) - at, "/%s", d->name);
	spin_init(&g->control_lock, "virtio_gpu.control");
	spin_init(&g->cursor_lock, "virtio_gpu.cursor");
	wait_queue_init(&g->room, "virtio_gpu.room");
	g->backlog_end = &g->backlog;
	g->reap.fn = gpu_reap;
	g->change.fn = display_changed;
	g->fail.fn = device_fail;
	g->over.fn = device_over;
	err = device_start(g);
	if (err) {
		device_end(g);
		return err;
	}
	d->driver_data = g;
	announce(g);
	return 0;
}

VIRTIO_DRIVER(gpu, .id = VIRTIO_ID_GPU, .name = "virtio-gpu", .probe = gpu_probe, .remove = gpu_remove);
