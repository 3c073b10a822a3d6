/*
 * What a panic before the UART driver runs is shown on: the PL011 that the
 * DTB's stdout-path or ACPI's SPCR names, as firmware left it, by polling. Nothing is read or
 * mapped until there is a panic. One that takes no character for longer than the slowest line needs (whoever is at its
 * other end holds it, or it was never switched on) is given up, and the machine ends without having said why.
 */
#include "drivers/uart/early.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/pgtable.h"
#include "core/clock.h"
#include "core/log.h"
#include "fw/platform.h"

#define UARTDR	0x000
#define UARTFR	0x018
#define FR_TXFF	0x20
#define REGS_SIZE	0x1000ul
#define CHARACTER_NS	(NSEC_PER_SEC / 5)	/* ten bits at 50 baud */
#define BLOCK	0x200000ul
#define WINDOW	(BOOT_WINDOW + 2 * BLOCK)	/* behind the DTB's two blocks, in the same tables */

static const void *early_dtb;
static u64 early_rsdp;
static u8 *regs;

static void out(char c)
{
	u64 end = clock_ns() + CHARACTER_NS;

	while (mmio_read32(regs + UARTFR) & FR_TXFF) {
		if (clock_ns() >= end) {
			regs = NULL;
			return;
		}
		cpu_relax();
	}
	mmio_write32(regs + UARTDR, (u8)c);
}

static void out_text(const char *s, size_t n)
{
	for (; n && regs; n--, s++) {
		if (*s == '\n')
			out('\r');
		if (regs)
			out(*s);
	}
}

/* Firmware may name a console where nothing answers: then there is none, and the panic goes on without. */
static void find(void)
{
	u64 base;
	u32 word;
	u8 *p;

	if (early_dtb ? !fdt_console(early_dtb, &base) : !early_rsdp || !acpi_console(early_rsdp, firmware_show, &base))
		return;
	if (pgtable_map_range(kernel_root, WINDOW, ALIGN_DOWN(base, BLOCK), BLOCK, PTE_READ | PTE_WRITE | PTE_DEVICE, NULL))
		return;
	p = (u8 *)WINDOW + (base & (BLOCK - 1));
	if (IS_ALIGNED(base, REGS_SIZE) && mmio_probe32(p + UARTFR, &word))
		regs = p;
}

static void early_write(struct log_sink *s, const char *text, size_t n)
{
}

static void early_write_panic(struct log_sink *s, const char *text, size_t n)
{
	static bool tried;

	if (!tried) {
		tried = true;
		find();
	}
	if (regs)
		out_text(text, n);
}

static struct log_sink early_sink = { .write = early_write, .write_panic = early_write_panic, .stand_in = true };

void early_console_start(const void *dtb, u64 rsdp)
{
	early_dtb = dtb;
	early_rsdp = rsdp;
	log_sink_add(&early_sink);
}
