/*
 * Several CPUs: a program's threads run where they are told to, really at the same time, and see one memory. The first
 * word of the arguments is a check's name, as everywhere. tests/vm/smp_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define CPUS_MAX 64

static int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* The calling thread to one CPU; it is there when the call returns. */
static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	SAME(sched_setaffinity(0, sizeof(set), &set), 0);
}

static unsigned getcpu_now(void)
{
	unsigned cpu;

	SAME(syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
	return cpu;
}

CHECK(affinity)
{
	cpu_set_t set, all;

	SAME(sched_getaffinity(0, sizeof(all), &all), 0);
	SAME(CPU_COUNT(&all), cpus());
	for (int round = 0; round < 50; round++)
		for (int i = 0; i < cpus(); i++) {
			go_to(i);
			SAME(getcpu_now(), i);
			SAME(sched_getaffinity(0, sizeof(set), &set), 0);
			EXPECT(CPU_COUNT(&set) == 1 && CPU_ISSET(i, &set));
		}
	/* Children inherit it. */
	pid_t pid = fork();

	if (!pid)
		_exit((int)getcpu_now() == cpus() - 1 ? 0 : 1);
	child_ok(pid);
	SAME(sched_setaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&set);
	CPU_SET(cpus(), &set);
	FAILS(sched_setaffinity(0, sizeof(set), &set), EINVAL);
}

/* ---- at the same time ------------------------------------------------------------- */

static atomic_int turn;

/* Waits without a system call until it is its turn: with fewer CPUs than threads this takes slices; all must get there. */
static void *take_turns(void *arg)
{
	int me = (int)(long)arg, n = cpus();

	go_to(me);
	for (int round = 0; round < 50; round++) {
		while (atomic_load(&turn) % n != me)
			;
		atomic_fetch_add(&turn, 1);
	}
	return NULL;
}

static void all_threads(void *(*fn)(void *), int n)
{
	pthread_t t[CPUS_MAX * 4];

	for (long i = 0; i < n; i++)
		SAME(pthread_create(&t[i], NULL, fn, (void *)i), 0);
	for (int i = 0; i < n; i++)
		SAME(pthread_join(t[i], NULL), 0);
}

CHECK(turns)
{
	all_threads(take_turns, cpus());
	SAME(atomic_load(&turn), 50 * cpus());
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long plain, arrived;
static atomic_long counted;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		plain++;
		pthread_mutex_unlock(&mutex);
		atomic_fetch_add(&counted, 1);
	}
	pthread_mutex_lock(&mutex);
	if (++arrived == 3 * cpus())
		pthread_cond_broadcast(&cond);
	while (arrived < 3 * cpus())
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

CHECK(locks)
{
	all_threads(count, 3 * cpus());
	SAME(plain, 15000l * cpus());
	SAME(atomic_load(&counted), 15000l * cpus());
}

/* ---- registers travel with the thread ----------------------------------------------- */

static void *wander(void *arg)
{
	unsigned seed = 1 + (unsigned)(long)arg;
	double a = seed, b = 2 * seed, c = 3 * seed, d = 4 * seed;

	for (int i = 1; i <= 300; i++) {
		go_to(rand_r(&seed) % cpus());
		__asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d));
		a += 1;
		b += 2;
		c += 3;
		d += 4;
	}
	seed = 1 + (unsigned)(long)arg;
	EXPECT(a == seed + 300. && b == 2 * (seed + 300.) && c == 3 * (seed + 300.) && d == 4 * (seed + 300.));
	return NULL;
}

CHECK(registers)
{
	all_threads(wander, 2 * cpus());
}

/* ---- one memory ---------------------------------------------------------------------- */

static char *page;
static atomic_int closed, readers, done;
static _Thread_local sigjmp_buf caught;
static atomic_long faults;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(caught, 1);
}

/* Once the page was taken away, nobody reads it: not a moment later, on no CPU. */
static void *reader(void *arg)
{
	go_to((int)(long)arg % cpus());
	atomic_fetch_add(&readers, 1);
	while (!atomic_load(&done)) {
		int before = atomic_load(&closed);

		if (sigsetjmp(caught, 1)) {
			atomic_fetch_add(&faults, 1);
			continue;
		}
		(void)*(volatile char *)page;
		/* It was closed before the look, and is the same closing still. */
		EXPECT(!(before & 1) || atomic_load(&closed) != before);
	}
	return NULL;
}

