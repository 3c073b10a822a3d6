/*
 * The legacy transport on PCI: all registers at the start of BAR 0 (Virtio
 * 1.2, 4.1.4.10). QEMU has them in an I/O BAR, which is reached through the
 * host bridge's I/O window, Parallels in a memory BAR: both are mapped alike.
 *
 * With MSI-X enabled two vector registers are inserted at 0x14, and the
 * device's own configuration moves behind them. Queue sizes are the device's;
 * a queue's address is told as a page number; 32 feature bits; no handshake.
 */
#include "drivers/virtio/virtio.h"
#include "base/errno.h"
#include "mm/dma.h"
#include "mm/slab.h"

#define DEVICE_FEATURES		0x00
#define DRIVER_FEATURES		0x04
#define QUEUE_PFN		0x08
#define QUEUE_SIZE		0x0c
#define QUEUE_SELECT		0x0e
#define QUEUE_NOTIFY		0x10
#define DEVICE_STATUS		0x12
#define ISR_STATUS		0x13
#define CONFIG_MSIX_VECTOR	0x14
#define QUEUE_MSIX_VECTOR	0x16
#define CONFIG_PLAIN		0x14
#define CONFIG_BEHIND_MSIX	0x18
#define REGS_MIN		0x20	/* room for the registers and the start of a configuration */

struct legacy {
	struct virtio_device device;
	u8 *regs;
	u32 length;
};

static u8 *regs(struct virtio_device *d)
{
	return container_of(d, struct legacy, device)->regs;
}

static u64 legacy_features(struct virtio_device *d)
{
	return mmio_read32(regs(d) + DEVICE_FEATURES);
}

static void legacy_accept(struct virtio_device *d, u64 features)
{
	mmio_write32(regs(d) + DRIVER_FEATURES, features);
}

static u8 legacy_status(struct virtio_device *d)
{
	return mmio_read8(regs(d) + DEVICE_STATUS);
}

static void legacy_set_status(struct virtio_device *d, u8 status)
{
	mmio_wmb();
	mmio_write8(regs(d) + DEVICE_STATUS, status);
}

static u32 legacy_generation(struct virtio_device *d)
{
	return 0;
}

static u32 config_at(struct virtio_device *d, u32 at)
{
	return at + (d->pci->irq_type == PCI_IRQ_MSIX ? CONFIG_BEHIND_MSIX : CONFIG_PLAIN);
}

static u8 legacy_config_read8(struct virtio_device *d, u32 at)
{
	at = config_at(d, at);
	return at < container_of(d, struct legacy, device)->length ? mmio_read8(regs(d) + at) : 0;
}

static u16 legacy_config_read16(struct virtio_device *d, u32 at)
{
	at = config_at(d, at);
	return at + 2 <= container_of(d, struct legacy, device)->length ? mmio_read16(regs(d) + at) : 0;
}

static void legacy_config_write32(struct virtio_device *d, u32 at, u32 value)
{
	at = config_at(d, at);
	if (at + 4 <= container_of(d, struct legacy, device)->length)
		mmio_write32(regs(d) + at, value);
}

static bool legacy_set_config_vector(struct virtio_device *d, u16 vector)
{
	mmio_write16(regs(d) + CONFIG_MSIX_VECTOR, vector);
	return mmio_read16(regs(d) + CONFIG_MSIX_VECTOR) == vector;
}

static u8 legacy_isr(struct virtio_device *d)
{
	return mmio_read8(regs(d) + ISR_STATUS);
}

static u16 legacy_queue_size(struct virtio_device *d, u16 index)
{
	mmio_write16(regs(d) + QUEUE_SELECT, index);
	return mmio_read16(regs(d) + QUEUE_SIZE);
}

static int legacy_queue_start(struct virtio_device *d, struct virtqueue *vq, u16 vector)
{
	u8 *r = regs(d);
	u64 pfn = dma_addr(vq->desc) >> PAGE_SHIFT;

	if (pfn >> 32)
		return -EINVAL;		/* past 16 TiB: the register has 32 bits */
	mmio_write16(r + QUEUE_SELECT, vq->index);
	if (vector != VIRTIO_NO_VECTOR) {
		mmio_write16(r + QUEUE_MSIX_VECTOR, vector);
		if (mmio_read16(r + QUEUE_MSIX_VECTOR) != vector)
			return -ENOSPC;
	}
	mmio_wmb();		/* the rings are complete before the device may look */
	mmio_write32(r + QUEUE_PFN, pfn);
	vq->notify = r + QUEUE_NOTIFY;
	return 0;
}

static void legacy_release(struct virtio_device *d)
{
	struct legacy *l = container_of(d, struct legacy, device);

	pci_unmap(l->regs, l->length);
	kfree(l);
}

static const struct virtio_transport legacy_transport = {
	.features = legacy_features,
	.accept = legacy_accept,
	.status = legacy_status,
	.set_status = legacy_set_status,
	.config_generation = legacy_generation,
	.config_read8 = legacy_config_read8,
	.config_read16 = legacy_config_read16,
	.config_write32 = legacy_config_write32,
	.set_config_vector = legacy_set_config_vector,
	.isr = legacy_isr,
	.queue_size = legacy_queue_size,
	.queue_size_fixed = true,
	.queue_start = legacy_queue_start,
	.release = legacy_release,
};

int virtio_pci_legacy_probe(struct pci_device *pci, struct virtio_device **out)
{
	u64 length = pci->ranges[0].size;
	struct legacy *l;

	if (pci->device >= 0x1040 || pci->revision != 0 || length < REGS_MIN)
		return -ENODEV;
	length = MIN(length, (u64)PAGE_SIZE);
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->regs = pci_map(pci, 0, 0, length);
	if (!l->regs) {
		kfree(l);
		return -EINVAL;
	}
	l->length = length;
	l->device.transport = &legacy_transport;
	l->device.pci = pci;
	l->device.id = pci->subsystem_device;
	*out = &l->device;
	return 0;
}
