/*
 * Shared by the files of /proc.
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
int procfs_system_init(struct superblock *procfs);
int procfs_irq_init(struct superblock *procfs);
/* A number in decimal, without leading zeros, as directories of processes and interrupt lines are named. */
bool proc_number_parse(const char *name, u32 len, u32 *number);
