/*
 * Alt-tab: a list of the windows, the one in use first. Each Tab goes on to the next, shift backwards; when alt is let
 * go the chosen one comes to the front. Escape leaves everything as it is.
 */
#include <stdlib.h>

#include "shell_parts.h"

enum { WIDTH = 360, ITEM_HEIGHT = 32, MARGIN = 10 };

static rect box(const struct shell *shell)
{
	const struct output *o = &shell->server->output;
	int height = shell->switcher.count * ITEM_HEIGHT + 2 * MARGIN;

	return (rect) { (o->width - WIDTH) / 2, (o->height - height) / 2, WIDTH, height };
}

static void end(struct shell *shell, bool choose)
{
	struct switcher *s = &shell->switcher;
	struct window *w = s->open && choose ? s->windows[s->chosen] : NULL;

	if (!s->open)
		return;
	damage_add(shell->server, box(shell));
	s->open = false;
	free(s->windows);
	s->windows = NULL;
	seat_grab_end(shell->seat, &s->grab);
	if (w)
		window_activate(w);
}

static void go(struct shell *shell, int by)
{
	struct switcher *s = &shell->switcher;

	s->chosen = (s->chosen + by + s->count) % s->count;
	damage_add(shell->server, box(shell));
}

static void key(struct seat_grab *grab, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed)
{
	struct switcher *s = wl_container_of(grab, s, grab);
	struct shell *shell = wl_container_of(s, shell, switcher);

	if (pressed && (symbol == XKB_KEY_Tab || symbol == XKB_KEY_ISO_Left_Tab))
		go(shell, modifiers & SEAT_SHIFT ? -1 : 1);
	else if (pressed && symbol == XKB_KEY_Escape)
		end(shell, false);
	else if (!(modifiers & SEAT_ALT))
		end(shell, true);
}

static void cancel(struct seat_grab *grab)
{
	struct switcher *s = wl_container_of(grab, s, grab);
	struct shell *shell = wl_container_of(s, shell, switcher);

	end(shell, false);
}

void switcher_begin(struct shell *shell, bool backwards)
{
	struct switcher *s = &shell->switcher;
	int all = wl_list_length(&shell->server->windows);
	struct window *w;

	end(shell, false);
	s->windows = calloc((size_t)all + 1, sizeof *s->windows);
	s->count = s->chosen = 0;
	if (!s->windows)
		return;
	wl_list_for_each_reverse(w, &shell->server->windows, link)
		if (w->mapped)
			s->windows[s->count++] = w;
	if (s->count == 0) {
		free(s->windows);
		s->windows = NULL;
		return;
	}
	s->open = true;
	s->grab = (struct seat_grab) { .key = key, .cancel = cancel };
	seat_grab_begin(shell->seat, &s->grab);
	go(shell, backwards ? -1 : s->windows[0] == shell->server->active ? 1 : 0);
}

void switcher_forget_window(struct shell *shell, struct window *w)
{
	struct switcher *s = &shell->switcher;

	for (int i = 0; s->open && i < s->count; i++)
		if (s->windows[i] == w)
			s->windows[i] = NULL;
}

void switcher_draw(struct shell *shell, struct win *screen, rect part)
{
	struct switcher *s = &shell->switcher;
	rect r = box(shell);

	if (!s->open || rect_empty(rect_meet(r, part)))
		return;
	win_rounded_rect(screen, (float)r.x, (float)r.y, (float)r.width, (float)r.height, 10, COLOUR_PANEL);
	for (int i = 0; i < s->count; i++) {
		const struct window *w = s->windows[i];
		rect item = { r.x + MARGIN, r.y + MARGIN + i * ITEM_HEIGHT, r.width - 2 * MARGIN, ITEM_HEIGHT };
		if (i == s->chosen)
			win_rounded_rect(screen, (float)item.x, (float)item.y, (float)item.width, (float)item.height, 6,
				COLOUR_ACTIVE);
		item.x += MARGIN;
		item.width -= 2 * MARGIN;
		if (w)
			ui_text(screen, shell->font, item, w->title ? w->title : w->app_id ? w->app_id : "", COLOUR_TEXT, false);
	}
}
