/*
 * The signal frame: what a handler finds on its stack, and how rt_sigreturn
 * goes back. The layout is Linux's for arm64 (asm/sigcontext.h): siginfo,
 * ucontext, a list of records with the FP/SIMD registers first; above it a
 * frame record, so that unwinders walk on into the interrupted function.
 *
 * What comes back from the program is hostile: record sizes and the processor
 * state are checked before anything is changed.
 */
#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "proc/internal.h"
#include "sched/fp.h"
#include "core/vdso_data.h"
#include "vm/vm_space.h"

struct rt_sigframe {
	siginfo_t info;
	struct ucontext uc;
};

struct frame_record { u64 fp, lr; };

#define PSTATE_NZCV	0xf0000000ull
#define PSTATE_KEPT	(PSTATE_NZCV | BIT(12) | BIT(24))	/* and SSBS, DIT: programs may set them */
#define PSTATE_FORBIDDEN 0x003003dfull				/* mode, DAIF, SS, IL */
#define PSTATE_BTYPE	(BIT(10) | BIT(11))
#define PSTATE_TCO	BIT(25)

_Static_assert(sizeof(struct fpsimd_context) == 528, "record of the FP/SIMD registers");
_Static_assert(sizeof(struct rt_sigframe) == 4688, "Linux's arm64 signal frame");

void siginfo_write(siginfo_t *out, const struct signal_info *info)
{
	memset(out, 0, sizeof(*out));
	out->si_signo = info->signo;
	out->si_errno = info->error;
	out->si_code = info->code;
	if (info->code == SI_TIMER) {
		out->si_tid = info->timer_id;
		out->si_overrun = info->overrun;
		out->si_ptr = (void *)info->address;
	} else if (info->code <= 0) {
		out->si_pid = info->pid;
		out->si_uid = info->uid;
		out->si_ptr = (void *)info->address;
	} else if (info->code == SI_KERNEL && info->signo != SIGSEGV) {
		out->si_pid = 0;
	} else if (info->signo == SIGCHLD) {
		out->si_pid = info->pid;
		out->si_uid = info->uid;
		out->si_status = info->status;
		out->si_utime = info->utime;
		out->si_stime = info->stime;
	} else if (info->signo == SIGPOLL || info->signo >= SIGRTMIN) {
		out->si_band = info->status;
		out->si_fd = info->pid;
	} else {
		out->si_addr = (void *)info->address;
	}
}

/* ---- the alternate stack ---- */

static bool on_altstack(const struct proc_thread *pt, u64 sp)
{
	/* With SS_AUTODISARM it is never "in use": the handler runs with none set. */
	return !(pt->altstack_flags & SS_AUTODISARM) && sp > pt->altstack_base &&
		sp - pt->altstack_base <= pt->altstack_size;
}

void altstack_get(u64 sp, struct altstack *a)
{
	const struct proc_thread *pt = proc_thread(current());

	a->base = pt->altstack_base;
	a->size = pt->altstack_size;
	a->flags = !pt->altstack_size ? SS_DISABLE : on_altstack(pt, sp) ? SS_ONSTACK : 0;
	a->flags |= pt->altstack_flags & SS_AUTODISARM;
}

