/*
 * Core dumps, core(5): which death leaves one, what its name is, what is in it. tests/vm/core_test.py runs it.
 */
#include "check.h"
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define HERE "/tmp/cores"

static void set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	EXPECT(fd >= 0);
	SAME(write(fd, text, strlen(text)), strlen(text));
	SAME(close(fd), 0);
}

static void core_limit(rlim_t n)
{
	struct rlimit l = { n, n };

	SAME(setrlimit(RLIMIT_CORE, &l), 0);
}

static void limitless(void)
{
	core_limit(RLIM_INFINITY);
}

/* In an empty folder: a child that does this and then aborts; its status. */
static int end_of(void (*fn)(void))
{
	int status;
	pid_t pid;

	if (system("rm -rf " HERE))
		check_failed(__FILE__, __LINE__, "rm");
	EXPECT(mkdir(HERE, 0777) == 0 && chmod(HERE, 0777) == 0 && chdir(HERE) == 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "a/name");
		fn();
		abort();
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return status;
}

static int dumped(void (*fn)(void))
{
	int status = end_of(fn);
	struct stat st;

	SAME(!!WCOREDUMP(status), !lstat("core", &st) && S_ISREG(st.st_mode));
	return !!WCOREDUMP(status);
}

/* ---- what is in it --------------------------------------------------- */

static struct core {
	char *file;
	off_t size;
	Elf64_Ehdr *head;
	Elf64_Phdr *segments;
} core;

static void core_open(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	EXPECT(fd >= 0 && fstat(fd, &st) == 0);
	SAME(st.st_mode, S_IFREG | 0600);
	core.size = st.st_size;
	core.file = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(core.file != MAP_FAILED);
	core.head = (Elf64_Ehdr *)core.file;
	EXPECT(!memcmp(core.file, ELFMAG, SELFMAG));
	SAME(core.head->e_type, ET_CORE);
	SAME(core.head->e_machine, EM_AARCH64);
	core.segments = (Elf64_Phdr *)(core.file + core.head->e_phoff);
	SAME(core.segments[0].p_type, PT_NOTE);
	close(fd);
}

/* The bytes at an address of the dead program; NULL: they were not written. */
static const char *core_at(const volatile void *address)
{
	for (int i = 1; i < core.head->e_phnum; i++) {
		Elf64_Phdr *p = &core.segments[i];
		uint64_t a = (uint64_t)address;

		SAME(p->p_type, PT_LOAD);
		SAME(p->p_offset % 4096, 0);
		EXPECT(p->p_offset + p->p_filesz <= (uint64_t)core.size);
		if (a >= p->p_vaddr && a < p->p_vaddr + p->p_filesz)
			return core.file + p->p_offset + (a - p->p_vaddr);
	}
	return NULL;
}

/* The n-th note of this kind; NULL: there are not so many. */
static const char *core_note(uint32_t type, int n, size_t *size)
{
	char *at = core.file + core.segments[0].p_offset, *end = at + core.segments[0].p_filesz;

	while (at < end) {
		Elf64_Nhdr *h = (Elf64_Nhdr *)at;
		char *data = at + sizeof(*h) + ((h->n_namesz + 3) & ~3u);

		if (h->n_type == type && !n--) {
			*size = h->n_descsz;
			return data;
		}
		at = data + ((h->n_descsz + 3) & ~3u);
	}
	return NULL;
}

static volatile char initialised[8192] = "written", *shared, *hidden, *shown;
static pthread_barrier_t both;

static void *other_thread(void *unused)
{
	(void)unused;
	asm volatile("fmov d8, %0" : : "r" (0x4142434445464748ul) : "v8");
	pthread_barrier_wait(&both);
	for (;;)
		asm volatile("" : : : "memory");
	return NULL;
}

