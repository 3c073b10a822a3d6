/*
 * A panic before PCI is up (no memory, a broken device tree) still has to end
 * the virtual machine with an error: find the pvpanic device on bus 0 through
 * the ECAM that the DTB names, give its memory the start of the bridge's
 * window, and tell it. Nothing is touched until there is a panic.
 *
 * Source: QEMU, docs/specs/pvpanic; PCI Local Bus 3.0, 6.1 and 6.2.5.
 */
#include "drivers/misc/pvpanic_early.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/pgtable.h"
#include "core/panic.h"
#include "fw/platform.h"

#define PVPANIC_ID	0x00111b36u
#define PCI_COMMAND	0x04
#define PCI_MEMORY	2u
#define PCI_BAR0	0x10
#define BUS_DEVICES	32u
#define DEVICE_SIZE	0x8000u		/* of configuration space in the ECAM: 8 functions of 4 KiB */
#define BLOCK		0x200000ul
#define WINDOW		(BOOT_WINDOW + 3 * BLOCK)	/* behind the DTB and the early UART, in the same tables */

static const void *early_dtb;

/* A block of device memory at the index-th place of the window; NULL: no tables. */
static u8 *map_block(u32 index, u64 phys)
{
	u64 va = WINDOW + index * BLOCK;

	if (pgtable_map_range(kernel_root, va, ALIGN_DOWN(phys, BLOCK), BLOCK, PTE_READ | PTE_WRITE | PTE_DEVICE, NULL))
		return NULL;
	return (u8 *)va + (phys & (BLOCK - 1));
}

static void notify(void)
{
	u64 ecam, mem_pci, mem_cpu;
	u8 *config, *memory;

	if (!early_dtb || !fdt_pci(early_dtb, &ecam, &mem_pci, &mem_cpu))
		return;
	config = map_block(0, ecam);
	memory = map_block(1, mem_cpu);
	if (!config || !memory)
		return;
	for (u32 i = 0; i < BUS_DEVICES; i++, config += DEVICE_SIZE) {
		if (mmio_read32(config) != PVPANIC_ID)
			continue;
		mmio_write32(config + PCI_BAR0, mem_pci);
		mmio_write16(config + PCI_COMMAND, mmio_read16(config + PCI_COMMAND) | PCI_MEMORY);
		mmio_write8(memory, 1);
		return;
	}
}

void pvpanic_early_start(const void *dtb)
{
	early_dtb = dtb;
	machine_ops.panic_notify = notify;
}

void pvpanic_early_stop(void)
{
	early_dtb = 0;
}
