/*
 * Operators of the machine language on what has bytes or elements: texts of numbers, pieces of strings and buffers,
 * what is joined to what, and searches through packages. aml_exec.c reads their operands and stores their results.
 *
 * Source: ACPI 6.5, 19.3.5 (implicit conversions), 19.6.12 (Concatenate), 19.6.53 (FromBCD), 19.6.81 (Match), 19.6.86
 * (Mid), 19.6.137 to 19.6.144 (ToBCD and the others).
 */
#include "fw/aml.h"
#include "base/printf.h"
#include "base/string.h"

enum { MATCH_TRUE, MATCH_EQUAL, MATCH_LESS_EQUAL, MATCH_LESS, MATCH_GREATER_EQUAL, MATCH_GREATER };

static bool has_bytes(const struct aml_object *o)
{
	return o->type == AML_STRING || o->type == AML_BUFFER;
}

/* Each byte of a buffer, or the one number, as written by `form`, with `between` between them. */
static struct aml_object *text_of(struct aml *a, const struct aml_object *o, const char *form, char between)
{
	u32 n = o->type == AML_BUFFER ? o->length : 1, used = 0;
	struct aml_object *s = aml_make_bytes(a, AML_STRING, NULL, n * 24ull);

	if (!s)
		return NULL;
	a->steps += n;
	for (u32 i = 0; i < n; i++) {
		if (i)
			s->bytes[used++] = between;
		used += scnprintf((char *)s->bytes + used, s->length + 1 - used, form,
				  (unsigned long long)(o->type == AML_BUFFER ? o->bytes[i] : o->integer));
	}
	s->length = used;
	return s;
}

struct aml_object *aml_to_text(struct aml *a, struct aml_object *o, bool decimal)
{
	if (o->type == AML_STRING)
		return o;
	if (o->type != AML_INTEGER && o->type != AML_BUFFER)
		return aml_fail(a, "a text of what has none");
	return text_of(a, o, decimal ? "%llu" : o->type == AML_BUFFER ? "0x%02llX" : "0x%llX", ',');
}

struct aml_object *aml_to_buffer(struct aml *a, struct aml_object *o)
{
	if (o->type == AML_INTEGER)
		return aml_make_bytes(a, AML_BUFFER, &o->integer, a->integer_mask >> 32 ? 8 : 4);
	if (o->type == AML_STRING)
		return aml_make_bytes(a, AML_BUFFER, o->bytes, o->length + 1ull);	/* with its NUL */
	return o->type == AML_BUFFER ? o : aml_fail(a, "a buffer of what has no bytes");
}

struct aml_object *aml_concatenate(struct aml *a, struct aml_object *x, struct aml_object *y)
{
	struct aml_object *r;

	if (x->type == AML_STRING && y->type != AML_STRING && (y->type == AML_INTEGER || y->type == AML_BUFFER))
		y = text_of(a, y, y->type == AML_BUFFER ? "%02llX" : a->integer_mask >> 32 ? "%016llX" : "%08llX", ' ');
	else if (x->type == AML_INTEGER || x->type == AML_BUFFER) {
		u64 v;

		/* The first says what both are: two numbers are joined as bytes. */
		if (x->type == AML_INTEGER && y->type != AML_INTEGER)
			y = aml_to_integer(a, y, &v) ? aml_make_integer(a, v) : NULL;
		x = aml_to_buffer(a, x);
		y = y ? aml_to_buffer(a, y) : NULL;
	}
	if (!x || !y || !has_bytes(x) || x->type != y->type)
		return aml_fail(a, "a concatenation of what has no bytes");
	r = aml_make_bytes(a, x->type, NULL, (u64)x->length + y->length);
	if (!r)
		return NULL;
	memcpy(r->bytes, x->bytes, x->length);
	memcpy(r->bytes + x->length, y->bytes, y->length);
	return r;
}

struct aml_object *aml_concatenate_resources(struct aml *a, const struct aml_object *x, const struct aml_object *y)
{
	struct aml_object *r;

	if (x->type != AML_BUFFER || y->type != AML_BUFFER || x->length < 2 || y->length < 2)
		return aml_fail(a, "resources without an end");
	r = aml_make_bytes(a, AML_BUFFER, NULL, (u64)x->length - 2 + y->length);
	if (!r)
		return NULL;
	memcpy(r->bytes, x->bytes, x->length - 2);
	memcpy(r->bytes + x->length - 2, y->bytes, y->length);
	r->bytes[r->length - 1] = 0;
	return r;
}

struct aml_object *aml_mid(struct aml *a, struct aml_object *o, u64 first, u64 length)
{
	if (o->type == AML_INTEGER)
		o = aml_to_text(a, o, false);
	if (!o || !has_bytes(o))
		return aml_fail(a, "a piece of what has no bytes");
	first = MIN(first, (u64)o->length);
	return aml_make_bytes(a, o->type, o->bytes + first, MIN(length, o->length - first));
}

struct aml_object *aml_to_string(struct aml *a, const struct aml_object *o, u64 most)
{
	u32 n = 0;

	if (!has_bytes(o))
		return aml_fail(a, "a text of what has none");
	while (n < o->length && n < most && o->bytes[n])
		n++;
	a->steps += n / 8;
	return aml_make_bytes(a, AML_STRING, o->bytes, n);
}

bool aml_bcd(struct aml *a, bool to, u64 v, u64 *out)
{
	u32 from_base = to ? 10 : 16, to_base = to ? 16 : 10;
	u64 unit = 1;

	*out = 0;
	for (u32 i = 0; v; i++, v /= from_base, unit *= to_base) {
		if (i == 16 || v % from_base > 9)
			return aml_fail(a, "no number of decimal digits");
		*out += v % from_base * unit;
	}
	return true;
}

/* Of numbers with numbers, of bytes with bytes; what can't be compared does not match. */
static bool matches(struct aml *a, struct aml_object *e, u32 how, struct aml_object *with)
{
	s64 order;

	if (how == MATCH_TRUE)
		return true;
	if (e->type != with->type)
		return false;
	if (e->type == AML_INTEGER) {
		order = e->integer < with->integer ? -1 : e->integer > with->integer;
	} else {
		if (!has_bytes(e))
			return false;
		a->steps += MIN(e->length, with->length) / 8;
		order = memcmp(e->bytes, with->bytes, MIN(e->length, with->length));
		order = order ? order : (s64)e->length - with->length;
	}
	switch (how) {
	case MATCH_EQUAL: return order == 0;
	case MATCH_LESS_EQUAL: return order <= 0;
	case MATCH_LESS: return order < 0;
	case MATCH_GREATER_EQUAL: return order >= 0;
	default: return order > 0;
	}
}

struct aml_object *aml_match(struct aml *a, const struct aml_object *in, const u64 how[2], struct aml_object *with[2],
	u64 from)
{
	if (in->type != AML_PACKAGE || how[0] > MATCH_GREATER || how[1] > MATCH_GREATER)
		return aml_fail(a, "a search through no package");
	for (; from < in->length && !a->why; from++) {
		struct aml_object *e = in->elements[from];

		a->steps++;
		/* A name that is nothing does not match; nor is it a mistake of the search. */
		if (e && (e->type == AML_PATH || e->type == AML_REFERENCE) && !(e = aml_value(a, e)))
			a->why = NULL;
		if (e && matches(a, e, how[0], with[0]) && matches(a, e, how[1], with[1]))
			return aml_make_integer(a, from);
	}
	return a->why ? NULL : aml_make_integer(a, ~0ull);
}
