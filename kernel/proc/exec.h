/*
 * Executing programs.
 */
#pragma once
#include "arch/arm64/trap.h"

struct path;

struct exec_request {
	const struct path *at;		/* where a relative name begins; NULL: the working directory */
	const char *name;		/* the kernel's copy */
	u32 lookup_flags;		/* LOOKUP_* */
	u64 argv, envp;			/* user addresses of vectors; 0: empty */
	bool kernel_strings;		/* argv, envp are the kernel's */
};

/*
 * execve(2): on success the calling thread is the only one of its process and frame is the new program's start.
 * -ENOENT, -EACCES, -ENOEXEC, -E2BIG, -ELIBBAD, -ENOMEM, -EFAULT, ...: nothing has changed. Process context.
 */
int exec_program(const struct exec_request *r, struct trap_frame *frame);
