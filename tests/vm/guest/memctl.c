/*
 * The calls that manage memory, at their edges: locking and its limits, advice, growing down, moving, limits,
 * overcommitment, looking into another program.
 */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/membarrier.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define POPULATE_READ 22
#define POPULATE_WRITE 23
#define DONTNEED_LOCKED 24
#define WIPEONFORK 18
#define KEEPONFORK 19
#define GROWSDOWN_PROT 0x01000000
#define GROWSUP_PROT 0x02000000
#define SHARED_VALIDATE 3
#define SYNC_FLAG 0x80000
#define DONTUNMAP 4
#define ONFAULT 4

static sigjmp_buf back;
static char *fault_at;

static void jump_back(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_at = info->si_addr;
	siglongjmp(back, sig);
}

static int touch(volatile char *p, int write)
{
	struct sigaction sa = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO };
	int sig;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sig = sigsetjmp(back, 1);
	if (!sig) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	return sig;
}

static char *map(size_t pages, int prot, int flags)
{
	char *m = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

	EXPECT(m != MAP_FAILED);
	return m;
}

static int file_of(size_t pages)
{
	int fd = syscall(SYS_memfd_create, "file", 0);

	EXPECT(fd >= 0);
	SAME(ftruncate(fd, pages * PAGE), 0);
	return fd;
}

static int resident(void *p)
{
	unsigned char vec;

	SAME(mincore(p, PAGE, &vec), 0);
	return vec & 1;
}

/* KiB of a line of a file of /proc. */
static long kib(const char *file, const char *name)
{
	FILE *f = fopen(file, "r");
	char line[256];
	long n = -1;

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return n;
}

static long locked(void)
{
	return kib("/proc/self/status", "VmLck");
}

static void limit(int which, rlim_t n)
{
	struct rlimit l = { n, n };

	SAME(setrlimit(which, &l), 0);
}

static void put(const char *file, long n)
{
	char text[24];
	int fd = open(file, O_WRONLY), len = snprintf(text, sizeof(text), "%ld", n);

	EXPECT(fd >= 0);
	SAME(write(fd, text, len), len);
	close(fd);
}

