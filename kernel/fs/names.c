/*
 * Names that come and go: mknod, mkdir, symlink, link, unlink, rmdir, rename,
 * and the attributes of what a path leads to.
 *
 * Each takes the superblock's names mutex, looks again, checks rights, lets
 * the file system account for the change, and then changes the tree; nothing
 * fails after the file system agreed. Called by the system calls and, through
 * open.c, by open with O_CREAT.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/fs_context.h"
#include "fs/inotify.h"
#include "fs/names.h"
#include "mm/slab.h"
#include "sched/cred.h"

/* May names be added to and taken from this directory? */
static int dir_writable(struct dentry *dir)
{
	if (dir->flags & DENTRY_DEAD)
		return -ENOENT;
	return vnode_permission(dir->vnode, 3);
}

/* The sticky bit: only the owner of the file or of the directory takes a name away. */
static int may_take(struct dentry *dir, const struct vnode *v)
{
	const struct cred *c = current()->cred;
	int err = dir_writable(dir);

	if (err)
		return err;
	if ((dir->vnode->mode & S_ISVTX) && !current_capable(CAP_FOWNER) &&
	    c->fsuid != v->uid && c->fsuid != dir->vnode->uid)
		return -EPERM;
	return 0;
}

/*
 * A place for a new name: -EEXIST when it is taken, otherwise a dentry that
 * wants its vnode. names mutex held.
 */
static struct dentry *name_begin(const struct path *dir, const struct path_last *last)
{
	struct dentry *d = dentry_lookup(dir->dentry, last->name, last->len);
	int err;

	if (!is_err(d)) {
		dentry_put(d);
		return err_ptr(-EEXIST);
	}
	if (ptr_err(d) != -ENOENT)
		return d;
	err = path_writable(dir);
	if (!err)
		err = dir_writable(dir->dentry);
	if (err)
		return err_ptr(err);
	d = dentry_new(dir->dentry->sb, dir->dentry, last->name, last->len, NULL);
	return d ? d : err_ptr(-ENOMEM);
}

static u32 is_dir_bit(const struct vnode *v)
{
	return S_ISDIR(v->mode) ? IN_ISDIR : 0;
}

/* Link the name when the file system gave a vnode; otherwise undo. Returns 0 or its error. */
static int name_end(struct dentry *d, struct vnode *v, const struct path_last *last)
{
	if (is_err(v)) {
		dentry_put(d);
		return ptr_err(v);
	}
	d->vnode = v;
	dentry_link(d);
	if (inotify_active())
		inotify_tell_name(d->parent->vnode, last, IN_CREATE | is_dir_bit(v), 0);
	return 0;
}

int name_create(const struct path *dir, const struct path_last *last, u32 mode, u64 rdev, struct dentry **out)
{
	struct vnode *parent = dir->dentry->vnode;
	struct dentry *d = name_begin(dir, last);
	int err;

	if (is_err(d))
		return ptr_err(d);
	mode &= ~(fs_context_current()->umask & 0777);
	/* A directory that makes its names itself (/proc) just has no such one. */
	err = name_end(d, parent->ops->create ? parent->ops->create(parent, mode, rdev) :
		       err_ptr(parent->ops->lookup ? -ENOENT : -EPERM), last);
	if (!err && out) {
		dentry_get(d);
		*out = d;
	}
	return err;
}

static int create_at(const struct path *at, const char *name, u32 mode, u64 rdev)
{
	struct path_last last;
	struct path dir;
	int err = path_lookup_parent(at, name, &dir, &last);

	if (err)
		return err;
	if (last.special)
		err = -EEXIST;
	else if (last.must_be_dir && !S_ISDIR(mode))
		err = -ENOENT;
	if (!err) {
		mutex_lock(&dir.dentry->sb->names);
		err = name_create(&dir, &last, mode, rdev, NULL);
		mutex_unlock(&dir.dentry->sb->names);
	}
	path_put(&dir);
	return err;
}

int path_mknod(const struct path *at, const char *name, u32 mode, u64 rdev)
{
	/* A whiteout is no device: anybody may make one. */
	if ((S_ISBLK(mode) || (S_ISCHR(mode) && rdev)) && !current_capable(CAP_MKNOD))
		return -EPERM;
	return create_at(at, name, mode, rdev);
}

int path_mkdir(const struct path *at, const char *name, u32 mode)
{
	return create_at(at, name, S_IFDIR | (mode & (S_ISVTX | 0777)), 0);
}

