/*
 * Classic BPF: programs that real programs attach, what the checker refuses, and random programs, of which each
 * accepted one must end and stay inside its packet.
 *
 * sources: net/socket_filter.c net/pkt.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "net/inet.h"
#include "net/netif.h"
#include "net/socket_file.h"

static struct socket sock;

static int attach(const struct sock_filter *code, u32 len)
{
	struct { u16 len; u16 pad[3]; u64 code; } program = { len, { 0 }, (u64)code };

	sock.family = AF_PACKET;
	sock.type = SOCK_RAW;
	return socket_filter_attach(&sock, (const u8 *)&program, sizeof(program));
}

static struct pkt *packet(const void *data, u32 len)
{
	static bool started;
	struct pkt *p;

	if (!started)
		pkt_init();
	started = true;
	p = pkt_alloc(64);
	pkt_append(p, data, len);
	return p;
}

static void done(struct pkt *p)
{
	pkt_free(p);
	pkt_drain_caches();
	socket_filter_detach(&sock);
}

#define S(code, k) BPF_STMT(code, k)
#define J(code, k, t, f) BPF_JUMP(code, k, t, f)

/* udhcpc's: UDP to port 68, not a later fragment. */
static const struct sock_filter dhcp[] = {
	S(BPF_LD | BPF_B | BPF_ABS, 9), J(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
	S(BPF_LD | BPF_H | BPF_ABS, 6), J(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
	S(BPF_LDX | BPF_B | BPF_MSH, 0), S(BPF_LD | BPF_H | BPF_IND, 2), J(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
	S(BPF_RET | BPF_K, 0x7fffffff), S(BPF_RET | BPF_K, 0),
};

TEST(a_dhcp_clients_filter_lets_its_replies_through)
{
	u8 d[60] = { 0x45, [9] = 17, [20 + 3] = 68 };
	struct pkt *p = packet(d, sizeof(d));

	EXPECT_EQ(attach(dhcp, ARRAY_SIZE(dhcp)), 0);
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0x7fffffffu);
	p->data[23] = 67;
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	p->data[23] = 68;
	p->data[9] = 6;
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	p->data[9] = 17;
	p->data[7] = 1;
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	p->data[7] = 0;
	p->data[0] = 0x46;		/* options: the port lies further on */
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	p->data[27] = 68;
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0x7fffffffu);
	pkt_trim(p, 22);
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	done(p);
}

TEST(arithmetic_is_as_in_c)
{
	const struct sock_filter code[] = {
		S(BPF_LD | BPF_IMM, 1000), S(BPF_ALU | BPF_MUL | BPF_K, 7), S(BPF_ALU | BPF_SUB | BPF_K, 1),
		S(BPF_ST, 3), S(BPF_LDX | BPF_MEM, 3), S(BPF_ALU | BPF_MOD | BPF_K, 1000), S(BPF_ALU | BPF_XOR | BPF_X, 0),
		S(BPF_ALU | BPF_LSH | BPF_K, 2), S(BPF_ALU | BPF_NEG, 0), S(BPF_RET | BPF_A, 0),
	};
	struct pkt *p = packet("x", 1);

	EXPECT_EQ(attach(code, ARRAY_SIZE(code)), 0);
	EXPECT_EQ(socket_filter_run(sock.filter, p), -((6999u % 1000 ^ 6999u) << 2));
	done(p);
}

TEST(division_by_zero_drops)
{
	const struct sock_filter code[] = {
		S(BPF_LD | BPF_IMM, 5), S(BPF_LDX | BPF_IMM, 0), S(BPF_ALU | BPF_DIV | BPF_X, 0), S(BPF_RET | BPF_K, 1),
	};
	struct pkt *p = packet("x", 1);

	EXPECT_EQ(attach(code, ARRAY_SIZE(code)), 0);
	EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	done(p);
}

TEST(loads_outside_the_packet_drop)
{
	static const s32 offsets[] = { 1, 4, 100, 0x7fffffff, -0x7fffffff - 1, -1, SKF_NET_OFF, SKF_NET_OFF + 64, SKF_LL_OFF + 2000,
		SKF_AD_OFF + SKF_AD_MAX, SKF_AD_OFF - 1 };
	struct pkt *p = packet("abcd", 4);

	p->net_offset = p->transport_offset = p->tail - p->buf;
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		const struct sock_filter code[] = { S(BPF_LD | BPF_W | BPF_ABS, (u32)offsets[i]), S(BPF_RET | BPF_K, 1) };

		EXPECT_EQ(attach(code, 2), 0);
		EXPECT_EQ(socket_filter_run(sock.filter, p), 0u);
	}
	done(p);
}

TEST(the_checker_refuses_what_could_not_end_or_be_run)
{
	const struct sock_filter no_return[] = { S(BPF_LD | BPF_IMM, 1) };
	const struct sock_filter jump_out[] = { J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter jump_far[] = { S(BPF_JMP | BPF_JA, 0xffffffff), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter memory[] = { S(BPF_ST, 16), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter by_zero[] = { S(BPF_ALU | BPF_DIV | BPF_K, 0), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter shift[] = { S(BPF_ALU | BPF_LSH | BPF_K, 32), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter unknown[] = { S(0xf7, 0), S(BPF_RET | BPF_K, 0) };
	const struct sock_filter last_jumps[] = { S(BPF_RET | BPF_K, 0), J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0) };

	EXPECT_EQ(attach(no_return, 1), -EINVAL);
	EXPECT_EQ(attach(jump_out, 2), -EINVAL);
	EXPECT_EQ(attach(jump_far, 2), -EINVAL);
	EXPECT_EQ(attach(memory, 2), -EINVAL);
	EXPECT_EQ(attach(by_zero, 2), -EINVAL);
	EXPECT_EQ(attach(shift, 2), -EINVAL);
	EXPECT_EQ(attach(unknown, 2), -EINVAL);
	EXPECT_EQ(attach(last_jumps, 2), -EINVAL);
	EXPECT_EQ(attach(dhcp, 0), -EINVAL);
	EXPECT_EQ(attach(dhcp, 4097), -EINVAL);
	EXPECT_EQ(socket_filter_detach(&sock), -ENOENT);
}

TEST(random_programs_end_inside_their_packet)
{
	struct sock_filter code[24];
	u8 d[80];
	struct pkt *p;
	u32 accepted = 0;

	unit_random_fill(d, sizeof(d));
	p = packet(d, sizeof(d));
	for (u32 i = 0; i < 200000; i++) {
		u32 len = 1 + unit_random_below(ARRAY_SIZE(code));

		for (u32 k = 0; k < len; k++)
			code[k] = (struct sock_filter){ .code = unit_random_below(0x100), .jt = unit_random_below(6),
				.jf = unit_random_below(6), .k = unit_random_below(3) ? unit_random_below(90) : unit_random() };
		code[len - 1] = (struct sock_filter)S(BPF_RET | BPF_A, 0);
		if (attach(code, len))
			continue;
		accepted++;
		socket_filter_run(sock.filter, p);
	}
	EXPECT_GT(accepted, 1000u);
	done(p);
}
