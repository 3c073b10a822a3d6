/*
 * nbench: the one workload program of the benches, built twice from this file: for arm64, static,
 * where it runs in the guest under test, whichever kernel that has; and for this machine, where it
 * is the peer in the network namespace. bench/rows.py says which command runs where.
 *
 * Plain blocking sockets, and epoll in the web server and its client. A client ends
 * with one line "NBENCH key=value ...", which the harness reads.
 *
 * Servers; with -d before the name they go into the background once they listen
 *   udp-echo   PORT                    sends every datagram back
 *   udp-ack    PORT W                  one reply after every W datagrams
 *   udp-count  PORT                    counts datagrams; one that begins with '?' is
 *                                      not counted but answered with the count so far
 *   tcp-echo   PORT                    one connection at a time
 *   tcp-sink   PORT                    reads to the end, then says how much it was
 *   tcp-source PORT                    reads a u64 (little-endian), sends that many bytes
 *   httpd      PORT BODYLEN            HTTP/1.1 with keep-alive; closes after an HTTP/1.0 request
 * Clients
 *   udp-pp     IP PORT SIZE COUNT      one datagram there and back at a time
 *   udp-win    IP PORT SIZE COUNT W    bursts of W, each until udp-ack replies: nothing is lost
 *   udp-blast  IP PORT SIZE COUNT [PPS]  as fast as possible, or at a pace
 *   udp-query  IP PORT                 asks udp-count
 *   tcp-rr     IP PORT SIZE COUNT      request and response on one connection
 *   tcp-send   IP PORT BYTES
 *   tcp-recv   IP PORT BYTES
 *   dns        IP NAME COUNT           A queries over UDP, one after the other
 *   get        IP PORT PATH COUNT      HTTP/1.0, a connection each, one after the other
 *   http-load  IP PORT CONNS COUNT     COUNT requests over CONNS connections that stay open
 *   memory                             how much memory a program gets before the kernel ends it
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUF_SIZE (128 * 1024)
static char buf[BUF_SIZE];
static bool background;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "nbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static struct sockaddr_in address(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (ip && inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
		fprintf(stderr, "nbench: %s is no IPv4 address\n", ip);
		exit(2);
	}
	return a;
}

/* The server's socket; with -d the caller's shell goes on from here. */
static int socket_bound(int type, int port)
{
	struct sockaddr_in a = address(NULL, port);
	int one = 1, fd = socket(AF_INET, type, 0);
	pid_t pid;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 1024) < 0)
		die("listen");
	if (background) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			_exit(0);
		setsid();
	}
	return fd;
}

static int socket_connected(int type, const char *ip, int port)
{
	struct sockaddr_in a = address(ip, port);
	int one = 1, fd = socket(AF_INET, type, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void receive_timeout(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) < 0)
		die("SO_RCVTIMEO");
}

static int write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r;
		n -= r;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t n)
{
	char *p = data;

	while (n) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r;
		n -= r;
	}
	return 0;
}

/*
 * ---- latencies ---------------------------------------------------------------
 * A histogram in which a bucket is 1/64 of a power of two of nanoseconds: the guest's part of
 * a unit of work must be small beside what is measured, and sorting samples is not.
 */

#define SUB_BITS 6
static uint32_t histogram[64 << SUB_BITS];
static long samples_n;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void sample(uint64_t ns)
{
	unsigned int shift = ns >> SUB_BITS ? 63 - __builtin_clzll(ns) - SUB_BITS : 0;

	histogram[((uint64_t)shift << SUB_BITS) + (ns >> shift)]++;
	samples_n++;
}

/* In microseconds, to within 1.6 %. */
static double percentile(int percent)
{
	long left = samples_n * percent / 100;

	for (unsigned int i = 0; i < sizeof histogram / sizeof *histogram; i++) {
		unsigned int shift = i >> (SUB_BITS + 1) ? (i >> SUB_BITS) - 1 : 0;

		left -= histogram[i];
		if (left < 0)
			return (double)((uint64_t)(i - (shift << SUB_BITS)) << shift) / 1000;
	}
	return 0;
}

