/*
 * mount(2), umount2(2), pivot_root(2). Mounts are private: nothing propagates.
 */
#include <linux/fcntl.h>
#include <linux/mount.h>
#include "arch/arm64/ucopy.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "sys/sys.h"
#include "sys/user_path.h"

#define TYPE_MAX	64u
#define PROPAGATION	(MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE)
#define UMOUNT_FORCE	1u	/* MNT_FORCE; no UAPI header has them */
#define UMOUNT_NOFOLLOW	8u

/* An optional string; *out is "" without one. size: with the NUL. */
static s64 string_get(u64 address, char *out, size_t size)
{
	long n;

	out[0] = '\0';
	if (!address)
		return 0;
	n = copy_string_from_user(out, address, size);
	return n == -ENAMETOOLONG ? -EINVAL : n < 0 ? n : 0;
}

struct words { char type[TYPE_MAX]; char source[PATH_MAX_LEN]; char data[PATH_MAX_LEN]; };

static s64 mount_do(const u64 a[6], struct words *w, const struct path *at)
{
	u32 flags = a[3];
	struct path from;
	s64 r;

	if (flags & MS_NOUSER)
		return -EINVAL;
	if (flags & MS_REMOUNT)
		return mount_remount(at, flags, w->data);
	if (flags & (MS_BIND | MS_MOVE)) {
		r = path_lookup(NULL, w->source, LOOKUP_FOLLOW, &from);
		if (r)
			return r;
		r = flags & MS_BIND ? mount_bind(&from, at, flags & MS_REC) : mount_move(&from, at);
		path_put(&from);
		return r;
	}
	if (flags & PROPAGATION)	/* what they are already, or what they cannot be */
		return at->dentry != at->mount->root || (flags & MS_SHARED) ? -EINVAL : 0;
	if (!a[2])
		return -EINVAL;
	return mount_add(w->source[0] ? w->source : "none", at, w->type, flags, w->data);
}

SYSCALL(mount)
{
	struct words *w;
	struct path at;
	s64 r;

	if (!cred_privileged(current()->cred))
		return -EPERM;
	w = kmalloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	r = string_get(a[0], w->source, sizeof(w->source));
	if (!r)
		r = string_get(a[2], w->type, sizeof(w->type));
	if (!r)
		r = string_get(a[4], w->data, sizeof(w->data));
	if (!r)
		r = user_lookup((u64)AT_FDCWD, a[1], LOOKUP_FOLLOW, &at);
	if (!r) {
		r = mount_do(a, w, &at);
		path_put(&at);
	}
	kfree(w);
	return r;
}

SYSCALL(pivot_root)
{
	struct path root, old;
	s64 r;

	if (!cred_privileged(current()->cred))
		return -EPERM;
	r = user_lookup((u64)AT_FDCWD, a[0], LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &root);
	if (r)
		return r;
	r = user_lookup((u64)AT_FDCWD, a[1], LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (!r) {
		r = mount_pivot(&root, &old);
		path_put(&old);
	}
	path_put(&root);
	return r;
}

SYSCALL(umount2)
{
	struct path at;
	s64 r;

	if ((a[1] & ~(u64)(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_EXPIRE | UMOUNT_NOFOLLOW)) ||
	    ((a[1] & UMOUNT_EXPIRE) && (a[1] & (UMOUNT_FORCE | UMOUNT_DETACH))))
		return -EINVAL;
	r = user_lookup((u64)AT_FDCWD, a[0], a[1] & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	if (r)
		return r;
	r = !cred_privileged(current()->cred) ? -EPERM : mount_remove(&at, a[1]);
	path_put(&at);
	return r;
}
