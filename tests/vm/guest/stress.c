/*
 * Storms: programs that take all they can get, all at once, and are killed at any moment. After each the machine goes
 * on and holds exactly what it held before. SEED in the environment is where the random numbers begin.
 * tests/vm/stress_test.py runs it.
 */
#include "counts.h"
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define CROWD 300			/* more processes than there are at once */

static unsigned seed;

/* 0 .. n-1 */
static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static void *shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

static void limit(int which, unsigned long n)
{
	struct rlimit r = { n, n };

	SAME(setrlimit(which, &r), 0);
}

/* Until no child is left, orphans of theirs included. */
static void wait_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	SAME(errno, ECHILD);
}

/* The storm once, for what is made once; then again, and nothing may be left of it. */
static void storm_count(void (*storm)(void), int rounds)
{
	seed = getenv("SEED") ? atoi(getenv("SEED")) : 1;
	alarm(0);
	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	crowd(CROWD);
	storm();
	counts_begin();
	for (int i = 0; i < rounds; i++)
		storm();
	counts_same(counts_differ);
}

#define STORM(name, rounds) \
	static void storm_##name(void); \
	CHECK(name) { storm_count(storm_##name, rounds); } \
	static void storm_##name(void)

/* ---- processes and threads ------------------------------------------------------ */

#define BOMB_LIMIT 100

struct bomb { int refused, alive, most; };

static void bomb(struct bomb *b)
{
	for (int tries = 0; tries < 3;) {
		pid_t pid = fork();

		if (pid > 0)
			continue;
		if (pid < 0) {
			SAME(errno, EAGAIN);
			__sync_fetch_and_add(&b->refused, 1);
			tries++;
			sched_yield();
			continue;
		}
		int n = __sync_add_and_fetch(&b->alive, 1);

		for (int most = b->most; n > most && !__sync_bool_compare_and_swap(&b->most, most, n); most = b->most)
			;
		tries = 0;
	}
	for (;;)
		pause();
}

STORM(fork_bomb, 2)
{
	struct bomb *b = shared_page();
	pid_t pid = fork_or_end();

	if (!pid) {
		SAME(setpgid(0, 0), 0);
		limit(RLIMIT_NPROC, BOMB_LIMIT);
		EXPECT(setgid(1000) == 0 && setuid(1000) == 0);
		b->alive = 1;
		bomb(b);
	}
	while (__sync_fetch_and_add(&b->refused, 0) < 3 * BOMB_LIMIT)
		sched_yield();
	/* Another user's program is not in its way. */
	if (!fork_or_end())
		_exit(0);
	SAME(b->most, BOMB_LIMIT);
	SAME(kill(-pid, SIGKILL), 0);
	wait_all();
	SAME(munmap(b, 4096), 0);
}

static void *thread_nothing(void *arg)
{
	return arg;
}

static void *thread_of_threads(void *arg)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		SAME(pthread_create(&t[i], NULL, thread_nothing, NULL), 0);
	for (int i = 0; i < 4; i++)
		SAME(pthread_join(t[i], NULL), 0);
	return arg;
}

static void *thread_exits_group(void *arg)
{
	(void)arg;
	_exit(0);
}

STORM(threads, 20)
{
	for (int round = 0; round < 4; round++) {
		pid_t pid = fork_or_end();

		if (!pid) {
			pthread_t t[40];

			for (int i = 0; i < 40; i++) {
				SAME(pthread_create(&t[i], NULL, any(2) ? thread_of_threads : thread_nothing, NULL), 0);
				if (any(4) == 0) {
					SAME(pthread_detach(t[i]), 0);
					t[i] = 0;
				}
			}
			if (any(3) == 0) {
				SAME(pthread_create(&t[0], NULL, thread_exits_group, NULL), 0);
				pause();
			}
			for (int i = 0; i < 40; i++)
				if (t[i])
					SAME(pthread_join(t[i], NULL), 0);
			_exit(0);
		}
		child_ok(pid);
	}
}

static void *thread_executes(void *arg)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };

	execve("/bin/true", argv, envp);
	return arg;
}

/* All the threads of a process execute a program at once; one of them does it. */
STORM(executions, 10)
{
	for (int i = 0; i < 12; i++)
		if (!fork_or_end()) {
			pthread_t t;

			for (int j = 0; j < 4; j++)
				pthread_create(&t, NULL, thread_executes, NULL);
			thread_executes(NULL);
			pause();
		}
	for (int i = 0; i < 12; i++) {
		int status;

		EXPECT(waitpid(-1, &status, 0) > 0);
		SAME(status, 0);
	}
}

