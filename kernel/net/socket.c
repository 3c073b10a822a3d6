/*
 * Sockets: what all families share. Makes files of them, so that read, write, poll and close work; keeps the list of
 * families; wakes sleepers. sys_socket.c calls in for the socket calls proper; each family's operations are called
 * out to.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "core/random.h"
#include "fs/fdtable.h"
#include "mm/slab.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/socket_file.h"
#include "sched/cred.h"
#include "sched/signal.h"
#include <asm/signal.h>

static struct socket_family *families;	/* at boot only */
static u64 last_ino = 4096;		/* [a] */
u32 socket_count;			/* with a file [a] */

void socket_family_register(struct socket_family *f)
{
	f->next = families;
	families = f;
}

void socket_init(struct socket *s, u16 family, u16 type, u16 protocol, const struct socket_ops *ops)
{
	spin_init(&s->lock, "socket");
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->ops = ops;
	wait_queue_init(&s->wait, "socket.wait");
	s->error = 0;
	s->shut_read = s->shut_write = false;
	s->rcvbuf = s->sndbuf = SOCKET_BUF_DEFAULT;
	s->rcvlowat = 1;
	s->rcvtimeo = s->sndtimeo = 0;
	s->owner_uid = current()->cred ? current()->cred->fsuid : 0;
	s->file = NULL;
	s->ino = atomic_add_relaxed(&last_ino, 1);
	s->filter = NULL;
}

int socket_create(u16 family, u16 type, u16 protocol, struct socket **out)
{
	for (const struct socket_family *f = families; f; f = f->next)
		if (f->family == family)
			return f->create(type, protocol, out);
	return -EAFNOSUPPORT;
}

void socket_release(struct socket *s)
{
	s->file = NULL;
	if (s->timestamp)
		atomic_sub(&net_timestamp_users, 1);
	s->timestamp = false;
	s->ops->release(s);
}

struct file *socket_file_new(struct socket *s, u32 flags)
{
	struct file *f = file_new_anonymous(&socket_file_ops, s, O_RDWR | flags);

	if (!f) {
		socket_release(s);
		return NULL;
	}
	f->anon_id = s->ino;
	s->file = f;
	atomic_add_relaxed(&socket_count, 1);
	return f;
}

int socket_install(struct socket *s, u32 flags, bool cloexec)
{
	struct file *f = socket_file_new(s, flags);
	int fd;

	if (!f)
		return file_none();
	fd = fd_install(f, 0, cloexec);
	if (fd < 0)
		file_put(f);		/* its release frees the socket */
	return fd;
}

/* ---- waiting -------------------------------------------------------------- */

int socket_error_take(struct socket *s)
{
	s32 e;

	if (likely(!READ_ONCE(s->error)))
		return 0;
	e = atomic_xchg(&s->error, 0);
	return -e;
}

void socket_wake(struct socket *s, u32 events)
{
	/* Pairs with the waiter's lock in wait_prepare: what was made true before is seen, or the waiter is. */
	atomic_fence();
	if (wait_queue_active(&s->wait))
		wait_wake_events(&s->wait, events, events & (EPOLLERR | EPOLLHUP));
}

u64 socket_deadline(u64 timeout_ns)
{
	return timeout_ns ? clock_ns() + timeout_ns : WAIT_FOREVER;
}

s64 socket_sent(const struct socket *s, s64 n, u32 flags)
{
	if (unlikely(n == -EPIPE) && !(flags & MSG_NOSIGNAL) && s->type == SOCK_STREAM)
		signal_send_self(SIGPIPE);
	return n;
}

/* ---- as files ------------------------------------------------------------- */

/* A message over what is left of u; the uio of a message is its own. */
static void msg_over(struct socket_msg *m, const struct uio *u, const struct file *f)
{
	m->uio.left = u->left;
	m->uio.kernel = u->kernel;
	if (u->left <= u->seg->len - u->done) {
		m->uio.one = (struct uio_seg){ u->seg->base + u->done, u->left };
		m->uio.seg = &m->uio.one;
		m->uio.done = 0;
	} else {
		m->uio.seg = u->seg;
		m->uio.done = u->done;
	}
	m->name = m->control = NULL;
	m->name_len = m->control_len = 0;
	m->flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	m->out_flags = 0;
}

static s64 socket_file_read(struct file *f, struct uio *u, u64 *pos)
{
	struct socket *s = f->priv;
	struct socket_msg m;
	s64 n;

	if (!s->ops->recvmsg)
		return -EOPNOTSUPP;
	msg_over(&m, u, f);
	n = s->ops->recvmsg(s, &m);
	if (n > 0)
		uio_skip(u, MIN((u64)n, (u64)u->left));
	return n;
}

static s64 socket_file_write(struct file *f, struct uio *u, u64 *pos)
{
	struct socket *s = f->priv;
	struct socket_msg m;
	s64 n;

	if (!s->ops->sendmsg)
		return -EOPNOTSUPP;
	msg_over(&m, u, f);
	if (s->type == SOCK_SEQPACKET)
		m.flags |= MSG_EOR;
	n = s->ops->sendmsg(s, &m);
	if (n > 0)
		uio_skip(u, MIN((u64)n, (u64)u->left));
	return socket_sent(s, n, 0);
}

static u32 socket_file_poll(struct file *f, struct poll_table *t)
{
	struct socket *s = f->priv;

	return s->ops->poll(s, t);
}

static long socket_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->priv;
	long err;

	err = s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
	return err == -ENOTTY ? netdev_ioctl(cmd, arg) : err;
}

static void socket_file_release(struct file *f)
{
	atomic_sub(&socket_count, 1);
	socket_release(f->priv);
}

const struct file_ops socket_file_ops = {
	.read = socket_file_read,
	.write = socket_file_write,
	.poll = socket_file_poll,
	.ioctl = socket_file_ioctl,
	.release = socket_file_release,
	.async = true,
	.kind = "socket",
};
