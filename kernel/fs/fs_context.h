/*
 * Where a thread stands in the tree: root, working directory, umask. Shared
 * by CLONE_FS, copied by fork; the pointer is thread.fs.
 */
#pragma once
#include "fs/path.h"

struct fs_context {
	u32 refs;			/* [a] */
	struct spinlock lock;		/* [l] */
	struct path root, cwd;		/* [l] */
	u32 umask;			/* [l] */
	bool shared;			/* by another process, now or before: no program gets rights here [a] */
	struct list_node node;		/* all of them [contexts lock] */
};

/* At the root of the root file system, umask 022; refs 1. NULL: no memory. */
struct fs_context *fs_context_new(void);
struct fs_context *fs_context_copy(struct fs_context *c);	/* fork; NULL: no memory */
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);	/* process context */
/* The current thread's, or the boot one for kernel threads. */
struct fs_context *fs_context_current(void);
void fs_context_cwd(struct fs_context *c, struct path *out);	/* referenced */
void fs_context_root(struct fs_context *c, struct path *out);	/* referenced */
/* Whoever has his root or working directory at from has it at to now. */
void fs_contexts_move(const struct path *from, const struct path *to);
void fs_context_set_cwd(struct fs_context *c, const struct path *p);	/* takes its own reference */
void fs_context_set_root(struct fs_context *c, const struct path *p);
