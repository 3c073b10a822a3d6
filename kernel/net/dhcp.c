/*
 * The kernel's DHCP client (RFC 2131, 4.4), for ip=dhcp: one thread that discovers, requests, renews and, when nobody
 * extends the lease, gives the address back. ip_config.c starts it and is told of each lease; ip.c and udp.c hand in
 * datagrams to port 68 that no socket wants.
 */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "net/dhcp_message.h"
#include "net/ether.h"
#include "net/ip_config.h"
#include "net/ip_internal.h"
#include "net/napi.h"
#include "net/net.h"
#include "net/udp.h"

#define CLIENT_PORT	68
#define SERVER_PORT	67
#define REPLIES_MAX	8		/* kept until the thread looks */
#define RETRY_FIRST_NS	(1 * NSEC_PER_SEC)
#define RETRY_MAX_NS	(16 * NSEC_PER_SEC)	/* while booting waits, less than RFC 2131's 64 s */
#define REQUEST_TRIES	4
#define RENEW_MIN_NS	(60 * NSEC_PER_SEC)	/* RFC 2131, 4.4.5 */

bool dhcp_listening;			/* set while an answer may come */

/* The one client. Fields are the thread's own but for those marked. */
static struct {
	struct netif *netif;		/* referenced */
	char host[64];
	be32 xid;
	u64 started;			/* of this exchange, for "seconds" */
	struct dhcp_reply offer, lease;
	u64 leased;			/* clock_ns() of the request that was granted */
	bool bound;			/* [a]; dhcp_wait sleeps on it */
	struct spinlock lock;		/* bh kind [L] */
	struct pkt_queue replies;	/* [L] */
	struct wait_queue wait;
} client;

/* ---- the wire ------------------------------------------------------------- */

static u8 *option_put(u8 *o, u8 code, const void *data, u32 len)
{
	*o++ = code;
	*o++ = len;
	memcpy(o, data, len);
	return o + len;
}

/* The options of every message, and those of this kind (RFC 2131, table 5). */
static void options_write(struct pkt *p, u8 type, be32 requested, be32 server)
{
	static const u8 parameters[] = { DHCP_OPT_MASK, DHCP_OPT_ROUTER, DHCP_OPT_DNS, DHCP_OPT_HOST, DHCP_OPT_DOMAIN,
		DHCP_OPT_MTU, DHCP_OPT_BROADCAST, DHCP_OPT_LEASE, DHCP_OPT_SERVER, DHCP_OPT_T1, DHCP_OPT_T2 };
	u8 id[1 + ETH_ALEN] = { 1 }, *start = p->tail, *o = start;
	be16 max_size = cpu_to_be16(1472);

	memcpy(id + 1, client.netif->mac, ETH_ALEN);
	o = option_put(o, DHCP_OPT_TYPE, &type, 1);
	o = option_put(o, DHCP_OPT_CLIENT_ID, id, sizeof(id));
	o = option_put(o, DHCP_OPT_MAX_SIZE, &max_size, 2);
	o = option_put(o, DHCP_OPT_PARAMETERS, parameters, sizeof(parameters));
	if (requested)
		o = option_put(o, DHCP_OPT_REQUESTED, &requested, 4);
	if (server)
		o = option_put(o, DHCP_OPT_SERVER, &server, 4);
	if (client.host[0])
		o = option_put(o, DHCP_OPT_HOST, client.host, strlen(client.host));
	*o++ = DHCP_OPT_END;
	while (o - start < 60)
		*o++ = DHCP_OPT_PAD;	/* some relays want BOOTP's 300 bytes */
	pkt_put(p, o - start);
}

static struct pkt *message_make(u8 type, be32 ours, be32 requested, be32 server)
{
	struct pkt *p = pkt_alloc(PKT_HEADROOM);
	struct dhcp_message *m;

