/*
 * ACPI's machine language, as far as it says what is where: a namespace of devices whose objects and methods
 * give their resources. fw/acpi_devices.c loads the DSDT and the SSDTs, evaluates what it wants to know, and
 * gives all back: nothing of this is kept, and no method runs later.
 *
 *   aml.c           memory, the namespace, names, and the calls below
 *   aml_exec.c      terms: definitions, statements, expressions
 *   aml_value.c     values: conversions, fields, stores
 *   aml_data.c      operators on strings, buffers and packages
 *   aml_resource.c  what _CRS says
 *
 * The tables come from outside and may be broken. Every read is checked against the table's end; depth, steps
 * and memory have limits; nothing is written but our own memory, and hardware is read only through aml_ops. What
 * cannot be evaluated gives an error with a message, and whoever asked does without.
 *
 * Source: ACPI 6.5, chapters 19 (what operators mean) and 20 (how they are encoded).
 */
#pragma once
#include "irq/irq.h"

/* Numbers as ObjectType gives them (ACPI 6.5, 19.6.97), and our own above. */
enum aml_type {
	AML_NOTHING, AML_INTEGER, AML_STRING, AML_BUFFER, AML_PACKAGE, AML_FIELD, AML_DEVICE, AML_EVENT, AML_METHOD,
	AML_MUTEX, AML_REGION, AML_POWER, AML_PROCESSOR, AML_THERMAL, AML_BUFFER_FIELD,
	AML_SCOPE = 32,
	AML_REFERENCE,		/* to a slot, where an object is kept */
	AML_PATH,		/* a name in a package, not looked up yet */
};

#define AML_SYSTEM_MEMORY 0	/* the address space of a region that is physical memory */

struct aml_object {
	u8 type;			/* enum aml_type */
	u8 detail;			/* method: its arguments; region: address space; field: bytes of an access */
	u32 length;			/* bytes of a string, buffer or method; elements; bits of a field */
	union {
		u64 integer;
		u8 *bytes;
		struct aml_object **elements;	/* NULL ones were not given */
		struct aml_object **slot;
		const u8 *code;			/* of a method; NULL: _OSI, our own. Of a path: its first character */
		u64 start;			/* a region's address, a field's first bit */
	};
	union {
		u64 size;			/* of a region, bytes */
		struct aml_object *of;		/* of a field: region or buffer; NULL: of a kind that we don't read */
		struct aml_node *node;		/* a device, scope or method itself; where a path was written */
	};
};

struct aml_node {
	u32 name;			/* four characters as in the table */
	struct aml_node *parent, *first, *next;
	struct aml_object *object;
};

struct aml;

struct aml_ops {
	/* A region at `address` is read, of 1, 2, 4 or 8 bytes, aligned. False: it can't be. */
	bool (*read)(void *arg, u8 space, u64 address, u32 bytes, u64 *value);
	/* A region would be written. True: go on as if. */
	bool (*write)(void *arg, u8 space, u64 address, u32 bytes, u64 value);
	/* Notify: a device is told of something. */
	void (*notify)(void *arg, struct aml_node *device, u64 value);
	void *arg;
};

/* An empty namespace. NULL: no memory. Process context, as all of these. */
struct aml *aml_create(void);
void aml_destroy(struct aml *a);
void aml_set_ops(struct aml *a, const struct aml_ops *ops);	/* ops stays the caller's */
/* Define what a table's terms say. code stays in place until aml_destroy. What is broken is left out, with a message.
 * name: four characters for messages. revision: the DSDT's; 1 makes integers 32 bits wide. */
void aml_load(struct aml *a, const u8 *code, size_t size, const char *name, u32 revision);

/* All devices, in the order of their definition, parents first: the first for NULL; NULL after the last. */
struct aml_node *aml_device_next(struct aml *a, struct aml_node *device);
/* The object of that name in a device's own scope; NULL: none. */
struct aml_node *aml_child(struct aml_node *node, const char *name);
/* The name's value, methods called with n arguments; NULL: not there, or (with a message) not evaluated. Never a
 * method, field or reference. */
const struct aml_object *aml_evaluate(struct aml *a, struct aml_node *device, const char *name, const u64 *args, u32 n);
/* The same with arguments that were made before (AML_ARGS of them, NULL: none); a method may write into them. */
const struct aml_object *aml_evaluate_with(struct aml *a, struct aml_node *device, const char *name,
	struct aml_object **args);
/* The same for a number; absent or none: the default. */
u64 aml_integer(struct aml *a, struct aml_node *device, const char *name, u64 absent);
/* _HID or a _CID is this PNP or ACPI ID, "PNP0A08". */
bool aml_device_is(struct aml *a, struct aml_node *device, const char *id);
/* _STA of it and of what it is in: present. */
bool aml_device_present(struct aml *a, struct aml_node *device);
/* The device that an element of a package names, by path or reference; NULL: none. */
struct aml_node *aml_named(struct aml *a, const struct aml_object *o);

