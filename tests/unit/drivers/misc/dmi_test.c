/*
 * SMBIOS's tables as firmware might leave them: lengths that cannot be, strings without an end, numbers of strings that
 * are not there, an entry point that does not add up, addresses where nothing is. Each table's copy is from malloc, so that a
 * look past its end is seen.
 *
 * sources:
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "fs/sysfs.h"
/* The file under test: its start is found through a section of the kernel's image, which a host program has not. */
#include "drivers/misc/dmi.c"

#define ENTRY_AT	0x5c000000ull
#define TABLES_AT	0x5c001000ull

struct platform platform;
static u8 entry_bytes[ENTRY_MAX], table_bytes[4096];
static u32 table_used;
static struct { char path[64], text[128]; } shown[32];
static u32 shown_count, binaries;

const void *memory_map_ro(u64 phys, u64 size)
{
	if (phys - ENTRY_AT < sizeof(entry_bytes))
		return entry_bytes + (phys - ENTRY_AT);
	return phys - TABLES_AT < sizeof(table_bytes) ? table_bytes + (phys - TABLES_AT) : NULL;
}

int sysfs_register(const char *path, void (*show)(struct text_out *, void *),
		   int (*store)(const char *, size_t, void *), void *arg)
{
	return 0;
}

int sysfs_register_text(const char *path, const char *text)
{
	snprintf(shown[shown_count].path, sizeof(shown[0].path), "%s", path);
	snprintf(shown[shown_count++].text, sizeof(shown[0].text), "%s", text);
	return 0;
}

int sysfs_register_binary(const char *path, u32 mode, u64 size, s64 (*read)(void *, u64, void *, size_t), void *arg,
			  void (*arg_free)(void *))
{
	u8 all[4096];

	binaries++;
	EXPECT_EQ(mode, 0400u);
	EXPECT_EQ(read(arg, 0, all, sizeof(all)), (s64)size);
	EXPECT_EQ(read(arg, size - 1, all, sizeof(all)), 1ll);
	EXPECT_EQ(read(arg, size, all, sizeof(all)), 0ll);
	return 0;
}

/* ---- the tables ------------------------------------------------------------------------------------- */

static void put(const void *p, u32 n)
{
	memcpy(table_bytes + table_used, p, n);
	table_used += n;
}

/* A structure of `length` bytes whose strings 1, 2, ... its bytes from 4 on number. */
static void put_structure(u8 type, u8 length, const char *strings, u32 n)
{
	u8 s[256] = { type, length };

	for (u32 at = 4; at < length; at++)
		s[at] = at - 3;
	put(s, length);
	put(strings, n);
}

static void entry_sum(u8 length)
{
	u8 sum = 0;

	entry_bytes[5] = 0;
	for (u32 i = 0; i < length; i++)
		sum += entry_bytes[i];
	entry_bytes[5] = -sum;
}

/* An entry point for `size` bytes of tables. */
static void put_entry(u64 at, u32 size)
{
	memset(entry_bytes, 0, sizeof(entry_bytes));
	memcpy(entry_bytes, "_SM3_", 5);
	entry_bytes[6] = 24;
	memcpy(entry_bytes + 12, &size, 4);
	memcpy(entry_bytes + 16, &at, 8);
	entry_sum(24);
}

static void begin(void)
{
	table_used = shown_count = binaries = 0;
	memset(table_bytes, 0xff, sizeof(table_bytes));
	entry = tables = (struct blob){ 0 };
	platform.efi.smbios = ENTRY_AT;
}

static void show(void)
{
	EXPECT_EQ(smbios_show(), 0);
}

static void end(void)
{
	if (binaries) {
		kfree(entry.data);
		kfree(tables.data);
	}
	EXPECT_EQ(host_alloc_live(), 0ull);
}

/* What the tables that were put are is not shown, with a word of it. */
static void expect_refused(void)
{
	show();
	EXPECT_EQ(binaries, 0u);
	EXPECT_EQ(shown_count, 0u);
	EXPECT(host_log_has("cannot be used"));
	end();
}

/* NULL: there is no such file. */
static const char *text_of(const char *file)
{
	for (u32 i = 0; i < shown_count; i++)
		if (!strcmp(shown[i].path + strlen("class/dmi/id/"), file))
			return shown[i].text;
	return NULL;
}

