/*
 * The machine language's memory, namespace and names, and the calls that fw/acpi_devices.c makes (aml.h).
 *
 * Memory is handed out from chunks and given back all at once: no object is freed before, so that a pointer in
 * hand is good as long as the namespace is. An evaluation that fails gives back what it took, if nothing that
 * stays refers to it: the memory that a broken method wastes is not missing elsewhere.
 *
 * Source: ACPI 6.5, 5.3 (the namespace), 20.2.2 (names).
 */
#include "fw/aml.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/slab.h"

/* The largest tables of servers make some hundred kilobytes of namespace; a loop that allocates ends here. */
#define MEMORY_MAX	(2u << 20)
#define CHUNK_SIZE	16384u
/* Terms of one evaluation. Methods that say resources take hundreds; a loop that waits for hardware ends here. */
#define STEPS_MAX	200000u
/* And of all evaluations together: hundreds of devices that each take their share would stop the boot for minutes. */
#define STEPS_ALL	2000000u
/* Lines about what was left out of a namespace: the first ones say enough. */
#define MESSAGES_MAX	8u
/* The namespace's own depth: paths of tables have up to eight names. */
#define LEVELS_MAX	32u

struct aml_chunk { struct aml_chunk *next; u64 room[]; };

void *aml_fail(struct aml *a, const char *why)
{
	if (!a->why) {
		a->why = why;
		a->where = a->at;
	}
	return NULL;
}

void aml_report(struct aml *a, const char *what)
{
	if (a->why && a->messages++ < MESSAGES_MAX)
		log_warn("ACPI: %.4s+%#lx: %s: %s", a->table, (unsigned long)(a->where - a->table_start), what, a->why);
	a->why = NULL;
}

void *aml_alloc(struct aml *a, u64 size)
{
	if (size > MEMORY_MAX)
		return aml_fail(a, "too much memory is wanted");
	size = ALIGN_UP(size, sizeof(u64));
	if (size > a->left) {
		u64 room = MAX(size, (u64)CHUNK_SIZE);
		struct aml_chunk *c = a->total + room > MEMORY_MAX ? NULL : kzalloc(sizeof(*c) + room);

		if (!c)
			return aml_fail(a, "too much memory is wanted");
		c->next = a->chunks;
		a->chunks = c;
		a->left = room;
		a->total += room;
	}
	a->left -= size;
	return (u8 *)a->chunks->room + a->left;		/* from its end: the newest chunk's length need not be kept */
}

struct aml_object *aml_make(struct aml *a, enum aml_type type)
{
	struct aml_object *o = aml_alloc(a, sizeof(*o));

	if (o)
		o->type = type;
	return o;
}

struct aml_object *aml_make_integer(struct aml *a, u64 v)
{
	struct aml_object *o = aml_make(a, AML_INTEGER);

	if (o)
		o->integer = v & a->integer_mask;
	return o;
}

struct aml_object *aml_make_bytes(struct aml *a, enum aml_type type, const void *from, u64 length)
{
	struct aml_object *o = aml_make(a, type);

	if (!o || length > MEMORY_MAX)
		return aml_fail(a, "too much memory is wanted");
	o->length = length;
	o->bytes = aml_alloc(a, length + 1);		/* a string's NUL */
	if (!o->bytes)
		return NULL;
	if (from)
		memcpy(o->bytes, from, length);
	return o;
}

/* ---- names -------------------------------------------------------------------------------------- */

bool aml_name_start(u8 c)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || c == '\\' || c == '^' || c == 0x2e || c == 0x2f;
}

/* Past the root and parent characters; the number of names that follow in *count. NULL: broken. */
static const u8 *name_head(const u8 *p, const u8 *end, u32 *count)
{
	while (p < end && (*p == '\\' || *p == '^'))
		p++;
	if (p >= end)
		return NULL;
	*count = 1;
	if (*p == 0)
		*count = 0;
	else if (*p == 0x2e)
		*count = 2;
	else if (*p == 0x2f && end - p > 1)
		*count = *++p;
	else if (aml_name_start(*p))
		return p;
	else
		return NULL;
	return p + 1;
}

const u8 *aml_name_parse(struct aml *a)
{
	const u8 *start = a->at;
	u32 count;
	const u8 *p = name_head(start, a->end, &count);

	if (!p || count > LEVELS_MAX || 4u * count > (size_t)(a->end - p))
		return aml_fail(a, "a broken name");
	a->at = p + 4 * count;
	return start;
}

