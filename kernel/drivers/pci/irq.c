/*
 * The ladder of a device's interrupts: MSI-X, MSI, INTx. What each step found
 * is kept, so that the boot log says which one runs and why not a better one.
 * A driver that gets none polls.
 *
 * Command line: pci=nomsix (no MSI-X), pci=nomsi (neither kind of message),
 * pci=noirq (none at all), separated by commas.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "core/param.h"
#include "mm/slab.h"
#include "sched/mutex.h"

static bool no_msix, no_msi, no_irq;
static struct mutex intx_lock = MUTEX_INIT(intx_lock, "pci_intx");	/* first and last user of a shared line */

static int set_pci(const char *value)
{
	static const struct { const char *word; bool *flag; } words[] = {
		{ "nomsix", &no_msix }, { "nomsi", &no_msi }, { "noirq", &no_irq },
	};
	int err = 0;

	while (*value) {
		const char *end = strchr(value, ',');
		size_t n = end ? (size_t)(end - value) : strlen(value);
		bool known = false;

		for (u32 i = 0; i < ARRAY_SIZE(words); i++)
			if (strlen(words[i].word) == n && strncmp(words[i].word, value, n) == 0)
				*words[i].flag = known = true;
		if (!known)
			err = -EINVAL;
		value += end ? n + 1 : n;
	}
	return err;
}
PARAM("pci", set_pci);

/* One step: n vectors, or 0. */
static u32 ladder_step(struct pci_device *d, enum pci_irq_type type, u32 min, u32 max)
{
	u32 step = type == PCI_IRQ_MSIX ? 0 : type == PCI_IRQ_MSI ? 1 : 2;
	const char *why = NULL;
	int n;

	if (no_irq)
		why = "pci=noirq";
	else if (type != PCI_IRQ_INTX && no_msi)
		why = "pci=nomsi";
	else if (type == PCI_IRQ_MSIX && no_msix)
		why = "pci=nomsix";
	else if (type == PCI_IRQ_INTX && min > 1)
		why = "more than one vector is needed";
	d->irq_why[step] = why;
	if (why)
		return 0;
	n = type == PCI_IRQ_MSIX ? pci_msix_alloc(d, min, max, &why) :
	    type == PCI_IRQ_MSI ? pci_msi_alloc(d, min, max, &why) : pci_intx_alloc(d, &why);
	d->irq_why[step] = why;
	return n > 0 ? n : 0;
}

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	/* MSI rounds a run up to a power of two at most. */
	d->irqs = kcalloc(max, sizeof(*d->irqs));
	if (!d->irqs)
		return -ENOMEM;
	for (u32 type = PCI_IRQ_MSIX; type <= PCI_IRQ_INTX; type <<= 1) {
		if (!(types & type))
			continue;
		d->irq_count = ladder_step(d, type, min, max);
		if (d->irq_count) {
			d->irq_type = type;
			return d->irq_count;
		}
	}
	kfree(d->irqs);
	d->irqs = NULL;
	return -ENXIO;
}

static void pci_intx_set(struct pci_device *d, bool on)
{
	u16 command = pci_read16(d, PCI_COMMAND);

	pci_write16(d, PCI_COMMAND, on ? command & ~PCI_COMMAND_INTX_OFF : command | PCI_COMMAND_INTX_OFF);
}

void pci_irq_free(struct pci_device *d)
{
	switch (d->irq_type) {
	case PCI_IRQ_MSIX: pci_msix_free(d); break;
	case PCI_IRQ_MSI: pci_msi_free(d); break;
	case PCI_IRQ_INTX:
		pci_intx_set(d, false);
		irq_destroy(d->irqs[0]);
		break;
	case PCI_IRQ_NONE: return;
	}
	kfree(d->irqs);
	d->irqs = NULL;
	d->irq_count = 0;
	d->irq_type = PCI_IRQ_NONE;
}

struct irq *pci_irq(struct pci_device *d, u32 i)
{
	return i < d->irq_count ? d->irqs[i] : NULL;
}

int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	struct irq *irq = d->irqs[i];
	bool first;
	int err;

	if (d->irq_type != PCI_IRQ_INTX)
		return irq_attach(irq, handler, arg, name);
	mutex_lock(&intx_lock);
	first = !irq->actions;
	err = irq_attach(irq, handler, arg, name);
	if (err == 0 && first)
		irq_unmask(irq);
	mutex_unlock(&intx_lock);
	return err;
}

void pci_irq_detach(struct pci_device *d, u32 i, void *arg)
{
	mutex_lock(&intx_lock);
	irq_detach(d->irqs[i], arg);
	mutex_unlock(&intx_lock);
}

void pci_irq_enable(struct pci_device *d, u32 i)
{
	if (d->irq_type == PCI_IRQ_INTX)
		pci_intx_set(d, true);
	else
		irq_unmask(d->irqs[i]);
}

void pci_irq_disable(struct pci_device *d, u32 i)
{
	if (d->irq_type == PCI_IRQ_INTX)
		pci_intx_set(d, false);
	else
		irq_mask(d->irqs[i]);
}

void pci_irq_describe(struct pci_device *d, char *buf, size_t size)
{
	static const char *const names[] = { "MSI-X", "MSI", "INTx" };
	bool messages = d->irq_type == PCI_IRQ_MSIX || d->irq_type == PCI_IRQ_MSI;
	u32 first = ~0u, last = 0, told = 0;
	size_t n = 0;

	for (u32 i = 0; i < d->irq_count; i++) {
		first = MIN(first, d->irqs[i]->hwirq);
		last = MAX(last, d->irqs[i]->hwirq);
	}
	if (messages) {
		n = scnprintf(buf, size, "%s, %u", names[d->irq_type == PCI_IRQ_MSI], d->irq_count);
		if (d->irq_count < d->irq_wanted)
			n += scnprintf(buf + n, size - n, " of %u wanted", d->irq_wanted);
		n += scnprintf(buf + n, size - n, " vector%s via %s, %s %u", d->irq_count == 1 ? "" : "s", d->msi->name,
			       d->msi->lines, first);
		if (last > first)
			n += scnprintf(buf + n, size - n, "-%u", last);
	} else if (d->irq_type == PCI_IRQ_INTX) {
		n = scnprintf(buf, size, "INTx, %s %u", d->irqs[0]->domain->name, first);
	} else {
		n = scnprintf(buf, size, "polling at 100 Hz");
	}
	/* Why not a better step: once if one word of the command line forbade them all. */
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (!d->irq_why[i] || (no_irq && i > 0))
			continue;
		if (no_irq)
			n += scnprintf(buf + n, size - n, " (%s", d->irq_why[i]);
		else
			n += scnprintf(buf + n, size - n, "%s%s: %s", told ? "; " : " (", names[i], d->irq_why[i]);
		told++;
	}
	if (told)
		scnprintf(buf + n, size - n, ")");
}
