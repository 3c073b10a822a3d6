/*
 * Futexes: sleeping on words, alone, between threads, between processes.
 */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <linux/futex.h>

static long futex(void *word, int op, unsigned value, void *timeout, void *word2, unsigned value3)
{
	return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

CHECK(errors)
{
	_Alignas(8) int word = 5;
	struct timespec bad = { 0, 1000000000 };

	FAILS(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	FAILS(futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	FAILS(futex((void *)(nowhere - 16 + 0x1000), FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	FAILS(futex((void *)0xffff000040000000ul, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	FAILS(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	FAILS(futex(&word, FUTEX_WAIT, 5, (void *)nowhere, NULL, 0), EFAULT);
	FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	FAILS(futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
	SAME(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
}

CHECK(time_runs_out)
{
	int word = 5;
	struct timespec t = { 0, 20000000 }, before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	FAILS(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 5, &t, NULL, 0), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >= 20000000);
	/* An absolute moment that is over. */
	FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, &before, NULL, ~0u), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &before);
	FAILS(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &before, NULL, ~0u), ETIMEDOUT);
}

static atomic_int word1, word2, asleep, woken;

static void *sleeper(void *bits)
{
	atomic_fetch_add(&asleep, 1);
	while (futex(&word1, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (unsigned)(long)bits) < 0 && errno == EINTR)
		;
	atomic_fetch_add(&woken, 1);
	return NULL;
}

/* Wake until somebody was there: the sleeper says that it is about to sleep, not that it does. */
static void wake_one(unsigned bits)
{
	while (futex(&word1, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, bits) == 0)
		sched_yield();
}

CHECK(bits_choose_the_sleeper)
{
	pthread_t a, b;

	pthread_create(&a, NULL, sleeper, (void *)1);
	pthread_create(&b, NULL, sleeper, (void *)2);
	wake_one(2);
	SAME(pthread_join(b, NULL), 0);
	SAME(atomic_load(&woken), 1);
	wake_one(1);
	SAME(pthread_join(a, NULL), 0);
}

CHECK(requeue_moves_sleepers)
{
	pthread_t t[4];
	long moved = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, sleeper, (void *)~0ul);
	FAILS(futex(&word1, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)10, &word2, 7), EAGAIN);
	while (moved < 4) {
		long r = futex(&word1, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)10, &word2, 0);

		EXPECT(r >= 0);
		moved += r;
		sched_yield();
	}
	SAME(futex(&word1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0), 0);
	SAME(atomic_load(&woken), 0);
	SAME(futex(&word2, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0), 4);
	for (int i = 0; i < 4; i++)
		SAME(pthread_join(t[i], NULL), 0);
}

CHECK(wake_op_changes_the_second_word)
{
	int a = 0, b = 5;

	SAME(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)), 0);
	SAME(b, 8);
	SAME(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b, FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_NE, 5)), 0);
	SAME(b, 0);
	FAILS(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, (void *)nowhere, 0), EFAULT);
}

/* Every operation and comparison, by what a waiter on each word sees. */
CHECK(wake_op_computes_as_it_says)
{
	static const struct { int op, arg, before, after; } ops[] = {
		{ FUTEX_OP_SET, 9, 5, 9 }, { FUTEX_OP_ADD, -2, 5, 3 }, { FUTEX_OP_OR, 3, 8, 11 }, { FUTEX_OP_ANDN, 1, 7, 6 },
		{ FUTEX_OP_XOR, 6, 3, 5 }, { FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, 0, 16 }, { FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 10, 1, 1025 },
	};
	int a = 0, b;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		b = ops[i].before;
		SAME(futex(&a, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &b,
			   FUTEX_OP((unsigned)ops[i].op, (unsigned)ops[i].arg, FUTEX_OP_CMP_LT, 0u)), 0);
		SAME(b, ops[i].after);
	}
	FAILS(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b, 5u << 28), ENOSYS);
	FAILS(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, (char *)&b + 1, 0), EINVAL);
	FAILS(futex(&a, FUTEX_REQUEUE, -1, (void *)1, &b, 0), EINVAL);
	FAILS(futex(&a, FUTEX_CMP_REQUEUE, 1, (void *)-1, &b, 0), EINVAL);
}

