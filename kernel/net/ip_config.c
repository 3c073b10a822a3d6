/*
 * ip= on the command line: the network comes up in the kernel, before the first program. By hand, or with dhcp.c's
 * lease; main waits here for it, as long as is reasonable, and then lets init start all the same: the client goes on
 * asking.
 */
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/param.h"
#include "net/ip_config.h"
#include "net/net.h"
#include "net/route.h"

#define LINK_WAIT_NS	(10 * NSEC_PER_SEC)
#define LEASE_WAIT_NS	(30 * NSEC_PER_SEC)

static struct spinlock config_lock = SPINLOCK_INIT("ip_config");	/* thread kind */
static struct ip_config config;		/* [config_lock] */
static bool configured;			/* [config_lock] */

/* ---- the words ------------------------------------------------------------ */

static bool address_parse(const char *s, be32 *a)
{
	u32 v = 0;

	for (u32 i = 0; i < 4; i++) {
		u64 part;

		if (parse_u64(s, &s, 10, &part) || part > 255)
			return false;
		v = v << 8 | part;
		if (i < 3 && *s++ != '.')
			return false;
	}
	*a = cpu_to_be32(v);
	return !*s;
}

static bool is_any(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(s, *words))
			return true;
	return false;
}

static int method_parse(const char *s, struct ip_config *c)
{
	static const char *const dhcp[] = { "dhcp", "on", "any", "both", NULL };
	static const char *const none[] = { "off", "none", "", NULL };

	if (is_any(s, dhcp))
		c->dhcp = true;
	else if (!is_any(s, none))
		return -EINVAL;
	return 0;
}

/* The nth word between colons. */
static int word_take(struct ip_config *c, u32 n, const char *s)
{
	be32 *addresses[] = { &c->address, &c->server, &c->gateway, &c->mask };

	if (n == 6)
		return method_parse(s, c);
	if (!*s)
		return 0;
	switch (n) {
	case 4:
		strlcpy(c->host, s, sizeof(c->host));
		return 0;
	case 5:
		return strlcpy(c->device, s, sizeof(c->device)) < sizeof(c->device) ? 0 : -EINVAL;
	case 7:
	case 8:
		return address_parse(s, &c->dns[n - 7]) ? 0 : -EINVAL;
	case 9:
		return 0;		/* NTP server: nobody asks for it */
	}
	return n < ARRAY_SIZE(addresses) && address_parse(s, addresses[n]) ? 0 : -EINVAL;
}

int ip_config_parse(const char *text, struct ip_config *c)
{
	char word[64];

	memset(c, 0, sizeof(*c));
	if (!strchr(text, ':') && !address_parse(text, &c->address)) {
		int err = method_parse(text, c);

		return err ? err : !c->dhcp;
	}
	c->address = 0;
	for (u32 n = 0; ; n++) {
		const char *colon = strchr(text, ':');
		size_t len = colon ? (size_t)(colon - text) : strlen(text);

		if (len >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, len);
		word[len] = '\0';
		if (word_take(c, n, word))
			return -EINVAL;
		if (!colon)
			break;
		text = colon + 1;
	}
	if (c->mask && mask_prefix(c->mask) < 0)
		return -EINVAL;
	if (!c->address)
		c->dhcp = true;		/* as Linux: nothing given is to be found out */
	return 0;
}

/* ---- in force ------------------------------------------------------------- */

bool ip_config_get(struct ip_config *c)
{
	bool is;

	spin_lock(&config_lock);
	*c = config;
	is = configured;
	spin_unlock(&config_lock);
	return is;
}

static void config_log(const struct netif *nif, const struct ip_config *c)
{
	char text[160], *at = text, *end = text + sizeof(text);

	at += scnprintf(at, end - at, "%s: %pI4/%d", nif->name, &c->address, mask_prefix(c->mask));
	if (c->gateway)
		at += scnprintf(at, end - at, " gateway %pI4", &c->gateway);
	for (u32 i = 0; i < IP_CONFIG_DNS; i++)
		if (c->dns[i])
			at += scnprintf(at, end - at, "%s%pI4", i ? " " : " dns ", &c->dns[i]);
	if (!c->dhcp)
		log_notice("%s", text);
	else if (c->lease_s == ~0u)
		log_notice("%s (DHCP, no end of lease)", text);
	else
		log_notice("%s (DHCP, lease %u s)", text, c->lease_s);
}

