/*
 * Reading /dev/kmsg: a record a read, "priority,sequence,microseconds,flags;text" and lines of properties behind it.
 * Source: Linux's Documentation/ABI/testing/dev-kmsg. A record that was overwritten before it was read gives EPIPE
 * once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum {
	LINES_FIRST = 256, LINES_MOST = 65536,  /* some MiB: days of a machine's log */
	RECORD = 8192,                          /* bytes: the longest record that a kernel gives */
};

int log_open(struct log *log)
{
	*log = (struct log) { .fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC) };
	return log->fd < 0 ? -errno : 0;
}

void log_close(struct log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->lines[(log->first + i) % log->room]);
	free(log->lines);
	close(log->fd);
}

const struct line *log_line(const struct log *log, size_t index)
{
	return log->lines[(log->first + index) % log->room];
}

/* Have room for one more: a larger ring, or the oldest line's. */
static int make_room(struct log *log)
{
	size_t room = log->room ? 2 * log->room : LINES_FIRST;
	struct line **lines;

	if (log->count < log->room)
		return 0;
	if (log->room >= LINES_MOST) {
		free(log->lines[log->first]);
		log->first = (log->first + 1) % log->room;
		log->count--;
		log->dropped++;
		return 0;
	}
	lines = malloc(room * sizeof *lines);
	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < log->count; i++)
		lines[i] = log->lines[(log->first + i) % log->room];
	free(log->lines);
	log->lines = lines;
	log->first = 0;
	log->room = room;
	return 0;
}

/* A record, that ends in a 0. Properties follow its first line. */
static int add(struct log *log, char *record)
{
	char *text = strchr(record, ';');
	unsigned long long microseconds = 0;
	unsigned priority = 0;
	struct line *line;

	if (!text || make_room(log))
		return text ? -ENOMEM : 0;
	sscanf(record, "%u,%*u,%llu", &priority, &microseconds);
	text++;
	text[strcspn(text, "\n")] = 0;
	line = malloc(sizeof *line + strlen(text) + 1);
	if (!line)
		return -ENOMEM;
	line->seconds = (double)microseconds / 1e6;
	line->severity = priority & 7;
	strcpy(line->text, text);
	log->lines[(log->first + log->count++) % log->room] = line;
	return 0;
}

int log_read(struct log *log)
{
	char record[RECORD + 1];
	int came = 0, error = 0;

	while (!error) {
		ssize_t got = read(log->fd, record, RECORD);
		if (got > 0) {
			record[got] = 0;
			error = add(log, record);
			came++;
		} else if (got == 0 || errno == EAGAIN) {
			return came;
		} else if (errno != EPIPE && errno != EINTR) {
			error = -errno;
		}
	}
	return error;
}

bool log_find(const struct log *log, const char *text, size_t from, bool backwards, size_t *found)
{
	for (size_t i = from; i < log->count; i += backwards ? (size_t)-1 : 1)
		if (strcasestr(log_line(log, i)->text, text)) {
			*found = i;
			return true;
		}
	return false;
}
