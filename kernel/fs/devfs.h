/*
 * Devices in the tree: character devices by number, whichever file system
 * holds the node, and devtmpfs, where each registered one appears by itself.
 */
#pragma once
#include "fs/vnode.h"

struct chardev {
	const char *name;		/* in /dev; may hold slashes (input/event0); NULL: no node */
	u32 major, minor;
	u32 mode;			/* permissions of the node */
	const struct file_ops *ops;
	int (*open)(struct file *f, struct chardev *dev);	/* may set f->priv, f->ops; NULL: nothing to do */
	void *arg;
	u32 count;			/* minors from minor on; 0: one. More than one have no node */
	struct chardev *next;		/* registry's */
	u32 opening;			/* calls of open that are under way [registry's; read without] */
};

/* The structure stays the caller's until unregister. 0, -EEXIST, -ENOMEM. Process context. */
int chardev_register(struct chardev *dev);
/* Nobody opens it any more when this returns: open is not under way, so the caller holds nothing that it takes. */
void chardev_unregister(struct chardev *dev);
/*
 * A node of the caller's, for one of the minors that a chardev without a name counts: directories on the way are made.
 * 0, -EEXIST, -ENOMEM. Removed only if it still has that number (dev_make). Process context.
 */
int devfs_node_add(const char *name, u32 mode, u64 rdev);
void devfs_node_remove(const char *name, u64 rdev);
/* May the current thread read the log (plain), or change what is shown of it (syslog(2))? */
bool log_allowed(bool plain);
extern u32 log_restricted;		/* kernel.dmesg_restrict: reading takes CAP_SYSLOG, too */
/* Open a node of devtmpfs by its name there, mounted or not. 0 or -errno. Process context. */
int devfs_open(const char *name, u32 oflags, struct file **out);
int chardev_open(struct vnode *v, struct file *f);	/* fs/: -ENXIO when nobody has the number */

/* Linux's dev_t as user space has it (new_encode_dev). */
static inline u64 dev_make(u32 major, u32 minor)
{
	return (minor & 0xff) | (u64)major << 8 | (u64)(minor & ~0xffu) << 12;
}
static inline u32 dev_major(u64 dev) { return (dev >> 8) & 0xfff; }
static inline u32 dev_minor(u64 dev) { return (dev & 0xff) | ((dev >> 12) & 0xfff00); }
