/*
 * TCP segment by segment, against a peer that the test plays: what is answered, what is believed, what is sent again
 * and when. And segments that no honest peer sends, by the ten thousand.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 * sources: net/tcp/[a-z]*.c net/socket_tcp.c net/socket_tcp_io.c net/socket_tcp_options.c tests/unit/net/tcp/wire.c
 */
#include <errno.h>
#include "unit.h"
#include "wire.h"
#include <linux/tcp.h>

/* The peer's side of a connection to our port 80. */
static struct {
	struct socket *l, *s;
	u32 seq;			/* next that the peer sends */
	u32 ack;			/* next that it expects */
	u16 port, window;
	bool ts;
	u32 ts_value;
} peer;

static u8 options[40];

static u32 options_ts(u32 value)
{
	put_unaligned_be32(0x0101080a, options);
	put_unaligned_be32(value, options + 4);
	put_unaligned_be32(0, options + 8);
	return 12;
}

static u32 options_sack(const u32 *edges, u32 blocks)
{
	put_unaligned_be32(0x01010500 | (2 + 8 * blocks), options);
	for (u32 i = 0; i < 2 * blocks; i++)
		put_unaligned_be32(edges[i], options + 4 + 4 * i);
	return 4 + 8 * blocks;
}

static void send_options(u8 flags, u32 seq, u32 ack, const void *text, u32 len, u32 options_len)
{
	segment_inject(&(struct segment){ .source = peer.port, .destination = 80, .seq = seq, .ack = ack, .flags = flags,
		.window = peer.window, .text = text, .len = len, .options = options, .options_len = options_len });
}

static void send_raw(u8 flags, u32 seq, u32 ack, const void *text, u32 len)
{
	send_options(flags, seq, ack, text, len, peer.ts ? options_ts(peer.ts_value) : 0);
}

static void send_ack(u32 ack)
{
	peer.ack = ack;
	send_raw(TCP_ACK, peer.seq, ack, NULL, 0);
}

static void send_text(const void *text, u32 len)
{
	send_raw(TCP_ACK | TCP_PSH, peer.seq, peer.ack, text, len);
	peer.seq += len;
}

static struct tcp_header *last(void)
{
	struct wire_frame *f = wire_sent_last();
	static struct tcp_header none;

	return f ? frame_tcp(f) : &none;
}

static u32 last_len(void)
{
	u32 len = 0;

	if (wire_sent_last())
		frame_text(wire_sent_last(), &len);
	return len;
}

enum { WITH_TS = 1, WITH_SACK = 2, WITH_WSCALE = 4 };

static void syn_send(u32 what)
{
	u32 n = 4;

	put_unaligned_be32(0x020405b4, options);
	if (what & WITH_TS) {
		put_unaligned_be32(0x0101080a, options + n);
		put_unaligned_be32(peer.ts_value, options + n + 4);
		put_unaligned_be32(0, options + n + 8);
		n += 12;
	}
	if (what & WITH_SACK) {
		put_unaligned_be32(0x01010402, options + n);
		n += 4;
	}
	if (what & WITH_WSCALE) {
		put_unaligned_be32(0x01030307, options + n);
		n += 4;
	}
	send_options(TCP_SYN, peer.seq, 0, NULL, 0, n);
}

/* The peer connects and is accepted. */
static void open_at(u32 what, u32 isn)
{
	wire_start();
	peer.l = tcp_listen_on(80, 10);
	peer.port++;
	peer.port |= 0x8000;
	peer.seq = isn;
	peer.window = 65535;
	peer.ts = what & WITH_TS;
	peer.ts_value = 1000;
	syn_send(what);
	EXPECT_EQ(last()->flags, TCP_SYN | TCP_ACK);
	EXPECT_EQ(ntohl(last()->ack), isn + 1);
	peer.seq++;
	send_ack(ntohl(last()->seq) + 1);
	EXPECT_EQ(peer.l->ops->accept(peer.l, &peer.s, true), 0);
	wire_sent_clear();
}

static void open_with(u32 what)
{
	open_at(what, 5000);
}

static void finish(void)
{
	struct abi_linger linger = { 1, 0 };

	if (peer.s) {
		socket_option_set(peer.s, SOL_SOCKET, SO_LINGER, (u8 *)&linger, sizeof(linger));
		socket_release(peer.s);
	}
	peer.s = NULL;
	socket_release(peer.l);
	wire_expect_clean();
}

static void sleep_ms(u64 ms)
{
	host_clock_advance(ms * MSEC);
}

/* ---- arrivals ---- */

