/*
 * Core dumps, core(5): what a program that a signal ends had in memory and in its registers, as an ELF file that
 * debuggers read.
 *
 * The thread that the signal hit marks the process as ending; its other threads come to exit_thread and wait there,
 * with their registers, until the file is written. SIGKILL ends the writing. Nothing of the program runs meanwhile, but
 * another process may share its memory: the regions are copied down first, and what has gone by the time it is written
 * is a hole.
 *
 * Called by signal.c; exit.c has the threads wait. Layouts: System V gABI chapters 4 and 5, linux/elf.h, and Linux's
 * struct elf_prstatus and elf_prpsinfo, which programs have from their C library.
 */
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include "proc/coredump.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/uts.h"
#include "dev/device.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/procfs_pid.h"
#include "sched/fp.h"
#include "vm/vm_space.h"

#define PATTERN_SIZE	128		/* core_pattern's, with the NUL */
#define BATCH		PAGE_SIZE	/* pages that are looked at together */
#define LL(x)		((unsigned long long)(x))

/* Bits of coredump_filter. */
#define ANON_PRIVATE	BIT(0)
#define ANON_SHARED	BIT(1)
#define MAPPED_PRIVATE	BIT(2)
#define MAPPED_SHARED	BIT(3)
#define ELF_HEADERS	BIT(4)
#define FILTER_BITS	0x1ffu

static char pattern[PATTERN_SIZE] = "core";
static u32 uses_pid;
static struct mutex pattern_lock = MUTEX_INIT(pattern_lock, "core pattern");

/* A thread whose registers are to be written; on its own stack. */
struct core_thread {
	struct core_thread *next;
	struct thread *thread;
	const struct trap_frame *frame;
	u64 tls;
};

struct core_dump {
	struct core_thread self, *others;	/* others [s] */
	u32 parked;			/* how many they are [s]; read anywhere */
	bool killed;			/* SIGKILL came: write no more [s]; read anywhere */
	struct process *process;
	struct vm_space *space;
	const struct signal_info *info;
	s32 ppid, pgrp, sid;
	struct text_out maps;		/* struct core_map, one after the other */
	struct text_out notes, files;
	struct file *file;
	u64 pos, written, limit;
	u64 hole;			/* bytes before pos that were not written */
};

struct core_map { u64 start, end, size; u32 flags; };

struct core_prstatus {
	s32 signo, code, error;
	s16 cursig;
	u64 pending, held;
	s32 pid, ppid, pgrp, sid;
	u64 utime[2], stime[2], cutime[2], cstime[2];
	u64 regs[34];			/* x0 to x30, sp, pc, pstate: as struct trap_frame begins */
	s32 fpvalid;
};
struct core_prpsinfo {
	char state, sname, zombie, nice;
	u64 flags;
	u32 uid, gid;
	s32 pid, ppid, pgrp, sid;
	char fname[16], args[80];
};
struct core_fp { u8 v[32][16]; u32 fpsr, fpcr, reserved[2]; };

_Static_assert(sizeof(struct core_prstatus) == 392 && sizeof(struct core_prpsinfo) == 136, "Linux's for arm64");
_Static_assert(sizeof(struct core_fp) == 528 && offsetof(struct trap_frame, syscall) == 34 * 8, "register sets");

/* ---- the other threads ---- */

static void thread_note_self(struct core_thread *c)
{
	c->thread = current();
	c->frame = trap_user_frame();
	c->tls = sysreg_read(tpidr_el0);
	fp_flush();
}

void coredump_join(struct process *p)
{
	struct core_thread me;
	struct core_dump *d;
	u64 flags;
	bool all;

	thread_note_self(&me);
	flags = spin_lock_irqsave(&p->sig.lock);
	d = p->core;
	if (!d) {
		spin_unlock_irqrestore(&p->sig.lock, flags);
		return;
	}
	me.next = d->others;
	d->others = &me;
	all = ++d->parked + 1 == p->sig.thread_count;
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (all)
		wait_wake_all(&p->exit_wait);
	wait_event(&p->exit_wait, !READ_ONCE(p->core));
}

void coredump_kill_locked(struct process *p, u32 status)
{
	if (!p->core)
		return;
	p->core->killed = true;
	p->exit_status = status;
}

/* ---- writing ---- */