static void samples_report(const char *name, long wanted, uint64_t begin_ns)
{
	double elapsed = (now_ns() - begin_ns) / 1e9;

	printf("NBENCH test=%s ok=%ld wanted=%ld elapsed_s=%.4f rate=%.1f p50_us=%.2f p99_us=%.2f\n",
	       name, samples_n, wanted, elapsed, samples_n / elapsed, percentile(50), percentile(99));
}

/* ---- UDP ------------------------------------------------------------------ */

/* every: datagrams to a reply; 1 is an echo. */
static _Noreturn void udp_echo(int port, long every)
{
	int fd = socket_bound(SOCK_DGRAM, port);
	struct sockaddr_in from;
	long n = 0;

	for (;;) {
		socklen_t len = sizeof from;
		ssize_t r = recvfrom(fd, buf, BUF_SIZE, 0, (struct sockaddr *)&from, &len);

		if (r >= 0 && ++n >= every) {
			n = 0;
			sendto(fd, buf, r, 0, (struct sockaddr *)&from, len);
		}
	}
}

static _Noreturn void udp_count(int port)
{
	int fd = socket_bound(SOCK_DGRAM, port);
	struct sockaddr_in from;
	uint64_t n = 0;

	for (;;) {
		socklen_t len = sizeof from;
		ssize_t r = recvfrom(fd, buf, BUF_SIZE, 0, (struct sockaddr *)&from, &len);

		if (r > 0 && buf[0] == '?')
			sendto(fd, &n, sizeof n, 0, (struct sockaddr *)&from, len);
		else if (r >= 0)
			n++;
	}
}

static int udp_query(const char *ip, int port)
{
	int fd = socket_connected(SOCK_DGRAM, ip, port);
	uint64_t n;
	int tries = 0;

	/* The question waits behind the datagrams that it asks about, or is lost as some of them were. */
	receive_timeout(fd, 500);
	do {
		if (++tries > 20)
			die("no answer");
		if (send(fd, "?", 1, 0) < 0)
			die("send");
	} while (recv(fd, &n, sizeof n, 0) != sizeof n);
	printf("NBENCH test=udp-query packets=%llu\n", (unsigned long long)n);
	return 0;
}

static int udp_pp(const char *ip, int port, int size, long count)
{
	int fd = socket_connected(SOCK_DGRAM, ip, port);
	uint64_t begin = now_ns(), t = begin;

	receive_timeout(fd, 1000);
	for (long i = 0; i < count; i++) {
		bool good;
		uint64_t end;

		if (send(fd, buf, size, 0) < 0)
			die("send");
		good = recv(fd, buf, BUF_SIZE, 0) >= 0;
		end = now_ns();
		if (good)
			sample(end - t);
		t = end;
	}
	samples_report("udp-pp", count, begin);
	return 0;
}

static int udp_win(const char *ip, int port, int size, long count, long w)
{
	int fd = socket_connected(SOCK_DGRAM, ip, port);
	long sent = 0, lost = 0;
	double begin = now();

	receive_timeout(fd, 200);
	while (sent < count) {
		for (long i = 0; i < w; i++)
			if (send(fd, buf, size, 0) < 0)
				die("send");
		sent += w;
		/* After a loss the far count is behind: one more at a time until it replies. */
		while (recv(fd, buf, BUF_SIZE, 0) < 0) {
			if (++lost > 1000)
				die("the guest does not answer");
			send(fd, buf, size, 0);
		}
	}
	printf("NBENCH test=udp-win packets=%ld lost=%ld elapsed_s=%.4f rate=%.1f\n",
	       sent, lost, now() - begin, sent / (now() - begin));
	return 0;
}

/* Sleep for most of a long pause, spin for the rest. */
static void wait_until(double t)
{
	double left;

	while ((left = t - now()) > 0) {
		struct timespec ts = { 0, (long)((left - 150e-6) * 1e9) };

		if (left > 300e-6 && left < 1)
			nanosleep(&ts, NULL);
	}
}

static int udp_blast(const char *ip, int port, int size, long count, double pps)
{
	int fd = socket_connected(SOCK_DGRAM, ip, port);
	double begin = now(), end;
	long sent = 0, failed = 0;

	for (long i = 0; i < count; i++) {
		if (pps > 0)
			wait_until(begin + i / pps);
		if (send(fd, buf, size, 0) == size)
			sent++;
		else
			failed++;
	}
	end = now();
	printf("NBENCH test=udp-blast sent=%ld failed=%ld elapsed_s=%.4f rate=%.1f\n",
	       sent, failed, end - begin, sent / (end - begin));
	return 0;
}

