/*
 * The EFI stub against a firmware made here, which can be told to misbehave; then what the kernel makes of the
 * block that the stub leaves.
 *
 * sources: boot/efi_stub.c boot/efi_files.c boot/efi_text.c fw/efi.c
 */
#include <setjmp.h>
#include "unit.h"
#include "arch/arm64/boot.h"
#include "base/endian.h"
#include "base/errno.h"
#include "boot/efi_stub.h"
#include "fw/platform.h"
#include "mm/slab.h"

efi_status efi_entry(efi_handle handle, struct efi_system_table *system);

struct platform platform;

/* ---- the image: a page of .boot, then the payload's head ---- */

#define IMAGE_BYTES	16384
char _image_start[IMAGE_BYTES] aligned(4096);
__asm__(".globl _boot_end\n.set _boot_end, _image_start + 4096");
static bool damaged;

bool payload_whole(const struct payload *p, size_t room)
{
	return !damaged && p->size <= room;
}

/* ---- the firmware ---- */

static struct efi_boot_services services;
static struct efi_system_table firmware;
static struct efi_loaded_image loaded;
static struct efi_text_output output;
static char said[4096];
static void *blocks[8];			/* of pages, not given back */
static size_t pages_out;		/* how many */
static int allocations_left;		/* before memory is out; -1: never */
static int maps, exits, exits_stale;	/* how many ExitBootServices are refused for an old map */
static efi_status exit_status;		/* what it ends with then */
static bool exited;
static struct efi_memory_descriptor map[3];

static efi_status output_string(struct efi_text_output *self, const char16 *text)
{
	size_t at = strlen(said), n = efi_to_utf8(said + at, text, 200);

	said[at + n] = 0;
	return EFI_SUCCESS;
}

static efi_status allocate_pages(u32 how, u32 type, size_t pages, u64 *address)
{
	EXPECT(!exited && !exits);
	EXPECT_EQ(type, EFI_LOADER_DATA);
	if (!allocations_left)
		return EFI_OUT_OF_RESOURCES;
	allocations_left--;
	*address = (u64)aligned_alloc(4096, pages * 4096);
	blocks[pages_out++] = (void *)*address;
	memset((void *)*address, 0xa5, pages * 4096);
	return EFI_SUCCESS;
}

static efi_status free_pages(u64 address, size_t pages)
{
	for (size_t i = 0; i < pages_out; i++)
		if (blocks[i] == (void *)address) {
			free(blocks[i]);
			blocks[i] = blocks[--pages_out];
			return EFI_SUCCESS;
		}
	unit_fail(__FILE__, __LINE__, "pages given back that are nobody's");
	return EFI_NOT_FOUND;
}

static efi_status get_memory_map(size_t *size, void *to, size_t *key, size_t *descriptor_size, u32 *version)
{
	size_t room = *size;

	*size = sizeof(map);
	*descriptor_size = sizeof(map[0]);
	*version = 1;
	if (room < sizeof(map))
		return EFI_BUFFER_TOO_SMALL;
	memcpy(to, map, sizeof(map));
	*key = ++maps;
	return EFI_SUCCESS;
}

static efi_status exit_boot_services(efi_handle image, size_t key)
{
	EXPECT_EQ(key, (size_t)maps);
	if (exits++ < exits_stale)
		return exit_status;
	exited = true;
	return EFI_SUCCESS;
}

/* The volume: three files. */
struct file { struct efi_file f; const char *name; const char *data; size_t size, at; };
static struct efi_file volume;
static struct efi_file_system file_system;
static struct file files[3];
static size_t files_open;
static size_t short_by;			/* bytes that a file has less than it says */

static efi_status file_close(struct efi_file *self)
{
	files_open--;
	return EFI_SUCCESS;
}

static efi_status file_read(struct efi_file *self, size_t *size, void *to)
{
	struct file *f = (struct file *)self;
	size_t there = f->size - short_by - f->at;

	/* A firmware may give less at once than is asked for. */
	*size = MIN(MIN(*size, there), (size_t)7);
	memcpy(to, f->data + f->at, *size);
	f->at += *size;
	return EFI_SUCCESS;
}

