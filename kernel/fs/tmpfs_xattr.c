/*
 * Extended attributes of files in memory: a list for each vnode, counted in
 * pages against the size of the file system. Called through vnode_ops by
 * xattr.c, which checks rights.
 */
#include <linux/xattr.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/tmpfs_node.h"
#include "mm/slab.h"

struct xattr {
	struct xattr *next;
	u32 size, name_size;		/* of the value; of the name with its NUL */
	char name[];			/* the value lies behind it */
};

/* The link to the attribute of that name, or the end of the list. [v] held. */
static struct xattr **find(struct tmpfs_node *n, const char *name)
{
	struct xattr **link = &n->xattrs;

	while (*link && strcmp((*link)->name, name))
		link = &(*link)->next;
	return link;
}

static u32 cost(const struct xattr *x)
{
	return x ? sizeof(*x) + x->name_size + x->size : 0;
}

s64 tmpfs_xattr_get(struct vnode *v, const char *name, void *value, size_t size)
{
	struct xattr *x;
	s64 r = -ENODATA;

	mutex_lock(&v->lock);
	x = *find(tmpfs_node_of(v), name);
	if (x) {
		r = size && size < x->size ? -ERANGE : (s64)x->size;
		if (size && r > 0)
			memcpy(value, x->name + x->name_size, r);
	}
	mutex_unlock(&v->lock);
	return r;
}

/* In the place of what *link names, which goes; fresh NULL: nothing comes. [v] held. */
static int replace(struct tmpfs_node *n, struct xattr **link, struct xattr *fresh)
{
	u64 before = DIV_ROUND_UP(n->xattr_bytes, PAGE_SIZE), after;
	struct xattr *old = *link;
	u32 bytes = n->xattr_bytes - cost(old) + cost(fresh);

	after = DIV_ROUND_UP(bytes, PAGE_SIZE);
	if (after > before && tmpfs_pages_take(n->v.sb, after - before))
		return -ENOSPC;
	if (after < before)
		tmpfs_pages_give(n->v.sb, before - after);
	n->xattr_bytes = bytes;
	if (fresh)
		fresh->next = old ? old->next : NULL;
	*link = fresh ? fresh : old->next;
	kfree(old);
	n->v.ctime = vnode_now();
	return 0;
}

int tmpfs_xattr_set(struct vnode *v, const char *name, const void *value, size_t size, u32 flags)
{
	struct tmpfs_node *n = tmpfs_node_of(v);
	u32 name_size = strlen(name) + 1;
	struct xattr *fresh = NULL, **link;
	int err;

	if (value) {
		fresh = kmalloc(sizeof(*fresh) + name_size + size);
		if (!fresh)
			return -ENOMEM;
		fresh->size = size;
		fresh->name_size = name_size;
		memcpy(fresh->name, name, name_size);
		memcpy(fresh->name + name_size, value, size);
	}
	mutex_lock(&v->lock);
	link = find(n, name);
	if (*link && (flags & XATTR_CREATE))
		err = -EEXIST;
	else if (!*link && (!value || (flags & XATTR_REPLACE)))
		err = -ENODATA;
	else
		err = replace(n, link, fresh);
	mutex_unlock(&v->lock);
	if (err)
		kfree(fresh);
	return err;
}

s64 tmpfs_xattr_list(struct vnode *v, char *list, size_t size, bool all)
{
	struct tmpfs_node *n = tmpfs_node_of(v);
	size_t len = 0;

	mutex_lock(&v->lock);
	for (struct xattr *x = n->xattrs; x; x = x->next) {
		if (!all && !strncmp(x->name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN))
			continue;
		if (size && len + x->name_size <= size)
			memcpy(list + len, x->name, x->name_size);
		len += x->name_size;
	}
	mutex_unlock(&v->lock);
	return size && len > size ? -ERANGE : (s64)len;
}

void tmpfs_xattrs_free(struct tmpfs_node *n)
{
	tmpfs_pages_give(n->v.sb, DIV_ROUND_UP(n->xattr_bytes, PAGE_SIZE));
	while (n->xattrs) {
		struct xattr *next = n->xattrs->next;

		kfree(n->xattrs);
		n->xattrs = next;
	}
}
