/*
 * blog: the kernel's log in a window, followed as it grows.
 *
 *     wheel, arrows, Page Up and Down, Home, End   scroll; at the end, new lines are followed
 *     / TEXT Enter                                 search, from the end backwards; n: the next one up, N: down
 *     Escape                                       no search; q: end
 *
 * It waits for the log and the compositor alone: without new lines and input nothing wakes it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <xkbcommon/xkbcommon-keysyms.h>

#include "libwin/window.h"

#include "log.h"

#define FONT "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"

enum { WIDTH = 720, HEIGHT = 420, TEXT = 15, MARGIN = 6, WHEEL_LINES = 3, SEARCH = 128, STAMP = 16 };

static const uint32_t BACKGROUND = 0xff12151a, STATUS = 0xff2a303a, PLAIN = 0xffd8dce4, FAINT = 0xff7c8494;
static const uint32_t ERROR = 0xffe06050, WARNING = 0xffe0b050, MATCH = 0xff4a4420, CURRENT = 0xff6a5c18;

struct blog {
	struct desktop  *desktop;
	struct window   *window;
	struct win_font *font;
	struct log       log;
	size_t           top;               /* the first line that is seen, if the end is not followed */
	bool             following, typing, ended;
	char             search[SEARCH];
	size_t           match;             /* a line that was found */
	bool             matched;
};

/* ---- what is seen ---------------------------------------------------------------------- */

static float line_height(const struct blog *b)
{
	return win_font_line(b->font);
}

static size_t lines_seen(const struct blog *b)
{
	float height = (float)window_height(b->window) - line_height(b) - MARGIN;

	return height > line_height(b) ? (size_t)(height / line_height(b)) : 1;
}

/* The highest first line with which the window is full. */
static size_t last_top(const struct blog *b)
{
	return b->log.count > lines_seen(b) ? b->log.count - lines_seen(b) : 0;
}

static size_t top(const struct blog *b)
{
	return b->following || b->top > last_top(b) ? last_top(b) : b->top;
}

static void go_to(struct blog *b, size_t line)
{
	b->top = line;
	b->following = line >= last_top(b);
	window_damage_all(b->window);
}

static void scroll(struct blog *b, long lines)
{
	size_t from = top(b);

	go_to(b, lines < 0 && (size_t)-lines > from ? 0 : from + (size_t)lines);
}

/* ---- the picture ------------------------------------------------------------------------- */

static uint32_t colour_of(const struct line *line)
{
	if (line->severity <= 3)
		return ERROR;
	return line->severity == 4 ? WARNING : line->severity == 7 ? FAINT : PLAIN;
}

static void draw_line(const struct blog *b, struct win *win, size_t index, float y)
{
	const struct line *line = log_line(&b->log, index);
	float base = y + win_font_ascent(b->font), x;
	char stamp[STAMP + 8];

	if (b->search[0] && strcasestr(line->text, b->search))
		win_rect(win, 0, y, (float)win_width(win), line_height(b), b->matched && index == b->match ? CURRENT : MATCH);
	snprintf(stamp, sizeof stamp, "%11.6f  ", line->seconds);
	x = win_text(win, b->font, MARGIN, base, stamp, FAINT);
	win_text(win, b->font, x, base, line->text, colour_of(line));
}

static void draw_status(const struct blog *b, struct win *win)
{
	float y = (float)win_height(win) - line_height(b);
	char text[SEARCH + 64];

	if (b->typing)
		snprintf(text, sizeof text, "/%s_", b->search);
	else if (b->search[0])
		snprintf(text, sizeof text, "/%s%s", b->search, b->matched ? "" : ": not found");
	else
		snprintf(text, sizeof text, "%zu lines%s", b->log.count + b->log.dropped, b->following ? ", following" : "");
	win_rect(win, 0, y, (float)win_width(win), line_height(b), STATUS);
	win_text(win, b->font, MARGIN, y + win_font_ascent(b->font), text, PLAIN);
}

static int draw(struct blog *b)
{
	size_t first = top(b), end = first + lines_seen(b);
	struct win *win;
	int error = window_begin_frame(b->window, &win, NULL);

	if (error)
		return error == -EAGAIN ? 0 : error;
	win_clear(win, BACKGROUND);
	for (size_t i = first; i < end && i < b->log.count; i++)
		draw_line(b, win, i, MARGIN + (float)(i - first) * line_height(b));
	draw_status(b, win);
	return window_end_frame(b->window);
}

/* ---- search --------------------------------------------------------------------------------- */

