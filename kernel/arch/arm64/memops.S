/*
 * memcpy, memmove, memset without SIMD: the kernel leaves those registers to user programs.
 * Called by everybody and by the compiler. The memory must be Normal (unaligned accesses and
 * DC ZVA fault on Device memory), so not before the MMU is on.
 *
 * What counts is the number of instructions: up to 96 bytes go without a loop, all loads ahead
 * of all stores, which makes any overlap right; longer runs take ten instructions for 64 bytes.
 */

	.text

/*
 * void *memmove(void *dst [x0], const void *src [x1], size_t n [x2]); memcpy is the same.
 * x3 destination cursor, x4/x5 the two ends, x6..x17 data. x0 is returned as it came.
 */
	.globl	memcpy, memmove
	.type	memcpy, %function
	.type	memmove, %function
	.p2align 6
memcpy:
memmove:
	mov	x3, x0
	cmp	x2, #64
	b.hi	.Lover64

	/* 0..64 bytes from x1 to x3: the first and the last part, overlapping in the middle. */
.Lupto64:
	add	x4, x1, x2
	add	x5, x3, x2
	cmp	x2, #16
	b.lo	.Lunder16
	ldp	x6, x7, [x1]
	ldp	x12, x13, [x4, #-16]
	cmp	x2, #32
	b.hi	.Lover32
	stp	x6, x7, [x3]
	stp	x12, x13, [x5, #-16]
	ret
.Lover32:
	ldp	x8, x9, [x1, #16]
	ldp	x10, x11, [x4, #-32]
	stp	x6, x7, [x3]
	stp	x8, x9, [x3, #16]
	stp	x10, x11, [x5, #-32]
	stp	x12, x13, [x5, #-16]
	ret
.Lunder16:
	tbz	x2, #3, .Lunder8
	ldr	x6, [x1]
	ldr	x7, [x4, #-8]
	str	x6, [x3]
	str	x7, [x5, #-8]
	ret
.Lunder8:
	tbz	x2, #2, .Lunder4
	ldr	w6, [x1]
	ldr	w7, [x4, #-4]
	str	w6, [x3]
	str	w7, [x5, #-4]
	ret
.Lunder4:
	cbz	x2, .Lnothing
	lsr	x8, x2, #1		/* 1..3 bytes: first, middle, last */
	ldrb	w6, [x1]
	ldrb	w7, [x1, x8]
	ldrb	w9, [x4, #-1]
	strb	w6, [x3]
	strb	w7, [x3, x8]
	strb	w9, [x5, #-1]
.Lnothing:
	ret

.Lover64:
	cmp	x2, #96
	b.hi	.Lover96
	add	x4, x1, x2
	add	x5, x3, x2
	ldp	x6, x7, [x1]
	ldp	x8, x9, [x1, #16]
	ldp	x10, x11, [x1, #32]
	ldp	x12, x13, [x1, #48]
	ldp	x14, x15, [x4, #-32]
	ldp	x16, x17, [x4, #-16]
	stp	x6, x7, [x3]
	stp	x8, x9, [x3, #16]
	stp	x10, x11, [x3, #32]
	stp	x12, x13, [x3, #48]
	stp	x14, x15, [x5, #-32]
	stp	x16, x17, [x5, #-16]
	ret

.Lover96:
	sub	x4, x3, x1
	cmp	x4, x2			/* unsigned: dst inside [src, src + n) */
	b.lo	.Lbackwards

	/*
	 * Forwards. The first 16 bytes go unaligned, the blocks from the next 16-byte line of dst.
	 * The first block is loaded before the head is stored, as the head may lie on its source.
	 */
	ldp	x14, x15, [x1]
	and	x5, x3, #15
	sub	x1, x1, x5
	sub	x4, x3, x5
	add	x2, x2, x5		/* bytes from the aligned start */
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	ldp	x12, x13, [x1, #64]!
	sub	x2, x2, #(16 + 64)
	stp	x14, x15, [x3]
	stp	x6, x7, [x4, #16]
	stp	x8, x9, [x4, #32]
	stp	x10, x11, [x4, #48]
	stp	x12, x13, [x4, #64]!
	subs	x2, x2, #64
	b.lo	2f
1:	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	ldp	x12, x13, [x1, #64]!
	stp	x6, x7, [x4, #16]
	stp	x8, x9, [x4, #32]
	stp	x10, x11, [x4, #48]
	stp	x12, x13, [x4, #64]!
	subs	x2, x2, #64
	b.hs	1b
2:	add	x2, x2, #64
	add	x1, x1, #16
	add	x3, x4, #16
	b	.Lupto64

	/* Backwards from the end; what is left at the front goes the short way. */
.Lbackwards:
	add	x4, x1, x2
	add	x5, x3, x2
	sub	x2, x2, #64
1:	ldp	x6, x7, [x4, #-16]
	ldp	x8, x9, [x4, #-32]
	ldp	x10, x11, [x4, #-48]
	ldp	x12, x13, [x4, #-64]!
	stp	x6, x7, [x5, #-16]
	stp	x8, x9, [x5, #-32]
	stp	x10, x11, [x5, #-48]
	stp	x12, x13, [x5, #-64]!
	subs	x2, x2, #64
	b.hs	1b
	add	x2, x2, #64
	b	.Lupto64
	.size	memcpy, . - memcpy
	.size	memmove, . - memmove

/*
 * void *memset(void *dst [x0], int c [w1], size_t n [x2]).
 * x3 cursor, x5 end, x4, x6, x7 scratch.
 */
	.globl	memset
	.type	memset, %function
	.p2align 6
memset:
	and	x1, x1, #0xff
	mov	x4, #0x0101010101010101
	mul	x1, x1, x4
	add	x5, x0, x2
	cmp	x2, #16
	b.lo	.Lset_under16
	stp	x1, x1, [x0]
	stp	x1, x1, [x5, #-16]
	cmp	x2, #32
	b.ls	.Lset_done
	stp	x1, x1, [x0, #16]
	stp	x1, x1, [x5, #-32]
	cmp	x2, #64
	b.ls	.Lset_done

	/* 32 bytes at either end are set; blocks of 64 from the next line to behind the last 64. */
	and	x3, x0, #~15
	cbnz	x1, .Lset_loop
	cmp	x2, #512
	b.hs	.Lset_zva
.Lset_loop:				/* all is set up to x3 + 16 */
	sub	x2, x5, x3
	sub	x2, x2, #(16 + 64)
	tbnz	x2, #63, 2f
1:	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	stp	x1, x1, [x3, #64]!
	subs	x2, x2, #64
	b.hs	1b
2:	stp	x1, x1, [x5, #-64]
	stp	x1, x1, [x5, #-48]
.Lset_done:
	ret

	/*
	 * Zeros by the cache block: DC ZVA, whose block is 4 << DCZID_EL0.BS bytes unless DZP
	 * forbids it (Arm ARM, DCZID_EL0). Up to the first block by stores, then four a turn.
	 */
.Lset_zva:
	mrs	x6, dczid_el0
	tbnz	x6, #4, .Lset_loop
	and	x6, x6, #15
	cmp	x6, #5			/* past 128 bytes 512 may hold no whole block */
	b.hi	.Lset_loop
	mov	x4, #4
	lsl	x4, x4, x6		/* block */
	sub	x7, x4, #1
	add	x7, x7, x0
	neg	x6, x4
	and	x7, x7, x6		/* first whole block */
1:	cmp	x3, x7			/* stores go 16 bytes ahead of x3 */
	b.hs	2f
	stp	x1, x1, [x3, #16]
	add	x3, x3, #16
	b	1b
2:	mov	x3, x7
	and	x6, x6, x5		/* end of the last whole block */
	sub	x6, x6, x4, lsl #2
	cmp	x3, x6
	b.hi	4f
3:	dc	zva, x3
	add	x3, x3, x4
	dc	zva, x3
	add	x3, x3, x4
	dc	zva, x3
	add	x3, x3, x4
	dc	zva, x3
	add	x3, x3, x4
	cmp	x3, x6
	b.ls	3b
4:	add	x6, x6, x4, lsl #2
5:	cmp	x3, x6
	b.hs	6f
	dc	zva, x3
	add	x3, x3, x4
	b	5b
6:	sub	x3, x3, #16		/* the rest, less than a block */
	b	.Lset_loop

.Lset_under16:
	tbz	x2, #3, 1f
	str	x1, [x0]
	str	x1, [x5, #-8]
	ret
1:	tbz	x2, #2, 2f
	str	w1, [x0]
	str	w1, [x5, #-4]
	ret
2:	cbz	x2, 3f
	lsr	x3, x2, #1
	strb	w1, [x0]
	strb	w1, [x0, x3]
	strb	w1, [x5, #-1]
3:	ret
	.size	memset, . - memset
