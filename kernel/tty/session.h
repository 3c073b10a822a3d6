/*
 * What others ask about sessions' terminals.
 */
#pragma once
#include "base/defs.h"

/* The device number (Linux's encoding) and foreground group of a session's terminal; untouched without one. Process context. */
void tty_of_session(s32 sid, u64 *device, s32 *group);
