/*
 * Whether a buffer of another program may be drawn from: tried in a context of its own first.
 *
 * The file of a buffer tells neither its format nor whether it is a texture at all, and a context of the host's that
 * has used one wrongly does nothing any more, without a word. So that no other program can end ours, the buffer is
 * sampled in a second context, which afterwards must still be able to draw a pixel; one that is not is given up. It
 * costs a stream and a pixel read back, once a buffer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libwin.h"

struct prover {
	struct win_device *device;
	struct win        *pixel;
	uint32_t           colour;      /* the last that was drawn: never the same twice running */
};

void prover_destroy(struct win_device *device)
{
	struct prover *p = device->prover;

	if (!p)
		return;
	if (p->pixel)
		win_destroy(p->pixel);
	if (p->device)
		win_close(p->device);
	free(p);
	device->prover = NULL;
}

static int prover_create(struct win_device *device)
{
	char card[32];
	int error;

	if (device->prover)
		return 0;
	device->prover = calloc(1, sizeof *device->prover);
	if (!device->prover)
		return -ENOMEM;
	snprintf(card, sizeof card, "/proc/self/fd/%d", device->fd);
	error = win_open(&device->prover->device, card, WIN_GPU);
	if (!error)
		error = win_create(device->prover->device, 1, 1, &device->prover->pixel);
	if (error)
		prover_destroy(device);
	return error;
}

static int frame_of(struct win *pixel, struct win *image, uint32_t colour)
{
	int error = win_begin_frame(pixel);

	if (error)
		return error;
	if (image)
		win_compose(pixel, image, &(struct win_placement) { .width = 1, .height = 1, .alpha = 1 });
	else
		win_clear(pixel, colour);
	return win_end_frame(pixel);
}

int win_prove(struct win_device *device, int fd, int width, int height, uint32_t format)
{
	int error = prover_create(device);
	struct prover *p = device->prover;
	struct win *image;
	uint32_t seen = 0;

	if (error)
		return error;
	error = win_import_unproved(p->device, fd, width, height, format, &image);
	if (error)
		return error;
	p->colour = 0xff000000 | (p->colour + 1);
	error = frame_of(p->pixel, image, 0);
	win_destroy(image);
	if (!error)
		error = frame_of(p->pixel, NULL, p->colour);
	if (!error)
		error = win_read(p->pixel, &seen);
	if (!error && seen != p->colour)
		error = -EINVAL;
	if (error)
		prover_destroy(device);
	return error;
}
