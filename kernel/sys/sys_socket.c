/*
 * The socket calls: copy the arguments in once, call the socket's operation, copy the answer out.
 * sendto and recvfrom are what a datagram server lives on: they build their message on the stack and go straight to
 * the family.
 */
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "mm/slab.h"
#include "net/socket_file.h"
#include "sched/wait.h"
#include "sys/sys.h"

#define SEGS_ON_STACK	8
#define CONTROL_ON_STACK 256
#define CONTROL_MAX	20480
#define OPTION_MAX	1024

/* ---- arguments ------------------------------------------------------------ */

/* The socket behind fd; *r is to be returned when it is not NULL. */
static struct socket *socket_borrow(u32 fd, struct fd_ref *r, int *err)
{
	struct socket *s;

	*r = fd_borrow(fd);
	if (unlikely(!r->file)) {
		*err = -EBADF;
		return NULL;
	}
	s = socket_of(r->file);
	if (unlikely(!s)) {
		*err = -ENOTSOCK;
		fd_return(*r);
	}
	return s;
}

static int address_in(u8 *addr, u64 user, u64 len)
{
	if ((s32)len < 0 || len > SOCKADDR_MAX)
		return -EINVAL;
	return len ? copy_from_user(addr, user, len) : 0;
}

/* As accept, recvfrom and the getnames return one: cut to the room that is there, its whole length told. */
static int address_out(u64 user, u64 user_len, const u8 *addr, u32 len)
{
	u32 room;
	int err = get_user_u32(&room, user_len);

	if (err)
		return err;
	if ((s32)room < 0)
		return -EINVAL;
	if (room > len)
		room = len;
	if (room && (err = copy_to_user(user, addr, room)))
		return err;
	return put_user_u32(user_len, len);
}

