/*
 * Device trees, compiled by dtc from text: every field of struct platform, the ways in which boards
 * differ, and trees that are broken or cut off.
 *
 * sources: fw/fdt.c fw/dt_node.c
 * libs: -l:libfdt.so.1
 */
#include <errno.h>
#include <unistd.h>
#include "unit.h"
#include "host.h"
#include "fw/platform.h"
#include "mm/slab.h"

static u8 dtb[65536];
static size_t dtb_size;

/* Compile source text. */
static void compile(const char *source)
{
	char path[] = "/tmp/fdt_test.XXXXXX", command[128];
	int fd = mkstemp(path);
	FILE *pipe;

	if (fd < 0 || write(fd, source, strlen(source)) != (long)strlen(source))
		abort();
	close(fd);
	snprintf(command, sizeof(command), "dtc -q -I dts -O dtb %s", path);
	pipe = popen(command, "r");
	dtb_size = pipe ? fread(dtb, 1, sizeof(dtb), pipe) : 0;
	if (!pipe || pclose(pipe) || !dtb_size) {
		unit_fail(__FILE__, __LINE__, "dtc does not compile the test's tree");
		exit(1);
	}
	unlink(path);
}

static void forget(void)
{
	if (platform.model[0])
		kfree((void *)platform.model);
	if (platform.bootargs[0])
		kfree((void *)platform.bootargs);
	for (u32 i = 0; i < platform.cpu_count; i++)
		kfree((void *)platform.cpus[i].enable_method);
	for (u32 i = 0; i < platform.pci_count; i++) {
		kfree(platform.pci[i].windows);
		kfree(platform.pci[i].intx);
		kfree(platform.pci[i].msi);
	}
	kfree(platform.memory);
	kfree(platform.cpus);
	kfree(platform.gic.redist);
	kfree(platform.v2m);
	kfree(platform.its);
	kfree(platform.pci);
	platform = (struct platform){ .model = "", .bootargs = "" };
}

#define HEAD "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>; model = \"test,board\";\n"
#define CHOSEN "chosen { bootargs = \"quiet ip=dhcp\"; stdout-path = \"/uart@9000000:115200n8\"; " \
	"linux,initrd-start = <0x48000000>; linux,initrd-end = <0x0 0x48123456>; rng-seed = [00 11 22 33 44 55 66 77]; };\n"
#define MEMORY "memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x20000000>, <1 0 2 0>, <9 0 0 0>; };\n" \
	"reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; secure@50000000 { reg = <0 0x50000000 0 0x1000>; }; };\n"
#define CPUS "cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = \"cpu\"; reg = <0>; };\n" \
	"cpu@101 { device_type = \"cpu\"; reg = <0x101>; enable-method = \"psci\"; };\n" \
	"cpu@102 { device_type = \"cpu\"; reg = <0x102>; status = \"disabled\"; }; cpu-map { };\n" \
	"cpu@103 { device_type = \"cpu\"; reg = <0x103>; enable-method = \"spin-table\"; cpu-release-addr = <0x1 0x2008>; }; };\n"
#define PSCI "psci { compatible = \"arm,psci-1.0\", \"arm,psci\"; method = \"hvc\"; };\n"
#define GICV2 "gic: intc@8000000 { compatible = \"arm,cortex-a15-gic\"; #interrupt-cells = <3>; interrupt-controller;\n" \
	"#address-cells = <2>; #size-cells = <2>; ranges; reg = <0 0x8000000 0 0x10000>, <0 0x8010000 0 0x10000>;\n" \
	"v2m: v2m@8020000 { compatible = \"arm,gic-v2m-frame\"; msi-controller; reg = <0 0x8020000 0 0x1000>; }; };\n"
#define TIMER "timer { compatible = \"arm,armv8-timer\"; interrupts = <1 13 0x104 1 14 0x104 1 11 0x104 1 10 0x104>; };\n"
#define UART "clk: clock { compatible = \"fixed-clock\"; #clock-cells = <0>; clock-frequency = <24000000>; };\n" \
	"uart@9040000 { compatible = \"arm,pl011\", \"arm,primecell\"; reg = <0 0x9040000 0 0x1000>; interrupts = <0 8 4>; };\n" \
	"uart@9000000 { compatible = \"arm,pl011\", \"arm,primecell\"; reg = <0 0x9000000 0 0x1000>; interrupts = <0 1 4>; " \
	"clocks = <&clk>, <&clk>; };\n" \
	"rtc@9010000 { compatible = \"arm,pl031\"; reg = <0 0x9010000 0 0x1000>; interrupts = <0 2 4>; };\n"
