/*
 * A network card's driver goes (nic_unregister in kernel/drivers/net/nic.c, irq_detach in kernel/irq/irq.c, work_cancel)
 * while its interrupt comes, is being handled on one CPU, polled on another, and a sender is in the middle of it. One
 * after the other, and each step waits for what it names:
 *
 *	down		no new packet is sent; the poll context is closed, and waited for (napi_disable)
 *	quiesce		whoever saw the interface up is through: senders, their deferred doorbells (net_quiesce)
 *	detach		the handler is off the line's list; dispatches that may have seen it are over
 *	cancel		the work that a handler queued is taken off its queue, or waited for
 *	free		rings and structure
 *
 * An interrupt's handler is found in a list that is read without a lock; it schedules the poll, and for an event of the
 * card queues the work. The work looks at the card's registers, and makes the poll look (as a link's change does).
 *
 * Holds: nothing of the driver runs, is queued or on a list when it is freed, and the remove comes to its end.
 */
#define CPUS	2

bool up = true;				/* the interface's flag */
bool listed = true;			/* the handler is on the line's list */
bool scheduled, disabled;		/* struct napi.state: one word */
bool on_list[CPUS];			/* of scheduled contexts */
bool work_queued, work_runs;
bool kick_deferred[CPUS];		/* a doorbell at the end of this CPU's batch */
byte dispatching;			/* CPUs between reading the line's list and the end of the dispatch */
bool in_batch[CPUS];
bool freed;

#define USE	assert(!freed)

/* napi_schedule: compare and swap. */
inline schedule(c)
{
	atomic {
		if
		:: !scheduled && !disabled -> scheduled = true; on_list[c] = true
		:: else
		fi
	}
}

/* The card's interrupts, a few, whenever it likes: on either CPU. */
active [CPUS] proctype interrupt()
{
	byte c = _pid, left = 2;
	bool seen;

end:	do
	:: left > 0 ->
		left--;
		dispatching++;
		seen = listed;
		if
		:: seen ->
			USE;		/* the handler */
			schedule(c);
			if
			:: work_queued = true; USE
			:: skip
			fi
		:: else
		fi;
		dispatching--
	:: left > 0 -> left--	/* or none comes */
	:: left == 0 -> break
	od
}

/* One batch after the other: a poll, and what was deferred to its end. */
active [CPUS] proctype softirq()
{
	byte c = _pid - 2;

end:	do
	:: atomic { on_list[c] && !in_batch[c] -> in_batch[c] = true };
		if
		:: on_list[c] ->
			on_list[c] = false;
			if
			:: disabled -> skip
			:: else -> USE	/* the poll */
			fi;
			scheduled = false
		:: else
		fi;
		if
		:: kick_deferred[c] -> kick_deferred[c] = false; USE
		:: else
		fi;
		in_batch[c] = false
	od
}

/* A packet is sent in the middle of a batch of somebody's: the doorbell is put off to its end. */
active proctype sender()
{
	byte c = 1;

	atomic { !in_batch[c] -> in_batch[c] = true };
	if
	:: up ->
		USE;
		kick_deferred[c] = true
	:: else
	fi;
	if
	:: kick_deferred[c] -> kick_deferred[c] = false; USE
	:: else
	fi;
	in_batch[c] = false
}

active proctype worker()
{
end:	do
	:: atomic { work_queued -> work_queued = false; work_runs = true };
		USE;
		schedule(0);
		work_runs = false
	od
}

active proctype remove()
{
	up = false;
	disabled = true;
#ifndef MUTANT_CLOSED_WITHOUT_WAITING
	!scheduled;
#endif
#ifndef MUTANT_NO_QUIESCE
	!in_batch[0];				/* each CPU's batch that was open has ended */
	!in_batch[1];
#endif
#ifdef MUTANT_CANCEL_BEFORE_DETACH
	atomic { work_queued = false };
	!work_runs;
#endif
	listed = false;
#ifndef MUTANT_DETACH_WITHOUT_WAITING
	dispatching == 0;
#endif
#ifndef MUTANT_CANCEL_BEFORE_DETACH
	work_queued = false;
#ifndef MUTANT_CANCEL_WITHOUT_WAITING
	!work_runs;
#endif
#endif
	freed = true;
	assert(!scheduled && !on_list[0] && !on_list[1] && !work_queued && !work_runs);
	assert(!kick_deferred[0] && !kick_deferred[1])
}
