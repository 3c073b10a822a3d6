/*
 * Results for programs: the Test Anything Protocol, version 13 (testanything.org),
 * a line a check as soon as it has ended.
 */
#include "runner.h"

static int number;

static void tap_begin(const struct totals *totals)
{
	out("TAP version 13\n1..%d\n", totals->chosen);
}

static void tap_started(const struct check *check, const char *heading, const struct totals *totals)
{
	if (heading)
		out("# %s\n", heading);
}

/* Each line of text behind a word that makes it a remark or keeps it inside a block. */
static void lines_print(const char *before, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		out("%s%.*s\n", before, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void tap_ended(const struct check *check, const struct result *result, const struct totals *totals)
{
	char remark[64];

	out("%sok %d - %s", result->outcome == FAILED ? "not " : "", ++number, check->name);
	if (result->outcome == SKIPPED)
		out(" # SKIP %s\n", result->why);
	else
		out(" # time=%u.%03ums\n", MS(result->ns));
	text_format(remark, sizeof(remark), "# %s: ", check->name);
	if (result->outcome == FAILED) {
		out("  ---\n  message: |\n");
		lines_print("    ", result->why);
		if (*result->output) {
			out("  output: |\n");
			lines_print("    ", result->output);
		}
		out("  ...\n");
	} else {
		lines_print(remark, result->output);
	}
}

static void tap_end(const struct totals *totals, bool stopped)
{
	if (stopped)
		out("Bail out! interrupted\n");
	else
		out("# %d passed, %d failed, %d skipped in %u.%03u ms\n", totals->count[PASSED], totals->count[FAILED],
		       totals->count[SKIPPED], MS(totals->ns));
}

const struct view tap_view = { tap_begin, tap_started, tap_ended, NULL, NULL, NULL, tap_end };
