/*
 * Files, names and mounts as programs see them: what man pages promise, with
 * the edges. Runs as root in a tmpfs of its own below /tmp.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Each check gets an empty directory and works in it. */
static void here(void)
{
	static char dir[] = "/tmp/files.XXXXXX";

	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	EXPECT(mkdtemp(dir));
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
	char buf[8192];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

/* In a child as uid 1000. */
static void as_user(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	EXPECT(pid >= 0);
	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		fn();
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(open_flags)
{
	struct stat st;
	int fd;

	here();
	fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0664);
	EXPECT(fd >= 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_mode, S_IFREG | 0644);
	FAILS(open("f", O_RDWR | O_CREAT | O_EXCL, 0664), EEXIST);
	FAILS(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("f/", O_RDONLY), ENOTDIR);
	FAILS(open("none/f", O_RDONLY | O_CREAT, 0644), ENOENT);
	FAILS(open(".", O_WRONLY), EISDIR);
	FAILS(open("", O_RDONLY), ENOENT);
	FAILS(open(nowhere, O_RDONLY), EFAULT);
	FAILS(read(fd, nowhere, 0) + (write(fd, "x", 1) - 1) + pread(fd, nowhere, 1, 0), EFAULT);
	close(fd);
	fd = open("f", O_RDONLY);
	FAILS(write(fd, "x", 1), EBADF);
	close(fd);
	fd = open("f", O_WRONLY);
	FAILS(read(fd, &st, 1), EBADF);
	close(fd);
	FAILS(read(fd, &st, 1), EBADF);
	fd = open("f", O_PATH);
	EXPECT(fd >= 0);
	FAILS(read(fd, &st, 1), EBADF);
	SAME(fstat(fd, &st), 0);
	close(fd);
	fd = open(".", O_RDONLY);
	FAILS(read(fd, &st, 1), EISDIR);
}

CHECK(positions)
{
	char buf[16];
	struct iovec v[3] = { { buf, 2 }, { buf + 2, 0 }, { buf + 2, 4 } };
	int fd, pipe_ends[2];

	here();
	put("f", "0123456789");
	fd = open("f", O_RDWR);
	SAME(lseek(fd, 4, SEEK_SET), 4);
	SAME(read(fd, buf, 2), 2);
	EXPECT(!memcmp(buf, "45", 2));
	SAME(lseek(fd, 0, SEEK_CUR), 6);
	SAME(lseek(fd, -1, SEEK_END), 9);
	SAME(pread(fd, buf, 3, 1), 3);
	SAME(lseek(fd, 0, SEEK_CUR), 9);
	FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	FAILS(lseek(fd, 0, 99), EINVAL);
	FAILS(pread(fd, buf, 1, -1), EINVAL);
	SAME(preadv(fd, v, 3, 2), 6);
	EXPECT(!memcmp(buf, "234567", 6));
	SAME(pwrite(fd, "end", 3, 20), 3);
	SAME(lseek(fd, 0, SEEK_END), 23);
	SAME(pread(fd, buf, 16, 9), 14);
	EXPECT(buf[0] == '9' && !buf[1] && !buf[10] && !memcmp(buf + 11, "end", 3));
	/* A position shared by dup and fork, not by another open. */
	SAME(lseek(fd, 3, SEEK_SET), 3);
	SAME(lseek(dup(fd), 0, SEEK_CUR), 3);
	SAME(lseek(open("f", O_RDONLY), 0, SEEK_CUR), 0);
	/* Appending ignores it. */
	fd = open("f", O_WRONLY | O_APPEND);
	SAME(write(fd, "!", 1), 1);
	SAME(lseek(fd, 0, SEEK_CUR), 24);
	SAME(pipe(pipe_ends), 0);
	FAILS(lseek(pipe_ends[0], 0, SEEK_CUR), ESPIPE);
	FAILS(pread(pipe_ends[0], buf, 1, 0), ESPIPE);
}

CHECK(truncation)
{
	struct stat st;
	char buf[8] = "1234567";
	int fd;

	here();
	put("f", "0123456789");
	SAME(truncate("f", 4), 0);
	EXPECT(holds("f", "0123"));
	SAME(truncate("f", 8), 0);
	fd = open("f", O_RDWR);
	SAME(read(fd, buf, 8), 8);
	EXPECT(!memcmp(buf, "0123\0\0\0\0", 8));
	SAME(ftruncate(fd, 1ull << 40), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 1ull << 40);
	EXPECT(st.st_blocks < 1000 || st.st_blocks == (1ll << 31));
	FAILS(ftruncate(fd, -1), EINVAL);
	FAILS(ftruncate(open("f", O_RDONLY), 0), EINVAL);
	FAILS(truncate(".", 0), EISDIR);
	close(open("f", O_WRONLY | O_TRUNC));
	SAME(stat("f", &st), 0);
	SAME(st.st_size, 0);
}

CHECK(links)
{
	struct stat a, b;
	char buf[16];

	here();
	put("f", "text");
	SAME(link("f", "g"), 0);
	SAME(stat("f", &a), 0);
	SAME(stat("g", &b), 0);
	SAME(a.st_ino, b.st_ino);
	SAME(a.st_nlink, 2);
	FAILS(link("f", "g"), EEXIST);
	SAME(mkdir("d", 0755), 0);
	FAILS(link("d", "e"), EPERM);
	SAME(unlink("f"), 0);
	EXPECT(holds("g", "text"));
	SAME(symlink("g", "s"), 0);
	SAME(lstat("s", &a), 0);
	EXPECT(S_ISLNK(a.st_mode));
	SAME(a.st_size, 1);
	SAME(readlink("s", buf, sizeof(buf)), 1);
	FAILS(readlink("g", buf, sizeof(buf)), EINVAL);
	EXPECT(holds("s", "text"));
	FAILS(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	SAME(linkat(AT_FDCWD, "s", AT_FDCWD, "hard-s", 0), 0);
	SAME(lstat("hard-s", &b), 0);
	EXPECT(S_ISLNK(b.st_mode));
	SAME(symlink("loop", "loop"), 0);
	FAILS(stat("loop", &a), ELOOP);
	SAME(lstat("loop", &a), 0);
	FAILS(stat("g/.", &a), ENOTDIR);
}

CHECK(directories)
{
	char cwd[256];
	struct stat st;

	here();
	SAME(mkdir("d", 0777), 0);
	SAME(stat("d", &st), 0);
	SAME(st.st_mode, S_IFDIR | 0755);
	SAME(st.st_nlink, 2);
	FAILS(mkdir("d", 0777), EEXIST);
	FAILS(mkdir("d/", 0777), EEXIST);
	SAME(mkdir("d/e/", 0777), 0);
	SAME(stat("d", &st), 0);
	SAME(st.st_nlink, 3);
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(rmdir("d/."), EINVAL);
	FAILS(unlink("d"), EISDIR);
	SAME(chdir("d/e"), 0);
	EXPECT(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd + strlen(cwd) - 4, "/d/e"));
	FAILS(syscall(SYS_getcwd, cwd, 3), ERANGE);
	/* A directory that is somebody's working directory can go; nothing is found there then. */
	SAME(rmdir("../e"), 0);
	FAILS(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENOENT);
	FAILS(open("x", O_CREAT | O_WRONLY, 0644), ENOENT);
	SAME(chdir(".."), 0);
	SAME(chdir(".."), 0);
	SAME(rmdir("d"), 0);
	put("f", "");
	FAILS(rmdir("f"), ENOTDIR);
	FAILS(chdir("f"), ENOTDIR);
}

CHECK(renaming)
{
	here();
	put("a", "a");
	put("b", "b");
	SAME(rename("a", "b"), 0);
	EXPECT(holds("b", "a"));
	FAILS(access("a", F_OK), ENOENT);
	FAILS(rename("a", "c"), ENOENT);
	SAME(mkdir("d", 0755), 0);
	SAME(mkdir("e", 0755), 0);
	SAME(mkdir("e/sub", 0755), 0);
	FAILS(rename("d", "e"), ENOTEMPTY);
	FAILS(rename("e", "e/sub/x"), EINVAL);
	FAILS(rename("e", "b"), ENOTDIR);
	FAILS(rename("b", "e"), EISDIR);
	SAME(rename("e", "d"), 0);
	SAME(access("d/sub", F_OK), 0);
	put("n", "n");
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "n", AT_FDCWD, "b", 1), EEXIST);
	SAME(link("b", "same"), 0);
	SAME(rename("b", "same"), 0);		/* two names of one file: both stay */
	SAME(access("b", F_OK), 0);
}

