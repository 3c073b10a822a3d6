/*
 * /proc as programs read it: descriptors' facts, input and output counted, and
 * the system's own files and settings. Runs as root.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static char text[65536];

static const char *content(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n, len = 0;

	EXPECT(fd >= 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	EXPECT(n == 0);
	close(fd);
	text[len] = 0;
	return text;
}

static long value(const char *name, const char *key)
{
	const char *at = strstr(content(name), key);

	EXPECT(at);
	return strtol(at + strlen(key), NULL, key[0] == 'f' ? 8 : 10);
}

static const char *own(const char *folder, int fd)
{
	static char name[64];

	sprintf(name, "/proc/self/%s/%d", folder, fd);
	return name;
}

CHECK(facts_of_descriptors)
{
	int fd = open("/proc/version", O_RDONLY | O_CLOEXEC), out = open("/tmp", O_RDWR | O_TMPFILE | O_APPEND, 0600);
	int e = eventfd(5, EFD_NONBLOCK), in = inotify_init();
	struct stat st;
	char c[5];

	SAME(read(fd, c, 5), 5);
	SAME(value(own("fdinfo", fd), "pos:"), 5);
	SAME(value(own("fdinfo", fd), "flags:") & ~0400000, O_CLOEXEC);
	SAME(value(own("fdinfo", out), "flags:") & ~0400000 & ~O_TMPFILE, O_RDWR | O_APPEND);
	EXPECT(value(own("fdinfo", fd), "mnt_id:") > 0);
	SAME(fstat(fd, &st), 0);
	SAME(value(own("fdinfo", e), "flags:") & ~0400000, O_RDWR | O_NONBLOCK);
	SAME(value(own("fdinfo", e), "eventfd-count:"), 5);
	EXPECT(inotify_add_watch(in, "/tmp", IN_CREATE) == 1);
	EXPECT(strstr(content(own("fdinfo", in)), "inotify wd:1 ino:"));
	SAME(stat(own("fdinfo", fd), &st), 0);
	EXPECT(S_ISREG(st.st_mode));
	close(fd);
	FAILS(stat(own("fdinfo", fd), &st), ENOENT);
}

CHECK(fdinfo_lists_what_fd_lists)
{
	int count[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		DIR *d = opendir(i ? "/proc/self/fdinfo" : "/proc/self/fd");

		EXPECT(d);
		while (readdir(d))
			count[i]++;
		closedir(d);
	}
	SAME(count[0], count[1]);
}

CHECK(input_and_output_are_counted)
{
	long before = value("/proc/self/io", "wchar:"), calls = value("/proc/self/io", "syscw:");
	int p[2];

	EXPECT(pipe(p) == 0);
	SAME(write(p[1], text, 1000), 1000);
	SAME(value("/proc/self/io", "wchar:") - before, 1000);
	SAME(value("/proc/self/io", "syscw:") - calls, 1);
	before = value("/proc/self/io", "rchar:");
	SAME(read(p[0], text, 1000), 1000);
	EXPECT(value("/proc/self/io", "rchar:") - before >= 1000);
	EXPECT(value("/proc/self/io", "read_bytes:") >= 0);
}

CHECK(others_may_not_look)
{
	char name[64];
	pid_t pid;

	sprintf(name, "/proc/%d/io", getpid());
	pid = fork();
	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		FAILS(open(name, O_RDONLY), EACCES);
		sprintf(name, "/proc/%d/fdinfo/0", getppid());
		FAILS(open(name, O_RDONLY), EACCES);
		sprintf(name, "/proc/%d/wchan", getppid());
		EXPECT(strlen(content(name)) > 0);
		_exit(0);
	}
	child_ok(pid);
}

CHECK(what_is_known_of_the_system)
{
	EXPECT(value("/proc/vmstat", "nr_free_pages ") > 0);
	EXPECT(value("/proc/vmstat", "pgfault ") > 0);
	(void)content("/proc/partitions");
	EXPECT(strstr(content("/proc/swaps"), "Filename\t\t\t\tType\t\t"));
	(void)content("/proc/diskstats");
	(void)content("/proc/modules");
	EXPECT(strstr(content("/proc/filesystems"), "nodev\ttmpfs\n"));
	EXPECT(strstr(content("/proc/devices"), "Character devices:\n"));
	EXPECT(strstr(content("/proc/version"), "Linux version "));
	SAME(value("/proc/sys/kernel/randomize_va_space", ""), 2);
	EXPECT(value("/proc/sys/fs/file-nr", "") >= 0);	/* Linux counts by CPU and is not exact */
	EXPECT(value("/proc/sys/fs/file-max", "") > 0);
	EXPECT(value("/proc/sys/fs/nr_open", "") > 0);
	EXPECT(value("/proc/sys/kernel/pid_max", "") > 300);
	EXPECT(value("/proc/sys/kernel/threads-max", "") > 0);
	SAME(value("/proc/sys/kernel/overflowuid", ""), 65534);
	EXPECT(content("/proc/sys/kernel/osrelease")[0] >= '1');
	EXPECT(value("/proc/sys/vm/max_map_count", "") == 65530);
}

/* Root may open nearly everything to write; what it gets then goes by the kind of file. */
CHECK(what_only_tells_cannot_be_told)
{
	static const char *const system[] = { "version", "stat", "meminfo", "locks", "uptime", "interrupts", "filesystems" };
	static const char *const process[] = { "status", "maps", "cmdline", "environ", "limits", "stat", "mounts", "fdinfo/1" };
	static const char *const closed[] = {
		"/proc/net/dev", "/proc/sys/kernel/osrelease", "/proc/sys/fs/file-nr", "/sys/devices/system/cpu/online",
	};
	char name[64];
	int fd;

	for (unsigned i = 0; i < sizeof(system) / sizeof(*system); i++) {
		sprintf(name, "/proc/%s", system[i]);
		fd = open(name, O_WRONLY);
		EXPECT(fd >= 0);
		FAILS(write(fd, "1", 1), EIO);
		close(fd);
	}
	for (unsigned i = 0; i < sizeof(process) / sizeof(*process); i++) {
		sprintf(name, "/proc/self/%s", process[i]);
		fd = open(name, O_WRONLY);
		EXPECT(fd >= 0);
		FAILS(write(fd, "1", 1), EINVAL);
		close(fd);
	}
	for (unsigned i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		FAILS(open(closed[i], O_WRONLY), EACCES);
	FAILS(open("/proc/sys/vm/drop_caches", O_RDONLY), EACCES);
}

CHECK(settings_take_numbers_alone)
{
	int fd = open("/proc/sys/vm/overcommit_ratio", O_RDWR);
	char old[16];
	ssize_t n = read(fd, old, sizeof(old));

	EXPECT(n > 0);
	FAILS(pwrite(fd, "word", 4, 0), EINVAL);
	SAME(pwrite(fd, "60\n", 3, 0), 3);
	SAME(value("/proc/sys/vm/overcommit_ratio", ""), 60);
	SAME(pwrite(fd, old, n, 0), n);
}

/* The name of a thread is its own to set, and others of its process. */
CHECK(comm_can_be_written)
{
	int fd = open("/proc/self/comm", O_RDWR);

	SAME(write(fd, "another-name-too-long", 21), 21);
	close(fd);
	EXPECT(!strcmp(content("/proc/self/comm"), "another-name-to\n"));
	EXPECT(strstr(content("/proc/self/status"), "Name:\tanother-name-to\n"));
}
