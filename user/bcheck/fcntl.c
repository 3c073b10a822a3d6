/* fcntl: flags, numbers, and record locks between processes. */
#include "bcheck.h"

static void flags(void)
{
	int fd = open("file", O_RDWR | O_CLOEXEC);

	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	SAME(fcntl(fd, F_SETFD, 0), 0);
	SAME(fcntl(fd, F_GETFD), 0);
	/* What is open for both remains so; what cannot be changed is not. */
	SAME(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY | O_CREAT | O_EXCL), 0);
	SAME(fcntl(fd, F_GETFL) & ~O_LARGEFILE, O_RDWR | O_APPEND | O_NONBLOCK);
	SAME(lseek(fd, 0, SEEK_SET), 0);
	SAME(write(fd, "!", 1), 1);
	SAME(lseek(fd, 0, SEEK_CUR), 101);
	SAME(fcntl(fd, F_SETFL, 0), 0);
	SAME(fcntl(fd, F_GETFL) & ~O_LARGEFILE, O_RDWR);
	FAILS(fcntl(fd, 9999), EINVAL);
	FAILS(fcntl(1000, F_GETFL), EBADF);
	close(fd);
	fd = open("file", O_PATH);
	FAILS(fcntl(fd, F_SETFL, O_APPEND), EBADF);
	EXPECT(fcntl(fd, F_GETFL) & O_PATH);
	close(fd);
}

static void numbers(int fd)
{
	int copy = fcntl(fd, F_DUPFD, 50), next;

	SAME(copy, 50);
	next = fcntl(fd, F_DUPFD_CLOEXEC, 50);
	SAME(next, 51);
	SAME(fcntl(next, F_GETFD), FD_CLOEXEC);
	SAME(fcntl(copy, F_GETFD), 0);
	close(copy);
	SAME(fcntl(next, F_DUPFD, 0) < 50, 1);
	close(next);
	FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
	FAILS(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	FAILS(fcntl(1000, F_DUPFD, 0), EBADF);
}

static struct flock region(short type, off_t start, off_t length)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
}

/* In another process, with a lock on [10, 20) of its parent. */
static void other(int fd)
{
	struct flock lock = region(F_WRLCK, 0, 0);

	SAME(fcntl(fd, F_GETLK, &lock), 0);
	SAME(lock.l_type, F_WRLCK);
	SAME(lock.l_start, 10);
	SAME(lock.l_len, 10);
	SAME(lock.l_pid, getppid());
	lock = region(F_RDLCK, 19, 1);
	FAILS(fcntl(fd, F_SETLK, &lock), EAGAIN);
	lock = region(F_WRLCK, 20, 0);
	SAME(fcntl(fd, F_SETLK, &lock), 0);
	lock = region(F_RDLCK, 0, 10);
	SAME(fcntl(fd, F_SETLK, &lock), 0);
	lock = region(F_WRLCK, 0, 10);
	SAME(fcntl(fd, F_GETLK, &lock), 0);	/* one's own locks are in nobody's way */
	SAME(lock.l_type, F_UNLCK);
	_exit(0);
}

static void locks(int fd)
{
	struct flock lock = region(F_WRLCK, 10, 10);
	int ends[2], reader = open("file", O_RDONLY);
	pid_t child;
	char c = 0;

	SAME(fcntl(fd, F_SETLK, &lock), 0);
	child = fork();
	if (child == 0)
		other(fd);
	child_ok(child);
	/* The other's locks went with it. */
	lock = region(F_WRLCK, 20, 0);
	SAME(fcntl(fd, F_GETLK, &lock), 0);
	SAME(lock.l_type, F_UNLCK);

	/* One who waits gets it when it is free: the order of the bytes shows who was first. */
	SAME(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		lock = region(F_RDLCK, 10, 1);
		SAME(fcntl(fd, F_SETLKW, &lock), 0);
		SAME(write(ends[1], "2", 1), 1);
		_exit(0);
	}
	SAME(write(ends[1], "1", 1), 1);
	lock = region(F_UNLCK, 0, 0);
	SAME(fcntl(fd, F_SETLK, &lock), 0);
	SAME(read(ends[0], &c, 1), 1);
	SAME(c, '1');
	child_ok(child);

	/* Closing any descriptor of the file lets the process's locks go. */
	lock = region(F_WRLCK, 0, 0);
	SAME(fcntl(fd, F_SETLK, &lock), 0);
	close(dup(fd));
	child = fork();
	if (child == 0) {
		lock = region(F_WRLCK, 0, 0);
		SAME(fcntl(fd, F_SETLK, &lock), 0);
		_exit(0);
	}
	child_ok(child);

	lock = region(F_WRLCK, 0, 1);
	FAILS(fcntl(reader, F_SETLK, &lock), EBADF);
	lock = region(99, 0, 1);
	FAILS(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = region(F_WRLCK, -1, 1);
	FAILS(fcntl(fd, F_SETLK, &lock), EINVAL);
	FAILS(fcntl(fd, F_SETLK, nowhere), EFAULT);
	close(reader);
	close(ends[0]);
	close(ends[1]);
}

CHECK(fcntl)
{
	int fd = pattern_file("file", 100);

	flags();
	numbers(fd);
	locks(fd);
}
