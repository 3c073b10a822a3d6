/*
 * /proc/trace: the trace buffer as text, oldest first, under a line that says
 * which events are on; writing names switches them (core/trace.h).
 */
#include "core/trace.h"
#include "dev/device.h"
#include "fs/procfs.h"

static void trace_show(struct text_out *t, void *arg)
{
	char line[160];
	size_t n = trace_format_events(line, sizeof line);

	text_write(t, line, n);
	for (u64 i = 0; (n = trace_format(i, line, sizeof line)); i++)
		text_write(t, line, n);
}

static int trace_store(const char *text, size_t len, void *arg)
{
	return trace_select(text);
}

static const struct proc_entry_ops trace_ops = { .show = trace_show, .store = trace_store };

static int procfs_trace_init(void)
{
	return proc_register("trace", &trace_ops, NULL);
}
INIT(procfs_trace, INIT_FS, procfs_trace_init);
