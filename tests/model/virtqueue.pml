/*
 * Re-arming a virtqueue's interrupt (kernel/drivers/virtio/virtqueue.c) against the device, each with a
 * store buffer: what one writes the other sees later, and what it reads meanwhile may be older. Only the
 * index and the wish for an interrupt (used_event, virtio 1.2, 2.7.10) pass between them.
 *
 * Holds: every buffer that the device uses is taken, and none before its entry in the ring is written. A
 * driver that sleeps while there is one is a state without a way on, which the search reports.
 */
#define BUFFERS 4

byte used_idx, used_idx_out;		/* in memory; on its way there from the device */
bool used_idx_leaves;
byte used_event, used_event_out;	/* the same, from the driver */
bool used_event_leaves;
bool entry[BUFFERS];			/* written: the device's own barrier puts it before the index */
bool interrupt;
byte next;				/* vq->used_next */

/* The index moved from old to new: does it pass the wish? */
#define PASSES(event, new, old)	((((new) - (event) - 1) & 255) < (((new) - (old)) & 255))

active proctype device_stores()
{
end:	do
	:: atomic { used_idx_leaves -> used_idx = used_idx_out; used_idx_leaves = false }
	od
}

active proctype driver_stores()
{
end:	do
	:: atomic { used_event_leaves -> used_event = used_event_out; used_event_leaves = false }
	od
}

active proctype device()
{
	byte made, looked, event;

	do
	:: made < BUFFERS ->
		entry[made] = true;
		made++;
		atomic { used_idx_out = made; used_idx_leaves = true };
		if
		:: made < BUFFERS	/* one more before it looks */
		:: true ->
			!used_idx_leaves;	/* its barrier: publish, then look */
			event = used_event;
			if
			:: PASSES(event, made, looked) -> interrupt = true
			:: else
			fi;
			looked = made
		fi
	:: else -> break
	od
}

inline wish(n)
{
	atomic { used_event_out = n; used_event_leaves = true }
}

/* "look, then take": without dma_rmb the entry may be read before the index. */
inline take()
{
	do
	:: true ->
#ifdef MUTANT_ENTRY_BEFORE_INDEX
		valid = next < BUFFERS && entry[next];
		seen = used_idx;
#else
		seen = used_idx;
		valid = next < BUFFERS && entry[next];
#endif
		if
		:: seen == next -> break
		:: else ->
			assert(valid);
			next++
		fi
	od
}

active proctype driver()
{
	byte seen;
	bool valid;

poll:	take();
#ifdef MUTANT_LOOK_BEFORE_ARM
	seen = used_idx;
	wish(next);
	!used_event_leaves;
#else
	wish(next);			/* virtqueue_arm */
#ifndef MUTANT_NO_BARRIER
	!used_event_leaves;		/* dma_mb: arm, then look */
#endif
	seen = used_idx;		/* virtqueue_slipped */
#endif
#ifndef MUTANT_NO_LOOK
	if
	:: seen != next ->
		wish(next - 1);		/* virtqueue_disable_cb */
		goto poll
	:: else
	fi;
#endif
	if
	:: interrupt ->
		interrupt = false;
		wish(next - 1);
		goto poll
	:: next == BUFFERS
	fi
}