static void put_machine(void)
{
	put_structure(1, 27, "maker\0machine\0one\0", 19);
	put_structure(TYPE_END, 4, "\0", 2);
	put_entry(TABLES_AT, table_used);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

TEST(tables_as_they_should_be)
{
	begin();
	put_machine();
	show();
	EXPECT_EQ(binaries, 2u);
	EXPECT_EQ(tables.size, table_used);
	EXPECT_EQ(shown_count, 3u);
	EXPECT_STR(text_of("sys_vendor"), "maker");
	EXPECT_STR(text_of("product_version"), "one");
	EXPECT(!text_of("product_sku"));	/* a string that is not there */
	end();
}

TEST(an_entry_point_that_does_not_add_up)
{
	for (u32 i = 0; i < 24; i++) {
		begin();
		put_machine();
		entry_bytes[i] ^= 0x10;
		expect_refused();
	}
}

TEST(an_entry_point_of_another_length)
{
	static const u8 bad[] = { 0, 1, 23, ENTRY_MAX + 1, 255 };

	for (u32 i = 0; i < sizeof(bad); i++) {
		begin();
		put_machine();
		entry_bytes[6] = bad[i];
		entry_sum(24);
		expect_refused();
	}
	/* A longer one, of a later version: all of it counts. */
	begin();
	put_machine();
	entry_bytes[6] = 32;
	entry_bytes[30] = 77;
	entry_sum(32);
	show();
	EXPECT_EQ(entry.size, 32u);
	EXPECT_EQ(binaries, 2u);
	end();
	begin();
	put_machine();
	entry_bytes[6] = 32;
	entry_sum(32);
	entry_bytes[31] = 1;
	expect_refused();
}

TEST(nothing_is_where_they_should_be)
{
	static const u64 at[] = { 0x10000, TABLES_AT + 4096, ~0ull >> 17 };

	for (u32 i = 0; i < ARRAY_SIZE(at); i++) {
		begin();
		put_machine();
		put_entry(at[i], 100);
		expect_refused();
		begin();
		platform.efi.smbios = at[i];
		expect_refused();
	}
	/* Firmware's memory map told of memory that no longer answers. */
	begin();
	put_machine();
	host_hole = (u64)entry_bytes;
	host_hole_size = sizeof(entry_bytes);
	expect_refused();
	begin();
	put_machine();
	host_hole = (u64)table_bytes;
	host_hole_size = sizeof(table_bytes);
	expect_refused();
	host_hole_size = 0;
	/* A program's memory. */
	struct page *p = page_alloc(0, 0);

	begin();
	put_entry(page_to_phys(p), 100);
	show();
	EXPECT_EQ(binaries, 0u);
	page_free(p, 0);
	end();
}

TEST(lengths_of_tables_that_cannot_be)
{
	for (u32 size = 0; size < 6; size++) {
		begin();
		put_machine();
		put_entry(TABLES_AT, size);
		expect_refused();
	}
	/* A structure's own: what comes before it is shown. */
	for (u8 length = 0; length < 4; length++) {
		begin();
		put_structure(1, 27, "maker\0", 7);
		put((u8[]){ 2, length, 0, 0, 1, 0, 0 }, 7);
		put_entry(TABLES_AT, table_used);
		show();
		EXPECT_EQ(tables.size, 34u);
		EXPECT_STR(text_of("sys_vendor"), "maker");
		end();
	}
}

TEST(tables_cut_anywhere)
{
	u32 whole;

	begin();
	put_structure(0, 24, "firm\0", 6);
	put_machine();
	whole = table_used;
	for (u32 size = 1; size < whole; size++) {
		begin();
		put_structure(0, 24, "firm\0", 6);
		put_machine();
		put_entry(TABLES_AT, size);
		show();
		EXPECT_EQ(binaries, size < 30 ? 0u : 2u);
		EXPECT_EQ(!text_of("bios_vendor"), size < 30);
		EXPECT_EQ(!text_of("sys_vendor"), size < 30 + 27 + 19);
		end();
	}
}

TEST(strings_without_an_end)
{
	begin();
	put_structure(1, 27, "maker", 5);	/* 0xff from here on */
	put_entry(TABLES_AT, sizeof(table_bytes));
	expect_refused();
	begin();
	put_structure(1, 27, "maker", 6);	/* one zero, where two should be */
	put_entry(TABLES_AT, table_used);
	expect_refused();
}

TEST(tables_of_anything)
{
	for (u32 i = 0; i < 20000; i++) {
		begin();
		table_used = 64 + unit_random_below(192);
		for (u32 at = 0; at < table_used; at++)
			table_bytes[at] = unit_random_below(3) ? unit_random_below(6) : unit_random();
		put_entry(TABLES_AT, table_used);
		show();
		end();
	}
}

TEST(no_memory)
{
	for (u32 nth = 1; nth <= 3; nth++) {
		begin();
		put_machine();
		host_alloc_fail(nth);
		expect_refused();
		host_alloc_fail(0);
	}
}
