/*
 * Resource descriptors, as _CRS gives them: a list of small ones (a byte with the length) and large ones (a
 * byte, two of length). Memory, I/O ports, bus numbers and interrupts are given on; what else there may be is
 * stepped over.
 *
 * Source: ACPI 6.5, 6.4.2 and 6.4.3.
 */
#include "fw/aml.h"
#include "base/endian.h"

#define SMALL_IO		0x08
#define SMALL_FIXED_IO		0x09
#define SMALL_END		0x0f
#define LARGE_MEMORY32		0x85
#define LARGE_MEMORY32_FIXED	0x86
#define LARGE_DWORD		0x87
#define LARGE_WORD		0x88
#define LARGE_INTERRUPT		0x89
#define LARGE_QWORD		0x8a
#define LARGE_EXTENDED		0x8b

static u64 read(const u8 *p, u32 bytes)
{
	return bytes == 8 ? get_unaligned_le64(p) : bytes == 4 ? get_unaligned_le32(p) : get_unaligned_le16(p);
}

/* 6.4.3.5: granularity, first, last, translation, length, each of the same width. d: past tag and length. */
static bool address_space(const u8 *d, u32 size, u8 tag, struct aml_resource *r)
{
	u32 width = tag == LARGE_WORD ? 2 : tag == LARGE_DWORD ? 4 : 8, at = tag == LARGE_EXTENDED ? 5 : 3;
	u64 last;

	if (size < at + 5 * width || d[0] > 2)
		return false;
	r->kind = d[0] == 0 ? AML_RES_MEMORY : d[0] == 1 ? AML_RES_IO : AML_RES_BUS;
	r->producer = !(d[1] & 1);
	r->prefetch = d[0] == 0 && (d[2] >> 1 & 3) == 3;
	r->first = read(d + at + width, width);
	last = read(d + at + 2 * width, width);
	r->translation = read(d + at + 3 * width, width);
	r->length = read(d + at + 4 * width, width);
	/* Firmware that leaves the length out means all between; more than that can't be. */
	if (last >= r->first && (!r->length || r->length - 1 > last - r->first))
		r->length = last - r->first + 1;
	return r->length && r->first + r->length - 1 >= r->first;
}

/* 6.4.3.6. More than one number: *nth counts them. */
static bool interrupt(const u8 *d, u32 size, u32 nth, struct aml_resource *r)
{
	if (size < 2 || nth >= d[1] || 2 + 4 * (nth + 1) > size)
		return false;
	r->kind = AML_RES_IRQ;
	r->first = get_unaligned_le32(d + 2 + 4 * nth);
	r->length = 1;
	if (d[0] & 2)
		r->trigger = d[0] & 4 ? IRQ_EDGE_FALLING : IRQ_EDGE_RISING;
	else
		r->trigger = d[0] & 4 ? IRQ_LEVEL_LOW : IRQ_LEVEL_HIGH;
	return true;
}

static bool one(const u8 *d, u32 size, u8 tag, struct aml_resource *r)
{
	switch (tag) {
	case LARGE_MEMORY32_FIXED:
		if (size < 9)
			return false;
		r->first = read(d + 1, 4);
		r->length = read(d + 5, 4);
		return r->length;
	case LARGE_MEMORY32:			/* what is placed lies at the first address it may have */
		if (size < 17)
			return false;
		r->first = read(d + 1, 4);
		r->length = read(d + 13, 4);
		return r->length;
	case SMALL_IO:
		r->kind = AML_RES_IO;
		r->first = size < 7 ? 0 : read(d + 1, 2);
		r->length = size < 7 ? 0 : d[6];
		return r->length;
	case SMALL_FIXED_IO:
		r->kind = AML_RES_IO;
		r->first = size < 3 ? 0 : read(d, 2);
		r->length = size < 3 ? 0 : d[2];
		return r->length;
	case LARGE_WORD: case LARGE_DWORD: case LARGE_QWORD: case LARGE_EXTENDED:
		return address_space(d, size, tag, r);
	default:
		return false;
	}
}

bool aml_resource_next(const struct aml_object *b, u32 *at, u32 *nth, struct aml_resource *r)
{
	if (!b || b->type != AML_BUFFER)
		return false;
	while (*at < b->length) {
		const u8 *d = b->bytes + *at;
		u32 left = b->length - *at, head, size;
		u8 tag = d[0];
		bool found;

		if (tag & 0x80) {
			head = 3;
			size = left < 3 ? 0 : get_unaligned_le16(d + 1);
		} else {
			head = 1;
			size = tag & 7;
			tag = tag >> 3;
		}
		if (left < head || size > left - head || (head == 1 && tag == SMALL_END))
			return false;
		*r = (struct aml_resource){ .kind = AML_RES_MEMORY };
		if (tag == LARGE_INTERRUPT && interrupt(d + head, size, *nth, r)) {
			++*nth;
			return true;
		}
		found = one(d + head, size, tag, r);
		*at += head + size;
		*nth = 0;
		if (found)
			return true;
	}
	return false;
}
