/*
 * Not one of ours by its name: Linux's <linux/input.h> includes <sys/ioctl.h>, the C library's, for _IOC and its
 * kind, and finds it here. Nobody else includes it.
 */
#pragma once
#include <linux/ioctl.h>
