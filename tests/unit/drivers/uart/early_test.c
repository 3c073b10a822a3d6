/*
 * The console of a panic that comes before drivers: on the UART that firmware names, or on none, but never another fault.
 *
 * sources:
 */
#include "unit.h"
#include "host.h"
#include "drivers/uart/early.c"

static u64 named;		/* the console's address by firmware; 0: none */
static bool no_table;
static char said[64];
static u32 said_count, full;	/* full: so many characters fit, and none is sent */

u64 kernel_root;
const void *firmware_show(u64 phys, size_t size) { return NULL; }
bool fdt_console(const void *dtb, u64 *base) { return (*base = named); }
bool acpi_console(u64 rsdp, acpi_map map, u64 *base) { return (*base = named); }

int pgtable_map_range(u64 root, u64 va, u64 pa, u64 size, u32 prot, pgtable_alloc alloc)
{
	EXPECT_EQ(va, WINDOW);
	EXPECT_EQ(pa, ALIGN_DOWN(named, BLOCK));
	return no_table ? -1 : 0;
}

static u64 uart_read(void *arg, u64 at, unsigned width)
{
	EXPECT_EQ(at, (named & (BLOCK - 1)) + UARTFR);
	if (full && said_count >= full) {
		host_clock += 10000;
		return FR_TXFF;
	}
	return 0;
}

static void uart_write(void *arg, u64 at, unsigned width, u64 value)
{
	EXPECT_EQ(at, named & (BLOCK - 1));
	said[said_count++] = value;
}

static struct host_mmio window = { .base = WINDOW, .size = BLOCK, .read = uart_read, .write = uart_write };

/* What a panic's text becomes on the console that firmware names. */
static const char *panic_on(u64 base)
{
	memset(said, 0, sizeof(said));
	said_count = 0;
	regs = NULL;
	named = base;
	early_console_start("", 0);
	host_mmio_add(&window);
	find();
	early_write_panic(NULL, "gone\n", 5);
	host_mmio_remove(&window);
	return said;
}

TEST(firmware_names_a_uart)
{
	EXPECT_STR(panic_on(0x9000000), "gone\r\n");
	EXPECT_STR(panic_on(0x9001000), "gone\r\n");
}

TEST(firmware_names_none)
{
	EXPECT_STR(panic_on(0), "");
	early_console_start(NULL, 0);
	find();
	EXPECT(!regs);
}

TEST(nothing_answers_there)
{
	host_hole = WINDOW;
	host_hole_size = BLOCK;
	EXPECT_STR(panic_on(0x9000000), "");
	host_hole_size = 0;
}

TEST(an_address_that_cannot_be)
{
	EXPECT_STR(panic_on(0x9000001), "");
	EXPECT_STR(panic_on(0x91ffff0), "");		/* its registers would end behind the window */
	EXPECT_STR(panic_on(~0ull), "");
	no_table = true;
	EXPECT_STR(panic_on(0x9000000), "");
	no_table = false;
}

TEST(one_that_takes_no_more)
{
	u64 before = host_clock;

	full = 3;
	EXPECT_STR(panic_on(0x9000000), "gon");
	EXPECT(!regs);
	EXPECT(host_clock - before < 2 * CHARACTER_NS);
	full = 0;
}
