/*
 * Hardware consoles as terminals, and the names by which they are reached:
 * /dev/ttyAMA0, /dev/console (the one that console= names last, else the
 * first), /dev/tty (the caller's controlling one).
 *
 * A UART driver calls console_register, console_input and console_tx_ready
 * (tty/console.h); init's descriptors come from console_open.
 */
#include <linux/fcntl.h>
#include <linux/major.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "core/param.h"
#include "dev/device.h"
#include "fs/devfs.h"
#include "fs/sysfs.h"
#include "tty/console.h"
#include "tty/tty.h"

#define WANTED_MAX	8u		/* as on Linux; more are left out */
static const char *wanted[WANTED_MAX];	/* each console= */
static u32 wanted_count;

static int wanted_set(const char *value)
{
	if (!*value || wanted_count == WANTED_MAX)
		return -EINVAL;
	wanted[wanted_count++] = value;
	return 0;
}
PARAM("console", wanted_set);

/* Is the console= this one's? "ttyAMA0,115200": the speed is the machine's business. */
static bool named_by(const struct console *c, const char *word)
{
	const char *comma = strchr(word, ',');
	size_t len = comma ? (size_t)(comma - word) : strlen(word);

	return (strlen(c->name) == len && !memcmp(c->name, word, len)) ||
	       (c->alias && strlen(c->alias) == len && !memcmp(c->alias, word, len));
}

static struct mutex consoles_lock = MUTEX_INIT(consoles_lock, "consoles");	/* [C] */
static struct list_node consoles = LIST_INIT(consoles);	/* struct console.node [C] */
static bool names_ready;		/* /dev exists [C] */

static size_t device_write(struct tty *t, const char *s, size_t n)
{
	struct console *c = t->device;

	return c->write(c, s, n);
}

static void device_input_resume(struct tty *t)
{
	struct console *c = t->device;

	if (c->input_resume)
		c->input_resume(c);
}

static bool device_drained(struct tty *t)
{
	struct console *c = t->device;

	return !tty_output_used(t) && (!c->drained || c->drained(c));
}

static long device_ioctl(struct tty *t, u32 cmd, u64 arg)
{
	struct console *c = t->device;

	return c->ioctl ? c->ioctl(c, cmd, arg) : 1;
}

static void device_forget(struct tty *t)
{
	struct console *c = t->device;

	c->release(c);
}

static const struct tty_driver console_driver = {
	.write = device_write,
	.input_resume = device_input_resume,
	.drained = device_drained,
	.ioctl = device_ioctl,
	.forget = device_forget,
};

static int tty_node_open(struct file *f, struct chardev *dev)
{
	return tty_file_open(dev->arg, f, false);
}

static void node_register(struct console *c)
{
	struct tty *t = c->tty;
	int err;

	t->chardev = (struct chardev){
		.name = c->name, .major = c->major, .minor = c->minor, .mode = 0600,
		.ops = &tty_file_ops, .open = tty_node_open, .arg = t,
	};
	err = chardev_register(&t->chardev);
	if (err)
		log_err("%s: no device node (error %d)", c->name, -err);
}

void console_register(struct console *c)
{
	struct tty *t = tty_new(&console_driver, c);

	if (!t) {
		log_err("%s: no memory for a terminal", c->name);
		return;
	}
	strlcpy(t->name, c->name, sizeof(t->name));
	t->major = c->major;
	t->minor = c->minor;
	mutex_lock(&consoles_lock);
	c->tty = t;
	list_push_back(&consoles, &c->node);
	if (names_ready)
		node_register(c);
	mutex_unlock(&consoles_lock);
}

void console_unregister(struct console *c)
{
	struct tty *t = c->tty;

	if (!t) {
		c->release(c);
		return;
	}
	mutex_lock(&consoles_lock);
	list_remove(&c->node);
	mutex_unlock(&consoles_lock);
	chardev_unregister(&t->chardev);
	tty_hang_up(t, true);
	tty_put(t);
}

size_t console_input(struct console *c, const char *s, size_t n)
{
	return c->tty ? tty_input(c->tty, s, n) : n;
}

void console_tx_ready(struct console *c)
{
	if (c->tty)
		tty_output_ready(c->tty);
}

static bool is_wanted(const struct console *c)
{
	for (u32 i = 0; i < wanted_count; i++)
		if (named_by(c, wanted[i]))
			return true;
	return false;
}

bool console_shows_log(const struct console *c)
{
	bool first;

	if (is_wanted(c))
		return true;
	mutex_lock(&consoles_lock);
	first = list_first(&consoles, struct console, node) == c;
	mutex_unlock(&consoles_lock);
	return !wanted_count && first;
}

/* [C] */
static struct console *console_choose(void)
{
	struct console *c;

	for (u32 i = wanted_count; i--; )
		list_for_each(c, &consoles, node)
			if (named_by(c, wanted[i]))
				return c;
	return list_empty(&consoles) ? NULL : list_first(&consoles, struct console, node);
}

struct file *console_open(void)
{
	struct file *f;

	return devfs_open("console", O_RDWR, &f) ? NULL : f;
}

/*
 * The console of the last console= that is there, else the first. It is never made the opener's controlling terminal,
 * as on Linux.
 */
static int console_node_open(struct file *f, struct chardev *dev)
{
	struct tty *t = NULL;
	struct console *c;
	int err;

	mutex_lock(&consoles_lock);
	c = console_choose();
	if (c) {
		t = c->tty;
		tty_get(t);
	}
	mutex_unlock(&consoles_lock);
	err = t ? tty_file_open(t, f, true) : -ENODEV;
	tty_put(t);
	return err;
}

static int current_node_open(struct file *f, struct chardev *dev)
{
	struct tty *t = tty_current();
	int err;

	if (!t)
		return -ENXIO;
	err = tty_file_open(t, f, true);
	tty_put(t);
	return err;
}

/* As Linux: those that are in use, the last one is /dev/console. */
static void active_show(struct text_out *out, void *arg)
{
	struct console *c, *last;

	mutex_lock(&consoles_lock);
	last = console_choose();
	list_for_each(c, &consoles, node)
		if (c != last && is_wanted(c))
			text_printf(out, "%s ", c->alias ? c->alias : c->name);
	if (last)
		text_printf(out, "%s\n", last->alias ? last->alias : last->name);
	mutex_unlock(&consoles_lock);
}

static int active_init(void)
{
	return sysfs_register("class/tty/console/active", active_show, NULL, NULL);
}
INIT(console_active, INIT_LATE, active_init);

static struct chardev tty_node = {
	.name = "tty", .major = TTYAUX_MAJOR, .minor = 0, .mode = 0666, .ops = &tty_file_ops, .open = current_node_open,
};
static struct chardev console_node = {
	.name = "console", .major = TTYAUX_MAJOR, .minor = 1, .mode = 0600, .ops = &tty_file_ops, .open = console_node_open,
};

static int tty_init(void)
{
	struct console *c;
	int err;

	tty_sessions_init();
	mutex_lock(&consoles_lock);
	names_ready = true;
	err = chardev_register(&tty_node);
	if (!err)
		err = chardev_register(&console_node);
	list_for_each(c, &consoles, node)
		node_register(c);
	mutex_unlock(&consoles_lock);
	return err;
}
INIT(tty, INIT_FS, tty_init);