static u32 nonblock_flag(const struct file *f)
{
	return f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

/* ---- making and naming ---------------------------------------------------- */

SYSCALL(socket)
{
	u32 type = a[1] & SOCK_TYPE_MASK, flags = a[1] & ~SOCK_TYPE_MASK;
	struct socket *s;
	int err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if ((u32)a[2] > 0xffff)
		return -EINVAL;
	err = socket_create(a[0] > 0xffff ? 0xffff : a[0], type, a[2], &s);
	if (err)
		return err;
	return socket_install(s, flags & SOCK_NONBLOCK, flags & SOCK_CLOEXEC);
}

SYSCALL(socketpair)
{
	u32 type = a[1] & SOCK_TYPE_MASK, flags = a[1] & ~SOCK_TYPE_MASK;
	struct socket *pair[2];
	u32 fds[2];
	int err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (a[0] != AF_UNIX)
		return a[0] == AF_INET ? -EOPNOTSUPP : -EAFNOSUPPORT;
	err = unix_socketpair(type, a[2], pair);
	if (err)
		return err;
	fds[0] = err = socket_install(pair[0], flags & SOCK_NONBLOCK, flags & SOCK_CLOEXEC);
	if (err < 0) {
		socket_release(pair[1]);
		return err;
	}
	fds[1] = err = socket_install(pair[1], flags & SOCK_NONBLOCK, flags & SOCK_CLOEXEC);
	if (err < 0)
		goto close_first;
	err = copy_to_user(a[3], fds, sizeof(fds));
	if (!err)
		return 0;
	fd_close(fds[1]);
close_first:
	fd_close(fds[0]);
	return err;
}

SYSCALL(bind)
{
	u8 addr[SOCKADDR_MAX];
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	err = address_in(addr, a[1], a[2]);
	if (!err)
		err = s->ops->bind ? s->ops->bind(s, addr, a[2]) : -EOPNOTSUPP;
	fd_return(r);
	return err;
}

SYSCALL(connect)
{
	u8 addr[SOCKADDR_MAX];
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	err = address_in(addr, a[1], a[2]);
	if (!err)
		err = s->ops->connect ? s->ops->connect(s, addr, a[2], nonblock_flag(r.file)) : -EOPNOTSUPP;
	fd_return(r);
	return err;
}

SYSCALL(listen)
{
	struct fd_ref r;
	int err, backlog = a[1];
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	if ((u32)backlog > SOMAXCONN)
		backlog = SOMAXCONN;
	err = s->ops->listen ? s->ops->listen(s, backlog) : -EOPNOTSUPP;
	fd_return(r);
	return err;
}

static s64 accept_flags(u32 fd, u64 addr_user, u64 len_user, u32 flags)
{
	u8 addr[SOCKADDR_MAX];
	u32 len = sizeof(addr);
	struct socket *made;
	struct file *f;
	struct fd_ref r;
	int err, new_fd;
	struct socket *s;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	s = socket_borrow(fd, &r, &err);
	if (!s)
		return err;
	/* The number first: without one, the connection stays where it is. */
	new_fd = fd_reserve(0, flags & SOCK_CLOEXEC);
	if (new_fd < 0) {
		fd_return(r);
		return new_fd;
	}
	err = s->ops->accept ? s->ops->accept(s, &made, nonblock_flag(r.file)) : -EOPNOTSUPP;
	fd_return(r);
	if (err)
		goto no_fd;
	if (addr_user) {
		/* A peer that is gone again has no name. */
		if (made->ops->getname(made, addr, &len, true))
			len = 0;
	}
	f = socket_file_new(made, flags & SOCK_NONBLOCK);
	err = !f ? file_none() : addr_user ? address_out(addr_user, len_user, addr, len) : 0;
	if (err) {
		if (f)
			file_put(f);
		goto no_fd;
	}
	fd_fill(new_fd, f);
	return new_fd;
no_fd:
	fd_unreserve(new_fd);
	return err;
}

SYSCALL(accept)
{
	return accept_flags(a[0], a[1], a[2], 0);
}

SYSCALL(accept4)
{
	return accept_flags(a[0], a[1], a[2], a[3]);
}

static s64 name_get(const u64 a[6], bool peer)
{
	u8 addr[SOCKADDR_MAX];
	u32 len = sizeof(addr);
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	err = s->ops->getname ? s->ops->getname(s, addr, &len, peer) : -EOPNOTSUPP;
	if (!err)
		err = address_out(a[1], a[2], addr, len);
	fd_return(r);
	return err;
}

SYSCALL(getsockname)
{
	return name_get(a, false);
}

SYSCALL(getpeername)
{
	return name_get(a, true);
}

SYSCALL(shutdown)
{
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	if (a[1] > SHUT_RDWR)
		err = -EINVAL;
	else
		err = s->ops->shutdown ? s->ops->shutdown(s, a[1]) : -EOPNOTSUPP;
	fd_return(r);
	return err;
}

/* ---- options -------------------------------------------------------------- */

SYSCALL(setsockopt)
{
	u8 value[OPTION_MAX];
	u32 len = a[4];
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	if ((s32)len < 0 || len > sizeof(value))
		err = -EINVAL;
	else
		err = len ? copy_from_user(value, a[3], len) : 0;
	if (!err)
		err = socket_option_set(s, a[1], a[2], value, len);
	fd_return(r);
	return err;
}

SYSCALL(getsockopt)
{
	u8 value[OPTION_MAX];
	u32 len;
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);

	if (!s)
		return err;
	err = get_user_u32(&len, a[4]);
	if (!err && (s32)len < 0)
		err = -EINVAL;
	if (err)
		goto out;
	len = MIN(len, (u32)sizeof(value));
	err = socket_option_get(s, a[1], a[2], value, &len);
	if (!err)
		err = copy_to_user(a[3], value, len);
	if (!err)
		err = put_user_u32(a[4], len);
out:
	fd_return(r);
	return err;
}

/* ---- sending and receiving, plain ----------------------------------------- */

SYSCALL(sendto)
{
	u8 addr[SOCKADDR_MAX];
	struct socket_msg m;
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);
	s64 n;

	if (unlikely(!s))
		return err;
	m.name = NULL;
	m.name_len = 0;
	if (a[4]) {
		err = address_in(addr, a[4], (u32)a[5]);
		if (unlikely(err)) {
			n = err;
			goto out;
		}
		m.name = addr;
		m.name_len = a[5];
	}
	uio_user(&m.uio, a[1], MIN(a[2], 0x7ffff000ul));
	m.control = NULL;
	m.control_len = 0;
	m.flags = (u32)a[3] | nonblock_flag(r.file);
	m.out_flags = 0;
	n = likely(s->ops->sendmsg) ? s->ops->sendmsg(s, &m) : -EOPNOTSUPP;
	if (unlikely(n == -EPIPE))
		socket_sent(s, n, a[3]);
out:
	fd_return(r);
	return n;
}

