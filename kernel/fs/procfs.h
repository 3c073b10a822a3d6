/*
 * /proc. Files outside the process directories are registered by whoever
 * knows their content; directories on the way are made. Names stay; nothing
 * is ever unregistered but what proc_unregister names.
 */
#pragma once
#include "fs/text.h"
#include "fs/vnode.h"

/* The whole text, made anew at each first read of an open. Process context, may sleep. */
int proc_register_file(const char *path, void (*show)(struct text_out *));

struct proc_entry_ops {
	u32 mode;			/* permissions; 0: 0444, with store 0644 */
	void (*show)(struct text_out *, void *arg);
	/* The written text, terminated, without its last newline: 0 or -errno. NULL: read-only */
	int (*store)(const char *text, size_t len, void *arg);
	const struct file_ops *fops;	/* instead of the two above */
};
/* 0, -EEXIST, -ENOMEM. ops and arg stay the caller's for good. Process context, once INIT_CORE is over. */
int proc_register(const char *path, const struct proc_entry_ops *ops, void *arg);
int proc_register_dir(const char *path);
int proc_register_link(const char *path, const char *target);
void proc_unregister(const char *path);	/* and everything below */

/*
 * The process directories: proc/ registers one set of operations. lookup and
 * readdir of /proc ask it for names that are numbers; what it gives are
 * dentries of its own making (dentry_new over vnodes of proc_vnode_new).
 */
struct proc_pid_ops {
	struct dentry *(*lookup)(struct dentry *proc_root, u32 pid);	/* err_ptr(-ENOENT) */
	s32 (*next)(s32 from);		/* the first process with pid >= from, or -1 */
	s64 (*self)(char *buf, size_t size, bool thread);	/* text of self and thread-self */
};
#define PROC_PID_INO(pid) (0x100000000ull + (u64)(pid) * 0x10000)	/* and the 64 Ki from there on are its own */
void proc_pid_register(const struct proc_pid_ops *ops);

/* Counters in Linux's /proc/stat that other floors add at its end: called in order of registration. */
struct proc_stat_source { void (*show)(struct text_out *); struct proc_stat_source *next; };
void proc_stat_register(struct proc_stat_source *s);

/* A file of the text kind on a vnode of somebody's own: sets v->fops and remembers show and arg. */
struct text_source {
	void (*show)(struct text_out *, void *arg);
	int (*store)(const char *text, size_t len, void *arg);
	void *arg;
};
/* For vnode_ops.open: makes f read src's text. src lives as long as f's vnode. */
int text_file_open(struct file *f, const struct text_source *src);
extern const struct file_ops text_file_ops;
