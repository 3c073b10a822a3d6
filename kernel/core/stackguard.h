/*
 * The guard of library code with stack protection (stackguard.c).
 */
#pragma once
#include "base/defs.h"

extern u64 __stack_chk_guard;
noreturn void __stack_chk_fail(void);
