/*
 * Calling firmware that stays in memory beside us: UEFI's runtime services, at their physical addresses.
 */
#pragma once
#include "arch/arm64/current.h"
#include "base/defs.h"

#define FIRMWARE_FAULT	(~0ull)		/* what a call gives that ended in an exception */

/* Layout known to firmware_call.S. */
struct firmware_call {
	u64 registers[12];		/* x19..x30 of the caller */
	u64 sp;
	struct thread *thread;		/* whose call is under way; NULL: none */
	u64 pc, address, esr;		/* of the exception that ended it */
};

/* The call that may be under way: one at a time, set by its caller, who serialises them. */
extern struct firmware_call *firmware_running;

/*
 * Call function(args[0] .. args[4]), with firmware's map already in the user half. An exception in firmware's code
 * comes back as FIRMWARE_FAULT, and c says what it was. Thread context, preemption disabled.
 */
u64 firmware_call(struct firmware_call *c, u64 function, const u64 *args);
