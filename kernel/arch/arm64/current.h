/*
 * The running thread: SP_EL0 holds its struct thread while in the kernel
 * (the user's own SP_EL0 is in the trap frame). One instruction, and right
 * on every CPU: a thread that migrates carries the register with it.
 */
#pragma once
struct thread;

static inline struct thread *current(void)
{
	struct thread *t;

	__asm__("mrs %0, sp_el0" : "=r"(t));
	return t;
}
