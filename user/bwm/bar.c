/*
 * The task bar: the start button, a button for each window, the load and the clock.
 *
 * The clock is the one thing of an idle desktop that wakes it: by a timer at the end of the minute that it shows, which
 * also hears of a clock that is set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). The load is read with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "shell_parts.h"

enum { MARGIN = 4, START_WIDTH = 84, TAB_WIDTH = 190, STATUS_WIDTH = 130, SECONDS_A_MINUTE = 60 };

/* ---- the clock ------------------------------------------------------------------------ */

static void load_read(struct bar *bar)
{
	FILE *f = fopen("/proc/loadavg", "re");

	if (!f || fscanf(f, "%15s", bar->load) != 1)
		bar->load[0] = 0;
	if (f)
		fclose(f);
}

static rect bar_status(const struct shell *shell)
{
	rect bar = bar_rect(shell);

	return (rect) { bar.x + bar.width - STATUS_WIDTH, bar.y, STATUS_WIDTH, bar.height };
}

/*
 * Show the time, and wake when it is another; while the bar is hidden nothing wakes. By the clock that the timer goes
 * by: time(2)'s may be a tick behind, and still in the minute that is over. ECANCELED: it was set in between.
 */
static void clock_update(struct shell *shell)
{
	struct bar *bar = &shell->bar;
	struct itimerspec at = { 0 };
	struct timespec now;
	struct tm parts;

	do {
		clock_gettime(CLOCK_REALTIME, &now);
		if (!bar->hidden)
			at.it_value.tv_sec = now.tv_sec - now.tv_sec % SECONDS_A_MINUTE + SECONDS_A_MINUTE;
	} while (timerfd_settime(bar->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) && errno == ECANCELED);
	if (bar->hidden)
		return;
	strftime(bar->clock, sizeof bar->clock, "%H:%M", localtime_r(&now.tv_sec, &parts));
	load_read(bar);
	damage_add(shell->server, bar_status(shell));
}

static int minute_over(int fd, uint32_t mask, void *data)
{
	uint64_t times;

	/* ECANCELED: the clock was set. */
	if (read(fd, &times, sizeof times) > 0 || errno == ECANCELED)
		clock_update(data);
	return 0;
}

/* ---- where things are ------------------------------------------------------------------- */

rect bar_rect(const struct shell *shell)
{
	const struct output *o = &shell->server->output;

	return shell->bar.hidden ? (rect) { 0 } : (rect) { 0, o->height - BAR_HEIGHT, o->width, BAR_HEIGHT };
}

rect bar_start(const struct shell *shell)
{
	rect bar = bar_rect(shell);

	return (rect) { bar.x + MARGIN, bar.y + MARGIN, START_WIDTH, bar.height - 2 * MARGIN };
}

static rect tab_rect(const struct shell *shell, int number)
{
	rect bar = bar_rect(shell), start = bar_start(shell);
	int left = start.x + start.width + 2 * MARGIN, room = bar.width - STATUS_WIDTH - left;
	int count = wl_list_length(&shell->bar.tabs), width = count > 0 ? room / count : 0;

	if (width > TAB_WIDTH)
		width = TAB_WIDTH;
	return (rect) { left + number * width, start.y, width - MARGIN, start.height };
}

rect bar_tab(const struct shell *shell, const struct window *w)
{
	struct tab *tab;
	int number = 0;

	wl_list_for_each(tab, &shell->bar.tabs, link) {
		if (tab->window == w)
			return tab_rect(shell, number);
		number++;
	}
	return (rect) { 0 };
}

struct ui_place bar_at(struct shell *shell, int x, int y)
{
	struct tab *tab;
	int number = 0;

	if (!rect_has(bar_rect(shell), x, y))
		return (struct ui_place) { UI_NONE, NULL, EDGE_NONE };
	if (rect_has(bar_start(shell), x, y))
		return (struct ui_place) { UI_START, NULL, EDGE_NONE };
	wl_list_for_each(tab, &shell->bar.tabs, link)
		if (rect_has(tab_rect(shell, number++), x, y))
			return (struct ui_place) { UI_TAB, tab->window, EDGE_NONE };
	return (struct ui_place) { UI_BAR, NULL, EDGE_NONE };
}

