/*
 * Packet sockets (packet(7)): whole frames (SOCK_RAW) or what is behind the link header (SOCK_DGRAM), of one EtherType
 * or all, of one interface or all. ether.c, loopback.c and netif.c offer every frame while packet_taps is not zero.
 *
 * Lock keys: [P] tap_lock, bh kind, before the packet sockets' own; both after the locks of sockets that transmit.
 */
#include <linux/capability.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "mm/slab.h"
#include "net/ether.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/packet_tap.h"
#include "net/socket_file.h"
#include "net/socket_packet.h"
#include "sched/cred.h"

#define NO_INTERFACE	~0u		/* bound to one that has gone: shown as -1, as on Linux */

u32 packet_taps;
static struct spinlock tap_lock = SPINLOCK_INIT("packet.taps");
static struct list_node taps = LIST_INIT(taps);			/* [P] */

/* What a queued frame remembers, in the pkt's cb. */
struct frame_note { u32 ifindex, whole_len; be16 protocol; u16 hatype; u8 pkttype; u8 source[ETH_ALEN]; u32 status; };
_Static_assert(sizeof(struct frame_note) <= 48, "fits a pkt's notes");

static struct packet_socket *packet_of(struct socket *s)
{
	return (struct packet_socket *)s;
}

static struct frame_note *note_of(const struct pkt *p)
{
	return (struct frame_note *)p->cb;
}

void packet_for_each(void (*fn)(struct packet_socket *k, void *arg), void *arg)
{
	struct packet_socket *k;

	spin_lock_bh(&tap_lock);
	list_for_each(k, &taps, node)
		fn(k, arg);
	spin_unlock_bh(&tap_lock);
}

/* ---- input ---------------------------------------------------------------- */

static u8 packet_type(const struct pkt *p, bool out)
{
	return out ? PACKET_OUTGOING : p->flags & PKT_BROADCAST ? PACKET_BROADCAST :
		p->flags & PKT_MULTICAST ? PACKET_MULTICAST : p->flags & PKT_OTHERHOST ? PACKET_OTHERHOST : PACKET_HOST;
}

static void note_fill(struct frame_note *n, const struct netif *nif, const struct pkt *p, bool out)
{
	const struct ether_header *h = (const struct ether_header *)p->data;

	*n = (struct frame_note){ .ifindex = nif->index, .protocol = p->protocol, .pkttype = packet_type(p, out),
		.hatype = nif->features & NETIF_F_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
		.status = TP_STATUS_USER };
	if (p->flags & PKT_CSUM_PARTIAL)
		n->status |= TP_STATUS_CSUMNOTREADY;
	else if (p->flags & PKT_CSUM_VALID)
		n->status |= TP_STATUS_CSUM_VALID;
	if (nif->link_header)
		memcpy(n->source, h->source, ETH_ALEN);
}

/* One socket's copy. [P] held. */
static void tap_queue(struct packet_socket *k, struct netif *nif, struct pkt *p, bool out)
{
	u32 keep = p->len;
	struct pkt *copy;
	bool taken = false;

	if (inet_rx_full(&k->i)) {
		k->i.drops++;
		return;
	}
	copy = pkt_copy(p, 0);
	if (!copy)
		return;
	copy->netif = nif;
	copy->release = NULL;
	if (out)
		copy->net_offset = copy->data - copy->buf + nif->link_header;
	copy->link_offset = copy->data - copy->buf;
	if (!out && nif->link_header)
		copy->net_offset = copy->link_offset + nif->link_header;
	note_fill(note_of(copy), nif, p, out);
	if (!copy->timestamp)
		copy->timestamp = clock_ns();
	if (k->i.s.type == SOCK_DGRAM)
		pkt_pull(copy, MIN((u32)nif->link_header, pkt_linear(copy)));
	spin_lock(&k->i.s.lock);
	if (k->i.s.filter)
		keep = socket_filter_run(k->i.s.filter, copy);
	if (keep) {
		note_of(copy)->whole_len = copy->len;
		if (keep < copy->len)
			pkt_trim(copy, keep);
		taken = inet_rx_queue(&k->i, copy);
		k->received += taken;
	}
	spin_unlock(&k->i.s.lock);
	if (!taken)
		pkt_free(copy);
}

static void tap_all(struct netif *nif, struct pkt *p, bool out)
{
	struct packet_socket *k;

	spin_lock_bh(&tap_lock);
	list_for_each(k, &taps, node) {
		if (k->ifindex && k->ifindex != nif->index)
			continue;
		/* What goes out is shown to those who want everything, but not to its sender. */
		if (out && (k->protocol != htons(ETH_P_ALL) || k == p->release_arg))
			continue;
		if (k->protocol == htons(ETH_P_ALL) || k->protocol == p->protocol)
			tap_queue(k, nif, p, out);
	}
	spin_unlock_bh(&tap_lock);
}

