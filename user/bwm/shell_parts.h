/*
 * What the parts of the shell share: shell.c (what the user does), frame.c (around windows), bar.c (the task bar),
 * menu.c, launcher.c (programs), handle.c (moving and resizing), switcher.c (alt-tab), cursor.c and wallpaper.c.
 *
 * All is drawn anew from state whenever a frame asks for it; whoever changes the state damages the part that shows it.
 */
#ifndef BWM_SHELL_PARTS_H
#define BWM_SHELL_PARTS_H

#include <xkbcommon/xkbcommon-keysyms.h>
#include <linux/input-event-codes.h>

#include "seat.h"
#include "shell.h"

/* Colours, and sizes in pixels, that belong together. */
enum { BAR_HEIGHT = 36, TITLE_HEIGHT = 28, BORDER = 4, FRAME_RADIUS = 9, CONTENTS_RADIUS = 6, TEXT_HEIGHT = 17 };

#define COLOUR_PANEL      0xf0202834u
#define COLOUR_RAISED     0xff3a4758u
#define COLOUR_HOVER      0xff4c5d74u
#define COLOUR_ACTIVE     0xff3f6ea5u
#define COLOUR_FRAME      0xff2b3644u
#define COLOUR_FRAME_LIT  0xff35567du
#define COLOUR_TEXT       0xffe8edf2u
#define COLOUR_TEXT_DIM   0xff9aa7b5u
#define COLOUR_CLOSE      0xffc8443cu

/* What lies under the pointer of what bwm draws. */
enum ui_kind { UI_NONE, UI_TITLE, UI_CLOSE, UI_MAXIMISE, UI_MINIMISE, UI_EDGE, UI_BAR, UI_START, UI_TAB };

struct ui_place {
	enum ui_kind      kind;
	struct window    *window;       /* whose frame or tab */
	enum window_edges edges;        /* of UI_EDGE */
};

/* A window's button in the task bar; in the order in which windows came. */
struct tab {
	struct wl_list link;
	struct window *window;
};

struct bar {
	struct wl_list          tabs;
	int                     timer;          /* a timerfd: when the clock's minute ends; -1: there is none */
	struct wl_event_source *timer_source;
	char                    clock[8], load[16];
	bool                    hidden;         /* below a fullscreen window, or without a display */
};

/* An item of a menu: chosen, its data is given to the menu's own choose(). */
struct menu_item {
	char *label;
	char *data;
};

struct menu {
	struct seat_grab  grab;
	struct shell     *shell;
	bool              open;
	rect              box;
	struct menu_item *items;
	int               count, lit;       /* lit: -1: none */
	int               first, shown;     /* of those that there is room for */
	struct window    *window;           /* whose menu it is, NULL: nobody's */
	void            (*choose)(struct menu *menu, const struct menu_item *item);
};

/* A window that is moved or resized, by the pointer or by keys. */
struct handling {
	struct seat_grab  grab;
	struct window    *window;           /* NULL: none */
	bool              resize;
	enum window_edges edges;
	int               from_x, from_y;   /* where the pointer was */
	rect              from;             /* the window then */
};

struct switcher {
	struct seat_grab grab;
	bool             open;
	struct window  **windows;           /* the one in use first; NULL where one has gone */
	int              count, chosen;
};

enum cursor_shape { CURSOR_ARROW, CURSOR_ACROSS, CURSOR_UPRIGHT, CURSOR_FALLING, CURSOR_RISING, CURSOR_SHAPES };

enum { CURSOR_SIDE = 64 };      /* the size of cursor planes that every card has */

struct cursor {
	enum cursor_shape shape;            /* of bwm's own */
	struct surface   *surface;          /* a client's; NULL: bwm's own */
	struct surface   *icon;             /* that is dragged */
	bool              shown;
	bool              due;              /* the look is not on the display yet: it is tried with the next frame */
	int               hot_x, hot_y;
	uint32_t          buffer;           /* the plane's, a dumb buffer; 0: there is no plane, it is drawn */
	uint32_t         *pixels;
	uint64_t          bytes;
	uint32_t          pitch;
	struct win       *picture;          /* of one that is drawn */
	rect              drawn, drawn_icon;     /* where, in the last frame */
};

