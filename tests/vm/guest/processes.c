/*
 * Processes: fork and what it shares and copies, exec and its errors, wait, what a death
 * leaves behind. tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

extern char **environ;
static int data_word = 1;

/* ---- fork ------------------------------------------------------------------- */

CHECK(fork_tells_who_is_who)
{
	pid_t parent = getpid(), pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		SAME(getppid(), parent);
		EXPECT(getpid() != parent);
		_exit(0);
	}
	child_ok(pid);
}

CHECK(fork_copies_what_is_private)
{
	size_t size = 2 << 20;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *heap = malloc(size);
	int stack_word = 1, go[2], done[2];
	char c;
	pid_t pid;

	EXPECT(map != MAP_FAILED && heap);
	memset(map, 'a', size);
	memset(heap, 'a', size);
	EXPECT(pipe(go) == 0 && pipe(done) == 0);
	pid = fork();
	if (pid == 0) {
		/* The child changes half, sees nothing of what the parent changes. */
		memset(map, 'c', size / 2);
		memset(heap, 'c', size / 2);
		data_word = stack_word = 3;
		EXPECT(write(done[1], "x", 1) == 1 && read(go[0], &c, 1) == 1);
		for (size_t i = 0; i < size; i++)
			EXPECT(map[i] == (i < size / 2 ? 'c' : 'a') && heap[i] == (i < size / 2 ? 'c' : 'a'));
		EXPECT(data_word == 3 && stack_word == 3);
		_exit(0);
	}
	SAME(read(done[0], &c, 1), 1);
	for (size_t i = 0; i < size; i++)
		EXPECT(map[i] == 'a' && heap[i] == 'a');
	EXPECT(data_word == 1 && stack_word == 1);
	memset(map, 'p', size);
	memset(heap, 'p', size);
	SAME(write(go[1], "x", 1), 1);
	child_ok(pid);
	for (size_t i = 0; i < size; i++)
		EXPECT(map[i] == 'p' && heap[i] == 'p');
}

CHECK(fork_shares_what_is_shared)
{
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(word != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		*word = 42;
		_exit(0);
	}
	child_ok(pid);
	SAME(*word, 42);
}

CHECK(system_calls_write_through_copied_pages)
{
	/* The kernel's own store into a page that is still shared must make the copy too. */
	char *buf = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2];
	pid_t pid;

	memset(buf, 'a', 8192);
	EXPECT(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		EXPECT(write(p[1], "xyz", 3) == 3);
		SAME(read(p[0], buf + 4094, 3), 3);
		EXPECT(!memcmp(buf + 4094, "xyz", 3));
		_exit(0);
	}
	child_ok(pid);
	for (int i = 0; i < 8192; i++)
		EXPECT(buf[i] == 'a');
}

