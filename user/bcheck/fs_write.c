/* Writing files: where the bytes go, what a file grows and shrinks to, and limits. */
#include "bcheck.h"
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/uio.h>

static void has(const char *name, const char *expected)
{
	char buf[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	SAME(n, strlen(expected));
	EXPECT(!memcmp(buf, expected, n));
	close(fd);
}

static void places(void)
{
	struct iovec parts[] = { { "ab", 2 }, { NULL, 0 }, { "cd", 2 } };
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0640), end;
	struct stat st;

	EXPECT(fd >= 0);
	FAILS(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	SAME(write(fd, "0123456789", 10), 10);
	SAME(pwrite(fd, "xx", 2, 3), 2);
	SAME(lseek(fd, 0, SEEK_CUR), 10);
	SAME(write(fd, "", 0), 0);
	SAME(writev(fd, parts, 3), 4);
	has("f", "012xx56789abcd");

	/* Who appends writes at the end, wherever it was. */
	end = open("f", O_WRONLY | O_APPEND);
	SAME(lseek(end, 2, SEEK_SET), 2);
	SAME(write(end, "!", 1), 1);
	SAME(lseek(end, 0, SEEK_CUR), 15);
	SAME(write(fd, "?", 1), 1);	/* the other's place was the old end */
	SAME(write(end, "!", 1), 1);
	has("f", "012xx56789abcd?!");
	close(end);

	SAME(ftruncate(fd, 4), 0);
	SAME(ftruncate(fd, 6), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 6);
	SAME(st.st_mode, S_IFREG | 0640);
	SAME(st.st_nlink, 1);
	SAME(truncate("f", 5), 0);
	SAME(pread(fd, (char[8]){ 0 }, 8, 0), 5);
	FAILS(ftruncate(fd, -1), EINVAL);
	close(open("f", O_WRONLY | O_TRUNC));
	has("f", "");
	SAME(fsync(fd), 0);
	SAME(fdatasync(fd), 0);
	close(fd);
}

static void much(void)
{
	enum { SIZE = 1 << 20 };
	int fd = pattern_file("big", SIZE);
	static unsigned char buf[65536];
	struct stat st;

	for (size_t at = 0; at < SIZE; at += sizeof(buf)) {
		SAME(read(fd, buf, sizeof(buf)), sizeof(buf));
		for (size_t i = 0; i < sizeof(buf); i += 13)
			SAME(buf[i], pattern(at + i));
	}
	SAME(fstat(fd, &st), 0);
	EXPECT(st.st_blocks * 512 >= SIZE);
	/* A file lives until its last descriptor is closed. */
	SAME(unlink("big"), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_nlink, 0);
	SAME(pread(fd, buf, 1, SIZE - 1), 1);
	SAME(buf[0], pattern(SIZE - 1));
	close(fd);
}

static void refused(void)
{
	int fd = open("f", O_RDONLY), dir = open(".", O_RDONLY);

	FAILS(write(fd, "x", 1), EBADF);
	FAILS(ftruncate(fd, 0), EINVAL);
	close(fd);
	FAILS(write(fd, "x", 1), EBADF);
	FAILS(write(dir, "x", 1), EBADF);
	close(dir);
	FAILS(open(".", O_WRONLY), EISDIR);
	FAILS(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	fd = open("f", O_WRONLY);
	FAILS(write(fd, nowhere, 10), EFAULT);
	FAILS(pwrite(fd, "x", 1, -1), EINVAL);
	FAILS(truncate(".", 0), EISDIR);
	close(fd);
}

/* A process under a limit of size: what fits is written, then comes the error, and the signal. */
static void size_limit(void)
{
	struct rlimit limit = { 1000, 1000 };
	char buf[600] = { 0 };
	int fd = open("limited", O_WRONLY | O_CREAT, 0644);

	SAME(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_IGN);
	SAME(write(fd, buf, 600), 600);
	SAME(write(fd, buf, 600), 400);
	FAILS(write(fd, buf, 600), EFBIG);
	FAILS(ftruncate(fd, 1001), EFBIG);
	signal(SIGXFSZ, SIG_DFL);
	(void)!write(fd, buf, 1);
	_exit(1);
}

/* A file system of 64 KiB, filled to its edge and emptied again. */
static void full(void)
{
	char buf[4096] = { 0 };
	size_t size = 0;
	ssize_t n;
	int fd;

	SAME(mkdir("small", 0755), 0);
	SAME(mount("tmpfs", "small", "tmpfs", 0, "size=64k"), 0);
	fd = open("small/f", O_WRONLY | O_CREAT, 0644);
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		size += n;
	SAME(errno, ENOSPC);
	SAME(size, 65536);
	SAME(ftruncate(fd, 0), 0);
	SAME(pwrite(fd, "x", 1, 100), 1);
	close(fd);
	SAME(mount(NULL, "small", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	FAILS(open("small/f", O_WRONLY), EROFS);
	FAILS(unlink("small/f"), EROFS);
	SAME(umount("small"), 0);
}

CHECK(fs_write)
{
	pid_t child;

	places();
	much();
	refused();
	child = fork();
	if (child == 0)
		size_limit();
	child_dies(child, SIGXFSZ);
	if (geteuid() == 0)
		full();
	else
		check_note("not root: a full file system is not checked");
}
