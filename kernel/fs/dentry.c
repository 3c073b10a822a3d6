/*
 * Dentries: the names in the tree. One hash table over (parent, name) serves
 * every walk; each directory also keeps its children in a list, in the order
 * in which they came, so that readdir can go on where it stopped whatever was
 * removed meanwhile.
 *
 * dentry_lock guards table, lists and names. The walk (path.c) takes it once
 * for all the components that it finds here, and no reference for those that
 * it only passes: the last reference of a dentry goes under that lock.
 */
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/random.h"
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "fs/path.h"
#include "mm/slab.h"

#define FIRST_COOKIE	3		/* 0 is ".", 1 is "..", 2 is the first child's place */
#define FIRST_BUCKETS	512u

struct spinlock dentry_lock = SPINLOCK_INIT("dentries");
static struct dentry **table;		/* [d] */
static u32 table_bits;			/* [d] */
static u32 table_count;			/* [d] */
static struct slab_cache *dentry_cache;

void dentry_init(void)
{
	dentry_cache = slab_cache_create("dentry", sizeof(struct dentry), 0);
	table_bits = __builtin_ctz(FIRST_BUCKETS);
	table = kcalloc(FIRST_BUCKETS, sizeof(*table));
	dentry_hash_seed = random_u32() | 1;
}

u32 dentry_hash_seed = 0x9e3779b1;	/* set once, before the first name */

u32 dentry_hash_name(const char *name, u32 len)
{
	u32 h = 0;

	for (u32 i = 0; i < len; i++)
		h = dentry_hash_step(h, (u8)name[i]);
	return h;
}

static struct dentry **bucket(const struct dentry *parent, u32 hash)
{
	u64 key = hash ^ (u64)parent >> 5;

	return &table[key * 0x9e3779b97f4a7c15ull >> (64 - table_bits)];
}

struct dentry *dentry_find_locked(const struct dentry *dir, const char *name, u32 len, u32 hash)
{
	struct dentry *d;

