/*
 * What the CPU can do, for AT_HWCAP and AT_HWCAP2, and for programs that read its ID registers.
 */
#pragma once
#include "base/defs.h"

struct trap_frame;

void hwcap_get(u64 *hwcap, u64 *hwcap2);
/* A program's undefined instruction: was it the reading of an ID register, and is done? Process context; may sleep. */
bool hwcap_emulate(struct trap_frame *f);
