/*
 * Formatted text beside the C library's printf, which has the same names: ours is compiled under
 * others here.
 *
 * sources:
 */
#include "unit.h"

#define snprintf	k_snprintf
#define vsnprintf	k_vsnprintf
#include "../../../kernel/base/printf.c"
#undef snprintf
#undef vsnprintf

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#endif
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* Both functions with the same arguments must write and return the same. */
#define SAME(fmt, ...)								\
	do {									\
		char ours[600], theirs[600];					\
		int n = k_snprintf(ours, sizeof(ours), fmt, ##__VA_ARGS__);	\
		int m = snprintf(theirs, sizeof(theirs), fmt, ##__VA_ARGS__);	\
										\
		if (n != m || strcmp(ours, theirs))				\
			unit_fail(__FILE__, __LINE__, "%s: \"%s\" (%d), libc \"%s\" (%d)", fmt, ours, n, theirs, m);	\
	} while (0)

/* All flags, widths, precisions and lengths of the numbers. */
TEST(numbers_agree_with_libc)
{
	static const char *const widths[] = { "", "1", "5", "12", "40" };
	static const char *const precisions[] = { "", ".", ".0", ".1", ".6", ".25" };
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };
	static const s64 values[] = {
		0, 1, -1, 7, 8, 42, -42, 127, 128, 255, 256, -129, 32767, 65535, 65536, INT32_MAX, INT32_MIN,
		UINT32_MAX, INT64_MAX, INT64_MIN, 1234567890123456789,
	};

	for (unsigned flags = 0; flags < 32; flags++)
		for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
			for (size_t p = 0; p < ARRAY_SIZE(precisions); p++)
				for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
					for (const char *c = "diuxXo"; *c; c++) {
						char fmt[40];

						snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s%s%s%s%s%c>",
							 flags & 1 ? "-" : "", flags & 2 ? "0" : "", flags & 4 ? "+" : "",
							 flags & 8 ? "#" : "", flags & 16 ? " " : "",
							 widths[w], precisions[p], lengths[l], *c);
						for (size_t v = 0; v < ARRAY_SIZE(values); v++)
							SAME(fmt, values[v]);
					}
}

TEST(text_agrees_with_libc)
{
	SAME("");
	SAME("plain text");
	SAME("100%%");
	SAME("%s", "word");
	SAME("[%10s] [%-10s] [%.2s] [%5.1s] [%-5.0s]", "word", "word", "word", "word", "word");
	SAME("[%c] [%3c] [%-3c]", 'a', 'b', 'c');
	SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	SAME("%.*d|%.*d|%.*s", 4, 42, -1, 42, 2, "word");
	SAME("%d %s %x %c %lu %%", -1, "two", 3, '4', 5ul);
	SAME("%200d|%-200d|", 1, 2);
	SAME("%s", (char *)"a long text that is longer than any piece that is handed on at once, to see it whole");
}

TEST(unterminated_text_is_read_only_up_to_the_precision)
{
	char *three = malloc(3);
	char buf[16];

	memcpy(three, "abc", 3);
	EXPECT_EQ(k_snprintf(buf, sizeof(buf), "%.3s", three), 3);
	EXPECT_STR(buf, "abc");
	free(three);
}

TEST(output_is_cut_and_terminated)
{
	for (size_t size = 0; size < 20; size++) {
		char *ours = malloc(size ? size : 1), theirs[20];

		*ours = '#';
		EXPECT_EQ(k_snprintf(ours, size, "%s-%05d", "hello", 42), 11);
		snprintf(theirs, size, "%s-%05d", "hello", 42);
		if (size)
			EXPECT_STR(ours, theirs);
		else
			EXPECT_EQ(*ours, '#');
		EXPECT_EQ(scnprintf(ours, size, "%s-%05d", "hello", 42), size > 11 ? 11 : size ? (int)size - 1 : 0);
		free(ours);
	}
}

TEST(addresses_of_the_network)
{
	const u8 ip[] = { 10, 0, 2, 115 }, most[] = { 255, 255, 255, 255 }, mac[] = { 0x52, 0x54, 0, 0x12, 0xab, 0xff };
	char buf[64];

	k_snprintf(buf, sizeof(buf), "%pI4/%d dev", ip, 24);
	EXPECT_STR(buf, "10.0.2.115/24 dev");
	k_snprintf(buf, sizeof(buf), "[%-16pI4][%16pI4]", most, ip);
	EXPECT_STR(buf, "[255.255.255.255 ][      10.0.2.115]");
	k_snprintf(buf, sizeof(buf), "%pM.", mac);
	EXPECT_STR(buf, "52:54:00:12:ab:ff.");
}

TEST(pointers_and_oddities)
{
	char buf[64];

	k_snprintf(buf, sizeof(buf), "%p", (void *)0xffff000012345678);
	EXPECT_STR(buf, "0xffff000012345678");
	k_snprintf(buf, sizeof(buf), "%p %s", NULL, (char *)NULL);
	EXPECT_STR(buf, "0 (null)");
	k_snprintf(buf, sizeof(buf), "%5k %d", 3);
	EXPECT_STR(buf, "%5k 3");
	k_snprintf(buf, sizeof(buf), "end %");
	EXPECT_STR(buf, "end %");
	k_snprintf(buf, sizeof(buf), "end %-08.3l");
	EXPECT_STR(buf, "end %-08.3l");
}
