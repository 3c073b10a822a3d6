/*
 * What the programs that read input devices have in common: a device by its name.
 */
#pragma once
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Open the first /dev/input/eventN that is called so; -1: none is. */
static inline int evdev_open(const char *wanted, int flags)
{
	char path[64], name[256];

	for (int i = 0; i < 32; i++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		fd = open(path, flags);
		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) > 0 && !strcmp(name, wanted))
			return fd;
		close(fd);
	}
	return -1;
}