/* ---- TCP ------------------------------------------------------------------ */

static void tcp_echo(int fd)
{
	ssize_t n;

	while ((n = read(fd, buf, BUF_SIZE)) > 0)
		if (write_all(fd, buf, n))
			break;
}

static void tcp_sink(int fd)
{
	uint64_t got = 0;
	ssize_t n;

	while ((n = read(fd, buf, BUF_SIZE)) > 0)
		got += n;
	write_all(fd, &got, sizeof got);
}

static void tcp_source(int fd)
{
	uint64_t left;

	if (read_all(fd, &left, sizeof left))
		return;
	while (left) {
		size_t n = left < BUF_SIZE ? left : BUF_SIZE;

		if (write_all(fd, buf, n))
			break;
		left -= n;
	}
}

static _Noreturn void tcp_server(int port, void (*serve)(int fd))
{
	int listener = socket_bound(SOCK_STREAM, port);

	for (;;) {
		int one = 1, fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		serve(fd);
		close(fd);
	}
}

static int tcp_rr(const char *ip, int port, int size, long count)
{
	int fd = socket_connected(SOCK_STREAM, ip, port);
	uint64_t begin = now_ns(), t = begin;

	for (long i = 0; i < count; i++) {
		uint64_t end;

		if (write_all(fd, buf, size) || read_all(fd, buf, size))
			break;
		end = now_ns();
		sample(end - t);
		t = end;
	}
	samples_report("tcp-rr", count, begin);
	return 0;
}

static int tcp_send(const char *ip, int port, uint64_t bytes)
{
	int fd = socket_connected(SOCK_STREAM, ip, port);
	uint64_t left = bytes, got = 0;
	double begin = now(), took;

	while (left) {
		size_t n = left < BUF_SIZE / 2 ? left : BUF_SIZE / 2;

		if (write_all(fd, buf, n))
			die("write");
		left -= n;
	}
	shutdown(fd, SHUT_WR);
	if (read_all(fd, &got, sizeof got))
		die("read");
	took = now() - begin;
	printf("NBENCH test=tcp-send bytes=%llu elapsed_s=%.4f MBps=%.2f\n",
	       (unsigned long long)got, took, got / took / 1e6);
	return got != bytes;
}

static int tcp_recv(const char *ip, int port, uint64_t bytes)
{
	int fd = socket_connected(SOCK_STREAM, ip, port);
	uint64_t got = 0;
	double begin = now(), took;
	ssize_t n;

	if (write_all(fd, &bytes, sizeof bytes))
		die("write");
	while ((n = read(fd, buf, BUF_SIZE)) > 0)
		got += n;
	took = now() - begin;
	printf("NBENCH test=tcp-recv bytes=%llu elapsed_s=%.4f MBps=%.2f\n",
	       (unsigned long long)got, took, got / took / 1e6);
	return got != bytes;
}

/* ---- DNS ------------------------------------------------------------------ */

