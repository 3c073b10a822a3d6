/*
 * Between the files of TCP's sockets: socket_tcp.c (life), socket_tcp_io.c (text), socket_tcp_options.c,
 * socket_tcp_proc.c.
 */
#pragma once
#include "net/socket_file.h"
#include "net/tcp/tcp.h"

s64 tcp_sock_sendmsg(struct socket *s, struct socket_msg *m);
s64 tcp_sock_recvmsg(struct socket *s, struct socket_msg *m);
/* What was received and not read goes. [R], or nobody else has the socket. */
void tcp_sock_purge(struct tcp_conn *c);
int tcp_sock_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len);
int tcp_sock_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len);

/* What /proc/net/tcp and ss show of a listener, a connection, a request or a TIME-WAIT. */
struct tcp_line {
	be32 local, remote;
	be16 local_port, remote_port;
	u8 state, timer;		/* TCPS_*; which timer runs, in Linux's numbers */
	u32 tx, rx, retries, uid, refs, backlog;
	u64 when, ino;			/* clock_ns() of the timer's end; ino 0: no file any more */
	const struct tcp_conn *conn;	/* NULL: TIME-WAIT and requests */
};
/* All of them, listeners first; fn does not sleep. */
void tcp_lines(void (*fn)(const struct tcp_line *, void *arg), void *arg);
