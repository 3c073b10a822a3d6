/*
 * The image header and the first instructions. Boot loaders start us at
 * _start with the MMU off, x0 = the DTB's physical address, at EL1 or EL2
 * (arm64 Linux boot protocol). We drop to EL1, build the first tables
 * (boot_map.c), turn the MMU on, unpack the rest of the image (boot_unpack.c)
 * and go on in it, at kernel_entry.
 *
 * The header is also that of a PE/COFF file: tools/mkimage writes what belongs to that behind it, and its
 * place in the last word. UEFI starts kernel/boot/efi_stub.c instead, which comes here like any boot loader.
 */
#include "arch/arm64/asm.h"

	.section .head, "ax"
	.globl _start
_start:
	add	x13, x18, #0x16		// "MZ" as an instruction without effect
	b	boot_primary
	.quad	0			// text offset from a 2 MiB boundary
	.long	_image_size_low, 0
	.quad	0xa			// little endian, 4 KiB pages, anywhere in memory
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0			// the offset of "PE\0\0"
	.org	512			// its headers

boot_primary:
	mrs	x19, cntvct_el0		// time of entry
	mov	x20, x0			// DTB
	mov	x25, xzr		// not from EL3
	bl	boot_drop_to_el1

	/*
	 * The part of .bss that is used before the MMU is on. Lines that a boot loader left dirty must not be
	 * written over what we store past the caches, and stale ones not hide it afterwards.
	 */
	bl	boot_bss_invalidate
	adrp	x0, _boot_bss_start
	adrp	x1, _image_end
