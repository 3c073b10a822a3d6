/*
 * The shell: between the person at the seat, the windows, and what bwm draws by itself.
 *
 * alt-tab goes through the windows, alt with the left button moves one, with the right one resizes it; alt-F4 closes,
 * F7 moves and F8 resizes by the arrow keys, F9 minimises, F10 maximises, F11 fills the display; alt-F1 or the key with
 * the logo opens the launcher.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell_parts.h"

#define FONT_FOLDER "/usr/share/fonts/truetype/dejavu/"

enum { SECOND_CLICK = 400 };    /* milliseconds after the first */

/* ---- for all parts that draw ------------------------------------------------------------- */

/* As much of the text as there is room for, an ellipsis behind it. */
static void cut(struct win_font *font, char *text, size_t size, float room)
{
	size_t length = strlen(text);

	while (length > 0) {
		do
			length--;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80);
		snprintf(text + length, size - length, "…");
		if (win_text_width(font, text) <= room)
			return;
	}
}

void ui_text(struct win *screen, struct win_font *font, rect box, const char *text, uint32_t colour, bool centred)
{
	char shown[256];
	float base;

	if (!font || rect_empty(box))
		return;
	snprintf(shown, sizeof shown - sizeof "…", "%s", text);
	if (win_text_width(font, shown) > (float)box.width)
		cut(font, shown, sizeof shown, (float)box.width);
	base = (float)box.y + ((float)box.height - win_font_line(font)) / 2 + win_font_ascent(font);
	win_text(screen, font, (float)box.x + (centred ? ((float)box.width - win_text_width(font, shown)) / 2 : 0), base,
		shown, colour);
}

bool ui_hovers(const struct shell *shell, enum ui_kind kind, const struct window *w)
{
	return shell->hover.kind == kind && shell->hover.window == w;
}

void window_toggle(struct window *w)
{
	window_maximise(w, !w->maximised);
}

/* ---- what lies under the pointer ----------------------------------------------------------- */

static struct ui_place place_at(struct shell *shell, int x, int y)
{
	struct ui_place place = bar_at(shell, x, y);
	struct surface *surface;
	struct window *w;
	int sx, sy;

	if (place.kind != UI_NONE)
		return place;
	w = window_at(shell->server, x, y, &surface, &sx, &sy);
	return w && !surface ? frame_at(w, x, y) : place;
}

static struct wl_resource *surface_below(void *data, double x, double y, double *sx, double *sy)
{
	struct shell *shell = data;
	struct surface *surface = NULL;
	int left, top;

	if (bar_at(shell, (int)x, (int)y).kind != UI_NONE)
		return NULL;
	if (!window_at(shell->server, (int)x, (int)y, &surface, &left, &top) || !surface)
		return NULL;
	/* window_at() knows whole pixels: what lies between them is added. */
	*sx = left + (x - (int)x);
	*sy = top + (y - (int)y);
	return surface->resource;
}

static void size(void *data, int *width, int *height)
{
	struct shell *shell = data;
	const struct output *o = &shell->server->output;

	*width = o->width > 0 ? o->width : 1;
	*height = o->height > 0 ? o->height : 1;
}

static void place_damage(struct shell *shell, const struct ui_place *p)
{
	if (p->kind == UI_TAB)
		damage_add(shell->server, bar_tab(shell, p->window));
	else if (p->kind == UI_START)
		damage_add(shell->server, bar_start(shell));
	else if (p->kind == UI_CLOSE || p->kind == UI_MAXIMISE || p->kind == UI_MINIMISE)
		damage_add(shell->server, frame_title(p->window));
}

static void hover(struct shell *shell, struct ui_place place)
{
	static const enum cursor_shape shape_of[] = {
		[EDGE_LEFT] = CURSOR_ACROSS, [EDGE_RIGHT] = CURSOR_ACROSS, [EDGE_TOP] = CURSOR_UPRIGHT,
		[EDGE_BOTTOM] = CURSOR_UPRIGHT, [EDGE_TOP | EDGE_LEFT] = CURSOR_FALLING,
		[EDGE_BOTTOM | EDGE_RIGHT] = CURSOR_FALLING, [EDGE_TOP | EDGE_RIGHT] = CURSOR_RISING,
		[EDGE_BOTTOM | EDGE_LEFT] = CURSOR_RISING,
	};
	struct ui_place before = shell->hover;

	shell->hover = place;
	if (before.kind != place.kind || before.window != place.window) {
		place_damage(shell, &before);
		place_damage(shell, &place);
	}
	cursor_shape_set(shell, place.kind == UI_EDGE ? shape_of[place.edges] : CURSOR_ARROW);
}

