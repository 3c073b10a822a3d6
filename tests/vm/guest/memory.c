/*
 * Memory as programs manage it: mmap and its kin, brk, overcommitment, sharing.
 */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static sigjmp_buf back;

static void jump_back(int sig)
{
	siglongjmp(back, sig);
}

/* The signal that touching p gives; 0: none. */
static int touch(volatile char *p, int write)
{
	struct sigaction sa = { .sa_handler = jump_back }, segv, bus;
	int sig;

	sigaction(SIGSEGV, &sa, &segv);
	sigaction(SIGBUS, &sa, &bus);
	sig = sigsetjmp(back, 1);
	if (!sig) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return sig;
}

static char *anonymous(size_t pages)
{
	char *m = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(m != MAP_FAILED);
	return m;
}

CHECK(fresh_memory_is_zero)
{
	char *m = anonymous(64);

	for (size_t i = 0; i < 64 * PAGE; i += 512)
		EXPECT(m[i] == 0);
	memset(m, 7, 64 * PAGE);
	SAME(munmap(m, 64 * PAGE), 0);
	m = anonymous(64);
	for (size_t i = 0; i < 64 * PAGE; i += 512)
		EXPECT(m[i] == 0);
}

CHECK(arguments_that_are_wrong)
{
	char *m = anonymous(2);

	FAILS((long)mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	FAILS((long)mmap(m + 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
	FAILS((long)mmap(NULL, 1ul << 50, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	FAILS((long)mmap((void *)(1ul << 48), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	FAILS(syscall(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1), EINVAL);
	FAILS(munmap(m + 1, PAGE), EINVAL);
	FAILS(munmap(m, 0), EINVAL);
	FAILS(syscall(SYS_munmap, 1ul << 48, PAGE), EINVAL);
	SAME(munmap(m, PAGE), 0);
	SAME(munmap(m, PAGE), 0);
	FAILS(mprotect(m, PAGE, PROT_READ), ENOMEM);
	FAILS(syscall(SYS_mprotect, m + PAGE + 1, PAGE, PROT_READ), EINVAL);
	FAILS(mprotect(m + PAGE, PAGE, 0x400), EINVAL);
}

CHECK(holes_are_made_in_the_middle)
{
	char *m = anonymous(8);

	memset(m, 3, 8 * PAGE);
	SAME(munmap(m + 3 * PAGE, 2 * PAGE), 0);
	SAME(touch(m + 3 * PAGE, 0), SIGSEGV);
	SAME(touch(m + 5 * PAGE - 1, 1), SIGSEGV);
	EXPECT(m[3 * PAGE - 1] == 3 && m[5 * PAGE] == 3);
	EXPECT(mmap(m + 3 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + 3 * PAGE);
	EXPECT(m[3 * PAGE] == 0 && m[5 * PAGE] == 3);
}

CHECK(fixed_replaces_or_refuses)
{
	char *m = anonymous(4);

	m[PAGE] = 9;
	FAILS((long)mmap(m + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	SAME(m[PAGE], 9);
	EXPECT(mmap(m + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + PAGE);
	SAME(m[PAGE], 0);
	/* A wish is kept to where there is room. */
	SAME(munmap(m + 2 * PAGE, PAGE), 0);
	EXPECT(mmap(m + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == m + 2 * PAGE);
	EXPECT(mmap(m + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != m + 2 * PAGE);
}

CHECK(protection_goes_by_the_page)
{
	char *m = anonymous(6);

	memset(m, 5, 6 * PAGE);
	SAME(mprotect(m + PAGE, 2 * PAGE, PROT_READ), 0);
	SAME(touch(m + PAGE, 0), 0);
	SAME(touch(m + PAGE, 1), SIGSEGV);
	SAME(touch(m + 3 * PAGE, 1), 0);
	SAME(mprotect(m + 2 * PAGE, 2 * PAGE, PROT_NONE), 0);
	SAME(touch(m + 2 * PAGE, 0), SIGSEGV);
	SAME(mprotect(m, 6 * PAGE, RW), 0);
	EXPECT(m[2 * PAGE + 7] == 5);
	SAME(touch(m + 2 * PAGE, 1), 0);
	/* The kernel keeps to it too. */
	SAME(mprotect(m, PAGE, PROT_NONE), 0);
	FAILS(getcwd(m, PAGE) ? 0 : -1, EFAULT);
}

CHECK(files_are_mapped)
{
	int fd = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[8], *p, *s;

	SAME(ftruncate(fd, 3 * PAGE), 0);
	SAME(pwrite(fd, "hello", 5, PAGE), 5);
	p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE);
	EXPECT(p != MAP_FAILED && s != MAP_FAILED);
	EXPECT(!memcmp(p + PAGE, "hello", 5) && !memcmp(s, "hello", 5));
	/* A private change is seen by nobody, a shared one by all who have not changed the page themselves. */
	p[PAGE] = 'J';
	EXPECT(s[0] == 'h');
	s[PAGE] = 'x';
	EXPECT(p[2 * PAGE] == 'x');
	SAME(pread(fd, buf, 1, 2 * PAGE), 1);
	SAME(buf[0], 'x');
	SAME(pwrite(fd, "y", 1, 2 * PAGE), 1);
	SAME(s[PAGE], 'y');
	SAME(msync(s, 2 * PAGE, MS_SYNC), 0);
	/* Rights of the descriptor. */
	close(fd);
	fd = open("/tmp/mapped", O_RDONLY);
	FAILS((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(s != MAP_FAILED);
	FAILS(mprotect(s, PAGE, RW), EACCES);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	SAME(touch(p, 1), 0);
	close(fd);
	fd = open("/tmp/mapped", O_WRONLY);
	FAILS((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
	unlink("/tmp/mapped");
}

CHECK(shared_memory_is_one)
{
	int *m = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(m != MAP_FAILED);
	m[0] = 1;
	pid = fork();
	if (pid == 0) {
		m[0]++;
		m[2 * PAGE / 4] = 77;
		_exit(0);
	}
	child_ok(pid);
	SAME(m[0], 2);
	SAME(m[2 * PAGE / 4], 77);
}

CHECK(remap_grows_shrinks_and_moves)
{
	char *m = anonymous(8), *n;

	memset(m, 1, 8 * PAGE);
	SAME(munmap(m + 4 * PAGE, 4 * PAGE), 0);
	/* In place, into the room behind. */
	EXPECT(mremap(m, 4 * PAGE, 6 * PAGE, 0) == m);
	EXPECT(m[3 * PAGE] == 1 && m[4 * PAGE] == 0);
	EXPECT(mremap(m, 6 * PAGE, 2 * PAGE, 0) == m);
	SAME(touch(m + 2 * PAGE, 0), SIGSEGV);
	/* No room: only with leave to move. */
	EXPECT(mmap(m + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + 2 * PAGE);
	FAILS((long)mremap(m, 2 * PAGE, 300 * PAGE, 0), ENOMEM);
	n = mremap(m, 2 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
	EXPECT(n != MAP_FAILED && n != m && n[0] == 1 && n[2 * PAGE - 1] == 1 && n[2 * PAGE] == 0);
	SAME(touch(m, 0), SIGSEGV);
	m = anonymous(2);
	EXPECT(mremap(n, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m) == m);
	EXPECT(m[0] == 1 && n[PAGE] == 1);
	SAME(touch(n, 0), SIGSEGV);
	n = mremap(m, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	EXPECT(n != MAP_FAILED && n[0] == 1 && m[0] == 0);
	FAILS((long)mremap(m, PAGE, PAGE, 64), EINVAL);
	FAILS((long)mremap(m + 1, PAGE, PAGE, 0), EINVAL);
	FAILS((long)mremap(nowhere + 0x7000 - 16, PAGE, 2 * PAGE, 0), EFAULT);
}

CHECK(break_moves)
{
	char *start = (char *)syscall(SYS_brk, 0), *now;

	EXPECT(!((uintptr_t)start & 0) && start);
	now = (char *)syscall(SYS_brk, start + 3 * PAGE + 5);
	EXPECT(now == start + 3 * PAGE + 5);
	memset(start, 4, 3 * PAGE + 5);
	now = (char *)syscall(SYS_brk, start + PAGE);
	EXPECT(now == start + PAGE);
	now = (char *)syscall(SYS_brk, start + 3 * PAGE);
	EXPECT(now == start + 3 * PAGE && start[2 * PAGE + 100] == 0);
	/* What can't be had leaves it where it is. */
	EXPECT((char *)syscall(SYS_brk, 1ul << 47) == now);
	EXPECT((char *)syscall(SYS_brk, 16) == now);
}

CHECK(advice)
{
	char *m = anonymous(4);
	pid_t pid;

	memset(m, 6, 4 * PAGE);
	SAME(madvise(m + PAGE, PAGE, MADV_DONTNEED), 0);
	EXPECT(m[0] == 6 && m[PAGE] == 0 && m[2 * PAGE] == 6);
	SAME(madvise(m + 2 * PAGE, PAGE, MADV_DONTFORK), 0);
	SAME(madvise(m + 3 * PAGE, PAGE, MADV_WIPEONFORK), 0);
	pid = fork();
	if (pid == 0)
		_exit(!(m[0] == 6 && touch(m + 2 * PAGE, 0) == SIGSEGV && m[3 * PAGE] == 0));
	child_ok(pid);
	EXPECT(m[2 * PAGE] == 6 && m[3 * PAGE] == 6);
	FAILS(madvise(m, PAGE, 12345), EINVAL);
	FAILS(madvise(m + 1, PAGE, MADV_NORMAL), EINVAL);
	munmap(m, PAGE);
	FAILS(madvise(m, 2 * PAGE, MADV_DONTNEED), ENOMEM);
}

CHECK(residence)
{
	unsigned char vec[4];
	char *m = anonymous(4);

	m[PAGE] = 1;
	m[3 * PAGE] = 1;
	SAME(mincore(m, 4 * PAGE, vec), 0);
	EXPECT(!(vec[0] & 1) && (vec[1] & 1) && !(vec[2] & 1) && (vec[3] & 1));
	munmap(m, PAGE);
	FAILS(mincore(m, 4 * PAGE, vec), ENOMEM);
	FAILS(mincore(m + PAGE, PAGE, (void *)nowhere), EFAULT);
	SAME(mlock(m + PAGE, 2 * PAGE), 0);
	SAME(mincore(m + PAGE, 3 * PAGE, vec), 0);
	EXPECT((vec[0] & 1) && (vec[1] & 1));
	SAME(munlock(m + PAGE, 2 * PAGE), 0);
}

CHECK(populated_at_once)
{
	unsigned char vec[8];
	char *m = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	EXPECT(m != MAP_FAILED);
	SAME(mincore(m, 8 * PAGE, vec), 0);
	for (int i = 0; i < 8; i++)
		EXPECT(vec[i] & 1);
}

CHECK(more_than_there_is)
{
	/* A request beyond all memory is refused, unless nothing is to be set aside for it. */
	size_t huge = 1ul << 42;
	char *m;

	FAILS((long)mmap(NULL, huge, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	m = mmap(NULL, huge, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(m != MAP_FAILED);
	SAME(touch(m + huge / 2, 1), 0);
	SAME(munmap(m, huge), 0);
}

CHECK(limits_hold)
{
	struct rlimit l;
	char *m;

	SAME(getrlimit(RLIMIT_AS, &l), 0);
	l.rlim_cur = 64 << 20;
	SAME(setrlimit(RLIMIT_AS, &l), 0);
	FAILS((long)mmap(NULL, 65 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	m = anonymous(16);
	SAME(touch(m, 1), 0);
}

static __attribute__((noinline)) int deeper(int n)
{
	volatile char here[PAGE];

	here[0] = n;
	return n ? deeper(n - 1) + here[0] : 0;
}

CHECK(stack_grows_to_its_limit)
{
	struct rlimit l;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		deeper(1500);
		_exit(0);
	}
	child_ok(pid);
	SAME(getrlimit(RLIMIT_STACK, &l), 0);
	l.rlim_cur = 1 << 20;
	SAME(setrlimit(RLIMIT_STACK, &l), 0);
	pid = fork();
	if (pid == 0) {
		deeper(1500);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

CHECK(code_can_be_written)
{
	/* mov w0, #42; ret */
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };
	uint32_t *m = (uint32_t *)anonymous(1);

	memcpy(m, code, sizeof(code));
	__builtin___clear_cache((char *)m, (char *)(m + 2));
	SAME(mprotect(m, PAGE, PROT_READ | PROT_EXEC), 0);
	SAME(((int (*)(void))m)(), 42);
	SAME(mprotect(m, PAGE, RW), 0);
	m[0] = 0x528000e0;	/* mov w0, #7 */
	__builtin___clear_cache((char *)m, (char *)(m + 2));
	SAME(mprotect(m, PAGE, PROT_READ | PROT_EXEC), 0);
	SAME(((int (*)(void))m)(), 7);
}
