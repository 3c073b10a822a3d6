/*
 * Grabs the machine's power button and says what it does.
 */
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	struct input_event e;
	char path[64], name[64];
	int fd = -1;

	for (int i = 0; i < 32; i++) {
		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && ioctl(fd, EVIOCGNAME(sizeof(name)), name) > 0 &&
		    (!strcmp(name, "Power Button") || !strcmp(name, "gpio-keys")))
			break;
		close(fd);
		fd = -1;
	}
	if (fd < 0 || ioctl(fd, EVIOCGRAB, 1)) {
		puts("no power button");
		return 1;
	}
	puts("waiting");
	fflush(stdout);
	while (read(fd, &e, sizeof(e)) == sizeof(e)) {
		if (e.type != EV_KEY || e.code != KEY_POWER)
			continue;
		puts(e.value ? "pressed" : "released");
		if (!e.value)
			return 0;
	}
	return 1;
}
