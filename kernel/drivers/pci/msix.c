/*
 * MSI-X: a table of (address, data, control) in one of the device's BARs, an
 * entry a vector. irq.c asks; the messages come from the msi_controller.
 *
 * Entries are programmed with the whole function masked and left open: a
 * vector that nobody wants yet is masked at its controller (irq_mask), where
 * masking costs no round trip to the device.
 *
 * Source: PCI 3.0, 6.8.2. Message Control: table size less one in [10:0];
 * table and PBA: BAR in [2:0], offset in [31:3].
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"

#define MSIX_CONTROL	2
#define  MSIX_SIZE	0x07ff
#define  MSIX_MASK_ALL	0x4000
#define  MSIX_ENABLE	0x8000
#define MSIX_TABLE	4
#define MSIX_BIR	7
#define ENTRY_WORDS	4	/* address low, high, data, control */
#define ENTRY_MASKED	1

int pci_msix_alloc(struct pci_device *d, u32 min, u32 max, const char **why)
{
	u8 cap = pci_find_cap(d, PCI_CAP_MSIX, 0);
	u32 entries, where, device_id, n;
	u16 control;
	int err;

	*why = "no capability";
	if (!cap)
		return -ENODEV;
	*why = "no message interrupt controller";
	d->msi = pci_msi_controller(d, &device_id);
	if (!d->msi)
		return -ENODEV;
	control = pci_read16(d, cap + MSIX_CONTROL);
	entries = (control & MSIX_SIZE) + 1;
	*why = "the table is too small";
	if (entries < min)
		return -ENOSPC;
	*why = "the table is not inside its BAR";
	where = pci_read32(d, cap + MSIX_TABLE);
	d->msix_table = pci_map(d, where & MSIX_BIR, where & ~MSIX_BIR, entries * ENTRY_WORDS * 4);
	if (!d->msix_table)
		return -EINVAL;
	d->irq_wanted = MIN(max, entries);
	for (n = d->irq_wanted; ; n--) {
		err = d->msi->alloc(d->msi, device_id, n, false, "MSIX", d->irqs);
		if (err != -ENOSPC || n == min)
			break;
	}
	if (err) {
		*why = pci_msi_why(err);
		pci_unmap(d->msix_table, entries * ENTRY_WORDS * 4);
		d->msix_table = NULL;
		return err;
	}
	pci_write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) | PCI_COMMAND_INTX_OFF | PCI_COMMAND_MEMORY);
	pci_write16(d, cap + MSIX_CONTROL, control | MSIX_ENABLE | MSIX_MASK_ALL);
	for (u32 i = 0; i < entries; i++) {
		u32 *e = d->msix_table + i * ENTRY_WORDS;

		mmio_write32(&e[3], ENTRY_MASKED);
		if (i >= n)
			continue;
		mmio_write32(&e[0], d->irqs[i]->msi_address);
		mmio_write32(&e[1], d->irqs[i]->msi_address >> 32);
		mmio_write32(&e[2], d->irqs[i]->msi_data);
		mmio_write32(&e[3], 0);
	}
	pci_write16(d, cap + MSIX_CONTROL, (control & ~MSIX_MASK_ALL) | MSIX_ENABLE);
	*why = NULL;
	return n;
}

void pci_msix_free(struct pci_device *d)
{
	u8 cap = pci_find_cap(d, PCI_CAP_MSIX, 0);
	u16 control = pci_read16(d, cap + MSIX_CONTROL);

	pci_write16(d, cap + MSIX_CONTROL, control & ~MSIX_ENABLE);
	d->msi->free(d->msi, d->irqs, d->irq_count);
	pci_unmap(d->msix_table, ((control & MSIX_SIZE) + 1) * ENTRY_WORDS * 4);
	d->msix_table = NULL;
}
