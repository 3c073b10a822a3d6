/*
 * The shell: a plain colour behind the windows, no frames around them, no input.
 */
#include "shell.h"

enum { WALLPAPER = 0x28405c };

int shell_create(struct server *server)
{
	return 0;
}

void shell_destroy(struct server *server)
{
}

void shell_focus_changed(struct server *server)
{
}

void shell_scene_changed(struct server *server)
{
}

void shell_output_changed(struct server *server)
{
}

void shell_window_changed(struct window *w)
{
}

void shell_forget_window(struct window *w)
{
}

void shell_forget_popup(struct popup *popup)
{
}

void shell_begin_move(struct window *w, uint32_t serial)
{
}

void shell_begin_resize(struct window *w, uint32_t serial, enum window_edges edges)
{
}

void shell_window_menu(struct window *w, uint32_t serial, int x, int y)
{
}

bool shell_grab_popup(struct popup *popup, uint32_t serial)
{
	return false;
}

rect shell_work_area(struct server *server)
{
	return (rect) { 0, 0, server->output.width, server->output.height };
}

struct frame_extents shell_frame(const struct window *w)
{
	return (struct frame_extents) { 0 };
}

float shell_corner_radius(const struct window *w)
{
	return 0;
}

void shell_draw_background(struct server *server, struct win *screen, rect part)
{
	win_rect(screen, (float)part.x, (float)part.y, (float)part.width, (float)part.height, 0xff000000u | WALLPAPER);
}

void shell_draw_frame(struct window *w, struct win *screen, rect part)
{
}

void shell_draw_top(struct server *server, struct win *screen, rect part)
{
}

void shell_walk_surfaces(struct server *server, surface_visitor *visit, void *argument)
{
}
