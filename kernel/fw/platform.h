/*
 * What firmware said of this machine: the only source of addresses. fw/fdt.c
 * fills it from the DTB, fw/acpi.c from ACPI; drivers read it. Arrays
 * are allocated to the size found. Nothing is guessed: absent means count 0 or
 * present false, and who needs it says so.
 */
#pragma once
#include "base/defs.h"
#include "fw/boot_info.h"
#include "irq/irq.h"

struct platform_range { u64 base, size; };

/* enable_method in the device tree's words, "parking-protocol" from ACPI alone; NULL: firmware does not say. */
struct platform_cpu { u64 mpidr; const char *enable_method; u64 release_addr; /* "spin-table": physical; 0: none */ };

/* Requesters [rid_base, rid_base + count) are the device IDs from id_base on at the MSI controller ref. */
#define PLATFORM_RIDS	0x10000u	/* requesters of a segment: bus, device, function */
struct platform_msi_map { u32 rid_base, count, id_base; u64 ref; };

/* A PCI host bridge: ECAM window, address windows, INTx routing, MSI mapping. */
struct platform_pci_window { u64 cpu, pci, size; u8 kind; /* 1 I/O, 2 mem32, 3 mem64 */ bool prefetch; };
#define PLATFORM_BRIDGES	7u
struct platform_pci_intx {
	u32 devfn_mask_slot, pin, intid; enum irq_trigger trigger;
	u8 depth, bridges[PLATFORM_BRIDGES];	/* the bus: behind these bridges, devfn by devfn from the root bus on */
};
struct platform_pci {
	struct platform_range ecam;
	u16 segment; u8 bus_first, bus_last;
	struct platform_pci_window *windows; u32 window_count;
	/* interrupt-map rows: (slot & intx_slot_mask, pin 1..4) -> line. The mask is the root bus's alone */
	struct platform_pci_intx *intx; u32 intx_count; u32 intx_slot_mask;
	/* msi-map or msi-parent, IORT: the first row that has the requester; none at all: firmware does not say */
	struct platform_msi_map *msi; u32 msi_count;
	u32 msi_rid_mask;			/* of the requester's bits, those that are looked up */
	bool coherent;				/* its devices see what is in caches */
	bool slots_kept;			/* firmware looks after the slots for cards itself */
};

struct platform {
	const char *model;			/* "linux,dummy-virt" */
	const char *bootargs;			/* command line, "" when none */
	struct platform_range *memory; u32 memory_count;
	struct platform_range initrd;		/* physical; size 0: none */
	u8 rng_seed[64]; u32 rng_seed_len;
	struct platform_cpu *cpus; u32 cpu_count;
	struct { u8 version; struct platform_range dist, cpu, *redist; u32 redist_count; } gic; /* version 0: none */
	/* spi_count 0: read MSI_TYPER */
	struct platform_msi_frame { struct platform_range reg; u64 ref; u32 spi_base, spi_count; } *v2m;
	u32 v2m_count;
	struct platform_its { struct platform_range reg; u64 ref; } *its; u32 its_count;
	struct { u32 virt_intid, phys_intid; enum irq_trigger trigger; } timer; /* 0: none */
	/* PL011 of stdout-path */
	struct { bool present; struct platform_range reg; u32 intid; enum irq_trigger trigger; u32 clock_hz; } uart;
	struct { bool present; struct platform_range reg; u32 intid; } rtc; /* PL031 */
	struct { bool present, hvc; } psci;
	/* An interrupt that says that somebody wants the machine off. With a register: if it then has a bit of mask. */
	struct { bool present; u32 intid; enum irq_trigger trigger; struct platform_range reg; u64 mask; } power_button;
	/* The same as a pin of a PL061. */
	struct {
		bool present, active_low;
		u8 pin;
		u32 intid;
		enum irq_trigger trigger;
		struct platform_range reg;
	} power_key;
	struct platform_pci *pci; u32 pci_count;
	/* From UEFI; all 0 when something else booted us. */
	struct { u64 rsdp, smbios, system_table; } efi;
	struct boot_framebuffer framebuffer;	/* size 0: none */
};

extern struct platform platform;

/* Before memory exists: the RAM banks, reservations, initrd and command line, by call-back. -EINVAL: not a DTB. */
int fdt_early(const void *dtb, void (*memory)(u64 base, u64 size), void (*reserve)(u64 base, u64 size), char *bootargs,
	size_t bootargs_size);
/* Bytes of the tree at dtb; 0: not a DTB. Any context. */
u32 fdt_size(const void *dtb);
/* Does it describe the machine (Devicetree Specification 2.3.1, 3.2)? Beside ACPI a boot loader may make one that
 * has nothing but /chosen. */
bool fdt_is_machine(const void *dtb);
/* After slab: the rest. Copies what it keeps: the tree's memory may be given back afterwards. Process or boot context.
 * Broken nodes are left out with a message. -EINVAL: no tree; -ENOMEM. */
int platform_from_fdt(const void *dtb);
/* The PL011 that stdout-path names, for a panic before platform is filled: its physical address. False: none. */
bool fdt_console(const void *dtb, u64 *base);
/* Is there PSCI, and is its conduit HVC (else SMC)? For a panic before platform is filled. */
bool fdt_psci(const void *dtb, bool *hvc);
/*
 * After slab, on a machine with ACPI: all but memory, initrd and command line, which UEFI tells. rsdp: its physical
 * address. Tables, entries and devices that are broken are left out with a message; nothing of the tables is needed
 * afterwards. -EINVAL: no tables, or none that says of an interrupt controller (platform is as it was: a DTB may do);
 * -ENOMEM.
 */
int platform_from_acpi(u64 rsdp);
/* Shows size bytes of physical memory, until it is called again. NULL: it can't. */
typedef const void *(*acpi_map)(u64 phys, size_t size);
/* Such a function before there are pages: boot context. Of memory that firmware's map has, up to 2 MiB at a time. */
const void *firmware_show(u64 phys, size_t size);
/* As fdt_console and fdt_psci, from SPCR and FADT. Any context in which map may be called; nothing is allocated. */
bool acpi_console(u64 rsdp, acpi_map map, u64 *base);
bool acpi_psci(u64 rsdp, acpi_map map, bool *hvc);
/* From MCFG, where the configuration space of the first host begins, whose first bus is 0. */
bool acpi_ecam(u64 rsdp, acpi_map map, u64 *ecam);
/* The first PCI host bridge: its ECAM, and where its 32-bit memory window begins on either side. For the same. */
bool fdt_pci(const void *dtb, u64 *ecam, u64 *mem_pci, u64 *mem_cpu);

/* The EFI stub's block, if it is what start.S was handed (mapped, or NULL); else NULL. Any context. */
const struct boot_info *boot_info_find(const void *boot);
/* The device tree in it, or NULL. */
const void *boot_info_dtb(const struct boot_info *info);
/* As fdt_early, from the block: also the memory of ACPI's tables is reserved. */
void boot_info_early(const struct boot_info *info, void (*memory)(u64 base, u64 size),
		     void (*reserve)(u64 base, u64 size), char *bootargs, size_t bootargs_size);
/* After slab, and after platform_from_fdt or platform_from_acpi: memory, initrd, seed, framebuffer, tables' addresses.
 * bootargs is copied. Boot context. -ENOMEM. */
int platform_from_boot_info(const struct boot_info *info, const char *bootargs);
