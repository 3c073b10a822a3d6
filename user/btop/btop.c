/*
 * btop: what the machine is doing, once a second: CPUs, memory, network, interrupts, frames of the display.
 *
 * A timer runs from one frame to the next: it fires once, the window is drawn again, and only that starts it anew. So a
 * window that nobody can see costs at most one more wake-up.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <xkbcommon/xkbcommon-keysyms.h>

#include "libwin/window.h"

#include "sample.h"

#define FONT "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"

enum {
	WIDTH = 400, HEIGHT = 320,
	TEXT = 15, HEADING = 18,        /* pixels of a line */
	MARGIN = 12, LABEL = 90, BAR = 12,
};

static const uint32_t BACKGROUND = 0xff14181f, TRACK = 0xff2a303a, PLAIN = 0xffd8dce4, FAINT = 0xff8a92a0;
static const uint32_t LOW = 0xff3f9f5f, HIGH = 0xffd05040, MEMORY = 0xff4878c8;
static const double BUSY = 0.8;         /* a load from here on is drawn in HIGH */

struct btop {
	struct desktop  *desktop;
	struct window   *window;
	struct win_font *text, *heading;
	struct sample    sample;
	int              timer;
	bool             due;               /* the timer fired: look again when drawing */
	bool             ended;
};

/* ---- the picture --------------------------------------------------------------------- */

static void bar(struct win *win, float y, float width, double part, uint32_t colour)
{
	win_rounded_rect(win, MARGIN + LABEL, y, width, BAR, 3, TRACK);
	if (part > 0)
		win_rounded_rect(win, MARGIN + LABEL, y, (float)(width * (part < 1 ? part : 1)), BAR, 3, colour);
}

static void label(const struct btop *b, struct win *win, float y, const char *name, const char *value)
{
	float base = y + win_font_ascent(b->text), width = (float)win_width(win);

	win_text(win, b->text, MARGIN, base, name, PLAIN);
	win_text(win, b->text, width - MARGIN - win_text_width(b->text, value), base, value, PLAIN);
}

static float heading(const struct btop *b, struct win *win, float y, const char *name)
{
	win_text(win, b->heading, MARGIN, y + win_font_ascent(b->heading), name, FAINT);
	return y + win_font_line(b->heading) + 2;
}

/* A line with a bar between its name and its value; gives where the next line is. */
static float bar_line(const struct btop *b, struct win *win, float y, const char *name, const char *value, double part,
		      uint32_t colour)
{
	float line = win_font_line(b->text) + 3;

	label(b, win, y, name, value);
	bar(win, y + (line - BAR) / 2 - 1, (float)win_width(win) - 2 * (MARGIN + LABEL), part, colour);
	return y + line;
}

static float cpus(const struct btop *b, struct win *win, float y)
{
	y = heading(b, win, y, "Processors");
	for (int i = 1; i < b->sample.cpu_count; i++) {
		double load = b->sample.cpus[i].load;
		char name[24], value[16];
		snprintf(name, sizeof name, "CPU %d", i - 1);
		snprintf(value, sizeof value, "%3.0f %%", load * 100);
		y = bar_line(b, win, y, name, value, load, load < BUSY ? LOW : HIGH);
	}
	return y + 6;
}

static float memory(const struct btop *b, struct win *win, float y)
{
	const struct sample *s = &b->sample;
	char value[32];

	y = heading(b, win, y, "Memory");
	snprintf(value, sizeof value, "%.0f MiB", s->memory_used / (1 << 20));
	y = bar_line(b, win, y, "in use", value, s->memory_all > 0 ? s->memory_used / s->memory_all : 0, MEMORY);
	return y + 6;
}

static float number_line(const struct btop *b, struct win *win, float y, const char *name, double value,
			 const char *unit)
{
	char text[48];

	snprintf(text, sizeof text, "%.0f %s", value, unit);
	label(b, win, y, name, text);
	return y + win_font_line(b->text) + 3;
}

static float network(const struct btop *b, struct win *win, float y)
{
	y = heading(b, win, y, "Network");
	for (int i = 0; i < b->sample.netif_count; i++) {
		const struct netif *n = &b->sample.netifs[i];
		char value[64];
		snprintf(value, sizeof value, "%.1f in, %.1f out KiB/s", n->receiving / 1024, n->sending / 1024);
		label(b, win, y, n->name, value);
		y += win_font_line(b->text) + 3;
	}
	return number_line(b, win, y, "interrupts", b->sample.net_interrupts.rate, "/s") + 6;
}

static void rest(const struct btop *b, struct win *win, float y)
{
	y = heading(b, win, y, "Machine");
	y = number_line(b, win, y, "interrupts", b->sample.interrupts.rate, "/s");
	if (b->sample.gpu) {
		y = number_line(b, win, y, "frames", b->sample.frames.rate, "/s");
		number_line(b, win, y, "GPU streams", b->sample.submits.rate, "/s");
	}
}

static int draw(struct btop *b)
{
	struct itimerspec second = { .it_value.tv_sec = 1 };
	struct win *win;
	int error = window_begin_frame(b->window, &win, NULL), ended;
	float y;

	if (error)
		return error == -EAGAIN ? 0 : error;
	if (b->due)
		error = sample_take(&b->sample);
	win_clear(win, BACKGROUND);
	y = cpus(b, win, MARGIN);
	y = memory(b, win, y);
	y = network(b, win, y);
	rest(b, win, y);
	ended = window_end_frame(b->window);
	if (b->due)
		timerfd_settime(b->timer, 0, &second, NULL);
	b->due = false;
	return error ? error : ended;
}

/* ---- events ---------------------------------------------------------------------------- */

static int handle(struct btop *b, const struct window_event *event)
{
	if (event->type == WINDOW_DRAW)
		return draw(b);
	if (event->type == WINDOW_CLOSE)
		b->ended = true;
	if (event->type == WINDOW_KEY && event->on && (event->symbol == XKB_KEY_q || event->symbol == XKB_KEY_Escape))
		b->ended = true;
	return 0;
}

static int run(struct btop *b)
{
	struct pollfd files[] = {
		{ .fd = desktop_fd(b->desktop), .events = POLLIN }, { .fd = b->timer, .events = POLLIN },
	};
	struct window_event event;
	int got = 0;

	while (!b->ended && got >= 0) {
		uint64_t times;
		got = desktop_next(b->desktop, &event);
		if (got > 0)
			got = handle(b, &event);
		else if (got == 0 && poll(files, 2, -1) > 0 && files[1].revents && read(b->timer, &times, sizeof times) > 0) {
			b->due = true;
			window_damage_all(b->window);
		}
	}
	return got;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "btop: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(void)
{
	struct btop b = { .due = true };
	int error;

	b.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (b.timer < 0)
		return fail("a timer", -errno);
	error = desktop_open(&b.desktop, NULL, WIN_ANY);
	if (error)
		return fail("the compositor", error);
	error = win_font_open(desktop_device(b.desktop), FONT, TEXT, &b.text);
	if (!error)
		error = win_font_open(desktop_device(b.desktop), FONT, HEADING, &b.heading);
	if (error)
		return fail(FONT, error);
	error = window_create(b.desktop, WIDTH, HEIGHT, "Load", "btop", NULL, &b.window);
	if (error)
		return fail("a window", error);
	error = run(&b);
	win_font_close(b.text);
	win_font_close(b.heading);
	desktop_close(b.desktop);
	sample_free(&b.sample);
	close(b.timer);
	return error < 0 ? fail("it ended", error) : 0;
}
