/*
 * The kernel's DHCP client against a server of the test's own, honest and not; the words of ip=.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"
#include "net/dhcp_message.h"
#include "net/ip_config.h"

#define SERVER_IP htonl(0xc0a80701)	/* 192.168.7.1 */
#define LEASED_IP htonl(0xc0a80763)

/* ---- the words of ip= ---- */

TEST(the_words_of_ip_are_read_as_linux_reads_them)
{
	struct ip_config c;

	EXPECT_EQ(ip_config_parse("dhcp", &c), 0);
	EXPECT(c.dhcp);
	EXPECT_EQ(ip_config_parse("on", &c), 0);
	EXPECT_EQ(ip_config_parse("off", &c), 1);
	EXPECT_EQ(ip_config_parse("none", &c), 1);
	EXPECT_EQ(ip_config_parse("10.77.0.2::10.77.0.1:255.255.255.0:::off", &c), 0);
	EXPECT(!c.dhcp);
	EXPECT_EQ(c.address, htonl(0x0a4d0002));
	EXPECT_EQ(c.gateway, htonl(0x0a4d0001));
	EXPECT_EQ(c.mask, htonl(0xffffff00));
	EXPECT_EQ(ip_config_parse("10.0.0.2:10.0.0.9:10.0.0.1:255.0.0.0:box:eth1:off:1.1.1.1:8.8.8.8", &c), 0);
	EXPECT_STR(c.host, "box");
	EXPECT_STR(c.device, "eth1");
	EXPECT_EQ(c.dns[0], htonl(0x01010101));
	EXPECT_EQ(c.dns[1], htonl(0x08080808));
	EXPECT_EQ(c.server, htonl(0x0a000009));
	EXPECT_EQ(ip_config_parse(":::::eth0:dhcp", &c), 0);
	EXPECT(c.dhcp);
	EXPECT_STR(c.device, "eth0");
	EXPECT_EQ(ip_config_parse("10.0.0.2", &c), 0);
	EXPECT_EQ(c.address, htonl(0x0a000002));
}

TEST(words_that_are_wrong_are_refused)
{
	static const char *const wrong[] = { "dhpc", "10.0.0", "10.0.0.256::", "10.0.0.2::x", "10.0.0.2:::255.0.255.0",
		"10.0.0.2::::::maybe", "10.0.0.2:::::an-interface-name-far-too-long:off", "1.2.3.4:::::::::1:2:3" };
	struct ip_config c;

	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(ip_config_parse(wrong[i], &c), -EINVAL);
}

/* ---- replies ---- */

static u32 reply_make(u8 *m, u8 type, be32 xid, be32 address, const u8 *more, u32 more_len)
{
	struct dhcp_message *d = (struct dhcp_message *)m;
	u8 *o = m + sizeof(*d);
	be32 server = SERVER_IP;

	memset(m, 0, sizeof(*d));
	d->op = 2;
	d->hardware_type = 1;
	d->hardware_len = 6;
	d->xid = xid;
	d->your_address = address;
	memcpy(d->client_mac, our_mac, 6);
	d->cookie = htonl(DHCP_COOKIE);
	*o++ = DHCP_OPT_TYPE; *o++ = 1; *o++ = type;
	*o++ = DHCP_OPT_SERVER; *o++ = 4; memcpy(o, &server, 4); o += 4;
	memcpy(o, more, more_len);
	o += more_len;
	*o++ = DHCP_OPT_END;
	return o - m;
}

static const u8 usual[] = {
	DHCP_OPT_MASK, 4, 255, 255, 255, 0, DHCP_OPT_ROUTER, 4, 192, 168, 7, 1, DHCP_OPT_DNS, 8, 192, 168, 7, 53, 9, 9, 9, 9,
	DHCP_OPT_LEASE, 4, 0, 0, 0, 100, DHCP_OPT_DOMAIN, 8, 'l', 'a', 'b', '.', 't', 'e', 's', 't',
};

TEST(a_reply_is_parsed)
{
	struct dhcp_reply r;
	u8 m[600];
	u32 len = reply_make(m, DHCP_OFFER, 77, LEASED_IP, usual, sizeof(usual));

	EXPECT(dhcp_parse(m, len, 77, our_mac, &r));
	EXPECT_EQ(r.type, DHCP_OFFER);
	EXPECT_EQ(r.address, LEASED_IP);
	EXPECT_EQ(r.server, SERVER_IP);
	EXPECT_EQ(r.gateway, SERVER_IP);
	EXPECT_EQ(r.dns[1], htonl(0x09090909));
	EXPECT_EQ(r.lease_s, 100u);
	EXPECT_STR(r.domain, "lab.test");
	EXPECT(!dhcp_parse(m, len, 78, our_mac, &r));
	EXPECT(!dhcp_parse(m, len, 77, peer_mac, &r));
	for (u32 n = 0; n < len; n++)
		dhcp_parse(m, n, 77, our_mac, &r);
}

TEST(options_continue_in_the_other_fields)
{
	static const u8 overload[] = { DHCP_OPT_OVERLOAD, 1, 3 };
	struct dhcp_reply r;
	u8 m[600];
	u32 len = reply_make(m, DHCP_ACK, 1, LEASED_IP, overload, sizeof(overload));
	struct dhcp_message *d = (struct dhcp_message *)m;

	memcpy(d->file, (u8[]){ DHCP_OPT_LEASE, 4, 0, 0, 1, 0, DHCP_OPT_END }, 7);
	memcpy(d->server_name, (u8[]){ DHCP_OPT_MASK, 4, 255, 0, 0, 0, DHCP_OPT_END }, 7);
	EXPECT(dhcp_parse(m, len, 1, our_mac, &r));
	EXPECT_EQ(r.lease_s, 256u);
	EXPECT_EQ(r.mask, htonl(0xff000000));
}

