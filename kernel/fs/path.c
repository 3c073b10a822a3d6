/*
 * The walk: from a name to a place in the tree, path_resolution(7).
 *
 * Every call with a path comes here. The whole walk over names that the tree
 * holds is one stretch under the dentry lock, without a reference taken for
 * what is only passed; it leaves the lock for two things: to ask a file system
 * for a name that the tree lacks, and to read a symbolic link. Whatever it
 * stands on then is pinned.
 */
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/dentry.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define LINKS_MAX	40

struct walk {
	const char *rest;		/* what is still to be walked */
	char *text;			/* holds rest once a link was followed; ours */
	struct mount *mount;		/* where we stand; alive under the lock, or by pin */
	struct dentry *dentry;
	struct path root;		/* the context's; it outlives the walk */
	struct path pin;		/* references of ours, or NULLs */
	u32 flags, links;
	struct path_last *last;		/* stop before the last component and put it here */
};

void path_get(const struct path *p)
{
	ref_get(&p->mount->refs);
	dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mount);
}

struct path *path_dup(const struct path *p)
{
	struct path *copy = kmalloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *p;
	path_get(copy);
	return copy;
}

void path_free(struct path *p)
{
	if (p) {
		path_put(p);
		kfree(p);
	}
}

/* Through whatever is mounted on the place. [d] held. */
static void mounts_cross(struct mount **mount, struct dentry **dentry)
{
	while (unlikely((*dentry)->flags & DENTRY_MOUNTED)) {
		struct mount *m = mount_find_locked(*mount, *dentry);

		if (!m)
			break;
		*mount = m;
		*dentry = m->root;
	}
}

static bool at_root(const struct walk *w)
{
	return w->dentry == w->root.dentry && w->mount == w->root.mount;
}

/* One step up, not past the root, out of mounts. 0, or -EXDEV: not this walk. [d] held. */
static int walk_up(struct walk *w)
{
	struct mount *from = w->mount;

	if ((w->flags & LOOKUP_BENEATH) && at_root(w))
		return -EXDEV;
	for (;;) {
		if (at_root(w))
			break;
		if (w->dentry != w->mount->root) {
			w->dentry = w->dentry->parent;
			break;
		}
		if (w->mount->parent == w->mount)
			break;
		w->dentry = w->mount->mountpoint;
		w->mount = w->mount->parent;
	}
	mounts_cross(&w->mount, &w->dentry);
	return (w->flags & LOOKUP_NO_XDEV) && w->mount != from ? -EXDEV : 0;
}

/*
 * Does the root contain the place where the walk ended? With the lock let go on the way, a directory may have been
 * moved out of it. [d] held.
 */
static bool is_within(const struct walk *w)
{
	struct walk up = *w;

	while (!at_root(&up)) {
		if (up.dentry != up.mount->root) {
			up.dentry = up.dentry->parent;
		} else {
			if (up.mount->parent == up.mount || !up.mount->attached)
				return false;
			up.dentry = up.mount->mountpoint;
			up.mount = up.mount->parent;
		}
	}
	return true;
}

/* Hold on to where the walk stands and leave the lock. */
static void walk_unlock_pinned(struct walk *w)
{
	struct path old = w->pin;

	w->pin = (struct path){ w->mount, w->dentry };
	path_get(&w->pin);
	spin_unlock(&dentry_lock);
	if (old.dentry)
		path_put(&old);
}

struct dentry *dentry_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d = dentry_child(dir, name, len);

	if (d)
		return d;
	if (!dir->vnode->ops->lookup)
		return err_ptr(-ENOENT);
	return dir->vnode->ops->lookup(dir, name, len);
}

/* Ask the file system for a name that the tree lacks. Drops and takes [d]; the dentry stays alive by the pin. */
static struct dentry *walk_lookup(struct walk *w, const char *name, u32 len)
{
	struct dentry *d, *dir = w->dentry;

	walk_unlock_pinned(w);
	mutex_lock(&dir->sb->names);
	d = dentry_lookup(dir, name, len);
	mutex_unlock(&dir->sb->names);
	if (!is_err(d)) {
		/* It holds its directory, so the pin can move on to it. */
		w->pin.dentry = d;
		dentry_put(dir);
		dir = NULL;
	}
	spin_lock(&dentry_lock);
	return d;
}

/* A link's text in front of what is left to walk. No lock held. */
static int walk_splice(struct walk *w, struct vnode *link, const char *rest)
{
	size_t room = link->size ? link->size : PATH_MAX_LEN;
	size_t rest_len = strlen(rest);
	char *text = kmalloc(room + rest_len + 2);
	s64 n;

	if (!text)
		return -ENOMEM;
	n = link->ops->readlink ? link->ops->readlink(link, text, room) : -EINVAL;
	if (n <= 0) {
		kfree(text);
		return n ? n : -ENOENT;
	}
	if (rest_len)
		text[n++] = '/';
	memcpy(text + n, rest, rest_len + 1);
	kfree(w->text);
	w->text = text;
	w->rest = text;
	return 0;
}

