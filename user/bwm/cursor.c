/*
 * The pointer's look, on the card's cursor plane: moving it draws no frame. A card without one has it drawn above all.
 *
 * The plane shows a dumb buffer of the size that every card takes. bwm's own looks are drawn into it from rows of text;
 * a client's is its surface's picture, read once a frame at most. One that the plane cannot show as it is, larger or
 * scaled or of several surfaces, and one that the GPU has drawn, is drawn like a window, above all. A look that cannot
 * be had or shown now, because the card is not done with something, is tried again with the next frame; until then the
 * one before stays. Source: drm-kms(7), drmModeSetCursor2.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "shell_parts.h"

enum { SHAPE_SIDE = 17, CURSOR_OUTSIDE = 1 << 20 };

/* # black, . white; the pointed place is shapes[].hot_x, hot_y. Edges have the same arrow, turned. */
static const char arrow[SHAPE_SIDE][SHAPE_SIDE + 1] = {
	"#                ", "##               ", "#.#              ", "#..#             ", "#...#            ",
	"#....#           ", "#.....#          ", "#......#         ", "#.......#        ", "#........#       ",
	"#.....#####      ", "#..#..#          ", "#.# #..#         ", "##  #..#         ", "#    #..#        ",
	"     #..#        ", "      ##         ",
};
static const char across[SHAPE_SIDE][SHAPE_SIDE + 1] = {
	"                 ", "                 ", "                 ", "    #       #    ", "   ##       ##   ",
	"  #.#       #.#  ", " #..#########..# ", "#...............#", " #..#########..# ", "  #.#       #.#  ",
	"   ##       ##   ", "    #       #    ", "                 ", "                 ", "                 ",
	"                 ", "                 ",
};
static const char falling[SHAPE_SIDE][SHAPE_SIDE + 1] = {
	"                 ", " #######         ", " #....#          ", " #...#           ", " #....#          ",
	" #.##..#         ", " ##  #..#        ", " #    #..#       ", "       #..#    # ", "        #..#  ## ",
	"         #..##.# ", "          #....# ", "           #...# ", "          #....# ", "         ####### ",
	"                 ", "                 ",
};

static const struct {
	const char (*rows)[SHAPE_SIDE + 1];
	bool         swapped, mirrored;     /* its rows are columns; left is right */
	int          hot_x, hot_y;
} shapes[CURSOR_SHAPES] = {
	[CURSOR_ARROW] = { arrow, false, false, 0, 0 },
	[CURSOR_ACROSS] = { across, false, false, 8, 7 },
	[CURSOR_UPRIGHT] = { across, true, false, 7, 8 },
	[CURSOR_FALLING] = { falling, false, false, 8, 8 },
	[CURSOR_RISING] = { falling, false, true, 8, 8 },
};

/* ---- pictures -------------------------------------------------------------------------- */

static void shape_pixels(enum cursor_shape shape, uint32_t *pixels)
{
	memset(pixels, 0, CURSOR_SIDE * CURSOR_SIDE * sizeof *pixels);
	for (int y = 0; y < SHAPE_SIDE; y++)
		for (int x = 0; x < SHAPE_SIDE; x++) {
			int column = shapes[shape].mirrored ? SHAPE_SIDE - 1 - x : x;
			char dot = shapes[shape].swapped ? shapes[shape].rows[x][y] : shapes[shape].rows[y][column];
			if (dot != ' ')
				pixels[y * CURSOR_SIDE + x] = dot == '#' ? 0xff000000 : 0xffffffff;
		}
}

/* Whether the look is a client's that is drawn like a window. */
static bool is_composed(const struct cursor *c)
{
	const struct surface *s = c->surface;

	return c->shown && s && s->contents.image &&
		(s->width > CURSOR_SIDE || s->height > CURSOR_SIDE || s->scale != 1 || s->transform || s->viewport.cropped ||
		 s->width != win_width(s->contents.image) || s->height != win_height(s->contents.image) ||
		 s->contents.dmabuf || !wl_list_empty(&s->below) || !wl_list_empty(&s->above));
}

/* A client's picture, nothing if it has none; negative errno. */
static int surface_pixels(const struct surface *s, uint32_t *pixels)
{
	struct win *image = s->contents.image;
	size_t row = (size_t)s->width * sizeof *pixels;
	uint32_t *all;
	int error;

	memset(pixels, 0, CURSOR_SIDE * CURSOR_SIDE * sizeof *pixels);
	if (s->waiting.attached)
		return -EBUSY;
	if (!image)
		return 0;
	all = malloc((size_t)s->height * row);
	error = all ? win_read(image, all) : -ENOMEM;
	for (int y = 0; y < s->height && !error; y++)
		memcpy(pixels + y * CURSOR_SIDE, all + y * s->width, row);
	free(all);
	return error;
}

/* ---- the plane ------------------------------------------------------------------------- */

static int card(const struct shell *shell)
{
	return win_device_fd(shell->server->device);
}

