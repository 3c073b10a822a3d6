/*
 * Sets of CPUs as text, the way that /proc and /sys write and read them. A set is a mask of those there are.
 */
#pragma once
#include "fs/text.h"

/* As a hexadecimal number, a digit for each four CPUs there are, in groups of eight digits: "f", "00,00000001". No
 * newline. */
void text_cpu_mask(struct text_out *t, u64 cpus);
/* As numbers and ranges: "0-2,5", nothing for an empty set. No newline. */
void text_cpu_list(struct text_out *t, u64 cpus);
/* The reverse, as Linux reads them: -EINVAL for what is no set; a CPU too high is -EOVERFLOW in a mask, -ERANGE in a
 * list. */
must_check int cpu_mask_parse(const char *text, u64 *cpus);
must_check int cpu_list_parse(const char *text, u64 *cpus);
