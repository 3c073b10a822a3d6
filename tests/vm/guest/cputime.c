/*
 * Where CPU time goes: user and system time in getrusage, times, /proc/stat, /proc/PID/stat.
 * tests/vm/timer_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>

struct split { long long user, system; };

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000ll + t.tv_usec;
}

static struct split used(int who)
{
	struct rusage r;

	SAME(getrusage(who, &r), 0);
	return (struct split){ us(r.ru_utime), us(r.ru_stime) };
}

static long long cpu_us(clockid_t clock)
{
	struct timespec t;

	SAME(clock_gettime(clock, &t), 0);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

static void compute(void)
{
	for (volatile int i = 0; i < 100000; i++)
		;
}

static void work_in_the_kernel(void)
{
	static char buf[1 << 20];
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY);
	for (int i = 0; i < 20; i++)
		SAME(read(fd, buf, sizeof(buf)), sizeof(buf));
}

/* Until so much CPU time is used. */
static void spend(void (*on)(void), long long how_long)
{
	long long end = cpu_us(CLOCK_THREAD_CPUTIME_ID) + how_long;

	while (cpu_us(CLOCK_THREAD_CPUTIME_ID) < end)
		on();
}

/*
 * Shares are waited for: a host that stands still for a second gives it to what the program did just then, and what it
 * does else outweighs that in time.
 */
CHECK(computing_is_user_time)
{
	struct split all, one;

	do {
		spend(compute, 1000000);
		all = used(RUSAGE_SELF);
		one = used(RUSAGE_THREAD);
	} while (all.user <= 4 * all.system || one.user <= 4 * one.system);
}

CHECK(system_calls_are_system_time)
{
	struct split all, one;

	do {
		spend(work_in_the_kernel, 1000000);
		all = used(RUSAGE_SELF);
		one = used(RUSAGE_THREAD);
	} while (all.system <= all.user || one.system <= one.user);
}

CHECK(the_sum_is_exact)
{
	long long before, after, sum;
	struct split s;

	spend(compute, 200000);
	spend(work_in_the_kernel, 200000);
	before = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	s = used(RUSAGE_SELF);
	after = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	sum = s.user + s.system;
	/* Linux's clock and its usage are not read at one moment of the same counter: a tick apart at most. */
	EXPECT(sum >= before - 10000 && sum <= after + 10000);
}

CHECK(neither_ever_shrinks)
{
	struct split last = { 0, 0 }, s;

	for (int i = 0; i < 400; i++) {
		spend(i & 16 ? compute : work_in_the_kernel, 2000);
		s = used(RUSAGE_SELF);
		EXPECT(s.user >= last.user && s.system >= last.system);
		last = s;
	}
}

static void *computer(void *arg)
{
	(void)arg;
	spend(compute, 300000);
	return NULL;
}

CHECK(dead_threads_and_children_count)
{
	struct split s, mine;
	struct tms t;
	pthread_t thread;
	pid_t pid;

	do {
		SAME(pthread_create(&thread, NULL, computer, NULL), 0);
		SAME(pthread_join(thread, NULL), 0);
		s = used(RUSAGE_SELF);
		EXPECT(s.user + s.system >= 300000);
	} while (s.user <= s.system);
	mine = used(RUSAGE_THREAD);
	EXPECT(mine.user + mine.system <= cpu_us(CLOCK_THREAD_CPUTIME_ID) + 10000);
	do {
		pid = fork();
		if (pid == 0) {
			spend(work_in_the_kernel, 500000);
			_exit(0);
		}
		child_ok(pid);
		s = used(RUSAGE_CHILDREN);
		EXPECT(s.system + s.user >= 490000);
	} while (s.system <= s.user);
	EXPECT(times(&t) != (clock_t)-1);
	EXPECT(t.tms_cstime >= t.tms_cutime && t.tms_utime >= t.tms_stime);
}

/* Fields of a line of /proc, counted from 1 behind the last ')' (or from the first word). */
static long long field(const char *path, int n)
{
	char buf[4096], *at;
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, buf, sizeof(buf) - 1);

	EXPECT(got > 0);
	buf[got] = 0;
	close(fd);
	at = strrchr(buf, ')');
	at = at ? at + 1 : buf + strcspn(buf, " ");
	while (n--)
		at = at + strspn(at, " ") + (n ? strcspn(at + strspn(at, " "), " ") : 0);
	return strtoll(at, NULL, 10);
}

CHECK(proc_shows_the_same)
{
	long long user = field("/proc/stat", 1), system = field("/proc/stat", 3);
	char task[64];

	/* utime and stime, in hundredths: fields 14 and 15 of the whole line. */
	snprintf(task, sizeof(task), "/proc/self/task/%ld/stat", syscall(SYS_gettid));
	do {
		spend(work_in_the_kernel, 1000000);
		EXPECT(field("/proc/self/stat", 13) + field("/proc/self/stat", 12) >= 98);
	} while (field("/proc/self/stat", 13) <= field("/proc/self/stat", 12) || field(task, 13) <= field(task, 12) ||
		 field("/proc/stat", 3) - system <= field("/proc/stat", 1) - user);
	user = field("/proc/stat", 1);
	system = field("/proc/stat", 3);
	do
		spend(compute, 1000000);
	while (field("/proc/stat", 1) - user <= 2 * (field("/proc/stat", 3) - system));
}

/* A datagram to oneself; what comes in is softirqs' work. */
static void send_to_oneself(void)
{
	static struct sockaddr_in to = { .sin_family = AF_INET };
	static int s = -1;
	socklen_t len = sizeof(to);
	char buf[64];

	if (s < 0) {
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		s = socket(AF_INET, SOCK_DGRAM, 0);
		SAME(bind(s, (struct sockaddr *)&to, sizeof(to)), 0);
		SAME(getsockname(s, (struct sockaddr *)&to, &len), 0);
	}
	for (int i = 0; i < 100; i++) {
		SAME(sendto(s, buf, sizeof(buf), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(buf));
		SAME(recv(s, buf, sizeof(buf), 0), sizeof(buf));
	}
}

CHECK(nice_and_softirqs_have_columns)
{
	long long nice_time = field("/proc/stat", 2), user = field("/proc/stat", 1), softirq = field("/proc/stat", 7);
	long long nice_now;

	do {
		pid_t pid = fork();

		if (pid == 0) {
			SAME(setpriority(PRIO_PROCESS, 0, 5), 0);
			spend(compute, 1000000);
			_exit(0);
		}
		child_ok(pid);
		nice_now = field("/proc/stat", 2) - nice_time;
	} while (nice_now <= 50 || nice_now <= field("/proc/stat", 1) - user);
	/* Its share is small, but it is there some day. */
	while (field("/proc/stat", 7) == softirq)
		spend(send_to_oneself, 100000);
}
