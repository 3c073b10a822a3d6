/*
 * Out of memory: page_alloc found nothing and its caller can wait. The caches
 * give back what they hold; if that is nothing, a process is killed: the one
 * with the most pages and descriptors, as its oom_score_adj shifts that (proc(5)). What
 * it has to itself is taken from it at once, since it may need long to
 * end, or wait for a lock that the caller has; what it shares comes back when it
 * ends. A caller that is itself the one to die gets no page and goes.
 *
 * While only those are left that were killed already, the caller waits for
 * one of them to let its memory go. If none does, they wait for the
 * caller: then it must do without the page.
 */
#include <linux/capability.h>
#include <linux/oom.h>
#include <linux/signal.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "fs/fdtable.h"
#include "fs/text.h"
#include "mm/drain.h"
#include "mm/page.h"
#include "proc/internal.h"
#include "proc/procfs_pid.h"
#include "vm/vm_space.h"

#define PAGES_A_FILE	4		/* a guess: nobody counts what a file holds */
#define STUCK_NS	NSEC_PER_SEC	/* nobody let go for so long: nobody will */

static struct wait_queue released_wait = WAIT_QUEUE_INIT(released_wait, "oom");
static u64 released;			/* spaces let go by threads that ended [a] */

static u64 reclaim(u64 pages)
{
	u64 n = memory_drain();

	return n || !memory_loan_ops.call_back ? n : memory_loan_ops.call_back();
}

void oom_space_released(void)
{
	atomic_add(&released, 1);
	if (unlikely(wait_queue_active(&released_wait)))
		wait_wake_all(&released_wait);
}

/* ---- who ---- */

/*
 * The space of p, pinned: it may end while it is looked at, but does not go. A reference would not do: the last one is
 * not to be dropped here, where the caller may hold any sleeping lock. NULL: none.
 */
static struct vm_space *space_pin(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct vm_space *s = NULL;
	struct thread *t;

	list_for_each(t, &p->sig.threads, process_node)
		if (!s && t->space) {
			s = t->space;
			vm_space_pin(s);
		}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return s;
}

struct victim { struct process *process; struct vm_space *space; s64 points; };

/* What p may hold in the kernel by way of its descriptors: queues of sockets, pipes, watches. */
static u64 pages_of_files(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock), n = 0;
	struct thread *t;

	list_for_each(t, &p->sig.threads, process_node)
		if (t->files)
			n = MAX(n, (u64)fd_table_used(t->files));
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return n * PAGES_A_FILE;
}

static s64 points_of(struct process *p, struct vm_space *s)
{
	struct page_counts c;

	page_counts_get(&c);
	return (s64)(READ_ONCE(s->pages_rss) + READ_ONCE(s->table_count) + pages_of_files(p)) +
	       READ_ONCE(p->oom_score_adj) * (s64)c.managed / OOM_SCORE_ADJ_MAX;
}

static void victim_drop(const struct victim *v)
{
	if (v->process) {
		process_put(v->process);
		vm_space_unpin(v->space);
	}
}

/*
 * The process is referenced, its space pinned; process NULL: none. *dying: some are left that were killed already;
 * *closing: one of them is at its files.
 */
static void victim_find(struct victim *v, bool *dying, bool *closing)
{
	struct process *p;

	*v = (struct victim){ NULL, NULL, 0 };
	*dying = *closing = false;
	for (s32 n = 1; (p = process_next(n)); n = p->pid + 1, process_put(p)) {
		struct vm_space *s = p == init_process ? NULL : space_pin(p);
		s64 points;

		if (!s && p != init_process && READ_ONCE(p->sig.group_exit) && READ_ONCE(p->sig.thread_count))
			*closing = true;
		if (!s)
			continue;
		points = points_of(p, s);
		if (READ_ONCE(p->sig.group_exit)) {
			*dying = true;
			/* The caller may have killed it in vain: its space was busy then. */
			points = READ_ONCE(s->reaped) ? -1 : OOM_SCORE_ADJ_MAX * points;
		} else if (p->oom_score_adj == OOM_SCORE_ADJ_MIN) {
			points = -1;
		}
		if (points < 0 || (v->process && points <= v->points)) {
			vm_space_unpin(s);
			continue;
		}
		victim_drop(v);
		process_get(p);
		*v = (struct victim){ p, s, points };
	}
}

