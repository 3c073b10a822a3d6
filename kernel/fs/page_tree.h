/*
 * The pages of a file by index: a radix tree of 64-way nodes, as high as the
 * greatest index needs, so that a file of one page has no node at all. The
 * caller holds the lock that guards it (thread kind or stronger).
 */
#pragma once
#include "mm/page.h"

struct page_tree {
	void *root;			/* a page at height 0, else a node */
	u32 height;			/* 64^height indices fit */
	u64 count;			/* pages in it */
};

struct page *page_tree_find(const struct page_tree *t, u64 index);	/* NULL: none */
/* The index of the first page at or after index; ~0: none. */
u64 page_tree_next(const struct page_tree *t, u64 index);
/* Those of count pages from index on, NULL for holes (and for a file of one page, which has no neighbours). */
void page_tree_peek(const struct page_tree *t, u64 index, u32 count, struct page **pages);
/* The place must be empty; the tree takes over the reference. 0, -ENOMEM. Any context. */
int page_tree_insert(struct page_tree *t, u64 index, struct page *p);
/* Drop the pages at first and beyond; how many. Any context. */
u64 page_tree_cut(struct page_tree *t, u64 first);
/* Drop the pages [first, last]; how many (hole punching). */
u64 page_tree_punch(struct page_tree *t, u64 first, u64 last);
void page_tree_init(void);		/* boot */
