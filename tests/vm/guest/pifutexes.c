/*
 * Futexes that are locks with priority inheritance, and waiting for one of many words.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <linux/futex.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static long futex(void *word, int op, unsigned value, void *timeout, void *word2, unsigned value3)
{
	return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static long lock_pi(void *word) { return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); }
static long trylock_pi(void *word) { return futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0); }
static long unlock_pi(void *word) { return futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); }
static unsigned tid(void) { return syscall(SYS_gettid); }

static atomic_uint word, other;
static atomic_int step, step2;

/* Until somebody sleeps on the lock: the kernel says so in the word. */
static void wait_for_waiter(atomic_uint *w)
{
	while (!(atomic_load(w) & FUTEX_WAITERS))
		usleep(1000);
}

static void wait_for(atomic_int *flag, int value)
{
	while (atomic_load(flag) != value)
		usleep(1000);
}

static pthread_t start(void *(*fn)(void *))
{
	pthread_t t;

	SAME(pthread_create(&t, NULL, fn, NULL), 0);
	return t;
}

CHECK(nobody_else_wants_it)
{
	struct timespec bad = { 0, 1000000000 };

	SAME(lock_pi(&word), 0);
	SAME(atomic_load(&word), tid());
	FAILS(lock_pi(&word), EDEADLK);
	FAILS(trylock_pi(&word), EDEADLK);
	SAME(unlock_pi(&word), 0);
	SAME(atomic_load(&word), 0);
	FAILS(unlock_pi(&word), EPERM);
	SAME(trylock_pi(&word), 0);
	SAME(unlock_pi(&word), 0);
	/* Its owner died: whoever comes gets it, and is told. */
	atomic_store(&word, FUTEX_OWNER_DIED);
	SAME(lock_pi(&word), 0);
	SAME(atomic_load(&word), tid() | FUTEX_OWNER_DIED);
	SAME(unlock_pi(&word), 0);
	/* A number that no thread has. */
	atomic_store(&word, 0x3ffffff0);
	FAILS(lock_pi(&word), ESRCH);
	FAILS(lock_pi((char *)&word + 1), EINVAL);
	FAILS(lock_pi(nowhere - 16 + 0x1000), EFAULT);
	FAILS(unlock_pi(nowhere - 16 + 0x1000), EFAULT);
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
	FAILS(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
}

static void *holder(void *arg)
{
	(void)arg;
	SAME(lock_pi(&word), 0);
	atomic_store(&step, 1);
	wait_for(&step, 2);
	SAME(unlock_pi(&word), 0);
	return NULL;
}

CHECK(handed_over)
{
	struct timespec now;
	pthread_t t = start(holder);

	wait_for(&step, 1);
	FAILS(trylock_pi(&word), EAGAIN);
	FAILS(unlock_pi(&word), EPERM);
	/* Moments that are over: of the real clock, or of the monotonic one. */
	clock_gettime(CLOCK_REALTIME, &now);
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, &now, NULL, 0), ETIMEDOUT);
	FAILS(futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &now, NULL, 0), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	FAILS(futex(&word, FUTEX_LOCK_PI2, 0, &now, NULL, 0), ETIMEDOUT);
	atomic_store(&step, 2);
	SAME(lock_pi(&word), 0);
	SAME(atomic_load(&word) & FUTEX_TID_MASK, tid());
	pthread_join(t, NULL);
	SAME(unlock_pi(&word), 0);
	SAME(atomic_load(&word), 0);
}

static int counter;

static void *counts(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		unsigned zero = 0, mine = tid();

		if (!atomic_compare_exchange_strong(&word, &zero, mine))
			SAME(lock_pi(&word), 0);
		counter++;
		if (i % 8 == 0)
			sched_yield();
		if (!atomic_compare_exchange_strong(&word, &mine, 0))
			SAME(unlock_pi(&word), 0);
	}
	return NULL;
}

CHECK(many_want_it)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		t[i] = start(counts);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	SAME(counter, 12000);
	SAME(atomic_load(&word), 0);
}

static void *holds_other_wants_word(void *arg)
{
	(void)arg;
	SAME(lock_pi(&other), 0);
	atomic_store(&step, 1);
	SAME(lock_pi(&word), 0);
	SAME(unlock_pi(&word), 0);
	SAME(unlock_pi(&other), 0);
	return NULL;
}

CHECK(circles_are_refused)
{
	pthread_t t;

	SAME(lock_pi(&word), 0);
	t = start(holds_other_wants_word);
	wait_for_waiter(&word);
	FAILS(lock_pi(&other), EDEADLK);
	SAME(unlock_pi(&word), 0);
	pthread_join(t, NULL);
	SAME(lock_pi(&other), 0);
}

