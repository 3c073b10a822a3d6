/*
 * Local sockets between their files: socket_unix.c (connections and data), socket_unix_name.c (addresses),
 * socket_unix_rights.c (descriptors and credentials). Lock key: [X] unix_lock, thread kind.
 */
#pragma once
#include "fs/vnode.h"
#include "net/inet.h"
#include "net/socket_file.h"

struct unix_cred { s32 pid; u32 uid, gid; };

struct unix_message {
	struct list_node node;		/* the receiver's queue [X] */
	struct unix_socket *from;	/* the sender, if it has a name; referenced */
	struct unix_cred cred;
	struct unix_rights *rights;	/* descriptors on their way; NULL: none */
	u32 len, start;			/* bytes; start: read already [X] */
	u8 data[];
};

/* The descriptors that a message carries. */
struct unix_rights {
	struct list_node node;		/* the rights of the socket whose reader gets them, if sockets are among them [X] */
	struct unix_message *message;	/* whose they are [X] */
	u32 uid;			/* the user who pays for them */
	bool sockets;			/* local ones are among them */
	u32 count;
	struct file *files[];		/* referenced */
};

struct unix_socket {
	struct socket s;		/* first */
	struct list_node node;		/* all local sockets [X] */
	u32 refs;			/* [a] the file's is one, the peer's another, each sender's message's */
	u8 *name;			/* path with its NUL, or an abstract name; NULL: none [X]; set once */
	u32 name_len;
	struct vnode *vnode;		/* what the path names; referenced */
	bool inherited;			/* the name is the listener's: not found by it */
	struct unix_socket *peer;	/* referenced [X] */
	bool connected;			/* was, at least [X] */
	bool hung_up;			/* the peer closed [X] */
	bool closed;			/* our own file is gone [X] */
	struct list_node queue;		/* received messages [X] */
	u32 queued;			/* what they cost [X] */
	u32 readable;			/* their bytes [X] */
	struct wait_queue room_wait;	/* senders that wait for room in our queue */
	struct mutex read_mutex;	/* readers don't interleave */
	struct list_node pending;	/* of a listener: made, not accepted [X] */
	struct list_node pending_node;
	struct unix_socket *listener;	/* in whose pending list it is [X] */
	u32 pending_count, backlog;	/* [X] */
	struct unix_cred peer_id;	/* SO_PEERCRED [X] */
	struct list_node rights;	/* those whose message waits here, or with one that is pending here [X] */
	u32 flying;			/* messages that carry its file [X] */
	u32 unseen;			/* the collector's */
	bool suspect;			/* the collector's */
	struct list_node flying_node;	/* those that fly; then a list of the collector's [X] */
};

extern struct spinlock unix_lock;
extern struct list_node unix_sockets;	/* [X] */

static inline struct unix_socket *unix_of(struct socket *s) { return (struct unix_socket *)s; }
void unix_put(struct unix_socket *u);
void unix_self(struct unix_cred *c);

int unix_bind(struct socket *s, const u8 *addr, u32 len);
int unix_autobind(struct unix_socket *u);
/* The bound socket that an address means; referenced, or err_ptr. */
struct unix_socket *unix_target(const u8 *addr, u32 len);
/* u NULL: no name. */
void unix_address_fill(const struct unix_socket *u, u8 *addr, u32 *len);

/* Take descriptors and credentials out of a sendmsg's control: 0, -EINVAL, -EBADF, -EPERM, -ETOOMANYREFS, -ENOMEM. */
int unix_rights_take(struct unix_message *x, const struct socket_msg *m);
/* Hand them to the receiver as control messages; peek: they stay as well. */
void unix_rights_give(struct unix_socket *u, struct unix_message *x, struct socket_msg *m, u32 room, bool peek);
void unix_rights_drop(struct unix_message *x);
/* x is in the queue of `to` now. [X] held. */
void unix_rights_queued(struct unix_socket *to, struct unix_message *x);
/* u is pending no more, but accepted: what waits in its queue waits for its own reader. [X] held. */
void unix_rights_accepted(struct unix_socket *u);
/* A socket is closed: end those that nobody can reach any more, if there may be any. */
void unix_rights_collect(void);

/* Every local socket, under the lock: no sleep. */
void unix_for_each(void (*fn)(struct unix_socket *u, void *arg), void *arg);
