/*
 * Timers and sleeping on clocks: timerfd, timer_create, clock_nanosleep, and what setting CLOCK_REALTIME does to
 * them. Nothing here measures how long something takes: timers are waited for, and never early.
 * tests/vm/timer_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#define SEC 1000000000ll
#define HOUR (3600 * SEC)

static long long now_on(clockid_t clock)
{
	struct timespec t;

	SAME(clock_gettime(clock, &t), 0);
	return t.tv_sec * SEC + t.tv_nsec;
}

static struct timespec ts(long long ns)
{
	return (struct timespec){ ns / SEC, ns % SEC };
}

static struct itimerspec spec(long long value, long long interval)
{
	return (struct itimerspec){ ts(interval), ts(value) };
}

static long long left(const struct itimerspec *s)
{
	return s->it_value.tv_sec * SEC + s->it_value.tv_nsec;
}

static void clock_move(long long by)
{
	struct timespec t = ts(now_on(CLOCK_REALTIME) + by);

	SAME(clock_settime(CLOCK_REALTIME, &t), 0);
}

static uint64_t expiries(int fd)
{
	uint64_t n = 0;

	SAME(read(fd, &n, sizeof(n)), 8);
	return n;
}

static void arm(int fd, int flags, long long value, long long interval)
{
	struct itimerspec s = spec(value, interval);

	SAME(timerfd_settime(fd, flags, &s, NULL), 0);
}

static volatile sig_atomic_t seen;

static void note(int sig)
{
	seen = sig;
}

static void on(int sig, int flags)
{
	struct sigaction a = { .sa_handler = note, .sa_flags = flags };

	SAME(sigaction(sig, &a, NULL), 0);
}

/* ---- timerfd ---- */

CHECK(timerfd_expires_once)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	long long began = now_on(CLOCK_MONOTONIC);
	struct itimerspec s;

	EXPECT(fd >= 0);
	arm(fd, 0, 5000000, 0);
	SAME(expiries(fd), 1);
	EXPECT(now_on(CLOCK_MONOTONIC) - began >= 5000000);
	SAME(timerfd_gettime(fd, &s), 0);
	SAME(left(&s), 0);
	SAME(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	FAILS(read(fd, &s, 8), EAGAIN);
}

CHECK(timerfd_counts_what_nobody_read)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
	long long began = now_on(CLOCK_BOOTTIME), armed;
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t n;

	arm(fd, 0, 1000000, 1000000);
	armed = now_on(CLOCK_BOOTTIME);
	while (now_on(CLOCK_BOOTTIME) - armed < 20 * 1000000)
		;
	SAME(poll(&p, 1, -1), 1);
	SAME(p.revents, POLLIN);
	n = expiries(fd);
	EXPECT(n >= 19);
	/* No more than there was time for. */
	EXPECT(n <= (uint64_t)((now_on(CLOCK_BOOTTIME) - began) / 1000000));
	SAME(poll(&p, 1, -1), 1);
	EXPECT(expiries(fd) >= 1);
}

CHECK(timerfd_shortest_interval_stops_nobody)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	arm(fd, 0, 1, 1);
	for (int i = 0; i < 100; i++)
		EXPECT(expiries(fd) >= 1);
}

CHECK(timerfd_absolute_and_past)
{
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	long long at = now_on(CLOCK_REALTIME) + 10000000;

	arm(fd, TFD_TIMER_ABSTIME, at, 0);
	SAME(expiries(fd), 1);
	EXPECT(now_on(CLOCK_REALTIME) >= at);
	arm(fd, TFD_TIMER_ABSTIME, 1, 0);
	SAME(expiries(fd), 1);
	/* An interval counts from where it began. */
	arm(fd, TFD_TIMER_ABSTIME, SEC, HOUR);
	SAME(expiries(fd), (now_on(CLOCK_REALTIME) - SEC) / HOUR + 1);
}

CHECK(timerfd_is_set_again_and_off)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec s = spec(HOUR, 2 * SEC), old;
	uint64_t n;

	SAME(timerfd_settime(fd, 0, &s, &old), 0);
	SAME(left(&old), 0);
	s = spec(1, 0);
	SAME(timerfd_settime(fd, 0, &s, &old), 0);
	EXPECT(left(&old) > HOUR / 2 && left(&old) <= HOUR);
	EXPECT(old.it_interval.tv_sec == 2 && old.it_interval.tv_nsec == 0);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	/* What had expired goes with the new time. */
	arm(fd, 0, HOUR, 0);
	FAILS(read(fd, &n, 8), EAGAIN);
	arm(fd, 0, 0, 0);
	SAME(timerfd_gettime(fd, &s), 0);
	SAME(left(&s), 0);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
}

