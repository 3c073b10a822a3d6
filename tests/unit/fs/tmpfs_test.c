/*
 * The bytes of files in memory: holes, truncation, what mappings see, what a
 * bad buffer or missing memory leaves behind.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/flock.c fs/devfs.c
 */
#include "fs_host.h"
#include "fs/page_tree.h"

static struct file *open_file(const char *name, u32 flags)
{
	struct file *f;

	fs_start();
	return path_open(name, flags, 0644, &f) ? NULL : f;
}

static s64 write_at(struct file *f, u64 pos, const void *data, size_t n)
{
	struct uio u;

	uio_kernel(&u, (void *)data, n);
	return file_write(f, &u, &pos);
}

static s64 read_at(struct file *f, u64 pos, void *data, size_t n)
{
	struct uio u;

	uio_kernel(&u, data, n);
	return file_read(f, &u, &pos);
}

static bool all_bytes(const u8 *p, size_t n, u8 value)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

TEST(holes_read_as_zeros_and_take_no_memory)
{
	struct file *f = open_file("/sparse", O_RDWR | O_CREAT);
	u64 before = tmpfs_pages();
	u8 buf[5000];

	REQUIRE(f);
	EXPECT_EQ(write_at(f, 1ull << 40, "end", 3), 3);
	EXPECT_EQ(f->vnode->size, (1ull << 40) + 3);
	EXPECT_EQ(tmpfs_pages() - before, 1u);
	memset(buf, 1, sizeof(buf));
	EXPECT_EQ(read_at(f, (1ull << 40) - 4997, buf, 5000), 5000);
	EXPECT(all_bytes(buf, 4997, 0));
	EXPECT_MEM(buf + 4997, "end", 3);
	EXPECT_EQ(read_at(f, 1ull << 41, buf, 10), 0);
	/* The greatest place there is, and one past it. */
	EXPECT_EQ(write_at(f, 0x7ffffffffffffff0ull, "x", 1), 1);
	EXPECT_EQ(read_at(f, 0x7ffffffffffffff0ull, buf, 10), 1);
	EXPECT_EQ(write_at(f, 0x7fffffffffffffffull, "x", 1), -EFBIG);
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/sparse"), 0);
	EXPECT_EQ(tmpfs_pages(), before);
}

TEST(what_was_cut_off_does_not_come_back)
{
	struct file *f = open_file("/cut", O_RDWR | O_CREAT);
	struct vnode_attr a = { .valid = ATTR_SIZE, .size = 5000 };
	static u8 buf[3 * 4096];

	REQUIRE(f);
	memset(buf, 7, sizeof(buf));
	EXPECT_EQ(write_at(f, 0, buf, sizeof(buf)), (s64)sizeof(buf));
	EXPECT_EQ(vnode_setattr(f->vnode, &a), 0);
	a = (struct vnode_attr){ .valid = ATTR_SIZE, .size = sizeof(buf) };
	EXPECT_EQ(vnode_setattr(f->vnode, &a), 0);
	EXPECT_EQ(read_at(f, 0, buf, sizeof(buf)), (s64)sizeof(buf));
	EXPECT(all_bytes(buf, 5000, 7));
	EXPECT(all_bytes(buf + 5000, sizeof(buf) - 5000, 0));
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/cut"), 0);
}

TEST(a_mapping_and_the_file_are_one)
{
	struct file *f = open_file("/mapped", O_RDWR | O_CREAT);
	struct vm_object *o;
	struct page *p;
	char text[8];
	int err = 0;

	REQUIRE(f);
	EXPECT_EQ(write_at(f, 0, "written", 7), 7);
	o = f->ops->mmap(f, 0, 4096, 3, true);
	REQUIRE(!is_err(o));
	p = o->ops->get_page(o, 0, true, &err);
	REQUIRE(p);
	EXPECT_MEM(page_to_virt(p), "written", 7);
	memcpy(page_to_virt(p), "mapping", 7);
	EXPECT_EQ(read_at(f, 0, text, 7), 7);
	EXPECT_MEM(text, "mapping", 7);
	page_put(p);
	/* Past the end is nothing; a hole becomes a page that the file has too. */
	EXPECT(!o->ops->get_page(o, 1, false, &err));
	EXPECT_EQ(err, -EFAULT);
	EXPECT_EQ(vnode_setattr(f->vnode, &(struct vnode_attr){ .valid = ATTR_SIZE, .size = 8192 }), 0);
	p = o->ops->get_page(o, 1, true, &err);
	REQUIRE(p);
	memcpy(page_to_virt(p), "hole", 4);
	page_put(p);
	EXPECT_EQ(read_at(f, 4096, text, 4), 4);
	EXPECT_MEM(text, "hole", 4);
	/* The mapping keeps the file when its name and its opens have gone. */
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/mapped"), 0);
	p = o->ops->get_page(o, 0, false, &err);
	REQUIRE(p);
	EXPECT_MEM(page_to_virt(p), "mapping", 7);
	page_put(p);
	vm_object_put(o);
	EXPECT_EQ(tmpfs_pages(), 0u);
}

