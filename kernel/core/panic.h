/*
 * The end: message, symbolised backtrace, then the machine stops the way
 * that panic= and the machine allow (pvpanic, PSCI, halt).
 */
#pragma once
#include "base/defs.h"

noreturn void panic(const char *fmt, ...) printf_like(1, 2);
/* Power off, or reset: what reboot(2) ends with. Halts if firmware refuses. Any context. */
noreturn void machine_end(bool reboot);
/* Return addresses from this frame pointer, symbolised, one a line. Any context. */
void backtrace_print(u64 fp, u64 pc);
/* The same into an array; returns how many. */
size_t backtrace_save(u64 *pcs, size_t max);

#define BUG_ON(c) do { if (unlikely(c)) panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
/* Checked in debug builds alone. */
#ifdef CONFIG_DEBUG
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c) ((void)sizeof(!(c)))
#endif

/* How the machine ends: registered by main (PSCI) and drivers (pvpanic). docs/floors.md. */
struct machine_ops {
	void (*panic_notify)(void);	/* tell the hypervisor (pvpanic); may return */
	void (*power_off)(void);	/* returns only if it failed */
	void (*reset)(void);
	void (*stop_others)(void);	/* the other CPUs do nothing any more; NULL: there are none */
};
extern struct machine_ops machine_ops;
