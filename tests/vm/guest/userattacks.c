/*
 * A user without privileges takes all that can be had of one kind of thing, in several processes at once, and keeps it. Root
 * goes on meanwhile, and nothing is left behind when the user's programs are gone. Runs as root.
 */
#include "users.h"
#include "counts.h"
#include <limits.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define ATTACKERS 6
#define SOCKETS 10000			/* of all attackers */
#define DEEP 3000			/* folders, one in the other */

static int done[2], go[2];

/* What anybody's shell does, all the time. */
static void root_goes_on(void)
{
	char *argv[] = { "true", NULL }, *m;
	int p[2], fd;
	pid_t pid;

	EXPECT((fd = open("/proc/self/stat", O_RDONLY)) >= 0);
	close(fd);
	EXPECT((fd = open("/tmp/roots", O_RDWR | O_CREAT, 0600)) >= 0);
	SAME(write(fd, "text", 4), 4);
	close(fd);
	SAME(unlink("/tmp/roots"), 0);
	SAME(pipe(p), 0);
	SAME(write(p[1], "x", 1), 1);
	close(p[0]);
	close(p[1]);
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	SAME(write(p[1], "x", 1), 1);
	close(p[0]);
	close(p[1]);
	EXPECT((fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0);
	close(fd);
	m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(m != MAP_FAILED);
	memset(m, 1, 1 << 20);
	munmap(m, 1 << 20);
	pid = fork_or_end();
	if (!pid) {
		execv("/bin/true", argv);
		_exit(1);
	}
	child_ok(pid);
}

/* The attackers take what they can and wait; dying of it is all right, too. */
static void attack_once(void (*take)(void))
{
	struct rlimit files;
	pid_t pid[ATTACKERS];
	char c;

	SAME(pipe(done), 0);
	SAME(pipe(go), 0);
	for (int i = 0; i < ATTACKERS; i++) {
		pid[i] = fork_or_end();
		if (pid[i])
			continue;
		become(ALICE);
		SAME(getrlimit(RLIMIT_NOFILE, &files), 0);
		files.rlim_cur = files.rlim_max = files.rlim_max < 4096 ? files.rlim_max : 4096;
		SAME(setrlimit(RLIMIT_NOFILE, &files), 0);
		close(done[0]);
		close(go[1]);
		take();
		fflush(stdout);
		close(done[1]);
		read(go[0], &c, 1);
		_exit(0);
	}
	close(done[1]);
	close(go[0]);
	/* The end of all of them, or of what they had to do. */
	SAME(read(done[0], &c, 1), 0);
	root_goes_on();
	close(go[1]);
	close(done[0]);
	for (int i = 0; i < ATTACKERS; i++) {
		int status;

		SAME(waitpid(pid[i], &status, 0), pid[i]);
		EXPECT(status == 0 || status == SIGKILL);
	}
}

static void attack(void (*take)(void))
{
	alarm(0);
	crowd(3 * ATTACKERS);
	attack_once(take);
	/*
	 * A table may grow with the most there ever was of something, and how much of it there is at once is chance. That
	 * comes to an end; what leaks is more each time.
	 */
	for (int more = 2; more >= 0; more--) {
		counts_begin();
		attack_once(take);
		root_goes_on();
		if (counts_come_back(counts_differ))
			return;
	}
	counts_same(counts_differ);
}

#define ATTACK(name) \
	static void take_##name(void); \
	CHECK(name) { attack(take_##name); } \
	static void take_##name(void)

/* Until a call fails; with one of these errors. */
#define UNTIL(call, ...) do { \
		while ((call) >= 0) \
			; \
		check_error((int[]){ __VA_ARGS__, 0 }, #call); \
	} while (0)

static void check_error(const int *allowed, const char *what)
{
	int error = errno;

	for (; *allowed; allowed++)
		if (error == *allowed)
			return;
	printf("  %s: error %d (%s)\n", what, error, strerror(error));
	EXPECT(!"an expected error");
}

ATTACK(open_files)
{
	UNTIL(open("/dev/null", O_RDONLY), EMFILE, ENFILE);
}

ATTACK(events_and_timers)
{
	timer_t t;

	UNTIL(eventfd(0, 0), EMFILE, ENFILE);
	UNTIL(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &t), EAGAIN);
}

ATTACK(pending_signals)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	UNTIL(sigqueue(getpid(), SIGRTMAX, (union sigval){ 0 }), EAGAIN);
}

ATTACK(full_pipes)
{
	static char piece[65536];
	int p[2];

	while (pipe2(p, O_NONBLOCK) == 0)
		while (write(p[1], piece, sizeof(piece)) > 0)
			;
	check_error((int[]){ EMFILE, ENFILE, 0 }, "pipe");
}

ATTACK(watched_files)
{
	struct epoll_event e = { .events = EPOLLIN };
	int p[2], fd;

	SAME(pipe(p), 0);
	for (int i = 0; i < 300; i++)
		if (dup(p[0]) < 0)
			break;
	/* Each of these watches all of those. */
	while ((fd = epoll_create1(0)) >= 0)
		for (int i = p[0]; i < fd && i < 300; i++)
			if (epoll_ctl(fd, EPOLL_CTL_ADD, i, &e) && errno != EEXIST && errno != ELOOP && errno != EINVAL && errno != EPERM) {
				check_error((int[]){ ENOSPC, ENOMEM, 0 }, "epoll_ctl");
				return;
			}
	check_error((int[]){ EMFILE, ENFILE, 0 }, "epoll_create");
}

ATTACK(watched_names)
{
	char name[64];
	int fd;

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "/tmp/watch-%d-%d", getpid(), i);
		SAME(close(open(name, O_CREAT | O_WRONLY, 0600)), 0);
	}
	while ((fd = inotify_init()) >= 0)
		for (int i = 0; i < 2000; i++) {
			snprintf(name, sizeof(name), "/tmp/watch-%d-%d", getpid(), i);
			if (inotify_add_watch(fd, name, IN_ALL_EVENTS) < 0) {
				check_error((int[]){ ENOSPC, ENOMEM, 0 }, "inotify_add_watch");
				break;
			}
		}
	check_error((int[]){ EMFILE, ENFILE, 0 }, "inotify_init");
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "/tmp/watch-%d-%d", getpid(), i);
		SAME(unlink(name), 0);
	}
}

