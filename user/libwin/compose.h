/*
 * libwin for those who compose pictures of others: the window manager. Beside the calls of win.h.
 *
 * Pictures come as dma-buf files of the same card, which are used where they are, or as memory, of which the parts
 * that changed are uploaded. Drawing can be clipped, so that a frame need redraw only what changed.
 */
#ifndef LIBWIN_COMPOSE_H
#define LIBWIN_COMPOSE_H

#include "win.h"

struct win_part {
	int x, y, width, height;
};

/*
 * A picture that another program drew on the same card: 32 bits a pixel, not tiled, in this DRM format (drm_fourcc.h:
 * AR24, XR24, AB24, XB24), all of it in one buffer. The descriptor stays the caller's. -EINVAL: it is no such buffer;
 * -EOPNOTSUPP: not without a GPU, or the format.
 */
int win_import(struct win_device *device, int fd, int width, int height, uint32_t format, struct win **image);

/* Whether win_import() knows the format. */
bool win_can_import(const struct win_device *device, uint32_t format);

/* A picture for win_upload(); opaque: the highest byte of each pixel does not matter. */
int win_create_image(struct win_device *device, int width, int height, bool opaque, struct win **image);

/* New pixels, multiplied by alpha, for a part that lies within the picture; stride: bytes from row to row. */
int win_upload(struct win *image, struct win_part part, const void *pixels, int stride);

/* In a frame: what is drawn from here on changes only this part. A frame begins with all of the picture. */
void win_clip(struct win *win, struct win_part part);

/* How a picture is drawn: turned by quarters to the right about its middle, first mirrored left to right or not. */
struct win_placement {
	float x, y, width, height;  /* where it lies after it was turned */
	float alpha, radius;        /* 0 to 1; of its corners, in pixels */
	int   quarters;
	bool  mirrored;
	float part_x, part_y, part_width, part_height;  /* what of it, in its pixels after it was turned; width 0: all */
};

void win_compose(struct win *win, struct win *image, const struct win_placement *placement);

/* As win_end_frame(), but of a display's picture only these parts have changed. */
int win_end_frame_parts(struct win *win, const struct win_part *parts, int count);

/* The card's file, for KMS calls beside libwin's (the cursor plane); it stays libwin's. */
int win_device_fd(const struct win_device *device);

/* The display's refresh rate in thousandths of a frame a second, and the CRTC that shows the picture. */
int win_screen_refresh(const struct win *screen);
uint32_t win_screen_crtc(const struct win *screen);

/* Whether the display is still there and of the picture's size. Asks the card, which may sleep. */
bool win_screen_current(const struct win *screen);

#endif
