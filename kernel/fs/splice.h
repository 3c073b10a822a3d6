/*
 * Bytes from file to file. All may sleep, and return how many bytes went, 0 at
 * the end of the source, or -errno of what failed first. A position is where
 * to read or write, and moves by as much; NULL: the file's own.
 */
#pragma once
#include "fs/file.h"

/* From a file with positions, in pieces; what was read but not written counts as not read. */
s64 file_copy(struct file *from, u64 *from_pos, struct file *to, u64 *to_pos, u64 count);
/* Into a pipe, as much as it has room for; streams give what one read gives. */
s64 file_to_pipe(struct file *from, u64 *pos, struct file *pipe, size_t count, bool no_delay);
/* What a pipe holds, to any file. With SPLICE_KEEP (into another pipe alone) it keeps the bytes. */
#define SPLICE_NO_DELAY	1u	/* do not wait for the pipes */
#define SPLICE_KEEP	2u
s64 pipe_to_file(struct file *pipe, struct file *to, u64 *pos, size_t count, u32 how);