static void *dies_with_it(void *arg)
{
	(void)arg;
	SAME(lock_pi(&word), 0);
	atomic_store(&step, 1);
	wait_for_waiter(&word);
	syscall(SYS_exit, 0);
	return NULL;
}

static void *wants_it(void *arg)
{
	(void)arg;
	SAME(lock_pi(&word), 0);
	EXPECT(atomic_load(&word) & FUTEX_OWNER_DIED);
	SAME(atomic_load(&word) & FUTEX_TID_MASK, tid());
	atomic_fetch_add(&step2, 1);
	SAME(unlock_pi(&word), 0);
	return NULL;
}

CHECK(the_next_inherits_from_the_dead)
{
	start(dies_with_it);
	wait_for(&step, 1);
	pthread_join(start(wants_it), NULL);
	SAME(atomic_load(&step2), 1);
	SAME(atomic_load(&word), 0);
}

static pthread_mutex_t *mutex;

static void mutex_make(void)
{
	pthread_mutexattr_t a;

	mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(mutex != MAP_FAILED);
	pthread_mutexattr_init(&a);
	SAME(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT), 0);
	SAME(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST), 0);
	SAME(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0);
	SAME(pthread_mutex_init(mutex, &a), 0);
}

static void *locks_and_ends(void *arg)
{
	(void)arg;
	pthread_mutex_lock(mutex);
	return NULL;
}

CHECK(robust_mutexes_between_processes)
{
	int pipes[2];
	char c;
	pid_t pid;

	mutex_make();
	pthread_join(start(locks_and_ends), NULL);
	SAME(pthread_mutex_lock(mutex), EOWNERDEAD);
	SAME(pthread_mutex_consistent(mutex), 0);
	SAME(pthread_mutex_unlock(mutex), 0);
	/* One that is killed while another waits. */
	SAME(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(mutex);
		SAME(write(pipes[1], "", 1), 1);
		pause();
	}
	SAME(read(pipes[0], &c, 1), 1);
	if (fork() == 0) {
		usleep(20000);
		kill(pid, SIGKILL);
		_exit(0);
	}
	SAME(pthread_mutex_lock(mutex), EOWNERDEAD);
	SAME(pthread_mutex_unlock(mutex), 0);
}

CHECK(two_processes_see_one_lock_at_two_addresses)
{
	int fd = syscall(SYS_memfd_create, "lock", 0);
	atomic_uint *a, *b;
	pid_t pid;

	SAME(ftruncate(fd, 8192), 0);
	a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	a += 1024;
	SAME(lock_pi(a), 0);
	pid = fork();
	if (pid == 0) {
		SAME(lock_pi(b), 0);
		SAME(atomic_load(a) & FUTEX_TID_MASK, tid());
		b[1] = 7;
		SAME(unlock_pi(b), 0);
		_exit(0);
	}
	wait_for_waiter(a);
	SAME(unlock_pi(a), 0);
	child_ok(pid);
	SAME(a[1], 7);
	SAME(atomic_load(a), 0);
}

/* ---- requeue ---- */

static void *waits_to_be_requeued(void *arg)
{
	(void)arg;
	atomic_fetch_add(&step, 1);
	SAME(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &other, 0), 0);
	SAME(atomic_load(&other) & FUTEX_TID_MASK, tid());
	atomic_fetch_add(&step2, 1);
	SAME(unlock_pi(&other), 0);
	return NULL;
}

static long requeue_pi(int wake, long requeue, unsigned expect)
{
	return futex(&word, FUTEX_CMP_REQUEUE_PI, wake, (void *)requeue, &other, expect);
}

/* Have so many waiters moved, however long they take to come. */
static void requeue_all(int count)
{
	while (count) {
		long n = requeue_pi(1, 10, 0);

		EXPECT(n >= 0);
		count -= n;
		usleep(1000);
	}
}