#define PCI "pcie@10000000 { compatible = \"pci-host-ecam-generic\"; device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n" \
	"#interrupt-cells = <1>; reg = <0x40 0x10000000 0 0x10000000>; bus-range = <0 0xff>; linux,pci-domain = <2>;\n" \
	"ranges = <0x1000000 0 0 0 0x3eff0000 0 0x10000>, <0x2000000 0 0x10000000 0 0x10000000 0 0x2eff0000>,\n" \
	"<0x43000000 0x80 0 0x80 0 0x80 0>; msi-map = <0 &v2m 0x100 0x8000>, <0x8000 &v2m 0x20000 0x8000>; interrupt-map-mask = <0x1800 0 0 7>;\n" \
	"interrupt-map = <0 0 0 1 &gic 0 0 0 3 4>, <0 0 0 2 &gic 0 0 0 4 4>, <0x800 0 0 1 &gic 0 0 0 4 1>; };\n"
#define TAIL "};\n"

/* ---- a whole board ---- */

TEST(every_field_of_a_board)
{
	const struct platform_pci *pci;

	compile(HEAD CHOSEN MEMORY CPUS PSCI PCI TIMER UART GICV2 TAIL);
	EXPECT_EQ(fdt_size(dtb), (u32)dtb_size);
	REQUIRE(platform_from_fdt(dtb) == 0);
	EXPECT_STR(platform.model, "test,board");
	EXPECT_STR(platform.bootargs, "quiet ip=dhcp");
	EXPECT_EQ(platform.memory_count, 2u);
	EXPECT_EQ(platform.memory[0].base, 0x40000000ull);
	EXPECT_EQ(platform.memory[0].size, 0x20000000ull);
	EXPECT_EQ(platform.memory[1].base, 0x100000000ull);
	EXPECT_EQ(platform.memory[1].size, 0x200000000ull);
	EXPECT_EQ(platform.initrd.base, 0x48000000ull);
	EXPECT_EQ(platform.initrd.size, 0x123456ull);
	EXPECT_EQ(platform.rng_seed_len, 8u);
	EXPECT_EQ(platform.rng_seed[7], 0x77);
	EXPECT_EQ(platform.cpu_count, 3u);
	EXPECT_EQ(platform.cpus[1].mpidr, 0x101ull);
	EXPECT_STR(platform.cpus[1].enable_method, "psci");
	EXPECT_STR(platform.cpus[2].enable_method, "spin-table");
	EXPECT_EQ(platform.cpus[2].release_addr, 0x100002008ull);
	EXPECT_EQ(platform.cpus[1].release_addr, 0ull);
	EXPECT_EQ(platform.gic.version, 2);
	EXPECT_EQ(platform.gic.dist.base, 0x8000000ull);
	EXPECT_EQ(platform.gic.cpu.base, 0x8010000ull);
	EXPECT_EQ(platform.v2m_count, 1u);
	EXPECT_EQ(platform.v2m[0].reg.base, 0x8020000ull);
	EXPECT_EQ(platform.v2m[0].spi_count, 0u);
	EXPECT_EQ(platform.its_count, 0u);
	EXPECT_EQ(platform.timer.virt_intid, 27u);
	EXPECT_EQ(platform.timer.phys_intid, 30u);
	EXPECT_EQ(platform.timer.trigger, IRQ_LEVEL_HIGH);
	EXPECT(platform.uart.present);
	EXPECT_EQ(platform.uart.reg.base, 0x9000000ull);	/* the one that stdout-path names */
	EXPECT_EQ(platform.uart.intid, 33u);
	EXPECT_EQ(platform.uart.clock_hz, 24000000u);
	EXPECT(platform.rtc.present);
	EXPECT_EQ(platform.rtc.intid, 34u);
	EXPECT(platform.psci.present && platform.psci.hvc);

	REQUIRE(platform.pci_count == 1);
	pci = &platform.pci[0];
	EXPECT_EQ(pci->ecam.base, 0x4010000000ull);
	EXPECT_EQ(pci->segment, 2);
	EXPECT_EQ(pci->bus_first, 0);
	EXPECT_EQ(pci->bus_last, 255);
	REQUIRE(pci->window_count == 3);
	EXPECT_EQ(pci->windows[0].kind, 1);
	EXPECT_EQ(pci->windows[0].cpu, 0x3eff0000ull);
	EXPECT_EQ(pci->windows[0].pci, 0ull);
	EXPECT_EQ(pci->windows[1].size, 0x2eff0000ull);
	EXPECT_EQ(pci->windows[2].kind, 3);
	EXPECT(pci->windows[2].prefetch);
	EXPECT_EQ(pci->windows[2].pci, 0x8000000000ull);
	EXPECT_EQ(pci->intx_slot_mask, 3u);
	REQUIRE(pci->intx_count == 3);
	EXPECT_EQ(pci->intx[0].intid, 35u);
	EXPECT_EQ(pci->intx[1].pin, 2u);
	EXPECT_EQ(pci->intx[2].devfn_mask_slot, 1u);
	EXPECT_EQ(pci->intx[2].trigger, IRQ_EDGE_RISING);
	REQUIRE(pci->msi_count == 2);
	EXPECT_EQ(pci->msi[0].ref, platform.v2m[0].ref);
	EXPECT_NE(pci->msi[0].ref, 0ull);
	EXPECT_EQ(pci->msi[0].id_base, 0x100u);
	EXPECT_EQ(pci->msi[0].count, 0x8000u);
	EXPECT_EQ(pci->msi[1].rid_base, 0x8000u);
	EXPECT_EQ(pci->msi[1].id_base, 0x20000u);
	EXPECT_EQ(pci->msi_rid_mask, 0xffffu);
	forget();
}