/* All of it, or nothing more is written. */
static bool emit(struct core_dump *d, const void *data, size_t n)
{
	struct uio u;

	if (READ_ONCE(d->killed) || d->written + n > d->limit)
		return false;
	uio_kernel(&u, (void *)data, n);
	while (u.left)
		if (file_write(d->file, &u, &d->pos) <= 0)
			return false;
	d->written += n;
	d->hole = 0;
	return true;
}

static void skip(struct core_dump *d, u64 n)
{
	d->pos += n;
	d->hole += n;
}

static void note_add(struct text_out *t, u32 type, const void *data, u32 size)
{
	const char *name = type == NT_ARM_TLS ? "LINUX" : "CORE";
	struct elf64_note head = { strlen(name) + 1, size, type };
	static const char zeros[8];

	text_write(t, (char *)&head, sizeof(head));
	text_write(t, name, head.n_namesz);
	text_write(t, zeros, -head.n_namesz & 3);
	text_write(t, data, size);
	text_write(t, zeros, -size & 3);
}

/* ---- notes ---- */

static void time_fill(u64 out[2], u64 ns)
{
	out[0] = ns / NSEC_PER_SEC;
	out[1] = ns % NSEC_PER_SEC / NSEC_PER_USEC;
}

static void thread_status_add(struct core_dump *d, const struct core_thread *c)
{
	struct process *p = d->process;
	struct thread *t = c->thread;
	struct core_prstatus s = {
		.signo = d->info->signo, .cursig = d->info->signo, .pending = t->sig_pending, .held = t->sig_blocked,
		.pid = t->tid, .ppid = d->ppid, .pgrp = d->pgrp, .sid = d->sid,
		.fpvalid = 1,
	};
	struct cpu_split split;

	process_thread_split(p, t, &split);
	time_fill(s.utime, split.user_ns);
	time_fill(s.stime, split.system_ns);
	time_fill(s.cutime, p->child_user_ns);
	time_fill(s.cstime, p->child_system_ns);
	memcpy(s.regs, c->frame, sizeof(s.regs));
	note_add(&d->notes, NT_PRSTATUS, &s, sizeof(s));
}

static void thread_registers_add(struct core_dump *d, const struct core_thread *c)
{
	struct core_fp fp = { .fpsr = c->thread->fp->fpsr, .fpcr = c->thread->fp->fpcr };

	memcpy(fp.v, c->thread->fp->v, sizeof(fp.v));
	note_add(&d->notes, NT_PRFPREG, &fp, sizeof(fp));
	note_add(&d->notes, NT_ARM_TLS, &c->tls, sizeof(c->tls));
}

static void process_add(struct core_dump *d)
{
	struct process *p = d->process;
	const struct cred *c = current()->cred;
	struct core_prpsinfo s = {
		.sname = 'R', .nice = current()->nice, .uid = c->uid, .gid = c->gid, .pid = p->pid,
		.ppid = d->ppid, .pgrp = d->pgrp, .sid = d->sid,
	};
	size_t n = MIN(d->space->arg_end - d->space->arg_start, sizeof(s.args) - 1);

	memcpy(s.fname, current()->name, sizeof(s.fname));
	n = vm_read_remote(d->space, d->space->arg_start, s.args, n);
	for (size_t i = 0; i < n; i++)
		if (!s.args[i])
			s.args[i] = ' ';
	note_add(&d->notes, NT_PRPSINFO, &s, sizeof(s));
}

/* NT_FILE: how many, the page size, from where to where each lies and from which page of its file on; their names. */
static void files_add(struct core_dump *d, struct text_out *names, u64 count)
{
	struct text_out t = { NULL };
	u64 head[2] = { count, PAGE_SIZE };

	text_write(&t, (char *)head, sizeof(head));
	text_write(&t, d->files.buf, d->files.len);
	text_write(&t, names->buf, names->len);
	if (count && !t.failed && !names->failed && !d->files.failed)
		note_add(&d->notes, NT_FILE, t.buf, t.len);
	kfree(t.buf);
}

static void notes_make(struct core_dump *d, struct text_out *names, u64 files)
{
	siginfo_t info;
	u64 flags;

	flags = spin_lock_irqsave(&pids_lock);
	d->ppid = d->process->parent ? d->process->parent->pid : 0;
	d->pgrp = process_group_of(d->process);
	d->sid = process_session_of(d->process);
	spin_unlock_irqrestore(&pids_lock, flags);
	siginfo_write(&info, d->info);
	thread_status_add(d, &d->self);
	process_add(d);
	note_add(&d->notes, NT_SIGINFO, &info, sizeof(info));
	note_add(&d->notes, NT_AUXV, d->space->auxv, d->space->auxv_count * 8);
	files_add(d, names, files);
	thread_registers_add(d, &d->self);
	for (struct core_thread *c = d->others; c; c = c->next) {
		thread_status_add(d, c);
		thread_registers_add(d, c);
	}
}

