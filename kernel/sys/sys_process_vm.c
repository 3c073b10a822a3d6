/*
 * Copying between two programs: process_vm_readv(2) and process_vm_writev(2),
 * through a page of the kernel's.
 */
#include <linux/uio.h>
#include "arch/arm64/ucopy.h"
#include "mm/slab.h"
#include "mm/uio.h"
#include "proc/process.h"
#include "sys/sys.h"
#include "vm/vm_space.h"

/* The segments at a user address, kmalloc'ed, and the sum of their lengths; err_ptr. */
static struct uio_seg *segments_get(u64 address, u64 count, u64 *total)
{
	struct uio_seg *seg;
	s64 err = 0;

	*total = 0;
	if (count > UIO_MAXIOV)
		return err_ptr(-EINVAL);
	seg = kmalloc(MAX(count, 1ull) * sizeof(*seg));
	if (!seg)
		return err_ptr(-ENOMEM);
	if (copy_from_user(seg, address, count * sizeof(*seg)))
		err = -EFAULT;
	for (u64 i = 0; i < count && !err; i++)
		if ((s64)seg[i].len < 0 || (s64)(*total += seg[i].len) < 0)
			err = -EINVAL;
	if (err) {
		kfree(seg);
		return err_ptr(err);
	}
	return seg;
}

/* The space of the thread by that number, referenced; err_ptr(-ESRCH, -EPERM). */
static struct vm_space *space_of(s32 tid)
{
	struct thread *t = tid > 0 ? pid_find_thread(tid) : NULL;
	struct vm_space *s = err_ptr(-ESRCH);

	if (!t)
		return s;
	if (t->process && !process_may_look(t->process)) {
		s = err_ptr(-EPERM);
	} else if (t->process) {
		s = process_space(t->process);
		if (!s)
			s = err_ptr(-ESRCH);
	}
	thread_put(t);
	return s;
}

/* At most a page between `local` and an address of s: how many, or -EFAULT. */
static s64 copy_piece(struct vm_space *s, struct uio *local, u64 remote, void *page, size_t n, bool write)
{
	size_t done;

	if (write && uio_get(local, page, n))
		return -EFAULT;
	done = write ? vm_write_remote(s, remote, page, n) : vm_read_remote(s, remote, page, n);
	if (!done || (!write && uio_put(local, page, done)))
		return -EFAULT;
	return done;
}

static s64 copy(const u64 a[6], bool write)
{
	struct uio local = { 0 };
	u64 total, remote_total, done = 0;
	struct uio_seg *ours, *theirs = NULL;
	struct vm_space *s = NULL;
	void *page = NULL;
	s64 n = 0;

	if (a[5])
		return -EINVAL;
	ours = segments_get(a[1], a[2], &total);
	if (is_err(ours))
		return ptr_err(ours);
	theirs = segments_get(a[3], a[4], &remote_total);
	if (is_err(theirs)) {
		n = ptr_err(theirs);
		goto out;
	}
	if (!total || !remote_total)
		goto out;
	s = space_of(a[0]);
	page = kmalloc(PAGE_SIZE);
	if (is_err(s) || !page) {
		n = is_err(s) ? ptr_err(s) : -ENOMEM;
		goto out;
	}
	local.seg = ours;
	local.left = total;
	for (u64 i = 0; i < a[4] && local.left && n >= 0; i++)
		for (u64 at = 0; at < theirs[i].len && local.left; at += n, done += n) {
			size_t want = MIN(MIN(theirs[i].len - at, local.left), (u64)PAGE_SIZE);

			n = copy_piece(s, &local, theirs[i].base + at, page, want, write);
			if (n < 0)
				break;
		}
out:
	if (s && !is_err(s))
		vm_space_put(s);
	kfree(page);
	kfree(ours);
	if (theirs && !is_err(theirs))
		kfree(theirs);
	return done ? (s64)done : n;
}

SYSCALL(process_vm_readv)
{
	return copy(a, false);
}

SYSCALL(process_vm_writev)
{
	return copy(a, true);
}
