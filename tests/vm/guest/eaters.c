/*
 * Programs that take more memory than there is: who is ended, and that the others go on.
 */
#include "check.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)

static char *reserve(size_t size, int flags)
{
	char *m = mmap(NULL, size, RW, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(m != MAP_FAILED);
	return m;
}

static void touch(char *m, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		m[i] = 1;
}

static _Noreturn void eat_all(int flags)
{
	touch(reserve(4096 * MIB, flags), 4096 * MIB);
	_exit(1);
}

static void adjust(int value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	char text[8];
	int n = snprintf(text, sizeof(text), "%d", value);

	SAME(write(fd, text, n), n);
	close(fd);
}

static void killed(pid_t pid)
{
	int status;

	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

CHECK(eaters_end_one_after_the_other)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			eat_all(MAP_PRIVATE);
	}
	for (int i = 0; i < 4; i++)
		killed(pid[i]);
}

CHECK(adjusted_scores_decide)
{
	int ready[2], go[2];
	pid_t kept, first, eater;
	char c;

	SAME(pipe(ready), 0);
	SAME(pipe(go), 0);
	kept = fork();
	if (kept == 0) {
		char *m = reserve(64 * MIB, MAP_PRIVATE);

		adjust(-1000);
		touch(m, 64 * MIB);
		SAME(write(ready[1], "", 1), 1);
		SAME(read(go[0], &c, 1), 1);
		EXPECT(m[63 * MIB] == 1);
		_exit(0);
	}
	SAME(read(ready[0], &c, 1), 1);
	first = fork();
	if (first == 0) {
		adjust(1000);
		touch(reserve(8 * MIB, MAP_PRIVATE), 8 * MIB);
		SAME(write(ready[1], "", 1), 1);
		for (;;)
			pause();
	}
	SAME(read(ready[0], &c, 1), 1);
	eater = fork();
	if (eater == 0)
		eat_all(MAP_PRIVATE);
	killed(first);
	killed(eater);
	SAME(write(go[1], "", 1), 1);
	child_ok(kept);
}

CHECK(scores_are_read_and_written)
{
	char text[16] = "";
	int fd;

	adjust(17);
	fd = open("/proc/self/oom_score_adj", O_RDWR);
	SAME(read(fd, text, sizeof(text)), 3);
	EXPECT(!strcmp(text, "17\n"));
	FAILS(write(fd, "1001", 4), EINVAL);
	FAILS(write(fd, "-1001", 5), EINVAL);
	FAILS(write(fd, "x", 1), EINVAL);
	/* A child has its parent's; without rights it goes no lower than a privileged one has set it. */
	if (fork() == 0) {
		SAME(setuid(1000), 0);
		fd = open("/proc/self/oom_score_adj", O_RDWR);
		if (fd >= 0)
			FAILS(write(fd, "16", 2), EACCES);
		_exit(0);
	}
	fd = open("/proc/self/oom_score", O_RDONLY);
	EXPECT(read(fd, text, sizeof(text)) > 1 && atoi(text) > 0);
}

/* Memory that several share is given back when the last of them is gone. */
CHECK(shared_memory_is_eaten_together)
{
	char *m = reserve(4096 * MIB, MAP_SHARED);
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			touch(m, 4096 * MIB);
			_exit(1);
		}
	}
	for (int i = 0; i < 3; i++)
		killed(pid[i]);
}

static atomic_int *births;

static void bomb(void)
{
	for (;;) {
		if (fork() >= 0)
			atomic_fetch_add(births, 1);
		touch(reserve(8 * MIB, MAP_PRIVATE), 8 * MIB);
	}
}

CHECK(children_that_multiply_and_touch)
{
	struct rlimit l = { 60, 60 };
	pid_t pid;

	births = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Orphans come to this process, so that it knows when all are gone. */
	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		SAME(setrlimit(RLIMIT_NPROC, &l), 0);
		SAME(setuid(1000), 0);
		bomb();
	}
	setpgid(pid, pid);
	while (atomic_load(births) < 150 && waitpid(pid, NULL, WNOHANG) == 0)
		usleep(10000);
	do
		kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0);
	SAME(errno, ECHILD);
}
