/*
 * The ITS over a model that reads its commands and tables from memory and refuses what the architecture does not allow:
 * how tables are made within its limits, how messages arrive, move and are shut, and what happens when it is silent.
 *
 * sources: drivers/intc/gicv3_lpi.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include <errno.h>
#include <sanitizer/lsan_interface.h>
#include "unit.h"
#include "host.h"
#include "drivers/intc/gicv3_its.c"

#define ITS_BASE	0x700000008080000ull
#define REDIST_BASE	0x7000000080a0000ull
#define DEVICES		8

struct platform platform = { .cpu_count = 1, .gic.version = 3 };

/* ---- what the cache holds back from one that does not look into it ---- */

static struct written { u64 line; u8 bytes[64]; struct written *next; } *written[1024];

static struct written *written_line(u64 line)
{
	struct written *w = written[line / 64 % ARRAY_SIZE(written)];

	while (w && w->line != line)
		w = w->next;
	return w;
}

static void note_cleaned(const void *p, size_t n)
{
	for (u64 at = (u64)p & ~63ull; at < (u64)p + n; at += 64) {
		struct written *w = written_line(at);

		if (!w) {
			w = malloc(sizeof(*w));
			*w = (struct written){ .line = at, .next = written[at / 64 % ARRAY_SIZE(written)] };
			written[at / 64 % ARRAY_SIZE(written)] = w;
		}
		memcpy(w->bytes, (void *)at, 64);
	}
}

/* ---- the model ---- */

static struct model {
	/* What it is. */
	u64 typer;
	u64 baser[8];			/* fixed bits, and which kinds of table there are */
	u64 page_size_fixed;		/* of tables; 0: any */
	bool indirect, coherent, silent;
	/* What it was told. */
	u32 ctlr;
	u64 cbaser, cwriter, creadr;
	u64 baser_now[8];
	bool collection[256], fresh[256];	/* known; what its redistributor keeps has been read again since */
	struct {
		bool valid;
		u32 id, bits;
		u64 itt;
		struct { u32 lpi, cpu; bool mapped; } event[64];
	} device[DEVICES];
	bool enabled[1024];		/* as the redistributor has cached it, from LPI_FIRST on */
	bool pending[1024];
	u32 stalls, moved;
} its;

static u64 redist_propbaser;

/* n bytes at an address, as the ITS or a redistributor sees them. */
static u64 seen(u64 at, u32 n)
{
	u64 v = 0;

	if (its.coherent) {
		memcpy(&v, (void *)at, n);
	} else {
		struct written *w = written_line(at & ~63ull);

		if (w)
			memcpy(&v, w->bytes + at % 64, n);
		else
			unit_fail(__FILE__, __LINE__, "read of %#llx, which was not written back", (unsigned long long)at);
	}
	return v;
}

static u64 table_of(u32 type)
{
	for (u32 i = 0; i < 8; i++)
		if (BASER_TYPE(its.baser[i]) == type)
			return its.baser_now[i] | (its.baser[i] & (0x1full << 48));
	return 0;
}

/* The place of an entry is inside the table. */
static bool has_place(u64 baser, u64 n)
{
	u64 page = 0x1000ull << 2 * BASER_PAGE_SIZE(baser), size = ((baser & 0xff) + 1) * page;
	u64 entry = BASER_ENTRY_SIZE(baser), l1, at = baser & 0xfffffffff000ull;

	if (!(baser & TABLE_VALID))
		return false;
	EXPECT_EQ(at % page, 0ull);
	if (!(baser & BASER_INDIRECT))
		return (n + 1) * entry <= size;
	if ((n / (page / entry) + 1) * 8 > size)
		return false;
	l1 = seen(at + n / (page / entry) * 8, 8);
	return l1 >> 63 && (l1 & (page - 1)) == 0;
}

static u32 device_bits(void) { return (its.typer >> 13 & 0x1f) + 1; }
static u32 event_bits(void) { return (its.typer >> 8 & 0x1f) + 1; }

static bool collection_known(u32 n)
{
	return n < ARRAY_SIZE(its.collection) && its.collection[n];
}