TEST(gicv3_with_an_its)
{
	compile(HEAD CPUS TIMER
		"gic: intc@8000000 { compatible = \"arm,gic-v3\"; #interrupt-cells = <3>; interrupt-controller; ranges;\n"
		"#address-cells = <2>; #size-cells = <2>; #redistributor-regions = <2>;\n"
		"reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>, <0x40 0 0 0x20000>;\n"
		"its@8080000 { compatible = \"arm,gic-v3-its\"; msi-controller; #msi-cells = <1>; reg = <0 0x8080000 0 0x20000>;\n"
		"phandle = <77>; };\n"
		"its@80a0000 { compatible = \"arm,gic-v3-its\"; msi-controller; #msi-cells = <1>; reg = <0 0x80a0000 0 0x20000>;\n"
		"phandle = <78>; }; };\n" TAIL);
	REQUIRE(platform_from_fdt(dtb) == 0);
	EXPECT_EQ(platform.gic.version, 3);
	REQUIRE(platform.gic.redist_count == 2);
	EXPECT_EQ(platform.gic.redist[1].base, 0x4000000000ull);
	REQUIRE(platform.its_count == 2);
	EXPECT_EQ(platform.its[0].ref, 77ull);
	EXPECT_EQ(platform.its[1].reg.base, 0x80a0000ull);
	EXPECT_EQ(platform.v2m_count, 0u);
	EXPECT(!platform.psci.present);
	EXPECT(!platform.uart.present);
	EXPECT_EQ(platform.pci_count, 0u);
	forget();
}

/* Devices behind a bus with narrower addresses of its own, and an alias for the console. */
TEST(addresses_go_through_the_buses_above)
{
	compile(HEAD GICV2 TIMER
		"aliases { serial0 = &u; }; chosen { stdout-path = \"serial0\"; };\n"
		"soc { compatible = \"simple-bus\"; #address-cells = <1>; #size-cells = <1>;\n"
		"ranges = <0x0 0x1 0x40000000 0x1000000>, <0x1000000 0x2 0x0 0x1000000>;\n"
		"u: serial@1001000 { compatible = \"arm,pl011\"; reg = <0x1001000 0x1000>; interrupts = <0 5 4>; };\n"
		"rtc@5000 { compatible = \"arm,pl031\"; reg = <0x5000 0x1000>; }; };\n"
		"island { #address-cells = <1>; #size-cells = <1>; rtc@1 { compatible = \"arm,pl031\"; reg = <1 1>; }; };\n" TAIL);
	REQUIRE(platform_from_fdt(dtb) == 0);
	EXPECT_EQ(platform.uart.reg.base, 0x200001000ull);
	EXPECT_EQ(platform.uart.intid, 37u);
	EXPECT_EQ(platform.rtc.reg.base, 0x140005000ull);
	forget();
}

