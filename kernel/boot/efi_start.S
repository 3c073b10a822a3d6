/*
 * From UEFI's world (MMU and caches on, memory mapped to itself) to the state in which an arm64 image starts:
 * MMU off, the image clean to the point of coherency, interrupts masked.
 */
	.section .boot.text, "ax"

/* efi_start_kernel(x0: struct boot_info, x1: where the image's file lies, x2: its size) */
	.globl	efi_start_kernel
efi_start_kernel:
	msr	daifset, #15
	mov	x19, x0
	mov	x20, x1
	add	x2, x1, x2
	mrs	x3, ctr_el0
	ubfx	x3, x3, #16, #4
	mov	x4, #4
	lsl	x3, x4, x3		// bytes of the shortest line
	// The image is read, and these instructions are, past the caches from here on.
	sub	x4, x3, #1
	bic	x1, x1, x4
1:	dc	civac, x1
	add	x1, x1, x3
	cmp	x1, x2
	b.lo	1b
	adr	x1, efi_start_kernel
	bic	x1, x1, x4
	adr	x2, .Lend
2:	dc	cvac, x1
	add	x1, x1, x3
	cmp	x1, x2
	b.lo	2b
	dsb	sy
	ic	iallu
	dsb	sy
	isb

	mov	x4, #0x1005		// SCTLR: MMU, data and instruction caches
	mrs	x3, CurrentEL
	cmp	x3, #8
	b.eq	3f
	mrs	x3, sctlr_el1
	bic	x3, x3, x4
	msr	sctlr_el1, x3
	b	4f
3:	mrs	x3, sctlr_el2
	bic	x3, x3, x4
	msr	sctlr_el2, x3
4:	isb
	mov	x0, x19
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x20
.Lend:
