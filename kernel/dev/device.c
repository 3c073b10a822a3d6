/*
 * The linker sections in which drivers and initialisers announce themselves:
 * main.c names a stage, this runs what belongs to it, in link order.
 */
#include "dev/device.h"
#include "base/errno.h"
#include "core/log.h"

extern const struct platform_driver _platform_drivers_start[], _platform_drivers_end[];
extern const struct initialiser _initialisers_start[], _initialisers_end[];

int drivers_probe(enum driver_stage stage)
{
	int found = 0;

	for (const struct platform_driver *d = _platform_drivers_start; d < _platform_drivers_end; d++) {
		int err;

		if (d->stage != stage)
			continue;
		err = d->probe();
		if (err == 0)
			found++;
		else if (err != -ENODEV)
			log_err("%s: the device cannot be used: error %d", d->name, -err);
	}
	return found;
}

void initialisers_run(u32 level)
{
	for (const struct initialiser *i = _initialisers_start; i < _initialisers_end; i++) {
		int err = i->level == level ? i->fn() : 0;

		if (err && err != -ENODEV)
			log_err("%s: not started: error %d", i->name, -err);
	}
}
