/* What programs expect to find: mounts, a console, a name, the loopback interface. */
#include "init.h"
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

void mounts_make(void)
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

char *file_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 4096, used = 0;
	char *text = fd < 0 ? NULL : malloc(size);
	ssize_t n = 0;

	while (text && (n = read(fd, text + used, size - 1 - used)) > 0) {
		used += n;
		if (used == size - 1) {
			char *more = realloc(text, size *= 2);

			if (!more)
				break;
			text = more;
		}
	}
	if (text)
		text[used] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* The octal escapes of /proc/mounts, in place. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The mounts of the lines in text, the last first: what was mounted later may lie on what was before. */
static void mounts_end_in(char *text)
{
	char *line, *save, *where;

	while (*text) {
		line = strrchr(text, '\n');
		line = line ? line : text;
		where = strtok_r(line, " \n", &save) ? strtok_r(NULL, " \n", &save) : NULL;
		if (where) {
			unescape(where);
			if (umount2(where, 0) < 0)
				mount(NULL, where, NULL, MS_REMOUNT | MS_RDONLY, NULL);
		}
		*line = '\0';
	}
}

void mounts_end(void)
{
	char *text = file_text("/proc/mounts");

	(void)!chdir("/");
	if (text)
		mounts_end_in(text);
	free(text);
}

bool terminal_open(const char *name)
{
	char path[256];
	int fd;

	text_format(path, sizeof(path), "/dev/%s", *name ? name : "console");
	fd = open(path, O_RDWR | O_NOCTTY);
	if (fd < 0)
		return false;
	for (int to = 0; to <= 2; to++)
		if (fd != to)
			dup2(fd, to);
	if (fd > 2)
		close(fd);
	return true;
}

bool line_read(const char *path, char *buf, size_t size)
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

/* Is /dev/console the one on the screen? The last of those in use is. */
bool console_is_screen(void)
{
	char names[256], *last;

	if (!line_read("/sys/class/tty/console/active", names, sizeof(names)))
		return false;
	last = strrchr(names, ' ');
	last = last ? last + 1 : names;
	return !strcmp(last, "tty0") || !strcmp(last, "tty1");
}

void hostname_set(void)
{
	char name[65];

	if (line_read("/etc/hostname", name, sizeof(name)))
		sethostname(name, strlen(name));
}

void loopback_up(void)
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
void window_set(void)
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
