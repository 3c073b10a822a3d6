/*
 * inputgone NAME ADDRESS ROUNDS: as often takes the driver from the input device of that name, a virtio one at that PCI
 * address, while a program waits for its events, and gives it back. Prints "gone", or what was wrong.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include "evdev.h"

#define DRIVER	"/sys/bus/pci/drivers/virtio-pci/"
#define WANT(what) do { if (!(what)) { printf("line %d: %s: errno %d\n", __LINE__, #what, errno); exit(1); } } while (0)

static void *wait_event(void *from)
{
	struct input_event e;

	return (void *)(intptr_t)(read(*(int *)from, &e, sizeof(e)) == -1 ? errno : 0);
}

static void tell(const char *file, const char *address)
{
	int fd = open(file, O_WRONLY);

	WANT(fd >= 0 && write(fd, address, strlen(address)) == (ssize_t)strlen(address));
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	for (int round = 0; round < atoi(argv[3]); round++) {
		int fd = evdev_open(argv[1], O_RDWR), version;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct input_event led = { .type = EV_LED, .code = LED_CAPSL, .value = 1 };
		pthread_t reader;
		void *ended;

		WANT(fd >= 0 && write(fd, &led, sizeof(led)) == sizeof(led));
		WANT(!pthread_create(&reader, NULL, wait_event, &fd));
		tell(DRIVER "unbind", argv[2]);
		WANT(!pthread_join(reader, &ended));
		errno = (intptr_t)ended;
		WANT(errno == ENODEV || !errno);	/* it may have read that the LED is on */
		WANT(poll(&p, 1, -1) == 1 && (p.revents & (POLLHUP | POLLERR)) == (POLLHUP | POLLERR));
		WANT(write(fd, &led, sizeof(led)) == -1 && errno == ENODEV);
		WANT(ioctl(fd, EVIOCGVERSION, &version) == -1 && errno == ENODEV);
		WANT(wait_event(&fd) == (void *)ENODEV);
		WANT(evdev_open(argv[1], O_RDWR) == -1);
		tell(DRIVER "bind", argv[2]);
		WANT(read(fd, &led, sizeof(led)) == -1 && errno == ENODEV);
		close(fd);
	}
	puts("gone");
	return 0;
}
