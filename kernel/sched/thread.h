/*
 * Threads: what the scheduler runs. A kernel thread has no process; a user
 * thread carries its process and what system calls look up often (files,
 * credentials), so that floors below proc/ need not see struct process.
 *
 * Lock keys: [T] the thread itself only; [q] its run queue's lock;
 * [s] signal lock of its process (sched/signal.h); [a] atomic.
 */
#pragma once
#include "base/list.h"
#include "core/preempt.h"
#include "core/spinlock.h"

struct process; struct vm_space; struct fd_table; struct fs_context; struct cred; struct sched_signal; struct fp_state;
struct futex_pi; struct futex_waiter;

enum thread_state {
	THREAD_RUNNABLE,	/* running or on a run queue */
	THREAD_SLEEPING,	/* until woken or a signal comes */
	THREAD_SLEEPING_DEEP,	/* until woken: signals don't wake it */
	THREAD_STOPPED,		/* by job control */
	THREAD_DEAD,
};

/* What switch.S saves: callee-saved registers, stack, return address. Layout known to switch.S. */
struct switch_context { u64 x19_x28[10]; u64 fp, sp, pc; };

/* thread.work bits, checked on the way to user mode (work_pending). [a] */
#define WORK_SIGNAL	1u	/* a signal may be deliverable */
#define WORK_STOP	2u	/* die or stop: look at the process */
#define WORK_NOTIFY	4u	/* CPU time was used that somebody waits for */
#define WORK_RSEQ	8u	/* what may not be disturbed was: proc/rseq.h */

#define NICE_MIN (-20)
#define NICE_MAX 19

/*
 * CPU time. What was used in all is exact; where it went, samples say (sched.c), so that the split of all of it is an
 * estimate.
 */
struct cpu_time { u64 total_ns, user_ns, system_ns; };
/* The split as it was shown last: neither part ever shrinks. */
struct cpu_split { u64 user_ns, system_ns; };
/* Of a CPU: either part in two of its own, which are named for what they are of. Interrupts are in what they
 * interrupted. */
struct cpu_busy {
	struct cpu_split all;
	struct cpu_split user;		/* by threads of ordinary weight; system_ns: by those that are nice */
	struct cpu_split system;	/* for programs; user_ns: softirqs */
};

struct thread {
	struct preempt preempt;		/* first: core/preempt.h    [T] */
#ifdef CONFIG_LOCKCHECK
	u32 held_count;			/* second: core/lockcheck.c [T] */
	struct { void *lock, *class; u64 pc; } held_locks[16];
#endif
	u32 work;			/* WORK_*                   [a] */
	u32 work_switched;		/* what of it a switch away sets: WORK_RSEQ or nothing [T] */
	u32 state;			/* enum thread_state        [q] */
	u32 cpu;			/* where it runs or ran     [q] */
	bool on_cpu, queued;		/*                          [q] */
	u32 fp_cpu;			/* whose registers have fp, if that CPU says so too (fp.c) [T] */
	struct switch_context context;	/* while switched out       [q] */
	u64 stack;			/* lowest address of the kernel stack; 0 for the boot thread's own */
	struct fp_state *fp;		/* user FP/SIMD registers, NULL for kernel threads [T] */
	u64 tpidr;			/* user TLS register (TPIDR_EL0) [T] */

	struct list_node run_node;	/* run queue                [q] */
	s8 nice;			/*                          [q] */
	u8 policy, rt_priority;		/* SCHED_*; 0, or 1..99     [q] */
	bool reset_on_fork;		/* its children are ordinary ones; torn by nothing */
	s8 run_nice;			/* what it runs by: its own, or better if lent  [q] */
	u8 run_rt, lent_weight, lent_rt;/* thread_lend              [q] */
	u64 slice_left;			/* ns                       [q] */
	u64 epoch;			/* in which slice_left was given [q] */
	bool yielding;			/* [T] */
	u64 run_since, run_ns;		/* CPU time; run_ns is up to run_since [q] */
	u64 user_ns, system_ns;		/* parts of run_ns of which a sample said where they went [q] */
	struct cpu_split cpu_shown;	/* as programs were told last [s] */
	u64 affinity;			/* CPUs allowed, bit mask (first 64) [q] */
	u64 switches_voluntary, switches_forced; /* [q] */

	struct list_node wait_node;	/* core list of a mutex     [that lock] */
	struct list_node all_node;	/* all threads              [threads_lock] */
	char name[16];			/* comm                     [T], torn reads are harmless */
	u32 refs;			/* [a] */
	u64 start_ns;

