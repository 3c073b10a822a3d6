/*
 * What travels beside the data of local sockets: descriptors (SCM_RIGHTS) and the sender's identity
 * (SCM_CREDENTIALS). The files are held by the message from sendmsg until a recvmsg makes descriptors of them, or the
 * message is dropped.
 *
 * Local sockets may be on their way through one another, or through themselves, with no descriptor left that could
 * receive them: each is held by a message in the other's queue. unix_rights_collect finds those. A socket all of whose
 * file's references fly is suspect; what a suspect's queue holds is reached by receiving from it only. So who has a
 * reference that is in no suspect's queue is reached from outside, and all that its queue leads to; the rest are
 * dropped. That the answer holds needs what is done under unix_lock: counting what flies, and taking a reference out of
 * a message (unix_rights_give). Nobody else can reach the file of a suspect.
 */
#include <linux/capability.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "mm/slab.h"
#include "net/socket_unix.h"
#include "sched/cred.h"
#include "sched/pid.h"
#include "sched/user.h"

#define FILES_MAX	253		/* SCM_MAX_FD */
#define COLLECT_SHARE	1024u		/* each socket that is closed pays for a look at so many that fly */

/* A thread that closes the files of rights: what it comes upon meanwhile waits here. */
struct closer {
	struct list_node node;		/* [X] */
	struct thread *thread;
	struct list_node rights;	/* [X] */
};

static struct list_node closers = LIST_INIT(closers);	/* [X] */
static struct list_node flying = LIST_INIT(flying);	/* sockets of whose files messages hold references [X] */
static u32 flying_count;		/* [X] */
static u32 closed;			/* sockets, since the collector looked [X] */
/* A socket went into the queue of one that flew itself: without that, nothing goes round. [X]; a glance elsewhere */
static bool nested;

/* ---- descriptors that set out, and end ---- */

