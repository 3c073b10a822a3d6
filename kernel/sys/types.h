/*
 * Not one of ours by its name: Linux's <linux/input.h> includes <sys/types.h>, the C library's, finds it here and
 * uses nothing of it. Nobody else includes it.
 */
#pragma once
