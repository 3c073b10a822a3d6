/*
 * What the system calls itself: uname(2), /proc/version, /proc/sys/kernel.
 * Programs for Linux look at the name and the release, so those are Linux's.
 */
#pragma once
#include "core/spinlock.h"

#define UTS_FIELD 65		/* with the NUL */

struct uts {
	char sysname[UTS_FIELD], nodename[UTS_FIELD], release[UTS_FIELD];
	char version[UTS_FIELD], machine[UTS_FIELD], domainname[UTS_FIELD];
};

void uts_get(struct uts *out);			/* any context but interrupts */
/* sethostname(2), setdomainname(2): 0, or -EINVAL when longer than 64. */
int uts_set_nodename(const char *name, size_t len);
int uts_set_domainname(const char *name, size_t len);
