/*
 * Places in the tree, and the walk to them (path_resolution(7)). A path is a
 * mount and a dentry; everything here checks permissions by current()->cred
 * and starts from the current thread's fs_context (the boot one for kernel
 * threads). Process context, may sleep.
 */
#pragma once
#include "fs/vnode.h"

struct fs_context;

struct mount {
	u32 refs;			/* [a] */
	u32 flags;			/* MNT_* [d] */
	u32 id;
	struct superblock *sb;		/* referenced */
	struct dentry *root;		/* referenced: what is seen at the mount point */
	struct mount *parent;		/* referenced; itself for the first [d] */
	struct dentry *mountpoint;	/* referenced, in parent [d] */
	struct list_node node;		/* all mounts, in order of mounting [d] */
	bool attached;			/* [d] */
	u8 expiring;			/* umount2(MNT_EXPIRE) found it unused; mount_put, its own first, counts it down */
	u32 writers;			/* files open for writing [a] */
	char *source;			/* for /proc/mounts */
};

/* Values are MS_*'s of mount(2). */
#define MNT_RDONLY	1u
#define MNT_NOSUID	2u
#define MNT_NODEV	4u
#define MNT_NOEXEC	8u
#define MNT_NOATIME	1024u
#define MNT_NODIRATIME	2048u
#define MNT_RELATIME	(1u << 21)
#define MNT_STRICTATIME	(1u << 24)

struct path {
	struct mount *mount;		/* referenced */
	struct dentry *dentry;		/* referenced */
};

void path_get(const struct path *p);	/* one more reference of both */
void path_put(const struct path *p);
/* A copy of one's own on the heap (process.exe, file.path); NULL: no memory. And its end (NULL: nothing). */
struct path *path_dup(const struct path *p);
void path_free(struct path *p);
static inline bool path_equal(const struct path *a, const struct path *b)
{
	return a->mount == b->mount && a->dentry == b->dentry;
}

#define LOOKUP_FOLLOW		1u	/* a link at the end is followed */
#define LOOKUP_DIRECTORY	2u	/* -ENOTDIR for anything else */
#define LOOKUP_EMPTY		4u	/* "" is the starting point */
#define LOOKUP_NO_AUTOMOUNT	8u
/* RESOLVE_* of openat2(2), in their order: each ends the walk with its error. */
#define LOOKUP_RESOLVE_SHIFT	8
#define LOOKUP_NO_XDEV		0x0100u	/* -EXDEV: into another mount */
#define LOOKUP_NO_MAGICLINKS	0x0200u	/* -ELOOP: a link to a place (/proc/PID/fd) */
#define LOOKUP_NO_SYMLINKS	0x0400u	/* -ELOOP: any link */
#define LOOKUP_BENEATH		0x0800u	/* -EXDEV: out of the starting point, even if it comes back */
#define LOOKUP_IN_ROOT		0x1000u	/* the starting point is the root; -EXDEV: a link to a place */
#define LOOKUP_CACHED		0x2000u	/* -EAGAIN: a name that the tree lacks */
#define LOOKUP_SCOPED		(LOOKUP_BENEATH | LOOKUP_IN_ROOT)

/* The last component of a name. special: it is nothing ("/"), "." or "..". must_be_dir: a slash followed it. */
struct path_last { u32 len; bool special, must_be_dir; char name[NAME_MAX_LEN + 1]; };
/*
 * Walk name from at (NULL: the working directory; ignored by absolute names).
 * 0 and a referenced path, or -ENOENT, -ENOTDIR, -EACCES, -ELOOP (40 links), -ENAMETOOLONG.
 */
int path_lookup(const struct path *at, const char *name, u32 flags, struct path *out);
/* The same within LOOKUP_NO_XDEV..CACHED; scope: the starting point of _SCOPED ones. path_lookup_parent likewise. */
int path_lookup_within(const struct path *scope, const struct path *at, const char *name, u32 flags, struct path *out);
int path_lookup_parent_within(const struct path *scope, const struct path *at, const char *name, u32 flags,
			      struct path *dir, struct path_last *last);
