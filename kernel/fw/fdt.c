/*
 * The device tree that the boot loader hands over becomes struct platform.
 *
 * main.c calls fdt_early before there is memory to allocate, then
 * platform_from_fdt once the slab works. One walk notes the nodes that we
 * know by their compatible string; then each kind is read in turn, the
 * interrupt controller first, because the others refer to it. Nothing else in
 * the kernel sees the tree.
 *
 * Sources: Devicetree Specification v0.4; the bindings named at each reader
 * (Linux, Documentation/devicetree/bindings).
 */
#include "fw/dt_node.h"
#include "base/errno.h"
#include "core/log.h"
#include "core/random.h"
#include "mm/slab.h"

struct platform platform = { .model = "", .bootargs = "" };

#define KEY_POWER	116	/* the binding's linux,code */
#define PL061_PINS	8u
#define GPIO_ACTIVE_LOW	1u

enum dt_kind {
	DT_MEMORY, DT_CHOSEN, DT_CPU, DT_PSCI, DT_GICV2, DT_GICV3, DT_V2M, DT_ITS, DT_TIMER, DT_UART, DT_RTC, DT_PCI,
	DT_FRAMEBUFFER, DT_PINS, DT_KEYS,
	DT_KINDS
};

static const struct { const char *compatible; enum dt_kind kind; } dt_matches[] = {
	{ "arm,cortex-a15-gic", DT_GICV2 },
	{ "arm,cortex-a7-gic", DT_GICV2 },
	{ "arm,gic-400", DT_GICV2 },
	{ "arm,gic-v3", DT_GICV3 },
	{ "arm,gic-v2m-frame", DT_V2M },
	{ "arm,gic-v3-its", DT_ITS },
	{ "arm,armv8-timer", DT_TIMER },
	{ "arm,pl011", DT_UART },
	{ "arm,pl031", DT_RTC },
	{ "simple-framebuffer", DT_FRAMEBUFFER },
	{ "arm,pl061", DT_PINS },
	{ "gpio-keys", DT_KEYS },
	{ "pci-host-ecam-generic", DT_PCI },
	{ "arm,psci-1.0", DT_PSCI },
	{ "arm,psci-0.2", DT_PSCI },
};

/* A node that is known, in the order of the walk. */
struct dt_found {
	enum dt_kind kind;
	struct dt_node node;
};

struct dt_scan {
	struct dt_found *found;
	u32 count, room;
	u32 of_kind[DT_KINDS];
	u32 gic_phandle;
};

static bool name_is(const struct dt_node *n, const char *base)
{
	int len;
	const char *name = fdt_get_name(n->fdt, n->at, &len);
	size_t want = strlen(base);

	return name && (size_t)len >= want && memcmp(name, base, want) == 0 && (name[want] == 0 || name[want] == '@');
}

/* What this node is, or DT_KINDS. Memory, /chosen and CPUs are known by place and name, the others by compatible. */
static enum dt_kind dt_classify(const struct dt_node *n)
{
	struct dt_node up = dt_node_parent(n);
	int len;
	const char *c;

	if (n->depth == 1 && name_is(n, "memory"))
		return DT_MEMORY;
	if (n->depth == 1 && name_is(n, "chosen"))
		return DT_CHOSEN;
	if (n->depth == 2 && name_is(n, "cpu") && name_is(&up, "cpus"))
		return DT_CPU;
	c = fdt_getprop(n->fdt, n->at, "compatible", &len);
	while (c && len > 0) {
		size_t s = strnlen(c, len);

		if (s == (size_t)len)
			break;			/* the last string does not end */
		for (u32 i = 0; i < ARRAY_SIZE(dt_matches); i++)
			if (strcmp(c, dt_matches[i].compatible) == 0)
				return dt_matches[i].kind;
		c += s + 1;
		len -= s + 1;
	}
	return DT_KINDS;
}

/* ---- before memory ---------------------------------------------------------------------------- */

u32 fdt_size(const void *dtb)
{
	return dtb && fdt_check_header(dtb) == 0 ? fdt_totalsize(dtb) : 0;
}

