/*
 * Two users and root, and what each may do to the others' processes: signals, priorities, limits, /proc, memory,
 * descriptors; and programs that run with the rights of their file's owner. Runs as root.
 */
#include "users.h"
#include <stdbool.h>
#include <dirent.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/uio.h>

/* ---- signals -------------------------------------------------------------------- */

static int queue_signal(pid_t pid, int sig)
{
	siginfo_t i = { .si_signo = sig, .si_code = SI_QUEUE };

	return syscall(SYS_rt_sigqueueinfo, pid, sig, &i);
}

static int queue_to_thread(pid_t pid, int sig)
{
	siginfo_t i = { .si_signo = sig, .si_code = SI_QUEUE };

	return syscall(SYS_rt_tgsigqueueinfo, pid, pid, sig, &i);
}

static int signal_by_descriptor(pid_t pid, int sig)
{
	int fd = syscall(SYS_pidfd_open, pid, 0), r;

	EXPECT(fd >= 0);
	r = syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
	close(fd);
	return r;
}

static int by_kill(pid_t pid, int sig) { return kill(pid, sig); }
static int by_tgkill(pid_t pid, int sig) { return syscall(SYS_tgkill, pid, pid, sig); }
static int by_tkill(pid_t pid, int sig) { return syscall(SYS_tkill, pid, sig); }

static int (*const senders[])(pid_t, int) = { by_kill, by_tgkill, by_tkill, queue_signal, queue_to_thread, signal_by_descriptor };
#define SENDERS (sizeof(senders) / sizeof(senders[0]))

static void refused_signals(pid_t pid)
{
	for (size_t i = 0; i < SENDERS; i++) {
		FAILS(senders[i](pid, 0), EPERM);
		FAILS(senders[i](pid, SIGTERM), EPERM);
		FAILS(senders[i](pid, SIGKILL), EPERM);
	}
}

CHECK(signals_of_others)
{
	pid_t alice = waiter(ALICE, NULL), bob = waiter(BOB, NULL), root = waiter(0, NULL);

	AS(ALICE, refused_signals(bob); refused_signals(root); refused_signals(1));
	AS(BOB, refused_signals(alice));
	/* Everybody one may signal: that is only oneself here. */
	AS(ALICE, SAME(kill(-1, 0), 0));
	for (size_t i = 0; i < SENDERS; i++) {
		AS(ALICE, SAME(senders[i](alice, 0), 0); SAME(senders[i](alice, SIGTERM), 0));
		SAME(died_of(alice), SIGTERM);
		alice = waiter(ALICE, NULL);
	}
	end(alice);
	end(bob);
	end(root);
}

static void new_session(void)
{
	EXPECT(setsid() > 0);
}

/* SIGCONT to whoever is of one's session; that is how a shell continues a set-user-ID program. */
CHECK(continuing_within_a_session)
{
	pid_t here = waiter(BOB, NULL), there = waiter(BOB, new_session);

	AS(ALICE, SAME(kill(here, SIGCONT), 0); FAILS(kill(here, SIGSTOP), EPERM); FAILS(kill(there, SIGCONT), EPERM));
	end(here);
	end(there);
}

static void runs_as_root(void) { SAME(setresuid(ALICE, 0, 0), 0); }
static void real_root(void) { SAME(setresuid(0, ALICE, ALICE), 0); }
static void effective_alone(void) { SAME(setresuid(0, ALICE, 0), 0); }

/* The sender's real or effective id must be the receiver's real or saved one. */
CHECK(signals_of_programs_with_two_users)
{
	pid_t set = waiter(0, runs_as_root), dropped = waiter(0, real_root), other = waiter(0, effective_alone);

	AS(ALICE, SAME(kill(set, 0), 0); SAME(kill(dropped, 0), 0); FAILS(kill(other, 0), EPERM));
	AS(BOB, refused_signals(set); refused_signals(dropped));
	end(set);
	end(dropped);
	end(other);
}