void packet_tap_in(struct netif *nif, struct pkt *p)
{
	tap_all(nif, p, false);
}

void packet_tap_out(struct netif *nif, struct pkt *p)
{
	tap_all(nif, p, true);
}

/* ---- binding -------------------------------------------------------------- */

/* Who listens on it alone hears of it, and has no interface once it is gone. */
void packet_netif_down(const struct netif *nif, bool gone)
{
	struct packet_socket *k;

	spin_lock_bh(&tap_lock);
	list_for_each(k, &taps, node) {
		if (k->ifindex != nif->index)
			continue;
		if (gone) {
			k->ifindex = NO_INTERFACE;
			continue;
		}
		atomic_store(&k->i.s.error, ENETDOWN);
		inet_wake_error(&k->i);
	}
	spin_unlock_bh(&tap_lock);
}

/* Listen for that protocol on that interface; protocol 0: for nothing. */
static void tap_set(struct packet_socket *k, u32 ifindex, be16 protocol)
{
	spin_lock_bh(&tap_lock);
	k->ifindex = ifindex;
	k->protocol = protocol;
	if (protocol && list_empty(&k->node)) {
		list_push_back(&taps, &k->node);
		packet_taps++;
	} else if (!protocol && !list_empty(&k->node)) {
		list_remove(&k->node);
		packet_taps--;
	}
	spin_unlock_bh(&tap_lock);
}

static int packet_bind(struct socket *s, const u8 *addr, u32 len)
{
	const struct sockaddr_ll *ll = (const struct sockaddr_ll *)addr;
	struct packet_socket *k = packet_of(s);
	struct netif *nif;

	if (len < sizeof(*ll))
		return -EINVAL;
	if (ll->sll_family != AF_PACKET)
		return -EINVAL;
	if (ll->sll_ifindex) {
		nif = netif_find_index(ll->sll_ifindex);
		if (!nif)
			return -ENODEV;
		if (!(nif->flags & NETIF_UP))
			atomic_store(&s->error, ENETDOWN);
		netif_put(nif);
	}
	tap_set(k, ll->sll_ifindex, ll->sll_protocol ? ll->sll_protocol : k->protocol);
	return 0;
}

static int packet_getname(struct socket *s, u8 *addr, u32 *len, bool peer)
{
	struct sockaddr_ll *ll = (struct sockaddr_ll *)addr;
	struct packet_socket *k = packet_of(s);
	struct netif *nif = k->ifindex ? netif_find_index(k->ifindex) : NULL;

	if (peer)
		return -EOPNOTSUPP;
	*ll = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = k->protocol, .sll_ifindex = k->ifindex };
	if (nif) {
		ll->sll_hatype = nif->features & NETIF_F_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		ll->sll_halen = ETH_ALEN;
		memcpy(ll->sll_addr, nif->mac, ETH_ALEN);
		netif_put(nif);
	}
	*len = sizeof(*ll);
	return 0;
}

/* ---- sending -------------------------------------------------------------- */

/* Where to: the message's address, or what the socket is bound to. */
static int target_get(struct packet_socket *k, const struct socket_msg *m, struct sockaddr_ll *ll)
{
	*ll = (struct sockaddr_ll){ .sll_ifindex = k->ifindex, .sll_protocol = k->protocol };
	if (m->name) {
		if (m->name_len < offsetof(struct sockaddr_ll, sll_addr))
			return -EINVAL;
		memcpy(ll, m->name, MIN(m->name_len, (u32)sizeof(*ll)));
		if (ll->sll_family != AF_PACKET)
			return -EINVAL;
	}
	if (k->i.s.type == SOCK_DGRAM && (!m->name || ll->sll_halen < ETH_ALEN ||
					  m->name_len < offsetof(struct sockaddr_ll, sll_addr) + ETH_ALEN))
		return -EINVAL;
	return ll->sll_ifindex ? 0 : -ENXIO;
}

