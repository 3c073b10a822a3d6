/*
 * Buses under /sys: a directory a device in the tree of what hangs off what, with the bus's attributes; a link to each
 * from bus/NAME/devices; a directory a driver with links to its devices, and the files bind and unbind, into which a
 * person writes a device's name.
 *
 * A file that is open keeps the memory of its device; it is asked only while the device is there, under the bus's lock.
 *
 * Source: Linux, Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-usb.
 */
#include "bus/internal.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "fs/sysfs.h"
#include "mm/slab.h"

#define PATH_SIZE	320

size_t bus_device_path(const struct bus_device *d, char *buf, size_t size)
{
	u32 depth = 0;
	const struct bus_device *top = d;
	size_t n;

	for (; top->parent; top = top->parent)
		depth++;
	n = scnprintf(buf, size, "devices%s%s", top->root[0] ? "/" : "", top->root);
	/* From the root down: the one that is `left` steps above. */
	for (u32 left = depth + 1; left--;) {
		const struct bus_device *at = d;

		for (u32 i = 0; i < left; i++)
			at = at->parent;
		n += scnprintf(buf + n, size - n, "/%s", at->name);
	}
	return n;
}

/* ---- files of devices ---- */

/* A file's argument. */
struct device_file {
	struct bus_device *device;	/* referenced */
	const struct bus_attribute *attribute;
};

static void device_show(struct text_out *t, void *arg)
{
	struct device_file *f = arg;
	struct bus_type *b = f->device->bus;

	mutex_lock(&b->lock);
	if (f->device->gone)
		t->gone = true;
	else
		f->attribute->show(t, f->device);
	mutex_unlock(&b->lock);
}

static int device_store(const char *text, size_t len, void *arg)
{
	struct device_file *f = arg;
	struct bus_type *b = f->device->bus;
	int err = -ENODEV;

	mutex_lock(&b->lock);
	if (!f->device->gone)
		err = f->attribute->store(text, f->device);
	mutex_unlock(&b->lock);
	return err;
}

static s64 device_read(void *arg, u64 offset, void *buf, size_t n)
{
	struct device_file *f = arg;
	struct bus_type *b = f->device->bus;
	s64 r = -ENODEV;

	mutex_lock(&b->lock);
	if (!f->device->gone)
		r = f->attribute->read(f->device, offset, buf, n);
	mutex_unlock(&b->lock);
	return r;
}

static void device_file_free(void *arg)
{
	struct device_file *f = arg;

	bus_device_put(f->device);
	kfree(f);
}

static int device_file_add(struct bus_device *d, const char *dir, const struct bus_attribute *a)
{
	struct device_file *f = kmalloc(sizeof(*f));
	char path[PATH_SIZE];
	int err;

	if (!f)
		return -ENOMEM;
	*f = (struct device_file){ d, a };
	bus_device_get(d);
	snprintf(path, sizeof(path), "%s/%s", dir, a->name);
	err = a->read ? sysfs_register_binary(path, 0444, a->size, device_read, f, device_file_free) :
			sysfs_register_owned(path, a->show ? device_show : NULL, a->store ? device_store : NULL, f,
					     device_file_free);
	if (err)
		device_file_free(f);
	return err;
}

/* ---- devices ---- */

/* A link in the device's directory to something of its bus, relative as on Linux. */
static int link_up(struct bus_device *d, const char *name, const char *to_what)
{
	char dir[PATH_SIZE], from[PATH_SIZE + 16], to[PATH_SIZE];
	size_t n = scnprintf(to, sizeof(to), "../");

	bus_device_path(d, dir, sizeof(dir));
	snprintf(from, sizeof(from), "%s/%s", dir, name);
	/* Up from the device's directory, which has a step more than its path has slashes. */
	for (const char *s = dir; *s; s++)
		if (*s == '/')
			n += scnprintf(to + n, sizeof(to) - n, "../");
	scnprintf(to + n, sizeof(to) - n, "bus/%s%s", d->bus->name, to_what);
	return sysfs_register_link(from, to);
}

