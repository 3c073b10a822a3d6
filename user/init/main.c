/*
 * The first user program, on Dunlin and on Linux alike: mounts what a program
 * expects, keeps the services of /etc/inittab, collects the dead, ends the machine.
 *
 * The table is busybox's, and so are the signals: SIGUSR1 halts, SIGUSR2 powers off, SIGTERM
 * reboots, SIGHUP reads the table again, SIGINT (ctrl-alt-del) and SIGQUIT run what it says for
 * them; the machine's power button turns it off. Without a table there is a login shell on the console. If tools/run
 * left commands to run, there is nothing but these.
 *
 * All signals are blocked but while init sleeps for them, in event_wait(): so an idle machine has no
 * wake-ups from here, and no handler runs in the middle of anything.
 */
#include "init.h"
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>

static sigset_t awaited;

void say(const char *what, const char *why)
{
	char text[512];

	/* One call: a service may write to the console at the same time. */
	(void)!write(STDERR_FILENO, text, text_format(text, sizeof(text), "init: %s%s%s\n", what, why ? ": " : "",
						      why ? why : ""));
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void signal_taken(int sig)
{
	(void)sig;	/* never called: the signal is blocked. It is there so that none is dropped as ignored. */
}

static void signals_take(void)
{
	static const int list[] = { SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
	struct sigaction action = { .sa_handler = signal_taken };

	sigemptyset(&awaited);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		sigaddset(&awaited, list[i]);
		sigaction(list[i], &action, NULL);
	}
	sigprocmask(SIG_SETMASK, &awaited, NULL);
	reboot(RB_DISABLE_CAD);
}

/* The keys: what the table says, or a reboot. */
static void keys_pressed(void)
{
	for (struct service *s = services; s; s = s->next) {
		if (s->action == CTRLALTDEL) {
			services_run(CTRLALTDEL, false, 0);
			return;
		}
	}
	machine_end(RB_AUTOBOOT);
}

void event_wait(uint64_t until)
{
	uint64_t now = until ? now_ms() : 0, left = until > now ? until - now : 0;
	struct timespec timeout = { left / 1000, left % 1000 * 1000000 };

	switch (sigtimedwait(&awaited, NULL, until ? &timeout : NULL)) {
	case SIGCHLD:
		children_reap();
		break;
	case SIGUSR1:
		machine_end(RB_HALT_SYSTEM);
		break;
	case SIGIO:
		if (power_pressed())
			machine_end(RB_POWER_OFF);
		break;
	case SIGUSR2:
		machine_end(RB_POWER_OFF);
		break;
	case SIGTERM:
		machine_end(RB_AUTOBOOT);
		break;
	case SIGINT:
		if (!ending)
			keys_pressed();
		break;
	case SIGHUP:
		if (!ending)
			inittab_load();
		break;
	case SIGQUIT:
		init_restart();
		break;
	}
}

int main(void)
{
	if (getpid() != 1) {
		say("only the kernel starts this program, as process 1", NULL);
		return 1;
	}
	umask(022);
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt100", 0);
	signals_take();
	mounts_make();
	terminal_open("");
	hostname_set();
	loopback_up();
	window_set();
	power_watch();
	commands_run();
	inittab_load();
	services_run(SYSINIT, true, 0);
	services_run(WAIT, true, 0);
	services_run(ONCE, false, 0);
	for (;;)
		event_wait(services_keep());
}
