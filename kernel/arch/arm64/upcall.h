/*
 * Everything that arch code calls upwards; each is defined once, on the floor
 * named. Any other upward need is an operations structure (docs/floors.md).
 */
#pragma once
#include "arch/arm64/trap.h"

/* main.c: first C code in the upper half, boot CPU, interrupts masked. boot, a DTB or the EFI stub's struct boot_info,
 * is mapped read-only, or NULL. */
noreturn void kernel_entry(const void *boot, u64 boot_phys, u64 entry_counter, bool from_el3);
/* cpus.c: the same for another CPU, on its idle thread's stack; arg is its smp_start's. */
noreturn void secondary_entry(void *arg);
/* sched: first code of a new thread, on its own stack; finishes the switch, calls fn(arg), exits. */
noreturn void thread_begin(void (*fn)(void *), void *arg);
/* irq: an IRQ exception; interrupts masked. Runs handlers, then softirqs. frame is what was interrupted. */
void irq_dispatch(struct trap_frame *frame);
/* sys: a system call; interrupts enabled. frame->x[8] is the number. Sets frame->x[0]. */
void syscall_dispatch(struct trap_frame *frame);
/* vm: a fault at a user address. Interrupts enabled, may sleep. 0: try again, or a program's fault became a signal.
 * -EFAULT for a kernel copy that can't go on: no mapping, no user space, or preemption is disabled. */
int vm_fault(struct trap_frame *frame, u64 address, u32 flags);
/* proc: any other synchronous exception of a program. Interrupts enabled. */
void user_exception(struct trap_frame *frame, enum user_fault kind, u64 address, u32 esr);
/* proc: before every return to user mode, called while work_pending(current) says so: reschedule,
 * signals, restart of calls. Interrupts enabled on entry. */
void user_return(struct trap_frame *frame);
/* core: a fault of the kernel itself; prints and ends the machine. */
noreturn void kernel_fault(struct trap_frame *frame, u64 esr, u64 far, const char *what);