/* A dead one that nobody has waited for is still somebody's. */
CHECK(signals_to_the_dead)
{
	siginfo_t i;
	pid_t bob = waiter(BOB, NULL);

	SAME(kill(bob, SIGKILL), 0);
	SAME(waitid(P_PID, bob, &i, WEXITED | WNOWAIT), 0);
	AS(ALICE, FAILS(kill(bob, 0), EPERM); FAILS(kill(bob, SIGKILL), EPERM));
	AS(BOB, SAME(kill(bob, 0), 0));
	SAME(died_of(bob), SIGKILL);
}

/* The owner of a file's signals is told no more than its setter may. */
CHECK(signals_of_files_to_others)
{
	pid_t bob = waiter(BOB, NULL);

	AS(ALICE, {
		int p[2];

		SAME(pipe(p), 0);
		SAME(fcntl(p[0], F_SETSIG, SIGKILL), 0);
		SAME(fcntl(p[0], F_SETOWN, bob), 0);
		SAME(fcntl(p[0], F_SETFL, O_ASYNC), 0);
		SAME(write(p[1], "x", 1), 1);
	});
	SAME(kill(bob, 0), 0);
	SAME(waitpid(bob, NULL, WNOHANG), 0);
	end(bob);
}

/* ---- priorities, processors, limits ----------------------------------------------- */

static int policy_set(pid_t pid, int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	return syscall(SYS_sched_setscheduler, pid, policy, &p);
}

static int param_set(pid_t pid, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	return syscall(SYS_sched_setparam, pid, &p);
}

static int affinity_set(pid_t pid)
{
	unsigned long set = 1;

	return syscall(SYS_sched_setaffinity, pid, sizeof(set), &set);
}

CHECK(priorities_of_others)
{
	pid_t bob = waiter(BOB, NULL), alice = waiter(ALICE, NULL), root = waiter(0, NULL), set = waiter(0, runs_as_root);
	unsigned long cpus;

	AS(ALICE, {
		for (pid_t pid = bob; pid; pid = pid == bob ? root : 0) {
			FAILS(setpriority(PRIO_PROCESS, pid, 5), EPERM);
			FAILS(policy_set(pid, SCHED_OTHER, 0), EPERM);
			FAILS(policy_set(pid, SCHED_BATCH, 0), EPERM);
			FAILS(param_set(pid, 0), EPERM);
			FAILS(affinity_set(pid), EPERM);
			/* Looking is free. */
			errno = 0;
			SAME(getpriority(PRIO_PROCESS, pid), 0);
			SAME(errno, 0);
			SAME(syscall(SYS_sched_getscheduler, pid), SCHED_OTHER);
			EXPECT(syscall(SYS_sched_getaffinity, pid, sizeof(cpus), &cpus) > 0);
		}
		FAILS(setpriority(PRIO_USER, BOB, 5), EPERM);
		/* Hers, but with more rights than she has. */
		FAILS(setpriority(PRIO_PROCESS, set, 1), EPERM);
		FAILS(affinity_set(set), EPERM);
		SAME(setpriority(PRIO_PROCESS, alice, 5), 0);
		/* All of hers that she may, and told of the other. */
		FAILS(setpriority(PRIO_USER, 0, 6), EPERM);
		SAME(getpriority(PRIO_PROCESS, alice), 6);
		FAILS(setpriority(PRIO_PROCESS, alice, 5), EACCES);
		SAME(affinity_set(alice), 0);
		SAME(policy_set(alice, SCHED_BATCH, 0), 0);
		FAILS(policy_set(alice, SCHED_FIFO, 1), EPERM);
		FAILS(policy_set(0, SCHED_RR, 1), EPERM);
		/* Out of the idle policy only with a right to be nicer. */
		SAME(policy_set(alice, SCHED_IDLE, 0), 0);
		FAILS(policy_set(alice, SCHED_OTHER, 0), EPERM);
	});
	SAME(policy_set(alice, SCHED_OTHER, 0), 0);
	end(alice);
	end(bob);
	end(root);
	end(set);
}