1:	stp	xzr, xzr, [x0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	add	x0, x0, #64
	cmp	x0, x1
	b.lo	1b

	adrp	x0, _boot_stack
	add	x0, x0, #16384
	mov	sp, x0
	mov	x29, xzr
	adrp	x0, _image_start	// where we were loaded
	mov	x1, x20
	bl	boot_map		// x0: TTBR1 root, x1: TTBR0 root for the switch
	mov	x21, x0
	mov	x22, x1

	bl	boot_bss_invalidate
	mov	x0, x21
	mov	x1, x22
	ldr	x2, =.Lupper
	bl	mmu_on			// returns in the upper half

.Lupper:
	adrp	x0, _boot_stack
	add	x0, x0, #16384
	sub	sp, x0, #16
	msr	tpidr_el1, xzr
	bl	boot_unpack
	ldr	x0, =_text_start
	br	x0			// upper_primary

/*
 * Another CPU, let go from its release address (smp.c) with the MMU off, at EL1 or EL2. It waits until the structure
 * that is shown is its own; one that the boot CPU no longer waits for stays here.
 */
	.globl	secondary_pen
secondary_pen:
	mrs	x3, mpidr_el1
	ldr	x4, =0xff00ffffff	// the affinity, as cpu_affinity
	and	x3, x3, x4
1:	adrp	x0, released
	ldr	x0, [x0, :lo12:released]
	ldr	x4, [x0, #SMP_MPIDR]
	cmp	x3, x4
	b.eq	secondary_start
	wfe
	b	1b

/*
 * Another CPU, started by PSCI (smp.c) with the MMU off. x0: physical address of its struct smp_start.
 */
	.globl	secondary_start
secondary_start:
	mov	x20, x0
	bl	boot_drop_to_el1
	ldp	x0, x1, [x20, #SMP_ROOTS]
	ldp	x21, x22, [x20, #SMP_STACK]	// stack, thread
	ldp	x23, x24, [x20, #SMP_PERCPU]	// distance of its variables, what to pass on
	ldr	x2, =_text_start + 4	// upper_secondary
	bl	mmu_on

/* Discard what the caches hold of .bss's boot part, both ends on a page. Uses x0-x3. */
boot_bss_invalidate:
	adrp	x0, _boot_bss_start
	adrp	x1, _image_end
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x2, x3, x2
1:	dc	ivac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/*
 * Leave EL2 if we are there. Uses x0-x3; returns at EL1 with interrupts masked. EL3 is left, too, and x25 says so: no
 * firmware is there then that serves PSCI and gives the non-secure side its interrupts. kernel_entry has words for
 * that.
 */
boot_drop_to_el1:
	msr	daifset, #15
	mrs	x0, CurrentEL
	cmp	x0, #8
	b.hi	5f
	b.eq	2f
	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	isb
	ret
2:	mov	x0, #(1 << 31)		// EL1 is AArch64, nothing trapped
	msr	hcr_el2, x0
	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	mrs	x0, cnthctl_el2
	orr	x0, x0, #3		// EL1 may use the counters and timers
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0
	msr	vttbr_el2, xzr
	mov	x0, #0x33ff		// no trap of FP/SIMD
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	mrs	x0, id_aa64dfr0_el1
	ubfx	x0, x0, #8, #4
	cbz	x0, 3f
	mrs	x0, pmcr_el0
	ubfx	x0, x0, #11, #5		// all event counters to EL1
	msr	mdcr_el2, x0
3:	mrs	x0, id_aa64pfr0_el1
	ubfx	x0, x0, #24, #4
	cbz	x0, 4f
	mrs	x0, S3_4_C12_C9_5	// ICC_SRE_EL2: system registers for EL1's GIC
	orr	x0, x0, #1		// SRE: system registers
	orr	x0, x0, #8		// Enable: EL1 may use its own
	msr	S3_4_C12_C9_5, x0
	isb
	msr	S3_4_C12_C11_0, xzr	// ICH_HCR_EL2
4:	mov	x0, #0x3c5
	msr	spsr_el2, x0
	msr	elr_el2, x30
	eret
5:	mov	x25, #1
	mov	x0, #0x5b1		// below it is non-secure AArch64, with HVC, without SMC
	msr	scr_el3, x0
	msr	cptr_el3, xzr
	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	mov	x1, #0x3c5
	mov	x2, x30
	mrs	x3, id_aa64pfr0_el1
	ubfx	x3, x3, #8, #4
	cbz	x3, 6f			// there is no EL2
	msr	sctlr_el2, x0
	mov	x1, #0x3c9
	adr	x2, 2b
6:	msr	spsr_el3, x1
	msr	elr_el3, x2
	eret

/*
 * Turn the MMU on. x0: TTBR1 root, x1: TTBR0 root that maps this page to
 * itself, x2: where to go on. Lives in the one page mapped both ways.
 */
	.section .idmap, "ax"
	.globl mmu_on
mmu_on:
	ldr	x3, =MAIR_ALL
	msr	mair_el1, x3
	ldr	x3, =TCR_FIXED
	mrs	x4, id_aa64mmfr0_el1
	and	x5, x4, #0xf		// physical address size
	mov	x6, #5			// at most 48 bits with this granule
	cmp	x5, x6
	csel	x5, x5, x6, lo
	bfi	x3, x5, #32, #3
	ubfx	x4, x4, #4, #4		// 16-bit ASIDs?
	cbz	x4, 1f
	orr	x3, x3, #(1 << 36)
1:	msr	tcr_el1, x3
	msr	ttbr1_el1, x0
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x3, =SCTLR_ON
	mrs	x4, id_aa64mmfr1_el1
	ubfx	x4, x4, #20, #4
	cbnz	x4, 2f
	orr	x3, x3, #(1 << 23)	// no PAN: the bit that enables it on entry is RES1
2:	msr	sctlr_el1, x3
	isb
	br	x2
	.ltorg

/* From here on it was packed. Both jumps are found by their place. */
	.section .text.start, "ax"
	b	upper_primary
	b	upper_secondary

upper_primary:
	bl	cpu_setup
	adrp	x0, boot_dtb
	ldr	x0, [x0, :lo12:boot_dtb]
	mov	x1, x20
	mov	x2, x19
	adrp	x3, boot_thread
	add	x3, x3, :lo12:boot_thread
	msr	sp_el0, x3
	str	x3, [sp]		// see vectors.S: the thread's address tops its stack
	mov	x3, x25			// from EL3?
	b	kernel_entry

upper_secondary:
	mov	sp, x21
	msr	sp_el0, x22
	msr	tpidr_el1, x23
	bl	cpu_setup
	mov	x0, x24
	b	secondary_entry

/* A CPU's own registers, and an empty user half. In the upper half; uses x0, x29. */
cpu_setup:
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	mov	x0, #(3 << 20)		// programs may use FP/SIMD, and sched/fp.c moves their registers
	msr	cpacr_el1, x0
	mov	x0, #2			// and read the virtual counter (vdso/)
	msr	cntkctl_el1, x0
	mov	x29, xzr
	adrp	x0, empty_root
	ldr	x0, [x0, :lo12:empty_root]
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	user_access_end
	ret
