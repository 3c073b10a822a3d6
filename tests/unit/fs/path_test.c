/*
 * Paths and names over tmpfs: what path_resolution(7), rename(2), unlink(2) and mount(2) promise a
 * program, then a long random run beside a plain list of names.
 *
 * sources: fs/dentry.c fs/vnode.c fs/path.c fs/mount.c fs/names.c fs/open.c fs/options.c fs/file.c
 * sources: fs/fs_context.c fs/tmpfs.c fs/tmpfs_data.c fs/page_tree.c fs/pipe.c fs/text.c
 */
#include "unit.h"
#include "host.h"
#include <linux/fcntl.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "fs/dentry.h"
#include "fs/file_internal.h"
#include "fs/fs_context.h"
#include "fs/init.h"
#include "fs/path.h"
#include "fs/tmpfs.h"
#include "sched/cred.h"

/* What these files call beyond names and data. */
void epoll_file_closed(struct file *f) { }
void flock_file_closed(struct file *f) { }
void flock_vnode_gone(struct vnode *v) { }
int chardev_open(struct vnode *v, struct file *f) { return -ENXIO; }

static void begin(void)
{
	static bool once;
	struct fs_context *c;

	if (!once) {
		dentry_init();
		file_init();
		pipe_init();
		tmpfs_init();
		if (fs_init())
			abort();
		once = true;
	}
	/* Each test in a root of its own: a fresh mount that is chrooted into. */
	c = fs_context_new();
	fs_context_put(current()->fs);
	current()->fs = c;
	current()->cred = &cred_root;
}

/* As text: 'd' a directory, 'f' a file, 'l' a link, or the negative errno as -N. */
static int kind(const char *name, u32 flags)
{
	struct path p;
	int err = path_lookup(NULL, name, flags, &p), k;

	if (err)
		return err;
	k = (p.dentry->vnode->mode & S_IFMT) == S_IFDIR ? 'd' : (p.dentry->vnode->mode & S_IFMT) == S_IFLNK ? 'l' : 'f';
	path_put(&p);
	return k;
}

static int write_file(const char *name, const char *text)
{
	struct file *f;
	struct uio u;
	int err = path_open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f);
	s64 n;

	if (err)
		return err;
	uio_kernel(&u, (void *)text, strlen(text));
	n = file_write(f, &u, NULL);
	file_put(f);
	return n < 0 ? n : 0;
}