int altstack_set(u64 sp, const struct altstack *a)
{
	struct proc_thread *pt = proc_thread(current());
	u32 mode = a->flags & ~SS_AUTODISARM;

	if (on_altstack(pt, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode != SS_DISABLE && a->size < MINSIGSTKSZ)
		return -ENOMEM;
	pt->altstack_base = mode == SS_DISABLE ? 0 : a->base;
	pt->altstack_size = mode == SS_DISABLE ? 0 : a->size;
	pt->altstack_flags = a->flags & SS_AUTODISARM;
	return 0;
}

/* ---- into the handler ---- */

/* Fill the records; returns how many bytes of the frame are to be written. */
static size_t fill_records(struct rt_sigframe *frame)
{
	struct thread *t = current();
	struct proc_thread *pt = proc_thread(t);
	u8 *at = frame->uc.uc_mcontext.__reserved;
	struct fpsimd_context *fp = (struct fpsimd_context *)at;
	struct _aarch64_ctx *end;

	fp_flush();
	fp->head.magic = FPSIMD_MAGIC;
	fp->head.size = sizeof(*fp);
	fp->fpsr = t->fp->fpsr;
	fp->fpcr = t->fp->fpcr;
	memcpy(fp->vregs, t->fp->v, sizeof(fp->vregs));
	at += sizeof(*fp);
	if (pt->fault_esr) {
		struct esr_context *esr = (struct esr_context *)at;

		esr->head.magic = ESR_MAGIC;
		esr->head.size = sizeof(*esr);
		esr->esr = pt->fault_esr;
		at += sizeof(*esr);
	}
	end = (struct _aarch64_ctx *)at;
	end->magic = end->size = 0;
	return at + sizeof(*end) - (u8 *)frame;
}

int sigframe_push(struct trap_frame *f, const struct signal_action *a, const struct signal_info *info, u64 saved_mask)
{
	struct proc_thread *pt = proc_thread(current());
	struct rt_sigframe frame;
	struct frame_record record = { f->x[29], f->x[30] };
	struct altstack alt;
	u64 sp = f->sp, record_at, frame_at;
	size_t size;

	altstack_get(sp, &alt);
	/* A stack that grew out of the alternate one must not come round at its top. */
	if ((a->flags & SA_ONSTACK) && pt->altstack_size && !on_altstack(pt, sp))
		sp = pt->altstack_base + pt->altstack_size;
	record_at = ALIGN_DOWN(sp - sizeof(record), 16);
	frame_at = ALIGN_DOWN(record_at - sizeof(frame), 16);
	if (on_altstack(pt, sp) && frame_at < pt->altstack_base)
		return -EFAULT;

	siginfo_write(&frame.info, info);
	memset(&frame.uc, 0, offsetof(struct ucontext, uc_mcontext));
	frame.uc.uc_stack.ss_sp = (void *)alt.base;
	frame.uc.uc_stack.ss_flags = alt.flags;
	frame.uc.uc_stack.ss_size = alt.size;
	memcpy(&frame.uc.uc_sigmask, &saved_mask, sizeof(saved_mask));
	memcpy(frame.uc.uc_mcontext.regs, f->x, sizeof(f->x));
	frame.uc.uc_mcontext.sp = f->sp;
	frame.uc.uc_mcontext.pc = f->pc;
	frame.uc.uc_mcontext.pstate = f->pstate;
	frame.uc.uc_mcontext.fault_address = pt->fault_address;
	/* The hole in front of the records goes to the program too. */
	memset(frame.uc.uc_mcontext.__reserved - 8, 0, 8);
	size = fill_records(&frame);
	if (copy_to_user(frame_at, &frame, size) || copy_to_user(record_at, &record, sizeof(record)))
		return -EFAULT;

	pt->fault_address = pt->fault_esr = 0;
	if (pt->altstack_flags & SS_AUTODISARM)
		pt->altstack_base = pt->altstack_size = pt->altstack_flags = 0;
	f->x[0] = info->signo;
	if (a->flags & SA_SIGINFO) {
		f->x[1] = frame_at + offsetof(struct rt_sigframe, info);
		f->x[2] = frame_at + offsetof(struct rt_sigframe, uc);
	}
	f->x[29] = record_at;
	f->x[30] = a->flags & SA_RESTORER ? a->restorer : current()->space->vdso + VDSO_SIGRETURN;
	f->sp = frame_at;
	f->pc = a->handler;
	f->pstate &= ~(PSTATE_BTYPE | PSTATE_TCO);
	return 0;
}

/* ---- and back ---- */

/* Where the FP/SIMD record lies in the frame's records; 0: none, or they are malformed. */
static u64 find_fpsimd(u64 records)
{
	u64 at = records, end = records + sizeof(((struct sigcontext *)0)->__reserved), found = 0;
	struct _aarch64_ctx head;

	while (end - at >= sizeof(head)) {
		if (copy_from_user(&head, at, sizeof(head)))
			return 0;
		switch (head.magic) {
		case 0:
			return head.size ? 0 : found;
		case FPSIMD_MAGIC:
			if (found || head.size < sizeof(struct fpsimd_context))
				return 0;
			found = at;
			break;
		case ESR_MAGIC:
			break;
		default:
			return 0;
		}
		if (head.size < sizeof(head) || head.size & 15 || head.size > end - at)
			return 0;
		at += head.size;
	}
	return 0;
}

int sigframe_pop(struct trap_frame *f)
{
	struct thread *t = current();
	u64 frame_at = f->sp, context, fp_at, mask;
	struct { u64 regs[31], sp, pc, pstate; } regs;
	struct { u64 base; s32 flags; u32 pad; u64 size; } stack;
	struct fpsimd_context fp;
	struct altstack alt;

	if (frame_at & 15 || !user_range_ok(frame_at, sizeof(struct rt_sigframe)))
		return -EFAULT;
	context = frame_at + offsetof(struct rt_sigframe, uc.uc_mcontext);
	if (copy_from_user(&regs, context + offsetof(struct sigcontext, regs), sizeof(regs)) ||
	    copy_from_user(&mask, frame_at + offsetof(struct rt_sigframe, uc.uc_sigmask), sizeof(mask)) ||
	    copy_from_user(&stack, frame_at + offsetof(struct rt_sigframe, uc.uc_stack), sizeof(stack)))
		return -EFAULT;
	if (regs.pstate & PSTATE_FORBIDDEN)
		return -EFAULT;
	fp_at = find_fpsimd(context + offsetof(struct sigcontext, __reserved));
	if (!fp_at || copy_from_user(&fp, fp_at, sizeof(fp)))
		return -EFAULT;

	memcpy(f->x, regs.regs, sizeof(f->x));
	f->sp = regs.sp;
	f->pc = regs.pc;
	f->pstate = regs.pstate & PSTATE_KEPT;
	f->syscall = SYSCALL_NONE;
	memcpy(t->fp->v, fp.vregs, sizeof(fp.vregs));
	t->fp->fpsr = fp.fpsr;
	t->fp->fpcr = fp.fpcr;
	fp_reload();
	signal_set_blocked(mask);
	alt = (struct altstack){ stack.base, stack.flags, stack.size };
	/* As on Linux, a bad stack here is ignored. */
	(void)altstack_set(f->sp, &alt);
	return 0;
}
