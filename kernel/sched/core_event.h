/*
 * Waiting for what core announces (core/event.h).
 */
#pragma once
#include "core/event.h"
#include "sched/wait.h"

/* Woken, all of it, some time after each such event. */
extern struct wait_queue core_event_wait[CORE_EVENTS];

void core_events_init(void);		/* boot, after softirq_init and timers_init */
