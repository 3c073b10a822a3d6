/*
 * Counters of /proc, as loads and rates between one look and the next.
 *
 * Source: proc(5), /proc/{stat,meminfo,net/dev,interrupts}. /proc/gpu is Dunlin's; where it is not there, nothing of a
 * GPU is told. An interface's interrupts are named after it (eth0, eth0-rx-0) or after its virtqueues
 * (virtio3-input.0).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sample.h"

/* Call line() for each line of a file, until it gives an error. */
static int each_line(const char *path, int (*line)(struct sample *s, const char *text, double seconds),
		     struct sample *s, double seconds)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	int error = 0;

	if (!f)
		return -errno;
	while (!error && getline(&text, &size, f) > 0)
		error = line(s, text, seconds);
	free(text);
	fclose(f);
	return error;
}

/* A counter that may have begun anew. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
	return seconds > 0 && now >= before ? (double)(now - before) / seconds : 0;
}

static void count(struct counter *c, uint64_t now, double seconds)
{
	c->rate = rate(c->count, now, seconds);
	c->count = now;
}

/* ---- CPUs ---------------------------------------------------------------------- */

enum { CPU_FIELDS = 8 };     /* user nice system idle iowait irq softirq steal */

static int cpu_at(struct sample *s, int index)
{
	struct cpu *cpus;

	if (index < s->cpu_count)
		return 0;
	cpus = realloc(s->cpus, (size_t)(index + 1) * sizeof *cpus);
	if (!cpus)
		return -ENOMEM;
	memset(cpus + s->cpu_count, 0, (size_t)(index + 1 - s->cpu_count) * sizeof *cpus);
	s->cpus = cpus;
	s->cpu_count = index + 1;
	return 0;
}

static int cpu_line(struct sample *s, const char *text, int index, double seconds)
{
	unsigned long long field[CPU_FIELDS] = { 0 };
	uint64_t all = 0, idle;
	struct cpu *c;

	if (cpu_at(s, index))
		return -ENOMEM;
	c = &s->cpus[index];
	sscanf(text, "%*s %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1], &field[2], &field[3], &field[4],
		&field[5], &field[6], &field[7]);
	for (int i = 0; i < CPU_FIELDS; i++)
		all += field[i];
	idle = field[3] + field[4];
	if (seconds > 0 && all > c->all)
		c->load = (double)(all - idle - c->busy) / (double)(all - c->all);
	else
		c->load = 0;
	c->load = c->load < 0 ? 0 : c->load > 1 ? 1 : c->load;
	c->busy = all - idle;
	c->all = all;
	return 0;
}

static int stat_line(struct sample *s, const char *text, double seconds)
{
	unsigned long long total;
	int number;

	if (!strncmp(text, "cpu ", 4))
		return cpu_line(s, text, 0, seconds);
	if (sscanf(text, "cpu%d ", &number) == 1 && number >= 0)
		return cpu_line(s, text, number + 1, seconds);
	if (sscanf(text, "intr %llu", &total) == 1)
		count(&s->interrupts, total, seconds);
	return 0;
}

/* ---- memory and network ---------------------------------------------------------- */

static int memory_line(struct sample *s, const char *text, double seconds)
{
	unsigned long long kib;

	if (sscanf(text, "MemTotal: %llu", &kib) == 1)
		s->memory_all = (double)kib * 1024;
	else if (sscanf(text, "MemAvailable: %llu", &kib) == 1)
		s->memory_used = s->memory_all - (double)kib * 1024;
	return 0;
}

static struct netif *netif_named(struct sample *s, const char *name)
{
	struct netif *netifs;

	for (int i = 0; i < s->netif_count; i++)
		if (!strcmp(s->netifs[i].name, name))
			return &s->netifs[i];
	netifs = realloc(s->netifs, (size_t)(s->netif_count + 1) * sizeof *netifs);
	if (!netifs)
		return NULL;
	s->netifs = netifs;
	netifs[s->netif_count] = (struct netif) { 0 };
	snprintf(netifs[s->netif_count].name, SAMPLE_NAME, "%s", name);
	return &netifs[s->netif_count++];
}

static int net_line(struct sample *s, const char *text, double seconds)
{
	unsigned long long received, sent;
	char name[SAMPLE_NAME];
	struct netif *n;

	if (sscanf(text, " %31[^: |]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &received, &sent) != 3 ||
	    !strcmp(name, "lo"))
		return 0;
	n = netif_named(s, name);
	if (!n)
		return -ENOMEM;
	n->receiving = n->received ? rate(n->received, received, seconds) : 0;
	n->sending = n->sent ? rate(n->sent, sent, seconds) : 0;
	n->received = received;
	n->sent = sent;
	return 0;
}

/* ---- interrupts and the GPU -------------------------------------------------------- */

static bool is_net(const struct sample *s, const char *text)
{
	if (strstr(text, "-input.") || strstr(text, "-output."))
		return true;
	for (int i = 0; i < s->netif_count; i++)
		if (strstr(text, s->netifs[i].name))
			return true;
	return false;
}

/* The line's counts, one a CPU, behind "NN:"; added up in net_interrupts.count. */
static int interrupt_line(struct sample *s, const char *text, double seconds)
{
	const char *at = strchr(text, ':');
	unsigned long long number;
	int length;

	if (!at || !is_net(s, at))
		return 0;
	for (at++; sscanf(at, "%llu%n", &number, &length) == 1 && (at[length] == ' ' || at[length] == '\n'); at += length)
		s->net_interrupts.count += number;
	return 0;
}

static int gpu_line(struct sample *s, const char *text, double seconds)
{
	unsigned long long number;

	if (sscanf(text, "flushes %llu", &number) == 1)
		count(&s->frames, number, seconds);
	else if (sscanf(text, "submits %llu", &number) == 1)
		count(&s->submits, number, seconds);
	return 0;
}

/* ---- all of it ---------------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int sample_take(struct sample *s)
{
	double when = now(), seconds = s->when > 0 ? when - s->when : 0;
	uint64_t before = s->net_interrupts.count;
	int error = each_line("/proc/stat", stat_line, s, seconds);

	s->when = when;
	if (!error)
		error = each_line("/proc/meminfo", memory_line, s, seconds);
	if (!error)
		error = each_line("/proc/net/dev", net_line, s, seconds);
	s->net_interrupts.count = 0;
	if (!error)
		error = each_line("/proc/interrupts", interrupt_line, s, seconds);
	s->net_interrupts.rate = rate(before, s->net_interrupts.count, seconds);
	s->gpu = each_line("/proc/gpu", gpu_line, s, seconds) == 0;
	return error;
}

void sample_free(struct sample *s)
{
	free(s->cpus);
	free(s->netifs);
	*s = (struct sample) { 0 };
}