static void *closer(void *arg)
{
	(void)arg;
	while (atomic_load(&readers) < cpus())
		sched_yield();
	for (int i = 0; i < 24; i++) {
		switch (i % 3) {
		case 0:
			SAME(mprotect(page, 4096, PROT_NONE), 0);
			break;
		case 1:
			SAME(munmap(page, 4096), 0);
			break;
		default:
			EXPECT(mmap(page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		}
		atomic_fetch_add(&closed, 1);
		for (long seen = atomic_load(&faults); atomic_load(&faults) < seen + cpus();)
			sched_yield();
		atomic_fetch_add(&closed, 1);
		EXPECT(mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		*page = 1;
	}
	atomic_store(&done, 1);
	return NULL;
}

CHECK(pages_taken_away)
{
	pthread_t t;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(page != MAP_FAILED);
	signal(SIGSEGV, on_fault);
	SAME(pthread_create(&t, NULL, closer, NULL), 0);
	all_threads(reader, cpus());
	SAME(pthread_join(t, NULL), 0);
}

/* Threads that write while others fork: each child's copy is of one moment, and the parents lose nothing. */
static long cells[CPUS_MAX][512];

static void *writer(void *arg)
{
	long *mine = cells[(long)arg];

	go_to((int)(long)arg % cpus());
	for (int i = 1; i <= 20; i++) {
		for (int j = 0; j < 512; j++)
			mine[j] = i;
		pid_t pid = fork();

		EXPECT(pid >= 0);
		if (!pid) {
			for (int j = 0; j < 512; j++)
				if (mine[j] != i)
					_exit(1);
			mine[0] = -1;
			_exit(0);
		}
		for (int j = 0; j < 512; j++)
			mine[j]++;
		child_ok(pid);
		for (int j = 0; j < 512; j++)
			SAME(mine[j], i + 1);
	}
	return NULL;
}

CHECK(copies_of_pages)
{
	all_threads(writer, cpus());
}

/* ---- from one CPU to another ------------------------------------------------------------ */

static atomic_int caught_signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&caught_signals, 1);
}

static void *spin(void *arg)
{
	go_to((int)(long)arg);
	atomic_fetch_add(&readers, 1);
	while (!atomic_load(&done))
		;
	return NULL;
}

/* A thread that makes no system call is told all the same. */
CHECK(signals)
{
	pthread_t t;

	signal(SIGUSR1, on_signal);
	SAME(pthread_create(&t, NULL, spin, (void *)(long)(cpus() - 1)), 0);
	go_to(0);
	while (!atomic_load(&readers))
		;
	for (int i = 1; i <= 50; i++) {
		SAME(pthread_kill(t, SIGUSR1), 0);
		while (atomic_load(&caught_signals) < i)
			;
	}
	atomic_store(&done, 1);
	SAME(pthread_join(t, NULL), 0);
}

/* And one that is killed ends. */
CHECK(kills)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		EXPECT(pid >= 0);
		if (!pid) {
			pthread_t t;

			atomic_store(&done, 0);
			for (long j = 1; j < cpus(); j++)
				pthread_create(&t, NULL, spin, (void *)j);
			spin((void *)0l);
		}
		go_to(i % cpus());
		if (i % 2)
			usleep(1000);
		SAME(kill(pid, SIGKILL), 0);
		SAME(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

CHECK(pipes)
{
	int there[2], back[2];
	pid_t pid;
	long n;

	EXPECT(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid) {
		go_to(cpus() - 1);
		close(there[1]);
		while (read(there[0], &n, sizeof(n)) == sizeof(n)) {
			n++;
			SAME(write(back[1], &n, sizeof(n)), sizeof(n));
		}
		_exit(0);
	}
	go_to(0);
	close(there[0]);
	for (long i = 0; i < 1000; i++) {
		SAME(write(there[1], &i, sizeof(i)), sizeof(i));
		SAME(read(back[0], &n, sizeof(n)), sizeof(n));
		SAME(n, i + 1);
	}
	close(there[1]);
	child_ok(pid);
}

/*
 * Store, then look at what the other stored: with a barrier on one side, made on behalf of both, they never miss each
 * other (membarrier(2)).
 */
static atomic_int x, y, round_at, seen_by_other, finished;

static void *other_side(void *arg)
{
	(void)arg;
	go_to(cpus() - 1);
	for (int i = 1; i <= 100; i++) {
		while (atomic_load(&round_at) < i)
			;
		atomic_store_explicit(&y, 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		seen_by_other = atomic_load_explicit(&x, memory_order_relaxed);
		atomic_store(&finished, i);
	}
	return NULL;
}

CHECK(barriers)
{
	pthread_t t;

	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0), 0);
	SAME(pthread_create(&t, NULL, other_side, NULL), 0);
	go_to(0);
	for (int i = 1; i <= 100; i++) {
		int seen;

		atomic_store(&x, 0);
		atomic_store(&y, 0);
		atomic_store(&round_at, i);
		atomic_store_explicit(&x, 1, memory_order_relaxed);
		SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), 0);
		seen = atomic_load_explicit(&y, memory_order_relaxed);
		while (atomic_load(&finished) < i)
			;
		EXPECT(seen || seen_by_other);
	}
	SAME(pthread_join(t, NULL), 0);
}

