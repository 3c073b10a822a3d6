/*
 * Changes of the calling thread's credentials. ~0 keeps an id. 0 or -EPERM, -EINVAL, -ENOMEM. Process context.
 */
#pragma once
#include "proc/process.h"

enum cred_kind { CRED_UID, CRED_GID };

/* Others for the calling thread alone, for a part of a system call; the former ones. Takes c's reference, gives
 * that. */
const struct cred *cred_swap(const struct cred *c);
s64 cred_set_uid(u32 uid);
s64 cred_set_gid(u32 gid);
s64 cred_set_re(enum cred_kind kind, u32 r, u32 e);
s64 cred_set_res(enum cred_kind kind, u32 r, u32 e, u32 s);
s64 cred_set_fs(enum cred_kind kind, u32 id);		/* the former id, always */
s64 cred_set_groups(u32 *groups, u32 count);		/* takes over the array (kmalloc) */
/* capset(2); PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAPBSET_DROP, PR_CAP_AMBIENT. */
s64 cred_set_caps(u64 effective, u64 permitted, u64 inheritable);
s64 cred_keep_caps(bool on);
s64 cred_set_securebits(u32 bits);
s64 cred_drop_bounding(u32 cap);
s64 cred_ambient(u32 op, u32 cap);
/* What c has after an exec: root regains all that the bounding set leaves it, others have what is ambient. */
void cred_exec_caps(const struct cred *c, u64 *effective, u64 *permitted, u64 *ambient);
/* May the caller signal p? [P] held. */
bool cred_may_signal(struct process *p, s32 signo_is_cont);