static void find(struct blog *b, size_t from, bool backwards)
{
	size_t found = 0;

	window_damage_all(b->window);
	if (!b->search[0] || !log_find(&b->log, b->search, from, backwards, &found))
		return;
	b->matched = true;
	b->match = found;
	if (found < top(b) || found >= top(b) + lines_seen(b))
		go_to(b, found > lines_seen(b) / 2 ? found - lines_seen(b) / 2 : 0);
}

/* A key while the search is typed: UTF-8 is taken away whole. */
static void type(struct blog *b, const struct window_event *event)
{
	size_t length = strlen(b->search);

	window_damage_all(b->window);
	if (event->symbol == XKB_KEY_Return || event->symbol == XKB_KEY_KP_Enter) {
		b->typing = false;
		find(b, b->log.count - 1, true);
	} else if (event->symbol == XKB_KEY_Escape) {
		b->typing = false;
		b->search[0] = 0;
	} else if (event->symbol == XKB_KEY_BackSpace) {
		while (length > 0 && (b->search[--length] & 0xc0) == 0x80)
			;
		b->search[length] = 0;
	} else if ((unsigned char)event->text[0] >= ' ' && event->text[0] != 0x7f &&
		   length + strlen(event->text) < sizeof b->search) {
		strcat(b->search, event->text);
	}
}

/* ---- events ---------------------------------------------------------------------------------- */

static void start_search(struct blog *b)
{
	b->typing = true;
	b->matched = false;
	b->search[0] = 0;
	window_damage_all(b->window);
}

static void key(struct blog *b, const struct window_event *event)
{
	long page = (long)lines_seen(b) - 1;

	if (b->typing)
		return type(b, event);
	switch (event->symbol) {
	case XKB_KEY_Up: return scroll(b, -1);
	case XKB_KEY_Down: return scroll(b, 1);
	case XKB_KEY_Page_Up: return scroll(b, -page);
	case XKB_KEY_Page_Down: return scroll(b, page);
	case XKB_KEY_Home: return go_to(b, 0);
	case XKB_KEY_End: return go_to(b, b->log.count);
	case XKB_KEY_slash: return start_search(b);
	case XKB_KEY_n: return find(b, b->matched ? b->match - 1 : b->log.count - 1, true);
	case XKB_KEY_N: return find(b, b->matched ? b->match + 1 : 0, false);
	case XKB_KEY_Escape:
		b->search[0] = 0;
		return window_damage_all(b->window);
	case XKB_KEY_q:
		b->ended = true;
	}
}

static int handle(struct blog *b, const struct window_event *event)
{
	if (event->type == WINDOW_DRAW)
		return draw(b);
	if (event->type == WINDOW_KEY && event->on)
		key(b, event);
	else if (event->type == WINDOW_WHEEL)
		scroll(b, (long)(event->wheel_y * WHEEL_LINES));
	else if (event->type == WINDOW_CLOSE)
		b->ended = true;
	return 0;
}

/* New lines: the window shows them, or only that there are more. Lines that went take the place that is seen along. */
static int more_lines(struct blog *b)
{
	size_t dropped = b->log.dropped;
	int came = log_read(&b->log);

	dropped = b->log.dropped - dropped;
	b->top -= b->top < dropped ? b->top : dropped;
	if (b->match < dropped)
		b->matched = false;
	else
		b->match -= dropped;
	if (b->following || dropped > 0)
		window_damage_all(b->window);
	else
		window_damage(b->window, 0, window_height(b->window) - (int)line_height(b) - 1, window_width(b->window),
			(int)line_height(b) + 1);
	return came < 0 ? came : 0;
}

static int run(struct blog *b)
{
	struct pollfd files[] = {
		{ .fd = desktop_fd(b->desktop), .events = POLLIN }, { .fd = b->log.fd, .events = POLLIN },
	};
	struct window_event event;
	int got = 0;

	while (!b->ended && got >= 0) {
		got = desktop_next(b->desktop, &event);
		if (got > 0)
			got = handle(b, &event);
		else if (got == 0 && poll(files, 2, -1) > 0 && files[1].revents)
			got = more_lines(b);
	}
	return got;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "blog: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(void)
{
	struct blog b = { .following = true };
	int error = log_open(&b.log);

	if (error)
		return fail("/dev/kmsg", error);
	error = desktop_open(&b.desktop, NULL, WIN_ANY);
	if (error)
		return fail("the compositor", error);
	error = win_font_open(desktop_device(b.desktop), FONT, TEXT, &b.font);
	if (error)
		return fail(FONT, error);
	error = window_create(b.desktop, WIDTH, HEIGHT, "Log", "blog", NULL, &b.window);
	if (!error)
		error = log_read(&b.log);
	if (error >= 0)
		error = run(&b);
	win_font_close(b.font);
	desktop_close(b.desktop);
	log_close(&b.log);
	return error < 0 ? fail("it ended", error) : 0;
}
