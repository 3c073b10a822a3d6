/*
 * Terminals: a device or a pseudo-terminal below, a line discipline between,
 * files above. Lock keys: [l] the terminal's lock (irq kind), taken by input
 * interrupts too; [r] its read mutex, [w] its write mutex; [g] the global
 * sessions mutex; [S] set before it is shared. Order: r or w, l; g, l.
 */
#pragma once
#include <asm/termbits.h>
#include <asm/termios.h>
#include "fs/devfs.h"
#include "fs/file.h"

#define TTY_INPUT	4096u		/* bytes, a power of two; also the longest line, with its end */
#define TTY_OUTPUT	4096u		/* bytes, a power of two */
#define TTY_ECHO_ROOM	64u		/* of the output that only echo may use */

struct tty;

/* The device below. */
struct tty_driver {
	/* Takes what fits, any context, [l] held. */
	size_t (*write)(struct tty *, const char *s, size_t n);
	/* There is room for input again. Any context but hard interrupts of this device, no lock held. NULL: nothing to
	 * do */
	void (*input_resume)(struct tty *);
	bool (*drained)(struct tty *);	/* all output has left. NULL: when our own ring is empty */
	/* ioctls that only this kind has; 1: not one of these. Process context. NULL: it has none */
	long (*ioctl)(struct tty *, u32 cmd, u64 arg);
	void (*opened)(struct tty *);	/* process context; NULL */
	void (*closed)(struct tty *, bool last);
	void (*forget)(struct tty *);	/* the last reference is gone: free it. NULL: never happens */
};

struct tty {
	u32 refs;			/* files, the session, the device [a] */
	u32 opens;			/* files [g] */
	const struct tty_driver *driver;
	void *device;			/* the driver's [S] */
	char name[16];			/* "ttyAMA0", "pts/3" [S] */
	u32 major, minor;		/* [S] */
	struct chardev chardev;

	struct spinlock lock;		/* [l] */
	struct termios termios;		/* [l] */
	struct winsize size;		/* [l] */
	u32 speed;			/* as BOTHER gives it [l] */

	/* Input: positions run freely; [tail, canon) are whole lines, [canon, head) the line being typed. */
	u32 head, tail, canon;		/* [l] */
	u8 input[TTY_INPUT];		/* [l] */
	u64 line_end[TTY_INPUT / 64];	/* a bit for the last byte of each line [l] */
	bool literal;			/* ^V was typed [l] */
	bool throttled;			/* input was refused: resume when there is room [l] */

	/* Output */
	u32 out_head, out_tail;		/* [l] */
	u8 output[TTY_OUTPUT];		/* [l] */
	u32 column;			/* of the cursor [l] */
	u32 line_column;		/* where the line being typed began [l] */
	bool stopped;			/* ^S or TCOOFF [l] */
	bool hung_up;			/* the other side is gone for good [l] */
	u32 hangups;			/* vhangup(2): files of an earlier count are dead [l]; read anywhere */

	struct mutex read_lock, write_lock; /* [r] [w] */
	struct wait_queue read_wait, write_wait;

	s32 session, group;		/* sid and foreground group; 0: none [g]; read anywhere */
	bool exclusive;			/* TIOCEXCL [l] */
};

/* A terminal in its first state, refs 1. NULL: no memory. */
struct tty *tty_new(const struct tty_driver *driver, void *device);
static inline void tty_get(struct tty *t) { ref_get(&t->refs); }
void tty_put(struct tty *t);
/* Opens f on t (takes its own reference), controlling terminal rules included unless no_control. 0, -EIO, -EBUSY. */
int tty_file_open(struct tty *t, struct file *f, bool no_control);
extern const struct file_ops tty_file_ops;
static inline struct tty *tty_of(struct file *f) { return f->priv; }
/* Does f lead nowhere any more: the other side is gone, or it was opened before a vhangup? */
static inline bool tty_gone(const struct file *f)
{
	const struct tty *t = f->priv;

	return READ_ONCE(t->hung_up) || f->epoch != READ_ONCE(t->hangups);
}

/* ---- ldisc.c: between device and program ---- */

/* Bytes from the device: how many were taken. Any context. */
size_t tty_input(struct tty *t, const char *s, size_t n);
/* A program's bytes into the output, processed: how many fitted. [l] held. */
size_t tty_output_put(struct tty *t, const char *s, size_t n);
void tty_output_push(struct tty *t);		/* output to the device, as much as it takes. [l] held */
static inline u32 tty_output_used(const struct tty *t) { return t->out_head - t->out_tail; }
bool tty_output_room(const struct tty *t);	/* enough that a sleeping writer should go on */
bool tty_input_ready(const struct tty *t, bool for_poll);	/* would a read return bytes? */
void tty_input_flush(struct tty *t);		/* [l] held */
void tty_output_flush(struct tty *t);		/* [l] held */
/* New settings; what was typed is kept as Linux keeps it. [l] held. */
void tty_termios_set(struct tty *t, const struct termios *to);
void tty_termios_default(struct termios *t);
/* The device has room again, or is drained. Any context. */
void tty_output_ready(struct tty *t);
/* After input was taken out: tell the device if it waits. No lock held. */
void tty_input_room(struct tty *t);
/*
 * The other side is gone (for_good), or those who have it open are to lose it: wakes everybody; reads end, writes fail.
 * Process context.
 */
void tty_hang_up(struct tty *t, bool for_good);

/* ---- session.c: controlling terminals ---- */

extern struct mutex tty_sessions;		/* [g] */
/* May the caller read (SIGTTIN), or write or change it (SIGTTOU), being perhaps in the background? 0, -EIO,
 * -ERESTARTSYS. */
int tty_background_check(struct tty *t, int signo);
/* open(2): becomes controlling when it may. [g] held. */
void tty_control_take_locked(struct tty *t);
/* ioctls; 1: not one of these. */
long tty_session_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg);
/* The current session's terminal, referenced; NULL. */
struct tty *tty_current(void);
void tty_session_end(struct tty *t);		/* nobody controls it any more. [g] held */
void tty_session_hang_up(struct tty *t);	/* the same, with SIGHUP and SIGCONT for its groups. Process context */

long tty_ioctl(struct file *f, u32 cmd, u64 arg);
/* The device has a new size: its foreground group is told (SIGWINCH). Process context. */
void tty_resize(struct tty *t, const struct winsize *size);
/* Wait until all output has left. 0, -ERESTARTSYS. */
int tty_drain(struct file *f);

void tty_sessions_init(void);
