/*
 * What the files of proc/ share among themselves.
 */
#pragma once
#include "arch/arm64/trap.h"
#include "proc/process.h"

struct vm_space; struct file; struct slab_cache;

/* What execve, nanosleep and others leave behind to be gone on with (restart_syscall). */
struct restart_block {
	s64 (*fn)(struct restart_block *);
	u64 a[6];
};

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

/* Linux's struct sigaction of the arm64 kernel. */
struct signal_action { u64 handler, flags, restorer, mask; };
struct signal_actions {
	u32 refs;			/* [a] CLONE_SIGHAND without CLONE_THREAD shares them */
	struct signal_action action[64];/* [s] */
};

/* process.c */
struct process *process_new(struct process *parent);	/* refs 1, not visible; NULL */
struct thread *process_thread_new(const char *name, void (*fn)(void *));	/* with proc_thread; NULL */
void process_thread_drop(struct thread *t);	/* one that never ran */
/* t becomes a thread of p under the number tid (takes over its use). 0, or -ERESTARTNOINTR: p is dying. */
int process_attach_thread(struct process *p, struct thread *t, struct pid *tid);
extern struct slab_cache *proc_thread_cache;
extern u64 stat_forks, stat_execs, stat_dead_syscalls;	/* [a] */

/* cred.c */
/* The calling thread's credentials from now on (takes over the reference); the process's, as others see them. */
void cred_publish(struct cred *c);

/* exit.c */
noreturn void exit_thread(u32 status);		/* this thread; status as wait4's if it is the last */
noreturn void exit_group(u32 status);		/* all threads */
void exit_group_start_locked(struct process *p, u32 status);	/* [s] held: mark and poke */
void exit_release_space(struct thread *t);	/* clear_child_tid, robust list, vfork's parent, the space itself */
int exit_kill_other_threads(struct process *p);	/* exec: returns when current() is the only one; -EAGAIN: it is to die itself */
void process_notify_parent(struct process *p, s32 code, u32 status);	/* SIGCHLD and child_wait [P] held */
void process_forget_locked(struct process *p);	/* unlink a dead one for good [P] held; then process_put */

/* wait.c */
struct wait_request { s32 which; s32 id; u32 options; };	/* P_*, W* */
struct wait_result { s32 pid; u32 uid; s32 code; u32 status, raw_status; struct process_usage usage; };
s32 process_wait(const struct wait_request *r, struct wait_result *out);

/* signal.c */
void signal_setup(void);
struct signal_actions *signal_actions_new(void);
void signal_actions_put(struct signal_actions *a);
void signal_actions_exec(struct process *p);	/* handlers back to default */
void signal_ignored_update_locked(struct process *p);	/* after a change of actions [s] held */
int signal_action_set(u32 signo, const struct signal_action *new_action, struct signal_action *old);
/* A program's fault: unblockable. esr 0: none. */
void signal_fault(s32 signo, s32 code, u64 address, u64 esr);
/* One thread fewer to wait for: true if all have stopped now and the parent is to be told. [P], [s] held */
bool signal_stop_left_locked(struct process *p);

/* sigframe.c */
int sigframe_push(struct trap_frame *f, const struct signal_action *a, const struct signal_info *info, u64 saved_mask);
int sigframe_pop(struct trap_frame *f);		/* rt_sigreturn: 0, -EFAULT: the frame is no good */
struct siginfo;
void siginfo_write(struct siginfo *out, const struct signal_info *info);
/* sigaltstack(2), sp the caller's stack pointer: 0, -EINVAL, -EPERM, -ENOMEM. */
struct altstack { u64 base; s32 flags; u64 size; };
void altstack_get(u64 sp, struct altstack *a);
int altstack_set(u64 sp, const struct altstack *a);

/* futex.c */
void futex_exit_robust(struct thread *t);

/* itimer.c */
void itimer_init(struct process *p);
void itimer_stop_all(struct process *p);

/* sigpage.c: the page with the return from signal handlers. */
void sigpage_init(void);
int sigpage_map(struct vm_space *s);