static void signal_taken(int sig)
{
	(void)sig;
}

/* Everybody sends everybody all kinds of signals. */
STORM(signals, 2)
{
	pid_t *pids = shared_page();
	int n = 12;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork_or_end();

		if (!pid) {
			struct sigaction a = { .sa_handler = signal_taken, .sa_flags = i % 2 ? SA_NODEFER : SA_RESTART };

			seed += i;
			for (int s = 1; s < 64; s++)
				if (s != SIGKILL && s != SIGSTOP && s != SIGTSTP && s != SIGTTIN && s != SIGTTOU)
					sigaction(s, &a, NULL);
			pids[i] = getpid();
			while (!__sync_fetch_and_add(&pids[n], 0))
				sched_yield();
			for (int sent = 0; sent < 1500; sent++) {
				pid_t to = pids[any(n)];
				int sig = 1 + any(63);

				if (to <= 1 || sig == SIGKILL || sig == SIGSTOP || (sig >= SIGTSTP && sig <= SIGTTOU) ||
				    sig == 32 || sig == 33 || sig == 34)
					continue;
				if (any(2))
					kill(to, sig);
				else
					sigqueue(to, sig, (union sigval){ .sival_int = sent });
			}
			__sync_fetch_and_add(&pids[n + 1], 1);
			while (__sync_fetch_and_add(&pids[n + 1], 0) < n)
				sched_yield();
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++)
		while (!__sync_fetch_and_add(&pids[i], 0))
			sched_yield();
	__sync_fetch_and_add(&pids[n], 1);
	for (int i = 0; i < n; i++) {
		int status;

		EXPECT(waitpid(-1, &status, 0) > 0);
		SAME(status, 0);
	}
	SAME(munmap(pids, 4096), 0);
}

/* ---- memory ----------------------------------------------------------------------- */

#define SLOTS 64

STORM(mappings, 4)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		static struct { unsigned char *at; unsigned pages, mark; bool writable; } map[SLOTS];

		for (int step = 0; step < 3000; step++) {
			unsigned i = any(SLOTS), pages = 1 + any(16);

			if (!map[i].at) {
				map[i].at = mmap(NULL, pages * 4096ul, PROT_READ | PROT_WRITE,
						 (any(2) ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS, -1, 0);
				EXPECT(map[i].at != MAP_FAILED);
				map[i].pages = pages;
				map[i].mark = any(256);
				map[i].writable = true;
				memset(map[i].at, map[i].mark, pages * 4096ul);
				continue;
			}
			for (unsigned p = 0; p < map[i].pages; p++)
				SAME(map[i].at[p * 4096 + any(4096)], map[i].mark);
			switch (any(5)) {
			case 0:
				SAME(munmap(map[i].at, map[i].pages * 4096ul), 0);
				map[i].at = NULL;
				break;
			case 1:
				if (map[i].pages > 1) {
					map[i].pages--;
					SAME(munmap(map[i].at + map[i].pages * 4096ul, 4096), 0);
				}
				break;
			case 2:
				SAME(mprotect(map[i].at, map[i].pages * 4096ul, map[i].writable ? PROT_READ : PROT_READ | PROT_WRITE), 0);
				map[i].writable = !map[i].writable;
				break;
			case 3:
				map[i].at = mremap(map[i].at, map[i].pages * 4096ul, map[i].pages * 4096ul, MREMAP_MAYMOVE);
				EXPECT(map[i].at != MAP_FAILED);
				break;
			default:
				if (!fork_or_end()) {
					if (map[i].writable)
						memset(map[i].at, 0, map[i].pages * 4096ul);
					else
						munmap(map[i].at, 4096);
					_exit(0);
				}
				wait_all();
				/* Shared ones have changed, if they could. */
				map[i].mark = map[i].at[0];
			}
		}
		_exit(0);
	}
	child_ok(pid);
}