	if (!p)
		return NULL;
	m = pkt_put(p, sizeof(*m));
	memset(m, 0, sizeof(*m));
	m->op = 1;
	m->hardware_type = 1;
	m->hardware_len = ETH_ALEN;
	m->xid = client.xid;
	m->seconds = cpu_to_be16(MIN((clock_ns() - client.started) / NSEC_PER_SEC, 0xffffull));
	m->client_address = ours;
	memcpy(m->client_mac, client.netif->mac, ETH_ALEN);
	m->cookie = htonl(DHCP_COOKIE);
	options_write(p, type, requested, server);
	return p;
}

static void udp_header_put(struct pkt *p, be32 source, be32 destination)
{
	struct udp_header *h = pkt_push(p, sizeof(*h));
	u16 sum;

	*h = (struct udp_header){ htons(CLIENT_PORT), htons(SERVER_PORT), cpu_to_be16(p->len), 0 };
	sum = cksum_fold(cksum_add(cksum_pseudo(source, destination, IPPROTO_UDP_NR, p->len), h, p->len));
	h->checksum = sum ? sum : 0xffff;
}

/* To everybody, from nobody yet (or from our address, rebinding): no route is asked. */
static void send_broadcast(struct pkt *p, be32 source)
{
	udp_header_put(p, source, IP_BROADCAST);
	ip_header_push(p, source, IP_BROADCAST, IPPROTO_UDP_NR, 0x10, IP_DEFAULT_TTL, 0, 0);
	ether_push(p, ether_broadcast, client.netif->mac, htons(ETHERTYPE_IPV4));
	netif_xmit(client.netif, p);
}

static void send_unicast(struct pkt *p, be32 source, be32 server)
{
	struct ip_output_args a = { .source = source, .destination = server, .protocol = IPPROTO_UDP_NR,
		.ttl = IP_DEFAULT_TTL, .dont_fragment = true };
	struct ip_route route;

	if (route_lookup(server, source, client.netif, &route)) {
		pkt_free(p);
		return;
	}
	udp_header_put(p, source, server);
	ip_output(p, &route, &a);
	route_release(&route);
}

bool dhcp_input(struct pkt *p, const struct ip_header *ip)
{
	const struct udp_header *h;
	u32 len;
	bool taken = false;

	if (!pkt_need(p, sizeof(*h) + sizeof(struct dhcp_message)))
		return false;
	ip = pkt_ip(p);
	h = (const struct udp_header *)p->data;
	len = be16_to_cpu(h->length);
	if (h->destination != htons(CLIENT_PORT) || h->source != htons(SERVER_PORT) || p->netif != client.netif ||
	    len < sizeof(*h) + sizeof(struct dhcp_message) || len > p->len)
		return false;
	pkt_trim(p, len);
	if (h->checksum && !(p->flags & PKT_CSUM_VALID) &&
	    cksum_fold(pkt_cksum(p, 0, len, cksum_pseudo(ip->source, ip->destination, IPPROTO_UDP_NR, len))))
		return false;
	if (!pkt_need(p, len))
		return false;
	pkt_pull(p, sizeof(*h));
	spin_lock_bh(&client.lock);
	if (client.replies.count < REPLIES_MAX) {
		pkt_queue_push(&client.replies, p);
		taken = true;
	}
	spin_unlock_bh(&client.lock);
	if (taken)
		wait_wake_all(&client.wait);
	return taken;
}

/* The interface has been unregistered: nobody is to be asked any more. */
static bool gone(void)
{
	return READ_ONCE(client.netif->gone);
}

/* The next reply to this exchange that is one of the kinds wanted, before the deadline. */
static bool reply_wait(u32 kinds, u64 deadline, struct dhcp_reply *r)
{
	while (!wait_event_uninterruptible(&client.wait, client.replies.head || gone(), deadline)) {
		struct pkt *p;
		bool good;

		if (gone())
			return false;

		spin_lock_bh(&client.lock);
		p = pkt_queue_pop(&client.replies);
		spin_unlock_bh(&client.lock);
		if (!p)
			continue;
		good = dhcp_parse(p->data, pkt_linear(p), client.xid, client.netif->mac, r) && kinds >> r->type & 1;
		pkt_free(p);
		if (good)
			return true;
	}
	return false;
}

