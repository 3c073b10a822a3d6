/*
 * TCP carries text: whole and in order, whatever the wire does to it; and with as few segments as it should.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 * sources: net/tcp/ack.c net/tcp/[b-r]*.c net/tcp/sack.c net/tcp/t*.c
 * sources: net/socket_tcp.c net/socket_tcp_io.c net/socket_tcp_options.c tests/unit/net/tcp/wire.c
 */
#include <errno.h>
#include "unit.h"
#include "wire.h"
#include <linux/tcp.h>

/* In seq.c's place: the test chooses. */
static u32 next_iss;
u32 tcp_initial_seq(be32 local, be32 remote, be16 local_port, be16 remote_port) { return next_iss += 64000; }
u32 tcp_timestamp_offset(be32 local, be32 remote) { return 0xffffff00; }

/* bytes from the client to the server and back at the same time; then both close. */
static void exchange(u64 up, u64 down)
{
	struct socket *l = tcp_listen_on(80, 10), *a, *b;
	struct stream sends = { .bytes = up }, answers = { .bytes = down }, receives = { 0 }, gets = { 0 };

	tcp_pair(l, 80, &a, &b);
	sends.s = gets.s = a;
	answers.s = receives.s = b;
	stream_send(&sends);
	stream_receive(&receives);
	stream_send(&answers);
	stream_receive(&gets);
	stream_wait(&sends);
	stream_wait(&answers);
	stream_wait(&receives);
	stream_wait(&gets);
	EXPECT_EQ(sends.error, 0);
	EXPECT_EQ(answers.error, 0);
	EXPECT_EQ(receives.error, 0);
	EXPECT_EQ(gets.error, 0);
	EXPECT_EQ(receives.done, up);
	EXPECT_EQ(gets.done, down);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(text_arrives_over_a_good_wire)
{
	wire_start();
	exchange(3 << 20, 1 << 20);
	EXPECT_EQ(tcp_counter_sum(TCPC_RETRANS_SEGS), 0ull);
}

TEST(the_card_may_finish_checksums)
{
	wire_start();
	nic.features = NETIF_F_CSUM;
	exchange(1 << 20, 1 << 20);
}

/* The SYNs come without the options that follow MSS, as from an old peer. */
static bool strip_options(struct wire_frame *f)
{
	struct tcp_header *th = frame_tcp(f);

	if (th->flags & TCP_SYN) {
		memset(f->data + 34 + 24, 1, (th->offset >> 4 << 2) - 24);
		frame_checksum(f);
	}
	return true;
}

/* A card that cuts, whatever the wire then does to the segments. */
static void cutting_card(u32 parts)
{
	nic.features = NETIF_F_CSUM | NETIF_F_SG;
	nic.tso_parts = parts;
}

TEST(the_card_may_cut_segments)
{
	u64 frames;

	wire_start();
	cutting_card(44);
	exchange(3 << 20, 1 << 20);
	EXPECT_EQ(tcp_counter_sum(TCPC_RETRANS_SEGS), 0ull);
	EXPECT_GT(wire.cut, 0ull);
	EXPECT_LT(wire.cut, wire.text_frames / 4);
	/* No more segments than without. */
	frames = wire.text_frames;
	wire_start();
	exchange(3 << 20, 1 << 20);
	EXPECT_EQ(wire.cut, 0ull);
	EXPECT_LE(frames, wire.text_frames + wire.text_frames / 20);
}

TEST(cut_segments_arrive_over_bad_wires)
{
	static const struct { u32 parts, loss, duplicate, reorder; u64 delay; } weathers[] = {
		{ 44, 10, 0, 0, MSEC }, { 3, 10, 0, 0, MSEC }, { 44, 50, 20, 50, MSEC }, { 16, 0, 0, 300, 5 * MSEC },
		{ 44, 200, 50, 50, 2 * MSEC }, { 44, 20, 10, 10, 100 * MSEC }, { 1, 20, 0, 0, MSEC },
	};

	for (u32 i = 0; i < ARRAY_SIZE(weathers); i++) {
		wire_start();
		cutting_card(weathers[i].parts);
		wire.loss = weathers[i].loss;
		wire.duplicate = weathers[i].duplicate;
		wire.reorder = weathers[i].reorder;
		wire.delay = weathers[i].delay;
		exchange(400000, 300000);
		EXPECT_EQ(!!wire.cut, weathers[i].parts > 1);
	}
	/* And to a peer without selective acknowledgements. */
	wire_start();
	cutting_card(44);
	wire.filter = strip_options;
	wire.loss = 30;
	exchange(300000, 300000);
}

/* The way leads over another card meanwhile: what was meant for one that cuts is sent anew, in segments. */
TEST(a_card_that_no_longer_cuts)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 2 << 20 }, receive = { 0 };

	wire_start();
	cutting_card(44);
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	nic.tso_parts = 0;
	send.s = a;
	receive.s = b;
	stream_send(&send);
	stream_receive(&receive);
	wait_until(clock_ns() + 20 * MSEC);
	EXPECT_EQ(wire.cut, 0ull);
	route_cache_flush();
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(sequence_numbers_wrap)
{
	wire_start();
	next_iss = 0xffff0000 - 64000;
	wire.loss = 10;
	exchange(1 << 20, 1 << 20);
}

