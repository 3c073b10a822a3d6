/*
 * Mounts: which superblock is seen where. The tree of mounts is guarded by
 * the dentry lock, since walks cross it; a mount keeps its parent and the
 * place it covers alive. Called by mount(2), umount2(2) and the walk.
 */
#include <linux/mount.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/dentry.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/tmpfs.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define MNT_USER_FLAGS	(MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_NOATIME | MNT_NODIRATIME | \
	MNT_RELATIME | MNT_STRICTATIME)
#define MNT_ATIME_FLAGS	(MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME | MNT_STRICTATIME)

struct mount *mount_root;
static struct list_node mounts = LIST_INIT(mounts);	/* attached ones [d] */
static u32 next_id = 1;					/* [a] */

struct mount *mount_find_locked(const struct mount *parent, const struct dentry *at)
{
	struct mount *m;

	/* The newest on a place covers the others. */
	for (struct list_node *n = mounts.prev; n != &mounts; n = n->prev) {
		m = list_entry(n, struct mount, node);
		if (m->mountpoint == at && m->parent == parent && m != parent)
			return m;
	}
	return NULL;
}

struct mount *mount_new(struct superblock *sb, struct dentry *root, const char *source, u32 flags)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (m)
		m->source = kstrdup(source);
	if (!m || !m->source) {
		kfree(m);
		superblock_put(sb);
		return NULL;
	}
	m->refs = 1;
	m->flags = flags & (MNT_USER_FLAGS | MNT_INTERNAL);
	m->id = atomic_add_relaxed(&next_id, 1) - 1;
	m->sb = sb;
	m->root = root;
	dentry_get(root);
	m->parent = m;
	list_init(&m->node);
	return m;
}

void mount_put(struct mount *m)
{
	if (m && unlikely(READ_ONCE(m->expiring)))
		WRITE_ONCE(m->expiring, m->expiring - 1);
	while (m && ref_put(&m->refs)) {
		struct mount *parent = m->parent == m ? NULL : m->parent;

		if (parent)
			dentry_put(m->mountpoint);
		dentry_put(m->root);
		superblock_put(m->sb);
		kfree(m->source);
		kfree(m);
		m = parent;
	}
}

struct mount *mount_next(struct mount *after)
{
	struct mount *m = NULL;
	struct list_node *n;

	spin_lock(&dentry_lock);
	/* One that was detached meanwhile has no place in the order any more. */
	n = !after ? mounts.next : after->attached ? after->node.next : &mounts;
	if (n != &mounts) {
		m = list_entry(n, struct mount, node);
		ref_get(&m->refs);
	}
	spin_unlock(&dentry_lock);
	mount_put(after);
	return m;
}

/* Does anything still cover this dentry? Keeps its flag right. [d] held. */
static void mounted_flag_update(struct dentry *d)
{
	struct mount *m;

	list_for_each(m, &mounts, node)
		if (m->mountpoint == d)
			return;
	d->flags &= ~DENTRY_MOUNTED;
}

static int attach(struct mount *m, const struct path *at)
{
	int err = 0;

	if (S_ISDIR(m->root->vnode->mode) != S_ISDIR(at->dentry->vnode->mode))
		return -ENOTDIR;
	spin_lock(&dentry_lock);
	if (at->dentry->flags & DENTRY_DEAD || !at->mount->attached) {
		err = -ENOENT;
	} else {
		m->parent = at->mount;
		m->mountpoint = at->dentry;
		path_get(at);
		at->dentry->flags |= DENTRY_MOUNTED;
		m->attached = true;
		list_push_back(&mounts, &m->node);
	}
	spin_unlock(&dentry_lock);
	return err;
}

/* Access times by relatime unless something else is asked for. */
static u32 atime_flags(u32 flags)
{
	return flags & (MNT_STRICTATIME | MNT_NOATIME) ? flags & ~MNT_RELATIME : flags | MNT_RELATIME;
}

int mount_add(const char *source, const struct path *at, const char *type_name, u32 flags, const char *options)
{
	struct fs_type *type = fs_type_find(type_name);
	struct superblock *sb;
	struct mount *m;
	int err;

	if (!type)
		return -ENODEV;
	sb = type->mount(type, source, options);
	if (is_err(sb))
		return ptr_err(sb);
	/* The same file system twice on one place is a mistake (mount(2), EBUSY). */
	if (at->mount->sb == sb && at->dentry == at->mount->root) {
		superblock_put(sb);
		return -EBUSY;
	}
	/* A file system that is there once for all stays as it is. */
	if ((flags & MNT_RDONLY) && atomic_load(&sb->refs) == 1)
		sb->read_only = true;
	m = mount_new(sb, sb->root, source, atime_flags(flags));
	if (!m)
		return -ENOMEM;
	err = attach(m, at);
	if (err)
		mount_put(m);
	return err;
}

