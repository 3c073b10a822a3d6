/*
 * Consoles: the serial lines under the tty layer. A driver registers a struct
 * console and hands in what arrives; the tty layer keeps the terminal
 * (termios, line discipline) and calls write. tty/console.c implements the
 * three functions.
 */
#pragma once
#include "base/list.h"

struct console {
	const char *name;		/* device name: "ttyAMA0" */
	struct list_node node;		/* the tty layer's list */
	/* Takes as much of s[n] as its ring has room for and returns how much; the rest is the caller's to offer again
	 * after console_tx_ready. Any context; nothing sleeps. */
	size_t (*write)(struct console *c, const char *s, size_t n);
};

/* Boot or probe, thread context. c lives for ever; write may be called from now on. */
void console_register(struct console *c);
/* Bytes that arrived. Hard interrupt context. */
void console_input(struct console *c, const char *s, size_t n);
/* A write that was not taken in full would find room now. Hard interrupt context. */
void console_tx_ready(struct console *c);