/* The colours of its rows, and a picture of them, one pixel wide, for the GPU. */
struct wallpaper {
	int         height;                 /* of the display that it is for; 0: there is none */
	uint32_t   *rows;
	struct win *image;                  /* NULL: rows are filled one by one */
};

struct shell {
	struct server    *server;
	struct seat      *seat;
	struct win_font  *font, *bold;      /* NULL: the file is not there, and no text is drawn */
	struct bar        bar;
	struct menu       menu;
	struct handling   handling;
	struct switcher   switcher;
	struct cursor     cursor;
	struct wallpaper  wallpaper;
	struct ui_place   hover, pressed;
	struct popup     *popup;            /* that has the grab: the one nearest to its window */
	uint32_t          clicked_time;     /* of a title bar, for the second click */
	struct window    *clicked;
};

/* ---- shell.c ---- */
/* Text in this box, its middle on the box's, cut short by an ellipsis; centred or from the left. */
void ui_text(struct win *screen, struct win_font *font, rect box, const char *text, uint32_t colour, bool centred);
bool ui_hovers(const struct shell *shell, enum ui_kind kind, const struct window *w);
/* Maximise, or undo it. */
void window_toggle(struct window *w);

/* ---- frame.c ---- */
struct ui_place frame_at(struct window *w, int x, int y);
rect frame_title(const struct window *w);       /* empty if it has none */
rect frame_outer(const struct window *w);

/* ---- bar.c; negative errno ---- */
int bar_create(struct shell *shell);
void bar_destroy(struct shell *shell);
rect bar_rect(const struct shell *shell);       /* empty while it is hidden */
struct ui_place bar_at(struct shell *shell, int x, int y);
void bar_draw(struct shell *shell, struct win *screen, rect part);
void bar_window_changed(struct shell *shell, struct window *w);
void bar_forget_window(struct shell *shell, struct window *w);
/* Whether it is to be seen may have changed. */
void bar_update(struct shell *shell);
void bar_damage(struct shell *shell);
/* Of the start button and of a window's: where they are. */
rect bar_start(const struct shell *shell);
rect bar_tab(const struct shell *shell, const struct window *w);

/* ---- menu.c ---- */
/* Open it with its lower or upper left corner here, as there is room; the items are the menu's from here on. */
void menu_open(struct menu *menu, int x, int y, struct menu_item *items, int count);
void menu_close(struct menu *menu);
void menu_draw(struct menu *menu, struct win *screen, rect part);
/* Add to a list of items, whose strings are copied; false: no memory. data may be NULL. */
bool menu_add(struct menu_item **items, int *count, const char *label, const char *data);

/* ---- launcher.c ---- */
void launcher_open(struct shell *shell);
void launcher_run(const char *command);

/* ---- handle.c ---- */
/* By the pointer if a button is down, else by keys. edges: EDGE_NONE moves. */
void handle_begin(struct shell *shell, struct window *w, enum window_edges edges, bool resize);
void handle_forget_window(struct shell *shell, struct window *w);

/* ---- switcher.c ---- */
void switcher_begin(struct shell *shell, bool backwards);
void switcher_forget_window(struct shell *shell, struct window *w);
void switcher_draw(struct shell *shell, struct win *screen, rect part);

/* ---- cursor.c ---- */
void cursor_create(struct shell *shell);
void cursor_destroy(struct shell *shell);
void cursor_shape_set(struct shell *shell, enum cursor_shape shape);
bool cursor_surface_set(struct shell *shell, struct wl_resource *by, struct wl_resource *surface, int hot_x, int hot_y,
	bool show);
bool cursor_icon_set(struct shell *shell, struct wl_resource *by, struct wl_resource *surface);
void cursor_moved(struct shell *shell);
/* A frame begins. */
void cursor_frame(struct shell *shell);
/* The display is another: the plane is to be set again. */
void cursor_output_changed(struct shell *shell);
void cursor_draw(struct shell *shell, struct win *screen, rect part);
void cursor_walk(struct shell *shell, surface_visitor *visit, void *argument);

/* ---- wallpaper.c: the display has this size now; the end ---- */
void wallpaper_prepare(struct shell *shell);
void wallpaper_finish(struct shell *shell);

#endif
