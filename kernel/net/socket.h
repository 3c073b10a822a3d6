/*
 * Sockets: the part all families share. socket.c makes files of them and
 * serves the system calls; each family and type gives socket_ops. Lock keys:
 * [L] the socket's own lock (bh kind), [b] the owner's binding lock.
 */
#pragma once
#include "core/spinlock.h"
#include "mm/uio.h"
#include "net/ip.h"
#include "sched/wait.h"

struct file; struct poll_table; struct socket; struct netif;

/* What poll says of a local or datagram socket that takes more. */
#define SOCKET_WRITABLE (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
/* Addresses travel as kernel copies of Linux's struct sockaddr_storage. */
#define SOCKADDR_MAX 128

struct socket_msg {			/* one sendmsg/recvmsg, kernel side */
	struct uio uio;
	u8 *name; u32 name_len;		/* in: capacity for receive, length for send; out: length. name NULL: not wanted */
	u8 *control; u32 control_len;	/* ancillary data, kernel copy; out: length used */
	u32 flags;			/* MSG_* in; out: MSG_TRUNC, MSG_CTRUNC, MSG_OOB.. in out_flags */
	u32 out_flags;
};

/* All in process context; NULL: -EOPNOTSUPP. `nonblock` is already merged into msg->flags (MSG_DONTWAIT). */
struct socket_ops {
	int (*bind)(struct socket *, const u8 *addr, u32 len);
	int (*connect)(struct socket *, const u8 *addr, u32 len, bool nonblock);
	int (*listen)(struct socket *, int backlog);
	int (*accept)(struct socket *, struct socket **out, bool nonblock);	/* a new socket, not yet a file */
	int (*getname)(struct socket *, u8 *addr, u32 *len, bool peer);
	s64 (*sendmsg)(struct socket *, struct socket_msg *);
	s64 (*recvmsg)(struct socket *, struct socket_msg *);
	u32 (*poll)(struct socket *, struct poll_table *);
	int (*shutdown)(struct socket *, int how);
	/* after the common SOL_SOCKET ones */
	int (*setsockopt)(struct socket *, int level, int name, const u8 *value, u32 len);
	int (*getsockopt)(struct socket *, int level, int name, u8 *value, u32 *len);
	long (*ioctl)(struct socket *, u32 cmd, u64 arg);	/* after the common ones; -ENOTTY */
	void (*release)(struct socket *);	/* the file is gone: detach; frees the socket when it may */
};

struct socket {
	struct spinlock lock;		/* bh kind [L] */
	u16 family, type, protocol;
	const struct socket_ops *ops;
	struct wait_queue wait;		/* readers, writers, pollers: woken with EPOLL* events */
	s32 error;			/* pending SO_ERROR, positive errno [L] */
	bool shut_read, shut_write;	/* [L] */
	u32 rcvbuf, sndbuf;		/* SO_RCVBUF, SO_SNDBUF as getsockopt shows them [L] */
	u32 rcvlowat;
	u64 rcvtimeo, sndtimeo;		/* ns, 0: none [L] */
	bool reuseaddr, reuseport, broadcast, keepalive, dontroute, timestamp, linger_on, passcred;	/* [L] */
	u32 linger_s, priority, mark;
	u32 bound_ifindex;		/* SO_BINDTODEVICE */
	u32 owner_uid;
	struct file *file;		/* back pointer for epoll and fasync; NULL before accept made one */
	u64 ino;			/* /proc/net, fd links: socket:[ino] */
	struct socket_filter *filter;	/* SO_ATTACH_FILTER, or NULL [L] */
	u32 noted;			/* bit n: option n, which is without effect here, is on [L] */
	bool timestamp_ns;		/* SO_TIMESTAMPNS rather than SO_TIMESTAMP [L] */
	bool listening;			/* SO_ACCEPTCONN [L] */
};

/* Take a pending error: -errno or 0. */
int socket_error_take(struct socket *s);
/* Events for the readers/writers: wakes only if somebody waits. Any context but hard irq, lock may be held. */
void socket_wake(struct socket *s, u32 epoll_events);
/* Absolute deadline from a socket timeout: WAIT_FOREVER when none; clock_ns() now when nonblock. */
u64 socket_deadline(u64 timeout_ns);
void socket_init(struct socket *s, u16 family, u16 type, u16 protocol, const struct socket_ops *ops);

/* A family registers how to make a socket of a type and protocol: 0 and *out, or -EPROTONOSUPPORT, -ESOCKTNOSUPPORT,
 * -EPERM, -ENOMEM. */
struct socket_family {
	u16 family;
	int (*create)(u16 type, u16 protocol, struct socket **out);
	struct socket_family *next;
};
void socket_family_register(struct socket_family *f);

/* AF_INET's types register inside inet.c: */
struct inet_type {
	u16 type;
	u16 protocol;			/* 0 in a create matches any */
	int (*create)(u16 protocol, struct socket **out);
	struct inet_type *next;
};
void inet_type_register(struct inet_type *t);

/* Local ports of TCP and UDP: ephemeral choice by RFC 6056 (hash-based), sysctl-like range 32768..60999. */
u16 port_ephemeral_start(be32 local, be32 remote, be16 remote_port);