TEST(the_handshake_agrees_on_what_both_can)
{
	u8 *o;

	wire_start();
	peer.l = tcp_listen_on(80, 10);
	peer.port = 40000;
	peer.seq = 1;
	peer.window = 1000;
	peer.ts_value = 77;
	syn_send(WITH_TS | WITH_SACK | WITH_WSCALE);
	EXPECT_EQ(last()->offset, 40 << 2);
	o = (u8 *)(last() + 1);
	EXPECT_EQ(get_unaligned_be32(o), 0x020405b4u);		/* MSS 1460 */
	EXPECT_EQ(get_unaligned_be32(o + 4), 0x0402080au);	/* SACK permitted, timestamps */
	EXPECT_EQ(get_unaligned_be32(o + 12), 77u);
	EXPECT_EQ(get_unaligned_be32(o + 16) >> 8, 0x010303u);
	wire_sent_clear();
	syn_send(WITH_TS | WITH_SACK | WITH_WSCALE);		/* the same again: the same answer */
	EXPECT_EQ(wire_sent_count(), 1u);
	EXPECT_EQ(last()->flags, TCP_SYN | TCP_ACK);
	wire_sent_clear();
	sleep_ms(1001);						/* and without being asked */
	EXPECT_EQ(wire_sent_count(), 1u);
	sleep_ms(2001);
	EXPECT_EQ(wire_sent_count(), 2u);
	/* A wrong ACK is answered by a reset, a right reset ends it. */
	wire_sent_clear();
	send_options(TCP_ACK, 2, ntohl(last()->seq) + 12345, NULL, 0, options_ts(78));
	EXPECT_EQ(last()->flags, TCP_RST);
	send_options(TCP_RST, 3, 0, NULL, 0, 0);
	EXPECT_EQ(conn(peer.l)->request_count, 1u);
	send_options(TCP_RST, 2, 0, NULL, 0, 0);
	EXPECT_EQ(conn(peer.l)->request_count, 0u);
	peer.s = NULL;
	finish();
}

TEST(a_reset_must_be_exact)
{
	char c;

	open_with(0);
	send_raw(TCP_RST, peer.seq + 1, 0, NULL, 0);		/* in the window only */
	EXPECT_EQ(wire_sent_count(), 1u);
	EXPECT_EQ(last()->flags, TCP_ACK);			/* a challenge */
	EXPECT_EQ(ntohl(last()->ack), peer.seq);
	EXPECT_EQ(conn(peer.s)->state, TCPS_ESTABLISHED);
	send_raw(TCP_RST, peer.seq - 1, 0, NULL, 0);		/* outside: nothing */
	send_raw(TCP_RST, peer.seq + 1000000, 0, NULL, 0);
	EXPECT_EQ(wire_sent_count(), 1u);
	send_raw(TCP_RST, peer.seq, 0, NULL, 0);
	EXPECT_EQ(tcp_recv(peer.s, &c, 1), -ECONNRESET);
	finish();
}

TEST(strangers_get_few_challenges)
{
	open_with(0);
	for (int i = 0; i < 1000; i++)
		send_raw(TCP_RST, peer.seq + 1 + i, 0, NULL, 0);
	for (int i = 0; i < 1000; i++)
		send_raw(TCP_SYN, peer.seq + i, 0, NULL, 0);
	for (int i = 0; i < 1000; i++)
		send_raw(TCP_ACK, peer.seq, peer.ack + 1 + i, NULL, 0);
	EXPECT_EQ(wire_sent_count(), 1u);
	EXPECT_EQ(conn(peer.s)->state, TCPS_ESTABLISHED);
	sleep_ms(501);
	send_raw(TCP_SYN, peer.seq, 0, NULL, 0);
	EXPECT_EQ(wire_sent_count(), 2u);
	finish();
}

TEST(segments_for_nobody_are_reset)
{
	wire_start();
	peer.port = 7777;
	segment_inject(&(struct segment){ .source = 7777, .destination = 81, .seq = 100, .flags = TCP_SYN });
	EXPECT_EQ(last()->flags, TCP_RST | TCP_ACK);
	EXPECT_EQ(ntohl(last()->seq), 0u);
	EXPECT_EQ(ntohl(last()->ack), 101u);
	segment_inject(&(struct segment){ .source = 7777, .destination = 81, .seq = 100, .ack = 555,
		.flags = TCP_ACK | TCP_FIN, .text = "abc", .len = 3 });
	EXPECT_EQ(last()->flags, TCP_RST);
	EXPECT_EQ(ntohl(last()->seq), 555u);
	EXPECT_EQ(wire_sent_count(), 2u);
	segment_inject(&(struct segment){ .source = 7777, .destination = 81, .seq = 100, .flags = TCP_RST });
	EXPECT_EQ(wire_sent_count(), 2u);
	wire_expect_clean();
}