static s64 packet_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct packet_socket *k = packet_of(s);
	struct sockaddr_ll ll;
	struct netif *nif;
	struct pkt *p;
	u32 len = m->uio.left, header, charge;
	int err = target_get(k, m, &ll);

	if (err)
		return err;
	nif = netif_find_index(ll.sll_ifindex);
	if (!nif)
		return -ENXIO;
	err = -ENETDOWN;
	if (!(nif->flags & NETIF_UP))
		goto out;
	header = nif->link_header;
	err = -EMSGSIZE;
	if (m->uio.left > nif->mtu + (s->type == SOCK_RAW ? header + 4 : 0))
		goto out;
	err = -EINVAL;
	if (s->type == SOCK_RAW && len < header)
		goto out;
	charge = (1 + len / PKT_BUF_SIZE) * PKT_TRUESIZE;
	err = inet_tx_charge(&k->i, charge, m->flags & MSG_DONTWAIT, nif);
	if (err)
		goto out;
	err = -ENOBUFS;
	p = pkt_alloc(PKT_HEADROOM);
	if (!p) {
		inet_tx_uncharge(&k->i, charge);
		goto out;
	}
	inet_tx_attach(&k->i, p, charge);
	err = pkt_append_uio(p, &m->uio, len);
	if (err) {
		pkt_free(p);
		goto out;
	}
	p->protocol = ll.sll_protocol;
	if (s->type == SOCK_DGRAM && header)
		ether_push(p, ll.sll_addr, nif->mac, ll.sll_protocol);
	else if (header)
		p->protocol = ((const struct ether_header *)p->data)->type;
	err = netif_xmit(nif, p);
out:
	netif_put(nif);
	return err ? err : (s64)len;
}

/* ---- receiving ------------------------------------------------------------ */

static void address_fill(const struct pkt *p, struct socket_msg *m)
{
	const struct frame_note *n = note_of(p);

	*(struct sockaddr_ll *)m->name = (struct sockaddr_ll){
		.sll_family = AF_PACKET, .sll_protocol = n->protocol, .sll_ifindex = n->ifindex,
		.sll_hatype = n->hatype, .sll_pkttype = n->pkttype, .sll_halen = ETH_ALEN,
	};
	memcpy(((struct sockaddr_ll *)m->name)->sll_addr, n->source, ETH_ALEN);
	m->name_len = sizeof(struct sockaddr_ll);
}

static void control_fill(struct packet_socket *k, const struct pkt *p, struct socket_msg *m)
{
	const struct frame_note *n = note_of(p);
	u32 room = m->control_len;

	m->control_len = 0;
	if (!m->control)
		return;
	if (k->auxdata) {
		struct tpacket_auxdata aux = { .tp_status = n->status, .tp_len = n->whole_len, .tp_snaplen = p->len,
			.tp_net = k->i.s.type == SOCK_DGRAM ? 0 : p->net_offset - p->link_offset };

		socket_control_put(m, room, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
	}
	if (k->i.s.timestamp) {
		u64 real = clock_realtime_ns() - (clock_ns() - p->timestamp);
		u64 pair[2] = { real / NSEC_PER_SEC, real % NSEC_PER_SEC / (k->i.s.timestamp_ns ? 1 : 1000) };

		socket_control_put(m, room, SOL_SOCKET, k->i.s.timestamp_ns ? SO_TIMESTAMPNS_OLD : SO_TIMESTAMP_OLD,
				   pair, sizeof(pair));
	}
}

static s64 packet_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct packet_socket *k = packet_of(s);
	u32 take, len;
	struct pkt *p;
	int err = inet_rx_take(&k->i, m->flags, &p);

	if (err)
		return err;
	if (!p) {
		m->name_len = m->control_len = 0;
		return 0;
	}
	len = p->len;
	take = MIN((u64)len, (u64)m->uio.left);
	if (take < len)
		m->out_flags |= MSG_TRUNC;
	err = pkt_copy_to_uio(p, 0, &m->uio, take);
	if (m->name)
		address_fill(p, m);
	control_fill(k, p, m);
	k->last_stamp = clock_realtime_ns() - (clock_ns() - p->timestamp);
	pkt_free(p);
	if (err)
		return err;
	return m->flags & MSG_TRUNC ? len : take;
}

/* ---- options -------------------------------------------------------------- */

/* What is held on an interface that has gone is not held any more. [config] */
static void membership_check(struct packet_socket *k)
{
	struct netif *nif = netif_find_index(k->rx_mode_ifindex);

	if (nif)
		netif_put(nif);
	else
		k->rx_mode_ifindex = k->promisc = k->allmulti = 0;
}

