/*
 * What we use of UEFI, in the specification's names and layout (UEFI Specification 2.10; the section is
 * named at each). Members that nobody uses are there for their place.
 */
#pragma once
#include "base/defs.h"

typedef u64 efi_status;
typedef void *efi_handle;
typedef u16 char16;

#define EFI_SUCCESS		0ull
#define EFI_ERROR(n)		(1ull << 63 | (n))	/* appendix D */
#define EFI_LOAD_ERROR		EFI_ERROR(1)
#define EFI_INVALID_PARAMETER	EFI_ERROR(2)
#define EFI_BUFFER_TOO_SMALL	EFI_ERROR(5)
#define EFI_OUT_OF_RESOURCES	EFI_ERROR(9)
#define EFI_NOT_FOUND		EFI_ERROR(14)

struct efi_guid { u32 a; u16 b, c; u8 d[8]; };

/* 7.2 */
enum efi_memory_type {
	EFI_RESERVED, EFI_LOADER_CODE, EFI_LOADER_DATA, EFI_BOOT_SERVICES_CODE, EFI_BOOT_SERVICES_DATA,
	EFI_RUNTIME_SERVICES_CODE, EFI_RUNTIME_SERVICES_DATA, EFI_CONVENTIONAL, EFI_UNUSABLE, EFI_ACPI_RECLAIM,
	EFI_ACPI_NVS, EFI_MMIO, EFI_MMIO_PORT,
};
#define EFI_MEMORY_WB		0x8ull
#define EFI_MEMORY_XP		0x4000ull
#define EFI_MEMORY_RO		0x20000ull
#define EFI_MEMORY_RUNTIME	(1ull << 63)
#define EFI_PAGE_SIZE		4096ul

struct efi_memory_descriptor {
	u32 type, pad;
	u64 physical_start, virtual_start, pages, attribute;
};

struct efi_table_header { u64 signature; u32 revision, header_size, crc32, reserved; };

/* 12.4 */
struct efi_text_output {
	void *reset;
	efi_status (*output_string)(struct efi_text_output *self, const char16 *text);
};

/* 10.2 */
struct efi_device_path { u8 type, subtype, length[2]; };
struct efi_vendor_path { struct efi_device_path head; struct efi_guid guid; struct efi_device_path end; } packed;

/* 4.4, 7 */
struct efi_boot_services {
	struct efi_table_header header;
	void *tpl[2];
	efi_status (*allocate_pages)(u32 how, u32 memory_type, size_t pages, u64 *address);
	efi_status (*free_pages)(u64 address, size_t pages);
	efi_status (*get_memory_map)(size_t *size, void *map, size_t *key, size_t *descriptor_size, u32 *version);
	void *pool[2], *events[6], *install[3];
	efi_status (*handle_protocol)(efi_handle handle, const struct efi_guid *protocol, void **interface);
	void *reserved, *register_notify, *locate_handle;
	efi_status (*locate_device_path)(const struct efi_guid *protocol, struct efi_device_path **path,
		efi_handle *handle);
	void *install_table, *load_image, *start_image, *exit, *unload_image;
	efi_status (*exit_boot_services)(efi_handle image, size_t map_key);
	void *monotonic_count, *stall, *watchdog, *connect[2], *open[3], *protocols_per_handle, *locate_handle_buffer;
	efi_status (*locate_protocol)(const struct efi_guid *protocol, void *registration, void **interface);
};

/* 8.3 */
#define EFI_TIME_ZONE_NONE	0x7ff
struct efi_time {
	u16 year;
	u8 month, day, hour, minute, second, pad1;
	u32 nanosecond;
	s16 zone;			/* minutes that local time is behind UTC */
	u8 daylight, pad2;
};