CHECK(words_that_are_not_there)
{
	int *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *ro;
	struct timespec t = { 0, 1000000 };
	pid_t pid;

	ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Reading is enough to wait. */
	FAILS(futex(ro, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &t, NULL, 0), ETIMEDOUT);
	/* Nobody could ever wake one who waits so for a page that nobody may write. */
	FAILS(futex(ro, FUTEX_WAIT, 0, &t, NULL, 0), EFAULT);
	FAILS(futex(ro, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, &t, NULL, 0), EAGAIN);
	FAILS(futex(hole, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &t, NULL, 0), EFAULT);
	SAME(munmap(hole, 4096), 0);
	SAME(futex(hole, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0), 0);
	FAILS(futex(hole, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	FAILS(futex(hole, FUTEX_WAIT, 0, &t, NULL, 0), EFAULT);
	/* A lengthy wait goes on after a signal with a handler that restarts calls, and ends at its time. */
	t.tv_nsec = 50000000;
	pid = fork();
	if (pid == 0) {
		usleep(10000);
		kill(getppid(), SIGCONT);
		_exit(0);
	}
	FAILS(futex(ro, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &t, NULL, 0), ETIMEDOUT);
	child_ok(pid);
}

/* One word of a file, at two addresses in two processes; a private call does not see it. */
CHECK(in_a_file_that_both_map)
{
	int fd = syscall(SYS_memfd_create, "words", 0);
	atomic_int *a, *b;
	pid_t pid;

	SAME(ftruncate(fd, 8192), 0);
	a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	EXPECT(a != MAP_FAILED && b != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		SAME(futex(&b[3], FUTEX_WAIT, 0, NULL, NULL, 0), 0);
		_exit(0);
	}
	while (futex(&a[1024 + 3], FUTEX_WAKE, 1, NULL, NULL, 0) == 0) {
		SAME(futex(&a[1024 + 3], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0), 0);
		usleep(1000);
	}
	child_ok(pid);
}

CHECK(between_processes)
{
	atomic_int *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(w != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		while (!atomic_load(w))
			futex(w, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(atomic_load(w) != 1);
	}
	usleep(10000);
	atomic_store(w, 1);
	EXPECT(futex(w, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	child_ok(pid);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, counter;

static void *player(void *arg)
{
	int me = (long)arg;

	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		counter++;
		turn = !turn;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

CHECK(threads_take_turns)
{
	pthread_t a, b;

	pthread_create(&a, NULL, player, (void *)0);
	pthread_create(&b, NULL, player, (void *)1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	SAME(counter, 4000);
}

static pthread_mutex_t *robust;

static void *die_with_it(void *arg)
{
	(void)arg;
	pthread_mutex_lock(robust);
	return NULL;
}

CHECK(robust_locks_tell_of_the_dead)
{
	pthread_mutexattr_t attr;
	pthread_t t;
	pid_t pid;

	robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(robust, &attr);
	pthread_create(&t, NULL, die_with_it, NULL);
	pthread_join(t, NULL);
	SAME(pthread_mutex_lock(robust), EOWNERDEAD);
	SAME(pthread_mutex_consistent(robust), 0);
	SAME(pthread_mutex_unlock(robust), 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(robust);
		kill(getpid(), SIGKILL);
	}
	SAME(waitpid(pid, NULL, 0), pid);
	SAME(pthread_mutex_lock(robust), EOWNERDEAD);
}

CHECK(a_signal_ends_the_wait)
{
	int word = 0, status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(1);
		futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(1);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGALRM);
}