TEST(text_arrives_over_bad_wires)
{
	static const struct { u32 loss, duplicate, reorder; u64 delay, jitter; } weathers[] = {
		{ 10, 0, 0, MSEC, 0 }, { 50, 20, 50, MSEC, 0 }, { 50, 0, 0, 10 * MSEC, MSEC }, { 0, 0, 300, 5 * MSEC, 0 },
		{ 0, 300, 0, MSEC, 0 }, { 200, 50, 50, 2 * MSEC, 3 * MSEC }, { 20, 10, 10, 100 * MSEC, 20 * MSEC },
	};

	for (u32 i = 0; i < ARRAY_SIZE(weathers); i++) {
		wire_start();
		wire.loss = weathers[i].loss;
		wire.duplicate = weathers[i].duplicate;
		wire.reorder = weathers[i].reorder;
		wire.delay = weathers[i].delay;
		wire.jitter = weathers[i].jitter;
		exchange(400000, 300000);
	}
}

TEST(a_peer_without_options_is_served)
{
	wire_start();
	wire.filter = strip_options;
	exchange(300000, 300000);
	wire_start();
	wire.filter = strip_options;
	wire.loss = 30;
	wire.reorder = 20;
	exchange(300000, 300000);
}

TEST(reno_carries_too)
{
	const struct tcp_cc *before = tcp_cc_default;

	wire_start();
	tcp_cc_default = &tcp_cc_reno;
	wire.loss = 20;
	exchange(500000, 500000);
	tcp_cc_default = before;
}

