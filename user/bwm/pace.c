/*
 * The beat of the display. A frame that is wanted before its time waits for the beat; who was late for one by less than
 * a period, because the timer's end found the CPU at work, still has the next at its time: counted from when frames
 * were really drawn each delay would add up, and a display of 75 frames a second show 67. The first frame after a rest
 * is drawn at once, and the beat begins anew with it.
 */
#include "pace.h"

uint64_t pace_due(const struct pace *p)
{
	return p->beat + p->period;
}

void pace_frame(struct pace *p, uint64_t now)
{
	uint64_t due = pace_due(p);

	p->beat = now - due < p->period ? due : now;
}
