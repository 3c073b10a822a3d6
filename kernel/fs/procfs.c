/*
 * /proc: the tree that others register in, and its root, which also asks
 * proc/ for the processes. The system's own entries are in procfs_system.c.
 */
#include <linux/magic.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/attrfs.h"
#include "fs/file_internal.h"
#include "fs/init.h"
#include "fs/path.h"
#include "fs/procfs_internal.h"
#include "mm/slab.h"

#define PIDS_POS	0x100000000ull	/* readdir positions from here on: processes by number */
#define SELF_INO(thread) (2 + (thread))

static struct superblock *procfs;
static const struct proc_pid_ops *pids;
static struct proc_stat_source *stat_sources;	/* in order of registration; never removed */

static const struct vnode_ops root_ops;

/* Settings and what the network says: their rights bind root too, as on Linux. */
static bool is_strict(const char *path)
{
	return !strncmp(path, "sys/", 4) || !strncmp(path, "net/", 4);
}

int proc_register(const char *path, const struct proc_entry_ops *ops, void *arg)
{
	struct attr_file what = {
		.mode = S_IFREG | (ops->mode ? ops->mode : ops->store ? 0644 : 0444),
		.source = { ops->show, ops->store, arg },
		.fops = ops->fops,
		.strict = is_strict(path),
	};

	return attrfs_add(procfs, path, &what);
}

/* The show function without an argument is kept as the argument. */
static void show_plain(struct text_out *t, void *show)
{
	((void (*)(struct text_out *))show)(t);
}

int proc_register_file(const char *path, void (*show)(struct text_out *))
{
	struct attr_file what = {
		.mode = S_IFREG | 0444, .source = { show_plain, NULL, (void *)show }, .strict = is_strict(path),
	};

	return attrfs_add(procfs, path, &what);
}

int proc_register_link(const char *path, const char *target)
{
	return attrfs_add(procfs, path, &(struct attr_file){ .mode = S_IFLNK | 0777, .target = target });
}

int proc_register_dir(const char *path)
{
	return attrfs_add(procfs, path, &(struct attr_file){ .mode = S_IFDIR | 0555 });
}

void proc_unregister(const char *path)
{
	attrfs_remove(procfs, path);
}

void proc_stat_register(struct proc_stat_source *s)
{
	struct proc_stat_source **link = &stat_sources;

	while (*link)
		link = &(*link)->next;
	s->next = NULL;
	atomic_store(link, s);
}

void proc_stat_sources_show(struct text_out *t)
{
	for (struct proc_stat_source *s = atomic_load(&stat_sources); s; s = atomic_load(&s->next))
		s->show(t);
}

/* self and thread-self: links whose text depends on who reads them. */
static s64 self_readlink(struct vnode *v, char *buf, size_t size)
{
	return pids->self(buf, size, v->rdev);
}

static const struct vnode_ops self_ops = { .readlink = self_readlink, .release = attrfs_release };

static struct dentry *self_new(struct dentry *root, const char *name, u32 len, bool thread)
{
	struct attr_file what = { .mode = S_IFLNK | 0777, .ops = &self_ops };
	struct dentry *d = attrfs_child(root, name, len, &what);

	if (!is_err(d))
		d->vnode->rdev = thread;
	return d;
}

bool proc_number_parse(const char *name, u32 len, u32 *number)
{
	u32 v = 0;

	if (len == 0 || len > 9 || name[0] == '0')
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (name[i] - '0');
	}
	*number = v;
	return true;
}

static struct dentry *root_lookup(struct dentry *root, const char *name, u32 len)
{
	u32 pid;

	if (!pids)
		return err_ptr(-ENOENT);
	if (proc_number_parse(name, len, &pid))
		return pids->lookup(root, pid);
	if (len == 4 && !memcmp(name, "self", 4))
		return self_new(root, name, len, false);
	if (len == 11 && !memcmp(name, "thread-self", 11))
		return self_new(root, name, len, true);
	return err_ptr(-ENOENT);
}

static int root_readdir(struct file *f, struct dir_sink *sink)
{
	char name[12];
	s32 pid;

	if (f->pos < PIDS_POS) {
		struct dir_tail tail = { .sink.emit = dir_tail_emit, .to = sink };
		int err = dentry_readdir(f, &tail.sink);

		if (err || tail.full)
			return err;
		if (pids && (!sink->emit(sink, "self", 4, SELF_INO(0), S_IFLNK, f->pos) ||
			     !sink->emit(sink, "thread-self", 11, SELF_INO(1), S_IFLNK, PIDS_POS)))
			return 0;
		f->pos = PIDS_POS;
	}
	while (pids && (pid = pids->next(f->pos - PIDS_POS)) >= 0) {
		int len = snprintf(name, sizeof(name), "%d", pid);

		if (!sink->emit(sink, name, len, PROC_PID_INO(pid), S_IFDIR, PIDS_POS + pid + 1))
			return 0;
		f->pos = PIDS_POS + pid + 1;
	}
	return 0;
}

bool dir_tail_emit(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 pos_after)
{
	struct dir_tail *tail = container_of(s, struct dir_tail, sink);

	if (tail->to->emit(tail->to, name, len, ino, mode, pos_after))
		return true;
	tail->full = true;
	return false;
}

static const struct vnode_ops root_ops = {
	.lookup = root_lookup,
	.setattr = attrfs_setattr,
	.release = attrfs_release,
};

static const struct file_ops root_fops = { .seek = file_seek_vnode, .readdir = root_readdir };

void proc_pid_register(const struct proc_pid_ops *ops)
{
	atomic_store(&pids, ops);
}

static struct superblock *procfs_mount(const struct fs_type *type, const char *source, const char *options)
{
	ref_get(&procfs->refs);
	return procfs;
}

static struct fs_type procfs_type = { .name = "proc", .nodev = true, .mount = procfs_mount };

int procfs_init(void)
{
	procfs = attrfs_make(&procfs_type, PROC_SUPER_MAGIC, &root_ops, &root_fops);
	if (!procfs)
		return -ENOMEM;
	fs_type_register(&procfs_type);
	return procfs_system_init(procfs);
}
