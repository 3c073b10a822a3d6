/*
 * The screen's letters, as tools/mkfont took them from one of the distribution's fonts.
 */
	.section .rodata, "a"
	.globl	font_data
	.balign	8
font_data:
	.incbin	"font.bin"
