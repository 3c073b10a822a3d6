/*
 * Files in memory: directories, links, devices and fifos are vnodes whose
 * names the dentry tree holds; this file makes them and keeps their counts.
 * The bytes of regular files are in tmpfs_data.c.
 *
 * Used for the root file system, tmpfs mounts, devtmpfs, memfd and shared
 * anonymous memory. Calls nothing above the page allocator.
 */
#include <linux/magic.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/file_internal.h"
#include "fs/flock.h"
#include "fs/mount.h"
#include "fs/options.h"
#include "fs/pipe.h"
#include "fs/text.h"
#include "fs/tmpfs_node.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define NAME_SIZE	20u		/* what a name, and each of . and .., adds to the size of its directory */

static const struct vnode_ops tmpfs_ops;
static struct slab_cache *node_cache;
static struct superblock *kernel_sb;		/* of memory without a name */
static struct mount *kernel_mount;		/* where that is seen, in no tree */

static const struct file_ops dir_fops = {
	.seek = file_seek_vnode,
	.readdir = dentry_readdir,
};

static struct tmpfs_node *node_new(struct superblock *sb, struct vnode *dir, u32 mode)
{
	struct tmpfs_sb *ts = tmpfs_sb_of(sb);
	struct tmpfs_node *n;

	if (atomic_add_relaxed(&ts->nodes, 1) > ts->max_nodes) {
		atomic_sub(&ts->nodes, 1);
		return err_ptr(-ENOSPC);
	}
	n = slab_alloc(node_cache);
	if (!n) {
		atomic_sub(&ts->nodes, 1);
		return err_ptr(-ENOMEM);
	}
	vnode_init(&n->v, sb, &tmpfs_ops, mode);
	n->xattrs = NULL;
	n->xattr_bytes = 0;
	if (dir && (dir->mode & S_ISGID)) {
		n->v.gid = dir->gid;
		if (S_ISDIR(mode))
			n->v.mode |= S_ISGID;
		else if ((mode & (S_ISGID | 010)) == (S_ISGID | 010) && !vnode_is_group_member(&n->v))
			n->v.mode &= ~(u32)S_ISGID;
	}
	if (S_ISREG(mode)) {
		n->v.fops = &tmpfs_file_ops;
		tmpfs_data_init(n);
	} else if (S_ISDIR(mode)) {
		n->v.fops = &dir_fops;
		n->v.nlink = 2;
		n->v.size = 2 * NAME_SIZE;
	}
	return n;
}

static void node_release(struct vnode *v)
{
	struct tmpfs_node *n = tmpfs_node_of(v);
	struct tmpfs_sb *ts = tmpfs_sb_of(v->sb);

	if (S_ISREG(v->mode))
		tmpfs_data_free(n);
	else if (S_ISLNK(v->mode) && n->target != n->short_target)
		kfree(n->target);
	tmpfs_xattrs_free(n);
	if (v->locks)
		flock_vnode_gone(v);
	atomic_sub(&ts->nodes, 1);
	slab_free(node_cache, n);
}

static void dir_touch(struct vnode *dir)
{
	dir->mtime = dir->ctime = vnode_now();
}

static struct vnode *tmpfs_create(struct vnode *dir, u32 mode, u64 rdev)
{
	struct tmpfs_node *n = node_new(dir->sb, dir, mode);
	struct vnode *v = &n->v;

	if (is_err(n))
		return err_ptr(ptr_err(n));
	v->rdev = rdev;
	if (S_ISDIR(mode))
		dir->nlink++;
	dir->size += NAME_SIZE;
	dir_touch(dir);
	return v;
}

static struct vnode *symlink_new(struct vnode *dir, const char *target, size_t len)
{
	struct tmpfs_node *n = node_new(dir->sb, dir, S_IFLNK | 0777);

	if (is_err(n))
		return err_ptr(ptr_err(n));
	n->target = n->short_target;
	if (len > sizeof(n->short_target)) {
		char *long_target = kmalloc(len);

		if (!long_target) {
			vnode_put(&n->v);
			return err_ptr(-ENOMEM);
		}
		n->target = long_target;
	}
	memcpy(n->target, target, len);
	n->v.size = len;
	dir->size += NAME_SIZE;
	dir_touch(dir);
	return &n->v;
}

static struct vnode *tmpfs_symlink(struct vnode *dir, const char *target)
{
	return symlink_new(dir, target, strlen(target));
}

static struct vnode *tmpfs_tmpfile(struct vnode *dir, u32 mode)
{
	struct tmpfs_node *n = node_new(dir->sb, dir, mode);

	if (is_err(n))
		return err_ptr(ptr_err(n));
	n->v.nlink = 0;
	return &n->v;
}

static int tmpfs_link(struct vnode *dir, struct vnode *v)
{
	if (!v->nlink && !(v->flags & VNODE_LINKABLE))
		return -ENOENT;
	v->flags &= ~VNODE_LINKABLE;
	v->nlink++;
	v->ctime = vnode_now();
	dir->size += NAME_SIZE;
	dir_touch(dir);
	return 0;
}