TEST(an_old_timestamp_is_an_old_duplicate)
{
	char buf[8];

	open_with(WITH_TS);
	peer.ts_value = 2000;
	send_text("ab", 2);
	peer.ts_value = 1999;
	send_raw(TCP_ACK, peer.seq, peer.ack, "XX", 2);
	EXPECT_EQ(last()->flags, TCP_ACK);
	EXPECT_EQ(ntohl(last()->ack), peer.seq);
	peer.ts_value = 2000;
	send_text("cd", 2);
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 4);
	EXPECT(!memcmp(buf, "abcd", 4));
	/* After 24 days the peer's clock may have gone round. */
	host_clock_advance(25ull * 24 * 3600 * SEC);
	peer.ts_value = 5;
	send_text("ef", 2);
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 2);
	finish();
}

/* Any cut of the text, in any order, overlapping: each byte once, in order. Across the end of the numbers too. */
TEST(text_in_any_order_is_put_in_order)
{
	enum { LEN = 30000 };
	static u8 text[LEN], buf[LEN];

	pattern_fill(text, 0, LEN);
	for (int round = 0; round < 20; round++) {
		u32 base, got = 0;

		open_at(round & 1 ? WITH_SACK : WITH_TS | WITH_SACK, round & 2 ? 0xfffff000 : 99);
		base = peer.seq;
		while (got < LEN) {
			u32 at = unit_random_below(8) ? unit_random_below(LEN) : got;
			u32 n = 1 + unit_random_below(MIN(1400u, LEN - at));
			s64 r;

			send_raw(TCP_ACK | (at + n == LEN ? TCP_FIN : 0), base + at, peer.ack, text + at, n);
			r = tcp_recv_flags(peer.s, buf, LEN, MSG_DONTWAIT);
			if (r > 0) {
				EXPECT(pattern_check(buf, got, r));
				got += r;
			} else {
				EXPECT_EQ(r, -EAGAIN);
			}
		}
		EXPECT_EQ(got, (u32)LEN);
		send_raw(TCP_ACK | TCP_FIN, base + LEN, peer.ack, NULL, 0);
		EXPECT_EQ(tcp_recv_flags(peer.s, buf, 1, MSG_DONTWAIT), 0);
		EXPECT(rb_empty(&conn(peer.s)->ooo));
		EXPECT_EQ(conn(peer.s)->ooo_mem, 0u);
		finish();
	}
}

TEST(the_newest_block_is_told_first)
{
	static const u8 x[100];
	u8 *o;

	open_with(WITH_SACK);
	send_raw(TCP_ACK, peer.seq + 100, peer.ack, x, 100);
	o = (u8 *)(last() + 1);
	EXPECT_EQ(get_unaligned_be32(o), 0x0101050au);
	EXPECT_EQ(get_unaligned_be32(o + 4), peer.seq + 100);
	EXPECT_EQ(get_unaligned_be32(o + 8), peer.seq + 200);
	send_raw(TCP_ACK, peer.seq + 300, peer.ack, x, 100);
	send_raw(TCP_ACK, peer.seq + 500, peer.ack, x, 100);
	o = (u8 *)(last() + 1);
	EXPECT_EQ(get_unaligned_be32(o), 0x0101051au);
	EXPECT_EQ(get_unaligned_be32(o + 4), peer.seq + 500);
	EXPECT_EQ(get_unaligned_be32(o + 12), peer.seq + 300);
	EXPECT_EQ(get_unaligned_be32(o + 20), peer.seq + 100);
	EXPECT_EQ(wire_sent_count(), 3u);			/* one each, at once */
	send_raw(TCP_ACK, peer.seq + 200, peer.ack, x, 100);	/* joins two */
	o = (u8 *)(last() + 1);
	EXPECT_EQ(get_unaligned_be32(o), 0x01010512u);
	EXPECT_EQ(get_unaligned_be32(o + 4), peer.seq + 100);
	EXPECT_EQ(get_unaligned_be32(o + 8), peer.seq + 400);
	send_raw(TCP_ACK, peer.seq, peer.ack, x, 100);
	EXPECT_EQ(ntohl(last()->ack), peer.seq + 400);
	o = (u8 *)(last() + 1);
	EXPECT_EQ(get_unaligned_be32(o), 0x0101050au);
	finish();
}

