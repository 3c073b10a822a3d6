/*
 * See stack.h. Files, procfs and the like, which the sockets' outer shell calls, are not there: what would need them
 * fails.
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"
#include "base/cksum.h"
#include "irq/irq.h"
#include "net/ip_config.h"
#include "net/netlink.h"

const u8 our_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 }, peer_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };
struct netif nic;
int nic_result;
u32 nic_reclaims;
struct frame sent[512];
u32 sent_count;

/* ---- what is not linked ---- */

struct file *file_new_anonymous(const struct file_ops *ops, void *priv, u32 flags) { return NULL; }
int file_none(void) { return -ENFILE; }
void file_put(struct file *f) { }
int fd_install(struct file *f, u32 min, bool cloexec) { return -EMFILE; }
void net_sysfs_add(struct netif *nif) { }
void net_sysfs_remove(const char *name) { }
void net_sysfs_queues(struct netif *nif) { }
void socket_unix_init(void) { }
const struct netlink_kind *netlink_diag_kind(const struct netlink_request *r) { return NULL; }
bool irq_masks_while_polling(struct irq *irq) { return false; }
void irq_mask(struct irq *irq) { }
void irq_unmask(struct irq *irq) { }

/* ---- the card ---- */

static int card_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	struct frame *f = &sent[sent_count % ARRAY_SIZE(sent)];

	if (nic_result)
		return nic_result;
	EXPECT_LE(p->len, 1514u);
	f->len = p->len;
	pkt_copy_out(p, 0, f->data, MIN(p->len, (u32)sizeof(f->data)));
	sent_count++;
	pkt_free(p);
	return 0;
}

static void card_reclaim(struct netif *nif, u32 queue)
{
	nic_reclaims++;
}

static const struct netif_ops card_ops = { .xmit = card_xmit, .tx_reclaim = card_reclaim };

void card_receives_only(const void *frame, u32 len)
{
	struct pkt *p = pkt_alloc(16);

	if (!p)
		return;			/* no buffer in the ring: the card dropped it */
	if (pkt_append(p, frame, len)) {
		pkt_free(p);
		return;
	}
	local_bh_disable();
	netif_rx(&nic, p);
	local_bh_enable();
}

void card_receives(const void *frame, u32 len)
{
	card_receives_only(frame, len);
	host_run();
}

void sent_clear(void)
{
	sent_count = 0;
}

void stack_start(void)
{
	static bool started;
	struct route r = { .gateway = GATEWAY_IP, .netif = &nic, .type = RTYPE_UNICAST, .table = 254 };
	struct neighbour *n;

	nic_result = 0;
	sent_clear();
	if (started)
		return;
	started = true;
	net_init();
	memcpy(nic.mac, our_mac, 6);
	nic.ops = &card_ops;
	nic.mtu = nic.max_mtu = 1500;
	nic.flags = NETIF_RUNNING;
	EXPECT_EQ(netif_register(&nic), 0);
	EXPECT_EQ(netif_set_up(loopback_netif, true), 0);
	EXPECT_EQ(netif_set_up(&nic, true), 0);
	mutex_lock(&net_config_mutex);
	EXPECT_EQ(ifaddr_add(&nic, OUR_IP, 24, OUR_IP | htonl(0xff), 0, NULL), 0);
	EXPECT_EQ(route_add(&r, ROUTE_CREATE), 0);
	mutex_unlock(&net_config_mutex);
	for (u32 i = 0; i < 2; i++) {
		n = neigh_get(&nic, i ? GATEWAY_IP : PEER_IP);
		neigh_set(n, peer_mac, NEIGH_PERMANENT);
		neigh_put(n);
	}
	host_run();
	sent_clear();
}

/* ---- frames ---- */

u32 frame_ip(u8 *f, be32 from, be32 to, u8 protocol, u16 fragment, u16 id, const void *payload, u32 len)
{
	struct ether_header *e = (struct ether_header *)f;
	struct ip_header *ip = frame_ip_header(f);

	memcpy(e->destination, our_mac, 6);
	memcpy(e->source, peer_mac, 6);
	e->type = htons(ETHERTYPE_IPV4);
	*ip = (struct ip_header){ .version_ihl = 0x45, .length = cpu_to_be16(20 + len), .id = cpu_to_be16(id),
		.fragment = cpu_to_be16(fragment), .ttl = 64, .protocol = protocol, .source = from, .destination = to };
	ip->checksum = cksum_fold(cksum_add(0, ip, 20));
	memmove(frame_payload(f), payload, len);
	return 34 + len;
}

