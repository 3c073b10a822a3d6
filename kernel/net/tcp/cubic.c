/*
 * CUBIC (RFC 9438): the window as a cubic function of the time since the last loss. Integers only; time in ticks of
 * 2^20 ns, windows in bytes.
 *
 *   W(t) = C (t - K)^3 + W_max,  K = cbrt((W_max - cwnd) / C),  C = 0.4 segments / s^3
 *
 * With a tick of 1.048576 ms, C is mss / UNIT bytes a cubic tick. The target is computed a few times a round trip
 * at most; an ACK in between only counts bytes.
 */
#include "net/tcp/tcp.h"

#define UNIT	2168404345ull		/* (1 s / tick)^3 / 0.4 */
#define STALE_NS (1ull << 24)		/* recompute after 17 ms.. */
#define DT_MAX	(1ll << 16)		/* 69 s: keeps the cube within 64 bits */

struct cubic {				/* in cc_data */
	u64 epoch;			/* when this curve began; 0: at the next ACK */
	u64 updated;
	u32 w_max, origin;		/* before the loss; the curve's plateau */
	u32 k;				/* ticks */
	u32 step;			/* bytes to be acknowledged for each segment more */
	u32 estimate;			/* what Reno would have (section 4.3) */
	u32 acked;			/* since the estimate was last moved */
};
_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_conn *)0)->cc_data), "cc_data");

static struct cubic *cubic_of(struct tcp_conn *c)
{
	return (struct cubic *)c->cc_data;
}

static u32 cube_root(u64 v)
{
	u32 root = 0;

	for (int shift = 20; shift >= 0; shift--) {	/* roots below 2^21: cubes fit */
		u64 r = root | 1u << shift;

		if (r * r * r <= v)
			root = r;
	}
	return root;
}

static void cubic_init(struct tcp_conn *c)
{
	*cubic_of(c) = (struct cubic){ 0 };
}

static void epoch_begin(struct tcp_conn *c, struct cubic *q, u64 now)
{
	q->epoch = now;
	q->estimate = c->cwnd;
	q->acked = 0;
	if (q->w_max > c->cwnd) {
		q->origin = q->w_max;
		q->k = cube_root((u64)(q->w_max - c->cwnd) * UNIT / c->mss);
	} else {
		q->origin = c->cwnd;
		q->k = 0;
	}
}

/* Section 4.3: alpha is 3 (1 - beta) / (1 + beta), 9/17, until the former window is reached again. */
static void estimate_move(struct tcp_conn *c, struct cubic *q)
{
	u64 add = (u64)q->acked * c->mss / c->cwnd;

	if (q->estimate < q->w_max)
		add = add * 9 / 17;
	q->estimate += add;
	q->acked = 0;
}

static void target_update(struct tcp_conn *c, struct cubic *q, u64 now)
{
	/* A round trip ahead (section 4.4). */
	s64 dt = (s64)((now - q->epoch + c->srtt) >> 20) - q->k;
	s64 target;

	dt = MIN(MAX(dt, -DT_MAX), DT_MAX);
	target = q->origin + dt * dt * dt * (s64)c->mss / (s64)UNIT;
	target = MIN(MAX(target, (s64)c->cwnd), (s64)c->cwnd + c->cwnd / 2);
	estimate_move(c, q);
	if (target < q->estimate)
		target = q->estimate;
	if (target > c->cwnd)
		q->step = (u64)c->cwnd * c->mss / (u64)(target - c->cwnd);
	else
		q->step = MIN((u64)c->cwnd * 100, (u64)1 << 31);	/* on the plateau: very slowly */
	q->step = MAX(q->step, 2 * c->mss);
	q->updated = now;
}

static void cubic_grow(struct tcp_conn *c, u32 acked, u64 now)
{
	struct cubic *q = cubic_of(c);

	if (c->cwnd < c->ssthresh) {
		tcp_slow_start(c, acked);
		return;
	}
	q->acked += acked;
	if (!q->epoch) {
		epoch_begin(c, q, now);
		target_update(c, q, now);
	} else if (now - q->updated > STALE_NS) {
		target_update(c, q, now);
	}
	c->cwnd_acked += acked;
	if (c->cwnd_acked >= q->step) {
		c->cwnd_acked = 0;
		if (c->cwnd < 1u << 30)
			c->cwnd += c->mss;
		target_update(c, q, now);
	}
}

static u32 cubic_reduce(struct tcp_conn *c, u64 now)
{
	struct cubic *q = cubic_of(c);

	q->epoch = 0;
	/* Fast convergence (section 4.7): leave room to a newcomer. */
	q->w_max = c->cwnd < q->w_max ? (u64)c->cwnd * 17 / 20 : c->cwnd;
	return MAX((u32)((u64)c->cwnd * 7 / 10), 2 * c->mss);
}

const struct tcp_cc tcp_cc_cubic = { .name = "cubic", .init = cubic_init, .grow = cubic_grow, .reduce = cubic_reduce };
