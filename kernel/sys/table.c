/*
 * The system call table: Linux's numbers for arm64, each with its function if
 * there is one. A function is found by its name alone: SYSCALL(openat) in any
 * sys_*.c fills the place of openat; a name without a function stays NULL.
 */
#include <asm/unistd.h>
#include "sys/names.h"
#include "sys/sys.h"

#define DECLARE(n)	s64 sys_##n(const u64 a[6]) __attribute__((weak));
#define ENTRY(n)	[__NR_##n] = { sys_##n, #n },

SYSCALL_NAMES(DECLARE)

const struct syscall_entry syscall_table[] = { SYSCALL_NAMES(ENTRY) };
const u32 syscall_table_size = ARRAY_SIZE(syscall_table);

_Static_assert(ARRAY_SIZE(syscall_table) == __NR_syscalls, "the names end where the header's numbers end");
