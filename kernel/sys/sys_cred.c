/*
 * Credentials: reading and changing ids (credentials(7)). The rules are in
 * proc/cred.c.
 */
#include <linux/capability.h>
#include <linux/limits.h>
#include "arch/arm64/ucopy.h"
#include "mm/slab.h"
#include "proc/cred.h"
#include "sys/sys.h"

SYSCALL(getuid) { return current()->cred->uid; }
SYSCALL(geteuid) { return current()->cred->euid; }
SYSCALL(getgid) { return current()->cred->gid; }
SYSCALL(getegid) { return current()->cred->egid; }

static s64 three_out(const u64 a[6], u32 r, u32 e, u32 s)
{
	return put_user_u32(a[0], r) || put_user_u32(a[1], e) || put_user_u32(a[2], s) ? -EFAULT : 0;
}

SYSCALL(getresuid)
{
	const struct cred *c = current()->cred;

	return three_out(a, c->uid, c->euid, c->suid);
}

SYSCALL(getresgid)
{
	const struct cred *c = current()->cred;

	return three_out(a, c->gid, c->egid, c->sgid);
}

SYSCALL(setuid) { return cred_set_uid(a[0]); }
SYSCALL(setgid) { return cred_set_gid(a[0]); }
SYSCALL(setreuid) { return cred_set_re(CRED_UID, a[0], a[1]); }
SYSCALL(setregid) { return cred_set_re(CRED_GID, a[0], a[1]); }
SYSCALL(setresuid) { return cred_set_res(CRED_UID, a[0], a[1], a[2]); }
SYSCALL(setresgid) { return cred_set_res(CRED_GID, a[0], a[1], a[2]); }
SYSCALL(setfsuid) { return cred_set_fs(CRED_UID, a[0]); }
SYSCALL(setfsgid) { return cred_set_fs(CRED_GID, a[0]); }

SYSCALL(getgroups)
{
	const struct cred *c = current()->cred;
	s32 room = a[0];

	if (room < 0 || (room && (u32)room < c->group_count))
		return -EINVAL;
	if (room && c->group_count && copy_to_user(a[1], c->groups, c->group_count * sizeof(u32)))
		return -EFAULT;
	return c->group_count;
}

SYSCALL(setgroups)
{
	u32 count = a[0], *groups = NULL;

	if (!cred_capable(current()->cred, CAP_SETGID))
		return -EPERM;
	if (count > NGROUPS_MAX)
		return -EINVAL;
	if (count) {
		groups = kmalloc(count * sizeof(u32));
		if (!groups)
			return -ENOMEM;
		if (copy_from_user(groups, a[1], count * sizeof(u32))) {
			kfree(groups);
			return -EFAULT;
		}
	}
	return cred_set_groups(groups, count);
}

/* The header's version and process: how many words of data go with it, or -errno. */
static s64 cap_header(u64 user, s32 *pid)
{
	struct __user_cap_header_struct h;

	if (copy_from_user(&h, user, sizeof(h)))
		return -EFAULT;
	*pid = h.pid;
	switch (h.version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return 2;
	}
	return put_user_u32(user, _LINUX_CAPABILITY_VERSION_3) ? -EFAULT : -EINVAL;
}

SYSCALL(capget)
{
	struct __user_cap_data_struct d[2] = { { 0 } };
	const struct cred *c;
	struct process *p;
	s64 words;
	s32 pid;
	u64 flags;

	words = cap_header(a[0], &pid);
	if (words < 0)
		return words == -EINVAL && !a[1] ? 0 : words;
	if (pid < 0)
		return -EINVAL;
	if (pid) {
		p = process_find(pid);
		if (!p)
			return -ESRCH;
		flags = spin_lock_irqsave(&pids_lock);
		c = cred_get(p->cred);
		spin_unlock_irqrestore(&pids_lock, flags);
		process_put(p);
	} else {
		c = cred_get(current()->cred);
	}
	for (u32 i = 0; i < 2; i++) {
		d[i].effective = c->cap_effective >> (32 * i);
		d[i].permitted = c->cap_permitted >> (32 * i);
		d[i].inheritable = c->cap_inheritable >> (32 * i);
	}
	cred_put(c);
	return a[1] ? copy_to_user(a[1], d, words * sizeof(d[0])) : 0;
}

SYSCALL(capset)
{
	struct __user_cap_data_struct d[2] = { { 0 } };
	s64 words;
	s32 pid;

	words = cap_header(a[0], &pid);
	if (words < 0)
		return words;
	if (pid && pid != current()->tid)
		return -EPERM;
	if (copy_from_user(d, a[1], words * sizeof(d[0])))
		return -EFAULT;
	return cred_set_caps((d[0].effective | (u64)d[1].effective << 32) & CRED_CAPS_ALL,
		(d[0].permitted | (u64)d[1].permitted << 32) & CRED_CAPS_ALL,
		(d[0].inheritable | (u64)d[1].inheritable << 32) & CRED_CAPS_ALL);
}
