/*
 * The kernel's log as lines, the oldest of which go when there are too many.
 */
#ifndef BLOG_LOG_H
#define BLOG_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct line {
	double seconds;             /* since the machine started */
	int    severity;            /* 0 emergency ... 7 debugging */
	char   text[];
};

struct log {
	int           fd;           /* for poll() */
	struct line **lines;        /* a ring: line i is at (first + i) % room */
	size_t        first, count, room;
	size_t        dropped;      /* lines that went since the start */
};

/* /dev/kmsg from its beginning: 0 or a negative errno. */
int log_open(struct log *log);
void log_close(struct log *log);

/* Take what is there: how many lines came, or a negative errno. */
int log_read(struct log *log);

const struct line *log_line(const struct log *log, size_t index);

/* The next line from this one on, backwards or not, that has the text in it, whatever its case; false: none has. */
bool log_find(const struct log *log, const char *text, size_t from, bool backwards, size_t *found);

#endif
