/*
 * Ending threads and processes; status as wait4 shows it: exit code << 8, or a signal's number. Process context.
 */
#pragma once
#include "base/defs.h"

noreturn void exit_thread(u32 status);	/* this thread; the status counts if it is the last */
noreturn void exit_group(u32 status);	/* all threads of the process */
