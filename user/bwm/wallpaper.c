/*
 * The wallpaper: a shore at dusk. Bands of sky and water between pixels, which cost next to nothing to draw, and a few
 * circles; no picture is kept for it.
 */
#include "shell_parts.h"

enum { BANDS = 32 };

/* A colour between two, the part of the second from 0 to 1. */
static uint32_t between(uint32_t a, uint32_t b, float part)
{
	uint32_t mixed = 0xff000000;

	for (int shift = 0; shift < 24; shift += 8) {
		float from = (float)(a >> shift & 0xff), to = (float)(b >> shift & 0xff);
		mixed |= (uint32_t)(from + (to - from) * part + 0.5f) << shift;
	}
	return mixed;
}

static void bands(struct win *screen, rect box, uint32_t from, uint32_t to, rect part)
{
	for (int i = 0; i < BANDS; i++) {
		int top = box.y + box.height * i / BANDS, end = box.y + box.height * (i + 1) / BANDS;
		if (!rect_empty(rect_meet(part, (rect) { box.x, top, box.width, end - top })))
			win_rect(screen, (float)box.x, (float)top, (float)box.width, (float)(end - top),
				between(from, to, (float)i / (BANDS - 1)));
	}
}

void wallpaper_draw(struct win *screen, int width, int height, rect part)
{
	int shore = height * 5 / 8;
	float sun = (float)height / 9;
	rect around = { width * 2 / 3 - (int)sun * 2, shore - (int)sun * 3, (int)sun * 4, (int)sun * 4 };

	bands(screen, (rect) { 0, 0, width, shore }, 0xff20304c, 0xffb8806c, part);
	if (!rect_empty(rect_meet(part, around))) {
		win_circle(screen, (float)width * 2 / 3, (float)shore - sun, sun * 1.5f, 0x30ffe0b0);
		win_circle(screen, (float)width * 2 / 3, (float)shore - sun, sun, 0xfff4c890);
	}
	bands(screen, (rect) { 0, shore, width, height - shore }, 0xff5c6478, 0xff182434, part);
}

void shell_draw_background(struct server *server, struct win *screen, rect part)
{
	wallpaper_draw(screen, server->output.width, server->output.height, part);
}
