/*
 * Panic, backtraces and faults of the kernel itself (panic.h). Frames are
 * walked by the frame pointer, each address checked to lie in the stack that
 * it came from.
 */
#include "core/panic.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/upcall.h"
#include "base/atomic.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "core/param.h"
#include "core/symbols.h"

#define BACKTRACE_MAX 32

struct machine_ops machine_ops;
static u32 panicking;
static enum { PANIC_POWER_OFF, PANIC_HALT, PANIC_REBOOT } panic_action;

static int set_panic(const char *v)
{
	/* Linux: seconds until reboot, 0 for ever, negative at once. A delay would have to be spun: any other than 0 is at
	 * once. */
	panic_action = strcmp(v, "0") ? PANIC_REBOOT : PANIC_HALT;
	return 0;
}
PARAM("panic", set_panic);

/* The next frame record: within the same kernel stack, aligned, upwards. */
static bool frame_ok(u64 fp, u64 from)
{
	return fp && IS_ALIGNED(fp, 8) && fp >> 48 == 0xffff && fp > from &&
	       ALIGN_DOWN(fp, KSTACK_SLOT) == ALIGN_DOWN(from, KSTACK_SLOT) && (fp & (KSTACK_SLOT - 1)) <= KSTACK_SLOT - 16;
}

static size_t walk(u64 fp, u64 *pcs, size_t max)
{
	size_t n = 0;
	u64 from = fp - 8;

	while (n < max && frame_ok(fp, from)) {
		const u64 *record = (const u64 *)fp;

		if (!record[1])
			break;
		pcs[n++] = record[1];
		from = fp;
		fp = record[0];
	}
	return n;
}

static void print_address(u64 pc, u64 back)
{
	u64 offset;
	const char *name = symbol_find(pc - back, &offset);

	if (name)
		log_err("  %016llx %s+0x%llx", (unsigned long long)pc, name, (unsigned long long)(offset + back));
	else
		log_err("  %016llx", (unsigned long long)pc);
}

void backtrace_print(u64 fp, u64 pc)
{
	u64 pcs[BACKTRACE_MAX];
	size_t n = walk(fp, pcs, BACKTRACE_MAX);

	log_err("Backtrace:");
	if (pc)
		print_address(pc, 0);
	for (size_t i = 0; i < n; i++)
		print_address(pcs[i], 4);
}

size_t backtrace_save(u64 *pcs, size_t max)
{
	return walk((u64)__builtin_frame_address(0), pcs, max);
}

noreturn void machine_end(bool reboot)
{
	irq_disable();
	if (reboot && machine_ops.reset)
		machine_ops.reset();
	if (machine_ops.power_off)
		machine_ops.power_off();
	for (;;)
		cpu_wait_irq();
}

/* pvpanic first, so that the hypervisor knows; then as panic= says. Where nothing was said the machine is turned
 * off. */
static noreturn void panic_end(void)
{
	if (machine_ops.panic_notify)
		machine_ops.panic_notify();
	if (panic_action != PANIC_HALT)
		machine_end(panic_action == PANIC_REBOOT);
	for (;;)
		cpu_wait_irq();
}

/* The first CPU to get here goes on; a panic within a panic ends at once. */
static void panic_begin(void)
{
	irq_disable();
	if (atomic_xchg(&panicking, 1u))
		panic_end();
	if (machine_ops.stop_others)
		machine_ops.stop_others();
	log_panic_mode();
}

noreturn void panic(const char *fmt, ...)
{
	char text[384];
	va_list ap;

	panic_begin();
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_at(LOG_EMERG, "Kernel panic: %s", text);
	backtrace_print((u64)__builtin_frame_address(0), 0);
	log_at(LOG_EMERG, "---[ end of panic: %s ]---", text);
	panic_end();
}

noreturn void kernel_fault(struct trap_frame *f, u64 esr, u64 far, const char *what)
{
	panic_begin();
	log_at(LOG_EMERG, "Kernel fault: %s: pc %016llx address %016llx ESR %08llx", what,
	       (unsigned long long)f->pc, (unsigned long long)far, (unsigned long long)esr);
	for (int i = 0; i < 30; i += 3)
		log_err("  x%-2d %016llx  x%-2d %016llx  x%-2d %016llx", i, (unsigned long long)f->x[i], i + 1,
			(unsigned long long)f->x[i + 1], i + 2, (unsigned long long)f->x[i + 2]);
	log_err("  lr  %016llx  sp  %016llx  pstate %llx", (unsigned long long)f->x[30], (unsigned long long)f->sp,
		(unsigned long long)f->pstate);
	backtrace_print(f->x[29], f->pc);
	log_at(LOG_EMERG, "---[ end of panic: %s ]---", what);
	panic_end();
}