static long get(const char *file)
{
	char text[24] = "";
	int fd = open(file, O_RDONLY);

	EXPECT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

/* ---- locking ---- */

CHECK(locked_pages_are_there)
{
	char *m = map(8, RW, PRIVATE);

	SAME(mlock(m + 10, 2 * PAGE), 0);
	EXPECT(resident(m) && resident(m + 2 * PAGE) && !resident(m + 3 * PAGE));
	SAME(locked(), 12);
	SAME(munlock(m + PAGE, PAGE), 0);
	SAME(locked(), 8);
	FAILS(madvise(m, PAGE, MADV_DONTNEED), EINVAL);
	m[0] = 1;
	SAME(madvise(m, PAGE, DONTNEED_LOCKED), 0);
	SAME(m[0], 0);
	FAILS(msync(m, PAGE, MS_INVALIDATE), EBUSY);
	SAME(syscall(SYS_mlock2, m + 4 * PAGE, PAGE, 1), 0);
	EXPECT(!resident(m + 4 * PAGE));
	FAILS(syscall(SYS_mlock2, m, PAGE, 2), EINVAL);
	/* What can't be touched, and what is not there. */
	SAME(mprotect(m + 5 * PAGE, PAGE, PROT_NONE), 0);
	FAILS(mlock(m + 5 * PAGE, PAGE), ENOMEM);
	SAME(munmap(m + 6 * PAGE, PAGE), 0);
	FAILS(mlock(m + 6 * PAGE, PAGE), ENOMEM);
	FAILS(munlock(m + 6 * PAGE, PAGE), ENOMEM);
	FAILS(syscall(SYS_mlock, m, ~0ul - 8 * PAGE), EINVAL);
	SAME(munlockall(), 0);
	SAME(locked(), 0);
	/* Locks are not inherited. */
	SAME(mlock(m, PAGE), 0);
	if (fork() == 0)
		_exit(locked() != 0);
	int status;
	wait(&status);
	SAME(status, 0);
}

CHECK(the_limit_of_locked_memory)
{
	char *m = map(64, RW, PRIVATE);

	limit(RLIMIT_MEMLOCK, 16 * PAGE);
	SAME(setuid(1000), 0);
	SAME(mlock(m, 16 * PAGE), 0);
	FAILS(mlock(m, 17 * PAGE), ENOMEM);
	SAME(mlock(m + PAGE, 8 * PAGE), 0);
	FAILS((long)mmap(NULL, PAGE, RW, PRIVATE | MAP_LOCKED, -1, 0), EAGAIN);
	SAME(munlock(m, PAGE), 0);
	EXPECT(mmap(NULL, PAGE, RW, PRIVATE | MAP_LOCKED, -1, 0) != MAP_FAILED);
	SAME(locked(), 64);
	FAILS((long)mremap(m + PAGE, 15 * PAGE, 20 * PAGE, MREMAP_MAYMOVE), EAGAIN);
	FAILS(mlockall(MCL_CURRENT), ENOMEM);
	SAME(munlockall(), 0);
	limit(RLIMIT_MEMLOCK, 0);
	FAILS(mlock(m, PAGE), EPERM);
	FAILS(mlockall(MCL_FUTURE), EPERM);
	FAILS(syscall(SYS_mmap, NULL, PAGE, RW, PRIVATE | MAP_LOCKED, -1, 0), EPERM);
}

CHECK(all_is_locked)
{
	char *m = map(4, RW, PRIVATE), *n;

	FAILS(mlockall(0), EINVAL);
	FAILS(mlockall(8), EINVAL);
	FAILS(mlockall(ONFAULT), EINVAL);
	SAME(mlockall(MCL_CURRENT), 0);
	EXPECT(resident(m + 3 * PAGE) && locked() >= 16);
	n = map(4, RW, PRIVATE);
	EXPECT(!resident(n));
	SAME(mlockall(MCL_FUTURE), 0);
	n = map(5, RW, PRIVATE);
	EXPECT(resident(n) && resident(n + 4 * PAGE));
	n = (char *)syscall(SYS_brk, 0);
	SAME(syscall(SYS_brk, n + 3 * PAGE), n + 3 * PAGE);
	EXPECT(resident((char *)(((uintptr_t)n + PAGE) & ~(PAGE - 1))));
	SAME(mlockall(MCL_FUTURE | ONFAULT), 0);
	n = map(1, RW, PRIVATE);
	EXPECT(!resident(n));
	SAME(munlockall(), 0);
	SAME(locked(), 0);
	n = map(1, RW, PRIVATE);
	SAME(locked(), 0);
}

/* ---- advice ---- */

CHECK(pages_come_ahead_of_use)
{
	int fd = file_of(2);
	char *m = map(4, RW, PRIVATE), *f = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);

	SAME(madvise(m, 2 * PAGE, POPULATE_READ), 0);
	EXPECT(resident(m) && resident(m + PAGE) && !resident(m + 2 * PAGE));
	SAME(madvise(m + PAGE, 2 * PAGE, POPULATE_WRITE), 0);
	EXPECT(resident(m + 2 * PAGE));
	SAME(mprotect(m, PAGE, PROT_READ), 0);
	FAILS(madvise(m, PAGE, POPULATE_WRITE), EINVAL);
	SAME(mprotect(m, PAGE, PROT_NONE), 0);
	FAILS(madvise(m, PAGE, POPULATE_READ), EINVAL);
	SAME(munmap(m + 3 * PAGE, PAGE), 0);
	FAILS(madvise(m + 2 * PAGE, 2 * PAGE, POPULATE_WRITE), ENOMEM);
	FAILS(madvise(m + 2 * PAGE, 2 * PAGE, MADV_WILLNEED), ENOMEM);
	/* Beyond the end of a file. */
	SAME(madvise(f, 2 * PAGE, POPULATE_WRITE), 0);
	FAILS(madvise(f + 2 * PAGE, PAGE, POPULATE_READ), EFAULT);
	FAILS(madvise(m, ~0ul - PAGE, MADV_NORMAL), EINVAL);
	SAME(madvise(m, 0, MADV_DONTNEED), 0);
}

