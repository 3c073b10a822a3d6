/*
 * A page by TCP (HTTP/1.0, RFC 1945): first from a server of this check's own on the
 * loopback interface, with a reset and a half-closed connection besides; then from a
 * server on the network.
 */
#include "runner/dns.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>

#define PAGE_SIZE 100000

/* ---- a client ------------------------------------------------------------------ */

/* A connection, or -1 and errno. */
static int dial(const struct sockaddr_in *server)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t size = sizeof(error);

	EXPECT(fd >= 0);
	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0) {
		error = errno;
		if (error == EINPROGRESS) {
			if (net_wait(fd, POLLOUT, PEER_PATIENCE))
				SAME(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
			else
				error = ETIMEDOUT;
		}
	}
	SAME(fcntl(fd, F_SETFL, 0), 0);
	if (error) {
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

struct page {
	int status;
	long length;		/* Content-Length, -1: not said */
	size_t head, size;	/* bytes of the head, and of all */
	unsigned char data[PAGE_SIZE + 4096];	/* as much as fits */
};

static void head_parse(struct page *page)
{
	char *end = strstr((char *)page->data, "\r\n\r\n"), *line;

	EXPECT(end != NULL);
	page->head = end + 4 - (char *)page->data;
	EXPECT(!strncmp((char *)page->data, "HTTP/1.", 7));
	page->status = atoi((char *)page->data + 9);
	page->length = -1;
	for (line = strstr((char *)page->data, "\r\n"); line < end; line = strstr(line + 2, "\r\n"))
		if (!strncasecmp(line + 2, "content-length:", 15))
			page->length = atol(line + 17);
}

/* Ask for a page and read it to its end; 0, or the error of the connection. */
static int fetch(int fd, const char *host, const char *path, struct page *page)
{
	char request[1024];
	int n = text_format(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
			    host);
	static unsigned char rest[4096];
	ssize_t got;

	EXPECT(n < (int)sizeof(request));
	SAME(send(fd, request, n, MSG_NOSIGNAL), n);
	memset(page, 0, sizeof(*page));
	do {
		size_t room = page->size < sizeof(page->data) - 1 ? sizeof(page->data) - 1 - page->size : 0;

		if (!net_wait(fd, POLLIN, PEER_PATIENCE))
			return ETIMEDOUT;
		got = room ? recv(fd, page->data + page->size, room, 0) : recv(fd, rest, sizeof(rest), 0);
		if (got < 0)
			return errno;
		page->size += got;
	} while (got);
	head_parse(page);
	if (page->length >= 0)
		SAME(page->size - page->head, page->length);
	return 0;
}

/* ---- the server of this check ---------------------------------------------------- */

static int take(int listener, char *request, size_t size)
{
	int fd = accept(listener, NULL, NULL);
	size_t at = 0;

	EXPECT(fd >= 0);
	while (!at || !strstr(request, "\r\n\r\n")) {
		ssize_t n = recv(fd, request + at, size - 1 - at, 0);

		EXPECT(n > 0);
		at += n;
		request[at] = '\0';
	}
	return fd;
}

static _Noreturn void serve(int listener)
{
	static unsigned char page[PAGE_SIZE];
	struct linger reset = { 1, 0 };
	char buf[1024];
	size_t total = 0;
	ssize_t n;
	int fd;

	/* A page, in pieces that are no segment's size. */
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = pattern(i);
	fd = take(listener, buf, sizeof(buf));
	EXPECT(!strncmp(buf, "GET /page HTTP/1.0\r\n", 20));
	n = text_format(buf, sizeof(buf), "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n", PAGE_SIZE);
	SAME(send(fd, buf, n, 0), n);
	for (size_t at = 0; at < sizeof(page); at += n) {
		n = send(fd, page + at, sizeof(page) - at < 7777 ? sizeof(page) - at : 7777, 0);
		EXPECT(n > 0);
	}
	close(fd);

	/* A connection that is thrown away. */
	fd = take(listener, buf, sizeof(buf));
	SAME(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(fd);

	/* One that the client has closed on its side: the answer still goes out. */
	fd = accept(listener, NULL, NULL);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		total += n;
	SAME(n, 0);
	SAME(send(fd, &total, sizeof(total), 0), sizeof(total));
	close(fd);
	_exit(0);
}

static void fetch_ourselves(struct page *page)
{
	struct sockaddr_in address;
	int listener = net_bound(SOCK_STREAM, &address), fd;
	static char buf[50000];
	size_t total;
	pid_t child;

	/* Bound is not listening. */
	SAME(dial(&address), -1);
	SAME(errno, ECONNREFUSED);
	SAME(listen(listener, 5), 0);
	child = fork();
	if (child == 0)
		serve(listener);
	close(listener);

	fd = dial(&address);
	EXPECT(fd >= 0);
	SAME(fetch(fd, "localhost", "/page", page), 0);
	SAME(page->status, 200);
	SAME(page->length, PAGE_SIZE);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		SAME(page->data[page->head + i], pattern(i));
	SAME(recv(fd, buf, 1, 0), 0);
	close(fd);

	fd = dial(&address);
	SAME(fetch(fd, "localhost", "/reset", page), ECONNRESET);
	FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fd);

	fd = dial(&address);
	SAME(send(fd, buf, sizeof(buf), 0), sizeof(buf));
	SAME(shutdown(fd, SHUT_WR), 0);
	FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	SAME(recv(fd, &total, sizeof(total), MSG_WAITALL), sizeof(total));
	SAME(total, sizeof(buf));
	SAME(recv(fd, buf, 1, 0), 0);
	close(fd);
	child_ok(child);

	SAME(dial(&address), -1);
	SAME(errno, ECONNREFUSED);
}

/* ---- a server on the network ------------------------------------------------------- */

/* The parts of http://HOST[:PORT][/PATH]; host has room for 256 bytes. */
static bool url_parse(const char *url, char *host, int *port, const char **path)
{
	size_t n;

	if (strncmp(url, "http://", 7))
		return false;
	url += 7;
	n = strcspn(url, "/:");
	if (!n || n > 255)
		return false;
	memcpy(host, url, n);
	host[n] = '\0';
	url += n;
	*port = 80;
	if (*url == ':') {
		*port = atoi(url + 1);
		url += strcspn(url, "/");
	}
	*path = *url ? url : "/";
	return *port > 0 && *port < 65536;
}

/* The address of a host in digits, or by its name. */
static struct sockaddr_in host_find(const char *host, int port)
{
	const char *given = getenv("BCHECK_DNS");
	struct sockaddr_in address = net_loopback(port), server;
	struct dns_answer answers[2];
	int fd;

	if (inet_pton(AF_INET, host, &address.sin_addr) == 1)
		return address;
	EXPECT(given ? net_parse(given, 53, &server) : net_nameserver(&server));
	fd = dns_connect(&server);
	EXPECT(fd >= 0);
	SAME(dns_ask(fd, host, answers), 0);
	EXPECT(answers[0].addresses > 0);
	memcpy(&address.sin_addr, answers[0].address, 4);
	close(fd);
	return address;
}

CHECK(http_fetch)
{
	static struct page page;
	const char *given = getenv("BCHECK_URL"), *path = "/";
	struct sockaddr_in server;
	struct in_addr gateway;
	char host[256] = "";
	int fd, port = 80;
	uint64_t began;

	fetch_ourselves(&page);
	if (given && !url_parse(given, host, &port, &path)) {
		check_note("BCHECK_URL is %s, not http://HOST[:PORT]/PATH", given);
		EXPECT(!"a URL");
	}
	if (!given) {
		if (!net_gateway(&gateway))
			check_skip("no default route");
		net_text(&gateway, 4, host, sizeof(host));
	}
	began = now_ns();
	server = host_find(host, port);
	fd = dial(&server);
	if (fd < 0 && !given)
		check_skip("no web server at the gateway %s: %s", host, strerror(errno));
	EXPECT(fd >= 0);
	SAME(fetch(fd, host, path, &page), 0);
	/* A server that was not chosen may say what it likes, if it speaks HTTP. */
	if (given)
		SAME(page.status, 200);
	began = now_ns() - began;
	check_note("status %d and %zu bytes from %s in %u.%03u ms", page.status, page.size, host, MS(began));
	close(fd);
}
