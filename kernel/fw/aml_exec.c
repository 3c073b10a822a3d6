/*
 * Terms of the machine language: aml_term reads one at a->at and does what it says. A table and a method's body
 * are lists of them (aml_block); an operator's operands are terms again.
 *
 * The recursion is a term's nesting and has a limit, for it is on the kernel's stack. What would need hardware to be
 * changed or time to pass fails the evaluation, or passes without (Sleep, Stall; Timer stands still): fields behind an
 * index or a bank register, Load, LoadTable and Unload, Fatal, a DataTableRegion, DerefOf of a path in a string.
 *
 * Source: ACPI 6.5, 20.2; what operators do: 19.6.
 */
#include "fw/aml.h"
#include "base/endian.h"
#include "base/string.h"

/* Methods of real tables nest a dozen deep with their calls; a level takes up to 384 bytes of the stack's 16 KiB. */
#define DEPTH_MAX	28u

enum {
	OP_ZERO = 0x00, OP_ONE = 0x01, OP_ALIAS = 0x06, OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD, OP_DWORD,
	OP_STRING, OP_QWORD, OP_SCOPE = 0x10, OP_BUFFER, OP_PACKAGE, OP_VAR_PACKAGE, OP_METHOD, OP_EXTERNAL,
	OP_LOCAL0 = 0x60, OP_ARG0 = 0x68, OP_STORE = 0x70, OP_REF_OF, OP_ADD, OP_CONCAT, OP_SUBTRACT,
	OP_INCREMENT, OP_DECREMENT, OP_MULTIPLY, OP_DIVIDE, OP_SHIFT_LEFT, OP_SHIFT_RIGHT, OP_AND, OP_NAND,
	OP_OR, OP_NOR, OP_XOR, OP_NOT, OP_FIND_LEFT, OP_FIND_RIGHT, OP_DEREF_OF, OP_CONCAT_RES, OP_MOD,
	OP_NOTIFY, OP_SIZE_OF, OP_INDEX, OP_MATCH, OP_CREATE_DWORD, OP_CREATE_WORD, OP_CREATE_BYTE,
	OP_CREATE_BIT, OP_OBJECT_TYPE, OP_CREATE_QWORD, OP_LAND, OP_LOR, OP_LNOT, OP_LEQUAL, OP_LGREATER,
	OP_LLESS, OP_TO_BUFFER, OP_TO_DECIMAL, OP_TO_HEX, OP_TO_INTEGER, OP_TO_STRING = 0x9c, OP_COPY, OP_MID,
	OP_CONTINUE, OP_IF, OP_ELSE,
	OP_WHILE, OP_NOOP, OP_RETURN, OP_BREAK, OP_BREAK_POINT = 0xcc, OP_ONES = 0xff,
	/* Behind the prefix 0x5b */
	OP_EXT = 0x5b, OP_MUTEX = 0x5b01, OP_EVENT, OP_COND_REF_OF = 0x5b12, OP_CREATE_FIELD,
	OP_LOAD_TABLE = 0x5b1f, OP_LOAD, OP_STALL, OP_SLEEP, OP_ACQUIRE, OP_SIGNAL, OP_WAIT, OP_RESET, OP_RELEASE,
	OP_FROM_BCD, OP_TO_BCD, OP_UNLOAD, OP_REVISION = 0x5b30, OP_DEBUG, OP_FATAL, OP_TIMER, OP_REGION = 0x5b80, OP_FIELD,
	OP_DEVICE, OP_PROCESSOR, OP_POWER, OP_THERMAL, OP_INDEX_FIELD,
	OP_BANK_FIELD,
};

/* ---- pieces ---------------------------------------------------------------------------------------- */

/* A number of n bytes. */
static bool fixed(struct aml *a, u32 n, u64 *v)
{
	if (n > (size_t)(a->end - a->at))
		return aml_fail(a, "cut short");
	*v = 0;
	memcpy(v, a->at, n);
	a->at += n;
	return true;
}

/* 20.2.4: the upper two bits of the first byte say how many follow. */
static bool length(struct aml *a, u32 *v)
{
	u64 first, more;

	if (!fixed(a, 1, &first))
		return false;
	*v = first & 0x3f;
	if (first >> 6) {
		if (!fixed(a, first >> 6, &more))
			return false;
		*v = (first & 0xf) | more << 4;
	}
	return true;
}