bool fdt_is_machine(const void *dtb)
{
	return fdt_size(dtb) && fdt_getprop(dtb, 0, "compatible", NULL);
}

/* /chosen linux,initrd-start and -end: physical addresses of 32 or 64 bits each. */
static struct platform_range chosen_initrd(const struct dt_node *n)
{
	u32 ns, ne;
	const fdt32_t *start = dt_cells(n, "linux,initrd-start", &ns), *end = dt_cells(n, "linux,initrd-end", &ne);
	u64 a, b;

	if (ns < 1 || ns > 2 || ne < 1 || ne > 2)
		return (struct platform_range){ 0, 0 };
	a = dt_number(start, ns);
	b = dt_number(end, ne);
	return (struct platform_range){ a, b > a ? b - a : 0 };
}

int fdt_early(const void *dtb, void (*memory)(u64 base, u64 size), void (*reserve)(u64 base, u64 size), char *bootargs,
	      size_t bootargs_size)
{
	struct dt_node n = { .fdt = dtb, .at = -1, .depth = -1 };
	struct platform_range r;
	u64 base, size;
	const char *s;

	if (bootargs_size)
		bootargs[0] = 0;
	if (!fdt_size(dtb))
		return -EINVAL;
	for (int i = 0; i < fdt_num_mem_rsv(dtb); i++)
		if (fdt_get_mem_rsv(dtb, i, &base, &size) == 0 && size)
			reserve(base, size);
	while (dt_node_next(&n)) {
		struct dt_node up = dt_node_parent(&n);

		if (n.depth == 1 && name_is(&n, "memory")) {
			for (u32 i = 0; dt_enabled(&n) && dt_reg(&n, i, &r); i++)
				if (r.size)
					memory(r.base, r.size);
		} else if (n.depth == 1 && name_is(&n, "chosen")) {
			s = dt_string(&n, "bootargs");
			if (s)
				strlcpy(bootargs, s, bootargs_size);
			platform.initrd = chosen_initrd(&n);
			if (platform.initrd.size)
				reserve(platform.initrd.base, platform.initrd.size);
		} else if (n.depth == 2 && name_is(&up, "reserved-memory")) {
			for (u32 i = 0; dt_enabled(&n) && dt_reg(&n, i, &r); i++)
				if (r.size)
					reserve(r.base, r.size);
		}
	}
	return 0;
}

/* ---- one reader a kind: 0, -ENOMEM, or -EINVAL with a message ------------------------------------- */

static int broken(const struct dt_node *n, const char *what)
{
	const char *name = fdt_get_name(n->fdt, n->at, NULL);

	log_err("device tree: %s: %s", name ? name : "?", what);
	return -EINVAL;
}

static int read_memory(struct dt_scan *s, const struct dt_node *n)
{
	struct platform_range r, *more;

	for (u32 i = 0; dt_reg(n, i, &r); i++) {
		if (!r.size)
			continue;
		more = krealloc(platform.memory, platform.memory_count * sizeof(r), (platform.memory_count + 1) * sizeof(r));
		if (!more)
			return -ENOMEM;
		platform.memory = more;
		platform.memory[platform.memory_count++] = r;
	}
	return 0;
}

static int read_chosen(struct dt_scan *s, const struct dt_node *n)
{
	const char *args = dt_string(n, "bootargs");
	int len;
	const void *seed = fdt_getprop(n->fdt, n->at, "rng-seed", &len);

	platform.initrd = chosen_initrd(n);
	if (seed && len > 0) {
		platform.rng_seed_len = MIN((u32)len, (u32)sizeof(platform.rng_seed));
		memcpy(platform.rng_seed, seed, platform.rng_seed_len);
		random_seed(seed, platform.rng_seed_len, 8 * platform.rng_seed_len);
	}
	if (args)
		platform.bootargs = kstrdup(args);
	return platform.bootargs ? 0 : -ENOMEM;
}

