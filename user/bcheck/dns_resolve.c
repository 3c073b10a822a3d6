/*
 * Names by UDP (RFC 1035): first from a server of this check's own on the loopback
 * interface, which also sends what must not be believed; then from the machine's name server, A and
 * AAAA asked at once and each answered.
 */
#include "runner/dns.h"
#include <poll.h>

#define OTHER_ID	0x5555	/* a query that nobody made */

/* What name.test is; addresses that documentation may use (RFC 5737, RFC 3849). */
static const unsigned char address4[4] = { 192, 0, 2, 1 };
static const unsigned char address6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

/* ---- the server of this check ---------------------------------------------------- */

/* A resource record behind at, its name a pointer to the place name; the place behind it. */
static size_t record_put(unsigned char *m, size_t at, size_t name, unsigned int type, const void *data, size_t length)
{
	memset(m + at, 0, 12);
	dns_put16(m + at, 0xc000 | name);
	dns_put16(m + at + 2, type);
	dns_put16(m + at + 4, 1);
	m[at + 9] = 60;		/* seconds that it is good for */
	dns_put16(m + at + 10, length);
	memcpy(m + at + 12, data, length);
	return at + 12 + length;
}

/* Answer one query: an alias and its address, or that there is no such name. */
static void serve(int fd, int stranger)
{
	static const unsigned char alias[] = { 4, 'r', 'e', 'a', 'l', 0xc0, DNS_HEADER };
	unsigned char m[512];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t n = recvfrom(fd, m, 256, 0, (struct sockaddr *)&from, &length);
	unsigned int id = dns_get16(m), type;
	size_t at = n, target;

	EXPECT(n > DNS_HEADER + 8);
	type = dns_get16(m + n - 4);
	m[2] |= 0x80;
	if (!memcmp(m + DNS_HEADER, "\7nothing", 8)) {
		m[3] = DNS_NAME_ERROR;
	} else {
		dns_put16(m + 6, 2);
		target = at + 12;
		at = record_put(m, at, DNS_HEADER, DNS_TYPE_CNAME, alias, sizeof(alias));
		at = type == DNS_TYPE_A ? record_put(m, at, target, type, address4, sizeof(address4)) :
				      record_put(m, at, target, type, address6, sizeof(address6));
	}
	/* From another port; for another query; cut off. None of these is the answer. */
	SAME(sendto(stranger, m, at, 0, (struct sockaddr *)&from, length), at);
	dns_put16(m, OTHER_ID);
	SAME(sendto(fd, m, at, 0, (struct sockaddr *)&from, length), at);
	dns_put16(m, id);
	SAME(sendto(fd, m, 5, 0, (struct sockaddr *)&from, length), 5);
	SAME(sendto(fd, m, at, 0, (struct sockaddr *)&from, length), at);
}

static void ask_ourselves(void)
{
	struct sockaddr_in address, elsewhere;
	int server = net_bound(SOCK_DGRAM, &address), stranger = net_bound(SOCK_DGRAM, &elsewhere), fd;
	struct dns_answer answers[2];
	pid_t child = fork();

	if (child == 0) {
		for (int i = 0; i < 4; i++)
			serve(server, stranger);
		_exit(0);
	}
	fd = dns_connect(&address);
	EXPECT(fd >= 0);
	SAME(dns_ask(fd, "name.test", answers), 0);
	SAME(answers[0].rcode, 0);
	SAME(answers[0].addresses, 1);
	EXPECT(!memcmp(answers[0].address, address4, 4));
	SAME(answers[1].addresses, 1);
	EXPECT(!memcmp(answers[1].address, address6, 16));
	SAME(dns_ask(fd, "nothing.test", answers), 0);
	SAME(answers[0].rcode, DNS_NAME_ERROR);
	SAME(answers[1].rcode, DNS_NAME_ERROR);
	SAME(answers[0].addresses + answers[1].addresses, 0);
	child_ok(child);
	close(server);

	/* Where nobody listens any more, the asker is told. */
	SAME(send(fd, "x", 1, 0), 1);
	EXPECT(net_wait(fd, POLLIN, PEER_PATIENCE));
	FAILS(recv(fd, answers, 1, 0), ECONNREFUSED);
	close(fd);
	close(stranger);
}

/* ---- the machine's --------------------------------------------------------------- */

CHECK(dns_resolve)
{
	const char *given = getenv("BCHECK_DNS"), *name = getenv("BCHECK_NAME");
	char host[INET_ADDRSTRLEN], text[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in server;
	struct dns_answer answers[2];
	uint64_t began;
	int fd, error;

	ask_ourselves();
	if (given && !net_parse(given, 53, &server)) {
		check_note("BCHECK_DNS is %s, not an address and a port", given);
		EXPECT(!"a name server");
	}
	if (!given && !net_nameserver(&server))
		check_skip("no name server in /etc/resolv.conf");
	name = name ? name : "example.com";
	net_text(&server.sin_addr, 4, host, sizeof(host));
	fd = dns_connect(&server);
	began = now_ns();
	error = fd < 0 ? errno : dns_ask(fd, name, answers);
	began = now_ns() - began;
	if (error && !given)
		check_skip("%s does not answer: %s", host, strerror(error));
	SAME(error, 0);
	if (!given && answers[0].rcode)
		check_skip("%s knows no %s: error %d", host, name, answers[0].rcode);
	SAME(answers[0].rcode, 0);
	SAME(answers[1].rcode, 0);
	EXPECT(answers[0].addresses + answers[1].addresses > 0);
	if (answers[0].addresses)
		net_text(answers[0].address, 4, text, sizeof(text));
	else
		net_text(answers[1].address, 16, text, sizeof(text));
	check_note("%s is %s, from %s in %u.%03u ms", name, text, host, MS(began));
	close(fd);
}
