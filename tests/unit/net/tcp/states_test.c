/*
 * TCP connections begin and end: who hears what, which errors programs see, what poll says, and that nothing is left.
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

static void sleep_ms(u64 ms)
{
	wait_until(clock_ns() + ms * MSEC);
}

static u32 events_of(struct socket *s)
{
	return s->ops->poll(s, NULL);
}

static void release_all(struct socket *a, struct socket *b, struct socket *l)
{
	if (a)
		socket_release(a);
	if (b)
		socket_release(b);
	if (l)
		socket_release(l);
	wire_expect_clean();
}

/* ---- beginning ---- */

TEST(poll_tells_each_stage_as_linux_does)
{
	struct socket *l, *a, *b;
	char c;

	wire_start();
	a = tcp_new();
	EXPECT_EQ(events_of(a), (u32)(EPOLLOUT | EPOLLWRNORM | EPOLLHUP));	/* never connected */
	l = tcp_listen_on(80, 10);
	EXPECT_EQ(events_of(l), 0u);
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true), -EINPROGRESS);
	EXPECT_EQ(events_of(a), 0u);
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true), -EALREADY);
	EXPECT_EQ(tcp_send_flags(a, "x", 1, MSG_DONTWAIT), -EAGAIN);
	sleep_ms(10);
	EXPECT_EQ(events_of(a), (u32)(EPOLLOUT | EPOLLWRNORM));
	EXPECT_EQ(events_of(l), (u32)(EPOLLIN | EPOLLRDNORM));
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true), 0);
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true), -EISCONN);
	EXPECT_EQ(l->ops->accept(l, &b, true), 0);
	EXPECT_EQ(events_of(l), 0u);
	EXPECT_EQ(l->ops->accept(l, &b, true), -EAGAIN);

	EXPECT_EQ(tcp_send(a, "x", 1), 1);
	sleep_ms(10);
	EXPECT_EQ(events_of(b), (u32)(EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM));
	EXPECT_EQ(tcp_recv(b, &c, 1), 1);
	EXPECT_EQ(events_of(b), (u32)(EPOLLOUT | EPOLLWRNORM));
	a->ops->shutdown(a, SHUT_WR);
	sleep_ms(10);
	EXPECT_EQ(events_of(b), (u32)(EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM));
	EXPECT_EQ(events_of(a), (u32)(EPOLLOUT | EPOLLWRNORM));
	b->ops->shutdown(b, SHUT_WR);
	sleep_ms(10);
	EXPECT_EQ(events_of(a) & EPOLLHUP, (u32)EPOLLHUP);
	EXPECT_EQ(events_of(b) & (EPOLLHUP | EPOLLRDHUP | EPOLLIN), (u32)(EPOLLHUP | EPOLLRDHUP | EPOLLIN));
	release_all(a, b, l);
}

TEST(a_closed_port_refuses)
{
	struct socket *a;

	wire_start();
	a = tcp_new();
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 99, false), -ECONNREFUSED);
	/* The socket is as new. */
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 99, true), -EINPROGRESS);
	sleep_ms(10);
	EXPECT_EQ(~events_of(a) & (EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT), 0u);
	EXPECT_EQ(socket_error_take(a), -ECONNREFUSED);
	release_all(a, NULL, NULL);
}

TEST(nobody_answers)
{
	struct socket *a;
	u64 began;

	wire_start();
	wire.loss = 1000;
	a = tcp_new();
	began = clock_ns();
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, false), -ETIMEDOUT);
	EXPECT_EQ(clock_ns() - began, 127 * SEC);	/* 1 + 2 + 4 + .. + 64 */
	EXPECT_EQ(wire.frames, 7ull);
	release_all(a, NULL, NULL);
}

TEST(what_is_not_connected_says_so)
{
	struct socket *a;
	char c;

	wire_start();
	a = tcp_new();
	EXPECT_EQ(tcp_recv(a, &c, 1), -ENOTCONN);
	EXPECT_EQ(tcp_send(a, &c, 1), -EPIPE);
	EXPECT_EQ(a->ops->shutdown(a, SHUT_RDWR), -ENOTCONN);
	EXPECT_EQ(a->ops->accept(a, &a, true), -EINVAL);
	release_all(a, NULL, NULL);
}

