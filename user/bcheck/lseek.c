/* lseek: the place in a file, who shares it, holes, and what has no place. */
#include "bcheck.h"
#include <limits.h>

static void shared_place(int fd)
{
	int copy = dup(fd), own = open("file", O_RDONLY);
	pid_t child;

	SAME(lseek(fd, 17, SEEK_SET), 17);
	SAME(lseek(copy, 0, SEEK_CUR), 17);
	SAME(lseek(own, 0, SEEK_CUR), 0);
	child = fork();
	if (child == 0) {
		SAME(lseek(fd, 4, SEEK_CUR), 21);
		_exit(0);
	}
	child_ok(child);
	SAME(lseek(copy, 0, SEEK_CUR), 21);
	close(copy);
	close(own);
}

/* A place behind the end is a place; what is written there leaves zeros before it. */
static void holes(int fd)
{
	struct stat st;
	char c[8];

	SAME(lseek(fd, 1 << 20, SEEK_SET), 1 << 20);
	SAME(read(fd, c, 1), 0);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, 1000);
	SAME(write(fd, "end", 3), 3);
	SAME(fstat(fd, &st), 0);
	SAME(st.st_size, (1 << 20) + 3);
	EXPECT(st.st_blocks * 512 < st.st_size);
	SAME(pread(fd, c, 8, 500000), 8);
	for (int i = 0; i < 8; i++)
		SAME(c[i], 0);
	SAME(lseek(fd, -3, SEEK_END), 1 << 20);

	SAME(lseek(fd, 10, SEEK_DATA), 10);
	SAME(lseek(fd, 65536, SEEK_DATA), 1 << 20);
	SAME(lseek(fd, 65536, SEEK_HOLE), 65536);
	SAME(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 3);
	FAILS(lseek(fd, (1 << 20) + 3, SEEK_DATA), ENXIO);
	FAILS(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
}

CHECK(lseek)
{
	int fd = pattern_file("file", 1000), ends[2];
	unsigned char c;

	SAME(lseek(fd, 0, SEEK_END), 1000);
	SAME(lseek(fd, 500, SEEK_SET), 500);
	SAME(read(fd, &c, 1), 1);
	SAME(c, pattern(500));
	SAME(lseek(fd, -1, SEEK_CUR), 500);
	FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	FAILS(lseek(fd, -501, SEEK_CUR), EINVAL);
	FAILS(lseek(fd, -1001, SEEK_END), EINVAL);
	FAILS(lseek(fd, 0, 99), EINVAL);
	FAILS(lseek(fd, LLONG_MIN, SEEK_SET), EINVAL);
	SAME(lseek(fd, 0, SEEK_CUR), 500);	/* unmoved by all these */

	SAME(pipe(ends), 0);
	FAILS(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	FAILS(lseek(1000, 0, SEEK_CUR), EBADF);
	shared_place(fd);
	holes(fd);
}