/* A line of 2 MB/s with room for 64 KB: the window must grow to fill it, fall when it overflows, and grow again. */
TEST(the_congestion_window_falls_and_recovers)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 12 << 20 }, receive = { 0 };
	u32 highest = 0, after_fall = 0, falls = 0, regrown = 0, before = 0;
	u64 began;

	wire_start();
	wire.rate = 2 << 20;
	wire.queue = 64 << 10;
	wire.delay = 10 * MSEC;
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	send.s = a;
	receive.s = b;
	began = clock_ns();
	stream_send(&send);
	stream_receive(&receive);
	while (!receive.finished) {
		u32 cwnd = conn(a)->cwnd;

		EXPECT_LE(tcp_in_flight(conn(a)), 8u << 20);
		if (cwnd < before) {
			falls++;
			after_fall = cwnd;
		} else if (after_fall && cwnd > after_fall + 5 * conn(a)->mss) {
			regrown++;
			after_fall = 0;
		}
		highest = MAX(highest, cwnd);
		before = cwnd;
		wait_until(clock_ns() + 5 * MSEC);
	}
	EXPECT_EQ(receive.done, send.bytes);
	EXPECT_GE(falls, 3u);
	EXPECT_GE(regrown, 2u);
	EXPECT_GT(highest, 60000u);
	/* 6.3 s at the least; most of the line is used. */
	EXPECT_LT(clock_ns() - began, 9 * SEC);
	EXPECT_LT(conn(a)->ssthresh, 1u << 20);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(a_long_path_gets_a_large_window)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 24 << 20 }, receive = { 0 };
	u64 began;

	wire_start();
	wire.delay = 50 * MSEC;
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	send.s = a;
	receive.s = b;
	receive.chunk = 1 << 20;
	send.chunk = 1 << 20;
	began = clock_ns();
	stream_send(&send);
	stream_receive(&receive);
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	EXPECT_GE(b->rcvbuf, 2u << 20);
	EXPECT_GE(a->sndbuf, 2u << 20);
	EXPECT_LT(clock_ns() - began, 5 * SEC);		/* 128 KiB a round trip would take 19 */
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(a_closed_window_is_probed_and_opens)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 2 << 20 }, receive = { 0 };
	u32 text;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	send.s = a;
	receive.s = b;
	stream_send(&send);
	wait_until(clock_ns() + 5 * SEC);
	EXPECT(!send.finished);
	EXPECT_LE(conn(b)->rcv_nxt - conn(b)->irs, b->rcvbuf + 1);
	EXPECT_LE(conn(a)->tx_mem, a->sndbuf + PKT_TRUESIZE);
	EXPECT_EQ(conn(a)->snd_wnd >> 11, 0u);
	text = wire.text_frames;
	wait_until(clock_ns() + 400 * SEC);	/* long: probes are answered, the connection stays */
	EXPECT_LE(wire.text_frames - text, 20u);
	EXPECT_EQ(send.error, 0);
	wire.loss = 1000;			/* the news that the window is open gets lost */
	text = conn(b)->copied;
	stream_receive(&receive);
	wait_until(clock_ns() + SEC);
	wire.loss = 0;
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

/* ---- how many segments ---- */

