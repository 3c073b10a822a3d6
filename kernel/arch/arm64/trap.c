/*
 * Synchronous exceptions: what happened, and whom to tell. vectors.S calls;
 * this file calls up through upcall.h. Syndromes: Arm ARM D17.2.37 (ESR_EL1).
 */
#include "arch/arm64/asm.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/firmware.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/ucopy.h"
#include "arch/arm64/upcall.h"
#include "base/string.h"

_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "vectors.S");
_Static_assert(offsetof(struct trap_frame, sp) == FRAME_SP, "vectors.S");
_Static_assert(offsetof(struct trap_frame, pc) == FRAME_PC, "vectors.S");
_Static_assert(offsetof(struct trap_frame, pstate) == FRAME_PSTATE, "vectors.S");
_Static_assert(offsetof(struct trap_frame, syscall) == FRAME_SYSCALL, "vectors.S");
_Static_assert(offsetof(struct trap_frame, orig_x0) == FRAME_ORIG_X0, "vectors.S");

enum {
	EC_UNKNOWN = 0x00, EC_FP_TRAP = 0x07, EC_ILLEGAL = 0x0e, EC_SYSREG = 0x18,
	EC_IABORT_LOW = 0x20, EC_PC_ALIGN = 0x22, EC_DABORT_LOW = 0x24, EC_DABORT = 0x25, EC_IABORT = 0x21,
	EC_SP_ALIGN = 0x26, EC_FP_EXC = 0x2c, EC_STEP_LOW = 0x32, EC_WATCH_LOW = 0x34, EC_BREAK_LOW = 0x30, EC_BRK = 0x3c,
};
#define ESR_EC(e)	((e) >> 26 & 0x3f)
#define ESR_WNR		(1u << 6)
#define ESR_CM		(1u << 8)
#define ESR_FSC(e)	((e) & 0x3f)
#define FSC_ALIGNMENT	0x21
#define PSTATE_I	0x80
static inline bool fsc_translation(u32 f) { return (f & 0x3c) == 0x04 || (f & 0x3c) == 0x08; }
static inline bool fsc_permission(u32 f) { return (f & 0x3c) == 0x0c; }
static inline bool fsc_external(u32 f) { return f == 0x10; }

_Static_assert(offsetof(struct firmware_call, sp) == 96, "firmware_call.S");
_Static_assert(offsetof(struct firmware_call, thread) == 104, "firmware_call.S");
extern char firmware_return[];
struct firmware_call *firmware_running;

struct extable_entry { s32 from, to; };
extern const struct extable_entry _extable_start[], _extable_end[];

char overflow_stack[4096] aligned(16);

u64 trap_stack_top(void);
void trap_user_sync(struct trap_frame *f, u64 esr, u64 far);
noreturn void trap_user_bad(struct trap_frame *f, u64 esr);
void trap_kernel_sync(struct trap_frame *f, u64 esr, u64 far);
noreturn void trap_stack_overflow(struct trap_frame *f, u64 esr, u64 far);
noreturn void trap_kernel_bad(struct trap_frame *f, u64 esr, u64 far);

/* Of the stack we run on: the slot's end, less the 16 bytes that hold the thread's address. */
u64 trap_stack_top(void)
{
	u64 here = (u64)__builtin_frame_address(0);

	return ALIGN_DOWN(here, KSTACK_SLOT) + KSTACK_SLOT - 16;
}

struct trap_frame *trap_user_frame(void)
{
	return (struct trap_frame *)(trap_stack_top() - FRAME_SIZE);
}

static u32 fault_flags(u32 ec, u32 esr)
{
	u32 flags = 0;

	if (ec == EC_IABORT_LOW)
		flags |= FAULT_EXEC;
	else if ((esr & ESR_WNR) && !(esr & ESR_CM))
		flags |= FAULT_WRITE;
	if (fsc_permission(ESR_FSC(esr)))
		flags |= FAULT_PERM;
	return flags;
}

void trap_user_sync(struct trap_frame *f, u64 esr, u64 far)
{
	u32 ec = ESR_EC(esr), fsc = ESR_FSC(esr);

	switch (ec) {
	case EC_IABORT_LOW:
	case EC_DABORT_LOW:
		far = far << 8 >> 8 | (far & BIT(55) ? 0xffull << 56 : 0);	/* the tag byte is not address */
		if (fsc_translation(fsc) || fsc_permission(fsc))
			vm_fault(f, far, fault_flags(ec, esr) | FAULT_USER);
		else
			user_exception(f, fsc == FSC_ALIGNMENT ? USER_ALIGNMENT : USER_BUS_ERROR, far, esr);
		break;
	case EC_PC_ALIGN:
		user_exception(f, USER_PC_ALIGNMENT, far, esr);
		break;
	case EC_SP_ALIGN:
		user_exception(f, USER_SP_ALIGNMENT, f->sp, esr);
		break;
	case EC_BRK:
	case EC_BREAK_LOW:
	case EC_WATCH_LOW:
		user_exception(f, USER_BREAKPOINT, f->pc, esr);
		break;
	case EC_STEP_LOW:
		user_exception(f, USER_STEP, f->pc, esr);
		break;
	case EC_FP_EXC:
		user_exception(f, USER_FP, f->pc, esr);
		break;
	case EC_UNKNOWN:
	case EC_ILLEGAL:
	case EC_SYSREG:
	case EC_FP_TRAP:
		user_exception(f, USER_UNDEFINED, f->pc, esr);
		break;
	default:
		user_exception(f, USER_OTHER, f->pc, esr);
	}
}

