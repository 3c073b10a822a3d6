/*
 * Host and domain name: set by sethostname(2) and /proc/sys/kernel, read by
 * uname(2).
 */
#include "proc/uts.h"
#include "base/string.h"
#include "core/spinlock.h"

static struct spinlock lock = SPINLOCK_INIT("uts");	/* thread kind */
static char host[UTS_NAME_MAX + 1] = "(none)";		/* [lock] */
static char nis_domain[UTS_NAME_MAX + 1] = "(none)";	/* [lock] */

void uts_name_get(bool domain, char name[UTS_NAME_MAX + 1])
{
	spin_lock(&lock);
	memcpy(name, domain ? nis_domain : host, UTS_NAME_MAX + 1);
	spin_unlock(&lock);
}

void uts_name_set(bool domain, const char *name, size_t n)
{
	char *to = domain ? nis_domain : host;

	spin_lock(&lock);
	memset(to, 0, UTS_NAME_MAX + 1);
	memcpy(to, name, n);
	spin_unlock(&lock);
}
