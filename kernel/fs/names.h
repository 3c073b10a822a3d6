/*
 * Shared by names.c and open.c.
 */
#pragma once
#include "fs/path.h"

/*
 * A new name for a new thing of mode (S_IFMT and rights, umask applied here). 0 and *out referenced (out may
 * be NULL); -EEXIST, -EACCES, -EROFS, -ENOSPC, ... names mutex of the superblock held.
 */
int name_create(const struct path *dir, const struct path_last *last, u32 mode, u64 rdev, struct dentry **out);
