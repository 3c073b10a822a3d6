/*
 * ACPI: struct platform from tables as QEMU's virt, Parallels Desktop and VMware Fusion have them, and from
 * tables that are broken in each way that we could think of, and in tens of thousands of others.
 *
 * sources: fw/acpi*.c fw/aml*.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "firmware.h"
#include "mm/slab.h"

struct platform platform = { .model = "", .bootargs = "" };

static void forget(void)
{
	if (platform.model[0])
		kfree((void *)platform.model);
	for (u32 i = 0; i < platform.pci_count; i++) {
		kfree(platform.pci[i].windows);
		kfree(platform.pci[i].intx);
		kfree(platform.pci[i].msi);
	}
	kfree(platform.cpus);
	kfree(platform.gic.redist);
	kfree(platform.v2m);
	kfree(platform.its);
	kfree(platform.pci);
	platform = (struct platform){ .model = "", .bootargs = "" };
}

/* ---- machines ---- */

#define HOST_HEAD(name, bus) "Device (" name ") { Name (_HID, \"PNP0A08\") Name (_CID, \"PNP0A03\") Name (_SEG, 0) " \
	"Name (_BBN, " bus ") Name (_UID, 0) Name (_CCA, 1)\n"
#define HOST_CRS "Name (_CRS, ResourceTemplate () {\n" \
	"WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)\n" \
	"DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0x10000000, 0x3EFEFFFF, 0, 0x2EFF0000)\n" \
	"DWordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0xFFFF, 0x3EFF0000, 0x10000)\n" \
	"QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, ReadWrite, 0, 0x8000000000, 0xFFFFFFFFFF, 0, 0x8000000000)\n" \
	"})\n"
#define LINK(name, uid, gsi) "Device (" name ") { Name (_HID, \"PNP0C0F\") Name (_UID, " uid ")\n" \
	"Name (_PRS, ResourceTemplate () { Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { " gsi " } })\n" \
	"Name (_CRS, ResourceTemplate () { Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { " gsi " } })\n" \
	"Method (_SRS, 1) {} }\n"
#define LINKS LINK("GSI0", "0", "35") LINK("GSI1", "1", "36") LINK("GSI2", "2", "37") LINK("GSI3", "3", "38")
#define PRT_ROW(slot, pin, link) "Package () { " slot "FFFF, " pin ", " link ", 0 },\n"
#define PRT_LINKS "Name (_PRT, Package () {\n" \
	PRT_ROW("0x0000", "0", "GSI0") PRT_ROW("0x0000", "1", "GSI1") PRT_ROW("0x0000", "2", "GSI2") PRT_ROW("0x0000", "3", "GSI3") \
	PRT_ROW("0x0001", "0", "GSI1") PRT_ROW("0x001F", "3", "GSI2") "})\n"
#define OSC "Name (SUPP, 0) Name (CTRL, 0) Method (_OSC, 4) { CreateDWordField (Arg3, 0, CDW1)\n" \
	"If (Arg0 == ToUUID (\"33db4d5b-1ff7-401c-9657-7441c03dd766\")) { CreateDWordField (Arg3, 4, CDW2) " \
	"CreateDWordField (Arg3, 8, CDW3) SUPP = CDW2 CTRL = CDW3 CTRL &= 0x1F If (Arg1 != 1) { CDW1 |= 8 } CDW3 = CTRL " \
	"Return (Arg3) } Else { CDW1 |= 4 Return (Arg3) } }\n"
#define EVENTS "Device (GED) { Name (_HID, \"ACPI0013\") Name (_UID, \"GED\")\n" \
	"Name (_CRS, ResourceTemplate () { Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 41 } })\n" \
	"OperationRegion (EREG, SystemMemory, 0x9080000, 4) Field (EREG, DWordAcc, NoLock, WriteAsZeros) { ESEL, 32 }\n" \
	"Method (_EVT, 1, Serialized) { Local0 = ESEL If ((Local0 & 2) == 2) { Notify (PWRB, 0x80) } } }\n" \
	"Device (PWRB) { Name (_HID, \"PNP0C0C\") Name (_UID, 0) }\n"
#define UART_DEVICE "Device (COM0) { Name (_HID, \"ARMH0011\") Name (_UID, 0) Name (_CRS, ResourceTemplate () {\n" \
	"Memory32Fixed (ReadWrite, 0x9000000, 0x1000)\n" \
	"Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 33 } }) }\n"
#define VIRT "Scope (\\_SB) { Device (C000) { Name (_HID, \"ACPI0007\") Name (_UID, 0) }\n" UART_DEVICE \
	HOST_HEAD("PCI0", "0") PRT_LINKS LINKS "Method (_CBA) { Return (0x4010000000) }\n" HOST_CRS OSC "}\n" EVENTS "}"

