/*
 * The terminal of user/bterm without a compositor: it draws into a picture, and its user is a script on standard input,
 * one call a line:
 *
 *     term any|gpu|software FONTS <script
 *
 *     start COLUMNS ROWS HISTORY SHELL-COMMAND   a new terminal, with this in it
 *     until TEXT, untilno TEXT, ended            go on until a row has this text, no row has it, the program has ended
 *     turn                                       what the program has written so far
 *     type TEXT                                  keys that type it; \e \n \t \\ and \xHH
 *     key SYMBOL MODIFIERS [TEXT]                a key, in hexadecimal, of xkbcommon and WINDOW_SHIFT...
 *     pointer X Y MODIFIERS, button BUTTON ON X Y TIME MODIFIERS, wheel Y X Y MODIFIERS, focus ON     as window events
 *     paste TEXT                                 the answer to what was asked for last
 *     size COLUMNS ROWS                          of the window
 *     show FILE                                  rows as text, then cursor, title, lines of history
 *     draw FILE, damaged FILE                    all pixels; only what was damaged since the last, over the one before
 *     copied FILE, selected FILE                 what was copied last, and what was selected
 *
 * A call that fails ends it with a line that names the line.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bterm/select.h"
#include "bterm/term.h"
#include "bterm/utf8.h"

static struct win_device *device;
static struct draw *draw;
static struct term *term;
static struct win *picture;
static struct window_area damage;       /* what is to be drawn again: the least area with all of it */
static int width, height;
static bool ended, asked;
static enum window_selection asked_for;
static char title[300], *copied[WINDOW_SELECTIONS];
static size_t copied_count[WINDOW_SELECTIONS];

/* ---- the window ------------------------------------------------------------------------ */

static void on_damage(void *user, struct window_area a)
{
	int right = a.x + a.width, bottom = a.y + a.height;

	(void)user;
	if (damage.width) {
		right = right > damage.x + damage.width ? right : damage.x + damage.width;
		bottom = bottom > damage.y + damage.height ? bottom : damage.y + damage.height;
		a.x = a.x < damage.x ? a.x : damage.x;
		a.y = a.y < damage.y ? a.y : damage.y;
	}
	damage = (struct window_area) { a.x, a.y, right - a.x, bottom - a.y };
}

static void on_title(void *user, const char *text)
{
	(void)user;
	snprintf(title, sizeof title, "%s", text);
}

static void on_copy(void *user, enum window_selection which, const char *bytes, size_t count)
{
	(void)user;
	free(copied[which]);
	copied[which] = malloc(count + 1);
	memcpy(copied[which], bytes, count);
	copied_count[which] = count;
}

static void on_paste(void *user, enum window_selection which)
{
	(void)user;
	asked = true;
	asked_for = which;
}

static const struct term_host host = { .damage = on_damage, .title = on_title, .copy = on_copy, .paste = on_paste };

/* ---- what the terminal shows ------------------------------------------------------------- */

/* A line of the screen as UTF-8, without the blanks at its end, in room that the next call uses again. */
static const char *row_text(int row)
{
	static char *text;
	static struct cell *cells;
	const struct screen *s = term_screen(term);
	size_t n = 0, end = 0;

	cells = realloc(cells, (size_t)screen_cols(s) * sizeof *cells);
	text = realloc(text, (size_t)screen_cols(s) * CELL_CHARS * UTF8_MOST + 1);
	screen_line(s, screen_top(s) + row, cells);
	for (int col = 0; col < screen_cols(s); col++) {
		if (cells[col].width == 0)
			continue;
		for (int i = 0; i < CELL_CHARS && (i == 0 || cells[col].chars[i]); i++)
			n += utf8_put(text + n, cells[col].chars[i] ? cells[col].chars[i] : ' ');
		if (cells[col].chars[0] && cells[col].chars[0] != ' ')
			end = n;
	}
	text[end] = '\0';
	return text;
}

static bool seen(const char *what)
{
	for (int row = 0; row < screen_rows(term_screen(term)); row++)
		if (strstr(row_text(row), what))
			return true;
	return false;
}

static int show(const char *path)
{
	const struct screen *s = term_screen(term);
	struct cursor c = screen_cursor(s);
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	for (int row = 0; row < screen_rows(s); row++)
		fprintf(f, "%s\n", row_text(row));
	fprintf(f, "cursor %d %d %d %d\ntitle %s\nhistory %lld\nalternate %d\n", c.row, c.col, c.visible, c.shape, title,
		(long long)(screen_top(s) - screen_oldest(s)), screen_alternate(s));
	return fclose(f) ? -errno : 0;
}