static bool command(const u64 *c)
{
	u32 op = c[0] & 0xff, id = c[0] >> 32, event = c[1], d = 0, lpi;

	if (op == COMMAND_SYNC)
		return c[2] == (its.typer & TYPER_PTA ? REDIST_BASE : 3u << 16);
	if (op == COMMAND_MAPC) {
		u32 n = c[2] & 0xffff;

		if (n >= TYPER_HCC(its.typer) && !has_place(table_of(TABLE_COLLECTIONS), n - TYPER_HCC(its.typer)))
			return false;
		if (its.typer & TYPER_CIL && n >> TYPER_CID_BITS(its.typer))
			return false;
		its.fresh[n] = false;
		return its.collection[n] = true;
	}
	if (op == COMMAND_INVALL)
		return its.fresh[c[2] & 0xffff] = collection_known(c[2] & 0xffff);
	while (d < DEVICES && !(its.device[d].valid && its.device[d].id == id))
		d++;
	if (op == COMMAND_MAPD) {
		if ((u64)id >> device_bits() || !has_place(table_of(TABLE_DEVICES), id) || (c[1] & 0x1f) + 1 > event_bits())
			return false;
		for (u32 free = 0; d == DEVICES && free < DEVICES; free++)
			d = its.device[free].valid ? d : free;
		memset(&its.device[d], 0, sizeof(its.device[d]));
		its.device[d].valid = c[2] >> 63;
		its.device[d].id = id;
		its.device[d].bits = (c[1] & 0x1f) + 1;
		its.device[d].itt = c[2] & 0xfffffffffff00ull;
		/* Its memory is zero where the ITS will look. */
		for (u64 i = 0; its.device[d].valid && i < (((its.typer >> 4 & 0xf) + 1) << its.device[d].bits); i += 8)
			EXPECT_EQ(seen(its.device[d].itt + i, 8), 0ull);
		return true;
	}
	if (d == DEVICES || event >> its.device[d].bits)
		return false;
	lpi = its.device[d].event[event].lpi - LPI_FIRST;
	switch (op) {
	case COMMAND_MAPTI:
		its.device[d].event[event].lpi = c[1] >> 32;
		its.device[d].event[event].cpu = c[2] & 0xffff;
		its.device[d].event[event].mapped = true;
		return c[1] >> 32 >= LPI_FIRST && collection_known(c[2] & 0xffff) && its.fresh[c[2] & 0xffff];
	case COMMAND_MOVI:
		its.moved++;
		its.device[d].event[event].cpu = c[2] & 0xffff;
		return its.device[d].event[event].mapped && collection_known(c[2] & 0xffff) && its.fresh[c[2] & 0xffff];
	case COMMAND_INV:
		if (!its.device[d].event[event].mapped)
			return false;
		its.enabled[lpi] = seen((redist_propbaser & 0xfffffffff000ull) + lpi, 1) & 1;
		return true;
	case COMMAND_DISCARD:
		its.device[d].event[event].mapped = false;
		return true;
	default:
		return false;
	}
}

static void commands_run(void)
{
	while (its.ctlr & 1 && its.creadr != its.cwriter) {
		u64 c[4];

		for (u32 i = 0; i < 4; i++)
			c[i] = seen((its.cbaser & 0xfffffffff000ull) + its.creadr + 8 * i, 8);
		if (!command(c)) {
			unit_fail(__FILE__, __LINE__, "command %#llx %#llx %#llx is refused", (unsigned long long)c[0],
				  (unsigned long long)c[1], (unsigned long long)c[2]);
			its.stalls++;
			its.creadr |= CREADR_STALLED;
			return;
		}
		its.creadr = (its.creadr + 32) % (((its.cbaser & 0xff) + 1) * 0x1000);
	}
}

static u64 its_read(void *arg, u64 at, unsigned width)
{
	switch (at) {
	case GITS_CTLR: return its.ctlr | (its.ctlr & 1 ? 0 : CTLR_QUIESCENT);
	case GITS_TYPER: return its.typer;
	case GITS_CBASER: return its.cbaser;
	case GITS_CREADR:
		if (its.silent)
			host_clock += 10000000;		/* who waits sees time pass */
		return its.creadr;
	}
	if (at >= GITS_BASER && at < GITS_BASER + 64) {
		u64 v = its.baser_now[(at - GITS_BASER) / 8], fixed = its.baser[(at - GITS_BASER) / 8];

		v = (v & ~(7ull << 56 | 0x1full << 48)) | fixed;
		return its.page_size_fixed ? (v & ~(3ull << 8)) | (its.page_size_fixed - 1) << 8 : v;
	}
	unit_fail(__FILE__, __LINE__, "read of ITS register %#llx", (unsigned long long)at);
	return 0;
}

