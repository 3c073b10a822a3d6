/*
 * /sys/class/net/NAME: what netif.c registers and renames, as files. Each value is read from the interface when the
 * file is; it is looked up by its index, so that an interface that has gone leaves nothing behind to follow.
 */
#include "base/printf.h"
#include "base/string.h"
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