/* QEMU's virt. its, frame: with them. */
static void virt_with(u8 version, u32 cpus, bool frame, bool its, const char *code)
{
	struct bytes m, mcfg = { .used = 0 };

	rom_begin();
	madt_begin(&m);
	madt_gicd(&m, 0x8000000, version);
	for (u32 i = 0; i < cpus; i++)
		madt_gicc(&m, i, 1, version == 2 ? 0x8010000 : 0, 0, i);
	if (version == 3)
		madt_gicr(&m, 0x80a0000, 0xf60000);
	if (frame)
		madt_frame(&m, 0x8020000, 1, 64, 80);
	if (its)
		madt_its(&m, 0, 0x8080000);
	madt_add(&m);
	gtdt_add(0);
	spcr_add(3, 0x9000000, 33);
	mcfg_entry(&mcfg, 0x4010000000ull, 0, 0, 255);
	mcfg_add(&mcfg);
	fadt_add(asl_add("DSDT", 2, false, code), 3);
}

static void virt(u8 version, u32 cpus, bool frame, bool its)
{
	virt_with(version, cpus, frame, its, VIRT);
}

/* IORT: an ITS group with one ID, then what the test adds. Offsets of nodes count from the table's start. */
static void iort_begin(struct bytes *b, u32 nodes, u32 its)
{
	b->used = 0;
	b32(b, nodes); b32(b, 48); b32(b, 0);
	b8(b, 0); b16(b, 24); b8(b, 1); b32(b, 0); b32(b, 0); b32(b, 0); b32(b, 1); b32(b, its);
}

/* A root complex (kind 2) or an SMMUv3 (kind 4) with so many mappings behind it. */
static u32 iort_node(struct bytes *b, u8 kind, u32 segment, u32 mappings)
{
	u32 at = 36 + b->used, size = kind == 2 ? 36 : 68;

	b8(b, kind); b16(b, size + 20 * mappings); b8(b, 1); b32(b, 0); b32(b, mappings); b32(b, size);
	for (u32 i = 16; i < size; i += 4)
		b32(b, kind == 2 && i == 28 ? segment : 0);
	return at;
}

static void iort_map(struct bytes *b, u32 in, u32 count, u32 out, u32 node, u32 flags)
{
	b32(b, in); b32(b, count - 1); b32(b, out); b32(b, node); b32(b, flags);
}

static void iort_virt(u32 its)
{
	struct bytes b;

	iort_begin(&b, 2, its);
	iort_node(&b, 2, 0, 1);
	iort_map(&b, 0, 0x10000, 0, 48, 0);
	table_add("IORT", 3, b.at, b.used, true);
}

static const struct platform_pci_intx *intx(const struct platform_pci *p, u32 slot, u32 pin)
{
	for (u32 i = 0; i < p->intx_count; i++)
		if (p->intx[i].devfn_mask_slot == (slot & p->intx_slot_mask) && p->intx[i].pin == pin)
			return &p->intx[i];
	return NULL;
}

TEST(every_field_of_virt_with_gicv2)
{
	const struct platform_pci *pci;

	virt(2, 4, true, false);
	iort_virt(0);			/* names an ITS that is not there, as QEMU's does */
	root_add(true, false);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	EXPECT_STR(platform.model, "DUNLIN TESTS");
	EXPECT_EQ(platform.cpu_count, 4u);
	EXPECT_EQ(platform.cpus[3].mpidr, 3ull);
	EXPECT_STR(platform.cpus[3].enable_method, "psci");
	EXPECT_EQ(platform.gic.version, 2);
	EXPECT_EQ(platform.gic.dist.base, 0x8000000ull);
	EXPECT_EQ(platform.gic.cpu.base, 0x8010000ull);
	EXPECT_EQ(platform.gic.cpu.size, 0x2000ull);
	EXPECT_EQ(platform.gic.redist_count, 0u);
	REQUIRE(platform.v2m_count == 1);
	EXPECT_EQ(platform.v2m[0].reg.base, 0x8020000ull);
	EXPECT_EQ(platform.v2m[0].spi_base, 80u);
	EXPECT_EQ(platform.v2m[0].spi_count, 64u);
	EXPECT_EQ(platform.its_count, 0u);
	EXPECT_EQ(platform.timer.virt_intid, 27u);
	EXPECT_EQ(platform.timer.phys_intid, 30u);
	EXPECT_EQ(platform.timer.trigger, IRQ_LEVEL_HIGH);
	EXPECT(platform.uart.present);
	EXPECT_EQ(platform.uart.reg.base, 0x9000000ull);
	EXPECT_EQ(platform.uart.intid, 33u);
	EXPECT(platform.psci.present && platform.psci.hvc);
	EXPECT(platform.power_button.present);
	EXPECT_EQ(platform.power_button.intid, 41u);
	EXPECT_EQ(platform.power_button.trigger, IRQ_EDGE_RISING);
	EXPECT_EQ(platform.power_button.reg.base, 0x9080000ull);
	EXPECT_EQ(platform.power_button.reg.size, 4ull);
	EXPECT_EQ(platform.power_button.mask, 2ull);

	REQUIRE(platform.pci_count == 1);
	pci = &platform.pci[0];
	EXPECT_EQ(pci->ecam.base, 0x4010000000ull);
	EXPECT_EQ(pci->ecam.size, 0x10000000ull);
	EXPECT_EQ(pci->bus_last, 255);
	EXPECT(pci->coherent);
	REQUIRE(pci->window_count == 3);
	EXPECT_EQ(pci->windows[0].kind, 1);
	EXPECT_EQ(pci->windows[0].cpu, 0x3eff0000ull);
	EXPECT_EQ(pci->windows[0].pci, 0ull);
	EXPECT_EQ(pci->windows[0].size, 0x10000ull);
	EXPECT_EQ(pci->windows[1].kind, 2);
	EXPECT_EQ(pci->windows[1].size, 0x2eff0000ull);
	EXPECT_EQ(pci->windows[2].kind, 3);
	EXPECT(pci->windows[2].prefetch && !pci->windows[1].prefetch);
	EXPECT_EQ(pci->intx_count, 6u);
	REQUIRE(intx(pci, 0, 1) && intx(pci, 1, 1) && intx(pci, 31, 4) && !intx(pci, 2, 1));
	EXPECT_EQ(intx(pci, 0, 1)->intid, 35u);
	EXPECT_EQ(intx(pci, 1, 1)->intid, 36u);
	EXPECT_EQ(intx(pci, 31, 4)->intid, 37u);
	EXPECT_EQ(intx(pci, 31, 4)->trigger, IRQ_LEVEL_HIGH);
	REQUIRE(pci->msi_count == 1);
	EXPECT_EQ(pci->msi[0].ref, platform.v2m[0].ref);
	EXPECT_EQ(pci->msi[0].count, PLATFORM_RIDS);
	forget();
}

