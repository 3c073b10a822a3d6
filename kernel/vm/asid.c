/*
 * Address space identifiers: which of the 256 or 65536 tags of the TLB a space
 * uses. A space keeps its number for a generation; when the numbers run out a
 * new generation begins with an empty TLB, in which only the spaces that are
 * active on some CPU keep theirs (Arm ARM D8.13.1).
 *
 * Called by the scheduler at each change of space. A kernel thread, or the
 * same space again, leaves TTBR0 alone: a change of the identifier is what
 * costs. A space that is left in TTBR0 that way is pinned, and goes when memory is
 * short though no other comes (mm/drain.h).
 */
#include "base/bitmap.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "mm/drain.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "vm/internal.h"

static struct spinlock asid_lock = SPINLOCK_INIT("asid");	/* irq kind */
static u64 asid_map[65536 / 64];	/* numbers given out in this generation [asid] */
static u64 asid_generation = 0x10000;	/* in units of 65536; numbers are below that [asid] */
static u64 asid_next = 1;		/* where the search begins; 0 is never given out [asid] */

static DEFINE_PERCPU(struct vm_space *, active_space);	/* what TTBR0 holds; NULL: the empty root */

/* A new generation: nobody but the active keeps a number, and the TLB knows only numbers of now. [asid] held. */
static void asid_roll_over(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(asid_map); i++)
		asid_map[i] = 0;
	asid_generation += 0x10000;
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		struct vm_space *s = *per_cpu(active_space, cpu);

		if (!s)
			continue;
		s->asid = asid_generation | (s->asid & ASID_MASK);
		bitmap_set(asid_map, s->asid & ASID_MASK);
	}
	tlb_flush_all();
}

static void asid_take(struct vm_space *s)
{
	u64 count = 1ull << pgtable_asid_bits();
	u64 n = bitmap_find_next_zero(asid_map, count, asid_next);

	if (n >= count) {
		asid_roll_over();
		n = bitmap_find_next_zero(asid_map, count, 1);
	}
	bitmap_set(asid_map, n);
	asid_next = n + 1;
	WRITE_ONCE(s->asid, asid_generation | n);
	tlb_identifier_published();
}

void vm_space_unpin(struct vm_space *s)
{
	if (ref_put(&s->pins)) {
		page_put(phys_to_page(s->pgd_phys));
		kfree(s);
	}
}

void asid_activate(struct vm_space *s)
{
	struct vm_space **active = this_cpu(active_space), *old = *active;
	u64 flags = spin_lock_irqsave(&asid_lock);

	if ((s->asid & ~ASID_MASK) != asid_generation)
		asid_take(s);
	*active = s;
	pgtable_switch_user(s->pgd_phys, s->asid & ASID_MASK);
	spin_unlock_irqrestore(&asid_lock, flags);
	ref_get(&s->pins);
	if (old)
		vm_space_unpin(old);
}

void vm_space_switch(struct vm_space *s)
{
	if (s && s != *this_cpu(active_space))
		asid_activate(s);
}

/*
 * Nobody runs on the space any more and its root is empty. A CPU that still has it in TTBR0 keeps it, harmless, with
 * its identifier, until another space comes; another CPU than this must forget the tables below the root before they
 * go.
 */
void asid_quiesce(struct vm_space *s)
{
	u64 flags = irq_save();
	bool active = *this_cpu(active_space) == s;

	if (atomic_load(&s->pins) > 1u + active)
		vm_flush_space(s);
	irq_restore(flags);
}

/* A dead space that only this CPU's TTBR0 keeps. Nothing of its identifier is looked up under the empty root. */
static void asid_drain(void)
{
	struct vm_space **active = this_cpu(active_space), *s = *active;

	if (!s || atomic_load(&s->refs))
		return;
	spin_lock(&asid_lock);
	*active = NULL;
	pgtable_switch_user(empty_root, 0);
	spin_unlock(&asid_lock);
	sched_forget_space();
	vm_space_unpin(s);
}

void asid_init(void)
{
	static struct memory_keeper spaces = { .drain = asid_drain };

	memory_keeper_add(&spaces);
}
