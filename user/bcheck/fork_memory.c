/* Memory after fork: equal, then apart; what is shared stays shared. */
#include "bcheck.h"
#include <sys/mman.h>

#define PAGES 64

static char data[3 * 4096];
static size_t page;

static char *map(int flags)
{
	char *p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* Every page of p begins with first, plus its number. */
static void is(const char *p, int first)
{
	for (int i = 0; i < PAGES; i++)
		SAME((unsigned char)p[i * page], (unsigned char)(first + i));
}

static void set(char *p, int first)
{
	for (int i = 0; i < PAGES; i++)
		p[i * page] = first + i;
}

/* Wait until the other side has come as far: a byte through a pipe. */
static void pass(int fd)
{
	SAME(write(fd, "", 1), 1);
}

static void await(int fd)
{
	char c;

	SAME(read(fd, &c, 1), 1);
}

/* Both sides write, in turn; nobody sees the other's. */
static void apart(void)
{
	char *p = map(MAP_PRIVATE), local[page];
	int down[2], up[2];
	pid_t child;

	SAME(pipe(down), 0);
	SAME(pipe(up), 0);
	data[0] = 1;
	set(p, 10);
	local[5] = 5;
	child = fork();
	if (child == 0) {
		is(p, 10);
		SAME(local[5], 5);
		SAME(data[0], 1);
		set(p, 20);
		local[5] = 6;
		data[0] = 2;
		data[2 * 4096] = 2;
		pass(up[1]);
		await(down[0]);
		is(p, 20);
		SAME(local[5], 6);
		SAME(munmap(p, PAGES * page), 0);
		_exit(0);
	}
	await(up[0]);
	is(p, 10);
	SAME(local[5], 5);
	SAME(data[0], 1);
	SAME(data[2 * 4096], 0);
	set(p, 30);
	pass(down[1]);
	child_ok(child);
	is(p, 30);
	SAME(munmap(p, PAGES * page), 0);
	for (int i = 0; i < 2; i++) {
		close(down[i]);
		close(up[i]);
	}
}

/* Three generations, the middle one gone: the pages of each are its own. */
static void generations(void)
{
	char *p = map(MAP_PRIVATE);
	int gate[2], ends[2];
	pid_t child;
	char c;

	SAME(pipe(gate), 0);
	SAME(pipe(ends), 0);
	set(p, 1);
	child = fork();
	if (child == 0) {
		set(p, 2);
		if (fork() == 0) {
			close(gate[1]);
			close(ends[0]);
			is(p, 2);
			SAME(read(gate[0], &c, 1), 0);
			is(p, 2);
			p[0] = 3;
			SAME(write(ends[1], "k", 1), 1);
			_exit(0);
		}
		_exit(0);
	}
	close(ends[1]);
	child_ok(child);
	set(p, 4);
	close(gate[1]);
	SAME(read(ends[0], &c, 1), 1);
	SAME(c, 'k');
	is(p, 4);
	SAME(munmap(p, PAGES * page), 0);
	close(gate[0]);
	close(ends[0]);
}

static void shared(void)
{
	char *p = map(MAP_SHARED), *own = map(MAP_PRIVATE), *child_has = map(MAP_PRIVATE);
	int fd = pattern_file("file", 2 * page);
	char *file = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t child;

	EXPECT(file != MAP_FAILED);
	SAME(madvise(own, PAGES * page, MADV_DONTFORK), 0);
	set(p, 7);
	child = fork();
	if (child == 0) {
		is(p, 7);
		set(p, 8);
		file[0] = 'c';
		/* What the child unmaps and protects is its own affair. */
		SAME(munmap(p, page), 0);
		SAME(mprotect(child_has, page, PROT_NONE), 0);
		EXPECT(mprotect(own, page, PROT_READ) == -1 && errno == ENOMEM);	/* not here */
		_exit(0);
	}
	child_ok(child);
	is(p, 8);
	SAME(file[0], 'c');
	child_has[0] = 1;
	own[0] = 1;
	SAME(munmap(p, PAGES * page), 0);
	close(fd);
}

/* The system writes to a page that is shared for copying: it, too, copies first. */
static void written_by_calls(void)
{
	char *p = map(MAP_PRIVATE);
	int ends[2];
	pid_t child;

	SAME(pipe(ends), 0);
	set(p, 1);
	child = fork();
	if (child == 0) {
		SAME(write(ends[1], "xyz", 3), 3);
		SAME(read(ends[0], p + page - 1, 3), 3);
		SAME(p[page + 1], 'z');
		_exit(0);
	}
	child_ok(child);
	is(p, 1);
	SAME(p[page - 1], 0);
	SAME(p[page + 1], 0);
	SAME(munmap(p, PAGES * page), 0);
}

CHECK(fork_memory)
{
	page = sysconf(_SC_PAGESIZE);
	apart();
	generations();
	shared();
	written_by_calls();
}