static int tmpfs_unlink(struct vnode *dir, struct vnode *v)
{
	if (S_ISDIR(v->mode)) {
		v->nlink = 0;
		dir->nlink--;
	} else {
		v->nlink--;
	}
	v->ctime = vnode_now();
	dir->size -= NAME_SIZE;
	dir_touch(dir);
	return 0;
}

static int tmpfs_rename(struct vnode *from, struct vnode *v, struct vnode *to, struct vnode *replaced)
{
	if (replaced)
		tmpfs_unlink(to, replaced);
	if (S_ISDIR(v->mode)) {
		from->nlink--;
		to->nlink++;
	}
	from->size -= NAME_SIZE;
	to->size += NAME_SIZE;
	v->ctime = vnode_now();
	dir_touch(from);
	dir_touch(to);
	return 0;
}

static int tmpfs_exchange(struct vnode *from, struct vnode *v, struct vnode *to, struct vnode *other)
{
	u32 v_dir = S_ISDIR(v->mode) != 0, other_dir = S_ISDIR(other->mode) != 0;

	from->nlink += other_dir - v_dir;
	to->nlink += v_dir - other_dir;
	v->ctime = other->ctime = vnode_now();
	dir_touch(from);
	dir_touch(to);
	return 0;
}

static s64 tmpfs_readlink(struct vnode *v, char *buf, size_t size)
{
	size_t n = MIN(size, v->size);

	memcpy(buf, tmpfs_node_of(v)->target, n);
	return n;
}