static void moved(void *data, uint32_t time, double x, double y, bool on_surface)
{
	struct shell *shell = data;

	cursor_moved(shell);
	if (!shell->seat || shell->handling.window)
		return;
	hover(shell, on_surface ? (struct ui_place) { UI_NONE, NULL, EDGE_NONE } : place_at(shell, (int)x, (int)y));
}

/* ---- the window's menu --------------------------------------------------------------------- */

static const char *const menu_words[] = { "Maximise", "Minimise", "Move", "Resize", "Close", "End the program" };

static void window_chosen(struct menu *menu, const struct menu_item *item)
{
	struct window *w = menu->window;

	if (!w || !item->data)
		return;
	switch (item->data[0]) {
	case 'M':
		window_toggle(w);
		break;
	case 'm':
		window_minimise(w, true);
		break;
	case 'v':
		handle_begin(menu->shell, w, EDGE_NONE, false);
		break;
	case 'r':
		handle_begin(menu->shell, w, EDGE_RIGHT | EDGE_BOTTOM, true);
		break;
	case 'c':
		window_close(w);
		break;
	case 'k':
		window_kill(w);
		break;
	}
}

static void window_menu(struct shell *shell, struct window *w, int x, int y)
{
	static const char *const commands[] = { "M", "m", "v", "r", "c", "k" };
	struct menu_item *items = NULL;
	int count = 0;

	for (size_t i = 0; i < sizeof menu_words / sizeof *menu_words; i++)
		menu_add(&items, &count, i == 0 && w->maximised ? "Restore" : menu_words[i], commands[i]);
	menu_open(&shell->menu, x, y, items, count);
	shell->menu.window = w;
	shell->menu.choose = window_chosen;
}

/* ---- buttons --------------------------------------------------------------------------------- */

/* The nearest corner or edge of the window to the pointer. */
static enum window_edges edges_near(const struct window *w, double x, double y)
{
	rect g = window_geometry(w);

	return (x < g.x + g.width / 2.0 ? EDGE_LEFT : EDGE_RIGHT) | (y < g.y + g.height / 2.0 ? EDGE_TOP : EDGE_BOTTOM);
}

static void title_pressed(struct shell *shell, struct window *w, uint32_t time)
{
	bool second = shell->clicked == w && time - shell->clicked_time < SECOND_CLICK;

	shell->clicked = second ? NULL : w;
	shell->clicked_time = time;
	if (second)
		window_toggle(w);
	else
		handle_begin(shell, w, EDGE_NONE, false);
}

static void tab_pressed(struct shell *shell, struct window *w)
{
	if (shell->server->active == w && !w->minimised)
		window_minimise(w, true);
	else
		window_activate(w);
}

/* What a press on something of bwm's does. */
static void ui_pressed(struct shell *shell, const struct ui_place *place, uint32_t time, uint32_t button, int x, int y)
{
	struct window *w = place->window;

	if (w && place->kind != UI_TAB)
		window_activate(w);
	if (button == BTN_RIGHT && w) {
		window_menu(shell, w, x, y);
		return;
	}
	if (button != BTN_LEFT)
		return;
	switch (place->kind) {
	case UI_TITLE:
		title_pressed(shell, w, time);
		break;
	case UI_EDGE:
		handle_begin(shell, w, place->edges, true);
		break;
	case UI_TAB:
		tab_pressed(shell, w);
		break;
	case UI_START:
		launcher_open(shell);
		break;
	default:
		break;
	}
}

/* A frame's button does its work when it is let go on the same place. */
static void ui_released(struct shell *shell, const struct ui_place *place)
{
	struct window *w = place->window;

	if (place->kind != shell->pressed.kind || w != shell->pressed.window)
		return;
	if (place->kind == UI_CLOSE)
		window_close(w);
	else if (place->kind == UI_MAXIMISE)
		window_toggle(w);
	else if (place->kind == UI_MINIMISE)
		window_minimise(w, true);
}

static bool button(void *data, uint32_t time, uint32_t code, bool pressed)
{
	struct shell *shell = data;
	struct ui_place place;
	struct surface *surface;
	struct window *w;
	double x, y;
	int sx, sy;

	seat_pointer_place(shell->seat, &x, &y);
	place = place_at(shell, (int)x, (int)y);
	if (!pressed) {
		ui_released(shell, &place);
		shell->pressed = (struct ui_place) { UI_NONE, NULL, EDGE_NONE };
		return true;
	}
	shell->pressed = place;
	w = place.window;
	if (place.kind == UI_NONE)
		w = window_at(shell->server, (int)x, (int)y, &surface, &sx, &sy);
	if (w && place.kind != UI_TAB && seat_modifiers(shell->seat) & SEAT_ALT &&
	    (code == BTN_LEFT || code == BTN_RIGHT)) {
		window_activate(w);
		handle_begin(shell, w, code == BTN_LEFT ? EDGE_NONE : edges_near(w, x, y), code == BTN_RIGHT);
		return true;
	}
	if (place.kind != UI_NONE) {
		ui_pressed(shell, &place, time, code, (int)x, (int)y);
		return true;
	}
	if (w && w != shell->server->active)
		window_activate(w);
	return !w;
}

