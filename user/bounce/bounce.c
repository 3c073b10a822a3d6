/*
 * bounce: spheres that fly about in a window and bounce off its edges and each other.
 *
 *     bounce [SPHERES]
 *
 * + and - make them faster and slower, space stops them and lets them go on, q ends it. Each frame is drawn when the
 * compositor asks for one, so while the window cannot be seen, or the spheres stand, the program sleeps.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xkbcommon/xkbcommon-keysyms.h>

#include "libwin/window.h"

enum {
	WIDTH = 480, HEIGHT = 360,
	SPHERES = 16, SPHERES_MOST = 1000,
	RINGS = 8,                      /* discs that a sphere's shading is made of */
	SPEEDS = 10,                    /* steps each way from the speed at the start */
};

static const double STEP = 1.25;        /* from a speed to the next */
static const double LONGEST = 0.1;      /* seconds that a frame moves on at most: after a pause they do not jump */
static const uint32_t BACKGROUND = 0xff101822;

struct sphere { double x, y, dx, dy, radius; uint32_t colour; };

struct bounce {
	struct window *window;
	struct sphere *spheres;
	int            count, speed;
	bool           stopped, ended;
	struct timespec before;
};

static void show_speed(struct bounce *b)
{
	char title[64];

	if (b->stopped)
		snprintf(title, sizeof title, "bounce: stopped");
	else
		snprintf(title, sizeof title, "bounce: speed %.2f", pow(STEP, b->speed));
	window_set_title(b->window, title);
}

/* ---- motion --------------------------------------------------------------------- */

static double between(double from, double to)
{
	return from + (to - from) * rand() / RAND_MAX;
}

static void start(struct bounce *b)
{
	static const uint32_t colours[] = { 0xe04040, 0x40c050, 0x4070e8, 0xe8b030, 0xb050d8, 0x30b8c0 };

	for (int i = 0; i < b->count; i++) {
		double angle = between(0, 2 * M_PI), speed = between(60, 160);
		b->spheres[i] = (struct sphere) {
			.radius = between(10, 28), .dx = cos(angle) * speed, .dy = sin(angle) * speed,
			.colour = colours[(size_t)i % (sizeof colours / sizeof colours[0])],
			.x = between(30, WIDTH - 30), .y = between(30, HEIGHT - 30),
		};
	}
}

/* Off an edge, towards the middle; a window that shrank may have left them outside. */
static void off_edge(double *at, double *speed, double radius, double size)
{
	if (*at < radius)
		*speed = fabs(*speed);
	else if (*at > size - radius)
		*speed = -fabs(*speed);
	*at = fmin(fmax(*at, fmin(radius, size / 2)), fmax(size - radius, size / 2));
}

/* Two that touch and come closer exchange momentum along the line between them; the mass is the radius's cube. */
static void collide(struct sphere *a, struct sphere *b)
{
	double x = b->x - a->x, y = b->y - a->y, distance = hypot(x, y), closing, mass_a, mass_b, push;

	if (distance >= a->radius + b->radius || distance == 0)
		return;
	x /= distance;
	y /= distance;
	closing = (a->dx - b->dx) * x + (a->dy - b->dy) * y;
	if (closing <= 0)
		return;
	mass_a = pow(a->radius, 3);
	mass_b = pow(b->radius, 3);
	push = 2 * closing / (mass_a + mass_b);
	a->dx -= push * mass_b * x;
	a->dy -= push * mass_b * y;
	b->dx += push * mass_a * x;
	b->dy += push * mass_a * y;
}

static void move(struct bounce *b, double seconds)
{
	for (int i = 0; i < b->count; i++) {
		struct sphere *s = &b->spheres[i];
		s->x += s->dx * seconds;
		s->y += s->dy * seconds;
		off_edge(&s->x, &s->dx, s->radius, window_width(b->window));
		off_edge(&s->y, &s->dy, s->radius, window_height(b->window));
		for (int j = 0; j < i; j++)
			collide(s, &b->spheres[j]);
	}
}