/* All processes on that space. False: the first process is one of them, and it is nobody's to take. */
static bool kill_all_of(struct vm_space *s)
{
	struct process *p;
	bool alone = true;

	for (s32 n = 1; (p = process_next(n)); n = p->pid + 1, process_put(p)) {
		struct vm_space *other = space_pin(p);

		if (other == s && p == init_process)
			alone = false;
		else if (other == s)
			signal_send_process(p, SIGKILL, NULL);
		if (other)
			vm_space_unpin(other);
	}
	return alone;
}

static void victim_log(const struct victim *v)
{
	struct thread *t = process_any_thread(v->process);

	log_err("out of memory: killing process %d (%s), which holds %llu KiB", v->process->pid, t ? t->name : "ended",
		(unsigned long long)(v->space->pages_rss * (PAGE_SIZE / 1024)));
	if (t)
		thread_put(t);
}

/* False: none of those who die lets go. */
static bool wait_for_release(void)
{
	u64 seen = atomic_load(&released);

	/* Not interruptible: the page is needed whatever signals come. */
	return !wait_event_uninterruptible(&released_wait, atomic_load(&released) != seen, clock_ns() + STUCK_NS);
}

static bool out_of_memory(void)
{
	struct victim v;
	bool dying, closing, may_help;

	/* Who is to die takes no more; who can't sleep can't wait. */
	if (in_atomic() || (current()->process && current()->process->sig.group_exit))
		return false;
	victim_find(&v, &dying, &closing);
	if (closing && wait_for_release()) {
		victim_drop(&v);
		return true;
	}
	if (!v.process) {
		if (dying && wait_for_release())
			return true;
		log_err("out of memory, and no program is there that may be ended");
		return false;
	}
	if (!v.process->sig.group_exit)
		victim_log(&v);
	may_help = kill_all_of(v.space) && v.space != current()->space && vm_reap(v.space);
	victim_drop(&v);
	if (current()->process && current()->process->sig.group_exit)
		return false;
	return may_help || wait_for_release();
}

void oom_init(void)
{
	memory_ops.reclaim = reclaim;
	memory_ops.out_of_memory = out_of_memory;
}

/* ---- /proc/PID ---- */

void pid_oom_score_adj_show(struct text_out *t, void *node)
{
	text_printf(t, "%d\n", READ_ONCE(((struct pid_node *)node)->p->oom_score_adj));
}

/* As Linux shows it: 1000 for half of memory more than there is. */
void pid_oom_score_show(struct text_out *t, void *node)
{
	struct process *p = ((struct pid_node *)node)->p;
	struct vm_space *s = process_space(p);
	struct page_counts c;
	s64 score = 0;

	page_counts_get(&c);
	if (s) {
		score = points_of(p, s) * OOM_SCORE_ADJ_MAX / (s64)c.managed;
		score = p->oom_score_adj == OOM_SCORE_ADJ_MIN ? 0 : MAX((score + OOM_SCORE_ADJ_MAX) * 2 / 3, 0ll);
		vm_space_put(s);
	}
	text_printf(t, "%lld\n", (long long)score);
}

int pid_oom_score_adj_store(const char *text, size_t len, void *node)
{
	struct process *p = ((struct pid_node *)node)->p;
	bool minus = *text == '-';
	const char *end;
	s64 adj;
	u64 n;

	if (parse_u64(text + minus, &end, 10, &n) || n > OOM_SCORE_ADJ_MAX)
		return -EINVAL;
	adj = minus ? -(s64)n : (s64)n;
	/* Down again only as far as a privileged one has allowed; all have 0 to begin with. */
	if (adj < p->oom_score_adj_min && !current_capable(CAP_SYS_RESOURCE))
		return -EACCES;
	if (current_capable(CAP_SYS_RESOURCE))
		p->oom_score_adj_min = adj;
	WRITE_ONCE(p->oom_score_adj, adj);
	return 0;
}
