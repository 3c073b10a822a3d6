/*
 * execve: a new program in the place of the calling one. The new space is
 * built whole, beside the old one, which serves until nothing can fail any
 * more: then the other threads end, the old space goes, and the frame is the
 * new program's first instruction.
 *
 * elf.c maps the program; here are scripts, the strings, the stack that
 * the program begins with (System V psABI; Linux's auxiliary vector), and the switch.
 */
#include <linux/auxvec.h>
#include <linux/personality.h>
#include <linux/resource.h>
#include <linux/securebits.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include "proc/exec.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/random.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/elf.h"
#include "proc/hwcap.h"
#include "proc/cred.h"
#include "proc/internal.h"
#include "proc/posix_timer.h"
#include "proc/rseq.h"
#include "sched/fp.h"
#include "vm/vm_space.h"

#define STRING_MAX	(32 * PAGE_SIZE)	/* one argument; Linux's MAX_ARG_STRLEN */
#define STRINGS_MAX	(6ul << 20)		/* all of them, whatever the stack's limit */
#define STACK_DEFAULT	(8ul << 20)
#define STACK_FIRST	(128 * 1024ul)		/* mapped from the start, below the strings */
#define STACK_RANDOM	0x3ffffull		/* pages */
#define MMAP_RANDOM	0xfffffffull		/* pages */
#define SCRIPTS_MAX	5
#define HEAD_SIZE	sizeof(((struct binary *)0)->head)
#define SIGNAL_FRAME_MIN 4720			/* AT_MINSIGSTKSZ: the frame and its record, aligned */
#define PLATFORM	"aarch64"

/* Strings one after the other, each with its NUL. */
struct strings { char *buf; size_t len, size; u32 count; };

struct exec {
	struct binary binary;
	struct elf_image image;
	struct strings args, envs;
	struct vm_space *space;
	const char *name;		/* as it was asked for: AT_EXECFN, comm */
	size_t limit;			/* bytes that strings and pointers may take */
	u64 random;
	u64 sp;
	struct cred *cred;		/* changed by a set-id file, else NULL */
	struct signal_actions *actions;	/* of its own, if they were shared; else NULL */
	struct fd_table *files;		/* likewise */
	bool secure;
	bool set_ids;			/* the file says whose rights it has */
	bool secret;			/* the script, or one of them, could not be read by the caller */
};

/* ---- strings ---- */

static int strings_room(struct strings *s, size_t n)
{
	size_t size = MAX(s->size, 1024u);
	char *bigger;

	while (size < s->len + n)
		size *= 2;
	if (size == s->size)
		return 0;
	bigger = krealloc(s->buf, s->size, size);
	if (!bigger)
		return -ENOMEM;
	s->buf = bigger;
	s->size = size;
	return 0;
}

/* Append the string at a user address. limit bounds the whole. */
static int strings_add_user(struct strings *s, u64 address, size_t limit)
{
	size_t step = 128;
	long n;
	int err;

	for (;;) {
		err = strings_room(s, step);
		if (err)
			return err;
		n = copy_string_from_user(s->buf + s->len, address, step);
		if (n != -ENAMETOOLONG)
			break;
		if (step >= STRING_MAX || s->len + step > limit)
			return -E2BIG;
		step *= 4;
		step = MIN(step, STRING_MAX);
	}
	if (n < 0)
		return n;
	s->len += n + 1;
	s->count++;
	return s->len + s->count * 8 > limit ? -E2BIG : 0;
}

static int strings_add(struct strings *s, const char *text)
{
	size_t n = strlen(text) + 1;
	int err = strings_room(s, n);

	if (err)
		return err;
	memcpy(s->buf + s->len, text, n);
	s->len += n;
	s->count++;
	return 0;
}

static int strings_read(struct strings *s, u64 vector, bool kernel, size_t limit)
{
	int err = 0;

	if (kernel) {
		for (const char *const *v = (const char *const *)vector; *v && !err; v++)
			err = strings_add(s, *v);
		return err;
	}
	for (u64 at = vector; vector && !err; at += 8) {
		u64 p;

		err = get_user_u64(&p, at);
		if (!err && !p)
			break;
		if (!err)
			err = strings_add_user(s, p, limit);
	}
	return err;
}