/* Where a term ends that begins with its length. NULL: past what it is in. */
static const u8 *package_end(struct aml *a)
{
	const u8 *start = a->at;
	u32 n;

	if (!length(a, &n))
		return NULL;
	if (n < a->at - start || n > a->end - start)
		return aml_fail(a, "a length past the end");
	return start + n;
}

static struct aml_object *operand(struct aml *a)
{
	struct aml_object *o = aml_term(a);

	return o ? aml_value(a, o) : NULL;
}

static bool number(struct aml *a, u64 *v)
{
	struct aml_object *o = aml_term(a);

	return o && aml_to_integer(a, o, v);
}

static struct aml_object *logical(struct aml *a, bool v)
{
	return aml_make_integer(a, v ? ~0ull : 0);
}

/* A local variable or argument. */
static struct aml_object **variable(struct aml *a, u32 op)
{
	if (!a->frame || op - OP_ARG0 == AML_ARGS)
		return aml_fail(a, "a variable outside a method");
	return op < OP_ARG0 ? &a->frame->locals[op - OP_LOCAL0] : &a->frame->args[op - OP_ARG0];
}

/* A name: its node; NULL and failed if it is not there. */
static struct aml_node *named(struct aml *a)
{
	const u8 *name = aml_name_parse(a);
	struct aml_node *n = name ? aml_lookup(a, a->scope, name, false) : NULL;

	return n && n->object ? n : aml_fail(a, "a name that is not there");
}

/* The node of a name that is defined here. */
static struct aml_node *defined(struct aml *a)
{
	const u8 *name = aml_name_parse(a);
	struct aml_node *n = name ? aml_lookup(a, a->scope, name, true) : NULL;

	/* In a method's own scope it goes when the method ends. */
	a->stored |= n && n->parent != a->scope;
	return n;
}

static struct aml_object *define(struct aml *a, struct aml_node *n, enum aml_type type)
{
	n->object = aml_make(a, type);
	if (n->object)
		n->object->node = n;
	return n->object;
}

/* 20.2.2, SuperName and Target: what a store goes to. */
static noinline bool target_parse(struct aml *a, struct aml_target *t)
{
	struct aml_object *o;
	struct aml_node *n;
	u8 c = a->at < a->end ? *a->at : OP_ONE;

	*t = (struct aml_target){ .named = true };
	if (c == OP_ZERO || (c == OP_EXT && a->end - a->at > 1 && a->at[1] == (OP_DEBUG & 0xff))) {
		a->at += c == OP_ZERO ? 1 : 2;
		return true;
	}
	if (aml_name_start(c)) {
		n = named(a);
		t->slot = n ? &n->object : NULL;
		if (n && n->object->type == AML_REFERENCE)
			t->slot = n->object->slot;
		return n;
	}
	if (c >= OP_LOCAL0 && c <= OP_ARG0 + AML_ARGS) {
		a->at++;
		t->slot = variable(a, c);
		o = t->slot ? *t->slot : NULL;
		/* An argument that refers to something is that; a local is replaced. */
		t->named = c >= OP_ARG0 && o && (o->type == AML_REFERENCE || o->type == AML_BUFFER_FIELD);
		if (t->named && o->type == AML_REFERENCE)
			t->slot = o->slot;
		return t->slot;
	}
	if (c == OP_DEREF_OF)
		a->at++;
	o = aml_term(a);
	t->slot = o && o->type == AML_REFERENCE ? o->slot : o ? aml_alloc(a, sizeof(o)) : NULL;
	if (t->slot && o->type != AML_REFERENCE)
		*t->slot = o;
	return t->slot;
}

static bool target(struct aml *a, struct aml_target *t)
{
	bool ok = target_parse(a, t);

	a->stored |= t->slot && t->named;
	return ok;
}

/* The value goes to the target that follows, and is the term's own. */
static struct aml_object *result(struct aml *a, struct aml_object *v)
{
	struct aml_target t;

	return v && target(a, &t) && aml_store(a, v, t) ? v : NULL;
}

static struct aml_object *reference(struct aml *a, struct aml_object **slot)
{
	struct aml_object *o = aml_make(a, AML_REFERENCE);

	if (o)
		o->slot = slot;
	return o;
}

/* ---- data ------------------------------------------------------------------------------------------ */

