/*
 * What an exception saves on the kernel stack, and what arch code offers for
 * entering user mode and for describing a fault.
 */
#pragma once
#include "base/defs.h"

/* Layout known to vectors.S. */
struct trap_frame {
	u64 x[31];		/* x0..x30 */
	u64 sp;			/* SP_EL0 for a user frame, else the interrupted SP */
	u64 pc;			/* ELR_EL1 */
	u64 pstate;		/* SPSR_EL1 */
	u64 syscall;		/* the call's number, ~0 when this is none (for restart) */
	u64 orig_x0;		/* x0 as the call came in (for restart) */
};

#define SYSCALL_NONE	(~0ull)

static inline bool trap_from_user(const struct trap_frame *f) { return (f->pstate & 0xf) == 0; }

/* The user frame at the top of the current thread's kernel stack. Process context. */
struct trap_frame *trap_user_frame(void);

/* Begin in user mode with these registers; never returns. The current thread's stack is reset. */
noreturn void trap_enter_user(const struct trap_frame *f);

/* Kinds of exception that arch reports upwards (user_exception). */
enum user_fault {
	USER_UNDEFINED,		/* undefined instruction: SIGILL ILL_ILLOPC */
	USER_ALIGNMENT,		/* SIGBUS BUS_ADRALN */
	USER_PC_ALIGNMENT,	/* SIGBUS BUS_ADRALN */
	USER_SP_ALIGNMENT,	/* SIGBUS BUS_ADRALN */
	USER_BREAKPOINT,	/* brk: SIGTRAP TRAP_BRKPT */
	USER_STEP,		/* single step: SIGTRAP TRAP_TRACE */
	USER_FP,		/* trapped FP exception: SIGFPE */
	USER_BUS_ERROR,		/* external abort: SIGBUS BUS_OBJERR */
	USER_OTHER,		/* anything else: SIGILL */
};

/* How memory was touched (vm_fault). */
#define FAULT_WRITE	1
#define FAULT_EXEC	2
#define FAULT_USER	4	/* from EL0; otherwise from a copy routine */
#define FAULT_PERM	8	/* a translation existed but forbade it */
