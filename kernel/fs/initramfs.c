/*
 * The first files: archives in cpio's "newc" format, cpio(5), packed by gzip
 * or not, unpacked into the root file system at boot. Linux's rules
 * (Documentation/driver-api/early-userspace/buffer-format): several archives
 * follow one another, each from a four-byte boundary, zeros between them.
 *
 * One parser takes bytes in whatever pieces they come: a plain archive is one
 * piece, so that names are read where they lie and data is copied once, into
 * its pages; inflate hands over its window. Nothing in an archive is trusted:
 * each field is checked, and what is wrong ends the unpacking with a message
 * and what came out until then.
 *
 * main.c calls initramfs_unpack once; this calls tmpfs and, for directories
 * other than the last one used, the walk.
 */
#include <linux/stat.h>
#include "base/errno.h"
#include "base/inflate.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "fs/devfs.h"
#include "fs/initramfs.h"
#include "fs/mount.h"
#include "fs/tmpfs.h"
#include "mm/slab.h"

#define HEADER_SIZE	110u
#define MAGIC		"070701"
#define MAGIC_CRC	"070702"	/* the same with checksums, which Linux does not look at either */
#define LINKS_BUCKETS	32u

/* Fields of a header, each eight hex digits after the magic. */
enum field {
	F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_FILESIZE, F_DEVMAJOR, F_DEVMINOR,
	F_RDEVMAJOR, F_RDEVMINOR, F_NAMESIZE, F_CHECK, FIELDS,
};

enum step { STEP_START, STEP_HEADER, STEP_NAME, STEP_LINK, STEP_DATA, STEP_PAD, STEP_END };

/* A file with several names, by what the archive calls its inode. */
struct link {
	struct link *next;
	u32 ino, major, minor;
	struct vnode *v;		/* referenced */
};

struct unpack {
	enum step step, after_pad;
	u64 offset;			/* in this archive */
	u32 pad;			/* bytes to skip */
	u32 f[FIELDS];
	size_t gathered;		/* bytes gathered in keep */
	u64 left;			/* of the data */
	struct vnode *file;		/* that data goes to, referenced; NULL: skip it */
	struct path dir;		/* where the last name went; NULLs before the first */
	u32 dir_len;
	u32 count;			/* names made */
	u32 missing;			/* names whose directory is missing */
	u64 bytes;
	char name[PATH_MAX_LEN];
	char dir_name[PATH_MAX_LEN];
	char keep[PATH_MAX_LEN];	/* a header, name or link that came in pieces */
	struct link *links[LINKS_BUCKETS];
	char why[160];			/* what is wrong, once something is */
};

