/*
 * Trees of small files that the kernel registers by path: the common part of
 * procfs and sysfs. All process context; each takes the names mutex itself.
 */
#pragma once
#include "fs/procfs.h"

struct attr_node {
	struct vnode v;
	struct text_source source;	/* of text files */
	void (*arg_free)(void *);	/* the last reference frees source.arg; NULL: not ours */
	char *target;			/* of links; owned */
	bool strict;			/* as attr_file's */
};

/* A file system of such a tree, alive for ever. Its root may have operations of its own. NULL: no memory. */
struct superblock *attrfs_make(const struct fs_type *type, u64 magic,
			       const struct vnode_ops *root_ops, const struct file_ops *root_fops);
struct attr_file {
	u32 mode;			/* with S_IFREG or S_IFLNK or S_IFDIR */
	struct text_source source;
	void (*arg_free)(void *);
	/* NULL: the common ones. A directory that knows more names than the tree has more */
	const struct vnode_ops *ops;
	const struct file_ops *fops;	/* instead of source */
	const char *target;
	u64 size;
	u64 ino;			/* 0: one is chosen */
	bool strict;			/* its rights bind root too: no opening for what it cannot do */
};
/* 0, -EEXIST, -ENOMEM, -ENOTDIR. */
int attrfs_add(struct superblock *sb, const char *path, const struct attr_file *what);
void attrfs_remove(struct superblock *sb, const char *path);
/* For vnode_ops.lookup: a name that is not in the tree, and goes with its last user. err_ptr(-ENOMEM). */
struct dentry *attrfs_child(struct dentry *dir, const char *name, u32 len, const struct attr_file *what);
/* Operations for directories of that kind, to be extended. */
void attrfs_release(struct vnode *v);
int attrfs_setattr(struct vnode *v, const struct vnode_attr *a);
