/*
 * The texts of /proc/PID, proc(5): each in the format that Linux's programs
 * (ps, top, pgrep, mount, free) parse. What this kernel does not keep is shown
 * as zero, where Linux shows numbers of its own workings.
 */
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/percpu.h"
#include "fs/cpu_text.h"
#include "fs/devfs.h"
#include "fs/fdtable.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/procfs_pid.h"
#include "sched/user.h"
#include "tty/session.h"
#include "vm/vm_space.h"

#define LL(x)		((unsigned long long)(x))
#define PAGES_KIB(n)	LL((n) * (PAGE_SIZE / 1024))
#define STRINGS_MAX	(2ul << 20)	/* as execve's limit */

void proc_counters_show(struct text_out *t)
{
	struct proc_stats s;

	proc_stats_get(&s);
	text_printf(t, "processes %llu\nforks %llu\nexecs %llu\nsyscalls %llu\n", LL(s.forks), LL(s.forks), LL(s.execs),
		    LL(s.syscalls));
}

/* What several texts need of a process, gathered once. */
struct view {
	char name[16];
	s32 pid, ppid, group, session;
	char state;
	u32 threads;
	u64 pending, shared_pending, blocked, ignored, caught;
	u32 uid[4], gid[4];		/* real, effective, saved, file system */
	u32 group_count;
	u64 caps[5];			/* inheritable, permitted, effective, bounding, ambient */
	struct process_usage usage;
	u64 start_ns;
	u64 size, rss, rss_peak, data, stack, exec, locked, tables;	/* pages */
	u64 start_brk, arg_start, arg_end, env_start, env_end;
	s32 nice;
	u32 cpu, policy, rt_priority, exit_status;
};

static char state_letter(const struct thread *t)
{
	switch ((enum thread_state)READ_ONCE(t->state)) {
	case THREAD_RUNNABLE: return 'R';
	case THREAD_SLEEPING: return 'S';
	case THREAD_SLEEPING_DEEP: return 'D';
	case THREAD_STOPPED: return 'T';
	case THREAD_DEAD: break;
	}
	return 'Z';
}

static void signals_view(struct process *p, struct thread *t, struct view *v)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	v->threads = p->sig.thread_count;
	v->shared_pending = p->sig.pending;
	if (t) {
		v->pending = t->sig_pending;
		v->blocked = t->sig_blocked;
	}
	for (u32 i = 0; p->actions && i < 64; i++) {
		u64 handler = p->actions->action[i].handler;

		if (handler == (u64)SIG_IGN)
			v->ignored |= 1ull << i;
		else if (handler != (u64)SIG_DFL)
			v->caught |= 1ull << i;
	}
	if (p->sig.stopped && v->state == 'S')
		v->state = 'T';
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

static void relatives_view(struct process *p, struct view *v)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	const struct cred *c = p->cred;

	v->ppid = p->parent ? p->parent->pid : 0;
	v->group = p->sig.pgrp ? p->sig.pgrp->number : 0;
	v->session = p->sig.session ? p->sig.session->number : 0;
	v->exit_status = p->exit_status;
	if (p->zombie) {
		v->state = 'Z';
		memcpy(v->name, p->name, sizeof(v->name));
	}
	if (c) {
		u32 uids[4] = { c->uid, c->euid, c->suid, c->fsuid }, gids[4] = { c->gid, c->egid, c->sgid, c->fsgid };

		memcpy(v->uid, uids, sizeof(uids));
		memcpy(v->gid, gids, sizeof(gids));
		v->group_count = c->group_count;
		v->caps[0] = c->cap_inheritable;
		v->caps[1] = c->cap_permitted;
		v->caps[2] = c->cap_effective;
		v->caps[3] = c->cap_bounding;
		v->caps[4] = c->cap_ambient;
	}
	spin_unlock_irqrestore(&pids_lock, flags);
}

static void memory_view(struct process *p, struct view *v)
{
	struct vm_space *s = process_space(p);

	if (!s)
		return;
	mutex_lock(&s->lock);
	v->size = s->pages_total;
	v->rss = s->pages_rss;
	v->rss_peak = MAX(s->rss_peak, s->pages_rss);
	v->data = s->pages_data;
	v->stack = s->pages_stack;
	v->exec = s->pages_exec;
	v->locked = s->pages_locked;
	v->tables = s->table_count;
	v->start_brk = s->brk_start;
	v->arg_start = s->arg_start;
	v->arg_end = s->arg_end;
	v->env_start = s->env_start;
	v->env_end = s->env_end;
	mutex_unlock(&s->lock);
	vm_space_put(s);
}

