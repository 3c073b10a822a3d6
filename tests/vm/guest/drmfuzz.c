/*
 * DRM's calls with any arguments, from a program that has no right to the display, beside one that draws or shows and
 * must not notice. SEED and COUNT (of rounds, a child each) are in the environment.
 *
 * What reaches the host is kept to what it can refuse without harm: sizes are small or far too large, streams are empty.
 */
#include "virgl.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define USER		1000
#define CALLS_A_ROUND	400
#define ROUND_LIMIT	60		/* seconds of the CPU's time */

static unsigned seed;
static char *memory, *zeros;

static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static const unsigned long known[] = {
	DRM_IOCTL_VERSION, DRM_IOCTL_GET_UNIQUE, DRM_IOCTL_GET_MAGIC, DRM_IOCTL_AUTH_MAGIC, DRM_IOCTL_GET_CAP, DRM_IOCTL_SET_CLIENT_CAP,
	DRM_IOCTL_SET_MASTER, DRM_IOCTL_DROP_MASTER, DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_GEM_FLINK, DRM_IOCTL_GEM_OPEN,
	DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_IOCTL_MODE_GETRESOURCES, DRM_IOCTL_MODE_GETCRTC,
	DRM_IOCTL_MODE_SETCRTC, DRM_IOCTL_MODE_CURSOR, DRM_IOCTL_MODE_CURSOR2, DRM_IOCTL_MODE_GETENCODER, DRM_IOCTL_MODE_GETCONNECTOR,
	DRM_IOCTL_MODE_GETPROPERTY, DRM_IOCTL_MODE_SETPROPERTY, DRM_IOCTL_MODE_GETPROPBLOB, DRM_IOCTL_MODE_GETFB, DRM_IOCTL_MODE_GETFB2,
	DRM_IOCTL_MODE_ADDFB, DRM_IOCTL_MODE_ADDFB2, DRM_IOCTL_MODE_RMFB, DRM_IOCTL_MODE_PAGE_FLIP, DRM_IOCTL_MODE_DIRTYFB,
	DRM_IOCTL_MODE_CREATE_DUMB, DRM_IOCTL_MODE_MAP_DUMB, DRM_IOCTL_MODE_DESTROY_DUMB, DRM_IOCTL_MODE_GETPLANERESOURCES,
	DRM_IOCTL_MODE_GETPLANE, DRM_IOCTL_MODE_SETPLANE, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, DRM_IOCTL_MODE_OBJ_SETPROPERTY,
	DRM_IOCTL_MODE_ATOMIC, DRM_IOCTL_MODE_CREATE_LEASE, DRM_IOCTL_WAIT_VBLANK, DRM_IOCTL_VIRTGPU_MAP,
	DRM_IOCTL_VIRTGPU_EXECBUFFER, DRM_IOCTL_VIRTGPU_GETPARAM, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, DRM_IOCTL_VIRTGPU_RESOURCE_INFO,
	DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, DRM_IOCTL_VIRTGPU_WAIT, DRM_IOCTL_VIRTGPU_GET_CAPS,
	DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, DRM_IOCTL_VIRTGPU_CONTEXT_INIT,
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static unsigned number_any(void)
{
	switch (any(8)) {
	case 0: return 0;
	case 1: return 1u << any(32);
	case 2: return ~0u - any(3);
	case 3: return 32 + any(16);		/* parts of the display */
	case 4: return 256 + any(8);		/* framebuffers */
	default: return any(20);		/* handles, resources, flags */
	}
}

static uint64_t address_any(void)
{
	switch (any(5)) {
	case 0: return 0;
	case 1: return (uintptr_t)nowhere;
	case 2: return 1ull << 63 | any(4096);
	default: return (uintptr_t)memory + any(2) * 4090;
	}
}

static unsigned size_any(void)
{
	return any(6) ? any(65) : ~0u - any(2);
}

/* Fill in what the call takes. */
static void arguments_any(unsigned long call, void *arg)
{
	uint32_t *words = arg;
	struct drm_virtgpu_resource_create *r = arg;
	struct drm_mode_create_dumb *d = arg;
	struct drm_virtgpu_execbuffer *e = arg;

	for (int i = 0; i < 32; i++) {
		words[i] = number_any();
		if (i % 2 && !any(3)) {
			uint64_t a = address_any();

			memcpy(words + i - 1, &a, sizeof(a));
		}
	}
	if (call == DRM_IOCTL_VIRTGPU_RESOURCE_CREATE) {
		*r = (struct drm_virtgpu_resource_create){ .target = any(10), .format = any(70), .bind = number_any(), .width = size_any(),
			.height = size_any(), .depth = any(3), .array_size = any(3), .last_level = any(3), .nr_samples = any(3),
			.flags = any(3), .size = any(3) ? any(65536) : number_any() };
	} else if (call == DRM_IOCTL_MODE_CREATE_DUMB) {
		*d = (struct drm_mode_create_dumb){ .width = size_any(), .height = size_any(), .bpp = any(3) ? 32 : number_any() };
	} else if (call == DRM_IOCTL_VIRTGPU_EXECBUFFER) {
		e->command = any(4) ? (uintptr_t)zeros : (uintptr_t)nowhere;
		e->size = any(4) ? any(1024) * 4 : number_any();
	}
}

static _Noreturn void fuzz(const int *fds, int count)
{
	static uint64_t arg[64];
	struct rlimit most = { ROUND_LIMIT, ROUND_LIMIT };

	setrlimit(RLIMIT_CPU, &most);
	if (setgid(USER) || setuid(USER))
		_exit(1);
	for (int i = 0; i < CALLS_A_ROUND; i++) {
		unsigned long call = any(8) ? known[any(KNOWN)] : _IOC(any(4), 'd', any(256), any(200));
		int fd = fds[any(count)];
		void *at;

		arguments_any(call, arg);
		ioctl(fd, call, any(30) ? (void *)arg : (void *)nowhere);
		if (!any(10)) {
			at = mmap(NULL, (1 + any(20)) * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (uint64_t)any(20) << 32);
			if (at != MAP_FAILED) {
				*(volatile char *)at = 1;
				munmap(at, 4096);
			}
		}
		if (!any(100))
			for (int extra = fds[count - 1] + 1; extra < fds[count - 1] + 200; extra++)
				close(extra);
	}
	_exit(0);
}

/* What a healthy program does, once. */
static void draw(int fd, struct texture *t, unsigned n)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	uint32_t color = n % 2 ? RED : GREEN;

	SAME(submit(fd, &e, n + 1, t, color), 0);
	read_back(fd, t);
	all_is(t, color);
}

