/*
 * Opening: from a path to a file, open(2). Finds or makes the thing, checks
 * the rights that the open asks for, and lets the thing's own open say what
 * reading and writing it means: the file system's operations, the driver's of
 * a device number, the pipe of a fifo.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "fs/devfs.h"
#include "fs/file_internal.h"
#include "fs/fs_context.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/names.h"
#include "fs/pipe.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define LINKS_MAX 40

static const struct file_ops path_only_ops;	/* O_PATH: nothing can be done with it */

/* The rights that an open for these flags needs. */
static u32 access_mask(u32 oflags)
{
	static const u8 by_mode[4] = { 4, 2, 6, 6 };

	return by_mode[oflags & O_ACCMODE] | (oflags & O_TRUNC ? 2 : 0);
}

static int open_check(const struct path *p, u32 oflags)
{
	struct vnode *v = p->dentry->vnode;
	u32 mask = access_mask(oflags);
	const struct cred *c = current()->cred;
	int err;

	if (S_ISLNK(v->mode))
		return -ELOOP;
	if (S_ISDIR(v->mode)) {
		if ((mask & 2) || (oflags & O_CREAT))
			return -EISDIR;
	} else if (oflags & O_DIRECTORY) {
		return -ENOTDIR;
	}
	err = vnode_permission(v, mask);
	if (err)
		return err;
	if ((mask & 2) && (S_ISREG(v->mode) || S_ISDIR(v->mode)) && (err = path_writable(p)))
		return err;
	if ((S_ISCHR(v->mode) || S_ISBLK(v->mode)) && (p->mount->flags & MNT_NODEV))
		return -EACCES;
	if ((oflags & O_NOATIME) && !current_capable(CAP_FOWNER) && c->fsuid != v->uid)
		return -EPERM;
	return S_ISSOCK(v->mode) ? -ENXIO : 0;
}

/* 0, -ETXTBSY. */
static int writer_begin(struct file *f)
{
	int err = 0;

	if ((f->flags & O_ACCMODE) && S_ISREG(f->vnode->mode)) {
		err = vnode_write_begin(f->vnode);
		if (!err) {
			atomic_add_relaxed(&f->path->mount->writers, 1);
			f->writer = true;
		}
	}
	return err;
}

void file_writer_end(struct file *f)
{
	if (!f->writer)
		return;
	f->writer = false;
	atomic_sub(&f->path->mount->writers, 1);
	vnode_write_end(f->vnode);
}

static int open_operations(struct vnode *v, struct file *f)
{
	f->ops = v->fops;
	if (S_ISCHR(v->mode))
		return chardev_open(v, f);
	if (S_ISFIFO(v->mode))
		return pipe_open_fifo(v, f);
	if (S_ISBLK(v->mode))
		return -ENXIO;
	return v->ops->open ? v->ops->open(v, f) : f->ops ? 0 : -ENXIO;
}

/* allowed: the opener made it just now, so its mode does not bind this open, nor is there anything to truncate. */
static int open_found(const struct path *p, u32 oflags, bool allowed, struct file **out)
{
	struct vnode *v = p->dentry->vnode;
	struct file *f;
	int err = 0;

	if (oflags & O_PATH) {
		if ((oflags & O_DIRECTORY) && !S_ISDIR(v->mode))
			return -ENOTDIR;
	} else if (!allowed) {
		err = open_check(p, oflags);
		if (err)
			return err;
	}
	if (oflags & O_DIRECT)
		return -EINVAL;		/* as of every file that lives in the page cache alone */
	f = file_new_on_path(p, oflags & ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC));
	if (!f)
		return file_none();
	if (oflags & O_PATH) {
		f->ops = &path_only_ops;
		f->flags = O_PATH | (oflags & (O_DIRECTORY | O_NOFOLLOW));
		*out = f;
		return 0;
	}
	f->open_flags = oflags;
	err = writer_begin(f);
	if (!err)
		err = open_operations(v, f);
	if (err) {
		f->ops = &path_only_ops;	/* not opened: nothing to release, nothing to tell of */
		f->flags |= O_PATH;
		goto drop;
	}
	if ((oflags & O_TRUNC) && S_ISREG(v->mode) && !allowed) {
		struct vnode_attr a = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .touch = true };

		a.mtime = a.ctime = vnode_now();
		err = dentry_setattr(p->dentry, &a);
		if (err)
			goto drop;
	}
	inotify_file(f, IN_OPEN);
	*out = f;
	return 0;
drop:
	file_put(f);
	return err;
}

int path_open_found(const struct path *p, u32 oflags, struct file **out)
{
	return open_found(p, oflags & ~(u32)(O_CREAT | O_EXCL), false, out);
}

int path_open_exec(const struct path *p, struct file **out)
{
	return open_found(p, O_RDONLY, true, out);
}

/* The name in dir, or a new file of that name: a referenced path; *created says which. */
static int find_or_create(const struct path *dir, const struct path_last *last, u32 oflags, u32 mode,
			  struct path *out, bool *created)
{
	struct superblock *sb = dir->dentry->sb;
	struct dentry *d;
	int err = 0;

