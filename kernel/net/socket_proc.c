/*
 * /proc/net and /proc/sys/net: the state of the stack as text, in Linux's formats (proc(5)), for ifconfig, route, arp,
 * netstat and whoever reads them. net/tcp has files of its own. Each file is made anew when it is read.
 */
#include "base/endian.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/procfs.h"
#include "mm/page.h"
#include "net/ip_config.h"
#include "net/ip_internal.h"
#include "net/napi.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/route.h"
#include "net/socket_netlink.h"
#include "net/socket_packet.h"
#include "net/socket_proc.h"
#include "net/socket_raw.h"
#include "net/socket_unix.h"
#include "net/udp.h"

#define ULL(v) ((unsigned long long)(v))

/* ---- interfaces, routes, neighbours --------------------------------------- */

static void dev_show(struct text_out *t)
{
	struct netif *nif;

	text_printf(t, "Inter-|   Receive                                                |  Transmit\n"
		    " face |bytes    packets errs drop fifo frame compressed multicast|"
		    "bytes    packets errs drop fifo colls carrier compressed\n");
	for (u32 index = 0; (nif = netif_next(index)); netif_put(nif)) {
		const struct netif_stats stats = netif_stats_get(nif), *s = &stats;

		index = nif->index;
		text_printf(t, "%6s: %7llu %7llu %4llu %4llu %4llu %5llu %10u %9llu %8llu %7llu %4llu %4llu %4u %5u %7u %10u\n",
			    nif->name, ULL(s->rx_bytes), ULL(s->rx_packets), ULL(s->rx_errors),
			    ULL(s->rx_dropped + s->rx_missed_errors), ULL(s->rx_fifo_errors),
			    ULL(s->rx_length_errors + s->rx_crc_errors), 0, ULL(s->multicast),
			    ULL(s->tx_bytes), ULL(s->tx_packets), ULL(s->tx_errors), ULL(s->tx_dropped), 0, 0, 0, 0);
	}
}

static bool neigh_line(struct neighbour *n, void *arg)
{
	/* ATF_COM, ATF_PERM */
	u32 flags = n->state & NEIGH_VALID ? n->state & NEIGH_PERMANENT ? 6 : 2 : 0;
	static const u8 none[ETH_ALEN];
	char address[16], mac[18];

	if (!n->state || n->state == NEIGH_NOARP)
		return true;
	snprintf(address, sizeof(address), "%pI4", &n->address);
	snprintf(mac, sizeof(mac), "%pM", flags ? n->mac : none);
	text_printf(arg, "%-16s 0x%-10x0x%-10x%-17s     *        %s\n", address, 1, flags, mac, n->netif->name);
	return true;
}

