/*
 * The options of level SOL_SOCKET, which mean the same for every family; others are passed to the socket's own
 * operations, and so are those of this level once they are noted, in case the protocol acts on them. sys_socket.c
 * calls it with kernel copies of the values.
 */
#include <linux/capability.h>
#include "base/errno.h"
#include "base/string.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/socket_file.h"
#include "sched/cred.h"

static int value_int(const u8 *value, u32 len, s32 *v)
{
	if (len < sizeof(*v))
		return -EINVAL;
	memcpy(v, value, sizeof(*v));
	return 0;
}

/* As Linux has it: twice what is asked for, for the packets' own overhead, within limits. */
static u32 buffer_size(s32 asked, bool forced)
{
	u32 v = asked < 0 ? 0 : (u32)asked;

	if (v > SOCKET_BUF_MAX / 2 && !forced)
		v = SOCKET_BUF_MAX / 2;
	if (v > 0x20000000)
		v = 0x20000000;
	return MAX(2 * v, (u32)SOCKET_BUF_MIN);
}

static int timeout_set(u64 *timeout, const u8 *value, u32 len)
{
	struct abi_timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0)
		*timeout = 1;		/* Linux: not to wait at all */
	else if (tv.sec > 1ll << 31)
		*timeout = 0;
	else
		*timeout = tv.sec * NSEC_PER_SEC + tv.usec * NSEC_PER_USEC;
	return 0;
}

static int device_bind(struct socket *s, const u8 *value, u32 len)
{
	char name[NETIF_NAME_SIZE] = { 0 };
	struct netif *nif;

	if (s->bound_ifindex && !cred_capable(current()->cred, CAP_NET_RAW))
		return -EPERM;
	memcpy(name, value, MIN(len, (u32)sizeof(name) - 1));
	if (!name[0]) {
		s->bound_ifindex = 0;
		return 0;
	}
	nif = netif_find_name(name);
	if (!nif)
		return -ENODEV;
	s->bound_ifindex = nif->index;
	netif_put(nif);
	return 0;
}

static void timestamp_set(struct socket *s, bool on, bool ns)
{
	if (on != s->timestamp)
		atomic_add(&net_timestamp_users, on ? 1 : -1u);
	s->timestamp = on;
	s->timestamp_ns = ns;
}

static int linger_set(struct socket *s, const u8 *value, u32 len)
{
	struct abi_linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, value, sizeof(l));
	s->linger_on = l.on;
	if (l.on)
		s->linger_s = l.seconds < 0 ? 0 : l.seconds;
	return 0;
}

/* The ones that are no plain integer. 1: not one of these. */
static int option_set_special(struct socket *s, int name, const u8 *value, u32 len)
{
	switch (name) {
	case SO_LINGER:
		return linger_set(s, value, len);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return timeout_set(&s->rcvtimeo, value, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return timeout_set(&s->sndtimeo, value, len);
	case SO_BINDTODEVICE:
		return device_bind(s, value, len);
	case SO_ATTACH_FILTER:
		return socket_filter_attach(s, value, len);
	case SO_DETACH_FILTER:
		return socket_filter_detach(s);
	}
	return 1;
}

static int option_set_int(struct socket *s, int name, s32 v)
{
	bool on = v, root = cred_capable(current()->cred, CAP_NET_ADMIN);
	bool raw = root || cred_capable(current()->cred, CAP_NET_RAW);
	struct netif *nif;

	switch (name) {
	case SO_REUSEADDR:
		s->reuseaddr = on;
		return 0;
	case SO_REUSEPORT:
		s->reuseport = on;
		return 0;
	case SO_KEEPALIVE:
		s->keepalive = on;
		return 0;
	case SO_BROADCAST:
		s->broadcast = on;
		return 0;
	case SO_DONTROUTE:
		s->dontroute = on;
		return 0;
	case SO_PASSCRED:
		s->passcred = on;
		return 0;
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_OLD:
	case SO_TIMESTAMPNS_NEW:
		timestamp_set(s, on, name == SO_TIMESTAMPNS_OLD || name == SO_TIMESTAMPNS_NEW);
		return 0;
	case SO_RCVBUFFORCE:
	case SO_SNDBUFFORCE:
		if (!root)
			return -EPERM;
		if (name == SO_RCVBUFFORCE)
			s->rcvbuf = buffer_size(v, true);
		else
			s->sndbuf = buffer_size(v, true);
		return 0;
	case SO_RCVBUF:
		s->rcvbuf = buffer_size(v, false);
		return 0;
	case SO_SNDBUF:
		s->sndbuf = buffer_size(v, false);
		return 0;
	case SO_RCVLOWAT:
		s->rcvlowat = v < 0 ? 0x7fffffff : v ? v : 1;
		return 0;
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !raw)
			return -EPERM;
		s->priority = v;
		return 0;
	case SO_MARK:
		if (!raw)
			return -EPERM;
		s->mark = v;
		return 0;
	case SO_BINDTOIFINDEX:
		nif = v ? netif_find_index(v) : NULL;
		if (v && !nif)
			return -ENODEV;
		if (nif)
			netif_put(nif);
		s->bound_ifindex = v;
		return 0;
	case SO_OOBINLINE:	/* urgent data always is */
	case SO_DEBUG:
	case SO_NO_CHECK:
		if (on && name == SO_DEBUG && !root)
			return -EACCES;
		s->noted = (s->noted & ~(1u << name)) | (u32)on << name;
		return 0;
	case SO_RXQ_OVFL:
		return on ? -ENOPROTOOPT : 0;
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_SNDLOWAT:
		return -ENOPROTOOPT;
	}
	return 1;
}

