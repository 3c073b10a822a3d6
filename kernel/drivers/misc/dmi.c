/*
 * What UEFI's tables say of the machine, in sysfs as on Linux: /sys/firmware/efi/systab, SMBIOS's tables as they are
 * (/sys/firmware/dmi/tables) and their strings one by one (/sys/class/dmi/id; the serial numbers,
 * which are root's alone, only in the tables).
 *
 * The tables are read once, at boot, and copied; nothing of them is believed before it is checked against the length
 * that holds it. A table that is broken is not shown.
 *
 * Source: DMTF DSP0134 (SMBIOS) 3.6: 5.2.2 (the 64-bit entry point), 6.1.2 (structures), 7.1-7.4.
 */
#include "arch/arm64/cpu.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "dev/device.h"
#include "fs/sysfs.h"
#include "fw/platform.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"

#define ENTRY_MAX	64u		/* bytes; 24 are defined */
#define ENTRY_MIN	24u
#define TABLES_MAX	(1u << 20)
#define TYPE_END	127

struct blob { u8 *data; size_t size; };
static struct blob entry, tables;	/* set once at boot */

/*
 * Bytes of firmware's memory in *to, which stays empty on an error. Memory that was given to programs meanwhile has
 * nothing of firmware's, and where no memory answers there are no tables.
 */
static int blob_read(struct blob *to, u64 phys, size_t size)
{
	const u8 *from;
	u32 word;
	int err = 0;

	if (!size || phys + size < phys || page_is_ram(phys >> PAGE_SHIFT) || page_is_ram((phys + size - 1) >> PAGE_SHIFT))
		return -EINVAL;
	from = memory_map_ro(phys, size);
	if (!from)
		return -ENOMEM;
	if (!mmio_probe32((u8 *)ALIGN_DOWN((u64)from, 4), &word) ||
	    !mmio_probe32((u8 *)ALIGN_DOWN((u64)from + size - 1, 4), &word)) {
		err = -ENXIO;
	} else if (!(to->data = kmalloc(size))) {
		err = -ENOMEM;
	} else {
		memcpy(to->data, from, size);
		to->size = size;
	}
	mmio_unmap((void *)from, size);
	return err;
}

static bool sums_up(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return !sum;
}

/* The structures that are whole, up to the one that ends them: their bytes. */
static size_t structures_size(const u8 *p, size_t size)
{
	size_t at = 0;

	while (size - at >= 4) {
		size_t end = at + p[at + 1];

		if (p[at + 1] < 4)
			break;
		while (end + 2 <= size && (p[end] || p[end + 1]))
			end++;
		if (end + 2 > size)
			break;
		end += 2;
		if (p[at] == TYPE_END)
			return end;
		at = end;
	}
	return at;
}

/* The entry point says how long it is itself. */
static int entry_read(u64 phys)
{
	int err = blob_read(&entry, phys, ENTRY_MIN);
	u8 length = err ? 0 : entry.data[6];

	if (err)
		return err;
	if (memcmp(entry.data, "_SM3_", 5) || length < ENTRY_MIN || length > ENTRY_MAX)
		return -EINVAL;
	kfree(entry.data);
	entry.data = NULL;
	err = blob_read(&entry, phys, length);
	return err || sums_up(entry.data, length) ? err : -EINVAL;
}

static int smbios_read(u64 phys)
{
	int err = entry_read(phys);

	if (err)
		return err;
	err = blob_read(&tables, get_unaligned_le64(entry.data + 16), MIN(get_unaligned_le32(entry.data + 12), TABLES_MAX));
	if (err)
		return err;
	tables.size = structures_size(tables.data, tables.size);
	return tables.size ? 0 : -EINVAL;
}

static s64 blob_show(void *arg, u64 offset, void *buf, size_t n)
{
	const struct blob *b = arg;

	if (offset >= b->size)
		return 0;
	n = MIN(n, b->size - (size_t)offset);
	memcpy(buf, b->data + offset, n);
	return n;
}

/* The first structure of that type; NULL: none. */
static const u8 *structure(u8 type)
{
	for (size_t at = 0; at < tables.size; ) {
		const u8 *s = tables.data + at;

		if (*s == type)
			return s;
		at += s[1];
		while (tables.data[at] || tables.data[at + 1])
			at++;
		at += 2;
	}
	return NULL;
}

/* The string whose number is the structure's byte at `at`; NULL: it has none. */
static const char *string_at(const u8 *s, u8 at)
{
	const char *text = (const char *)s + s[1];
	u8 n = at < s[1] ? s[at] : 0;

	if (!n)
		return NULL;
	while (--n && *text)
		text += strlen(text) + 1;
	return *text ? text : NULL;
}

static const struct { const char *file; u8 type, at; } strings[] = {
	{ "bios_vendor", 0, 4 }, { "bios_version", 0, 5 }, { "bios_date", 0, 8 },
	{ "sys_vendor", 1, 4 }, { "product_name", 1, 5 }, { "product_version", 1, 6 },
	{ "product_sku", 1, 25 }, { "product_family", 1, 26 },
	{ "board_vendor", 2, 4 }, { "board_name", 2, 5 }, { "board_version", 2, 6 },
	{ "board_asset_tag", 2, 8 },
	{ "chassis_vendor", 3, 4 }, { "chassis_version", 3, 6 }, { "chassis_asset_tag", 3, 8 },
};

static int strings_show(void)
{
	char path[48];
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(strings) && !err; i++) {
		const u8 *s = structure(strings[i].type);
		const char *text = s ? string_at(s, strings[i].at) : NULL;

		snprintf(path, sizeof(path), "class/dmi/id/%s", strings[i].file);
		if (text)
			err = sysfs_register_text(path, text);
	}
	return err;
}

static int smbios_show(void)
{
	int err = smbios_read(platform.efi.smbios);

	if (err) {
		log_warn("SMBIOS: the tables at %llx cannot be used: error %d", (unsigned long long)platform.efi.smbios, -err);
		kfree(entry.data);
		kfree(tables.data);
		return 0;
	}
	err = sysfs_register_binary("firmware/dmi/tables/smbios_entry_point", 0400, entry.size, blob_show, &entry, NULL);
	if (!err)
		err = sysfs_register_binary("firmware/dmi/tables/DMI", 0400, tables.size, blob_show, &tables, NULL);
	return err ? err : strings_show();
}

static void systab_show(struct text_out *t, void *arg)
{
	if (platform.efi.rsdp)
		text_printf(t, "ACPI20=%#llx\n", (unsigned long long)platform.efi.rsdp);
	if (platform.efi.smbios)
		text_printf(t, "SMBIOS3=%#llx\n", (unsigned long long)platform.efi.smbios);
}

static int dmi_init(void)
{
	int err;

	if (!platform.efi.system_table)
		return -ENODEV;
	err = sysfs_register("firmware/efi/systab", systab_show, NULL, NULL);
	if (!err)
		err = sysfs_register_text("firmware/efi/fw_platform_size", "64");
	return err || !platform.efi.smbios ? err : smbios_show();
}
INIT(dmi, INIT_LATE, dmi_init);
