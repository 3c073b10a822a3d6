/*
 * What /sys shows of a PCI device, as lspci and udev read it: the files of its directory (bus/sysfs.c makes that). One
 * of them, remove, takes the device away.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "base/string.h"

static struct pci_device *pci_of(struct bus_device *d) { return container_of(d, struct pci_device, dev); }

static void vendor_show(struct text_out *t, struct bus_device *d) { text_printf(t, "0x%04x\n", pci_of(d)->vendor); }
static void device_show(struct text_out *t, struct bus_device *d) { text_printf(t, "0x%04x\n", pci_of(d)->device); }
static void class_show(struct text_out *t, struct bus_device *d) { text_printf(t, "0x%06x\n", pci_of(d)->class); }
static void revision_show(struct text_out *t, struct bus_device *d) { text_printf(t, "0x%02x\n", pci_of(d)->revision); }

static void subsystem_vendor_show(struct text_out *t, struct bus_device *d)
{
	text_printf(t, "0x%04x\n", pci_of(d)->subsystem_vendor);
}

static void subsystem_device_show(struct text_out *t, struct bus_device *d)
{
	text_printf(t, "0x%04x\n", pci_of(d)->subsystem_device);
}

/* The wire's number; message vectors are listed below msi_irqs. */
static void irq_show(struct text_out *t, struct bus_device *dev)
{
	struct pci_device *d = pci_of(dev);

	text_printf(t, "%u\n", d->irq_type == PCI_IRQ_INTX ? d->irqs[0]->number : 0);
}

/* First and last address as the CPU sees them, and Linux's flag word, for the six BARs, the ROM, a bridge's windows. */
static void resource_show(struct text_out *t, struct bus_device *dev)
{
	enum { FLAG_IO = 0x100, FLAG_MEM = 0x200, FLAG_PREFETCH = 0x2000, FLAG_64 = 0x100000, FLAG_SIZED = 0x40000 };
	struct pci_device *d = pci_of(dev);

	for (u32 i = 0; i < PCI_RANGES + 1; i++) {
		const struct pci_range *r = i == PCI_BARS ? NULL : &d->ranges[i < PCI_BARS ? i : i - 1];
		u64 first = 0, last = 0, flags = 0;

		if (i > PCI_BARS && !d->below)
			break;
		if (r && r->placed) {
			first = r->address + d->bus->host->cpu_offset[r->space];
			last = first + r->size - 1;
			flags = FLAG_SIZED | (r->space == PCI_IO ? FLAG_IO : FLAG_MEM) | (r->prefetch ? FLAG_PREFETCH : 0) |
				(r->is64 ? FLAG_64 : 0);
		}
		text_printf(t, "0x%016llx 0x%016llx 0x%016llx\n", (unsigned long long)first, (unsigned long long)last,
			    (unsigned long long)flags);
	}
}

static void modalias_show(struct text_out *t, struct bus_device *dev)
{
	struct pci_device *d = pci_of(dev);

	text_printf(t, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", d->vendor, d->device, d->subsystem_vendor,
		    d->subsystem_device, d->class >> 16, d->class >> 8 & 0xff, d->class & 0xff);
}

static void uevent_show(struct text_out *t, struct bus_device *dev)
{
	struct pci_device *d = pci_of(dev);

	if (dev->driver)
		text_printf(t, "DRIVER=%s\n", dev->driver->name);
	text_printf(t, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=", d->class,
		    d->vendor, d->device, d->subsystem_vendor, d->subsystem_device, dev->name);
	modalias_show(t, dev);
}

static s64 config_read(struct bus_device *dev, u64 offset, void *buf, size_t n)
{
	struct pci_device *d = pci_of(dev);
	u8 *to = buf;

	if (offset >= PCI_CFG_SIZE)
		return 0;
	n = MIN(n, PCI_CFG_SIZE - offset);
	for (size_t i = 0; i < n; i++)
		to[i] = pci_read8(d, offset + i);
	return n;
}

/* "1" and the like: a yes; 0 and what is no number are refused. */
static bool is_yes(const char *text)
{
	u64 v;

	return !parse_u64(text, NULL, 0, &v) && v;
}

static int remove_store(const char *text, struct bus_device *d)
{
	if (!is_yes(text))
		return -EINVAL;
	pci_remove(pci_of(d));
	return 0;
}

int pci_rescan_store(const char *text, size_t len, void *arg)
{
	struct pci_host *h;
	struct pci_bus *b;

	if (!is_yes(text))
		return -EINVAL;
	mutex_lock(&pci_bus_type.lock);
	list_for_each(h, &pci_hosts, node)
		list_for_each(b, &h->buses, node)
			pci_rescan(b);
	mutex_unlock(&pci_bus_type.lock);
	return 0;
}

#define SHOWN(nm)	{ .name = #nm, .show = nm##_show }
const struct bus_attribute pci_attributes[] = {
	SHOWN(vendor), SHOWN(device), SHOWN(class), SHOWN(revision), SHOWN(subsystem_vendor), SHOWN(subsystem_device),
	SHOWN(irq), SHOWN(resource), SHOWN(modalias), SHOWN(uevent),
	{ .name = "config", .read = config_read, .size = PCI_CFG_SIZE },
	{ .name = "remove", .store = remove_store }, { .name = NULL },
};
#undef SHOWN
