/*
 * Flags, bit by bit: what a call takes, drops, refuses and shows again, where that is more than its effect.
 */
#include "check.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LARGEFILE 0400000	/* O_LARGEFILE as the kernel has it; for musl it is 0 */

/* F_GETFL of a file opened so. */
static int shown(const char *name, int flags)
{
	int fd = syscall(SYS_openat, AT_FDCWD, name, flags, 0600), is;

	EXPECT(fd >= 0);
	is = fcntl(fd, F_GETFL);
	close(fd);
	return is;
}

static void file_make(const char *name)
{
	int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);

	EXPECT(fd >= 0 && write(fd, "hello", 5) == 5);
	close(fd);
}

CHECK(open_files_show_their_flags)
{
	file_make("/tmp/flags");
	SAME(shown("/tmp/flags", O_RDONLY), LARGEFILE);
	SAME(shown("/tmp/flags", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC), LARGEFILE | O_RDWR | O_APPEND | O_NONBLOCK);
	/* What opening alone is about is not kept, bits that mean nothing are dropped. */
	SAME(shown("/tmp/flags", O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY), LARGEFILE | O_WRONLY);
	SAME(shown("/tmp/flags", O_RDONLY | 1 << 2 | 1 << 5 | 1 << 23 | 1 << 30), LARGEFILE);
	SAME(shown("/tmp/flags", O_WRONLY | O_SYNC), LARGEFILE | O_WRONLY | O_SYNC);
	SAME(shown("/tmp/flags", O_WRONLY | (O_SYNC & ~O_DSYNC)), LARGEFILE | O_WRONLY | O_SYNC);
	SAME(shown("/tmp/flags", O_WRONLY | O_DSYNC | O_NOFOLLOW), LARGEFILE | O_WRONLY | O_DSYNC | O_NOFOLLOW);
	SAME(shown("/tmp", O_TMPFILE | O_RDWR), LARGEFILE | O_TMPFILE | O_RDWR);
	SAME(shown("/tmp", O_PATH | O_DIRECTORY | O_RDWR | O_APPEND | O_NOATIME), O_PATH | O_DIRECTORY);
	SAME(shown("/dev/null", O_RDWR), LARGEFILE | O_RDWR);
	unlink("/tmp/flags");
}

CHECK(files_made_without_a_name_show_their_flags)
{
	int fd = memfd_create("x", 0), ends[2];

	SAME(fcntl(fd, F_GETFL), LARGEFILE | O_RDWR);
	SAME(pipe2(ends, O_NONBLOCK), 0);
	SAME(fcntl(ends[0], F_GETFL), O_RDONLY | O_NONBLOCK);
	SAME(fcntl(ends[1], F_GETFL), O_WRONLY | O_NONBLOCK);
}

CHECK(files_of_memory_have_no_direct_io)
{
	int fd, ends[2];

	file_make("/tmp/flags");
	FAILS(open("/tmp/flags", O_RDWR | O_DIRECT), EINVAL);
	FAILS(open("/tmp", O_RDONLY | O_DIRECT), EINVAL);
	fd = open("/tmp/flags", O_RDWR);
	FAILS(fcntl(fd, F_SETFL, O_DIRECT | O_APPEND), EINVAL);
	SAME(fcntl(fd, F_GETFL), LARGEFILE | O_RDWR);
	SAME(pipe(ends), 0);
	SAME(fcntl(ends[1], F_SETFL, O_DIRECT), 0);
	SAME(fcntl(ends[1], F_GETFL), O_WRONLY | O_DIRECT);
	unlink("/tmp/flags");
}

CHECK(a_fifo_is_opened_to_read_or_to_write)
{
	SAME(mkfifo("/tmp/fifo", 0600), 0);
	FAILS(open("/tmp/fifo", (O_WRONLY | O_RDWR) | O_NONBLOCK), EINVAL);
	unlink("/tmp/fifo");
}

