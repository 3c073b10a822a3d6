/*
 * Network interfaces: the list, up and down, carrier, and transmission with a queue for what the card's ring
 * does not hold. Drivers register here; neigh_output, arp and packet sockets send through netif_xmit; rtnetlink,
 * the ioctls and ip= set interfaces up. It calls the driver's operations, ifaddr.c and the notifications.
 *
 * Locks: net.h tells about the two of the configuration. Order: net_config_mutex, net_config_lock, a transmit queue's.
 */
#include "base/errno.h"
#include "base/string.h"
#include "base/printf.h"
#include "core/log.h"
#include "mm/slab.h"
#include "net/ip_config.h"
#include "net/ip_internal.h"
#include "net/napi.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netif.h"
#include "net/packet_tap.h"
#include "net/route.h"
#include "sched/softirq.h"
#include "sched/wait.h"

#define TX_QUEUE_LIMIT 1000	/* packets; Linux's txqueuelen */

struct mutex net_config_mutex = MUTEX_INIT(net_config_mutex, "net.config");
struct spinlock net_config_lock = SPINLOCK_INIT("net.config.lists");
struct list_node netif_list = LIST_INIT(netif_list);
struct netif *loopback_netif;

static void links_announce(struct work *w);
static struct work link_work = { .fn = links_announce };

/* ---- the list ------------------------------------------------------------- */

static struct netif *name_find(const char *name)
{
	struct netif *nif;

	list_for_each(nif, &netif_list, node)
		if (!strcmp(nif->name, name))
			return nif;
	return NULL;
}

struct netif *netif_find_name(const char *name)
{
	struct netif *nif;

	spin_lock_bh(&net_config_lock);
	nif = name_find(name);
	if (nif)
		ref_get(&nif->refs);
	spin_unlock_bh(&net_config_lock);
	return nif;
}

struct netif *netif_find_index(u32 index)
{
	struct netif *nif, *found = NULL;

	spin_lock_bh(&net_config_lock);
	list_for_each(nif, &netif_list, node)
		if (nif->index == index) {
			ref_get(&nif->refs);
			found = nif;
			break;
		}
	spin_unlock_bh(&net_config_lock);
	return found;
}

struct netif *netif_next(u32 after)
{
	struct netif *nif, *found = NULL;

	spin_lock_bh(&net_config_lock);
	list_for_each(nif, &netif_list, node)
		if (nif->index > after && (!found || nif->index < found->index))
			found = nif;
	if (found)
		ref_get(&found->refs);
	spin_unlock_bh(&net_config_lock);
	return found;
}

void netif_put(struct netif *nif)
{
	if (ref_put(&nif->refs)) {
		kfree(nif->stats);
		netif_txqs_free(nif);
		nif->ops->release(nif);
	}
}

/* The first free ethN. Lock held. */
static void name_choose(struct netif *nif)
{
	for (u32 i = 0; ; i++) {
		snprintf(nif->name, sizeof(nif->name), "eth%u", i);
		if (!name_find(nif->name))
			return;
	}
}

int netif_register(struct netif *nif)
{
	static u32 last_index;		/* [net_config_lock] */
	int err;

	err = netif_txqs_make(nif);
	if (err)
		return err;
	nif->stats = kcalloc(cpus_present, sizeof(*nif->stats));
	if (!nif->stats) {
		err = -ENOMEM;
		goto fail;
	}
	list_init(&nif->addrs);
	list_init(&nif->groups);
	nif->refs = 1;
	if (!nif->tx_queue_limit)
		nif->tx_queue_limit = TX_QUEUE_LIMIT;
	if (!nif->min_mtu)
		nif->min_mtu = 68;
	if (!(nif->features & NETIF_F_LOOPBACK)) {
		nif->flags |= NETIF_BROADCAST | NETIF_MULTICAST;
		nif->link_header = 14;
	}

	spin_lock_bh(&net_config_lock);
	if (nif->name[0] && name_find(nif->name)) {
		err = -EEXIST;
	} else {
		if (!nif->name[0])
			name_choose(nif);
		nif->index = ++last_index;
		list_push_back(&netif_list, &nif->node);
	}
	spin_unlock_bh(&net_config_lock);
	if (err)
		goto fail;
	net_sysfs_add(nif);
	net_notify_link(nif, false);
	netif_changed(nif);
	return 0;

fail:
	kfree(nif->stats);
	netif_txqs_free(nif);
	return err;
}