SYSCALL(recvfrom)
{
	u8 addr[SOCKADDR_MAX];
	struct socket_msg m;
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);
	s64 n;

	if (unlikely(!s))
		return err;
	uio_user(&m.uio, a[1], MIN(a[2], 0x7ffff000ul));
	m.name = a[4] ? addr : NULL;
	m.name_len = a[4] ? sizeof(addr) : 0;
	m.control = NULL;
	m.control_len = 0;
	m.flags = (u32)a[3] | nonblock_flag(r.file);
	m.out_flags = 0;
	n = likely(s->ops->recvmsg) ? s->ops->recvmsg(s, &m) : -EOPNOTSUPP;
	if (a[4] && n >= 0) {
		err = address_out(a[4], a[5], addr, m.name_len);
		if (unlikely(err))
			n = err;
	}
	fd_return(r);
	return n;
}

/* ---- sendmsg and recvmsg -------------------------------------------------- */

/* A msghdr's user parts in kernel memory, for the length of a call. */
struct message {
	struct socket_msg m;
	struct abi_msghdr h;
	struct uio_seg segs_stack[SEGS_ON_STACK], *segs;
	u8 control_stack[CONTROL_ON_STACK] aligned(8);
	u8 *control;
	u8 addr[SOCKADDR_MAX];
};

static void message_end(struct message *x)
{
	if (x->segs != x->segs_stack)
		kfree(x->segs);
	if (x->control != x->control_stack)
		kfree(x->control);
}

static int segs_in(struct message *x)
{
	u64 total = 0;
	int err;

	if (x->h.iov_len > UIO_MAXIOV)
		return -EMSGSIZE;
	if (x->h.iov_len > SEGS_ON_STACK) {
		x->segs = kmalloc(x->h.iov_len * sizeof(*x->segs));
		if (!x->segs)
			return -ENOMEM;
	}
	err = copy_from_user(x->segs, x->h.iov, x->h.iov_len * sizeof(*x->segs));
	if (err)
		return err;
	if (!x->h.iov_len)
		x->segs[0] = (struct uio_seg){ 0, 0 };
	for (u64 i = 0; i < x->h.iov_len; i++) {
		if ((s64)x->segs[i].len < 0)
			return -EINVAL;
		x->segs[i].len = MIN(x->segs[i].len, 0x7ffff000 - total);
		total += x->segs[i].len;
	}
	x->m.uio.seg = x->segs;
	x->m.uio.done = 0;
	x->m.uio.left = total;
	x->m.uio.kernel = false;
	return 0;
}

static int control_room(struct message *x, u64 len)
{
	if (len > CONTROL_MAX)
		return -ENOBUFS;
	if (len > CONTROL_ON_STACK) {
		x->control = kmalloc(len);
		if (!x->control) {
			x->control = x->control_stack;
			return -ENOMEM;
		}
	}
	return 0;
}

/* The common part; on failure nothing is held. */
static int message_in(struct message *x, u64 user)
{
	int err;

	x->segs = x->segs_stack;
	x->control = x->control_stack;
	err = copy_from_user(&x->h, user, sizeof(x->h));
	if (!err && (s32)x->h.name_len < 0)
		err = -EINVAL;
	if (!err)
		err = segs_in(x);
	if (err && x->segs != x->segs_stack && x->segs)
		kfree(x->segs);
	return err;
}

static s64 message_send(struct socket *s, const struct file *f, u64 user, u32 flags)
{
	struct message x;
	s64 n;
	int err = flags & MSG_CMSG_COMPAT ? -EINVAL : message_in(&x, user);

	if (err)
		return err;
	x.m.name = NULL;
	x.m.name_len = x.h.name ? MIN(x.h.name_len, (u32)SOCKADDR_MAX) : 0;
	if (x.m.name_len) {
		x.m.name = x.addr;
		err = copy_from_user(x.addr, x.h.name, x.m.name_len);
	}
	if (!err && x.h.control_len) {
		err = control_room(&x, x.h.control_len);
		if (!err)
			err = copy_from_user(x.control, x.h.control, x.h.control_len);
	}
	if (err) {
		message_end(&x);
		return err;
	}
	x.m.control = x.h.control_len ? x.control : NULL;
	x.m.control_len = x.h.control_len;
	x.m.flags = flags | nonblock_flag(f);
	x.m.out_flags = 0;
	n = s->ops->sendmsg ? s->ops->sendmsg(s, &x.m) : -EOPNOTSUPP;
	message_end(&x);
	return socket_sent(s, n, flags);
}

