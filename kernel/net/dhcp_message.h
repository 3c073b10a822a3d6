/*
 * The message of BOOTP and DHCP (RFC 951, RFC 2131) and the options used here (RFC 2132).
 */
#pragma once
#include "net/netif.h"

struct dhcp_message {
	u8 op, hardware_type, hardware_len, hops;
	be32 xid;
	be16 seconds, flags;
	be32 client_address, your_address, server_address, relay_address;
	u8 client_mac[16], server_name[64], file[128];
	be32 cookie;
} packed;
_Static_assert(sizeof(struct dhcp_message) == 240, "RFC 2131, figure 1");

#define DHCP_COOKIE 0x63825363u

enum { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE };
enum {
	DHCP_OPT_PAD = 0, DHCP_OPT_MASK = 1, DHCP_OPT_ROUTER = 3, DHCP_OPT_DNS = 6, DHCP_OPT_HOST = 12,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_MTU = 26, DHCP_OPT_BROADCAST = 28, DHCP_OPT_REQUESTED = 50, DHCP_OPT_LEASE = 51, DHCP_OPT_OVERLOAD = 52,
	DHCP_OPT_TYPE = 53, DHCP_OPT_SERVER = 54, DHCP_OPT_PARAMETERS = 55, DHCP_OPT_MAX_SIZE = 57, DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59, DHCP_OPT_CLIENT_ID = 61, DHCP_OPT_END = 255,
};
