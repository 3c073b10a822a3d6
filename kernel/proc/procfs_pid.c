/*
 * /proc/PID: the directories of processes and threads, their links and
 * descriptors, proc(5). Nothing of it is kept: each look-up makes what it
 * finds anew, and it goes with its last user; a process that has gone is no
 * longer found.
 *
 * Called by fs/procfs.c through proc_pid_ops.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/fdtable.h"
#include "fs/file_internal.h"
#include "fs/pipe.h"
#include "mm/slab.h"
#include "proc/procfs_pid.h"

#define INO_TASK	0x8000u
#define INO_FD		0x1000u
#define INO_FDINFO	0x4000u

static const struct vnode_ops task_ops, fd_dir_ops, fdinfo_dir_ops, fd_ops;
static const struct file_ops task_fops, fd_dir_fops;

static struct pid_node *node_of(struct vnode *v)
{
	return container_of(v, struct pid_node, v);
}

static struct pid_node *node_of_file(struct file *f)
{
	return node_of(f->vnode);
}

struct thread *pid_node_thread(const struct pid_node *n)
{
	struct thread *t;

	if (!n->tid)
		return process_any_thread(n->p);
	t = pid_find_thread(n->tid);
	if (t && t->process != n->p) {
		thread_put(t);
		t = NULL;
	}
	return t;
}

struct fd_table *thread_files(struct process *p, struct thread *t)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct fd_table *files = t->files;

	if (files)
		fd_table_get(files);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return files;
}

struct fs_context *thread_fs(struct process *p, struct thread *t)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct fs_context *fs = t->fs;

	if (fs)
		fs_context_get(fs);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return fs;
}

bool process_may_look(struct process *p)
{
	const struct cred *c = current()->cred, *of;
	bool ok;
	u64 flags;

	if (!c || cred_capable(c, CAP_SYS_PTRACE) || p == process_current())
		return true;
	flags = spin_lock_irqsave(&pids_lock);
	of = p->cred;
	ok = of && p->dumpable && cred_is(of, c->fsuid, c->fsgid) && !(of->cap_permitted & ~c->cap_effective);
	spin_unlock_irqrestore(&pids_lock, flags);
	return ok;
}

static void node_release(struct vnode *v)
{
	process_put(node_of(v)->p);
	kfree(node_of(v));
}

/* A dentry over a new node in dir; err_ptr(-ENOMEM). */
static struct dentry *node_new(struct dentry *dir, const char *name, u32 len, struct process *p, s32 tid,
			       const struct vnode_ops *ops, const struct file_ops *fops, u32 mode, u64 ino)
{
	struct pid_node *n = kzalloc(sizeof(*n));
	struct dentry *d;
	u64 flags;

	if (!n)
		return err_ptr(-ENOMEM);
	vnode_init(&n->v, dir->sb, ops, mode);
	n->v.fops = fops;
	n->v.ino = ino;
	process_get(p);
	n->p = p;
	n->tid = tid;
	flags = spin_lock_irqsave(&pids_lock);
	n->v.uid = p->cred && p->dumpable ? p->cred->euid : 0;
	n->v.gid = p->cred && p->dumpable ? p->cred->egid : 0;
	spin_unlock_irqrestore(&pids_lock, flags);
	if (S_ISDIR(mode))
		n->v.nlink = 2;
	d = dentry_new(dir->sb, dir, name, len, &n->v);
	return d ? d : err_ptr(-ENOMEM);
}

/* ---- links ---- */

