/*
 * Capability bits for programs, from the CPU's ID registers (Arm ARM D17.2). Only
 * what a program can use here without the kernel's help is announced: no SVE
 * or pointer authentication, whose registers and keys are not switched, and no
 * reading of ID registers, which is not emulated.
 */
#include <asm/hwcap.h>
#include "proc/hwcap.h"
#include "arch/arm64/cpu.h"

enum { ISAR0, ISAR1, PFR0, PFR1, MMFR2, ISAR_COUNT };

/* A field of four bits that is at least `min` (0xf means absent where is_signed) announces a bit. */
struct rule { u8 reg, shift, min; bool is_signed, second; u64 bit; };

static const struct rule rules[] = {
	{ PFR0, 16, 0, true, false, HWCAP_FP }, { PFR0, 20, 0, true, false, HWCAP_ASIMD },
	{ PFR0, 16, 1, true, false, HWCAP_FPHP }, { PFR0, 20, 1, true, false, HWCAP_ASIMDHP },
	{ PFR0, 48, 1, false, false, HWCAP_DIT },
	{ PFR1, 4, 2, false, false, HWCAP_SSBS },
	{ ISAR0, 4, 1, false, false, HWCAP_AES }, { ISAR0, 4, 2, false, false, HWCAP_PMULL },
	{ ISAR0, 8, 1, false, false, HWCAP_SHA1 }, { ISAR0, 12, 1, false, false, HWCAP_SHA2 },
	{ ISAR0, 12, 2, false, false, HWCAP_SHA512 }, { ISAR0, 16, 1, false, false, HWCAP_CRC32 },
	{ ISAR0, 20, 2, false, false, HWCAP_ATOMICS }, { ISAR0, 28, 1, false, false, HWCAP_ASIMDRDM },
	{ ISAR0, 32, 1, false, false, HWCAP_SHA3 }, { ISAR0, 36, 1, false, false, HWCAP_SM3 },
	{ ISAR0, 40, 1, false, false, HWCAP_SM4 }, { ISAR0, 44, 1, false, false, HWCAP_ASIMDDP },
	{ ISAR0, 48, 1, false, false, HWCAP_ASIMDFHM }, { ISAR0, 52, 1, false, false, HWCAP_FLAGM },
	{ ISAR0, 52, 2, false, true, HWCAP2_FLAGM2 }, { ISAR0, 60, 1, false, true, HWCAP2_RNG },
	{ ISAR1, 0, 1, false, false, HWCAP_DCPOP }, { ISAR1, 0, 2, false, true, HWCAP2_DCPODP },
	{ ISAR1, 12, 1, false, false, HWCAP_JSCVT }, { ISAR1, 16, 1, false, false, HWCAP_FCMA },
	{ ISAR1, 20, 1, false, false, HWCAP_LRCPC }, { ISAR1, 20, 2, false, false, HWCAP_ILRCPC },
	{ ISAR1, 32, 1, false, true, HWCAP2_FRINT }, { ISAR1, 36, 1, false, false, HWCAP_SB },
	{ ISAR1, 44, 1, false, true, HWCAP2_BF16 }, { ISAR1, 48, 1, false, true, HWCAP2_DGH },
	{ ISAR1, 52, 1, false, true, HWCAP2_I8MM },
	{ MMFR2, 32, 1, false, false, HWCAP_USCAT },
};

static void read_registers(u64 *hwcap, u64 *hwcap2)
{
	u64 regs[ISAR_COUNT] = {
		[ISAR0] = sysreg_read(id_aa64isar0_el1), [ISAR1] = sysreg_read(id_aa64isar1_el1),
		[PFR0] = sysreg_read(id_aa64pfr0_el1), [PFR1] = sysreg_read(id_aa64pfr1_el1),
		[MMFR2] = sysreg_read(id_aa64mmfr2_el1),
	};

	*hwcap = 0;
	*hwcap2 = 0;
	for (const struct rule *r = rules; r < rules + ARRAY_SIZE(rules); r++) {
		u32 field = regs[r->reg] >> r->shift & 0xf;

		if ((r->is_signed && field == 0xf) || field < r->min)
			continue;
		*(r->second ? hwcap2 : hwcap) |= r->bit;
	}
}

void hwcap_get(u64 *hwcap, u64 *hwcap2)
{
	static u64 first, second;	/* all CPUs are alike, and FP is always there: not 0 once read */

	if (!first)
		read_registers(&first, &second);
	*hwcap = first;
	*hwcap2 = second;
}
