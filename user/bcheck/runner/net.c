/* Finding the machine's name server and gateway, and waiting for sockets. */
#include "net.h"
#include <arpa/inet.h>
#include <poll.h>

#define RTF_GATEWAY 2	/* route(8), in the flags of /proc/net/route */

bool net_wait(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, ms);

	if (n < 0)
		check_failed(0, "poll");
	return n > 0;
}

struct sockaddr_in net_loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int net_bound(int type, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	*address = net_loopback(0);
	if (fd < 0 || bind(fd, (struct sockaddr *)address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) < 0 || !address->sin_port)
		check_failed(0, "a socket on the loopback interface");
	return fd;
}

bool net_parse(const char *text, int port, struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	size_t length = strcspn(text, ":");

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (text[length])
		port = atoi(text + length + 1);
	*address = net_loopback(port);
	return port > 0 && port < 65536 && inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

void net_text(const void *address, size_t length, char *text, size_t size)
{
	const unsigned char *a = address;

	if (length == 4) {
		text_format(text, size, "%d.%d.%d.%d", a[0], a[1], a[2], a[3]);
		return;
	}
	for (size_t i = 0, at = 0; i < length; i += 2)
		at += text_format(text + at, size - at, i ? ":%x" : "%x", a[i] << 8 | a[i + 1]);
}

/* The words of the next line at *text, which moves behind it; how many there are, at most max. */
static int line_words(char **text, char *words[], int max)
{
	char *line = *text, *end = strchr(line, '\n'), *save;
	int n = 0;

	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	for (char *word = strtok_r(line, " \t", &save); word && n < max; word = strtok_r(NULL, " \t", &save))
		words[n++] = word;
	return n;
}

/* The beginning of a file as text, "" if there is none. */
static void file_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, got;

	while (fd >= 0 && (got = read(fd, text + n, size - 1 - n)) > 0)
		n += got;
	text[n] = '\0';
	if (fd >= 0)
		close(fd);
}

bool net_nameserver(struct sockaddr_in *address)
{
	char text[4096], *at = text, *words[2];

	file_read_text("/etc/resolv.conf", text, sizeof(text));
	while (*at)
		if (line_words(&at, words, 2) == 2 && !strcmp(words[0], "nameserver") &&
		    net_parse(words[1], 53, address) && address->sin_addr.s_addr)
			return true;
	return false;
}

bool net_gateway(struct in_addr *gateway)
{
	/* Iface Destination Gateway Flags ..., the numbers in hexadecimal and addresses as they lie in memory. */
	char text[4096], *at = text, *words[4];

	file_read_text("/proc/net/route", text, sizeof(text));
	while (*at) {
		if (line_words(&at, words, 4) == 4 && !strcmp(words[1], "00000000") &&
		    (strtoul(words[3], NULL, 16) & RTF_GATEWAY)) {
			gateway->s_addr = strtoul(words[2], NULL, 16);
			return true;
		}
	}
	return false;
}