static int read_cpu(struct dt_scan *s, const struct dt_node *n)
{
	struct dt_node cpus = dt_node_parent(n);
	u32 count, cells = dt_u32(&cpus, "#address-cells", 2);
	const fdt32_t *reg = dt_cells(n, "reg", &count);
	const char *method = dt_string(n, "enable-method");
	u32 release_cells;
	const fdt32_t *release = dt_cells(n, "cpu-release-addr", &release_cells);

	if (cells < 1 || cells > 2 || count < cells)
		return broken(n, "a CPU needs a reg of one or two cells");
	if (!platform.cpus)
		platform.cpus = kcalloc(s->of_kind[DT_CPU], sizeof(*platform.cpus));
	if (!platform.cpus)
		return -ENOMEM;
	platform.cpus[platform.cpu_count++] = (struct platform_cpu){
		.mpidr = dt_number(reg, cells),
		.enable_method = method ? kstrdup(method) : NULL,
		.release_addr = release_cells == 1 || release_cells == 2 ? dt_number(release, release_cells) : 0,
	};
	return 0;
}

/* psci.yaml */
static int read_psci(struct dt_scan *s, const struct dt_node *n)
{
	const char *method = dt_string(n, "method");

	if (!method || (strcmp(method, "hvc") != 0 && strcmp(method, "smc") != 0))
		return broken(n, "method is neither hvc nor smc");
	platform.psci.present = true;
	platform.psci.hvc = method[0] == 'h';
	return 0;
}

/* interrupt-controller/arm,gic.yaml: reg is the distributor, then the CPU interface. */
static int read_gicv2(struct dt_scan *s, const struct dt_node *n)
{
	if (!dt_reg(n, 0, &platform.gic.dist) || !dt_reg(n, 1, &platform.gic.cpu))
		return broken(n, "a GICv2 needs two reg entries: distributor and CPU interface");
	platform.gic.version = 2;
	s->gic_phandle = dt_phandle(n);
	return 0;
}

/* interrupt-controller/arm,gic-v3.yaml: the distributor, then #redistributor-regions regions. */
static int read_gicv3(struct dt_scan *s, const struct dt_node *n)
{
	u32 regions = dt_u32(n, "#redistributor-regions", 1);
	struct platform_range r;

	if (!dt_reg(n, 0, &platform.gic.dist) || !regions || !dt_reg(n, regions, &r))
		return broken(n, "a GICv3 needs a reg entry for the distributor and each redistributor region");
	platform.gic.redist = kcalloc(regions, sizeof(r));
	if (!platform.gic.redist)
		return -ENOMEM;
	for (u32 i = 0; i < regions; i++)
		dt_reg(n, 1 + i, &platform.gic.redist[i]);
	platform.gic.redist_count = regions;
	platform.gic.version = 3;
	s->gic_phandle = dt_phandle(n);
	return 0;
}

/* interrupt-controller/arm,gic.yaml, v2m: arm,msi-base-spi and -num-spis override MSI_TYPER. */
static int read_v2m(struct dt_scan *s, const struct dt_node *n)
{
	struct platform_msi_frame f = {
		.ref = dt_phandle(n),
		.spi_base = dt_u32(n, "arm,msi-base-spi", 0),
		.spi_count = dt_u32(n, "arm,msi-num-spis", 0),
	};

	if (!dt_reg(n, 0, &f.reg))
		return broken(n, "no reg");
	if (!platform.v2m)
		platform.v2m = kcalloc(s->of_kind[DT_V2M], sizeof(f));
	if (!platform.v2m)
		return -ENOMEM;
	platform.v2m[platform.v2m_count++] = f;
	return 0;
}

static int read_its(struct dt_scan *s, const struct dt_node *n)
{
	struct platform_its its = { .ref = dt_phandle(n) };

	if (!dt_reg(n, 0, &its.reg))
		return broken(n, "no reg");
	if (!platform.its)
		platform.its = kcalloc(s->of_kind[DT_ITS], sizeof(its));
	if (!platform.its)
		return -ENOMEM;
	platform.its[platform.its_count++] = its;
	return 0;
}

