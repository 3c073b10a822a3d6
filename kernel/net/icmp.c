/*
 * ICMP (RFC 792; RFC 1122, 3.2.2; RFC 1812, 4.3.2 for what may be sent and how often). An echo is answered in the
 * packet that asked, in the softirq that received it. Errors about our packets go to the transport they belong to.
 * ip.c calls icmp_input; everybody may call icmp_send_error.
 */
#include "base/cksum.h"
#include "base/hash.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/random.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/net.h"

#define QUOTE_MAX	548		/* with headers 576 bytes (RFC 1812, 4.3.2.3) */

/* The way back to the last one who asked: a ping asks again. [its CPU, softirqs off] */
struct echo_route { be32 destination, source; struct ip_route route; };
static DEFINE_PERCPU(struct echo_route, echo_route);

/* ---- rate limit ----------------------------------------------------------- */

/* Token buckets in units of errors: for all together, and a row of them by destination. [L] */
#define ERRORS_PER_SECOND	1000
#define ERRORS_BURST		50
#define TARGET_PER_SECOND	1
#define TARGET_BURST		6
#define TARGETS			256

struct bucket { u64 filled; u32 tokens; };
static struct spinlock limit_lock = SPINLOCK_INIT("icmp.limit");	/* bh kind [L] */
static struct bucket all_errors;
static struct bucket targets[TARGETS];
static u32 target_seed;

