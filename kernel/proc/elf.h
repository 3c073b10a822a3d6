/*
 * ELF programs: what exec.c puts into a new space.
 */
#pragma once
#include "fs/file.h"
#include "fs/path.h"

struct vm_space;

/* A file that is to be executed, open, and its beginning. */
struct binary {
	struct file *file;
	struct path path;		/* referenced */
	struct vm_object *object;	/* its pages; referenced */
	u64 size;
	bool unreadable;		/* the caller may execute it, but not read it */
	u32 head_len;
	u8 head[256] aligned(8);
};

/* What the new program needs to know about itself. */
struct elf_image {
	u64 entry;			/* where the CPU begins: the interpreter's, if there is one */
	u64 program_entry;		/* AT_ENTRY */
	u64 phdr;			/* AT_PHDR, 0: the headers are not mapped */
	u32 phnum;
	u64 base;			/* AT_BASE, the interpreter's; 0: none */
	bool stack_exec;
};

/* Open name for execution: 0, -EACCES, -ENOENT, ... binary_close undoes it, also after an error. Process context. */
int binary_open(struct binary *b, const struct path *at, const char *name, u32 lookup_flags);
void binary_close(struct binary *b);
/*
 * Map the program, and the interpreter it asks for, into s, a space that does not run yet.
 * random: bits to place things by, 0: none. 0; -ENOEXEC: no program, or a broken one; -ELIBBAD: a broken interpreter;
 * -ENOENT, -EACCES: of the interpreter; -ENOMEM.
 */
int elf_load(struct vm_space *s, struct binary *b, u64 random, struct elf_image *out);
