/*
 * A poll context (kernel/net/napi.c) between two CPUs and a card. The card's message may reach either CPU,
 * as late as it likes; the handler runs beside whatever polls. Who sets the scheduled bit owns the queue,
 * the wish for an interrupt included, until it clears it. A third party closes the context and opens it
 * again (napi_disable, napi_enable, nic_up).
 *
 * Each CPU and the card have a store buffer, as in virtqueue.pml.
 *
 * Holds: never do two poll at once, none while the context is closed, and every buffer is taken.
 */
#define BUFFERS	3
#define CPUS	2
#define CONTROL	2			/* who closes and opens: a third store buffer */

byte used_idx, used_idx_out;
bool used_idx_leaves;
byte used_event;			/* in memory */
byte used_event_out[3];
bool used_event_leaves[3];
bool message[CPUS];			/* sent to this CPU, not handled yet */
bool listed[CPUS];			/* on its list of scheduled contexts */
bool scheduled, disabled;		/* struct napi.state: one word */
byte polling;
bool closed;
byte next;				/* vq->used_next */

#define PASSES(event, new, old)	((((new) - (event) - 1) & 255) < (((new) - (old)) & 255))
#define ALL_TAKEN		(next == BUFFERS && used_idx == BUFFERS)

active proctype card_stores()
{
end:	do
	:: atomic { used_idx_leaves -> used_idx = used_idx_out; used_idx_leaves = false }
	od
}

active [3] proctype driver_stores()
{
	byte c = _pid - 1;

end:	do
	:: atomic { used_event_leaves[c] -> used_event = used_event_out[c]; used_event_leaves[c] = false }
	od
}

active proctype card()
{
	byte made, looked, event;

	do
	:: made < BUFFERS ->
		made++;
		atomic { used_idx_out = made; used_idx_leaves = true };
		!used_idx_leaves;
		event = used_event;
		if
		:: PASSES(event, made, looked) ->
			if
			:: message[0] = true
			:: message[1] = true
			fi
		:: else
		fi;
		looked = made
	:: else -> break
	od
}

inline wish(c, n)
{
	atomic { used_event_out[c] = n; used_event_leaves[c] = true }
}

/* napi_schedule: compare and swap, acquire. */
inline schedule(won)
{
#ifdef MUTANT_SCHEDULE_IS_TWO_STEPS
	won = !scheduled && !disabled;
	if
	:: won -> scheduled = true
	:: else
	fi
#else
	atomic {
		won = !scheduled && !disabled;
		scheduled = scheduled || won
	}
#endif
}

/* napi_complete: a release, so what this CPU wrote is there before the bit goes. */
inline complete(c)
{
	atomic { !used_event_leaves[c] -> scheduled = false }
}

active [CPUS] proctype handler()
{
	byte c = _pid - 5;
	bool won;

end:	do
	:: atomic { message[c] -> message[c] = false };
#ifdef MUTANT_DISARM_BEFORE_SCHEDULE
		wish(c, next - 1);
		schedule(won);
#else
		schedule(won);
		if
		:: won -> wish(c, next - 1)
		:: else
		fi;
#endif
		if
		:: won -> listed[c] = true	/* its softirq runs when the handler has returned */
		:: else
		fi
	od
}

active [CPUS] proctype softirq()
{
	byte c = _pid - 7, seen, armed;
	bool won;

end:	do
	:: atomic { listed[c] -> listed[c] = false };
		if
		:: disabled ->			/* napi_turn */
			complete(c)
		:: else ->
			polling++;
			assert(polling == 1 && !closed);
			do
			:: seen = used_idx;
				if
				:: seen != next -> next++
				:: else -> break
				fi
			od;
			polling--;
#ifdef MUTANT_ARM_AFTER_COMPLETE
			complete(c);
			armed = next;
			wish(c, armed);
			!used_event_leaves[c];
			armed = next;		/* and looks against the queue as it is by then */
#else
			armed = next;
			wish(c, armed);		/* virtqueue_arm */
#ifdef MUTANT_LOOK_BEFORE_COMPLETE
			!used_event_leaves[c];
			seen = used_idx;
#endif
			complete(c);
#endif
#ifndef MUTANT_LOOK_BEFORE_COMPLETE
			!used_event_leaves[c];	/* dma_mb */
			seen = used_idx;	/* virtqueue_slipped */
#endif
			if
			:: seen != armed ->
				schedule(won);
				if
				:: won ->
					wish(c, next - 1);
					listed[c] = true
				:: else
				fi
			:: else
			fi
		fi
	od
}

/* Closed once and opened again, whenever it likes; then the end of all is that every buffer was taken. */
active proctype control()
{
	bool won;

	disabled = true;
#ifndef MUTANT_CLOSE_WITHOUT_WAITING
	!scheduled;
#endif
	closed = true;
	assert(polling == 0);
	wish(CONTROL, next - 1);		/* the driver's stop and open: nobody else may have the queue */
	!used_event_leaves[CONTROL];
	closed = false;
	disabled = false;
#ifndef MUTANT_OPEN_WITHOUT_POLL
	schedule(won);				/* nic_up */
	if
	:: won -> listed[0] = true
	:: else
	fi;
#endif
	ALL_TAKEN
}
