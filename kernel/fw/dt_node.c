/*
 * Device tree nodes: cells, addresses, interrupts. fdt.c walks the tree with
 * these and decides what a node is; here is what the Devicetree Specification
 * v0.4 says that properties mean (2.3.5 cells, 2.3.6 reg, 2.3.8 ranges, 2.4
 * interrupts; the GIC's binding for its three-cell specifier).
 *
 * The tree comes from outside: libfdt checks that names and values lie inside
 * it, each function here that a value is as long as its meaning needs.
 */
#include "fw/dt_node.h"

#define CELLS_MAX	2	/* of an address or a size: 64 bits */

bool dt_node_next(struct dt_node *n)
{
	do {
		n->at = fdt_next_node(n->fdt, n->at, &n->depth);
		if (n->at < 0 || n->depth < 0)
			return false;
	} while (n->depth >= DT_DEPTH);
	n->path[n->depth] = n->at;
	return true;
}

struct dt_node dt_node_parent(const struct dt_node *n)
{
	struct dt_node p = *n;

	if (p.depth > 0)
		p.at = p.path[--p.depth];
	return p;
}

const fdt32_t *dt_cells(const struct dt_node *n, const char *name, u32 *count)
{
	int len;
	const fdt32_t *c = fdt_getprop(n->fdt, n->at, name, &len);

	if (!c || len < 0 || len % 4) {
		*count = 0;
		return NULL;
	}
	*count = len / 4;
	return c;
}

u32 dt_u32(const struct dt_node *n, const char *name, u32 absent)
{
	u32 count;
	const fdt32_t *c = dt_cells(n, name, &count);

	return count ? fdt32_to_cpu(c[0]) : absent;
}

const char *dt_string(const struct dt_node *n, const char *name)
{
	int len;
	const char *s = fdt_getprop(n->fdt, n->at, name, &len);

	return s && len > 0 && memchr(s, 0, len) ? s : NULL;
}

bool dt_enabled(const struct dt_node *n)
{
	const char *s = dt_string(n, "status");

	return !s || strcmp(s, "okay") == 0 || strcmp(s, "ok") == 0;
}

u32 dt_phandle(const struct dt_node *n)
{
	return dt_u32(n, "phandle", dt_u32(n, "linux,phandle", 0));
}

u64 dt_number(const fdt32_t *cells, u32 n)
{
	u64 v = 0;

	while (n--)
		v = v << 32 | fdt32_to_cpu(*cells++);
	return v;
}

bool dt_translate(const struct dt_node *bus, u64 *address, u64 size)
{
	struct dt_node b = *bus;

	for (; b.depth > 0; b = dt_node_parent(&b)) {
		struct dt_node up = dt_node_parent(&b);
		u32 count, child = dt_u32(&b, "#address-cells", 2), len = dt_u32(&b, "#size-cells", 1);
		u32 parent = dt_u32(&up, "#address-cells", 2), row = child + parent + len;
		const fdt32_t *c;
		int bytes;

		/* An empty ranges says identity, an absent one that the bus is not mapped. */
		if (!fdt_getprop(b.fdt, b.at, "ranges", &bytes))
			return false;
		if (bytes == 0)
			continue;
		if (child > CELLS_MAX || parent > CELLS_MAX || len > CELLS_MAX)
			return false;
		c = dt_cells(&b, "ranges", &count);
		for (; count >= row; c += row, count -= row) {
			u64 from = dt_number(c, child), n = dt_number(c + child + parent, len);

			if (*address >= from && *address - from < n && size <= n - (*address - from))
				break;
		}
		if (count < row)
			return false;
		*address = *address - dt_number(c, child) + dt_number(c + child, parent);
	}
	return true;
}

bool dt_reg(const struct dt_node *n, u32 index, struct platform_range *out)
{
	struct dt_node bus = dt_node_parent(n);
	u32 count, ac = dt_u32(&bus, "#address-cells", 2), sc = dt_u32(&bus, "#size-cells", 1);
	const fdt32_t *c = dt_cells(n, "reg", &count);

	if (ac == 0 || ac > CELLS_MAX || sc > CELLS_MAX || index >= count / (ac + sc))
		return false;
	c += index * (ac + sc);
	out->base = dt_number(c, ac);
	out->size = dt_number(c + ac, sc);
	return out->base + out->size >= out->base && dt_translate(&bus, &out->base, out->size);
}

bool dt_gic_specifier(const fdt32_t *cells, u32 *intid, enum irq_trigger *trigger)
{
	u32 type = fdt32_to_cpu(cells[0]), number = fdt32_to_cpu(cells[1]);

	switch (type) {
	case 0:			/* shared peripheral interrupts */
		if (number >= 1020 - 32)
			return false;
		*intid = number + 32;
		break;
	case 1:			/* a CPU's private ones */
		if (number >= 16)
			return false;
		*intid = number + 16;
		break;
	default:
		return false;
	}
	switch (fdt32_to_cpu(cells[2]) & 0xf) {
	case 1: *trigger = IRQ_EDGE_RISING; break;
	case 2: *trigger = IRQ_EDGE_FALLING; break;
	case 8: *trigger = IRQ_LEVEL_LOW; break;
	default: *trigger = IRQ_LEVEL_HIGH; break;
	}
	return true;
}

bool dt_interrupt(const struct dt_node *n, u32 index, u32 gic_phandle, u32 *intid, enum irq_trigger *trigger)
{
	struct dt_node at = *n;
	u32 count, parent = 0;
	const fdt32_t *c = dt_cells(n, "interrupts", &count);

	if (!c || index >= count / 3)
		return false;
	/* The nearest interrupt-parent on the way up. */
	for (;; at = dt_node_parent(&at)) {
		parent = dt_u32(&at, "interrupt-parent", 0);
		if (parent || at.depth == 0)
			break;
	}
	return (parent == 0 || parent == gic_phandle) && dt_gic_specifier(c + 3 * index, intid, trigger);
}
