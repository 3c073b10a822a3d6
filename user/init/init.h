/*
 * Process 1, in parts: main.c is its life and waits for all events, world.c makes what
 * programs expect, inittab.c reads the table of services, service.c starts them and hears of their ends,
 * end.c ends the machine, commands.c does what tools/run wants.
 */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include "../lib/text.h"

/* What a line of /etc/inittab asks for, in the order in which these are begun at boot. */
enum action {
	SYSINIT,	/* once at boot, one after the other */
	WAIT,		/* then these, likewise */
	ONCE,		/* then these, and nobody waits */
	RESPAWN,	/* always there: started again when it ends */
	ASKFIRST,	/* likewise, after a person has pressed Enter */
	RESTART,	/* in init's own place, when SIGQUIT asks for it */
	CTRLALTDEL,	/* when SIGINT does, which the keys give */
	SHUTDOWN,	/* before the machine ends, one after the other */
	ACTIONS
};

struct service {
	struct service *next;
	enum action action;
	char *terminal;		/* below /dev, "" for the console */
	char *command;
	pid_t pid;		/* 0: does not run */
	bool listed;		/* the table has it; one that it has no longer goes when it ends */
	uint64_t begun;		/* when it was last started, on CLOCK_MONOTONIC, in ms */
	uint64_t due;		/* a respawning one that does not run: not before then */
	unsigned int quick;	/* times in a row that it ended as soon as it was started */
};

extern struct service *services;

/* ---- main.c */
void say(const char *what, const char *why);
uint64_t now_ms(void);
/*
 * Sleep until a signal comes, a child ends or the time is there (ms; 0: none), and do what that asks for.
 * Nothing else in init waits.
 */
void event_wait(uint64_t until);

/* ---- world.c */
void mounts_make(void);
/* Unmount what can be, make the rest read-only. */
void mounts_end(void);
/* Make descriptors 0-2 a terminal, below /dev; false: it cannot be opened. */
bool terminal_open(const char *name);
/* button.c: SIGIO comes when a power button may have been pressed; was it? */
void power_watch(void);
bool power_pressed(void);
bool console_is_screen(void);
void hostname_set(void);
void loopback_up(void);
void window_set(void);
/* The first line of a file without its newline, in buf; false if there is none. */
bool line_read(const char *path, char *buf, size_t size);
/* All of a file, ended by NUL, to be freed; NULL: it cannot be read. */
char *file_text(const char *path);

/* ---- inittab.c */
/* Read the table, anew if need be: a service that was there remains as it is, one that is there no longer ends. */
void inittab_load(void);

/* ---- service.c */
/* In a new child: a session of its own, signals as they are by default, and that terminal; login: whoever has it. */
void session_begin(const char *terminal, bool login);
/* Is it there for a person to log in? */
bool login_is(const struct service *s);
/* In the child, or in init's own place: never comes back. */
_Noreturn void command_exec(const char *command);
void service_start(struct service *s);
/* Start all with this action; if wait, each after the one before it has ended, or until that time (ms; 0: none). */
void services_run(enum action action, bool wait, uint64_t until);
/* Start what should be there and is not, if its time has come; the time of the next, 0: there is none. */
uint64_t services_keep(void);
/* Take the ends of all children that have ended. false: there are no children. */
bool children_reap(void);
/* The wait status of the child that children_reap() is to remember; see commands.c. */
extern pid_t child_watched;
extern int child_status;

/* ---- end.c */
extern bool ending;
/* End all programs and the machine; how is reboot(2)'s. Comes back only if that is under way already. */
void machine_end(int how);
/* End all programs and execute the table's restart command; if it has none, do nothing. */
void init_restart(void);

/* ---- commands.c */
/* If tools/run left commands, run them and end the machine. */
void commands_run(void);
