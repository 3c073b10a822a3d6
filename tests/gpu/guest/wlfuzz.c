/*
 * wlfuzz SEED CLIENTS REQUESTS: clients of the compositor, one after the other, that ask for anything in any order.
 *
 * Each sends up to so many requests, most of them with arguments that could be right, to objects that it has: what is
 * sent is well-formed (libwayland sees to that), but seldom makes sense. In between it does what real programs do, so
 * that there are windows, popups and subsurfaces for the rest to be about. The compositor ends a client that went too
 * far; what may not be is that it ends itself, or stands still.
 *
 * The same seed gives the same requests, as far as the compositor's answers are the same. It tells at last how many
 * clients there were and how many of them were ended; status 1: there is no compositor.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-client.h>

#include "libwin/libwin.h"
#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "primary-selection-unstable-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

enum { OBJECTS = 400, ARGUMENTS = 20, SERIALS = 8, POOL = 65536, STRIDE = 64 * 4 };

/* ---- chance ---------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t chance(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

/* ---- objects ----------------------------------------------------------------------------- */

/* All that the server knows of this client, but its display. */
static struct wl_display *display;
static struct wl_proxy *objects[OBJECTS];
static int count;
static uint32_t serials[SERIALS];
static struct win_device *device;

static int heard(const void *data, void *target, uint32_t opcode, const struct wl_message *message, union wl_argument *args);

static struct wl_proxy *keep(struct wl_proxy *proxy)
{
	if (!proxy || count == OBJECTS)
		return proxy;
	wl_proxy_add_dispatcher(proxy, heard, NULL, NULL);
	return objects[count++] = proxy;
}

static void forget(const struct wl_proxy *proxy)
{
	for (int i = 0; i < count; i++)
		if (objects[i] == proxy)
			objects[i--] = objects[--count];
}

static bool is(struct wl_proxy *proxy, const char *interface)
{
	return !strcmp(wl_proxy_get_class(proxy), interface);
}

/* Any of this interface, or NULL. */
static void *any(const char *interface)
{
	for (int i = 0, from = count ? (int)chance((uint32_t)count) : 0; i < count; i++)
		if (is(objects[(from + i) % count], interface))
			return objects[(from + i) % count];
	return NULL;
}

/* What the server says: new objects and serials are kept, and it is answered as it should be, mostly. */
static int heard(const void *data, void *target, uint32_t opcode, const struct wl_message *message, union wl_argument *args)
{
	const char *kind = message->signature;

	for (int i = 0; *kind; kind++) {
		if (*kind == '?' || (*kind >= '0' && *kind <= '9'))
			continue;
		if (*kind == 'n' && args[i].o)
			keep((struct wl_proxy *)args[i].o);
		else if (*kind == 'u')
			serials[chance(SERIALS)] = args[i].u;
		else if (*kind == 'h')
			close(args[i].h);
		i++;
	}
	if (is(target, "xdg_surface") && !strcmp(message->name, "configure") && chance(40))
		xdg_surface_ack_configure(target, args[0].u);
	else if (is(target, "xdg_wm_base") && !strcmp(message->name, "ping"))
		xdg_wm_base_pong(target, args[0].u);
	return 0;
}

/* ---- anything ------------------------------------------------------------------------------ */

static int32_t any_int(void)
{
	static const int32_t edges[] = { 0, -1, 1, INT_MAX, INT_MIN, 16384, 16385, 65536, -32768 };

	return chance(8) ? (int32_t)chance(200) : chance(2) ? edges[chance(sizeof edges / sizeof *edges)] :
		(int32_t)chance(UINT_MAX);
}

static uint32_t any_uint(void)
{
	switch (chance(8)) {
	case 0: return serials[chance(SERIALS)];
	case 1: return DRM_FORMAT_ARGB8888;
	case 2: return (uint32_t)any_int();
	default: return chance(10);
	}
}

static const char *any_text(void)
{
	static char longest[500];
	static const char *const texts[] = { "text/plain", "", "a window", "\xff\xfe\x80", "../../../etc/passwd" };

	memset(longest, 'a', sizeof longest - 1);
	return chance(20) ? texts[chance(sizeof texts / sizeof *texts)] : longest;
}

static int any_fd(void)
{
	struct win *picture;
	int fd = -1;

	if (!chance(8))
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	if (device && !chance(4) && !win_create_shared(device, 64, 64, &picture, &fd)) {
		win_destroy(picture);
		return fd;
	}
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd >= 0 && chance(8) && ftruncate(fd, POOL))
		perror("wlfuzz");
	return fd;
}

