/*
 * Bad pointers into system calls: EFAULT, and nothing else happens.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#define KERNEL	0xffff000040000000ul	/* the kernel's half */
#define GAP	0x0000f00000000000ul	/* nothing is there */
#define OUTSIDE	0x0010000000000000ul	/* no address at all */

#define FAULTS(nr, ...) do { \
		for (int b_ = 0; b_ < 4; b_++) { \
			unsigned long bad = bad_pointers[b_]; \
			errno = 0; \
			long r_ = syscall(nr, __VA_ARGS__); \
			if (r_ != -1 || errno != EFAULT) { \
				printf("  " #nr " with %#lx: %ld\n", bad, r_); \
				check_failed(__FILE__, __LINE__, #nr); \
			} \
		} \
	} while (0)

static unsigned long bad_pointers[4] = { KERNEL, GAP, OUTSIDE, 16 };

CHECK(files)
{
	int fds[2], zero = open("/dev/zero", O_RDWR), file = open("/tmp/ptr", O_RDWR | O_CREAT, 0600);

	SAME(pipe(fds), 0);
	SAME(write(fds[1], "abcdefgh", 8), 8);
	SAME(write(file, "abcdefgh", 8), 8);
	FAULTS(SYS_read, fds[0], bad, 4);
	FAULTS(SYS_write, fds[1], bad, 4);
	FAULTS(SYS_read, zero, bad, 4);
	FAULTS(SYS_pread64, file, bad, 4, 0);
	FAULTS(SYS_write, file, bad, 4);
	FAULTS(SYS_readv, fds[0], bad, 1);
	FAULTS(SYS_writev, fds[1], bad, 1);
	FAULTS(SYS_openat, AT_FDCWD, bad, O_RDONLY);
	FAULTS(SYS_newfstatat, AT_FDCWD, bad, bad, 0);
	FAULTS(SYS_fstat, file, bad);
	FAULTS(SYS_newfstatat, AT_FDCWD, "/", bad, 0);
	FAULTS(SYS_mkdirat, AT_FDCWD, bad, 0700);
	FAULTS(SYS_unlinkat, AT_FDCWD, bad, 0);
	FAULTS(SYS_renameat2, AT_FDCWD, "/tmp/ptr", AT_FDCWD, bad, 0);
	FAULTS(SYS_symlinkat, bad, AT_FDCWD, "/tmp/ptr2");
	FAULTS(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", bad, 100);
	FAULTS(SYS_faccessat, AT_FDCWD, bad, 0);
	FAULTS(SYS_chdir, bad);
	FAULTS(SYS_getcwd, bad, 100);
	FAULTS(SYS_pipe2, bad, 0);
	FAULTS(SYS_getdents64, open("/", O_RDONLY | O_DIRECTORY), bad, 1000);
	FAULTS(SYS_statfs, "/", bad);
	/* What was not taken is still there. */
	char buf[8];

	SAME(read(fds[0], buf, 8), 8);
	EXPECT(!memcmp(buf, "abcdefgh", 8));
	unlink("/tmp/ptr");
}

CHECK(waiting)
{
	struct epoll_event e;
	int ep = epoll_create1(0), fds[2];

	SAME(pipe(fds), 0);
	SAME(write(fds[1], "x", 1), 1);
	FAULTS(SYS_ppoll, bad, 1, NULL, NULL, 8);
	FAULTS(SYS_pselect6, 5, bad, NULL, NULL, NULL, NULL);
	FAULTS(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fds[0], bad);
	e.events = EPOLLIN;
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e), 0);
	FAULTS(SYS_epoll_pwait, ep, bad, 1, 0, NULL, 8);
	FAULTS(SYS_nanosleep, bad, NULL);
	FAULTS(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad, NULL);
	FAULTS(SYS_futex, bad & ~3ul, 0, 0, NULL, NULL, 0);
	SAME(epoll_wait(ep, &e, 1, 0), 1);
}

CHECK(processes_and_signals)
{
	pid_t pid;

	FAULTS(SYS_execve, bad, NULL, NULL);
	FAULTS(SYS_execve, "/bin/busybox", bad, NULL);
	FAULTS(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8);
	FAULTS(SYS_rt_sigaction, SIGUSR1, NULL, bad, 8);
	FAULTS(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8);
	FAULTS(SYS_rt_sigpending, bad, 8);
	FAULTS(SYS_rt_sigsuspend, bad, 8);
	FAULTS(SYS_rt_sigtimedwait, bad, NULL, NULL, 8);
	FAULTS(SYS_sigaltstack, bad, NULL);
	FAULTS(SYS_prlimit64, 0, RLIMIT_NOFILE, bad, NULL);
	FAULTS(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, bad);
	FAULTS(SYS_getrusage, RUSAGE_SELF, bad);
	FAULTS(SYS_times, bad);
	FAULTS(SYS_getresuid, bad, bad, bad);
	FAULTS(SYS_sched_getaffinity, 0, 128, bad);
	for (int b = 0; b < 4; b++) {
		pid = fork();
		if (pid == 0)
			_exit(3);
		errno = 0;
		SAME(syscall(SYS_wait4, pid, bad_pointers[b], 0, NULL), -1);
		SAME(errno, EFAULT);
	}
}

