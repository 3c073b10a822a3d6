/*
 * Signals, pids and credentials as far as lower code meets them: the test's thread is root's, pid 1, and
 * signals are counted.
 */
#include <stdlib.h>
#include "host.h"
#include "base/errno.h"
#include "sched/cred.h"
#include "sched/pid.h"
#include "sched/signal.h"

struct signal_rules signal_rules = { .pipe = 13, .legacy_max = 31 };
u32 host_signals_sent[65];
struct cred cred_root = { .refs = 1, .cap_effective = CRED_CAPS_ALL, .cap_permitted = CRED_CAPS_ALL,
	.cap_bounding = CRED_CAPS_ALL };

void signal_send_self(int signo)
{
	host_signals_sent[signo]++;
}

int signal_send_thread(struct thread *t, int signo, const struct signal_info *info)
{
	host_signals_sent[signo]++;
	thread_interrupt(t);
	return 0;
}

int signal_send_group(s32 pgid, int signo, const struct signal_info *info)
{
	host_signals_sent[signo]++;
	return 0;
}

bool signal_is_ignored_or_blocked(int signo) { return false; }
void signal_mask_push(u64 mask) { }
void signal_mask_pop(bool interrupted) { }

s32 pid_current(void) { return 1; }
s32 pid_current_group(void) { return 1; }
s32 pid_current_session(void) { return 1; }
bool pid_current_leads_session(void) { return true; }
s32 pid_group_session(s32 pgid) { return pgid == 1 ? 1 : -ESRCH; }
bool pid_group_is_orphaned(s32 pgid) { return false; }

void cred_put(const struct cred *c)
{
	if (ref_put((u32 *)&c->refs) && c != &cred_root) {
		free(c->groups);
		free((void *)c);
	}
}

struct cred *cred_copy(const struct cred *c)
{
	struct cred *n = malloc(sizeof(*n));

	*n = *c;
	n->refs = 1;
	n->groups = NULL;
	n->group_count = 0;
	return n;
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	return c->fsgid == gid;
}

__attribute__((constructor)) static void boot_thread_cred(void)
{
	current()->cred = &cred_root;
}
