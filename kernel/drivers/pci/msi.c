/*
 * MSI: one address and one data word in configuration space; a device with 2^k
 * vectors puts the vector into the low k bits of the data, so that the
 * controller must give a contiguous, aligned run.
 *
 * Source: PCI 3.0, 6.8.1. Message Control: enable 0, vectors the device can
 * use as a power of two [3:1], granted [6:4], 64-bit address 7, mask bits 8.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"

#define MSI_CONTROL	2
#define  MSI_ENABLE	0x001
#define  MSI_64BIT	0x080
#define  MSI_MASKABLE	0x100
#define MSI_ADDRESS	4
#define MSI_MAX		32

struct msi_controller *pci_msi_controller(struct pci_device *d, u32 *device_id)
{
	const struct platform_pci *fw = d->bus->host->fw;

	u32 rid = pci_rid(d) & fw->msi_rid_mask;

	*device_id = rid;
	if (!fw->msi_count)
		return msi_controller_find(0);
	for (const struct platform_msi_map *m = fw->msi; m < fw->msi + fw->msi_count; m++)
		if (rid - m->rid_base < m->count) {
			*device_id = rid - m->rid_base + m->id_base;
			return msi_controller_find(m->ref);
		}
	return NULL;
}

const char *pci_msi_why(int err)
{
	return err == -ENOSPC ? "too few vectors left" : err == -EIO ? "the controller does not answer" :
	       err == -EINVAL ? "the controller has no place for the device" : "no memory";
}

int pci_msi_alloc(struct pci_device *d, u32 min, u32 max, const char **why)
{
	u8 cap = pci_find_cap(d, PCI_CAP_MSI, 0);
	u32 device_id, n, log = 0, data_at;
	u16 control;
	int err;

	*why = "no capability";
	if (!cap)
		return -ENODEV;
	*why = "no message interrupt controller";
	d->msi = pci_msi_controller(d, &device_id);
	if (!d->msi)
		return -ENODEV;
	control = pci_read16(d, cap + MSI_CONTROL);
	*why = "the device has too few vectors";
	while (log < 5 && 2u << log <= max && log < (control >> 1 & 7u))
		log++;
	if (1u << log < min)
		return -ENOSPC;
	d->irq_wanted = 1u << log;
	for (;; log--) {
		n = 1u << log;
		err = d->msi->alloc(d->msi, device_id, n, true, "MSI", d->irqs);
		if (err != -ENOSPC || log == 0 || n / 2 < min)
			break;
	}
	if (err) {
		*why = pci_msi_why(err);
		return err;
	}
	pci_write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) | PCI_COMMAND_INTX_OFF);
	pci_write32(d, cap + MSI_ADDRESS, d->irqs[0]->msi_address);
	data_at = cap + MSI_ADDRESS + 4;
	if (control & MSI_64BIT) {
		pci_write32(d, data_at, d->irqs[0]->msi_address >> 32);
		data_at += 4;
	}
	pci_write16(d, data_at, d->irqs[0]->msi_data);
	if (control & MSI_MASKABLE)
		pci_write32(d, data_at + 4, 0);
	pci_write16(d, cap + MSI_CONTROL, (control & ~0x70) | log << 4 | MSI_ENABLE);
	*why = NULL;
	return n;
}

void pci_msi_free(struct pci_device *d)
{
	u8 cap = pci_find_cap(d, PCI_CAP_MSI, 0);

	pci_write16(d, cap + MSI_CONTROL, pci_read16(d, cap + MSI_CONTROL) & ~MSI_ENABLE);
	d->msi->free(d->msi, d->irqs, d->irq_count);
}
