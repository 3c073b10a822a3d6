/*
 * The machine language's reader: what operators give, names and scopes, limits, and code that is random.
 *
 * sources: fw/aml*.c
 */
#include "unit.h"
#include "host.h"
#include "firmware.h"
#include "fw/aml.h"

static struct aml *aml;
static struct aml_node *device;		/* \_SB.T */

/* What hardware was told, and says. */
static u64 written, told;
static struct aml_node *notified;

static bool test_read(void *arg, u8 space, u64 address, u32 bytes, u64 *value)
{
	u64 v = 0;

	if (space != AML_SYSTEM_MEMORY)
		return false;
	for (u32 i = 0; i < bytes; i++)
		v |= (u64)(u8)(address + i) << 8 * i;	/* each byte says its address */
	*value = v;
	return true;
}

static bool test_write(void *arg, u8 space, u64 address, u32 bytes, u64 value)
{
	written = value;
	return space == AML_SYSTEM_MEMORY;
}

static void test_notify(void *arg, struct aml_node *node, u64 value)
{
	notified = node;
	told = value;
}

static const struct aml_ops ops = { .read = test_read, .write = test_write, .notify = test_notify };

/* A table with a device T, whose body this is. */
static void load(const char *body)
{
	char source[8192];
	u64 at;

	rom_begin();
	snprintf(source, sizeof(source), "Scope (\\_SB) { Device (T) { Name (_HID, \"TEST0001\")\n%s\n} }", body);
	at = asl_add("DSDT", 2, false, source);
	aml = aml_create();
	aml_set_ops(aml, &ops);
	aml_load(aml, rom_at(at) + 36, rom_tables[0].size - 36, "DSDT", 2);
	device = aml_device_next(aml, NULL);
}

static void unload(void)
{
	aml_destroy(aml);
	aml = NULL;
}

static u64 integer(const char *name)
{
	return aml_integer(aml, device, name, 0xbad);
}

/* Method bodies that end with a value. All of a test are compiled at once, each in a device with names of its own: C00, C01... */
struct given { int line; const char *body; u64 value; };
#define GIVES(body, value) { __LINE__, body, value },

static void gives(const struct given *given, u32 n)
{
	static char source[65536];
	u32 used = 0, failed = 0;
	u64 at;

	for (u32 i = 0; i < n; i++)
		used += snprintf(source + used, sizeof(source) - used, "Scope (\\_SB) { Device (C%02u) { Name (_HID, \"TEST0001\")\n"
				 "Name (P, Package () { 1, \"two\", Buffer () { 3, 4 }, Q }) Name (Q, 0x51) Name (B, Buffer (12) { 1, 2, 3, 4 })\n"
				 "Method (SUM_, 3) { Return (Arg0 + Arg1 + Arg2) } Method (SET_, 2) { Arg0 = Arg1 }\n"
				 "Method (TEST) { %s } } }\n", i, given[i].body);
	REQUIRE(used < sizeof(source));
	rom_begin();
	at = asl_add("DSDT", 2, false, source);
	aml = aml_create();
	aml_set_ops(aml, &ops);
	aml_load(aml, rom_at(at) + 36, rom_tables[0].size - 36, "DSDT", 2);
	device = NULL;
	for (u32 i = 0; i < n; i++) {
		device = aml_device_next(aml, device);
		REQUIRE(device);
		if (integer("TEST") != given[i].value) {
			unit_fail(__FILE__, given[i].line, "%s", given[i].body);
			failed++;
		}
	}
	EXPECT_EQ(failed, 0u);
	unload();
}

#define ALL_GIVE(given) gives(given, ARRAY_SIZE(given))