TEST(a_response_carries_the_acknowledgement)
{
	struct socket *l, *a, *b;
	u8 byte = 'x';

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	wait_until(clock_ns() + SEC);
	wire.frames = 0;
	for (int i = 0; i < 100; i++) {
		EXPECT_EQ(tcp_send(a, &byte, 1), 1);
		EXPECT_EQ(tcp_recv(b, &byte, 1), 1);
		EXPECT_EQ(tcp_send(b, &byte, 1), 1);
		EXPECT_EQ(tcp_recv(a, &byte, 1), 1);
	}
	EXPECT_EQ(wire.frames, 200ull);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(an_ack_is_delayed_but_not_for_long)
{
	struct socket *l, *a, *b;
	u8 byte = 'x';

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	wait_until(clock_ns() + SEC);
	wire.acks = 0;
	EXPECT_EQ(tcp_send(a, &byte, 1), 1);
	wait_until(clock_ns() + 20 * MSEC);
	EXPECT_EQ(wire.acks, 0ull);
	wait_until(clock_ns() + 30 * MSEC);
	EXPECT_EQ(wire.acks, 1ull);
	EXPECT_EQ(conn(a)->tx_head, (struct pkt *)NULL);
	/* Asked for: at once. */
	EXPECT_EQ(tcp_option(b, SOL_TCP, TCP_QUICKACK, 1), 0);
	EXPECT_EQ(tcp_send(a, &byte, 1), 1);
	wait_until(clock_ns() + 3 * MSEC);
	EXPECT_EQ(wire.acks, 2ull);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(bulk_text_is_acknowledged_by_batches)
{
	wire_start();
	exchange(2 << 20, 0);
	EXPECT_LT(wire.acks, wire.text_frames / 2);
	EXPECT_LT(wire.text_frames, 1600ull);		/* 1449 full ones would do */
}

TEST(nagle_gathers_and_nodelay_does_not)
{
	struct socket *l, *a, *b;
	u8 buf[100];

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	wire.text_frames = 0;
	for (int i = 0; i < 50; i++)
		EXPECT_EQ(tcp_send(a, "abcd", 4), 4);
	EXPECT_EQ(wire.text_frames, 1ull);		/* the first; the rest waits for its ACK */
	wait_until(clock_ns() + 200 * MSEC);
	EXPECT_EQ(wire.text_frames, 2ull);
	EXPECT_EQ(tcp_recv_flags(b, buf, 100, MSG_WAITALL), 100);
	EXPECT_EQ(tcp_recv_flags(b, buf, 100, MSG_WAITALL), 100);

	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_NODELAY, 1), 0);
	wire.text_frames = 0;
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(tcp_send(a, "abcd", 4), 4);
	EXPECT_EQ(wire.text_frames, 10ull);

	/* A cork holds back what is not full, until it is drawn or has been in for long. */
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_CORK, 1), 0);
	wait_until(clock_ns() + SEC);
	wire.text_frames = 0;
	EXPECT_EQ(tcp_send(a, "abcd", 4), 4);
	EXPECT_EQ(tcp_send(a, "efgh", 4), 4);
	wait_until(clock_ns() + 10 * MSEC);
	EXPECT_EQ(wire.text_frames, 0ull);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_CORK, 0), 0);
	EXPECT_EQ(wire.text_frames, 1ull);
	/* MSG_MORE is a cork for one write. */
	EXPECT_EQ(tcp_send_flags(a, "abcd", 4, MSG_MORE), 4);
	EXPECT_EQ(wire.text_frames, 1ull);
	EXPECT_EQ(tcp_send(a, "efgh", 4), 4);
	EXPECT_EQ(wire.text_frames, 2ull);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(small_writes_share_packets)
{
	struct socket *l, *a, *b;
	u8 buf[4096];
	u64 got = 0;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	wire.loss = 1000;		/* nothing is acknowledged: all but the first waits */
	for (u32 i = 0; i < 4000; i++) {
		pattern_fill(buf, i * 3, 3);
		EXPECT_EQ(tcp_send_flags(a, buf, 3, MSG_DONTWAIT), 3);
	}
	EXPECT_LE(conn(a)->tx_mem, 12 * PKT_TRUESIZE);
	wire.loss = 0;
	while (got < 12000) {
		s64 n = tcp_recv(b, buf, sizeof(buf));

		REQUIRE(n > 0);
		EXPECT(pattern_check(buf, got, n));
		got += n;
	}
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

/* ---- path MTU ---- */

static u32 path_mtu;

/* A router on the way whose next link is narrow: it says so and drops. */
static bool narrow_router(struct wire_frame *f)
{
	struct { struct icmp_header icmp; u8 inner[28]; } m = { 0 };
	struct wire_frame *reply;
	u8 frame[128];

	if (f->len - 14 <= path_mtu)
		return true;
	m.icmp = (struct icmp_header){ .type = 3, .code = 4, .mtu = htons(path_mtu) };
	memcpy(m.inner, f->data + 14, 28);
	m.icmp.checksum = cksum_fold(cksum_add(0, &m, sizeof(m)));
	/* On the wire towards us: the mirror exchanges the addresses. */
	reply = calloc(1, sizeof(*reply));
	reply->len = frame_ip(frame, OUR_IP, GATEWAY_IP, 1, 0, 7, &m, sizeof(m));
	memcpy(reply->data, frame, reply->len);
	reply->due = clock_ns() + MSEC;
	wire_queue(reply);
	return false;
}

TEST(a_narrow_path_is_learned)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 300000 }, receive = { 0 };
	u64 timeouts = tcp_counter_sum(TCPC_TIMEOUTS);

	wire_start();
	path_mtu = 1000;
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(conn(a)->mss, 1448u);
	wire.filter = narrow_router;
	send.s = a;
	receive.s = b;
	stream_send(&send);
	stream_receive(&receive);
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	EXPECT_EQ(conn(a)->mss, 948u);
	EXPECT_EQ(tcp_counter_sum(TCPC_TIMEOUTS), timeouts);
	wire.filter = NULL;
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
	host_clock_advance(700 * SEC);		/* the path's memory */
}

/* ---- reading ---- */