static void its_write(void *arg, u64 at, unsigned width, u64 v)
{
	u64 keep = its.coherent ? ~0ull : ~(3ull << TABLE_SHAREABILITY);

	if (at == GITS_CTLR) {
		its.ctlr = v & 1;
	} else if (at == GITS_CBASER) {
		its.cbaser = v & keep;
		its.creadr = 0;
	} else if (at == GITS_CWRITER) {
		its.cwriter = v;
		if (!its.silent)
			commands_run();
	} else if (at >= GITS_BASER && at < GITS_BASER + 64) {
		its.baser_now[(at - GITS_BASER) / 8] = v & keep & (its.indirect ? ~0ull : ~BASER_INDIRECT);
	} else {
		unit_fail(__FILE__, __LINE__, "write of ITS register %#llx", (unsigned long long)at);
	}
}

static u32 redist_ctlr;

static u64 redist_read(void *arg, u64 at, unsigned width)
{
	return at == 0x0008 ? 1 : at == 0 ? redist_ctlr : at == 0x0070 ? redist_propbaser : 0;
}

static void redist_write(void *arg, u64 at, unsigned width, u64 v)
{
	if (at == 0)
		redist_ctlr = v;
	else if (at == 0x0070)
		redist_propbaser = v & ~(3ull << 10);	/* not coherent: what is cleaned is seen either way */
}

static struct host_mmio its_regs = { .base = ITS_BASE, .size = ITS_SIZE, .read = its_read, .write = its_write };
static struct host_mmio redist_regs = { .base = REDIST_BASE, .size = 0x20000, .read = redist_read, .write = redist_write };

/* ---- gicv3.c's part ---- */

static struct gicv3_redist redists[2] = {
	{ .frames = (u8 *)REDIST_BASE, .phys = REDIST_BASE, .processor = 3 },
	{ .frames = (u8 *)REDIST_BASE, .phys = REDIST_BASE, .processor = 3 },
};
struct gicv3_redist *gicv3_redist_of(u32 cpu) { return &redists[cpu]; }
u32 gicv3_lpi_bits(void) { return 16; }
bool gicv3_settle(const u8 *reg, u32 bits, u32 want) { return (mmio_read32(reg) & bits) == want; }

/* A device's message arrives: the LPI is pending, and delivered if it may be. */
static void message(struct irq *irq, u32 id)
{
	for (u32 d = 0; d < DEVICES; d++) {
		u32 lpi = its.device[d].event[irq->msi_data].lpi;

		if (!its.device[d].valid || its.device[d].id != id || !its.device[d].event[irq->msi_data].mapped)
			continue;
		its.pending[lpi - LPI_FIRST] = true;
	}
}

static void dispatch(void *arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(its.pending); i++)
		if (its.pending[i] && its.enabled[i]) {
			its.pending[i] = false;
			irq_handle(gicv3_lpi(LPI_FIRST + i)->irq);
		}
}

static enum irq_result handler(void *arg)
{
	++*(u32 *)arg;
	return IRQ_HANDLED;
}

/* ---- one of the usual kind: 16 bits of devices and events, two levels ---- */

#define TYPER(devices, events, entry) (TYPER_PHYSICAL | (u64)((devices) - 1) << 13 | (u64)((events) - 1) << 8 | ((entry) - 1) << 4)
#define KIND(type, entry)	((u64)(type) << 56 | (u64)((entry) - 1) << 48)

static void usual(void)
{
	static bool once;

	if (!once) {
		host_mmio_add(&its_regs);
		host_mmio_add(&redist_regs);
		host_cache_cleaned = note_cleaned;
		once = true;
	}
	its = (struct model){ .typer = TYPER(16, 16, 12), .indirect = true, .coherent = true };
	its.baser[0] = KIND(TABLE_DEVICES, 8);
	its.baser[1] = KIND(TABLE_COLLECTIONS, 8);
}

static struct msi_controller *found(void)
{
	static u64 ref = 0x100;
	struct platform_its fw = { .reg = { ITS_BASE, ITS_SIZE }, .ref = ++ref };

	return its_add(&fw) ? NULL : msi_controller_find(ref);
}