TEST(operators)
{
	static const struct given all[] = {
		GIVES("Return (7)", 7)
		GIVES("Return (0x123456789abcdef0)", 0x123456789abcdef0)
		GIVES("Local0 = 5 Local1 = Local0 + 4 Return (Local1 * 3)", 27)
		GIVES("Local0 = 3 Return (Local0 - 5)", ~1ull)
		GIVES("Local0 = 100 Divide (Local0, 7, Local1, Local2) Return ((Local1 << 8) | Local2)", 0x20e)
		GIVES("Local0 = 100 Return (Local0 % 7)", 2)
		GIVES("Local0 = 0xf0 Return ((Local0 & 0x3c) ^ (Local0 | 0x0f))", 0x30 ^ 0xff)
		GIVES("Local0 = 1 Return (~Local0)", ~1ull)
		GIVES("Local0 = 64 Local1 = 1 Return (Local1 << Local0)", 0)
		GIVES("Local0 = 0x8000 Return (FindSetLeftBit (Local0) * 100 + FindSetRightBit (Local0))", 1616)
		GIVES("Local0 = 4 Local0++ Local0++ Local0-- Return (Local0)", 5)
		GIVES("Local0 = 4 If (Local0 > 3 && Local0 < 5 || Local0 == 9) { Return (1) } Return (2)", 1)
		GIVES("Local0 = \"abc\" If (Local0 == \"abd\") { Return (1) } ElseIf (Local0 < \"abd\") { Return (2) } Return (3)", 2)
		GIVES("Local0 = ToUUID (\"33db4d5b-1ff7-401c-9657-7441c03dd766\") Return (DerefOf (Local0[0]))", 0x5b)
		GIVES("Local0 = Concatenate (\"abc\", \"de\") Return (SizeOf (Local0))", 5)
		GIVES("Return (SizeOf (P) * 10 + ObjectType (B))", 43)
		GIVES("Return (ToInteger (B) & 0xffffffff)", 0x04030201)
	};

	ALL_GIVE(all);
}

TEST(texts_and_pieces)
{
	static const struct given all[] = {
		GIVES("Local1 = \"abcdef\" Local0 = Mid (Local1, 2, 3) If (Local0 == \"cde\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = Mid (B, 1, 2) Return (DerefOf (Local0[1]) * 16 + SizeOf (Local0))", 0x32)
		GIVES("Local2 = \"abc\" Local0 = Mid (Local2, 9, 9) Local1 = Mid (Local2, 1, 0xffffffffffffffff) Return (SizeOf (Local0) + SizeOf (Local1))", 2)
		GIVES("Local1 = Buffer () { 0x61, 0x62, 0, 0x63 } Local0 = ToString (Local1) If (Local0 == \"ab\") { Return (1) } Return (0)", 1)
		GIVES("Local1 = Buffer () { 0x61, 0x62, 0x63 } Local0 = ToString (Local1, 2) If (Local0 == \"ab\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = 0x1ac If (ToHexString (Local0) == \"0x1AC\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = 428 If (ToDecimalString (Local0) == \"428\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = Buffer () { 1, 0xab } If (ToHexString (Local0) == \"0x01,0xAB\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = Buffer () { 1, 0xab } If (ToDecimalString (Local0) == \"1,171\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = \"12\" Local1 = \"0x12\" Return (ToInteger (Local0) * 100 + ToInteger (Local1))", 1218)
		GIVES("Local0 = 1234 Local1 = 0x5678 Return (ToBCD (Local0) * 0x10000 + FromBCD (Local1))", 0x12340000 + 5678)
		GIVES("Local0 = 0x1A Return (FromBCD (Local0))", 0xbad)
		GIVES("Local1 = \"ab\" Local0 = ToBuffer (Local1) Return (SizeOf (Local0))", 3)
		GIVES("Local0 = 0x1234 Return (ToBuffer (Local0, Local1) + SizeOf (Local1))", 0x123c)
		GIVES("Local0 = 0x1f If (Concatenate (\"x\", Local0) == \"x000000000000001F\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = Buffer () { 1, 2 } If (Concatenate (\"x\", Local0) == \"x01 02\") { Return (1) } Return (0)", 1)
		GIVES("Local0 = 5 Local1 = Concatenate (Local0, 6) Return (SizeOf (Local1) * 16 + DerefOf (Local1[8]))", 16 * 16 + 6)
		GIVES("Local0 = Concatenate (B, \"ab\") Return (SizeOf (Local0))", 15)
		GIVES("Local1 = P Local0 = Concatenate (Local1, B) Return (1)", 0xbad)
		GIVES("Local0 = ResourceTemplate () { Memory32Fixed (ReadOnly, 1, 2) } Local1 = ConcatenateResTemplate (Local0, Local0) "
		      "Return (SizeOf (Local1))", 26)
	};

	ALL_GIVE(all);
}

