/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: an id finds its object while it is live and never afterwards, whoever invents ids.
 * Method: small tables; a full turn of the generations; a long random run against a model.
 */
#include "tests/lib/test.h"

#include "common/slots.h"
#include "tests/lib/death.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define MODEL_SLOTS 37
#define MODEL_STEPS 100000

struct object {
    uint64_t words[5];
};

static bool
same_id(struct pmi_slot_id a, struct pmi_slot_id b)
{
    return a.slot == b.slot && a.gen == b.gen;
}

static struct pmi_slot_id
take(struct pmi_slots *t, struct object **ret)
{
    struct pmi_slot_id id = {0};
    void *obj = NULL;
    assert_int_equal(pmi_slots_take(t, &id, &obj), 0);
    assert_non_null(obj);
    assert_true(id.gen != 0 && id.gen <= PMI_SLOTS_GEN_MAX);
    *ret = obj;
    return id;
}

static void
init_refuses_nonsense(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    assert_int_equal(pmi_slots_init(&t, 0, 8), -EINVAL);
    assert_int_equal(pmi_slots_init(&t, 1, 0), -EINVAL);
    assert_int_equal(pmi_slots_init(&t, PMI_SLOTS_CAPACITY_MAX + 1, 8), -EINVAL);
    assert_int_equal(pmi_slots_init(&t, 1, SIZE_MAX), -ENOMEM);
    assert_int_equal(pmi_slots_init(&t, PMI_SLOTS_CAPACITY_MAX, SIZE_MAX / 16), -ENOMEM);
#ifndef PMI_SANITIZED /* a sanitizer dies of such sizes instead of answering */
    assert_int_equal(pmi_slots_init(&t, PMI_SLOTS_CAPACITY_MAX, SIZE_MAX >> 26), -ENOMEM);
#endif
    assert_int_equal(t.magic, 0);
    pmi_slots_fini(&t); /* tolerated */
}

static void
objects_are_zero_apart_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 8, 17, 40, 64, 200, 4096};
    for (size_t s = 0; s < TEST_COUNT(sizes); s++) {
        struct pmi_slots t = {0};
        uint8_t *objects[9];
        assert_int_equal(pmi_slots_init(&t, TEST_COUNT(objects), sizes[s]), 0);
        for (size_t i = 0; i < TEST_COUNT(objects); i++) {
            struct pmi_slot_id id;
            void *obj;
            assert_int_equal(pmi_slots_take(&t, &id, &obj), 0);
            objects[i] = obj;
            assert_int_equal((uintptr_t)obj % (sizes[s] % 64 == 0 ? 64 : 16), 0);
            for (size_t b = 0; b < sizes[s]; b++)
                assert_int_equal(objects[i][b], 0);
            memset(obj, (int)i + 1, sizes[s]);
        }
        for (size_t i = 0; i < TEST_COUNT(objects); i++)
            for (size_t b = 0; b < sizes[s]; b++)
                assert_int_equal(objects[i][b], i + 1);
        pmi_slots_fini(&t);
        assert_null(t.objects);
    }
}

static void
full_table_says_so(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct pmi_slot_id id = {.slot = 77, .gen = 88};
    struct object *a, *b;
    void *none = &t;
    assert_int_equal(pmi_slots_init(&t, 2, sizeof *a), 0);
    assert_int_equal(pmi_slots_capacity(&t), 2);
    const struct pmi_slot_id first = take(&t, &a);
    (void)take(&t, &b);
    assert_int_equal(pmi_slots_used(&t), 2);
    assert_int_equal(pmi_slots_take(&t, &id, &none), -ENOSPC);
    assert_true(id.slot == 77 && id.gen == 88 && none == &t); /* untouched */
    pmi_slots_put(&t, first.slot, first.gen);
    assert_int_equal(pmi_slots_used(&t), 1);
    const struct pmi_slot_id again = take(&t, &a);
    assert_int_equal(again.slot, first.slot);
    assert_int_equal(again.gen, first.gen + 1);
    pmi_slots_fini(&t);
}

