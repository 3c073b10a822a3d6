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
	struct file **files;		/* descriptors on their way, referenced; NULL: none */
	u32 file_count;
	u32 len, start;			/* bytes; start: read already [X] */
	u8 data[];
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
	u32 pending_count, backlog;	/* [X] */
	struct unix_cred peer_id;	/* SO_PEERCRED [X] */
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

/* Take descriptors and credentials out of a sendmsg's control: 0, -EINVAL, -EBADF, -EPERM, -ENOMEM. */
int unix_rights_take(struct unix_message *x, const struct socket_msg *m);
/* Hand them to the receiver as control messages; peek: they stay as well. */
void unix_rights_give(struct unix_socket *u, struct unix_message *x, struct socket_msg *m, u32 room, bool peek);
void unix_rights_drop(struct unix_message *x);

/* Every local socket, under the lock: no sleep. */
void unix_for_each(void (*fn)(struct unix_socket *u, void *arg), void *arg);