/* ---- who has nothing to do takes from who has too much --------------------------------------- */

static atomic_int seen_cpu[CPUS_MAX];

static void *until_all_are_used(void *arg)
{
	(void)arg;
	for (;;) {
		int missing = 0;

		atomic_store(&seen_cpu[getcpu_now()], 1);
		for (int i = 0; i < cpus(); i++)
			missing += !atomic_load(&seen_cpu[i]);
		if (!missing)
			return NULL;
	}
}

CHECK(balance)
{
	all_threads(until_all_are_used, 2 * cpus());
}

/* ---- who is woken goes where there is room ---------------------------------------------------- */

static int wake_pipe[2];
static atomic_int sleeper, sleeps_on, woken;

static void *sleep_and_tell(void *arg)
{
	char c;

	(void)arg;
	atomic_store(&sleeper, (int)syscall(SYS_gettid));
	for (;;) {
		atomic_store(&sleeps_on, (int)getcpu_now() + 1);
		if (read(wake_pipe[0], &c, 1) != 1)
			return NULL;
		atomic_fetch_add(&woken, 1);
	}
}

static char state_of(int tid)
{
	char path[64], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY);
	EXPECT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strchr(text, ')')[2];
}

/* The CPU that a thread slept on is taken by one of higher rank, which never leaves it: the others are idle. */
CHECK(placement)
{
	struct sched_param first = { .sched_priority = 1 };
	cpu_set_t all;
	pthread_t t;

	SAME(sched_getaffinity(0, sizeof(all), &all), 0);
	SAME(pipe(wake_pipe), 0);
	SAME(pthread_create(&t, NULL, sleep_and_tell, NULL), 0);
	for (int i = 0; i < 50; i++) {
		while (!atomic_load(&sleeps_on) || state_of(atomic_load(&sleeper)) != 'S')
			usleep(1000);
		go_to(atomic_exchange(&sleeps_on, 0) - 1);
		SAME(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &first), 0);
		SAME(write(wake_pipe[1], "x", 1), 1);
		while (atomic_load(&woken) <= i)
			;
		first.sched_priority = 0;
		SAME(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &first), 0);
		first.sched_priority = 1;
		SAME(sched_setaffinity(0, sizeof(all), &all), 0);
	}
	close(wake_pipe[1]);
	SAME(pthread_join(t, NULL), 0);
}

/* ---- each has a timer of its own -------------------------------------------------------------- */

/* The interrupts of the timer that a CPU has taken. */
static long timer_interrupts(int cpu)
{
	static char text[65536];
	FILE *f = fopen("/proc/interrupts", "r");
	long n = -1;

	EXPECT(f);
	while (fgets(text, sizeof(text), f)) {
		char *at = strchr(text, ':');

		if (!at || !strstr(text, "arch_timer"))
			continue;
		for (int i = 0; i <= cpu; i++)
			n = strtol(at + 1, &at, 10), at--;
		break;
	}
	fclose(f);
	EXPECT(n >= 0);
	return n;
}

CHECK(timers_of_each)
{
	for (int cpu = 0; cpu < cpus(); cpu++) {
		long before;

		go_to(cpu);
		before = timer_interrupts(cpu);
		/* A sleep that is over when it begins needs none. */
		for (int n = 0; n < 10 || timer_interrupts(cpu) < before + 10; n++)
			usleep(5000);
	}
}