/* RLIMIT_NICE and RLIMIT_RTPRIO of whoever is to be changed say how far without privileges. */
CHECK(priorities_within_limits)
{
	struct rlimit nice_limit = { 25, 25 }, rt_limit = { 10, 10 };
	pid_t alice = waiter(ALICE, NULL);

	SAME(prlimit(alice, RLIMIT_NICE, &nice_limit, NULL), 0);
	SAME(prlimit(alice, RLIMIT_RTPRIO, &rt_limit, NULL), 0);
	AS(ALICE, {
		SAME(setpriority(PRIO_PROCESS, alice, -5), 0);
		FAILS(setpriority(PRIO_PROCESS, alice, -6), EACCES);
		FAILS(setpriority(PRIO_PROCESS, 0, -1), EACCES);
		SAME(policy_set(alice, SCHED_FIFO, 10), 0);
		FAILS(policy_set(alice, SCHED_FIFO, 11), EPERM);
		FAILS(policy_set(0, SCHED_FIFO, 1), EPERM);
	});
	SAME(policy_set(alice, SCHED_FIFO, 20), 0);
	AS(ALICE, SAME(policy_set(alice, SCHED_FIFO, 20), 0); SAME(policy_set(alice, SCHED_FIFO, 15), 0);
	   FAILS(policy_set(alice, SCHED_FIFO, 16), EPERM));
	end(alice);
}

CHECK(limits_of_others)
{
	pid_t bob = waiter(BOB, NULL), alice = waiter(ALICE, NULL), set = waiter(0, runs_as_root), root = waiter(0, NULL);
	struct rlimit l;

	AS(ALICE, {
		FAILS(prlimit(bob, RLIMIT_NOFILE, NULL, &l), EPERM);
		FAILS(prlimit(root, RLIMIT_NOFILE, NULL, &l), EPERM);
		FAILS(prlimit(set, RLIMIT_NOFILE, NULL, &l), EPERM);
		SAME(prlimit(alice, RLIMIT_NOFILE, NULL, &l), 0);
		l.rlim_cur--;
		FAILS(prlimit(bob, RLIMIT_NOFILE, &l, NULL), EPERM);
		SAME(prlimit(alice, RLIMIT_NOFILE, &l, NULL), 0);
		l.rlim_max++;
		FAILS(prlimit(alice, RLIMIT_NOFILE, &l, NULL), EPERM);
		FAILS(setrlimit(RLIMIT_NOFILE, &l), EPERM);
	});
	end(bob);
	end(alice);
	end(set);
	end(root);
}

/* All ids must be the caller's: a group more is one too many. */
static void other_group(void) { SAME(setresgid(BOB, BOB, BOB), 0); }

/* ---- /proc, memory, descriptors ------------------------------------------------------ */

/* 0: it can be read. What a kernel does not have counts as refused. */
static int look(pid_t pid, const char *name)
{
	char path[64], buf[256];
	ssize_t n;
	int fd, error;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		EXPECT(errno == EACCES || errno == EPERM || errno == ENOENT);
		return errno;
	}
	n = read(fd, buf, sizeof(buf));
	error = n < 0 && errno != EIO && errno != EISDIR ? errno : 0;
	close(fd);
	return error;
}

static int follow(pid_t pid, const char *name)
{
	char path[64], buf[256];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return readlink(path, buf, sizeof(buf)) < 0 ? errno : 0;
}

static const char *const private_files[] = {
	"environ", "auxv", "maps", "smaps", "smaps_rollup", "io", "fd", "fdinfo/0", "task/../maps",
	"mem", "pagemap", "syscall", "stack", "personality", "numa_maps", "map_files", "clear_refs", "timerslack_ns",
};
static const char *const private_links[] = { "exe", "cwd", "root", "fd/0" };
static const char *const public_files[] = { "stat", "statm", "status", "cmdline", "comm", "limits", "mounts", "oom_score", "cgroup" };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char secret[] = "secret";

