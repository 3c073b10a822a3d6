/*
 * timer_create and its like: signals, overruns, threads, CPU time, limits. Nothing here measures how long something
 * takes. tests/vm/timer_test.py runs it.
 */
#include "clocks.h"
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>

/* ---- timer_create ---- */

#define TIMER_SIGNAL (SIGRTMIN + 2)

static timer_t timer_on(clockid_t clock, int notify, int sig)
{
	struct sigevent e = { .sigev_notify = notify, .sigev_signo = sig };
	timer_t t;

	e.sigev_value.sival_int = 4711;
	SAME(timer_create(clock, &e, &t), 0);
	return t;
}

static sigset_t block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	SAME(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	return set;
}

static void start(timer_t t, int flags, long long value, long long interval)
{
	struct itimerspec s = spec(value, interval);

	SAME(timer_settime(t, flags, &s, NULL), 0);
}

CHECK(timer_sends_its_signal)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };
	sigset_t set = block(TIMER_SIGNAL);
	struct itimerspec s;
	siginfo_t info;

	for (int i = 0; i < 4; i++) {
		timer_t t = timer_on(clocks[i], SIGEV_SIGNAL, TIMER_SIGNAL);
		long long began = now_on(clocks[i]);

		for (int k = 0; k < 2; k++) {
			start(t, k ? TIMER_ABSTIME : 0, k ? began + 6000000 : 3000000, 0);
			SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
			EXPECT(now_on(clocks[i]) - began >= 3000000 * (k + 1));
			SAME(info.si_code, SI_TIMER);
			SAME(info.si_timerid, (long)t);
			SAME(info.si_overrun, 0);
			SAME(info.si_value.sival_int, 4711);
			SAME(timer_gettime(t, &s), 0);
			SAME(left(&s), 0);
		}
		SAME(timer_delete(t), 0);
		FAILS(timer_gettime(t, &s), EINVAL);
	}
}

CHECK(timer_without_an_event)
{
	sigset_t set = block(SIGALRM);
	siginfo_t info;
	timer_t t;

	SAME(timer_create(CLOCK_MONOTONIC, NULL, &t), 0);
	start(t, 0, 1, 0);
	SAME(sigwaitinfo(&set, &info), SIGALRM);
	SAME(info.si_value.sival_int, (long)t);
}

CHECK(timer_counts_its_overruns)
{
	sigset_t set = block(TIMER_SIGNAL);
	timer_t t = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, TIMER_SIGNAL);
	long long began = now_on(CLOCK_MONOTONIC), armed;
	siginfo_t info;
	int n;

	start(t, 0, 1000000, 1000000);
	armed = now_on(CLOCK_MONOTONIC);
	while (now_on(CLOCK_MONOTONIC) - armed < 20 * 1000000)
		;
	SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
	n = info.si_overrun;
	EXPECT(n >= 17 && n <= (now_on(CLOCK_MONOTONIC) - began) / 1000000);
	SAME(timer_getoverrun(t), n);
	/* However short, it takes nothing but its own signal; and that comes again. */
	start(t, 0, 1, 1);
	for (int i = 0; i < 100; i++)
		SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
	start(t, 0, 0, 0);
	SAME(timer_getoverrun(t), 0);
}

static volatile sig_atomic_t rings;

static void ring(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_code == SI_TIMER)
		rings++;
}

CHECK(timer_repeats_into_a_handler)
{
	struct sigaction a = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO | SA_RESTART };
	timer_t t = timer_on(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1);

	SAME(sigaction(SIGUSR1, &a, NULL), 0);
	start(t, 0, 1000000, 1000000);
	while (rings < 20)
		sched_yield();
	SAME(timer_delete(t), 0);
}

CHECK(timer_ignored_and_then_not)
{
	timer_t t = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
	struct sigaction a = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO };

	signal(SIGUSR1, SIG_IGN);
	start(t, 0, 1, 1);
	usleep(30000);
	SAME(sigaction(SIGUSR1, &a, NULL), 0);
	while (!rings)
		sched_yield();
}