/* Several take memory until there is none: they die of it, and nobody else is even refused a process. */
STORM(memory_runs_out, 2)
{
	int *over = shared_page();
	pid_t bystander = fork_or_end();

	if (!bystander) {
		while (!__sync_fetch_and_add(over, 0)) {
			pid_t pid = fork_or_end();

			if (!pid)
				_exit(0);
			child_ok(pid);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		if (!fork_or_end())
			for (;;) {
				char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

				if (m != MAP_FAILED)
					memset(m, 1, 1 << 20);
			}
	for (int i = 0; i < 3; i++) {
		int status;

		EXPECT(waitpid(-1, &status, 0) > 0);
		SAME(status, SIGKILL);
	}
	__sync_fetch_and_add(over, 1);
	child_ok(bystander);
	SAME(munmap(over, 4096), 0);
}

/* ---- descriptors -------------------------------------------------------------------- */

STORM(pipes, 2)
{
	int ring[16][2], n = 16;

	for (int i = 0; i < n; i++)
		EXPECT(pipe(ring[i]) == 0);
	for (int i = 0; i < n; i++)
		if (!fork_or_end()) {
			static char buf[70000];
			int in = ring[i][0], out = ring[(i + 1) % n][1];
			long left = 200000;

			seed += i;
			fcntl(out, F_SETFL, O_NONBLOCK);
			fcntl(in, F_SETFL, O_NONBLOCK);
			for (long got = 0; got < 200000 || left;) {
				ssize_t w = 0, r;

				if (left) {
					w = write(out, buf, 1 + any(left < 70000 ? left : 70000));
					EXPECT(w > 0 || errno == EAGAIN);
					left -= w > 0 ? w : 0;
				}
				r = read(in, buf, 1 + any(70000));
				EXPECT(r > 0 || (r < 0 && errno == EAGAIN) || got == 200000);
				got += r > 0 ? r : 0;
				if (w <= 0 && r <= 0)
					sched_yield();
			}
			_exit(0);
		}
	for (int i = 0; i < n; i++) {
		int status;

		EXPECT(waitpid(-1, &status, 0) > 0);
		SAME(status, 0);
	}
	for (int i = 0; i < n; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
}

/* Every call that makes descriptors, when there is room for none or for one too few. */
STORM(descriptors_run_out, 4)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		struct sockaddr_un name = { AF_UNIX, "\0stress" };
		int p[2], top, listener = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

		EXPECT(bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t) + 7) == 0 && listen(listener, 5) == 0);
		EXPECT(connect(c, (struct sockaddr *)&name, sizeof(sa_family_t) + 7) == 0);
		limit(RLIMIT_NOFILE, 64);
		while ((top = open("/dev/null", O_RDONLY)) >= 0)
			SAME(top < 64, 1);
		SAME(errno, EMFILE);
		for (int i = 0; i < 50; i++) {
			FAILS(open("/tmp/new", O_RDWR | O_CREAT, 0600), EMFILE);
			FAILS(dup(0), EMFILE);
			FAILS(fcntl(0, F_DUPFD, 3), EMFILE);
			FAILS(pipe(p), EMFILE);
			FAILS(socket(AF_INET, SOCK_STREAM, 0), EMFILE);
			FAILS(socket(AF_UNIX, SOCK_DGRAM, 0), EMFILE);
			FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, p), EMFILE);
			FAILS(epoll_create1(0), EMFILE);
			FAILS(eventfd(0, 0), EMFILE);
			FAILS(accept(listener, NULL, NULL), EMFILE);
			FAILS(open("/dev/ptmx", O_RDWR | O_NOCTTY), EMFILE);
			FAILS(open("/proc/self/maps", O_RDONLY), EMFILE);
		}
		FAILS(dup2(0, 64), EBADF);
		FAILS(access("/tmp/new", F_OK), ENOENT);
		close(63);
		FAILS(pipe(p), EMFILE);
		FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, p), EMFILE);
		SAME(open("/dev/null", O_RDONLY), 63);
		_exit(0);
	}
	child_ok(pid);
}

static int pass(int over, const int *fds, int n)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = { 0 }, byte = 'f';
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	return sendmsg(over, &m, MSG_DONTWAIT);
}

/* A socket in its own queue, and a pipe that nobody else has any more: they are received, and work. */
STORM(descriptors_on_the_way, 10)
{
	int a[2], p[2], fds[2];
	char control[CMSG_SPACE(2 * sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0 && pipe(p) == 0);
	SAME(write(p[1], "alive", 5), 5);
	fds[0] = a[1];
	fds[1] = p[0];
	SAME(pass(a[0], fds, 2), 1);
	close(p[0]);
	SAME(recvmsg(a[1], &m, 0), 1);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fds));
	SAME(read(fds[1], control, 5), 5);
	EXPECT(!memcmp(control, "alive", 5));
	SAME(write(fds[0], "x", 1), 1);
	SAME(read(a[0], control, 1), 1);
	close(fds[0]);
	close(fds[1]);
	close(a[0]);
	close(a[1]);
	close(p[1]);
}

