/*
 * /sys: attributes that drivers and the network register, one line of text a
 * file. Directories on the way are made.
 */
#pragma once
#include "fs/text.h"

/* store NULL: read-only; it gets the text without its last newline. 0, -EEXIST, -ENOMEM. Process context. */
int sysfs_register(const char *path, void (*show)(struct text_out *, void *arg),
		   int (*store)(const char *text, size_t len, void *arg), void *arg);
/* The same; arg_free(arg) when the last open file is closed after it was unregistered. show NULL: nobody reads it. */
int sysfs_register_owned(const char *path, void (*show)(struct text_out *, void *arg),
			 int (*store)(const char *text, size_t len, void *arg), void *arg, void (*arg_free)(void *arg));
/* A constant line; text is copied. */
int sysfs_register_text(const char *path, const char *text);
int sysfs_register_dir(const char *path);
int sysfs_register_link(const char *path, const char *target);
/*
 * A file of raw bytes (PCI config space) with these permissions: read(arg, offset, buf, n) gives bytes or -errno.
 * arg_free: as above, or NULL.
 */
int sysfs_register_binary(const char *path, u32 mode, u64 size, s64 (*read)(void *arg, u64 offset, void *buf, size_t n),
			  void *arg, void (*arg_free)(void *arg));
void sysfs_unregister(const char *path);	/* and everything below; open files read on */