CHECK(timer_tells_what_is_left)
{
	timer_t t = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, TIMER_SIGNAL), none = timer_on(CLOCK_MONOTONIC, SIGEV_NONE, 0);
	struct itimerspec s = spec(HOUR, SEC), old;

	SAME(timer_gettime(t, &old), 0);
	SAME(left(&old), 0);
	SAME(timer_settime(t, 0, &s, &old), 0);
	SAME(left(&old), 0);
	SAME(timer_gettime(t, &s), 0);
	EXPECT(left(&s) > HOUR / 2 && left(&s) <= HOUR && s.it_interval.tv_sec == 1);
	s = spec(0, 0);
	SAME(timer_settime(t, 0, &s, &old), 0);
	EXPECT(left(&old) > HOUR / 2 && old.it_interval.tv_sec == 1);
	SAME(timer_gettime(t, &s), 0);
	SAME(left(&s), 0);
	/* One that tells nobody runs all the same. */
	start(none, 0, HOUR, 0);
	SAME(timer_gettime(none, &s), 0);
	EXPECT(left(&s) > HOUR / 2 && left(&s) <= HOUR);
	start(none, 0, 1, HOUR);
	usleep(1000);
	SAME(timer_gettime(none, &s), 0);
	EXPECT(left(&s) > HOUR / 2 && left(&s) <= HOUR);
	start(none, 0, 1, 0);
	usleep(1000);
	SAME(timer_gettime(none, &s), 0);
	SAME(left(&s), 0);
}

static void *aimed(void *arg)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TIMER_SIGNAL };
	sigset_t set = block(TIMER_SIGNAL);
	siginfo_t info;
	timer_t t;

	e.sigev_notify_thread_id = syscall(SYS_gettid);
	SAME(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	for (int i = 0; i < 5; i++) {
		start(t, 0, 1000000, 0);
		SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
		SAME(info.si_timerid, (long)t);
	}
	*(timer_t *)arg = t;
	return NULL;
}

CHECK(timer_aims_at_a_thread)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TIMER_SIGNAL };
	sigset_t pending;
	pthread_t thread;
	timer_t t;

	block(TIMER_SIGNAL);
	SAME(pthread_create(&thread, NULL, aimed, &t), 0);
	SAME(pthread_join(thread, NULL), 0);
	SAME(sigpending(&pending), 0);
	SAME(sigismember(&pending, TIMER_SIGNAL), 0);
	/* The thread is gone, the timer is not. */
	start(t, 0, 1, 1000000);
	usleep(10000);
	SAME(timer_delete(t), 0);
	e.sigev_notify_thread_id = getppid();
	FAILS(timer_create(CLOCK_MONOTONIC, &e, &t), EINVAL);
	e.sigev_notify_thread_id = 0;
	FAILS(timer_create(CLOCK_MONOTONIC, &e, &t), EINVAL);
}

CHECK(timers_of_one_signal_all_tell)
{
	sigset_t set = block(SIGUSR2);
	timer_t t[3];
	siginfo_t info;
	int told = 0;

	for (int i = 0; i < 3; i++) {
		t[i] = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2);
		start(t[i], 0, 1, 0);
	}
	usleep(10000);
	for (int i = 0; i < 3; i++) {
		SAME(sigwaitinfo(&set, &info), SIGUSR2);
		for (int k = 0; k < 3; k++)
			if (info.si_timerid == (long)t[k])
				told |= 1 << k;
	}
	SAME(told, 7);
}

CHECK(timers_are_not_inherited)
{
	timer_t t = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGTERM);
	struct itimerspec s;
	pid_t pid;

	start(t, 0, HOUR, 0);
	pid = fork();
	if (pid == 0) {
		FAILS(timer_gettime(t, &s), EINVAL);
		_exit(0);
	}
	child_ok(pid);
	/* exec ends them: this would be killed otherwise. */
	pid = fork();
	if (pid == 0) {
		block(SIGTERM);
		t = timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGTERM);
		start(t, 0, 1, 1000000);
		usleep(5000);
		execl("/bin/sh", "sh", "-c", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; grep -q 'S[a-z]*Pnd:.*4...$' /proc/self/status && exit 1; exit 0", NULL);
	}
	child_ok(pid);
}

