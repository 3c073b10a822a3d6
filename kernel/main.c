/*
 * The boot, as one list. arch/ calls kernel_entry on the boot CPU, with the
 * image mapped and interrupts masked; it makes memory, time and the first
 * threads, then becomes the idle thread. The init thread brings up everything
 * that may sleep and turns into the first program.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/pgtable.h"
#include "arch/arm64/psci.h"
#include "arch/arm64/upcall.h"
#include "base/endian.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/param.h"
#include "core/random.h"
#include "cpus.h"
#include "dev/device.h"
#include "drivers/misc/pvpanic_early.h"
#include "drivers/uart/early.h"
#include "fs/initramfs.h"
#include "fw/efi_runtime.h"
#include "fw/platform.h"
#include "irq/irq.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip_config.h"
#include "proc/process.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "vm/vm_space.h"

#define COMMAND_LINE_MAX 2048

static void initramfs_load(void)
{
	u64 base = platform.initrd.base, size = platform.initrd.size;
	bool in_ram;
	const void *archive;

	if (!size) {
		log_warn("no initramfs: the boot loader handed none over (-initrd FILE)");
		return;
	}
	in_ram = page_is_ram(base >> PAGE_SHIFT) && page_is_ram((base + size - 1) >> PAGE_SHIFT);
	archive = in_ram ? phys_to_virt(base) : memory_map_ro(base, size);
	if (!archive) {
		log_err("initramfs at %016llx: cannot be mapped", (unsigned long long)base);
		return;
	}
	initramfs_unpack(archive, size);
	if (in_ram)
		page_release_reserved(base, size);
}

static void init_thread(void *arg)
{
	softirq_threads_start();
	ipi_init();
	cpus_start();
	initialisers_run(INIT_CORE);
	initialisers_run(INIT_FS);
	initialisers_run(INIT_NET);
	initialisers_run(INIT_PROC);
	drivers_probe(DRIVER_BUS);
	drivers_probe(DRIVER_LATE);
	initialisers_run(INIT_LATE);
	initramfs_load();
	ip_config_wait();
	process_start_init();
}

static void power_start(const void *dtb, u64 rsdp)
{
	bool hvc;

	if (dtb ? !fdt_psci(dtb, &hvc) : !rsdp || !acpi_psci(rsdp, firmware_show, &hvc)) {
		log_warn("firmware offers no PSCI: without UEFI the machine can't be turned off");
		return;
	}
	psci_init(hvc);
	machine_ops.power_off = psci_power_off;
	machine_ops.reset = psci_reset;
}

/* As the header says; the caller knows that it is a DTB (Devicetree Specification 5.2). */
static u64 dtb_size(const void *dtb)
{
	return get_unaligned_be32((const u8 *)dtb + 4);
}

static void memory_elsewhere(u64 base, u64 size)
{
}

/* What start.S was handed, a DTB or the EFI stub's block, and what is in it. */
static const struct boot_info *efi;	/* NULL: no UEFI */
static const void *dtb;			/* NULL: none */
static u64 rsdp;			/* where ACPI's tables begin, which serve without a DTB; 0: there are none */
static char command_line[COMMAND_LINE_MAX];

/* UEFI's own map is where RAM is; a DTB beside it only says what to leave alone. */
static void memory_start(const void *boot, u64 boot_phys)
{
	efi = boot_info_find(boot);
	dtb = efi ? boot_info_dtb(efi) : boot;
	rsdp = efi ? efi->rsdp : 0;
	if (dtb && rsdp && !fdt_is_machine(dtb)) {
		fdt_early(dtb, memory_elsewhere, page_init_reserve, command_line, sizeof(command_line));
		dtb = NULL;
	}
	early_console_start(dtb, rsdp);
	pvpanic_early_start(dtb, rsdp);
	power_start(dtb, rsdp);
	if (dtb ? fdt_early(dtb, efi ? memory_elsewhere : page_init_region, page_init_reserve, command_line,
			    sizeof(command_line)) : !rsdp)
		panic("no device tree: the boot loader must pass a DTB's address in x0, or UEFI have one or ACPI's tables");
	if (efi)
		boot_info_early(efi, page_init_region, page_init_reserve, command_line, sizeof(command_line));
	page_init_reserve(boot_phys, efi ? efi->size : dtb_size(dtb));
	param_parse(command_line);
	page_init_finish();
	slab_init();
}

/* Firmware first: what it was given to do at a restart is done by its own (UEFI 2.10, 8.5.1). */
static void reset(void)
{
	efi_reset();
	if (psci_present())
		psci_reset();
}

static void efi_start(void)
{
	efi_runtime_start(efi);
	if (!efi_runtime_works())
		return;
	machine_ops.reset = reset;
	if (!machine_ops.power_off)
		machine_ops.power_off = efi_power_off;
}

static void platform_start(void)
{
	if (dtb ? platform_from_fdt(dtb) : platform_from_acpi(rsdp))
		panic("the %s can't be used; see the messages above", dtb ? "device tree" : "ACPI tables");
	if (efi && platform_from_boot_info(efi, command_line))
		panic("no memory for what UEFI said");
	if (efi)
		efi_start();
}

noreturn void kernel_entry(const void *boot, u64 boot_phys, u64 entry_counter, bool from_el3)
{
	u64 boot_size;

	clock_init(counter_frequency(), entry_counter);
	softirq_init();
	timers_init();
	sched_init();
	memory_start(boot, boot_phys);
	if (from_el3)
		panic("started at EL3: there must be firmware that serves PSCI and starts the kernel at EL2 or EL1");
	boot_size = efi ? efi->size : dtb_size(dtb);
	threads_init();
	sched_ops.switch_space = vm_space_switch;
	random_init();
	platform_start();
	if (!drivers_probe(DRIVER_INTC))
		panic("no interrupt controller: the device tree or ACPI must have a GICv2 or a GICv3 "
			"(-machine virt,gic-version=2)");
	drivers_probe(DRIVER_MSI);
	if (!drivers_probe(DRIVER_TIMER))
		panic("no timer: the device tree must have an arm,armv8-timer with its interrupts, or ACPI a GTDT");
	drivers_probe(DRIVER_CONSOLE);
	/* Everything said is in struct platform now, and a panic has its console. */
	pvpanic_early_stop();
	page_release_reserved(boot_phys, boot_size);
	if (!thread_create("init", init_thread, NULL))
		panic("no memory for the init thread");
	sched_idle();
}
