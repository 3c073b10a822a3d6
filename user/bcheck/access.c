/* access: what the real user may do, and why a name leads nowhere. */
#include "bcheck.h"
#include <limits.h>

static void file_make(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	EXPECT(fd >= 0);
	SAME(fchmod(fd, mode), 0);
	close(fd);
}

/* As the owner of nothing here. */
static void as_nobody(void)
{
	be_nobody();
	SAME(access("others-read", R_OK), 0);
	FAILS(access("others-read", W_OK), EACCES);
	FAILS(access("others-read", R_OK | W_OK), EACCES);
	FAILS(access("owner-all", R_OK), EACCES);
	SAME(access("owner-all", F_OK), 0);	/* that it is there is no secret... */
	FAILS(access("closed/file", F_OK), EACCES);	/* ...but in a directory that is shut */
	SAME(access("all-execute", X_OK), 0);
	FAILS(access("others-read", X_OK), EACCES);
	_exit(0);
}

/* Where the effective user is another, access asks for the real one, unless told not to. */
static void with_two_users(void)
{
	SAME(setresuid(0, NOBODY, 0), 0);
	SAME(access("owner-all", R_OK), 0);
	FAILS(open("owner-all", O_RDONLY), EACCES);
	FAILS(faccessat(AT_FDCWD, "owner-all", R_OK, AT_EACCESS), EACCES);
	_exit(0);
}

static void as_root(void)
{
	pid_t child = fork();

	if (child == 0)
		with_two_users();
	child_ok(child);
	/* Root may all, but execute only what somebody may. */
	SAME(access("none", R_OK | W_OK), 0);
	FAILS(access("none", X_OK), EACCES);
	SAME(access("all-execute", X_OK), 0);
	SAME(access("closed", X_OK), 0);
	child = fork();
	if (child == 0)
		as_nobody();
	child_ok(child);
}

CHECK(access)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 1];
	int dir;

	file_make("others-read", 0604);
	file_make("owner-all", 0700);
	file_make("all-execute", 0711);
	file_make("none", 0);
	SAME(mkdir("closed", 0700), 0);
	file_make("closed/file", 0666);
	SAME(symlink("others-read", "link"), 0);
	SAME(symlink("missing", "dangling"), 0);
	SAME(symlink("loop", "loop"), 0);

	SAME(access("owner-all", F_OK), 0);
	SAME(access("owner-all", R_OK | W_OK | X_OK), 0);
	SAME(access("link", R_OK), 0);
	FAILS(access("missing", F_OK), ENOENT);
	FAILS(access("", F_OK), ENOENT);
	FAILS(access("dangling", F_OK), ENOENT);
	FAILS(access("loop", F_OK), ELOOP);
	FAILS(access("others-read/x", F_OK), ENOTDIR);
	FAILS(access("others-read/", F_OK), ENOTDIR);
	FAILS(access("others-read", 8), EINVAL);
	FAILS(access(nowhere, F_OK), EFAULT);
	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX + 1] = '\0';
	FAILS(access(name, F_OK), ENAMETOOLONG);
	for (int i = 0; i < PATH_MAX; i++)
		path[i] = i % 2 ? '/' : '.';
	path[PATH_MAX] = '\0';
	FAILS(access(path, F_OK), ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	SAME(access(path, F_OK), 0);

	dir = open("closed", O_RDONLY | O_DIRECTORY);
	SAME(faccessat(dir, "file", R_OK, 0), 0);
	FAILS(faccessat(dir, "missing", F_OK, 0), ENOENT);
	FAILS(faccessat(1000, "file", F_OK, 0), EBADF);
	FAILS(faccessat(open("none", O_PATH), "file", F_OK, 0), ENOTDIR);
	if (geteuid() == 0)
		as_root();
	else
		check_note("not root: the permissions of other users are not checked");
}
