/*
 * Waiting for files: ppoll, pselect6, epoll, eventfd. The waiting itself is
 * in fs/poll.c and fs/epoll.c.
 */
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/posix_types.h>
#include <linux/time_types.h>
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "fs/epoll.h"
#include "fs/eventfd.h"
#include "fs/poll_events.h"
#include "fs/poll_set.h"
#include "mm/slab.h"
#include "sched/signal.h"
#include "sys/sys.h"

#define STACK_ITEMS	8u
#define SELECT_READ	(EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR)
#define SELECT_WRITE	(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR)
#define SELECT_EXCEPT	EPOLLPRI
#define SELECT_MAX	(1u << 20)

/* A relative timeout at a user address as a deadline: WAIT_FOREVER without one, 0 for "only look". */
static s64 deadline_get(u64 address, u64 *deadline)
{
	struct __kernel_timespec ts;
	u64 ns, now;

	*deadline = WAIT_FOREVER;
	if (!address)
		return 0;
	if (copy_from_user(&ts, address, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (!ts.tv_sec && !ts.tv_nsec) {
		*deadline = 0;
		return 0;
	}
	now = clock_ns();
	if (__builtin_mul_overflow((u64)ts.tv_sec, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (u64)ts.tv_nsec + now, &ns))
		return 0;
	*deadline = ns;
	return 0;
}

/* Tell how much of the timeout is left, as Linux does. */
static void timeout_put(u64 address, u64 deadline)
{
	u64 now = clock_ns(), left = deadline > now ? deadline - now : 0;
	struct __kernel_timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	if (address && deadline != WAIT_FOREVER && deadline && copy_to_user(address, &ts, sizeof(ts)))
		return;		/* what was found counts more than the time left */
}

/* A signal mask for the length of a call. size is sizeof(sigset_t) of the kernel's ABI. */
static s64 mask_push(u64 address, u64 size, bool *pushed)
{
	u64 mask;

	*pushed = false;
	if (!address)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user_u64(&mask, address))
		return -EFAULT;
	signal_mask_push(mask);
	*pushed = true;
	return 0;
}

static void mask_pop(bool pushed, s64 result)
{
	if (pushed)
		signal_mask_pop(result == -ERESTARTNOHAND || result == -EINTR || result == -ERESTARTSYS);
}

static void items_end(struct poll_item *items, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (items[i].ref.file)
			fd_return(items[i].ref);
}

SYSCALL(ppoll)
{
	struct poll_item few[STACK_ITEMS], *items = few;
	struct pollfd few_fds[STACK_ITEMS], *fds = few_fds;
	u64 n = a[1], deadline;
	bool pushed;
	s64 r;

	if (n > fd_limit())
		return -EINVAL;
	r = deadline_get(a[2], &deadline);
	if (r)
		return r;
	if (n > STACK_ITEMS) {
		items = kmalloc(n * (sizeof(*items) + sizeof(*fds)));
		if (!items)
			return -ENOMEM;
		fds = (struct pollfd *)(items + n);
	}
	r = copy_from_user(fds, a[0], n * sizeof(*fds));
	if (r)
		goto out;
	r = mask_push(a[3], a[4], &pushed);
	if (r)
		goto out;
	for (u32 i = 0; i < n; i++) {
		items[i].wanted = (u16)fds[i].events;
		items[i].ready = 0;
		items[i].ref = (struct fd_ref){ NULL, false };
		if (fds[i].fd >= 0) {
			items[i].ref = fd_borrow(fds[i].fd);
			if (!items[i].ref.file)
				items[i].ready = POLLNVAL;
		}
	}
	r = poll_items(items, n, deadline);
	for (u32 i = 0; i < n; i++)
		fds[i].revents = items[i].ready;
	items_end(items, n);
	/* revents alone, as Linux writes them. */
	for (u32 i = 0; i < n && r >= 0; i++)
		if (copy_to_user(a[0] + i * sizeof(*fds) + offsetof(struct pollfd, revents), &fds[i].revents, 2))
			r = -EFAULT;
	timeout_put(a[2], deadline);
	mask_pop(pushed, r);
out:
	if (items != few)
		kfree(items);
	return r;
}

/* select's three bit sets in and out of one block. */
struct sets { u64 *in[3], *out[3]; };

static u32 select_wanted(const struct sets *s, u32 fd)
{
	static const u32 events[3] = { SELECT_READ, SELECT_WRITE, SELECT_EXCEPT };
	u32 wanted = 0;

	for (u32 k = 0; k < 3; k++)
		if (s->in[k][fd / 64] >> (fd % 64) & 1)
			wanted |= events[k];
	return wanted;
}

/* How many of fd's bits are set in the results. */
static u32 select_tell(const struct sets *s, u32 fd, u32 ready)
{
	static const u32 events[3] = { SELECT_READ, SELECT_WRITE, SELECT_EXCEPT };
	u32 count = 0;

	for (u32 k = 0; k < 3; k++) {
		if ((s->in[k][fd / 64] >> (fd % 64) & 1) && (ready & events[k])) {
			s->out[k][fd / 64] |= 1ull << (fd % 64);
			count++;
		}
	}
	return count;
}

static s64 select_run(const struct sets *s, u32 n, u64 deadline)
{
	struct poll_item few[STACK_ITEMS], *items = few;
	u32 count = 0, used = 0;
	s64 r = 0;

	for (u32 fd = 0; fd < n; fd++)
		count += select_wanted(s, fd) != 0;
	if (count > STACK_ITEMS) {
		items = kmalloc(count * sizeof(*items));
		if (!items)
			return -ENOMEM;
	}
	for (u32 fd = 0; fd < n; fd++) {
		u32 wanted = select_wanted(s, fd);

		if (!wanted)
			continue;
		items[used] = (struct poll_item){ fd_borrow(fd), wanted, 0 };
		if (!items[used].ref.file) {
			r = -EBADF;
			goto out;
		}
		used++;
	}
	r = poll_items(items, used, deadline);
	if (r > 0) {
		r = used = 0;
		for (u32 fd = 0; fd < n; fd++)
			if (select_wanted(s, fd))
				r += select_tell(s, fd, items[used++].ready);
	}
out:
	items_end(items, used);
	if (items != few)
		kfree(items);
	return r;
}

SYSCALL(pselect6)
{
	u64 n = a[0], words, deadline, mask[2] = { 0, 0 }, *block;
	struct sets s;
	bool pushed;
	s64 r;

	if ((s32)n < 0)
		return -EINVAL;
	n = MIN(MIN((u32)n, fd_limit()), SELECT_MAX);
	words = DIV_ROUND_UP(n, 64);
	r = deadline_get(a[4], &deadline);
	if (!r && a[5])
		r = copy_from_user(mask, a[5], sizeof(mask));
	if (r)
		return r;
	block = kcalloc(words * 6 + 1, sizeof(*block));
	if (!block)
		return -ENOMEM;
	for (u32 k = 0; k < 3; k++) {
		s.in[k] = block + k * words;
		s.out[k] = block + (3 + k) * words;
		if (a[1 + k] && copy_from_user(s.in[k], a[1 + k], DIV_ROUND_UP(n, 64) * 8)) {
			r = -EFAULT;
			goto out;
		}
	}
	if (n % 64)
		for (u32 k = 0; k < 3; k++)
			s.in[k][words - 1] &= (1ull << (n % 64)) - 1;
	r = mask_push(mask[0], mask[1], &pushed);
	if (r)
		goto out;
	r = select_run(&s, n, deadline);
	if (r >= 0)
		for (u32 k = 0; k < 3; k++)
			if (a[1 + k] && copy_to_user(a[1 + k], s.out[k], words * 8))
				r = -EFAULT;
	timeout_put(a[4], deadline);
	mask_pop(pushed, r);
out:
	kfree(block);
	return r;
}

s64 file_install(struct file *f, bool cloexec)
{
	int fd;

	if (!f)
		return file_none();
	fd = fd_install(f, 0, cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL(epoll_create1)
{
	if (a[0] & ~(u64)EPOLL_CLOEXEC)
		return -EINVAL;
	return file_install(epoll_new(), a[0] & EPOLL_CLOEXEC);
}

SYSCALL(epoll_ctl)
{
	struct epoll_event ev;
	struct fd_ref ep, target;
	s64 r = -EBADF;

	if (a[1] != EPOLL_CTL_DEL && copy_from_user(&ev, a[3], sizeof(ev)))
		return -EFAULT;
	ep = fd_borrow(a[0]);
	target = fd_borrow(a[2]);
	if (ep.file && target.file)
		r = epoll_control(ep.file, a[1], target.file, a[2], &ev);
	if (target.file)
		fd_return(target);
	if (ep.file)
		fd_return(ep);
	return r;
}

static s64 epoll_run(const u64 a[6], u64 deadline)
{
	s32 max = a[2];
	struct fd_ref ep;
	bool pushed;
	s64 r;

	if (max <= 0 || (u32)max > 0x7fffffffu / sizeof(struct epoll_event))
		return -EINVAL;
	ep = fd_borrow(a[0]);
	if (!ep.file)
		return -EBADF;
	r = -EINVAL;
	if (!file_is_epoll(ep.file))
		goto out;
	r = mask_push(a[4], a[5], &pushed);
	if (r)
		goto out;
	r = epoll_wait(ep.file, a[1], max, deadline);
	mask_pop(pushed, r);
out:
	fd_return(ep);
	return r;
}

SYSCALL(epoll_pwait)
{
	s32 ms = a[3];

	return epoll_run(a, ms < 0 ? WAIT_FOREVER : !ms ? 0 : clock_ns() + (u64)ms * NSEC_PER_MSEC);
}

SYSCALL(epoll_pwait2)
{
	u64 deadline;
	s64 r = deadline_get(a[3], &deadline);

	return r ? r : epoll_run(a, deadline);
}

SYSCALL(eventfd2)
{
	if (a[1] & ~(u64)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return file_install(eventfd_new((u32)a[0], a[1]), a[1] & O_CLOEXEC);
}
