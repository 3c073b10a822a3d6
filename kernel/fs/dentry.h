/*
 * The inside of the tree, for the walk (path.c) alone; everybody else uses
 * fs/vnode.h.
 */
#pragma once
#include "fs/vnode.h"

extern struct spinlock dentry_lock;	/* [d], thread kind */
extern u32 dentry_hash_seed;

/* The walk hashes a component while it looks for its end. */
static inline u32 dentry_hash_step(u32 h, u8 c)
{
	return (h + c) * dentry_hash_seed;
}

/* The child in the tree, not referenced. [d] held. */
struct dentry *dentry_find_locked(const struct dentry *dir, const char *name, u32 len, u32 hash);
void dentry_init(void);			/* boot, before the first file system */