/* ---- scripts ---- */

/* argv becomes: interpreter, its argument if there is one, the script's name, argv[1...]. */
static int args_prefix(struct strings *s, const char *const prefix[3])
{
	struct strings n = { NULL };
	size_t first = s->count ? strlen(s->buf) + 1 : 0;
	int err = 0;

	for (u32 i = 0; i < 3 && !err; i++)
		if (prefix[i])
			err = strings_add(&n, prefix[i]);
	if (!err)
		err = strings_room(&n, s->len - first);
	if (err) {
		kfree(n.buf);
		return err;
	}
	memcpy(n.buf + n.len, s->buf + first, s->len - first);
	n.len += s->len - first;
	n.count += s->count ? s->count - 1 : 0;
	kfree(s->buf);
	*s = n;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The line behind "#!": 0 and the words, in place; -ENOEXEC. */
static int script_parse(char *line, size_t len, char **interpreter, char **arg)
{
	char *p = line + 2, *end = memchr(p, '\n', len - 2);

	if (!end) {
		/* The line was cut: the interpreter's name at least must end in sight. */
		char *word = p, *q;

		end = line + len - 1;
		while (word < end && is_blank(*word))
			word++;
		for (q = word; q < end && *q && !is_blank(*q); q++)
			;
		if (q == end && len == HEAD_SIZE)
			return -ENOEXEC;
	}
	*end = 0;
	while (end > p && is_blank(end[-1]))
		*--end = 0;
	while (is_blank(*p))
		p++;
	if (!*p)
		return -ENOEXEC;
	*interpreter = p;
	while (*p && !is_blank(*p))
		p++;
	*arg = NULL;
	if (*p) {
		*p++ = 0;
		while (is_blank(*p))
			p++;
		if (*p)
			*arg = p;
	}
	return 0;
}

/* While the file is a script: its interpreter becomes the file. *holder keeps the last interpreter's name. */
static int scripts_resolve(struct exec *x, char **holder)
{
	const char *script = x->name;

	for (u32 depth = 0; x->binary.head_len > 2 && x->binary.head[0] == '#' && x->binary.head[1] == '!'; depth++) {
		char *line, *interpreter, *arg;
		int err;

		if (depth == SCRIPTS_MAX)
			return -ELOOP;
		line = kmalloc(HEAD_SIZE + 1);
		if (!line)
			return -ENOMEM;
		memcpy(line, x->binary.head, HEAD_SIZE);
		line[HEAD_SIZE] = 0;
		err = script_parse(line, MIN(x->binary.head_len + 1, HEAD_SIZE), &interpreter, &arg);
		if (!err)
			err = args_prefix(&x->args, (const char *const[3]){ interpreter, arg, script });
		kfree(*holder);
		*holder = line;
		if (err)
			return err;
		script = interpreter;
		x->secret |= x->binary.unreadable;
		binary_close(&x->binary);
		err = binary_open(&x->binary, NULL, interpreter, LOOKUP_FOLLOW);
		if (err)
			return err;
	}
	return 0;
}

/* ---- the new space ---- */

static int space_make(struct exec *x)
{
	struct process *p = process_current();
	u64 stack_limit = process_rlimit(p, RLIMIT_STACK), gap;
	bool shuffle = x->set_ids || !(p->personality & ADDR_NO_RANDOMIZE);
	u64 entropy[3] = { 0 };

	x->space = vm_space_new();
	if (!x->space)
		return -ENOMEM;
	if (shuffle)
		random_bytes(entropy, sizeof(entropy));
	x->random = entropy[0];
	x->space->stack_limit = stack_limit;
	x->space->data_limit = process_rlimit(p, RLIMIT_DATA);
	x->space->as_limit = process_rlimit(p, RLIMIT_AS);
	x->space->stack_top = USER_TOP - PAGE_SIZE - (entropy[1] & STACK_RANDOM) * PAGE_SIZE;
	gap = MIN(MAX(stack_limit, 128ull << 20), USER_TOP / 6 * 5) + (shuffle ? STACK_RANDOM * PAGE_SIZE : 0) +
		256 * PAGE_SIZE;
	x->space->mmap_base = ALIGN_DOWN(USER_TOP - gap - (entropy[2] & MMAP_RANDOM) * PAGE_SIZE, PAGE_SIZE);
	/* Down to sixteen bytes: more cache lines, and one thing more to guess. */
	x->sp = x->space->stack_top - (entropy[1] >> 32 & 0x1ff0);
	return 0;
}

static void auxv_add(struct vm_space *s, u64 type, u64 value)
{
	s->auxv[s->auxv_count++] = type;
	s->auxv[s->auxv_count++] = value;
}

static void auxv_fill(struct exec *x, u64 execfn, u64 platform, u64 random)
{
	const struct cred *c = x->cred ? x->cred : current()->cred;
	struct vm_space *s = x->space;
	u64 hwcap, hwcap2;

	hwcap_get(&hwcap, &hwcap2);
	auxv_add(s, AT_SYSINFO_EHDR, s->vdso);
	auxv_add(s, AT_HWCAP, hwcap);
	auxv_add(s, AT_PAGESZ, PAGE_SIZE);
	auxv_add(s, AT_CLKTCK, 100);
	auxv_add(s, AT_PHDR, x->image.phdr);
	auxv_add(s, AT_PHENT, 56);
	auxv_add(s, AT_PHNUM, x->image.phnum);
	auxv_add(s, AT_BASE, x->image.base);
	auxv_add(s, AT_FLAGS, 0);
	auxv_add(s, AT_ENTRY, x->image.program_entry);
	auxv_add(s, AT_UID, c->uid);
	auxv_add(s, AT_EUID, c->euid);
	auxv_add(s, AT_GID, c->gid);
	auxv_add(s, AT_EGID, c->egid);
	auxv_add(s, AT_SECURE, x->secure);
	auxv_add(s, AT_RANDOM, random);
	auxv_add(s, AT_HWCAP2, hwcap2);
	auxv_add(s, AT_EXECFN, execfn);
	auxv_add(s, AT_PLATFORM, platform);
	auxv_add(s, AT_MINSIGSTKSZ, SIGNAL_FRAME_MIN);
	auxv_add(s, AT_NULL, 0);
}

/* Addresses of the strings in buf, which is to lie at `at`, into table; ends with a null. */
static u64 *pointers_fill(u64 *table, const struct strings *s, u64 at)
{
	size_t off = 0;

	for (u32 i = 0; i < s->count; i++) {
		*table++ = at + off;
		off += strlen(s->buf + off) + 1;
	}
	*table++ = 0;
	return table;
}

/*
 * From the top: the program's name, environment, arguments, platform, random
 * bytes; then, 16-byte aligned, argc, argv, envp and the auxiliary vector.
 */
static int stack_build(struct exec *x)
{
	struct vm_space *s = x->space;
	size_t name_len = strlen(x->name) + 1, table_size, table_bytes;
	u64 top = x->sp - 8, execfn, platform, seed_at, low, *table, *t, bytes[2];
	u32 flags = VM_READ | VM_WRITE | VM_MAYWRITE | VM_GROWSDOWN | VM_STACK | (x->image.stack_exec ? VM_EXEC : 0);
	s64 err;

	execfn = top - name_len;
	s->env_end = execfn;
	s->env_start = s->env_end - x->envs.len;
	s->arg_end = s->env_start;
	s->arg_start = s->arg_end - x->args.len;
	platform = s->arg_start - sizeof(PLATFORM);
	seed_at = ALIGN_DOWN(platform - 16, 16);
	auxv_fill(x, execfn, platform, seed_at);
	table_size = 1 + x->args.count + 1 + x->envs.count + 1 + s->auxv_count;
	table_bytes = table_size * 8;
	x->sp = ALIGN_DOWN(seed_at - table_bytes, 16);

	low = ALIGN_DOWN(x->sp, PAGE_SIZE) - STACK_FIRST;
	err = vm_map(s, low, s->stack_top - low, flags, true, false, NULL, 0, NULL);
	if (err < 0)
		return err;
	table = kmalloc(table_bytes);
	if (!table)
		return -ENOMEM;
	t = table;
	*t++ = x->args.count;
	t = pointers_fill(t, &x->args, s->arg_start);
	t = pointers_fill(t, &x->envs, s->env_start);
	memcpy(t, s->auxv, s->auxv_count * 8);
	random_bytes(bytes, sizeof(bytes));
	err = vm_write_new(s, x->sp, table, table_bytes);
	if (!err)
		err = vm_write_new(s, seed_at, bytes, sizeof(bytes));
	if (!err)
		err = vm_write_new(s, platform, PLATFORM, sizeof(PLATFORM));
	if (!err)
		err = vm_write_new(s, s->arg_start, x->args.buf, x->args.len);
	if (!err)
		err = vm_write_new(s, s->env_start, x->envs.buf, x->envs.len);
	if (!err)
		err = vm_write_new(s, execfn, x->name, name_len);
	kfree(table);
	return err;
}

/* ---- rights ---- */

static int cred_prepare(struct exec *x)
{
	const struct cred *c = current()->cred;
	struct vnode *v = x->binary.path.dentry->vnode;
	bool set_uid = v->mode & S_ISUID, set_gid = (v->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	u64 effective, permitted, ambient;

	if ((x->binary.path.mount->flags & MNT_NOSUID) || process_current()->no_new_privs ||
		READ_ONCE(current()->fs->shared))
		set_uid = set_gid = false;
	x->set_ids = set_uid || set_gid;
	cred_exec_caps(c, &effective, &permitted, &ambient);
	if (set_uid || set_gid || c->euid != c->suid || c->egid != c->sgid || c->euid != c->fsuid || c->egid != c->fsgid ||
	    (c->securebits & SECBIT_KEEP_CAPS) || c->cap_effective != effective || c->cap_permitted != permitted ||
	    c->cap_ambient != ambient) {
		x->cred = cred_copy(c);
		if (!x->cred)
			return -ENOMEM;
		if (set_uid)
			x->cred->euid = v->uid;
		if (set_gid)
			x->cred->egid = v->gid;
		x->cred->suid = x->cred->fsuid = x->cred->euid;
		x->cred->sgid = x->cred->fsgid = x->cred->egid;
		cred_exec_caps(x->cred, &x->cred->cap_effective, &x->cred->cap_permitted, &x->cred->cap_ambient);
		x->cred->securebits &= ~(u32)SECBIT_KEEP_CAPS;
	}
	if (x->cred)
		c = x->cred;
	x->secure = c->uid != c->euid || c->gid != c->egid;
	return 0;
}

/* What was shared with other processes (CLONE_SIGHAND, CLONE_FILES) must be of our own before it is changed. */
static int unshare(struct exec *x)
{
	struct process *p = process_current();

	if (atomic_load_relaxed(&p->actions->refs) > 1) {
		x->actions = signal_actions_new();
		if (!x->actions)
			return -ENOMEM;
		memcpy(x->actions->action, p->actions->action, sizeof(p->actions->action));
	}
	if (fd_table_is_shared(current()->files)) {
		x->files = fd_table_copy(current()->files);
		if (!x->files)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the switch: nothing fails any more ---- */

/* The only thread left takes the process's number, whoever had it. */
static void number_take_over(struct process *p)
{
	struct thread *t = current(), *old = NULL;
	struct proc_thread *pt = proc_thread(t);
	u64 flags;

	if (t->tid == p->pid)
		return;
	flags = spin_lock_irqsave(&pids_lock);
	pt->tid->thread = NULL;
	pid_put_locked(pt->tid);
	pt->tid = p->sig.pid;
	pt->tid->uses++;
	pt->tid->thread = t;
	t->tid = p->pid;
	old = p->leader;
	p->leader = t;
	thread_get(t);
	spin_unlock_irqrestore(&pids_lock, flags);
	if (old)
		thread_put(old);
}

static void process_change(struct exec *x, struct path *exe)
{
	struct process *p = process_current();
	struct thread *t = current();
	struct path *old_exe;
	const char *base = strrchr(x->name, '/');
	u64 flags;

	if (x->actions) {
		struct signal_actions *old = p->actions;

		flags = spin_lock_irqsave(&p->sig.lock);
		p->actions = x->actions;
		spin_unlock_irqrestore(&p->sig.lock, flags);
		x->actions = old;	/* dropped by the caller */
	}
	signal_actions_exec(p);
	if (x->files) {
		struct fd_table *old = t->files;

		flags = spin_lock_irqsave(&p->sig.lock);
		t->files = x->files;
		spin_unlock_irqrestore(&p->sig.lock, flags);
		x->files = old;
	}
	posix_timers_end(p);
	fd_table_close_on_exec(t->files);
	if (x->set_ids)
		p->personality &= ~(u32)PER_CLEAR_ON_SETID;
	/* First this: new credentials may take it back. */
	p->dumpable = !x->secure && !x->secret && !x->binary.unreadable;
	if (x->cred)
		cred_publish(x->cred);
	x->cred = NULL;
	flags = spin_lock_irqsave(&pids_lock);
	spin_lock(&p->sig.lock);
	old_exe = p->exe;
	p->exe = exe;
	spin_unlock(&p->sig.lock);
	p->execed = true;
	p->exit_signal = SIGCHLD;	/* whoever the program was made by, it is another now */
	spin_unlock_irqrestore(&pids_lock, flags);
	exe_free(old_exe);
	strlcpy(t->name, base ? base + 1 : x->name, sizeof(t->name));
}

static void thread_change(struct exec *x, struct trap_frame *frame)
{
	struct thread *t = current();
	struct proc_thread *pt = proc_thread(t);

	exit_release_space(t);
	t->pi_gone = false;	/* the thread goes on */
	sched_set_space(x->space);
	x->space = NULL;
	pt->altstack_base = pt->altstack_size = pt->altstack_flags = 0;
	pt->restart.fn = NULL;
	rseq_forget(t);
	memset(t->fp, 0, sizeof(*t->fp));
	fp_reload();
	t->tpidr = 0;
	sysreg_write(tpidr_el0, 0);
	memset(frame, 0, sizeof(*frame));
	frame->sp = x->sp;
	frame->pc = x->image.entry;
	frame->syscall = SYSCALL_NONE;
}

static void exec_drop(struct exec *x, char *holder)
{
	binary_close(&x->binary);
	kfree(x->args.buf);
	kfree(x->envs.buf);
	kfree(holder);
	if (x->space)
		vm_space_put(x->space);
	cred_put(x->cred);
	if (x->actions)
		signal_actions_put(x->actions);
	if (x->files)
		fd_table_put(x->files);
	kfree(x);
}

int exec_program(const struct exec_request *r, struct trap_frame *frame)
{
	struct process *p = process_current();
	struct exec *x = kzalloc(sizeof(*x));
	struct path *exe = NULL;
	char *holder = NULL;
	int err;

	if (!x)
		return -ENOMEM;
	x->name = r->name;
	x->limit = MIN(MAX(process_rlimit(p, RLIMIT_STACK), STACK_DEFAULT) / 4, STRINGS_MAX);
	err = binary_open(&x->binary, r->at, r->name, r->lookup_flags);
	if (!err)
		err = strings_read(&x->args, r->argv, r->kernel_strings, x->limit);
	if (!err)
		err = strings_read(&x->envs, r->envp, r->kernel_strings, x->limit);
	if (!err && x->args.len + x->envs.len + 8 * (x->args.count + x->envs.count) > x->limit)
		err = -E2BIG;
	if (!err && !x->args.count)
		err = strings_add(&x->args, "");	/* programs count on argv[0] */
	if (!err)
		err = scripts_resolve(x, &holder);
	if (!err)
		err = cred_prepare(x);
	if (!err)
		err = space_make(x);
	if (!err)
		err = elf_load(x->space, &x->binary, x->random, &x->image);
	if (!err)
		err = vdso_map(x->space);
	if (!err)
		err = stack_build(x);
	if (!err)
		err = unshare(x);
	if (!err) {
		exe = exe_new(&x->binary.path);
		err = exe ? 0 : -ENOMEM;
	}
	if (!err)
		err = exit_kill_other_threads(p);
	if (err) {
		exe_free(exe);
		exec_drop(x, holder);
		return err;
	}
	number_take_over(p);
	process_change(x, exe);
	thread_change(x, frame);
	atomic_add_relaxed(&stat_execs, 1);
	exec_drop(x, holder);
	return 0;
}
