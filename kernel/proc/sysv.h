/*
 * System V IPC (sysvipc(7)): shared memory, semaphores, message queues. sysv.c has what the three share: keys,
 * numbers, rights, limits, /proc/sysvipc. sys/sys_sysv.c calls with kernel copies of everything.
 *
 * Lock keys: [I] sysv_lock, a mutex. It is taken inside a space's lock (a mapping that comes or goes is counted), so
 * user memory is not touched under it. [S] set before it is shared.
 */
#pragma once
#include <asm/ipcbuf.h>
#include <linux/ipc.h>
#include "sched/mutex.h"

struct text_out; struct file; struct process; struct sembuf; struct vm_region;

extern struct mutex sysv_lock;

enum sysv_kind { SYSV_SHM, SYSV_SEM, SYSV_MSG, SYSV_KINDS };

struct sysv_object {
	u32 refs;			/* the table's, and of who sleeps or maps [I] */
	enum sysv_kind kind;		/* [S] */
	s32 id;				/* [S] */
	bool gone;			/* IPC_RMID: in the table no more [I]; read by sleepers */
	struct ipc64_perm perm;		/* with the key [I] */
	u64 changed;			/* seconds: made, or changed by a ctl call [I] */
	struct wait_queue wait;		/* for its state to change */
	u64 changes;			/* what sleepers look at [a] */
};

/* What a kind is made of. All under [I]. */
struct sysv_type {
	/* Fill in and count what a new one needs: 0, or -errno. size, flags: as the get call gave them. NULL: no such
	 * size */
	int (*create)(struct sysv_object *o, u64 size, u32 flags);
	int (*check)(struct sysv_object *o, u64 size);	/* of one that is there already: 0, -EINVAL */
	void (*destroy)(struct sysv_object *o);		/* nobody has it any more: all but the structure itself */
	void (*show)(struct text_out *t, struct sysv_object *o);	/* its line in /proc/sysvipc behind key, id and mode */
	size_t size;			/* of the structure that begins with a sysv_object */
	const char *path, *title;
	u64 *most;			/* how many there may be */
};
void sysv_register(enum sysv_kind kind, const struct sysv_type *type);

/* shmget and the like. The id, or -errno. Process context. */
s64 sysv_get(enum sysv_kind kind, s32 key, u64 size, u32 flags);
/* All from here on: [I] held. The object by its id, or with `index` by its place: -EINVAL, -EIDRM as err_ptr. Not
 * referenced. */
struct sysv_object *sysv_find(enum sysv_kind kind, s32 id, bool index);
/* May the caller do this (bits of a mode, 0444 and 0222)? 0, -EACCES. */
int sysv_permission(const struct sysv_object *o, u32 mode);
/* The same, after finding it; mode 0: whoever asks. */
struct sysv_object *sysv_find_for(enum sysv_kind kind, s32 id, bool index, u32 mode);
/* May the caller change or remove it? 0, -EPERM. */
int sysv_ownership(const struct sysv_object *o);
void sysv_perm_set(struct sysv_object *o, const struct ipc64_perm *p);	/* IPC_SET */
/* IPC_RMID: out of the table; who sleeps wakes to -EIDRM. */
void sysv_remove(struct sysv_object *o);
void sysv_put(struct sysv_object *o);
/* Its state is another: whoever sleeps on it looks again. */
void sysv_changed(struct sysv_object *o);
/*
 * Sleep until sysv_changed or a removal; [I] is dropped meanwhile. The object is referenced by the caller. 0, -EIDRM,
 * -ERESTARTSYS, -ETIMEDOUT.
 */
int sysv_wait(struct sysv_object *o, u64 deadline);
s32 sysv_last_index(enum sysv_kind kind);	/* the highest in use, for IPC_INFO; 0: none */
u32 sysv_count(enum sysv_kind kind);
void sysv_for_each(enum sysv_kind kind, void (*fn)(struct sysv_object *o, void *arg), void *arg);
u64 sysv_now(void);				/* seconds since 1970 */
struct sysv_limit { const char *path; u64 *values, max; u32 count; };
void sysv_limits_register(const struct sysv_limit *l, u32 n);	/* /proc/sys/kernel; kept for good */

/* ---- shared memory: sysv_shm.c ---- */
extern const struct file_ops shm_file_ops;	/* what a mapping of a segment holds */
void shm_mapped(struct file *f);		/* a region more, a region fewer. A space's lock may be held */
void shm_unmapped(struct file *f);
/* The address, or -errno. Process context, no lock held; so are the others. */
s64 shm_attach(s32 id, u64 address, u32 flags);
int shm_detach(u64 address);
union shm_ctl_buf;
s64 shm_ctl(s32 id, u32 cmd, union shm_ctl_buf *buf);

/* ---- semaphores: sysv_sem.c ---- */
/* deadline: clock_ns(), or WAIT_FOREVER. -EAGAIN, -EINTR, -EIDRM, -EFBIG, -ERANGE, -EACCES. */
s64 sem_operate(s32 id, const struct sembuf *ops, u32 count, u64 deadline);
u64 sem_ops_max(void);
s64 sem_count(s32 id);				/* how many are in the set */
/* GETALL and SETALL, of as many as that. */
s64 sem_get_all(s32 id, u16 *values, u32 count);
s64 sem_set_all(s32 id, const u16 *values, u32 count);
union sem_ctl_buf;
s64 sem_ctl(s32 id, u32 number, u32 cmd, s32 value, union sem_ctl_buf *buf);
void sem_undo_exit(struct process *p);		/* its last thread ends, and it has undos */

/* ---- message queues: sysv_msg.c ---- */
struct sysv_message;
struct sysv_message *msg_new(u64 size);		/* err_ptr(-EINVAL: beyond msgmax; -ENOMEM); then the text is put in */
void msg_free(struct sysv_message *m);
struct sysv_message { struct sysv_message *next; s64 type; u64 size; u8 text[]; };
s64 msg_send(s32 id, struct sysv_message *m, u32 flags);	/* takes m over if it gives 0 */
/* The message, the caller's to free (a copy with MSG_COPY); err_ptr. */
struct sysv_message *msg_receive(s32 id, u64 size, s64 type, u32 flags);
union msg_ctl_buf;
s64 msg_ctl(s32 id, u32 cmd, union msg_ctl_buf *buf);
