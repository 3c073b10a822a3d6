/* When the next frame is due. See pace.c. */
#ifndef BWM_PACE_H
#define BWM_PACE_H

#include <stdint.h>

/* In nanoseconds of CLOCK_MONOTONIC. A pace that is all zeros but for its period has never had a frame. */
struct pace {
	uint64_t period;    /* from frame to frame; not 0 */
	uint64_t beat;      /* of the last frame: when it was due, or after a rest when it was drawn */
};

/* When the next frame may be drawn; a time that is over means at once. */
uint64_t pace_due(const struct pace *p);

/* A frame is drawn at `now`, which is not before it was due. */
void pace_frame(struct pace *p, uint64_t now);

#endif
