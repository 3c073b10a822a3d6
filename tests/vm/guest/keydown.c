/*
 * Whether a key or button is down on any input device, as the kernel knows, whoever has grabbed it: keydown CODE, with
 * status 0 if it is and 1 if not.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/input.h>

int main(int argc, char **argv)
{
	unsigned int code = argc > 1 ? (unsigned int)atoi(argv[1]) : KEY_RESERVED;
	glob_t devices = { 0 };

	if (code > KEY_MAX || glob("/dev/input/event*", 0, NULL, &devices))
		return 2;
	for (size_t i = 0; i < devices.gl_pathc; i++) {
		unsigned char keys[KEY_CNT / 8] = { 0 };
		int fd = open(devices.gl_pathv[i], O_RDONLY);
		if (fd >= 0 && ioctl(fd, EVIOCGKEY(sizeof(keys)), keys) >= 0 && keys[code / 8] >> code % 8 & 1)
			return 0;
		close(fd);
	}
	return 1;
}
