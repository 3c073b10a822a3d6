/*
 * struct rusage of a process's use.
 */
#pragma once
#include <linux/resource.h>
#include "proc/process.h"

void rusage_fill(struct rusage *out, const struct process_usage *u);
