/*
 * Signals and processes as descriptors: signalfd, pidfd. tests/vm/timer_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#define RT (SIGRTMIN + 1)

static sigset_t block(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	SAME(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	return set;
}

static int ready(int fd)
{
	return poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0);
}

static void caught(int sig)
{
	(void)sig;
}

/* ---- signalfd ---- */

CHECK(signalfd_reads_several_at_a_time)
{
	sigset_t set = block(SIGUSR1, RT);
	struct signalfd_siginfo si[5];
	int fd = signalfd(-1, &set, SFD_CLOEXEC);

	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	SAME(ready(fd), 0);
	for (int i = 0; i < 3; i++)
		SAME(sigqueue(getpid(), RT, (union sigval){ .sival_int = 10 + i }), 0);
	SAME(kill(getpid(), SIGUSR1), 0);
	SAME(ready(fd), 1);
	/* What fits: one, and then the others. */
	SAME(read(fd, si, 2 * sizeof(si[0]) - 1), sizeof(si[0]));
	SAME(si[0].ssi_signo, SIGUSR1);
	SAME(si[0].ssi_code, SI_USER);
	SAME(si[0].ssi_pid, getpid());
	SAME(si[0].ssi_uid, getuid());
	SAME(read(fd, si, sizeof(si)), 3 * sizeof(si[0]));
	for (int i = 0; i < 3; i++) {
		SAME(si[i].ssi_signo, RT);
		SAME(si[i].ssi_code, SI_QUEUE);
		SAME(si[i].ssi_int, 10 + i);
	}
	SAME(ready(fd), 0);
}

static void *late_sender(void *arg)
{
	usleep(20000);
	SAME(kill(getpid(), *(int *)arg), 0);
	return NULL;
}

CHECK(signalfd_waits)
{
	sigset_t set = block(SIGUSR1, SIGUSR2);
	int fd = signalfd(-1, &set, 0), ep = epoll_create1(0), sig = SIGUSR1;
	struct epoll_event e = { .events = EPOLLIN };
	struct signalfd_siginfo si;
	pthread_t t;

	SAME(pthread_create(&t, NULL, late_sender, &sig), 0);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	SAME(si.ssi_signo, SIGUSR1);
	SAME(pthread_join(t, NULL), 0);
	sig = SIGUSR2;
	SAME(pthread_create(&t, NULL, late_sender, &sig), 0);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	SAME(si.ssi_signo, SIGUSR2);
	SAME(pthread_join(t, NULL), 0);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	SAME(pthread_create(&t, NULL, late_sender, &sig), 0);
	SAME(epoll_wait(ep, &e, 1, -1), 1);
	SAME(pthread_join(t, NULL), 0);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	SAME(epoll_wait(ep, &e, 1, 0), 0);
}

CHECK(signalfd_mask_is_changed)
{
	sigset_t set = block(SIGUSR1, SIGUSR2), other;
	struct signalfd_siginfo si;
	int fd = signalfd(-1, &set, SFD_NONBLOCK);

	sigemptyset(&other);
	sigaddset(&other, SIGUSR2);
	SAME(kill(getpid(), SIGUSR1), 0);
	SAME(ready(fd), 1);
	SAME(signalfd(fd, &other, 0), fd);
	SAME(ready(fd), 0);
	FAILS(read(fd, &si, sizeof(si)), EAGAIN);
	SAME(signalfd(fd, &set, 0), fd);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	SAME(si.ssi_signo, SIGUSR1);
}

CHECK(signalfd_tells_of_children_and_timers)
{
	sigset_t set = block(SIGCHLD, RT);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = RT };
	struct itimerspec soon = { { 0, 0 }, { 0, 1 } };
	int fd = signalfd(-1, &set, 0);
	struct signalfd_siginfo si;
	timer_t t;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	EXPECT(si.ssi_signo == SIGCHLD && si.ssi_code == CLD_EXITED && si.ssi_status == 7);
	SAME(si.ssi_pid, pid);
	SAME(waitpid(pid, NULL, 0), pid);
	e.sigev_value.sival_int = 42;
	SAME(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	SAME(timer_settime(t, 0, &soon, NULL), 0);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	EXPECT(si.ssi_signo == (unsigned)RT && si.ssi_code == SI_TIMER && si.ssi_int == 42 && si.ssi_overrun == 0);
	SAME(si.ssi_tid, (long)t);
}

