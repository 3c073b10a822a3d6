/*
 * Names for addresses of kernel code, for backtraces.
 */
#pragma once
#include "base/defs.h"

/*
 * The function that addr lies in, and how far into it (*offset, in bytes);
 * NULL if addr is not in the kernel's code. Any context, takes no lock,
 * allocates nothing. The string lives as long as the kernel.
 */
const char *symbol_find(u64 addr, u64 *offset);
