/*
 * Values of the machine language: what a reference or a field reads as, numbers of other types, and where a
 * store goes.
 *
 * A field of a region is hardware: read through aml_ops, at most 64 bits at a time. A field of a buffer is a
 * piece of our memory that two names show.
 *
 * Source: ACPI 6.5, 19.3.5 (conversions), 19.6.46 (fields of regions).
 */
#include "fw/aml.h"
#include "base/endian.h"
#include "base/string.h"

#define REFERENCES_MAX	8u	/* from one to the next: more go in circles */

/* n bits, from the lowest of each byte on; long copies count as work. */
static void bits_copy(struct aml *a, u8 *to, u64 to_bit, const u8 *from, u64 from_bit, u64 n)
{
	a->steps += n / 8;
	for (u64 i = 0; i < n; i++, to_bit++, from_bit++) {
		u32 mask = 1u << to_bit % 8;
		bool set = from[from_bit / 8] >> from_bit % 8 & 1;

		to[to_bit / 8] = set ? to[to_bit / 8] | mask : to[to_bit / 8] & ~mask;
	}
}

static bool region_read(struct aml *a, const struct aml_object *f, u64 *v)
{
	const struct aml_object *region = f->of;
	u64 unit = f->detail, at = f->start / 8 / unit * unit, got = 0;
	u32 skip = f->start % (unit * 8);

	if (!region)
		return aml_fail(a, "a field behind a register that would have to be written");
	if (f->length > 64 || f->start + f->length > 8 * region->size)
		return aml_fail(a, "a field that we don't read");
	for (*v = 0; got < f->length; at += unit) {
		u64 piece;

		if (at + unit > region->size)
			return aml_fail(a, "a field past its region's end");
		if (!a->ops->read(a->ops->arg, region->detail, region->start + at, unit, &piece))
			return aml_fail(a, "hardware that we don't read");
		*v |= piece >> skip << got;
		got += unit * 8 - skip;
		skip = 0;
	}
	if (f->length < 64)
		*v &= BIT(f->length) - 1;
	return true;
}

static struct aml_object *field_read(struct aml *a, const struct aml_object *f)
{
	struct aml_object *bytes;
	u64 v = 0;

	if (f->type == AML_FIELD)
		return region_read(a, f, &v) ? aml_make_integer(a, v) : NULL;
	if (f->length <= 64) {
		bits_copy(a, (u8 *)&v, 0, f->of->bytes, f->start, f->length);
		return aml_make_integer(a, v);
	}
	bytes = aml_make_bytes(a, AML_BUFFER, NULL, DIV_ROUND_UP((u64)f->length, 8));
	if (bytes)
		bits_copy(a, bytes->bytes, 0, f->of->bytes, f->start, f->length);
	return bytes;
}

struct aml_object *aml_value(struct aml *a, struct aml_object *o)
{
	for (u32 i = 0; o && i < REFERENCES_MAX; i++) {
		struct aml_node *n;

		switch (o->type) {
		case AML_REFERENCE:
			o = *o->slot ? *o->slot : a->nothing;
			break;
		case AML_PATH:
			n = aml_lookup(a, o->node, o->code, false);
			o = n ? n->object : NULL;
			break;
		case AML_FIELD: case AML_BUFFER_FIELD:
			return field_read(a, o);
		case AML_METHOD:
			return aml_fail(a, "a method in place of a value");
		default:
			return o;
		}
	}
	return aml_fail(a, "a name without a value");
}

bool aml_to_integer(struct aml *a, struct aml_object *o, u64 *v)
{
	const char *end;

	o = aml_value(a, o);
	*v = 0;
	switch (o ? o->type : AML_NOTHING) {
	case AML_INTEGER:
		*v = o->integer;
		return true;
	case AML_BUFFER:
		memcpy(v, o->bytes, MIN(o->length, (u32)sizeof(*v)));
		*v &= a->integer_mask;
		return true;
	case AML_STRING:
		return parse_u64((const char *)o->bytes, &end, 16, v) == 0 || aml_fail(a, "a string that is no number");
	default:
		return aml_fail(a, "no number where one must be");
	}
}

/* The bytes that a value is made of. NULL: of no such type. */
static const u8 *bytes_of(const struct aml_object *o, u64 *length)
{
	if (o->type == AML_INTEGER) {
		*length = sizeof(o->integer);
		return (const u8 *)&o->integer;
	}
	*length = o->length;
	return o->type == AML_BUFFER || o->type == AML_STRING ? o->bytes : NULL;
}

static bool field_write(struct aml *a, struct aml_object *f, struct aml_object *v)
{
	const u8 *from;
	u64 length, at = f->start / 8;

	if (f->type == AML_FIELD) {
		if (!aml_to_integer(a, v, &length))
			return false;
		return (f->of && a->ops->write(a->ops->arg, f->of->detail, f->of->start + at, f->detail, length)) ||
			aml_fail(a, f->of ? "hardware that we don't write" :
				 "a field behind a register that would have to be written");
	}
	from = bytes_of(v, &length);
	if (!from)
		return aml_fail(a, "a field of something without bytes");
	/* What is too short is filled with zeros. */
	length = MIN(8 * length, (u64)f->length);
	bits_copy(a, f->of->bytes, f->start, from, 0, length);
	for (u8 zero = 0; length < f->length; length++)
		bits_copy(a, f->of->bytes, f->start + length, &zero, 0, 1);
	return true;
}

bool aml_store(struct aml *a, struct aml_object *v, struct aml_target to)
{
	struct aml_object *now = to.slot ? *to.slot : NULL;
	const u8 *from;
	u64 length;

	if (!v)
		return false;
	if (!to.slot)
		return true;
	if (to.named && now) {
		/* A name keeps its type. */
		switch (now->type) {
		case AML_FIELD: case AML_BUFFER_FIELD:
			v = aml_value(a, v);
			return v && field_write(a, now, v);
		case AML_INTEGER:
			if (!aml_to_integer(a, v, &length))
				return false;
			v = aml_make_integer(a, length);
			break;
		case AML_BUFFER:
			v = aml_value(a, v);
			from = v ? bytes_of(v, &length) : NULL;
			if (!from)
				return aml_fail(a, "no bytes for a buffer");
			/* In place: fields of it go on showing it. */
			length = MIN(length, (u64)now->length);
			a->steps += now->length / 8;
			memmove(now->bytes, from, length);
			memset(now->bytes + length, 0, now->length - length);
			return true;
		case AML_STRING: case AML_PACKAGE: case AML_NOTHING: case AML_REFERENCE:
			break;
		default:
			return aml_fail(a, "a store to what holds no value");
		}
	}
	/* Elements of packages stay shared: nobody whom we ask changes a package that was given away. */
	if (v && (v->type == AML_BUFFER || v->type == AML_STRING))
		v = aml_make_bytes(a, v->type, v->bytes, v->length);
	*to.slot = v ? v : *to.slot;
	return v;
}