static void *own_signal(void *arg)
{
	struct signalfd_siginfo si;

	SAME(pthread_kill(pthread_self(), SIGUSR1), 0);
	SAME(read(*(int *)arg, &si, sizeof(si)), sizeof(si));
	SAME(si.ssi_code, SI_TKILL);
	return NULL;
}

CHECK(signalfd_gives_each_its_own)
{
	sigset_t set = block(SIGUSR1, SIGUSR2);
	struct signalfd_siginfo si;
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	pthread_t t;
	pid_t pid;

	SAME(pthread_create(&t, NULL, own_signal, &fd), 0);
	SAME(pthread_join(t, NULL), 0);
	FAILS(read(fd, &si, sizeof(si)), EAGAIN);
	/* Inherited, it reads its new owner's. */
	SAME(kill(getpid(), SIGUSR1), 0);
	pid = fork();
	if (pid == 0) {
		FAILS(read(fd, &si, sizeof(si)), EAGAIN);
		SAME(kill(getpid(), SIGUSR2), 0);
		SAME(read(fd, &si, sizeof(si)), sizeof(si));
		SAME(si.ssi_signo, SIGUSR2);
		_exit(0);
	}
	child_ok(pid);
	SAME(read(fd, &si, sizeof(si)), sizeof(si));
	SAME(si.ssi_signo, SIGUSR1);
}

CHECK(signalfd_outlives_who_polled_it)
{
	/* A child watches its signals in an epoll, hands that on by staying its parent's, and dies. */
	sigset_t set = block(SIGUSR1, SIGUSR2);
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0), fd = signalfd(-1, &set, 0);

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
			SAME(epoll_wait(ep, &e, 1, 0), 0);
			_exit(0);
		}
		child_ok(pid);
		SAME(kill(getpid(), SIGUSR1), 0);
		SAME(read(fd, &(struct signalfd_siginfo){ 0 }, sizeof(struct signalfd_siginfo)), sizeof(struct signalfd_siginfo));
		SAME(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	}
}

