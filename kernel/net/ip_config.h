/*
 * The words of ip= and what came of them (Linux's Documentation/admin-guide/nfs/nfsroot.rst has the syntax).
 */
#pragma once
#include "net/netif.h"

#define IP_CONFIG_DNS 3

struct ip_config {
	be32 address, server, gateway, mask;	/* 0: not given */
	char host[64], device[NETIF_NAME_SIZE], domain[64];
	be32 dns[IP_CONFIG_DNS];
	bool dhcp;				/* else by hand */
	u32 lease_s;				/* of DHCP; ~0: for ever */
	u32 mtu;
};

/* The value of ip=: 0; 1: it says to do nothing; -EINVAL. */
int ip_config_parse(const char *text, struct ip_config *c);
/* Bring the network up as ip= says; waits, bounded, for a link and a lease. Called by main before init is started.
 * 0, or -errno (logged). Process context. */
int ip_config_wait(void);

/* What is in force, for /proc/net/pnp: false when nothing was configured. */
bool ip_config_get(struct ip_config *c);
/* The DHCP client reports a lease, or (address 0) its end. Process context. */
void ip_config_set(struct netif *nif, const struct ip_config *c);

/* dhcp.c: a client for nif in a thread of its own. -ENOMEM. */
int dhcp_start(struct netif *nif, const char *host);
/* The interface goes: if it is the client's, that ends, soon. Process context. */
void dhcp_gone(struct netif *nif);
/* Sleep until it has a lease: 0, -ETIMEDOUT. */
int dhcp_wait(u64 deadline_ns);

/* A reply's options, parsed; dhcp_parse.c. */
struct dhcp_reply {
	u8 type;
	be32 address, mask, gateway, server, next_server, broadcast;
	be32 dns[IP_CONFIG_DNS];
	char domain[64], host[64];
	u32 lease_s, t1_s, t2_s, mtu;
};
/* Of a BOOTP message: false when it is malformed or not for (xid, mac). */
bool dhcp_parse(const u8 *message, u32 len, be32 xid, const u8 mac[ETH_ALEN], struct dhcp_reply *r);