static int socket_level_set(struct socket *s, int name, const u8 *value, u32 len)
{
	int err = option_set_special(s, name, value, len);
	s32 v;

	if (err <= 0)
		return err;
	err = value_int(value, len, &v);
	if (err)
		return err;
	spin_lock_bh(&s->lock);
	err = option_set_int(s, name, v);
	spin_unlock_bh(&s->lock);
	return err;
}

int socket_option_set(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	int err, own;

	if (level != SOL_SOCKET)
		return s->ops->setsockopt ? s->ops->setsockopt(s, level, name, value, len) : -ENOPROTOOPT;
	err = socket_level_set(s, name, value, len);
	if (err < 0)
		return err;
	own = s->ops->setsockopt ? s->ops->setsockopt(s, level, name, value, len) : -ENOPROTOOPT;
	return err ? own : own == -ENOPROTOOPT || own == -EOPNOTSUPP ? 0 : own;
}

/* ---- reading -------------------------------------------------------------- */

static int give(u8 *value, u32 *len, const void *from, u32 n)
{
	*len = MIN(*len, n);
	memcpy(value, from, *len);
	return 0;
}

static int give_timeout(u8 *value, u32 *len, u64 ns)
{
	struct abi_timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC };

	return give(value, len, &tv, sizeof(tv));
}

/* 1: not one of these. */
static int option_get_int(struct socket *s, int name, s32 *v)
{
	switch (name) {
	case SO_REUSEADDR:	*v = s->reuseaddr; return 0;
	case SO_REUSEPORT:	*v = s->reuseport; return 0;
	case SO_KEEPALIVE:	*v = s->keepalive; return 0;
	case SO_BROADCAST:	*v = s->broadcast; return 0;
	case SO_DONTROUTE:	*v = s->dontroute; return 0;
	case SO_PASSCRED:	*v = s->passcred; return 0;
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMP_NEW:	*v = s->timestamp && !s->timestamp_ns; return 0;
	case SO_TIMESTAMPNS_OLD:
	case SO_TIMESTAMPNS_NEW: *v = s->timestamp && s->timestamp_ns; return 0;
	case SO_RCVBUF:		*v = s->rcvbuf; return 0;
	case SO_SNDBUF:		*v = s->sndbuf; return 0;
	case SO_RCVLOWAT:	*v = s->rcvlowat; return 0;
	case SO_SNDLOWAT:	*v = 1; return 0;
	case SO_PRIORITY:	*v = s->priority; return 0;
	case SO_MARK:		*v = s->mark; return 0;
	case SO_TYPE:		*v = s->type; return 0;
	case SO_PROTOCOL:	*v = s->protocol; return 0;
	case SO_DOMAIN:		*v = s->family; return 0;
	case SO_ERROR:		*v = -socket_error_take(s); return 0;
	case SO_ACCEPTCONN:	*v = s->listening; return 0;
	case SO_BINDTOIFINDEX:	*v = s->bound_ifindex; return 0;
	case SO_OOBINLINE:
	case SO_DEBUG:
	case SO_NO_CHECK:	*v = s->noted >> name & 1; return 0;
	case SO_RXQ_OVFL:
	case SO_INCOMING_CPU:	*v = 0; return 0;
	}
	return 1;
}

static int device_get(struct socket *s, u8 *value, u32 *len)
{
	char name[NETIF_NAME_SIZE] = { 0 };
	struct netif *nif;

	if (!s->bound_ifindex) {
		*len = 0;
		return 0;
	}
	if (*len < sizeof(name))
		return -EINVAL;
	nif = netif_find_index(s->bound_ifindex);
	if (!nif)
		return -ENODEV;
	memcpy(name, nif->name, sizeof(name));
	netif_put(nif);
	return give(value, len, name, strlen(name) + 1);
}

static int socket_level_get(struct socket *s, int name, u8 *value, u32 *len)
{
	struct abi_linger l;
	s32 v;

	switch (name) {
	case SO_LINGER:
		l = (struct abi_linger){ s->linger_on, s->linger_s };
		return give(value, len, &l, sizeof(l));
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return give_timeout(value, len, s->rcvtimeo);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return give_timeout(value, len, s->sndtimeo);
	case SO_BINDTODEVICE:
		return device_get(s, value, len);
	case SO_COOKIE:
		if (*len < sizeof(s->ino))
			return -EINVAL;
		return give(value, len, &s->ino, sizeof(s->ino));
	}
	if (option_get_int(s, name, &v))
		return 1;
	return give(value, len, &v, sizeof(v));
}

int socket_option_get(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	int err = 1;

	if (level == SOL_SOCKET)
		err = socket_level_get(s, name, value, len);
	if (err <= 0)
		return err;
	return s->ops->getsockopt ? s->ops->getsockopt(s, level, name, value, len) : -ENOPROTOOPT;
}
