/*
 * Lists: the order of what is pushed, and removal while walking.
 *
 * sources:
 */
#include "unit.h"
#include "base/list.h"

struct item {
	int n;
	struct list_node node;
};

/* The list's numbers as decimal digits, walked forwards and checked backwards. */
static int digits(struct list_node *l)
{
	struct item *i;
	int v = 0;

	list_for_each(i, l, node) {
		v = v * 10 + i->n;
		EXPECT_EQ(i->node.next->prev, &i->node);
		EXPECT_EQ(i->node.prev->next, &i->node);
	}
	return v;
}

TEST(order_and_removal)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 }, d = { .n = 4 }, *i, *next;
	struct list_node l, m;

	list_init(&l);
	list_init(&m);
	EXPECT(list_empty(&l));
	EXPECT_EQ(list_pop_front(&l), (struct list_node *)NULL);
	list_push_back(&l, &b.node);
	list_push_back(&l, &c.node);
	list_push_front(&l, &a.node);
	EXPECT_EQ(digits(&l), 123);
	EXPECT_EQ(list_first(&l, struct item, node), &a);
	EXPECT_EQ(list_last(&l, struct item, node), &c);
	list_push_back(&m, &d.node);
	list_splice_back(&l, &m);
	EXPECT(list_empty(&m));
	EXPECT_EQ(digits(&l), 1234);
	list_splice_back(&l, &m);
	EXPECT_EQ(digits(&l), 1234);
	list_remove(&b.node);
	list_remove(&b.node);
	EXPECT_EQ(digits(&l), 134);
	list_for_each_safe(i, next, &l, node)
		if (i->n != 3)
			list_remove(&i->node);
	EXPECT_EQ(digits(&l), 3);
	EXPECT_EQ(list_pop_front(&l), &c.node);
	EXPECT(list_empty(&l));
}
