/*
 * /sys as seen by nobody: buses and their devices are bound and unbound by the test itself.
 */
#include "bus/internal.h"
#include "drivers/pci/pci.h"
#include "fs/sysfs.h"

const struct bus_attribute pci_attributes[1];

int bus_register(struct bus_type *b) { return 0; }
void bus_show_device(struct bus_device *d) { }
void bus_hide_device(struct bus_device *d) { }
void bus_show_driver(struct bus_device *d) { }
void bus_hide_driver(struct bus_device *d) { }
int pci_rescan_store(const char *text, size_t len, void *arg) { return 0; }

int sysfs_register_owned(const char *path, void (*show)(struct text_out *, void *),
			 int (*store)(const char *, size_t, void *), void *arg, void (*arg_free)(void *))
{
	return 0;
}
