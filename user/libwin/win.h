/*
 * libwin: pictures drawn on the GPU through VirGL, or by the CPU where there is none, with the same calls.
 *
 * A program opens the graphics card, makes pictures (a window's contents, an image, the display itself) and draws
 * frames into them. What is drawn is gathered and sent in one piece by win_end_frame(). On a card with VirGL nothing
 * of a frame is touched by the CPU; on any other the same calls draw into memory, and the display shows a dumb buffer.
 * Without a card it is shown on the framebuffer that firmware left (UEFI's graphics output), if there is one.
 *
 * Coordinates are pixels from the upper left corner, y downwards; a pixel's centre lies at one half. Edges that do not
 * fall between pixels are smoothed. Colours are 0xAARRGGBB, not multiplied by their alpha, in the calls; pixels that
 * are read or written, and what a picture holds, are multiplied by it, as Wayland has them.
 *
 * Calls that can fail give 0 or a negative errno. Drawing calls give nothing: what goes wrong in one is told by the
 * frame's win_end_frame(). A device and all that was made of it belong to one thread at a time.
 */
#ifndef LIBWIN_WIN_H
#define LIBWIN_WIN_H

#include <stdbool.h>
#include <stdint.h>

struct win_device;
struct win;
struct win_font;

/* How to draw: by the GPU if it can, or one of both alone. */
enum win_drawing { WIN_ANY, WIN_GPU, WIN_SOFTWARE };

/*
 * Open a card: path, or with NULL the first that there is, or else firmware's framebuffer. -ENODEV: none that is asked
 * for is there; else what open() says. The device is the caller's until win_close(), before which all that was made of
 * it is destroyed.
 */
int win_open(struct win_device **device, const char *path, enum win_drawing how);
void win_close(struct win_device *device);

/* Whether the GPU draws. */
bool win_on_gpu(const struct win_device *device);

/* A picture of this size in pixels, 1 to 16384 each way, transparent at first. -EINVAL, -ENOMEM, the card's errors. */
int win_create(struct win_device *device, int width, int height, struct win **win);

/* The display's picture, in its preferred mode; end of frame shows it. -ENODEV: no display is connected. */
int win_create_screen(struct win_device *device, struct win **win);

void win_destroy(struct win *win);
int win_width(const struct win *win);
int win_height(const struct win *win);

/*
 * One frame: what is drawn between these two. May sleep until the picture's frame before is done. A device draws one
 * frame at a time: -EBUSY. win_end_frame() gives what went wrong in any call of the frame.
 */
int win_begin_frame(struct win *win);
int win_end_frame(struct win *win);

/* All of the picture, or of what it is clipped to, in this colour, whatever it was before. */
void win_clear(struct win *win, uint32_t colour);

void win_rect(struct win *win, float x, float y, float width, float height, uint32_t colour);
void win_rounded_rect(struct win *win, float x, float y, float width, float height, float radius, uint32_t colour);
void win_circle(struct win *win, float x, float y, float radius, uint32_t colour);

/* A line of this width with round ends, their middles at the two points. */
void win_line(struct win *win, float x0, float y0, float x1, float y1, float width, uint32_t colour);

/* Another picture of the same device, scaled to this size without smoothing. It lives until the end of the frame. */
void win_image(struct win *win, struct win *image, float x, float y, float width, float height);

/*
 * UTF-8 text from x on, on this base line; both are rounded to whole pixels. Gives the x behind it. What is no UTF-8
 * shows as U+FFFD, what the font has not as the font's sign for that.
 */
float win_text(struct win *win, struct win_font *font, float x, float base, const char *text, uint32_t colour);

/* All pixels, width * height of them, row by row from the top; not within a frame of the device (-EBUSY). May sleep. */
int win_read(struct win *win, uint32_t *pixels);
int win_write(struct win *win, const uint32_t *pixels);

/* A TrueType font file at this height in pixels from the highest ascender to the lowest descender. */
int win_font_open(struct win_device *device, const char *path, float height, struct win_font **font);
void win_font_close(struct win_font *font);

/*
 * The same letters, leaning to the right, for a face that has no italics. It is closed before the font that it is of.
 */
int win_font_slant(struct win_font *font, struct win_font **slanted);

/* The same letters, this part of their size (above 0, at most 1). It is closed before the font that it is of. */
int win_font_smaller(struct win_font *font, float part, struct win_font **smaller);

/*
 * Letters that a font lacks are taken from another one of the same device, which is closed after it; NULL: from none.
 * And whether it has this code point itself.
 */
void win_font_fallback(struct win_font *font, struct win_font *other);
bool win_font_has(const struct win_font *font, uint32_t code);

/* From the upper edge of a line to its base line, from one line to the next, and the width of a text, in pixels. */
float win_font_ascent(const struct win_font *font);
float win_font_line(const struct win_font *font);
float win_text_width(struct win_font *font, const char *text);

#endif