static struct aml_node *child(struct aml *a, struct aml_node *in, u32 name, bool create)
{
	struct aml_node **at, *n;
	u32 seen = 0;

	for (at = &in->first; *at && (*at)->name != name; at = &(*at)->next)
		seen++;
	a->steps += seen / 8;			/* a long search is work too */
	if (*at || !create)
		return *at;
	n = aml_alloc(a, sizeof(*n));
	if (!n)
		return NULL;
	*n = (struct aml_node){ .name = name, .parent = in };
	*at = n;
	return n;
}

static u32 level(const struct aml_node *n)
{
	u32 l = 0;

	for (; n->parent; n = n->parent)
		l++;
	return l;
}

/* The name was parsed before, so that it is whole. */
struct aml_node *aml_lookup(struct aml *a, struct aml_node *scope, const u8 *name, bool create)
{
	const u8 *p = name;
	struct aml_node *n = scope, *found;
	bool upwards;
	u32 count;

	for (; *p == '\\' || *p == '^'; p++)
		n = *p == '\\' || !n->parent ? &a->root : n->parent;
	upwards = p == name && !create;
	/* 2 + 4 * 255: the longest there is; its end was checked. */
	p = name_head(p, p + 1022, &count);
	if (level(n) + count > LEVELS_MAX)
		return aml_fail(a, "names are nested too deep");
	if (count == 1 && upwards) {
		/* A single name is looked for here, then further out (5.3). */
		for (; n; n = n->parent) {
			found = child(a, n, get_unaligned_le32(p), false);
			if (found)
				return found;
		}
		return NULL;
	}
	for (; n && count; count--, p += 4)
		n = child(a, n, get_unaligned_le32(p), create);
	return n;
}

/* ---- making a namespace --------------------------------------------------------------------------- */

static bool no_access(void *arg, u8 space, u64 address, u32 bytes, u64 *value)
{
	return false;
}

static bool no_write(void *arg, u8 space, u64 address, u32 bytes, u64 value)
{
	return false;
}

static void no_notify(void *arg, struct aml_node *device, u64 value)
{
}

static const struct aml_ops no_ops = { .read = no_access, .write = no_write, .notify = no_notify };

static void define(struct aml *a, const char *name, enum aml_type type, u64 integer)
{
	struct aml_node *n = child(a, &a->root, get_unaligned_le32(name), true);

	if (!n || !(n->object = aml_make(a, type)))
		return;
	if (type == AML_INTEGER)
		n->object->integer = integer;
	else
		n->object->node = n;
	n->object->detail = type == AML_METHOD;
}

struct aml *aml_create(void)
{
	/* What is there before any table (5.3.1, 5.7). */
	static const char scopes[][5] = { "_SB_", "_SI_", "_TZ_", "_PR_", "_GPE" };
	struct aml *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->ops = &no_ops;
	a->budget = STEPS_ALL;
	a->integer_mask = ~0ull;
	a->nothing = aml_make(a, AML_NOTHING);
	if (!a->nothing) {
		kfree(a);
		return NULL;
	}
	for (u32 i = 0; i < ARRAY_SIZE(scopes); i++)
		define(a, scopes[i], AML_SCOPE, 0);
	define(a, "_GL_", AML_MUTEX, 0);
	define(a, "_REV", AML_INTEGER, 2);
	define(a, "_OSI", AML_METHOD, 0);
	return a;
}

void aml_destroy(struct aml *a)
{
	while (a && a->chunks) {
		struct aml_chunk *c = a->chunks;

		a->chunks = c->next;
		kfree(c);
	}
	kfree(a);
}

void aml_set_ops(struct aml *a, const struct aml_ops *ops)
{
	a->ops = ops ? ops : &no_ops;
}

/* Before a table or an evaluation. */
static void start(struct aml *a, u32 steps)
{
	a->scope = &a->root;
	a->frame = NULL;
	a->stored = false;
	a->flow = AML_NEXT;
	a->budget -= MIN(a->steps, a->budget);
	a->depth = a->steps = 0;
	a->steps_max = MIN(steps, a->budget);
	a->why = NULL;
}

void aml_load(struct aml *a, const u8 *code, size_t size, const char *name, u32 revision)
{
	/* Each term has a byte at least. */
	a->budget += size;
	start(a, STEPS_MAX + size);
	a->integer_mask = revision < 2 ? 0xffffffff : ~0ull;
	a->table = name;
	a->table_start = a->at = code;
	a->end = code + size;
	if (!aml_block(a, a->end))
		aml_report(a, "the rest of the table is left out");
}

