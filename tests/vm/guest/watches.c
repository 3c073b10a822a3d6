/*
 * inotify(7): which events come, in which order, with which names and cookies.
 * Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int in;

static void here(void)
{
	static char dir[] = "/tmp/watches.XXXXXX";

	EXPECT(mkdtemp(dir) && chdir(dir) == 0);
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	EXPECT(in >= 0);
}

static int watch(const char *name, unsigned mask)
{
	int wd = inotify_add_watch(in, name, mask);

	EXPECT(wd > 0);
	return wd;
}

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0644);

	EXPECT(fd >= 0);
	SAME(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* All that is queued, as text: "wd:mask:name " each; cookies are only compared. */
static const char *events(void)
{
	static const struct { unsigned bit; const char *name; } names[] = {
		{ IN_ACCESS, "ACCESS" }, { IN_MODIFY, "MODIFY" }, { IN_ATTRIB, "ATTRIB" }, { IN_CLOSE_WRITE, "CLOSEW" },
		{ IN_CLOSE_NOWRITE, "CLOSE" }, { IN_OPEN, "OPEN" }, { IN_MOVED_FROM, "FROM" }, { IN_MOVED_TO, "TO" },
		{ IN_CREATE, "CREATE" }, { IN_DELETE, "DELETE" }, { IN_DELETE_SELF, "DELSELF" }, { IN_MOVE_SELF, "MOVSELF" },
		{ IN_UNMOUNT, "UNMOUNT" }, { IN_Q_OVERFLOW, "OVERFLOW" }, { IN_IGNORED, "IGNORED" }, { IN_ISDIR, "+DIR" },
	};
	static char text[4096];
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n = read(in, buf, sizeof(buf));
	unsigned cookie = 0;
	size_t len = 0;

	text[0] = 0;
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);

		len += sprintf(text + len, "%s%d:", len ? " " : "", e->wd);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (e->mask & names[i].bit)
				len += sprintf(text + len, "%s", names[i].name);
		if (e->len) {
			len += sprintf(text + len, ":%s", e->name);
			SAME(e->len % sizeof(*e), 0);
			EXPECT(strlen(e->name) < e->len);
		}
		if (e->mask & IN_MOVED_FROM)
			cookie = e->cookie;
		if (e->mask & IN_MOVE)
			EXPECT(e->cookie == cookie && cookie);
		else
			SAME(e->cookie, 0);
		at += sizeof(*e) + e->len;
	}
	return text;
}

#define EVENTS(expected) do { const char *got = events(); if (strcmp(got, expected)) { \
		printf("  got \"%s\"\n", got); check_failed(__FILE__, __LINE__, expected); } } while (0)

CHECK(a_file_in_a_directory)
{
	char c;
	int fd;

	here();
	SAME(watch(".", IN_ALL_EVENTS), 1);
	fd = open("f", O_RDWR | O_CREAT, 0644);
	EVENTS("1:CREATE:f 1:OPEN:f");
	SAME(write(fd, "abc", 3), 3);
	SAME(write(fd, "abc", 3), 3);
	SAME(pread(fd, &c, 1, 0), 1);
	SAME(read(fd, &c, 1), 0);
	close(fd);
	EVENTS("1:MODIFY:f 1:ACCESS:f 1:CLOSEW:f");
	fd = open("f", O_RDONLY);
	close(fd);
	close(open("f", O_WRONLY | O_TRUNC));
	EVENTS("1:OPEN:f 1:CLOSE:f 1:MODIFY:f 1:OPEN:f 1:CLOSEW:f");
	close(open("f", O_PATH));
	EXPECT(open("f", O_RDONLY | O_DIRECTORY) < 0);
	EVENTS("");
	SAME(chmod("f", 0600), 0);
	SAME(chown("f", 1, 1), 0);
	SAME(truncate("f", 10), 0);
	EVENTS("1:ATTRIB:f 1:MODIFY:f");
	SAME(utimensat(AT_FDCWD, "f", NULL, 0), 0);
	EVENTS("1:ATTRIB:f");
	SAME(link("f", "g"), 0);
	SAME(symlink("f", "s"), 0);
	SAME(mkdir("d", 0755), 0);
	SAME(mkfifo("p", 0644), 0);
	EVENTS("1:CREATE:g 1:CREATE:s 1:CREATE+DIR:d 1:CREATE:p");
	SAME(unlink("g"), 0);
	SAME(rmdir("d"), 0);
	EVENTS("1:DELETE:g 1:DELETE+DIR:d");
}

