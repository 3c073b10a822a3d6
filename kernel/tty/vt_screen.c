/*
 * The console on a screen as Linux's first virtual terminal: /dev/tty1, and /dev/tty0, the one that is seen. Screens
 * come here (screen.h), the log if console= says so or there is nothing else to show it on, and what the keyboard
 * typed.
 *
 * Order of locks: screens' mutex, then [v]; the log and the terminal are outside of [v].
 */
#include <linux/kd.h>
#include <linux/major.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/slab.h"
#include "sched/core_event.h"
#include "sched/cred.h"
#include "sched/mutex.h"
#include "sched/pid.h"
#include "tty/tty.h"
#include "tty/vt.h"

#define COLUMNS_MIN	20u
#define ROWS_MIN	4u
#define COLUMNS_MAX	1024u

static struct mutex screens = MUTEX_INIT(screens, "screens");	/* [m] */
static struct vt *vt;			/* made with the first screen, never gone; set once */

/* ---- bytes in and out -------------------------------------------------------------------------------------- */

static size_t vt_write(struct console *c, const char *s, size_t n)
{
	struct vt *v = container_of(c, struct vt, console);
	u64 flags = spin_lock_irqsave(&v->lock);

	vt_put(v, s, n);
	spin_unlock_irqrestore(&v->lock, flags);
	work_queue(&v->draw);
	return n;
}

/* Lines of the log end without a carriage return. */
static void log_put(struct vt *v, const char *s, size_t n)
{
	vt_put(v, s, n);
	vt_put(v, "\r", 1);
}

/* Nobody is woken under the log's lock: log_came is called behind it. */
static void vt_log(struct log_sink *k, const char *s, size_t n)
{
	u64 flags = spin_lock_irqsave(&vt->lock);

	log_put(vt, s, n);
	spin_unlock_irqrestore(&vt->lock, flags);
}

static void vt_log_panic(struct log_sink *k, const char *s, size_t n)
{
	log_put(vt, s, n);
	if (vt->screen)
		vt_show(vt, true);
}

static bool log_came(struct waiter *w, u32 events)
{
	if (READ_ONCE(vt->changed))
		work_queue(&vt->draw);
	return false;
}

void vt_type(const char *s, size_t n)
{
	if (READ_ONCE(vt))
		console_input(&vt->console, s, n);
}

bool vt_application_keys(void)
{
	return READ_ONCE(vt) && READ_ONCE(vt->application);
}

/* What the terminal answers is typed, as it were. */
static void replies_pass(struct vt *v)
{
	char reply[VT_REPLY];
	u64 flags = spin_lock_irqsave(&v->lock);
	u32 n = v->reply_used;

	memcpy(reply, v->reply, n);
	v->reply_used = 0;
	v->changed = false;
	spin_unlock_irqrestore(&v->lock, flags);
	if (n)
		console_input(&v->console, reply, n);
}

static void draw(struct work *w)
{
	struct vt *v = container_of(w, struct vt, draw);

	replies_pass(v);
	mutex_lock(&screens);
	if (v->screen && !v->yielded)
		vt_show(v, false);
	mutex_unlock(&screens);
}

/* ---- ioctl_console(2) -------------------------------------------------------------------------------------- */

/* Whose terminal it is may say who draws, and who has CAP_SYS_TTY_CONFIG. */
static bool may_set(const struct vt *v)
{
	const struct tty *t = v->console.tty;
	s32 session = READ_ONCE(t->session);

	return (session && session == pid_current_session()) || current_capable(CRED_SYS_TTY_CONFIG);
}

/* KD_GRAPHICS: a program draws on the screen, letters are kept back; KD_TEXT: all of them are drawn anew. */
static long mode_set(struct vt *v, u64 mode)
{
	if (!may_set(v))
		return -EPERM;
	if (mode > KD_TEXT1)
		return -EINVAL;
	mutex_lock(&screens);
	v->yielded = mode == KD_GRAPHICS;
	if (!v->yielded) {
		memset(v->shown, 0xff, (size_t)v->columns * v->rows * sizeof(*v->shown));
		work_queue(&v->draw);
	}
	mutex_unlock(&screens);
	return 0;
}

static long vt_ioctl(struct console *c, u32 cmd, u64 arg)
{
	struct vt *v = container_of(c, struct vt, console);
	u8 keyboard = KB_101;

	switch (cmd) {
	case KDGKBTYPE:
		return copy_to_user(arg, &keyboard, sizeof(keyboard)) ? -EFAULT : 0;
	case KDGETMODE:
		return put_user_u32(arg, READ_ONCE(v->yielded) ? KD_GRAPHICS : KD_TEXT);
	case KDSETMODE:
		return mode_set(v, arg);
	}
	return 1;
}