static void view_get(const struct pid_node *n, struct view *v)
{
	struct process *p = n->p;
	struct thread *t = pid_node_thread(n);
	struct cpu_split split;

	memset(v, 0, sizeof(*v));
	v->pid = n->tid ? n->tid : p->pid;
	v->state = 'Z';
	if (t) {
		memcpy(v->name, t->name, sizeof(v->name));
		v->state = state_letter(t);
		v->nice = t->nice;
		v->cpu = t->cpu;
		v->policy = t->policy;
		v->rt_priority = t->rt_priority;
	}
	signals_view(p, t, v);
	relatives_view(p, v);
	memory_view(p, v);
	process_usage_get(p, &v->usage);
	v->start_ns = p->start_ns;
	if (n->tid && t) {
		process_thread_split(p, t, &split);
		v->usage.user_ns = split.user_ns;
		v->usage.system_ns = split.system_ns;
		v->start_ns = t->start_ns;
	}
	v->name[sizeof(v->name) - 1] = '\0';
	if (t)
		thread_put(t);
}

void pid_stat_show(struct text_out *t, void *node)
{
	struct pid_node *n = node;
	struct process *p = n->p;
	s32 foreground = -1;
	u64 tty = 0;
	struct view v;

	view_get(n, &v);
	if (!process_may_look(p))
		v.start_brk = v.arg_start = v.arg_end = v.env_start = v.env_end = v.exit_status = 0;
	tty_of_session(v.session, &tty, &foreground);
	text_printf(t, "%d (%s) %c %d %d %d %llu %d 0 %llu %llu %llu %llu ", v.pid, v.name, v.state, v.ppid, v.group,
		    v.session, LL(tty), foreground, LL(v.usage.minflt), LL(p->child_minflt), LL(v.usage.majflt),
		    LL(p->child_majflt));
	text_printf(t, "%llu %llu %llu %llu %d %d %u 0 %llu ", LL(v.usage.user_ns / CLOCK_TICK_NS),
		    LL(v.usage.system_ns / CLOCK_TICK_NS), LL(p->child_user_ns / CLOCK_TICK_NS),
		    LL(p->child_system_ns / CLOCK_TICK_NS),
		    v.rt_priority ? -1 - (s32)v.rt_priority : 20 + v.nice, v.nice, v.threads, LL(v.start_ns / CLOCK_TICK_NS));
	text_printf(t, "%llu %llu %llu 1 1 0 0 0 ", LL(v.size * PAGE_SIZE), LL(v.rss), LL(process_rlimit(p, RLIMIT_RSS)));
	text_printf(t, "%llu %llu %llu %llu 0 0 0 %d %u %u %u 0 0 0 0 0 %llu %llu %llu %llu %llu %u\n",
		    LL(v.pending & 0x7fffffff), LL(v.blocked & 0x7fffffff), LL(v.ignored & 0x7fffffff),
		    LL(v.caught & 0x7fffffff), SIGCHLD, v.cpu, v.rt_priority, v.policy,
		    LL(v.start_brk), LL(v.arg_start), LL(v.arg_end), LL(v.env_start), LL(v.env_end), v.exit_status);
}

static const char *state_words(char c)
{
	switch (c) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	}
	return "Z (zombie)";
}

static void groups_show(struct text_out *t, const struct pid_node *n)
{
	const struct cred *c = NULL;
	u64 flags = spin_lock_irqsave(&pids_lock);

	if (n->p->cred)
		c = cred_get(n->p->cred);
	spin_unlock_irqrestore(&pids_lock, flags);
	text_printf(t, "Groups:\t");
	for (u32 i = 0; c && i < c->group_count; i++)
		text_printf(t, "%u ", c->groups[i]);
	text_char(t, '\n');
	if (c)
		cred_put(c);
}

