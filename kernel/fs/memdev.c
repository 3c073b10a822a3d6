/*
 * The devices that need no driver of their own: null, zero, full, random, urandom, kmsg;
 * mem(4), null(4), random(4), full(4). And hwrng, the host's entropy as it comes, where
 * there is a device (core/random.h).
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/random.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "core/random.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/init.h"
#include "fs/poll_events.h"
#include "fs/tmpfs.h"
#include "sched/core_event.h"
#include "sched/cred.h"
#include "sched/mutex.h"

#define HWRNG_MINOR	183	/* Linux, admin-guide/devices.txt */
#define RANDOM_PIECE	256u
#define LINE_MAX	1024u
#define LOG_USER	8u		/* the facility, as syslog(3) has it */
#define ENTROPY_BITS	256		/* all that the generator's key holds, once it is seeded */

static s64 null_read(struct file *f, struct uio *u, u64 *pos)
{
	return 0;
}

static s64 null_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t n = u->left;

	uio_skip(u, n);
	return n;
}

static s64 null_seek(struct file *f, s64 offset, int whence)
{
	return f->pos = 0;
}

static s64 zero_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t n = u->left;

	return uio_zero(u, n) ? -EFAULT : (s64)n;
}

static struct vm_object *zero_mmap(struct file *f, u64 offset, u64 len, u32 prot, bool shared)
{
	return tmpfs_object_new(offset + len);
}

static s64 full_write(struct file *f, struct uio *u, u64 *pos)
{
	return -ENOSPC;
}

static s64 urandom_read(struct file *f, struct uio *u, u64 *pos)
{
	u8 piece[RANDOM_PIECE];
	s64 done = 0;

	while (u->left) {
		size_t n = MIN(u->left, sizeof(piece));

		random_bytes(piece, n);
		if (uio_put(u, piece, n))
			return done ? done : -EFAULT;
		done += n;
		if (signal_pending())
			break;
	}
	return done;
}

/* As getrandom: nothing before there is a seed. */
static s64 random_read(struct file *f, struct uio *u, u64 *pos)
{
	int err;

	if (!random_seeded() && (f->flags & O_NONBLOCK))
		return -EAGAIN;
	err = wait_event_interruptible(&core_event_wait[CORE_EVENT_SEEDED], random_seeded());
	return err ? err : urandom_read(f, u, pos);
}

static u32 random_poll(struct file *f, struct poll_table *t)
{
	poll_wait(t, &core_event_wait[CORE_EVENT_SEEDED]);
	return EPOLLOUT | EPOLLWRNORM | (random_seeded() ? EPOLLIN | EPOLLRDNORM : 0);
}

static s64 random_write(struct file *f, struct uio *u, u64 *pos)
{
	u8 piece[RANDOM_PIECE];
	s64 done = 0;

	while (u->left) {
		size_t n = MIN(u->left, sizeof(piece));

		if (uio_get(u, piece, n))
			return done ? done : -EFAULT;
		random_seed(piece, n, 0);	/* mixed in, but no program's word counts as entropy */
		done += n;
	}
	return done;
}

static long random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	const struct cred *c = current()->cred;
	u32 head[2];
	u8 piece[RANDOM_PIECE];

	switch (cmd) {
	case RNDGETENTCNT:
		return put_user_u32(arg, random_seeded() ? ENTROPY_BITS : 0);
	case RNDADDENTROPY:
		if (c && !cred_privileged(c))
			return -EPERM;
		if (copy_from_user(head, arg, sizeof(head)))
			return -EFAULT;
		if ((s32)head[0] < 0 || head[1] > sizeof(piece))
			return -EINVAL;
		if (copy_from_user(piece, arg + sizeof(head), head[1]))
			return -EFAULT;
		random_seed(piece, head[1], MIN(head[0], head[1] * 8));
		return 0;
	}
	return -EINVAL;
}

static struct mutex hwrng_lock = MUTEX_INIT(hwrng_lock, "hwrng");

/* What the host's device gives, as it is: for who mixes or tests it. */
static s64 hwrng_read(struct file *f, struct uio *u, u64 *pos)
{
	bool wait = !(f->flags & O_NONBLOCK);
	u8 piece[RANDOM_SOURCE_BYTES];
	s64 done = 0, n = 0;

	if (!random_source)
		return -ENODEV;
	if (mutex_lock_interruptible(&hwrng_lock))
		return -ERESTARTSYS;
	while (u->left && n >= 0) {
		n = random_source->read(piece, wait);
		if (n < 0)
			break;
		n = MIN((size_t)n, u->left);
		if (uio_put(u, piece, n))
			n = -EFAULT;
		else
			done += n;
	}
	mutex_unlock(&hwrng_lock);
	memset(piece, 0, sizeof(piece));
	return done ? done : n;
}

/* Nothing can be given to it. */
static int hwrng_open(struct file *f, struct chardev *dev)
{
	return (f->flags & O_ACCMODE) == O_RDONLY ? 0 : -EINVAL;
}

