/*
 * What the parts of libwin share: the one shape that all drawing calls are made of, textures, and what a path of
 * drawing, virgl.c or software.c, has to do. draw.c turns calls into quads; font.c keeps the atlas of glyphs.
 */
#ifndef LIBWIN_LIBWIN_H
#define LIBWIN_LIBWIN_H

#include <stddef.h>
#include <stdint.h>

#include "compose.h"
#include "win.h"

struct atlas;
struct fbdev;
struct prover;
struct virgl;

enum texture_kind {
	TEXTURE_COLOUR,     /* 0xAARRGGBB, multiplied by alpha: may be drawn into and from */
	TEXTURE_SCREEN,     /* 0x__RRGGBB: may be drawn into and shown */
	TEXTURE_IMAGE,      /* as TEXTURE_COLOUR, but is drawn from alone: uploaded or imported */
	TEXTURE_COVERAGE,   /* a byte of alpha: is drawn from alone */
};

struct texture {
	struct win_device *device;
	enum texture_kind  kind;
	int                width, height;
	void              *pixels;      /* software's pixels, or the mapped pages behind the GPU's (NULL: not mapped) */
	size_t             bytes;
	uint32_t           bo;          /* the buffer's GEM handle; 0 for software's that is not shown */
	uint32_t           pitch;       /* bytes a row */
	uint32_t           resource;    /* the GPU's: the host's name of it, and the context's of how it is used */
	uint32_t           surface, view;
	uint32_t           format;      /* the GPU's, of one that was imported; 0: the kind's */
	bool               opaque;      /* of TEXTURE_IMAGE: its alpha is 1, whatever it says */
	struct win_part    clip;        /* within it: what is drawn changes only this; set as a frame begins */
	bool               shared;      /* is to be exported: other programs show it */
	int                memory;      /* software's, if shared: the file of its pixels */
};

/*
 * A box with rounded corners, turned, filled with a colour and perhaps a texture: a rectangle has no radius, a circle
 * nothing else, a line is a long one. Its coverage of a pixel is taken from the distance of the pixel's centre.
 */
struct quad {
	float          x, y;                /* its middle */
	float          axis_x, axis_y;      /* which way its own x points: a unit vector */
	float          half_x, half_y;      /* from the middle to the edges */
	float          radius;
	float          colour[4];           /* red, green, blue, alpha; multiplied by alpha */
	const struct texture *texture;      /* NULL: the colour alone */
	float          left, top, right, bottom;    /* the part of the texture that lies on the box, in texels */
};

/* A path of drawing. Errors are negative errnos. */
struct path {
	/* The texture's pixels are transparent, or no matter for one that only the atlas writes. */
	int (*texture_create)(struct texture *t);
	void (*texture_destroy)(struct texture *t);
	/* Have t->pixels; bring all pixels there; bring them away from there. */
	int (*texture_map)(struct texture *t);
	int (*texture_read)(struct texture *t);
	int (*texture_write)(struct texture *t);
	/* A file descriptor of a shared texture for another program, the caller's: a dma-buf's, or of memory. */
	int (*texture_export)(struct texture *t, int *fd);
	/* A part of a TEXTURE_COVERAGE, from rows of width bytes; within a frame, what was drawn before has the old. */
	int (*texture_update)(struct texture *t, int x, int y, int width, int height, const uint8_t *bytes);
	/* A part of a TEXTURE_IMAGE, from rows that are stride bytes from each other. */
	int (*upload)(struct texture *t, struct win_part part, const void *pixels, int stride);
	/* A TEXTURE_IMAGE of this dma-buf and DRM format. */
	int (*import)(struct texture *t, int fd, uint32_t format);
	int (*frame_begin)(struct texture *target);
	/* What was drawn before has the old clip. */
	int (*clip)(struct texture *target, struct win_part part);
	int (*clear)(struct texture *target, const float colour[4]);
	int (*draw)(struct texture *target, const struct quad *q);
	int (*frame_end)(struct texture *target);
};

struct win_device {
	int                fd;          /* the card; -1: none, pictures are memory alone */
	const struct path *path;
	const struct shower *shower;    /* NULL: there is no display */
	struct fbdev      *fbdev;       /* fbdev.c's; NULL: the display is a card's, or there is none */
	struct virgl      *virgl;       /* virgl.c's; NULL when the CPU draws */
	struct prover     *prover;      /* prove.c's; NULL until something is imported */
	struct atlas      *atlas;       /* font.c's; NULL until there is a font */
	struct win        *drawing;     /* whose frame is open */
};

struct win {
	struct texture texture;
	int            width, height;   /* that its user draws on: the texture's, or a part of it from the upper left */
	int            error;           /* the first of this frame */
	uint32_t       framebuffer;     /* the display's: the shower's name of it, 0 for other pictures */
	uint32_t       crtc;
	int            refresh;         /* thousandths of a frame a second */
};

/* virgl.c: -ENODEV if the card has no VirGL. */
int virgl_open(struct win_device *device);
void virgl_close(struct win_device *device);
extern const struct path virgl_path;

/*
 * prove.c: -EINVAL for a dma-buf that would end the context that draws from it; may sleep. compose.c: win_import()
 * without that.
 */
int win_prove(struct win_device *device, int fd, int width, int height, uint32_t format);
void prover_destroy(struct win_device *device);
int win_import_unproved(struct win_device *device, int fd, int width, int height, uint32_t format, struct win **image);

/* software.c */
extern const struct path software_path;

/*
 * A way to the display: its size, showing a texture of that size, telling of new pixels in these parts, the end of it.
 */
struct shower {
	int (*display_size)(struct win_device *device, int *width, int *height);
	int (*show)(struct win *win);
	int (*flush)(struct win *win, const struct win_part *parts, int count);
	void (*hide)(struct win *win);
};

extern const struct shower kms_shower;      /* kms.c: a card's */

/* fbdev.c: firmware's framebuffer, where there is no card: -ENODEV if there is none, or of an unknown kind. */
int fbdev_open(struct win_device *device);
void fbdev_close(struct win_device *device);
extern const struct shower fbdev_shower;

/* draw.c: a picture of this kind, of which only width, height, kind and device are set; draw a quad, keeping errors. */
int win_create_kind(struct win_device *device, enum texture_kind kind, int width, int height,
		    int (*fill)(struct texture *t, const void *argument), const void *argument, struct win **result);
void win_draw(struct win *win, const struct quad *q);
void win_keep(struct win *win, int error);
int win_end_parts(struct win *win, const struct win_part *parts, int count);

/*
 * draw.c: a device without a card, and a picture whose pixels other programs may have: a dma-buf where the GPU draws,
 * else a file of memory; rows are picture->texture.pitch bytes. The descriptor is the caller's.
 */
int win_open_memory(struct win_device **device);
int win_create_shared(struct win_device *device, int width, int height, struct win **picture, int *fd);

/* draw.c: 0xAARRGGBB as four numbers, multiplied by alpha. */
void colour_floats(uint32_t colour, float numbers[4]);

/* A glyph in the atlas, and where it lies from the pen on the base line, in pixels. */
struct glyph {
	const struct texture *texture;
	int                   atlas_x, atlas_y, width, height;  /* nothing to draw if width is 0 */
	int                   left, top;
	float                 advance;
	int                   error;                            /* why it is not in the atlas */
};

/*
 * font.c: take the next code point of the text and bring its glyph into the atlas; false at the text's end. What
 * was found before stays in the atlas only until the next call: it is to be given to the path at once.
 */
bool font_next_glyph(struct win_font *font, const char **text, struct glyph *glyph);
void atlas_destroy(struct win_device *device);

#endif
