/*
 * Sets of CPUs as text (cpu_text.h): for /proc/irq, /proc/PID/status and /sys/devices/system/cpu.
 */
#include "fs/cpu_text.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/percpu.h"

#define GROUP_DIGITS	8

void text_cpu_mask(struct text_out *t, u64 cpus)
{
	u32 digits = (cpus_present + 3) / 4;

	cpus &= cpus_mask();
	if (digits > GROUP_DIGITS)
		text_printf(t, "%0*llx,", (int)digits - GROUP_DIGITS, (unsigned long long)(cpus >> 32));
	text_printf(t, "%0*llx", (int)MIN(digits, (u32)GROUP_DIGITS), (unsigned long long)(cpus & 0xffffffff));
}

void text_cpu_list(struct text_out *t, u64 cpus)
{
	const char *comma = "";

	for (cpus &= cpus_mask(); cpus; comma = ",") {
		u32 first = __builtin_ctzll(cpus), end = first;

		for (; end < MAX_CPUS && cpus >> end & 1; end++)
			cpus &= ~(1ull << end);
		text_printf(t, first + 1 == end ? "%s%u" : "%s%u-%u", comma, first, end - 1);
	}
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static const char *skip_blanks(const char *s)
{
	while (blank(*s))
		s++;
	return s;
}

/* A hexadecimal digit's value, or 16. */
static u32 hex_digit(char c)
{
	c |= 32;
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

int cpu_mask_parse(const char *text, u64 *cpus)
{
	u32 groups = 0, most = cpus_present > 32 ? 2 : 1;
	u64 mask = 0;

	text = skip_blanks(text);
	do {
		u32 digits = 0, group = 0;

		for (; hex_digit(*text) < 16; text++, digits++)
			group = group << 4 | hex_digit(*text);
		if (!digits)
			return -EINVAL;
		if (digits > GROUP_DIGITS || ++groups > most)
			return -EOVERFLOW;
		mask = mask << 32 | group;
	} while (*text == ',' && *++text && !blank(*text));
	if (*skip_blanks(text))
		return -EINVAL;
	if (mask & ~cpus_mask())
		return -EOVERFLOW;
	*cpus = mask;
	return 0;
}

/* A number, or N for the last CPU; *s moves behind it. */
static int number_parse(const char **s, u32 *n)
{
	u64 v = 0;

	if (**s == 'N') {
		++*s;
		*n = cpus_present - 1;
		return 0;
	}
	if (**s < '0' || **s > '9')
		return -EINVAL;
	for (; **s >= '0' && **s <= '9'; ++*s) {
		v = v * 10 + (**s - '0');
		if (v > ~0u)
			return -EOVERFLOW;
	}
	*n = v;
	return 0;
}

/* N, N-M, or N-M:USED/GROUP: of each GROUP of them the first USED. */
static int range_parse(const char **s, u64 *cpus)
{
	u32 first, last, used, group;
	int err = number_parse(s, &first);

	if (err)
		return err;
	last = first;
	if (**s == '-') {
		++*s;
		err = number_parse(s, &last);
	}
	used = group = last - first + 1;
	if (!err && **s == ':') {
		++*s;
		err = number_parse(s, &used);
		if (!err && *(*s)++ != '/')
			err = -EINVAL;
		if (!err)
			err = number_parse(s, &group);
	}
	if (err)
		return err;
	if (**s && **s != ',' && !blank(**s))
		return -EINVAL;
	if (first > last || !group || used > group)
		return -EINVAL;
	if (last >= cpus_present)
		return -ERANGE;
	for (u32 cpu = first; cpu <= last; cpu++)
		if ((cpu - first) % group < used)
			*cpus |= 1ull << cpu;
	return 0;
}

int cpu_list_parse(const char *text, u64 *cpus)
{
	u64 mask = 0;
	int err = 0;

	for (;;) {
		while (blank(*text) || *text == ',')
			text++;
		if (!*text)
			break;
		if (!strncmp(text, "all", 3) && (!text[3] || text[3] == ',' || blank(text[3]))) {
			mask = cpus_mask();
			text += 3;
			continue;
		}
		err = range_parse(&text, &mask);
		if (err)
			return err;
	}
	*cpus = mask;
	return 0;
}
