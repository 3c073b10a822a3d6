/*
 * libwin's calls, one a line of standard input, for tests that look at the pixels:
 *
 *     draw any|gpu|software <script
 *
 *     new N WIDTH HEIGHT, screen N, free N       pictures have numbers, and so have fonts
 *     pattern N, read N FILE                     pixels of a rule (below) into the picture; its pixels into a file
 *     begin N, end N
 *     clip X Y W H
 *     lay N X Y W H QUARTERS MIRRORED PX PY PW PH     a picture turned, and only this part of it
 *     clear COLOUR, rect X Y W H C, round X Y W H R C, circle X Y R C, line X Y X Y W C, image N X Y W H
 *     font N HEIGHT PATH, text N X BASE C TEXT, glyphs N FIRST COUNT, drop N
 *
 * A call that fails ends it with a line that names the line and the error.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libwin/compose.h"
#include "libwin/win.h"

enum { PICTURES = 80, FONTS = 4 };

static struct win_device *device;
static struct win *pictures[PICTURES], *into;
static struct win_font *fonts[FONTS];

/* Red tells of x, green of y, blue of both; the lower half is half transparent, and so multiplied. */
static uint32_t pattern(int x, int y, int height)
{
	uint32_t red = (uint32_t)x * 5 & 0xff, green = (uint32_t)y * 7 & 0xff, blue = (uint32_t)(x ^ y) * 3 & 0xff;

	if (y >= height / 2)
		return 0x80000000 | (red / 2) << 16 | (green / 2) << 8 | blue / 2;
	return 0xff000000 | red << 16 | green << 8 | blue;
}

static int put_pattern(struct win *win)
{
	int width = win_width(win), height = win_height(win), error;
	uint32_t *pixels = malloc((size_t)width * (size_t)height * 4);

	if (!pixels)
		return -ENOMEM;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			pixels[y * width + x] = pattern(x, y, height);
	error = win_write(win, pixels);
	free(pixels);
	return error;
}

static int save(struct win *win, const char *path)
{
	size_t count = (size_t)win_width(win) * (size_t)win_height(win);
	uint32_t *pixels = malloc(count * 4);
	FILE *file = fopen(path, "w");
	int error = !pixels || !file ? -ENOMEM : win_read(win, pixels);

	if (!error && (fwrite(pixels, 4, count, file) != count || fflush(file)))
		error = -EIO;
	if (file)
		fclose(file);
	free(pixels);
	return error;
}

/* Many different glyphs, one over the other. */
static void glyphs(struct win_font *font, unsigned first, unsigned count)
{
	for (unsigned code = first; code < first + count; code++) {
		char text[4] = { (char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3f)), (char)(0x80 | (code & 0x3f)) };
		win_text(into, font, 0, win_font_ascent(font), text, 0xff000000);
	}
}

static int control(const char *word, const char *rest)
{
	int n = 0, a = 0, b = 0, at = 0;
	float height;
	char path[256];

	if (sscanf(rest, "%d %d %d", &n, &a, &b) < 1 || n < 0 || n >= PICTURES)
		return -EINVAL;
	if (!strcmp(word, "new"))
		return win_create(device, a, b, &pictures[n]);
	if (!strcmp(word, "screen"))
		return win_create_screen(device, &pictures[n]);
	if (!strcmp(word, "free"))
		return win_destroy(pictures[n]), pictures[n] = NULL, 0;
	if (!strcmp(word, "pattern"))
		return put_pattern(pictures[n]);
	if (!strcmp(word, "read") && sscanf(rest, "%d %255s", &n, path) == 2)
		return save(pictures[n], path);
	if (!strcmp(word, "begin"))
		return win_begin_frame(into = pictures[n]);
	if (!strcmp(word, "end"))
		return win_end_frame(pictures[n]);
	if (!strcmp(word, "font") && n < FONTS && sscanf(rest, "%d %f %n%255s", &n, &height, &at, path) == 3)
		return win_font_open(device, path, height, &fonts[n]);
	if (!strcmp(word, "drop") && n < FONTS)
		return win_font_close(fonts[n]), fonts[n] = NULL, 0;
	if (!strcmp(word, "glyphs") && n < FONTS)
		return glyphs(fonts[n], (unsigned)a, (unsigned)b), 0;
	return -EOPNOTSUPP;
}

