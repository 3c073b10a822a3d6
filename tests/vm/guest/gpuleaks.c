/*
 * Programs that draw come and go, by themselves and by force, a thousand of them: nothing of them stays, neither in the
 * kernel nor in the host.
 */
#include "counts.h"
#include "virgl.h"

static void client(int i)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		struct drm_prime_handle p = { .flags = DRM_CLOEXEC };
		struct drm_virtgpu_execbuffer e = { .flags = i % 3 ? 0 : VIRTGPU_EXECBUF_FENCE_FD_OUT };
		struct texture t, other;
		int fd = open_render();

		texture_make(fd, &t);
		texture_make(fd, &other);
		SAME(submit(fd, &e, 1, &t, RED), 0);
		p.handle = t.handle;
		SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
		if (i % 2)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	SAME(waitpid(pid, NULL, 0), pid);
}

/* More textures at once than there will be: the table of their numbers stays as large. */
static void crowded(void)
{
	pid_t pid = fork_or_end();

	if (!pid) {
		int fd = open_render();
		struct texture t;

		for (int i = 0; i < 300; i++)
			texture_make(fd, &t);
		_exit(0);
	}
	child_ok(pid);
}

/* The objects, contexts and framebuffers of /proc/gpu; "" where there is none. */
static void held(char *text, size_t size)
{
	FILE *f = fopen("/proc/gpu", "r");
	char line[128];

	*text = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "objects", 7) || !strncmp(line, "object_bytes", 12) || !strncmp(line, "contexts", 8) ||
		    !strncmp(line, "framebuffers", 12))
			strncat(text, line, size - strlen(text) - 1);
	if (f)
		fclose(f);
}

/* A few commands that the host has done with lie there until the next one is sent: that many may differ, not one a client. */
#define COMMANDS 16

static int differ_by_more(const struct counts *a, const struct counts *b)
{
	for (int i = 0; i < a->caches; i++)
		if (labs(a->cache[i].used - b->cache[i].used) > COMMANDS)
			return 1;
	return labs(a->free_kb - b->free_kb) > COMMANDS * 4 || a->caches != b->caches;
}

/* Wait until no more is held than before: the last ones' commands may be on their way. */
static void settle(const char *before)
{
	char now[256];

	for (int i = 0; i < SETTLE_TRIES; i++) {
		held(now, sizeof(now));
		if (!strcmp(before, now))
			return;
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	printf("before:\n%safter:\n%s", before, now);
	EXPECT(!"all is gone");
}

CHECK(clients_come_and_go)
{
	char before[256];

	alarm(0);			/* however long it takes */
	held(before, sizeof(before));	/* nobody is there yet */
	crowded();
	for (int i = 0; i < 20; i++)
		client(i);
	settle(before);
	counts_begin();
	for (int i = 0; i < 1000; i++)
		client(i);
	counts_same(differ_by_more);
	settle(before);
}