TEST(virt_with_gicv3_and_its)
{
	virt(3, 2, false, true);
	iort_virt(0);
	root_add(true, true);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	EXPECT_EQ(platform.gic.version, 3);
	EXPECT_EQ(platform.gic.dist.size, 0x10000ull);
	REQUIRE(platform.gic.redist_count == 1);
	EXPECT_EQ(platform.gic.redist[0].base, 0x80a0000ull);
	EXPECT_EQ(platform.gic.redist[0].size, 0xf60000ull);
	REQUIRE(platform.its_count == 1 && platform.pci_count == 1 && platform.pci[0].msi_count == 1);
	EXPECT_EQ(platform.its[0].reg.base, 0x8080000ull);
	EXPECT_EQ(platform.pci[0].msi[0].ref, platform.its[0].ref);
	EXPECT_EQ(platform.v2m_count, 0u);
	forget();
}

TEST(virt_with_gicv3_alone)
{
	virt(3, 1, false, false);
	root_add(true, false);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	EXPECT_EQ(platform.its_count, 0u);
	EXPECT_EQ(platform.v2m_count, 0u);
	REQUIRE(platform.pci_count == 1);
	EXPECT_EQ(platform.pci[0].msi_count, 0u);
	EXPECT_EQ(platform.pci[0].intx_count, 6u);
	forget();
}

/* Redistributors by each CPU's entry, a frame of messages beside a GICv3, INTx by number, no SPCR. */
TEST(the_shape_of_parallels)
{
	struct bytes m, mcfg = { .used = 0 };

	rom_begin();
	madt_begin(&m);
	for (u32 i = 0; i < 2; i++)
		madt_gicc(&m, i, 1, 0, 0x2500000 + i * 0x20000, i << 8);
	madt_gicc(&m, 2, 8, 0, 0x2540000, 0x200);	/* could be added */
	madt_gicc(&m, 3, 0, 0, 0x2560000, 0x300);	/* is not there */
	madt_gicd(&m, 0x2010000, 0);
	madt_frame(&m, 0x2250000, 1, 64, 53);
	madt_add(&m);
	gtdt_add(0);
	mcfg_entry(&mcfg, 0x2300000, 0, 0, 0);
	mcfg_add(&mcfg);
	fadt_add(asl_add("DSDT", 2, false, "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "0")
		"Name (_PRT, Package () { Package () { 0x0003FFFF, 0, 0, 70 }, Package () { 0x0004FFFF, 2, 0, 71 } })\n"
		HOST_CRS "} " UART_DEVICE "}"), 1);
	root_add(true, false);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	EXPECT_EQ(platform.gic.version, 3);
	REQUIRE(platform.gic.redist_count == 2);
	EXPECT_EQ(platform.gic.redist[1].base, 0x2520000ull);
	EXPECT_EQ(platform.gic.redist[1].size, 0x20000ull);
	REQUIRE(platform.cpu_count == 2);
	EXPECT_EQ(platform.cpus[1].mpidr, 0x100ull);
	EXPECT(host_log_has("1 CPUs more"));
	REQUIRE(platform.v2m_count == 1);
	EXPECT_EQ(platform.v2m[0].spi_base, 53u);
	EXPECT(platform.psci.present && !platform.psci.hvc);
	EXPECT(platform.uart.present);			/* by its device alone */
	EXPECT_EQ(platform.uart.reg.size, 0x1000ull);
	EXPECT_EQ(platform.uart.intid, 33u);
	REQUIRE(platform.pci_count == 1 && platform.pci[0].intx_count == 2);
	EXPECT_EQ(platform.pci[0].ecam.base, 0x2300000ull);
	EXPECT_EQ(platform.pci[0].bus_last, 0);
	REQUIRE(intx(&platform.pci[0], 4, 3));
	EXPECT_EQ(intx(&platform.pci[0], 4, 3)->intid, 71u);
	EXPECT_EQ(platform.pci[0].msi[0].ref, platform.v2m[0].ref);
	EXPECT(!platform.power_button.present);
	forget();
}

