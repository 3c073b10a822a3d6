/*
 * The machine as a whole: its name, its memory, its log, its end; resource
 * limits; random bytes.
 */
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/random.h"
#include "core/uts.h"
#include "fs/devfs.h"
#include "fs/fdtable.h"
#include "fs/tmpfs.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/cred.h"
#include "proc/itimer.h"
#include "proc/signals.h"
#include "sched/core_event.h"
#include "sys/rusage.h"
#include "sys/sys.h"
#include "sys/user_time.h"
#include "tty/session.h"
#include "vm/vm_space.h"

/* ---- names ---- */

SYSCALL(uname)
{
	struct uts u;

	_Static_assert(sizeof(u) == sizeof(struct new_utsname), "uname's layout");
	uts_get(&u);
	return copy_to_user(a[0], &u, sizeof(u));
}

static s64 name_set(const u64 a[6], int (*set)(const char *, size_t))
{
	char name[UTS_FIELD];

	if (!cred_privileged(current()->cred))
		return -EPERM;
	if (a[1] >= UTS_FIELD)
		return -EINVAL;
	if (copy_from_user(name, a[0], a[1]))
		return -EFAULT;
	return set(name, a[1]);
}

SYSCALL(sethostname)
{
	return name_set(a, uts_set_nodename);
}

SYSCALL(setdomainname)
{
	return name_set(a, uts_set_domainname);
}

/* ---- the machine ---- */

SYSCALL(sysinfo)
{
	struct sysinfo s = { 0 };
	struct proc_stats ps;
	struct page_counts c;
	u64 load[3];

	page_counts_get(&c);
	proc_stats_get(&ps);
	sched_loadavg(load);
	s.uptime = clock_ns() / NSEC_PER_SEC;
	for (u32 i = 0; i < 3; i++)
		s.loads[i] = load[i] << (SI_LOAD_SHIFT - 11);
	s.totalram = c.managed * PAGE_SIZE;
	s.freeram = c.free * PAGE_SIZE;
	s.sharedram = tmpfs_pages() * PAGE_SIZE;
	s.procs = ps.threads;
	s.mem_unit = 1;
	return copy_to_user(a[0], &s, sizeof(s));
}

