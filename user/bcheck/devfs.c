/* The devices that every program counts on: what they are, give and take. */
#include "bcheck.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

static int device(const char *path, int flags, int major, int minor)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	EXPECT(fd >= 0);
	SAME(fstat(fd, &st), 0);
	EXPECT(S_ISCHR(st.st_mode));
	SAME(major(st.st_rdev), major);
	SAME(minor(st.st_rdev), minor);
	return fd;
}

static void null_and_zero(void)
{
	char buf[64];
	char *p;
	int fd = device("/dev/null", O_RDWR, 1, 3);

	SAME(read(fd, buf, sizeof(buf)), 0);
	SAME(write(fd, buf, sizeof(buf)), sizeof(buf));
	close(fd);

	fd = device("/dev/zero", O_RDWR, 1, 5);
	memset(buf, 1, sizeof(buf));
	SAME(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		SAME(buf[i], 0);
	SAME(write(fd, buf, sizeof(buf)), sizeof(buf));
	FAILS(read(fd, nowhere, 1), EFAULT);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED);
	SAME(p[5000], 0);
	p[5000] = 1;
	SAME(munmap(p, 8192), 0);
	close(fd);

	fd = device("/dev/full", O_RDWR, 1, 7);
	FAILS(write(fd, "x", 1), ENOSPC);
	SAME(read(fd, buf, sizeof(buf)), sizeof(buf));
	close(fd);
}

/* Bytes that are not all alike, and others the next time. */
static void random_bytes(void)
{
	static const char *const paths[] = { "/dev/random", "/dev/urandom" };
	unsigned char a[256], b[256];

	for (int i = 0; i < 2; i++) {
		int fd = device(paths[i], O_RDONLY, 1, 8 + i), ones = 0;

		SAME(read(fd, a, sizeof(a)), sizeof(a));
		SAME(read(fd, b, sizeof(b)), sizeof(b));
		EXPECT(memcmp(a, b, sizeof(a)));
		for (size_t j = 0; j < sizeof(a); j++)
			ones += __builtin_popcount(a[j]);
		EXPECT(ones > 1024 - 400 && ones < 1024 + 400);
		close(fd);
	}
	SAME(getrandom(a, sizeof(a), 0), sizeof(a));
	EXPECT(memcmp(a, b, sizeof(a)));
	FAILS(getrandom(a, sizeof(a), 0x8000), EINVAL);
	FAILS(getrandom(nowhere, 8, 0), EFAULT);
}

/* A pair of a new terminal's ends; and without a terminal there is no /dev/tty. */
static void terminals(void)
{
	int master = device("/dev/ptmx", O_RDWR, 5, 2), slave, number;
	char text[24];
	pid_t child;

	number = 0;
	SAME(ioctl(master, TIOCSPTLCK, &number), 0);
	SAME(ioctl(master, TIOCGPTN, &number), 0);
	text_format(text, sizeof(text), "/dev/pts/%d", number);
	slave = open(text, O_RDWR | O_NOCTTY);
	EXPECT(slave >= 0);
	EXPECT(isatty(slave));
	SAME(write(master, "hello\n", 6), 6);
	SAME(read(slave, text, sizeof(text)), 6);
	EXPECT(!memcmp(text, "hello\n", 6));
	child = fork();
	if (child == 0) {
		SAME(setsid(), getpid());
		FAILS(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	child_ok(child);
	close(slave);
	close(master);
}

CHECK(devfs)
{
	struct stat st;

	null_and_zero();
	random_bytes();
	terminals();
	SAME(stat("/dev/tty", &st), 0);
	SAME(st.st_rdev, makedev(5, 0));
	SAME(stat("/dev/console", &st), 0);
	SAME(st.st_rdev, makedev(5, 1));
	FAILS(open("/dev/no-such-device", O_RDONLY), ENOENT);
	FAILS(open("/dev/null/x", O_RDONLY), ENOTDIR);
}