#define FIND(how, value) GIVES("Name (M, Package () { 3, 9, \"x\", 20, Q, 7 }) Return (Match (M, " how "))", value)
TEST(searches_through_packages)
{
	static const struct given all[] = {
		FIND("MEQ, 20, MTR, 0, 0", 3)
		FIND("MGT, 3, MLT, 20, 0", 1)
		FIND("MGE, 9, MLE, 20, 2", 3)
		FIND("MEQ, 0x51, MTR, 0, 0", 4)
		FIND("MEQ, 3, MTR, 0, 1", ~0ull)
		FIND("MTR, 0, MTR, 0, 5", 5)
		FIND("MTR, 0, MTR, 0, 6", ~0ull)
		FIND("MEQ, \"x\", MTR, 0, 0", 2)
		GIVES("Name (M, Package () { 1, \\_SB.NONE, 5 }) Return (Match (M, MEQ, 5, MTR, 0, 0))", 2)
		GIVES("Return (Match (B, MEQ, 5, MTR, 0, 0))", 0xbad)
	};

	ALL_GIVE(all);
}

/* What is there without what it would do to hardware, and what is not there. */
TEST(operators_that_are_refused)
{
	static const struct given all[] = {
		GIVES("CopyObject (\"text\", Q) Return (ObjectType (Q))", AML_STRING)
		GIVES("Return (ObjectType (P[1]) * 10 + ObjectType (SUM_))", AML_STRING * 10 + AML_METHOD)
		GIVES("Local0 = Timer Return (Timer - Local0)", 0)
		GIVES("Fatal (1, 2, 3) Return (1)", 0xbad)
		GIVES("Load (B, Local0) Return (1)", 0xbad)
	};

	ALL_GIVE(all);
	EXPECT(host_log_has("firmware calls it a fatal error"));
	EXPECT(host_log_has("a table that would be loaded later"));
}

TEST(statements)
{
	static const struct given all[] = {
		GIVES("Local0 = 0 Local1 = 0 While (Local0 < 10) { Local0++ If (Local0 == 3) { Continue } "
		      "If (Local0 == 6) { Break } Local1 += Local0 } Return (Local1)", 1 + 2 + 4 + 5)
		GIVES("Local0 = 2 Switch (Local0) { Case (1) { Return (10) } Case (2) { Return (20) } } Return (30)", 20)
		GIVES("Return (SUM_ (1, SUM_ (2, 3, 4), 5))", 15)
		GIVES("Local0 = 1 While (1) { If (Local0 > 50) { Return (Local0) } Local0 *= 3 }", 81)
		GIVES("If (CondRefOf (Q, Local0)) { Return (DerefOf (Local0)) } Return (0)", 0x51)
		GIVES("If (CondRefOf (\\_SB.NONE)) { Return (1) } Return (2)", 2)
		GIVES("If (_OSI (\"Windows 2015\")) { Return (1) } Return (0)", 1)
		GIVES("If (_OSI (\"Linux\")) { Return (1) } Return (0)", 0)
		GIVES("Acquire (\\_GL, 0xffff) Sleep (100) Release (\\_GL) Return (1)", 1)
	};

	ALL_GIVE(all);
}

TEST(packages_buffers_and_references)
{
	static const struct given all[] = {
		GIVES("Return (DerefOf (P[0]))", 1)
		GIVES("Return (DerefOf (P[3]))", 0x51)
		GIVES("P[0] = 9 Return (DerefOf (P[0]))", 9)
		GIVES("Local0 = P[2] Local1 = DerefOf (Local0) Return (DerefOf (Local1[1]))", 4)
		GIVES("B[1] = 0x77 Return (ToInteger (B) & 0xffff)", 0x7701)
		GIVES("CreateDWordField (B, 4, D4) D4 = 0x11223344 CreateByteField (B, 7, B7) Return (B7)", 0x11)
		GIVES("CreateField (B, 4, 8, F) Return (F)", 0x20)
		GIVES("CreateBitField (B, 1, F) F = 1 Return (DerefOf (B[0]))", 3)
		GIVES("CreateQWordField (B, 4, D4) D4 = 0x1122334455667788 B = Buffer () { 9 } Return (D4)", 0)
		GIVES("SET_ (RefOf (Q), 0x99) Return (Q)", 0x99)
		GIVES("Local0 = RefOf (Q) DerefOf (Local0) = 5 Return (Q)", 5)
		GIVES("Q = \"1F\" Return (Q)", 0x1f)
		GIVES("Name (X, 4) X += 2 Return (X)", 6)
		GIVES("Local0 = B Local0[0] = 9 Return (DerefOf (B[0]))", 1)
	};

	ALL_GIVE(all);
}

