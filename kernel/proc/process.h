/*
 * Processes: what owns resources. Made by fork and exec, ended by exit,
 * forgotten by wait. Lock keys: [P] processes lock (tree, groups, sessions),
 * [s] signal lock, [S] set before the process runs, [a] atomic.
 */
#pragma once
#include "sched/cred.h"
#include "sched/signal.h"
#include "sched/wait.h"

struct tty; struct path;

struct process {
	u32 refs;			/* [a] */
	s32 pid, pgid, sid;		/* pid [S], others [P] */
	struct process *parent;		/* [P] */
	struct list_node children, sibling; /* [P] */
	struct list_node all_node, group_node; /* [P] */
	struct list_node threads;	/* thread.process_node [s] */
	u32 thread_count;		/* alive [s] */
	struct thread *leader;		/* first thread */
	struct wait_queue child_wait;	/* wait4 sleeps here */
	u32 exit_status;		/* as wait4 shows it [P] */
	bool zombie, exiting, stopped, continued, execed; /* [P] */
	bool subreaper;			/* [P] */
	s32 exit_signal;		/* to the parent, SIGCHLD [S] */
	struct tty *tty;		/* controlling terminal, by session [P] */
	struct path *exe;		/* /proc/PID/exe [P] */
	struct spinlock sig_lock;	/* irq kind: [s] */
	u64 sig_pending;		/* shared [s] */
	struct list_node sig_queue;	/* [s] */
	void *sig_actions;		/* 64 actions, proc-private [s] */
	u64 start_ns;
	u64 user_ns, system_ns, child_user_ns, child_system_ns; /* of ended threads; children [P] */
	u64 rlimits[16][2];		/* soft, hard [P]; torn reads are harmless */
	u64 minflt, majflt, nvcsw, nivcsw; /* [a] */
	char **init_envp;
};

extern struct process *init_process;	/* pid 1 */
/* The kernel's first program: becomes pid 1. Called by the init thread; on failure prints what was tried and why and panics. */
noreturn void process_start_init(void);
struct process *process_find(s32 pid);	/* referenced, or NULL */
void process_get(struct process *p);
void process_put(struct process *p);
/* In pid order, for /proc: first with pid >= from, referenced; NULL: none. */
struct process *process_next(s32 from);
static inline struct process *process_current(void) { return current()->process; }

struct proc_stats { u64 forks, execs, syscalls; u32 processes, threads; };
void proc_stats_get(struct proc_stats *s);
