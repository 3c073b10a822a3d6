/*
 * The host machine itself: what other suites rely on.
 *
 * sources:
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/ucopy.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/uio.h"
#include "sched/mutex.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "sched/wait.h"

/* Events write a letter each; the test reads the order. */
static char order[64];
static size_t order_len;

static void note(char c)
{
	order[order_len++] = c;
	order[order_len] = '\0';
}

static void order_begin(void)
{
	order_len = 0;
	order[0] = '\0';
}

struct letter {
	struct timer timer;
	char c;
	u64 at;
	bool again;
};

static void letter_fire(struct timer *t)
{
	struct letter *l = container_of(t, struct letter, timer);

	EXPECT(softirq_serving());
	note(l->c);
	l->at = clock_ns();
	if (l->again) {
		l->again = false;
		timer_set(t, clock_ns() + 10);
	}
}

TEST(timers_fire_at_their_times_in_order)
{
	struct letter a = { .c = 'a', .again = true }, b = { .c = 'b' }, c = { .c = 'c' };
	u64 start = clock_ns();

	order_begin();
	timer_init(&a.timer, letter_fire);
	timer_init(&b.timer, letter_fire);
	timer_init(&c.timer, letter_fire);
	timer_set(&a.timer, start + 100);
	timer_set(&b.timer, start + 105);
	timer_set(&c.timer, start + 50);
	host_clock_advance(40);
	EXPECT_STR(order, "");
	timer_set(&c.timer, start + 300);
	host_clock_advance(62);
	EXPECT_STR(order, "a");
	EXPECT_EQ(a.at, start + 100);
	EXPECT_EQ(clock_ns(), start + 102);
	host_clock_advance(100);
	EXPECT_STR(order, "aba");
	EXPECT_EQ(a.at, start + 110);
	EXPECT(timer_cancel(&c.timer));
	EXPECT(!timer_cancel(&c.timer));
	host_clock_advance(1000);
	EXPECT_STR(order, "aba");
	EXPECT_EQ(host_timer_next(), ~0ull);
}

static bool task_softirq(void)
{
	EXPECT(irqs_enabled());
	note('s');
	return false;
}

static void device_irq(void *arg)
{
	EXPECT(in_hardirq());
	EXPECT(!irqs_enabled());
	note('i');
	softirq_raise(SOFTIRQ_TASK);
}

TEST(interrupts_and_softirqs_run_when_they_may)
{
	u64 flags;

	softirq_register(SOFTIRQ_TASK, task_softirq);
	order_begin();
	host_interrupt(device_irq, NULL);
	EXPECT_STR(order, "is");

	order_begin();
	local_bh_disable();
	host_interrupt(device_irq, NULL);
	EXPECT_STR(order, "i");
	local_bh_disable();
	local_bh_enable();
	EXPECT_STR(order, "i");
	local_bh_enable();
	EXPECT_STR(order, "is");

	order_begin();
	flags = irq_save();
	host_interrupt(device_irq, NULL);
	EXPECT_STR(order, "");
	irq_restore(flags);
	EXPECT_STR(order, "is");
}

static struct wait_queue queue = WAIT_QUEUE_INIT(queue, "test");
static int ready;

static void sleeper(void *arg)
{
	wait_event(&queue, ready);
	note('w');
}

static void ready_by_timer(struct timer *t)
{
	ready = 1;
	wait_wake_all(&queue);
}

TEST(threads_sleep_and_wake)
{
	struct timer t;
	u64 start = clock_ns();

	order_begin();
	ready = 0;
	thread_create("sleeper", sleeper, NULL);
	host_run();
	EXPECT_STR(order, "");
	EXPECT_EQ(wait_event_deadline(&queue, false, start + 500), -ETIMEDOUT);
	EXPECT_EQ(clock_ns(), start + 500);
	timer_init(&t, ready_by_timer);
	timer_set(&t, start + 700);
	EXPECT_EQ(wait_event_deadline(&queue, ready, WAIT_FOREVER), 0);
	EXPECT_EQ(clock_ns(), start + 700);
	host_run();
	EXPECT_STR(order, "w");
	current()->work |= WORK_SIGNAL;
	EXPECT_EQ(wait_event_interruptible(&queue, false), -512);
	current()->work = 0;
}