int path_symlink(const char *target, const struct path *at, const char *name)
{
	struct path_last last;
	struct vnode *parent;
	struct path dir;
	struct dentry *d;
	int err;

	if (!*target)
		return -ENOENT;
	err = path_lookup_parent(at, name, &dir, &last);
	if (err)
		return err;
	if (last.special || last.must_be_dir) {
		err = last.special ? -EEXIST : -ENOENT;
		goto out;
	}
	parent = dir.dentry->vnode;
	mutex_lock(&dir.dentry->sb->names);
	d = name_begin(&dir, &last);
	if (is_err(d))
		err = ptr_err(d);
	else
		err = name_end(d, parent->ops->symlink ? parent->ops->symlink(parent, target) : err_ptr(-EPERM),
			       &last);
	mutex_unlock(&dir.dentry->sb->names);
out:
	path_put(&dir);
	return err;
}

int path_link(const struct path *from, const struct path *at, const char *name)
{
	struct vnode *v = from->dentry->vnode, *parent;
	struct path_last last;
	struct path dir;
	struct dentry *d;
	int err = path_lookup_parent(at, name, &dir, &last);

	if (err)
		return err;
	err = last.special ? -EEXIST : last.must_be_dir ? -ENOENT :
		dir.mount != from->mount ? -EXDEV : S_ISDIR(v->mode) || !vnode_may_be_linked(v) ? -EPERM : 0;
	if (err)
		goto out;
	parent = dir.dentry->vnode;
	mutex_lock(&dir.dentry->sb->names);
	d = name_begin(&dir, &last);
	if (is_err(d)) {
		err = ptr_err(d);
	} else {
		err = parent->ops->link ? parent->ops->link(parent, v) : -EPERM;
		if (!err) {
			vnode_get(v);
			if (inotify_active())
				inotify_tell_self(v, IN_ATTRIB);
		}
		err = name_end(d, err ? err_ptr(err) : v, &last);
	}
	mutex_unlock(&dir.dentry->sb->names);
out:
	path_put(&dir);
	return err;
}

static int name_remove(const struct path *dir, const struct path_last *last, bool directory)
{
	struct vnode *parent = dir->dentry->vnode, *v;
	struct dentry *d = dentry_lookup(dir->dentry, last->name, last->len);
	u32 event = IN_DELETE;
	int err;

	if (is_err(d))
		return ptr_err(d);
	v = d->vnode;
	err = path_writable(dir);
	if (!err)
		err = may_take(dir->dentry, v);
	if (!err) {
		if (directory)
			err = !S_ISDIR(v->mode) ? -ENOTDIR : d->flags & DENTRY_MOUNTED ? -EBUSY :
				dentry_has_children(d) ? -ENOTEMPTY : 0;
		else
			err = S_ISDIR(v->mode) ? -EISDIR : last->must_be_dir ? -ENOTDIR :
				d->flags & DENTRY_MOUNTED ? -EBUSY : 0;
	}
	if (!err)
		err = parent->ops->unlink ? parent->ops->unlink(parent, v) : -EPERM;
	if (!err) {
		event |= is_dir_bit(v);
		dentry_unlink(d);
		if (inotify_active() && !directory)
			inotify_tell_self(v, IN_ATTRIB);
	}
	dentry_put(d);
	if (!err && inotify_active())
		inotify_tell_name(parent, last, event, 0);
	return err;
}

static int remove_at(const struct path *at, const char *name, bool directory)
{
	struct path_last last;
	struct path dir;
	int err = path_lookup_parent(at, name, &dir, &last);

	if (err)
		return err;
	if (last.special)
		err = !directory ? -EISDIR : last.len == 0 ? -EBUSY : last.len == 1 ? -EINVAL : -ENOTEMPTY;
	if (!err) {
		mutex_lock(&dir.dentry->sb->names);
		err = name_remove(&dir, &last, directory);
		mutex_unlock(&dir.dentry->sb->names);
	}
	path_put(&dir);
	return err;
}

int path_unlink(const struct path *at, const char *name)
{
	return remove_at(at, name, false);
}

int path_rmdir(const struct path *at, const char *name)
{
	return remove_at(at, name, true);
}

/* Is d the directory above, or itself below, of? names mutex held, so that nothing moves. */
static bool is_above(const struct dentry *d, const struct dentry *of)
{
	for (;; of = of->parent) {
		if (of == d)
			return true;
		if (of->parent == of)
			return false;
	}
}

/* A directory that gets another parent is changed itself (".."). */
static int may_leave(const struct dentry *d, const struct path *from_dir, const struct path *to_dir)
{
	return S_ISDIR(d->vnode->mode) && from_dir->dentry != to_dir->dentry ? vnode_permission(d->vnode, 2) : 0;
}

