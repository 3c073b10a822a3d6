/*
 * Segments out of order (RFC 9293, 3.10.7.4, seventh step; RFC 2018 for what is told of them). process.c inserts
 * what lies beyond rcv_nxt and drains what has become in order.
 *
 * The queue is a tree by sequence number of packets that never overlap: what a new one has in common with those
 * there is cut off the new one, or the old one goes if the new one covers it. So each byte is kept once, as it
 * came first or last but never mixed, and a hostile order costs log n.
 */
#include "net/tcp/tcp.h"

static void ooo_remove(struct tcp_conn *c, struct tcp_rx *r)
{
	rb_remove(&c->ooo, &r->node);
	c->ooo_mem -= r->truesize;
}

/* The last one that begins at or before seq; NULL: none. */
static struct tcp_rx *ooo_before(struct tcp_conn *c, u32 seq)
{
	struct rb_node *n = c->ooo.node;
	struct tcp_rx *best = NULL;

	while (n) {
		struct tcp_rx *r = rb_entry(n, struct tcp_rx, node);

		if (seq_le(r->seq, seq)) {
			best = r;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

static void ooo_link(struct tcp_conn *c, struct tcp_rx *r)
{
	struct rb_node **link = &c->ooo.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = seq_lt(r->seq, rb_entry(parent, struct tcp_rx, node)->seq) ? &parent->left : &parent->right;
	}
	rb_insert_at(&c->ooo, &r->node, parent, link);
	c->ooo_mem += r->truesize;
	c->slow |= SLOW_REASSEMBLY;
}

/* RFC 2018, 4: the block with the newest segment first, then those told before. */
static void blocks_note(struct tcp_conn *c, u32 start, u32 end)
{
	struct tcp_range new = { start, end }, rest[4];
	u32 n = 0;

	for (u32 i = 0; i < c->sack_count; i++) {
		const struct tcp_range *b = &c->sack[i];

		if (seq_le(b->start, new.end) && seq_ge(b->end, new.start)) {
			new.start = seq_min(new.start, b->start);
			new.end = seq_max(new.end, b->end);
		} else {
			rest[n++] = *b;
		}
	}
	c->sack[0] = new;
	for (u32 i = 0; i < n && i < ARRAY_SIZE(c->sack) - 1; i++)
		c->sack[i + 1] = rest[i];
	c->sack_count = MIN(n + 1, (u32)ARRAY_SIZE(c->sack));
}

/* What rcv_nxt has passed is no block any more. */
static void blocks_trim(struct tcp_conn *c)
{
	u32 n = 0;

	for (u32 i = 0; i < c->sack_count; i++)
		if (seq_gt(c->sack[i].end, c->rcv_nxt))
			c->sack[n++] = c->sack[i];
	c->sack_count = n;
}

/* Cut r against its neighbours; false: nothing of it is new. */
static bool ooo_fit(struct tcp_conn *c, struct pkt *p, struct tcp_rx *r)
{
	struct tcp_rx *before = ooo_before(c, r->seq);
	struct rb_node *n;

	if (before && seq_ge(before->end, r->end) && (before->fin || !r->fin))
		return false;
	if (before && seq_gt(before->end, r->seq)) {
		u32 have = MIN(before->end - r->seq, r->end - r->seq);

		tcp_pkt_pull(p, have);
		r->seq += have;
	}
	n = before ? rb_next(&before->node) : rb_first(&c->ooo);
	while (n) {
		struct tcp_rx *next = rb_entry(n, struct tcp_rx, node);

		if (seq_ge(next->seq, r->end))
			break;
		n = rb_next(n);
		if (seq_gt(next->end, r->end)) {
			pkt_trim(p, next->seq - r->seq);
			r->end = next->seq;
			r->fin = false;		/* there is text behind it: no end */
			return r->end != r->seq;
		}
		r->fin |= next->fin && next->end == r->end;
		ooo_remove(c, next);
		pkt_free(tcp_rx_pkt(&next->node));
	}
	return true;
}

void tcp_reass_insert(struct tcp_conn *c, struct tcp_segment *seg)
{
	struct pkt *p = seg->p;
	struct tcp_rx *r = tcp_rx(p);
	u32 end = seg->seq + seg->len;

	seg->p = NULL;
	if (tcp_rx_full(c, p)) {
		tcp_count(TCPC_RCV_PRUNED);
		pkt_free(p);
		return;
	}
	tcp_count(TCPC_OOO);
	r->seq = seg->seq;
	r->end = end;
	r->fin = seg->flags & TCP_FIN;
	r->truesize = tcp_truesize(p);
	if (!ooo_fit(c, p, r)) {
		pkt_free(p);
		if (seg->len && c->sack_ok)
			blocks_note(c, seg->seq, end);
		return;
	}
	ooo_link(c, r);
	if (c->sack_ok && seg->len)
		blocks_note(c, seg->seq, end);
}

bool tcp_reass_drain(struct tcp_conn *c, u64 now)
{
	struct rb_node *n;
	bool fin = false;

	while (!fin && (n = rb_first(&c->ooo))) {
		struct tcp_rx *r = rb_entry(n, struct tcp_rx, node);
		struct pkt *p = tcp_rx_pkt(n);

		if (seq_gt(r->seq, c->rcv_nxt))
			break;
		ooo_remove(c, r);
		fin = r->fin && seq_ge(c->rcv_nxt, r->seq) && seq_le(c->rcv_nxt, r->end);
		if (seq_gt(r->end, c->rcv_nxt)) {
			tcp_pkt_pull(p, c->rcv_nxt - r->seq);
			tcp_rx_enqueue(c, p, r->end - c->rcv_nxt);
		} else {
			pkt_free(p);
		}
	}
	if (fin)
		tcp_reass_purge(c);	/* nothing comes after the end */
	if (rb_empty(&c->ooo))
		c->slow &= ~SLOW_REASSEMBLY;
	blocks_trim(c);
	return fin;
}

void tcp_reass_purge(struct tcp_conn *c)
{
	struct rb_node *n;

	while ((n = rb_first(&c->ooo))) {
		ooo_remove(c, rb_entry(n, struct tcp_rx, node));
		pkt_free(tcp_rx_pkt(n));
	}
	c->slow &= ~SLOW_REASSEMBLY;
	c->sack_count = 0;
}