/* timer/arm,arch_timer.yaml: secure, non-secure, virtual, hypervisor. */
static int read_timer(struct dt_scan *s, const struct dt_node *n)
{
	enum irq_trigger t;

	dt_interrupt(n, 1, s->gic_phandle, &platform.timer.phys_intid, &t);
	if (!dt_interrupt(n, 2, s->gic_phandle, &platform.timer.virt_intid, &platform.timer.trigger))
		return broken(n, "no virtual timer interrupt (the third of four)");
	return 0;
}

/* The console's UART: the node that /chosen stdout-path names (a path or an alias, options after a colon). */
static int stdout_node(const void *fdt)
{
	int chosen = fdt_path_offset(fdt, "/chosen"), len;
	const char *path = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "stdout-path", &len), *end;

	if (!path || len <= 0)
		return -1;
	end = memchr(path, ':', len);
	if (!end)
		end = path + strnlen(path, len);
	return fdt_path_offset_namelen(fdt, path, end - path);
}

bool fdt_psci(const void *dtb, bool *hvc)
{
	int node, len;
	const char *method;

	if (fdt_check_header(dtb))
		return false;
	node = fdt_path_offset(dtb, "/psci");
	method = node < 0 ? NULL : fdt_getprop(dtb, node, "method", &len);
	if (!method || len != 4)
		return false;
	*hvc = !memcmp(method, "hvc", 4);
	return *hvc || !memcmp(method, "smc", 4);
}

bool fdt_pci(const void *dtb, u64 *ecam, u64 *mem_pci, u64 *mem_cpu)
{
	struct dt_node n = { .fdt = dtb, .at = -1, .depth = -1 };
	struct platform_range reg;

	if (fdt_check_header(dtb))
		return false;
	while (dt_node_next(&n)) {
		const fdt32_t *c;
		u32 count;

		if (fdt_node_check_compatible(dtb, n.at, "pci-host-ecam-generic") || !dt_reg(&n, 0, &reg))
			continue;
		c = dt_cells(&n, "ranges", &count);
		/* Rows of a PCI address (3 cells), a CPU address (2), a size (2); 2 in the type field: 32-bit memory. */
		for (; count >= 7; c += 7, count -= 7) {
			if ((fdt32_to_cpu(c[0]) >> 24 & 3) != 2)
				continue;
			*ecam = reg.base;
			*mem_pci = dt_number(c + 1, 2);
			*mem_cpu = dt_number(c + 3, 2);
			return true;
		}
	}
	return false;
}

bool fdt_console(const void *dtb, u64 *base)
{
	struct dt_node n = { .fdt = dtb, .at = -1, .depth = -1 };
	struct platform_range reg;
	int wanted;

	if (fdt_check_header(dtb))
		return false;
	wanted = stdout_node(dtb);
	while (dt_node_next(&n)) {
		if ((wanted >= 0 && n.at != wanted) || fdt_node_check_compatible(dtb, n.at, "arm,pl011"))
			continue;
		if (!dt_reg(&n, 0, &reg))
			return false;
		*base = reg.base;
		return true;
	}
	return false;
}

/* serial/pl011.yaml. Without a stdout-path the first one serves, which other systems call ttyAMA0. */
static int read_uart(struct dt_scan *s, const struct dt_node *n)
{
	int wanted = stdout_node(n->fdt), clock;
	u32 count;
	const fdt32_t *c;

	if (platform.uart.present || (wanted >= 0 && wanted != n->at))
		return 0;
	if (!dt_reg(n, 0, &platform.uart.reg))
		return broken(n, "no reg");
	if (!dt_interrupt(n, 0, s->gic_phandle, &platform.uart.intid, &platform.uart.trigger))
		return broken(n, "no interrupt");
	c = dt_cells(n, "clocks", &count);
	clock = count ? fdt_node_offset_by_phandle(n->fdt, fdt32_to_cpu(c[0])) : -1;
	if (clock >= 0) {
		struct dt_node at = { .fdt = n->fdt, .at = clock };

		platform.uart.clock_hz = dt_u32(&at, "clock-frequency", 0);
	}
	platform.uart.present = true;
	return 0;
}