CHECK(the_machine)
{
	FAULTS(SYS_uname, bad);
	FAULTS(SYS_sysinfo, bad);
	FAULTS(SYS_gettimeofday, bad, NULL);
	FAULTS(SYS_clock_gettime, CLOCK_MONOTONIC, bad);
	FAULTS(SYS_clock_gettime, CLOCK_REALTIME, bad);
	FAULTS(SYS_clock_settime, CLOCK_REALTIME, bad);
	FAULTS(SYS_getrandom, bad, 16, 0);
	FAULTS(SYS_getitimer, 0, bad);
	FAULTS(SYS_setitimer, 0, bad, NULL);
	FAULTS(SYS_sethostname, bad, 4);
}

CHECK(sockets)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0)
		return;
	FAULTS(SYS_bind, s, bad, 16);
	FAULTS(SYS_connect, s, bad, 16);
	FAULTS(SYS_getsockname, s, bad, bad);
	FAULTS(SYS_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, bad, 4);
	FAULTS(SYS_sendmsg, s, bad, 0);
	FAULTS(SYS_recvmsg, s, bad, MSG_DONTWAIT);
	FAULTS(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad);
}

/* A range that begins in good memory and ends outside: what fits is done, or nothing. */
CHECK(half_a_buffer)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	munmap(m + 4096, 4096);
	SAME(pipe(fds), 0);
	memset(m, 'z', 4096);
	SAME(write(fds[1], m + 4000, 96), 96);
	SAME(read(fds[0], m + 4000, 96), 96);
	EXPECT(uname((struct utsname *)(m + 4000)) == -1 && errno == EFAULT);
}

/* ---- every pointer of every call ------------------------------------------------------- */

/*
 * A call, its arguments, and which of them are pointers: 'i' is read from, 'o' is written to, 'b' both, '-' is none. Those
 * whose letter is capital may also be shorter than what they point to: a page that ends too early is no error then.
 */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
struct call { const char *name; long nr; const char *kinds; unsigned long a[6]; };
#define CALL(n, kinds, ...) { #n, SYS_##n, kinds, { __VA_ARGS__ } }
#define P(x) (unsigned long)(x)

static void call_with(const struct call *c, int which, unsigned long bad, const char *what)
{
	unsigned long a[6];
	long r;

	memcpy(a, c->a, sizeof(a));
	a[which] = bad;
	errno = 0;
	r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (errno == ENOSYS || (r == -1 && errno == EFAULT))
		return;
	printf("  %s, argument %d %s (%#lx): %ld\n", c->name, which, what, bad, r);
	check_failed(__FILE__, __LINE__, "EFAULT");
}