static int peek(pid_t pid, bool write)
{
	char buf[sizeof(secret)] = "";
	struct iovec ours = { buf, sizeof(buf) }, theirs = { secret, sizeof(secret) };
	ssize_t n = syscall(write ? SYS_process_vm_writev : SYS_process_vm_readv, pid, &ours, 1, &theirs, 1, 0);

	return n == sizeof(secret) ? 0 : errno;
}

static int take(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0), got;

	EXPECT(fd >= 0);
	got = syscall(SYS_pidfd_getfd, fd, 0, 0);
	close(fd);
	if (got < 0)
		return errno;
	close(got);
	return 0;
}

static int robust_list(pid_t pid)
{
	void *head;
	size_t len;

	return syscall(SYS_get_robust_list, pid, &head, &len) ? errno : 0;
}

static void hidden(pid_t pid)
{
	for (size_t i = 0; i < COUNT(private_files); i++)
		if (!look(pid, private_files[i])) {
			printf("  %s is shown\n", private_files[i]);
			EXPECT(!"hidden");
		}
	for (size_t i = 0; i < COUNT(private_links); i++)
		SAME(follow(pid, private_links[i]), EACCES);
	for (size_t i = 0; i < COUNT(public_files); i++)
		SAME(look(pid, public_files[i]), 0);
	SAME(peek(pid, false), EPERM);
	SAME(peek(pid, true), EPERM);
	SAME(take(pid), EPERM);
	SAME(robust_list(pid), EPERM);
}

static void shown(pid_t pid)
{
	for (size_t i = 0; i < 8; i++)
		SAME(look(pid, private_files[i]), 0);
	for (size_t i = 0; i < COUNT(private_links); i++)
		SAME(follow(pid, private_links[i]), 0);
	SAME(peek(pid, false), 0);
	SAME(peek(pid, true), 0);
	SAME(take(pid), 0);
	SAME(robust_list(pid), 0);
}

static void not_dumpable(void) { SAME(prctl(PR_SET_DUMPABLE, 0), 0); }

static unsigned owner_of(pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	SAME(stat(path, &st), 0);
	return st.st_uid;
}

CHECK(what_others_see_of_a_process)
{
	pid_t bob = waiter(BOB, NULL), alice = waiter(ALICE, NULL), root = waiter(0, NULL);
	pid_t quiet = waiter(ALICE, not_dumpable), set = waiter(0, runs_as_root), dropped = waiter(0, real_root);

	AS(ALICE, hidden(bob); hidden(root); hidden(quiet); hidden(set); hidden(dropped); shown(alice));
	SAME(owner_of(alice), ALICE);
	SAME(owner_of(quiet), 0);
	SAME(owner_of(dropped), 0);
	/* Root, all. */
	for (pid_t *p = (pid_t[]){ bob, alice, quiet, set, dropped, 0 }; *p; p++)
		shown(*p);
	for (pid_t *p = (pid_t[]){ bob, alice, quiet, set, dropped, root, 0 }; *p; p++)
		end(*p);
}

static void with_capability(void)
{
	/* Those of a process that has more than the looker. */
	SAME(prctl(PR_SET_KEEPCAPS, 1), 0);
	become(ALICE);
}

CHECK(more_groups_or_capabilities_hide_too)
{
	pid_t group = waiter(0, other_group), capable = waiter(0, with_capability);

	AS(BOB, SAME(take(group), EPERM));
	AS(ALICE, SAME(peek(capable, false), EPERM); SAME(take(capable), EPERM); EXPECT(look(capable, "environ")));
	end(group);
	end(capable);
}

CHECK(names_and_scores_of_others)
{
	pid_t bob = waiter(BOB, NULL), alice = waiter(ALICE, NULL);
	static const char *const files[] = { "comm", "oom_score_adj" };
	char path[64];

	AS(ALICE, {
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", bob, files[i]);
			FAILS(open(path, O_WRONLY), EACCES);
		}
		snprintf(path, sizeof(path), "/proc/%d/comm", alice);
		int fd = open(path, O_WRONLY);
		EXPECT(fd >= 0);
		FAILS(write(fd, "x", 1), EINVAL);
	});
	end(bob);
	end(alice);
}

