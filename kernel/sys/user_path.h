/*
 * Paths and directory descriptors as system calls get them.
 */
#pragma once
#include "fs/fdtable.h"
#include "fs/path.h"

/* A path copied in: short ones, nearly all, need no allocation. */
struct user_path {
	const char *name;
	char small[232];
};
/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM. On success user_path_put must follow. */
int user_path_get(struct user_path *p, u64 address);
void user_path_free(struct user_path *p);
static inline void user_path_end(struct user_path *p)
{
	if (unlikely(p->name != p->small))
		user_path_free(p);
}

/* Where a relative name starts: at.path is NULL for the working directory. */
struct at_dir {
	struct path *path;
	struct fd_ref ref;
};
/* 0, -EBADF, -ENOTDIR. name decides: an absolute one ignores fd. */
int at_dir_get(struct at_dir *at, u64 fd, const char *name);
static inline void at_dir_end(struct at_dir *at) { fd_return(at->ref); }

/* Both, and the walk: what name leads to. flags: LOOKUP_*; with LOOKUP_EMPTY an empty name is the descriptor's own
 * place. */
int user_lookup(u64 fd, u64 address, u32 flags, struct path *out);