void netif_unregister(struct netif *nif)
{
	mutex_lock(&net_config_mutex);
	netif_set_up_locked(nif, false);
	ifaddr_delete_all(nif);
	spin_lock_bh(&net_config_lock);
	list_remove(&nif->node);
	WRITE_ONCE(nif->gone, true);
	nif->bus_info = NULL;
	spin_unlock_bh(&net_config_lock);
	route_flush_netif(nif, true);
	neigh_flush(nif, true);
	packet_netif_down(nif, true);
	net_sysfs_remove(nif->name);
	net_notify_link(nif, true);
	mutex_unlock(&net_config_mutex);
	netif_changed(nif);
	dhcp_gone(nif);
	ip_frag_flush(nif);
	/* Packets that came by it say so without a reference, and end in the softirq in which they came. */
	net_quiesce();
}

int netif_rename(struct netif *nif, const char *name)
{
	char old[NETIF_NAME_SIZE];
	int err = 0;

	if (!name[0] || strchr(name, '/') || strchr(name, ':') || strchr(name, ' ') || !strcmp(name, ".") ||
	    !strcmp(name, "..") || strlen(name) >= sizeof(nif->name))
		return -EINVAL;
	strlcpy(old, nif->name, sizeof(old));
	spin_lock_bh(&net_config_lock);
	if (nif->gone)
		err = -ENODEV;
	else if (nif->flags & NETIF_UP)
		err = -EBUSY;
	else if (name_find(name))
		err = -EEXIST;
	else
		strlcpy(nif->name, name, sizeof(nif->name));
	spin_unlock_bh(&net_config_lock);
	if (err)
		return err;
	net_sysfs_remove(old);
	net_sysfs_add(nif);
	net_notify_link(nif, false);
	return 0;
}

/* ---- up, down, carrier ---------------------------------------------------- */

/* Change flag bits; true if any changed. */
static bool flags_change(struct netif *nif, u32 set, u32 clear)
{
	u32 old;

	spin_lock_bh(&net_config_lock);
	old = nif->flags;
	WRITE_ONCE(nif->flags, (old | set) & ~clear);
	spin_unlock_bh(&net_config_lock);
	return nif->flags != old;
}

static void tx_purge(struct netif *nif)
{
	struct pkt_queue all;
	struct pkt *p;

	pkt_queue_init(&all);
	for (struct netif_txq *t = nif->txqs; t < nif->txqs + nif->txq_max; t++) {
		spin_lock_bh(&t->lock);
		while ((p = pkt_queue_pop(&t->waiting))) {
			pkt_queue_push(&all, p);
			netif_count(nif)->tx_dropped++;
		}
		t->stopped = false;
		spin_unlock_bh(&t->lock);
	}
	pkt_queue_purge(&all);		/* outside: releasing wakes senders */
}

static int link_up(struct netif *nif)
{
	int err = nif->ops->open ? nif->ops->open(nif) : 0;

	if (err)
		return err;
	flags_change(nif, NETIF_UP, 0);
	if (nif->features & NETIF_F_LOOPBACK && list_empty(&nif->addrs))
		ifaddr_add(nif, htonl(0x7f000001), 8, 0, RSCOPE_HOST, NULL);	/* as Linux does */
	ifaddr_link_up(nif);
	route_cache_flush();
	if (nif->flags & NETIF_RUNNING) {
		ifaddr_announce(nif);
		igmp_link_up(nif);
	}
	return 0;
}

static void link_down(struct netif *nif)
{
	flags_change(nif, 0, NETIF_UP);
	route_flush_netif(nif, false);
	neigh_flush(nif, false);
	route_cache_flush();
	if (nif->ops->stop)
		nif->ops->stop(nif);
	tx_purge(nif);
	packet_netif_down(nif, false);
}

int netif_set_up_locked(struct netif *nif, bool up)
{
	int err = 0;

	if (nif->gone)
		return -ENODEV;
	if (up == !!(nif->flags & NETIF_UP))
		return 0;
	if (up)
		err = link_up(nif);
	else
		link_down(nif);
	if (!err) {
		net_notify_link(nif, false);
		netif_changed(nif);
	}
	return err;
}

