/*
 * Red-black trees threaded through their elements: ordered sets with insertion and removal in
 * O(log n). The caller compares, descends and holds the lock; these functions link and balance:
 *
 *	struct rb_node **link = &tree->node, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < rb_entry(parent, struct thing, node)->key ? &parent->left : &parent->right;
 *	}
 *	rb_insert_at(tree, &thing->node, parent, link);
 */
#pragma once
#include "base/defs.h"

struct rb_node {
	uintptr_t parent;		/* the parent's address; bit 0: black */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *node;		/* NULL when empty */
};

#define RB_ROOT_INIT	{ NULL }
#define rb_entry(n, type, member) container_of(n, type, member)

/* Link node at *link, the empty place below parent (NULL for an empty tree), and balance. */
void rb_insert_at(struct rb_root *root, struct rb_node *node, struct rb_node *parent, struct rb_node **link);

/* Unlink node, which must be in the tree. Its memory is the caller's again; its fields are left as they are. */
void rb_remove(struct rb_root *root, struct rb_node *node);

/* The least and the greatest; NULL when the tree is empty. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);

/* Neighbours in order; NULL behind the end. */
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

static inline bool rb_empty(const struct rb_root *root)
{
	return !root->node;
}

/*
 * Defines `static type *name(const struct rb_root *root, key_type key)`: the element with that key, or
 * NULL. compare(key, element) is < 0, 0 or > 0, a function or a macro.
 */
#define RB_FIND_DEFINE(name, type, member, key_type, compare)			\
static inline type *name(const struct rb_root *root, key_type key)		\
{										\
	struct rb_node *n = root->node;						\
										\
	while (n) {								\
		type *e = rb_entry(n, type, member);				\
		int c = compare(key, e);					\
										\
		if (!c)								\
			return e;						\
		n = c < 0 ? n->left : n->right;					\
	}									\
	return NULL;								\
}
