/*
 * /sys/class/net/NAME: what netif.c registers and renames, as files. Each value is read from the interface when the
 * file is; it is looked up by its index, so that an interface that has gone leaves nothing behind to follow.
 */
#include "base/printf.h"
#include "base/string.h"
#include "fs/cpu_text.h"
#include "fs/sysfs.h"
#include "net/netlink.h"

enum attribute { ADDRESS, BROADCAST, MTU, OPERSTATE, CARRIER, IFINDEX, TYPE, FLAGS, TX_QUEUE_LEN, ADDR_LEN, DEV_ID };
static const char *const attribute_names[] = { "address", "broadcast", "mtu", "operstate", "carrier", "ifindex", "type",
	"flags", "tx_queue_len", "addr_len", "dev_id" };

static const struct { const char *name; u16 offset; } statistics[] = {
#define S(field) { #field, offsetof(struct netif_stats, field) }
	S(rx_packets), S(rx_bytes), S(rx_errors), S(rx_dropped), S(tx_packets), S(tx_bytes), S(tx_errors), S(tx_dropped),
	S(multicast), S(rx_length_errors), S(rx_crc_errors), S(rx_fifo_errors), S(rx_missed_errors),
#undef S
};

/* A file's argument: the interface's index and which value. */
static void *key_of(const struct netif *nif, u32 what)
{
	return (void *)((u64)nif->index << 8 | what);
}

static struct netif *netif_of(void *key)
{
	return netif_find_index((u64)key >> 8);
}

static void attribute_show(struct text_out *t, void *key)
{
	struct netif *nif = netif_of(key);
	static const u8 ones[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool lo, up;

	if (!nif)
		return;
	lo = nif->features & NETIF_F_LOOPBACK;
	up = (nif->flags & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING);
	switch ((enum attribute)((u64)key & 0xff)) {
	case ADDRESS:
		text_printf(t, "%pM\n", nif->mac);
		break;
	case BROADCAST:
		text_printf(t, "%pM\n", lo ? nif->mac : ones);
		break;
	case MTU:
		text_printf(t, "%u\n", nif->mtu);
		break;
	case OPERSTATE:
		text_printf(t, "%s\n", lo ? "unknown" : up ? "up" : "down");
		break;
	case CARRIER:
		text_printf(t, "%d\n", !!(nif->flags & NETIF_RUNNING));
		break;
	case IFINDEX:
		text_printf(t, "%u\n", nif->index);
		break;
	case TYPE:
		text_printf(t, "%u\n", lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
		break;
	case FLAGS:
		text_printf(t, "0x%x\n", netif_iff(nif) & ~(IFF_LOWER_UP | IFF_RUNNING));
		break;
	case TX_QUEUE_LEN:
		text_printf(t, "%u\n", nif->tx_queue_limit);
		break;
	case ADDR_LEN:
		text_printf(t, "%d\n", ETH_ALEN);
		break;
	case DEV_ID:
		text_printf(t, "0x0\n");
		break;
	}
	netif_put(nif);
}

static void statistic_show(struct text_out *t, void *key)
{
	struct netif *nif = netif_of(key);
	struct netif_stats s;
	u64 v;

	if (!nif)
		return;
	s = netif_stats_get(nif);
	memcpy(&v, (const u8 *)&s + statistics[(u64)key & 0xff].offset, sizeof(v));
	text_printf(t, "%llu\n", (unsigned long long)v);
	netif_put(nif);
}

/* No steering by software is there: the CPUs of rx-N are none. Those of tx-N are who sends by it. */
enum { RPS_CPUS, RPS_FLOW_CNT, XPS_CPUS, TX_TIMEOUT };
static const char *const queue_names[] = { "rx-%u/rps_cpus", "rx-%u/rps_flow_cnt", "tx-%u/xps_cpus",
	"tx-%u/tx_timeout" };

static void *queue_key(const struct netif *nif, u32 queue, u32 what)
{
	return (void *)((u64)nif->index << 32 | queue << 8 | what);
}

static void queue_show(struct text_out *t, void *key)
{
	struct netif *nif = netif_find_index((u64)key >> 32);
	u32 what = (u64)key & 0xff, queue = (u32)(u64)key >> 8;
	u64 cpus = 0;

	if (!nif)
		return;
	for (u32 cpu = 0; what == XPS_CPUS && nif->txq_max > 1 && cpu < cpus_present; cpu++)
		if (netif_cpu_queue(cpu, nif->txq_count) == queue)
			cpus |= 1ull << cpu;
	netif_put(nif);
	if (what == RPS_FLOW_CNT || what == TX_TIMEOUT)
		text_printf(t, "0");
	else
		text_cpu_mask(t, cpus);
	text_printf(t, "\n");
}

void net_sysfs_queues(struct netif *nif)
{
	char path[80];
	size_t n;

	n = snprintf(path, sizeof(path), "class/net/%s/queues", nif->name);
	sysfs_unregister(path);
	path[n++] = '/';
	for (u32 queue = 0; queue < nif->txq_count; queue++)
		for (u32 i = 0; i < ARRAY_SIZE(queue_names); i++) {
			snprintf(path + n, sizeof(path) - n, queue_names[i], queue);
			sysfs_register(path, queue_show, NULL, queue_key(nif, queue, i));
		}
}

void net_sysfs_add(struct netif *nif)
{
	char path[80];

	for (u32 i = 0; i < ARRAY_SIZE(attribute_names); i++) {
		snprintf(path, sizeof(path), "class/net/%s/%s", nif->name, attribute_names[i]);
		sysfs_register(path, attribute_show, NULL, key_of(nif, i));
	}
	for (u32 i = 0; i < ARRAY_SIZE(statistics); i++) {
		snprintf(path, sizeof(path), "class/net/%s/statistics/%s", nif->name, statistics[i].name);
		sysfs_register(path, statistic_show, NULL, key_of(nif, i));
	}
	net_sysfs_queues(nif);
	if (nif->bus_info) {
		char target[64];

		snprintf(target, sizeof(target), "../../../bus/pci/devices/%s", nif->bus_info);
		snprintf(path, sizeof(path), "class/net/%s/device", nif->name);
		sysfs_register_link(path, target);
	}
}

void net_sysfs_remove(const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "class/net/%s", name);
	sysfs_unregister(path);
}