static noinline struct aml_object *package_term(struct aml *a, u32 op)
{
	const u8 *end = package_end(a), *outer = a->end;
	struct aml_object *p = end ? aml_make(a, AML_PACKAGE) : NULL;
	u64 n;

	if (!p || !(op == OP_PACKAGE ? fixed(a, 1, &n) : number(a, &n)))
		return NULL;
	p->elements = n > 0xffffff ? aml_fail(a, "a package too large") : aml_alloc(a, n * sizeof(*p->elements));
	if (!p->elements)
		return NULL;
	p->length = n;
	a->end = end;
	for (u32 i = 0; i < n && a->at < end; i++) {
		struct aml_object *o;

		if (aml_name_start(*a->at)) {
			/* Names may be defined later on. */
			o = aml_make(a, AML_PATH);
			if (o) {
				o->node = a->scope;
				o->code = aml_name_parse(a);
			}
		} else {
			o = aml_term(a);
		}
		if (!o || a->why)
			break;
		p->elements[i] = o;
	}
	a->end = outer;
	a->at = end;
	return a->why ? NULL : p;
}

static noinline struct aml_object *buffer_term(struct aml *a)
{
	const u8 *end = package_end(a), *outer = a->end;
	struct aml_object *b;
	u64 n;

	if (!end)
		return NULL;
	a->end = end;
	b = number(a, &n) ? aml_make_bytes(a, AML_BUFFER, NULL, MAX(n, (u64)(end - MIN(a->at, end)))) : NULL;
	if (b)
		memcpy(b->bytes, a->at, end - a->at);
	a->end = outer;
	a->at = end;
	return b;
}

static struct aml_object *string_term(struct aml *a)
{
	const u8 *start = a->at, *end = memchr(start, 0, a->end - start);

	if (!end)
		return aml_fail(a, "a string without an end");
	a->at = end + 1;
	return aml_make_bytes(a, AML_STRING, start, end - start);
}

/* ---- definitions ----------------------------------------------------------------------------------- */

/* A scope, or something that is one: what is in it is defined below its name. */
static noinline struct aml_object *scope_term(struct aml *a, u32 op)
{
	const u8 *end = package_end(a), *name = end ? aml_name_parse(a) : NULL;
	struct aml_node *outer = a->scope, *n = NULL;
	enum aml_type type = op == OP_DEVICE ? AML_DEVICE : op == OP_PROCESSOR ? AML_PROCESSOR :
			     op == OP_POWER ? AML_POWER : op == OP_THERMAL ? AML_THERMAL : AML_SCOPE;
	u64 rest;
	bool ok;

	if (!name || a->at > end)
		return aml_fail(a, "a length past the end");
	if (op == OP_SCOPE)
		n = aml_lookup(a, a->scope, name, false);
	if (!n)
		n = aml_lookup(a, a->scope, name, true);
	if (!n || ((op != OP_SCOPE || !n->object) && !define(a, n, type)))
		return NULL;
	/* ID, block address and length of a processor; level and order of a power resource */
	if ((op == OP_PROCESSOR && !fixed(a, 6, &rest)) || (op == OP_POWER && !fixed(a, 3, &rest)))
		return NULL;
	a->stored = true;
	a->scope = n;
	ok = aml_block(a, end);
	a->scope = outer;
	/* While a table is loaded, what is broken costs no more than the block that it is in. */
	if (!ok && !a->frame) {
		aml_report(a, "the rest of a block is left out");
		ok = true;
	}
	return ok ? a->nothing : NULL;
}

static noinline struct aml_object *method_term(struct aml *a)
{
	const u8 *end = package_end(a);
	struct aml_node *n = end ? defined(a) : NULL;
	struct aml_object *m;
	u64 flags;

	if (!n || !fixed(a, 1, &flags) || a->at > end)
		return aml_fail(a, "a length past the end");
	m = define(a, n, AML_METHOD);
	if (!m)
		return NULL;
	m->detail = flags & 7;
	m->code = a->at;
	m->length = end - a->at;
	a->at = end;
	return a->nothing;
}

