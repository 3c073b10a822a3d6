/*
 * Bad pointers into system calls: EFAULT, and nothing else happens.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
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
