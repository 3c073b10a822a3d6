/* getdents: each name of a directory once, whatever the size of the buffer. */
#include "bcheck.h"
#include <dirent.h>

#define FILES 300

struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static unsigned char seen[FILES];
static int dots, others;

static void entry_check(int dir, const struct entry *e)
{
	struct stat st;

	SAME(e->reclen % 8, 0);
	EXPECT(e->reclen >= offsetof(struct entry, name) + strlen(e->name) + 1);
	if (!strcmp(e->name, ".") || !strcmp(e->name, "..")) {
		dots++;
		SAME(e->type, DT_DIR);
		return;
	}
	SAME(fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	SAME(e->ino, st.st_ino);
	SAME(e->type, (st.st_mode & S_IFMT) >> 12);
	if (e->name[0] == 'f')
		seen[atoi(e->name + 1)]++;
	else
		others++;
}

/* All that is left, by buffers of that size. */
static void list(int fd, size_t size)
{
	_Alignas(8) char buf[4096];
	long n;

	memset(seen, 0, sizeof(seen));
	dots = others = 0;
	while ((n = syscall(SYS_getdents64, fd, buf, size)) > 0) {
		EXPECT((size_t)n <= size);
		for (long at = 0; at < n; at += ((struct entry *)(buf + at))->reclen)
			entry_check(fd, (struct entry *)(buf + at));
	}
	SAME(n, 0);
}

CHECK(getdents)
{
	_Alignas(8) char buf[4096];
	char name[16];
	int fd, file;
	long n;

	SAME(mkdir("d", 0755), 0);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	EXPECT(fd >= 0);
	for (int i = 0; i < FILES; i++) {
		text_format(name, sizeof(name), "f%d", i);
		SAME(mknodat(fd, name, S_IFREG | 0644, 0), 0);
	}
	SAME(mkdirat(fd, "directory", 0755), 0);
	SAME(symlinkat("nothing", fd, "link"), 0);
	SAME(mknodat(fd, "pipe", S_IFIFO | 0600, 0), 0);

	for (size_t size = 48; size <= sizeof(buf); size *= 3) {
		SAME(lseek(fd, 0, SEEK_SET), 0);
		list(fd, size);
		for (int i = 0; i < FILES; i++)
			SAME(seen[i], 1);
		SAME(dots, 2);
		SAME(others, 3);
	}

	/* Names that go while the list is read: the others come all the same, none twice. */
	SAME(lseek(fd, 0, SEEK_SET), 0);
	n = syscall(SYS_getdents64, fd, buf, 200);
	EXPECT(n > 0);
	for (int i = 0; i < FILES; i += 2) {
		text_format(name, sizeof(name), "f%d", i);
		SAME(unlinkat(fd, name, 0), 0);
	}
	list(fd, 512);
	for (long at = 0; at < n; at += ((struct entry *)(buf + at))->reclen)
		if (((struct entry *)(buf + at))->name[0] == 'f')
			seen[atoi(((struct entry *)(buf + at))->name + 1)]++;
	for (int i = 1; i < FILES; i += 2)
		SAME(seen[i], 1);

	SAME(lseek(fd, 0, SEEK_SET), 0);
	FAILS(syscall(SYS_getdents64, fd, buf, 8), EINVAL);
	FAILS(syscall(SYS_getdents64, fd, nowhere, 4096), EFAULT);
	FAILS(syscall(SYS_getdents64, 1000, buf, 4096), EBADF);
	file = open("d/f1", O_RDONLY);
	FAILS(syscall(SYS_getdents64, file, buf, 4096), ENOTDIR);
	file = open("d/directory", O_RDONLY);
	SAME(rmdir("d/directory"), 0);
	FAILS(syscall(SYS_getdents64, file, buf, 4096), ENOENT);
}
