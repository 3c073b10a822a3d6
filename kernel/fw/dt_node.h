/*
 * Reading one node of a device tree: a node together with its ancestors, whose
 * #address-cells, #size-cells, ranges and interrupt-parent say what its own
 * properties mean. Private to fw/. Every read checks the property's length.
 * Devicetree Specification v0.4, sections 2.3 and 2.4.
 */
#pragma once
#include "fw/libfdt.h"
#include "fw/platform.h"

#define DT_DEPTH	8	/* deeper nodes describe nothing that we read */

struct dt_node {
	const void *fdt;
	int at;				/* its offset in the tree */
	int depth;			/* 0: the root */
	int path[DT_DEPTH];		/* offsets of the ancestors, [0] the root's, [depth] its own */
};

/* Step to the next node in the tree's order; false past the last, or in a broken tree. Start with at and
 * depth -1. */
bool dt_node_next(struct dt_node *n);
/* Its parent; the root's is the root. */
struct dt_node dt_node_parent(const struct dt_node *n);

/* A property's cells, and how many there are; NULL and 0 when it is absent or no multiple of 4 bytes. */
const fdt32_t *dt_cells(const struct dt_node *n, const char *name, u32 *count);
/* The first cell, or the default when absent. */
u32 dt_u32(const struct dt_node *n, const char *name, u32 absent);
/* A NUL-terminated string; NULL when absent or not terminated. */
const char *dt_string(const struct dt_node *n, const char *name);
/* Is the node's status absent, "okay" or "ok"? */
bool dt_enabled(const struct dt_node *n);
u32 dt_phandle(const struct dt_node *n);
/* A number of 1 or 2 cells. */
u64 dt_number(const fdt32_t *cells, u32 n);

/* The index-th entry of reg as a physical address, through the ranges of all buses above. False: none, or not
 * mapped. */
bool dt_reg(const struct dt_node *n, u32 index, struct platform_range *out);
/* Translate an address of this bus (a node that has children) into a physical one. */
bool dt_translate(const struct dt_node *bus, u64 *address, u64 size);

/* The index-th entry of interrupts, of a GIC: INTID and trigger. False: absent, or for another controller. */
bool dt_interrupt(const struct dt_node *n, u32 index, u32 gic_phandle, u32 *intid, enum irq_trigger *trigger);
/* The same from the three cells of a GIC's specifier (type, number, flags). */
bool dt_gic_specifier(const fdt32_t *cells, u32 *intid, enum irq_trigger *trigger);