static void
last_put_is_taken_first(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct pmi_slot_id ids[4];
    struct object *obj;
    assert_int_equal(pmi_slots_init(&t, TEST_COUNT(ids), sizeof *obj), 0);
    for (size_t i = 0; i < TEST_COUNT(ids); i++) {
        ids[i] = take(&t, &obj);
        assert_int_equal(ids[i].slot, i);
        obj->words[0] = 100 + i;
    }
    pmi_slots_put(&t, ids[1].slot, ids[1].gen);
    pmi_slots_put(&t, ids[3].slot, ids[3].gen);
    assert_int_equal(take(&t, &obj).slot, 3);
    assert_true(obj->words[0] == 103); /* the last user's bytes are still there */
    assert_int_equal(take(&t, &obj).slot, 1);
    assert_true(obj->words[0] == 101);
    pmi_slots_fini(&t);
}

static void
get_finds_live_ids_only(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct object *obj;
    uint32_t gen = 0;
    assert_int_equal(pmi_slots_init(&t, 3, sizeof *obj), 0);
    const struct pmi_slot_id id = take(&t, &obj);
    assert_ptr_equal(pmi_slots_get(&t, id.slot, id.gen), obj);
    assert_ptr_equal(pmi_slots_at(&t, id.slot, &gen), obj);
    assert_int_equal(gen, id.gen);
    assert_ptr_equal(pmi_slots_at(&t, id.slot, NULL), obj);
    assert_true(same_id(pmi_slots_id(&t, obj), id));
    assert_null(pmi_slots_get(&t, id.slot, 0));
    assert_null(pmi_slots_get(&t, id.slot, id.gen + 1));
    assert_null(pmi_slots_get(&t, id.slot, id.gen | UINT32_C(1) << 24));
    assert_null(pmi_slots_get(&t, id.slot + 1, id.gen)); /* free slot of that generation */
    assert_null(pmi_slots_get(&t, 3, id.gen));
    assert_null(pmi_slots_get(&t, UINT32_MAX, UINT32_MAX));
    assert_null(pmi_slots_at(&t, 3, NULL));
    pmi_slots_put(&t, id.slot, id.gen);
    assert_null(pmi_slots_get(&t, id.slot, id.gen));
    assert_null(pmi_slots_get(&t, id.slot, id.gen + 1)); /* the next user's, not yet taken */
    assert_null(pmi_slots_at(&t, id.slot, &gen));
    pmi_slots_fini(&t);
}

static void
generation_turns_around_past_zero(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct object *obj;
    assert_int_equal(pmi_slots_init(&t, 1, sizeof *obj), 0);
    for (uint32_t i = 1; i <= PMI_SLOTS_GEN_MAX; i++) {
        struct pmi_slot_id id;
        void *p;
        if (pmi_slots_take(&t, &id, &p) != 0 || id.gen != i)
            fail();
        pmi_slots_put(&t, id.slot, id.gen);
    }
    const struct pmi_slot_id id = take(&t, &obj);
    assert_int_equal(id.gen, 1);
    pmi_slots_fini(&t);
}

static void
random_run_agrees_with_a_model(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct pmi_slot_id live[MODEL_SLOTS], last_dead = {0};
    uint32_t live_count = 0;
    unsigned seed = 12345;
    assert_int_equal(pmi_slots_init(&t, MODEL_SLOTS, sizeof(struct object)), 0);
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        const unsigned r = (unsigned)rand_r(&seed);
        if ((r & 1) != 0 && live_count < MODEL_SLOTS) {
            struct object *obj;
            live[live_count] = take(&t, &obj);
            obj->words[0] = (uint64_t)live[live_count].slot << 32 | live[live_count].gen;
            live_count++;
        } else if (live_count > 0) {
            const uint32_t pick = r / 2 % live_count;
            const struct object *obj = pmi_slots_get(&t, live[pick].slot, live[pick].gen);
            assert_non_null(obj);
            assert_true(obj->words[0] == ((uint64_t)live[pick].slot << 32 | live[pick].gen));
            last_dead = live[pick];
            pmi_slots_put(&t, live[pick].slot, live[pick].gen);
            live[pick] = live[--live_count];
        }
        assert_int_equal(pmi_slots_used(&t), live_count);
        assert_null(pmi_slots_get(&t, last_dead.slot, last_dead.gen));
    }
    pmi_slots_fini(&t);
}

