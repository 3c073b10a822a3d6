/*
 * Processes: what owns resources. Made by fork and exec, ended by exit,
 * forgotten by wait. Lock keys: [P] pids_lock (sched/pid.h: tree, groups, sessions),
 * [s] signal lock (p->sig.lock), [S] set before the process runs, [a] atomic.
 */
#pragma once
#include "sched/cred.h"
#include "sched/pid.h"
#include "sched/signal.h"
#include "sched/timer.h"
#include "sched/wait.h"

struct path; struct vm_space; struct signal_actions;

#define CLOCK_TICK_NS	10000000ull	/* a hundredth of a second: USER_HZ, in which programs read CPU time */

struct process {
	struct sched_signal sig;	/* first: floors below see this part alone */
	u32 refs;			/* [a] */
	s32 pid;			/* [S] */
	struct process *parent;		/* [P] */
	struct list_node children, sibling; /* [P] */
	struct thread *leader;		/* whose tid is pid; referenced until the process is a zombie [P] */
	struct wait_queue child_wait;	/* wait4 sleeps here */
	struct wait_queue exit_wait;	/* for the end of threads: execve for its others, pidfds for the last */
	u32 exit_status;		/* as wait4 shows it [s] */
	bool zombie;			/* [P] */
	bool execed;			/* [P] */
	bool subreaper;			/* [P] */
	bool stop_report, continue_report; /* not yet waited for [P] */
	s32 exit_signal;		/* to the parent, SIGCHLD [S] */
	s32 death_signal;		/* prctl: sent to it when its parent dies; 0: none [P] */
	struct path *exe;		/* /proc/PID/exe [s] */
	struct signal_actions *actions;	/* [s] */
	struct timer itimer_real;
	u64 itimer_interval[3];		/* ns: real, virtual, prof [s] */
	u64 itimer_expires[3];		/* clock_ns(), or CPU time at which it fires; 0: off [s] */
	struct rb_root timers;		/* of timer_create, by number [s] */
	s32 timer_next;			/* the number to try next [s] */
	struct spinlock watch_lock;	/* irq kind, inside any process's signal lock: guards the list, and the telling of it */
	struct list_node cpu_watches;	/* what waits for CPU time to be used [watch_lock] */
	u32 zombie_uid;			/* whom a zombie counts for: nproc.h [P] */
	struct cred const *cred;	/* of the leader as last set: what others check against [P] */
	u64 start_ns;
	struct cpu_time dead_time;	/* of ended threads [s] */
	struct cpu_split cpu_shown;	/* [s] */
	u64 child_user_ns, child_system_ns; /* [P] */
	u64 minflt, majflt, nvcsw, nivcsw; /* of ended threads [P] */
	u64 io_calls[2], io_bytes[2];	/* of ended threads, as thread.io [P] */
	u64 child_minflt, child_majflt, child_maxrss, maxrss;	/* [P] */
	u64 rlimits[16][2];		/* soft, hard [P]; torn reads are harmless */
	char name[16];			/* of the leader, for a zombie [P] */
	u32 personality;
	struct core_dump *core;		/* being written: ended threads wait [s] */
	u32 core_filter;		/* which memory goes into it; torn by nothing */
	bool no_new_privs, dumpable;
	bool sem_undos;			/* it has adjustments of semaphores: sysv_sem.c. Set under its lock, read at the end */
	s16 oom_score_adj, oom_score_adj_min;	/* what it is, and how far it may be lowered without rights [a] */
};

extern struct process *init_process;	/* pid 1 */
/* The kernel's first program: becomes pid 1. Called by the init thread; on failure prints what was tried and why and
 * panics. */
noreturn void process_start_init(void);
void process_init(void);		/* boot, before process_start_init: caches, signal rules, fault hook */
struct process *process_find(s32 pid);	/* referenced, or NULL */
static inline void process_get(struct process *p) { ref_get(&p->refs); }
void process_put(struct process *p);
bool process_is_found(struct process *p);	/* nobody has waited for it yet */
/* May the caller look into it, and take what it has (ptrace(2)'s rule)? In procfs_pid.c. */
bool process_may_look(struct process *p);
/* In pid order, for /proc: first with pid >= from, referenced; NULL: none. */
struct process *process_next(s32 from);
static inline struct process *process_current(void) { return current()->process; }
static inline struct process *process_of_signal(struct sched_signal *s) { return (struct process *)s; }
/* A thread of p that lives, referenced; NULL: none. Any context. */
struct thread *process_any_thread(struct process *p);
/* The address space of p, referenced; NULL: gone. */
struct vm_space *process_space(struct process *p);
static inline u64 process_rlimit(struct process *p, u32 which) { return READ_ONCE(p->rlimits[which][0]); }
static inline s32 process_group_of(struct process *p) { return READ_ONCE(p->sig.pgrp)->number; }
static inline s32 process_session_of(struct process *p) { return READ_ONCE(p->sig.session)->number; }
/* CPU time and faults of all threads, dead and alive. Process context. */
struct process_usage { u64 user_ns, system_ns, minflt, majflt, nvcsw, nivcsw, maxrss_pages; };
void process_usage_get(struct process *p, struct process_usage *u);
u64 process_cpu_ns(struct process *p);		/* the time alone. Any context */
u64 process_cpu_ns_locked(struct process *p);	/* [s] held */
/* CPU time of a thread of p, which may have ended, as programs see it. Any context. */
void process_thread_split(struct process *p, struct thread *t, struct cpu_split *s);

struct proc_stats { u64 forks, execs, syscalls; u32 processes, threads; };
void proc_stats_get(struct proc_stats *s);
