#ifdef CONFIG_DEBUG
/*
 * Faults on purpose, in debug builds: selftest=NAME on the command line runs
 * one while the init thread boots. The VM tests ask for each and look for the
 * message; "wx" is the one that must find nothing.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/pgtable.h"
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/param.h"
#include "dev/device.h"
#include "mm/page.h"
#include "sched/mutex.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "vm/vm_space.h"

/* ---- mappings ---- */

struct wx_count { u64 mappings, executable, bad; };

static int wx_look(u64 va, u64 *pte, u64 size, void *arg)
{
	struct wx_count *n = arg;
	bool writable = pte_writable(*pte), kernel_exec = !(*pte & PTE_PXN), user_exec = !(*pte & PTE_UXN);

	n->mappings++;
	n->executable += kernel_exec;
	if ((kernel_exec || user_exec) && writable) {
		log_err("selftest: %016llx is writable and executable", (unsigned long long)va);
		n->bad++;
	}
	return 0;
}

static void test_wx(void)
{
	struct wx_count n = { 0 };

	pgtable_visit(kernel_root, 0xffffull << 48, ~0ull, wx_look, &n);
	log_warn("selftest: wx: %llu mappings, %llu executable, %llu writable and executable",
		(unsigned long long)n.mappings,
		 (unsigned long long)n.executable, (unsigned long long)n.bad);
}

static void test_write_text(void)
{
	*(volatile u32 *)(u64)test_wx = 0;
}

/* A user page is mapped and filled by the copy routines; reading it directly must fault. */
static void test_user_read(void)
{
	struct vm_space *s = vm_space_new();
	s64 at;
	u32 word = 0x600d;

	BUG_ON(!s);
	at = vm_map(s, 0x10000, PAGE_SIZE, VM_READ | VM_WRITE, true, false, NULL, 0, NULL);
	BUG_ON(at < 0);
	sched_set_space(s);
	BUG_ON(put_user_u32(at, word) || get_user_u32(&word, at) || word != 0x600d);
	log_warn("selftest: the copy routines reach user memory");
	word = *(volatile u32 *)at;
	log_warn("selftest: user memory was read: %x", word);
}

static noinline u64 recurse(u64 n)
{
	volatile u64 local[64];

	local[n % 64] = n;
	if (n == ~0ull)
		return 0;
	return recurse(n + 1) + local[n % 64];
}

static void test_stack(void)
{
	log_warn("selftest: recursion ended: %llu", (unsigned long long)recurse(0));
}

/* ---- locks ---- */

static struct spinlock lock_a = SPINLOCK_INIT("selftest a"), lock_b = SPINLOCK_INIT("selftest b");
static struct mutex mutex_a = MUTEX_INIT(mutex_a, "selftest mutex");

static void test_lock_order(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);
	spin_lock(&lock_b);
	spin_lock(&lock_a);
}

static void test_lock_twice(void)
{
	static struct spinlock locks[2];

	for (int i = 0; i < 2; i++)
		spin_init(&locks[i], "selftest twin");
	spin_lock(&locks[0]);
	spin_lock(&locks[1]);
}

static void lock_in_softirq(struct timer *t)
{
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
}

static void test_lock_softirq(void)
{
	static struct timer t;

	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	timer_init(&t, lock_in_softirq);
	timer_set(&t, clock_ns());
	(void)wait_until(clock_ns() + NSEC_PER_SEC);
}

/* What an interrupt handler would do, in its context. */
static void test_lock_irq(void)
{
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	irq_disable();
	preempt_current()->count += HARDIRQ_ONE;
	spin_lock(&lock_a);
}

static void test_lock_sleep(void)
{
	spin_lock(&lock_a);
	(void)wait_until(WAIT_FOREVER);
}

static void test_mutex_atomic(void)
{
	preempt_disable();
	mutex_lock(&mutex_a);
}

static const struct { const char *name; void (*run)(void); } tests[] = {
	{ "wx", test_wx }, { "write-text", test_write_text }, { "user-read", test_user_read }, { "stack", test_stack },
	{ "lock-order", test_lock_order }, { "lock-twice", test_lock_twice }, { "lock-softirq", test_lock_softirq },
	{ "lock-irq", test_lock_irq }, { "lock-sleep", test_lock_sleep }, { "mutex-atomic", test_mutex_atomic },
};

static int selftest_run(void)
{
	const char *name = param_find("selftest");

	for (u32 i = 0; name && i < ARRAY_SIZE(tests); i++)
		if (!strcmp(tests[i].name, name)) {
			log_warn("selftest: %s", name);
			tests[i].run();
			log_warn("selftest: %s: done", name);
		}
	return 0;
}
INIT(selftest, INIT_LATE, selftest_run);

/* The word is ours, not init's. */
static int selftest_word(const char *v)
{
	return 0;
}
PARAM("selftest", selftest_word);
#endif
