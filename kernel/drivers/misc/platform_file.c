/*
 * /sys/firmware/platform: what firmware said of this machine, a thing a line, as struct platform has it. It reads alike
 * whether a device tree or ACPI said so: references are shown as the addresses that they lead to, wires as they are
 * found for each slot and pin. For whoever wonders why a device got no interrupt, or reports it.
 */
#include "dev/device.h"
#include "drivers/pci/pci.h"
#include "fs/sysfs.h"
#include "fw/platform.h"

static const char *const triggers[] = {
	[IRQ_LEVEL_HIGH] = "level-high", [IRQ_LEVEL_LOW] = "level-low",
	[IRQ_EDGE_RISING] = "edge-rising", [IRQ_EDGE_FALLING] = "edge-falling",
};

static void range(struct text_out *t, const char *name, const struct platform_range *r)
{
	if (r->size)
		text_printf(t, "%s %#llx size %#llx\n", name, (unsigned long long)r->base, (unsigned long long)r->size);
}

static void cpus_and_memory(struct text_out *t, const struct platform *p)
{
	text_printf(t, "model %s\n", p->model);
	for (u32 i = 0; i < p->memory_count; i++)
		range(t, "memory", &p->memory[i]);
	range(t, "initrd", &p->initrd);
	for (u32 i = 0; i < p->cpu_count; i++)
		text_printf(t, "cpu mpidr %#llx enabled by %s\n", (unsigned long long)p->cpus[i].mpidr,
			    p->cpus[i].enable_method ? p->cpus[i].enable_method : "nothing");
	if (p->psci.present)
		text_printf(t, "psci by %s\n", p->psci.hvc ? "hvc" : "smc");
}

static void controllers(struct text_out *t, const struct platform *p)
{
	text_printf(t, "gic version %u\n", p->gic.version);
	range(t, "gic distributor", &p->gic.dist);
	range(t, "gic cpu interface", &p->gic.cpu);
	for (u32 i = 0; i < p->gic.redist_count; i++)
		range(t, "gic redistributors", &p->gic.redist[i]);
	for (u32 i = 0; i < p->v2m_count; i++) {
		range(t, "gicv2m frame", &p->v2m[i].reg);
		if (p->v2m[i].spi_count)
			text_printf(t, "gicv2m interrupts %u-%u\n", p->v2m[i].spi_base,
				    p->v2m[i].spi_base + p->v2m[i].spi_count - 1);
	}
	for (u32 i = 0; i < p->its_count; i++)
		range(t, "its", &p->its[i].reg);
	text_printf(t, "timer virtual %u physical %u %s\n", p->timer.virt_intid, p->timer.phys_intid,
		triggers[p->timer.trigger]);
}

static void devices(struct text_out *t, const struct platform *p)
{
	if (p->uart.present) {
		range(t, "uart", &p->uart.reg);
		text_printf(t, "uart interrupt %u %s\n", p->uart.intid, triggers[p->uart.trigger]);
		if (p->uart.clock_hz)
			text_printf(t, "uart clock %u Hz\n", p->uart.clock_hz);
	}
	if (p->rtc.present) {
		range(t, "rtc", &p->rtc.reg);
		text_printf(t, "rtc interrupt %u\n", p->rtc.intid);
	}
	if (p->power_button.present) {
		text_printf(t, "power button interrupt %u %s\n", p->power_button.intid, triggers[p->power_button.trigger]);
		range(t, "power button register", &p->power_button.reg);
		text_printf(t, "power button mask %#llx\n", (unsigned long long)p->power_button.mask);
	}
}

/* The registers of the controller of messages that firmware refers to; 0: there is none. */
static u64 controller(const struct platform *p, u64 ref)
{
	for (u32 i = 0; i < p->v2m_count; i++)
		if (p->v2m[i].ref == ref)
			return p->v2m[i].reg.base;
	for (u32 i = 0; i < p->its_count; i++)
		if (p->its[i].ref == ref)
			return p->its[i].reg.base;
	return 0;
}

static void pci_host(struct text_out *t, const struct platform *p, const struct platform_pci *h)
{
	static const char *const kinds[] = { "none", "io", "mem32", "mem64" };

	text_printf(t, "pci %04x buses %02x-%02x%s\n", h->segment, h->bus_first, h->bus_last,
		h->coherent ? " coherent" : "");
	range(t, "pci configuration", &h->ecam);
	for (const struct platform_pci_window *w = h->windows; w < h->windows + h->window_count; w++)
		text_printf(t, "pci window %s %#llx on the bus %#llx size %#llx%s\n", kinds[w->kind & 3],
			    (unsigned long long)w->cpu, (unsigned long long)w->pci, (unsigned long long)w->size,
			    w->prefetch ? " prefetchable" : "");
	for (const struct platform_msi_map *m = h->msi; m < h->msi + h->msi_count; m++)
		text_printf(t, "pci messages of %#x-%#x to %#llx as %#x\n", m->rid_base, m->rid_base + m->count - 1,
			    (unsigned long long)controller(p, m->ref), m->id_base);
	for (u32 slot = 0; slot < 32; slot++)
		for (u32 pin = 1; pin <= 4; pin++) {
			const struct platform_pci_intx *x = pci_intx_row(h, slot, pin);

			if (x)
				text_printf(t, "pci slot %u pin %c interrupt %u %s\n", slot, 'A' + pin - 1, x->intid,
					    triggers[x->trigger]);
		}
}

static void platform_show(struct text_out *t, void *arg)
{
	const struct platform *p = &platform;

	cpus_and_memory(t, p);
	controllers(t, p);
	devices(t, p);
	for (u32 i = 0; i < p->pci_count; i++)
		pci_host(t, p, &p->pci[i]);
}

static int platform_file_init(void)
{
	return sysfs_register("firmware/platform", platform_show, NULL, NULL);
}
INIT(platform_file, INIT_LATE, platform_file_init);