CHECK(reading_directories)
{
	char name[32], buf[256];
	struct dirent *e;
	int seen = 0, dots = 0, fd;
	DIR *d;

	here();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		put(name, "");
	}
	d = opendir(".");
	EXPECT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			dots++;
		else
			seen++;
		EXPECT(e->d_type == (e->d_name[0] == '.' ? DT_DIR : DT_REG));
	}
	SAME(seen, 500);
	SAME(dots, 2);
	/* Taking names away while reading hides no other. */
	rewinddir(d);
	seen = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		seen++;
		SAME(unlink(e->d_name), 0);
	}
	SAME(seen, 500);
	closedir(d);
	fd = open(".", O_RDONLY);
	FAILS(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	FAILS(syscall(SYS_getdents64, fd, nowhere, 256), EFAULT);
	FAILS(syscall(SYS_getdents64, open("/dev/null", O_RDONLY), buf, sizeof(buf)), ENOTDIR);
}

CHECK(names_below_a_descriptor)
{
	struct stat st;
	int d;

	here();
	SAME(mkdir("d", 0755), 0);
	d = open("d", O_RDONLY | O_DIRECTORY);
	SAME(mkdirat(d, "sub", 0755), 0);
	EXPECT(openat(d, "sub/f", O_CREAT | O_WRONLY, 0644) >= 0);
	SAME(fstatat(d, "sub/f", &st, 0), 0);
	SAME(symlinkat("sub/f", d, "l"), 0);
	SAME(faccessat(d, "l", R_OK, 0), 0);
	SAME(renameat(d, "l", AT_FDCWD, "l"), 0);
	FAILS(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW), ENOENT);
	SAME(unlinkat(d, "sub/f", 0), 0);
	FAILS(unlinkat(d, "sub", 0), EISDIR);
	SAME(unlinkat(d, "sub", AT_REMOVEDIR), 0);
	SAME(fchdir(d), 0);
	SAME(fstatat(d, "", &st, AT_EMPTY_PATH), 0);
	EXPECT(S_ISDIR(st.st_mode));
	FAILS(mkdirat(99, "x", 0755), EBADF);
	FAILS(mkdirat(open("/dev/null", O_RDONLY), "x", 0755), ENOTDIR);
	SAME(fstatat(99, "/", &st, 0), 0);
}