int netif_set_up(struct netif *nif, bool up)
{
	int err;

	mutex_lock(&net_config_mutex);
	err = netif_set_up_locked(nif, up);
	mutex_unlock(&net_config_mutex);
	return err;
}

struct netif_stats netif_stats_get(const struct netif *nif)
{
	struct netif_stats s = { 0 };
	u64 *sum = &s.rx_packets;

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		for (u32 i = 0; i < sizeof(s) / sizeof(u64); i++)
			sum[i] += READ_ONCE((&nif->stats[cpu].rx_packets)[i]);
	if (nif->ops->add_stats)
		nif->ops->add_stats(nif, &s);
	return s;
}

int netif_set_mtu(struct netif *nif, u32 mtu)
{
	int err = 0;

	if (mtu < nif->min_mtu || mtu > nif->max_mtu)
		return -EINVAL;
	if (nif->gone)
		return -ENODEV;
	if (nif->ops->set_mtu)
		err = nif->ops->set_mtu(nif, mtu);
	if (err)
		return err;
	WRITE_ONCE(nif->mtu, mtu);
	route_cache_flush();
	net_notify_link(nif, false);
	return 0;
}

int netif_set_mac(struct netif *nif, const u8 mac[ETH_ALEN])
{
	int err;

	if (nif->gone)
		return -ENODEV;
	if (mac[0] & 1)
		return -EADDRNOTAVAIL;
	if (!nif->ops->set_mac)
		return -EOPNOTSUPP;
	err = nif->ops->set_mac(nif, mac);
	if (err)
		return err;
	spin_lock_bh(&net_config_lock);
	memcpy(nif->mac, mac, ETH_ALEN);
	spin_unlock_bh(&net_config_lock);
	neigh_flush(nif, true);		/* their link headers carry the old one */
	route_cache_flush();
	ifaddr_announce(nif);
	net_notify_link(nif, false);
	return 0;
}

void netif_rx_mode(struct netif *nif, int promisc, int allmulti)
{
	bool changed;

	spin_lock_bh(&net_config_lock);
	nif->promisc_count += promisc;
	nif->allmulti_count += allmulti;
	spin_unlock_bh(&net_config_lock);
	changed = flags_change(nif, (nif->promisc_count ? NETIF_PROMISC : 0) |
			       (nif->allmulti_count ? NETIF_ALLMULTI : 0),
			       (nif->promisc_count ? 0 : NETIF_PROMISC) |
			       (nif->allmulti_count ? 0 : NETIF_ALLMULTI));
	if (changed && nif->ops->set_rx_mode)
		nif->ops->set_rx_mode(nif);
}

void netif_carrier(struct netif *nif, bool on)
{
	if (!flags_change(nif, on ? NETIF_RUNNING : 0, on ? 0 : NETIF_RUNNING))
		return;
	WRITE_ONCE(nif->carrier_event, true);
	route_cache_flush();
	if (nif->node.next && !list_empty(&nif->node))
		work_queue(&link_work);
}

/* In thread context: what a change of carrier brings about. */
static void links_announce(struct work *w)
{
	struct netif *nif;

	mutex_lock(&net_config_mutex);
	for (u32 index = 0; (nif = netif_next(index)); netif_put(nif)) {
		bool on = nif->flags & NETIF_RUNNING;

		index = nif->index;
		if (!atomic_xchg(&nif->carrier_event, false))
			continue;
		log_info("%s: link %s", nif->name, on ? "up" : "down");
		if (on && nif->flags & NETIF_UP) {
			ifaddr_announce(nif);
			igmp_link_up(nif);
		} else if (!on) {
			neigh_flush(nif, false);
			tx_purge(nif);
		}
		net_notify_link(nif, false);
		netif_changed(nif);
	}
	mutex_unlock(&net_config_mutex);
}

void netif_announce(struct netif *nif)
{
	mutex_lock(&net_config_mutex);
	if ((nif->flags & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING))
		ifaddr_announce(nif);
	mutex_unlock(&net_config_mutex);
}

/* Those who wait for a link (ip=dhcp) look again. */
static struct wait_queue change_wait = WAIT_QUEUE_INIT(change_wait, "netif.change");
static u32 change_count;		/* [a] */

void netif_changed(struct netif *nif)
{
	atomic_add(&change_count, 1);
	wait_wake_all(&change_wait);
}