/* Follow the link d, found in the directory where the walk stands; then rest. Drops and takes [d]. */
static int walk_follow(struct walk *w, struct dentry *d, const char *rest)
{
	struct vnode *link = d->vnode;
	struct path to;
	int err;

	if (++w->links > LINKS_MAX || (w->flags & LOOKUP_NO_SYMLINKS))
		return -ELOOP;
	if (link->ops->follow && (w->flags & (LOOKUP_NO_MAGICLINKS | LOOKUP_SCOPED | LOOKUP_CACHED)))
		return w->flags & LOOKUP_NO_MAGICLINKS ? -ELOOP : w->flags & LOOKUP_SCOPED ? -EXDEV : -EAGAIN;
	dentry_get(d);
	/* A link that the file system made for this look-up is what the pin holds; the walk stands in its directory. */
	walk_unlock_pinned(w);
	if (link->ops->follow) {
		err = link->ops->follow(link, &to);
		if (!err && (w->flags & LOOKUP_NO_XDEV) && to.mount != w->mount) {
			path_put(&to);
			err = -EXDEV;
		}
		if (!err) {
			path_put(&w->pin);
			w->pin = to;
			w->mount = to.mount;
			w->dentry = to.dentry;
			w->rest = rest;
		}
	} else {
		err = walk_splice(w, link, rest);
		if (!err && w->rest[0] == '/') {
			if ((w->flags & LOOKUP_BENEATH) || ((w->flags & LOOKUP_NO_XDEV) && w->mount != w->root.mount))
				err = -EXDEV;
			w->mount = w->root.mount;
			w->dentry = w->root.dentry;
		}
	}
	dentry_put(d);
	spin_lock(&dentry_lock);
	return err;
}

static bool is_dot(const char *s, u32 len) { return len == 1 && s[0] == '.'; }
static bool is_dotdot(const char *s, u32 len) { return len == 2 && s[0] == '.' && s[1] == '.'; }

/* Nothing but slashes is left. */
static bool is_end(const char *s)
{
	while (*s == '/')
		s++;
	return !*s;
}

static void last_fill(struct path_last *last, const char *name, u32 len, bool slash)
{
	memcpy(last->name, name, len);
	last->name[len] = '\0';
	last->len = len;
	last->special = len == 0 || is_dot(name, len) || is_dotdot(name, len);
	last->must_be_dir = slash;
}

/* The steps, [d] held throughout as far as the caller can tell. */
static int walk_steps(struct walk *w)
{
	const struct cred *cred = current()->cred;
	/* Who may search every directory. */
	bool root_user = !cred || (cred->cap_effective & (1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH));

	for (;;) {
		const char *name, *next;
		struct mount *mount;
		struct dentry *d;
		u32 hash = 0, len;
		int err;

		while (*w->rest == '/')
			w->rest++;
		if (!*w->rest) {
			if (w->last)
				last_fill(w->last, "", 0, true);
			return 0;
		}
		for (name = next = w->rest; *next && *next != '/'; next++)
			hash = dentry_hash_step(hash, (u8)*next);
		len = next - name;
		if (len > NAME_MAX_LEN)
			return -ENAMETOOLONG;
		if (!S_ISDIR(w->dentry->vnode->mode))
			return -ENOTDIR;
		if (!root_user && vnode_permission(w->dentry->vnode, 1))
			return -EACCES;
		if (w->last && is_end(next)) {
			last_fill(w->last, name, len, *next);
			return 0;
		}
		w->rest = next;
		if (unlikely(name[0] == '.')) {
			if (is_dot(name, len))
				continue;
			if (is_dotdot(name, len)) {
				err = walk_up(w);
				if (err)
					return err;
				continue;
			}
		}
		d = dentry_find_locked(w->dentry, name, len, hash);
		if (unlikely(!d)) {
			if (!w->dentry->vnode->ops->lookup)
				return -ENOENT;
			if (w->flags & LOOKUP_CACHED)
				return -EAGAIN;
			d = walk_lookup(w, name, len);
			if (is_err(d))
				return ptr_err(d);
		}
		mount = w->mount;
		mounts_cross(&mount, &d);
		if (unlikely(mount != w->mount) && (w->flags & LOOKUP_NO_XDEV))
			return -EXDEV;
		if (unlikely(S_ISLNK(d->vnode->mode)) && (*next || (w->flags & LOOKUP_FOLLOW))) {
			err = is_end(next) && !vnode_link_followed(w->dentry->vnode, d->vnode) ? -EACCES : walk_follow(w, d, next);
			if (err)
				return err;
			continue;
		}
		w->mount = mount;
		w->dentry = d;
		/* "file/" is no directory's name. */
		if (*next && !S_ISDIR(d->vnode->mode))
			return -ENOTDIR;
	}
}

