/*
 * A panic ends the test program, unless the test waits for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include "host.h"
#include "core/panic.h"
#include "sched/thread.h"

int kernel_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

struct machine_ops machine_ops;

static jmp_buf *expected;
static struct thread *expecter;		/* no other thread can jump to it */
static u32 count_before;

void host_panic_expect(jmp_buf *jump)
{
	expected = jump;
	expecter = current();
	count_before = preempt_count();
}

noreturn void panic(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	kernel_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (expected && current() == expecter) {
		jmp_buf *jump = expected;

		expected = NULL;
		current()->preempt.count = count_before;
		current()->state = THREAD_RUNNABLE;
		host_irqs_masked = false;
		longjmp(*jump, 1);
	}
	fflush(stdout);
	fprintf(stderr, "kernel panic: %s\n", line);
	abort();
}

noreturn void machine_end(bool reboot)
{
	panic("the machine ends (%s)", reboot ? "reboot" : "power off");
}

void backtrace_print(u64 fp, u64 pc) { }
size_t backtrace_save(u64 *pcs, size_t max) { return 0; }
