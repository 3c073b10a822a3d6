/*
 * Sending signals (signal.h). A signal becomes pending on a thread or on a
 * process, with its siginfo if there is memory for one, and a thread that
 * does not block it is made to look: on its way back to user mode
 * (proc/signal.c), or at the end of its interruptible wait.
 *
 * Callers: kill(2) and its kin, the terminal, timers, sockets, faults. All
 * run under the process's signal lock.
 */
#include "sched/signal.h"
#include "base/errno.h"
#include "base/hash.h"
#include "base/string.h"
#include "mm/slab.h"
#include "sched/pid.h"
#include "sched/user.h"

struct signal_rules signal_rules;
static struct slab_cache *entry_cache;

/* Readers of signalfds, by process: a poller is queued on one of these for as long as it likes. */
static struct wait_queue readers[16];

void signal_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(readers); i++)
		wait_queue_init(&readers[i], "signal.readers");
	entry_cache = slab_cache_create("signal", sizeof(struct signal_entry), 0);
}

void sched_signal_init(struct sched_signal *s)
{
	spin_init(&s->lock, "signal");
	list_init(&s->queue);
	list_init(&s->threads);
	list_init(&s->group_node);
	list_init(&s->session_node);
	s->readers = &readers[hash_u32((u64)s >> 6) % ARRAY_SIZE(readers)];
	s->ignored = signal_rules.default_ignored;
	s->queue_limit = ~0u;
}

static void entry_drop(struct signal_entry *e)
{
	list_remove(&e->node);
	if (e->owned)
		return;
	user_release(e->uid, USER_SIGNALS, 1);
	slab_free(entry_cache, e);
}

void signal_queue_free(struct list_node *queue)
{
	while (!list_empty(queue))
		entry_drop(list_first(queue, struct signal_entry, node));
}

static void queue_drop(struct list_node *queue, u64 mask)
{
	struct signal_entry *e, *next;

	list_for_each_safe(e, next, queue, node)
		if (SIGNAL_BIT(e->info.signo) & mask)
			entry_drop(e);
}

void signal_flush_locked(struct sched_signal *s, u64 mask)
{
	struct thread *t;

	if (s->pending & mask) {
		s->pending &= ~mask;
		queue_drop(&s->queue, mask);
	}
	list_for_each(t, &s->threads, process_node)
		if (t->sig_pending & mask) {
			t->sig_pending &= ~mask;
			queue_drop(&t->sig_queue, mask);
		}
}

void signal_poke_all_locked(struct sched_signal *s, struct thread *except)
{
	struct thread *t;

	list_for_each(t, &s->threads, process_node)
		if (t != except) {
			atomic_fetch_or(&t->work, WORK_STOP);
			thread_interrupt(t);
			sched_wake_stopped(t);
			if (s->group_exit)
				thread_wake(t);
		}
}

/* Would t look at it at once: deliver it, or end its wait for it? */
static inline bool takes(const struct thread *t, u64 bit)
{
	return !(t->sig_blocked & bit) || (t->sig_awaited & bit);
}

/* Have a thread look at bit: t itself, or for t NULL any that takes it. */
static void poke(struct sched_signal *s, struct thread *t, u64 bit)
{
	if (t) {
		if (takes(t, bit))
			thread_interrupt(t);
		return;
	}
	/* The sender itself, if it may: it is awake. Else the first that takes it. */
	if (signal_of(current()->process) == s && takes(current(), bit)) {
		thread_interrupt(current());
		return;
	}
	list_for_each(t, &s->threads, process_node)
		if (takes(t, bit)) {
			thread_interrupt(t);
			return;
		}
}

/* What a signal does the moment it is sent, whoever may block it: stop and continue undo one another. */
static void effects_at_once(struct sched_signal *s, u64 bit)
{
	if (bit & signal_rules.stop) {
		signal_flush_locked(s, signal_rules.cont);
	} else if (bit & signal_rules.cont) {
		signal_flush_locked(s, signal_rules.stop);
		if (s->stopping || s->stopped) {
			s->note_continued = s->stopped;
			s->stopping = s->stopped = false;
			signal_poke_all_locked(s, NULL);
		}
	}
}

