/*
 * The kernel as a UEFI application: build/Image is a PE/COFF file too, whose entry point is efi_entry. The firmware
 * calls it with the MMU on, memory mapped to itself and its services there. In the order of efi_entry: take the command
 * line and the initramfs, put the kernel's file in a 2 MiB-aligned place of its own, write down in one block what only
 * the firmware knows (fw/boot_info.h), end the firmware's services and start the kernel as any boot loader would.
 *
 * What it can't do it says on the firmware's console, and returns to the firmware, which may try something else.
 * All of this is in the image's plain part (kernel.ld: .boot): it finds nothing that is packed, and has no data of its
 * own.
 *
 * Source: UEFI Specification 2.10; Documentation/arch/arm64/booting of Linux for the place and the state.
 */
#include "boot/efi_stub.h"
#include "arch/arm64/boot.h"
#include "base/calendar.h"
#include "base/endian.h"
#include "base/string.h"

#define KERNEL_ALIGN	0x200000ul
#define IMAGE_SIZE_AT	16		/* of the image header: bytes of memory from its start on that it uses */
#define DTB_MAGIC	0xd00dfeed
#define DTB_SIZE_AT	4
#define DTB_MAX		(3u << 19)
#define MAP_MAX		(1u << 17)
#define ATTRIBUTES_MAX	(1u << 16)
#define MAP_SPARE	16		/* descriptors that the map may grow by while we use it */
#define EXIT_TRIES	4

_Static_assert(DTB_MAX + MAP_MAX + ATTRIBUTES_MAX + EFI_COMMAND_LINE_MAX + 4096 <= BOOT_INFO_MAX, "all parts fit");

extern char _image_start[], _boot_end[];

