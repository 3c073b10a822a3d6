/*
 * The CPU's own registers: interrupt masking, barriers, hints, the generic
 * timer's counter. Arm ARM DDI 0487.
 */
#pragma once
#include "base/defs.h"

#define sysreg_read(r) ({ u64 v_; __asm__ volatile("mrs %0, " #r : "=r"(v_)); v_; })
#define sysreg_write(r, v) __asm__ volatile("msr " #r ", %0" :: "r"((u64)(v)))

#define dsb(o)	__asm__ volatile("dsb " #o ::: "memory")
#define dmb(o)	__asm__ volatile("dmb " #o ::: "memory")
#define isb()	__asm__ volatile("isb" ::: "memory")

/* Order against a coherent device's view of ordinary memory (virtqueues, rings). */
#define dma_rmb()	dmb(oshld)
#define dma_wmb()	dmb(oshst)
/* Order ordinary memory against a following store to device registers. */
#define mmio_wmb()	dsb(oshst)

/* Any context. Returns the former mask, for irq_restore. */
static inline u64 irq_save(void)
{
	u64 daif = sysreg_read(daif);

	__asm__ volatile("msr daifset, #2" ::: "memory");
	return daif;
}

static inline void irq_restore(u64 daif)
{
	__asm__ volatile("msr daif, %0" :: "r"(daif) : "memory");
}

static inline void irq_enable(void) { __asm__ volatile("msr daifclr, #2" ::: "memory"); }
static inline void irq_disable(void) { __asm__ volatile("msr daifset, #2" ::: "memory"); }
static inline bool irqs_enabled(void) { return !(sysreg_read(daif) & 0x80); }

static inline void cpu_relax(void) { __asm__ volatile("yield" ::: "memory"); }

/* Sleep until an interrupt is pending, also a masked one. Interrupts are masked by the caller. */
static inline void cpu_wait_irq(void)
{
	dsb(sy);
	__asm__ volatile("wfi" ::: "memory");
}

/* The generic timer's virtual counter, in its own ticks. */
static inline u64 counter_read(void)
{
	isb();
	return sysreg_read(cntvct_el0);
}

/* Who this CPU is among the machine's: MPIDR_EL1's affinity fields (Arm ARM D17.2.101), as firmware names CPUs. */
static inline u64 cpu_affinity(void) { return sysreg_read(mpidr_el1) & 0xff00ffffffull; }
static inline u64 counter_frequency(void) { return sysreg_read(cntfrq_el0); }

/*
 * A store of ours before a load of ours, as a device sees them. The DMB is the architecture's; the counter is read for
 * QEMU's TCG before 8.1: with one virtual CPU it translates no barrier at all, although its device models run on
 * threads of their own, and the host's store buffer breaks just this order. Reading the counter takes the lock that
 * device models hold, which drains it. Without, a driver goes deaf once in some ten million packets.
 */
static inline void dma_mb(void)
{
	u64 ticks;

	dmb(osh);
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks) :: "memory");
}

/* What we wrote there reaches memory, for a device that does not look into caches. Any context. */
static inline void cache_clean(const void *p, size_t size)
{
	u64 line = 4ul << (sysreg_read(ctr_el0) >> 16 & 0xf);

	for (u64 at = (u64)p & ~(line - 1); at < (u64)p + size; at += line)
		__asm__ volatile("dc cvac, %0" :: "r"(at) : "memory");
	dsb(sy);
}

/* Device registers: single accesses of the given width, ordered among themselves. */
static inline u8 mmio_read8(const volatile void *a)
{
	u8 v;
	__asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}
static inline u16 mmio_read16(const volatile void *a)
{
	u16 v;
	__asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}
static inline u32 mmio_read32(const volatile void *a)
{
	u32 v;
	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}
static inline u64 mmio_read64(const volatile void *a)
{
	u64 v;
	__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}
static inline void mmio_write8(volatile void *a, u8 v)
{
	__asm__ volatile("strb %w0, [%1]" :: "rZ"(v), "r"(a) : "memory");
}
static inline void mmio_write16(volatile void *a, u16 v)
{
	__asm__ volatile("strh %w0, [%1]" :: "rZ"(v), "r"(a) : "memory");
}
static inline void mmio_write32(volatile void *a, u32 v)
{
	__asm__ volatile("str %w0, [%1]" :: "rZ"(v), "r"(a) : "memory");
}
static inline void mmio_write64(volatile void *a, u64 v)
{
	__asm__ volatile("str %x0, [%1]" :: "rZ"(v), "r"(a) : "memory");
}
/* mmio_read32 of a register that firmware speaks of and that may not be there: false if the bus answers with an
 * abort. */
bool mmio_probe32(const volatile void *a, u32 *v);
