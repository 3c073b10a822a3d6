/*
 * splice, tee, vmsplice, sendfile, copy_file_range and the sizes of pipes, as
 * programs see them. Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static char big[300000] __attribute__((aligned(4096))), back[300000];

static int file_of(const char *text, size_t len)
{
	char name[] = "/tmp/splices.XXXXXX";
	int fd = mkstemp(name);

	EXPECT(fd >= 0);
	unlink(name);
	SAME(write(fd, text, len), len);
	SAME(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void fill_big(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
}

static bool gives(int fd, const char *text)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

CHECK(splice_takes_what_the_pipe_has_room_for)
{
	int fd, p[2], null = open("/dev/null", O_WRONLY);
	loff_t at = 3;

	fill_big();
	fd = file_of(big, sizeof(big));
	EXPECT(pipe(p) == 0);
	SAME(splice(fd, NULL, p[1], NULL, sizeof(big), 0), 65536);
	SAME(lseek(fd, 0, SEEK_CUR), 65536);
	FAILS(splice(fd, NULL, p[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	SAME(read(p[0], back, sizeof(back)), 65536);
	EXPECT(!memcmp(back, big, 65536));
	SAME(splice(fd, &at, p[1], NULL, 10, 0), 10);
	SAME(at, 13);
	SAME(lseek(fd, 0, SEEK_CUR), 65536);
	SAME(read(p[0], back, sizeof(back)), 10);
	EXPECT(!memcmp(back, big + 3, 10));
	at = sizeof(big) - 4;
	SAME(splice(fd, &at, p[1], NULL, 100, 0), 4);
	SAME(splice(fd, &at, p[1], NULL, 100, 0), 0);
	SAME(splice(p[0], NULL, null, NULL, 100, 0), 4);
	FAILS(splice(p[0], NULL, null, NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	close(p[1]);
	SAME(splice(p[0], NULL, null, NULL, 100, 0), 0);
	EXPECT(pipe(p) == 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	FAILS(splice(fd, NULL, p[1], NULL, 1, 0), EPIPE);
}

CHECK(splice_out_of_a_pipe)
{
	int fd = file_of("0123456789", 10), p[2], s[2];
	loff_t at = 8;

	EXPECT(pipe(p) == 0);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	SAME(write(p[1], "abcdef", 6), 6);
	SAME(splice(p[0], NULL, fd, &at, 3, 0), 3);
	SAME(at, 11);
	SAME(lseek(fd, 0, SEEK_CUR), 0);
	SAME(splice(p[0], NULL, fd, NULL, 2, SPLICE_F_MOVE | SPLICE_F_MORE), 2);
	SAME(lseek(fd, 0, SEEK_CUR), 2);
	SAME(pread(fd, back, 100, 0), 11);
	EXPECT(!memcmp(back, "de234567abc", 11));
	SAME(splice(p[0], NULL, s[0], NULL, 100, 0), 1);
	EXPECT(gives(s[1], "f"));
	SAME(write(s[1], "stream", 6), 6);
	SAME(splice(s[0], NULL, p[1], NULL, 100, 0), 6);
	EXPECT(gives(p[0], "stream"));
}

CHECK(splice_refuses)
{
	int fd = file_of("0123456789", 10), p[2], q[2], e = eventfd(1, 0);
	int append = file_of("", 0), dir = open("/tmp", O_RDONLY);
	loff_t at = 0, before = -1;

	EXPECT(pipe(p) == 0 && pipe(q) == 0);
	SAME(write(p[1], "x", 1), 1);
	SAME(splice(999, NULL, 998, NULL, 0, 0), 0);
	FAILS(splice(fd, NULL, p[1], NULL, 1, 64), EINVAL);
	FAILS(splice(999, NULL, p[1], NULL, 1, 0), EBADF);
	FAILS(splice(fd, NULL, 999, NULL, 1, 0), EBADF);
	FAILS(splice(p[1], NULL, fd, NULL, 1, 0), EBADF);
	FAILS(splice(fd, NULL, p[0], NULL, 1, 0), EBADF);
	FAILS(splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
	FAILS(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
	FAILS(splice(p[0], &at, fd, NULL, 1, 0), ESPIPE);
	FAILS(splice(fd, NULL, p[1], &at, 1, 0), ESPIPE);
	FAILS(splice(p[0], &at, q[1], NULL, 1, 0), ESPIPE);
	FAILS(splice(fd, (loff_t *)nowhere, p[1], NULL, 1, 0), EFAULT);
	FAILS(splice(fd, &before, p[1], NULL, 1, 0), EINVAL);
	FAILS(splice(e, NULL, p[1], NULL, 8, 0), EINVAL);
	FAILS(splice(p[0], NULL, e, NULL, 8, 0), EINVAL);
	FAILS(splice(dir, NULL, p[1], NULL, 8, 0), EINVAL);
	SAME(fcntl(append, F_SETFL, O_APPEND), 0);
	FAILS(splice(p[0], NULL, append, NULL, 1, 0), EINVAL);
	EXPECT(gives(p[0], "x"));
}

CHECK(splice_between_pipes)
{
	int p[2], q[2];

	fill_big();
	EXPECT(pipe(p) == 0 && pipe(q) == 0);
	SAME(fcntl(q[1], F_SETPIPE_SZ, 4096), 4096);
	SAME(write(p[1], big, 9000), 9000);
	/* Linux counts pages, we bytes: both fill the pipe, and both stop there. */
	SAME(splice(p[0], NULL, q[1], NULL, 9000, 0), 4096);
	FAILS(splice(p[0], NULL, q[1], NULL, 9000, SPLICE_F_NONBLOCK), EAGAIN);
	SAME(read(q[0], back, 9000), 4096);
	EXPECT(!memcmp(back, big, 4096));
	SAME(splice(p[0], NULL, q[1], NULL, 4096, 0), 4096);
	SAME(read(q[0], back, 9000), 4096);
	EXPECT(!memcmp(back, big + 4096, 4096));
	SAME(splice(p[0], NULL, q[1], NULL, 4096, 0), 808);
	SAME(read(q[0], back, 9000), 808);
	EXPECT(!memcmp(back, big + 8192, 808));
	close(p[1]);
	SAME(splice(p[0], NULL, q[1], NULL, 1, 0), 0);
}

