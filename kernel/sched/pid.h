/*
 * Process and thread numbers, process groups and sessions. One number names at
 * most one thread, one process, one group and one session; it is given out again
 * only when none of them is left.
 *
 * The terminal layer asks here about groups and sessions; proc/ keeps them.
 * Lock keys: [p] pids_lock (irq kind), the lock of the process tree too;
 * order: pids_lock, then a process's signal lock.
 */
#pragma once
#include "sched/signal.h"

struct tty;

#define PID_MAX	4194304			/* the most that pid_max may be, as on Linux with 64 bits */
#define PID_MAX_LEAST 301

struct pid {
	struct pid *hash_next;		/* [p] */
	s32 number;
	u32 uses;			/* the four below and pid_get's [p] */
	struct thread *thread;		/* with this tid [p] */
	struct sched_signal *process;	/* with this pid, also as a zombie [p] */
	struct list_node group;		/* sched_signal.group_node of its members [p] */
	struct list_node session;	/* sched_signal.session_node of its members [p] */
	struct tty *tty;		/* controlling terminal of this session; the tty layer's reference [p] */
};

extern struct spinlock pids_lock;
extern u32 pid_max;			/* new numbers are below it; torn by nothing */

/* A new number, uses 1; NULL: no memory or none free. Process context. */
struct pid *pid_new(void);
void pid_put_locked(struct pid *p);		/* [p] held */
void pid_put(struct pid *p);
struct pid *pid_find_locked(s32 number);	/* not referenced; NULL [p] held */
/* The thread with that tid, referenced (thread_put); NULL. Any context. */
struct thread *pid_find_thread(s32 tid);
/* In order: the first with number >= from that names a process; NULL. Not referenced. [p] held. */
struct pid *pid_next_process_locked(s32 from);
void pid_count_thread_locked(s32 by);		/* a thread comes or goes [p] held */
u32 pid_count_threads(void);

/* Join: leaves the former one. [p] held; the pid gets a use. */
void pid_join_group_locked(struct sched_signal *s, struct pid *group);
void pid_join_session_locked(struct sched_signal *s, struct pid *session);
void pid_leave_locked(struct sched_signal *s);	/* both, at the end */

/* ---- what the terminal layer asks; any context unless said otherwise ---- */

static inline struct sched_signal *signal_of(struct process *p) { return (struct sched_signal *)p; }
/* Of the calling thread; 0 for kernel threads. */
s32 pid_current(void);
s32 pid_current_group(void);
s32 pid_current_session(void);
bool pid_current_leads_session(void);
/* The session of a group that has members, or -ESRCH. */
s32 pid_group_session(s32 pgid);
/* Is there no member whose parent is in another group of the same session? (POSIX: orphaned) */
bool pid_group_is_orphaned(s32 pgid);
bool pid_group_is_orphaned_locked(struct pid *group, const struct sched_signal *ignored);	/* [p] held */
/* Controlling terminal of a session; NULL: none. The caller serialises against the tty's end. */
struct tty *pid_session_tty(s32 sid);
/* Make it that; NULL: none any more. 0 or -ESRCH. */
int pid_session_set_tty(s32 sid, struct tty *tty);

/* Registered by the tty layer: a session's leader dies (process context); it hangs up what it controlled.
 * docs/floors.md. */
struct session_ops {
	void (*leader_exits)(s32 sid);
};
extern struct session_ops session_ops;
