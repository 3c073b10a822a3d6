/*
 * MSI-X: a table of (address, data, control) in one of the device's BARs, an
 * entry a vector. irq.c asks; the messages come from the msi_controller.
 *
 * Entries are programmed with the whole function masked and left open: a
 * vector that nobody wants yet is masked at its controller (irq_mask), where
 * masking costs no round trip to the device.
 *
 * Source: PCI 3.0, 6.8.2. Message Control: table size less one in [10:0];
 * table and PBA (a bit an entry, in words of 64): BAR in [2:0], offset in [31:3].
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"

#define MSIX_CONTROL	2
#define  MSIX_SIZE	0x07ff
#define  MSIX_MASK_ALL	0x4000
#define  MSIX_ENABLE	0x8000
#define MSIX_TABLE	4
#define MSIX_PBA	8
#define MSIX_BIR	7
#define ENTRY_WORDS	4	/* address low, high, data, control */
#define ENTRY_MASKED	1

/* Do n bytes at a BAR and offset lie in memory of the device's? */
static bool inside(const struct pci_device *d, u32 where, u32 n)
{
	const struct pci_range *r = (where & MSIX_BIR) < PCI_BARS ? &d->ranges[where & MSIX_BIR] : NULL;
	u32 offset = where & ~MSIX_BIR;

	return r && r->placed && r->space != PCI_IO && offset < r->size && n <= r->size - offset;
}

/* What of the places of the table and the pending bits cannot be true; NULL: nothing. */
static const char *msix_why_not(const struct pci_device *d, u32 table, u32 pba, u32 entries)
{
	u32 bytes = entries * ENTRY_WORDS * 4, bits = DIV_ROUND_UP(entries, 64) * 8;

	if (!inside(d, table, bytes))
		return "the table is not inside its BAR";
	if (!inside(d, pba, bits))
		return "the pending bits are not inside their BAR";
	if ((table & MSIX_BIR) == (pba & MSIX_BIR) && table < pba + bits && pba < table + bytes)
		return "the pending bits lie in the table";
	return NULL;
}

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
	where = pci_read32(d, cap + MSIX_TABLE);
	*why = msix_why_not(d, where, pci_read32(d, cap + MSIX_PBA), entries);
	if (*why)
		return -EINVAL;
	*why = "no memory";
	d->msix_table = pci_map(d, where & MSIX_BIR, where & ~MSIX_BIR, entries * ENTRY_WORDS * 4);
	if (!d->msix_table)
		return -ENOMEM;
	d->msix_entries = entries;
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
	/* As many as were mapped: a card that was pulled says 2048. */
	pci_unmap(d->msix_table, d->msix_entries * ENTRY_WORDS * 4);
	d->msix_table = NULL;
}
