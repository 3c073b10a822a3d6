/*
 * What the files of bus/ know of one another. All with the bus's lock held.
 */
#pragma once
#include "bus/bus.h"

/* ---- bus.c ---- */
/* Give an unclaimed device to this driver: 0, -EBUSY (it has one), -ENODEV (not for this driver), the probe's error. */
int bus_bind(struct bus_device *d, const struct bus_driver *driver);

/* ---- sysfs.c: what cannot be shown for want of memory is not ---- */
void bus_show_device(struct bus_device *d);
void bus_hide_device(struct bus_device *d);
void bus_show_driver(struct bus_device *d);
void bus_hide_driver(struct bus_device *d);