/* Field, IndexField, BankField (20.2.5.2): units of a region, one behind the other. Only the first kind can be read. */
static noinline struct aml_object *field_term(struct aml *a, u32 op)
{
	const u8 *end = package_end(a), *outer = a->end;
	struct aml_node *region = end ? named(a) : NULL;
	u64 flags, bit = 0, skip;
	u32 bits;

	if (!region || (op != OP_FIELD && !named(a)) || (op == OP_BANK_FIELD && !aml_term(a)) || !fixed(a, 1, &flags))
		return NULL;
	a->end = end;
	while (a->at < end && !a->why) {
		u8 kind = *a->at;
		struct aml_object *f;
		struct aml_node *n;

		if (aml_name_start(kind)) {
			n = defined(a);
			f = n && length(a, &bits) ? define(a, n, AML_FIELD) : NULL;
			if (!f)
				break;
			/* Access types 1 to 4 are 1 to 8 bytes; any (0): by bytes. */
			f->detail = (flags & 0xf) >= 1 && (flags & 0xf) <= 4 ? 1 << ((flags & 0xf) - 1) : 1;
			f->start = bit;
			f->length = bits;
			f->of = op == OP_FIELD && region->object->type == AML_REGION ? region->object : NULL;
			bit += bits;
			continue;
		}
		a->at++;
		switch (kind) {
		case 0:				/* reserved bits */
			if (length(a, &bits))
				bit += bits;
			break;
		case 1: case 3:			/* another access: type, attribute, its length */
			if (fixed(a, kind == 1 ? 2 : 3, &skip))
				flags = (flags & ~0xfull) | (skip & 0xf);
			break;
		default:
			aml_fail(a, "a kind of field that we don't know");
		}
	}
	a->end = outer;
	a->at = end;
	return a->why ? NULL : a->nothing;
}

static noinline struct aml_object *region_term(struct aml *a)
{
	struct aml_node *n = defined(a);
	struct aml_object *r;
	u64 space, start, size;

	if (!n || !fixed(a, 1, &space) || !number(a, &start) || !number(a, &size))
		return NULL;
	if (start + size < start || size > ~0ull / 8)
		return aml_fail(a, "a region past the end");
	r = define(a, n, AML_REGION);
	if (!r)
		return NULL;
	r->detail = space;
	r->start = start;
	r->size = size;
	return a->nothing;
}

/* CreateBitField to CreateQWordField, and CreateField: bits of a buffer by a name. */
static noinline struct aml_object *create_term(struct aml *a, u32 op)
{
	struct aml_object *b = operand(a), *f;
	struct aml_node *n;
	u64 at, bits = 1;

	if (!b || !number(a, &at) || (op == OP_CREATE_FIELD && !number(a, &bits)))
		return NULL;
	if (op != OP_CREATE_FIELD && op != OP_CREATE_BIT) {
		bits = op == OP_CREATE_BYTE ? 8 : op == OP_CREATE_WORD ? 16 : op == OP_CREATE_DWORD ? 32 : 64;
		at = MIN(at, ~0u) * 8;
	}
	n = defined(a);
	if (!n)
		return NULL;
	if (b->type != AML_BUFFER || at > 8ull * b->length || bits > 8ull * b->length - at)
		return aml_fail(a, "a field past its buffer's end");
	f = define(a, n, AML_BUFFER_FIELD);
	if (!f)
		return NULL;
	f->of = b;
	f->start = at;
	f->length = bits;
	return a->nothing;
}

static noinline struct aml_object *definition(struct aml *a, u32 op)
{
	struct aml_node *n, *from;
	struct aml_object *o;
	u64 skip;

	switch (op) {
	case OP_NAME:
		n = defined(a);
		o = n ? aml_term(a) : NULL;
		return o && aml_store(a, o, (struct aml_target){ &n->object, false }) ? a->nothing : NULL;
	case OP_ALIAS:
		from = named(a);
		n = from ? defined(a) : NULL;
		return n && (n->object = reference(a, &from->object)) ? a->nothing : NULL;
	case OP_EXTERNAL:		/* what another table has: type and number of arguments */
		return aml_name_parse(a) && fixed(a, 2, &skip) ? a->nothing : NULL;
	case OP_MUTEX: case OP_EVENT:
		n = defined(a);
		if (!n || (op == OP_MUTEX && !fixed(a, 1, &skip)))
			return NULL;
		return define(a, n, op == OP_EVENT ? AML_EVENT : AML_MUTEX) ? a->nothing : NULL;
	case OP_METHOD: return method_term(a);
	case OP_REGION: return region_term(a);
	case OP_FIELD: case OP_INDEX_FIELD: case OP_BANK_FIELD: return field_term(a, op);
	case OP_CREATE_BIT: case OP_CREATE_BYTE: case OP_CREATE_WORD: case OP_CREATE_DWORD: case OP_CREATE_QWORD:
	case OP_CREATE_FIELD: return create_term(a, op);
	default: return scope_term(a, op);
	}
}

