/*
 * wincheck: bcheck's results in a window. The runner (user/bcheck/runner) and the checks are bcheck's own; here is what
 * it shows them with. What has ended scrolls by as lines below a bar; with the last check the window stays until it is
 * closed or q is pressed. It draws when a check starts or ends and when the user does something, and sleeps else.
 */
#include <poll.h>
#include <stdio.h>

#include <xkbcommon/xkbcommon-keysyms.h>

#include "bcheck/runner/runner.h"
#include "libwin/window.h"

#define FONTS "/usr/share/fonts/truetype/dejavu/"

enum { WIDTH = 560, HEIGHT = 620, TEXT = 16, MARGIN = 12, BAR = 10, HEAD = 64, WHEEL_LINES = 3 };
enum { NAME_X = 64, TIME_X = 250, DETAIL_X = 64, LINE_CHARS = 160 };

static const uint32_t BACKGROUND = 0xff171b20, HEAD_COLOUR = 0xff222831, PLAIN = 0xffd8dce4, FAINT = 0xff8a92a0;
static const uint32_t TROUGH = 0xff343c48;

static const struct { const char *word; uint32_t colour; } outcomes[OUTCOMES] = {
	[PASSED] = { "PASS", 0xff5fc37a }, [FAILED] = { "FAIL", 0xffe8604c }, [SKIPPED] = { "SKIP", 0xffe0b050 },
};

enum kind { HEADING, RESULT, DETAIL };

struct line {
	enum kind    kind;
	enum outcome outcome;
	char         text[LINE_CHARS], time[24];
};

static struct desktop  *desktop;
static struct window   *window;
static struct win_font *font, *bold;
static struct line     *lines;
static int              count, room, top;       /* top: the first that is seen, unless the end is followed */
static bool             following = true, closed, finished;
static struct totals    shown;
static const char      *running = "";

/* ---- drawing ------------------------------------------------------------------------------ */

static int line_height(void)
{
	return (int)win_font_line(font) + 3;
}

static int lines_seen(void)
{
	int n = (window_height(window) - HEAD - MARGIN) / line_height();

	return n > 1 ? n : 1;
}

static int last_top(void)
{
	return count > lines_seen() ? count - lines_seen() : 0;
}

static void draw_head(struct win *win)
{
	uint32_t colour = shown.count[FAILED] ? outcomes[FAILED].colour : outcomes[PASSED].colour;
	int width = window_width(window) - 2 * MARGIN;
	char text[LINE_CHARS];

	win_rect(win, 0, 0, (float)window_width(window), HEAD - 8, HEAD_COLOUR);
	win_rounded_rect(win, MARGIN, MARGIN, (float)width, BAR, BAR / 2, TROUGH);
	if (shown.chosen && shown.done)
		win_rounded_rect(win, MARGIN, MARGIN, (float)(width * shown.done) / (float)shown.chosen, BAR, BAR / 2, colour);
	if (finished)
		snprintf(text, sizeof text, "%d checks: %d passed, %d failed, %d skipped in %u.%03u ms",
			 shown.done, shown.count[PASSED], shown.count[FAILED], shown.count[SKIPPED], MS(shown.ns));
	else
		snprintf(text, sizeof text, "%d of %d  %s", shown.done, shown.chosen, running);
	win_text(win, font, MARGIN, MARGIN + BAR + 22, text, PLAIN);
}

static void draw_line(struct win *win, const struct line *line, float base)
{
	if (line->kind == HEADING) {
		win_text(win, bold, MARGIN, base, line->text, PLAIN);
	} else if (line->kind == DETAIL) {
		win_text(win, font, DETAIL_X, base, line->text, FAINT);
	} else {
		win_text(win, bold, MARGIN, base, outcomes[line->outcome].word, outcomes[line->outcome].colour);
		win_text(win, font, NAME_X, base, line->text, PLAIN);
		win_text(win, font, TIME_X, base, line->time, FAINT);
	}
}

static void draw(void)
{
	struct win *win;

	if (window_begin_frame(window, &win, NULL))
		return;         /* another WINDOW_DRAW comes */
	if (following || top > last_top())
		top = last_top();
	win_clear(win, BACKGROUND);
	for (int i = 0; i < lines_seen() && top + i < count; i++)
		draw_line(win, &lines[top + i], (float)(HEAD + i * line_height()) + win_font_ascent(font));
	draw_head(win);
	window_end_frame(window);
}

/* ---- the user -------------------------------------------------------------------------------- */

