/*
 * What the page allocator and its boot half share; nobody else includes this.
 */
#pragma once
#include "core/spinlock.h"
#include "mm/page.h"

/* Behind the orders: blocks of the largest, which the host has been told are free. They are used last. */
#define PAGE_REPORTED	(PAGE_MAX_ORDER + 1)

struct page_zone {
	struct spinlock lock;		/* irq kind */
	u32 free[PAGE_REPORTED + 1];	/* heads, pfn + 1; 0: empty [lock] */
	bool block_announced;		/* that one is free that was not taken to be reported since [lock] */
	u64 free_pages;			/* [lock] */
	u64 total, managed;		/* [lock] */
	u64 slab_pages;			/* [a] */
};
extern struct page_zone page_zone;

/* Give a block to the lists, merged with its buddies. [zone lock] */
void page_block_give(struct page *p, u32 order);