	/* User threads. Pointers are set before the thread runs. */
	struct process *process;	/* NULL for kernel threads */
	struct vm_space *space;		/* NULL for kernel threads [T] */
	struct fd_table *files;		/* [T] */
	struct fs_context *fs;		/* cwd, root, umask [T] */
	const struct cred *cred;	/* [T]; others read under rcu-less ref: cred_get_of(thread) */
	s32 tid;			/* in the init namespace; 0 for kernel threads without one */
	u64 sig_blocked, sig_pending;	/* masks, bit signo-1 [s] */
	struct list_node sig_queue;	/* queued siginfo of this thread [s] */
	struct list_node process_node;	/* threads of the process [s] */
	u64 clear_child_tid;		/* user address [T] */
	u64 robust_list;		/* user address [T] */
	struct futex_pi *pi_held;	/* locks of its own that others wait for [futex pi] */
	struct futex_waiter *pi_wait;	/* in the queue of a lock [futex pi] */
	bool pi_gone;			/* it takes no lock any more [futex pi] */
	void *proc_data;		/* proc-private per-thread state (restart block, sigaltstack, ...) [T] */
	void (*on_exit)(struct thread *);/* proc's hook, run by the dying thread; NULL for kernel threads */
	struct { u64 calls, bytes; } io[2];	/* read(2) and write(2) and their like, for /proc/PID/io [T] */
	u64 syscalls;			/* system calls made; summed for /proc/stat [T] */
	u64 sig_saved;			/* blocked mask to go back to, while sig_restore (sched/signal.h) [T] */
	bool sig_restore;
	u64 sig_awaited;		/* blocked ones that sigtimedwait waits for [s] */
};

/* A kernel thread, runnable at once. NULL: no memory. Process context. */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);
/* The same but not started, for callers that fill in more (fork); the caller has a reference. Then thread_start and,
 * some day, thread_put; or thread_abandon, which undoes it all. */
struct thread *thread_new(const char *name, void (*fn)(void *), void *arg);
void thread_start(struct thread *t);
void thread_abandon(struct thread *t);
/* The idle thread of another CPU, which begins on its stack; NULL: no memory. Undone by thread_abandon. */
struct thread *thread_new_idle(u32 cpu);
noreturn void thread_exit(void);	/* the current one; its stack goes at once, the struct with its last reference */
void thread_get(struct thread *t);
void thread_put(struct thread *t);	/* any context */

/* Make it runnable if it sleeps. true if it did. Any context. */
bool thread_wake(struct thread *t);
/* The same for who holds a lock that t will want at once: a CPU that must look is noted in *kicks, for sched_kick when
 * the lock is given back, with preemption off until then. Any context. */
bool thread_wake_later(struct thread *t, u64 *kicks);
void sched_kick(u64 kicks);
/* The same, but only from THREAD_SLEEPING (a signal has come); sets WORK_SIGNAL. Any context. */
void thread_interrupt(struct thread *t);
/* Is there a reason for an interruptible wait to end? */
static inline bool signal_pending(void) { return unlikely(READ_ONCE(current()->work) & (WORK_SIGNAL | WORK_STOP)); }

/* Must user_return run before user mode? Read by vectors.S (offsets of preempt and work). */
static inline bool work_pending(struct thread *t) { return t->work || !t->preempt.no_resched; }

/* Give up the CPU as current->state says; interrupts may be in either state. Count must be 0 or one lock's. */
void schedule(void);
void thread_yield(void);
/* For wait and stop: set current->state, then re-check the condition, then schedule(). */
void thread_set_state(enum thread_state s);

/* Run on with this user half (NULL: none): exec and exit. Process context. */
void sched_set_space(struct vm_space *s);
/* The user half that this CPU's last program left is no more: whatever program comes next, load its own. Interrupts
 * masked. */
void sched_forget_space(void);
/* Let a thread in THREAD_STOPPED run again. Any context. */
void sched_wake_stopped(struct thread *t);

void thread_set_nice(struct thread *t, int nice);
void thread_set_policy(struct thread *t, u32 policy, u32 rt_priority);
/* Have it run as if it had at least this priority (0: none) and weight, 20 less the nice value (0: none), beside its
 * own. False: nothing changed by that. Any context. */
bool thread_lend(struct thread *t, u32 weight, u32 rt);
/* The CPUs it may run on from now on, a bit mask; at least one of them is there. Any context. */
void thread_set_affinity(struct thread *t, u64 cpus);
u64 thread_cpu_ns(struct thread *t);	/* CPU time so far. Any context */
void thread_cpu_time_add(struct thread *t, struct cpu_time *sum);	/* the same, in parts. Any context */
u64 thread_slice_ns(const struct thread *t);	/* how long it runs in a row while others of its kind wait */
/* Bring a split up to date: all of t, in the proportion of its known parts. The caller locks both. */
void cpu_time_split(const struct cpu_time *t, struct cpu_split *shown);
/* fn false: stop; under the list's lock: no sleep */
void thread_for_each(bool (*fn)(struct thread *, void *), void *arg);

void threads_init(void);		/* caches; before the first thread_new */
void sched_init(void);			/* makes the boot context the first thread */
noreturn void sched_idle(void);		/* the boot thread ends here, and each other CPU: the idle loop */
void sched_kicked(void);		/* kick_cpu has come. Hard interrupt */

struct sched_stats { u64 context_switches, threads_created, runnable; u64 idle_ns; };
void sched_stats_get(struct sched_stats *s);	/* sums over CPUs */
void sched_cpu_idle_ns(u32 cpu, u64 *idle_ns);
void sched_cpu_busy(u32 cpu, struct cpu_busy *busy);	/* the rest of its time. Any context */
void sched_loadavg(u64 avg[3]);			/* fixed point, 11 bits of fraction */
