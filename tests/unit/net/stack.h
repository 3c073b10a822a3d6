/*
 * The whole stack but TCP over one Ethernet card of the test's own: what it sends is kept, what it receives the
 * test makes. Shared by the suites of net/; a suite adds `sources: tests/unit/net/stack.c` and the files of its choice.
 */
#pragma once
#include "host.h"
#include "base/cksum.h"
#include "net/ether.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/route.h"
#include "net/udp.h"
#include "net/socket_file.h"
#include "core/clock.h"

#define OUR_IP	htonl(0x0a000001)	/* 10.0.0.1/24 */
#define PEER_IP	htonl(0x0a000002)
#define OTHER_IP htonl(0x0a000003)
#define FAR_IP	htonl(0xc6336401)	/* 198.51.100.1, by way of the gateway 10.0.0.254 */
#define GATEWAY_IP htonl(0x0a0000fe)
extern const u8 our_mac[6], peer_mac[6];

extern struct netif nic;
extern int nic_result;			/* what the card's xmit says: 0, -ENOBUFS.. */
extern u32 nic_reclaims;

struct frame { u32 len; u8 data[2048]; };
extern struct frame sent[512];		/* what the card was given */
extern u32 sent_count;			/* may exceed the array: then the last are lost */

/* Once a program: everything up, the address set, the peers' link addresses known. */
void stack_start(void);
/* Forget what was sent. */
void sent_clear(void);
/* The card received this frame. Runs what follows from it. */
void card_receives(const void *frame, u32 len);
/* The same from an idle hook, after which the machine goes on by itself. */
void card_receives_only(const void *frame, u32 len);

/* Frames. Each returns the length; checksums are right. */
u32 frame_ip(u8 *f, be32 from, be32 to, u8 protocol, u16 fragment, u16 id, const void *payload, u32 len);
u32 frame_udp(u8 *f, be32 from, be32 to, u16 from_port, u16 to_port, const void *payload, u32 len);
u32 frame_echo(u8 *f, be32 from, be32 to, u16 id, u16 sequence, const void *payload, u32 len);
u32 frame_arp(u8 *f, u16 operation, const u8 *from_mac, be32 from, const u8 *to_mac, be32 to, const u8 *link_to);
/* Of a sent or made frame. */
static inline struct ip_header *frame_ip_header(const void *f) { return (struct ip_header *)((u8 *)f + 14); }
static inline void *frame_payload(const void *f) { return (u8 *)f + 34; }
u16 frame_type(const struct frame *f);
/* Are the IP header's checksum, and that of the UDP or ICMP behind it, right? */
bool frame_sums_right(const struct frame *f);

/* A UDP socket, bound (port 0: not). NULL never. */
struct socket *udp_new(be32 local, u16 port);
int udp_connect_to(struct socket *s, be32 to, u16 port);
s64 udp_send_to(struct socket *s, be32 to, u16 port, const void *data, u32 len);
/* One datagram without waiting: length or -errno; from may be NULL. */
s64 udp_receive(struct socket *s, void *data, u32 size, be32 *from, u16 *from_port);
