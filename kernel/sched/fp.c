/*
 * Lazy switching of FP/SIMD registers (fp.h).
 */
#include "sched/fp.h"
#include "core/percpu.h"
#include "mm/slab.h"

static DEFINE_PERCPU(struct thread *, fp_owner);	/* [own CPU, interrupts masked] */
static struct slab_cache *fp_cache;

void fp_switch_in(struct thread *next)
{
	struct thread **owner = this_cpu(fp_owner);

	if (*owner == next && next->fp_cpu == cpu_id())
		return;
	if (*owner && cpus_present == 1)
		fp_registers_save((*owner)->fp);
	fp_registers_load(next->fp);
	*owner = next;
	next->fp_cpu = cpu_id();
}

void fp_switch_out(struct thread *prev)
{
	if (*this_cpu(fp_owner) == prev)
		fp_registers_save(prev->fp);
}

void fp_flush(void)
{
	u64 flags = irq_save();

	if (*this_cpu(fp_owner) == current())
		fp_registers_save(current()->fp);
	irq_restore(flags);
}

void fp_reload(void)
{
	u64 flags = irq_save();
	struct thread **owner = this_cpu(fp_owner);

	if (*owner && *owner != current() && cpus_present == 1)
		fp_registers_save((*owner)->fp);
	fp_registers_load(current()->fp);
	*owner = current();
	current()->fp_cpu = cpu_id();
	irq_restore(flags);
}

void fp_forget(struct thread *t)
{
	u64 flags = irq_save();

	if (*this_cpu(fp_owner) == t)
		*this_cpu(fp_owner) = NULL;
	irq_restore(flags);
}

struct fp_state *fp_state_new(void)
{
	return slab_zalloc(fp_cache);
}

void fp_state_free(struct fp_state *s)
{
	slab_free(fp_cache, s);
}

void fp_init(void)
{
	fp_cache = slab_cache_create("fp_state", sizeof(struct fp_state), 16);
}
