/*
 * pipe2: flags of both ends, descriptors across exec, packets, size, limits.
 *
 * Called with numbers, it is what the check executes to see which of these descriptors are open: the status
 * is their count.
 */
#include "bcheck.h"
#include <sys/resource.h>

static int open_after_exec(int a, int b)
{
	char first[2] = { '0' + a, 0 }, second[2] = { '0' + b, 0 };
	char *argv[] = { "pipe2", first, second, NULL };
	int status;
	pid_t child;

	EXPECT(a < 10 && b < 10);
	child = fork();
	if (child == 0) {
		execv("/proc/self/exe", argv);
		_exit(100);
	}
	SAME(waitpid(child, &status, 0), child);
	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void flags(int wanted, int status, int descriptor)
{
	int ends[2];

	SAME(pipe2(ends, wanted), 0);
	SAME(fcntl(ends[0], F_GETFL) & ~O_LARGEFILE, O_RDONLY | status);
	SAME(fcntl(ends[1], F_GETFL) & ~O_LARGEFILE, O_WRONLY | status);
	SAME(fcntl(ends[0], F_GETFD), descriptor);
	SAME(fcntl(ends[1], F_GETFD), descriptor);
	SAME(open_after_exec(ends[0], ends[1]), descriptor ? 0 : 2);
	close(ends[0]);
	close(ends[1]);
}

/* In packet mode, where there is one, a read takes one write, and drops what does not fit. */
static void packets(void)
{
	char buf[16];
	int ends[2];

	if (pipe2(ends, O_DIRECT | O_NONBLOCK) < 0) {
		SAME(errno, EINVAL);
		check_note("pipes of packets (O_DIRECT) are absent");
		return;
	}
	SAME(write(ends[1], "first", 5), 5);
	SAME(write(ends[1], "second", 6), 6);
	SAME(write(ends[1], "third", 5), 5);
	SAME(read(ends[0], buf, sizeof(buf)), 5);
	SAME(read(ends[0], buf, 3), 3);
	SAME(read(ends[0], buf, sizeof(buf)), 5);
	EXPECT(!memcmp(buf, "third", 5));
	FAILS(read(ends[0], buf, sizeof(buf)), EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

static void size(void)
{
	static char buf[131072];
	int ends[2];

	SAME(pipe2(ends, O_NONBLOCK), 0);
	SAME(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	SAME(fcntl(ends[0], F_SETPIPE_SZ, 100000), 131072);
	SAME(write(ends[1], buf, sizeof(buf)), sizeof(buf));
	FAILS(fcntl(ends[0], F_SETPIPE_SZ, 4096), EBUSY);
	SAME(fcntl(ends[1], F_GETPIPE_SZ), 131072);
	close(ends[0]);
	close(ends[1]);
}

static void limit(void)
{
	struct rlimit limit = { 10, 10 };
	int ends[2] = { -5, -6 }, last = -1;

	for (int fd = 3; fd < 10; fd++)
		close(fd);
	SAME(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* The lowest numbers, in order. */
	for (int fd = 3; fd < 9; fd += 2) {
		SAME(pipe2(ends, 0), 0);
		SAME(ends[0], fd);
		SAME(ends[1], fd + 1);
	}
	/* Room for one is not enough, and that one stays free. */
	FAILS(pipe2(ends, 0), EMFILE);
	last = dup(0);
	SAME(last, 9);
	_exit(0);
}

CHECK(pipe2)
{
	int ends[2], count = 0;
	pid_t child;

	if (check_argv[1]) {
		for (int i = 1; check_argv[i]; i++)
			count += fcntl(atoi(check_argv[i]), F_GETFD) >= 0;
		exit(count);
	}
	flags(0, 0, 0);
	flags(O_CLOEXEC, 0, FD_CLOEXEC);
	flags(O_NONBLOCK, O_NONBLOCK, 0);
	flags(O_CLOEXEC | O_NONBLOCK, O_NONBLOCK, FD_CLOEXEC);
	FAILS(pipe2(ends, O_APPEND), EINVAL);
	FAILS(pipe2(ends, -1), EINVAL);
	packets();
	size();
	child = fork();
	if (child == 0)
		limit();
	child_ok(child);
}
