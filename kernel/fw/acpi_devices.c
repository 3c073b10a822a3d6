/*
 * What only ACPI's machine language says: the windows and wires of PCI hosts, the console where no table names
 * it, the power button. The namespace is made of the DSDT and all SSDTs, asked, and given back; methods that
 * cannot be evaluated leave their part out, and what is left works without (a host without wires has message
 * interrupts).
 *
 * Source: PCI Firmware 3.3, 4.1 (MCFG, host bridges), 4.5 (_OSC); ACPI 6.5, 6.2.11 (_OSC), 6.2.13 (_PRT), 6.5.5 (_BBN),
 * 6.5.6 (_SEG), 5.6.9 (_EVT of a generic event device), 4.8.2.2.1 (power button).
 */
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "fw/acpi.h"
#include "fw/aml.h"
#include "mm/kmap.h"
#include "mm/slab.h"

#define BUS_SHIFT	20	/* a megabyte of configuration space each */
#define CODE_MAX	32u	/* tables of code: the DSDT, and as many SSDTs as large servers have */
/* 5.6.6: what a button notifies of when it is pressed */
#define NOTIFY_PRESSED	0x80u

struct devices {
	const struct acpi_its *its;
	u32 its_count;
	struct acpi_table mcfg, iort;
	struct aml *aml;
};

/* ---- hardware that methods read ----------------------------------------------------------------- */

/* Firmware that reads registers to say what is there. Nothing is written. */
static bool hardware_read(void *arg, u8 space, u64 address, u32 bytes, u64 *value)
{
	bool reachable = space == AML_SYSTEM_MEMORY && IS_ALIGNED(address, bytes) && !(address >> 48);
	u8 *p = reachable ? mmio_map(address, bytes) : NULL;

	if (!p)
		return false;
	*value = bytes == 8 ? mmio_read64(p) : bytes == 4 ? mmio_read32(p) :
		 bytes == 2 ? mmio_read16(p) : mmio_read8(p);
	mmio_unmap(p, bytes);
	return true;
}

static bool hardware_write(void *arg, u8 space, u64 address, u32 bytes, u64 value)
{
	return false;
}

static void nobody_notified(void *arg, struct aml_node *device, u64 value)
{
}

static const struct aml_ops hardware = { .read = hardware_read, .write = hardware_write, .notify = nobody_notified };

/* ---- PCI hosts -------------------------------------------------------------------------------------- */

/* The configuration space of a segment's bus. False: the MCFG has none. */
static bool ecam_of(const struct devices *d, u32 segment, u32 bus, u64 *base, u8 *last)
{
	for (u32 at = ACPI_MCFG_HEADER; d->mcfg.data && at + ACPI_MCFG_ENTRY <= d->mcfg.size; at += ACPI_MCFG_ENTRY) {
		const u8 *p = d->mcfg.data + at;

		if (get_unaligned_le16(p + 8) != segment || bus < p[10] || bus > p[11])
			continue;
		*base = get_unaligned_le64(p);			/* of bus 0, be it there or not */
		*last = p[11];
		return *base && !(*base >> 48) && IS_ALIGNED(*base, 1u << BUS_SHIFT);
	}
	return false;
}

static int add_window(struct platform_pci *p, const struct aml_resource *r)
{
	struct platform_pci_window *more, w = {
		.cpu = r->first + r->translation, .pci = r->first, .size = r->length, .prefetch = r->prefetch,
		.kind = r->kind == AML_RES_IO ? 1 : r->first + r->length - 1 < BIT(32) ? 2 : 3,
	};
	u32 at;

	/* Ports are reached through memory: without a translation there is no way to them. */
	if (w.cpu + w.size < w.cpu || (w.kind == 1 && !r->translation)) {
		log_warn("ACPI: PCI: a window that cannot be used was left out");
		return 0;
	}
	more = krealloc(p->windows, p->window_count * sizeof(w), (p->window_count + 1) * sizeof(w));
	if (!more)
		return -ENOMEM;
	p->windows = more;
	/* By kind, as device trees have them. */
	for (at = p->window_count++; at && more[at - 1].kind > w.kind; at--)
		more[at] = more[at - 1];
	more[at] = w;
	return 0;
}