/* What sending does first of all. False: nobody is to hear of the signal. */
static bool begins_locked(struct sched_signal *s, struct thread *t, u64 bit)
{
	bool blocked = true;
	struct thread *any;

	effects_at_once(s, bit);
	if (t)
		blocked = t->sig_blocked & bit;
	else
		list_for_each(any, &s->threads, process_node)
			blocked = blocked && (any->sig_blocked & bit);
	return !(s->ignored & bit) || blocked;
}

/* It is queued: mark it pending, and have somebody look. */
static void arrives_locked(struct sched_signal *s, struct thread *t, int signo)
{
	u64 bit = SIGNAL_BIT(signo);

	*(t ? &t->sig_pending : &s->pending) |= bit;
	if (unlikely(wait_queue_active(s->readers)))
		wait_wake_all(s->readers);
	if (bit & signal_rules.kill) {
		signal_rules.kill_process(s, signo);
		signal_poke_all_locked(s, NULL);
	} else {
		poke(s, t, bit);
	}
}

static int send_locked(struct sched_signal *s, struct thread *t, int signo, const struct signal_info *info)
{
	u64 bit = SIGNAL_BIT(signo);
	bool legacy = (u32)signo <= signal_rules.legacy_max;
	struct signal_entry *e = NULL;
	u32 uid = READ_ONCE(s->uid);

	if (!begins_locked(s, t, bit))
		return 0;
	if (legacy && ((t ? t->sig_pending : s->pending) & bit))
		return 0;
	if (!(bit & signal_rules.kill)) {
		if (user_charge(uid, USER_SIGNALS, 1, legacy ? ~0ull : s->queue_limit)) {
			e = slab_alloc(entry_cache);
			if (!e)
				user_release(uid, USER_SIGNALS, 1);
		}
		if (e) {
			e->info = info ? *info : (struct signal_info){ .code = signal_rules.code_kernel };
			e->info.signo = signo;
			e->uid = uid;
			e->owned = false;
			list_push_back(t ? &t->sig_queue : &s->queue, &e->node);
		} else if (!legacy && info) {
			return -EAGAIN;
		}
	}
	arrives_locked(s, t, signo);
	return 0;
}

int signal_send_owned_locked(struct sched_signal *s, struct thread *t, struct signal_entry *e)
{
	if (s->dead || (t && list_empty(&t->process_node)))
		return -ESRCH;
	if (!begins_locked(s, t, SIGNAL_BIT(e->info.signo)))
		return -EAGAIN;
	if (list_empty(&e->node)) {
		list_push_back(t ? &t->sig_queue : &s->queue, &e->node);
		arrives_locked(s, t, e->info.signo);
	}
	return 0;
}

void signal_forget_owned_locked(struct sched_signal *s, struct thread *t, struct signal_entry *e)
{
	struct signal_entry *other;

	if (list_empty(&e->node))
		return;
	list_remove(&e->node);
	list_for_each(other, t ? &t->sig_queue : &s->queue, node)
		if (other->info.signo == e->info.signo)
			return;
	*(t ? &t->sig_pending : &s->pending) &= ~SIGNAL_BIT(e->info.signo);
}

static int send(struct sched_signal *s, struct thread *t, int signo, const struct signal_info *info)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	int r = 0;

	if (s->dead || (t && list_empty(&t->process_node)))
		r = -ESRCH;
	else if (signo)
		r = send_locked(s, t, signo, info);
	spin_unlock_irqrestore(&s->lock, flags);
	return r;
}

int signal_send_thread(struct thread *t, int signo, const struct signal_info *info)
{
	return t->process ? send(signal_of(t->process), t, signo, info) : -ESRCH;
}

int signal_send_process(struct process *p, int signo, const struct signal_info *info)
{
	int r = send(signal_of(p), NULL, signo, info);

	/* A zombie is there to be signalled, and nothing happens. */
	return r == -ESRCH ? 0 : r;
}