/* What RENAME_WHITEOUT leaves behind: a character device 0/0, mknod(2). Not in the tree yet. */
static int whiteout_new(struct dentry *dir, const struct path_last *name, struct dentry **out)
{
	struct vnode *v = dir->vnode->ops->create(dir->vnode, S_IFCHR, 0);

	if (is_err(v))
		return ptr_err(v);
	*out = dentry_new(dir->sb, dir, name->name, name->len, v);
	return *out ? 0 : -ENOMEM;
}

static void rename_tell(struct vnode *from_v, const struct path_last *from, struct vnode *to_v,
			const struct path_last *to, struct vnode *moved, struct vnode *replaced)
{
	u32 cookie = inotify_cookie(), dir = is_dir_bit(moved);

	inotify_tell_name(from_v, from, IN_MOVED_FROM | dir, cookie);
	inotify_tell_name(to_v, to, IN_MOVED_TO | dir, cookie);
	if (replaced)
		inotify_tell_self(replaced, IN_ATTRIB | is_dir_bit(replaced));
	inotify_tell_self(moved, IN_MOVE_SELF);
}

/* rename(2) within one superblock, its names mutex held. */
static int rename_locked(const struct path *from_dir, const struct path_last *from,
			 const struct path *to_dir, const struct path_last *to, u32 flags)
{
	struct dentry *d = dentry_lookup(from_dir->dentry, from->name, from->len), *old;
	struct vnode *from_v = from_dir->dentry->vnode, *to_v = to_dir->dentry->vnode;
	bool exchange = flags & RENAME_EXCHANGE;
	struct dentry *whiteout = NULL;
	char *spare = NULL;
	int err;

	if (is_err(d))
		return ptr_err(d);
	old = dentry_lookup(to_dir->dentry, to->name, to->len);
	if (is_err(old)) {
		err = ptr_err(old);
		old = NULL;
		if (err != -ENOENT)
			goto out;
	}
	err = may_take(from_dir->dentry, d->vnode);
	if (!err)
		err = old ? may_take(to_dir->dentry, old->vnode) : dir_writable(to_dir->dentry);
	if (err)
		goto out;
	if (flags & (old ? RENAME_NOREPLACE : RENAME_EXCHANGE)) {
		err = old ? -EEXIST : -ENOENT;
		goto out;
	}
	if ((from->must_be_dir || (to->must_be_dir && !exchange)) && !S_ISDIR(d->vnode->mode))
		err = -ENOTDIR;
	else if (exchange && to->must_be_dir && !S_ISDIR(old->vnode->mode))
		err = -ENOTDIR;
	else if (is_above(d, to_dir->dentry) || (exchange && is_above(old, from_dir->dentry)))
		err = -EINVAL;
	else
		err = may_leave(d, from_dir, to_dir);
	if (!err && exchange)
		err = may_leave(old, from_dir, to_dir);
	if (err)
		goto out;
	if ((d->flags & DENTRY_MOUNTED) || (old && (old->flags & DENTRY_MOUNTED))) {
		err = -EBUSY;
		goto out;
	}
	if (old) {
		if (old->vnode == d->vnode)
			goto out;	/* two names of one file: nothing happens, as POSIX wants */
		err = exchange ? 0 : !S_ISDIR(old->vnode->mode) ? (S_ISDIR(d->vnode->mode) ? -ENOTDIR : 0) :
			!S_ISDIR(d->vnode->mode) ? -EISDIR :
			is_above(old, from_dir->dentry) || dentry_has_children(old) ? -ENOTEMPTY : 0;
		if (err)
			goto out;
	}
	if (!from_v->ops->rename) {
		err = -EPERM;
		goto out;
	}
	if (exchange) {
		err = from_v->ops->exchange(from_v, d->vnode, to_v, old->vnode);
		if (err)
			goto out;
		dentry_exchange(d, old);
		if (inotify_active()) {
			rename_tell(from_v, from, to_v, to, d->vnode, NULL);
			rename_tell(to_v, to, from_v, from, old->vnode, NULL);
		}
		goto out;
	}
	if (flags & RENAME_WHITEOUT) {
		err = whiteout_new(from_dir->dentry, from, &whiteout);
		if (err)
			goto out;
	}
	err = dentry_name_reserve(to->len, &spare);
	if (!err)
		err = from_v->ops->rename(from_v, d->vnode, to_v, old ? old->vnode : NULL);
	if (err) {
		kfree(spare);
		if (whiteout)
			from_v->ops->unlink(from_v, whiteout->vnode);
		dentry_put(whiteout);
		goto out;
	}
	if (old)
		dentry_unlink(old);
	dentry_move(d, to_dir->dentry, to->name, to->len, spare);
	if (whiteout)
		dentry_link(whiteout);
	if (inotify_active())
		rename_tell(from_v, from, to_v, to, d->vnode, old ? old->vnode : NULL);
out:
	if (old)
		dentry_put(old);
	dentry_put(d);
	return err;
}

