/*
 * Names: the walk, links, rights, mounts, and the calls that make, move and
 * take names, on a tmpfs.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/flock.c fs/devfs.c
 */
#include <linux/mount.h>
#include "fs_host.h"
#include "base/string.h"

/* Run as somebody without privileges. */
static void become(u32 uid)
{
	static struct cred other;

	other = (struct cred){ .refs = 1000, .uid = uid, .euid = uid, .suid = uid, .fsuid = uid,
			       .gid = uid, .egid = uid, .sgid = uid, .fsgid = uid };
	current()->cred = uid ? &other : NULL;
}

TEST(names_are_made_found_and_formatted)
{
	fs_start();
	EXPECT_EQ(path_mkdir(NULL, "/a", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/a/b", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/a/b", 0755), -EEXIST);
	EXPECT_EQ(path_mkdir(NULL, "/a/none/c", 0755), -ENOENT);
	EXPECT_EQ(put("/a/b/file", "text"), 0);
	EXPECT_STR(got("/a/b/file"), "text");
	EXPECT_STR(where("/a/b/file"), "/a/b/file");
	EXPECT_STR(where("//a/./b/../b///"), "/a/b");
	EXPECT_STR(where("/.."), "/");
	EXPECT_STR(where("/../a"), "/a");
	EXPECT_STR(where(""), "error 2");
	EXPECT_STR(where("/a/b/file/"), "error 20");
	EXPECT_STR(where("/a/b/file/x"), "error 20");
	EXPECT_STR(where("/a/x"), "error 2");
}

TEST(the_working_directory_is_where_relative_names_begin)
{
	struct fs_context *c = fs_context_new();
	struct path p;

	REQUIRE(!path_lookup(NULL, "/a/b", 0, &p));
	current()->fs = c;
	fs_context_set_cwd(c, &p);
	path_put(&p);
	EXPECT_STR(where("file"), "/a/b/file");
	EXPECT_STR(where(".."), "/a");
	EXPECT_EQ(put("here", "x"), 0);
	EXPECT_STR(got("/a/b/here"), "x");
	/* A root of one's own: nothing leads out of it. */
	REQUIRE(!path_lookup(NULL, "/a", 0, &p));
	fs_context_set_root(c, &p);
	path_put(&p);
	EXPECT_STR(where("/b/file"), "/b/file");
	EXPECT_STR(where("/../../b"), "/b");
	EXPECT_STR(where("/a"), "error 2");
	current()->fs = NULL;
	fs_context_put(c);
	EXPECT_EQ(path_unlink(NULL, "/a/b/here"), 0);
}

TEST(long_names_and_paths_have_limits)
{
	char name[300] = "/", path[PATH_MAX_LEN + 10];

	memset(name + 1, 'n', 255);
	name[256] = 0;
	EXPECT_EQ(path_mkdir(NULL, name, 0755), 0);
	EXPECT_STR(where(name), name);
	EXPECT_EQ(path_rmdir(NULL, name), 0);
	memset(name + 1, 'n', 256);
	name[257] = 0;
	EXPECT_EQ(path_mkdir(NULL, name, 0755), -ENAMETOOLONG);
	/* Thousands of components are one walk. */
	memset(path, 0, sizeof(path));
	for (u32 i = 0; i < PATH_MAX_LEN - 4; i += 2)
		memcpy(path + i, "/.", 2);
	strcat(path, "/a");
	EXPECT_STR(where(path), "/a");
}

TEST(links_are_followed_up_to_forty)
{
	char from[32], to[32];

	EXPECT_EQ(path_symlink("a/b", NULL, "/l"), 0);
	EXPECT_STR(where("/l/file"), "/a/b/file");
	EXPECT_EQ(path_symlink("/a", NULL, "/abs"), 0);
	EXPECT_STR(where("/abs/b/file"), "/a/b/file");
	EXPECT_EQ(path_symlink("../l/file", NULL, "/a/up"), 0);
	EXPECT_STR(got("/a/up"), "text");
	EXPECT_EQ(path_symlink("loop", NULL, "/loop"), 0);
	EXPECT_STR(where("/loop"), "error 40");
	EXPECT_STR(where("/loop/x"), "error 40");
	EXPECT_EQ(path_symlink("", NULL, "/empty"), -ENOENT);
	EXPECT_EQ(path_symlink("nowhere", NULL, "/dangling"), 0);
	EXPECT_STR(where("/dangling"), "error 2");
	EXPECT_EQ(path_symlink("/a/b", NULL, "/s0"), 0);
	for (int i = 1; i <= 40; i++) {
		snprintf(from, sizeof(from), "/s%d", i);
		snprintf(to, sizeof(to), "s%d", i - 1);
		EXPECT_EQ(path_symlink(to, NULL, from), 0);
	}
	EXPECT_STR(where("/s39"), "/a/b");
	EXPECT_STR(where("/s40"), "error 40");
}

