/*
 * ACPI's tables. Private to fw/; what the kernel calls is in platform.h.
 *
 *   acpi_table.c    finding, checking and copying tables; what a panic needs early
 *   acpi.c          MADT, GTDT, FADT, SPCR: CPUs, interrupt controllers, timer, console
 *   acpi_iort.c     IORT: which MSI controller serves which requester
 *   acpi_devices.c  MCFG and the machine language: PCI hosts, power button
 *
 * A table is firmware's: its checksum and length are checked, it is copied, and the copy is read within its
 * length. One that fails is left out with a message. Tables name others only through the root table and the
 * FADT, neither of which is followed twice, so that there are no cycles to walk.
 *
 * Source: ACPI 6.5, chapter 5.2.
 */
#pragma once
#include "base/endian.h"
#include "fw/platform.h"

#define ACPI_HEADER_SIZE	36u	/* 5.2.6: signature 0, length 4, revision 8, checksum 9, OEM 10 and 16 */

/* Where the tables are: the root table's entries, by physical address. */
struct acpi_tables {
	acpi_map map;
	u64 entries;			/* physical address of the first */
	u32 count, width;		/* bytes of an entry: 4 in an RSDT, 8 in an XSDT */
};

/* A copy of a table, checked; kfree data. */
struct acpi_table {
	u8 *data;			/* NULL: none */
	u32 size;			/* at least what was asked for */
};

/* Find the root table. -EINVAL: none that is sound. Any context in which map may be called. */
int acpi_tables_open(struct acpi_tables *t, u64 rsdp, acpi_map map);
/* The first sound table of that signature, at least size bytes long. False: none (data NULL). Process context, as the
 * next two. */
bool acpi_table_get(const struct acpi_tables *t, const char *signature, u32 size, struct acpi_table *out);
/* The next one: *at counts entries of the root table, 0 at first. */
bool acpi_table_next(const struct acpi_tables *t, const char *signature, u32 *at, u32 size, struct acpi_table *out);
/* The table at an address that another one names. */
bool acpi_table_at(const struct acpi_tables *t, u64 phys, const char *signature, u32 size, struct acpi_table *out);

#define ACPI_FADT_SIZE		148u	/* through X_DSDT; the Arm flags came with 5.1, after it */
#define ACPI_MCFG_HEADER	44u
#define ACPI_MCFG_ENTRY		16u	/* base 0, segment 8, first bus 10, last bus 11 */
#define ACPI_SPCR_SIZE		60u	/* through the baud rate */
/* Is there PSCI, and is it called by HVC? fadt has ACPI_FADT_SIZE bytes. */
bool acpi_fadt_psci(const u8 *fadt, bool *hvc);
/* The registers of the PL011 that the table names. spcr has ACPI_SPCR_SIZE bytes. False: another device. */
bool acpi_spcr_pl011(const u8 *spcr, u64 *base);

/* GTDT and MADT flags, 5.2.12.15 and 5.2.25: bit 0 edge, bit 1 active low. */
static inline enum irq_trigger acpi_trigger(u32 flags)
{
	if (flags & 1)
		return flags & 2 ? IRQ_EDGE_FALLING : IRQ_EDGE_RISING;
	return flags & 2 ? IRQ_LEVEL_LOW : IRQ_LEVEL_HIGH;
}

#define IORT_HEADER		48u	/* count of nodes at 36, offset of the first at 40 */

/* ITS_ID of the MADT to our reference; 0: no such ITS. */
struct acpi_its { u32 id; u64 ref; };

/* The rows of a segment's requesters, allocated. -ENOMEM; 0 also without any. */
int acpi_iort_rows(const struct acpi_table *iort, u32 segment, const struct acpi_its *its, u32 its_count,
		   struct platform_msi_map **rows, u32 *count);
/* Devices of the machine language into struct platform. -ENOMEM. */
int acpi_devices(const struct acpi_tables *t, const struct acpi_table *fadt, const struct acpi_its *its, u32 its_count);