TEST(names_are_looked_for_outwards)
{
	load("Name (A, 1) Alias (A, AA) Device (IN) { Name (_HID, \"TEST0002\") Name (_CID, Package () { EisaId (\"PNP0C0C\"), \"XY\" })\n"
	     "Method (UP) { Return (A + ^^A + \\_SB.T.A + AA) } Scope (^^T) { Name (LATE, 7) } }\n"
	     "If (1) { Name (YES, 1) } Else { Name (NO, 1) }");
	EXPECT_EQ(aml_integer(aml, aml_device_next(aml, device), "UP__", 0), 4ull);
	EXPECT_EQ(integer("LATE"), 7ull);
	EXPECT(aml_child(device, "YES_") && !aml_child(device, "NO__"));
	EXPECT(aml_device_is(aml, aml_device_next(aml, device), "PNP0C0C"));
	EXPECT(aml_device_is(aml, aml_device_next(aml, device), "XY"));
	EXPECT(aml_device_is(aml, device, "TEST0001"));
	EXPECT(!aml_device_is(aml, device, "PNP0C0C"));
	EXPECT(aml_device_next(aml, aml_device_next(aml, device)) == NULL);
	unload();
}

TEST(fields_of_hardware)
{
	written = 0;
	load("OperationRegion (R, SystemMemory, 0x40, 0x20) Field (R, DWordAcc, NoLock, Preserve) { F0, 8, , 4, F1, 16, Offset (0x10), F2, 64 }\n"
	     "OperationRegion (S, SystemIO, 0x40, 0x20) Field (S, ByteAcc, NoLock, Preserve) { F3, 8 }\n"
	     "IndexField (F0, F1, ByteAcc, NoLock, Preserve) { F4, 8, , 8, Offset (0x20), F6, 16 }\n"
	     "BankField (R, F0, 3, ByteAcc, NoLock, Preserve) { AccessAs (WordAcc, 0), F7, 16, F8, 4 }\n"
	     "Field (R, ByteAcc, NoLock, Preserve) { Offset (0x1f), F5, 16 }\n"
	     "Method (INTO) { F6 = 5 Return (1) }\n"
	     "Method (PUSH) { F0 = 0x12 Notify (T, 0x81) Return (1) }");
	EXPECT_EQ(integer("F0__"), 0x40ull);
	EXPECT_EQ(integer("F1__"), 0x3424ull);
	EXPECT_EQ(integer("F2__"), 0x5756555453525150ull);
	EXPECT_EQ(integer("F3__"), 0xbadull);		/* ports */
	EXPECT_EQ(integer("F5__"), 0xbadull);		/* past the region */
	/* An index or a bank register would have to be written: each says so, and what stands behind it is read as ever. */
	for (u32 i = 0; i < 4; i++) {
		static const char *const names[] = { "F4__", "F6__", "F7__", "F8__" };
		char line[96];

		EXPECT_EQ(integer(names[i]), 0xbadull);
		snprintf(line, sizeof(line), "T___.%s is not evaluated: a field behind a register that would have to be written", names[i]);
		EXPECT(host_log_has(line));
	}
	EXPECT_EQ(integer("INTO"), 0xbadull);
	EXPECT_EQ(written, 0ull);
	EXPECT_EQ(integer("PUSH"), 1ull);
	EXPECT_EQ(written, 0x12ull);
	EXPECT(notified == device);
	EXPECT_EQ(told, 0x81ull);
	unload();
}

