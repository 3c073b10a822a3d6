/*
 * Restartable sequences, rseq(2): a stretch of instructions that a thread runs on one CPU without being disturbed, or
 * from its abort handler on. The thread registers a word of memory in which the kernel keeps the number of the CPU, and
 * in which the program names the stretch that it is in (linux/rseq.h).
 *
 * A registered thread is marked (WORK_RSEQ) when it leaves a CPU, by sched.c, and when membarrier(2) asks for it; it
 * looks on its way to user mode, and before a signal's frame is built. A thread that never registered pays nothing for
 * this. What lies in the program's memory is the program's: whatever is wrong with it is a SIGSEGV.
 */
#include <linux/rseq.h>
#include "proc/rseq.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "proc/internal.h"

#define CPU_UNTOLD	~0u
#define SIZE		sizeof(struct rseq)

_Static_assert(SIZE == 32 && offsetof(struct rseq, cpu_id) == 4, "struct rseq as C libraries have it");

/* Both numbers at once: they lie in one word. */
static int cpu_tell(u64 area, u32 start, u32 cpu)
{
	return put_user_u64(area, (u64)cpu << 32 | start);
}

int rseq_register(u64 area, u32 length, u32 flags, u32 signature)
{
	struct thread *t = current();
	struct proc_thread *pt = proc_thread(t);

	if (flags & ~(u32)RSEQ_FLAG_UNREGISTER)
		return -EINVAL;
	if (flags || pt->rseq) {
		if (!pt->rseq || pt->rseq != area || length != SIZE)
			return -EINVAL;
		if (pt->rseq_signature != signature)
			return -EPERM;
		if (!flags)
			return -EBUSY;
		if (cpu_tell(area, 0, RSEQ_CPU_ID_UNINITIALIZED))
			return -EFAULT;
		rseq_forget(t);
		return 0;
	}
	if (area % _Alignof(struct rseq) || length != SIZE)
		return -EINVAL;
	if (!user_range_ok(area, SIZE))
		return -EFAULT;
	/* No area at all is taken, and is none. */
	pt->rseq = area;
	pt->rseq_signature = signature;
	pt->rseq_cpu = CPU_UNTOLD;
	t->work_switched = area ? WORK_RSEQ : 0;
	atomic_fetch_or(&t->work, t->work_switched);
	return 0;
}

void rseq_forget(struct thread *t)
{
	proc_thread(t)->rseq = 0;
	t->work_switched = 0;
}

void rseq_fork(struct thread *t)
{
	struct proc_thread *pt = proc_thread(t), *mine = proc_thread(current());

	pt->rseq = mine->rseq;
	pt->rseq_signature = mine->rseq_signature;
	pt->rseq_cpu = CPU_UNTOLD;
	t->work |= t->work_switched = current()->work_switched;
}

/* The stretch that the program says it is in. 1: pc is in it; 0: it is not; -errno. */
static int section_read(const struct proc_thread *pt, u64 at, u64 pc, struct rseq_cs *cs)
{
	u32 signature, flags;

	if (at >= USER_TOP || copy_from_user(cs, at, sizeof(*cs)))
		return -EFAULT;
	if (cs->start_ip >= USER_TOP || cs->post_commit_offset >= USER_TOP - cs->start_ip || cs->abort_ip >= USER_TOP ||
	    cs->version || cs->abort_ip - cs->start_ip < cs->post_commit_offset)
		return -EINVAL;
	/* No other place than one marked so is jumped to: an attacker's words are not. */
	if (get_user_u32(&signature, cs->abort_ip - 4))
		return -EFAULT;
	if (signature != pt->rseq_signature)
		return -EINVAL;
	if (pc - cs->start_ip >= cs->post_commit_offset)
		return 0;
	if (get_user_u32(&flags, pt->rseq + offsetof(struct rseq, flags)))
		return -EFAULT;
	return cs->flags || flags ? -EINVAL : 1;
}

/* Out of the stretch, if the thread is in one. 0, -errno. */
static int section_leave(struct proc_thread *pt, struct trap_frame *f)
{
	u64 field = pt->rseq + offsetof(struct rseq, rseq_cs), at;
	struct rseq_cs cs;
	int in;

	if (get_user_u64(&at, field))
		return -EFAULT;
	if (!at)
		return 0;
	in = section_read(pt, at, f->pc, &cs);
	if (in < 0 || put_user_u64(field, 0))
		return -EFAULT;
	if (in)
		f->pc = cs.abort_ip;
	return 0;
}

bool rseq_disturbed(struct trap_frame *f)
{
	struct thread *t = current();
	struct proc_thread *pt = proc_thread(t);
	u32 cpu;

	if (!t->work_switched)
		return true;
	if (section_leave(pt, f))
		return false;
	/* If the thread is moved from here on it comes by once more. */
	cpu = READ_ONCE(t->cpu);
	if (cpu != pt->rseq_cpu && cpu_tell(pt->rseq, cpu, cpu))
		return false;
	pt->rseq_cpu = cpu;
	return true;
}

void rseq_disturb(void *space)
{
	struct thread *t = current();

	if (t->space == space)
		atomic_fetch_or(&t->work, t->work_switched);
}
