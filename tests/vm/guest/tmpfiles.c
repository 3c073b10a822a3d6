/*
 * What files in memory can: sealed memory, files without a name, names that
 * change places, holes, and what happens to times and set-id bits. Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static void here(void)
{
	static char dir[] = "/tmp/tmpfiles.XXXXXX";

	EXPECT(mkdtemp(dir));
	EXPECT(mount("none", dir, "tmpfs", 0, "size=1m,mode=777") == 0);
	EXPECT(chdir(dir) == 0);
	umask(022);
}

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	EXPECT(fd >= 0);
	SAME(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

static void as_user(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		fn();
		_exit(0);
	}
	child_ok(pid);
}

static int exchange(const char *a, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

#define NOREPLACE 1
#define EXCHANGE 2
#define WHITEOUT 4

CHECK(seals)
{
	static char page[4096];
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC), plain = memfd_create("plain", 0);
	int reader, p[2];
	char path[32], *map;

	SAME(fcntl(fd, F_GET_SEALS), 0);
	SAME(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
	FAILS(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	FAILS(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	EXPECT(pipe(p) == 0);
	FAILS(fcntl(p[0], F_GET_SEALS), EINVAL);
	SAME(write(fd, page, 4096), 4096);
	sprintf(path, "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY);
	EXPECT(reader >= 0);
	FAILS(fcntl(reader, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	SAME(fcntl(reader, F_GET_SEALS), 0);

	SAME(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	FAILS(ftruncate(fd, 100), EPERM);
	SAME(ftruncate(fd, 8192), 0);
	SAME(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	FAILS(ftruncate(fd, 9000), EPERM);
	SAME(pwrite(fd, page, 4096, 4096), 4096);
	FAILS(pwrite(fd, page, 1, 8192), EPERM);
	FAILS(fallocate(fd, 0, 0, 9000), EPERM);
	SAME(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);

	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(map, 4096);
	/* One that can't ever write is no hindrance. */
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
	EXPECT(map != MAP_FAILED);
	SAME(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	munmap(map, 4096);
	SAME(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	FAILS(pwrite(fd, page, 1, 0), EPERM);
	FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED);
	map[0] = 1;
	SAME(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
}

CHECK(seal_against_future_writing)
{
	int fd = memfd_create("future", MFD_ALLOW_SEALING);
	char *early, *late;

	SAME(ftruncate(fd, 4096), 0);
	early = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(early != MAP_FAILED);
	SAME(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	early[0] = 'x';
	FAILS(write(fd, "y", 1), EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	late = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(late != MAP_FAILED && late[0] == 'x');
	FAILS(mprotect(late, 4096, PROT_READ | PROT_WRITE), EACCES);
}

CHECK(memory_files)
{
	static char name[260];
	struct stat st;
	char link[64];
	int fd = memfd_create("two words", MFD_CLOEXEC);
	ssize_t n;

	EXPECT(fd >= 0);
	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	sprintf(name, "/proc/self/fd/%d", fd);
	n = readlink(name, link, sizeof(link));
	EXPECT(n == 26 && !memcmp(link, "/memfd:two words (deleted)", 26));
	SAME(fstat(fd, &st), 0);
	EXPECT(S_ISREG(st.st_mode) && st.st_nlink == 0 && st.st_size == 0);
	memset(name, 'n', 249);
	name[249] = 0;
	EXPECT(memfd_create(name, 0) >= 0);
	name[249] = 'n';
	name[250] = 0;
	FAILS(memfd_create(name, 0), EINVAL);
	FAILS(memfd_create("x", 0x4000), EINVAL);
	FAILS(memfd_create(nowhere, 0), EFAULT);
}

static void link_by_descriptor_alone(void)
{
	int fd = open(".", O_RDWR | O_TMPFILE, 0600);

	EXPECT(fd >= 0);
	FAILS(linkat(fd, "", AT_FDCWD, "mine", AT_EMPTY_PATH), ENOENT);
}

CHECK(files_without_a_name)
{
	struct stat st;
	char path[64];
	int fd;

	here();
	fd = open(".", O_RDWR | O_TMPFILE, 0666);
	EXPECT(fd >= 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_nlink, 0);
	SAME(st.st_mode, S_IFREG | 0644);
	SAME(write(fd, "hidden", 6), 6);
	sprintf(path, "/proc/self/fd/%d", fd);
	SAME(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW), 0);
	EXPECT(holds("shown", "hidden"));
	SAME(fstat(fd, &st), 0);
	SAME(st.st_nlink, 1);
	FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW), EEXIST);
	close(fd);
	fd = open(".", O_WRONLY | O_TMPFILE, 0600);
	SAME(linkat(fd, "", AT_FDCWD, "other", AT_EMPTY_PATH), 0);
	SAME(unlink("other"), 0);
	FAILS(linkat(fd, "", AT_FDCWD, "other", AT_EMPTY_PATH), ENOENT);
	close(fd);
	fd = open(".", O_RDWR | O_TMPFILE | O_EXCL, 0600);
	EXPECT(fd >= 0);
	FAILS(linkat(fd, "", AT_FDCWD, "other", AT_EMPTY_PATH), ENOENT);
	FAILS(open(".", O_RDONLY | O_TMPFILE, 0600), EINVAL);
	FAILS(open(".", O_RDWR | O_TMPFILE | O_CREAT, 0600), EINVAL);
	FAILS(open("shown", O_RDWR | O_TMPFILE, 0600), ENOTDIR);
	FAILS(open("none", O_RDWR | O_TMPFILE, 0600), ENOENT);
	FAILS(open("/proc", O_RDWR | O_TMPFILE, 0600), EOPNOTSUPP);
	as_user(link_by_descriptor_alone);
}