static double elapsed(struct bounce *b)
{
	struct timespec now, before = b->before;

	clock_gettime(CLOCK_MONOTONIC, &now);
	b->before = now;
	return fmin((double)(now.tv_sec - before.tv_sec) + (double)(now.tv_nsec - before.tv_nsec) / 1e9, LONGEST);
}

/* ---- a frame -------------------------------------------------------------------- */

static uint32_t lighter(uint32_t colour, double how)
{
	uint32_t result = 0xff;

	for (int shift = 16; shift >= 0; shift -= 8) {
		uint32_t part = colour >> shift & 0xff;
		result = result << 8 | (part + (uint32_t)((255 - part) * how));
	}
	return result;
}

/* Discs, each smaller, brighter and nearer to the light, which comes from the upper left. */
static void draw_sphere(struct win *win, const struct sphere *s)
{
	for (int i = 0; i < RINGS; i++) {
		double part = (double)i / RINGS, shift = s->radius * part * 0.4;
		win_circle(win, (float)(s->x - shift), (float)(s->y - shift), (float)(s->radius * (1 - part)),
			lighter(s->colour, part * part));
	}
}

static int draw(struct bounce *b)
{
	struct win *win;
	double seconds = elapsed(b);
	int error = window_begin_frame(b->window, &win, NULL);

	if (error)
		return error == -EAGAIN ? 0 : error;
	if (!b->stopped)
		move(b, seconds * pow(STEP, b->speed));
	win_clear(win, BACKGROUND);
	for (int i = 0; i < b->count; i++)
		draw_sphere(win, &b->spheres[i]);
	if (!b->stopped)
		window_damage_all(b->window);
	return window_end_frame(b->window);
}

/* ---- the user ------------------------------------------------------------------- */

static void key(struct bounce *b, uint32_t symbol)
{
	if (symbol == XKB_KEY_plus || symbol == XKB_KEY_equal || symbol == XKB_KEY_KP_Add)
		b->speed = b->speed < SPEEDS ? b->speed + 1 : SPEEDS;
	else if (symbol == XKB_KEY_minus || symbol == XKB_KEY_KP_Subtract)
		b->speed = b->speed > -SPEEDS ? b->speed - 1 : -SPEEDS;
	else if (symbol == XKB_KEY_space)
		b->stopped = !b->stopped;
	else if (symbol == XKB_KEY_q || symbol == XKB_KEY_Escape)
		b->ended = true;
	else
		return;
	window_damage_all(b->window);
	show_speed(b);
}

static int handle(struct bounce *b, const struct window_event *event)
{
	switch (event->type) {
	case WINDOW_DRAW:
		return draw(b);
	case WINDOW_KEY:
		if (event->on)
			key(b, event->symbol);
		return 0;
	case WINDOW_CLOSE:
		b->ended = true;
		return 0;
	default:
		return 0;
	}
}

static int run(struct desktop *desktop, struct bounce *b)
{
	struct pollfd poll_for = { .fd = desktop_fd(desktop), .events = POLLIN };
	struct window_event event;
	int got = 0;

	while (!b->ended && got >= 0) {
		got = desktop_next(desktop, &event);
		if (got > 0)
			got = handle(b, &event);
		else if (got == 0)
			poll(&poll_for, 1, -1);
	}
	return got;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "bounce: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	struct bounce b = { .count = argc > 1 ? atoi(argv[1]) : SPHERES };
	struct desktop *desktop;
	int error;

	if (b.count < 1 || b.count > SPHERES_MOST) {
		fprintf(stderr, "usage: bounce [SPHERES], 1 to %d of them\n", SPHERES_MOST);
		return 2;
	}
	b.spheres = calloc((size_t)b.count, sizeof *b.spheres);
	if (!b.spheres)
		return fail("start", -ENOMEM);
	error = desktop_open(&desktop, NULL, WIN_ANY);
	if (error)
		return fail("the compositor", error);
	error = window_create(desktop, WIDTH, HEIGHT, "bounce", "bounce", NULL, &b.window);
	if (error)
		return fail("a window", error);
	start(&b);
	show_speed(&b);
	elapsed(&b);
	error = run(desktop, &b);
	desktop_close(desktop);
	free(b.spheres);
	return error < 0 ? fail("the compositor", error) : 0;
}