/* n messages of a device arrive, each at its handler; then all is given back. */
static void check_device(struct msi_controller *c, u32 id, u32 n)
{
	struct irq *irqs[64];
	u32 hits[64] = { 0 };

	EXPECT_EQ(c->alloc(c, id, n, false, "MSIX", irqs), 0);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(irqs[i]->msi_address, ITS_BASE + GITS_TRANSLATER);
		EXPECT_EQ(irq_attach(irqs[i], handler, &hits[i], "x"), 0);
		message(irqs[i], id);
	}
	host_interrupt(dispatch, NULL);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(hits[i], 0u);			/* kept until the vector is opened */
		irq_unmask(irqs[i]);
	}
	host_interrupt(dispatch, NULL);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(hits[i], 1u);
		irq_mask(irqs[i]);
		message(irqs[i], id);
	}
	host_interrupt(dispatch, NULL);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(hits[i], 1u);
		its.pending[irqs[i]->hwirq - LPI_FIRST] = false;
		irq_detach(irqs[i], &hits[i]);
	}
	c->free(c, irqs, n);
	for (u32 d = 0; d < DEVICES; d++)
		EXPECT(!its.device[d].valid);
	EXPECT_EQ(its.stalls, 0u);
}

TEST(messages_arrive_and_are_shut)
{
	struct msi_controller *c;

	usual();
	c = found();
	REQUIRE(c);
	check_device(c, 0, 1);
	check_device(c, 0x08, 3);
	check_device(c, 0xffff, 64);
}

TEST(several_devices_and_vectors_that_come_later)
{
	struct msi_controller *c;
	struct irq *a[3], *b[4], *more[29];

	usual();
	c = found();
	REQUIRE(c);
	EXPECT_EQ(c->alloc(c, 8, 3, false, "MSIX", a), 0);
	EXPECT_EQ(c->alloc(c, 16, 4, true, "MSI", b), 0);
	EXPECT_EQ(b[0]->msi_data % 4, 0u);
	EXPECT_EQ(c->alloc(c, 8, 30, false, "MSIX", more), -ENOSPC);
	EXPECT_EQ(c->alloc(c, 8, 29, false, "MSIX", more), 0);
	c->free(c, more, 29);
	c->free(c, b, 4);
	c->free(c, a, 3);
	EXPECT_EQ(its.stalls, 0u);
}

TEST(the_largest_limits_there_are)
{
	struct msi_controller *c;
	struct irq *irqs[1];

	usual();
	its.typer = TYPER(32, 32, 16);
	c = found();
	REQUIRE(c);
	check_device(c, 0x10008, 3);
	/* A first level of 256 pages has room for 2^26 of them. */
	check_device(c, (1u << 26) - 1, 1);
	EXPECT_EQ(c->alloc(c, 1u << 26, 1, false, "MSIX", irqs), -EINVAL);
	EXPECT_EQ(c->alloc(c, ~0u, 1, false, "MSIX", irqs), -EINVAL);
}

TEST(the_smallest_limits_there_are)
{
	struct msi_controller *c;
	struct irq *irqs[5];

	usual();
	its.typer = TYPER(4, 2, 1);
	its.indirect = false;
	c = found();
	REQUIRE(c);
	check_device(c, 15, 4);
	EXPECT_EQ(c->alloc(c, 8, 5, false, "MSIX", irqs), -ENOSPC);
	EXPECT_EQ(c->alloc(c, 16, 1, false, "MSIX", irqs), -EINVAL);
}

TEST(flat_tables_hold_what_fits)
{
	struct msi_controller *c;
	struct irq *irqs[1];

	usual();
	its.typer = TYPER(20, 16, 12);
	its.indirect = false;
	its.baser[0] = KIND(TABLE_DEVICES, 32);
	c = found();
	REQUIRE(c);
	check_device(c, 0x7fff, 3);			/* 256 pages of 4 KiB */
	EXPECT_EQ(c->alloc(c, 0x8000, 1, false, "MSIX", irqs), -EINVAL);
}

TEST(pages_of_tables_have_the_size_that_is_fixed)
{
	for (u64 fixed = 2; fixed <= 3; fixed++)
		for (u32 indirect = 0; indirect < 2; indirect++) {
			struct msi_controller *c;

			usual();
			its.page_size_fixed = fixed;
			its.indirect = indirect;
			c = found();
			REQUIRE(c);
			check_device(c, 0xfff8, 3);
		}
}

TEST(an_its_that_does_not_look_into_caches)
{
	for (u32 indirect = 0; indirect < 2; indirect++) {
		struct msi_controller *c;

		usual();
		its.coherent = false;
		its.indirect = indirect;
		c = found();
		REQUIRE(c);
		check_device(c, 0x10, 3);
		check_device(c, 0xf210, 33);
	}
}