static void whiteout_by_a_user(void)
{
	struct stat st;

	SAME(exchange("b", "x", WHITEOUT), 0);
	SAME(lstat("b", &st), 0);
	EXPECT(S_ISCHR(st.st_mode));
	SAME(mknod("w", S_IFCHR | 0600, makedev(0, 0)), 0);
	FAILS(mknod("n", S_IFCHR | 0600, makedev(1, 3)), EPERM);
}

CHECK(exchanging_names)
{
	struct stat st;

	here();
	put("a", "A");
	put("b", "B");
	SAME(exchange("a", "b", EXCHANGE), 0);
	EXPECT(holds("a", "B") && holds("b", "A"));
	SAME(mkdir("d", 0755), 0);
	put("d/in", "I");
	SAME(mkdir("a-directory-with-a-name-that-is-long", 0755), 0);
	SAME(exchange("d", "a-directory-with-a-name-that-is-long/none", EXCHANGE), -1);
	SAME(errno, ENOENT);
	SAME(exchange("a", "d", EXCHANGE), 0);
	EXPECT(holds("d", "B") && holds("a/in", "I"));
	SAME(exchange("a", "a-directory-with-a-name-that-is-long", EXCHANGE), 0);
	EXPECT(holds("a-directory-with-a-name-that-is-long/in", "I"));
	SAME(exchange("d", "a-directory-with-a-name-that-is-long/in", EXCHANGE), 0);
	EXPECT(holds("a-directory-with-a-name-that-is-long/in", "B") && holds("d", "I"));
	SAME(stat(".", &st), 0);
	SAME(st.st_nlink, 4);
	SAME(exchange("a", "a-directory-with-a-name-that-is-long/in", EXCHANGE), 0);
	SAME(stat(".", &st), 0);
	SAME(st.st_nlink, 3);
	SAME(stat("a-directory-with-a-name-that-is-long", &st), 0);
	SAME(st.st_nlink, 3);
	FAILS(exchange("a-directory-with-a-name-that-is-long/in", "a-directory-with-a-name-that-is-long", EXCHANGE), EINVAL);
	FAILS(exchange("a-directory-with-a-name-that-is-long", "a-directory-with-a-name-that-is-long/in", EXCHANGE), EINVAL);
	FAILS(exchange("b", "a", EXCHANGE | NOREPLACE), EINVAL);
	FAILS(exchange("b", "a", EXCHANGE | WHITEOUT), EINVAL);
	FAILS(exchange("b", "a", 8), EINVAL);
	FAILS(exchange("b", "a", NOREPLACE), EEXIST);
	FAILS(exchange("b", "none", EXCHANGE), ENOENT);
	SAME(exchange("b", "fresh", NOREPLACE), 0);
	SAME(exchange("fresh", "b", 0), 0);
	SAME(exchange("b", "moved", WHITEOUT), 0);
	EXPECT(holds("moved", "A"));
	SAME(lstat("b", &st), 0);
	EXPECT(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	SAME(exchange("moved", "b", 0), 0);
	as_user(whiteout_by_a_user);
}

CHECK(holes)
{
	static char page[4096];
	struct stat st;
	char c;
	int fd;

	here();
	fd = open("f", O_RDWR | O_CREAT, 0644);
	SAME(ftruncate(fd, 1 << 20), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_blocks, 0);
	FAILS(lseek(fd, 0, SEEK_DATA), ENXIO);
	SAME(lseek(fd, 0, SEEK_HOLE), 0);
	memset(page, 'x', sizeof(page));
	SAME(pwrite(fd, page, 4096, 40960), 4096);
	SAME(pwrite(fd, page, 4096, 45056), 4096);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_blocks, 16);
	SAME(lseek(fd, 0, SEEK_DATA), 40960);
	SAME(lseek(fd, 41000, SEEK_DATA), 41000);
	SAME(lseek(fd, 41000, SEEK_HOLE), 49152);
	SAME(lseek(fd, 0, SEEK_CUR), 49152);
	SAME(lseek(fd, 100, SEEK_HOLE), 100);
	FAILS(lseek(fd, 49152, SEEK_DATA), ENXIO);
	FAILS(lseek(fd, 1 << 20, SEEK_HOLE), ENXIO);
	FAILS(lseek(fd, -1, SEEK_DATA), ENXIO);
	SAME(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 40960, 4096 + 10), 0);
	SAME(lseek(fd, 0, SEEK_DATA), 45056);
	SAME(pread(fd, &c, 1, 45065), 1);
	SAME(c, 0);
	SAME(pread(fd, &c, 1, 45066), 1);
	SAME(c, 'x');
	SAME(ftruncate(fd, 45060), 0);
	SAME(lseek(fd, 45056, SEEK_HOLE), 45060);
	SAME(lseek(fd, 45059, SEEK_DATA), 45059);
}