/* The query: header, one question for the name's A record. RFC 1035 section 4. */
static size_t dns_query(unsigned char *q, unsigned int id, const char *name)
{
	size_t n = 12;

	memcpy(q, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);	/* recursion desired, one question */
	q[0] = id >> 8;
	q[1] = id;
	while (*name) {
		size_t len = strcspn(name, ".");

		q[n++] = len;
		memcpy(q + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	memcpy(q + n, "\0\0\1\0\1", 5);			/* the root, type A, class IN */
	return n + 5;
}

static int dns(const char *ip, const char *name, long count)
{
	int fd = socket_connected(SOCK_DGRAM, ip, 53);
	unsigned char q[512], r[512];
	uint64_t begin, t;

	if (strlen(name) > 250) {
		fprintf(stderr, "nbench: the name is too long\n");
		return 2;
	}
	receive_timeout(fd, 1000);
	begin = t = now_ns();
	for (long i = 0; i < count; i++) {
		size_t n = dns_query(q, i, name);
		ssize_t got;
		uint64_t end;

		if (send(fd, q, n, 0) < 0)
			die("send");
		got = recv(fd, r, sizeof r, 0);
		end = now_ns();
		/* The same id, a response, no error, an answer at least. */
		if (got >= 12 && r[0] == q[0] && r[1] == q[1] && r[2] & 0x80 && !(r[3] & 15) && (r[6] | r[7]))
			sample(end - t);
		t = end;
	}
	samples_report("dns", count, begin);
	return 0;
}

/* ---- HTTP ----------------------------------------------------------------- */

static int http_get(const char *ip, int port, const char *path, long count)
{
	char request[512];
	int len = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, ip);
	uint64_t begin = now_ns(), t = begin;

	for (long i = 0; i < count; i++) {
		uint64_t end;
		int fd = socket_connected(SOCK_STREAM, ip, port);
		bool first = true, good = false;
		ssize_t n;

		if (write_all(fd, request, len))
			die("write");
		while ((n = read(fd, buf, BUF_SIZE)) > 0) {
			if (first && n > 12)
				good = !memcmp(buf + 9, "200", 3);
			first = false;
		}
		close(fd);
		end = now_ns();
		if (good && n == 0)
			sample(end - t);
		t = end;
	}
	samples_report("get", count, begin);
	return 0;
}

#define REQUEST_MAX 2048

struct peer {
	int have;
	uint64_t sent;			/* ns */
	char data[REQUEST_MAX];
};

/* The state of a descriptor's connection; the table grows with the descriptors. */
static struct peer *peer_of(int fd)
{
	static struct peer **peers;
	static int size;

	if (fd >= size) {
		int more = fd * 2 + 64;

		peers = realloc(peers, more * sizeof *peers);
		if (!peers)
			die("realloc");
		memset(peers + size, 0, (more - size) * sizeof *peers);
		size = more;
	}
	if (!peers[fd] && !(peers[fd] = malloc(sizeof **peers)))
		die("malloc");
	return peers[fd];
}

/* Answers whole requests; false: the connection is done. */
static bool http_serve(int fd, const char *response, int len)
{
	struct peer *p = peer_of(fd);
	ssize_t r = read(fd, p->data + p->have, REQUEST_MAX - p->have);
	char *end;

	if (r <= 0)
		return false;
	p->have += r;
	while ((end = memmem(p->data, p->have, "\r\n\r\n", 4))) {
		char *line_end = memchr(p->data, '\r', p->have);
		int used = end + 4 - p->data;
		bool old = line_end - p->data >= 8 && !memcmp(line_end - 8, "HTTP/1.0", 8);

		p->have -= used;
		memmove(p->data, p->data + used, p->have);
		if (write_all(fd, response, len) || old)
			return false;
	}
	return p->have < REQUEST_MAX;
}

static _Noreturn void httpd(int port, int body)
{
	int listener = socket_bound(SOCK_STREAM, port), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, events[64];
	char *response = malloc(body + 256);
	int len;

	if (ep < 0 || !response)
		die("epoll_create1");
	len = sprintf(response, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", body);
	memset(response + len, 'x', body);
	len += body;
	fcntl(listener, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) < 0)
		die("epoll_ctl");
	for (;;) {
		int n = epoll_wait(ep, events, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				if (!http_serve(fd, response, len))
					close(fd);
				continue;
			}
			while ((fd = accept(listener, NULL, NULL)) >= 0) {
				peer_of(fd)->have = 0;
				ev.data.fd = fd;
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
			}
		}
	}
}

static void http_request(int fd, const char *request, int len)
{
	struct peer *p = peer_of(fd);

	p->have = 0;
	p->sent = now_ns();
	if (write_all(fd, request, len))
		die("write");
}

