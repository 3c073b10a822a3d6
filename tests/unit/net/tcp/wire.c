/*
 * See wire.h.
 */
#include <errno.h>
#include "unit.h"
#include "wire.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include <linux/tcp.h>

#define OTHERS_MAX 4096

struct wire wire;
static struct wire_frame *in_flight;	/* by due */
static struct wire_frame *others[OTHERS_MAX];
static u32 others_count;
static struct timer wire_timer;
static struct napi wire_napi;
static u64 line_free;			/* when the line has sent what it has */

struct tcp_header *frame_tcp(struct wire_frame *f)
{
	return (struct tcp_header *)(f->data + 34);
}

u8 *frame_text(struct wire_frame *f, u32 *len)
{
	u32 offset = frame_tcp(f)->offset >> 4 << 2;

	*len = f->len - 34 - offset;
	return f->data + 34 + offset;
}

void frame_checksum(struct wire_frame *f)
{
	struct ip_header *ip = frame_ip_header(f->data);
	struct tcp_header *th = frame_tcp(f);
	u32 len = f->len - 34;

	ip->length = cpu_to_be16(f->len - 14);
	ip->checksum = 0;
	ip->checksum = cksum_fold(cksum_add(0, ip, 20));
	th->checksum = 0;
	th->checksum = cksum_fold(cksum_add(cksum_pseudo(ip->source, ip->destination, 6, len), th, len));
}

/* ---- the card ---- */

static void timer_to_first(void)
{
	if (in_flight)
		timer_set(&wire_timer, MAX(in_flight->due, clock_ns()));
}

void wire_queue(struct wire_frame *f)
{
	struct wire_frame **link = &in_flight;

	while (*link && (*link)->due <= f->due)
		link = &(*link)->next;
	f->next = *link;
	*link = f;
	timer_to_first();
}

/* The device is done with the packet: it must be as it was given. */
static void held_release(struct wire_frame *f)
{
	struct pkt *p = f->held;

	if (!p)
		return;
	f->held = NULL;
	pkt_free(p);
}

static void held_check(const struct wire_frame *f, const u8 *data)
{
	EXPECT(!memcmp(f->held->data + 34, data + 34, MIN(f->len, pkt_linear(f->held)) - 34) ||
	       f->held->flags & PKT_CSUM_PARTIAL);
}

/* From the wire back to the stack, as from the mirror. */
static void frame_deliver(struct wire_frame *f)
{
	struct ip_header *ip = frame_ip_header(f->data);
	be32 from = ip->source;
	struct pkt *p;

	if (f->held)
		held_check(f, f->data);
	held_release(f);
	if (!f->lost) {
		memcpy(f->data, our_mac, 6);
		memcpy(f->data + 6, peer_mac, 6);
		ip->source = ip->destination;	/* the sums of both headers stay right */
		ip->destination = from;
		p = pkt_alloc(18);
		if (p) {		/* else no memory: lost */
			memcpy(pkt_put(p, f->len), f->data, f->len);
			netif_rx(&nic, p);
		}
	}
	free(f);
}

static int wire_poll(struct napi *n, int budget)
{
	int done = 0;

	while (done < budget && in_flight && in_flight->due <= clock_ns()) {
		struct wire_frame *f = in_flight;

		in_flight = f->next;
		frame_deliver(f);
		done++;
	}
	if (done < budget) {
		napi_complete(n);
		timer_to_first();
	}
	return done;
}

static void wire_tick(struct timer *t)
{
	napi_schedule(&wire_napi);
}

static void frame_count(struct wire_frame *f)
{
	u32 len;

	wire.frames++;
	frame_text(f, &len);
	if (len)
		wire.text_frames++;
	else if (frame_tcp(f)->flags == TCP_ACK)
		wire.acks++;
}

static u64 chance(void)
{
	return unit_random_below(1000);
}

/* When it arrives, by the line's rate, its length and the weather. */
static bool frame_schedule(struct wire_frame *f)
{
	u64 now = clock_ns(), start = MAX(now, line_free);

	if (wire.rate) {
		if (wire.queue && (start - now) * wire.rate / SEC > wire.queue)
			return false;
		line_free = start + f->len * SEC / wire.rate;
	}
	f->due = (wire.rate ? line_free : now) + wire.delay + (wire.jitter ? unit_random_below(wire.jitter) : 0);
	if (chance() < wire.reorder)
		f->due += wire.delay + 2 * MSEC;
	return chance() >= wire.loss;
}

/* One frame on its way; p is held until it is delivered, if that is given. */
static void frame_send(struct wire_frame *f, struct pkt *p)
{
	struct ip_header *ip = frame_ip_header(f->data);
	struct wire_frame *twin;

	EXPECT_LE(f->len, 14 + nic.mtu);
	EXPECT(!cksum_fold(cksum_add(cksum_pseudo(ip->source, ip->destination, 6, f->len - 34), f->data + 34,
				     f->len - 34)));
	frame_count(f);
	if (ip->destination != MIRROR_IP) {
		if (others_count < OTHERS_MAX)
			others[others_count++] = f;
		else
			free(f);
		if (p)
			pkt_free(p);
		return;
	}
	f->held = p;
	f->lost = wire.filter && !wire.filter(f);
	if (!f->lost)
		f->lost = !frame_schedule(f);
	if (f->lost) {
		wire.frames_lost++;
		f->due = clock_ns() + wire.delay;
	} else if (chance() < wire.duplicate) {
		twin = malloc(sizeof(*twin));
		*twin = *f;
		twin->held = NULL;
		twin->due += unit_random_below(2 * MSEC);
		wire_queue(twin);
	}
	if (wire.filter)		/* it may have changed the copy */
		held_release(f);
	wire_queue(f);
}

