/* mmap and its company: private and shared, anonymous and of files, holes, protections and errors. */
#include "bcheck.h"
#include <sys/mman.h>

static size_t page;

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, pages * page, prot, flags, fd, 0);

	EXPECT(p != MAP_FAILED);
	SAME((uintptr_t)p % page, 0);
	return p;
}

/* A child that touches this address ends by the signal. */
static void touch_dies(volatile char *at, bool write, int sig)
{
	pid_t child = fork();

	if (child == 0) {
		if (write)
			*at = 1;
		else
			(void)*at;
		_exit(0);
	}
	child_dies(child, sig);
}

static void anonymous(void)
{
	char *p = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *moved;

	for (size_t i = 0; i < 8 * page; i += 64)
		SAME(p[i], 0);
	memset(p, 7, 8 * page);

	/* A hole in the middle leaves both sides. */
	SAME(munmap(p + 3 * page, page), 0);
	SAME(p[3 * page - 1], 7);
	SAME(p[4 * page], 7);
	touch_dies(p + 3 * page, false, SIGSEGV);
	SAME(munmap(p + 3 * page, page), 0);
	EXPECT(mmap(p + 3 * page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		    -1, 0) == p + 3 * page);
	SAME(p[3 * page], 0);
	FAILS(mmap(p, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);

	SAME(mprotect(p, page, PROT_READ), 0);
	SAME(p[0], 7);
	touch_dies(p, true, SIGSEGV);
	SAME(mprotect(p, page, PROT_NONE), 0);
	touch_dies(p, false, SIGSEGV);
	SAME(mprotect(p, page, PROT_READ | PROT_WRITE), 0);
	SAME(p[0], 7);

	/* What is not needed comes back as zeros. */
	SAME(madvise(p, page, MADV_DONTNEED), 0);
	SAME(p[0], 0);
	SAME(p[page], 7);

	/* Bigger, elsewhere, with what was in it. */
	moved = mremap(p + 4 * page, 4 * page, 64 * page, MREMAP_MAYMOVE);
	EXPECT(moved != MAP_FAILED);
	SAME(moved[4 * page - 1], 7);
	SAME(moved[63 * page], 0);
	SAME(munmap(moved, 64 * page), 0);
	SAME(munmap(p, 4 * page), 0);
}

static void files(void)
{
	int fd = pattern_file("file", 2 * page + 100), reader = open("file", O_RDONLY);
	char *private = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	char *shared = map(3, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	char byte;

	for (size_t i = 0; i < 2 * page + 100; i++)
		SAME((unsigned char)private[i], pattern(i));
	SAME(shared[2 * page + 100], 0);	/* the rest of the last page */
	private[10] = 'p';
	SAME(pread(fd, &byte, 1, 10), 1);
	SAME((unsigned char)byte, pattern(10));
	shared[page + 10] = 's';
	SAME(pread(fd, &byte, 1, page + 10), 1);
	SAME(byte, 's');
	SAME(pwrite(fd, "w", 1, page + 11), 1);
	SAME(shared[page + 11], 'w');
	SAME(private[page + 11], 'w');
	SAME(msync(shared, 3 * page, MS_SYNC), 0);

	/* Behind the end of the file is no page. */
	SAME(ftruncate(fd, page), 0);
	touch_dies(shared + page, false, SIGBUS);
	SAME(ftruncate(fd, 2 * page), 0);
	SAME(shared[page + 10], 0);

	/* A mapping outlives its descriptor, and a file its name. */
	SAME(unlink("file"), 0);
	close(fd);
	SAME((unsigned char)shared[0], pattern(0));

	FAILS(mmap(NULL, page, PROT_WRITE, MAP_SHARED, reader, 0), EACCES);
	FAILS(mmap(NULL, page, PROT_READ, MAP_PRIVATE, reader, 100), EINVAL);
	SAME(munmap(private, 3 * page), 0);
	SAME(munmap(shared, 3 * page), 0);
	close(reader);
}

static void between_processes(void)
{
	char *shared = map(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	pid_t child = fork();

	if (child == 0) {
		shared[5] = 42;
		_exit(0);
	}
	child_ok(child);
	SAME(shared[5], 42);
	SAME(munmap(shared, page), 0);
}

CHECK(mmap)
{
	page = sysconf(_SC_PAGESIZE);
	anonymous();
	files();
	between_processes();

	FAILS(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS(mmap(NULL, page, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS(mmap(NULL, page, PROT_READ, MAP_PRIVATE, 1000, 0), EBADF);
	FAILS((void *)syscall(SYS_mmap, NULL, SIZE_MAX / 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	FAILS(munmap((char *)page + 1, page), EINVAL);
	FAILS(mprotect((char *)page, page, PROT_READ), ENOMEM);
	FAILS(syscall(SYS_mprotect, page + 1, page, PROT_READ), EINVAL);	/* the C library would round it */
}
