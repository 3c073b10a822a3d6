/* The working directory: where names begin, whose it is, and when it is gone. */
#include "bcheck.h"
#include <stdio.h>
#include <limits.h>

static void is(const char *expected)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;

	EXPECT(getcwd(path, sizeof(path)) == path);
	EXPECT(!strcmp(path, expected));
	n = readlink("/proc/self/cwd", link, sizeof(link));
	SAME(n, strlen(expected));
	EXPECT(!memcmp(link, expected, n));
}

static void gone(void)
{
	char path[PATH_MAX], text[PATH_MAX];
	int fd;

	SAME(mkdir("gone", 0755), 0);
	SAME(chdir("gone"), 0);
	SAME(rmdir("../gone"), 0);
	EXPECT(getcwd(path, sizeof(path)) == NULL);
	SAME(errno, ENOENT);
	FAILS(open("new", O_WRONLY | O_CREAT, 0644), ENOENT);
	FAILS(mkdir("new", 0755), ENOENT);
	SAME(access(".", F_OK), 0);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	EXPECT(fd >= 0);
	text_format(text, sizeof(text), "/proc/self/fd/%d", fd);
	SAME(readlink(text, path, sizeof(path)) > 10, 1);
	close(fd);
	SAME(chdir(".."), 0);
}

CHECK(cwd)
{
	char home[PATH_MAX], deep[PATH_MAX + 64], small[4];
	struct stat a, b;
	pid_t child;
	int dir;

	EXPECT(getcwd(home, sizeof(home)) == home);
	is(home);
	SAME(mkdir("one", 0755), 0);
	SAME(mkdir("one/two", 0755), 0);
	SAME(symlink("one/two", "link"), 0);
	text_format(deep, sizeof(deep), "%s/one/two", home);

	/* A link leads to a place, not to a name. */
	SAME(chdir("link"), 0);
	is(deep);
	SAME(chdir("../.."), 0);
	is(home);
	dir = open("one/two", O_RDONLY | O_DIRECTORY);
	SAME(fchdir(dir), 0);
	is(deep);

	/* It follows its directory when that is renamed. */
	SAME(chdir(home), 0);
	SAME(rename("one", "uno"), 0);
	SAME(fchdir(dir), 0);
	text_format(deep, sizeof(deep), "%s/uno/two", home);
	is(deep);

	/* A child begins where its parent is, and goes its own way. */
	child = fork();
	if (child == 0) {
		is(deep);
		SAME(chdir("/"), 0);
		SAME(chdir(".."), 0);
		is("/");
		_exit(0);
	}
	child_ok(child);
	is(deep);
	SAME(chdir(home), 0);

	/* The call counts the NUL, and needs room for it. */
	SAME(syscall(SYS_getcwd, deep, sizeof(deep)), strlen(home) + 1);
	FAILS(syscall(SYS_getcwd, deep, strlen(home)), ERANGE);
	FAILS(syscall(SYS_getcwd, small, 0), ERANGE);
	FAILS(syscall(SYS_getcwd, nowhere, 4096), EFAULT);
	FAILS(chdir("missing"), ENOENT);
	FAILS(chdir(""), ENOENT);
	close(pattern_file("file", 1));
	FAILS(chdir("file"), ENOTDIR);
	FAILS(fchdir(1000), EBADF);
	FAILS(fchdir(open("file", O_RDONLY)), ENOTDIR);
	SAME(mkdir("closed", 0), 0);
	child = fork();
	if (child == 0) {
		be_nobody();
		FAILS(chdir("closed"), EACCES);
		_exit(0);
	}
	child_ok(child);
	gone();
	SAME(stat("/", &a), 0);
	SAME(stat("/..", &b), 0);
	SAME(a.st_ino, b.st_ino);
	is(home);
}