/* ---- resources: ACPI 6.5, 6.4 ---- */

enum aml_resource_kind { AML_RES_MEMORY, AML_RES_IO, AML_RES_BUS, AML_RES_IRQ };

struct aml_resource {
	enum aml_resource_kind kind;
	u64 first, length;		/* as the device's children see it; an interrupt: its GSI, 1 */
	u64 translation;		/* what the parent's side has more */
	bool producer;			/* for the devices below, not for its own registers */
	bool prefetch;
	enum irq_trigger trigger;
};
/* The next resource of a buffer, from *at (0 at first) on. False: the end, or a descriptor that does not fit. Of an
 * interrupt descriptor each number is one. */
bool aml_resource_next(const struct aml_object *buffer, u32 *at, u32 *nth, struct aml_resource *r);

/* ---- among the files of aml ---- */

#define AML_NAME(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)
#define AML_ARGS	7
#define AML_LOCALS	8

enum aml_flow { AML_NEXT, AML_BREAK, AML_CONTINUE, AML_RETURN };

/* A method that runs. */
struct aml_frame {
	struct aml_object *args[AML_ARGS], *locals[AML_LOCALS], *result;
};

struct aml {
	struct aml_node root;
	struct aml_object *nothing;
	const struct aml_ops *ops;
	struct aml_chunk *chunks;	/* memory, given back all at once */
	size_t left, total;		/* in the newest chunk; of all chunks */
	bool stored;			/* the evaluation changed something that stays */
	u64 integer_mask;

	/* The table or method at work. */
	const u8 *at, *end;
	struct aml_node *scope;
	struct aml_frame *frame;	/* NULL: a table is loaded */
	enum aml_flow flow;
	u32 depth, steps, steps_max;
	u32 budget;			/* steps left for all that is still to come */
	const char *why;		/* the first thing that could not be done, NULL: none */
	const u8 *where;
	const char *table;		/* four characters */
	const u8 *table_start;
	u32 messages;
};

/* Where a value goes: nowhere (slot NULL), into a slot, or by the rules for names into what the slot has. */
struct aml_target { struct aml_object **slot; bool named; };

void *aml_alloc(struct aml *a, u64 size);	/* zeroed; NULL: the limit, or no memory; why is set */
struct aml_object *aml_make(struct aml *a, enum aml_type type);
struct aml_object *aml_make_integer(struct aml *a, u64 v);
/* from NULL: zeros */
struct aml_object *aml_make_bytes(struct aml *a, enum aml_type type, const void *from, u64 length);
void *aml_fail(struct aml *a, const char *why);	/* NULL */
void aml_report(struct aml *a, const char *what);	/* what was left out, and why */
bool aml_name_start(u8 c);
/* Step over a name. NULL: broken. */
const u8 *aml_name_parse(struct aml *a);
/* The node of a name that was parsed; NULL: none. create: made in its place, or found there. */
struct aml_node *aml_lookup(struct aml *a, struct aml_node *scope, const u8 *name, bool create);

/* One term at `at`: its value, `nothing` if it has none; NULL: failed. */
struct aml_object *aml_term(struct aml *a);
/* Terms to the end. False: failed. */
bool aml_block(struct aml *a, const u8 *end);
struct aml_object *aml_call(struct aml *a, struct aml_object *method, struct aml_object **args);

/* What a reference refers to and a field reads as; anything else is itself. NULL: failed. */
struct aml_object *aml_value(struct aml *a, struct aml_object *o);
bool aml_to_integer(struct aml *a, struct aml_object *o, u64 *v);
bool aml_store(struct aml *a, struct aml_object *value, struct aml_target to);

/* Of values (aml_value). NULL, and why is set: not of these types. A result may be an operand itself. */
struct aml_object *aml_to_text(struct aml *a, struct aml_object *o, bool decimal);
struct aml_object *aml_to_buffer(struct aml *a, struct aml_object *o);
struct aml_object *aml_concatenate(struct aml *a, struct aml_object *x, struct aml_object *y);
/* Without the first's end tag (two bytes); the end's checksum becomes 0, which is none. */
struct aml_object *aml_concatenate_resources(struct aml *a, const struct aml_object *x, const struct aml_object *y);
struct aml_object *aml_mid(struct aml *a, struct aml_object *o, u64 first, u64 length);
/* Up to a NUL, most bytes at most. */
struct aml_object *aml_to_string(struct aml *a, const struct aml_object *o, u64 most);
/* A number to its decimal digits of four bits each, or from them. False: failed. */
bool aml_bcd(struct aml *a, bool to, u64 v, u64 *out);
/* The first element from `from` on for which both comparisons (by their numbers in the table) hold; all ones: none. */
struct aml_object *aml_match(struct aml *a, const struct aml_object *in, const u64 how[2], struct aml_object *with[2],
	u64 from);