ATTACK(file_locks)
{
	int fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);

	for (int i = 0; i < 3000; i++) {
		struct flock l = { .l_type = i & 1 ? F_WRLCK : F_RDLCK, .l_start = 2 * i, .l_len = 1 };

		SAME(fcntl(fd, F_SETLK, &l), 0);
	}
}

ATTACK(datagrams_that_nobody_reads)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	static char piece[1400];
	int s, from = socket(AF_INET, SOCK_DGRAM, 0);

	for (int n = 0; n < SOCKETS / ATTACKERS; n++) {
		s = socket(AF_INET, SOCK_DGRAM, 0);
		to.sin_port = 0;
		if (s < 0 || bind(s, (struct sockaddr *)&to, len)) {
			check_error((int[]){ EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRINUSE, 0 }, "socket");
			return;
		}
		SAME(getsockname(s, (struct sockaddr *)&to, &len), 0);
		for (int i = 0; i < 40; i++)
			if (sendto(from, piece, sizeof(piece), MSG_DONTWAIT, (struct sockaddr *)&to, len) < 0)
				break;
	}
}

/* So many that there is memory for them. */
ATTACK(messages_that_nobody_reads)
{
	static char piece[2000];
	int s[2];

	for (int i = 0; i < 40; i++) {
		SAME(socketpair(AF_UNIX, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0, s), 0);
		while (send(s[0], piece, sizeof(piece), MSG_DONTWAIT) > 0)
			;
		SAME(errno, EAGAIN);
	}
}

