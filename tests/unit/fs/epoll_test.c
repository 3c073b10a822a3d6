/*
 * epoll, poll and eventfd: level, edge and one-shot, nesting, files that close
 * under a watch, time limits.
 *
 * sources: fs/path.c fs/mount.c fs/names.c fs/open.c fs/vnode.c fs/dentry.c fs/fs_context.c fs/file.c fs/fdtable.c
 * sources: fs/tmpfs*.c fs/page_tree.c fs/options.c fs/text.c fs/pipe.c fs/epoll.c fs/inotify.c fs/poll.c fs/eventfd.c fs/flock.c fs/devfs.c
 */
#include "fs_host.h"
#include "fs/epoll.h"
#include "fs/eventfd.h"
#include "fs/poll_events.h"
#include "fs/poll_set.h"

static struct epoll_event events[64];

static s64 wait_now(struct file *ep)
{
	memset(events, 0, sizeof(events));
	return epoll_wait(ep, (u64)events, 64, 0);
}

static int add(struct file *ep, struct file *f, u32 fd, u32 wanted)
{
	return epoll_control(ep, EPOLL_CTL_ADD, f, fd, &(struct epoll_event){ .events = wanted, .data = fd * 10ull });
}

static void give(struct file *f, u64 n)
{
	struct uio u;

	uio_kernel(&u, &n, sizeof(n));
	EXPECT_EQ(file_write(f, &u, NULL), 8);
}

static u64 take(struct file *f)
{
	struct uio u;
	u64 n = 0;
	s64 r;

	uio_kernel(&u, &n, sizeof(n));
	r = file_read(f, &u, NULL);
	return r == 8 ? n : (u64)r;
}

TEST(eventfd_counts)
{
	struct file *e, *s;

	fs_start();
	e = eventfd_new(0, O_NONBLOCK);
	EXPECT_EQ(take(e), (u64)-EAGAIN);
	EXPECT_EQ(file_poll(e, NULL), EPOLLOUT | EPOLLWRNORM);
	give(e, 3);
	give(e, 4);
	EXPECT_EQ(take(e), 7u);
	s = eventfd_new(2, O_NONBLOCK | EFD_SEMAPHORE);
	EXPECT_EQ(take(s), 1u);
	EXPECT_EQ(take(s), 1u);
	EXPECT_EQ(take(s), (u64)-EAGAIN);
	file_put(e);
	file_put(s);
}

TEST(level_triggered_tells_until_it_is_not_so)
{
	struct file *ep = epoll_new(), *e = eventfd_new(0, O_NONBLOCK);

	EXPECT_EQ(add(ep, e, 5, EPOLLIN), 0);
	EXPECT_EQ(add(ep, e, 5, EPOLLIN), -EEXIST);
	EXPECT_EQ(wait_now(ep), 0);
	give(e, 1);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(wait_now(ep), 1);
		EXPECT_EQ(events[0].events, EPOLLIN);
		EXPECT_EQ(events[0].data, 50u);
	}
	take(e);
	EXPECT_EQ(wait_now(ep), 0);
	EXPECT_EQ(epoll_control(ep, EPOLL_CTL_MOD, e, 5, &(struct epoll_event){ .events = EPOLLOUT, .data = 6 }), 0);
	EXPECT_EQ(wait_now(ep), 1);
	EXPECT_EQ(events[0].events, EPOLLOUT);
	EXPECT_EQ(epoll_control(ep, EPOLL_CTL_DEL, e, 5, NULL), 0);
	EXPECT_EQ(epoll_control(ep, EPOLL_CTL_DEL, e, 5, NULL), -ENOENT);
	EXPECT_EQ(wait_now(ep), 0);
	file_put(e);
	file_put(ep);
}

TEST(edge_triggered_tells_once_a_change)
{
	struct file *ep = epoll_new(), *e = eventfd_new(0, O_NONBLOCK);

	EXPECT_EQ(add(ep, e, 1, EPOLLIN | EPOLLET), 0);
	give(e, 1);
	EXPECT_EQ(wait_now(ep), 1);
	EXPECT_EQ(wait_now(ep), 0);
	give(e, 1);
	EXPECT_EQ(wait_now(ep), 1);
	EXPECT_EQ(wait_now(ep), 0);
	take(e);
	file_put(e);
	file_put(ep);
}

TEST(one_shot_is_silent_until_asked_again)
{
	struct file *ep = epoll_new(), *e = eventfd_new(1, O_NONBLOCK);

	EXPECT_EQ(add(ep, e, 1, EPOLLIN | EPOLLONESHOT), 0);
	EXPECT_EQ(wait_now(ep), 1);
	EXPECT_EQ(wait_now(ep), 0);
	give(e, 1);
	EXPECT_EQ(wait_now(ep), 0);
	EXPECT_EQ(epoll_control(ep, EPOLL_CTL_MOD, e, 1, &(struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT }), 0);
	EXPECT_EQ(wait_now(ep), 1);
	file_put(e);
	file_put(ep);
}

TEST(a_closed_file_is_watched_no_more)
{
	struct file *ep = epoll_new(), *a = eventfd_new(1, 0), *b = eventfd_new(1, 0);

	EXPECT_EQ(add(ep, a, 1, EPOLLIN), 0);
	EXPECT_EQ(add(ep, b, 2, EPOLLIN), 0);
	EXPECT_EQ(add(ep, a, 3, EPOLLIN), 0);	/* one file under two numbers */
	EXPECT_EQ(wait_now(ep), 3);
	file_put(a);
	EXPECT_EQ(wait_now(ep), 1);
	EXPECT_EQ(events[0].data, 20u);
	file_put(ep);
	file_put(b);
}