CHECK(long_paths)
{
	static char path[5000];
	char name[300];

	here();
	memset(name, 'n', 255);
	name[255] = 0;
	SAME(mkdir(name, 0755), 0);
	SAME(rmdir(name), 0);
	memset(name, 'n', 256);
	name[256] = 0;
	FAILS(mkdir(name, 0755), ENAMETOOLONG);
	memset(path, '/', 4096);
	FAILS(access(path, F_OK), ENAMETOOLONG);
	path[4095] = 0;
	SAME(access(path, F_OK), 0);
}

static void rights_of_a_user(void)
{
	struct stat st;

	FAILS(open("private", O_RDONLY), EACCES);
	FAILS(open("dir/x", O_RDONLY), EACCES);
	FAILS(access("private", R_OK), EACCES);
	SAME(access("private", F_OK), 0);
	FAILS(open("new", O_CREAT | O_WRONLY, 0644), EACCES);
	FAILS(unlink("private"), EACCES);
	FAILS(chmod("private", 0777), EPERM);
	FAILS(chown("public", 1000, 1000), EPERM);
	FAILS(mknod("/tmp/null2", S_IFCHR | 0666, 0x103), EPERM);
	FAILS(mount("none", "/mnt", "tmpfs", 0, NULL), EPERM);
	FAILS(chroot("/"), EPERM);
	SAME(utimensat(AT_FDCWD, "writable", NULL, 0), 0);
	FAILS(utimensat(AT_FDCWD, "writable", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0), EPERM);
	/* In a sticky directory only one's own names can be taken. */
	FAILS(unlink("sticky/roots"), EPERM);
	EXPECT(open("sticky/mine", O_CREAT | O_WRONLY, 0644) >= 0);
	SAME(stat("sticky/mine", &st), 0);
	SAME(st.st_uid, 1000);
	SAME(unlink("sticky/mine"), 0);
}

