/*
 * What library code built with stack protection asks for (libfdt): a guard
 * word, and where to go when it was overwritten. Our own code is built without.
 */
#include "core/panic.h"
#include "core/stackguard.h"

u64 __stack_chk_guard = 0x00000aff0d0a00ffull;	/* bytes that end strings, until a seed replaces it */

noreturn void __stack_chk_fail(void)
{
	panic("stack protector: a library function overran its buffer");
}