CHECK(room_for_later)
{
	struct statfs before, after;
	struct stat st;
	int fd, p[2];

	here();
	fd = open("f", O_RDWR | O_CREAT, 0644);
	SAME(statfs(".", &before), 0);
	SAME(before.f_blocks, 256);
	SAME(fallocate(fd, 0, 0, 40000), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 40000);
	SAME(st.st_blocks, 80);
	SAME(fallocate(fd, FALLOC_FL_KEEP_SIZE, 40000, 40960), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 40000);
	SAME(statfs(".", &after), 0);
	SAME(before.f_bfree - after.f_bfree, 20);
	FAILS(fallocate(fd, 0, 0, 2 << 20), ENOSPC);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 40000);
	FAILS(fallocate(fd, 0, -1, 1), EINVAL);
	FAILS(fallocate(fd, 0, 0, 0), EINVAL);
	FAILS(fallocate(fd, 0, 0x7fffffffffffffff, 100), EFBIG);
	FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	FAILS(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
	FAILS(fallocate(999, 0, 0, 1), EBADF);
	FAILS(fallocate(open("f", O_RDONLY), 0, 0, 1), EBADF);
	EXPECT(pipe(p) == 0);
	FAILS(fallocate(p[1], 0, 0, 1), ESPIPE);
	FAILS(fallocate(open("/dev/null", O_WRONLY), 0, 0, 1), ENODEV);
	/* Only some file systems can do this. */
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 100) < 0)
		SAME(errno, EOPNOTSUPP);
}