CHECK(every_pointer_of_every_call)
{
	static char buf[65536] __attribute__((aligned(4096)));
	static const unsigned long zeros[8];
	static struct iovec vec = { buf, 16 };
	static struct itimerspec its = { { 0, 0 }, { 1000, 0 } };
	static struct timespec ts = { 0, 1000 };
	static struct epoll_event event;
	static sigset_t set;
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = two + 4096;
	int p[2], q[2], s[2], file = open("/tmp/ptr", O_RDWR | O_CREAT, 0600), dir = open("/", O_RDONLY | O_DIRECTORY);
	int ep = epoll_create1(0), u = socket(AF_INET, SOCK_DGRAM, 0), zero = open("/dev/zero", O_RDWR);
	int tfd = syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);

	EXPECT(two != MAP_FAILED && constant != MAP_FAILED && munmap(end, 4096) == 0);
	memset(two, 'x', 4096);
	EXPECT(pipe(p) == 0 && pipe(q) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	EXPECT(write(p[1], buf, 1000) == 1000 && write(file, buf, 1000) == 1000 && write(s[1], buf, 100) == 100);

	const struct call calls[] = {
		CALL(getcwd, "o", 0, 100),
		CALL(setxattr, "ii", P("/tmp/ptr"), P("user.a"), P(buf), 4, 0),
		CALL(getxattr, "ii", P("/tmp/ptr"), P("user.a"), P(buf), 4),
		CALL(listxattr, "i", P("/tmp/ptr"), P(buf), 100), CALL(removexattr, "ii", P("/tmp/ptr"), P("user.a")),
		CALL(fsetxattr, "-i", file, P("user.a"), P(buf), 4), CALL(fgetxattr, "-i", file, P("user.a"), P(buf), 4),
		CALL(epoll_ctl, "---i", ep, EPOLL_CTL_ADD, p[0], P(&event)),
		CALL(inotify_add_watch, "-i", syscall(SYS_inotify_init1, 0), P("/"), 1),
		CALL(ioctl, "--o", p[0], FIONREAD, 0), CALL(ioctl, "--i", p[0], FIONBIO, P(buf)),
		CALL(fcntl, "--i", file, F_SETLK, P(buf)), CALL(fcntl, "--b", file, F_GETLK, P(buf)),
		CALL(mknodat, "-i", AT_FDCWD, P("/tmp/ptr"), S_IFIFO | 0600, 0), CALL(mkdirat, "-i", AT_FDCWD, P("/tmp/ptr"), 0700),
		CALL(unlinkat, "-i", AT_FDCWD, P("/no"), 0),
		CALL(symlinkat, "i-i", P("/tmp/ptr"), AT_FDCWD, P("/tmp/ptr")),
		CALL(linkat, "-i-i", AT_FDCWD, P("/tmp/ptr"), AT_FDCWD, P("/tmp/ptr"), 0),
		CALL(renameat2, "-i-i", AT_FDCWD, P("/tmp/ptr"), AT_FDCWD, P("/tmp/ptr"), 0),
		CALL(umount2, "i", P("/no"), 0), CALL(mount, "iii", P("none"), P("/tmp"), P("tmpfs"), 0, 0),
		CALL(statfs, "io", P("/"), P(buf)), CALL(fstatfs, "-o", file, P(buf)),
		CALL(truncate, "i", P("/tmp/ptr"), 5000), CALL(faccessat, "-i", AT_FDCWD, P("/"), 0),
		CALL(chdir, "i", P("/")), CALL(chroot, "i", P("/")),
		CALL(fchmodat, "-i", AT_FDCWD, P("/tmp/ptr"), 0600), CALL(fchownat, "-i", AT_FDCWD, P("/tmp/ptr"), 0, 0, 0),
		CALL(openat, "-i", AT_FDCWD, P("/"), O_RDONLY), CALL(pipe2, "o", P(buf), 0),
		CALL(getdents64, "-o", dir, P(buf), 1000),
		CALL(read, "-O", p[0], P(buf), 10), CALL(write, "-I", p[1], P(buf), 10),
		CALL(read, "-O", zero, P(buf), 10), CALL(pread64, "-O", file, P(buf), 10, 0), CALL(pwrite64, "-I", file, P(buf), 10, 0),
		CALL(read, "-O", s[0], P(buf), 10), CALL(write, "-I", s[1], P(buf), 10),
		CALL(readv, "-i", p[0], P(&vec), 1), CALL(writev, "-i", p[1], P(&vec), 1),
		CALL(preadv, "-i", file, P(&vec), 1, 0), CALL(pwritev, "-i", file, P(&vec), 1, 0),
		CALL(preadv2, "-i", file, P(&vec), 1, 0, 0, 0), CALL(pwritev2, "-i", file, P(&vec), 1, 0, 0, 0),
		CALL(vmsplice, "-i", p[1], P(&vec), 1, 0),
		CALL(sendfile, "--b", p[1], file, P(buf), 4), CALL(splice, "-b", file, P(buf), p[1], 0, 4, 0),
		CALL(copy_file_range, "-b", file, P(buf), file, 0, 4, 0),
		CALL(pselect6, "-bbb", 60, P(buf), P(buf), P(buf), P(&ts), 0), CALL(pselect6, "----i", 0, 0, 0, 0, P(&ts), 0),
		CALL(pselect6, "-----i", 0, 0, 0, 0, P(&ts), P(buf)),
		CALL(ppoll, "b-ii", P(buf), 1, P(&ts), P(&set), 8),
		CALL(signalfd4, "-i", -1, P(&set), 8, 0),
		CALL(readlinkat, "-i", AT_FDCWD, P("/proc/self/exe"), P(buf), 100),
		CALL(readlinkat, "--o", AT_FDCWD, P("/proc/self/exe"), P(buf), 100),
		CALL(newfstatat, "-io", AT_FDCWD, P("/"), P(buf), 0), CALL(fstat, "-o", file, P(buf)),
		CALL(statx, "-i--o", AT_FDCWD, P("/"), 0, 0x7ff, P(buf)),
		CALL(timerfd_settime, "--io", tfd, 0, P(&its), P(buf)), CALL(timerfd_gettime, "-o", tfd, P(buf)),
		CALL(utimensat, "-ii", AT_FDCWD, P("/tmp/ptr"), P(zeros), 0),
		CALL(set_robust_list, "-", P(buf), 24), CALL(get_robust_list, "-oo", 0, P(buf), P(buf + 8)),
		CALL(nanosleep, "i", P(&ts), 0), CALL(clock_nanosleep, "--i", CLOCK_MONOTONIC, 0, P(&ts), 0),
		CALL(getitimer, "-o", 0, P(buf)), CALL(setitimer, "-io", 0, P(buf), P(buf)),
		CALL(timer_create, "-io", CLOCK_MONOTONIC, P(buf), P(buf)),
		CALL(clock_settime, "-i", CLOCK_REALTIME, P(&ts)), CALL(clock_gettime, "-o", CLOCK_MONOTONIC, P(buf)),
		CALL(clock_getres, "-o", CLOCK_MONOTONIC, P(buf)),
		CALL(sched_setparam, "-i", 0, P(buf)), CALL(sched_setscheduler, "--i", 0, 0, P(buf)), CALL(sched_getparam, "-o", 0, P(buf)),
		CALL(sched_setaffinity, "--i", 0, 128, P(buf)), CALL(sched_getaffinity, "--o", 0, 128, P(buf)),
		CALL(sched_rr_get_interval, "-o", 0, P(buf)),
		CALL(sched_setattr, "-i", 0, P(buf), 0), CALL(sched_getattr, "-o", 0, P(buf), 56, 0),
		CALL(sigaltstack, "i", P(buf), 0), CALL(sigaltstack, "-o", 0, P(buf)), CALL(rt_sigsuspend, "i", P(&set), 8),
		CALL(rt_sigaction, "-io", SIGUSR1, P(buf), P(buf), 8), CALL(rt_sigprocmask, "-io", 0, P(&set), P(buf), 8),
		CALL(rt_sigpending, "o", P(buf), 8), CALL(rt_sigtimedwait, "i-i", P(&set), 0, P(&ts), 8),
		CALL(rt_sigqueueinfo, "--i", getpid(), SIGUSR1, P(buf)), CALL(rt_tgsigqueueinfo, "---i", getpid(), getpid(), SIGUSR1, P(buf)),
		CALL(getresuid, "ooo", P(buf), P(buf), P(buf)), CALL(getresgid, "ooo", P(buf), P(buf), P(buf)),
		CALL(times, "o", P(buf)), CALL(setgroups, "-i", 1, P(buf)), CALL(uname, "o", P(buf)),
		CALL(sethostname, "i", P("dunlin"), 6), CALL(setdomainname, "i", P("none"), 4),
		CALL(getrlimit, "-o", RLIMIT_NOFILE, P(buf)), CALL(setrlimit, "-i", RLIMIT_NOFILE, P(buf)),
		CALL(prlimit64, "--io", 0, RLIMIT_CORE, P(buf), P(buf)), CALL(getrusage, "-o", 0, P(buf)),
		CALL(prctl, "-I", 15, P("name")), CALL(prctl, "-o", 16, P(buf)), CALL(prctl, "-o", 2, P(buf)), CALL(prctl, "-o", 37, P(buf)),
		CALL(getcpu, "oo", P(buf), P(buf), 0), CALL(gettimeofday, "oo", P(buf), P(buf)),
		CALL(adjtimex, "b", P(buf)), CALL(clock_adjtime, "-b", 0, P(buf)), CALL(sysinfo, "o", P(buf)),
		CALL(capget, "b", P(buf), P(buf)), CALL(capset, "b", P(buf), P(buf)),
		CALL(bind, "-i", u, P(buf), 16), CALL(connect, "-i", u, P(buf), 16),
		CALL(getsockname, "-ob", u, P(buf), P(buf + 200)), CALL(sendto, "-I", s[1], P(buf), 8, 0, 0, 0), CALL(sendto, "----i", u, P(buf), 8, 0, P(buf), 16),
		CALL(recvfrom, "-O", s[0], P(buf), 8, MSG_DONTWAIT, 0, 0),
		CALL(setsockopt, "---i", u, SOL_SOCKET, SO_REUSEADDR, P(buf), 4),
		CALL(getsockopt, "---ob", u, SOL_SOCKET, SO_TYPE, P(buf), P(buf + 200)),
		CALL(sendmsg, "-i", u, P(buf), 0), CALL(recvmsg, "-i", s[0], P(buf), MSG_DONTWAIT),
		CALL(sendmmsg, "-i", u, P(buf), 1, 0), CALL(recvmmsg, "-i", s[0], P(buf), 1, MSG_DONTWAIT, 0),
		CALL(socketpair, "---o", AF_UNIX, SOCK_STREAM, 0, P(buf)),
		CALL(execve, "iii", P("/bin/busybox"), P(buf), P(buf)), CALL(execveat, "-i", AT_FDCWD, P("/bin/busybox"), P(buf), P(buf), 0),
		CALL(wait4, "-", -1, 0, 0, 0), CALL(mincore, "--o", P(buf), 8192, P(buf)), CALL(getrandom, "O", P(buf), 16, 0),
		CALL(memfd_create, "i", P("name"), 0), CALL(clone3, "i", P(buf), 88), CALL(openat2, "-ii", AT_FDCWD, P("/"), P(zeros), 24),
		CALL(faccessat2, "-i", AT_FDCWD, P("/"), 0, 0), CALL(epoll_pwait2, "---i", ep, P(buf), 1, P(&ts), 0, 8),
		CALL(futex_waitv, "i", P(buf), 1, 0, 0, 0),
		CALL(process_vm_readv, "-i-i", getpid(), P(&vec), 1, P(&vec), 1, 0),
		CALL(process_vm_writev, "-i-i", getpid(), P(&vec), 1, P(&vec), 1, 0),
		CALL(pidfd_send_signal, "--i", syscall(SYS_pidfd_open, getpid(), 0), SIGUSR1, P(buf), 0),
	};

	*(int *)(buf + 200) = 100;
	signal(SIGUSR1, SIG_IGN);
	for (const struct call *c = calls; c < calls + sizeof(calls) / sizeof(calls[0]); c++)
		for (int i = 0; c->kinds[i]; i++) {
			char kind = c->kinds[i] | 0x20;

			if (kind == '-')
				continue;
			call_with(c, i, KERNEL, "in the kernel");
			call_with(c, i, ~0ul - 4095, "at the top");
			call_with(c, i, GAP, "of nothing");
			call_with(c, i, OUTSIDE, "of no half");
			call_with(c, i, 16, "in the first page");
			call_with(c, i, P(buf) | 0x5aul << 56, "with a tag");
			call_with(c, i, P(end), "after a page");
			end[-1] = 'x';
			if (kind == c->kinds[i])
				call_with(c, i, P(end - 1), "over a page's end");
			if (kind == 'o' || kind == 'b')
				call_with(c, i, P(constant), "to what can't be written");
		}
	unlink("/tmp/ptr");
}