enum efi_reset { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

/* 4.5 */
#define EFI_SYSTEM_TABLE_SIGNATURE	0x5453595320494249ull
#define EFI_RUNTIME_SIGNATURE		0x56524553544e5552ull
struct efi_runtime_services {
	struct efi_table_header header;
	efi_status (*get_time)(struct efi_time *time, void *capabilities);
	efi_status (*set_time)(struct efi_time *time);
	void *wakeup[2], *set_virtual_address_map, *convert_pointer, *variables[3], *monotonic_count;
	void (*reset_system)(u32 how, efi_status status, size_t size, void *data);
};

/* 4.6: what of the runtime regions is written, and what executed. Entries follow. */
struct efi_memory_attributes { u32 version, count, descriptor_size, flags; };

/* 4.6 */
struct efi_configuration_table { struct efi_guid guid; void *table; };

/* 4.3 */
struct efi_system_table {
	struct efi_table_header header;
	char16 *vendor;
	u32 revision;
	efi_handle input_handle;
	void *input;
	efi_handle output_handle;
	struct efi_text_output *output;
	efi_handle error_handle;
	struct efi_text_output *error;
	struct efi_runtime_services *runtime;
	struct efi_boot_services *boot;
	size_t table_count;
	struct efi_configuration_table *tables;
};

/* 9.1 */
struct efi_loaded_image {
	u32 revision;
	efi_handle parent;
	struct efi_system_table *system;
	efi_handle device;
	struct efi_device_path *path;
	void *reserved;
	u32 load_options_size;		/* bytes */
	void *load_options;
	void *base;
	u64 size;
};

/* 13.2 */
struct efi_load_file2 {
	efi_status (*load_file)(struct efi_load_file2 *self, struct efi_device_path *path, u8 boot_policy, size_t *size,
				void *buffer);
};

/* 13.5 */
#define EFI_FILE_READ	1ull
struct efi_file {
	u64 revision;
	efi_status (*open)(struct efi_file *self, struct efi_file **opened, const char16 *name, u64 mode, u64 attributes);
	efi_status (*close)(struct efi_file *self);
	void *delete;
	efi_status (*read)(struct efi_file *self, size_t *size, void *buffer);
	void *write;
	efi_status (*get_position)(struct efi_file *self, u64 *position);
	efi_status (*set_position)(struct efi_file *self, u64 position);	/* ~0: the end */
};

/* 13.4 */
struct efi_file_system {
	u64 revision;
	efi_status (*open_volume)(struct efi_file_system *self, struct efi_file **root);
};

/* 12.9 */
enum efi_pixel_format { EFI_PIXEL_RGB, EFI_PIXEL_BGR, EFI_PIXEL_MASKS, EFI_PIXEL_BLT_ONLY };
struct efi_graphics_mode_info {
	u32 version, width, height, format;
	u32 red, green, blue, reserved;	/* of EFI_PIXEL_MASKS */
	u32 stride;
};
struct efi_graphics_mode {
	u32 max, current;
	struct efi_graphics_mode_info *info;
	size_t info_size;
	u64 base;
	size_t size;
};
struct efi_graphics { void *query_mode, *set_mode, *blt; struct efi_graphics_mode *mode; };

/* 37.5 */
struct efi_rng {
	void *get_info;
	efi_status (*get_rng)(struct efi_rng *self, const struct efi_guid *algorithm, size_t size, void *value);
};

/* Identifiers; compound literals, so that each is where it is used and the stub has no data of its own. */
#define EFI_GUID(a, b, c, ...)	(&(const struct efi_guid){ a, b, c, { __VA_ARGS__ } })
#define EFI_LOADED_IMAGE_GUID	EFI_GUID(0x5b1b31a1, 0x9562, 0x11d2, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b)
#define EFI_FILE_SYSTEM_GUID	EFI_GUID(0x964e5b22, 0x6459, 0x11d2, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b)
#define EFI_LOAD_FILE2_GUID	EFI_GUID(0x4006c0c1, 0xfcb3, 0x403e, 0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d)
#define EFI_GRAPHICS_GUID	EFI_GUID(0x9042a9de, 0x23dc, 0x4a38, 0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a)
#define EFI_RNG_GUID		EFI_GUID(0x3152bca5, 0xeade, 0x433d, 0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44)
#define EFI_ACPI20_GUID		EFI_GUID(0x8868e871, 0xe4f1, 0x11d3, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81)
#define EFI_SMBIOS3_GUID	EFI_GUID(0xf2fd1544, 0x9794, 0x4a2c, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94)
#define EFI_MEMORY_ATTRIBUTES_GUID \
	EFI_GUID(0xdcfa911d, 0x26eb, 0x469f, 0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20)
#define EFI_DTB_GUID		EFI_GUID(0xb1b621d5, 0xf19c, 0x41a5, 0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0)
/* The vendor path at which a boot loader offers the initramfs: a convention of Linux's EFI stub. */
#define LINUX_EFI_INITRD_MEDIA_GUID \
	{ 0x5568e427, 0x68fc, 0x4f3d, { 0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68 } }
