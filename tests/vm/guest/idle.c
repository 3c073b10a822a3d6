/*
 * An idle machine takes no periodic interrupt: idle SECONDS reads /proc/interrupts, waits on one timer, reads
 * it again and prints the lines whose counts moved, as `DELTA LINE`. Before them, `explained N`: so many timer
 * interrupts at most come of the program itself. Its own timer; the sampling of CPU time, which finds out that it sleeps; and
 * a sample for each 8 ms that it runs, which is longer on a busy host. tests/vm/stat_test.py runs it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char before[1 << 16], after[1 << 16];

static void interrupts_read(char *buf)
{
	int fd = open("/proc/interrupts", O_RDONLY);
	ssize_t n, at = 0;

	while ((n = read(fd, buf + at, sizeof(before) - 1 - at)) > 0)
		at += n;
	close(fd);
	buf[at] = '\0';
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Of a line, over all CPUs; -1: it is none of an interrupt's. */
static long long sum_of(const char *line)
{
	const char *at = strchr(line, ':');
	long long sum = 0, n;
	int used;

	if (!at)
		return -1;
	for (at++; sscanf(at, " %lld%n", &n, &used) == 1; at += used)
		sum += n;
	return sum;
}

int main(int argc, char **argv)
{
	struct timespec t = { argc > 1 ? atoi(argv[1]) : 1, 0 };
	char *a, *b, *save_a, *save_b;
	long long ran, end;

	/* The pages and the path to the file are there before it counts; what the console has to send has gone. */
	interrupts_read(after);
	nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
	ran = -now();
	interrupts_read(before);
	end = now() + t.tv_sec * 1000000000ll;
	ran += now();
	nanosleep(&t, NULL);
	interrupts_read(after);
	ran += now() - end;
	printf("explained %lld\n", 3 + ran / 8000000);
	a = strtok_r(before, "\n", &save_a);
	b = strtok_r(after, "\n", &save_b);
	while (a && b && (a = strtok_r(NULL, "\n", &save_a)) && (b = strtok_r(NULL, "\n", &save_b))) {
		long long moved = sum_of(b) - sum_of(a);

		if (moved)
			printf("%lld %s\n", moved, b);
	}
	return 0;
}
