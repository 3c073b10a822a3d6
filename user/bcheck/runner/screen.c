/*
 * Results for a person at a terminal: what has ended scrolls by as lines, below
 * them one line is alive, with a bar and the check that runs. It is drawn anew when
 * a check starts, the window changes or ctrl-l asks for it, and not otherwise.
 * So it works on any terminal that can go up and clear (ECMA-48: CUU, ED), however small.
 */
#include "runner.h"
#include <sys/ioctl.h>
#include <termios.h>

#define CTRL_L		'\f'
#define BAR_MAX		40
#define COLUMNS_MIN	20

static struct termios saved;
static bool changed;		/* saved has what to put back */
static int drawn;		/* columns that the line alive takes, 0: there is none */
static struct totals shown;
static const char *running;

static const struct {
	const char *word, *color;
} outcomes[OUTCOMES] = {
	[PASSED] = { "PASS", "32" }, [FAILED] = { "FAIL", "31" }, [SKIPPED] = { "SKIP", "33" },
};

static void screen_restore(void)
{
	if (changed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	changed = false;
}

static int columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* A narrower window has folded the line: go back up to where it begins. */
static void clear(void)
{
	int up = drawn ? (drawn - 1) / columns() : 0;

	if (up)
		out("\033[%dA", up);
	if (drawn)
		out("\r\033[J");
	drawn = 0;
}

static void draw(void)
{
	int width = columns() - 1, bar, full;
	char line[256];

	/* What does not fit on the line is left away: the bar first. */
	bar = width - 32 < BAR_MAX ? width - 32 : BAR_MAX;
	if (bar >= 4) {
		full = shown.chosen ? bar * shown.done / shown.chosen : 0;
		text_format(line, sizeof(line), "[%.*s%.*s] %2d/%d  %s", full,
			 "########################################", bar - full,
			 "----------------------------------------", shown.done, shown.chosen, running);
	} else {
		text_format(line, sizeof(line), "%d/%d %s", shown.done, shown.chosen, running);
	}
	if (width >= COLUMNS_MIN || width >= (int)strlen(line))
		out("%.*s", drawn = width < (int)strlen(line) ? width : (int)strlen(line), line);
}

static void screen_redraw(void)
{
	clear();
	draw();
}

static int screen_input_fd(void)
{
	return STDIN_FILENO;
}

/* False: nobody is there any more, or wants it. */
static bool screen_input(void)
{
	char key = 0;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 1 && key == CTRL_L)
		screen_redraw();
	return n == 1 ? key != 'q' : n < 0 && errno == EINTR;
}

static void screen_begin(const struct totals *totals)
{
	struct termios keys;

	if (tcgetattr(STDIN_FILENO, &saved) == 0) {
		changed = true;
		keys = saved;
		/* Each key at once and unseen; ctrl-c remains a signal, ctrl-z would leave the terminal like this. */
		keys.c_lflag &= ~(ICANON | ECHO);
		keys.c_cc[VMIN] = 1;
		keys.c_cc[VTIME] = 0;
		keys.c_cc[VSUSP] = _POSIX_VDISABLE;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
	}
	shown = *totals;
}

static void screen_started(const struct check *check, const char *heading, const struct totals *totals)
{
	clear();
	if (heading)
		out("\033[1m%s\033[0m\n", heading);
	running = check->name;
	shown = *totals;
	draw();
}

static void screen_ended(const struct check *check, const struct result *result, const struct totals *totals)
{
	clear();
	out("  \033[%sm%s\033[0m  %-16s", outcomes[result->outcome].color, outcomes[result->outcome].word, check->name);
	if (result->outcome == SKIPPED)
		out(" %s\n", result->why);
	else
		out(" %6u.%03u ms\n", MS(result->ns));
	if (result->outcome == FAILED)
		out("        %s\n", result->why);
	for (const char *text = result->output; *text;) {
		size_t n = strcspn(text, "\n");

		out("        %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
	/* The line alive comes back with the next check, which starts at once. */
}

static void screen_end(const struct totals *totals, bool stopped)
{
	clear();
	if (stopped)
		out("interrupted; ");
	out("%d checks: %d passed, %d failed, %d skipped in %u.%03u ms\n", totals->done, totals->count[PASSED],
	       totals->count[FAILED], totals->count[SKIPPED], MS(totals->ns));
	screen_restore();
}

const struct view screen_view = {
	screen_begin, screen_started, screen_ended, screen_redraw, screen_input_fd, screen_input, screen_end,
};
