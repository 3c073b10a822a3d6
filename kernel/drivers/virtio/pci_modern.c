/*
 * The modern transport on PCI: registers in BARs, where vendor capabilities
 * say that they are (Virtio 1.2, 4.1.4). virtio.c and the drivers of the
 * device kinds call it through struct virtio_transport.
 *
 * A capability's BAR, offset and length come from the device: pci_map lets
 * only what lies inside the BAR through.
 */
#include "drivers/virtio/virtio.h"
#include "base/errno.h"
#include "mm/dma.h"
#include "mm/slab.h"

/* struct virtio_pci_cap, 4.1.4 */
#define CAP_CFG_TYPE		3
#define CAP_BAR			4
#define CAP_OFFSET		8
#define CAP_LENGTH		12
#define CAP_NOTIFY_MULTIPLIER	16
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_KINDS };

/* Common configuration, 4.1.4.3 */
#define DEVICE_FEATURE_SELECT	0x00
#define DEVICE_FEATURE		0x04
#define DRIVER_FEATURE_SELECT	0x08
#define DRIVER_FEATURE		0x0c
#define CONFIG_MSIX_VECTOR	0x10
#define DEVICE_STATUS		0x14
#define CONFIG_GENERATION	0x15
#define QUEUE_SELECT		0x16
#define QUEUE_SIZE		0x18
#define QUEUE_MSIX_VECTOR	0x1a
#define QUEUE_ENABLE		0x1c
#define QUEUE_NOTIFY_OFF	0x1e
#define QUEUE_DESC		0x20
#define QUEUE_DRIVER		0x28
#define QUEUE_DEVICE		0x30
#define COMMON_SIZE		0x38

struct modern {
	struct virtio_device device;
	u8 *regs[CFG_KINDS];
	u32 length[CFG_KINDS];
	u32 notify_multiplier;
};

static u8 *common(struct virtio_device *d)
{
	return container_of(d, struct modern, device)->regs[CFG_COMMON];
}

static u64 modern_features(struct virtio_device *d)
{
	u64 v;

	mmio_write32(common(d) + DEVICE_FEATURE_SELECT, 0);
	v = mmio_read32(common(d) + DEVICE_FEATURE);
	mmio_write32(common(d) + DEVICE_FEATURE_SELECT, 1);
	return v | (u64)mmio_read32(common(d) + DEVICE_FEATURE) << 32;
}

static void modern_accept(struct virtio_device *d, u64 features)
{
	mmio_write32(common(d) + DRIVER_FEATURE_SELECT, 0);
	mmio_write32(common(d) + DRIVER_FEATURE, features);
	mmio_write32(common(d) + DRIVER_FEATURE_SELECT, 1);
	mmio_write32(common(d) + DRIVER_FEATURE, features >> 32);
}

static u8 modern_status(struct virtio_device *d)
{
	return mmio_read8(common(d) + DEVICE_STATUS);
}

static void modern_set_status(struct virtio_device *d, u8 status)
{
	mmio_wmb();		/* DRIVER_OK makes the queues live: they are complete */
	mmio_write8(common(d) + DEVICE_STATUS, status);
}

static u32 modern_generation(struct virtio_device *d)
{
	return mmio_read8(common(d) + CONFIG_GENERATION);
}

static u8 modern_config_read8(struct virtio_device *d, u32 at)
{
	struct modern *m = container_of(d, struct modern, device);

	return at < m->length[CFG_DEVICE] ? mmio_read8(m->regs[CFG_DEVICE] + at) : 0;
}

static u16 modern_config_read16(struct virtio_device *d, u32 at)
{
	struct modern *m = container_of(d, struct modern, device);

	return at + 2 <= m->length[CFG_DEVICE] ? mmio_read16(m->regs[CFG_DEVICE] + at) : 0;
}

static u32 modern_config_read32(struct virtio_device *d, u32 at)
{
	struct modern *m = container_of(d, struct modern, device);

	return at + 4 <= m->length[CFG_DEVICE] ? mmio_read32(m->regs[CFG_DEVICE] + at) : 0;
}

static void modern_config_write8(struct virtio_device *d, u32 at, u8 value)
{
	struct modern *m = container_of(d, struct modern, device);

	if (at < m->length[CFG_DEVICE])
		mmio_write8(m->regs[CFG_DEVICE] + at, value);
}

static void modern_config_write32(struct virtio_device *d, u32 at, u32 value)
{
	struct modern *m = container_of(d, struct modern, device);

	if (at + 4 <= m->length[CFG_DEVICE])
		mmio_write32(m->regs[CFG_DEVICE] + at, value);
}

static bool modern_set_config_vector(struct virtio_device *d, u16 vector)
{
	mmio_write16(common(d) + CONFIG_MSIX_VECTOR, vector);
	return mmio_read16(common(d) + CONFIG_MSIX_VECTOR) == vector;
}