void trap_user_bad(struct trap_frame *f, u64 esr)
{
	kernel_fault(f, esr, 0, "exception of a kind that programs here can't raise");
}

/* Where to go on after a faulting access that may fault, 0: none. */
static u64 extable_find(u64 pc)
{
	for (const struct extable_entry *e = _extable_start; e < _extable_end; e++)
		if ((u64)&e->from + e->from == pc)
			return (u64)&e->to + e->to;
	return 0;
}

/* In a copy routine, or in mmio_probe32, where the address of an abort from outside says nothing. */
static bool fault_expected(struct trap_frame *f, u64 esr, u64 far)
{
	u32 ec = ESR_EC(esr), fsc = ESR_FSC(esr);
	u64 fixup;

	if (ec != EC_DABORT || (far >= USER_TOP && !fsc_external(fsc)))
		return false;
	fixup = extable_find(f->pc);
	if (!fixup)
		return false;
	if ((fsc_translation(fsc) || fsc_permission(fsc)) && !(f->pstate & PSTATE_I)) {
		int r;

		irq_enable();
		r = vm_fault(f, far, fault_flags(ec, esr));
		irq_disable();
		if (!r)
			return true;
	}
	f->pc = fixup;
	return true;
}

/* In firmware that this thread called: the call ends. Its code is where no kernel code is, in the lower half. */
static bool firmware_ended(struct trap_frame *f, u64 esr, u64 far)
{
	struct firmware_call *c = READ_ONCE(firmware_running);

	if (!c || c->thread != current() || f->pc >= USER_TOP)
		return false;
	c->pc = f->pc;
	c->address = far;
	c->esr = esr;
	f->x[0] = FIRMWARE_FAULT;
	f->x[1] = (u64)c;
	f->pc = (u64)firmware_return;
	return true;
}

void trap_kernel_sync(struct trap_frame *f, u64 esr, u64 far)
{
	u32 ec = ESR_EC(esr);
	const char *what = "unexpected exception";

	if (fault_expected(f, esr, far) || firmware_ended(f, esr, far))
		return;
	if (ec == EC_DABORT || ec == EC_IABORT) {
		if (far < USER_TOP)
			what = ec == EC_IABORT ? "jump to user memory" :
			       fsc_permission(ESR_FSC(esr)) ? "access to user memory outside the copy routines" :
			       "access to a user address";
		else if (fsc_permission(ESR_FSC(esr)))
			what = ec == EC_IABORT ? "execution of data" : "write to read-only memory";
		else if (fsc_external(ESR_FSC(esr)))
			what = "the bus answered an access with an abort";
		else
			what = "access to an unmapped kernel address";
	} else if (ec == EC_BRK) {
		what = "BRK";
	} else if (ec == EC_UNKNOWN) {
		what = "undefined instruction";
	} else if (ec == EC_FP_TRAP) {
		what = "FP/SIMD instruction in the kernel";
	}
	kernel_fault(f, esr, far, what);
}

bool mmio_probe32(const volatile void *a, u32 *v)
{
	u32 value, there = 1;

	__asm__ volatile(
		"1:	ldr	%w0, [%2]\n"
		"	b	3f\n"
		"2:	mov	%w0, #0\n"
		"	mov	%w1, #0\n"
		"3:\n"
		"	.pushsection .extable, \"a\"\n"
		"	.balign	4\n"
		"	.long	1b - ., 2b - .\n"
		"	.popsection"
		: "=&r"(value), "+r"(there) : "r"(a) : "memory");
	*v = value;
	return there;
}

void trap_stack_overflow(struct trap_frame *f, u64 esr, u64 far)
{
	kernel_fault(f, esr, far, "kernel stack overflow");
}

void trap_kernel_bad(struct trap_frame *f, u64 esr, u64 far)
{
	u64 isr = sysreg_read(isr_el1);

	kernel_fault(f, esr, far, isr & 0x40 ? "FIQ" : "SError or exception on the wrong stack");
}