CHECK(a_file_itself)
{
	int fd;

	here();
	put("f", "x");
	SAME(watch("f", IN_ALL_EVENTS), 1);
	SAME(link("f", "g"), 0);
	EVENTS("1:ATTRIB");
	SAME(rename("f", "h"), 0);
	EVENTS("1:MOVSELF");
	SAME(unlink("g"), 0);
	fd = open("h", O_RDONLY);
	EVENTS("1:ATTRIB 1:OPEN");
	SAME(unlink("h"), 0);
	EVENTS("1:ATTRIB");
	close(fd);
	EVENTS("1:CLOSE 1:DELSELF 1:IGNORED");
	FAILS(inotify_rm_watch(in, 1), EINVAL);
	put("f", "x");
	SAME(watch("f", IN_DELETE_SELF), 2);
	SAME(unlink("f"), 0);
	EVENTS("2:DELSELF 2:IGNORED");
}

CHECK(both_and_the_order_of_a_removal)
{
	here();
	put("f", "x");
	SAME(mkdir("d", 0755), 0);
	SAME(watch(".", IN_ALL_EVENTS), 1);
	SAME(watch("f", IN_ALL_EVENTS), 2);
	SAME(watch("d", IN_ALL_EVENTS), 3);
	close(open("f", O_RDONLY));
	EVENTS("1:OPEN:f 2:OPEN 1:CLOSE:f 2:CLOSE");
	SAME(unlink("f"), 0);
	EVENTS("2:ATTRIB 2:DELSELF 2:IGNORED 1:DELETE:f");
	SAME(rmdir("d"), 0);
	EVENTS("3:DELSELF 3:IGNORED 1:DELETE+DIR:d");
}

CHECK(moves)
{
	here();
	SAME(mkdir("a", 0755), 0);
	SAME(mkdir("b", 0755), 0);
	put("a/f", "x");
	put("b/old", "x");
	SAME(watch("a", IN_ALL_EVENTS), 1);
	SAME(watch("b", IN_ALL_EVENTS), 2);
	SAME(watch("a/f", IN_ALL_EVENTS), 3);
	SAME(watch("b/old", IN_ALL_EVENTS), 4);
	SAME(rename("a/f", "b/g"), 0);
	EVENTS("1:FROM:f 2:TO:g 3:MOVSELF");
	SAME(rename("b/g", "b/old"), 0);
	EVENTS("2:FROM:g 2:TO:old 4:ATTRIB 3:MOVSELF 4:DELSELF 4:IGNORED");
	SAME(mkdir("a/d", 0755), 0);
	SAME(rename("a/d", "b/d"), 0);
	EVENTS("1:CREATE+DIR:d 1:FROM+DIR:d 2:TO+DIR:d");
	SAME(rename("b/old", "f"), 0);
	EVENTS("2:FROM:old 3:MOVSELF");
	SAME(rename("f", "a/f"), 0);
	FAILS(rename("none", "a/g"), ENOENT);
	SAME(inotify_rm_watch(in, 2), 0);
	SAME(inotify_rm_watch(in, 1), 0);
}

CHECK(directories_are_read)
{
	char buf[4096];
	int fd;

	here();
	put("f", "x");
	SAME(watch(".", IN_ALL_EVENTS), 1);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	EXPECT(fd >= 0);
	EXPECT(syscall(61, fd, buf, sizeof(buf)) > 0);
	close(fd);
	EVENTS("1:OPEN+DIR 1:ACCESS+DIR 1:CLOSE+DIR");
	SAME(chmod(".", 0700), 0);
	EVENTS("1:ATTRIB+DIR");
}

