/*
 * Where a signal handler returns to when the program brought no restorer of
 * its own (glibc does not). Unwinders know the frame by these two words.
 */
#include <asm/unistd.h>

	.section .sigreturn, "ax"
	.globl	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #__NR_rt_sigreturn
	svc	#0
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
