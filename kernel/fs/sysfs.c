/*
 * /sys: attributes registered by drivers and the network, and by this file
 * for the CPUs. One tree, seen by every mount.
 */
#include <linux/magic.h>
#include <linux/stat.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/percpu.h"
#include "fs/attrfs.h"
#include "fs/cpu_text.h"
#include "fs/file_internal.h"
#include "fs/init.h"
#include "fs/sysfs.h"
#include "mm/page.h"
#include "mm/slab.h"

#define BINARY_PIECE	256u

static struct superblock *sysfs;

int sysfs_register_owned(const char *path, void (*show)(struct text_out *, void *),
			 int (*store)(const char *, size_t, void *), void *arg, void (*arg_free)(void *))
{
	struct attr_file what = {
		.mode = S_IFREG | (show ? 0444 : 0) | (store ? 0200 : 0),
		.source = { show, store, arg },
		.arg_free = arg_free,
		.size = PAGE_SIZE,
		.strict = true,
	};

	return attrfs_add(sysfs, path, &what);
}

int sysfs_register(const char *path, void (*show)(struct text_out *, void *),
		   int (*store)(const char *, size_t, void *), void *arg)
{
	return sysfs_register_owned(path, show, store, arg, NULL);
}

static void text_show(struct text_out *t, void *text)
{
	text_printf(t, "%s\n", (char *)text);
}

int sysfs_register_text(const char *path, const char *text)
{
	struct attr_file what = { .mode = S_IFREG | 0444, .arg_free = kfree, .size = PAGE_SIZE, .strict = true };
	int err;

	what.source.show = text_show;
	what.source.arg = kstrdup(text);
	if (!what.source.arg)
		return -ENOMEM;
	err = attrfs_add(sysfs, path, &what);
	if (err)
		kfree(what.source.arg);
	return err;
}

int sysfs_register_dir(const char *path)
{
	return attrfs_add(sysfs, path, &(struct attr_file){ .mode = S_IFDIR | 0555 });
}

int sysfs_register_link(const char *path, const char *target)
{
	return attrfs_add(sysfs, path, &(struct attr_file){ .mode = S_IFLNK | 0777, .target = target });
}

/* Raw bytes, read through a small buffer. */
struct binary {
	s64 (*read)(void *arg, u64 offset, void *buf, size_t n);
	void *arg;
	void (*arg_free)(void *);
};

static void binary_free(void *binary)
{
	struct binary *b = binary;

	if (b->arg_free)
		b->arg_free(b->arg);
	kfree(b);
}

static s64 binary_read(struct file *f, struct uio *u, u64 *pos)
{
	struct binary *b = f->priv;
	u64 size = f->vnode->size;
	u8 piece[BINARY_PIECE];
	s64 done = 0;

	while (u->left && *pos < size) {
		s64 n = b->read(b->arg, *pos, piece, MIN(MIN(u->left, sizeof(piece)), size - *pos));

		if (n <= 0)
			return done ? done : n;
		if (uio_put(u, piece, n))
			return done ? done : -EFAULT;
		*pos += n;
		done += n;
	}
	return done;
}

static const struct file_ops binary_fops = { .read = binary_read, .seek = file_seek_vnode };

int sysfs_register_binary(const char *path, u32 mode, u64 size, s64 (*read)(void *, u64, void *, size_t), void *arg,
			  void (*arg_free)(void *))
{
	struct attr_file what = { .mode = S_IFREG | mode, .arg_free = binary_free, .fops = &binary_fops, .size = size };
	struct binary *b = kmalloc(sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	*b = (struct binary){ read, arg, arg_free };
	what.source.arg = b;
	err = attrfs_add(sysfs, path, &what);
	if (err)
		kfree(b);
	return err;
}

void sysfs_unregister(const char *path)
{
	attrfs_remove(sysfs, path);
}

static void cpus_show(struct text_out *t, void *arg)
{
	text_cpu_list(t, cpus_mask());
	text_char(t, '\n');
}

static struct superblock *sysfs_mount(const struct fs_type *type, const char *source, const char *options)
{
	ref_get(&sysfs->refs);
	return sysfs;
}

static struct fs_type sysfs_type = { .name = "sysfs", .nodev = true, .mount = sysfs_mount };

int sysfs_init(void)
{
	static const char *const cpu_files[] = { "online", "possible", "present" };
	int err = 0;

	sysfs = attrfs_make(&sysfs_type, SYSFS_MAGIC, NULL, NULL);
	if (!sysfs)
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(cpu_files) && !err; i++) {
		char path[48] = "devices/system/cpu/";

		strlcpy(path + strlen(path), cpu_files[i], sizeof(path) - strlen(path));
		err = sysfs_register(path, cpus_show, NULL, NULL);
	}
	if (!err)
		err = sysfs_register_dir("class/net");
	if (!err)
		err = sysfs_register_dir("bus/pci/devices");
	fs_type_register(&sysfs_type);
	return err;
}
