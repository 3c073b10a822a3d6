/*
 * Numbers of processes, threads, groups and sessions (pid.h). A number is a
 * struct pid as long as anything goes by it; they are found by a hash that
 * grows with them. fork and exit in proc/ make and drop them; kill, the
 * terminal and /proc look them up.
 *
 * One irq lock guards all of it, and the tree of processes too.
 */
#include "sched/pid.h"
#include "base/errno.h"
#include "base/hash.h"
#include "core/panic.h"
#include "mm/slab.h"

#define FIRST_AFTER_WRAP 300		/* low numbers stay with those that were there from the start */

struct spinlock pids_lock = SPINLOCK_INIT("pids");
struct session_ops session_ops;
u32 pid_max = PID_MAX;

static struct pid *first_buckets[64];
static struct pid **buckets = first_buckets;	/* [p] */
static u32 bucket_count = ARRAY_SIZE(first_buckets); /* a power of two [p] */
static u32 pid_count;			/* [p] */
static u32 thread_count;		/* [p] */
static s32 last_number;			/* [p] */
static struct slab_cache *pid_cache;

static inline struct pid **bucket_of(s32 number)
{
	return &buckets[hash_u32(number) >> 8 & (bucket_count - 1)];
}

struct pid *pid_find_locked(s32 number)
{
	struct pid *p = *bucket_of(number);

	while (p && p->number != number)
		p = p->hash_next;
	return p;
}

/* Twice the buckets once chains grow; without memory the chains just stay long. */
static void table_grow(void)
{
	struct pid **old = buckets, **bigger = kcalloc(bucket_count * 2, sizeof(*bigger));
	u32 old_count = bucket_count;

	if (!bigger)
		return;
	buckets = bigger;
	bucket_count *= 2;
	for (u32 i = 0; i < old_count; i++)
		while (old[i]) {
			struct pid *p = old[i], **b = bucket_of(p->number);

			old[i] = p->hash_next;
			p->hash_next = *b;
			*b = p;
		}
	if (old != first_buckets)
		kfree(old);
}

struct pid *pid_new(void)
{
	s32 most = READ_ONCE(pid_max), left = most, n;
	struct pid *p, **b;
	u64 flags;

	if (unlikely(!pid_cache))
		pid_cache = slab_cache_create("pid", sizeof(struct pid), 0);
	p = slab_zalloc(pid_cache);
	if (!p)
		return NULL;
	list_init(&p->group);
	list_init(&p->session);
	p->uses = 1;
	flags = spin_lock_irqsave(&pids_lock);
	/* One of so many that follow each other is free, if any is: each look but the last finds one that is taken. */
	n = last_number;
	do
		n = n + 1 >= most ? FIRST_AFTER_WRAP : n + 1;
	while (pid_find_locked(n) && --left);
	if (!left) {
		spin_unlock_irqrestore(&pids_lock, flags);
		slab_free(pid_cache, p);
		return NULL;
	}
	p->number = last_number = n;
	if (++pid_count > bucket_count * 2)
		table_grow();
	b = bucket_of(n);
	p->hash_next = *b;
	*b = p;
	spin_unlock_irqrestore(&pids_lock, flags);
	return p;
}

void pid_put_locked(struct pid *p)
{
	struct pid **b;

	if (--p->uses)
		return;
	for (b = bucket_of(p->number); *b != p; b = &(*b)->hash_next)
		;
	*b = p->hash_next;
	pid_count--;
	slab_free(pid_cache, p);
}

void pid_put(struct pid *p)
{
	u64 flags = spin_lock_irqsave(&pids_lock);

	pid_put_locked(p);
	spin_unlock_irqrestore(&pids_lock, flags);
}

struct thread *pid_find_thread(s32 tid)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *p = pid_find_locked(tid);
	struct thread *t = p ? p->thread : NULL;

	if (t)
		thread_get(t);
	spin_unlock_irqrestore(&pids_lock, flags);
	return t;
}

struct pid *pid_next_process_locked(s32 from)
{
	struct pid *best = NULL;

	for (u32 i = 0; i < bucket_count; i++)
		for (struct pid *p = buckets[i]; p; p = p->hash_next)
			if (p->process && p->number >= from && (!best || p->number < best->number))
				best = p;
	return best;
}

void pid_count_thread_locked(s32 by)
{
	thread_count += by;
}

u32 pid_count_threads(void)
{
	return READ_ONCE(thread_count);
}

void pid_join_group_locked(struct sched_signal *s, struct pid *group)
{
	group->uses++;
	if (s->pgrp) {
		list_remove(&s->group_node);
		pid_put_locked(s->pgrp);
	}
	s->pgrp = group;
	list_push_back(&group->group, &s->group_node);
}

void pid_join_session_locked(struct sched_signal *s, struct pid *session)
{
	session->uses++;
	if (s->session) {
		list_remove(&s->session_node);
		pid_put_locked(s->session);
	}
	s->session = session;
	list_push_back(&session->session, &s->session_node);
}

void pid_leave_locked(struct sched_signal *s)
{
	list_remove(&s->group_node);
	list_remove(&s->session_node);
	pid_put_locked(s->pgrp);
	pid_put_locked(s->session);
	s->pgrp = s->session = NULL;
}

/* ---- for the terminal layer ---- */

static struct sched_signal *current_signal(void)
{
	struct process *p = current()->process;

	return p ? signal_of(p) : NULL;
}

s32 pid_current(void)
{
	struct sched_signal *s = current_signal();

	return s ? s->pid->number : 0;
}

static s32 number_of(struct pid *const *which)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	s32 n = *which ? (*which)->number : 0;

	spin_unlock_irqrestore(&pids_lock, flags);
	return n;
}

s32 pid_current_group(void)
{
	struct sched_signal *s = current_signal();

	return s ? number_of(&s->pgrp) : 0;
}

s32 pid_current_session(void)
{
	struct sched_signal *s = current_signal();

	return s ? number_of(&s->session) : 0;
}

bool pid_current_leads_session(void)
{
	struct sched_signal *s = current_signal();

	return s && number_of(&s->session) == s->pid->number;
}

s32 pid_group_session(s32 pgid)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *g = pid_find_locked(pgid);
	s32 sid = -ESRCH;

	if (g && !list_empty(&g->group))
		sid = list_first(&g->group, struct sched_signal, group_node)->session->number;
	spin_unlock_irqrestore(&pids_lock, flags);
	return sid;
}

bool pid_group_is_orphaned_locked(struct pid *group, const struct sched_signal *ignored)
{
	struct sched_signal *s;

	list_for_each(s, &group->group, group_node) {
		if (s == ignored || s->dead || !s->parent || !s->parent->parent)
			continue;	/* a child of pid 1 is nobody's job */
		if (s->parent->pgrp != s->pgrp && s->parent->session == s->session)
			return false;
	}
	return true;
}

bool pid_group_is_orphaned(s32 pgid)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *g = pid_find_locked(pgid);
	bool r = !g || pid_group_is_orphaned_locked(g, NULL);

	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

struct tty *pid_session_tty(s32 sid)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *p = pid_find_locked(sid);
	struct tty *tty = p ? p->tty : NULL;

	spin_unlock_irqrestore(&pids_lock, flags);
	return tty;
}

int pid_session_set_tty(s32 sid, struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *p = pid_find_locked(sid);
	int r = -ESRCH;

	if (p && !list_empty(&p->session)) {
		p->tty = tty;
		r = 0;
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}
