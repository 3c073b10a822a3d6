/*
 * Message queues of System V (msgop(2)). A message is copied in once and out once; senders and receivers sleep on the
 * queue until it changes. All messages together may take an eighth of memory.
 */
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/procfs.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/sysv.h"
#include "proc/sysv_ctl.h"

struct queue {
	struct sysv_object o;
	struct sysv_message *first;	/* [I] */
	u64 bytes, count, bytes_most;	/* [I] */
	u64 sent, received;		/* seconds [I] */
	s32 sender, receiver;		/* processes [I] */
};

static u64 size_most = MSGMAX, queue_bytes = MSGMNB, queues_most = MSGMNI;
static u64 bytes_all, count_all;	/* [I] */

static struct queue *queue_of(struct sysv_object *o)
{
	return container_of(o, struct queue, o);
}

static int queue_create(struct sysv_object *o, u64 size, u32 flags)
{
	queue_of(o)->bytes_most = queue_bytes;
	return 0;
}

static int queue_check(struct sysv_object *o, u64 size)
{
	return 0;
}

static void queue_destroy(struct sysv_object *o)
{
	struct queue *q = queue_of(o);
	struct sysv_message *m;

	bytes_all -= q->bytes;
	count_all -= q->count;
	while ((m = q->first)) {
		q->first = m->next;
		kfree(m);
	}
}

struct sysv_message *msg_new(u64 size)
{
	struct sysv_message *m = size > size_most ? NULL : kmalloc(sizeof(*m) + size);

	if (!m)
		return err_ptr(size > size_most ? -EINVAL : -ENOMEM);
	m->next = NULL;
	m->size = size;
	return m;
}

void msg_free(struct sysv_message *m)
{
	kfree(m);
}

static bool memory_is_short(u64 size)
{
	struct page_counts c;

	page_counts_get(&c);
	return bytes_all + size > c.managed * PAGE_SIZE / 8;
}

/* [I], dropped while it sleeps. */
static int send(struct queue *q, struct sysv_message *m, u32 flags)
{
	struct sysv_message **link;
	int err;

	while (q->bytes + m->size > q->bytes_most || q->count + 1 > q->bytes_most) {
		err = flags & IPC_NOWAIT ? -EAGAIN : sysv_wait(&q->o, WAIT_FOREVER);
		if (!err)
			err = sysv_permission(&q->o, 0222);
		if (err)
			return err == -ERESTARTSYS ? -ERESTARTNOHAND : err;
	}
	if (memory_is_short(m->size))
		return -ENOMEM;
	for (link = &q->first; *link; link = &(*link)->next)
		;
	*link = m;
	q->bytes += m->size;
	q->count++;
	bytes_all += m->size;
	count_all++;
	q->sent = sysv_now();
	q->sender = process_current()->pid;
	sysv_changed(&q->o);
	return 0;
}

s64 msg_send(s32 id, struct sysv_message *m, u32 flags)
{
	struct sysv_object *o;
	s64 err;

	mutex_lock(&sysv_lock);
	o = sysv_find_for(SYSV_MSG, id, false, 0222);
	err = is_err(o) ? ptr_err(o) : 0;
	if (!err) {
		o->refs++;
		err = send(queue_of(o), m, flags);
		sysv_put(o);
	}
	mutex_unlock(&sysv_lock);
	return err;
}

/* Where the message that is asked for is linked, or NULL. */
static struct sysv_message **wanted_find(struct queue *q, s64 type, u32 flags)
{
	struct sysv_message **best = NULL;
	s64 n = type;

	for (struct sysv_message **m = &q->first; *m; m = &(*m)->next) {
		s64 is = (*m)->type;

		if (flags & MSG_COPY ? !n-- : !type || (type > 0 && (is == type) == !(flags & MSG_EXCEPT)))
			return m;
		if (!(flags & MSG_COPY) && type < 0 && (u64)is <= -(u64)type && (!best || is < (*best)->type))
			best = m;
	}
	return best;
}

static struct sysv_message *message_copy(const struct sysv_message *m)
{
	struct sysv_message *copy = kmalloc(sizeof(*m) + m->size);

	if (!copy)
		return err_ptr(-ENOMEM);
	memcpy(copy, m, sizeof(*m) + m->size);
	return copy;
}

/* [I], dropped while it sleeps. */
static struct sysv_message *receive(struct queue *q, u64 size, s64 type, u32 flags)
{
	struct sysv_message **link, *m;
	int err;

	while (!(link = wanted_find(q, type, flags))) {
		err = flags & IPC_NOWAIT ? -ENOMSG : sysv_wait(&q->o, WAIT_FOREVER);
		if (!err)
			err = sysv_permission(&q->o, 0444);
		if (err)
			return err_ptr(err == -ERESTARTSYS ? -ERESTARTNOHAND : err);
	}
	m = *link;
	if (m->size > size && !(flags & MSG_NOERROR))
		return err_ptr(-E2BIG);
	if (flags & MSG_COPY)
		return message_copy(m);
	*link = m->next;
	q->bytes -= m->size;
	q->count--;
	bytes_all -= m->size;
	count_all--;
	q->received = sysv_now();
	q->receiver = process_current()->pid;
	sysv_changed(&q->o);
	return m;
}

