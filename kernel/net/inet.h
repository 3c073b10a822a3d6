/*
 * What the sockets of IPv4 share: addresses and ports, the options of level IP, the cached route. UDP,
 * raw and ping sockets begin with it. Lock keys as in net/socket.h.
 */
#pragma once
#include "net/pkt_uio.h"
#include "net/socket.h"

#define PKT_TRUESIZE	PKT_OBJECT_SIZE	/* what a buffer costs its holder */
#define SOCKET_BUF_DEFAULT (256 * PKT_TRUESIZE)
#define SOCKET_BUF_MIN	(2 * PKT_TRUESIZE)
#define SOCKET_BUF_MAX	(4u << 20)

struct multicast_member {
	struct multicast_member *next;	/* [L] */
	struct netif *netif;		/* referenced */
	be32 group;
};

struct inet_socket {
	struct socket s;		/* first */
	be32 local;			/* bound address, 0: any [L] */
	be32 remote;			/* peer of connect, 0: none [L] */
	be16 local_port, remote_port;	/* [L]; the port also by its table */
	u8 tos, ttl;			/* ttl 0: the default [L] */
	u8 mc_ttl;
	u8 pmtu_discover;		/* IP_PMTUDISC_* [L] */
	bool mc_loop, header_included, recverr, recv_pktinfo, recv_ttl, recv_tos, freebind; /* [L] */
	bool mc_all;			/* groups that others of this host have joined, too [L] */
	u32 mc_ifindex;
	be32 mc_source;
	struct multicast_member *members; /* [L] */

	/* The last route used. [L] */
	struct ip_route route;
	be32 route_destination, route_source;
	u32 route_bound;

	struct pkt_queue rx;		/* [L] */
	struct pkt_queue errors;	/* IP_RECVERR: what went wrong, for MSG_ERRQUEUE [L] */
	u32 rx_charge;			/* truesize in both [L] */
	bool congested;			/* packets were dropped since the queue was full [L] */
	u64 drops;			/* [L] */

	u32 tx_charge;			/* truesize on its way out, + 1 while the socket lives [a] */
	bool tx_waiting;		/* somebody waits for room [a] */
	void (*destroy)(struct inet_socket *); /* the last packet has gone */
};

/* Where a queued packet came in: the interface itself may be gone when it is read. */
static inline void pkt_note_ifindex(struct pkt *p) { p->cb64[0] = p->netif->index; }
static inline u32 pkt_ifindex(const struct pkt *p) { return p->cb64[0]; }

static inline struct inet_socket *inet_of(struct socket *s) { return (struct inet_socket *)s; }

/* Fill in the common part of a new socket. */
void inet_socket_init(struct inet_socket *i, u16 type, u16 protocol, const struct socket_ops *ops,
		      void (*destroy)(struct inet_socket *));
/* Drop what the socket holds (queue, route, groups) and its own share of tx_charge; destroy() runs now or
 * when the last packet has left. The socket is in no table any more. Process context. */
void inet_socket_release(struct inet_socket *i);

/*
 * A route for destination into i->route (or find it there still good); ifindex: by that interface, 0: any. 0; -ENODEV:
 * there is no such interface any more; -ENETUNREACH: nor such a source (as on Linux), or no route. [L] held.
 */
int inet_route(struct inet_socket *i, be32 destination, be32 source, u32 ifindex);
/* The one hot case: the route in the socket serves that destination. [L] held. */
static inline bool inet_route_cached(const struct inet_socket *i, be32 destination, be32 source)
{
	return i->route_destination == destination && i->route_source == source && i->route.netif &&
		i->route_bound == i->s.bound_ifindex && route_valid(&i->route);
}

/* Charge n bytes of truesize for packets on their way out; waits for room unless dontwait. 0, -EAGAIN, -ERESTARTSYS,
 * -EPIPE. nif: whose finished packets may give room, or NULL. Process context. */
int inet_tx_charge(struct inet_socket *i, u32 n, bool dontwait, struct netif *nif);
/* Tie the charge to the packet: its release gives n bytes back. */
void inet_tx_attach(struct inet_socket *i, struct pkt *p, u32 n);
void inet_tx_uncharge(struct inet_socket *i, u32 n);
static inline u32 inet_tx_room(const struct inet_socket *i)
{
	u32 used_ = atomic_load_relaxed(&i->tx_charge) - 1;

	return used_ < i->s.sndbuf ? i->s.sndbuf - used_ : 0;
}