TEST(each_gets_its_turn)
{
	struct file *ep = epoll_new(), *e[10];
	u64 seen = 0;

	for (u32 i = 0; i < 10; i++) {
		e[i] = eventfd_new(1, 0);
		EXPECT_EQ(add(ep, e[i], i, EPOLLIN), 0);
	}
	for (u32 round = 0; round < 5; round++) {
		EXPECT_EQ(epoll_wait(ep, (u64)events, 2, 0), 2);
		seen |= 1ull << events[0].data / 10 | 1ull << events[1].data / 10;
	}
	EXPECT_EQ(seen, 0x3ffu);
	for (u32 i = 0; i < 10; i++)
		file_put(e[i]);
	file_put(ep);
}

TEST(epolls_nest_but_not_in_circles)
{
	struct file *a = epoll_new(), *b = epoll_new(), *e = eventfd_new(0, O_NONBLOCK), *chain[6];

	EXPECT_EQ(add(a, a, 1, EPOLLIN), -EINVAL);
	EXPECT_EQ(add(a, b, 1, EPOLLIN), 0);
	EXPECT_EQ(add(b, a, 1, EPOLLIN), -ELOOP);
	EXPECT_EQ(add(b, e, 2, EPOLLIN), 0);
	EXPECT_EQ(wait_now(a), 0);
	give(e, 1);
	EXPECT_EQ(wait_now(a), 1);
	take(e);
	EXPECT_EQ(wait_now(a), 0);
	file_put(e);
	file_put(b);
	file_put(a);

	for (u32 i = 0; i < 6; i++)
		chain[i] = epoll_new();
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQ(add(chain[i], chain[i + 1], 1, EPOLLIN), 0);
	EXPECT_EQ(add(chain[4], chain[5], 1, EPOLLIN), -ELOOP);
	for (u32 i = 0; i < 6; i++)
		file_put(chain[i]);
}

static struct file *waited;

static void give_later(void *arg)
{
	wait_until(clock_ns() + 5 * NSEC_PER_MSEC);
	give(waited, 1);
}

TEST(a_wait_ends_by_an_event_or_by_time)
{
	struct file *ep = epoll_new();
	u64 start = clock_ns();

	waited = eventfd_new(0, O_NONBLOCK);
	EXPECT_EQ(add(ep, waited, 1, EPOLLIN), 0);
	EXPECT_EQ(epoll_wait(ep, (u64)events, 4, clock_ns() + 3 * NSEC_PER_MSEC), 0);
	EXPECT_GE(clock_ns() - start, 3 * NSEC_PER_MSEC);
	REQUIRE(thread_create("giver", give_later, NULL));
	EXPECT_EQ(epoll_wait(ep, (u64)events, 4, WAIT_FOREVER), 1);
	take(waited);
	file_put(waited);
	file_put(ep);
}

TEST(a_bad_buffer_is_told)
{
	struct file *ep = epoll_new(), *e = eventfd_new(1, 0);

	EXPECT_EQ(add(ep, e, 1, EPOLLIN), 0);
	host_user_fault(events, sizeof(events));
	EXPECT_EQ(epoll_wait(ep, (u64)events, 4, 0), -EFAULT);
	host_user_fault(NULL, 0);
	EXPECT_EQ(wait_now(ep), 1);
	file_put(e);
	file_put(ep);
}

TEST(only_what_can_wait_is_watched)
{
	struct file *ep = epoll_new(), *f;

	EXPECT_EQ(put("/plain", "x"), 0);
	REQUIRE(!path_open("/plain", O_RDONLY, 0, &f));
	EXPECT_EQ(add(ep, f, 1, EPOLLIN), -EPERM);
	EXPECT_EQ(add(f, ep, 1, EPOLLIN), -EINVAL);
	file_put(f);
	host_alloc_fail(1);
	f = eventfd_new(0, 0);
	EXPECT(!f);
	host_alloc_fail(0);
	f = eventfd_new(0, 0);
	host_alloc_fail(1);
	EXPECT_EQ(add(ep, f, 1, EPOLLIN), -ENOMEM);
	host_alloc_fail(0);
	file_put(f);
	file_put(ep);
}

TEST(poll_finds_waits_and_gives_up)
{
	struct poll_item items[20];
	struct file *e[20];

	for (u32 i = 0; i < 20; i++) {
		e[i] = eventfd_new(0, O_NONBLOCK);
		items[i] = (struct poll_item){ { e[i], false }, EPOLLIN, 0 };
	}
	EXPECT_EQ(poll_items(items, 20, 0), 0);
	EXPECT_EQ(poll_items(items, 20, clock_ns() + NSEC_PER_MSEC), 0);
	give(e[3], 1);
	give(e[17], 1);
	EXPECT_EQ(poll_items(items, 20, 0), 2);
	EXPECT_EQ(items[3].ready, EPOLLIN);
	EXPECT_EQ(items[4].ready, 0u);
	take(e[3]);
	take(e[17]);
	waited = e[19];
	REQUIRE(thread_create("giver", give_later, NULL));
	EXPECT_EQ(poll_items(items, 20, WAIT_FOREVER), 1);
	EXPECT_EQ(items[19].ready, EPOLLIN);
	take(e[19]);
	/* Nothing to wait for but time. */
	EXPECT_EQ(poll_items(NULL, 0, clock_ns() + NSEC_PER_MSEC), 0);
	/* No memory for the waiters: nothing stays queued. */
	host_alloc_fail(1);
	EXPECT_EQ(poll_items(items, 20, WAIT_FOREVER), -ENOMEM);
	host_alloc_fail(0);
	for (u32 i = 0; i < 20; i++)
		file_put(e[i]);
}