static int read_rtc(struct dt_scan *s, const struct dt_node *n)
{
	enum irq_trigger t;

	if (platform.rtc.present)
		return 0;
	if (!dt_reg(n, 0, &platform.rtc.reg))
		return broken(n, "no reg");
	dt_interrupt(n, 0, s->gic_phandle, &platform.rtc.intid, &t);
	platform.rtc.present = true;
	return 0;
}

/* A picture that the boot loader left; pixels of 32 bits, whose format says what their bytes are. */
static int read_framebuffer(struct dt_scan *s, const struct dt_node *n)
{
	struct boot_framebuffer f = { .width = dt_u32(n, "width", 0), .height = dt_u32(n, "height", 0),
				      .stride = dt_u32(n, "stride", 0) / 4, .green = 0xff00, .reserved = 0xff000000 };
	const char *format = dt_string(n, "format");
	struct platform_range reg;
	bool bgr;

	if (platform.framebuffer.size)
		return 0;
	if (!dt_reg(n, 0, &reg))
		return broken(n, "no reg");
	bgr = format && (!strcmp(format, "a8b8g8r8") || !strcmp(format, "x8b8g8r8"));
	if (!bgr && (!format || (strcmp(format, "a8r8g8b8") && strcmp(format, "x8r8g8b8"))))
		return broken(n, "a format that is not known");
	f.red = bgr ? 0xff : 0xff0000;
	f.blue = bgr ? 0xff0000 : 0xff;
	f.base = reg.base;
	f.size = reg.size;
	platform.framebuffer = f;
	return 0;
}

/* A pin of a PL061: the cells are (controller, pin, flags). */
static void power_key(struct dt_scan *s, const fdt32_t *cells)
{
	for (u32 i = 0; i < s->count; i++) {
		const struct dt_node *n = &s->found[i].node;

		if (s->found[i].kind != DT_PINS || dt_phandle(n) != fdt32_to_cpu(cells[0]))
			continue;
		if (fdt32_to_cpu(cells[1]) >= PL061_PINS || !dt_reg(n, 0, &platform.power_key.reg) ||
		    !dt_interrupt(n, 0, s->gic_phandle, &platform.power_key.intid, &platform.power_key.trigger))
			return;
		platform.power_key.pin = fdt32_to_cpu(cells[1]);
		platform.power_key.active_low = fdt32_to_cpu(cells[2]) & GPIO_ACTIVE_LOW;
		platform.power_key.present = true;
	}
}

/* Keys on pins: of interest is the one that turns the machine off. */
static int read_keys(struct dt_scan *s, const struct dt_node *n)
{
	for (int at = fdt_first_subnode(n->fdt, n->at); at >= 0 && !platform.power_key.present;
	     at = fdt_next_subnode(n->fdt, at)) {
		struct dt_node key = { .fdt = n->fdt, .at = at };
		u32 count;
		const fdt32_t *cells = dt_cells(&key, "gpios", &count);

		if (dt_u32(&key, "linux,code", 0) == KEY_POWER && count == 3)
			power_key(s, cells);
	}
	return 0;
}

/* ranges of a PCI host: three cells of PCI address (the first: kind in bits 25:24, prefetchable in bit 30), the CPU's,
 * the size. */
static int pci_windows(const struct dt_node *n, struct platform_pci *p)
{
	struct dt_node up = dt_node_parent(n);
	u32 count, cells = dt_u32(&up, "#address-cells", 2), row = 3 + cells + 2;
	const fdt32_t *c = dt_cells(n, "ranges", &count);

	if (cells < 1 || cells > 2 || count < row || count % row)
		return broken(n, "ranges is missing or cut short");
	p->windows = kcalloc(count / row, sizeof(*p->windows));
	if (!p->windows)
		return -ENOMEM;
	for (; count; c += row, count -= row) {
		u32 hi = fdt32_to_cpu(c[0]);
		struct platform_pci_window w = {
			.kind = hi >> 24 & 3,
			.prefetch = hi >> 30 & 1,
			.pci = dt_number(c + 1, 2),
			.cpu = dt_number(c + 3, cells),
			.size = dt_number(c + 3 + cells, 2),
		};

		if (w.kind == 0 || !w.size || w.pci + w.size < w.pci || w.cpu + w.size < w.cpu ||
		    !dt_translate(&up, &w.cpu, w.size)) {
			log_warn("device tree: pci: a window that cannot be used was left out");
			continue;
		}
		p->windows[p->window_count++] = w;
	}
	return 0;
}