int signal_send_group(s32 pgid, int signo, const struct signal_info *info)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *g = pid_find_locked(pgid);
	struct sched_signal *s;
	int r = -ESRCH;

	if (g)
		list_for_each(s, &g->group, group_node)
			r = signal_send_process((struct process *)s, signo, info);
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

void signal_send_self(int signo)
{
	struct thread *t = current();

	if (t->process)
		signal_send_thread(t, signo, NULL);
}

void signal_force_self(const struct signal_info *info)
{
	struct thread *t = current();
	struct sched_signal *s = signal_of(t->process);
	u64 flags = spin_lock_irqsave(&s->lock), bit = SIGNAL_BIT(info->signo);

	if ((t->sig_blocked | s->ignored) & bit) {
		t->sig_blocked &= ~bit;
		s->ignored &= ~bit;
		signal_rules.reset_action(s, info->signo);
	}
	send_locked(s, t, info->signo, info);
	spin_unlock_irqrestore(&s->lock, flags);
}

bool signal_is_ignored_or_blocked(int signo)
{
	struct thread *t = current();
	struct sched_signal *s = signal_of(t->process);

	return t->process && ((t->sig_blocked | READ_ONCE(s->ignored)) & SIGNAL_BIT(signo));
}

/* ---- masks ---- */

bool signal_deliverable_locked(struct thread *t)
{
	return (t->sig_pending | signal_of(t->process)->pending) & ~t->sig_blocked;
}

void signal_set_blocked(u64 mask)
{
	struct thread *t = current(), *other;
	struct sched_signal *s = signal_of(t->process);
	u64 flags, newly;

	mask &= ~signal_rules.unblockable;
	if (mask == t->sig_blocked)
		return;
	flags = spin_lock_irqsave(&s->lock);
	newly = mask & ~t->sig_blocked & s->pending;
	t->sig_blocked = mask;
	if (signal_deliverable_locked(t))
		atomic_fetch_or(&t->work, WORK_SIGNAL);
	/* What this thread was to take of the process's signals, another may have to. */
	if (newly)
		list_for_each(other, &s->threads, process_node)
			if (other != t && (newly & ~other->sig_blocked))
				thread_interrupt(other);
	spin_unlock_irqrestore(&s->lock, flags);
}

void signal_mask_push(u64 mask)
{
	struct thread *t = current();

	t->sig_saved = t->sig_blocked;
	t->sig_restore = true;
	signal_set_blocked(mask);
}

void signal_mask_pop(bool interrupted)
{
	struct thread *t = current();

	if (!t->sig_restore)
		return;
	if (interrupted) {
		atomic_fetch_or(&t->work, WORK_SIGNAL);
		return;
	}
	t->sig_restore = false;
	signal_set_blocked(t->sig_saved);
}

/* ---- taking ---- */

static void take_from(struct sched_signal *s, struct list_node *queue, u64 *pending, int signo,
	struct signal_info *info)
{
	struct signal_entry *e, *found = NULL;
	bool more = false;

	list_for_each(e, queue, node)
		if (e->info.signo == signo) {
			if (found) {
				more = true;
				break;
			}
			found = e;
		}
	if (found) {
		*info = found->info;
		if (found->owned)
			signal_rules.taken(found, info);
		entry_drop(found);
	} else {
		memset(info, 0, sizeof(*info));
		info->signo = signo;
	}
	if (!more)
		*pending &= ~SIGNAL_BIT(signo);
}

int signal_dequeue_locked(struct thread *t, u64 allowed, struct signal_info *info)
{
	struct sched_signal *s = signal_of(t->process);
	u64 *pending = &t->sig_pending, set = *pending & allowed;
	struct list_node *queue = &t->sig_queue;

	/* Faults first: their handlers must run before anything else moves the program on. */
	if (set & signal_rules.synchronous)
		set &= signal_rules.synchronous;
	if (!set) {
		pending = &s->pending;
		set = *pending & allowed;
		queue = &s->queue;
	}
	if (!set)
		return 0;
	take_from(s, queue, pending, __builtin_ctzll(set) + 1, info);
	return info->signo;
}
