/*
 * rtnetlink (rtnetlink(7)) between its files: netlink.c has the sockets and the messages' frame; links, addresses,
 * routes and neighbours have a file each.
 */
#pragma once
#include "net/net.h"
#include "net/socket_abi.h"

/* Messages being made: as many as fit into one packet, which is what one recvmsg gives. */
struct netlink_out {
	struct pkt *pkt;		/* NULL: no memory */
	struct nlmsghdr *open;		/* the message that is being made */
	bool full;			/* the open message did not fit: it is taken back */
	u32 seq, portid;
	u16 flags;			/* for each message: NLM_F_MULTI in a dump */
};

/* Open a message with `size` bytes of zeroed body (ifinfomsg..): the body, or NULL when it does not fit. */
void *netlink_begin(struct netlink_out *o, u16 type, u32 size);
/* An attribute of the open message; nothing happens once it is full. */
void netlink_attr(struct netlink_out *o, u16 type, const void *data, u32 len);
static inline void netlink_attr_u32(struct netlink_out *o, u16 type, u32 v) { netlink_attr(o, type, &v, 4); }
static inline void netlink_attr_u8(struct netlink_out *o, u16 type, u8 v) { netlink_attr(o, type, &v, 1); }
void netlink_attr_string(struct netlink_out *o, u16 type, const char *s);
/* Nested attributes: begin gives a mark for end. */
u32 netlink_nest(struct netlink_out *o, u16 type);
void netlink_nest_end(struct netlink_out *o, u32 mark);
/* Close it: false when it was taken back (full). */
bool netlink_end(struct netlink_out *o);

/* A request: the body behind the header, and its attributes once parsed. */
struct netlink_request {
	const struct nlmsghdr *h;
	const void *body;
	u32 body_len;			/* attributes included */
};
#define NETLINK_ATTRS 64
struct netlink_attrs { const struct nlattr *a[NETLINK_ATTRS]; };
/* Attributes behind a body of `fixed` bytes. -EINVAL: malformed. Unknown ones are passed over. */
int netlink_parse(const struct netlink_request *r, u32 fixed, struct netlink_attrs *t);
/* Values; the getters check the length: 0/NULL when the attribute is absent or too short. */
static inline const void *attr_data(const struct nlattr *a) { return a + 1; }
static inline u32 attr_len(const struct nlattr *a) { return a->nla_len - sizeof(*a); }
bool attr_u32(const struct netlink_attrs *t, u32 type, u32 *v);
/* As a terminated string into buf. */
bool attr_string(const struct netlink_attrs *t, u32 type, char *buf, u32 size);

/* A dump goes on where it stopped when the reader comes back. */
struct netlink_dump {
	u8 family;
	u32 at, at2;			/* the next entry, as the kind counts them */
	u32 filter;			/* ifindex, or 0 */
	u32 table;
};

struct netlink_kind {
	u16 base;			/* RTM_NEW..; GET is +2, SET +3, DEL +1 */
	u32 fixed;			/* bytes of the body */
	int (*set)(const struct netlink_request *r);	/* NEW (and SET); net_config_mutex held */
	int (*del)(const struct netlink_request *r);	/* the same */
	int (*get)(const struct netlink_request *r, struct netlink_out *o);	/* one */
	void (*dump_start)(const struct netlink_request *r, struct netlink_dump *d);
	bool (*dump)(struct netlink_dump *d, struct netlink_out *o);	/* true: all is out */
};
/* Of NETLINK_SOCK_DIAG: who answers; err_ptr: -EINVAL, -ENOENT. */
const struct netlink_kind *netlink_diag_kind(const struct netlink_request *r);
extern const struct netlink_kind netlink_links, netlink_addrs, netlink_routes, netlink_neighs;

void netlink_init(void);
/* To the members of a group: a message that fill makes. Process context. */
void netlink_announce(u32 group, bool (*fill)(struct netlink_out *o, const void *arg), const void *arg);

/* A change of a device, to whoever listens (NETLINK_KOBJECT_UEVENT): "change@/devices/..." and words such as
 * "ACTION=change", each with its NUL, len bytes in all. Process context. */
void netlink_uevent(const char *message, u32 len);

/* IFF_* of an interface, as ioctl and rtnetlink show them. */
u32 netif_iff(const struct netif *nif);
/* Take over IFF_* bits that mask names: up, promiscuous, allmulti. net_config_mutex held. */
int netif_iff_change(struct netif *nif, u32 flags, u32 mask);
