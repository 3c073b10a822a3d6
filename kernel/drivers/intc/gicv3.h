/*
 * What the three files of the GICv3 share: gicv3.c (distributor, redistributors, dispatch), gicv3_lpi.c (message
 * interrupts as the CPUs see them) and gicv3_its.c (message interrupts as devices send them).
 */
#pragma once
#include "irq/domain.h"

#define LPI_FIRST	8192u	/* INTIDs from here on are LPIs (Arm IHI 0069G, 2.2.1) */

/* A CPU's redistributor. */
struct gicv3_redist {
	u8 *frames;		/* its two frames, mapped; NULL: the CPU has none, or has not started */
	u64 phys;		/* of the first */
	u64 affinity;		/* as GICD_IROUTER wants it */
	u32 processor;		/* GICR_TYPER's number, by which an ITS may know it */
	bool lpis;		/* message interrupts reach this CPU */
};
/* The given CPU's. Any context. */
struct gicv3_redist *gicv3_redist_of(u32 cpu);
/* How many bits an INTID has, or 0 where the distributor knows no LPIs. After the distributor's probe. */
u32 gicv3_lpi_bits(void);
/* Wait until a register's bits are as wanted: the controller's own doing, microseconds. False: not in a tenth of a
 * second. */
bool gicv3_settle(const u8 *reg, u32 bits, u32 want);

/* How table registers say that memory is shared and cached (12.11, GICR_PROPBASER; the ITS has the same in other
 * places). */
#define GIC_SHAREABLE_INNER	1ull
#define GIC_CACHE_WRITE_BACK	7ull
#define GIC_CACHE_NONE		1ull

/* An LPI that somebody holds. */
struct lpi {
	struct irq *irq;	/* NULL: not made yet. Set under irq/domain.c's list lock, read by dispatch */
	void *device;		/* what the ITS keeps for the sender, and which of its events this is [its mutex] */
	u32 event;
};
/* The tables that all CPUs share, and the boot CPU's; once, process context. -ENODEV: no LPIs here; -ENOMEM. */
int gicv3_lpi_init(void);
/* The calling CPU's: for one that starts later. Interrupts masked. False: LPIs do not reach it, or are not in use. */
bool gicv3_lpi_cpu_open(void);
/* gicv3_its.c: messages can be sent to the calling CPU, whose LPIs are open. 0, or -EIO: the ITS does not answer. */
int gicv3_its_cpu_open(void);
/* n free LPIs in a row, disabled. The first, or 0: none left, or no memory. Process context. */
u32 gicv3_lpi_take(u32 n);
void gicv3_lpi_give(u32 first, u32 n);
/* The record of an LPI that is taken; NULL for any other number. Any context. */
struct lpi *gicv3_lpi(u32 intid);
/* Enabled or not, in the table; the ITS must tell the redistributor to look (INV). Any context. */
void gicv3_lpi_enable(u32 intid, bool on);