CHECK(tee_leaves_the_bytes)
{
	int p[2], q[2], fd = file_of("x", 1);

	EXPECT(pipe(p) == 0 && pipe(q) == 0);
	SAME(write(p[1], "hello ", 6), 6);
	SAME(write(p[1], "world", 5), 5);
	SAME(tee(p[0], q[1], 100, 0), 11);
	SAME(tee(p[0], q[1], 4, 0), 4);
	EXPECT(gives(q[0], "hello worldhell"));
	EXPECT(gives(p[0], "hello world"));
	FAILS(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK), EAGAIN);
	SAME(tee(p[0], q[1], 0, 0), 0);
	FAILS(tee(p[0], q[1], 1, 64), EINVAL);
	FAILS(tee(p[0], p[1], 1, 0), EINVAL);
	FAILS(tee(fd, q[1], 1, 0), EINVAL);
	FAILS(tee(999, q[1], 1, 0), EBADF);
	FAILS(tee(p[1], q[1], 1, 0), EBADF);
	close(p[1]);
	SAME(tee(p[0], q[1], 100, 0), 0);
}

CHECK(vmsplice_both_ways)
{
	struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } }, in = { back, 100 }, wrong = { nowhere, 5 };
	int p[2], fd = file_of("x", 1);

	fill_big();
	EXPECT(pipe(p) == 0);
	SAME(vmsplice(p[1], v, 2, 0), 5);
	SAME(vmsplice(p[0], &in, 1, 0), 5);
	EXPECT(!memcmp(back, "abcde", 5));
	FAILS(vmsplice(p[0], &in, 1, SPLICE_F_NONBLOCK), EAGAIN);
	SAME(vmsplice(p[1], &(struct iovec){ big, sizeof(big) }, 1, 0), 65536);
	FAILS(vmsplice(p[1], v, 2, SPLICE_F_NONBLOCK), EAGAIN);
	SAME(read(p[0], back, sizeof(back)), 65536);
	EXPECT(!memcmp(back, big, 65536));
	FAILS(vmsplice(p[1], &wrong, 1, 0), EFAULT);
	FAILS(vmsplice(p[1], v, 2, 64), EINVAL);
	FAILS(vmsplice(fd, v, 2, 0), EBADF);
	FAILS(vmsplice(999, v, 2, 0), EBADF);
	SAME(vmsplice(p[1], v, 0, 0), 0);
}