/* ---- methods and statements ------------------------------------------------------------------------ */

bool aml_block(struct aml *a, const u8 *end)
{
	const u8 *outer = a->end;
	bool ok = true;

	a->end = end;
	while (ok && a->at < end && a->flow == AML_NEXT)
		ok = aml_term(a);
	a->end = outer;
	a->at = end;
	return ok;
}

/* 5.7.2: we are of the kind of system that firmware was tried with. */
static struct aml_object *osi(struct aml *a, const struct aml_object *o)
{
	return logical(a, o && o->type == AML_STRING && !strncmp((const char *)o->bytes, "Windows ", 8));
}

struct aml_object *aml_call(struct aml *a, struct aml_object *method, struct aml_object **args)
{
	const u8 *at = a->at, *end = a->end;
	struct aml_node *scope = a->scope, *names = method->node->first;
	struct aml_frame *outer = a->frame, *f;
	bool ok;

	if (!method->code)
		return osi(a, args[0]);
	f = aml_alloc(a, sizeof(*f));
	if (!f)
		return NULL;
	memcpy(f->args, args, method->detail * sizeof(*args));
	a->frame = f;
	a->scope = method->node;
	a->scope->first = NULL;
	a->at = method->code;
	a->end = method->code + method->length;
	ok = aml_block(a, a->end);
	/* What it defined in its own scope goes with it. */
	method->node->first = names;
	a->frame = outer;
	a->scope = scope;
	a->at = at;
	a->end = end;
	a->flow = AML_NEXT;
	return !ok ? NULL : f->result ? f->result : a->nothing;
}

static noinline struct aml_object *name_term(struct aml *a)
{
	struct aml_object *o, *args[AML_ARGS] = { NULL };
	struct aml_node *n = named(a);

	if (!n)
		return NULL;
	o = n->object->type == AML_REFERENCE ? *n->object->slot : n->object;	/* an alias */
	if (!o || o->type == AML_REFERENCE)
		return aml_fail(a, "a name without a value");
	if (o->type == AML_FIELD || o->type == AML_BUFFER_FIELD)
		return aml_value(a, o);
	if (o->type != AML_METHOD)
		return o;
	for (u32 i = 0; i < o->detail; i++)
		if (!(args[i] = aml_term(a)))
			return NULL;
	return aml_call(a, o, args);
}

/* Step over an Else, or run it. */
static bool else_block(struct aml *a, bool run)
{
	const u8 *end;

	if (a->at >= a->end || *a->at != OP_ELSE)
		return true;
	a->at++;
	end = package_end(a);
	if (!end)
		return false;
	if (run)
		return aml_block(a, end);
	a->at = end;
	return true;
}

static noinline struct aml_object *while_term(struct aml *a)
{
	const u8 *end = package_end(a), *start = a->at;
	u64 go = end ? 1 : 0;

	while (go && a->flow != AML_RETURN) {
		a->at = start;
		if (!number(a, &go))
			return NULL;
		if (go && !aml_block(a, end))
			return NULL;
		if (a->flow == AML_BREAK)
			go = 0;
		if (a->flow != AML_RETURN)
			a->flow = AML_NEXT;
	}
	a->at = end;
	return end ? a->nothing : NULL;
}

static noinline struct aml_object *statement(struct aml *a, u32 op)
{
	const u8 *end;
	u64 v;

	switch (op) {
	case OP_IF:
		end = package_end(a);
		if (!end || !number(a, &v))
			return NULL;
		if (v && !aml_block(a, end))
			return NULL;
		a->at = end;
		/* The flow of the block that ran goes on, whatever stands behind. */
		return else_block(a, !v) ? a->nothing : NULL;
	case OP_ELSE:
		a->at--;
		return else_block(a, false) ? a->nothing : NULL;
	case OP_WHILE:
		return while_term(a);
	case OP_RETURN:
		if (!a->frame)
			return aml_fail(a, "a return outside a method");
		a->frame->result = aml_term(a);
		a->flow = AML_RETURN;
		return a->frame->result;
	case OP_BREAK:
		a->flow = AML_BREAK;
		return a->nothing;
	default:
		a->flow = AML_CONTINUE;
		return a->nothing;
	}
}

/* ---- operators ------------------------------------------------------------------------------------- */