TEST(text_beyond_the_window_is_not_taken)
{
	static u8 x[1400];
	u32 edge;

	open_with(0);
	edge = conn(peer.s)->rcv_edge;
	send_raw(TCP_ACK, edge, peer.ack, x, 10);
	EXPECT_EQ(conn(peer.s)->ooo_mem, 0u);
	send_raw(TCP_ACK, edge - 5, peer.ack, x, 10);
	EXPECT_EQ(conn(peer.s)->ooo_mem, (u32)PKT_TRUESIZE);
	for (u32 i = 0; i < 200; i++)				/* more than fits: nobody reads */
		send_text(x, 1400);
	EXPECT_LE(conn(peer.s)->rx_charged, 2 * peer.s->rcvbuf + (64u << 10) + PKT_TRUESIZE);
	EXPECT_LE(tcp_readable(conn(peer.s)), peer.s->rcvbuf);
	EXPECT_EQ(ntohs(last()->window), 0u);
	finish();
}

TEST(urgent_text_is_text)
{
	char buf[8];

	open_with(0);
	segment_inject(&(struct segment){ .source = peer.port, .destination = 80, .seq = peer.seq, .ack = peer.ack,
		.flags = TCP_ACK | TCP_URG, .window = 1000, .text = "abc", .len = 3, .urgent = 2 });
	peer.seq += 3;
	send_text("de", 2);
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 5);
	EXPECT(!memcmp(buf, "abcde", 5));
	finish();
}

TEST(keepalives_of_the_peer_are_answered)
{
	open_with(WITH_TS);
	send_raw(TCP_ACK, peer.seq - 1, peer.ack, NULL, 0);
	EXPECT_EQ(wire_sent_count(), 1u);
	EXPECT_EQ(ntohl(last()->ack), peer.seq);
	send_raw(TCP_ACK, peer.seq - 1, peer.ack, "x", 1);
	EXPECT_EQ(wire_sent_count(), 2u);
	finish();
}

/* ---- sending again ---- */

static u32 text_sent_at(u32 seq)
{
	u32 n = 0, len;

	for (u32 i = 0; i < wire_sent_count(); i++) {
		frame_text(wire_sent(i), &len);
		n += len && ntohl(frame_tcp(wire_sent(i))->seq) == seq;
	}
	return n;
}

TEST(the_timeout_doubles)
{
	u64 next = 1000, late = 0;

	open_with(0);
	conn(peer.s)->srtt = 0;
	conn(peer.s)->rto = SEC;
	EXPECT_EQ(tcp_send(peer.s, "x", 1), 1);
	for (u32 i = 2; i < 8; i++) {
		sleep_ms(next - 2 - late);
		EXPECT_EQ(text_sent_at(peer.ack), i - 1);
		sleep_ms(4);
		EXPECT_EQ(text_sent_at(peer.ack), i);
		next *= 2;
		late = 2;
	}
	send_ack(peer.ack + 1);
	EXPECT_EQ(conn(peer.s)->tx_head, (struct pkt *)NULL);
	sleep_ms(300 * 1000);
	EXPECT_EQ(text_sent_at(peer.ack - 1), 7u);
	finish();
}

static u8 many[64 * 1460];

TEST(three_duplicates_bring_the_lost_one)
{
	u32 first;

	open_with(0);
	first = peer.ack;
	EXPECT_EQ(tcp_send(peer.s, many, 10 * 1460), 10 * 1460);
	EXPECT_EQ(wire_sent_count(), 10u);
	send_ack(first);
	send_ack(first);
	EXPECT_EQ(text_sent_at(first), 1u);
	send_ack(first);
	EXPECT_EQ(text_sent_at(first), 2u);
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_RECOVERY);
	/* Two were lost: the partial ACK brings the second (RFC 6582). */
	send_ack(first + 5 * 1460);
	EXPECT_EQ(text_sent_at(first + 5 * 1460), 2u);
	EXPECT_EQ(text_sent_at(first + 6 * 1460), 1u);
	send_ack(first + 10 * 1460);
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_OPEN);
	EXPECT_LT(conn(peer.s)->cwnd, 10 * 1460u);
	EXPECT_EQ(tcp_in_flight(conn(peer.s)), 0u);
	finish();
}