CHECK(rights)
{
	struct stat st;

	here();
	SAME(chmod(".", 0755), 0);
	put("private", "x");
	put("public", "x");
	put("writable", "x");
	SAME(chmod("private", 0600), 0);
	SAME(chmod("writable", 0666), 0);
	SAME(mkdir("dir", 0700), 0);
	put("dir/x", "x");
	SAME(mkdir("sticky", 0755), 0);
	SAME(chmod("sticky", 01777), 0);
	put("sticky/roots", "x");
	as_user(rights_of_a_user);
	/* Set-id bits go with a change of owner. */
	SAME(chmod("public", 06755), 0);
	SAME(chown("public", 5, 6), 0);
	SAME(stat("public", &st), 0);
	SAME(st.st_mode, S_IFREG | 0755);
	SAME(st.st_uid, 5);
	SAME(st.st_gid, 6);
	SAME(chown("public", -1, 7), 0);
	SAME(stat("public", &st), 0);
	SAME(st.st_uid, 5);
	SAME(st.st_gid, 7);
	/* A group's directory gives its group on. */
	SAME(chown("dir", 0, 42), 0);
	SAME(chmod("dir", 02755), 0);
	SAME(mkdir("dir/sub", 0755), 0);
	SAME(stat("dir/sub", &st), 0);
	SAME(st.st_gid, 42);
	EXPECT(st.st_mode & S_ISGID);
}

CHECK(times)
{
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat st;
	unsigned long long x[32];	/* struct statx, which musl does not have: [5] size, [8] seconds of the access time */

	here();
	put("f", "x");
	SAME(utimensat(AT_FDCWD, "f", ts, 0), 0);
	SAME(stat("f", &st), 0);
	SAME(st.st_atim.tv_sec, 1000);
	SAME(st.st_atim.tv_nsec, 5);
	SAME(st.st_mtim.tv_sec, 2000);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	SAME(utimensat(AT_FDCWD, "f", ts, 0), 0);
	SAME(stat("f", &st), 0);
	SAME(st.st_atim.tv_sec, 1000);
	EXPECT(st.st_mtim.tv_sec > 2000);
	ts[0].tv_nsec = 1000000000;
	FAILS(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	SAME(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, x), 0);
	SAME(x[5], 1);
	SAME(x[8], 1000);
	SAME(futimens(open("f", O_RDONLY), NULL), 0);
}

