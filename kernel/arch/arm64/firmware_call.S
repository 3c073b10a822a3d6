/*
 * Into firmware and back (firmware.h). The general registers that a callee keeps are written down, so that trap.c can
 * come back to the caller from an exception in the middle of it.
 */
#include "arch/arm64/asm.h"

/* u64 firmware_call(struct firmware_call *c, u64 function, const u64 *args) */
	.globl	firmware_call
firmware_call:
	stp	x19, x20, [x0, #0]
	stp	x21, x22, [x0, #16]
	stp	x23, x24, [x0, #32]
	stp	x25, x26, [x0, #48]
	stp	x27, x28, [x0, #64]
	stp	x29, x30, [x0, #80]
	mov	x9, sp
	mrs	x10, sp_el0
	stp	x9, x10, [x0, #96]
	mov	x19, x0
	mov	x20, x1
	ldr	x4, [x2, #32]
	ldp	x0, x1, [x2, #0]
	ldp	x2, x3, [x2, #16]
	user_access_begin
	blr	x20
	mov	x1, x19

/* trap.c comes here from a fault: x0 the result, x1 the call. */
	.globl	firmware_return
firmware_return:
	user_access_end
	str	xzr, [x1, #104]
	ldr	x9, [x1, #96]
	mov	sp, x9
	ldp	x19, x20, [x1, #0]
	ldp	x21, x22, [x1, #16]
	ldp	x23, x24, [x1, #32]
	ldp	x25, x26, [x1, #48]
	ldp	x27, x28, [x1, #64]
	ldp	x29, x30, [x1, #80]
	ret