TEST(both_sides_open_at_once)
{
	struct socket *a, *b;
	struct stream up = { .bytes = 50000 }, down = { .bytes = 50000 }, got_up = { 0 }, got_down = { 0 };

	wire_start();
	a = tcp_new();
	b = tcp_new();
	EXPECT_EQ(tcp_bind_to(a, OUR_IP, 1000), 0);
	EXPECT_EQ(tcp_bind_to(b, OUR_IP, 2000), 0);
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 2000, true), -EINPROGRESS);
	EXPECT_EQ(tcp_connect_to(b, MIRROR_IP, 1000, true), -EINPROGRESS);
	sleep_ms(50);
	EXPECT_EQ(conn(a)->state, TCPS_ESTABLISHED);
	EXPECT_EQ(conn(b)->state, TCPS_ESTABLISHED);
	EXPECT(conn(a)->sack_ok && conn(a)->ts_ok && conn(a)->wscale_ok && conn(b)->sack_ok);
	up.s = got_down.s = a;
	down.s = got_up.s = b;
	stream_send(&up);
	stream_send(&down);
	stream_receive(&got_up);
	stream_receive(&got_down);
	stream_wait(&got_up);
	stream_wait(&got_down);
	EXPECT_EQ(got_up.done, 50000ull);
	EXPECT_EQ(got_down.done, 50000ull);
	release_all(a, b, NULL);
}

TEST(a_connection_over_loopback)
{
	struct socket *l, *a, *b;
	struct stream send = { .bytes = 3 << 20, .chunk = 100000 }, receive = { .chunk = 100000 };

	wire_start();
	l = tcp_listen_on(80, 10);
	a = tcp_new();
	EXPECT_EQ(tcp_connect_to(a, htonl(0x7f000001), 80, false), 0);
	EXPECT_EQ(l->ops->accept(l, &b, false), 0);
	send.s = a;
	receive.s = b;
	stream_send(&send);
	stream_receive(&receive);
	stream_wait(&receive);
	EXPECT_EQ(receive.done, send.bytes);
	release_all(a, b, l);
}

/* ---- ending ---- */

static u32 count_of_state;
static void state_count(struct tcp_entry *e, void *arg)
{
	u8 state = e->kind == TCP_CONN ? container_of(e, struct tcp_conn, e)->state
		: e->kind == TCP_TIMEWAIT ? container_of(e, struct tcp_timewait, e)->state : TCPS_SYN_RECEIVED;

	count_of_state += state == *(u8 *)arg;
}

static u32 entries_in(u8 state)
{
	count_of_state = 0;
	tcp_for_each(state_count, &state);
	return count_of_state;
}

TEST(who_closes_first_waits)
{
	struct socket *l, *a, *b;
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	socket_release(a);
	sleep_ms(10);
	EXPECT_EQ(conn(b)->state, TCPS_CLOSE_WAIT);
	EXPECT_EQ(entries_in(TCPS_FIN_WAIT_2), 1u);
	EXPECT_EQ(tcp_recv(b, &c, 1), 0);
	socket_release(b);
	sleep_ms(10);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 1u);
	EXPECT_EQ(entries_in(TCPS_LAST_ACK), 0u);
	wait_until(clock_ns() + 59 * SEC);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 1u);
	wait_until(clock_ns() + 2 * SEC);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 0u);
	release_all(NULL, NULL, l);
}

TEST(both_sides_close_at_once)
{
	struct socket *l, *a, *b;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	socket_release(a);
	socket_release(b);
	sleep_ms(20);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 2u);
	release_all(NULL, NULL, l);
}

