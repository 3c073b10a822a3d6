/*
 * Hardware consoles under the terminal layer. A UART driver fills a struct
 * console and registers it; the terminal drains and fills it by the
 * operations, the driver reports by the two functions below.
 *
 * Nothing is lost on either side: a console whose input is not all taken
 * stops reading its FIFO (the sender waits) until input_resume; the terminal's
 * writers sleep until console_tx_ready.
 */
#pragma once
#include "base/list.h"

struct file;

struct console {
	const char *name;		/* "ttyAMA0" */
	const char *alias;		/* another name that console= has for it; NULL: none */
	u32 major, minor;		/* of its /dev node; 204, 64 for the first PL011 */
	struct list_node node;		/* all consoles, in order of registration */
	/* Takes what fits its ring, any context; fewer than n: console_tx_ready follows when there is room. */
	size_t (*write)(struct console *, const char *s, size_t n);
	/* The terminal has room again after console_input took less than it was given. Any context. NULL: nothing to do */
	void (*input_resume)(struct console *);
	/* Has all that was written left the device? (tcdrain). NULL: always */
	bool (*drained)(struct console *);
	/* Its own ioctls; 1: not one of these. Process context. NULL: it has none */
	long (*ioctl)(struct console *, u32 cmd, u64 arg);
	/* After console_unregister, once no file has the terminal: c may be freed, and c->tty with it (kfree). Process
	 * context */
	void (*release)(struct console *);
	void *tty;			/* the terminal's; NULL: there was no memory for one */
};

void console_register(struct console *c);	/* process context, before or after INIT_FS */
/* It goes: no node, and hung up who has the terminal. Only with release. Process context. */
void console_unregister(struct console *c);
/* Does console= name it, or nothing, while there is no other? A driver whose device has no log otherwise asks. */
bool console_shows_log(const struct console *c);
/* Bytes that came in: how many were taken. Hard interrupt context, one call at a time a console. */
size_t console_input(struct console *c, const char *s, size_t n);
void console_tx_ready(struct console *c);	/* room in the ring, or drained. Hard interrupt context */

/* The system console opened for reading and writing, for init's descriptors: refs 1, or NULL. Process context. */
struct file *console_open(void);