CHECK(absolute_timer_follows_the_clock)
{
	sigset_t set = block(TIMER_SIGNAL);
	timer_t t = timer_on(CLOCK_REALTIME, SIGEV_SIGNAL, TIMER_SIGNAL), u = timer_on(CLOCK_REALTIME, SIGEV_SIGNAL, TIMER_SIGNAL);
	long long at = now_on(CLOCK_REALTIME) + HOUR;
	struct itimerspec s;
	siginfo_t info;

	start(t, TIMER_ABSTIME, at, 0);
	start(u, 0, HOUR, 0);
	clock_move(2 * HOUR);
	SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
	SAME(info.si_timerid, (long)t);
	clock_move(-2 * HOUR);
	SAME(timer_gettime(u, &s), 0);
	EXPECT(left(&s) > HOUR / 2 && left(&s) <= HOUR);
}

CHECK(timers_count_as_pending_signals)
{
	struct rlimit one = { 1, 1 };
	sigset_t set = block(TIMER_SIGNAL);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = TIMER_SIGNAL };
	siginfo_t info;
	timer_t t, u;

	/* A user of its own: Linux counts them for each. */
	SAME(setuid(4321), 0);
	SAME(setrlimit(RLIMIT_SIGPENDING, &one), 0);
	SAME(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	FAILS(timer_create(CLOCK_MONOTONIC, &e, &u), EAGAIN);
	FAILS(sigqueue(getpid(), TIMER_SIGNAL, (union sigval){ 0 }), EAGAIN);
	/* The one that is there has its place. */
	start(t, 0, 1, 0);
	SAME(sigwaitinfo(&set, &info), TIMER_SIGNAL);
	SAME(info.si_code, SI_TIMER);
	SAME(timer_delete(t), 0);
	SAME(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
}

CHECK(a_users_processes_share_the_limit)
{
	struct rlimit two = { 2, 2 };
	union sigval v = { 0 };
	int p[2];
	pid_t pid;
	char c;

	block(TIMER_SIGNAL);
	SAME(pipe(p), 0);
	SAME(setuid(4322), 0);
	SAME(setrlimit(RLIMIT_SIGPENDING, &two), 0);
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1));
	}
	SAME(sigqueue(pid, TIMER_SIGNAL, v), 0);
	SAME(sigqueue(getpid(), TIMER_SIGNAL, v), 0);
	FAILS(sigqueue(pid, TIMER_SIGNAL, v), EAGAIN);
	FAILS(sigqueue(getpid(), TIMER_SIGNAL, v), EAGAIN);
	close(p[1]);
	child_ok(pid);
	/* What waited for the other is gone with it. */
	SAME(sigqueue(getpid(), TIMER_SIGNAL, v), 0);
	FAILS(sigqueue(getpid(), TIMER_SIGNAL, v), EAGAIN);
}

CHECK(timers_on_cpu_time)
{
	static const clockid_t clocks[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct sigaction a = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO };
	struct itimerspec s;

	SAME(sigaction(TIMER_SIGNAL, &a, NULL), 0);
	for (int i = 0; i < 2; i++) {
		timer_t t = timer_on(clocks[i], SIGEV_SIGNAL, TIMER_SIGNAL);
		long long began = now_on(clocks[i]);

		rings = 0;
		start(t, 0, 30000000, 0);
		SAME(timer_gettime(t, &s), 0);
		EXPECT(left(&s) > 0 && left(&s) <= 30000000);
		while (!rings)
			;
		EXPECT(now_on(clocks[i]) - began >= 30000000);
		/* Asleep, a program uses none of it. */
		rings = 0;
		start(t, 0, 40000000, 0);
		usleep(100000);
		if (now_on(clocks[i]) - began < 60000000)
			SAME(rings, 0);
		start(t, TIMER_ABSTIME, 1, 10000000);
		while (rings < 3)
			;
		SAME(timer_delete(t), 0);
	}
}

static volatile int told_by_a_thread;

