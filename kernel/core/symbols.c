/*
 * The kernel's own function names. tools/mksymbols makes the table from the
 * linked kernel and the kernel is linked once more with it (Makefile): sorted
 * offsets, and the names in the same order, one NUL after each. Called by the
 * backtraces of core/panic, arch's fault handler and lockcheck; calls nothing,
 * so that it works in whatever state the kernel died.
 *
 * All addresses in the table are link-time ones. How far the kernel moved is
 * the difference between where symbol_find is and where it was linked.
 */
#include "core/symbols.h"

struct symbol_head {
	u64 base;	/* link address of the first function; offsets count from here */
	u64 self;	/* link address of symbol_find */
	u32 count;
	u32 end;	/* offset of the end of the last function */
};

extern const struct symbol_head symbol_head;
extern const u32 symbol_offsets[];
extern const char symbol_names[];

const char *symbol_find(u64 addr, u64 *offset)
{
	u64 slide = (u64)symbol_find - symbol_head.self;
	u64 off = addr - slide - symbol_head.base;
	u32 lo = 0, hi = symbol_head.count;
	const char *name = symbol_names;

	if (off >= symbol_head.end)
		return NULL;
	/* symbol_offsets[0] is 0, so lo always stays at or below off. */
	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (symbol_offsets[mid] <= off)
			lo = mid;
		else
			hi = mid;
	}
	*offset = off - symbol_offsets[lo];
	/* A walk over the names costs nothing that matters here and saves an index. */
	while (lo--) {
		while (*name++)
			;
	}
	return name;
}
