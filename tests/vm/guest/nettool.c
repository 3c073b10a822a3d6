/*
 * What the network tests (tests/net) want of the guest and busybox does not have:
 *
 *	resolve NAME		getaddrinfo for any family: musl sends A and AAAA at once from one socket
 *	put IP PORT BYTES	sends a pattern by TCP and watches the congestion window (TCP_INFO) all the while
 *	recover IP PORT BYTES	the same, but ends as soon as the other side has said a byte and the window has fallen and risen
 *	sink PORT		takes one TCP connection, reads it to the end, says how many bytes and their sum
 *	channels IF [COUNT]	how many pairs of queues a card can have and has (ethtool -l), after they are set (ethtool -L)
 *	wander IP PORT COUNT	sends so many numbered datagrams, each from another CPU than the one before
 *	udp-echo PORT [GROUP]	sends datagrams back, whatever their size, until one says "end"; as a member of that group
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 16];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int resolve(const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	char text[64];
	int err = getaddrinfo(name, NULL, &hints, &list);

	if (err) {
		fprintf(stderr, "%s: %s\n", name, gai_strerror(err));
		return 1;
	}
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		puts(text);
	}
	return 0;
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (ip)
		inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

/*
 * The window over time. A fall is a new threshold together with something sent again: both stay to be seen however
 * seldom we look. The window has risen when it is a tenth above the threshold. It was held when we or the other side
 * could not do anything for so long that it may have looked like a loss.
 */
struct window { unsigned int first, peak, ssthresh, retransmitted, falls, rises, held; int lowered, falling; long looked_ms; };

#define LOOK_MS 10
#define HELD_MS 100	/* half of the shortest time after which anything is sent again */

static void window_note(struct window *w, const struct tcp_info *info)
{
	unsigned int cwnd = info->tcpi_snd_cwnd;

	if (!w->first) {
		w->first = cwnd;
		w->ssthresh = info->tcpi_snd_ssthresh;
	}
	if (cwnd > w->peak)
		w->peak = cwnd;
	if (info->tcpi_snd_ssthresh != w->ssthresh)
		w->lowered = 1;
	w->ssthresh = info->tcpi_snd_ssthresh;
	if (w->lowered && info->tcpi_total_retrans > w->retransmitted) {
		w->falls++;
		w->falling = 1;
		w->lowered = 0;
	}
	if (!w->lowered)
		w->retransmitted = info->tcpi_total_retrans;
	if (w->falling && cwnd * 10ull >= w->ssthresh * 11ull) {
		w->rises++;
		w->falling = 0;
	}
}

static void look(int fd, struct window *w)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct timespec t;
	long ms;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		exit(fail("TCP_INFO"));
	window_note(w, &info);
	clock_gettime(CLOCK_MONOTONIC, &t);
	ms = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	w->held += (w->looked_ms && ms - w->looked_ms > HELD_MS) || info.tcpi_last_ack_recv > HELD_MS;
	w->looked_ms = ms;
}

/* Wait for the connection to be writable or readable, and look all the while. */
static void ready_wait(int fd, struct window *w, short what)
{
	while (!poll(&(struct pollfd){ .fd = fd, .events = what }, 1, LOOK_MS))
		look(fd, w);
}

static int put(const char *ip, const char *port, long bytes, int until_risen)
{
	struct sockaddr_in a = address(ip, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct window w = { 0 };
	struct tcp_info info;
	socklen_t len;
	long sent = 0;
	int told = 0;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fail("connect");
	while (sent < bytes && !(until_risen && told && w.rises && !w.falling)) {
		size_t n = 8192, done = 0;

		if ((long)n > bytes - sent)
			n = bytes - sent;
		for (size_t i = 0; i < n; i++)
			buf[i] = (sent + i) % 251;
		while (done < n) {
			ssize_t r = send(fd, buf + done, n - done, MSG_DONTWAIT);

			if (r < 0 && errno != EAGAIN)
				return fail("send");
			if (r > 0)
				done += r;
			else
				ready_wait(fd, &w, POLLOUT);
		}
		sent += n;
		look(fd, &w);
		if (until_risen && !told)
			told = recv(fd, buf, 1, MSG_DONTWAIT) == 1;
	}
	shutdown(fd, SHUT_WR);
	ready_wait(fd, &w, POLLIN);
	/* The other side closes when it has all. */
	if (read(fd, buf, 1) != 0)
		return fail("end of the connection");
	len = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	printf("sent=%ld first=%u peak=%u falls=%u rises=%u held=%u retransmitted=%u mss=%u rtt_us=%u\n", sent, w.first, w.peak,
	       w.falls, w.rises, w.held, info.tcpi_total_retrans, info.tcpi_snd_mss, info.tcpi_rtt);
	return 0;
}

static int bound(int type, const char *port)
{
	struct sockaddr_in a = address(NULL, port);
	int one = 1, fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(fd, 128)))
		exit(fail("bind"));
	printf("ready\n");
	fflush(stdout);
	return fd;
}

