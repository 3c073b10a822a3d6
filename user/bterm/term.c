/* The terminal: what the program, the user and the time do to it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "mouse.h"
#include "pty.h"
#include "scrollbar.h"
#include "term.h"
#include "termdata.h"

enum {
	READ_BYTES = 16 << 10,          /* one read */
	TURN_BYTES = 64 << 10,          /* of the program's output in a turn, before keys and frames have theirs */
	WAITING_MOST = 16 << 20,        /* bytes that a program has not read yet; what comes on top is lost */
	PASTE_MOST = 8 << 20,
	FLASH_MS = 80,
	BLINK_MS = 530,
	LEAST_COLS = 2, LEAST_ROWS = 1, /* the least that a wide letter fits into */
};

/* ---- what is seen, and damage ---------------------------------------------------------- */

static void damage_all(struct term *t)
{
	t->host->damage(t->user, (struct window_area) { 0, 0, t->width, t->height });
}

/* Rows of the window. */
static void damage_rows(struct term *t, int64_t first, int64_t end)
{
	int rows = screen_rows(t->screen);

	if (first < 0)
		first = 0;
	if (end > rows)
		end = rows;
	if (first < end)
		t->host->damage(t->user, draw_rows_area(t->draw, (int)first, (int)end, t->width));
}

void term_damage_selection(struct term *t)
{
	if (select_some(&t->selection))
		damage_rows(t, t->selection.from.line - t->view, t->selection.to.line + 1 - t->view);
}

static void damage_cursor(struct term *t)
{
	int64_t row = screen_top(t->screen) + screen_cursor(t->screen).row - t->view;

	damage_rows(t, row, row + 1);
}

/* Look at the lines from this one on, as far as there are such; at the bottom, follow the output. */
void term_look(struct term *t, int64_t line)
{
	int64_t oldest = screen_oldest(t->screen), top = screen_top(t->screen), before = t->view;

	t->following = line >= top;
	t->view = t->following ? top : line < oldest ? oldest : line;
	if (t->view != before)
		damage_all(t);
}

/* The screen has changed: see more of it, or the same lines as before as long as they are kept. */
static void follow_screen(struct term *t)
{
	int64_t top = screen_top(t->screen), first = -1;
	int rows = screen_rows(t->screen);

	if (t->following)
		t->view = top;
	else
		term_look(t, t->view);
	for (int row = 0; row <= rows; row++) {
		bool damaged = row < rows && screen_take_damage(t->screen, row);
		if (damaged && first < 0)
			first = row;
		if (!damaged && first >= 0) {
			damage_rows(t, top + first - t->view, top + row - t->view);
			first = -1;
		}
	}
	scrollbar_update(t);
	if (t->title) {
		t->host->title(t->user, t->title);
		free(t->title);
		t->title = NULL;
	}
}

/* ---- what the screen tells --------------------------------------------------------------- */

static void on_reply(void *user, const char *bytes, size_t count)
{
	struct term *t = user;

	pty_write(t->pty, bytes, count, WAITING_MOST);
}

