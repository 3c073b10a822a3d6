/*
 * The machine that Parallels Desktop makes, by its registers: a GICv3 whose messages come through a GICv2m frame, and
 * virtio-net of the legacy kind with its registers in a memory BAR and MSI-X in the next. The kernel's own objects, from
 * the tables of ACPI to the packet, find each other here as they do in the kernel's image.
 *
 * sources: fw/acpi*.c fw/aml*.c dev/device.c
 * sources: drivers/intc/gicv3.c drivers/intc/gicv3_lpi.c drivers/intc/gicv2m.c
 * sources: bus/bus.c drivers/pci/bus.c drivers/pci/ecam.c drivers/pci/scan.c drivers/pci/bar.c drivers/pci/irq.c drivers/pci/msix.c drivers/pci/msi.c
 * sources: drivers/pci/intx.c drivers/pci/slot.c drivers/virtio/virtio.c drivers/virtio/pci_legacy.c drivers/virtio/pci_modern.c
 * sources: drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c drivers/net/virtio_net*.c drivers/net/nic.c
 * sources: irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c net/napi.c net/pkt.c core/trace.c
 * libs: -Wl,-T,tests/unit/drivers/sections.ld
 */
#include <errno.h>
#include <sys/mman.h>
#include "unit.h"
#include "host.h"
#include "../fw/firmware.h"
#include "arch/arm64/upcall.h"
#include "dev/device.h"
#include "drivers/intc/gicv3.h"
#include "drivers/pci/pci_all.h"
#include "drivers/virtio/virtqueue.h"
#include "mm/dma.h"
#include "net/napi_internal.h"
#include "net/net.h"
#include "net/netif.h"

struct platform platform = { .model = "", .bootargs = "" };

#define GICD		0x02010000ull
#define FRAME		0x02250000ull
#define ECAM		0x02300000ull
#define GICR		0x02500000ull
#define WINDOW		0x10000000ull
#define WINDOW_SIZE	0x01000000ull
#define FIRST_SPI	53u
#define SPI_COUNT	64u
#define SLOT		5u
#define RING		16u

/* ---- memory that a 32-bit page number reaches ---- */

