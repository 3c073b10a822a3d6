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
	union {
		struct {		/* regular files */
			struct spinlock lock;		/* thread kind; [p]: tree, and size against get_page */
			struct page_tree pages;		/* [p] */
			struct vm_object object;	/* its references are one of v as a whole */
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
/* Zeros from offset on, pages that lie within are given back. [v] held. */
void tmpfs_data_punch(struct tmpfs_node *n, u64 offset, u64 length);
/* A regular file without a name, refs 1, or err_ptr. */
struct tmpfs_node *tmpfs_node_unnamed(void);
