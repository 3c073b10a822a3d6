/*
 * bterm: a terminal in a window. The command line, the window, and the loop: one poll for the compositor, the program
 * and the bell's time; nothing else wakes it.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "libwin/window.h"
#include "term.h"

#define FONTS "/usr/share/fonts/truetype/dejavu/"

static const char help[] =
	"usage: bterm [OPTION...] [PROGRAM [ARGUMENT...]]\n"
	"A terminal in a window, with the program in it: without one, the shell.\n"
	"\n"
	"  --size COLUMNSxROWS  at the start (80x24)\n"
	"  --cell WIDTH         of a letter in pixels (9)\n"
	"  --font FILE          TrueType, with letters of one width (DejaVu Sans Mono)\n"
	"  --bold FILE          the same for bold letters\n"
	"  --fallback FILE      for letters that those have not (DejaVu Sans)\n"
	"  --history LINES      that are kept above the screen, 0 to 1000000 (10000)\n"
	"  --title TITLE        until the program gives one\n"
	"  --blink              let the cursor blink if the program asks for it\n"
	"\n"
	"Ctrl+Shift+C copies, Ctrl+Shift+V pastes, Ctrl+Shift+A selects all; Shift+Insert and the middle\n"
	"button paste what was selected last; Shift with Page_Up, Page_Down, Home, End, the wheel and the bar\n"
	"at the right edge scroll.\n"
	"Shift keeps the mouse from a program that wants it.\n";

enum { HISTORY_MOST = 1000000, CELLS_MOST = 1000 };

struct options {
	int         rows, cols, cell, history;
	const char *regular, *bold, *fallback, *title;
	bool        blink;
	char      **argv;
};

struct terminal {
	struct desktop *desktop;
	struct window  *window;
	struct draw    *draw;
	struct term    *term;
	bool            open;
};

/* ---- the command line -------------------------------------------------------------------- */

static _Noreturn void wrong(const char *what, const char *argument)
{
	fprintf(stderr, "bterm: %s %s (--help lists the options)\n", what, argument);
	exit(2);
}

/* A number that is all of a text, or what stands before the sign that ends it. */
static bool number(const char *text, char ends, int least, int most, int *value, const char **rest)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != ends || n < least || n > most)
		return false;
	*value = (int)n;
	*rest = end + 1;
	return true;
}

static bool take(struct options *o, const char *option, const char *value)
{
	const char *rest = value;

	if (!strcmp(option, "--size"))
		return number(rest, 'x', 2, CELLS_MOST, &o->cols, &rest) && number(rest, '\0', 1, CELLS_MOST, &o->rows, &rest);
	if (!strcmp(option, "--cell"))
		return number(value, '\0', DRAW_CELL_LEAST, DRAW_CELL_MOST, &o->cell, &rest);
	if (!strcmp(option, "--history"))
		return number(value, '\0', 0, HISTORY_MOST, &o->history, &rest);
	if (!strcmp(option, "--font"))
		o->regular = value;
	else if (!strcmp(option, "--bold"))
		o->bold = value;
	else if (!strcmp(option, "--fallback"))
		o->fallback = value;
	else if (!strcmp(option, "--title"))
		o->title = value;
	else
		wrong("there is no option", option);
	return true;
}

static void read_options(struct options *o, char **argv)
{
	for (argv++; *argv && argv[0][0] == '-'; argv++) {
		const char *option = *argv;
		if (!strcmp(option, "--help")) {
			fputs(help, stdout);
			exit(0);
		}
		if (!strcmp(option, "--blink")) {
			o->blink = true;
			continue;
		}
		if (!*++argv)
			wrong("a word is missing after", option);
		if (!take(o, option, *argv))
			wrong("that is no value for it:", *argv);
	}
	o->argv = argv;
}

/* The user's shell. */
static char *shell(void)
{
	char *named = getenv("SHELL");
	const struct passwd *user = named && *named ? NULL : getpwuid(getuid());

	if (named && *named)
		return named;
	return user && *user->pw_shell ? user->pw_shell : "/bin/sh";
}

/* ---- the window ------------------------------------------------------------------------------ */

