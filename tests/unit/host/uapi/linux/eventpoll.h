/*
 * The one header of the kernel's interface that asks for the machine it is compiled on: struct epoll_event is
 * packed on x86-64 alone. Here it is arm64's.
 */
#ifdef __x86_64__
#undef __x86_64__
#include_next <linux/eventpoll.h>
#define __x86_64__ 1
#else
#include_next <linux/eventpoll.h>
#endif