int path_rename(const struct path *from_at, const char *from, const struct path *to_at, const char *to, u32 flags)
{
	struct path_last from_last, to_last;
	struct path from_dir, to_dir;
	int err;

	if ((flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
	    ((flags & RENAME_EXCHANGE) && flags != RENAME_EXCHANGE))
		return -EINVAL;
	err = path_lookup_parent(from_at, from, &from_dir, &from_last);
	if (err)
		return err;
	err = path_lookup_parent(to_at, to, &to_dir, &to_last);
	if (err)
		goto out_from;
	if (from_dir.mount != to_dir.mount)
		err = -EXDEV;
	else if (from_last.special || to_last.special)
		err = -EBUSY;
	else if ((flags & ~(u32)RENAME_NOREPLACE) && !from_dir.dentry->vnode->ops->exchange)
		err = -EINVAL;
	else
		err = path_writable(&from_dir);
	if (!err) {
		mutex_lock(&from_dir.dentry->sb->names);
		err = rename_locked(&from_dir, &from_last, &to_dir, &to_last, flags);
		mutex_unlock(&from_dir.dentry->sb->names);
	}
	path_put(&to_dir);
out_from:
	path_put(&from_dir);
	return err;
}

#define DAY_NS	(86400 * NSEC_PER_SEC)

/* relatime: the access time moves when it is not later than a change, or a day old. */
void path_accessed(const struct path *p, u32 oflags)
{
	struct vnode *v = p->dentry->vnode;
	u32 flags = p->mount->flags;
	u64 now;

	if ((oflags & O_NOATIME) || (flags & (MNT_NOATIME | MNT_RDONLY)) ||
	    ((flags & MNT_NODIRATIME) && S_ISDIR(v->mode)))
		return;
	now = vnode_now();
	if (!(flags & MNT_STRICTATIME) && v->atime > v->mtime && v->atime > v->ctime && (s64)(now - v->atime) < (s64)DAY_NS)
		return;
	WRITE_ONCE(v->atime, now);
}

s64 path_readlink(const struct path *p, char *buf, size_t size)
{
	struct vnode *v = p->dentry->vnode;
	struct path to;
	char *text;
	size_t len;
	int err;

	if (!S_ISLNK(v->mode))
		return -EINVAL;
	if (v->ops->readlink) {
		path_accessed(p, 0);
		return v->ops->readlink(v, buf, size);
	}
	if (!v->ops->follow)
		return -EINVAL;
	err = v->ops->follow(v, &to);
	if (err)
		return err;
	text = path_format(&to, buf, size);
	path_put(&to);
	if (is_err(text))
		return ptr_err(text);
	len = strlen(text);
	memmove(buf, text, len);
	return len;
}

int dentry_setattr(struct dentry *d, struct vnode_attr *a)
{
	u32 valid = a->valid, times = valid & (ATTR_ATIME | ATTR_MTIME);
	int err = vnode_setattr(d->vnode, a);

	if (!err && inotify_active())
		inotify_tell(d, valid & ATTR_SIZE ? IN_MODIFY : valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? IN_ATTRIB :
			     times == ATTR_ATIME ? IN_ACCESS : times == ATTR_MTIME ? IN_MODIFY : IN_ATTRIB);
	return err;
}

int path_setattr(const struct path *p, struct vnode_attr *a)
{
	int err = path_writable(p);

	return err ? err : dentry_setattr(p->dentry, a);
}

int path_truncate(const struct path *p, u64 size)
{
	struct vnode *v = p->dentry->vnode;
	struct vnode_attr a = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size, .touch = true };
	int err;

	if (S_ISDIR(v->mode))
		return -EISDIR;
	if (!S_ISREG(v->mode))
		return -EINVAL;
	err = path_writable(p);
	if (!err)
		err = vnode_permission(v, 2);
	if (!err)
		err = vnode_write_begin(v);
	if (err)
		return err;
	a.mtime = a.ctime = vnode_now();
	err = dentry_setattr(p->dentry, &a);
	vnode_write_end(v);
	return err;
}
