/*
 * Where threads stand in the tree. Called by fork, chdir, chroot and umask;
 * the walk reads it at its start.
 */
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "mm/slab.h"

static struct fs_context boot_context;	/* kernel threads', and what pid 1 begins with */
static struct spinlock contexts_lock = SPINLOCK_INIT("fs contexts");
static struct list_node contexts = LIST_INIT(contexts);	/* [contexts_lock] */

static void context_list(struct fs_context *c)
{
	spin_lock(&contexts_lock);
	list_push_back(&contexts, &c->node);
	spin_unlock(&contexts_lock);
}

struct fs_context *fs_context_current(void)
{
	struct fs_context *c = current()->fs;

	return c ? c : &boot_context;
}

static void context_start(struct fs_context *c)
{
	c->refs = 1;
	c->shared = false;
	spin_init(&c->lock, "fs context");
	c->umask = 022;
	c->root = c->cwd = (struct path){ mount_root, mount_root->root };
	path_get(&c->root);
	path_get(&c->cwd);
	context_list(c);
}

void fs_context_boot_init(void)
{
	context_start(&boot_context);
	boot_context.refs++;	/* shared by all kernel threads */
}

struct fs_context *fs_context_copy(struct fs_context *c)
{
	struct fs_context *n = kmalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->refs = 1;
	n->shared = false;
	spin_init(&n->lock, "fs context");
	spin_lock(&c->lock);
	n->root = c->root;
	n->cwd = c->cwd;
	n->umask = c->umask;
	path_get(&n->root);
	path_get(&n->cwd);
	spin_unlock(&c->lock);
	context_list(n);
	return n;
}

struct fs_context *fs_context_new(void)
{
	struct fs_context *n = kmalloc(sizeof(*n));

	if (n)
		context_start(n);
	return n;
}

void fs_context_get(struct fs_context *c)
{
	ref_get(&c->refs);
}

void fs_context_put(struct fs_context *c)
{
	if (c && ref_put(&c->refs)) {
		spin_lock(&contexts_lock);
		list_remove(&c->node);
		spin_unlock(&contexts_lock);
		path_put(&c->root);
		path_put(&c->cwd);
		kfree(c);
	}
}

void fs_contexts_move(const struct path *from, const struct path *to)
{
	struct fs_context *c;
	u32 moved = 0;

	spin_lock(&contexts_lock);
	list_for_each(c, &contexts, node) {
		spin_lock(&c->lock);
		for (struct path *p = &c->root; p; p = p == &c->root ? &c->cwd : NULL) {
			if (path_equal(p, from)) {
				*p = *to;
				path_get(to);
				moved++;
			}
		}
		spin_unlock(&c->lock);
	}
	spin_unlock(&contexts_lock);
	while (moved--)
		path_put(from);
}

void fs_context_cwd(struct fs_context *c, struct path *out)
{
	spin_lock(&c->lock);
	*out = c->cwd;
	path_get(out);
	spin_unlock(&c->lock);
}

void fs_context_root(struct fs_context *c, struct path *out)
{
	spin_lock(&c->lock);
	*out = c->root;
	path_get(out);
	spin_unlock(&c->lock);
}

static void place_set(struct fs_context *c, struct path *which, const struct path *p)
{
	struct path old;

	path_get(p);
	spin_lock(&c->lock);
	old = *which;
	*which = *p;
	spin_unlock(&c->lock);
	path_put(&old);
}

void fs_context_set_cwd(struct fs_context *c, const struct path *p)
{
	place_set(c, &c->cwd, p);
}

void fs_context_set_root(struct fs_context *c, const struct path *p)
{
	place_set(c, &c->root, p);
}
