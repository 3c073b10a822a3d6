/*
 * The instructions that touch user memory. Every one has an entry in the
 * exception table; trap.c lets vm_fault mend the fault or goes on at the
 * fix-up, which answers how many bytes are left. Callers (ucopy.c) checked the range.
 */
#include "arch/arm64/asm.h"

	.text

/* One access with a fix-up: 9f, or the one that is named. */
.macro	U insn:vararg
	F	9f, \insn
.endm
.macro	F fixup, insn:vararg
7779:	\insn
	extable 7779b, \fixup
.endm

/*
 * size_t ucopy_in(void *dst, const void *user, size_t n): bytes not copied.
 * size_t ucopy_out(void *user, const void *src, size_t n)
 * Pieces of 128 bytes, then one of each smaller power of two that n has. A piece is loaded and stored so that its
 * first bytes come last and move the pointers on: a fault finds x0 where the piece goes, and x1 where it comes from
 * (fix-up 20 to 27 by its size), or behind that (30 to 37). What is left is x2 + 128 in the pieces of 128 bytes, else
 * x2 modulo twice the piece.
 */
.macro	copy_pairs size, fix, back
	.if	\size > 32
	F	\fix, ldp x8, x9, [x1, #32]
	F	\fix, ldp x10, x11, [x1, #48]
	.endif
	F	\fix, ldp x6, x7, [x1, #16]
	F	\fix, ldp x4, x5, [x1], #\size
	.if	\size > 32
	F	\back, stp x8, x9, [x0, #32]
	F	\back, stp x10, x11, [x0, #48]
	.endif
	F	\back, stp x6, x7, [x0, #16]
	F	\back, stp x4, x5, [x0], #\size
.endm

/* A piece that fits in a register or two, if n has it. */
.macro	copy_one bit, fix, back, load, store, regs:vararg
	tbz	x2, #\bit, 7773f
	F	\fix, \load \regs, [x1], #(1 << \bit)
	F	\back, \store \regs, [x0], #(1 << \bit)
7773:
.endm

.macro	copy_fixup size, fix, back
\back:	sub	x1, x1, #\size
\fix:	and	x2, x2, #(2 * \size - 1)
	b	9f
.endm

.macro	copy_body
	user_access_begin
	subs	x2, x2, #128
	b.lo	2f
1:	F	27f, ldp x4, x5, [x1, #64]
	F	27f, ldp x6, x7, [x1, #80]
	F	27f, ldp x8, x9, [x1, #96]
	F	27f, ldp x10, x11, [x1, #112]
	F	27f, stp x4, x5, [x0, #64]
	F	27f, stp x6, x7, [x0, #80]
	F	27f, stp x8, x9, [x0, #96]
	F	27f, stp x10, x11, [x0, #112]
	copy_pairs 128, 27f, 37f
	subs	x2, x2, #128
	b.hs	1b
2:	tbz	x2, #6, 3f
	copy_pairs 64, 26f, 36f
3:	tbz	x2, #5, 4f
	copy_pairs 32, 25f, 35f
4:	copy_one 4, 24f, 34f, ldp, stp, x4, x5
	copy_one 3, 23f, 33f, ldr, str, x4
	copy_one 2, 22f, 32f, ldr, str, w4
	copy_one 1, 21f, 31f, ldrh, strh, w4
	copy_one 0, 20f, 30f, ldrb, strb, w4
	user_access_end
	mov	x0, xzr
	ret
37:	sub	x1, x1, #128
27:	add	x2, x2, #128
	b	9f
	copy_fixup 64, 26, 36
	copy_fixup 32, 25, 35
	copy_fixup 16, 24, 34
	copy_fixup 8, 23, 33
	copy_fixup 4, 22, 32
	copy_fixup 2, 21, 31
	copy_fixup 1, 20, 30
	/* A fault inside a piece: byte by byte up to the very place, then say what is left. */
9:
7777:	ldrb	w4, [x1]
	extable 7777b, 11f
7778:	strb	w4, [x0]
	extable 7778b, 11f
	add	x1, x1, #1
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	9b
11:	user_access_end
	mov	x0, x2
	ret
.endm

	.globl	ucopy_in
ucopy_in:
	copy_body

	.globl	ucopy_out
ucopy_out:
	copy_body

/* size_t ucopy_zero(void *user, size_t n): bytes not cleared. */
	.globl	ucopy_zero
ucopy_zero:
	user_access_begin
1:	cmp	x1, #16
	b.lo	2f
	U	stp	xzr, xzr, [x0]
	add	x0, x0, #16
	sub	x1, x1, #16
	b	1b
2:	cbz	x1, 9f
	U	strb	wzr, [x0]
	add	x0, x0, #1
	sub	x1, x1, #1
	b	2b
9:	user_access_end
	mov	x0, x1
	ret

/* long ucopy_string(char *dst, const char *user, size_t n): length, n when no NUL came, or -1 on a fault. */
	.globl	ucopy_string
ucopy_string:
	user_access_begin
	mov	x3, xzr
1:	cmp	x3, x2
	b.hs	3f
	U	ldrb	w4, [x1, x3]
	strb	w4, [x0, x3]
	cbz	w4, 3f
	add	x3, x3, #1
	b	1b
3:	user_access_end
	mov	x0, x3
	ret
9:	user_access_end
	mov	x0, #-1
	ret

/* int ucopy_cmpxchg(u32 *user, u32 expect, u32 new, u32 *old): 0, or -1 on a fault. */
	.globl	ucopy_cmpxchg
ucopy_cmpxchg:
	user_access_begin
1:	U	ldaxr	w4, [x0]
	cmp	w4, w1
	b.ne	2f
	U	stlxr	w5, w2, [x0]
	cbnz	w5, 1b
2:	user_access_end
	str	w4, [x3]
	mov	w0, wzr
	ret
9:	user_access_end
	mov	w0, #-1
	ret
