/*
 * What the suites of fs/ share: a root file system, and files read and written
 * in one line.
 */
#pragma once
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "unit.h"
#include "host.h"
#include "base/errno.h"
#include "fs/dentry.h"
#include "fs/file_internal.h"
#include "fs/fs_context.h"
#include "fs/init.h"
#include "fs/mount.h"
#include "fs/tmpfs.h"
#include "sched/cred.h"
#include "sched/pid.h"

/* The caches and the root; once a program. */
static inline void fs_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	dentry_init();
	file_init();
	pipe_init();
	fd_table_init();
	epoll_init();
	tmpfs_init();
	if (fs_init())
		abort();
}

/* Make or replace a file. 0 or -errno. */
static inline s64 put(const char *name, const char *text)
{
	struct file *f;
	struct uio u;
	s64 n = path_open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666, &f);

	if (n)
		return n;
	uio_kernel(&u, (char *)text, strlen(text));
	n = file_write(f, &u, NULL);
	file_put(f);
	return n < 0 ? n : 0;
}

/* A file's first bytes as text, or the error's name. Valid until the next call. */
static inline const char *got(const char *name)
{
	static char text[8192];
	struct file *f;
	struct uio u;
	s64 n = path_open(name, O_RDONLY, 0, &f);

	if (!n) {
		uio_kernel(&u, text, sizeof(text) - 1);
		n = file_read(f, &u, NULL);
		file_put(f);
	}
	if (n < 0)
		snprintf(text, sizeof(text), "error %lld", (long long)-n);
	else
		text[n] = '\0';
	return text;
}

/* Where a name leads, as text seen from the root; or the error's number. */
static inline const char *where(const char *name)
{
	static char buf[PATH_MAX_LEN], text[PATH_MAX_LEN];
	struct path p;
	int err = path_lookup(NULL, name, LOOKUP_FOLLOW, &p);

	if (err) {
		snprintf(text, sizeof(text), "error %d", -err);
	} else {
		snprintf(text, sizeof(text), "%s", path_format(&p, buf, sizeof(buf)));
		path_put(&p);
	}
	return text;
}

static inline struct vnode_attr attr_of(const char *name)
{
	struct vnode_attr a = { 0 };
	struct path p;

	if (path_lookup(NULL, name, 0, &p))
		return a;
	a.mode = p.dentry->vnode->mode;
	a.uid = p.dentry->vnode->uid;
	a.size = p.dentry->vnode->size;
	a.valid = p.dentry->vnode->nlink;
	path_put(&p);
	return a;
}