TEST(a_name_can_not_break_out_of_its_line)
{
	static const u8 evil[] = { DHCP_OPT_DOMAIN, 14, 'a', '\n', 'n', 'a', 'm', 'e', 's', 'e', 'r', 'v', 'e', 'r', ' ', 'x' };
	struct dhcp_reply r;
	u8 m[600];
	u32 len = reply_make(m, DHCP_ACK, 1, LEASED_IP, evil, sizeof(evil));

	EXPECT(dhcp_parse(m, len, 1, our_mac, &r));
	EXPECT_STR(r.domain, "a");
}

TEST(random_replies_do_no_harm)
{
	struct dhcp_reply r;
	u8 m[700];

	for (u32 i = 0; i < 100000; i++) {
		u32 len = reply_make(m, DHCP_ACK, 1, LEASED_IP, usual, sizeof(usual)), flips = unit_random_below(8);

		if (unit_random_below(3) == 0) {
			unit_random_fill(m + 240, 300);
			len = 240 + unit_random_below(300);
		}
		while (flips--)
			m[unit_random_below(len)] ^= 1 << unit_random_below(8);
		dhcp_parse(m, unit_random_below(2) ? len : unit_random_below(len + 1), 1, our_mac, &r);
	}
}

/* ---- the client ---- */

enum mood { SILENT, KIND, REFUSING };
static enum mood mood;
static u32 seen, discovers, requests;
static be32 client_source;

/* Answer what the client sent since the last look. */
static bool server_step(void)
{
	static u8 m[700], f[1600];
	bool did = false;

	for (; seen < sent_count; seen++) {
		const struct frame *q = &sent[seen % ARRAY_SIZE(sent)];
		const struct dhcp_message *d = (const struct dhcp_message *)(q->data + 42);
		const u8 *o = q->data + 42 + sizeof(*d);
		u32 len;
		u8 type;

		if (frame_type(q) != 0x0800 || get_unaligned_be16(q->data + 36) != 67)
			continue;
		did = true;
		EXPECT(frame_sums_right(q));
		EXPECT_EQ(o[0], DHCP_OPT_TYPE);
		type = o[2];
		discovers += type == DHCP_DISCOVER;
		requests += type == DHCP_REQUEST;
		client_source = frame_ip_header(q->data)->source;
		if (mood == SILENT)
			continue;
		len = reply_make(m, type == DHCP_DISCOVER ? DHCP_OFFER : mood == KIND ? DHCP_ACK : DHCP_NAK, d->xid,
				 type == DHCP_REQUEST && mood == REFUSING ? 0 : LEASED_IP, usual, sizeof(usual));
		card_receives_only(f, frame_udp(f, SERVER_IP, type == DHCP_DISCOVER ? IP_BROADCAST : LEASED_IP, 67, 68, m, len));
	}
	return did;
}

TEST(a_lease_is_had_renewed_lost_and_had_again)
{
	struct ip_config c;
	u32 before;

	stack_start();
	mutex_lock(&net_config_mutex);
	ifaddr_delete_all(&nic);
	mutex_unlock(&net_config_mutex);
	host_idle_hook = server_step;
	mood = SILENT;
	EXPECT_EQ(dhcp_start(&nic, "box"), 0);
	EXPECT_EQ(dhcp_wait(clock_ns() + 20 * NSEC_PER_SEC), -ETIMEDOUT);
	EXPECT_GE(discovers, 3u);
	EXPECT_LE(discovers, 10u);
	EXPECT_EQ(requests, 0u);
	EXPECT(!ip_config_get(&c));

	mood = KIND;
	EXPECT_EQ(dhcp_wait(clock_ns() + 40 * NSEC_PER_SEC), 0);
	EXPECT(ip_is_local(LEASED_IP));
	EXPECT(ip_config_get(&c));
	EXPECT_EQ(c.gateway, SERVER_IP);
	EXPECT_EQ(c.dns[0], htonl(0xc0a80735));
	EXPECT_STR(c.domain, "lab.test");
	EXPECT(host_log_has("192.168.7.99/24 gateway 192.168.7.1 dns 192.168.7.53 9.9.9.9 (DHCP, lease 100 s)"));

	/* Half the time later the server is asked by itself, from the leased address. */
	{
		struct neighbour *n = neigh_get(&nic, SERVER_IP);

		neigh_set(n, peer_mac, NEIGH_PERMANENT);
		neigh_put(n);
	}
	before = requests;
	for (u32 i = 0; i < 60; i++) {
		host_clock_advance(NSEC_PER_SEC);
		server_step();
	}
	EXPECT_EQ(requests, before + 1);
	EXPECT_EQ(client_source, LEASED_IP);
	EXPECT(ip_is_local(LEASED_IP));

	/* Nobody answers any more: the address goes with the end of the lease. */
	mood = SILENT;
	for (u32 i = 0; i < 110; i++) {
		host_clock_advance(NSEC_PER_SEC);
		server_step();
	}
	EXPECT(!ip_is_local(LEASED_IP));
	EXPECT(!ip_config_get(&c));

	/* A refusal sends it back to the beginning, not away. */
	mood = REFUSING;
	for (u32 i = 0; i < 40; i++) {
		host_clock_advance(NSEC_PER_SEC);
		server_step();
	}
	EXPECT(!ip_is_local(LEASED_IP));
	mood = KIND;
	for (u32 i = 0; i < 40; i++) {
		host_clock_advance(NSEC_PER_SEC);
		server_step();
	}
	EXPECT(ip_is_local(LEASED_IP));
	host_idle_hook = NULL;
}
