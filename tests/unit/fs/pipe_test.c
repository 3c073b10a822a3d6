/*
 * Pipes: order, atomic writes, sleeping on both sides, ends that close, fifos.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/flock.c fs/devfs.c
 */
#include "fs_host.h"
#include "fs/pipe.h"
#include "fs/poll_events.h"

static struct file *ends[2];

static void pipe_open(u32 flags)
{
	fs_start();
	if (pipe_make(ends, flags))
		abort();
}

static void pipe_close(void)
{
	for (int i = 0; i < 2; i++) {
		if (ends[i])
			file_put(ends[i]);
		ends[i] = NULL;
	}
}

static s64 put_bytes(const void *data, size_t n)
{
	struct uio u;

	uio_kernel(&u, (void *)data, n);
	return file_write(ends[1], &u, NULL);
}

static s64 get_bytes(void *data, size_t n)
{
	struct uio u;

	uio_kernel(&u, data, n);
	return file_read(ends[0], &u, NULL);
}

TEST(bytes_come_out_in_order)
{
	char text[16] = "";

	pipe_open(0);
	EXPECT_EQ(put_bytes("hello ", 6), 6);
	EXPECT_EQ(put_bytes("world", 5), 5);
	EXPECT_EQ(get_bytes(text, 3), 3);
	EXPECT_EQ(get_bytes(text + 3, 10), 8);
	EXPECT_STR(text, "hello world");
	pipe_close();
}

TEST(the_ring_goes_round_at_every_offset)
{
	static u8 data[70000], back[70000];
	u64 seed = 1, in = 0, out = 0;

	pipe_open(O_NONBLOCK);
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i * 31 + i / 251;
	for (int round = 0; round < 3000; round++) {
		size_t n = (seed = seed * 6364136223846793005ull + 1) >> 40 & 0x7fff;
		s64 r = put_bytes(data + in % 3000, n);

		if (r > 0) {
			/* What went in at a place must come out from there. */
			REQUIRE(get_bytes(back, r) == r);
			REQUIRE(!memcmp(back, data + in % 3000, r));
			in += r;
			out += r;
		}
		/* Leave something behind now and then, so that reader and writer share a page. */
		if (round % 7 == 0) {
			REQUIRE(put_bytes(data, 4095) == 4095);
			REQUIRE(get_bytes(back, 4000) == 4000);
			REQUIRE(put_bytes(data + 4095, 65536 - 95) > 60000 - 4096);
			REQUIRE(get_bytes(back + 4000, 70000 - 4000) > 0);
			REQUIRE(!memcmp(back, data, 65000));
			while (get_bytes(back, sizeof(back)) > 0)
				;
		}
	}
	EXPECT_EQ(in, out);
	pipe_close();
}

TEST(a_small_write_is_whole_or_not_at_all)
{
	static u8 data[65536];

	pipe_open(O_NONBLOCK);
	EXPECT_EQ(put_bytes(data, 65536 - 100), 65536 - 100);
	EXPECT_EQ(put_bytes(data, 101), -EAGAIN);
	EXPECT_EQ(put_bytes(data, 100), 100);
	EXPECT_EQ(put_bytes(data, 1), -EAGAIN);
	EXPECT_EQ(get_bytes(data, 10), 10);
	/* More than PIPE_BUF may be split. */
	EXPECT_EQ(put_bytes(data, 5000), 10);
	pipe_close();
}

static s64 writer_result;

static void big_writer(void *arg)
{
	static u8 data[200000];

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i % 253;
	writer_result = put_bytes(data, sizeof(data));
	file_put(ends[1]);
	ends[1] = NULL;
}