static noinline struct aml_object *arithmetic(struct aml *a, u32 op)
{
	struct aml_object *rest;
	u64 x, y, v;

	if (!number(a, &x) || !number(a, &y))
		return NULL;
	if ((op == OP_DIVIDE || op == OP_MOD) && !y)
		return aml_fail(a, "a division by zero");
	switch (op) {
	case OP_ADD: v = x + y; break;
	case OP_SUBTRACT: v = x - y; break;
	case OP_MULTIPLY: v = x * y; break;
	case OP_SHIFT_LEFT: v = y < 64 ? x << y : 0; break;
	case OP_SHIFT_RIGHT: v = y < 64 ? x >> y : 0; break;
	case OP_AND: v = x & y; break;
	case OP_NAND: v = ~(x & y); break;
	case OP_OR: v = x | y; break;
	case OP_NOR: v = ~(x | y); break;
	case OP_XOR: v = x ^ y; break;
	case OP_MOD: v = x % y; break;
	default:
		rest = result(a, aml_make_integer(a, x % y));
		if (!rest)
			return NULL;
		v = x / y;
	}
	return result(a, aml_make_integer(a, v));
}

/* Of numbers as numbers, of anything else by its bytes, then by its length (19.6.66 and its like). */
static noinline struct aml_object *compare(struct aml *a, u32 op)
{
	struct aml_object *x = operand(a), *y = x ? operand(a) : NULL;
	u64 m, n;
	int order;

	if (!y)
		return NULL;
	if (x->type == AML_INTEGER || y->type == AML_INTEGER || op < OP_LEQUAL) {
		if (!aml_to_integer(a, x, &m) || !aml_to_integer(a, y, &n))
			return NULL;
		order = m < n ? -1 : m > n;
	} else {
		if ((x->type != AML_BUFFER && x->type != AML_STRING) ||
		    (y->type != AML_BUFFER && y->type != AML_STRING))
			return aml_fail(a, "a comparison of what has no bytes");
		m = x->length;
		n = y->length;
		a->steps += MIN(m, n) / 8;
		order = memcmp(x->bytes, y->bytes, MIN(m, n));
		order = order ? order : m < n ? -1 : m > n;
	}
	switch (op) {
	case OP_LAND: return logical(a, m && n);
	case OP_LOR: return logical(a, m || n);
	case OP_LEQUAL: return logical(a, order == 0);
	case OP_LGREATER: return logical(a, order > 0);
	default: return logical(a, order < 0);
	}
}

/* Operators of two operands whose order is the table's, and what they are made into. */
static noinline struct aml_object *joined(struct aml *a, u32 op)
{
	struct aml_object *x = operand(a), *y = x ? operand(a) : NULL;

	if (!y)
		return NULL;
	return result(a, op == OP_CONCAT ? aml_concatenate(a, x, y) : aml_concatenate_resources(a, x, y));
}

/* Mid, ToString, and the texts of numbers and bytes. */
static noinline struct aml_object *converted(struct aml *a, u32 op)
{
	struct aml_object *o = operand(a);
	u64 first = 0, most = 0;

	if (!o || ((op == OP_MID || op == OP_TO_STRING) && !number(a, &first)) || (op == OP_MID && !number(a, &most)))
		return NULL;
	switch (op) {
	case OP_MID: o = aml_mid(a, o, first, most); break;
	case OP_TO_STRING: o = aml_to_string(a, o, first); break;
	case OP_TO_BUFFER: o = aml_to_buffer(a, o); break;
	default: o = aml_to_text(a, o, op == OP_TO_DECIMAL); break;
	}
	return result(a, o);
}

static noinline struct aml_object *match_term(struct aml *a)
{
	struct aml_object *in = operand(a), *with[2] = { NULL };
	u64 how[2], from;

	for (u32 i = 0; in && i < 2; i++)
		if (!fixed(a, 1, &how[i]) || !(with[i] = operand(a)))
			return NULL;
	return in && number(a, &from) ? aml_match(a, in, how, with, from) : NULL;
}

static noinline struct aml_object *index_term(struct aml *a)
{
	struct aml_object *in = operand(a), *o;
	u64 i;

	if (!in || !number(a, &i))
		return NULL;
	if ((in->type != AML_PACKAGE && in->type != AML_BUFFER && in->type != AML_STRING) || i >= in->length)
		return aml_fail(a, "an index past the end");
	if (in->type == AML_PACKAGE) {
		o = reference(a, &in->elements[i]);
	} else {
		o = aml_make(a, AML_BUFFER_FIELD);
		if (o) {
			o->of = in;
			o->start = 8 * i;
			o->length = 8;
		}
	}
	return result(a, o);
}