void *dma_alloc(size_t size)
{
	void *p = mmap(NULL, ALIGN_UP(size, 4096ul), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void dma_free(void *p, size_t size)
{
	if (p)
		munmap(p, ALIGN_UP(size, 4096ul));
}

/* ---- the interrupt controller ---- */

static struct gic {
	bool enabled[1024], pending[1024], active[1024], edge[1024];
	u32 acknowledged, ended;
	bool (*level)(u32 id);		/* lines that behave as levels, though they are set to edge */
	u32 sleeping;
	u64 iar, eoir, sre;
} gic = { .sleeping = 6 };

static u64 bits_read(const bool *of, u64 first)
{
	u64 v = 0;

	for (u32 i = 0; i < 32; i++)
		v |= (u64)of[first + i] << i;
	return v;
}

static void bits_write(bool *of, u64 first, u64 v, bool to)
{
	for (u32 i = 0; i < 32; i++)
		if (v >> i & 1)
			of[first + i] = to;
}

/* GICD registers, and those of the same offsets in the redistributor's second frame. */
static u64 lines_read(u64 at)
{
	u64 v = 0;

	if (at >= 0x100 && at < 0x180)
		return bits_read(gic.enabled, (at - 0x100) * 8);
	for (u32 i = 0; at >= 0xc00 && at < 0xd00 && i < 16; i++)
		v |= (u64)(gic.edge[(at - 0xc00) * 4 + i] ? 2 : 0) << 2 * i;
	return v;
}

static void lines_write(u64 at, u64 v)
{
	if (at >= 0x100 && at < 0x180)
		bits_write(gic.enabled, (at - 0x100) * 8, v, true);
	else if (at >= 0x180 && at < 0x200)
		bits_write(gic.enabled, (at - 0x180) * 8, v, false);
	else if (at >= 0x280 && at < 0x300)
		bits_write(gic.pending, (at - 0x280) * 8, v, false);
	for (u32 i = 0; at >= 0xc00 && at < 0xd00 && i < 16; i++)
		gic.edge[(at - 0xc00) * 4 + i] = v >> 2 * i & 2;
}

static u64 dist_read(void *arg, u64 at, unsigned width)
{
	return at == 4 ? 256 / 32 - 1 : lines_read(at);
}

static void dist_write(void *arg, u64 at, unsigned width, u64 v)
{
	lines_write(at, v);
}

static u64 redist_read(void *arg, u64 at, unsigned width)
{
	return at == 0x14 ? gic.sleeping : at == 8 ? 1 << 4 : at >= 0x10000 ? lines_read(at - 0x10000) : 0;
}

static void redist_write(void *arg, u64 at, unsigned width, u64 v)
{
	if (at == 0x14)
		gic.sleeping = v & 2 ? 6 : 0;
	else if (at >= 0x10000)
		lines_write(at - 0x10000, v);
}

static bool line_waits(u32 id)
{
	return gic.enabled[id] && !gic.active[id] && (gic.pending[id] || (gic.level && gic.level(id)));
}

static u32 line_next(void)
{
	for (u32 id = 0; id < 256; id++)
		if (line_waits(id))
			return id;
	return 1023;
}

/* The CPU interface: reading IAR acknowledges; what was written to EOIR counts from the next access on. */
u64 *host_sysreg(const char *name)
{
	static u64 other;

	if (gic.eoir) {
		EXPECT(gic.active[gic.eoir & 0x3ff]);
		gic.active[gic.eoir & 0x3ff] = false;
		gic.eoir = 0;
		gic.ended++;
	}
	if (!strcmp(name, "s3_0_c12_c12_0")) {
		gic.iar = line_next();
		if (gic.iar < 1020) {
			gic.pending[gic.iar] = false;
			gic.active[gic.iar] = true;
			gic.acknowledged++;
		}
		return &gic.iar;
	}
	if (!strcmp(name, "s3_0_c12_c12_1"))
		return &gic.eoir;
	if (!strcmp(name, "s3_0_c12_c12_5"))
		return &gic.sre;
	other = 0;
	return &other;
}

static void dispatch(void *arg)
{
	irq_dispatch(NULL);
}

static void gic_poke(void)
{
	if (line_next() < 1020)
		host_interrupt(dispatch, NULL);
}

/* A message: the line is pulsed. */
static void frame_write(void *arg, u64 at, unsigned width, u64 v)
{
	EXPECT_EQ(at, 0x40ull);
	EXPECT(v >= FIRST_SPI && v < FIRST_SPI + SPI_COUNT);
	EXPECT(gic.edge[v & 0x3ff]);
	gic.pending[v & 0x3ff] = true;
	gic_poke();
}

static u64 frame_read(void *arg, u64 at, unsigned width)
{
	return 0;			/* its ID registers say nothing: the table's numbers count */
}

/* ---- the card ---- */

static struct card {
	u8 config[4096];
	u8 msix[0x1000];
	u32 accepted, select, pfn[2];
	u16 vector[2], config_vector;
	u8 status;
	u32 kicks[2];
	u16 seen[2];
} card;

static struct virtq_desc *descs(u32 q) { return (void *)((u64)card.pfn[q] << 12); }
static struct virtq_avail *avail(u32 q) { return (void *)(descs(q) + RING); }
static struct virtq_used *used(u32 q)
{
	return (void *)ALIGN_UP((u64)avail(q) + 6 + 2 * RING, 4096ull);
}

static void card_config(void)
{
	u8 *c = card.config;

	put_unaligned_le16(0x1af4, c);
	put_unaligned_le16(0x1000, c + 2);
	put_unaligned_le16(0x10, c + 6);
	c[0x0b] = 2;
	put_unaligned_le16(0x1af4, c + 0x2c);
	put_unaligned_le16(1, c + 0x2e);
	c[0x34] = 0x40;
	c[0x3d] = 1;
	c[0x40] = 0x11;			/* MSI-X: three vectors, table and pending bits in BAR 1 */
	put_unaligned_le16(2, c + 0x42);
	put_unaligned_le32(1, c + 0x44);
	put_unaligned_le32(0x801, c + 0x48);
	for (u32 i = 0; i < 3; i++)
		card.msix[16 * i + 12] = 1;
}

static u64 ecam_read(void *arg, u64 at, unsigned width)
{
	u64 v = 0;

	if (at >> 12 != SLOT << 3)
		return ~0ull >> (64 - 8 * width);
	memcpy(&v, card.config + (at & 0xfff), width);
	return v;
}

static void ecam_write(void *arg, u64 at, unsigned width, u64 v)
{
	u32 reg = at & 0xfff;

	if (at >> 12 != SLOT << 3)
		return;
	if (reg == 0x10 || reg == 0x14)	/* 4 KiB of 32-bit memory each */
		v &= 0xfffff000;
	else if (reg >= 0x18 && reg < 0x34)
		return;
	else if (reg == 0x42)
		v = (v & 0xc000) | 2;
	else if (reg != 0x04)
		return;
	memcpy(card.config + reg, &v, width);
}

static u64 bar(u32 n) { return get_unaligned_le32(card.config + 0x10 + 4 * n); }

static u64 regs_read(u64 at)
{
	static const u8 mac[] = { 0x52, 0x54, 0, 1, 2, 3, 1, 0 };	/* and the link is up */

	switch (at) {
	case 0x00: return 1 << 5 | 1 << 16;		/* MAC, STATUS */
	case 0x08: return card.select < 2 ? card.pfn[card.select] : 0;
	case 0x0c: return card.select < 2 ? RING : 0;
	case 0x12: return card.status;
	case 0x14: return card.config_vector;
	case 0x16: return card.select < 2 ? card.vector[card.select] : 0xffff;
	case 0x18 ... 0x1f: return mac[at - 0x18];
	default: return 0;
	}
}

static void regs_write(u64 at, u64 v)
{
	switch (at) {
	case 0x04: card.accepted = v; break;
	case 0x08: if (card.select < 2) card.pfn[card.select] = v; break;
	case 0x0e: card.select = v; break;
	case 0x10: card.kicks[v & 1]++; break;
	case 0x12: card.status = v; break;
	case 0x14: card.config_vector = v; break;
	case 0x16: if (card.select < 2) card.vector[card.select] = v; break;
	default: unit_fail(__FILE__, __LINE__, "write of virtio register %#llx", (unsigned long long)at);
	}
}

static u64 window_read(void *arg, u64 at, unsigned width)
{
	u64 v = 0;

	at += WINDOW;
	if (at - bar(0) < 0x1000) {
		for (u32 i = 0; at - bar(0) >= 0x18 && i < width; i++)
			v |= regs_read(at - bar(0) + i) << 8 * i;
		return v ? v : regs_read(at - bar(0));
	}
	if (at - bar(1) < 0x1000)
		memcpy(&v, card.msix + (at - bar(1)), width);
	return v;
}

static void window_write(void *arg, u64 at, unsigned width, u64 v)
{
	at += WINDOW;
	if (at - bar(0) < 0x1000)
		regs_write(at - bar(0), v);
	else if (at - bar(1) < 0x1000)
		memcpy(card.msix + (at - bar(1)), &v, width);
}

static void card_message(u16 vector)
{
	const u8 *e = card.msix + 16 * vector;

	/* Enabled, and neither the function nor the vector masked. */
	if (vector < 3 && (get_unaligned_le16(card.config + 0x42) & 0xc000) == 0x8000 && !(e[12] & 1))
		mmio_write32((void *)get_unaligned_le64(e), get_unaligned_le32(e + 8));
}

/* A frame arrives; false: the ring is empty. The vector is raised unless the driver said that it need not be. */
static bool card_receive(const u8 *frame, u32 n)
{
	u8 bytes[2048] = { 0 };
	struct virtq_desc *d;
	u32 done = 0;
	u16 head;

	if (avail(0)->idx == card.seen[0])
		return false;
	head = avail(0)->ring[card.seen[0]++ % RING];
	memcpy(bytes + 10, frame, n);
	for (d = &descs(0)[head];; d = &descs(0)[d->next]) {
		u32 part = MIN(n + 10 - done, d->len);

		memcpy((void *)d->addr, bytes + done, part);
		done += part;
		if (!(d->flags & 1))
			break;
	}
	used(0)->ring[used(0)->idx % RING] = (struct virtq_used_elem){ head, n + 10 };
	__atomic_store_n(&used(0)->idx, used(0)->idx + 1, __ATOMIC_SEQ_CST);
	if (!(avail(0)->flags & 1))
		card_message(card.vector[0]);
	return true;
}

static struct host_mmio models[] = {
	{ .base = GICD, .size = 0x10000, .read = dist_read, .write = dist_write },
	{ .base = GICR, .size = 0x20000, .read = redist_read, .write = redist_write },
	{ .base = FRAME, .size = 0x1000, .read = frame_read, .write = frame_write },
	{ .base = ECAM, .size = 0x100000, .read = ecam_read, .write = ecam_write },
	{ .base = WINDOW, .size = WINDOW_SIZE, .read = window_read, .write = window_write },
};

/* ---- the stack ---- */

static struct netif *nif;
static struct pkt_queue received;

int netif_register(struct netif *n)
{
	static struct netif_stats counts;
	static struct netif_txq txq;

	n->stats = &counts;
	nif = n;
	snprintf(n->name, sizeof(n->name), "eth0");
	n->txqs = &txq;
	spin_init(&txq.lock, "netif.tx");
	return 0;
}

void netif_unregister(struct netif *n) { }
void netif_put(struct netif *n) { }
void netif_carrier(struct netif *n, bool on) { }
void netif_tx_wake(struct netif *n, u32 queue) { }
void netif_txqs_use(struct netif *n, u32 count) { }
void netif_rx(struct netif *n, struct pkt *p) { pkt_queue_push(&received, p); }
void netif_announce(struct netif *n) { }
void multicast_for_each(struct netif *n, void (*fn)(void *arg, const u8 mac[6]), void *arg) { }
int gicv3_its_cpu_open(void) { return 0; }

/* ---- the machine starts ---- */

static void start(void)
{
	struct bytes m, mcfg = { .used = 0 };
	static bool started;

	if (started)
		return;
	started = true;
	rom_begin();
	madt_begin(&m);
	madt_gicc(&m, 0, 1, 0, GICR, 0);
	madt_gicd(&m, GICD, 3);
	madt_frame(&m, FRAME, 1, SPI_COUNT, FIRST_SPI);
	madt_add(&m);
	mcfg_entry(&mcfg, ECAM, 0, 0, 0);
	mcfg_add(&mcfg);
	fadt_add(asl_add("DSDT", 2, false, "Device (\\_SB.PCI0) { Name (_HID, \"PNP0A08\") Name (_CCA, 1) Name (_BBN, 0)\n"
		"Name (_CRS, ResourceTemplate () { WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0, 0, 1)\n"
		"DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0x10000000, "
		"0x10FFFFFF, 0, 0x1000000) }) }"), 1);
	root_add(true, false);
	card_config();
	registers_identity = true;
	for (u32 i = 0; i < ARRAY_SIZE(models); i++)
		host_mmio_add(&models[i]);
	pkt_init();
	napi_init_all();
	pkt_queue_init(&received);
	EXPECT_EQ(platform_from_acpi(rsdp_at), 0);
	EXPECT_EQ(drivers_probe(DRIVER_INTC), 1);
	EXPECT_EQ(drivers_probe(DRIVER_MSI), 1);
	EXPECT_EQ(drivers_probe(DRIVER_BUS), 1);
	if (!nif) {
		unit_fail(__FILE__, __LINE__, "no network interface");
		exit(1);
	}
	EXPECT_EQ(nif->ops->open(nif), 0);
	host_run();
}

static void expect_frames(u32 first, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct pkt *p = pkt_queue_pop(&received);

		REQUIRE(p);
		EXPECT_EQ(p->len, 100u);
		EXPECT_EQ(p->data[50], (u8)(first + i));
		pkt_free(p);
	}
	EXPECT(!pkt_queue_pop(&received));
}

static void receive(u8 n)
{
	u8 frame[100];

	memset(frame, n, sizeof(frame));
	EXPECT(card_receive(frame, sizeof(frame)));
}

TEST(the_parts_find_each_other)
{
	start();
	EXPECT_EQ(platform.gic.version, 3);
	EXPECT_EQ(card.status, 7);		/* acknowledged, driver, running: there is no handshake about features */
	EXPECT_EQ(card.accepted & 1 << 5, 1u << 5);
	EXPECT_EQ(get_unaligned_le16(card.config + 0x42), 0x8002);
	EXPECT(card.vector[0] < 3 && card.vector[1] < 3);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(get_unaligned_le64(card.msix + 16 * i), FRAME + 0x40);
		EXPECT_EQ(get_unaligned_le32(card.msix + 16 * i + 8), FIRST_SPI + i);
		EXPECT(gic.edge[FIRST_SPI + i]);
	}
	EXPECT(gic.enabled[FIRST_SPI + card.vector[0]]);
	EXPECT(card.pfn[0] && card.pfn[1]);
}

