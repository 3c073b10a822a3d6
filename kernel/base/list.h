/*
 * Doubly linked lists threaded through their elements. A list is a node that
 * points to itself when empty; an element's node is anywhere inside it.
 * The caller holds whatever lock guards the list.
 */
#pragma once
#include "base/defs.h"

struct list_node {
	struct list_node *prev, *next;
};

#define LIST_INIT(name)	{ &(name), &(name) }

static inline void list_init(struct list_node *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list_node *l)
{
	return l->next == l;
}

static inline void list_insert(struct list_node *n, struct list_node *prev, struct list_node *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_push_front(struct list_node *l, struct list_node *n)
{
	list_insert(n, l, l->next);
}

static inline void list_push_back(struct list_node *l, struct list_node *n)
{
	list_insert(n, l->prev, l);
}

/* Unlink; the node points to itself afterwards, so that removing twice is harmless. */
static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* First node, unlinked; NULL when empty. */
static inline struct list_node *list_pop_front(struct list_node *l)
{
	struct list_node *n = l->next;

	if (n == l)
		return NULL;
	list_remove(n);
	return n;
}

/* Move all of from to the end of to; from is empty afterwards. */
static inline void list_splice_back(struct list_node *to, struct list_node *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(n, type, member) container_of(n, type, member)
#define list_first(l, type, member) list_entry((l)->next, type, member)
#define list_last(l, type, member) list_entry((l)->prev, type, member)
#define list_for_each(pos, l, member) \
	for (pos = list_entry((l)->next, __typeof__(*pos), member); &pos->member != (l); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* As above; pos may be removed and freed in the body. */
#define list_for_each_safe(pos, tmp, l, member) \
	for (pos = list_entry((l)->next, __typeof__(*pos), member), \
	     tmp = list_entry(pos->member.next, __typeof__(*pos), member); &pos->member != (l); \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
