/*
 * Files between users: sticky folders, set-id bits that go, links into folders for everybody, owners, times,
 * attributes, sockets with names, watches, seals, locked memory. Runs as root.
 */
#include "users.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define HOME "/tmp/userfiles"

static void leave(void)
{
	SAME(system("rm -rf " HOME), 0);
}

static int closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

CHECK(sticky_folders)
{
	folder(HOME, 01777);
	file_of(HOME "/alices", ALICE, 0666);
	file_of(HOME "/bobs", BOB, 0666);
	AS(BOB, SAME(mkdir(HOME "/folder", 0777), 0));
	AS(ALICE, {
		FAILS(unlink(HOME "/bobs"), EPERM);
		FAILS(rename(HOME "/bobs", HOME "/mine"), EPERM);
		FAILS(rmdir(HOME "/folder"), EPERM);
		FAILS(rename(HOME "/folder", HOME "/mine"), EPERM);
		/* Nor by something of one's own in its place. */
		FAILS(rename(HOME "/alices", HOME "/bobs"), EPERM);
		FAILS(syscall(SYS_renameat2, AT_FDCWD, HOME "/alices", AT_FDCWD, HOME "/bobs", 2), EPERM);
		SAME(rename(HOME "/alices", HOME "/alices-2"), 0);
		SAME(link(HOME "/bobs", HOME "/link"), 0);
		FAILS(unlink(HOME "/link"), EPERM);
		SAME(unlink(HOME "/alices-2"), 0);
		/* What is written is another matter. */
		SAME(closed(open(HOME "/bobs", O_RDWR)), 0);
	});
	/* The folder's owner may. */
	SAME(chown(HOME, ALICE, ALICE), 0);
	AS(ALICE, SAME(unlink(HOME "/link"), 0); SAME(rmdir(HOME "/folder"), 0));
	leave();
}

CHECK(folders_without_the_right_to_write)
{
	folder(HOME, 0755);
	file_of(HOME "/bobs", BOB, 0666);
	folder(HOME "/inner", 0777);
	folder(HOME "/inner/closed", 0755);
	SAME(chown(HOME "/inner/closed", BOB, BOB), 0);
	folder(HOME "/other", 0777);
	AS(ALICE, {
		FAILS(unlink(HOME "/bobs"), EACCES);
		FAILS(unlink(HOME "/none"), ENOENT);
		FAILS(open(HOME "/new", O_CREAT | O_WRONLY, 0600), EACCES);
		FAILS(mkdir(HOME "/new", 0700), EACCES);
		FAILS(mkdir(HOME "/inner", 0700), EEXIST);
		FAILS(symlink("x", HOME "/new"), EACCES);
		FAILS(mkfifo(HOME "/new", 0600), EACCES);
		FAILS(link(HOME "/bobs", HOME "/new"), EACCES);
		FAILS(rename(HOME "/bobs", HOME "/inner/bobs"), EACCES);
		FAILS(open(HOME, O_RDWR | O_TMPFILE, 0600), EACCES);
		/* A folder that moves has another parent, which is written into it. */
		FAILS(rename(HOME "/inner/closed", HOME "/other/closed"), EACCES);
		SAME(rename(HOME "/inner/closed", HOME "/inner/other"), 0);
	});
	leave();
}

/* ---- set-id bits ---------------------------------------------------------------------- */

static void bits_go(void (*change)(const char *), const char *name)
{
	file_of(name, ALICE, 06777);
	AS(ALICE, change(name));
	SAME(mode_of(name), 0777);
	file_of(name, ALICE, 06777);
	if (!fork()) {
		change(name);
		_exit(0);
	}
	EXPECT(waitpid(-1, NULL, 0) > 0);
	/* Whoever may give such bits keeps them. */
	SAME(mode_of(name), 06777);
}

static void by_write(const char *name)
{
	int fd = open(name, O_WRONLY);

	SAME(write(fd, "x", 1), 1);
	close(fd);
}
static void by_pwrite(const char *name)
{
	int fd = open(name, O_WRONLY);

	SAME(pwrite(fd, "x", 1, 100), 1);
	close(fd);
}
static void by_truncate(const char *name) { SAME(truncate(name, 1), 0); }
static void by_ftruncate(const char *name)
{
	int fd = open(name, O_WRONLY);

	SAME(ftruncate(fd, 2), 0);
	close(fd);
}
static void by_open(const char *name) { SAME(closed(open(name, O_WRONLY | O_TRUNC)), 0); }
static void by_fallocate(const char *name)
{
	int fd = open(name, O_WRONLY);

	SAME(posix_fallocate(fd, 0, 100), 0);
	close(fd);
}
static void by_sendfile(const char *name)
{
	int fd = open(name, O_WRONLY), from = open("/proc/self/exe", O_RDONLY);

	EXPECT(sendfile(fd, from, NULL, 100) > 0);
	close(fd);
	close(from);
}
static void by_copy(const char *name)
{
	int fd = open(name, O_RDWR), from = open(HOME "/from", O_RDONLY);

	SAME(syscall(SYS_copy_file_range, from, NULL, fd, NULL, 5, 0), 5);
	close(fd);
	close(from);
}

