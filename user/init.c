/*
 * The first user program, on Dunlin and on Linux alike: mounts what a program
 * expects, gives the console a shell, collects the dead, ends the machine.
 *
 * Two ways of life. Without /etc/dunlin/exec it keeps a login shell on the
 * console and starts another when that ends. With it, it runs the commands in
 * that file once, encloses their output in two lines that bear the word from
 * /etc/dunlin/marker (tools/run put both there and reads them back), and
 * powers off.
 *
 * It sleeps in wait(2) and nowhere else: an idle machine has no wake-ups from
 * here. The signals that busybox's halt, poweroff and reboot send to process 1
 * end the machine from within their handler, which makes system calls only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CONSOLE		"/dev/console"
#define EXEC_FILE	"/etc/dunlin/exec"
#define MARKER_FILE	"/etc/dunlin/marker"
#define KLOG_CONSOLE_LEVEL 8	/* syslog(2): SYSLOG_ACTION_CONSOLE_LEVEL */
#define BACKOFF_MAX	32	/* seconds between two starts of a shell that keeps ending at once */
#define TERM_GRACE	2	/* seconds for programs to end before they are killed */

static void say(const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "init: %s%s%s\n", what, why ? ": " : "", why ? why : "");
}

/* ---- ending the machine ------------------------------------------------- */

/* Ask all programs to end, kill those that don't, then end the machine. */
static void machine_end(int how)
{
	const struct itimerval grace = { { TERM_GRACE, 0 }, { TERM_GRACE, 0 } };

	kill(-1, SIGTERM);
	kill(-1, SIGHUP);	/* a shell at its prompt ignores SIGTERM */
	kill(-1, SIGCONT);
	/* The timer repeats: one that rings just before the wait must not be the last. */
	if (setitimer(ITIMER_REAL, &grace, NULL) == 0)
		while (waitpid(-1, NULL, 0) > 0)
			;
	kill(-1, SIGKILL);
	sync();
	tcdrain(STDOUT_FILENO);
	reboot(how);
	say("cannot end the machine", strerror(errno));
	for (;;)
		pause();
}

static void end_requested(int sig)
{
	machine_end(sig == SIGUSR1 ? RB_HALT_SYSTEM : sig == SIGUSR2 ? RB_POWER_OFF : RB_AUTOBOOT);
}

static void alarm_rang(int sig)
{
	(void)sig;	/* there to interrupt the wait */
}

static void signals_set(void)
{
	struct sigaction end = { .sa_handler = end_requested };
	struct sigaction ring = { .sa_handler = alarm_rang };

	sigaddset(&end.sa_mask, SIGUSR1);
	sigaddset(&end.sa_mask, SIGUSR2);
	sigaddset(&end.sa_mask, SIGTERM);
	sigaddset(&end.sa_mask, SIGINT);
	sigaction(SIGUSR1, &end, NULL);		/* halt */
	sigaction(SIGUSR2, &end, NULL);		/* poweroff */
	sigaction(SIGTERM, &end, NULL);		/* reboot */
	sigaction(SIGINT, &end, NULL);		/* ctrl-alt-del */
	sigaction(SIGALRM, &ring, NULL);
	reboot(RB_DISABLE_CAD);
}

/* ---- the world that programs expect -------------------------------------- */

static void mounts_make(void)
{
	static const struct {
		const char *what, *where, *options;
		unsigned long flags;
	} list[] = {
		{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "mode=755", MS_NOSUID },
		{ "devpts", "/dev/pts", "mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		mkdir(list[i].where, 0755);
		/* EBUSY: the kernel did it. ENODEV: it has no such thing, and programs will say so. */
		if (mount(list[i].what, list[i].where, list[i].what, list[i].flags, list[i].options) < 0 &&
		    errno != EBUSY && errno != ENODEV)
			say(list[i].where, strerror(errno));
	}
}

/* Make sure that descriptors 0-2 are the console, whatever the kernel left there. */
static void console_open(void)
{
	int fd = open(CONSOLE, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int to = 0; to <= 2; to++)
		if (fd != to)
			dup2(fd, to);
	if (fd > 2)
		close(fd);
}

/* The first line of a file without its newline, in buf; false if there is none. */
static bool line_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0] != '\0';
}