TEST(blocks_bring_just_what_is_missing)
{
	u32 first, edges[6];

	open_with(WITH_SACK);
	first = peer.ack;
	EXPECT_EQ(tcp_send(peer.s, many, 10 * 1460), 10 * 1460);
	/* The first and the fourth are lost. */
	edges[0] = first + 1460;
	edges[1] = first + 3 * 1460;
	send_options(TCP_ACK, peer.seq, first, NULL, 0, options_sack(edges, 1));
	EXPECT_EQ(text_sent_at(first), 1u);
	edges[2] = first + 4 * 1460;
	edges[3] = first + 10 * 1460;
	send_options(TCP_ACK, peer.seq, first, NULL, 0, options_sack(edges, 2));
	EXPECT_EQ(text_sent_at(first), 2u);
	EXPECT_EQ(text_sent_at(first + 3 * 1460), 2u);
	for (u32 i = 1; i < 10; i++)
		if (i != 3)
			EXPECT_EQ(text_sent_at(first + i * 1460), 1u);
	send_ack(first + 10 * 1460);
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_OPEN);
	EXPECT_EQ(conn(peer.s)->sacked | conn(peer.s)->lost | conn(peer.s)->retrans, 0u);
	finish();
}

/* Nothing that follows shows the loss of a tail: a probe after two round trips does, long before the timeout. */
TEST(a_lost_tail_is_probed)
{
	u32 first, edges[2];

	open_with(WITH_SACK);
	conn(peer.s)->srtt = 20 * MSEC;
	conn(peer.s)->rto = 220 * MSEC;
	first = peer.ack;
	EXPECT_EQ(tcp_send(peer.s, many, 5 * 1460), 5 * 1460);
	send_ack(first + 2 * 1460);		/* the rest is lost */
	sleep_ms(100);
	EXPECT_EQ(text_sent_at(first + 4 * 1460), 2u);
	EXPECT_EQ(text_sent_at(first + 2 * 1460), 1u);
	edges[0] = first + 4 * 1460;
	edges[1] = first + 5 * 1460;
	send_options(TCP_ACK, peer.seq, first + 2 * 1460, NULL, 0, options_sack(edges, 1));
	EXPECT_EQ(text_sent_at(first + 2 * 1460), 1u);	/* perhaps only late.. */
	sleep_ms(40);
	EXPECT_EQ(text_sent_at(first + 2 * 1460), 2u);	/* ..but not for so long */
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_RECOVERY);
	send_ack(first + 5 * 1460);
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_OPEN);
	EXPECT_EQ(conn(peer.s)->sacked | conn(peer.s)->lost | conn(peer.s)->retrans, 0u);
	finish();
}

/* What was only late is not sent again. */
TEST(a_little_disorder_is_waited_out)
{
	u32 first, edges[2];

	open_with(WITH_SACK);
	conn(peer.s)->srtt = 20 * MSEC;
	first = peer.ack;
	EXPECT_EQ(tcp_send(peer.s, many, 3 * 1460), 3 * 1460);
	edges[0] = first + 1460;
	edges[1] = first + 2 * 1460;
	send_options(TCP_ACK, peer.seq, first, NULL, 0, options_sack(edges, 1));
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_DISORDER);
	sleep_ms(5);
	send_ack(first + 3 * 1460);
	sleep_ms(1000);
	EXPECT_EQ(wire_sent_count(), 3u);
	EXPECT_EQ(conn(peer.s)->ca, TCP_CA_OPEN);
	finish();
}

TEST(blocks_that_lie_do_no_harm)
{
	open_with(WITH_SACK);
	EXPECT_EQ(tcp_send(peer.s, many, 10 * 1460), 10 * 1460);
	for (u32 i = 0; i < 20000; i++) {
		u32 edges[6];

		for (u32 k = 0; k < 6; k++)
			edges[k] = unit_random_below(4) ? peer.ack + unit_random_below(12 * 1460) : unit_random();
		send_options(TCP_ACK, peer.seq, peer.ack, NULL, 0, options_sack(edges, 1 + unit_random_below(3)));
		EXPECT_LE(conn(peer.s)->sacked + conn(peer.s)->lost, 10 * 1460u);
		if (!unit_random_below(50))
			sleep_ms(unit_random_below(2000));
		if (conn(peer.s)->state != TCPS_ESTABLISHED)
			break;
	}
	send_ack(peer.ack + 10 * 1460);
	EXPECT_EQ(conn(peer.s)->sacked | conn(peer.s)->lost | conn(peer.s)->retrans, 0u);
	finish();
}

TEST(a_closed_window_is_probed_below_it)
{
	open_with(0);
	peer.window = 0;
	send_ack(peer.ack);
	EXPECT_EQ(tcp_send(peer.s, "hello", 5), 5);
	EXPECT_EQ(wire_sent_count(), 0u);
	sleep_ms(1200);
	EXPECT_GE(wire_sent_count(), 1u);
	EXPECT_EQ(ntohl(last()->seq), peer.ack - 1);
	EXPECT_EQ(last_len(), 0u);
	peer.window = 100;
	send_ack(peer.ack);
	EXPECT_EQ(last_len(), 5u);
	finish();
}