/* These nearly always end a client that has no reason for them: they are asked seldom, so that the others live longer. */
static bool deadly(const char *interface, const char *request)
{
	static const char *const names[][2] = {
		{ "xdg_wm_base", "get_xdg_surface" }, { "xdg_wm_base", "destroy" }, { "xdg_wm_base", "pong" },
		{ "xdg_surface", "ack_configure" }, { "xdg_surface", "get_toplevel" }, { "xdg_surface", "get_popup" },
		{ "xdg_surface", "destroy" }, { "xdg_surface", "set_window_geometry" }, { "xdg_popup", "grab" },
		{ "xdg_popup", "destroy" }, { "wl_subcompositor", "get_subsurface" }, { "wl_shm", "create_pool" },
		{ "wl_shm_pool", "create_buffer" }, { "wl_shm_pool", "resize" }, { "wl_seat", "get_touch" },
		{ "zxdg_decoration_manager_v1", "get_toplevel_decoration" }, { "wp_viewporter", "get_viewport" },
		{ "wp_viewport", "set_source" }, { "wp_viewport", "set_destination" }, { "wl_surface", "set_buffer_transform" },
		{ "wl_surface", "set_buffer_scale" }, { "wl_surface", "destroy" }, { "wl_surface", "attach" },
		{ "wl_pointer", "set_cursor" }, { "wl_data_device", "start_drag" }, { "wl_data_offer", "finish" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(interface, names[i][0]) && !strcmp(request, names[i][1]))
			return true;
	return false;
}

/* Send one of its requests. Some that want objects which there are not are left out. */
static void ask(struct wl_proxy *proxy, const struct wl_interface *interface)
{
	const struct wl_message *message = &interface->methods[chance((uint32_t)interface->method_count)];
	union wl_argument args[ARGUMENTS] = { 0 };
	struct wl_array bytes = { 0 };
	const struct wl_interface *makes = NULL;
	bool nullable = false, ends = !strcmp(message->name, "destroy") || !strcmp(message->name, "release");
	int n = 0, fd = -1;

	if (strtoul(message->signature, NULL, 10) > wl_proxy_get_version(proxy) || (ends && chance(4)) ||
	    (deadly(interface->name, message->name) && chance(30)))
		return;
	for (const char *kind = message->signature; *kind; kind++) {
		if (*kind >= '0' && *kind <= '9')
			continue;
		if (*kind == '?') {
			nullable = true;
			continue;
		}
		switch (*kind) {
		case 'i': args[n].i = any_int(); break;
		case 'u': args[n].u = any_uint(); break;
		case 'f': args[n].f = wl_fixed_from_int(any_int() % 8192); break;
		case 's': args[n].s = any_text(); break;
		case 'a': args[n].a = &bytes; break;
		case 'h': args[n].h = fd = any_fd(); break;
		case 'n': makes = message->types[n]; break;
		case 'o': args[n].o = message->types[n] && !(nullable && !chance(3)) ? any(message->types[n]->name) : NULL;
			if (!args[n].o && !nullable)
				return;
			break;
		}
		nullable = false;
		n++;
	}
	if (strchr(message->signature, 'h') && fd < 0)
		return;
	if (makes && count == OBJECTS)
		return;
	if (ends)
		forget(proxy);
	keep(wl_proxy_marshal_array_flags(proxy, (uint32_t)(message - interface->methods), makes, wl_proxy_get_version(proxy),
		ends ? WL_MARSHAL_FLAG_DESTROY : 0, args));
	if (fd >= 0)
		close(fd);
}

/* ---- what programs do ------------------------------------------------------------------------- */

static void *made(void *proxy)
{
	return keep(proxy);
}

static struct wl_buffer *new_buffer(void)
{
	struct wl_shm *shm = any("wl_shm");
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer = NULL;

	if (shm && fd >= 0 && !ftruncate(fd, POOL)) {
		pool = wl_shm_create_pool(shm, fd, POOL);
		buffer = made(wl_shm_pool_create_buffer(pool, 0, 64, 64, STRIDE, chance(2)));
		wl_shm_pool_destroy(pool);
	}
	if (fd >= 0)
		close(fd);
	return buffer;
}

static void show(void)
{
	struct wl_surface *surface = any("wl_surface");
	struct wl_buffer *buffer = chance(2) ? any("wl_buffer") : NULL;

	if (!surface)
		return;
	wl_surface_attach(surface, buffer ? buffer : new_buffer(), 0, 0);
	wl_surface_damage(surface, 0, 0, INT_MAX, INT_MAX);
	wl_surface_commit(surface);
}

static void open_window(void)
{
	struct wl_compositor *compositor = any("wl_compositor");
	struct xdg_wm_base *base = any("xdg_wm_base");
	struct wl_surface *surface;

	if (!compositor || !base)
		return;
	surface = made(wl_compositor_create_surface(compositor));
	made(xdg_surface_get_toplevel(made(xdg_wm_base_get_xdg_surface(base, surface))));
	wl_surface_commit(surface);
	wl_display_roundtrip(display);
	wl_surface_attach(surface, new_buffer(), 0, 0);
	wl_surface_commit(surface);
}

static void open_popup(void)
{
	struct wl_compositor *compositor = any("wl_compositor");
	struct xdg_wm_base *base = any("xdg_wm_base");
	struct xdg_surface *parent = any("xdg_surface");
	struct xdg_positioner *positioner;
	struct wl_surface *surface;

	if (!compositor || !base || !parent)
		return;
	surface = made(wl_compositor_create_surface(compositor));
	positioner = made(xdg_wm_base_create_positioner(base));
	xdg_positioner_set_size(positioner, 1 + (int)chance(300), 1 + (int)chance(300));
	xdg_positioner_set_anchor_rect(positioner, (int)chance(64), (int)chance(64), 1 + (int)chance(9), 1);
	xdg_positioner_set_constraint_adjustment(positioner, chance(64));
	made(xdg_surface_get_popup(made(xdg_wm_base_get_xdg_surface(base, surface)), parent, positioner));
	wl_surface_commit(surface);
	wl_display_roundtrip(display);
	wl_surface_attach(surface, new_buffer(), 0, 0);
	wl_surface_commit(surface);
}

static void open_subsurface(void)
{
	struct wl_compositor *compositor = any("wl_compositor");
	struct wl_subcompositor *subcompositor = any("wl_subcompositor");
	struct wl_surface *parent = any("wl_surface"), *surface;

	if (!compositor || !subcompositor || !parent)
		return;
	surface = made(wl_compositor_create_surface(compositor));
	made(wl_subcompositor_get_subsurface(subcompositor, surface, parent));
	wl_surface_attach(surface, new_buffer(), 0, 0);
	wl_surface_commit(surface);
	wl_surface_commit(parent);
}

/* ---- a client ------------------------------------------------------------------------------------ */

static const struct wl_interface *const interfaces[] = {
	&wl_compositor_interface, &wl_subcompositor_interface, &wl_shm_interface, &wl_output_interface, &wl_seat_interface,
	&wl_data_device_manager_interface, &wp_viewporter_interface, &xdg_wm_base_interface, &zwp_linux_dmabuf_v1_interface,
	&zxdg_decoration_manager_v1_interface, &zwp_primary_selection_device_manager_v1_interface,
	&wl_surface_interface, &wl_region_interface, &wl_subsurface_interface, &wl_shm_pool_interface, &wl_buffer_interface,
	&wl_keyboard_interface, &wl_pointer_interface, &wl_data_device_interface, &wl_data_source_interface,
	&wl_data_offer_interface, &wp_viewport_interface, &xdg_surface_interface, &xdg_toplevel_interface,
	&xdg_popup_interface, &xdg_positioner_interface, &zwp_linux_buffer_params_v1_interface,
	&zwp_linux_dmabuf_feedback_v1_interface, &zxdg_toplevel_decoration_v1_interface,
	&zwp_primary_selection_device_v1_interface, &zwp_primary_selection_source_v1_interface,
	&zwp_primary_selection_offer_v1_interface,
};

static const struct wl_interface *interface_of(const char *name)
{
	for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
		if (!strcmp(interfaces[i]->name, name))
			return interfaces[i];
	return NULL;
}

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	const struct wl_interface *known = interface_of(interface);

	if (known)
		keep(wl_registry_bind(registry, name, known, version < (uint32_t)known->version ? version : (uint32_t)known->version));
}

