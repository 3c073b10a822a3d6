/*
 * How process 1 ends the machine: programs first, then what is mounted, the last first, and at the end the machine. In
 * a VM nobody is left who could see it, so here init's own files run over a world that writes down what is asked of it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>
#include "unit.h"

/* What <sys/socket.h> has; the unit tests' stands before it. Nothing here opens a socket. */
#define AF_INET		2
#define SOCK_DGRAM	2
#define SOCK_CLOEXEC	02000000
int socket(int family, int type, int protocol);

/* Init's calls end up in the world below. */
int world_open(const char *path, int flags, ...);
int world_umount2(const char *path, int flags);
int world_mount(const char *what, const char *path, const char *type, unsigned long flags, const void *data);
int world_chdir(const char *path);
int world_kill(pid_t pid, int sig);
void world_sync(void);
int world_reboot(int how);
#define open	world_open
#define umount2	world_umount2
#define mount	world_mount
#define chdir	world_chdir
#define kill	world_kill
#define sync	world_sync
#define reboot	world_reboot
#include "../../user/init/world.c"
#include "../../user/init/end.c"
#include "../../user/lib/text.c"

struct service *services;
static char said[1024];		/* what init did, a word for each */
static struct { const char *path; bool used; } mounted[8];
static int mounted_count, children;
static jmp_buf off;

static void note(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

/* ---- the world ---- */

int world_open(const char *path, int flags, ...)
{
	FILE *f = tmpfile();
	int fd;

	EXPECT(!strcmp(path, "/proc/mounts"));
	for (int i = 0; i < mounted_count; i++) {
		fprintf(f, "none ");
		for (const char *c = mounted[i].path; *c; c++)
			fprintf(f, *c == ' ' ? "\\040" : "%c", *c);
		fprintf(f, " tmpfs rw 0 0\n");
	}
	rewind(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

/* The topmost one there, unless something is mounted below it or a file of it is in use. */
int world_umount2(const char *path, int flags)
{
	size_t len = strlen(path);
	bool below = false;
	int at = -1;

	for (int i = 0; i < mounted_count; i++)
		if (!strcmp(mounted[i].path, path))
			at = i;
	for (int i = 0; i < mounted_count; i++)
		below |= !strncmp(mounted[i].path, path, len) && mounted[i].path[len] == '/';
	if (at < 0 || len == 1 || below || mounted[at].used) {
		errno = at < 0 ? EINVAL : EBUSY;
		return -1;
	}
	memmove(&mounted[at], &mounted[at + 1], (--mounted_count - at) * sizeof(mounted[0]));
	note("-%s ", path);
	return 0;
}

int world_mount(const char *what, const char *path, const char *type, unsigned long flags, const void *data)
{
	EXPECT_EQ(flags, (unsigned long)(MS_REMOUNT | MS_RDONLY));
	note("ro:%s ", path);
	return 0;
}

int world_kill(pid_t pid, int sig)
{
	EXPECT_EQ(pid, -1);
	if (sig == SIGKILL)
		children = 0;
	note("%s ", sig == SIGTERM ? "term" : sig == SIGCONT ? "cont" : sig == SIGKILL ? "kill" : "?");
	return 0;
}

int world_chdir(const char *path) { return strcmp(path, "/"); }
void world_sync(void) { note("sync "); }
int world_reboot(int how) { note("reboot:%x", how); longjmp(off, 1); }

static uint64_t now;
uint64_t now_ms(void) { return now; }
void event_wait(uint64_t until) { now = until; }
bool children_reap(void) { return children; }
bool login_is(const struct service *s) { return false; }
void command_exec(const char *command) { abort(); }
void say(const char *what, const char *why) { note("said:%s ", what); }
void services_run(enum action action, bool wait, uint64_t until)
{
	note(action == SHUTDOWN && wait ? "shutdown " : "? ");
}

/* ---- the tests ---- */

static void world(int n, const char *const *paths)
{
	said[0] = '\0';
	ending = false;
	children = 3;
	mounted_count = n;
	for (int i = 0; i < n; i++) {
		mounted[i].path = paths[i];
		mounted[i].used = false;
	}
}

static void end(int how)
{
	if (!setjmp(off))
		machine_end(how);
}

#define PROGRAMS "shutdown term cont kill sync "

TEST(the_last_mounted_is_unmounted_first)
{
	static const char *const paths[] = { "/", "/proc", "/mnt", "/mnt/a", "/mnt/a/b c", "/srv" };

	world(6, paths);
	end(RB_POWER_OFF);
	EXPECT(!strcmp(said, PROGRAMS "-/srv -/mnt/a/b c -/mnt/a -/mnt -/proc ro:/ reboot:4321fedc"));
	EXPECT_EQ(mounted_count, 1);
}

TEST(one_over_another)
{
	static const char *const paths[] = { "/", "/mnt", "/mnt" };

	world(3, paths);
	end(RB_AUTOBOOT);
	EXPECT(!strcmp(said, PROGRAMS "-/mnt -/mnt ro:/ reboot:1234567"));
}

TEST(what_is_in_use_is_made_read_only)
{
	static const char *const paths[] = { "/", "/mnt", "/mnt/a" };

	world(3, paths);
	mounted[2].used = true;
	end(RB_HALT_SYSTEM);
	EXPECT(!strcmp(said, PROGRAMS "ro:/mnt/a ro:/mnt ro:/ reboot:cdef0123"));
}

TEST(nothing_mounted)
{
	world(0, NULL);
	end(RB_POWER_OFF);
	EXPECT(!strcmp(said, PROGRAMS "reboot:4321fedc"));
	/* Once: who asks again while it ends is not heard. */
	end(RB_POWER_OFF);
	EXPECT(!strcmp(said, PROGRAMS "reboot:4321fedc"));
}