TEST(no_crumbs_into_a_silly_window)
{
	open_with(0);
	peer.window = 5000;
	send_ack(peer.ack);
	EXPECT_EQ(tcp_send(peer.s, many, 20000), 20000);
	EXPECT_EQ(wire_sent_count(), 3u);
	wire_sent_clear();
	/* The peer's window grows by ten bytes a time. */
	for (u32 i = 1; i < 50; i++) {
		peer.window = 620 + 10 * i;
		send_ack(peer.ack + (i == 1 ? 3 * 1460 : 0));
	}
	EXPECT_EQ(text_sent_at(peer.ack), 0u);
	peer.window = 1500;
	send_ack(peer.ack);
	EXPECT_EQ(last_len(), 1460u);
	finish();
}

/* ---- the end ---- */

TEST(time_wait_answers_and_is_not_killed)
{
	u32 ours;

	open_with(WITH_TS);
	socket_release(peer.s);
	peer.s = NULL;
	EXPECT_EQ(last()->flags, TCP_FIN | TCP_ACK);
	ours = ntohl(last()->seq) + 1;
	peer.ts_value++;
	send_raw(TCP_FIN | TCP_ACK, peer.seq, ours, NULL, 0);
	EXPECT_EQ(last()->flags, TCP_ACK);
	EXPECT_EQ(ntohl(last()->ack), peer.seq + 1);
	wire_sent_clear();
	send_raw(TCP_FIN | TCP_ACK, peer.seq, ours, NULL, 0);	/* its ACK got lost */
	EXPECT_EQ(wire_sent_count(), 1u);
	EXPECT_EQ(ntohl(last()->ack), peer.seq + 1);
	send_raw(TCP_RST, peer.seq + 1, 0, NULL, 0);
	send_raw(TCP_ACK, peer.seq + 1, ours, NULL, 0);
	EXPECT_EQ(wire_sent_count(), 1u);
	/* An old SYN is answered by an ACK, a new one opens. */
	peer.ts = false;
	send_raw(TCP_SYN, peer.seq - 1000, 0, NULL, 0);
	EXPECT_EQ(last()->flags, TCP_ACK);
	peer.seq += 10000;
	syn_send(0);
	EXPECT_EQ(last()->flags, TCP_SYN | TCP_ACK);
	EXPECT_EQ(ntohl(last()->ack), peer.seq + 1);
	finish();
}

TEST(an_end_before_its_text_waits)
{
	char buf[8];

	open_with(WITH_SACK);
	send_raw(TCP_FIN | TCP_ACK, peer.seq + 3, peer.ack, "def", 3);
	EXPECT_EQ(tcp_recv_flags(peer.s, buf, 8, MSG_DONTWAIT), -EAGAIN);
	send_raw(TCP_ACK, peer.seq, peer.ack, "abc", 3);
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 6);
	EXPECT(!memcmp(buf, "abcdef", 6));
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 0);
	EXPECT_EQ(ntohl(last()->ack), peer.seq + 7);
	send_raw(TCP_ACK, peer.seq + 7, peer.ack, "ghi", 3);	/* after the end: nothing */
	EXPECT_EQ(tcp_recv(peer.s, buf, 8), 0);
	finish();
}

/* ---- connecting out ---- */

static struct socket *connecting(u32 *iss)
{
	struct socket *s;

	wire_start();
	s = tcp_new();
	EXPECT_EQ(tcp_bind_to(s, 0, 80), 0);
	EXPECT_EQ(tcp_connect_to(s, OTHER_IP, 9000, true), -EINPROGRESS);
	peer.port = 9000;
	peer.window = 1000;
	peer.ts = false;
	*iss = ntohl(last()->seq);
	EXPECT_EQ(last()->flags, TCP_SYN);
	wire_sent_clear();
	return s;
}

