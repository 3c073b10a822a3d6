/*
 * A controller's life: found on PCI, taken over from firmware, reset, given its memory, started; then its thread waits
 * for news of ports and devices until it is taken away.
 *
 * The probe only looks at the capabilities and asks for an interrupt; what needs to wait (handoff, halt, reset) is the
 * thread's, so that booting doesn't. No interrupt tells of the end of a reset: the register is looked at each
 * millisecond, as long as the specification gives it.
 *
 * Source: xHCI 1.2, 4.2 (initialisation), 5 (registers), 7.1 (handoff), 7.2 (protocols).
 */
#include "base/errno.h"
#include "base/printf.h"
#include "core/log.h"
#include "drivers/usb/xhci.h"
#include "mm/slab.h"

#define CAPABILITY_LEGACY	1	/* 7.1.1 */
#define  LEGACY_BIOS		BIT(16)
#define  LEGACY_OS		BIT(24)
#define  LEGACY_SMI_KEEP	0x000e1feeu	/* of the word behind it; ones clear events, zeros disable */
#define  LEGACY_SMI_EVENTS	0xe0000000u
#define CAPABILITY_PROTOCOL	2	/* 7.2.2 */
#define CAPABILITIES_MAX	256u
#define REGISTERS_MAX		(1u << 20)
#define MODERATION		160u	/* times 250 ns between two interrupts at least */

static struct wait_queue ended = WAIT_QUEUE_INIT(ended, "xhci.ended");	/* some controller's thread has */

/* ---- small things ----------------------------------------------------------------------------------- */

void *xhci_alloc(struct xhci *h, size_t size)
{
	void *p = dma_alloc(size);

	if (p && !h->wide && dma_addr(p) + size > BIT(32)) {
		log_err("xhci %s: no memory below 4 GiB, which is all that it reaches", h->pci->dev.name);
		dma_free(p, size);
		return NULL;
	}
	return p;
}

static void xhci_free(void *p, size_t size)
{
	if (p)
		dma_free(p, size);
}

void xhci_wake(struct xhci *h)
{
	atomic_store(&h->todo, true);
	wait_wake_all(&h->wait);
}

void xhci_die(struct xhci *h, const char *what, u64 value)
{
	if (atomic_xchg(&h->dead, true))
		return;
	/* From now on it reaches no memory. */
	pci_write16(h->pci, PCI_COMMAND, pci_read16(h->pci, PCI_COMMAND) & ~PCI_COMMAND_MASTER);
	log_err("xhci %s: %s %#llx: out of service", h->pci->dev.name, what, (unsigned long long)value);
	xhci_wake(h);
}

void xhci_pause(u64 ns)
{
	wait_until(clock_ns() + ns);	/* a kernel thread gets no signals */
}

/* Look each millisecond until the register's bits are as wanted: -ETIMEDOUT, or -ENODEV if there is no device. */
static int await(const void *reg, u32 mask, u32 wanted, u64 ns)
{
	u64 deadline = clock_ns() + ns;

	for (;;) {
		u32 v = mmio_read32(reg);

		if (v == ~0u)
			return -ENODEV;
		if ((v & mask) == wanted)
			return 0;
		if (clock_ns() > deadline)
			return -ETIMEDOUT;
		xhci_pause(NSEC_PER_MSEC);
	}
}

/* ---- what it is ------------------------------------------------------------------------------------- */

/* Ports of one version of USB: 7.2.2. */
static void protocol_read(struct xhci *h, u32 at)
{
	u32 major = mmio_read32(h->regs + at) >> 24, ports = mmio_read32(h->regs + at + 8);
	u32 first = ports & 0xff, count = ports >> 8 & 0xff;

	for (u32 i = 0; i < count && first && first + i <= h->ports_max; i++)
		h->ports[first + i] = (struct xhci_port){ .major = major, .number = i + 1 };
}

/* Call fn with the place of each extended capability of that kind, 7. */
static void capabilities(struct xhci *h, u32 id, void (*fn)(struct xhci *, u32 at))
{
	u32 at = (mmio_read32(h->regs + CAP_HCC) >> 16) * 4, left = CAPABILITIES_MAX, v;

	while (at && at + 16 <= h->regs_size && left--) {
		v = mmio_read32(h->regs + at);
		if ((v & 0xff) == id)
			fn(h, at);
		at = v >> 8 & 0xff ? at + (v >> 8 & 0xff) * 4 : 0;
	}
}

