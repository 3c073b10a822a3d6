/*
 * What the files of proc/ share among themselves.
 */
#pragma once
#include "arch/arm64/trap.h"
#include "proc/exit.h"
#include "proc/process.h"
#include "proc/signals.h"

struct vm_space; struct file; struct slab_cache;

/* thread.proc_data of a user thread. */
struct proc_thread {
	struct trap_frame start;	/* where a new thread begins [S] */
	struct restart_block restart;	/* [T] */
	u64 altstack_base, altstack_size; /* [T] */
	u32 altstack_flags;		/* [T] */
	u64 set_tid_address;		/* CLONE_CHILD_SETTID; 0: none [S] */
	u64 fault_address, fault_esr;	/* of the last fault, for the signal frame [T] */
	u32 stop_episode;		/* the last stop that this thread was counted in [s] */
	struct pid *tid;		/* one use of it [P] */
	u64 rt_sleeps, rt_since;	/* RLIMIT_RTTIME: how often it had slept, and its CPU time then [T] */
	u64 rseq;			/* rseq.c: the area that is registered, 0: none [T] */
	u32 rseq_signature, rseq_cpu;	/* what stands before abort handlers; the CPU it was told [T] */
	struct vfork_wait *vfork;	/* who waits for this thread to let go of the space [T] */
};

/* A parent that vfork has put to sleep; lives until both have let go. */
struct vfork_wait {
	u32 refs;			/* [a] */
	bool done;			/* [wait's lock] */
	struct wait_queue wait;
};
void vfork_finish(struct thread *t);

static inline struct proc_thread *proc_thread(struct thread *t) { return t->proc_data; }

struct signal_actions {
	u32 refs;			/* [a] CLONE_SIGHAND without CLONE_THREAD shares them */
	struct signal_action action[64];/* [s] */
};

/* process.c: what p->exe is, of a path to a file that is being run already. NULL: no memory. Process context. */
struct path *exe_new(const struct path *p);
void exe_free(struct path *exe);	/* NULL: nothing */
struct process *process_new(struct process *parent);	/* refs 1, not visible; NULL */
struct thread *process_thread_new(const char *name, void (*fn)(void *));	/* with proc_thread; NULL */
void process_thread_drop(struct thread *t);	/* one that never ran */
/*
 * t becomes a thread of p under the number tid (takes over its use). 0; -ERESTARTNOINTR: p is dying; -EAGAIN: its user
 * has `limit` threads and zombies.
 */
int process_attach_thread(struct process *p, struct thread *t, struct pid *tid, u64 limit);
extern struct slab_cache *proc_thread_cache;
extern u64 stat_forks, stat_execs, stat_dead_syscalls;	/* [a] */

/* cred.c */
/*
 * The calling thread's credentials from now on (takes over the reference); the process's, as others see them.
 * 0, or -EAGAIN: no memory to count it for another real user.
 */
int cred_publish(struct cred *c);

/* exit.c */
void exit_group_start_locked(struct process *p, u32 status);	/* [s] held: mark and poke */
void exit_release_space(struct thread *t);	/* clear_child_tid, robust list, vfork's parent, the space itself */
/* exec: returns when current() is the only one; -EAGAIN: it is to die itself */
int exit_kill_other_threads(struct process *p);
void process_notify_parent(struct process *p, s32 code, u32 status);	/* SIGCHLD and child_wait [P] held */
void process_forget_locked(struct process *p);	/* unlink a dead one for good [P] held; then process_put */

/* signal.c */
void signal_setup(void);
struct signal_actions *signal_actions_new(void);
void signal_actions_put(struct signal_actions *a);
void signal_actions_exec(struct process *p);	/* handlers back to default */
void signal_ignored_update_locked(struct process *p);	/* after a change of actions [s] held */
/* One thread fewer to wait for: true if all have stopped now and the parent is to be told. [P], [s] held */
bool signal_stop_left_locked(struct process *p);

/* sigframe.c */
int sigframe_push(struct trap_frame *f, const struct signal_action *a, const struct signal_info *info, u64 saved_mask);
/* futex.c, futex_pi.c: what a thread that ends or begins a new program holds goes to those who wait. */
void futex_exit_robust(struct thread *t);
void futex_exit_pi(struct thread *t);

/* itimer.c */
void itimer_init(struct process *p);
void itimer_stop_all(struct process *p);
/* Something that is to happen when a thread (NULL: the process) has used so much CPU time. */
struct cpu_watch {
	struct list_node node;		/* of process.cpu_watches [w] */
	u64 expires;			/* ns [w] */
	u64 seen;			/* what was used when it was due [w] */
	struct thread *of;		/* [S] */
	/* Due, and out of the list. The process's [s] is held; and its [w], unless it is the process's own. Takes no signal
	 * lock */
	void (*fn)(struct cpu_watch *);
	bool foreign;			/* another process's, or a sleeper's: it can vanish as soon as [w] is dropped [S] */
};
/* [w] is the watched process's watch_lock, which these take; any signal lock may be held. Any context. */
void cpu_watch_add(struct process *p, struct cpu_watch *w);
void cpu_watch_remove(struct process *p, struct cpu_watch *w);	/* harmless when not in the list */
void cpu_timers_check(struct process *p);	/* WORK_NOTIFY: whose CPU time is used up? Process context */
/* does anybody wait for that? [s] held, or p not running yet; takes [w] */
void cpu_timers_wanted_locked(struct process *p);

/* posix_timer.c */
void posix_timer_taken(struct signal_entry *e, struct signal_info *info);	/* signal_rules.taken */

/* oom.c */
void oom_init(void);
void oom_space_released(void);			/* a thread that ends has let go of its space, or its files */

/* vdso.c: once at boot; into a new space, whose vdso then is where the image begins: 0 or -ENOMEM. */
void vdso_init(void);
int vdso_map(struct vm_space *s);