/* ---- what it looks like -------------------------------------------------------------------- */

static void draw_button(struct win *screen, struct win_font *font, rect r, const char *text, uint32_t colour,
	bool centred)
{
	win_rounded_rect(screen, (float)r.x, (float)r.y, (float)r.width, (float)r.height, 6, colour);
	r.x += 2 * MARGIN;
	r.width -= 4 * MARGIN;
	ui_text(screen, font, r, text, COLOUR_TEXT, centred);
}

static uint32_t tab_colour(struct shell *shell, const struct window *w)
{
	if (ui_hovers(shell, UI_TAB, w))
		return COLOUR_HOVER;
	return shell->server->active == w ? COLOUR_ACTIVE : w->minimised ? COLOUR_PANEL : COLOUR_RAISED;
}

void bar_draw(struct shell *shell, struct win *screen, rect part)
{
	struct bar *bar = &shell->bar;
	rect box = bar_rect(shell), status = bar_status(shell), half = status;
	struct tab *tab;
	int number = 0;

	if (rect_empty(rect_meet(box, part)))
		return;
	win_rect(screen, (float)box.x, (float)box.y, (float)box.width, (float)box.height, COLOUR_PANEL);
	draw_button(screen, shell->bold, bar_start(shell), "Dunlin",
		shell->menu.open && !shell->menu.window ? COLOUR_ACTIVE :
		ui_hovers(shell, UI_START, NULL) ? COLOUR_HOVER : COLOUR_RAISED, true);
	wl_list_for_each(tab, &bar->tabs, link) {
		const struct window *w = tab->window;
		draw_button(screen, shell->font, tab_rect(shell, number++), w->title ? w->title : w->app_id ? w->app_id : "",
			tab_colour(shell, w), false);
	}
	half.width /= 2;
	ui_text(screen, shell->font, half, bar->load, COLOUR_TEXT_DIM, true);
	half.x += half.width;
	ui_text(screen, shell->bold, half, bar->clock, COLOUR_TEXT, true);
}

void bar_damage(struct shell *shell)
{
	damage_add(shell->server, bar_rect(shell));
}

/* ---- windows ---------------------------------------------------------------------------------- */

void bar_forget_window(struct shell *shell, struct window *w)
{
	struct tab *tab = w->shell;

	w->shell = NULL;
	if (!tab)
		return;
	wl_list_remove(&tab->link);
	free(tab);
	bar_damage(shell);
}

/* A window without memory for its button has none: it can be had by the switcher. */
void bar_window_changed(struct shell *shell, struct window *w)
{
	struct tab *tab = w->shell;

	if (!w->mapped) {
		bar_forget_window(shell, w);
	} else if (!tab) {
		tab = calloc(1, sizeof *tab);
		if (tab) {
			tab->window = w;
			w->shell = tab;
			wl_list_insert(shell->bar.tabs.prev, &tab->link);
		}
	}
	bar_update(shell);
	bar_damage(shell);
}

void bar_update(struct shell *shell)
{
	struct window *top = window_top(shell->server);
	bool hidden = (top && top->fullscreen) || shell->server->output.width == 0;

	if (hidden == shell->bar.hidden)
		return;
	bar_damage(shell);
	shell->bar.hidden = hidden;
	clock_update(shell);
	bar_damage(shell);
}

int bar_create(struct shell *shell)
{
	struct bar *bar = &shell->bar;

	wl_list_init(&bar->tabs);
	bar->hidden = shell->server->output.width == 0;
	bar->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (bar->timer < 0)
		return -errno;
	bar->timer_source = wl_event_loop_add_fd(shell->server->loop, bar->timer, WL_EVENT_READABLE, minute_over, shell);
	if (!bar->timer_source) {
		close(bar->timer);
		return -ENOMEM;
	}
	clock_update(shell);
	return 0;
}

void bar_destroy(struct shell *shell)
{
	struct tab *tab, *next;

	wl_list_for_each_safe(tab, next, &shell->bar.tabs, link) {
		tab->window->shell = NULL;
		wl_list_remove(&tab->link);
		free(tab);
	}
	wl_event_source_remove(shell->bar.timer_source);
	close(shell->bar.timer);
}