TEST(one_half_closes_and_the_other_goes_on)
{
	struct socket *l, *a, *b;
	struct stream answer = { .bytes = 200000 }, got = { 0 };
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(a->ops->shutdown(a, SHUT_WR), 0);
	EXPECT_EQ(tcp_recv(b, &c, 1), 0);
	EXPECT_EQ(tcp_send(a, &c, 1), -EPIPE);
	sleep_ms(10 * 1000);
	EXPECT_EQ(conn(a)->state, TCPS_FIN_WAIT_2);	/* a program holds it: no hurry */
	answer.s = b;
	got.s = a;
	stream_send(&answer);
	stream_receive(&got);
	stream_wait(&got);
	EXPECT_EQ(got.done, 200000ull);
	release_all(a, b, l);
}

TEST(unread_text_resets_the_peer)
{
	struct socket *l, *a, *b;
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	sleep_ms(10);
	socket_release(b);
	sleep_ms(10);
	EXPECT_EQ(events_of(a) & (EPOLLERR | EPOLLHUP | EPOLLIN), (u32)(EPOLLERR | EPOLLHUP | EPOLLIN));
	EXPECT_EQ(tcp_recv(a, &c, 1), -ECONNRESET);
	EXPECT_EQ(tcp_recv(a, &c, 1), 0);
	EXPECT_EQ(tcp_send(a, &c, 1), -EPIPE);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 0u);
	release_all(a, NULL, l);
}

TEST(text_for_a_closed_socket_is_answered_by_a_reset)
{
	struct socket *l, *a, *b;
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	socket_release(b);
	sleep_ms(10);
	EXPECT_EQ(tcp_recv(a, &c, 1), 0);
	EXPECT_EQ(tcp_send(a, "late", 4), 4);
	sleep_ms(10);
	EXPECT_EQ(tcp_send(a, "later", 5), -EPIPE);
	release_all(a, NULL, l);
}

TEST(linger_of_zero_resets)
{
	struct socket *l, *a, *b;
	struct abi_linger linger = { 1, 0 };
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(socket_option_set(a, SOL_SOCKET, SO_LINGER, (u8 *)&linger, sizeof(linger)), 0);
	socket_release(a);
	sleep_ms(10);
	EXPECT_EQ(tcp_recv(b, &c, 1), -ECONNRESET);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), 0u);
	release_all(NULL, b, l);
}

TEST(lingering_waits_for_the_text_to_arrive)
{
	struct socket *l, *a, *b;
	struct abi_linger linger = { 1, 5 };
	u64 began;

	wire_start();
	wire.delay = 200 * MSEC;
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(socket_option_set(a, SOL_SOCKET, SO_LINGER, (u8 *)&linger, sizeof(linger)), 0);
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	began = clock_ns();
	socket_release(a);
	EXPECT_GE(clock_ns() - began, 400 * MSEC);
	EXPECT_LT(clock_ns() - began, 1000 * MSEC);
	release_all(NULL, b, l);
}

TEST(text_and_end_arrive_after_the_program_is_gone)
{
	struct socket *l, *a, *b;
	static u8 buf[100000];
	u64 got = 0;
	s64 n;

	wire_start();
	wire.loss = 100;
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	pattern_fill(buf, 0, sizeof(buf));
	EXPECT_EQ(tcp_send(a, buf, sizeof(buf)), (s64)sizeof(buf));
	socket_release(a);
	while ((n = tcp_recv(b, buf, sizeof(buf))) > 0) {
		EXPECT(pattern_check(buf, got, n));
		got += n;
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(got, sizeof(buf));
	release_all(NULL, b, l);
}

TEST(a_cut_cable_ends_in_a_timeout)
{
	struct socket *l, *a, *b;
	u64 began;
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	wire.loss = 1000;
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	began = clock_ns();
	EXPECT_EQ(tcp_recv(a, &c, 1), -ETIMEDOUT);
	EXPECT_GT(clock_ns() - began, 600 * SEC);
	EXPECT_LT(clock_ns() - began, 1200 * SEC);
	wire.loss = 0;
	release_all(a, b, l);

	/* TCP_USER_TIMEOUT: as long as the program says. */
	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_USER_TIMEOUT, 5000), 0);
	wire.loss = 1000;
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	began = clock_ns();
	EXPECT_EQ(tcp_recv(a, &c, 1), -ETIMEDOUT);
	EXPECT_GE(clock_ns() - began, 5 * SEC);
	EXPECT_LT(clock_ns() - began, 12 * SEC);
	wire.loss = 0;
	release_all(a, b, l);
}