/* A context that nobody shares cannot change under the walk: no references then. */
static bool context_borrow(struct fs_context *c, struct path *root, struct path *cwd)
{
	if (atomic_load_relaxed(&c->refs) == 1) {
		*root = c->root;
		*cwd = c->cwd;
		return false;
	}
	spin_lock(&c->lock);
	*root = c->root;
	*cwd = c->cwd;
	path_get(root);
	path_get(cwd);
	spin_unlock(&c->lock);
	return true;
}

static int walk(const struct path *scope, const struct path *at, const char *name, u32 flags, struct path *out,
		struct path_last *last)
{
	struct walk w = { .rest = name, .flags = flags, .last = last };
	struct path cwd;
	bool borrowed = false;
	int err;

	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (*name == '/' && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (unlikely(flags & LOOKUP_SCOPED))
		w.root = *scope;
	else
		borrowed = context_borrow(fs_context_current(), &w.root, &cwd);
	if (*name == '/')
		at = &w.root;
	else if (!at)
		at = &cwd;
	w.mount = at->mount;
	w.dentry = at->dentry;

	spin_lock(&dentry_lock);
	err = walk_steps(&w);
	if (!err && (flags & LOOKUP_DIRECTORY) && !S_ISDIR(w.dentry->vnode->mode))
		err = -ENOTDIR;
	if (!err && unlikely(flags & LOOKUP_SCOPED) && !is_within(&w))
		err = -EXDEV;
	if (!err) {
		*out = (struct path){ w.mount, w.dentry };
		path_get(out);
	}
	spin_unlock(&dentry_lock);

	if (w.pin.dentry)
		path_put(&w.pin);
	kfree(w.text);
	if (borrowed) {
		path_put(&w.root);
		path_put(&cwd);
	}
	return err;
}

int path_lookup(const struct path *at, const char *name, u32 flags, struct path *out)
{
	return walk(NULL, at, name, flags, out, NULL);
}

int path_lookup_within(const struct path *scope, const struct path *at, const char *name, u32 flags, struct path *out)
{
	return walk(scope, at, name, flags, out, NULL);
}

int path_lookup_parent(const struct path *at, const char *name, struct path *dir, struct path_last *last)
{
	return walk(NULL, at, name, LOOKUP_DIRECTORY, dir, last);
}

int path_lookup_parent_within(const struct path *scope, const struct path *at, const char *name, u32 flags,
			      struct path *dir, struct path_last *last)
{
	return walk(scope, at, name, flags | LOOKUP_DIRECTORY, dir, last);
}

/* Text is put in front of what stands at *at already. */
static bool prepend(char *buf, char **at, const char *text, size_t len)
{
	if ((size_t)(*at - buf) < len)
		return false;
	*at -= len;
	memcpy(*at, text, len);
	return true;
}

/* *below: whether the root contains it; else the text is from the root of all mounts. */
static char *format(const struct path *p, const struct path *root, char *buf, size_t size, bool *below)
{
	struct mount *mount = p->mount;
	struct dentry *d = p->dentry;
	char *at = buf + size;
	bool fits, reached;

	fits = prepend(buf, &at, "", 1);
	spin_lock(&dentry_lock);
	if (d->flags & DENTRY_DEAD)
		fits = fits && prepend(buf, &at, " (deleted)", 10);
	for (;;) {
		reached = d == root->dentry && mount == root->mount;
		if (!fits || reached)
			break;
		if (d == mount->root) {
			if (mount->parent == mount || !mount->attached)
				break;
			d = mount->mountpoint;
			mount = mount->parent;
			continue;
		}
		if (d->parent == d)
			break;
		fits = prepend(buf, &at, d->name, d->name_len) && prepend(buf, &at, "/", 1);
		d = d->parent;
	}
	spin_unlock(&dentry_lock);
	if (fits && (!*at || *at == ' '))
		fits = prepend(buf, &at, "/", 1);
	*below = reached || mount->flags & MNT_INTERNAL;
	return fits ? at : err_ptr(-ENAMETOOLONG);
}

char *path_format_from(const struct path *p, const struct path *root, char *buf, size_t size)
{
	bool below;
	char *text = format(p, root, buf, size, &below);

	if (is_err(text) || below)
		return text;
	return prepend(buf, &text, "(unreachable)", 13) ? text : err_ptr(-ENAMETOOLONG);
}

char *dentry_format(struct dentry *d, char *buf, size_t size)
{
	char *at = buf + size;
	bool fits = prepend(buf, &at, "", 1);

	spin_lock(&dentry_lock);
	for (; d->parent != d; d = d->parent)
		fits = fits && prepend(buf, &at, d->name, d->name_len) && prepend(buf, &at, "/", 1);
	spin_unlock(&dentry_lock);
	if (fits && !*at)
		fits = prepend(buf, &at, "/", 1);
	return fits ? at : err_ptr(-ENAMETOOLONG);
}

char *path_format(const struct path *p, char *buf, size_t size)
{
	struct path root;
	bool below;
	char *text;

	fs_context_root(fs_context_current(), &root);
	text = format(p, &root, buf, size, &below);
	path_put(&root);
	return text;
}
