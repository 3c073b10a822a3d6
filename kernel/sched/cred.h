/*
 * Credentials: immutable once published, reference-counted; a change makes a
 * new one. current()->cred is the subject of every permission check.
 */
#pragma once
#include "base/atomic.h"
#include "sched/thread.h"

struct cred {
	u32 refs;			/* [a] */
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 group_count;
	u32 *groups;			/* sorted; owned */
	/* capabilities(7), bit n for number n. A file has none. */
	u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	u32 securebits;			/* SECBIT_* */
};

#define CRED_CAPS_ALL		((1ull << 41) - 1)	/* up to CAP_CHECKPOINT_RESTORE */
#define CRED_SYS_ADMIN		21			/* CAP_SYS_ADMIN */
#define CRED_SYS_TTY_CONFIG	26			/* CAP_SYS_TTY_CONFIG */

extern struct cred cred_root;	/* never freed; writable for its count alone */
static inline const struct cred *cred_get(const struct cred *c) { ref_get((u32 *)&c->refs); return c; }
void cred_put(const struct cred *c);
struct cred *cred_copy(const struct cred *c);	/* refs 1, to be changed and published; NULL: no memory */
bool cred_in_group(const struct cred *c, u32 gid);
static inline bool cred_capable(const struct cred *c, u32 cap) { return c->cap_effective >> cap & 1; }
/* The current thread; the kernel's own may do everything. */
static inline bool current_capable(u32 cap) { return !current()->cred || cred_capable(current()->cred, cap); }
/* Real, effective and saved: all are these. */
static inline bool cred_is(const struct cred *c, u32 uid, u32 gid)
{
	return c->uid == uid && c->euid == uid && c->suid == uid && c->gid == gid && c->egid == gid && c->sgid == gid;
}
/* For what no finer capability is named here. */
static inline bool cred_privileged(const struct cred *c) { return cred_capable(c, CRED_SYS_ADMIN); }