/* CPUs that are started by the parking protocol, or in no way that is told of, are listed as such; PSCI comes first. */
TEST(without_psci)
{
	struct bytes m;

	for (u16 psci = 0; psci < 2; psci++) {
		rom_begin();
		madt_begin(&m);
		madt_gicd(&m, 0x8000000, 2);
		for (u32 i = 0; i < 3; i++) {
			madt_gicc(&m, i, 1, 0x8010000, 0, i);
			if (i == 1)
				madt_parked(&m, 0x43210000);
		}
		madt_add(&m);
		gtdt_add(2);
		fadt_add(asl_add("DSDT", 2, false, ""), psci);
		root_add(true, false);
		REQUIRE(platform_from_acpi(rsdp_at) == 0);
		REQUIRE(platform.cpu_count == 3);
		EXPECT_EQ(platform.psci.present, psci);
		EXPECT_STR(platform.cpus[1].enable_method, psci ? "psci" : "parking-protocol");
		EXPECT(psci ? !strcmp(platform.cpus[2].enable_method, "psci") : !platform.cpus[2].enable_method);
		forget();
	}
}

/* Several ITSs and hosts, redistributor regions, requesters by way of an SMMU. */
TEST(the_shape_of_fusion_with_two_hosts)
{
	struct bytes m, mcfg = { .used = 0 }, b;
	const struct platform_pci *p;
	u32 smmu;

	rom_begin();
	madt_begin(&m);
	madt_gicd(&m, 0x10000000, 3);
	madt_gicc(&m, 0, 1, 0, 0, 0x80000000);
	madt_gicr(&m, 0x10100000, 0x40000);
	madt_gicr(&m, 0x4010100000ull, 0x40000);
	madt_its(&m, 5, 0x10080000);
	madt_its(&m, 9, 0x100a0000);
	madt_add(&m);
	gtdt_add(3);
	spcr_add(0x0e, 0x12000000, 40);
	mcfg_entry(&mcfg, 0xe0000000, 0, 0, 63);
	mcfg_entry(&mcfg, 0x5000000000ull, 1, 16, 31);
	mcfg_add(&mcfg);
	iort_begin(&b, 4, 9);
	smmu = iort_node(&b, 4, 0, 3);
	iort_map(&b, 0, 0x100, 0x40000, 48, 0);
	iort_map(&b, 0x200, 0x100, 0x50000, 48, 0);
	iort_map(&b, 0, 1, 0x99, 48, 1);		/* its own interrupts */
	iort_node(&b, 2, 0, 2);
	iort_map(&b, 0x000, 0x80, 0x1000, 48, 0);
	iort_map(&b, 0x080, 0x300, 0x80, smmu, 0);
	iort_node(&b, 2, 1, 1);
	iort_map(&b, 0x1000, 0x1000, 0, 48, 0);
	table_add("IORT", 3, b.at, b.used, true);
	fadt_add(asl_add("DSDT", 2, false, "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "0") HOST_CRS "} }"), 0);
	asl_add("SSDT", 2, true, "Scope (\\_SB) { Device (PCI1) { Name (_HID, EisaId (\"PNP0A03\")) Name (_SEG, 1) Name (_BBN, 16)\n"
		"Method (_STA) { Return (SIZE (0x0f)) } Method (SIZE, 1) { Return (Arg0) }\n"
		"Method (_CRS) { Name (BUF, ResourceTemplate () {\n"
		"WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0x10, 0x1F, 0, 0x10)\n"
		"QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0, 0, 0, 0, , , MEM) })\n"
		"CreateQWordField (BUF, MEM._MIN, LOW) CreateQWordField (BUF, MEM._MAX, HIGH) CreateQWordField (BUF, MEM._LEN, SIZ)\n"
		"LOW = 0x6000000000 HIGH = LOW + 0x3fffffff SIZ = HIGH - LOW + 1 Return (BUF) }\n"
		"Method (_PRT) { Local0 = Package (2) {} Local0[0] = Package () { 0xFFFF, 0, 0, 90 } Return (Local0) } }\n"
		"Device (PCI2) { Name (_HID, EisaId (\"PNP0A03\")) Name (_SEG, 1) Name (_STA, 0) } }");
	root_add(true, false);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	EXPECT_EQ(platform.gic.redist_count, 2u);
	EXPECT_EQ(platform.its_count, 2u);
	EXPECT_EQ(platform.timer.trigger, IRQ_EDGE_FALLING);
	EXPECT(platform.uart.present);
	EXPECT(!platform.psci.present);
	REQUIRE(platform.pci_count == 2);
	p = &platform.pci[0];
	EXPECT_EQ(p->bus_last, 63);			/* what the MCFG has */
	REQUIRE(p->msi_count == 3);
	EXPECT_EQ(p->msi[0].id_base, 0x1000u);
	EXPECT_EQ(p->msi[0].ref, 0x100a0000ull);
	EXPECT_EQ(p->msi[1].rid_base, 0x80u);
	EXPECT_EQ(p->msi[1].count, 0x80u);
	EXPECT_EQ(p->msi[1].id_base, 0x40080u);
	EXPECT_EQ(p->msi[2].rid_base, 0x200u);
	EXPECT_EQ(p->msi[2].count, 0x100u);
	EXPECT_EQ(p->msi[2].id_base, 0x50000u);
	p = &platform.pci[1];
	EXPECT_EQ(p->segment, 1);
	EXPECT_EQ(p->bus_first, 16);
	EXPECT_EQ(p->bus_last, 31);
	EXPECT_EQ(p->ecam.base, 0x5001000000ull);
	REQUIRE(p->window_count == 1 && p->intx_count == 1 && p->msi_count == 1);
	EXPECT_EQ(p->windows[0].cpu, 0x6000000000ull);
	EXPECT_EQ(p->windows[0].size, 0x40000000ull);
	EXPECT_EQ(p->intx[0].intid, 90u);
	EXPECT(!p->coherent);
	forget();
}

