/*
 * System V IPC as programs know it (sysvipc(7)): shared memory, semaphores, message queues, their rights and limits, and
 * what /proc says of them. Runs as root. tests/vm/limits_test.py runs it.
 */
#include "counts.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define KEY 0x4477
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
union semun { int val; struct semid_ds *buf; unsigned short *array; };

static void become_user(void)
{
	EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
}

/* The number that /proc says, or sets. */
static unsigned long setting(const char *name, const char *set)
{
	char path[64], buf[64] = "";
	int fd;

	sprintf(path, "/proc/sys/kernel/%s", name);
	fd = open(path, O_RDWR);
	EXPECT(fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0);
	if (set)
		SAME(pwrite(fd, set, strlen(set), 0), strlen(set));
	close(fd);
	return strtoul(buf, NULL, 10);
}

static int lines_with(const char *file, int id)
{
	char line[300];
	FILE *f = fopen(file, "r");
	int n = 0, key, is;

	EXPECT(f && fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f))
		n += sscanf(line, "%d %d", &key, &is) == 2 && is == id;
	fclose(f);
	return n;
}

/* ---- shared memory ---- */

static struct shmid_ds shm_stat(int id)
{
	struct shmid_ds ds;

	SAME(shmctl(id, IPC_STAT, &ds), 0);
	return ds;
}

CHECK(a_segment_is_shared_and_counted)
{
	int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0640);
	char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
	pid_t pid;

	EXPECT(id >= 0 && p != (void *)-1 && q != (void *)-1 && p != q);
	SAME(p[0] | p[11000], 0);
	strcpy(p + 9000, "hello");
	EXPECT(!strcmp(q + 9000, "hello"));
	FAILS(mprotect(q, 4096, PROT_READ | PROT_WRITE), EACCES);
	SAME(shm_stat(id).shm_nattch, 2);
	SAME(shm_stat(id).shm_segsz, 10000);
	SAME(shm_stat(id).shm_cpid, getpid());
	SAME(shm_stat(id).shm_perm.mode, 0640);
	SAME(lines_with("/proc/sysvipc/shm", id), 1);
	pid = fork();
	if (!pid) {
		SAME(shm_stat(id).shm_nattch, 4);
		p[1] = 7;
		SAME(shmdt(q), 0);
		FAILS(shmdt(q), EINVAL);
		FAILS(shmdt(p + 4096), EINVAL);
		SAME(shm_stat(id).shm_nattch, 3);
		_exit(0);
	}
	child_ok(pid);
	SAME(p[1], 7);
	SAME(shm_stat(id).shm_nattch, 2);
	SAME(shm_stat(id).shm_lpid, pid);
	/* A hole in the middle makes two of one, and shmdt takes both. */
	SAME(munmap(p + 4096, 4096), 0);
	SAME(shm_stat(id).shm_nattch, 3);
	SAME(shmdt(p), 0);
	SAME(shm_stat(id).shm_nattch, 1);
	/* What is removed stays for who has it, and goes with the last. */
	SAME(shmctl(id, IPC_RMID, NULL), 0);
	EXPECT(shm_stat(id).shm_perm.mode & 01000);
	p = shmat(id, NULL, 0);
	EXPECT(!strcmp(p + 9000, "hello"));
	SAME(shmdt(q), 0);
	SAME(shmdt(p), 0);
	FAILS(shmat(id, NULL, 0), EINVAL);
	FAILS(shmctl(id, IPC_RMID, NULL), EINVAL);
	SAME(lines_with("/proc/sysvipc/shm", id), 0);
}

