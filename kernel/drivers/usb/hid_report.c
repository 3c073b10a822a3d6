/*
 * Report descriptors: a program of items in which the device says of what its reports consist. Global items stay, local
 * ones hold until the next main item, and that makes a field of both. Whatever it says, each loop here ends with the
 * text, or at one of the limits below.
 *
 * Source: HID 1.11, 5.4-5.8, 6.2.2.
 */
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"
#include "drivers/usb/hid.h"
#include "mm/slab.h"

#define REPORT_BITS_MAX	(2048u * 8)	/* of a report; two thousand bytes, where a keyboard's has eight */
#define USAGES_MAX	4096u		/* of a field */
#define USAGES_ALL	16384u		/* of all of them */
#define FIELDS_MAX	256u
#define DEPTH_MAX	8u		/* of pushed globals */
#define NEST_MAX	32u		/* of collections */

/* Items by type and tag: the upper six bits of their first byte */
enum { MAIN_INPUT = 0x80, MAIN_OUTPUT = 0x90, MAIN_COLLECTION = 0xa0, MAIN_FEATURE = 0xb0, MAIN_END = 0xc0,
       GLOBAL_PAGE = 0x04, GLOBAL_MIN = 0x14, GLOBAL_MAX = 0x24, GLOBAL_PHYSICAL_MIN = 0x34, GLOBAL_PHYSICAL_MAX = 0x44,
       GLOBAL_EXPONENT = 0x54, GLOBAL_UNIT = 0x64, GLOBAL_SIZE = 0x74, GLOBAL_ID = 0x84, GLOBAL_COUNT = 0x94,
       GLOBAL_PUSH = 0xa4, GLOBAL_POP = 0xb4,
       LOCAL_USAGE = 0x08, LOCAL_USAGE_MIN = 0x18, LOCAL_USAGE_MAX = 0x28, LOCAL_DELIMITER = 0xa8 };
#define ITEM_LONG	0xfe
#define COLLECTION_APPLICATION 1u

struct globals { u32 page, size, count, id, unit; s32 min, max, physical_min, physical_max, exponent; };

struct parser {
	struct hid_description *d;
	struct globals g, pushed[DEPTH_MAX];
	u32 depth;
	u32 usages[USAGES_MAX];		/* local: as they were said, */
	bool whole[USAGES_MAX];		/* with their page or without */
	u32 usage_count, usage_min;
	bool usage_min_whole, in_set, set_has;
	u32 nest, application_nest, application;
	u32 usages_all;
	u32 bits[2][256];		/* of each input and output report so far */
};

static int usage_add(struct parser *p, u32 usage, bool whole)
{
	if (p->usage_count == USAGES_MAX)
		return -EINVAL;
	/* Of usages that are alternatives the first is taken. */
	if (p->in_set && p->set_has)
		return 0;
	p->set_has = true;
	p->usages[p->usage_count] = usage;
	p->whole[p->usage_count++] = whole;
	return 0;
}

static int usage_range(struct parser *p, u32 last, bool whole)
{
	int err = 0;

	for (u64 usage = p->usage_min; usage <= last && !err; usage++)
		err = usage_add(p, usage, whole || p->usage_min_whole);
	return err;
}

static u32 usage_at(const struct parser *p, u32 i)
{
	return p->whole[i] ? p->usages[i] : p->g.page << 16 | (p->usages[i] & 0xffff);
}

static void locals_forget(struct parser *p)
{
	p->usage_count = p->usage_min = 0;
	p->usage_min_whole = p->in_set = p->set_has = false;
}

static int field_add(struct parser *p, struct hid_field f)
{
	struct hid_description *d = p->d;
	struct hid_field *all;

	if (d->count == FIELDS_MAX)
		return -EINVAL;
	f.usage_count = f.flags & FIELD_VARIABLE ? f.count : p->usage_count;
	p->usages_all += f.usage_count;
	if (p->usages_all > USAGES_ALL)
		return -EINVAL;
	all = krealloc(d->fields, d->count * sizeof(f), (d->count + 1) * sizeof(f));
	if (!all)
		return -ENOMEM;
	d->fields = all;
	f.usages = kcalloc(f.usage_count, sizeof(*f.usages));
	f.values = kcalloc(f.count, sizeof(*f.values));
	/* More values than usages: the last serves for the rest. */
	for (u32 i = 0; f.usages && i < f.usage_count; i++)
		f.usages[i].usage = usage_at(p, MIN(i, p->usage_count - 1));
	all[d->count++] = f;
	return f.usages && f.values ? 0 : -ENOMEM;
}

static int main_data(struct parser *p, u32 flags, bool output)
{
	const struct globals *g = &p->g;
	u32 *bits = &p->bits[output][g->id], at = *bits;

	if (g->size > REPORT_BITS_MAX || g->count > REPORT_BITS_MAX || g->size * g->count > REPORT_BITS_MAX - at)
		return -EINVAL;
	*bits += g->size * g->count;
	if (flags & FIELD_CONSTANT || !p->usage_count || !g->count || !g->size || g->size > 32)
		return 0;		/* padding, and what nobody here could take */
	return field_add(p, (struct hid_field){
		.report = g->id, .output = output, .flags = flags, .offset = at, .size = g->size, .count = g->count,
		.min = g->min, .max = g->max, .physical_min = g->physical_min, .physical_max = g->physical_max,
		.unit = g->unit, .exponent = g->exponent, .application = p->application,
	});
}

