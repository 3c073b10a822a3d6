/*
 * libwin's windows, for tests:
 *
 *     windows cycle COUNT     open so many windows, one after the other, each until its first frame was shown
 *     windows show            one of 200x100: red, its middle green; tells each event, and ends when it is to be closed
 *
 * It says by what it draws, and what it says last is "done". c copies to the clipboard and s to the primary selection,
 * which is told once the compositor knows; v pastes the one, and p or the middle button the other; q ends it.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/input-event-codes.h>

#include "libwin/wayland/desktop.h"

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
	printf("drew %d,%d %dx%d of %dx%d in picture %u\n", area.x, area.y, area.width, area.height, win_width(win),
		win_height(win), win->texture.resource);
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

/* The text is on offer, to us and all others, when this returns. */
static void copy(struct window *window, enum window_selection which, const char *text)
{
	check("window_copy", window_copy(window, which, text, strlen(text)));
	check("the compositor", wl_display_roundtrip(desktop->display));
	printf("copied '%s'\n", text);
}

static void paste(struct window *window, enum window_selection which)
{
	printf("asked to paste: %d\n", window_paste(window, which));
}

static void pressed(struct window *window, uint32_t symbol)
{
	if (symbol == 'c')
		copy(window, WINDOW_CLIPBOARD, "some text");
	else if (symbol == 's')
		copy(window, WINDOW_PRIMARY, "what is marked");
	else if (symbol == 'v')
		paste(window, WINDOW_CLIPBOARD);
	else if (symbol == 'p')
		paste(window, WINDOW_PRIMARY);
}

/* A line for each event. */
static void tell(const struct window_event *e)
{
	switch (e->type) {
	case WINDOW_DRAW: break;
	case WINDOW_RESIZE: printf("resize %dx%d\n", e->width, e->height); break;
	case WINDOW_CLOSE: printf("close\n"); break;
	case WINDOW_FOCUS: printf("focus %d\n", e->on); break;
	case WINDOW_KEY:
		printf("key %x '%s' %s mods %x\n", e->symbol, e->text[0] >= ' ' ? e->text : "", e->on ? "down" : "up",
			e->modifiers);
		break;
	case WINDOW_POINTER: printf("pointer %d %d\n", (int)e->x, (int)e->y); break;
	case WINDOW_POINTER_OUT: printf("out\n"); break;
	case WINDOW_BUTTON: printf("button %x %d at %d %d\n", e->button, e->on, (int)e->x, (int)e->y); break;
	case WINDOW_WHEEL: printf("wheel %g %g mods %x\n", e->wheel_x, e->wheel_y, e->modifiers); break;
	case WINDOW_PASTE: printf("pasted '%s'\n", e->bytes); break;
	}
}

static void show(void)
{
	struct window_event event;
	struct window *window;

	check("window_create", window_create(desktop, WIDTH, HEIGHT, "show", "windows", NULL, &window));
	do {
		event = wait_event();
		tell(&event);
		if (event.type == WINDOW_DRAW)
			draw(window);
		else if (event.type == WINDOW_KEY && event.on)
			pressed(window, event.symbol);
		else if (event.type == WINDOW_BUTTON && event.on && event.button == BTN_MIDDLE)
			paste(window, WINDOW_PRIMARY);
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