static void global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = { .global = global, .global_remove = global_remove };

static void one(void)
{
	static void (*const doings[])(void) = { open_window, open_popup, open_subsurface, show, show };
	const struct wl_interface *interface;
	struct wl_proxy *proxy;

	if (!chance(8)) {
		doings[chance(sizeof doings / sizeof *doings)]();
		return;
	}
	/* Objects that did come in great numbers would be asked all the time: each kind has its turn. */
	proxy = any(interfaces[chance(sizeof interfaces / sizeof *interfaces)]->name);
	interface = proxy ? interface_of(wl_proxy_get_class(proxy)) : NULL;
	if (interface && interface->method_count)
		ask(proxy, interface);
}

/* Whether it was ended. */
static bool run(int requests)
{
	struct wl_registry *registry;
	bool ended;

	count = 0;
	display = wl_display_connect(NULL);
	if (!display) {
		perror("wlfuzz: no compositor");
		exit(1);
	}
	registry = wl_display_get_registry(display);
	wl_registry_add_listener(registry, &registry_listener, NULL);
	wl_display_roundtrip(display);
	open_window();
	for (int i = 0; i < requests && !wl_display_get_error(display); i++) {
		one();
		if (i % 16 == 0)
			wl_display_roundtrip(display);
	}
	ended = wl_display_roundtrip(display) < 0;
	wl_display_disconnect(display);
	return ended;
}

int main(int argc, char **argv)
{
	int clients = argc > 3 ? atoi(argv[2]) : 0, ended = 0;

	if (clients < 1) {
		fprintf(stderr, "usage: wlfuzz SEED CLIENTS REQUESTS\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
	if (win_open(&device, NULL, WIN_GPU))
		device = NULL;
	for (int i = 0; i < clients; i++)
		ended += run(atoi(argv[3]));
	printf("%d clients, %d ended\n", clients, ended);
	return 0;
}
