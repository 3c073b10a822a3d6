/*
 * INTx: the four wires of old PCI. Each bridge on the way to the root turns
 * the pin by the slot (Bridge 1.2, 9.1), unless firmware says where the wires
 * of a bus behind it go (a _PRT of the bridge's own); at the root firmware's
 * interrupt-map says which line of the interrupt controller it is. Level, and
 * shared.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"

const struct platform_pci_intx *pci_intx_row(const struct platform_pci *fw, u32 slot, u32 pin)
{
	for (u32 i = 0; i < fw->intx_count; i++)
		if (!fw->intx[i].depth && fw->intx[i].devfn_mask_slot == (slot & fw->intx_slot_mask) && fw->intx[i].pin == pin)
			return &fw->intx[i];
	return NULL;
}

static bool is_bus(const struct platform_pci_intx *x, const struct pci_bus *b)
{
	for (u32 i = x->depth; i; i--, b = b->parent)
		if (!b->parent || b->bridge->devfn != x->bridges[i - 1])
			return false;
	return !b->parent;
}

/* Firmware's line for a slot and pin of this bus. */
static const struct platform_pci_intx *row_of(const struct pci_bus *b, u32 slot, u32 pin)
{
	const struct platform_pci *fw = b->host->fw;

	if (!b->parent)
		return pci_intx_row(fw, slot, pin);
	for (u32 i = 0; i < fw->intx_count; i++)
		if (fw->intx[i].depth && fw->intx[i].devfn_mask_slot == slot && fw->intx[i].pin == pin &&
			is_bus(&fw->intx[i], b))
			return &fw->intx[i];
	return NULL;
}

int pci_intx_alloc(struct pci_device *d, const char **why)
{
	const struct platform_pci_intx *x;
	struct pci_bus *b = d->bus;
	u32 pin = pci_read8(d, PCI_INT_PIN), slot = pci_slot(d);
	struct irq *irq;

	*why = "the device has no interrupt pin";
	if (pin < 1 || pin > 4)
		return -ENODEV;
	for (; !(x = row_of(b, slot, pin)) && b->parent; b = b->parent) {
		pin = (pin - 1 + slot) % 4 + 1;
		slot = pci_slot(b->bridge);
	}
	*why = "firmware says of no line for the pin";
	if (!x)
		return -ENODEV;
	*why = "no interrupt controller";
	irq = irq_from_firmware(x->intid, x->trigger);
	if (is_err(irq))
		return ptr_err(irq);
	pci_write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) | PCI_COMMAND_INTX_OFF);
	d->irqs[0] = irq;
	*why = NULL;
	return 1;
}
