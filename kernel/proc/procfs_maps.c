/*
 * /proc/PID/maps, smaps and smaps_rollup, proc(5): the regions of a space, and
 * what each uses. Nothing notes which pages were used lately: all that are
 * there count as referenced.
 */
#include "base/string.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "mm/slab.h"
#include "proc/procfs_pid.h"
#include "vm/vm_space.h"

#define LL(x) ((unsigned long long)(x))

static const char *region_name(const struct vm_region *r)
{
	if (r->flags & VM_VDSO)
		return r->flags & VM_EXEC ? "[vdso]" : "[vvar]";
	return r->flags & VM_HEAP ? "[heap]" : r->flags & VM_STACK ? "[stack]" : "";
}

static void name_column(struct text_out *t, size_t start)
{
	while (t->len - start < 73 && !t->failed)
		text_char(t, ' ');
}

/* buf: PATH_MAX_LEN bytes. */
static void region_line(struct text_out *t, const struct vm_region *r, char *buf)
{
	struct vnode *v = r->file ? r->file->vnode : NULL;
	size_t start = t->len;

	text_printf(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", LL(r->start), LL(r->end),
		    r->flags & VM_READ ? 'r' : '-', r->flags & VM_WRITE ? 'w' : '-', r->flags & VM_EXEC ? 'x' : '-',
		    r->flags & VM_SHARED ? 's' : 'p', LL(v ? r->offset : 0), 0u, v ? v->sb->dev : 0, LL(v ? v->ino : 0));
	if (v || region_name(r)[0])
		name_column(t, start);
	if (v && r->file->path) {
		char *path = path_format(r->file->path, buf, PATH_MAX_LEN);

		text_printf(t, "%s\n", is_err(path) ? "" : path);
	} else {
		text_printf(t, "%s\n", region_name(r));
	}
}

static void kib_line(struct text_out *t, const char *name, u64 bytes)
{
	text_printf(t, "%-16s%8llu kB\n", name, LL(bytes / 1024));
}

static void usage_lines(struct text_out *t, const struct vm_usage *u, bool parts)
{
	kib_line(t, "Rss:", u->rss);
	kib_line(t, "Pss:", u->pss >> VM_PSS_SHIFT);
	kib_line(t, "Pss_Dirty:", u->pss_dirty >> VM_PSS_SHIFT);
	if (parts) {
		kib_line(t, "Pss_Anon:", u->pss_anonymous >> VM_PSS_SHIFT);
		kib_line(t, "Pss_File:", u->pss_file >> VM_PSS_SHIFT);
		kib_line(t, "Pss_Shmem:", u->pss_shared >> VM_PSS_SHIFT);
	}
	kib_line(t, "Shared_Clean:", u->shared_clean);
	kib_line(t, "Shared_Dirty:", u->shared_dirty);
	kib_line(t, "Private_Clean:", u->private_clean);
	kib_line(t, "Private_Dirty:", u->private_dirty);
	kib_line(t, "Referenced:", u->rss);
	kib_line(t, "Anonymous:", u->anonymous);
	kib_line(t, "LazyFree:", 0);
	kib_line(t, "AnonHugePages:", 0);
	kib_line(t, "ShmemPmdMapped:", 0);
	kib_line(t, "FilePmdMapped:", 0);
	kib_line(t, "Shared_Hugetlb:", 0);
	kib_line(t, "Private_Hugetlb:", 0);
	kib_line(t, "Swap:", 0);
	kib_line(t, "SwapPss:", 0);
	kib_line(t, "Locked:", u->locked >> VM_PSS_SHIFT);
}

static void flags_line(struct text_out *t, u32 flags)
{
	static const struct { u32 flag; char name[3]; } names[] = {
		{ VM_READ, "rd" }, { VM_WRITE, "wr" }, { VM_EXEC, "ex" }, { VM_SHARED, "sh" }, { ~0u, "mr" },
		{ VM_MAYWRITE, "mw" },
		{ 0, "me" }, { VM_SHARED, "ms" }, { VM_GROWSDOWN, "gd" }, { VM_LOCKED, "lo" }, { VM_DONTFORK, "dc" },
		{ VM_LOCKONFAULT, "lf" }, { VM_ACCOUNT, "ac" }, { VM_NORESERVE, "nr" }, { VM_WIPEONFORK, "wf" },
		{ VM_DONTDUMP, "dd" },
	};

	text_printf(t, "VmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].flag == ~0u || (flags & names[i].flag) || (!names[i].flag && !(flags & VM_NOEXEC)))
			text_printf(t, "%s ", names[i].name);
	text_char(t, '\n');
}

static void smaps_region(struct text_out *t, struct vm_space *s, struct vm_region *r)
{
	struct vm_usage u = { 0 };

	vm_usage_add(s, r, &u);
	kib_line(t, "Size:", r->end - r->start);
	kib_line(t, "KernelPageSize:", PAGE_SIZE);
	kib_line(t, "MMUPageSize:", PAGE_SIZE);
	usage_lines(t, &u, false);
	text_printf(t, "THPeligible:    0\n");
	flags_line(t, r->flags);
}

/* fn: what follows each region's line; NULL: nothing. */
static void regions_show(struct text_out *t, void *node,
			 void (*fn)(struct text_out *, struct vm_space *, struct vm_region *))
{
	struct vm_space *s = process_space(((struct pid_node *)node)->p);
	char *buf = kmalloc(PATH_MAX_LEN);
	struct vm_region *r;

	if (s && buf) {
		mutex_lock(&s->lock);
		for (u64 at = 0; (r = vm_region_next(s, at)); at = r->end) {
			region_line(t, r, buf);
			if (fn)
				fn(t, s, r);
		}
		mutex_unlock(&s->lock);
	}
	kfree(buf);
	if (s)
		vm_space_put(s);
}

void pid_maps_show(struct text_out *t, void *node)
{
	regions_show(t, node, NULL);
}

void pid_smaps_show(struct text_out *t, void *node)
{
	regions_show(t, node, smaps_region);
}

void pid_smaps_rollup_show(struct text_out *t, void *node)
{
	struct vm_space *s = process_space(((struct pid_node *)node)->p);
	struct vm_usage u = { 0 };
	struct vm_region *r;
	u64 start = 0, end = 0;

	if (!s)
		return;
	mutex_lock(&s->lock);
	for (; (r = vm_region_next(s, end)); end = r->end) {
		start = end ? start : r->start;
		vm_usage_add(s, r, &u);
	}
	mutex_unlock(&s->lock);
	vm_space_put(s);
	text_printf(t, "%08llx-%08llx ---p 00000000 00:00 0 ", LL(start), LL(end));
	name_column(t, 0);
	text_printf(t, "[rollup]\n");
	usage_lines(t, &u, true);
}
