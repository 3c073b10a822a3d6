/*
 * What others ask about sessions' terminals.
 */
#pragma once
#include "base/defs.h"

/* vhangup(2): who has the current session's terminal open loses it, and the session's leader hears of it. Process
 * context. */
void tty_vhangup(void);
/* The device number (Linux's encoding) and foreground group of a session's terminal; untouched without one. Process
 * context. */
void tty_of_session(s32 sid, u64 *device, s32 *group);