TEST(what_is_not_there_is_absent)
{
	compile(HEAD GICV2 TAIL);
	REQUIRE(platform_from_fdt(dtb) == 0);
	EXPECT_STR(platform.bootargs, "");
	EXPECT_EQ(platform.initrd.size, 0ull);
	EXPECT_EQ(platform.timer.virt_intid, 0u);
	EXPECT_EQ(platform.memory_count, 0u);
	EXPECT_EQ(platform.cpu_count, 0u);
	forget();
}

/* ---- before memory ---- */

static struct platform_range seen_memory[4], seen_reserved[4];
static u32 memory_calls, reserve_calls;
static void note_memory(u64 base, u64 size) { seen_memory[memory_calls++ % 4] = (struct platform_range){ base, size }; }
static void note_reserve(u64 base, u64 size) { seen_reserved[reserve_calls++ % 4] = (struct platform_range){ base, size }; }

TEST(the_early_walk)
{
	char args[64], small[6];

	memory_calls = reserve_calls = 0;
	compile("/dts-v1/; /memreserve/ 0x41000000 0x2000; / { #address-cells = <2>; #size-cells = <2>;\n"
		CHOSEN MEMORY TAIL);
	REQUIRE(fdt_early(dtb, note_memory, note_reserve, args, sizeof(args)) == 0);
	EXPECT_STR(args, "quiet ip=dhcp");
	EXPECT_EQ(memory_calls, 2u);
	EXPECT_EQ(seen_memory[1].size, 0x200000000ull);
	EXPECT_EQ(reserve_calls, 3u);
	EXPECT_EQ(seen_reserved[0].base, 0x41000000ull);
	EXPECT_EQ(seen_reserved[1].base, 0x48000000ull);
	EXPECT_EQ(seen_reserved[1].size, 0x123456ull);
	EXPECT_EQ(seen_reserved[2].base, 0x50000000ull);
	EXPECT_EQ(fdt_early(dtb, note_memory, note_reserve, small, sizeof(small)), 0);
	EXPECT_STR(small, "quiet");
	forget();
}

TEST(no_tree_at_all)
{
	static const u8 zeros[64];
	char args[8] = "x";

	EXPECT_EQ(fdt_size(NULL), 0u);
	EXPECT_EQ(fdt_size(zeros), 0u);
	EXPECT_EQ(fdt_early(zeros, note_memory, note_reserve, args, sizeof(args)), -EINVAL);
	EXPECT_STR(args, "");
	EXPECT_EQ(platform_from_fdt(zeros), -EINVAL);
	EXPECT(host_log_has("device tree: none was handed over"));
}

/* ---- trees that are wrong ---- */

static void expect_left_out(const char *nodes, const char *message)
{
	compile(nodes);
	EXPECT_EQ(platform_from_fdt(dtb), 0);
	EXPECT(host_log_has(message));
}

TEST(broken_nodes_are_left_out_and_named)
{
	expect_left_out(HEAD GICV2 "timer { compatible = \"arm,armv8-timer\"; interrupts = <1 13 4 1 14 4>; };\n" TAIL,
			"timer: no virtual timer interrupt");
	EXPECT_EQ(platform.timer.virt_intid, 0u);
	forget();
	expect_left_out(HEAD GICV2 "uart@1 { compatible = \"arm,pl011\"; reg = <0 1>; };\n" TAIL, "uart@1: no reg");
	EXPECT(!platform.uart.present);
	forget();
	expect_left_out(HEAD GICV2 "uart@1 { compatible = \"arm,pl011\"; reg = <0 1 0 1>; interrupts = <0 1>; };\n" TAIL,
			"uart@1: no interrupt");
	forget();
	expect_left_out(HEAD GICV2 "uart@1 { compatible = \"arm,pl011\"; reg = <0 1 0 1>; interrupts = <0 2000 4>; };\n" TAIL,
			"uart@1: no interrupt");
	forget();
	expect_left_out(HEAD "gic: g@0 { compatible = \"arm,gic-400\"; reg = <0 1 0 1>; };\n" TAIL, "g@0: a GICv2 needs two");
	EXPECT_EQ(platform.gic.version, 0);
	forget();
	expect_left_out(HEAD GICV2 "p { compatible = \"arm,psci-1.0\"; method = \"magic\"; };\n" TAIL, "p: method is neither");
	EXPECT(!platform.psci.present);
	forget();
}