static efi_status file_get(struct efi_file *self, u64 *position)
{
	*position = ((struct file *)self)->at;
	return EFI_SUCCESS;
}

static efi_status file_set(struct efi_file *self, u64 position)
{
	struct file *f = (struct file *)self;

	f->at = position == ~0ull ? f->size : position;
	return EFI_SUCCESS;
}

static efi_status volume_file(struct efi_file *self, struct efi_file **opened, const char16 *name, u64 mode, u64 attributes)
{
	char text[800] = "";

	text[efi_to_utf8(text, name, 256)] = 0;
	EXPECT_EQ(mode, EFI_FILE_READ);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i].name && !strcmp(files[i].name, text)) {
			files_open++;
			files[i].f = (struct efi_file){ .close = file_close, .read = file_read, .get_position = file_get,
							.set_position = file_set };
			files[i].at = 0;
			*opened = &files[i].f;
			return EFI_SUCCESS;
		}
	return EFI_NOT_FOUND;
}

static efi_status volume_open(struct efi_file_system *self, struct efi_file **root)
{
	files_open++;
	volume = (struct efi_file){ .open = volume_file, .close = file_close };
	*root = &volume;
	return EFI_SUCCESS;
}

static const char *offered;		/* by LoadFile2 */
static struct efi_load_file2 loader;

static efi_status load_file(struct efi_load_file2 *self, struct efi_device_path *path, u8 policy, size_t *size, void *to)
{
	size_t room = *size;

	EXPECT(!policy);
	*size = strlen(offered);
	if (room < *size || !to)
		return EFI_BUFFER_TOO_SMALL;
	memcpy(to, offered, *size);
	return EFI_SUCCESS;
}

static efi_status locate_device_path(const struct efi_guid *guid, struct efi_device_path **path, efi_handle *handle)
{
	static const struct efi_guid initrd = LINUX_EFI_INITRD_MEDIA_GUID;

	EXPECT_EQ(guid->a, 0x4006c0c1u);
	EXPECT_MEM(&((struct efi_vendor_path *)*path)->guid, &initrd, sizeof(initrd));
	*path = (struct efi_device_path *)((u8 *)*path + 20);
	*handle = &loader;
	return offered ? EFI_SUCCESS : EFI_NOT_FOUND;
}

static efi_status handle_protocol(efi_handle handle, const struct efi_guid *guid, void **interface)
{
	*interface = guid->a == 0x5b1b31a1 ? &loaded : guid->a == 0x964e5b22 ? (void *)&file_system : &loader;
	return EFI_SUCCESS;
}

static struct efi_graphics_mode_info mode_info = { .width = 800, .height = 600, .format = EFI_PIXEL_BGR, .stride = 832 };
static struct efi_graphics_mode mode = { .info = &mode_info, .base = 0xe0000000, .size = 832 * 600 * 4 };
static struct efi_graphics graphics = { .mode = &mode };

static efi_status get_rng(struct efi_rng *self, const struct efi_guid *algorithm, size_t size, void *value)
{
	memset(value, 0x77, size);
	return EFI_SUCCESS;
}

static struct efi_time wall_clock;

static efi_status get_time(struct efi_time *time, void *capabilities)
{
	*time = wall_clock;
	return EFI_SUCCESS;
}

static struct efi_runtime_services runtime = { .get_time = get_time };
static struct efi_rng rng = { .get_rng = get_rng };

static efi_status locate_protocol(const struct efi_guid *guid, void *registration, void **interface)
{
	*interface = guid->a == 0x9042a9de ? (void *)&graphics : &rng;
	return EFI_SUCCESS;
}

static u8 dtb[64] = { 0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 64, 'T', 'R', 'E', 'E' };
static struct efi_configuration_table tables[2];

/* ---- a boot ---- */

static jmp_buf started;
static struct boot_info *info;
static void *kernel;
static size_t kernel_size;

