/*
 * /dev/fb0 over a framebuffer that is plain memory.
 */
#pragma once
#include "tty/screen.h"

/* phys, size: its memory, for programs to map. The first one counts: -EBUSY. s stays the caller's, for ever. Process
 * context. */
must_check int fbdev_register(const struct screen *s, u64 phys, u64 size);
