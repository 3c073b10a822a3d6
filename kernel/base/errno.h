/*
 * Error numbers are Linux's, from its UAPI headers; the four below never
 * reach a program: only user_return (arch/upcall.h) sees and replaces them.
 */
#pragma once
#include <asm-generic/errno.h>

#define ERESTARTSYS	512	/* restart if SA_RESTART, else EINTR */
#define ERESTARTNOINTR	513	/* always restart */
#define ERESTARTNOHAND	514	/* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall(2) */