static int put_file(const char *path, const void *bytes, size_t count)
{
	FILE *f = fopen(path, "w");
	int error = !f || fwrite(bytes, 1, count, f) != count ? -EIO : 0;

	if (f && fclose(f))
		error = -errno;
	return error;
}

/* Draw all, or the damage with everything around it left as it is; then all pixels. */
static int picture_to(const char *path, bool all)
{
	struct window_area area = all ? (struct window_area) { 0, 0, width, height } : damage;
	size_t count = (size_t)width * (size_t)height;
	uint32_t *before = malloc(count * 4), *pixels = malloc(count * 4);
	int error = !before || !pixels ? -ENOMEM : win_read(picture, before);

	if (!error)
		error = win_begin_frame(picture);
	if (!error) {
		term_draw(term, picture, area);
		error = win_end_frame(picture);
	}
	if (!error)
		error = win_read(picture, pixels);
	for (int y = 0; y < height && !error; y++)
		for (int x = 0; x < width; x++)
			if (y < area.y || y >= area.y + area.height || x < area.x || x >= area.x + area.width)
				pixels[y * width + x] = before[y * width + x];
	if (!error)
		error = win_write(picture, pixels);
	if (!error)
		error = put_file(path, pixels, count * 4);
	damage = (struct window_area) { 0 };
	free(before);
	free(pixels);
	return error;
}

/* ---- calls --------------------------------------------------------------------------------- */

static int start(const char *rest)
{
	struct term_options options = { 0 };
	int cols, rows, at = 0, error;

	if (sscanf(rest, "%d %d %d %n", &cols, &rows, &options.history, &at) < 3)
		return -EINVAL;
	if (term)
		term_free(term);
	if (picture)
		win_destroy(picture);
	term_size_for(draw, rows, cols, &width, &height);
	options.width = width;
	options.height = height;
	options.argv = (char *[]) { "/bin/sh", "-c", (char *)rest + at, NULL };
	ended = false;
	title[0] = '\0';
	error = win_create(device, width, height, &picture);
	return error ? error : term_new(&term, draw, &options, &host, NULL);
}

/* One turn of the loop that a window would have. */
static void turn(void)
{
	struct pollfd fd = { .fd = term_fd(term), .events = term_poll_events(term) };

	poll(&fd, 1, term_timeout(term));
	ended = !term_turn(term, fd.revents);
}

static int until(const char *text, bool there)
{
	while (seen(text) != there) {
		if (ended)
			return -EPIPE;
		turn();
	}
	return 0;
}

