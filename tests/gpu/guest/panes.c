/*
 * Windows of one colour, for tests of the window manager: a Wayland client that does what lines of standard input say,
 * and tells "done LINE" on standard output when the compositor has shown what the line was about.
 *
 *     panes <script
 *
 *     open N gpu|shm W H COLOUR          a window, its buffer the GPU's or in shared memory; 0xAARRGGBB, multiplied;
 *                                        "plain" instead is shared memory without alpha
 *     fill N COLOUR, size N W H COLOUR   another buffer, of the same or another size
 *     scaled N SCALE W H COLOUR          a buffer of this size of which so many pixels, each way, are one of the surface
 *     inverted N W H COLOUR CORNER       a buffer of the GPU's whose first row is the lowest, a quarter of it, which has the
 *                                        first pixel, of another colour; both without alpha
 *     late N COLOUR                      as fill, but without waiting: "shown N" is told when a frame has shown it
 *     await N                            until all that was late is shown
 *     opaque N X Y W H                   from the next picture on, nothing is seen through this part of it
 *     redraw N COLOUR                    the buffer of the GPU's that it has, drawn anew
 *     animate COUNT FRAMES               the first COUNT windows, of the GPU's, drawn anew in each of so many frames
 *     part N X Y W H COLOUR              only this part of a window in shared memory, in the buffer that it has
 *     view N X Y W H TW TH               this part of its buffer, in sixteenths of a pixel, TW x TH large; -1s: all
 *     turn N TRANSFORM SCALE             its buffer is turned and scaled so
 *     sub N X Y gpu|shm W H COLOUR       a subsurface; popup N X Y W H COLOUR: a popup at that place
 *     menu N X Y W H COLOUR              a popup that is to be seen wholly wherever its window goes
 *     future N X Y W H COLOUR            a popup at that place of the window as it was asked to be last
 *     child N M W H COLOUR               a window in shared memory whose parent is M
 *     cursor W H X Y COLOUR [gpu]        the pointer, once it is on a window: a picture, pointing at this place of it
 *     title N TEXT, maximise N, restore N, minimise N
 *     follow N COLOUR                    the size that the last configure asked for
 *     close N, cycle COUNT gpu|shm W H   open and close one so often
 *     modifiers N                        wait until these are held, as a window with the keyboard is told
 *     flood N COUNT                      so many commits without waiting
 *     lie WHAT                           something that the protocol or good sense forbids
 *
 * It ends with status 1 and a line about it when the compositor refused something.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <virtgpu_drm.h>
#include <xf86drm.h>
#include <wayland-client.h>

#include "libwin/libwin.h"
#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-shell-client-protocol.h"

enum { PANES = 100 };

struct pane {
	struct wl_surface    *surface;
	struct xdg_surface   *xdg;
	struct xdg_toplevel  *toplevel;
	struct wl_subsurface *sub;
	struct xdg_popup     *popup;
	struct wp_viewport   *viewport;
	struct wl_buffer     *buffer;
	uint32_t              serial;       /* of the last configure */
	struct win           *picture;      /* of the GPU's buffer */
	uint32_t             *pixels;       /* of shared memory's */
	size_t                bytes;
	bool                  gpu, plain, configured;
	int                   late;         /* pictures that were not yet shown */
	int                   width, height, asked_width, asked_height;
};

static struct wl_display *display;
static struct wl_compositor *compositor;
static struct wl_subcompositor *subcompositor;
static struct wl_shm *shm;
static struct xdg_wm_base *base;
static struct zwp_linux_dmabuf_v1 *dmabuf;
static struct wl_seat *seat;
static struct wl_pointer *pointer;
static uint32_t modifiers, entered;     /* the serial with which the pointer came in last; 0: it is outside */
static struct wp_viewporter *viewporter;
static struct win_device *device;
static struct pane panes[PANES];

static void fail(const char *what)
{
	const struct wl_interface *interface = NULL;
	uint32_t id, code = wl_display_get_protocol_error(display, &interface, &id);
	int error = wl_display_get_error(display);

	if (error == EPROTO || interface)   /* of errors about wl_display itself the first is told as EINVAL or ENOMEM */
		printf("refused: %s error %u\n", interface ? interface->name : "unknown", code);
	else
		printf("%s: %s\n", what, strerror(error ? error : errno));
	exit(1);
}

/* ---- answers ---------------------------------------------------------------------- */