static int received_out(struct message *x, u64 user)
{
	u32 len = x->m.name ? x->m.name_len : 0;
	int err = 0;

	if (x->m.name && len)
		err = copy_to_user(x->h.name, x->addr, MIN(len, x->h.name_len));
	if (!err && x->m.name)
		err = put_user_u32(user + offsetof(struct abi_msghdr, name_len), len);
	if (!err && x->m.control && x->m.control_len)
		err = copy_to_user(x->h.control, x->control, x->m.control_len);
	if (!err)
		err = put_user_u64(user + offsetof(struct abi_msghdr, control_len), x->m.control ? x->m.control_len : 0);
	if (!err)
		err = put_user_u32(user + offsetof(struct abi_msghdr, flags), x->m.out_flags);
	return err;
}

static s64 message_receive(struct socket *s, const struct file *f, u64 user, u32 flags)
{
	struct message x;
	s64 n;
	int err = flags & MSG_CMSG_COMPAT ? -EINVAL : message_in(&x, user);

	if (err)
		return err;
	x.h.control_len = x.h.control ? MIN(x.h.control_len, (u64)CONTROL_MAX) : 0;
	err = control_room(&x, x.h.control_len);
	if (err) {
		message_end(&x);
		return err;
	}
	x.m.name = x.h.name ? x.addr : NULL;
	x.m.name_len = x.h.name ? sizeof(x.addr) : 0;
	x.m.control = x.h.control_len ? x.control : NULL;
	x.m.control_len = x.h.control_len;
	x.m.flags = flags | nonblock_flag(f);
	x.m.out_flags = flags & MSG_CMSG_CLOEXEC;
	n = s->ops->recvmsg ? s->ops->recvmsg(s, &x.m) : -EOPNOTSUPP;
	if (n >= 0) {
		err = received_out(&x, user);
		if (err)
			n = err;
	}
	message_end(&x);
	return n;
}

SYSCALL(sendmsg)
{
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);
	s64 n;

	if (!s)
		return err;
	n = message_send(s, r.file, a[1], a[2]);
	fd_return(r);
	return n;
}

SYSCALL(recvmsg)
{
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);
	s64 n;

	if (!s)
		return err;
	n = message_receive(s, r.file, a[1], a[2]);
	fd_return(r);
	return n;
}

SYSCALL(sendmmsg)
{
	u32 count = MIN(a[2], (u64)UIO_MAXIOV), done;
	struct fd_ref r;
	int err;
	struct socket *s = socket_borrow(a[0], &r, &err);
	s64 n = 0;

	if (!s)
		return err;
	for (done = 0; done < count; done++) {
		u64 user = a[1] + done * sizeof(struct abi_mmsghdr);

		n = message_send(s, r.file, user, a[3]);
		if (n >= 0 && put_user_u32(user + offsetof(struct abi_mmsghdr, len), n))
			n = -EFAULT;
		if (n < 0)
			break;
	}
	fd_return(r);
	return done ? done : n;
}

/* The deadline of recvmmsg's timeout, looked at between messages only, as on Linux. */
static int timeout_in(u64 user, u64 *deadline)
{
	struct __kernel_timespec ts;
	int err;

	*deadline = WAIT_FOREVER;
	if (!user)
		return 0;
	err = copy_from_user(&ts, user, sizeof(ts));
	if (err)
		return err;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec < 1ll << 31)
		*deadline = clock_ns() + ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return 0;
}

SYSCALL(recvmmsg)
{
	u32 count = MIN(a[2], (u64)UIO_MAXIOV), done, flags = a[3];
	struct fd_ref r;
	u64 deadline;
	int err = timeout_in(a[4], &deadline);
	struct socket *s;
	s64 n = 0;

	if (err)
		return err;
	s = socket_borrow(a[0], &r, &err);
	if (!s)
		return err;
	for (done = 0; done < count; done++) {
		u64 user = a[1] + done * sizeof(struct abi_mmsghdr);

		n = message_receive(s, r.file, user, flags & ~MSG_WAITFORONE);
		if (n >= 0 && put_user_u32(user + offsetof(struct abi_mmsghdr, len), n))
			n = -EFAULT;
		if (n < 0)
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline != WAIT_FOREVER && clock_ns() >= deadline) {
			done++;
			break;
		}
	}
	fd_return(r);
	return done ? done : n;
}
