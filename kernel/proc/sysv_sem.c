/*
 * Semaphores of System V (semop(2)): sets of them, changed several at once or not at all. Who cannot go on sleeps on
 * the set and tries again whenever it changes.
 *
 * SEM_UNDO: a process's adjustments hang on the set, one record a process (its threads share it); its end applies them.
 */
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/procfs.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/sysv.h"
#include "proc/sysv_ctl.h"

struct undo {
	struct undo *next;
	const struct process *process;
	s16 adjust[];			/* a number each */
};

/* Who waits; on its stack. */
struct sem_sleeper {
	struct sem_sleeper *next;
	const struct sembuf *at;	/* what cannot be done yet */
};

struct sem { s32 value, pid; };

struct sem_set {
	struct sysv_object o;
	u64 operated;			/* seconds [I] */
	struct undo *undos;		/* [I] */
	struct sem_sleeper *sleepers;	/* [I] */
	u32 count;			/* [S] */
	struct sem *sems;		/* [I] */
};

/* In the order of /proc/sys/kernel/sem: of a set, of all, operations in a call, sets. */
static u64 limits[4] = { SEMMSL, SEMMNS, SEMOPM, SEMMNI };
static u64 sems_all;			/* [I] */

static struct sem_set *set_of(struct sysv_object *o)
{
	return container_of(o, struct sem_set, o);
}

u64 sem_ops_max(void)
{
	return limits[2];
}

static int set_create(struct sysv_object *o, u64 size, u32 flags)
{
	struct sem_set *s = set_of(o);

	if (!size || size > limits[0])
		return -EINVAL;
	if (sems_all + size > limits[1])
		return -ENOSPC;
	s->sems = kcalloc(size, sizeof(*s->sems));
	if (!s->sems)
		return -ENOMEM;
	s->count = size;
	sems_all += size;
	return 0;
}

static int set_check(struct sysv_object *o, u64 size)
{
	return size > set_of(o)->count ? -EINVAL : 0;
}

static void set_destroy(struct sysv_object *o)
{
	struct sem_set *s = set_of(o);
	struct undo *u;

	while ((u = s->undos)) {
		s->undos = u->next;
		kfree(u);
	}
	sems_all -= s->count;
	kfree(s->sems);
}

/* ---- operations ---- */

/* The caller's record, made if there is none; NULL: no memory. [I] */
static struct undo *undo_of_caller(struct sem_set *s)
{
	struct process *p = process_current();
	struct undo *u;

	for (u = s->undos; u; u = u->next)
		if (u->process == p)
			return u;
	u = kzalloc(sizeof(*u) + s->count * sizeof(u->adjust[0]));
	if (u) {
		u->process = p;
		u->next = s->undos;
		s->undos = u;
		WRITE_ONCE(p->sem_undos, true);
	}
	return u;
}

/* Take back the first n of them. */
static void operations_undo(struct sem_set *s, const struct sembuf *ops, u32 n, struct undo *u)
{
	while (n--) {
		s->sems[ops[n].sem_num].value -= ops[n].sem_op;
		if (ops[n].sem_flg & SEM_UNDO)
			u->adjust[ops[n].sem_num] += ops[n].sem_op;
	}
}

/* All of them or none. 1: not now, for *blocked is in the way; 0; -EAGAIN, -ERANGE. [I] */
static int operations_try(struct sem_set *s, const struct sembuf *ops, u32 count, struct undo *u,
	const struct sembuf **blocked)
{
	u32 n;
	int err = 0;

	for (n = 0; n < count; n++) {
		const struct sembuf *op = &ops[n];
		s32 value = s->sems[op->sem_num].value;

		if (op->sem_op ? value + op->sem_op < 0 : value != 0) {
			*blocked = op;
			err = op->sem_flg & IPC_NOWAIT ? -EAGAIN : 1;
			break;
		}
		if (value + op->sem_op > SEMVMX) {
			err = -ERANGE;
			break;
		}
		if (op->sem_flg & SEM_UNDO) {
			s32 adjust = u->adjust[op->sem_num] - op->sem_op;

			if (adjust < -SEMAEM - 1 || adjust > SEMAEM) {
				err = -ERANGE;
				break;
			}
			u->adjust[op->sem_num] = adjust;
		}
		s->sems[op->sem_num].value = value + op->sem_op;
	}
	if (err) {
		operations_undo(s, ops, n, u);
		return err;
	}
	for (n = 0; n < count; n++)
		s->sems[ops[n].sem_num].pid = process_current()->pid;
	s->operated = sysv_now();
	return 0;
}

