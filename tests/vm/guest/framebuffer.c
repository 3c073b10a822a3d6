/*
 * /dev/fb0 as a program draws on it: what the mode says, a mapping of the memory, what is written is what is read; and
 * how it has the console keep its letters back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(c) do { if (!(c)) { printf("line %d: %s: %s\n", __LINE__, #c, strerror(errno)); exit(1); } } while (0)

static void console_modes(void)
{
	int screen = open("/dev/tty0", O_RDWR | O_NOCTTY), other = open("/dev/ttyAMA0", O_RDWR | O_NOCTTY), mode = -1;
	char keyboard = 0;

	CHECK(screen >= 0 && other >= 0);
	CHECK(!ioctl(screen, KDGKBTYPE, &keyboard) && keyboard == KB_101);
	CHECK(!ioctl(screen, KDGETMODE, &mode) && mode == KD_TEXT);
	CHECK(!ioctl(screen, KDSETMODE, KD_GRAPHICS));
	CHECK(!ioctl(screen, KDGETMODE, &mode) && mode == KD_GRAPHICS);
	CHECK(ioctl(screen, KDSETMODE, 17) == -1 && errno == EINVAL);
	CHECK(ioctl(screen, KDGETMODE, NULL) == -1 && errno == EFAULT);
	CHECK(ioctl(other, KDGETMODE, &mode) == -1 && errno == ENOTTY);
	CHECK(!ioctl(screen, KDSETMODE, KD_TEXT));
	CHECK(!ioctl(screen, KDGETMODE, &mode) && mode == KD_TEXT);
	CHECK(!setuid(1000));
	CHECK(ioctl(screen, KDSETMODE, KD_GRAPHICS) == -1 && errno == EPERM);
	CHECK(!ioctl(screen, KDGETMODE, &mode) && mode == KD_TEXT);
}

int main(void)
{
	struct fb_var_screeninfo v;
	struct fb_fix_screeninfo f;
	unsigned char row[64], *picture;
	size_t at;
	int fd = open("/dev/fb0", O_RDWR);

	CHECK(fd >= 0);
	CHECK(!ioctl(fd, FBIOGET_VSCREENINFO, &v) && !ioctl(fd, FBIOGET_FSCREENINFO, &f));
	CHECK(v.bits_per_pixel == 32 && v.red.length == 8 && v.green.length == 8 && v.blue.length == 8);
	CHECK(f.line_length >= v.xres * 4 && f.smem_len >= f.line_length * v.yres && f.visual == FB_VISUAL_TRUECOLOR);
	CHECK(!ioctl(fd, FBIOPUT_VSCREENINFO, &v));
	picture = mmap(NULL, f.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(picture != MAP_FAILED);
	at = (size_t)f.line_length * (v.yres - 1);
	memset(picture + at, 0x5a, sizeof(row));
	CHECK(pread(fd, row, sizeof(row), at) == sizeof(row));
	for (size_t i = 0; i < sizeof(row); i++)
		CHECK(row[i] == 0x5a);
	memset(row, 0xa5, sizeof(row));
	CHECK(pwrite(fd, row, sizeof(row), at) == sizeof(row));
	CHECK(picture[at] == 0xa5 && picture[at + sizeof(row) - 1] == 0xa5);
	CHECK(pwrite(fd, row, 1, f.smem_len) == -1 && errno == ENOSPC);
	CHECK(pread(fd, row, 1, f.smem_len) == 0);
	CHECK(mmap(NULL, f.smem_len + 65536, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	console_modes();
	puts("ok");
	return 0;
}