CHECK(segments_by_key)
{
	int id = shmget(KEY, 8192, IPC_CREAT | IPC_EXCL | 0600), again;

	EXPECT(id >= 0);
	SAME(shmget(KEY, 8192, 0), id);
	SAME(shmget(KEY, 0, 0), id);
	FAILS(shmget(KEY, 8193, 0), EINVAL);
	FAILS(shmget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	FAILS(shmget(KEY + 1, 1, 0), ENOENT);
	FAILS(shmget(KEY + 1, 0, IPC_CREAT | 0600), EINVAL);
	SAME(shmctl(id, IPC_RMID, NULL), 0);
	FAILS(shmget(KEY, 8192, 0), ENOENT);
	/* The next at its place has another number. */
	again = shmget(KEY, 1, IPC_CREAT | 0600);
	EXPECT(again >= 0 && again != id);
	SAME(shmctl(again, IPC_RMID, NULL), 0);
}

CHECK(places_of_segments)
{
	int id = shmget(IPC_PRIVATE, 8192, 0600);
	char *at = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	FAILS((long)shmat(id, at, 0), EINVAL);			/* something is there */
	FAILS((long)shmat(id, at + 1, SHM_REMAP), EINVAL);
	FAILS((long)shmat(id, NULL, SHM_REMAP), EINVAL);
	p = shmat(id, at + 4100, SHM_REMAP | SHM_RND);
	EXPECT(p == at + 4096);
	p[8191] = 1;
	SAME(munmap(at, 65536), 0);
	SAME(shm_stat(id).shm_nattch, 0);
	EXPECT(shmat(id, at, 0) == at);
	SAME(at[8191], 1);
	/* It goes with the program that is executed, and with the end of it. */
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	child_ok(pid);
	SAME(shm_stat(id).shm_nattch, 1);
	SAME(shmctl(id, IPC_RMID, NULL), 0);
}

CHECK(rights_and_limits_of_segments)
{
	int id = shmget(KEY, 4096, IPC_CREAT | 0604);
	struct shmid_ds ds = shm_stat(id);
	unsigned long most;
	struct shm_info info;
	pid_t pid = fork();

	if (!pid) {
		become_user();
		SAME(shmget(KEY, 4096, 0004), id);
		FAILS(shmget(KEY, 4096, 0600), EACCES);
		FAILS((long)shmat(id, NULL, 0), EACCES);
		EXPECT(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
		FAILS(shmctl(id, IPC_RMID, NULL), EPERM);
		FAILS(shmctl(id, IPC_SET, &ds), EPERM);
		_exit(0);
	}
	child_ok(pid);
	ds.shm_perm.uid = 1000;
	ds.shm_perm.mode = 0660;
	SAME(shmctl(id, IPC_SET, &ds), 0);
	SAME(shmctl(id, SHM_LOCK, NULL), 0);
	EXPECT(shm_stat(id).shm_perm.mode == (0660 | 02000));
	SAME(shmctl(id, SHM_UNLOCK, NULL), 0);
	EXPECT(shmctl(0, SHM_INFO, (void *)&info) >= 0);
	EXPECT(info.used_ids >= 1 && info.shm_tot >= 1);
	pid = fork();
	if (!pid) {
		become_user();
		SAME(shmctl(id, IPC_RMID, NULL), 0);
		_exit(0);
	}
	child_ok(pid);
	most = setting("shmmax", "8192");
	FAILS(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
	char old[32];
	sprintf(old, "%lu", most);
	setting("shmmax", old);
	EXPECT(setting("shmall", NULL) > 1000000);
	most = setting("shmmni", "1");
	id = shmget(IPC_PRIVATE, 4096, 0600);
	FAILS(shmget(IPC_PRIVATE, 4096, 0600), ENOSPC);
	sprintf(old, "%lu", most);
	setting("shmmni", old);
	SAME(shmctl(id, IPC_RMID, NULL), 0);
	FAILS(shmctl(id, 77, NULL), EINVAL);
	FAILS((long)shmat(-1, NULL, 0), EINVAL);
	/* More than there is of all memory is not promised. */
	FAILS(shmget(IPC_PRIVATE, 1ul << 45, 0600), ENOMEM);
}

CHECK(names_of_segments_in_maps)
{
	int id = shmget(KEY, 4096, IPC_CREAT | 0600), found = 0;
	char line[400];
	FILE *f;

	EXPECT(shmat(id, NULL, 0) != (void *)-1);
	f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), f))
		found += strstr(line, "/SYSV00004477 (deleted)") && strstr(line, "rw-s");
	SAME(found, 1);
	SAME(shmctl(id, IPC_RMID, NULL), 0);
}

/* ---- semaphores ---- */

static int op(int id, int number, int by, int flags)
{
	struct sembuf b = { number, by, flags };

	return semop(id, &b, 1);
}

static int value(int id, int number)
{
	return semctl(id, number, GETVAL);
}

