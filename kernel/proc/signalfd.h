/*
 * signalfd(2).
 */
#pragma once
#include "fs/file.h"

/* flags: O_NONBLOCK. refs 1; NULL: no memory. */
struct file *signalfd_new(u64 mask, u32 flags);
/* 0; -EINVAL: no signalfd. Process context. */
int signalfd_set_mask(struct file *f, u64 mask);
