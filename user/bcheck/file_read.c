/* read and its family: how much comes, from where, and what is refused. */
#include "bcheck.h"
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define SIZE 10000

static void plain(int fd)
{
	unsigned char buf[SIZE + 100];
	size_t at = 0;
	ssize_t n;

	/* In odd pieces, to the end and behind it. */
	while ((n = read(fd, buf, 777)) > 0) {
		SAME(n, SIZE - at < 777 ? SIZE - at : 777);
		for (ssize_t i = 0; i < n; i++)
			SAME(buf[i], pattern(at + i));
		at += n;
	}
	SAME(n, 0);
	SAME(at, SIZE);
	SAME(read(fd, buf, 1), 0);
	SAME(lseek(fd, -10, SEEK_END), SIZE - 10);
	SAME(read(fd, buf, sizeof(buf)), 10);
	SAME(read(fd, buf, 0), 0);

	/* pread has its own place. */
	SAME(lseek(fd, 5, SEEK_SET), 5);
	SAME(pread(fd, buf, 3, 4094), 3);
	SAME(buf[2], pattern(4096));
	SAME(lseek(fd, 0, SEEK_CUR), 5);
	SAME(pread(fd, buf, 1, SIZE), 0);
	SAME(pread(fd, buf, 1, SIZE * 1000ll), 0);
	FAILS(pread(fd, buf, 1, -1), EINVAL);
}

static void scattered(int fd)
{
	char a[3], b[5000], c[8];
	struct iovec parts[] = { { a, 3 }, { NULL, 0 }, { b, 5000 }, { c, 8 } };
	static struct iovec many[IOV_MAX + 1];

	SAME(lseek(fd, 1, SEEK_SET), 1);
	SAME(readv(fd, parts, 4), 5011);
	SAME((unsigned char)a[0], pattern(1));
	SAME((unsigned char)b[4999], pattern(5003));
	SAME((unsigned char)c[7], pattern(5011));
	SAME(preadv(fd, parts, 3, SIZE - 4), 4);
	SAME(readv(fd, parts, 0), 0);
	FAILS(readv(fd, parts, -1), EINVAL);
	FAILS(readv(fd, many, IOV_MAX + 1), EINVAL);
	parts[1].iov_len = SIZE_MAX;
	FAILS(readv(fd, parts, 4), EINVAL);
}

/* Memory that ends in the middle of the buffer: what fits is read, and counted. */
static void into_bad_memory(int fd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	EXPECT(p != MAP_FAILED);
	SAME(munmap(p + page, page), 0);
	SAME(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, p + page - 100, 5000);
	EXPECT(n > 0 && n <= 100);
	for (ssize_t i = 0; i < n; i++)
		SAME((unsigned char)p[page - 100 + i], pattern(i));
	SAME(lseek(fd, 0, SEEK_CUR), n);
	FAILS(read(fd, p + page, 10), EFAULT);
	FAILS(read(fd, nowhere, 10), EFAULT);
	SAME(lseek(fd, 0, SEEK_CUR), n);
	SAME(mprotect(p, page, PROT_READ), 0);
	FAILS(read(fd, p, 10), EFAULT);
	SAME(munmap(p, page), 0);
}

CHECK(file_read)
{
	int fd = pattern_file("file", SIZE), other;
	char c[4];

	plain(fd);
	scattered(fd);
	into_bad_memory(fd);

	other = open("file", O_WRONLY);
	FAILS(read(other, c, 1), EBADF);
	close(other);
	FAILS(read(other, c, 1), EBADF);
	FAILS(read(-1, c, 1), EBADF);
	other = open("file", O_PATH);
	FAILS(read(other, c, 1), EBADF);
	close(other);
	other = open(".", O_RDONLY);
	FAILS(read(other, c, 1), EISDIR);
	close(other);
	FAILS(open("missing", O_RDONLY), ENOENT);
	FAILS(open("file/x", O_RDONLY), ENOTDIR);
	FAILS(open(nowhere, O_RDONLY), EFAULT);
	FAILS(open("", O_RDONLY), ENOENT);

	other = open("/proc/self/exe", O_RDONLY);
	SAME(read(other, c, 4), 4);
	EXPECT(!memcmp(c, "\177ELF", 4));
	close(other);
}