/* Firmware lets go of it, or has it taken away after a second; and is interrupted by it no more. 4.22.1 */
static void handoff(struct xhci *h, u32 at)
{
	u8 *reg = h->regs + at;

	mmio_write32(reg, mmio_read32(reg) | LEGACY_OS);
	if (await(reg, LEGACY_BIOS, 0, NSEC_PER_SEC) == -ETIMEDOUT) {
		log_warn("xhci %s: firmware does not let go of it", h->pci->dev.name);
		mmio_write32(reg, (mmio_read32(reg) & ~LEGACY_BIOS) | LEGACY_OS);
	}
	mmio_write32(reg + 4, (mmio_read32(reg + 4) & LEGACY_SMI_KEEP) | LEGACY_SMI_EVENTS);
}

/* Its capabilities, as far as they can be. */
static int capabilities_read(struct xhci *h)
{
	u32 length = mmio_read32(h->regs + CAP_LENGTH) & 0xff, params = mmio_read32(h->regs + CAP_PARAMS1);
	u32 hcc = mmio_read32(h->regs + CAP_HCC), params2 = mmio_read32(h->regs + CAP_PARAMS2);
	u64 doorbells = mmio_read32(h->regs + CAP_DOORBELLS) & ~3u, runtime = mmio_read32(h->regs + CAP_RUNTIME) & ~31u;

	h->slots_max = params & 0xff;
	h->ports_max = params >> 24;
	h->context_size = hcc & HCC_CSZ ? 64 : 32;
	h->wide = hcc & HCC_AC64;
	h->scratchpad_count = params2 >> 27 | (params2 >> 21 & 0x1f) << 5;
	if (!h->slots_max || !h->ports_max || length + OP_PORTS + h->ports_max * 16 > h->regs_size ||
	    doorbells + (h->slots_max + 1) * 4 > h->regs_size || runtime + IR_DEQUEUE + 8 > h->regs_size) {
		log_err("xhci %s: registers beyond its %u bytes", h->pci->dev.name, h->regs_size);
		return -EINVAL;
	}
	h->op = h->regs + length;
	h->runtime = h->regs + runtime;
	h->doorbells = (u32 *)(h->regs + doorbells);
	h->slots = kcalloc(h->slots_max + 1, sizeof(*h->slots));
	h->ports = kcalloc(h->ports_max + 1, sizeof(*h->ports));
	if (!h->slots || !h->ports)
		return -ENOMEM;
	for (u32 i = 1; i <= h->ports_max; i++)
		h->ports[i] = (struct xhci_port){ .major = 2, .number = i };
	capabilities(h, CAPABILITY_PROTOCOL, protocol_read);
	return 0;
}

/* ---- memory ----------------------------------------------------------------------------------------- */

static u32 dcbaa_size(const struct xhci *h) { return (h->slots_max + 1) * sizeof(le64); }

static int scratchpads_alloc(struct xhci *h)
{
	h->page_size = (op_read(h, OP_PAGE_SIZE) & -op_read(h, OP_PAGE_SIZE) & 0xffff) << 12;
	if (!h->scratchpad_count)
		return 0;
	if (!h->page_size)
		return -EINVAL;
	h->scratchpads = xhci_alloc(h, h->scratchpad_count * sizeof(le64));
	if (!h->scratchpads)
		return -ENOMEM;
	for (u32 i = 0; i < h->scratchpad_count; i++) {
		void *page = xhci_alloc(h, MAX(h->page_size, (u32)PAGE_SIZE));

		if (!page)
			return -ENOMEM;
		h->scratchpads[i] = cpu_to_le64(dma_addr(page));
	}
	h->dcbaa[0] = cpu_to_le64(dma_addr(h->scratchpads));
	return 0;
}

static int memory_alloc(struct xhci *h)
{
	struct xhci_trb *commands;

	h->dcbaa = xhci_alloc(h, dcbaa_size(h));
	h->input = xhci_alloc(h, PAGE_SIZE);
	h->events = xhci_alloc(h, PAGE_SIZE);
	h->event_table = xhci_alloc(h, PAGE_SIZE);	/* with the commands behind its one entry */
	if (!h->dcbaa || !h->input || !h->events || !h->event_table)
		return -ENOMEM;
	commands = (struct xhci_trb *)(h->event_table + 8);
	xhci_ring_init(&h->commands, commands);
	h->event_table[0] = cpu_to_le64(dma_addr(h->events));
	h->event_table[1] = cpu_to_le64(XHCI_EVENTS);
	h->event_cycle = 1;
	return scratchpads_alloc(h);
}

