/*
 * Virtio devices: what the transports (pci_modern.c, pci_legacy.c) offer to
 * the drivers of the device kinds, over drivers/pci for their interrupts.
 *
 * The life of a device (Virtio 1.2, 3.1.1): virtio.c resets it and finds the
 * driver of its kind; the driver negotiates features, asks pci_irq_alloc for
 * vectors, sets its queues up, then says virtio_ready. Its end is the driver's
 * remove: handlers off, virtio_stop, then queues and vectors back.
 */
#pragma once
#include "drivers/pci/pci.h"
#include "drivers/virtio/virtqueue.h"

#define VIRTIO_ID_NET		1

/* Status bits, 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER	2
#define VIRTIO_STATUS_DRIVER_OK	4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_FAILED	128

/* Features of all kinds, chapter 6 */
#define VIRTIO_F_VERSION_1	(1ull << 32)
#define VIRTIO_F_RING_RESET	(1ull << 40)
#define VIRTIO_F_ANY_LAYOUT	(1ull << 27)	/* legacy: a device's header need not lie in a descriptor of its own */
/* What any driver here agrees to when offered: the queue sees to the first three, the others ask for little. */
#define VIRTIO_F_COMMON		(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | VIRTIO_F_VERSION_1 | \
				 VIRTIO_F_RING_RESET | VIRTIO_F_ANY_LAYOUT)

#define VIRTIO_NO_VECTOR	0xffff
#define VIRTIO_ISR_QUEUE	1
#define VIRTIO_ISR_CONFIG	2

struct virtio_device;

struct virtio_transport {
	u64 (*features)(struct virtio_device *d);		/* offered */
	void (*accept)(struct virtio_device *d, u64 features);
	u8 (*status)(struct virtio_device *d);
	void (*set_status)(struct virtio_device *d, u8 status);
	u32 (*config_generation)(struct virtio_device *d);
	u8 (*config_read8)(struct virtio_device *d, u32 at);	/* within the device's own configuration */
	u16 (*config_read16)(struct virtio_device *d, u32 at);
	void (*config_write32)(struct virtio_device *d, u32 at, u32 value);
	/* NULL in the legacy transport: none of its kinds needs them. */
	u32 (*config_read32)(struct virtio_device *d, u32 at);
	void (*config_write8)(struct virtio_device *d, u32 at, u8 value);
	/* MSI-X vector of configuration changes; false: the device has none left for it. */
	bool (*set_config_vector)(struct virtio_device *d, u16 vector);
	/* Interrupt status, cleared by the read: VIRTIO_ISR_*. Any context. */
	u8 (*isr)(struct virtio_device *d);
	u16 (*queue_size)(struct virtio_device *d, u16 index);	/* the largest; 0: no such queue */
	bool queue_size_fixed;
	/* Tell the device where the queue lies, and its vector; sets vq->notify. -errno */
	int (*queue_start)(struct virtio_device *d, struct virtqueue *vq, u16 vector);
	/* Unmap its registers and free it. */
	void (*release)(struct virtio_device *d);
};

struct virtio_device {
	const struct virtio_transport *transport;
	struct pci_device *pci;
	u32 id;				/* VIRTIO_ID_* */
	const struct virtio_driver *driver;
	u32 number;
	struct list_node node;		/* all of them, by number [bus.lock of PCI] */
	char name[16];			/* "virtio0" */
	u64 features;			/* negotiated */
	bool modern;
	void *driver_data;
};

struct virtio_driver {
	u32 id;
	const char *name;
	/* The device is reset and acknowledged. Thread context; 0 or -errno. */
	int (*probe)(struct virtio_device *d);
	/* As pci_driver's; the device is stopped when it returns. */
	void (*remove)(struct virtio_device *d);
};
#define VIRTIO_DRIVER(nm, ...) static const struct virtio_driver virtio_driver_##nm kept section(".virtio_drivers") \
	aligned(8) = { __VA_ARGS__ }

/* Agree to those of the wanted features that are offered. -ENODEV: the device refuses (modern). Thread context. */
int virtio_negotiate(struct virtio_device *d, u64 wanted);
static inline bool virtio_has(const struct virtio_device *d, u64 feature) { return d->features & feature; }
/* n bytes of the configuration, all of one moment (2.5.1). Thread context. */
void virtio_config_read(struct virtio_device *d, u32 at, void *dst, u32 n);
/* Make queue `index` of the device's full size and start it; vector: its MSI-X entry or VIRTIO_NO_VECTOR.
 * -ENOENT: no such queue; -EINVAL: its size cannot be; -ENOMEM; -ENOSPC: no vector. Thread context. */
int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max);
/* DRIVER_OK: the queues are live. */
void virtio_ready(struct virtio_device *d);
/* Reset, and wait until it is done: the device touches no queue any more. -ETIMEDOUT; -ENODEV: it was pulled, and
 * touches none either. Thread context. */
int virtio_reset(struct virtio_device *d);
/* The first steps of its life: reset, and it is seen and has a driver (3.1.1). -ETIMEDOUT. Thread context. */
int virtio_begin(struct virtio_device *d);
/* The same for one that is given up: if it does not end its reset, the bus is taken from it. Its memory is ours
 * again. */
void virtio_stop(struct virtio_device *d);
/* Give the device up: FAILED (2.1). */
void virtio_fail(struct virtio_device *d);

/* ---- transports: 0, -ENODEV (not this kind), -errno ---- */
int virtio_pci_modern_probe(struct pci_device *pci, struct virtio_device **out);
int virtio_pci_legacy_probe(struct pci_device *pci, struct virtio_device **out);
