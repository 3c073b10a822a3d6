/*
 * Watches on files and directories, inotify(7). Whoever changes or uses a file
 * tells it here; while nobody watches anything that costs one test of a word.
 * The events are IN_* of <linux/inotify.h>. All in process context, without a
 * spin lock held.
 */
#pragma once
#include "fs/path.h"

extern u32 inotify_watches;		/* how many there are [a] */
/* /proc/sys/fs/inotify: events of one instance, instances and watches of one user [a] */
extern u32 inotify_max_events, inotify_max_instances, inotify_max_watches;

/* Something happened to the thing: to its own watches, and with its name to those of its directory. */
void inotify_tell(struct dentry *d, u32 event);
/* A name in a directory came, went or moved. event with IN_ISDIR if it is a directory's. */
void inotify_tell_name(struct vnode *dir, const struct path_last *name, u32 event, u32 cookie);
/* To its own watches alone. */
void inotify_tell_self(struct vnode *v, u32 event);
/* The last use of the thing by this dentry: its watches end, if its last name is gone or it was unmounted. */
void inotify_dentry_gone(struct dentry *d);
u32 inotify_cookie(void);		/* for the two names of a rename */

static inline bool inotify_active(void)
{
	return unlikely(READ_ONCE(inotify_watches));
}

static inline void inotify_file(struct file *f, u32 event)
{
	if (inotify_active() && f->path)
		inotify_tell(f->path->dentry, event);
}

/* An instance over which events are read; flags: O_NONBLOCK. err_ptr(-EMFILE, -ENOMEM). */
struct file *inotify_new(u32 flags);
bool inotify_is(const struct file *f);
/* A watch on p, new or changed: its number, -EEXIST (IN_MASK_CREATE), -ENOSPC, -ENOMEM. */
s64 inotify_add(struct file *f, const struct path *p, u32 mask);
s64 inotify_remove(struct file *f, s32 wd);	/* 0, -EINVAL */
