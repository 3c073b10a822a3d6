/*
 * Classic BPF (SO_ATTACH_FILTER): checked when it is attached, then run on each packet for the socket. McCanne and
 * Jacobson's machine (1993) with Linux's ancillary loads. A checked program ends: jumps go forward only.
 */
#include "arch/arm64/ucopy.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/percpu.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/inet.h"
#include "net/netif.h"
#include "net/socket_file.h"

struct socket_filter {
	u32 len;
	struct sock_filter code[];
};

/* ---- the check ------------------------------------------------------------ */

static bool load_ok(const struct sock_filter *f)
{
	if (BPF_MODE(f->code) == BPF_MEM)
		return BPF_SIZE(f->code) == BPF_W && f->k < BPF_MEMWORDS;
	if (BPF_CLASS(f->code) == BPF_LDX)
		return f->code == (BPF_LDX | BPF_W | BPF_IMM) || f->code == (BPF_LDX | BPF_W | BPF_LEN) ||
			f->code == (BPF_LDX | BPF_B | BPF_MSH);
	switch (BPF_MODE(f->code)) {
	case BPF_ABS:
	case BPF_IND:
		return BPF_SIZE(f->code) != 0x18;
	case BPF_IMM:
	case BPF_LEN:
		return BPF_SIZE(f->code) == BPF_W;
	}
	return false;
}

static bool alu_ok(const struct sock_filter *f)
{
	u32 op = BPF_OP(f->code);

	if (op > BPF_XOR)
		return false;
	if (BPF_SRC(f->code) == BPF_K) {
		if ((op == BPF_DIV || op == BPF_MOD) && !f->k)
			return false;
		if ((op == BPF_LSH || op == BPF_RSH) && f->k > 31)
			return false;
	}
	return op != BPF_NEG || BPF_SRC(f->code) == BPF_K;
}

static bool jump_ok(const struct sock_filter *f, u32 at, u32 len)
{
	u32 left = len - at - 1;	/* instructions behind this one */

	if (f->code == (BPF_JMP | BPF_JA))
		return f->k < left;
	return BPF_OP(f->code) <= BPF_JSET && BPF_OP(f->code) && f->jt < left && f->jf < left;
}

/* Every instruction known, every jump inside, and no way to run off the end. */
static bool program_ok(const struct sock_filter *code, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		const struct sock_filter *f = &code[i];
		bool ok = false;

		if (f->code > 0xff)
			return false;
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
		case BPF_LDX:
			ok = load_ok(f);
			break;
		case BPF_ST:
		case BPF_STX:
			ok = !(f->code & ~7) && f->k < BPF_MEMWORDS;
			break;
		case BPF_ALU:
			ok = alu_ok(f);
			break;
		case BPF_JMP:
			ok = jump_ok(f, i, len);
			break;
		case BPF_RET:
			ok = !(f->code & ~(7 | 0x18)) && BPF_RVAL(f->code) <= BPF_A && BPF_RVAL(f->code) != BPF_X;
			break;
		case BPF_MISC:
			ok = f->code == (BPF_MISC | BPF_TAX) || f->code == (BPF_MISC | BPF_TXA);
			break;
		}
		if (!ok)
			return false;
	}
	return BPF_CLASS(code[len - 1].code) == BPF_RET;
}

/* ---- the machine ---------------------------------------------------------- */

/* n bytes at offset of the packet, or of what SKF_NET_OFF and SKF_LL_OFF mean; big endian. */
static bool load_packet(const struct pkt *p, u32 offset, u32 n, u32 *out)
{
	s32 from = offset;
	u8 b[4];

	if (from < 0) {
		const u8 *base;

		if (from >= SKF_NET_OFF) {
			base = p->buf + p->net_offset;
			from -= SKF_NET_OFF;
		} else if (from >= SKF_LL_OFF) {
			base = p->buf + p->link_offset;
			from -= SKF_LL_OFF;
		} else {
			return false;
		}
		if (from < 0 || base + from + n > p->tail)
			return false;
		memcpy(b, base + from, n);
	} else {
		if ((u64)(u32)from + n > p->len)
			return false;
		pkt_copy_out(p, from, b, n);
	}
	*out = n == 4 ? get_unaligned_be32(b) : n == 2 ? get_unaligned_be16(b) : b[0];
	return true;
}

static u32 packet_type(const struct pkt *p)
{
	return p->flags & PKT_BROADCAST ? 1 : p->flags & PKT_MULTICAST ? 2 : p->flags & PKT_OTHERHOST ? 3 : 0;
}

/* SKF_AD_OFF + what: facts about the packet that are not in it. */
static bool load_ancillary(const struct pkt *p, u32 what, u32 a, u32 *out)
{
	switch (what) {
	case SKF_AD_PROTOCOL:
		*out = be16_to_cpu(p->protocol);
		return true;
	case SKF_AD_PKTTYPE:
		*out = packet_type(p);
		return true;
	case SKF_AD_IFINDEX:
		*out = p->netif ? p->netif->index : 0;
		return true;
	case SKF_AD_HATYPE:
		*out = p->netif && p->netif->features & NETIF_F_LOOPBACK ? 772 : 1;
		return true;
	case SKF_AD_CPU:
		*out = cpu_id();
		return true;
	case SKF_AD_ALU_XOR_X:
		*out = a;
		return true;
	case SKF_AD_RANDOM:
		*out = random_u32();
		return true;
	case SKF_AD_MARK:
	case SKF_AD_QUEUE:
	case SKF_AD_RXHASH:
	case SKF_AD_VLAN_TAG:
	case SKF_AD_VLAN_TAG_PRESENT:
		*out = 0;
		return true;
	}
	return false;
}

