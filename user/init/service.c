/*
 * Services: their processes are started here, and missed here when they end. One that ends
 * as soon as it was started is started again at once; if that goes on, it is given a second, then
 * twice the time before each time, up to DELAY_MAX.
 */
#include "init.h"
#include <ctype.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#define DELAY_MIN	1000	/* ms: to have run for less is to have ended at once; and the first pause */
#define DELAY_MAX	32000
#define SHELL_SIGNS	"~`!$^&*()=|\\{}[];\"'<>?"	/* a command with one of these is for a shell */

pid_t child_watched;
int child_status;

void session_begin(const char *terminal, bool login)
{
	static const int taken[] = { SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		signal(taken[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (!terminal_open(terminal) && *terminal) {
		say(terminal, strerror(errno));
		_exit(1);
	}
	if (*terminal ? !strncmp(terminal, "tty", 3) && isdigit((unsigned char)terminal[3]) : console_is_screen())
		setenv("TERM", "linux", 1);
	/* Whoever logs in gets it, even if another service has it already. */
	ioctl(STDIN_FILENO, TIOCSCTTY, login);
}

void command_exec(const char *command)
{
	bool login = *command == '-';	/* a shell that is called -NAME is one that somebody logs in to */
	const char *program = command + login;
	size_t length = strlen(program);
	char text[length + 8], *words[length / 2 + 2], *path, *save;
	size_t n = 0;

	if (strpbrk(program, SHELL_SIGNS)) {
		text_format(text, sizeof(text), "exec %s", program);
		execl("/bin/sh", login ? "-sh" : "sh", "-c", text, (char *)NULL);
		program = "/bin/sh";
	} else {
		char name[length + 2], *slash;

		memcpy(text, program, length + 1);
		for (char *word = strtok_r(text, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
			words[n++] = word;
		words[n] = NULL;
		path = n ? words[0] : "";
		if (login && n) {
			slash = strrchr(path, '/');
			text_format(name, sizeof(name), "-%s", slash ? slash + 1 : path);
			words[0] = name;
		}
		execvp(path, words);
	}
	say(program, strerror(errno));
	_exit(127);
}

/* In the child: on the terminal, until a person wants it. */
static void ask(void)
{
	static const char question[] = "\nPlease press Enter to activate this console. ";
	char c;

	out_write(question, sizeof(question) - 1);
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

bool login_is(const struct service *s)
{
	return s->action == ASKFIRST || s->command[0] == '-';
}

void service_start(struct service *s)
{
	s->begun = now_ms();
	s->pid = fork();
	if (s->pid < 0) {
		say(s->command, strerror(errno));
		s->pid = 0;
		s->due = s->begun + DELAY_MIN;
	} else if (s->pid == 0) {
		session_begin(s->terminal, login_is(s));
		if (s->action == ASKFIRST)
			ask();
		if (s->action == RESPAWN || s->action == ASKFIRST)
			(void)!chdir(getenv("HOME"));
		command_exec(s->command);
	}
}

static void service_ended(struct service *s)
{
	uint64_t now = now_ms(), delay = 0;

	s->pid = 0;
	s->quick = now - s->begun < DELAY_MIN ? s->quick + 1 : 0;
	if (s->quick > 1)
		delay = s->quick > 6 ? DELAY_MAX : DELAY_MIN << (s->quick - 2);
	s->due = now + delay;
}

void services_run(enum action action, bool wait, uint64_t until)
{
	/* The list may change while one is waited for: its end is where new ones come. */
	for (struct service *s = services; s; s = s->next) {
		if (s->action != action || !s->listed || s->pid)
			continue;
		service_start(s);
		while (wait && s->pid && (!until || now_ms() < until))
			event_wait(until);
	}
}

uint64_t services_keep(void)
{
	uint64_t now = now_ms(), next = 0;

	for (struct service *s = services; s && !ending; s = s->next) {
		if (s->pid || !s->listed || (s->action != RESPAWN && s->action != ASKFIRST))
			continue;
		if (s->due <= now)
			service_start(s);
		/* Also of one for which there was no process. */
		if (!s->pid && (!next || s->due < next))
			next = s->due;
	}
	return next;
}

bool children_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == child_watched) {
			child_status = status;
			child_watched = 0;
		}
		for (struct service *s = services; s; s = s->next)
			if (s->pid == pid)
				service_ended(s);
	}
	return pid == 0;
}