TEST(keepalive_finds_a_dead_peer_and_spares_a_live_one)
{
	struct socket *l, *a, *b;
	u64 began;
	char c;

	wire_start();
	l = tcp_listen_on(80, 10);
	tcp_pair(l, 80, &a, &b);
	EXPECT_EQ(tcp_option(a, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_KEEPIDLE, 10), 0);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_KEEPINTVL, 5), 0);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_KEEPCNT, 3), 0);
	wire.frames = 0;
	wait_until(clock_ns() + 101 * SEC);
	EXPECT_EQ(conn(a)->state, TCPS_ESTABLISHED);
	EXPECT_GE(wire.frames, 18ull);
	EXPECT_LE(wire.frames, 20ull);
	wire.loss = 1000;
	began = clock_ns();
	EXPECT_EQ(tcp_recv(a, &c, 1), -ETIMEDOUT);
	EXPECT_LE(clock_ns() - began, 26 * SEC);
	wire.loss = 0;
	release_all(a, b, l);
}

/* ---- listening ---- */

/* More than the queue of requests holds, too: cookies serve the rest, and none is reset. */
TEST(a_full_accept_queue_loses_nobody)
{
	enum { N = 300, ADMITTED = 128 };	/* SYNs; requests that a listener holds whatever its backlog */
	struct socket *l, *a[N], *b;
	char c;

	wire_start();
	l = tcp_listen_on(80, 2);
	for (u32 i = 0; i < N; i++) {
		a[i] = tcp_new();
		EXPECT_EQ(tcp_connect_to(a[i], MIRROR_IP, 80, true), -EINPROGRESS);
	}
	sleep_ms(500);
	/* Whose SYN was taken gets in; what cookies let in beside is bounded too. */
	EXPECT(conn(l)->accept_count >= ADMITTED);
	EXPECT_LE(conn(l)->accept_count, 2u * ADMITTED + 1);
	for (u32 i = 0; i < N; i++) {
		tcp_send_flags(a[i], "x", 1, MSG_DONTWAIT);
		sleep_ms(1);
	}
	for (u32 accepted = 0; accepted < N; accepted++) {
		EXPECT_EQ(l->ops->accept(l, &b, false), 0);
		for (u32 i = 0; i < N; i++)
			if (conn(a[i])->state == TCPS_ESTABLISHED && conn(a[i])->snd_end == conn(a[i])->iss + 1)
				tcp_send_flags(a[i], "x", 1, MSG_DONTWAIT);
		EXPECT_EQ(tcp_recv(b, &c, 1), 1);
		socket_release(b);
	}
	for (u32 i = 0; i < N; i++) {
		EXPECT_EQ(a[i]->error, 0);
		socket_release(a[i]);
	}
	release_all(NULL, NULL, l);
}

TEST(a_listener_that_goes_resets_who_waits)
{
	struct socket *l, *a;
	char c;

	wire_start();
	l = tcp_listen_on(80, 5);
	a = tcp_new();
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, false), 0);
	sleep_ms(10);
	socket_release(l);
	EXPECT_EQ(tcp_recv(a, &c, 1), -ECONNRESET);
	release_all(a, NULL, NULL);
}

static void accept_thread(void *arg)
{
	struct socket *l = arg, *b;

	EXPECT_EQ(l->ops->accept(l, &b, false), -EINVAL);
}

TEST(shutdown_of_a_listener_ends_accept)
{
	struct socket *l;

	wire_start();
	l = tcp_listen_on(80, 5);
	thread_create("acceptor", accept_thread, l);
	sleep_ms(10);
	EXPECT_EQ(l->ops->shutdown(l, SHUT_RDWR), 0);
	sleep_ms(10);
	release_all(NULL, NULL, l);
}

