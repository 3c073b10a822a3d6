/*
 * PCI: hosts, buses, devices, and what a driver of a PCI device calls.
 *
 *   ecam.c  hosts and configuration space      scan.c  finding devices, and buses behind bridges
 *   bus.c   drivers, removal, finding anew     sysfs.c what /sys shows of them    slot.c  hot plug
 *   bar.c   sizing and placing of BARs         irq.c   the ladder MSI-X, MSI, INTx over msix.c, msi.c, intx.c
 *
 * Devices are found at boot, when a person asks (/sys/bus/pci/rescan), and when a slot gets a card. The lists of buses
 * and devices change with pci_bus_type.lock held, which guards them: key [P]. A driver's probe and remove run under it.
 *
 * Source: PCI Local Bus 3.0, PCI-to-PCI Bridge 1.2, PCI Express Base 4.0.
 */
#pragma once
#include "arch/arm64/cpu.h"
#include "base/list.h"
#include "bus/bus.h"
#include "fw/platform.h"
#include "irq/msi.h"

/* Configuration space, PCI 3.0 chapter 6. */
#define PCI_VENDOR_ID		0x00
#define PCI_DEVICE_ID		0x02
#define PCI_COMMAND		0x04
#define  PCI_COMMAND_IO		0x001
#define  PCI_COMMAND_MEMORY	0x002
#define  PCI_COMMAND_MASTER	0x004
#define  PCI_COMMAND_INTX_OFF	0x400
#define PCI_STATUS		0x06
#define  PCI_STATUS_CAPS	0x10
#define PCI_REVISION		0x08
#define PCI_HEADER_TYPE		0x0e
#define  PCI_HEADER_MULTI	0x80
#define PCI_BAR0		0x10
#define PCI_SUBSYSTEM_VENDOR	0x2c
#define PCI_SUBSYSTEM_ID	0x2e
#define PCI_ROM			0x30
#define PCI_CAP_POINTER		0x34
#define PCI_INT_PIN		0x3d
#define PCI_CFG_SIZE		4096

#define PCI_CAP_MSI		0x05
#define PCI_CAP_VENDOR		0x09
#define PCI_CAP_EXP		0x10	/* PCI Express: its flags are at 2 */
#define  PCI_EXP_SLOT		0x0100	/* the port has a slot */
#define PCI_CAP_MSIX		0x11

enum pci_space { PCI_NONE, PCI_IO, PCI_MEM32, PCI_MEM64, PCI_SPACES };

/* A range that a device decodes: a BAR, or one of a bridge's three windows. */
struct pci_range {
	u64 address;		/* on the bus; meaningful once placed */
	u64 size, align;
	u8 space;		/* enum pci_space: the window that it is placed in; PCI_NONE: there is none */
	bool is64, prefetch, placed;
	bool spare;			/* a window with nothing in it yet, for cards to come: if there is room */
};

#define PCI_BARS	6
#define PCI_BRIDGE_RANGES PCI_BARS	/* ranges[] of a bridge's windows, by pci_space - 1 from here */
#define PCI_RANGES	(PCI_BARS + 3)

struct pci_host {
	const struct platform_pci *fw;
	struct list_node buses;		/* parents before children [P] */
	u64 cpu_offset[PCI_SPACES];	/* CPU address less bus address */
	struct list_node node;
};

struct pci_bus {
	struct pci_host *host;
	struct pci_bus *parent;		/* NULL: the root bus */
	struct pci_device *bridge;	/* the bridge that leads here, on parent */
	u8 number, last;		/* itself, and the highest that may be below it */
	bool mem64;			/* 64-bit prefetchable addresses reach it */
	u8 *config;			/* its megabyte of ECAM */
	struct list_node devices;	/* [P] */
	struct list_node node;		/* [P] */
};

enum pci_irq_type { PCI_IRQ_NONE = 0, PCI_IRQ_MSIX = 1, PCI_IRQ_MSI = 2, PCI_IRQ_INTX = 4 };

struct pci_device {
	struct bus_device dev;		/* its name is "0000:00:01.0" */
	struct pci_bus *bus;
	u8 devfn;
	u8 header_type, revision;
	u16 vendor, device, subsystem_vendor, subsystem_device;
	u32 class;			/* 24 bits: base, sub, interface */
	u8 *config;			/* its configuration space; all ones when the device is no longer there */
	struct pci_range ranges[PCI_RANGES];
	struct pci_bus *below;		/* of a bridge [P] */
	void *driver_data;
	struct list_node node;		/* [P] */

	/* irq.c's */
	enum pci_irq_type irq_type;
	u32 irq_count;
	u32 irq_wanted;		/* of messages: what the device has and the driver can use; there may have been fewer left */
	struct irq **irqs;
	struct msi_controller *msi;
	u32 *msix_table, msix_entries;
	const char *irq_why[3];		/* why MSI-X, MSI, INTx did not serve; NULL: not tried, or it did */
};

struct pci_id { u16 vendor, device; u32 class, class_mask; };
#define PCI_ANY		0xffff
#define PCI_ID(v, d)	{ .vendor = (v), .device = (d) }
#define PCI_CLASS(c, m)	{ .vendor = PCI_ANY, .device = PCI_ANY, .class = (c), .class_mask = (m) }

