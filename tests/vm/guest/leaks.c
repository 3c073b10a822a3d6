/*
 * Nothing stays of those who have ended: after many ends of each kind the free pages and all object counts are
 * exactly what they were. tests/vm/leaks_test.py runs it; COUNT in the environment is how many ends of each kind.
 */
#include "counts.h"
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#define STACK 16384
#define CROWD 64			/* more than there are at once */
static char stacks[4][STACK] __attribute__((aligned(16)));
static void *shared;			/* a page, with the children too */

/* Each kind of end once over, for what is made once; then many, and nothing may be left. */
static void ends_count(void (*end)(void))
{
	long count = getenv("COUNT") ? atol(getenv("COUNT")) : 100;

	alarm(0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(shared != MAP_FAILED);
	crowd(CROWD);
	for (int i = 0; i < 64; i++)
		end();
	counts_begin();
	for (long i = 0; i < count; i++)
		end();
	counts_same(counts_differ_in_pages);
}

#define END(name) \
	static void end_##name(void); \
	CHECK(name) { ends_count(end_##name); } \
	static void end_##name(void)

/* Executed by itself, it has nothing to do. */
__attribute__((constructor(101))) static void leave_if_executed_by_itself(void)
{
	if (!strcmp((char *)getauxval(AT_EXECFN), "/proc/self/exe"))
		_exit(0);
}

/* ---- the kinds of end ------------------------------------------------------- */

END(forked)
{
	pid_t pid = fork_or_end();

	if (!pid)
		_exit(0);
	child_ok(pid);
}

/* Nobody waits: the parent does not care for its children. */
END(unwaited)
{
	static int round;

	signal(SIGCHLD, SIG_IGN);
	if (!fork_or_end())
		_exit(0);
	/* Some live at once, but not all that there will be. */
	if (++round % 32 == 0)
		FAILS(waitpid(-1, NULL, 0), ECHILD);
}

/* Until the first program has waited for an orphan. */
static void orphan_gone(pid_t pid)
{
	while (!kill(pid, 0))
		sched_yield();
	SAME(errno, ESRCH);
}

/* Its parent is dead already. */
END(orphaned)
{
	pid_t *orphan = shared, pid = fork_or_end();

	if (!pid) {
		pid = fork_or_end();
		if (pid)
			*orphan = pid;
		_exit(0);
	}
	child_ok(pid);
	orphan_gone(*orphan);
}

static int leave(void *arg)
{
	return arg != NULL;
}

END(vforked)
{
	pid_t pid = clone(leave, stacks[0] + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	EXPECT(pid > 0);
	child_ok(pid);
}

static void *thread_leave(void *arg)
{
	return arg;
}

END(thread)
{
	pthread_t t;

	SAME(pthread_create(&t, NULL, thread_leave, NULL), 0);
	SAME(pthread_join(t, NULL), 0);
}

static int raw_thread(void *go)
{
	char c;

	if (read(*(int *)go, &c, 1) < 0)
		return 1;
	syscall(SYS_exit, 0);
	return 0;
}

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/* The first thread ends before the others. */
END(leader_first)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		int go[2];

		EXPECT(pipe(go) == 0);
		for (int i = 0; i < 3; i++)
			EXPECT(clone(raw_thread, stacks[i] + STACK, THREAD_FLAGS, go) > 0);
		SAME(write(go[1], "xyz", 3), 3);
		syscall(SYS_exit, 0);
	}
	child_ok(pid);
}

/* All end because one says so, or is killed. */
END(group)
{
	static int round;
	int status;
	pid_t pid = fork_or_end();

	if (!pid) {
		int go[2];

		EXPECT(pipe(go) == 0);
		for (int i = 0; i < 3; i++)
			EXPECT(clone(raw_thread, stacks[i] + STACK, THREAD_FLAGS, go) > 0);
		if (round % 2)
			raise(SIGKILL);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, round++ % 2 ? SIGKILL : 0);
}

END(exec_of_threads)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		char *argv[] = { "leaks", NULL }, *envp[] = { NULL };
		int go[2];

		EXPECT(pipe(go) == 0);
		EXPECT(clone(raw_thread, stacks[0] + STACK, THREAD_FLAGS, go) > 0);
		execve("/proc/self/exe", argv, envp);
		_exit(1);
	}
	child_ok(pid);
}

END(executed)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		char *argv[] = { "leaks", NULL }, *envp[] = { NULL };

		execve("/proc/self/exe", argv, envp);
		_exit(1);
	}
	child_ok(pid);
}

END(executed_in_vain)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		char *argv[] = { "x", NULL };

		FAILS(execve("/no/such", argv, argv + 1), ENOENT);
		FAILS(execve("/etc/passwd", argv, argv + 1), EACCES);
		FAILS(execve("/dev/null", argv, argv + 1), EACCES);
		_exit(0);
	}
	child_ok(pid);
}

END(killed)
{
	static const int how[] = { SIGKILL, SIGSEGV, SIGTERM, SIGABRT };
	static unsigned round;
	int sig = how[round++ % 4], status;
	pid_t pid = fork_or_end();

	if (!pid)
		for (;;)
			pause();
	SAME(kill(pid, sig), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status & 0x7f, sig);
}

/* Signals queued that nobody took, with timers that will not fire. */
END(with_signals)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		sigset_t all;
		struct itimerval far = { { 0, 0 }, { 1000, 0 } };

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		for (int i = 0; i < 8; i++)
			SAME(sigqueue(getpid(), SIGRTMIN + i % 3, (union sigval){ .sival_int = i }), 0);
		SAME(raise(SIGUSR1), 0);
		SAME(setitimer(ITIMER_REAL, &far, NULL), 0);
		_exit(0);
	}
	child_ok(pid);
}

