/*
 * Shared by procfs.c and procfs_system.c.
 */
#pragma once
#include "fs/procfs.h"

/* A sink in front of another that remembers that it was full. */
struct dir_tail {
	struct dir_sink sink;
	struct dir_sink *to;
	bool full;
};
bool dir_tail_emit(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 pos_after);

void proc_stat_sources_show(struct text_out *t);
int procfs_system_init(void);
