/*
 * Changing credentials: setuid(2) and its kin, setgroups, and exec of set-id
 * files. The rules are POSIX's and credentials(7)'s; sys_cred.c reads the arguments.
 * A change is made in a copy, which then takes the place of the old one.
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include "proc/cred.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "sched/user.h"

#define KEEP	(~0u)
/* What comes and goes with a file-system uid of 0 (capabilities(7)). */
#define CAPS_OF_FILES	(1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | \
	1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MKNOD | \
	1ull << CAP_MAC_OVERRIDE)

const struct cred *cred_swap(const struct cred *c)
{
	struct thread *t = current();
	u64 flags = spin_lock_irqsave(&pids_lock);
	const struct cred *old = t->cred;

	t->cred = c;
	spin_unlock_irqrestore(&pids_lock, flags);
	return old;
}

int cred_publish(struct cred *c)
{
	struct thread *t = current();
	struct process *p = t->process;
	const struct cred *old = t->cred, *shown = NULL;
	u64 flags = spin_lock_irqsave(&pids_lock);

	if (c->uid != old->uid) {
		if (!user_charge(c->uid, USER_PROCESSES, 1, ~0ull)) {
			spin_unlock_irqrestore(&pids_lock, flags);
			cred_put(c);
			return -EAGAIN;
		}
		user_release(old->uid, USER_PROCESSES, 1);
	}
	t->cred = c;
	/* Of another user now: no parent's death ends it any more, and nobody else looks into it, until it executes. */
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid || c->fsgid != old->fsgid ||
	    (c->cap_permitted & ~old->cap_permitted)) {
		p->death_signal = 0;
		p->dumpable = false;
	}
	if (t->tid == p->pid) {
		p->sig.uid = c->uid;
		shown = p->cred;
		p->cred = cred_get(c);
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	cred_put(old);
	cred_put(shown);
	return 0;
}

/* May an unprivileged caller take id v? a, b, c: those it has. */
static bool has(u32 v, u32 a, u32 b, u32 c)
{
	return v == KEEP || v == a || v == b || v == c;
}

static bool may_set(const struct cred *c, enum cred_kind kind)
{
	return cred_capable(c, kind == CRED_UID ? CAP_SETUID : CAP_SETGID);
}

/* What a change of user ids does to capabilities (capabilities(7)). */
static void caps_follow(struct cred *n, const struct cred *old)
{
	bool had_root = !old->uid || !old->euid || !old->suid, has_root = !n->uid || !n->euid || !n->suid;

	if (n->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!(n->securebits & SECBIT_KEEP_CAPS))
			n->cap_permitted = n->cap_effective = 0;
		n->cap_ambient = 0;
	}
	if (!old->euid && n->euid)
		n->cap_effective = 0;
	else if (old->euid && !n->euid)
		n->cap_effective = n->cap_permitted;
}

s64 cred_set_uid(u32 uid)
{
	const struct cred *c = current()->cred;

	if (uid == KEEP)
		return -EINVAL;
	if (may_set(c, CRED_UID))
		return cred_set_res(CRED_UID, uid, uid, uid);
	if (!has(uid, c->uid, c->suid, c->suid))
		return -EPERM;
	return cred_set_res(CRED_UID, KEEP, uid, KEEP);
}

s64 cred_set_gid(u32 gid)
{
	const struct cred *c = current()->cred;

	if (gid == KEEP)
		return -EINVAL;
	if (may_set(c, CRED_GID))
		return cred_set_res(CRED_GID, gid, gid, gid);
	if (!has(gid, c->gid, c->sgid, c->sgid))
		return -EPERM;
	return cred_set_res(CRED_GID, KEEP, gid, KEEP);
}

s64 cred_set_re(enum cred_kind kind, u32 r, u32 e)
{
	const struct cred *c = current()->cred;
	u32 real = kind == CRED_UID ? c->uid : c->gid, effective = kind == CRED_UID ? c->euid : c->egid;
	u32 saved = KEEP;

	if (!may_set(c, kind) && !has(r, real, effective, effective))
		return -EPERM;
	/* The saved id follows whenever the real one is set, or the effective one to something else than the real. */
	if (r != KEEP || (e != KEEP && e != real))
		saved = e != KEEP ? e : effective;
	return cred_set_res(kind, r, e, saved);
}

s64 cred_set_res(enum cred_kind kind, u32 r, u32 e, u32 s)
{
	const struct cred *c = current()->cred;
	u32 real = kind == CRED_UID ? c->uid : c->gid, effective = kind == CRED_UID ? c->euid : c->egid;
	u32 saved = kind == CRED_UID ? c->suid : c->sgid;
	struct cred *n;

	if (!may_set(c, kind) &&
	    (!has(r, real, effective, saved) || !has(e, real, effective, saved) ||
	     (!has(s, real, effective, saved) && s != r && s != e)))
		return -EPERM;
	n = cred_copy(c);
	if (!n)
		return -ENOMEM;
	r = r == KEEP ? real : r;
	e = e == KEEP ? effective : e;
	s = s == KEEP ? saved : s;
	if (kind == CRED_UID) {
		n->uid = r;
		n->euid = n->fsuid = e;
		n->suid = s;
		caps_follow(n, c);
	} else {
		n->gid = r;
		n->egid = n->fsgid = e;
		n->sgid = s;
	}
	return cred_publish(n);
}