static void hostname_set(void)
{
	char name[65];

	if (line_read("/etc/hostname", name, sizeof(name)))
		sethostname(name, strlen(name));
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0 && !(req.ifr_flags & IFF_UP)) {
		req.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &req);
	}
	close(fd);
}

/* A serial line does not know its terminal's size: take it from the command line. */
static void window_set(void)
{
	const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
	struct winsize size;

	if (lines && columns && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && !size.ws_row) {
		size.ws_row = atoi(lines);
		size.ws_col = atoi(columns);
		ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
	}
	/* As variables they would outlive a change of the size. */
	unsetenv("LINES");
	unsetenv("COLUMNS");
}

/* ---- the shell ------------------------------------------------------------ */

/* In a new child: a session of its own with the console as its terminal. */
static void session_begin(void)
{
	signal(SIGALRM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	setsid();
	console_open();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
}

/* Start a login shell, after delay seconds. */
static pid_t shell_start(unsigned int delay)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	session_begin();
	if (delay)
		sleep(delay);
	if (chdir(getenv("HOME")) < 0 && chdir("/") < 0)
		say("/", strerror(errno));
	execl("/bin/sh", "-sh", (char *)NULL);
	say("/bin/sh", strerror(errno));
	_exit(127);
}

static noreturn void shell_keep(void)
{
	unsigned int delay = 0;

	for (;;) {
		struct timespec begun, ended;
		pid_t shell, dead;

		clock_gettime(CLOCK_MONOTONIC, &begun);
		shell = shell_start(delay);
		if (shell < 0) {
			say("fork", strerror(errno));
			machine_end(RB_POWER_OFF);
		}
		do
			dead = waitpid(-1, NULL, 0);
		while (dead != shell && (dead > 0 || errno == EINTR));
		clock_gettime(CLOCK_MONOTONIC, &ended);
		/* One that ended as soon as it ran will do so again: give it time. */
		if (ended.tv_sec - begun.tv_sec > (time_t)delay + 1)
			delay = 0;
		else if (delay < BACKOFF_MAX)
			delay = delay ? delay * 2 : 1;
	}
}

/* ---- commands from tools/run ---------------------------------------------- */

/* Let the bytes of the output pass as they are; returns what to put back. */
static bool output_raw(struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(STDOUT_FILENO, saved) < 0)
		return false;
	raw = *saved;
	raw.c_oflag &= ~OPOST;
	return tcsetattr(STDOUT_FILENO, TCSADRAIN, &raw) == 0;
}

static noreturn void commands_run(const char *marker)
{
	struct termios saved;
	int status = 0;
	pid_t pid, dead;
	bool raw;

	/* The kernel's messages would stand in the middle of the output. */
	klogctl(KLOG_CONSOLE_LEVEL, NULL, 1);
	raw = output_raw(&saved);
	dprintf(STDOUT_FILENO, "%s begin\n", marker);
	pid = fork();
	if (pid == 0) {
		int null;

		session_begin();
		null = open("/dev/null", O_RDONLY);
		if (null > 0) {
			dup2(null, STDIN_FILENO);
			close(null);
		}
		execl("/bin/sh", "sh", EXEC_FILE, (char *)NULL);
		say("/bin/sh", strerror(errno));
		_exit(127);
	}
	do
		dead = pid < 0 ? -1 : waitpid(-1, &status, 0);
	while (dead != pid && (dead > 0 || errno == EINTR));
	if (dead < 0) {
		say("fork", strerror(errno));
		status = 126 << 8;
	}
	dprintf(STDOUT_FILENO, "%s end %d\n", marker,
		WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	if (raw)
		tcsetattr(STDOUT_FILENO, TCSADRAIN, &saved);
	/* Nothing is kept across the power-off, so nobody needs time to save. */
	kill(-1, SIGKILL);
	sync();
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	machine_end(RB_POWER_OFF);
	__builtin_unreachable();
}

int main(void)
{
	char marker[128];

	if (getpid() != 1) {
		say("only the kernel starts this program, as process 1", NULL);
		return 1;
	}
	umask(022);
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt100", 0);
	mounts_make();
	console_open();
	signals_set();
	hostname_set();
	loopback_up();
	window_set();
	if (line_read(MARKER_FILE, marker, sizeof(marker))) {
		/* The commands must not be able to forge the line that ends them. */
		unlink(MARKER_FILE);
		commands_run(marker);
	}
	shell_keep();
}