/* Many titles in one turn are told as one: the last. */
static void on_title(void *user, const char *title)
{
	struct term *t = user;
	char *copy = strdup(title);

	if (copy) {
		free(t->title);
		t->title = copy;
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_bell(void *user)
{
	struct term *t = user;

	if (!t->flash_end)
		damage_all(t);
	t->flash_end = now_ms() + FLASH_MS;
}

/* Text that is no more is not selected. */
static void on_changed(void *user, int64_t first, int64_t end)
{
	struct term *t = user;

	if (select_touches(&t->selection, first, end)) {
		term_damage_selection(t);
		select_none(&t->selection);
		t->selecting = false;
	}
}

static const struct screen_events screen_events = {
	.reply = on_reply, .title = on_title, .bell = on_bell, .changed = on_changed,
};

/* ---- size ---------------------------------------------------------------------------------- */

static struct pty_size size_of(const struct draw *draw, int width, int height)
{
	struct pty_size size = {
		.rows = (height - 2 * DRAW_MARGIN) / draw_cell_height(draw),
		.cols = (width - 2 * DRAW_MARGIN - DRAW_BAR) / draw_cell_width(draw),
	};

	if (size.rows < LEAST_ROWS)
		size.rows = LEAST_ROWS;
	if (size.cols < LEAST_COLS)
		size.cols = LEAST_COLS;
	size.width = size.cols * draw_cell_width(draw);
	size.height = size.rows * draw_cell_height(draw);
	return size;
}

void term_size_for(const struct draw *draw, int rows, int cols, int *width, int *height)
{
	*width = cols * draw_cell_width(draw) + 2 * DRAW_MARGIN + DRAW_BAR;
	*height = rows * draw_cell_height(draw) + 2 * DRAW_MARGIN;
}

static void resize(struct term *t, int width, int height)
{
	struct pty_size size = size_of(t->draw, width, height);

	t->width = width;
	t->height = height;
	if (size.rows != screen_rows(t->screen) || size.cols != screen_cols(t->screen)) {
		select_none(&t->selection);
		t->selecting = false;
		screen_resize(t->screen, size.rows, size.cols);
		pty_resize(t->pty, size);
		follow_screen(t);
	}
	damage_all(t);
}

/* ---- keys and pasting ------------------------------------------------------------------------ */

/* Text of a selection, typed: between brackets if the program asked for them. */
static void paste(struct term *t, const char *bytes, size_t count)
{
	char *text;

	if (!count || count > PASTE_MOST || !(text = malloc(count)))
		return;
	memcpy(text, bytes, count);
	count = keys_clean_paste(text, count);
	vterm_keyboard_start_paste(screen_vterm(t->screen));
	pty_write(t->pty, text, count, WAITING_MOST);
	vterm_keyboard_end_paste(screen_vterm(t->screen));
	free(text);
	term_look(t, screen_top(t->screen));
}

static void copy(struct term *t, enum window_selection which)
{
	size_t count;
	char *text = select_text(&t->selection, t->screen, &count);

	if (text)
		t->host->copy(t->user, which, text, count);
	free(text);
}

void term_copy_primary(struct term *t)
{
	copy(t, WINDOW_PRIMARY);
}

/* The terminal's own keys, which programs do not see; false if this is none. */
static bool own_key(struct term *t, const struct window_event *e)
{
	uint32_t modifiers = e->modifiers & (WINDOW_SHIFT | WINDOW_CTRL | WINDOW_ALT);
	int64_t page = screen_rows(t->screen) > 1 ? screen_rows(t->screen) - 1 : 1;

	switch (keys_own(e->symbol, modifiers)) {
	case KEYS_COPY: copy(t, WINDOW_CLIPBOARD); return true;
	case KEYS_PASTE: t->host->paste(t->user, WINDOW_CLIPBOARD); return true;
	case KEYS_PASTE_PRIMARY: t->host->paste(t->user, WINDOW_PRIMARY); return true;
	case KEYS_PAGE_UP: term_look(t, t->view - page); return true;
	case KEYS_PAGE_DOWN: term_look(t, t->view + page); return true;
	case KEYS_OLDEST: term_look(t, screen_oldest(t->screen)); return true;
	case KEYS_NEWEST: term_look(t, screen_top(t->screen)); return true;
	case KEYS_SELECT_ALL:
		term_damage_selection(t);
		select_all(&t->selection, t->screen);
		term_damage_selection(t);
		term_copy_primary(t);
		return true;
	default: return false;
	}
}

static void press(struct term *t, const struct window_event *e)
{
	if (own_key(t, e) || !keys_press(screen_vterm(t->screen), e))
		return;
	term_look(t, screen_top(t->screen));
	t->cursor_off = false;
	t->blink_at = now_ms() + BLINK_MS;
}

static void focus(struct term *t, bool on)
{
	VTermState *state = vterm_obtain_state(screen_vterm(t->screen));

	if (t->focused == on)
		return;
	t->focused = on;
	t->cursor_off = false;
	t->blink_at = now_ms() + BLINK_MS;
	if (on)
		vterm_state_focus_in(state);
	else
		vterm_state_focus_out(state);
	damage_cursor(t);
}

void term_event(struct term *t, const struct window_event *e)
{
	switch (e->type) {
	case WINDOW_RESIZE: resize(t, e->width, e->height); break;
	case WINDOW_FOCUS: focus(t, e->on); break;
	case WINDOW_KEY:
		if (e->on)
			press(t, e);
		break;
	case WINDOW_POINTER: mouse_move(t, e); break;
	case WINDOW_BUTTON: mouse_button(t, e); break;
	case WINDOW_WHEEL: mouse_wheel(t, e); break;
	case WINDOW_PASTE: paste(t, e->bytes, e->count); break;
	default: break;
	}
	follow_screen(t);
}

/* ---- time ---------------------------------------------------------------------------------------- */

static bool blinking(const struct term *t)
{
	struct cursor cursor = screen_cursor(t->screen);

	return t->blink && t->focused && cursor.visible && cursor.blinks;
}

int term_timeout(const struct term *t)
{
	int64_t next = t->flash_end, left;

	if (blinking(t) && (!next || t->blink_at < next))
		next = t->blink_at;
	left = next - now_ms();
	return !next ? -1 : left > 0 ? (int)left : 0;
}

static void pass_time(struct term *t)
{
	int64_t now;

	if (!t->flash_end && !t->blink)
		return;
	now = now_ms();
	if (t->flash_end && now >= t->flash_end) {
		t->flash_end = 0;
		damage_all(t);
	}
	if (blinking(t) && now >= t->blink_at) {
		t->cursor_off = !t->cursor_off;
		t->blink_at = now + BLINK_MS;
		damage_cursor(t);
	} else if (t->cursor_off && !blinking(t)) {
		t->cursor_off = false;
		damage_cursor(t);
	}
}

/* ---- the terminal ----------------------------------------------------------------------------------- */

int term_new(struct term **result, const struct draw *draw, const struct term_options *options,
	     const struct term_host *host, void *user)
{
	struct pty_size size = size_of(draw, options->width, options->height);
	struct term *t = calloc(1, sizeof *t);
	int error;

	if (!t)
		return -ENOMEM;
	t->draw = draw;
	t->host = host;
	t->user = user;
	t->width = options->width;
	t->height = options->height;
	t->blink = options->blink;
	t->following = true;
	error = pty_start(&t->pty, options->argv, size);
	if (!error)
		error = screen_new(&t->screen, size.rows, size.cols, options->history, &screen_events, t);
	if (error) {
		term_free(t);
		return error;
	}
	*result = t;
	return 0;
}

void term_free(struct term *t)
{
	if (t->screen)
		screen_free(t->screen);
	if (t->pty)
		pty_close(t->pty);
	osc52_free(&t->osc52);
	free(t->title);
	free(t);
}

int term_fd(const struct term *t)
{
	return pty_fd(t->pty);
}

short term_poll_events(const struct term *t)
{
	return pty_events(t->pty);
}

bool term_turn(struct term *t, short events)
{
	char bytes[READ_BYTES];
	ssize_t got = 0;

	if (events & POLLOUT)
		pty_flush(t->pty);
	if (events & (POLLIN | POLLHUP | POLLERR))
		for (size_t all = 0; all < TURN_BYTES; all += (size_t)got) {
			got = pty_read(t->pty, bytes, sizeof bytes);
			if (got <= 0)
				break;
			osc52_read(&t->osc52, bytes, (size_t)got, t->host->copy, t->user);
			screen_write(t->screen, bytes, (size_t)got);
		}
	pass_time(t);
	follow_screen(t);
	return got >= 0;
}

void term_draw(struct term *t, struct win *win, struct window_area area)
{
	struct draw_view view = {
		.screen = t->screen, .selection = &t->selection, .top = t->view, .focused = t->focused,
		.cursor = !t->cursor_off, .flash = t->flash_end != 0, .thumb = scrollbar_thumb(t),
	};

	draw_terminal(t->draw, win, area, &view);
}

const struct screen *term_screen(const struct term *t)
{
	return t->screen;
}
