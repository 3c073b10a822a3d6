/*
 * Any system call with any arguments. Each round is a child with limits that makes some calls, with
 * addresses, descriptors, sizes and numbers of all kinds, by root and by another user in turn; it ends, or
 * it is killed. Left out for root is what may harm others by right. SEED and COUNT (of rounds) are in the environment.
 * tests/vm/fuzz_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define CALLS_LAST	450
#define CALLS_A_ROUND	60
#define TURNS		400		/* of the scheduler that a round may take before it is killed */
#define USER		1000

static unsigned seed;
static char *memory;			/* pages, some of them not for all uses */

static pid_t fork_or_end(void)
{
	pid_t pid = fork();

	EXPECT(pid >= 0);
	return pid;
}

static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* Root may turn the machine off, end everybody, take names away; its forks could not be found again. */
static int is_right_of_root(long nr)
{
	static const short calls[] = { SYS_reboot, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
		SYS_clock_settime, SYS_settimeofday, SYS_umount2, SYS_mount, SYS_pivot_root, SYS_chroot, SYS_vhangup, SYS_unlinkat,
		SYS_renameat, SYS_renameat2, SYS_truncate, SYS_fchmodat, SYS_fchownat, SYS_prlimit64, SYS_sched_setscheduler,
		SYS_sched_setattr, SYS_setpriority, SYS_sethostname, SYS_setdomainname, SYS_pidfd_send_signal, SYS_ioctl,
		SYS_symlinkat, SYS_linkat, SYS_mkdirat, SYS_mknodat, SYS_openat, SYS_openat2, SYS_syslog, SYS_sched_setparam,
		SYS_adjtimex, SYS_clock_adjtime, SYS_fcntl, SYS_clone, SYS_clone3, SYS_setuid, SYS_setreuid, SYS_setresuid,
		SYS_swapon, SYS_swapoff, SYS_bind, SYS_connect };

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == nr)
			return 1;
	return 0;
}

static unsigned long number_any(void)
{
	static const unsigned long edges[] = { 0, 1, 2, 7, 8, 16, 64, 255, 4095, 4096, 65536, 1ul << 20, 0x7fffffff, 0x80000000, 0xffffffff,
		1ul << 32, 1ul << 47, 1ul << 48, 0x7fffffffffffffff, 1ul << 63, ~0ul, ~0ul - 4095 };

	switch (any(4)) {
	case 0:
		return edges[any(sizeof(edges) / sizeof(edges[0]))] + any(3) - 1;
	case 1:
		return 1ul << any(64);
	case 2:
		return any(4096);
	default:
		return (unsigned long)rand_r(&seed) << 33 ^ (unsigned long)rand_r(&seed) << 10 ^ rand_r(&seed);
	}
}

static unsigned long argument_any(void)
{
	static const unsigned long wild[] = { 0xffff000040000000, 0xffff800000000000, 0x0000f00000000000, 0x0010000000000000, 16, 0 };
	unsigned long *words;

	switch (any(8)) {
	case 0:
	case 1:
		return any(24);				/* a descriptor */
	case 2:
	case 3:
		/* Memory with something in it, near an end or not. */
		words = (unsigned long *)(memory + any(4) * 4096 + any(500) * 8);
		if (any(2) && (char *)(words + 6) < memory + 8192)
			for (int i = 0; i < 6; i++)
				words[i] = any(2) ? (unsigned long)memory + any(8192) : number_any();
		return (unsigned long)words;
	case 4:
		return (unsigned long)memory + 8192 - any(64);
	case 5:
		return wild[any(6)];
	default:
		return number_any();
	}
}

static void things_to_work_on(void)
{
	int p[2];

	memory = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED);
	for (int i = 0; i < 4 * 4096; i++)
		memory[i] = any(3) ? 0 : any(256);
	strcpy(memory + 100, "/tmp/fuzz");
	mprotect(memory + 8192, 4096, PROT_READ);
	munmap(memory + 3 * 4096, 4096);
	close(0);
	close(1);
	close(2);
	for (int fd = 3; fd < 10; fd++)
		close(fd);
	open("/dev/null", O_RDWR);
	open("/dev/zero", O_RDWR);
	open("/tmp", O_RDONLY | O_DIRECTORY);
	open("/tmp/fuzz-file", O_RDWR | O_CREAT, 0666);
	EXPECT(pipe(p) == 0);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	socket(AF_INET, SOCK_STREAM, 0);
	socket(AF_INET, SOCK_DGRAM, 0);
	socket(AF_NETLINK, SOCK_RAW, 0);
	epoll_create1(0);
	eventfd(1, 0);
	open("/dev/ptmx", O_RDWR | O_NOCTTY);
	open("/proc/self/maps", O_RDONLY);
	syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
	syscall(SYS_inotify_init1, 0);
	syscall(SYS_memfd_create, memory + 105, 0);
}

static void limit(int which, unsigned long n)
{
	struct rlimit r = { n, n };

	setrlimit(which, &r);
}

static void round_run(int root)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	limit(RLIMIT_CPU, 2);
	limit(RLIMIT_AS, 64 << 20);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_NPROC, 20);
	things_to_work_on();
	if (!root && (setgid(USER) || setuid(USER)))
		_exit(1);
	for (int i = 0; i < CALLS_A_ROUND; i++) {
		long nr = any(20) ? any(CALLS_LAST) : (long)number_any();
		unsigned long a[6];

		for (int k = 0; k < 6; k++)
			a[k] = argument_any();
		if (nr == SYS_exit || nr == SYS_exit_group || (root && is_right_of_root(nr)))
			continue;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	_exit(0);
}

/* As the user of the rounds: end all that is left of them. */
static void user_end(void)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		EXPECT(setgid(USER) == 0 && setuid(USER) == 0);
		kill(-1, SIGKILL);
		_exit(0);
	}
}

static void rounds_run(unsigned from, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork_or_end();
		int turn = 0, status = 0;

		if (!pid) {
			seed = from + i;
			round_run(i % 2);
		}
		while (waitpid(pid, &status, WNOHANG) == 0 && turn++ < TURNS)
			sched_yield();
		/* One that asked to be traced (ptrace(2)) is reported when it stops, and would stay so. */
		if (turn > TURNS || WIFSTOPPED(status))
			kill(pid, SIGKILL);
		user_end();
		/* Whatever was killed does end, and so do its orphans. */
		while (waitpid(-1, NULL, 0) > 0)
			;
		SAME(errno, ECHILD);
	}
}

CHECK(any_call_with_any_arguments)
{
	unsigned from = getenv("SEED") ? atoi(getenv("SEED")) : 1;
	int rounds = getenv("COUNT") ? atoi(getenv("COUNT")) : 100;

	alarm(0);
	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	signal(SIGTTOU, SIG_IGN);
	rounds_run(from, rounds);
}