CHECK(advice_about_ranges)
{
	int fd, p[2], path;

	here();
	put("f", "0123456789");
	fd = open("f", O_RDWR);
	path = open("f", O_PATH);
	EXPECT(pipe(p) == 0);
	SAME(posix_fadvise(fd, 0, 100, POSIX_FADV_WILLNEED), 0);
	SAME(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	SAME(posix_fadvise(fd, 0, 0, 99), EINVAL);
	SAME(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
	SAME(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
	SAME(posix_fadvise(path, 0, 0, POSIX_FADV_NORMAL), EBADF);
	SAME(posix_fadvise(999, 0, 0, POSIX_FADV_NORMAL), EBADF);
	SAME(readahead(fd, 0, 100), 0);
	FAILS(readahead(p[0], 0, 100), EINVAL);
	FAILS(readahead(open("f", O_WRONLY), 0, 100), EBADF);
	FAILS(readahead(999, 0, 100), EBADF);
	SAME(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
	FAILS(sync_file_range(fd, 0, 0, 8), EINVAL);
	FAILS(sync_file_range(fd, -1, 0, 0), EINVAL);
	FAILS(sync_file_range(p[1], 0, 0, 0), ESPIPE);
	FAILS(sync_file_range(999, 0, 0, 0), EBADF);
}

static void write_set_id(void)
{
	struct stat st;
	int fd = open("w", O_RDWR);

	EXPECT(fd >= 0);
	SAME(write(fd, "x", 1), 1);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_mode & 07777, 0777);
	SAME(truncate("t", 0), 0);
	SAME(stat("t", &st), 0);
	SAME(st.st_mode & 07777, 0777);
	fd = open("o", O_RDWR | O_TRUNC);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_mode & 07777, 0777);
	fd = open("n", O_WRONLY);
	SAME(write(fd, "x", 1), 1);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_mode & 07777, 0767);
}

/* By number: the C library answers for some of them itself. Of 64 bits the position is one argument. */
static ssize_t writing(int fd, const char *text, off_t at, int flags)
{
	struct iovec v = { (void *)text, strlen(text) };

	return syscall(SYS_pwritev2, fd, &v, 1, at, 0, flags);
}

static ssize_t reading(int fd, char *buf, size_t n, off_t at, int flags)
{
	struct iovec v = { buf, n };

	return syscall(SYS_preadv2, fd, &v, 1, at, 0, flags);
}

CHECK(flags_of_one_read_or_write)
{
	int f = memfd_create("flags", 0), p[2];
	char buf[32];

	SAME(writing(f, "abcdef", 0, RWF_SYNC), 6);
	SAME(writing(f, "X", 1, RWF_DSYNC | RWF_HIPRI), 1);
	/* To the end, wherever that is; a position that was given leaves the file's own alone. */
	SAME(writing(f, "gh", 0, RWF_APPEND), 2);
	SAME(lseek(f, 0, SEEK_CUR), 0);
	SAME(writing(f, "ij", -1, RWF_APPEND), 2);
	SAME(lseek(f, 0, SEEK_CUR), 10);
	SAME(lseek(f, 2, SEEK_SET), 2);
	SAME(reading(f, buf, 3, -1, RWF_HIPRI), 3);
	EXPECT(!memcmp(buf, "cde", 3));
	SAME(lseek(f, 0, SEEK_CUR), 5);
	SAME(reading(f, buf, sizeof(buf), 0, 0), 10);
	EXPECT(!memcmp(buf, "aXcdefghij", 10));
	FAILS(reading(f, buf, 1, 0, 1 << 20), EOPNOTSUPP);
	FAILS(writing(f, "x", 0, 1 << 20), EOPNOTSUPP);
	FAILS(writing(f, "x", -2, 0), EINVAL);
	SAME(pipe(p), 0);
	FAILS(writing(p[1], "x", 0, 0), ESPIPE);
	SAME(writing(p[1], "x", -1, RWF_APPEND | RWF_SYNC), 1);
	SAME(reading(p[0], buf, 9, -1, RWF_HIPRI), 1);
	FAILS(writing(p[0], "x", -1, RWF_SYNC), EBADF);
}

CHECK(set_id_bits_go)
{
	static const char *const names[] = { "w", "t", "o", "c" };
	struct stat st;

	here();
	for (int i = 0; i < 4; i++) {
		put(names[i], "x");
		SAME(chmod(names[i], 06777), 0);
	}
	put("n", "x");
	SAME(chmod("n", 02767), 0);
	as_user(write_set_id);
	SAME(chown("c", 5, 5), 0);
	SAME(stat("c", &st), 0);
	SAME(st.st_mode & 07777, 0777);
	SAME(chmod("n", 06767), 0);
	SAME(chown("n", 5, 5), 0);
	SAME(stat("n", &st), 0);
	SAME(st.st_mode & 07777, 02767);
	/* Root's writes leave them. */
	SAME(chmod("w", 06777), 0);
	put("w", "y");
	SAME(stat("w", &st), 0);
	SAME(st.st_mode & 07777, 06777);
}

static void make_in_foreign_group(void)
{
	struct stat st;

	umask(0);
	close(open("g/f", O_CREAT | O_RDWR, 02775));
	SAME(stat("g/f", &st), 0);
	SAME(st.st_gid, 7);
	SAME(st.st_mode & 07777, 0775);
	SAME(mkdir("g/d", 0755), 0);
	SAME(stat("g/d", &st), 0);
	SAME(st.st_gid, 7);
	SAME(st.st_mode & 07777, 02755);
}

static void sticky_names(void)
{
	FAILS(unlink("s/f"), EPERM);
	FAILS(rename("s/f", "s/g"), EPERM);
	FAILS(rmdir("s/d"), EPERM);
	put("mine", "m");
	FAILS(rename("mine", "s/f"), EPERM);
	SAME(rename("mine", "s/mine"), 0);
	SAME(unlink("s/mine"), 0);
	/* Its ".." would change: the directory itself must be writable. */
	FAILS(rename("open/theirs", "theirs"), EACCES);
	SAME(rename("open/theirs", "open/still"), 0);
}

CHECK(groups_and_sticky_directories)
{
	here();
	SAME(mkdir("g", 0777), 0);
	SAME(chown("g", 0, 7), 0);
	SAME(chmod("g", 02777), 0);
	as_user(make_in_foreign_group);
	SAME(mkdir("s", 0777), 0);
	SAME(chmod("s", 01777), 0);
	put("s/f", "x");
	SAME(mkdir("s/d", 0777), 0);
	SAME(mkdir("open", 0777), 0);
	SAME(chmod("open", 0777), 0);
	SAME(mkdir("open/theirs", 0755), 0);
	as_user(sticky_names);
}

static struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };

static bool read_moves_atime(const char *name, int flags)
{
	struct stat st;
	char c[1024];
	int fd = open(name, O_RDONLY | flags);

	EXPECT(fd >= 0);
	if (flags & O_DIRECTORY)
		EXPECT(syscall(SYS_getdents64, fd, c, sizeof(c)) > 0);
	else
		SAME(read(fd, c, 1), 1);
	close(fd);
	EXPECT(stat(name, &st) == 0);
	return st.st_atim.tv_sec != old[0].tv_sec;
}

CHECK(access_times)
{
	struct timespec later[2];
	struct stat st;

	here();
	put("f", "x");
	SAME(mkdir("d", 0755), 0);
	SAME(utimensat(AT_FDCWD, "f", old, 0), 0);
	EXPECT(!read_moves_atime("f", O_NOATIME));
	EXPECT(read_moves_atime("f", 0));
	/* Later than all changes, and of today: it stays. */
	SAME(stat("f", &st), 0);
	later[0] = st.st_ctim;
	later[0].tv_sec += 1000;
	later[1] = st.st_mtim;
	SAME(utimensat(AT_FDCWD, "f", later, 0), 0);
	old[0] = later[0];
	EXPECT(!read_moves_atime("f", 0));
	SAME(mount(NULL, ".", NULL, MS_REMOUNT | MS_STRICTATIME, NULL), 0);
	EXPECT(read_moves_atime("f", 0));
	old[0].tv_sec = 1000;
	SAME(mount(NULL, ".", NULL, MS_REMOUNT | MS_NOATIME, NULL), 0);
	SAME(utimensat(AT_FDCWD, "f", old, 0), 0);
	EXPECT(!read_moves_atime("f", 0));
	SAME(mount(NULL, ".", NULL, MS_REMOUNT | MS_NODIRATIME, NULL), 0);
	SAME(utimensat(AT_FDCWD, "d", old, 0), 0);
	EXPECT(!read_moves_atime("d", O_DIRECTORY));
	EXPECT(read_moves_atime("f", 0));
	SAME(mount(NULL, ".", NULL, MS_REMOUNT, NULL), 0);
	SAME(utimensat(AT_FDCWD, "d", old, 0), 0);
	EXPECT(!read_moves_atime("d", O_DIRECTORY));
	SAME(mount(NULL, ".", NULL, MS_REMOUNT | MS_RELATIME, NULL), 0);
	EXPECT(read_moves_atime("d", O_DIRECTORY));
}

static void caps_only(unsigned long long caps)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { caps, caps, 0 }, { caps >> 32, caps >> 32, 0 } };

	EXPECT(syscall(SYS_capset, &h, d) == 0);
}

