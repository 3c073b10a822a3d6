/*
 * UEFI's runtime services. Firmware's memory that stays in use, as its memory map says, is mapped to itself in a user
 * half of its own, which belongs to nobody but a call: efi_call puts it in, saves the FP/SIMD registers, calls and puts
 * back what was there. SetVirtualAddressMap is not used: firmware stays at the addresses that it was started with.
 *
 * What is code and what data is told by the memory attributes table; without one, regions of code are writable too.
 * Firmware is not trusted to work: a fault in it ends the call (arch/arm64/firmware.h), and with it the services.
 *
 * Callers: drivers/rtc for the time, the end of the machine through machine_ops.
 * Source: UEFI Specification 2.10, 2.3.6.1 (state at a call), 4.6.4 (memory attributes), 7.2, 8.3, 8.5.
 */
#include "fw/efi_runtime.h"
#include "arch/arm64/firmware.h"
#include "arch/arm64/fp.h"
#include "arch/arm64/pgtable.h"
#include "arch/arm64/ucopy.h"
#include "base/calendar.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "core/param.h"
#include "core/preempt.h"
#include "fw/efi_abi.h"
#include "fw/platform.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "sched/mutex.h"

#define EFI_ASID	0		/* no program's; nothing of it is kept in the TLB between calls */

static struct mutex efi_lock = MUTEX_INIT(efi_lock, "efi");
static u64 efi_root;			/* set once at boot; 0: there are no services */
static bool failed;			/* [a] they crashed */
static struct fp_state registers;	/* of whoever was interrupted by the call [efi] */
static struct { u64 get_time, set_time, reset_system; } services;	/* addresses; set once at boot */

static bool unwanted;			/* efi=noruntime, as Linux has it */

static int efi_set(const char *value)
{
	unwanted = !strcmp(value, "noruntime");
	return unwanted ? 0 : -EINVAL;
}
PARAM("efi", efi_set);

/* ---- firmware's address space ---------------------------------------------------------------------------- */

static u64 table_take(void)
{
	struct page *p = page_alloc(0, PA_ZERO);

	return p ? page_to_phys(p) : 0;
}

static void table_give(u64 pa)
{
	page_free(phys_to_page(pa), 0);
}

static int pte_private(u64 va, u64 *pte, u64 size, void *arg)
{
	pte_set_quick(pte, *pte | PTE_NG);
	return 0;
}

struct rights { u64 end, attribute; };

/* A block that reaches past the region keeps what it had. */
static int pte_restrict(u64 va, u64 *pte, u64 size, void *arg)
{
	const struct rights *r = arg;

	if (size > r->end - va)
		return 0;
	pte_set_quick(pte, *pte | (r->attribute & EFI_MEMORY_RO ? PTE_AP_RO : 0) |
		(r->attribute & EFI_MEMORY_XP ? PTE_PXN : 0));
	return 0;
}

static bool descriptor_fits(const struct efi_memory_descriptor *d)
{
	return (d->attribute & EFI_MEMORY_RUNTIME) && d->physical_start < USER_TOP &&
		IS_ALIGNED(d->physical_start, PAGE_SIZE) &&
	       d->pages && d->pages <= (USER_TOP - d->physical_start) / EFI_PAGE_SIZE;
}

static int region_map(u64 root, const struct efi_memory_descriptor *d)
{
	u32 prot = PTE_READ | PTE_WRITE;

	if (d->type == EFI_RUNTIME_SERVICES_CODE)
		prot |= PTE_EXEC;
	if (!(d->attribute & EFI_MEMORY_WB))
		prot |= PTE_DEVICE;
	return pgtable_map_range(root, d->physical_start, d->physical_start, d->pages * EFI_PAGE_SIZE, prot, table_take);
}

/* The idx-th descriptor of a list of them that is size bytes long; NULL: there are no more. */
static const struct efi_memory_descriptor *descriptor_at(const u8 *list, size_t size, u32 step, u32 idx)
{
	if (step < sizeof(struct efi_memory_descriptor) || ((u64)idx + 1) * step > size)
		return NULL;
	return (const void *)(list + (u64)idx * step);
}

static int regions_map(u64 root, const struct boot_info *info)
{
	const struct efi_memory_descriptor *d;
	const u8 *map = (const u8 *)info + info->memory_map.offset;

	for (u32 i = 0; (d = descriptor_at(map, info->memory_map.size, info->memory_descriptor_size, i)); i++)
		if (descriptor_fits(d) && region_map(root, d))
			return -ENOMEM;
	return 0;
}

/* False: there is no table that says it. */
static bool regions_restrict(u64 root, const struct boot_info *info)
{
	const struct efi_memory_attributes *t = (const void *)((const u8 *)info + info->attributes.offset);
	const struct efi_memory_descriptor *d;

	if (info->attributes.size < sizeof(*t))
		return false;
	for (u32 i = 0; i < t->count &&
	     (d = descriptor_at((const u8 *)(t + 1), info->attributes.size - sizeof(*t), t->descriptor_size, i)); i++) {
		struct rights r = { d->physical_start + d->pages * EFI_PAGE_SIZE, d->attribute };

		if (descriptor_fits(d))
			pgtable_visit(root, d->physical_start, r.end, pte_restrict, &r);
	}
	return true;
}

static int is_executable(u64 va, u64 *pte, u64 size, void *arg)
{
	return !(*pte & PTE_PXN);
}

