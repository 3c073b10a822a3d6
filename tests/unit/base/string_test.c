/*
 * The kernel's string functions beside the C library's, which have the same names: ours are
 * compiled under others here.
 *
 * sources:
 */
#include <ctype.h>
#include "unit.h"
#include <errno.h>

#define memcmp	k_memcmp
#define memchr	k_memchr
#define strlen	k_strlen
#define strnlen	k_strnlen
#define strcmp	k_strcmp
#define strncmp	k_strncmp
#define strchr	k_strchr
#define strrchr	k_strrchr
#define strstr	k_strstr
#define strlcpy	k_strlcpy
#define strtoul	k_strtoul
#include "../../../kernel/base/string.c"
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strlcpy
#undef strtoul

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

/* A short string of few letters, so that matches happen. */
static char *word_random(void)
{
	size_t n = unit_random_below(20);
	char *s = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = "ab\xff"[unit_random_below(3)];
	s[n] = '\0';
	return s;
}

TEST(comparisons_agree_with_libc)
{
	for (int i = 0; i < 20000; i++) {
		char *a = word_random(), *b = word_random();
		size_t la = strlen(a), lb = strlen(b), n = unit_random_below(22), least = la < lb ? la : lb;

		EXPECT_EQ(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
		EXPECT_EQ(sign(k_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		EXPECT_EQ(sign(k_memcmp(a, b, least)), sign(memcmp(a, b, least)));
		free(a);
		free(b);
	}
}

TEST(comparison_sees_each_byte)
{
	u8 a[40], b[40];

	for (size_t n = 1; n <= sizeof(a); n++)
		for (size_t at = 0; at < n; at++) {
			memset(a, 7, sizeof(a));
			memset(b, 7, sizeof(b));
			EXPECT_EQ(k_memcmp(a, b, n), 0);
			a[at] = 0x80;
			EXPECT_GT(k_memcmp(a, b, n), 0);
			EXPECT_LT(k_memcmp(b, a, n), 0);
			EXPECT_EQ(k_memcmp(a, b, at), 0);
		}
}

TEST(searches_agree_with_libc)
{
	for (int i = 0; i < 20000; i++) {
		char *a = word_random(), *b = word_random();
		size_t n = unit_random_below(strlen(a) + 1);

		b[unit_random_below(4) % (strlen(b) + 1)] = '\0';
		EXPECT_EQ(k_strlen(a), strlen(a));
		EXPECT_EQ(k_strnlen(a, n), strnlen(a, n));
		EXPECT_EQ(k_strstr(a, b), strstr(a, b));
		for (const char *c = "ab\xff"; ; c++) {
			EXPECT_EQ(k_strchr(a, *c), strchr(a, *c));
			EXPECT_EQ(k_strrchr(a, *c), strrchr(a, *c));
			EXPECT_EQ(k_memchr(a, *c, n), memchr(a, *c, n));
			if (!*c)
				break;
		}
		free(a);
		free(b);
	}
}

TEST(strlcpy_cuts_and_terminates)
{
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	EXPECT_EQ(k_strlcpy(buf, "abc", sizeof(buf)), 3u);
	EXPECT_STR(buf, "abc");
	EXPECT_EQ(k_strlcpy(buf, "0123456789", sizeof(buf)), 10u);
	EXPECT_STR(buf, "0123456");
	EXPECT_EQ(k_strlcpy(buf, "zz", 1), 2u);
	EXPECT_STR(buf, "");
	buf[0] = 'k';
	EXPECT_EQ(k_strlcpy(buf, "zz", 0), 2u);
	EXPECT_EQ(buf[0], 'k');
}

TEST(parse_u64_reads_numbers)
{
	const char *end, *s;
	u64 v = 1;

	EXPECT_EQ(parse_u64("0", NULL, 0, &v), 0);
	EXPECT_EQ(v, 0u);
	EXPECT_EQ(parse_u64("18446744073709551615", NULL, 10, &v), 0);
	EXPECT_EQ(v, ~0ull);
	EXPECT_EQ(parse_u64("0xffffffffffffffff", NULL, 0, &v), 0);
	EXPECT_EQ(v, ~0ull);
	EXPECT_EQ(parse_u64("DeadBeef", NULL, 16, &v), 0);
	EXPECT_EQ(v, 0xdeadbeefu);
	EXPECT_EQ(parse_u64("0755", NULL, 0, &v), 0);
	EXPECT_EQ(v, 0755u);
	EXPECT_EQ(parse_u64("0755", NULL, 10, &v), 0);
	EXPECT_EQ(v, 755u);
	s = "10.0.2.15";
	EXPECT_EQ(parse_u64(s, &end, 10, &v), 0);
	EXPECT_EQ(v, 10u);
	EXPECT_EQ(end, s + 2);
	s = "0xzz";
	EXPECT_EQ(parse_u64(s, &end, 0, &v), 0);	/* the number is 0, an x follows */
	EXPECT_EQ(v, 0u);
	EXPECT_EQ(end, s + 1);
}

TEST(parse_u64_refuses_what_is_no_number)
{
	static const char *const bad[] = { "", " 1", "-1", "+1", "x", "12k", "0x", "1 " };
	u64 v = 77;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(parse_u64(bad[i], NULL, 0, &v), -EINVAL);
	EXPECT_EQ(parse_u64("18446744073709551616", NULL, 10, &v), -ERANGE);
	EXPECT_EQ(parse_u64("99999999999999999999999999", NULL, 10, &v), -ERANGE);
	EXPECT_EQ(parse_u64("0x10000000000000000", NULL, 0, &v), -ERANGE);
	EXPECT_EQ(parse_u64("8", NULL, 8, &v), -EINVAL);
	EXPECT_EQ(parse_u64("1", NULL, 37, &v), -EINVAL);
	EXPECT_EQ(v, 77u);
}

TEST(strtoul_agrees_with_libc)
{
	static const char *const text[] = {
		"", "0", "12", " \t42x", "-7", "+8", "- 1", "0x1F", "0x", "0xg", "077", "08", "zz",
		"18446744073709551615", "18446744073709551616", "-18446744073709551616", "-18446744073709551615",
	};
	static const int bases[] = { 0, 8, 10, 16, 36 };

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			char *ours, *theirs;

			EXPECT_EQ(k_strtoul(text[i], &ours, bases[b]), strtoul(text[i], &theirs, bases[b]));
			EXPECT_EQ(ours, theirs);
		}
}
