/*
 * Capability bits for programs, from the CPU's ID registers (Arm ARM D17.2). Only
 * what a program can use here is announced: no SVE or pointer authentication,
 * whose registers and keys are not switched. Programs may read the ID registers
 * (HWCAP_CPUID): that traps, and they are shown the fields that are announced here, the
 * rest as Linux shows what it hides (Documentation/arm64/cpu-feature-registers.rst).
 */
#include <asm/hwcap.h>
#include "proc/hwcap.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/trap.h"
#include "arch/arm64/ucopy.h"

#define MRS_ID(insn)	(((insn) & 0xfffff000) == 0xd5380000)	/* mrs Xt, S3_0_C0_<m>_<op2> */
#define MRS_REG(insn)	((insn) >> 5 & 0x7f)			/* m and op2 */
#define REG(m, op2)	((m) << 3 | (op2))

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

static void read_registers(u64 regs[ISAR_COUNT])
{
	regs[ISAR0] = sysreg_read(id_aa64isar0_el1);
	regs[ISAR1] = sysreg_read(id_aa64isar1_el1);
	regs[PFR0] = sysreg_read(id_aa64pfr0_el1);
	regs[PFR1] = sysreg_read(id_aa64pfr1_el1);
	regs[MMFR2] = sysreg_read(id_aa64mmfr2_el1);
}

static void bits_find(u64 *hwcap, u64 *hwcap2)
{
	u64 regs[ISAR_COUNT];

	read_registers(regs);
	*hwcap = HWCAP_CPUID;
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
		bits_find(&first, &second);
	*hwcap = first;
	*hwcap2 = second;
}

/* What of an ID register has a name in rules. */
static u64 register_shown(u32 reg)
{
	u64 regs[ISAR_COUNT], mask = 0;

	read_registers(regs);
	for (const struct rule *r = rules; r < rules + ARRAY_SIZE(rules); r++)
		if (r->reg == reg)
			mask |= 0xfull << r->shift;
	return regs[reg] & mask;
}

/* False: no register that programs may read. */
static bool register_read(u32 reg, u64 *v)
{
	switch (reg) {
	case REG(0, 0):
		*v = sysreg_read(midr_el1);
		return true;
	case REG(0, 5):
		*v = BIT(31);			/* MPIDR_EL1: where a CPU sits is nobody's business */
		return true;
	case REG(0, 6):
		*v = sysreg_read(revidr_el1);
		return true;
	case REG(4, 0):
		*v = register_shown(PFR0) | 0x11;	/* EL0 and EL1: of 64 bits alone, as far as programs know */
		return true;
	case REG(4, 1):
		*v = register_shown(PFR1);
		return true;
	case REG(5, 0):
		*v = 6;				/* ID_AA64DFR0_EL1: the debug architecture of Armv8.0 */
		return true;
	case REG(6, 0):
		*v = register_shown(ISAR0);
		return true;
	case REG(6, 1):
		*v = register_shown(ISAR1);
		return true;
	case REG(7, 2):
		*v = register_shown(MMFR2);
		return true;
	}
	*v = 0;
	return reg >= REG(2, 0) && reg < REG(8, 0);
}

bool hwcap_emulate(struct trap_frame *f)
{
	u32 insn;
	u64 v;

	if (get_user_u32(&insn, f->pc) || !MRS_ID(insn) || !register_read(MRS_REG(insn), &v))
		return false;
	if ((insn & 31) != 31)
		f->x[insn & 31] = v;
	f->pc += 4;
	return true;
}