CHECK(timerfd_bad_arguments)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec s = spec(SEC, 0);
	uint64_t n;

	FAILS(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	FAILS(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	FAILS(timerfd_create(77, 0), EINVAL);
	FAILS(timerfd_settime(fd, 4, &s, NULL), EINVAL);
	FAILS(timerfd_settime(-1, 0, &s, NULL), EBADF);
	FAILS(timerfd_settime(0, 0, &s, NULL), EINVAL);
	FAILS(timerfd_gettime(0, &s), EINVAL);
	FAILS(syscall(SYS_timerfd_settime, fd, 0, nowhere, NULL), EFAULT);
	FAILS(syscall(SYS_timerfd_gettime, fd, nowhere), EFAULT);
	s.it_value.tv_nsec = SEC;
	FAILS(timerfd_settime(fd, 0, &s, NULL), EINVAL);
	FAILS(read(fd, &n, 7), EINVAL);
	FAILS(write(fd, &n, 8), EINVAL);
}

CHECK(timerfd_in_epoll)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0), fd = timerfd_create(CLOCK_MONOTONIC, 0);

	e.data.fd = fd;
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	for (int i = 0; i < 5; i++) {
		arm(fd, 0, 1000000, 0);
		SAME(epoll_wait(ep, &e, 1, -1), 1);
		SAME(e.data.fd, fd);
		SAME(expiries(fd), 1);
	}
	close(fd);
	SAME(epoll_wait(ep, &e, 1, 0), 0);
}

CHECK(timerfd_read_is_interrupted)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	on(SIGALRM, 0);
	arm(fd, 0, HOUR, 0);
	ualarm(10000, 10000);
	FAILS(read(fd, &n, 8), EINTR);
	SAME(seen, SIGALRM);
}

/* ---- setting the clock ---- */

CHECK(absolute_timerfd_follows_the_clock)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	long long at = now_on(CLOCK_REALTIME) + HOUR;
	struct itimerspec s;

	arm(fd, TFD_TIMER_ABSTIME, at, 0);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
	clock_move(2 * HOUR);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	SAME(expiries(fd), 1);
	/* And back: what would be due now is not. */
	arm(fd, TFD_TIMER_ABSTIME, now_on(CLOCK_REALTIME) + SEC, 0);
	clock_move(-2 * HOUR);
	SAME(timerfd_gettime(fd, &s), 0);
	EXPECT(left(&s) > HOUR);
	/* A length of time is no moment of the clock. */
	arm(fd, 0, HOUR, 0);
	clock_move(2 * HOUR);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 20), 0);
	SAME(timerfd_gettime(fd, &s), 0);
	EXPECT(left(&s) > HOUR / 2 && left(&s) <= HOUR);
	clock_move(-2 * HOUR);
}

static void *clock_mover(void *arg)
{
	(void)arg;
	usleep(20000);
	clock_move(-SEC);
	return NULL;
}

CHECK(timerfd_is_cancelled_by_setting_the_clock)
{
	int fd = timerfd_create(CLOCK_REALTIME, 0), other = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	struct itimerspec s = spec(now_on(CLOCK_REALTIME) + HOUR, 0);
	pthread_t t;
	uint64_t n;

	SAME(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &s, NULL), 0);
	SAME(timerfd_settime(other, TFD_TIMER_ABSTIME, &s, NULL), 0);
	SAME(pthread_create(&t, NULL, clock_mover, NULL), 0);
	/* In the read already, or not yet: it ends. */
	FAILS(read(fd, &n, 8), ECANCELED);
	SAME(pthread_join(t, NULL), 0);
	FAILS(read(other, &n, 8), EAGAIN);
	/* It told once, and still runs. */
	SAME(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	FAILS(read(fd, &n, 8), EAGAIN);
	clock_move(SEC);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	FAILS(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &s, NULL), ECANCELED);
	SAME(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &s, NULL), 0);
}

static void *clock_forward(void *arg)
{
	(void)arg;
	usleep(20000);
	clock_move(2 * HOUR);
	return NULL;
}

CHECK(sleepers_follow_the_clock)
{
	struct timespec at = ts(now_on(CLOCK_REALTIME) + HOUR);
	pthread_t t;

	SAME(pthread_create(&t, NULL, clock_forward, NULL), 0);
	SAME(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL), 0);
	EXPECT(now_on(CLOCK_REALTIME) >= at.tv_sec * SEC + at.tv_nsec);
	SAME(pthread_join(t, NULL), 0);
	clock_move(-2 * HOUR);
}