TEST(resources)
{
	struct aml_resource r;
	u32 at = 0, nth = 0;
	const struct aml_object *crs;

	load("Name (_CRS, ResourceTemplate () { IO (Decode16, 0xCF8, 0xCF8, 1, 8) Memory32Fixed (ReadOnly, 0x1000, 0x200)\n"
	     "Interrupt (ResourceConsumer, Edge, ActiveLow, Shared) { 40, 41 }\n"
	     "ExtendedMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 0x100000000, 0x1ffffffff, 0x10, 0x100000000)\n"
	     "VendorLong () { 1, 2, 3 } })");
	crs = aml_evaluate(aml, device, "_CRS", NULL, 0);
	REQUIRE(aml_resource_next(crs, &at, &nth, &r));
	EXPECT_EQ(r.kind, AML_RES_IO);
	EXPECT(!r.producer);
	REQUIRE(aml_resource_next(crs, &at, &nth, &r));
	EXPECT_EQ(r.kind, AML_RES_MEMORY);
	EXPECT_EQ(r.length, 0x200ull);
	REQUIRE(aml_resource_next(crs, &at, &nth, &r));
	EXPECT_EQ(r.first, 40ull);
	REQUIRE(aml_resource_next(crs, &at, &nth, &r));
	EXPECT_EQ(r.first, 41ull);
	EXPECT_EQ(r.trigger, IRQ_EDGE_FALLING);
	REQUIRE(aml_resource_next(crs, &at, &nth, &r));
	EXPECT_EQ(r.first, 0x100000000ull);
	EXPECT_EQ(r.translation, 0x10ull);
	EXPECT(r.producer);
	EXPECT(!aml_resource_next(crs, &at, &nth, &r));
	unload();
}

/* Each ends by its limit, says so, and costs nobody else anything. */
TEST(limits)
{
	static const char *const endless[] = {
		"Method (BAD, 0, Serialized) { While (1) { } }",
		"Method (BAD) { Return (BAD ()) }",
		"Method (BAD) { Local0 = Buffer (0x100000) {} While (1) { Local1 = Local0 } }",
		"Method (BAD) { Local0 = 0x7fffffff Local1 = Buffer (Local0) {} Return (1) }",
		"Name (BB, Buffer (0x80000) {}) Method (BAD) { While (1) { BB = Buffer () { 1 } } }",
		"Method (BAD) { Local0 = 5 Local1 = 0 Return (Local0 / Local1) }",
		"Name (PP, Package () { 1 }) Method (BAD) { Local0 = 3 Return (DerefOf (PP[Local0])) }",
	};

	for (u32 i = 0; i < ARRAY_SIZE(endless); i++) {
		char body[512];

		snprintf(body, sizeof(body), "%s Method (GOOD) { Local0 = Buffer (0x1000) {} Return (SizeOf (Local0)) }", endless[i]);
		load(body);
		EXPECT_EQ(integer("BAD_"), 0xbadull);
		EXPECT(host_log_has("T___.BAD_ is not evaluated"));
		EXPECT_EQ(integer("GOOD"), 0x1000ull);
		unload();
	}
}

TEST(a_broken_block_costs_no_more_than_itself)
{
	u8 *p, *end;

	load("Name (A, 1) Device (D) { Name (_HID, \"TEST0002\") Name (X, 0x11223344) } Name (Z, 2)");
	unload();
	/* The number in the inner device gets an operator that there is not. */
	p = rom_at(rom_tables[0].at);
	for (end = p + rom_tables[0].size - 5; p < end && memcmp(p, "\x0c\x44\x33\x22\x11", 5); p++)
		;
	REQUIRE(p < end);
	*p = 0x3f;
	aml = aml_create();
	aml_load(aml, rom_at(rom_tables[0].at) + 36, rom_tables[0].size - 36, "DSDT", 2);
	device = aml_device_next(aml, NULL);
	EXPECT(host_log_has("the rest of a block is left out: an operator that we don't have"));
	EXPECT_EQ(integer("A___"), 1ull);
	EXPECT_EQ(integer("Z___"), 2ull);
	EXPECT(aml_device_is(aml, aml_device_next(aml, device), "TEST0002"));
	unload();
}

