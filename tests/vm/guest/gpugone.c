/*
 * gpugone ADDRESS [ours]: takes the driver from the GPU at that PCI address while its files are open, its buffers mapped, shown
 * and exported, and somebody waits for its events; then gives it back and uses it again. Prints "gone", or what was wrong.
 */
#include "drm.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#define DRIVER	"/sys/bus/pci/drivers/virtio-pci/"
#define WANT(what) do { if (!(what)) { printf("line %d: %s: errno %d\n", __LINE__, #what, errno); exit(1); } } while (0)

/* Ended by the device's end with ENODEV; Linux lets it sleep on. */
static void *wait_event(void *from)
{
	struct drm_event_vblank e;

	return (void *)(intptr_t)(read(*(int *)from, &e, sizeof(e)) == -1 ? errno : 0);
}

static void tell(const char *file, const char *address)
{
	int fd = open(file, O_WRONLY);

	WANT(fd >= 0 && write(fd, address, strlen(address)) == (ssize_t)strlen(address));
	close(fd);
}

static int reads(int fd)
{
	char c;

	return pread(fd, &c, 1, 0) == 1;
}

static void show(int fd, struct buffer *b, unsigned seed)
{
	struct screen s;

	WANT(!screen_find(fd, &s) && !buffer_make(fd, b, s.mode.hdisplay, s.mode.vdisplay));
	picture_draw(b, seed);
	WANT(!crtc_set(fd, &s, b->fb));
}

int main(int argc, char **argv)
{
	struct drm_prime_handle p = { .flags = DRM_RDWR | DRM_CLOEXEC };
	struct drm_mode_map_dumb m = { 0 };
	struct drm_virtgpu_getparam g = { .param = VIRTGPU_PARAM_3D_FEATURES, .value = (uintptr_t)&(int){ 0 } };
	int render = open(RENDER, O_RDWR), status = open("/sys/class/drm/card0-Virtual-1/status", O_RDONLY), ours = argc > 2;
	int card = open(CARD, O_RDWR);
	struct pollfd poll_card = { .fd = card, .events = POLLIN };
	struct buffer b, after;
	struct stat st;
	pthread_t reader;
	void *ended;

	WANT(card >= 0 && render >= 0 && status >= 0 && reads(status));
	show(card, &b, 1);
	p.handle = m.handle = b.handle;
	WANT(!ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p) && !ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m));
	if (ours)
		WANT(!pthread_create(&reader, NULL, wait_event, &card));

	tell(DRIVER "unbind", argv[1]);
	WANT(stat(CARD, &st) && errno == ENOENT);
	WANT(stat(RENDER, &st) && errno == ENOENT);
	WANT(stat("/sys/class/drm/card0", &st) && errno == ENOENT);
	WANT(ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m) && errno == ENODEV);
	WANT(ioctl(render, DRM_IOCTL_VIRTGPU_GETPARAM, &g) && errno == ENODEV);
	WANT(mmap(NULL, b.size, PROT_READ, MAP_SHARED, card, m.offset) == MAP_FAILED && errno == ENODEV);
	if (ours) {
		WANT(poll(&poll_card, 1, -1) == 1 && poll_card.revents == (POLLHUP | POLLERR));
		WANT(!pthread_join(reader, &ended) && (intptr_t)ended == ENODEV);
	}
	/* What is mapped stays, and so does what was exported. */
	WANT(b.pixels[7] == picture(1, 7, 0));
	b.pixels[7] = 4711;
	WANT(lseek(p.fd, 0, SEEK_END) == (off_t)b.size);

	tell(DRIVER "bind", argv[1]);
	WANT(ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m) && errno == ENODEV);
	WANT(b.pixels[7] == 4711);
	close(card);
	close(render);
	close(status);
	if (ours) {
		card = open(CARD, O_RDWR);
		WANT(card >= 0);
		p.handle = 0;
		WANT(ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p) && errno == EINVAL);	/* another device's */
		show(card, &after, 2);
	}
	close(p.fd);
	WANT(b.pixels[7] == 4711);
	munmap(b.pixels, b.size);
	puts("gone");
	return 0;
}