CHECK(semaphores_count)
{
	int id = semget(IPC_PRIVATE, 3, 0600);
	unsigned short v[3] = { 4, 5, 6 };
	struct sembuf several[2] = { { 0, -1, 0 }, { 1, -9, IPC_NOWAIT } };
	struct timespec soon = { 0, 20000000 };
	struct semid_ds ds;

	EXPECT(id >= 0);
	SAME(value(id, 0), 0);
	SAME(semctl(id, 0, SETALL, (union semun){ .array = v }), 0);
	SAME(op(id, 1, -2, 0), 0);
	SAME(op(id, 2, 10, 0), 0);
	memset(v, 0, sizeof(v));
	SAME(semctl(id, 0, GETALL, (union semun){ .array = v }), 0);
	EXPECT(v[0] == 4 && v[1] == 3 && v[2] == 16);
	/* All or nothing. */
	FAILS(semop(id, several, 2), EAGAIN);
	SAME(value(id, 0), 4);
	FAILS(semtimedop(id, &(struct sembuf){ 1, -100, 0 }, 1, &soon), EAGAIN);
	FAILS(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
	FAILS(op(id, 3, 1, 0), EFBIG);
	FAILS(op(id, 0, 32767, 0), ERANGE);
	FAILS(semctl(id, 0, SETVAL, (union semun){ .val = 32768 }), ERANGE);
	FAILS(semctl(id, 3, GETVAL), EINVAL);
	FAILS(semop(id, several, 0), EINVAL);
	FAILS(semop(id, several, 501), E2BIG);
	FAILS(semop(id, (void *)nowhere, 1), EFAULT);
	SAME(semctl(id, 1, GETPID), getpid());
	SAME(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }), 0);
	SAME(ds.sem_nsems, 3);
	EXPECT(ds.sem_otime && ds.sem_perm.mode == 0600);
	SAME(lines_with("/proc/sysvipc/sem", id), 1);
	FAILS(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	FAILS(semget(IPC_PRIVATE, 40000, 0600), EINVAL);
	SAME(semctl(id, 0, IPC_RMID), 0);
	FAILS(op(id, 0, 1, 0), EINVAL);
}

static void wait_for(int id, int number, int command, int n)
{
	while (semctl(id, number, command) != n)
		sched_yield();
}

static void taken(int sig __attribute__((unused)))
{
}

CHECK(semaphores_are_waited_for)
{
	int id = semget(IPC_PRIVATE, 2, 0600), status;
	struct sembuf both[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
	struct sigaction a = { .sa_handler = taken, .sa_flags = SA_RESTART };
	pid_t pids[4];

	SAME(sigaction(SIGUSR1, &a, NULL), 0);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		if (i == 0)
			SAME(semop(id, both, 2), 0);
		if (i == 1)
			SAME(op(id, 1, 0, 0), 0);	/* that is none yet */
		if (i == 1)
			SAME(op(id, 0, -5, 0), 0);
		if (i == 2)
			FAILS(op(id, 0, -50, 0), EINTR);	/* never begun again */
		if (i == 3)
			FAILS(op(id, 0, -60, 0), EIDRM);
		_exit(0);
	}
	wait_for(id, 0, GETNCNT, 4);
	SAME(semctl(id, 1, GETNCNT), 0);
	SAME(op(id, 0, 1, 0), 0);
	wait_for(id, 1, GETNCNT, 1);		/* the first of both is there, and not taken */
	SAME(value(id, 0), 1);
	SAME(op(id, 1, 1, 0), 0);
	child_ok(pids[0]);
	SAME(value(id, 0) + value(id, 1), 0);
	SAME(op(id, 0, 5, 0), 0);
	child_ok(pids[1]);
	SAME(kill(pids[2], SIGUSR1), 0);
	child_ok(pids[2]);
	wait_for(id, 0, GETNCNT, 1);
	/* Who waits for none. */
	SAME(op(id, 1, 2, 0), 0);
	pids[0] = fork();
	if (!pids[0]) {
		SAME(op(id, 1, 0, 0), 0);
		_exit(0);
	}
	wait_for(id, 1, GETZCNT, 1);
	SAME(op(id, 1, -2, 0), 0);
	child_ok(pids[0]);
	SAME(semctl(id, 0, IPC_RMID), 0);
	child_ok(pids[3]);
	/* One that is killed as it waits leaves nothing. */
	id = semget(IPC_PRIVATE, 1, 0600);
	pids[0] = fork();
	if (!pids[0]) {
		op(id, 0, -1, 0);
		_exit(0);
	}
	wait_for(id, 0, GETNCNT, 1);
	SAME(kill(pids[0], SIGKILL), 0);
	SAME(waitpid(pids[0], &status, 0), pids[0]);
	SAME(semctl(id, 0, GETNCNT), 0);
	SAME(semctl(id, 0, IPC_RMID), 0);
}

