/*
 * Extended attributes, xattr(7), on a tmpfs, and where there are none. Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static void here(void)
{
	static char dir[] = "/tmp/xattrs.XXXXXX";

	EXPECT(mkdtemp(dir));
	EXPECT(mount("none", dir, "tmpfs", 0, "size=256k") == 0);
	EXPECT(chdir(dir) == 0);
	umask(022);
	close(open("f", O_RDWR | O_CREAT, 0644));
}

/* Linux knows user.* on tmpfs since 6.6 only. */
static bool has_user(void)
{
	return setxattr("f", "user.probe", "", 0, 0) == 0 && removexattr("f", "user.probe") == 0;
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

CHECK(set_get_list_remove)
{
	char buf[256];
	struct stat before, after;
	int fd;

	here();
	SAME(listxattr("f", buf, sizeof(buf)), 0);
	FAILS(getxattr("f", "trusted.a", buf, sizeof(buf)), ENODATA);
	FAILS(removexattr("f", "trusted.a"), ENODATA);
	EXPECT(stat("f", &before) == 0);
	SAME(setxattr("f", "trusted.a", "value", 5, 0), 0);
	EXPECT(stat("f", &after) == 0);
	SAME(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	SAME(getxattr("f", "trusted.a", NULL, 0), 5);
	SAME(getxattr("f", "trusted.a", buf, sizeof(buf)), 5);
	EXPECT(!memcmp(buf, "value", 5));
	FAILS(getxattr("f", "trusted.a", buf, 4), ERANGE);
	SAME(setxattr("f", "trusted.a", "other value", 11, 0), 0);
	SAME(getxattr("f", "trusted.a", buf, sizeof(buf)), 11);
	SAME(setxattr("f", "security.b", "", 0, 0), 0);
	SAME(getxattr("f", "security.b", buf, sizeof(buf)), 0);
	SAME(listxattr("f", NULL, 0), 21);
	FAILS(listxattr("f", buf, 20), ERANGE);
	SAME(listxattr("f", buf, 21), 21);
	EXPECT(memmem(buf, 21, "trusted.a", 10) && memmem(buf, 21, "security.b", 11));
	fd = open("f", O_RDONLY);
	SAME(fsetxattr(fd, "trusted.c", "x", 1, 0), 0);
	SAME(fgetxattr(fd, "trusted.c", buf, 1), 1);
	SAME(flistxattr(fd, NULL, 0), 31);
	SAME(fremovexattr(fd, "trusted.c"), 0);
	FAILS(fgetxattr(fd, "trusted.c", buf, 1), ENODATA);
	SAME(removexattr("f", "trusted.a"), 0);
	SAME(removexattr("f", "security.b"), 0);
	SAME(flistxattr(fd, buf, sizeof(buf)), 0);
}

CHECK(links_and_directories)
{
	char buf[64];

	here();
	SAME(symlink("f", "s"), 0);
	SAME(mkdir("d", 0755), 0);
	SAME(lsetxattr("s", "trusted.link", "l", 1, 0), 0);
	SAME(setxattr("s", "trusted.file", "f", 1, 0), 0);
	SAME(lgetxattr("s", "trusted.link", buf, 1), 1);
	FAILS(lgetxattr("s", "trusted.file", buf, 1), ENODATA);
	SAME(getxattr("f", "trusted.file", buf, 1), 1);
	SAME(llistxattr("s", buf, sizeof(buf)), 13);
	SAME(lremovexattr("s", "trusted.link"), 0);
	SAME(setxattr("d", "trusted.dir", "d", 1, 0), 0);
	SAME(getxattr("d", "trusted.dir", buf, 1), 1);
	/* A name that goes takes nothing along while there is another. */
	SAME(link("f", "g"), 0);
	SAME(unlink("f"), 0);
	SAME(getxattr("g", "trusted.file", buf, 1), 1);
}

CHECK(flags_names_sizes)
{
	static char big[65537], long_name[300];
	char buf[8];
	int fd = open("/tmp", O_PATH), pair[2];

	here();
	FAILS(setxattr("f", "trusted.a", "x", 1, XATTR_REPLACE), ENODATA);
	SAME(setxattr("f", "trusted.a", "x", 1, XATTR_CREATE), 0);
	FAILS(setxattr("f", "trusted.a", "y", 1, XATTR_CREATE), EEXIST);
	SAME(setxattr("f", "trusted.a", "z", 1, XATTR_REPLACE), 0);
	FAILS(setxattr("f", "trusted.a", "z", 1, 4), EINVAL);
	FAILS(setxattr("f", "", "z", 1, 0), ERANGE);
	strcpy(long_name, "trusted.");
	memset(long_name + 8, 'n', 247);
	SAME(setxattr("f", long_name, "z", 1, 0), 0);
	long_name[255] = 'n';
	FAILS(setxattr("f", long_name, "z", 1, 0), ERANGE);
	FAILS(getxattr("f", long_name, buf, 1), ERANGE);
	SAME(setxattr("f", "trusted.big", big, 65536, 0), 0);
	SAME(getxattr("f", "trusted.big", big, 65536), 65536);
	FAILS(setxattr("f", "trusted.big", big, 65537, 0), E2BIG);
	FAILS(setxattr("f", "trusted.", "x", 1, 0), EINVAL);
	FAILS(setxattr("f", "unknown.x", "x", 1, 0), EOPNOTSUPP);
	FAILS(getxattr("f", "nodot", buf, 1), EOPNOTSUPP);
	FAILS(setxattr("f", nowhere, "x", 1, 0), EFAULT);
	FAILS(setxattr("f", "trusted.a", nowhere, 1, 0), EFAULT);
	FAILS(getxattr("f", "trusted.a", nowhere, 1), EFAULT);
	FAILS(getxattr("none", "trusted.a", buf, 1), ENOENT);
	FAILS(fgetxattr(999, "trusted.a", buf, 1), EBADF);
	FAILS(fgetxattr(fd, "trusted.a", buf, 1), EBADF);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	FAILS(fsetxattr(pair[0], "trusted.a", "x", 1, 0), EOPNOTSUPP);
}

static void others(void)
{
	char buf[64];

	FAILS(setxattr("own", "trusted.a", "x", 1, 0), EPERM);
	FAILS(getxattr("own", "trusted.a", buf, 1), ENODATA);
	FAILS(removexattr("own", "trusted.a"), EPERM);
	SAME(getxattr("own", "security.a", buf, 1), 1);
	SAME(listxattr("own", buf, sizeof(buf)), 11);
	EXPECT(!memcmp(buf, "security.a", 11));
}

static void users(void)
{
	char buf[64];

	SAME(setxattr("own", "user.a", "xyz", 3, 0), 0);
	SAME(getxattr("own", "user.a", buf, 3), 3);
	FAILS(setxattr("f", "user.a", "x", 1, 0), EACCES);
	FAILS(getxattr("f", "user.a", buf, 1), ENODATA);
	FAILS(getxattr("secret", "user.a", buf, 1), EACCES);
	FAILS(setxattr("sticky", "user.a", "x", 1, 0), EPERM);
	FAILS(lsetxattr("s", "user.a", "x", 1, 0), EPERM);
	FAILS(lgetxattr("s", "user.a", buf, 1), ENODATA);
	SAME(removexattr("own", "user.a"), 0);
}

CHECK(rights)
{
	here();
	close(open("own", O_CREAT | O_RDWR, 0600));
	close(open("secret", O_CREAT | O_RDWR, 0600));
	SAME(chown("own", 1000, 1000), 0);
	SAME(symlink("own", "s"), 0);
	SAME(mkdir("sticky", 0755), 0);
	SAME(chmod("sticky", 01777), 0);
	SAME(setxattr("own", "trusted.a", "x", 1, 0), 0);
	SAME(setxattr("own", "security.a", "x", 1, 0), 0);
	as_user(others);
	SAME(removexattr("own", "trusted.a"), 0);
	SAME(removexattr("own", "security.a"), 0);
	if (has_user())
		as_user(users);
}

CHECK(file_systems_without_and_read_only_ones)
{
	char buf[64];

	here();
	FAILS(getxattr("/proc/version", "trusted.a", buf, 1), EOPNOTSUPP);
	FAILS(setxattr("/proc/version", "user.a", "x", 1, 0), EOPNOTSUPP);
	FAILS(setxattr("/proc/version", "trusted.a", "x", 1, 0), EOPNOTSUPP);
	SAME(setxattr("f", "trusted.a", "x", 1, 0), 0);
	SAME(mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	FAILS(setxattr("f", "trusted.a", "x", 1, 0), EROFS);
	FAILS(removexattr("f", "trusted.a"), EROFS);
	SAME(getxattr("f", "trusted.a", buf, 1), 1);
}