END(stopped)
{
	int status;
	pid_t pid = fork_or_end();

	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	SAME(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGKILL);
}

static int file_nameless(void)
{
	int f = open("/tmp/nameless", O_RDWR | O_CREAT | O_EXCL, 0600);

	EXPECT(f >= 0 && unlink("/tmp/nameless") == 0);
	return f;
}

/* Everything that a program may have open, with bytes in it. */
END(with_files)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		struct sockaddr_in any = { .sin_family = AF_INET };
		struct epoll_event e = { .events = EPOLLIN };
		socklen_t len = sizeof(any);
		int p[2], s[2], ep, listener, c, f;

		EXPECT(pipe(p) == 0 && write(p[1], stacks, 10000) == 10000);
		EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], stacks, 10000) == 10000);
		EXPECT((ep = epoll_create1(0)) >= 0);
		EXPECT(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &e) == 0);
		EXPECT(eventfd(3, 0) >= 0);
		EXPECT((f = file_nameless()) >= 0 && write(f, stacks, 10000) == 10000);
		EXPECT((f = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0 && write(f, "abc\n", 4) == 4);
		EXPECT((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0 && listen(listener, 5) == 0);
		EXPECT(getsockname(listener, (struct sockaddr *)&any, &len) == 0);
		any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		c = socket(AF_INET, SOCK_DGRAM, 0);
		EXPECT(connect(c, (struct sockaddr *)&any, len) == 0);
		EXPECT(fcntl(f, F_DUPFD, 200) == 200);
		EXPECT(open("/proc/self/maps", O_RDONLY) >= 0 && open("/", O_RDONLY | O_DIRECTORY) >= 0);
		_exit(0);
	}
	child_ok(pid);
}

END(with_mappings)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		char *a = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *b = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		int f = file_nameless();
		char *c;

		EXPECT(f >= 0 && ftruncate(f, 1 << 16) == 0);
		c = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		EXPECT(a != MAP_FAILED && b != MAP_FAILED && c != MAP_FAILED);
		for (int i = 0; i < 16; i++)
			a[i << 16] = b[i << 14] = c[i << 12] = 1;
		EXPECT(munmap(a + 8192, 4096) == 0 && mprotect(a + (1 << 17), 4096, PROT_READ) == 0);
		close(f);
		_exit(0);
	}
	child_ok(pid);
}

/* A session of its own, with a terminal, that dies with members in it. */
END(session)
{
	pid_t *orphan = shared, pid = fork_or_end();

	if (!pid) {
		int m, s;
		char name[32];

		SAME(setsid(), getpid());
		EXPECT((m = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0 && grantpt(m) == 0 && unlockpt(m) == 0);
		EXPECT(ptsname_r(m, name, sizeof(name)) == 0);
		EXPECT((s = open(name, O_RDWR)) >= 0);
		pid = fork_or_end();
		while (!pid)
			pause();
		*orphan = pid;
		_exit(0);
	}
	child_ok(pid);
	orphan_gone(*orphan);
}

/* Asleep in a call, at the time of its death, that has things of its own. */
END(asleep)
{
	static unsigned round;
	int p[2], status, how = round++ % 5;
	char c;
	pid_t pid;

	EXPECT(pipe(p) == 0);
	pid = fork_or_end();
	if (!pid) {
		struct epoll_event e = { .events = EPOLLIN };
		int ep = epoll_create1(0), q[2];
		uint32_t word = 0;
		fd_set set;

		EXPECT(pipe(q) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &e) == 0);
		SAME(write(p[1], "x", 1), 1);
		switch (how) {
		case 0:
			read(q[0], &c, 1);
			break;
		case 1:
			epoll_wait(ep, &e, 1, -1);
			break;
		case 2:
			syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
			break;
		case 3:
			FD_ZERO(&set);
			FD_SET(q[0], &set);
			select(q[0] + 1, &set, NULL, NULL, NULL);
			break;
		default:
			sleep(1000);
		}
		_exit(3);
	}
	SAME(read(p[0], &c, 1), 1);
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGKILL);
	close(p[0]);
	close(p[1]);
}


/* ---- the dead that nobody has waited for yet ---------------------------------- */

#define ZOMBIES 500
#define ZOMBIE_BYTES 1280		/* what one may keep: its status, its number, its times */

CHECK(zombies_keep_their_status_alone)
{
	static pid_t pids[ZOMBIES];

	alarm(0);
	crowd(ZOMBIES);
	for (int round = 0; round < 2; round++) {
		counts_begin();
		for (int i = 0; i < ZOMBIES; i++) {
			pids[i] = fork_or_end();
			if (!pids[i]) {
				char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				sigset_t all;

				EXPECT(m != MAP_FAILED);
				memset(m, 1, 1 << 20);
				sigfillset(&all);
				sigprocmask(SIG_BLOCK, &all, NULL);
				raise(SIGUSR1);
				kill(getpid(), SIGUSR2);
				_exit(i % 100);
			}
		}
		for (int i = 0; i < ZOMBIES; i++) {
			siginfo_t info;

			SAME(waitid(P_PID, pids[i], &info, WEXITED | WNOWAIT), 0);
		}
		/* The first time, tables grow. */
		if (round) {
			counts_take(&counts_now);
			if (counts_before.free_kb - counts_now.free_kb > ZOMBIES * ZOMBIE_BYTES / 1024 && counts_exact()) {
				counts_show(&counts_before, &counts_now);
				EXPECT(!"the dead keep little");
			}
		}
		for (int i = 0; i < ZOMBIES; i++) {
			int status;

			SAME(waitpid(pids[i], &status, 0), pids[i]);
			SAME(WEXITSTATUS(status), i % 100);
		}
		if (round)
			counts_same(counts_differ_in_pages);
	}
}
