/*
 * The kernel's log: printf-style lines into a ring (read by syslog(2) and
 * /dev/kmsg) and, at or above loglevel=, onto the registered consoles.
 * Any context. Lines end without a newline of their own.
 */
#pragma once
#include "base/list.h"

enum log_level { LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* level: with a facility of syslog(3) above its three bits, 0 the kernel. */
void log_at(u32 level, const char *fmt, ...) printf_like(2, 3);
#define log_err(...)	log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...)	log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_at(LOG_DEBUG, __VA_ARGS__)

/* A sink of log lines. write runs in any context and must not sleep or log; flush_sync is for panics. */
struct log_sink {
	struct list_node node;		/* [log lock] */
	void (*write)(struct log_sink *, const char *s, size_t n);
	void (*write_panic)(struct log_sink *, const char *s, size_t n); /* polls; other CPUs are stopped */
	bool stand_in;			/* dropped when a sink without this comes */
};
void log_sink_add(struct log_sink *s);

/* From now on lines go to the sinks at once, without locks: the machine is going down. */
void log_panic_mode(void);

extern int log_console_level;		/* lines with level < this reach the sinks (loglevel=, quiet) */

/* Text of the ring from absolute position *pos on, formatted as "<level>[seconds.micro] line\n"; returns bytes
 * copied and advances *pos; skips what was overwritten. Any context. */
size_t log_read(u64 *pos, char *buf, size_t size);
extern u64 log_cleared;			/* syslog(2) hid what is before this position; torn reads are harmless */
u64 log_end(void);			/* position past the newest line */
u64 log_start(void);			/* position of the oldest one kept */
