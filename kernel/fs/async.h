/*
 * O_ASYNC: a signal when something happens on a file. The owner, the signal and the state belong to the open file;
 * whoever shares it shares them.
 */
#pragma once
#include "fs/file.h"

struct pid;

struct file_owner {
	s32 type;			/* F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP */
	s32 number;			/* 0: nobody, or one who is gone */
};

struct file_owner file_async_owner(struct file *f);
/*
 * From now on it goes to them, or with number 0 to nobody. allowed says whether the caller may signal them, with
 * pids_lock held: if not, they are named and get nothing (Linux looks at that when it sends). 0, -ESRCH, -ENOMEM.
 * Process context.
 */
int file_async_set_owner(struct file *f, struct file_owner to, bool (*allowed)(const struct pid *, s32 type));
/* SIGIO (0) or another signal, which then also says what happened on which descriptor. 0 or -ENOMEM. */
int file_async_set_signal(struct file *f, u32 signo, u32 fd);
u32 file_async_signal(struct file *f);
/* Begin or end; sets FASYNC in the file's flags. 0, -ENOMEM, -ENOTTY: this kind of file knows no O_ASYNC. */
int file_async_enable(struct file *f, bool on);
/* The file's last reference is going; f->async is there. */
void file_async_closed(struct file *f);
