/*
 * What the EFI stub wrote down (boot_info.h) becomes struct platform. UEFI's memory map is the only list of RAM then;
 * the machine's devices are told by the device tree or by ACPI.
 *
 * main.c calls boot_info_early before there is memory to allocate, platform_from_boot_info once the slab works and
 * the device tree, if there is one, was read.
 *
 * Source: UEFI Specification 2.10, 7.2 (the types of memory, and which are free once boot services have ended).
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/param.h"
#include "core/random.h"
#include "fw/efi_abi.h"
#include "fw/platform.h"
#include "mm/slab.h"

/* The stub has loaded the files that it names: nothing for init. */
static int set_initrd(const char *value)
{
	return 0;
}
PARAM("initrd", set_initrd);

/* A part of the block; NULL: there is none, or it lies outside. */
static const void *part(const struct boot_info *info, struct boot_info_part p)
{
	if (!p.size || p.offset > info->size || p.size > info->size - p.offset)
		return NULL;
	return (const u8 *)info + p.offset;
}

const struct boot_info *boot_info_find(const void *boot)
{
	const struct boot_info *info = boot;

	return info && info->magic == BOOT_INFO_MAGIC && info->size >= sizeof(*info) && info->size <= BOOT_INFO_MAX ?
	       info : NULL;
}

const void *boot_info_dtb(const struct boot_info *info)
{
	return part(info, info->dtb);
}

/* RAM that is ours from now on, or once the tables in it were read. */
static bool is_ram(const struct efi_memory_descriptor *d)
{
	switch (d->type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_SERVICES_CODE:
	case EFI_BOOT_SERVICES_DATA:
	case EFI_CONVENTIONAL:
	case EFI_ACPI_RECLAIM:
		return d->attribute & EFI_MEMORY_WB;
	}
	return false;
}

/* Call memory for each run of RAM (neighbours are one), reserve for what firmware's tables are in. */
static void map_visit(const struct boot_info *info, void (*memory)(u64 base, u64 size),
	void (*reserve)(u64 base, u64 size))
{
	const u8 *map = part(info, info->memory_map);
	u32 step = info->memory_descriptor_size;
	u64 base = 0, end = 0;

	if (!map || step < sizeof(struct efi_memory_descriptor))
		return;
	for (u32 at = 0; at + step <= info->memory_map.size; at += step) {
		const struct efi_memory_descriptor *d = (const void *)(map + at);
		u64 size = d->pages * EFI_PAGE_SIZE;

		if (!is_ram(d) || d->pages > ~0ull / EFI_PAGE_SIZE || d->physical_start + size < d->physical_start)
			continue;
		if (d->type == EFI_ACPI_RECLAIM && reserve)
			reserve(d->physical_start, size);
		if (d->physical_start != end) {
			if (end > base)
				memory(base, end - base);
			base = d->physical_start;
		}
		end = d->physical_start + size;
	}
	if (end > base)
		memory(base, end - base);
}

void boot_info_early(const struct boot_info *info, void (*memory)(u64 base, u64 size),
		     void (*reserve)(u64 base, u64 size), char *bootargs, size_t bootargs_size)
{
	const char *text = part(info, info->command_line);

	/* The last byte is its NUL: the stub wrote it. */
	strlcpy(bootargs, text && !text[info->command_line.size - 1] ? text : "", bootargs_size);
	if (info->initrd_size) {
		platform.initrd = (struct platform_range){ info->initrd_base, info->initrd_size };
		reserve(info->initrd_base, info->initrd_size);
	}
	map_visit(info, memory, reserve);
}

static void memory_count(u64 base, u64 size)
{
	platform.memory_count++;
}

static void memory_note(u64 base, u64 size)
{
	platform.memory[platform.memory_count++] = (struct platform_range){ base, size };
}

int platform_from_boot_info(const struct boot_info *info, const char *bootargs)
{
	kfree(platform.memory);
	platform.memory_count = 0;
	map_visit(info, memory_count, NULL);
	platform.memory = kcalloc(platform.memory_count, sizeof(*platform.memory));
	platform.bootargs = kstrdup(bootargs);
	if (!platform.memory || !platform.bootargs)
		return -ENOMEM;
	platform.memory_count = 0;
	map_visit(info, memory_note, NULL);
	if (info->initrd_size)		/* else /chosen may have named one */
		platform.initrd = (struct platform_range){ info->initrd_base, info->initrd_size };
	platform.rng_seed_len = MIN(info->rng_seed_len, (u32)sizeof(platform.rng_seed));
	memcpy(platform.rng_seed, info->rng_seed, platform.rng_seed_len);
	if (platform.rng_seed_len)
		random_seed(platform.rng_seed, platform.rng_seed_len, 8 * platform.rng_seed_len);
	if (info->time)
		clock_realtime_set(info->time * NSEC_PER_SEC);
	platform.efi.rsdp = info->rsdp;
	platform.efi.smbios = info->smbios;
	platform.efi.system_table = info->system_table;
	if (info->framebuffer.size) {
		platform.framebuffer = info->framebuffer;
		log_info("UEFI: framebuffer of %ux%u pixels at %llx", info->framebuffer.width, info->framebuffer.height,
			 (unsigned long long)info->framebuffer.base);
	}
	return 0;
}