static int exe_follow(struct vnode *v, struct path *out)
{
	struct process *p = node_of(v)->p;
	u64 flags;
	int err = -ENOENT;

	if (!process_may_look(p))
		return -EACCES;
	flags = spin_lock_irqsave(&p->sig.lock);
	if (p->exe) {
		*out = *p->exe;
		path_get(out);
		err = 0;
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return err;
}

static int context_follow(struct vnode *v, struct path *out, void (*get)(struct fs_context *, struct path *))
{
	struct pid_node *n = node_of(v);
	struct fs_context *fs;
	struct thread *t;

	if (!process_may_look(n->p))
		return -EACCES;
	t = pid_node_thread(n);
	if (!t)
		return -ENOENT;
	fs = thread_fs(n->p, t);
	thread_put(t);
	if (!fs)
		return -ENOENT;
	get(fs, out);
	fs_context_put(fs);
	return 0;
}

static int cwd_follow(struct vnode *v, struct path *out)
{
	return context_follow(v, out, fs_context_cwd);
}

static int root_follow(struct vnode *v, struct path *out)
{
	return context_follow(v, out, fs_context_root);
}

static int entry_follow(struct vnode *v, struct path *out)
{
	return node_of(v)->entry->follow(v, out);
}

static int entry_open(struct vnode *v, struct file *f)
{
	if ((!node_of(v)->entry || node_of(v)->entry->looks) && !process_may_look(node_of(v)->p))
		return -EACCES;
	return f->ops ? 0 : text_file_open(f, &node_of(v)->source);
}

static const struct vnode_ops file_ops_ = { .open = entry_open, .release = node_release };
static const struct vnode_ops link_ops = { .follow = entry_follow, .release = node_release };

/* ---- the directory of a process, and of a thread ---- */

#define FILE(nm, md, fn)	{ .name = nm, .mode = S_IFREG | (md), .show = fn }
#define INNER(nm, md, fn)	{ .name = nm, .mode = S_IFREG | (md), .looks = true, .show = fn }
#define LINK(nm, fn)		{ .name = nm, .mode = S_IFLNK | 0777, .follow = fn }
#define DIR(nm, md, ops, fops)	{ .name = nm, .mode = S_IFDIR | (md), .dir = &ops, .dir_fops = &fops }

/* The last is for processes only: a thread has no tasks of its own. */
static const struct pid_entry entries[] = {
	FILE("stat", 0444, pid_stat_show), FILE("status", 0444, pid_status_show), FILE("statm", 0444, pid_statm_show),
	FILE("cmdline", 0444, pid_cmdline_show), INNER("environ", 0400, pid_environ_show),
	INNER("auxv", 0400, pid_auxv_show),
	{ .name = "comm", .mode = S_IFREG | 0644, .show = pid_comm_show, .store = pid_comm_store },
	INNER("maps", 0444, pid_maps_show), INNER("smaps", 0444, pid_smaps_show),
	INNER("smaps_rollup", 0444, pid_smaps_rollup_show),
	FILE("limits", 0444, pid_limits_show),
	FILE("mounts", 0444, pid_mounts_show), FILE("mountinfo", 0444, pid_mountinfo_show),
	FILE("cgroup", 0444, pid_cgroup_show), FILE("wchan", 0444, pid_wchan_show),
	INNER("io", 0400, pid_io_show),
	{ .name = "oom_score_adj", .mode = S_IFREG | 0644, .show = pid_oom_score_adj_show,
		.store = pid_oom_score_adj_store },
	FILE("oom_score", 0444, pid_oom_score_show),
	{ .name = "coredump_filter", .mode = S_IFREG | 0644, .show = pid_coredump_filter_show,
		.store = pid_coredump_filter_store },
	LINK("exe", exe_follow), LINK("cwd", cwd_follow), LINK("root", root_follow),
	DIR("fd", 0500, fd_dir_ops, fd_dir_fops), DIR("fdinfo", 0555, fdinfo_dir_ops, fd_dir_fops),
	DIR("task", 0555, task_ops, task_fops),
};

static u64 entry_ino(const struct pid_node *n, u32 i)
{
	return PROC_PID_INO(n->tid ? n->tid : n->p->pid) + (n->tid ? INO_TASK : 0) + 1 + i;
}

static u32 entry_count(const struct pid_node *n)
{
	return ARRAY_SIZE(entries) - (n->tid != 0);
}

/* What Linux says of a process's file that only tells; of the system's files it says EIO. */
static int refuse_store(const char *text, size_t len, void *node)
{
	return -EINVAL;
}

/* Once more at each reading: an exec since the opening may have given the process other rights. */
static void inner_show(struct text_out *t, void *node)
{
	struct pid_node *n = node;

	if (process_may_look(n->p))
		n->entry->show(t, n);
}

static struct dentry *dir_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct pid_node *n = node_of(dir->vnode), *made;
	struct dentry *d;

	if (!process_is_found(n->p))
		return err_ptr(-ENOENT);
	for (u32 i = 0; i < entry_count(n); i++) {
		const struct pid_entry *e = &entries[i];

		if (strlen(e->name) != len || memcmp(e->name, name, len))
			continue;
		d = node_new(dir, name, len, n->p, n->tid, e->dir ? e->dir : e->follow ? &link_ops : &file_ops_,
			     e->dir_fops, e->mode, entry_ino(n, i));
		if (!is_err(d)) {
			made = node_of(d->vnode);
			made->entry = e;
			made->source = (struct text_source){ e->looks ? inner_show : e->show, e->store ? e->store : refuse_store,
				made };
		}
		return d;
	}
	return err_ptr(-ENOENT);
}

