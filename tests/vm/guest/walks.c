/*
 * openat2(2): walks that are kept within bounds. tests/vm/files_test.py runs it, as root.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int open_how_at(int dir, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { flags, mode, resolve };

	return syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static int within(int dir, const char *name, uint64_t resolve)
{
	return open_how_at(dir, name, O_PATH, 0, resolve);
}

/* What is opened is what `path` leads to. */
static void is(int fd, const char *path)
{
	struct stat a, b;

	EXPECT(fd >= 0);
	SAME(fstat(fd, &a), 0);
	SAME(stat(path, &b), 0);
	SAME(a.st_ino, b.st_ino);
	SAME(a.st_dev, b.st_dev);
	close(fd);
}

static void write_new(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	EXPECT(fd >= 0);
	close(fd);
}

/* /tmp/walks/{top/{a/b,file,links},file}, another mount on top/mnt; the directory top. */
static int tree(void)
{
	SAME(mkdir("/tmp/walks", 0755), 0);
	SAME(mount("walks", "/tmp/walks", "tmpfs", 0, ""), 0);
	EXPECT(chdir("/tmp/walks") == 0);
	EXPECT(mkdir("top", 0755) == 0 && mkdir("top/a", 0755) == 0 && mkdir("top/a/b", 0755) == 0 && mkdir("top/mnt", 0755) == 0);
	write_new("file");
	write_new("top/file");
	EXPECT(symlink("a/b", "top/down") == 0 && symlink("..", "top/a/up") == 0 && symlink("../..", "top/a/out") == 0 &&
	       symlink("/tmp/walks/file", "top/absolute") == 0 && symlink("/file", "top/slash") == 0 &&
	       symlink("../file", "top/beside") == 0 && symlink("/made", "top/new") == 0 && symlink("nobody", "top/dangling") == 0);
	SAME(mount("walks", "top/mnt", "tmpfs", 0, ""), 0);
	write_new("top/mnt/file");
	return open("top", O_RDONLY | O_DIRECTORY);
}

static void end(int top)
{
	EXPECT(chdir("/") == 0);
	close(top);
	SAME(umount("/tmp/walks/top/mnt"), 0);
	SAME(umount("/tmp/walks"), 0);
	SAME(rmdir("/tmp/walks"), 0);
}

