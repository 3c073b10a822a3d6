/*
 * Programs that draw come and go, by themselves and by force, a thousand of them; some are killed at any moment, or while
 * they sleep in a call: nothing of them stays, neither in the kernel nor in the host.
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

/* So many turns leave as much as the first twenty did, and no object of the card's. */
static void leaves_nothing(void (*turn)(int i), int count)
{
	char before[256];

	alarm(0);			/* however long it takes */
	held(before, sizeof(before));	/* nobody is there yet */
	crowded();
	for (int i = 0; i < 20; i++)
		turn(i);
	settle(before);
	counts_begin();
	for (int i = 0; i < count; i++)
		turn(i);
	counts_same(differ_by_more);
	settle(before);
}

CHECK(clients_come_and_go)
{
	leaves_nothing(client, 1000);
}

/* ---- killed in the middle of a call ------------------------------------------------------------------ */

enum { SUBMITTING, WAITING, MAKING, KINDS };

static void nothing_submit(int fd, const struct texture *t)
{
	static uint32_t nop;
	struct drm_virtgpu_execbuffer e = { .command = (uintptr_t)&nop, .size = sizeof(nop),
					    .bo_handles = (uintptr_t)&t->handle, .num_bo_handles = 1 };

	ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);
}

/* A resource comes, is written to, and goes. */
static void resource_use(int fd)
{
	struct drm_virtgpu_resource_create r = {
		.target = TARGET_2D, .format = FORMAT_BGRA, .bind = BIND_RENDER_TARGET, .width = SIZE, .height = SIZE,
		.depth = 1, .array_size = 1, .size = SIZE * SIZE * 4,
	};
	struct drm_virtgpu_3d_transfer_to_host t = { .box = { 0, 0, 0, SIZE, SIZE, 1 } };
	struct drm_gem_close c = { 0 };

	if (ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r))
		return;
	t.bo_handle = c.handle = r.bo_handle;
	ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &t);
	ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c);
}

/*
 * A client that does nothing but calls of a kind, until it is killed. It is ready when a byte is in the pipe `ready`, and
 * begins when `go` is closed (-1: at once). *calls is odd while it is in a call. A host that is silent has some fail.
 */
static _Noreturn void call_for_ever(int kind, int ready, int go, volatile unsigned int *calls)
{
	int fd = open_render();
	struct drm_virtgpu_3d_wait w = { 0 };
	struct texture t;
	char c;

	texture_make(fd, &t);
	w.handle = t.handle;
	nothing_submit(fd, &t);
	wait_for(fd, t.handle);
	SAME(write(ready, "r", 1), 1);
	if (go >= 0)
		SAME(read(go, &c, 1), 0);
	if (kind == WAITING)
		nothing_submit(fd, &t);
	for (;;) {
		++*calls;
		if (kind == SUBMITTING)
			nothing_submit(fd, &t);
		else if (kind == MAKING)
			resource_use(fd);
		else if (!ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w))
			nothing_submit(fd, &t);
		++*calls;
	}
}

/* More is held; less may be, for who waits for our lines may have been there when it was counted first. */
static int more_is_held(const struct counts *a, const struct counts *b)
{
	for (int i = 0; i < a->caches; i++)
		if (b->cache[i].used - a->cache[i].used > COMMANDS)
			return 1;
	return a->free_kb - b->free_kb > COMMANDS * 4 || a->caches != b->caches;
}

static void end(pid_t pid)
{
	int status;

	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* One of each kind at once; killed one after the other, each within some milliseconds of work. */
static void killed_soon(int turn)
{
	volatile unsigned int calls = 0;	/* each counts its own; nobody looks */
	pid_t pids[KINDS];
	char ready[KINDS];
	int p[2];

	(void)turn;
	EXPECT(pipe(p) == 0);
	for (int i = 0; i < KINDS; i++) {
		pids[i] = fork_or_end();
		if (!pids[i])
			call_for_ever(i, p[1], -1, &calls);
	}
	close(p[1]);
	for (int i = 0; i < KINDS; i++)
		SAME(read(p[0], ready, 1), 1);
	close(p[0]);
	for (int i = 0; i < KINDS; i++) {
		nanosleep(&(struct timespec){ 0, random() % 5000000 }, NULL);
		end(pids[i]);
	}
}

CHECK(killed_at_any_moment)
{
	leaves_nothing(killed_soon, 150);
}

#define SLEEPERS 6		/* of a kind */
#define ROUNDS 3

static volatile unsigned int *calls_new(void)
{
	void *p = mmap(NULL, 2 * SLEEPERS * sizeof(unsigned int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* Does it sleep in the call in which it was before, and is after we have looked? */
static int sleeps_in_call(pid_t pid, const volatile unsigned int *calls)
{
	unsigned int in = *calls;
	char path[32], text[256] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return in % 2 && strstr(text, ") S ") && *calls == in;
}

static void told(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void kind_sleeps(const pid_t *pids, const volatile unsigned int *calls)
{
	for (int i = 0; i < SLEEPERS; i++)
		while (!sleeps_in_call(pids[i], &calls[i]))
			nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
}

/* Clients that sleep in EXECBUFFER and in WAIT, because the host is silent between "ready" and "killed". */
static void sleepers_killed(volatile unsigned int *calls)
{
	int ready[2], go[2][2];
	pid_t pids[2][SLEEPERS];
	char line[8], c;

	EXPECT(pipe(ready) == 0 && pipe(go[SUBMITTING]) == 0 && pipe(go[WAITING]) == 0);
	for (int kind = SUBMITTING; kind <= WAITING; kind++)
		for (int i = 0; i < SLEEPERS; i++) {
			pids[kind][i] = fork_or_end();
			if (pids[kind][i])
				continue;
			close(go[SUBMITTING][1]);
			close(go[WAITING][1]);
			call_for_ever(kind, ready[1], go[kind][0], &calls[kind * SLEEPERS + i]);
		}
	for (int i = 0; i < 2 * SLEEPERS; i++)
		SAME(read(ready[0], &c, 1), 1);
	told("ready");
	EXPECT(fgets(line, sizeof(line), stdin));
	/* Those that wait first: when the queue is full, what they wait for cannot be submitted any more. */
	close(go[WAITING][1]);
	kind_sleeps(pids[WAITING], calls + WAITING * SLEEPERS);
	close(go[SUBMITTING][1]);
	kind_sleeps(pids[SUBMITTING], calls + SUBMITTING * SLEEPERS);
	for (int kind = SUBMITTING; kind <= WAITING; kind++)
		for (int i = 0; i < SLEEPERS; i++)
			end(pids[kind][i]);
	told("killed");
	EXPECT(fgets(line, sizeof(line), stdin));
	close(ready[0]);
	close(ready[1]);
	close(go[SUBMITTING][0]);
	close(go[WAITING][0]);
	memset((void *)calls, 0, 2 * SLEEPERS * sizeof(*calls));
}

/* A line of standard input after each of its own. COUNTED: nobody else does anything, and what is held is counted. */
CHECK(killed_asleep)
{
	volatile unsigned int *calls = calls_new();
	char before[256];

	alarm(0);
	held(before, sizeof(before));
	sleepers_killed(calls);
	if (getenv("COUNTED")) {
		settle(before);
		counts_begin();
	}
	for (int i = 1; i < ROUNDS; i++)
		sleepers_killed(calls);
	if (getenv("COUNTED")) {
		counts_same(more_is_held);
		settle(before);
	}
}
