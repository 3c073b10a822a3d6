/*
 * Options of mounts, as mount(8) writes them. Used by tmpfs, devtmpfs and devpts.
 */
#include "base/errno.h"
#include "base/string.h"
#include "fs/options.h"
#include "mm/page.h"

static bool word_take(const char **from, const char *stops, char *to, size_t size)
{
	size_t n = 0;
	bool fits = true;

	while (**from && !strchr(stops, **from)) {
		if (n + 1 < size)
			to[n++] = **from;
		else
			fits = false;
		++*from;
	}
	to[n] = '\0';
	return fits;
}

bool option_next(struct option_parse *p)
{
	bool fits;

	while (p->next && *p->next == ',')
		p->next++;
	if (!p->next || !*p->next)
		return false;
	fits = word_take(&p->next, "=,", p->key, sizeof(p->key));
	p->value[0] = '\0';
	if (*p->next == '=') {
		p->next++;
		fits &= word_take(&p->next, ",", p->value, sizeof(p->value));
	}
	if (!fits)
		strlcpy(p->key, "?", sizeof(p->key));
	return true;
}

int option_size(const char *text, u64 *bytes)
{
	struct page_counts counts;
	const char *end;
	u32 shift = 0;
	u64 n;

	if (parse_u64(text, &end, 10, &n))
		return -EINVAL;
	switch (*end | 0x20) {
	case '%' | 0x20:
		page_counts_get(&counts);
		*bytes = n * (counts.managed * PAGE_SIZE / 100);
		return end[1] ? -EINVAL : 0;
	case 'k': shift = 10; break;
	case 'm': shift = 20; break;
	case 'g': shift = 30; break;
	case 't': shift = 40; break;
	}
	if (shift)
		end++;
	if (*end || n << shift >> shift != n)
		return -EINVAL;
	*bytes = n << shift;
	return 0;
}