CHECK(set_id_bits_go_with_a_change)
{
	folder(HOME, 0777);
	file_of(HOME "/from", ALICE, 0644);
	bits_go(by_write, HOME "/file");
	bits_go(by_pwrite, HOME "/file");
	bits_go(by_truncate, HOME "/file");
	bits_go(by_ftruncate, HOME "/file");
	bits_go(by_open, HOME "/file");
	bits_go(by_fallocate, HOME "/file");
	bits_go(by_sendfile, HOME "/file");
	bits_go(by_copy, HOME "/file");
	leave();
}

CHECK(set_id_bits_go_with_an_owner)
{
	folder(HOME, 0777);
	file_of(HOME "/file", ALICE, 06777);
	AS(ALICE, SAME(chown(HOME "/file", -1, ALICE), 0));
	SAME(mode_of(HOME "/file"), 0777);
	file_of(HOME "/file", ALICE, 06777);
	SAME(chown(HOME "/file", BOB, -1), 0);
	SAME(mode_of(HOME "/file"), 0777);
	/* Without the group's execute bit it means mandatory locks, and stays for a member or root. */
	file_of(HOME "/file", ALICE, 06767);
	SAME(chown(HOME "/file", BOB, -1), 0);
	SAME(mode_of(HOME "/file"), 02767);
	folder(HOME "/folder", 02777);
	SAME(chown(HOME "/folder", BOB, BOB), 0);
	SAME(mode_of(HOME "/folder"), 02777);
	leave();
}

CHECK(groups_of_files)
{
	folder(HOME, 0777);
	folder(HOME "/group", 02777);
	SAME(chown(HOME "/group", BOB, BOB), 0);
	file_of(HOME "/file", ALICE, 0644);
	file_of(HOME "/foreign", ALICE, 0644);
	SAME(chown(HOME "/foreign", ALICE, BOB), 0);
	AS(ALICE, {
		struct stat st;

		/* A folder's group goes on to what is made in it; the bit only to a member's programs. */
		SAME(closed(open(HOME "/group/file", O_WRONLY | O_CREAT, 02777)), 0);
		SAME(stat(HOME "/group/file", &st), 0);
		SAME(st.st_gid, BOB);
		SAME(st.st_mode & 02000, 0);
		SAME(mkdir(HOME "/group/inner", 0700), 0);
		SAME(stat(HOME "/group/inner", &st), 0);
		SAME(st.st_gid, BOB);
		SAME(st.st_mode & 02000, 02000);
		SAME(chmod(HOME "/file", 02755), 0);
		SAME(mode_of(HOME "/file"), 02755);
		SAME(chmod(HOME "/foreign", 06755), 0);
		SAME(mode_of(HOME "/foreign"), 04755);
		/* To whom files are given. */
		FAILS(chown(HOME "/file", BOB, -1), EPERM);
		FAILS(chown(HOME "/file", -1, BOB), EPERM);
		FAILS(chown(HOME "/file", 0, 0), EPERM);
		SAME(chown(HOME "/file", ALICE, ALICE), 0);
		SAME(chown(HOME "/file", -1, -1), 0);
		FAILS(chmod(HOME "/group", 0777), EPERM);
		FAILS(chown(HOME "/group", ALICE, -1), EPERM);
	});
	/* One of hers that she is a member of. */
	if (!fork()) {
		gid_t bob = BOB;

		SAME(setgroups(1, &bob), 0);
		SAME(setresgid(ALICE, ALICE, ALICE), 0);
		SAME(setresuid(ALICE, ALICE, ALICE), 0);
		SAME(chown(HOME "/file", -1, BOB), 0);
		SAME(chmod(HOME "/foreign", 02755), 0);
		SAME(mode_of(HOME "/foreign"), 02755);
		_exit(0);
	}
	EXPECT(waitpid(-1, NULL, 0) > 0);
	SAME(mode_of(HOME "/foreign"), 02755);
	leave();
}