static bool load(const struct pkt *p, u32 offset, u32 size, u32 a, u32 x, u32 *out)
{
	if ((s32)offset < 0 && (s32)offset >= SKF_AD_OFF && (s32)offset < SKF_AD_OFF + SKF_AD_MAX)
		return load_ancillary(p, offset - SKF_AD_OFF, a ^ x, out);
	return load_packet(p, offset, size == BPF_W ? 4 : size == BPF_H ? 2 : 1, out);
}

/* False: division by zero, which ends the program with "nothing". */
static bool alu(u32 op, u32 *a, u32 v)
{
	switch (op) {
	case BPF_ADD: *a += v; break;
	case BPF_SUB: *a -= v; break;
	case BPF_MUL: *a *= v; break;
	case BPF_OR:  *a |= v; break;
	case BPF_AND: *a &= v; break;
	case BPF_XOR: *a ^= v; break;
	case BPF_NEG: *a = -*a; break;
	case BPF_LSH: *a = v < 32 ? *a << v : 0; break;
	case BPF_RSH: *a = v < 32 ? *a >> v : 0; break;
	case BPF_DIV:
	case BPF_MOD:
		if (!v)
			return false;
		*a = op == BPF_DIV ? *a / v : *a % v;
		break;
	}
	return true;
}

static bool jump_taken(u32 op, u32 a, u32 v)
{
	return op == BPF_JEQ ? a == v : op == BPF_JGT ? a > v : op == BPF_JGE ? a >= v : a & v;
}

u32 socket_filter_run(const struct socket_filter *filter, const struct pkt *p)
{
	u32 a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 }, v;

	for (const struct sock_filter *f = filter->code; ; f++) {
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			if (BPF_MODE(f->code) == BPF_ABS || BPF_MODE(f->code) == BPF_IND) {
				if (!load(p, f->k + (BPF_MODE(f->code) == BPF_IND ? x : 0), BPF_SIZE(f->code), a, x, &a))
					return 0;
			} else {
				a = BPF_MODE(f->code) == BPF_IMM ? f->k : BPF_MODE(f->code) == BPF_LEN ? p->len :
					memory[f->k];
			}
			break;
		case BPF_LDX:
			if (BPF_MODE(f->code) == BPF_MSH) {	/* an IP header's length */
				if (!load_packet(p, f->k, 1, &v))
					return 0;
				x = (v & 15) * 4;
			} else {
				x = BPF_MODE(f->code) == BPF_IMM ? f->k : BPF_MODE(f->code) == BPF_LEN ? p->len :
					memory[f->k];
			}
			break;
		case BPF_ST:
			memory[f->k] = a;
			break;
		case BPF_STX:
			memory[f->k] = x;
			break;
		case BPF_ALU:
			if (!alu(BPF_OP(f->code), &a, BPF_SRC(f->code) == BPF_X ? x : f->k))
				return 0;
			break;
		case BPF_JMP:
			if (BPF_OP(f->code) == BPF_JA) {
				f += f->k;
				break;
			}
			v = BPF_SRC(f->code) == BPF_X ? x : f->k;
			f += jump_taken(BPF_OP(f->code), a, v) ? f->jt : f->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? a : f->k;
		case BPF_MISC:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		}
	}
}

/* ---- attaching ------------------------------------------------------------ */

void socket_filter_free(struct socket_filter *f)
{
	kfree(f);
}

/* Put f (or nothing) in the old one's place. */
static struct socket_filter *filter_swap(struct socket *s, struct socket_filter *f)
{
	struct socket_filter *old;

	spin_lock_bh(&s->lock);
	old = s->filter;
	s->filter = f;
	spin_unlock_bh(&s->lock);
	return old;
}

int socket_filter_attach(struct socket *s, const u8 *value, u32 len)
{
	struct { u16 len; u16 pad[3]; u64 code; } program;
	struct socket_filter *f;
	int err;

	if (s->family == AF_INET && s->type == SOCK_STREAM)
		return -ENOPROTOOPT;
	if (len != sizeof(program))
		return -EINVAL;
	memcpy(&program, value, sizeof(program));
	if (!program.len || program.len > BPF_MAXINSNS)
		return -EINVAL;
	f = kmalloc(sizeof(*f) + program.len * sizeof(f->code[0]));
	if (!f)
		return -ENOMEM;
	f->len = program.len;
	err = copy_from_user(f->code, program.code, program.len * sizeof(f->code[0]));
	if (!err && !program_ok(f->code, f->len))
		err = -EINVAL;
	if (err)
		kfree(f);
	else
		kfree(filter_swap(s, f));
	return err;
}

int socket_filter_detach(struct socket *s)
{
	struct socket_filter *old = filter_swap(s, NULL);

	kfree(old);
	return old ? 0 : -ENOENT;
}