TEST(frames_arrive_by_message_one_by_one_and_in_bursts)
{
	u32 before;

	start();
	before = gic.acknowledged;
	for (u32 i = 0; i < 100; i++) {
		receive(i);
		host_run();
		expect_frames(i, 1);
	}
	EXPECT_EQ(gic.acknowledged, before + 100);
	for (u32 i = 0; i < 50; i++) {
		u32 n = 1 + i % 6;

		for (u32 k = 0; k < n; k++)
			receive(k);
		host_run();
		expect_frames(0, n);
	}
	EXPECT_EQ(gic.acknowledged, gic.ended + (gic.eoir ? 1 : 0));
}

/* The driver says that it wants no interrupts, and the line falls: the card's own level of suppression is enough. */
static u32 storm;
static bool level_of_card(u32 id)
{
	bool up = id == FIRST_SPI + card.vector[0] && used(0)->idx != card.seen[1] && !(avail(0)->flags & 1);

	storm += up;
	return up && storm < 1000;
}

TEST(a_level_that_falls_when_the_card_is_told)
{
	start();
	gic.level = level_of_card;
	for (u32 i = 0; i < 20; i++) {
		storm = 0;
		receive(i);
		host_run();
		expect_frames(i, 1);
		card.seen[1] = used(0)->idx;		/* all are taken: the cause is gone */
		EXPECT(storm < 50);
	}
	gic.level = NULL;
	host_run();
	receive(77);
	host_run();
	expect_frames(77, 1);
}