/*
 * Walk all but the last component: its directory, and a copy of the component.
 */
int path_lookup_parent(const struct path *at, const char *name, struct path *dir, struct path_last *last);

/*
 * The path as text from the current root, in buf: a pointer into it, or
 * err_ptr(-ENAMETOOLONG). " (deleted)" is added when the name is gone. What the
 * root does not contain is told from the root of all mounts.
 */
char *path_format(const struct path *p, char *buf, size_t size);
/* The same seen from a given root, with "(unreachable)" in front of what that does not contain. */
char *path_format_from(const struct path *p, const struct path *root, char *buf, size_t size);

/* From the root of its own file system. */
char *dentry_format(struct dentry *d, char *buf, size_t size);

/* The name in a directory, also one that the tree lacks: referenced, or err_ptr. [n] of dir's superblock held. */
struct dentry *dentry_lookup(struct dentry *dir, const char *name, u32 len);

/* open(2) for the kernel: relative to the current fs_context. 0 and a file with one reference, or -errno. */
int path_open(const char *name, u32 oflags, u32 mode, struct file **out);
/* lookup: LOOKUP_NO_XDEV..CACHED; at is not NULL for _SCOPED. */
int path_open_at(const struct path *at, const char *name, u32 oflags, u32 mode, u32 lookup, struct file **out);
/* An open of a place already found (exec of /proc/self/exe, opens of memory files). */
int path_open_found(const struct path *p, u32 oflags, struct file **out);
/*
 * A regular file that is open for writing is not run (-ETXTBSY), and its mount does not become read-only. This one,
 * just made, is to be no hindrance; or it is being closed. Harmless for others.
 */
void file_writer_end(struct file *f);
/* An open for execve, for reading: whether it may be executed was asked already, whether it may be read is not. */
int path_open_exec(const struct path *p, struct file **out);

int path_mknod(const struct path *at, const char *name, u32 mode, u64 rdev);	/* mode with S_IFMT; umask applied */
int path_mkdir(const struct path *at, const char *name, u32 mode);
int path_symlink(const char *target, const struct path *at, const char *name);
int path_link(const struct path *from, const struct path *at, const char *name);
int path_unlink(const struct path *at, const char *name);
int path_rmdir(const struct path *at, const char *name);
int path_rename(const struct path *from_at, const char *from, const struct path *to_at, const char *to, u32 flags);
s64 path_readlink(const struct path *p, char *buf, size_t size);
int path_truncate(const struct path *p, u64 size);
int dentry_setattr(struct dentry *d, struct vnode_attr *a);	/* vnode_setattr, told to those who watch */
int path_setattr(const struct path *p, struct vnode_attr *a);	/* -EROFS, then as vnode_setattr */
/* The thing at p was read by a file with these O_* flags: relatime's rule. Any context. */
void path_accessed(const struct path *p, u32 oflags);
/* May the mount of p be written to? 0 or -EROFS. */
int path_writable(const struct path *p);

/* mount(2), umount2(2): flags as theirs. */
int mount_add(const char *source, const struct path *at, const char *type, u32 flags, const char *options);
int mount_bind(const struct path *from, const struct path *at, bool recursive);
int mount_move(const struct path *from, const struct path *at);
int mount_remount(const struct path *at, u32 flags, const char *options);
#define UMOUNT_DETACH	2u		/* MNT_DETACH, MNT_EXPIRE: no UAPI header has them */
#define UMOUNT_EXPIRE	4u
int mount_remove(const struct path *at, u32 flags);
/* pivot_root(2): 0, -EBUSY, -EINVAL. */
int mount_pivot(const struct path *new_root, const struct path *put_old);
void mount_put(struct mount *m);
/* In order of mounting, referenced (drop with mount_put); after NULL: the first. Drops after. */
struct mount *mount_next(struct mount *after);
/* "rw,nosuid,..." */
size_t mount_flags_format(const struct mount *m, char *buf, size_t size);

/* The root file system: a tmpfs, mounted at boot; and the boot context. INIT_CORE is enough for it. */
int fs_init(void);
