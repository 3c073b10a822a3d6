/*
 * sbench: what programs ask of a kernel, one kind at a time: sbench WORK COUNT does COUNT units of the work and
 * ends with one line "NBENCH test=WORK ok=COUNT". Static, for arm64; it runs in the guest under test, whichever kernel
 * that has. bench/rows.py counts the instructions from outside and takes the slope of two counts, so whatever is
 * done once (fork of the partner, mapping, warming up) cancels out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES_MAX 40000		/* most pages that the fault works may be asked for; mapped whatever the count is */

static const char *self;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static pid_t forked(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void reaped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("a child's end");
}

static void null_call(long n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void getpid_call(long n)
{
	while (n--)
		syscall(SYS_getpid);
}

static void fork_exit(long n)
{
	while (n--) {
		pid_t pid = forked();

		if (!pid)
			_exit(0);
		reaped(pid);
	}
}

static void fork_exec(long n)
{
	while (n--) {
		pid_t pid = forked();

		if (!pid) {
			execl(self, self, "nothing", "0", (char *)NULL);
			_exit(1);
		}
		reaped(pid);
	}
}

static void pipe_round_trip(long n)
{
	int there[2], back[2];
	char c = 'x';
	pid_t pid;

	if (pipe(there) || pipe(back))
		die("pipe");
	pid = forked();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				_exit(1);
		_exit(0);
	}
	while (n--)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			die("pipe");
	close(there[1]);
	reaped(pid);
}

/* Two that yield to each other: a yield is a switch to the other process. */
static void context_switch(long n)
{
	pid_t pid = forked();

	for (long i = 0; i < n / 2; i++)
		sched_yield();
	if (!pid)
		_exit(0);
	reaped(pid);
}

static char *map_pages(void)
{
	char *p = mmap(NULL, (size_t)PAGES_MAX * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	/* One page at a time, also where the kernel has larger ones. */
	madvise(p, (size_t)PAGES_MAX * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void touch(char *p, long n)
{
	for (long i = 0; i < n; i++)
		p[i * PAGE] = 1;
}

/* The page's way back is part of it. */
static void page_fault(long n)
{
	char *p = map_pages();

	if (n > PAGES_MAX)
		die("too many pages");
	touch(p, n);
	munmap(p, (size_t)PAGES_MAX * PAGE);
}

static void cow_fault(long n)
{
	char *p = map_pages();
	pid_t pid;

	if (n > PAGES_MAX)
		die("too many pages");
	touch(p, PAGES_MAX);
	pid = forked();
	if (!pid) {
		touch(p, n);
		_exit(0);
	}
	reaped(pid);
	munmap(p, (size_t)PAGES_MAX * PAGE);
}

static void mmap_munmap(long n)
{
	while (n--) {
		void *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || munmap(p, 16 * PAGE))
			die("mmap");
	}
}

static void file_read(long n)
{
	static char buf[PAGE];
	int fd = open(self, O_RDONLY);

	if (fd < 0)
		die(self);
	while (n--)
		if (pread(fd, buf, PAGE, (n & 3) * PAGE) != PAGE)
			die("pread");
	close(fd);
}

static void caught(int sig)
{
	(void)sig;
}

static void signal_delivery(long n)
{
	struct sigaction a = { .sa_handler = caught };
	pid_t pid = getpid();

	if (sigaction(SIGUSR1, &a, NULL))
		die("sigaction");
	while (n--)
		kill(pid, SIGUSR1);
}

static void *thread_nothing(void *arg)
{
	return arg;
}

static void thread_create(long n)
{
	while (n--) {
		pthread_t t;

		if (pthread_create(&t, NULL, thread_nothing, NULL) || pthread_join(t, NULL))
			die("pthread_create");
	}
}

static int turn;		/* whose it is: the futex word */

static void turns(int mine, long n)
{
	while (n--) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL);
		__atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	}
}

static void *other_thread(void *arg)
{
	turns(1, *(long *)arg);
	return NULL;
}

/* There and back between two threads: two wakes, two waits, two switches. */
static void futex_round_trip(long n)
{
	pthread_t t;

	if (pthread_create(&t, NULL, other_thread, &n))
		die("pthread_create");
	turns(0, n);
	pthread_join(t, NULL);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void *other_cpu(void *arg)
{
	pin(1);
	return other_thread(arg);
}

/* As above, each on a CPU of its own that has nothing else to do: a wake is an interrupt there. */
static void wake_round_trip(long n)
{
	pthread_t t;

	pin(0);
	if (pthread_create(&t, NULL, other_cpu, &n))
		die("pthread_create");
	turns(0, n);
	pthread_join(t, NULL);
}

static int bystanders, done;

static void *bystander(void *cpu)
{
	pin((unsigned)(uintptr_t)cpu);
	__atomic_fetch_add(&bystanders, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &done, FUTEX_WAIT_PRIVATE, 0, NULL);
	return NULL;
}

/* The work while threads of the same process have run on other CPUs and sleep there: their CPUs may know its pages. */
static void beside(int threads, long n, void (*work)(long))
{
	pthread_t t[4];

	pin(0);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, bystander, (void *)(uintptr_t)i))
			die("pthread_create");
	while (__atomic_load_n(&bystanders, __ATOMIC_ACQUIRE) < threads - 1)
		sched_yield();
	work(n);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &done, FUTEX_WAKE_PRIVATE, threads);
	for (int i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
}

static void protect(long n)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	*p = 1;
	while (n--)
		if (mprotect(p, PAGE, PROT_READ) || mprotect(p, PAGE, PROT_READ | PROT_WRITE))
			die("mprotect");
}

static void unmap(long n)
{
	while (n--) {
		char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		*p = 1;
		munmap(p, PAGE);
	}
}

static void protect_1(long n) { beside(1, n, protect); }
static void protect_2(long n) { beside(2, n, protect); }
static void protect_4(long n) { beside(4, n, protect); }
static void unmap_2(long n) { beside(2, n, unmap); }
static void unmap_4(long n) { beside(4, n, unmap); }

static void nothing(long n)
{
	(void)n;
}

static const struct { const char *name; void (*fn)(long); } works[] = {
	{ "null", null_call }, { "getpid", getpid_call }, { "fork-exit", fork_exit }, { "fork-exec", fork_exec },
	{ "pipe", pipe_round_trip }, { "switch", context_switch }, { "fault", page_fault }, { "cow", cow_fault },
	{ "mmap", mmap_munmap }, { "read", file_read }, { "signal", signal_delivery }, { "thread", thread_create },
	{ "futex", futex_round_trip }, { "wake", wake_round_trip }, { "protect1", protect_1 }, { "protect2", protect_2 },
	{ "protect4", protect_4 }, { "unmap2", unmap_2 }, { "unmap4", unmap_4 }, { "nothing", nothing },
};

int main(int argc, char **argv)
{
	long n = argc == 3 ? atol(argv[2]) : -1;

	self = "/bin/sbench";
	for (size_t i = 0; n >= 0 && i < sizeof(works) / sizeof(works[0]); i++)
		if (!strcmp(argv[1], works[i].name)) {
			works[i].fn(n);
			if (works[i].fn != nothing)
				printf("NBENCH test=%s ok=%ld\n", works[i].name, n);
			return 0;
		}
	fprintf(stderr, "sbench: see bench/sbench.c for the works\n");
	return 2;
}