/* Bridges with tables of their own, as VMware's and servers' firmware has them. */
TEST(wires_behind_bridges)
{
	const struct platform_pci_intx *x;
	struct bytes m, mcfg = { .used = 0 };

	rom_begin();
	madt_begin(&m);
	madt_gicd(&m, 0x8000000, 2);
	madt_gicc(&m, 0, 1, 0x8010000, 0, 0);
	madt_add(&m);
	mcfg_entry(&mcfg, 0x4010000000ull, 0, 0, 255);
	mcfg_add(&mcfg);
	fadt_add(asl_add("DSDT", 2, false, "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "0") PRT_LINKS LINKS HOST_CRS
		"Device (PE40) { Name (_ADR, 0x00150000) Name (_PRT, Package () { Package () { 0xFFFF, 0, 0, 70 }, Package () { 0xFFFF, 1, GSI1, 0 } })\n"
		"  Device (S1) { Name (_ADR, 0x00020001) Method (_PRT) { Return (Package () { Package () { 0x0003FFFF, 3, 0, 71 } }) } } }\n"
		"Device (GONE) { Name (_ADR, 0x00160000) Name (_STA, 0) Name (_PRT, Package () { Package () { 0xFFFF, 0, 0, 72 } }) }\n"
		"Device (LOST) { Name (_PRT, Package () { Package () { 0xFFFF, 0, 0, 73 } }) }\n"
		"}\nDevice (AFTR) { Name (_ADR, 0x00170000) Name (_PRT, Package () { Package () { 0xFFFF, 0, 0, 74 } }) } }"), 3);
	root_add(true, false);
	REQUIRE(platform_from_acpi(rsdp_at) == 0);
	REQUIRE(platform.pci_count == 1 && platform.pci[0].intx_count == 9);
	x = &platform.pci[0].intx[5];
	EXPECT_EQ(x->depth, 0);
	EXPECT_EQ(x[1].depth, 1);
	EXPECT_EQ(x[1].bridges[0], 0x15 << 3);
	EXPECT_EQ(x[1].intid, 70u);
	EXPECT_EQ(x[2].intid, 36u);
	EXPECT_EQ(x[3].depth, 2);
	EXPECT_EQ(x[3].bridges[0], 0x15 << 3);
	EXPECT_EQ(x[3].bridges[1], 2 << 3 | 1);
	EXPECT_EQ(x[3].devfn_mask_slot, 3u);
	EXPECT_EQ(x[3].pin, 4u);
	EXPECT_EQ(x[3].intid, 71u);
	EXPECT(host_log_has("LOST has wires, but no place that can be told: left out"));
	forget();
}

/* ---- what a panic asks ---- */

static u64 table_of(const char *signature)
{
	for (u32 i = 0; i < rom_table_count; i++)
		if (!memcmp(rom_at(rom_tables[i].at), signature, 4))
			return rom_tables[i].at;
	abort();
}

TEST(what_is_asked_before_there_is_memory)
{
	u64 base = 0, ecam = 0, live = host_alloc_live();
	bool hvc = false;

	virt(2, 1, true, false);
	root_add(false, true);
	EXPECT(acpi_console(rsdp_at, rom_map, &base));
	EXPECT_EQ(base, 0x9000000ull);
	EXPECT(acpi_psci(rsdp_at, rom_map, &hvc) && hvc);
	EXPECT(acpi_ecam(rsdp_at, rom_map, &ecam));
	EXPECT_EQ(ecam, 0x4010000000ull);
	EXPECT_EQ(host_alloc_live(), live);
	rom_at(table_of("MCFG"))[9]++;
	EXPECT(!acpi_ecam(rsdp_at, rom_map, &ecam));
	rom_at(rsdp_at)[17]++;
	EXPECT(!acpi_console(rsdp_at, rom_map, &base));
	EXPECT(!acpi_psci(0, rom_map, &hvc));
}