ATTACK(descriptors_on_the_way)
{
	union { char buf[CMSG_SPACE(200 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int s[2];

	memset(&control, 0, sizeof(control));
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(200 * sizeof(int));
	for (int i = 0; i < 200; i++)
		((int *)CMSG_DATA(h))[i] = go[0];
	for (;;) {
		ssize_t n;

		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s)) {
			check_error((int[]){ EMFILE, ENFILE, 0 }, "socketpair");
			return;
		}
		while ((n = sendmsg(s[0], &m, MSG_DONTWAIT)) == 1)
			;
		if (errno == ETOOMANYREFS)
			return;
		SAME(errno, EAGAIN);
	}
}

static void take_mappings(void)
{
	/* Every other page, so that none is joined to its neighbour. */
	char *m = mmap(NULL, 1ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(m != MAP_FAILED);
	for (long i = 0; i < 1 << 17; i++)
		if (mprotect(m + 2 * i * 4096, 4096, PROT_READ)) {
			SAME(errno, ENOMEM);
			/* vm.max_map_count; fewer where memory is short. */
			EXPECT(i > 1000);
			return;
		}
	EXPECT(!"a limit");
}

static void setting(const char *name, const char *value, char *old)
{
	int fd = open(name, O_RDWR);

	EXPECT(fd >= 0);
	EXPECT(read(fd, old, 32) > 0);
	SAME(pwrite(fd, value, strlen(value), 0), strlen(value));
	close(fd);
}

CHECK(mappings)
{
	char before[32] = "", own[32] = "";

	/* Fewer than by default: so many take long to make. */
	setting("/proc/sys/vm/max_map_count", "6000", before);
	attack(take_mappings);
	setting("/proc/sys/vm/max_map_count", before, own);
	SAME(atoi(own), 6000);
}

/* A page here and there in all of the space: mostly tables. Whoever takes them is who dies. */
static void take_page_tables(void)
{
	for (unsigned long at = 1ul << 33; at < 1ul << 46; at += (1ul << 30) + 4096) {
		volatile char *m = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);

		if (m == MAP_FAILED) {
			EXPECT(errno == ENOMEM || errno == EEXIST);
			continue;
		}
		*m = 1;
	}
}
CHECK(page_tables) { attack(take_page_tables); }

static void execute_with(size_t size, int count, int error)
{
	static char *argv[2000], *envp[] = { NULL };
	char *text = malloc(size + 1);

	memset(text, 'x', size);
	text[size] = 0;
	argv[0] = "true";
	for (int i = 1; i < count; i++)
		argv[i] = text;
	argv[count] = NULL;
	if (!fork_or_end()) {
		execve("/bin/true", argv, envp);
		EXPECT(errno == error || errno == ENOMEM);
		_exit(0);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	free(text);
}

ATTACK(arguments)
{
	for (int i = 0; i < 4; i++) {
		execute_with(131072 - 1, 12, 0);		/* these are executed */
		execute_with(131072, 2, E2BIG);
		execute_with(131072 - 1, 1900, E2BIG);
		execute_with(1, 1999, 0);
	}
}

ATTACK(folders_in_folders)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/deep-%d", getpid());
	for (int i = 0; i < DEEP; i++) {
		SAME(mkdir(name, 0700), 0);
		SAME(chdir(name), 0);
		strcpy(name, "a-folder-with-a-name-of-some-length");
	}
	FAILS(getcwd(name, sizeof(name)) ? 0 : -1, ENAMETOOLONG);
	for (int i = 0; i < DEEP; i++) {
		SAME(chdir(".."), 0);
		if (i < DEEP - 1)
			SAME(rmdir("a-folder-with-a-name-of-some-length"), 0);
	}
	snprintf(name, sizeof(name), "/tmp/deep-%d", getpid());
	SAME(rmdir(name), 0);
}

/* A file system that is taken away with all that: nothing in it goes by recursion. */
CHECK(a_deep_tree_is_unmounted)
{
	alarm(0);
	folder("/tmp/mount", 0755);
	for (int round = 0; round < 2; round++) {
		if (round)
			counts_begin();
		SAME(mount("none", "/tmp/mount", "tmpfs", 0, NULL), 0);
		SAME(chmod("/tmp/mount", 0777), 0);
		AS(ALICE, {
			SAME(chdir("/tmp/mount"), 0);
			for (int i = 0; i < 2 * DEEP; i++) {
				SAME(mkdir("f", 0700), 0);
				SAME(chdir("f"), 0);
			}
		});
		SAME(umount("/tmp/mount"), 0);
	}
	counts_same(counts_differ);
	SAME(rmdir("/tmp/mount"), 0);
}

/* As many names as there is room for, which is not all of memory. */
CHECK(names)
{
	alarm(0);
	folder("/tmp/mount", 0755);
	for (int round = 0; round < 2; round++) {
		if (round)
			counts_begin();
		SAME(mount("none", "/tmp/mount", "tmpfs", 0, NULL), 0);
		SAME(chmod("/tmp/mount", 0777), 0);
		AS(ALICE, {
			char name[64];
			int i;

			SAME(chdir("/tmp/mount"), 0);
			for (i = 0; i < 1000000; i++) {
				snprintf(name, sizeof(name), "a-name-that-is-rather-long-for-a-file-%d", i);
				if (mknod(name, S_IFREG | 0600, 0))
					break;
			}
			SAME(errno, ENOSPC);
			EXPECT(i > 10000);
		});
		root_goes_on();
		SAME(umount("/tmp/mount"), 0);
	}
	counts_same(counts_differ);
	SAME(rmdir("/tmp/mount"), 0);
}

/* ---- what outlives its program ---------------------------------------------------- */

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	SAME(ioctl(s, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	SAME(ioctl(s, SIOCSIFFLAGS, &r), 0);
	close(s);
}

/* A connection to a port of this machine, closed by this side first, or else by the other. */
static void connection(int listener, bool we_first)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), t;
	char c;

	SAME(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	SAME(connect(s, (struct sockaddr *)&a, len), 0);
	t = accept(listener, NULL, NULL);
	EXPECT(t >= 0);
	close(we_first ? s : t);
	SAME(read(we_first ? t : s, &c, 1), 0);
	close(we_first ? t : s);
}

static int listener_new(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	SAME(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	SAME(listen(s, 16), 0);
	return s;
}

static int waiting_out(void)
{
	char line[256], *tw;
	FILE *f = fopen("/proc/net/sockstat", "r");
	int n = -1;

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "TCP:", 4) && (tw = strstr(line, " tw ")))
			n = atoi(tw + 4);
	fclose(f);
	return n;
}

