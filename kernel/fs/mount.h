/*
 * The inside of mounts, for the walk; everybody else uses fs/path.h.
 */
#pragma once
#include "fs/path.h"

#define MNT_INTERNAL	(1u << 31)	/* the kernel's own, in no tree (memfd) */

/* What is mounted at this place, not referenced; NULL: nothing. [d] held. */
struct mount *mount_find_locked(const struct mount *parent, const struct dentry *at);
/* A mount in no tree over sb (takes over a reference), with refs 1; NULL: no memory (sb is put). */
struct mount *mount_new(struct superblock *sb, struct dentry *root, const char *source, u32 flags);
/* The first mount, root of everything. */
extern struct mount *mount_root;
void fs_context_boot_init(void);	/* once mount_root is there */