void pid_status_show(struct text_out *t, void *node)
{
	struct pid_node *n = node;
	struct thread *thread = pid_node_thread(n);
	struct fs_context *fs = thread ? thread_fs(n->p, thread) : NULL;
	struct view v;

	view_get(n, &v);
	text_printf(t, "Name:\t%s\n", v.name);
	if (fs)
		text_printf(t, "Umask:\t%04o\n", fs->umask);
	text_printf(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    state_words(v.state), n->p->pid, v.pid, v.ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", v.uid[0], v.uid[1], v.uid[2], v.uid[3],
		    v.gid[0], v.gid[1], v.gid[2], v.gid[3]);
	text_printf(t, "FDSize:\t64\n");
	groups_show(t, n);
	text_printf(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", n->p->pid, v.pid, v.group, v.session);
	if (v.size) {
		text_printf(t, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\n",
			    PAGES_KIB(v.size), PAGES_KIB(v.size), PAGES_KIB(v.locked), PAGES_KIB(v.rss_peak), PAGES_KIB(v.rss));
		text_printf(t, "VmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmPTE:\t%8llu kB\nVmSwap:\t%8llu kB\n",
			    PAGES_KIB(v.data), PAGES_KIB(v.stack), PAGES_KIB(v.exec), PAGES_KIB(v.tables), 0ull);
	}
	text_printf(t, "Threads:\t%u\nSigQ:\t%llu/%u\n", v.threads,
		    LL(user_has(n->p->sig.uid, USER_SIGNALS)), n->p->sig.queue_limit);
	text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		    LL(v.pending), LL(v.shared_pending), LL(v.blocked), LL(v.ignored), LL(v.caught));
	text_printf(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
		    LL(v.caps[0]), LL(v.caps[1]), LL(v.caps[2]), LL(v.caps[3]), LL(v.caps[4]));
	text_printf(t, "NoNewPrivs:\t%u\nSeccomp:\t0\n", n->p->no_new_privs);
	text_printf(t, "Cpus_allowed:\t");
	text_cpu_mask(t, thread ? thread->affinity : 1);
	text_printf(t, "\nCpus_allowed_list:\t");
	text_cpu_list(t, thread ? thread->affinity : 1);
	text_char(t, '\n');
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n", LL(v.usage.nvcsw),
		    LL(v.usage.nivcsw));
	fs_context_put(fs);
	if (thread)
		thread_put(thread);
}

void pid_statm_show(struct text_out *t, void *node)
{
	struct view v = { 0 };

	memory_view(((struct pid_node *)node)->p, &v);
	text_printf(t, "%llu %llu 0 %llu 0 %llu 0\n", LL(v.size), LL(v.rss), LL(v.exec), LL(v.data + v.stack));
}

/* A stretch of the process's own memory. */
static void memory_show(struct text_out *t, struct vm_space *s, u64 from, u64 to)
{
	size_t n = to > from ? MIN(to - from, STRINGS_MAX) : 0;
	char *copy = n ? kmalloc(n) : NULL;

	if (n && !copy)
		t->failed = true;
	if (copy)
		text_write(t, copy, vm_read_remote(s, from, copy, n));
	kfree(copy);
}

void pid_cmdline_show(struct text_out *t, void *node)
{
	struct vm_space *s = process_space(((struct pid_node *)node)->p);

	if (s) {
		memory_show(t, s, s->arg_start, s->arg_end);
		vm_space_put(s);
	}
}

void pid_environ_show(struct text_out *t, void *node)
{
	struct vm_space *s = process_space(((struct pid_node *)node)->p);

	if (s) {
		memory_show(t, s, s->env_start, s->env_end);
		vm_space_put(s);
	}
}

void pid_auxv_show(struct text_out *t, void *node)
{
	struct vm_space *s = process_space(((struct pid_node *)node)->p);

	if (s) {
		text_write(t, (char *)s->auxv, MIN(s->auxv_count, (u32)ARRAY_SIZE(s->auxv)) * sizeof(u64));
		vm_space_put(s);
	}
}

void pid_comm_show(struct text_out *t, void *node)
{
	struct view v;

	view_get(node, &v);
	text_printf(t, "%s\n", v.name);
}

int pid_comm_store(const char *text, size_t len, void *node)
{
	struct pid_node *n = node;
	struct thread *t;

	if (n->p != process_current())
		return -EINVAL;
	t = pid_node_thread(n);
	if (!t)
		return -ESRCH;
	strlcpy(t->name, text, sizeof(t->name));
	thread_put(t);
	return 0;
}

void pid_limits_show(struct text_out *t, void *node)
{
	static const struct { const char *name, *unit; u32 which; } rows[] = {
		{ "Max cpu time", "seconds", RLIMIT_CPU }, { "Max file size", "bytes", RLIMIT_FSIZE },
		{ "Max data size", "bytes", RLIMIT_DATA }, { "Max stack size", "bytes", RLIMIT_STACK },
		{ "Max core file size", "bytes", RLIMIT_CORE }, { "Max resident set", "bytes", RLIMIT_RSS },
		{ "Max processes", "processes", RLIMIT_NPROC }, { "Max open files", "files", RLIMIT_NOFILE },
		{ "Max locked memory", "bytes", RLIMIT_MEMLOCK }, { "Max address space", "bytes", RLIMIT_AS },
		{ "Max file locks", "locks", RLIMIT_LOCKS }, { "Max pending signals", "signals", RLIMIT_SIGPENDING },
		{ "Max msgqueue size", "bytes", RLIMIT_MSGQUEUE }, { "Max nice priority", "", RLIMIT_NICE },
		{ "Max realtime priority", "", RLIMIT_RTPRIO }, { "Max realtime timeout", "us", RLIMIT_RTTIME },
	};
	struct process *p = ((struct pid_node *)node)->p;

	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		text_printf(t, "%-25s", rows[i].name);
		for (u32 k = 0; k < 2; k++) {
			if (p->rlimits[rows[i].which][k] == RLIM_INFINITY)
				text_printf(t, " %-20s", "unlimited");
			else
				text_printf(t, " %-20llu", LL(p->rlimits[rows[i].which][k]));
		}
		text_printf(t, " %-10s\n", rows[i].unit);
	}
}

