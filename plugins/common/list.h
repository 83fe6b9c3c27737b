/*
 * list.h - a ring of links that live inside what they link. The head is a link of its own.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stdbool.h>

struct link {
	struct link *prev, *next;
};

static inline void list_init(struct link *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct link *head)
{
	return head->next == head;
}

/* Puts l before at: before the head is the end of the list. */
static inline void list_insert(struct link *at, struct link *l)
{
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}

static inline void list_add_last(struct link *head, struct link *l)
{
	list_insert(head, l);
}

static inline void list_add_first(struct link *head, struct link *l)
{
	list_insert(head->next, l);
}

static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

#endif
