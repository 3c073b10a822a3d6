/*
 * Mounts and limits of files: read-only ones, bound and moved ones, another
 * root, programs that may be executed but not read, RLIMIT_FSIZE. Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

static void here(void)
{
	static char dir[] = "/tmp/mounts.XXXXXX";

	EXPECT(mkdtemp(dir));
	EXPECT(mount("none", dir, "tmpfs", 0, "size=8m,mode=777") == 0);
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

/* Is there a line with both in it? */
static bool file_has(const char *name, const char *a, const char *b)
{
	char line[1024];
	FILE *f = fopen(name, "r");
	bool found = false;

	EXPECT(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, a) && strstr(line, b);
	fclose(f);
	return found;
}

CHECK(read_only_for_all_and_for_one_place)
{
	struct statfs fs;
	int fd;

	here();
	SAME(mkdir("m", 0755), 0);
	SAME(mkdir("b", 0755), 0);
	SAME(mount("ro-test", "m", "tmpfs", MS_NOEXEC, NULL), 0);
	put("m/f", "x");
	SAME(mount("m", "b", NULL, MS_BIND, NULL), 0);
	SAME(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	FAILS(open("b/f", O_WRONLY), EROFS);
	put("m/f", "y");
	SAME(statfs("b", &fs), 0);
	EXPECT(fs.f_flags & ST_RDONLY);
	EXPECT(!(fs.f_flags & ST_NOEXEC));
	SAME(statfs("m", &fs), 0);
	EXPECT(!(fs.f_flags & ST_RDONLY) && (fs.f_flags & ST_NOEXEC) && (fs.f_flags & ST_RELATIME));
	SAME(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	put("b/f", "z");
	fd = open("m/f", O_RDWR);
	FAILS(mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	FAILS(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
	SAME(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	close(fd);
	SAME(mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	FAILS(open("m/f", O_WRONLY), EROFS);
	FAILS(mkdir("m/d", 0755), EROFS);
	FAILS(chmod("m/f", 0600), EROFS);
	FAILS(access("m/f", W_OK), EROFS);
	EXPECT(file_has("/proc/self/mounts", "ro-test", " ro,"));
	SAME(mount(NULL, "m", NULL, MS_REMOUNT, NULL), 0);
	put("m/f", "z");
	SAME(umount("b"), 0);
	SAME(umount("m"), 0);
	SAME(mount("none", "m", "tmpfs", MS_RDONLY, NULL), 0);
	FAILS(mkdir("m/d", 0755), EROFS);
	FAILS(mount("none", "m/none", "tmpfs", 0, NULL), ENOENT);
}

CHECK(bound_and_moved)
{
	here();
	SAME(mkdir("a", 0755), 0);
	SAME(mkdir("a/deep", 0755), 0);
	put("a/deep/f", "x");
	SAME(mkdir("b", 0755), 0);
	SAME(mkdir("c", 0755), 0);
	SAME(mount("none", "a/deep", "tmpfs", 0, NULL), 0);
	put("a/deep/over", "x");
	SAME(mount("a", "b", NULL, MS_BIND, NULL), 0);
	SAME(access("b/deep/f", F_OK), 0);
	EXPECT(file_has("/proc/self/mountinfo", " /a ", "/b "));
	SAME(mount("a", "c", NULL, MS_BIND | MS_REC, NULL), 0);
	SAME(access("c/deep/over", F_OK), 0);
	FAILS(umount("c"), EBUSY);
	SAME(umount2("c", MNT_DETACH), 0);
	SAME(access("a/deep/over", F_OK), 0);
	FAILS(mount("a", "c", NULL, MS_MOVE, NULL), EINVAL);
	SAME(mount("b", "c", NULL, MS_MOVE, NULL), 0);
	FAILS(access("b/deep", F_OK), ENOENT);
	SAME(access("c/deep/f", F_OK), 0);
	SAME(mkdir("a/deep/in", 0755), 0);
	FAILS(mount("a/deep", "a/deep/in", NULL, MS_MOVE, NULL), ELOOP);
	put("plain", "x");
	FAILS(mount("plain", "b", NULL, MS_BIND, NULL), ENOTDIR);
	FAILS(mount("b", "plain", NULL, MS_BIND, NULL), ENOTDIR);
	FAILS(mount("missing", "b", NULL, MS_BIND, NULL), ENOENT);
	FAILS(umount("a"), EINVAL);
	FAILS(umount("missing"), ENOENT);
	FAILS(umount2("c", 64), EINVAL);
	SAME(umount("c"), 0);
	/* Lazily: what is in use goes on. */
	int fd = open("a/deep/over", O_RDONLY);
	SAME(umount2("a/deep", MNT_DETACH), 0);
	SAME(access("a/deep/f", F_OK), 0);
	char c;
	SAME(read(fd, &c, 1), 1);
}

static int pivot(const char *root, const char *old)
{
	return syscall(SYS_pivot_root, root, old);
}

CHECK(expired_when_nobody_used_it)
{
	const char *at = "/tmp/expires";
	struct stat st;
	int fd;

	SAME(mkdir(at, 0755), 0);
	SAME(mount("expires", at, "tmpfs", 0, ""), 0);
	FAILS(umount2(at, MNT_EXPIRE | MNT_DETACH), EINVAL);
	FAILS(umount2(at, MNT_EXPIRE | MNT_FORCE), EINVAL);
	fd = open("/tmp/expires/file", O_CREAT | O_RDWR, 0600);
	EXPECT(fd >= 0);
	FAILS(umount2(at, MNT_EXPIRE), EBUSY);
	close(fd);
	FAILS(umount2(at, MNT_EXPIRE), EAGAIN);
	/* Used: it begins anew. */
	SAME(stat("/tmp/expires/file", &st), 0);
	FAILS(umount2(at, MNT_EXPIRE), EAGAIN);
	SAME(umount2(at, MNT_EXPIRE), 0);
	FAILS(stat("/tmp/expires/file", &st), ENOENT);
	SAME(rmdir(at), 0);
}

CHECK(another_root)
{
	char cwd[256];
	pid_t pid;

	here();
	SAME(mkdir("a", 0755), 0);
	SAME(mount("none", "a", "tmpfs", 0, NULL), 0);
	put("a/first", "1");
	SAME(mkdir("a/b", 0755), 0);
	SAME(mkdir("a/plain", 0755), 0);
	SAME(mount("none", "a/b", "tmpfs", 0, NULL), 0);
	SAME(mkdir("a/b/old", 0755), 0);
	put("a/b/second", "2");
	pid = fork();
	if (!pid) {
		EXPECT(chroot("a") == 0 && chdir("/") == 0);
		FAILS(pivot("/b", "/missing"), ENOENT);
		FAILS(pivot("/b/second", "/b/old"), ENOTDIR);
		FAILS(pivot("/plain", "/b/old"), EBUSY);
		FAILS(pivot("/b", "/plain"), EBUSY);
		FAILS(pivot("/b/old", "/b/old"), EINVAL);
		SAME(pivot("/b", "/b/old"), 0);
		SAME(access("/second", F_OK), 0);
		SAME(access("/old/first", F_OK), 0);
		SAME(access("/first", F_OK), -1);
		EXPECT(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
		SAME(access("second", F_OK), 0);
		SAME(umount2("/old", MNT_DETACH), 0);
		SAME(access("/old/first", F_OK), -1);
		EXPECT(setresuid(1000, 1000, 1000) == 0);
		FAILS(pivot("/", "/old"), EPERM);
		_exit(0);
	}
	child_ok(pid);
	/* Its place has the new one now, for everybody. */
	SAME(access("a/second", F_OK), 0);
}

static void copy_of_oneself(const char *name)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(name, O_WRONLY | O_CREAT, 0755);
	ssize_t n;

	EXPECT(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		SAME(write(out, buf, n), n);
	close(in);
	close(out);
}

/* Also run by the next one, in a program that nobody could read. */
CHECK(says_whether_it_may_be_dumped)
{
	SAME(prctl(PR_GET_DUMPABLE), getenv("SECRET") ? 0 : 1);
}

CHECK(executed_but_not_read)
{
	char *const args[] = { "secret", "says_whether_it_may_be_dumped", NULL }, *const env[] = { "SECRET=1", NULL };
	pid_t pid;

	here();
	copy_of_oneself("secret");
	EXPECT(chmod("secret", 0711) == 0);
	pid = fork();
	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		FAILS(open("secret", O_RDONLY), EACCES);
		execve("secret", args, env);
		_exit(98);
	}
	child_ok(pid);
}

CHECK(sizes_of_files_are_limited)
{
	struct rlimit limit = { 10, RLIM_INFINITY };
	int fd, p[2];

	here();
	put("large", "01234567890123456789");
	fd = open("f", O_RDWR | O_CREAT, 0644);
	signal(SIGXFSZ, SIG_IGN);
	SAME(setrlimit(RLIMIT_FSIZE, &limit), 0);
	SAME(write(fd, "01234567", 8), 8);
	SAME(write(fd, "01234567", 8), 2);
	FAILS(write(fd, "x", 1), EFBIG);
	SAME(ftruncate(fd, 10), 0);
	FAILS(ftruncate(fd, 11), EFBIG);
	SAME(truncate("large", 15), 0);
	FAILS(fallocate(fd, 0, 0, 11), EFBIG);
	EXPECT(pipe(p) == 0);
	SAME(write(p[1], "0123456789abc", 13), 13);
	if (fork() == 0) {
		signal(SIGXFSZ, SIG_DFL);
		(void)!write(fd, "x", 1);
		_exit(0);
	}
	int status;
	EXPECT(wait(&status) > 0 && WIFSIGNALED(status));
	SAME(WTERMSIG(status), SIGXFSZ);
}

CHECK(what_statfs_says)
{
	struct statfs fs;
	int p[2];

	here();
	SAME(statfs(".", &fs), 0);
	SAME(fs.f_type, 0x01021994);
	SAME(fs.f_bsize, 4096);
	SAME(fs.f_namelen, 255);
	SAME(fs.f_blocks, 2048);
	SAME(statfs("/proc", &fs), 0);
	SAME(fs.f_type, 0x9fa0);
	EXPECT(pipe(p) == 0);
	SAME(fstatfs(p[0], &fs), 0);
	SAME(fs.f_type, 0x50495045);
	FAILS(statfs("missing", &fs), ENOENT);
	FAILS(fstatfs(999, &fs), EBADF);
	FAILS(syscall(SYS_statfs, ".", nowhere), EFAULT);
}

CHECK(forty_links_and_no_more)
{
	char name[16], target[16];

	here();
	put("l0", "x");
	for (int i = 1; i <= 41; i++) {
		sprintf(name, "l%d", i);
		sprintf(target, "l%d", i - 1);
		SAME(symlink(target, name), 0);
	}
	SAME(access("l40", F_OK), 0);
	FAILS(access("l41", F_OK), ELOOP);
}

CHECK(statx_fields)
{
	struct { unsigned mask, blksize; unsigned long attributes; char rest[240]; } x;

	here();
	memset(&x, 0, sizeof(x));
	SAME(syscall(SYS_statx, AT_FDCWD, ".", 0, 0xfff, &x), 0);
	SAME(x.mask & 0xfff, 0xfff);
	EXPECT(x.attributes & 0x2000);
	put("f", "x");
	SAME(syscall(SYS_statx, AT_FDCWD, "f", 0, 0xfff, &x), 0);
	EXPECT(!(x.attributes & 0x2000));
	FAILS(syscall(SYS_statx, AT_FDCWD, "f", 0x6000, 0xfff, &x), EINVAL);
	FAILS(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000u, &x), EINVAL);
	FAILS(syscall(SYS_statx, AT_FDCWD, "f", 0, 0xfff, nowhere), EFAULT);
}
