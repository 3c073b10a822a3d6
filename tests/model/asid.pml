/*
 * A change to a page table whose space may be about to run elsewhere (kernel/vm/asid.c, vm_table.c:
 * vm_flush_page). One CPU changes an entry of a space that is not its own (process_vm_writev that copies a
 * shared page) and flushes it by the space's identifier; the other activates the space at that moment, under a
 * new identifier because a generation has ended, and its walker fills the TLB.
 *
 * Both have store buffers: for the entry on one side, for the identifier on the other.
 *
 * Holds: when the flush is over, no TLB has the old entry under the identifier that the space goes by.
 */
#define OLD	1
#define NEW	2

byte entry = OLD, entry_out;		/* in memory; on its way there */
bool entry_leaves;
byte asid = 1, asid_out;		/* of the space: 1 until it gets 2 */
bool asid_leaves;
byte tlb_entry, tlb_asid;		/* what the second CPU's TLB holds: 0, nothing */
byte ttbr_asid;				/* what the second CPU runs under; 0: another space */

active proctype stores()
{
end:	do
	:: atomic { entry_leaves -> entry = entry_out; entry_leaves = false }
	:: atomic { asid_leaves -> asid = asid_out; asid_leaves = false }
	od
}

active proctype walker()
{
end:	do
	:: atomic { ttbr_asid != 0 && tlb_entry == 0 -> tlb_entry = entry; tlb_asid = ttbr_asid }
	od
}

active proctype activates()		/* asid_activate after a roll-over */
{
	atomic { asid_out = 2; asid_leaves = true };
#ifndef MUTANT_ACTIVATES_WITHOUT_BARRIER
	!asid_leaves;
#endif
	ttbr_asid = 2
}

active proctype changes()
{
	byte number;

#ifdef MUTANT_ASKS_BEFORE_BARRIER
	number = asid;
	atomic { entry_out = NEW; entry_leaves = true };
	!entry_leaves;
#else
	atomic { entry_out = NEW; entry_leaves = true };
	!entry_leaves;			/* dsb ishst */
	number = asid;
#endif
	atomic {			/* tlbi, dsb ish */
		if
		:: tlb_asid == number -> tlb_entry = 0; tlb_asid = 0
		:: else
		fi
	};
	assert(tlb_entry != OLD)
}