TEST(open_follows_makes_and_refuses)
{
	struct file *f;

	EXPECT_EQ(path_open("/a/b/file", O_RDWR | O_CREAT | O_EXCL, 0644, &f), -EEXIST);
	EXPECT_EQ(path_open("/a", O_WRONLY, 0, &f), -EISDIR);
	EXPECT_EQ(path_open("/a", O_RDONLY | O_CREAT, 0644, &f), -EISDIR);
	EXPECT_EQ(path_open("/a/b/file", O_RDONLY | O_DIRECTORY, 0, &f), -ENOTDIR);
	EXPECT_EQ(path_open("/l", O_RDONLY | O_NOFOLLOW, 0, &f), -ELOOP);
	EXPECT_EQ(path_open("/loop", O_RDONLY | O_CREAT, 0644, &f), -ELOOP);
	EXPECT_EQ(path_open("/dangling", O_RDONLY | O_CREAT | O_EXCL, 0644, &f), -EEXIST);
	/* Through a dangling link the file is made where the link points. */
	EXPECT_EQ(put("/dangling", "made"), 0);
	EXPECT_STR(got("/nowhere"), "made");
	EXPECT_EQ(path_unlink(NULL, "/nowhere"), 0);
	EXPECT_EQ(path_open("/new", O_RDONLY | O_CREAT, 0, &f), 0);
	EXPECT_EQ(attr_of("/new").mode, S_IFREG | 0u);
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/new"), 0);
}

TEST(a_file_lives_as_long_as_it_is_open)
{
	struct file *f;
	char buf[64], text[16];
	struct uio u;

	EXPECT_EQ(put("/gone", "still here"), 0);
	REQUIRE(!path_open("/gone", O_RDONLY, 0, &f));
	EXPECT_EQ(path_unlink(NULL, "/gone"), 0);
	EXPECT_STR(where("/gone"), "error 2");
	EXPECT_EQ(f->vnode->nlink, 0u);
	EXPECT_STR(path_format(f->path, buf, sizeof(buf)), "/gone (deleted)");
	uio_kernel(&u, text, 10);
	EXPECT_EQ(file_read(f, &u, NULL), 10);
	EXPECT_MEM(text, "still here", 10);
	file_put(f);
}

TEST(hard_links_are_one_file)
{
	struct path p;

	REQUIRE(!path_lookup(NULL, "/a/b/file", 0, &p));
	EXPECT_EQ(path_link(&p, NULL, "/a/second"), 0);
	EXPECT_EQ(path_link(&p, NULL, "/a/second"), -EEXIST);
	path_put(&p);
	EXPECT_EQ(attr_of("/a/second").valid, 2u);
	EXPECT_EQ(put("/a/second", "changed"), 0);
	EXPECT_STR(got("/a/b/file"), "changed");
	EXPECT_EQ(path_unlink(NULL, "/a/b/file"), 0);
	EXPECT_STR(got("/a/second"), "changed");
	REQUIRE(!path_lookup(NULL, "/a", 0, &p));
	EXPECT_EQ(path_link(&p, NULL, "/dir-link"), -EPERM);
	path_put(&p);
	EXPECT_EQ(path_rename(NULL, "/a/second", NULL, "/a/b/file", 0), 0);
	EXPECT_EQ(put("/a/b/file", "text"), 0);
}

TEST(directories_go_only_when_empty)
{
	EXPECT_EQ(path_rmdir(NULL, "/a"), -ENOTEMPTY);
	EXPECT_EQ(path_rmdir(NULL, "/a/b/file"), -ENOTDIR);
	EXPECT_EQ(path_unlink(NULL, "/a"), -EISDIR);
	EXPECT_EQ(path_rmdir(NULL, "/a/."), -EINVAL);
	EXPECT_EQ(path_rmdir(NULL, "/a/b/.."), -ENOTEMPTY);
	EXPECT_EQ(path_rmdir(NULL, "/"), -EBUSY);
	EXPECT_EQ(path_mkdir(NULL, "/a/empty", 0755), 0);
	EXPECT_EQ(attr_of("/a").valid, 4u);
	EXPECT_EQ(path_rmdir(NULL, "/a/empty/"), 0);
	EXPECT_EQ(attr_of("/a").valid, 3u);
}