static struct unix_socket *local_socket(const struct file *f)
{
	struct socket *s = socket_of(f);

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

/* They belong to no message any more, but to the list `to`. [X] held. */
static void rights_detach(struct unix_rights *r, struct list_node *to)
{
	r->message->rights = NULL;
	list_remove(&r->node);
	list_push_back(to, &r->node);
	for (u32 i = 0; r->sockets && i < r->count; i++) {
		struct unix_socket *u = local_socket(r->files[i]);

		if (u && !--u->flying) {
			list_remove(&u->flying_node);
			flying_count--;
		}
	}
}

/*
 * Close what is in the list. The file may be a socket with rights in its queue, and so on: they are closed one after
 * the other, not one inside the other, however long the chain is.
 */
static void rights_close(struct list_node *rights)
{
	struct closer own = { .thread = current() }, *c;
	struct list_node *n;

	list_init(&own.rights);
	spin_lock(&unix_lock);
	list_for_each(c, &closers, node)
		if (c->thread == own.thread) {
			list_splice_back(&c->rights, rights);
			spin_unlock(&unix_lock);
			return;
		}
	list_push_back(&closers, &own.node);
	list_splice_back(&own.rights, rights);
	while ((n = list_pop_front(&own.rights))) {
		struct unix_rights *r = list_entry(n, struct unix_rights, node);

		spin_unlock(&unix_lock);
		for (u32 i = 0; i < r->count; i++)
			file_put(r->files[i]);
		user_release(r->uid, USER_RIGHTS, r->count);
		kfree(r);
		spin_lock(&unix_lock);
	}
	list_remove(&own.node);
	spin_unlock(&unix_lock);
}

void unix_rights_drop(struct unix_message *x)
{
	struct list_node dropped;

	if (!x->rights)
		return;
	list_init(&dropped);
	spin_lock(&unix_lock);
	rights_detach(x->rights, &dropped);
	spin_unlock(&unix_lock);
	rights_close(&dropped);
}

/* ---- sockets that nobody can reach ---- */

void unix_rights_queued(struct unix_socket *to, struct unix_message *x)
{
	if (!x->rights->sockets)
		return;
	if (to->listener)
		to = to->listener;
	list_push_back(&to->rights, &x->rights->node);
	if (to->flying)
		WRITE_ONCE(nested, true);
}

void unix_rights_accepted(struct unix_socket *u)
{
	struct unix_message *x;

	u->listener = NULL;
	list_for_each(x, &u->queue, node)
		if (x->rights && x->rights->sockets) {
			list_remove(&x->rights->node);
			list_push_back(&u->rights, &x->rights->node);
		}
}

/* The suspects that u's queue leads to: seen once more each; or, as they are reached, suspects no more and in
 * `reached`. */
static void follow(struct unix_socket *u, struct list_node *reached)
{
	struct unix_rights *r;

	list_for_each(r, &u->rights, node)
		for (u32 i = 0; i < r->count; i++) {
			struct unix_socket *to = local_socket(r->files[i]);

			if (!to || !to->suspect)
				continue;
			if (!reached) {
				to->unseen--;
				continue;
			}
			to->suspect = false;
			list_remove(&to->flying_node);
			list_push_back(reached, &to->flying_node);
		}
}

/* Into `lost`: the rights in the queues of sockets that can't be reached. [X] held. */
static void collect(struct list_node *lost)
{
	struct list_node suspects = LIST_INIT(suspects), reached = LIST_INIT(reached);
	struct list_node unreached = LIST_INIT(unreached);
	struct unix_socket *u, *next;
	struct list_node *n;

	nested = false;
	closed = 0;
	list_for_each_safe(u, next, &flying, flying_node) {
		if (!list_empty(&u->rights))
			nested = true;
		u->suspect = atomic_load_relaxed(&u->s.file->refs) == u->flying;
		if (!u->suspect)
			continue;
		u->unseen = u->flying;
		list_remove(&u->flying_node);
		list_push_back(&suspects, &u->flying_node);
	}
	list_for_each(u, &suspects, flying_node)
		follow(u, NULL);
	list_for_each_safe(u, next, &suspects, flying_node)
		if (u->unseen) {
			u->suspect = false;
			list_remove(&u->flying_node);
			list_push_back(&reached, &u->flying_node);
		}
	while ((n = list_pop_front(&reached))) {
		list_push_back(&flying, n);
		follow(list_entry(n, struct unix_socket, flying_node), &reached);
	}
	list_for_each(u, &suspects, flying_node)
		list_splice_back(&unreached, &u->rights);
	list_splice_back(&flying, &suspects);
	while (!list_empty(&unreached))
		rights_detach(list_first(&unreached, struct unix_rights, node), lost);
}

/* now: however many were closed. */
static void collect_maybe(bool now)
{
	struct list_node lost;

	list_init(&lost);
	spin_lock(&unix_lock);
	if (now || ++closed >= flying_count / COLLECT_SHARE)
		collect(&lost);
	spin_unlock(&unix_lock);
	if (!list_empty(&lost))
		rights_close(&lost);
}

void unix_rights_collect(void)
{
	if (unlikely(READ_ONCE(nested)))
		collect_maybe(false);
}

/* ---- with a message ---- */

/* Who may have more descriptors on the way than it may have open (unix(7), ETOOMANYREFS). */
static bool pay(u32 uid, u32 count)
{
	u64 limit = current_capable(CAP_SYS_RESOURCE) || current_capable(CAP_SYS_ADMIN) ? ~0ull : fd_limit() + 1ull;

	if (user_charge(uid, USER_RIGHTS, count, limit))
		return true;
	collect_maybe(true);
	return user_charge(uid, USER_RIGHTS, count, limit);
}

static int files_take(struct unix_message *x, const u8 *data, u32 len)
{
	u32 count = len / 4;
	struct unix_rights *r;

	if (!count)
		return 0;
	if (x->rights || count > FILES_MAX)
		return -EINVAL;
	r = kmalloc(sizeof(*r) + count * sizeof(r->files[0]));
	if (!r)
		return -ENOMEM;
	*r = (struct unix_rights){ .message = x, .uid = current()->cred->uid };
	list_init(&r->node);
	for (; r->count < count; r->count++) {
		u32 fd;

		memcpy(&fd, data + 4 * r->count, 4);
		r->files[r->count] = fd_get(fd);
		if (!r->files[r->count])
			break;
		r->sockets |= local_socket(r->files[r->count]) != NULL;
	}
	if (r->count < count || !pay(r->uid, count)) {
		int err = r->count < count ? -EBADF : -ETOOMANYREFS;

		while (r->count)
			file_put(r->files[--r->count]);
		kfree(r);
		return err;
	}
	x->rights = r;
	if (!r->sockets)
		return 0;
	spin_lock(&unix_lock);
	for (u32 i = 0; i < count; i++) {
		struct unix_socket *u = local_socket(r->files[i]);

		if (u && !u->flying++) {
			list_push_back(&flying, &u->flying_node);
			flying_count++;
		}
	}
	spin_unlock(&unix_lock);
	return 0;
}

/* Another's identity: each part of it may be claimed by who could take it. */
static int cred_take(struct unix_message *x, const u8 *data, u32 len)
{
	const struct cred *own = current()->cred;
	struct abi_ucred c;

	if (len != sizeof(c))
		return -EINVAL;
	memcpy(&c, data, sizeof(c));
	if ((c.pid != pid_current() && !cred_privileged(own)) ||
	    (c.uid != own->uid && c.uid != own->euid && c.uid != own->suid && !cred_capable(own, CAP_SETUID)) ||
	    (c.gid != own->gid && c.gid != own->egid && c.gid != own->sgid && !cred_capable(own, CAP_SETGID)))
		return -EPERM;
	x->cred = (struct unix_cred){ c.pid, c.uid, c.gid };
	return 0;
}

int unix_rights_take(struct unix_message *x, const struct socket_msg *m)
{
	u32 at = 0;
	int err = 0;

	while (!err && m->control_len - at >= sizeof(struct abi_cmsghdr)) {
		struct abi_cmsghdr h;
		const u8 *data = m->control + at + sizeof(h);

		memcpy(&h, m->control + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > m->control_len - at)
			return -EINVAL;
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS)
			err = files_take(x, data, h.len - sizeof(h));
		else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS)
			err = cred_take(x, data, h.len - sizeof(h));
		else if (h.level == SOL_SOCKET)
			err = -EINVAL;
		if (CMSG_ALIGN8(h.len) >= m->control_len - at)
			break;
		at += CMSG_ALIGN8(h.len);
	}
	return err;
}

