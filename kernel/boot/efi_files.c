/*
 * What comes with the kernel under UEFI: its command line and its initramfs.
 *
 * The command line is the load options (UTF-16). A volume that firmware starts by itself gives none: then the
 * file \cmdline.txt (UTF-8) beside the kernel's folder serves, if it is there. The initramfs is what the boot loader
 * offers by LoadFile2 at Linux's vendor path; without that, the command line's initrd=PATH files, from the volume
 * that the kernel was loaded from, in their order, as one.
 */
#include "boot/efi_stub.h"
#include "base/string.h"

#define PATH_MAX	256	/* characters of an initrd= */
#define ARCHIVE_ALIGN	4	/* newc archives begin at such an offset */
#define TO_END		(~0ull)

/* ---- files of the volume -------------------------------------------------------------------------------- */

static efi_status volume_open(struct efi_boot *b, struct efi_file **root)
{
	struct efi_file_system *fs;
	efi_status st = EFI_NOT_FOUND;

	if (b->loaded->device)
		st = b->services->handle_protocol(b->loaded->device, EFI_FILE_SYSTEM_GUID, (void **)&fs);
	return st ? st : fs->open_volume(fs, root);
}

/* Open a file and tell its size; it stands at its start. */
static efi_status file_open(struct efi_file *root, const char16 *name, struct efi_file **file, size_t *size)
{
	u64 end;
	efi_status st = root->open(root, file, name, EFI_FILE_READ, 0);

	if (st)
		return st;
	st = (*file)->set_position(*file, TO_END);
	if (!st)
		st = (*file)->get_position(*file, &end);
	if (!st)
		st = (*file)->set_position(*file, 0);
	if (st)
		(*file)->close(*file);
	else
		*size = end;
	return st;
}

static efi_status file_read(struct efi_file *file, char *to, size_t size)
{
	while (size) {
		size_t n = size;
		efi_status st = file->read(file, &n, to);

		if (st)
			return st;
		if (!n || n > size)
			return EFI_LOAD_ERROR;	/* shorter than it said */
		to += n;
		size -= n;
	}
	return EFI_SUCCESS;
}

/* ---- the command line ----------------------------------------------------------------------------------- */

static efi_status text_take(struct efi_boot *b, size_t size)
{
	efi_status st = efi_pages_take(b, size, &b->text);

	if (st)
		return efi_complain(b, u"no memory for the command line", NULL, st);
	b->command_line = (char *)b->text.base;
	b->command_line[0] = 0;
	b->command_line_size = 1;
	return EFI_SUCCESS;
}

static efi_status options_read(struct efi_boot *b)
{
	size_t units = b->loaded->load_options_size / sizeof(char16);
	efi_status st = text_take(b, 3 * units + 1);

	if (st)
		return st;
	b->command_line_size = efi_to_utf8(b->command_line, b->loaded->load_options, units) + 1;
	b->command_line[b->command_line_size - 1] = 0;
	return EFI_SUCCESS;
}

/* \cmdline.txt: its lines are one line. */
static efi_status options_from_file(struct efi_boot *b)
{
	static const char16 name[] = u"\\cmdline.txt";
	struct efi_file *root, *file;
	size_t size;
	efi_status st;

	if (volume_open(b, &root))
		return text_take(b, 1);
	if (file_open(root, name, &file, &size)) {
		root->close(root);
		return text_take(b, 1);
	}
	st = size < EFI_COMMAND_LINE_MAX ? text_take(b, size + 1) : efi_complain(b, u"too large:", name, EFI_LOAD_ERROR);
	if (!st) {
		st = file_read(file, b->command_line, size);
		if (st)
			efi_complain(b, u"cannot read", name, st);
		for (size_t i = 0; i < size; i++)
			if ((u8)b->command_line[i] < ' ')
				b->command_line[i] = ' ';
		b->command_line[size] = 0;
		b->command_line_size = size + 1;
	}
	file->close(file);
	root->close(root);
	return st;
}

efi_status efi_command_line_load(struct efi_boot *b)
{
	u32 size = b->loaded->load_options ? b->loaded->load_options_size : 0;

	if (size % sizeof(char16))
		efi_complain(b, u"the load options are of an odd length; their last byte is left out", NULL, EFI_SUCCESS);
	if (size / sizeof(char16) * 3 >= EFI_COMMAND_LINE_MAX)
		return efi_complain(b, u"the load options are too long", NULL, EFI_INVALID_PARAMETER);
	if (size < sizeof(char16) || !*(const char16 *)b->loaded->load_options)
		return options_from_file(b);
	return options_read(b);
}

