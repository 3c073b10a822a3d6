/*
 * What the stack itself says to the poll loop.
 */
#pragma once
#include "base/defs.h"

void napi_init_all(void);
/* Before a further CPU takes interrupts. */
void napi_init_cpu(u32 cpu);

/* A packet was dropped because its receiver's queue is full. bh disabled. */
void net_receiver_full(void);
/* A receiver that dropped has room again: poll on what was parked. Any context but hard irq. */
void net_receiver_relief(void);