static void tell(union sigval v)
{
	told_by_a_thread += v.sival_int;
}

CHECK(timer_calls_a_function_in_a_thread)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = tell };
	timer_t t;

	e.sigev_value.sival_int = 5;
	SAME(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	start(t, 0, 1, 1000000);
	while (told_by_a_thread < 15)
		sched_yield();
	SAME(timer_delete(t), 0);
}

CHECK(timers_go_while_they_ring)
{
	struct sigaction a = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO };
	timer_t t[8];

	SAME(sigaction(TIMER_SIGNAL, &a, NULL), 0);
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 8; k++) {
			t[k] = timer_on(k & 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, SIGEV_SIGNAL, TIMER_SIGNAL);
			start(t[k], k & 2 ? TIMER_ABSTIME : 0, 1 + k * 1000, 1 + k * 10000);
		}
		for (int k = 0; k < 8; k++)
			SAME(timer_delete(t[k]), 0);
	}
	EXPECT(rings > 0);
	/* And with their process. */
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (int k = 0; k < 8; k++)
				start(timer_on(CLOCK_MONOTONIC, SIGEV_SIGNAL, TIMER_SIGNAL), 0, 1, 1 + k * 10000);
			_exit(0);
		}
		child_ok(pid);
	}
}

static volatile int sleeping_for_it;

static void *burner(void *arg)
{
	(void)arg;
	while (sleeping_for_it)
		;
	return NULL;
}

CHECK(sleeping_on_cpu_time)
{
	long long began = now_on(CLOCK_PROCESS_CPUTIME_ID);
	struct timespec t = ts(60000000), rest = { -1, -1 };
	clockid_t of_thread;
	pthread_t thread;

	sleeping_for_it = 1;
	SAME(pthread_create(&thread, NULL, burner, NULL), 0);
	SAME(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL), 0);
	EXPECT(now_on(CLOCK_PROCESS_CPUTIME_ID) - began >= 60000000);
	SAME(pthread_getcpuclockid(thread, &of_thread), 0);
	began = now_on(of_thread);
	t = ts(began + 50000000);
	SAME(clock_nanosleep(of_thread, TIMER_ABSTIME, &t, NULL), 0);
	EXPECT(now_on(of_thread) - began >= 50000000);
	t = ts(0);
	SAME(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &t, NULL), 0);
	sleeping_for_it = 0;
	SAME(pthread_join(thread, NULL), 0);
	/* Nobody works: only the signal ends it. */
	on(SIGALRM, 0);
	ualarm(10000, 10000);
	t = ts(HOUR);
	SAME(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, &rest), EINTR);
	EXPECT(rest.tv_sec >= 3000 && rest.tv_sec <= 3600);
	SAME(pthread_getcpuclockid(pthread_self(), &of_thread), 0);
	FAILS(syscall(SYS_clock_nanosleep, of_thread, 0, &t, NULL), EINVAL);
}