/* The controller touches it no more. */
static void memory_free(struct xhci *h)
{
	for (u32 i = 0; h->scratchpads && i < h->scratchpad_count && h->scratchpads[i]; i++)
		dma_free(phys_to_virt(le64_to_cpu(h->scratchpads[i])), MAX(h->page_size, (u32)PAGE_SIZE));
	xhci_free(h->scratchpads, h->scratchpad_count * sizeof(le64));
	xhci_free(h->event_table, PAGE_SIZE);
	xhci_free(h->events, PAGE_SIZE);
	xhci_free(h->input, PAGE_SIZE);
	xhci_free(h->dcbaa, dcbaa_size(h));
}

/* ---- start and end ---------------------------------------------------------------------------------- */

/* 4.2, and 5.4.1: a halted controller may be reset; nothing is written before it is ready. */
static int reset(struct xhci *h)
{
	int err;

	capabilities(h, CAPABILITY_LEGACY, handoff);
	op_write(h, OP_COMMAND, op_read(h, OP_COMMAND) & ~(COMMAND_RUN | COMMAND_INTERRUPTS));
	err = await(h->op + OP_STATUS, STATUS_HALTED, STATUS_HALTED, 100 * NSEC_PER_MSEC);
	if (err)
		return err;
	op_write(h, OP_COMMAND, op_read(h, OP_COMMAND) | COMMAND_RESET);
	err = await(h->op + OP_COMMAND, COMMAND_RESET, 0, 10 * NSEC_PER_SEC);
	if (!err)
		err = await(h->op + OP_STATUS, STATUS_NOT_READY, 0, 10 * NSEC_PER_SEC);
	if (!err)
		pci_enable(h->pci);
	return err;
}

static void write64(u8 *at, u64 v)
{
	mmio_write32(at, v);
	mmio_write32(at + 4, v >> 32);
}

static void run(struct xhci *h)
{
	op_write(h, OP_CONFIG, h->slots_max);
	write64(h->op + OP_DCBAA, dma_addr(h->dcbaa));
	write64(h->op + OP_COMMAND_RING, dma_addr(h->commands.trbs) | TRB_CYCLE);
	mmio_write32(h->runtime + IR_TABLE_SIZE, 1);
	write64(h->runtime + IR_DEQUEUE, dma_addr(h->events) | DEQUEUE_BUSY);
	write64(h->runtime + IR_TABLE, dma_addr(h->event_table));
	mmio_write32(h->runtime + IR_MODERATION, MODERATION);
	mmio_write32(h->runtime + IR_MANAGEMENT, IMAN_PENDING | IMAN_ENABLE);
	pci_irq_enable(h->pci, 0);
	op_write(h, OP_COMMAND, COMMAND_RUN | COMMAND_INTERRUPTS);
	for (u32 port = 1; port <= h->ports_max; port++)
		atomic_store(&h->ports[port].changed, true);
}

/* Hard interrupt. */
static enum irq_result xhci_irq(void *arg)
{
	struct xhci *h = arg;
	u32 status = op_read(h, OP_STATUS);

	if (status == ~0u) {
		xhci_die(h, "it is not there any more, status", status);
		return IRQ_HANDLED;
	}
	if (!(status & (STATUS_EVENT | STATUS_HOST_ERROR)) && h->pci->irq_type == PCI_IRQ_INTX)
		return IRQ_NONE;
	op_write(h, OP_STATUS, STATUS_EVENT | (status & STATUS_HOST_ERROR));
	mmio_write32(h->runtime + IR_MANAGEMENT, IMAN_PENDING | IMAN_ENABLE);
	if (status & (STATUS_HOST_ERROR | STATUS_INTERNAL_ERROR))
		xhci_die(h, "it says that it failed, status", status);
	else
		xhci_events(h);
	return IRQ_HANDLED;
}

