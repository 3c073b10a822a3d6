/*
 * The end: of all programs, and then of the machine. Each gets its time, and nobody more than
 * that.
 */
#include "init.h"
#include <sys/reboot.h>
#include <termios.h>

#define SHUTDOWN_LIMIT	30000	/* ms for the table's shutdown commands together */
#define TERM_LIMIT	10000	/* ms for programs to end before they are killed */
#define KILL_LIMIT	2000	/* ms for those that are killed to be gone */

bool ending;

/* Wait until all children, and so all programs, have ended, or ms have passed. */
static void children_wait(uint64_t ms)
{
	uint64_t until = now_ms() + ms;

	while (children_reap() && now_ms() < until)
		event_wait(until);
}

static void programs_end(void)
{
	services_run(SHUTDOWN, true, now_ms() + SHUTDOWN_LIMIT);
	kill(-1, SIGTERM);
	for (struct service *s = services; s; s = s->next)
		if (s->pid && login_is(s))
			kill(s->pid, SIGHUP);	/* a shell at its prompt ignores SIGTERM */
	kill(-1, SIGCONT);
	children_wait(TERM_LIMIT);
	kill(-1, SIGKILL);
	children_wait(KILL_LIMIT);
	sync();
}

void machine_end(int how)
{
	if (ending)
		return;
	ending = true;
	programs_end();
	mounts_end();
	tcdrain(STDOUT_FILENO);
	reboot(how);
	say("cannot end the machine", strerror(errno));
	for (;;)
		event_wait(0);
}

void init_restart(void)
{
	sigset_t none;

	for (struct service *s = services; s && !ending; s = s->next) {
		if (s->action == RESTART && s->listed) {
			ending = true;
			programs_end();
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, NULL);
			command_exec(s->command);
		}
	}
}