CHECK(an_end_undoes)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	pid_t pid;

	SAME(op(id, 0, 3, 0), 0);
	SAME(op(id, 1, 3, 0), 0);
	for (int killed = 0; killed < 2; killed++) {
		pid = fork();
		if (!pid) {
			SAME(op(id, 0, -2, SEM_UNDO), 0);
			SAME(op(id, 1, 4, SEM_UNDO), 0);
			SAME(value(id, 0), 1);
			if (killed)
				raise(SIGKILL);
			_exit(0);
		}
		SAME(waitpid(pid, NULL, 0), pid);
		SAME(value(id, 0), 3);
		SAME(value(id, 1), 3);
	}
	/* Over an exec it is kept; a child has none of it; setting a value forgets it. */
	pid = fork();
	if (!pid) {
		SAME(op(id, 0, -1, SEM_UNDO), 0);
		SAME(op(id, 1, -1, SEM_UNDO), 0);
		pid = fork();
		if (!pid)
			_exit(0);
		child_ok(pid);
		SAME(value(id, 0), 2);
		SAME(semctl(id, 1, SETVAL, (union semun){ .val = 9 }), 0);
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	child_ok(pid);
	SAME(value(id, 0), 3);
	SAME(value(id, 1), 9);
	/* It wakes who waits. */
	pid = fork();
	if (!pid) {
		SAME(op(id, 0, -3, SEM_UNDO), 0);
		wait_for(id, 0, GETNCNT, 1);
		_exit(0);
	}
	while (value(id, 0))
		sched_yield();
	SAME(op(id, 0, -1, 0), 0);
	child_ok(pid);
	SAME(semctl(id, 0, IPC_RMID), 0);
}

CHECK(rights_of_semaphores)
{
	int id = semget(KEY, 1, IPC_CREAT | 0644);
	unsigned short v;
	pid_t pid = fork();

	if (!pid) {
		become_user();
		SAME(semget(KEY, 1, 0), id);
		FAILS(semget(KEY, 2, 0), EINVAL);
		FAILS(semget(KEY, 1, 0200), EACCES);
		SAME(value(id, 0), 0);
		SAME(op(id, 0, 0, 0), 0);
		FAILS(op(id, 0, 1, 0), EACCES);
		FAILS(semctl(id, 0, SETVAL, (union semun){ .val = 1 }), EACCES);
		FAILS(semctl(id, 0, SETALL, (union semun){ .array = &v }), EACCES);
		FAILS(semctl(id, 0, IPC_RMID), EPERM);
		_exit(0);
	}
	child_ok(pid);
	SAME(semctl(id, 0, IPC_RMID), 0);
	SAME(setting("sem", NULL), 32000);
}

/* ---- message queues ---- */

struct message { long type; char text[64]; };

static int put(int id, long type, const char *text, int flags)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