/*
 * interrupt-map: rows of child address (3 cells), pin (1), the controller's phandle, its unit address and its
 * specifier. The width of the last two is the controller's, so that rows differ in length.
 */
static int pci_intx(struct dt_scan *s, const struct dt_node *n, struct platform_pci *p)
{
	u32 count, left, mask_count, rows = 0;
	const fdt32_t *map = dt_cells(n, "interrupt-map", &count), *c;
	const fdt32_t *mask = dt_cells(n, "interrupt-map-mask", &mask_count);
	u32 ref = 0, cells = 0;

	if (!map || mask_count < 4)
		return 0;		/* no INTx: the ladder goes on without */
	p->intx_slot_mask = fdt32_to_cpu(mask[0]) >> 11 & 0x1f;
	/* The shortest row has 3 + 1 + 1 + 0 + 3 cells: room for as many as there can be. */
	p->intx = kcalloc(count / 8 + 1, sizeof(*p->intx));
	if (!p->intx)
		return -ENOMEM;
	for (c = map, left = count; left >= 5; rows++) {
		u32 phandle = fdt32_to_cpu(c[4]);
		struct platform_pci_intx x = {
			.devfn_mask_slot = fdt32_to_cpu(c[0]) >> 11 & 0x1f & p->intx_slot_mask,
			.pin = fdt32_to_cpu(c[3]) & 7,
		};

		if (phandle != ref) {
			struct dt_node pic = { .fdt = n->fdt, .at = fdt_node_offset_by_phandle(n->fdt, phandle) };

			if (pic.at < 0)
				return broken(n, "interrupt-map names a controller that is not there");
			cells = dt_u32(&pic, "#address-cells", 0) + dt_u32(&pic, "#interrupt-cells", 1);
			ref = phandle;
		}
		if (cells < 1 || cells > 8 || left < 5 + cells)
			return broken(n, "interrupt-map is cut short");
		if (phandle == s->gic_phandle && cells >= 3 && dt_gic_specifier(c + 5 + cells - 3, &x.intid, &x.trigger))
			p->intx[p->intx_count++] = x;
		c += 5 + cells;
		left -= 5 + cells;
	}
	return 0;
}

/* pci/pci-msi.txt: rows of msi-map are requester, controller, device ID and length; msi-parent is the same for all. */
static int pci_msi(const struct dt_node *n, struct platform_pci *p)
{
	u32 count;
	const fdt32_t *c = dt_cells(n, "msi-map", &count);
	u64 parent = dt_u32(n, "msi-parent", 0);

	p->msi_rid_mask = dt_u32(n, "msi-map-mask", 0xffff);
	if (count < 4 && !parent)
		return 0;
	p->msi = kcalloc(count / 4 + 1, sizeof(*p->msi));
	if (!p->msi)
		return -ENOMEM;
	for (; count >= 4; c += 4, count -= 4)
		p->msi[p->msi_count++] = (struct platform_msi_map){
			.rid_base = fdt32_to_cpu(c[0]), .ref = fdt32_to_cpu(c[1]),
			.id_base = fdt32_to_cpu(c[2]), .count = fdt32_to_cpu(c[3]),
		};
	if (!p->msi_count)
		p->msi[p->msi_count++] = (struct platform_msi_map){ .count = PLATFORM_RIDS, .ref = parent };
	return 0;
}

