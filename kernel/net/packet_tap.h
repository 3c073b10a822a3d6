/*
 * Packet sockets as the rest of the stack sees them: a count to test, and two functions to call when it
 * is not zero; and what they are told of an interface.
 */
#pragma once
#include "net/netif.h"

extern u32 packet_taps;			/* packet sockets that listen [a] */
/* A copy of a frame that comes or goes, link header at data, to those that want it. The pkt stays the caller's. */
void packet_tap_in(struct netif *nif, struct pkt *p);
void packet_tap_out(struct netif *nif, struct pkt *p);
/* The interface is down now; gone: there is none of that index any more. Process context. */
void packet_netif_down(const struct netif *nif, bool gone);