TEST(answers_to_a_syn_are_checked)
{
	u32 iss;
	struct socket *s = connecting(&iss);

	send_options(TCP_SYN | TCP_ACK, 1000, iss, NULL, 0, 0);		/* not ours */
	EXPECT_EQ(last()->flags, TCP_RST);
	EXPECT_EQ(ntohl(last()->seq), iss);
	send_options(TCP_RST | TCP_ACK, 0, iss + 2, NULL, 0, 0);	/* nor this */
	send_options(TCP_RST, 0, 0, NULL, 0, 0);
	send_options(TCP_ACK, 0, iss + 1, NULL, 0, 0);
	EXPECT_EQ(conn(s)->state, TCPS_SYN_SENT);
	send_options(TCP_SYN | TCP_ACK, 1000, iss + 1, NULL, 0, 0);
	EXPECT_EQ(conn(s)->state, TCPS_ESTABLISHED);
	EXPECT_EQ(last()->flags, TCP_ACK);
	EXPECT_EQ(ntohl(last()->ack), 1001u);
	EXPECT_EQ(conn(s)->mss, 536u);
	send_options(TCP_RST, 1001, 0, NULL, 0, 0);
	EXPECT_EQ(socket_error_take(s), -ECONNRESET);
	socket_release(s);
	wire_expect_clean();
}

static void icmp_about(u8 type, u8 code, u32 seq)
{
	struct { struct icmp_header icmp; struct ip_header ip; be16 from, to; be32 seq; } m = { 0 };
	u8 frame[128];

	m.icmp = (struct icmp_header){ .type = type, .code = code };
	m.ip = (struct ip_header){ .version_ihl = 0x45, .length = htons(40), .ttl = 60, .protocol = 6, .source = OUR_IP,
		.destination = OTHER_IP };
	m.ip.checksum = cksum_fold(cksum_add(0, &m.ip, 20));
	m.from = htons(80);
	m.to = htons(9000);
	m.seq = htonl(seq);
	m.icmp.checksum = cksum_fold(cksum_add(0, &m, sizeof(m)));
	card_receives(frame, frame_ip(frame, GATEWAY_IP, OUR_IP, 1, 0, 9, &m, sizeof(m)));
}

TEST(unreachable_ends_connecting_but_no_connection)
{
	u32 iss;
	struct socket *s = connecting(&iss);

	icmp_about(3, 3, iss + 77);		/* about no segment of ours */
	EXPECT_EQ(conn(s)->state, TCPS_SYN_SENT);
	icmp_about(3, 3, iss);
	EXPECT_EQ(conn(s)->state, TCPS_CLOSED);
	EXPECT_EQ(socket_error_take(s), -ECONNREFUSED);
	socket_release(s);

	s = connecting(&iss);
	send_options(TCP_SYN | TCP_ACK, 1000, iss + 1, NULL, 0, 0);
	icmp_about(3, 1, iss + 1);
	icmp_about(3, 3, iss + 1);
	EXPECT_EQ(conn(s)->state, TCPS_ESTABLISHED);
	EXPECT_EQ(s->error, 0);
	send_options(TCP_RST, 1001, 0, NULL, 0, 0);
	socket_release(s);
	wire_expect_clean();
}

/* ---- floods and nonsense ---- */

TEST(a_flood_of_syns_takes_no_memory_and_shuts_nobody_out)
{
	u64 live;
	u32 iss;

	wire_start();
	peer.l = tcp_listen_on(80, 100);
	for (u32 i = 0; i < 200; i++)
		segment_inject(&(struct segment){ .from = htonl(0xc6336400 + i % 250), .source = 1000 + i,
			.destination = 80, .seq = i, .flags = TCP_SYN, .window = 1000 });
	wire_sent_clear();
	live = host_alloc_live();
	for (u32 i = 0; i < 20000; i++) {
		segment_inject(&(struct segment){ .from = htonl(0xc6336400 + unit_random_below(250)),
			.source = unit_random(), .destination = 80, .seq = unit_random(), .flags = TCP_SYN,
			.window = 1000 });
		wire_sent_clear();
	}
	EXPECT_LE(conn(peer.l)->request_count, 128u);
	pkt_drain_caches();
	EXPECT_LE(host_alloc_live(), live + 8);

	/* Somebody honest, in the middle of it. */
	peer.port = 4000;
	peer.seq = 70000;
	peer.window = 8000;
	peer.ts = false;
	syn_send(WITH_TS | WITH_SACK | WITH_WSCALE);
	EXPECT_EQ(last()->flags, TCP_SYN | TCP_ACK);
	iss = ntohl(last()->seq);
	wire_sent_clear();
	/* A guess is not believed. */
	send_options(TCP_ACK, 70001, iss + 2, NULL, 0, 0);
	EXPECT_EQ(last()->flags, TCP_RST);
	send_options(TCP_ACK, 70001, iss + 1, "hello", 5, 0);
	EXPECT_EQ(peer.l->ops->accept(peer.l, &peer.s, true), 0);
	EXPECT_EQ(conn(peer.s)->mss, 1460u);
	EXPECT_EQ(tcp_readable(conn(peer.s)), 5u);
	finish();
}

