/*
 * Runs the tests of one program. With arguments, only the tests whose names are given.
 */
#include <stdarg.h>
#include "unit.h"

/* The host machine, where a program has one (host/host.h). */
__attribute__((weak)) void host_test_begin(void);
__attribute__((weak)) const char *host_test_end(void);

#define SHOWN_FAILURES 10	/* of one test */

static struct unit_test *first, **last = &first;
static const char *current;
static unsigned failures;	/* of the running test */
static u64 random_state;

void unit_register(struct unit_test *test)
{
	*last = test;
	last = &test->next;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (++failures > SHOWN_FAILURES)
		return;
	printf("FAIL %s: %s:%d: ", current, file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

u64 unit_random(void)
{
	u64 v = random_state += 0x9e3779b97f4a7c15ull;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

void unit_random_fill(void *p, size_t len)
{
	u8 *b = p;

	while (len--)
		*b++ = unit_random();
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const char *seed = getenv("UNIT_SEED");
	unsigned passed = 0, failed = 0;
	const char *left;

	for (struct unit_test *t = first; t; t = t->next) {
		if (!is_wanted(t->name, argc, argv))
			continue;
		current = t->name;
		failures = 0;
		random_state = seed ? strtoull(seed, NULL, 0) : 1;
		if (host_test_begin)
			host_test_begin();
		t->run();
		left = host_test_end ? host_test_end() : NULL;
		if (left)
			unit_fail(__FILE__, __LINE__, "after the test: %s", left);
		if (failures > SHOWN_FAILURES)
			printf("FAIL %s: %u failures in all\n", t->name, failures);
		if (!failures)
			printf("ok   %s\n", t->name);
		fflush(stdout);
		*(failures ? &failed : &passed) += 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