static const char *read_file(const char *name)
{
	static char buf[256];
	struct file *f;
	struct uio u;
	s64 n;

	if (path_open(name, O_RDONLY, 0, &f))
		return "(none)";
	uio_kernel(&u, buf, sizeof(buf) - 1);
	n = file_read(f, &u, NULL);
	file_put(f);
	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

static const char *cwd_name(void)
{
	static char buf[PATH_MAX_LEN];
	struct path cwd;
	char *s;

	fs_context_cwd(current()->fs, &cwd);
	s = path_format(&cwd, buf, sizeof(buf));
	path_put(&cwd);
	return is_err(s) ? "(error)" : s;
}

static int chdir_to(const char *name)
{
	struct path p;
	int err = path_lookup(NULL, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (!err) {
		fs_context_set_cwd(current()->fs, &p);
		path_put(&p);
	}
	return err;
}

TEST(walks)
{
	char longname[NAME_MAX_LEN + 3], longpath[PATH_MAX_LEN + 10];

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/w", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/w/a", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/w/a/b/", 0755), 0);
	EXPECT_EQ(write_file("/w/a/f", "text"), 0);
	EXPECT_EQ(kind("/", 0), 'd');
	EXPECT_EQ(kind("//w///a/./b/../b/.", 0), 'd');
	EXPECT_EQ(kind("/../../w", 0), 'd');
	EXPECT_EQ(kind("/w/a/f", 0), 'f');
	EXPECT_EQ(kind("/w/a/f/", 0), -ENOTDIR);
	EXPECT_EQ(kind("/w/a/f/x", 0), -ENOTDIR);
	EXPECT_EQ(kind("/w/a/f/..", 0), -ENOTDIR);
	EXPECT_EQ(kind("/w/a/f", LOOKUP_DIRECTORY), -ENOTDIR);
	EXPECT_EQ(kind("/w/no", 0), -ENOENT);
	EXPECT_EQ(kind("/w/no/x", 0), -ENOENT);
	EXPECT_EQ(kind("", 0), -ENOENT);
	EXPECT_EQ(kind("", LOOKUP_EMPTY), 'd');

	EXPECT_EQ(chdir_to("/w/a"), 0);
	EXPECT_STR(cwd_name(), "/w/a");
	EXPECT_EQ(kind("b", 0), 'd');
	EXPECT_EQ(kind("../a/f", 0), 'f');
	EXPECT_EQ(kind("../../../../w", 0), 'd');

	memset(longname, 'n', sizeof(longname));
	longname[NAME_MAX_LEN] = '\0';
	EXPECT_EQ(path_mkdir(NULL, longname, 0755), 0);
	EXPECT_EQ(kind(longname, 0), 'd');
	EXPECT_EQ(path_rmdir(NULL, longname), 0);
	longname[NAME_MAX_LEN] = 'n';
	longname[NAME_MAX_LEN + 1] = '\0';
	EXPECT_EQ(path_mkdir(NULL, longname, 0755), -ENAMETOOLONG);
	EXPECT_EQ(kind(longname, 0), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(longpath); i += 2)
		memcpy(longpath + i, "./", 2);
	longpath[PATH_MAX_LEN - 1] = '\0';
	EXPECT_EQ(kind(longpath, 0), 'd');
}

TEST(links)
{
	char name[20], target[20];

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/l", 0755), 0);
	EXPECT_EQ(chdir_to("/l"), 0);
	EXPECT_EQ(path_mkdir(NULL, "d", 0755), 0);
	EXPECT_EQ(write_file("d/f", "through"), 0);
	EXPECT_EQ(path_symlink("d", NULL, "rel"), 0);
	EXPECT_EQ(path_symlink("/l/d/f", NULL, "abs"), 0);
	EXPECT_EQ(path_symlink("../d/f", NULL, "d/up"), 0);
	EXPECT_EQ(path_symlink("nowhere", NULL, "dangling"), 0);
	EXPECT_EQ(path_symlink("loop", NULL, "loop"), 0);
	EXPECT_EQ(kind("rel", 0), 'l');
	EXPECT_EQ(kind("rel", LOOKUP_FOLLOW), 'd');
	EXPECT_EQ(kind("rel/", 0), 'd');
	EXPECT_EQ(kind("abs/", 0), -ENOTDIR);
	EXPECT_STR(read_file("rel/f"), "through");
	EXPECT_STR(read_file("rel/up"), "through");
	EXPECT_STR(read_file("abs"), "through");
	EXPECT_EQ(kind("dangling", LOOKUP_FOLLOW), -ENOENT);
	EXPECT_EQ(kind("dangling", 0), 'l');
	EXPECT_EQ(kind("loop", LOOKUP_FOLLOW), -ELOOP);
	EXPECT_EQ(kind("loop/x", 0), -ELOOP);
	EXPECT_EQ(path_symlink("x", NULL, "rel"), -EEXIST);
	EXPECT_EQ(path_symlink("", NULL, "empty"), -ENOENT);

	/* A dangling link at the end: creating goes through it, creating exclusively does not. */
	EXPECT_EQ(write_file("dangling", "made"), 0);
	EXPECT_STR(read_file("nowhere"), "made");
	EXPECT_EQ(path_mkdir(NULL, "abs", 0755), -EEXIST);
	EXPECT_EQ(path_unlink(NULL, "abs"), 0);
	EXPECT_STR(read_file("d/f"), "through");

	/* Forty links on the way are followed, forty-one are not. */
	EXPECT_EQ(path_symlink("d", NULL, "c0"), 0);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		snprintf(target, sizeof(target), "c%d", i - 1);
		EXPECT_EQ(path_symlink(target, NULL, name), 0);
	}
	EXPECT_EQ(kind("c39", LOOKUP_FOLLOW), 'd');
	EXPECT_EQ(kind("c40", LOOKUP_FOLLOW), -ELOOP);
}

TEST(opening)
{
	struct file *f;

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/o", 0755), 0);
	EXPECT_EQ(chdir_to("/o"), 0);
	EXPECT_EQ(path_open("f", O_RDONLY, 0, &f), -ENOENT);
	EXPECT_EQ(path_open("f", O_RDWR | O_CREAT | O_EXCL, 0666, &f), 0);
	EXPECT_EQ(f->vnode->mode & 07777, 0644);	/* umask 022 */
	file_put(f);
	EXPECT_EQ(path_open("f", O_RDWR | O_CREAT | O_EXCL, 0666, &f), -EEXIST);
	EXPECT_EQ(path_open("f/", O_RDONLY, 0, &f), -ENOTDIR);
	EXPECT_EQ(path_open("f", O_RDONLY | O_DIRECTORY, 0, &f), -ENOTDIR);
	EXPECT_EQ(path_open("new/", O_WRONLY | O_CREAT, 0666, &f), -EISDIR);
	EXPECT_EQ(path_open(".", O_WRONLY, 0, &f), -EISDIR);
	EXPECT_EQ(path_open(".", O_RDONLY | O_DIRECTORY, 0, &f), 0);
	file_put(f);
	EXPECT_EQ(path_symlink("f", NULL, "l"), 0);
	EXPECT_EQ(path_open("l", O_RDONLY | O_NOFOLLOW, 0, &f), -ELOOP);
	EXPECT_EQ(path_open("l", O_WRONLY | O_CREAT | O_EXCL, 0666, &f), -EEXIST);
	EXPECT_EQ(write_file("l", "by link"), 0);
	EXPECT_STR(read_file("f"), "by link");

	/* An open file outlives its name. */
	EXPECT_EQ(path_open("f", O_RDONLY, 0, &f), 0);
	EXPECT_EQ(path_unlink(NULL, "f"), 0);
	EXPECT_EQ(kind("f", 0), -ENOENT);
	{
		char buf[8] = "", where[64];
		struct uio u;

		uio_kernel(&u, buf, 7);
		EXPECT_EQ(file_read(f, &u, NULL), 7);
		EXPECT_STR(buf, "by link");
		EXPECT_STR(path_format(f->path, where, sizeof(where)), "/o/f (deleted)");
	}
	file_put(f);
}

TEST(removing)
{
	begin();
	EXPECT_EQ(path_mkdir(NULL, "/r", 0755), 0);
	EXPECT_EQ(chdir_to("/r"), 0);
	EXPECT_EQ(path_mkdir(NULL, "d", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "d", 0755), -EEXIST);
	EXPECT_EQ(path_mkdir(NULL, ".", 0755), -EEXIST);
	EXPECT_EQ(path_mkdir(NULL, "/", 0755), -EEXIST);
	EXPECT_EQ(write_file("d/f", ""), 0);
	EXPECT_EQ(path_rmdir(NULL, "d"), -ENOTEMPTY);
	EXPECT_EQ(path_rmdir(NULL, "d/f"), -ENOTDIR);
	EXPECT_EQ(path_unlink(NULL, "d"), -EISDIR);
	EXPECT_EQ(path_unlink(NULL, "d/none"), -ENOENT);
	EXPECT_EQ(path_rmdir(NULL, "d/."), -EINVAL);
	EXPECT_EQ(path_rmdir(NULL, "d/.."), -ENOTEMPTY);
	EXPECT_EQ(path_rmdir(NULL, "/"), -EBUSY);
	EXPECT_EQ(path_unlink(NULL, "d/f"), 0);
	EXPECT_EQ(chdir_to("d"), 0);
	EXPECT_EQ(path_rmdir(NULL, "../d"), 0);
	EXPECT_EQ(write_file("x", ""), -ENOENT);	/* here is a directory without a name */
	EXPECT_EQ(path_mkdir(NULL, "y", 0755), -ENOENT);
	EXPECT_EQ(chdir_to(".."), 0);
	EXPECT_STR(cwd_name(), "/r");
}

static u32 nlink_of(const char *name)
{
	struct path p;
	u32 n;

	if (path_lookup(NULL, name, 0, &p))
		return ~0u;
	n = p.dentry->vnode->nlink;
	path_put(&p);
	return n;
}

static int link_to(const char *from, const char *to)
{
	struct path p;
	int err = path_lookup(NULL, from, 0, &p);

	if (!err) {
		err = path_link(&p, NULL, to);
		path_put(&p);
	}
	return err;
}

TEST(link_counts)
{
	begin();
	EXPECT_EQ(path_mkdir(NULL, "/n", 0755), 0);
	EXPECT_EQ(chdir_to("/n"), 0);
	EXPECT_EQ(nlink_of("."), 2);
	EXPECT_EQ(path_mkdir(NULL, "d", 0755), 0);
	EXPECT_EQ(nlink_of("."), 3);
	EXPECT_EQ(nlink_of("d"), 2);
	EXPECT_EQ(write_file("f", "same"), 0);
	EXPECT_EQ(nlink_of("f"), 1);
	EXPECT_EQ(link_to("f", "d/g"), 0);
	EXPECT_EQ(nlink_of("f"), 2);
	EXPECT_STR(read_file("d/g"), "same");
	EXPECT_EQ(link_to("f", "d/g"), -EEXIST);
	EXPECT_EQ(link_to("d", "e"), -EPERM);
	EXPECT_EQ(path_unlink(NULL, "f"), 0);
	EXPECT_EQ(nlink_of("d/g"), 1);
	EXPECT_EQ(path_mkdir(NULL, "e", 0755), 0);
	EXPECT_EQ(path_rename(NULL, "d", NULL, "e/d", 0), 0);
	EXPECT_EQ(nlink_of("."), 3);
	EXPECT_EQ(nlink_of("e"), 3);
	EXPECT_EQ(path_unlink(NULL, "e/d/g"), 0);
	EXPECT_EQ(path_rmdir(NULL, "e/d"), 0);
	EXPECT_EQ(nlink_of("e"), 2);
}

TEST(renaming)
{
	begin();
	EXPECT_EQ(path_mkdir(NULL, "/m", 0755), 0);
	EXPECT_EQ(chdir_to("/m"), 0);
	EXPECT_EQ(path_mkdir(NULL, "a", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "a/b", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "empty", 0755), 0);
	EXPECT_EQ(write_file("f", "one"), 0);
	EXPECT_EQ(write_file("g", "two"), 0);

	EXPECT_EQ(path_rename(NULL, "a", NULL, "a/b/c", 0), -EINVAL);
	EXPECT_EQ(path_rename(NULL, "a", NULL, "a/x", 0), -EINVAL);
	EXPECT_EQ(path_rename(NULL, "a/b", NULL, "a", 0), -ENOTEMPTY);
	EXPECT_EQ(path_rename(NULL, "f", NULL, "a", 0), -EISDIR);
	EXPECT_EQ(path_rename(NULL, "a", NULL, "f", 0), -ENOTDIR);
	EXPECT_EQ(path_rename(NULL, "none", NULL, "x", 0), -ENOENT);
	EXPECT_EQ(path_rename(NULL, "f", NULL, "none/x", 0), -ENOENT);
	EXPECT_EQ(path_rename(NULL, "f", NULL, "x/", 0), -ENOTDIR);
	EXPECT_EQ(path_rename(NULL, "empty", NULL, "a", 0), -ENOTEMPTY);
	EXPECT_EQ(path_rename(NULL, ".", NULL, "x", 0), -EBUSY);

	EXPECT_EQ(path_rename(NULL, "f", NULL, "f", 0), 0);
	EXPECT_STR(read_file("f"), "one");
	EXPECT_EQ(path_rename(NULL, "f", NULL, "g", 1), -EEXIST);	/* RENAME_NOREPLACE */
	EXPECT_EQ(path_rename(NULL, "f", NULL, "g", 0), 0);
	EXPECT_STR(read_file("g"), "one");
	EXPECT_EQ(kind("f", 0), -ENOENT);
	EXPECT_EQ(link_to("g", "h"), 0);
	EXPECT_EQ(path_rename(NULL, "g", NULL, "h", 0), 0);	/* the same file: both names stay */
	EXPECT_EQ(kind("g", 0), 'f');
	EXPECT_EQ(path_rename(NULL, "a", NULL, "empty", 0), 0);
	EXPECT_EQ(kind("empty/b", 0), 'd');
	EXPECT_EQ(chdir_to("empty/b"), 0);
	EXPECT_EQ(path_rename(NULL, "/m/empty", NULL, "/m/moved", 0), 0);
	EXPECT_STR(cwd_name(), "/m/moved/b");
}

TEST(mounts)
{
	struct path at, outside;
	struct file *f;

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/mnt", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/mnt/p", 0755), 0);
	EXPECT_EQ(write_file("/mnt/p/below", "covered"), 0);
	EXPECT_EQ(path_lookup(NULL, "/mnt/p", 0, &at), 0);
	EXPECT_EQ(mount_add("none", &at, "nosuch", 0, ""), -ENODEV);
	EXPECT_EQ(mount_add("none", &at, "tmpfs", 0, "size=64k,mode=1777"), 0);
	path_put(&at);
	EXPECT_EQ(kind("/mnt/p/below", 0), -ENOENT);
	EXPECT_EQ(write_file("/mnt/p/on", "top"), 0);
	EXPECT_EQ(chdir_to("/mnt/p"), 0);
	EXPECT_STR(cwd_name(), "/mnt/p");
	EXPECT_EQ(kind("../p/on", 0), 'f');
	EXPECT_EQ(path_rmdir(NULL, "/mnt/p"), -EBUSY);
	EXPECT_EQ(path_rename(NULL, "/mnt/p", NULL, "/mnt/q", 0), -EBUSY);
	EXPECT_EQ(path_rename(NULL, "/mnt/p/on", NULL, "/mnt/on", 0), -EXDEV);
	EXPECT_EQ(link_to("/mnt/p/on", "/mnt/on"), -EXDEV);

	EXPECT_EQ(path_lookup(NULL, "/mnt/p", 0, &at), 0);
	EXPECT_EQ(mount_remove(&at, 0), -EBUSY);		/* we stand in it */
	EXPECT_EQ(mount_remount(&at, MNT_RDONLY, ""), 0);
	EXPECT_EQ(write_file("/mnt/p/more", ""), -EROFS);
	EXPECT_EQ(path_unlink(NULL, "/mnt/p/on"), -EROFS);
	EXPECT_STR(read_file("/mnt/p/on"), "top");
	EXPECT_EQ(mount_remount(&at, 0, ""), 0);
	path_put(&at);
	EXPECT_EQ(chdir_to("/"), 0);
	EXPECT_EQ(path_open("/mnt/p/on", O_RDONLY, 0, &f), 0);
	EXPECT_EQ(path_lookup(NULL, "/mnt/p", 0, &at), 0);
	EXPECT_EQ(mount_remove(&at, 0), -EBUSY);		/* a file is open there */
	file_put(f);
	EXPECT_EQ(mount_remove(&at, 0), 0);			/* the caller's own path does not count */
	path_put(&at);
	EXPECT_STR(read_file("/mnt/p/below"), "covered");
	EXPECT_EQ(path_lookup(NULL, "/mnt", 0, &outside), 0);
	EXPECT_EQ(mount_remove(&outside, 0), -EINVAL);		/* no mount point */
	path_put(&outside);
}

