/*
 * Shared by tmpfs.c (names, counts) and tmpfs_data.c (bytes).
 */
#pragma once
#include "fs/page_tree.h"
#include "fs/tmpfs.h"

struct tmpfs_sb {
	struct superblock sb;
	u64 max_pages, used_pages;	/* ~0: no limit; used [a] */
	u64 max_nodes, nodes;		/* [a] */
};

struct tmpfs_node {
	struct vnode v;
	struct xattr *xattrs;		/* [v] */
	u32 xattr_bytes;		/* of all of them [v] */
	union {
		struct {		/* regular files */
			struct spinlock lock;		/* thread kind; [p]: tree, and size against get_page */
			struct page_tree pages;		/* [p] */
			struct vm_object object;	/* its references are one of v as a whole */
			u32 seals;			/* F_SEAL_* [v] */
		};
		struct {		/* links */
			char *target;	/* v.size bytes, no NUL [S] */
			char short_target[56];
		};
	};
};

static inline struct tmpfs_node *tmpfs_node_of(struct vnode *v) { return container_of(v, struct tmpfs_node, v); }
static inline struct tmpfs_sb *tmpfs_sb_of(struct superblock *sb) { return container_of(sb, struct tmpfs_sb, sb); }

extern const struct file_ops tmpfs_file_ops;
void tmpfs_data_init(struct tmpfs_node *n);
void tmpfs_data_free(struct tmpfs_node *n);
/* Truncate or extend. [v] held. 0, -EFBIG. */
int tmpfs_data_resize(struct tmpfs_node *n, u64 size);
/* Take pages from what the file system may use, or give them back: 0, -ENOSPC. Any context. */
int tmpfs_pages_take(struct superblock *sb, u64 count);
void tmpfs_pages_give(struct superblock *sb, u64 count);
s64 tmpfs_xattr_get(struct vnode *v, const char *name, void *value, size_t size);
int tmpfs_xattr_set(struct vnode *v, const char *name, const void *value, size_t size, u32 flags);
s64 tmpfs_xattr_list(struct vnode *v, char *list, size_t size, bool all);
void tmpfs_xattrs_free(struct tmpfs_node *n);
u64 tmpfs_blocks(struct vnode *v);
/* Zeros from offset on, pages that lie within are given back. [v] held. */
void tmpfs_data_punch(struct tmpfs_node *n, u64 offset, u64 length);
/* A regular file without a name, refs 1, or err_ptr. */
struct tmpfs_node *tmpfs_node_unnamed(void);