/* The text of the next message that fits, or "" and errno. */
static const char *get(int id, long type, int flags)
{
	static struct message m;
	int n = msgrcv(id, &m, sizeof(m.text) - 1, type, flags | IPC_NOWAIT);

	m.text[n < 0 ? 0 : n] = 0;
	return m.text;
}
#define GETS(text, ...) do { const char *g_ = get(__VA_ARGS__); if (strcmp(g_, text)) { printf("  got '%s'\n", g_); \
	check_failed(__FILE__, __LINE__, #__VA_ARGS__); } } while (0)

CHECK(messages_by_type)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;
	struct message m;

	EXPECT(id >= 0);
	SAME(put(id, 5, "five", 0), 0);
	SAME(put(id, 3, "three", 0), 0);
	SAME(put(id, 5, "another", 0), 0);
	SAME(put(id, 2, "", 0), 0);
	SAME(put(id, 9, "nine", 0), 0);
	SAME(msgctl(id, IPC_STAT, &ds), 0);
	SAME(ds.msg_qnum, 5);
	SAME(ds.msg_cbytes, 20);
	SAME(ds.msg_lspid, getpid());
	SAME(ds.msg_qbytes, 16384);
	SAME(lines_with("/proc/sysvipc/msg", id), 1);
	GETS("nine", id, 4, MSG_COPY);
	FAILS(msgrcv(id, &m, 64, 0, MSG_COPY), EINVAL);
	FAILS(msgrcv(id, &m, 64, 9, MSG_COPY | IPC_NOWAIT), ENOMSG);
	GETS("three", id, 3, 0);
	GETS("", id, -4, 0);
	GETS("nine", id, 5, MSG_EXCEPT);
	FAILS(msgrcv(id, &m, 3, 0, IPC_NOWAIT), E2BIG);
	SAME(msgrcv(id, &m, 3, 0, MSG_NOERROR), 3);
	EXPECT(m.type == 5 && !memcmp(m.text, "fiv", 3));
	GETS("another", id, 0, 0);
	FAILS(msgrcv(id, &m, 64, 0, IPC_NOWAIT), ENOMSG);
	FAILS(put(id, 0, "x", 0), EINVAL);
	FAILS(msgsnd(id, &m, 8193, 0), EINVAL);
	FAILS(msgsnd(id, (void *)nowhere, 8, 0), EFAULT);
	SAME(put(id, 1, "lost", 0), 0);
	FAILS(syscall(SYS_msgrcv, id, nowhere, 64, 0, 0), EFAULT);
	SAME(msgctl(id, IPC_RMID, NULL), 0);
	FAILS(put(id, 1, "x", 0), EINVAL);
}

static unsigned long count_of(int id)
{
	struct msqid_ds ds;

	SAME(msgctl(id, IPC_STAT, &ds), 0);
	return ds.msg_qnum;
}

CHECK(queues_are_waited_for)
{
	int id = msgget(IPC_PRIVATE, 0600), n = 0;
	struct { long type; char text[1024]; } big = { .type = 1 };
	struct message m;
	pid_t pid = fork();

	if (!pid) {
		SAME(msgrcv(id, &m, 64, 7, 0), 5);
		_exit(0);
	}
	SAME(put(id, 6, "no", 0), 0);
	SAME(put(id, 7, "seven", 0), 0);
	child_ok(pid);
	GETS("no", id, 0, 0);
	while (msgsnd(id, &big, sizeof(big.text), IPC_NOWAIT) == 0)
		n++;
	SAME(errno, EAGAIN);
	SAME(n, 16);
	pid = fork();
	if (!pid) {
		SAME(msgsnd(id, &big, sizeof(big.text), 0), 0);
		FAILS(msgrcv(id, &big, sizeof(big.text), 99, 0), EIDRM);
		_exit(0);
	}
	SAME(msgrcv(id, &big, sizeof(big.text), 0, 0), 1024);
	while (count_of(id) != 16)
		sched_yield();
	wait_asleep(pid);		/* for the type that does not come */
	SAME(msgctl(id, IPC_RMID, NULL), 0);
	child_ok(pid);
	/* Empty messages take room, too. */
	id = msgget(IPC_PRIVATE, 0600);
	for (n = 0; put(id, 1, "", IPC_NOWAIT) == 0; n++)
		;
	SAME(n, 16384);
	SAME(msgctl(id, IPC_RMID, NULL), 0);
}

CHECK(rights_of_queues)
{
	int id = msgget(KEY, IPC_CREAT | 0622);
	struct msqid_ds ds;
	pid_t pid;

	SAME(msgctl(id, IPC_STAT, &ds), 0);
	ds.msg_perm.uid = 1000;
	ds.msg_qbytes = 100000;			/* root's to do */
	SAME(msgctl(id, IPC_SET, &ds), 0);
	pid = fork();
	if (!pid) {
		become_user();
		SAME(put(id, 1, "x", 0), 0);
		ds.msg_qbytes = 100001;
		FAILS(msgctl(id, IPC_SET, &ds), EPERM);
		ds.msg_qbytes = 10;
		SAME(msgctl(id, IPC_SET, &ds), 0);
		FAILS(put(id, 1, "too long for it", IPC_NOWAIT), EAGAIN);
		_exit(0);
	}
	child_ok(pid);
	pid = fork();
	if (!pid) {
		EXPECT(setresgid(1001, 1001, 1001) == 0 && setresuid(1001, 1001, 1001) == 0);
		struct message m;

		FAILS(msgrcv(id, &m, 10, 0, IPC_NOWAIT), EACCES);
		FAILS(msgget(KEY, 0400), EACCES);
		FAILS(msgctl(id, IPC_STAT, &ds), EACCES);
		FAILS(msgctl(id, IPC_RMID, NULL), EPERM);
		_exit(0);
	}
	child_ok(pid);
	SAME(msgctl(id, IPC_RMID, NULL), 0);
	EXPECT(setting("msgmax", NULL) == 8192 && setting("msgmnb", NULL) == 16384);
}