CHECK(descriptors)
{
	int a, b, fds[2];

	here();
	put("f", "x");
	a = open("f", O_RDONLY | O_CLOEXEC);
	SAME(fcntl(a, F_GETFD), FD_CLOEXEC);
	b = fcntl(a, F_DUPFD, 50);
	SAME(b, 50);
	SAME(fcntl(b, F_GETFD), 0);
	SAME(fcntl(a, F_DUPFD_CLOEXEC, 50), 51);
	SAME(dup2(a, a), a);
	SAME(dup2(a, 60), 60);
	FAILS(dup2(99, 61), EBADF);
	FAILS(dup3(a, a, 0), EINVAL);
	FAILS(fcntl(a, F_DUPFD, 1 << 30), EINVAL);
	SAME(close(60), 0);
	FAILS(close(60), EBADF);
	SAME(fcntl(a, F_GETFL) & O_ACCMODE, O_RDONLY);
	SAME(pipe2(fds, O_NONBLOCK), 0);
	EXPECT(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	SAME(fcntl(fds[0], F_SETFL, 0), 0);
	EXPECT(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
	FAILS(fcntl(a, 9999, 0), EINVAL);
	SAME(syscall(SYS_close_range, 50, 60, 0), 0);
	FAILS(fcntl(50, F_GETFD), EBADF);
}

CHECK(locks_that_wait_for_each_other)
{
	struct flock first = { .l_type = F_WRLCK, .l_len = 1 }, second = { .l_type = F_WRLCK, .l_start = 1, .l_len = 1 };
	int fd = open("/tmp/circle", O_RDWR | O_CREAT | O_TRUNC, 0600), go[2], failed = 0;
	char c;
	pid_t pid;

	EXPECT(fd >= 0 && pipe(go) == 0);
	SAME(fcntl(fd, F_SETLK, &first), 0);
	pid = fork();
	if (!pid) {
		SAME(fcntl(fd, F_SETLK, &second), 0);
		SAME(write(go[1], "", 1), 1);
		/* Whoever comes second to it is told, and lets the other one go on. */
		if (fcntl(fd, F_SETLKW, &first)) {
			SAME(errno, EDEADLK);
			_exit(1);
		}
		_exit(0);
	}
	SAME(read(go[0], &c, 1), 1);
	if (fcntl(fd, F_SETLKW, &second)) {
		SAME(errno, EDEADLK);
		failed++;
	}
	first.l_type = F_UNLCK;
	SAME(fcntl(fd, F_SETLK, &first), 0);
	{
		int status;

		SAME(waitpid(pid, &status, 0), pid);
		EXPECT(WIFEXITED(status));
		failed += WEXITSTATUS(status);
	}
	SAME(failed, 1);
	unlink("/tmp/circle");
}

CHECK(locks_are_listed)
{
	struct flock part = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 }, open_file = { .l_type = F_RDLCK, .l_start = 100 };
	int fd = open("/tmp/listed", O_RDWR | O_CREAT | O_TRUNC, 0600), other = open("/tmp/listed", O_RDWR), found = 0, n, pid;
	char kind[16], how[16], type[16], where[64], start[32], end[32], line[200], tail[64];
	struct stat st;
	FILE *f;

	SAME(fcntl(fd, F_SETLK, &part), 0);
	SAME(fcntl(other, F_OFD_SETLK, &open_file), 0);
	SAME(flock(fd, LOCK_SH), 0);
	SAME(fstat(fd, &st), 0);
	snprintf(tail, sizeof(tail), ":%llu", (unsigned long long)st.st_ino);
	f = fopen("/proc/locks", "r");
	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		SAME(sscanf(line, "%d: %15s %15s %15s %d %63s %31s %31s", &n, kind, how, type, &pid, where, start, end), 8);
		if (strlen(where) < strlen(tail) || strcmp(where + strlen(where) - strlen(tail), tail))
			continue;
		EXPECT(!strcmp(how, "ADVISORY"));
		if (!strcmp(kind, "POSIX") && !strcmp(type, "WRITE") && pid == getpid() && atoi(start) == 10 && atoi(end) == 14)
			found |= 1;
		if (!strcmp(kind, "OFDLCK") && !strcmp(type, "READ") && atoi(start) == 100 && !strcmp(end, "EOF"))
			found |= 2;
		if (!strcmp(kind, "FLOCK") && !strcmp(type, "READ") && pid == getpid() && atoi(start) == 0 && !strcmp(end, "EOF"))
			found |= 4;
	}
	fclose(f);
	SAME(found, 7);
	/* Who waits is listed under the lock that is in the way. */
	int waiter = fork(), after = 0;

	if (!waiter) {
		SAME(fcntl(fd, F_SETLKW, &part), 0);
		_exit(0);
	}
	for (found = 0; !found; fclose(f)) {
		f = fopen("/proc/locks", "r");
		while (fgets(line, sizeof(line), f)) {
			after = sscanf(line, "%d: -> %15s %15s %15s %d", &n, kind, how, type, &pid) == 5 ? after : n;
			if (strstr(line, "->") && pid == waiter) {
				EXPECT(after == n && !strcmp(kind, "POSIX") && !strcmp(type, "WRITE"));
				found = 1;
			}
		}
	}
	part.l_type = F_UNLCK;
	SAME(fcntl(fd, F_SETLK, &part), 0);
	child_ok(waiter);
	unlink("/tmp/listed");
}

