/*
 * Virtio devices on PCI: a device that has the capabilities of the modern
 * transport is driven by it, else by the legacy one, then handed to the driver
 * of its kind. Also the steps that every driver takes: reset, features, queues
 * (Virtio 1.2, 3.1.1; 4.1.2 for the IDs).
 */
#include "drivers/virtio/virtio.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/slab.h"
#include "sched/wait.h"

#define VIRTIO_VENDOR		0x1af4
#define VIRTIO_DEVICE_FIRST	0x1000
#define VIRTIO_DEVICE_LAST	0x107f
#define RESET_LIMIT		NSEC_PER_SEC

extern const struct virtio_driver _virtio_drivers_start[], _virtio_drivers_end[];

int virtio_reset(struct virtio_device *d)
{
	u64 limit = clock_ns() + RESET_LIMIT;

	d->transport->set_status(d, 0);
	while (d->transport->status(d)) {
		if (!pci_present(d->pci))
			return -ENODEV;
		if (clock_ns() > limit) {
			log_err("%s: the device does not end its reset", d->name);
			return -ETIMEDOUT;
		}
		wait_until(clock_ns() + NSEC_PER_MSEC);
	}
	return 0;
}

void virtio_stop(struct virtio_device *d)
{
	if (virtio_reset(d))
		pci_disable(d->pci);
}

static void virtio_add_status(struct virtio_device *d, u8 bits)
{
	d->transport->set_status(d, d->transport->status(d) | bits);
}

int virtio_begin(struct virtio_device *d)
{
	int err = virtio_reset(d);

	if (err)
		return err;
	virtio_add_status(d, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_add_status(d, VIRTIO_STATUS_DRIVER);
	return 0;
}

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	u64 offered = d->transport->features(d);

	d->features = offered & wanted;
	d->transport->accept(d, d->features);
	if (!d->modern)
		return 0;	/* no handshake there: what was written is agreed */
	if (!virtio_has(d, VIRTIO_F_VERSION_1)) {
		log_err("%s: a modern device without VERSION_1", d->name);
		return -ENODEV;
	}
	virtio_add_status(d, VIRTIO_STATUS_FEATURES_OK);
	if (!(d->transport->status(d) & VIRTIO_STATUS_FEATURES_OK)) {
		log_err("%s: the device refuses the features %#llx of the %#llx that it offers", d->name,
			(unsigned long long)d->features, (unsigned long long)offered);
		return -ENODEV;
	}
	if (virtio_has(d, VIRTIO_F_RING_PACKED))
		log_debug("%s: packed rings", d->name);
	return 0;
}

void virtio_config_read(struct virtio_device *d, u32 at, void *dst, u32 n)
{
	u32 before, after = d->transport->config_generation(d), tries = 8;

	do {
		u8 *to = dst;

		before = after;
		/* Fields are read in their own width (4.1.3.1). */
		if (n == 2 && at % 2 == 0)
			*(u16 *)dst = d->transport->config_read16(d, at);
		else if (n == 4 && at % 4 == 0 && d->transport->config_read32)
			*(u32 *)dst = d->transport->config_read32(d, at);
		else
			for (u32 i = 0; i < n; i++)
				to[i] = d->transport->config_read8(d, at + i);
		after = d->transport->config_generation(d);
	} while (before != after && --tries);
}

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	u32 size = d->transport->queue_size(d, index);
	int err;

	if (!size)
		return -ENOENT;
	do
		err = virtqueue_create(vq, index, size, d->features, indirect_max, d->name);
	while (err == -ENOMEM && !d->transport->queue_size_fixed && (size /= 2) >= 2);
	if (err) {
		log_err("%s: queue %u of %u entries: error %d", d->name, index, size, -err);
		return err;
	}
	err = d->transport->queue_start(d, vq, vector);
	if (err)
		virtqueue_destroy(vq);
	return err;
}

void virtio_ready(struct virtio_device *d)
{
	virtio_add_status(d, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_fail(struct virtio_device *d)
{
	virtio_add_status(d, VIRTIO_STATUS_FAILED);
}

static int virtio_probe_kind(struct virtio_device *d)
{
	const struct virtio_driver *drv;
	int err;

	for (drv = _virtio_drivers_start; drv < _virtio_drivers_end; drv++)
		if (drv->id == d->id)
			break;
	if (drv == _virtio_drivers_end)
		return -ENODEV;
	err = virtio_begin(d);
	if (err)
		return err;
	d->driver = drv;
	err = drv->probe(d);
	if (err)
		virtio_fail(d);
	return err;
}

static struct list_node all = LIST_INIT(all);	/* struct virtio_device.node [bus.lock of PCI] */

/* It is called by the lowest number that is free. */
static void virtio_name(struct virtio_device *d)
{
	struct virtio_device *at;

	list_for_each(at, &all, node) {
		if (at->number != d->number)
			break;
		d->number++;
	}
	list_insert(&d->node, at->node.prev, &at->node);
	snprintf(d->name, sizeof(d->name), "virtio%u", d->number);
}

static void virtio_release(struct virtio_device *d)
{
	pci_disable(d->pci);
	list_remove(&d->node);
	d->transport->release(d);
}

static int virtio_pci_probe(struct pci_device *pci)
{
	struct virtio_device *d;
	int err;

	if (pci->device < VIRTIO_DEVICE_FIRST || pci->device > VIRTIO_DEVICE_LAST)
		return -ENODEV;
	pci_enable(pci);
	err = virtio_pci_modern_probe(pci, &d);
	if (err == -ENODEV)
		err = virtio_pci_legacy_probe(pci, &d);
	if (err) {
		pci_disable(pci);
		return err;
	}
	pci->driver_data = d;
	virtio_name(d);
	err = virtio_probe_kind(d);
	if (err)
		virtio_release(d);
	return err;
}

static void virtio_pci_remove(struct pci_device *pci)
{
	struct virtio_device *d = pci->driver_data;

	d->driver->remove(d);
	virtio_release(d);
}

static const struct pci_id virtio_ids[] = { PCI_ID(VIRTIO_VENDOR, PCI_ANY), { 0 } };
PCI_DRIVER(virtio, .name = "virtio-pci", .ids = virtio_ids, .probe = virtio_pci_probe, .remove = virtio_pci_remove);
