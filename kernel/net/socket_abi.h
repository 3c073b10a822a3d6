/*
 * Linux's socket numbers and structures that its UAPI headers leave to the C library: families,
 * types, message flags, msghdr and cmsghdr. The rest comes from the headers included here. Only for
 * the files that speak to programs (net/socket*, net/netlink*, sys/).
 */
#pragma once
#include "base/defs.h"

/* Our short words for attributes are in these headers' way. */
#pragma push_macro("packed")
#pragma push_macro("aligned")
#pragma push_macro("section")
#undef packed
#undef aligned
#undef section
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/socket.h>
#include <asm/sockios.h>
#include <linux/eventpoll.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/rtnetlink.h>
#include <linux/route.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/un.h>
#pragma pop_macro("packed")
#pragma pop_macro("aligned")
#pragma pop_macro("section")

#define AF_UNSPEC	0
#define AF_UNIX		1
#define AF_INET		2
#define AF_INET6	10
#define AF_NETLINK	16
#define AF_PACKET	17

#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define SOCK_RAW	3
#define SOCK_SEQPACKET	5
#define SOCK_PACKET	10
#define SOCK_TYPE_MASK	0xf
#define SOCK_CLOEXEC	O_CLOEXEC
#define SOCK_NONBLOCK	O_NONBLOCK

#define SHUT_RD		0
#define SHUT_WR		1
#define SHUT_RDWR	2

#define SOL_IP		0
#define SOL_TCP		6
#define SOL_UDP		17
#define SOL_RAW		255
#define SOL_PACKET	263
#define SOL_NETLINK	270

#define MSG_OOB		0x1
#define MSG_PEEK	0x2
#define MSG_DONTROUTE	0x4
#define MSG_CTRUNC	0x8
#define MSG_PROBE	0x10
#define MSG_TRUNC	0x20
#define MSG_DONTWAIT	0x40
#define MSG_EOR		0x80
#define MSG_WAITALL	0x100
#define MSG_CONFIRM	0x800
#define MSG_ERRQUEUE	0x2000
#define MSG_NOSIGNAL	0x4000
#define MSG_MORE	0x8000
#define MSG_WAITFORONE	0x10000
#define MSG_FASTOPEN	0x20000000
#define MSG_CMSG_CLOEXEC 0x40000000
#define MSG_CMSG_COMPAT	0x80000000u	/* the kernel's own */

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS	2

#define SOMAXCONN	4096

struct abi_msghdr {
	u64 name;
	u32 name_len, pad1;
	u64 iov, iov_len;
	u64 control, control_len;
	u32 flags, pad2;
};

struct abi_mmsghdr {
	struct abi_msghdr msg;
	u32 len, pad;
};

struct abi_cmsghdr {
	u64 len;			/* header and data */
	s32 level, type;
};
#define CMSG_ALIGN8(n)	(((n) + 7) & ~7ul)

struct abi_ucred {
	s32 pid;
	u32 uid, gid;
};

struct abi_linger {
	s32 on, seconds;
};

struct abi_timeval {
	s64 sec, usec;
};