/* ---- broken tables ---- */

TEST(the_old_root_table_serves_where_the_new_one_is_broken)
{
	virt(2, 1, true, false);
	root_add(true, true);
	rom_at(table_of("XSDT"))[9]++;
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT(host_log_has("XSDT has a bad checksum"));
	EXPECT_EQ(platform.gic.version, 2);
	forget();
	rom_at(rsdp_at)[32]++;				/* the RSDP's extended checksum */
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	forget();
	rom_at(table_of("RSDT"))[9]++;
	EXPECT_EQ(platform_from_acpi(rsdp_at), -EINVAL);
	EXPECT_EQ(platform_from_acpi(rsdp_at + 8), -EINVAL);
	EXPECT_EQ(platform_from_acpi(0), -EINVAL);
	EXPECT_EQ(platform_from_acpi(~0ull - 8), -EINVAL);
}

TEST(each_table_alone_may_be_broken)
{
	static const char *const others[] = { "GTDT", "SPCR", "MCFG", "FACP", "DSDT", "IORT" };

	for (u32 i = 0; i < ARRAY_SIZE(others); i++) {
		virt(3, 1, false, true);
		iort_virt(0);
		root_add(true, false);
		rom_at(table_of(others[i]))[9]++;
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(host_log_has("bad checksum"));
		EXPECT_EQ(platform.gic.version, 3);
		EXPECT_EQ(platform.timer.virt_intid, i == 0 ? 0u : 27u);
		EXPECT(platform.uart.present || i == 3);
		EXPECT_EQ(platform.pci_count, i == 2 ? 0u : 1u);
		EXPECT_EQ(platform.psci.present, i != 3);
		/* Without the code the configuration space is all that is known. */
		if (i == 3 || i == 4)
			EXPECT_EQ(platform.pci[0].window_count, 0u);
		forget();
		put_unaligned_le32(20, rom_at(table_of(others[i])) + 4);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(host_log_has("bad length"));
		forget();
		put_unaligned_le32(~0u, rom_at(table_of(others[i])) + 4);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		forget();
	}
}

TEST(without_a_sound_madt_nothing_is_taken)
{
	virt(2, 1, true, false);
	root_add(true, false);
	rom_at(table_of("APIC"))[9]++;
	EXPECT_EQ(platform_from_acpi(rsdp_at), -EINVAL);
	EXPECT_EQ(platform.cpu_count, 0u);
	EXPECT(!platform.uart.present && !platform.pci && !platform.cpus);
	rom_at(table_of("APIC"))[9]--;
	rom_at(table_of("APIC"))[44 + 8 + 3] = 0;	/* the distributor's base */
	table_fix(table_of("APIC"));
	EXPECT_EQ(platform_from_acpi(rsdp_at), -EINVAL);
	EXPECT(host_log_has("no distributor"));
	EXPECT(!platform.cpus && !platform.v2m && platform.gic.version == 0);
}

TEST(madt_entries_that_are_unknown_or_cut)
{
	struct bytes m;

	rom_begin();
	madt_begin(&m);
	madt_gicd(&m, 0x8000000, 2);
	b8(&m, 0x42); b8(&m, 4); b16(&m, 0);
	b8(&m, 0); b8(&m, 8); b16(&m, 0); b32(&m, 0);
	b8(&m, 11); b8(&m, 8); b16(&m, 0); b32(&m, 0);	/* a GICC of eight bytes */
	madt_gicc(&m, 0, 1, 0x8010000, 0, 7);
	b8(&m, 13); b8(&m, 0);				/* goes in circles */
	madt_frame(&m, 0x8020000, 0, 0, 0);
	madt_add(&m);
	root_add(true, false);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT(host_log_has("2 entries of types"));
	EXPECT(host_log_has("type 11 is cut short"));
	EXPECT(host_log_has("an entry of 0 bytes"));
	REQUIRE(platform.cpu_count == 1);
	EXPECT_EQ(platform.cpus[0].mpidr, 7ull);
	EXPECT_EQ(platform.v2m_count, 0u);
	forget();
}

/* Each offset and count of an IORT names something that is not there, or itself. */
TEST(iort_that_leads_nowhere)
{
	for (u32 at = 36; at < 36 + 12 + 24 + 36 + 20; at += 4)
		for (u32 i = 0; i < 3; i++) {
			static const u32 values[] = { 0, 72, ~0u };
			u64 iort;

			virt(3, 1, false, true);
			iort_virt(0);
			root_add(true, false);
			iort = table_of("IORT");
			put_unaligned_le32(values[i], rom_at(iort) + at);
			table_fix(iort);
			EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
			EXPECT_EQ(platform.pci_count, 1u);
			forget();
			at += i == 2 ? 12 : 0;
		}
}

