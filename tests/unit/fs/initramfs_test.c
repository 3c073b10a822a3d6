/*
 * Archives for the root file system: right ones come out whole, however they
 * are cut into pieces; wrong ones end with a message and leave what came before.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/flock.c fs/devfs.c fs/initramfs.c
 */
#include "fs_host.h"
#include "fs/devfs.h"
#include "fs/initramfs.h"

static u8 archive[1 << 20];
static size_t len;

static void pad(void)
{
	while (len % 4)
		archive[len++] = 0;
}

struct entry { const char *name; u32 mode; const void *data; size_t size; u32 ino, nlink, rmajor, rminor, mtime; };

static void entry(struct entry e)
{
	char header[111];

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 e.ino, e.mode, 0, 0, e.nlink ? e.nlink : 1, e.mtime, (u32)e.size, 0, 0, e.rmajor, e.rminor,
		 (u32)strlen(e.name) + 1, 0);
	memcpy(archive + len, header, 110);
	len += 110;
	memcpy(archive + len, e.name, strlen(e.name) + 1);
	len += strlen(e.name) + 1;
	pad();
	if (e.size)
		memcpy(archive + len, e.data, e.size);
	len += e.size;
	pad();
}

static void dir(const char *name) { entry((struct entry){ .name = name, .mode = S_IFDIR | 0755 }); }
static void file(const char *name, const char *text)
{
	entry((struct entry){ .name = name, .mode = S_IFREG | 0644, .data = text, .size = strlen(text) });
}
static void trailer(void) { entry((struct entry){ .name = "TRAILER!!!" }); }

static void begin(void)
{
	fs_start();
	len = 0;
}

/* A gzip member that only stores what it holds. */
static size_t gzip_stored(const u8 *data, size_t n, u8 *out)
{
	static const u8 head[10] = { 0x1f, 0x8b, 8 };
	u8 *p = out;
	u32 crc = 0;
	size_t at = 0;

	memcpy(p, head, 10);
	p += 10;
	do {
		u32 part = MIN(n - at, (size_t)60000);

		*p++ = at + part == n;
		*p++ = part;
		*p++ = part >> 8;
		*p++ = ~part;
		*p++ = ~part >> 8;
		memcpy(p, data + at, part);
		p += part;
		at += part;
	} while (at < n);
	/* CRC-32 bit by bit: the kernel's own is what is tested. */
	crc = ~0u;
	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	crc = ~crc;
	memcpy(p, &crc, 4);
	p += 4;
	memcpy(p, &(u32){ n }, 4);
	return p + 4 - out;
}

TEST(every_kind_of_thing_comes_out)
{
	struct path p;

	begin();
	dir(".");
	dir("bin");
	entry((struct entry){ .name = "bin/tool", .mode = S_IFREG | 04755, .data = "#!", .size = 2, .mtime = 1000 });
	entry((struct entry){ .name = "./bin/link", .mode = S_IFLNK | 0777, .data = "tool", .size = 4 });
	entry((struct entry){ .name = "/dev-null", .mode = S_IFCHR | 0666, .rmajor = 1, .rminor = 3 });
	entry((struct entry){ .name = "fifo", .mode = S_IFIFO | 0600 });
	trailer();
	EXPECT_EQ(initramfs_unpack(archive, len), 0);
	EXPECT_STR(got("/bin/tool"), "#!");
	EXPECT_STR(got("/bin/link"), "#!");
	EXPECT_EQ(attr_of("/bin/tool").mode, S_IFREG | 04755u);
	EXPECT_EQ(attr_of("/fifo").mode, S_IFIFO | 0600u);
	REQUIRE(!path_lookup(NULL, "/dev-null", 0, &p));
	EXPECT_EQ(p.dentry->vnode->rdev, dev_make(1, 3));
	path_put(&p);
	REQUIRE(!path_lookup(NULL, "/bin/tool", 0, &p));
	EXPECT_EQ(p.dentry->vnode->mtime, 1000 * NSEC_PER_SEC);
	path_put(&p);
}

TEST(hard_links_share_their_data)
{
	begin();
	entry((struct entry){ .name = "one", .mode = S_IFREG | 0644, .ino = 7, .nlink = 3 });
	entry((struct entry){ .name = "two", .mode = S_IFREG | 0644, .ino = 7, .nlink = 3 });
	entry((struct entry){ .name = "three", .mode = S_IFREG | 0644, .ino = 7, .nlink = 3, .data = "shared", .size = 6 });
	trailer();
	EXPECT_EQ(initramfs_unpack(archive, len), 0);
	EXPECT_STR(got("/one"), "shared");
	EXPECT_STR(got("/two"), "shared");
	EXPECT_EQ(attr_of("/three").valid, 3u);
}

TEST(later_entries_take_the_place_of_earlier_ones)
{
	begin();
	file("again", "first version, longer");
	file("again", "second");
	entry((struct entry){ .name = "swap", .mode = S_IFLNK | 0777, .data = "again", .size = 5 });
	file("swap", "a file now");
	dir("was-dir");
	file("was-dir", "file");
	trailer();
	EXPECT_EQ(initramfs_unpack(archive, len), 0);
	EXPECT_STR(got("/again"), "second");
	EXPECT_STR(got("/swap"), "a file now");
	EXPECT_STR(got("/was-dir"), "file");
}