static void xdg_configured(void *data, struct xdg_surface *xdg, uint32_t serial)
{
	struct pane *p = data;

	xdg_surface_ack_configure(xdg, serial);
	p->serial = serial;
	p->configured = true;
}

static const struct xdg_surface_listener xdg_listener = { xdg_configured };

static void toplevel_configured(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height,
				struct wl_array *states)
{
	struct pane *p = data;

	p->asked_width = width;
	p->asked_height = height;
}

static void toplevel_closed(void *data, struct xdg_toplevel *toplevel)
{
	printf("closed %d\n", (int)((struct pane *)data - panes));
}

static const struct xdg_toplevel_listener toplevel_listener = { toplevel_configured, toplevel_closed, NULL, NULL };

static void popup_configured(void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
}

static void popup_done(void *data, struct xdg_popup *popup)
{
}

static const struct xdg_popup_listener popup_listener = { popup_configured, popup_done, NULL };

static void pinged(void *data, struct xdg_wm_base *of, uint32_t serial)
{
	xdg_wm_base_pong(of, serial);
}

static const struct xdg_wm_base_listener base_listener = { pinged };

static void keymap(void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	close(fd);
}

static void key_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface,
		      struct wl_array *keys)
{
}

static void key_leave(void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
}

static void key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time, uint32_t code, uint32_t state)
{
}

static void key_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t down, uint32_t latched,
			  uint32_t locked, uint32_t group)
{
	modifiers = down | latched | locked;
}

static const struct wl_keyboard_listener keyboard_listener = { keymap, key_enter, key_leave, key, key_modifiers, NULL };

static void pointer_enter(void *data, struct wl_pointer *of, uint32_t serial, struct wl_surface *surface, wl_fixed_t x,
			  wl_fixed_t y)
{
	entered = serial;
}

static void pointer_leave(void *data, struct wl_pointer *of, uint32_t serial, struct wl_surface *surface)
{
	entered = 0;
}

static void pointer_motion(void *data, struct wl_pointer *of, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
}

static void pointer_button(void *data, struct wl_pointer *of, uint32_t serial, uint32_t time, uint32_t button, uint32_t on)
{
}

static void pointer_axis(void *data, struct wl_pointer *of, uint32_t time, uint32_t axis, wl_fixed_t value)
{
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter, .leave = pointer_leave, .motion = pointer_motion, .button = pointer_button,
	.axis = pointer_axis,
};

