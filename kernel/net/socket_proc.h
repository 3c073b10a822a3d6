/*
 * Lines that protocols in folders of their own (net/tcp) add to the common files of /proc/net.
 */
#pragma once
#include "fs/text.h"

enum net_text_file { NET_SNMP, NET_NETSTAT, NET_SOCKSTAT };
struct net_text_source { void (*show)(struct text_out *); struct net_text_source *next; };
/* At boot; shown in the order of registration, before what UDP adds. */
void net_text_register(enum net_text_file file, struct net_text_source *s);