CHECK(sleepers_are_hung_over_to_the_lock)
{
	struct timespec past = { 0, 1 };
	pthread_t t[4];

	FAILS(requeue_pi(2, 1, 0), EINVAL);
	FAILS(requeue_pi(1, 1, 7), EAGAIN);
	FAILS(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, 0), EINVAL);
	FAILS(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &word, 0), EINVAL);
	FAILS(futex(&word, FUTEX_WAIT_REQUEUE_PI, 7, NULL, &other, 0), EAGAIN);
	FAILS(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, &other, 0), ETIMEDOUT);
	SAME(requeue_pi(1, 1, 0), 0);

	/* The lock is held: all hang over, and get it one after the other. */
	SAME(lock_pi(&other), 0);
	for (int i = 0; i < 4; i++)
		t[i] = start(waits_to_be_requeued);
	requeue_all(4);
	SAME(atomic_load(&step2), 0);
	EXPECT(atomic_load(&other) & FUTEX_WAITERS);
	SAME(unlock_pi(&other), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	SAME(atomic_load(&step2), 4);
	/* The lock is free: the first gets it at once. */
	for (int i = 0; i < 2; i++)
		t[i] = start(waits_to_be_requeued);
	requeue_all(2);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	SAME(atomic_load(&step2), 6);
	SAME(atomic_load(&other), 0);
}

CHECK(kinds_are_not_mixed)
{
	pthread_t t = start(waits_to_be_requeued);
	long n;

	/* A plain wake-up finds one that can't be woken so. */
	while ((n = futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0)
		usleep(1000);
	SAME(n, -1);
	SAME(errno, EINVAL);
	FAILS(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 0), EINVAL);
	SAME(requeue_pi(1, 0, 0), 1);
	pthread_join(t, NULL);
}

/* ---- priorities ---- */

static atomic_int go;

static void be(int priority)
{
	struct sched_param p = { .sched_priority = priority };

	SAME(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), 0);
}

static void *low(void *arg)
{
	(void)arg;
	be(10);
	SAME(lock_pi(&word), 0);
	atomic_store(&step, 1);
	while (!atomic_load(&go))
		futex(&go, FUTEX_WAIT, 0, NULL, NULL, 0);
	SAME(unlock_pi(&word), 0);
	return NULL;
}

static void *high(void *arg)
{
	(void)arg;
	be(30);
	SAME(lock_pi(&word), 0);
	atomic_store(&step2, 2);
	SAME(unlock_pi(&word), 0);
	return NULL;
}

static void *middle(void *arg)
{
	(void)arg;
	be(20);
	atomic_store(&step2, 1);
	while (atomic_load(&step2) != 2)
		;
	return NULL;
}

/* The one in the middle takes the CPU for itself until the high one has the lock: the low one must come before it. */
CHECK(the_owner_runs_with_the_waiters_priority)
{
	cpu_set_t one;
	pthread_t t[3];

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	SAME(sched_setaffinity(0, sizeof(one), &one), 0);
	be(50);
	t[0] = start(low);
	wait_for(&step, 1);
	t[1] = start(high);
	wait_for_waiter(&word);
	t[2] = start(middle);
	wait_for(&step2, 1);
	atomic_store(&go, 1);
	futex(&go, FUTEX_WAKE, 1, NULL, NULL, 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* ---- one of many ---- */

struct many { uint64_t value, address; uint32_t flags, reserved; };

static struct many many[3];

static void *wakes_the_second(void *arg)
{
	(void)arg;
	while (futex((void *)many[1].address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0) == 0)
		usleep(1000);
	return NULL;
}

CHECK(one_of_many_words)
{
	atomic_uint words[3] = { 1, 2, 3 };
	struct timespec past = { 0, 1 };
	pthread_t t;

	for (int i = 0; i < 3; i++)
		many[i] = (struct many){ i + 1, (uintptr_t)&words[i], 2 | FUTEX_PRIVATE_FLAG, 0 };
	FAILS(syscall(SYS_futex_waitv, many, 3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
	FAILS(syscall(SYS_futex_waitv, many, 3, 0, &past, CLOCK_REALTIME), ETIMEDOUT);
	FAILS(syscall(SYS_futex_waitv, many, 3, 0, &past, CLOCK_BOOTTIME), EINVAL);
	FAILS(syscall(SYS_futex_waitv, many, 0, 0, NULL, 0), EINVAL);
	FAILS(syscall(SYS_futex_waitv, many, 129, 0, NULL, 0), EINVAL);
	FAILS(syscall(SYS_futex_waitv, many, 3, 1, NULL, 0), EINVAL);
	FAILS(syscall(SYS_futex_waitv, nowhere, 3, 0, NULL, 0), EFAULT);
	t = start(wakes_the_second);
	SAME(syscall(SYS_futex_waitv, many, 3, 0, NULL, 0), 1);
	pthread_join(t, NULL);
	words[2] = 4;
	FAILS(syscall(SYS_futex_waitv, many, 3, 0, NULL, 0), EAGAIN);
	many[2].flags = 1;
	FAILS(syscall(SYS_futex_waitv, many, 3, 0, NULL, 0), EINVAL);
}