u32 netif_change_count(void)
{
	return atomic_load(&change_count);
}

int netif_change_wait(u32 seen, u64 deadline)
{
	return wait_event_uninterruptible(&change_wait, atomic_load(&change_count) != seen, deadline);
}

/* ---- transmission --------------------------------------------------------- */

/* One packet to the driver. 0, -ENOBUFS (nothing happened), or -errno with the packet freed. [the queue's lock] */
static inline int tx_one(struct netif *nif, struct netif_txq *t, struct pkt *p)
{
	u32 len = p->len;
	int err = nif->ops->xmit(nif, t - nif->txqs, p);

	if (likely(!err)) {
		struct netif_stats *s = netif_count(nif);

		s->tx_packets++;
		s->tx_bytes += len;
		t->given++;
	} else if (err != -ENOBUFS) {
		netif_count(nif)->tx_errors++;
		pkt_free(p);
	}
	return err;
}

/* The card can't do it: finish checksums, make one buffer of a chain. */
static bool tx_prepare(struct netif *nif, struct pkt *p)
{
	if (p->flags & PKT_GSO_TCP4 && !nif->tso_parts)
		return false;		/* its sender knew another one: again, in segments */
	if (p->flags & PKT_CSUM_PARTIAL && !(nif->features & NETIF_F_CSUM))
		pkt_csum_finish(p);
	return !p->frag || nif->features & NETIF_F_SG || pkt_need(p, p->len);
}

static int tx_drop(struct netif *nif, struct netif_txq *t, struct pkt *p, int err)
{
	netif_count(nif)->tx_dropped++;
	spin_unlock_bh(&t->lock);
	pkt_free(p);
	return err;
}

int netif_xmit(struct netif *nif, struct pkt *p)
{
	struct netif_txq *t;
	int err;

	p->netif = nif;
	if (unlikely(packet_taps))
		packet_tap_out(nif, p);
	if (nif->features & NETIF_F_LOOPBACK)
		return nif->ops->xmit(nif, 0, p);
	if ((p->flags & PKT_CSUM_PARTIAL || p->frag) && unlikely(!tx_prepare(nif, p))) {
		spin_lock_bh(&nif->txqs->lock);
		return tx_drop(nif, nif->txqs, p, -ENOMEM);
	}

	if (unlikely(nif->tx_flows)) {
		t = netif_txq_lock(nif, p);
	} else {
		t = nif->txqs;
		spin_lock_bh(&t->lock);
	}
	if (unlikely((nif->flags & (NETIF_UP | NETIF_RUNNING)) != (NETIF_UP | NETIF_RUNNING)))
		return tx_drop(nif, t, p, nif->flags & NETIF_UP ? 0 : -ENETDOWN);	/* no carrier: lost on the wire */
	if (likely(pkt_queue_empty(&t->waiting))) {
		err = tx_one(nif, t, p);
		if (likely(err != -ENOBUFS)) {
			spin_unlock_bh(&t->lock);
			return err;
		}
	}
	if (t->waiting.count >= nif->tx_queue_limit)
		return tx_drop(nif, t, p, -ENOBUFS);
	pkt_queue_push(&t->waiting, p);
	t->stopped = true;
	spin_unlock_bh(&t->lock);
	return 0;
}

void netif_tx_wake(struct netif *nif, u32 queue)
{
	struct netif_txq *t = &nif->txqs[queue];

	if (!READ_ONCE(t->stopped))
		return;
	spin_lock_bh(&t->lock);
	while (!pkt_queue_empty(&t->waiting)) {
		struct pkt *p = pkt_queue_pop(&t->waiting);

		if (tx_one(nif, t, p) == -ENOBUFS) {
			/* Back to where it was. */
			p->next = t->waiting.head;
			if (!p->next)
				t->waiting.tail = &p->next;
			t->waiting.head = p;
			t->waiting.count++;
			t->waiting.bytes += p->len;
			break;
		}
	}
	t->stopped = !pkt_queue_empty(&t->waiting);
	spin_unlock_bh(&t->lock);
}

void netif_tx_reclaim(struct netif *nif)
{
	if (nif->ops->tx_reclaim)
		for (u32 i = 0; i < nif->txq_max; i++)
			nif->ops->tx_reclaim(nif, i);
}