/* _CRS of a host: buses and windows. */
static int read_windows(struct devices *d, struct aml_node *device, struct platform_pci *p, u8 *bus_last)
{
	const struct aml_object *crs = aml_evaluate(d->aml, device, "_CRS", NULL, 0);
	struct aml_resource r;
	u32 at = 0, nth = 0;
	int err = 0;

	while (!err && aml_resource_next(crs, &at, &nth, &r)) {
		if (!r.producer)
			continue;
		if (r.kind == AML_RES_BUS && r.first + r.length <= 256) {
			p->bus_first = r.first;
			*bus_last = r.first + r.length - 1;
		} else if (r.kind == AML_RES_MEMORY || r.kind == AML_RES_IO) {
			err = add_window(p, &r);
		}
	}
	return err;
}

/* The line that a link device is set to, or the number itself. False: it can't be told. */
static bool line_of(struct devices *d, const struct aml_object *source, const struct aml_object *index,
		    struct platform_pci_intx *x)
{
	struct aml_node *link;
	struct aml_resource r;
	u32 at = 0, nth = 0;

	if (source && source->type == AML_INTEGER) {
		if (!index || index->type != AML_INTEGER)
			return false;
		x->intid = index->integer;
		x->trigger = IRQ_LEVEL_HIGH;		/* on a GIC, which has no inverted inputs */
		return true;
	}
	link = aml_named(d->aml, source);
	if (!link || !aml_device_present(d->aml, link))
		return false;
	while (aml_resource_next(aml_evaluate(d->aml, link, "_CRS", NULL, 0), &at, &nth, &r))
		if (r.kind == AML_RES_IRQ && r.first) {
			x->intid = r.first;
			x->trigger = r.trigger;
			return true;
		}
	return false;
}

/* _PRT: rows of address (the slot above 16 bits of ones), pin from 0, link device and index. bus: where its rows
 * are. */
