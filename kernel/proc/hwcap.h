/*
 * What the CPU can do, for AT_HWCAP and AT_HWCAP2.
 */
#pragma once
#include "base/defs.h"

void hwcap_get(u64 *hwcap, u64 *hwcap2);