CHECK(arguments)
{
	struct { struct open_how how; uint64_t more; } x = { { .flags = O_PATH }, 0 };
	int fd;

	SAME(fd = syscall(SYS_openat2, AT_FDCWD, "/", &x, sizeof(x)), 3);
	close(fd);
	x.more = 1;
	FAILS(syscall(SYS_openat2, AT_FDCWD, "/", &x, sizeof(x)), E2BIG);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "/", &x, sizeof(x.how) - 8), EINVAL);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "/", nowhere, sizeof(x.how)), EFAULT);
	FAILS(open_how_at(AT_FDCWD, "/", O_RDONLY | 1ull << 40, 0, 0), EINVAL);
	FAILS(open_how_at(AT_FDCWD, "/", O_RDONLY | 1ull << 30, 0, 0), EINVAL);
	FAILS(open_how_at(AT_FDCWD, "/", O_PATH | O_APPEND, 0, 0), EINVAL);
	FAILS(open_how_at(AT_FDCWD, "/", O_RDONLY, 0600, 0), EINVAL);
	FAILS(within(AT_FDCWD, "/", 1 << 20), EINVAL);
	FAILS(within(AT_FDCWD, "/", RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	FAILS(open_how_at(AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 0600, RESOLVE_CACHED), EAGAIN);
	FAILS(within(99, "x", RESOLVE_IN_ROOT), EBADF);
}

CHECK(beneath)
{
	int top = tree();

	is(within(top, "file", RESOLVE_BENEATH), "top/file");
	is(within(top, ".", RESOLVE_BENEATH), "top");
	is(within(top, "a/../file", RESOLVE_BENEATH), "top/file");
	is(within(top, "down/../up/mnt/../file", RESOLVE_BENEATH), "top/file");
	is(within(top, "mnt/file", RESOLVE_BENEATH), "top/mnt/file");
	FAILS(within(top, "..", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "../top/file", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "a/out/top/file", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "beside", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "absolute", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "/tmp/walks/top/file", RESOLVE_BENEATH), EXDEV);
	FAILS(within(top, "nobody", RESOLVE_BENEATH), ENOENT);
	FAILS(open_how_at(top, "beside", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH), EXDEV);
	FAILS(open_how_at(top, "new", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH), EXDEV);
	FAILS(open_how_at(top, "../made", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH), EXDEV);
	is(open_how_at(top, "dangling", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH), "top/nobody");
	FAILS(open_how_at(top, "..", O_TMPFILE | O_WRONLY, 0600, RESOLVE_BENEATH), EXDEV);
	SAME(fchdir(top), 0);
	FAILS(within(AT_FDCWD, "..", RESOLVE_BENEATH), EXDEV);
	is(within(AT_FDCWD, "a", RESOLVE_BENEATH), "/tmp/walks/top/a");
	end(top);
}

CHECK(in_a_root)
{
	int top = tree();

	is(within(top, "/", RESOLVE_IN_ROOT), "top");
	is(within(top, "../../..", RESOLVE_IN_ROOT), "top");
	is(within(top, "/file", RESOLVE_IN_ROOT), "top/file");
	is(within(top, "slash", RESOLVE_IN_ROOT), "top/file");
	is(within(top, "beside", RESOLVE_IN_ROOT), "top/file");
	is(within(top, "a/out/mnt/../../file", RESOLVE_IN_ROOT), "top/file");
	FAILS(within(top, "absolute", RESOLVE_IN_ROOT), ENOENT);
	is(open_how_at(top, "new", O_CREAT | O_WRONLY, 0600, RESOLVE_IN_ROOT), "top/made");
	is(open_how_at(top, "/../made2", O_CREAT | O_WRONLY, 0600, RESOLVE_IN_ROOT), "top/made2");
	SAME(fchdir(top), 0);
	is(within(AT_FDCWD, "/file", RESOLVE_IN_ROOT), "/tmp/walks/top/file");
	end(top);
}

CHECK(without_links_and_other_mounts)
{
	int top = tree(), proc = open("/proc/self", O_RDONLY | O_DIRECTORY), fd;

	FAILS(within(top, "down", RESOLVE_NO_SYMLINKS), ELOOP);
	FAILS(within(top, "down/..", RESOLVE_NO_SYMLINKS), ELOOP);
	FAILS(open_how_at(top, "dangling", O_CREAT | O_WRONLY, 0600, RESOLVE_NO_SYMLINKS), ELOOP);
	is(within(top, "a/b", RESOLVE_NO_SYMLINKS), "top/a/b");
	fd = open_how_at(top, "down", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
	EXPECT(fd >= 0);
	close(fd);

	is(within(top, "down", RESOLVE_NO_MAGICLINKS), "top/a/b");
	is(within(proc, "cwd", 0), ".");
	FAILS(within(proc, "cwd", RESOLVE_NO_MAGICLINKS), ELOOP);
	FAILS(within(proc, "cwd/file", RESOLVE_NO_SYMLINKS), ELOOP);
	FAILS(within(proc, "cwd", RESOLVE_BENEATH), EXDEV);
	FAILS(within(proc, "cwd", RESOLVE_IN_ROOT), EXDEV);
	FAILS(within(proc, "cwd", RESOLVE_NO_XDEV), EXDEV);

	is(within(top, "../file", RESOLVE_NO_XDEV), "file");
	is(within(AT_FDCWD, "/", RESOLVE_NO_XDEV), "/");
	FAILS(within(top, "mnt", RESOLVE_NO_XDEV), EXDEV);
	FAILS(within(top, "mnt/file", RESOLVE_NO_XDEV), EXDEV);
	FAILS(within(top, "mnt/../file", RESOLVE_NO_XDEV), EXDEV);
	FAILS(within(top, "../..", RESOLVE_NO_XDEV), EXDEV);
	FAILS(within(top, "absolute", RESOLVE_NO_XDEV), EXDEV);
	FAILS(open_how_at(top, "mnt/made", O_CREAT | O_WRONLY, 0600, RESOLVE_NO_XDEV), EXDEV);
	close(proc);
	end(top);
}

CHECK(without_waiting)
{
	int top = tree();

	is(within(top, "a/b", RESOLVE_CACHED), "top/a/b");
	is(open_how_at(top, "file", O_RDONLY, 0, RESOLVE_CACHED), "top/file");
	end(top);
}

/* A directory that is moved out while somebody walks through it: what is outside is not found by it. */
CHECK(moving_out_of_a_root)
{
	int top = tree(), found = 0;
	pid_t pid = fork();

	if (!pid)
		for (;;) {
			rename("top/a", "moved");
			rename("moved", "top/a");
		}
	for (int i = 0; i < 20000; i++) {
		int fd = within(top, i & 1 ? "a/b/../../file" : "a/b/../..", RESOLVE_IN_ROOT);
		struct stat a, b;

		if (fd < 0) {
			EXPECT(errno == ENOENT || errno == EXDEV || errno == EAGAIN);
			continue;
		}
		found++;
		SAME(fstat(fd, &a), 0);
		SAME(fstatat(top, i & 1 ? "file" : ".", &b, 0), 0);
		SAME(a.st_ino, b.st_ino);
		close(fd);
	}
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
	EXPECT(found > 0);
	rename("moved", "top/a");
	end(top);
}