CHECK(only_the_owner_keeps_the_access_time)
{
	int fd;

	file_make("/tmp/flags");
	fd = open("/tmp/flags", O_RDONLY);
	SAME(fcntl(fd, F_SETFL, O_NOATIME), 0);
	SAME(setuid(1000), 0);
	SAME(fcntl(fd, F_SETFL, O_NOATIME | O_APPEND), 0);	/* it has that already */
	SAME(fcntl(fd, F_SETFL, 0), 0);
	FAILS(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
}

CHECK(the_dead_are_waited_for_by_wexited_alone)
{
	siginfo_t info = { 0 };
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	SAME(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	FAILS(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG), ECHILD);
	FAILS(waitid(P_PID, pid, &info, WCONTINUED), ECHILD);
	FAILS(waitid(P_PID, pid, &info, WNOHANG), EINVAL);
	SAME(waitid(P_PID, pid, &info, WEXITED | WSTOPPED), 0);
	SAME(info.si_status, 3);
}

/* mmap(2) of a page; its errno, 0 if that is mapped. */
static int mapping(int prot, int flags, int fd)
{
	void *at = mmap(NULL, 4096, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, 4096);
	return 0;
}

CHECK(mappings_and_flags_that_do_not_go_together)
{
	const int hugetlb = 0x40000, grows = MAP_GROWSDOWN;
	int fd;

	file_make("/tmp/flags");
	fd = open("/tmp/flags", O_RDWR);
	/* Rights that mean nothing are no error here; those of mprotect are. */
	SAME(mapping(PROT_READ | 0x10 | 0x40000000, MAP_PRIVATE | MAP_ANONYMOUS, -1), 0);
	SAME(mapping(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | grows, -1), 0);
	SAME(mapping(PROT_READ, MAP_SHARED | MAP_ANONYMOUS | grows, -1), EINVAL);
	SAME(mapping(PROT_READ, MAP_PRIVATE | grows, fd), EINVAL);
	SAME(mapping(PROT_READ, MAP_SHARED | grows, fd), EINVAL);
	SAME(mapping(PROT_READ, MAP_PRIVATE | hugetlb, fd), EINVAL);
	SAME(mapping(PROT_READ, MAP_SHARED_VALIDATE, fd), 0);
	SAME(mapping(PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd), EOPNOTSUPP);
	SAME(mapping(PROT_READ, MAP_SHARED_VALIDATE | 1u << 31, fd), EOPNOTSUPP);
	SAME(mapping(PROT_READ, MAP_SHARED | MAP_SYNC | 1u << 31, fd), 0);
	unlink("/tmp/flags");
}

CHECK(watches_refuse_events_there_are_none_of)
{
	int fd = inotify_init1(0);

	EXPECT(fd >= 0);
	for (int bit = 0; bit < 32; bit++) {
		if (bit == 12 || (bit >= 16 && bit < 24) || bit == 27)
			FAILS(inotify_add_watch(fd, "/tmp", 1u << bit | IN_MODIFY), EINVAL);
	}
	FAILS(inotify_add_watch(fd, "/tmp", 0), EINVAL);
	FAILS(inotify_add_watch(fd, "/tmp", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	SAME(inotify_add_watch(fd, "/tmp", IN_MODIFY | IN_UNMOUNT | IN_ISDIR), 1);
}

CHECK(stat_takes_the_flags_of_statx)
{
	struct stat st;

	for (int bit = 0; bit < 32; bit++) {
		int flag = 1u << bit;
		bool known = flag == AT_SYMLINK_NOFOLLOW || flag == AT_EMPTY_PATH || flag == AT_NO_AUTOMOUNT ||
			flag == AT_STATX_FORCE_SYNC || flag == AT_STATX_DONT_SYNC;

		errno = 0;
		SAME(syscall(SYS_newfstatat, AT_FDCWD, "/tmp", &st, flag), known ? 0 : -1);
		SAME(errno, known ? 0 : EINVAL);
	}
}

CHECK(a_mode_has_sixteen_bits)
{
	struct stat st;

	SAME(syscall(SYS_mknodat, AT_FDCWD, "/tmp/node", S_IFREG | 0600 | 1 << 20, 0), 0);
	SAME(stat("/tmp/node", &st), 0);
	SAME(st.st_mode, S_IFREG | 0600);
	unlink("/tmp/node");
}

CHECK(mounts_that_make_no_sense)
{
	SAME(mkdir("/tmp/at", 0700), 0);
	FAILS(mount("none", "/tmp/at", "tmpfs", 1u << 31, NULL), EINVAL);	/* MS_NOUSER is the kernel's own */
	FAILS(mount("none", "/tmp/at", NULL, 0, NULL), EINVAL);
	FAILS(mount("none", "/tmp/at", "none such", 0, NULL), ENODEV);
	FAILS(umount2("/tmp/at", MNT_DETACH), EINVAL);
	rmdir("/tmp/at");
}

CHECK(a_terminal_that_is_nobodys_has_no_session)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), session;

	EXPECT(fd >= 0);
	FAILS(ioctl(fd, TIOCGSID, &session), ENOTTY);
}
