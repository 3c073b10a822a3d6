/*
 * Firmware's memory for tests: a megabyte of physical addresses, in which tables are built, and of which nothing
 * beyond what was written may be looked at. Include it in one file of a program: it defines memory_map_ro and mmio_map.
 */
#pragma once
#include <unistd.h>
#include "base/endian.h"
#include "fw/platform.h"
#include "mm/kmap.h"

/* Not every program has every table. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define ROM_BASE	0x5c000000ull
#define ROM_SIZE	(1u << 20)

static u8 *rom;			/* from malloc, so that a look past its end is seen */
static u32 rom_used;
static u64 rsdp_at;
/* Tables that were built, for the root table. */
static struct { u64 at; u32 size; bool listed; } rom_tables[32];
static u32 rom_table_count;

/* What methods may read: a word of a register. registers_identity: other addresses are models' (host_mmio_add). */
static u64 register_at, register_value;
static bool registers_identity;

static const void *rom_map(u64 phys, size_t size)
{
	if (phys < ROM_BASE || phys - ROM_BASE > rom_used || size > rom_used - (phys - ROM_BASE))
		return NULL;
	return rom + (phys - ROM_BASE);
}

const void *memory_map_ro(u64 phys, u64 size)
{
	return rom_map(phys, size);
}

void *mmio_map(u64 phys, u64 size)
{
	if (registers_identity)
		return (void *)phys;
	return register_at && phys == register_at ? &register_value : NULL;
}

static void rom_begin(void)
{
	if (!rom)
		rom = calloc(1, ROM_SIZE);
	memset(rom, 0, rom_used);
	rom_used = 0;
	rom_table_count = 0;
	register_at = 0;
}

static u64 rom_put(const void *p, u32 size)
{
	u64 at = ROM_BASE + rom_used;

	if (rom_used + size > ROM_SIZE)
		abort();
	memcpy(rom + rom_used, p, size);
	rom_used += ALIGN_UP(size, 8u);
	return at;
}

static u8 *rom_at(u64 phys)
{
	return rom + (phys - ROM_BASE);
}

static void sum_fix(u8 *p, u32 size, u32 at)
{
	u8 sum = 0;

	p[at] = 0;
	for (u32 i = 0; i < size; i++)
		sum += p[i];
	p[at] = -sum;
}

/* A table of a header and this body; listed: in the root table. */
static u64 table_add(const char *signature, u8 revision, const void *body, u32 size, bool listed)
{
	u8 buf[65536] = { 0 };
	u64 at;

	memcpy(buf, signature, 4);
	put_unaligned_le32(36 + size, buf + 4);
	buf[8] = revision;
	memcpy(buf + 10, "DUNLINTESTS   ", 14);
	memcpy(buf + 36, body, size);
	sum_fix(buf, 36 + size, 9);
	at = rom_put(buf, 36 + size);
	rom_tables[rom_table_count].at = at;
	rom_tables[rom_table_count].size = 36 + size;
	rom_tables[rom_table_count++].listed = listed;
	return at;
}

/* The table's checksum anew, after a test changed it. */
static void table_fix(u64 at)
{
	u8 *p = rom_at(at);

	sum_fix(p, get_unaligned_le32(p + 4), 9);
}

/* The root tables and the RSDP, over all that was added. */
static void root_add(bool with_xsdt, bool with_rsdt)
{
	u8 rsdp[36] = "RSD PTR ", body[1024];
	u32 n = rom_table_count, listed = 0;
	u64 at;

	for (u32 i = 0; i < n; i++)
		if (rom_tables[i].listed)
			put_unaligned_le32(rom_tables[i].at, body + 4 * listed++);
	at = with_rsdt ? table_add("RSDT", 1, body, 4 * listed, false) : 0;
	put_unaligned_le32(at, rsdp + 16);
	listed = 0;
	for (u32 i = 0; i < n; i++)
		if (rom_tables[i].listed)
			put_unaligned_le64(rom_tables[i].at, body + 8 * listed++);
	at = with_xsdt ? table_add("XSDT", 1, body, 8 * listed, false) : 0;
	memcpy(rsdp + 9, "DUNLIN", 6);
	rsdp[15] = with_xsdt ? 2 : 0;
	sum_fix(rsdp, 20, 8);
	put_unaligned_le32(36, rsdp + 20);
	put_unaligned_le64(at, rsdp + 24);
	sum_fix(rsdp, 36, 32);
	rsdp_at = rom_put(rsdp, sizeof(rsdp));
}

/* ---- the tables ---- */

/* Entries one after the other. */
struct bytes { u8 at[8192]; u32 used; };

static void b8(struct bytes *b, u8 v) { b->at[b->used++] = v; }
static void b16(struct bytes *b, u16 v) { put_unaligned_le16(v, b->at + b->used); b->used += 2; }
static void b32(struct bytes *b, u32 v) { put_unaligned_le32(v, b->at + b->used); b->used += 4; }
static void b64(struct bytes *b, u64 v) { put_unaligned_le64(v, b->at + b->used); b->used += 8; }

static void madt_begin(struct bytes *b)
{
	b->used = 0;
	b64(b, 0);
}

