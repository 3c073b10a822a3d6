/*
 * The first files: cpio archives (newc), plain or gzip, several one after the
 * other with zero padding between, unpacked into the root file system.
 */
#pragma once
#include "base/defs.h"

/*
 * Unpack data[size]. Says in the log what was wrong and how many files came out, and goes on, as
 * far as it got. 0, or the -errno of the first thing that was wrong. Boot, process context. The data is the caller's
 * again.
 */
int initramfs_unpack(const void *data, size_t size);
