/*
 * The stub's small parts: words on the firmware's console, text, pages.
 */
#include "boot/efi_stub.h"

#define SURROGATE	0xd800
#define SURROGATE_LOW	0xdc00
#define SURROGATE_END	0xe000
#define REPLACEMENT	0xfffd

static void say(struct efi_boot *b, const char16 *text)
{
	if (b->system->output)
		b->system->output->output_string(b->system->output, text);
}

efi_status efi_complain(struct efi_boot *b, const char16 *what, const char16 *name, efi_status status)
{
	char16 number[24], *at = &number[ARRAY_SIZE(number) - 1];

	say(b, u"dunlin: ");
	say(b, what);
	if (name) {
		say(b, u" ");
		say(b, name);
	}
	if (status) {
		*at = 0;
		for (u64 n = status & ~(1ull << 63); n || !*at; n /= 10)
			*--at = '0' + n % 10;
		say(b, u": EFI error ");
		say(b, at);
	}
	say(b, u"\r\n");
	return status;
}

size_t efi_to_utf8(char *out, const char16 *in, size_t n)
{
	char *start = out;

	for (size_t i = 0; i < n && in[i]; i++) {
		u32 c = in[i];

		if (c >= SURROGATE && c < SURROGATE_END) {
			if (c < SURROGATE_LOW && i + 1 < n && in[i + 1] >= SURROGATE_LOW && in[i + 1] < SURROGATE_END)
				c = 0x10000 + ((c - SURROGATE) << 10) + (in[++i] - SURROGATE_LOW);
			else
				c = REPLACEMENT;
		}
		if (c < 0x80) {
			*out++ = c;
			continue;
		}
		if (c < 0x800) {
			*out++ = 0xc0 | c >> 6;
		} else {
			if (c < 0x10000) {
				*out++ = 0xe0 | c >> 12;
			} else {
				*out++ = 0xf0 | c >> 18;
				*out++ = 0x80 | (c >> 12 & 0x3f);
			}
			*out++ = 0x80 | (c >> 6 & 0x3f);
		}
		*out++ = 0x80 | (c & 0x3f);
	}
	return out - start;
}

efi_status efi_pages_take(struct efi_boot *b, size_t size, struct efi_pages *p)
{
	size_t count = size / EFI_PAGE_SIZE + 1;
	efi_status st = b->services->allocate_pages(0, EFI_LOADER_DATA, count, &p->base);

	if (!st)
		p->count = count;
	return st;
}

void efi_pages_give(struct efi_boot *b, struct efi_pages *p)
{
	if (p->count)
		b->services->free_pages(p->base, p->count);
	p->count = 0;
}