/* ---- screens ----------------------------------------------------------------------------------------------- */

static bool screen_fits(const struct screen *s, u32 *columns, u32 *rows)
{
	u32 masks = s->red | s->green | s->blue;

	if (!s->pixels || !masks || s->stride / 4 < s->width || (s->stride & 3))
		return false;
	vt_measure(s, columns, rows);
	*columns = MIN(*columns, COLUMNS_MAX);
	return *columns >= COLUMNS_MIN && *rows >= ROWS_MIN;
}

/* What the new grid keeps of the old one: its lower rows, with the cursor's among them. [v] */
static void cells_keep(struct vt *v, const vt_cell *old, u32 columns, u32 rows)
{
	u32 skip = v->y >= v->rows ? v->y - v->rows + 1 : 0;

	for (u32 row = 0; row < MIN(v->rows, rows - skip); row++)
		memcpy(v->cells + row * v->columns, old + (row + skip) * columns, MIN(columns, v->columns) * sizeof(vt_cell));
	v->y -= skip;
	v->x = MIN(v->x, v->columns - 1);
}

/* A grid for the screen; what is in the old one goes over. [m] */
static int grid_make(struct vt *v, u32 columns, u32 rows)
{
	vt_cell *cells = kcalloc((size_t)columns * rows, sizeof(*cells));
	vt_cell *shown = kcalloc((size_t)columns * rows, sizeof(*shown));
	vt_cell *old = v->cells;
	u32 old_columns = v->columns, old_rows = v->rows, x = v->x, y = v->y;
	struct tty *t = v->console.tty;
	u64 flags;

	if (!cells || !shown) {
		kfree(cells);
		kfree(shown);
		return -ENOMEM;
	}
	memset(shown, 0xff, (size_t)columns * rows * sizeof(*shown));
	flags = spin_lock_irqsave(&v->lock);
	v->cells = cells;
	v->columns = columns;
	v->rows = rows;
	vt_reset(v);
	if (old) {
		v->x = x;
		v->y = y;
		cells_keep(v, old, old_columns, old_rows);
	}
	spin_unlock_irqrestore(&v->lock, flags);
	kfree(old);
	kfree(v->shown);
	v->shown = shown;
	if (t)
		tty_resize(t, &(struct winsize){ .ws_row = rows, .ws_col = columns });
	return 0;
}

static int tty0_open(struct file *f, struct chardev *dev)
{
	return tty_file_open(vt->console.tty, f, false);
}

/* The terminal over it, and the log. */
static int vt_start(struct vt *v)
{
	static struct chardev tty0 = { .name = "tty0", .major = TTY_MAJOR, .minor = 0, .mode = 0620, .ops = &tty_file_ops,
				       .open = tty0_open };
	static struct log_sink sink = { .write = vt_log, .write_panic = vt_log_panic };
	static struct waiter lines = { .wake = log_came };
	struct tty *t;

	console_register(&v->console);
	t = v->console.tty;
	if (!t)
		return -ENOMEM;
	t->size = (struct winsize){ .ws_row = v->rows, .ws_col = v->columns };
	if (console_shows_log(&v->console)) {
		list_init(&lines.node);
		log_sink_add(&sink);
		waiter_add(&core_event_wait[CORE_EVENT_LOG], &lines);
	}
	return chardev_register(&tty0);
}

static struct vt *vt_new(void)
{
	struct vt *v = kzalloc(sizeof(*v));

	if (!v)
		return NULL;
	spin_init(&v->lock, "vt");
	v->draw.fn = draw;
	v->console = (struct console){ .name = "tty1", .alias = "tty0", .major = TTY_MAJOR, .minor = 1, .write = vt_write,
				       .ioctl = vt_ioctl };
	return v;
}

static int screen_take(struct screen *s)
{
	u32 columns, rows;
	struct vt *v = vt;
	int err;

	if (v && v->screen)
		return -EBUSY;
	if (!screen_fits(s, &columns, &rows))
		return -EINVAL;
	if (!v)
		v = vt_new();
	err = v ? grid_make(v, columns, rows) : -ENOMEM;
	if (err) {
		if (v != vt)
			kfree(v);
		return err;
	}
	v->screen = s;
	v->yielded = false;
	if (v != vt) {
		WRITE_ONCE(vt, v);
		err = vt_start(v);
	}
	work_queue(&v->draw);
	return err;
}

int screen_register(struct screen *s)
{
	int err;

	mutex_lock(&screens);
	err = screen_take(s);
	mutex_unlock(&screens);
	return err;
}

void screen_unregister(struct screen *s)
{
	mutex_lock(&screens);
	if (vt && vt->screen == s)
		vt->screen = NULL;
	mutex_unlock(&screens);
}