/* ---- which memory ---- */

/* How much of a region is written. [lock of the space] */
static u64 region_wanted(struct core_dump *d, struct vm_region *r)
{
	u32 filter = READ_ONCE(d->process->core_filter);
	u64 whole = r->end - r->start;
	struct vnode *v = r->file ? r->file->vnode : NULL;
	struct vm_usage used = { 0 };

	if (r->flags & VM_VDSO)
		return whole;
	if (r->flags & VM_DONTDUMP)
		return 0;
	if (r->flags & VM_SHARED)
		return filter & (v && v->nlink ? MAPPED_SHARED : ANON_SHARED) ? whole : 0;
	if ((filter & ANON_PRIVATE) && (!r->object || (r->flags & VM_ANON))) {
		vm_usage_add(d->space, r, &used);
		if (used.anonymous)
			return whole;
	}
	if (!v)
		return 0;
	if (filter & MAPPED_PRIVATE)
		return whole;
	/* What was mapped there can be told by the first page of a program or library. */
	return (filter & ELF_HEADERS) && !r->offset && (r->flags & VM_READ) ? PAGE_SIZE : 0;
}

/* Copies the regions down; the names of their files, and how many. -ENOMEM. */
static int maps_make(struct core_dump *d, struct text_out *names, u64 *files)
{
	char *buf = kmalloc(PATH_MAX_LEN);
	struct vm_region *r;

	if (!buf)
		return -ENOMEM;
	mutex_lock(&d->space->lock);
	for (u64 at = 0; (r = vm_region_next(d->space, at)); at = r->end) {
		struct core_map m = { r->start, r->end, region_wanted(d, r), r->flags };

		text_write(&d->maps, (char *)&m, sizeof(m));
		if (r->file && r->file->path) {
			u64 where[3] = { r->start, r->end, r->offset / PAGE_SIZE };
			char *name = path_format(r->file->path, buf, PATH_MAX_LEN);

			if (is_err(name))
				name = "";
			text_write(&d->files, (char *)where, sizeof(where));
			text_write(names, name, strlen(name) + 1);
			++*files;
		}
	}
	mutex_unlock(&d->space->lock);
	kfree(buf);
	return d->maps.failed ? -ENOMEM : 0;
}

/* The first page of a file that is no program is of no use. */
static void headers_check(struct core_dump *d, struct core_map *m, u32 count)
{
	char magic[SELFMAG];

	for (; count--; m++)
		if (m->size == PAGE_SIZE && m->end - m->start > PAGE_SIZE &&
		    (vm_read_remote(d->space, m->start, magic, SELFMAG) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG)))
			m->size = 0;
}

/* ---- the file ---- */

static u32 segment_flags(u32 flags)
{
	return (flags & VM_READ ? PF_R : 0) | (flags & VM_WRITE ? PF_W : 0) | (flags & VM_EXEC ? PF_X : 0);
}

/* Header, program headers, notes. */
static bool head_emit(struct core_dump *d, const struct core_map *m, u32 count)
{
	struct text_out t = { NULL };
	u64 data, notes_at = sizeof(struct elf64_hdr) + (count + 1) * sizeof(struct elf64_phdr);
	struct elf64_hdr h = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE },
		.e_type = ET_CORE, .e_machine = EM_AARCH64, .e_version = EV_CURRENT, .e_phoff = sizeof(h),
		.e_ehsize = sizeof(h), .e_phentsize = sizeof(struct elf64_phdr), .e_phnum = count + 1,
	};
	struct elf64_phdr note = { .p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = d->notes.len, .p_align = 4 };
	bool ok;

	text_write(&t, (char *)&h, sizeof(h));
	text_write(&t, (char *)&note, sizeof(note));
	data = ALIGN_UP(notes_at + d->notes.len, PAGE_SIZE);
	for (u32 i = 0; i < count; i++, m++) {
		struct elf64_phdr ph = {
			.p_type = PT_LOAD, .p_offset = data, .p_vaddr = m->start, .p_filesz = m->size,
			.p_memsz = m->end - m->start, .p_flags = segment_flags(m->flags), .p_align = PAGE_SIZE,
		};

		text_write(&t, (char *)&ph, sizeof(ph));
		data += m->size;
	}
	text_write(&t, d->notes.buf, d->notes.len);
	ok = !t.failed && emit(d, t.buf, t.len);
	skip(d, -d->pos & PAGE_MASK);
	kfree(t.buf);
	return ok;
}

