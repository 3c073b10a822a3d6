/*
 * The generic timer, EL1's virtual one: the hardware under sched/timer.
 * Each CPU has a comparator; its line is private and a level. One-shot only:
 * with nothing to wait for it is off, and the machine takes no interrupt.
 *
 * Source: Arm ARM DDI 0487, D11.2 (CNTV_CVAL_EL0, CNTV_CTL_EL0).
 */
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "core/clock.h"
#include "core/log.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "irq/irq.h"
#include "irq/domain.h"
#include "sched/timer.h"

#define CTL_ENABLE	1
#define CTL_OFF		0

static void generic_timer_set_next(u64 deadline)
{
	u64 now;

	if (deadline == ~0ull) {
		sysreg_write(cntv_ctl_el0, CTL_OFF);
		return;
	}
	now = clock_ns();
	/* One tick late rather than early: an early one would find nothing due and be set again. */
	sysreg_write(cntv_cval_el0, counter_read() + (deadline > now ? clock_ns_to_ticks(deadline - now) + 1 : 0));
	sysreg_write(cntv_ctl_el0, CTL_ENABLE);
}

/* The line stays up while the comparator has passed: switch off first, timer_interrupt sets the next. */
static enum irq_result generic_timer_irq(void *arg)
{
	sysreg_write(cntv_ctl_el0, CTL_OFF);
	isb();
	timer_interrupt(irq_interrupted_user());
	return IRQ_HANDLED;
}

static const struct timer_hw generic_timer = { .set_next = generic_timer_set_next };

static int generic_timer_probe(void)
{
	struct irq *irq;
	int err;

	if (!platform.timer.virt_intid)
		return -ENODEV;
	sysreg_write(cntv_ctl_el0, CTL_OFF);
	irq = irq_from_firmware(platform.timer.virt_intid, platform.timer.trigger);
	if (is_err(irq))
		return ptr_err(irq);
	err = irq_attach(irq, generic_timer_irq, &generic_timer_probe, "arch_timer");
	if (err) {
		irq_destroy(irq);
		return err;
	}
	timer_hw_register(&generic_timer);
	irq_unmask(irq);
	return 0;
}
PLATFORM_DRIVER(generic_timer, DRIVER_TIMER, generic_timer_probe);