static bool wheel(void *data, uint32_t time, bool horizontal, int notches)
{
	struct shell *shell = data;

	return shell->hover.kind != UI_NONE;
}

/* ---- keys ------------------------------------------------------------------------------------- */

static void window_key(struct shell *shell, struct window *w, uint32_t symbol)
{
	switch (symbol) {
	case XKB_KEY_F4:
		window_close(w);
		break;
	case XKB_KEY_F7:
		handle_begin(shell, w, EDGE_NONE, false);
		break;
	case XKB_KEY_F8:
		handle_begin(shell, w, EDGE_RIGHT | EDGE_BOTTOM, true);
		break;
	case XKB_KEY_F9:
		window_minimise(w, true);
		break;
	case XKB_KEY_F10:
		window_toggle(w);
		break;
	case XKB_KEY_F11:
		window_fullscreen(w, !w->fullscreen);
		break;
	}
}

/* Each key that is bwm's; the keys of a window only while there is one. */
static bool key(void *data, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed)
{
	struct shell *shell = data;
	struct window *w = shell->server->active;

	if (!pressed)
		return true;
	if (symbol == XKB_KEY_Super_L || symbol == XKB_KEY_Super_R) {
		launcher_open(shell);
		return true;
	}
	if ((modifiers & ~(uint32_t)SEAT_SHIFT) != SEAT_ALT)
		return false;
	if (symbol == XKB_KEY_Tab || symbol == XKB_KEY_ISO_Left_Tab)
		switcher_begin(shell, modifiers & SEAT_SHIFT);
	else if (symbol == XKB_KEY_F1)
		launcher_open(shell);
	else if (w && symbol >= XKB_KEY_F4 && symbol <= XKB_KEY_F11 && symbol != XKB_KEY_F5 && symbol != XKB_KEY_F6)
		window_key(shell, w, symbol);
	else
		return false;
	return true;
}

/* ---- popups ------------------------------------------------------------------------------------- */

static void popup_dismissed(void *data)
{
	struct popup *popup = data;

	popup->window->server->shell->popup = NULL;
	popup_dismiss(popup);
}

bool shell_grab_popup(struct popup *popup, uint32_t serial)
{
	struct wl_client *client = wl_resource_get_client(popup->resource);
	struct shell *shell = popup->window ? popup->window->server->shell : NULL;

	if (!shell || !seat_may_popup(shell->seat, client, serial))
		return false;
	/* One that hangs from another is of the same grab. */
	if (shell->popup && shell->popup->window != popup->window) {
		struct popup *before = shell->popup;
		seat_popup_end(shell->seat, before);
		popup_dismissed(before);
	}
	if (!shell->popup) {
		shell->popup = popup;
		seat_popup_begin(shell->seat, client, popup_dismissed, popup);
	}
	seat_focus(shell->seat, popup->surface->resource);
	return true;
}

void shell_forget_popup(struct popup *popup)
{
	struct server *server = popup->window ? popup->window->server : popup->surface->server;
	struct shell *shell = server->shell;

	if (shell->popup == popup) {
		shell->popup = NULL;
		seat_popup_end(shell->seat, popup);
	}
	if (seat_focused(shell->seat) == popup->surface->resource)
		shell_focus_changed(server);
}

/* ---- what bwm tells -------------------------------------------------------------------------------- */

void shell_focus_changed(struct server *server)
{
	struct shell *shell = server->shell;
	struct wl_resource *surface = server->active ? server->active->surface->resource : NULL;

	/* A popup keeps the keyboard while its window has it. */
	if (shell->popup && shell->popup->window == server->active && shell->popup->mapped)
		surface = shell->popup->surface->resource;
	seat_focus(shell->seat, surface);
	bar_damage(shell);
}

void shell_scene_changed(struct server *server)
{
	struct shell *shell = server->shell;
	double x, y;

	seat_pointer_refresh(shell->seat);
	seat_pointer_place(shell->seat, &x, &y);
	if (!shell->handling.window && !shell->menu.open)
		hover(shell, place_at(shell, (int)x, (int)y));
}

void shell_frame_begins(struct server *server)
{
	cursor_frame(server->shell);
}