/* One operand, a number, and a target. */
static noinline struct aml_object *unary(struct aml *a, u32 op)
{
	struct aml_object *o = operand(a);
	u64 v;

	/* Spelled out, a text is decimal unless it says 0x; elsewhere it is hexadecimal. */
	if (op == OP_TO_INTEGER && o && o->type == AML_STRING) {
		if (parse_u64((const char *)o->bytes, NULL, strncmp((const char *)o->bytes, "0x", 2) ? 10 : 0, &v))
			return aml_fail(a, "a string that is no number");
	} else if (!o || !aml_to_integer(a, o, &v)) {
		return NULL;
	}
	switch (op) {
	case OP_LNOT: return logical(a, !v);
	case OP_STALL: case OP_SLEEP: return a->nothing;	/* nothing here waits for hardware */
	case OP_NOT: v = ~v; break;
	case OP_FIND_LEFT: v = v ? 64 - __builtin_clzll(v) : 0; break;
	case OP_FIND_RIGHT: v = v ? 1 + __builtin_ctzll(v) : 0; break;
	case OP_FROM_BCD: case OP_TO_BCD:
		if (!aml_bcd(a, op == OP_TO_BCD, v, &v))
			return NULL;
		break;
	default: break;						/* ToInteger */
	}
	return result(a, aml_make_integer(a, v));
}

/* Terms of a SuperName. */
static noinline struct aml_object *on_target(struct aml *a, u32 op)
{
	struct aml_target t;
	struct aml_object *o;
	u64 v;

	if (!target(a, &t))
		return NULL;
	o = t.slot && *t.slot ? *t.slot : a->nothing;
	switch (op) {
	case OP_REF_OF:
		return t.slot ? reference(a, t.slot) : aml_fail(a, "a reference to nothing");
	case OP_OBJECT_TYPE:
		return aml_make_integer(a, o->type < AML_SCOPE ? o->type : 0);
	case OP_INCREMENT: case OP_DECREMENT:
		if (!aml_to_integer(a, o, &v))
			return NULL;
		o = aml_make_integer(a, op == OP_INCREMENT ? v + 1 : v - 1);
		return o && aml_store(a, o, t) ? o : NULL;
	case OP_NOTIFY:
		if (!number(a, &v))
			return NULL;
		if (o->type == AML_REFERENCE && *o->slot)
			o = *o->slot;
		if (o->type == AML_DEVICE)
			a->ops->notify(a->ops->arg, o->node, v);
		return a->nothing;
	case OP_ACQUIRE:					/* there is nobody else; the time to wait follows */
		return fixed(a, 2, &v) ? aml_make_integer(a, 0) : NULL;
	case OP_WAIT:
		return number(a, &v) ? aml_make_integer(a, 0) : NULL;
	default:						/* Release, Reset, Signal */
		return a->nothing;
	}
}

static noinline struct aml_object *cond_ref_of(struct aml *a)
{
	const u8 *name = a->at < a->end && aml_name_start(*a->at) ? aml_name_parse(a) : NULL;
	struct aml_node *n = name ? aml_lookup(a, a->scope, name, false) : NULL;
	struct aml_target t;

	if (!name)
		return aml_fail(a, "a reference to no name");
	if (!target(a, &t) || (n && n->object && !aml_store(a, reference(a, &n->object), t)))
		return NULL;
	return logical(a, n && n->object);
}