struct sysv_message *msg_receive(s32 id, u64 size, s64 type, u32 flags)
{
	struct sysv_message *m;
	struct sysv_object *o;

	if (flags & MSG_COPY && (!(flags & IPC_NOWAIT) || flags & MSG_EXCEPT || type < 0))
		return err_ptr(type < 0 && flags & IPC_NOWAIT && !(flags & MSG_EXCEPT) ? -ENOMSG : -EINVAL);
	mutex_lock(&sysv_lock);
	o = sysv_find_for(SYSV_MSG, id, false, 0444);
	m = is_err(o) ? err_ptr(ptr_err(o)) : NULL;
	if (!m) {
		o->refs++;
		m = receive(queue_of(o), size, type, flags);
		sysv_put(o);
	}
	mutex_unlock(&sysv_lock);
	return m;
}

static s64 queue_change(struct queue *q, u32 cmd, const struct msqid64_ds *ds)
{
	int err = sysv_ownership(&q->o);

	if (err)
		return err;
	if (cmd == IPC_RMID) {
		sysv_remove(&q->o);
		return 0;
	}
	if (ds->msg_qbytes > queue_bytes && !current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	q->bytes_most = ds->msg_qbytes;
	sysv_perm_set(&q->o, &ds->msg_perm);
	sysv_changed(&q->o);
	return 0;
}

s64 msg_ctl(s32 id, u32 cmd, union msg_ctl_buf *buf)
{
	bool index = cmd == MSG_STAT || cmd == MSG_STAT_ANY;
	struct sysv_object *o;
	struct queue *q;
	s64 r;

	mutex_lock(&sysv_lock);
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		buf->limits = (struct msginfo){
			.msgpool = cmd == MSG_INFO ? sysv_count(SYSV_MSG) : MSGPOOL, .msgmap = cmd == MSG_INFO ? count_all : MSGMAP,
			.msgmax = size_most, .msgmnb = queue_bytes, .msgmni = queues_most, .msgssz = MSGSSZ,
			.msgtql = cmd == MSG_INFO ? bytes_all : MSGTQL, .msgseg = MSGSEG,
		};
		r = sysv_last_index(SYSV_MSG);
		break;
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		o = sysv_find_for(SYSV_MSG, id, index, cmd == MSG_STAT_ANY ? 0 : 0444);
		r = is_err(o) ? ptr_err(o) : index ? o->id : 0;
		if (is_err(o))
			break;
		q = queue_of(o);
		buf->ds = (struct msqid64_ds){
			.msg_perm = o->perm, .msg_stime = q->sent, .msg_rtime = q->received, .msg_ctime = o->changed,
			.msg_cbytes = q->bytes, .msg_qnum = q->count, .msg_qbytes = q->bytes_most, .msg_lspid = q->sender,
			.msg_lrpid = q->receiver,
		};
		break;
	case IPC_SET:
	case IPC_RMID:
		o = sysv_find(SYSV_MSG, id, false);
		r = is_err(o) ? ptr_err(o) : queue_change(queue_of(o), cmd, &buf->ds);
		break;
	default:
		r = -EINVAL;
	}
	mutex_unlock(&sysv_lock);
	return r;
}

static void queue_show(struct text_out *t, struct sysv_object *o)
{
	const struct queue *q = queue_of(o);

#define LL(x) ((unsigned long long)(x))
	text_printf(t, " %10llu %10llu %5d %5d %5u %5u %5u %5u %10llu %10llu %10llu\n", LL(q->bytes), LL(q->count),
		    q->sender, q->receiver, o->perm.uid, o->perm.gid, o->perm.cuid, o->perm.cgid, LL(q->sent), LL(q->received),
		    LL(o->changed));
#undef LL
}

static int msg_start(void)
{
	static const struct sysv_type type = {
		.create = queue_create, .check = queue_check, .destroy = queue_destroy, .show = queue_show,
		.size = sizeof(struct queue), .path = "sysvipc/msg", .most = &queues_most,
		.title = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      "
			"stime      rtime      ctime",
	};
	static const struct sysv_limit limits[] = {
		{ "sys/kernel/msgmax", &size_most, INT32_MAX, 1 }, { "sys/kernel/msgmnb", &queue_bytes, INT32_MAX, 1 },
		{ "sys/kernel/msgmni", &queues_most, 32768, 1 },
	};

	sysv_register(SYSV_MSG, &type);
	sysv_limits_register(limits, ARRAY_SIZE(limits));
	return 0;
}
INIT(msg, INIT_PROC, msg_start);