/* ---- attacks ---- */

/* Who has a segment, an undo and a place in a queue of sleepers is killed at any moment. */
static void round_of_ends(int shm, int sem, int msg)
{
	struct message m;
	pid_t pid = fork();

	if (!pid) {
		char *p = shmat(shm, NULL, 0);

		EXPECT(p != (void *)-1);
		p[0] = 1;
		SAME(op(sem, 0, 1, SEM_UNDO), 0);
		op(sem, 1, -1, 0);
		_exit(0);
	}
	wait_for(sem, 1, GETNCNT, 1);
	SAME(value(sem, 0), 1);
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
	SAME(value(sem, 0), 0);
	SAME(shm_stat(shm).shm_nattch, 0);
	pid = fork();
	if (!pid) {
		msgrcv(msg, &m, sizeof(m.text), 1, 0);
		_exit(0);
	}
	SAME(kill(pid, SIGKILL), 0);
	SAME(waitpid(pid, NULL, 0), pid);
}

CHECK(nothing_is_left_of_the_dead)
{
	for (int n = 0; n < 101; n++) {
		int shm = shmget(IPC_PRIVATE, 100000, 0600), sem = semget(IPC_PRIVATE, 50, 0600), msg = msgget(IPC_PRIVATE, 0600);

		EXPECT(shm >= 0 && sem >= 0 && msg >= 0);
		SAME(put(msg, 2, "left behind", 0), 0);
		round_of_ends(shm, sem, msg);
		SAME(shmctl(shm, IPC_RMID, NULL), 0);
		SAME(semctl(sem, 0, IPC_RMID), 0);
		SAME(msgctl(msg, IPC_RMID, NULL), 0);
		if (!n)
			counts_begin();
	}
	counts_same(counts_differ_in_pages);
}

/* A user fills queues until no more is taken; the machine goes on, and it all comes back. */
CHECK(queues_do_not_take_all_memory)
{
	static int ids[32000];
	pid_t pid = fork();
	int n = 0;

	if (!pid) {
		static struct { long type; char text[8192]; } big = { .type = 1 };
		int full = 0;

		become_user();
		while (!full && n < 2000 && (ids[n] = msgget(IPC_PRIVATE, 0600)) >= 0) {
			for (int i = 0; i < 2; i++)
				full |= msgsnd(ids[n], &big, sizeof(big.text), IPC_NOWAIT) < 0;
			n++;
		}
		pid = fork();
		if (!pid)
			_exit(0);
		child_ok(pid);
		while (n--)
			SAME(msgctl(ids[n], IPC_RMID, NULL), 0);
		_exit(0);
	}
	child_ok(pid);
}

/* A user's child that touches so much of it, of which there is not so much: the signal that it dies of. */
static int fill(char *at, size_t size)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		become_user();
		for (size_t i = 0; i < size; i += 4096)
			at[i] = 1;
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

CHECK(what_outlives_a_program_leaves_memory_to_others)
{
	static const char *const names[] = { "/tmp/filled", "/dev/shm/filled" };
	size_t size = 1ul << 30;
	int id;
	char *p;

	if (!counts_exact())
		return;			/* Linux gives the last page away, and ends whom it finds */
	for (int i = 0; i < 2; i++) {
		int fd = open(names[i], O_RDWR | O_CREAT, 0666);

		SAME(ftruncate(fd, size), 0);
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		EXPECT(p != MAP_FAILED);
		SAME(fill(p, size), SIGBUS);
	}
	id = shmget(IPC_PRIVATE, size, 0666 | 010000);
	EXPECT(id >= 0);
	p = shmat(id, NULL, 0);
	SAME(fill(p, size), SIGBUS);
	/* There is room for a program still. */
	p = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SAME(fill(p, 2 << 20), 0);
	SAME(shmctl(id, IPC_RMID, NULL), 0);
	unlink(names[0]);
	unlink(names[1]);
}
