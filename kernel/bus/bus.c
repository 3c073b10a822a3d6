/*
 * Devices and drivers of a bus (bus.h): who has which. A bus's own code adds and removes devices; a person binds and
 * unbinds by /sys (sysfs.c). One lock a bus is held over each such change from end to end, so that a device is probed
 * and removed by one at a time, and is not there twice.
 */
#include "bus/internal.h"
#include "base/errno.h"
#include "core/log.h"

void bus_device_put(struct bus_device *d)
{
	while (d && ref_put(&d->refs)) {
		struct bus_device *parent = d->parent;

		d->bus->release(d);
		d = parent;
	}
}

int bus_bind(struct bus_device *d, const struct bus_driver *driver)
{
	int err;

	if (d->driver)
		return -EBUSY;
	err = d->bus->probe(d, driver);
	if (err)
		return err;
	d->driver = driver;
	bus_show_driver(d);
	return 0;
}

void bus_device_probe(struct bus_device *d)
{
	const struct bus_driver *driver = NULL;

	while (!d->driver && (driver = d->bus->driver_next(driver))) {
		int err = bus_bind(d, driver);

		if (err && err != -ENODEV)
			log_err("%s: %s: the device cannot be used: error %d", driver->name, d->name, -err);
	}
}

void bus_device_unbind(struct bus_device *d)
{
	if (!d->driver)
		return;
	bus_hide_driver(d);
	d->bus->remove(d);
	d->driver = NULL;
}

void bus_device_add(struct bus_device *d)
{
	if (d->parent)
		bus_device_get(d->parent);
	list_push_back(&d->bus->devices, &d->node);
	bus_show_device(d);
}

void bus_device_remove(struct bus_device *d)
{
	bus_device_unbind(d);
	d->gone = true;
	bus_hide_device(d);
	list_remove(&d->node);
	bus_device_put(d);
}
