/*
 * Things with names. A vnode is the thing (file, directory, link, device);
 * a dentry is one name of it in one directory; a superblock is one instance
 * of a file system. Dentries form the tree that paths are walked in
 * (fs/path.h): getcwd and /proc/PID/exe read it upwards.
 *
 * File systems in memory pin their dentries: the tree is the file system, and
 * a name that is not in it does not exist. A directory whose vnode has a
 * lookup operation is asked for names that the tree lacks; what it answers is
 * either kept in the tree (DENTRY_HASHED) or lives as long as it is held
 * (/proc/PID).
 *
 * Lock keys: [n] the superblock's names mutex; [d] the global dentry lock
 * (thread kind), which a walk holds; [v] the vnode's mutex; [a] atomic;
 * [S] set before it is shared. Order: n, v, d.
 */
#pragma once
#include "base/list.h"
#include "fs/file.h"

struct dentry; struct superblock; struct path; struct mount; struct text_out;

#define NAME_MAX_LEN	255
#define PATH_MAX_LEN	4096	/* with the NUL */

/* Bits of setattr. */
#define ATTR_MODE	1u
#define ATTR_UID	2u
#define ATTR_GID	4u
#define ATTR_SIZE	8u
#define ATTR_ATIME	16u
#define ATTR_MTIME	32u
#define ATTR_CTIME	64u

struct vnode_attr {
	u32 valid;			/* ATTR_* */
	u32 mode, uid, gid;
	u64 size;
	u64 atime, mtime, ctime;	/* ns since 1970 */
	bool touch;			/* the times are "now": who may write may do it */
};

/* Directory operations run with [n] held, process context, permissions already checked. NULL: -EPERM unless said
 * otherwise. */
struct vnode_ops {
	/* A name that the tree lacks: a new dentry (dentry_new) with its vnode, or err_ptr. NULL operation: -ENOENT */
	struct dentry *(*lookup)(struct dentry *dir, const char *name, u32 len);
	/* A new file, directory, fifo, socket or device (mode has S_IFMT): its vnode, or err_ptr; the caller links the
	 * name. */
	struct vnode *(*create)(struct vnode *dir, u32 mode, u64 rdev);
	struct vnode *(*symlink)(struct vnode *dir, const char *target);
	/* Account for a name that comes or goes; may refuse. nlink is theirs to change. */
	int (*link)(struct vnode *dir, struct vnode *v);
	int (*unlink)(struct vnode *dir, struct vnode *v);	/* of directories too: emptiness is checked already */
	int (*rename)(struct vnode *from_dir, struct vnode *v, struct vnode *to_dir, struct vnode *replaced);
	/* Two names change places. NULL: -EINVAL, as for a whiteout */
	int (*exchange)(struct vnode *from_dir, struct vnode *v, struct vnode *to_dir, struct vnode *other);
	/* A regular file that no directory has, nlink 0; any lock state. NULL: -EOPNOTSUPP */
	struct vnode *(*tmpfile)(struct vnode *dir, u32 mode);

	/* The target's text, not terminated; length or -errno. Any lock state. */
	s64 (*readlink)(struct vnode *, char *buf, size_t size);
	/* Links that lead to a place rather than to a text (/proc/self/exe): a referenced path. NULL: by readlink */
	int (*follow)(struct vnode *, struct path *out);
	int (*setattr)(struct vnode *, const struct vnode_attr *);	/* [v] held; NULL: -EPERM */
	void (*refresh)(struct vnode *);	/* bring the fields up to date for stat; NULL: they are */
	/* f->vnode is set, f->ops is v->fops; may replace ops and set priv. NULL: nothing to do */
	int (*open)(struct vnode *, struct file *f);
	void (*release)(struct vnode *);	/* last reference: free it and what it holds */
	u64 (*blocks)(struct vnode *);		/* of 512 bytes that a regular file takes; NULL: none. Any lock state */
	/*
	 * Extended attributes, xattr(7), rights and sizes already checked. NULL: -EOPNOTSUPP. get: bytes, -ENODATA,
	 * -ERANGE (size 0 only asks). set: value NULL removes; flags XATTR_*; 0, -EEXIST, -ENODATA, -ENOSPC, -ENOMEM.
	 * list: the names with their NULs, without "trusted." ones unless all; bytes, -ERANGE. They take [v] themselves.
	 */
	s64 (*xattr_get)(struct vnode *, const char *name, void *value, size_t size);
	int (*xattr_set)(struct vnode *, const char *name, const void *value, size_t size, u32 flags);
	s64 (*xattr_list)(struct vnode *, char *list, size_t size, bool all);
};

