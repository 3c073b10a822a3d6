/*
 * Text that grows (text.h), and files whose content is such a text: procfs's
 * and sysfs's. The text is made at the first read of an open and again when
 * somebody reads from the start once more; a write hands the whole text to
 * the owner.
 */
#include <linux/fcntl.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/file_internal.h"
#include "fs/procfs.h"
#include "fs/text.h"
#include "mm/page.h"
#include "mm/slab.h"

#define WRITE_MAX	65536u

static bool text_reserve(struct text_out *t, size_t n)
{
	size_t size = t->size ? t->size : 512;
	char *bigger;

	if (t->failed)
		return false;
	if (t->size - t->len > n)
		return true;
	while (size - t->len <= n)
		size *= 2;
	bigger = krealloc(t->buf, t->size, size);
	if (!bigger) {
		t->failed = true;
		return false;
	}
	t->buf = bigger;
	t->size = size;
	return true;
}

void text_write(struct text_out *t, const char *s, size_t n)
{
	if (!text_reserve(t, n))
		return;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

static void text_put(void *t, const char *s, size_t n)
{
	text_write(t, s, n);
}

void text_printf(struct text_out *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(text_put, t, fmt, ap);
	va_end(ap);
}

void text_escaped(struct text_out *t, const char *s)
{
	for (; *s; s++) {
		if (strchr(" \t\n\\", *s))
			text_printf(t, "\\%03o", (unsigned char)*s);
		else
			text_char(t, *s);
	}
}

struct text_reader {
	const struct text_source *source;
	struct mutex lock;		/* text */
	struct text_out text;
	bool made;
};

int text_file_open(struct file *f, const struct text_source *source)
{
	struct text_reader *r = kzalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->source = source;
	mutex_init(&r->lock, "text file");
	f->priv = r;
	f->ops = &text_file_ops;
	return 0;
}

static s64 text_read(struct file *f, struct uio *u, u64 *pos)
{
	struct text_reader *r = f->priv;
	s64 n = 0;

	if (!r->source->show)
		return -EACCES;
	mutex_lock(&r->lock);
	if (!r->made || *pos == 0) {
		r->text.len = 0;
		r->text.failed = r->text.gone = false;
		r->source->show(&r->text, r->source->arg);
		r->made = true;
	}
	if (r->text.failed || r->text.gone) {
		n = r->text.gone ? -ENODEV : -ENOMEM;
	} else if (*pos < r->text.len) {
		n = MIN(u->left, r->text.len - *pos);
		if (uio_put(u, r->text.buf + *pos, n))
			n = -EFAULT;
		else
			*pos += n;
	}
	mutex_unlock(&r->lock);
	return n;
}

static s64 text_store(struct file *f, struct uio *u, u64 *pos)
{
	const struct text_source *source = ((struct text_reader *)f->priv)->source;
	size_t n = u->left, len = n;
	char *text;
	int err;

	if (!source->store)
		return -EIO;
	if (n > WRITE_MAX)
		return -EINVAL;
	text = kmalloc(n + 1);
	if (!text)
		return -ENOMEM;
	err = uio_get(u, text, n);
	if (!err) {
		if (len && text[len - 1] == '\n')
			len--;
		text[len] = '\0';
		err = source->store(text, len, source->arg);
	}
	kfree(text);
	if (err)
		return err;
	*pos += n;
	return n;
}

static s64 text_seek(struct file *f, s64 offset, int whence)
{
	return file_seek_sized(f, offset, whence, ((struct text_reader *)f->priv)->text.len);
}

static void text_release(struct file *f)
{
	struct text_reader *r = f->priv;

	kfree(r->text.buf);
	kfree(r);
}

const struct file_ops text_file_ops = {
	.read = text_read,
	.write = text_store,
	.seek = text_seek,
	.release = text_release,
};