TEST(nothing_is_made_in_a_directory_that_has_gone)
{
	struct path p, up;

	EXPECT_EQ(path_mkdir(NULL, "/dead", 0755), 0);
	REQUIRE(!path_lookup(NULL, "/dead", 0, &p));
	EXPECT_EQ(path_rmdir(NULL, "/dead"), 0);
	EXPECT_EQ(path_mkdir(&p, "x", 0755), -ENOENT);
	REQUIRE(!path_lookup(&p, "..", 0, &up));
	path_put(&up);
	path_put(&p);
}

TEST(rename_moves_and_replaces)
{
	EXPECT_EQ(put("/r1", "one"), 0);
	EXPECT_EQ(put("/r2", "two"), 0);
	EXPECT_EQ(path_rename(NULL, "/r1", NULL, "/r2", 1 /* RENAME_NOREPLACE */), -EEXIST);
	EXPECT_EQ(path_rename(NULL, "/r1", NULL, "/r2", 0), 0);
	EXPECT_STR(where("/r1"), "error 2");
	EXPECT_STR(got("/r2"), "one");
	EXPECT_EQ(path_rename(NULL, "/r2", NULL, "/r2", 0), 0);
	EXPECT_EQ(path_rename(NULL, "/nothing", NULL, "/r3", 0), -ENOENT);
	/* Directories: over empty ones only, never into themselves. */
	EXPECT_EQ(path_mkdir(NULL, "/d1", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/d1/sub", 0755), 0);
	EXPECT_EQ(path_mkdir(NULL, "/d2", 0755), 0);
	EXPECT_EQ(path_rename(NULL, "/d1", NULL, "/d1/sub/x", 0), -EINVAL);
	EXPECT_EQ(path_rename(NULL, "/d2", NULL, "/d1", 0), -ENOTEMPTY);
	EXPECT_EQ(path_rename(NULL, "/d1", NULL, "/r2", 0), -ENOTDIR);
	EXPECT_EQ(path_rename(NULL, "/r2", NULL, "/d2", 0), -EISDIR);
	EXPECT_EQ(path_rename(NULL, "/r2", NULL, "/r4/", 0), -ENOTDIR);
	EXPECT_EQ(path_rename(NULL, "/d1", NULL, "/d2", 0), 0);
	EXPECT_STR(where("/d2/sub"), "/d2/sub");
	EXPECT_EQ(path_rename(NULL, "/d2", NULL, "/a/a-name-that-is-longer-than-the-short-ones", 0), 0);
	EXPECT_STR(where("/a/a-name-that-is-longer-than-the-short-ones/sub/.."),
		   "/a/a-name-that-is-longer-than-the-short-ones");
	EXPECT_EQ(path_rmdir(NULL, "/a/a-name-that-is-longer-than-the-short-ones/sub"), 0);
	EXPECT_EQ(path_rmdir(NULL, "/a/a-name-that-is-longer-than-the-short-ones"), 0);
	EXPECT_EQ(attr_of("/a").valid, 3u);
	EXPECT_EQ(path_unlink(NULL, "/r2"), 0);
}

TEST(a_rename_without_memory_changes_nothing)
{
	EXPECT_EQ(put("/m1", "one"), 0);
	EXPECT_EQ(put("/m2-with-a-name-that-needs-memory-of-its-own", "two"), 0);
	host_alloc_fail(1);
	EXPECT_EQ(path_rename(NULL, "/m1", NULL, "/m2-with-a-name-that-needs-memory-of-its-own", 0), -ENOMEM);
	host_alloc_fail(0);
	EXPECT_STR(got("/m1"), "one");
	EXPECT_STR(got("/m2-with-a-name-that-needs-memory-of-its-own"), "two");
	EXPECT_EQ(path_unlink(NULL, "/m1"), 0);
	EXPECT_EQ(path_unlink(NULL, "/m2-with-a-name-that-needs-memory-of-its-own"), 0);
}

TEST(rights_are_those_of_the_file)
{
	struct vnode_attr a = { .valid = ATTR_MODE, .mode = 0700 };
	struct file *f;
	struct path p;

	EXPECT_EQ(path_mkdir(NULL, "/private", 0700), 0);
	EXPECT_EQ(put("/private/x", "x"), 0);
	EXPECT_EQ(path_mkdir(NULL, "/shared", 01777), 0);
	REQUIRE(!path_lookup(NULL, "/shared", 0, &p));
	a.mode = 01777;		/* past the umask */
	EXPECT_EQ(path_setattr(&p, &a), 0);
	path_put(&p);
	EXPECT_EQ(put("/shared/roots", "x"), 0);
	become(1000);
	EXPECT_STR(where("/private"), "/private");
	EXPECT_STR(where("/private/x"), "error 13");
	EXPECT_STR(where("/private/.."), "error 13");
	EXPECT_EQ(path_mkdir(NULL, "/mine", 0755), -EACCES);
	EXPECT_EQ(put("/shared/mine", "x"), 0);
	EXPECT_EQ(attr_of("/shared/mine").uid, 1000u);
	EXPECT_EQ(path_open("/shared/roots", O_WRONLY, 0, &f), -EACCES);
	EXPECT_EQ(path_unlink(NULL, "/shared/roots"), -EPERM);
	EXPECT_EQ(path_rename(NULL, "/shared/mine", NULL, "/shared/roots", 0), -EPERM);
	EXPECT_EQ(path_mknod(NULL, "/shared/null", S_IFCHR | 0666, 0x103), -EPERM);
	REQUIRE(!path_lookup(NULL, "/shared/roots", 0, &p));
	a.mode = 0777;
	EXPECT_EQ(path_setattr(&p, &a), -EPERM);
	path_put(&p);
	REQUIRE(!path_lookup(NULL, "/shared/mine", 0, &p));
	EXPECT_EQ(path_setattr(&p, &a), 0);
	EXPECT_EQ(path_setattr(&p, &(struct vnode_attr){ .valid = ATTR_UID, .uid = 0 }), -EPERM);
	path_put(&p);
	EXPECT_EQ(path_unlink(NULL, "/shared/mine"), 0);
	/* Root executes what somebody may execute, and nothing else. */
	current()->cred = &cred_root;
	REQUIRE(!path_lookup(NULL, "/private/x", 0, &p));
	current()->cred = &cred_root;
	EXPECT_EQ(vnode_permission(p.dentry->vnode, 1), -EACCES);
	become(0);
	path_put(&p);
	become(0);
}

TEST(mounts_cover_and_uncover)
{
	struct path at, root, inside;

	EXPECT_EQ(path_mkdir(NULL, "/mnt", 0755), 0);
	EXPECT_EQ(put("/mnt/below", "below"), 0);
	REQUIRE(!path_lookup(NULL, "/mnt", 0, &at));
	EXPECT_EQ(mount_add("none", &at, "nosuchfs", 0, NULL), -ENODEV);
	EXPECT_EQ(mount_add("none", &at, "tmpfs", 0, "size=nonsense"), -EINVAL);
	EXPECT_EQ(mount_add("some where", &at, "tmpfs", MNT_NOSUID, "size=64k,mode=750"), 0);
	EXPECT_STR(where("/mnt/below"), "error 2");
	EXPECT_EQ(attr_of("/mnt").mode, S_IFDIR | 0750u);
	EXPECT_EQ(put("/mnt/above", "above"), 0);
	EXPECT_STR(where("/mnt/above"), "/mnt/above");
	EXPECT_STR(where("/mnt/../mnt/above/../.."), "error 20");
	EXPECT_STR(where("/mnt/.."), "/");
	EXPECT_EQ(path_rmdir(NULL, "/mnt"), -EBUSY);
	EXPECT_EQ(path_rename(NULL, "/mnt", NULL, "/other", 0), -EBUSY);
	EXPECT_EQ(path_rename(NULL, "/mnt/above", NULL, "/above", 0), -EXDEV);
	/* Busy while somebody is in it. */
	REQUIRE(!path_lookup(NULL, "/mnt", 0, &root));
	REQUIRE(!path_lookup(NULL, "/mnt/above", 0, &inside));
	EXPECT_EQ(mount_remove(&root, 0), -EBUSY);
	path_put(&inside);
	EXPECT_EQ(mount_remove(&root, 0), 0);
	path_put(&root);
	EXPECT_STR(got("/mnt/below"), "below");
	path_put(&at);
}

TEST(a_mount_taken_away_lazily_lives_for_its_users)
{
	struct path at, root;
	struct file *f;
	struct uio u;

	REQUIRE(!path_lookup(NULL, "/mnt", 0, &at));
	EXPECT_EQ(mount_add("none", &at, "tmpfs", 0, NULL), 0);
	REQUIRE(!path_open("/mnt/file", O_RDWR | O_CREAT, 0644, &f));
	REQUIRE(!path_lookup(NULL, "/mnt", 0, &root));
	EXPECT_EQ(mount_remove(&root, 2 /* MNT_DETACH */), 0);
	path_put(&root);
	EXPECT_STR(where("/mnt/file"), "error 2");
	uio_kernel(&u, "alive", 5);
	EXPECT_EQ(file_write(f, &u, NULL), 5);
	file_put(f);
	path_put(&at);
}

TEST(a_read_only_mount_refuses_changes)
{
	struct path at, root, p;
	struct file *f;

	REQUIRE(!path_lookup(NULL, "/mnt", 0, &at));
	EXPECT_EQ(mount_bind(&at, &at, false), 0);
	REQUIRE(!path_lookup(NULL, "/mnt", 0, &root));
	EXPECT_EQ(mount_remount(&root, MNT_RDONLY | MS_BIND, NULL), 0);
	EXPECT_EQ(put("/mnt/below", "x"), -EROFS);
	EXPECT_EQ(path_mkdir(NULL, "/mnt/dir", 0755), -EROFS);
	EXPECT_EQ(path_unlink(NULL, "/mnt/below"), -EROFS);
	EXPECT_EQ(path_open("/mnt/below", O_RDONLY, 0, &f), 0);
	file_put(f);
	REQUIRE(!path_lookup(NULL, "/mnt/below", 0, &p));
	EXPECT_EQ(path_truncate(&p, 0), -EROFS);
	path_put(&p);
	EXPECT_EQ(mount_remove(&root, 0), 0);
	path_put(&root);
	path_put(&at);
	EXPECT_STR(got("/mnt/below"), "below");
}

struct listing { struct dir_sink sink; char text[4096]; u32 count, stop_after; };

static bool list_emit(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 pos_after)
{
	struct listing *l = container_of(s, struct listing, sink);

	if (l->count == l->stop_after)
		return false;
	l->count++;
	strncat(l->text, name, len);
	strcat(l->text, " ");
	return true;
}

TEST(readdir_goes_on_where_it_stopped)
{
	struct listing l = { .sink.emit = list_emit, .stop_after = 4 };
	char name[32];
	struct file *f;

	EXPECT_EQ(path_mkdir(NULL, "/list", 0755), 0);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "/list/f%d", i);
		EXPECT_EQ(put(name, ""), 0);
	}
	REQUIRE(!path_open("/list", O_RDONLY | O_DIRECTORY, 0, &f));
	EXPECT_EQ(f->ops->readdir(f, &l.sink), 0);
	EXPECT_STR(l.text, ". .. f0 f1 ");
	/* Names that go and come meanwhile neither repeat nor hide others. */
	EXPECT_EQ(path_unlink(NULL, "/list/f0"), 0);
	EXPECT_EQ(path_unlink(NULL, "/list/f2"), 0);
	EXPECT_EQ(put("/list/late", ""), 0);
	l.stop_after = 100;
	EXPECT_EQ(f->ops->readdir(f, &l.sink), 0);
	EXPECT_STR(l.text, ". .. f0 f1 f3 f4 f5 f6 f7 late ");
	file_put(f);
}