/* Sockets that nobody can receive any more are looked for when others are closed. */
static void look_for_lost_sockets(void)
{
	for (int i = 0; i < 100; i++)
		close(socket(AF_UNIX, SOCK_DGRAM, 0));
}

#define TRAVELLERS 24

/* Takes what comes by s, if anything, in place of others of its own. */
static void take(int s, int *own, int flags)
{
	char control[CMSG_SPACE(4 * sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h;
	int fds[4];

	if (recvmsg(s, &m, MSG_DONTWAIT | flags) != 1 || !(h = CMSG_FIRSTHDR(&m)))
		return;
	memcpy(fds, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
	for (unsigned i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
		unsigned at = any(TRAVELLERS);

		close(own[at]);
		own[at] = fds[i];
	}
}

static void traveller(int *own)
{
	for (int step = 0; step < 4000; step++) {
		unsigned a = any(TRAVELLERS), b = any(TRAVELLERS);

		switch (any(5)) {
		case 0:
		case 1:
			pass(own[a], (int[]){ own[b], own[any(TRAVELLERS)], own[any(TRAVELLERS)] }, 1 + any(3));
			break;
		case 2:
			take(own[a], own, any(3) ? 0 : MSG_PEEK);
			break;
		case 3:
			close(own[a]);
			own[a] = dup(own[b]);
			break;
		default:
			if (a != b) {
				int s[2];

				EXPECT(socketpair(AF_UNIX, any(2) ? SOCK_STREAM : SOCK_DGRAM, 0, s) == 0);
				close(own[a]);
				close(own[b]);
				own[a] = s[0];
				own[b] = s[1];
			}
		}
	}
}

/* Sockets through sockets through themselves, received or not, by several at once. */
STORM(descriptors_in_circles, 4)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		int own[TRAVELLERS];

		signal(SIGPIPE, SIG_IGN);
		for (int i = 0; i < TRAVELLERS; i += 2)
			EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, own + i) == 0);
		for (int i = 0; i < 6; i++) {
			seed++;
			if (!fork_or_end()) {
				traveller(own);
				_exit(0);
			}
		}
		for (int i = 0; i < TRAVELLERS; i++)
			close(own[i]);
		wait_all();
		_exit(0);
	}
	child_ok(pid);
	look_for_lost_sockets();
}

STORM(watchers_in_circles, 20)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep[7], p[2];

	EXPECT(pipe(p) == 0);
	for (int i = 0; i < 7; i++)
		EXPECT((ep[i] = epoll_create1(0)) >= 0);
	FAILS(epoll_ctl(ep[0], EPOLL_CTL_ADD, ep[0], &e), EINVAL);
	SAME(epoll_ctl(ep[0], EPOLL_CTL_ADD, p[0], &e), 0);
	for (int i = 1; i < 5; i++)
		SAME(epoll_ctl(ep[i], EPOLL_CTL_ADD, ep[i - 1], &e), 0);
	for (int i = 1; i < 5; i++)
		FAILS(epoll_ctl(ep[0], EPOLL_CTL_ADD, ep[i], &e), ELOOP);
	/* Five deep is enough. */
	FAILS(epoll_ctl(ep[5], EPOLL_CTL_ADD, ep[4], &e), ELOOP);
	SAME(write(p[1], "x", 1), 1);
	SAME(epoll_wait(ep[4], &e, 1, -1), 1);
	for (int i = 0; i < 7; i++)
		close(ep[i]);
	close(p[0]);
	close(p[1]);
}

/* ---- terminals and sockets ------------------------------------------------------------- */

STORM(terminals, 3)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		for (int i = 0; i < 60; i++) {
			char name[32];
			int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), s;

			EXPECT(m >= 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof(name)) == 0);
			if (!fork_or_end()) {
				/* Of the other side nobody else keeps anything. */
				for (int fd = 3; fd <= m; fd++)
					close(fd);
				setsid();
				EXPECT((s = open(name, O_RDWR)) >= 0);
				if (!fork_or_end())
					for (;;)
						if (read(s, name, sizeof(name)) <= 0)
							_exit(0);
				EXPECT(write(s, "output that nobody reads\n", 25) == 25);
				for (;;)
					pause();
			}
			if (any(2)) {
				while (read(m, name, sizeof(name)) < 0)
					;
				SAME(write(m, "input\n\x03", 7), 7);
				if (any(2))
					close(m);
			}
		}
		/* The others hang up with this process. */
		_exit(0);
	}
	child_ok(pid);
	wait_all();
}

#define PAIRS 250