CHECK(fork_shares_file_offsets)
{
	int fd = open("/tmp/offsets", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pid_t pid;

	EXPECT(fd >= 0);
	pid = fork();
	if (pid == 0) {
		EXPECT(write(fd, "12345", 5) == 5);
		_exit(0);
	}
	child_ok(pid);
	SAME(lseek(fd, 0, SEEK_CUR), 5);
	unlink("/tmp/offsets");
}

CHECK(generations)
{
	/* Each is the child of the one before; the last one's word comes back through all. */
	int depth = 0, status;
	pid_t pid;

	while (depth < 60) {
		pid = fork();
		EXPECT(pid >= 0);
		if (pid) {
			SAME(waitpid(pid, &status, 0), pid);
			EXPECT(WIFEXITED(status));
			SAME(WEXITSTATUS(status), depth == 59 ? 7 : 0);
			if (depth)
				_exit(0);
			return;
		}
		depth++;
	}
	_exit(7);
}

static long memory_free(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	EXPECT(f);
	while (kb < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %ld kB", &kb);
	fclose(f);
	EXPECT(kb > 0);
	return kb;
}

CHECK(the_dead_leave_nothing)
{
	size_t size = 4 << 20;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before = 0;

	EXPECT(map != MAP_FAILED);
	memset(map, 1, size);
	for (int i = 0; i < 110; i++) {
		pid_t pid = fork();

		EXPECT(pid >= 0);
		if (pid == 0) {
			memset(map, 2, size / 4);
			_exit(0);
		}
		child_ok(pid);
		if (i == 9)
			before = memory_free();
	}
	/* A hundred of them would have kept 100 MiB. */
	EXPECT(memory_free() > before - 4096);
}

static int lent(void *word)
{
	*(volatile int *)word = 2;
	return 5;
}

CHECK(vfork_lends_its_memory)
{
	/* By clone, as musl's vfork is a fork. The parent goes on when the child has ended. */
	static char stack[16384] __attribute__((aligned(16)));
	volatile int word = 1;
	int status;
	pid_t pid = clone(lent, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&word);

	EXPECT(pid > 0);
	SAME(word, 2);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(WEXITSTATUS(status), 5);
}

/* ---- exec ------------------------------------------------------------------- */

/* Run a program; what it wrote, in a buffer that the next call reuses, and its status. */
static char *output_of(char *const argv[], char *const envp[], int *status)
{
	static char out[1 << 20];
	size_t n = 0;
	ssize_t r;
	int p[2];
	pid_t pid;

	EXPECT(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execve(argv[0], argv, envp);
		_exit(100 + errno);
	}
	close(p[1]);
	while ((r = read(p[0], out + n, sizeof(out) - 1 - n)) > 0)
		n += r;
	SAME(r, 0);
	out[n] = '\0';
	close(p[0]);
	SAME(waitpid(pid, status, 0), pid);
	return out;
}

static void file_make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	EXPECT(fd >= 0);
	SAME(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	EXPECT(chmod(path, mode) == 0);
}

CHECK(exec_passes_words_and_environment)
{
	char *argv[] = { "/bin/busybox", "sh", "-c", "echo \"$0 $1 $# $A\"", "zero", "one two", "", NULL };
	char *envp[] = { "A=alpha beta", "PATH=/bin", NULL };
	int status;

	EXPECT(!strcmp(output_of(argv, envp, &status), "zero one two 2 alpha beta\n"));
	SAME(status, 0);
}

CHECK(exec_takes_many_words)
{
	static char *argv[2003];
	static char word[2000][50];
	int status;

	argv[0] = "/bin/busybox";
	argv[1] = "echo";
	for (int i = 0; i < 2000; i++) {
		snprintf(word[i], sizeof(word[i]), "word-%040d", i);
		argv[2 + i] = word[i];
	}
	SAME(strlen(output_of(argv, environ, &status)), 2000 * 46);
	SAME(status, 0);
}

CHECK(exec_refuses_too_many_words)
{
	/* A word is 128 KiB at most; all together a quarter of the stack's limit. */
	char *big = malloc(3 << 20), *argv[] = { "/bin/busybox", "true", big, NULL };
	static char *many[100];

	memset(big, 'x', 3 << 20);
	big[(3 << 20) - 1] = '\0';
	FAILS(execve(argv[0], argv, environ), E2BIG);
	big[100000] = '\0';
	many[0] = "/bin/busybox";
	for (int i = 1; i < 99; i++)
		many[i] = big;
	FAILS(execve(many[0], many, environ), E2BIG);
}

CHECK(exec_errors)
{
	char *argv[] = { "x", NULL };
	char name[300];

	FAILS(execve("/no/such/program", argv, environ), ENOENT);
	FAILS(execve("", argv, environ), ENOENT);
	FAILS(execve("/etc/passwd", argv, environ), EACCES);
	FAILS(execve("/etc", argv, environ), EACCES);
	FAILS(execve("/etc/passwd/x", argv, environ), ENOTDIR);
	FAILS(execve("/dev/null", argv, environ), EACCES);
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[299] = '\0';
	FAILS(execve(name, argv, environ), ENAMETOOLONG);
	symlink("/tmp/loop", "/tmp/loop");
	FAILS(execve("/tmp/loop", argv, environ), ELOOP);
	unlink("/tmp/loop");
	FAILS(execve(nowhere, argv, environ), EFAULT);
	FAILS(execve("/bin/busybox", (char **)nowhere, environ), EFAULT);
	file_make("/tmp/text", "just text\n", 0755);
	FAILS(execve("/tmp/text", argv, environ), ENOEXEC);
	file_make("/tmp/text", "", 0755);
	FAILS(execve("/tmp/text", argv, environ), ENOEXEC);
	file_make("/tmp/text", "#!/no/such/shell\n", 0755);
	FAILS(execve("/tmp/text", argv, environ), ENOENT);
	file_make("/tmp/text", "#!\n", 0755);
	FAILS(execve("/tmp/text", argv, environ), ENOEXEC);
	unlink("/tmp/text");
}

CHECK(exec_of_a_script)
{
	char *argv[] = { "/tmp/script", "two", NULL };
	int status;

	file_make("/tmp/script", "#! /bin/busybox sh\necho \"$0 $1\"\nexit 3\n", 0755);
	EXPECT(!strcmp(output_of(argv, environ, &status), "/tmp/script two\n"));
	SAME(WEXITSTATUS(status), 3);
	/* A script may be another one's interpreter. */
	file_make("/tmp/script2", "#!/tmp/script\n", 0755);
	argv[0] = "/tmp/script2";
	EXPECT(!strcmp(output_of(argv, environ, &status), "/tmp/script /tmp/script2\n"));
	unlink("/tmp/script");
	unlink("/tmp/script2");
}

CHECK(exec_closes_and_keeps_descriptors)
{
	char *argv[] = { "/bin/busybox", "sh", "-c", "[ -e /proc/self/fd/20 ] && [ ! -e /proc/self/fd/21 ] && echo right", NULL };
	int status;

	EXPECT(dup3(1, 21, O_CLOEXEC) == 21);
	EXPECT(dup2(1, 20) == 20);
	EXPECT(!strcmp(output_of(argv, environ, &status), "right\n"));
}

static void handler(int sig)
{
	(void)sig;
}

CHECK(exec_resets_handlers_and_keeps_the_rest)
{
	/* SIGUSR1 has a handler, which exec takes away; SIGUSR2 is ignored and stays so. */
	char *argv[] = { "/bin/busybox", "sh", "-c", "kill -USR2 $$; kill -TERM $$; kill -USR1 $$; echo alive", NULL };
	sigset_t set;
	int status;

	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT(!strcmp(output_of(argv, environ, &status), ""));
	EXPECT(WIFSIGNALED(status));
	SAME(WTERMSIG(status), SIGUSR1);
}

CHECK(spawn)
{
	char *argv[] = { "busybox", "false", NULL };
	int status;
	pid_t pid;

	SAME(posix_spawn(&pid, "/bin/busybox", NULL, NULL, argv, environ), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(WEXITSTATUS(status), 1);
	SAME(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ), ENOENT);
	FAILS(waitpid(-1, &status, 0), ECHILD);
}

/* ---- wait ------------------------------------------------------------------- */

CHECK(wait_tells_how_it_ended)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0x1ff);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0xff00);
	pid = fork();
	if (pid == 0)
		raise(SIGKILL);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGKILL);
	FAILS(waitpid(-1, &status, 0), ECHILD);
	FAILS(waitpid(1, &status, 0), ECHILD);
}