/* Mappings that come back to where they were, groups and counts without an end: said, and never walked twice. */
TEST(iort_that_goes_in_circles)
{
	for (u32 kind = 0; kind < 5; kind++) {
		struct bytes b;
		u32 smmu;

		virt(3, 1, false, true);
		iort_begin(&b, kind == 3 ? ~0u : 3, 0);
		smmu = iort_node(&b, 4, 0, 2);
		iort_map(&b, 0, 0x10000, 0, kind == 0 ? smmu : kind == 1 ? smmu + 68 + 40 : 48, 0);
		iort_map(&b, 0, 0x10000, 0, 48, 0);
		/* the root complex, which maps to the SMMU, or to itself */
		iort_node(&b, 2, 0, 1);
		iort_map(&b, 0, 0x10000, 0, kind == 2 ? smmu + 68 + 40 : smmu, 0);
		if (kind == 4)
			put_unaligned_le32(~0u, b.at + 12 + 16);	/* ITSs in the group */
		table_add("IORT", 3, b.at, b.used, true);
		root_add(true, false);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(kind == 4 || host_log_has("IORT: a node or mapping that can't be followed"));
		EXPECT_EQ(platform.pci[0].msi_count, kind < 3 ? 0u : 2u);
		forget();
	}
}

TEST(root_table_that_names_itself_or_one_table_for_ever)
{
	u8 body[8 * 64];
	u64 ssdt, xsdt;

	virt(2, 1, true, false);
	ssdt = asl_add("SSDT", 2, false, "Scope (\\_SB) { Device (TWCE) { Name (_HID, \"TEST0001\") Name (X, 1) } }");
	for (u32 i = 0; i < 64; i++)
		put_unaligned_le64(i < 4 ? rom_tables[i].at : ssdt, body + 8 * i);
	root_add(true, false);
	xsdt = table_add("XSDT", 1, body, sizeof(body), false);
	/* Everything but the SSDT is in the first four and what stands last: the FADT, and the table itself. */
	put_unaligned_le64(table_of("FACP"), rom_at(xsdt) + 36 + 8 * 62);
	put_unaligned_le64(xsdt, rom_at(xsdt) + 36 + 8 * 63);
	table_fix(xsdt);
	put_unaligned_le64(xsdt, rom_at(rsdp_at) + 24);
	sum_fix(rom_at(rsdp_at), 36, 32);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT(host_log_has("more than 31 SSDTs: the others are left out"));
	EXPECT_EQ(platform.gic.version, 2);
	REQUIRE(platform.pci_count == 1);
	EXPECT_EQ(platform.pci[0].window_count, 3u);
	forget();
	/* The DSDT's address is the FADT's own, the XSDT's, the RSDP's. */
	for (u32 i = 0; i < 3; i++) {
		put_unaligned_le64(i == 0 ? table_of("FACP") : i == 1 ? xsdt : rsdp_at, rom_at(table_of("FACP")) + 140);
		table_fix(table_of("FACP"));
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(host_log_has("no DSDT: nothing is known of devices"));
		forget();
	}
}

TEST(mcfg_that_cannot_be)
{
	static const struct { u64 base; u8 first, last; } cases[] = {
		{ 0, 0, 255 }, { ~0ull, 0, 255 }, { 1ull << 48, 0, 255 }, { 0x4010000800ull, 0, 255 }, { 0x4010000000ull, 9, 3 },
		{ 0x4010000000ull, 1, 255 },	/* without the host's own bus */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes mcfg = { .used = 0 };
		u64 at;

		virt(2, 1, true, false);
		mcfg_entry(&mcfg, cases[i].base, 0, cases[i].first, cases[i].last);
		at = table_of("MCFG");
		memcpy(rom_at(at) + 36, mcfg.at, mcfg.used);
		table_fix(at);
		root_add(true, false);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(host_log_has("MCFG has no configuration space for segment 0, bus 0: not used"));
		EXPECT(!platform.pci_count || (platform.pci[0].bus_first == 1 && !platform.pci[0].window_count));
		forget();
	}
}

TEST(hosts_of_segments_and_buses_that_there_cannot_be)
{
	virt_with(2, 1, true, false, "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "256") HOST_CRS "}\n" HOST_HEAD("PCI1", "0") HOST_CRS "}\n"
		  "Device (PCI2) { Name (_HID, \"PNP0A08\") Name (_SEG, 0x10000) " HOST_CRS "} }");
	root_add(true, false);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT(host_log_has("a host of segment 0, bus 0x100, which there can't be: not used"));
	EXPECT(host_log_has("a host of segment 0x10000, bus 0, which there can't be: not used"));
	EXPECT_EQ(platform.pci_count, 1u);
	forget();
}

TEST(gtdt_that_cannot_be)
{
	static const u32 lines[] = { 1, 15, 32, 1023, 1055, 1120, ~0u };

	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		virt(2, 1, true, false);
		put_unaligned_le32(lines[i], rom_at(table_of("GTDT")) + 64);
		table_fix(table_of("GTDT"));
		root_add(true, false);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		EXPECT(host_log_has("is no interrupt of a CPU's own: there is no virtual timer"));
		EXPECT_EQ(platform.timer.virt_intid, 0u);
		EXPECT_EQ(platform.timer.phys_intid, 30u);
		forget();
	}
}