void bus_show_device(struct bus_device *d)
{
	const struct bus_attribute *a = d->bus->attributes;
	char dir[PATH_SIZE], from[PATH_SIZE], to[PATH_SIZE + 16];
	int err;

	bus_device_path(d, dir, sizeof(dir));
	err = sysfs_register_dir(dir);
	for (; !err && a && a->name; a++)
		err = device_file_add(d, dir, a);
	if (!err) {
		snprintf(from, sizeof(from), "bus/%s/devices/%s", d->bus->name, d->name);
		snprintf(to, sizeof(to), "../../../%s", dir);
		err = sysfs_register_link(from, to);
	}
	if (!err)
		err = link_up(d, "subsystem", "");
	if (err)
		log_warn("%s %s: not shown in /sys: error %d", d->bus->name, d->name, -err);
}

void bus_hide_device(struct bus_device *d)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "bus/%s/devices/%s", d->bus->name, d->name);
	sysfs_unregister(path);
	bus_device_path(d, path, sizeof(path));
	sysfs_unregister(path);
}

/* The link from the driver to the device, and the one back. */
static void driver_links(struct bus_device *d, char *of_driver, char *of_device)
{
	snprintf(of_driver, PATH_SIZE, "bus/%s/drivers/%s/%s", d->bus->name, d->driver->name, d->name);
	scnprintf(of_device + bus_device_path(d, of_device, PATH_SIZE), PATH_SIZE - strlen(of_device), "/driver");
}

void bus_show_driver(struct bus_device *d)
{
	char of_driver[PATH_SIZE], of_device[PATH_SIZE], dir[PATH_SIZE], to[PATH_SIZE + 16];
	int err;

	driver_links(d, of_driver, of_device);
	bus_device_path(d, dir, sizeof(dir));
	snprintf(to, sizeof(to), "../../../../%s", dir);
	err = sysfs_register_link(of_driver, to);
	snprintf(to, sizeof(to), "/drivers/%s", d->driver->name);
	if (!err)
		err = link_up(d, "driver", to);
	if (err)
		log_warn("%s %s: its driver is not shown in /sys: error %d", d->bus->name, d->name, -err);
}

void bus_hide_driver(struct bus_device *d)
{
	char of_driver[PATH_SIZE], of_device[PATH_SIZE];

	driver_links(d, of_driver, of_device);
	sysfs_unregister(of_driver);
	sysfs_unregister(of_device);
}

/* ---- drivers ---- */

/* A file's argument; they are as many as drivers, and stay. */
struct driver_file {
	struct bus_type *bus;
	const struct bus_driver *driver;
};

static struct bus_device *device_find(struct bus_type *b, const char *name)
{
	struct bus_device *d;

	list_for_each(d, &b->devices, node)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

static int bind_store(const char *text, size_t len, void *arg)
{
	struct driver_file *f = arg;
	struct bus_device *d;
	int err = -ENODEV;

	mutex_lock(&f->bus->lock);
	d = device_find(f->bus, text);
	if (d)
		err = bus_bind(d, f->driver);
	mutex_unlock(&f->bus->lock);
	return err;
}

static int unbind_store(const char *text, size_t len, void *arg)
{
	struct driver_file *f = arg;
	struct bus_device *d;
	int err = -ENODEV;

	mutex_lock(&f->bus->lock);
	d = device_find(f->bus, text);
	if (d && d->driver == f->driver) {
		bus_device_unbind(d);
		err = 0;
	}
	mutex_unlock(&f->bus->lock);
	return err;
}

static int driver_register(struct bus_type *b, const struct bus_driver *driver)
{
	struct driver_file *f = kmalloc(sizeof(*f));
	char path[PATH_SIZE];
	int err;

	if (!f)
		return -ENOMEM;
	*f = (struct driver_file){ b, driver };
	snprintf(path, sizeof(path), "bus/%s/drivers/%s/bind", b->name, driver->name);
	err = sysfs_register_owned(path, NULL, bind_store, f, NULL);
	snprintf(path, sizeof(path), "bus/%s/drivers/%s/unbind", b->name, driver->name);
	return err ? err : sysfs_register_owned(path, NULL, unbind_store, f, NULL);
}

int bus_register(struct bus_type *b)
{
	const struct bus_driver *driver = NULL;
	char path[PATH_SIZE];
	int err;

	snprintf(path, sizeof(path), "bus/%s/devices", b->name);
	err = sysfs_register_dir(path);
	while ((!err || err == -EEXIST) && (driver = b->driver_next(driver)))
		err = driver_register(b, driver);
	return err == -EEXIST ? 0 : err;
}