TEST(redistributors_are_named_as_it_wants)
{
	struct msi_controller *c;

	usual();
	its.typer |= TYPER_PTA;
	c = found();
	REQUIRE(c);
	check_device(c, 8, 1);
}

TEST(collections_have_a_limit)
{
	/* All in the ITS; and fewer bits than CPUs. */
	static const u64 typers[] = { 2ull << 24, TYPER_CIL | 0ull << 32 };

	for (u32 i = 0; i < 2; i++) {
		struct msi_controller *c;
		struct irq *irqs[1];

		usual();
		its.typer |= typers[i];
		if (i == 0)
			its.baser[1] = 0;
		c = found();
		REQUIRE(c);
		EXPECT_EQ(its_map_collection(its_first, 1), 0);
		EXPECT_EQ(its_map_collection(its_first, 2), -ENOSPC);
		EXPECT(host_log_has("it sends to 2 CPUs only: no messages for CPU 2"));
		check_device(c, 8, 3);
		/* A vector goes to a CPU that it can send to, and nowhere else. */
		redists[1].lpis = true;
		EXPECT_EQ(c->alloc(c, 8, 1, false, "MSIX", irqs), 0);
		EXPECT_EQ(irqs[0]->domain->ops->set_affinity(irqs[0], 1), 0);
		EXPECT_EQ(its.moved, 1u);
		redists[1].lpis = false;
		EXPECT_EQ(irqs[0]->domain->ops->set_affinity(irqs[0], 1), -EINVAL);
		c->free(c, irqs, 1);
	}
}

TEST(one_for_virtual_machines_only)
{
	usual();
	its.typer &= ~TYPER_PHYSICAL;
	EXPECT(!found());
	EXPECT(host_log_has("virtual interrupts only"));
}

TEST(silent_from_the_first_command_on)
{
	usual();
	its.silent = true;
	__lsan_disable();		/* what it was given it may still read and write */
	EXPECT(!found());
	__lsan_enable();
	EXPECT(host_log_has("ITS: no answer to command 0x9; it is out of service"));
	host_run();
}

/* The vectors that there are go on by a timer, opened before or after; new ones are refused at once. */
TEST(it_stops_answering)
{
	u32 early = 0, late = 0, other = 0;
	struct irq *irqs[3], *more[1];
	struct msi_controller *c;
	u64 before;

	usual();
	c = found();
	REQUIRE(c);
	EXPECT_EQ(c->alloc(c, 8, 3, false, "MSIX", irqs), 0);
	EXPECT_EQ(irq_attach(irqs[0], handler, &early, "early"), 0);
	EXPECT_EQ(irq_attach(irqs[1], handler, &late, "late"), 0);
	EXPECT_EQ(irq_attach(irqs[2], handler, &other, "other"), 0);
	irq_unmask(irqs[0]);
	its.silent = true;
	irq_unmask(irqs[1]);
	EXPECT(host_log_has("ITS: no answer to command 0xc; it is out of service"));
	host_clock_advance(1000000000);
	EXPECT(host_log_has("ITS-MSI: its 3 lines are polled at 100 Hz from now on"));
	EXPECT(early >= 90);
	EXPECT(late >= 90);
	EXPECT_EQ(other, 0u);
	before = host_clock;
	irq_unmask(irqs[2]);
	EXPECT_EQ(c->alloc(c, 16, 1, false, "MSIX", more), -EIO);
	EXPECT_EQ(host_clock, before);			/* nobody waits for it again */
	host_clock_advance(1000000000);
	EXPECT(other >= 90);
	irq_detach(irqs[0], &early);
	irq_detach(irqs[1], &late);
	irq_detach(irqs[2], &other);
	c->free(c, irqs, 3);
	EXPECT_EQ(host_timer_next(), ~0ull);
}

TEST(no_memory_on_the_way)
{
	struct msi_controller *c;
	struct irq *irqs[3];
	u64 live;

	usual();
	c = found();
	REQUIRE(c);
	/* What stays: the page of the device table that this device is in, the records of LPIs. */
	EXPECT_EQ(c->alloc(c, 8, 3, false, "MSIX", irqs), 0);
	c->free(c, irqs, 3);
	live = host_alloc_live();
	for (u32 nth = 1; nth <= 6; nth++) {
		host_alloc_fail(nth);
		EXPECT_EQ(c->alloc(c, 8, 3, false, "MSIX", irqs), -ENOMEM);
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
	check_device(c, 8, 3);
}
