/*
 * One CPU: its copy of the per-CPU variables is the section itself.
 */
#pragma once
#define percpu_offset() 0ull
#include "../../../../kernel/core/percpu.h"