TEST(text_may_come_with_the_last_ack_of_the_handshake)
{
	struct socket *l, *a, *b;
	char buf[8];

	wire_start();
	l = tcp_listen_on(80, 5);
	a = tcp_new();
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true), -EINPROGRESS);
	/* The bare ACK is lost: the text's is as good. */
	wait_until(clock_ns() + 1900000);
	wire.loss = 1000;
	wait_until(clock_ns() + 500000);
	wire.loss = 0;
	EXPECT_EQ(events_of(l), 0u);
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	EXPECT_EQ(l->ops->accept(l, &b, false), 0);
	EXPECT_EQ(tcp_recv(b, buf, 8), 5);
	release_all(a, b, l);
}

TEST(deferred_accept_waits_for_text)
{
	struct socket *l, *a, *b;

	wire_start();
	l = tcp_listen_on(80, 5);
	EXPECT_EQ(tcp_option(l, SOL_TCP, TCP_DEFER_ACCEPT, 5), 0);
	a = tcp_new();
	EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, false), 0);
	sleep_ms(100);
	EXPECT_EQ(events_of(l), 0u);
	EXPECT_EQ(tcp_send(a, "hello", 5), 5);
	sleep_ms(10);
	EXPECT_EQ(l->ops->accept(l, &b, true), 0);
	release_all(a, b, l);
}

/* ---- ports ---- */

TEST(ports_are_shared_as_the_options_say)
{
	struct socket *l, *m, *a, *b;

	wire_start();
	l = tcp_new();
	m = tcp_new();
	EXPECT_EQ(tcp_bind_to(l, 0, 80), 0);
	EXPECT_EQ(tcp_bind_to(m, 0, 80), -EADDRINUSE);
	EXPECT_EQ(tcp_bind_to(m, OUR_IP, 80), -EADDRINUSE);
	socket_release(l);
	EXPECT_EQ(tcp_bind_to(m, 0, 80), 0);
	EXPECT_EQ(tcp_bind_to(m, 0, 81), -EINVAL);
	socket_release(m);

	/* Two may bind with SO_REUSEADDR, but one only listens. */
	l = tcp_listen_on(80, 5);
	m = tcp_new();
	m->reuseaddr = true;
	EXPECT_EQ(tcp_bind_to(m, 0, 80), -EADDRINUSE);
	socket_release(m);

	/* A server starts again while connections of its last life wait. */
	tcp_pair(l, 80, &a, &b);
	socket_release(b);
	socket_release(l);
	socket_release(a);
	sleep_ms(10);
	m = tcp_new();
	EXPECT_EQ(tcp_bind_to(m, 0, 80), -EADDRINUSE);
	m->reuseaddr = true;
	EXPECT_EQ(tcp_bind_to(m, 0, 80), 0);
	EXPECT_EQ(m->ops->listen(m, 5), 0);
	socket_release(m);

	/* SO_REUSEPORT: each gets a share. */
	l = tcp_new();
	m = tcp_new();
	l->reuseport = m->reuseport = true;
	EXPECT_EQ(tcp_bind_to(l, 0, 90), 0);
	EXPECT_EQ(tcp_bind_to(m, 0, 90), 0);
	EXPECT_EQ(l->ops->listen(l, 100), 0);
	EXPECT_EQ(m->ops->listen(m, 100), 0);
	for (u32 i = 0; i < 60; i++) {
		a = tcp_new();
		EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 90, false), 0);
		socket_release(a);
	}
	sleep_ms(10);
	EXPECT_GT(conn(l)->accept_count, 10u);
	EXPECT_GT(conn(m)->accept_count, 10u);
	EXPECT_EQ(conn(l)->accept_count + conn(m)->accept_count, 60u);
	release_all(l, m, NULL);
}