TEST(peek_waitall_and_trunc)
{
	struct socket *l, *a, *b;
	u8 buf[64] = { 0 };

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_recv_flags(b, buf, 8, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(tcp_send(a, "hello ", 6), 6);
	EXPECT_EQ(tcp_recv_flags(b, buf, 64, MSG_PEEK), 6);
	EXPECT_EQ(tcp_send(a, "world", 5), 5);
	wait_until(clock_ns() + 100 * MSEC);
	EXPECT_EQ(tcp_recv_flags(b, buf, 64, MSG_PEEK), 11);
	EXPECT(!memcmp(buf, "hello world", 11));
	EXPECT_EQ(tcp_readable(conn(b)), 11u);
	EXPECT_EQ(tcp_recv_flags(b, buf, 6, MSG_TRUNC), 6);	/* thrown away */
	EXPECT_EQ(tcp_recv(b, buf, 2), 2);
	EXPECT(!memcmp(buf, "wo", 2));
	/* Waits for all of it, or the end. */
	a->ops->shutdown(a, SHUT_WR);
	EXPECT_EQ(tcp_recv_flags(b, buf, 64, MSG_WAITALL), 3);
	EXPECT_EQ(tcp_recv(b, buf, 64), 0);
	EXPECT_EQ(tcp_recv(b, buf, 64), 0);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(a_fault_of_the_reader_loses_nothing)
{
	struct socket *l, *a, *b;
	static u8 buf[4096];

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	wait_until(clock_ns() + 100 * MSEC);
	host_user_fault(buf, sizeof(buf));
	EXPECT_EQ(tcp_recv(b, buf, 5), -EFAULT);
	EXPECT_EQ(tcp_send(a, buf, 5), -EFAULT);
	host_user_fault(NULL, 0);
	EXPECT_EQ(tcp_recv(b, buf, 5), 5);
	EXPECT(!memcmp(buf, "hello", 5));
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(timeouts_of_the_program_end_a_wait)
{
	struct socket *l, *a, *b;
	struct abi_timeval tv = { 0, 300000 };
	static u8 buf[1 << 20];
	u64 began;
	s64 n;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(socket_option_set(b, SOL_SOCKET, SO_RCVTIMEO_OLD, (u8 *)&tv, sizeof(tv)), 0);
	EXPECT_EQ(socket_option_set(a, SOL_SOCKET, SO_SNDTIMEO_OLD, (u8 *)&tv, sizeof(tv)), 0);
	began = clock_ns();
	EXPECT_EQ(tcp_recv(b, buf, 1), -EAGAIN);
	EXPECT_EQ(clock_ns() - began, 300 * MSEC);
	n = tcp_send(a, buf, sizeof(buf));
	EXPECT_GT(n, 128 << 10);
	EXPECT_LT(n, 1 << 20);
	EXPECT_EQ(tcp_send(a, buf, 1 << 20), -EAGAIN);
	EXPECT_EQ(tcp_send_flags(a, buf, 1 << 20, MSG_DONTWAIT), -EAGAIN);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

/* Crumbs must not cost a packet's memory each. */
TEST(received_crumbs_are_gathered)
{
	struct socket *l, *a, *b;
	static u8 buf[8192];
	u64 got = 0;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_NODELAY, 1), 0);
	for (u32 i = 0; i < 8000; i++) {
		u8 byte;

		pattern_fill(&byte, i, 1);
		EXPECT_EQ(tcp_send(a, &byte, 1), 1);
	}
	wait_until(clock_ns() + SEC);
	EXPECT_EQ(tcp_readable(conn(b)), 8000u);
	EXPECT_LE(conn(b)->rx_charged - conn(b)->rx_freed, 10 * PKT_TRUESIZE);
	got = tcp_recv(b, buf, sizeof(buf));
	EXPECT_EQ(got, 8000ull);
	EXPECT(pattern_check(buf, 0, got));
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}

TEST(memory_that_fails_costs_time_only)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 200000 }, receive = { 0 };

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	send.s = a;
	receive.s = b;
	stream_receive(&receive);
	nic_result = -ENOBUFS;		/* the card's ring, then the queue behind it */
	stream_send(&send);
	wait_until(clock_ns() + 50 * MSEC);
	nic_result = 0;
	netif_tx_wake(&nic, 0);
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	socket_release(a);
	socket_release(b);
	socket_release(l);
	wire_expect_clean();
}