static int wrong(struct unpack *u, const char *fmt, ...) printf_like(2, 3);
static int wrong(struct unpack *u, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(u->why, sizeof(u->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int header_parse(struct unpack *u, const char *h)
{
	if (memcmp(h, MAGIC, 6) && memcmp(h, MAGIC_CRC, 6))
		return wrong(u, "expected a cpio header (%s) at byte %llu of the archive", MAGIC,
			     (unsigned long long)u->offset - HEADER_SIZE);
	h += 6;
	for (u32 i = 0; i < FIELDS; i++) {
		u32 value = 0;

		for (u32 j = 0; j < 8; j++) {
			int digit = hex_digit(*h++);

			if (digit < 0)
				return wrong(u, "header at byte %llu: field %u is not a hexadecimal number",
					     (unsigned long long)u->offset - HEADER_SIZE, i + 1);
			value = value << 4 | digit;
		}
		u->f[i] = value;
	}
	if (u->f[F_NAMESIZE] < 1 || u->f[F_NAMESIZE] > PATH_MAX_LEN)
		return wrong(u, "header at byte %llu: a name of %u bytes, expected 1 to %u",
			     (unsigned long long)u->offset - HEADER_SIZE, u->f[F_NAMESIZE], PATH_MAX_LEN);
	return 0;
}

/* Padding up to the next four-byte boundary, then the next step. */
static void pad_then(struct unpack *u, enum step next)
{
	u->pad = -u->offset & 3;
	u->after_pad = next;
	u->step = u->pad ? STEP_PAD : next;
}

static struct link **link_bucket(struct unpack *u)
{
	return &u->links[(u->f[F_INO] ^ u->f[F_DEVMINOR]) % LINKS_BUCKETS];
}

static struct vnode *link_find(struct unpack *u)
{
	struct link *l;

	for (l = *link_bucket(u); l; l = l->next)
		if (l->ino == u->f[F_INO] && l->major == u->f[F_DEVMAJOR] && l->minor == u->f[F_DEVMINOR])
			return l->v;
	return NULL;
}

static void link_remember(struct unpack *u, struct vnode *v)
{
	struct link *l = kmalloc(sizeof(*l));

	if (!l)
		return;		/* then the names become files of their own */
	*l = (struct link){ *link_bucket(u), u->f[F_INO], u->f[F_DEVMAJOR], u->f[F_DEVMINOR], v };
	vnode_get(v);
	*link_bucket(u) = l;
}

static void links_forget(struct unpack *u)
{
	for (u32 i = 0; i < LINKS_BUCKETS; i++) {
		while (u->links[i]) {
			struct link *l = u->links[i];

			u->links[i] = l->next;
			vnode_put(l->v);
			kfree(l);
		}
	}
}

/*
 * The directory of u->name in u->dir; *last is the name in it. 0 or -errno of
 * the walk. Names mostly come directory by directory, so the last one is tried
 * first.
 */
static int dir_find(struct unpack *u, const char **last)
{
	char *slash = strrchr(u->name, '/');
	u32 len = slash ? slash - u->name : 0;
	struct path dir;
	int err;

	*last = slash ? slash + 1 : u->name;
	if (u->dir.dentry && len == u->dir_len && !memcmp(u->name, u->dir_name, len))
		return 0;
	memcpy(u->dir_name, u->name, len);
	u->dir_name[len] = '\0';
	err = path_lookup(&(struct path){ mount_root, mount_root->root }, u->dir_name,
			  LOOKUP_FOLLOW | LOOKUP_DIRECTORY | LOOKUP_EMPTY, &dir);
	if (err)
		return err;
	if (u->dir.dentry)
		path_put(&u->dir);
	u->dir = dir;
	u->dir_len = len;
	return 0;
}

/* Cut "./", slashes in front and behind, and doubled ones; u->name is "" for the root itself. */
static void name_clean(struct unpack *u)
{
	char *from = u->name, *to = u->name;

	while (*from) {
		if (*from == '/' || (from[0] == '.' && (from[1] == '/' || !from[1]))) {
			from++;
			continue;
		}
		while (*from && *from != '/')
			*to++ = *from++;
		if (*from)
			*to++ = '/';
	}
	while (to > u->name && to[-1] == '/')
		to--;
	*to = '\0';
}

static void attributes_set(struct unpack *u, struct vnode *v)
{
	if (!S_ISLNK(v->mode))
		v->mode = (v->mode & S_IFMT) | (u->f[F_MODE] & 07777);
	v->uid = u->f[F_UID];
	v->gid = u->f[F_GID];
	v->mtime = (u64)u->f[F_MTIME] * NSEC_PER_SEC;
}

/* What stands at the name already: goes, unless it is of the same kind and can be used. names mutex held. */
static int old_remove(struct unpack *u, struct dentry *d, bool *keep)
{
	struct vnode *v = d->vnode;
	u32 type = u->f[F_MODE] & S_IFMT;
	int err;

	*keep = (v->mode & S_IFMT) == type && (S_ISDIR(type) || (S_ISREG(type) && u->f[F_NLINK] < 2));
	if (*keep) {
		struct vnode_attr empty = { .valid = ATTR_SIZE };

		if (!S_ISREG(type))
			return 0;
		mutex_lock(&v->lock);
		err = v->ops->setattr(v, &empty);
		mutex_unlock(&v->lock);
		return err;
	}
	if (S_ISDIR(v->mode) && dentry_has_children(d))
		return -ENOTEMPTY;
	err = v->ops->unlink(d->parent->vnode, v);
	if (!err)
		dentry_unlink(d);
	return err;
}

/*
 * Make the name in u->dir (target: of a symbolic link). The vnode is not
 * referenced, the tree keeps it; err_ptr. names mutex held.
 */
static struct vnode *name_make(struct unpack *u, const char *name, const char *target, u32 target_len)
{
	u32 len = strlen(name), mode = u->f[F_MODE];
	struct dentry *dir = u->dir.dentry, *d;
	struct vnode *v;
	bool keep;
	int err;

	d = dentry_child(dir, name, len);
	if (d) {
		v = d->vnode;
		err = old_remove(u, d, &keep);
		dentry_put(d);
		if (err)
			return err_ptr(err);
		if (keep)
			return v;
	}
	if (target) {
		d = tmpfs_add_symlink(dir, name, len, target, target_len);
	} else if (!S_ISDIR(mode) && u->f[F_NLINK] > 1 && (v = link_find(u))) {
		vnode_get(v);
		d = dentry_new(dir->sb, dir, name, len, v);
		if (!d)
			return err_ptr(-ENOMEM);
		v->ops->link(dir->vnode, v);
		dentry_link(d);
		return v;
	} else {
		d = tmpfs_add(dir, name, len, mode & (S_IFMT | 07777),
			      S_ISCHR(mode) || S_ISBLK(mode) ? dev_make(u->f[F_RDEVMAJOR], u->f[F_RDEVMINOR]) : 0);
		if (!is_err(d) && !S_ISDIR(mode) && u->f[F_NLINK] > 1)
			link_remember(u, d->vnode);
	}
	return is_err(d) ? err_ptr(ptr_err(d)) : d->vnode;
}

/* A name is complete (for a link: with its target). *out is its vnode, referenced; NULL: it was passed over, as by
 * Linux. */
static int name_add(struct unpack *u, const char *target, u32 target_len, struct vnode **out)
{
	struct vnode *v;
	const char *last;
	int err;

	*out = NULL;
	name_clean(u);
	if (!u->name[0]) {
		/* The root: only its attributes. */
		v = mount_root->root->vnode;
		if (S_ISDIR(u->f[F_MODE]))
			attributes_set(u, v);
		return 0;
	}
	err = dir_find(u, &last);
	if (!err && strlen(last) > NAME_MAX_LEN)
		err = -ENAMETOOLONG;
	if (err) {
		/* As on Linux the name is passed over; unlike there, it is said. */
		if (!u->missing++)
			log_warn("initramfs: %s: passed over, its directory is not in the archive before it", u->name);
		return 0;
	}
	mutex_lock(&u->dir.dentry->sb->names);
	v = name_make(u, last, target, target_len);
	if (!is_err(v)) {
		attributes_set(u, v);
		vnode_get(v);
	}
	mutex_unlock(&u->dir.dentry->sb->names);
	if (ptr_err(v) == -ENOTEMPTY) {
		log_warn("initramfs: %s: passed over, a directory with files has that name", u->name);
		return 0;
	}
	if (is_err(v)) {
		wrong(u, "%s: %s", u->name, ptr_err(v) == -ENOMEM ? "no memory left" : "cannot be made");
		return ptr_err(v);
	}
	u->count++;
	*out = v;
	return 0;
}

/* The name has come: what follows is data, a link's target, or the next header. */
static int name_done(struct unpack *u, const char *name)
{
	u32 size = u->f[F_NAMESIZE], type = u->f[F_MODE] & S_IFMT;
	int err;

	if (name[size - 1])
		return wrong(u, "a name at byte %llu does not end in a zero byte",
			     (unsigned long long)u->offset - size);
	if (!strcmp(name, "TRAILER!!!")) {
		links_forget(u);
		pad_then(u, STEP_END);
		return 0;
	}
	memcpy(u->name, name, size);
	u->left = u->f[F_FILESIZE];
	if (S_ISLNK(type)) {
		if (u->left < 1 || u->left >= PATH_MAX_LEN)
			return wrong(u, "%s: a link to a name of %llu bytes", u->name, (unsigned long long)u->left);
		pad_then(u, STEP_LINK);
		return 0;
	}
	if (!S_ISREG(type) && !S_ISDIR(type) && !S_ISCHR(type) && !S_ISBLK(type) && !S_ISFIFO(type) && !S_ISSOCK(type))
		return wrong(u, "%s: mode %o is of no known type", u->name, u->f[F_MODE]);
	err = name_add(u, NULL, 0, &u->file);
	if (err)
		return err;
	if (u->file && !S_ISREG(type)) {
		vnode_put(u->file);
		u->file = NULL;
	}
	pad_then(u, STEP_DATA);
	return 0;
}

/*
 * want bytes in one piece: where they lie, if all are there, else gathered.
 * NULL: more must come. *data and *len move.
 */
static const char *gather(struct unpack *u, const char **data, size_t *len, size_t want)
{
	const char *at = *data;
	size_t n;

	if (!u->gathered && *len >= want) {
		n = want;
	} else {
		n = MIN(*len, want - u->gathered);
		memcpy(u->keep + u->gathered, at, n);
		u->gathered += n;
		at = u->keep;
	}
	*data += n;
	*len -= n;
	u->offset += n;
	if (at == u->keep) {
		if (u->gathered < want)
			return NULL;
		u->gathered = 0;
	}
	return at;
}

/* The data of a file, as much as is here. */
static int data_take(struct unpack *u, const char **data, size_t *len)
{
	size_t n = MIN(u->left, *len);
	int err = 0;

	if (u->file && n) {
		err = tmpfs_append(u->file, *data, n);
		if (err) {
			wrong(u, "%s: no memory left for its data", u->name);
			return err;
		}
		u->bytes += n;
	}
	*data += n;
	*len -= n;
	u->offset += n;
	u->left -= n;
	if (u->left)
		return 0;
	if (u->file) {
		u->file->mtime = (u64)u->f[F_MTIME] * NSEC_PER_SEC;
		vnode_put(u->file);
		u->file = NULL;
	}
	pad_then(u, STEP_HEADER);
	return 0;
}

/* One step with what is there; false in *more when it needs more bytes. */
static int step(struct unpack *u, const char **data, size_t *len, bool *more)
{
	struct vnode *v;
	const char *p;
	size_t n;
	int err = 0;

	*more = true;
	switch (u->step) {
	case STEP_START:
		u->offset = 0;
		u->step = STEP_HEADER;
		break;
	case STEP_HEADER:
		p = gather(u, data, len, HEADER_SIZE);
		if (!p)
			break;
		err = header_parse(u, p);
		u->step = STEP_NAME;
		return err;
	case STEP_NAME:
		p = gather(u, data, len, u->f[F_NAMESIZE]);
		return p ? name_done(u, p) : (*more = false, 0);
	case STEP_LINK:
		p = gather(u, data, len, u->left);
		if (!p)
			break;
		err = name_add(u, p, strnlen(p, u->left), &v);
		vnode_put(v);
		pad_then(u, STEP_HEADER);
		return err;
	case STEP_DATA:
		err = data_take(u, data, len);
		break;
	case STEP_PAD:
		n = MIN(u->pad, *len);
		*data += n;
		*len -= n;
		u->offset += n;
		u->pad -= n;
		if (!u->pad)
			u->step = u->after_pad;
		break;
	case STEP_END:
		break;
	}
	*more = *len > 0;
	return err;
}

/* Take bytes until they are used up, the archive ends (STEP_END), or something is wrong; *used says how many. */
static int feed(struct unpack *u, const char *data, size_t len, size_t *used)
{
	size_t all = len;
	bool more = len > 0;
	int err = 0;

	while (!err && more && u->step != STEP_END)
		err = step(u, &data, &len, &more);
	/* A file without data, or padding of no bytes, needs no more input to be finished. */
	while (!err && u->step == STEP_DATA && !u->left)
		err = data_take(u, &data, &len);
	*used = all - len;
	return err;
}

/* inflate's output: archives with zeros between them. */
static int feed_inflated(void *arg, const void *data, size_t len)
{
	struct unpack *u = arg;
	const char *p = data;
	size_t used;
	int err;

	while (len) {
		if (u->step == STEP_END || u->step == STEP_START) {
			if (!*p) {
				p++;
				len--;
				continue;
			}
			u->step = STEP_START;
		}
		err = feed(u, p, len, &used);
		if (err)
			return err;
		p += used;
		len -= used;
	}
	return 0;
}

static int gzip_unpack(struct unpack *u, const char *data, size_t size, size_t *used)
{
	struct inflate_state *st = kmalloc(sizeof(*st));
	const char *why = NULL;
	int err;

	if (!st)
		return wrong(u, "no memory to unpack gzip (%zu KiB wanted)", sizeof(*st) / 1024);
	err = inflate_gzip(st, data, size, feed_inflated, u, used, &why);
	kfree(st);
	if (err && !u->why[0])
		wrong(u, "gzip: %s", why ? why : "wrong data");
	return err;
}

/* Where an archive stopped short, in words. */
static int cut_off(struct unpack *u)
{
	switch (u->step) {
	case STEP_NAME:
		return wrong(u, "cut off in a name, at byte %llu", (unsigned long long)u->offset);
	case STEP_LINK:
	case STEP_DATA:
		return wrong(u, "cut off: %s lacks %llu bytes", u->name, (unsigned long long)u->left - u->gathered);
	default:
		return wrong(u, "cut off at byte %llu: expected a header or the end mark", (unsigned long long)u->offset);
	}
}

/* All archives of data, one after the other. */
static int archives_unpack(struct unpack *u, const char *data, size_t size)
{
	size_t at = 0, used = 0;
	int err = 0;

	while (at < size && !err) {
		if (!data[at]) {
			at++;
			continue;
		}
		u->step = STEP_START;
		if (inflate_is_gzip(data + at, size - at))
			err = gzip_unpack(u, data + at, size - at, &used);
		else if (data[at] == '0')
			err = feed(u, data + at, size - at, &used);
		else
			err = wrong(u, "expected a cpio header (%s) or gzip (1f 8b) at byte %zu, found %02x %02x", MAGIC,
				    at, (u8)data[at], at + 1 < size ? (u8)data[at + 1] : 0);
		if (!err && u->step != STEP_END && u->step != STEP_START)
			err = cut_off(u);
		at += used;
	}
	return err;
}

int initramfs_unpack(const void *data, size_t size)
{
	struct unpack *u = kzalloc(sizeof(*u));
	int err;

	if (!u) {
		log_err("initramfs: no memory to unpack it");
		return -ENOMEM;
	}
	err = archives_unpack(u, data, size);
	if (err)
		log_err("initramfs: %s; %u files came out before that", u->why, u->count);
	else
		log_info("initramfs: %u files, %llu KiB", u->count, (unsigned long long)u->bytes / 1024);
	if (u->file)
		vnode_put(u->file);
	if (u->dir.dentry)
		path_put(&u->dir);
	links_forget(u);
	kfree(u);
	return err;
}
