/*
 * What one action moves in /proc/stat: statdelta ACTION N reads it, does the action N times, reads it
 * again and prints `NAME DELTA` for each counter of one number. Both reads are made by this one process, with
 * nothing between them but the action, so that the difference of two runs with different N is the
 * action's own. tests/vm/stat_test.py says what must move.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char before[1 << 16], after[1 << 16];

static void stat_read(char *buf)
{
	int fd = open("/proc/stat", O_RDONLY);
	ssize_t n, at = 0;

	while ((n = read(fd, buf + at, sizeof(before) - 1 - at)) > 0)
		at += n;
	close(fd);
	if (fd < 0 || n < 0) {
		perror("/proc/stat");
		exit(1);
	}
	buf[at] = '\0';
}

static void do_forks(int n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* Always one child, which runs this program n times in a row by exec. */
static void do_execs(int n)
{
	char count[16];
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(count, sizeof(count), "%d", n);
		if (n)
			execl("/bin/statdelta", "statdelta", "chain", count, (char *)NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* A child that writes to n pages that it shares with its parent. */
static void do_cow(int n)
{
	static char *pages;
	pid_t pid;

	if (!pages) {
		pages = mmap(NULL, 1000 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(pages, 1, 1000 * 4096);
	}
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++)
			pages[i * 4096L] = 2;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void do_syscalls(int n)
{
	while (n--)
		syscall(SYS_getppid);
}

/* A byte to a child and back: each time it runs, and then we. */
static void do_switches(int n)
{
	int there[2], back[2];
	char c = 'x';
	pid_t pid;

	if (pipe(there) || pipe(back))
		exit(1);
	pid = fork();
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	while (n--)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			exit(1);
	close(there[1]);
	waitpid(pid, NULL, 0);
}

/* The shell that started us may still have been on its way to sleep, were it slow: let it run until it waits for us. */
static void parent_asleep(void)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	while (state != 'S') {
		FILE *f = fopen(path, "r");

		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			exit(1);
		fclose(f);
		sched_yield();
	}
}

static void do_nothing(int n)
{
	(void)n;
}

/* Sleep for n milliseconds, once. */
static void do_sleep(int n)
{
	nanosleep(&(struct timespec){ n / 1000, n % 1000 * 1000000L }, NULL);
}

/* Let the other side do it: say go, and wait for the word of that on standard input. */
static void do_wait(int n)
{
	char c;

	printf("go %d\n", n);
	fflush(stdout);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static const struct { const char *name; void (*fn)(int); } actions[] = {
	{ "nothing", do_nothing }, { "forks", do_forks }, { "execs", do_execs }, { "cow", do_cow }, { "syscalls", do_syscalls },
	{ "switches", do_switches }, { "sleep", do_sleep }, { "wait", do_wait },
};

static void print_deltas(void)
{
	for (char *line = before; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		unsigned long long a, b;
		char name[64], *there;
		int end = 0;

		if (sscanf(line, "%63s %llu%n", name, &a, &end) != 2 || line[end] != '\n')
			continue;
		for (there = after; there; there = strchr(there, '\n') ? strchr(there, '\n') + 1 : NULL)
			if (!strncmp(there, name, strlen(name)) && there[strlen(name)] == ' ' &&
			    sscanf(there + strlen(name), "%llu", &b) == 1) {
				printf("%s %lld\n", name, (long long)(b - a));
				break;
			}
	}
}

int main(int argc, char **argv)
{
	/* The stack begins anywhere in a page; what is below here lies in one page in every run, not now and then in two. */
	volatile char *rest_of_page = alloca(((unsigned long)__builtin_frame_address(0) & 4095) + 512);
	char count[16];
	int n = argc == 3 ? atoi(argv[2]) : -1;

	rest_of_page[0] = 0;
	if (n > 0 && !strcmp(argv[1], "chain")) {
		if (n == 1)
			return 0;
		snprintf(count, sizeof(count), "%d", n - 1);
		execl("/bin/statdelta", "statdelta", "chain", count, (char *)NULL);
		return 1;
	}
	for (size_t i = 0; n >= 0 && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(argv[1], actions[i].name))
			continue;
		parent_asleep();
		/* Once for nothing, so that every page that is touched is there. */
		stat_read(before);
		stat_read(after);
		if (actions[i].fn != do_wait)
			actions[i].fn(0);
		stat_read(before);
		actions[i].fn(n);
		stat_read(after);
		print_deltas();
		return 0;
	}
	fprintf(stderr, "usage: statdelta nothing|forks|execs|cow|syscalls|switches|sleep|wait N\n");
	return 2;
}