u32 frame_udp(u8 *f, be32 from, be32 to, u16 from_port, u16 to_port, const void *payload, u32 len)
{
	u8 segment[2048];
	struct udp_header *h = (struct udp_header *)segment;

	*h = (struct udp_header){ cpu_to_be16(from_port), cpu_to_be16(to_port), cpu_to_be16(8 + len), 0 };
	memcpy(segment + 8, payload, len);
	h->checksum = cksum_fold(cksum_add(cksum_pseudo(from, to, 17, 8 + len), segment, 8 + len));
	if (!h->checksum)
		h->checksum = 0xffff;
	return frame_ip(f, from, to, 17, 0, 1, segment, 8 + len);
}

u32 frame_echo(u8 *f, be32 from, be32 to, u16 id, u16 sequence, const void *payload, u32 len)
{
	u8 message[2048];
	struct icmp_header *h = (struct icmp_header *)message;

	*h = (struct icmp_header){ .type = ICMP_ECHO, .id = cpu_to_be16(id), .sequence = cpu_to_be16(sequence) };
	memcpy(message + 8, payload, len);
	h->checksum = cksum_fold(cksum_add(0, message, 8 + len));
	return frame_ip(f, from, to, 1, 0, 2, message, 8 + len);
}

u32 frame_arp(u8 *f, u16 operation, const u8 *from_mac, be32 from, const u8 *to_mac, be32 to, const u8 *link_to)
{
	struct ether_header *e = (struct ether_header *)f;
	static const u8 fixed[6] = { 0, 1, 8, 0, 6, 4 };

	memcpy(e->destination, link_to, 6);
	memcpy(e->source, from_mac, 6);
	e->type = htons(ETHERTYPE_ARP);
	memcpy(f + 14, fixed, 6);
	put_unaligned_be16(operation, f + 20);
	memcpy(f + 22, from_mac, 6);
	memcpy(f + 28, &from, 4);
	memcpy(f + 32, to_mac, 6);
	memcpy(f + 38, &to, 4);
	memset(f + 42, 0, 18);		/* the wire's padding */
	return 60;
}

u16 frame_type(const struct frame *f)
{
	return get_unaligned_be16(f->data + 12);
}

bool frame_sums_right(const struct frame *f)
{
	const struct ip_header *ip = frame_ip_header(f->data);
	u32 len = be16_to_cpu(ip->length) - 20;
	const u8 *payload = frame_payload(f->data);

	if (f->len != len + 34 || cksum_fold(cksum_add(0, ip, 20)))
		return false;
	if (ip->fragment & htons(0x3fff))
		return true;
	if (ip->protocol == 17)
		return !cksum_fold(cksum_add(cksum_pseudo(ip->source, ip->destination, 17, len), payload, len));
	return ip->protocol != 1 || !cksum_fold(cksum_add(0, payload, len));
}

/* ---- sockets ---- */

struct socket *udp_new(be32 local, u16 port)
{
	struct socket *s = NULL;
	u8 addr[128] = { 0 };
	u32 len;

	EXPECT_EQ(socket_create(AF_INET, SOCK_DGRAM, 0, &s), 0);
	if (port) {
		inet_addr_fill(addr, &len, local, cpu_to_be16(port));
		EXPECT_EQ(s->ops->bind(s, addr, len), 0);
	}
	return s;
}

int udp_connect_to(struct socket *s, be32 to, u16 port)
{
	u8 addr[128] = { 0 };
	u32 len;

	inet_addr_fill(addr, &len, to, cpu_to_be16(port));
	return s->ops->connect(s, addr, len, false);
}

s64 udp_send_to(struct socket *s, be32 to, u16 port, const void *data, u32 len)
{
	struct socket_msg m = { 0 };
	u8 addr[128] = { 0 };
	s64 n;

	uio_kernel(&m.uio, (void *)data, len);
	if (to) {
		inet_addr_fill(addr, &m.name_len, to, cpu_to_be16(port));
		m.name = addr;
	}
	n = s->ops->sendmsg(s, &m);
	host_run();
	return n;
}

s64 udp_receive(struct socket *s, void *data, u32 size, be32 *from, u16 *from_port)
{
	struct socket_msg m = { .flags = MSG_DONTWAIT };
	u8 addr[128] = { 0 };
	be32 a = 0;
	be16 port = 0;
	s64 n;

	m.name = addr;
	m.name_len = sizeof(addr);
	uio_kernel(&m.uio, data, size);
	n = s->ops->recvmsg(s, &m);
	if (n >= 0)
		EXPECT_EQ(inet_addr_parse(addr, m.name_len, &a, &port), 0);
	if (from)
		*from = a;
	if (from_port)
		*from_port = be16_to_cpu(port);
	return n;
}
