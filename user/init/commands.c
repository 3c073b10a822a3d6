/*
 * Commands from tools/run: it puts them into /etc/dunlin/exec and a secret word into
 * /etc/dunlin/marker. They run once, their output is enclosed in two lines that bear the word,
 * for tools/run to tell it from the kernel's, and the machine powers off.
 */
#include "init.h"
#include <fcntl.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>

#define EXEC_FILE	"/etc/dunlin/exec"
#define MARKER_FILE	"/etc/dunlin/marker"
#define KLOG_CONSOLE_LEVEL 8	/* syslog(2): SYSLOG_ACTION_CONSOLE_LEVEL */

/* Let the bytes of the output pass as they are; returns whether saved is to be put back. */
static bool output_raw(struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(STDOUT_FILENO, saved) < 0)
		return false;
	raw = *saved;
	raw.c_oflag &= ~OPOST;
	return tcsetattr(STDOUT_FILENO, TCSADRAIN, &raw) == 0;
}

static _Noreturn void shell_exec(void)
{
	int null;

	session_begin("", true);
	null = open("/dev/null", O_RDONLY);
	if (null > 0) {
		dup2(null, STDIN_FILENO);
		close(null);
	}
	execl("/bin/sh", "sh", EXEC_FILE, (char *)NULL);
	say("/bin/sh", strerror(errno));
	_exit(127);
}

void commands_run(void)
{
	struct termios saved;
	char marker[128];
	bool raw;

	if (!line_read(MARKER_FILE, marker, sizeof(marker)))
		return;
	/* The commands must not be able to forge the line that ends them. */
	unlink(MARKER_FILE);
	/* The kernel's messages would stand in the middle of the output. */
	klogctl(KLOG_CONSOLE_LEVEL, NULL, 1);
	raw = output_raw(&saved);
	out("%s begin\n", marker);
	child_watched = fork();
	if (child_watched == 0)
		shell_exec();
	if (child_watched < 0) {
		say("fork", strerror(errno));
		child_status = 126 << 8;
	}
	while (child_watched > 0)
		event_wait(0);
	out("%s end %d\n", marker, WIFSIGNALED(child_status) ? 128 + WTERMSIG(child_status) : WEXITSTATUS(child_status));
	if (raw)
		tcsetattr(STDOUT_FILENO, TCSADRAIN, &saved);
	/* Nothing is kept across the power-off, so nobody needs time to save. */
	kill(-1, SIGKILL);
	sync();
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	machine_end(RB_POWER_OFF);
}