noreturn void efi_start_kernel(struct boot_info *given, void *place, size_t size)
{
	info = given;
	kernel = place;
	kernel_size = size;
	longjmp(started, 1);
}

static void firmware_reset(void)
{
	struct payload *p = (struct payload *)(_image_start + 4096);

	p->size = 999;
	put_unaligned_le64(1 << 20, _image_start + 16);
	services = (struct efi_boot_services){
		.allocate_pages = allocate_pages, .free_pages = free_pages, .get_memory_map = get_memory_map,
		.handle_protocol = handle_protocol, .locate_device_path = locate_device_path,
		.exit_boot_services = exit_boot_services, .locate_protocol = locate_protocol,
	};
	output.output_string = output_string;
	file_system.open_volume = volume_open;
	loader.load_file = load_file;
	tables[0] = (struct efi_configuration_table){ *EFI_ACPI20_GUID, (void *)0x12345 };
	tables[1] = (struct efi_configuration_table){ *EFI_DTB_GUID, dtb };
	firmware = (struct efi_system_table){ .boot = &services, .output = &output, .tables = tables, .table_count = 2,
		.runtime = &runtime };
	wall_clock = (struct efi_time){ .year = 0 };
	loaded = (struct efi_loaded_image){ .size = IMAGE_BYTES, .device = &volume };
	memset(files, 0, sizeof(files));
	map[0] = (struct efi_memory_descriptor){ EFI_CONVENTIONAL, 0, 0x40000000, 0, 16, EFI_MEMORY_WB };
	map[1] = (struct efi_memory_descriptor){ EFI_ACPI_RECLAIM, 0, 0x40010000, 0, 2, EFI_MEMORY_WB };
	map[2] = (struct efi_memory_descriptor){ EFI_RUNTIME_SERVICES_DATA, 0, 0x40012000, 0, 4, EFI_MEMORY_WB };
	said[0] = 0;
	offered = NULL;
	damaged = exited = false;
	allocations_left = -1;
	while (pages_out)
		free(blocks[--pages_out]);
	files_open = short_by = 0;
	maps = exits = exits_stale = 0;
	exit_status = EFI_INVALID_PARAMETER;
}

/* Call the stub. EFI_SUCCESS: the kernel was started. */
static efi_status boot(void)
{
	efi_status st;

	info = NULL;
	if (setjmp(started)) {
		EXPECT(exited);
		EXPECT_EQ(files_open, 0u);
		return EFI_SUCCESS;
	}
	st = efi_entry(&loaded, &firmware);
	EXPECT(st != EFI_SUCCESS);
	EXPECT(strstr(said, "dunlin: ") != NULL);
	EXPECT_EQ(pages_out, 0u);
	EXPECT_EQ(files_open, 0u);
	return st;
}

static void options(const char16 *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	loaded.load_options = (void *)text;
	loaded.load_options_size = 2 * n + 2;
}

static const char *part(struct boot_info_part p)
{
	return (const char *)info + p.offset;
}

TEST(everything_is_handed_over)
{
	firmware_reset();
	options(u"console=x name=\u00fc\u20ac\U0001f600 bad=\xd800.");
	offered = "an archive";
	REQUIRE(!boot());
	EXPECT_STR(said, "");
	EXPECT_EQ(info->magic, BOOT_INFO_MAGIC);
	EXPECT_STR(part(info->command_line), "console=x name=\u00fc\u20ac\U0001f600 bad=\xef\xbf\xbd.");
	EXPECT_EQ(info->initrd_size, 10u);
	EXPECT_MEM((void *)info->initrd_base, "an archive", 10);
	EXPECT_EQ(info->rsdp, 0x12345u);
	EXPECT_EQ(info->smbios, 0u);
	EXPECT_EQ(info->dtb.size, 64u);
	EXPECT_MEM(part(info->dtb), dtb, 64);
	EXPECT_EQ(info->memory_map.size, sizeof(map));
	EXPECT_MEM(part(info->memory_map), map, sizeof(map));
	EXPECT_EQ(info->rng_seed_len, 64u);
	EXPECT_EQ(info->rng_seed[63], 0x77u);
	EXPECT_EQ(info->framebuffer.stride, 832u);
	EXPECT_EQ(info->framebuffer.red, 0xff0000u);
	EXPECT_EQ((u64)kernel % 0x200000, 0u);
	EXPECT_EQ(kernel_size, 4096u + sizeof(struct payload) + 1008);
	EXPECT_MEM(kernel, _image_start, kernel_size);
}

