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
};

extern struct cred cred_root;	/* never freed; writable for its count alone */
static inline const struct cred *cred_get(const struct cred *c) { ref_get((u32 *)&c->refs); return c; }
void cred_put(const struct cred *c);
struct cred *cred_copy(const struct cred *c);	/* refs 1, to be changed and published; NULL: no memory */
bool cred_in_group(const struct cred *c, u32 gid);
/* Root's powers; capabilities are not finer than this yet. */
static inline bool cred_privileged(const struct cred *c) { return c->euid == 0; }