/* What a card does with a packet of several segments; it has the last piece, and so all, until the last is delivered. */
static void packet_cut(struct pkt *p)
{
	static u8 all[65535 + 14];
	const struct tcp_header *th = (const struct tcp_header *)(all + 34);
	u32 headers, parts = 0;

	for (struct pkt *part = p; part; part = part->frag)
		parts++;
	EXPECT_LE(parts, nic.tso_parts);
	EXPECT_LE(p->len, sizeof(all));
	EXPECT(p->gso_size && p->flags & PKT_CSUM_PARTIAL);
	pkt_copy_out(p, 0, all, p->len);
	headers = 34 + (th->offset >> 4 << 2);
	EXPECT_GT(p->len, headers + p->gso_size);
	EXPECT_EQ(frame_ip_header(all)->length, cpu_to_be16(p->len - 14));
	wire.cut++;
	for (u32 at = headers; at < p->len; at += p->gso_size) {
		struct wire_frame *f = calloc(1, sizeof(*f));
		u32 n = MIN(p->len - at, (u32)p->gso_size);
		bool last = at + n == p->len;

		memcpy(f->data, all, headers);
		memcpy(f->data + headers, all + at, n);
		f->len = headers + n;
		frame_tcp(f)->seq = htonl(ntohl(th->seq) + at - headers);
		if (!last)
			frame_tcp(f)->flags &= ~(TCP_FIN | TCP_PSH);
		frame_checksum(f);
		frame_send(f, last ? p : NULL);
	}
}

static int wire_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	struct wire_frame *f;
	struct ip_header *ip;

	if (nic_result)
		return nic_result;
	if (p->flags & PKT_GSO_TCP4) {
		packet_cut(p);
		return 0;
	}
	f = calloc(1, sizeof(*f));
	EXPECT_LE(p->len, 14 + nic.mtu);
	f->len = p->len;
	pkt_copy_out(p, 0, f->data, p->len);
	ip = frame_ip_header(f->data);
	if (be16_to_cpu(get_unaligned_be16(f->data + 12)) == 0 || ip->protocol != 6) {
		free(f);
		pkt_free(p);
		return 0;
	}
	if (p->flags & PKT_CSUM_PARTIAL) {
		EXPECT_EQ(p->csum_start, 34u);
		EXPECT_EQ(p->csum_offset, 16u);
		EXPECT(nic.features & NETIF_F_CSUM);
		*(u16 *)(f->data + 50) = cksum_fold(cksum_add(0, f->data + 34, f->len - 34));
	}
	frame_send(f, p);
	return 0;
}

/* ---- start ---- */

static void frames_forget(void)
{
	while (in_flight) {
		struct wire_frame *f = in_flight;

		in_flight = f->next;
		held_release(f);
		free(f);
	}
	wire_sent_clear();
}

void wire_start(void)
{
	static const struct netif_ops ops = { .xmit = wire_xmit };
	static bool started;
	struct neighbour *n;

	stack_start();
	if (!started) {
		started = true;
		timer_init(&wire_timer, wire_tick);
		napi_init(&wire_napi, wire_poll, NULL);
		EXPECT_EQ(tcp_init(), 0);
		nic.ops = &ops;
		n = neigh_get(&nic, OTHER_IP);
		neigh_set(n, peer_mac, NEIGH_PERMANENT);
		neigh_put(n);
	}
	frames_forget();
	wire = (struct wire){ .delay = MSEC };
	line_free = 0;
	nic.mtu = 1500;
	nic.features = nic.tso_parts = 0;
	route_cache_flush();
}

static void entry_note(struct tcp_entry *e, void *arg)
{
	++*(u32 *)arg;
}

void wire_expect_clean(void)
{
	u32 left = 0;

	host_clock_advance(1200 * SEC);	/* an orphan tries eight times, two minutes apart at most */
	tcp_for_each(entry_note, &left);
	EXPECT_EQ(left, 0u);
	EXPECT_EQ(tcp_established, 0u);
	frames_forget();
}

/* ---- sockets ---- */

struct socket *tcp_new(void)
{
	struct socket *s = NULL;

	EXPECT_EQ(socket_create(AF_INET, SOCK_STREAM, 0, &s), 0);
	return s;
}

int tcp_bind_to(struct socket *s, be32 local, u16 port)
{
	u8 addr[SOCKADDR_MAX] = { 0 };
	u32 len;

	inet_addr_fill(addr, &len, local, cpu_to_be16(port));
	return s->ops->bind(s, addr, len);
}

