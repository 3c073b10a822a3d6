/*
 * The frame that a handler runs on is one that unwinders know: libgcc's goes from a handler through the
 * kernel's frame to the instruction that faulted, and on to who called that, be the way back the vDSO's or the
 * program's own. tests/vm/process_test.py runs it. Built against glibc, which libgcc's unwinder is made for.
 */
#include "check.h"
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unwind.h>

static uintptr_t fault_begin, fault_at, caller_begin;
static int frames, found_fault, found_caller;

static _Unwind_Reason_Code look(struct _Unwind_Context *c, void *arg)
{
	int before = 0;
	uintptr_t ip = _Unwind_GetIPInfo(c, &before), begin = _Unwind_GetRegionStart(c);

	(void)arg;
	if (++frames > 30)
		return _URC_END_OF_STACK;
	if (begin == fault_begin) {
		/* The very instruction, not one that comes back from a call. */
		EXPECT(before);
		SAME(ip, fault_at);
		SAME(_Unwind_GetGR(c, 19), 0x1919);
		found_fault++;
	}
	found_caller += begin == caller_begin;
	return _URC_NO_REASON;
}

static void handler(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;

	(void)sig, (void)info;
	fault_at = u->uc_mcontext.pc;
	_Unwind_Backtrace(look, NULL);
	_exit(found_fault == 1 && found_caller == 1 ? 0 : 98);
}

/* With something in a register that the handler's own code may have saved anywhere. */
__attribute__((noinline)) static void fault(void)
{
	asm volatile("mov x19, #0x1919\n ldrb w0, [%0]" : : "r"(nowhere) : "x0", "x19", "memory");
}

__attribute__((noinline)) static void caller(void)
{
	fault();
	asm volatile("" ::: "memory");
}

static void begin(void)
{
	fault_begin = (uintptr_t)fault;
	caller_begin = (uintptr_t)caller;
}

CHECK(by_the_vdso_s_way_back)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	begin();
	SAME(sigaction(SIGSEGV, &a, NULL), 0);
	caller();
	EXPECT(!"it faulted");
}

void restorer(void);
asm(".text\n restorer: mov x8, #139\n svc #0\n");

CHECK(by_the_program_s)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } a = {
		handler, SA_SIGINFO | 0x04000000, restorer, 0 };	/* SA_RESTORER */

	begin();
	SAME(syscall(SYS_rt_sigaction, SIGSEGV, &a, NULL, 8), 0);
	caller();
	EXPECT(!"it faulted");
}
