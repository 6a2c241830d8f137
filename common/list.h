/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intrusive doubly linked list. A head and a node have the same type: a ring in which an empty
 * head, or a node outside every list, points to itself. The list owns nothing.
 */
#ifndef PMI_LIST_H
#define PMI_LIST_H

#include "common/assert.h"

#include <stdbool.h>
#include <stddef.h>

struct pmi_list {
    struct pmi_list *next; /* borrowed while linked */
    struct pmi_list *prev;
};

/* The struct of `type` whose `member` is at `ptr`. */
#define pmi_containerof(ptr, type, member)                                                     \
    __extension__({                                                                            \
        __typeof__(((type *)NULL)->member) *pmi_member_ = (ptr);                               \
        (type *)(void *)((char *)pmi_member_ - offsetof(type, member));                        \
    })

/* Walk the nodes; the body must not unlink `it`. */
#define pmi_list_for_each(it, head)                                                            \
    for (struct pmi_list *it = (head)->next; it != (head); it = it->next)

/* Walk the nodes; the body may unlink and free `it`, but no other node. */
#define pmi_list_for_each_safe(it, head)                                                       \
    for (struct pmi_list *it = (head)->next, *it##_next = it->next; it != (head);              \
         it = it##_next, it##_next = it->next)

/* Make an empty head, or a node outside every list. */
static inline void
pmi_list_init(struct pmi_list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool
pmi_list_empty(const struct pmi_list *head)
{
    pmi_assert(head->next != NULL); /* initialised */
    return head->next == head;
}

/* True if the initialised node is in a list. */
static inline bool
pmi_list_linked(const struct pmi_list *node)
{
    return !pmi_list_empty(node);
}

/* For the two below: put an unlinked node between two neighbours. */
static inline void
pmi_list_link(struct pmi_list *prev, struct pmi_list *node, struct pmi_list *next)
{
    pmi_assert(prev->next == next);
    pmi_assert(next->prev == prev);
    pmi_assert(node->next == node); /* initialised, and in no list */
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void
pmi_list_push_back(struct pmi_list *head, struct pmi_list *node)
{
    pmi_list_link(head->prev, node, head);
}

static inline void
pmi_list_push_front(struct pmi_list *head, struct pmi_list *node)
{
    pmi_list_link(head, node, head->next);
}

/* Unlink; the node can be pushed again. Harmless on an initialised node in no list. */
static inline void
pmi_list_del(struct pmi_list *node)
{
    pmi_assert(node->next->prev == node);
    pmi_assert(node->prev->next == node);
    node->next->prev = node->prev;
    node->prev->next = node->next;
    pmi_list_init(node);
}

/* First node, or NULL if there is none. */
static inline struct pmi_list *
pmi_list_first(const struct pmi_list *head)
{
    return pmi_list_empty(head) ? NULL : head->next;
}

/* Last node, or NULL if there is none. */
static inline struct pmi_list *
pmi_list_last(const struct pmi_list *head)
{
    return pmi_list_empty(head) ? NULL : head->prev;
}

/* The node after `node`, or NULL if that was the last. */
static inline struct pmi_list *
pmi_list_next(const struct pmi_list *head, const struct pmi_list *node)
{
    return node->next == head ? NULL : node->next;
}

/* Unlink and return the first node, or NULL if there is none. */
static inline struct pmi_list *
pmi_list_pop_front(struct pmi_list *head)
{
    struct pmi_list *node = pmi_list_first(head);
    if (node != NULL)
        pmi_list_del(node);
    return node;
}

#endif
