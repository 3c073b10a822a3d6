/*
 * A PCI bus: configuration space of devices and bridges as they should be and as they should not, an interrupt
 * controller for wires and one for messages. For the tests of drivers/pci, which begin, add devices, find, and end.
 */
#pragma once
#include <sys/mman.h>
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The host driver is found through a section of the kernel's image, which a host program has not. */
#include "drivers/pci/ecam.c"
/* The words that its parameter takes reach it through another. */
#include "drivers/pci/irq.c"
#include "mm/slab.h"
#include "drivers/pci/pci_all.h"

struct platform platform = { .cpu_count = 1 };
const struct pci_driver _pci_drivers_start[1];
extern const struct pci_driver _pci_drivers_end[1] __attribute__((alias("_pci_drivers_start")));

#define ECAM		0x600000000000ull
#define IO_SIZE		0x10000
#define MEM_SIZE	0x8000000
#define MEM_PCI		0x10000000ull
#define MEM64_PCI	0x8000000000ull
#define MEM64_SIZE	0x1000000000ull

/* ---- the model ---- */

struct function {
	u8 config[4096];
	u32 bar_mask[6];	/* bits of a BAR that can be written */
	u32 bar_fixed[6];	/* bits that read so always */
	u8 devfn;
	struct function *bridge; /* above it; NULL: the root bus */
	struct function *next;
};
static struct function *functions;
static u8 *memory;		/* behind the memory window */

static u32 get(struct function *f, u32 at, u32 n)
{
	u32 v = 0;

	memcpy(&v, f->config + at, n);
	return v;
}

static void put(struct function *f, u32 at, u32 n, u32 v) { memcpy(f->config + at, &v, n); }

/* A bus is reached if every bridge on the way lets its number through. */
static bool on_bus(struct function *f, u32 bus)
{
	if (!f->bridge)
		return bus == 0;
	if (!bus || bus != f->bridge->config[0x19])
		return false;
	for (struct function *b = f->bridge; b; b = b->bridge)
		if (bus < b->config[0x19] || bus > b->config[0x1a])
			return false;
	return true;
}

static struct function *function_at(u64 offset)
{
	for (struct function *f = functions; f; f = f->next)
		if (f->devfn == (offset >> 12 & 0xff) && on_bus(f, offset >> 20))
			return f;
	return NULL;
}

static u64 config_read(void *arg, u64 offset, unsigned width)
{
	struct function *f = function_at(offset);

	return f ? get(f, offset & 0xfff, width) : (u32)~0u >> (32 - 8 * width);
}

static void config_write(void *arg, u64 offset, unsigned width, u64 v)
{
	struct function *f = function_at(offset);
	u32 at = offset & 0xfff, bars = f && f->config[PCI_HEADER_TYPE] & 1 ? 2 : 6;

	if (!f)
		return;
	if (at >= PCI_BAR0 && at < PCI_BAR0 + 4 * bars) {
		u32 i = (at - PCI_BAR0) / 4;

		EXPECT_EQ(width, 4u);
		/* A BAR is moved only while the device does not decode. */
		EXPECT_EQ(get(f, PCI_COMMAND, 2) & 3, 0u);
		put(f, at, 4, (v & f->bar_mask[i]) | f->bar_fixed[i]);
		return;
	}
	put(f, at, width, v);
}

static struct host_mmio ecam = { .base = ECAM, .size = 256 << 20, .read = config_read, .write = config_write };

static struct function *add(struct function *bridge, u32 slot, u32 fn)
{
	struct function *f = calloc(1, sizeof(*f));

	f->devfn = slot << 3 | fn;
	f->bridge = bridge;
	put(f, PCI_VENDOR_ID, 4, 0x00011234);
	put(f, PCI_REVISION, 4, 0x02000001);
	f->next = functions;
	functions = f;
	return f;
}

static inline struct function *add_bridge(struct function *bridge, u32 slot)
{
	struct function *f = add(bridge, slot, 0);

	put(f, PCI_REVISION, 4, 0x06040000);
	put(f, PCI_HEADER_TYPE, 1, 1);
	put(f, 0x24, 4, 0x00010001);		/* 64-bit prefetchable window */
	return f;
}

enum { MEM = 0, IO = 1, MEM_64 = 4, MEM_PREF = 8 };

static inline void bar(struct function *f, u32 i, u64 size, u32 kind)
{
	u64 mask = -size;

	f->bar_mask[i] = mask & ~(kind & IO ? 3u : 15u);
	f->bar_fixed[i] = kind;
	put(f, PCI_BAR0 + 4 * i, 4, kind);
	if (kind & MEM_64)
		f->bar_mask[i + 1] = mask >> 32;
}