/* Descriptors for as many files as there is room for; the rest is closed. */
static void files_give(struct unix_message *x, struct socket_msg *m, u32 room, bool peek)
{
	u32 space = m->control && room > m->control_len + sizeof(struct abi_cmsghdr) ?
		(room - m->control_len - sizeof(struct abi_cmsghdr)) / 4 : 0;
	struct unix_rights *r = x->rights;
	s32 fds[FILES_MAX];
	u32 n = 0;

	space = MIN(space, r->count);
	spin_lock(&unix_lock);		/* the collector has counted before, or sees them */
	for (u32 i = 0; i < space; i++)
		file_get(r->files[i]);
	spin_unlock(&unix_lock);
	for (; n < space; n++) {
		fds[n] = fd_install(r->files[n], 0, m->flags & MSG_CMSG_CLOEXEC);
		if (fds[n] < 0)
			break;
	}
	if (n)
		socket_control_put(m, room, SOL_SOCKET, SCM_RIGHTS, fds, 4 * n);
	if (n < r->count)
		m->out_flags |= MSG_CTRUNC;
	for (u32 i = n; i < space; i++)
		file_put(r->files[i]);
	if (!peek)
		unix_rights_drop(x);
}

void unix_rights_give(struct unix_socket *u, struct unix_message *x, struct socket_msg *m, u32 room, bool peek)
{
	if (u->s.passcred && m->control) {
		struct abi_ucred c = { x->cred.pid, x->cred.uid, x->cred.gid };

		socket_control_put(m, room, SOL_SOCKET, SCM_CREDENTIALS, &c, sizeof(c));
	}
	if (x->rights)
		files_give(x, m, room, peek);
}