TEST(a_writer_waits_for_room_and_a_reader_for_bytes)
{
	static u8 back[7000];
	u64 total = 0;
	s64 n;

	pipe_open(0);
	REQUIRE(thread_create("writer", big_writer, NULL));
	while ((n = get_bytes(back, sizeof(back))) > 0) {
		for (s64 i = 0; i < n; i++)
			REQUIRE(back[i] == (total + i) % 253);
		total += n;
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(total, 200000u);
	EXPECT_EQ(writer_result, 200000);
	pipe_close();
}

TEST(ends_that_close_are_told)
{
	char c;

	pipe_open(0);
	EXPECT_EQ(put_bytes("x", 1), 1);
	EXPECT_EQ(file_poll(ends[0], NULL), EPOLLIN | EPOLLRDNORM);
	EXPECT_EQ(file_poll(ends[1], NULL), EPOLLOUT | EPOLLWRNORM);
	file_put(ends[1]);
	ends[1] = NULL;
	EXPECT_EQ(file_poll(ends[0], NULL), EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	EXPECT_EQ(get_bytes(&c, 1), 1);
	EXPECT_EQ(get_bytes(&c, 1), 0);
	pipe_close();

	pipe_open(0);
	file_put(ends[0]);
	ends[0] = NULL;
	EXPECT(file_poll(ends[1], NULL) & EPOLLERR);
	EXPECT_EQ(put_bytes("x", 1), -EPIPE);
	EXPECT_EQ(host_signals_sent[13], 1u);
	pipe_close();
}

TEST(directions_are_kept)
{
	struct uio u;
	char c;

	pipe_open(O_NONBLOCK);
	uio_kernel(&u, &c, 1);
	EXPECT_EQ(file_write(ends[0], &u, NULL), -EBADF);
	EXPECT_EQ(file_read(ends[1], &u, NULL), -EBADF);
	EXPECT_EQ(file_read(ends[0], &u, &(u64){ 0 }), -ESPIPE);
	EXPECT_EQ(get_bytes(&c, 1), -EAGAIN);
	pipe_close();
}

TEST(the_size_can_be_set_around_what_is_in_it)
{
	static u8 data[100000], back[100000];

	pipe_open(O_NONBLOCK);
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i % 247;
	EXPECT_EQ(pipe_size(ends[0]), 65536);
	EXPECT_EQ(put_bytes(data, 10000), 10000);
	EXPECT_EQ(get_bytes(back, 5000), 5000);
	EXPECT_EQ(pipe_set_size(ends[1], 1 << 20), 1 << 20);
	EXPECT_EQ(put_bytes(data + 10000, 90000), 90000);
	EXPECT_EQ(pipe_set_size(ends[1], 4096), -EBUSY);
	EXPECT_EQ(get_bytes(back + 5000, 95000), 95000);
	EXPECT_MEM(back, data, 100000);
	EXPECT_EQ(pipe_set_size(ends[1], 4096), 4096);
	EXPECT_EQ(put_bytes(data, 5000), 4096);
	pipe_close();
}

static s64 fifo_result;

static void fifo_writer(void *arg)
{
	struct file *f;
	struct uio u;

	fifo_result = path_open("/fifo", O_WRONLY, 0, &f);
	if (fifo_result)
		return;
	uio_kernel(&u, "through", 7);
	fifo_result = file_write(f, &u, NULL);
	file_put(f);
}

TEST(a_fifo_brings_two_together)
{
	struct file *f;

	fs_start();
	EXPECT_EQ(path_mknod(NULL, "/fifo", S_IFIFO | 0600, 0), 0);
	EXPECT_EQ(path_open("/fifo", O_WRONLY | O_NONBLOCK, 0, &f), -ENXIO);
	REQUIRE(thread_create("writer", fifo_writer, NULL));
	EXPECT_STR(got("/fifo"), "through");
	host_run();
	EXPECT_EQ(fifo_result, 7);
	EXPECT_EQ(path_open("/fifo", O_RDONLY | O_NONBLOCK, 0, &f), 0);
	file_put(f);
	EXPECT_EQ(path_unlink(NULL, "/fifo"), 0);
}