/* A splice that waits for its file leaves the pipe to others. */
CHECK(a_waiting_splice_can_be_interrupted_and_goes_on)
{
	int p[2], s[2];
	pid_t pid;

	EXPECT(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid = fork();
	if (!pid) {
		SAME(splice(s[0], NULL, p[1], NULL, 4096, 0), 4);
		SAME(splice(s[0], NULL, p[1], NULL, 4096, 0), 4);
		_exit(0);
	}
	SAME(write(s[1], "1234", 4), 4);
	SAME(read(p[0], back, 100), 4);
	SAME(write(s[1], "5678", 4), 4);
	SAME(read(p[0], back, 100), 4);
	EXPECT(!memcmp(back, "5678", 4));
	child_ok(pid);
}

CHECK(many_bytes_through_two_splices)
{
	int fd, out = file_of("", 0), p[2];
	size_t sent = 0;
	pid_t pid;

	fill_big();
	fd = file_of(big, sizeof(big));
	EXPECT(pipe(p) == 0);
	pid = fork();
	if (!pid) {
		ssize_t n;

		close(p[0]);
		while ((n = splice(fd, NULL, p[1], NULL, sizeof(big), 0)) > 0)
			;
		_exit(n != 0);
	}
	close(p[1]);
	for (;;) {
		ssize_t n = splice(p[0], NULL, out, NULL, 5000, 0);

		EXPECT(n >= 0);
		if (!n)
			break;
		sent += n;
	}
	child_ok(pid);
	SAME(sent, sizeof(big));
	SAME(pread(out, back, sizeof(back), 0), sizeof(back));
	EXPECT(!memcmp(big, back, sizeof(big)));
}

CHECK(sendfile_anywhere)
{
	int fd, out = file_of("", 0), p[2], s[2];
	off_t at = 299990, before = -1;

	fill_big();
	fd = file_of(big, sizeof(big));
	EXPECT(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	SAME(sendfile(out, fd, NULL, 1000000), sizeof(big));
	SAME(pread(out, back, sizeof(back), 0), sizeof(back));
	EXPECT(!memcmp(big, back, sizeof(big)));
	SAME(sendfile(out, fd, NULL, 1000000), 0);
	SAME(sendfile(s[0], fd, &at, 1000000), 10);
	SAME(at, 300000);
	SAME(read(s[1], back, 100), 10);
	EXPECT(!memcmp(back, big + 299990, 10));
	at = 4096;
	SAME(sendfile(p[1], fd, &at, 1000000), 65536);
	SAME(at, 69632);
	SAME(fcntl(p[1], F_SETFL, O_NONBLOCK), 0);
	FAILS(sendfile(p[1], fd, &at, 10), EAGAIN);
	SAME(read(p[0], back, 65536), 65536);
	EXPECT(!memcmp(back, big + 4096, 65536));
	SAME(write(s[1], "abc", 3), 3);
	SAME(sendfile(p[1], s[0], NULL, 100), 3);
	EXPECT(gives(p[0], "abc"));
	FAILS(sendfile(out, s[0], NULL, 1), EINVAL);
	FAILS(sendfile(out, s[0], &at, 1), ESPIPE);
	FAILS(sendfile(out, fd, &before, 1), EINVAL);
	FAILS(sendfile(out, fd, (off_t *)nowhere, 1), EFAULT);
	FAILS(sendfile(999, fd, NULL, 1), EBADF);
	FAILS(sendfile(p[0], fd, NULL, 1), EBADF);
	SAME(fcntl(out, F_SETFL, O_APPEND), 0);
	FAILS(sendfile(out, fd, NULL, 1), EINVAL);
}

CHECK(copying_ranges)
{
	int fd = file_of("0123456789", 10), out = file_of("", 0), p[2], zero = open("/dev/zero", O_RDONLY);
	int dir = open("/tmp", O_RDONLY), proc = open("/proc/version", O_RDONLY), memory = memfd_create("m", 0);
	loff_t from = 4, to = 2;

	EXPECT(pipe(p) == 0);
	SAME(copy_file_range(fd, NULL, out, NULL, 3, 0), 3);
	SAME(lseek(fd, 0, SEEK_CUR), 3);
	SAME(lseek(out, 0, SEEK_CUR), 3);
	SAME(copy_file_range(fd, &from, out, &to, 100, 0), 6);
	SAME(from, 10);
	SAME(to, 8);
	SAME(pread(out, back, 100, 0), 8);
	EXPECT(!memcmp(back, "01456789", 8));
	SAME(copy_file_range(fd, &from, out, &to, 100, 0), 0);
	from = 0;
	to = 5;
	FAILS(copy_file_range(fd, &from, fd, &to, 6, 0), EINVAL);
	SAME(copy_file_range(fd, &from, fd, &to, 5, 0), 5);
	FAILS(copy_file_range(fd, NULL, out, NULL, 1, 1), EINVAL);
	FAILS(copy_file_range(fd, NULL, p[1], NULL, 1, 0), EINVAL);
	FAILS(copy_file_range(zero, NULL, out, NULL, 1, 0), EINVAL);
	FAILS(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	FAILS(copy_file_range(999, NULL, out, NULL, 1, 0), EBADF);
	FAILS(copy_file_range(fd, NULL, proc, NULL, 1, 0), EBADF);
	FAILS(copy_file_range(fd, NULL, memory, NULL, 1, 0), EXDEV);
	SAME(fcntl(out, F_SETFL, O_APPEND), 0);
	FAILS(copy_file_range(fd, NULL, out, NULL, 1, 0), EBADF);
}

static long number_in(const char *name)
{
	FILE *f = fopen(name, "r");
	long n = -1;

	EXPECT(f && fscanf(f, "%ld", &n) == 1);
	fclose(f);
	return n;
}

static bool set_max(const char *text)
{
	int fd = open("/proc/sys/fs/pipe-max-size", O_WRONLY);
	bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

CHECK(sizes_of_pipes)
{
	int p[2], status;
	pid_t pid;

	fill_big();
	EXPECT(pipe(p) == 0);
	SAME(fcntl(p[0], F_GETPIPE_SZ), 65536);
	SAME(fcntl(p[0], F_SETPIPE_SZ, 0), 4096);
	SAME(fcntl(p[0], F_SETPIPE_SZ, 5000), 8192);
	SAME(write(p[1], big, 8192), 8192);
	FAILS(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
	SAME(fcntl(p[0], F_SETPIPE_SZ, 100000), 131072);
	SAME(write(p[1], big + 8192, 100000), 100000);
	SAME(read(p[0], back, sizeof(back)), 108192);
	EXPECT(!memcmp(back, big, 108192));
	FAILS(fcntl(p[0], F_SETPIPE_SZ, 0x80000001), EINVAL);
	FAILS(fcntl(open("/dev/null", O_RDONLY), F_GETPIPE_SZ), EBADF);
	SAME(number_in("/proc/sys/fs/pipe-max-size"), 1048576);
	EXPECT(set_max("100000\n"));
	SAME(number_in("/proc/sys/fs/pipe-max-size"), 131072);
	EXPECT(!set_max("x"));
	EXPECT(set_max("0"));
	SAME(number_in("/proc/sys/fs/pipe-max-size"), 4096);
	EXPECT(set_max("131072"));
	pid = fork();
	if (!pid) {
		EXPECT(setresuid(1000, 1000, 1000) == 0);
		EXPECT(pipe(p) == 0);
		FAILS(fcntl(p[0], F_SETPIPE_SZ, 131073), EPERM);
		SAME(fcntl(p[0], F_SETPIPE_SZ, 131072), 131072);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(set_max("1048576"));
	SAME(number_in("/proc/sys/fs/pipe-max-size"), 1048576);
	SAME(status, 0);
}

/* PIPE_BUF bytes are never mixed with others', whoever writes beside. */
CHECK(writes_of_pipe_buf_stay_in_one_piece)
{
	static char block[4096];
	int p[2];

	EXPECT(pipe(p) == 0);
	for (int w = 0; w < 4; w++) {
		if (fork() == 0) {
			memset(block, 'a' + w, sizeof(block));
			for (int i = 0; i < 40; i++)
				if (write(p[1], block, sizeof(block)) != sizeof(block))
					_exit(1);
			_exit(0);
		}
	}
	close(p[1]);
	for (int i = 0; i < 160; i++) {
		for (size_t n = 0; n < sizeof(block);) {
			ssize_t got = read(p[0], block + n, sizeof(block) - n);

			EXPECT(got > 0);
			n += got;
		}
		for (size_t n = 1; n < sizeof(block); n++)
			EXPECT(block[n] == block[0]);
	}
	for (int w = 0, status; w < 4; w++)
		EXPECT(wait(&status) > 0 && status == 0);
	SAME(read(p[0], block, 1), 0);
}

/* Those who read, splice and tee from one pipe at the same time get every byte once between them. */
CHECK(readers_of_every_kind_share_a_pipe)
{
	int p[2], q[2], sums[2], out = file_of("", 0);
	long total = 0, part;

	EXPECT(pipe(p) == 0 && pipe(q) == 0 && pipe(sums) == 0);
	for (int kind = 0; kind < 4; kind++) {
		if (fork())
			continue;
		close(p[1]);
		close(kind == 2 ? q[0] : q[1]);
		part = 0;
		for (;;) {
			ssize_t n = kind == 0 ? read(p[0], back, 3000) :
				kind == 1 ? splice(p[0], NULL, out, NULL, 5000, 0) :
				kind == 2 ? splice(p[0], NULL, q[1], NULL, 7000, 0) : read(q[0], back, sizeof(back));

			if (n < 0)
				_exit(1);
			if (!n)
				break;
			part += n;
		}
		/* What went on through q is counted where it ended. */
		part = kind == 2 ? 0 : part;
		_exit(write(sums[1], &part, sizeof(part)) != sizeof(part));
	}
	close(p[0]);
	close(q[0]);
	close(q[1]);
	for (int i = 0; i < 200; i++)
		SAME(write(p[1], big, 5000), 5000);
	close(p[1]);
	for (int kind = 0; kind < 4; kind++) {
		SAME(read(sums[0], &part, sizeof(part)), sizeof(part));
		total += part;
	}
	SAME(total, 1000000);
	for (int kind = 0, status; kind < 4; kind++)
		EXPECT(wait(&status) > 0 && status == 0);
}

/* ---- packets ---------------------------------------------------------------------- */

static ssize_t readable(int fd)
{
	int n;

	SAME(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void packets(int p[2])
{
	SAME(pipe2(p, O_DIRECT | O_NONBLOCK), 0);
}

static void say(int fd, const char *text)
{
	SAME(write(fd, text, strlen(text)), strlen(text));
}

/* A read of up to n bytes gives just these. */
static void hear(int fd, size_t n, const char *text)
{
	char buf[100] = "";

	SAME(read(fd, buf, n), strlen(text));
	EXPECT(!memcmp(buf, text, strlen(text)));
}

CHECK(a_packet_is_read_by_itself)
{
	char big[10000] = "";
	int p[2];

	packets(p);
	SAME(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
	SAME(fcntl(p[1], F_GETFL) & O_DIRECT, O_DIRECT);
	say(p[1], "one");
	say(p[1], "two");
	say(p[1], "x");
	SAME(readable(p[0]), 7);
	hear(p[0], 100, "one");
	/* What there is no room for is gone. */
	hear(p[0], 1, "t");
	hear(p[0], 100, "x");
	FAILS(read(p[0], big, 1), EAGAIN);
	SAME(write(p[1], big, 0), 0);
	FAILS(read(p[0], big, 1), EAGAIN);
	/* Longer ones are cut into several. */
	SAME(write(p[1], big, sizeof(big)), sizeof(big));
	SAME(read(p[0], big, sizeof(big)), 4096);
	SAME(read(p[0], big, sizeof(big)), 4096);
	SAME(read(p[0], big, sizeof(big)), sizeof(big) - 2 * 4096);
	FAILS(read(p[0], big, 1), EAGAIN);
}

CHECK(a_pipe_takes_as_many_packets_as_pages)
{
	struct pollfd out;
	int p[2];

	packets(p);
	out = (struct pollfd){ p[1], POLLOUT, 0 };
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 16; i++) {
			SAME(poll(&out, 1, 0), 1);
			say(p[1], "1");
		}
		FAILS(write(p[1], "1", 1), EAGAIN);
		SAME(poll(&out, 1, 0), 0);
		SAME(readable(p[0]), 16);
		for (int i = 0; i < 16 - round; i++)
			hear(p[0], 9, "1");
		for (int i = 0; i < 16 - round; i++)
			say(p[1], "1");
		FAILS(write(p[1], "1", 1), EAGAIN);
		for (int i = 0; i < 16; i++)
			hear(p[0], 9, "1");
		FAILS(read(p[0], &out, 1), EAGAIN);
	}
}

CHECK(packets_and_then_bytes)
{
	int p[2];

	SAME(pipe2(p, O_NONBLOCK), 0);
	for (int i = 0; i < 40; i++) {
		SAME(fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
		say(p[1], "packet");
		SAME(fcntl(p[1], F_SETFL, O_NONBLOCK), 0);
		say(p[1], "c");
		say(p[1], "d");
		SAME(readable(p[0]), 8);
		hear(p[0], 5, "packe");
		if (i & 1)
			hear(p[0], 5, "cd");
		else
			hear(p[0], 1, "c"), hear(p[0], 1, "d");
	}
}

CHECK(packets_through_splice_and_tee)
{
	char name[] = "/tmp/packets", buf[100];
	int p[2], q[2], r[2], f = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	packets(p);
	SAME(pipe2(q, O_NONBLOCK), 0);
	SAME(pipe2(r, O_NONBLOCK), 0);
	say(p[1], "one");
	say(p[1], "two");
	SAME(tee(p[0], q[1], 100, 0), 6);
	SAME(readable(p[0]), 6);
	hear(q[0], 100, "one");
	hear(q[0], 100, "two");
	/* A part of one is one, and so is the rest. */
	SAME(splice(p[0], NULL, q[1], NULL, 5, 0), 5);
	SAME(tee(p[0], r[1], 100, 0), 1);
	hear(q[0], 100, "one");
	hear(q[0], 100, "tw");
	hear(p[0], 100, "o");
	hear(r[0], 100, "o");
	/* A file has bytes. */
	say(p[1], "one");
	say(p[1], "two");
	SAME(splice(p[0], NULL, f, NULL, 100, 0), 6);
	SAME(pread(f, buf, 100, 0), 6);
	EXPECT(!memcmp(buf, "onetwo", 6));
	SAME(splice(f, &(loff_t){ 0 }, p[1], NULL, 6, 0), 6);
	hear(p[0], 2, "on");
	hear(p[0], 9, "etwo");
	unlink(name);
}
