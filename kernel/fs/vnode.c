/*
 * Vnodes and superblocks: references, the permission check of every walk and
 * open, changes of attributes, the list of file system types.
 *
 * Called by the walk (path.c), by open and the calls that change attributes,
 * and by the file systems. Calls the file system's operations alone.
 */
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/vnode.h"
#include "sched/cred.h"
#include "sched/signal.h"

static struct spinlock types_lock = SPINLOCK_INIT("fs types");
static struct fs_type *types;		/* in order of registration [types_lock]; never removed */
static u32 next_dev = 1;		/* [a] */

void fs_type_register(struct fs_type *t)
{
	struct fs_type **link = &types;

	t->next = NULL;
	spin_lock(&types_lock);
	while (*link)
		link = &(*link)->next;
	atomic_store(link, t);
	spin_unlock(&types_lock);
}

struct fs_type *fs_type_next(struct fs_type *after)
{
	return atomic_load(after ? &after->next : &types);
}

struct fs_type *fs_type_find(const char *name)
{
	struct fs_type *t = NULL;

	while ((t = fs_type_next(t)))
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

void superblock_init(struct superblock *sb, const struct fs_type *type, const struct superblock_ops *ops, u64 magic)
{
	memset(sb, 0, sizeof(*sb));
	sb->refs = sb->holds = 1;
	sb->dev = atomic_add_relaxed(&next_dev, 1) - 1;
	sb->type = type;
	sb->ops = ops;
	sb->magic = magic;
	sb->next_ino = 1;
	mutex_init(&sb->names, "superblock names");
}

static void superblock_drop(struct superblock *sb)
{
	if (ref_put(&sb->holds))
		sb->ops->release(sb);
}

/* A vnode may outlive the last mount (a mapping of an open file): it keeps the structure, not the tree. */
void superblock_put(struct superblock *sb)
{
	if (!ref_put(&sb->refs))
		return;
	if (sb->root) {
		dentry_tree_drop(sb->root);
		dentry_put(sb->root);
	}
	superblock_drop(sb);
}

u64 (*vnode_size_limit)(void);

int vnode_size_check(u64 offset, u64 *end)
{
	u64 limit = vnode_size_limit ? vnode_size_limit() : ~0ull;

	if (likely(*end <= limit))
		return 0;
	*end = limit;
	if (offset < limit)
		return 0;
	signal_send_self(SIGXFSZ);
	return -EFBIG;
}

/* One more on the side of step, 1 or -1, if there is none on the other. */
static int writers_move(struct vnode *v, s32 step)
{
	s32 n;

	do {
		n = atomic_load_relaxed(&v->writers);
		if (n * step < 0)
			return -ETXTBSY;
	} while (!atomic_cas(&v->writers, n, n + step));
	return 0;
}

int vnode_write_begin(struct vnode *v)
{
	return writers_move(v, 1);
}

int vnode_run_begin(struct vnode *v)
{
	return writers_move(v, -1);
}

u64 vnode_now(void)
{
	return clock_realtime_ns();
}

void vnode_init(struct vnode *v, struct superblock *sb, const struct vnode_ops *ops, u32 mode)
{
	struct thread *t = current();
	const struct cred *c = t->cred ? t->cred : &cred_root;

	memset(v, 0, sizeof(*v));
	v->refs = 1;
	v->mode = mode;
	v->uid = c->fsuid;
	v->gid = c->fsgid;
	v->nlink = 1;
	v->ino = atomic_add_relaxed(&sb->next_ino, 1) - 1;
	v->atime = v->mtime = v->ctime = v->btime = vnode_now();
	v->sb = sb;
	ref_get(&sb->holds);
	v->ops = ops;
	mutex_init(&v->lock, "vnode");
}

void vnode_put(struct vnode *v)
{
	struct superblock *sb;

	if (v && ref_put(&v->refs)) {
		sb = v->sb;
		v->ops->release(v);
		superblock_drop(sb);
	}
}

int vnode_permission(const struct vnode *v, u32 mask)
{
	const struct cred *c = current()->cred;
	u32 mode = v->mode, read_search = S_ISDIR(mode) ? 5 : 4;

	if (!c)
		return 0;
	if (c->fsuid == v->uid)
		mode >>= 6;
	else if (cred_in_group(c, v->gid))
		mode >>= 3;
	if ((mode & mask) == mask)
		return 0;
	if (cred_capable(c, CAP_DAC_READ_SEARCH) && !(mask & ~read_search))
		return 0;
	/* Everything, but only what somebody may execute is executed. */
	if (cred_capable(c, CAP_DAC_OVERRIDE) && (!(mask & 1) || S_ISDIR(v->mode) || (v->mode & 0111)))
		return 0;
	return -EACCES;
}

bool vnode_is_group_member(const struct vnode *v)
{
	const struct cred *c = current()->cred;

	return current_capable(CAP_FSETID) || cred_in_group(c, v->gid);
}

u32 vnode_protected_symlinks = 1, vnode_protected_hardlinks = 1;	/* as Debian has them */

bool vnode_link_followed(const struct vnode *dir, const struct vnode *link)
{
	const struct cred *c = current()->cred;

	return (dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || !c || link->uid == c->fsuid ||
		link->uid == dir->uid ||
		!READ_ONCE(vnode_protected_symlinks);
}

bool vnode_may_be_linked(const struct vnode *v)
{
	const struct cred *c = current()->cred;

	return !c || c->fsuid == v->uid || cred_capable(c, CAP_FOWNER) || !READ_ONCE(vnode_protected_hardlinks) ||
		(S_ISREG(v->mode) && !(v->mode & S_ISUID) && (v->mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
		 !vnode_permission(v, 6));
}

/* What is left of the mode when somebody else's rights are not to be had any more. */
static u32 mode_without_ids(const struct vnode *v)
{
	return v->mode & ~(u32)(S_ISUID | (v->mode & 010 || !vnode_is_group_member(v) ? S_ISGID : 0));
}

void vnode_privilege_drop(struct vnode *v)
{
	if (unlikely(v->mode & (S_ISUID | S_ISGID)) && S_ISREG(v->mode) && !current_capable(CAP_FSETID))
		v->mode = mode_without_ids(v);
}

/* May the current thread change what is asked? The set-id bits that must go are taken out of *a. */
static int setattr_check(const struct vnode *v, struct vnode_attr *a)
{
	const struct cred *c = current()->cred ? current()->cred : &cred_root;
	bool owns = c->fsuid == v->uid, owner = owns || cred_capable(c, CAP_FOWNER), chown = cred_capable(c, CAP_CHOWN);

	if ((a->valid & ATTR_UID) && !chown && !(owns && a->uid == v->uid))
		return -EPERM;
	if ((a->valid & ATTR_GID) && !chown &&
	    !(owns && (a->gid == v->gid || cred_in_group(c, a->gid))))
		return -EPERM;
	if ((a->valid & ATTR_MODE) && !owner)
		return -EPERM;
	if ((a->valid & (ATTR_ATIME | ATTR_MTIME)) && !owner) {
		if (!a->touch)
			return -EPERM;
		if (vnode_permission(v, 2))
			return -EACCES;
	}
	if (a->valid & ATTR_MODE) {
		u32 gid = a->valid & ATTR_GID ? a->gid : v->gid;

		if (!cred_capable(c, CAP_FSETID) && !cred_in_group(c, gid))
			a->mode &= ~(u32)S_ISGID;
	} else if ((a->valid & (ATTR_UID | ATTR_GID)) && !S_ISDIR(v->mode) &&
		   (v->mode & (S_ISUID | S_ISGID))) {
		a->valid |= ATTR_MODE;
		a->mode = mode_without_ids(v);
	}
	return 0;
}

int vnode_setattr(struct vnode *v, struct vnode_attr *a)
{
	int err;

	if (!v->ops->setattr)
		return -EPERM;
	mutex_lock(&v->lock);
	err = setattr_check(v, a);
	if (!err) {
		if (!(a->valid & ATTR_CTIME)) {
			a->valid |= ATTR_CTIME;
			a->ctime = vnode_now();
		}
		err = v->ops->setattr(v, a);
		if (!err && (a->valid & ATTR_SIZE))
			vnode_privilege_drop(v);
	}
	mutex_unlock(&v->lock);
	return err;
}