CHECK(masks_and_options)
{
	int fd, wd;

	here();
	put("f", "x");
	wd = watch(".", IN_CREATE | IN_ONESHOT);
	put("g", "x");
	put("h", "x");
	EVENTS("1:CREATE:g 1:IGNORED");
	FAILS(inotify_rm_watch(in, wd), EINVAL);
	wd = watch(".", IN_CREATE);
	SAME(wd, 2);
	SAME(inotify_add_watch(in, ".", IN_DELETE), wd);
	put("i", "x");
	EVENTS("");
	SAME(inotify_add_watch(in, ".", IN_CREATE | IN_MASK_ADD), wd);
	put("j", "x");
	SAME(unlink("j"), 0);
	EVENTS("2:CREATE:j 2:DELETE:j");
	FAILS(inotify_add_watch(in, ".", IN_CREATE | IN_MASK_CREATE), EEXIST);
	FAILS(inotify_add_watch(in, ".", IN_CREATE | IN_MASK_CREATE | IN_MASK_ADD), EINVAL);
	FAILS(inotify_add_watch(in, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	FAILS(inotify_add_watch(in, "f", 0), EINVAL);
	FAILS(inotify_add_watch(in, "none", IN_OPEN), ENOENT);
	FAILS(inotify_add_watch(in, nowhere, IN_OPEN), EFAULT);
	FAILS(inotify_add_watch(999, ".", IN_OPEN), EBADF);
	FAILS(inotify_add_watch(0, ".", IN_OPEN), EINVAL);
	FAILS(inotify_rm_watch(in, 77), EINVAL);
	FAILS(inotify_rm_watch(0, 1), EINVAL);
	FAILS(inotify_init1(1), EINVAL);
	SAME(inotify_rm_watch(in, wd), 0);
	EVENTS("2:IGNORED");
	SAME(symlink("f", "s"), 0);
	wd = watch("s", IN_OPEN | IN_DONT_FOLLOW);
	close(open("f", O_RDONLY));
	EVENTS("");
	SAME(inotify_rm_watch(in, wd), 0);
	(void)events();
	/* Without IN_EXCL_UNLINK, what is open still tells its old directory. */
	wd = watch(".", IN_CLOSE | IN_MODIFY);
	fd = open("f", O_WRONLY);
	SAME(unlink("f"), 0);
	SAME(write(fd, "x", 1), 1);
	EVENTS("4:MODIFY:f");
	SAME(inotify_add_watch(in, ".", IN_CLOSE | IN_MODIFY | IN_EXCL_UNLINK), wd);
	SAME(write(fd, "x", 1), 1);
	close(fd);
	EVENTS("");
}

CHECK(reading_and_waiting)
{
	char buf[64] __attribute__((aligned(8)));
	struct pollfd p;
	int n, pair[2];
	pid_t pid;

	here();
	watch(".", IN_CREATE);
	p = (struct pollfd){ .fd = in, .events = POLLIN };
	SAME(poll(&p, 1, 0), 0);
	FAILS(read(in, buf, sizeof(buf)), EAGAIN);
	put("f", "x");
	put("sixteen-chars-ok", "x");
	SAME(poll(&p, 1, -1), 1);
	SAME(p.revents, POLLIN);
	SAME(ioctl(in, FIONREAD, &n), 0);
	SAME(n, 32 + 48);
	FAILS(read(in, buf, 31), EINVAL);
	FAILS(read(in, nowhere, 64), EFAULT);
	SAME(read(in, buf, sizeof(buf)), 48);
	SAME(ioctl(in, FIONREAD, &n), 0);
	SAME(n, 0);
	FAILS(write(in, buf, 1), EBADF);
	SAME(fcntl(in, F_SETFL, 0), 0);
	EXPECT(pipe(pair) == 0);
	pid = fork();
	if (!pid) {
		SAME(write(pair[1], "x", 1), 1);
		SAME(read(in, buf, sizeof(buf)), 32);
		_exit(0);
	}
	SAME(read(pair[0], buf, 1), 1);
	put("later", "x");
	child_ok(pid);
	n = readlink("/proc/self/fd/3", buf, sizeof(buf));
	EXPECT(in == 3 && n == 18 && !memcmp(buf, "anon_inode:inotify", 18));
}

static void setting(const char *name, const char *value, char *old)
{
	char path[64];
	int fd;

	sprintf(path, "/proc/sys/fs/inotify/%s", name);
	fd = open(path, O_RDWR);
	EXPECT(fd >= 0);
	if (old) {
		ssize_t n = read(fd, old, 20);

		EXPECT(n > 0);
		old[n] = 0;
	}
	SAME(pwrite(fd, value, strlen(value), 0), strlen(value));
	close(fd);
}

CHECK(limits)
{
	char events_old[21], instances_old[21], watches_old[21];
	pid_t pid;
	int status;

	here();
	put("f", "x");
	setting("max_queued_events", "3", events_old);
	setting("max_user_instances", "2", instances_old);
	setting("max_user_watches", "2", watches_old);
	pid = fork();
	if (!pid) {
		int second;

		close(in);
		EXPECT(chmod(".", 0777) == 0 && setresuid(1234, 1234, 1234) == 0);
		in = inotify_init1(IN_NONBLOCK);
		EXPECT(in >= 0);
		second = inotify_init();
		EXPECT(second >= 0);
		FAILS(inotify_init(), EMFILE);
		watch(".", IN_ALL_EVENTS);
		watch("f", IN_DELETE_SELF);
		FAILS(inotify_add_watch(in, "/", IN_OPEN), ENOSPC);
		FAILS(inotify_add_watch(second, "/", IN_OPEN), ENOSPC);
		SAME(inotify_rm_watch(in, 2), 0);
		EVENTS("2:IGNORED");
		for (int i = 0; i < 3; i++) {
			SAME(mkdir("d", 0755), 0);
			SAME(rmdir("d"), 0);
		}
		EVENTS("1:CREATE+DIR:d 1:DELETE+DIR:d 1:CREATE+DIR:d -1:OVERFLOW");
		SAME(mkdir("d", 0755), 0);
		EVENTS("1:CREATE+DIR:d");
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	setting("max_queued_events", events_old, NULL);
	setting("max_user_instances", instances_old, NULL);
	setting("max_user_watches", watches_old, NULL);
	SAME(status, 0);
	FAILS(open("f/none", O_RDONLY), ENOTDIR);
}

CHECK(rights)
{
	pid_t pid;

	here();
	put("secret", "x");
	EXPECT(chmod("secret", 0200) == 0 && chmod(".", 0755) == 0);
	pid = fork();
	if (!pid) {
		EXPECT(setresuid(1000, 1000, 1000) == 0);
		FAILS(inotify_add_watch(in, "secret", IN_OPEN), EACCES);
		EXPECT(inotify_add_watch(in, ".", IN_OPEN) > 0);
		_exit(0);
	}
	child_ok(pid);
}

CHECK(the_file_system_goes)
{
	here();
	SAME(mkdir("m", 0755), 0);
	SAME(mount("none", "m", "tmpfs", 0, NULL), 0);
	put("m/f", "x");
	SAME(watch("m", IN_CREATE), 1);
	SAME(watch("m/f", IN_OPEN), 2);
	SAME(umount("m"), 0);
	const char *got = events();
	EXPECT(!strcmp(got, "2:UNMOUNT 2:IGNORED 1:UNMOUNT+DIR 1:IGNORED") ||
	       !strcmp(got, "1:UNMOUNT+DIR 1:IGNORED 2:UNMOUNT 2:IGNORED"));
}

CHECK(many_watches_and_their_end)
{
	char name[32];

	here();
	for (int i = 0; i < 2000; i++) {
		sprintf(name, "f%d", i);
		put(name, "x");
		SAME(watch(name, IN_ALL_EVENTS), i + 1);
	}
	close(in);
	for (int i = 0; i < 2000; i++) {
		sprintf(name, "f%d", i);
		SAME(unlink(name), 0);
	}
}