void shell_output_changed(struct server *server)
{
	struct shell *shell = server->shell;

	menu_close(&shell->menu);
	bar_update(shell);
	cursor_output_changed(shell);
	wallpaper_prepare(shell);
	damage_all(server);
}

void shell_window_changed(struct window *w)
{
	if (!window_visible(w))
		handle_forget_window(w->server->shell, w);
	bar_window_changed(w->server->shell, w);
}

void shell_forget_window(struct window *w)
{
	struct shell *shell = w->server->shell;

	handle_forget_window(shell, w);
	switcher_forget_window(shell, w);
	if (shell->menu.window == w)
		menu_close(&shell->menu);
	bar_forget_window(shell, w);
	if (shell->hover.window == w)
		shell->hover = (struct ui_place) { UI_NONE, NULL, EDGE_NONE };
	if (shell->pressed.window == w)
		shell->pressed = (struct ui_place) { UI_NONE, NULL, EDGE_NONE };
	if (shell->clicked == w)
		shell->clicked = NULL;
}

static bool may_begin(const struct window *w, uint32_t serial)
{
	return seat_may_grab(w->server->shell->seat, wl_resource_get_client(w->resource), serial);
}

void shell_begin_move(struct window *w, uint32_t serial)
{
	if (may_begin(w, serial))
		handle_begin(w->server->shell, w, EDGE_NONE, false);
}

void shell_begin_resize(struct window *w, uint32_t serial, enum window_edges edges)
{
	if (may_begin(w, serial))
		handle_begin(w->server->shell, w, edges, true);
}

void shell_window_menu(struct window *w, uint32_t serial, int x, int y)
{
	rect g = window_geometry(w);

	if (may_begin(w, serial))
		window_menu(w->server->shell, w, g.x + x, g.y + y);
}

/* ---- what is drawn ------------------------------------------------------------------------------- */

rect shell_work_area(struct server *server)
{
	int bar = server->output.height > BAR_HEIGHT ? BAR_HEIGHT : 0;

	return (rect) { 0, 0, server->output.width, server->output.height - bar };
}

void shell_draw_top(struct server *server, struct win *screen, rect part)
{
	struct shell *shell = server->shell;

	bar_draw(shell, screen, part);
	menu_draw(&shell->menu, screen, part);
	switcher_draw(shell, screen, part);
	cursor_draw(shell, screen, part);
}

void shell_walk_surfaces(struct server *server, surface_visitor *visit, void *argument)
{
	cursor_walk(server->shell, visit, argument);
}

/* ---- begin and end --------------------------------------------------------------------------------- */

static bool cursor_wanted(void *data, struct wl_resource *by, struct wl_resource *surface, int hot_x, int hot_y,
	bool show)
{
	return cursor_surface_set(data, by, surface, hot_x, hot_y, show);
}

static bool icon_wanted(void *data, struct wl_resource *by, struct wl_resource *surface)
{
	return cursor_icon_set(data, by, surface);
}

static struct win_font *font_open(struct server *server, const char *path)
{
	struct win_font *font = NULL;
	int error = win_font_open(server->device, path, TEXT_HEIGHT, &font);

	if (error)
		fprintf(stderr, "bwm: %s: %s; its text is not shown\n", path, strerror(-error));
	return error ? NULL : font;
}

int shell_create(struct server *server)
{
	struct shell *shell = calloc(1, sizeof *shell);
	const struct seat_desktop desktop = {
		.surface_at = surface_below, .size = size, .key = key, .button = button, .wheel = wheel, .moved = moved,
		.cursor = cursor_wanted, .drag_icon = icon_wanted, .data = shell,
	};
	int error;

	if (!shell)
		return -ENOMEM;
	shell->server = server;
	shell->menu.shell = shell;
	server->shell = shell;
	error = bar_create(shell);
	if (error)
		goto fail;
	shell->seat = server->seat = seat_create(server->display, &desktop);
	if (!shell->seat) {
		error = -errno;
		bar_destroy(shell);
		goto fail;
	}
	shell->font = font_open(server, FONT_FOLDER "DejaVuSans.ttf");
	shell->bold = font_open(server, FONT_FOLDER "DejaVuSans-Bold.ttf");
	cursor_create(shell);
	wallpaper_prepare(shell);
	return 0;
fail:
	server->shell = NULL;
	free(shell);
	return error;
}

void shell_destroy(struct server *server)
{
	struct shell *shell = server->shell;

	if (!shell)
		return;
	seat_destroy(shell->seat);
	cursor_destroy(shell);
	wallpaper_finish(shell);
	bar_destroy(shell);
	if (shell->font)
		win_font_close(shell->font);
	if (shell->bold)
		win_font_close(shell->bold);
	server->seat = NULL;
	server->shell = NULL;
	free(shell);
}
