/*
 * A thread that goes to sleep while another CPU wakes it (kernel/sched/wait.c, sched.c): wait_event on one
 * side, "make the condition true, then wake the queue" on the other, with the locks they take. The sleeper
 * may be preempted on its way. A thread that is woken before it has left its CPU, or after, may go on there
 * or on the waker's.
 *
 * The waker may first look without the lock whether anybody waits (wait_queue_active); what it made true
 * is in its store buffer then.
 *
 * Holds: the sleeper goes on, and is never on two CPUs at once.
 */
#define NOWHERE		2
#define RUNNABLE	0
#define SLEEPING	1

bool condition, condition_leaves;	/* in memory; on its way there */
bool queue_locked, queued;		/* the wait queue: its lock, and is the sleeper in it */
bool rq_locked[2];			/* a lock for each CPU's run queue */
bool waits_to_run[2];			/* the sleeper is in this CPU's run queue */
byte state = RUNNABLE;			/* of the sleeper */
byte cpu = 0;				/* whose run queue it belongs to */
byte runs = 0;				/* on which CPU it is current */
byte on_stack = 1;			/* CPUs that use its stack */
bool done;

inline lock(word)
{
	atomic { !word -> word = true }
}

active proctype stores()
{
end:	do
	:: atomic { condition_leaves -> condition = true; condition_leaves = false }
	od
}

/* schedule(): the lock is let go by who comes next, when the stack is left (sched_finish). */
inline schedule()
{
	here = cpu;
	lock(rq_locked[here]);
	if
	:: state == RUNNABLE -> rq_locked[here] = false
	:: else ->
		runs = NOWHERE;
#ifdef MUTANT_UNLOCKS_BEFORE_IT_LEAVES
		rq_locked[here] = false;
		on_stack--;
#else
		on_stack--;
		rq_locked[here] = false;
#endif
		runs != NOWHERE;	/* picked by a CPU */
	fi
}

/* reschedule(): preempted between queueing and sleeping, before it looked at the condition. */
inline preempted()
{
#ifndef MUTANT_PREEMPTED_TO_SLEEP
	state = RUNNABLE;
#endif
	schedule()
}

active proctype sleeper()
{
	byte here;

	do
#ifdef MUTANT_LOOK_BEFORE_QUEUEING
	:: condition -> break
	:: !condition ->
		lock(queue_locked);
		queued = true;
		state = SLEEPING;
		queue_locked = false;
		schedule()
#else
	:: true ->
		lock(queue_locked);	/* wait_prepare */
		queued = true;
		state = SLEEPING;
		queue_locked = false;
		if
		:: preempted()
		:: true
		fi;
		if
		:: condition -> break
		:: else -> schedule()
		fi
#endif
	od;
	state = RUNNABLE;		/* wait_finish */
	lock(queue_locked);
	queued = false;
	queue_locked = false;
	done = true
}

/* thread_wake: under the lock of the run queue that the sleeper belongs to when it is taken. */
inline thread_wake()
{
	do
	:: from = cpu;
		lock(rq_locked[from]);
		if
		:: from == cpu -> break
		:: else -> rq_locked[from] = false
		fi
	od;
	if
	:: state == SLEEPING ->
		state = RUNNABLE;
		if
		:: runs == from -> rq_locked[from] = false	/* it finds that out itself, in schedule() */
		:: else ->
			if
			:: waits_to_run[from] = true
			:: from == 0 ->			/* balance_place chose the waker's */
				cpu = 1;
				rq_locked[from] = false;
				from = 1;
				lock(rq_locked[from]);
				waits_to_run[from] = true
			fi;
			rq_locked[from] = false
		fi
	:: else -> rq_locked[from] = false
	fi
}

active proctype waker()
{
	byte from;
	bool somebody;

#ifdef MUTANT_WAKE_BEFORE_CONDITION
	somebody = queued;
	condition_leaves = true;
#else
	condition_leaves = true;
#ifndef MUTANT_NO_FENCE
	!condition_leaves;
#endif
	somebody = queued;		/* wait_queue_active */
#endif
	if
	:: somebody ->
		lock(queue_locked);
		if
		:: queued -> thread_wake()
		:: else
		fi;
		queue_locked = false
	:: else
	fi;
	done
}

/* The idle loops: a CPU takes what its run queue holds. */
active [2] proctype idle()
{
	byte c = _pid - 3;

end:	do
	:: atomic { waits_to_run[c] && !rq_locked[c] -> rq_locked[c] = true };
		waits_to_run[c] = false;
		on_stack++;
		assert(on_stack == 1);
		runs = c;
		rq_locked[c] = false
	od
}
