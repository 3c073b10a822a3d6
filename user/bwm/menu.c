/*
 * A menu: a list to choose from by pointer, wheel or keys. While it is open it has the seat's grab.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shell_parts.h"

enum { WIDTH = 240, ITEM_HEIGHT = 30, MARGIN = 6 };

bool menu_add(struct menu_item **items, int *count, const char *label, const char *data)
{
	struct menu_item *more = realloc(*items, (size_t)(*count + 1) * sizeof *more);
	struct menu_item item = { strdup(label), data ? strdup(data) : NULL };

	if (more)
		*items = more;
	if (!more || !item.label || (data && !item.data)) {
		free(item.label);
		free(item.data);
		return false;
	}
	more[(*count)++] = item;
	return true;
}

static void items_free(struct menu_item *items, int count)
{
	for (int i = 0; i < count; i++) {
		free(items[i].label);
		free(items[i].data);
	}
	free(items);
}

void menu_close(struct menu *menu)
{
	struct menu_item *items = menu->items;
	int count = menu->count;

	if (!menu->open)
		return;
	menu->open = false;
	menu->items = NULL;
	menu->count = 0;
	menu->window = NULL;
	items_free(items, count);
	damage_add(menu->shell->server, menu->box);
	bar_damage(menu->shell);
	seat_grab_end(menu->shell->seat, &menu->grab);
}

/* The menu is closed before what was chosen is done: that may open another. */
static void choose(struct menu *menu, int number)
{
	struct menu_item item = menu->items[number];
	struct window *w = menu->window;

	menu->items[number] = (struct menu_item) { 0 };
	menu_close(menu);
	menu->window = w;
	menu->choose(menu, &item);
	if (!menu->open)
		menu->window = NULL;
	free(item.label);
	free(item.data);
}

static rect item_rect(const struct menu *menu, int number)
{
	return (rect) { menu->box.x + MARGIN, menu->box.y + MARGIN + (number - menu->first) * ITEM_HEIGHT,
		menu->box.width - 2 * MARGIN, ITEM_HEIGHT };
}

static int item_at(const struct menu *menu, int x, int y)
{
	for (int i = menu->first; i < menu->first + menu->shown; i++)
		if (rect_has(item_rect(menu, i), x, y))
			return i;
	return -1;
}

/* Light an item, and bring it in sight. */
static void light(struct menu *menu, int number)
{
	if (number == menu->lit)
		return;
	menu->lit = number;
	if (number >= 0 && number < menu->first)
		menu->first = number;
	if (number >= menu->first + menu->shown)
		menu->first = number - menu->shown + 1;
	damage_add(menu->shell->server, menu->box);
}

static void moved(struct seat_grab *grab, uint32_t time, double x, double y)
{
	struct menu *menu = wl_container_of(grab, menu, grab);

	light(menu, item_at(menu, (int)x, (int)y));
}

/* A press outside closes it; what is under the pointer when a button is let go is chosen. */
static void button(struct seat_grab *grab, uint32_t time, uint32_t code, bool pressed)
{
	struct menu *menu = wl_container_of(grab, menu, grab);
	double x, y;
	int number;

	seat_pointer_place(menu->shell->seat, &x, &y);
	number = item_at(menu, (int)x, (int)y);
	if (!pressed && number >= 0)
		choose(menu, number);
	else if (pressed && !rect_has(menu->box, (int)x, (int)y))
		menu_close(menu);
}

/* The next item from the lit one on, going round, that begins with this letter. */
static int with_letter(const struct menu *menu, uint32_t symbol)
{
	for (int i = 1; i <= menu->count; i++) {
		int number = (menu->lit + i + menu->count) % menu->count;
		if (tolower((unsigned char)menu->items[number].label[0]) == (int)symbol)
			return number;
	}
	return menu->lit;
}

static void key(struct seat_grab *grab, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed)
{
	struct menu *menu = wl_container_of(grab, menu, grab);

	if (!pressed)
		return;
	if (symbol == XKB_KEY_Escape || symbol == XKB_KEY_Super_L || symbol == XKB_KEY_Super_R)
		menu_close(menu);
	else if (menu->count == 0)
		return;
	else if (symbol == XKB_KEY_Down)
		light(menu, (menu->lit + 1) % menu->count);
	else if (symbol == XKB_KEY_Up)
		light(menu, menu->lit > 0 ? menu->lit - 1 : menu->count - 1);
	else if ((symbol == XKB_KEY_Return || symbol == XKB_KEY_KP_Enter) && menu->lit >= 0)
		choose(menu, menu->lit);
	else if (symbol > XKB_KEY_space && symbol < XKB_KEY_asciitilde)
		light(menu, with_letter(menu, (uint32_t)tolower((int)symbol)));
}

static void cancel(struct seat_grab *grab)
{
	struct menu *menu = wl_container_of(grab, menu, grab);

	menu_close(menu);
}

void menu_open(struct menu *menu, int x, int y, struct menu_item *items, int count)
{
	rect area = shell_work_area(menu->shell->server);
	int most = (area.height - 2 * MARGIN) / ITEM_HEIGHT, shown = count < most ? count : most > 0 ? most : 0;
	rect box = { x, y, WIDTH, shown * ITEM_HEIGHT + 2 * MARGIN };

	menu_close(menu);
	if (box.y + box.height > area.y + area.height)
		box.y = y - box.height < area.y ? area.y : y - box.height;
	if (box.x + box.width > area.x + area.width)
		box.x = area.x + area.width - box.width;
	menu->grab = (struct seat_grab) { .moved = moved, .button = button, .key = key, .cancel = cancel };
	menu->open = true;
	menu->box = box;
	menu->items = items;
	menu->count = count;
	menu->shown = shown;
	menu->first = 0;
	menu->lit = -1;
	seat_grab_begin(menu->shell->seat, &menu->grab);
	damage_add(menu->shell->server, box);
	bar_damage(menu->shell);
}

void menu_draw(struct menu *menu, struct win *screen, rect part)
{
	rect box = menu->box;

	if (!menu->open || rect_empty(rect_meet(box, part)))
		return;
	win_rounded_rect(screen, (float)box.x, (float)box.y, (float)box.width, (float)box.height, 8, COLOUR_PANEL);
	for (int i = menu->first; i < menu->first + menu->shown; i++) {
		rect r = item_rect(menu, i);
		if (i == menu->lit)
			win_rounded_rect(screen, (float)r.x, (float)r.y, (float)r.width, (float)r.height, 5, COLOUR_ACTIVE);
		r.x += MARGIN;
		r.width -= 2 * MARGIN;
		ui_text(screen, menu->shell->font, r, menu->items[i].label, COLOUR_TEXT, false);
	}
}