static void madt_gicc(struct bytes *b, u32 uid, u32 flags, u64 gicc, u64 gicr, u64 mpidr)
{
	b8(b, 11); b8(b, 80); b16(b, 0);
	b32(b, uid); b32(b, uid); b32(b, flags);
	b32(b, 0); b32(b, 23); b64(b, 0);
	b64(b, gicc); b64(b, 0); b64(b, 0); b32(b, 0);
	b64(b, gicr); b64(b, mpidr); b32(b, 0);
}

/* The GICC that was added last: its CPU waits in a mailbox at this address (the parking protocol). */
static void madt_parked(struct bytes *b, u64 mailbox)
{
	put_unaligned_le32(1, b->at + b->used - 80 + 16);
	put_unaligned_le64(mailbox, b->at + b->used - 80 + 24);
}

static void madt_gicd(struct bytes *b, u64 base, u8 version)
{
	b8(b, 12); b8(b, 24); b16(b, 0); b32(b, 0); b64(b, base); b32(b, 0); b32(b, version);
}

static void madt_frame(struct bytes *b, u64 base, u32 flags, u16 count, u16 first)
{
	b8(b, 13); b8(b, 24); b16(b, 0); b32(b, 0); b64(b, base); b32(b, flags); b16(b, count); b16(b, first);
}

static void madt_gicr(struct bytes *b, u64 base, u32 size)
{
	b8(b, 14); b8(b, 16); b16(b, 0); b64(b, base); b32(b, size);
}

static void madt_its(struct bytes *b, u32 id, u64 base)
{
	b8(b, 15); b8(b, 20); b16(b, 0); b32(b, id); b64(b, base); b32(b, 0);
}

static u64 madt_add(const struct bytes *b)
{
	return table_add("APIC", 4, b->at, b->used, true);
}

static void gtdt_add(u32 virt_flags)
{
	struct bytes b = { .used = 0 };

	b64(&b, ~0ull); b32(&b, 0);
	b32(&b, 29); b32(&b, 0); b32(&b, 30); b32(&b, 4);
	b32(&b, 27); b32(&b, virt_flags); b32(&b, 26); b32(&b, 0);
	b64(&b, ~0ull); b32(&b, 0); b32(&b, 0);
	table_add("GTDT", 2, b.at, b.used, true);
}

static void spcr_add(u8 kind, u64 base, u32 gsi)
{
	struct bytes b = { .used = 0 };

	b8(&b, kind); b8(&b, 0); b16(&b, 0);
	b8(&b, 0); b8(&b, 8); b8(&b, 0); b8(&b, 1); b64(&b, base);
	b8(&b, 8); b8(&b, 0); b32(&b, gsi);
	b8(&b, 3); b8(&b, 0); b8(&b, 1); b8(&b, 2); b8(&b, 0); b8(&b, 0);
	b32(&b, 0xffffffff); b64(&b, 0); b32(&b, 0);
	table_add("SPCR", 2, b.at, b.used, true);
}

static void mcfg_entry(struct bytes *b, u64 base, u16 segment, u8 first, u8 last)
{
	if (!b->used)
		b64(b, 0);
	b64(b, base); b16(b, segment); b8(b, first); b8(b, last); b32(b, 0);
}

static u64 mcfg_add(const struct bytes *b)
{
	return table_add("MCFG", 1, b->at, b->used, true);
}

/* arm_flags: 1 PSCI, 2 by HVC. */
static u64 fadt_add(u64 dsdt, u16 arm_flags)
{
	u8 body[276 - 36] = { 0 };

	put_unaligned_le32(1u << 20, body + 112 - 36);
	put_unaligned_le16(arm_flags, body + 129 - 36);
	put_unaligned_le64(dsdt, body + 140 - 36);
	return table_add("FACP", 6, body, sizeof(body), true);
}

/* Compile a table's source; its place. The block's own signature and names count. */
static u64 asl_add(const char *signature, u8 revision, bool listed, const char *source)
{
	char dir[] = "/tmp/acpi_test.XXXXXX", path[64], command[160];
	static u8 code[65536];
	size_t size;
	FILE *f;
	u64 at;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/t.asl", dir);
	f = fopen(path, "w");
	fprintf(f, "DefinitionBlock (\"\", \"%s\", %u, \"DUNLIN\", \"TESTS\", 1) {\n%s\n}\n", signature, revision, source);
	fclose(f);
	snprintf(command, sizeof(command), "iasl -ve -f -p %s/t %s >%s/log 2>&1", dir, path, dir);
	if (system(command)) {
		snprintf(command, sizeof(command), "cat %s/log", dir);
		if (system(command) == 0)
			unit_fail(__FILE__, __LINE__, "iasl does not compile the test's source");
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/t.aml", dir);
	f = fopen(path, "r");
	size = fread(code, 1, sizeof(code), f);
	fclose(f);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	if (system(command))
		abort();
	at = rom_put(code, size);
	rom_tables[rom_table_count].at = at;
	rom_tables[rom_table_count].size = size;
	rom_tables[rom_table_count++].listed = listed;
	return at;
}