/* Queue a received packet, or drop it when rcvbuf is full: false, and the pkt is still the caller's. [L] held. */
bool inet_rx_queue(struct inet_socket *i, struct pkt *p);
void inet_rx_charge(struct inet_socket *i, s32 change);	/* bytes of truesize that come into rx, or go. [L] */
static inline bool inet_rx_full(const struct inet_socket *i) { return i->rx_charge >= i->s.rcvbuf; }
/* An error was stored in the socket: whoever sleeps on it wakes. */
void inet_wake_error(struct inet_socket *i);

/* socket_inet_errors.c: errors about datagrams sent, and the queue of them that IP_RECVERR asks for (ip(7)). */
struct ip_error;
/* One that is the socket's, about a packet to port; what the program sent is quoted from skip on. Any context but hard
 * irq. */
void inet_error_arrived(struct inet_socket *i, const struct ip_error *e, be16 port, u32 skip);
/* A packet to there is refused here, for it is larger than info. [L] held. */
void inet_error_local(struct inet_socket *i, s32 error, u32 info, be32 to, be16 port);
/* recvmsg with MSG_ERRQUEUE: the first of them, with its control message; -EAGAIN: none. Process context. */
s64 inet_error_recv(struct inet_socket *i, struct socket_msg *m);
void inet_errors_purge(struct inet_socket *i);	/* [L] held */
/* What a filter lets through: 0 nothing. socket_filter.c. [L] held. */
u32 socket_filter_run(const struct socket_filter *f, const struct pkt *p);
/* Note a drop for a full queue: the poll learns that taking more is in vain. [L] held. Softirq. */
void inet_rx_dropped(struct inet_socket *i);
/* The next packet for recvmsg, off the queue (or a reference, for MSG_PEEK): waits as flags and timeouts say.
 * 0 and *out, or -EAGAIN, -ERESTARTSYS.., a pending error. Process context. *out NULL: end (shut down for reading). */
int inet_rx_take(struct inet_socket *i, u32 flags, struct pkt **out);

/* Parse a sockaddr_in: 0, -EINVAL (length), -EAFNOSUPPORT. */
int inet_addr_parse(const u8 *addr, u32 len, be32 *address, be16 *port);
void inet_addr_fill(u8 *addr, u32 *len, be32 address, be16 port);

/* What a control message of a sendmsg asks for. */
struct inet_send_args {
	be32 source;
	u32 ifindex;
	s32 tos, ttl;			/* -1: the socket's */
};
int inet_control_parse(const struct socket_msg *m, struct inet_send_args *a);
/* Ancillary data that the socket's options ask for, about a received packet. */
void inet_control_fill(struct inet_socket *i, const struct pkt *p, struct socket_msg *m);
/* Append one control message; sets MSG_CTRUNC when it does not fit. */
void socket_control_put(struct socket_msg *m, u32 room, int level, int type, const void *data, u32 len);

/* Options of level IP, for every IPv4 socket. */
int inet_setsockopt(struct inet_socket *i, int level, int name, const u8 *value, u32 len);
int inet_getsockopt(struct inet_socket *i, int level, int name, u8 *value, u32 *len);
/* Is what came there for the group for this socket? Which has joined it, or takes all. [L] or the table's lock held. */
bool inet_takes_group(const struct inet_socket *i, be32 group, const struct netif *nif);
u32 inet_poll(struct socket *s, struct poll_table *t);
int inet_shutdown(struct socket *s, int how);
int inet_getname(struct socket *s, u8 *addr, u32 *len, bool peer);
long inet_ioctl(struct socket *s, u32 cmd, u64 arg);
/* An ICMP error for a socket: its errno, and whether it ends what the socket does (fatal). 0: none. */
int icmp_error_errno(u8 type, u8 code, bool *fatal);
/* May this address be bound to? Local, any, broadcast or a group. */
bool inet_bind_allowed(be32 address);