/* Is d at or below top? [d] held. */
static bool dentry_below(const struct dentry *d, const struct dentry *top)
{
	for (;; d = d->parent) {
		if (d == top)
			return true;
		if (d->parent == d)
			return false;
	}
}

/* Mounts under what was bound, newest last; each is bound at the same place below the copy. */
static int bind_below(const struct path *from, struct mount *copy, u32 last_id)
{
	struct mount *m = NULL, *sub;
	struct path at;
	int err;

	while ((m = mount_next(m))) {
		bool inside;

		spin_lock(&dentry_lock);
		inside = m->id <= last_id && m->parent == from->mount && m != m->parent &&
			dentry_below(m->mountpoint, from->dentry);
		spin_unlock(&dentry_lock);
		if (!inside)
			continue;
		ref_get(&m->sb->refs);
		sub = mount_new(m->sb, m->root, m->source, m->flags);
		if (!sub) {
			mount_put(m);
			return -ENOMEM;
		}
		at = (struct path){ copy, m->mountpoint };
		err = attach(sub, &at);
		if (!err)
			err = bind_below(&(struct path){ m, m->root }, sub, last_id);
		else
			mount_put(sub);
		if (err) {
			mount_put(m);
			return err;
		}
	}
	return 0;
}

int mount_bind(const struct path *from, const struct path *at, bool recursive)
{
	u32 last_id = atomic_load_relaxed(&next_id) - 1;
	struct mount *m;
	int err;

	ref_get(&from->mount->sb->refs);
	m = mount_new(from->mount->sb, from->dentry, from->mount->source, from->mount->flags);
	if (!m)
		return -ENOMEM;
	err = attach(m, at);
	if (err) {
		mount_put(m);
		return err;
	}
	return recursive ? bind_below(from, m, last_id) : 0;
}

/* Out of its place, into another (referenced by the caller). [d] held. What it leaves is the caller's to put. */
static struct path place_change(struct mount *m, struct path to)
{
	struct path from = { m->parent, m->mountpoint };

	m->parent = to.mount;
	m->mountpoint = to.dentry;
	to.dentry->flags |= DENTRY_MOUNTED;
	mounted_flag_update(from.dentry);
	return from;
}

int mount_move(const struct path *from, const struct path *at)
{
	struct mount *m = from->mount, *up;
	struct path left;
	int err = -EINVAL;

	if (from->dentry != m->root)
		return -EINVAL;
	if (S_ISDIR(m->root->vnode->mode) != S_ISDIR(at->dentry->vnode->mode))
		return -ENOTDIR;
	spin_lock(&dentry_lock);
	if (!m->attached || m->parent == m || !at->mount->attached)
		goto out;
	err = -ELOOP;
	for (up = at->mount; up != up->parent; up = up->parent)
		if (up == m)
			goto out;
	path_get(at);
	left = place_change(m, *at);
	list_remove(&m->node);
	list_push_back(&mounts, &m->node);
	err = 0;
out:
	spin_unlock(&dentry_lock);
	if (!err)
		path_put(&left);
	return err;
}

/* Is a file open for writing on this mount (NULL: on any of sb)? [d] held. */
static bool has_writers(const struct mount *one, const struct superblock *sb)
{
	struct mount *m;

	list_for_each(m, &mounts, node)
		if (m->sb == sb && (!one || m == one) && atomic_load(&m->writers))
			return true;
	return false;
}

int mount_remount(const struct path *at, u32 flags, const char *options)
{
	bool whole = !(flags & MS_BIND);	/* the file system too, not only how it is seen here */
	struct superblock *sb = at->mount->sb;
	int err = 0;

	if (at->dentry != at->mount->root)
		return -EINVAL;
	if (whole && options && *options && sb->ops->remount)
		err = sb->ops->remount(sb, options);
	if (err)
		return err;
	spin_lock(&dentry_lock);
	if ((flags & MNT_RDONLY) && has_writers(whole ? NULL : at->mount, sb)) {
		spin_unlock(&dentry_lock);
		return -EBUSY;
	}
	if (whole)
		sb->read_only = flags & MNT_RDONLY;
	flags |= flags & MNT_ATIME_FLAGS ? 0 : at->mount->flags & MNT_ATIME_FLAGS;	/* not named: as it is */
	at->mount->flags = (at->mount->flags & ~MNT_USER_FLAGS) | (atime_flags(flags) & MNT_USER_FLAGS);
	spin_unlock(&dentry_lock);
	return 0;
}

