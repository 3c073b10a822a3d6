/*
 * The parts of bcheck: main.c reads the command line, check.c is the life of
 * one check, run.c starts them one by one and waits, tap.c and screen.c show
 * what happens, as lines for programs or on a terminal; view.c chooses. All but
 * the last is also in user/wincheck, which shows it in a window.
 */
#pragma once
#include "../bcheck.h"

#define OUTPUT_MAX 2048		/* bytes of a check's own words that are kept */

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

/* A check, or, without a name, the heading of those that follow. */
struct check {
	const char *name, *heading;
	void (*function)(void);
	bool chosen;
};

struct result {
	enum outcome outcome;
	uint64_t ns;		/* from fork to the end */
	char why[128];		/* how it ended, unless it passed; of a skipped one the reason */
	char output[OUTPUT_MAX]; /* what it said: whole lines, ended by NUL */
};

struct totals {
	int chosen;		/* how many checks are to run */
	int done;		/* how many have */
	int count[OUTCOMES];
	uint64_t ns;
};

/* How progress is shown. Each is called when something changed, and at no other time. */
struct view {
	void (*begin)(const struct totals *totals);
	/* heading: of the group that this check is the first of, else NULL */
	void (*started)(const struct check *check, const char *heading, const struct totals *totals);
	void (*ended)(const struct check *check, const struct result *result, const struct totals *totals);
	/* The terminal has another size. NULL: this view has no terminal. */
	void (*redraw)(void);
	/* A descriptor that tells what the user does, and the taking of that: false if it is to end. NULL: no such. */
	int (*input_fd)(void);
	bool (*input)(void);
	/* Also after an interruption, which stopped says. */
	void (*end)(const struct totals *totals, bool stopped);
};

extern const struct view tap_view, screen_view;
/* The view of this program, which is linked with one: plain is whether lines for programs were asked for. */
const struct view *view_choose(bool plain);
extern struct check check_list[];
extern const int check_count;

/* Run the chosen checks, the programs of that name in folder, each for at most limit seconds. The exit status. */
int checks_run(const struct view *view, const char *folder, unsigned int limit);

/* As one check; the exit status. */
int check_main(void (*check)(void), char **argv);
/* Remove the directory of the check that was this process. */
void scratch_remove(pid_t pid);
