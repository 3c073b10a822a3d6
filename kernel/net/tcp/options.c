/*
 * TCP options (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018): parsing what strangers send, with every length
 * checked, and writing ours. process.c and listen.c parse; output.c and reply.c write.
 */
#include "base/string.h"
#include "net/tcp/tcp.h"

enum { OPT_END, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK_PERMITTED, OPT_SACK, OPT_TIMESTAMP = 8 };

static void sack_parse(const u8 *p, u32 n, struct tcp_options *o)
{
	if ((n - 2) % 8)
		return;
	for (u32 at = 2; at < n && o->sack_count < ARRAY_SIZE(o->sack); at += 8)
		o->sack[o->sack_count++] = (struct tcp_range){ get_unaligned_be32(p + at),
			get_unaligned_be32(p + at + 4) };
}

/* One option of n bytes, kind and length included. A wrong length for its kind: as if it were not there. */
static void option_parse(const u8 *p, u32 n, struct tcp_options *o)
{
	switch (p[0]) {
	case OPT_MSS:
		if (n == 4)
			o->mss = get_unaligned_be16(p + 2);
		break;
	case OPT_WSCALE:
		if (n == 3)
			o->wscale = MIN(p[2], (u8)TCP_WSCALE_MAX);	/* RFC 7323, 2.3 */
		break;
	case OPT_SACK_PERMITTED:
		if (n == 2)
			o->sack_permitted = true;
		break;
	case OPT_SACK:
		sack_parse(p, n, o);
		break;
	case OPT_TIMESTAMP:
		if (n == 10) {
			o->has_ts = true;
			o->ts_value = get_unaligned_be32(p + 2);
			o->ts_echo = get_unaligned_be32(p + 6);
		}
		break;
	}
}

void tcp_options_parse(const u8 *p, u32 n, struct tcp_options *o)
{
	*o = (struct tcp_options){ .wscale = -1 };
	while (n) {
		u32 len;

		if (p[0] == OPT_END)
			return;
		if (p[0] == OPT_NOP) {
			p++;
			n--;
			continue;
		}
		if (n < 2 || p[1] < 2 || p[1] > n)
			return;
		len = p[1];
		option_parse(p, len, o);
		p += len;
		n -= len;
	}
}

/* pad: two bytes in front, of no or of some meaning. */
static u8 *timestamp_write(u8 *at, u16 pad, u32 value, u32 echo)
{
	put_unaligned_be32((u32)pad << 16 | 0x080a, at);
	put_unaligned_be32(value, at + 4);
	put_unaligned_be32(echo, at + 8);
	return at + TCP_TS_LEN;
}

u32 tcp_options_syn(u8 *start, const struct tcp_syn_options *o)
{
	u8 *at = start;

	put_unaligned_be32(0x02040000 | o->mss, at);
	at += 4;
	if (o->ts) {
		at = timestamp_write(at, o->sack ? 0x0402 : 0x0101, o->ts_value, o->ts_echo);
	} else if (o->sack) {
		put_unaligned_be32(0x01010402, at);
		at += 4;
	}
	if (o->wscale >= 0) {
		put_unaligned_be32(0x01030300 | o->wscale, at);
		at += 4;
	}
	return at - start;
}

u32 tcp_options_ack_len(const struct tcp_conn *c)
{
	u32 n = c->ts_ok ? TCP_TS_LEN : 0;

	/* With timestamps there is room for three blocks. */
	if (unlikely(c->sack_count))
		n += 4 + 8 * MIN((u32)c->sack_count, c->ts_ok ? 3u : 4u);
	return n;
}

u32 tcp_options_ack(u8 *start, const struct tcp_conn *c, u64 now)
{
	u8 *at = start;

	if (c->ts_ok)
		at = timestamp_write(at, 0x0101, tcp_ts_now(c, now), c->ts_recent);
	if (unlikely(c->sack_count)) {
		u32 n = MIN((u32)c->sack_count, c->ts_ok ? 3u : 4u);

		put_unaligned_be32(0x01010500 | (2 + 8 * n), at);
		at += 4;
		for (u32 i = 0; i < n; i++, at += 8) {
			put_unaligned_be32(c->sack[i].start, at);
			put_unaligned_be32(c->sack[i].end, at + 4);
		}
	}
	return at - start;
}
