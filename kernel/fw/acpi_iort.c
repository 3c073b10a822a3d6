/*
 * IORT: from a PCI host's requesters to the device IDs of an ITS. A root complex maps ranges of requesters
 * either to an ITS group, or to an SMMU that maps them on to one. The SMMU itself we leave in bypass; its
 * mapping of IDs counts.
 *
 * The nodes form a graph by offsets. It is walked in one direction and two steps at most, so that no cycle is
 * followed.
 *
 * Source: Arm DEN 0049E (IO Remapping Table), 3.1.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "fw/acpi.h"
#include "mm/slab.h"

enum { NODE_ITS_GROUP = 0, NODE_ROOT_COMPLEX = 2, NODE_SMMU = 3, NODE_SMMUV3 = 4 };
#define NODE_HEADER	16u	/* type 0, length 1, number of mappings 8, their offset in the node 12 */
#define MAPPING_SIZE	20u	/* first input 0, inputs less one 4, first output 8, node 12, flags 16 */
#define MAPPING_SINGLE	1u	/* the node's own interrupts: no requesters */
/* A host has 65536 requesters; a row for each bus and a few more is what tables have. */
#define ROWS_MAX	1024u

struct iort {
	const u8 *data;
	u32 size;
	const struct acpi_its *its;
	u32 its_count;
	struct platform_msi_map *rows;
	u32 count, room;
	bool broken;
};

struct mapping { u32 in, count, out, node; bool single; };

/* The node at an offset, with all of its length and mappings inside the table. NULL: broken. */
static const u8 *node_at(struct iort *t, u32 at, u32 *mappings)
{
	const u8 *n = t->data + at;
	u32 length, offset;

	if (at < IORT_HEADER || at > t->size - NODE_HEADER)
		return NULL;
	length = get_unaligned_le16(n + 1);
	*mappings = get_unaligned_le32(n + 8);
	offset = get_unaligned_le32(n + 12);
	if (length < NODE_HEADER || length > t->size - at)
		return NULL;
	if (*mappings && (offset < NODE_HEADER || offset > length || *mappings > (length - offset) / MAPPING_SIZE))
		return NULL;
	return n;
}

static struct mapping mapping_at(const u8 *node, u32 i)
{
	const u8 *p = node + get_unaligned_le32(node + 12) + MAPPING_SIZE * i;
	struct mapping m = {
		.in = get_unaligned_le32(p), .count = get_unaligned_le32(p + 4), .out = get_unaligned_le32(p + 8),
		.node = get_unaligned_le32(p + 12), .single = get_unaligned_le32(p + 16) & MAPPING_SINGLE,
	};

	m.count += m.count != ~0u;		/* the table has one less */
	return m;
}

/* The first ITS of a group that the MADT has too (3.1.1.1: number of them at 16, IDs from 20). 0: none. */
static u64 group_ref(const struct iort *t, const u8 *node)
{
	u32 length = get_unaligned_le16(node + 1), n = length < 20 ? 0 : get_unaligned_le32(node + 16);

	for (u32 i = 0; i < n && 24 + 4 * i <= length; i++)
		for (u32 j = 0; j < t->its_count; j++)
			if (t->its[j].id == get_unaligned_le32(node + 20 + 4 * i))
				return t->its[j].ref;
	return 0;
}

static int add(struct iort *t, struct mapping m, u64 ref)
{
	struct platform_msi_map *more;
	u32 room = t->room ? 2 * t->room : 4;

	if (!ref || m.in >= PLATFORM_RIDS)
		return 0;			/* QEMU names an ITS also where it has none */
	if (t->count == ROWS_MAX) {
		t->broken = true;
		return 0;
	}
	if (t->count == t->room) {
		more = krealloc(t->rows, t->room * sizeof(*more), room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->rows = more;
		t->room = room;
	}
	t->rows[t->count++] = (struct platform_msi_map){
		.rid_base = m.in, .count = MIN(m.count, PLATFORM_RIDS - m.in), .id_base = m.out, .ref = ref,
	};
	return 0;
}

/* What of m's outputs the mapping `by` takes, as one from m's inputs to its outputs. False: nothing. */
static bool through(struct mapping m, struct mapping by, struct mapping *both)
{
	u64 first = MAX(m.out, by.in);
	u64 end = MIN((u64)m.out + m.count, (u64)by.in + by.count);

	if (first >= end)
		return false;
	*both = (struct mapping){ .in = m.in + (first - m.out), .count = end - first, .out = by.out + (first - by.in) };
	return true;
}

/* One mapping of a root complex. */
static int follow(struct iort *t, struct mapping m)
{
	u32 n, groups;
	const u8 *node = node_at(t, m.node, &n);
	struct mapping both;
	int err = 0;

	if (node && node[0] == NODE_ITS_GROUP)
		return add(t, m, group_ref(t, node));
	if (!node || (node[0] != NODE_SMMU && node[0] != NODE_SMMUV3)) {
		t->broken = true;
		return 0;
	}
	for (u32 i = 0; i < n && !err && !t->broken; i++) {
		struct mapping by = mapping_at(node, i);
		const u8 *group = by.single ? NULL : node_at(t, by.node, &groups);

		if (group && group[0] == NODE_ITS_GROUP && through(m, by, &both))
			err = add(t, both, group_ref(t, group));
		else if (!by.single && (!group || group[0] != NODE_ITS_GROUP))
			t->broken = true;	/* another SMMU, or itself */
	}
	return err;
}

int acpi_iort_rows(const struct acpi_table *iort, u32 segment, const struct acpi_its *its, u32 its_count,
		   struct platform_msi_map **rows, u32 *count)
{
	struct iort t = { .data = iort->data, .size = iort->size, .its = its, .its_count = its_count };
	u32 nodes = get_unaligned_le32(iort->data + 36), at = get_unaligned_le32(iort->data + 40), n;
	int err = 0;

	for (u32 i = 0; i < nodes && !err && !t.broken; i++) {
		const u8 *node = node_at(&t, at, &n);

		if (!node) {
			t.broken = true;
			break;
		}
		/* 3.1.1.2: the segment at 28 */
		if (node[0] == NODE_ROOT_COMPLEX && get_unaligned_le16(node + 1) >= 32 &&
		    get_unaligned_le32(node + 28) == segment)
			for (u32 k = 0; k < n && !err && !t.broken; k++) {
				struct mapping m = mapping_at(node, k);

				if (!m.single)
					err = follow(&t, m);
			}
		at += get_unaligned_le16(node + 1);
	}
	if (t.broken)
		log_warn("ACPI: IORT: a node or mapping that can't be followed; what was found before it is used");
	if (err) {
		kfree(t.rows);
		t.rows = NULL;
		t.count = 0;
	}
	*rows = t.rows;
	*count = t.count;
	return err;
}
