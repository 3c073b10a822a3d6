/*
 * Shared by procfs_pid.c (the directories of a process) and procfs_show.c
 * (their texts).
 */
#pragma once
#include "fs/fs_context.h"
#include "fs/procfs.h"
#include "proc/process.h"

struct fd_table;

/* The vnode of anything below /proc/PID. */
struct pid_node {
	struct vnode v;
	struct text_source source;	/* its arg is this node */
	const struct pid_entry *entry;	/* NULL: a directory of numbers, or one of its members */
	struct process *p;		/* referenced */
	s32 tid;			/* below task/TID; 0: the process */
	u32 fd;				/* of fd/N */
};

struct pid_entry {
	const char *name;
	u32 mode;
	bool looks;			/* to be opened only by who may look into the process */
	void (*show)(struct text_out *, void *node);
	int (*store)(const char *text, size_t len, void *node);
	int (*follow)(struct vnode *, struct path *out);
	const struct vnode_ops *dir;
	const struct file_ops *dir_fops;
};

/* The thread that a node speaks of, referenced; NULL: gone. */
struct thread *pid_node_thread(const struct pid_node *n);
/* Of a thread of p that may be ending, and is nobody's then: referenced, or NULL. Any context. */
struct fd_table *thread_files(struct process *p, struct thread *t);
struct fs_context *thread_fs(struct process *p, struct thread *t);

void pid_stat_show(struct text_out *t, void *node);
void pid_status_show(struct text_out *t, void *node);
void pid_statm_show(struct text_out *t, void *node);
void pid_smaps_show(struct text_out *t, void *node);
void pid_smaps_rollup_show(struct text_out *t, void *node);
void pid_oom_score_adj_show(struct text_out *t, void *node);	/* these three: oom.c */
int pid_oom_score_adj_store(const char *text, size_t len, void *node);
void pid_oom_score_show(struct text_out *t, void *node);
void pid_coredump_filter_show(struct text_out *t, void *node);	/* these two: coredump.c */
int pid_coredump_filter_store(const char *text, size_t len, void *node);
void pid_cmdline_show(struct text_out *t, void *node);
void pid_environ_show(struct text_out *t, void *node);
void pid_auxv_show(struct text_out *t, void *node);
void pid_comm_show(struct text_out *t, void *node);
int pid_comm_store(const char *text, size_t len, void *node);
void pid_maps_show(struct text_out *t, void *node);
void pid_limits_show(struct text_out *t, void *node);
void pid_mounts_show(struct text_out *t, void *node);
void pid_mountinfo_show(struct text_out *t, void *node);
void pid_cgroup_show(struct text_out *t, void *node);
void pid_wchan_show(struct text_out *t, void *node);
void pid_io_show(struct text_out *t, void *node);
void pid_fdinfo_show(struct text_out *t, void *node);
/* The open file of n->fd, referenced, or NULL; *cloexec as its flag. */
struct file *pid_node_file(const struct pid_node *n, bool *cloexec);
/* Counters for /proc/stat. */
void proc_counters_show(struct text_out *t);