static void sleeper_remove(struct sem_set *s, struct sem_sleeper *me)
{
	struct sem_sleeper **link = &s->sleepers;

	while (*link != me)
		link = &(*link)->next;
	*link = me->next;
}

/* [I], dropped while it sleeps. */
static int operate(struct sem_set *s, const struct sembuf *ops, u32 count, u64 deadline, bool alters, bool undoes)
{
	struct undo *u = undoes ? undo_of_caller(s) : NULL;
	struct sem_sleeper me;
	int err;

	if (undoes && !u)
		return -ENOMEM;
	while ((err = operations_try(s, ops, count, u, &me.at)) > 0) {
		me.next = s->sleepers;
		s->sleepers = &me;
		err = sysv_wait(&s->o, deadline);
		sleeper_remove(s, &me);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err == -ERESTARTSYS ? -EINTR : err;
	}
	if (!err && alters)
		sysv_changed(&s->o);
	return err;
}

s64 sem_operate(s32 id, const struct sembuf *ops, u32 count, u64 deadline)
{
	bool alters = false, undoes = false;
	struct sysv_object *o;
	u32 highest = 0;
	s64 err;

	for (u32 i = 0; i < count; i++) {
		alters |= ops[i].sem_op != 0;
		undoes |= ops[i].sem_flg & SEM_UNDO;
		highest = MAX(highest, (u32)ops[i].sem_num);
	}
	mutex_lock(&sysv_lock);
	o = sysv_find(SYSV_SEM, id, false);
	err = is_err(o) ? ptr_err(o) : 0;
	if (!err && highest >= set_of(o)->count)
		err = -EFBIG;
	if (!err)
		err = sysv_permission(o, alters ? 0222 : 0444);
	if (!err) {
		o->refs++;
		err = operate(set_of(o), ops, count, deadline, alters, undoes);
		sysv_put(o);
	}
	mutex_unlock(&sysv_lock);
	return err;
}

/* ---- the end of a process ---- */

static void undo_apply(struct sysv_object *o, void *process)
{
	struct sem_set *s = set_of(o);
	struct undo **link = &s->undos, *u;

	while (*link && (*link)->process != process)
		link = &(*link)->next;
	u = *link;
	if (!u)
		return;
	*link = u->next;
	for (u32 i = 0; i < s->count; i++) {
		if (!u->adjust[i])
			continue;
		s->sems[i].value = MIN(MAX(s->sems[i].value + u->adjust[i], 0), SEMVMX);
		s->sems[i].pid = ((struct process *)process)->pid;
	}
	s->operated = sysv_now();
	kfree(u);
	sysv_changed(o);
}

void sem_undo_exit(struct process *p)
{
	mutex_lock(&sysv_lock);
	sysv_for_each(SYSV_SEM, undo_apply, p);
	mutex_unlock(&sysv_lock);
}

/* ---- semctl ---- */

/* A value that is set is not what was adjusted. [I] */
static void value_set(struct sem_set *s, u32 number, s32 value)
{
	s->sems[number] = (struct sem){ value, process_current()->pid };
	for (struct undo *u = s->undos; u; u = u->next)
		u->adjust[number] = 0;
}

static s64 value_get(struct sem_set *s, u32 number, u32 cmd)
{
	s64 n = 0;

	if (cmd == GETVAL)
		return s->sems[number].value;
	if (cmd == GETPID)
		return s->sems[number].pid;
	for (struct sem_sleeper *w = s->sleepers; w; w = w->next)
		n += w->at->sem_num == number && (w->at->sem_op == 0) == (cmd == GETZCNT);
	return n;
}

s64 sem_count(s32 id)
{
	struct sysv_object *o;
	s64 n;

	mutex_lock(&sysv_lock);
	o = sysv_find(SYSV_SEM, id, false);
	n = is_err(o) ? ptr_err(o) : set_of(o)->count;
	mutex_unlock(&sysv_lock);
	return n;
}

s64 sem_get_all(s32 id, u16 *values, u32 count)
{
	struct sysv_object *o;
	s64 err;

	mutex_lock(&sysv_lock);
	o = sysv_find_for(SYSV_SEM, id, false, 0444);
	err = is_err(o) ? ptr_err(o) : count != set_of(o)->count ? -EINVAL : 0;
	for (u32 i = 0; !err && i < count; i++)
		values[i] = set_of(o)->sems[i].value;
	mutex_unlock(&sysv_lock);
	return err;
}

