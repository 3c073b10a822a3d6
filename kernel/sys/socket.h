/*
 * Not one of ours by its name: Linux's <linux/if.h> includes <sys/socket.h>, the C library's, for this one
 * structure, and finds it here. Nobody else includes it.
 */
#pragma once
#include "base/defs.h"

struct sockaddr {
	u16 sa_family;
	char sa_data[14];
};