/* A bit of chance, so that a room full of machines does not ask in step (RFC 2131, 4.1). */
static u64 with_jitter(u64 ns)
{
	return ns - ns / 8 + random_below(ns / 4 / NSEC_PER_USEC + 1) * NSEC_PER_USEC;
}

static void exchange_begin(void)
{
	client.xid = random_u32();
	client.started = clock_ns();
	spin_lock_bh(&client.lock);
	pkt_queue_purge(&client.replies);
	spin_unlock_bh(&client.lock);
	dhcp_listening = true;
}

/* ---- the states (RFC 2131, figure 5) -------------------------------------- */

/* INIT and SELECTING: ask until somebody offers; the first offer is taken. False: the interface goes. */
static bool discover(void)
{
	u64 timeout = RETRY_FIRST_NS;
	struct pkt *p;

	exchange_begin();
	for (;;) {
		/* Without a link there is nobody to ask: the clock of the retries stands still too. */
		while (!(client.netif->flags & NETIF_RUNNING) && !gone()) {
			u32 seen = netif_change_count();

			if (!(client.netif->flags & NETIF_RUNNING) && !gone())
				netif_change_wait(seen, WAIT_FOREVER);
			timeout = RETRY_FIRST_NS;
		}
		if (gone())
			return false;
		p = message_make(DHCP_DISCOVER, 0, 0, 0);
		if (p)
			send_broadcast(p, 0);
		if (reply_wait(BIT(DHCP_OFFER), clock_ns() + with_jitter(timeout), &client.offer) &&
		    client.offer.address && client.offer.server)
			return true;
		timeout = MIN(timeout * 2, RETRY_MAX_NS);
	}
}

/* REQUESTING: the offer, please. */
static bool request_offer(void)
{
	u64 timeout = RETRY_FIRST_NS;

	for (u32 i = 0; i < REQUEST_TRIES && !gone(); i++, timeout *= 2) {
		struct pkt *p = message_make(DHCP_REQUEST, 0, client.offer.address, client.offer.server);
		u64 now = clock_ns();

		if (p)
			send_broadcast(p, 0);
		if (!reply_wait(BIT(DHCP_ACK) | BIT(DHCP_NAK), now + with_jitter(timeout), &client.lease))
			continue;
		if (client.lease.type == DHCP_NAK || !client.lease.address)
			return false;
		client.leased = now;
		return true;
	}
	return false;
}

static void lease_complete(struct dhcp_reply *l, const struct dhcp_reply *before)
{
	if (!l->server)
		l->server = before->server;
	if (!l->lease_s)
		l->lease_s = 3600;
	l->lease_s = MAX(l->lease_s, 4u);	/* shorter ones would be one long renewal */
	if (!l->t1_s || l->t1_s > l->lease_s)
		l->t1_s = l->lease_s / 2;
	l->t1_s = MAX(l->t1_s, 2u);
	if (!l->t2_s || l->t2_s > l->lease_s || l->t2_s < l->t1_s)
		l->t2_s = (u64)l->lease_s * 7 / 8;
	if (mask_prefix(l->mask) <= 0) {
		u8 first = (u8)l->address;

		l->mask = prefix_mask(first < 128 ? 8 : first < 192 ? 16 : 24);
	}
}

static void lease_apply(void)
{
	const struct dhcp_reply *l = &client.lease;
	struct ip_config c = { .address = l->address, .mask = l->mask, .gateway = l->gateway,
		.server = l->next_server ? l->next_server : l->server, .dhcp = true, .lease_s = l->lease_s,
		.mtu = l->mtu };

	memcpy(c.dns, l->dns, sizeof(c.dns));
	memcpy(c.domain, l->domain, sizeof(c.domain));
	memcpy(c.host, l->host, sizeof(c.host));
	ip_config_set(client.netif, &c);
	atomic_store(&client.bound, true);
	wait_wake_all(&client.wait);
}