CHECK(what_the_file_has_counts_as_resident)
{
	int fd = file_of(3);
	char *f = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);

	SAME(pwrite(fd, "x", 1, PAGE), 1);
	EXPECT(!resident(f) && resident(f + PAGE) && !resident(f + 2 * PAGE));
}

CHECK(freed_until_written)
{
	char *m = map(2, RW, PRIVATE), *f = mmap(NULL, PAGE, RW, MAP_SHARED, file_of(1), 0);

	memset(m, 7, 2 * PAGE);
	SAME(madvise(m, 2 * PAGE, MADV_FREE), 0);
	m[0] = 1;
	EXPECT(m[0] == 1 && (m[PAGE] == 7 || m[PAGE] == 0));
	FAILS(madvise(f, PAGE, MADV_FREE), EINVAL);
	SAME(mlock(m, PAGE), 0);
	FAILS(madvise(m, PAGE, MADV_FREE), EINVAL);
	FAILS(madvise(f, PAGE, WIPEONFORK), EINVAL);
	m[PAGE] = 3;
	SAME(madvise(m + PAGE, PAGE, WIPEONFORK), 0);
	SAME(madvise(m + PAGE, PAGE, KEEPONFORK), 0);
	if (fork() == 0)
		_exit(m[PAGE] != 3);
	int status;
	wait(&status);
	SAME(status, 0);
}

/* ---- growing down ---- */

