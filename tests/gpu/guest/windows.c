/*
 * libwin's windows, for tests:
 *
 *     windows cycle COUNT     open so many windows, one after the other, each until its first frame was shown
 *     windows show            one of 200x100: red, its middle green; tells each event, and ends when it is to be closed
 *
 * It says by what it draws, and what it says last is "done".
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libwin/window.h"

enum { WIDTH = 200, HEIGHT = 100 };

static struct desktop *desktop;

static void check(const char *what, int error)
{
	if (error >= 0)
		return;
	printf("%s: %s\n", what, strerror(-error));
	exit(1);
}

/* The next event, however long it takes. */
static struct window_event wait_event(void)
{
	struct pollfd file = { .fd = desktop_fd(desktop), .events = POLLIN };
	struct window_event event;
	int got;

	while ((got = desktop_next(desktop, &event)) == 0)
		poll(&file, 1, -1);
	check("desktop_next", got);
	return event;
}

static void draw(struct window *window)
{
	int width = window_width(window), height = window_height(window);
	struct window_area area;
	struct win *win;

	check("window_begin_frame", window_begin_frame(window, &win, &area));
	win_clear(win, 0xffff0000);
	win_rect(win, (float)width / 4, (float)height / 4, (float)width / 2, (float)height / 2, 0xff00ff00);
	check("window_end_frame", window_end_frame(window));
	printf("drew %d,%d %dx%d\n", area.x, area.y, area.width, area.height);
}

/* The second WINDOW_DRAW comes when the first frame was shown. */
static void cycle(void)
{
	struct window *window;
	int drawn = 0;

	check("window_create", window_create(desktop, WIDTH, HEIGHT, "cycle", "windows", NULL, &window));
	while (drawn < 2)
		if (wait_event().type == WINDOW_DRAW && drawn++ == 0) {
			draw(window);
			window_damage(window, 0, 0, 1, 1);
		}
	window_destroy(window);
}

static void show(void)
{
	static const char *const names[] = {
		"draw", "resize", "close", "focus", "key", "pointer", "out", "button", "wheel", "paste",
	};
	struct window_event event;
	struct window *window;

	check("window_create", window_create(desktop, WIDTH, HEIGHT, "show", "windows", NULL, &window));
	do {
		event = wait_event();
		if (event.type == WINDOW_DRAW)
			draw(window);
		else if (event.type == WINDOW_RESIZE)
			printf("resize %dx%d\n", event.width, event.height);
		else if (event.type == WINDOW_KEY)
			printf("key %x '%s' %s mods %x\n", event.symbol, event.text[0] >= ' ' ? event.text : "",
				event.on ? "down" : "up", event.modifiers);
		else
			printf("%s %d\n", names[event.type], event.on);
		fflush(stdout);
		if (event.type == WINDOW_KEY && event.on && event.symbol == 'c')
			check("window_copy", window_copy(window, WINDOW_CLIPBOARD, "some text", 9));
		if (event.type == WINDOW_KEY && event.on && event.symbol == 'v')
			printf("asked to paste: %d\n", window_paste(window, WINDOW_CLIPBOARD));
		if (event.type == WINDOW_PASTE)
			printf("pasted '%s'\n", event.bytes);
		fflush(stdout);
	} while (event.type != WINDOW_CLOSE && !(event.type == WINDOW_KEY && event.on && event.symbol == 'q'));
	window_destroy(window);
}

int main(int argc, char **argv)
{
	check("desktop_open", desktop_open(&desktop, NULL, WIN_ANY));
	printf("drawn by %s\n", win_on_gpu(desktop_device(desktop)) ? "gpu" : "software");
	if (argc > 1 && !strcmp(argv[1], "show"))
		show();
	else
		for (int i = argc > 2 ? atoi(argv[2]) : 1; i > 0; i--)
			cycle();
	desktop_close(desktop);
	printf("done\n");
	return 0;
}
