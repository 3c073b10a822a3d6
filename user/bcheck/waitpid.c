/* waitpid and wait4: how a child ended or stopped, which child, and when there is none. */
#include "bcheck.h"
#include <limits.h>
#include <sys/resource.h>

static pid_t sleeper(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	EXPECT(child > 0);
	return child;
}

static void statuses(void)
{
	int status;
	pid_t child;

	for (int code = 0; code < 256; code += 85) {
		child = fork();
		if (child == 0)
			_exit(code);
		SAME(waitpid(child, &status, 0), child);
		EXPECT(WIFEXITED(status));
		SAME(WEXITSTATUS(status), code);
		FAILS(waitpid(child, &status, 0), ECHILD);	/* told once */
	}
	child = fork();
	if (child == 0)
		_exit(0x1234);
	SAME(waitpid(child, &status, 0), child);
	SAME(status, 0x3400);
	child = sleeper();
	SAME(kill(child, SIGTERM), 0);
	child_dies(child, SIGTERM);
	child = sleeper();
	SAME(kill(child, SIGKILL), 0);
	child_dies(child, SIGKILL);
}

static void stopping(void)
{
	pid_t child = sleeper();
	int status;

	SAME(waitpid(child, &status, WNOHANG), 0);
	SAME(kill(child, SIGSTOP), 0);
	SAME(waitpid(child, &status, WUNTRACED), child);
	EXPECT(WIFSTOPPED(status));
	SAME(WSTOPSIG(status), SIGSTOP);
	SAME(waitpid(child, &status, WUNTRACED | WNOHANG), 0);	/* told once */
	SAME(kill(child, SIGCONT), 0);
	SAME(waitpid(child, &status, WCONTINUED), child);
	EXPECT(WIFCONTINUED(status));
	/* One that is stopped can be killed. */
	SAME(kill(child, SIGSTOP), 0);
	SAME(waitpid(child, &status, WUNTRACED), child);
	SAME(kill(child, SIGKILL), 0);
	child_dies(child, SIGKILL);
}

static void which(void)
{
	pid_t a = sleeper(), b = sleeper();
	int status;

	SAME(setpgid(b, b), 0);
	SAME(kill(b, SIGTERM), 0);
	SAME(waitpid(-b, &status, 0), b);
	SAME(kill(a, SIGTERM), 0);
	SAME(waitpid(0, &status, 0), a);
	a = sleeper();
	b = fork();
	if (b == 0)
		_exit(3);
	SAME(waitpid(-1, &status, 0), b);
	SAME(waitpid(-1, &status, WNOHANG), 0);
	SAME(kill(a, SIGKILL), 0);
	SAME(wait(NULL), a);
	FAILS(waitpid(-1, &status, 0), ECHILD);
	FAILS(waitpid(-1, &status, WNOHANG), ECHILD);
	FAILS(waitpid(1, &status, 0), ECHILD);
	FAILS(waitpid(getpid(), &status, 0), ECHILD);
}

/* A grandchild is not one's own; its ends are not told here. */
static void grandchildren(void)
{
	int ends[2];
	char c;
	pid_t child, grandchild;

	SAME(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		grandchild = fork();
		if (grandchild == 0) {
			close(ends[0]);
			for (;;)
				pause();
		}
		SAME(write(ends[1], &grandchild, sizeof(grandchild)), sizeof(grandchild));
		_exit(0);
	}
	close(ends[1]);
	SAME(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	child_ok(child);
	FAILS(waitpid(grandchild, NULL, WNOHANG), ECHILD);
	SAME(kill(grandchild, SIGKILL), 0);
	SAME(read(ends[0], &c, 1), 0);	/* its descriptors are closed as it ends */
	close(ends[0]);
}

static void refused(void)
{
	struct rusage usage = { 0 };
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	SAME(wait4(child, &status, 0, &usage), child);
	EXPECT(usage.ru_utime.tv_usec < 1000000 && usage.ru_stime.tv_usec < 1000000);
	FAILS(waitpid(-1, &status, 0x1000), EINVAL);
	FAILS(syscall(SYS_wait4, INT_MIN, &status, 0, NULL), ESRCH);

	/* A parent that ignores its children's ends waits for the last of them, and learns nothing. */
	signal(SIGCHLD, SIG_IGN);
	child = fork();
	if (child == 0)
		_exit(0);
	FAILS(waitpid(child, &status, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

CHECK(waitpid)
{
	statuses();
	stopping();
	which();
	grandchildren();
	refused();
}