SYSCALL(vhangup)
{
	if (!cred_capable(current()->cred, CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty_vhangup();
	return 0;
}

SYSCALL(reboot)
{
	u32 magic2 = a[1];

	if (!cred_capable(current()->cred, CAP_SYS_BOOT))
		return -EPERM;
	if ((u32)a[0] != LINUX_REBOOT_MAGIC1 || (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
						 magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	switch ((u32)a[2]) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;	/* there is no such key */
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		machine_end(false);
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		machine_end(true);
	default:
		return -EINVAL;
	}
}

/* ---- the log ---- */

enum { SYSLOG_CLOSE, SYSLOG_OPEN, SYSLOG_READ, SYSLOG_READ_ALL, SYSLOG_READ_CLEAR, SYSLOG_CLEAR, SYSLOG_CONSOLE_OFF,
       SYSLOG_CONSOLE_ON, SYSLOG_CONSOLE_LEVEL, SYSLOG_SIZE_UNREAD, SYSLOG_SIZE_BUFFER };


static u64 log_taken;			/* where SYSLOG_READ goes on */
static int level_before_off = -1;

/* What there is from *pos on, up to n bytes, to the user: bytes, or -EFAULT. The newest n with `newest`. */
static s64 log_out(u64 *pos, u64 user, u64 n, bool newest)
{
	char *piece = kmalloc(PAGE_SIZE);
	u64 start = *pos, total = 0, at;
	size_t got;

	if (!piece)
		return -ENOMEM;
	if (newest) {
		/* How much there is, to skip what does not fit. */
		for (at = start; (got = log_read(&at, piece, PAGE_SIZE)); )
			total += got;
		while (total > n && (got = log_read(&start, piece, PAGE_SIZE)))
			total -= got;
	}
	for (total = 0, at = start; total < n; total += got) {
		got = log_read(&at, piece, MIN(n - total, PAGE_SIZE));
		if (!got)
			break;
		if (copy_to_user(user + total, piece, got)) {
			kfree(piece);
			return -EFAULT;
		}
	}
	*pos = at;
	kfree(piece);
	return total;
}

SYSCALL(syslog)
{
	s32 what = a[0], n = a[2];
	bool reads = what == SYSLOG_READ || what == SYSLOG_READ_ALL || what == SYSLOG_READ_CLEAR;
	u64 pos;
	s64 got;

	if (!log_allowed(what == SYSLOG_READ_ALL || what == SYSLOG_SIZE_BUFFER))
		return -EPERM;
	if (reads && (!a[1] || n < 0))
		return -EINVAL;
	switch (what) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
		if (!n)
			return 0;
		got = wait_event_interruptible(&core_event_wait[CORE_EVENT_LOG], log_end() > MAX(log_taken, log_start()));
		if (got)
			return got;
		return log_out(&log_taken, a[1], n, false);
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		pos = MAX(log_cleared, log_start());
		got = log_out(&pos, a[1], n, true);
		if (got >= 0 && what == SYSLOG_READ_CLEAR)
			log_cleared = pos;
		return got;
	case SYSLOG_CLEAR:
		log_cleared = log_end();
		return 0;
	case SYSLOG_CONSOLE_OFF:
		if (level_before_off < 0)
			level_before_off = log_console_level;
		log_console_level = 1;
		return 0;
	case SYSLOG_CONSOLE_ON:
		if (level_before_off >= 0)
			log_console_level = level_before_off;
		level_before_off = -1;
		return 0;
	case SYSLOG_CONSOLE_LEVEL:
		if (n < 1 || n > 8)
			return -EINVAL;
		log_console_level = n;
		level_before_off = -1;
		return 0;
	case SYSLOG_SIZE_UNREAD:
		return log_end() - MIN(log_end(), MAX(log_taken, log_start()));
	case SYSLOG_SIZE_BUFFER:
		return log_end() - log_start();
	default:
		return -EINVAL;
	}
}


s64 struct_from_user(void *dst, size_t known, u64 address, u64 size)
{
	if (size > PAGE_SIZE)
		return -E2BIG;
	memset(dst, 0, known);
	if (copy_from_user(dst, address, MIN(size, (u64)known)))
		return -EFAULT;
	for (u64 at = known; at < size; at++) {
		u8 v;

		if (copy_from_user(&v, address + at, 1))
			return -EFAULT;
		if (v)
			return -E2BIG;
	}
	return 0;
}

/* ---- limits and use ---- */

/* What else keeps a copy of a limit. */
static void limit_spread(struct process *p, u32 which, u64 soft)
{
	struct vm_space *s;

	switch (which) {
	case RLIMIT_NOFILE:
		if (p == process_current())
			fd_set_limit(current()->files, MIN(soft, 0xffffffffull));
		break;
	case RLIMIT_CPU:
	case RLIMIT_RTTIME:
		cpu_limit_changed(p);
		break;
	case RLIMIT_SIGPENDING:
		p->sig.queue_limit = MIN(soft, 0xffffffffull);
		break;
	case RLIMIT_STACK:
	case RLIMIT_DATA:
	case RLIMIT_AS:
		s = process_space(p);
		if (!s)
			break;
		*(which == RLIMIT_STACK ? &s->stack_limit : which == RLIMIT_DATA ? &s->data_limit : &s->as_limit) = soft;
		vm_space_put(s);
		break;
	}
}

static s64 limit_set(struct process *p, u32 which, const u64 fresh[2])
{
	u64 flags;
	s64 err = 0;

	if (fresh[0] > fresh[1])
		return -EINVAL;
	if (which == RLIMIT_NOFILE && fresh[1] > 1048576)
		return -EPERM;
	flags = spin_lock_irqsave(&pids_lock);
	if (fresh[1] > p->rlimits[which][1] && !cred_capable(current()->cred, CAP_SYS_RESOURCE)) {
		err = -EPERM;
	} else {
		p->rlimits[which][0] = fresh[0];
		p->rlimits[which][1] = fresh[1];
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	if (!err)
		limit_spread(p, which, fresh[0]);
	return err;
}

/* Limits of another process: all its ids are the caller's real ones. */
static bool may_limit(struct process *p)
{
	const struct cred *c = current()->cred, *o;
	bool ok = p == process_current() || cred_capable(c, CAP_SYS_RESOURCE);
	u64 flags;

	if (ok)
		return true;
	flags = spin_lock_irqsave(&pids_lock);
	o = p->cred;
	ok = cred_is(o, c->uid, c->gid);
	spin_unlock_irqrestore(&pids_lock, flags);
	return ok;
}

static s64 limits(s32 pid, u32 which, u64 fresh_at, u64 old_at)
{
	struct process *p;
	u64 fresh[2], old[2];
	s64 err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (fresh_at && copy_from_user(fresh, fresh_at, sizeof(fresh)))
		return -EFAULT;
	p = process_find(pid ? pid : process_current()->pid);
	if (!p)
		return -ESRCH;
	memcpy(old, p->rlimits[which], sizeof(old));
	if (!may_limit(p))
		err = -EPERM;
	else if (fresh_at)
		err = limit_set(p, which, fresh);
	process_put(p);
	if (!err && old_at)
		err = copy_to_user(old_at, old, sizeof(old));
	return err;
}

SYSCALL(prlimit64)
{
	return limits(a[0], a[1], a[2], a[3]);
}

SYSCALL(getrlimit)
{
	return a[1] ? limits(0, a[0], 0, a[1]) : -EFAULT;
}

SYSCALL(setrlimit)
{
	return a[1] ? limits(0, a[0], a[1], 0) : -EFAULT;
}

SYSCALL(getrusage)
{
	struct process *p = process_current();
	struct thread *t = current();
	struct process_usage u = { 0 };
	struct cpu_split split;
	struct rusage ru;

	switch ((s32)a[0]) {
	case RUSAGE_SELF:
		process_usage_get(p, &u);
		break;
	case RUSAGE_CHILDREN:
		u = (struct process_usage){ p->child_user_ns, p->child_system_ns, p->child_minflt, p->child_majflt,
					    .maxrss_pages = p->child_maxrss };
		break;
	case RUSAGE_THREAD:
		process_thread_split(p, t, &split);
		u.user_ns = split.user_ns;
		u.system_ns = split.system_ns;
		u.nvcsw = t->switches_voluntary;
		u.nivcsw = t->switches_forced;
		u.maxrss_pages = t->space->rss_peak;
		break;
	default:
		return -EINVAL;
	}
	rusage_fill(&ru, &u);
	return copy_to_user(a[1], &ru, sizeof(ru));
}

/* ---- random bytes ---- */

SYSCALL(getrandom)
{
	u64 at = a[0], left = MIN(a[1], 0x1ffffffull);
	u8 piece[256];
	s64 done = 0;
	int err;

	if (a[2] & ~(u64)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (a[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (!random_seeded() && !(a[2] & GRND_INSECURE)) {
		if (a[2] & GRND_NONBLOCK)
			return -EAGAIN;
		/* Only on a machine without any seed, for the first interrupts of its life. */
		err = wait_event_interruptible(&core_event_wait[CORE_EVENT_SEEDED], random_seeded());
		if (err)
			return err;
	}
	while (left) {
		size_t step = MIN(left, sizeof(piece));

		random_bytes(piece, step);
		if (copy_to_user(at, piece, step)) {
			done = done ? done : -EFAULT;
			break;
		}
		at += step;
		left -= step;
		done += step;
		if (left && signal_pending())
			break;
	}
	memset(piece, 0, sizeof(piece));
	return done;
}