/* Nothing of it moves any more: no interrupt, no access to memory. */
static void halt(struct xhci *h)
{
	pci_irq_disable(h->pci, 0);
	pci_irq_detach(h->pci, 0, h);
	op_write(h, OP_COMMAND, op_read(h, OP_COMMAND) & ~(COMMAND_RUN | COMMAND_INTERRUPTS));
	await(h->op + OP_STATUS, STATUS_HALTED, STATUS_HALTED, 100 * NSEC_PER_MSEC);
	pci_disable(h->pci);
	pci_irq_free(h->pci);
}

static void devices_end(struct xhci *h)
{
	atomic_store(&h->dead, true);	/* no commands: all that is left is ours alone */
	while (!list_empty(&h->devices))
		usb_device_remove(list_first(&h->devices, struct usb_device, node));
}

static void xhci_thread(void *arg)
{
	struct xhci *h = arg;
	char irq[160];
	int err = reset(h);

	if (!err)
		err = memory_alloc(h);
	if (!err)	/* a line that is shared may call at once */
		err = pci_irq_attach(h->pci, 0, xhci_irq, h, h->irq_name);
	if (!err) {
		pci_irq_describe(h->pci, irq, sizeof(irq));
		log_info("xhci %s: xHCI %x.%02x, %u ports, %s", h->pci->dev.name, mmio_read32(h->regs) >> 24,
			 mmio_read32(h->regs) >> 16 & 0xff, h->ports_max, irq);
		usb_sysfs_host(h, true);
		run(h);
	} else {
		xhci_die(h, "it cannot be started, error", -err);
	}
	while (!atomic_load(&h->stopping) && !atomic_load(&h->dead)) {
		atomic_store(&h->todo, false);
		xhci_ports_work(h);
		usb_devices_work(h);
		wait_event(&h->wait, atomic_load(&h->todo) || atomic_load(&h->stopping) || atomic_load(&h->dead));
	}
	halt(h);
	devices_end(h);
	if (!err)
		usb_sysfs_host(h, false);
	memory_free(h);
	atomic_store(&h->stopped, true);	/* with that h is xhci_remove's */
	wait_wake_all(&ended);
}

/* ---- PCI -------------------------------------------------------------------------------------------- */

static void xhci_release(struct xhci *h)
{
	if (h->regs)
		pci_unmap(h->regs, h->regs_size);
	kfree(h->slots);
	kfree(h->ports);
	kfree(h);
}

static int xhci_probe(struct pci_device *d)
{
	static u32 buses;		/* [probe: one at a time] */
	struct xhci *h = kzalloc(sizeof(*h));
	int err = -ENOMEM;

	if (!h)
		return err;
	h->pci = d;
	spin_init(&h->lock, "xhci");
	wait_queue_init(&h->wait, "xhci.wait");
	list_init(&h->devices);
	h->regs_size = MIN(d->ranges[0].size, REGISTERS_MAX);
	/* Firmware may have left it running: it reaches memory only once it is reset. */
	pci_enable(d);
	pci_write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) & ~PCI_COMMAND_MASTER);
	if (h->regs_size >= CAP_RUNTIME + 4)
		h->regs = pci_map(d, 0, 0, h->regs_size);
	if (h->regs)
		err = capabilities_read(h);
	h->bus[0] = ++buses;
	h->bus[1] = ++buses;
	snprintf(h->irq_name, sizeof(h->irq_name), "xhci-hcd:usb%u", h->bus[0]);
	if (!err)
		err = MIN(pci_irq_alloc(d, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), 0);
	if (err)
		goto fail;
	d->driver_data = h;
	if (thread_create("usb", xhci_thread, h))
		return 0;
	pci_irq_free(d);
	err = -ENOMEM;
fail:
	pci_disable(d);
	xhci_release(h);
	return err;
}

/* The thread ends all that it has begun. */
static void xhci_remove(struct pci_device *d)
{
	struct xhci *h = d->driver_data;

	atomic_store(&h->stopping, true);
	xhci_wake(h);
	wait_event(&ended, atomic_load(&h->stopped));
	xhci_release(h);
}

static const struct pci_id xhci_ids[] = { PCI_CLASS(0x0c0330, 0xffffff), { 0 } };
PCI_DRIVER(xhci, .name = "xhci_hcd", .ids = xhci_ids, .probe = xhci_probe, .remove = xhci_remove);