static bool lay(const char *rest)
{
	struct win_placement p = { .alpha = 1 };
	int n, mirrored;

	if (sscanf(rest, "%d %f %f %f %f %d %d %f %f %f %f", &n, &p.x, &p.y, &p.width, &p.height, &p.quarters, &mirrored,
	    &p.part_x, &p.part_y, &p.part_width, &p.part_height) != 11)
		return false;
	p.mirrored = mirrored;
	win_compose(into, pictures[n], &p);
	return true;
}

/* A drawing call; false if it is none. */
static bool drawing(const char *word, const char *rest)
{
	float a = 0, b = 0, c = 0, d = 0, e = 0;
	unsigned colour = 0;
	int n, at = 0;

	struct win_part part;

	if (!strcmp(word, "clip") && sscanf(rest, "%d %d %d %d", &part.x, &part.y, &part.width, &part.height) == 4)
		win_clip(into, part);
	else if (!strcmp(word, "clear") && sscanf(rest, "%x", &colour) == 1)
		win_clear(into, colour);
	else if (!strcmp(word, "rect") && sscanf(rest, "%f %f %f %f %x", &a, &b, &c, &d, &colour) == 5)
		win_rect(into, a, b, c, d, colour);
	else if (!strcmp(word, "round") && sscanf(rest, "%f %f %f %f %f %x", &a, &b, &c, &d, &e, &colour) == 6)
		win_rounded_rect(into, a, b, c, d, e, colour);
	else if (!strcmp(word, "circle") && sscanf(rest, "%f %f %f %x", &a, &b, &c, &colour) == 4)
		win_circle(into, a, b, c, colour);
	else if (!strcmp(word, "line") && sscanf(rest, "%f %f %f %f %f %x", &a, &b, &c, &d, &e, &colour) == 6)
		win_line(into, a, b, c, d, e, colour);
	else if (!strcmp(word, "image") && sscanf(rest, "%d %f %f %f %f", &n, &a, &b, &c, &d) == 5)
		win_image(into, pictures[n], a, b, c, d);
	else if (!strcmp(word, "lay"))
		return lay(rest);
	else if (!strcmp(word, "text") && sscanf(rest, "%d %f %f %x %n", &n, &a, &b, &colour, &at) == 4)
		printf("text ends at %.3f, width %.3f\n", win_text(into, fonts[n], a, b, rest + at, colour),
			win_text_width(fonts[n], rest + at));
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	const char *asked = argc > 1 ? argv[1] : "any";
	enum win_drawing how = !strcmp(asked, "any") ? WIN_ANY : !strcmp(asked, "gpu") ? WIN_GPU : WIN_SOFTWARE;
	int error = win_open(&device, argc > 2 ? argv[2] : NULL, how), number = 0;
	char line[1024], word[16];

	if (error) {
		printf("open: %s\n", strerror(-error));
		return 1;
	}
	printf("drawn by %s\n", win_on_gpu(device) ? "gpu" : "software");
	while (fgets(line, sizeof line, stdin)) {
		int at = 0;
		number++;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%15s %n", word, &at) < 1 || drawing(word, line + at))
			continue;
		error = control(word, line + at);
		if (error) {
			printf("line %d: %s: %s\n", number, line, strerror(-error));
			return 1;
		}
	}
	for (int i = 0; i < FONTS; i++)
		if (fonts[i])
			win_font_close(fonts[i]);
	for (int i = 0; i < PICTURES; i++)
		if (pictures[i])
			win_destroy(pictures[i]);
	win_close(device);
	return 0;
}
