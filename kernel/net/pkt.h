/*
 * Packets. A pkt is its own buffer: one 2 KiB object from a per-CPU cache,
 * header in front. data..tail is the packet as the current layer sees it; each
 * layer pulls its header on the way in and pushes it on the way out.
 *
 *   struct pkt | headroom | data ... tail | tailroom
 *                         ^data     ^tail
 *
 * A packet larger than one buffer is a chain over `frag`; `len` of the first
 * is the whole chain's length. One holder owns a pkt; refs > 1 means shared
 * and read-only (a retransmission queue and a device).
 */
#pragma once
#include "base/atomic.h"
#include "base/list.h"
#include "base/endian.h"

struct netif;
struct pkt;

#define PKT_OBJECT_SIZE	2048
#define PKT_HEADROOM	128	/* link, IP and TCP headers with options, and a virtio-net header */

enum {
	PKT_CSUM_VALID = 1,	/* in: the transport checksum was verified (device or loopback) */
	/* out: pseudo-header sum stored; finish at csum_start + csum_offset. Also in, from a local peer */
	PKT_CSUM_PARTIAL = 2,
	PKT_BROADCAST = 4, PKT_MULTICAST = 8, PKT_OTHERHOST = 16, /* in: by its link address, or its IP destination */
	PKT_LOOPED = 32,	/* came through the loopback interface or is a copy for ourselves */
	/* TCP segments of gso_size bytes of text, the last of less, as one: to be cut by the device, or joined */
	PKT_GSO_TCP4 = 64,
	PKT_NO_LOOP = 128,	/* out: no copy of a group packet to ourselves */
	PKT_OWN_HEADROOM = 256,	/* out: its other holders leave the room in front of data alone */
	PKT_GATHER = 512,	/* out: a chain of packets that each have another holder too: pkt_gather */
};

struct pkt {
	struct pkt *next;	/* the holder's queue link */
	struct pkt *frag;	/* rest of the same packet, or NULL; owned by this one */
	u8 *data, *tail;	/* in buf */
	u32 len;		/* bytes in the whole chain */
	u32 refs;		/* [a] */
	struct netif *netif;	/* in: where from; out: where to */
	u16 flags;		/* PKT_* */
	be16 protocol;		/* EtherType */
	u16 csum_start, csum_offset; /* from data, of the layer that set PKT_CSUM_PARTIAL: see pkt_csum_* */
	u16 link_offset, net_offset, transport_offset; /* from buf: the headers, once known */
	u16 gso_size;
	u64 timestamp;		/* clock_ns() at arrival, 0 when not taken */
	void (*release)(struct pkt *); /* NULL, or called once when the last reference goes, before it is freed (socket
					* accounting). Softirq or process context */
	void *release_arg;	/* e.g. the charged socket */
	union {
		u8 cb[48];	/* the current layer's own notes */
		u64 cb64[6];
	};
	u8 buf[] aligned(16);
};
#define PKT_BUF_SIZE	(PKT_OBJECT_SIZE - offsetof(struct pkt, buf))

/* A packet with data = tail = buf + headroom; NULL: no memory (counted). Any context but hard interrupts. */
struct pkt *pkt_alloc(u32 headroom);
/* Drop one reference of the whole chain. */
void pkt_free(struct pkt *p);
/*
 * For who keeps packets of which a gather may be made: drop one's own reference of p alone. A gather is p with others
 * behind it over frag, PKT_GATHER set, and a reference of each for it; it belongs to whom it is sent by, and pkt_free
 * of it takes it apart. A packet that only one holds is in no gather.
 */
void pkt_drop(struct pkt *p);
static inline void pkt_get(struct pkt *p) { ref_get(&p->refs); }
/* Acquire: if not, all that its last other holder did to it is seen. */
static inline bool pkt_shared(const struct pkt *p) { return atomic_load(&p->refs) > 1; }
/* May a header be written in front of data? */
static inline bool pkt_headroom_ours(const struct pkt *p) { return !pkt_shared(p) || p->flags & PKT_OWN_HEADROOM; }
/* A private copy of the whole (chain kept), same offsets; NULL: no memory. */
struct pkt *pkt_copy(const struct pkt *p, u32 headroom);

static inline u32 pkt_headroom(const struct pkt *p) { return p->data - p->buf; }
static inline u32 pkt_tailroom(const struct pkt *p) { return (const u8 *)p + PKT_OBJECT_SIZE - p->tail; }
/* Bytes in the first buffer. */
static inline u32 pkt_linear(const struct pkt *p) { return p->tail - p->data; }

/* Out: a header in front; the caller knows that headroom suffices (ASSERTed). */
static inline void *pkt_push(struct pkt *p, u32 n) { p->data -= n; p->len += n; return p->data; }
/* In: step over a header that pkt_need made linear. */
static inline void pkt_pull(struct pkt *p, u32 n) { p->data += n; p->len -= n; }
/* At the end of the first buffer (no chain): room is known. */
static inline void *pkt_put(struct pkt *p, u32 n) { void *t = p->tail; p->tail += n; p->len += n; return t; }
/* Make the first n bytes linear: false when the packet is shorter or no memory. */
bool pkt_need_slow(struct pkt *p, u32 n);
static inline bool pkt_need(struct pkt *p, u32 n) { return likely(pkt_linear(p) >= n) || pkt_need_slow(p, n); }
/* Cut the whole to n bytes (n <= len). */
void pkt_trim(struct pkt *p, u32 n);
/* Copy out n bytes from an offset into the chain (within len). */
void pkt_copy_out(const struct pkt *p, u32 offset, void *dst, u32 n);
/* Append from memory, growing the chain: 0 or -ENOMEM (unchanged). */
int pkt_append(struct pkt *p, const void *src, u32 n);
/* Internet checksum partial sum over [offset, offset+n) of the chain. */
u64 pkt_cksum(const struct pkt *p, u32 offset, u32 n, u64 sum);
/* Finish a PKT_CSUM_PARTIAL checksum in software (device without CSUM). */
void pkt_csum_finish(struct pkt *p);

/* Singly linked queue; the holder's lock. */
struct pkt_queue { struct pkt *head, **tail; u32 count; u32 bytes; };
static inline void pkt_queue_init(struct pkt_queue *q) { q->head = NULL; q->tail = &q->head; q->count = q->bytes = 0; }
static inline bool pkt_queue_empty(const struct pkt_queue *q) { return !q->head; }
static inline void pkt_queue_push(struct pkt_queue *q, struct pkt *p)
{
	p->next = NULL;
	*q->tail = p;
	q->tail = &p->next;
	q->count++;
	q->bytes += p->len;
}
static inline struct pkt *pkt_queue_pop(struct pkt_queue *q)
{
	struct pkt *p = q->head;

	if (p) {
		q->head = p->next;
		if (!q->head)
			q->tail = &q->head;
		q->count--;
		q->bytes -= p->len;
		p->next = NULL;
	}
	return p;
}
void pkt_queue_purge(struct pkt_queue *q);

void pkt_drain_caches(void);
/* Boot. */
void pkt_init(void);
