/*
 * pidfd_open(2): a descriptor of a process.
 */
#pragma once
#include "fs/file.h"
#include "proc/process.h"

/* flags: O_NONBLOCK. refs 1; NULL: no memory. */
struct file *pidfd_new(struct process *p, u32 flags);
/* The process that a pidfd names, as long as the file lives; NULL: it is none. Any context. */
struct process *pidfd_process(const struct file *f);
/* As that, of an open /proc/PID, which pidfd_send_signal(2) takes too; procfs_pid.c. */
struct process *pid_directory_process(const struct file *f);