TEST(files_of_the_volume)
{
	firmware_reset();
	files[0] = (struct file){ .name = "\\cmdline.txt", .data = "initrd=/a\nx=1 initrd=\\b\\c\n", .size = 26 };
	files[1] = (struct file){ .name = "\\a", .data = "0123456789", .size = 10 };
	files[2] = (struct file){ .name = "\\b\\c", .data = "abcdef", .size = 6 };
	REQUIRE(!boot());
	EXPECT_STR(part(info->command_line), "initrd=/a x=1 initrd=\\b\\c ");
	EXPECT_EQ(info->initrd_size, 18u);
	EXPECT_MEM((void *)info->initrd_base, "0123456789\0\0abcdef", 18);

	/* With load options the file is not looked at; what the boot loader offers goes before initrd=. */
	firmware_reset();
	options(u"initrd=/not/there");
	offered = "";
	REQUIRE(!boot());
	EXPECT_EQ(info->initrd_size, 0u);

	/* Nothing at all. */
	firmware_reset();
	loaded.device = NULL;
	REQUIRE(!boot());
	EXPECT_EQ(info->command_line.size, 1u);
}

TEST(missing_and_short_files)
{
	firmware_reset();
	options(u"quiet initrd=/not/there");
	EXPECT_EQ(boot(), EFI_NOT_FOUND);
	EXPECT_STR(said, "dunlin: cannot open initrd \\not\\there: EFI error 14\r\n");

	firmware_reset();
	options(u"initrd=\\a");
	files[0] = (struct file){ .name = "\\a", .data = "0123456789", .size = 10 };
	short_by = 1;
	EXPECT_EQ(boot(), EFI_LOAD_ERROR);
	EXPECT_STR(said, "dunlin: cannot read initrd \\a: EFI error 1\r\n");
}

TEST(options_of_odd_length)
{
	firmware_reset();
	options(u"quiet");
	loaded.load_options_size = 2 * 5 + 1;
	REQUIRE(!boot());
	EXPECT(strstr(said, "odd length") != NULL);
	EXPECT_STR(part(info->command_line), "quiet");

	firmware_reset();
	options(u"quiet");
	loaded.load_options_size = 1;
	REQUIRE(!boot());
	EXPECT_STR(part(info->command_line), "");

	firmware_reset();
	options(u"quiet");
	loaded.load_options_size = ~0u;
	EXPECT_EQ(boot(), EFI_INVALID_PARAMETER);
	EXPECT(strstr(said, "too long") != NULL);
}

TEST(the_map_changes_while_services_end)
{
	firmware_reset();
	exits_stale = 2;
	REQUIRE(!boot());
	EXPECT_EQ(exits, 3);

	firmware_reset();
	exits_stale = 1000;
	EXPECT_EQ(boot(), EFI_INVALID_PARAMETER);
	EXPECT(exits < 10);
	EXPECT(strstr(said, "does not let go") != NULL);

	firmware_reset();
	exits_stale = 1;
	exit_status = EFI_LOAD_ERROR;
	EXPECT_EQ(boot(), EFI_LOAD_ERROR);
	EXPECT_EQ(exits, 1);
}

