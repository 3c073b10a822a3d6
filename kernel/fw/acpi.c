/*
 * ACPI's static tables become struct platform: what fdt.c does for a device tree.
 *
 * main.c calls platform_from_acpi once memory works, on a machine whose UEFI has no device tree. The MADT comes
 * first: without an interrupt controller in it nothing else is of use. Then the console, the timer, PSCI, and
 * what the machine language says (acpi_devices.c). On Arm a GSI is the GIC's INTID.
 *
 * Source: ACPI 6.5, 5.2.12 (MADT), 5.2.25 (GTDT), 5.2.9 (FADT); Microsoft's SPCR specification, revision 4.
 */
#include "fw/acpi.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/kmap.h"
#include "mm/slab.h"

/* The tables give bases only; sizes are the architecture's (GICv2: IHI 0048B, GICv3: IHI 0069G, PL011: DDI 0183). */
#define GICV2_DIST_SIZE		0x1000u
#define GICV2_CPU_SIZE		0x2000u
#define GICV3_DIST_SIZE		0x10000u
#define GICV3_REDIST_SIZE	0x20000u
#define GICV2M_SIZE		0x1000u
#define ITS_SIZE		0x20000u
#define UART_SIZE		0x1000u

enum { MADT_GICC = 11, MADT_GICD, MADT_MSI_FRAME, MADT_GICR, MADT_ITS, MADT_TYPES };
#define MADT_HEADER		44u
#define GICC_ENABLED		1u
#define GICC_ONLINE_CAPABLE	8u

/* The shortest entry of each type, through the last field that we read. */
static const u8 madt_least[MADT_TYPES] = {
	[MADT_GICC] = 76, [MADT_GICD] = 24, [MADT_MSI_FRAME] = 24, [MADT_GICR] = 16, [MADT_ITS] = 20,
};

struct madt {
	struct acpi_table table;
	u32 of_type[MADT_TYPES];	/* entries that can be read */
	u32 unknown, later;		/* of other types; CPUs that could come */
	struct acpi_its *its;
	u8 dist_version;
	u64 dist, cpu;			/* cpu: the CPU interface of a GICv2 */
};

/* ---- MADT ------------------------------------------------------------------------------------------ */

/* The entry after p (the first for NULL) of a known type; NULL past the last. quiet: say nothing of what is broken. */
static const u8 *madt_next(struct madt *m, const u8 *p, bool quiet)
{
	const u8 *end = m->table.data + m->table.size;

	for (p = p ? p + p[1] : m->table.data + MADT_HEADER; end - p >= 2; p += p[1]) {
		if (p[1] < 2 || p[1] > end - p) {
			if (!quiet)
				log_warn("ACPI: MADT: an entry of %u bytes: the rest is left out", p[1]);
			return NULL;
		}
		if (p[0] < MADT_GICC || p[0] >= MADT_TYPES)
			m->unknown += !quiet;
		else if (p[1] >= madt_least[p[0]])
			return p;
		else if (!quiet)
			log_warn("ACPI: MADT: an entry of type %u is cut short", p[0]);
	}
	return NULL;
}

/* 5.2.12.14: flags 12, parking protocol 16, parked address 24, GICC 32, redistributor 60, MPIDR 68. */
static void read_gicc(struct madt *m, const u8 *p)
{
	u32 flags = get_unaligned_le32(p + 12);
	u64 redist = get_unaligned_le64(p + 60);

	if (!(flags & GICC_ENABLED)) {
		m->later += flags & GICC_ONLINE_CAPABLE ? 1 : 0;
		return;
	}
	if (!m->cpu)
		m->cpu = get_unaligned_le64(p + 32);
	/* Redistributors have regions of their own, or each CPU names its one. */
	if (redist && !m->of_type[MADT_GICR])
		platform.gic.redist[platform.gic.redist_count++] = (struct platform_range){ redist, GICV3_REDIST_SIZE };
	platform.cpus[platform.cpu_count++] = (struct platform_cpu){
		.mpidr = get_unaligned_le64(p + 68),
		.enable_method = get_unaligned_le32(p + 16) && get_unaligned_le64(p + 24) ? "parking-protocol" : NULL,
	};
}

