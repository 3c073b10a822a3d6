/*
 * Red-black trees under random insertion and removal; the rules that keep them balanced are
 * checked after each step.
 *
 * sources: base/rbtree.c
 */
#include "unit.h"
#include "base/rbtree.h"

struct item {
	int key;
	bool in;
	struct rb_node node;
};

static int key_compare(int key, const struct item *i)
{
	return key < i->key ? -1 : key > i->key;
}

RB_FIND_DEFINE(item_find, struct item, node, int, key_compare)

static void item_insert(struct rb_root *root, struct item *i)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = key_compare(i->key, rb_entry(parent, struct item, node)) < 0 ? &parent->left : &parent->right;
	}
	rb_insert_at(root, &i->node, parent, link);
	i->in = true;
}

static bool node_black(const struct rb_node *n)
{
	return !n || n->parent & 1;
}

/* Black nodes on each way down from n, -1 when the ways differ; counts the nodes. */
static int black_height(const struct rb_node *n, const struct rb_node *parent, size_t *count)
{
	int left, right;

	if (!n)
		return 0;
	++*count;
	if ((n->parent & ~1ul) != (uintptr_t)parent)
		return -1;
	if (!node_black(n) && !node_black(parent))
		return -1;
	left = black_height(n->left, n, count);
	right = black_height(n->right, n, count);
	return left < 0 || left != right ? -1 : left + node_black(n);
}

static bool tree_right(const struct rb_root *root, size_t wanted)
{
	size_t count = 0, seen = 0;
	const struct item *last = NULL;

	if (!node_black(root->node) || black_height(root->node, NULL, &count) < 0 || count != wanted)
		return false;
	for (struct rb_node *n = rb_first(root); n; n = rb_next(n), seen++) {
		const struct item *i = rb_entry(n, struct item, node);

		if (last && (last->key > i->key || rb_prev(n) != &last->node))
			return false;
		last = i;
	}
	return seen == wanted && rb_last(root) == (last ? &last->node : NULL);
}

static void churn(size_t n, int keys, int steps)
{
	struct item *items = calloc(n, sizeof(*items));
	struct rb_root root = RB_ROOT_INIT;
	size_t in = 0;

	for (int s = 0; s < steps; s++) {
		struct item *i = &items[unit_random_below(n)];

		if (i->in) {
			rb_remove(&root, &i->node);
			memset(i, 0xa5, sizeof(*i));
			i->in = false;
			in--;
		} else {
			i->key = unit_random_below(keys);
			item_insert(&root, i);
			in++;
		}
		if (!tree_right(&root, in)) {
			unit_fail(__FILE__, __LINE__, "%zu items, step %d: the tree is broken", n, s);
			break;
		}
	}
	free(items);
}

TEST(random_order_small) { churn(12, 100, 20000); }
TEST(random_order_large) { churn(300, 1000000, 6000); }
TEST(equal_keys) { churn(64, 4, 6000); }

TEST(ascending_descending_and_emptying)
{
	struct item items[256];
	struct rb_root root = RB_ROOT_INIT;

	for (int up = 0; up < 2; up++) {
		for (int i = 0; i < 256; i++) {
			items[i].key = up ? i : -i;
			item_insert(&root, &items[i]);
		}
		EXPECT(tree_right(&root, 256));
		for (int i = 0; i < 256; i++) {
			rb_remove(&root, rb_first(&root));
			EXPECT(tree_right(&root, 255 - i));
		}
		EXPECT(rb_empty(&root));
		EXPECT_EQ(rb_first(&root), (struct rb_node *)NULL);
	}
}

TEST(find)
{
	struct item items[100];
	struct rb_root root = RB_ROOT_INIT;

	for (int i = 0; i < 100; i++) {
		items[i].key = (i * 37 % 100) * 2;
		item_insert(&root, &items[i]);
	}
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(item_find(&root, items[i].key), &items[i]);
	for (int k = -1; k < 200; k += 2)
		EXPECT_EQ(item_find(&root, k), (struct item *)NULL);
}
