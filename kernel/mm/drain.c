/*
 * Giving back what is kept only to be quick (drain.h), from the outside in: a keeper's objects
 * go to their slabs, empty slabs and unused stacks to the pages, pages to the buddy lists.
 */
#include "mm/drain.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"

struct drain_ops drain_ops;
struct memory_loan_ops memory_loan_ops;
static struct memory_keeper *keepers;	/* written at boot, by one thread */

void memory_keeper_add(struct memory_keeper *k)
{
	k->next = keepers;
	keepers = k;
}

bool memory_is_short(void)
{
	while (page_is_short())
		if (!memory_loan_ops.call_back || !memory_loan_ops.call_back())
			return true;
	return false;
}

/* This CPU's. The order is from the outside in. */
static void drain_cpu(void *arg)
{
	for (struct memory_keeper *k = keepers; k; k = k->next)
		k->drain();
	slab_drain_caches();
	page_drain_caches();
}

u64 memory_drain(void)
{
	struct page_counts before, after;

	page_counts_get(&before);
	kstack_drain();
	drain_ops.on_each_cpu(drain_cpu, NULL);
	page_counts_get(&after);
	return after.free > before.free ? after.free - before.free : 0;
}
