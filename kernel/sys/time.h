/*
 * Not one of ours by its name: Linux's <linux/input.h> includes <sys/time.h>, the C library's, for struct timeval,
 * and finds it here. Nobody else includes it.
 */
#pragma once
#include <linux/time.h>