/* The line stays up until the ring is drained, whatever the driver says: only masking it helps. */
static bool level_of_ring(u32 id)
{
	u16 taken = card.seen[1];

	/* A buffer that was used comes back when the driver has taken the frame. */
	return id == FIRST_SPI + card.vector[0] && used(0)->idx != taken && avail(0)->idx - used(0)->idx != RING / 2 &&
	       storm++ < 1000;
}

TEST(a_level_that_stays_until_the_ring_is_drained)
{
	struct irq_domain *d;

	start();
	d = pci_irq(pci_next(NULL), card.vector[0])->domain;
	d->flags |= IRQ_MASK_WHILE_POLLING;
	gic.level = level_of_ring;
	for (u32 i = 0; i < 20; i++) {
		storm = 0;
		receive(i);
		host_run();
		expect_frames(i, 1);
		EXPECT(storm < 50);
		card.seen[1] = used(0)->idx;
	}
	gic.level = NULL;
	receive(78);
	host_run();
	expect_frames(78, 1);
	d->flags &= ~IRQ_MASK_WHILE_POLLING;
}

/* A frame whose message comes between the last look at the ring and the opening of the vector is not left lying. */
TEST(nothing_is_lost_between_polls)
{
	u32 sent = 0, taken = 0;

	start();
	for (u32 i = 0; i < 2000; i++) {
		u32 n = 1 + unit_random_below(7);
		struct pkt *p;
		u8 frame[100];

		while (n--) {
			memset(frame, sent, sizeof(frame));
			sent += card_receive(frame, sizeof(frame));
		}
		if (unit_random_below(3))
			host_run();
		while ((p = pkt_queue_pop(&received))) {
			EXPECT_EQ(p->data[50], (u8)taken);
			taken++;
			pkt_free(p);
		}
	}
	host_run();
	for (struct pkt *p; (p = pkt_queue_pop(&received)); taken++)
		pkt_free(p);
	EXPECT_EQ(taken, sent);
}

TEST(nothing_is_left_behind)
{
	start();
	nif->ops->stop(nif);
	host_run();
	EXPECT(!gic.enabled[FIRST_SPI + card.vector[0]]);
	pkt_drain_caches();
}