/* In place: \e \n \t \\ \xHH. */
static size_t unescape(char *text)
{
	static const char signs[] = "ent\\", means[] = "\033\n\t\\";
	char *to = text;
	unsigned code;

	for (const char *at = text; *at; at++) {
		const char *sign = *at == '\\' && at[1] ? strchr(signs, at[1]) : NULL;
		if (sign) {
			*to++ = means[sign - signs];
			at++;
		} else if (*at == '\\' && sscanf(at, "\\x%2x", &code) == 1) {
			*to++ = (char)code;
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void press(uint32_t symbol, uint32_t modifiers, const char *text)
{
	struct window_event e = { .type = WINDOW_KEY, .on = true, .symbol = symbol, .modifiers = modifiers };

	snprintf(e.text, sizeof e.text, "%s", text);
	term_event(term, &e);
	e.on = false;
	e.text[0] = '\0';
	term_event(term, &e);
}

static int type(char *text)
{
	unescape(text);
	for (const char *at = text, *from = at; utf8_take(&at); from = at) {
		char one[UTF8_MOST + 1] = "";
		memcpy(one, from, (size_t)(at - from));
		if (*one == '\n')
			press(0xff0d, 0, "\r");
		else if (*one == '\033')
			press(0xff1b, 0, "\033");
		else
			press((unsigned char)*one, 0, one);
	}
	return 0;
}

static int paste(char *text)
{
	struct window_event e = { .type = WINDOW_PASTE, .which = asked_for };

	if (!asked)
		return -EAGAIN;
	asked = false;
	e.count = unescape(text);
	e.bytes = text;
	term_event(term, &e);
	return 0;
}

static int set_size(int cols, int rows)
{
	struct window_event e = { .type = WINDOW_RESIZE };
	int error;

	win_destroy(picture);
	picture = NULL;
	term_size_for(draw, rows, cols, &width, &height);
	e.width = width;
	e.height = height;
	error = win_create(device, width, height, &picture);
	if (!error)
		term_event(term, &e);
	return error;
}

/* Events of keys and pointer; -EOPNOTSUPP if it is none. */
static int input(const char *word, const char *rest)
{
	struct window_event e = { 0 };
	int on = 0;

	if (!strcmp(word, "key") && sscanf(rest, "%x %x %15s", &e.symbol, &e.modifiers, e.text) >= 2) {
		press(e.symbol, e.modifiers, e.text);
		return 0;
	}
	if (!strcmp(word, "pointer") && sscanf(rest, "%lf %lf %x", &e.x, &e.y, &e.modifiers) == 3)
		e.type = WINDOW_POINTER;
	else if (!strcmp(word, "button") &&
		 sscanf(rest, "%x %d %lf %lf %u %x", &e.button, &on, &e.x, &e.y, &e.time, &e.modifiers) == 6)
		e.type = WINDOW_BUTTON;
	else if (!strcmp(word, "wheel") && sscanf(rest, "%lf %lf %lf %x", &e.wheel_y, &e.x, &e.y, &e.modifiers) == 4)
		e.type = WINDOW_WHEEL;
	else if (!strcmp(word, "focus") && sscanf(rest, "%d", &on) == 1)
		e.type = WINDOW_FOCUS;
	else
		return -EOPNOTSUPP;
	e.on = on;
	term_event(term, &e);
	return 0;
}

static int call(const char *word, char *rest)
{
	int cols, rows;

	if (!strcmp(word, "start"))
		return start(rest);
	if (!term)
		return -EINVAL;
	if (!strcmp(word, "until") || !strcmp(word, "untilno"))
		return until(rest, word[5] == '\0');
	if (!strcmp(word, "ended")) {
		while (!ended)
			turn();
		return 0;
	}
	if (!strcmp(word, "turn"))
		return term_turn(term, POLLIN), 0;
	if (!strcmp(word, "type"))
		return type(rest);
	if (!strcmp(word, "paste"))
		return paste(rest);
	if (!strcmp(word, "size") && sscanf(rest, "%d %d", &cols, &rows) == 2)
		return set_size(cols, rows);
	if (!strcmp(word, "show"))
		return show(rest);
	if (!strcmp(word, "draw") || !strcmp(word, "damaged"))
		return picture_to(rest, word[1] == 'r');
	if (!strcmp(word, "copied"))
		return put_file(rest, copied[WINDOW_CLIPBOARD], copied_count[WINDOW_CLIPBOARD]);
	if (!strcmp(word, "selected"))
		return put_file(rest, copied[WINDOW_PRIMARY], copied_count[WINDOW_PRIMARY]);
	return input(word, rest);
}

int main(int argc, char **argv)
{
	const char *asked_way = argc > 1 ? argv[1] : "any", *fonts = argc > 2 ? argv[2] : "";
	enum win_drawing how = !strcmp(asked_way, "any") ? WIN_ANY : !strcmp(asked_way, "gpu") ? WIN_GPU : WIN_SOFTWARE;
	char line[4096], word[16], regular[256], bold[256], other[256];
	int error = win_open(&device, NULL, how), number = 0;

	signal(SIGCHLD, SIG_IGN);
	snprintf(regular, sizeof regular, "%s/DejaVuSansMono.ttf", fonts);
	snprintf(bold, sizeof bold, "%s/DejaVuSansMono-Bold.ttf", fonts);
	snprintf(other, sizeof other, "%s/DejaVuSans.ttf", fonts);
	if (!error)
		error = draw_open(&draw, device, regular, bold, other, DRAW_CELL_WIDTH);
	if (error) {
		printf("open: %s\n", strerror(-error));
		return 1;
	}
	while (fgets(line, sizeof line, stdin)) {
		int at = 0;
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%15s %n", word, &at) != 1)
			continue;
		error = call(word, line + at);
		if (error) {
			printf("line %d: %s: %s\n", number, word, strerror(-error));
			for (int row = 0; term && row < screen_rows(term_screen(term)); row++)
				printf("| %s\n", row_text(row));
			return 1;
		}
	}
	return 0;
}