/* ---- the initramfs -------------------------------------------------------------------------------------- */

/* What the boot loader offers. EFI_NOT_FOUND: nothing. */
static efi_status initrd_offered(struct efi_boot *b)
{
	struct efi_vendor_path vendor = {
		.head = { 4, 3, { 20, 0 } },		/* media, vendor-defined */
		.guid = LINUX_EFI_INITRD_MEDIA_GUID,
		.end = { 0x7f, 0xff, { 4, 0 } },
	};
	struct efi_device_path *path = &vendor.head;
	struct efi_load_file2 *loader;
	efi_handle handle;
	size_t size = 0;
	efi_status st;

	if (b->services->locate_device_path(EFI_LOAD_FILE2_GUID, &path, &handle) ||
	    b->services->handle_protocol(handle, EFI_LOAD_FILE2_GUID, (void **)&loader))
		return EFI_NOT_FOUND;
	st = loader->load_file(loader, path, false, &size, NULL);
	if (!st || (st == EFI_BUFFER_TOO_SMALL && !size))
		return EFI_SUCCESS;		/* empty */
	if (st == EFI_BUFFER_TOO_SMALL)
		st = efi_pages_take(b, size, &b->initrd);
	if (!st)
		st = loader->load_file(loader, path, false, &size, (void *)b->initrd.base);
	if (st)
		return efi_complain(b, u"cannot load the boot loader's initrd", NULL, st);
	b->initrd_size = size;
	return EFI_SUCCESS;
}

/* The next initrd= of the command line from *at on, as a path of the volume. False: no more. Too long a path is cut. */
static bool initrd_next(struct efi_boot *b, size_t *at, char16 *path)
{
	static const char word[] = "initrd=";
	const char *s = b->command_line;
	size_t n = 0;

	for (size_t i = *at; s[i]; i++) {
		size_t k = 0;

		if (i && s[i - 1] != ' ')
			continue;
		while (word[k] && s[i + k] == word[k])
			k++;
		if (word[k])
			continue;
		for (i += k; s[i] && s[i] != ' '; i++)
			if (n < PATH_MAX - 1)
				path[n++] = s[i] == '/' ? '\\' : (u8)s[i];
		path[n] = 0;
		*at = i;
		return true;
	}
	return false;
}

/* Visit all files: to == NULL adds up *total, else they are read to there. */
static efi_status initrd_files(struct efi_boot *b, struct efi_file *root, char *to, size_t *total)
{
	char16 path[PATH_MAX];
	size_t at = 0, filled = 0, size;

	while (initrd_next(b, &at, path)) {
		struct efi_file *file;
		size_t gap = -filled % ARCHIVE_ALIGN;
		efi_status st = file_open(root, path, &file, &size);

		if (st)
			return efi_complain(b, u"cannot open initrd", path, st);
		if (to && (filled + gap > *total || size > *total - filled - gap)) {
			st = EFI_LOAD_ERROR;		/* it has grown */
		} else if (to) {
			memset(to + filled, 0, gap);
			st = file_read(file, to + filled + gap, size);
		} else if (size > (1ull << 40)) {
			st = EFI_OUT_OF_RESOURCES;
		}
		file->close(file);
		if (st)
			return efi_complain(b, u"cannot read initrd", path, st);
		filled += gap + size;
	}
	*total = filled;
	return EFI_SUCCESS;
}

efi_status efi_initrd_load(struct efi_boot *b)
{
	char16 path[PATH_MAX];
	struct efi_file *root;
	size_t at = 0, total = 0;
	efi_status st = initrd_offered(b);

	if (st != EFI_NOT_FOUND)
		return st;
	if (!initrd_next(b, &at, path))
		return EFI_SUCCESS;
	st = volume_open(b, &root);
	if (st)
		return efi_complain(b, u"the kernel was loaded from no file system; cannot open initrd", path, st);
	st = initrd_files(b, root, NULL, &total);
	if (!st && total) {
		st = efi_pages_take(b, total, &b->initrd);
		if (st)
			efi_complain(b, u"no memory for the initrd", NULL, st);
		else
			st = initrd_files(b, root, (char *)b->initrd.base, &total);
	}
	root->close(root);
	if (!st)
		b->initrd_size = total;
	return st;
}
