/*
 * The CPU's own registers, as far as portable code uses them: interrupt masking is a flag,
 * barriers are full fences, the counter is the test's clock, device registers belong to models.
 */
#pragma once
#include "base/defs.h"

#define HOST_DAIF_I	0x80ull

/* System registers are kept by name: what was written, or 0. */
u64 *host_sysreg(const char *name);
#define sysreg_read(r)		(*host_sysreg(#r))
#define sysreg_write(r, v)	(*host_sysreg(#r) = (u64)(v))

#define host_fence()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dsb(o)		host_fence()
#define dmb(o)		host_fence()
#define isb()		host_fence()
#define dma_mb()	host_fence()
#define dma_rmb()	host_fence()
#define dma_wmb()	host_fence()
#define mmio_wmb()	host_fence()

extern bool host_irqs_masked;
extern u64 host_clock;

/* Unmasking delivers what models raised meanwhile. */
void irq_enable(void);
static inline void irq_disable(void) { host_irqs_masked = true; }
static inline bool irqs_enabled(void) { return !host_irqs_masked; }

static inline u64 irq_save(void)
{
	u64 flags = host_irqs_masked ? HOST_DAIF_I : 0;

	host_irqs_masked = true;
	return flags;
}

static inline void irq_restore(u64 flags)
{
	if (flags & HOST_DAIF_I)
		host_irqs_masked = true;
	else if (host_irqs_masked)
		irq_enable();
}

static inline void cpu_relax(void) { }
static inline u64 cpu_affinity(void) { return 0; }
/* Models look where we do, but for those that want to know what was written back. */
extern void (*host_cache_cleaned)(const void *p, size_t n);
static inline void cache_clean(const void *p, size_t n)
{
	if (host_cache_cleaned)
		host_cache_cleaned(p, n);
}
/* Nothing to wait for is a test that hangs: panics. */
void cpu_wait_irq(void);

static inline u64 counter_read(void) { return host_clock; }
static inline u64 counter_frequency(void) { return 1000000000ull; }

u64 host_mmio_read(const volatile void *a, unsigned width);
void host_mmio_write(volatile void *a, unsigned width, u64 v);
static inline u8 mmio_read8(const volatile void *a) { return host_mmio_read(a, 1); }
static inline u16 mmio_read16(const volatile void *a) { return host_mmio_read(a, 2); }
static inline u32 mmio_read32(const volatile void *a) { return host_mmio_read(a, 4); }
static inline u64 mmio_read64(const volatile void *a) { return host_mmio_read(a, 8); }
static inline void mmio_write8(volatile void *a, u8 v) { host_mmio_write(a, 1, v); }
static inline void mmio_write16(volatile void *a, u16 v) { host_mmio_write(a, 2, v); }
static inline void mmio_write32(volatile void *a, u32 v) { host_mmio_write(a, 4, v); }
static inline void mmio_write64(volatile void *a, u64 v) { host_mmio_write(a, 8, v); }
/* Nothing answers from here on, for so many bytes; 0: everything does. Begins anew with each test. */
extern u64 host_hole, host_hole_size;
static inline bool mmio_probe32(const volatile void *a, u32 *v)
{
	if ((u64)a - host_hole < host_hole_size)
		return false;
	*v = mmio_read32(a);
	return true;
}