static inline u8 cap(struct function *f, u8 id, u8 at)
{
	put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
	put(f, at, 2, id | f->config[PCI_CAP_POINTER] << 8);
	put(f, PCI_CAP_POINTER, 1, at);
	return at;
}

static struct platform_pci_window windows[3];
static struct platform_pci_intx intx[16];
static struct platform_msi_map msi_rows[] = { { .count = PLATFORM_RIDS } };
static struct platform_pci host = { .ecam = { ECAM, 256 << 20 }, .bus_last = 255, .windows = windows, .window_count = 3,
				    .intx = intx, .intx_slot_mask = 3 };

/* ---- interrupt controllers ---- */

static bool open_lines[256];
static void line_mask(struct irq *irq) { open_lines[irq->hwirq & 255] = false; }
static void line_unmask(struct irq *irq) { open_lines[irq->hwirq & 255] = true; }
static const struct irq_domain_ops line_ops = { .mask = line_mask, .unmask = line_unmask };
static struct irq_domain root_domain = { .name = "ROOT", .ops = &line_ops };
static struct irq_domain msi_domain = { .name = "FRAME", .ops = &line_ops };
static u32 frame_left;

static int frame_alloc(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind, struct irq **irqs)
{
	if (n > frame_left)
		return -ENOSPC;
	frame_left -= n;
	for (u32 i = 0; i < n; i++) {
		irqs[i] = irq_create(&msi_domain, 80 + i, IRQ_EDGE_RISING);
		irqs[i]->msi_address = 0x12345678040ull;
		irqs[i]->msi_data = 80 + i;
	}
	return 0;
}

static void frame_free(struct msi_controller *c, struct irq **irqs, u32 n)
{
	frame_left += n;
	while (n--)
		irq_destroy(irqs[n]);
}

static struct msi_controller frame = { .name = "FRAME", .lines = "SPI", .alloc = frame_alloc, .free = frame_free, .phandle_or_base = 7 };

/* ---- setting up ---- */

static void begin(void)
{
	static bool ready;

	if (!ready) {
		ready = true;
		host_mmio_add(&ecam);
		msi_controller_register(&frame);
		irq_root_domain_set(&root_domain);
		for (u32 i = 0; i < 16; i++)
			intx[i] = (struct platform_pci_intx){ i / 4, i % 4 + 1, 35 + (i / 4 + i % 4) % 4, IRQ_LEVEL_HIGH, .depth = 0 };
	}
	memory = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	windows[0] = (struct platform_pci_window){ 0x3eff0000, 0, IO_SIZE, 1, false };
	windows[1] = (struct platform_pci_window){ (u64)memory, MEM_PCI, MEM_SIZE, 2, false };
	windows[2] = (struct platform_pci_window){ 0x700000000000ull, MEM64_PCI, MEM64_SIZE, 3, true };
	msi_rows[0].ref = 7;
	host.msi = msi_rows;
	host.msi_count = ARRAY_SIZE(msi_rows);
	host.msi_rid_mask = 0xffff;
	host.coherent = true;
	host.bus_last = 255;
	host.window_count = 3;
	host.intx_count = 16;
	frame_left = 64;
}

static void find(void)
{
	EXPECT_EQ(pci_host_add(&host), 0);
}

static void end(void)
{
	while (!list_empty(&pci_hosts)) {
		struct pci_host *h = list_first(&pci_hosts, struct pci_host, node);

		while (!list_empty(&h->buses)) {
			struct pci_bus *b = list_first(&h->buses, struct pci_bus, node);

			while (!list_empty(&b->devices)) {
				struct pci_device *d = list_first(&b->devices, struct pci_device, node);

				pci_irq_free(d);
				list_remove(&d->node);
				kfree(d);
			}
			list_remove(&b->node);
			kfree(b);
		}
		list_remove(&h->node);
		kfree(h);
	}
	while (functions) {
		struct function *f = functions;

		functions = f->next;
		free(f);
	}
	munmap(memory, MEM_SIZE);
}

static struct pci_device *device_of(struct function *f)
{
	for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d))
		if (function_at((u64)(d->config - (u8 *)ECAM)) == f)
			return d;
	return NULL;
}

static inline u32 device_count(void)
{
	u32 n = 0;

	for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d))
		n++;
	return n;
}
