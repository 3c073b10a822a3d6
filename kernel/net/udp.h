/*
 * UDP (RFC 768; RFC 1122, 4.1): the table of bound sockets, between udp.c (input) and socket_udp.c (what programs
 * call).
 *
 * Lock keys: [U] the lock of the port's bucket (bh kind; before the socket's own), and those of net/socket.h;
 * [K] the socket's cork, a mutex, before all of them.
 */
#pragma once
#include "net/inet.h"
#include "sched/mutex.h"

struct udp_header {
	be16 source, destination, length, checksum;
} packed aligned(2);

struct udp_socket {
	struct inet_socket i;		/* first; its addresses and ports are changed under [U] and [L] */
	struct udp_socket *next;	/* bucket [U] */
	bool bound;			/* in the table [U] */

	/* UDP_CORK, MSG_MORE: a datagram that is put together of several sends; kept by corks alone. */
	bool corked;			/* the option is on [K] */
	bool corks;			/* either: sending goes by [K] from now on; torn by nothing */
	struct mutex cork;		/* [K] "udp.cork" */
	struct udp_cork *pending;	/* what there is of one; NULL: nothing [K] */
};

#define UDP_BUCKETS 256
struct udp_bucket {
	struct spinlock lock;
	struct udp_socket *first;
};
extern struct udp_bucket udp_table[UDP_BUCKETS];

static inline struct udp_bucket *udp_bucket(be16 port) { return &udp_table[(port >> 8 ^ port) & (UDP_BUCKETS - 1)]; }

/* Into the table at that port, 0: an ephemeral one; local address with it. -EADDRINUSE. Process context. */
int udp_bind(struct udp_socket *u, be32 local, be16 port);
void udp_unbind(struct udp_socket *u);
/* Change the peer (and the local address, if it is not fixed). */
void udp_set_peer(struct udp_socket *u, be32 local, be32 remote, be16 remote_port);
void udp_init(void);
void socket_udp_init(void);
/* Every bound socket, under its bucket's lock: no sleep. */
void udp_for_each(void (*fn)(struct udp_socket *u, void *arg), void *arg);
