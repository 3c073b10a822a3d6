/*
 * Devices by number, and devtmpfs: one tmpfs of the kernel's, seen by every
 * mount, in which each registered device has a node.
 */
#include <linux/inotify.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/devfs.h"
#include "fs/file_internal.h"
#include "fs/init.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/tmpfs.h"
#include "sched/wait.h"

static struct mutex lock = MUTEX_INIT(lock, "devices");
static struct chardev *devices;		/* [lock] */
static struct wait_queue opened = WAIT_QUEUE_INIT(opened, "devices");
static struct superblock *devtmpfs;
static struct mount *inner;		/* the kernel's own, in no tree: for init's console before anybody mounts /dev */

/* Who has any of these minors. [lock] */
static struct chardev *find(u32 major, u32 minor, u32 count)
{
	struct chardev *d;

	for (d = devices; d; d = d->next)
		if (d->major == major && minor < d->minor + MAX(d->count, 1u) && d->minor < minor + MAX(count, 1u))
			return d;
	return NULL;
}

int chardev_open(struct vnode *v, struct file *f)
{
	struct chardev *d;
	int err = 0;

	mutex_lock(&lock);
	d = find(dev_major(v->rdev), dev_minor(v->rdev), 1);
	if (d)
		d->opening++;
	mutex_unlock(&lock);
	if (!d)
		return -ENXIO;
	f->ops = d->ops;
	f->priv = d->arg;
	if (d->open)
		err = d->open(f, d);
	mutex_lock(&lock);
	WRITE_ONCE(d->opening, d->opening - 1);	/* it may be freed from here on */
	mutex_unlock(&lock);
	wait_wake_all(&opened);
	return err;
}

/* A new name of root's, of which watchers of the directory hear. As tmpfs_add: names mutex held. */
static struct dentry *add(struct dentry *dir, const char *name, u32 len, u32 mode, u64 rdev)
{
	struct dentry *d = tmpfs_add(dir, name, len, mode, rdev);

	if (is_err(d))
		return d;
	d->vnode->uid = d->vnode->gid = 0;
	if (inotify_active())
		inotify_tell(d, IN_CREATE);
	return d;
}

/*
 * The directory of a name with slashes, made as far as needed; *last is the
 * part behind. Not referenced: names mutex held.
 */
static struct dentry *dir_of(const char *name, const char **last)
{
	struct dentry *dir = devtmpfs->root, *d;
	const char *slash;

	while ((slash = strchr(name, '/'))) {
		d = dentry_child(dir, name, slash - name);
		if (d)
			dentry_put(d);	/* the tree keeps it while we hold the names */
		else
			d = add(dir, name, slash - name, S_IFDIR | 0755, 0);
		if (is_err(d))
			return d;
		dir = d;
		name = slash + 1;
	}
	*last = name;
	return dir;
}

int devfs_node_add(const char *name, u32 mode, u64 rdev)
{
	struct dentry *dir, *d;
	int err = 0;

	mutex_lock(&devtmpfs->names);
	dir = dir_of(name, &name);
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
	d = add(dir, name, strlen(name), S_IFCHR | mode, rdev);
	if (is_err(d))
		err = ptr_err(d);
out:
	mutex_unlock(&devtmpfs->names);
	return err;
}

int chardev_register(struct chardev *dev)
{
	int err = 0;

	mutex_lock(&lock);
	if (find(dev->major, dev->minor, dev->count))
		err = -EEXIST;
	if (!err && dev->name)
		err = devfs_node_add(dev->name, dev->mode, dev_make(dev->major, dev->minor));
	if (!err) {
		dev->next = devices;
		devices = dev;
	}
	mutex_unlock(&lock);
	return err;
}

void devfs_node_remove(const char *name, u64 rdev)
{
	struct dentry *dir, *d;
	struct path_last last;
	bool ours;

	mutex_lock(&devtmpfs->names);
	dir = dir_of(name, &name);
	last.len = strlen(name);
	memcpy(last.name, name, last.len);
	d = is_err(dir) ? NULL : dentry_child(dir, name, last.len);
	if (d) {
		ours = d->vnode->rdev == rdev;
		if (ours) {
			dir->vnode->ops->unlink(dir->vnode, d->vnode);
			dentry_unlink(d);
			if (inotify_active())
				inotify_tell_self(d->vnode, IN_ATTRIB);
		}
		dentry_put(d);		/* those who watch the node hear of its end */
		if (ours && inotify_active())
			inotify_tell_name(dir->vnode, &last, IN_DELETE, 0);
	}
	mutex_unlock(&devtmpfs->names);
}

void chardev_unregister(struct chardev *dev)
{
	mutex_lock(&lock);
	for (struct chardev **link = &devices; *link; link = &(*link)->next) {
		if (*link == dev) {
			*link = dev->next;
			break;
		}
	}
	mutex_unlock(&lock);
	if (dev->name)
		devfs_node_remove(dev->name, dev_make(dev->major, dev->minor));
	wait_event(&opened, !READ_ONCE(dev->opening));
}

int devfs_open(const char *name, u32 oflags, struct file **out)
{
	struct path place = { inner, inner->root }, found;
	int err = path_lookup(&place, name, 0, &found);

	if (err)
		return err;
	err = path_open_found(&found, oflags, out);
	path_put(&found);
	return err;
}

static struct superblock *devtmpfs_mount(const struct fs_type *type, const char *source, const char *options)
{
	/* Options change the one tree, as on Linux; wrong ones are refused. */
	if (options && *options) {
		int err = devtmpfs->ops->remount(devtmpfs, options);

		if (err)
			return err_ptr(err);
	}
	ref_get(&devtmpfs->refs);
	return devtmpfs;
}

static struct fs_type devtmpfs_type = { .name = "devtmpfs", .nodev = true, .mount = devtmpfs_mount };

int devfs_init(void)
{
	static const struct { const char *name, *target; } links[] = {
		{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	};

	devtmpfs = tmpfs_make(&devtmpfs_type, ~0ull, 0755);
	if (is_err(devtmpfs))
		return ptr_err(devtmpfs);
	mutex_lock(&devtmpfs->names);
	for (u32 i = 0; i < ARRAY_SIZE(links); i++)
		tmpfs_add_symlink(devtmpfs->root, links[i].name, strlen(links[i].name),
				  links[i].target, strlen(links[i].target));
	mutex_unlock(&devtmpfs->names);
	fs_type_register(&devtmpfs_type);
	ref_get(&devtmpfs->refs);
	inner = mount_new(devtmpfs, devtmpfs->root, "devtmpfs", MNT_INTERNAL);
	return inner ? 0 : -ENOMEM;
}
