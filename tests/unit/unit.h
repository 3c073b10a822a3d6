/*
 * The unit tests' frame. A test file is a program: TEST(name) { ... } defines a test, the main in
 * unit.c runs them all in the order of the file and prints a line for each.
 *
 *	TEST(adds_odd_lengths)
 *	{
 *		EXPECT_EQ(cksum_fold(cksum_add(0, "abc", 3)), 0x3c9b);
 *	}
 *
 * A failed EXPECT is reported and the test goes on; REQUIRE ends the test.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/defs.h"

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

void unit_register(struct unit_test *test);
/* Report a failure of the running test. */
void unit_fail(const char *file, int line, const char *fmt, ...) printf_like(3, 4);

#define TEST(test_name)								\
	static void test_##test_name(void);					\
	__attribute__((constructor)) static void register_##test_name(void)	\
	{									\
		static struct unit_test test = { #test_name, test_##test_name, NULL };	\
										\
		unit_register(&test);						\
	}									\
	static void test_##test_name(void)

#define EXPECT(what)								\
	((what) ? (void)0 : unit_fail(__FILE__, __LINE__, "%s", #what))

#define REQUIRE(what)								\
	do {									\
		if (!(what)) {							\
			unit_fail(__FILE__, __LINE__, "%s", #what);		\
			return;							\
		}								\
	} while (0)

#define UNIT_COMPARE(a, op, b)							\
	do {									\
		__typeof__(a) a_ = (a);						\
		__typeof__(b) b_ = (b);						\
										\
		if (!(a_ op b_))						\
			unit_fail(__FILE__, __LINE__, "%s " #op " %s: %lld (0x%llx), %lld (0x%llx)", #a, #b,	\
				  (long long)a_, (long long)a_, (long long)b_, (long long)b_);		\
	} while (0)

/* Numbers or pointers, each evaluated once; both values are printed. */
#define EXPECT_EQ(a, b)		UNIT_COMPARE(a, ==, b)
#define EXPECT_NE(a, b)		UNIT_COMPARE(a, !=, b)
#define EXPECT_LT(a, b)		UNIT_COMPARE(a, <, b)
#define EXPECT_LE(a, b)		UNIT_COMPARE(a, <=, b)
#define EXPECT_GT(a, b)		UNIT_COMPARE(a, >, b)
#define EXPECT_GE(a, b)		UNIT_COMPARE(a, >=, b)

#define EXPECT_STR(a, b)							\
	do {									\
		const char *a_ = (a), *b_ = (b);				\
										\
		if (strcmp(a_, b_))						\
			unit_fail(__FILE__, __LINE__, "%s == %s: \"%s\", \"%s\"", #a, #b, a_, b_);	\
	} while (0)

#define EXPECT_MEM(a, b, len)							\
	(memcmp(a, b, len) ? unit_fail(__FILE__, __LINE__, "%s and %s differ", #a, #b) : (void)0)

/*
 * Pseudo-random numbers, the same in each run: every test begins anew from the seed, which the
 * environment variable UNIT_SEED changes.
 */
u64 unit_random(void);
static inline u64 unit_random_below(u64 n) { return unit_random() % n; }
void unit_random_fill(void *p, size_t len);