static int config_apply(struct netif *nif, const struct ip_config *c)
{
	u8 prefix = mask_prefix(c->mask);
	be32 broadcast = prefix < 31 ? c->address | ~c->mask : 0;
	struct route r = { .netif = nif, .gateway = c->gateway, .type = RTYPE_UNICAST, .table = 254,
		.protocol = c->dhcp ? RPROTO_DHCP : RPROTO_BOOT };
	int err;

	if (c->mtu >= 576 && c->mtu < nif->mtu)
		netif_set_mtu(nif, c->mtu);
	err = ifaddr_add(nif, c->address, prefix, broadcast, RSCOPE_GLOBAL, NULL);
	if (err && err != -EEXIST) {
		log_err("%s: address %pI4 is not accepted (error %d)", nif->name, &c->address, -err);
		return err;
	}
	if (!c->gateway)
		return 0;
	err = route_add(&r, ROUTE_CREATE | ROUTE_REPLACE);
	if (err == -ENETUNREACH) {	/* some clouds' gateways lie off the subnet */
		r.flags = 4;		/* on the link nevertheless */
		err = route_add(&r, ROUTE_CREATE | ROUTE_REPLACE);
	}
	if (err)
		log_err("%s: gateway %pI4 is not accepted (error %d)", nif->name, &c->gateway, -err);
	return err;
}

void ip_config_set(struct netif *nif, const struct ip_config *c)
{
	struct in_ifaddr *old;
	struct ip_config was;

	mutex_lock(&net_config_mutex);
	if (ip_config_get(&was) && was.address && was.address != c->address) {
		old = ifaddr_find(nif, was.address, -1);
		if (old)
			ifaddr_delete(nif, old);
	}
	if (c->address && !config_apply(nif, c))
		config_log(nif, c);
	mutex_unlock(&net_config_mutex);

	spin_lock(&config_lock);
	config = *c;
	configured = c->address;
	spin_unlock(&config_lock);
}

/* ---- at boot -------------------------------------------------------------- */

static void loopback_up(void)
{
	netif_set_up(loopback_netif, true);
}

/* The interface that ip= means: the one named, or the first whose link is up. Referenced. */
static struct netif *netif_ready(const char *name, bool *any)
{
	struct netif *nif, *found = NULL;

	*any = false;
	for (u32 index = 0; (nif = netif_next(index)); netif_put(nif)) {
		index = nif->index;
		if (nif->features & NETIF_F_LOOPBACK || (name[0] && strcmp(nif->name, name)))
			continue;
		*any = true;
		if (nif->flags & NETIF_UP && (found || !(nif->flags & NETIF_RUNNING)))
			continue;
		if (!(nif->flags & NETIF_UP) && netif_set_up(nif, true))
			continue;
		if (!found && nif->flags & NETIF_RUNNING) {
			found = nif;
			ref_get(&nif->refs);
		}
	}
	return found;
}

static struct netif *netif_wait(const char *name, bool *any)
{
	u64 deadline = clock_ns() + LINK_WAIT_NS;

	for (;;) {
		u32 seen = netif_change_count();
		struct netif *nif = netif_ready(name, any);

		if (nif || !*any)
			return nif;
		if (netif_change_wait(seen, deadline))
			return NULL;
	}
}

static u8 class_mask_prefix(be32 a)
{
	u8 first = (u8)a;

	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

int ip_config_wait(void)
{
	const char *text = param_find("ip");
	struct ip_config c;
	struct netif *nif;
	bool any;
	int err;

	loopback_up();
	if (!text)
		return 0;
	err = ip_config_parse(text, &c);
	if (err < 0)
		log_err("ip=%s: expected dhcp, off, or address::gateway:mask:host:device:off:dns", text);
	if (err)
		return err < 0 ? err : 0;
	nif = netif_wait(c.device, &any);
	if (!nif && !any) {
		log_err("ip=: no network interface%s%s", c.device[0] ? " named " : "", c.device);
		return -ENODEV;
	}
	if (!nif) {
		log_warn("ip=: no link after %u s", (u32)(LINK_WAIT_NS / NSEC_PER_SEC));
		nif = netif_find_name(c.device[0] ? c.device : "eth0");
		if (!nif)
			return -ENODEV;
	}
	if (c.dhcp) {
		err = dhcp_start(nif, c.host);
		if (!err && nif->flags & NETIF_RUNNING)
			err = dhcp_wait(clock_ns() + LEASE_WAIT_NS);
		if (err == -ETIMEDOUT)
			log_warn("%s: no DHCP server answered in %u s; still asking", nif->name,
				 (u32)(LEASE_WAIT_NS / NSEC_PER_SEC));
	} else {
		if (!c.mask)
			c.mask = prefix_mask(class_mask_prefix(c.address));
		ip_config_set(nif, &c);
	}
	netif_put(nif);
	return err;
}
