/*
 * The first program. The init thread of main.c comes here when everything is
 * up; it becomes process 1 and executes what the command line or the
 * initramfs names (rdinit=, /init), else what Linux would look for.
 */
#include <linux/fcntl.h>
#include <linux/resource.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/param.h"
#include "dev/device.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/exec.h"
#include "proc/internal.h"
#include "sched/fp.h"
#include "tty/console.h"
#include "vm/vm_space.h"

#define INIT_STRINGS	68		/* param.c keeps at most 64 of each */

static const char *rdinit_name = "/init";
static bool rdinit_given;
static const char *init_name;

static int rdinit_set(const char *value)
{
	if (!*value)
		return -EINVAL;
	rdinit_name = value;
	rdinit_given = true;
	return 0;
}

static int init_set(const char *value)
{
	if (!*value)
		return -EINVAL;
	init_name = value;
	return 0;
}

PARAM("rdinit", rdinit_set);
PARAM("init", init_set);

/* Linux's limits for a machine of this size. */
static void limits_set(struct process *p)
{
	struct page_counts c;
	u64 threads;

	page_counts_get(&c);
	threads = MIN(MAX(c.managed / 32, 64ull), (u64)PID_MAX);
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->rlimits[i][0] = p->rlimits[i][1] = RLIM_INFINITY;
	p->rlimits[RLIMIT_STACK][0] = 8ul << 20;
	p->rlimits[RLIMIT_CORE][0] = 0;
	p->rlimits[RLIMIT_NPROC][0] = p->rlimits[RLIMIT_NPROC][1] = threads / 2;
	p->rlimits[RLIMIT_NOFILE][0] = 1024;
	p->rlimits[RLIMIT_NOFILE][1] = 4096;
	p->rlimits[RLIMIT_MEMLOCK][0] = p->rlimits[RLIMIT_MEMLOCK][1] = 8ul << 20;
	p->rlimits[RLIMIT_SIGPENDING][0] = p->rlimits[RLIMIT_SIGPENDING][1] = threads / 2;
	p->rlimits[RLIMIT_MSGQUEUE][0] = p->rlimits[RLIMIT_MSGQUEUE][1] = 819200;
	p->rlimits[RLIMIT_NICE][0] = p->rlimits[RLIMIT_NICE][1] = 0;
	p->rlimits[RLIMIT_RTPRIO][0] = p->rlimits[RLIMIT_RTPRIO][1] = 0;
	p->sig.queue_limit = threads / 2;
}

/* The calling kernel thread becomes the first of process 1. */
static void become_process(void)
{
	struct thread *t = current();
	struct process *p = process_new(NULL);
	struct pid *pid = pid_new();
	struct proc_thread *pt = slab_zalloc(proc_thread_cache);
	u64 flags;

	if (!p || !pid || !pt)
		goto no_memory;
	limits_set(p);
	p->exit_signal = 0;
	p->cred = cred_get(&cred_root);
	p->actions = signal_actions_new();
	t->cred = cred_get(&cred_root);
	t->proc_data = pt;
	t->files = fd_table_new();
	t->fs = fs_context_new();
	t->fp = fp_state_new();
	if (!p->actions || !t->files || !t->fs || !t->fp)
		goto no_memory;
	flags = spin_lock_irqsave(&pids_lock);
	p->pid = pid->number;
	p->sig.pid = pid;
	pid->uses++;
	pid->process = &p->sig;
	pid_join_group_locked(&p->sig, pid);
	pid_join_session_locked(&p->sig, pid);
	thread_get(t);
	p->leader = t;
	init_process = p;
	spin_unlock_irqrestore(&pids_lock, flags);
	flags = spin_lock_irqsave(&p->sig.lock);
	signal_ignored_update_locked(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (process_attach_thread(p, t, pid, RLIM_INFINITY))
		goto no_memory;
	return;
no_memory:
	panic("no memory for process 1");
}

/* Descriptors 0, 1 and 2, whether or not the archive has a /dev/console. */
static void open_console(void)
{
	struct file *f = console_open();

	if (!f) {
		log_warn("no console: the first program starts without open descriptors");
		return;
	}
	for (int i = 0; i < 3; i++) {
		file_get(f);
		if (fd_install(f, 0, false) < 0)
			file_put(f);
	}
	file_put(f);
}

static const char *why(int err)
{
	switch (err) {
	case -ENOENT:	return "there is no such file, or its ELF interpreter is missing";
	case -EACCES:	return "it is not an executable file";
	case -ENOEXEC:	return "it is neither a whole ELF program for arm64 nor a script";
	case -ELIBBAD:	return "its ELF interpreter is broken";
	case -ENOTDIR:	return "a part of its path is not a directory";
	case -ENOMEM:	return "there is not enough memory";
	case -ELOOP:	return "too many links or script interpreters";
	default:	return "it can't be loaded";
	}
}

/* Does not return if the program starts. */
static int try_run(const char *name)
{
	static const char *argv[INIT_STRINGS], *envp[INIT_STRINGS];
	static struct trap_frame frame;
	const char *const *extra;
	u32 n = 0;
	int err;

	argv[n++] = name;
	for (extra = param_init_argv(); *extra && n < INIT_STRINGS - 1; extra++)
		argv[n++] = *extra;
	argv[n] = NULL;
	n = 0;
	envp[n++] = "HOME=/";
	envp[n++] = "TERM=linux";
	for (extra = param_init_envp(); *extra && n < INIT_STRINGS - 1; extra++) {
		/* A word of the command line replaces the default. */
		if (!strncmp(*extra, "HOME=", 5))
			envp[0] = *extra;
		else if (!strncmp(*extra, "TERM=", 5))
			envp[1] = *extra;
		else
			envp[n++] = *extra;
	}
	envp[n] = NULL;
	err = exec_program(&(struct exec_request){ .name = name, .lookup_flags = LOOKUP_FOLLOW, .argv = (u64)argv,
						   .envp = (u64)envp, .kernel_strings = true }, &frame);
	if (err)
		return err;
	log_info("running %s, %llu.%03llu ms after the kernel's entry", name,
		 (unsigned long long)(clock_ns() / NSEC_PER_MSEC), (unsigned long long)(clock_ns() / NSEC_PER_USEC % 1000));
	trap_enter_user(&frame);
}

noreturn void process_start_init(void)
{
	static const char *const usual[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	int err;

	become_process();
	open_console();
	err = try_run(rdinit_name);
	log_err("%s: can't be run as the first program: %s (error %d)", rdinit_name, why(err), -err);
	if (init_name) {
		err = try_run(init_name);
		panic("init=%s: can't be run as the first program: %s (error %d)", init_name, why(err), -err);
	}
	/* Somebody who named a program does not want another one. */
	for (u32 i = 0; i < ARRAY_SIZE(usual) && !rdinit_given; i++) {
		err = try_run(usual[i]);
		if (err != -ENOENT)
			log_err("%s: can't be run as the first program: %s (error %d)", usual[i], why(err), -err);
	}
	panic("no first program: tried %s%s. Expected an initramfs (newc cpio, plain or gzip) with an executable /init, "
	      "or rdinit=NAME of one", rdinit_name, rdinit_given ? "" : ", /sbin/init, /etc/init, /bin/init and /bin/sh");
}

static int start(void)
{
	vm_init();
	process_init();
	return 0;
}

INIT(process, INIT_CORE, start);
