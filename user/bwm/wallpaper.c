/*
 * The wallpaper: a shore at dusk. Sky and water change their colour from row to row and are the same all along a row,
 * so a column is all that is kept of them: the GPU stretches it over the display as one quad, the CPU fills rows.
 *
 * There are more rows than colours between the first and the last. Each row takes the nearest colour, and what that is
 * off by goes into the next one: neighbours differ by the least that there is, and no edge of a band is to be seen.
 */
#include <math.h>
#include <stdlib.h>

#include "shell_parts.h"

#define SKY_TOP      0xff20304cu
#define SKY_BOTTOM   0xffb8806cu
#define WATER_TOP    0xff5c6478u
#define WATER_BOTTOM 0xff182434u

static int shore_of(int height)
{
	return height * 5 / 8;
}

static void fill_rows(uint32_t *rows, int count, uint32_t from, uint32_t to)
{
	float off[3] = { 0 };

	for (int y = 0; y < count; y++) {
		float part = count > 1 ? (float)y / (float)(count - 1) : 0;
		rows[y] = 0xff000000;
		for (int i = 0; i < 3; i++) {
			float first = (float)(from >> 8 * i & 0xff), last = (float)(to >> 8 * i & 0xff);
			float wanted = first + (last - first) * part + off[i];
			float level = fminf(fmaxf(roundf(wanted), 0), 255);
			off[i] = wanted - level;
			rows[y] |= (uint32_t)level << 8 * i;
		}
	}
}

void wallpaper_finish(struct shell *shell)
{
	if (shell->wallpaper.image)
		win_destroy(shell->wallpaper.image);
	free(shell->wallpaper.rows);
	shell->wallpaper = (struct wallpaper) { 0 };
}

/* Without memory for the column all is of one colour; the GPU can fill rows, too. */
void wallpaper_prepare(struct shell *shell)
{
	struct wallpaper *paper = &shell->wallpaper;
	int height = shell->server->output.height, shore = shore_of(height);

	if (paper->height == height)
		return;
	wallpaper_finish(shell);
	paper->rows = calloc((size_t)height, sizeof *paper->rows);
	if (!paper->rows)
		return;
	paper->height = height;
	fill_rows(paper->rows, shore, SKY_TOP, SKY_BOTTOM);
	fill_rows(paper->rows + shore, height - shore, WATER_TOP, WATER_BOTTOM);
	if (!win_on_gpu(shell->server->device) || win_create_image(shell->server->device, 1, height, true, &paper->image))
		return;
	if (win_upload(paper->image, (struct win_part) { 0, 0, 1, height }, paper->rows, sizeof *paper->rows)) {
		win_destroy(paper->image);
		paper->image = NULL;
	}
}

static void draw_paper(const struct wallpaper *paper, struct win *screen, int width, rect part)
{
	struct win_placement place = { .width = (float)width, .height = (float)paper->height, .alpha = 1 };

	if (paper->image) {
		win_compose(screen, paper->image, &place);
		return;
	}
	if (!paper->rows)
		win_rect(screen, (float)part.x, (float)part.y, (float)part.width, (float)part.height, SKY_TOP);
	for (int y = part.y; y < part.y + part.height && y < paper->height; y++)
		win_rect(screen, (float)part.x, (float)y, (float)part.width, 1, paper->rows[y]);
}

void shell_draw_background(struct server *server, struct win *screen, rect part)
{
	int width = server->output.width, shore = shore_of(server->output.height);
	float sun = (float)server->output.height / 9, x = (float)width * 2 / 3, y = (float)shore - sun;
	rect around = { (int)x - (int)sun * 2, shore - (int)sun * 3, (int)sun * 4, (int)sun * 3 };

	draw_paper(&server->shell->wallpaper, screen, width, part);
	if (rect_empty(rect_meet(part, around)))
		return;
	/* What is below the shore's line is behind it. */
	win_clip(screen, rect_meet(part, (rect) { 0, 0, width, shore }));
	win_circle(screen, x, y, sun * 1.5f, 0x30ffe0b0);
	win_circle(screen, x, y, sun, 0xfff4c890);
	win_clip(screen, part);
}
