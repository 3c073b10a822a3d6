/*
 * The shell, as the rest of bwm sees it: what the user does with windows, and what bwm draws by itself.
 *
 * shell.c owns server->seat (seat.h): it fills struct seat_desktop from window_at() and the calls of window.c, moves
 * and resizes by grabs of the seat, and gives the keyboard to whoever window.c made active. It draws with libwin's
 * calls into the frame that is open, whose clip is the part that changed: all of what it has each time, or less if it
 * knows that the rest is outside of `part`.
 */
#ifndef BWM_SHELL_H
#define BWM_SHELL_H

#include "bwm.h"

/* The seat and the shell; the display is there. Negative errno. */
int shell_create(struct server *server);
void shell_destroy(struct server *server);

/* ---- what happens -------------------------------------------------------------------- */

/* server->active is another window: the keyboard goes to its surface, or to nobody. */
void shell_focus_changed(struct server *server);
/* Windows or surfaces came, went, moved or changed size: what lies under the pointer may be another. After a frame. */
void shell_scene_changed(struct server *server);
/* The display has another size, or is gone (0, 0). */
void shell_output_changed(struct server *server);
/* A frame is about to be drawn: what surfaces show has been taken. */
void shell_frame_begins(struct server *server);
/* A window came, has another title, state or place in the order; it or a popup goes: nothing of it is kept. */
void shell_window_changed(struct window *w);
void shell_forget_window(struct window *w);
void shell_forget_popup(struct popup *popup);

/* ---- what clients ask for, with the serial of the event that made them: a wrong one does nothing ------- */

void shell_begin_move(struct window *w, uint32_t serial);
void shell_begin_resize(struct window *w, uint32_t serial, enum window_edges edges);
void shell_window_menu(struct window *w, uint32_t serial, int x, int y);    /* x, y: of its geometry */
/* False: the popup is to be dismissed at once. */
bool shell_grab_popup(struct popup *popup, uint32_t serial);

/* ---- what is drawn --------------------------------------------------------------------- */

/* Where windows are placed and maximised: the display without the task bar. */
rect shell_work_area(struct server *server);

/* How far a window's frame reaches beyond its geometry; all 0 if it has none (not framed, or fullscreen). */
struct frame_extents {
	int left, top, right, bottom;
};
struct frame_extents shell_frame(const struct window *w);
/* The part of a window that nothing is seen through because its frame is there; empty if it has none. */
rect shell_frame_opaque(const struct window *w);
/* The radius of the corners of a window's surface, in pixels. */
float shell_corner_radius(const struct window *w);

/* The lowest: what shows where there is no window. It hides all that was drawn before. */
void shell_draw_background(struct server *server, struct win *screen, rect part);
/* A window's frame, below its surfaces. */
void shell_draw_frame(struct window *w, struct win *screen, rect part);
/* Above all windows: the task bar, the launcher, menus. */
void shell_draw_top(struct server *server, struct win *screen, rect part);

/*
 * The surfaces that are drawn above all that (an icon that is dragged; the cursor if it is no plane of the card's), and
 * those whose pixels are wanted otherwise (the cursor's): by surface_walk() each.
 */
void shell_walk_surfaces(struct server *server, surface_visitor *visit, void *argument);

#endif