CHECK(locks)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	int a, b, status;
	pid_t pid;

	here();
	put("f", "x");
	a = open("f", O_RDWR);
	b = open("f", O_RDWR);
	SAME(flock(a, LOCK_EX), 0);
	FAILS(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	SAME(flock(a, LOCK_SH), 0);
	SAME(flock(b, LOCK_SH | LOCK_NB), 0);
	SAME(flock(a, LOCK_UN), 0);
	SAME(flock(b, LOCK_EX | LOCK_NB), 0);
	close(b);
	SAME(flock(a, LOCK_EX | LOCK_NB), 0);

	SAME(fcntl(a, F_SETLK, &l), 0);
	pid = fork();
	if (!pid) {
		struct flock mine = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5 };

		SAME(fcntl(a, F_SETLK, &mine), 0);
		mine.l_len = 11;
		FAILS(fcntl(a, F_SETLK, &mine), EAGAIN);
		SAME(fcntl(a, F_GETLK, &mine), 0);
		SAME(mine.l_type, F_WRLCK);
		SAME(mine.l_pid, getppid());
		SAME(mine.l_start, 10);
		SAME(mine.l_len, 10);
		mine = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1 };
		SAME(fcntl(a, F_SETLKW, &mine), 0);	/* until the parent lets go */
		_exit(0);
	}
	usleep(20000);
	/* Letting go of the middle leaves both ends. */
	l.l_start = 14;
	l.l_len = 2;
	l.l_type = F_UNLCK;
	SAME(fcntl(a, F_SETLK, &l), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
	/* Any close of the file ends a process's record locks. */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	SAME(fcntl(a, F_SETLK, &l), 0);
	close(open("f", O_RDONLY));
	pid = fork();
	if (!pid) {
		SAME(fcntl(a, F_SETLK, &l), 0);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(shared_mappings)
{
	char *p, *q, buf[8];
	int fd, status;
	pid_t pid;

	here();
	fd = open("f", O_RDWR | O_CREAT, 0644);
	SAME(ftruncate(fd, 8192), 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(p != MAP_FAILED);
	strcpy(p + 4096, "mapped");
	SAME(pread(fd, buf, 7, 4096), 7);
	EXPECT(!strcmp(buf, "mapped"));
	SAME(pwrite(fd, "written", 8, 0), 8);
	EXPECT(!strcmp(p, "written"));
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	strcpy(q, "private");
	EXPECT(!strcmp(p, "written"));
	pid = fork();
	if (!pid) {
		strcpy(p, "child");
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(!strcmp(p, "child"));
	/* Names and descriptors may go, the mapping stays. */
	SAME(unlink("f"), 0);
	close(fd);
	EXPECT(!strcmp(p + 4096, "mapped"));
	FAILS((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(".", O_RDONLY), 0), ENODEV);
}

CHECK(sending_files)
{
	char buf[100];
	off_t at = 2;
	int in, out, fds[2];

	here();
	put("f", "0123456789");
	in = open("f", O_RDONLY);
	out = open("g", O_RDWR | O_CREAT, 0644);
	SAME(sendfile(out, in, &at, 5), 5);
	SAME(at, 7);
	SAME(lseek(in, 0, SEEK_CUR), 0);
	EXPECT(holds("g", "23456"));
	SAME(pipe(fds), 0);
	SAME(sendfile(fds[1], in, NULL, 100), 10);
	SAME(lseek(in, 0, SEEK_CUR), 10);
	SAME(read(fds[0], buf, sizeof(buf)), 10);
	SAME(sendfile(fds[1], in, NULL, 100), 0);
	FAILS(sendfile(in, in, NULL, 1), EBADF);
	FAILS(sendfile(fds[1], fds[0], NULL, 1), EINVAL);
}

CHECK(fifos)
{
	struct stat st;
	char c;
	int r, w;
	pid_t pid;

	here();
	SAME(mkfifo("p", 0600), 0);
	SAME(stat("p", &st), 0);
	EXPECT(S_ISFIFO(st.st_mode));
	FAILS(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	r = open("p", O_RDONLY | O_NONBLOCK);
	EXPECT(r >= 0);
	SAME(read(r, &c, 1), 0);
	w = open("p", O_WRONLY);
	FAILS(read(r, &c, 1), EAGAIN);
	SAME(write(w, "x", 1), 1);
	SAME(read(r, &c, 1), 1);
	close(r);
	close(w);
	pid = fork();
	if (!pid) {
		w = open("p", O_WRONLY);
		SAME(write(w, "y", 1), 1);
		_exit(0);
	}
	r = open("p", O_RDONLY);
	SAME(read(r, &c, 1), 1);
	EXPECT(c == 'y');
}

CHECK(mounts)
{
	struct statfs fs;
	struct stat st;
	char line[512];
	bool found = false;
	FILE *m;
	int fd;

	here();
	SAME(mkdir("m", 0755), 0);
	put("m/below", "x");
	FAILS(mount("none", "m", "nosuch", 0, NULL), ENODEV);
	FAILS(mount("none", "missing", "tmpfs", 0, NULL), ENOENT);
	SAME(mount("a name", "m", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=711"), 0);
	FAILS(access("m/below", F_OK), ENOENT);
	SAME(stat("m", &st), 0);
	SAME(st.st_mode, S_IFDIR | 0711);
	SAME(statfs("m", &fs), 0);
	SAME(fs.f_type, 0x01021994);
	SAME(fs.f_blocks * fs.f_bsize, 1 << 20);
	m = fopen("/proc/self/mounts", "r");
	EXPECT(m);
	while (fgets(line, sizeof(line), m))
		found |= strstr(line, "a\\040name ") && strstr(line, "/m tmpfs rw,nosuid,nodev");
	EXPECT(found);
	fclose(m);
	FAILS(rename("m", "n"), EBUSY);
	FAILS(rmdir("m"), EBUSY);
	put("m/f", "x");
	FAILS(rename("m/f", "f"), EXDEV);
	fd = open("m/f", O_RDONLY);
	FAILS(umount("m"), EBUSY);
	close(fd);
	SAME(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY | MS_NODEV, NULL), 0);
	FAILS(open("m/f", O_WRONLY), EROFS);
	FAILS(mkdir("m/d", 0755), EROFS);
	SAME(mknod("null", S_IFCHR | 0666, 0x103), 0);
	SAME(mount("null", "m/f", NULL, MS_BIND, NULL), 0);
	FAILS(umount("m"), EBUSY);
	SAME(umount("m/f"), 0);
	SAME(umount("m"), 0);
	SAME(access("m/below", F_OK), 0);
	FAILS(umount("m"), EINVAL);
	/* Bound: the same files at another place. */
	SAME(mkdir("b", 0755), 0);
	SAME(mount("m", "b", NULL, MS_BIND, NULL), 0);
	EXPECT(holds("b/below", "x"));
	put("b/new", "y");
	EXPECT(holds("m/new", "y"));
	SAME(umount2("b", MNT_DETACH), 0);
}

CHECK(devices)
{
	char buf[16] = "xxxxxxxxxxxxxxx";
	int fd;

	here();
	fd = open("/dev/null", O_RDWR);
	SAME(write(fd, buf, 16), 16);
	SAME(read(fd, buf, 16), 0);
	fd = open("/dev/zero", O_RDWR);
	SAME(read(fd, buf, 16), 16);
	EXPECT(!buf[0] && !buf[15]);
	fd = open("/dev/full", O_RDWR);
	FAILS(write(fd, buf, 16), ENOSPC);
	fd = open("/dev/urandom", O_RDONLY);
	SAME(read(fd, buf, 16), 16);
	EXPECT(memcmp(buf, "\0\0\0\0\0\0\0\0", 8));
	FAILS(ioctl(fd, 0x5401, buf), EINVAL);
	FAILS(ioctl(open("/dev/null", O_RDWR), 0x5401, buf), ENOTTY);
	/* By number, wherever the node is, but not where a mount forbids devices. */
	SAME(mkdir("m", 0755), 0);
	SAME(mount("none", "m", "tmpfs", 0, NULL), 0);
	SAME(mknod("m/zero", S_IFCHR | 0666, 0x105), 0);
	fd = open("m/zero", O_RDONLY);
	SAME(read(fd, buf, 16), 16);
	close(fd);
	SAME(mknod("m/nobody", S_IFCHR | 0666, 0xfff05), 0);
	FAILS(open("m/nobody", O_RDONLY), ENXIO);
	SAME(mount(NULL, "m", NULL, MS_REMOUNT | MS_NODEV, NULL), 0);
	FAILS(open("m/zero", O_RDONLY), EACCES);
	SAME(umount("m"), 0);
}

CHECK(process_files)
{
	char path[64], link[256], own[256];
	int fd;
	ssize_t n;

	here();
	put("f", "x");
	fd = open("f", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	EXPECT(n > 0);
	link[n] = 0;
	EXPECT(getcwd(own, sizeof(own)));
	strcat(own, "/f");
	EXPECT(!strcmp(link, own));
	EXPECT(open(path, O_RDONLY) >= 0);
	SAME(unlink("f"), 0);
	n = readlink(path, link, sizeof(link) - 1);
	link[n] = 0;
	EXPECT(strstr(link, " (deleted)"));
	EXPECT(open(path, O_RDONLY) >= 0);	/* the file is still there */
	n = readlink("/proc/self", link, sizeof(link) - 1);
	link[n] = 0;
	SAME(atoi(link), getpid());
	FAILS(open("/proc/self/nosuch", O_RDONLY), ENOENT);
	FAILS(open("/proc/999999", O_RDONLY), ENOENT);
	FAILS(open("/proc/new", O_CREAT | O_WRONLY, 0644), ENOENT);
	FAILS(mkdir("/proc/new", 0755), ENOENT);
}

CHECK(roots)
{
	char cwd[64], link[64], name[64];
	struct stat st;
	int status, fd;
	pid_t pid;

	here();
	SAME(mkdir("r", 0755), 0);
	SAME(mkdir("r/in", 0755), 0);
	put("outside", "x");
	SAME(mkdir("r/proc", 0755), 0);
	SAME(mount("proc", "r/proc", "proc", 0, NULL), 0);
	fd = open("/dev/null", O_RDONLY);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	pid = fork();
	if (!pid) {
		/* The working directory says that the root does not contain it; a link of /proc just names the file. */
		SAME(chroot("r"), 0);
		SAME(syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0, 1);
		EXPECT(!strncmp(cwd, "(unreachable)/", 14));
		SAME(readlink(link, name, sizeof(name)), 9);
		EXPECT(!memcmp(name, "/dev/null", 9));
		EXPECT(lstat(link, &st) == 0 && st.st_size == 64 && st.st_mode == (S_IFLNK | 0500));
		SAME(chdir("/in"), 0);
		EXPECT(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/in"));
		FAILS(access("/outside", F_OK), ENOENT);
		FAILS(access("/../../../outside", F_OK), ENOENT);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(umount("r/proc"), 0);
	SAME(close(fd), 0);
	SAME(status, 0);
}

CHECK(a_deep_tree_can_be_made_and_taken)
{
	here();
	for (int i = 0; i < 600; i++) {
		SAME(mkdir("deeper", 0755), 0);
		SAME(chdir("deeper"), 0);
	}
	for (int i = 0; i < 600; i++) {
		SAME(chdir(".."), 0);
		SAME(rmdir("deeper"), 0);
	}
}
