/* Directories: making, removing, renaming, linking, and every refusal. */
#include "bcheck.h"
#include <stdio.h>
#include <limits.h>
#include <linux/fs.h>

static nlink_t links(const char *name)
{
	struct stat st;

	SAME(lstat(name, &st), 0);
	return st.st_nlink;
}

static ino_t inode(const char *name)
{
	struct stat st;

	SAME(lstat(name, &st), 0);
	return st.st_ino;
}

static void make_and_remove(void)
{
	char name[NAME_MAX + 2];
	struct stat st;
	mode_t old = umask(027);

	SAME(mkdir("d", 0777), 0);
	umask(old);
	SAME(stat("d", &st), 0);
	SAME(st.st_mode, S_IFDIR | 0750);
	FAILS(mkdir("d", 0777), EEXIST);
	FAILS(mkdir("missing/d", 0777), ENOENT);
	FAILS(mkdir("", 0777), ENOENT);
	close(pattern_file("file", 1));
	FAILS(mkdir("file/d", 0777), ENOTDIR);
	SAME(mkdir("d/one/", 0777), 0);
	SAME(mkdir("d/two", 0777), 0);
	SAME(links("d"), 4);
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(rmdir("d/one/."), EINVAL);
	FAILS(rmdir("file"), ENOTDIR);
	FAILS(unlink("d/one"), EISDIR);
	FAILS(unlinkat(AT_FDCWD, "d", 0x8000), EINVAL);
	SAME(rmdir("d/one"), 0);
	SAME(rmdir("d/two/"), 0);
	SAME(links("d"), 2);
	SAME(rmdir("d"), 0);
	FAILS(rmdir("d"), ENOENT);
	FAILS(unlink("file/"), ENOTDIR);
	memset(name, 'x', sizeof(name) - 1);
	name[NAME_MAX + 1] = '\0';
	FAILS(mkdir(name, 0777), ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	SAME(mkdir(name, 0777), 0);
	SAME(rmdir(name), 0);
}

static void renaming(void)
{
	ino_t a, b;

	close(pattern_file("a", 1));
	close(pattern_file("b", 2));
	a = inode("a");
	SAME(rename("a", "b"), 0);
	SAME(inode("b"), a);
	FAILS(access("a", F_OK), ENOENT);
	SAME(rename("b", "b"), 0);
	FAILS(rename("missing", "b"), ENOENT);

	SAME(mkdir("d", 0755), 0);
	SAME(mkdir("d/sub", 0755), 0);
	SAME(mkdir("empty", 0755), 0);
	FAILS(rename("d", "d/sub/d"), EINVAL);
	FAILS(rename("b", "d"), EISDIR);
	FAILS(rename("d", "b"), ENOTDIR);
	FAILS(rename("empty", "d"), ENOTEMPTY);
	SAME(rename("d", "empty"), 0);
	SAME(access("empty/sub", F_OK), 0);
	SAME(links("empty"), 3);

	/* Renaming a directory's child to another parent moves the count of links. */
	SAME(mkdir("other", 0755), 0);
	SAME(rename("empty/sub", "other/sub"), 0);
	SAME(links("empty"), 2);
	SAME(links("other"), 3);

	close(pattern_file("c", 3));
	a = inode("b");
	b = inode("c");
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE), EEXIST);
	SAME(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE), 0);
	SAME(inode("c"), a);
	SAME(inode("b"), b);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "no", RENAME_EXCHANGE), ENOENT);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	SAME(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "no", RENAME_NOREPLACE), 0);
}

static void hard_links(void)
{
	SAME(link("c", "c2"), 0);
	SAME(links("c"), 2);
	SAME(inode("c2"), inode("c"));
	SAME(rename("c", "c2"), 0);	/* the same file: nothing happens */
	SAME(links("c"), 2);
	FAILS(link("c", "c2"), EEXIST);
	FAILS(link("other", "other2"), EPERM);
	FAILS(link("missing", "x"), ENOENT);
	SAME(unlink("c"), 0);
	SAME(links("c2"), 1);
}

static void symbolic_links(void)
{
	char text[8];
	int fd;

	SAME(symlink("c2", "s"), 0);
	FAILS(symlink("c2", "s"), EEXIST);
	FAILS(symlink("", "t"), ENOENT);
	SAME(readlink("s", text, sizeof(text)), 2);
	SAME(readlink("s", text, 1), 1);	/* cut off, without a word */
	SAME(text[0], 'c');
	FAILS(syscall(SYS_readlinkat, AT_FDCWD, "s", text, 0), EINVAL);
	FAILS(readlink("c2", text, sizeof(text)), EINVAL);
	FAILS(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	fd = open("s", O_PATH | O_NOFOLLOW);
	EXPECT(fd >= 0);
	close(fd);
	SAME(symlink("loop2", "loop1"), 0);
	SAME(symlink("loop1", "loop2"), 0);
	FAILS(open("loop1", O_RDONLY), ELOOP);
	SAME(symlink("made", "to-make"), 0);
	fd = open("to-make", O_WRONLY | O_CREAT, 0644);
	EXPECT(fd >= 0);
	close(fd);
	SAME(access("made", F_OK), 0);
	FAILS(open("to-make", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	FAILS(mkdir("loop1", 0755), EEXIST);
	SAME(unlink("s"), 0);
	SAME(access("c2", F_OK), 0);
}

/* In a sticky directory others' files stay; in one without write permission all do. */
static void permissions(void)
{
	pid_t child;

	SAME(mkdir("sticky", 0), 0);
	SAME(chmod("sticky", 01777), 0);
	SAME(mkdir("sticky/roots", 0777), 0);
	SAME(mkdir("fixed", 0755), 0);
	SAME(mkdir("fixed/roots", 0777), 0);
	child = fork();
	if (child == 0) {
		be_nobody();
		FAILS(rmdir("sticky/roots"), EPERM);
		FAILS(rename("sticky/roots", "sticky/mine"), EPERM);
		SAME(mkdir("sticky/mine", 0755), 0);
		SAME(rmdir("sticky/mine"), 0);
		FAILS(mkdir("fixed/mine", 0755), EACCES);
		FAILS(rmdir("fixed/roots"), EACCES);
		_exit(0);
	}
	child_ok(child);
}

CHECK(fs_directory)
{
	make_and_remove();
	renaming();
	hard_links();
	symbolic_links();
	if (geteuid() == 0)
		permissions();
	else
		check_note("not root: the permissions of other users are not checked");
}