static void arp_show(struct text_out *t)
{
	text_printf(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
	neigh_for_each(neigh_line, t);
}

/* Lines of these files are padded to one width: old readers seek in them. */
static void padded_line(struct text_out *t, const char *line)
{
	text_printf(t, "%-127s\n", line);
}

static bool route_line(const struct route *r, void *arg)
{
	u32 flags = r->type >= RTYPE_BLACKHOLE ? RTF_REJECT : RTF_UP;
	char line[128];

	if (r->table == 255)
		return true;
	if (r->gateway)
		flags |= RTF_GATEWAY;
	if (r->prefix == 32)
		flags |= RTF_HOST;
	scnprintf(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t%d\t%u\t%d\t%08X\t%d\t%u\t%u", r->netif ? r->netif->name : "*",
		  r->destination, r->gateway, flags, 0, 0, r->metric, prefix_mask(r->prefix), r->mtu, 0, 0);
	padded_line(arg, line);
	return true;
}

static void route_show(struct text_out *t)
{
	padded_line(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
	route_for_each(route_line, t);
}

static void pnp_show(struct text_out *t)
{
	struct ip_config c;

	if (!ip_config_get(&c))
		return;
	text_printf(t, "#%s\n", c.dhcp ? "PROTO: DHCP" : "MANUAL");
	if (c.domain[0])
		text_printf(t, "domain %s\n", c.domain);
	for (u32 i = 0; i < IP_CONFIG_DNS; i++)
		if (c.dns[i])
			text_printf(t, "nameserver %pI4\n", &c.dns[i]);
	if (c.server)
		text_printf(t, "bootserver %pI4\n", &c.server);
}

/* ---- sockets -------------------------------------------------------------- */

#define INET_HEADING(kind) "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   " \
	"uid  timeout inode ref pointer drops" kind

struct inet_walk { struct text_out *t; u32 n; };

static void inet_line(struct inet_walk *w, const struct inet_socket *i, u16 port)
{
	char line[160];

	scnprintf(line, sizeof(line), "%5u: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5u %8d %llu %d %016llx %llu",
		  w->n++, i->local, port, i->remote, be16_to_cpu(i->remote_port), i->remote ? 1 : 7,
		  atomic_load_relaxed(&i->tx_charge) - 1, i->rx_charge, 0, 0, 0, i->s.owner_uid, 0, ULL(i->s.ino), 2, 0ull,
		  ULL(i->drops));
	padded_line(w->t, line);
}

static void udp_line(struct udp_socket *u, void *arg)
{
	inet_line(arg, &u->i, be16_to_cpu(u->i.local_port));
}

static void udp_show(struct text_out *t)
{
	struct inet_walk w = { t, 0 };

	padded_line(t, INET_HEADING(" "));
	udp_for_each(udp_line, &w);
}

static void raw_line(struct raw_socket *r, void *arg)
{
	inet_line(arg, &r->i, r->i.s.protocol);
}

static void raw_show(struct text_out *t)
{
	struct inet_walk w = { t, 0 };

	padded_line(t, INET_HEADING(" "));
	raw_for_each(raw_line, &w);
}

static void unix_line(struct unix_socket *u, void *arg)
{
	struct text_out *t = arg;

	if (u->closed)
		return;
	text_printf(t, "%016llx: %08X %08X %08X %04X %02X %5llu", 0ull, u->refs, 0, u->s.listening ? 0x10000 : 0, u->s.type,
		    u->connected ? 3 : 1, ULL(u->s.ino));
	if (u->name) {
		text_char(t, ' ');
		for (u32 i = 0; i < u->name_len; i++)
			if (u->name[i] || (!u->vnode && i < u->name_len - !u->name[0]))
				text_char(t, u->name[i] ? u->name[i] : '@');
	}
	text_char(t, '\n');
}

static void unix_show(struct text_out *t)
{
	text_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_for_each(unix_line, t);
}

static void packet_line(struct packet_socket *k, void *arg)
{
	text_printf(arg, "%016llx %-6d %-4d %04x   %-5d %1d %-6u %-6u %-6llu\n", 0ull, 2, k->i.s.type,
		    be16_to_cpu(k->protocol), k->ifindex, 1, k->i.rx_charge, k->i.s.owner_uid, ULL(k->i.s.ino));
}

static void packet_show(struct text_out *t)
{
	text_printf(t, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	packet_for_each(packet_line, t);
}

static void netlink_line(struct netlink_socket *k, void *arg)
{
	text_printf(arg, "%016llx %-3d %-10u %08x %-8u %-8d %-5d %-8d %-8llu %-8llu\n", 0ull, 0, k->portid, (u32)k->groups,
		    k->i.rx_charge, 0, !!k->dump_kind, 2, ULL(k->i.drops), ULL(k->i.s.ino));
}

static void netlink_show(struct text_out *t)
{
	text_printf(t, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
	netlink_for_each(netlink_line, t);
}

/* ---- counters ------------------------------------------------------------- */

#define C(name) ULL(net_counter_sum(name))

static void ip_counters(struct text_out *t)
{
	text_printf(t, "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos "
		    "InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails "
		    "FragOKs FragFails FragCreates\n");
	text_printf(t, "Ip: 2 %u %llu %llu %llu 0 %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu\n",
		    IP_DEFAULT_TTL, C(IP_IN_RECEIVES), C(IP_IN_HDR_ERRORS), C(IP_IN_ADDR_ERRORS), C(IP_IN_UNKNOWN_PROTOS),
		    C(IP_IN_DISCARDS), C(IP_IN_DELIVERS), C(IP_OUT_REQUESTS), C(IP_OUT_DISCARDS), C(IP_OUT_NO_ROUTES),
		    C(IP_REASM_TIMEOUT), C(IP_REASM_REQDS), C(IP_REASM_OKS), C(IP_REASM_FAILS), C(IP_FRAG_OKS),
		    C(IP_FRAG_FAILS), C(IP_FRAG_CREATES));
}

static void icmp_counters(struct text_out *t)
{
	text_printf(t, "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects "
		    "InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors "
		    "OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs "
		    "OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n");
	text_printf(t, "Icmp: %llu %llu %llu %llu %llu 0 0 0 %llu %llu 0 0 0 0 %llu %llu %llu 0 %llu %llu 0 0 0 %llu %llu "
		    "0 0 0 0\n", C(ICMP_IN_MSGS), C(ICMP_IN_ERRORS), C(ICMP_IN_CSUM_ERRORS), C(ICMP_IN_DEST_UNREACHS),
		    C(ICMP_IN_TIME_EXCDS), C(ICMP_IN_ECHOS), C(ICMP_IN_ECHO_REPS), C(ICMP_OUT_MSGS), C(ICMP_OUT_ERRORS),
		    C(ICMP_OUT_RATE_LIMITED), C(ICMP_OUT_DEST_UNREACHS), C(ICMP_OUT_TIME_EXCDS), C(ICMP_OUT_ECHOS),
		    C(ICMP_OUT_ECHO_REPS));
}

static void udp_counters(struct text_out *t)
{
	text_printf(t, "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti "
		    "MemErrors\nUdp: %llu %llu %llu %llu %llu %llu %llu 0 0\n", C(UDP_IN_DATAGRAMS), C(UDP_NO_PORTS),
		    C(UDP_IN_ERRORS), C(UDP_OUT_DATAGRAMS), C(UDP_RCVBUF_ERRORS), C(UDP_SNDBUF_ERRORS),
		    C(UDP_IN_CSUM_ERRORS));
}

static struct net_text_source *snmp_sources, *netstat_sources, *sockstat_sources;

static void source_add(struct net_text_source **list, struct net_text_source *s)
{
	while (*list)
		list = &(*list)->next;
	*list = s;
}

void net_text_register(enum net_text_file file, struct net_text_source *s)
{
	source_add(file == NET_SNMP ? &snmp_sources : file == NET_NETSTAT ? &netstat_sources : &sockstat_sources, s);
}

static void sources_show(struct text_out *t, const struct net_text_source *s)
{
	for (; s; s = s->next)
		s->show(t);
}

static void snmp_show(struct text_out *t)
{
	ip_counters(t);
	icmp_counters(t);
	sources_show(t, snmp_sources);
	udp_counters(t);
}

static void netstat_show(struct text_out *t)
{
	sources_show(t, netstat_sources);
	text_printf(t, "IpExt: InCsumErrors ReasmOverlaps\nIpExt: %llu %llu\n", C(IP_IN_CSUM_ERRORS), C(IP_REASM_OVERLAPS));
}

struct use { u32 count; u64 memory; };

static void udp_use(struct udp_socket *u, void *arg)
{
	struct use *use = arg;

	use->count++;
	use->memory += u->i.rx_charge;
}

static void raw_use(struct raw_socket *r, void *arg)
{
	((struct use *)arg)->count++;
}

static void sockstat_show(struct text_out *t)
{
	struct use udp = { 0 }, raw = { 0 };
	struct ip_frag_stats frag;

	udp_for_each(udp_use, &udp);
	raw_for_each(raw_use, &raw);
	ip_frag_stats_get(&frag);
	text_printf(t, "sockets: used %u\n", atomic_load_relaxed(&socket_count));
	sources_show(t, sockstat_sources);
	text_printf(t, "UDP: inuse %u mem %llu\nUDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse %u memory %llu\n", udp.count,
		    ULL(udp.memory / PAGE_SIZE), raw.count, frag.queues, ULL(frag.memory));
}

/* What /proc/stat shows beside Linux's fields. */
static void stat_show(struct text_out *t)
{
	struct napi_stats s;

	napi_stats_get(&s);
	text_printf(t, "net_rx_polls %llu\nnet_rx_timer_polls %llu\nnet_rx_packets %llu\nnet_rx_rearm_races %llu\n",
		    ULL(s.polls), ULL(s.timer_polls), ULL(s.packets), ULL(s.rearm_races));
}

/* ---- /proc/sys/net -------------------------------------------------------- */

static void constant_show(struct text_out *t, void *arg)
{
	text_printf(t, "%s\n", (const char *)arg);
}

static void empty_show(struct text_out *t)
{
}

static void number_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\n", *(const u32 *)arg);
}

/* What it is already may be asked for; nothing else can be had. */
static int constant_store(const char *text, size_t len, void *arg)
{
	return strcmp(text, arg) ? -EINVAL : 0;
}

static void ping_groups_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\t%u\n", ping_groups[0], ping_groups[1]);
}

/* From one group to another; backwards it is nobody. */
static int ping_groups_store(const char *text, size_t len, void *arg)
{
	u64 low, high;

	if (parse_u64(text, &text, 10, &low))
		return -EINVAL;
	while (*text == ' ' || *text == '\t')
		text++;
	if (parse_u64(text, NULL, 10, &high) || low >= UINT32_MAX || high >= UINT32_MAX)
		return -EINVAL;
	WRITE_ONCE(ping_groups[0], low <= high ? low : 1);
	WRITE_ONCE(ping_groups[1], low <= high ? high : 0);
	return 0;
}

static const struct proc_entry_ops ping_groups_ops = { .show = ping_groups_show, .store = ping_groups_store };
static const struct proc_entry_ops constant_ops = { .show = constant_show, .store = constant_store };
static const struct proc_entry_ops number_ops = { .show = number_show };

static int sysctls_register(void)
{
	static const u32 buffer_default = SOCKET_BUF_DEFAULT, buffer_max = SOCKET_BUF_MAX;
	static const struct { const char *path, *value; } constants[] = {
		{ "sys/net/ipv4/ip_forward", "0" },
		{ "sys/net/ipv4/ip_local_port_range", "32768\t60999" },
		{ "sys/net/ipv4/ip_default_ttl", "64" },
		{ "sys/net/ipv4/tcp_fastopen", "0" },
		{ "sys/net/ipv4/icmp_echo_ignore_all", "0" },
		{ "sys/net/ipv4/icmp_echo_ignore_broadcasts", "1" },
		{ "sys/net/ipv4/conf/all/forwarding", "0" },
		{ "sys/net/ipv4/conf/all/rp_filter", "0" },
		{ "sys/net/core/somaxconn", "4096" },
	};
	static const struct { const char *path; const u32 *value; } numbers[] = {
		{ "sys/net/core/rmem_default", &buffer_default }, { "sys/net/core/wmem_default", &buffer_default },
		{ "sys/net/core/rmem_max", &buffer_max }, { "sys/net/core/wmem_max", &buffer_max },
	};
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(constants) && !err; i++)
		err = proc_register(constants[i].path, &constant_ops, (void *)constants[i].value);
	for (u32 i = 0; i < ARRAY_SIZE(numbers) && !err; i++)
		err = proc_register(numbers[i].path, &number_ops, (void *)numbers[i].value);
	return err ? err : proc_register("sys/net/ipv4/ping_group_range", &ping_groups_ops, NULL);
}

static int net_proc_init(void)
{
	static const struct { const char *path; void (*show)(struct text_out *); } files[] = {
		{ "net/dev", dev_show }, { "net/arp", arp_show }, { "net/route", route_show }, { "net/pnp", pnp_show },
		{ "net/udp", udp_show }, { "net/raw", raw_show }, { "net/unix", unix_show },
		{ "net/packet", packet_show }, { "net/netlink", netlink_show }, { "net/snmp", snmp_show },
		{ "net/netstat", netstat_show }, { "net/sockstat", sockstat_show }, { "net/if_inet6", empty_show },
	};
	static struct proc_stat_source counters = { .show = stat_show };
	int err = sysctls_register();

	for (u32 i = 0; i < ARRAY_SIZE(files) && !err; i++)
		err = proc_register_file(files[i].path, files[i].show);
	proc_stat_register(&counters);
	return err;
}
INIT(net_proc, INIT_PROC, net_proc_init);