CHECK(futexes_follow_the_clock)
{
	struct timespec at = ts(now_on(CLOCK_REALTIME) + HOUR), past = ts(1);
	unsigned word = 0;
	pthread_t t;

	SAME(pthread_create(&t, NULL, clock_forward, NULL), 0);
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	EXPECT(now_on(CLOCK_REALTIME) >= at.tv_sec * SEC + at.tv_nsec);
	SAME(pthread_join(t, NULL), 0);
	clock_move(-2 * HOUR);
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	at = ts(now_on(CLOCK_MONOTONIC) + 3000000);
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	EXPECT(now_on(CLOCK_MONOTONIC) >= at.tv_sec * SEC + at.tv_nsec);
}

CHECK(clock_is_not_set_before_boot)
{
	struct timespec t = { 0, 0 };
	struct timeval tv = { 0, 0 };

	usleep(1000);
	FAILS(clock_settime(CLOCK_REALTIME, &t), EINVAL);
	FAILS(settimeofday(&tv, NULL), EINVAL);
	FAILS(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	t.tv_nsec = SEC;
	FAILS(clock_settime(CLOCK_REALTIME, &t), EINVAL);
	SAME(setuid(1), 0);
	t = ts(now_on(CLOCK_REALTIME));
	FAILS(clock_settime(CLOCK_REALTIME, &t), EPERM);
}

/* ---- sleeping ---- */

CHECK(sleeps_are_never_short)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };

	for (int i = 0; i < 4; i++) {
		long long began = now_on(clocks[i]);
		struct timespec t = ts(3000000), at = ts(began + 8000000), past = { 0, 0 };

		SAME(clock_nanosleep(clocks[i], 0, &t, NULL), 0);
		EXPECT(now_on(clocks[i]) - began >= 3000000);
		SAME(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, NULL), 0);
		EXPECT(now_on(clocks[i]) - began >= 8000000);
		SAME(clock_nanosleep(clocks[i], TIMER_ABSTIME, &past, NULL), 0);
	}
}

CHECK(sleep_tells_what_is_left)
{
	struct timespec hour = ts(HOUR), at, rest = { -1, -1 };

	on(SIGALRM, SA_RESTART);
	for (int i = 0; i < 3; i++) {
		static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

		rest = ts(0);
		ualarm(10000, 10000);
		SAME(clock_nanosleep(clocks[i], 0, &hour, &rest), EINTR);
		EXPECT(rest.tv_sec >= 3590 - 60 && rest.tv_sec * SEC + rest.tv_nsec < HOUR);
		/* With a moment there is nothing to tell. */
		at = ts(now_on(clocks[i]) + HOUR);
		rest = (struct timespec){ -1, -1 };
		SAME(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, &rest), EINTR);
		EXPECT(rest.tv_sec == -1 && rest.tv_nsec == -1);
		ualarm(0, 0);
	}
}

CHECK(sleep_goes_on_after_a_stop)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		long long began = now_on(CLOCK_MONOTONIC);
		struct timespec t = ts(300000000);

		kill(getppid(), SIGURG);
		SAME(nanosleep(&t, NULL), 0);
		EXPECT(now_on(CLOCK_MONOTONIC) - began >= 300000000);
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		usleep(5000);
		kill(pid, SIGSTOP);
		SAME(waitpid(pid, &status, WUNTRACED), pid);
		if (!WIFSTOPPED(status))
			break;
		kill(pid, SIGCONT);
	}
	if (WIFSTOPPED(status))
		SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(sleep_bad_arguments)
{
	struct timespec t = ts(0), bad = { 0, SEC };

	FAILS(syscall(SYS_clock_nanosleep, 77, 0, &t, NULL), EINVAL);
	FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &t, NULL), EOPNOTSUPP);
	FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &t, NULL), EOPNOTSUPP);
	FAILS(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EOPNOTSUPP);
	FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, nowhere, NULL), EFAULT);
	bad = (struct timespec){ -1, 0 };
	FAILS(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
}

CHECK(a_signalled_poll_is_eintr)
{
	int fds[2];

	SAME(pipe(fds), 0);
	on(SIGALRM, SA_RESTART);
	ualarm(10000, 10000);
	FAILS(poll(&(struct pollfd){ fds[0], POLLIN, 0 }, 1, 3600 * 1000), EINTR);
	FAILS(poll(NULL, 0, -1), EINTR);
	FAILS(select(0, NULL, NULL, NULL, NULL), EINTR);
	FAILS(epoll_wait(epoll_create1(0), &(struct epoll_event){ 0 }, 1, -1), EINTR);
	FAILS(ppoll(NULL, 0, NULL, NULL), EINTR);
}

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

CHECK(timerfds_go_while_they_ring)
{
	for (int i = 0; i < 300; i++) {
		int fd = timerfd_create(CLOCK_REALTIME, 0);

		arm(fd, i & 1 ? TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET : 0, 1 + i * 100, 1);
		close(fd);
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
	struct rlimit limit = { 1, 3 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		SAME(setrlimit(RLIMIT_CPU, &limit), 0);
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