s64 cred_set_fs(enum cred_kind kind, u32 id)
{
	const struct cred *c = current()->cred;
	u32 old = kind == CRED_UID ? c->fsuid : c->fsgid;
	bool fixup = !(c->securebits & SECBIT_NO_SETUID_FIXUP);
	struct cred *n;

	if (id == KEEP || id == old)
		return old;
	if (!may_set(c, kind) &&
	    !(kind == CRED_UID ? has(id, c->uid, c->euid, c->suid) : has(id, c->gid, c->egid, c->sgid)))
		return old;
	n = cred_copy(c);
	if (!n)
		return old;
	if (kind == CRED_UID) {
		n->fsuid = id;
		if (fixup && !old)
			n->cap_effective &= ~CAPS_OF_FILES;
		else if (fixup && !id)
			n->cap_effective |= n->cap_permitted & CAPS_OF_FILES;
	} else {
		n->fsgid = id;
	}
	cred_publish(n);
	return old;
}

s64 cred_set_groups(u32 *groups, u32 count)
{
	struct cred *n;

	if (!cred_capable(current()->cred, CAP_SETGID)) {
		kfree(groups);
		return -EPERM;
	}
	n = cred_copy(current()->cred);
	if (!n) {
		kfree(groups);
		return -ENOMEM;
	}
	/* Sorted, for the binary search of each permission check. */
	for (u32 gap = count / 2; gap; gap /= 2)
		for (u32 i = gap; i < count; i++) {
			u32 v = groups[i], j = i;

			for (; j >= gap && groups[j - gap] > v; j -= gap)
				groups[j] = groups[j - gap];
			groups[j] = v;
		}
	kfree(n->groups);
	n->groups = groups;
	n->group_count = count;
	cred_publish(n);
	return 0;
}

s64 cred_set_caps(u64 effective, u64 permitted, u64 inheritable)
{
	const struct cred *c = current()->cred;
	struct cred *n;

	if ((permitted & ~c->cap_permitted) || (effective & ~permitted) ||
	    (inheritable & ~(c->cap_inheritable | c->cap_bounding)) ||
	    (!cred_capable(c, CAP_SETPCAP) && inheritable & ~(c->cap_inheritable | c->cap_permitted)))
		return -EPERM;
	n = cred_copy(c);
	if (!n)
		return -ENOMEM;
	n->cap_effective = effective;
	n->cap_permitted = permitted;
	n->cap_inheritable = inheritable;
	n->cap_ambient &= permitted & inheritable;
	return cred_publish(n);
}

static s64 securebits_publish(u32 bits)
{
	struct cred *n = cred_copy(current()->cred);

	if (!n)
		return -ENOMEM;
	n->securebits = bits;
	return cred_publish(n);
}

s64 cred_keep_caps(bool on)
{
	u32 old = current()->cred->securebits;

	if (old & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	return securebits_publish(on ? old | SECBIT_KEEP_CAPS : old & ~(u32)SECBIT_KEEP_CAPS);
}

s64 cred_set_securebits(u32 bits)
{
	u32 old = current()->cred->securebits, locks = old & SECURE_ALL_LOCKS;

	/* What is locked stays, and stays locked. */
	if ((locks >> 1 & (old ^ bits)) || (locks & ~bits) || (bits & ~(u32)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) ||
	    !cred_capable(current()->cred, CAP_SETPCAP))
		return -EPERM;
	return securebits_publish(bits);
}

s64 cred_ambient(u32 op, u32 cap)
{
	const struct cred *c = current()->cred;
	u64 ambient = c->cap_ambient, bit = 1ull << (cap & 63);
	struct cred *n;

	if (op == PR_CAP_AMBIENT_CLEAR_ALL ? cap : cap > CAP_LAST_CAP)
		return -EINVAL;
	switch (op) {
	case PR_CAP_AMBIENT_CLEAR_ALL:
		ambient = 0;
		break;
	case PR_CAP_AMBIENT_IS_SET:
		return !!(ambient & bit);
	case PR_CAP_AMBIENT_LOWER:
		ambient &= ~bit;
		break;
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->cap_permitted & c->cap_inheritable & bit) || (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		ambient |= bit;
		break;
	default:
		return -EINVAL;
	}
	n = cred_copy(c);
	if (!n)
		return -ENOMEM;
	n->cap_ambient = ambient;
	return cred_publish(n);
}

s64 cred_drop_bounding(u32 cap)
{
	struct cred *n;

	if (!cred_capable(current()->cred, CAP_SETPCAP))
		return -EPERM;
	n = cred_copy(current()->cred);
	if (!n)
		return -ENOMEM;
	n->cap_bounding &= ~(1ull << cap);
	return cred_publish(n);
}

void cred_exec_caps(const struct cred *c, u64 *effective, u64 *permitted, u64 *ambient)
{
	bool root = !(c->securebits & SECBIT_NOROOT);

	*ambient = c->uid == c->euid && c->gid == c->egid ? c->cap_ambient : 0;
	*permitted = (root && (!c->uid || !c->euid) ? c->cap_bounding | c->cap_inheritable : 0) | *ambient;
	*effective = root && !c->euid ? *permitted : *ambient;
}

bool cred_may_signal(struct process *p, s32 signo_is_cont)
{
	const struct cred *c = current()->cred, *o = p->cred;

	if (cred_capable(c, CAP_KILL) || p == process_current())
		return true;
	if (c->euid == o->suid || c->euid == o->uid || c->uid == o->suid || c->uid == o->uid)
		return true;
	return signo_is_cont && process_current()->sig.session == p->sig.session;
}