static bool bucket_take(struct bucket *b, u64 now, u32 per_second, u32 burst)
{
	u64 interval = NSEC_PER_SEC / per_second, n = now - b->filled;

	if (!b->filled || n >= interval * burst) {
		b->tokens = burst;
		b->filled = now;
	} else if (n >= interval) {
		n /= interval;
		b->tokens = MIN(b->tokens + (u32)n, burst);
		b->filled += n * interval;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

static bool error_allowed(be32 destination)
{
	u64 now = clock_ns();
	bool ok;

	spin_lock_bh(&limit_lock);
	ok = bucket_take(&targets[hash_u32(destination ^ target_seed) >> 24], now, TARGET_PER_SECOND, TARGET_BURST) &&
		bucket_take(&all_errors, now, ERRORS_PER_SECOND, ERRORS_BURST);
	spin_unlock_bh(&limit_lock);
	return ok;
}

/* ---- what is sent --------------------------------------------------------- */

/* RFC 1122, 3.2.2: never about errors, fragments but the first, broadcasts, or those without a proper source. */
static bool error_forbidden(const struct pkt *p, const struct ip_header *ip)
{
	const u8 *payload = (const u8 *)ip + ip_header_len(ip);

	if (p->flags & (PKT_BROADCAST | PKT_MULTICAST) || ip->fragment & htons(IP_OFFSET_MASK) ||
	    ip_is_multicast(ip->destination) || ip->destination == IP_BROADCAST ||
	    (p->netif && ifaddr_is_broadcast(p->netif, ip->destination)))
		return true;
	if (!ip->source || ip_is_multicast(ip->source) || ip->source == IP_BROADCAST)
		return true;
	if (ip->protocol != IPPROTO_ICMP_NR || payload >= p->tail)
		return false;
	return *payload != ICMP_ECHO && *payload != ICMP_ECHO_REPLY && *payload < 13;
}

void icmp_send_error(const struct pkt *about, u8 type, u8 code, u32 info)
{
	const struct ip_header *ip = pkt_ip(about);
	struct ip_route route;
	struct ip_output_args args;
	struct icmp_header *h;
	struct pkt *p;
	u32 quote;

	if (error_forbidden(about, ip))
		return;
	if (!(about->flags & PKT_LOOPED) && !error_allowed(ip->source)) {
		net_count(ICMP_OUT_RATE_LIMITED);
		return;
	}
	if (route_lookup(ip->source, ip_is_local(ip->destination) ? ip->destination : 0, NULL, &route))
		return;
	p = pkt_alloc(PKT_HEADROOM);
	if (!p)
		goto out;
	quote = MIN((u32)(about->tail - (const u8 *)ip), (u32)be16_to_cpu(ip->length));
	quote = MIN(quote, (u32)QUOTE_MAX);
	h = pkt_put(p, sizeof(*h));
	*h = (struct icmp_header){ .type = type, .code = code, .info = cpu_to_be32(info) };
	memcpy(pkt_put(p, quote), ip, quote);
	h->checksum = cksum_fold(cksum_add(0, h, p->len));
	args = (struct ip_output_args){ .source = route.source, .destination = ip->source,
		.tos = (ip->tos & 0x1e) | 0xc0, .protocol = IPPROTO_ICMP_NR, .ttl = IP_DEFAULT_TTL,
		.dont_fragment = true };
	net_count(ICMP_OUT_MSGS);
	net_count(type == ICMP_UNREACHABLE ? ICMP_OUT_DEST_UNREACHS : ICMP_OUT_TIME_EXCDS);
	ip_output(p, &route, &args);
out:
	route_release(&route);
}

static bool echo_route_find(struct echo_route *e, be32 destination, be32 source)
{
	if (likely(e->destination == destination && e->source == source && route_valid(&e->route)))
		return true;
	route_release(&e->route);
	if (route_lookup(destination, source, NULL, &e->route))
		return false;
	e->destination = destination;
	e->source = source;
	return true;
}

/* The question becomes the answer: type, checksum by the difference, addresses by ip_output. Takes the pkt. */
static void echo_answer(struct pkt *p, struct ip_header *ip)
{
	struct icmp_header *h = (struct icmp_header *)p->data;
	struct echo_route *e = this_cpu(echo_route);
	struct ip_output_args args;
	u32 sum;

	net_count(ICMP_IN_ECHOS);
	if (unlikely(p->flags & (PKT_BROADCAST | PKT_MULTICAST)) ||
	    !echo_route_find(e, ip->source, ip->destination)) {
		pkt_free(p);
		return;
	}
	h->type = ICMP_ECHO_REPLY;
	sum = h->checksum + ICMP_ECHO;		/* the type is the low byte of its word (RFC 1624) */
	h->checksum = sum + (sum >> 16);
	args.source = ip->destination;
	args.destination = ip->source;
	args.protocol = IPPROTO_ICMP_NR;
	args.tos = ip->tos;
	args.ttl = IP_DEFAULT_TTL;
	args.dont_fragment = p->len + sizeof(*ip) <= e->route.mtu;
	args.id_hint = 0;
	p->flags = 0;
	net_count(ICMP_OUT_MSGS);
	net_count(ICMP_OUT_ECHO_REPS);
	ip_output(p, &e->route, &args);
}

/* ---- what is received ----------------------------------------------------- */

/* An error about a packet that we sent: at least its header and 8 bytes are quoted. */
static void error_input(struct pkt *p)
{
	struct icmp_header *h = (struct icmp_header *)p->data;
	const struct ip_header *inner;
	u32 need = sizeof(*h) + sizeof(*inner), len;
	u32 mtu = 0;

	if (!pkt_need(p, need))
		goto bad;
	inner = (const struct ip_header *)(p->data + sizeof(*h));
	if (inner->version_ihl >> 4 != 4 || ip_header_len(inner) < sizeof(*inner))
		goto bad;
	need = sizeof(*h) + ip_header_len(inner) + 8;
	if (!pkt_need(p, MIN(p->len, (u32)QUOTE_MAX)) || p->len < need || pkt_linear(p) < need)
		goto bad;
	h = (struct icmp_header *)p->data;
	inner = (const struct ip_header *)(p->data + sizeof(*h));
	len = pkt_linear(p) - sizeof(*h);
	if (inner->fragment & htons(IP_OFFSET_MASK) || !ip_is_local(inner->source))
		return;
	if (h->type == ICMP_UNREACHABLE) {
		net_count(ICMP_IN_DEST_UNREACHS);
		if (h->code == ICMP_FRAGMENTATION_NEEDED)
			mtu = be16_to_cpu(h->mtu);
	} else {
		net_count(ICMP_IN_TIME_EXCDS);
	}
	ip_error_deliver(h->type, h->code, mtu, pkt_ip(p)->source, inner, len);
	return;
bad:
	net_count(ICMP_IN_ERRORS);
}

void icmp_input(struct pkt *p, struct ip_header *ip)
{
	struct icmp_header *h;

	net_count(ICMP_IN_MSGS);
	if (unlikely(!pkt_need(p, sizeof(*h))))
		goto bad;
	if (!(p->flags & PKT_CSUM_VALID) &&
	    cksum_fold(likely(!p->frag) ? cksum_add(0, p->data, p->len) : pkt_cksum(p, 0, p->len, 0))) {
		net_count(ICMP_IN_CSUM_ERRORS);
		goto bad;
	}
	h = (struct icmp_header *)p->data;
	ip = pkt_ip(p);
	switch (h->type) {
	case ICMP_ECHO:
		if (h->code)
			goto bad;
		echo_answer(p, ip);
		return;
	case ICMP_ECHO_REPLY:
		net_count(ICMP_IN_ECHO_REPS);
		ping_input(p, ip);
		break;
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		error_input(p);
		break;
	}
	/* Redirects are not believed: the gateway is who the configuration says (RFC 1122 lets a host ignore them). */
	pkt_free(p);
	return;
bad:
	net_count(ICMP_IN_ERRORS);
	pkt_free(p);
}

void icmp_init(void)
{
	static const struct ip_protocol ops = { .input = icmp_input, .error = ping_error };

	target_seed = random_u32();
	ip_protocol_register(IPPROTO_ICMP_NR, &ops);
}