static u8 modern_isr(struct virtio_device *d)
{
	return mmio_read8(container_of(d, struct modern, device)->regs[CFG_ISR]);
}

static u16 modern_queue_size(struct virtio_device *d, u16 index)
{
	mmio_write16(common(d) + QUEUE_SELECT, index);
	return mmio_read16(common(d) + QUEUE_SIZE);
}

/* 64-bit fields are written in two halves (4.1.3.1). */
static void write_address(u8 *at, const void *ring)
{
	mmio_write32(at, dma_addr(ring));
	mmio_write32(at + 4, dma_addr(ring) >> 32);
}

static int modern_queue_start(struct virtio_device *d, struct virtqueue *vq, u16 vector)
{
	struct modern *m = container_of(d, struct modern, device);
	u8 *c = common(d);
	u64 notify;

	mmio_write16(c + QUEUE_SELECT, vq->index);
	notify = (u64)mmio_read16(c + QUEUE_NOTIFY_OFF) * m->notify_multiplier;
	if (notify + 2 > m->length[CFG_NOTIFY])
		return -EINVAL;
	vq->notify = m->regs[CFG_NOTIFY] + notify;
	mmio_write16(c + QUEUE_SIZE, vq->size);
	mmio_write16(c + QUEUE_MSIX_VECTOR, vector);
	if (vector != VIRTIO_NO_VECTOR && mmio_read16(c + QUEUE_MSIX_VECTOR) != vector)
		return -ENOSPC;
	write_address(c + QUEUE_DESC, vq->desc);
	write_address(c + QUEUE_DRIVER, vq->avail);
	write_address(c + QUEUE_DEVICE, vq->used);
	mmio_wmb();		/* the rings are complete before the device may look */
	mmio_write16(c + QUEUE_ENABLE, 1);
	return 0;
}

static void modern_unmap(struct modern *m)
{
	for (u32 type = CFG_COMMON; type < CFG_KINDS; type++)
		if (m->regs[type])
			pci_unmap(m->regs[type], m->length[type]);
	kfree(m);
}

static void modern_release(struct virtio_device *d)
{
	modern_unmap(container_of(d, struct modern, device));
}

static const struct virtio_transport modern_transport = {
	.features = modern_features,
	.accept = modern_accept,
	.status = modern_status,
	.set_status = modern_set_status,
	.config_generation = modern_generation,
	.config_read8 = modern_config_read8,
	.config_read16 = modern_config_read16,
	.config_read32 = modern_config_read32,
	.config_write8 = modern_config_write8,
	.config_write32 = modern_config_write32,
	.set_config_vector = modern_set_config_vector,
	.isr = modern_isr,
	.queue_size = modern_queue_size,
	.queue_start = modern_queue_start,
	.release = modern_release,
};

/* Map the first capability of each type, as 4.1.4.1 wants it: later ones are alternatives. */
static int modern_map(struct modern *m, struct pci_device *pci)
{
	for (u8 cap = pci_find_cap(pci, PCI_CAP_VENDOR, 0); cap; cap = pci_find_cap(pci, PCI_CAP_VENDOR, cap)) {
		u32 type = pci_read8(pci, cap + CAP_CFG_TYPE);

		if (type < CFG_COMMON || type >= CFG_KINDS || m->regs[type])
			continue;
		m->length[type] = pci_read32(pci, cap + CAP_LENGTH);
		m->regs[type] = pci_map(pci, pci_read8(pci, cap + CAP_BAR), pci_read32(pci, cap + CAP_OFFSET), m->length[type]);
		if (!m->regs[type])
			return -EINVAL;
		if (type == CFG_NOTIFY)
			m->notify_multiplier = pci_read32(pci, cap + CAP_NOTIFY_MULTIPLIER);
	}
	if (!m->regs[CFG_COMMON])
		return -ENODEV;		/* legacy, or transitional with that side alone */
	/* Every kind that we drive has a configuration of its own; its fields are checked against the length when read. */
	return m->regs[CFG_NOTIFY] && m->regs[CFG_ISR] && m->length[CFG_COMMON] >= COMMON_SIZE ? 0 : -EINVAL;
}

int virtio_pci_modern_probe(struct pci_device *pci, struct virtio_device **out)
{
	struct modern *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	err = modern_map(m, pci);
	if (err) {
		modern_unmap(m);
		return err;
	}
	m->device.transport = &modern_transport;
	m->device.pci = pci;
	m->device.modern = true;
	/* 0x1040 + kind; a transitional device says its kind in the subsystem ID (4.1.2.1, 4.1.2.3). */
	m->device.id = pci->device >= 0x1040 ? pci->device - 0x1040u : pci->subsystem_device;
	*out = &m->device;
	return 0;
}
