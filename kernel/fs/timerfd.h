/*
 * timerfd_create(2). Times in ns on the timer's clock.
 */
#pragma once
#include "fs/file.h"
#include "sched/clock_timer.h"

/* On CLOCK_REALTIME, or on CLOCK_MONOTONIC. flags: O_NONBLOCK. refs 1; NULL: no memory. */
struct file *timerfd_new(bool real, u32 flags);
/* flags: TFD_TIMER_*. 0; -EINVAL: no timerfd; -ECANCELED: armed, but the clock was set meanwhile. Process context. */
int timerfd_set(struct file *f, u32 flags, const struct timer_setting *fresh, struct timer_setting *old);
int timerfd_get(struct file *f, struct timer_setting *s);
