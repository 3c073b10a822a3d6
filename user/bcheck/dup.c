/* dup, dup2, dup3: the same open file under another number. */
#include "bcheck.h"
#include <sys/resource.h>

static void sharing(int fd)
{
	int copy = dup(fd);

	EXPECT(copy >= 0 && copy != fd);
	SAME(lseek(fd, 100, SEEK_SET), 100);
	SAME(lseek(copy, 0, SEEK_CUR), 100);
	SAME(fcntl(copy, F_SETFL, O_APPEND), 0);
	EXPECT(fcntl(fd, F_GETFL) & O_APPEND);
	SAME(fcntl(fd, F_SETFL, 0), 0);
	/* The flags of the number itself are not shared. */
	SAME(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	SAME(fcntl(copy, F_GETFD), 0);
	close(copy);
	copy = dup(fd);
	SAME(fcntl(copy, F_GETFD), 0);
	/* One is closed, the other lives. */
	SAME(close(fd), 0);
	SAME(lseek(copy, 0, SEEK_CUR), 100);
	FAILS(lseek(fd, 0, SEEK_CUR), EBADF);
	SAME(dup(copy), fd);
	close(copy);
}

static void onto_another(int fd)
{
	int ends[2];
	char c;

	SAME(pipe(ends), 0);
	/* The target is closed: its reader sees the end. */
	SAME(dup2(fd, ends[1]), ends[1]);
	SAME(read(ends[0], &c, 1), 0);
	SAME(lseek(ends[1], 0, SEEK_CUR), lseek(fd, 0, SEEK_CUR));
	SAME(dup2(fd, fd), fd);
	FAILS(dup2(1000, fd), EBADF);
	FAILS(dup2(1000, 1000), EBADF);
	FAILS(dup2(fd, -1), EBADF);
	SAME(lseek(fd, 0, SEEK_CUR), 100);

	SAME(dup3(fd, 77, O_CLOEXEC), 77);
	SAME(fcntl(77, F_GETFD), FD_CLOEXEC);
	SAME(dup3(fd, 77, 0), 77);
	SAME(fcntl(77, F_GETFD), 0);
	FAILS(dup3(fd, fd, 0), EINVAL);
	FAILS(dup3(fd, 77, O_APPEND), EINVAL);
	FAILS(dup3(1000, 77, 0), EBADF);
	close(77);
	close(ends[0]);
	close(ends[1]);
}

static void limits(int fd)
{
	struct rlimit limit = { 8, 8 };
	int last = -1, n;

	SAME(dup2(fd, 20), 20);
	SAME(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((n = dup(fd)) >= 0)
		last = n;
	SAME(errno, EMFILE);
	SAME(last, 7);
	FAILS(dup2(fd, 8), EBADF);
	FAILS(dup3(fd, 20, 0), EBADF);
	/* A number that is open already stays usable. */
	SAME(lseek(20, 0, SEEK_CUR), 100);
	close(5);
	SAME(dup(20), 5);
	_exit(0);
}

CHECK(dup)
{
	int fd = pattern_file("file", 200);
	pid_t child;

	FAILS(dup(-1), EBADF);
	FAILS(dup(1000), EBADF);
	sharing(fd);
	onto_another(fd);
	child = fork();
	if (child == 0)
		limits(fd);
	child_ok(child);
}
