/*
 * A panic before PCI is up (no memory, a broken device tree) still has to end
 * the virtual machine with an error: find the pvpanic device on bus 0 through
 * the ECAM that the DTB or ACPI's MCFG names, and tell it. With a DTB its memory
 * is given the start of the bridge's window. ACPI's window is known to nobody
 * yet: it takes the place that firmware gave to it, or to another device, which
 * has to be silent. Nothing is touched until there is a panic.
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
#define PCI_HEADER_TYPE	0x0e
#define PCI_BAR0	0x10
#define BUS_DEVICES	32u
#define DEVICE_SIZE	0x8000u		/* of configuration space in the ECAM: 8 functions of 4 KiB */
#define BLOCK		0x200000ul
#define WINDOW		(BOOT_WINDOW + 3 * BLOCK)	/* behind the DTB and the early UART, in the same tables */

static const void *early_dtb;
static u64 early_rsdp;

/* A block of device memory at the index-th place of the window; NULL: no tables. */
static u8 *map_block(u32 index, u64 phys)
{
	u64 va = WINDOW + index * BLOCK;

	if (pgtable_map_range(kernel_root, va, ALIGN_DOWN(phys, BLOCK), BLOCK, PTE_READ | PTE_WRITE | PTE_DEVICE, NULL))
		return NULL;
	return (u8 *)va + (phys & (BLOCK - 1));
}

/* Where firmware put the first memory range of a device, if it did, below 4 GiB. */
static u32 place_of(const u8 *config)
{
	u32 bars = mmio_read8(config + PCI_HEADER_TYPE) & 0x7f ? 2 : 6;

	for (u32 i = 0; i < bars; i++) {
		u32 v = mmio_read32(config + PCI_BAR0 + 4 * i), wide = (v & 7) == 4;

		if (!(v & 1) && v >> 4 && (!wide || i + 1 == bars || !mmio_read32(config + PCI_BAR0 + 4 * i + 4)))
			return v & ~0xfu;
		i += wide;
	}
	return 0;
}

static void notify(void)
{
	u8 *config, *memory, *found = NULL;
	u64 ecam, mem_pci = 0, mem_cpu = 0;
	u32 id;

	if (early_dtb ? !fdt_pci(early_dtb, &ecam, &mem_pci, &mem_cpu) :
	    !early_rsdp || !acpi_ecam(early_rsdp, firmware_show, &ecam))
		return;
	config = map_block(0, ecam);
	for (u32 i = 0; config && i < BUS_DEVICES && mmio_probe32(config, &id); i++, config += DEVICE_SIZE) {
		if (id == PVPANIC_ID)
			found = config;
		if (!early_dtb && id != ~0u && place_of(config)) {
			mem_pci = mem_cpu = place_of(config);
			mmio_write16(config + PCI_COMMAND, 0);
		}
	}
	memory = found && mem_cpu ? map_block(1, mem_cpu) : NULL;
	if (!memory)
		return;
	mmio_write32(found + PCI_BAR0, mem_pci);
	mmio_write16(found + PCI_COMMAND, PCI_MEMORY);
	mmio_write8(memory, 1);
}

void pvpanic_early_start(const void *dtb, u64 rsdp)
{
	early_dtb = dtb;
	early_rsdp = rsdp;
	machine_ops.panic_notify = notify;
}

void pvpanic_early_stop(void)
{
	early_dtb = NULL;
	early_rsdp = 0;
}
