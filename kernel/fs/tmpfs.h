/*
 * Files in memory: tmpfs, the root file system, devtmpfs, memfd and shared
 * anonymous memory are all made of these.
 */
#pragma once
#include "fs/vnode.h"
#include "vm/vm_object.h"

/* A superblock without a limit, for the root file system; err_ptr. */
struct superblock *tmpfs_root_make(void);
/* A superblock of the given type made of tmpfs (devtmpfs); max_pages ~0: no limit. */
struct superblock *tmpfs_make(const struct fs_type *type, u64 max_pages, u32 root_mode);

/* A new file, directory or device in a tmpfs directory, by the kernel: name need not end in NUL; rights are not
 * asked. Its dentry, not referenced (the tree pins it), or err_ptr(-EEXIST, -ENOMEM). [n] of the superblock held. */
struct dentry *tmpfs_add(struct dentry *dir, const char *name, u32 len, u32 mode, u64 rdev);
struct dentry *tmpfs_add_symlink(struct dentry *dir, const char *name, u32 len, const char *target, u32 target_len);
/* Append to a regular file, as initramfs unpacks it. 0, -ENOMEM, -ENOSPC. */
int tmpfs_append(struct vnode *v, const void *data, size_t len);

/* Memory with pages by index and no name, zero-filled: shared anonymous mappings. size is rounded up; err_ptr. */
struct vm_object *tmpfs_object_new(u64 size);

/*
 * A thing that no directory has: a file of memory (memfd), or the fifo by which a pipe is opened again. A referenced
 * path whose text is "/name (deleted)"; 0, -ENOMEM. mode with S_IFMT. seals: F_SEAL_*, of regular files.
 */
int tmpfs_unnamed(const char *name, u32 mode, u32 seals, struct path *out);

/*
 * Seals of a file of memory, fcntl(2): all of them, after `add` were added. -EINVAL: f is no such file; -EPERM: not
 * open for writing, or sealed against it; -EBUSY: F_SEAL_WRITE while it is mapped for writing.
 */
s64 tmpfs_seals_get(struct file *f);
s64 tmpfs_seals_add(struct file *f, u32 add);
/* Shared mappings of it are for reading, for good. [v] held. */
bool tmpfs_is_write_sealed(struct file *f);

/* Pages in use by all of tmpfs, for /proc/meminfo (Shmem). */
u64 tmpfs_pages(void);
void tmpfs_init(void);