/* ---- programs with their file's rights ----------------------------------------------------- */

#define PROGRAM "/users-program"
#define SCRIPT "/users-script"

struct ids { unsigned uid[4], gid[4], secure, dumpable, personality; };

/* Executed as one of those this program says who it is, on descriptor 3; with "wait" behind it, and stays. */
__attribute__((constructor(101))) static void say_who_if_executed(void)
{
	const char *as = (char *)getauxval(AT_EXECFN);
	struct ids i;

	if (strcmp(as, PROGRAM) && strcmp(as, SCRIPT))
		return;
	memset(&i, 0, sizeof(i));
	getresuid(&i.uid[0], &i.uid[1], &i.uid[2]);
	getresgid(&i.gid[0], &i.gid[1], &i.gid[2]);
	i.uid[3] = syscall(SYS_setfsuid, -1);
	i.gid[3] = syscall(SYS_setfsgid, -1);
	i.secure = getauxval(AT_SECURE);
	i.dumpable = prctl(PR_GET_DUMPABLE);
	i.personality = personality(0xffffffff);
	if (write(3, &i, sizeof(i)) != sizeof(i))
		_exit(1);
	while (getenv("USERS_WAIT"))
		pause();
	_exit(0);
}

static void program_store(unsigned owner, unsigned group, unsigned mode)
{
	static char piece[65536];
	int from = open("/proc/self/exe", O_RDONLY), to;
	ssize_t n;

	unlink(PROGRAM);
	to = open(PROGRAM, O_WRONLY | O_CREAT, 0700);
	EXPECT(from >= 0 && to >= 0);
	while ((n = read(from, piece, sizeof(piece))) > 0)
		SAME(write(to, piece, n), n);
	SAME(fchown(to, owner, group), 0);
	SAME(fchmod(to, mode), 0);
	close(from);
	close(to);
}

static pid_t program_start(const char *name, unsigned uid, void (*prepare)(void), bool stay, struct ids *i)
{
	char *argv[] = { "program", NULL }, *envp[] = { stay ? "USERS_WAIT=1" : NULL, NULL };
	int p[2];
	pid_t pid;

	SAME(pipe(p), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(CHECK_LIMIT);
		become(uid);
		if (prepare)
			prepare();
		SAME(dup2(p[1], 3), 3);
		execve(name, argv, envp);
		_exit(errno);
	}
	close(p[1]);
	SAME(read(p[0], i, sizeof(*i)), sizeof(*i));
	close(p[0]);
	return pid;
}

static struct ids program_run(const char *name, unsigned uid, void (*prepare)(void))
{
	struct ids i;

	child_ok(program_start(name, uid, prepare, false, &i));
	return i;
}

static void are(struct ids i, unsigned uid, unsigned euid, unsigned gid, unsigned egid, unsigned secure)
{
	SAME(i.uid[0], uid);
	SAME(i.gid[0], gid);
	for (int n = 1; n < 4; n++) {
		SAME(i.uid[n], euid);
		SAME(i.gid[n], egid);
	}
	SAME(i.secure, secure);
	SAME(i.dumpable, !secure);
}

static void no_new_privileges(void) { SAME(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0); }
static void without_randomness(void) { personality(ADDR_NO_RANDOMIZE); }

CHECK(programs_with_their_owners_rights)
{
	program_store(BOB, BOB, 0755);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, ALICE, ALICE, ALICE, 0);
	program_store(BOB, BOB, 04755);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, BOB, ALICE, ALICE, 1);
	are(program_run(PROGRAM, BOB, NULL), BOB, BOB, BOB, BOB, 0);
	are(program_run(PROGRAM, ALICE, no_new_privileges), ALICE, ALICE, ALICE, ALICE, 0);
	program_store(BOB, BOB, 06755);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, BOB, ALICE, BOB, 1);
	program_store(BOB, BOB, 02755);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, ALICE, ALICE, BOB, 1);
	/* Without the group's right to execute it means something else. */
	program_store(BOB, BOB, 02745);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, ALICE, ALICE, ALICE, 0);
	program_store(0, 0, 04755);
	are(program_run(PROGRAM, ALICE, NULL), ALICE, 0, ALICE, ALICE, 1);
	/* What a program could be attacked by is taken away from it. */
	SAME(program_run(PROGRAM, ALICE, without_randomness).personality, 0);
	program_store(0, 0, 0755);
	SAME(program_run(PROGRAM, ALICE, without_randomness).personality, ADDR_NO_RANDOMIZE);
	unlink(PROGRAM);
}

