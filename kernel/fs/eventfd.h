/*
 * eventfd(2).
 */
#pragma once
#include "fs/file.h"

/* No UAPI header of the packages has it; EFD_NONBLOCK and EFD_CLOEXEC are O_NONBLOCK and O_CLOEXEC. */
#define EFD_SEMAPHORE	1u

/* flags: EFD_SEMAPHORE, O_NONBLOCK. refs 1; NULL: no memory. */
struct file *eventfd_new(u64 count, u32 flags);
