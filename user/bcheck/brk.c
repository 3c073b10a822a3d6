/* brk: the heap grows and shrinks, comes as zeros, and refuses without an error code. */
#include "bcheck.h"
#include <sys/mman.h>
#include <sys/resource.h>

/* The call itself: the C library allows no program to move what malloc() uses. */
static uintptr_t to(uintptr_t where)
{
	return syscall(SYS_brk, where);
}

static void limited(uintptr_t start, long page)
{
	struct rlimit limit = { 0, 0 };

	SAME(setrlimit(RLIMIT_DATA, &limit), 0);
	SAME(to(start + 64 * page), start);
	_exit(0);
}

CHECK(brk)
{
	long page = sysconf(_SC_PAGESIZE);
	uintptr_t start = to(0), end = start + 8 * page + 123;
	char *heap = (char *)start;
	pid_t child;

	EXPECT(start != 0);
	SAME(to(0), start);
	SAME(to(end), end);
	SAME(to(0), end);
	for (uintptr_t at = start; at < end; at++)
		SAME(*(char *)at, 0);
	memset(heap, 0x5a, end - start);

	/* What is given back is gone; what comes again is new. */
	SAME(to(start + page), start + page);
	SAME(to(end), end);
	SAME(heap[0], 0x5a);
	for (uintptr_t at = (start + 2 * page) & -page; at < end; at++)
		SAME(*(char *)at, 0);

	/* Refusals: the answer is where it is. */
	SAME(to(1), end);
	SAME(to(UINTPTR_MAX), end);
	SAME(to(UINTPTR_MAX / 2), end);

	/* Something is in the way. */
	EXPECT(mmap((void *)((end + 16 * page) & -page), page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED);
	SAME(to(end + 32 * page), end);

	child = fork();
	if (child == 0)
		limited(end, page);
	child_ok(child);

	/* A child has a heap of its own. */
	child = fork();
	if (child == 0) {
		SAME(to(start), start);
		_exit(0);
	}
	child_ok(child);
	SAME(heap[0], 0x5a);
	SAME(to(start), start);
}
