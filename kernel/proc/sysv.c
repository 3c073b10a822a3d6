/*
 * What the three kinds of System V IPC share (sysv.h): a table of objects by index, their keys and numbers, rights,
 * waiting, /proc/sysvipc and the limits. An id is its index with a sequence number above it, so that one that was
 * removed is told from the next at its place.
 */
#include "proc/sysv.h"
#include <linux/capability.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/procfs.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "sched/wait.h"

#define INDEX_BITS	15
#define INDEX_MAX	(1 << INDEX_BITS)
#define SEQUENCE_MAX	0xffff

static struct table {
	const struct sysv_type *type;	/* [S] */
	struct sysv_object **slots;	/* by index [I] */
	u32 size, used;			/* [I] */
	s32 last;			/* the index given out last, and the sequence number then [I] */
	u32 sequence;
} tables[SYSV_KINDS] = { { .last = -1 }, { .last = -1 }, { .last = -1 } };

struct mutex sysv_lock = MUTEX_INIT(sysv_lock, "sysv ipc");

u64 sysv_now(void)
{
	return clock_realtime_ns() / NSEC_PER_SEC;
}

/* ---- rights ---- */

int sysv_permission(const struct sysv_object *o, u32 mode)
{
	const struct cred *c = current()->cred;
	u32 granted = o->perm.mode, wanted = mode >> 6 | mode >> 3 | mode;

	if (c->euid == o->perm.cuid || c->euid == o->perm.uid)
		granted >>= 6;
	else if (cred_in_group(c, o->perm.cgid) || cred_in_group(c, o->perm.gid))
		granted >>= 3;
	return wanted & ~granted & 7 && !cred_capable(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

int sysv_ownership(const struct sysv_object *o)
{
	const struct cred *c = current()->cred;

	return c->euid == o->perm.cuid || c->euid == o->perm.uid || cred_capable(c, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void sysv_perm_set(struct sysv_object *o, const struct ipc64_perm *p)
{
	o->perm.uid = p->uid;
	o->perm.gid = p->gid;
	o->perm.mode = (o->perm.mode & ~0777) | (p->mode & 0777);
	o->changed = sysv_now();
}

/* ---- the table ---- */

struct sysv_object *sysv_find(enum sysv_kind kind, s32 id, bool index)
{
	struct table *t = &tables[kind];
	u32 at = id & (INDEX_MAX - 1);
	struct sysv_object *o = id >= 0 && (index ? (u32)id : at) < t->size ? t->slots[at] : NULL;

	if (!o)
		return err_ptr(-EINVAL);
	return index || o->id == id ? o : err_ptr(-EIDRM);
}

struct sysv_object *sysv_find_for(enum sysv_kind kind, s32 id, bool index, u32 mode)
{
	struct sysv_object *o = sysv_find(kind, id, index);

	return !is_err(o) && mode && sysv_permission(o, mode) ? err_ptr(-EACCES) : o;
}

static struct sysv_object *key_find(const struct table *t, s32 key)
{
	for (u32 i = 0; i < t->size; i++)
		if (t->slots[i] && t->slots[i]->perm.key == key)
			return t->slots[i];
	return NULL;
}

/* The first free place: its index, or -ENOSPC, -ENOMEM. */
static s32 place_find(struct table *t)
{
	struct sysv_object **more;
	u32 i = 0, size = t->size ? t->size * 2 : 16;

	if (t->used >= *t->type->most)
		return -ENOSPC;
	while (i < t->size && t->slots[i])
		i++;
	if (i == INDEX_MAX)
		return -ENOSPC;
	if (i == t->size) {
		more = krealloc(t->slots, t->size * sizeof(*more), size * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + t->size, 0, (size - t->size) * sizeof(*more));
		t->slots = more;
		t->size = size;
	}
	return i;
}

static s64 object_new(enum sysv_kind kind, s32 key, u64 size, u32 flags)
{
	struct table *t = &tables[kind];
	const struct cred *c = current()->cred;
	struct sysv_object *o;
	s32 at = place_find(t);
	int err;

	if (at < 0)
		return at;
	o = kzalloc(t->type->size);
	if (!o)
		return -ENOMEM;
	if (at <= t->last)
		t->sequence = (t->sequence + 1) & SEQUENCE_MAX;
	t->last = at;
	o->refs = 1;
	o->kind = kind;
	o->id = t->sequence << INDEX_BITS | at;
	o->perm = (struct ipc64_perm){ .key = key, .uid = c->euid, .gid = c->egid, .cuid = c->euid, .cgid = c->egid,
				       .mode = flags & 0777, .seq = t->sequence };
	o->changed = sysv_now();
	wait_queue_init(&o->wait, "sysv ipc wait");
	err = t->type->create(o, size, flags);
	if (err) {
		kfree(o);
		return err;
	}
	t->slots[at] = o;
	t->used++;
	return o->id;
}

s64 sysv_get(enum sysv_kind kind, s32 key, u64 size, u32 flags)
{
	struct sysv_object *o;
	s64 r;

	mutex_lock(&sysv_lock);
	o = key == IPC_PRIVATE ? NULL : key_find(&tables[kind], key);
	if (!o) {
		r = key != IPC_PRIVATE && !(flags & IPC_CREAT) ? -ENOENT : object_new(kind, key, size, flags);
	} else if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) {
		r = -EEXIST;
	} else {
		r = tables[kind].type->check(o, size);
		if (!r)
			r = sysv_permission(o, flags & 0777);
		if (!r)
			r = o->id;
	}
	mutex_unlock(&sysv_lock);
	return r;
}

void sysv_put(struct sysv_object *o)
{
	if (--o->refs)
		return;
	tables[o->kind].type->destroy(o);
	kfree(o);
}

void sysv_changed(struct sysv_object *o)
{
	atomic_add(&o->changes, 1);
	wait_wake_all(&o->wait);
}

void sysv_remove(struct sysv_object *o)
{
	struct table *t = &tables[o->kind];

	t->slots[o->id & (INDEX_MAX - 1)] = NULL;
	t->used--;
	WRITE_ONCE(o->gone, true);
	sysv_changed(o);
	sysv_put(o);
}

int sysv_wait(struct sysv_object *o, u64 deadline)
{
	u64 seen = atomic_load(&o->changes);
	int err;

	mutex_unlock(&sysv_lock);
	err = wait_event_deadline(&o->wait, atomic_load(&o->changes) != seen, deadline);
	mutex_lock(&sysv_lock);
	return o->gone ? -EIDRM : err;
}

s32 sysv_last_index(enum sysv_kind kind)
{
	s32 i = tables[kind].size;

	while (--i > 0 && !tables[kind].slots[i])
		;
	return MAX(i, 0);
}

u32 sysv_count(enum sysv_kind kind)
{
	return tables[kind].used;
}

void sysv_for_each(enum sysv_kind kind, void (*fn)(struct sysv_object *o, void *arg), void *arg)
{
	for (u32 i = 0; i < tables[kind].size; i++)
		if (tables[kind].slots[i])
			fn(tables[kind].slots[i], arg);
}

/* ---- /proc ---- */

static void line_show(struct sysv_object *o, void *text)
{
	text_printf(text, "%10d %10d  %4o ", o->perm.key, o->id, o->perm.mode);
	tables[o->kind].type->show(text, o);
}

static void table_show(struct text_out *t, void *table)
{
	const struct table *of = table;

	text_printf(t, "%s\n", of->type->title);
	mutex_lock(&sysv_lock);
	sysv_for_each(of - tables, line_show, t);
	mutex_unlock(&sysv_lock);
}

static void limit_show(struct text_out *t, void *limit)
{
	const struct sysv_limit *l = limit;

	for (u32 i = 0; i < l->count; i++)
		text_printf(t, i ? "\t%llu" : "%llu", (unsigned long long)READ_ONCE(l->values[i]));
	text_char(t, '\n');
}

static int limit_store(const char *text, size_t len, void *limit)
{
	const struct sysv_limit *l = limit;
	u64 v[4];

	for (u32 i = 0; i < l->count; i++) {
		while (*text == ' ' || *text == '\t')
			text++;
		if (parse_u64(text, &text, 10, &v[i]) || v[i] > l->max)
			return -EINVAL;
	}
	for (u32 i = 0; i < l->count; i++)
		WRITE_ONCE(l->values[i], v[i]);
	return 0;
}

void sysv_limits_register(const struct sysv_limit *l, u32 n)
{
	static const struct proc_entry_ops ops = { .show = limit_show, .store = limit_store };

	for (u32 i = 0; i < n; i++)
		(void)proc_register(l[i].path, &ops, (void *)&l[i]);
}

void sysv_register(enum sysv_kind kind, const struct sysv_type *type)
{
	static const struct proc_entry_ops ops = { .show = table_show };

	tables[kind].type = type;
	(void)proc_register(type->path, &ops, &tables[kind]);
}
