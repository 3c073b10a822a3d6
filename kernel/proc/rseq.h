/*
 * Restartable sequences: rseq.c tells what they are.
 */
#pragma once
#include "arch/arm64/trap.h"

struct thread;

/* rseq(2) for the calling thread. 0, -EINVAL, -EPERM (not the signature of before), -EBUSY (again the same),
 * -EFAULT. */
int rseq_register(u64 area, u32 length, u32 flags, u32 signature);
/* t has registered nothing: a new program. t is the current thread or does not run yet. */
void rseq_forget(struct thread *t);
/* t, which does not run yet, goes on where the calling thread is, in a copy of its memory. */
void rseq_fork(struct thread *t);
/*
 * The current thread was switched away from, or is to enter a handler: the frame goes to its abort handler if it was in
 * a critical section, and its memory says which CPU this is. False: it is to get a SIGSEGV. On the way to user mode;
 * may sleep.
 */
bool rseq_disturbed(struct trap_frame *f);
/* For each CPU by cpu_call_all: what runs there in that vm_space is to be disturbed. Interrupts masked. */
void rseq_disturb(void *space);
