/*
 * pvpanic: a PCI device with one byte of memory through which a guest tells
 * the hypervisor that it has panicked.
 *
 * Source: QEMU, docs/specs/pvpanic: bit 0 of the byte says which events the
 * device takes when read, and reports a panic when written.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "core/panic.h"

#define PVPANIC_PANICKED	1

static u8 *pvpanic;

static void pvpanic_notify(void)
{
	mmio_write8(pvpanic, PVPANIC_PANICKED);
}

static void pvpanic_remove(struct pci_device *d)
{
	machine_ops.panic_notify = NULL;
	pci_unmap(pvpanic, 1);
	pvpanic = NULL;
}

static int pvpanic_probe(struct pci_device *d)
{
	if (pvpanic)
		return -ENODEV;
	pci_enable(d);
	pvpanic = pci_map(d, 0, 0, 1);
	if (!pvpanic || !(mmio_read8(pvpanic) & PVPANIC_PANICKED)) {
		if (pvpanic)
			pci_unmap(pvpanic, 1);
		pvpanic = NULL;
		pci_disable(d);
		return -ENODEV;
	}
	machine_ops.panic_notify = pvpanic_notify;
	return 0;
}

static const struct pci_id pvpanic_ids[] = { PCI_ID(0x1b36, 0x0011), { 0 } };
PCI_DRIVER(pvpanic, .name = "pvpanic-pci", .ids = pvpanic_ids, .probe = pvpanic_probe, .remove = pvpanic_remove);