	*created = false;
	mutex_lock(&sb->names);
	d = dentry_lookup(dir->dentry, last->name, last->len);
	if (ptr_err(d) == -ENOENT) {
		err = name_create(dir, last, S_IFREG | (mode & 07777), 0, &d);
		*created = !err;
	} else if (is_err(d)) {
		err = ptr_err(d);
	} else if (oflags & O_EXCL) {
		dentry_put(d);
		err = -EEXIST;
	}
	mutex_unlock(&sb->names);
	if (err)
		return err;
	out->mount = dir->mount;
	ref_get(&dir->mount->refs);
	out->dentry = d;
	return 0;
}

/* A link where a file should be made: the text tells where to look instead. *dir and *last move there. */
static int follow_last(const struct path *scope, u32 lookup, struct path *dir, struct path_last *last,
	const struct path *link)
{
	char *text = kmalloc(PATH_MAX_LEN + 1);
	struct path next;
	s64 n;

	if (!text)
		return -ENOMEM;
	n = path_readlink(link, text, PATH_MAX_LEN);
	if (n >= 0) {
		text[n] = '\0';
		n = path_lookup_parent_within(scope, dir, text, lookup, &next, last);
		if (!n && (lookup & LOOKUP_NO_XDEV) && next.mount != dir->mount) {
			path_put(&next);
			n = -EXDEV;
		}
		if (!n) {
			path_put(dir);
			*dir = next;
		}
	}
	kfree(text);
	return n;
}

static int open_creating(const struct path *at, const char *name, u32 oflags, u32 mode, u32 lookup, struct file **out)
{
	struct path_last last;
	struct path dir, p;
	bool created;
	int err = path_lookup_parent_within(at, at, name, lookup, &dir, &last);

	if (err)
		return err;
	for (u32 links = 0; ; links++) {
		if (last.special || last.must_be_dir) {
			err = -EISDIR;
			break;
		}
		err = find_or_create(&dir, &last, oflags, mode, &p, &created);
		if (err)
			break;
		if (!created && S_ISLNK(p.dentry->vnode->mode)) {
			err = oflags & O_NOFOLLOW || lookup & LOOKUP_NO_SYMLINKS || links >= LINKS_MAX ? -ELOOP :
				vnode_link_followed(dir.dentry->vnode, p.dentry->vnode) ? 0 : -EACCES;
			if (!err && p.dentry->vnode->ops->follow) {
				/* A link to a place: it exists, so there is nothing to make. */
				path_put(&p);
				err = path_lookup_within(at, &dir, last.name, lookup | LOOKUP_FOLLOW, &p);
				if (!err) {
					err = open_found(&p, oflags, false, out);
					path_put(&p);
				}
				break;
			}
			if (!err)
				err = follow_last(at, lookup, &dir, &last, &p);
			path_put(&p);
			if (err)
				break;
			continue;
		}
		if (!created && (p.dentry->flags & DENTRY_MOUNTED)) {
			/* Walk once more, so that what is mounted there is seen. */
			path_put(&p);
			err = path_lookup_within(at, &dir, last.name, lookup, &p);
			if (err)
				break;
		}
		err = open_found(&p, oflags, created, out);
		path_put(&p);
		break;
	}
	path_put(&dir);
	return err;
}

/* O_TMPFILE: name is the directory whose file system and owner's rules the new file without a name gets. */
static int open_tmpfile(const struct path *at, const char *name, u32 oflags, u32 mode, u32 lookup, struct file **out)
{
	struct path dir, p;
	struct vnode *v;
	char text[24];
	int err;

	if ((oflags & (O_TMPFILE | O_CREAT)) != O_TMPFILE || !(access_mask(oflags) & 2))
		return -EINVAL;
	err = path_lookup_within(at, at, name, lookup | LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &dir);
	if (err)
		return err;
	v = dir.dentry->vnode;
	err = path_writable(&dir);
	if (!err)
		err = vnode_permission(v, 3);
	if (!err && !v->ops->tmpfile)
		err = -EOPNOTSUPP;
	if (err)
		goto out;
	v = v->ops->tmpfile(v, S_IFREG | (mode & 07777 & ~fs_context_current()->umask));
	err = is_err(v) ? ptr_err(v) : 0;
	if (err)
		goto out;
	if (!(oflags & O_EXCL))
		v->flags |= VNODE_LINKABLE;
	p.mount = dir.mount;
	p.dentry = dentry_new(v->sb, dir.dentry, text, snprintf(text, sizeof(text), "#%llu", (unsigned long long)v->ino),
		v);
	err = -ENOMEM;
	if (p.dentry) {
		p.dentry->flags |= DENTRY_DEAD;
		err = open_found(&p, oflags, true, out);
		dentry_put(p.dentry);
	}
out:
	path_put(&dir);
	return err;
}

int path_open_at(const struct path *at, const char *name, u32 oflags, u32 mode, u32 lookup, struct file **out)
{
	struct path p;
	int err;

	if ((oflags & __O_TMPFILE) && !(oflags & O_PATH))
		return open_tmpfile(at, name, oflags, mode, lookup, out);
	if ((oflags & O_CREAT) && !(oflags & O_PATH)) {
		if (oflags & O_DIRECTORY)
			return -EINVAL;
		return open_creating(at, name, oflags, mode, lookup, out);
	}
	err = path_lookup_within(at, at, name, lookup | (oflags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				 (oflags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0), &p);
	if (err)
		return err;
	err = open_found(&p, oflags, false, out);
	path_put(&p);
	return err;
}

int path_open(const char *name, u32 oflags, u32 mode, struct file **out)
{
	return path_open_at(NULL, name, oflags, mode, 0, out);
}