TEST(time_of_day)
{
	static const struct { struct efi_time t; u64 seconds; } times[] = {
		{ { .year = 2000, .month = 2, .day = 29, .hour = 23, .minute = 59, .second = 59 }, 951868799 },
		{ { .year = 2024, .month = 3, .day = 1, .zone = EFI_TIME_ZONE_NONE }, 1709251200 },
		{ { .year = 2100, .month = 12, .day = 31, .hour = 1, .zone = -60 }, 4133894400 },
		{ { .year = 1970, .month = 1, .day = 1 }, 0 },
		{ { .year = 2024, .month = 13, .day = 1 }, 0 },
		{ { .year = 2024, .month = 1, .day = 0 }, 0 },
		{ { .year = 0 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		firmware_reset();
		wall_clock = times[i].t;
		REQUIRE(!boot());
		EXPECT_EQ(info->time, times[i].seconds);
	}
	firmware_reset();
}

TEST(a_damaged_kernel)
{
	firmware_reset();
	damaged = true;
	EXPECT_EQ(boot(), EFI_LOAD_ERROR);
	EXPECT_STR(said, "dunlin: the kernel's file is damaged: EFI error 1\r\n");
	firmware_reset();
	loaded.size = 4096;
	EXPECT_EQ(boot(), EFI_LOAD_ERROR);
}

TEST(memory_runs_out)
{
	for (int n = 0; ; n++) {
		firmware_reset();
		options(u"initrd=\\a");
		files[0] = (struct file){ .name = "\\a", .data = "0123456789", .size = 10 };
		allocations_left = n;
		if (!boot()) {
			EXPECT_EQ(n, 4);
			firmware_reset();
			return;
		}
	}
}

/* ---- the kernel's side ---- */

static struct { u64 base, size; } given[8], withheld[8];
static size_t given_count, withheld_count;

static void memory(u64 base, u64 size)
{
	given[given_count].base = base;
	given[given_count++].size = size;
}

static void reserve(u64 base, u64 size)
{
	withheld[withheld_count].base = base;
	withheld[withheld_count++].size = size;
}

TEST(the_kernel_reads_it)
{
	char words[64];

	firmware_reset();
	options(u"one two");
	offered = "an archive";
	REQUIRE(!boot());
	given_count = withheld_count = 0;
	REQUIRE(boot_info_find(info) == info);
	EXPECT(boot_info_find(dtb) == NULL);
	EXPECT(boot_info_find(NULL) == NULL);
	EXPECT_MEM(boot_info_dtb(info), dtb, 64);
	boot_info_early(info, memory, reserve, words, sizeof(words));
	EXPECT_STR(words, "one two");
	/* Ordinary memory and ACPI's tables are one range, of which the tables are kept; runtime services' is not ours. */
	EXPECT_EQ(given_count, 1u);
	EXPECT_EQ(given[0].base, 0x40000000u);
	EXPECT_EQ(given[0].size, 0x12000u);
	EXPECT_EQ(withheld_count, 2u);
	EXPECT_EQ(withheld[0].base, info->initrd_base);
	EXPECT_EQ(withheld[1].base, 0x40010000u);
	EXPECT_EQ(platform_from_boot_info(info, words), 0);
	EXPECT_STR(platform.bootargs, "one two");
	EXPECT_EQ(platform.memory_count, 1u);
	EXPECT_EQ(platform.memory[0].size, 0x12000u);
	EXPECT_EQ(platform.efi.rsdp, 0x12345u);
	EXPECT_EQ(platform.framebuffer.width, 800u);
	kfree(platform.memory);
	kfree((void *)platform.bootargs);
	firmware_reset();
}

TEST(a_block_that_is_wrong)
{
	char words[64];

	firmware_reset();
	options(u"one two");
	REQUIRE(!boot());
	given_count = withheld_count = 0;
	info->command_line.offset = info->size - 2;
	info->dtb.size = info->size;
	info->memory_map.offset = ~0u;
	boot_info_early(info, memory, reserve, words, sizeof(words));
	EXPECT_STR(words, "");
	EXPECT(boot_info_dtb(info) == NULL);
	EXPECT_EQ(given_count, 0u);
	info->size = BOOT_INFO_MAX + 1;
	EXPECT(boot_info_find(info) == NULL);
	firmware_reset();
}