/* All responses have the length of the first. */
static int http_load(const char *ip, int port, long conns, long count)
{
	int ep = epoll_create1(0), whole = 0;
	char request[256];
	int len = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s:%d\r\n\r\n", ip, port);
	struct epoll_event ev = { .events = EPOLLIN }, events[64];
	long asked = 0;
	uint64_t begin = now_ns();

	for (long i = 0; i < conns && asked < count; i++, asked++) {
		ev.data.fd = socket_connected(SOCK_STREAM, ip, port);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev) < 0)
			die("epoll_ctl");
		http_request(ev.data.fd, request, len);
	}
	while (samples_n < count) {
		int n = epoll_wait(ep, events, 64, 10000);

		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			struct peer *p = peer_of(fd);
			ssize_t r = read(fd, buf, BUF_SIZE - 1);
			char *head;

			if (r <= 0)
				die("the guest closed a connection");
			if (!whole) {
				buf[r] = 0;
				head = strstr(buf, "Content-Length: ");
				if (!head || !strstr(buf, "\r\n\r\n"))
					die("no Content-Length in the first segment");
				whole = strstr(buf, "\r\n\r\n") + 4 - buf + atoi(head + 16);
			}
			p->have += r;
			if (p->have < whole)
				continue;
			sample(now_ns() - p->sent);
			if (asked < count) {
				asked++;
				http_request(fd, request, len);
			}
		}
	}
	samples_report("http-load", count, begin);
	return samples_n != count;
}

/* ---- memory --------------------------------------------------------------- */

#define PIECE (64 * 1024)

/* A child takes memory until there is none, and writes a byte for each piece that it could fill. */
static int memory(void)
{
	int fds[2], status;
	long pieces = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fds) < 0 || (pid = fork()) < 0)
		die("fork");
	if (!pid) {
		for (;;) {
			char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				_exit(0);
			for (int i = 0; i < PIECE; i += 4096)
				p[i] = 1;
			if (write(fds[1], p, 1) != 1)
				_exit(1);
		}
	}
	close(fds[1]);
	while ((n = read(fds[0], buf, BUF_SIZE)) > 0)
		pieces += n;
	waitpid(pid, &status, 0);
	printf("NBENCH test=memory bytes=%ld status=%d\n", pieces * PIECE, status);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name;
	char **a;
	int n;

	if (argc > 1 && !strcmp(argv[1], "-d")) {
		background = true;
		argv++;
		argc--;
	}
	name = argc > 1 ? argv[1] : "";
	a = argv + 2;
	n = argc - 2;
	signal(SIGPIPE, SIG_IGN);
	memset(buf, 'a', sizeof buf);
#define IS(text, args) (!strcmp(name, text) && n >= (args))
	if (IS("udp-echo", 1))
		udp_echo(atoi(a[0]), 1);
	if (IS("udp-ack", 2))
		udp_echo(atoi(a[0]), atol(a[1]));
	if (IS("udp-count", 1))
		udp_count(atoi(a[0]));
	if (IS("tcp-echo", 1))
		tcp_server(atoi(a[0]), tcp_echo);
	if (IS("tcp-sink", 1))
		tcp_server(atoi(a[0]), tcp_sink);
	if (IS("tcp-source", 1))
		tcp_server(atoi(a[0]), tcp_source);
	if (IS("httpd", 2))
		httpd(atoi(a[0]), atoi(a[1]));
	if (IS("udp-pp", 4))
		return udp_pp(a[0], atoi(a[1]), atoi(a[2]), atol(a[3]));
	if (IS("udp-win", 5))
		return udp_win(a[0], atoi(a[1]), atoi(a[2]), atol(a[3]), atol(a[4]));
	if (IS("udp-blast", 4))
		return udp_blast(a[0], atoi(a[1]), atoi(a[2]), atol(a[3]), n > 4 ? atof(a[4]) : 0);
	if (IS("udp-query", 2))
		return udp_query(a[0], atoi(a[1]));
	if (IS("tcp-rr", 4))
		return tcp_rr(a[0], atoi(a[1]), atoi(a[2]), atol(a[3]));
	if (IS("tcp-send", 3))
		return tcp_send(a[0], atoi(a[1]), strtoull(a[2], NULL, 0));
	if (IS("tcp-recv", 3))
		return tcp_recv(a[0], atoi(a[1]), strtoull(a[2], NULL, 0));
	if (IS("dns", 3))
		return dns(a[0], a[1], atol(a[2]));
	if (IS("get", 4))
		return http_get(a[0], atoi(a[1]), a[2], atol(a[3]));
	if (IS("http-load", 4))
		return http_load(a[0], atoi(a[1]), atol(a[2]), atol(a[3]));
	if (IS("memory", 0))
		return memory();
	fprintf(stderr, "nbench: see the head of bench/nbench.c for the commands\n");
	return 2;
}