static bool dots_emit(struct file *f, struct dir_sink *sink)
{
	if (f->pos == 0) {
		if (!sink->emit(sink, ".", 1, f->vnode->ino, S_IFDIR, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->emit(sink, "..", 2, f->path->dentry->parent->vnode->ino, S_IFDIR, 2))
			return false;
		f->pos = 2;
	}
	return true;
}

static int dir_readdir(struct file *f, struct dir_sink *sink)
{
	struct pid_node *n = node_of_file(f);

	if (!process_is_found(n->p))
		return -ENOENT;
	if (!dots_emit(f, sink))
		return 0;
	for (u64 i = f->pos - 2; i < entry_count(n); i++) {
		if (!sink->emit(sink, entries[i].name, strlen(entries[i].name), entry_ino(n, i), entries[i].mode, i + 3))
			return 0;
		f->pos = i + 3;
	}
	return 0;
}

static const struct vnode_ops dir_ops = { .lookup = dir_lookup, .release = node_release };
static const struct vnode_ops tid_ops = { .lookup = dir_lookup, .release = node_release };
static const struct file_ops dir_fops = { .seek = file_seek_vnode, .readdir = dir_readdir };
static const struct file_ops tid_fops = { .seek = file_seek_vnode, .readdir = dir_readdir };

struct process *pid_directory_process(const struct file *f)
{
	return f->ops == &dir_fops ? node_of(f->vnode)->p : NULL;
}

/* A decimal number without leading zeros, below 2^31. */
static bool number_parse(const char *name, u32 len, u32 *out)
{
	u64 v = 0;

	if (!len || len > 10 || (name[0] == '0' && len > 1))
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (name[i] - '0');
	}
	*out = v;
	return v <= 0x7fffffff;
}

/* ---- task/ ---- */

static struct dentry *task_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct pid_node *n = node_of(dir->vnode);
	struct thread *t;
	u32 tid;
	bool ours;

	if (!number_parse(name, len, &tid))
		return err_ptr(-ENOENT);
	t = pid_find_thread(tid);
	ours = t && t->process == n->p;
	if (t)
		thread_put(t);
	if (!ours)
		return err_ptr(-ENOENT);
	return node_new(dir, name, len, n->p, tid, &tid_ops, &tid_fops, S_IFDIR | 0555, PROC_PID_INO(tid) + INO_TASK);
}

/* The least tid >= from of a process, 0: none. */
static s32 task_next(struct process *p, s32 from)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct thread *t;
	s32 best = 0;

	list_for_each(t, &p->sig.threads, process_node)
		if (t->tid >= from && (!best || t->tid < best))
			best = t->tid;
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return best;
}

static int task_readdir(struct file *f, struct dir_sink *sink)
{
	struct pid_node *n = node_of_file(f);
	char name[12];
	s32 tid;

	if (!dots_emit(f, sink))
		return 0;
	while ((tid = task_next(n->p, MAX((s64)f->pos - 2, 1l)))) {
		int len = snprintf(name, sizeof(name), "%d", tid);

		if (!sink->emit(sink, name, len, PROC_PID_INO(tid) + INO_TASK, S_IFDIR, tid + 3))
			return 0;
		f->pos = tid + 3;
	}
	return 0;
}

static const struct vnode_ops task_ops = { .lookup = task_lookup, .release = node_release };
static const struct file_ops task_fops = { .seek = file_seek_vnode, .readdir = task_readdir };

/* ---- fd/ ---- */

/* The open file, referenced, or NULL. */
static struct file *fd_file(const struct pid_node *n, u32 fd, bool *cloexec)
{
	struct thread *t = pid_node_thread(n);
	struct fd_table *files = t ? thread_files(n->p, t) : NULL;
	struct file *f = NULL;

	if (files && fd_next(files, fd, &f) != (int)fd && f) {
		file_put(f);
		f = NULL;
	}
	if (f && cloexec)
		*cloexec = fd_is_cloexec(files, fd);
	fd_table_put(files);
	if (t)
		thread_put(t);
	return f;
}

struct file *pid_node_file(const struct pid_node *n, bool *cloexec)
{
	return fd_file(n, n->fd, cloexec);
}

static u64 fd_ino(const struct pid_node *n, const struct vnode *dir, u32 fd)
{
	return PROC_PID_INO(n->tid ? n->tid : n->p->pid) + (dir->ops == &fdinfo_dir_ops ? INO_FDINFO : INO_FD) + fd;
}

/* What Linux says of a link to a descriptor: a file's name may be longer, and is. */
enum { FD_LINK_SIZE = 64 };

