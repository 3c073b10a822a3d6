/*
 * Shows pictures: gpushow SEED...; sets the preferred mode with the picture of the first seed, prints "shown WxH", and
 * with each line of standard input flips to the next. An argument dSEED draws a part anew (32,16 to 96,48) and says
 * so by DIRTYFB; off darkens the display; uWxH waits until that is the preferred mode, which the next seed sets.
 */
#define _GNU_SOURCE
#include "drm.h"
#include <linux/netlink.h>
#include <sys/socket.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int redraw(int fd, struct buffer *b, unsigned seed)
{
	struct drm_clip_rect r = { 32, 16, 96, 48 };
	struct drm_mode_fb_dirty_cmd d = { .fb_id = b->fb, .num_clips = 1, .clips_ptr = (uintptr_t)&r };

	picture_draw(b, seed);		/* all of it; only the part that is named is to be seen */
	return ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d);
}

/* Flip and wait until it was done. */
static int flip(int fd, uint32_t crtc, uint32_t fb)
{
	struct drm_event_vblank e;

	return page_flip(fd, crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, 0) || read(fd, &e, sizeof(e)) != sizeof(e);
}

static int buffers_make(int fd, struct buffer b[2], const struct screen *s)
{
	for (int i = 0; i < 2; i++)
		if (buffer_make(fd, &b[i], s->mode.hdisplay, s->mode.vdisplay))
			return -1;
	return 0;
}

/* A socket that hears of devices' changes; -1. */
static int listener(void)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), on = 1;

	return s < 0 || bind(s, (struct sockaddr *)&me, sizeof(me)) || setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ? -1 : s;
}

/* Is it the kernel's message of a change of the display? */
static int is_hotplug(int from)
{
	char text[4096], control[CMSG_SPACE(sizeof(struct ucred))];
	struct sockaddr_nl who;
	struct iovec io = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_name = &who, .msg_namelen = sizeof(who), .msg_iov = &io, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof(control) };
	int n = recvmsg(from, &m, 0), drm = 0, hotplug = 0;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred by = { .uid = -1 };

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&by, CMSG_DATA(c), sizeof(by));
	/* As libudev does: from the kernel, and from root. */
	if (n < 0 || who.nl_pid || who.nl_groups != 1 || by.uid || by.pid)
		return 0;
	text[n] = 0;
	for (char *at = text; at < text + n; at += strlen(at) + 1) {
		drm |= !strcmp(at, "SUBSYSTEM=drm");
		hotplug |= !strcmp(at, "HOTPLUG=1");
	}
	return drm && hotplug && !strncmp(text, "change@/devices/", 16);
}

/* Hear of changes until the monitor's preferred mode has that size. */
static int mode_wait(int fd, int changes, struct screen *s, const char *size)
{
	char now[32];

	do {
		while (!is_hotplug(changes))
			;
		if (screen_find(fd, s))
			return -1;
		snprintf(now, sizeof(now), "%ux%u", s->mode.hdisplay, s->mode.vdisplay);
	} while (strcmp(now, size));
	return 0;
}

int main(int argc, char **argv)
{
	int fd = open(CARD, O_RDWR), at = 0, fresh = 1;
	struct buffer b[2];
	struct screen s;
	char line[16];
	int changes = listener();

	if (changes < 0)
		return fail("listener");
	if (fd < 0 || screen_find(fd, &s))
		return fail(CARD);
	if (buffers_make(fd, b, &s))
		return fail("buffer");
	for (int i = 1; i < argc; i++) {
		unsigned seed = atoi(argv[i] + (argv[i][0] == 'd'));
		int err;

		if (!strcmp(argv[i], "off")) {
			err = crtc_set(fd, &s, 0);
		} else if (argv[i][0] == 'u') {
			err = mode_wait(fd, changes, &s, argv[i] + 1) || buffers_make(fd, b, &s);
			fresh = 1;
		} else if (argv[i][0] == 'd') {
			err = redraw(fd, &b[at], seed);
		} else {
			at = !at;
			picture_draw(&b[at], seed);
			err = fresh ? crtc_set(fd, &s, b[at].fb) : flip(fd, s.crtc, b[at].fb);
			fresh = 0;
		}
		if (err)
			return fail(argv[i]);
		printf("shown %ux%u\n", s.mode.hdisplay, s.mode.vdisplay);
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 1;
	}
	return 0;
}
