/*
 * bcheck: does this machine keep Linux's promises to programs? Runs 23 checks,
 * each a process of its own, and says which did not hold.
 *
 * One program under many names: as bcheck it is the runner, as /lib/bcheck/NAME the check.
 */
#include "runner.h"

#define FOLDER	"/lib/bcheck"
#define LIMIT	60	/* seconds for a check, unless --limit */

#define GROUP(heading)
#define ENTRY(name) CHECK(name);
#include "checks.h"

#define GROUP(text) { .heading = text },
#define ENTRY(check) { .name = #check, .function = check_##check },
struct check check_list[] = {
#include "checks.h"
};
const int check_count = sizeof(check_list) / sizeof(check_list[0]);

static const char help[] =
	"usage: bcheck [OPTION...] [NAME...]\n"
	"Check what programs rely on: all checks, or those that are named.\n"
	"\n"
	"  --list            the names of the checks, and nothing else\n"
	"  --plain           results as TAP (version 13); so it is without a terminal\n"
	"  --limit SECONDS   a check that takes longer has failed (60)\n"
	"  --dns HOST[:PORT] dns_resolve asks this server (the first of /etc/resolv.conf)\n"
	"  --name NAME       ...for this name (example.com)\n"
	"  --url URL         http_fetch gets this (the default route's gateway, port 80)\n"
	"  --checks FOLDER   run the programs of this folder (" FOLDER ")\n"
	"\n"
	"On a terminal, q or ctrl-c ends it. A server that was not given and does not\n"
	"answer is no failure: its check is skipped. BCHECK_DNS, BCHECK_NAME and BCHECK_URL\n"
	"in the environment stand for these options.\n"
	"Exit status: 0 if no check failed, 1 if one did, 2 for a wrong option, 130 if interrupted.\n";

static _Noreturn void wrong(const char *what, const char *argument)
{
	char text[512];
	size_t length = text_format(text, sizeof(text), "bcheck: %s %s (--help lists the options)\n", what, argument);

	(void)!write(STDERR_FILENO, text, length);
	exit(2);
}

static struct check *check_find(const char *name)
{
	for (int i = 0; i < check_count; i++)
		if (check_list[i].name && !strcmp(check_list[i].name, name))
			return &check_list[i];
	return NULL;
}

static void list_print(void)
{
	for (int i = 0; i < check_count; i++)
		if (check_list[i].name)
			out("%s\n", check_list[i].name);
}

static unsigned int seconds(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < 1 || value > 86400)
		wrong("--limit takes seconds, 1 to 86400, not", text);
	return value;
}

/* Options that go to the checks, as these variables. */
static const struct {
	const char *option, *variable;
} passed_on[] = {
	{ "--dns", "BCHECK_DNS" }, { "--name", "BCHECK_NAME" }, { "--url", "BCHECK_URL" },
};
#define PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

/*
 * The environment with these values before what it had, so that they are found first. It lies
 * on this stack, and so do they, while the checks run.
 */
static int run_with(const char *const values[PASSED_ON], const struct view *view, const char *folder,
		    unsigned int limit)
{
	size_t n = 0, old = 0, size = 0;

	while (environ[old])
		old++;
	for (size_t i = 0; i < PASSED_ON; i++)
		size += values[i] ? strlen(values[i]) + 16 : 0;

	char *list[old + PASSED_ON + 1], text[size + 1], *at = text;

	for (size_t i = 0; i < PASSED_ON; i++) {
		if (values[i]) {
			list[n++] = at;
			at += text_format(at, text + sizeof(text) - at, "%s=%s", passed_on[i].variable, values[i]) + 1;
		}
	}
	memcpy(list + n, environ, (old + 1) * sizeof(*list));
	environ = list;
	return checks_run(view, folder, limit);
}

static int runner_main(char **argv)
{
	const char *folder = FOLDER, *values[PASSED_ON] = { NULL };
	unsigned int limit = LIMIT;
	bool plain = false, some = false;

	while (*++argv) {
		const char *option = *argv, **value = NULL;
		struct check *check;

		for (size_t i = 0; i < PASSED_ON; i++)
			if (!strcmp(option, passed_on[i].option))
				value = &values[i];
		if (!strcmp(option, "--help")) {
			out_write(help, sizeof(help) - 1);
			return 0;
		} else if (!strcmp(option, "--list")) {
			list_print();
			return 0;
		} else if (!strcmp(option, "--plain")) {
			plain = true;
		} else if (value || !strcmp(option, "--limit") || !strcmp(option, "--checks")) {
			if (!*++argv)
				wrong("a word is missing after", option);
			if (value)
				*value = *argv;
			else if (option[2] == 'l')
				limit = seconds(*argv);
			else
				folder = *argv;
		} else if (option[0] == '-') {
			wrong("there is no option", option);
		} else {
			check = check_find(option);
			if (!check)
				wrong("there is no check", option);
			check->chosen = some = true;
		}
	}
	for (int i = 0; i < check_count; i++)
		check_list[i].chosen = check_list[i].name && (check_list[i].chosen || !some);
	return run_with(values, view_choose(plain), folder, limit);
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const struct check *check = argc ? check_find(slash ? slash + 1 : argv[0]) : NULL;

	return check ? check_main(check->function, argv) : runner_main(argv);
}