/* Out of the tree; its place is uncovered, the tree's reference is the caller's. [d] held. */
static void detach_locked(struct mount *m)
{
	list_remove(&m->node);
	m->attached = false;
	mounted_flag_update(m->mountpoint);
}

int mount_remove(const struct path *at, u32 flags)
{
	struct mount *m = at->mount, *sub;
	struct list_node gone = LIST_INIT(gone), *n;
	int err = 0;

	if (at->dentry != m->root)
		return -EINVAL;
	spin_lock(&dentry_lock);
	if (!m->attached || m->parent == m) {
		err = -EINVAL;
		goto out;
	}
	if (!(flags & UMOUNT_DETACH)) {
		/* The tree's reference and the caller's; any other is a use of it. */
		if (atomic_load(&m->refs) > 2) {
			err = -EBUSY;
			goto out;
		}
		if ((flags & UMOUNT_EXPIRE) && !m->expiring) {
			m->expiring = 2;	/* this look-up's end, and whoever uses it then */
			err = -EAGAIN;
			goto out;
		}
		detach_locked(m);
		list_push_back(&gone, &m->node);
		goto out;
	}
	/* With everything mounted below: repeat until no mount's parent is detached. */
	detach_locked(m);
	list_push_back(&gone, &m->node);
again:
	list_for_each(sub, &mounts, node) {
		if (sub->parent->attached || sub->parent == sub)
			continue;
		detach_locked(sub);
		list_push_back(&gone, &sub->node);
		goto again;
	}
out:
	spin_unlock(&dentry_lock);
	while ((n = list_pop_front(&gone)))
		mount_put(list_entry(n, struct mount, node));
	return err;
}

int path_writable(const struct path *p)
{
	return (p->mount->flags & MNT_RDONLY) || p->mount->sb->read_only ? -EROFS : 0;
}

int mount_pivot(const struct path *new_root, const struct path *put_old)
{
	struct mount *fresh = new_root->mount, *up, *old;
	struct path root, left = { NULL, NULL };
	struct dentry *d = put_old->dentry;
	int err = -EINVAL;

	fs_context_root(fs_context_current(), &root);
	old = root.mount;
	spin_lock(&dentry_lock);
	if (fresh == old || put_old->mount == old) {
		err = -EBUSY;
		goto out;
	}
	if (root.dentry != old->root || new_root->dentry != fresh->root || old->parent == old || fresh->parent == fresh ||
	    !old->attached || !fresh->attached || !put_old->mount->attached)
		goto out;
	/* put_old must lie in the new root, and that in the old one. */
	for (up = put_old->mount; up != fresh && up != up->parent; up = up->parent)
		d = up->mountpoint;
	if (up != fresh || !dentry_below(d, fresh->root))
		goto out;
	for (up = fresh; up != old && up != up->parent; up = up->parent)
		;
	if (up != old)
		goto out;
	path_get(put_old);
	left = place_change(fresh, place_change(old, *put_old));
	err = 0;
out:
	spin_unlock(&dentry_lock);
	if (!err) {
		path_put(&left);
		fs_contexts_move(&root, new_root);
	}
	path_put(&root);
	return err;
}

size_t mount_flags_format(const struct mount *m, char *buf, size_t size)
{
	u32 f = m->flags;

	return scnprintf(buf, size, "%s%s%s%s%s%s%s", f & MNT_RDONLY ? "ro" : "rw",
			 f & MNT_NOSUID ? ",nosuid" : "", f & MNT_NODEV ? ",nodev" : "",
			 f & MNT_NOEXEC ? ",noexec" : "", f & MNT_NOATIME ? ",noatime" : "",
			 f & MNT_NODIRATIME ? ",nodiratime" : "",
			 f & MNT_RELATIME && !(f & MNT_NOATIME) ? ",relatime" : "");
}

int fs_init(void)
{
	struct superblock *sb;

	sb = tmpfs_root_make();
	if (is_err(sb))
		return ptr_err(sb);
	mount_root = mount_new(sb, sb->root, "rootfs", 0);
	if (!mount_root)
		return -ENOMEM;
	mount_root->attached = true;
	list_push_back(&mounts, &mount_root->node);
	fs_context_boot_init();
	return 0;
}
