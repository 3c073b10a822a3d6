/*
 * A program that wants random bytes before there are any: says `waiting` if the generator has no seed, and forks a
 * child that waits for one; gives the generator one, and says `seeded` when the child has its bytes.
 * tests/vm/timer_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>

CHECK(random_bytes_come_with_the_seed)
{
	struct { int bits, size; char bytes[64]; } seed = { 512, 64, "no secret at all, but enough of it for a machine under test" };
	int fd = open("/dev/random", O_RDWR | O_NONBLOCK), told[2];
	char bytes[16], c;
	pid_t pid;

	SAME(pipe(told), 0);
	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) < 0) {
		SAME(errno, EAGAIN);
		printf("waiting\n");
		FAILS(read(fd, bytes, sizeof(bytes)), EAGAIN);
		SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
	}
	SAME(read(open("/dev/urandom", O_RDONLY), bytes, sizeof(bytes)), 16);
	SAME(getrandom(bytes, sizeof(bytes), GRND_INSECURE), 16);
	pid = fork();
	if (pid == 0) {
		EXPECT(write(told[1], "b", 1) == 1);
		SAME(getrandom(bytes, sizeof(bytes), 0), 16);
		SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
		SAME(read(fd, bytes, sizeof(bytes)), 16);
		_exit(0);
	}
	SAME(read(told[0], &c, 1), 1);
	/* In its call, as far as one can know. */
	usleep(50000);
	SAME(ioctl(fd, RNDADDENTROPY, &seed), 0);
	child_ok(pid);
	SAME(getrandom(bytes, sizeof(bytes), GRND_NONBLOCK), 16);
	FAILS(getrandom(bytes, sizeof(bytes), 8), EINVAL);
	printf("seeded\n");
}