static struct mutex mutex = MUTEX_INIT(mutex, "test");

static void locker(void *arg)
{
	mutex_lock(&mutex);
	note(*(char *)arg);
	thread_yield();
	note(*(char *)arg);
	mutex_unlock(&mutex);
}

static void worked(struct work *w)
{
	EXPECT_EQ(preempt_count(), 0u);
	note('k');
}

TEST(mutexes_and_work)
{
	struct work w = { .fn = worked };

	order_begin();
	thread_create("a", locker, "a");
	thread_create("b", locker, "b");
	host_run();
	EXPECT_STR(order, "aabb");
	work_queue(&w);
	work_queue(&w);
	host_run();
	EXPECT_STR(order, "aabbk");
}

TEST(misuse_panics)
{
	struct spinlock lock = SPINLOCK_INIT("test");
	struct wait_queue queue = WAIT_QUEUE_INIT(queue, "test");

	spin_lock(&lock);
	EXPECT_PANIC(spin_lock(&lock));
	EXPECT_PANIC(wait_event_deadline(&queue, false, clock_ns() + 1));
	EXPECT_PANIC(mutex_lock(&mutex));
	spin_unlock(&lock);
	EXPECT_PANIC(wait_event(&queue, false));
	EXPECT_PANIC(BUG_ON(1));
}

TEST(memory)
{
	u64 live = host_alloc_live();
	u8 *p = kmalloc(100), *d = kzalloc(64);
	struct page *page = page_alloc(1, PA_ZERO);

	EXPECT_EQ((u64)d % 64, 0u);
	EXPECT_EQ(d[63], 0);
	EXPECT_EQ(virt_to_page(page_to_virt(page)), page);
	EXPECT_EQ(((u8 *)page_to_virt(page))[8191], 0);
	EXPECT_EQ(host_alloc_live(), live + 3);
	page_get(page);
	page_put(page);
	page_put(page);
	kfree(p);
	kfree(d);
	EXPECT_EQ(host_alloc_live(), live);
	host_alloc_fail(2);
	p = kmalloc(1);
	EXPECT(p != NULL);
	EXPECT_EQ(kmalloc(1), NULL);
	kfree(p);
}

TEST(user_memory_faults_where_told)
{
	char user[64] = "user text", kernel[64];
	struct uio u;

	EXPECT_EQ(copy_string_from_user(kernel, (u64)user, sizeof(kernel)), 9);
	EXPECT_EQ(copy_from_user(kernel, USER_TOP, 1), -EFAULT);
	host_user_fault(user + 10, 4);
	EXPECT_EQ(copy_to_user_partial((u64)user, "0123456789abc", 13), 3u);
	EXPECT_MEM(user, "0123456789", 10);
	EXPECT_EQ(copy_to_user((u64)user + 14, "x", 1), 0);
	uio_user(&u, (u64)user, 12);
	EXPECT_EQ(uio_get(&u, kernel, 10), 0);
	EXPECT_EQ(uio_get(&u, kernel, 2), -EFAULT);
}

static u64 model_read(void *arg, u64 offset, unsigned width)
{
	return offset << 8 | width;
}

static void model_write(void *arg, u64 offset, unsigned width, u64 value)
{
	*(u64 *)arg = offset << 32 | width << 16 | value;
}

TEST(registers_go_to_their_model)
{
	u64 written = 0, plain = 7;
	struct host_mmio m = { .base = 0x8000000, .size = 0x1000, .read = model_read, .write = model_write, .arg = &written };

	host_mmio_add(&m);
	EXPECT_EQ(mmio_read32((void *)0x8000010), 0x1004u);
	mmio_write16((void *)0x8000ffe, 5);
	EXPECT_EQ(written, 0xffeull << 32 | 2 << 16 | 5);
	EXPECT_EQ(mmio_read64(&plain), 7u);
	host_mmio_remove(&m);
}

TEST(log_is_kept)
{
	const u8 ip[] = { 192, 168, 1, 9 };

	log_info("address %pI4 given", ip);
	EXPECT(host_log_has("address 192.168.1.9 given"));
	EXPECT(!host_log_has("address 10"));
}