TEST(headers_that_lie_are_dropped)
{
	u64 errors;

	open_with(0);
	errors = tcp_counter_sum(TCPC_IN_ERRS);
	for (u32 i = 0; i < 3000; i++) {
		u8 segment[64], frame[256];
		struct tcp_header *th = (struct tcp_header *)segment;
		u32 len = unit_random_below(sizeof(segment));

		unit_random_fill(segment, sizeof(segment));
		th->source = htons(peer.port);
		th->destination = htons(80);
		th->seq = htonl(peer.seq);
		th->ack = htonl(peer.ack);
		th->flags = TCP_ACK;
		if (unit_random_below(2) && len >= 20) {
			th->offset = unit_random_below(2) ? unit_random_below(5) << 4 : 15 << 4;
			th->checksum = 0;
			th->checksum = cksum_fold(cksum_add(cksum_pseudo(OTHER_IP, OUR_IP, 6, len), segment, len));
		}
		card_receives(frame, frame_ip(frame, OTHER_IP, OUR_IP, 6, 0x4000, 0, segment, len));
	}
	EXPECT_GT(tcp_counter_sum(TCPC_IN_ERRS), errors + 2500);
	EXPECT_EQ(conn(peer.s)->state, TCPS_ESTABLISHED);
	finish();
}

/* Right checksums, everything else as it comes, in every state. What the connection thinks of it does not matter. */
TEST(nonsense_by_the_ten_thousand)
{
	static u8 text[1500], buf[70000];

	for (u32 round = 0; round < 300; round++) {
		open_at(unit_random_below(8), unit_random());
		for (u32 i = 0; i < 120; i++) {
			struct segment s = { .source = peer.port, .destination = 80, .window = unit_random(),
				.flags = TCP_ACK | (unit_random() & (TCP_PSH | TCP_FIN | TCP_URG)),
				.seq = peer.seq + unit_random_below(5000) - 1500,
				.ack = peer.ack + unit_random_below(4000) - 1000,
				.text = text, .options = options };

			if (!unit_random_below(3))
				s.flags = unit_random();
			if (!unit_random_below(4))
				s.seq = peer.seq;
			if (!unit_random_below(3))
				s.ack = conn(peer.s)->snd_una;
			if (!unit_random_below(20))
				s.seq = unit_random();
			if (unit_random_below(2))
				s.len = unit_random_below(1400);
			if (unit_random_below(2)) {
				s.options_len = 4 * unit_random_below(11);
				unit_random_fill(options, sizeof(options));
				if (unit_random_below(2) && s.options_len >= 12)
					options_ts(peer.ts_value + unit_random_below(100));
			}
			segment_inject(&s);
			switch (unit_random_below(16)) {
			case 0:
				tcp_send_flags(peer.s, many, unit_random_below(20000), MSG_DONTWAIT | MSG_NOSIGNAL);
				break;
			case 1:
				tcp_recv_flags(peer.s, buf, unit_random_below(sizeof(buf)), MSG_DONTWAIT);
				break;
			case 2:
				sleep_ms(unit_random_below(3000));
				break;
			case 3:
				if (!unit_random_below(10))
					peer.s->ops->shutdown(peer.s, SHUT_WR);
				break;
			}
			EXPECT_LE(conn(peer.s)->sacked + conn(peer.s)->lost,
				  conn(peer.s)->snd_nxt - conn(peer.s)->snd_una);
			wire_sent_clear();
		}
		if (unit_random_below(2)) {
			socket_release(peer.s);
			peer.s = NULL;
			for (u32 i = 0; i < 50; i++) {
				segment_inject(&(struct segment){ .source = peer.port, .destination = 80,
					.seq = peer.seq + unit_random_below(100),
					.ack = peer.ack + unit_random_below(100), .flags = unit_random(),
					.window = unit_random() });
				wire_sent_clear();
			}
		}
		finish();
	}
}

TEST(options_of_any_kind_parse)
{
	u8 o[40];
	struct tcp_options parsed;

	for (u32 i = 0; i < 200000; i++) {
		u32 n = unit_random_below(41);
		u8 *exact = malloc(n ? n : 1);

		for (u32 k = 0; k < n; k++)
			o[k] = unit_random_below(3) ? unit_random_below(12) : unit_random();
		memcpy(exact, o, n);
		tcp_options_parse(exact, n, &parsed);
		EXPECT_LE(parsed.sack_count, 4);
		EXPECT_LE(parsed.wscale, 14);
		free(exact);
	}
}
