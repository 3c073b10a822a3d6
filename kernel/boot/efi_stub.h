/*
 * What the stub's files share: one boot by UEFI.
 */
#pragma once
#include "fw/efi_abi.h"
#include "fw/boot_info.h"

#define EFI_COMMAND_LINE_MAX	(1u << 16)	/* bytes of UTF-8 */

struct efi_pages { u64 base; size_t count; };

struct efi_boot {
	efi_handle handle;
	struct efi_system_table *system;
	struct efi_boot_services *services;
	struct efi_loaded_image *loaded;
	/* What was allocated; given back when the boot fails. */
	struct efi_pages kernel, info, initrd, text;
	size_t initrd_size;
	void *place;			/* in kernel: our file, where it can start */
	size_t file_size;
	char *command_line;		/* in text; NUL-terminated */
	size_t command_line_size;	/* with the NUL */
};

/* efi_text.c: a line on the firmware's console: what, name (may be NULL), and the status if it is an error. Gives
 * status. */
efi_status efi_complain(struct efi_boot *b, const char16 *what, const char16 *name, efi_status status);
/* UTF-16 to UTF-8, up to n units or a NUL; out needs 3 bytes a unit. Bytes written, no NUL. */
size_t efi_to_utf8(char *out, const char16 *in, size_t n);
/* Memory of whole pages in *p; size may be 0. */
efi_status efi_pages_take(struct efi_boot *b, size_t size, struct efi_pages *p);
void efi_pages_give(struct efi_boot *b, struct efi_pages *p);

/* efi_files.c: the command line, from the load options or, without any, from \cmdline.txt of the volume. */
efi_status efi_command_line_load(struct efi_boot *b);
/* The initramfs: what the boot loader offers, else each initrd= file of the volume, one after the other. */
efi_status efi_initrd_load(struct efi_boot *b);

/* efi_start.S: leave for the kernel at place[size] with the MMU off. */
noreturn void efi_start_kernel(struct boot_info *info, void *place, size_t size);