static void fill(void)
{
	pthread_t t;

	limitless();
	initialised[4096] = 'x';
	shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	hidden = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shown = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared[4096] = 's';
	hidden[4096] = 'h';
	shown[0x80000] = 'd';
	SAME(madvise((void *)hidden, 8192, MADV_DONTDUMP), 0);
	SAME(madvise((void *)shown, 1 << 20, MADV_DONTDUMP), 0);
	SAME(madvise((void *)shown, 1 << 20, MADV_DODUMP), 0);
	pthread_barrier_init(&both, NULL, 2);
	SAME(pthread_create(&t, NULL, other_thread, NULL), 0);
	pthread_barrier_wait(&both);
	/* Where it all lies, for the check: the core is its only witness. */
	memcpy((void *)(initialised + 16), &shared, 8);
	memcpy((void *)(initialised + 24), &hidden, 8);
	memcpy((void *)(initialised + 32), &shown, 8);
}

static const char *said(int at)
{
	const char *p;

	memcpy(&p, core_at(initialised + at), 8);
	return p;
}

CHECK(contents)
{
	struct { int32_t signo, code, error; int16_t cursig; uint64_t pending, held; int32_t pid, ppid, pgrp, sid; } status;
	const char *note, *page;
	size_t size;
	siginfo_t info;
	uint64_t entry = 0;
	int threads = 0;

	SAME(dumped(fill), 1);
	core_open("core");
	EXPECT(!strcmp(core_at(initialised), "written"));
	SAME(*core_at(initialised + 4096), 'x');
	SAME(*core_at(said(16) + 4096), 's');
	SAME((uintptr_t)core_at(said(24) + 4096), 0);
	page = core_at(said(32));
	EXPECT(page && page[0x80000] == 'd' && page[0] == 0 && page[0xff000] == 0);

	while ((note = core_note(NT_PRSTATUS, threads, &size))) {
		SAME(size, 392);
		memcpy(&status, note, sizeof(status));
		SAME(status.cursig, SIGABRT);
		SAME(status.ppid, getpid());
		SAME(status.pgrp, getpgrp());
		SAME(status.sid, getsid(0));
		threads++;
	}
	SAME(threads, 2);
	/* The thread that the signal hit comes first; d8 is the other's. */
	EXPECT(core_note(NT_FPREGSET, 1, &size) && size == 528);
	EXPECT(!memcmp(core_note(NT_FPREGSET, 1, &size) + 8 * 16, "HGFEDCBA", 8));
	EXPECT(core_note(NT_ARM_TLS, 1, &size) != NULL);
	note = core_note(NT_SIGINFO, 0, &size);
	SAME(size, sizeof(info));
	memcpy(&info, note, sizeof(info));
	SAME(info.si_signo, SIGABRT);
	SAME(info.si_code, SI_TKILL);
	note = core_note(NT_AUXV, 0, &size);
	for (size_t i = 0; i < size; i += 16)
		if (*(uint64_t *)(note + i) == AT_ENTRY)
			entry = *(uint64_t *)(note + i + 8);
	SAME(entry, getauxval(AT_ENTRY));
	note = core_note(NT_PRPSINFO, 0, &size);
	SAME(size, 136);
	EXPECT(!strcmp(note + 40, "a/name"));
	note = core_note(NT_FILE, 0, &size);
	EXPECT(note && memmem(note, size, "/cores", 6));
	/* The vDSO is in it, for debuggers: its header, and so all of it. */
	page = core_at((void *)getauxval(AT_SYSINFO_EHDR));
	EXPECT(page == NULL || !memcmp(page, ELFMAG, SELFMAG));
}

static void filter_shared_out(void)
{
	set("/proc/self/coredump_filter", "0x31");
	fill();
}

static void filter_private_out(void)
{
	set("/proc/self/coredump_filter", "2");
	fill();
}

