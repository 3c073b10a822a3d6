/*
 * epoll(7).
 */
#pragma once
#include "fs/file.h"

struct epoll_event;

extern u32 epoll_user_watches;	/* how many a user may have: /proc/sys/fs/epoll/max_user_watches [a] */
/* A new epoll as a file, refs 1; NULL: no memory. */
struct file *epoll_new(void);
/* epoll_ctl(2): ep must be an epoll (-EINVAL). fd is the number it was named by. event: kernel copy; NULL for
 * EPOLL_CTL_DEL. */
int epoll_control(struct file *ep, int op, struct file *target, u32 fd, const struct epoll_event *event);
/* Up to max events (max > 0) to user memory at events. deadline: absolute, WAIT_FOREVER, or 0 to ask only. Count or
 * -errno. */
s64 epoll_wait(struct file *ep, u64 events, u32 max, u64 deadline);
bool file_is_epoll(const struct file *f);
/* f is going: out of every epoll that watches it. */
void epoll_file_closed(struct file *f);