TEST(archives_follow_one_another_in_any_form)
{
	static u8 all[1 << 20];
	size_t n = 0;

	begin();
	file("m1", "plain");
	trailer();
	memcpy(all, archive, len);
	n = len + 512;		/* zeros between */
	len = 0;
	file("m2", "packed");
	file("m1", "packed over plain");
	trailer();
	n += gzip_stored(archive, len, all + n);
	n = ALIGN_UP(n, 4ul);
	len = 0;
	file("m3", "plain again");
	trailer();
	memcpy(all + n, archive, len);
	n += len;
	EXPECT_EQ(initramfs_unpack(all, n), 0);
	EXPECT_STR(got("/m1"), "packed over plain");
	EXPECT_STR(got("/m2"), "packed");
	EXPECT_STR(got("/m3"), "plain again");
}

TEST(big_files_through_gzip_are_whole)
{
	static u8 data[300000], zipped[400000], back[300000];
	struct file *f;
	struct uio u;

	begin();
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 255;
	entry((struct entry){ .name = "big", .mode = S_IFREG | 0644, .data = data, .size = sizeof(data) });
	file("after", "ok");
	trailer();
	EXPECT_EQ(initramfs_unpack(zipped, gzip_stored(archive, len, zipped)), 0);
	REQUIRE(!path_open("/big", O_RDONLY, 0, &f));
	EXPECT_EQ(f->vnode->size, sizeof(data));
	uio_kernel(&u, back, sizeof(back));
	EXPECT_EQ(file_read(f, &u, NULL), (s64)sizeof(back));
	EXPECT_MEM(back, data, sizeof(data));
	file_put(f);
	EXPECT_STR(got("/after"), "ok");
}

TEST(an_archive_cut_anywhere_ends_with_a_message)
{
	size_t whole;

	begin();
	dir("cut");
	file("cut/a", "aaaaaaaaaaaaaaaaaaaaaaaaaa");
	entry((struct entry){ .name = "cut/l", .mode = S_IFLNK | 0777, .data = "target", .size = 6 });
	file("cut/b", "b");
	whole = len;
	trailer();
	for (size_t n = 1; n < whole; n++) {
		/* In memory of exactly that size, so that a byte too far is seen. */
		u8 *copy = malloc(n);

		memcpy(copy, archive, n);
		REQUIRE(initramfs_unpack(copy, n) == -EINVAL);
		free(copy);
	}
	EXPECT(host_log_has("cut off"));
	EXPECT(host_log_has("files came out"));
}

TEST(wrong_fields_are_named)
{
	static const struct { u32 at; const char *bytes, *says; } cases[] = {
		{ 0, "070707", "expected a cpio header" },
		{ 14, "xyz", "not a hexadecimal number" },
		{ 94, "00000000", "a name of 0 bytes" },
		{ 94, "00100000", "a name of 1048576 bytes" },
		{ 14, "0000f1ff", "no known type" },
		{ 94, "00000003", "does not end in a zero byte" },
		{ 14, "0000a1ff", "a link to a name of" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		file("victim", "");
		trailer();
		memcpy(archive + cases[i].at, cases[i].bytes, strlen(cases[i].bytes));
		EXPECT_EQ(initramfs_unpack(archive, len), -EINVAL);
		EXPECT(host_log_has(cases[i].says));
	}
	begin();
	EXPECT_EQ(initramfs_unpack("garbage!", 8), -EINVAL);
	EXPECT(host_log_has("found 67 61"));
	EXPECT_EQ(initramfs_unpack("\0\0\0\0", 4), 0);
	EXPECT_EQ(initramfs_unpack("\x1f\x8b\x08", 3), -EINVAL);
	EXPECT(host_log_has("gzip: "));
}

TEST(a_name_without_its_directory_is_passed_over)
{
	begin();
	file("nodir/x", "lost");
	file("kept", "kept");
	trailer();
	EXPECT_EQ(initramfs_unpack(archive, len), 0);
	EXPECT(host_log_has("nodir/x"));
	EXPECT_STR(got("/kept"), "kept");
}

TEST(names_do_not_climb_out)
{
	begin();
	dir("in");
	file("in/../../../../climbed", "x");
	file("in//./x", "y");
	trailer();
	EXPECT_EQ(initramfs_unpack(archive, len), 0);
	EXPECT_STR(got("/climbed"), "x");
	EXPECT_STR(got("/in/x"), "y");
}

TEST(noise_never_harms)
{
	u64 seed = 42;
	size_t whole;

	begin();
	dir("n");
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n/f%d", i);
		file(name, "some text of a file that is a bit longer");
	}
	entry((struct entry){ .name = "n/l", .mode = S_IFLNK | 0777, .data = "f1", .size = 2 });
	trailer();
	whole = len;
	for (int round = 0; round < 5000; round++) {
		u8 *copy = malloc(whole);

		memcpy(copy, archive, whole);
		for (int k = 0; k < 1 + round % 4; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			copy[(seed >> 33) % whole] = seed >> 24;
		}
		initramfs_unpack(copy, whole);	/* right or wrong: nothing outside is touched, nothing leaks */
		free(copy);
	}
}

TEST(missing_memory_ends_it_cleanly)
{
	int r = -1;

	begin();
	dir("mem");
	file("mem/a-name-that-is-longer-than-what-is-kept-in-place", "text");
	entry((struct entry){ .name = "mem/l", .mode = S_IFLNK | 0777, .data = "f1", .size = 2, .ino = 9, .nlink = 2 });
	trailer();
	for (u32 n = 1; n < 40 && r; n++) {
		host_alloc_fail(n);
		r = initramfs_unpack(archive, len);
		host_alloc_fail(0);
		(void)path_unlink(NULL, "/mem/a-name-that-is-longer-than-what-is-kept-in-place");
		(void)path_unlink(NULL, "/mem/l");
		(void)path_rmdir(NULL, "/mem");
	}
	EXPECT_EQ(r, 0);
}