/* BOUND, then RENEWING (asking the server) and REBINDING (asking anybody): until the lease ends, or is refused. */
static void keep_lease(void)
{
	for (;;) {
		u64 t1 = client.leased + client.lease.t1_s * NSEC_PER_SEC;
		u64 t2 = client.leased + client.lease.t2_s * NSEC_PER_SEC;
		u64 end = client.leased + client.lease.lease_s * NSEC_PER_SEC;
		struct dhcp_reply answer = { 0 };
		u64 now;

		dhcp_listening = false;
		if (!wait_event_uninterruptible(&client.wait, gone(), client.lease.lease_s == ~0u ? WAIT_FOREVER : t1))
			return;
		exchange_begin();
		while ((now = clock_ns()) < end && !answer.type && !gone()) {
			u64 phase_end = now < t2 ? t2 : end;
			u64 wait = MAX((phase_end - now) / 2, RENEW_MIN_NS);
			struct pkt *p = message_make(DHCP_REQUEST, client.lease.address, 0, 0);

			if (p && now < t2)
				send_unicast(p, client.lease.address, client.lease.server);
			else if (p)
				send_broadcast(p, client.lease.address);
			if (!reply_wait(BIT(DHCP_ACK) | BIT(DHCP_NAK), MIN(now + wait, phase_end), &answer))
				answer.type = 0;
		}
		if (gone())
			return;
		if (answer.type != DHCP_ACK || !answer.address) {
			log_warn("%s: DHCP lease of %pI4 %s", client.netif->name, &client.lease.address,
				 answer.type == DHCP_NAK ? "refused" : "ended");
			return;
		}
		lease_complete(&answer, &client.lease);
		client.leased = now;
		if (answer.address != client.lease.address || answer.gateway != client.lease.gateway ||
		    answer.mask != client.lease.mask || memcmp(answer.dns, client.lease.dns, sizeof(answer.dns))) {
			client.lease = answer;
			lease_apply();
		} else {
			client.lease = answer;
		}
	}
}

/* The interface goes: so does the client, and another may start. */
static void client_end(void)
{
	struct netif *nif = client.netif;

	exchange_begin();		/* what came for it is not needed */
	dhcp_listening = false;
	mutex_lock(&net_config_mutex);
	client.netif = NULL;
	mutex_unlock(&net_config_mutex);
	net_quiesce();			/* of the softirqs none compares with it any more */
	netif_put(nif);
}

static void dhcp_thread(void *arg)
{
	static const struct ip_config none = { .dhcp = true };
	u64 pause = RETRY_FIRST_NS;

	while (discover()) {
		if (!request_offer()) {		/* a server that offers and refuses is not to be hammered */
			wait_event_uninterruptible(&client.wait, gone(), clock_ns() + with_jitter(pause));
			pause = MIN(pause * 2, RETRY_MAX_NS);
			continue;
		}
		pause = RETRY_FIRST_NS;
		lease_complete(&client.lease, &client.offer);
		lease_apply();
		keep_lease();
		atomic_store(&client.bound, false);
		ip_config_set(client.netif, &none);
	}
	client_end();
}

void dhcp_gone(struct netif *nif)
{
	bool ours;

	mutex_lock(&net_config_mutex);
	ours = client.netif == nif;
	mutex_unlock(&net_config_mutex);
	if (ours)
		wait_wake_all(&client.wait);
}

int dhcp_start(struct netif *nif, const char *host)
{
	if (client.netif)
		return -EBUSY;
	spin_init(&client.lock, "dhcp");
	pkt_queue_init(&client.replies);
	wait_queue_init(&client.wait, "dhcp.wait");
	strlcpy(client.host, host, sizeof(client.host));
	ref_get(&nif->refs);
	client.netif = nif;
	if (thread_create("dhcp", dhcp_thread, NULL))
		return 0;
	client.netif = NULL;
	netif_put(nif);
	return -ENOMEM;
}

int dhcp_wait(u64 deadline)
{
	return wait_event_uninterruptible(&client.wait, atomic_load(&client.bound), deadline);
}
