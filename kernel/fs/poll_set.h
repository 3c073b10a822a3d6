/*
 * Waiting for one of several files: poll(2) and select(2).
 */
#pragma once
#include "fs/fdtable.h"

struct poll_item {
	struct fd_ref ref;		/* NULL file: skipped, as a negative descriptor */
	u32 wanted;			/* EPOLL* bits; ERR and HUP are always told */
	u32 ready;			/* out */
};

/* Wait until at least one item is ready or the deadline passed (0: only look; WAIT_FOREVER). How many are ready,
 * -ERESTARTNOHAND, -ENOMEM. */
int poll_items(struct poll_item *items, u32 n, u64 deadline);
