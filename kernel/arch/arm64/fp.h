/*
 * The FP/SIMD registers of a program. The kernel uses none itself; sched/fp.c
 * decides when to move them.
 */
#pragma once
#include "base/defs.h"

struct fp_state {
	u8 v[32][16] aligned(16);	/* V0..V31 */
	u32 fpsr, fpcr;
};

/* Interrupts masked or preemption disabled. */
void fp_registers_save(struct fp_state *s);
void fp_registers_load(const struct fp_state *s);
