/*
 * What there is only so much of: numbers of processes and threads. All of it is taken, refused as Linux refuses it,
 * given back, and there again. Runs as root, alone in its machine. tests/vm/limits_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#define MOST	520
#define FIRST_AFTER_WRAP 300

static char old_most[16];

static int most_set(const char *text)
{
	int fd = open("/proc/sys/kernel/pid_max", O_RDWR), n;

	EXPECT(fd >= 0);
	if (!old_most[0])
		EXPECT(read(fd, old_most, sizeof(old_most) - 1) > 0);
	n = pwrite(fd, text, strlen(text), 0);
	close(fd);
	return n;
}

/* A child that waits to be killed. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
}

static void *nothing(void *arg)
{
	return arg;
}

/* So that the shell that started this can go on, whatever comes. */
static void restore(void)
{
	if (old_most[0])
		most_set(old_most);
}

CHECK(the_most_has_bounds)
{
	FAILS(most_set("300"), EINVAL);
	FAILS(most_set("4194305"), EINVAL);
	FAILS(most_set("many"), EINVAL);
	SAME(most_set(old_most), strlen(old_most));
}

CHECK(every_number_is_taken_and_they_begin_anew)
{
	static pid_t pids[MOST];
	static char taken[MOST];
	int n = 0, again;
	pid_t pid;

	SAME(most_set("520"), 3);
	while ((pid = sleeper()) > 0) {
		EXPECT(n < MOST && pid < MOST && !taken[pid]);
		taken[pid] = 1;
		pids[n++] = pid;
	}
	again = errno;
	restore();
	SAME(again, EAGAIN);
	EXPECT(n > (MOST - FIRST_AFTER_WRAP) / 2);
	SAME(most_set("520"), 3);
	/* One number is free: it is the one. */
	for (int i = 0; i < n; i += 37) {
		if (pids[i] < FIRST_AFTER_WRAP)
			continue;
		end(pids[i]);
		pid = sleeper();
		if (pid != pids[i])
			restore();
		SAME(pid, pids[i]);
	}
	/* A thread wants a number, too. */
	pthread_t t;

	SAME(pthread_create(&t, NULL, nothing, NULL), EAGAIN);
	for (int i = 0; i < n; i++)
		end(pids[i]);
	pid = sleeper();
	EXPECT(pid >= FIRST_AFTER_WRAP && pid < MOST);
	end(pid);
	restore();
}

/* A group's number is not given out while the group has members, though its leader has gone. */
CHECK(a_number_that_names_a_group_is_not_given_out)
{
	pid_t leader, member, pid;
	int p[2];

	SAME(pipe(p), 0);
	SAME(most_set("520"), 3);
	leader = fork();
	if (!leader) {
		setpgid(0, 0);
		member = sleeper();
		EXPECT(write(p[1], &member, sizeof(member)) == sizeof(member));
		_exit(0);
	}
	SAME(read(p[0], &member, sizeof(member)), sizeof(member));
	child_ok(leader);
	for (int i = 0; i < 2 * MOST; i++) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid == leader)
			restore();
		EXPECT(pid > 0 && pid != leader);
		child_ok(pid);
	}
	SAME(kill(-leader, SIGKILL), 0);
	restore();
}