/* Connections that wait out their time (TIME-WAIT) are nobody's any more: there is a most of them, and others connect. */
CHECK(connections_that_wait_out)
{
	int before;
	bool full = false;

	alarm(0);
	loopback_up();
	/* The bound grows with memory; each round has a port of its own, and so new numbers for all its connections. */
	for (int round = 0; round < 50 && !full; round++) {
		before = waiting_out();
		AS(ALICE, {
			int s = listener_new();

			for (int i = 0; i < 2000; i++)
				connection(s, i & 1);
		});
		full = waiting_out() - before < 1000;
	}
	EXPECT(full);
	for (int i = 0, s = listener_new(); i < 10; i++)
		connection(s, true);
	root_goes_on();
}

static size_t log_length(void)
{
	static char text[1 << 20];
	int n = klogctl(3, text, sizeof(text));

	EXPECT(n >= 0);
	return n;
}

/* What a user's programs do wrong does not wash away what the log says to root. */
CHECK(the_log)
{
	size_t before;

	AS(ALICE, syscall(9999));
	before = log_length();
	AS(ALICE, {
		int fd;

		FAILS(open("/dev/kmsg", O_WRONLY), EACCES);
		FAILS(klogctl(5, NULL, 0), EPERM);
		for (int i = 0; i < 500; i++)
			FAILS(syscall(9000 + i), ENOSYS);
		fd = open("/tmp/no-program", O_CREAT | O_WRONLY, 0700);
		SAME(write(fd, "\177ELF", 4), 4);
		close(fd);
		for (int i = 0; i < 100; i++) {
			pid_t pid = fork_or_end();

			if (!pid) {
				if (i & 1)
					execl("/tmp/no-program", "no-program", NULL);
				*(volatile char *)nowhere = 1;
			}
			waitpid(pid, NULL, 0);
		}
		unlink("/tmp/no-program");
	});
	EXPECT(log_length() < before + 4096);
}