/* ---- asking it ------------------------------------------------------------------------------------- */

struct aml_node *aml_device_next(struct aml *a, struct aml_node *n)
{
	if (!n)
		n = &a->root;
	do {
		if (n->first) {
			n = n->first;
		} else {
			while (n && !n->next)
				n = n->parent;
			n = n ? n->next : NULL;
		}
	} while (n && (!n->object || n->object->type != AML_DEVICE));
	return n;
}

struct aml_node *aml_child(struct aml_node *node, const char *name)
{
	struct aml_node *n = node->first;

	while (n && n->name != get_unaligned_le32(name))
		n = n->next;
	return n;
}

/* Give back what was taken since the newest chunk was this one, with so much left. */
static void take_back(struct aml *a, struct aml_chunk *newest, size_t left, size_t total)
{
	while (a->chunks != newest) {
		struct aml_chunk *c = a->chunks;

		a->chunks = c->next;
		kfree(c);
	}
	memset(newest->room, 0, left);
	a->left = left;
	a->total = total;
}

const struct aml_object *aml_evaluate_with(struct aml *a, struct aml_node *device, const char *name,
	struct aml_object **args)
{
	struct aml_node *at = aml_child(device, name);
	struct aml_object *v = at ? at->object : NULL;
	struct aml_chunk *newest = a->chunks;
	size_t left = a->left, total = a->total;

	if (!v)
		return NULL;
	start(a, STEPS_MAX);
	if (v->type == AML_METHOD) {
		a->scope = at;
		v = aml_call(a, v, args);
	}
	v = v ? aml_value(a, v) : NULL;
	if (!v && a->why && a->messages++ < MESSAGES_MAX)
		log_warn("ACPI: %.4s.%s is not evaluated: %s", (const char *)&device->name, name, a->why);
	if (!v && !a->stored)
		take_back(a, newest, left, total);
	return v;
}

const struct aml_object *aml_evaluate(struct aml *a, struct aml_node *device, const char *name, const u64 *args, u32 n)
{
	struct aml_object *values[AML_ARGS] = { NULL };

	for (u32 i = 0; i < n && i < AML_ARGS; i++)
		if (!(values[i] = aml_make_integer(a, args[i])))
			return NULL;
	return aml_evaluate_with(a, device, name, values);
}

u64 aml_integer(struct aml *a, struct aml_node *device, const char *name, u64 absent)
{
	const struct aml_object *o = aml_evaluate(a, device, name, NULL, 0);

	return o && o->type == AML_INTEGER ? o->integer : absent;
}

/* "PNP0A08" as a number: three letters of five bits, four hexadecimal digits, in bytes from the highest (19.3.4). */
static u32 eisa_id(const char *id)
{
	u64 product = 0;

	parse_u64(id + 3, NULL, 16, &product);
	return __builtin_bswap32((u32)(id[0] - 0x40) << 26 | (u32)(id[1] - 0x40) << 21 | (u32)(id[2] - 0x40) << 16 |
				 (product & 0xffff));
}

static bool id_is(const struct aml_object *o, const char *id)
{
	if (o && o->type == AML_STRING)
		return strcmp((const char *)o->bytes, id) == 0;
	return o && o->type == AML_INTEGER && strlen(id) == 7 && o->integer == eisa_id(id);
}

bool aml_device_is(struct aml *a, struct aml_node *device, const char *id)
{
	const struct aml_object *o = aml_evaluate(a, device, "_HID", NULL, 0);

	if (id_is(o, id))
		return true;
	o = aml_evaluate(a, device, "_CID", NULL, 0);
	for (u32 i = 0; o && o->type == AML_PACKAGE && i < o->length; i++)
		if (id_is(o->elements[i], id))
			return true;
	return id_is(o, id);
}

bool aml_device_present(struct aml *a, struct aml_node *device)
{
	/* Bit 0 of _STA: present; what has none is there (6.3.7). */
	for (; device; device = device->parent)
		if (!(aml_integer(a, device, "_STA", 0xf) & 1))
			return false;
	return true;
}

struct aml_node *aml_named(struct aml *a, const struct aml_object *o)
{
	struct aml_node *n = NULL;

	if (o && o->type == AML_PATH)
		n = aml_lookup(a, o->node, o->code, false);
	else if (o && o->type == AML_REFERENCE && *o->slot && (*o->slot)->type == AML_DEVICE)
		n = (*o->slot)->node;
	else if (o && o->type == AML_DEVICE)
		n = o->node;
	return n && n->object && n->object->type == AML_DEVICE ? n : NULL;
}
