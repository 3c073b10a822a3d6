/*
 * System V IPC: what programs pass is copied here, and proc/sysv*.c does the work with the copies.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/sysv.h"
#include "proc/sysv_ctl.h"
#include "sys/sys.h"
#include "sys/user_time.h"

#define OPS_FEW	16			/* so many operations need no memory */

/* ---- shared memory ---- */

SYSCALL(shmget)
{
	return sysv_get(SYSV_SHM, a[0], a[1], a[2]);
}

SYSCALL(shmat)
{
	return shm_attach(a[0], a[1], a[2]);
}

SYSCALL(shmdt)
{
	return shm_detach(a[0]);
}

SYSCALL(shmctl)
{
	u32 cmd = a[1];
	union shm_ctl_buf buf;
	s64 r;

	if ((s32)a[0] < 0 || (s32)a[1] < 0)
		return -EINVAL;
	if (cmd == IPC_SET && copy_from_user(&buf.ds, a[2], sizeof(buf.ds)))
		return -EFAULT;
	r = shm_ctl(a[0], cmd, &buf);
	if (r < 0)
		return r;
	switch (cmd) {
	case IPC_INFO:
		return copy_to_user(a[2], &buf.limits, sizeof(buf.limits)) ? -EFAULT : r;
	case SHM_INFO:
		return copy_to_user(a[2], &buf.use, sizeof(buf.use)) ? -EFAULT : r;
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return copy_to_user(a[2], &buf.ds, sizeof(buf.ds)) ? -EFAULT : r;
	}
	return r;
}

/* ---- semaphores ---- */

SYSCALL(semget)
{
	if ((s32)a[1] < 0)
		return -EINVAL;
	return sysv_get(SYSV_SEM, a[0], (u32)a[1], a[2]);
}

static s64 operations(s32 id, u64 user, u64 count, u64 deadline)
{
	struct sembuf few[OPS_FEW], *ops = few;
	s64 r;

	if (!count || id < 0)
		return -EINVAL;
	if (count > sem_ops_max())
		return -E2BIG;
	if (count > OPS_FEW) {
		ops = kcalloc(count, sizeof(*ops));
		if (!ops)
			return -ENOMEM;
	}
	r = copy_from_user(ops, user, count * sizeof(*ops));
	if (!r)
		r = sem_operate(id, ops, count, deadline);
	if (ops != few)
		kfree(ops);
	return r;
}

SYSCALL(semop)
{
	return operations(a[0], a[1], (u32)a[2], WAIT_FOREVER);
}

SYSCALL(semtimedop)
{
	u64 ns;
	int err;

	if (!a[3])
		return operations(a[0], a[1], (u32)a[2], WAIT_FOREVER);
	err = user_timespec_get(&ns, a[3]);
	return err ? err : operations(a[0], a[1], (u32)a[2], deadline_after(ns));
}

static s64 all_values(s32 id, u32 cmd, u64 user)
{
	s64 count = sem_count(id), err;
	u16 *values;

	if (count < 0)
		return count;
	values = kcalloc(count, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (cmd == SETALL) {
		err = copy_from_user(values, user, count * sizeof(*values));
		if (!err)
			err = sem_set_all(id, values, count);
	} else {
		err = sem_get_all(id, values, count);
		if (!err)
			err = copy_to_user(user, values, count * sizeof(*values));
	}
	kfree(values);
	return err;
}

SYSCALL(semctl)
{
	u32 cmd = a[2];
	union sem_ctl_buf buf;
	s64 r;

	if ((s32)a[0] < 0)
		return -EINVAL;
	if (cmd == GETALL || cmd == SETALL)
		return all_values(a[0], cmd, a[3]);
	if (cmd == IPC_SET && copy_from_user(&buf.ds, a[3], sizeof(buf.ds)))
		return -EFAULT;
	r = sem_ctl(a[0], a[1], cmd, a[3], &buf);
	if (r < 0)
		return r;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return copy_to_user(a[3], &buf.limits, sizeof(buf.limits)) ? -EFAULT : r;
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return copy_to_user(a[3], &buf.ds, sizeof(buf.ds)) ? -EFAULT : r;
	}
	return r;
}

/* ---- message queues ---- */

SYSCALL(msgget)
{
	return sysv_get(SYSV_MSG, a[0], 0, a[1]);
}

SYSCALL(msgsnd)
{
	struct sysv_message *m;
	s64 type, r;

	if (copy_from_user(&type, a[1], sizeof(type)))
		return -EFAULT;
	if ((s32)a[0] < 0 || type < 1)
		return -EINVAL;
	m = msg_new(a[2]);
	if (is_err(m))
		return ptr_err(m);
	m->type = type;
	r = copy_from_user(m->text, a[1] + sizeof(type), a[2]);
	if (!r)
		r = msg_send(a[0], m, a[3]);
	if (r)
		msg_free(m);
	return r;
}

SYSCALL(msgrcv)
{
	struct sysv_message *m;
	s64 r;

	if ((s32)a[0] < 0 || (s64)a[2] < 0)
		return -EINVAL;
	m = msg_receive(a[0], a[2], a[3], a[4]);
	if (is_err(m))
		return ptr_err(m);
	r = MIN(a[2], m->size);
	if (copy_to_user(a[1], &m->type, sizeof(m->type)) || copy_to_user(a[1] + sizeof(m->type), m->text, r))
		r = -EFAULT;
	msg_free(m);
	return r;
}

SYSCALL(msgctl)
{
	u32 cmd = a[1];
	union msg_ctl_buf buf;
	s64 r;

	if ((s32)a[0] < 0 || (s32)a[1] < 0)
		return -EINVAL;
	if (cmd == IPC_SET && copy_from_user(&buf.ds, a[2], sizeof(buf.ds)))
		return -EFAULT;
	r = msg_ctl(a[0], cmd, &buf);
	if (r < 0)
		return r;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return copy_to_user(a[2], &buf.limits, sizeof(buf.limits)) ? -EFAULT : r;
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return copy_to_user(a[2], &buf.ds, sizeof(buf.ds)) ? -EFAULT : r;
	}
	return r;
}
