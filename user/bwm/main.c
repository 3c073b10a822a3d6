/*
 * bwm: opens the display, offers Wayland's interfaces and waits for events, in libwayland's one epoll.
 *
 *     bwm [-r RATE] [-s NAME]
 *
 * RATE: so many frames a second at most, 1 to 1000, instead of the display's own rate. NAME is the socket's, below
 * XDG_RUNTIME_DIR (if that is not set: /run); without it the first free of wayland-0, wayland-1 and so on. It ends with
 * SIGTERM or SIGINT, and with the display's card. Exit status: 0 after a signal; 2 when there is no display to show
 * anything on; 1 after any other error, of which it has said a line.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

enum { FAILED = 1, NO_DISPLAY = 2, RATE_MOST = 1000 };

static int stop(int number, void *data)
{
	wl_display_terminate(data);
	return 0;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "bwm: %s: %s\n", what, strerror(-error));
	return error == -ENODEV ? NO_DISPLAY : FAILED;
}

/* All that clients find, in the order in which it is told. */
static int create_globals(struct server *server)
{
	static int (*const creators[])(struct server *server) = {
		surface_create_global, subsurface_create_global, viewporter_create_global, dmabuf_create_global,
		xdg_create_global, decoration_create_global,
	};
	int error = wl_display_init_shm(server->display) ? -ENOMEM : 0;

	for (size_t i = 0; i < sizeof creators / sizeof creators[0] && !error; i++)
		error = creators[i](server);
	return error;
}

static int listen_at(struct server *server, const char *name)
{
	if (setenv("XDG_RUNTIME_DIR", "/run", 0))
		return -ENOMEM;
	if (!name)
		name = wl_display_add_socket_auto(server->display);
	else if (wl_display_add_socket(server->display, name))
		name = NULL;
	if (!name)
		return errno ? -errno : -EADDRINUSE;
	/* For programs that the shell starts. */
	return setenv("WAYLAND_DISPLAY", name, 1) ? -ENOMEM : 0;
}

static int run(struct server *server, const char *name)
{
	int error = output_create(server);

	if (error)
		return fail("no display", error);
	error = create_globals(server);
	if (!error)
		error = shell_create(server);
	if (error)
		return fail("start", error);
	error = listen_at(server, name);
	if (error)
		return fail("socket", error);
	wl_display_run(server->display);
	return server->gone ? fail("the display's card", -ENODEV) : 0;
}

static bool read_options(struct server *server, const char **name, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "r:s:")) != -1) {
		if (option == 's')
			*name = optarg;
		else if (option == 'r')
			server->rate = atoi(optarg);
		if (option == '?' || (option == 'r' && (server->rate < 1 || server->rate > RATE_MOST)))
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct server server = { .formats_fd = -1 };
	struct wl_event_source *signals[2];
	const char *name = NULL;
	int status;

	if (!read_options(&server, &name, argc, argv)) {
		fprintf(stderr, "usage: bwm [-r RATE] [-s NAME]\n");
		return FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	status = win_open(&server.device, NULL, WIN_ANY);
	if (status)
		return fail("no graphics card", status);
	server.display = wl_display_create();
	if (!server.display)
		return fail("start", -ENOMEM);
	server.loop = wl_display_get_event_loop(server.display);
	wl_list_init(&server.windows);
	signals[0] = wl_event_loop_add_signal(server.loop, SIGTERM, stop, server.display);
	signals[1] = wl_event_loop_add_signal(server.loop, SIGINT, stop, server.display);
	status = run(&server, name);
	wl_display_destroy_clients(server.display);
	shell_destroy(&server);
	dmabuf_destroy_global(&server);
	output_destroy(&server.output);
	for (int i = 0; i < 2; i++)
		if (signals[i])
			wl_event_source_remove(signals[i]);
	wl_display_destroy(server.display);
	win_close(server.device);
	return status;
}