static void plane_end(struct shell *shell)
{
	struct cursor *c = &shell->cursor;
	struct drm_mode_destroy_dumb destroy = { .handle = c->buffer };

	if (c->pixels)
		munmap(c->pixels, c->bytes);
	if (c->buffer)
		drmIoctl(card(shell), DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	c->pixels = NULL;
	c->buffer = 0;
}

/* False: there is no plane. */
static bool plane_begin(struct shell *shell)
{
	struct drm_mode_create_dumb create = { .width = CURSOR_SIDE, .height = CURSOR_SIDE, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct cursor *c = &shell->cursor;
	void *pixels;

	if (drmIoctl(card(shell), DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return false;
	c->buffer = map.handle = create.handle;
	c->bytes = create.size;
	c->pitch = create.pitch;
	if (!drmIoctl(card(shell), DRM_IOCTL_MODE_MAP_DUMB, &map)) {
		pixels = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, card(shell), (off_t)map.offset);
		c->pixels = pixels == MAP_FAILED ? NULL : pixels;
	}
	if (!c->pixels)
		plane_end(shell);
	return c->pixels;
}

static void place(const struct shell *shell, int *x, int *y)
{
	double px, py;

	seat_pointer_place(shell->seat, &px, &py);
	*x = (int)px - shell->cursor.hot_x;
	*y = (int)py - shell->cursor.hot_y;
}

/*
 * A card that is busy, or has no memory now, is one that can be asked again: the error. One that takes the picture no
 * more has it drawn from here on.
 */
static int plane_show(struct shell *shell, const uint32_t *pixels)
{
	struct cursor *c = &shell->cursor;
	uint32_t crtc = win_screen_crtc(shell->server->output.screen), side = pixels ? CURSOR_SIDE : 0;
	int x, y;

	place(shell, &x, &y);
	for (int row = 0; pixels && row < CURSOR_SIDE; row++)
		memcpy((char *)c->pixels + (size_t)row * c->pitch, pixels + row * CURSOR_SIDE, CURSOR_SIDE * sizeof *pixels);
	if (!drmModeSetCursor2(card(shell), crtc, pixels ? c->buffer : 0, side, side, c->hot_x, c->hot_y)) {
		drmModeMoveCursor(card(shell), crtc, x, y);
		return 0;
	}
	if (errno == EBUSY || errno == ENOMEM)
		return -errno;
	drmModeSetCursor(card(shell), crtc, 0, 0, 0);
	plane_end(shell);
	return 0;
}

/* ---- without a plane --------------------------------------------------------------------- */

/* Where it is drawn now; what is on the plane is nowhere. */
static void drawn_move(struct shell *shell)
{
	struct cursor *c = &shell->cursor;
	int x, y;

	damage_add(shell->server, c->drawn);
	place(shell, &x, &y);
	c->drawn = is_composed(c) ? surface_extents(c->surface, x, y) :
		c->shown && !c->buffer ? (rect) { x, y, CURSOR_SIDE, CURSOR_SIDE } : (rect) { 0 };
	damage_add(shell->server, c->drawn);
}

static int drawn_show(struct shell *shell, const uint32_t *pixels)
{
	struct cursor *c = &shell->cursor;
	int error = c->picture ? 0 : win_create(shell->server->device, CURSOR_SIDE, CURSOR_SIDE, &c->picture);

	return error || !pixels ? error : win_write(c->picture, pixels);
}

/* ---- what it looks like ------------------------------------------------------------------- */

static int try_show(struct shell *shell, uint32_t *pixels)
{
	struct cursor *c = &shell->cursor;
	int error = 0;

	if (pixels && c->surface)
		error = surface_pixels(c->surface, pixels);
	else if (pixels)
		shape_pixels(c->shape, pixels);
	if (!error && c->buffer)
		error = plane_show(shell, pixels);
	if (!error && !c->buffer)
		error = drawn_show(shell, pixels);
	return error;
}

/* Bring the look to the display, or have it tried again. */
static void show(struct shell *shell)
{
	struct cursor *c = &shell->cursor;
	bool composed = is_composed(c);
	uint32_t *pixels;

	if (!shell->server->output.screen)
		return;
	pixels = c->shown && !composed ? malloc(CURSOR_SIDE * CURSOR_SIDE * sizeof *pixels) : NULL;
	c->due = (c->shown && !composed && !pixels) || try_show(shell, pixels);
	if (c->due)
		output_schedule(&shell->server->output);
	else
		drawn_move(shell);
	free(pixels);
}

void cursor_frame(struct shell *shell)
{
	if (shell->cursor.due)
		show(shell);
}

static void own_look(struct shell *shell, enum cursor_shape shape, bool shown)
{
	struct cursor *c = &shell->cursor;

	if (!c->surface && c->shape == shape && c->shown == shown)
		return;
	c->surface = NULL;
	c->shape = shape;
	c->shown = shown;
	c->hot_x = shapes[shape].hot_x;
	c->hot_y = shapes[shape].hot_y;
	show(shell);
}

void cursor_shape_set(struct shell *shell, enum cursor_shape shape)
{
	if (!shell->cursor.surface && shell->cursor.shown)
		own_look(shell, shape, true);
}

/* ---- clients' surfaces --------------------------------------------------------------------- */

static void cursor_committed(struct surface *s)
{
	struct shell *shell = s->role_object;

	if (!shell || shell->cursor.surface != s)
		return;
	shell->cursor.hot_x -= s->dx;
	shell->cursor.hot_y -= s->dy;
	s->dx = s->dy = 0;
	/* What of the picture is new is known when all of the commit is, and taken with the frame. */
	shell->cursor.due = true;
	output_schedule(&shell->server->output);
}

static void cursor_destroyed(struct surface *s)
{
	struct shell *shell = s->role_object;

	if (shell && shell->cursor.surface == s)
		own_look(shell, CURSOR_ARROW, shell->cursor.shown);
}

static void icon_committed(struct surface *s)
{
	struct shell *shell = s->role_object;

	if (shell && shell->cursor.icon == s)
		cursor_moved(shell);
}

static void icon_destroyed(struct surface *s)
{
	struct shell *shell = s->role_object;

	if (shell && shell->cursor.icon == s)
		cursor_icon_set(shell, NULL, NULL);
}

static const struct surface_role cursor_role = { "cursor", cursor_committed, cursor_destroyed };
static const struct surface_role icon_role = { "drag icon", icon_committed, icon_destroyed };

bool cursor_surface_set(struct shell *shell, struct wl_resource *by, struct wl_resource *surface, int hot_x, int hot_y,
	bool show_it)
{
	struct cursor *c = &shell->cursor;

	if (!surface) {
		own_look(shell, CURSOR_ARROW, show_it);
		return true;
	}
	if (!surface_set_role(surface_of(surface), &cursor_role, shell, by, WL_POINTER_ERROR_ROLE))
		return false;
	c->surface = surface_of(surface);
	c->shown = true;
	c->hot_x = hot_x;
	c->hot_y = hot_y;
	contents_take(c->surface);
	show(shell);
	return true;
}

static rect icon_rect(const struct shell *shell)
{
	const struct surface *s = shell->cursor.icon;
	double x, y;

	if (!s)
		return (rect) { 0 };
	seat_pointer_place(shell->seat, &x, &y);
	return surface_extents(shell->cursor.icon, (int)x + s->dx, (int)y + s->dy);
}

bool cursor_icon_set(struct shell *shell, struct wl_resource *by, struct wl_resource *surface)
{
	if (surface && !surface_set_role(surface_of(surface), &icon_role, shell, by, WL_DATA_DEVICE_ERROR_ROLE))
		return false;
	damage_add(shell->server, shell->cursor.drawn_icon);
	shell->cursor.drawn_icon = (rect) { 0 };
	shell->cursor.icon = surface ? surface_of(surface) : NULL;
	return true;
}

/* A cursor that is on the plane lies, among those that are drawn, outside of the display; a composed one above all. */
void cursor_walk(struct shell *shell, surface_visitor *visit, void *argument)
{
	struct cursor *c = &shell->cursor;
	int left = -CURSOR_OUTSIDE, top = -CURSOR_OUTSIDE;
	double x, y;

	seat_pointer_place(shell->seat, &x, &y);
	if (c->icon)
		surface_walk(c->icon, (int)x + c->icon->dx, (int)y + c->icon->dy, visit, argument);
	if (is_composed(c))
		place(shell, &left, &top);
	if (c->surface)
		surface_walk(c->surface, left, top, visit, argument);
}

/* ---- events ----------------------------------------------------------------------------------- */

void cursor_moved(struct shell *shell)
{
	struct cursor *c = &shell->cursor;
	int x, y;

	if (!shell->server->output.screen)
		return;
	place(shell, &x, &y);
	if (!c->buffer || is_composed(c))
		drawn_move(shell);
	else if (c->shown)
		drmModeMoveCursor(card(shell), win_screen_crtc(shell->server->output.screen), x, y);
	if (c->icon) {
		damage_add(shell->server, c->drawn_icon);
		c->drawn_icon = icon_rect(shell);
		damage_add(shell->server, c->drawn_icon);
	}
}

void cursor_output_changed(struct shell *shell)
{
	show(shell);
}

void cursor_draw(struct shell *shell, struct win *screen, rect part)
{
	struct cursor *c = &shell->cursor;

	if (!c->buffer && c->shown && !is_composed(c) && c->picture && !rect_empty(rect_meet(c->drawn, part)))
		win_image(screen, c->picture, (float)c->drawn.x, (float)c->drawn.y, CURSOR_SIDE, CURSOR_SIDE);
}

void cursor_create(struct shell *shell)
{
	plane_begin(shell);
	own_look(shell, CURSOR_ARROW, true);
}

void cursor_destroy(struct shell *shell)
{
	plane_end(shell);
	if (shell->cursor.picture)
		win_destroy(shell->cursor.picture);
}
