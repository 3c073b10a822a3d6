/*
 * Red-black trees: linking and balancing. Called by whatever keeps ordered things (regions of an
 * address space, timers, run queues); it calls nothing.
 *
 * The rules kept: a red node has black children, and each way from the root to an empty place
 * passes the same number of black nodes (Cormen et al., Introduction to Algorithms, chapter 13).
 */
#include "base/rbtree.h"

#define BLACK 1ul

static inline struct rb_node *parent_of(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent & ~BLACK);
}

static inline bool is_black(const struct rb_node *n)
{
	return !n || (n->parent & BLACK);	/* an empty place is black */
}

static inline bool is_red(const struct rb_node *n)
{
	return !is_black(n);
}

static inline void set_black(struct rb_node *n)
{
	n->parent |= BLACK;
}

static inline void set_red(struct rb_node *n)
{
	n->parent &= ~BLACK;
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent = (uintptr_t)parent | (n->parent & BLACK);
}

/* Put to (or nothing) into the place that from has under parent. */
static void place_replace(struct rb_root *root, struct rb_node *parent, struct rb_node *from, struct rb_node *to)
{
	if (!parent)
		root->node = to;
	else if (parent->left == from)
		parent->left = to;
	else
		parent->right = to;
}

/* n's right child takes n's place, n becomes its left child. */
static void rotate_left(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *up = n->right, *parent = parent_of(n);

	n->right = up->left;
	if (up->left)
		set_parent(up->left, n);
	up->left = n;
	place_replace(root, parent, n, up);
	set_parent(up, parent);
	set_parent(n, up);
}

static void rotate_right(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *up = n->left, *parent = parent_of(n);

	n->left = up->right;
	if (up->right)
		set_parent(up->right, n);
	up->right = n;
	place_replace(root, parent, n, up);
	set_parent(up, parent);
	set_parent(n, up);
}

void rb_insert_at(struct rb_root *root, struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->parent = (uintptr_t)parent;	/* red */
	node->left = node->right = NULL;
	*link = node;

	/* While a red node has a red parent: recolour and go up, or rotate and be done. */
	while (is_red(parent = parent_of(node))) {
		struct rb_node *grand = parent_of(parent);
		bool left = grand->left == parent;
		struct rb_node *uncle = left ? grand->right : grand->left;

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			continue;
		}
		if (left) {
			if (parent->right == node) {
				rotate_left(root, parent);
				parent = node;
			}
			rotate_right(root, grand);
		} else {
			if (parent->left == node) {
				rotate_right(root, parent);
				parent = node;
			}
			rotate_left(root, grand);
		}
		set_black(parent);
		set_red(grand);
		break;
	}
	set_black(root->node);
}

/* The place of node (maybe empty) under parent has one black node too few on its way: mend it. */
static void remove_balance(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
	while (parent && is_black(node)) {
		bool left = parent->left == node;
		struct rb_node *sibling = left ? parent->right : parent->left;
		struct rb_node *near, *far;

		if (is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			if (left)
				rotate_left(root, parent);
			else
				rotate_right(root, parent);
			sibling = left ? parent->right : parent->left;
		}
		near = left ? sibling->left : sibling->right;
		far = left ? sibling->right : sibling->left;
		if (is_black(near) && is_black(far)) {
			set_red(sibling);
			node = parent;
			parent = parent_of(node);
			continue;
		}
		if (is_black(far)) {
			set_black(near);
			set_red(sibling);
			if (left)
				rotate_right(root, sibling);
			else
				rotate_left(root, sibling);
			far = sibling;
			sibling = near;
		}
		if (is_black(parent))
			set_black(sibling);
		else
			set_red(sibling);
		set_black(parent);
		set_black(far);
		if (left)
			rotate_left(root, parent);
		else
			rotate_right(root, parent);
		node = root->node;
		break;
	}
	if (node)
		set_black(node);
}

void rb_remove(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *child, *parent;
	bool black;

	if (node->left && node->right) {
		/* Its successor, which has no left child, takes its place and colour. */
		struct rb_node *next = node->right;

		while (next->left)
			next = next->left;
		child = next->right;
		parent = parent_of(next);
		black = is_black(next);
		if (parent == node) {
			parent = next;
		} else {
			parent->left = child;
			if (child)
				set_parent(child, parent);
			next->right = node->right;
			set_parent(next->right, next);
		}
		next->left = node->left;
		set_parent(next->left, next);
		place_replace(root, parent_of(node), node, next);
		next->parent = node->parent;
	} else {
		child = node->left ? node->left : node->right;
		parent = parent_of(node);
		black = is_black(node);
		place_replace(root, parent, node, child);
		if (child)
			set_parent(child, parent);
	}
	if (black)
		remove_balance(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *n = node->right;

	if (n) {
		while (n->left)
			n = n->left;
		return n;
	}
	while ((n = parent_of(node)) && n->right == node)
		node = n;
	return n;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_node *n = node->left;

	if (n) {
		while (n->right)
			n = n->right;
		return n;
	}
	while ((n = parent_of(node)) && n->left == node)
		node = n;
	return n;
}