static void madt_read(struct madt *m, const u8 *p)
{
	u32 flags;

	switch (p[0]) {
	case MADT_GICC:
		read_gicc(m, p);
		break;
	case MADT_GICD:			/* 5.2.12.15: base 8, version 20 */
		m->dist = get_unaligned_le64(p + 8);
		m->dist_version = p[20];
		break;
	/* 5.2.12.16: base 8, flags 16 (bit 0: our numbers, not the register's), count 20, first 22 */
	case MADT_MSI_FRAME:
		flags = get_unaligned_le32(p + 16);
		platform.v2m[platform.v2m_count++] = (struct platform_msi_frame){
			.reg = { get_unaligned_le64(p + 8), GICV2M_SIZE },
			.ref = get_unaligned_le64(p + 8),
			.spi_count = flags & 1 ? get_unaligned_le16(p + 20) : 0,
			.spi_base = flags & 1 ? get_unaligned_le16(p + 22) : 0,
		};
		break;
	case MADT_GICR:			/* 5.2.12.17: base 4, length 12 */
		platform.gic.redist[platform.gic.redist_count++] =
			(struct platform_range){ get_unaligned_le64(p + 4), get_unaligned_le32(p + 12) };
		break;
	case MADT_ITS:			/* 5.2.12.18: ID 4, base 8 */
		m->its[platform.its_count] = (struct acpi_its){ get_unaligned_le32(p + 4), get_unaligned_le64(p + 8) };
		platform.its[platform.its_count++] = (struct platform_its){
			.reg = { get_unaligned_le64(p + 8), ITS_SIZE }, .ref = get_unaligned_le64(p + 8),
		};
		break;
	}
}

/* Firmware's word counts: there are virtual machines whose ID registers hide a GICv3. */
static int madt_gic(struct madt *m)
{
	u8 version = m->dist_version == 1 ? 2 : m->dist_version > 3 ? 3 : m->dist_version;

	if (!version)
		version = platform.gic.redist_count ? 3 : 2;
	if (!m->dist || (version == 2 && !m->cpu) || (version == 3 && !platform.gic.redist_count)) {
		log_err("ACPI: MADT: no %s",
			!m->dist ? "distributor" : version == 2 ? "CPU interface" : "redistributor");
		return -EINVAL;
	}
	platform.gic.dist = (struct platform_range){ m->dist, version == 2 ? GICV2_DIST_SIZE : GICV3_DIST_SIZE };
	if (version == 2)
		platform.gic.cpu = (struct platform_range){ m->cpu, GICV2_CPU_SIZE };
	platform.gic.version = version;
	return 0;
}

static void madt_forget(void)
{
	kfree(platform.cpus);
	kfree(platform.gic.redist);
	kfree(platform.v2m);
	kfree(platform.its);
	platform.cpus = NULL;
	platform.gic.redist = NULL;
	platform.v2m = NULL;
	platform.its = NULL;
	platform.cpu_count = platform.gic.redist_count = platform.v2m_count = platform.its_count = 0;
}

/* Counted, then read: each array is as long as it must be. */
static int madt_fill(struct madt *m)
{
	u32 *n = m->of_type;
	const u8 *p;
	int err;

	for (p = madt_next(m, NULL, false); p; p = madt_next(m, p, false))
		n[p[0]]++;
	if (m->unknown)
		log_info("ACPI: MADT: %u entries of types that are not for Arm's GIC", m->unknown);
	platform.cpus = kcalloc(n[MADT_GICC] + 1, sizeof(*platform.cpus));
	platform.gic.redist = kcalloc(n[MADT_GICR] + n[MADT_GICC] + 1, sizeof(*platform.gic.redist));
	platform.v2m = kcalloc(n[MADT_MSI_FRAME] + 1, sizeof(*platform.v2m));
	platform.its = kcalloc(n[MADT_ITS] + 1, sizeof(*platform.its));
	m->its = kcalloc(n[MADT_ITS] + 1, sizeof(*m->its));
	err = platform.cpus && platform.gic.redist && platform.v2m && platform.its && m->its ? 0 : -ENOMEM;
	if (!err) {
		for (p = madt_next(m, NULL, true); p; p = madt_next(m, p, true))
			madt_read(m, p);
		err = madt_gic(m);
	}
	if (err)
		madt_forget();
	else if (m->later)
		log_info("ACPI: %u CPUs more could be added to the machine", m->later);
	return err;
}

/* ---- the other tables ------------------------------------------------------------------------------ */

