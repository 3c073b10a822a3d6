/*
 * What the two checks of the network share: who is out there, and waiting for it.
 */
#pragma once
#include "../bcheck.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define PEER_PATIENCE	15000	/* ms until a peer that says nothing counts as absent */

/* Wait until fd has one of these events or ms have passed (then false). */
bool net_wait(int fd, short events, int ms);
/* 127.0.0.1, with that port in host order. */
struct sockaddr_in net_loopback(int port);
/* A socket of this type bound to a free port of the loopback interface. */
int net_bound(int type, struct sockaddr_in *address);
/* HOST or HOST:PORT with HOST in digits; false if it is neither. */
bool net_parse(const char *text, int port, struct sockaddr_in *address);
/* An address of 4 or 16 bytes in digits. */
void net_text(const void *address, size_t length, char *text, size_t size);
/* The first name server of /etc/resolv.conf that IPv4 reaches. */
bool net_nameserver(struct sockaddr_in *address);
/* The gateway of the default route. */
bool net_gateway(struct in_addr *gateway);
