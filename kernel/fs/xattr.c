/*
 * Extended attributes: the rights to them, by the part of the name before its
 * dot. The values are the file system's (vnode_ops).
 *
 *	user.		regular files and directories; the rights to the file's contents
 *	trusted.	root's; nobody else sees them
 *	security.	anybody reads, root writes
 *	system.		access lists: no file system here has them
 */
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include <linux/xattr.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/inotify.h"
#include "fs/xattr.h"
#include "sched/cred.h"

static bool begins(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static int user_check(const struct vnode *v, bool write)
{
	const struct cred *c = current()->cred;

	if (!S_ISREG(v->mode) && !S_ISDIR(v->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(v->mode) && (v->mode & S_ISVTX) && !current_capable(CAP_FOWNER) && c->fsuid != v->uid)
		return -EPERM;
	return vnode_permission(v, write ? 2 : 4);
}

static int check(const struct vnode *v, const char *name, bool write)
{
	bool root = cred_privileged(current()->cred);
	const char *dot = strchr(name, '.');
	int err;

	if (begins(name, XATTR_SECURITY_PREFIX))
		err = write && !root ? -EPERM : 0;
	else if (begins(name, XATTR_TRUSTED_PREFIX))
		err = root ? 0 : write ? -EPERM : -ENODATA;
	else if (begins(name, XATTR_USER_PREFIX))
		err = user_check(v, write);
	else
		return -EOPNOTSUPP;
	return err ? err : !v->ops->xattr_get ? -EOPNOTSUPP : !dot[1] ? -EINVAL : 0;
}

s64 xattr_get(const struct path *p, const char *name, void *value, size_t size)
{
	struct vnode *v = p->dentry->vnode;
	int err = check(v, name, false);

	return err ? err : v->ops->xattr_get(v, name, value, size);
}

int xattr_set(const struct path *p, const char *name, const void *value, size_t size, u32 flags)
{
	struct vnode *v = p->dentry->vnode;
	int err = check(v, name, true);

	if (!err)
		err = v->ops->xattr_set(v, name, value, size, flags);
	if (!err && inotify_active())
		inotify_tell(p->dentry, IN_ATTRIB);
	return err;
}

s64 xattr_list(const struct path *p, char *list, size_t size)
{
	struct vnode *v = p->dentry->vnode;

	return v->ops->xattr_list ? v->ops->xattr_list(v, list, size, cred_privileged(current()->cred)) : 0;
}
