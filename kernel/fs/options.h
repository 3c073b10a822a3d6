/*
 * The option string of mount(2): "size=64k,mode=755".
 */
#pragma once
#include "base/defs.h"

struct option_parse { const char *next; char key[32], value[64]; };

/* The next key and value ("" without one); false at the end. An option too long to hold reads as key "?". */
bool option_next(struct option_parse *p);
/* Bytes: digits with k, m, g, or % of memory. 0, -EINVAL. */
int option_size(const char *text, u64 *bytes);