struct vnode {
	u32 refs;			/* [a] */
	u32 mode;			/* S_IFMT and permissions [v]; S_IFMT [S] */
	u32 uid, gid;			/* [v] */
	u32 nlink;			/* [n] */
	u32 flags;			/* VNODE_* [v] */
	s32 writers;			/* of a regular file: opens for writing; below 0: programs that run it [a] */
	u64 ino;			/* [S] */
	u64 rdev;			/* of devices, Linux's encoding [S] */
	u64 size;			/* [v]; read anywhere */
	u64 atime, mtime, ctime, btime;	/* ns since 1970 [v]; torn reads are harmless */
	struct superblock *sb;		/* [S] */
	const struct vnode_ops *ops;	/* [S] */
	const struct file_ops *fops;	/* what opening gives; NULL: by type (device, fifo) [S] */
	void *priv;			/* the file system's */
	void *pipe;			/* of a fifo: fs/pipe [v] */
	void *locks;			/* advisory locks, fs/flock's [its lock] */
	void *watches;			/* fs/inotify's [its lock] */
	struct mutex lock;		/* [v]: size, data writes, attributes */
};

#define VNODE_LINKABLE	1u	/* without a name, but may be given one (O_TMPFILE) */

#define DENTRY_HASHED	1u	/* found by walks [d] */
#define DENTRY_PINNED	2u	/* the tree holds a reference [d] */
#define DENTRY_DEAD	4u	/* its name is gone [d] */
#define DENTRY_MOUNTED	8u	/* something is mounted here [d] */

struct dentry {
	u32 refs;			/* [a]; 1 to 0 only under [d] */
	u32 flags;			/* DENTRY_* [d] */
	struct dentry *parent;		/* referenced; itself for a root [d] */
	struct vnode *vnode;		/* referenced [S] */
	struct superblock *sb;		/* [S] */
	struct dentry *hash_next;	/* [d] */
	u32 hash;			/* of the name [d] */
	u32 name_len;			/* [d] */
	char *name;			/* short, or allocated [d] */
	struct list_node children;	/* in order of cookie [d] */
	struct list_node sibling;	/* [d] */
	u64 cookie;			/* place in its directory, ascending, from 3 [d] */
	u64 next_cookie;		/* for its own children [d] */
	char short_name[24];
};

struct superblock_ops {
	void (*statfs)(struct superblock *, u64 *blocks, u64 *free, u64 *files, u64 *files_free);
	void (*release)(struct superblock *);		/* the last mount and the last vnode are gone: free it */
	void (*show_options)(struct superblock *, struct text_out *);	/* ",size=64k" for /proc/mounts */
	int (*remount)(struct superblock *, const char *options);
};

struct superblock {
	u32 refs;			/* mounts: without one the tree goes [a] */
	u32 holds;			/* vnodes, and one for all mounts: without one the structure goes [a] */
	u32 dev;			/* st_dev: major 0, own minor [S] */
	bool read_only;			/* whatever the mounts say [d] */
	const struct fs_type *type;
	const struct superblock_ops *ops;
	struct dentry *root;
	struct mutex names;		/* [n] */
	u64 magic;			/* statfs f_type */
	u64 next_ino;			/* [a] */
	void *priv;
};

struct fs_type {
	const char *name;
	bool nodev;			/* needs no block device */
	/* A superblock for mount(2): a new one or another reference to the only one; err_ptr. */
	struct superblock *(*mount)(const struct fs_type *, const char *source, const char *options);
	struct fs_type *next;		/* registry's */
};

void fs_type_register(struct fs_type *t);
struct fs_type *fs_type_find(const char *name);
struct fs_type *fs_type_next(struct fs_type *after);	/* NULL: the first; for /proc/filesystems */