u32 log_restricted = 1;			/* as Debian has it */

bool log_allowed(bool plain)
{
	return (plain && !READ_ONCE(log_restricted)) || current_capable(CAP_SYSLOG) || current_capable(CAP_SYS_ADMIN);
}

static int kmsg_open(struct file *f, struct chardev *dev)
{
	return file_readable(f) && !log_allowed(true) ? -EPERM : 0;
}

/* One line of the log a read, as "level,sequence,microseconds,-;text\n". */
static s64 kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	char line[LINE_MAX], out[LINE_MAX + 64], *end, *text;
	u64 at, level = 0, seconds = 0, micro = 0;
	const char *p;
	size_t n;
	int err;

	if (*pos < log_start())
		*pos = log_start();
	while (*pos >= log_end()) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&core_event_wait[CORE_EVENT_LOG], *pos < log_end());
		if (err)
			return err;
	}
	at = *pos;
	n = log_read(pos, line, sizeof(line) - 1);
	line[n] = '\0';
	end = memchr(line, '\n', n);
	if (!end)
		return -EIO;
	*end = '\0';
	*pos = *pos - n + (end + 1 - line);
	p = line + 1;
	if (line[0] != '<' || parse_u64(p, &p, 10, &level) || *p != '>')
		return -EIO;
	p = strchr(p, '[');
	if (!p)
		return -EIO;
	for (p++; *p == ' '; p++)
		;
	if (parse_u64(p, &p, 10, &seconds) || *p != '.' || parse_u64(p + 1, &p, 10, &micro))
		return -EIO;
	text = (char *)p + strlen("] ");
	n = scnprintf(out, sizeof(out), "%llu,%llu,%llu,-;%s\n", (unsigned long long)level, (unsigned long long)at,
		      (unsigned long long)(seconds * 1000000 + micro), text);
	if (u->left < n)
		return -EINVAL;
	return uio_put(u, out, n) ? -EFAULT : (s64)n;
}

static s64 kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	char line[LINE_MAX], *text = line;
	size_t total = u->left, n = MIN(total, sizeof(line) - 1);
	u64 level = LOG_WARNING;
	const char *end;

	if (uio_get(u, line, n))
		return -EFAULT;
	while (n && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	if (line[0] == '<' && !parse_u64(line + 1, &end, 10, &level) && *end == '>')
		text = (char *)end + 1;
	/* Nobody speaks for the kernel: what names no facility is a user's. */
	level &= 2047;
	log_at(level < LOG_USER ? level | LOG_USER : level, "%s", text);
	return total;
}

static s64 kmsg_seek(struct file *f, s64 offset, int whence)
{
	if (offset)
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET:
		f->pos = log_start();
		return 0;
	case SEEK_DATA:		/* what came since the log was cleared */
		f->pos = MAX(log_cleared, log_start());
		return 0;
	case SEEK_END:
		f->pos = log_end();
		return 0;
	}
	return -EINVAL;
}

static u32 kmsg_poll(struct file *f, struct poll_table *t)
{
	poll_wait(t, &core_event_wait[CORE_EVENT_LOG]);
	return EPOLLOUT | EPOLLWRNORM | (f->pos < log_end() ? EPOLLIN | EPOLLRDNORM : 0);
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .seek = null_seek };
static const struct file_ops zero_ops = { .read = zero_read, .write = null_write, .seek = null_seek,
	.mmap = zero_mmap };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .seek = null_seek };
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .poll = random_poll, .seek = null_seek, .ioctl = random_ioctl,
};
static const struct file_ops urandom_ops = {
	.read = urandom_read, .write = random_write, .seek = null_seek, .ioctl = random_ioctl,
};
static const struct file_ops hwrng_ops = { .read = hwrng_read, .seek = null_seek };
static const struct file_ops kmsg_ops = { .read = kmsg_read, .write = kmsg_write, .seek = kmsg_seek,
	.poll = kmsg_poll };

static struct chardev devices[] = {
	{ .name = "null", .major = MEM_MAJOR, .minor = 3, .mode = 0666, .ops = &null_ops },
	{ .name = "zero", .major = MEM_MAJOR, .minor = 5, .mode = 0666, .ops = &zero_ops },
	{ .name = "full", .major = MEM_MAJOR, .minor = 7, .mode = 0666, .ops = &full_ops },
	{ .name = "random", .major = MEM_MAJOR, .minor = 8, .mode = 0666, .ops = &random_ops },
	{ .name = "urandom", .major = MEM_MAJOR, .minor = 9, .mode = 0666, .ops = &urandom_ops },
	{ .name = "kmsg", .major = MEM_MAJOR, .minor = 11, .mode = 0644, .ops = &kmsg_ops, .open = kmsg_open },
	{ .name = "hwrng", .major = MISC_MAJOR, .minor = HWRNG_MINOR, .mode = 0600, .ops = &hwrng_ops, .open = hwrng_open },
};

int memdev_init(void)
{
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(devices) && !err; i++)
		err = chardev_register(&devices[i]);
	return err;
}
