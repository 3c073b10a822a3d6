/*
 * /proc/irq: a directory for each interrupt line, with the CPUs that it may go to and the one that it goes to, and
 * default_smp_affinity for new lines (proc(5); Linux's Documentation/core-api/irq/irq-affinity.rst). Nothing of the
 * directories is kept: each look-up makes what it finds anew.
 */
#include <linux/stat.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/attrfs.h"
#include "fs/cpu_text.h"
#include "fs/file_internal.h"
#include "fs/procfs_internal.h"
#include "irq/irq.h"

#define LINES_POS	0x100000000ull	/* readdir positions from here on: what the tree does not have */
#define LINE_INO(number) (0x80000000ull + (u64)(number) * 16)
#define FILE_INO(number, i) (LINE_INO(number) + 1 + (i))

/* ---- the files ---- */

static void cpus_show(struct text_out *t, u64 cpus, bool list)
{
	if (list)
		text_cpu_list(t, cpus);
	else
		text_cpu_mask(t, cpus);
	text_char(t, '\n');
}

static void affinity_show(struct text_out *t, void *number, bool effective, bool list)
{
	u64 wanted = 0, goes_to = 0;

	/* A line that has gone is empty for who has it open. */
	if (!irq_affinity_get((u64)number, &wanted, &goes_to))
		cpus_show(t, effective ? goes_to : wanted, list);
}

static void wanted_mask(struct text_out *t, void *number) { affinity_show(t, number, false, false); }
static void wanted_list(struct text_out *t, void *number) { affinity_show(t, number, false, true); }
static void effective_mask(struct text_out *t, void *number) { affinity_show(t, number, true, false); }
static void effective_list(struct text_out *t, void *number) { affinity_show(t, number, true, true); }

static int affinity_store(const char *text, void *number, int (*parse)(const char *, u64 *))
{
	u64 cpus, effective;
	int err = irq_affinity_get((u64)number, &cpus, &effective);

	if (!err && !effective)
		err = -EIO;
	if (!err)
		err = parse(text, &cpus);
	return err ? err : irq_affinity_set((u64)number, cpus);
}

static int mask_store(const char *text, size_t len, void *number)
{
	return affinity_store(text, number, cpu_mask_parse);
}
static int list_store(const char *text, size_t len, void *number)
{
	return affinity_store(text, number, cpu_list_parse);
}

static void default_show(struct text_out *t, void *arg)
{
	cpus_show(t, irq_default_affinity(), false);
}

static int default_store(const char *text, size_t len, void *arg)
{
	u64 cpus;
	int err = cpu_mask_parse(text, &cpus);

	return err ? err : irq_set_default_affinity(cpus);
}

static const struct {
	const char *name;
	void (*show)(struct text_out *, void *);
	int (*store)(const char *, size_t, void *);
} files[] = {
	{ "smp_affinity", wanted_mask, mask_store },
	{ "smp_affinity_list", wanted_list, list_store },
	{ "effective_affinity", effective_mask, NULL },
	{ "effective_affinity_list", effective_list, NULL },
};

/* ---- the directories ---- */

static u32 line_of(const struct vnode *dir)
{
	return (u64)container_of(dir, struct attr_node, v)->source.arg;
}

static struct dentry *line_lookup(struct dentry *dir, const char *name, u32 len)
{
	u32 number = line_of(dir->vnode);

	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		if (strlen(files[i].name) == len && !memcmp(name, files[i].name, len))
			return attrfs_child(dir, name, len, &(struct attr_file){
				.mode = S_IFREG | (files[i].store ? 0644 : 0444),
				.source = { files[i].show, files[i].store, (void *)(u64)number },
				.ino = FILE_INO(number, i),
			});
	return err_ptr(-ENOENT);
}

/* The names that the tree has: for a line just the two of every directory. False: the sink is full, or *err. */
static bool tree_readdir(struct file *f, struct dir_sink *sink, int *err)
{
	struct dir_tail tail = { .sink.emit = dir_tail_emit, .to = sink };

	*err = dentry_readdir(f, &tail.sink);
	return !*err && !tail.full;
}

static int line_readdir(struct file *f, struct dir_sink *sink)
{
	u32 number = line_of(f->vnode);
	int err = 0;

	if (f->pos < LINES_POS) {
		if (!tree_readdir(f, sink, &err))
			return err;
		f->pos = LINES_POS;
	}
	for (u64 i; (i = f->pos - LINES_POS) < ARRAY_SIZE(files); f->pos++)
		if (!sink->emit(sink, files[i].name, strlen(files[i].name), FILE_INO(number, i), S_IFREG, f->pos + 1))
			break;
	return err;
}

static const struct vnode_ops line_ops = { .lookup = line_lookup, .setattr = attrfs_setattr,
	.release = attrfs_release };
static const struct file_ops line_fops = { .seek = file_seek_vnode, .readdir = line_readdir };

static struct dentry *irq_lookup(struct dentry *dir, const char *name, u32 len)
{
	u64 wanted, effective;
	u32 number;

	if (!proc_number_parse(name, len, &number) || irq_affinity_get(number, &wanted, &effective))
		return err_ptr(-ENOENT);
	return attrfs_child(dir, name, len, &(struct attr_file){
		.mode = S_IFDIR | 0555, .ops = &line_ops, .fops = &line_fops, .source.arg = (void *)(u64)number,
		.ino = LINE_INO(number),
	});
}

static int irq_readdir(struct file *f, struct dir_sink *sink)
{
	char name[12];
	s64 number;
	int err = 0;

	if (f->pos < LINES_POS) {
		if (!tree_readdir(f, sink, &err))
			return err;
		f->pos = LINES_POS;
	}
	for (; (number = irq_next(f->pos - LINES_POS)) >= 0; f->pos = LINES_POS + number + 1) {
		int len = snprintf(name, sizeof(name), "%u", (u32)number);

		if (!sink->emit(sink, name, len, LINE_INO(number), S_IFDIR, LINES_POS + number + 1))
			break;
	}
	return err;
}

static const struct vnode_ops irq_ops = { .lookup = irq_lookup, .setattr = attrfs_setattr, .release = attrfs_release };
static const struct file_ops irq_fops = { .seek = file_seek_vnode, .readdir = irq_readdir };

int procfs_irq_init(struct superblock *procfs)
{
	static const struct attr_file dir = { .mode = S_IFDIR | 0555, .ops = &irq_ops, .fops = &irq_fops };
	static const struct proc_entry_ops default_ops = { .show = default_show, .store = default_store };
	int err = attrfs_add(procfs, "irq", &dir);

	return err ? err : proc_register("irq/default_smp_affinity", &default_ops, NULL);
}
