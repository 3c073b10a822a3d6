/*
 * ACPI's tables: the way from the RSDP to a checked copy of each, and the three answers that a panic needs before
 * anything else works. Memory is looked at through the caller's map, a piece at a time: acpi.c maps it anywhere,
 * an early caller has one window.
 *
 * Source: ACPI 6.5, 5.2.5 (RSDP), 5.2.7 and 5.2.8 (RSDT, XSDT), 5.2.9 (FADT); Microsoft's SPCR specification.
 */
#include "fw/acpi.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/slab.h"

#define RSDP_SIZE	20u	/* of revision 0, with the RSDT */
#define RSDP2_SIZE	36u	/* from revision 2 on, with the XSDT */
#define PHYS_MAX	(1ull << 48)	/* what our page tables map */
/* The DSDT of a large server has half a megabyte; a length field that was overwritten says gigabytes. */
#define TABLE_MAX	(4u << 20)
/* Servers have about sixty tables. */
#define TABLES_MAX	1024u

static bool sound(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return sum == 0;
}

static const u8 *look(acpi_map map, u64 phys, size_t size)
{
	return phys && phys < PHYS_MAX && size <= PHYS_MAX - phys ? map(phys, size) : NULL;
}

/* The root table at this address, of entries so wide. */
static bool root(struct acpi_tables *t, u64 phys, const char *signature, u32 width)
{
	const u8 *p = look(t->map, phys, ACPI_HEADER_SIZE);
	u32 size = p && !memcmp(p, signature, 4) ? get_unaligned_le32(p + 4) : 0;

	if (size < ACPI_HEADER_SIZE || size > ACPI_HEADER_SIZE + TABLES_MAX * width)
		return false;
	p = look(t->map, phys, size);
	if (!p || !sound(p, size)) {
		log_warn("ACPI: %s has a bad checksum: not used", signature);
		return false;
	}
	t->entries = phys + ACPI_HEADER_SIZE;
	t->count = (size - ACPI_HEADER_SIZE) / width;
	t->width = width;
	return true;
}

int acpi_tables_open(struct acpi_tables *t, u64 rsdp, acpi_map map)
{
	const u8 *p = look(map, rsdp, RSDP_SIZE);
	u64 rsdt, xsdt = 0;

	t->map = map;
	if (!p || memcmp(p, "RSD PTR ", 8) || !sound(p, RSDP_SIZE)) {
		log_err("ACPI: no sound RSDP");
		return -EINVAL;
	}
	rsdt = get_unaligned_le32(p + 16);
	if (p[15] >= 2) {
		p = look(map, rsdp, RSDP2_SIZE);
		if (p && get_unaligned_le32(p + 20) >= RSDP2_SIZE && sound(p, RSDP2_SIZE))
			xsdt = get_unaligned_le64(p + 24);
		else
			log_warn("ACPI: the RSDP's extended part has a bad checksum: not used");
	}
	if (root(t, xsdt, "XSDT", 8) || root(t, rsdt, "RSDT", 4))
		return 0;
	log_err("ACPI: neither XSDT nor RSDT can be used");
	return -EINVAL;
}

/* Address and length of a table that says this signature. False: another one. */
static bool head(const struct acpi_tables *t, u64 phys, const char *signature, u32 *size)
{
	const u8 *p = look(t->map, phys, ACPI_HEADER_SIZE);

	if (!p || memcmp(p, signature, 4))
		return false;
	*size = get_unaligned_le32(p + 4);
	return true;
}

/* The table is as long as it must be, and its sum is right. It is in the map then. */
static const u8 *checked(const struct acpi_tables *t, u64 phys, const char *signature, u32 size, u32 least)
{
	const u8 *p = size < MAX(least, ACPI_HEADER_SIZE) || size > TABLE_MAX ? NULL : look(t->map, phys, size);

	if (p && sound(p, size))
		return p;
	log_warn("ACPI: %.4s at %#llx has a bad %s: not used", signature, (unsigned long long)phys,
		 p ? "checksum" : "length");
	return NULL;
}

bool acpi_table_at(const struct acpi_tables *t, u64 phys, const char *signature, u32 least, struct acpi_table *out)
{
	const u8 *p;
	u32 size;

	*out = (struct acpi_table){ .data = NULL };
	if (!head(t, phys, signature, &size))
		return false;
	p = checked(t, phys, signature, size, least);
	out->data = p ? kmalloc(size) : NULL;
	if (!out->data)
		return false;
	memcpy(out->data, p, size);
	out->size = size;
	return true;
}

static u64 entry(const struct acpi_tables *t, u32 i)
{
	const u8 *p = look(t->map, t->entries + (u64)i * t->width, t->width);

	return !p ? 0 : t->width == 8 ? get_unaligned_le64(p) : get_unaligned_le32(p);
}

bool acpi_table_next(const struct acpi_tables *t, const char *signature, u32 *at, u32 least, struct acpi_table *out)
{
	out->data = NULL;
	while (*at < t->count)
		if (acpi_table_at(t, entry(t, (*at)++), signature, least, out))
			return true;
	return false;
}

bool acpi_table_get(const struct acpi_tables *t, const char *signature, u32 least, struct acpi_table *out)
{
	u32 at = 0;

	return acpi_table_next(t, signature, &at, least, out);
}

/* ---- before there is memory ------------------------------------------------------------------------ */

/* The first n bytes of a sound table. */
static bool early(u64 rsdp, acpi_map map, const char *signature, u8 *buf, u32 n)
{
	struct acpi_tables t;
	const u8 *p;
	u32 size;

	if (acpi_tables_open(&t, rsdp, map))
		return false;
	for (u32 i = 0; i < t.count; i++) {
		u64 at = entry(&t, i);

		if (head(&t, at, signature, &size) && (p = checked(&t, at, signature, size, n))) {
			memcpy(buf, p, n);
			return true;
		}
	}
	return false;
}

bool acpi_spcr_pl011(const u8 *spcr, u64 *base)
{
	u8 type = spcr[36];

	/* PL011 and the two kinds of SBSA's generic UART, which is its subset; an address in memory. */
	if ((type != 0x03 && type != 0x0d && type != 0x0e) || spcr[40] != 0)
		return false;
	*base = get_unaligned_le64(spcr + 44);
	return *base;
}

bool acpi_console(u64 rsdp, acpi_map map, u64 *base)
{
	u8 spcr[ACPI_SPCR_SIZE];

	return early(rsdp, map, "SPCR", spcr, sizeof(spcr)) && acpi_spcr_pl011(spcr, base);
}

bool acpi_fadt_psci(const u8 *fadt, bool *hvc)
{
	u16 flags = get_unaligned_le16(fadt + 129);	/* ARM_BOOT_ARCH: PSCI is there, by HVC */

	*hvc = flags & 2;
	return flags & 1;
}

bool acpi_psci(u64 rsdp, acpi_map map, bool *hvc)
{
	u8 fadt[ACPI_FADT_SIZE];

	return early(rsdp, map, "FACP", fadt, sizeof(fadt)) && acpi_fadt_psci(fadt, hvc);
}

bool acpi_ecam(u64 rsdp, acpi_map map, u64 *ecam)
{
	u8 mcfg[ACPI_MCFG_HEADER + ACPI_MCFG_ENTRY];

	if (!early(rsdp, map, "MCFG", mcfg, sizeof(mcfg)) || mcfg[ACPI_MCFG_HEADER + 10])
		return false;			/* its first bus is another */
	*ecam = get_unaligned_le64(mcfg + ACPI_MCFG_HEADER);
	return *ecam;
}