/* [config] */
static int membership_change(struct packet_socket *k, const u8 *value, u32 len, bool add)
{
	struct packet_mreq r;
	struct netif *nif;
	u32 *held;

	if (len < sizeof(r))
		return -EINVAL;
	memcpy(&r, value, sizeof(r));
	if (r.mr_type == PACKET_MR_MULTICAST || r.mr_type == PACKET_MR_UNICAST)
		r.mr_type = PACKET_MR_ALLMULTI;	/* more than was asked for, never less */
	if (r.mr_type != PACKET_MR_PROMISC && r.mr_type != PACKET_MR_ALLMULTI)
		return -EINVAL;
	nif = netif_find_index(r.mr_ifindex);
	if (!nif)
		return -ENODEV;
	held = r.mr_type == PACKET_MR_PROMISC ? &k->promisc : &k->allmulti;
	membership_check(k);
	if (k->rx_mode_ifindex && k->rx_mode_ifindex != nif->index) {
		netif_put(nif);
		return -EADDRNOTAVAIL;
	}
	if (add || *held) {
		netif_rx_mode(nif, r.mr_type == PACKET_MR_PROMISC ? (add ? 1 : -1) : 0,
			      r.mr_type == PACKET_MR_ALLMULTI ? (add ? 1 : -1) : 0);
		*held += add ? 1 : -1;
	}
	k->rx_mode_ifindex = k->promisc || k->allmulti ? nif->index : 0;
	netif_put(nif);
	return 0;
}

static int packet_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	struct packet_socket *k = packet_of(s);
	int err;
	s32 v;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP) {
		mutex_lock(&net_config_mutex);
		err = membership_change(k, value, len, name == PACKET_ADD_MEMBERSHIP);
		mutex_unlock(&net_config_mutex);
		return err;
	}
	if (name != PACKET_AUXDATA)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	k->auxdata = v;
	return 0;
}

static int packet_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	struct packet_socket *k = packet_of(s);
	struct tpacket_stats stats;
	s32 v = k->auxdata;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (name == PACKET_STATISTICS) {
		spin_lock_bh(&s->lock);
		stats = (struct tpacket_stats){ k->received + k->i.drops, k->i.drops };
		k->received = k->i.drops = 0;
		spin_unlock_bh(&s->lock);
		*len = MIN(*len, (u32)sizeof(stats));
		memcpy(value, &stats, *len);
		return 0;
	}
	if (name != PACKET_AUXDATA)
		return -ENOPROTOOPT;
	*len = MIN(*len, (u32)sizeof(v));
	memcpy(value, &v, *len);
	return 0;
}

static long packet_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct packet_socket *k = packet_of(s);
	u64 pair[2] = { k->last_stamp / NSEC_PER_SEC, k->last_stamp % NSEC_PER_SEC };

	if (cmd != SIOCGSTAMP_OLD && cmd != SIOCGSTAMPNS_OLD)
		return inet_ioctl(s, cmd, arg);
	if (!k->last_stamp)
		return -ENOENT;
	if (cmd == SIOCGSTAMP_OLD)
		pair[1] /= NSEC_PER_USEC;
	return copy_to_user(arg, pair, sizeof(pair));
}

/* ---- life ----------------------------------------------------------------- */

static void packet_destroy(struct inet_socket *i)
{
	kfree(i);
}

static void packet_release(struct socket *s)
{
	struct packet_socket *k = packet_of(s);
	struct netif *nif;

	tap_set(k, 0, 0);
	mutex_lock(&net_config_mutex);
	nif = k->rx_mode_ifindex ? netif_find_index(k->rx_mode_ifindex) : NULL;
	if (nif) {
		netif_rx_mode(nif, -(int)k->promisc, -(int)k->allmulti);
		netif_put(nif);
	}
	mutex_unlock(&net_config_mutex);
	inet_socket_release(&k->i);
}

static const struct socket_ops packet_ops = {
	.bind = packet_bind,
	.getname = packet_getname,
	.sendmsg = packet_sendmsg,
	.recvmsg = packet_recvmsg,
	.poll = inet_poll,
	.setsockopt = packet_setsockopt,
	.getsockopt = packet_getsockopt,
	.ioctl = packet_ioctl,
	.release = packet_release,
};

static int packet_create(u16 type, u16 protocol, struct socket **out)
{
	struct packet_socket *k;

	if (!cred_capable(current()->cred, CAP_NET_RAW))
		return -EPERM;
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	inet_socket_init(&k->i, type, protocol, &packet_ops, packet_destroy);
	k->i.s.family = AF_PACKET;
	spin_init(&k->i.s.lock, "packet.socket");	/* a class of its own: taken while others transmit */
	list_init(&k->node);
	tap_set(k, 0, protocol);
	*out = &k->i.s;
	return 0;
}

void socket_packet_init(void)
{
	static struct socket_family family = { .family = AF_PACKET, .create = packet_create };

	socket_family_register(&family);
}