/* Every number with every kind of rubbish: the machine stands. Those that end or stop the caller are left out. */
CHECK(every_call_with_rubbish)
{
	static const int without[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_reboot, SYS_clone, SYS_clone3, SYS_vhangup,
				       SYS_rt_sigsuspend, SYS_pselect6, SYS_ppoll, SYS_execve, SYS_execveat, SYS_kill, SYS_tkill,
				       SYS_munmap, SYS_mprotect, SYS_mremap, SYS_brk, SYS_shmdt, SYS_setsid, SYS_sethostname,
				       SYS_setdomainname, SYS_umount2, SYS_chroot, SYS_pivot_root, SYS_settimeofday,
				       SYS_clock_settime, SYS_close_range, SYS_munlockall, SYS_mmap, SYS_madvise, SYS_acct,
				       SYS_swapon, SYS_swapoff, SYS_sync, SYS_syncfs, SYS_unshare, SYS_setns, SYS_seccomp,
				       SYS_rt_tgsigqueueinfo, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_close, SYS_dup3, SYS_syslog };
	static const unsigned long kinds[] = { KERNEL, GAP, ~0ul, 0x8000000000000000ul, 16 };
	int status;

	for (int nr = 0; nr < 451; nr++) {
		int skip = 0;
		pid_t pid;

		for (unsigned i = 0; i < sizeof(without) / sizeof(without[0]); i++)
			skip |= without[i] == nr;
		if (skip)
			continue;
		pid = fork();
		if (pid == 0) {
			alarm(2);
			for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
				unsigned long k = kinds[i];

				syscall(nr, k, k, k, k, k, k);
				syscall(nr, 0, k, k, k, k, k);
				syscall(nr, 1, k, 1, k, 1, k);
			}
			_exit(0);
		}
		SAME(waitpid(pid, &status, 0), pid);
	}
}