struct pci_driver {
	union { const char *name; struct bus_driver driver; };
	const struct pci_id *ids;	/* ends with a vendor of 0 */
	/* Thread context. 0: claimed; -ENODEV: not for this driver after all; other errors are logged. */
	int (*probe)(struct pci_device *dev);
	/*
	 * Undo it all: interrupts, timers, work and memory; no mapping of its ranges stays. The bus is taken from the
	 * device when this returns, if the driver has not done so. The device may have been pulled: its registers read all
	 * ones, and nothing is to be waited for that only it can bring about. Every driver has this. Thread context.
	 */
	void (*remove)(struct pci_device *dev);
};
#define PCI_DRIVER(id, ...) static const struct pci_driver pci_driver_##id kept section(".pci_drivers") aligned(8) = \
	{ __VA_ARGS__ }

static inline u8 pci_read8(struct pci_device *d, u32 at) { return mmio_read8(d->config + at); }
static inline u16 pci_read16(struct pci_device *d, u32 at) { return mmio_read16(d->config + at); }
static inline u32 pci_read32(struct pci_device *d, u32 at) { return mmio_read32(d->config + at); }
static inline void pci_write8(struct pci_device *d, u32 at, u8 v) { mmio_write8(d->config + at, v); }
static inline void pci_write16(struct pci_device *d, u32 at, u16 v) { mmio_write16(d->config + at, v); }
static inline void pci_write32(struct pci_device *d, u32 at, u32 v) { mmio_write32(d->config + at, v); }

static inline u32 pci_rid(const struct pci_device *d) { return d->bus->number << 8 | d->devfn; }
static inline u32 pci_slot(const struct pci_device *d) { return d->devfn >> 3; }

/* Let the device decode its BARs and master the bus; or do neither any more. Process context. */
void pci_enable(struct pci_device *d);
void pci_disable(struct pci_device *d);
/* Is it still there? False: it was pulled, and touches no memory any more. Any context. */
static inline bool pci_present(struct pci_device *d) { return pci_read16(d, PCI_VENDOR_ID) != 0xffff; }
/* Offset of the next capability of this kind after `after` (0: from the first); 0: none. A list that loops ends. */
u8 pci_find_cap(struct pci_device *d, u8 id, u8 after);

/* Map n bytes at an offset of a BAR, memory or I/O. NULL: no such range, not placed, or no memory. Process context. */
void *pci_map(struct pci_device *d, u32 bar, u64 offset, u64 n);
void pci_unmap(void *va, u64 n);

/*
 * Interrupt vectors: the best of the types (PCI_IRQ_* mask) that the machine and the command line allow: MSI-X, else
 * MSI, else INTx (one, shared). Between min and max vectors, all masked. Returns how many; -ENXIO: none of them served,
 * and irq_why says why for each. Process context.
 */
int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types);
void pci_irq_free(struct pci_device *d);
/* The i-th vector. */
struct irq *pci_irq(struct pci_device *d, u32 i);
/* irq_attach and irq_detach of vector i. With INTx the line is shared and the device's own switch masks it. */
must_check int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name);
void pci_irq_detach(struct pci_device *d, u32 i, void *arg);
/* Deferred enable: let the vector through, or stop it. Each enable is undone by one disable. Process context. */
void pci_irq_enable(struct pci_device *d, u32 i);
void pci_irq_disable(struct pci_device *d, u32 i);
/* "MSI-X, 3 vectors via GICv2m, SPI 80-82", with the reasons of the steps before it. For the boot log. */
void pci_irq_describe(struct pci_device *d, char *buf, size_t size);

/* Firmware's line for a slot of the host's root bus and a pin from 1; NULL: it says of none. Any context. */
const struct platform_pci_intx *pci_intx_row(const struct platform_pci *fw, u32 slot, u32 pin);

/* ---- among the files of pci/ ---- */
extern struct bus_type pci_bus_type;
extern const struct bus_attribute pci_attributes[];
extern struct list_node pci_hosts;		/* found at boot, there to stay */
struct pci_bus *pci_bus_create(struct pci_host *h, struct pci_bus *parent, struct pci_device *bridge, u8 number);
void pci_bus_destroy(struct pci_bus *b);
/* Find what is on this bus and behind it that is not known yet: it is listed, and sized, no more. [P] */
void pci_scan(struct pci_bus *b);
void pci_bar_size(struct pci_device *d);
/* Give all that was found on this host at boot its addresses; later, what is new on b and in the buses from `first` on,
 * the head of the host's list if there are none. [P] */
void pci_place(struct pci_host *h);
void pci_place_new(struct pci_bus *b, struct list_node *first);
/* Find, place, show and bind what is new on b and behind it. [P] */
void pci_rescan(struct pci_bus *b);
/* What is found is shown, then offered to drivers. [P] */
void pci_announce(struct pci_bus *b);
/* The device goes, and before it what is behind it. [P] */
void pci_remove(struct pci_device *d);
/* Is it a port with a slot whose cards come and go? Process context. */
bool pci_takes_cards(struct pci_device *d);
int pci_bus_register(void);
int pci_rescan_store(const char *text, size_t len, void *arg);	/* of /sys/bus/pci/rescan */
/* Each: vectors made (>= min), or -errno with *why set. */
int pci_msix_alloc(struct pci_device *d, u32 min, u32 max, const char **why);
void pci_msix_free(struct pci_device *d);
int pci_msi_alloc(struct pci_device *d, u32 min, u32 max, const char **why);
void pci_msi_free(struct pci_device *d);
int pci_intx_alloc(struct pci_device *d, const char **why);
/* What an error of msi_controller's alloc means. */
const char *pci_msi_why(int err);
/* The controller that serves this device's messages, and its ID there. NULL: none. */
struct msi_controller *pci_msi_controller(struct pci_device *d, u32 *device_id);