TEST(a_changed_root_is_not_left)
{
	struct path p;

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/jail", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/jail/in", 0755), 0);
	EXPECT_EQ(path_symlink("/../../in", NULL, "/jail/l"), 0);
	EXPECT_EQ(path_lookup(NULL, "/jail", 0, &p), 0);
	fs_context_set_root(current()->fs, &p);
	fs_context_set_cwd(current()->fs, &p);
	path_put(&p);
	EXPECT_EQ(kind("/in", 0), 'd');
	EXPECT_EQ(kind("/../jail", 0), -ENOENT);
	EXPECT_EQ(kind("l", LOOKUP_FOLLOW), 'd');
	EXPECT_EQ(chdir_to("in"), 0);
	EXPECT_STR(cwd_name(), "/in");
	EXPECT_EQ(chdir_to("../../.."), 0);
	EXPECT_STR(cwd_name(), "/");
}

TEST(rights)
{
	static struct cred user = { .refs = 1, .uid = 7, .euid = 7, .suid = 7, .fsuid = 7, .gid = 7, .egid = 7, .sgid = 7, .fsgid = 7 };
	struct file *f;

	begin();
	EXPECT_EQ(path_mkdir(NULL, "/p", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/p/closed", 0700), 0);
	EXPECT_EQ(write_file("/p/closed/f", "secret"), 0);
	EXPECT_EQ(write_file("/p/f", "mine"), 0);
	EXPECT_EQ(path_mkdir(NULL, "/p/tmp", 0777), 0);
	{
		struct path p;
		struct vnode_attr a = { .valid = ATTR_MODE, .mode = 01777 };

		EXPECT_EQ(path_lookup(NULL, "/p/tmp", 0, &p), 0);
		EXPECT_EQ(path_setattr(&p, &a), 0);
		path_put(&p);
	}
	EXPECT_EQ(write_file("/p/tmp/root", ""), 0);

	current()->cred = &user;
	EXPECT_EQ(kind("/p/closed", 0), 'd');
	EXPECT_EQ(kind("/p/closed/f", 0), -EACCES);
	EXPECT_EQ(path_open("/p/f", O_RDONLY, 0, &f), 0);
	file_put(f);
	EXPECT_EQ(path_open("/p/f", O_RDWR, 0, &f), -EACCES);
	EXPECT_EQ(write_file("/p/new", ""), -EACCES);
	EXPECT_EQ(path_unlink(NULL, "/p/f"), -EACCES);
	EXPECT_EQ(write_file("/p/tmp/own", ""), 0);
	EXPECT_EQ(path_unlink(NULL, "/p/tmp/own"), 0);
	EXPECT_EQ(path_unlink(NULL, "/p/tmp/root"), -EPERM);	/* sticky */
	EXPECT_EQ(path_rename(NULL, "/p/tmp/root", NULL, "/p/tmp/x", 0), -EPERM);
	{
		struct path p;
		struct vnode_attr a = { .valid = ATTR_MODE, .mode = 0777 };

		EXPECT_EQ(path_lookup(NULL, "/p/f", 0, &p), 0);
		EXPECT_EQ(path_setattr(&p, &a), -EPERM);
		path_put(&p);
	}
	current()->cred = &cred_root;
}

/* ---- data -------------------------------------------------------------------------------------------- */

TEST(data_agrees_with_a_plain_buffer)
{
	enum { MAX = 300000 };
	u8 *plain = calloc(1, MAX), *buf = malloc(MAX);
	struct file *f;
	u64 size = 0, pages;

	begin();
	pages = tmpfs_pages();
	EXPECT_EQ(path_mkdir(NULL, "/data", 0755), 0);
	REQUIRE(path_open("/data/f", O_RDWR | O_CREAT, 0644, &f) == 0);
	for (int i = 0; i < 3000; i++) {
		u64 at = unit_random_below(i % 5 ? MAX / 3 : MAX - 1), len = unit_random_below(MIN(i % 7 ? 5000ul : 100000ul, MAX - at));
		u64 pos = at, want;
		struct uio u;

		switch (unit_random_below(8)) {
		case 0:
			at = unit_random_below(MAX);
			EXPECT_EQ(path_truncate(f->path, at), 0);
			if (at < size)
				memset(plain + at, 0, size - at);
			size = at;
			break;
		case 1: case 2: case 3:
			unit_random_fill(buf, len);
			uio_kernel(&u, buf, len);
			EXPECT_EQ(file_write(f, &u, &pos), (s64)len);
			EXPECT_EQ(pos, at + len);
			memcpy(plain + at, buf, len);
			if (len && at + len > size)
				size = at + len;
			break;
		default:
			uio_kernel(&u, buf, len);
			want = at >= size ? 0 : MIN(len, size - at);
			EXPECT_EQ(file_read(f, &u, &pos), (s64)want);
			EXPECT_EQ(pos, at + want);
			EXPECT(!memcmp(buf, plain + at, want));
		}
		EXPECT_EQ(f->vnode->size, size);
	}
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/data/f"), 0);
	EXPECT_EQ(tmpfs_pages(), pages);
	free(plain);
	free(buf);
}

/* ---- random names beside a list ------------------------------------------------------------------------ */

#define MODEL_MAX 64
#define MODEL_PATH (8 + 2 * MODEL_MAX)	/* the deepest that so many one-letter names make */

/* Every name by its whole path; 'd' or a file's content letter. */
static struct model { char path[MODEL_PATH]; char what; } model[MODEL_MAX];
static size_t model_count;

static struct model *model_find(const char *path)
{
	for (size_t i = 0; i < model_count; i++)
		if (!strcmp(model[i].path, path))
			return &model[i];
	return NULL;
}

static bool model_parent_ok(const char *path)
{
	char parent[MODEL_PATH];

	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	return !strcmp(parent, "/rand") || (model_find(parent) && model_find(parent)->what == 'd');
}

static bool model_below(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	return !strncmp(dir, path, n) && path[n] == '/';
}

static bool model_empty(const char *dir)
{
	for (size_t i = 0; i < model_count; i++)
		if (model_below(dir, model[i].path))
			return false;
	return true;
}

static void model_remove(const char *path)
{
	struct model *m = model_find(path);

	*m = model[--model_count];
}

static void path_random(char *path)
{
	int n = sprintf(path, "/rand");

	for (int depth = 1 + unit_random_below(4); depth; depth--)
		n += sprintf(path + n, "/%c", "abc"[unit_random_below(3)]);
}

TEST(random_names_agree_with_a_list)
{
	begin();
	model_count = 0;
	EXPECT_EQ(path_mkdir(NULL, "/rand", 0755), 0);
	for (int i = 0; i < 30000; i++) {
		char a[64], b[64], letter[2] = { "xyz"[unit_random_below(3)] };
		struct model *m, *t;
		int err;

		path_random(a);
		path_random(b);
		m = model_find(a);
		t = model_find(b);
		switch (unit_random_below(5)) {
		case 0:
			err = model_count == MODEL_MAX ? 1 : path_mkdir(NULL, a, 0755);
			if (err == 1)
				break;
			EXPECT_EQ(err == 0, !m && model_parent_ok(a));
			if (!err) {
				strcpy(model[model_count].path, a);
				model[model_count++].what = 'd';
			}
			break;
		case 1:
			if (model_count == MODEL_MAX)
				break;
			err = write_file(a, letter);
			EXPECT_EQ(err == 0, m ? m->what != 'd' : model_parent_ok(a));
			if (!err && !m) {
				m = &model[model_count++];
				strcpy(m->path, a);
			}
			if (!err)
				m->what = letter[0];
			break;
		case 2:
			err = path_unlink(NULL, a);
			EXPECT_EQ(err == 0, m && m->what != 'd');
			if (!err)
				model_remove(a);
			break;
		case 3:
			err = path_rmdir(NULL, a);
			EXPECT_EQ(err == 0, m && m->what == 'd' && model_empty(a));
			if (!err)
				model_remove(a);
			break;
		case 4:
			err = path_rename(NULL, a, NULL, b, 0);
			EXPECT_EQ(err == 0, m && model_parent_ok(b) && !model_below(a, b) &&
				  (!t || t == m || (m->what == 'd' ? t->what == 'd' && model_empty(b) : t->what != 'd')));
			if (err || t == m)
				break;
			if (t)
				model_remove(b);
			for (size_t k = 0; k < model_count; k++)
				if (!strcmp(model[k].path, a) || model_below(a, model[k].path)) {
					char moved[2 * MODEL_PATH];

					sprintf(moved, "%s%s", b, model[k].path + strlen(a));
					REQUIRE(strlen(moved) < MODEL_PATH);
					strcpy(model[k].path, moved);
				}
		}
		for (size_t k = 0; i % 50 == 0 && k < model_count; k++) {
			EXPECT_EQ(kind(model[k].path, 0), model[k].what == 'd' ? 'd' : 'f');
			if (model[k].what != 'd')
				EXPECT_EQ(read_file(model[k].path)[0], model[k].what);
		}
	}
}

/* Whichever allocation fails, the tree is as before or as after, and nothing leaks. */
TEST(failing_memory_changes_nothing)
{
	begin();
	EXPECT_EQ(path_mkdir(NULL, "/oom", 0755), 0);
	EXPECT_EQ(chdir_to("/oom"), 0);
	EXPECT_EQ(write_file("f", "x"), 0);
	for (u32 nth = 1; nth < 20; nth++) {
		u64 live = host_alloc_live();
		int err;

		host_alloc_fail(nth);
		err = path_mkdir(NULL, "a-directory-with-a-name-that-is-long", 0755);
		EXPECT(err == 0 || err == -ENOMEM);
		host_alloc_fail(0);
		EXPECT_EQ(kind("a-directory-with-a-name-that-is-long", 0), err ? -ENOENT : 'd');
		if (!err)
			EXPECT_EQ(path_rmdir(NULL, "a-directory-with-a-name-that-is-long"), 0);

		host_alloc_fail(nth);
		err = path_rename(NULL, "f", NULL, "another-name-that-is-too-long-for-the-dentry", 0);
		host_alloc_fail(0);
		EXPECT(err == 0 || err == -ENOMEM);
		if (!err)
			EXPECT_EQ(path_rename(NULL, "another-name-that-is-too-long-for-the-dentry", NULL, "f", 0), 0);
		EXPECT_STR(read_file("f"), "x");

		host_alloc_fail(nth);
		err = write_file("g", "data");
		host_alloc_fail(0);
		EXPECT(err == 0 || err == -ENOMEM || err == -ENFILE);
		if (kind("g", 0) == 'f')
			EXPECT_EQ(path_unlink(NULL, "g"), 0);
		EXPECT_EQ(host_alloc_live(), live);
	}
}