CHECK(signalfd_bad_arguments)
{
	sigset_t set = block(SIGUSR1, SIGUSR2);
	struct signalfd_siginfo si;
	int fd = signalfd(-1, &set, 0);

	FAILS(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	FAILS(syscall(SYS_signalfd4, -1, &set, 8, 1), EINVAL);
	FAILS(syscall(SYS_signalfd4, -1, nowhere, 8, 0), EFAULT);
	FAILS(syscall(SYS_signalfd4, 0, &set, 8, 0), EINVAL);
	FAILS(syscall(SYS_signalfd4, 999, &set, 8, 0), EBADF);
	FAILS(read(fd, &si, sizeof(si) - 1), EINVAL);
	FAILS(write(fd, &si, sizeof(si)), EINVAL);
	/* SIGKILL and SIGSTOP are never read, but may be asked for. */
	sigfillset(&set);
	SAME(syscall(SYS_signalfd4, fd, &set, 8, 0), fd);
	SAME(kill(getpid(), SIGUSR1), 0);
	FAILS(read(fd, nowhere, sizeof(si)), EFAULT);
}

CHECK(signalfd_read_is_interrupted)
{
	sigset_t set = block(SIGUSR1, SIGUSR2);
	struct sigaction a = { .sa_handler = caught };
	struct signalfd_siginfo si;

	SAME(sigaction(SIGALRM, &a, NULL), 0);
	ualarm(10000, 10000);
	FAILS(read(signalfd(-1, &set, 0), &si, sizeof(si)), EINTR);
}

/* ---- pidfd ---- */

static int pidfd_open(pid_t pid, unsigned flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_send(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

CHECK(pidfd_tells_the_end)
{
	pid_t pid = sleeper();
	int fd = pidfd_open(pid, 0), ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };
	siginfo_t info;

	EXPECT(fd >= 0);
	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	SAME(ready(fd), 0);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	SAME(pidfd_send(fd, 0, NULL, 0), 0);
	SAME(pidfd_send(fd, SIGTERM, NULL, 0), 0);
	SAME(epoll_wait(ep, &e, 1, -1), 1);
	SAME(ready(fd), 1);
	memset(&info, 0, sizeof(info));
	SAME(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT), 0);
	SAME(info.si_pid, pid);
	/* Not waited for yet: it is there to be signalled. */
	SAME(pidfd_send(fd, SIGTERM, NULL, 0), 0);
	SAME(waitid(P_PIDFD, fd, &info, WEXITED), 0);
	EXPECT(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	FAILS(pidfd_send(fd, 0, NULL, 0), ESRCH);
	FAILS(waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
	EXPECT(ready(fd) == 1);
	FAILS(pidfd_open(pid, 0), ESRCH);
}

CHECK(pidfd_send_signal_takes_a_directory_of_proc)
{
	pid_t pid = sleeper();
	char path[40];
	int fd, task, status;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	EXPECT(fd >= 0);
	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, pid);
	task = open(path, O_RDONLY | O_DIRECTORY);
	EXPECT(task >= 0);
	FAILS(pidfd_send(task, 0, NULL, 0), EBADF);
	SAME(pidfd_send(fd, 0, NULL, 0), 0);
	SAME(pidfd_send(fd, SIGKILL, NULL, 0), 0);
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	FAILS(pidfd_send(fd, 0, NULL, 0), ESRCH);
	close(fd);
	close(task);
}

CHECK(pidfd_carries_a_siginfo)
{
	sigset_t set = block(RT, SIGUSR1);
	siginfo_t info = { .si_signo = RT, .si_code = SI_QUEUE }, got;
	int fd = pidfd_open(getpid(), 0);

	info.si_value.sival_int = 99;
	SAME(pidfd_send(fd, RT, &info, 0), 0);
	SAME(sigwaitinfo(&set, &got), RT);
	EXPECT(got.si_code == SI_QUEUE && got.si_value.sival_int == 99);
	SAME(pidfd_send(fd, SIGUSR1, NULL, 0), 0);
	SAME(sigwaitinfo(&set, &got), SIGUSR1);
	EXPECT(got.si_code == SI_USER && got.si_pid == getpid());
	FAILS(pidfd_send(fd, SIGUSR1, &info, 0), EINVAL);
	FAILS(pidfd_send(fd, 65, NULL, 0), EINVAL);
	FAILS(pidfd_send(fd, SIGUSR1, NULL, 1), EINVAL);
	FAILS(pidfd_send(fd, SIGUSR1, (void *)nowhere, 0), EFAULT);
	FAILS(pidfd_send(0, SIGUSR1, NULL, 0), EBADF);
	FAILS(pidfd_send(-1, SIGUSR1, NULL, 0), EBADF);
	/* To others nothing that looks like the kernel's. */
	fd = pidfd_open(getppid(), 0);
	info.si_code = SI_USER;
	FAILS(pidfd_send(fd, RT, &info, 0), EPERM);
	close(fd);
	fd = pidfd_open(1, 0);
	SAME(setuid(1), 0);
	FAILS(pidfd_send(fd, SIGUSR1, NULL, 0), EPERM);
}

static void *just_wait(void *arg)
{
	*(volatile int *)arg = syscall(SYS_gettid);
	pause();
	return NULL;
}

CHECK(pidfd_bad_arguments)
{
	volatile int tid = 0;
	pthread_t t;
	char c;

	FAILS(pidfd_open(0, 0), EINVAL);
	FAILS(pidfd_open(-1, 0), EINVAL);
	FAILS(pidfd_open(getpid(), 1), EINVAL);
	FAILS(pidfd_open(4000000, 0), ESRCH);
	SAME(pthread_create(&t, NULL, just_wait, (void *)&tid), 0);
	while (!tid)
		sched_yield();
	FAILS(pidfd_open(tid, 0), EINVAL);
	FAILS(read(pidfd_open(getpid(), 0), &c, 1), EINVAL);
	FAILS(waitid(P_PIDFD, 0, NULL, WEXITED), EBADF);
	FAILS(waitid(P_PIDFD, 999, NULL, WEXITED), EBADF);
	FAILS(waitid(P_PIDFD, -1, NULL, WEXITED), EINVAL);
	FAILS(waitid(P_PIDFD, pidfd_open(getppid(), 0), NULL, WEXITED), ECHILD);
}

CHECK(pidfd_nonblocking_wait)
{
	pid_t pid = sleeper();
	int fd = pidfd_open(pid, O_NONBLOCK);

	FAILS(waitid(P_PIDFD, fd, NULL, WEXITED), EAGAIN);
	SAME(waitid(P_PIDFD, fd, NULL, WEXITED | WNOHANG), 0);
	kill(pid, SIGKILL);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	SAME(waitid(P_PIDFD, fd, NULL, WEXITED), 0);
}

CHECK(pidfd_from_clone)
{
	struct clone_args c = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD };
	int fd = -1, old = -1, parent = 0;
	siginfo_t info;
	pid_t pid;

	c.pidfd = (unsigned long)&fd;
	pid = syscall(SYS_clone3, &c, sizeof(c));
	if (pid == 0)
		_exit(5);
	EXPECT(pid > 0 && fd >= 0);
	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	SAME(waitid(P_PIDFD, fd, &info, WEXITED), 0);
	EXPECT(info.si_pid == pid && info.si_status == 5);
	close(fd);
	/* The old call has one place for two numbers. */
	pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &old, 0, 0);
	if (pid == 0)
		_exit(6);
	EXPECT(pid > 0 && old >= 0);
	SAME(waitid(P_PIDFD, old, &info, WEXITED), 0);
	SAME(info.si_status, 6);
	FAILS(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &parent, 0, 0), EINVAL);
	c.flags = CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	c.exit_signal = 0;
	FAILS(syscall(SYS_clone3, &c, sizeof(c)), EINVAL);
	c.flags = CLONE_PIDFD;
	c.exit_signal = SIGCHLD;
	c.pidfd = (unsigned long)nowhere;
	fd = dup(0);
	close(fd);
	FAILS(syscall(SYS_clone3, &c, sizeof(c)), EFAULT);
	/* And no descriptor is left of it. */
	SAME(dup(0), fd);
	FAILS(waitpid(-1, NULL, 0), ECHILD);
}