/* One page of a region. The vDSO's are the kernel's, and nobody else's to see but who has them. */
static bool page_read(struct core_dump *d, const struct core_map *m, u64 at, void *buf)
{
	return m->flags & VM_VDSO ? !copy_from_user(buf, at, PAGE_SIZE) :
		vm_read_remote(d->space, at, buf, PAGE_SIZE) == PAGE_SIZE;
}

/* The pages that are there; others are holes. buf and there: a page each. */
static bool map_emit(struct core_dump *d, const struct core_map *m, void *buf, u8 *there)
{
	for (u64 at = m->start, end = at + m->size; at < end; ) {
		u64 pages = MIN((end - at) / PAGE_SIZE, (u64)BATCH);

		if (READ_ONCE(d->killed))
			return false;
		/* Nobody counts the vDSO's pages; and another process may have made a hole by now. */
		if ((m->flags & VM_VDSO) || vm_resident(d->space, at, pages, there))
			memset(there, 1, pages);
		for (u64 i = 0; i < pages; i++, at += PAGE_SIZE) {
			if (!there[i] || !page_read(d, m, at, buf))
				skip(d, PAGE_SIZE);
			else if (!emit(d, buf, PAGE_SIZE))
				return false;
		}
	}
	return true;
}

/* True: there is a core file, though perhaps not a whole one. */
static bool core_write(struct core_dump *d)
{
	struct text_out names = { NULL };
	struct core_map *maps;
	char *buf = kmalloc(2 * PAGE_SIZE);
	u64 files = 0, count;
	bool ok = buf && !maps_make(d, &names, &files);

	maps = (struct core_map *)d->maps.buf;
	count = d->maps.len / sizeof(*maps);
	if (ok && count < PN_XNUM - 1) {
		headers_check(d, maps, count);
		notes_make(d, &names, files);
		ok = !d->notes.failed;
		if (ok && head_emit(d, maps, count)) {
			for (u64 i = 0; i < count && map_emit(d, &maps[i], buf, (u8 *)buf + PAGE_SIZE); i++)
				;
			/* The file is as long as it says, also if it ends in a hole. */
			if (d->hole) {
				d->pos--;
				emit(d, "", 1);
			}
		}
	} else {
		ok = false;
	}
	kfree(buf);
	kfree(names.buf);
	kfree(d->maps.buf);
	kfree(d->files.buf);
	kfree(d->notes.buf);
	return ok;
}

/* ---- its name ---- */

/* A word of the name: no part of a path may come out of it. */
static void word_add(struct text_out *t, const char *s)
{
	if (!*s || !strcmp(s, ".") || !strcmp(s, ".."))
		text_char(t, '!');
	else
		for (; *s; s++)
			text_char(t, *s == '/' ? '!' : *s);
}

/* What runs: its whole path, or the last part of it. */
static void exe_add(struct text_out *t, struct process *p, bool whole)
{
	char *buf = kmalloc(PATH_MAX_LEN), *name = buf && p->exe ? path_format(p->exe, buf, PATH_MAX_LEN) : NULL;

	if (!name || is_err(name))
		name = current()->name;
	word_add(t, whole || !strrchr(name, '/') ? name : strrchr(name, '/') + 1);
	kfree(buf);
}

static void letter_add(struct text_out *t, struct core_dump *d, char letter)
{
	const struct cred *c = current()->cred;
	struct process *p = d->process;
	struct uts u;

	switch (letter) {
	case '%':
		text_char(t, '%');
		break;
	case 'p':
	case 'P':
		text_printf(t, "%d", p->pid);
		break;
	case 'i':
	case 'I':
		text_printf(t, "%d", current()->tid);
		break;
	case 'u':
		text_printf(t, "%u", c->uid);
		break;
	case 'g':
		text_printf(t, "%u", c->gid);
		break;
	case 'd':
		text_printf(t, "%d", p->dumpable);
		break;
	case 's':
		text_printf(t, "%d", d->info->signo);
		break;
	case 't':
		text_printf(t, "%llu", LL(clock_realtime_ns() / NSEC_PER_SEC));
		break;
	case 'h':
		uts_get(&u);
		word_add(t, u.nodename);
		break;
	case 'e':
		word_add(t, current()->name);
		break;
	case 'f':
	case 'E':
		exe_add(t, p, letter == 'E');
		break;
	case 'c':
		text_printf(t, "%llu", LL(d->limit));
		break;
	}
}