/* ---- times and attributes ------------------------------------------------------------------ */

CHECK(times_of_files)
{
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, other[2] = { { 5, 0 }, { 5, 0 } };
	struct timespec one[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } }, none[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

	folder(HOME, 0777);
	file_of(HOME "/own", ALICE, 0400);
	file_of(HOME "/writable", BOB, 0666);
	file_of(HOME "/readable", BOB, 0644);
	AS(ALICE, {
		SAME(utimensat(AT_FDCWD, HOME "/own", other, 0), 0);
		SAME(utimensat(AT_FDCWD, HOME "/own", NULL, 0), 0);
		SAME(utimensat(AT_FDCWD, HOME "/writable", NULL, 0), 0);
		SAME(utimensat(AT_FDCWD, HOME "/writable", now, 0), 0);
		FAILS(utimensat(AT_FDCWD, HOME "/writable", other, 0), EPERM);
		FAILS(utimensat(AT_FDCWD, HOME "/writable", one, 0), EPERM);
		FAILS(utimensat(AT_FDCWD, HOME "/readable", NULL, 0), EACCES);
		FAILS(utimensat(AT_FDCWD, HOME "/readable", now, 0), EACCES);
		FAILS(utimensat(AT_FDCWD, HOME "/readable", other, 0), EPERM);
		SAME(utimensat(AT_FDCWD, HOME "/readable", none, 0), 0);
	});
	leave();
}

CHECK(attributes_of_files)
{
	char value[16];

	folder(HOME, 0755);
	file_of(HOME "/writable", BOB, 0666);
	file_of(HOME "/readable", BOB, 0644);
	file_of(HOME "/closed", BOB, 0600);
	folder(HOME "/sticky", 01777);
	SAME(setxattr(HOME "/writable", "trusted.t", "x", 1, 0), 0);
	SAME(setxattr(HOME "/writable", "security.s", "x", 1, 0), 0);
	AS(ALICE, {
		FAILS(setxattr(HOME "/writable", "trusted.t", "y", 1, 0), EPERM);
		FAILS(removexattr(HOME "/writable", "trusted.t"), EPERM);
		FAILS(getxattr(HOME "/writable", "trusted.t", value, sizeof(value)), ENODATA);
		SAME(getxattr(HOME "/writable", "security.s", value, sizeof(value)), 1);
		ssize_t n = listxattr(HOME "/writable", value, sizeof(value));
		EXPECT(n >= 0 && !memmem(value, n, "trusted", 7));
		/* Those of users by the rights to the contents. */
		int r = setxattr(HOME "/writable", "user.u", "y", 1, 0);
		/* Linux's memory file system has none before 6.6. */
		if (r == 0 || errno != EOPNOTSUPP) {
			SAME(r, 0);
			FAILS(setxattr(HOME "/readable", "user.u", "y", 1, 0), EACCES);
			FAILS(getxattr(HOME "/readable", "user.u", value, sizeof(value)), ENODATA);
			FAILS(getxattr(HOME "/closed", "user.u", value, sizeof(value)), EACCES);
			FAILS(setxattr(HOME "/sticky", "user.u", "y", 1, 0), EPERM);
		}
	});
	leave();
}

/* ---- links ------------------------------------------------------------------------------------ */