#ifdef HAVE_ASAN
static void
free_objects_are_poisoned(void **state)
{
    (void)state;
    struct pmi_slots t = {0};
    struct object *a, *b;
    assert_int_equal(pmi_slots_init(&t, 2, sizeof *a), 0);
    const struct pmi_slot_id id = take(&t, &a);
    assert_null(__asan_region_is_poisoned(a, sizeof *a));
    assert_ptr_equal(__asan_region_is_poisoned(a, sizeof *a + 1), a + 1);
    (void)take(&t, &b);
    pmi_slots_put(&t, id.slot, id.gen);
    assert_ptr_equal(__asan_region_is_poisoned(a, sizeof *a), a);
    assert_null(__asan_region_is_poisoned(b, sizeof *b));
    pmi_slots_fini(&t);
}
#endif

static void
put_twice(void *arg)
{
    struct pmi_slots *t = arg;
    struct object *obj;
    const struct pmi_slot_id id = take(t, &obj);
    pmi_slots_put(t, id.slot, id.gen);
    pmi_slots_put(t, id.slot, id.gen);
}

static void
put_other_generation(void *arg)
{
    struct pmi_slots *t = arg;
    struct object *obj;
    const struct pmi_slot_id id = take(t, &obj);
    pmi_slots_put(t, id.slot, id.gen + 1);
}

static void
put_free_slot(void *arg)
{
    struct pmi_slots *t = arg;
    struct object *obj;
    const struct pmi_slot_id id = take(t, &obj);
    pmi_slots_put(t, id.slot, id.gen);
    pmi_slots_put(t, id.slot, id.gen + 1); /* the next user's generation, not yet taken */
}

static void
put_out_of_bounds(void *arg)
{
    struct pmi_slots *t = arg;
    pmi_slots_put(t, 2, 1);
}

static void
id_of_stranger(void *arg)
{
    struct pmi_slots *t = arg;
    struct object *obj;
    (void)take(t, &obj);
    (void)!pmi_slots_id(t, &obj->words[1]).slot;
}

static void
id_outside(void *arg)
{
    struct pmi_slots *t = arg;
    (void)!pmi_slots_id(t, t).slot;
}

static void
misuse_is_caught(void **state)
{
    (void)state;
    static void (*const misuses[])(void *) = {put_twice,      put_other_generation,
                                              put_free_slot,  put_out_of_bounds,
                                              id_of_stranger, id_outside};
    struct pmi_slots t = {0};
    char text[DEATH_TEXT_BYTES];
    assert_int_equal(pmi_slots_init(&t, 2, sizeof(struct object)), 0);
    for (size_t i = 0; i < TEST_COUNT(misuses); i++)
        assert_true(death_aborts(misuses[i], &t, text));
    pmi_slots_fini(&t);
    assert_true(death_aborts(put_twice, &t, text)); /* no table any more */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_refuses_nonsense),
        cmocka_unit_test(objects_are_zero_apart_and_aligned),
        cmocka_unit_test(full_table_says_so),
        cmocka_unit_test(last_put_is_taken_first),
        cmocka_unit_test(get_finds_live_ids_only),
        cmocka_unit_test(generation_turns_around_past_zero),
        cmocka_unit_test(random_run_agrees_with_a_model),
#ifdef HAVE_ASAN
        cmocka_unit_test(free_objects_are_poisoned),
#endif
        cmocka_unit_test(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
