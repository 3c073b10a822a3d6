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

#define SETTLE_TRIES 100

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

/* The interrupts between two readings, this long apart; so many at most are the program's own. */
static long long interrupts_in(struct timespec t)
{
	long long ran = -now(), end;

	interrupts_read(before);
	end = now() + t.tv_sec * 1000000000ll + t.tv_nsec;
	ran += now();
	nanosleep(&t, NULL);
	interrupts_read(after);
	ran += now() - end;
	return 3 + ran / 8000000;
}

/* Of all lines, printed if told so. */
static long long moved(int print)
{
	char *save_a, *save_b, *a = strtok_r(before, "\n", &save_a), *b = strtok_r(after, "\n", &save_b);
	long long all = 0;

	while (a && b && (a = strtok_r(NULL, "\n", &save_a)) && (b = strtok_r(NULL, "\n", &save_b))) {
		long long n = sum_of(b) - sum_of(a);

		if (n && print)
			printf("%lld %s\n", n, b);
		all += n;
	}
	return all;
}

int main(int argc, char **argv)
{
	struct timespec t = { argc > 1 ? atoi(argv[1]) : 1, 0 };
	long long explained;

	/*
	 * The pages and the path to the file are there before it counts, what the console has to send has gone, and the
	 * other CPUs, for which the host may not have had time, have found out that they have nothing to do.
	 */
	interrupts_read(after);
	for (int i = 0; i < SETTLE_TRIES; i++) {
		explained = interrupts_in((struct timespec){ 0, 200000000 });
		if (moved(0) <= explained)
			break;
	}
	explained = interrupts_in(t);
	printf("explained %lld\n", explained);
	moved(1);
	return 0;
}