/* A CPU's own line (IHI 0069G, 2.2.1), as the timer's must be. 0 with a message: it is none. */
static u32 own_line(u32 intid, const char *what)
{
	if (!intid || (intid >= 16 && intid < 32) || (intid >= 1056 && intid < 1120))
		return intid;
	log_warn("ACPI: GTDT: %u is no interrupt of a CPU's own: there is no %s timer", intid, what);
	return 0;
}

/* 5.2.25: each interrupt with its flags: EL1's physical at 56, the virtual at 64. */
static void read_gtdt(const struct acpi_tables *t)
{
	struct acpi_table gtdt;

	if (!acpi_table_get(t, "GTDT", 72, &gtdt))
		return;
	platform.timer.phys_intid = own_line(get_unaligned_le32(gtdt.data + 56), "physical");
	platform.timer.virt_intid = own_line(get_unaligned_le32(gtdt.data + 64), "virtual");
	platform.timer.trigger = acpi_trigger(get_unaligned_le32(gtdt.data + 68));
	kfree(gtdt.data);
}

/* Interrupt kinds at 52 (bit 3: the GIC), the GSI at 54; from revision 3 on the UART's clock at 76. */
static void read_spcr(const struct acpi_tables *t)
{
	struct acpi_table spcr;
	u64 base;

	if (!acpi_table_get(t, "SPCR", ACPI_SPCR_SIZE, &spcr))
		return;
	if (!acpi_spcr_pl011(spcr.data, &base) || !(spcr.data[52] & 8)) {
		log_info("ACPI: SPCR: a console that is no PL011 with an interrupt of the GIC");
	} else {
		platform.uart.present = true;
		platform.uart.reg = (struct platform_range){ base, UART_SIZE };
		platform.uart.intid = get_unaligned_le32(spcr.data + 54);
		platform.uart.trigger = IRQ_LEVEL_HIGH;
		if (spcr.data[8] >= 3 && spcr.size >= 80)
			platform.uart.clock_hz = get_unaligned_le32(spcr.data + 76);
	}
	kfree(spcr.data);
}

/* Blanks fill the names of a header up; n: the longest. */
static int trimmed(const u8 *name, int n)
{
	while (n && (name[n - 1] == ' ' || name[n - 1] == 0))
		n--;
	return n;
}

#define FADT_HW_REDUCED	(1u << 20)

/* 5.2.9: PSCI, and who made the machine. */
static void read_fadt(const struct acpi_table *fadt)
{
	char model[20];

	if (!fadt->data)
		return;
	platform.psci.present = acpi_fadt_psci(fadt->data, &platform.psci.hvc);
	for (u32 i = 0; platform.psci.present && i < platform.cpu_count; i++)
		platform.cpus[i].enable_method = "psci";
	if (!(get_unaligned_le32(fadt->data + 112) & FADT_HW_REDUCED))
		log_warn("ACPI: FADT: not of hardware-reduced kind: its fixed registers are not used");
	snprintf(model, sizeof(model), "%.*s %.*s", trimmed(fadt->data + 10, 6), (const char *)fadt->data + 10,
		 trimmed(fadt->data + 16, 8), (const char *)fadt->data + 16);
	if (!platform.model[0])
		platform.model = kstrdup(model);
	if (!platform.model)
		platform.model = "";
}

/* Anywhere, one piece at a time. */
static const void *map_piece(u64 phys, size_t size)
{
	static const void *now;
	static size_t now_size;

	if (now)
		mmio_unmap((void *)now, now_size);
	now = size ? memory_map_ro(phys, size) : NULL;
	now_size = size;
	return now;
}

int platform_from_acpi(u64 rsdp)
{
	struct acpi_tables t;
	struct acpi_table fadt = { .data = NULL };
	struct madt m = { .its = NULL };
	int err = acpi_tables_open(&t, rsdp, map_piece);

	if (err == 0 && !acpi_table_get(&t, "APIC", MADT_HEADER, &m.table)) {
		log_err("ACPI: no MADT");
		err = -EINVAL;
	}
	if (err == 0)
		err = madt_fill(&m);
	if (err == 0) {
		acpi_table_get(&t, "FACP", ACPI_FADT_SIZE, &fadt);
		read_fadt(&fadt);
		read_gtdt(&t);
		read_spcr(&t);
		err = acpi_devices(&t, &fadt, m.its, platform.its_count);
	}
	map_piece(0, 0);
	kfree(fadt.data);
	kfree(m.table.data);
	kfree(m.its);
	return err;
}
