/*
 * The kernel's header with its barriers and TLB instructions taken out: each is an asm statement without
 * results. Tables that a test walks are plain memory.
 */
#pragma once
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wempty-body"
#define __asm__
#define volatile(...)
#include "../../../../../kernel/arch/arm64/pgtable.h"
#undef __asm__
#undef volatile
#pragma GCC diagnostic pop