CHECK(limit_of_cpu_time)
{
	/* Far apart where the soft one is meant: the time of a host that stands still is the program's, too. */
	struct rlimit limit = { 1, 3 }, soft = { 1, 3600 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		SAME(setrlimit(RLIMIT_CPU, &soft), 0);
		for (;;)
			;
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
	pid = fork();
	if (pid == 0) {
		SAME(setrlimit(RLIMIT_CPU, &limit), 0);
		on(SIGXCPU, 0);
		/* Its children have a limit of their own time. */
		if (fork() == 0)
			for (;;)
				;
		while (seen != SIGXCPU)
			;
		SAME(wait(&status) > 0, 1);
		EXPECT(WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL));
		for (;;)
			;
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

CHECK(sleeping_on_anothers_cpu_time)
{
	pid_t pid = fork();
	clockid_t clock;
	struct timespec t;
	long long began;

	if (!pid)
		for (;;)
			;
	SAME(clock_getcpuclockid(pid, &clock), 0);
	began = now_on(clock);
	t = ts(began + 50000000);
	SAME(clock_nanosleep(clock, TIMER_ABSTIME, &t, NULL), 0);
	EXPECT(now_on(clock) - began >= 50000000);
	t = ts(20000000);
	SAME(clock_nanosleep(clock, 0, &t, NULL), 0);
	EXPECT(now_on(clock) - began >= 70000000);
	/* Its threads' are its own business. */
	FAILS(clock_gettime(clock | 4, &t), EINVAL);
	FAILS(syscall(SYS_clock_nanosleep, clock | 4, 0, &t, NULL), EINVAL);
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
	FAILS(syscall(SYS_clock_nanosleep, clock, 0, &t, NULL), EINVAL);
}

static sigset_t all_but_the_timers(void)
{
	sigset_t s;

	sigfillset(&s);
	sigdelset(&s, TIMER_SIGNAL);
	sigdelset(&s, SIGALRM);
	return s;
}

CHECK(timers_on_anothers_cpu_time)
{
	struct sigaction a = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO };
	sigset_t sleeping = all_but_the_timers(), blocked;
	pid_t parent = getpid(), pid;
	struct itimerspec s;
	clockid_t clock;
	timer_t t, mine;

	sigemptyset(&blocked);
	sigaddset(&blocked, TIMER_SIGNAL);
	SAME(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	SAME(sigaction(TIMER_SIGNAL, &a, NULL), 0);
	pid = fork();
	if (!pid) {
		/* Each has one on the other. */
		SAME(clock_getcpuclockid(parent, &clock), 0);
		t = timer_on(clock, SIGEV_SIGNAL, TIMER_SIGNAL);
		start(t, 0, 1, 1000000);
		for (;;)
			SAME(timer_gettime(t, &s), 0);
	}
	SAME(clock_getcpuclockid(pid, &clock), 0);
	t = timer_on(clock, SIGEV_SIGNAL, TIMER_SIGNAL);
	long long began = now_on(clock);

	start(t, 0, 30000000, 0);
	SAME(timer_gettime(t, &s), 0);
	EXPECT(left(&s) <= 30000000);
	while (!rings)
		sigsuspend(&sleeping);
	EXPECT(now_on(clock) - began >= 30000000);
	SAME(timer_gettime(t, &s), 0);
	SAME(left(&s), 0);
	/* Again and again; and taken away while they ring. */
	start(t, TIMER_ABSTIME, 1, 2000000);
	for (rings = 0; rings < 5; )
		sigsuspend(&sleeping);
	for (int i = 0; i < 300; i++) {
		mine = timer_on(clock, SIGEV_SIGNAL, TIMER_SIGNAL);
		start(mine, TIMER_ABSTIME, 1, 1);
		SAME(timer_delete(mine), 0);
	}
	/* It stops, and so does its time. */
	SAME(kill(pid, SIGSTOP), 0);
	SAME(waitpid(pid, NULL, WUNTRACED), pid);
	began = now_on(clock);
	start(t, 0, 3600 * SEC, 0);
	usleep(50000);
	SAME(now_on(clock), began);
	SAME(timer_gettime(t, &s), 0);
	EXPECT(left(&s) > 3599 * SEC);
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
	SAME(timer_gettime(t, &s), 0);
	SAME(left(&s), 0);
	s.it_value.tv_sec = 1;
	FAILS(timer_settime(t, 0, &s, NULL), ESRCH);
	SAME(timer_delete(t), 0);
	FAILS(timer_create(clock, NULL, &t), EINVAL);
	/* Another's threads are its own business. */
	FAILS(timer_create(~getppid() << 3 | 6, NULL, &t), EINVAL);
}

static void burn(long long ns)
{
	long long end = now_on(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_on(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

/* How a child ends that does this with a limit, in us. */
static int ends(void (*work)(void), rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };
	int status;
	pid_t pid = fork();

	if (!pid) {
		SAME(setrlimit(RLIMIT_RTTIME, &limit), 0);
		work();
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	return status;
}

static void work_on(void)
{
	burn(3000000000);
}

static void be_real_time(void)
{
	SAME(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, (int[]){ 1 }), 0);
}

static void real_time(void)
{
	be_real_time();
	work_on();
}

static void real_time_handled(void)
{
	on(SIGXCPU, 0);
	be_real_time();
	while (seen != SIGXCPU)
		;
	work_on();
}

/* Told only if it once had no rest for so long, for which a host would have to stand still. */
static void real_time_with_rests(void)
{
	on(SIGXCPU, 0);
	be_real_time();
	for (int i = 0; i < 80; i++) {
		long long began = now_on(CLOCK_THREAD_CPUTIME_ID);

		seen = 0;
		burn(20000000);
		EXPECT(!seen || now_on(CLOCK_THREAD_CPUTIME_ID) - began >= 900000000);
		usleep(100);
	}
}

CHECK(limit_of_real_time)
{
	SAME(ends(real_time, 200000, 3600000000) & 0x7f, SIGXCPU);
	SAME(ends(real_time_handled, 100000, 300000) & 0x7f, SIGKILL);
	SAME(ends(real_time_with_rests, 1000000, 3600000000), 0);
	SAME(ends(work_on, 100000, 100000), 0);
}

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t deadline[3]; uint32_t util[2]; };

static long set_attr(int pid, struct attr *a)
{
	return syscall(SYS_sched_setattr, pid, a, 0);
}

CHECK(attributes_of_scheduling)
{
	struct attr a = { .size = sizeof(a), .policy = SCHED_RR, .priority = 7 }, b;
	char big[200] = { sizeof(big) };

	SAME(set_attr(0, &a), 0);
	SAME(syscall(SYS_sched_getscheduler, 0), SCHED_RR);
	memset(&b, 1, sizeof(b));
	SAME(syscall(SYS_sched_getattr, 0, &b, sizeof(b), 0), 0);
	EXPECT(b.size == sizeof(b) && b.policy == SCHED_RR && b.priority == 7 && b.nice == 0);
	a = (struct attr){ .size = 48, .policy = SCHED_BATCH, .nice = 5 };
	SAME(set_attr(0, &a), 0);
	SAME(getpriority(PRIO_PROCESS, 0), 5);
	SAME(syscall(SYS_sched_getattr, getpid(), &b, 48, 0), 0);
	EXPECT(b.size == 48 && b.policy == SCHED_BATCH && b.priority == 0 && b.nice == 5);
	a.priority = 3;
	FAILS(set_attr(0, &a), EINVAL);
	a = (struct attr){ .size = 40 };
	FAILS(set_attr(0, &a), E2BIG);
	EXPECT(a.size >= 48);
	big[199] = 1;
	FAILS(set_attr(0, (struct attr *)big), E2BIG);
	a = (struct attr){ .size = 48, .policy = 77 };
	FAILS(set_attr(0, &a), EINVAL);
	FAILS(set_attr(0, NULL), EINVAL);
	FAILS(set_attr(4000000, &(struct attr){ .size = 48 }), ESRCH);
	FAILS(syscall(SYS_sched_getattr, 0, &b, 40, 0), EINVAL);
	SAME(setuid(1000), 0);
	a = (struct attr){ .size = 48, .nice = -5 };
	FAILS(set_attr(0, &a), EPERM);
	a = (struct attr){ .size = 48, .policy = SCHED_FIFO, .priority = 1 };
	FAILS(set_attr(0, &a), EPERM);
}

CHECK(children_without_their_parents_priority)
{
	struct attr a = { .size = 48, .policy = SCHED_FIFO, .flags = 1, .priority = 3 };
	pid_t pid;

	SAME(set_attr(0, &a), 0);
	SAME(syscall(SYS_sched_getscheduler, 0), SCHED_FIFO | 0x40000000);
	pid = fork();
	if (!pid) {
		SAME(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
		_exit(0);
	}
	child_ok(pid);
	SAME(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | 0x40000000, (int[]){ 0 }), 0);
	SAME(setpriority(PRIO_PROCESS, 0, -5), 0);
	pid = fork();
	if (!pid) {
		SAME(getpriority(PRIO_PROCESS, 0), 0);
		_exit(0);
	}
	child_ok(pid);
	SAME(setuid(1000), 0);
	FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, (int[]){ 0 }), EPERM);
}

CHECK(the_clock_as_it_is_kept)
{
	long long before = now_on(CLOCK_REALTIME) / SEC;
	struct timex t = { 0 };

	SAME(adjtimex(&t), TIME_ERROR);
	EXPECT((t.status & STA_UNSYNC) && t.tick > 0);
	EXPECT(t.time.tv_sec >= before && t.time.tv_sec <= now_on(CLOCK_REALTIME) / SEC);
	SAME(clock_adjtime(CLOCK_REALTIME, &t), TIME_ERROR);
	FAILS(clock_adjtime(CLOCK_MONOTONIC, &t), EOPNOTSUPP);
	FAILS(clock_adjtime(1000, &t), EINVAL);
	SAME(setuid(1000), 0);
	t.modes = ADJ_TICK;
	FAILS(adjtimex(&t), EPERM);
}

CHECK(interval_timers_on_cpu_time)
{
	struct itimerval s = { { 0, 20000 }, { 0, 20000 } };

	on(SIGPROF, 0);
	on(SIGVTALRM, 0);
	SAME(setitimer(ITIMER_PROF, &s, NULL), 0);
	while (seen != SIGPROF)
		;
	s.it_value.tv_usec = s.it_interval.tv_usec = 0;
	SAME(setitimer(ITIMER_PROF, &s, NULL), 0);
	s.it_value.tv_usec = 20000;
	SAME(setitimer(ITIMER_VIRTUAL, &s, NULL), 0);
	while (seen != SIGVTALRM)
		;
}

CHECK(timer_bad_arguments)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	struct itimerspec s = spec(SEC, 0);
	timer_t t;

	FAILS(timer_create(CLOCK_MONOTONIC, &e, &t), EINVAL);
	e.sigev_signo = 0;
	FAILS(timer_create(CLOCK_MONOTONIC, &e, &t), EINVAL);
	e.sigev_signo = SIGUSR1;
	e.sigev_notify = 7;
	FAILS(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t), EINVAL);
	FAILS(timer_create(77, NULL, &t), EINVAL);
	FAILS(timer_create(CLOCK_MONOTONIC_RAW, NULL, &t), EOPNOTSUPP);
	FAILS(timer_create(CLOCK_MONOTONIC_COARSE, NULL, &t), EOPNOTSUPP);
	FAILS(syscall(SYS_timer_create, CLOCK_MONOTONIC, nowhere, &t), EFAULT);
	FAILS(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, nowhere), EFAULT);
	FAILS(syscall(SYS_timer_settime, 77, 0, &s, NULL), EINVAL);
	FAILS(syscall(SYS_timer_getoverrun, 77), EINVAL);
	FAILS(syscall(SYS_timer_delete, 77), EINVAL);
	SAME(timer_create(CLOCK_MONOTONIC, NULL, &t), 0);
	FAILS(timer_settime(t, 0, NULL, NULL), EINVAL);
	FAILS(syscall(SYS_timer_settime, t, 0, nowhere, NULL), EFAULT);
	FAILS(syscall(SYS_timer_gettime, t, nowhere), EFAULT);
	s.it_value.tv_nsec = -1;
	FAILS(timer_settime(t, 0, &s, NULL), EINVAL);
}

CHECK(round_robin_interval)
{
	struct sched_param p = { .sched_priority = 1 };
	struct timespec t;

	SAME(sched_rr_get_interval(0, &t), 0);
	EXPECT(t.tv_sec == 0 && t.tv_nsec >= 0);
	SAME(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &p), 0);
	SAME(sched_rr_get_interval(getpid(), &t), 0);
	EXPECT(t.tv_sec == 0 && t.tv_nsec > 0);
	SAME(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), 0);
	SAME(sched_rr_get_interval(0, &t), 0);
	EXPECT(t.tv_sec == 0 && t.tv_nsec == 0);
	FAILS(sched_rr_get_interval(-1, &t), EINVAL);
	FAILS(sched_rr_get_interval(4000000, &t), ESRCH);
	FAILS(syscall(SYS_sched_rr_get_interval, 0, nowhere), EFAULT);
}
