/*
 * Descriptor tables: lowest numbers, growth, sharing, copies, limits.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/flock.c fs/devfs.c
 */
#include "fs_host.h"
#include "fs/fdtable.h"

static u32 released;

static void count_release(struct file *f)
{
	released++;
}

static const struct file_ops ops = { .release = count_release, .kind = "test" };

static struct file *file(void)
{
	return file_new_anonymous(&ops, NULL, O_RDWR);
}

static void begin(void)
{
	fs_start();
	released = 0;
	current()->files = fd_table_new();
}

static void end(void)
{
	fd_table_put(current()->files);
	current()->files = NULL;
}

TEST(the_lowest_free_number_is_given)
{
	begin();
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(fd_install(file(), 0, false), i);
	EXPECT_EQ(fd_close(1), 0);
	EXPECT_EQ(fd_close(3), 0);
	EXPECT_EQ(fd_close(3), -EBADF);
	EXPECT_EQ(fd_install(file(), 2, false), 3);
	EXPECT_EQ(fd_install(file(), 0, false), 1);
	EXPECT_EQ(fd_install(file(), 0, false), 5);
	EXPECT_EQ(fd_install(file(), 100, false), 100);
	EXPECT_EQ(fd_install(file(), 100, false), 101);
	EXPECT_EQ(fd_install(file(), 0, false), 6);
	EXPECT_EQ(fd_borrow(50).file == NULL, true);
	EXPECT_EQ(fd_borrow(~0u).file == NULL, true);
	end();
	EXPECT_EQ(released, 11u);
}

TEST(the_limit_is_kept)
{
	struct file *f;

	begin();
	fd_set_limit(current()->files, 3);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(fd_install(file(), 0, false), i);
	f = file();
	EXPECT_EQ(fd_install(f, 0, false), -EMFILE);
	EXPECT_EQ(fd_replace(3, f, false), -EBADF);
	EXPECT_EQ(fd_replace(2, f, false), 2);
	EXPECT_EQ(released, 1u);
	EXPECT_EQ(fd_close(0), 0);
	EXPECT_EQ(fd_install(file(), 0, false), 0);
	end();
}

TEST(tables_grow_to_thousands)
{
	begin();
	fd_set_limit(current()->files, 1 << 20);
	for (int i = 0; i < 3000; i++)
		REQUIRE(fd_install(file(), 0, i % 2) == i);
	for (int i = 0; i < 3000; i++)
		REQUIRE(fd_borrow(i).file && fd_get_cloexec(i) == i % 2);
	EXPECT_EQ(fd_close(1234), 0);
	EXPECT_EQ(fd_install(file(), 0, false), 1234);
	EXPECT_EQ(fd_replace(200000, file(), true), 200000);
	EXPECT_EQ(fd_get_cloexec(200000), 1);
	end();
	EXPECT_EQ(released, 3002u);
}

TEST(a_copy_has_the_same_files)
{
	struct fd_table *mine, *copy;

	begin();
	for (int i = 0; i < 200; i++)
		fd_install(file(), 0, i % 3 == 0);
	EXPECT_EQ(fd_reserve(0, false), 200);
	mine = current()->files;
	copy = fd_table_copy(mine);
	REQUIRE(copy);
	current()->files = copy;
	for (int i = 0; i < 200; i++)
		REQUIRE(fd_get_cloexec(i) == (i % 3 == 0));
	/* A number that was only reserved is free in the copy. */
	EXPECT_EQ(fd_install(file(), 0, false), 200);
	fd_table_close_on_exec(copy);
	for (int i = 0; i < 200; i++)
		REQUIRE((fd_borrow(i).file == NULL) == (i % 3 == 0));
	fd_table_put(copy);
	EXPECT_EQ(released, 1u);
	current()->files = mine;
	fd_unreserve(200);
	end();
	EXPECT_EQ(released, 201u);
}

TEST(sharing_takes_references)
{
	struct fd_ref r;

	begin();
	EXPECT_EQ(fd_install(file(), 0, false), 0);
	r = fd_borrow(0);
	EXPECT(!r.referenced);
	fd_return(r);
	fd_table_get(current()->files);
	r = fd_borrow(0);
	EXPECT(r.referenced);
	EXPECT_EQ(fd_close(0), 0);
	EXPECT_EQ(released, 0u);
	fd_return(r);
	EXPECT_EQ(released, 1u);
	fd_table_put(current()->files);
	end();
}

TEST(no_memory_leaves_the_table_as_it_was)
{
	struct file *f;

	begin();
	for (int i = 0; i < 64; i++)
		fd_install(file(), 0, false);
	f = file();
	host_alloc_fail(1);
	EXPECT_EQ(fd_install(f, 0, false), -ENOMEM);
	host_alloc_fail(0);
	EXPECT_EQ(fd_install(f, 0, false), 64);
	EXPECT_EQ(fd_close_range(10, 1000, false), 0);
	EXPECT_EQ(released, 55u);
	EXPECT_EQ(fd_install(file(), 0, false), 10);
	EXPECT_EQ(fd_close_range(0, ~0u, true), 0);
	EXPECT_EQ(fd_get_cloexec(10), 1);
	end();
}
