/*
 * The log: lines are kept for host_log_has, and printed when UNIT_LOG is set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "core/log.h"

/* The kernel's own, which knows %pI4; unit.mk renames it for the host. */
int kernel_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

int log_console_level = LOG_DEBUG;

static char *text;
static size_t text_len, text_room;

void log_at(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	kernel_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (getenv("UNIT_LOG"))
		printf("<%d> %s\n", level, line);
	len = strlen(line);
	/* Twice as much as before: a test of thousands of damaged tables logs megabytes. */
	if (text_room < text_len + len + 2) {
		text_room = 2 * (text_len + len + 2);
		text = realloc(text, text_room);
	}
	memcpy(text + text_len, line, len);
	text_len += len;
	text[text_len++] = '\n';
	text[text_len] = '\0';
}

bool host_log_has(const char *what)
{
	return text && strstr(text, what);
}

void host_log_clear(void)
{
	free(text);
	text = NULL;
	text_len = text_room = 0;
}

void log_sink_add(struct log_sink *s) { }
void log_panic_mode(void) { }
size_t log_read(u64 *pos, char *buf, size_t size) { return 0; }
u64 log_start(void) { return 0; }
u64 log_end(void) { return text_len; }
