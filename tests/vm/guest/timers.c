/*
 * Timers as descriptors, sleeping on clocks, and what setting CLOCK_REALTIME does to them. Nothing here measures how
 * long something takes: timers are waited for, and never early. tests/vm/timer_test.py runs it.
 */
#include "clocks.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

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
	long long at = now_on(CLOCK_REALTIME) + 10000000, n;

	arm(fd, TFD_TIMER_ABSTIME, at, 0);
	SAME(expiries(fd), 1);
	EXPECT(now_on(CLOCK_REALTIME) >= at);
	arm(fd, TFD_TIMER_ABSTIME, 1, 0);
	SAME(expiries(fd), 1);
	/* An interval counts from where it began. */
	at = (now_on(CLOCK_REALTIME) - SEC) / HOUR + 1;
	arm(fd, TFD_TIMER_ABSTIME, SEC, HOUR);
	n = expiries(fd);
	EXPECT(n >= at && n <= (now_on(CLOCK_REALTIME) - SEC) / HOUR + 1);
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

CHECK(timerfds_go_while_they_ring)
{
	for (int i = 0; i < 300; i++) {
		int fd = timerfd_create(CLOCK_REALTIME, 0);

		arm(fd, i & 1 ? TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET : 0, 1 + i * 100, 1);
		close(fd);
	}
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
	arm(fd, TFD_TIMER_ABSTIME, now_on(CLOCK_REALTIME) + HOUR / 2, 0);
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
