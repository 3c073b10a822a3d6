/*
 * Giving back what is kept only to be quick (drain.h), from the outside in: a keeper's objects
 * go to their slabs, empty slabs and unused stacks to the pages, pages to the buddy lists.
 */
#include "mm/drain.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"

static struct memory_keeper *keepers;	/* written at boot, by one thread */

void memory_keeper_add(struct memory_keeper *k)
{
	k->next = keepers;
	keepers = k;
}

u64 memory_drain(void)
{
	struct page_counts before, after;

	page_counts_get(&before);
	for (struct memory_keeper *k = keepers; k; k = k->next)
		k->drain();
	kstack_drain();
	slab_drain_caches();
	page_drain_caches();
	page_counts_get(&after);
	return after.free > before.free ? after.free - before.free : 0;
}