CHECK(wait_without_waiting)
{
	int status, p[2];
	siginfo_t info;
	pid_t pid;
	char c;

	EXPECT(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1));
	}
	SAME(waitpid(pid, &status, WNOHANG), 0);
	close(p[0]);
	close(p[1]);
	/* WNOWAIT leaves it to be collected once more. */
	SAME(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	EXPECT(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 0 && info.si_signo == SIGCHLD);
	child_ok(pid);
}

CHECK(wait_sees_stop_and_continue)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	SAME(kill(pid, SIGSTOP), 0);
	SAME(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	SAME(kill(pid, SIGCONT), 0);
	SAME(waitpid(pid, &status, WCONTINUED), pid);
	EXPECT(WIFCONTINUED(status));
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, SIGKILL);
}

CHECK(wait_for_a_group)
{
	int status;
	pid_t a = fork();

	if (a == 0) {
		setpgid(0, 0);
		_exit(1);
	}
	setpgid(a, a);
	SAME(waitpid(-a, &status, 0), a);
	SAME(WEXITSTATUS(status), 1);
}

CHECK(children_may_be_left_to_the_kernel)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		_exit(0);
	FAILS(waitpid(pid, NULL, 0), ECHILD);
}

CHECK(orphans_go_to_init_and_are_collected)
{
	int told[2], go[2], status;
	pid_t child, grandchild;
	char c;

	EXPECT(pipe(told) == 0 && pipe(go) == 0);
	child = fork();
	if (child == 0) {
		grandchild = fork();
		if (grandchild == 0) {
			/* Told to go on once its parent is dead. */
			close(go[1]);
			SAME(read(go[0], &c, 1), 1);
			c = getppid() == 1;
			SAME(write(told[1], &c, 1), 1);
			_exit(5);
		}
		SAME(write(told[1], &grandchild, sizeof(grandchild)), sizeof(grandchild));
		_exit(0);
	}
	SAME(read(told[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	SAME(waitpid(child, &status, 0), child);
	SAME(write(go[1], "x", 1), 1);
	SAME(read(told[0], &c, 1), 1);
	EXPECT(c);
	/* The check's own deadline ends this if init does not collect it. */
	while (kill(grandchild, 0) == 0)
		usleep(1000);
	SAME(errno, ESRCH);
}

/* ---- threads, limits, names --------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

/* What a grandchild of the caller has for a parent once its own is dead. */
static pid_t foster_parent(void)
{
	int go[2], told[2];
	pid_t pid, foster;
	char c;

	EXPECT(pipe(go) == 0 && pipe(told) == 0);
	pid = fork();
	if (pid == 0) {
		pid_t was = getpid();

		if (fork())
			_exit(0);
		while ((foster = getppid()) == was)
			sched_yield();
		EXPECT(write(told[1], &foster, sizeof(foster)) == sizeof(foster));
		close(go[1]);
		EXPECT(read(go[0], &c, 1) == 0);
		_exit(7);
	}
	child_ok(pid);
	SAME(read(told[0], &foster, sizeof(foster)), sizeof(foster));
	close(go[0]);
	close(go[1]);
	close(told[0]);
	close(told[1]);
	return foster;
}

CHECK(orphans_go_to_the_nearest_subreaper)
{
	int is = 5, status;
	pid_t pid;

	SAME(foster_parent(), 1);
	FAILS(waitpid(-1, NULL, 0), ECHILD);
	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	SAME(foster_parent(), getpid());
	EXPECT(waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 7);
	pid = fork();
	if (pid == 0) {
		/* It is the caller's alone, and the nearest counts. */
		SAME(prctl(PR_GET_CHILD_SUBREAPER, &is), 0);
		SAME(is, 0);
		SAME(foster_parent(), getppid());
		FAILS(waitpid(-1, NULL, 0), ECHILD);
		SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
		SAME(foster_parent(), getpid());
		_exit(0);
	}
	/* Two of them: the first grandchild's, and the one that its own foster parent left when it ended. */
	for (int ok = 0; ok < 3; ok++) {
		EXPECT(waitpid(-1, &status, 0) > 0);
		EXPECT(WEXITSTATUS(status) == 7 || status == 0);
	}
	FAILS(waitpid(-1, NULL, 0), ECHILD);
	SAME(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	SAME(foster_parent(), 1);
}

static int wait_for_end(void *go)
{
	char c;

	close(((int *)go)[1]);
	return read(((int *)go)[0], &c, 1) + 9;
}

CHECK(foster_parents_hear_of_ends_by_sigchld)
{
	static char stack[16384] __attribute__((aligned(16)));
	int go[2], status;
	pid_t pid;

	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	EXPECT(pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		EXPECT(clone(wait_for_end, stack + sizeof(stack), SIGUSR1, go) > 0);
		_exit(0);
	}
	child_ok(pid);
	/* The signal that its parent wanted would end this one. */
	close(go[1]);
	EXPECT(waitpid(-1, &status, 0) > 0);
	SAME(WEXITSTATUS(status), 9);
}

static int execute_true(void *arg)
{
	char *argv[] = { "true", arg };

	execve("/bin/true", argv, environ);
	return 1;
}

CHECK(programs_tell_their_parent_by_sigchld)
{
	static char stack[16384] __attribute__((aligned(16)));
	int executed[2], status;
	pid_t pid;
	char c;

	EXPECT(pipe2(executed, O_CLOEXEC) == 0);
	pid = clone(execute_true, stack + sizeof(stack), SIGUSR1, NULL);
	EXPECT(pid > 0);
	close(executed[1]);
	SAME(read(executed[0], &c, 1), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(change_of_user_shuts_others_out)
{
	int sig = 9;

	SAME(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
	SAME(prctl(PR_GET_DUMPABLE), 1);
	SAME(setuid(0), 0);
	SAME(prctl(PR_GET_PDEATHSIG, &sig), 0);
	EXPECT(sig == SIGKILL && prctl(PR_GET_DUMPABLE) == 1);
	SAME(setuid(1000), 0);
	SAME(prctl(PR_GET_PDEATHSIG, &sig), 0);
	EXPECT(sig == 0 && prctl(PR_GET_DUMPABLE) == 0);
}

CHECK(dead_children_of_the_dead_are_passed_on)
{
	int status, go[2];
	char c;
	pid_t pid;

	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	EXPECT(pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		siginfo_t info;
		pid_t dead = fork();

		if (!dead)
			_exit(9);
		SAME(waitid(P_PID, dead, &info, WEXITED | WNOWAIT), 0);
		EXPECT(write(go[1], "x", 1) == 1);
		_exit(0);
	}
	SAME(read(go[0], &c, 1), 1);
	child_ok(pid);
	EXPECT(waitpid(-1, &status, 0) > 0);
	SAME(WEXITSTATUS(status), 9);
	/* A foster parent that does not care has none. */
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		if (!fork())
			_exit(9);
		_exit(0);
	}
	FAILS(waitpid(-1, NULL, 0), ECHILD);
}

CHECK(threads_share_and_are_joined)
{
	pthread_t t[8];
	void *result;

	for (long i = 0; i < 8; i++)
		SAME(pthread_create(&t[i], NULL, count, (void *)i), 0);
	for (long i = 0; i < 8; i++) {
		SAME(pthread_join(t[i], &result), 0);
		SAME((long)result, i);
	}
	SAME(counter, 8 * 2000);
}

CHECK(memory_that_runs_out_ends_the_program_alone)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (;;) {
			char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				_exit(errno == ENOMEM ? 0 : 1);
			memset(p, 1, 1 << 20);
		}
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(status == 0 || status == SIGKILL);
}

CHECK(uname_says_what_programs_look_for)
{
	struct utsname u;
	unsigned int major;

	SAME(uname(&u), 0);
	EXPECT(!strcmp(u.machine, "aarch64"));
	/* glibc's and other programs' own minimum is a number like Linux's. */
	EXPECT(sscanf(u.release, "%u.", &major) == 1 && major >= 4);
}

/* ---- what runs is not written to, what is written to is not run (execve(2), ETXTBSY) ----------- */

static void copy_of_self(const char *path)
{
	char piece[4096];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	EXPECT(from >= 0 && to >= 0);
	while ((n = read(from, piece, sizeof(piece))) > 0)
		SAME(write(to, piece, n), n);
	SAME(close(from) + close(to), 0);
}

CHECK(a_program_for_the_check_below)
{
	char c;

	/* Run by exec it has its parent's pipe there. */
	if (fcntl(200, F_GETFD) >= 0)
		SAME(write(201, "", 1) + read(200, &c, 1), 2);
}

static int run_error(const char *path)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, "no_such_check", NULL);
		_exit(errno);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

CHECK(text_file_busy)
{
	const char *path = "/tmp/busy", *script = "/tmp/busy-script";
	int go[2], there[2], fd, other;
	char c;
	pid_t pid;

	copy_of_self(path);
	SAME(run_error(path), 0);
	fd = open(path, O_WRONLY);
	EXPECT(fd >= 0);
	SAME(run_error(path), ETXTBSY);
	other = open(path, O_RDONLY);
	close(fd);
	SAME(run_error(path), 0);		/* who only reads is no hindrance */
	close(other);

	EXPECT(pipe(go) == 0 && pipe(there) == 0);
	pid = fork();
	if (!pid) {
		dup2(go[0], 200);
		dup2(there[1], 201);
		close(go[1]);
		execl(path, path, "a_program_for_the_check_below", NULL);
		_exit(1);
	}
	close(there[1]);
	SAME(read(there[0], &c, 1), 1);
	FAILS(open(path, O_WRONLY), ETXTBSY);
	FAILS(open(path, O_RDWR | O_TRUNC), ETXTBSY);
	FAILS(open(path, O_RDONLY | O_CREAT | O_APPEND | O_RDWR, 0600), ETXTBSY);
	FAILS(truncate(path, 0), ETXTBSY);
	fd = open(path, O_RDONLY);
	EXPECT(fd >= 0);
	SAME(run_error(path), 0);		/* twice at once */
	SAME(chmod(path, 0700), 0);
	SAME(unlink(path), 0);
	/* Its name is free. */
	copy_of_self(path);
	SAME(write(go[1], "", 1), 1);
	child_ok(pid);
	other = open(path, O_WRONLY);
	EXPECT(other >= 0);
	close(other);
	close(fd);

	/* A script is read, not mapped; its interpreter runs. */
	fd = open(script, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	EXPECT(dprintf(fd, "#!%s no_such_check\n", path) > 0);
	SAME(run_error(script), ETXTBSY);
	close(fd);
	SAME(run_error(script), 0);
	fd = open(path, O_WRONLY);
	SAME(run_error(script), ETXTBSY);
	close(fd);
	SAME(unlink(path) + unlink(script), 0);
}

CHECK(a_file_without_a_name_is_run_by_who_wrote_it)
{
	char piece[4096];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY), fd = memfd_create("program", MFD_CLOEXEC), status, other;
	char name[64];
	pid_t pid;

	while ((n = read(from, piece, sizeof(piece))) > 0)
		SAME(write(fd, piece, n), n);
	pid = fork();
	if (!pid) {
		fexecve(fd, (char *[]){ "p", "no_such_check", NULL }, environ);
		_exit(errno);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	other = open(name, O_RDWR);
	EXPECT(other >= 0);
	SAME(run_error(name), ETXTBSY);
	close(other);
	SAME(run_error(name), 0);
}
