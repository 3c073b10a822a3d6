/*
 * The power button: input devices that have such a key are watched, and a signal says that there is something to read.
 * They are there before the first program; a keyboard that is plugged in later is a keyboard.
 */
#include "init.h"
#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>

#define DEVICES_MAX	32	/* those that have the lowest numbers */

static int buttons[DEVICES_MAX];
static int count;

static bool has_key(int fd, unsigned code)
{
	unsigned char keys[KEY_CNT / 8 + 1] = { 0 };

	return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 && (keys[code / 8] >> code % 8 & 1);
}

void power_watch(void)
{
	char path[64];

	for (int i = 0; i < DEVICES_MAX; i++) {
		int fd;

		text_format(path, sizeof(path), "/dev/input/event%d", i);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!has_key(fd, KEY_POWER) || fcntl(fd, F_SETOWN, getpid()) < 0 ||
		    fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
			close(fd);
		else
			buttons[count++] = fd;
	}
}

bool power_pressed(void)
{
	struct input_event e;
	bool pressed = false;

	for (int i = 0; i < count; i++)
		while (read(buttons[i], &e, sizeof(e)) == sizeof(e))
			pressed |= e.type == EV_KEY && e.code == KEY_POWER && e.value == 1;
	return pressed;
}
