/*
 * Sockets as the system calls see them: made, found behind a file, and their common options.
 */
#pragma once
#include "fs/file.h"
#include "net/socket.h"
#include "net/socket_abi.h"

extern const struct file_ops socket_file_ops;
extern u32 socket_count;		/* sockets with a file, for /proc/net/sockstat [a] */

/* A new socket of a family, no file yet: -EAFNOSUPPORT, and what the family says. */
int socket_create(u16 family, u16 type, u16 protocol, struct socket **out);
/* A file of s (flags: O_NONBLOCK); NULL: no memory, and s is released. */
struct file *socket_file_new(struct socket *s, u32 flags);
/* Make a file of s (flags: O_NONBLOCK) and a descriptor of that: the descriptor, or -errno and s is released. */
int socket_install(struct socket *s, u32 flags, bool cloexec);
/* Not a file any more, or never one. */
void socket_release(struct socket *s);
/* The socket behind a file, NULL: it is something else. */
static inline struct socket *socket_of(const struct file *f)
{
	return likely(f->ops == &socket_file_ops) ? f->priv : NULL;
}

/* Kernel copies of the values; *len in: room, out: used. */
int socket_option_set(struct socket *s, int level, int name, const u8 *value, u32 len);
int socket_option_get(struct socket *s, int level, int name, u8 *value, u32 *len);
/* SIGPIPE where a stream's writer is due one; passes n on. */
s64 socket_sent(const struct socket *s, s64 n, u32 flags);

/* Interface ioctls (SIOCGIF.., routes, ARP), for any socket: -ENOTTY when it is none of them. socket_ioctl.c. */
long netdev_ioctl(u32 cmd, u64 arg);

/* socket_filter.c: classic BPF (SO_ATTACH_FILTER). The user's sock_fprog: 0, -EINVAL, -EFAULT, -ENOMEM,
 * -ENOPROTOOPT. */
struct socket_filter;
int socket_filter_attach(struct socket *s, const u8 *value, u32 len);
int socket_filter_detach(struct socket *s);
void socket_filter_free(struct socket_filter *f);
/* How many bytes of the packet (from data) the filter lets through: 0 none. [L] held. */
u32 socket_filter_run(const struct socket_filter *f, const struct pkt *p);

/* A pair that is connected (AF_UNIX). */
int unix_socketpair(u16 type, u16 protocol, struct socket *pair[2]);