/* pci/host-generic-pci.yaml. */
static int read_pci(struct dt_scan *s, const struct dt_node *n)
{
	struct platform_pci p = { .bus_first = 0 };
	u32 count;
	const fdt32_t *c;
	int err;

	if (!dt_reg(n, 0, &p.ecam))
		return broken(n, "no reg");
	c = dt_cells(n, "bus-range", &count);
	p.bus_first = count == 2 ? MIN(fdt32_to_cpu(c[0]), 255u) : 0;
	p.bus_last = count == 2 ? MIN(fdt32_to_cpu(c[1]), 255u) : 255;
	if (p.ecam.size < 1 << 20 || p.bus_last < p.bus_first)
		return broken(n, "the configuration space holds no bus");
	/* One megabyte a bus. */
	p.bus_last = MIN((u64)p.bus_last, p.bus_first + (p.ecam.size >> 20) - 1);
	p.segment = dt_u32(n, "linux,pci-domain", platform.pci_count);
	p.coherent = fdt_getprop(n->fdt, n->at, "dma-coherent", NULL);
	err = pci_windows(n, &p);
	if (err == 0)
		err = pci_intx(s, n, &p);
	if (err == 0)
		err = pci_msi(n, &p);
	if (err == 0 && !platform.pci) {
		platform.pci = kcalloc(s->of_kind[DT_PCI], sizeof(p));
		err = platform.pci ? 0 : -ENOMEM;
	}
	if (err) {
		kfree(p.windows);
		kfree(p.intx);
		kfree(p.msi);
		return err;
	}
	platform.pci[platform.pci_count++] = p;
	return 0;
}

static int (*const dt_readers[DT_KINDS])(struct dt_scan *, const struct dt_node *) = {
	[DT_MEMORY] = read_memory, [DT_CHOSEN] = read_chosen, [DT_CPU] = read_cpu, [DT_PSCI] = read_psci,
	[DT_GICV2] = read_gicv2, [DT_GICV3] = read_gicv3, [DT_V2M] = read_v2m, [DT_ITS] = read_its,
	[DT_TIMER] = read_timer, [DT_UART] = read_uart, [DT_RTC] = read_rtc, [DT_PCI] = read_pci,
	[DT_FRAMEBUFFER] = read_framebuffer, [DT_KEYS] = read_keys,	/* and pins only for the keys on them */
};

/* Note every node that we know and that is enabled. */
static int dt_collect(struct dt_scan *s, const void *dtb)
{
	struct dt_node n = { .fdt = dtb, .at = -1, .depth = -1 };

	while (dt_node_next(&n)) {
		enum dt_kind kind = dt_classify(&n);

		if (kind == DT_KINDS || !dt_enabled(&n))
			continue;
		if (s->count == s->room) {
			u32 room = s->room ? 2 * s->room : 32;
			struct dt_found *more = krealloc(s->found, s->room * sizeof(*more), room * sizeof(*more));

			if (!more)
				return -ENOMEM;
			s->found = more;
			s->room = room;
		}
		s->found[s->count++] = (struct dt_found){ kind, n };
		s->of_kind[kind]++;
	}
	return 0;
}

int platform_from_fdt(const void *dtb)
{
	struct dt_scan s = { .found = NULL };
	struct dt_node root = { .fdt = dtb, .at = 0 };
	const char *model;
	int err;

	if (!fdt_size(dtb)) {
		log_err("device tree: none was handed over, or its header is damaged");
		return -EINVAL;
	}
	model = dt_string(&root, "model");
	if (model)
		platform.model = kstrdup(model);
	if (!platform.model)
		return -ENOMEM;
	err = dt_collect(&s, dtb);
	/* The order of enum dt_kind: controllers before what is wired to them. */
	for (u32 kind = 0; kind < DT_KINDS && err != -ENOMEM; kind++)
		for (u32 i = 0; i < s.count && dt_readers[kind] && s.of_kind[kind] && err != -ENOMEM; i++)
			if (s.found[i].kind == kind)
				err = dt_readers[kind](&s, &s.found[i].node);
	kfree(s.found);
	/* A broken node is left out, with a message: the rest still serves. */
	return err == -ENOMEM ? err : 0;
}
