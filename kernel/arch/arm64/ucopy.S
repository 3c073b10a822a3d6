/*
 * The instructions that touch user memory. Every one has an entry in the
 * exception table; trap.c lets vm_fault mend the fault or goes on at the
 * fix-up, which answers how many bytes are left. Callers (ucopy.c) checked the range.
 */
#include "arch/arm64/asm.h"

	.text

/* One access with a fix-up. */
.macro	U insn:vararg
7779:	\insn
	extable 7779b, 9f
.endm

/*
 * size_t ucopy_in(void *dst, const void *user, size_t n): bytes not copied.
 * size_t ucopy_out(void *user, const void *src, size_t n)
 * x3 is the end of what is known to be copied, in the sense of bytes left.
 */
.macro	copy_body
	user_access_begin
	subs	x3, x2, #64
	b.lo	2f
1:	U	ldp	x4, x5, [x1]
	U	ldp	x6, x7, [x1, #16]
	U	ldp	x8, x9, [x1, #32]
	U	ldp	x10, x11, [x1, #48]
	U	stp	x4, x5, [x0]
	U	stp	x6, x7, [x0, #16]
	U	stp	x8, x9, [x0, #32]
	U	stp	x10, x11, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	sub	x2, x2, #64
	subs	x3, x3, #64
	b.hs	1b
2:	tbz	x2, #5, 3f
	U	ldp	x4, x5, [x1]
	U	ldp	x6, x7, [x1, #16]
	U	stp	x4, x5, [x0]
	U	stp	x6, x7, [x0, #16]
	add	x1, x1, #32
	add	x0, x0, #32
	sub	x2, x2, #32
3:	tbz	x2, #4, 4f
	U	ldp	x4, x5, [x1]
	U	stp	x4, x5, [x0]
	add	x1, x1, #16
	add	x0, x0, #16
	sub	x2, x2, #16
4:	tbz	x2, #3, 5f
	U	ldr	x4, [x1]
	U	str	x4, [x0]
	add	x1, x1, #8
	add	x0, x0, #8
	sub	x2, x2, #8
5:	tbz	x2, #2, 6f
	U	ldr	w4, [x1]
	U	str	w4, [x0]
	add	x1, x1, #4
	add	x0, x0, #4
	sub	x2, x2, #4
6:	cbz	x2, 8f
7:	U	ldrb	w4, [x1]
	U	strb	w4, [x0]
	add	x1, x1, #1
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	7b
8:	user_access_end
	mov	x0, xzr
	ret
	/* A fault inside a wide piece: byte by byte up to the very place, then say what is left. */
9:	cbz	x2, 8b
10:
7777:	ldrb	w4, [x1]
	extable 7777b, 11f
7778:	strb	w4, [x0]
	extable 7778b, 11f
	add	x1, x1, #1
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	10b
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