static void name_make(struct text_out *t, struct core_dump *d)
{
	char text[PATTERN_SIZE];
	bool has_pid = false;

	mutex_lock(&pattern_lock);
	memcpy(text, pattern, sizeof(text));
	mutex_unlock(&pattern_lock);
	for (const char *s = text; *s; s++) {
		if (*s != '%') {
			text_char(t, *s);
			continue;
		}
		if (!*++s)
			break;
		has_pid = has_pid || *s == 'p';
		letter_add(t, d, *s);
	}
	if (READ_ONCE(uses_pid) && !has_pid)
		text_printf(t, ".%d", d->process->pid);
	text_char(t, '\0');
}

/* A new file, the program's own: what had the name goes, and no link is followed. */
static int file_make(struct core_dump *d)
{
	struct text_out name = { NULL };
	int err = -ENOMEM;

	name_make(&name, d);
	if (!name.failed) {
		(void)path_unlink(NULL, name.buf);
		err = path_open(name.buf, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_LARGEFILE, 0600, &d->file);
	}
	kfree(name.buf);
	if (!err && (d->file->vnode->mode & 0677) != 0600) {
		file_put(d->file);	/* the umask took what a dump needs */
		err = -EACCES;
	}
	return err;
}

/* The process ends now, by this signal, and its other threads stay until the dump is made. False: it is ending
 * already. */
static bool begin(struct core_dump *d)
{
	struct process *p = d->process;
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	bool ours = !p->sig.group_exit;

	if (ours) {
		p->core = d;
		exit_group_start_locked(p, d->info->signo);
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return ours;
}

void coredump(const struct signal_info *info)
{
	struct process *p = process_current();
	struct core_dump d = { .process = p, .space = current()->space, .info = info,
		.limit = process_rlimit(p, RLIMIT_CORE) };
	bool written = false;
	u64 flags;

	if (d.limit < PAGE_SIZE || !p->dumpable || p == init_process || !begin(&d))
		return;
	thread_note_self(&d.self);
	wait_event(&p->exit_wait, READ_ONCE(d.parked) + 1 == READ_ONCE(p->sig.thread_count));
	if (!d.killed && !file_make(&d)) {
		written = core_write(&d);
		file_put(d.file);
	}
	flags = spin_lock_irqsave(&p->sig.lock);
	if (written && !d.killed)
		p->exit_status |= 0x80;
	WRITE_ONCE(p->core, NULL);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	wait_wake_all(&p->exit_wait);
}

/* ---- settings ---- */

static void pattern_show(struct text_out *t, void *arg)
{
	mutex_lock(&pattern_lock);
	text_printf(t, "%s\n", pattern);
	mutex_unlock(&pattern_lock);
}

static int pattern_store(const char *text, size_t len, void *arg)
{
	if (*text == '|')
		return -EINVAL;		/* programs that dumps are piped to are not there */
	mutex_lock(&pattern_lock);
	strlcpy(pattern, text, sizeof(pattern));
	mutex_unlock(&pattern_lock);
	return 0;
}

static void uses_pid_show(struct text_out *t, void *arg)
{
	text_printf(t, "%u\n", uses_pid);
}

static int uses_pid_store(const char *text, size_t len, void *arg)
{
	u64 n;

	if (parse_u64(text, NULL, 0, &n) || n > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(uses_pid, n);
	return 0;
}

void pid_coredump_filter_show(struct text_out *t, void *node)
{
	text_printf(t, "%08x\n", ((struct pid_node *)node)->p->core_filter);
}

int pid_coredump_filter_store(const char *text, size_t len, void *node)
{
	u64 n;

	if (parse_u64(text, NULL, 0, &n) || n > UINT32_MAX)
		return -EINVAL;
	WRITE_ONCE(((struct pid_node *)node)->p->core_filter, n & FILTER_BITS);
	return 0;
}

static const struct proc_entry_ops pattern_ops = { .show = pattern_show, .store = pattern_store };
static const struct proc_entry_ops uses_pid_ops = { .show = uses_pid_show, .store = uses_pid_store };

static int coredump_start(void)
{
	int err = proc_register("sys/kernel/core_pattern", &pattern_ops, NULL);

	return err ? err : proc_register("sys/kernel/core_uses_pid", &uses_pid_ops, NULL);
}
INIT(coredump, INIT_PROC, coredump_start);