CHECK(pidfd_takes_a_file)
{
	int fds[2], pid_fd, copy;
	char c = 0;
	pid_t pid;

	SAME(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 77);
		EXPECT(write(fds[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	SAME(read(fds[0], &c, 1), 1);
	close(fds[1]);
	pid_fd = pidfd_open(pid, 0);
	copy = syscall(SYS_pidfd_getfd, pid_fd, 77, 0);
	EXPECT(copy >= 0);
	SAME(fcntl(copy, F_GETFD), FD_CLOEXEC);
	SAME(write(copy, "x", 1), 1);
	SAME(read(fds[0], &c, 1), 1);
	SAME(c, 'x');
	FAILS(syscall(SYS_pidfd_getfd, pid_fd, 78, 0), EBADF);
	FAILS(syscall(SYS_pidfd_getfd, pid_fd, 77, 1), EINVAL);
	FAILS(syscall(SYS_pidfd_getfd, 0, 77, 0), EBADF);
	kill(pid, SIGKILL);
	SAME(poll(&(struct pollfd){ pid_fd, POLLIN, 0 }, 1, -1), 1);
	FAILS(syscall(SYS_pidfd_getfd, pid_fd, 77, 0), ESRCH);
	SAME(waitpid(pid, NULL, 0), pid);
	pid_fd = pidfd_open(1, 0);
	SAME(setuid(1), 0);
	FAILS(syscall(SYS_pidfd_getfd, pid_fd, 0, 0), EPERM);
}

static long same(pid_t p, pid_t q, int type, unsigned long x, unsigned long y)
{
	return syscall(SYS_kcmp, p, q, type, x, y);
}

CHECK(kcmp_tells_what_is_shared)
{
	int fd = open("/dev/null", O_RDONLY), twin = dup(fd), other = open("/dev/null", O_RDONLY), me = getpid();
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	SAME(same(me, me, KCMP_FILE, fd, twin), 0);
	SAME(same(me, pid, KCMP_FILE, fd, twin), 0);
	/* An order of both. */
	SAME(same(me, me, KCMP_FILE, fd, other) + same(me, pid, KCMP_FILE, other, fd), 3);
	SAME(same(me, me, KCMP_VM, 0, 0), 0);
	EXPECT(same(me, pid, KCMP_VM, 0, 0) > 0 && same(me, pid, KCMP_FILES, 0, 0) > 0 && same(me, pid, KCMP_FS, 0, 0) > 0 &&
	       same(me, pid, KCMP_SIGHAND, 0, 0) > 0);
	SAME(same(me, pid, KCMP_SYSVSEM, 0, 0), 0);
	FAILS(same(me, me, KCMP_FILE, fd, 99), EBADF);
	FAILS(same(me, me, 99, 0, 0), EINVAL);
	FAILS(same(me, 4000000, KCMP_VM, 0, 0), ESRCH);
	SAME(setuid(1000), 0);
	FAILS(same(getpid(), pid, KCMP_VM, 0, 0), EPERM);
}

CHECK(pidfd_when_nobody_waits)
{
	pid_t pid;
	int fd;

	signal(SIGCHLD, SIG_IGN);
	pid = sleeper();
	fd = pidfd_open(pid, 0);
	kill(pid, SIGKILL);
	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
}
