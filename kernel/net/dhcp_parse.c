/*
 * A DHCP reply taken apart (RFC 2131, section 2; RFC 2132 for the options). What is in it came from whoever answered
 * first: every length is checked, and what makes no sense is as if it were not there. No state.
 */
#include "base/endian.h"
#include "base/string.h"
#include "net/dhcp_message.h"
#include "net/ip_config.h"

static void word_get(be32 *to, const u8 *p, u32 len)
{
	if (len >= 4)
		memcpy(to, p, 4);
}

static void seconds_get(u32 *to, const u8 *p, u32 len)
{
	if (len >= 4)
		*to = get_unaligned_be32(p);
}

/* A name: letters, digits, dots and dashes; anything else cuts it off (it ends up in a text file). */
static void name_get(char *to, u32 size, const u8 *p, u32 len)
{
	u32 n;

	for (n = 0; n < len && n < size - 1; n++) {
		u8 c = p[n];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' &&
		    c != '_')
			break;
		to[n] = c;
	}
	to[n] = '\0';
}

static void option_take(struct dhcp_reply *r, u8 code, const u8 *p, u32 len)
{
	switch (code) {
	case DHCP_OPT_MASK:
		word_get(&r->mask, p, len);
		break;
	case DHCP_OPT_ROUTER:
		word_get(&r->gateway, p, len);
		break;
	case DHCP_OPT_DNS:
		for (u32 i = 0; i < IP_CONFIG_DNS && len >= 4; i++, p += 4, len -= 4)
			word_get(&r->dns[i], p, len);
		break;
	case DHCP_OPT_HOST:
		name_get(r->host, sizeof(r->host), p, len);
		break;
	case DHCP_OPT_DOMAIN:
		name_get(r->domain, sizeof(r->domain), p, len);
		break;
	case DHCP_OPT_MTU:
		if (len >= 2)
			r->mtu = get_unaligned_be16(p);
		break;
	case DHCP_OPT_BROADCAST:
		word_get(&r->broadcast, p, len);
		break;
	case DHCP_OPT_LEASE:
		seconds_get(&r->lease_s, p, len);
		break;
	case DHCP_OPT_TYPE:
		if (len >= 1)
			r->type = p[0];
		break;
	case DHCP_OPT_SERVER:
		word_get(&r->server, p, len);
		break;
	case DHCP_OPT_T1:
		seconds_get(&r->t1_s, p, len);
		break;
	case DHCP_OPT_T2:
		seconds_get(&r->t2_s, p, len);
		break;
	}
}

/* One field of options; returns the value of "overload" (option 52), or -1: malformed. */
static int options_parse(struct dhcp_reply *r, const u8 *p, u32 len)
{
	int overload = 0;

	for (u32 at = 0; at < len; ) {
		u8 code = p[at++];
		u32 n;

		if (code == DHCP_OPT_END)
			break;
		if (code == DHCP_OPT_PAD)
			continue;
		if (at >= len)
			return -1;
		n = p[at++];
		if (n > len - at)
			return -1;
		if (code == DHCP_OPT_OVERLOAD && n >= 1)
			overload = p[at] & 3;
		else
			option_take(r, code, p + at, n);
		at += n;
	}
	return overload;
}

bool dhcp_parse(const u8 *message, u32 len, be32 xid, const u8 mac[ETH_ALEN], struct dhcp_reply *r)
{
	const struct dhcp_message *m = (const struct dhcp_message *)message;
	int overload;

	memset(r, 0, sizeof(*r));
	if (len < sizeof(*m) || m->op != 2 || m->hardware_type != 1 || m->hardware_len != ETH_ALEN || m->xid != xid ||
	    memcmp(m->client_mac, mac, ETH_ALEN) || m->cookie != htonl(DHCP_COOKIE))
		return false;
	r->address = m->your_address;
	r->next_server = m->server_address;
	overload = options_parse(r, message + sizeof(*m), len - sizeof(*m));
	if (overload < 0)
		return false;
	if (overload & 1 && options_parse(r, m->file, sizeof(m->file)) < 0)
		return false;
	if (overload & 2 && options_parse(r, m->server_name, sizeof(m->server_name)) < 0)
		return false;
	return r->type;
}