/* Each mount that the process can see, by fn. */
static void mounts_each(const struct pid_node *n, struct text_out *t,
			void (*fn)(struct text_out *, struct mount *, const char *where))
{
	char *buf = kmalloc(PATH_MAX_LEN), *where;
	struct thread *thread = pid_node_thread(n);
	struct fs_context *fs = thread ? thread_fs(n->p, thread) : NULL;
	struct mount *m = NULL;
	struct path root;

	if (!fs || !buf)
		goto out;
	fs_context_root(fs, &root);
	while ((m = mount_next(m))) {
		where = path_format_from(&(struct path){ m, m->root }, &root, buf, PATH_MAX_LEN);
		if (!is_err(where) && where[0] == '/')
			fn(t, m, where);
	}
	path_put(&root);
out:
	fs_context_put(fs);
	if (thread)
		thread_put(thread);
	kfree(buf);
}

static void mounts_line(struct text_out *t, struct mount *m, const char *where)
{
	char flags[96];

	mount_flags_format(m, flags, sizeof(flags));
	if (m->sb->read_only)
		memcpy(flags, "ro", 2);
	text_escaped(t, m->source);
	text_char(t, ' ');
	text_escaped(t, where);
	text_printf(t, " %s %s", m->sb->type->name, flags);
	if (m->sb->ops->show_options)
		m->sb->ops->show_options(m->sb, t);
	text_printf(t, " 0 0\n");
}

void pid_mounts_show(struct text_out *t, void *node)
{
	mounts_each(node, t, mounts_line);
}

static void mountinfo_line(struct text_out *t, struct mount *m, const char *where)
{
	char flags[96];

	char *buf = kmalloc(PATH_MAX_LEN), *root = buf ? dentry_format(m->root, buf, PATH_MAX_LEN) : NULL;

	mount_flags_format(m, flags, sizeof(flags));
	text_printf(t, "%u %u 0:%u ", m->id, m->parent->id, m->sb->dev);
	text_escaped(t, !root || is_err(root) ? "/" : root);
	text_char(t, ' ');
	kfree(buf);
	text_escaped(t, where);
	text_printf(t, " %s - %s ", flags, m->sb->type->name);
	text_escaped(t, m->source);
	text_printf(t, " %s", m->sb->read_only ? "ro" : "rw");
	if (m->sb->ops->show_options)
		m->sb->ops->show_options(m->sb, t);
	text_char(t, '\n');
}

void pid_mountinfo_show(struct text_out *t, void *node)
{
	mounts_each(node, t, mountinfo_line);
}

/* Where a thread sleeps is not told, as by a Linux without the names of its functions. */
void pid_wchan_show(struct text_out *t, void *node)
{
	text_char(t, '0');
}

void pid_io_show(struct text_out *t, void *node)
{
	struct pid_node *n = node;
	struct process *p = n->p;
	u64 flags = spin_lock_irqsave(&p->sig.lock), calls[2], bytes[2];
	struct thread *thread;

	for (u32 i = 0; i < 2; i++) {
		calls[i] = n->tid ? 0 : p->io_calls[i];
		bytes[i] = n->tid ? 0 : p->io_bytes[i];
		list_for_each(thread, &p->sig.threads, process_node) {
			if (n->tid && thread->tid != n->tid)
				continue;
			calls[i] += thread->io[i].calls;
			bytes[i] += thread->io[i].bytes;
		}
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	/* Files are memory: nothing is read from or written to a device. */
	text_printf(t, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: 0\nwrite_bytes: 0\n"
		    "cancelled_write_bytes: 0\n", LL(bytes[0]), LL(bytes[1]), LL(calls[0]), LL(calls[1]));
}

void pid_fdinfo_show(struct text_out *t, void *node)
{
	bool cloexec = false;
	struct file *f = pid_node_file(node, &cloexec);

	if (!f)
		return;
	text_printf(t, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%llu\n", (long long)f->pos,
		    f->flags | (cloexec ? O_CLOEXEC : 0), f->path ? f->path->mount->id : 0,
		    f->vnode ? LL(f->vnode->ino) : LL(file_anon_id(f)));
	if (f->ops->show)
		f->ops->show(f, t);
	file_put(f);
}

/* No control groups: the file is empty, as on a Linux without any mounted. */
void pid_cgroup_show(struct text_out *t, void *node)
{
}
