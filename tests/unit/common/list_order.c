/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the list keeps order, survives unlinking while walked, and refuses a node twice.
 * Method: small lists, compared as text; misuse runs in a child that must abort.
 */
#include "tests/lib/test.h"

#include "common/list.h"
#include "tests/lib/death.h"

#include <string.h>

struct item {
    char name;
    struct pmi_list link; /* not first, so that containerof has work to do */
};

struct fixture {
    struct pmi_list head;
    struct item items[4]; /* a, b, c, d; in no list */
};

static void
fixture_init(struct fixture *f)
{
    pmi_list_init(&f->head);
    for (size_t i = 0; i < TEST_COUNT(f->items); i++) {
        f->items[i].name = (char)('a' + (int)i);
        pmi_list_init(&f->items[i].link);
    }
}

static void
expect(const struct fixture *f, const char *want)
{
    char text[8] = "", back[8] = "";
    size_t n = 0, m = 0;
    pmi_list_for_each(it, &f->head)
        text[n++] = pmi_containerof(it, struct item, link)->name;
    for (struct pmi_list *it = f->head.prev; it != &f->head; it = it->prev)
        back[m++] = pmi_containerof(it, struct item, link)->name;
    assert_string_equal(text, want);
    assert_int_equal(m, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(back[i], text[n - 1 - i]);
}

static void
new_list_is_empty(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    assert_true(pmi_list_empty(&f.head));
    assert_null(pmi_list_first(&f.head));
    assert_null(pmi_list_last(&f.head));
    assert_null(pmi_list_pop_front(&f.head));
    assert_false(pmi_list_linked(&f.items[0].link));
    expect(&f, "");
}

static void
push_keeps_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    pmi_list_push_back(&f.head, &f.items[1].link);
    pmi_list_push_back(&f.head, &f.items[2].link);
    pmi_list_push_front(&f.head, &f.items[0].link);
    pmi_list_push_back(&f.head, &f.items[3].link);
    expect(&f, "abcd");
    assert_ptr_equal(pmi_list_first(&f.head), &f.items[0].link);
    assert_ptr_equal(pmi_list_last(&f.head), &f.items[3].link);
    assert_ptr_equal(pmi_list_next(&f.head, &f.items[0].link), &f.items[1].link);
    assert_null(pmi_list_next(&f.head, &f.items[3].link));
    assert_true(pmi_list_linked(&f.items[2].link));
}

static void
del_unlinks_at_each_place(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < TEST_COUNT(f.items); i++)
        pmi_list_push_back(&f.head, &f.items[i].link);
    pmi_list_del(&f.items[1].link);
    expect(&f, "acd");
    assert_false(pmi_list_linked(&f.items[1].link));
    pmi_list_del(&f.items[1].link); /* harmless */
    pmi_list_del(&f.items[0].link);
    pmi_list_del(&f.items[3].link);
    expect(&f, "c");
    pmi_list_push_front(&f.head, &f.items[3].link);
    expect(&f, "dc");
    assert_ptr_equal(pmi_list_pop_front(&f.head), &f.items[3].link);
    assert_ptr_equal(pmi_list_pop_front(&f.head), &f.items[2].link);
    assert_true(pmi_list_empty(&f.head));
}

static void
safe_walk_allows_unlinking(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < TEST_COUNT(f.items); i++)
        pmi_list_push_back(&f.head, &f.items[i].link);
    unsigned seen = 0;
    pmi_list_for_each_safe(it, &f.head) {
        struct item *item = pmi_containerof(it, struct item, link);
        seen++;
        pmi_list_del(it);
        memset(item, 0xee, sizeof *item); /* as if freed */
    }
    assert_int_equal(seen, TEST_COUNT(f.items));
    assert_true(pmi_list_empty(&f.head));
}

static void
push_twice(void *arg)
{
    struct fixture *f = arg;
    pmi_list_push_back(&f->head, &f->items[0].link);
    pmi_list_push_back(&f->head, &f->items[0].link);
}

static void
use_unmade_head(void *arg)
{
    struct fixture *f = arg;
    memset(&f->head, 0, sizeof f->head);
    if (pmi_list_empty(&f->head))
        _exit(1);
}

static void
del_torn_node(void *arg)
{
    struct fixture *f = arg;
    pmi_list_push_back(&f->head, &f->items[0].link);
    pmi_list_push_back(&f->head, &f->items[1].link);
    f->items[0].link.next = &f->head; /* as a stray write would */
    pmi_list_del(&f->items[0].link);
}

static void
misuse_is_caught(void **state)
{
    (void)state;
    struct fixture f;
    char text[DEATH_TEXT_BYTES];
    fixture_init(&f);
    assert_true(death_aborts(push_twice, &f, text));
    assert_true(death_aborts(use_unmade_head, &f, text));
    assert_true(death_aborts(del_torn_node, &f, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_list_is_empty),
        cmocka_unit_test(push_keeps_order),
        cmocka_unit_test(del_unlinks_at_each_place),
        cmocka_unit_test(safe_walk_allows_unlinking),
        cmocka_unit_test(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