CHECK(filter)
{
	char text[32] = "";
	int fd = open("/proc/self/coredump_filter", O_RDWR);

	SAME(read(fd, text, sizeof(text)), 9);
	EXPECT(!strcmp(text, "00000033\n"));
	SAME(dumped(filter_shared_out), 1);
	core_open("core");
	SAME((uintptr_t)core_at(said(16) + 4096), 0);
	SAME(*core_at(said(32) + 0x80000), 'd');
	SAME(dumped(filter_private_out), 1);
	core_open("core");
	SAME((uintptr_t)core_at(initialised), 0);
	/* It goes on to children, and through exec. */
	set("/proc/self/coredump_filter", "0x7");
	SAME(system("test $(cat /proc/self/coredump_filter) = 00000007"), 0);
	FAILS(write(fd, "x", 1), EINVAL);
}

/* ---- who leaves one ----------------------------------------------------- */

static void no_limit_given(void)
{
	core_limit(0);
}

static void little(void)
{
	core_limit(4095);
}

static void undumpable(void)
{
	limitless();
	SAME(prctl(PR_SET_DUMPABLE, 0), 0);
}

static void other_user(void)
{
	limitless();
	SAME(setuid(1000), 0);
}

static void other_user_again(void)
{
	limitless();
	SAME(setuid(1000), 0);
	SAME(prctl(PR_SET_DUMPABLE, 1), 0);
}

static void other_user_elsewhere(void)
{
	other_user_again();
	SAME(chdir("/bin"), 0);
}

static void umask_in_the_way(void)
{
	limitless();
	umask(0400);
}

static void of_a_folder(void)
{
	limitless();
	SAME(mkdir("core", 0755), 0);
}

static void file_too_large(void)
{
	struct rlimit none = { 0, 0 };

	limitless();
	signal(SIGXFSZ, SIG_IGN);
	SAME(setrlimit(RLIMIT_FSIZE, &none), 0);
}

CHECK(who_leaves_one)
{
	struct stat st;

	SAME(dumped(limitless), 1);
	SAME(dumped(no_limit_given), 0);
	SAME(dumped(little), 0);
	SAME(dumped(undumpable), 0);
	SAME(dumped(other_user), 0);
	SAME(dumped(other_user_again), 1);
	SAME(stat("core", &st), 0);
	SAME(st.st_uid, 1000);
	SAME(dumped(other_user_elsewhere), 0);
	EXPECT(!WCOREDUMP(end_of(umask_in_the_way)));
	SAME(dumped(of_a_folder), 0);
	/* Nothing could be written, but the file was made. */
	EXPECT(WCOREDUMP(end_of(file_too_large)));
	SAME(stat("core", &st), 0);
	SAME(st.st_size, 0);
}

static void sixteen(void)
{
	fill();
	core_limit(16384);
}

CHECK(the_limit)
{
	struct stat st;

	SAME(dumped(sixteen), 1);
	SAME(stat("core", &st), 0);
	EXPECT(st.st_blocks * 512 <= 16384 && st.st_size >= 4096);
}