CHECK(regions_grow_down)
{
	char *area = map(1200, PROT_NONE, PRIVATE), *m = area + 1000 * PAGE;

	SAME(munmap(area, 1200 * PAGE), 0);
	EXPECT(mmap(m, 2 * PAGE, RW, PRIVATE | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == m);
	SAME(touch(m - PAGE, 1), 0);
	SAME(touch(m - 2 * PAGE, 1), 0);
	/* From where it starts now, wherever that is. */
	SAME(mprotect(m + PAGE, PAGE, PROT_READ | GROWSDOWN_PROT), 0);
	SAME(touch(m - 2 * PAGE, 1), SIGSEGV);
	SAME(touch(m - 2 * PAGE, 0), 0);
	FAILS(mprotect(m + PAGE, PAGE, PROT_READ | GROWSUP_PROT), EINVAL);
	FAILS(mprotect(m + PAGE, PAGE, PROT_READ | GROWSUP_PROT | GROWSDOWN_PROT), EINVAL);
	FAILS(mprotect(map(1, RW, PRIVATE), PAGE, PROT_READ | GROWSDOWN_PROT), EINVAL);
	/* Not up to what lies below: 256 pages are kept free. */
	EXPECT(mmap(m - 300 * PAGE, PAGE, RW, PRIVATE | MAP_FIXED, -1, 0) == m - 300 * PAGE);
	SAME(touch(m - 43 * PAGE, 0), 0);
	SAME(touch(m - 60 * PAGE, 0), SIGSEGV);
}

static __attribute__((noinline)) int deeper(int n)
{
	volatile char here[PAGE];

	here[0] = n;
	return n ? deeper(n - 1) + here[0] : 0;
}

CHECK(the_stack_keeps_its_distance)
{
	static char other[65536];
	stack_t alt = { .ss_sp = other, .ss_size = sizeof(other) };
	struct sigaction sa = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	char here, *m = (char *)(((uintptr_t)&here & ~(PAGE - 1)) - 1200 * PAGE);

	SAME(sigaltstack(&alt, NULL), 0);
	sigaction(SIGSEGV, &sa, NULL);
	EXPECT(mmap(m, PAGE, RW, PRIVATE | MAP_FIXED, -1, 0) == m);
	if (!sigsetjmp(back, 1)) {
		deeper(1500);
		EXPECT(!"there is no end to the stack");
	}
	EXPECT(fault_at >= m + 250 * PAGE && fault_at < m + 300 * PAGE);
	SAME(m[PAGE - 1], 0);
}

/* ---- mapping and moving ---- */

CHECK(flags_are_validated)
{
	int fd = file_of(1);

	EXPECT(mmap(NULL, PAGE, RW, SHARED_VALIDATE, fd, 0) != MAP_FAILED);
	FAILS((long)mmap(NULL, PAGE, RW, SHARED_VALIDATE | SYNC_FLAG, fd, 0), EOPNOTSUPP);
	FAILS((long)mmap(NULL, PAGE, RW, SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS((long)syscall(SYS_mmap, 0, PAGE, RW, MAP_SHARED, fd, 0x7ffffffffffff000), EOVERFLOW);
}

CHECK(moved_as_the_flags_say)
{
	int fd = file_of(4);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0), *t, *m = map(4, RW, PRIVATE);

	s[0] = 's';
	m[0] = 'm';
	/* Length 0 of a shared mapping: once more. */
	t = mremap(s, 0, 2 * PAGE, MREMAP_MAYMOVE);
	EXPECT(t != MAP_FAILED && t != s && t[0] == 's');
	t[1] = 't';
	SAME(s[1], 't');
	FAILS((long)mremap(m, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	FAILS((long)mremap(s, 0, PAGE, 0), ENOMEM);
	/* Left mapped where it was. */
	t = mremap(s, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | DONTUNMAP, 0);
	EXPECT(t != MAP_FAILED && t != s && t[0] == 's' && s[0] == 's');
	FAILS((long)mremap(m, PAGE, 2 * PAGE, MREMAP_MAYMOVE | DONTUNMAP, 0), EINVAL);
	FAILS((long)mremap(m, PAGE, PAGE, DONTUNMAP, 0), EINVAL);
	FAILS((long)mremap(m, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + PAGE), EINVAL);
	FAILS((long)mremap(m, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + 2 * PAGE + 1), EINVAL);
	FAILS((long)mremap(m, PAGE, PAGE, MREMAP_FIXED, m + 2 * PAGE), EINVAL);
	FAILS((long)mremap(m, PAGE, 0, 0), EINVAL);
	/* Smaller and elsewhere in one go. */
	EXPECT(mremap(m, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, t) == t && t[0] == 'm');
	SAME(touch(m, 0), SIGSEGV);
	SAME(touch(m + PAGE, 0), SIGSEGV);
	SAME(touch(m + 2 * PAGE, 0), 0);
}

CHECK(limits_of_data_and_space)
{
	char *m, *r = map(1024, PROT_READ, PRIVATE);

	limit(RLIMIT_DATA, 2 * MIB);
	FAILS((long)mmap(NULL, 4 * MIB, RW, PRIVATE, -1, 0), ENOMEM);
	FAILS(mprotect(r, 1024 * PAGE, RW), ENOMEM);
	map(1024, PROT_READ, PRIVATE);
	map(1024, RW, MAP_SHARED | MAP_ANONYMOUS);
	m = map(16, RW, PRIVATE);
	FAILS((long)mremap(m, 16 * PAGE, 4 * MIB, MREMAP_MAYMOVE), ENOMEM);
	limit(RLIMIT_AS, 64 * MIB);
	FAILS((long)mremap(r, 1024 * PAGE, 128 * MIB, MREMAP_MAYMOVE), ENOMEM);
	/* What was to be replaced is still there if that fails. */
	FAILS((long)mmap(r, 128 * MIB, PROT_READ, PRIVATE | MAP_FIXED, -1, 0), ENOMEM);
	SAME(touch(r, 0), 0);
	/* Moving takes no more than there is. */
	m = map(12 * 1024, PROT_READ, PRIVATE);
	EXPECT(mmap(m + 12 * 1024 * PAGE, PAGE, PROT_READ, PRIVATE, -1, 0) != MAP_FAILED);
	EXPECT(mremap(m, 12 * 1024 * PAGE, 12 * 1024 * PAGE + PAGE, MREMAP_MAYMOVE) != MAP_FAILED);
}

CHECK(so_many_regions)
{
	long before = get("/proc/sys/vm/max_map_count");
	char *m = map(1000, RW, PRIVATE);
	int i, error = 0;

	put("/proc/sys/vm/max_map_count", 200);
	for (i = 0; i < 1000 && !error; i += 2)
		if (mprotect(m + i * PAGE, PAGE, PROT_READ))
			error = errno;
	put("/proc/sys/vm/max_map_count", before);
	SAME(error, ENOMEM);
	EXPECT(i > 100 && i < 220);
}

CHECK(the_lowest_address)
{
	unsigned long lowest = get("/proc/sys/vm/mmap_min_addr");

	EXPECT(lowest >= PAGE);
	SAME(setuid(1000), 0);
	FAILS(syscall(SYS_mmap, lowest - PAGE, PAGE, RW, PRIVATE | MAP_FIXED, -1, 0), EPERM);
	EXPECT(mmap((void *)lowest, PAGE, RW, PRIVATE | MAP_FIXED, -1, 0) == (void *)lowest);
}

static void stack_line(char *line, size_t size)
{
	FILE *f = popen("grep -F '[stack]' /proc/self/maps", "r");

	EXPECT(f && fgets(line, size, f));
	pclose(f);
}

CHECK(addresses_are_random)
{
	char a[256], b[256];

	stack_line(a, sizeof(a));
	stack_line(b, sizeof(b));
	EXPECT(strcmp(a, b));
	EXPECT(personality(ADDR_NO_RANDOMIZE) != -1);
	stack_line(a, sizeof(a));
	stack_line(b, sizeof(b));
	EXPECT(!strcmp(a, b));
}

/* ---- overcommitment ---- */

static long committed(void)
{
	return kib("/proc/meminfo", "Committed_AS");
}

CHECK(promises_are_counted)
{
	long ratio = get("/proc/sys/vm/overcommit_ratio"), base;
	char *m;

	base = committed();
	m = map(4096, RW, PRIVATE);
	EXPECT(committed() >= base + 16000);
	munmap(m, 4096 * PAGE);
	base = committed();
	m = map(4096, RW, MAP_SHARED | MAP_ANONYMOUS);
	EXPECT(committed() >= base + 16000);
	munmap(m, 4096 * PAGE);
	base = committed();
	map(4096, PROT_READ, PRIVATE);
	map(4096, RW, PRIVATE | MAP_NORESERVE);
	EXPECT(committed() < base + 16000);

	/* Strictly. The kernel keeps a part back for who is privileged, and for who uses most. */
	put("/proc/sys/vm/overcommit_kbytes", committed() + 100 * 1024);
	EXPECT(kib("/proc/meminfo", "CommitLimit") <= committed() + 100 * 1024);
	put("/proc/sys/vm/overcommit_memory", 2);
	errno = 0;
	m = mmap(NULL, 200 * MIB, RW, PRIVATE | MAP_NORESERVE, -1, 0);
	int refused = m == MAP_FAILED ? errno : 0;
	m = mmap(NULL, 20 * MIB, RW, PRIVATE, -1, 0);
	put("/proc/sys/vm/overcommit_memory", 1);
	char *huge = mmap(NULL, 1ul << 42, RW, PRIVATE, -1, 0);
	put("/proc/sys/vm/overcommit_memory", 0);
	put("/proc/sys/vm/overcommit_ratio", ratio);
	SAME(refused, ENOMEM);
	EXPECT(m != MAP_FAILED && huge != MAP_FAILED);
	SAME(get("/proc/sys/vm/overcommit_kbytes"), 0);
}

/* ---- another program's memory ---- */

CHECK(copied_from_and_to_another_program)
{
	char *m = map(4, RW, PRIVATE), in[3 * PAGE], c;
	struct iovec ours[2] = { { in, 100 }, { in + 100, 2 * PAGE } }, theirs[2] = { { m, 50 }, { m + 60, 2 * PAGE + 50 } };
	int go[2], ready[2];
	pid_t pid;

	SAME(munmap(m + 3 * PAGE, PAGE), 0);
	SAME(pipe(go), 0);
	SAME(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		memset(m, 'a', 50);
		memset(m + 60, 'b', 3 * PAGE - 60);
		SAME(write(ready[1], "", 1), 1);
		SAME(read(go[0], &c, 1), 1);
		EXPECT(m[0] == 'z' && m[49] == 'z' && m[50] == 0 && m[60] == 'z');
		_exit(0);
	}
	SAME(read(ready[0], &c, 1), 1);
	SAME(process_vm_readv(pid, ours, 2, theirs, 2, 0), 100 + 2 * PAGE);
	EXPECT(in[0] == 'a' && in[49] == 'a' && in[50] == 'b' && in[99 + 2 * PAGE] == 'b');
	/* As far as it goes. */
	theirs[0] = (struct iovec){ m + 2 * PAGE, 2 * PAGE };
	SAME(process_vm_readv(pid, ours, 2, theirs, 1, 0), PAGE);
	theirs[0].iov_base = m + 3 * PAGE;
	FAILS(process_vm_readv(pid, ours, 2, theirs, 1, 0), EFAULT);
	FAILS(process_vm_readv(pid, ours, 2, theirs, 1, 1), EINVAL);
	FAILS(process_vm_readv(pid, (void *)nowhere, 2, theirs, 1, 0), EFAULT);
	FAILS(process_vm_readv(pid, ours, 1025, theirs, 1, 0), EINVAL);
	FAILS(process_vm_readv(0x3fffff, ours, 2, theirs, 1, 0), ESRCH);
	SAME(process_vm_readv(pid, ours, 0, theirs, 1, 0), 0);
	if (fork() == 0) {
		theirs[0].iov_base = m;
		SAME(setuid(1000), 0);
		FAILS(process_vm_readv(pid, ours, 2, theirs, 1, 0), EPERM);
		_exit(0);
	}
	int status;
	EXPECT(waitpid(-1, &status, 0) > 0);
	SAME(status, 0);
	memset(in, 'z', 100);
	theirs[0] = (struct iovec){ m, 50 };
	theirs[1] = (struct iovec){ m + 60, 50 };
	SAME(process_vm_writev(pid, ours, 1, theirs, 2, 0), 100);
	SAME(write(go[1], "", 1), 1);
	child_ok(pid);
	SAME(m[0], 0);
}

CHECK(barriers_are_registered_for)
{
	long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	EXPECT((known & MEMBARRIER_CMD_GLOBAL) && (known & MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0), 0);
	SAME(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), 0);
	FAILS(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
	FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 1 << 5, 0), EINVAL);
}

CHECK(written_back)
{
	char *m = map(3, RW, MAP_SHARED | MAP_ANONYMOUS);

	SAME(msync(m, 3 * PAGE, MS_SYNC), 0);
	FAILS(msync(m, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	FAILS(msync(m, PAGE, 8), EINVAL);
	FAILS(msync(m + 1, PAGE, MS_SYNC), EINVAL);
	SAME(munmap(m + PAGE, PAGE), 0);
	FAILS(msync(m, 3 * PAGE, MS_ASYNC), ENOMEM);
}

CHECK(what_moves_counts_once)
{
	const size_t size = 8 << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *f = fopen("/proc/self/statm", "r");
	struct rlimit r;
	unsigned pages;

	SAME(fscanf(f, "%u", &pages), 1);
	SAME(munmap(to, 2 * size), 0);
	r.rlim_cur = r.rlim_max = (rlim_t)pages * 4096 - size;		/* half of what was at `to` may come again */
	SAME(setrlimit(RLIMIT_AS, &r), 0);
	at[0] = 1;
	EXPECT(mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	EXPECT(to[0] == 1);
	EXPECT(mremap(to, size, 2 * size, MREMAP_MAYMOVE | MREMAP_FIXED, to - 4 * size) == to - 4 * size);
	EXPECT(mremap(to - 4 * size, 2 * size, 2 * size + 4096 * 1024, MREMAP_MAYMOVE) == MAP_FAILED);
	SAME(errno, ENOMEM);
}