static int read_prt(struct devices *d, struct aml_node *device, struct platform_pci *p,
	const struct platform_pci_intx *bus)
{
	const struct aml_object *prt = aml_evaluate(d->aml, device, "_PRT", NULL, 0), *row;
	struct platform_pci_intx *more;
	u32 unknown = 0;

	if (!prt || prt->type != AML_PACKAGE)
		return 0;
	more = krealloc(p->intx, p->intx_count * sizeof(*more), (p->intx_count + prt->length + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->intx = more;
	p->intx_slot_mask = 0x1f;
	for (u32 i = 0; i < prt->length; i++) {
		struct platform_pci_intx x = *bus;
		struct aml_object **e;

		row = prt->elements[i];
		e = row && row->type == AML_PACKAGE && row->length >= 4 ? row->elements : NULL;
		if (!e || !e[0] || e[0]->type != AML_INTEGER || !e[1] || e[1]->type != AML_INTEGER ||
		    e[1]->integer > 3 || !line_of(d, e[2], e[3], &x)) {
			unknown++;
			continue;
		}
		x.devfn_mask_slot = e[0]->integer >> 16 & 0x1f;
		x.pin = e[1]->integer + 1;
		p->intx[p->intx_count++] = x;
	}
	if (unknown)
		log_warn("ACPI: PCI: %u rows of _PRT name no line", unknown);
	return 0;
}

/* The bridges from a host's root bus to the bus behind this device, by their addresses (6.1.1). False: it can't be
 * told. */
static bool bridges_to(struct devices *d, const struct aml_node *host, struct aml_node *n,
	struct platform_pci_intx *bus)
{
	u32 depth = 0;

	for (const struct aml_node *up = n; up != host; up = up->parent)
		depth++;
	if (depth > PLATFORM_BRIDGES)
		return false;
	*bus = (struct platform_pci_intx){ .depth = depth };
	for (; depth--; n = n->parent) {
		u64 address = aml_integer(d->aml, n, "_ADR", ~0ull);

		if (address >> 16 > 0x1f || (address & 0xffff) > 7)
			return false;
		bus->bridges[depth] = address >> 16 << 3 | (address & 7);
	}
	return true;
}

/* Wires of the host's root bus, and of buses behind bridges that have a _PRT of their own: others turn the wires. */
static int read_wires(struct devices *d, struct aml_node *host, struct platform_pci *p)
{
	struct platform_pci_intx bus = { .depth = 0 };
	int err = read_prt(d, host, p, &bus);

	for (struct aml_node *n = host; !err && (n = aml_device_next(d->aml, n));) {
		const struct aml_node *up = n->parent;

		while (up && up != host)
			up = up->parent;
		if (!up)
			break;			/* no longer inside it */
		if (!aml_child(n, "_PRT") || !aml_device_present(d->aml, n))
			continue;
		if (bridges_to(d, host, n, &bus))
			err = read_prt(d, n, p, &bus);
		else
			log_warn("ACPI: PCI: %.4s has wires, but no place that can be told: left out", (const char *)&n->name);
	}
	return err;
}

/* IORT; else the frame of messages that there is, as nothing else says who serves whom. */
static int read_msi(struct devices *d, struct platform_pci *p)
{
	int err = 0;

	p->msi_rid_mask = PLATFORM_RIDS - 1;
	if (d->iort.data)
		err = acpi_iort_rows(&d->iort, p->segment, d->its, d->its_count, &p->msi, &p->msi_count);
	if (err || p->msi_count || !platform.v2m_count)
		return err;
	p->msi = kcalloc(1, sizeof(*p->msi));
	if (!p->msi)
		return -ENOMEM;
	p->msi[p->msi_count++] = (struct platform_msi_map){ .count = PLATFORM_RIDS, .ref = platform.v2m[0].ref };
	return 0;
}

#define OSC_SUPPORT	0x19u	/* extended configuration space, segments, messages */
#define OSC_HOTPLUG	0x01u
#define OSC_CONTROL	(OSC_HOTPLUG | 0x10u)	/* which goes with the PCI Express capability */
#define OSC_FAILED	0x0eu

/* Does firmware give us the slots for cards to look after? What it is not asked for, it keeps. */
static bool slots_given(struct devices *d, struct aml_node *host)
{
	static const u8 of_pci[16] = {
		0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66,
	};
	u32 words[3] = { 0, OSC_SUPPORT, OSC_CONTROL };
	struct aml_object *args[AML_ARGS] = {
		aml_make_bytes(d->aml, AML_BUFFER, of_pci, sizeof(of_pci)), aml_make_integer(d->aml, 1),
		aml_make_integer(d->aml, ARRAY_SIZE(words)), aml_make_bytes(d->aml, AML_BUFFER, words, sizeof(words)),
	};
	bool made = args[0] && args[1] && args[2] && args[3];
	const struct aml_object *o = made ? aml_evaluate_with(d->aml, host, "_OSC", args) : NULL;

	return o && o->type == AML_BUFFER && o->length >= sizeof(words) && !(get_unaligned_le32(o->bytes) & OSC_FAILED) &&
	       get_unaligned_le32(o->bytes + 8) & OSC_HOTPLUG;
}

/* 6.2.17: of the host or what it is in. */
static bool coherent(struct devices *d, struct aml_node *n)
{
	while (n && !aml_child(n, "_CCA"))
		n = n->parent;
	return n && aml_integer(d->aml, n, "_CCA", 0);
}

/* Registers p, whose buses are set, and takes what it has. -ENOMEM. */
static int add_host(struct devices *d, struct platform_pci *p, u8 bus_last)
{
	struct platform_pci *more;
	u64 base;
	u8 last;
	int err = 0;

	if (!ecam_of(d, p->segment, p->bus_first, &base, &last)) {
		log_warn("ACPI: PCI: MCFG has no configuration space for segment %u, bus %u: not used", p->segment,
			 p->bus_first);
		err = -EINVAL;
	} else if (bus_last < p->bus_first) {
		log_warn("ACPI: PCI: a host without buses: not used");
		err = -EINVAL;
	}
	if (!err) {
		p->bus_last = MIN(last, bus_last);
		p->ecam.base = base + ((u64)p->bus_first << BUS_SHIFT);
		p->ecam.size = (p->bus_last - p->bus_first + 1ull) << BUS_SHIFT;
		err = read_msi(d, p);
	}
	more = err ? NULL : krealloc(platform.pci, platform.pci_count * sizeof(*p),
				     (platform.pci_count + 1) * sizeof(*p));
	if (!more) {
		kfree(p->windows);
		kfree(p->intx);
		kfree(p->msi);
		return err == -EINVAL ? 0 : -ENOMEM;
	}
	platform.pci = more;
	platform.pci[platform.pci_count++] = *p;
	return 0;
}

static int read_host(struct devices *d, struct aml_node *device)
{
	u64 segment = aml_integer(d->aml, device, "_SEG", 0), bus = aml_integer(d->aml, device, "_BBN", 0);
	struct platform_pci p = { .segment = segment, .bus_first = bus, .coherent = coherent(d, device) };
	u8 bus_last = 255;
	int err;

	if (segment > 0xffff || bus > 255) {
		log_warn("ACPI: PCI: a host of segment %#llx, bus %#llx, which there can't be: not used",
			 (unsigned long long)segment, (unsigned long long)bus);
		return 0;
	}
	p.slots_kept = !slots_given(d, device);
	if (p.slots_kept)
		log_info("ACPI: PCI: firmware keeps the slots of segment %u to itself", p.segment);
	err = read_windows(d, device, &p, &bus_last);

	if (!err)
		err = read_wires(d, device, &p);
	if (err) {
		kfree(p.windows);
		kfree(p.intx);
		return err;
	}
	if (!p.window_count)
		log_warn("ACPI: PCI: a host whose _CRS gives no windows");
	return add_host(d, &p, bus_last);
}

/* Segments of the MCFG for which there is no device: what firmware has placed there can be seen at least. */
static int hosts_without_device(struct devices *d)
{
	int err = 0;

	for (u32 at = ACPI_MCFG_HEADER; !err && d->mcfg.data && at + ACPI_MCFG_ENTRY <= d->mcfg.size; at += ACPI_MCFG_ENTRY) {
		struct platform_pci p = {
			.segment = get_unaligned_le16(d->mcfg.data + at + 8), .bus_first = d->mcfg.data[at + 10],
		};
		bool known = false;

		for (u32 i = 0; i < platform.pci_count; i++)
			known |= platform.pci[i].segment == p.segment;
		if (known)
			continue;
		log_warn("ACPI: PCI: no device describes segment %u: no windows, no INTx", p.segment);
		err = add_host(d, &p, 255);
	}
	return err;
}

/* ---- console ---------------------------------------------------------------------------------------- */

/* A PL011 or SBSA UART, where no SPCR names one. */
static void read_uart(struct devices *d, struct aml_node *device)
{
	const struct aml_object *crs = aml_evaluate(d->aml, device, "_CRS", NULL, 0);
	struct aml_resource r;
	u32 at = 0, nth = 0;

	while (aml_resource_next(crs, &at, &nth, &r)) {
		if (r.kind == AML_RES_MEMORY) {
			platform.uart.reg = (struct platform_range){ r.first, r.length };
		} else if (r.kind == AML_RES_IRQ) {
			platform.uart.intid = r.first;
			platform.uart.trigger = r.trigger;
		}
	}
	platform.uart.present = platform.uart.reg.base && platform.uart.intid;
}

/* ---- power button ----------------------------------------------------------------------------------- */

/* A trial of an event method: registers read as `value`, and what it does is noted. */
struct trial {
	struct aml_node *button;
	u64 value;
	struct platform_range reg;	/* the last that was read */
	bool pressed;
};

static bool trial_read(void *arg, u8 space, u64 address, u32 bytes, u64 *value)
{
	struct trial *t = arg;

	if (space != AML_SYSTEM_MEMORY)
		return false;
	t->reg = (struct platform_range){ address, bytes };
	*value = t->value;
	return true;
}

static bool trial_write(void *arg, u8 space, u64 address, u32 bytes, u64 value)
{
	return true;
}

static void trial_notify(void *arg, struct aml_node *device, u64 value)
{
	struct trial *t = arg;

	t->pressed |= device == t->button && value == NOTIFY_PRESSED;
}

/* The event's method with the register at this value. False: it can't be evaluated. */
static bool try_event(struct devices *d, struct aml_node *ged, struct trial *t, u64 gsi, u64 value)
{
	t->value = value;
	t->pressed = false;
	t->reg.size = 0;
	return aml_evaluate(d->aml, ged, "_EVT", &gsi, 1);
}

/*
 * A generic event device's interrupt means what its method does. No method runs later: here each bit that the register
 * could have is tried, and those that notify the button are kept.
 */
static bool read_button(struct devices *d, struct aml_node *ged, struct trial *t, const struct aml_resource *line)
{
	u64 mask = 0;
	bool always;

	if (!try_event(d, ged, t, line->first, 0))
		return false;
	always = t->pressed;
	for (u32 bit = 0; !always && t->reg.size && bit < 8 * t->reg.size; bit++) {
		if (!try_event(d, ged, t, line->first, BIT(bit)))
			return false;
		mask |= t->pressed ? BIT(bit) : 0;
	}
	if (!always && !mask)
		return false;
	platform.power_button.present = true;
	platform.power_button.intid = line->first;
	platform.power_button.trigger = line->trigger;
	platform.power_button.mask = mask;
	if (mask)
		platform.power_button.reg = t->reg;
	return true;
}

static void read_events(struct devices *d, struct aml_node *ged, struct aml_node *button)
{
	struct trial t = { .button = button };
	const struct aml_ops ops = { .read = trial_read, .write = trial_write, .notify = trial_notify, .arg = &t };
	const struct aml_object *crs = aml_evaluate(d->aml, ged, "_CRS", NULL, 0);
	struct aml_resource r;
	u32 at = 0, nth = 0;

	aml_set_ops(d->aml, &ops);
	while (!platform.power_button.present && aml_resource_next(crs, &at, &nth, &r))
		if (r.kind == AML_RES_IRQ)
			read_button(d, ged, &t, &r);
	aml_set_ops(d->aml, &hardware);
}

/* ---- all of it -------------------------------------------------------------------------------------- */

/* The next device of this ID that is there. */
static struct aml_node *next_of(struct devices *d, struct aml_node *n, const char *id)
{
	do
		n = aml_device_next(d->aml, n);
	while (n && !(aml_device_is(d->aml, n, id) && aml_device_present(d->aml, n)));
	return n;
}

static int read_devices(struct devices *d)
{
	struct aml_node *n, *button = next_of(d, NULL, "PNP0C0C");
	int err = 0;

	/* A PCI Express host says PNP0A08, mostly with the older PNP0A03 beside it; one alone may say that only. */
	for (n = NULL; !err && (n = aml_device_next(d->aml, n));)
		if ((aml_device_is(d->aml, n, "PNP0A08") || aml_device_is(d->aml, n, "PNP0A03")) &&
		    aml_device_present(d->aml, n))
			err = read_host(d, n);
	if (!err)
		err = hosts_without_device(d);
	for (n = NULL; !platform.uart.present && (n = next_of(d, n, "ARMH0011"));)
		read_uart(d, n);
	for (n = NULL; !platform.uart.present && (n = next_of(d, n, "ARMHB000"));)
		read_uart(d, n);
	for (n = NULL; button && !platform.power_button.present && (n = next_of(d, n, "ACPI0013"));)
		read_events(d, n, button);
	return err;
}

int acpi_devices(const struct acpi_tables *t, const struct acpi_table *fadt, const struct acpi_its *its, u32 its_count)
{
	struct devices d = { .its = its, .its_count = its_count, .aml = aml_create() };
	struct acpi_table code[CODE_MAX], more;
	/* 5.2.9: X_DSDT, and DSDT where that is 0 */
	u64 dsdt = fadt->data ? get_unaligned_le64(fadt->data + 140) : 0;
	u32 count = 0, at = 0;
	int err = -ENOMEM;

	if (!d.aml)
		return err;
	aml_set_ops(d.aml, &hardware);
	acpi_table_get(t, "MCFG", ACPI_MCFG_HEADER, &d.mcfg);
	acpi_table_get(t, "IORT", IORT_HEADER, &d.iort);
	if (fadt->data && !dsdt)
		dsdt = get_unaligned_le32(fadt->data + 40);
	if (acpi_table_at(t, dsdt, "DSDT", ACPI_HEADER_SIZE, &code[0]))
		count++;
	else
		log_warn("ACPI: no DSDT: nothing is known of devices");
	while (count < CODE_MAX && acpi_table_next(t, "SSDT", &at, ACPI_HEADER_SIZE, &code[count]))
		count++;
	if (count == CODE_MAX && acpi_table_next(t, "SSDT", &at, ACPI_HEADER_SIZE, &more)) {
		log_warn("ACPI: more than %u SSDTs: the others are left out", CODE_MAX - 1);
		kfree(more.data);
	}
	for (u32 i = 0; i < count; i++)
		aml_load(d.aml, code[i].data + ACPI_HEADER_SIZE, code[i].size - ACPI_HEADER_SIZE,
			 (const char *)code[i].data, code[0].data[8]);
	err = read_devices(&d);
	while (count--)
		kfree(code[count].data);
	aml_destroy(d.aml);
	kfree(d.mcfg.data);
	kfree(d.iort.data);
	return err;
}