TEST(thousands_of_names_are_found)
{
	char name[40];

	EXPECT_EQ(path_mkdir(NULL, "/many", 0755), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/many/%d-%x", i, i * 7919);
		REQUIRE(!path_mkdir(NULL, name, 0755));
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/many/%d-%x", i, i * 7919);
		REQUIRE(!strcmp(where(name), name));
		REQUIRE(!path_rmdir(NULL, name));
	}
	EXPECT_EQ(path_rmdir(NULL, "/many"), 0);
}

TEST(a_full_file_system_says_so)
{
	struct path at, root;
	struct file *f;
	static char page[8192];
	struct uio u;
	s64 n, total = 0;

	REQUIRE(!path_lookup(NULL, "/mnt", 0, &at));
	EXPECT_EQ(mount_add("none", &at, "tmpfs", 0, "size=64k,nr_inodes=4"), 0);
	REQUIRE(!path_open("/mnt/fill", O_RDWR | O_CREAT, 0644, &f));
	do {
		uio_kernel(&u, page, sizeof(page));
		n = file_write(f, &u, NULL);
		total += n > 0 ? n : 0;
	} while (n > 0);
	EXPECT_EQ(n, -ENOSPC);
	EXPECT_EQ(total, 65536);
	EXPECT_EQ(put("/mnt/2", ""), 0);
	EXPECT_EQ(put("/mnt/3", ""), 0);
	EXPECT_EQ(put("/mnt/4", ""), -ENOSPC);
	EXPECT_EQ(path_unlink(NULL, "/mnt/fill"), 0);
	file_put(f);
	EXPECT_EQ(put("/mnt/4", "room again"), 0);
	REQUIRE(!path_lookup(NULL, "/mnt", 0, &root));
	EXPECT_EQ(mount_remove(&root, 0), 0);
	path_put(&root);
	path_put(&at);
	EXPECT_EQ(tmpfs_pages() <= 16, true);
}