CHECK(which_signals)
{
	static const int dumping[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };

	EXPECT(chdir("/tmp") == 0);
	for (int signo = 1; signo < 32; signo++) {
		int wanted = 0, status;
		siginfo_t info;
		pid_t pid;

		if (signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU || signo == SIGCHLD ||
		    signo == SIGURG || signo == SIGWINCH || signo == SIGCONT)
			continue;
		for (unsigned i = 0; i < sizeof(dumping) / sizeof(*dumping); i++)
			wanted |= dumping[i] == signo;
		pid = fork();
		if (!pid) {
			limitless();
			signal(signo, SIG_DFL);
			raise(signo);
			_exit(0);
		}
		SAME(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
		SAME(info.si_code, wanted ? CLD_DUMPED : CLD_KILLED);
		SAME(info.si_status, signo);
		SAME(waitpid(pid, &status, 0), pid);
		SAME(status, signo | (wanted ? 0x80 : 0));
	}
	unlink("/tmp/core");
}

/* ---- its name ---------------------------------------------------------- */

static void at_a_link(void)
{
	int fd = open("elsewhere", O_CREAT | O_WRONLY, 0600);

	limitless();
	SAME(write(fd, "mine", 4), 4);
	close(fd);
	SAME(symlink("elsewhere", "core"), 0);
}

static void at_a_second_name(void)
{
	at_a_link();
	SAME(unlink("core"), 0);
	SAME(link("elsewhere", "core"), 0);
}

CHECK(what_had_the_name_goes)
{
	struct stat st;

	SAME(dumped(at_a_link), 1);
	SAME(stat("elsewhere", &st), 0);
	SAME(st.st_size, 4);
	SAME(dumped(at_a_second_name), 1);
	SAME(stat("elsewhere", &st), 0);
	SAME(st.st_size, 4);
	SAME(st.st_nlink, 1);
}

/* The one file of the folder. */
static const char *only_name(void)
{
	static char name[256];
	DIR *d = opendir(HERE);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			strcpy(name, e->d_name);
			n++;
		}
	closedir(d);
	SAME(n, 1);
	return name;
}

static void named(const char *pattern, const char *wanted)
{
	set("/proc/sys/kernel/core_pattern", pattern);
	EXPECT(WCOREDUMP(end_of(limitless)));
	if (strcmp(only_name(), wanted)) {
		printf("  %s made %s, not %s\n", pattern, only_name(), wanted);
		check_failed(__FILE__, __LINE__, "name");
	}
}

static int last_pid(void)
{
	int pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

CHECK(names)
{
	char host[65], text[200];
	int before;
	FILE *f;

	SAME(gethostname(host, sizeof(host)), 0);
	named("c", "c");
	named("x%%y%s%u%g%q", "x%y600");
	named("e-%e-%d%", "e-a!name-1");
	named("f-%f", "f-cores");
	named("E%E", "E!bin!cores");
	named(HERE "/%%.%c", "%.18446744073709551615");
	snprintf(text, sizeof(text), "on %s", host);
	named("on %h", text);
	set("/proc/sys/kernel/core_pattern", "p%p-%P-%i-%I");
	before = last_pid();
	EXPECT(WCOREDUMP(end_of(limitless)));
	{
		int p, P, i, I;

		SAME(sscanf(only_name(), "p%d-%d-%d-%d", &p, &P, &i, &I), 4);
		EXPECT(p > before && P == p && i == p && I == p);
	}
	set("/proc/sys/kernel/core_pattern", "core");
	set("/proc/sys/kernel/core_uses_pid", "1");
	EXPECT(WCOREDUMP(end_of(limitless)));
	EXPECT(!strncmp(only_name(), "core.", 5) && atoi(only_name() + 5) > before);
	set("/proc/sys/kernel/core_uses_pid", "0");
	f = fopen("/proc/sys/kernel/core_pattern", "r");
	EXPECT(fgets(text, sizeof(text), f) && !strcmp(text, "core\n"));
	fclose(f);
	named("core", "core");
}

/* ---- and when it is in the way -------------------------------------------- */

static void much(void)
{
	char *m = mmap(NULL, 24 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	EXPECT(m != MAP_FAILED);
	limitless();
}

CHECK(a_kill_ends_it)
{
	siginfo_t end;
	struct stat st;
	int status;
	pid_t pid;

	EXPECT(chdir("/tmp") == 0);
	unlink("core");
	pid = fork();
	if (!pid) {
		much();
		abort();
	}
	do {
		end.si_pid = 0;
		SAME(waitid(P_PID, pid, &end, WEXITED | WNOHANG | WNOWAIT), 0);
	} while (!end.si_pid && stat("core", &st));
	kill(pid, SIGKILL);
	SAME(waitpid(pid, &status, 0), pid);
	/* Was the dump whole by then? */
	EXPECT(status == SIGKILL || status == (SIGABRT | 0x80));
	unlink("core");
}