CHECK(capabilities_about_files)
{
	pid_t pid;

	here();
	put("closed", "x");
	SAME(chmod("closed", 0), 0);
	put("theirs", "x");
	SAME(chown("theirs", 1000, 1000), 0);
	SAME(mkdir("sticky", 0777), 0);
	SAME(chmod("sticky", 01777), 0);
	SAME(chown("sticky", 1000, 1000), 0);
	put("sticky/f", "x");
	SAME(chown("sticky/f", 1000, 1000), 0);
	SAME(mkdir("private", 0700), 0);
	SAME(chown("private", 1000, 1000), 0);
	pid = fork();
	if (!pid) {
		caps_only(1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER);
		EXPECT(open("closed", O_RDONLY) >= 0);
		FAILS(open("closed", O_WRONLY), EACCES);
		SAME(access("private/none", F_OK), -1);
		SAME(errno, ENOENT);
		FAILS(mkdir("private/d", 0755), EACCES);
		FAILS(chown("theirs", 0, 0), EPERM);
		SAME(chmod("theirs", 0640), 0);
		caps_only(1ull << CAP_FOWNER);
		FAILS(open("closed", O_RDONLY), EACCES);
		FAILS(access("private/none", F_OK), EACCES);
		SAME(unlink("sticky/f"), 0);
		put("sticky/f", "x");
		caps_only(0);
		FAILS(chmod("theirs", 0600), EPERM);
		FAILS(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
		FAILS(rename("theirs", "sticky"), EISDIR);
		SAME(unlink("sticky/f"), 0);
		_exit(0);
	}
	child_ok(pid);
	pid = fork();
	if (!pid) {
		setfsuid(1000);
		FAILS(open("closed", O_RDONLY), EACCES);
		FAILS(chown("theirs", 0, 0), EPERM);
		SAME(access("private", X_OK), 0);
		setfsuid(0);
		EXPECT(open("closed", O_RDWR) >= 0);
		_exit(0);
	}
	child_ok(pid);
}

CHECK(each_name_adds_to_its_directory)
{
	struct stat st;

	SAME(mkdir("/tmp/sizes", 0700), 0);
	SAME(stat("/tmp/sizes", &st), 0);
	SAME(st.st_size, 40);
	SAME(mkdir("/tmp/sizes/d", 0700), 0);
	SAME(symlink("x", "/tmp/sizes/s"), 0);
	SAME(mknod("/tmp/sizes/f", S_IFREG | 0600, 0), 0);
	SAME(link("/tmp/sizes/f", "/tmp/sizes/d/f"), 0);
	SAME(stat("/tmp/sizes", &st), 0);
	SAME(st.st_size, 100);
	SAME(rename("/tmp/sizes/s", "/tmp/sizes/d/f"), 0);
	SAME(stat("/tmp/sizes/d", &st), 0);
	SAME(st.st_size, 60);
	SAME(unlink("/tmp/sizes/d/f") | rmdir("/tmp/sizes/d"), 0);
	SAME(stat("/tmp/sizes", &st), 0);
	SAME(st.st_size, 60);
	SAME(unlink("/tmp/sizes/f") | rmdir("/tmp/sizes"), 0);
}

CHECK(what_is_there_of_a_buffer_is_written)
{
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = at + 4096;
	struct iovec parts[2] = { { at, 10 }, { end, 10 } };
	int fd = open("/tmp/half", O_CREAT | O_TRUNC | O_RDWR, 0600);
	char back[4096];

	memset(at, 'x', 4096);
	SAME(munmap(end, 4096), 0);
	SAME(write(fd, end - 100, 200), 100);
	FAILS(write(fd, end, 1), EFAULT);
	SAME(writev(fd, parts, 2), 10);
	/* A page that there was none of: the rest of it is zeros. */
	SAME(pwrite(fd, end - 100, 4096, 8192), 100);
	SAME(lseek(fd, 0, SEEK_END), 8292);
	SAME(ftruncate(fd, 3 * 4096), 0);
	SAME(pread(fd, back, sizeof(back), 8192), 4096);
	for (int i = 0; i < 4096; i++)
		SAME(back[i], i < 100 ? 'x' : 0);
	unlink("/tmp/half");
}