s64 sem_set_all(s32 id, const u16 *values, u32 count)
{
	struct sysv_object *o;
	s64 err;

	mutex_lock(&sysv_lock);
	o = sysv_find_for(SYSV_SEM, id, false, 0222);
	err = is_err(o) ? ptr_err(o) : count != set_of(o)->count ? -EINVAL : 0;
	for (u32 i = 0; !err && i < count; i++)
		if (values[i] > SEMVMX)
			err = -ERANGE;
	for (u32 i = 0; !err && i < count; i++)
		value_set(set_of(o), i, values[i]);
	if (!err) {
		o->changed = sysv_now();
		sysv_changed(o);
	}
	mutex_unlock(&sysv_lock);
	return err;
}

/* Of one semaphore. [I] */
static s64 one_ctl(struct sem_set *s, u32 number, u32 cmd, s32 value)
{
	if (number >= s->count)
		return -EINVAL;
	if (cmd != SETVAL)
		return value_get(s, number, cmd);
	if (value < 0 || value > SEMVMX)
		return -ERANGE;
	value_set(s, number, value);
	s->o.changed = sysv_now();
	sysv_changed(&s->o);
	return 0;
}

static s64 set_change(struct sysv_object *o, u32 cmd, const struct semid64_ds *ds)
{
	int err = sysv_ownership(o);

	if (err)
		return err;
	if (cmd == IPC_SET)
		sysv_perm_set(o, &ds->sem_perm);
	else
		sysv_remove(o);
	return 0;
}

s64 sem_ctl(s32 id, u32 number, u32 cmd, s32 value, union sem_ctl_buf *buf)
{
	bool index = cmd == SEM_STAT || cmd == SEM_STAT_ANY;
	struct sysv_object *o;
	s64 r;

	mutex_lock(&sysv_lock);
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		buf->limits = (struct seminfo){
			.semmap = limits[1], .semmni = limits[3], .semmns = limits[1], .semmnu = SEMMNU, .semmsl = limits[0],
			.semopm = limits[2], .semume = SEMUME, .semvmx = SEMVMX,
			.semusz = cmd == SEM_INFO ? sysv_count(SYSV_SEM) : SEMUSZ, .semaem = cmd == SEM_INFO ? sems_all : SEMAEM,
		};
		r = sysv_last_index(SYSV_SEM);
		break;
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		o = sysv_find_for(SYSV_SEM, id, index, cmd == SEM_STAT_ANY ? 0 : 0444);
		r = is_err(o) ? ptr_err(o) : index ? o->id : 0;
		if (!is_err(o))
			buf->ds = (struct semid64_ds){ .sem_perm = o->perm, .sem_otime = set_of(o)->operated,
						       .sem_ctime = o->changed, .sem_nsems = set_of(o)->count };
		break;
	case IPC_SET:
	case IPC_RMID:
		o = sysv_find(SYSV_SEM, id, false);
		r = is_err(o) ? ptr_err(o) : set_change(o, cmd, &buf->ds);
		break;
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL:
		o = sysv_find_for(SYSV_SEM, id, false, cmd == SETVAL ? 0222 : 0444);
		r = is_err(o) ? ptr_err(o) : one_ctl(set_of(o), number, cmd, value);
		break;
	default:
		r = -EINVAL;
	}
	mutex_unlock(&sysv_lock);
	return r;
}

static void set_show(struct text_out *t, struct sysv_object *o)
{
	text_printf(t, "%10u %5u %5u %5u %5u %10llu %10llu\n", set_of(o)->count, o->perm.uid, o->perm.gid, o->perm.cuid,
		    o->perm.cgid, (unsigned long long)set_of(o)->operated, (unsigned long long)o->changed);
}

static int sem_start(void)
{
	static const struct sysv_type type = {
		.create = set_create, .check = set_check, .destroy = set_destroy, .show = set_show,
		.size = sizeof(struct sem_set), .path = "sysvipc/sem", .most = &limits[3],
		.title = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime",
	};
	static const struct sysv_limit sem = { "sys/kernel/sem", limits, INT32_MAX, 4 };

	sysv_register(SYSV_SEM, &type);
	sysv_limits_register(&sem, 1);
	return 0;
}
INIT(sem, INIT_PROC, sem_start);
