/*
 * The vDSO's image, as the build made it from vdso/.
 */
	.section .rodata, "a"
	.globl	vdso_image, vdso_image_end
	.balign	8
vdso_image:
	.incbin	"vdso.so"
vdso_image_end:
