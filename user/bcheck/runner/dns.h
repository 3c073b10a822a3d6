/* A client of the domain name system, over UDP (RFC 1035, RFC 3596). */
#pragma once
#include "net.h"

#define DNS_TYPE_A	1
#define DNS_TYPE_CNAME	5
#define DNS_TYPE_AAAA	28
#define DNS_NAME_ERROR	3	/* rcode: there is no such name */
#define DNS_HEADER	12	/* bytes before the question */

struct dns_answer {
	bool came;
	int rcode;
	int addresses;
	unsigned char address[16];	/* the first */
};

static inline void dns_put16(unsigned char *p, unsigned int v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline unsigned int dns_get16(const unsigned char *p)
{
	return p[0] << 8 | p[1];
}

/* A socket that hears that server alone, or -1. */
int dns_connect(const struct sockaddr_in *server);
/*
 * Ask for the IPv4 (answers[0]) and IPv6 (answers[1]) addresses of a name: both questions go out before the
 * first answer is read. 0, or the socket's error, ETIMEDOUT after PEER_PATIENCE.
 */
int dns_ask(int fd, const char *name, struct dns_answer answers[2]);