static void on_damage(void *user, struct window_area area)
{
	struct terminal *t = user;

	window_damage(t->window, area.x, area.y, area.width, area.height);
}

static void on_title(void *user, const char *title)
{
	struct terminal *t = user;

	window_set_title(t->window, title);
}

/* Without such a selection, or focus, there is nobody to copy for. */
static void on_copy(void *user, enum window_selection which, const char *bytes, size_t count)
{
	struct terminal *t = user;

	window_copy(t->window, which, bytes, count);
}

static void on_paste(void *user, enum window_selection which)
{
	struct terminal *t = user;

	window_paste(t->window, which);
}

static const struct term_host host = { .damage = on_damage, .title = on_title, .copy = on_copy, .paste = on_paste };

static void draw(struct terminal *t)
{
	struct window_area area;
	struct win *win;

	if (window_begin_frame(t->window, &win, &area))
		return;         /* another WINDOW_DRAW comes */
	term_draw(t->term, win, area);
	window_end_frame(t->window);
}

/* All that the compositor has to tell; 0 or the error that ended it. */
static int take_events(struct terminal *t)
{
	struct window_event event;
	int got;

	while ((got = desktop_next(t->desktop, &event)) > 0) {
		if (event.type == WINDOW_DRAW)
			draw(t);
		else if (event.type == WINDOW_CLOSE)
			t->open = false;
		else
			term_event(t->term, &event);
	}
	return got;
}

/* Until the window is closed or the program has ended; 0, or the error that ended it. */
static int loop(struct terminal *t)
{
	while (t->open) {
		struct pollfd fds[] = {
			{ .fd = desktop_fd(t->desktop), .events = POLLIN },
			{ .fd = term_fd(t->term), .events = term_poll_events(t->term) },
		};
		int error = take_events(t);
		if (error || !t->open)
			return error;
		fds[1].events = term_poll_events(t->term);
		if (poll(fds, 2, term_timeout(t->term)) < 0 && errno != EINTR)
			return -errno;
		if (!term_turn(t->term, fds[1].revents))
			t->open = false;
	}
	return 0;
}

/* ---- start and end ------------------------------------------------------------------------------- */

static _Noreturn void give_up(const char *what, int error)
{
	fprintf(stderr, "bterm: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void start(struct terminal *t, const struct options *o, char *const argv[])
{
	struct term_options options = { .argv = argv, .history = o->history, .blink = o->blink };
	int error = desktop_open(&t->desktop, NULL, WIN_ANY);

	if (error)
		give_up("no desktop", error);
	error = draw_open(&t->draw, desktop_device(t->desktop), o->regular, o->bold, o->fallback,
			  o->cell);
	if (error)
		give_up(o->regular, error);
	term_size_for(t->draw, o->rows, o->cols, &options.width, &options.height);
	error = window_create(t->desktop, options.width, options.height, o->title ? o->title : argv[0], "bterm", t,
			      &t->window);
	if (error)
		give_up("no window", error);
	options.width = window_width(t->window);
	options.height = window_height(t->window);
	error = term_new(&t->term, t->draw, &options, &host, t);
	if (error)
		give_up(argv[0], error);
	t->open = true;
}

int main(int argc, char **argv)
{
	struct options options = {
		.rows = 24, .cols = 80, .cell = DRAW_CELL_WIDTH, .history = 10000,
		.regular = FONTS "DejaVuSansMono.ttf", .bold = FONTS "DejaVuSansMono-Bold.ttf",
		.fallback = FONTS "DejaVuSans.ttf",
	};
	char *shell_argv[] = { NULL, NULL };
	struct terminal t = { 0 };
	int error;

	(void)argc;
	read_options(&options, argv);
	shell_argv[0] = *options.argv ? NULL : shell();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);       /* the program's end is seen at its terminal */
	start(&t, &options, *options.argv ? options.argv : shell_argv);
	error = loop(&t);
	term_free(t.term);
	window_destroy(t.window);
	draw_close(t.draw);
	desktop_close(t.desktop);
	if (error && error != -EPIPE)
		give_up("the desktop", error);
	return 0;
}
