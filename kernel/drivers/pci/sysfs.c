/*
 * PCI devices under /sys, as lspci and udev read them: a directory a device in
 * the tree of bridges, and a link to each from bus/pci/devices. pci_probe
 * calls this once, when all devices are placed and have their drivers.
 */
#include "drivers/pci/pci.h"
#include "base/printf.h"
#include "core/log.h"
#include "fs/sysfs.h"

#define PATH_SIZE	256
#define CONFIG_SIZE	PCI_CFG_SIZE

static void vendor_show(struct text_out *t, void *arg) { text_printf(t, "0x%04x\n", ((struct pci_device *)arg)->vendor); }
static void device_show(struct text_out *t, void *arg) { text_printf(t, "0x%04x\n", ((struct pci_device *)arg)->device); }
static void class_show(struct text_out *t, void *arg) { text_printf(t, "0x%06x\n", ((struct pci_device *)arg)->class); }
static void revision_show(struct text_out *t, void *arg) { text_printf(t, "0x%02x\n", ((struct pci_device *)arg)->revision); }

static void subsystem_vendor_show(struct text_out *t, void *arg)
{
	text_printf(t, "0x%04x\n", ((struct pci_device *)arg)->subsystem_vendor);
}

static void subsystem_device_show(struct text_out *t, void *arg)
{
	text_printf(t, "0x%04x\n", ((struct pci_device *)arg)->subsystem_device);
}

/* The wire's number; message vectors are listed below msi_irqs. */
static void irq_show(struct text_out *t, void *arg)
{
	struct pci_device *d = arg;

	text_printf(t, "%u\n", d->irq_type == PCI_IRQ_INTX ? d->irqs[0]->number : 0);
}

/* First and last address as the CPU sees them, and Linux's flag word, for the six BARs, the ROM, a bridge's windows. */
static void resource_show(struct text_out *t, void *arg)
{
	enum { FLAG_IO = 0x100, FLAG_MEM = 0x200, FLAG_PREFETCH = 0x2000, FLAG_64 = 0x100000, FLAG_SIZED = 0x40000 };
	struct pci_device *d = arg;

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

static void modalias_show(struct text_out *t, void *arg)
{
	struct pci_device *d = arg;

	text_printf(t, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", d->vendor, d->device, d->subsystem_vendor,
		    d->subsystem_device, d->class >> 16, d->class >> 8 & 0xff, d->class & 0xff);
}

static void uevent_show(struct text_out *t, void *arg)
{
	struct pci_device *d = arg;

	if (d->driver)
		text_printf(t, "DRIVER=%s\n", d->driver->name);
	text_printf(t, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=", d->class,
		    d->vendor, d->device, d->subsystem_vendor, d->subsystem_device, d->name);
	modalias_show(t, arg);
}

static s64 config_read(void *arg, u64 offset, void *buf, size_t n)
{
	struct pci_device *d = arg;
	u8 *to = buf;

	if (offset >= CONFIG_SIZE)
		return 0;
	n = MIN(n, CONFIG_SIZE - offset);
	for (size_t i = 0; i < n; i++)
		to[i] = pci_read8(d, offset + i);
	return n;
}

static const struct { const char *name; void (*show)(struct text_out *, void *); } attributes[] = {
	{ "vendor", vendor_show }, { "device", device_show }, { "class", class_show }, { "revision", revision_show },
	{ "subsystem_vendor", subsystem_vendor_show }, { "subsystem_device", subsystem_device_show },
	{ "irq", irq_show }, { "resource", resource_show }, { "modalias", modalias_show },
	{ "uevent", uevent_show },
};

/* "devices/pci0000:00/0000:00:01.0/0000:01:00.0": the host, the bridges on the way, the device. */
size_t pci_sysfs_path(const struct pci_device *d, char *path, size_t size)
{
	const struct platform_pci *fw = d->bus->host->fw;
	size_t n = scnprintf(path, size, "devices/pci%04x:%02x", fw->segment, fw->bus_first);
	u32 depth = 0;

	for (const struct pci_device *up = d->bus->bridge; up; up = up->bus->bridge)
		depth++;
	/* From the root down: the bridge that is `depth` steps above, then the one below it. */
	for (u32 left = depth + 1; left--;) {
		const struct pci_device *at = d;

		for (u32 i = 0; i < left; i++)
			at = at->bus->bridge;
		n += scnprintf(path + n, size - n, "/%s", at->name);
	}
	return n;
}

static int attributes_register(struct pci_device *d, const char *dir)
{
	char path[PATH_SIZE + 32];
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(attributes); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, attributes[i].name);
		err = sysfs_register(path, attributes[i].show, NULL, d);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), "%s/config", dir);
	return sysfs_register_binary(path, 0444, CONFIG_SIZE, config_read, d);
}

/* A link in the device's directory to something of its bus, relative as on Linux. */
static int link_up(const char *dir, const char *name, const char *to_what)
{
	char from[PATH_SIZE + 32], to[PATH_SIZE + 32];
	size_t n;

	snprintf(from, sizeof(from), "%s/%s", dir, name);
	/* Up from the device's directory, which has a step more than its path has slashes. */
	n = scnprintf(to, sizeof(to), "../");
	for (const char *s = dir; *s; s++)
		if (*s == '/')
			n += scnprintf(to + n, sizeof(to) - n, "../");
	scnprintf(to + n, sizeof(to) - n, "bus/pci%s", to_what);
	return sysfs_register_link(from, to);
}

/* The links between a device and its driver. */
static int driver_register(struct pci_device *d, const char *dir)
{
	char from[PATH_SIZE + 32], to[PATH_SIZE + 32];
	int err;

	snprintf(from, sizeof(from), "bus/pci/drivers/%s/%s", d->driver->name, d->name);
	snprintf(to, sizeof(to), "../../../../%s", dir);
	err = sysfs_register_link(from, to);
	if (err)
		return err;
	snprintf(to, sizeof(to), "/drivers/%s", d->driver->name);
	return link_up(dir, "driver", to);
}

static void device_register(struct pci_device *d)
{
	char dir[PATH_SIZE], from[PATH_SIZE], to[PATH_SIZE + 16];
	int err;

	pci_sysfs_path(d, dir, sizeof(dir));
	err = attributes_register(d, dir);
	if (!err) {
		snprintf(from, sizeof(from), "bus/pci/devices/%s", d->name);
		snprintf(to, sizeof(to), "../../../%s", dir);
		err = sysfs_register_link(from, to);
	}
	if (!err)
		err = link_up(dir, "subsystem", "");
	if (!err && d->driver)
		err = driver_register(d, dir);
	if (err)
		log_warn("pci %s: not shown in /sys: error %d", d->name, -err);
}

void pci_sysfs_register(void)
{
	for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d))
		device_register(d);
}