static int sink(const char *port)
{
	int fd = accept(bound(SOCK_STREAM, port), NULL, NULL);
	uint64_t sum = 14695981039346656037u;	/* FNV-1a */
	long total = 0;
	ssize_t r;

	if (fd < 0)
		return fail("accept");
	while ((r = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < r; i++)
			sum = (sum ^ (unsigned char)buf[i]) * 1099511628211u;
		total += r;
	}
	if (r < 0)
		return fail("read");
	printf("received=%ld sum=%016llx\n", total, (unsigned long long)sum);
	return 0;
}

static int udp_echo(const char *port, const char *group)
{
	struct ip_mreqn join = { .imr_multiaddr = address(group, "0").sin_addr, .imr_ifindex = if_nametoindex("eth0") };
	int fd = bound(SOCK_DGRAM, port);
	struct sockaddr_in from;

	if (group && setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)))
		return fail("IP_ADD_MEMBERSHIP");
	if (group) {
		printf("member\n");
		fflush(stdout);
	}
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t r = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (r < 0)
			return fail("recvfrom");
		if (r == 3 && !memcmp(buf, "end", 3))
			return 0;
		if (sendto(fd, buf, r, 0, (struct sockaddr *)&from, len) != r)
			return fail("sendto");
	}
}

static int channels(const char *name, const char *count)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq r = { .ifr_data = (void *)&c };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	if (count) {
		c.cmd = ETHTOOL_SCHANNELS;
		c.combined_count = atoi(count);
		if (ioctl(fd, SIOCETHTOOL, &r))
			return fail("SCHANNELS");
		c = (struct ethtool_channels){ .cmd = ETHTOOL_GCHANNELS };
	}
	if (ioctl(fd, SIOCETHTOOL, &r))
		return fail("GCHANNELS");
	printf("max %u %u %u %u now %u %u %u %u\n", c.max_rx, c.max_tx, c.max_other, c.max_combined, c.rx_count, c.tx_count,
	       c.other_count, c.combined_count);
	return 0;
}

static int wander(const char *ip, const char *port, uint32_t count)
{
	struct sockaddr_in to = address(ip, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = htonl(i);
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			return fail("sched_setaffinity");
		for (int k = 0; k < 1 + (int)(i % 3); k++)
			if (sendto(fd, &number, sizeof(number), 0, (void *)&to, sizeof(to)) < 0)
				return fail("sendto");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "resolve") && argc == 3)
		return resolve(argv[2]);
	if (!strcmp(what, "put") && argc == 5)
		return put(argv[2], argv[3], atol(argv[4]), 0);
	if (!strcmp(what, "recover") && argc == 5)
		return put(argv[2], argv[3], atol(argv[4]), 1);
	if (!strcmp(what, "sink") && argc == 3)
		return sink(argv[2]);
	if (!strcmp(what, "channels") && (argc == 3 || argc == 4))
		return channels(argv[2], argv[3]);
	if (!strcmp(what, "wander") && argc == 5)
		return wander(argv[2], argv[3], atol(argv[4]));
	if (!strcmp(what, "udp-echo") && (argc == 3 || argc == 4))
		return udp_echo(argv[2], argv[3]);
	fprintf(stderr, "usage: nettool resolve NAME | put|recover IP PORT BYTES | sink PORT |\n"
		"\tchannels IF [COUNT] | wander IP PORT COUNT | udp-echo PORT [GROUP]\n");
	return 2;
}
