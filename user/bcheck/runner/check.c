/*
 * The life of one check: a directory to work in, the check, its end; and the
 * assertions it is written with (bcheck.h). The last process of a check that still
 * has its directory removes it: the runner does after one that died.
 */
#include "runner.h"
#include <dirent.h>
#include <grp.h>
#include <time.h>

char **check_argv;
char *volatile nowhere = (char *)16;

static pid_t check_process;	/* not of its children, which share its directory */

/* ---- what checks call --------------------------------------------------------- */

static void say(const char *format, va_list args)
{
	char text[512];
	size_t length = text_vformat(text, sizeof(text) - 1, format, args);

	text[length++] = '\n';
	out_write(text, length);
}

static _Noreturn void end(int status)
{
	if (getpid() == check_process)
		scratch_remove(check_process);
	_exit(status);
}

void check_failed(int line, const char *what)
{
	const char *slash = strrchr(check_argv[0], '/'), *name = slash ? slash + 1 : check_argv[0];
	int error = errno;

	if (line)
		out("%s.c:%d: %s (errno %d: %s)\n", name, line, what, error, strerror(error));
	else
		out("%s: %s (errno %d: %s)\n", name, what, error, strerror(error));
	end(CHECK_FAILED);
}

void check_same(long long a, long long b, int line, const char *what)
{
	char text[256];

	if (a == b)
		return;
	text_format(text, sizeof(text), "%s is %lld, not %lld", what, a, b);
	check_failed(line, text);
}

void check_fails(long long result, int error, int line, const char *what)
{
	int got = result == -1 ? errno : 0;
	char text[256];

	if (got == error)
		return;
	text_format(text, sizeof(text), "%s gives %lld with errno %d, not -1 with %d", what, result, got, error);
	check_failed(line, text);
}

void check_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	end(CHECK_SKIPPED);
}

void check_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void child_ok(pid_t pid)
{
	int status;

	check_same(waitpid(pid, &status, 0), pid, 0, "the child waited for");
	check_same(status, 0, 0, "the wait status of a child");
}

void child_dies(pid_t pid, int sig)
{
	int status;

	check_same(waitpid(pid, &status, 0), pid, 0, "the child waited for");
	check_same(WIFSIGNALED(status) ? WTERMSIG(status) : 0, sig, 0, "the signal that ended a child");
}

void be_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		check_failed(0, "becoming a user without rights");
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int pattern_file(const char *name, size_t size)
{
	unsigned char block[512];
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		check_failed(0, name);
	for (size_t at = 0; at < size; at += sizeof(block)) {
		size_t n = size - at < sizeof(block) ? size - at : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = pattern(at + i);
		check_same(write(fd, block, n), n, 0, name);
	}
	check_same(lseek(fd, 0, SEEK_SET), 0, 0, name);
	return fd;
}

/* ---- its directory -------------------------------------------------------------- */

static void scratch_path(pid_t pid, char *path, size_t size)
{
	text_format(path, size, "/tmp/bcheck-%d", (int)pid);
}

/* Remove what a directory holds, whatever modes the check left. */
static void tree_remove(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_Alignas(struct dirent) char buf[1024];
	long n;

	/* Not readdir(), for which malloc() would have to come along. */
	while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		struct dirent *entry;

		for (long i = 0; i < n; i += entry->d_reclen) {
			entry = (struct dirent *)(buf + i);
			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			if (unlinkat(fd, entry->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM))
				tree_remove(fd, entry->d_name);
		}
	}
	if (fd >= 0)
		close(fd);
	unlinkat(at, name, AT_REMOVEDIR);
}

void scratch_remove(pid_t pid)
{
	char path[32];

	scratch_path(pid, path, sizeof(path));
	tree_remove(AT_FDCWD, path);
}

int check_main(void (*check)(void), char **argv)
{
	char path[32];

	check_argv = argv;
	check_process = getpid();
	scratch_path(check_process, path, sizeof(path));
	umask(022);
	/*
	 * Open to all: parts of a check run as a user without rights. With arguments it is a check that
	 * executes itself, and has a directory.
	 */
	if (!argv[1] && (mkdir(path, 0755) < 0 || chdir(path) < 0))
		check_failed(0, path);
	check();
	end(0);
}
