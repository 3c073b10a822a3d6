/*
 * The launcher: programs that describe themselves in /usr/share/applications/NAME.desktop, as a menu.
 *
 * Source: the Desktop Entry Specification, the keys Name, Exec, Terminal, NoDisplay and Hidden. The folder is read each
 * time the menu is opened: what was installed meanwhile is there.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shell_parts.h"

#define FOLDER   "/usr/share/applications"
#define TERMINAL "bterm "

struct entry {
	char name[128], command[512];
	bool hidden, terminal;
};

/* ---- entries -------------------------------------------------------------------------- */

/* A program is given no file: codes for such (%f, %U) go, %% is a percent sign. */
static void without_codes(char *command)
{
	char *to = command;

	for (const char *from = command; *from; from++) {
		if (from[0] == '%' && from[1] == '%')
			*to++ = *from++;
		else if (from[0] == '%' && from[1])
			from++;
		else
			*to++ = *from;
	}
	*to = 0;
}

/* A line of the group [Desktop Entry]. */
static void entry_line(struct entry *e, const char *key, const char *value)
{
	if (!strcmp(key, "Name"))
		snprintf(e->name, sizeof e->name, "%s", value);
	else if (!strcmp(key, "Exec"))
		snprintf(e->command, sizeof e->command, "%s", value);
	else if (!strcmp(key, "NoDisplay") || !strcmp(key, "Hidden"))
		e->hidden |= !strcmp(value, "true");
	else if (!strcmp(key, "Terminal"))
		e->terminal = !strcmp(value, "true");
}

/* Exec is a program and its arguments, no more of the shell's language: so they can be bterm's. */
static void in_terminal(struct entry *e)
{
	size_t length = strlen(e->command);

	if (length + sizeof TERMINAL > sizeof e->command) {
		e->hidden = true;
		return;
	}
	memmove(e->command + sizeof TERMINAL - 1, e->command, length + 1);
	memcpy(e->command, TERMINAL, sizeof TERMINAL - 1);
}

static bool entry_read(FILE *f, struct entry *e)
{
	bool in_group = false;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	*e = (struct entry) { 0 };
	while ((n = getline(&line, &size, f)) > 0) {
		char *value = strchr(line, '=');
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		if (line[0] == '[') {
			in_group = !strcmp(line, "[Desktop Entry]");
		} else if (in_group && value && line[0] != '#') {
			char *end = value;
			while (end > line && end[-1] == ' ')
				end--;
			*end = 0;
			value++;
			entry_line(e, line, value + strspn(value, " "));
		}
	}
	free(line);
	without_codes(e->command);
	if (e->terminal && e->command[0])
		in_terminal(e);
	return e->name[0] && e->command[0] && !e->hidden;
}

static int by_label(const void *a, const void *b)
{
	return strcoll(((const struct menu_item *)a)->label, ((const struct menu_item *)b)->label);
}

/* All that can be read, sorted; without memory, as many as there is some for. */
static struct menu_item *entries_read(int *count)
{
	struct menu_item *items = NULL;
	DIR *dir = opendir(FOLDER);

	*count = 0;
	for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
		const char *end = strrchr(d->d_name, '.');
		struct entry e;
		char path[512];
		FILE *f;
		if (!end || strcmp(end, ".desktop"))
			continue;
		snprintf(path, sizeof path, FOLDER "/%s", d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (entry_read(f, &e))
			menu_add(&items, count, e.name, e.command);
		fclose(f);
	}
	if (dir)
		closedir(dir);
	if (*count > 0)
		qsort(items, (size_t)*count, sizeof *items, by_label);
	return items;
}

/* ---- programs ------------------------------------------------------------------------------ */

/* A child of nobody here, with a session of its own and nothing blocked or ignored that bwm does. */
void launcher_run(const char *command)
{
	pid_t child = fork();
	sigset_t none;

	if (child < 0)
		perror("bwm: fork");
	if (child > 0)
		waitpid(child, NULL, 0);
	if (child != 0)
		return;
	if (fork() != 0)
		_exit(0);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	perror("bwm: /bin/sh");
	_exit(127);
}

static void chosen(struct menu *menu, const struct menu_item *item)
{
	if (item->data)
		launcher_run(item->data);
}

void launcher_open(struct shell *shell)
{
	rect start = bar_start(shell);
	int count;
	struct menu_item *items = entries_read(&count);

	if (count == 0)
		menu_add(&items, &count, "No programs in " FOLDER, NULL);
	menu_open(&shell->menu, start.x, start.y, items, count);
	shell->menu.choose = chosen;
}