/* Everything that a namespace is asked, whatever is in it, within so many steps: a loop without end is none of a thousand others. */
static void ask(const u8 *code, size_t size, u32 steps)
{
	static const char *const names[] = { "_STA", "_CRS", "TEST", "_PRT", "_EVT" };
	u8 *copy = malloc(size);		/* so that a look past its end is seen */
	u64 arg = 41;

	memcpy(copy, code, size);
	aml = aml_create();
	aml->budget = MIN(steps, aml->budget);
	aml_set_ops(aml, &ops);
	aml_load(aml, copy, size, "DSDT", 2);
	for (device = NULL; (device = aml_device_next(aml, device));)
		for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
			const struct aml_object *o = aml_evaluate(aml, device, names[i], &arg, 1);
			struct aml_resource r;
			u32 at = 0, nth = 0;

			while (aml_resource_next(o, &at, &nth, &r))
				;
			for (u32 k = 0; o && o->type == AML_PACKAGE && k < o->length; k++)
				aml_named(aml, o->elements[k]);
			aml_device_is(aml, device, "PNP0A08");
			aml_device_present(aml, device);
		}
	unload();
	free(copy);
}

TEST(random_changes_of_code)
{
	static u8 code[65536];
	u32 size;

	load("OperationRegion (R, SystemMemory, 0x40, 0x20) Field (R, DWordAcc, NoLock, Preserve) { F0, 8, F1, 16 }\n"
	     "IndexField (F0, F1, ByteAcc, NoLock, Preserve) { F2, 8 } BankField (R, F0, 3, ByteAcc, NoLock, Preserve) { F3, 4 }\n"
	     "Method (_PRT) { If (F1 == 1) { F2 = F3 } Return (F1) }\n"
	     "Name (P, Package () { 1, \"two\", Buffer () { 3, 4 }, T, Package () { 5 } }) Name (B, Buffer (12) { 1, 2, 3, 4 })\n"
	     "Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0x1000, 0x200) Interrupt (ResourceConsumer, Edge, ActiveLow) { 40, 41 }\n"
	     "QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 1, 2, 0, 2) })\n"
	     "Device (D) { Name (_HID, EisaId (\"PNP0A08\")) Method (_STA) { Return (F0) } Alias (P, _PRT) }\n"
	     "Method (_EVT, 1) { Local0 = F1 While (Local0 > 3) { Local0 -= 7 If (Local0 & 1) { Continue } B[Local0 & 7] = Local0 }\n"
	     "CreateDWordField (B, 2, W) W = Arg0 Notify (D, W) Local1 = Concatenate (ToHexString (B), Mid (B, 2, 3)) Local2 = Match (P, MEQ, W, MGT, 3, 1)\n"
	     "Local3 = ToString (B, 3) Local4 = ToBCD (Local0) Return (Concatenate (B, ToDecimalString (Local1))) }\n"
	     "Method (TEST) { Local0 = RefOf (P) Local1 = DerefOf (P[0]) Name (X, Buffer (Local1 + 3) {}) X[0] = 4\n"
	     "Switch (Local1) { Case (1) { Return (_EVT (3)) } Default { Return (P) } } }\n"
	     "PowerResource (PW, 0, 0) { Method (_ON) {} } Mutex (M, 0) Event (E) Method (SET_, 2) { Arg0 = Arg1 }");
	unload();
	size = rom_tables[0].size - 36;
	memcpy(code, rom_at(rom_tables[0].at) + 36, size);
	ask(code, size, ~0u);
	for (u32 i = 0; i < 10000; i++) {
		static u8 changed[65536];
		u32 n = size, changes = 1 + unit_random_below(8);

		memcpy(changed, code, size);
		while (changes--) {
			u32 at = unit_random_below(n), from = unit_random_below(n), len = MIN(1 + unit_random_below(8), n - MAX(at, from));

			switch (unit_random_below(5)) {
			case 0: changed[at] = unit_random(); break;
			case 1: changed[at] ^= 1 << unit_random_below(8); break;
			case 2: memmove(changed + at, changed + from, len); break;
			case 3: changed[at] = "\x00\x01\xff\x10\x11\x12\x14\x5b\x60\x68\x70\x83\x88\xa0\xa1\xa2\xa4"[unit_random_below(17)]; break;
			default: n = MAX(n - unit_random_below(4), 16u);
			}
		}
		ask(changed, n, 10000);
	}
}