static void found(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	static const struct {
		const struct wl_interface *interface;
		void                     **object;
		uint32_t                   version;
	} wanted[] = {
		{ &wl_compositor_interface, (void **)&compositor, 4 }, { &wl_subcompositor_interface, (void **)&subcompositor, 1 },
		{ &wl_shm_interface, (void **)&shm, 1 }, { &xdg_wm_base_interface, (void **)&base, 3 },
		{ &zwp_linux_dmabuf_v1_interface, (void **)&dmabuf, 3 }, { &wl_seat_interface, (void **)&seat, 1 },
		{ &wp_viewporter_interface, (void **)&viewporter, 1 },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (!strcmp(interface, wanted[i].interface->name))
			*wanted[i].object = wl_registry_bind(registry, name, wanted[i].interface, wanted[i].version);
}

static void lost(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = { found, lost };

static void roundtrip(void)
{
	if (wl_display_roundtrip(display) < 0)
		fail("roundtrip");
}

static void frame_done(void *data, struct wl_callback *callback, uint32_t time)
{
	*(bool *)data = true;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = { frame_done };

/* Commit; done becomes true when a frame has shown it. */
static void hand_over(struct pane *p, bool *done)
{
	*done = false;
	wl_callback_add_listener(wl_surface_frame(p->surface), &frame_listener, done);
	wl_surface_commit(p->surface);
}

static void wait_for(const bool *done)
{
	while (!*done)
		if (wl_display_dispatch(display) < 0)
			fail("frame");
}

static void commit(struct pane *p)
{
	bool done;

	hand_over(p, &done);
	wait_for(&done);
}

/* ---- buffers -------------------------------------------------------------------------- */

static void gpu_buffer(struct pane *p, uint32_t colour)
{
	struct zwp_linux_buffer_params_v1 *params;
	float alpha = (float)(colour >> 24);
	uint32_t plain = colour & 0xff000000;
	int fd = -1;

	if (!device && win_open(&device, NULL, WIN_GPU))
		fail("card");
	if (win_create_shared(device, p->width, p->height, &p->picture, &fd))
		fail("picture");
	for (int shift = 0; shift < 24 && alpha > 0; shift += 8)     /* libwin's colours are not multiplied */
		plain |= (uint32_t)((float)(colour >> shift & 0xff) * 255 / alpha + 0.5f) << shift;
	win_begin_frame(p->picture);
	win_clear(p->picture, plain);
	if (win_end_frame(p->picture))
		fail("draw");
	params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, (uint32_t)p->width * 4, 0, 0);
	p->buffer = zwp_linux_buffer_params_v1_create_immed(params, p->width, p->height, DRM_FORMAT_ARGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	close(fd);
}

/* Attach one that is drawn from its lowest row on. */
static void inverted_buffer(struct pane *p, uint32_t colour, uint32_t corner)
{
	struct zwp_linux_buffer_params_v1 *params;
	int fd = -1;

	if (win_create_shared(device, p->width, p->height, &p->picture, &fd))
		fail("picture");
	win_begin_frame(p->picture);
	win_clear(p->picture, colour);
	win_rect(p->picture, 0, 0, (float)p->width / 2, (float)p->height / 2, corner);
	if (win_end_frame(p->picture))
		fail("draw");
	params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, (uint32_t)p->width * 4, 0, 0);
	p->buffer = zwp_linux_buffer_params_v1_create_immed(params, p->width, p->height, DRM_FORMAT_ARGB8888,
		ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT);
	zwp_linux_buffer_params_v1_destroy(params);
	close(fd);
}

static void shm_buffer(struct pane *p, uint32_t colour)
{
	int fd = memfd_create("panes", MFD_CLOEXEC);
	struct wl_shm_pool *pool;

	p->bytes = (size_t)p->width * (size_t)p->height * 4;
	if (fd < 0 || ftruncate(fd, (off_t)p->bytes))
		fail("memory");
	p->pixels = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p->pixels == MAP_FAILED)
		fail("memory");
	for (size_t i = 0; i < p->bytes / 4; i++)
		p->pixels[i] = colour;
	pool = wl_shm_create_pool(shm, fd, (int32_t)p->bytes);
	p->buffer = wl_shm_pool_create_buffer(pool, 0, p->width, p->height, p->width * 4,
		p->plain ? WL_SHM_FORMAT_XRGB8888 : WL_SHM_FORMAT_ARGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
}

static void drop_buffer(struct wl_buffer *buffer, struct win *picture, uint32_t *pixels, size_t bytes)
{
	if (buffer)
		wl_buffer_destroy(buffer);
	if (picture)
		win_destroy(picture);
	if (pixels)
		munmap(pixels, bytes);
}

/* Attach another buffer of this colour. */
static void new_buffer(struct pane *p, int width, int height, uint32_t colour)
{
	p->width = width;
	p->height = height;
	p->picture = NULL;
	p->pixels = NULL;
	if (p->gpu)
		gpu_buffer(p, colour);
	else
		shm_buffer(p, colour);
	wl_surface_attach(p->surface, p->buffer, 0, 0);
	wl_surface_damage_buffer(p->surface, 0, 0, width, height);
}

/* The one before goes when the new one is shown. */
static void show(struct pane *p, int width, int height, uint32_t colour)
{
	struct pane old = *p;

	new_buffer(p, width, height, colour);
	commit(p);
	drop_buffer(old.buffer, old.picture, old.pixels, old.bytes);
}

static void show_inverted(struct pane *p, int width, int height, uint32_t colour, uint32_t corner)
{
	struct pane old = *p;

	p->width = width;
	p->height = height;
	inverted_buffer(p, colour, corner);
	wl_surface_attach(p->surface, p->buffer, 0, 0);
	wl_surface_damage_buffer(p->surface, 0, 0, width, height);
	commit(p);
	drop_buffer(old.buffer, old.picture, old.pixels, old.bytes);
}

static void late_done(void *data, struct wl_callback *callback, uint32_t time)
{
	struct pane *p = data;

	p->late--;
	printf("shown %d\n", (int)(p - panes));
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener late_listener = { late_done };

/* A hidden window is shown nobody knows when; the buffer before stays as long as this program does. */
static void show_late(struct pane *p, uint32_t colour)
{
	new_buffer(p, p->width, p->height, colour);
	wl_callback_add_listener(wl_surface_frame(p->surface), &late_listener, p);
	wl_surface_commit(p->surface);
	p->late++;
	roundtrip();
}

static void await(struct pane *p)
{
	while (p->late > 0)
		if (wl_display_dispatch(display) < 0)
			fail("frame");
}

static void make_opaque(struct pane *p, int x, int y, int width, int height)
{
	struct wl_region *region = wl_compositor_create_region(compositor);

	wl_region_add(region, x, y, width, height);
	wl_surface_set_opaque_region(p->surface, region);
	wl_region_destroy(region);
}

static void redraw(struct pane *p, uint32_t colour)
{
	win_begin_frame(p->picture);
	win_clear(p->picture, colour);
	if (win_end_frame(p->picture))
		fail("draw");
	wl_surface_attach(p->surface, p->buffer, 0, 0);
	wl_surface_damage_buffer(p->surface, 0, 0, p->width, p->height);
}

static void animate(int count, int frames)
{
	bool done[PANES];

	for (int frame = 0; frame < frames; frame++) {
		for (int i = 0; i < count; i++) {
			redraw(&panes[i], 0xff000000 | (uint32_t)(frame * 0x010305 + i * 0x201008));
			hand_over(&panes[i], &done[i]);
		}
		for (int i = 0; i < count; i++)
			wait_for(&done[i]);
	}
}

/* ---- windows ---------------------------------------------------------------------------- */

static void wait_configure(struct pane *p)
{
	wl_surface_commit(p->surface);
	while (!p->configured)
		if (wl_display_dispatch(display) < 0)
			fail("configure");
}

static void open_window(struct pane *p, const char *kind, int width, int height, uint32_t colour, struct pane *parent)
{
	*p = (struct pane) { .gpu = !strcmp(kind, "gpu"), .plain = !strcmp(kind, "plain") };
	p->surface = wl_compositor_create_surface(compositor);
	p->xdg = xdg_wm_base_get_xdg_surface(base, p->surface);
	xdg_surface_add_listener(p->xdg, &xdg_listener, p);
	p->toplevel = xdg_surface_get_toplevel(p->xdg);
	xdg_toplevel_add_listener(p->toplevel, &toplevel_listener, p);
	if (parent)
		xdg_toplevel_set_parent(p->toplevel, parent->toplevel);
	wait_configure(p);
	show(p, width, height, colour);
}

/* Subsurfaces and popups of a window have no number, and go with the connection. */
static void open_sub(struct pane *parent, int x, int y, bool gpu, int width, int height, uint32_t colour)
{
	struct pane *p = calloc(1, sizeof *p);

	p->gpu = gpu;
	p->surface = wl_compositor_create_surface(compositor);
	p->sub = wl_subcompositor_get_subsurface(subcompositor, p->surface, parent->surface);
	wl_subsurface_set_position(p->sub, x, y);
	wl_subsurface_set_desync(p->sub);
	wl_surface_commit(parent->surface);
	show(p, width, height, colour);
}

static void open_popup(struct pane *parent, int x, int y, int width, int height, uint32_t colour, char kind)
{
	struct xdg_positioner *at = xdg_wm_base_create_positioner(base);
	struct pane *p = calloc(1, sizeof *p);

	xdg_positioner_set_size(at, width, height);
	xdg_positioner_set_anchor_rect(at, x, y, 1, 1);
	xdg_positioner_set_anchor(at, XDG_POSITIONER_ANCHOR_TOP_LEFT);
	xdg_positioner_set_gravity(at, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	if (kind != 'p')
		xdg_positioner_set_constraint_adjustment(at, XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X);
	if (kind == 'm') {
		xdg_positioner_set_reactive(at);
	} else if (kind == 'f') {
		xdg_positioner_set_parent_size(at, parent->asked_width, parent->asked_height);
		xdg_positioner_set_parent_configure(at, parent->serial);
	}
	p->surface = wl_compositor_create_surface(compositor);
	p->xdg = xdg_wm_base_get_xdg_surface(base, p->surface);
	xdg_surface_add_listener(p->xdg, &xdg_listener, p);
	p->popup = xdg_surface_get_popup(p->xdg, parent->xdg, at);
	xdg_popup_add_listener(p->popup, &popup_listener, p);
	xdg_positioner_destroy(at);
	wait_configure(p);
	show(p, width, height, colour);
}

static void set_cursor(int width, int height, int x, int y, uint32_t colour, bool gpu)
{
	static struct pane cursor;     /* the same surface each time: toolkits have one for each pointer */
	struct pane *p = &cursor, old = cursor;

	while (!entered)
		if (wl_display_dispatch(display) < 0)
			fail("pointer");
	if (!p->surface)
		p->surface = wl_compositor_create_surface(compositor);
	p->gpu = gpu;
	new_buffer(p, width, height, colour);
	wl_surface_commit(p->surface);
	wl_pointer_set_cursor(pointer, entered, p->surface, x, y);
	roundtrip();
	drop_buffer(old.buffer, old.picture, old.pixels, old.bytes);
}

static void close_window(struct pane *p)
{
	xdg_toplevel_destroy(p->toplevel);
	xdg_surface_destroy(p->xdg);
	wl_surface_destroy(p->surface);
	drop_buffer(p->buffer, p->picture, p->pixels, p->bytes);
	*p = (struct pane) { 0 };
	roundtrip();
}

static void paint_part(struct pane *p, int left, int top, int width, int height, uint32_t colour)
{
	for (int y = top; y < top + height; y++)
		for (int x = left; x < left + width; x++)
			p->pixels[y * p->width + x] = colour;
	wl_surface_attach(p->surface, p->buffer, 0, 0);
	wl_surface_damage_buffer(p->surface, left, top, width, height);
	commit(p);
}

static void view(struct pane *p, const int *part, int width, int height)
{
	if (!p->viewport)
		p->viewport = wp_viewporter_get_viewport(viewporter, p->surface);
	wp_viewport_set_source(p->viewport, part[0] < 0 ? wl_fixed_from_int(-1) : part[0] * 16,
		part[1] < 0 ? wl_fixed_from_int(-1) : part[1] * 16, part[2] < 0 ? wl_fixed_from_int(-1) : part[2] * 16,
		part[3] < 0 ? wl_fixed_from_int(-1) : part[3] * 16);
	wp_viewport_set_destination(p->viewport, width, height);
	commit(p);
}

/* ---- what no client should do -------------------------------------------------------------- */

/* A window that shows what of its texture is not told by its file: another kind of texture than it is said to be. */
static void show_false(uint32_t target, uint32_t format, uint32_t said)
{
	struct drm_virtgpu_resource_create call = {
		.target = target, .format = format, .bind = target ? 1 << 3 : 1 << 4, .width = target ? 64 : 64 * 64 * 4,
		.height = target ? 64 : 1, .depth = 1, .array_size = 1, .size = 64 * 64 * 4,
	};
	struct pane *p = &panes[0];
	struct zwp_linux_buffer_params_v1 *params;
	int fd = -1;

	open_window(p, "shm", 64, 64, 0xff000000, NULL);
	if (win_open(&device, NULL, WIN_GPU) || drmIoctl(device->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &call) ||
	    drmPrimeHandleToFD(device->fd, call.bo_handle, DRM_CLOEXEC, &fd))
		fail("texture");
	params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, 256, 0, 0);
	p->buffer = zwp_linux_buffer_params_v1_create_immed(params, 64, 64, said, 0);
	wl_surface_attach(p->surface, p->buffer, 0, 0);
	wl_surface_damage_buffer(p->surface, 0, 0, 64, 64);
	commit(p);
}

/* Requests of which each is answered, and no answer is read, until the compositor has had enough of that. */
static _Noreturn void ask_deaf(void)
{
	struct pollfd wire = { .fd = wl_display_get_fd(display), .events = POLLOUT };

	for (;;) {
		wl_display_sync(display);
		while (wl_display_flush(display) < 0) {
			if (errno != EAGAIN) {
				printf("refused: the connection ended: %s\n", strerror(errno));
				exit(1);
			}
			poll(&wire, 1, -1);
		}
	}
}

/* A buffer of 64x64, which has 64 rows of 256 bytes, said to be so. */
static void lie_of_rows(uint32_t offset, uint32_t stride)
{
	struct zwp_linux_buffer_params_v1 *params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	int fd;

	if (win_open(&device, NULL, WIN_GPU) || win_create_shared(device, 64, 64, &panes[0].picture, &fd))
		fail("picture");
	zwp_linux_buffer_params_v1_add(params, fd, 0, offset, stride, 0, 0);
	zwp_linux_buffer_params_v1_create_immed(params, 64, 64, DRM_FORMAT_ARGB8888, 0);
}

static void lie(const char *what)
{
	struct pane *p = &panes[0];
	struct zwp_linux_buffer_params_v1 *params;
	struct wl_surface *surface = wl_compositor_create_surface(compositor);
	int fd = memfd_create("lie", MFD_CLOEXEC);

	if (!strcmp(what, "unconfigured")) {
		p->surface = surface;
		p->xdg = xdg_wm_base_get_xdg_surface(base, surface);
		p->toplevel = xdg_surface_get_toplevel(p->xdg);
		p->width = p->height = 8;
		shm_buffer(p, 0xffffffff);
		wl_surface_attach(surface, p->buffer, 0, 0);
		wl_surface_commit(surface);
	} else if (!strcmp(what, "serial")) {           /* an answer to what was never asked */
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		xdg_surface_ack_configure(p->xdg, 0x7fffffff);
	} else if (!strcmp(what, "geometry")) {
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		xdg_surface_set_window_geometry(p->xdg, INT_MIN, INT_MAX, -1, INT_MAX);
	} else if (!strcmp(what, "far")) {
		struct xdg_positioner *at = xdg_wm_base_create_positioner(base);
		xdg_positioner_set_anchor_rect(at, INT_MIN, INT_MAX, INT_MAX, INT_MAX);
	} else if (!strcmp(what, "object")) {           /* none of its own: it can name no others */
		uint32_t destroy[] = { 0x1234, 8 << 16 };
		if (write(wl_display_get_fd(display), destroy, sizeof destroy) != sizeof destroy)
			fail("write");
	} else if (!strcmp(what, "stride")) {
		struct wl_shm_pool *pool;
		if (ftruncate(fd, 4096))
			fail("truncate");
		pool = wl_shm_create_pool(shm, fd, 4096);
		wl_shm_pool_create_buffer(pool, 0, 64, 16, 4, WL_SHM_FORMAT_ARGB8888);
	} else if (!strcmp(what, "offset")) {           /* rows that overlap, and begin where there are no more pages */
		lie_of_rows(0xfffffffc, 4);
	} else if (!strcmp(what, "overlap")) {
		lie_of_rows(0, 252);
	} else if (!strcmp(what, "end")) {              /* the last row lies behind the last page */
		lie_of_rows(256, 256);
	} else if (!strcmp(what, "pitch")) {            /* the lower half lies there */
		lie_of_rows(0, 512);
	} else if (!strcmp(what, "roles")) {
		wl_subcompositor_get_subsurface(subcompositor, surface, wl_compositor_create_surface(compositor));
		xdg_wm_base_get_xdg_surface(base, surface);
	} else if (!strcmp(what, "loop")) {
		wl_subcompositor_get_subsurface(subcompositor, surface, surface);
	} else if (!strcmp(what, "other") || !strcmp(what, "memfd")) {  /* no buffer of the card's, as large as one or empty */
		if (!strcmp(what, "other") && ftruncate(fd, 64 * 256))
			fail("truncate");
		params = zwp_linux_dmabuf_v1_create_params(dmabuf);
		zwp_linux_buffer_params_v1_add(params, fd, 0, 0, 256, 0, 0);
		zwp_linux_buffer_params_v1_create_immed(params, 64, 64, DRM_FORMAT_ARGB8888, 0);
	} else if (!strcmp(what, "small")) {            /* a buffer of the card's that is smaller than it is said to be */
		if (win_open(&device, NULL, WIN_GPU) || win_create_shared(device, 16, 16, &p->picture, &fd))
			fail("picture");
		params = zwp_linux_dmabuf_v1_create_params(dmabuf);
		zwp_linux_buffer_params_v1_add(params, fd, 0, 0, 4096, 0, 0);
		zwp_linux_buffer_params_v1_create_immed(params, 1024, 1024, DRM_FORMAT_ARGB8888, 0);
	} else if (!strcmp(what, "truncate")) {         /* shared memory that goes away below the compositor */
		int32_t size = 640 * 480 * 4;
		struct wl_shm_pool *pool;
		struct wl_buffer *buffer;
		if (ftruncate(fd, size))
			fail("truncate");
		pool = wl_shm_create_pool(shm, fd, size);
		buffer = wl_shm_pool_create_buffer(pool, 0, 640, 480, 640 * 4, WL_SHM_FORMAT_ARGB8888);
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		if (ftruncate(fd, 0))
			fail("truncate");
		wl_surface_attach(p->surface, buffer, 0, 0);
		wl_surface_damage_buffer(p->surface, 0, 0, 640, 480);
		commit(p);
	} else if (!strcmp(what, "swapped")) {          /* made as BGRA, said to be RGBA */
		show_false(2, 1, DRM_FORMAT_ABGR8888);
	} else if (!strcmp(what, "narrow")) {           /* made with a byte a pixel */
		show_false(2, 64, DRM_FORMAT_ARGB8888);
	} else if (!strcmp(what, "vertices")) {         /* no texture at all */
		show_false(0, 64, DRM_FORMAT_ARGB8888);
	} else if (!strcmp(what, "deaf")) {
		ask_deaf();
	} else if (!strcmp(what, "beyond")) {           /* a part that the buffer does not have */
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		view(p, (int[]) { 32 * 16, 0, 33 * 16, 64 * 16 }, -1, -1);
	} else if (!strcmp(what, "fraction")) {         /* a size that no window can have */
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		view(p, (int[]) { 0, 0, 8, 64 * 16 }, -1, -1);
	} else if (!strcmp(what, "nothing")) {          /* a part without a size */
		open_window(p, "shm", 64, 64, 0xff000000, NULL);
		view(p, (int[]) { 0, 0, 0, 0 }, -1, -1);
	} else if (!strcmp(what, "viewports")) {        /* two for a surface */
		wp_viewporter_get_viewport(viewporter, surface);
		wp_viewporter_get_viewport(viewporter, surface);
	} else if (!strcmp(what, "orphan")) {           /* of a surface that is gone */
		p->viewport = wp_viewporter_get_viewport(viewporter, surface);
		wl_surface_destroy(surface);
		wp_viewport_set_destination(p->viewport, 8, 8);
	} else if (!strcmp(what, "surfaces")) {         /* without end */
		for (int i = 0; i < 100000 && wl_display_flush(display) >= 0; i++)
			wl_compositor_create_surface(compositor);
	}
	roundtrip();
	roundtrip();
}

/* ---- the script -------------------------------------------------------------------------------- */

static bool run(const char *line)
{
	int n = 0, x, y, w, h, count, part[4];
	char kind[8];
	uint32_t colour, corner;
	struct pane *p;

	if (strncmp(line, "cycle ", 6) && strncmp(line, "cursor ", 7) && sscanf(line, "%*s %d", &n) == 1 && (n < 0 || n >= PANES))
		return false;
	p = &panes[n % PANES];
	if (sscanf(line, "open %d %7s %d %d %x", &n, kind, &w, &h, &colour) == 5) {
		open_window(p, kind, w, h, colour, NULL);
	} else if (sscanf(line, "fill %d %x", &n, &colour) == 2) {
		show(p, p->width, p->height, colour);
	} else if (sscanf(line, "redraw %d %x", &n, &colour) == 2) {
		redraw(p, colour);
		commit(p);
	} else if (sscanf(line, "animate %d %d", &n, &count) == 2) {
		animate(n, count);
	} else if (sscanf(line, "size %d %d %d %x", &n, &w, &h, &colour) == 4) {
		show(p, w, h, colour);
	} else if (sscanf(line, "inverted %d %d %d %x %x", &n, &w, &h, &colour, &corner) == 5) {
		show_inverted(p, w, h, colour, corner);
	} else if (sscanf(line, "late %d %x", &n, &colour) == 2) {
		show_late(p, colour);
	} else if (sscanf(line, "await %d", &n) == 1) {
		await(p);
	} else if (sscanf(line, "opaque %d %d %d %d %d", &n, &x, &y, &w, &h) == 5) {
		make_opaque(p, x, y, w, h);
	} else if (sscanf(line, "scaled %d %d %d %d %x", &n, &count, &w, &h, &colour) == 5) {
		wl_surface_set_buffer_scale(p->surface, count);
		show(p, w, h, colour);
	} else if (sscanf(line, "part %d %d %d %d %d %x", &n, &x, &y, &w, &h, &colour) == 6) {
		paint_part(p, x, y, w, h, colour);
	} else if (sscanf(line, "view %d %d %d %d %d %d %d", &n, &part[0], &part[1], &part[2], &part[3], &w, &h) == 7) {
		view(p, part, w, h);
	} else if (sscanf(line, "turn %d %d %d", &n, &x, &y) == 3) {
		wl_surface_set_buffer_transform(p->surface, x);
		wl_surface_set_buffer_scale(p->surface, y);
		commit(p);
	} else if (sscanf(line, "sub %d %d %d %7s %d %d %x", &n, &x, &y, kind, &w, &h, &colour) == 7) {
		open_sub(p, x, y, !strcmp(kind, "gpu"), w, h, colour);
	} else if (sscanf(line, "popup %d %d %d %d %d %x", &n, &x, &y, &w, &h, &colour) == 6) {
		open_popup(p, x, y, w, h, colour, *line);
	} else if (sscanf(line, "menu %d %d %d %d %d %x", &n, &x, &y, &w, &h, &colour) == 6) {
		open_popup(p, x, y, w, h, colour, *line);
	} else if (sscanf(line, "future %d %d %d %d %d %x", &n, &x, &y, &w, &h, &colour) == 6) {
		open_popup(p, x, y, w, h, colour, *line);
	} else if (sscanf(line, "child %d %d %d %d %x", &n, &x, &w, &h, &colour) == 5) {
		open_window(p, "shm", w, h, colour, &panes[x % PANES]);
	} else if ((count = sscanf(line, "cursor %d %d %d %d %x %7s", &w, &h, &x, &y, &colour, kind)) >= 5) {
		set_cursor(w, h, x, y, colour, count == 6);
	} else if (sscanf(line, "follow %d %x", &n, &colour) == 2) {
		show(p, p->asked_width, p->asked_height, colour);
	} else if (sscanf(line, "maximise %d", &n) == 1) {
		xdg_toplevel_set_maximized(p->toplevel);
		roundtrip();
		roundtrip();
	} else if (sscanf(line, "restore %d", &n) == 1) {
		xdg_toplevel_unset_maximized(p->toplevel);
		roundtrip();
		roundtrip();
	} else if (sscanf(line, "minimise %d", &n) == 1) {
		xdg_toplevel_set_minimized(p->toplevel);
		roundtrip();
	} else if (!strncmp(line, "title ", 6)) {
		xdg_toplevel_set_title(p->toplevel, strchr(line + 6, ' ') + 1);
		roundtrip();
	} else if (sscanf(line, "close %d", &n) == 1) {
		close_window(p);
	} else if (sscanf(line, "cycle %d %7s %d %d", &count, kind, &w, &h) == 4) {
		for (int i = 0; i < count; i++) {
			open_window(&panes[PANES - 1], kind, w, h, 0xff000000 | (uint32_t)i * 0x10305, NULL);
			close_window(&panes[PANES - 1]);
		}
	} else if (sscanf(line, "flood %d %d", &n, &count) == 2) {
		for (int i = 0; i < count; i++) {
			wl_surface_attach(p->surface, p->buffer, 0, 0);
			wl_surface_damage_buffer(p->surface, 0, 0, p->width, p->height);
			wl_surface_commit(p->surface);
			if (i % 64 == 0)
				roundtrip();
		}
		commit(p);
	} else if (sscanf(line, "modifiers %d", &n) == 1) {
		while (modifiers != (uint32_t)n)
			if (wl_display_dispatch(display) < 0)
				fail("modifiers");
	} else if (!strncmp(line, "lie ", 4)) {
		lie(line + 4);
	} else {
		return false;
	}
	return true;
}

int main(void)
{
	struct wl_registry *registry;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	setvbuf(stdout, NULL, _IOLBF, 0);
	display = wl_display_connect(NULL);
	if (!display) {
		perror("connect");
		return 1;
	}
	registry = wl_display_get_registry(display);
	wl_registry_add_listener(registry, &registry_listener, NULL);
	roundtrip();
	if (!compositor || !subcompositor || !shm || !base || !seat) {
		printf("the compositor lacks something\n");
		return 1;
	}
	xdg_wm_base_add_listener(base, &base_listener, NULL);
	wl_keyboard_add_listener(wl_seat_get_keyboard(seat), &keyboard_listener, NULL);
	pointer = wl_seat_get_pointer(seat);
	wl_pointer_add_listener(pointer, &pointer_listener, NULL);
	while ((length = getline(&line, &room, stdin)) > 0) {
		line[length - 1] = '\0';
		if (!run(line)) {
			printf("what is \"%s\"?\n", line);
			return 1;
		}
		printf("done %s\n", line);
	}
	return 0;
}
