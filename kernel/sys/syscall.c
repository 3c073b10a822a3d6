/*
 * Where system calls come in. vectors.S has saved the registers and enabled
 * interrupts; what a handler returns goes to x0, and what remains to be done
 * before user mode (signals, restart of calls) is user_return's.
 */
#include <asm/unistd.h>
#include "arch/arm64/upcall.h"
#include "core/log.h"
#include "sched/thread.h"
#include "sys/sys.h"

static u8 told[__NR_syscalls];		/* named in the log already; torn writes are harmless */
static u64 missing_calls;		/* [a] */

u64 syscall_missing_count(void)
{
	return atomic_load_relaxed(&missing_calls);
}

static noinline s64 missing(u64 nr)
{
	atomic_add_relaxed(&missing_calls, 1);
	if (nr < __NR_syscalls && !told[nr]) {
		told[nr] = 1;
		log_notice("%s: system call %s (%llu) is not there", current()->name,
			   syscall_table[nr].name ? syscall_table[nr].name : "without a name", (unsigned long long)nr);
	}
	return -ENOSYS;
}

void syscall_dispatch(struct trap_frame *f)
{
	u32 nr = f->x[8];		/* as on Linux, its lower half */
	syscall_fn fn;

	current()->syscalls++;
	if (likely(nr < __NR_syscalls)) {
		fn = syscall_table[nr].fn;
		if (likely(fn)) {
			f->x[0] = fn(f->x);
			return;
		}
	}
	f->x[0] = missing(nr);
}
