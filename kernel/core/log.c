/*
 * The log ring (log.h). Records are whole lines with their level and time;
 * positions are absolute and only grow, so that a reader knows what it missed.
 * Any context writes; sinks are called with the ring's lock held.
 */
#include "core/log.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/event.h"
#include "core/param.h"
#include "core/spinlock.h"

#define LOG_SIZE	16384u		/* bytes of text kept; a power of two */
#define LOG_LINE	512u		/* longest line, cut beyond */

static struct spinlock log_lock = SPINLOCK_INIT("log");	/* irq kind */
static char log_ring[LOG_SIZE];		/* [log_lock] */
static u64 log_head;			/* [log_lock] position past the newest byte */
static u64 log_tail;			/* [log_lock] of the oldest whole line */
static struct list_node log_sinks = LIST_INIT(log_sinks); /* [log_lock] */
int log_console_level = LOG_DEBUG;
u64 log_cleared;
static bool log_panicking;		/* set once, by the CPU that panics */
static u64 log_shown;			/* [log_lock] what lies before was written to a sink that shows it */

/* One past the newline of the line that starts at pos. [log_lock] */
static u64 line_end(u64 pos)
{
	while (pos < log_head && log_ring[pos & (LOG_SIZE - 1)] != '\n')
		pos++;
	return pos < log_head ? pos + 1 : pos;
}

static void ring_put(const char *s, size_t n)
{
	while (log_head + n - log_tail > LOG_SIZE)
		log_tail = line_end(log_tail);
	for (size_t i = 0; i < n; i++)
		log_ring[log_head++ & (LOG_SIZE - 1)] = s[i];
}

/* Is there no sink but one that shows what comes in a panic alone? [log_lock] */
static bool only_stand_in(void)
{
	return list_empty(&log_sinks) || list_first(&log_sinks, struct log_sink, node)->stand_in;
}

/* [log_lock] */
static void sinks_write(const char *s, size_t n)
{
	struct log_sink *k;

	if (!only_stand_in())
		log_shown = log_head;

	list_for_each(k, &log_sinks, node) {
		if (log_panicking && k->write_panic)
			k->write_panic(k, s, n);
		else
			k->write(k, s, n);
	}
}

static void log_line(u32 level, const char *line, size_t n, size_t prefix)
{
	bool panicking = atomic_load_relaxed(&log_panicking);
	u64 flags = 0;

	if (!panicking)
		flags = spin_lock_irqsave(&log_lock);
	ring_put(line, n);
	if ((int)(level & 7) < log_console_level || panicking)
		sinks_write(line + prefix, n - prefix);
	if (panicking)
		return;
	spin_unlock_irqrestore(&log_lock, flags);
	core_event(CORE_EVENT_LOG);
}

void log_at(u32 level, const char *fmt, ...)
{
	char line[LOG_LINE];
	u64 us = clock_ns() / 1000;
	size_t prefix = snprintf(line, sizeof line, "<%u>", level);
	size_t n = prefix;
	va_list ap;

	n += snprintf(line + n, sizeof line - n, "[%5llu.%06llu] ", (unsigned long long)(us / 1000000),
		      (unsigned long long)(us % 1000000));
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - n, fmt, ap);
	va_end(ap);
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	log_line(level, line, n, prefix);
}

/* The lines from pos on, to a sink that has not had them. [log_lock, or a panic] */
static void sink_catch_up(struct log_sink *s, u64 pos, void (*write)(struct log_sink *s, const char *text, size_t n))
{
	while (pos < log_head) {
		u64 end = line_end(pos);
		int level = log_ring[(pos + 1) & (LOG_SIZE - 1)] - '0';
		char line[LOG_LINE];
		size_t n = 0;

		for (pos += 3; pos < end && n < sizeof line; pos++)
			line[n++] = log_ring[pos & (LOG_SIZE - 1)];
		if (level < log_console_level)
			write(s, line, n);
		pos = end;
	}
}

void log_sink_add(struct log_sink *s)
{
	u64 flags = spin_lock_irqsave(&log_lock);

	if (!list_empty(&log_sinks) && only_stand_in())
		list_pop_front(&log_sinks);
	list_push_back(&log_sinks, &s->node);
	/* What was said before there was a console. */
	sink_catch_up(s, log_tail, s->write);
	if (!s->stand_in)
		log_shown = log_head;
	spin_unlock_irqrestore(&log_lock, flags);
}

void log_panic_mode(void)
{
	struct log_sink *s = list_empty(&log_sinks) ? NULL : list_first(&log_sinks, struct log_sink, node);

	atomic_store_relaxed(&log_panicking, true);
	/* What led here, where there was no console yet. */
	if (s && s->stand_in)
		sink_catch_up(s, MAX(log_tail, log_shown), s->write_panic);
}

size_t log_read(u64 *pos, char *buf, size_t size)
{
	u64 flags = spin_lock_irqsave(&log_lock);
	size_t n = 0;

	if (*pos < log_tail)
		*pos = log_tail;
	while (*pos < log_head) {
		u64 end = line_end(*pos);

		if (n + (end - *pos) > size)
			break;
		for (; *pos < end; ++*pos)
			buf[n++] = log_ring[*pos & (LOG_SIZE - 1)];
	}
	spin_unlock_irqrestore(&log_lock, flags);
	return n;
}

u64 log_end(void)
{
	return atomic_load_relaxed(&log_head);
}

u64 log_start(void)
{
	return atomic_load_relaxed(&log_tail);
}

static int set_loglevel(const char *v)
{
	u64 n;
	int r = parse_u64(v, NULL, 10, &n);

	if (!r)
		log_console_level = MIN(n, 8u);
	return r;
}
PARAM("loglevel", set_loglevel);

static int set_quiet(const char *v)
{
	log_console_level = LOG_WARNING;
	return 0;
}
PARAM("quiet", set_quiet);

static int set_debug(const char *v)
{
	log_console_level = 8;
	return 0;
}
PARAM("debug", set_debug);
