/*
 * What the EFI stub (boot/) leaves for the kernel: one block of memory that begins with struct boot_info and
 * holds all that UEFI's boot services knew and that goes with them. start.S gets its physical address in x0, where
 * another boot loader passes a DTB's; the magic tells them apart. The block is mapped read-only in the boot window
 * until everything said is in struct platform, then its memory is given back.
 *
 * Physical addresses are 0 and sizes 0 where there is no such thing. Offsets count from the block's start.
 */
#pragma once
#include "base/defs.h"

#define BOOT_INFO_MAGIC	0x6f666e69746f6f62ull	/* "bootinfo" in memory: a DTB begins with d0 0d fe ed */
/* bytes of the whole block: the boot window shows as many, wherever it begins */
#define BOOT_INFO_MAX	(2u << 20)

/* A part of the block. */
struct boot_info_part { u32 offset, size; };

/* UEFI 2.10, 12.9: the mode that the graphics output was left in. */
struct boot_framebuffer {
	u64 base, size;			/* size 0: none */
	u32 width, height, stride;	/* pixels; stride: from one line to the next */
	u32 red, green, blue, reserved;	/* masks of a 32-bit pixel */
};

struct boot_info {
	u64 magic;
	u32 size;			/* bytes of the whole block */
	u32 rng_seed_len;
	u8 rng_seed[64];		/* EFI_RNG_PROTOCOL */
	struct boot_info_part command_line;	/* UTF-8, its NUL counted */
	struct boot_info_part dtb;	/* a copy of the device tree from the configuration table */
	struct boot_info_part attributes;	/* EFI_MEMORY_ATTRIBUTES_TABLE */
	struct boot_info_part memory_map;	/* EFI_MEMORY_DESCRIPTORs, memory_descriptor_size apart */
	u32 memory_descriptor_size, memory_descriptor_version;
	u64 initrd_base, initrd_size;
	u64 rsdp;			/* ACPI 2.0 RSDP: firmware's own, in memory that the map keeps */
	u64 smbios;			/* SMBIOS 3.0 entry point, likewise */
	u64 time;			/* seconds since 1970 when the stub ran, by firmware's clock; 0: it doesn't know */
	u64 system_table;		/* EFI_SYSTEM_TABLE: of use to call runtime services */
	struct boot_framebuffer framebuffer;
};
