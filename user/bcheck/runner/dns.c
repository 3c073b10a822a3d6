/* Questions to a name server and what it answers (dns.h). */
#include "dns.h"
#include <poll.h>

#define TRIES	3	/* times that a question is asked; each has its part of PEER_PATIENCE */

/* ---- messages --------------------------------------------------------------- */

/* A question with recursion desired; its length. */
static size_t query_make(unsigned char *m, unsigned int id, const char *name, unsigned int type)
{
	size_t at = DNS_HEADER;

	memset(m, 0, DNS_HEADER);
	dns_put16(m, id);
	m[2] = 1;
	m[5] = 1;
	while (*name) {
		size_t n = strcspn(name, ".");

		if (!n || n > 63 || at + n > 255 + DNS_HEADER)
			check_failed(0, name);
		m[at++] = n;
		memcpy(m + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	m[at++] = 0;
	dns_put16(m + at, type);
	dns_put16(m + at + 2, 1);
	return at + 4;
}

/* The place behind a name, which a pointer ends; size if it runs over the end. */
static size_t name_skip(const unsigned char *m, size_t at, size_t size)
{
	while (at < size && m[at] && m[at] < 0xc0)
		at += m[at] + 1;
	at += at < size && m[at] ? 2 : 1;
	return at < size ? at : size;
}

/* Whether m answers the query q: then what it says. */
static bool answer_parse(const unsigned char *m, size_t size, const unsigned char *q, size_t q_size,
			 struct dns_answer *a)
{
	unsigned int type = dns_get16(q + q_size - 4);
	size_t at = q_size;

	if (size < q_size || dns_get16(m) != dns_get16(q) || !(m[2] & 0x80) || dns_get16(m + 4) != 1 ||
	    memcmp(m + q_size - 4, q + q_size - 4, 4))
		return false;
	a->came = true;
	a->rcode = m[3] & 15;
	for (unsigned int n = dns_get16(m + 6); n; n--) {
		size_t length;

		at = name_skip(m, at, size);
		length = at + 10 <= size ? dns_get16(m + at + 8) : size;
		if (at + 10 + length > size)
			check_failed(0, "a record runs over the end of an answer");
		if (dns_get16(m + at) == type && length == (type == DNS_TYPE_A ? 4 : 16)) {
			if (!a->addresses++)
				memcpy(a->address, m + at + 10, length);
		}
		at += 10 + length;
	}
	return true;
}

/* ---- asking ------------------------------------------------------------------ */

int dns_ask(int fd, const char *name, struct dns_answer answers[2])
{
	static const unsigned int types[2] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	unsigned char queries[2][512], m[1500];
	size_t sizes[2];

	memset(answers, 0, 2 * sizeof(*answers));
	for (int i = 0; i < 2; i++)
		sizes[i] = query_make(queries[i], (getpid() * 2 + i) & 0x3fff, name, types[i]);
	for (int try = 0; try < TRIES; try++) {
		for (int i = 0; i < 2; i++)
			if (!answers[i].came && send(fd, queries[i], sizes[i], 0) < 0)
				return errno;
		while (net_wait(fd, POLLIN, PEER_PATIENCE / TRIES)) {
			ssize_t n = recv(fd, m, sizeof(m), 0);

			if (n < 0)
				return errno;
			for (int i = 0; i < 2; i++)
				if (answer_parse(m, n, queries[i], sizes[i], &answers[i]))
					break;
			if (answers[0].came && answers[1].came)
				return 0;
		}
	}
	return ETIMEDOUT;
}

int dns_connect(const struct sockaddr_in *server)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		check_failed(0, "a socket");
	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}