CHECK(links_in_folders_for_everybody)
{
	folder(HOME, 01777);
	folder(HOME "/plain", 0777);
	file_of(HOME "/target", BOB, 0666);
	AS(ALICE, {
		SAME(symlink(HOME "/target", HOME "/link"), 0);
		SAME(symlink(HOME "/plain", HOME "/way"), 0);
		SAME(symlink(HOME "/fresh", HOME "/to-new"), 0);
		SAME(symlink(HOME "/target", HOME "/plain/link"), 0);
		SAME(symlink(HOME "/link", HOME "/plain/chain"), 0);
		SAME(closed(open(HOME "/link", O_RDONLY)), 0);
	});
	for (int root = 0; root < 2; root++) {
		pid_t pid = fork();

		if (!pid) {
			char to[64];
			struct stat st;

			if (!root)
				become(BOB);
			FAILS(open(HOME "/link", O_RDONLY), EACCES);
			FAILS(open(HOME "/link", O_WRONLY | O_CREAT, 0600), EACCES);
			FAILS(open(HOME "/to-new", O_WRONLY | O_CREAT, 0600), EACCES);
			FAILS(open(HOME "/way/", O_RDONLY | O_DIRECTORY), EACCES);
			FAILS(stat(HOME "/link", &st), EACCES);
			FAILS(chmod(HOME "/link", 0777), EACCES);
			FAILS(chdir(HOME "/way"), EACCES);
			FAILS(open(HOME "/plain/chain", O_RDONLY), EACCES);
			FAILS(open(HOME "/link", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
			FAILS(open(HOME "/link", O_RDONLY | O_NOFOLLOW), ELOOP);
			/* Elsewhere, on the way, and looking at the link itself. */
			SAME(closed(open(HOME "/plain/link", O_RDONLY)), 0);
			SAME(closed(open(HOME "/way/link", O_RDONLY)), 0);
			SAME(lstat(HOME "/link", &st), 0);
			EXPECT(readlink(HOME "/link", to, sizeof(to)) > 0);
			_exit(0);
		}
		child_ok(pid);
	}
	/* Of the folder's owner everybody follows them. */
	SAME(chown(HOME, ALICE, ALICE), 0);
	AS(BOB, SAME(closed(open(HOME "/link", O_RDONLY)), 0));
	leave();
}

CHECK(names_for_files_of_others)
{
	folder(HOME, 0777);
	file_of(HOME "/writable", BOB, 0666);
	file_of(HOME "/readable", BOB, 0644);
	file_of(HOME "/program", BOB, 04777);
	file_of(HOME "/group-program", BOB, 02777);
	file_of(HOME "/closed", BOB, 0);
	AS(BOB, SAME(mkfifo(HOME "/fifo", 0666), 0); SAME(chmod(HOME "/fifo", 0666), 0); SAME(symlink("x", HOME "/symlink"), 0));
	AS(ALICE, {
		SAME(link(HOME "/writable", HOME "/new"), 0);
		FAILS(link(HOME "/readable", HOME "/new2"), EPERM);
		FAILS(link(HOME "/program", HOME "/new2"), EPERM);
		FAILS(link(HOME "/group-program", HOME "/new2"), EPERM);
		FAILS(link(HOME "/closed", HOME "/new2"), EPERM);
		FAILS(link(HOME "/fifo", HOME "/new2"), EPERM);
		FAILS(link(HOME "/symlink", HOME "/new2"), EPERM);
	});
	AS(BOB, SAME(link(HOME "/closed", HOME "/new2"), 0); SAME(link(HOME "/program", HOME "/new3"), 0));
	leave();
}

/* ---- other ways in ------------------------------------------------------------------------------- */

static struct sockaddr_un named(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, name);
	return a;
}

CHECK(sockets_with_names)
{
	struct sockaddr_un open_to_all = named(HOME "/open"), closed_one = named(HOME "/closed"), abstract = { AF_UNIX, "\0users" };
	socklen_t abstract_len = sizeof(sa_family_t) + 6;
	int s[3];

	folder(HOME, 0755);
	for (int i = 0; i < 3; i++)
		EXPECT((s[i] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	SAME(bind(s[0], (struct sockaddr *)&open_to_all, sizeof(open_to_all)), 0);
	SAME(bind(s[1], (struct sockaddr *)&closed_one, sizeof(closed_one)), 0);
	SAME(bind(s[2], (struct sockaddr *)&abstract, abstract_len), 0);
	SAME(chmod(HOME "/open", 0666), 0);
	SAME(chmod(HOME "/closed", 0644), 0);
	for (int i = 0; i < 3; i++)
		SAME(listen(s[i], 5), 0);
	AS(ALICE, {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		int d = socket(AF_UNIX, SOCK_STREAM, 0);
		struct ucred peer;
		socklen_t len = sizeof(peer);

		FAILS(connect(c, (struct sockaddr *)&closed_one, sizeof(closed_one)), EACCES);
		SAME(connect(c, (struct sockaddr *)&open_to_all, sizeof(open_to_all)), 0);
		SAME(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
		SAME(peer.uid, 0);
		SAME(connect(d, (struct sockaddr *)&abstract, abstract_len), 0);
		struct sockaddr_un there = named(HOME "/new");
		FAILS(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&there, sizeof(there)), EACCES);
		FAILS(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&abstract, abstract_len), EADDRINUSE);
	});
	int c = accept(s[0], NULL, NULL);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	SAME(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
	SAME(peer.uid, ALICE);
	SAME(peer.gid, ALICE);
	leave();
}

CHECK(fifos_and_watches)
{
	folder(HOME, 0755);
	file_of(HOME "/closed", BOB, 0600);
	file_of(HOME "/open", BOB, 0644);
	SAME(mkfifo(HOME "/fifo", 0600), 0);
	AS(ALICE, {
		int i = inotify_init();

		FAILS(inotify_add_watch(i, HOME "/closed", IN_ALL_EVENTS), EACCES);
		EXPECT(inotify_add_watch(i, HOME "/open", IN_ALL_EVENTS) > 0);
		FAILS(open(HOME "/fifo", O_RDWR | O_NONBLOCK), EACCES);
	});
	leave();
}

/* A file that one may only read is not written to by way of another descriptor, mapping or /proc. */
CHECK(rights_stay_with_the_descriptor)
{
	char path[64];
	int fd, p[2];

	folder(HOME, 0755);
	file_of(HOME "/file", BOB, 0644);
	AS(ALICE, {
		EXPECT((fd = open(HOME "/file", O_RDONLY)) >= 0);
		FAILS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, EACCES);
		char *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		EXPECT(m != MAP_FAILED);
		FAILS(mprotect(m, 4096, PROT_READ | PROT_WRITE), EACCES);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		FAILS(open(path, O_RDWR), EACCES);
		FAILS(ftruncate(fd, 0), EINVAL);
		FAILS(fchmod(fd, 0666), EPERM);
		FAILS(fchown(fd, ALICE, -1), EPERM);
		SAME(pipe(p), 0);
		SAME(write(p[1], "x", 1), 1);
		FAILS(splice(p[0], NULL, fd, NULL, 1, 0), EBADF);
		FAILS(posix_fallocate(fd, 0, 5) == EBADF ? (errno = EBADF, -1) : 0, EBADF);
	});
	leave();
}

CHECK(memory_files_and_their_seals)
{
	int fd = syscall(SYS_memfd_create, "m", 2);	/* MFD_ALLOW_SEALING */
	char path[64];

	SAME(write(fd, "text", 4), 4);
	SAME(fchmod(fd, 0444), 0);
	SAME(fcntl(fd, 1033 /* F_ADD_SEALS */, 8 /* F_SEAL_WRITE */), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	FAILS(write(fd, "x", 1), EPERM);
	AS(ALICE, {
		FAILS(write(fd, "x", 1), EPERM);
		int again = open(path, O_RDONLY);
		EXPECT(again >= 0);
		FAILS(fcntl(again, 1033, 1), EPERM);
		FAILS(open(path, O_RDWR), EACCES);
	});
}

CHECK(locked_memory_has_a_limit)
{
	struct rlimit l = { 65536, 65536 };

	AS(ALICE, {
		SAME(setrlimit(RLIMIT_MEMLOCK, &l), 0);
		char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		SAME(mlock(m, 65536), 0);
		FAILS(mlock(m + 65536, 4096), ENOMEM);
		FAILS(mlockall(MCL_CURRENT), ENOMEM);
		SAME(munlock(m, 65536), 0);
		FAILS(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED ? -1 : 0, EAGAIN);
		l.rlim_cur = 0;
		SAME(setrlimit(RLIMIT_MEMLOCK, &l), 0);
		FAILS(mlock(m, 4096), EPERM);
	});
}

/* A terminal that is one session's is not taken by another's leader, unless that is root and insists. */
CHECK(terminals_are_not_stolen)
{
	char name[32];
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), s, p[2];
	pid_t holder;
	char c;

	EXPECT(m >= 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof(name)) == 0);
	SAME(pipe(p), 0);
	holder = fork();
	if (!holder) {
		EXPECT(setsid() > 0);
		EXPECT(open(name, O_RDWR) >= 0);
		SAME(write(p[1], "x", 1), 1);
		for (;;)
			pause();
	}
	SAME(read(p[0], &c, 1), 1);
	EXPECT((s = open(name, O_RDWR | O_NOCTTY)) >= 0);
	AS(ALICE, {
		EXPECT(setsid() > 0);
		FAILS(ioctl(s, TIOCSCTTY, 0), EPERM);
		FAILS(ioctl(s, TIOCSCTTY, 1), EPERM);
	});
	pid_t pid = fork();

	if (!pid) {
		EXPECT(setsid() > 0);
		signal(SIGHUP, SIG_IGN);
		FAILS(ioctl(s, TIOCSCTTY, 0), EPERM);
		SAME(ioctl(s, TIOCSCTTY, 1), 0);
		_exit(0);
	}
	child_ok(pid);
	SAME(kill(holder, SIGKILL), 0);
	EXPECT(waitpid(holder, NULL, 0) == holder);
}