TEST(memory_without_a_name_is_zeros_and_goes_with_its_last_user)
{
	struct vm_object *o = tmpfs_object_new(5000);
	struct page *p;
	int err;

	REQUIRE(!is_err(o));
	p = o->ops->get_page(o, 1, true, &err);
	REQUIRE(p);
	EXPECT(all_bytes(page_to_virt(p), 4096, 0));
	page_put(p);
	EXPECT(!o->ops->get_page(o, 2, true, &err));
	vm_object_get(o);
	vm_object_put(o);
	EXPECT_EQ(tmpfs_pages(), 1u);
	vm_object_put(o);
	EXPECT_EQ(tmpfs_pages(), 0u);
}

TEST(append_always_writes_at_the_end)
{
	struct file *a = open_file("/log", O_WRONLY | O_CREAT | O_APPEND), *b = open_file("/log", O_WRONLY | O_APPEND);
	struct uio u;

	REQUIRE(a && b);
	for (int i = 0; i < 3; i++) {
		uio_kernel(&u, "a", 1);
		EXPECT_EQ(file_write(a, &u, NULL), 1);
		uio_kernel(&u, "b", 1);
		EXPECT_EQ(file_write(b, &u, NULL), 1);
	}
	file_put(a);
	file_put(b);
	EXPECT_STR(got("/log"), "ababab");
	EXPECT_EQ(path_unlink(NULL, "/log"), 0);
}

TEST(a_bad_buffer_leaves_what_was_right)
{
	struct file *f = open_file("/bad", O_RDWR | O_CREAT);
	static u8 from[8192];
	struct uio u;
	u64 pos = 0;

	REQUIRE(f);
	memset(from, 5, sizeof(from));
	host_user_fault(from + 4096, 4096);
	uio_user(&u, (u64)from, 8192);
	EXPECT_EQ(file_write(f, &u, &pos), 4096);
	EXPECT_EQ(pos, 4096u);
	EXPECT_EQ(f->vnode->size, 4096u);
	uio_user(&u, (u64)from + 4096, 100);
	EXPECT_EQ(file_write(f, &u, &pos), -EFAULT);
	EXPECT_EQ(f->vnode->size, 4096u);
	host_user_fault(NULL, 0);
	EXPECT_EQ(tmpfs_pages(), 1u);
	/* No memory for the page, and none for the tree above it. */
	host_alloc_fail(1);
	EXPECT_EQ(write_at(f, 4096, "x", 1), -ENOMEM);
	host_alloc_fail(2);
	EXPECT_EQ(write_at(f, 1ull << 30, "x", 1), -ENOMEM);
	host_alloc_fail(0);
	EXPECT_EQ(f->vnode->size, 4096u);
	EXPECT_EQ(write_at(f, 1ull << 30, "x", 1), 1);
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/bad"), 0);
	EXPECT_EQ(tmpfs_pages(), 0u);
}

TEST(the_page_tree_holds_what_was_put_in)
{
	struct page_tree t = { 0 };
	u64 places[64], n = 0;

	fs_start();
	for (u32 shift = 0; shift < 52; shift++)
		places[n++] = (1ull << shift) + shift * 3;
	for (u64 i = 0; i < n; i++) {
		struct page *p = page_alloc(0, PA_NOWAIT);

		REQUIRE(p);
		p->owner = (void *)i;
		EXPECT_EQ(page_tree_insert(&t, places[i], p), 0);
	}
	EXPECT_EQ(t.count, n);
	for (u64 i = 0; i < n; i++) {
		struct page *p = page_tree_find(&t, places[i]);

		REQUIRE(p);
		EXPECT_EQ((u64)p->owner, i);
		EXPECT(!page_tree_find(&t, places[i] + 1) || places[i + 1] == places[i] + 1);
	}
	EXPECT_EQ(page_tree_punch(&t, places[10], places[20]), 11u);
	EXPECT(page_tree_find(&t, places[9]) && !page_tree_find(&t, places[10]) && !page_tree_find(&t, places[20]));
	EXPECT(page_tree_find(&t, places[21]) != NULL);
	EXPECT_EQ(page_tree_cut(&t, 0), n - 11);
	EXPECT_EQ(t.count, 0u);
	EXPECT(!t.root);
}