/* Slots are looked after by us if firmware says so when it is asked, and else by firmware. */
TEST(slots_are_asked_for)
{
	static const struct { const char *osc; bool firmwares; } cases[] = {
		{ OSC, false },
		{ "", true },
		{ "Method (_OSC, 4) { CreateDWordField (Arg3, 8, CDW3) CDW3 &= 0x1E Return (Arg3) }", true },
		{ "Method (_OSC, 4) { CreateDWordField (Arg3, 0, CDW1) CDW1 |= 4 Return (Arg3) }", true },
		{ "Method (_OSC, 4) { If (Arg1 == 1 && Arg2 == 3 && SizeOf (Arg3) == 12) { Return (Arg3) } Return (0) }", false },
		{ "Method (_OSC, 4) { Return (Buffer () { 0, 0, 0, 0, 0, 0, 0, 0, 1 }) }", true },
		{ "Method (_OSC, 4) { While (1) {} }", true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		char code[4096];

		snprintf(code, sizeof(code), "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "0") HOST_CRS "%s } }", cases[i].osc);
		virt_with(2, 1, true, false, code);
		root_add(true, false);
		EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
		REQUIRE(platform.pci_count == 1);
		EXPECT_EQ(platform.pci[0].slots_kept, cases[i].firmwares);
		EXPECT_EQ(host_log_has("firmware keeps the slots of segment 0 to itself"), i > 0);
		forget();
	}
}

TEST(code_that_cannot_be_evaluated_leaves_its_part_out)
{
	virt_with(2, 1, true, false, "Scope (\\_SB) {\n" HOST_HEAD("PCI0", "0") HOST_CRS
		"Method (_PRT) { Local0 = 0 While (1) { Local0++ } Return (Package () {}) } }\n"
		"OperationRegion (PORT, SystemIO, 0x70, 8) Field (PORT, ByteAcc, NoLock, Preserve) { IDX, 8 }\n"
		EVENTS "Device (PCI1) { Name (_HID, \"PNP0A08\") Method (_STA) { Return (IDX) } } }");
	root_add(true, false);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT(host_log_has("PCI0._PRT is not evaluated: "));
	EXPECT(host_log_has("_STA is not evaluated: hardware that we don't read"));
	EXPECT(platform.pci_count >= 1);
	EXPECT_EQ(platform.pci[0].window_count, 3u);
	EXPECT_EQ(platform.pci[0].intx_count, 0u);
	EXPECT(platform.power_button.present);
	forget();
}

TEST(memory_that_is_short)
{
	u64 live = host_alloc_live();
	int err = -ENOMEM;

	virt(3, 2, true, true);
	iort_virt(0);
	root_add(true, false);
	for (u32 n = 1; n < 200 && err; n++) {
		host_alloc_fail(n);
		err = platform_from_acpi(rsdp_at);
		/* A table that could not be copied is left out; anything else fails as a whole. */
		EXPECT(err == 0 || err == -ENOMEM || err == -EINVAL);
		if (err == 0)
			err = host_alloc_live() == live ? 0 : -EAGAIN;
		forget();
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT_EQ(platform.pci_count, 1u);
	forget();
	EXPECT_EQ(host_alloc_live(), live);
}

/* ---- tens of thousands of others ---- */

/* Bytes of tables changed; in most cases the checksum is made right again, so that what reads the table sees it. */
static void mutate(u32 times)
{
	static u8 saved[ROM_SIZE];
	u64 live = host_alloc_live();

	memcpy(saved, rom, rom_used);
	for (u32 i = 0; i < times; i++) {
		u32 which = unit_random_below(rom_table_count), changes = 1 + unit_random_below(6);
		u64 at = rom_tables[which].at;
		u32 size = rom_tables[which].size;

		while (changes--) {
			u32 where = unit_random_below(8) ? 36 + unit_random_below(size - 36) : unit_random_below(size);
			u8 *p = rom_at(at) + where;

			switch (unit_random_below(4)) {
			case 0: *p = unit_random(); break;
			case 1: *p ^= 1 << unit_random_below(8); break;
			case 2: *p = unit_random_below(2) ? 0 : 0xff; break;
			default: *p = rom_at(at)[unit_random_below(size)];
			}
		}
		if (unit_random_below(8)) {
			u32 says = get_unaligned_le32(rom_at(at) + 4);

			if (says >= 36 && says <= rom_used - (at - ROM_BASE))
				table_fix(at);
		}
		platform_from_acpi(rsdp_at);
		forget();
		memcpy(rom, saved, rom_used);
	}
	EXPECT_EQ(host_alloc_live(), live);
}

TEST(tables_with_random_changes)
{
	virt(2, 4, true, false);
	iort_virt(0);
	root_add(true, true);
	mutate(10000);
	virt(3, 4, false, true);
	iort_virt(0);
	register_at = 0x9080000;
	root_add(true, false);
	mutate(10000);
}
