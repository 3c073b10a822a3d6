/*
 * A wire for the suites of net/tcp/: the stack's one card is connected to a mirror, a machine that answers as
 * MIRROR_IP with what was sent to it, addresses exchanged. So a socket that connects to MIRROR_IP meets a listener of
 * the same stack, as if that were another machine, and every packet between them crosses the wire, which loses,
 * delays, reorders and duplicates as it is told. Packets to other addresses are kept for the test, which
 * plays that peer by hand.
 *
 * The card keeps each packet until it is delivered, as a device does, and then checks that nobody wrote to it. With
 * nic.tso_parts it cuts large packets into segments, which then go their ways.
 */
#pragma once
#include "../stack.h"
#include "base/cksum.h"
#include "net/napi.h"
#include "net/tcp/tcp.h"

#define MIRROR_IP PEER_IP
#define MSEC	NSEC_PER_MSEC
#define SEC	NSEC_PER_SEC

struct wire_frame {
	struct wire_frame *next;
	struct pkt *held;		/* the stack's own, until delivery */
	u64 due;
	bool lost;
	u32 len;
	u8 data[2048];			/* from the Ethernet header */
};

struct wire {
	u32 loss, duplicate, reorder;	/* of a thousand */
	u64 delay, jitter;		/* ns */
	u64 rate;			/* bytes a second; 0: no limit */
	u32 queue;			/* bytes that wait for the rate; more are lost; 0: no limit */
	/* Sees each frame as it is sent, and may change it (wire_checksum) or drop it: false. */
	bool (*filter)(struct wire_frame *f);
	u64 frames, frames_lost, text_frames, acks; /* counted: TCP; with text; without text or flags but ACK */
	u64 cut;			/* packets that were several segments */
};
extern struct wire wire;

struct tcp_header *frame_tcp(struct wire_frame *f);
u8 *frame_text(struct wire_frame *f, u32 *len);
/* Put the checksums right after a change. */
void frame_checksum(struct wire_frame *f);

/* Onto the wire, towards us: delivered at f->due, addresses exchanged; freed then. */
void wire_queue(struct wire_frame *f);

/* Everything up, the wire perfect (1 ms of delay), and what was in flight forgotten. */
void wire_start(void);
/* Nothing of TCP is left but listeners, once time has passed: every table entry is gone. */
void wire_expect_clean(void);

/* ---- sockets ---- */

struct socket *tcp_new(void);
struct socket *tcp_listen_on(u16 port, int backlog);
int tcp_bind_to(struct socket *s, be32 local, u16 port);
int tcp_connect_to(struct socket *s, be32 to, u16 port, bool nonblock);
/* A connection by way of the wire: *client to *server (accepted from l). */
void tcp_pair(struct socket *l, u16 port, struct socket **client, struct socket **server);
s64 tcp_send_flags(struct socket *s, const void *data, size_t len, u32 flags);
s64 tcp_recv_flags(struct socket *s, void *data, size_t len, u32 flags);
static inline s64 tcp_send(struct socket *s, const void *data, size_t len) { return tcp_send_flags(s, data, len, 0); }
static inline s64 tcp_recv(struct socket *s, void *data, size_t len) { return tcp_recv_flags(s, data, len, 0); }
static inline struct tcp_conn *conn(struct socket *s) { return tcp_of(s); }
int tcp_option(struct socket *s, int level, int name, s32 value);

/* Text that depends on its position alone. */
void pattern_fill(u8 *p, u64 at, size_t len);
bool pattern_check(const u8 *p, u64 at, size_t len);

/* A thread that sends so much and shuts down; one that reads to the end and checks. */
struct stream {
	struct socket *s;
	u64 bytes, done;
	u32 chunk;			/* largest write or read; 0: 16384 */
	bool keep_open;			/* no shutdown at the end */
	s64 error;
	bool finished;
};
void stream_send(struct stream *t);
void stream_receive(struct stream *t);
/* Sleep until it has finished. */
void stream_wait(struct stream *t);

/* ---- a peer by hand ---- */

struct segment {
	be32 from;			/* 0: OTHER_IP */
	u16 source, destination;
	u32 seq, ack;
	u8 flags;
	u16 window;
	const void *options;
	u32 options_len;		/* a multiple of 4 */
	const void *text;
	u32 len;
	u16 urgent;
};
void segment_inject(const struct segment *s);
/* The last TCP segment that was sent to somebody other than the mirror; NULL: none since wire_sent_clear. */
struct wire_frame *wire_sent_last(void);
u32 wire_sent_count(void);
struct wire_frame *wire_sent(u32 i);
void wire_sent_clear(void);