/* Fills the common fields; refs 1, no root yet. */
void superblock_init(struct superblock *sb, const struct fs_type *type, const struct superblock_ops *ops, u64 magic);
void superblock_put(struct superblock *sb);
/* Drop every pinned name below d and d's own pin; what is open lives on. Process context. */
void dentry_tree_drop(struct dentry *d);

/* Common fields, times now, owner from the current credentials, nlink 1, refs 1. */
void vnode_init(struct vnode *v, struct superblock *sb, const struct vnode_ops *ops, u32 mode);
static inline void vnode_get(struct vnode *v) { ref_get(&v->refs); }
void vnode_put(struct vnode *v);
/* May the current thread's credentials do this? mask: 4 read, 2 write, 1 execute/search. 0 or -EACCES. Any context. */
int vnode_permission(const struct vnode *v, u32 mask);
/*
 * Nobody writes to a program that runs, and nobody runs what is being written to, execve(2). Each has its end, once.
 * 0, -ETXTBSY. Any context.
 */
int vnode_write_begin(struct vnode *v);
static inline void vnode_write_end(struct vnode *v) { atomic_sub(&v->writers, 1); }
int vnode_run_begin(struct vnode *v);
static inline void vnode_run_end(struct vnode *v) { atomic_add_relaxed(&v->writers, 1); }
/* Apply checked attributes: rights, set-id bits, times. 0, -EPERM, -EROFS by the caller. Process context. */
int vnode_setattr(struct vnode *v, struct vnode_attr *a);
/* Its contents change: the set-id bits go unless the current thread is privileged. [v] held. */
void vnode_privilege_drop(struct vnode *v);
bool vnode_is_group_member(const struct vnode *v);	/* the current thread is in v's group, or need not be */
/*
 * proc_sys_fs(5), protected_symlinks and protected_hardlinks: what others put into a directory for everybody is not
 * followed at the end of a path; and only what one could write to anyway gets one's own name.
 */
extern u32 vnode_protected_symlinks, vnode_protected_hardlinks;
bool vnode_link_followed(const struct vnode *dir, const struct vnode *link);
bool vnode_may_be_linked(const struct vnode *v);
/* The bytes that files of the current process may have (RLIMIT_FSIZE): proc/ sets it at boot. docs/floors.md. */
extern u64 (*vnode_size_limit)(void);
/*
 * May a file grow as far as end by what is at offset? 0; -EFBIG, with SIGXFSZ, when offset is at the limit or beyond.
 * *end is brought down to the limit. Process context.
 */
int vnode_size_check(u64 offset, u64 *end);
u64 vnode_now(void);			/* the time that stamps files, ns since 1970 */

/* A dentry for name in parent (NULL: a root of sb) over v (takes over the caller's reference); refs 1, not in the tree.
 * NULL: no memory (v is put). */
struct dentry *dentry_new(struct superblock *sb, struct dentry *parent, const char *name, u32 len, struct vnode *v);
static inline void dentry_get(struct dentry *d) { ref_get(&d->refs); }
void dentry_put(struct dentry *d);
/* Into the tree, pinned: takes over the caller's reference. [n] held. */
void dentry_link(struct dentry *d);
/* The name goes: out of the tree, pin dropped. [n] held. */
void dentry_unlink(struct dentry *d);
/* Another place and name, hashed again; spare is what dentry_name_reserve gave for len. [n] held. */
void dentry_move(struct dentry *d, struct dentry *parent, const char *name, u32 len, char *spare);
/* a gets b's place and name, and b a's. [n] held. */
void dentry_exchange(struct dentry *a, struct dentry *b);
/* Memory that a name of this length needs in dentry_move, in *spare (NULL for short ones; else kfree, or moved). 0,
 * -ENOMEM. */
int dentry_name_reserve(u32 len, char **spare);
/* The child in the tree, referenced; NULL. */
struct dentry *dentry_child(struct dentry *dir, const char *name, u32 len);
bool dentry_has_children(struct dentry *dir);
u32 dentry_hash_name(const char *name, u32 len);

/* What readdir hands entries to. emit false: full, stop and leave f->pos at this entry. */
struct dir_sink {
	bool (*emit)(struct dir_sink *, const char *name, u32 len, u64 ino, u32 mode, u64 pos_after);
};
/* readdir of a directory whose names are all in the tree: ".", "..", the children. */
int dentry_readdir(struct file *f, struct dir_sink *sink);