/* More than the table begins with, more than once. */
TEST(thousands_of_connections_come_and_go)
{
	enum { N = 3000 };
	static struct socket *a[N], *b[N];
	struct socket *l;
	char buf[8];

	wire_start();
	l = tcp_listen_on(80, 4000);
	for (u32 i = 0; i < N; i++) {
		a[i] = tcp_new();
		EXPECT_EQ(tcp_connect_to(a[i], MIRROR_IP, 80, true), -EINPROGRESS);
	}
	for (u32 i = 0; i < N; i++)
		EXPECT_EQ(l->ops->accept(l, &b[i], false), 0);
	EXPECT_EQ(tcp_established, 2u * N);
	for (u32 i = 0; i < N; i++)
		EXPECT_EQ(tcp_send(a[i], "hello", 5), 5);
	for (u32 i = 0; i < N; i++)
		EXPECT_EQ(tcp_recv(b[i], buf, 8), 5);
	for (u32 i = 0; i < N; i++)
		socket_release(b[i]);
	for (u32 i = 0; i < N; i++) {
		EXPECT_EQ(tcp_recv(a[i], buf, 8), 0);
		socket_release(a[i]);
	}
	sleep_ms(20);
	EXPECT_EQ(entries_in(TCPS_TIME_WAIT), (u32)N);
	release_all(NULL, NULL, l);
}

TEST(every_connection_gets_its_memory_back)
{
	struct socket *l, *a, *b;
	struct stream s = { .bytes = 100000 }, r = { 0 };
	u64 live = 0;

	wire_start();
	l = tcp_listen_on(80, 10);
	for (u32 i = 0; i < 30; i++) {
		tcp_pair(l, 80, &a, &b);
		s = (struct stream){ .s = a, .bytes = 100000 };
		r = (struct stream){ .s = b };
		wire.loss = i;
		stream_send(&s);
		stream_receive(&r);
		stream_wait(&r);
		wire.loss = 0;
		EXPECT_EQ(r.done, 100000ull);
		socket_release(a);
		socket_release(b);
		wire_expect_clean();
		pkt_drain_caches();
		if (i == 5)
			live = host_alloc_live();
	}
	EXPECT_EQ(host_alloc_live(), live);
	release_all(NULL, NULL, l);
}

TEST(no_memory_is_an_error_and_nothing_worse)
{
	struct socket *l, *a, *b;

	wire_start();
	l = tcp_listen_on(80, 10);
	for (u32 n = 1; n < 12; n++) {
		a = tcp_new();
		pkt_drain_caches();
		host_alloc_fail(n);
		EXPECT_EQ(tcp_connect_to(a, MIRROR_IP, 80, true) & 0, 0);
		sleep_ms(50);
		host_alloc_fail(0);
		sleep_ms(5000);
		if (conn(a)->state == TCPS_ESTABLISHED) {
			EXPECT_EQ(l->ops->accept(l, &b, false), 0);
			socket_release(b);
		}
		socket_release(a);
	}
	release_all(NULL, NULL, l);
}

TEST(options_are_checked)
{
	struct socket *a;
	u8 name[16];
	u32 len = sizeof(name);

	wire_start();
	a = tcp_new();
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_KEEPIDLE, 0), -EINVAL);
	EXPECT_EQ(tcp_option(a, SOL_TCP, TCP_MAXSEG, 10), -EINVAL);
	EXPECT_EQ(tcp_option(a, SOL_TCP, 4711, 1), -ENOPROTOOPT);
	EXPECT_EQ(socket_option_set(a, SOL_TCP, TCP_NODELAY, name, 3), -EINVAL);
	EXPECT_EQ(socket_option_set(a, SOL_TCP, TCP_CONGESTION, (const u8 *)"vegas", 5), -ENOENT);
	EXPECT_EQ(socket_option_set(a, SOL_TCP, TCP_CONGESTION, (const u8 *)"reno", 4), 0);
	EXPECT_EQ(socket_option_get(a, SOL_TCP, TCP_CONGESTION, name, &len), 0);
	EXPECT_STR((char *)name, "reno");
	release_all(a, NULL, NULL);
}