static void scroll_to(int line)
{
	following = line >= last_top();
	top = line < 0 ? 0 : line;
	window_damage_all(window);
}

static void press(uint32_t symbol)
{
	switch (symbol) {
	case XKB_KEY_q: closed = true; break;
	case XKB_KEY_Up: scroll_to(top - 1); break;
	case XKB_KEY_Down: scroll_to(top + 1); break;
	case XKB_KEY_Page_Up: scroll_to(top - lines_seen()); break;
	case XKB_KEY_Page_Down: scroll_to(top + lines_seen()); break;
	case XKB_KEY_Home: scroll_to(0); break;
	case XKB_KEY_End: scroll_to(count); break;
	default: break;
	}
}

/* All that the compositor has to tell, and what it is to be told; false when the window is closed. */
static bool take_input(void)
{
	struct window_event e;
	int got = 0;

	while (!closed && (got = desktop_next(desktop, &e)) > 0) {
		switch (e.type) {
		case WINDOW_DRAW: draw(); break;
		case WINDOW_CLOSE: closed = true; break;
		case WINDOW_WHEEL: scroll_to(top + (int)(e.wheel_y * WHEEL_LINES)); break;
		case WINDOW_KEY:
			if (e.on)
				press(e.symbol);
			break;
		default: break;
		}
	}
	closed = closed || got < 0;
	return !closed;
}

static int input_fd(void)
{
	return desktop_fd(desktop);
}

/* ---- what the runner tells --------------------------------------------------------------------- */

/* A line; without memory for it the window shows the others. */
static struct line *add_line(enum kind kind, const char *text, size_t length)
{
	struct line *line = NULL;

	if (count == room) {
		struct line *more = realloc(lines, (size_t)(2 * room + 64) * sizeof *lines);
		if (!more)
			return NULL;
		lines = more;
		room = 2 * room + 64;
	}
	line = &lines[count++];
	*line = (struct line) { .kind = kind };
	snprintf(line->text, sizeof line->text, "%.*s", (int)length, text);
	return line;
}

/* Something is new: the compositor hears of it now, and the next frame shows it. */
static void show(const struct totals *totals)
{
	shown = *totals;
	window_damage_all(window);
	take_input();
}

static _Noreturn void give_up(const char *what, int error)
{
	fprintf(stderr, "wincheck: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void begin(const struct totals *totals)
{
	int error = desktop_open(&desktop, NULL, WIN_ANY);

	if (error)
		give_up("no desktop", error);
	error = win_font_open(desktop_device(desktop), FONTS "DejaVuSans.ttf", TEXT, &font);
	if (!error)
		error = win_font_open(desktop_device(desktop), FONTS "DejaVuSans-Bold.ttf", TEXT, &bold);
	if (error)
		give_up(FONTS, error);
	error = window_create(desktop, WIDTH, HEIGHT, "Checks", "wincheck", NULL, &window);
	if (error)
		give_up("no window", error);
	show(totals);
}

static void started(const struct check *check, const char *heading, const struct totals *totals)
{
	if (heading)
		add_line(HEADING, heading, strlen(heading));
	running = check->name;
	show(totals);
}

static void ended(const struct check *check, const struct result *result, const struct totals *totals)
{
	struct line *line = add_line(RESULT, check->name, strlen(check->name));

	if (line) {
		line->outcome = result->outcome;
		snprintf(line->time, sizeof line->time, "%u.%03u ms", MS(result->ns));
	}
	if (result->outcome != PASSED)
		add_line(DETAIL, result->why, strlen(result->why));
	for (const char *text = result->output; *text;) {
		size_t n = strcspn(text, "\n");

		add_line(DETAIL, text, n);
		text += n + (text[n] == '\n');
	}
	show(totals);
}

/* The results stay until the window is closed; what stopped the checks, that or a signal, ends the program at once. */
static void end(const struct totals *totals, bool stopped)
{
	static const int taken[] = { SIGCHLD, SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t none;

	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		signal(taken[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	finished = true;
	show(totals);
	while (!closed && !stopped) {
		struct pollfd fd = { .fd = desktop_fd(desktop), .events = POLLIN };
		poll(&fd, 1, -1);
		take_input();
	}
	win_font_close(font);
	win_font_close(bold);
	window_destroy(window);
	desktop_close(desktop);
	free(lines);
}

static const struct view window_view = {
	.begin = begin, .started = started, .ended = ended, .input_fd = input_fd, .input = take_input, .end = end,
};

const struct view *view_choose(bool plain)
{
	return plain ? &tap_view : &window_view;
}
