/*
 * The program in a terminal: a pseudoterminal (pty(7)), a child on its other end, and what waits to be written to it.
 */
#ifndef BTERM_PTY_H
#define BTERM_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pty;

/* The size of a terminal, in cells and in pixels. */
struct pty_size { int rows, cols, width, height; };

/*
 * Start a program on a new terminal: argv[0], looked for in PATH. What keeps it from starting (-ENOENT, -EACCES...) is
 * told here, as is what open() of a terminal and fork() say. May sleep until the program has started.
 */
int pty_start(struct pty **pty, char *const argv[], struct pty_size size);

/* Close it: the program, if it is still there, is told by SIGHUP. */
void pty_close(struct pty *p);

/* For poll(): the descriptor and the events to wait for. */
int pty_fd(const struct pty *p);
short pty_events(const struct pty *p);

/* Bytes read, 0: there is nothing now, -EIO: the program has ended. Never sleeps. */
ssize_t pty_read(struct pty *p, char *bytes, size_t room);

/*
 * Write to the program, what it does not take now later. If more than most bytes would wait for it, none of these are
 * taken: -ENOBUFS; -ENOMEM.
 */
int pty_write(struct pty *p, const char *bytes, size_t count, size_t most);

/* Write what waits, as far as the program takes it: when poll() says that it can. */
void pty_flush(struct pty *p);

/* A new size: the program hears of it by SIGWINCH. */
void pty_resize(struct pty *p, struct pty_size size);

#endif