static int tmpfs_setattr(struct vnode *v, const struct vnode_attr *a)
{
	if (a->valid & ATTR_SIZE) {
		int err = S_ISREG(v->mode) ? tmpfs_data_resize(tmpfs_node_of(v), a->size) : -EINVAL;

		if (err)
			return err;
	}
	if (a->valid & ATTR_MODE)
		v->mode = (v->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		v->uid = a->uid;
	if (a->valid & ATTR_GID)
		v->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		v->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		v->mtime = a->mtime;
	if (a->valid & ATTR_CTIME)
		v->ctime = a->ctime;
	return 0;
}

static const struct vnode_ops tmpfs_ops = {
	.create = tmpfs_create,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rename = tmpfs_rename,
	.exchange = tmpfs_exchange,
	.tmpfile = tmpfs_tmpfile,
	.blocks = tmpfs_blocks,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.readlink = tmpfs_readlink,
	.setattr = tmpfs_setattr,
	.release = node_release,
};

static struct dentry *add(struct dentry *dir, const char *name, u32 len, struct vnode *v)
{
	struct dentry *d;

	if (is_err(v))
		return (struct dentry *)v;
	d = dentry_new(dir->sb, dir, name, len, v);
	if (!d)
		return err_ptr(-ENOMEM);
	dentry_link(d);
	return d;
}

struct dentry *tmpfs_add(struct dentry *dir, const char *name, u32 len, u32 mode, u64 rdev)
{
	return add(dir, name, len, tmpfs_create(dir->vnode, mode, rdev));
}

struct dentry *tmpfs_add_symlink(struct dentry *dir, const char *name, u32 len, const char *target, u32 target_len)
{
	return add(dir, name, len, symlink_new(dir->vnode, target, target_len));
}

static void tmpfs_statfs(struct superblock *sb, u64 *blocks, u64 *free, u64 *files, u64 *files_free)
{
	struct tmpfs_sb *ts = tmpfs_sb_of(sb);

	if (ts->max_pages == ~0ull) {
		*blocks = *free = *files = *files_free = 0;	/* as Linux shows a tmpfs without a limit */
		return;
	}
	*blocks = ts->max_pages;
	*free = ts->max_pages - MIN(ts->max_pages, ts->used_pages);
	*files = ts->max_nodes;
	*files_free = ts->max_nodes - MIN(ts->max_nodes, ts->nodes);
}

static void tmpfs_release(struct superblock *sb)
{
	kfree(tmpfs_sb_of(sb));
}

static void tmpfs_show_options(struct superblock *sb, struct text_out *t)
{
	struct tmpfs_sb *ts = tmpfs_sb_of(sb);

	if (ts->max_pages != ~0ull)
		text_printf(t, ",size=%lluk", (unsigned long long)ts->max_pages * (PAGE_SIZE / 1024));
	if ((sb->root->vnode->mode & 07777) != 01777)
		text_printf(t, ",mode=%o", sb->root->vnode->mode & 07777);
}

/* Options that tmpfs and devtmpfs take; what is not named keeps its value. */
static int options_apply(struct superblock *sb, const char *options)
{
	struct vnode *root = sb->root->vnode;
	struct option_parse p = { .next = options };
	struct tmpfs_sb *ts = tmpfs_sb_of(sb);
	u64 max_pages = ts->max_pages, max_nodes = ts->max_nodes, n;
	u32 mode = root->mode & 07777, uid = root->uid, gid = root->gid;

	while (option_next(&p)) {
		if (!strcmp(p.key, "size")) {
			if (option_size(p.value, &n))
				return -EINVAL;
			max_pages = n ? DIV_ROUND_UP(n, PAGE_SIZE) : ~0ull;
		} else if (!strcmp(p.key, "nr_blocks")) {
			if (option_size(p.value, &n))
				return -EINVAL;
			max_pages = n ? n : ~0ull;
		} else if (!strcmp(p.key, "nr_inodes")) {
			if (option_size(p.value, &n))
				return -EINVAL;
			max_nodes = n ? n : ~0ull;
		} else if (!strcmp(p.key, "mode")) {
			if (parse_u64(p.value, NULL, 8, &n) || n > 07777)
				return -EINVAL;
			mode = n;
		} else if (!strcmp(p.key, "uid") || !strcmp(p.key, "gid")) {
			if (parse_u64(p.value, NULL, 10, &n) || n > 0xfffffffe)
				return -EINVAL;
			if (p.key[0] == 'u')
				uid = n;
			else
				gid = n;
		} else {
			return -EINVAL;
		}
	}
	if (max_pages < atomic_load(&ts->used_pages) || max_nodes < atomic_load(&ts->nodes))
		return -EINVAL;
	ts->max_pages = max_pages;
	ts->max_nodes = max_nodes;
	root->mode = S_IFDIR | mode;
	root->uid = uid;
	root->gid = gid;
	return 0;
}

static const struct superblock_ops sb_ops = {
	.statfs = tmpfs_statfs,
	.release = tmpfs_release,
	.show_options = tmpfs_show_options,
	.remount = options_apply,
};

struct superblock *tmpfs_make(const struct fs_type *type, u64 max_pages, u32 root_mode)
{
	struct tmpfs_sb *ts = kzalloc(sizeof(*ts));
	struct tmpfs_node *root;

	if (!ts)
		return err_ptr(-ENOMEM);
	superblock_init(&ts->sb, type, &sb_ops, TMPFS_MAGIC);
	ts->max_pages = max_pages;
	ts->max_nodes = max_pages;
	root = node_new(&ts->sb, NULL, S_IFDIR | root_mode);
	if (!is_err(root))
		ts->sb.root = dentry_new(&ts->sb, NULL, "", 0, &root->v);
	if (!ts->sb.root) {
		superblock_put(&ts->sb);
		return err_ptr(-ENOMEM);
	}
	return &ts->sb;
}

static struct superblock *tmpfs_mount(const struct fs_type *type, const char *source, const char *options)
{
	struct page_counts counts;
	struct superblock *sb;
	int err;

	page_counts_get(&counts);
	sb = tmpfs_make(type, counts.managed / 2, 01777);
	if (is_err(sb))
		return sb;
	err = options ? options_apply(sb, options) : 0;
	if (!err)
		return sb;
	superblock_put(sb);
	return err_ptr(err);
}

static struct superblock *no_mount(const struct fs_type *type, const char *source, const char *options)
{
	return err_ptr(-EINVAL);
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type ramfs_type = { .name = "ramfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type rootfs_type = { .name = "rootfs", .nodev = true, .mount = no_mount };

struct superblock *tmpfs_root_make(void)
{
	return tmpfs_make(&rootfs_type, ~0ull, 0755);
}

struct tmpfs_node *tmpfs_node_unnamed(void)
{
	struct tmpfs_node *n = node_new(kernel_sb, NULL, S_IFREG | 0600);

	if (!is_err(n))
		n->v.nlink = 0;
	return n;
}

int tmpfs_unnamed(const char *name, u32 mode, u32 seals, struct path *out)
{
	struct tmpfs_node *n = node_new(kernel_sb, NULL, mode);
	struct dentry *d;

	if (is_err(n))
		return ptr_err(n);
	n->v.nlink = 0;
	if (S_ISREG(mode))
		n->seals = seals;
	d = dentry_new(kernel_sb, kernel_sb->root, name, strlen(name), &n->v);
	if (!d)
		return -ENOMEM;
	d->flags |= DENTRY_DEAD;
	out->mount = kernel_mount;
	ref_get(&kernel_mount->refs);
	out->dentry = d;
	return 0;
}

void tmpfs_init(void)
{
	node_cache = slab_cache_create("tmpfs_node", sizeof(struct tmpfs_node), 0);
	page_tree_init();
	kernel_sb = tmpfs_make(&tmpfs_type, ~0ull, 0777);
	ref_get(&kernel_sb->refs);
	kernel_mount = mount_new(kernel_sb, kernel_sb->root, "tmpfs", MNT_INTERNAL);
	fs_type_register(&rootfs_type);
	fs_type_register(&tmpfs_type);
	fs_type_register(&ramfs_type);
}