/* Connections by the hundred; none of them waits for its time afterwards. */
STORM(connections, 4)
{
	struct linger at_once = { 1, 0 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	static int c[PAIRS], s[PAIRS];
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	limit(RLIMIT_NOFILE, 1024);
	EXPECT(bind(listener, (struct sockaddr *)&to, len) == 0 && listen(listener, 128) == 0);
	EXPECT(getsockname(listener, (struct sockaddr *)&to, &len) == 0);
	for (int i = 0; i < PAIRS; i++) {
		EXPECT((c[i] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
		SAME(connect(c[i], (struct sockaddr *)&to, len), 0);
		EXPECT((s[i] = accept(listener, NULL, NULL)) >= 0);
		SAME(write(s[i], "x", 1), 1);
	}
	for (int i = 0; i < PAIRS; i++) {
		if (any(2))
			SAME(read(c[i], &byte, 1), 1);
		SAME(setsockopt(c[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
		close(any(2) ? c[i] : s[i]);
	}
	for (int i = 0; i < PAIRS; i++) {
		close(c[i]);
		close(s[i]);
	}
	close(listener);
}

/* ---- killed at any moment -------------------------------------------------------------- */

/* A program that always does something; what, its seed says. */
static void busy(void)
{
	static char buf[40000];
	int p[2], s[2], q, ep, f;

	for (;;) {
		struct epoll_event e = { .events = EPOLLIN };
		struct timespec t = { 0, any(200000) };
		char name[40], *m;
		pid_t pid;

		switch (any(12)) {
		case 0:
			pid = fork();
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
			break;
		case 1:
			if (!fork()) {
				char *argv[] = { "true", NULL };

				execve("/bin/true", argv, argv + 1);
			}
			break;
		case 2:
			m = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(m, 1, 1 << 17);
			munmap(m + 8192, 1 << 16);
			munmap(m, 1 << 18);
			break;
		case 3:
			if (!pipe(p)) {
				if (write(p[1], buf, any(40000)) > 0)
					read(p[0], buf, sizeof(buf));
				close(p[0]);
				close(p[1]);
			}
			break;
		case 4:
			if (!socketpair(AF_UNIX, any(2) ? SOCK_STREAM : SOCK_DGRAM, 0, s)) {
				pass(s[0], (int[]){ 0, s[any(2)] }, 2);
				write(s[0], buf, any(9000));
				read(s[1], buf, 4000);
				close(s[0]);
				close(s[1]);
			}
			break;
		case 5:
			snprintf(name, sizeof(name), "/tmp/busy%d", getpid());
			f = open(name, O_RDWR | O_CREAT, 0600);
			write(f, buf, any(40000));
			unlink(name);
			ftruncate(f, any(100000));
			close(f);
			break;
		case 6:
			ep = epoll_create1(0);
			q = eventfd(any(2), 0);
			epoll_ctl(ep, EPOLL_CTL_ADD, q, &e);
			epoll_wait(ep, &e, 1, any(3));
			close(ep);
			close(q);
			break;
		case 7:
			syscall(SYS_futex, buf, FUTEX_WAIT, *(int *)buf, &t, NULL, 0);
			break;
		case 8: {
			pthread_t th;

			if (!pthread_create(&th, NULL, thread_nothing, NULL))
				pthread_join(th, NULL);
			break;
		}
		case 9:
			f = open("/dev/ptmx", O_RDWR | O_NOCTTY);
			write(f, "some\n", 5);
			close(f);
			break;
		case 10:
			f = open(any(2) ? "/proc/self/maps" : "/proc/meminfo", O_RDONLY);
			read(f, buf, sizeof(buf));
			close(f);
			break;
		default:
			f = socket(AF_INET, any(2) ? SOCK_STREAM : SOCK_DGRAM, 0);
			listen(f, 3);
			close(f);
		}
	}
}

STORM(killed_at_any_moment, 4)
{
	static const int how[] = { SIGKILL, SIGKILL, SIGINT, SIGTERM, SIGSEGV };

	for (int i = 0; i < 60; i++) {
		pid_t pid = fork_or_end();
		int sig = how[any(5)], status;

		seed++;
		if (!pid)
			busy();
		for (int turns = any(30); turns; turns--)
			sched_yield();
		if (any(2))
			nanosleep(&(struct timespec){ 0, any(3000000) }, NULL);
		SAME(kill(pid, sig), 0);
		SAME(waitpid(pid, &status, 0), pid);
		SAME(status & 0x7f, sig);
		wait_all();
	}
	look_for_lost_sockets();
	/* Names that the killed had not unlinked yet. */
	SAME(system("rm -f /tmp/busy*"), 0);
}