static int shares_fs(void *arg)
{
	(void)arg;
	while (pause() == -1)
		;
	return 0;
}

static char fs_stack[16384];
static pid_t fs_partner;

static void share_fs(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fs_partner = clone(shares_fs, fs_stack + sizeof(fs_stack), CLONE_FS | SIGCHLD, NULL);
	EXPECT(fs_partner > 0);
}

/* Somebody else could change its working directory. */
CHECK(no_rights_where_the_directory_is_shared)
{
	struct ids i;
	pid_t pid;

	SAME(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	program_store(BOB, BOB, 06755);
	SAME(setpgid(0, 0), 0);
	pid = program_start(PROGRAM, ALICE, share_fs, false, &i);
	child_ok(pid);
	SAME(i.uid[1], ALICE);
	SAME(i.gid[1], ALICE);
	signal(SIGTERM, SIG_IGN);
	SAME(kill(0, SIGTERM), 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	unlink(PROGRAM);
}

/* Ids of the file system alone do not outlive an exec. */
static void other_fs_ids(void)
{
	syscall(SYS_setfsuid, 0);
	SAME(setresuid(ALICE, ALICE, BOB), -1);
}

CHECK(file_system_ids_after_an_exec)
{
	struct ids i;
	int p[2];
	pid_t pid;
	char *argv[] = { "program", NULL };

	program_store(0, 0, 0755);
	are(program_run(PROGRAM, ALICE, other_fs_ids), ALICE, ALICE, ALICE, ALICE, 0);
	SAME(pipe(p), 0);
	pid = fork();
	if (!pid) {
		syscall(SYS_setfsuid, ALICE);
		syscall(SYS_setfsgid, ALICE);
		dup2(p[1], 3);
		execve(PROGRAM, argv, argv + 1);
		_exit(1);
	}
	child_ok(pid);
	SAME(read(p[0], &i, sizeof(i)), sizeof(i));
	SAME(i.dumpable, 0);
	i.dumpable = 1;
	are(i, 0, 0, 0, 0, 0);
	unlink(PROGRAM);
}

CHECK(a_program_with_rights_is_not_looked_into)
{
	struct ids i;
	pid_t pid;

	program_store(0, 0, 04755);
	pid = program_start(PROGRAM, ALICE, NULL, true, &i);
	/* Its starter may kill it, and nothing else. */
	AS(ALICE, hidden(pid); SAME(kill(pid, SIGKILL), 0));
	SAME(died_of(pid), SIGKILL);
	/* Nor one that its starter may execute but not read. */
	program_store(0, 0, 0711);
	pid = program_start(PROGRAM, ALICE, NULL, true, &i);
	SAME(i.dumpable, 0);
	AS(ALICE, SAME(peek(pid, false), EPERM); SAME(follow(pid, "exe"), EACCES));
	end(pid);
	unlink(PROGRAM);
}

/* What was opened before does not show what comes afterwards. */
CHECK(files_of_proc_opened_before_an_exec)
{
	static const char *const names[] = { "environ", "maps", "auxv", "smaps" };
	char *argv[] = { "program", NULL }, *envp[] = { "USERS_WAIT=1", "USERS_SECRET=hidden", NULL };
	static char buf[65536];
	int said[2], go[2], fd[COUNT(names)];
	struct ids i;
	pid_t pid;

	program_store(0, 0, 04755);
	SAME(pipe(said), 0);
	SAME(pipe(go), 0);
	become(ALICE);
	pid = fork();
	if (!pid) {
		SAME(read(go[0], buf, 1), 1);
		SAME(dup2(said[1], 3), 3);
		execve(PROGRAM, argv, envp);
		_exit(1);
	}
	for (size_t n = 0; n < COUNT(names); n++) {
		snprintf(buf, sizeof(buf), "/proc/%d/%s", pid, names[n]);
		EXPECT((fd[n] = open(buf, O_RDONLY)) >= 0);
	}
	SAME(write(go[1], "x", 1), 1);
	SAME(read(said[0], &i, sizeof(i)), sizeof(i));
	SAME(i.uid[1], 0);
	for (size_t n = 0; n < COUNT(names); n++) {
		ssize_t got = read(fd[n], buf, sizeof(buf) - 1);

		EXPECT(got <= 0 || (!memmem(buf, got, "USERS_SECRET", 12) && !memmem(buf, got, PROGRAM, strlen(PROGRAM))));
	}
	SAME(kill(pid, SIGKILL), 0);
	SAME(died_of(pid), SIGKILL);
}

CHECK(where_set_ids_mean_nothing)
{
	int fd;

	/* A mount without them. */
	folder("/tmp/nosuid", 0755);
	program_store(BOB, BOB, 06755);
	SAME(mount("/", "/tmp/nosuid", NULL, MS_BIND, NULL), 0);
	SAME(mount(NULL, "/tmp/nosuid", NULL, MS_BIND | MS_REMOUNT | MS_NOSUID, NULL), 0);
	SAME(symlink("/tmp/nosuid/users-program", SCRIPT), 0);
	are(program_run(SCRIPT, ALICE, NULL), ALICE, ALICE, ALICE, ALICE, 0);
	SAME(unlink(SCRIPT), 0);
	SAME(umount("/tmp/nosuid"), 0);
	SAME(rmdir("/tmp/nosuid"), 0);
	/* A script; its interpreter's count. */
	program_store(0, 0, 0755);
	fd = open(SCRIPT, O_WRONLY | O_CREAT, 0700);
	SAME(write(fd, "#!" PROGRAM "\n", strlen(PROGRAM) + 3), strlen(PROGRAM) + 3);
	SAME(fchown(fd, BOB, BOB), 0);
	SAME(fchmod(fd, 06755), 0);
	close(fd);
	are(program_run(SCRIPT, ALICE, NULL), ALICE, ALICE, ALICE, ALICE, 0);
	program_store(BOB, BOB, 04755);
	are(program_run(SCRIPT, ALICE, NULL), ALICE, BOB, ALICE, ALICE, 1);
	unlink(SCRIPT);
	unlink(PROGRAM);
}

/* A change of ids hides a process from its former equals, until it executes a program. */
static void came_down(void)
{
	SAME(setgroups(0, NULL), 0);
	SAME(setresgid(ALICE, ALICE, ALICE), 0);
	SAME(setresuid(ALICE, ALICE, ALICE), 0);
}

CHECK(a_process_that_came_down)
{
	pid_t pid = waiter(0, came_down);

	SAME(owner_of(pid), 0);
	AS(ALICE, SAME(peek(pid, false), EPERM); EXPECT(look(pid, "environ")); SAME(kill(pid, 0), 0));
	end(pid);
}

/* ---- how many processes ------------------------------------------------------------------------ */

/* Past the limit of its new user a process goes on, but executes nothing: setuid itself fails on neither system. */
CHECK(the_limit_of_processes_counts_for_the_real_user)
{
	struct rlimit l = { 2, 2 };
	pid_t one = waiter(ALICE, NULL), two = waiter(ALICE, NULL);

	AS(ALICE, {
		SAME(setrlimit(RLIMIT_NPROC, &l), 0);
		FAILS(fork(), EAGAIN);
	});
	/* Another's processes do not count. */
	AS(BOB, {
		SAME(setrlimit(RLIMIT_NPROC, &l), 0);
		pid_t pid = fork();
		if (!pid)
			_exit(0);
		child_ok(pid);
	});
	end(one);
	end(two);
}
