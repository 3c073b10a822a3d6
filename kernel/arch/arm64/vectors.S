/*
 * Exception entry and exit. Every entry saves the whole general register
 * file in a struct trap_frame on the thread's kernel stack; FP/SIMD registers
 * stay where they are (sched/fp.h). The thread's address is kept in the
 * topmost 16 bytes of its stack, so that an entry from user mode finds it
 * with one load and puts it into SP_EL0 (arch/arm64/current.h).
 *
 * Calls: syscall_dispatch and user_return directly, irq_dispatch, and trap.c
 * for every other exception.
 */
#include "arch/arm64/asm.h"

.macro	save_registers
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
.endm

.macro	entry_user
	sub	sp, sp, #FRAME_SIZE
	save_registers
	mrs	x20, sp_el0
	mrs	x21, elr_el1
	mrs	x22, spsr_el1
	ldr	x28, [sp, #FRAME_SIZE]		// the thread
	stp	x30, x20, [sp, #240]
	stp	x21, x22, [sp, #FRAME_PC]
	msr	sp_el0, x28
	mov	x29, xzr			// a backtrace ends here
	user_half_unload
.endm

.macro	entry_kernel
	sub	sp, sp, #FRAME_SIZE
	save_registers
	add	x20, sp, #FRAME_SIZE
	mrs	x21, elr_el1
	mrs	x22, spsr_el1
	stp	x30, x20, [sp, #240]
	stp	x21, x22, [sp, #FRAME_PC]
#ifdef CONFIG_SW_PAN
	mrs	x20, ttbr0_el1
	adrp	x16, empty_root
	ldr	x16, [x16, :lo12:empty_root]
	sub	x20, x20, x16			// not 0: a copy routine had the user half open
	str	x20, [sp, #FRAME_SYSCALL]
	msr	ttbr0_el1, x16
	isb
#endif
.endm

.macro	vector label
	.balign	128
	b	\label
.endm

	.text
	.balign	2048
	.globl	vectors
vectors:
	vector	bad_sp0_sync
	vector	bad_sp0_irq
	vector	bad_fiq
	vector	bad_serror
	vector	kernel_sync
	vector	kernel_irq
	vector	bad_fiq
	vector	bad_serror
	vector	user_sync
	vector	user_irq
	vector	user_bad
	vector	user_bad
	vector	user_sync32
	vector	user_sync32
	vector	user_bad
	vector	user_bad

user_sync:
	entry_user
	mrs	x1, esr_el1
	lsr	x2, x1, #26
	cmp	x2, #0x15			// SVC from AArch64
	b.ne	user_fault
	str	x8, [sp, #FRAME_SYSCALL]
	str	x0, [sp, #FRAME_ORIG_X0]
	msr	daifclr, #2
	mov	x0, sp
	bl	syscall_dispatch
	b	user_exit

user_fault:
	mrs	x2, far_el1
	mov	x3, #-1
	str	x3, [sp, #FRAME_SYSCALL]
	msr	daifclr, #2
	mov	x0, sp
	bl	trap_user_sync
	b	user_exit

user_irq:
	entry_user
	mov	x3, #-1
	str	x3, [sp, #FRAME_SYSCALL]
	mov	x0, sp
	bl	irq_dispatch
	b	user_exit

user_sync32:
user_bad:
	entry_user
	mrs	x1, esr_el1
	mov	x3, #-1
	str	x3, [sp, #FRAME_SYSCALL]
	mov	x0, sp
	bl	trap_user_bad
	b	user_exit

/* Back to user mode; sp is the frame. x28 is the thread in every path above and in trap_enter_user. */
	.globl	user_exit
user_exit:
	msr	daifset, #2
	ldr	w0, [x28, #THREAD_WORK]
	ldr	w1, [x28, #THREAD_PREEMPT + 4]	// 0: a reschedule is wanted
	cbnz	w0, 1f
	cbz	w1, 1f
	ldp	x21, x22, [sp, #FRAME_PC]
	ldp	x30, x20, [sp, #240]
	msr	elr_el1, x21
	msr	spsr_el1, x22
	msr	sp_el0, x20
	user_half_load
	b	restore
1:	msr	daifclr, #2
	mov	x0, sp
	bl	user_return
	b	user_exit

restore:
	ldp	x0, x1, [sp, #0]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	add	sp, sp, #FRAME_SIZE
	eret

/* An interrupt of the kernel itself. */
kernel_irq:
	entry_kernel
	mov	x0, sp
	bl	irq_dispatch
kernel_exit:
	msr	daifset, #2
	ldp	x21, x22, [sp, #FRAME_PC]
	ldr	x30, [sp, #240]
	msr	elr_el1, x21
	msr	spsr_el1, x22
#ifdef CONFIG_SW_PAN
	ldr	x20, [sp, #FRAME_SYSCALL]
	cbz	x20, restore
	user_half_load
#endif
	b	restore

/*
 * A fault of the kernel: a user address in a copy routine, or a bug. A stack
 * that ran into its guard page can't hold the frame: kernel stacks lie in the
 * upper half of 32 KiB slots, so bit 14 of SP says whether it still is one.
 */
kernel_sync:
	sub	sp, sp, #FRAME_SIZE
	add	sp, sp, x0
	sub	x0, sp, x0
	tbz	x0, #14, 2f
	sub	x0, sp, x0
	sub	sp, sp, x0
	add	sp, sp, #FRAME_SIZE
	entry_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_kernel_sync
	b	kernel_exit

2:	msr	tpidrro_el0, x0			// user-visible register, but nobody goes back there
	sub	x0, sp, x0
	adrp	x0, overflow_stack + 4096
	add	x0, x0, :lo12:overflow_stack + 4096
	mov	sp, x0
	entry_kernel
	mrs	x3, tpidrro_el0
	str	x3, [sp, #FRAME_SP]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_stack_overflow

bad_sp0_sync:
bad_sp0_irq:
bad_fiq:
bad_serror:
	entry_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_kernel_bad

/* void trap_enter_user(const struct trap_frame *): the frame moves to the top of the stack, and off we go. */
	.globl	trap_enter_user
trap_enter_user:
	mrs	x28, sp_el0
	mov	x19, x0
	bl	trap_stack_top			// x0: just below the thread's address
	sub	x0, x0, #FRAME_SIZE
	mov	x20, x0
	mov	x1, x19
	mov	x2, #FRAME_SIZE
	msr	daifset, #2			// the frame's place holds this stack's use so far: an interrupt would write there
	bl	memmove
	mov	sp, x20
	mov	x29, xzr
	b	user_exit

#ifdef CONFIG_SW_PAN
	.section .percpu, "aw"
	.balign	8
	.globl	user_ttbr
user_ttbr:					// this CPU's user half: root and identifier
	.quad	0
#endif