/* A function, if it lies in firmware's code; else 0, and it is not called. */
static u64 function_checked(u64 root, u64 address)
{
	return address < USER_TOP - PAGE_SIZE && pgtable_visit(root, address, address + 1, is_executable, NULL) ?
		address : 0;
}

/* A table of firmware's with its signature: mapped for us to read, or NULL. */
static const void *table_map(u64 phys, size_t size, u64 signature)
{
	const struct efi_table_header *h = phys && IS_ALIGNED(phys, 8) ? memory_map_ro(phys, size) : NULL;

	if (h && h->signature != signature) {
		mmio_unmap((void *)h, size);
		return NULL;
	}
	return h;
}

static bool services_find(u64 root, u64 system_table)
{
	const struct efi_system_table *s = table_map(system_table, sizeof(*s), EFI_SYSTEM_TABLE_SIGNATURE);
	u64 phys = s ? (u64)s->runtime : 0;
	const struct efi_runtime_services *r = table_map(phys, sizeof(*r), EFI_RUNTIME_SIGNATURE);

	if (s)
		mmio_unmap((void *)s, sizeof(*s));
	if (!r)
		return false;
	services.get_time = function_checked(root, (u64)r->get_time);
	services.set_time = function_checked(root, (u64)r->set_time);
	services.reset_system = function_checked(root, (u64)r->reset_system);
	mmio_unmap((void *)r, sizeof(*r));
	return services.get_time || services.set_time || services.reset_system;
}

void efi_runtime_start(const struct boot_info *info)
{
	u64 root = unwanted ? 0 : table_take();
	bool known = false;

	if (!root)
		return;
	if (!regions_map(root, info))
		known = regions_restrict(root, info);
	if (!services_find(root, info->system_table)) {
		log_warn("UEFI: no runtime services");
		pgtable_free_tables(root, table_give);
		table_give(root);
		return;
	}
	pgtable_visit(root, 0, USER_TOP, pte_private, NULL);
	pte_sync();
	efi_root = root;
	log_info("UEFI: runtime services%s", known ? "" :
		 ", their code writable: firmware does not say what of it is data");
}

bool efi_runtime_works(void)
{
	return efi_root && !atomic_load_relaxed(&failed);
}

/* ---- the call -------------------------------------------------------------------------------------------- */

/* One at a time: the caller's lock, or the machine is at its end. */
static efi_status efi_call(const char *name, u64 function, u64 a, u64 b, u64 c, u64 d)
{
	struct firmware_call call = { 0 };
	u64 args[5] = { a, b, c, d, 0 }, daif, before;
	efi_status st;

	if (!function || !efi_runtime_works())
		return EFI_ERROR(3);
	preempt_disable();
	daif = sysreg_read(daif);
	fp_registers_save(&registers);
	before = pgtable_user_half();
	firmware_running = &call;
	pgtable_switch_user(efi_root, EFI_ASID);
	st = firmware_call(&call, function, args);
	pgtable_switch_user(before, 0);
	tlb_flush_asid_here(EFI_ASID);
	WRITE_ONCE(firmware_running, NULL);
	fp_registers_load(&registers);
	irq_restore(daif);
	preempt_enable();
	if (st == FIRMWARE_FAULT) {
		atomic_store_relaxed(&failed, true);
		log_err("UEFI: firmware crashed in %s at %llx, address %llx ESR %08llx: no more runtime services", name,
			(unsigned long long)call.pc, (unsigned long long)call.address, (unsigned long long)call.esr);
	}
	return st;
}

/* ---- time ------------------------------------------------------------------------------------------------- */

int efi_time_get(u64 *seconds)
{
	struct efi_time t = { 0 };
	struct calendar c;
	efi_status st;

	if (!efi_runtime_works())
		return -ENODEV;
	mutex_lock(&efi_lock);
	st = efi_call("GetTime", services.get_time, (u64)&t, 0, 0, 0);
	mutex_unlock(&efi_lock);
	if (st)
		return -EIO;
	c = (struct calendar){ t.year, t.month, t.day, t.hour, t.minute, t.second, 0, 0 };
	if (!calendar_valid(&c))
		return -ERANGE;
	*seconds = calendar_seconds(&c) + 60 * (t.zone == EFI_TIME_ZONE_NONE ? 0 : t.zone);
	return 0;
}

int efi_time_set(u64 seconds)
{
	struct calendar c;
	struct efi_time t;
	efi_status st;

	if (!efi_runtime_works())
		return -ENODEV;
	calendar_of(seconds, &c);
	if (c.year > 9999)
		return -ERANGE;
	t = (struct efi_time){
		.year = c.year, .month = c.month, .day = c.day, .hour = c.hour, .minute = c.minute, .second = c.second,
		.zone = EFI_TIME_ZONE_NONE,
	};
	mutex_lock(&efi_lock);
	st = efi_call("SetTime", services.set_time, (u64)&t, 0, 0, 0);
	mutex_unlock(&efi_lock);
	return st ? -EIO : 0;
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

/* A call that a panic came into is not followed by another one. */
static void machine_reset(enum efi_reset how)
{
	if (!READ_ONCE(firmware_running))
		efi_call("ResetSystem", services.reset_system, how, EFI_SUCCESS, 0, 0);
}

void efi_reset(void)
{
	machine_reset(EFI_RESET_COLD);
}

void efi_power_off(void)
{
	machine_reset(EFI_RESET_SHUTDOWN);
}