static void show(int fd, const struct screen *s, const struct buffer *b, unsigned n)
{
	struct drm_event_vblank e;
	struct drm_mode_crtc c = { .crtc_id = s->crtc };

	SAME(page_flip(fd, s->crtc, b[n % 2].fb, DRM_MODE_PAGE_FLIP_EVENT, n), 0);
	SAME(read(fd, &e, sizeof(e)), sizeof(e));
	SAME(e.user_data, n);
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, b[n % 2].fb);
	SAME(b[0].pixels[7], 0x123456);
}

static pid_t fuzzer(int card)
{
	pid_t pid = fork();
	int fds[3];

	EXPECT(pid >= 0);
	if (pid)
		return pid;
	close(card);
	for (int i = 0; i < 3; i++)
		EXPECT((fds[i] = open(i ? RENDER : CARD, O_RDWR)) >= 0);
	fuzz(fds, 3);
}

static int rounds(void)
{
	alarm(0);			/* there are as many as the caller has time for */
	seed = atoi(getenv("SEED"));
	memory = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(memory + 2 * 4096, 4096);
	zeros = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return atoi(getenv("COUNT"));
}

/* 1: it is over. */
static int ended(pid_t pid)
{
	int status;

	if (!waitpid(pid, &status, WNOHANG))
		return 0;
	if (status)
		printf("  seed %u: status %x\n", seed, status);
	SAME(status, 0);
	return 1;
}

CHECK(beside_who_draws)
{
	int card = open(CARD, O_RDWR | O_CLOEXEC);
	struct texture t;
	unsigned n = 0;

	texture_make(card, &t);
	for (int left = rounds(); left; left--, seed++) {
		pid_t pid = fuzzer(card);

		do
			draw(card, &t, n++);
		while (!ended(pid));
	}
}

CHECK(beside_who_shows)
{
	int card = open(CARD, O_RDWR | O_CLOEXEC);
	struct buffer b[2];
	struct screen s;
	unsigned n = 0;

	SAME(screen_find(card, &s), 0);
	for (int i = 0; i < 2; i++)
		SAME(buffer_make(card, &b[i], s.mode.hdisplay, s.mode.vdisplay), 0);
	b[0].pixels[7] = 0x123456;
	SAME(crtc_set(card, &s, b[0].fb), 0);
	for (int left = rounds(); left; left--, seed++) {
		pid_t pid = fuzzer(card);

		do
			show(card, &s, b, n++);
		while (!ended(pid));
	}
}
