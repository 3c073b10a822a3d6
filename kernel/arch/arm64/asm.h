/*
 * Constants shared by the assembly files: control registers' values, the trap
 * frame's and struct thread's offsets (checked against C in trap.c).
 */
#pragma once

/* SCTLR_EL1: RES1 bits, MMU and caches off. */
#define SCTLR_RES1	((1 << 11) | (1 << 20) | (1 << 22) | (1 << 28) | (1 << 29))
#define SCTLR_OFF	SCTLR_RES1
/* On: M, C, I, SA, SA0; EL0 may use DC ZVA, CTR, IC/DC by address, WFE and WFI as on Linux; SPAN 0: PAN is set on
 * entry. */
#define SCTLR_ON	(((SCTLR_RES1) | 1 | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 12) | (1 << 14) | (1 << 15) | \
	(1 << 16) | (1 << 18) | (1 << 26)) & 0xffffffff)

/* 48-bit halves, 4 KiB granules, inner shareable write-back walks; user addresses ignore their top byte. */
#define TCR_FIXED	(16 | (16 << 16) | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 24) | (1 << 26) | (3 << 28) | \
	(2 << 30) | (1 << 37))
#define MAIR_ALL	0x4404ff

#define FRAME_SIZE	288
#define FRAME_SP	248
#define FRAME_PC	256
#define FRAME_PSTATE	264
#define FRAME_SYSCALL	272
#define FRAME_ORIG_X0	280

#define THREAD_PREEMPT	0
#ifdef CONFIG_LOCKCHECK
#define THREAD_WORK	400		/* behind the locks held */
#else
#define THREAD_WORK	8
#endif

/* struct smp_start (smp.h) */
#define SMP_ROOTS	0
#define SMP_STACK	16
#define SMP_PERCPU	32
#define SMP_MPIDR	48

#ifdef __ASSEMBLER__
/* An access at `from` that may fault: go on at `to`. */
.macro	extable from, to
	.pushsection .extable, "a"
	.balign	4
	.long	\from - ., \to - .
	.popsection
.endm

/*
 * Open and close user memory to privileged accesses. With PAN two
 * instructions, which boot_map.c turns into NOPs on a CPU that has none. With
 * CONFIG_SW_PAN the user half is only in TTBR0 while it is open: exceptions
 * close it on entry and put it back on exit (vectors.S). x16 and x17 are used.
 */
#ifdef CONFIG_SW_PAN
.macro	user_half_load
	adrp	x16, user_ttbr
	add	x16, x16, :lo12:user_ttbr
	mrs	x17, tpidr_el1
	ldr	x16, [x16, x17]
	msr	ttbr0_el1, x16
	isb
.endm
.macro	user_half_unload
	adrp	x16, empty_root
	ldr	x16, [x16, :lo12:empty_root]
	msr	ttbr0_el1, x16
	isb
.endm
.macro	user_access_begin
	mrs	x15, daif
	msr	daifset, #2			// which CPU's word it is must not change meanwhile
	user_half_load
	msr	daif, x15
.endm
.macro	user_access_end
	user_half_unload
.endm
#else
.macro	user_half_load
.endm
.macro	user_half_unload
.endm
.macro	user_access_begin
	.pushsection .pan_sites, "a"
	.balign 4
	.long	7771f - .
	.popsection
7771:	.inst	0xd500409f		// msr pan, #0
.endm
.macro	user_access_end
	.pushsection .pan_sites, "a"
	.balign 4
	.long	7772f - .
	.popsection
7772:	.inst	0xd500419f		// msr pan, #1
.endm
#endif
#endif