static int collection(struct parser *p, u32 kind)
{
	if (++p->nest > NEST_MAX)
		return -EINVAL;
	if (kind != COLLECTION_APPLICATION)
		return 0;
	p->d->applications++;
	p->application = p->usage_count ? usage_at(p, 0) : 0;
	return 0;
}

static int global(struct parser *p, u32 item, u32 value, s32 number)
{
	struct globals *g = &p->g;

	switch (item) {
	case GLOBAL_PAGE: g->page = value & 0xffff; break;
	case GLOBAL_MIN: g->min = number; break;
	case GLOBAL_MAX: g->max = g->min < 0 ? number : (s32)value; break;
	case GLOBAL_PHYSICAL_MIN: g->physical_min = number; break;
	case GLOBAL_PHYSICAL_MAX: g->physical_max = g->physical_min < 0 ? number : (s32)value; break;
	case GLOBAL_UNIT: g->unit = value; break;
	case GLOBAL_SIZE: g->size = value; break;
	case GLOBAL_COUNT: g->count = value; break;
	case GLOBAL_EXPONENT:		/* four bits, of which some make more */
		g->exponent = value & ~15u ? number : (s32)(value << 28) >> 28;
		break;
	case GLOBAL_ID:
		if (!value || value > 255)
			return -EINVAL;
		g->id = value;
		p->d->numbered = true;
		break;
	case GLOBAL_PUSH:
		if (p->depth == DEPTH_MAX)
			return -EINVAL;
		p->pushed[p->depth++] = *g;
		break;
	case GLOBAL_POP:
		if (!p->depth)
			return -EINVAL;
		*g = p->pushed[--p->depth];
		break;
	}
	return 0;
}

/* One item: its value without and with a sign. */
static int item(struct parser *p, u32 what, u32 value, s32 number, u32 size)
{
	int err = 0;

	switch (what) {
	case LOCAL_USAGE: return usage_add(p, value, size == 4);
	case LOCAL_USAGE_MIN:
		p->usage_min = value;
		p->usage_min_whole = size == 4;
		return 0;
	case LOCAL_USAGE_MAX: return usage_range(p, value, size == 4);
	case LOCAL_DELIMITER:
		p->in_set = value == 1;
		p->set_has = false;
		return 0;
	case MAIN_INPUT: err = main_data(p, value, false); break;
	case MAIN_OUTPUT: err = main_data(p, value, true); break;
	case MAIN_FEATURE: break;
	case MAIN_COLLECTION: err = collection(p, value); break;
	case MAIN_END:
		if (!p->nest)
			return -EINVAL;
		p->nest--;
		break;
	default: return global(p, what, value, number);
	}
	locals_forget(p);
	return err;
}

static int items(struct parser *p, const u8 *text, u32 n)
{
	while (n) {
		u32 size = text[0] & 3, value = 0;
		s32 number = 0;
		int err;

		if (text[0] == ITEM_LONG) {
			if (n < 3 || text[1] > n - 3)
				return -EINVAL;
			n -= 3u + text[1];
			text += 3u + text[1];
			continue;
		}
		size = size == 3 ? 4 : size;
		if (size > n - 1)
			return -EINVAL;
		for (u32 i = 0; i < size; i++)
			value |= (u32)text[1 + i] << 8 * i;
		if (size)
			number = (s32)(value << (32 - 8 * size)) >> (32 - 8 * size);
		err = item(p, text[0] & ~3u, value, number, size);
		if (err)
			return err;
		n -= 1 + size;
		text += 1 + size;
	}
	return 0;
}

int hid_describe(const u8 *text, u32 n, struct hid_description *d)
{
	struct parser *p = kzalloc(sizeof(*p));
	int err;

	memset(d, 0, sizeof(*d));
	if (!p)
		return -ENOMEM;
	p->d = d;
	err = items(p, text, n);
	for (u32 id = 0; id < 256; id++) {
		d->in_bytes = MAX(d->in_bytes, DIV_ROUND_UP(p->bits[0][id], 8) + (id ? 1 : 0));
		d->out_bits[id] = p->bits[1][id];
	}
	kfree(p);
	return err;
}

void hid_description_free(struct hid_description *d)
{
	for (u32 i = 0; i < d->count; i++) {
		kfree(d->fields[i].usages);
		kfree(d->fields[i].values);
	}
	kfree(d->fields);
	d->fields = NULL;
	d->count = 0;
}

/* ---- reports ---------------------------------------------------------------------------------------- */

u32 hid_bits(const u8 *data, u32 n, u32 offset, u32 size)
{
	u64 v = 0;

	for (u32 i = 0; i < 5 && offset / 8 + i < n; i++)
		v |= (u64)data[offset / 8 + i] << 8 * i;
	return v >> offset % 8 & (BIT(size) - 1);
}

void hid_bits_set(u8 *data, u32 offset, u32 size, u32 value)
{
	for (u32 i = 0; i < size; i++)
		if (value & BIT(i))
			data[(offset + i) / 8] |= BIT((offset + i) % 8);
}
