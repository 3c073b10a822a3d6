/*
 * A picture that the console can be drawn on. Whoever has one (firmware's framebuffer, a GPU) describes it and
 * registers it; the console (tty/vt.c) draws letters on the first that comes.
 *
 * Pixels are 32 bits wide, in memory that the CPU writes. A device that has to be told of what changed gives flush.
 */
#pragma once
#include "base/defs.h"

struct screen {
	u32 width, height;		/* pixels */
	u32 stride;			/* bytes from one line to the next */
	u32 red, green, blue;		/* masks of a pixel */
	void *pixels;
	/* What changed, in pixels; one call at a time. Thread context, may sleep. NULL: the device sees the memory
	 * itself */
	void (*flush)(struct screen *s, u32 x, u32 y, u32 width, u32 height);
	void *device;			/* the owner's */
};

/* Where a mask begins, and how many bits of a pixel it reaches over. */
static inline u32 screen_shift(u32 mask) { return mask ? __builtin_ctz(mask) : 0; }
static inline u32 screen_bits(u32 mask) { return mask ? 32 - __builtin_clz(mask) - __builtin_ctz(mask) : 0; }

/*
 * -EBUSY: there is a console on another screen; -EINVAL: no letter fits it, or its description can't be; -ENOMEM.
 * The screen stays the console's until screen_unregister. Process context.
 */
must_check int screen_register(struct screen *s);
/* The console is drawn on it no more, and what it shows is kept for the next screen. Process context. */
void screen_unregister(struct screen *s);
