/*
 * Pages by index (page_tree.h). A node keeps no count of its children: pages
 * go by truncation, which walks every slot of the range anyway, and takes the
 * nodes away that it leaves empty.
 */
#include "base/errno.h"
#include "fs/page_tree.h"
#include "mm/slab.h"

#define SLOT_BITS	6
#define SLOTS		(1u << SLOT_BITS)
#define HEIGHT_MAX	9		/* 54 bits of index: all that a 64-bit size can name */

struct node {
	void *slot[SLOTS];
};

static struct slab_cache *node_cache;

void page_tree_init(void)
{
	node_cache = slab_cache_create("page_tree", sizeof(struct node), 0);
}

static inline bool fits(const struct page_tree *t, u64 index)
{
	return !(index >> (SLOT_BITS * t->height));
}

struct page *page_tree_find(const struct page_tree *t, u64 index)
{
	void *at = t->root;

	if (!fits(t, index))
		return NULL;
	for (u32 h = t->height; h && at; h--)
		at = ((struct node *)at)->slot[index >> (SLOT_BITS * (h - 1)) & (SLOTS - 1)];
	return at;
}

/* At depth height below the root at most: base is the first index under at. */
static u64 next_below(void *at, u32 height, u64 base, u64 index)
{
	u32 shift = height ? SLOT_BITS * (height - 1) : 0;

	if (!at || !height)
		return at ? base : ~0ull;
	for (u64 i = index > base ? (index - base) >> shift : 0; i < SLOTS; i++) {
		u64 found = next_below(((struct node *)at)->slot[i], height - 1, base + (i << shift), index);

		if (found != ~0ull)
			return found;
	}
	return ~0ull;
}

u64 page_tree_next(const struct page_tree *t, u64 index)
{
	return fits(t, index) ? next_below(t->root, t->height, 0, index) : ~0ull;
}

void page_tree_peek(const struct page_tree *t, u64 index, u32 count, struct page **pages)
{
	void *at;
	u64 run;

	for (; count; pages += run, index += run, count -= run) {
		run = MIN((u64)count, SLOTS - (index & (SLOTS - 1)));
		at = t->height && fits(t, index) ? t->root : NULL;
		for (u32 h = t->height; h > 1 && at; h--)
			at = ((struct node *)at)->slot[index >> (SLOT_BITS * (h - 1)) & (SLOTS - 1)];
		for (u64 i = 0; i < run; i++)
			pages[i] = at ? ((struct node *)at)->slot[(index + i) & (SLOTS - 1)] : NULL;
	}
}

int page_tree_insert(struct page_tree *t, u64 index, struct page *p)
{
	void **at;

	while (!fits(t, index)) {
		if (t->height >= HEIGHT_MAX)
			return -EFBIG;
		if (t->root) {
			struct node *n = slab_zalloc(node_cache);

			if (!n)
				return -ENOMEM;
			n->slot[0] = t->root;
			t->root = n;
		}
		t->height++;
	}
	at = &t->root;
	for (u32 h = t->height; h; h--) {
		if (!*at) {
			*at = slab_zalloc(node_cache);
			if (!*at)
				return -ENOMEM;
		}
		at = &((struct node *)*at)->slot[index >> (SLOT_BITS * (h - 1)) & (SLOTS - 1)];
	}
	*at = p;
	t->count++;
	return 0;
}

/* Drop [first, last] below *at, which covers 64^height indices from 0. True when *at is empty now. */
static bool drop_range(void **at, u32 height, u64 first, u64 last, u64 *dropped)
{
	u32 shift = SLOT_BITS * (height - 1);
	struct node *n = *at;
	bool empty = true;

	if (!n)
		return true;
	if (!height) {
		page_put(*at);
		*at = NULL;
		++*dropped;
		return true;
	}
	for (u64 i = 0; i < SLOTS; i++) {
		u64 low = i << shift, high = low + ((1ull << shift) - 1);

		if (!n->slot[i])
			continue;
		if (high < first || low > last ||
		    !drop_range(&n->slot[i], height - 1, first > low ? first - low : 0, MIN(last, high) - low, dropped))
			empty = false;
	}
	if (empty) {
		slab_free(node_cache, n);
		*at = NULL;
	}
	return empty;
}

u64 page_tree_punch(struct page_tree *t, u64 first, u64 last)
{
	u64 dropped = 0;

	if (t->height == 0) {
		if (first == 0)
			drop_range(&t->root, 0, 0, 0, &dropped);
	} else if (drop_range(&t->root, t->height, first, last, &dropped)) {
		t->height = 0;
	}
	t->count -= dropped;
	return dropped;
}

u64 page_tree_cut(struct page_tree *t, u64 first)
{
	return t->count ? page_tree_punch(t, first, ~0ull) : 0;
}
