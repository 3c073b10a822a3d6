/*
 * Trees of small files registered by path (attrfs.h). Names come and go by
 * registration alone: programs can neither make nor remove any. Called by
 * procfs.c and sysfs.c.
 */
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/attrfs.h"
#include "fs/file_internal.h"
#include "fs/flock.h"
#include "mm/slab.h"

static const struct vnode_ops attr_ops;

static const struct file_ops attr_dir_fops = {
	.seek = file_seek_vnode,
	.readdir = dentry_readdir,
};

static struct attr_node *node_of(struct vnode *v)
{
	return container_of(v, struct attr_node, v);
}

void attrfs_release(struct vnode *v)
{
	struct attr_node *n = node_of(v);

	if (v->locks)
		flock_vnode_gone(v);
	if (n->arg_free)
		n->arg_free(n->source.arg);
	kfree(n->target);
	kfree(n);
}

static int attr_open(struct vnode *v, struct file *f)
{
	const struct attr_node *n = node_of(v);

	if (f->ops) {
		f->priv = n->source.arg;
		return 0;
	}
	if (n->strict && ((file_writable(f) && !n->source.store) || (file_readable(f) && !n->source.show)))
		return -EACCES;
	return text_file_open(f, &n->source);
}

static s64 attr_readlink(struct vnode *v, char *buf, size_t size)
{
	const char *target = node_of(v)->target;
	size_t n = MIN(size, strlen(target));

	memcpy(buf, target, n);
	return n;
}

/* Sizes are not theirs to set, but a shell's "> file" asks for zero. Owners and modes may be changed. */
int attrfs_setattr(struct vnode *v, const struct vnode_attr *a)
{
	if (a->valid & ATTR_MODE)
		v->mode = (v->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		v->uid = a->uid;
	if (a->valid & ATTR_GID)
		v->gid = a->gid;
	return 0;
}

static const struct vnode_ops attr_ops = {
	.readlink = attr_readlink,
	.open = attr_open,
	.setattr = attrfs_setattr,
	.release = attrfs_release,
};

static struct attr_node *node_new(struct superblock *sb, const struct attr_file *what)
{
	struct attr_node *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	vnode_init(&n->v, sb, what->ops ? what->ops : &attr_ops, what->mode);
	n->v.uid = n->v.gid = 0;
	if (S_ISDIR(what->mode)) {
		n->v.nlink = 2;
		n->v.fops = &attr_dir_fops;
	}
	if (what->fops)
		n->v.fops = what->fops;
	if (what->ino)
		n->v.ino = what->ino;
	n->v.size = what->size;
	n->source = what->source;
	n->strict = what->strict;
	if (what->target) {
		n->target = kstrdup(what->target);
		if (!n->target) {
			vnode_put(&n->v);
			return NULL;
		}
	}
	return n;
}

struct dentry *attrfs_child(struct dentry *dir, const char *name, u32 len, const struct attr_file *what)
{
	struct attr_node *n = node_new(dir->sb, what);
	struct dentry *d = n ? dentry_new(dir->sb, dir, name, len, &n->v) : NULL;

	return d ? d : err_ptr(-ENOMEM);
}

static void attr_statfs(struct superblock *sb, u64 *blocks, u64 *free, u64 *files, u64 *files_free)
{
	*blocks = *free = *files = *files_free = 0;
}

static void attr_sb_release(struct superblock *sb)
{
	kfree(sb);
}

static const struct superblock_ops attr_sb_ops = { .statfs = attr_statfs, .release = attr_sb_release };

struct superblock *attrfs_make(const struct fs_type *type, u64 magic,
			       const struct vnode_ops *root_ops, const struct file_ops *root_fops)
{
	struct attr_file what = { .mode = S_IFDIR | 0555, .ops = root_ops, .fops = root_fops };
	struct superblock *sb = kmalloc(sizeof(*sb));
	struct attr_node *root;

	if (!sb)
		return NULL;
	superblock_init(sb, type, &attr_sb_ops, magic);
	root = node_new(sb, &what);
	if (root)
		sb->root = dentry_new(sb, NULL, "", 0, &root->v);
	if (!sb->root) {
		superblock_put(sb);
		return NULL;
	}
	return sb;
}

/* A new child in the tree: not referenced, or err_ptr. names mutex held. */
static struct dentry *child_add(struct dentry *dir, const char *name, u32 len, struct attr_node *n)
{
	struct dentry *d;

	if (!n)
		return err_ptr(-ENOMEM);
	d = dentry_new(dir->sb, dir, name, len, &n->v);
	if (!d)
		return err_ptr(-ENOMEM);
	if (S_ISDIR(n->v.mode))
		dir->vnode->nlink++;
	dentry_link(d);
	return d;
}

/*
 * The directory that path's last component lies in, made as far as it is not
 * there; *name is set to that component. Not referenced: names mutex held, and
 * nothing else removes names.
 */
static struct dentry *parent_find(struct superblock *sb, const char *path, const char **name, bool make)
{
	static const struct attr_file plain_dir = { .mode = S_IFDIR | 0555 };
	struct dentry *dir = sb->root, *d;
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		u32 len = slash - path;

		if (len) {
			d = dentry_child(dir, path, len);
			if (d)
				dentry_put(d);		/* the tree keeps it */
			else if (make)
				d = child_add(dir, path, len, node_new(sb, &plain_dir));
			else
				return err_ptr(-ENOENT);
			if (is_err(d))
				return d;
			if (!S_ISDIR(d->vnode->mode))
				return err_ptr(-ENOTDIR);
			dir = d;
		}
		path = slash + 1;
	}
	*name = path;
	return dir;
}

int attrfs_add(struct superblock *sb, const char *path, const struct attr_file *what)
{
	struct dentry *dir, *d;
	struct attr_node *n;
	const char *name;
	int err = 0;

	mutex_lock(&sb->names);
	dir = parent_find(sb, path, &name, true);
	if (is_err(dir)) {
		err = ptr_err(dir);
		goto out;
	}
	d = dentry_child(dir, name, strlen(name));
	if (d) {
		dentry_put(d);
		err = -EEXIST;
		goto out;
	}
	n = node_new(sb, what);
	d = child_add(dir, name, strlen(name), n);
	if (is_err(d))
		err = ptr_err(d);
	else
		n->arg_free = what->arg_free;
out:
	mutex_unlock(&sb->names);
	return err;
}

void attrfs_remove(struct superblock *sb, const char *path)
{
	struct dentry *dir, *d;
	const char *name;

	mutex_lock(&sb->names);
	dir = parent_find(sb, path, &name, false);
	d = is_err(dir) ? NULL : dentry_child(dir, name, strlen(name));
	if (d) {
		if (S_ISDIR(d->vnode->mode))
			dir->vnode->nlink--;
		dentry_tree_drop(d);
		dentry_put(d);
	}
	mutex_unlock(&sb->names);
}
