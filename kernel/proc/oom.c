/*
 * Out of memory: page_alloc found nothing and its caller can wait. The caches
 * give back what they hold; if that is nothing, the process that holds most is
 * killed, and the caller waits for what it leaves. A caller that is itself the
 * one to die gets no page and goes.
 */
#include <linux/signal.h>
#include "core/clock.h"
#include "core/log.h"
#include "mm/drain.h"
#include "mm/page.h"
#include "proc/internal.h"
#include "vm/vm_space.h"

#define WAIT_NS	(10 * NSEC_PER_MSEC)	/* for the victim to run and let go */

static u64 reclaim(u64 pages)
{
	return memory_drain();
}

struct victim { struct process *process; u64 pages; bool dying; };

/* Who holds most; one that is dying already and still holds something is waited for instead. Referenced. */
static void victim_find(struct victim *v)
{
	struct process *p;

	*v = (struct victim){ NULL, 0, false };
	for (s32 n = 1; (p = process_next(n)); n = p->pid + 1, process_put(p)) {
		struct vm_space *s = p == init_process ? NULL : process_space(p);
		u64 pages;

		if (!s)
			continue;
		pages = READ_ONCE(s->pages_rss);
		vm_space_put(s);
		if (!v->dying && (p->sig.group_exit || pages > v->pages)) {
			if (v->process)
				process_put(v->process);
			v->process = p;
			process_get(p);
			v->pages = pages;
			v->dying = p->sig.group_exit;
		}
	}
}

static bool out_of_memory(void)
{
	struct victim v;
	bool wait;

	/* Who is to die takes no more; who can't sleep can't wait. */
	if (in_atomic() || (current()->process && current()->process->sig.group_exit))
		return false;
	victim_find(&v);
	if (!v.process) {
		log_err("out of memory, and no program but the first is there to be ended");
		return false;
	}
	wait = v.process != current()->process;
	if (!v.dying) {
		struct thread *t = process_any_thread(v.process);

		log_err("out of memory: killing process %d (%s), which holds %llu KiB", v.process->pid,
			t ? t->name : "ended", (unsigned long long)(v.pages * (PAGE_SIZE / 1024)));
		if (t)
			thread_put(t);
		signal_send_process(v.process, SIGKILL, NULL);
	}
	process_put(v.process);
	if (wait) {
		/* Not interruptible: the page is needed whatever signals come. */
		struct wait_queue nobody;

		wait_queue_init(&nobody, "oom");
		(void)wait_event_uninterruptible(&nobody, false, clock_ns() + WAIT_NS);
	}
	return wait;
}

void oom_init(void)
{
	memory_ops.reclaim = reclaim;
	memory_ops.out_of_memory = out_of_memory;
}