static bool guid_is(const struct efi_guid *a, const struct efi_guid *b)
{
	const u32 *x = (const u32 *)a, *y = (const u32 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static void *table_find(struct efi_boot *b, const struct efi_guid *guid)
{
	for (size_t i = 0; i < b->system->table_count; i++)
		if (guid_is(&b->system->tables[i].guid, guid))
			return b->system->tables[i].table;
	return NULL;
}

/* The device tree's size; 0: there is none, or none that can be. */
static size_t dtb_size(struct efi_boot *b, const u8 *dtb)
{
	u32 size;

	if (!dtb || get_unaligned_be32(dtb) != DTB_MAGIC)
		return 0;
	size = get_unaligned_be32(dtb + DTB_SIZE_AT);
	if (size <= DTB_MAX)
		return size;
	efi_complain(b, u"the device tree is too large; it is left out", NULL, EFI_SUCCESS);
	return 0;
}

/* The size of the table that says what of the runtime services is code; 0: there is none, or none that can be. */
static size_t attributes_size(const struct efi_memory_attributes *t)
{
	size_t size = t ? sizeof(*t) + (size_t)t->count * t->descriptor_size : 0;

	return size <= ATTRIBUTES_MAX ? size : 0;
}

/* Our file, checked, at a place where it can start. */
static efi_status kernel_place(struct efi_boot *b)
{
	const struct payload *p = (const struct payload *)_boot_end;
	size_t head = _boot_end - _image_start + sizeof(*p);
	u64 memory = get_unaligned_le64(_image_start + IMAGE_SIZE_AT);
	efi_status st;

	if (head > b->loaded->size || !payload_whole(p, b->loaded->size - head) || memory < head + p->size)
		return efi_complain(b, u"the kernel's file is damaged", NULL, EFI_LOAD_ERROR);
	st = efi_pages_take(b, memory + KERNEL_ALIGN, &b->kernel);
	if (st)
		return efi_complain(b, u"no memory for the kernel", NULL, st);
	b->place = (void *)ALIGN_UP(b->kernel.base, KERNEL_ALIGN);
	b->file_size = head + ALIGN_UP((size_t)p->size, 16ul);
	memcpy(b->place, _image_start, b->file_size);
	return EFI_SUCCESS;
}

static void framebuffer_note(struct efi_boot *b, struct boot_framebuffer *fb)
{
	struct efi_graphics *g;
	struct efi_graphics_mode_info *m;

	if (b->services->locate_protocol(EFI_GRAPHICS_GUID, NULL, (void **)&g) || !g->mode || !g->mode->info)
		return;
	m = g->mode->info;
	*fb = (struct boot_framebuffer){
		.base = g->mode->base, .width = m->width, .height = m->height, .stride = m->stride,
	};
	switch (m->format) {
	case EFI_PIXEL_RGB:
		fb->red = 0xff; fb->green = 0xff00; fb->blue = 0xff0000; fb->reserved = 0xff000000;
		break;
	case EFI_PIXEL_BGR:
		fb->red = 0xff0000; fb->green = 0xff00; fb->blue = 0xff; fb->reserved = 0xff000000;
		break;
	case EFI_PIXEL_MASKS:
		fb->red = m->red; fb->green = m->green; fb->blue = m->blue; fb->reserved = m->reserved;
		break;
	default:
		return;				/* no memory to draw in */
	}
	fb->size = g->mode->size;
}

static void seed_note(struct efi_boot *b, struct boot_info *info)
{
	struct efi_rng *rng;

	if (!b->services->locate_protocol(EFI_RNG_GUID, NULL, (void **)&rng) &&
	    !rng->get_rng(rng, NULL, sizeof(info->rng_seed), info->rng_seed))
		info->rng_seed_len = sizeof(info->rng_seed);
}

/* Seconds since 1970; 0 for what can be no time. */
static u64 seconds_of(const struct efi_time *t)
{
	struct calendar c = { t->year, t->month, t->day, t->hour, t->minute, t->second, 0, 0 };

	return calendar_valid(&c) ? calendar_seconds(&c) + 60 * (t->zone == EFI_TIME_ZONE_NONE ? 0 : t->zone) : 0;
}

static void time_note(struct efi_boot *b, struct boot_info *info)
{
	struct efi_time t;

	if (!b->system->runtime->get_time(&t, NULL))
		info->time = seconds_of(&t);
}

/* A part of the block behind *used, 8-byte aligned. */
static struct boot_info_part part_add(struct boot_info *info, u32 *used, const void *data, size_t size)
{
	struct boot_info_part part = { *used, size };

	if (!size)
		return (struct boot_info_part){ 0, 0 };
	if (data)
		memcpy((char *)info + *used, data, size);
	*used += ALIGN_UP(size, 8ul);
	return part;
}

/* The block in b->info, with all but the memory map in it, and room for that. */
static efi_status info_make(struct efi_boot *b)
{
	const u8 *dtb = table_find(b, EFI_DTB_GUID);
	const void *attributes = table_find(b, EFI_MEMORY_ATTRIBUTES_GUID);
	size_t tree = dtb_size(b, dtb), rights = attributes_size(attributes), map = 0, key, descriptor;
	struct boot_info *info;
	u32 version, used = ALIGN_UP(sizeof(*info), 8ul);
	efi_status st = b->services->get_memory_map(&map, NULL, &key, &descriptor, &version);

	if (st != EFI_BUFFER_TOO_SMALL)
		return efi_complain(b, u"no memory map", NULL, st ? st : EFI_LOAD_ERROR);
	map += MAP_SPARE * descriptor;
	if (descriptor < sizeof(struct efi_memory_descriptor) || map > MAP_MAX)
		return efi_complain(b, u"the memory map is not as it should be", NULL, EFI_LOAD_ERROR);
	st = efi_pages_take(b, used + b->command_line_size + tree + rights + map + 4 * 8, &b->info);
	if (st)
		return efi_complain(b, u"no memory for what the kernel is told", NULL, st);
	info = (struct boot_info *)b->info.base;
	memset(info, 0, sizeof(*info));
	info->magic = BOOT_INFO_MAGIC;
	info->command_line = part_add(info, &used, b->command_line, b->command_line_size);
	info->dtb = part_add(info, &used, dtb, tree);
	info->attributes = part_add(info, &used, attributes, rights);
	info->memory_map = part_add(info, &used, NULL, map);
	info->size = used;
	info->initrd_base = b->initrd_size ? b->initrd.base : 0;
	info->initrd_size = b->initrd_size;
	info->rsdp = (u64)table_find(b, EFI_ACPI20_GUID);
	info->smbios = (u64)table_find(b, EFI_SMBIOS3_GUID);
	info->system_table = (u64)b->system;
	framebuffer_note(b, &info->framebuffer);
	seed_note(b, info);
	time_note(b, info);
	return EFI_SUCCESS;
}

/*
 * The firmware ends when we name the map as it is now: it may have changed since it was read, even by the first
 * attempt itself, so both are done again (7.4.6). From the first attempt on nothing else may be asked.
 */
static efi_status services_end(struct efi_boot *b)
{
	struct boot_info *info = (struct boot_info *)b->info.base;
	size_t room = info->memory_map.size;
	efi_status st = EFI_INVALID_PARAMETER;

	for (int i = 0; i < EXIT_TRIES && st == EFI_INVALID_PARAMETER; i++) {
		size_t map = room, descriptor, key;
		u32 version;

		st = b->services->get_memory_map(&map, (char *)info + info->memory_map.offset, &key, &descriptor, &version);
		if (st)
			break;
		info->memory_map.size = map;
		info->memory_descriptor_size = descriptor;
		info->memory_descriptor_version = version;
		st = b->services->exit_boot_services(b->handle, key);
	}
	return st ? efi_complain(b, u"the firmware does not let go of the machine", NULL, st) : EFI_SUCCESS;
}

efi_status efi_entry(efi_handle handle, struct efi_system_table *system);
efi_status efi_entry(efi_handle handle, struct efi_system_table *system)
{
	struct efi_boot b = { .handle = handle, .system = system, .services = system->boot };
	efi_status st = b.services->handle_protocol(handle, EFI_LOADED_IMAGE_GUID, (void **)&b.loaded);

	if (st)
		return efi_complain(&b, u"not started as an image", NULL, st);
	st = efi_command_line_load(&b);
	if (!st)
		st = efi_initrd_load(&b);
	if (!st)
		st = kernel_place(&b);
	if (!st)
		st = info_make(&b);
	if (!st)
		st = services_end(&b);
	if (!st)
		efi_start_kernel((struct boot_info *)b.info.base, b.place, b.file_size);
	efi_pages_give(&b, &b.info);
	efi_pages_give(&b, &b.kernel);
	efi_pages_give(&b, &b.initrd);
	efi_pages_give(&b, &b.text);
	return st;
}
