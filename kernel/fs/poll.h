/*
 * Readiness. A file's poll operation answers which events are ready and, when
 * a table is given, queues the asker on the wait queues that will announce
 * changes. Event bits are EPOLLIN etc. (equal to POLLIN etc.).
 */
#pragma once
#include "sched/wait.h"

struct poll_table {
	/* Queue on q; NULL table or NULL function: only asking. */
	void (*queue)(struct poll_table *, struct wait_queue *q);
};

static inline void poll_wait(struct poll_table *t, struct wait_queue *q)
{
	if (t && t->queue)
		t->queue(t, q);
}