static struct dentry *fd_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct pid_node *n = node_of(dir->vnode);
	bool info = dir->vnode->ops == &fdinfo_dir_ops;
	struct dentry *d;
	struct file *f;
	u32 fd, mode;

	if (!process_may_look(n->p))
		return err_ptr(-EACCES);
	if (!number_parse(name, len, &fd) || !(f = fd_file(n, fd, NULL)))
		return err_ptr(-ENOENT);
	mode = S_IFLNK | (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0);
	file_put(f);
	d = node_new(dir, name, len, n->p, n->tid, info ? &file_ops_ : &fd_ops, NULL, info ? S_IFREG | 0444 : mode,
		     fd_ino(n, dir->vnode, fd));
	if (!is_err(d)) {
		struct pid_node *made = node_of(d->vnode);

		made->fd = fd;
		if (!info)
			d->vnode->size = FD_LINK_SIZE;
		made->source = (struct text_source){ pid_fdinfo_show, refuse_store, made };
	}
	return d;
}

static int fd_readdir(struct file *f, struct dir_sink *sink)
{
	struct pid_node *n = node_of_file(f);
	struct fd_table *files;
	struct thread *t;
	struct file *open;
	char name[12];
	int fd;

	if (!process_may_look(n->p))
		return -EACCES;
	if (!dots_emit(f, sink))
		return 0;
	t = pid_node_thread(n);
	files = t ? thread_files(n->p, t) : NULL;
	while (files && (fd = fd_next(files, f->pos - 2, &open)) >= 0) {
		int len = snprintf(name, sizeof(name), "%d", fd);

		file_put(open);
		if (!sink->emit(sink, name, len, fd_ino(n, f->vnode, fd),
				f->vnode->ops == &fdinfo_dir_ops ? S_IFREG : S_IFLNK, fd + 3))
			break;
		f->pos = fd + 3;
	}
	fd_table_put(files);
	if (t)
		thread_put(t);
	return 0;
}

/* A file with a path leads there, opened anew; others have only a text. */
static int fd_follow(struct vnode *v, struct path *out)
{
	struct pid_node *n = node_of(v);
	struct file *f;
	int err;

	if (!process_may_look(n->p))
		return -EACCES;
	f = fd_file(n, n->fd, NULL);
	if (!f)
		return -ENOENT;
	if (f->path) {
		*out = *f->path;
		path_get(out);
		err = 0;
	} else {
		err = pipe_path(f, out);	/* -ENXIO for all others, as for sockets on Linux */
	}
	file_put(f);
	return err;
}

static s64 fd_readlink(struct vnode *v, char *buf, size_t size)
{
	struct pid_node *n = node_of(v);
	const char *kind;
	struct file *f;
	char *text;
	s64 len;

	if (!process_may_look(n->p))
		return -EACCES;
	f = fd_file(n, n->fd, NULL);
	if (!f)
		return -ENOENT;
	if (f->path) {
		text = path_format(f->path, buf, size);
		len = is_err(text) ? ptr_err(text) : (s64)strlen(text);
		if (len > 0)
			memmove(buf, text, len);
	} else {
		kind = f->ops->kind ? f->ops->kind : "anon_inode";
		len = strchr(kind, ':') ? scnprintf(buf, size, "%s", kind) :
			scnprintf(buf, size, "%s:[%llu]", kind, (unsigned long long)file_anon_id(f));
	}
	file_put(f);
	return len;
}

static const struct vnode_ops fdinfo_dir_ops = { .lookup = fd_lookup, .release = node_release };
static const struct vnode_ops fd_dir_ops = { .lookup = fd_lookup, .release = node_release };
static const struct file_ops fd_dir_fops = { .seek = file_seek_vnode, .readdir = fd_readdir };
static const struct vnode_ops fd_ops = { .readlink = fd_readlink, .follow = fd_follow, .release = node_release };

/* ---- the root's view ---- */

static struct dentry *pid_lookup(struct dentry *root, u32 pid)
{
	struct process *p = process_find(pid);
	struct dentry *d;
	char name[12];

	if (!p)
		return err_ptr(-ENOENT);
	d = node_new(root, name, snprintf(name, sizeof(name), "%u", pid), p, 0, &dir_ops, &dir_fops,
		     S_IFDIR | 0555, PROC_PID_INO(pid));
	process_put(p);
	return d;
}

static s32 pid_next(s32 from)
{
	struct process *p = process_next(MAX(from, 1));
	s32 pid = p ? p->pid : -1;

	if (p)
		process_put(p);
	return pid;
}

static s64 pid_self(char *buf, size_t size, bool thread)
{
	struct thread *t = current();

	if (!t->process)
		return -ENOENT;
	return thread ? scnprintf(buf, size, "%d/task/%d", t->process->pid, t->tid) :
		scnprintf(buf, size, "%d", t->process->pid);
}

static const struct proc_pid_ops ops = { .lookup = pid_lookup, .next = pid_next, .self = pid_self };
static struct proc_stat_source counters = { .show = proc_counters_show };

static int procfs_pid_start(void)
{
	proc_pid_register(&ops);
	proc_stat_register(&counters);
	return 0;
}
INIT(procfs_pid, INIT_PROC, procfs_pid_start);
