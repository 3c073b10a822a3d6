/*
 * The system's names (uts.h). Called by uname, sethostname and procfs.
 */
#include "core/uts.h"
#include "base/errno.h"
#include "base/string.h"

static struct spinlock lock = SPINLOCK_INIT("uts");
static struct uts names = {		/* [lock] */
	.sysname = "Linux",
	.nodename = "(none)",
	.release = "6.1.0-dunlin",
	.version = "#1 SMP PREEMPT Dunlin",
	.machine = "aarch64",
	.domainname = "(none)",
};

void uts_get(struct uts *out)
{
	spin_lock(&lock);
	*out = names;
	spin_unlock(&lock);
}

static int field_set(char *field, const char *text, size_t len)
{
	if (len >= UTS_FIELD)
		return -EINVAL;
	spin_lock(&lock);
	memset(field, 0, UTS_FIELD);
	memcpy(field, text, len);
	spin_unlock(&lock);
	return 0;
}

int uts_set_nodename(const char *name, size_t len)
{
	return field_set(names.nodename, name, len);
}

int uts_set_domainname(const char *name, size_t len)
{
	return field_set(names.domainname, name, len);
}