static noinline struct aml_object *operator(struct aml *a, u32 op)
{
	struct aml_target t;
	struct aml_object *o;

	switch (op) {
	case OP_STORE: case OP_COPY:
		o = aml_term(a);
		if (!o || !target(a, &t))
			return NULL;
		t.named = t.named && op == OP_STORE;
		return aml_store(a, o, t) ? o : NULL;
	case OP_CONCAT: case OP_CONCAT_RES: return joined(a, op);
	case OP_MID: case OP_TO_STRING: case OP_TO_BUFFER: case OP_TO_DECIMAL: case OP_TO_HEX: return converted(a, op);
	case OP_MATCH: return match_term(a);
	case OP_LAND: case OP_LOR: case OP_LEQUAL: case OP_LGREATER: case OP_LLESS: return compare(a, op);
	case OP_NOT: case OP_FIND_LEFT: case OP_FIND_RIGHT: case OP_LNOT: case OP_TO_INTEGER: case OP_STALL:
	case OP_SLEEP: case OP_FROM_BCD: case OP_TO_BCD:
		return unary(a, op);
	case OP_REF_OF: case OP_OBJECT_TYPE: case OP_INCREMENT: case OP_DECREMENT: case OP_NOTIFY: case OP_ACQUIRE:
	case OP_WAIT: case OP_RELEASE: case OP_RESET: case OP_SIGNAL:
		return on_target(a, op);
	case OP_COND_REF_OF: return cond_ref_of(a);
	case OP_INDEX: return index_term(a);
	case OP_DEREF_OF:
		o = aml_term(a);
		if (o && o->type != AML_REFERENCE && o->type != AML_BUFFER_FIELD)
			return aml_fail(a, "no reference to follow");
		return o ? aml_value(a, o) : NULL;
	case OP_SIZE_OF:
		o = operand(a);
		return o ? aml_make_integer(a, o->length) : NULL;
	default: return arithmetic(a, op);
	}
}

static noinline struct aml_object *dispatch(struct aml *a)
{
	struct aml_object **slot;
	u32 op = *a->at;
	u64 v = 0;

	if (aml_name_start(op))
		return name_term(a);
	a->at++;
	if (op == OP_EXT) {
		if (!fixed(a, 1, &v))
			return NULL;
		op = OP_EXT << 8 | v;
	}
	switch (op) {
	case OP_ZERO: case OP_ONE: return aml_make_integer(a, op);
	case OP_ONES: return aml_make_integer(a, ~0ull);
	case OP_REVISION: return aml_make_integer(a, 2);
	case OP_TIMER: return aml_make_integer(a, 0);
	case OP_BYTE: return fixed(a, 1, &v) ? aml_make_integer(a, v) : NULL;
	case OP_WORD: return fixed(a, 2, &v) ? aml_make_integer(a, v) : NULL;
	case OP_DWORD: return fixed(a, 4, &v) ? aml_make_integer(a, v) : NULL;
	case OP_QWORD: return fixed(a, 8, &v) ? aml_make_integer(a, v) : NULL;
	case OP_STRING: return string_term(a);
	case OP_BUFFER: return buffer_term(a);
	case OP_PACKAGE: case OP_VAR_PACKAGE: return package_term(a, op);
	case OP_LOCAL0 ... OP_ARG0 + AML_ARGS - 1:
		slot = variable(a, op);
		return !slot ? NULL : *slot ? *slot : a->nothing;
	case OP_NOOP: case OP_BREAK_POINT: case OP_DEBUG: return a->nothing;
	case OP_IF: case OP_ELSE: case OP_WHILE: case OP_RETURN: case OP_BREAK: case OP_CONTINUE:
		return statement(a, op);
	case OP_ALIAS: case OP_NAME: case OP_EXTERNAL: case OP_SCOPE: case OP_METHOD: case OP_MUTEX: case OP_EVENT:
	case OP_CREATE_BIT: case OP_CREATE_BYTE: case OP_CREATE_WORD: case OP_CREATE_DWORD: case OP_CREATE_QWORD:
	case OP_CREATE_FIELD: case OP_REGION ... OP_BANK_FIELD:
		return definition(a, op);
	case OP_STORE ... OP_MATCH: case OP_OBJECT_TYPE: case OP_LAND ... OP_TO_INTEGER: case OP_TO_STRING ... OP_MID:
	case OP_COND_REF_OF: case OP_STALL ... OP_TO_BCD:
		return operator(a, op);
	case OP_LOAD: case OP_LOAD_TABLE: case OP_UNLOAD:
		return aml_fail(a, "a table that would be loaded later");
	case OP_FATAL:
		return aml_fail(a, "firmware calls it a fatal error");
	default:
		return aml_fail(a, "an operator that we don't have");
	}
}

struct aml_object *aml_term(struct aml *a)
{
	struct aml_object *o;

	if (a->depth >= DEPTH_MAX)
		return aml_fail(a, "terms are nested too deep");
	if (++a->steps > a->steps_max)
		return aml_fail(a, "it takes too many steps");
	if (a->at >= a->end)
		return aml_fail(a, "cut short");
	a->depth++;
	o = dispatch(a);
	a->depth--;
	return a->why ? NULL : o;
}