	for (d = *bucket(dir, hash); d; d = d->hash_next)
		if (d->hash == hash && d->parent == dir && d->name_len == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

static void hash_insert(struct dentry *d)
{
	struct dentry **b = bucket(d->parent, d->hash);

	d->hash_next = *b;
	*b = d;
	d->flags |= DENTRY_HASHED;
	table_count++;
}

static void hash_remove(struct dentry *d)
{
	struct dentry **link = bucket(d->parent, d->hash);

	while (*link != d)
		link = &(*link)->hash_next;
	*link = d->hash_next;
	d->flags &= ~DENTRY_HASHED;
	table_count--;
}

/* Twice the buckets when there are more names than buckets; without memory the chains just grow. */
static void table_grow(void)
{
	struct dentry **bigger, **old;
	u32 old_size;

	if (READ_ONCE(table_count) <= 1u << READ_ONCE(table_bits))
		return;
	old_size = 1u << READ_ONCE(table_bits);
	bigger = kcalloc((size_t)old_size * 2, sizeof(*bigger));
	if (!bigger)
		return;
	spin_lock(&dentry_lock);
	if (old_size != 1u << table_bits) {
		spin_unlock(&dentry_lock);
		kfree(bigger);
		return;
	}
	old = table;
	table = bigger;
	table_bits++;
	for (u32 i = 0; i < old_size; i++) {
		while (old[i]) {
			struct dentry *d = old[i];
			struct dentry **b = bucket(d->parent, d->hash);

			old[i] = d->hash_next;
			d->hash_next = *b;
			*b = d;
		}
	}
	spin_unlock(&dentry_lock);
	kfree(old);
}

static char *name_store(struct dentry *d, const char *name, u32 len)
{
	char *to = d->short_name;

	if (len >= sizeof(d->short_name)) {
		to = kmalloc(len + 1);
		if (!to)
			return NULL;
	}
	memcpy(to, name, len);
	to[len] = '\0';
	return to;
}

struct dentry *dentry_new(struct superblock *sb, struct dentry *parent, const char *name, u32 len, struct vnode *v)
{
	struct dentry *d = slab_alloc(dentry_cache);

	if (!d)
		goto no_memory;
	d->name = name_store(d, name, len);
	if (!d->name) {
		slab_free(dentry_cache, d);
		goto no_memory;
	}
	d->refs = 1;
	d->flags = 0;
	d->parent = parent ? parent : d;
	if (parent)
		dentry_get(parent);
	d->vnode = v;
	d->sb = sb;
	d->hash_next = NULL;
	d->hash = dentry_hash_name(name, len);
	d->name_len = len;
	list_init(&d->children);
	list_init(&d->sibling);
	d->cookie = 0;
	d->next_cookie = FIRST_COOKIE;
	return d;
no_memory:
	vnode_put(v);
	return NULL;
}

static void name_free(struct dentry *d)
{
	if (d->name != d->short_name)
		kfree(d->name);
}

void dentry_put(struct dentry *d)
{
	struct dentry *parent;

	while (d) {
		u32 r = atomic_load_relaxed(&d->refs);

		while (r > 1)
			if (__atomic_compare_exchange_n(&d->refs, &r, r - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
				return;
		spin_lock(&dentry_lock);
		if (!ref_put(&d->refs)) {
			spin_unlock(&dentry_lock);
			return;
		}
		if (d->flags & DENTRY_HASHED)
			hash_remove(d);
		list_remove(&d->sibling);
		spin_unlock(&dentry_lock);
		parent = d->parent == d ? NULL : d->parent;
		if (d->vnode && unlikely(READ_ONCE(d->vnode->watches)))
			inotify_dentry_gone(d);
		vnode_put(d->vnode);
		name_free(d);
		slab_free(dentry_cache, d);
		d = parent;
	}
}

void dentry_link(struct dentry *d)
{
	struct dentry *dir = d->parent;

	spin_lock(&dentry_lock);
	d->flags |= DENTRY_PINNED;
	d->cookie = dir->next_cookie++;
	list_push_back(&dir->children, &d->sibling);
	hash_insert(d);
	spin_unlock(&dentry_lock);
	table_grow();
}

void dentry_unlink(struct dentry *d)
{
	bool pinned;

	spin_lock(&dentry_lock);
	pinned = d->flags & DENTRY_PINNED;
	if (d->flags & DENTRY_HASHED)
		hash_remove(d);
	list_remove(&d->sibling);
	d->flags = (d->flags & ~DENTRY_PINNED) | DENTRY_DEAD;
	spin_unlock(&dentry_lock);
	if (pinned)
		dentry_put(d);
}

static void relink(struct dentry *d, struct dentry *parent)
{
	d->parent = parent;
	d->cookie = parent->next_cookie++;
	list_push_back(&parent->children, &d->sibling);
	hash_insert(d);
}

int dentry_name_reserve(u32 len, char **spare)
{
	*spare = NULL;
	if (len < sizeof(((struct dentry *)0)->short_name))
		return 0;
	*spare = kmalloc(len + 1);
	return *spare ? 0 : -ENOMEM;
}

void dentry_move(struct dentry *d, struct dentry *parent, const char *name, u32 len, char *spare)
{
	struct dentry *old_parent = d->parent;
	char *old_name = NULL;

	dentry_get(parent);
	spin_lock(&dentry_lock);
	hash_remove(d);
	list_remove(&d->sibling);
	if (d->name != d->short_name)
		old_name = d->name;
	d->name = spare ? spare : d->short_name;
	memcpy(d->name, name, len);
	d->name[len] = '\0';
	d->name_len = len;
	d->hash = dentry_hash_name(name, len);
	relink(d, parent);
	spin_unlock(&dentry_lock);
	kfree(old_name);
	dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *a_parent = a->parent, *b_parent = b->parent;
	char *a_name = a->name == a->short_name ? b->short_name : a->name, short_name[sizeof(a->short_name)];
	u32 len = a->name_len, hash = a->hash;

	spin_lock(&dentry_lock);
	hash_remove(a);
	hash_remove(b);
	list_remove(&a->sibling);
	list_remove(&b->sibling);
	memcpy(short_name, a->short_name, sizeof(short_name));
	memcpy(a->short_name, b->short_name, sizeof(short_name));
	memcpy(b->short_name, short_name, sizeof(short_name));
	a->name = b->name == b->short_name ? a->short_name : b->name;
	a->name_len = b->name_len;
	a->hash = b->hash;
	b->name = a_name;
	b->name_len = len;
	b->hash = hash;
	relink(a, b_parent);	/* the references of the parents change places too */
	relink(b, a_parent);
	spin_unlock(&dentry_lock);
}

struct dentry *dentry_child(struct dentry *dir, const char *name, u32 len)
{
	u32 hash = dentry_hash_name(name, len);
	struct dentry *d;

	spin_lock(&dentry_lock);
	d = dentry_find_locked(dir, name, len, hash);
	if (d)
		dentry_get(d);
	spin_unlock(&dentry_lock);
	return d;
}

bool dentry_has_children(struct dentry *dir)
{
	bool any;

	spin_lock(&dentry_lock);
	any = !list_empty(&dir->children);
	spin_unlock(&dentry_lock);
	return any;
}

/* Leaves first, without recursion: descend to a childless name, drop it, go on at its parent. */
void dentry_tree_drop(struct dentry *top)
{
	struct dentry *d = top, *parent;

	dentry_get(top);
	for (;;) {
		struct dentry *child = NULL;

		spin_lock(&dentry_lock);
		if (!list_empty(&d->children)) {
			child = list_first(&d->children, struct dentry, sibling);
			dentry_get(child);
		}
		spin_unlock(&dentry_lock);
		if (child) {
			dentry_put(d);
			d = child;
			continue;
		}
		if (d == top)
			break;
		parent = d->parent;
		dentry_get(parent);
		dentry_unlink(d);
		dentry_put(d);
		d = parent;
	}
	if (top->flags & DENTRY_PINNED)
		dentry_unlink(top);
	dentry_put(top);
}

/*
 * The child at or after a cookie, referenced, with its name copied out (a
 * rename may change it as soon as the lock is dropped).
 */
static struct dentry *child_from(struct dentry *dir, u64 cookie, char *name, u32 *len)
{
	struct dentry *d, *found = NULL;

	spin_lock(&dentry_lock);
	list_for_each(d, &dir->children, sibling) {
		if (d->cookie < cookie)
			continue;
		found = d;
		dentry_get(d);
		memcpy(name, d->name, d->name_len);
		*len = d->name_len;
		break;
	}
	spin_unlock(&dentry_lock);
	return found;
}

/* The one that follows prev, which is referenced; in order unless prev has gone meanwhile. */
static struct dentry *child_after(struct dentry *dir, struct dentry *prev, u64 cookie, char *name, u32 *len)
{
	struct dentry *d = NULL;

	spin_lock(&dentry_lock);
	if (prev->parent == dir && !(prev->flags & DENTRY_DEAD) && prev->cookie == cookie) {
		if (prev->sibling.next != &dir->children) {
			d = list_entry(prev->sibling.next, struct dentry, sibling);
			dentry_get(d);
			memcpy(name, d->name, d->name_len);
			*len = d->name_len;
		}
		spin_unlock(&dentry_lock);
		return d;
	}
	spin_unlock(&dentry_lock);
	return child_from(dir, cookie + 1, name, len);
}

int dentry_readdir(struct file *f, struct dir_sink *sink)
{
	struct dentry *dir = f->path->dentry, *d, *next;
	char name[NAME_MAX_LEN + 1];
	u32 len;

	file_accessed(f);
	if (f->pos == 0) {
		if (!sink->emit(sink, ".", 1, dir->vnode->ino, S_IFDIR, 1))
			return 0;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->emit(sink, "..", 2, dir->parent->vnode->ino, S_IFDIR, 2))
			return 0;
		f->pos = 2;
	}
	d = child_from(dir, f->pos, name, &len);
	while (d) {
		u64 cookie = READ_ONCE(d->cookie);

		if (!sink->emit(sink, name, len, d->vnode->ino, d->vnode->mode, cookie + 1)) {
			dentry_put(d);
			return 0;
		}
		f->pos = cookie + 1;
		next = child_after(dir, d, cookie, name, &len);
		dentry_put(d);
		d = next;
	}
	return 0;
}