TEST(broken_pci_hosts)
{
#define HOST(rest) HEAD GICV2 "pcie@1 { compatible = \"pci-host-ecam-generic\"; #address-cells = <3>; #size-cells = <2>; " rest " };\n" TAIL
	expect_left_out(HOST("reg = <0 1 0 0x1000>; ranges;"), "pcie@1: the configuration space holds no bus");
	forget();
	expect_left_out(HOST("reg = <0 1 0 0x1000000>;"), "pcie@1: ranges is missing or cut short");
	forget();
	expect_left_out(HOST("reg = <0 1 0 0x1000000>; ranges = <0x2000000 0 0 0 0 0>;"), "pcie@1: ranges is missing or cut short");
	forget();
	expect_left_out(HOST("reg = <0 1 0 0x1000000>; ranges = <0x2000000 0 0 0 0 0 0x1000>; interrupt-map-mask = <0x1800 0 0 7>;"
			     "interrupt-map = <0 0 0 1 &gic 0 0 0 3>;"), "pcie@1: interrupt-map is cut short");
	forget();
	expect_left_out(HOST("reg = <0 1 0 0x1000000>; ranges = <0x2000000 0 0 0 0 0 0x1000>; interrupt-map-mask = <0x1800 0 0 7>;"
			     "interrupt-map = <0 0 0 1 99 0 0 0 3 4>;"), "a controller that is not there");
	EXPECT_EQ(platform.pci_count, 0u);
	forget();
	/* Half of a window's end is beyond the address space: that window alone is left out. */
	expect_left_out(HOST("reg = <0 1 0 0x1000000>; bus-range = <0 200>; ranges = <0x2000000 0 0 0xffffffff 0xffff0000 0 0x20000>,"
			     "<0x2000000 0 0 0 0x1000 0 0x1000>;"), "a window that cannot be used");
	REQUIRE(platform.pci_count == 1);
	EXPECT_EQ(platform.pci[0].window_count, 1u);
	EXPECT_EQ(platform.pci[0].bus_last, 15);	/* as many as the configuration space has room for */
	forget();
}

/* Bytes changed anywhere, and the end cut off: an answer comes, and no byte outside is read. */
TEST(noise_and_cut_trees)
{
	static u8 original[65536];
	size_t size;

	compile(HEAD CHOSEN MEMORY CPUS PSCI PCI TIMER UART GICV2 TAIL);
	size = dtb_size;
	memcpy(original, dtb, size);
	for (int round = 0; round < 3000; round++) {
		u8 *copy = malloc(size);	/* of just this size: the sanitizer guards its ends */
		char args[64];

		memcpy(copy, original, size);
		for (u32 i = 1 + unit_random_below(8); i; i--)
			copy[(round % 2 ? 40 : 0) + unit_random_below(size - 40)] = unit_random();
		memory_calls = reserve_calls = 0;
		/* The boot loader vouches for the size in the header alone. */
		if (fdt_size(copy) && fdt_size(copy) <= size) {
			fdt_early(copy, note_memory, note_reserve, args, sizeof(args));
			platform_from_fdt(copy);
			forget();
		}
		free(copy);
	}
}

TEST(a_tree_of_nothing_but_chosen)
{
	compile("/dts-v1/; / { #address-cells = <2>; chosen { linux,initrd-start = <0x1000>; linux,initrd-end = <0x3000>; }; };");
	EXPECT(!fdt_is_machine(dtb));
	compile("/dts-v1/; / { compatible = \"board\"; };");
	EXPECT(fdt_is_machine(dtb));
	dtb[0] = 0;
	EXPECT(!fdt_is_machine(dtb));
}

TEST(no_memory_anywhere)
{
	u64 live = host_alloc_live();
	int err = -ENOMEM;

	compile(HEAD CHOSEN MEMORY CPUS PSCI PCI TIMER UART GICV2 TAIL);
	for (u32 nth = 1; nth < 30 && err; nth++) {
		host_alloc_fail(nth);
		err = platform_from_fdt(dtb);
		EXPECT(err == 0 || err == -ENOMEM);
		if (!platform.model)
			platform.model = "";
		if (!platform.bootargs)
			platform.bootargs = "";
		forget();
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
}
