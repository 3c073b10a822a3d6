/*
 * Taking a page away while another CPU uses it (kernel/vm/vm_table.c: clear, vm_gather_finish; vm_space.c:
 * vm_space_fork; arch/arm64/pgtable.h): one CPU changes the entry, flushes, and gives the frame to others or
 * shares it; a program on the other reads and writes through its TLB. Each CPU's walker may fill its TLB
 * from memory whenever it likes. The store to the entry becomes visible late. The invalidation is a
 * broadcast that arrives late, and is over when what was done with the old entry is over (Arm ARM D8.13).
 *
 * Holds: nobody reaches the frame after it was given away, nor writes to it after fork has shared it.
 */
#define INVALID		0
#define READABLE	1
#define WRITABLE	2

byte entry = WRITABLE, entry_out;	/* in memory; on its way there */
bool entry_leaves;
byte tlb[2] = INVALID;			/* what each CPU's TLB holds for the page */
bool invalidate[2];			/* the broadcast, on its way to this CPU */
bool in_access;				/* the other CPU is in the middle of an access through its TLB */
bool given_away;			/* munmap: the frame is somebody else's */
bool shared;				/* fork: the child reads it */
bool done;

active proctype stores()
{
end:	do
	:: atomic { entry_leaves -> entry = entry_out; entry_leaves = false }
	od
}

active [2] proctype walker()
{
	byte c = _pid - 1;

end:	do
	:: atomic { !done && tlb[c] == INVALID && entry != INVALID -> tlb[c] = entry }
	:: atomic { invalidate[c] && !(c == 1 && in_access) -> tlb[c] = INVALID; invalidate[c] = false }
	od
}

/* The program's other thread: an access finds its translation first, and happens later. */
active proctype program()
{
	byte through;

end:	do
	:: atomic { tlb[1] != INVALID && !done -> through = tlb[1]; in_access = true };
		assert(!given_away);
		assert(!(shared && through == WRITABLE));
		atomic { in_access = false; through = INVALID }
	od
}

inline store(e)
{
	atomic { entry_out = e; entry_leaves = true }
}

inline drain()				/* dsb ishst */
{
#ifndef MUTANT_NO_BARRIER_BEFORE
	!entry_leaves
#else
	skip
#endif
}

inline flush()				/* tlbi vale1is; dsb ish */
{
	drain();
	atomic { invalidate[0] = true; invalidate[1] = true };
#ifndef MUTANT_NO_BARRIER_AFTER
	!invalidate[0] && !invalidate[1]
#endif
}

active proctype kernel()
{
	if
	:: true ->			/* fork: everybody reads, nobody writes */
#ifdef MUTANT_FLUSH_BEFORE_CHANGE
		flush();
		store(READABLE);
		!entry_leaves;
#else
		store(READABLE);
#ifndef MUTANT_FORK_WITHOUT_FLUSH
		flush();
#endif
#endif
		shared = true;
		shared = false		/* the child has ended */
	:: true
	fi;
#ifdef MUTANT_FLUSH_BEFORE_CHANGE
	flush();
	store(INVALID);
#else
	store(INVALID);			/* munmap */
#ifdef MUTANT_FREE_BEFORE_FLUSH
	given_away = true;
#endif
	flush();
#endif
	given_away = true;
	done = true
}
