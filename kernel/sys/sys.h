/*
 * System calls. One table (sys/table.c) by Linux's arm64 numbers; each call is
 * a thin function in sys_*.c: check the arguments, call the floor that does
 * the work, return its value or -errno.
 *
 * A handler gets the six argument registers as they came in.
 */
#pragma once
#include "base/defs.h"
#include "base/errno.h"

typedef s64 (*syscall_fn)(const u64 a[6]);

#define SYSCALL(name) s64 sys_##name(const u64 a[6]); s64 sys_##name(const u64 a[6])

struct syscall_entry {
	syscall_fn fn;		/* NULL: ENOSYS, logged once by name */
	const char *name;
};
extern const struct syscall_entry syscall_table[];
extern const u32 syscall_table_size;

/*
 * A structure that grows with Linux's versions: `size` bytes of the caller's into `known` ones, zeros where it has
 * fewer. -EFAULT; -E2BIG: it says something that this version has no name for.
 */
s64 struct_from_user(void *dst, size_t known, u64 address, u64 size);

/* A descriptor for a new file, whose reference it takes over: the number, or -EMFILE; file NULL: -ENOMEM. */
struct file;
s64 file_install(struct file *f, bool cloexec);
