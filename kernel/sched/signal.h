/*
 * Sending signals: set them pending, wake a thread that may take them. What a
 * signal does is proc/'s business (user_return); which numbers are special,
 * proc/ says in signal_rules.
 *
 * Lock keys: [s] sched_signal.lock (irq kind); it also guards each thread's
 * sig_* fields. [p] pids_lock (sched/pid.h), taken before it. [S] set before
 * it is shared.
 */
#pragma once
#include "sched/thread.h"
#include "sched/wait.h"

struct pid;

/* What a siginfo carries; proc/ writes it out in Linux's layout. */
struct signal_info {
	s32 signo, code, error;
	s32 pid; u32 uid;
	u64 address;		/* faults; si_ptr/si_int value */
	s32 status; u64 utime, stime;
	u32 timer_id; s32 overrun;
};

struct signal_entry {
	struct list_node node;		/* [s] */
	struct signal_info info;	/* [s] */
	u32 uid;			/* who is charged for it [S] */
	bool owned;			/* part of a timer: never freed here, and signal_rules.taken hears of its end [S] */
};

/* The part of a process that this floor knows: struct process begins with it. */
struct sched_signal {
	struct spinlock lock;		/* irq kind */
	u64 pending;			/* shared signals, bit signo-1 [s] */
	struct list_node queue;		/* their signal_entry [s] */
	struct list_node threads;	/* thread.process_node, in order of making [s] */
	u32 thread_count;		/* alive [s] */
	u64 ignored;			/* dispositions that drop a signal: SIG_IGN, or by default [s] */
	u32 uid;			/* real user id, whose USER_SIGNALS are counted [p]; read anywhere */
	u32 queue_limit;		/* RLIMIT_SIGPENDING [s] */
	bool watches_cpu;		/* something waits for CPU time to be used: samples set WORK_NOTIFY [process.watch_lock] */
	bool dead;			/* takes no signals any more [s] */
	bool group_exit;		/* all threads are to die [s] */
	bool stopping, stopped;		/* job control: threads go to sleep; all of them have [s] */
	bool note_continued;		/* the parent is to be told [s] */
	u8 stop_signo;			/* [s] */
	u32 stop_left;			/* threads that have not gone to sleep yet [s] */
	u32 stop_episode;		/* how many stops there have been: a thread counts once in each [s] */
	struct thread *only;		/* exec: every other thread is to die [s] */
	struct wait_queue *readers;	/* signalfd; shared with others, and there for ever: a poller may outlive us */
	struct pid *pid, *pgrp, *session; /* [p]; pid [S] */
	struct list_node group_node, session_node; /* [p] */
	struct sched_signal *parent;	/* [p] */
};

/* Bit masks of numbers, filled in by proc/ at boot. */
struct signal_rules {
	u64 kill, stop, stop_tty, cont, synchronous;	/* SIGKILL; the four stop signals; three of them; SIGCONT; faults */
	u64 unblockable;				/* SIGKILL, SIGSTOP */
	u64 default_ignored;
	void (*kill_process)(struct sched_signal *s, int signo); /* note that all threads are to die of it [s] */
	void (*reset_action)(struct sched_signal *s, int signo); /* to the default, for a fault nobody can ignore [s] */
	/* an owned one is delivered; may change info [s] */
	void (*taken)(struct signal_entry *e, struct signal_info *info);
	s32 code_kernel;				/* SI_KERNEL */
	s32 pipe;					/* SIGPIPE's number */
	u32 legacy_max;					/* numbers up to it are not queued twice (31) */
};
extern struct signal_rules signal_rules;

#define SIGNAL_BIT(n)	(1ull << ((n) - 1))

void sched_signal_init(struct sched_signal *s);

/* All: 0, -ESRCH, -EAGAIN (queue limit of real-time signals). info NULL: from the kernel. Any context. */
int signal_send_thread(struct thread *t, int signo, const struct signal_info *info);
int signal_send_process(struct process *p, int signo, const struct signal_info *info);
/*
 * [s] held: send what e says, which is its owner's. t NULL: to the process. 0: it is pending (if it was already, it
 * stays where it is in the queue); -EAGAIN: ignored; -ESRCH.
 */
int signal_send_owned_locked(struct sched_signal *s, struct thread *t, struct signal_entry *e);
/* [s] held: e is pending no more. */
void signal_forget_owned_locked(struct sched_signal *s, struct thread *t, struct signal_entry *e);
/* Every process of a group; pgid > 0. Any context. */
int signal_send_group(s32 pgid, int signo, const struct signal_info *info);
/* SIGPIPE and the like, to the caller itself. */
void signal_send_self(int signo);
static inline void signal_send_pipe(void) { signal_send_self(signal_rules.pipe); }
/* A fault of the caller: unblocks it, and makes the default action of one that is blocked or ignored. */
void signal_force_self(const struct signal_info *info);
/* Is signo blocked or ignored by the caller (SIGTTIN/SIGTTOU rules)? Process context. */
bool signal_is_ignored_or_blocked(int signo);

/*
 * The mask that ppoll, pselect, epoll_pwait and sigsuspend set for their own duration.
 * push: the caller's blocked mask becomes *mask. pop, before the call returns: puts the former back, or, if
 * the call was interrupted (it returns -ERESTARTNOHAND or -EINTR), leaves it to user_return, so that a handler of the
 * signal that came still runs under *mask and returns to the former. Process context.
 */
void signal_mask_push(u64 mask);
void signal_mask_pop(bool interrupted);
/* Set the caller's blocked mask (never SIGKILL, SIGSTOP); wakes others for what it no longer takes. Process context. */
void signal_set_blocked(u64 mask);

/* [s] held: take the next signal of t that is in allowed, thread's own first; 0: none. */
int signal_dequeue_locked(struct thread *t, u64 allowed, struct signal_info *info);
/* [s] held: anything that t would take now? */
bool signal_deliverable_locked(struct thread *t);
/* [s] held: forget pending signals in mask, of the process and all its threads. */
void signal_flush_locked(struct sched_signal *s, u64 mask);
/* [s] held, or nobody else has s any more. */
void signal_queue_free(struct list_node *queue);
/* [s] held: every thread but `except` looks at its process (dies or stops); deep sleepers too, if it is to die. */
void signal_poke_all_locked(struct sched_signal *s, struct thread *except);
void signal_init(void);