struct socket *tcp_listen_on(u16 port, int backlog)
{
	struct socket *s = tcp_new();

	s->reuseaddr = true;
	EXPECT_EQ(tcp_bind_to(s, 0, port), 0);
	EXPECT_EQ(s->ops->listen(s, backlog), 0);
	return s;
}

int tcp_connect_to(struct socket *s, be32 to, u16 port, bool nonblock)
{
	u8 addr[SOCKADDR_MAX] = { 0 };
	u32 len;

	inet_addr_fill(addr, &len, to, cpu_to_be16(port));
	return s->ops->connect(s, addr, len, nonblock);
}

void tcp_pair(struct socket *l, u16 port, struct socket **client, struct socket **server)
{
	*client = tcp_new();
	EXPECT_EQ(tcp_connect_to(*client, MIRROR_IP, port, false), 0);
	EXPECT_EQ(l->ops->accept(l, server, false), 0);
}

s64 tcp_send_flags(struct socket *s, const void *data, size_t len, u32 flags)
{
	struct socket_msg m = { .flags = flags };

	uio_user(&m.uio, (u64)data, len);
	return s->ops->sendmsg(s, &m);
}

s64 tcp_recv_flags(struct socket *s, void *data, size_t len, u32 flags)
{
	struct socket_msg m = { .flags = flags };

	uio_user(&m.uio, (u64)data, len);
	return s->ops->recvmsg(s, &m);
}

int tcp_option(struct socket *s, int level, int name, s32 value)
{
	return socket_option_set(s, level, name, (const u8 *)&value, sizeof(value));
}

/* ---- streams ---- */

void pattern_fill(u8 *p, u64 at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (at + i) * 131 + ((at + i) >> 8) * 7 + ((at + i) >> 16);
}

bool pattern_check(const u8 *p, u64 at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != (u8)((at + i) * 131 + ((at + i) >> 8) * 7 + ((at + i) >> 16)))
			return false;
	return true;
}

static struct wait_queue stream_queue = WAIT_QUEUE_INIT(stream_queue, "test.stream");

static void stream_end(struct stream *t)
{
	t->finished = true;
	wait_wake_all(&stream_queue);
}

static void send_thread(void *arg)
{
	struct stream *t = arg;
	u32 chunk = t->chunk ? t->chunk : 16384;
	u8 *buf = malloc(chunk);

	while (t->done < t->bytes && !t->error) {
		u32 n = MIN(1 + unit_random_below(chunk), t->bytes - t->done);
		s64 sent;

		pattern_fill(buf, t->done, n);
		sent = tcp_send(t->s, buf, n);
		if (sent < 0)
			t->error = sent;
		else
			t->done += sent;
	}
	if (!t->error && !t->keep_open)
		t->error = t->s->ops->shutdown(t->s, SHUT_WR);
	free(buf);
	stream_end(t);
}

static void receive_thread(void *arg)
{
	struct stream *t = arg;
	u32 chunk = t->chunk ? t->chunk : 16384;
	u8 *buf = malloc(chunk);
	s64 n;

	while ((n = tcp_recv(t->s, buf, 1 + unit_random_below(chunk))) > 0) {
		if (!pattern_check(buf, t->done, n)) {
			unit_fail(__FILE__, __LINE__, "wrong text at %llu", (unsigned long long)t->done);
			break;
		}
		t->done += n;
		if (t->keep_open && t->done >= t->bytes)
			break;
	}
	t->error = n < 0 ? n : 0;
	free(buf);
	stream_end(t);
}

void stream_send(struct stream *t) { thread_create("sender", send_thread, t); }
void stream_receive(struct stream *t) { thread_create("receiver", receive_thread, t); }
void stream_wait(struct stream *t) { wait_event(&stream_queue, t->finished); }

/* ---- a peer by hand ---- */

void segment_inject(const struct segment *s)
{
	u8 segment[1600], frame[2048];
	struct tcp_header *th = (struct tcp_header *)segment;
	u32 len = 20 + s->options_len + s->len;
	be32 from = s->from ? s->from : OTHER_IP;

	*th = (struct tcp_header){ .source = cpu_to_be16(s->source), .destination = cpu_to_be16(s->destination),
		.seq = htonl(s->seq), .ack = htonl(s->ack), .offset = (20 + s->options_len) << 2, .flags = s->flags,
		.window = htons(s->window), .urgent = htons(s->urgent) };
	if (s->options_len)
		memcpy(segment + 20, s->options, s->options_len);
	if (s->len)
		memcpy(segment + 20 + s->options_len, s->text, s->len);
	th->checksum = cksum_fold(cksum_add(cksum_pseudo(from, OUR_IP, 6, len), segment, len));
	card_receives(frame, frame_ip(frame, from, OUR_IP, 6, 0x4000, 0, segment, len));
}

u32 wire_sent_count(void)
{
	return others_count;
}

struct wire_frame *wire_sent(u32 i)
{
	return i < others_count ? others[i] : NULL;
}

struct wire_frame *wire_sent_last(void)
{
	return others_count ? others[others_count - 1] : NULL;
}

void wire_sent_clear(void)
{
	while (others_count)
		free(others[--others_count]);
}
