/*
 * /etc/inittab, in busybox's syntax: lines ID:RUNLEVELS:ACTION:PROCESS, where ID is the terminal of the
 * process (below /dev; nothing: the console), RUNLEVELS is not looked at, and PROCESS is the rest of the line.
 * A # begins a remark.
 */
#include "init.h"

#define INITTAB "/etc/inittab"

struct service *services;

static const char *const action_names[ACTIONS] = {
	[SYSINIT] = "sysinit", [WAIT] = "wait", [ONCE] = "once", [RESPAWN] = "respawn", [ASKFIRST] = "askfirst",
	[RESTART] = "restart", [CTRLALTDEL] = "ctrlaltdel", [SHUTDOWN] = "shutdown",
};

/* The table of a machine without one; the second line if there is a screen that is not the console itself. */
static const char built_in[] = "::respawn:-/bin/sh\ntty1::respawn:-/bin/sh\n";

static void table_choose(char *table)
{
	bool screen = access("/dev/tty1", F_OK) == 0 && (access("/dev/fb0", F_OK) == 0 || access("/dev/dri", F_OK) == 0);

	if (!screen || console_is_screen())
		strchr(table, '\n')[1] = '\0';
}

/* The service of a line, at the end of the list, unless the list has it. */
static void service_list(enum action action, const char *terminal, const char *command)
{
	struct service **at = &services, *s;

	for (; (s = *at) != NULL; at = &s->next) {
		if (!s->listed && s->action == action && !strcmp(s->terminal, terminal) && !strcmp(s->command, command)) {
			s->listed = true;
			return;
		}
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->action = action;
		s->listed = true;
		s->terminal = strdup(terminal);
		s->command = strdup(command);
		*at = s;
	}
	if (!s || !s->terminal || !s->command) {
		say("no memory for a service", command);
		exit(1);
	}
}

/* The text up to the next colon, which goes; *text moves behind it. NULL: there is none. */
static char *field(char **text)
{
	char *begin = *text, *colon = strchr(begin, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	*text = colon + 1;
	return begin;
}

static void line_parse(char *line)
{
	char *whole = strdup(line), *terminal, *action;
	bool known = false;

	line += strspn(line, " \t");
	if (*line && *line != '#') {
		terminal = field(&line);
		action = terminal && field(&line) ? field(&line) : NULL;
		line += strspn(line, " \t");
		for (enum action a = 0; action && *line && !known && a < ACTIONS; a++) {
			known = !strcmp(action, action_names[a]);
			if (known)
				service_list(a, strncmp(terminal, "/dev/", 5) ? terminal : terminal + 5, line);
		}
		if (!known)
			say(INITTAB ": not understood", whole);
	}
	free(whole);
}

void inittab_load(void)
{
	char *text = file_text(INITTAB), *at, *end;

	if (!text && (text = strdup(built_in)) != NULL)
		table_choose(text);
	for (struct service *s = services; s; s = s->next)
		s->listed = false;
	for (at = text; at && *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = '\0';
		line_parse(at);
	}
	free(text);
	for (struct service **p = &services, *s; (s = *p) != NULL;) {
		if (s->listed || s->pid) {
			if (!s->listed && (s->action == RESPAWN || s->action == ASKFIRST))
				kill(-s->pid, SIGTERM);
			p = &s->next;
			continue;
		}
		*p = s->next;
		free(s->terminal);
		free(s->command);
		free(s);
	}
}
