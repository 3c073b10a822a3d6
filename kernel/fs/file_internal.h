/*
 * Shared by open.c, file.c and the file systems: files on a path.
 */
#pragma once
#include "fs/path.h"

/* A file opened at p (referenced anew), ops unset, refs 1. NULL: no memory. */
struct file *file_new_on_path(const struct path *p, u32 flags);
void file_init(void);			/* boot */
/* lseek for things with a size: SEEK_SET, _CUR, _END, _DATA, _HOLE; f->pos moves, under pos_lock. */
s64 file_seek_sized(struct file *f, s64 offset, int whence, u64 size);
/* lseek by the vnode's size, for file_ops. */
s64 file_seek_vnode(struct file *f, s64 offset, int whence);
